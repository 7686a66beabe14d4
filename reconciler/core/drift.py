"""Drift: the part of a plan that undoes what someone changed outside the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace

from reconciler.core.model import Change, Entry, Listing, PortalState, Warning
from reconciler.core.plan import Draft
from reconciler.core.state import former


def lost_agents(listing: Listing, prior: PortalState, handle: str | None) -> frozenset[str]:
    """The keys of agents that were applied and that the portal no longer lists under their key.

    An agent that is still listed under its key is not lost, even if its file matches no one or is
    in conflict: then the file changed, not the portal. `handle` is the external id's name.
    """
    present = {
        key
        for key, agents in former(prior, listing).items()
        if handle is None
        or any(key in (f"id:{live.id}", live.identity.get(handle)) for live in agents)
    }
    return frozenset(agent.key for agent in prior.agents.values()) - present


def drift(draft: Draft, lost: AbstractSet[str]) -> Draft:
    """The changes, operations, conflicts and warnings of `draft` that are drift.

    An agent in `lost` is drift. So is a value that the portal shows differently than after the
    last apply; without a recorded value, every difference that the portal shows. So is a value that
    the portal did not take, although it is not sent again, and one that it cannot clear.
    """
    entries = tuple(_with_not_taken(_drifted_entries(draft), draft))
    drifted = {entry.key for entry in entries}
    missing = _missing_agents(draft, lost)
    return replace(
        draft,
        entries=entries,
        operations=tuple(each for each in draft.operations if each.key in drifted),
        conflicts=tuple(each for each in draft.conflicts if each.key in lost),
        warnings=missing,
        waiting=tuple(each.key for each in missing),
        over_limits=(),
        list_limits=(),
    )


def _drifted_entries(draft: Draft) -> tuple[Entry, ...]:
    """The declared, existing agents with drifted values; each entry has only those values."""
    return tuple(
        replace(entry, changes=changes)
        for entry in draft.entries
        if entry.id is not None
        and entry.source is not None
        and (changes := tuple(filter(_is_drift, entry.changes)))
    )


def _with_not_taken(entries: Iterable[Entry], draft: Draft) -> Iterator[Entry]:
    """The entries, with the values that were sent and of which the portal shows another."""
    others: dict[str, list[Change]] = {}
    for each in draft.not_taken:
        if not (each.form or each.late):
            change = Change(
                each.path,
                each.live,
                each.declared,
                "different",
                "drift",
                each.public,
                sent=not each.fixed,
            )
            others.setdefault(each.key, []).append(change)
    for entry in entries:
        yield replace(entry, changes=(*entry.changes, *others.pop(entry.key, ())))
    for found in draft.matches:
        if found.desired.key in others:
            yield Entry(
                found.desired.portal,
                found.desired.key,
                found.live.id,
                found.live.name,
                found.desired.source,
                found.by,
                (),
                tuple(others[found.desired.key]),
                "drift",
                "the portal shows another value than was sent"
                if any(change.sent for change in others[found.desired.key])
                else "the portal cannot clear the value",
            )


def _is_drift(change: Change) -> bool:
    unrecorded = change.attribution is None and change.kind == "different"
    return unrecorded or change.attribution == "drift"


def _missing_agents(draft: Draft, lost: AbstractSet[str]) -> tuple[Warning, ...]:
    message = "was on the portal at the last apply, and is not there now."
    return tuple(
        Warning(each.portal, each.key, each.source, message, each.name)
        for each in draft.warnings
        if each.key in lost and each.key in draft.waiting
    )
