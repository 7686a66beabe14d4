"""What a visitor of a portal sees of an agent, before and after: data alone, no markup.

A side is what a portal shows, by path; the words of the YAML file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from reconciler.core.fields import parent
from reconciler.core.model import Change, Entry, Value
from reconciler.render.view import Piece, compared

Side = Mapping[str, Value]

ACCOUNT = frozenset(
    ("id", "externalId", "email", "firstName", "lastName", "mobile", "roleId", "status")
)
"""What belongs to an agent's account; no visitor sees it."""
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
    **LINKS,
}
"""Values that stand on a line of their own, in their order, and what they are called."""
TEXTS = {"position": "Position", "description": "About", "bio": "About"}
"""Texts in languages, in their order, and what they are called."""
SWITCHES = {
    "contact_phone": "Phone",
    "contact_whatsapp": "WhatsApp",
    "contact_viber": "Viber",
    "contact_telegram": "Telegram",
}
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?")
"""A host with a name and a domain; one of the reader's own network has no dot, or is a number."""
ADDRESS = re.compile(r"[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class Spot:
    """One value on one side of a card. `label` says what it is, `language` which language or part
    of a text. `pieces` is a changed text by words, as this side has them; `note` what there is to
    say about the change."""

    path: str
    label: str
    language: str
    value: Value
    changed: bool = False
    pieces: tuple[Piece, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One side of an agent: the picture and the name, texts, lines, and what can be switched."""

    name: Spot
    picture: Spot
    texts: tuple[Spot, ...]
    lines: tuple[Spot, ...]
    switches: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """An agent before and after; None where visitors see nothing of them. `account` has the paths
    of the changes that no visitor sees."""

    before: Card | None
    after: Card | None
    account: frozenset[str]

    @property
    def same(self) -> bool:
        """Whether visitors see no difference."""
        return self.before is not None and self.before == self.after


def cards(entry: Entry, notes: Mapping[str, str], *, brief: bool = False) -> Cards:
    """Both sides of an agent. `notes` say something of the change of a path; `brief` leaves out
    what stays as it is, but for name and picture."""
    created, gone = entry.id is None, "deactivate" in entry.actions or entry.actions == ("unlink",)
    shown = [change for change in entry.changes if parent(change.path) not in ACCOUNT]
    account = frozenset(
        change.path for change in entry.changes if gone or parent(change.path) in ACCOUNT
    )
    old = _before(entry.live, shown)
    new = _after(old, shown)
    if created or gone:
        side = _card(entry.name, new if created else old, {}, {}, kind="same", brief=False)
        return Cards(None if created else side, side if created else None, account)
    touched = {change.path for change in shown}
    touched |= {path for path in {**old, **new} if parent(path) in touched}
    touched |= {path for path in old if path not in new}
    words = {path: compared(old.get(path), new.get(path), whole=True) for path in touched}
    before = _card(entry.name, old, words, {}, kind="old", brief=brief)
    after = _card(entry.name, new, words, notes, kind="new", brief=brief)
    return Cards(before, after, account)


def _before(live: Side, changes: Iterable[Change]) -> dict[str, Value]:
    """What the portal shows, with what is remembered of what it does not show."""
    side = {path: said for path, said in live.items() if path not in TEXTS or said}
    for change in changes:
        path, said = change.path, change.before
        if path == "avatar" and isinstance(said, Mapping):
            seen = live.get(path)
            side[path] = {**said, **(seen if isinstance(seen, Mapping) else {})}
        elif path not in live and not isinstance(said, Mapping):
            whole = live.get(parent(path))
            side |= {} if whole is not None and said == whole else {path: said}
    return side


def _after(before: Side, changes: Iterable[Change]) -> dict[str, Value]:
    """The side before with the changes laid over it: a text in one string takes the place of its
    languages, and a language that of the one string."""
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
    words: Mapping[str, tuple[Piece, ...]],
    notes: Mapping[str, str],
    *,
    kind: Literal["old", "new", "same"],
    brief: bool,
) -> Card:
    """A side as a card. `words` has the changed paths, and of a text its differences."""

    def spot(path: str, label: str) -> Spot:
        return Spot(
            path,
            label,
            path.partition(".")[2],
            side.get(path),
            path in words,
            tuple(piece for piece in words.get(path, ()) if piece[0] in ("same", kind)),
            notes.get(path, ""),
        )

    told: dict[str, list[Spot]] = {"text": [], "line": [], "switch": []}
    for path, value in side.items():
        group, _, part = path.partition(".")
        sort = _sort(group, part, value)
        idle = brief or value in (None, "", [])
        if path in ("name", "avatar") or (idle and path not in words):
            continue
        label = SWITCHES.get(part, part or path) if sort == "switch" else NAMES.get(group, group)
        told[sort].append(spot(path, label))
    return Card(
        replace(spot("name", ""), value=side.get("name") or name),
        spot("avatar", ""),
        _ordered(told["text"], TEXTS),
        _ordered(told["line"], ROWS),
        tuple(told["switch"]),
    )


NAMES = {**ROWS, **TEXTS}


def _sort(group: str, part: str, value: Value) -> Literal["text", "line", "switch"]:
    """Where a value stands: fields that are not known here, by what they look like."""
    if group in TEXTS:
        return "text"
    if group == "settings" or isinstance(value, bool):
        return "switch"
    return "text" if part and group not in ROWS else "line"


def _ordered(spots: Iterable[Spot], known: Iterable[str]) -> tuple[Spot, ...]:
    """The spots by the order of the fields that are known; the others after them, as they come."""
    order = {name: place for place, name in enumerate(known)}
    return tuple(sorted(spots, key=lambda spot: order.get(parent(spot.path), len(order))))


def address(picture: Value) -> str | None:
    """Where a picture can be looked at: on the portal, or where its file declares it; None where
    that is no public https address."""
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
