"""A request that a fault works on, and what a fault can do with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.gate import Exchange, RefusalError
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

_PATIENCE = (35.0, 90.0)
"""How long a slow answer takes, in seconds: longer than a client waits."""


class Dropped(Exception):  # noqa: N818 - an outcome, not an error
    """The connection is reset, whatever part of the response has been sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """An admitted request, and the random numbers for its fault."""

    exchange: Exchange
    random: Random

    @property
    def state(self) -> State:
        """The state of the portals."""
        return self.exchange.gate.state

    @property
    def call(self) -> Call:
        """The call."""
        return self.exchange.call

    @property
    def portal(self) -> str:
        """The portal's name."""
        return self.exchange.gate.NAME

    @property
    def endpoint(self) -> str:
        """The call as documented, such as `PATCH /v1/users/:id`."""
        return f"{self.exchange.route.method} {self.exchange.route.path}"

    @property
    def path(self) -> str:
        """The path and query as sent, below the portal's root."""
        return self.call.path.removeprefix(self.exchange.request.scope["root_path"])

    @property
    def operations(self) -> list[Json]:
        """The operations of a bulk request; empty for any other or a malformed one."""
        if self.endpoint != "POST /users/bulk" or not isinstance(self.call.body, dict):
            return []
        listed = self.call.body.get("operations")
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            return []
        return listed

    async def carry_out(self, body: Any = None) -> Response:  # noqa: ANN401 - as in `Call`
        """Carry out the call, or the same call with another body; return its true response."""
        if body is None:
            return await self.exchange.answer()
        return await replace(self.exchange, call=replace(self.call, body=body)).answer()

    async def wait(self) -> None:
        """Wait longer than a client does. Raises `Dropped` if the state was reset meanwhile."""
        world = self.state.world
        await self.state.sleep(self.random.uniform(*_PATIENCE))
        if self.state.world != world:
            raise Dropped

    def with_headers(self, response: Response) -> Response:
        """Add the headers of the portal's own responses."""
        return self.exchange.gate.with_headers(response, self.exchange.route)

    def refusal(self, problem: RefusalError) -> Response:
        """Return a refusal in the portal's format."""
        return self.with_headers(self.exchange.gate.refusal(self.exchange.request, problem))

    def altered(self, response: Response, document: object, status: int = 0) -> Response:
        """Return the response with another document, and another status unless it is 0."""
        media_type = response.headers["content-type"]
        status = status or response.status_code
        return self.with_headers(JSONResponse(document, status, None, media_type))


def document_of(response: Response) -> Any:  # noqa: ANN401 - it is what is parsed
    """Parse the JSON of a response."""
    return json.loads(bytes(response.body))
