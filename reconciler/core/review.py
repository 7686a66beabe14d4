"""A saved plan against what would happen now: agent by agent, what was not reviewed."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.model import Change, Conflict, Desired, Entry, Plan


def review(saved: Plan, fresh: Plan, desired: Iterable[Desired]) -> tuple[Conflict, ...]:
    """The agents for whom not that would happen which was reviewed, and why; `desired` are all
    declared agents.

    An agent that is meanwhile as the saved plan wanted it is done, not stale; one that is so in
    part may go the rest of the way.
    """
    reviewed = {(entry.portal, entry.key): entry for entry in saved.entries}
    refused = {(each.portal, each.key): each for each in fresh.conflicts}
    now = {(entry.portal, entry.key): entry for entry in fresh.entries}
    declared = {(each.portal, each.key): each for each in desired}
    stale = []
    for place in {**now, **reviewed}:
        before, entry = reviewed.get(place), now.get(place)
        if before is None:
            reason: str | None = "was not in the plan"
        elif entry is not None:
            reason = _departs(before, entry) or _withdrawn(before, entry, declared.get(place))
        elif place in refused:
            reason = f"is in conflict now: {refused[place].reason}"
        elif place in fresh.waiting:
            reason = "is not on the portal any more"
        else:
            reason = _withdrawn(before, None, declared.get(place))
        if reason:
            source = (entry or before or reviewed[place]).source
            stale.append(Conflict(*place, source, reason))
    return tuple(stale)


def _withdrawn(before: Entry, now: Entry | None, desired: Desired | None) -> str | None:
    """What was reviewed and the files do not declare any more; None if all else is done."""
    if before.source is None:
        return None
    if desired is None:
        return "is declared by no file any more"
    left = {change.path for change in now.changes} if now else set()
    for change in before.changes:
        declared = desired.values.get(change.path, desired.identity.get(change.path))
        if change.path not in left and declared != change.after:
            return f"{change.path} was to become {change.after!r}, and the file says otherwise now"
    return None


def _departs(before: Entry, now: Entry) -> str | None:
    """Where the agent's fresh entry goes beyond the reviewed one; None if it is part of it."""
    if before.id != now.id:
        return f"is agent {now.id} now, and was {before.id}"
    added = [action for action in now.actions if action not in before.actions]
    if added:
        return f"would be {_participle(added)} too"
    old, new = _sides(before.changes), _sides(now.changes)
    for path, change in new.items():
        if path not in old:
            return f"{path} would change too"
        if old[path].after != change.after:
            return f"{path} would become another value than was shown: {_apart(old[path], change)}"
        undone = (
            "unlink" in before.actions and "unlink" not in now.actions and change.before is None
        )
        if old[path].before != change.before and not undone:
            return f"{path} is not what it was: {_apart(old[path], change)}"
    return None


def _participle(actions: Iterable[str]) -> str:
    return " and ".join(f"{each.removesuffix('e')}ed" for each in actions)


def _sides(changes: Iterable[Change]) -> dict[str, Change]:
    return {change.path: change for change in changes}


def _apart(old: Change, new: Change) -> str:
    """Both sides of a change, as far as they differ between the plans."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - 120 ms that only a stale plan costs

    said = DeepDiff(
        {"portal": old.before, "file": old.after},
        {"portal": new.before, "file": new.after},
        verbose_level=2,
    )
    return " ".join(said.pretty().split())
