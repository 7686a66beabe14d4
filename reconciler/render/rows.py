"""The agents of a plan as rows: who they are, what is done, and each value before and after.

Agents' text comes out as it is; each format makes it safe for its own medium.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from reconciler.core.model import Attribution, Change, Entry, Value
from reconciler.render.phrases import words
from reconciler.render.text_diff import (
    Piece,
    difference,
    is_rewritten,
    letters,
    notes,
    reveal,
    shorten,
)

Mark = Literal["+", "~", "-"]

LONG = 40
"""Characters above which a text is shown as a word diff."""
WHOLE = 300
"""Characters up to which a text is shown whole, and not only the words around a change."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
FIELDS = 3
"""Changed values that a summary of an agent names."""

Danger = Literal["deactivate", "unlink", "relink"]
DANGERS: Mapping[Danger, str] = {
    "deactivate": "taken off all listings",
    "unlink": "unlinked: their listings lose the agent",
    "relink": "linked to another id: listings under the old one lose the agent",
}
"""What takes an agent off a portal or off their listings, the worst first."""
ATTRIBUTIONS: Mapping[Attribution | None, str] = {
    "pull_request": "this pull request",
    None: "",
    "pending": "",
    "drift": "drift: changed on the portal since the last apply",
    "base": "already waiting on the base",
}
"""Whose change it is; this pull request's own come first."""
ORDER = {each: place for place, each in enumerate(ATTRIBUTIONS)}


@dataclass(frozen=True, slots=True)
class Line:
    """One change: both sides in words, or for an edited text (`pieces`) where they differ.

    `old` is "" for an agent to be created. `stacked` values read better one below the other.
    `cleared`: nothing is left of the value, or it is switched off.
    """

    path: str
    old: str
    new: str
    pieces: tuple[Piece, ...] = ()
    note: str = ""
    stacked: bool = False
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One agent on one portal. `danger` says how the change takes them off it; else "". `whose`
    is whose change it is; a line's note has it only where the lines differ in it."""

    mark: Mark
    portal: str
    key: str
    name: str
    actions: str
    where: str
    reason: str
    danger: str
    whose: str
    lines: tuple[Line, ...]

    @property
    def notes(self) -> dict[str, str]:
        """The remarks on changes, by path."""
        return {line.path: line.note for line in self.lines if line.note}

    @property
    def paths(self) -> list[str]:
        """The first changed values."""
        return [line.path for line in self.lines[:FIELDS]]

    @property
    def more(self) -> str:
        """How many changed values `paths` leaves out: `2 more`, or ""."""
        return f"{len(self.lines) - FIELDS} more" if len(self.lines) > FIELDS else ""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's entries on all portals. `anchor` is unique in a page. In `drift` the files' side
    comes first, then what the portal shows."""

    anchor: str
    entries: tuple[Entry, ...]
    drift: bool = False

    @property
    def key(self) -> str:
        """The key in the files."""
        return self.entries[0].key

    @property
    def name(self) -> str:
        """The agent's name, or "" where none is known."""
        return self.entries[0].name

    def rows(self) -> list[Row]:
        """A row for each portal. They are made on demand: a page may have room for few of them."""
        return [row(entry, drift=self.drift) for entry in self.entries]


def agents(entries: tuple[Entry, ...], *, drift: bool) -> tuple[Agent, ...]:
    """The agents of a plan: first those it takes off a portal, then this pull request's own.

    Drift keeps the order of the files.
    """
    groups: dict[tuple[str, bool], list[Entry]] = {}
    for entry in entries:  # one who is removed may have the key of one who is declared
        groups.setdefault((entry.key, entry.source is None), []).append(entry)
    ordered = list(groups.values())
    if not drift:
        ordered.sort(key=lambda group: min(map(_weight, group)))
    return tuple(
        Agent(f"agent-{number}", tuple(group), drift) for number, group in enumerate(ordered, 1)
    )


def _weight(entry: Entry) -> tuple[int, int]:
    found = danger(entry)
    return list(DANGERS).index(found) if found else len(DANGERS), ORDER[entry.attribution]


def danger(entry: Entry) -> Danger | None:
    """How an entry takes an agent off a portal or off their listings, if it does."""
    if "deactivate" in entry.actions:
        return "deactivate"
    if "unlink" in entry.actions:
        return "relink" if "link" in entry.actions else "unlink"
    return None


def row(entry: Entry, *, drift: bool = False) -> Row:
    """An entry in words. Of drift it is not the revert that is shown, but what happened."""
    found = None if drift else danger(entry)
    mark: Mark = "~"
    if "create" in entry.actions:
        mark = "+"
    elif found in ("deactivate", "unlink"):
        mark = "-"
    agent = f"agent {entry.id}" if entry.id is not None else "new agent"
    alike = drift or all(change.attribution == entry.attribution for change in entry.changes)
    return Row(
        mark=mark,
        portal=entry.portal,
        key=entry.key,
        name=entry.name,
        actions="" if drift else ", ".join(entry.actions),
        where=f"{entry.source} · {agent}" if entry.source else agent,
        reason="" if drift else entry.reason,
        danger=DANGERS[found] if found else "",
        whose="" if drift else ATTRIBUTIONS[entry.attribution],
        lines=tuple(
            line(change, new=entry.id is None, drift=drift, whose=not alike)
            for change in entry.changes
        ),
    )


def line(change: Change, *, new: bool = False, drift: bool = False, whose: bool = True) -> Line:
    """A change in words, with a note on `whose` it is. For a `new` agent there is no old side."""
    before, after, sides = change.before, change.after, ("the portal has", "the file has")
    remarks = [ATTRIBUTIONS[change.attribution]] if whose and not drift else []
    if change.sent:
        remarks.append("was sent; it is not sent again until the file or the portal changes")
    if drift:
        before, after, sides = after, before, sides[::-1]
    elif change.kind == "unreadable":
        remarks.append("cannot be read back, so it is sent")
    pieces = compared(before, after)
    hidden = _hidden(before, after, pieces, new=new)
    remarks += [f"{sides[side]} {what}" for side, what in hidden]
    old, to = words(before), words(after)
    if change.names is not None:
        old, to = map(_with_name, change.names[::-1] if drift else change.names, (old, to))
    old = "" if new else old
    if hidden:
        old, to = reveal(old), reveal(to)
        pieces = tuple((kind, text if kind == "same" else reveal(text)) for kind, text in pieces)
    return Line(
        change.path,
        old,
        to,
        shorten(pieces) if len(old) + len(to) > 2 * WHOLE else pieces,
        "; ".join(filter(None, remarks)),
        stacked=not new and not pieces and (is_edit(before, after) or _is_mirrored(old, to)),
        cleared=not new and (after is False or after in (None, "", [])),
    )


def _with_name(name: str, number: str) -> str:
    """A value that is a number, with its name."""
    return f"{name} ({number})" if name else number


def _is_mirrored(old: str, new: str) -> bool:
    """Whether an arrow between two values would point from the new one to the old one."""
    return bool(RIGHT_TO_LEFT.search(old) and RIGHT_TO_LEFT.search(new))


def compared(before: Value, after: Value) -> tuple[Piece, ...]:
    """An edited text as runs; nothing for values that read better one after the other."""
    if not isinstance(before, str) or not isinstance(after, str) or before == after:
        return ()
    old, new = before.rstrip("\n"), after.rstrip("\n")
    if not is_edit(before, after):
        return letters(old, new)
    pieces = _difference(old, new)
    return () if is_rewritten(pieces, old, new) else pieces


_difference = lru_cache(maxsize=64)(difference)  # a page's row and card compare the same texts


def is_edit(before: Value, after: Value) -> bool:
    """Whether a text replaces another, and one of them is long."""
    texts = isinstance(before, str) and isinstance(after, str) and before != "" != after
    return texts and max(len(before), len(after)) > LONG


def _hidden(
    before: Value, after: Value, pieces: tuple[Piece, ...], *, new: bool
) -> list[tuple[int, str]]:
    """What cannot be seen of a change, with the side that has it."""
    if pieces:
        old, to = (
            "".join(text for kind, text in pieces if kind == side) for side in ("old", "new")
        )
    else:
        old = before if isinstance(before, str) and not new else ""
        to = after if isinstance(after, str) else ""
    return notes(old, to)
