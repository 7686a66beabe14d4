"""Agents that the portal does not have: which to create, which to wait for, which may exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.fields import Identifier
from reconciler.core.findings import Findings, Scope, sentence_list
from reconciler.core.match import candidate, label, labels
from reconciler.core.model import Conflict, Desired, Live, Operation
from reconciler.core.operations import creation, creation_form
from reconciler.core.state import was_refused


def find_creations(scope: Scope, findings: Findings) -> list[Operation]:
    """The agents to create. Adds the agents to wait for, and conflicts for those that
    may already exist."""
    creations = []
    recorded = {state.key: live_id for live_id, state in scope.prior.agents.items()}
    for desired in scope.absent.values():
        operation = creation(desired, scope.catalogue)
        former = scope.matching.former.get(desired.key, ())
        if scope.catalogue.policy.recall and desired.key in recorded and not former:
            findings.conflict(desired, _vanished(recorded[desired.key]))
            continue
        reason = _why_not_created(desired, operation, scope, former)
        if reason is None:
            creations.append(operation)
        elif scope.listing.complete:
            findings.waiting.append(desired.key)
            findings.warn(desired, reason)
        else:
            findings.conflict(desired, reason)
    if creations:
        _refuse_duplicates(creations, scope, findings)
        _warn_of_namesakes(creations, scope, findings)
    return creations


def _why_not_created(
    desired: Desired, operation: Operation, scope: Scope, former: Sequence[Live]
) -> str | None:
    """Why an absent agent is not created; None if it is. `former` has the live agents that were
    matched under this key in an earlier apply."""
    if not scope.listing.complete:
        return "not in the incomplete list that the portal returned. Skipped; run again later."
    if former:
        return (
            f"was agent {label(former[-1])} at the last apply, but the file no longer matches it. "
            f"If this is still the same agent, declare `{scope.catalogue.pin}: {former[-1].id}`."
        )
    if not scope.catalogue.policy.create:
        return _invite(desired, scope)
    return _why_not_creatable(desired, operation, scope)


def _why_not_creatable(desired: Desired, operation: Operation, scope: Scope) -> str | None:
    """Why a creation cannot succeed; None if it can."""
    policy = scope.catalogue.policy
    if policy.off is not None and desired.values.get(policy.off[0]) == policy.off[1]:
        return f"not on the portal, and declared {policy.off[1]}: nothing to do."
    missing = [
        name for name in policy.needs if name not in desired.identity and name not in desired.values
    ]
    if missing:
        return f"not on the portal. To create the agent, declare {sentence_list(missing)}."
    if was_refused(scope.prior, desired.key, creation_form(operation)):
        return (
            "not on the portal, which refused to create the agent. Invite the agent there; the "
            "creation is not retried until the file changes."
        )
    return None


def _vanished(live_id: str) -> str:
    return (
        f"was agent {live_id} at the last apply, but the portal no longer lists them. No new "
        f"agent is created. Look for the agent on the portal; if they are gone for good, declare "
        f"them under another externalId."
    )


def _invite(desired: Desired, scope: Scope) -> str:
    """How an agent gets onto the portal, and how a later run matches them."""
    identifiers = scope.catalogue.identifiers
    ways = [
        each
        for each in identifiers
        if each.name in scope.catalogue.policy.order and each.moves != "link" and each.rule != "pin"
    ]
    declared = [each.spelling for each in ways if each.name in desired.identity]
    if declared:
        later = f"a later run matches them by {declared[0]}."
    else:
        others = ways or [each for each in identifiers if each.rule == "pin"]
        later = f"declare {others[0].spelling} too, so that a later run matches them."
    return f"not on the portal yet. Invite the agent there; {later}"


def _refuse_duplicates(creations: Iterable[Operation], scope: Scope, findings: Findings) -> None:
    """Add a conflict for each creation of an agent who shares a hint with an unmatched live agent:
    it may be the same person."""
    for hint in scope.catalogue.identifiers:
        if hint.rule != "hint":
            continue
        index = _index(scope.unmatched, hint)
        for operation in creations:
            value = scope.absent[operation.key].identity.get(hint.name)
            same = index.get(hint.canonical(value), []) if value is not None else []
            if same:
                reason = (
                    f"{hint.spelling} {value} belongs to {labels(same)}, whom no file declares. If "
                    f"this is the same person, declare `{scope.catalogue.pin}: {same[0].id}`; "
                    f"otherwise declare that agent too."
                )
                candidates = tuple(candidate(live, None) for live in same)
                findings.conflicts.append(
                    Conflict(scope.portal, operation.key, operation.source, reason, candidates)
                )


def _index(agents: Iterable[Live], identifier: Identifier) -> dict[str, list[Live]]:
    index: dict[str, list[Live]] = {}
    for live in agents:
        if (value := live.identity.get(identifier.name)) is not None:
            index.setdefault(identifier.canonical(value), []).append(live)
    return index


def _warn_of_namesakes(creations: Iterable[Operation], scope: Scope, findings: Findings) -> None:
    """Add a warning for each creation of an agent who has the name of an unmatched live agent."""
    index: dict[str, list[Live]] = {}
    for live in scope.unmatched:
        index.setdefault(live.name, []).append(live)
    for operation in creations:
        name = operation.values.get("name")
        for live in index.get(name, ()) if name else ():
            message = (
                f"will be created, but the portal already has {label(live)}, whom no file "
                f"declares. If this is the same person, declare `{scope.catalogue.pin}: {live.id}`."
            )
            findings.warn(operation, message)
