"""Agents that the portal does not have: which to create, which to wait for, which may exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core import names
from reconciler.core.findings import Findings, Scope, sentence_list
from reconciler.core.match import candidate, label, labels
from reconciler.core.model import Conflict, Desired, Live, Operation
from reconciler.core.operations import creation, creation_form
from reconciler.core.people import by_identifier, by_name, declared_name
from reconciler.core.state import was_refused


def find_creations(scope: Scope, findings: Findings) -> list[Operation]:
    """The agents to create. Adds the agents to wait for, and conflicts for those that
    may already exist."""
    creations = []
    recorded = {state.key: live_id for live_id, state in scope.prior.agents.items()}
    unmatched = by_name(scope.unmatched) if any(map(declared_name, scope.absent.values())) else {}
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
            same = [] if former else _namesakes(declared_name(desired), unmatched)
            findings.warn(desired, f"{reason}{_is_same_person(same, scope)}")
        else:
            findings.conflict(desired, reason)
    if creations:
        _refuse_duplicates(creations, scope, findings)
        _warn_of_namesakes(creations, unmatched, scope, findings)
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
        index = by_identifier(scope.unmatched, hint)
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


def _namesakes(name: str, unmatched: Mapping[str, Sequence[Live]]) -> Sequence[Live]:
    """The unmatched live agents with this name, in any script and word order. `unmatched` has them
    by the key of their name."""
    return unmatched.get(names.key(name), ()) if name else ()


def _is_same_person(namesakes: Sequence[Live], scope: Scope) -> str:
    """What to do about unmatched live agents with the name of a waiting agent; "" without any."""
    if not namesakes:
        return ""
    verb = "has" if len(namesakes) == 1 else "have"
    return (
        f" {labels(namesakes)} on the portal {verb} the same name, and no file declares "
        f"{'them' if len(namesakes) == 1 else 'any of them'}: if this is the same person, declare "
        f"`{scope.catalogue.pin}: {namesakes[0].id}`."
    )


def _warn_of_namesakes(
    creations: Iterable[Operation],
    unmatched: Mapping[str, Sequence[Live]],
    scope: Scope,
    findings: Findings,
) -> None:
    """Add a warning for each creation of an agent who has the name of an unmatched live agent."""
    for operation in creations:
        for live in _namesakes(str(operation.values.get("name") or ""), unmatched):
            message = (
                f"will be created, but the portal already has {label(live)}, whom no file "
                f"declares. If this is the same person, declare `{scope.catalogue.pin}: {live.id}`."
            )
            findings.warn(operation, message)
