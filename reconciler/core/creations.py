"""Agents that the portal does not have: which to create, which to wait for, which may exist."""

from __future__ import annotations

import shlex
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
        why_lost = None if former else _why_lost(desired.key, recorded.get(desired.key), scope)
        reason = why_lost or _why_not_created(desired, operation, scope, former)
        if reason is None:
            creations.append(operation)
        elif why_lost is None and _is_listed_in_full(desired, scope):
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
    if not _is_listed_in_full(desired, scope):
        return (
            f"not in the incomplete list that the portal returned. Skipped; run again later. If "
            f"the list stays incomplete, look for the agent on the portal; "
            f"{_as_new(desired.key)}"
        )
    if former:
        return (
            f"was agent {label(former[-1])} at the last apply, but the file no longer matches it. "
            f"If this is still the same agent, declare `{scope.catalogue.pin}: {former[-1].id}`."
        )
    if not scope.catalogue.policy.create:
        return _invite(desired, scope)
    return _why_not_creatable(desired, operation, scope)


def _why_not_creatable(desired: Desired, operation: Operation, scope: Scope) -> str | None:
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


def _is_listed_in_full(desired: Desired, scope: Scope) -> bool:
    """Whether the list would have the agent if it existed, or a person decided so."""
    return scope.listing.complete or scope.selection.renews(desired.key)


def _why_lost(key: str, live_id: str | None, scope: Scope) -> str | None:
    """Why an agent whom the ledger knows and the list omits is neither created nor waiting; None
    for any other."""
    if live_id is None:
        return None
    if live_id not in scope.listing.gone:
        return (
            f"was agent {live_id} at the last apply, but the portal's list omits them and agent "
            f"{live_id} could not be read. No new agent is created. Run again later."
        )
    if scope.selection.renews(key):
        return None
    return (
        f"was agent {live_id} at the last apply, and the portal no longer has an agent {live_id} "
        f"(404). No new agent is created. If they have left, delete the file; {_as_new(key)}"
    )


def _as_new(key: str) -> str:
    return f"to treat them as new, run `reconciler apply --target {shlex.quote(key)} --force`."


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
