"""The portals that the program knows.

A portal does no I/O. To read, or to perform a step, it is a generator that yields a `Request` and
receives the `Response`; the caller does the HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier
from reconciler.core.model import (
    Account,
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    RateLimit,
    Response,
    Scalar,
    Session,
    Step,
)
from reconciler.core.pictures import PictureRules
from reconciler.documents.config import Section
from reconciler.documents.parts import Part
from reconciler.portals.propertyfinder import PropertyFinder
from reconciler.portals.rentix import Rentix


class Portal(Protocol):
    """What a portal provides."""

    name: ClassVar[str]
    part: ClassVar[Part]
    """Its part of an agent's file."""
    settings: ClassVar[type[Any]]
    """Its section of `reconciler.yaml`, a subclass of `Section`."""
    fields: ClassVar[Sequence[Field]]
    identifiers: ClassVar[Sequence[Identifier]]
    pictures: ClassVar[PictureRules]
    """Which pictures it accepts."""
    secrets: ClassVar[Sequence[str]]
    """The environment variables with its keys; all are needed."""

    def __init__(self, section: Any, hold: bool = False) -> None:  # noqa: ANN401 - its own section
        """A portal for one run. `hold`: values that cannot be compared are not sent."""

    @property
    def rate_limits(self) -> Sequence[RateLimit]:
        """How many requests the portal allows."""

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""

    @property
    def policy(self) -> Policy:
        """What the configuration allows on this portal."""

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A session, or the response that refused it."""

    @property
    def account(self) -> Scalar | None:
        """The id of the account that the configuration names, if it names one."""

    def look_up_account(self) -> Conversation[Account | None]:
        """The account that the key belongs to, with one request; None if it is unknown."""

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """All agents of the agency, and `desired` in values that compare with theirs. Raises
        PortalError if they cannot be read, ResponseError if a response has an undocumented form."""

    def look_up(self, ids: Sequence[Scalar]) -> Conversation[dict[str, Live | None]]:
        """The agents with these live ids, by id as text: None if the portal has no such agent. An
        agent that could not be read is left out."""

    def live_listings(self, agents: Sequence[Live]) -> Conversation[dict[str, int]]:
        """How many live listings each of these agents has, by live id as text; without those for
        whom the portal does not say."""

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """The fewest requests for these operations, in an order in which they can be sent."""

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send a step and settle uncertain outcomes by reading; one outcome per operation. The step
        may have fewer operations than it was planned with."""


PORTALS: dict[str, type[Portal]] = {"rentix": Rentix, "propertyfinder": PropertyFinder}
"""Each portal by its name in `reconciler.yaml`. The first one is used without a configuration."""


def parts() -> tuple[Part, ...]:
    """What an agent's file may declare, per portal."""
    return tuple(portal.part for portal in PORTALS.values())


def sections() -> dict[str, type[Section]]:
    """What `reconciler.yaml` may set, by portal."""
    return {name: portal.settings for name, portal in PORTALS.items()}
