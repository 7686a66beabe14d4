"""Agents that were applied from here and that no file declares now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.findings import Findings, Scope
from reconciler.core.match import label
from reconciler.core.model import AgentState, Live, Operation, Warning
from reconciler.core.operations import deactivation


@dataclass(frozen=True, slots=True)
class Removed:
    """An agent that no file declares now: to be unlinked, or deactivated by this operation."""

    key: str
    live: Live
    deactivation: Operation | None = None


def find_removals(scope: Scope, findings: Findings) -> list[Removed]:
    """The agents to unlink or deactivate. Adds a warning for each that stays as it is.

    An agent that a conflict concerns may still be declared, so it is left unchanged. If its key
    belongs to another agent now, it is not deactivated: the two may have been confused.
    """
    removals = []
    others = {found.desired.key: found.live for found in scope.matching.matches}
    policy = scope.catalogue.policy
    for live, state in _undeclared(scope):
        external = scope.catalogue.external_id(live.identity)
        if policy.removal == "unlink" and state.key == external:
            removals.append(Removed(state.key, live))
        elif policy.removal == "deactivate" and policy.off and state.key not in others:
            operation = deactivation(state.key, live, scope.catalogue, policy.off)
            removals.append(Removed(state.key, live, operation))
        else:
            message = _left_unchanged(state.key, live, others.get(state.key))
            findings.warnings.append(Warning(scope.portal, state.key, None, message, live.name))
    return removals


def _undeclared(scope: Scope) -> Iterator[tuple[Live, AgentState]]:
    """The listed agents that were applied from here, are no longer declared and are not off yet."""
    if not scope.listing.complete or not scope.prior.agents:
        return
    matching = scope.matching
    spared = {str(found.live.id) for found in matching.matches}
    spared |= {str(each.id) for conflict in matching.conflicts for each in conflict.candidates}
    undecided = {each.key for each in matching.conflicts} | {each.key for each in matching.absent}
    for live in scope.listing.agents:
        state = scope.prior.agents.get(str(live.id))
        if state is None or str(live.id) in spared or state.key in undecided:
            continue
        if _is_ours(live, state, scope) and not _is_off(scope, live):
            yield live, state


def _is_ours(live: Live, state: AgentState, scope: Scope) -> bool:
    """Whether the plan covers a recorded agent, and no one has unlinked it on the portal."""
    catalogue = scope.catalogue
    keys = (f"id:{live.id}", catalogue.external_id(live.identity))
    linked = catalogue.handle is None or state.key in keys
    return linked and scope.selection.has(scope.portal, state.key, None)


def _is_off(scope: Scope, live: Live) -> bool:
    off = scope.catalogue.policy.off
    return off is not None and live.values.get(off[0]) == off[1]


def _left_unchanged(key: str, live: Live, other: Live | None) -> str:
    now = f", and {key} is now agent {label(other)}" if other is not None else ""
    return (
        f"agent {label(live)} was applied from here, but no file declares them any more{now}. The "
        f"portal still shows them unchanged."
    )
