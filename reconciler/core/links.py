"""Keys that move from agent to agent.

External ids go by link and unlink, and one rule does it: `unlink(a)` waits for nothing;
`link(a, x)` waits for `unlink(a)` and for `unlink(whoever holds x)`. Swaps, chains and rotations of
any length need nothing else. Other keys (a login) go by updates, and nobody can be without one:
there each waits for the update that gives the key up, and a circle has no beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from reconciler.core.fields import Identifier
from reconciler.core.match import label
from reconciler.core.model import Live, Match, Operation, Scalar, Source


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent and the external id that it is to have. `live` is None for one to be created;
    `wants` is None for one that only has to give its own up."""

    key: str
    source: Source | None
    live: Live | None
    wants: str | None


@dataclass(frozen=True, slots=True)
class Claims:
    """What the files say of external ids.

    `declared` is by live id and has all agents that the files know, `picked` the live ids of those
    that may be changed now; `others` are creations and removals; `lost` are the keys of agents
    that a conflict keeps as they are.
    """

    declared: Mapping[Scalar, Claim]
    picked: AbstractSet[Scalar]
    others: Sequence[Claim]
    lost: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim cannot be served, and who holds what it wants."""

    claim: Claim
    holder: Live
    reason: str


def resolve(
    claims: Claims, *, handle: str | None, holders: Mapping[str, Live]
) -> tuple[list[Claim], list[Refusal]]:
    """Which claims can be served, and which would take an id from somebody who keeps it.

    `holders` has who holds each id now. A refused claim keeps its own id too, so its refusal can
    bring others.
    """
    lost = set(claims.lost)
    served = [
        claim
        for live_id, claim in claims.declared.items()
        if live_id in claims.picked and claim.key not in lost and _moves(claim, handle)
    ]
    served += [claim for claim in claims.others if claim.key not in lost]
    refusals: list[Refusal] = []
    while True:
        free = {claim.live.id for claim in served if claim.live is not None}
        refused = [
            (claim, holder)
            for claim in served
            if claim.wants is not None
            and (holder := holders.get(claim.wants)) is not None
            and holder.id not in free
        ]
        if not refused:
            return served, refusals
        refusals += [
            Refusal(claim, holder, _why(claim, holder, handle, claims, lost))
            for claim, holder in refused
        ]
        lost |= {claim.key for claim, _ in refused}
        served = [claim for claim in served if claim.key not in lost]


def _moves(claim: Claim, handle: str | None) -> bool:
    held = claim.live.identity.get(handle) if claim.live and handle else None
    return claim.wants is not None and (held is None or str(held) != claim.wants)


def _why(
    claim: Claim, holder: Live, handle: str | None, claims: Claims, lost: AbstractSet[str]
) -> str:
    said = f"{handle} {claim.wants} is held by agent {holder.id} {holder.name}"
    other = claims.declared.get(holder.id)
    if other is None:
        return f"{said}, whom no file declares. Unlink it on the portal, or declare that agent too."
    who = f"{said}, who is {other.key} ({other.source})"
    if holder.id not in claims.picked:
        return f"{who} and is left out of this plan."
    if other.key in lost:
        return f"{who} and is in conflict itself."
    return f"{who} and declares no other {handle}. Give that agent its new one."


def operations(
    claims: Sequence[Claim], *, portal: str, handle: str | None, holders: Mapping[str, Live]
) -> list[Operation]:
    """The unlinks and links of these claims, each after what it waits for.

    An unlink comes as late as it can, so that an agent is without its id for the shortest time.
    """
    done: dict[str, Operation] = {}
    by_id = {claim.live.id: claim for claim in claims if claim.live is not None}

    def unlink(live: Live) -> tuple[str, ...]:
        held = live.identity.get(handle) if handle else None
        if held is None:
            return ()
        claim, name = by_id[live.id], f"unlink:{live.id}"
        done.setdefault(
            name,
            Operation(name, "unlink", portal, claim.key, claim.source, live.id, str(held)),
        )
        return (name,)

    for claim in claims:
        if claim.live is None:
            continue
        waits = unlink(claim.live)
        if claim.wants is not None:
            holder = holders.get(claim.wants)
            waits += unlink(holder) if holder is not None else ()
            name = f"link:{claim.live.id}"
            done[name] = Operation(
                name,
                "link",
                portal,
                claim.key,
                claim.source,
                claim.live.id,
                claim.wants,
                waits=waits,
            )
    return list(done.values())


def give_way(
    profiles: Sequence[Operation],
    key: Identifier,
    agents: Iterable[Live],
    declared: Mapping[Scalar, Match],
) -> tuple[list[Operation], list[Refusal]]:
    """The updates and creations that give somebody a key which is another's now, each after the
    update by which its holder gives it up; and those for whom nobody does.

    `declared` has, by live id, the agents that the files know.
    """
    name = key.name
    wants = {
        each.name: key.canonical(value)
        for each in profiles
        if (value := each.values.get(name)) is not None
    }
    if not wants:
        return list(profiles), []
    wanted = set(wants.values())
    holders = {
        form: live
        for live in agents
        if (held := live.identity.get(name)) is not None and (form := key.canonical(held)) in wanted
    }
    taking = {
        each.name: holder
        for each in profiles
        if each.name in wants
        and (holder := holders.get(wants[each.name])) is not None
        and holder.id != each.id
    }
    givers = {
        each.id: each.name
        for each in profiles
        if each.id is not None
        and each.name in wants
        and ((own := holders.get(wants[each.name])) is None or own.id != each.id)
    }
    refused: dict[str, str] = {}
    for each in (each for each in profiles if each.name in taking):
        path = [each.name]
        while (last := taking.get(path[-1])) is not None and last.id in givers:
            if givers[last.id] in path:
                break
            path.append(givers[last.id])
        if last is not None:
            refused[each.name] = _why_kept(path, last, givers, declared)
    refusals = [
        Refusal(
            Claim(each.key, each.source, None, str(each.values[name])),
            taking[each.name],
            f"{name} {each.values[name]} is held by agent {label(taking[each.name])}"
            f"{refused[each.name]}",
        )
        for each in profiles
        if each.name in refused
    ]
    served = {
        each.name: replace(each, waits=(*each.waits, givers[taking[each.name].id]))
        if each.name in taking
        else each
        for each in profiles
        if each.name not in refused
    }
    return _in_order(served, taking, givers), refusals


def _in_order(
    served: Mapping[str, Operation], taking: Mapping[str, Live], givers: Mapping[Scalar, str]
) -> list[Operation]:
    """As they are, but each after the one that it waits for; no circle is left among them."""
    done: dict[str, Operation] = {}
    for name in served:
        path = [name]
        while path[-1] not in done and (holder := taking.get(path[-1])) is not None:
            path.append(givers[holder.id])
        done |= {each: served[each] for each in reversed(path) if each not in done}
    return list(done.values())


def _why_kept(
    path: Sequence[str],
    holder: Live,
    givers: Mapping[Scalar, str],
    declared: Mapping[Scalar, Match],
) -> str:
    """Why nobody gives up what the last of `path` wants, and `holder` has."""
    if holder.id in givers:
        return (
            ", who wants another agent's in turn, and so on in a circle. Give one of them an "
            "address that nobody has first."
        )
    if len(path) > 1:
        return ", who cannot have the one that is declared for them either."
    other = declared.get(holder.id)
    if other is None:
        return ", whom no file declares. Change it there on the portal, or declare that agent too."
    return f", who is {other.desired.key} ({other.desired.source}) and keeps it in this plan."
