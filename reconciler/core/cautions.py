"""Warnings about planned changes and uncertain matches: what a reviewer should check first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core import names
from reconciler.core.findings import Findings, Scope
from reconciler.core.match import LEDGER, is_linked, label
from reconciler.core.model import Change, Match, Operation
from reconciler.core.people import People, declared_name


def warn_of_operations(operations: Iterable[Operation], scope: Scope, findings: Findings) -> None:
    """Add a warning for each operation that takes an agent off listings."""
    names = {entry.id: entry.name for entry in findings.entries}
    for operation in operations:
        if operation.verb == "unlink":
            message = (
                f"agent {operation.id} will be unlinked: listings assigned by "
                f"{scope.catalogue.handle} {operation.external_id} lose their agent."
            )
        elif operation.verb == "deactivate":
            message = (
                f"agent {operation.id} will be deactivated, which takes them off all listings."
            )
        else:
            continue
        findings.warn(operation, message, name=names[operation.id], verb=operation.verb)


def warn_of_matches(
    scope: Scope, changes: Mapping[str, Sequence[Change]], findings: Findings
) -> None:
    """Add the warnings about each match: who it is, and whether the portal publishes them."""
    people = People(scope.listing.agents, scope.catalogue.identifiers)
    for found in scope.matches:
        if message := _another_person(found, people, scope):
            findings.warn(found.desired, message, "name")
        else:
            _warn_of_identity(found, scope, findings)
        _warn_of_ledger(found, scope, findings)
        _warn_of_activity(found, changes[found.desired.key], scope, findings)
        if found.live.notice and changes[found.desired.key]:
            findings.warn(found.desired, found.live.notice)


def _another_person(found: Match, people: People, scope: Scope) -> str | None:
    """Why a match may be with another person, None without a reason: the names have no word in
    common, and nothing has confirmed the match yet or the key may have been reused."""
    desired, live = found.desired, found.live
    name = declared_name(desired)
    if not name or name == live.name or _is_confirmed(found, scope):
        return None
    by_key = scope.catalogue.rule(found.by) == "key"
    if by_key and not people.contradict(desired, live):
        return None
    if not names.different_person(name, live.name):
        return None
    if by_key:
        return (
            f"matches agent {label(live)} by {found.by}, but both the name and the phone are "
            f"entirely different. If the {found.by} was reused for a new person, an apply "
            f"overwrites the profile of {live.name}: declare another {found.by}."
        )
    return (
        f"matches agent {label(live)} by {found.by} for the first time, but the name is entirely "
        f"different. Check that this is the same person; if not, correct the {found.by}."
    )


def _is_confirmed(found: Match, scope: Scope) -> bool:
    """Whether a pin or a shared value matches the same agent as the declared external id, or as at
    the last apply."""
    catalogue, desired = scope.catalogue, found.desired
    if catalogue.rule(found.by) == "key":
        return False
    if catalogue.external_id(desired.identity) is not None and is_linked(found, catalogue.handle):
        return True
    former = scope.matching.former.get(desired.key, ())
    return any(each.id == found.live.id for each in former)


def _warn_of_identity(found: Match, scope: Scope, findings: Findings) -> None:
    """Warn if a shared identifier is declared and shown with different values: it never changes."""
    for each in scope.catalogue.identifiers:
        if each.rule != "shared" or each.name in scope.catalogue.by_name:
            continue
        want, have = (side.identity.get(each.name) for side in (found.desired, found.live))
        if want is not None and have is not None and not each.agrees(want, have):
            message = (
                f"{each.name}: the file has {want}, but agent {label(found.live)}, matched by "
                f"{found.by}, has {have} on the portal, which cannot be changed from here. If this "
                f"is the right person, correct or delete it in the file, or correct the portal."
            )
            findings.warn(found.desired, message, each.name)


def _warn_of_ledger(found: Match, scope: Scope, findings: Findings) -> None:
    """Warn if only the ledger matches, or if a key matches another agent than at the last apply."""
    desired = found.desired
    if found.by == LEDGER:
        message = (
            f"matched only by the ledger: at the last apply this was agent {label(found.live)}. "
            f"Check that it is the same person."
        )
        findings.warn(desired, message)
        return
    former = scope.matching.former.get(desired.key, ())
    others = [each for each in former if each.id != found.live.id]
    if others and scope.catalogue.rule(found.by) == "key":
        message = (
            f"matches agent {label(found.live)} by {found.by}, but at the last apply this was "
            f"agent {label(others[0])}, who still exists. If the match is wrong, fix it on the "
            f"portal or declare `{scope.catalogue.pin}`."
        )
        findings.warn(desired, message, found.by)


def _warn_of_activity(
    found: Match, changes: Sequence[Change], scope: Scope, findings: Findings
) -> None:
    """Warn if an agent is off all listings now and stays so undeclared, or is published again."""
    off = scope.catalogue.policy.off
    if off is None or found.live.values.get(off[0]) != off[1]:
        return
    path, value = off
    if path not in found.desired.values:
        message = (
            f"agent {label(found.live)} is {value} on the portal, so no listing shows them, and "
            f"the file does not declare {path}. To change this, declare it."
        )
        findings.warn(found.desired, message)
    elif any(change.path == path for change in changes):
        message = (
            f"agent {label(found.live)} will be activated: the portal will publish them again."
        )
        findings.warn(found.desired, message, path)
