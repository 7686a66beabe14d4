"""From who-is-who to a plan: what to do for whom, in which order, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

from reconciler.core import links
from reconciler.core.diff import Difference, diff, not_taken
from reconciler.core.fields import Field, Identifier, Sort, digest, digits, parent
from reconciler.core.match import MEMORY, Matching, candidate, handle, label, match
from reconciler.core.memory import former, known, was_refused
from reconciler.core.model import (
    Attribution,
    Change,
    Conflict,
    Desired,
    Entry,
    Listing,
    Live,
    Match,
    Memory,
    Operation,
    Pace,
    Plan,
    Remembered,
    Scalar,
    Source,
    Step,
    Unmet,
    Value,
    Verb,
    Warning,
)

ROUNDING = 1e-6
"""Agents; 29% of 100 is 28.999999999999996 in floating point."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration and the portal allow.

    `order` are the identifiers that find an agent; `recall`, the memory does too; `needs` what a
    creation takes; `removal` what happens to an agent that was ours and is declared no more (None:
    it is reported); `off` the path and value that take an agent off all listings; `hold` leaves
    alone what cannot be compared; `by_handle`, updates name their agent by the external id;
    `replaces`, an update is the whole agent; `refuses` says of an operation why the portal would
    refuse it, None if it would not.
    """

    order: tuple[str, ...]
    create: bool = False
    recall: bool = False
    needs: tuple[str, ...] = ()
    removal: Verb | None = None
    off: tuple[str, Value] | None = None
    hold: bool = False
    by_handle: bool = False
    replaces: bool = False
    refuses: Callable[[Operation], str | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest share of the declared agents that may change or be taken off, and the number of
    declared agents below which there is no limit. `agents` counts the declared ones, on whatever
    portal (0: those of the portal at hand)."""

    changes: float
    removals: float
    floor: int
    agents: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The agents that a plan looks at: those whose key or file fits a target (all, without one)
    and no exclude. Patterns are globs; one with a slash or a file's ending is a file's too.
    `without` are agents to leave out, by portal and key."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    without: frozenset[tuple[str, str]] = frozenset()

    def has(self, portal: str, key: str, source: Source | None) -> bool:
        """Whether the plan looks at this agent."""
        if (portal, key) in self.without:
            return False

        def fits(pattern: str) -> bool:
            return (
                pattern == key
                or fnmatchcase(key, pattern)
                or (source is not None and _is_file(pattern) and fnmatchcase(source.file, pattern))
            )

        chosen = not self.targets or any(map(fits, self.targets))
        return chosen and not any(map(fits, self.excludes))


def _is_file(pattern: str) -> bool:
    """Whether a pattern is meant for files: `a*` is for agents and not for all below agents/."""
    return "/" in pattern or pattern.endswith((".yaml", ".yml"))


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
    memory: Memory,
    policy: Policy,
    limits: Limits,
    selection: Selection,
) -> Draft:
    """What has to be done on one portal for these agents to be as declared.

    All agents are matched, the selected ones compared; an agent in conflict is left alone whole.
    """
    name = handle(identifiers)
    table = {field.name: field for field in fields}
    formers = former(memory, listing)
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
        found.desired.key: diff(found, table, memory, hold=policy.hold) for found in chosen
    }
    updates = [
        _update(found, changes, fields, identifiers, policy)
        for found in chosen
        if (changes := differences[found.desired.key].changes)
    ]
    absent = {each.key: each for each in matching.absent if _chosen(selection, each)}
    creations, waiting, unsure = _absences(
        absent.values(), listing, fields, identifiers, policy, memory, formers
    )
    conflicts = [each for each in matching.conflicts if _chosen(selection, each)]
    conflicts += unsure
    conflicts += _refused((*updates, *creations), policy)

    conflicts += _twins(creations, absent, listing, matching, identifiers)
    removals, ended, reports, kept_on = _removals(
        portal, matching, listing, memory, table, policy, name, selection
    )
    claims = links.Claims(
        declared={
            found.live.id: _claim(found.desired, found.live, name) for found in matching.matches
        },
        picked={found.live.id for found in chosen},
        others=(*removals, *(_claim(absent[each.key], None, name) for each in creations)),
        lost={each.key for each in conflicts},
    )
    moves, refusals = links.resolve(claims, handle=name, holders=_holders(listing, name))
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

    linking = links.operations(moves, portal=portal, handle=name, holders=_holders(listing, name))
    profiles = _in_turn(
        [each for each in profiles if each.key not in lost], linking, by_handle=policy.by_handle
    )
    matches = tuple(found for found in chosen if found.desired.key not in lost)
    entries = [
        *_entries(matches, differences, table, name, memory, policy),
        *(
            _created(absent[each.key], each, memory, identifiers)
            for each in creations
            if each.key not in lost
        ),
    ]
    moved = {claim.live.id for claim in moves if claim.live is not None}
    removed = [
        _removed(portal, claim.key, claim.live, "unlink", (str(name), None), table)
        for claim in removals
        if claim.live is not None and claim.live.id in moved
    ]
    sought = {each.id for conflict in conflicts for each in conflict.candidates}
    ended = [(each, live) for each, live in ended if live.id not in sought]
    removed += [
        _removed(portal, each.key, live, "deactivate", policy.off, table)
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
        *(note for each in creations for note in _namesakes(each, listing, found_as)),
        *(_by_memory(found) for found in matches if found.by == MEMORY),
    )
    return Draft(
        entries=(*sorted(entries, key=_place), *removed),
        operations=(*linking, *profiles, *endings),
        conflicts=tuple(sorted(conflicts, key=_place)),
        warnings=tuple(sorted((each for each in warnings if each.key not in lost), key=_place)),
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
            sum(_takes_off(each) for each in (*entries, *removed)),
            max(len(desired), limits.agents),
            max(len(desired), limits.agents) + len(removed),
            limits,
        ),
    )


def _refused(operations: Iterable[Operation], policy: Policy) -> Iterator[Conflict]:
    for each in operations:
        reason = policy.refuses(each)
        if reason is not None:
            yield Conflict(each.portal, each.key, each.source, reason)


def _in_turn(
    profiles: Sequence[Operation], linking: Sequence[Operation], *, by_handle: bool
) -> list[Operation]:
    """The profiles, each after the moves that it needs as well: a creation after its external id is
    free, an update that names its agent by the external id after that is its own."""
    unlinked = {each.external_id: each.name for each in linking if each.verb == "unlink"}
    linked = {each.id: each.name for each in linking if each.verb == "link"}

    def first(each: Operation) -> str | None:
        if each.verb == "create":
            return unlinked.get(each.external_id)
        return linked.get(each.id) if by_handle else None

    return [
        replace(each, waits=(*each.waits, wait)) if (wait := first(each)) else each
        for each in profiles
    ]


def _absences(
    absent: Iterable[Desired],
    listing: Listing,
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    policy: Policy,
    memory: Memory,
    formers: Mapping[str, Sequence[Live]],
) -> tuple[list[Operation], list[Warning], list[Conflict]]:
    """What becomes of agents that the portal does not show: those to create, those that wait,
    and those of whom a list that is not whole says nothing."""
    creations: list[Operation] = []
    waiting: list[Warning] = []
    unsure: list[Conflict] = []
    remembered = {ours.key: number for number, ours in memory.agents.items()}
    for each in absent:
        operation = _creation(each, fields, handle(identifiers), policy)
        was = formers.get(each.key, ())
        if policy.recall and each.key in remembered and not was:
            unsure.append(Conflict(each.portal, each.key, each.source, _vanished(each, remembered)))
            continue
        why = _why_not_created(each, operation, listing, identifiers, policy, memory, was)
        if why is None:
            creations.append(operation)
        elif listing.complete:
            waiting.append(Warning(each.portal, each.key, each.source, why))
        else:
            unsure.append(Conflict(each.portal, each.key, each.source, why))
    return creations, waiting, unsure


def _chosen(selection: Selection, each: Desired | Conflict) -> bool:
    return selection.has(each.portal, each.key, each.source)


def _place(each: Entry | Conflict | Warning) -> tuple[bool, str, int]:
    """The order of a plan: that of the files, then what is in no file."""
    source = each.source
    return (source is None, source.file if source else "", source.line if source else 0)


def body(
    fields: Sequence[Field], desired: Desired, live: Live | None, touched: Sequence[str]
) -> dict[str, Value]:
    """What to send for these paths: a group of switches whole, merged with what is live (for a new
    agent, with what the portal gives one); the other languages of a text as far as they show; what
    no file declares as it is."""
    paths, declared = set(map(parent, touched)), set(map(parent, desired.values))
    sent: dict[str, Value] = {}
    for field in fields:
        if field.name not in paths:
            continue
        if field.name in desired.values:
            sent[field.name] = desired.values[field.name]
        elif live is not None and field.name in live.values and field.name not in declared:
            sent[field.name] = live.values[field.name]
        else:
            sent[field.name] = {
                part: value
                for part in field.parts
                if (value := _part(field, part, desired, live)) is not None
            }
    return sent


def _part(field: Field, part: str, desired: Desired, live: Live | None) -> Value:
    path = f"{field.name}.{part}"
    if path in desired.values:
        return desired.values[path]
    if live is None:
        return field.default
    value = live.values.get(path)
    return None if field.sort is Sort.TEXTS and value == "" else value


def _update(
    found: Match,
    changes: Sequence[Change],
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    policy: Policy,
) -> Operation:
    desired, live, name = found.desired, found.live, handle(identifiers)
    external = (desired.identity.get(name) or live.identity.get(name)) if name else None
    touched = [change.path for change in changes]
    if policy.replaces:
        touched += [*desired.values, *live.values]
    ends = policy.off is not None and any(_is_off(change, policy.off) for change in changes)
    return Operation(
        f"update:{live.id}",
        "deactivate" if ends else "update",
        desired.portal,
        desired.key,
        desired.source,
        live.id,
        None if external is None else str(external),
        body(fields, desired, live, touched),
        aliases=live.aliases,
        lines=desired.lines,
    )


def _is_off(change: Change, off: tuple[str, Value]) -> bool:
    return (change.path, change.after) == off


def _creation(
    desired: Desired, fields: Sequence[Field], name: str | None, policy: Policy
) -> Operation:
    off = None if policy.off is None else policy.off[0]
    given = {
        path: value for path, value in desired.values.items() if value is not None and path != off
    }
    values = body(fields, replace(desired, values=given), None, list(given))
    carried = {
        need: desired.identity[need]
        for need in policy.needs
        if need not in values and need in desired.identity
    }
    external = carried.pop(name, None) if name else None
    return Operation(
        f"create:{desired.key}",
        "create",
        desired.portal,
        desired.key,
        desired.source,
        None,
        None if external is None else str(external),
        {**values, **carried},
        lines=desired.lines,
    )


def creation_form(operation: Operation) -> str:
    """The fingerprint of a creation, to know one that the portal has refused."""
    return digest(Field("creation", Sort.TEXT), [operation.external_id, dict(operation.values)])


def _why_not_created(
    desired: Desired,
    operation: Operation,
    listing: Listing,
    identifiers: Sequence[Identifier],
    policy: Policy,
    memory: Memory,
    was: Sequence[Live],
) -> str | None:
    """Why an absent agent is not created; None if it is to be. `was` is who it was when it was
    applied last, if that live agent is still there."""
    if not listing.complete:
        return "is not in the part of the agents that the portal listed, so nothing is done."
    if was or not policy.create:
        return _where_they_are(desired, identifiers, policy, was)
    if policy.off is not None and desired.values.get(policy.off[0]) == policy.off[1]:
        return f"is not on the portal, and is declared {policy.off[1]}: nothing is to be done."
    lacking = [
        name for name in policy.needs if name not in desired.identity and name not in desired.values
    ]
    if lacking:
        said = " and ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1])))
        return f"is not on the portal, and to be created it needs {said}."
    if was_refused(memory, desired.key, creation_form(operation)):
        return (
            "is not on the portal, which refused to create the agent. Have the agent invited "
            "there; it is not tried again until the file changes."
        )
    return None


def _vanished(desired: Desired, remembered: Mapping[str, str]) -> str:
    return (
        f"was agent {remembered[desired.key]} at the last apply, and the portal does not list them "
        f"now. Nobody is created in their place: look for them there. If they are gone for good, "
        f"declare the agent under another externalId."
    )


def _where_they_are(
    desired: Desired, identifiers: Sequence[Identifier], policy: Policy, was: Sequence[Live]
) -> str:
    """Where an agent may be whom the portal does not show under what the file declares."""
    pin = next((each for each in identifiers if each.rule == "pin"), None)
    if was and pin is not None:
        return (
            f"was agent {label(was[-1])} at the last apply, and the file does not find them now. "
            f"If that is still this agent, declare `{pin.said}: {was[-1].id}`."
        )
    ways = [
        each
        for each in identifiers
        if each.name in policy.order and each.moves != "link" and each.rule != "pin"
    ]
    found = [each.said for each in ways if each.name in desired.identity]
    others = ways or [each for each in identifiers if each.rule == "pin"]
    later = (
        f"a later run finds them by {found[0]}."
        if found
        else f"declare {others[0].said} too, so that a later run finds them."
    )
    return f"is not on the portal yet. Have the agent invited there; {later}"


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


def _removals(
    portal: str,
    matching: Matching,
    listing: Listing,
    memory: Memory,
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
    if not listing.complete or not memory.agents:
        return claims, ended, reports, kept_on
    kept = {str(found.live.id) for found in matching.matches}
    kept |= {str(each.id) for conflict in matching.conflicts for each in conflict.candidates}
    open_keys = {each.key for each in matching.conflicts} | {each.key for each in matching.absent}
    others = {found.desired.key: found.live for found in matching.matches}
    for live in listing.agents:
        ours = memory.agents.get(str(live.id))
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
            ended.append((_ending(portal, ours.key, live, policy.off), live))
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
    portal: str, ours: Remembered, live: Live, table: Mapping[str, Field], policy: Policy
) -> Unmet | None:
    """What the portal was told to take an agent off by, if it showed the same afterwards."""
    if policy.off is None or policy.removal is None:
        return None
    path, value = policy.off
    kept, field = ours.fields.get(path), table[path]
    if kept is None or kept.applied != digest(field, value) or not known(field, path, live, kept):
        return None
    return Unmet(portal, ours.key, None, path, value, live.values.get(path))


def _by_memory(found: Match) -> Warning:
    message = (
        f"is found by the ledger alone: at the last apply this was agent {label(found.live)}. "
        f"Check that it is the same person."
    )
    return Warning(found.desired.portal, found.desired.key, found.desired.source, message)


def _twins(
    creations: Iterable[Operation],
    absent: Mapping[str, Desired],
    listing: Listing,
    matching: Matching,
    identifiers: Sequence[Identifier],
) -> Iterator[Conflict]:
    """Who is to be created, and may be on the portal already as somebody whom no file declares."""
    matched = {found.live.id for found in matching.matches}
    strangers = [live for live in listing.agents if live.id not in matched]
    pin = next((each.said for each in identifiers if each.rule == "pin"), "id")
    for hint in identifiers:
        if hint.rule != "hint":
            continue
        index: dict[str, list[Live]] = {}
        for live in strangers:
            if (value := live.identity.get(hint.name)) is not None:
                index.setdefault(hint.canonical(value), []).append(live)
        for each in creations:
            value = absent[each.key].identity.get(hint.name)
            same = index.get(hint.canonical(value), []) if value is not None else []
            if same:
                names = ", ".join(map(label, same))
                reason = (
                    f"{hint.said} {value} belongs to {names}, whom no file declares. If this is "
                    f"the same person, declare `{pin}: {same[0].id}`; else declare that agent too."
                )
                found = tuple(candidate(live, None) for live in same)
                yield Conflict(each.portal, each.key, each.source, reason, found)


def _ending(portal: str, key: str, live: Live, off: tuple[str, Value]) -> Operation:
    return Operation(
        f"deactivate:{live.id}",
        "deactivate",
        portal,
        key,
        None,
        live.id,
        values=dict([off]),
        aliases=live.aliases,
    )


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


def _namesakes(
    operation: Operation, listing: Listing, matched: Mapping[Scalar, Match]
) -> Iterator[Warning]:
    """Who on the portal has the name of an agent to be created, and is none of the declared: it
    may be the same person, by another address."""
    name = operation.values.get("name")
    for live in listing.agents if name else ():
        if live.name == name and live.id not in matched:
            message = (
                f"is to be created, and the portal has {label(live)}, whom no file declares. If "
                f"that is the same person, say so with the portal's id."
            )
            yield Warning(operation.portal, operation.key, operation.source, message)


def _listings_lose(operation: Operation, name: str | None) -> Warning:
    message = (
        f"agent {operation.id} is unlinked: listings assigned by {name} "
        f"{operation.external_id} lose their agent."
    )
    return Warning(operation.portal, operation.key, operation.source, message)


def _entries(
    matches: Iterable[Match],
    differences: Mapping[str, Difference],
    table: Mapping[str, Field],
    name: str | None,
    memory: Memory,
    policy: Policy,
) -> Iterator[Entry]:
    for found in matches:
        entry = _entry(found, differences[found.desired.key].changes, name, memory, policy)
        if entry is not None:
            yield replace(entry, live=_visible(found.live, table))


def _visible(live: Live, table: Mapping[str, Field]) -> dict[str, Value]:
    """What visitors see of an agent."""
    return {path: value for path, value in live.values.items() if table[parent(path)].public}


def _entry(
    found: Match, changes: tuple[Change, ...], name: str | None, memory: Memory, policy: Policy
) -> Entry | None:
    desired, live = found.desired, found.live
    held, wants = (side.identity.get(name) if name else None for side in (live, desired))
    actions: list[Verb] = []
    if wants is not None and wants != held:
        actions = ["link"] if held is None else ["unlink", "link"]
        whose = _whose_link(live, wants, memory)
        changes = (Change(str(name), held, wants, "different", whose), *changes)
    off = [change for change in changes if policy.off and _is_off(change, policy.off)]
    if off:
        actions.append("deactivate")
    if any(change.path != name and change not in off for change in changes):
        actions.append("update")
    if not actions:
        return None
    said = f"{found.by} {desired.identity.get(found.by, '')}".rstrip()
    if "link" not in actions:
        reason = f"matched: {said}"
    elif found.by == "id" and held is not None:
        reason = f"linked: {said} is declared; {held} gives way to {wants}"
    else:
        reason = f"linked: {said} matches, and only that one"
    return Entry(
        desired.portal,
        desired.key,
        live.id,
        _name(desired, live),
        desired.source,
        found.by,
        tuple(actions),
        changes,
        _whose(changes),
        reason,
    )


def _name(desired: Desired, live: Live | None) -> str:
    declared = desired.values.get("name")
    return str(declared) if declared is not None else (live.name if live else "")


def _whose_link(live: Live, wants: Value, memory: Memory) -> Attribution | None:
    """A link that was applied before and is not there now was undone on the portal."""
    if not memory.agents:
        return None
    ours = memory.agents.get(str(live.id))
    return "drift" if ours is not None and ours.key == wants else "pending"


def _whose(changes: Sequence[Change]) -> Attribution | None:
    said = {change.attribution for change in changes}
    return "drift" if "drift" in said else "pending" if "pending" in said else None


def _created(
    desired: Desired, operation: Operation, memory: Memory, identifiers: Sequence[Identifier]
) -> Entry:
    whose: Attribution | None = "pending" if memory.agents else None
    changes = [
        Change(name, None, value, "different", whose)
        for name, value in {**desired.identity, **desired.values}.items()
        if name in desired.identity or parent(name) in operation.values
    ]
    finding = [each.name for each in identifiers if each.rule != "hint"]
    looked = " or ".join(
        f"{name} {value}" for name, value in desired.identity.items() if name in finding
    )
    return Entry(
        desired.portal,
        desired.key,
        None,
        _name(desired, None),
        desired.source,
        None,
        (operation.verb,),
        tuple(changes),
        whose,
        f"created: no agent has {looked}",
    )


def _removed(
    portal: str,
    key: str,
    live: Live,
    verb: Verb,
    to: tuple[str, Value],
    table: Mapping[str, Field],
) -> Entry:
    path, value = to
    held = live.identity[path] if verb == "unlink" else live.values.get(path)
    return Entry(
        portal,
        key,
        live.id,
        live.name,
        None,
        None,
        (verb,),
        (Change(path, held, value, "different", "pending"),),
        "pending",
        f"{participle(verb)}: it was applied from here, and no file declares it now",
        _visible(live, table),
    )


def participle(verb: Verb) -> str:
    """`linked`, `updated`."""
    return f"{verb.removesuffix('e')}ed"


def _takes_off(entry: Entry) -> bool:
    return "deactivate" in entry.actions or entry.source is None


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


def pack(sizes: Sequence[int], most: int, budget: int) -> list[list[int]]:
    """The fewest bins for items of these sizes, at most `most` items and `budget` bytes each.

    In order where that needs no more bins than any packing must; else the largest first, each into
    the first bin that has room. Returns the items' places, bins by their first item.
    """
    fewest = max(-(-len(sizes) // most), -(-sum(sizes) // budget))
    in_order = _fill(sizes, range(len(sizes)), most, budget, latest_only=True)
    if len(in_order) <= fewest:
        return in_order
    by_size = sorted(range(len(sizes)), key=lambda place: -sizes[place])
    tight = _fill(sizes, by_size, most, budget, latest_only=False)
    return tight if len(tight) < len(in_order) else in_order


def _fill(
    sizes: Sequence[int], places: Sequence[int], most: int, budget: int, *, latest_only: bool
) -> list[list[int]]:
    bins: list[list[int]] = []
    room: list[int] = []
    for place in places:
        size = sizes[place]
        open_bins = range(len(bins))[-1:] if latest_only else range(len(bins))
        for at in open_bins:
            if len(bins[at]) < most and size <= room[at]:
                bins[at].append(place)
                room[at] -= size
                break
        else:
            bins.append([place])
            room.append(budget - size)
    return sorted((sorted(each) for each in bins), key=lambda each: each[0])


def seconds(steps: Sequence[Step], paces: Sequence[Pace]) -> int:
    """About how long one portal's requests take under its limits (whole seconds, at least 1 if
    there are any): full minutes that a limit forces, and a fifth of a second a request."""
    if not steps:
        return 0
    forced = max(
        (
            (sum(pace.counts(step.request) for step in steps) - 1) // pace.per_minute * 60
            for pace in paces
        ),
        default=0,
    )
    return max(1, forced, round(len(steps) / 5))


def join(
    drafts: Mapping[str, Draft],
    steps: Mapping[str, Sequence[Step]],
    paces: Mapping[str, Sequence[Pace]],
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
        seconds=max((seconds(steps[name], paces[name]) for name in drafts), default=0),
        unread=tuple((unread or {}).items()),
        portals=tuple(drafts),
    )


Placed = TypeVar("Placed", Entry, Conflict, Warning)


def _by_agent(portals: Iterable[Sequence[Placed]]) -> tuple[Placed, ...]:
    """What several portals have to say, an agent's together."""

    def place(each: Placed) -> tuple[bool, str, int, str]:
        return (*_place(each), each.key if each.source is None else "")

    return tuple(sorted((each for said in portals for each in said), key=place))


def _numbered(groups: Iterable[Sequence[Step]]) -> Iterator[Step]:
    count = 0
    for group in groups:
        names = {step.id: f"r{number}" for number, step in enumerate(group, count + 1)}
        for step in group:
            yield replace(step, id=names[step.id], after=tuple(names[each] for each in step.after))
        count += len(group)
