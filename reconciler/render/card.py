"""What visitors of a portal see of an agent, before and after a change, as data.

A side is what a portal shows, by path. Which values visitors see is in the portal's field table;
the names below only say how a value is labelled, and where it is on the card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from reconciler.core.fields import parent
from reconciler.core.model import Change, Entry, Value
from reconciler.render.rows import compared, is_edit
from reconciler.render.text_diff import Piece, reveal

Side = Mapping[str, Value]

LINKS = {
    "instagram": "Instagram",
    "youtube": "YouTube",
    "tiktok": "TikTok",
    "linkedinAddress": "LinkedIn",
}
ROWS = {
    "phone": "Phone",
    "phoneSecondary": "Second phone",
    "whatsappPhone": "WhatsApp",
    "publicEmail": "E-mail",
    "spokenLanguages": "Speaks",
    "experienceSince": "Experience since",
    "nationality": "Nationality",
    "compliances": "Broker's numbers",
    **LINKS,
}
"""Values on a line each, in their order, with their labels."""
TEXTS = {"position": "Position", "description": "About", "bio": "About"}
"""Texts in languages, in their order, with their labels."""
SWITCHES = {
    "contact_phone": "Phone",
    "contact_whatsapp": "WhatsApp",
    "contact_viber": "Viber",
    "contact_telegram": "Telegram",
}
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?")
"""A host on the public web; one in the reader's own network has no dot, or is a number."""
ADDRESS = re.compile(r"[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class Spot:
    """One value on one side of a card, with its label and the language (or part) of a text.

    `pieces` is an edited text as this side has it; `rewritten` is one of which little is left.
    `note` is a remark on the change."""

    path: str
    label: str
    language: str
    value: Value
    changed: bool = False
    pieces: tuple[Piece, ...] = ()
    note: str = ""
    rewritten: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One side of an agent: picture and name, texts, lines, and switches."""

    name: Spot
    picture: Spot
    texts: tuple[Spot, ...]
    lines: tuple[Spot, ...]
    switches: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """An agent before and after; None where visitors do not see them. `private` has the paths of
    the changes that visitors do not see."""

    before: Card | None
    after: Card | None
    private: frozenset[str]

    @property
    def same(self) -> bool:
        """Whether both sides look the same to visitors."""
        return self.before is not None and self.before == self.after


def cards(
    entry: Entry, notes: Mapping[str, str], *, brief: bool = False, drift: bool = False
) -> Cards:
    """Both sides of an agent. `notes` are remarks by path; `brief` omits what does not change, but
    for name and picture. In `drift` the file's side comes first, then the portal's."""
    created, gone = entry.id is None, "deactivate" in entry.actions or entry.actions == ("unlink",)
    shown = [change for change in entry.changes if change.public]
    private = frozenset(change.path for change in entry.changes if gone or not change.public)
    old = _before(entry.live, shown)
    new = _after(old, shown)
    if created or gone:
        side = _card(entry.name, new if created else old, {}, {}, kind="same", brief=False)
        first = gone and not drift
        return Cards(side if first else None, None if first else side, private)
    touched = {change.path for change in shown}
    touched |= {path for path in {**old, **new} if parent(path) in touched}
    touched |= {path for path in old if path not in new}
    left, right = (new, old) if drift else (old, new)
    edits = {path: _edit(left.get(path), right.get(path)) for path in touched}
    before = _card(entry.name, left, edits, {}, kind="old", brief=brief)
    after = _card(entry.name, right, edits, notes, kind="new", brief=brief)
    return Cards(before, after, private)


Edit = tuple[tuple[Piece, ...], bool]
"""How a value changes: the runs of an edited text, or whether it is rewritten."""


def _edit(before: Value, after: Value) -> Edit:
    pieces = compared(before, after)
    return pieces, not pieces and is_edit(before, after)


def _before(live: Side, changes: Iterable[Change]) -> dict[str, Value]:
    """What the portal shows, with what the ledger has of the rest."""
    side = {path: value for path, value in live.items() if path not in TEXTS or value}
    for change in changes:
        path, value = change.path, change.before
        if path == "avatar" and isinstance(value, Mapping):
            seen = live.get(path)
            side[path] = {**value, **(seen if isinstance(seen, Mapping) else {})}
        elif path not in live and not isinstance(value, Mapping):
            whole = live.get(parent(path))
            side |= {} if whole is not None and value == whole else {path: value}
    return side


def _after(before: Side, changes: Iterable[Change]) -> dict[str, Value]:
    """The side before with the changes applied: a text in one string replaces its languages, and a
    language replaces the one string."""
    side = dict(before)
    for change in changes:
        group = parent(change.path)
        parts = [path for path in side if path == group or parent(path) == change.path]
        for path in parts:
            if path != change.path:
                del side[path]
        side[change.path] = change.after
    return side


def _card(
    name: str,
    side: Side,
    edits: Mapping[str, Edit],
    notes: Mapping[str, str],
    *,
    kind: Literal["old", "new", "same"],
    brief: bool,
) -> Card:
    def spot(path: str, label: str) -> Spot:
        value, language = side.get(path), path.partition(".")[2]
        if path not in edits:
            return Spot(path, label, language, value)
        pieces, rewritten = edits[path]
        return Spot(
            path,
            label,
            language,
            reveal(value) if isinstance(value, str) else value,
            changed=True,
            pieces=tuple(
                (each, text if each == "same" else reveal(text))
                for each, text in pieces
                if each in ("same", kind)
            ),
            note=notes.get(path, ""),
            rewritten=rewritten,
        )

    spots: dict[str, list[Spot]] = {"text": [], "line": [], "switch": []}
    for path, value in side.items():
        group, _, part = path.partition(".")
        sort = _sort(group, part, value)
        idle = brief or value in (None, "", [])
        if path in ("name", "avatar") or (idle and path not in edits):
            continue
        label = SWITCHES.get(part, part or path) if sort == "switch" else NAMES.get(group, group)
        spots[sort].append(spot(path, label))
    title = spot("name", "")
    return Card(
        replace(title, value=title.value or name),
        spot("avatar", ""),
        _ordered(spots["text"], TEXTS),
        _ordered(spots["line"], ROWS),
        tuple(spots["switch"]),
    )


NAMES = {**ROWS, **TEXTS}


def _sort(group: str, part: str, value: Value) -> Literal["text", "line", "switch"]:
    """Where a value is on the card: a field without a label here by what it looks like."""
    if group in TEXTS:
        return "text"
    if group == "settings" or isinstance(value, bool):
        return "switch"
    return "text" if part and group not in ROWS else "line"


def _ordered(spots: Iterable[Spot], known: Iterable[str]) -> tuple[Spot, ...]:
    """The spots in the order of the labels; the others after them, as they come."""
    order = {name: place for place, name in enumerate(known)}
    return tuple(sorted(spots, key=lambda spot: order.get(parent(spot.path), len(order))))


def address(picture: Value) -> str | None:
    """The address of a picture, on the portal or as the file declares it; None if that is not a
    public https address."""
    if not isinstance(picture, Mapping):
        return None
    found = (*_strings(picture.get("variants")), picture.get("url"))
    return next((each for each in found if isinstance(each, str) and _is_public(each)), None)


def _strings(value: Value) -> Iterator[str]:
    """All texts in a value, in its order."""
    inner = value.values() if isinstance(value, Mapping) else value
    if isinstance(inner, str):
        yield inner
    elif isinstance(value, Mapping | list):
        for each in inner:
            yield from _strings(each)


def _is_public(url: str) -> bool:
    if not ADDRESS.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        plain = parts.username is None and parts.port in (None, 443)
    except ValueError:
        return False
    return parts.scheme == "https" and plain and bool(HOST.fullmatch(parts.hostname or ""))
