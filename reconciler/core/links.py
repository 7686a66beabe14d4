"""Keys that move from one agent to another.

External ids move by link and unlink, under one rule: `unlink(a)` waits for nothing; `link(a, x)`
waits for `unlink(a)` and for `unlink(holder of x)`. This covers swaps, chains and rotations of any
length. Other keys (a login) move by updates, and no agent can be without one: each update waits for
the one by which the holder gives the key up, so a cycle cannot be resolved.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.core.fields import Identifier
from reconciler.core.findings import Findings, Scope
from reconciler.core.match import candidate, label
from reconciler.core.model import Conflict, Desired, Live, Match, Operation, Scalar, Source
from reconciler.core.removals import Removed


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent and the external id that it should have. `live` is None for an agent to be created;
    `wants` is None for one that only releases its own."""

    key: str
    source: Source | None
    live: Live | None
    wants: str | None


@dataclass(frozen=True, slots=True)
class Claims:
    """What the files declare about external ids.

    `declared` has all agents of the files by live id and `picked` the live ids of those that may
    change now; `others` are creations and removals; `lost` has the keys of agents that a conflict
    leaves unchanged.
    """

    declared: Mapping[Scalar, Claim]
    picked: AbstractSet[Scalar]
    others: Sequence[Claim]
    lost: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim is refused, and who has the key that it wants."""

    claim: Claim
    holder: Live
    reason: str


@dataclass(frozen=True, slots=True)
class Moves:
    """How keys move: the links and unlinks, and the updates and creations in their order."""

    links: tuple[Operation, ...]
    profiles: tuple[Operation, ...]


def move_keys(
    scope: Scope, profiles: Sequence[Operation], removals: Iterable[Removed], findings: Findings
) -> Moves:
    """The links and unlinks, and the order of the updates and creations (`profiles`) among them.
    Adds a conflict for each agent whose key stays with another."""
    handle = scope.catalogue.handle
    holders = _holders(scope)
    served, refusals = resolve(
        _claims(scope, profiles, removals, findings), handle=handle, holders=holders
    )
    lost = findings.in_conflict
    declared = {found.live.id: found for found in scope.matching.matches}
    for key in scope.catalogue.identifiers:
        if key.moves == "update":
            lost |= {each.claim.key for each in refusals}
            left = [each for each in profiles if each.key not in lost]
            profiles, more = hand_over(left, key, scope.listing.agents, declared)
            refusals += more
    for refusal in refusals:
        claim, candidates = refusal.claim, (candidate(refusal.holder, handle),)
        findings.conflicts.append(
            Conflict(scope.portal, claim.key, claim.source, refusal.reason, candidates)
        )
    lost = findings.in_conflict
    links = operations(served, portal=scope.portal, handle=handle, holders=holders)
    kept = [each for each in profiles if each.key not in lost]
    return Moves(tuple(links), tuple(_after_links(kept, links, scope)))


def _holders(scope: Scope) -> dict[str, Live]:
    return {
        str(external): live
        for live in scope.listing.agents
        if (external := scope.catalogue.external_id(live.identity)) is not None
    }


def _claims(
    scope: Scope, profiles: Sequence[Operation], removals: Iterable[Removed], findings: Findings
) -> Claims:
    def claim(desired: Desired, live: Live | None) -> Claim:
        wants = scope.catalogue.external_id(desired.identity)
        return Claim(desired.key, desired.source, live, None if wants is None else str(wants))

    created = [scope.absent[each.key] for each in profiles if each.verb == "create"]
    unlinked = [each for each in removals if each.deactivation is None]
    return Claims(
        declared={
            found.live.id: claim(found.desired, found.live) for found in scope.matching.matches
        },
        picked={found.live.id for found in scope.matches},
        others=(
            *(Claim(each.key, None, each.live, None) for each in unlinked),
            *(claim(desired, None) for desired in created),
        ),
        lost=findings.in_conflict,
    )


def _after_links(
    profiles: Sequence[Operation], links: Iterable[Operation], scope: Scope
) -> list[Operation]:
    """The profiles, each waiting for the links that must precede it: a creation, for its external
    id to be free; an update, for its agent's link, if it names the agent by the external id or if
    only a shared value matched the agent (a refused link may reveal that it is someone else)."""
    unlinked = {each.external_id: each.name for each in links if each.verb == "unlink"}
    linked = {each.id: each.name for each in links if each.verb == "link"}
    catalogue = scope.catalogue
    guessed = {found.live.id for found in scope.matches if catalogue.rule(found.by) == "shared"}

    def first(each: Operation) -> str | None:
        if each.verb == "create":
            return unlinked.get(each.external_id)
        by_link = catalogue.policy.by_handle or each.id in guessed
        return linked.get(each.id) if by_link else None

    return [
        replace(each, waits=(*each.waits, link)) if (link := first(each)) else each
        for each in profiles
    ]


# -- external ids: link and unlink ----------------------------------------------------------------


def resolve(
    claims: Claims, *, handle: str | None, holders: Mapping[str, Live]
) -> tuple[list[Claim], list[Refusal]]:
    """Which claims can be served, and which would take an id from an agent that keeps it.

    `holders` has the holder of each id. A refused claim keeps its own id, so its refusal can cause
    others: each claim is refused at most once, and each refusal visits only the claims on its id.
    """
    served = _serveable(claims, handle)
    released: dict[str, list[Scalar]] = defaultdict(list)
    for claim in served:
        if claim.live is not None:
            released[claim.key].append(claim.live.id)
    waiting, refused = _by_holder(served, holders)
    lost = set(claims.lost)
    refusals: list[Refusal] = []
    while refused:
        claim = refused.popleft()
        holder = holders[str(claim.wants)]
        refusals.append(Refusal(claim, holder, _why(claim, holder, handle, claims, lost)))
        if claim.key not in lost:
            lost.add(claim.key)
            for live_id in released[claim.key]:
                behind = waiting.pop(live_id, ())
                refused.extend(each for each in behind if each.key not in lost)
    return [claim for claim in served if claim.key not in lost], refusals


def _serveable(claims: Claims, handle: str | None) -> list[Claim]:
    """The claims that would move an id: of selected agents, creations and removals."""
    declared = (
        claim
        for live_id, claim in claims.declared.items()
        if live_id in claims.picked and _moves(claim, handle)
    )
    return [claim for claim in (*declared, *claims.others) if claim.key not in claims.lost]


def _by_holder(
    served: Sequence[Claim], holders: Mapping[str, Live]
) -> tuple[dict[Scalar, list[Claim]], deque[Claim]]:
    """The claims that wait for each holder to release its id, and those whose holder keeps it."""
    releasing = {claim.live.id for claim in served if claim.live is not None}
    waiting: dict[Scalar, list[Claim]] = defaultdict(list)
    refused: deque[Claim] = deque()
    for claim in served:
        holder = holders.get(claim.wants) if claim.wants is not None else None
        if holder is not None and holder.id in releasing:
            waiting[holder.id].append(claim)
        elif holder is not None:
            refused.append(claim)
    return waiting, refused


def _moves(claim: Claim, handle: str | None) -> bool:
    held = claim.live.identity.get(handle) if claim.live and handle else None
    return claim.wants is not None and (held is None or str(held) != claim.wants)


def _why(
    claim: Claim, holder: Live, handle: str | None, claims: Claims, lost: AbstractSet[str]
) -> str:
    held = f"agent {label(holder)} has {handle} {claim.wants}"
    other = claims.declared.get(holder.id)
    if other is None:
        return (
            f"{held}, and no file declares that agent. Unlink it on the portal, or declare it too."
        )
    who = f"{held} and is declared as {other.key} ({other.source})"
    if holder.id not in claims.picked:
        return f"{who}, which this plan leaves out."
    if other.key in lost:
        return f"{who}, which is in conflict too."
    return f"{who} without another {handle}. Declare its new {handle} there."


def operations(
    claims: Sequence[Claim], *, portal: str, handle: str | None, holders: Mapping[str, Live]
) -> list[Operation]:
    """The unlinks and links of these claims, each after those that it waits for.

    An unlink comes as late as possible, so that an agent is without its id only briefly.
    """
    done: dict[str, Operation] = {}
    by_id = {claim.live.id: claim for claim in claims if claim.live is not None}

    def unlink(live: Live) -> tuple[str, ...]:
        held = live.identity.get(handle) if handle else None
        if held is None:
            return ()
        claim, name = by_id[live.id], f"unlink:{live.id}"
        done.setdefault(
            name, Operation(name, "unlink", portal, claim.key, claim.source, live.id, str(held))
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


# -- other keys: updates --------------------------------------------------------------------------


Obstacle = Literal["circle", "kept", "behind"]
"""Why an agent cannot get a key: its holder wants another in a cycle, keeps it, or cannot get the
key that it should have instead."""


def hand_over(
    profiles: Sequence[Operation],
    key: Identifier,
    agents: Iterable[Live],
    declared: Mapping[Scalar, Match],
) -> tuple[list[Operation], list[Refusal]]:
    """The updates and creations, each after the update by which the present holder gives up the key
    that it declares; and the refusals of those whose key is not given up.

    `declared` has the agents of the files by live id.
    """
    transfers = _transfers(profiles, key, agents)
    taking, givers = transfers.taking, transfers.givers
    obstacles = _obstacles(taking, givers)
    refusals = [
        _refusal(each, key, taking[each.name], obstacle, declared)
        for each in profiles
        if (obstacle := obstacles.get(each.name)) is not None
    ]
    served = {
        each.name: replace(each, waits=(*each.waits, givers[taking[each.name].id]))
        if each.name in taking
        else each
        for each in profiles
        if obstacles.get(each.name) is None
    }
    return _in_order(served, taking, givers), refusals


@dataclass(frozen=True, slots=True)
class _Transfers:
    """Who takes a key from whom: `taking` has the present holder by operation, `givers` the
    operation by which each holder gives its key up."""

    taking: Mapping[str, Live]
    givers: Mapping[Scalar, str]


def _transfers(
    profiles: Sequence[Operation], key: Identifier, agents: Iterable[Live]
) -> _Transfers:
    wants = {
        each.name: key.canonical(value)
        for each in profiles
        if (value := each.values.get(key.name)) is not None
    }
    holders = _holders_of(key, set(wants.values()), agents) if wants else {}
    taking, givers = {}, {}
    for each in profiles:
        if each.name not in wants:
            continue
        holder = holders.get(wants[each.name])
        if holder is not None and holder.id == each.id:
            continue  # it has the key already
        if holder is not None:
            taking[each.name] = holder
        if each.id is not None:
            givers[each.id] = each.name
    return _Transfers(taking, givers)


def _holders_of(
    key: Identifier, wanted: AbstractSet[str], agents: Iterable[Live]
) -> dict[str, Live]:
    """The live agents that have one of the wanted keys, by its canonical form."""
    return {
        canonical: live
        for live in agents
        if (held := live.identity.get(key.name)) is not None
        and (canonical := key.canonical(held)) in wanted
    }


def _obstacles(
    taking: Mapping[str, Live], givers: Mapping[Scalar, str]
) -> dict[str, Obstacle | None]:
    """The obstacle of each operation that takes a key, None if there is none.

    Each operation waits for at most one other (the giver), so each chain is walked once, to its end
    or to an operation whose obstacle is known.
    """
    known: dict[str, Obstacle | None] = {}
    for start in taking:
        chain: dict[str, None] = {}
        name: str | None = start
        while name is not None and name in taking and name not in known and name not in chain:
            chain[name] = None
            name = givers.get(taking[name].id)
        if name is None:
            found: Obstacle | None = "kept"
        elif name in chain:
            found = "circle"
        else:
            found = "behind" if known.get(name) == "kept" else known.get(name)
        for each in reversed(chain):
            known[each] = found
            found = "behind" if found == "kept" else found
    return known


def _refusal(
    each: Operation,
    key: Identifier,
    holder: Live,
    obstacle: Obstacle,
    declared: Mapping[Scalar, Match],
) -> Refusal:
    value = each.values[key.name]
    held = f"agent {label(holder)} has {key.name} {value}"
    claim = Claim(each.key, each.source, None, str(value))
    if obstacle == "circle":
        reason = (
            f"{held} and needs another agent's, in a cycle. Give one of them a temporary address, "
            f"apply, then set the final one."
        )
    elif obstacle == "behind":
        reason = f"{held} and cannot get the one that its own file declares."
    elif (other := declared.get(holder.id)) is None:
        reason = (
            f"{held}, and no file declares that agent. Change it on the portal, or declare it too."
        )
    else:
        file = other.desired
        reason = f"{held}, is declared as {file.key} ({file.source}) and keeps it in this plan."
    return Refusal(claim, holder, reason)


def _in_order(
    served: Mapping[str, Operation], taking: Mapping[str, Live], givers: Mapping[Scalar, str]
) -> list[Operation]:
    """The operations in their order, but each after the one that it waits for; there is no cycle
    among them."""
    done: dict[str, Operation] = {}
    for name in served:
        path = [name]
        while path[-1] not in done and (holder := taking.get(path[-1])) is not None:
            path.append(givers[holder.id])
        done |= {each: served[each] for each in reversed(path) if each not in done}
    return list(done.values())
