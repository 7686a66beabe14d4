"""Who is on the portals: each live agent, the file that declares them, and possible duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.catalogue import Catalogue
from reconciler.core.match import label
from reconciler.core.model import Conflict, Listing, Live, Match, Scalar, Source
from reconciler.core.people import SHARED, by_identifier, by_name

NAMED = 3
"""Agents that a note names; of the others, it has the number."""


@dataclass(frozen=True, slots=True)
class Member:
    """A live agent. `profile_id` is the portal's further id of them and `phone` the number that
    identifies them, as the portal shows it. `source` is where a file declares them, None if none
    does. `notes` say what a person should know."""

    portal: str
    id: Scalar
    profile_id: Scalar | None
    external_id: Scalar | None
    name: str
    phone: Scalar | None
    status: str | None
    source: Source | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """The live agents of all portals, by portal and name, and the groups of those who are probably
    one person."""

    members: tuple[Member, ...]
    duplicates: tuple[tuple[Member, ...], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One portal: what it lists, the declared agents that match, and the conflicts."""

    catalogue: Catalogue
    listing: Listing
    matches: Sequence[Match]
    conflicts: Sequence[Conflict]


def roster(portals: Iterable[Listed]) -> Roster:
    """Who is on the portals."""
    members: list[Member] = []
    groups: list[tuple[Member, ...]] = []
    for each in portals:
        shared = list(_shared(each))
        notes = _notes(each, shared)
        sources = {match.live.id: match.desired.source for match in each.matches}
        found = {
            live.id: _member(live, each.catalogue, sources.get(live.id), notes[live.id])
            for live in _by_name(each.listing)
        }
        members += found.values()
        groups += (tuple(found[live.id] for live in group) for group in _joined(shared))
    return Roster(tuple(members), tuple(groups))


def _by_name(listing: Listing) -> list[Live]:
    return sorted(listing.agents, key=lambda live: (live.name.casefold(), str(live.id)))


def _member(
    live: Live, catalogue: Catalogue, source: Source | None, notes: Iterable[str]
) -> Member:
    off = catalogue.policy.off
    status = live.values.get(off[0]) if off is not None else None
    return Member(
        portal=live.portal,
        id=live.id,
        profile_id=next(iter(live.aliases.values()), None),
        external_id=catalogue.external_id(live.identity),
        name=live.name,
        phone=_phone(live, catalogue),
        status=str(status) if status is not None else None,
        source=source,
        notes=tuple(notes),
    )


def _phone(live: Live, catalogue: Catalogue) -> Scalar | None:
    kinds = (each.name for each in catalogue.identifiers if each.rule in SHARED)
    return next((live.identity[name] for name in kinds if name in live.identity), None)


# -- duplicates ------------------------------------------------------------------------------------


def _shared(portal: Listed) -> Iterator[tuple[str, list[Live]]]:
    """Yield what several agents share, in words, and these agents, by name."""
    agents = _by_name(portal.listing)
    indexes = {
        f"same {each.name}": by_identifier(agents, each)
        for each in portal.catalogue.identifiers
        if each.rule in SHARED
    }
    for what, index in (*indexes.items(), ("same name", by_name(agents))):
        yield from ((what, group) for value, group in index.items() if value and len(group) > 1)


def _joined(shared: Iterable[tuple[str, Sequence[Live]]]) -> list[list[Live]]:
    """The groups of agents who share anything, directly or through others."""
    first: dict[Scalar, Scalar] = {}  # towards the first agent of the group

    def group_of(number: Scalar) -> Scalar:
        while (above := first.setdefault(number, number)) != number:
            first[number] = first[above]
            number = above
        return number

    found: dict[Scalar, Live] = {}
    for _, agents in shared:
        for live in agents:
            found[live.id] = live
            first[group_of(live.id)] = group_of(agents[0].id)
    groups: dict[Scalar, list[Live]] = defaultdict(list)
    for number, live in found.items():
        groups[group_of(number)].append(live)
    return list(groups.values())


def _notes(
    portal: Listed, shared: Iterable[tuple[str, Sequence[Live]]]
) -> Mapping[Scalar, list[str]]:
    """What a person should know of each agent, by id."""
    notes = {live.id: [live.notice] if live.notice else [] for live in portal.listing.agents}
    for what, agents in shared:
        for live in agents:
            others = [label(each) for each in agents if each is not live]
            more = len(others) - NAMED
            tail = f" and {more} more" if more > 0 else ""
            notes[live.id].append(f"{what} as {', '.join(others[:NAMED])}{tail}")
    for conflict in portal.conflicts:
        for each in conflict.candidates:
            notes.setdefault(each.id, []).append(f"in conflict with {conflict.key}")
    return notes


# -- selecting -------------------------------------------------------------------------------------


def narrowed(roster: Roster, *, unmanaged: bool, duplicates: bool) -> Roster:
    """Only the agents whom no file declares (`unmanaged`), and only those who are probably listed
    twice (`duplicates`), with the groups that have one of them."""
    twice = {_who(each) for group in roster.duplicates for each in group}
    members = [
        each
        for each in roster.members
        if not (unmanaged and each.source is not None) and (_who(each) in twice or not duplicates)
    ]
    left = set(map(_who, members))
    groups = (group for group in roster.duplicates if not left.isdisjoint(map(_who, group)))
    return Roster(tuple(members), tuple(groups))


def _who(member: Member) -> tuple[str, Scalar]:
    return member.portal, member.id
