"""Tiny: a portal whose key is the phone, which knows no bulk and takes only whole agents.

This is all that a portal's module has to give; `docs/adding-a-portal.md` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

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
    Session,
    Step,
)
from reconciler.errors import PortalError
from reconciler.portals.uncertain import TRIES, Uncertain, compared, given_up

FIELDS = (Field("name", Sort.TEXT), Field("instagram", Sort.LINK))


class Section(Protocol):
    """What this module reads of `portals.tiny` in the configuration."""

    url: str


@dataclass
class Tiny:
    """The portal as one run sees it."""

    section: Section
    hold: bool = False
    name: str = "tiny"
    fields: Sequence[Field] = FIELDS
    identifiers: Sequence[Identifier] = (Identifier("phone", "key", canonical=digits),)
    rate_limits: Sequence[RateLimit] = (RateLimit("all", 10_000),)
    secrets: Sequence[str] = ("TINY_API_KEY",)

    @property
    def url(self) -> str:
        """The base URL."""
        return self.section.url

    @property
    def policy(self) -> Policy:
        """Agents are found by phone, and an update is the whole agent."""
        return Policy(order=("phone",), replaces=True, hold=self.hold)

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """The key goes with each request."""
        yield from ()
        return Session({"X-Key": secrets["TINY_API_KEY"]})

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """One list of all agents."""
        response = yield Request("GET", "/agents")
        if response.status != 200:
            raise PortalError(f"Tiny could not be read: {response.error or response.body}.")
        return Listing(tuple(map(live, response.body["agents"]))), desired

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """A PUT for each agent."""
        return tuple(
            Step(f"r{number}", Request("PUT", f"/agents/{each.id}", dict(each.values)), (each,))
            for number, each in enumerate(operations, 1)
        )

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send it; where the answer is lost, look before it is sent again."""
        (operation,) = step.operations
        doubt = Uncertain(operation, Response(None))
        for attempt in range(TRIES):
            last = yield replace(step.request, attempt=attempt)
            if last.status == 200 and not last.uncertain:
                return (Outcome(operation, "applied", 200, None, operation.id),)
            if not last.uncertain:
                said = last.error or str(last.body)
                return (Outcome(operation, "failed", last.status, said, operation.id),)
            listing, _ = yield from self.read(())
            agent = next(each for each in listing.agents if each.id == operation.id)
            doubt = Uncertain(operation, last, compared(operation, agent, FIELDS))
            if doubt.verdict is Verdict.SAME:
                return (Outcome(operation, "applied", None, None, operation.id),)
        return (given_up(doubt),)


def live(agent: Mapping[str, str]) -> Live:
    """An agent as the portal lists it."""
    values = {"name": agent["name"], "instagram": agent["instagram"]}
    number = digits(agent["phone"]).removeprefix("+")
    return Live("tiny", number, agent["name"], {"phone": agent["phone"]}, values)
