"""How a request is let in: key, rate, path, content type, size, JSON, in this order.

Facts: `apis/rentix.md`, "Authentication", "Limits" and "Errors".
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from reconciler.sandbox.agent import encodable
from reconciler.sandbox.state import Call, Logged, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

_PHRASES = {413: "Payload Too Large"}  # Python calls it this or that, depending on its version


class RefusalError(Exception):
    """A refusal, which becomes an answer in the general form (`apis/rentix.md`, "Errors")."""

    def __init__(
        self, status: int, message: str | list[str], headers: Mapping[str, str] | None = None
    ) -> None:
        """The status, the portal's text or list of texts, and headers that go with it."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    def response(self) -> Response:
        """The answer that says so."""
        body = {
            "statusCode": self.status,
            "message": self.message,
            "error": _PHRASES.get(self.status) or HTTPStatus(self.status).phrase,
        }
        return JSONResponse(body, self.status, self.headers)


@dataclass(frozen=True, slots=True)
class Route:
    """A documented call: `path` as the documents write it, a `:name` stands for one segment."""

    method: str
    path: str
    handler: Callable[[Call], Response]
    bulk: bool = False

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


class Gate:
    """The ASGI application of a portal: lets requests in, answers them by routes, logs them all.

    It routes by the path as it was sent and not by starlette's, which is decoded: there an
    external id with an encoded slash looks like two segments.
    """

    def __init__(self, state: State, routes: tuple[Route, ...]) -> None:
        """A gate to these routes."""
        self._state = state
        self._routes = routes

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
            (route, named) for route in self._routes if (named := route.match(segments)) is not None
        ]
        route, named = next((m for m in matches if m[0].method == request.method), (None, ()))
        bulk = route is not None and route.bulk
        try:
            self._check_key(request)
            self._check_rate(bulk)
            if route is None:
                _refuse_path(request, [match[0].method for match in matches])
            if request.method in ("PUT", "POST"):
                entry.body = self._json(request, raw)
            call = Call(entry.method, entry.path, named, request.query_params, entry.body)
            response = await self._effect(route, call)
        except RefusalError as problem:
            response = problem.response()
        except Exception:
            logging.getLogger(__name__).exception("%s %s", entry.method, entry.path)
            response = RefusalError(500, "Internal server error").response()
        response.headers.update(self._rate_headers(bulk))
        entry.status = response.status_code
        self._state.log.append(entry)
        await response(scope, receive, send)

    async def _effect(self, route: Route, call: Call) -> Response:
        """What the call does, between the faults before and after it."""
        for before in list(self._state.before):
            if (instead := await before(call)) is not None:
                return instead
        response = route.handler(call)
        for after in list(self._state.after):
            if (instead := await after(call, response)) is not None:
                return instead
        return response

    def _check_key(self, request: Request) -> None:
        authorization = request.headers.get("authorization")
        key = request.headers.get("x-api-key")
        if authorization is not None and key is not None:
            raise RefusalError(400, "Cannot use both Authorization and X-API-Key")
        if authorization is not None:
            scheme, _, rest = authorization.partition(" ")
            key = rest.strip() if scheme.lower() == "apikey" else None
        if not key:
            raise RefusalError(401, "API key required")
        if key != self._state.key:
            raise RefusalError(401, "Invalid API key")
        if self._state.suspended:
            raise RefusalError(403, "Agency is suspended or API access is not enabled")

    def _check_rate(self, bulk: bool) -> None:
        """Count the request in the windows it belongs to, or in none where one of them is full."""
        state, limits, now = self._state, self._state.limits, self._state.clock()
        windows = [(state.all_requests, limits.rate_limit)]
        if bulk:
            windows.append((state.bulk_requests, limits.bulk_rate_limit))
        ends = [(window.ends(now, limits.rate_window), window, limit) for window, limit in windows]
        full = [end for end, window, limit in ends if window.used >= limit]
        if full:
            wait = {"Retry-After": str(max(1, math.ceil(max(full) - now)))}
            headers = wait if state.readings.retry == "retry-after" else None
            raise RefusalError(429, "Too many requests", headers)
        for window, _ in windows:
            window.count(now)

    def _rate_headers(self, bulk: bool) -> dict[str, str]:
        """The headers of every answer, which speak of the endpoint's own class."""
        state, limits = self._state, self._state.limits
        window = state.bulk_requests if bulk else state.all_requests
        limit = limits.bulk_rate_limit if bulk else limits.rate_limit
        ends = window.ends(state.clock(), limits.rate_window)
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": str(math.ceil(ends)),
        }

    def _json(self, request: Request, raw: bytes) -> object:
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            raise RefusalError(415, "Content-Type must be application/json")
        if len(raw) > self._state.limits.body_limit:
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
