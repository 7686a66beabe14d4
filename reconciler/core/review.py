"""A saved plan against what would happen now: agent by agent, what was not reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.entries import participle
from reconciler.core.model import Change, Conflict, Desired, Entry, Plan


def review(saved: Plan, fresh: Plan, desired: Iterable[Desired]) -> tuple[Conflict, ...]:
    """The agents for whom not that would happen which was reviewed, and why; `desired` are all
    declared agents.

    An agent that is meanwhile as the saved plan wanted it is done, not stale; one that is so in
    part may go the rest of the way.
    """
    reviewed = {_place(entry): entry for entry in saved.entries}
    now = {_place(entry): entry for entry in fresh.entries}
    refused = {(each.portal, each.key): each for each in fresh.conflicts}
    declared = {(each.portal, each.key): each for each in desired}
    unread = dict(fresh.unread)
    stale = []
    for place in {**now, **reviewed}:
        portal, key, removal = place
        before, entry = reviewed.get(place), now.get(place)
        file = declared.get((portal, key))
        if before is None:
            reason: str | None = "was not in the plan"
        elif portal in unread:
            reason = f"cannot be looked at: {portal} could not be read"
        elif removal:
            back = entry is None and file is not None and (portal, key, False) not in reviewed
            other = entry is not None and entry.id != before.id
            reason = "is declared again" if back else "is another agent now" if other else None
        elif entry is None and (portal, key) in refused:
            reason = f"is in conflict now: {refused[portal, key].reason}"
        elif entry is None and (portal, key) in fresh.waiting:
            reason = "is not on the portal any more"
        elif file is None:
            reason = "is declared by no file any more"
        else:
            departs = _departs(before, entry, file) if entry is not None else None
            reason = departs or _withdrawn(before, file)
        if reason:
            source = (entry or reviewed[place]).source
            stale.append(Conflict(portal, key, source, reason))
    return tuple(stale)


def review_all(
    saved: Sequence[Plan], fresh: Plan, desired: Sequence[Desired]
) -> tuple[Conflict, ...]:
    """The agents of a fresh plan for whom none of several saved ones (the newest first) shows what
    would happen, and why. One who is in none of them was never reviewed."""
    stale = [
        {(each.portal, each.key): each for each in review(plan, fresh, desired)} for plan in saved
    ]
    shown = [set(map(_place, plan.entries)) for plan in saved]
    found = []
    for entry in fresh.entries:
        who = (entry.portal, entry.key)
        here = [number for number, places in enumerate(shown) if _place(entry) in places]
        if not here:
            reason = "is in no plan that was reviewed"
            found.append(Conflict(entry.portal, entry.key, entry.source, reason))
        elif all(who in stale[number] for number in here):
            found.append(stale[here[0]][who])
    return tuple(found)


def _place(entry: Entry) -> tuple[str, str, bool]:
    """What tells the entries of a plan apart: an agent that is removed may have the key of one
    that is declared."""
    return (entry.portal, entry.key, entry.source is None)


def _withdrawn(before: Entry, desired: Desired) -> str | None:
    """What was reviewed and the file does not declare any more; None if all else is done."""
    declared = {**desired.identity, **desired.values}
    for change in before.changes:
        if change.path not in declared or declared[change.path] != change.after:
            return f"{change.path} was to become {change.after!r}, and the file says otherwise now"
    return None


def _departs(before: Entry, now: Entry, desired: Desired) -> str | None:
    """Where the agent's fresh entry goes beyond the reviewed one; None if it is part of it."""
    if before.id != now.id:
        was = "to be created" if before.id is None else before.id
        return f"is agent {now.id or 'to be created'} now, and was {was}"
    added = [action for action in now.actions if action not in before.actions]
    if added:
        return f"would be {' and '.join(map(participle, added))} too"
    old = {change.path: change for change in before.changes}
    for change in now.changes:
        path = change.path
        if path not in old:
            return f"{path} would change too"
        if old[path].after != change.after:
            return f"{path} would become another value than was shown: {_apart(old[path], change)}"
        unlinked = path not in desired.values and change.before is None
        if old[path].before != change.before and not unlinked:
            return f"{path} is not what it was: {_apart(old[path], change)}"
    return None


def _apart(old: Change, new: Change) -> str:
    """Where two plans differ in a change: what the portal showed, what the file said."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - 120 ms that only a stale plan costs

    said = DeepDiff(
        {"the portal shows": old.before, "the file says": old.after},
        {"the portal shows": new.before, "the file says": new.after},
        view="tree",
    )
    levels = [level for kind in said.values() for level in kind]
    return "; ".join(
        _level(level.path(output_format="list"), level.t1, level.t2) for level in levels
    )


def _level(path: list[str], before: object, now: object) -> str:
    return f"{' '.join(map(str, path))} {now!r} and not {before!r}"
