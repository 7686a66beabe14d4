"""What the stages of a plan share: their scope, and the findings that each of them adds to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.core.catalogue import Catalogue
from reconciler.core.match import Matching
from reconciler.core.model import (
    Conflict,
    Desired,
    Entry,
    Listing,
    Live,
    Match,
    Operation,
    PortalState,
    Source,
    Unmet,
    Verb,
    Warning,
)
from reconciler.core.selection import Selection


@dataclass(frozen=True)
class Scope:
    """One portal's agents after matching, and which of them a plan covers."""

    catalogue: Catalogue
    listing: Listing
    prior: PortalState
    selection: Selection
    matching: Matching

    @property
    def portal(self) -> str:
        """The portal's name."""
        return self.catalogue.portal

    def covers(self, each: Desired | Conflict) -> bool:
        """Whether the plan covers this agent."""
        return self.selection.has(each.portal, each.key, each.source)

    @cached_property
    def matches(self) -> tuple[Match, ...]:
        """The matched agents that the plan covers."""
        return tuple(found for found in self.matching.matches if self.covers(found.desired))

    @cached_property
    def absent(self) -> Mapping[str, Desired]:
        """The absent agents that the plan covers, by key."""
        return {each.key: each for each in self.matching.absent if self.covers(each)}

    @cached_property
    def unmatched(self) -> tuple[Live, ...]:
        """The live agents that no file matches."""
        matched = {found.live.id for found in self.matching.matches}
        return tuple(live for live in self.listing.agents if live.id not in matched)


@dataclass
class Findings:
    """What the stages have found so far."""

    operations: list[Operation] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    warnings: list[Warning] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    not_taken: list[Unmet] = field(default_factory=list)

    @property
    def in_conflict(self) -> set[str]:
        """The keys of the agents in conflict: nothing else is planned for them."""
        return {each.key for each in self.conflicts}

    def warn(
        self,
        agent: Desired | Operation,
        message: str,
        path: str = "",
        name: str = "",
        verb: Verb | None = None,
    ) -> None:
        """Add a warning about a declared agent, or about an operation and its `verb`, at the line
        of `path`. `name` is the person's, needed if no file declares them."""
        found = Warning(agent.portal, agent.key, agent.at(path), message, name, verb)
        self.warnings.append(found)

    def conflict(self, agent: Desired | Operation, reason: str) -> None:
        """Add a conflict of a declared agent or an operation."""
        self.conflicts.append(Conflict(agent.portal, agent.key, agent.source, reason))


def in_order(each: Entry | Conflict | Warning) -> tuple[bool, str, int]:
    """The sort key of a plan: the order of the files, then agents in no file."""
    source: Source | None = each.source
    return (source is None, source.file if source else "", source.line if source else 0)


def sentence_list(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def sentence(text: str) -> str:
    """The text with a capital."""
    return text[:1].upper() + text[1:]
