"""Agents whom the portal does not show: who is created, who waits, and who may be there already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.core.fields import Field, Identifier
from reconciler.core.match import Matching, candidate, handle, label
from reconciler.core.model import (
    Conflict,
    Desired,
    Listing,
    Live,
    Operation,
    PortalState,
    Warning,
)
from reconciler.core.operations import creating, creation_form
from reconciler.core.policy import Policy
from reconciler.core.state import was_refused


def find_creations(
    absent: Iterable[Desired],
    listing: Listing,
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    policy: Policy,
    prior: PortalState,
    formers: Mapping[str, Sequence[Live]],
) -> tuple[list[Operation], list[Warning], list[Conflict]]:
    """What becomes of agents that the portal does not show: those to create, those that wait,
    and those of whom a list that is not whole says nothing."""
    creations: list[Operation] = []
    waiting: list[Warning] = []
    unsure: list[Conflict] = []
    remembered = {ours.key: number for number, ours in prior.agents.items()}
    for each in absent:
        operation = creating(each, fields, handle(identifiers), policy)
        was = formers.get(each.key, ())
        if policy.recall and each.key in remembered and not was:
            unsure.append(Conflict(each.portal, each.key, each.source, _vanished(each, remembered)))
            continue
        why = _why_not_created(each, operation, listing, identifiers, policy, prior, was)
        if why is None:
            creations.append(operation)
        elif listing.complete:
            waiting.append(Warning(each.portal, each.key, each.source, why))
        else:
            unsure.append(Conflict(each.portal, each.key, each.source, why))
    return creations, waiting, unsure


def _why_not_created(
    desired: Desired,
    operation: Operation,
    listing: Listing,
    identifiers: Sequence[Identifier],
    policy: Policy,
    prior: PortalState,
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
    if was_refused(prior, desired.key, creation_form(operation)):
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


def unmatched(listing: Listing, matching: Matching) -> list[Live]:
    """The live agents whom no file declares, as far as that is known."""
    matched = {found.live.id for found in matching.matches}
    return [live for live in listing.agents if live.id not in matched]


def duplicates(
    creations: Iterable[Operation],
    absent: Mapping[str, Desired],
    others: Iterable[Live],
    identifiers: Sequence[Identifier],
) -> Iterator[Conflict]:
    """Who is to be created, and may be on the portal already as one of these `others`."""
    pin = next((each.said for each in identifiers if each.rule == "pin"), "id")
    for hint in identifiers:
        if hint.rule != "hint":
            continue
        index: dict[str, list[Live]] = {}
        for live in others:
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


def namesakes(creations: Iterable[Operation], others: Iterable[Live]) -> Iterator[Warning]:
    """Who of these `others` has the name of an agent to be created: it may be the same person, by
    another address."""
    index: dict[str, list[Live]] = {}
    for live in others:
        index.setdefault(live.name, []).append(live)
    for each in creations:
        name = each.values.get("name")
        for live in index.get(name, ()) if name else ():
            message = (
                f"is to be created, and the portal has {label(live)}, whom no file declares. If "
                f"that is the same person, say so with the portal's id."
            )
            yield Warning(each.portal, each.key, each.source, message)
