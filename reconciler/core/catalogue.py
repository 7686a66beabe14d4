"""What a portal's agents have, how they are identified, and what may be done to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.core.fields import Field, Identifier, Rule, parent
from reconciler.core.model import Operation, Scalar, Value, Verb


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration and the portal allow.

    `order` has the identifiers that match, in order, and with `recall` the ledger matches too.
    `create` allows creations, and `needs` has what one requires. `removal` is what happens to an
    agent that was applied from here and is no longer declared (None: report it). `off` is the path
    and value that take an agent off all listings. `hold` leaves values unchanged that cannot be
    compared. With `by_handle`, updates name their agent by its external id; with `replaces`, an
    update carries the whole agent. `refuses` says why the portal would refuse an operation, None if
    it would not. `names` has the names of values that are numbers, by field.
    """

    order: tuple[str, ...]
    create: bool = False
    recall: bool = False
    needs: tuple[str, ...] = ()
    removal: Verb | None = None
    off: tuple[str, Value] | None = None
    hold: bool = False
    by_handle: bool = False
    replaces: bool = False
    refuses: Callable[[Operation], str | None] = lambda _: None
    names: Mapping[str, Mapping[Value, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """A portal's fields, identifiers and policy."""

    portal: str
    fields: Sequence[Field]
    identifiers: Sequence[Identifier]
    policy: Policy

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by name."""
        return {field.name: field for field in self.fields}

    def field(self, path: str) -> Field:
        """The field of a path: `description` for `description.ru`."""
        return self.by_name[parent(path)]

    @cached_property
    def handle(self) -> str | None:
        """The identifier that link and unlink move (an external id), None without one."""
        return next((each.name for each in self.identifiers if each.moves == "link"), None)

    @cached_property
    def pin(self) -> str:
        """The spelling of the portal's own id in a file."""
        return next((each.spelling for each in self.identifiers if each.rule == "pin"), "id")

    def rule(self, name: str) -> Rule | None:
        """The rule of an identifier, None for any other name."""
        return next((each.rule for each in self.identifiers if each.name == name), None)

    def external_id(self, identity: Mapping[str, Scalar]) -> Scalar | None:
        """The external id among these identifiers, None without one."""
        return identity.get(self.handle) if self.handle else None

    def is_off(self, path: str, value: Value) -> bool:
        """Whether this value takes an agent off all listings."""
        return self.policy.off == (path, value)
