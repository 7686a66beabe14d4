"""Agents that the ledger knows and that a portal's list omits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.catalogue import Catalogue
from reconciler.core.match import match
from reconciler.core.model import Desired, Listing, Live, PortalState

LOOK_UPS = 20
"""The most agents of one list that are requested by id."""
FEW = 3
"""Below so many known agents, a list may omit any share of them."""


def known(desired: Sequence[Desired], prior: PortalState) -> tuple[str, ...]:
    """The recorded live ids of the agents that a file declares."""
    keys = {each.key for each in desired}
    return tuple(number for number, agent in prior.agents.items() if agent.key in keys)


def omitted(prior: PortalState, listing: Listing) -> tuple[str, ...]:
    """The recorded live ids that the portal's list omits, even if the portal shows them by id. An
    agent listed under an alias is not omitted."""
    listed = [live for live in listing.agents if str(live.id) not in listing.found]
    numbers = {str(live.id) for live in listed}
    aliases = {alias for live in listed for alias in live.aliases.items()}
    return tuple(
        number
        for number, agent in prior.agents.items()
        if number not in numbers and aliases.isdisjoint(agent.aliases.items())
    )


def omits_most(desired: Sequence[Desired], listing: Listing, prior: PortalState) -> bool:
    """Whether a list omits more than half of the known agents, and these are not few."""
    ours = known(desired, prior)
    lost = set(omitted(prior, listing))
    return len(ours) >= FEW and 2 * len(lost.intersection(ours)) > len(ours)


def to_look_up(
    desired: Sequence[Desired], listing: Listing, prior: PortalState, catalogue: Catalogue
) -> tuple[str, ...]:
    """The live ids to request, since the list omits them: those of declared agents first. The
    others are requested if a file matches no listed agent, since one of them may be that agent, or
    if agents that no file declares are taken off."""
    lost = omitted(prior, listing)
    if not lost:
        return ()
    ours = set(known(desired, prior))
    declared = tuple(number for number in lost if number in ours)
    others = tuple(number for number in lost if number not in ours)
    if catalogue.policy.removal is not None:
        return declared + others
    matches = match(desired, listing, prior, catalogue).matches
    return declared if len(matches) == len(desired) else declared + others


def with_found(
    listing: Listing, wanted: Sequence[str], answers: Mapping[str, Live | None]
) -> Listing:
    """The list with the agents that the portal showed by id. `answers` has None for an agent that
    the portal does not have. Without an answer for one of `wanted`, the list is incomplete."""
    agents = [live for live in answers.values() if live is not None]
    return replace(
        listing,
        agents=(*listing.agents, *agents),
        complete=listing.complete and all(number in answers for number in wanted),
        found=frozenset(number for number, live in answers.items() if live is not None),
        gone=frozenset(number for number, live in answers.items() if live is None),
    )


def without_gone(desired: Sequence[Desired], listing: Listing, prior: PortalState) -> PortalState:
    """The record without the agents that no file declares and that the portal does not have. If the
    list omits most of the known agents, it may be another agency's, and all are kept."""
    if omits_most(desired, listing, prior):
        return prior
    kept = {*known(desired, prior), *(prior.agents.keys() - listing.gone)}
    return replace(
        prior, agents={number: each for number, each in prior.agents.items() if number in kept}
    )
