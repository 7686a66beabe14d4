"""From who-is-who to a plan: what to do for whom, in which order, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reconciler.core import links
from reconciler.core.diff import Difference, diff
from reconciler.core.fields import Field, Identifier, Sort, digest, parent
from reconciler.core.match import Matching, candidate, handle, label, match
from reconciler.core.memory import was_refused
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

    `order` are the identifiers that find an agent; `needs` what a creation takes; `removal` what
    happens to an agent that was ours and is declared no more (None: it is reported); `hold` leaves
    alone what cannot be compared; `by_handle`, updates name their agent by the external id;
    `refuses` says of an operation why the portal would refuse it, None if it would not.
    """

    order: tuple[str, ...]
    create: bool = False
    needs: tuple[str, ...] = ()
    removal: Verb | None = None
    hold: bool = False
    by_handle: bool = False
    refuses: Callable[[Operation], str | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest share of the declared agents that may change or be taken off, and the number of
    declared agents below which there is no limit."""

    changes: float
    removals: float
    floor: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The agents that a plan looks at: those whose key or file fits a target (all, without one)
    and no exclude. Patterns are globs; one with a slash or a file's ending is a file's too.
    `without` are keys, as they are."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    def has(self, key: str, source: Source | None) -> bool:
        """Whether the plan looks at this agent."""
        if key in self.without:
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
    matching = match(desired, listing, identifiers, order=policy.order, creating=policy.create)
    chosen = [found for found in matching.matches if _chosen(selection, found.desired)]
    differences = {
        found.desired.key: diff(found, table, memory, hold=policy.hold) for found in chosen
    }
    updates = [
        _update(found, changes, fields, identifiers)
        for found in chosen
        if (changes := differences[found.desired.key].changes)
    ]
    absent = {each.key: each for each in matching.absent if _chosen(selection, each)}
    creations, waiting, unsure = _absences(
        absent.values(), listing, fields, identifiers, policy, memory
    )
    conflicts = [each for each in matching.conflicts if selection.has(each.key, each.source)]
    conflicts += unsure
    conflicts += _refused((*updates, *creations), policy)

    removals, reports = _removals(portal, matching, listing, memory, policy, name, selection)
    claims = links.Claims(
        declared={
            found.live.id: _claim(found.desired, found.live, name) for found in matching.matches
        },
        picked={found.live.id for found in chosen},
        others=(*removals, *(_claim(absent[each.key], None, name) for each in creations)),
        lost={each.key for each in conflicts},
    )
    moves, refusals = links.resolve(claims, handle=name, holders=_holders(listing, name))
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
        [each for each in (*updates, *creations) if each.key not in lost],
        linking,
        by_handle=policy.by_handle,
    )
    matches = tuple(found for found in chosen if found.desired.key not in lost)
    entries = [
        *_entries(matches, differences, name, memory),
        *(_created(absent[each.key], each, memory) for each in creations if each.key not in lost),
    ]
    moved = {claim.live.id for claim in moves if claim.live is not None}
    removed = [
        _removed(portal, claim, name)
        for claim in removals
        if claim.live is not None and claim.live.id in moved
    ]
    warnings = (
        *(note for each in differences.values() for note in each.warnings),
        *(note for found in chosen for note in _foreign_identity(found, identifiers, table)),
        *waiting,
        *reports,
        *(_listings_lose(each, name) for each in linking if each.verb == "unlink"),
    )
    return Draft(
        entries=(*sorted(entries, key=_place), *removed),
        operations=(*linking, *profiles),
        conflicts=tuple(sorted(conflicts, key=_place)),
        warnings=tuple(sorted((each for each in warnings if each.key not in lost), key=_place)),
        matches=matches,
        declared=sum(1 for each in desired if _chosen(selection, each)),
        waiting=tuple(each.key for each in waiting),
        complete=listing.complete,
        untaken=tuple(
            value for found in matches for value in differences[found.desired.key].untaken
        ),
        excess=_excess(portal, len(entries) + len(removed), len(removed), len(desired), limits),
    )


def _refused(operations: Iterable[Operation], policy: Policy) -> Iterator[Conflict]:
    for each in operations:
        reason = policy.refuses(each)
        if reason is not None:
            yield Conflict(each.portal, each.key, each.source, reason)


def _in_turn(
    profiles: Sequence[Operation], linking: Sequence[Operation], *, by_handle: bool
) -> list[Operation]:
    """The profiles, each after the moves that it needs: a creation after its external id is free,
    an update that names its agent by the external id after that is its own."""
    unlinked = {each.external_id: each.name for each in linking if each.verb == "unlink"}
    linked = {each.id: each.name for each in linking if each.verb == "link"}

    def first(each: Operation) -> str | None:
        if each.verb == "create":
            return unlinked.get(each.external_id)
        return linked.get(each.id) if by_handle else None

    return [replace(each, waits=(wait,)) if (wait := first(each)) else each for each in profiles]


def _absences(
    absent: Iterable[Desired],
    listing: Listing,
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    policy: Policy,
    memory: Memory,
) -> tuple[list[Operation], list[Warning], list[Conflict]]:
    """What becomes of agents that the portal does not show: those to create, those that wait,
    and those of whom a list that is not whole says nothing."""
    creations: list[Operation] = []
    waiting: list[Warning] = []
    unsure: list[Conflict] = []
    formers = {
        ours.key: live
        for live in listing.agents
        if (ours := memory.agents.get(str(live.id))) is not None
    }
    for each in absent:
        operation = _creation(each, fields, handle(identifiers), policy)
        former = formers.get(each.key)
        why = _why_not_created(each, operation, listing, identifiers, policy, memory, former)
        if why is None:
            creations.append(operation)
        elif listing.complete:
            waiting.append(Warning(each.portal, each.key, each.source, why))
        else:
            unsure.append(Conflict(each.portal, each.key, each.source, why))
    return creations, waiting, unsure


def _chosen(selection: Selection, desired: Desired) -> bool:
    return selection.has(desired.key, desired.source)


def _place(each: Entry | Conflict | Warning) -> tuple[bool, str, int]:
    """The order of a plan: that of the files, then what is in no file."""
    source = each.source
    return (source is None, source.file if source else "", source.line if source else 0)


def body(
    fields: Sequence[Field], desired: Desired, live: Live | None, touched: Sequence[str]
) -> dict[str, Value]:
    """What to send for these paths: a group of switches whole, merged with what is live (for a new
    agent, with what the portal gives one); the other languages of a text as far as they show."""
    paths = set(map(parent, touched))
    sent: dict[str, Value] = {}
    for field in fields:
        if field.name not in paths:
            continue
        if field.name in desired.values:
            sent[field.name] = desired.values[field.name]
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
) -> Operation:
    desired, live, name = found.desired, found.live, handle(identifiers)
    external = (desired.identity.get(name) or live.identity.get(name)) if name else None
    values = body(fields, desired, live, [change.path for change in changes])
    return Operation(
        f"update:{live.id}",
        "update",
        desired.portal,
        desired.key,
        desired.source,
        live.id,
        None if external is None else str(external),
        values,
    )


def _creation(
    desired: Desired, fields: Sequence[Field], name: str | None, policy: Policy
) -> Operation:
    values = body(fields, desired, None, list(desired.values))
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
    former: Live | None,
) -> str | None:
    """Why an absent agent is not created; None if it is to be. `former` is who it was when it was
    applied last, if that live agent is still there."""
    if not listing.complete:
        return "is not in the part of the agents that the portal listed, so nothing is done."
    if former is not None:
        return (
            f"was agent {label(former)} at the last apply, and the file does not find them now. "
            f"If that is still this agent, declare `id: {former.id}`."
        )
    if not policy.create:
        ways = [
            each
            for each in identifiers
            if each.name in policy.order and not each.assignable and each.rule != "pin"
        ]
        found = [each.name for each in ways if each.name in desired.identity]
        others = ways or [each for each in identifiers if each.rule == "pin"]
        later = (
            f"a later run finds them by {found[0]}."
            if found
            else f"declare {others[0].name} too, so that a later run finds them."
        )
        return f"is not on the portal yet. Have the agent invited there; {later}"
    lacking = [
        name for name in policy.needs if name not in desired.identity and name not in desired.values
    ]
    if lacking:
        return f"is not on the portal, and to be created it needs {' and '.join(lacking)}."
    if was_refused(memory, desired.key, creation_form(operation)):
        return (
            "is not on the portal, which refused to create the agent. Have the agent invited "
            "there; it is not tried again until the file changes."
        )
    return None


def _foreign_identity(
    found: Match, identifiers: Sequence[Identifier], fields: Mapping[str, Field]
) -> list[Warning]:
    """A shared identifier that is declared and shown, and not the same: nothing will change it."""
    warnings = []
    for each in identifiers:
        if each.rule != "shared" or each.name in fields:
            continue
        want, have = (side.identity.get(each.name) for side in (found.desired, found.live))
        if want is None or have is None or want == have or _digits(want) == _digits(have):
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


def _digits(value: object) -> str:
    return "".join(filter(str.isdigit, str(value)))


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
    policy: Policy,
    name: str | None,
    selection: Selection,
) -> tuple[list[links.Claim], list[Warning]]:
    """The agents that were ours and that no file declares now: to be unlinked, or reported.

    Whoever a conflict is about may still be declared, so such an agent is left alone.
    """
    if not listing.complete or not memory.agents:
        return [], []
    kept = {str(found.live.id) for found in matching.matches}
    kept |= {str(each.id) for conflict in matching.conflicts for each in conflict.candidates}
    declared = {each.key for each in matching.conflicts}
    declared |= {each.key for each in matching.absent}
    claims, reports = [], []
    for live in listing.agents:
        ours = memory.agents.get(str(live.id))
        held = live.identity.get(name) if name else None
        if ours is None or str(live.id) in kept or ours.key in declared:
            continue
        undone = name is not None and ours.key not in (f"id:{live.id}", held)
        if undone or not selection.has(ours.key, None):
            continue
        if policy.removal is not None and ours.key == held:
            claims.append(links.Claim(ours.key, None, live, None))
        else:
            message = (
                f"agent {label(live)} was applied from here and no file declares them now. "
                f"The portal still shows them as they are."
            )
            reports.append(Warning(portal, ours.key, None, message))
    return claims, reports


def _listings_lose(operation: Operation, name: str | None) -> Warning:
    message = (
        f"agent {operation.id} is unlinked: listings assigned by {name} "
        f"{operation.external_id} lose their agent."
    )
    return Warning(operation.portal, operation.key, operation.source, message)


def _entries(
    matches: Iterable[Match],
    differences: Mapping[str, Difference],
    name: str | None,
    memory: Memory,
) -> Iterator[Entry]:
    for found in matches:
        entry = _entry(found, differences[found.desired.key].changes, name, memory)
        if entry is not None:
            yield entry


def _entry(
    found: Match, changes: tuple[Change, ...], name: str | None, memory: Memory
) -> Entry | None:
    desired, live = found.desired, found.live
    held, wants = (side.identity.get(name) if name else None for side in (live, desired))
    actions: list[Verb] = []
    if wants is not None and wants != held:
        actions = ["link"] if held is None else ["unlink", "link"]
        whose = _whose_link(live, wants, memory)
        changes = (Change(str(name), held, wants, "different", whose), *changes)
    if any(change.path != name for change in changes):
        actions.append("update")
    if not actions:
        return None
    said = f"{found.by} {desired.identity[found.by]}"
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


def _created(desired: Desired, operation: Operation, memory: Memory) -> Entry:
    whose: Attribution | None = "pending" if memory.agents else None
    changes = [
        Change(name, None, value, "different", whose)
        for name, value in {**desired.identity, **desired.values}.items()
    ]
    looked = " or ".join(f"{name} {value}" for name, value in desired.identity.items())
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


def _removed(portal: str, claim: links.Claim, name: str | None) -> Entry:
    live = claim.live
    assert live is not None, "only a live agent can be removed"  # noqa: S101
    held = live.identity.get(name) if name else None
    return Entry(
        portal,
        claim.key,
        live.id,
        live.name,
        None,
        None,
        ("unlink",),
        (Change(str(name), held, None, "different", "pending"),),
        "pending",
        "unlinked: it was applied from here, and no file declares it now",
    )


def _excess(
    portal: str, changed: int, removed: int, declared: int, limits: Limits
) -> tuple[str, ...]:
    if declared + removed < limits.floor:  # who is to be taken off was declared until now
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
    """About how long the requests take under the portal's limits (whole seconds, at least 1 if
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
    drafts: Mapping[str, Draft], steps: Mapping[str, Sequence[Step]], paces: Sequence[Pace]
) -> Plan:
    """One plan of all portals, from their drafts and steps; the steps are numbered through."""
    entries = tuple(entry for each in drafts.values() for entry in each.entries)
    declared = sum(each.declared for each in drafts.values())
    busy = sum(1 for entry in entries if entry.source is not None)
    conflicts = tuple(conflict for each in drafts.values() for conflict in each.conflicts)
    lost = {(each.portal, each.key) for each in conflicts if each.source is not None}
    absent = tuple((name, key) for name, each in drafts.items() for key in each.waiting)
    numbered = tuple(_numbered(steps.values()))
    return Plan(
        entries=entries,
        steps=numbered,
        conflicts=conflicts,
        warnings=tuple(warning for each in drafts.values() for warning in each.warnings),
        declared=declared,
        unchanged=declared - busy - len(lost) - len(absent),
        waiting=absent,
        complete=all(each.complete for each in drafts.values()),
        excess=tuple(said for each in drafts.values() for said in each.excess),
        seconds=seconds(numbered, paces),
    )


def _numbered(groups: Iterable[Sequence[Step]]) -> Iterator[Step]:
    count = 0
    for group in groups:
        names = {step.id: f"r{number}" for number, step in enumerate(group, count + 1)}
        for step in group:
            yield replace(step, id=names[step.id], after=tuple(names[each] for each in step.after))
        count += len(group)
