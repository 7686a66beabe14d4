"""What a view is made of: sentences about agents, in sections, and the agents themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.model import Source, Status, Step
from reconciler.render.rows import Agent


class Located(Protocol):
    """An agent on a portal: a conflict, a warning, an operation, a value."""

    @property
    def portal(self) -> str:
        """The portal."""
        ...

    @property
    def key(self) -> str:
        """The key in the files."""
        ...

    @property
    def source(self) -> Source | None:
        """Where the agent is declared, if anywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence about an agent or a portal.

    `label` is its emphasized start. `portal` is "" where a plan has only one. `anchor` leads to the
    agent's part of a page. Text between backticks is code.
    """

    text: str = ""
    label: str = ""
    name: str = ""
    key: str = ""
    portal: str = ""
    source: Source | None = None
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Items under a title. `noun` is what one of them is called, `text` is what holds for all.
    `danger` sections come first, in a frame. `of_plan`: the plan of a report has them as well."""

    title: str
    items: Sequence[Item]
    noun: str
    text: str = ""
    danger: bool = False
    of_plan: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """A number with what it counts."""

    number: int
    label: str
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """An agent of an apply: what was done, and how it ended. `ids` are those of a new agent."""

    item: Item
    verbs: str
    outcome: str
    status: Status
    ids: str


@dataclass(frozen=True, slots=True)
class View:
    """A plan, drift or report in reading order.

    `headline` is the whole verdict in one sentence; `title` and `lead` are its parts. `accounts`
    has the portals whose account is known, with its name and id. `before` and `after` are what both
    sides of a change are called.
    """

    kind: str
    portals: tuple[str, ...]
    several: bool
    headline: str
    title: str
    lead: str = ""
    accounts: Sequence[tuple[str, str]] = ()
    counts: Sequence[Count] = ()
    first: Sequence[Section] = ()
    agents: Sequence[Agent] = ()
    before: str = "Now"
    after: str = "After apply"
    results: Sequence[Result] = ()
    notes: Sequence[Section] = ()
    closing: Sequence[str] = ()
    steps: Sequence[Step] = ()

    @property
    def drift(self) -> bool:
        """Whether it shows what happened, and not what an apply would do."""
        return self.kind == "Drift"
