"""Whose change it is: a plan beside the plan of the files that it is to be merged into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from reconciler.core.model import Attribution, Change, Entry, Plan, Source, Value

Place = tuple[str, Any, str]
"""A change's portal, agent (the live id, or the key of one to be created) and path."""
Declared = tuple[str, Source, Mapping[str, Value]]
"""An agent as a file declares it: key, place and data."""
GONE = object()
"""What a file has where it does not declare a path."""


def attribute(made: Plan, base: Plan) -> Plan:
    """The plan with each change labelled: `drift` if somebody changed the portal and both declare
    the same, `base` if the base's files would make the same change, else `pull_request`."""
    waiting = {
        (entry.portal, _who(entry), change.path): change
        for entry in base.entries
        for change in entry.changes
    }
    entries = (_labelled(entry, waiting) for entry in made.entries)
    return replace(made, entries=tuple(entries))


def _who(entry: Entry) -> Any:  # noqa: ANN401 - a number or a text
    return entry.key if entry.id is None else entry.id


def _labelled(entry: Entry, waiting: dict[Place, Change]) -> Entry:
    changes = tuple(
        replace(change, attribution=_whose(change, waiting.get(place)))
        for change in entry.changes
        for place in [(entry.portal, _who(entry), change.path)]
    )
    said = {change.attribution for change in changes}
    order: tuple[Attribution, ...] = ("pull_request", "drift", "base")
    first = next((each for each in order if each in said), None)
    return replace(entry, changes=changes, attribution=first)


def _whose(change: Change, before: Change | None) -> Attribution:
    if before is None or before.after != change.after:
        return "pull_request"
    return "drift" if change.attribution == "drift" else "base"


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a branch does to one agent's declaration: the paths that it changes."""

    key: str
    source: Source
    what: Literal["new", "changed", "gone"]
    paths: tuple[str, ...]


def compare(before: Iterable[Declared], after: Iterable[Declared]) -> tuple[FileChange, ...]:
    """The agents whose declarations differ, by key: those that are there, then those that went."""
    old = {key: (source, dict(_leaves(data))) for key, source, data in before}
    found = []
    for key, source, data in after:
        new = dict(_leaves(data))
        if key not in old:
            found.append(FileChange(key, source, "new", tuple(new)))
            continue
        _, former = old.pop(key)
        paths = [
            path for path in {**new, **former} if new.get(path, GONE) != former.get(path, GONE)
        ]
        if paths:
            found.append(FileChange(key, source, "changed", tuple(paths)))
    gone = (FileChange(key, source, "gone", tuple(data)) for key, (source, data) in old.items())
    return (*found, *gone)


def _leaves(data: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, Value]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
