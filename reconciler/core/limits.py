"""How many agents one apply may change or take off a portal, and how much of them a list shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.findings import Scope
from reconciler.core.model import Desired, Entry
from reconciler.core.omissions import known, omits_most, omitted

ROUNDING = 1e-6
"""Agents: 29% of 100 is 28.999999999999996 in floating point."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest share of the declared agents that may change or be taken off a portal.

    With fewer than `floor` declared agents there is no limit. `agents` counts the agents declared
    for any portal (0: use the number declared for the portal at hand).
    """

    changes: float
    removals: float
    floor: int
    agents: int = 0


def exceeded(
    portal: str, entries: Sequence[Entry], declared: int, limits: Limits
) -> tuple[str, ...]:
    """A sentence for each limit that these entries exceed.

    `declared` counts the agents declared for the portal, whatever the selection. Agents about to
    be taken off were declared until now, so they count towards the floor: otherwise, emptying a
    folder would lift the limits.
    """
    declared = max(declared, limits.agents)
    if declared + sum(entry.source is None for entry in entries) < limits.floor:
        return ()
    sentences = []
    for count, share, name, verb in (
        (len(entries), limits.changes, "changes", "change"),
        (sum(map(takes_off, entries)), limits.removals, "removals", "be taken off"),
    ):
        if count > share * declared + ROUNDING:
            sentences.append(
                f"{count} of {declared} agents on {portal} would {verb} "
                f"({count / max(declared, 1):.0%}); limits.{name} allows {share:.0%}"
            )
    return tuple(sentences)


def exceeded_by_list(
    desired: Sequence[Desired], scope: Scope, entries: Sequence[Entry]
) -> tuple[str, ...]:
    """A sentence for each limit that the portal's list exceeds, whatever the floor: it omits most
    of the known agents; or it is empty, so that every creation may be a duplicate."""
    sentences = []
    portal, listing = scope.portal, scope.listing
    if omits_most(desired, listing, scope.prior):
        ours = known(desired, scope.prior)
        found = len(ours) - len(set(ours).intersection(omitted(scope.prior, listing)))
        sentences.append(
            f"{portal} lists {f'only {found}' if found else 'none'} of the {len(ours)} agents of "
            f"the last apply. Either the key is another agency's, the response was truncated, or "
            f"the others have left. Compare with the portal's website, then plan again"
        )
    listed = len(listing.agents) - len(listing.found)
    created = sum(entry.id is None for entry in entries)
    if created and not listed:
        sentences.append(
            f"{portal} lists no agents, so each agent to create may already exist. For a new "
            f"agency, this is expected. Otherwise, check that the key is this agency's, then plan "
            f"again"
        )
    return tuple(sentences)


def takes_off(entry: Entry) -> bool:
    """Whether an entry takes an agent off the portal, or removes our link to one."""
    return "deactivate" in entry.actions or entry.source is None
