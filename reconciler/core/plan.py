"""Planning: match → diff → creations, removals, operations → links → entries → plan.

`draft` plans one portal, `join` makes one plan of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.core.catalogue import Catalogue
from reconciler.core.cautions import warn_of_matches, warn_of_operations
from reconciler.core.creations import find_creations
from reconciler.core.diff import diff_all
from reconciler.core.entries import add_entries
from reconciler.core.findings import Findings, Scope, in_order
from reconciler.core.limits import Limits, exceeded, exceeded_by_list
from reconciler.core.links import move_keys
from reconciler.core.match import match
from reconciler.core.model import (
    Account,
    Conflict,
    Desired,
    Entry,
    Listing,
    Match,
    Operation,
    Plan,
    PortalState,
    RateLimit,
    Step,
    Target,
    Unmet,
    Warning,
)
from reconciler.core.operations import refuse, refuse_unlisted_keys, updates
from reconciler.core.packing import seconds
from reconciler.core.removals import Removed, find_removals
from reconciler.core.selection import Selection


@dataclass(frozen=True, slots=True)
class Draft:
    """One portal's part of a plan, before its operations become requests.

    `matches` has the agents in scope that are not in conflict; `not_taken` has the values that were
    sent before and that the portal does not show. `list_limits` has the limits that the portal's
    list exceeds, `over_limits` the others.
    """

    entries: tuple[Entry, ...]
    operations: tuple[Operation, ...]
    conflicts: tuple[Conflict, ...]
    warnings: tuple[Warning, ...]
    matches: tuple[Match, ...]
    declared: int
    waiting: tuple[str, ...]
    complete: bool
    not_taken: tuple[Unmet, ...] = ()
    over_limits: tuple[str, ...] = ()
    list_limits: tuple[str, ...] = ()


def draft(
    desired: Sequence[Desired],
    listing: Listing,
    prior: PortalState,
    catalogue: Catalogue,
    *,
    limits: Limits,
    selection: Selection,
) -> Draft:
    """Plan what makes one portal match these agents.

    All agents are matched, but only the selected ones are compared. An agent in conflict is left
    unchanged as a whole.
    """
    matching = match(desired, listing, prior, catalogue)
    scope = Scope(catalogue, listing, prior, selection, matching)
    findings = Findings(conflicts=[each for each in matching.conflicts if scope.covers(each)])
    changes = diff_all(scope, findings)
    profiles = [*updates(scope, changes), *find_creations(scope, findings)]
    refuse(profiles, catalogue, findings)
    refuse_unlisted_keys(scope, findings)
    removals = find_removals(scope, findings)
    moves = move_keys(scope, profiles, removals, findings)
    removals = _undisputed(removals, moves.links, findings)
    endings = [each.deactivation for each in removals if each.deactivation is not None]
    findings.operations += [*moves.links, *moves.profiles, *endings]
    add_entries(scope, changes, moves.profiles, removals, findings)
    warn_of_operations(findings.operations, scope, findings)
    warn_of_matches(scope, changes, findings)
    return _drafted(desired, scope, findings, limits)


def _undisputed(
    removals: Iterable[Removed], links: Iterable[Operation], findings: Findings
) -> list[Removed]:
    """The removals that are carried out: no conflict concerns the agent or keeps its id."""
    unlinked = {each.id for each in links if each.verb == "unlink"}
    disputed = {each.id for conflict in findings.conflicts for each in conflict.candidates}
    return sorted(
        (
            each
            for each in removals
            if (
                each.live.id in unlinked
                if each.deactivation is None
                else each.live.id not in disputed
            )
        ),
        key=lambda each: each.deactivation is not None,
    )


def _drafted(desired: Sequence[Desired], scope: Scope, findings: Findings, limits: Limits) -> Draft:
    lost = findings.in_conflict
    names = _names(desired, scope) if findings.conflicts or findings.warnings else {}
    warnings = (each for each in findings.warnings if each.key not in lost)
    return Draft(
        entries=tuple(_with_names(each, scope.catalogue) for each in findings.entries),
        operations=tuple(findings.operations),
        conflicts=tuple(_named(sorted(findings.conflicts, key=in_order), names)),
        warnings=tuple(_named(sorted(warnings, key=in_order), names)),
        matches=tuple(found for found in scope.matches if found.desired.key not in lost),
        declared=sum(map(scope.covers, desired)),
        waiting=tuple(findings.waiting),
        complete=scope.listing.complete,
        not_taken=tuple(each for each in findings.not_taken if each.key not in lost),
        over_limits=exceeded(scope.portal, findings.entries, len(desired), limits),
        list_limits=exceeded_by_list(desired, scope, findings.entries),
    )


def _with_names(entry: Entry, catalogue: Catalogue) -> Entry:
    """The entry, with the names of changed values that are numbers."""
    names = catalogue.policy.names
    if not any(change.path in names for change in entry.changes):
        return entry
    changes = (
        replace(
            change,
            names=(
                names[change.path].get(change.before, ""),
                names[change.path].get(change.after, ""),
            ),
        )
        if change.path in names
        else change
        for change in entry.changes
    )
    return replace(entry, changes=tuple(changes))


Noted = TypeVar("Noted", Conflict, Warning)


def _named(notes: Iterable[Noted], names: Mapping[str, str]) -> Iterator[Noted]:
    for each in notes:
        yield each if each.name else replace(each, name=names.get(each.key, ""))


def _names(desired: Iterable[Desired], scope: Scope) -> dict[str, str]:
    """The names of the declared agents by key: as declared, else as shown on the portal."""
    live = {found.desired.key: found.live.name for found in scope.matching.matches}
    return {each.key: str(each.values.get("name") or live.get(each.key, "")) for each in desired}


def join(
    drafts: Mapping[str, Draft],
    steps: Mapping[str, Sequence[Step]],
    rate_limits: Mapping[str, Sequence[RateLimit]],
    unread: Mapping[str, str] | None = None,
    targets: Iterable[Target] = (),
    warnings: Sequence[Warning] = (),
    accounts: Mapping[str, Account | None] | None = None,
) -> Plan:
    """One plan of all portals, from their drafts and steps: ordered by agent, with the steps
    numbered throughout. `unread` has the portals that could not be read, and why; `targets` has the
    address of every portal, `accounts` its account, None if it is unknown; `warnings` are about
    portals without a draft."""
    entries = _by_agent(each.entries for each in drafts.values())
    conflicts = _by_agent(each.conflicts for each in drafts.values())
    waiting = tuple((name, key) for name, each in drafts.items() for key in each.waiting)
    declared = sum(each.declared for each in drafts.values())
    changed = sum(entry.source is not None for entry in entries)
    lost = {(each.portal, each.key) for each in conflicts if each.source is not None}
    return Plan(
        entries=entries,
        steps=tuple(_numbered(steps.values())),
        conflicts=conflicts,
        warnings=_by_agent((warnings, *(each.warnings for each in drafts.values()))),
        declared=declared,
        unchanged=declared - changed - len(lost) - len(waiting),
        waiting=waiting,
        complete=not unread and all(each.complete for each in drafts.values()),
        over_limits=tuple(
            sentence
            for each in drafts.values()
            for sentence in (*each.list_limits, *each.over_limits)
        ),
        seconds=max((seconds(steps[name], rate_limits[name]) for name in drafts), default=0),
        unread=tuple((unread or {}).items()),
        portals=tuple(drafts),
        targets=tuple(targets),
        accounts=tuple((name, each) for name, each in (accounts or {}).items() if each is not None),
    )


Placed = TypeVar("Placed", Entry, Conflict, Warning)


def _by_agent(portals: Iterable[Sequence[Placed]]) -> tuple[Placed, ...]:
    """The items of several portals, sorted so that those of one agent are together."""

    def place(each: Placed) -> tuple[bool, str, int, str]:
        return (*in_order(each), each.key if each.source is None else "")

    return tuple(sorted((each for items in portals for each in items), key=place))


def _numbered(groups: Iterable[Sequence[Step]]) -> Iterator[Step]:
    count = 0
    for group in groups:
        names = {step.id: f"r{number}" for number, step in enumerate(group, count + 1)}
        for step in group:
            yield replace(step, id=names[step.id], after=tuple(names[each] for each in step.after))
        count += len(group)
