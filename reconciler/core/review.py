"""Review: a saved plan against what would happen now, agent by agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from reconciler.core.accounts import is_same, label
from reconciler.core.entries import participle
from reconciler.core.model import Change, Conflict, Desired, Entry, Plan

Place = tuple[str, str, bool]
"""Portal, key, and whether the agent is removed: a removed agent may have a declared one's key."""


def review(saved: Plan, fresh: Plan, desired: Iterable[Desired]) -> tuple[Conflict, ...]:
    """The agents for which something other than the reviewed change would happen, and why.

    `desired` has all declared agents. An agent that matches the saved plan by now is done, not
    stale; one that matches in part may change the rest.
    """
    pair = _Pair.of(saved, fresh, desired)
    stale = []
    for place in {**pair.now, **pair.reviewed}:
        reason = pair.why_stale(place)
        if reason:
            portal, key, _ = place
            entry = pair.now.get(place) or pair.reviewed[place]
            stale.append(Conflict(portal, key, entry.source, reason, name=entry.name))
    return tuple(stale)


def why_elsewhere(saved: Plan, fresh: Plan) -> str | None:
    """Why a saved plan does not count for the addresses and accounts of a fresh one; None if it
    does. An account that one of them does not know counts as the same."""
    if not saved.targets and fresh.targets:
        return "an older version saved it, without the address that it is for"
    now = {each.portal: each.url for each in fresh.targets}
    for each in saved.targets:
        url = now.get(each.portal, each.url)
        if url != each.url:
            return f"it is for {each.portal} at {each.url}, and this run is at {url}"
    accounts = dict(fresh.accounts)
    for portal, account in saved.accounts:
        here = accounts.get(portal, account)
        if not is_same(here, account):
            return f"it is for {label(account)} on {portal}, and the key is for {label(here)}"
    return None


def review_all(
    saved: Sequence[Plan], fresh: Plan, desired: Sequence[Desired]
) -> tuple[Conflict, ...]:
    """The agents of a fresh plan whose changes none of the saved plans (newest first) shows, and
    why. An agent in none of them was never reviewed. Plans for another address or account do not
    count."""
    elsewhere = [reason for plan in saved if (reason := why_elsewhere(plan, fresh))]
    saved = [plan for plan in saved if not why_elsewhere(plan, fresh)]
    unknown = "; ".join(["in no reviewed plan", *elsewhere[:1]])
    stale = [
        {(each.portal, each.key): each for each in review(plan, fresh, desired)} for plan in saved
    ]
    shown = [set(map(_place, plan.entries)) for plan in saved]
    found = []
    for entry in fresh.entries:
        agent = (entry.portal, entry.key)
        plans = [number for number, places in enumerate(shown) if _place(entry) in places]
        if not plans:
            found.append(Conflict(entry.portal, entry.key, entry.source, unknown, name=entry.name))
        elif all(agent in stale[number] for number in plans):
            found.append(stale[plans[0]][agent])
    return tuple(found)


def without(plan: Plan, keys: AbstractSet[str]) -> Plan:
    """A saved plan as a review of all agents but these."""
    return replace(plan, entries=tuple(each for each in plan.entries if each.key not in keys))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A saved plan and a fresh one, indexed."""

    reviewed: Mapping[Place, Entry]
    now: Mapping[Place, Entry]
    fresh: Plan
    conflicts: Mapping[tuple[str, str], Conflict]
    declared: Mapping[tuple[str, str], Desired]

    @classmethod
    def of(cls, saved: Plan, fresh: Plan, desired: Iterable[Desired]) -> _Pair:
        return cls(
            reviewed={_place(entry): entry for entry in saved.entries},
            now={_place(entry): entry for entry in fresh.entries},
            fresh=fresh,
            conflicts={(each.portal, each.key): each for each in fresh.conflicts},
            declared={(each.portal, each.key): each for each in desired},
        )

    def why_stale(self, place: Place) -> str | None:
        """Why an agent's change is not the reviewed one; None if it is, or is done."""
        portal, _, removal = place
        before = self.reviewed.get(place)
        if before is None:
            return "not in the plan"
        unread = dict(self.fresh.unread)
        if portal in unread:
            return f"could not be checked: {portal} could not be read"
        return (
            self.why_removal_stale(before, place)
            if removal
            else self.why_change_stale(before, place)
        )

    def why_removal_stale(self, before: Entry, place: Place) -> str | None:
        portal, key, _ = place
        entry = self.now.get(place)
        if entry is not None:
            return "now another agent" if entry.id != before.id else None
        declared = (portal, key) in self.declared and (portal, key, False) not in self.reviewed
        return "declared again" if declared else None

    def why_change_stale(self, before: Entry, place: Place) -> str | None:
        agent = place[:2]
        entry, file = self.now.get(place), self.declared.get(agent)
        if entry is None and agent in self.conflicts:
            return f"now in conflict: {self.conflicts[agent].reason}"
        if entry is None and agent in self.fresh.waiting:
            return "no longer on the portal"
        if file is None:
            return "no longer declared by any file"
        exceeds = _exceeds(before, entry, file) if entry is not None else None
        return exceeds or _withdrawn(before, file)


def _place(entry: Entry) -> Place:
    return (entry.portal, entry.key, entry.source is None)


def _withdrawn(before: Entry, desired: Desired) -> str | None:
    """The reviewed value that the file no longer declares; None if there is none."""
    declared = {**desired.identity, **desired.values}
    for change in before.changes:
        if change.path not in declared or declared[change.path] != change.after:
            return (
                f"the plan changes {change.path} to {change.after!r}, which the file no longer "
                f"declares"
            )
    return None


def _exceeds(before: Entry, now: Entry, desired: Desired) -> str | None:
    """How an agent's fresh entry goes beyond the reviewed one; None if it is part of it."""
    if before.id != now.id:
        was = "to be created" if before.id is None else f"agent {before.id}"
        return f"was {was}, now {'to be created' if now.id is None else f'agent {now.id}'}"
    added = [action for action in now.actions if action not in before.actions]
    if added:
        return f"would also be {' and '.join(map(participle, added))}"
    old = {change.path: change for change in before.changes}
    for change in now.changes:
        path = change.path
        if path not in old:
            return f"{path} would change too"
        if old[path].after != change.after:
            return (
                f"{path} would get another value than the plan shows: {_apart(old[path], change)}"
            )
        unlinked = path not in desired.values and change.before is None
        if old[path].before != change.before and not unlinked:
            return f"{path} has changed since the plan: {_apart(old[path], change)}"
    return None


def _apart(old: Change, new: Change) -> str:
    """How two plans differ in a change: in what the portal shows, in what the file declares."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - 120 ms, for a stale plan only

    difference = DeepDiff(
        {"the portal shows": old.before, "the file declares": old.after},
        {"the portal shows": new.before, "the file declares": new.after},
        view="tree",
    )
    levels = [level for kind in difference.values() for level in kind]
    return "; ".join(
        _level(level.path(output_format="list"), level.t1, level.t2) for level in levels
    )


def _level(path: list[str], before: object, now: object) -> str:
    return f"{' '.join(map(str, path))} {now!r} instead of {before!r}"
