"""The only sender: authentication, pacing, retries, and no secret in any message.

It keeps to the limits that the portal publishes before the portal has to refuse anything, by its
own count of the last minute and by the headers of each answer. It sends to one host, over HTTPS
(plain HTTP to loopback alone), follows no redirect, keeps no cookie, reads no body without an end,
and never raises for what the portal or the wire does: that is in the `Response`.
"""

from __future__ import annotations

import json
import logging
import math
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result

from reconciler import __version__
from reconciler.core.conversation import Conversation, drive
from reconciler.core.model import RateLimit, Request, Response, Session, Value
from reconciler.core.plan_json import request_bytes
from reconciler.errors import ConfigError
from reconciler.net.redaction import PIECE, holds, struck

log = logging.getLogger("reconciler.net.transport")

TRIES = 6
"""How often a request goes out at most that surely had no effect (or is a reading)."""
PATIENT_TRIES = 8
"""The same for one that a limit refuses without saying for how long: until a window is over."""
TIMEOUT = httpx.Timeout(30, connect=10)
LONGEST_WAIT = 120.0
"""Seconds; a portal that asks for a longer pause is not waited for."""
WINDOW = 60.0
"""Seconds over which a portal counts requests."""
DIGITS = 12
"""Digits of a number that a header can have; seconds since the epoch have ten."""
LARGEST = 64_000_000
"""Bytes of an answer, unpacked, that are read at most."""
LONGEST_ANSWER = 120.0
"""Seconds from an answer's headers to its end."""
DEEPEST = 10
"""Exceptions behind one that are looked at for the reason."""
PACKINGS = ("", "identity", "gzip", "deflate")
"""How an answer may be packed: once, by what unpacks little at a time."""
FRESH = 0.9
"""The share of a session's time for which it is used; then the portal is asked for a new one."""
MARGIN = 0.25
"""Seconds that the portal's clock may run behind the window that is counted here."""
BROKEN = 500
"""The first of the statuses under which a request may have taken effect, or not."""


Login = Callable[[], Conversation[Session | Response]]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the transport sees it: seconds since the epoch, and waiting."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


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
    ) -> None:
        """`url` is the base URL; `login` is how the portal is asked for a session, or the response
        that refuses one; `secrets` are struck out of messages; `wire` carries the requests in
        place of the network."""
        self._login = login
        self._session: Session | None = None
        self._ends = 0.0
        self._clock = clock or Clock()
        self._lanes = [_Lane(rate_limit) for rate_limit in rate_limits]
        self._secrets = [secret for secret in (*secrets, *_of_proxies()) if secret]
        try:
            parts = httpx.URL(url)  # as it is read when something is sent there
        except httpx.InvalidURL:
            raise ConfigError("The portal's address is no web address.") from None
        plain = parts.scheme != "https"
        self._host = parts.host
        loopback = is_loopback(self._host)
        if parts.userinfo:  # it would go out in place of the key
            raise ConfigError(f"The address of {self._host} may not hold a user name.")
        if plain and not loopback:
            raise ConfigError(f"{self._host} has to be reached by https: the key goes with it.")
        self._url = url.rstrip("/")
        try:
            self._client = httpx.Client(
                headers={"User-Agent": f"agent-reconciler/{__version__}"},
                timeout=TIMEOUT,
                follow_redirects=False,
                event_hooks={"response": [_lead_nowhere]},
                transport=wire,
                # No proxy stands before loopback, and one would see what goes there in plain.
                trust_env=not loopback,
                verify=_trusted(plain=plain, loopback=loopback),
            )
            self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        except (
            ValueError,
            ImportError,
            OSError,
            httpx.InvalidURL,
        ):  # its words may show a password
            raise ConfigError(
                "No connection can be made with the proxy or the certificates that the environment "
                "names. Check HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE."
            ) from None
        self._retrying = Retrying(
            stop=_enough,
            wait=self._pause,
            retry=retry_if_result(_again),
            sleep=self._clock.sleep,
            retry_error_callback=_last,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(self, request: Request) -> Response:
        """Send, wait and retry where that is safe; what may have had an effect comes back as
        `uncertain`, for the caller to settle."""
        if request.attempt:
            self._clock.sleep(_backoff(request.attempt))
        response = self._authorised(request)
        if response.status == 401 and self._session is not None and self._session.seconds:
            self._session = None  # it may have ended before its time
            response = self._authorised(request)
        return response

    def _authorised(self, request: Request) -> Response:
        """Send within a session; where there is none to be had, the response that refuses it."""
        now = self._clock.now()
        if self._session is None or now >= self._ends:
            self._session = None
            given = drive(self._login(), self._exchange)
            if isinstance(given, Response):
                return _refused(given, self.clean(given.error or "there is no session", PIECE))
            self._session = given
            self._ends = now + given.seconds * FRESH if given.seconds else math.inf
            token = given.headers.get("Authorization", "").rpartition(" ")[2]
            if token:  # it is as secret as the key that it was given for
                self._secrets.append(token)
        return self._exchange(request)

    def _exchange(self, request: Request) -> Response:
        answer: _Answer = self._retrying(self._once, request)
        if answer.response.status != httpx.codes.TOO_MANY_REQUESTS:
            return answer.response
        asked = f" for {answer.pause:.0f} s" if answer.pause > LONGEST_WAIT else " for now"
        return replace(
            answer.response, error=f"the portal wants no more requests{asked}; run again later"
        )

    def _once(self, request: Request) -> _Answer:
        lanes = [lane for lane in self._lanes if lane.rate_limit.counts(request)]
        self._enter(lanes)
        content = request_bytes(request)
        headers = dict(self._session.headers) if self._session is not None else {}
        if content is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._url}/{request.path.removeprefix('/')}"
        try:
            with self._client.stream(request.method, url, content=content, headers=headers) as got:
                data, endless = self._content(got)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            wrong = _certificate(error)
            said = f"could not connect to {self._host} ({_plain(error)})"
            if wrong:
                said = (
                    f"the certificate of {self._host} is not trusted ({wrong}), so nothing was "
                    f"sent. Check the address and the clock of this computer. If your network has "
                    f"certificates of its own, name their file in SSL_CERT_FILE."
                )
            response = Response(None, None, self.clean(said))
            return self._told(request, response, unsent=True, final=bool(wrong))
        except httpx.ProxyError as error:
            said = (
                f"the proxy did not let the request through ({_plain(error)}). Check HTTPS_PROXY "
                f"and ALL_PROXY, and the name and password in them."
            )
            return self._told(request, Response(None, None, self.clean(said), request.writes))
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            httpx.CookieConflict,
        ) as error:
            said = self.clean(f"the connection was lost before the answer ({_plain(error)})")
            return self._told(request, Response(None, None, said, request.writes))
        if lanes:
            min(lanes, key=lambda lane: lane.rate_limit.per_minute).learn(got.headers)
        pause = _asked(got, self._clock.now())
        if endless:
            return self._told(request, _cut(request, got.status_code, endless), final=True)
        text, body, odd = _parsed(data)
        if self._session is not None and not request.writes and self._echoes(text, body, odd=odd):
            return self._told(request, Response(None, None, ECHO), final=True)
        return self._told(request, self._read(request, got, text, body, odd=odd), pause=pause)

    def _content(self, got: httpx.Response) -> tuple[bytes, str]:
        """What an answer holds; or why it is not read to its end, should it have one."""
        if is_packed_oddly(got):
            return b"", "the portal's answer is packed in a way that was not asked for"
        content, start = bytearray(), self._clock.now()
        for part in got.iter_bytes():
            content += part
            if len(content) > LARGEST:
                return b"", f"the portal's answer is longer than {LARGEST // 10**6} MB"
            if self._clock.now() - start > LONGEST_ANSWER:
                return b"", f"the portal's answer did not end in {LONGEST_ANSWER:g} seconds"
        return bytes(content), ""

    def _echoes(self, text: str, body: Value, *, odd: bool) -> bool:
        """Whether what is to be read has a key in it. What is read is compared and kept, so it is
        taken as it is or not at all."""
        if "\\" in text:  # escapes, in which a key could not be seen
            try:
                text += json.dumps(body, ensure_ascii=False)
            except RecursionError:
                odd = True
            if odd:
                return False  # it is not JSON, and nothing of it is told
        return holds(text, self._secrets)

    def _enter(self, lanes: Sequence[_Lane]) -> None:
        """Wait until one more request is within every limit, and count it."""
        now = self._clock.now()
        pause, lane = max(
            ((lane.pause(now), lane) for lane in lanes), key=lambda each: each[0], default=(0, None)
        )
        if pause > 0 and lane is not None:
            log.info("waiting %.1f s for the limit of %s requests", pause, lane.rate_limit.name)
            self._clock.sleep(pause)
            now = max(now + pause, self._clock.now())
        for each in lanes:
            each.count(now)

    def _told(
        self,
        request: Request,
        response: Response,
        *,
        unsent: bool = False,
        final: bool = False,
        pause: float = 0.0,
    ) -> _Answer:
        said = response.status if response.status is not None else response.error
        log.info("%s %s: %s", request.method, request.path, said)
        return _Answer(response, not request.writes, unsent, final, pause)

    def _read(
        self, request: Request, got: httpx.Response, text: str, body: Value, *, odd: bool
    ) -> Response:
        if request.writes or not got.is_success:  # words, that may be cut short later
            try:
                body = self._cleaned(body)
            except RecursionError:
                body, odd = None, True
        error = None
        if odd:
            error = f"the portal answered {got.status_code} with something that is not JSON"
        broken = got.status_code >= BROKEN
        if 300 <= got.status_code < 400:
            error = f"the portal answered {got.status_code}, a redirect; none is followed"
        elif broken and not isinstance(body, dict):
            error = f"the portal answered {got.status_code}"
        whole = isinstance(body, dict) and (not broken or "results" in body)
        whole = whole or (got.status_code == httpx.codes.NO_CONTENT and not text)
        uncertain = request.writes and (broken or got.is_success) and not whole
        return Response(got.status_code, body, error, uncertain)

    def clean(self, message: str, least: int = 0) -> str:
        """A message, of the portal or the wire, with the secrets struck out that have so many
        characters. For what is told and not for what is compared: a key may be a common word."""
        return struck(message, self._secrets, least)

    def _cleaned(self, body: Any) -> Any:  # noqa: ANN401 - JSON
        """JSON with the long secrets struck out of all its texts, however they were escaped."""
        if isinstance(body, str):
            return self.clean(body, PIECE)
        if isinstance(body, list):
            return [self._cleaned(each) for each in body]
        if isinstance(body, dict):
            return {self.clean(name, PIECE): self._cleaned(each) for name, each in body.items()}
        return body

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try: as the portal asks, else longer each time."""
        return max(_last(state).pause, _backoff(state.attempt_number))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response, with what decides whether to try again: whether it was a reading, whether the
    request surely never arrived, whether the next answer would be the same, and for how many
    seconds the portal wants no other."""

    response: Response
    reads: bool
    unsent: bool
    final: bool
    pause: float


ECHO = (
    "the portal's answer has your key in it, so nothing of it is shown or kept. Tell the portal, "
    "and take a new key"
)


def _cut(request: Request, status: int, why: str) -> Response:
    """An answer that was not read to its end: a refusal stands, anything else is none."""
    if 300 <= status < BROKEN:
        return Response(status, None, why)
    return Response(None, None, why, request.writes)


def _trusted(*, plain: bool, loopback: bool) -> ssl.SSLContext | bool:
    """Whose certificates are trusted: those that the environment names, else the usual ones."""
    if plain:  # nobody's: without TLS none are loaded, which takes 30 ms
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context() if loopback else True


def _lead_nowhere(answer: httpx.Response) -> None:
    """Forget where a redirect leads, before httpx reads it: what it cannot read would be taken for
    a lost answer."""
    answer.headers.pop("location", None)


def _of_proxies() -> Iterator[str]:
    """The passwords in the addresses of the environment's proxies; no words are among them."""
    for address in getproxies().values():
        with suppress(httpx.InvalidURL):
            if len(password := httpx.URL(address).password) >= PIECE:
                yield password


def _certificate(error: BaseException | None) -> str:
    """What is wrong with a certificate, where that was the reason."""
    for _ in range(DEEPEST):  # an exception that was raised twice can be its own reason
        if isinstance(error, ssl.SSLCertVerificationError):
            return (error.verify_message or "it cannot be checked").rstrip(".")
        error = error and (error.__cause__ or error.__context__)
    return ""


def _parsed(data: bytes) -> tuple[str, Value, bool]:
    """An answer as text, the JSON that it is (None for nothing), and whether it is none."""
    text = data.decode("utf-8", "replace")
    try:
        return text, json.loads(text) if text.strip() else None, False
    except (ValueError, RecursionError):
        return text, None, True


def is_packed_oddly(answer: httpx.Response) -> bool:
    """Whether an answer may not be unpacked: packed twice, a thousand bytes can be a thousand
    million."""
    return answer.headers.get("content-encoding", "").strip().lower() not in PACKINGS


def _refused(login: Response, said: str) -> Response:
    """What a request gets that was not sent for want of a session: no answer, but where access is
    refused. The login's own status may be a success that gave no token, or speak of its path."""
    access = login.status in (401, 403)
    return Response(login.status if access else None, None, said)


def _asked(got: httpx.Response, now: float) -> float:
    """Seconds for which the portal wants no request. A 503 that has the headers of the limits, as
    every answer has, does not speak of them."""
    if got.status_code not in (429, 503):
        return 0.0
    after = got.headers.get("retry-after", "")
    reset = _number(got.headers.get("x-ratelimit-reset", "")) if got.status_code == 429 else None
    seconds = _number(after)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(after)
    except (ValueError, OverflowError):
        return max(0.0, reset - now) + MARGIN if reset is not None else 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)


def _number(header: str) -> float | None:
    """A whole number of a header; None for anything else."""
    text = header.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def _again(answer: _Answer) -> bool:
    """Whether a request can go out once more without doing anything twice."""
    status = answer.response.status
    if answer.final or answer.pause > LONGEST_WAIT:
        return False
    if status == 429 or answer.unsent:
        return True
    return answer.reads and (
        status is None or status >= BROKEN or (status < 300 and answer.response.body is None)
    )


def _enough(state: RetryCallState) -> bool:
    """Whether a request went out often enough."""
    limited = _last(state).response.status == httpx.codes.TOO_MANY_REQUESTS
    return state.attempt_number >= (PATIENT_TRIES if limited else TRIES)


def _last(state: RetryCallState) -> _Answer:
    answer: _Answer = state.outcome.result()  # type: ignore[union-attr]
    return answer


def _backoff(attempt: int) -> float:
    return float(min(30.0, 0.5 * 2 ** (attempt - 1))) * random.uniform(0.75, 1.25)  # noqa: S311


def is_loopback(host: str) -> bool:
    """Whether a host is this computer, and nothing else in its clothes."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(error: Exception) -> str:
    """An exception in words; some of httpx's say nothing."""
    return str(error) or type(error).__name__


class _Lane:
    """One class of requests and how many of them may still go out."""

    def __init__(self, rate_limit: RateLimit) -> None:
        self.rate_limit = rate_limit
        self.sent: deque[float] = deque(maxlen=rate_limit.per_minute)
        self.remaining: float | None = None
        self.reset = 0.0

    def pause(self, now: float) -> float:
        """Seconds until one more request is within the limit."""
        full = len(self.sent) == self.rate_limit.per_minute
        own = self.sent[0] + WINDOW + MARGIN - now if full else 0.0
        spent = self.remaining is not None and self.remaining < 1
        said = min(self.reset + MARGIN - now, WINDOW + MARGIN) if spent else 0.0
        return max(own, said, 0.0)

    def count(self, now: float) -> None:
        """One more goes out. What the portal said last is one less, until it says more."""
        self.sent.append(now)
        if self.remaining is not None:
            self.remaining = self.remaining - 1 if self.remaining >= 1 else None

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what the portal says of this class."""
        remaining = _number(headers.get("x-ratelimit-remaining", ""))
        reset = _number(headers.get("x-ratelimit-reset", ""))
        if remaining is not None and reset is not None:
            self.remaining, self.reset = remaining, reset
