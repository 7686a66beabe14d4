"""Responses that are sent instead of the true one."""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from reconciler.sandbox.faults.target import Dropped, Target
from reconciler.sandbox.gate import RefusalError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Answer = Callable[[Target], Response]

_PAUSE = (1, 20)
"""How long a client is asked to wait, in seconds."""

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def server_error(target: Target) -> Response:
    """Return the portal's own 500."""
    return target.refusal(RefusalError(500, "Internal server error"))


def page(title: str, status: int, _target: Target) -> Response:
    """Return a gateway's HTML page, without the portal's headers."""
    return HTMLResponse(_PAGE.format(title), status)


def text(message: str, status: int, _target: Target) -> Response:
    """Return a gateway's plain text, without the portal's headers."""
    return PlainTextResponse(message, status)


def unavailable(target: Target) -> Response:
    """Return a gateway's 503 that says when to retry."""
    pause = str(target.random.randint(*_PAUSE))
    return PlainTextResponse("Service Unavailable", 503, {"Retry-After": pause})


def see_other(_target: Target) -> Response:
    """Return a gateway's 303, which leads to another page."""
    return PlainTextResponse("See Other", 303, {"Location": "/maintenance"})


def empty(target: Target) -> Response:
    """Return the portal's 200 without a body."""
    return target.with_headers(Response(status_code=200))


def too_many(retry_after: str, target: Target) -> Response:
    """Return a 429, as if another client had used up a window that ends soon.

    `retry_after` is the format of that header: `seconds`, `date`, or `absent`.
    """
    exchange, now = target.exchange, target.state.clock()
    pause = target.random.randint(*_PAUSE)
    rate = exchange.gate.rate_limits(exchange.route)[-1]
    rate.window.used, rate.window.started = rate.limit, now + pause - rate.length
    values = {"seconds": str(pause), "date": formatdate(math.ceil(now + pause), usegmt=True)}
    headers = {"Retry-After": values[retry_after]} if retry_after in values else None
    return target.refusal(RefusalError(429, "Too many requests", headers))


class Truncated(Response):
    """The first half of a response, under the Content-Length of the whole."""

    def __init__(self, whole: Response) -> None:
        """Truncate this response."""
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send half of the body. Raises `Dropped` afterwards."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise Dropped
