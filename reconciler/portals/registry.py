"""The portals: one module each, one line each in `PORTALS`.

A portal does no I/O. To read, or to carry a step out, it is a generator that yields a `Request` and
is handed the `Response`, as often as it needs; whoever drives it has the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier
from reconciler.core.model import (
    Desired,
    Listing,
    Operation,
    Outcome,
    RateLimit,
    Response,
    Session,
    Step,
)
from reconciler.portals.propertyfinder import PropertyFinder
from reconciler.portals.rentix import Rentix


class Portal(Protocol):
    """What a portal's module has to give."""

    name: str
    fields: Sequence[Field]
    identifiers: Sequence[Identifier]
    secrets: Sequence[str]
    """The environment variables that hold the key; all are needed."""

    @property
    def rate_limits(self) -> Sequence[RateLimit]:
        """What the portal limits."""
        ...

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        ...

    @property
    def policy(self) -> Policy:
        """What the configuration allows on this portal."""
        ...

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A session; or the response that refused one."""
        ...

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """All agents of the agency; and what is declared, in words that can be compared with
        theirs. Raises PortalError where an answer is not as documented."""
        ...

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """The fewest requests for these operations, in an order in which they may be sent."""
        ...

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send a step, settle what is uncertain by reading; one outcome an operation. The
        step's operations may be fewer than it was planned with."""
        ...


PORTALS: dict[str, Callable[..., Portal]] = {"rentix": Rentix, "propertyfinder": PropertyFinder}
"""Each portal by its name in `reconciler.yaml`: made from its section of the configuration
(`section`), and `hold`, whether what cannot be compared is left alone."""
