"""Sends a portal's requests: session, rate limits, retries, and no secret in any message.

It keeps to the portal's published limits by its own count of the last minute and by the headers of
each response, so that the portal need not refuse anything. It never raises for what the portal or
the network does: that is in the `Response`.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Self

import httpx

from reconciler.core.conversation import Conversation, drive, is_inconclusive
from reconciler.core.model import RateLimit, Request, Response, Session, Value
from reconciler.core.plan_json import request_bytes
from reconciler.net.client import Client, Reply, RequestError, proxy_passwords
from reconciler.net.redaction import FRAGMENT, contains_secret, redact

log = logging.getLogger("reconciler.net.transport")

ATTEMPTS = 6
"""Attempts for a request that certainly had no effect, or only reads."""
RATE_LIMIT_ATTEMPTS = 8
"""Attempts while a rate limit refuses without a time: enough to outlast WINDOW."""
MAX_WAIT = 120.0
"""Seconds. If a portal asks for a longer pause, the request fails instead."""
WINDOW = 60.0
"""Seconds over which a portal counts requests."""
MAX_DIGITS = 12
"""Digits of a number in a header; seconds since the epoch have ten."""
MAX_BYTES = 64_000_000
"""Bytes of a response's body, decompressed."""
SESSION_SHARE = 0.9
"""The share of a session's lifetime after which it is renewed."""
MARGIN = 0.25
"""Seconds to add to a window, since the portal's clock may be behind."""
CLOCK_SKEW = 2.0
"""Seconds by which the portal's clock and ours may differ before the portal's is used, which its
`Date` header shows in whole seconds only."""
PATIENCE = 2.0
"""Seconds that a run may lose to failed requests and waits before the user sees why."""
ECHO = (
    "the response contains your key, so none of it is shown or kept. Report this to the portal "
    "and replace the key"
)


Login = Callable[[], Conversation[Session | Response]]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time for the transport, in seconds: a monotonic clock, waiting, and the wall clock (since the
    epoch), which only interprets times in headers because it can jump."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time


class Transport:
    """A client for one portal; use as a context manager."""

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        rate_limits: Sequence[RateLimit] = (),
        secrets: Iterable[str] = (),
        clock: Clock | None = None,
        wire: httpx.BaseTransport | None = None,
        notify: Callable[[str], None] = lambda _: None,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        """`url` is the base URL; `login` asks the portal for a session and returns it, or the
        response that refused one; `secrets` are redacted in messages; `wire` replaces the network;
        `notify` is called with the reason of each wait, once they add up; `before_write` just
        before each attempt of a write, which it may prevent by raising. Raises ConfigError."""
        self._client = Client(url, "the portal", wire)
        self._url = url.rstrip("/")
        self._login = login
        self._session: Session | None = None
        self._session_end = 0.0
        self._clock = clock or Clock()
        self._quotas = [_Quota(rate_limit) for rate_limit in rate_limits]
        self._secrets = [secret for secret in (*secrets, *proxy_passwords()) if secret]
        self._notify = notify
        self._before_write = before_write
        self._lost = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which settings of the environment are ignored."""
        return self._client.notes

    def send(self, request: Request) -> Response:
        """Send a request, waiting and retrying where that is safe. If it may have taken effect
        without an answer, the response is `uncertain`, for the caller to resolve."""
        if request.attempt:
            pause = _backoff(request.attempt)
            self._wait(pause, f"sending {request.method} {request.path} again in {_seconds(pause)}")
        response = self._authorized(request)
        if response.status == 401 and self._session is not None and self._session.seconds:
            self._session = None  # it may have expired early
            response = self._authorized(request)
        return response

    def clean(self, message: str, min_length: int = 0) -> str:
        """A message without the secrets of at least `min_length` characters. For text that is shown
        only, not for values that are compared: a key may be an ordinary word."""
        return redact(message, self._secrets, min_length)

    def _authorized(self, request: Request) -> Response:
        """The response to a request sent within a session; if there is none, to the login."""
        now = self._clock.now()
        if self._session is None or now >= self._session_end:
            self._session = None
            result = drive(self._login(), self._exchange)
            if isinstance(result, Response):
                return _not_sent(result, self.clean(result.error or "no session", FRAGMENT))
            self._session = result
            self._session_end = now + result.seconds * SESSION_SHARE if result.seconds else math.inf
            token = result.headers.get("Authorization", "").rpartition(" ")[2]
            if token:
                self._secrets.append(token)
        return self._exchange(request)

    def _exchange(self, request: Request) -> Response:
        """Send a request until it gets a response, or another attempt is unsafe or useless."""
        for attempt in count(1):
            start = self._clock.now()
            result = self._once(request)
            limited = result.response.status == httpx.codes.TOO_MANY_REQUESTS
            most = RATE_LIMIT_ATTEMPTS if limited else ATTEMPTS
            if request.once or attempt >= most or not _again(result):
                break
            self._lost += self._clock.now() - start
            pause = max(result.pause, _backoff(attempt))
            left = f"{_seconds(pause)} (attempt {attempt + 1} of {most})"
            if limited:
                self._wait(pause, f"rate limited; waiting {left}")
            else:
                self._wait(pause, f"{_reason(result.response)}; retrying in {left}")
        if not limited:
            return result.response
        seconds = f" for {_seconds(result.pause)}" if result.pause > MAX_WAIT else ""
        return replace(
            result.response, error=f"rate limited by the portal{seconds}; try again later"
        )

    def _wait(self, seconds: float, message: str) -> None:
        """Wait; with a message for the user if the run has lost PATIENCE seconds or more."""
        log.info("%s", message)
        self._lost += seconds
        if self._lost >= PATIENCE:
            self._notify(message)
        self._clock.sleep(seconds)

    def _once(self, request: Request) -> _Attempt:
        """One attempt: wait for the rate limits, send, interpret the reply."""
        quotas = [quota for quota in self._quotas if quota.rate_limit.counts(request)]
        self._wait_for(quotas)
        if request.writes:
            self._before_write()
        try:
            reply = self._send(request)
        except RequestError as error:
            uncertain = error.sent and request.writes
            response = Response(None, None, self.clean(str(error)), uncertain)
            attempt = _Attempt(request, response, unsent=not error.sent, final=error.final)
        else:
            if quotas:
                quota = min(quotas, key=lambda quota: quota.rate_limit.per_minute)
                quota.learn(reply, self._clock)
            attempt = self._interpret(request, reply)
        result = attempt.response.status or attempt.response.error
        log.info("%s %s: %s", request.method, request.path, result)
        return attempt

    def _wait_for(self, quotas: Sequence[_Quota]) -> None:
        """Wait until another request is within every limit, and count it."""
        now = self._clock.now()
        pauses = {quota.rate_limit.name: quota.pause(now) for quota in quotas}
        pause = max(pauses.values(), default=0.0)
        if pause > 0:
            name = max(pauses, key=lambda each: pauses[each])
            self._wait(pause, f"waiting {_seconds(pause)}: rate limit for {name} requests")
            now = max(now + pause, self._clock.now())
        for each in quotas:
            each.count(now)

    def _send(self, request: Request) -> Reply:
        """Put a request on the wire. Raises RequestError."""
        content = request_bytes(request)
        headers = dict(self._session.headers) if self._session is not None else {}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._client.send(
            request.method,
            f"{self._url}/{request.path.removeprefix('/')}",
            content=content,
            headers=headers,
            max_bytes=MAX_BYTES,
            now=self._clock.now,
        )

    def _interpret(self, request: Request, reply: Reply) -> _Attempt:
        if reply.problem:
            return _Attempt(request, _incomplete(request, reply), final=True)
        text, body, valid = _parsed(reply.content)
        reads = self._session is not None and not request.writes
        if reads and self._contains_key(text, body, valid=valid):
            return _Attempt(request, Response(None, None, ECHO), final=True)
        if request.writes or not 200 <= reply.status < 300:  # messages, which may be truncated
            try:
                body = self._cleaned(body)
            except RecursionError:
                body, valid = None, False
        response = _response(request, reply, body, valid=valid)
        return _Attempt(request, response, pause=_requested_pause(reply, self._clock))

    def _contains_key(self, text: str, body: Value, *, valid: bool) -> bool:
        """Whether data contains a key. Data is compared and kept, so it is not redacted: it is
        accepted as is, or not at all."""
        if "\\" in text:  # escapes, which could hide a key
            if not valid:
                return False  # nothing of it is shown
            try:
                text += json.dumps(body, ensure_ascii=False)
            except RecursionError:
                return False
        return contains_secret(text, self._secrets)

    def _cleaned(self, body: Any) -> Any:  # noqa: ANN401 - JSON
        """JSON with the long secrets redacted in all its strings."""
        if isinstance(body, str):
            return self.clean(body, FRAGMENT)
        if isinstance(body, list):
            return [self._cleaned(each) for each in body]
        if isinstance(body, dict):
            return {self.clean(name, FRAGMENT): self._cleaned(each) for name, each in body.items()}
        return body


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A request's response and what decides about a retry: `unsent`: the request did not arrive;
    `final`: another attempt would end in the same way; `pause`: seconds that the portal asks for.
    """

    request: Request
    response: Response
    unsent: bool = False
    final: bool = False
    pause: float = 0.0


def _response(request: Request, reply: Reply, body: Value, *, valid: bool) -> Response:
    """The response for a complete reply; `valid`: its body is JSON, or empty."""
    status = reply.status
    inconclusive = is_inconclusive(status)
    error = None
    if not valid:
        error = f"the portal returned {status} with a body that is not JSON"
    if 300 <= status < 400:
        error = f"the portal returned {status}, a redirect, which is not followed"
    elif inconclusive and not isinstance(body, dict):
        error = f"the portal returned {status}"
    if inconclusive or status < 300:
        conclusive = isinstance(body, dict) and (not inconclusive or "results" in body)
        conclusive = conclusive or (status == httpx.codes.NO_CONTENT and not reply.content)
        return Response(status, body, error, request.writes and not conclusive)
    return Response(status, body, error)


def _incomplete(request: Request, reply: Reply) -> Response:
    """The response for a reply that was not read to its end: a refusal counts by its status,
    anything else as no answer."""
    if reply.status >= 300 and not is_inconclusive(reply.status):
        return Response(reply.status, None, reply.problem)
    return Response(None, None, reply.problem, request.writes)


def _not_sent(login: Response, message: str) -> Response:
    """The response to a request that was not sent because there was no session. It has the login's
    status only if access was refused: another one may be a success without a token."""
    status = login.status if login.status in (401, 403) else None
    return Response(status, None, message)


def _parsed(content: bytes) -> tuple[str, Value, bool]:
    """A body as text, its JSON (None if it is empty), and whether that is valid."""
    text = content.decode("utf-8", "replace")
    try:
        return text, json.loads(text) if text.strip() else None, True
    except (ValueError, RecursionError):
        return text, None, False


def _requested_pause(reply: Reply, clock: Clock) -> float:
    """Seconds that a 429 or 503 asks for. The rate-limit headers of a 503 say nothing about it, as
    every response has them. A reset after more than a window is wrong: it says nothing either."""
    if reply.status not in (429, 503):
        return 0.0
    after = reply.headers.get("retry-after", "")
    seconds = _number(after)
    if seconds is not None:
        return seconds
    date = _date(after)
    if date is not None:
        return _seconds_until(date, reply, clock)
    reset = _number(reply.headers.get("x-ratelimit-reset", ""))
    if reset is None or reply.status != 429:
        return 0.0
    pause = _seconds_until(reset, reply, clock)
    return pause + MARGIN if pause <= WINDOW + CLOCK_SKEW else 0.0


def _seconds_until(moment: float, reply: Reply, clock: Clock) -> float:
    """Seconds from a reply to a moment of the portal's clock, which may differ from ours; negative
    if it has passed."""
    ours = clock.wall()
    theirs = _date(reply.headers.get("date", ""))
    if theirs is None or abs(theirs - ours) <= CLOCK_SKEW:
        return moment - ours
    return moment - theirs


def _date(header: str) -> float | None:
    """The seconds since the epoch of an HTTP date; None if it is not one."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _number(header: str) -> float | None:
    text = header.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def _again(attempt: _Attempt) -> bool:
    """Whether a retry may help and cannot do anything twice."""
    status = attempt.response.status
    if attempt.final or attempt.pause > MAX_WAIT:
        return False
    if status == 429 or attempt.unsent:
        return True
    return not attempt.request.writes and (
        status is None
        or is_inconclusive(status)
        or (status < 300 and attempt.response.body is None)
    )


def _reason(response: Response) -> str:
    error = response.error or f"the portal returned {response.status}"
    return error.removeprefix("the portal ")


def _seconds(pause: float) -> str:
    return f"{math.ceil(pause)} s"


def _backoff(attempt: int) -> float:
    return float(min(30.0, 0.5 * 2 ** (attempt - 1))) * random.uniform(0.75, 1.25)  # noqa: S311


class _Quota:
    """One rate limit and how many of its requests may still be sent."""

    def __init__(self, rate_limit: RateLimit) -> None:
        self.rate_limit = rate_limit
        self.sent: deque[float] = deque(maxlen=rate_limit.per_minute)
        self.remaining: float | None = None
        self.reset = 0.0

    def pause(self, now: float) -> float:
        """Seconds until another request is within the limit, by our count and the portal's."""
        full = len(self.sent) == self.rate_limit.per_minute
        ours = self.sent[0] + WINDOW + MARGIN - now if full else 0.0
        used_up = self.remaining is not None and self.remaining < 1
        theirs = self.reset - now if used_up else 0.0
        return max(ours, theirs, 0.0)

    def count(self, now: float) -> None:
        """Count a request, also in the portal's last figure until it reports a new one."""
        self.sent.append(now)
        if self.remaining is not None:
            self.remaining = self.remaining - 1 if self.remaining >= 1 else None

    def learn(self, reply: Reply, clock: Clock) -> None:
        """Take over the portal's figures from the headers of a reply."""
        remaining = _number(reply.headers.get("x-ratelimit-remaining", ""))
        reset = _number(reply.headers.get("x-ratelimit-reset", ""))
        if remaining is not None and reset is not None:
            self.remaining = remaining
            self.reset = clock.now() + min(_seconds_until(reset, reply, clock), WINDOW) + MARGIN
