"""A request that a fault works on, and what a fault can do with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.gate import Exchange, RefusalError
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

if TYPE_CHECKING:
    from reconciler.sandbox.faults.memory import Memory

_PAGING = frozenset({"page", "perPage"})
_PATIENCE = (35.0, 90.0)
"""How long a slow answer takes, in seconds: longer than a client waits."""


Handler = Callable[[Call], Response]
Agents = dict[int, Any]
"""The agents of a portal, by id."""


class Dropped(Exception):  # noqa: N818 - an outcome, not an error
    """The connection is reset, whatever part of the response has been sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """An admitted request, the random numbers for its fault, and what earlier faults left."""

    exchange: Exchange
    random: Random
    memory: Memory

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

    @property
    def lists(self) -> bool:
        """Whether this is a page of the list of all users."""
        if self.endpoint == "GET /users":
            return True
        return self.endpoint == "GET /v1/users" and self.call.query.keys() <= _PAGING

    @property
    def continues_list(self) -> bool:
        """Whether this is a page after the first one."""
        return self.lists and self.call.query.get("page", "1") != "1"

    @property
    def looks_up(self) -> bool:
        """Whether this reads single users: by id, external id or a filter."""
        by_path = self.endpoint in ("GET /users/:id", "GET /users/external/:externalId")
        return by_path or (self.endpoint == "GET /v1/users" and not self.lists)

    @property
    def agents(self) -> Agents:
        """The true agents of the portal, by id, in new objects each time."""
        store = self.state.store
        listed = store.agents() if self.portal == "rentix" else store.propertyfinder.all()
        return {each.id: each for each in listed}

    def save(self, agent: Any) -> None:  # noqa: ANN401 - an `Agent` or a `User`
        """Store an agent of the portal."""
        store = self.state.store
        users: Any = store if self.portal == "rentix" else store.propertyfinder
        users.save(agent)

    def showing(self, agents: list[Any]) -> AbstractContextManager[None]:
        """Let the portal hold these agents while the context is open."""
        store = self.state.store
        return (store if self.portal == "rentix" else store.propertyfinder).showing(agents)

    def with_handler(self, wrap: Callable[[Handler], Handler]) -> Target:
        """Return the same request, with its handler wrapped."""
        route = self.exchange.route
        route = replace(route, handler=wrap(route.handler))
        return replace(self, exchange=replace(self.exchange, route=route))

    def altering(self, alter: Callable[[Agents, Agents], None]) -> Target:
        """Return the same request; `alter` changes the stored agents after its effect, before
        anyone else can see them. It gets the agents before and after, by id."""

        def wrap(handler: Handler) -> Handler:
            def handle(call: Call) -> Response:
                before = self.agents
                response = handler(call)
                alter(before, self.agents)
                return response

            return handle

        return self.with_handler(wrap)

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
