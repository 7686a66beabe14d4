"""Which agents a plan covers."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.core.model import Source


@dataclass(frozen=True, slots=True)
class Selection:
    """The agents whose key or file matches a target (all agents, without one) and no exclude.

    Patterns are globs. A pattern with a slash or a YAML suffix is matched against files too.
    `without` are agents to leave out, by portal and key. With `force`, a target that names an agent
    in full treats the agent as new, even if the ledger knows one that is gone.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    without: frozenset[tuple[str, str]] = frozenset()
    force: bool = False

    def has(self, portal: str, key: str, source: Source | None) -> bool:
        """Whether the plan covers this agent."""
        if (portal, key) in self.without:
            return False

        def matches(pattern: str) -> bool:
            return (
                pattern == key
                or fnmatchcase(key, pattern)
                or (source is not None and _is_file(pattern) and fnmatchcase(source.file, pattern))
            )

        selected = not self.targets or any(map(matches, self.targets))
        return selected and not any(map(matches, self.excludes))

    def renews(self, key: str) -> bool:
        """Whether this agent is to be treated as new."""
        return self.force and key in self.targets


def _is_file(pattern: str) -> bool:
    """Whether a pattern is for files: `a*` is for keys, or it would match all of agents/."""
    return "/" in pattern or pattern.endswith((".yaml", ".yml"))
