"""The only sender: authentication, pacing, retries, and nothing secret in what comes back.

It keeps to the limits that the portal publishes before the portal has to refuse anything, by its
own count of the last minute and by the headers of each answer. It sends to one host, over HTTPS
(plain HTTP to loopback alone), follows no redirect, and never raises for what the portal or the
wire does: that is in the `Response`.
"""

from __future__ import annotations

import json
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from reconciler import __version__
from reconciler.core.form import request_bytes
from reconciler.core.model import Pace, Request, Response

log = logging.getLogger("reconciler.transport")

TRIES = 6
"""How often a request goes out at most that surely had no effect (or is a reading)."""
TIMEOUT = httpx.Timeout(30, connect=10)
LONGEST_WAIT = 120.0
"""Seconds; a portal that asks for a longer pause is not waited for."""
WINDOW = 60.0
"""Seconds over which a portal counts requests."""
MARGIN = 0.25
"""Seconds that the portal's clock may run behind the window that is counted here."""
GATEWAYS = frozenset({500, 502, 503, 504})


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
        headers: Mapping[str, str],
        *,
        paces: Sequence[Pace] = (),
        secrets: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """`url` is the base URL; `headers` authenticate; `secrets` are struck out of all that
        comes back."""
        self._clock = clock or Clock()
        self._lanes = [_Lane(pace, self._clock) for pace in paces]
        self._secrets = [secret for secret in secrets if secret]
        plain = urlsplit(url).scheme == "http"
        loopback = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
        self._client = httpx.Client(
            base_url=url,
            headers={"User-Agent": f"agent-reconciler/{__version__}", **headers},
            timeout=TIMEOUT,
            follow_redirects=False,
            # A proxy would see a key that goes to loopback over plain HTTP.
            trust_env=not loopback,
            # Where there is no TLS, no certificates are loaded (30 ms); none would be trusted.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
        )
        self._retrying = Retrying(
            stop=stop_after_attempt(TRIES),
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
        answer: _Answer = self._retrying(self._once, request)
        return answer.response

    def _once(self, request: Request) -> _Answer:
        for lane in self._lanes:
            if lane.pace.counts(request):
                lane.enter()
        content = request_bytes(request)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            got = self._client.request(
                request.method, request.path, content=content, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            said = f"could not connect to {self._client.base_url.host} ({_plain(error)})"
            return self._told(request, Response(None, None, self._clean(said)), unsent=True)
        except (httpx.HTTPError, httpx.StreamError) as error:
            said = f"the connection was lost before the answer ({_plain(error)})"
            return self._told(request, Response(None, None, self._clean(said), _writes(request)))
        own = [lane for lane in self._lanes if lane.pace.counts(request)]
        if own:
            min(own, key=lambda lane: lane.pace.per_minute).learn(got.headers)
        return self._told(request, self._read(request, got), headers=got.headers)

    def _told(
        self,
        request: Request,
        response: Response,
        *,
        unsent: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        said = response.status if response.status is not None else response.error
        log.info("%s %s: %s", request.method, request.path, said)
        pause = _asked(response, headers or {}, self._clock.now())
        return _Answer(response, not _writes(request), unsent, pause)

    def _read(self, request: Request, got: httpx.Response) -> Response:
        text = self._clean(got.content.decode("utf-8", "replace"))
        error, body = None, None
        try:
            body = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            error = f"the portal answered {got.status_code} with something that is not JSON"
        if got.is_redirect:
            error = f"the portal answered {got.status_code}, a redirect; none is followed"
        elif got.status_code in GATEWAYS and not isinstance(body, dict):
            error = f"the portal answered {got.status_code}"
        whole = isinstance(body, dict) and (got.status_code not in GATEWAYS or "results" in body)
        doubtful = got.status_code in GATEWAYS or got.is_success
        uncertain = _writes(request) and doubtful and not whole
        return Response(got.status_code, body, error, uncertain)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try: as the portal asks, else longer each time."""
        return max(_last(state).pause, _backoff(state.attempt_number))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response, with what decides whether to try again: whether it was a reading, whether the
    request surely never arrived, and for how many seconds the portal wants no other."""

    response: Response
    reads: bool
    unsent: bool
    pause: float


def _asked(response: Response, headers: Mapping[str, str], now: float) -> float:
    """Seconds for which the portal wants no request."""
    if response.status not in (429, 503):
        return 0.0
    after = headers.get("retry-after", "").strip()
    reset = headers.get("x-ratelimit-reset", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            return 0.0
    return max(0.0, float(reset) - now) + MARGIN if reset.isdigit() else 0.0


def _again(answer: _Answer) -> bool:
    """Whether a request can go out once more without doing anything twice."""
    status = answer.response.status
    if status == 429:
        return answer.pause <= LONGEST_WAIT
    if answer.unsent:
        return True
    return answer.reads and (
        status is None or status in GATEWAYS or (status < 300 and answer.response.body is None)
    )


def _last(state: RetryCallState) -> _Answer:
    answer: _Answer = state.outcome.result()  # type: ignore[union-attr]
    return answer


def _backoff(attempt: int) -> float:
    return float(min(30.0, 0.5 * 2 ** (attempt - 1))) * random.uniform(0.75, 1.25)  # noqa: S311


def _writes(request: Request) -> bool:
    return request.method != "GET"


def _plain(error: Exception) -> str:
    """An exception in words; some of httpx's say nothing."""
    return str(error) or type(error).__name__


class _Lane:
    """One class of requests and how many of them may still go out."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace = pace
        self.clock = clock
        self.sent: deque[float] = deque()
        self.remaining: int | None = None
        self.reset = 0.0

    def enter(self) -> None:
        """Wait until one more request is within the limit, and count it."""
        now = self.clock.now()
        while self.sent and self.sent[0] <= now - WINDOW - MARGIN:
            self.sent.popleft()
        pause = 0.0
        if len(self.sent) >= self.pace.per_minute:
            pause = self.sent[-self.pace.per_minute] + WINDOW + MARGIN - now
        if self.remaining is not None and self.remaining <= 0:
            pause = max(pause, min(self.reset + MARGIN - now, WINDOW + MARGIN))
        if pause > 0:
            log.info("waiting %.1f s for the limit of %s requests", pause, self.pace.name)
            self.clock.sleep(pause)
            self.remaining = None
        elif self.remaining is not None:
            self.remaining -= 1
        self.sent.append(self.clock.now())

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what the portal says of this class."""
        remaining, reset = (
            headers.get(f"x-ratelimit-{name}", "").strip() for name in ("remaining", "reset")
        )
        if remaining.isdigit() and reset.isdigit():
            self.remaining, self.reset = int(remaining), float(reset)
