"""How a request is let in: credentials, rate, path, content type, size, JSON, in this order.

What the portals have in common; each says by its own `Gate` what is its own.
"""

from __future__ import annotations

import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, NoReturn
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request

from reconciler.sandbox.state import Call, Logged, State, Window
from reconciler.sandbox.values import encodable

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send


class RefusalError(Exception):
    """A refusal, which becomes an answer in the form of the portal."""

    def __init__(
        self, status: int, message: str | list[str], headers: Mapping[str, str] | None = None
    ) -> None:
        """The status, the portal's text or list of texts, and headers that go with it."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Route:
    """A documented call: `path` as the documents write it, a `:name` stands for one segment.

    `kind` is what the portal's own rules go by, such as the class of its limits.
    """

    method: str
    path: str
    handler: Callable[[Call], Response]
    kind: str = ""

    def match(self, segments: list[str]) -> tuple[str, ...] | None:
        """The decoded segments that stand for names, or None where this is another path."""
        pattern = self.path.split("/")[1:]
        if len(pattern) != len(segments):
            return None
        named = []
        for expected, segment in zip(pattern, segments, strict=True):
            if expected.startswith(":") and segment:
                named.append(unquote(segment))
            elif expected != segment:
                return None
        return tuple(named)


class Rate(NamedTuple):
    """How many requests a window takes, and for how many seconds it holds."""

    window: Window
    limit: int
    length: float


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that was let in, on its way to its effect."""

    gate: Gate
    request: Request
    route: Route
    call: Call

    async def answer(self) -> Response:
        """Do what the call says; a refusal of it is an answer too."""
        return await self.gate.answer(self)


class Gate(ABC):
    """The ASGI application of a portal: lets requests in, answers them by routes, logs them all.

    It routes by the path as it was sent and not by starlette's, which is decoded: there an
    external id with an encoded slash looks like two segments.
    """

    NAME: ClassVar[str]
    """The portal's name, for what tells of it."""

    def __init__(self, state: State) -> None:
        """A gate to what this state holds."""
        self.state = state

    @abstractmethod
    def routes(self) -> tuple[Route, ...]:
        """The calls there are."""

    @abstractmethod
    def check_access(self, request: Request, route: Route | None) -> None:
        """Refuse who may not make this call; the route is None where the path is none."""

    @abstractmethod
    def rates(self, route: Route | None) -> list[Rate]:
        """The limits of a call, the one it is best known by last."""

    @abstractmethod
    def tells_when(self) -> bool:
        """Whether a 429 carries `Retry-After`."""

    @abstractmethod
    def refusal(self, request: Request, problem: RefusalError) -> Response:
        """A refusal in the form of the portal."""

    def body_limit(self) -> float:
        """How many bytes a body may have."""
        return math.inf

    def headers(self, route: Route | None) -> Mapping[str, str]:  # noqa: ARG002
        """The headers that every answer to this call carries."""
        return {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            raw = await request.body()  # first of all, or a refusal may cut off who still sends
        except ClientDisconnect:
            return
        sent = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("latin-1")
        entry = Logged(request.method, f"{sent}?{query}" if query else sent)
        segments = sent.split("/")[1 + scope["root_path"].count("/") :]
        matches = [
            (route, named)
            for route in self.routes()
            if (named := route.match(segments)) is not None
        ]
        route, named = next((m for m in matches if m[0].method == request.method), (None, ()))
        self.state.log.append(entry)  # now, as it may never get an answer
        try:
            self.check_access(request, route)
            self._check_rate(route)
            if route is None:
                _refuse_path(request, [match[0].method for match in matches])
            if request.method in ("PUT", "POST", "PATCH"):
                entry.body = self._json(request, raw)
            call = Call(entry.method, entry.path, named, request.query_params, entry.body)
            admitted = Admitted(self, request, route, call)
            faults = self.state.faults
            response = await (admitted.answer() if faults is None else faults.answer(admitted))
        except RefusalError as problem:
            response = self.stamped(self.refusal(request, problem), route)
        entry.status = response.status_code
        await response(scope, receive, send)

    async def answer(self, admitted: Admitted) -> Response:
        """The effect of a call and its answer, whatever goes wrong."""
        call = admitted.call
        try:
            response = await self._effect(admitted.route, call)
        except RefusalError as problem:
            response = self.refusal(admitted.request, problem)
        except Exception:
            logging.getLogger(__name__).exception("%s %s", call.method, call.path)
            broken = RefusalError(500, "Internal server error")
            response = self.refusal(admitted.request, broken)
        return self.stamped(response, admitted.route)

    def stamped(self, response: Response, route: Route | None) -> Response:
        """An answer of the portal's own, with the headers that all of them carry."""
        response.headers.update(self.headers(route))
        return response

    async def _effect(self, route: Route, call: Call) -> Response:
        """What the call does, between the faults before and after it."""
        for before in list(self.state.before):
            if (instead := await before(call)) is not None:
                return instead
        response = route.handler(call)
        for after in list(self.state.after):
            if (instead := await after(call, response)) is not None:
                return instead
        return response

    def _check_rate(self, route: Route | None) -> None:
        """Count the request in the windows it belongs to, or in none where one of them is full."""
        rates, now = self.rates(route), self.state.clock()
        ends = [(rate.window.ends(now, rate.length), rate) for rate in rates]
        full = [end for end, rate in ends if rate.window.used >= rate.limit]
        if full:
            wait = {"Retry-After": str(max(1, math.ceil(max(full) - now)))}
            raise RefusalError(429, "Too many requests", wait if self.tells_when() else None)
        for rate in rates:
            rate.window.count(now)

    def _json(self, request: Request, raw: bytes) -> object:
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            raise RefusalError(415, "Content-Type must be application/json")
        if len(raw) > self.body_limit():
            raise RefusalError(413, "Request body is too large")
        try:
            text = raw.decode("utf-8")
            value = json.loads(text, parse_constant=_no_number)
            # An escape can spell half a surrogate pair, which no database keeps.
            fits = "\\u" not in text or encodable(json.dumps(value, ensure_ascii=False))
        except (ValueError, RecursionError):
            fits = False
        if not fits:
            raise RefusalError(400, "Request body is not valid JSON")
        return value


def _refuse_path(request: Request, allowed: list[str]) -> NoReturn:
    if allowed:
        listed = ", ".join(sorted(set(allowed)))
        raise RefusalError(405, f"Method {request.method} is not allowed here", {"Allow": listed})
    raise RefusalError(404, f"Cannot {request.method} {request.url.path}")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
