"""What a run may do: what configuration and portal allow, how much at once, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.core.model import Operation, Source, Value, Verb


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration and the portal allow.

    `order` are the identifiers that find an agent; `recall`, the memory does too; `needs` what a
    creation takes; `removal` what happens to an agent that was ours and is declared no more (None:
    it is reported); `off` the path and value that take an agent off all listings; `hold` leaves
    alone what cannot be compared; `by_handle`, updates name their agent by the external id;
    `replaces`, an update is the whole agent; `refuses` says of an operation why the portal would
    refuse it, None if it would not.
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


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest share of the declared agents that may change or be taken off, and the number of
    declared agents below which there is no limit. `agents` counts the declared ones, on whatever
    portal (0: those of the portal at hand)."""

    changes: float
    removals: float
    floor: int
    agents: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The agents that a plan looks at: those whose key or file fits a target (all, without one)
    and no exclude. Patterns are globs; one with a slash or a file's ending is a file's too.
    `without` are agents to leave out, by portal and key."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    without: frozenset[tuple[str, str]] = frozenset()

    def has(self, portal: str, key: str, source: Source | None) -> bool:
        """Whether the plan looks at this agent."""
        if (portal, key) in self.without:
            return False

        def fits(pattern: str) -> bool:
            return (
                pattern == key
                or fnmatchcase(key, pattern)
                or (source is not None and _is_file(pattern) and fnmatchcase(source.file, pattern))
            )

        chosen = not self.targets or any(map(fits, self.targets))
        return chosen and not any(map(fits, self.excludes))


def _is_file(pattern: str) -> bool:
    """Whether a pattern is meant for files: `a*` is for agents and not for all below agents/."""
    return "/" in pattern or pattern.endswith((".yaml", ".yml"))
