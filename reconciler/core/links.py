"""External ids that move from agent to agent.

One rule does it: `unlink(a)` waits for nothing; `link(a, x)` waits for `unlink(a)` and for
`unlink(whoever holds x)`. Swaps, chains and rotations of any length need nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import Live, Operation, Scalar, Source


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent and the external id that it is to have. `live` is None for one to be created;
    `wants` is None for one that only has to give its own up."""

    key: str
    source: Source | None
    live: Live | None
    wants: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim cannot be served, and who holds what it wants."""

    claim: Claim
    holder: Live
    reason: str


def resolve(
    claims: Sequence[Claim],
    *,
    handle: str,
    holders: Mapping[str, Live],
    declared: Mapping[Scalar, Claim],
    blocked: Mapping[str, str],
) -> tuple[list[Claim], list[Refusal]]:
    """Which claims can be served, and which would take an id from somebody who keeps it.

    `holders` has who holds each id now; `declared` is what the files say of each live agent they
    know, also of those that are not to be changed now; `blocked` has, by key, why such an agent is
    not changed. A refused claim keeps its own id too, so its refusal can bring others.
    """
    served = list(claims)
    refusals: list[Refusal] = []
    while True:
        free = {claim.live.id for claim in served if claim.live is not None}
        refused = [
            Refusal(claim, holder, _why(claim, holder, handle, declared, blocked))
            for claim in served
            if claim.wants is not None
            and (holder := holders.get(claim.wants)) is not None
            and holder.id not in free
        ]
        if not refused:
            return served, refusals
        refusals += refused
        blocked = {**blocked, **{each.claim.key: "is in conflict itself" for each in refused}}
        lost = {each.claim.key for each in refused}
        served = [claim for claim in served if claim.key not in lost]


def _why(
    claim: Claim,
    holder: Live,
    handle: str,
    declared: Mapping[Scalar, Claim],
    blocked: Mapping[str, str],
) -> str:
    said = f"{handle} {claim.wants} is held by agent {holder.id} {holder.name}"
    other = declared.get(holder.id)
    if other is None:
        return f"{said}, whom no file declares. Unlink it on the portal, or declare that agent too."
    if other.key in blocked:
        return f"{said}, who is {other.key} ({other.source}) and {blocked[other.key]}."
    return (
        f"{said}, who is {other.key} ({other.source}) and declares no other {handle}. "
        f"Give that agent its new one."
    )


def operations(
    claims: Sequence[Claim], *, portal: str, handle: str, holders: Mapping[str, Live]
) -> list[Operation]:
    """The unlinks and links of these claims, each after what it waits for.

    An unlink comes as late as it can, so that an agent is without its id for the shortest time.
    """
    done: dict[str, Operation] = {}
    by_id = {claim.live.id: claim for claim in claims if claim.live is not None}

    def unlink(live: Live) -> tuple[str, ...]:
        held = live.identity.get(handle)
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


def waits_for(claim: Claim, holders: Mapping[str, Live]) -> tuple[str, ...]:
    """What the creation of an agent with this external id waits for."""
    holder = holders.get(claim.wants) if claim.wants is not None else None
    return () if holder is None else (f"unlink:{holder.id}",)


def after_links(operation: Operation, links: Sequence[Operation]) -> Operation:
    """The operation, made to wait for the link of its own agent."""
    own = tuple(each.name for each in links if each.id == operation.id and each.verb == "link")
    return replace(operation, waits=operation.waits + own)
