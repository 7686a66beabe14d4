"""Admit requests: credentials, rate limit, path, content type, size and JSON, in this order.

`Gate` holds what the portals share; each portal's subclass adds its own rules.
"""

from __future__ import annotations

import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, NoReturn
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request

from reconciler.sandbox.state import Call, LogEntry, State, Window
from reconciler.sandbox.values import encodable

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send


class RefusalError(Exception):
    """A refused request; the gate turns it into a response in the portal's own format."""

    def __init__(
        self, status: int, message: str | list[str], headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the status, the portal's message (or list of messages) and extra headers."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Route:
    """A documented call: in `path`, written as documented, `:name` matches one segment.

    `kind` is the portal's own classification, such as a rate-limit class or a scope.
    """

    method: str
    path: str
    handler: Callable[[Call], Response]
    kind: str = ""

    def match(self, segments: list[str]) -> tuple[str, ...] | None:
        """Return the decoded variable segments, or None if the path differs."""
        pattern = self.path.split("/")[1:]
        if len(pattern) != len(segments):
            return None
        parameters = []
        for expected, segment in zip(pattern, segments, strict=True):
            if expected.startswith(":") and segment:
                parameters.append(unquote(segment))
            elif expected != segment:
                return None
        return tuple(parameters)


class Match(NamedTuple):
    """Where a request leads: its route (None: no such call) and the methods its path allows."""

    route: Route | None
    parameters: tuple[str, ...]
    allowed: list[str]


class RateLimit(NamedTuple):
    """How many requests a window allows, and its length in seconds."""

    window: Window
    limit: int
    length: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """An admitted request, before its effect."""

    gate: Gate
    request: Request
    route: Route
    call: Call

    async def answer(self) -> Response:
        """Carry out the call and return the response; a refusal is a response too."""
        return await self.gate.answer(self)


Respond = Callable[[Exchange], Awaitable["Response"]]
"""How an admitted request is answered: by `Exchange.answer`, or with a fault around it."""


class Gate(ABC):
    """A portal's ASGI application: admits, routes, answers and logs requests.

    It matches the path as sent. Starlette matches the decoded path, in which an external id with an
    encoded slash looks like two segments.
    """

    NAME: ClassVar[str]
    """The portal's name, for log lines."""
    UNSUPPORTED: ClassVar[int] = 415
    """The status for a body of another content type."""

    def __init__(self, state: State, respond: Respond = Exchange.answer) -> None:
        """Serve the portal from this state."""
        self.state = state
        self._respond = respond

    @abstractmethod
    def routes(self) -> tuple[Route, ...]:
        """Return the portal's calls."""

    @abstractmethod
    def check_access(self, request: Request, route: Route | None) -> None:
        """Check the credentials; `route` is None for an unknown call. Raises `RefusalError`."""

    @abstractmethod
    def rate_limits(self, route: Route | None) -> list[RateLimit]:
        """Return the limits that count this call, the most specific one last."""

    @abstractmethod
    def sends_retry_after(self) -> bool:
        """Return whether a 429 carries `Retry-After`."""

    @abstractmethod
    def refusal(self, request: Request, problem: RefusalError) -> Response:
        """Return a refusal in the portal's format."""

    def body_limit(self) -> float:
        """Return the largest body accepted, in bytes."""
        return math.inf

    def headers(self, route: Route | None) -> Mapping[str, str]:  # noqa: ARG002
        """Return the headers of every response to this call."""
        return {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            raw = await request.body()  # first: an early answer would reset a client mid-upload
        except ClientDisconnect:
            return
        match = self._match(request)
        entry = LogEntry(request.method, _path(scope))
        self.state.log.append(entry)  # now: the request may never get an answer
        try:
            response = await self._respond(self._admit(request, raw, match, entry))
        except RefusalError as problem:
            response = self.with_headers(self.refusal(request, problem), match.route)
        entry.status = response.status_code
        await response(scope, receive, send)

    async def answer(self, exchange: Exchange) -> Response:
        """Carry out the call and return its response; an unexpected error is logged, and a 500."""
        call = exchange.call
        try:
            response = await self._effect(exchange.route, call)
        except RefusalError as problem:
            response = self.refusal(exchange.request, problem)
        except Exception:
            logging.getLogger(__name__).exception("%s %s", call.method, call.path)
            broken = RefusalError(500, "Internal server error")
            response = self.refusal(exchange.request, broken)
        return self.with_headers(response, exchange.route)

    def with_headers(self, response: Response, route: Route | None) -> Response:
        """Add the headers of every response to this call."""
        response.headers.update(self.headers(route))
        return response

    def _match(self, request: Request) -> Match:
        scope = request.scope
        segments = _path(scope, query=False).split("/")[1 + scope["root_path"].count("/") :]
        matches = [
            (route, parameters)
            for route in self.routes()
            if (parameters := route.match(segments)) is not None
        ]
        allowed = sorted({route.method for route, _ in matches})
        for route, parameters in matches:
            if route.method == request.method:
                return Match(route, parameters, allowed)
        return Match(None, (), allowed)

    def _admit(self, request: Request, raw: bytes, match: Match, entry: LogEntry) -> Exchange:
        """Check a request in the documented order; log its body. Raises `RefusalError`."""
        self.check_access(request, match.route)
        self._check_rate(match.route)
        if match.route is None:
            _refuse_path(request, match.allowed)
        if request.method in ("PUT", "POST", "PATCH"):
            entry.body = self._json(request, raw)
        query = request.query_params
        call = Call(entry.method, entry.path, match.parameters, query, entry.body)
        return Exchange(self, request, match.route, call)

    async def _effect(self, route: Route, call: Call) -> Response:
        """Run the call's handler between its `before` and `after` hooks."""
        world = self.state.world
        for before in list(self.state.before):
            if (instead := await before(call)) is not None:
                return instead
        if self.state.world != world:
            raise RefusalError(503, "The sandbox was reset")
        response = route.handler(call)
        for after in list(self.state.after):
            if (instead := await after(call, response)) is not None:
                return instead
        return response

    def _check_rate(self, route: Route | None) -> None:
        """Count the request in its windows; if one of them is full, refuse it and count nothing."""
        rates, now = self.rate_limits(route), self.state.clock()
        ends = [(rate.window.ends(now, rate.length), rate) for rate in rates]
        full = [end for end, rate in ends if rate.window.used >= rate.limit]
        if full:
            wait = {"Retry-After": str(max(1, math.ceil(max(full) - now)))}
            headers = wait if self.sends_retry_after() else None
            raise RefusalError(429, "Too many requests", headers)
        for rate in rates:
            rate.window.count(now)

    def _json(self, request: Request, raw: bytes) -> object:
        """Parse the body. Raises `RefusalError` for its type, its size or invalid JSON."""
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            raise RefusalError(self.UNSUPPORTED, "Content-Type must be application/json")
        if len(raw) > self.body_limit():
            raise RefusalError(413, "Request body is too large")
        try:
            text = raw.decode("utf-8")
            value = json.loads(text, parse_constant=_reject_constant)
            # An escape can encode a lone surrogate, which no database stores.
            valid = "\\u" not in text or encodable(json.dumps(value, ensure_ascii=False))
        except (ValueError, RecursionError):
            valid = False
        if not valid:
            raise RefusalError(400, "Request body is not valid JSON")
        return value


def _path(scope: Scope, *, query: bool = True) -> str:
    """Return the path as sent, with the query unless it is empty or not wanted."""
    path: str = scope["raw_path"].decode("ascii")
    search = scope["query_string"].decode("latin-1") if query else ""
    return f"{path}?{search}" if search else path


def _refuse_path(request: Request, allowed: list[str]) -> NoReturn:
    if allowed:
        headers = {"Allow": ", ".join(allowed)}
        raise RefusalError(405, f"Method {request.method} is not allowed here", headers)
    raise RefusalError(404, f"Cannot {request.method} {request.url.path}")


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
