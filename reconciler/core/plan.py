"""From who-is-who to a plan: what to do for whom, in which order, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.core import links
from reconciler.core.creations import duplicates, find_creations, namesakes, unmatched
from reconciler.core.diff import Difference, diff
from reconciler.core.entries import entries_of, entry_of_gone, entry_of_new, in_order, takes_off
from reconciler.core.fields import Field, Identifier, Sort, digits
from reconciler.core.match import MEMORY, candidate, handle, label, match
from reconciler.core.model import (
    Conflict,
    Desired,
    Entry,
    Listing,
    Live,
    Match,
    Operation,
    Plan,
    PortalState,
    RateLimit,
    Scalar,
    Step,
    Unmet,
    Warning,
)
from reconciler.core.operations import updating
from reconciler.core.packing import seconds
from reconciler.core.policy import Limits, Policy, Selection
from reconciler.core.removals import find_removals
from reconciler.core.state import former

ROUNDING = 1e-6
"""Agents; 29% of 100 is 28.999999999999996 in floating point."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One portal's part of a plan, before its operations are requests. `matches` are the agents
    that the plan looks at and that are in no conflict; `untaken` is what the portal was given
    before and does not show."""

    entries: tuple[Entry, ...]
    operations: tuple[Operation, ...]
    conflicts: tuple[Conflict, ...]
    warnings: tuple[Warning, ...]
    matches: tuple[Match, ...]
    declared: int
    waiting: tuple[str, ...]
    complete: bool
    untaken: tuple[Unmet, ...] = ()
    excess: tuple[str, ...] = ()


def draft(
    portal: str,
    desired: Sequence[Desired],
    listing: Listing,
    *,
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    prior: PortalState,
    policy: Policy,
    limits: Limits,
    selection: Selection,
) -> Draft:
    """What has to be done on one portal for these agents to be as declared.

    All agents are matched, the selected ones compared; an agent in conflict is left alone whole.
    """
    name = handle(identifiers)
    table = {field.name: field for field in fields}
    formers = former(prior, listing)
    matching = match(
        desired,
        listing,
        identifiers,
        order=policy.order,
        creating=policy.create,
        recall=formers if policy.recall else None,
    )
    chosen = [found for found in matching.matches if _chosen(selection, found.desired)]
    differences = {
        found.desired.key: diff(found, table, prior, hold=policy.hold) for found in chosen
    }
    updates = [
        updating(found, changes, fields, identifiers, policy)
        for found in chosen
        if (changes := differences[found.desired.key].changes)
    ]
    absent = {each.key: each for each in matching.absent if _chosen(selection, each)}
    creations, waiting, unsure = find_creations(
        absent.values(), listing, fields, identifiers, policy, prior, formers
    )
    conflicts = [each for each in matching.conflicts if _chosen(selection, each)]
    conflicts += unsure
    conflicts += _refused((*updates, *creations), policy, fields)
    conflicts += _unseen(chosen, listing, identifiers)
    others = unmatched(listing, matching) if creations else []
    conflicts += duplicates(creations, absent, others, identifiers)

    removals, ended, reports, kept_on = find_removals(
        portal, matching, listing, prior, table, policy, name, selection
    )
    claims = links.Claims(
        declared={
            found.live.id: _claim(found.desired, found.live, name) for found in matching.matches
        },
        picked={found.live.id for found in chosen},
        others=(*removals, *(_claim(absent[each.key], None, name) for each in creations)),
        lost={each.key for each in conflicts},
    )
    holders = _holders(listing, name)
    moves, refusals = links.resolve(claims, handle=name, holders=holders)
    profiles = [*updates, *creations]
    found_as = {found.live.id: found for found in matching.matches}
    for key in identifiers:
        if key.moves == "update":
            lost = {each.key for each in conflicts} | {each.claim.key for each in refusals}
            left = [each for each in profiles if each.key not in lost]
            profiles, kept = links.give_way(left, key, listing.agents, found_as)
            refusals += kept
    conflicts += [
        Conflict(
            portal,
            each.claim.key,
            each.claim.source,
            each.reason,
            (candidate(each.holder, name),),
        )
        for each in refusals
    ]
    lost = {each.key for each in conflicts}

    linking = links.operations(moves, portal=portal, handle=name, holders=holders)
    rules = {each.name: each.rule for each in identifiers}
    profiles = _in_turn(
        [each for each in profiles if each.key not in lost],
        linking,
        by_handle=policy.by_handle,
        guessed={found.live.id for found in chosen if rules.get(found.by) == "shared"},
    )
    matches = tuple(found for found in chosen if found.desired.key not in lost)
    entries = [
        *entries_of(matches, differences, table, name, prior, policy),
        *(
            entry_of_new(absent[each.key], each, prior, identifiers)
            for each in creations
            if each.key not in lost
        ),
    ]
    moved = {claim.live.id for claim in moves if claim.live is not None}
    removed = [
        entry_of_gone(portal, claim.key, claim.live, "unlink", (str(name), None), table)
        for claim in removals
        if claim.live is not None and claim.live.id in moved
    ]
    sought = {each.id for conflict in conflicts for each in conflict.candidates}
    ended = [(each, live) for each, live in ended if live.id not in sought]
    removed += [
        entry_of_gone(portal, each.key, live, "deactivate", policy.off, table)
        for each, live in ended
        if policy.off is not None
    ]
    endings = tuple(operation for operation, _ in ended)
    warnings = (
        *(note for each in differences.values() for note in each.warnings),
        *(note for found in chosen for note in _foreign_identity(found, identifiers, table)),
        *waiting,
        *reports,
        *(_listings_lose(each, name) for each in linking if each.verb == "unlink"),
        *(_off_all_listings(each) for each in (*profiles, *endings) if each.verb == "deactivate"),
        *(note for found in matches for note in _activity(found, differences, policy)),
        *namesakes(creations, others),
        *(_by_memory(found) for found in matches if found.by == MEMORY),
        *(note for found in matches for note in _somebody_else(found, formers, rules)),
    )
    return Draft(
        entries=(*sorted(entries, key=in_order), *removed),
        operations=(*linking, *profiles, *endings),
        conflicts=tuple(sorted(conflicts, key=in_order)),
        warnings=tuple(sorted((each for each in warnings if each.key not in lost), key=in_order)),
        matches=matches,
        declared=sum(1 for each in desired if _chosen(selection, each)),
        waiting=tuple(each.key for each in waiting),
        complete=listing.complete,
        untaken=(
            *(value for found in matches for value in differences[found.desired.key].untaken),
            *kept_on,
        ),
        excess=_excess(
            portal,
            len(entries) + len(removed),
            sum(takes_off(each) for each in (*entries, *removed)),
            max(len(desired), limits.agents),
            max(len(desired), limits.agents) + len(removed),
            limits,
        ),
    )


def _refused(
    operations: Iterable[Operation], policy: Policy, fields: Sequence[Field]
) -> Iterator[Conflict]:
    """What the portal would refuse, and what would change more than is declared: of switches that
    go out together, one that is neither declared nor shown."""
    for each in operations:
        reason = policy.refuses(each)
        hidden = [
            f"{field.name}.{part}"
            for field in fields
            if field.sort is Sort.SWITCHES and field.name in each.values
            for part in field.parts
            if part not in each.values[field.name]
        ]
        if hidden:
            reason = (
                f"the portal does not show {' and '.join(hidden)}, which may change with the "
                f"others. Declare that too."
            )
        if reason is not None:
            yield Conflict(each.portal, each.key, each.source, reason)


def _unseen(
    matches: Iterable[Match], listing: Listing, identifiers: Iterable[Identifier]
) -> Iterator[Conflict]:
    """Who is to get an id that nobody has, as far as can be seen, while the portal listed only a
    part of its agents: another of them may have it."""
    for key in identifiers if not listing.complete else ():
        shown = {
            key.canonical(held)
            for live in listing.agents
            if (held := live.identity.get(key.name)) is not None
        }
        for found in matches:
            want, desired = found.desired.identity.get(key.name), found.desired
            if key.moves and want is not None and key.canonical(want) not in shown:
                reason = (
                    f"{key.said} {want} may be held by an agent who is not in the part that the "
                    f"portal listed, so nothing is done."
                )
                yield Conflict(desired.portal, desired.key, desired.at(key.name), reason)


def _in_turn(
    profiles: Sequence[Operation],
    linking: Sequence[Operation],
    *,
    by_handle: bool,
    guessed: AbstractSet[Scalar],
) -> list[Operation]:
    """The profiles, each after the moves that it needs as well: a creation after its external id is
    free, an update after the link if it names its agent by the external id, or if only a shared
    identifier says who that is (`guessed`): a link that is refused may say that it is another."""
    unlinked = {each.external_id: each.name for each in linking if each.verb == "unlink"}
    linked = {each.id: each.name for each in linking if each.verb == "link"}

    def first(each: Operation) -> str | None:
        if each.verb == "create":
            return unlinked.get(each.external_id)
        return linked.get(each.id) if by_handle or each.id in guessed else None

    return [
        replace(each, waits=(*each.waits, wait)) if (wait := first(each)) else each
        for each in profiles
    ]


def _chosen(selection: Selection, each: Desired | Conflict) -> bool:
    return selection.has(each.portal, each.key, each.source)


def _foreign_identity(
    found: Match, identifiers: Sequence[Identifier], fields: Mapping[str, Field]
) -> list[Warning]:
    """A shared identifier that is declared and shown, and not the same: nothing will change it."""
    warnings = []
    for each in identifiers:
        if each.rule != "shared" or each.name in fields:
            continue
        want, have = (side.identity.get(each.name) for side in (found.desired, found.live))
        if want is None or have is None or want == have or _bare(want) == _bare(have):
            continue
        if each.canonical(want) != each.canonical(have):
            message = (
                f"{each.name}: the file has {want}, and {label(found.live)}, who is this agent by "
                f"{found.by}, has {have} on the portal, which takes no new one for an agent "
                f"it has. If that is the right person, correct it in the file or on the portal."
            )
            desired = found.desired
            warnings.append(Warning(desired.portal, desired.key, desired.at(each.name), message))
    return warnings


def _bare(phone: Scalar) -> str:
    return digits(phone).removeprefix("+")


def _holders(listing: Listing, name: str | None) -> dict[str, Live]:
    if name is None:
        return {}
    return {
        str(live.identity[name]): live
        for live in listing.agents
        if live.identity.get(name) is not None
    }


def _claim(desired: Desired, live: Live | None, name: str | None) -> links.Claim:
    wants = desired.identity.get(name) if name else None
    return links.Claim(desired.key, desired.source, live, None if wants is None else str(wants))


def _by_memory(found: Match) -> Warning:
    message = (
        f"is found by the ledger alone: at the last apply this was agent {label(found.live)}. "
        f"Check that it is the same person."
    )
    return Warning(found.desired.portal, found.desired.key, found.desired.source, message)


def _somebody_else(
    found: Match, formers: Mapping[str, Sequence[Live]], rules: Mapping[str, str]
) -> Iterator[Warning]:
    """An agent whom a key finds, while the one who was this at the last apply is still there: a
    hand gave the key to another."""
    others = [each for each in formers.get(found.desired.key, ()) if each.id != found.live.id]
    if others and rules.get(found.by) == "key":
        message = (
            f"is agent {label(found.live)} now by {found.by}, and at the last apply this was agent "
            f"{label(others[0])}, who is still there. If that is not the person who is meant, put "
            f"it right on the portal, or declare `id`."
        )
        desired = found.desired
        yield Warning(desired.portal, desired.key, desired.at(found.by), message)


def _off_all_listings(operation: Operation) -> Warning:
    message = f"agent {operation.id} is deactivated: that takes them off all listings."
    return Warning(operation.portal, operation.key, operation.source, message)


def _activity(
    found: Match, differences: Mapping[str, Difference], policy: Policy
) -> Iterator[Warning]:
    """What to know of an agent who is off all listings now."""
    desired, live = found.desired, found.live
    if policy.off is None or live.values.get(policy.off[0]) != policy.off[1]:
        return
    path, value = policy.off
    if path not in desired.values:
        message = (
            f"agent {label(live)} is {value} on the portal, which shows them on no listing, and "
            f"the file does not declare {path}."
        )
        yield Warning(desired.portal, desired.key, desired.source, message)
    elif any(change.path == path for change in differences[desired.key].changes):
        message = f"agent {label(live)} is activated: the portal publishes them again."
        yield Warning(desired.portal, desired.key, desired.at(path), message)


def _listings_lose(operation: Operation, name: str | None) -> Warning:
    message = (
        f"agent {operation.id} is unlinked: listings assigned by {name} "
        f"{operation.external_id} lose their agent."
    )
    return Warning(operation.portal, operation.key, operation.source, message)


def _excess(
    portal: str, changed: int, removed: int, declared: int, until_now: int, limits: Limits
) -> tuple[str, ...]:
    if until_now < limits.floor:  # who is to be taken off was declared until now
        return ()
    said = []
    for count, share, name, verb in (
        (changed, limits.changes, "changes", "change"),
        (removed, limits.removals, "removals", "be taken off"),
    ):
        if count > share * declared + ROUNDING:
            said.append(
                f"{count} of {declared} agents on {portal} would {verb} "
                f"({count / max(declared, 1):.0%}); limits.{name} allows {share:.0%}"
            )
    return tuple(said)


def join(
    drafts: Mapping[str, Draft],
    steps: Mapping[str, Sequence[Step]],
    rate_limits: Mapping[str, Sequence[RateLimit]],
    unread: Mapping[str, str] | None = None,
) -> Plan:
    """One plan of all portals, from their drafts and steps: agent by agent, and the steps are
    numbered through. `unread` are the portals that could not be read, and why."""
    entries = _by_agent(each.entries for each in drafts.values())
    declared = sum(each.declared for each in drafts.values())
    busy = sum(1 for entry in entries if entry.source is not None)
    conflicts = _by_agent(each.conflicts for each in drafts.values())
    lost = {(each.portal, each.key) for each in conflicts if each.source is not None}
    absent = tuple((name, key) for name, each in drafts.items() for key in each.waiting)
    numbered = tuple(_numbered(steps.values()))
    return Plan(
        entries=entries,
        steps=numbered,
        conflicts=conflicts,
        warnings=_by_agent(each.warnings for each in drafts.values()),
        declared=declared,
        unchanged=declared - busy - len(lost) - len(absent),
        waiting=absent,
        complete=not unread and all(each.complete for each in drafts.values()),
        excess=tuple(said for each in drafts.values() for said in each.excess),
        seconds=max((seconds(steps[name], rate_limits[name]) for name in drafts), default=0),
        unread=tuple((unread or {}).items()),
        portals=tuple(drafts),
    )


Placed = TypeVar("Placed", Entry, Conflict, Warning)


def _by_agent(portals: Iterable[Sequence[Placed]]) -> tuple[Placed, ...]:
    """What several portals have to say, an agent's together."""

    def place(each: Placed) -> tuple[bool, str, int, str]:
        return (*in_order(each), each.key if each.source is None else "")

    return tuple(sorted((each for said in portals for each in said), key=place))


def _numbered(groups: Iterable[Sequence[Step]]) -> Iterator[Step]:
    count = 0
    for group in groups:
        names = {step.id: f"r{number}" for number, step in enumerate(group, count + 1)}
        for step in group:
            yield replace(step, id=names[step.id], after=tuple(names[each] for each in step.after))
        count += len(group)
