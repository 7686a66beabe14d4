"""Tiny: a portal that identifies agents by phone, has no bulks and accepts only whole agents.

This is all that a portal needs; `docs/adding-a-portal.md` explains it. A file declares Tiny's values
with keys that another portal's part has already, so Tiny's own part has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier, Sort, Verdict, digits
from reconciler.core.model import (
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    RateLimit,
    Request,
    Response,
    Scalar,
    Session,
    Step,
)
from reconciler.documents.config import Section, Url
from reconciler.documents.parts import Part
from reconciler.errors import PortalError
from reconciler.portals.uncertain import TRIES, Uncertain, compared, given_up

FIELDS = (Field("name", Sort.TEXT), Field("instagram", Sort.LINK))


class Settings(Section):
    """The section `portals.tiny` of the configuration."""

    title: ClassVar[str] = "Tiny"

    url: Url = "https://tiny.example"


@dataclass
class Tiny:
    """The portal during one run."""

    section: Settings
    hold: bool = False

    name: ClassVar[str] = "tiny"
    part: ClassVar[Part] = Part("tiny")
    settings: ClassVar[type[Settings]] = Settings
    fields: ClassVar[Sequence[Field]] = FIELDS
    identifiers: ClassVar[Sequence[Identifier]] = (Identifier("phone", "key", canonical=digits),)
    rate_limits: ClassVar[Sequence[RateLimit]] = (RateLimit("all", 10_000),)
    secrets: ClassVar[Sequence[str]] = ("TINY_API_KEY",)
    account: ClassVar[None] = None

    @property
    def url(self) -> str:
        """The base URL."""
        return self.section.url

    @property
    def policy(self) -> Policy:
        """A phone matches an agent, and an update replaces the whole agent."""
        return Policy(order=("phone",), replaces=True, hold=self.hold)

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A session with the key in its header."""
        yield from ()
        return Session({"X-Key": secrets["TINY_API_KEY"]})

    def look_up_account(self) -> Conversation[None]:
        """None: the portal does not report its account."""
        yield from ()

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """Read the list of all agents."""
        response = yield Request("GET", "/agents")
        if response.status != 200:
            raise PortalError(f"Cannot read Tiny: {response.error or response.body}.")
        return Listing(tuple(map(live, response.body["agents"]))), desired

    def look_up(self, ids: Sequence[Scalar]) -> Conversation[dict[str, Live | None]]:
        """The agents with these ids: the portal has only the list."""
        listing, _ = yield from self.read(())
        found = {str(each.id): each for each in listing.agents}
        return {str(number): found.get(str(number)) for number in ids}

    def live_listings(self, agents: Sequence[Live]) -> Conversation[dict[str, int]]:
        """Nothing: the portal has no listings."""
        yield from ()
        return {}

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """A PUT for each agent."""
        return tuple(
            Step(f"r{number}", Request("PUT", f"/agents/{each.id}", dict(each.values)), (each,))
            for number, each in enumerate(operations, 1)
        )

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send the request. If the response is lost, read the agent before sending again."""
        (operation,) = step.operations
        uncertain = Uncertain(operation, Response(None))
        for attempt in range(TRIES):
            last = yield replace(step.request, attempt=attempt)
            if last.status == 200 and not last.uncertain:
                return (Outcome(operation, "applied", 200, None, operation.id),)
            if not last.uncertain:
                error = last.error or str(last.body)
                return (Outcome(operation, "failed", last.status, error, operation.id),)
            listing, _ = yield from self.read(())
            agent = next(each for each in listing.agents if each.id == operation.id)
            uncertain = Uncertain(operation, last, compared(operation, agent, FIELDS))
            if uncertain.verdict is Verdict.SAME:
                return (Outcome(operation, "applied", None, None, operation.id),)
        return (given_up(uncertain),)


def live(agent: Mapping[str, str]) -> Live:
    """An agent as the portal lists it."""
    values = {"name": agent["name"], "instagram": agent["instagram"]}
    number = digits(agent["phone"]).removeprefix("+")
    return Live("tiny", number, agent["name"], {"phone": agent["phone"]}, values)
