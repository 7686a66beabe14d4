"""Agents who were ours and whom no file declares now."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core import links
from reconciler.core.diff import not_taken
from reconciler.core.fields import Field, digest
from reconciler.core.match import Matching, label
from reconciler.core.model import AgentState, Listing, Live, Operation, PortalState, Unmet, Warning
from reconciler.core.operations import ending
from reconciler.core.policy import Policy, Selection
from reconciler.core.state import known


def find_removals(
    portal: str,
    matching: Matching,
    listing: Listing,
    prior: PortalState,
    table: Mapping[str, Field],
    policy: Policy,
    name: str | None,
    selection: Selection,
) -> tuple[list[links.Claim], list[tuple[Operation, Live]], list[Warning], list[Unmet]]:
    """The agents that were ours and that no file declares now: to be unlinked, to be deactivated,
    or reported; and those whom the portal was told to take off, and did not.

    Whoever a conflict is about may still be declared, so such an agent is left alone. Where the key
    is another agent's now, only the key is taken off: the person may have been mistaken for them.
    """
    claims: list[links.Claim] = []
    ended: list[tuple[Operation, Live]] = []
    reports: list[Warning] = []
    kept_on: list[Unmet] = []
    if not listing.complete or not prior.agents:
        return claims, ended, reports, kept_on
    kept = {str(found.live.id) for found in matching.matches}
    kept |= {str(each.id) for conflict in matching.conflicts for each in conflict.candidates}
    open_keys = {each.key for each in matching.conflicts} | {each.key for each in matching.absent}
    others = {found.desired.key: found.live for found in matching.matches}
    for live in listing.agents:
        ours = prior.agents.get(str(live.id))
        held = live.identity.get(name) if name else None
        if ours is None or str(live.id) in kept or ours.key in open_keys:
            continue
        undone = name is not None and ours.key not in (f"id:{live.id}", held)
        off = policy.off is not None and live.values.get(policy.off[0]) == policy.off[1]
        if undone or off or not selection.has(portal, ours.key, None):
            continue
        ignored = _ignored(portal, ours, live, table, policy)
        if ignored is not None:
            kept_on.append(ignored)
            reports.append(Warning(portal, ours.key, None, not_taken(table, ignored)))
        elif policy.removal == "unlink" and ours.key == held:
            claims.append(links.Claim(ours.key, None, live, None))
        elif policy.removal == "deactivate" and policy.off is not None and ours.key not in others:
            ended.append((ending(portal, ours.key, live, policy.off), live))
        else:
            reports.append(_left_there(portal, ours.key, live, others.get(ours.key)))
    return claims, ended, reports, kept_on


def _left_there(portal: str, key: str, live: Live, other: Live | None) -> Warning:
    now = f", and {key} is agent {label(other)} now" if other is not None else ""
    message = (
        f"agent {label(live)} was applied from here and no file declares them now{now}. "
        f"The portal still shows them as they are."
    )
    return Warning(portal, key, None, message)


def _ignored(
    portal: str, ours: AgentState, live: Live, table: Mapping[str, Field], policy: Policy
) -> Unmet | None:
    """What the portal was told to take an agent off by, if it showed the same afterwards."""
    if policy.off is None or policy.removal is None:
        return None
    path, value = policy.off
    kept, field = ours.fields.get(path), table[path]
    if kept is None or kept.applied != digest(field, value) or not known(field, path, live, kept):
        return None
    return Unmet(portal, ours.key, None, path, value, live.values.get(path))
