"""The portals: one module each, one line each in `PORTALS`.

A portal does no I/O. To read, or to carry a step out, it is a generator that yields a `Request` and
is handed the `Response`, as often as it needs; whoever drives it (`execute.drive`) has the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol, TypeVar

from reconciler.core.fields import Field, Identifier
from reconciler.core.model import (
    Listing,
    Operation,
    Outcome,
    Pace,
    Request,
    Response,
    Step,
)
from reconciler.core.plan import Policy
from reconciler.portals.rentix import Rentix

Result = TypeVar("Result")
Conversation = Generator[Request, Response, Result]


class Portal(Protocol):
    """What a portal's module has to give."""

    name: str
    fields: Sequence[Field]
    identifiers: Sequence[Identifier]
    paces: Sequence[Pace]
    secrets: Sequence[str]
    """The environment variables that hold the key; all are needed."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        ...

    @property
    def policy(self) -> Policy:
        """What the configuration allows on this portal."""
        ...

    def headers(self, secrets: Mapping[str, str]) -> Mapping[str, str]:
        """The headers that authenticate a request."""
        ...

    def read(self) -> Conversation[Listing]:
        """All agents of the agency. Raises PortalError where the answer is not as documented."""
        ...

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """The fewest requests for these operations, in an order in which they may be sent."""
        ...

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send a step, settle what is uncertain by reading; one outcome an operation. The
        step's operations may be fewer than it was planned with."""
        ...


PORTALS: Mapping[str, Callable[..., Portal]] = {"rentix": Rentix}
"""Each portal by its name in `reconciler.yaml`: made from its section of the configuration
(`section`), and `hold`, whether what cannot be compared is left alone."""
