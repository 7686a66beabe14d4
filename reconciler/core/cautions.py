"""Warnings about planned changes and uncertain matches: what a reviewer should check first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.fields import digits
from reconciler.core.findings import Findings, Scope
from reconciler.core.match import LEDGER, label
from reconciler.core.model import Change, Match, Operation, Scalar


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
    for found in scope.matches:
        _warn_of_identity(found, scope, findings)
        _warn_of_ledger(found, scope, findings)
        _warn_of_activity(found, changes[found.desired.key], scope, findings)


def _warn_of_identity(found: Match, scope: Scope, findings: Findings) -> None:
    """Warn if a shared identifier is declared and shown with different values: it never changes."""
    for each in scope.catalogue.identifiers:
        if each.rule != "shared" or each.name in scope.catalogue.by_name:
            continue
        want, have = (side.identity.get(each.name) for side in (found.desired, found.live))
        if want is None or have is None or want == have or _bare(want) == _bare(have):
            continue
        if each.canonical(want) != each.canonical(have):
            message = (
                f"{each.name}: the file has {want}, but agent {label(found.live)}, matched by "
                f"{found.by}, has {have} on the portal, which cannot be changed from here. If this "
                f"is the right person, correct the file or the portal."
            )
            findings.warn(found.desired, message, each.name)


def _bare(phone: Scalar) -> str:
    return digits(phone).removeprefix("+")


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
