"""The portals as the conformance suite uses them, through the same few methods.

A new portal joins the suite with a class here and a line in `WORLDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol
from unittest import mock

from agency import FAST, KEY, user
from starlette.responses import Response
from third.portal import Tiny
from third.server import KEY as TINY_KEY
from third.server import World as Agents
from third.server import serving

from reconciler.portals.registry import PORTALS
from reconciler.sandbox.propertyfinder import Limits
from reconciler.sandbox.server import Running
from reconciler.sandbox.state import Call

UNLIMITED = Limits(rate_limit=10**9, token_rate_limit=10**9)
Write = tuple[str, str, Any]


class World(Protocol):
    """A portal with some agents, numbered from 1."""

    name: str
    environment: Mapping[str, str]

    def fill(self, count: int) -> None:
        """Start again with `count` agents; agent 3 is named `Agent 3`."""
        ...

    def agent(self, number: int, **values: Any) -> dict[str, Any]:
        """What a file declares for this agent: what identifies it, and these values (`name`)."""
        ...

    def names(self) -> dict[int, str | None]:
        """The names on the portal, by number."""
        ...

    def rename(self, number: int, name: str) -> None:
        """Someone changes a name on the portal."""
        ...

    def truth(self) -> dict[int, Any]:
        """Everything that the portal stores about its agents, by number."""
        ...

    def writes(self) -> list[Write]:
        """The requests since the last call that may change something: method, path, body."""
        ...

    def lose_an_answer(self) -> None:
        """Apply the next write and lose its response."""
        ...


class OnSandbox:
    """What both portals of the sandbox have in common."""

    def __init__(self, running: Running) -> None:
        self.running = running
        mine = running.state.propertyfinder
        self.environment = {
            "RENTIX_URL": running.url,
            "RENTIX_API_KEY": KEY,
            "PROPERTYFINDER_URL": running.urls["propertyfinder"],
            "PROPERTYFINDER_API_KEY": mine.key,
            "PROPERTYFINDER_API_SECRET": mine.secret,
        }

    def writes(self) -> list[Write]:
        """From the log."""
        found = [
            (each.method, each.path.removeprefix("/api/v1"), each.body)
            for each in self.running.state.log
            if each.method != "GET" and not each.path.endswith("/token")
        ]
        self.running.state.log.clear()
        return found

    def lose_an_answer(self) -> None:
        """A gateway responds instead of the portal, once."""
        failed: list[Call] = []

        async def lose(call: Call, _: Response) -> Response | None:
            if call.method == "GET" or failed:
                return None
            failed.append(call)
            return Response("<html>Bad Gateway</html>", 502)

        self.running.state.after[:] = [lose]


class OnRentix(OnSandbox):
    """Rentix."""

    name = "rentix"

    def fill(self, count: int) -> None:
        """Agents with external ids."""
        agents = [user(number, externalId=f"a-{number}") for number in range(1, count + 1)]
        self.running.state.reset(agents, limits=FAST)
        self.running.state.after.clear()

    def agent(self, number: int, **values: Any) -> dict[str, Any]:
        """By external id."""
        return {"externalId": f"a-{number}", **values}

    def truth(self) -> dict[int, Any]:
        """The store's agents."""
        return {each.id: each for each in self.running.state.store.agents()}

    def names(self) -> dict[int, str | None]:
        """As a client reads them."""
        return {number: each.name for number, each in self.truth().items()}

    def rename(self, number: int, name: str) -> None:
        """In the store."""
        agent = self.truth()[number]
        agent.name = name
        self.running.state.store.save(agent)


class OnPropertyFinder(OnSandbox):
    """Property Finder."""

    name = "propertyfinder"

    def fill(self, count: int) -> None:
        """Users that are matched by e-mail."""
        users = [
            {"id": number, "email": f"a-{number}@agency.example", "publicProfile": {"name": name}}
            for number in range(1, count + 1)
            for name in [f"Agent {number}"]
        ]
        self.running.state.reset((), limits=FAST)
        self.running.state.propertyfinder.reset(users, limits=UNLIMITED)
        self.running.state.after.clear()

    def agent(self, number: int, **values: Any) -> dict[str, Any]:
        """By e-mail; the name is inherited."""
        email = f"a-{number}@agency.example"
        return {"externalId": f"a-{number}", **values, "propertyfinder": {"email": email}}

    def truth(self) -> dict[int, Any]:
        """The store's users."""
        return {each.id: each for each in self.running.state.propertyfinder.users.all()}

    def names(self) -> dict[int, str | None]:
        """Of the public profiles."""
        return {number: each.profile["name"] for number, each in self.truth().items()}

    def rename(self, number: int, name: str) -> None:
        """In the store."""
        one = self.truth()[number]
        one.profile = {**one.profile, "name": name}
        self.running.state.propertyfinder.users.save(one)


class OnTiny:
    """The third portal, on its own server."""

    name = "tiny"

    def __init__(self, url: str, agents: Agents) -> None:
        self.environment = {"TINY_URL": url, "TINY_API_KEY": TINY_KEY}
        self.agents = agents

    def fill(self, count: int) -> None:
        """Agents with phones."""
        self.agents.lose = 0
        self.agents.log.clear()
        self.agents.agents = {
            str(37360000000 + number): {
                "phone": f"+373 60 {number:06d}",
                "name": f"Agent {number}",
                "instagram": f"https://instagram.com/{number}",
            }
            for number in range(1, count + 1)
        }

    def agent(self, number: int, **values: Any) -> dict[str, Any]:
        """By phone."""
        return {"externalId": f"a-{number}", "phone": f"+373 60 {number:06d}", **values}

    def truth(self) -> dict[int, Any]:
        """The server's agents."""
        return {int(key) - 37360000000: dict(each) for key, each in self.agents.agents.items()}

    def names(self) -> dict[int, str | None]:
        """Of the agents."""
        return {number: each["name"] for number, each in self.truth().items()}

    def rename(self, number: int, name: str) -> None:
        """On the server."""
        self.agents.agents[str(37360000000 + number)]["name"] = name

    def writes(self) -> list[Write]:
        """From the log."""
        found = [each for each in self.agents.log if each[0] != "GET"]
        self.agents.log.clear()
        return found

    def lose_an_answer(self) -> None:
        """The server closes the connection."""
        self.agents.lose = 1


@contextmanager
def tiny() -> Iterator[OnTiny]:
    """The third portal, served and registered."""
    agents = Agents()
    with serving(agents) as url, mock.patch.dict(PORTALS, tiny=Tiny):
        yield OnTiny(url, agents)


WORLDS: dict[str, Callable[[Running], AbstractContextManager[World]]] = {
    "rentix": lambda running: nullcontext(OnRentix(running)),
    "propertyfinder": lambda running: nullcontext(OnPropertyFinder(running)),
    "tiny": lambda _: tiny(),
}
