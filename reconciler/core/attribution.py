"""Attribution: a plan compared with the plan of the files that it will be merged into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from reconciler.core.model import Attribution, Change, Entry, Plan, Source, Value

Place = tuple[str, Any, str]
"""A change's portal, agent (its live id, or the key of one to be created) and path."""
Declared = tuple[str, Source, Mapping[str, Value]]
"""A declared agent: key, place and data."""
MISSING = object()
"""The value of a path that a file does not declare."""


def attribute(plan: Plan, base: Plan) -> Plan:
    """The plan with each change attributed: `drift` if someone changed the portal and both declare
    the same value, `base` if the base's files would make the same change, else `pull_request`."""
    pending = {
        (entry.portal, _who(entry), change.path): change
        for entry in base.entries
        for change in entry.changes
    }
    entries = (_attributed(entry, pending) for entry in plan.entries)
    return replace(plan, entries=tuple(entries))


def _who(entry: Entry) -> Any:  # noqa: ANN401 - a number or a text
    return entry.key if entry.id is None else entry.id


def _attributed(entry: Entry, pending: dict[Place, Change]) -> Entry:
    changes = tuple(
        replace(change, attribution=_attribution(change, pending.get(place)))
        for change in entry.changes
        for place in [(entry.portal, _who(entry), change.path)]
    )
    attributions = {change.attribution for change in changes}
    order: tuple[Attribution, ...] = ("pull_request", "drift", "base")
    first = next((each for each in order if each in attributions), None)
    return replace(entry, changes=changes, attribution=first)


def _attribution(change: Change, before: Change | None) -> Attribution:
    if before is None or before.after != change.after:
        return "pull_request"
    return "drift" if change.attribution == "drift" else "base"


@dataclass(frozen=True, slots=True)
class FileChange:
    """How a branch changes one agent's declaration, with the changed paths."""

    key: str
    source: Source
    what: Literal["new", "changed", "gone"]
    paths: tuple[str, ...]


def compare(before: Iterable[Declared], after: Iterable[Declared]) -> tuple[FileChange, ...]:
    """The agents whose declarations differ: those that exist after, then those that are gone."""
    old = {key: (source, dict(_leaves(data))) for key, source, data in before}
    found = []
    for key, source, data in after:
        new = dict(_leaves(data))
        if key not in old:
            found.append(FileChange(key, source, "new", tuple(new)))
            continue
        _, former = old.pop(key)
        paths = [
            path
            for path in {**new, **former}
            if new.get(path, MISSING) != former.get(path, MISSING)
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
