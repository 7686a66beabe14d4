"""A portal that answers as a test wants, a fake clock, and transports to it."""

from __future__ import annotations

import json
from contextlib import contextmanager

import httpx

from reconciler.core.model import RateLimit, Request, Response, Session
from reconciler.net.transport import Clock, Transport

URL = "https://crm.example/api/v1"
KEY = "rk-live/0123456789abcdef"
GET = Request("GET", "/users")
PUT = Request("PUT", "/users", {"id": 1, "name": "Ion"})
BULK = Request("POST", "/users/bulk", {"operations": []})
START = 1_700_000_000.0
PACES = (RateLimit("all", 300), RateLimit("bulk", 30, (("POST", "/users/bulk"),)))


class FakeClock:
    """A clock that only sleeping advances, as the portal's does."""

    def __init__(self):
        self.now, self.slept, self.skew = START, [], 0.0

    def sleep(self, seconds):
        """Advance the clock at once."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self):
        """The clock as the transport takes it."""
        return Clock(lambda: self.now, self.sleep, self.wall)

    def wall(self):
        """The wall clock, which may differ from the portal's by `skew`."""
        return self.now + self.skew


class Portal:
    """Answers each request with the next of its answers, repeating the last."""

    def __init__(self):
        self.answers, self.requests = [], []

    def answers_with(self, *answers):
        """Responses, exceptions, or functions of the request."""
        self.answers = list(answers)

    def __call__(self, request):
        """Keep the request and answer it."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


@contextmanager
def opened(wait, url=URL, *, cancellation=None, **more):
    """A transport with the key; with `cancellation`, its sleeps can be cancelled."""
    clock = (
        wait.clock
        if cancellation is None
        else Clock(lambda: wait.now, cancellation.sleep, wait.wall)
    )

    def login():
        """A key for good; nothing has to be asked."""
        yield from ()
        return Session({"Authorization": f"ApiKey {KEY}"})

    with Transport(url, login, secrets=[KEY, ""], clock=clock, **more) as made:
        yield made


def ok(body=None, **headers):
    """A 200 with JSON."""
    return httpx.Response(200, json={"items": []} if body is None else body, headers=headers)


LASTS = 1800


ASK = Request("POST", "/token", {"secret": KEY}, asks=True)


@contextmanager
def with_token(wait, *, seconds=LASTS, headers=None, clock=None, **more):
    """A transport that logs in for a token."""

    def login():
        response = yield ASK
        token = (response.body or {}).get("token")
        if response.status == 200 and token:
            return Session({"Authorization": f"Bearer {token}", **(headers or {})}, seconds)
        return Response(response.status, response.body, f"no token ({response.status})", True)

    clock = clock or wait.clock
    with Transport(URL, login, secrets=[KEY], clock=clock, **more) as made:
        yield made


class TokenPortal:
    """Issues `token-1`, `token-2` …, and accepts only the current one."""

    def __init__(self):
        self.given, self.good, self.seen = 0, None, []

    def __call__(self, request):
        """A token, or the answer to a request with one."""
        if request.url.path.endswith("/token"):
            assert "authorization" not in request.headers
            assert json.loads(request.content) == {"secret": KEY}
            self.given += 1
            self.good = f"token-{self.given}"
            self.seen.append("login")
            return httpx.Response(200, json={"token": self.good})
        _, _, token = request.headers["authorization"].partition("Bearer ")
        self.seen.append(token)
        if token != self.good:
            return httpx.Response(401, json={"message": f"expired: {token}"})
        return ok({"id": 1})
