"""Compare two texts word by word, and name the characters in which they differ unseen."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from typing import Literal

Piece = tuple[Literal["same", "old", "new", "gap"], str]
"""A run of text: in both texts, in one of them, or (`gap`) omitted."""
Pair = tuple[str, str]
"""A stretch of the old text and what the new text has for it."""

WORDS = re.compile(r"(\S*)(\s*)")
SENTENCES = re.compile(r"([^.!?…\n]*[.!?…]*)(\s*)")
PAIRS = 40_000
"""Pairs of equal units that a comparison may visit: a limit on its time."""
CONTEXT = 6
"""Words shown on either side of a difference."""
RUN = 3
"""Words in a row that count as kept; fewer are there by chance."""

SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
UNSEEN = re.compile(f"[{SPACES}\u00ad\u200b\u2060\ufeff]")
SPACE = re.compile(f"[{SPACES}]")
MIXED = re.compile("[A-Za-z][\u0370-\u058f]|[\u0370-\u058f][A-Za-z]")
"""A Latin letter beside one in Greek, Cyrillic or Armenian."""
TWINS = str.maketrans(
    "аАВеЕіІјЈкКМНоОрРсСТуУхХѕЅԁһԛԝαΑΒΕΖΗΙιΚΜΝοΟρΡΤυΥΧνօոսհ",
    "aABeEiIjJkKMHoOpPcCTyYxXsSdhqwaABEZHIiKMNoOpPTuYXvonuh",
)
"""Letters of other scripts, and the Latin ones that they look like."""


def difference(old: str, new: str) -> tuple[Piece, ...]:
    """Two texts as runs: `same` and `old` make the old text, `same` and `new` the new one."""
    return tuple(_runs(_pairs(old, new, (SENTENCES, WORDS))))


def _pairs(old: str, new: str, units: Sequence[re.Pattern[str]]) -> Iterator[Pair]:
    """The texts stretch by stretch: equal sentences first, between them equal words.

    Where too many units are repeated, smaller ones are tried, and then it is one stretch.
    """
    if not (units and old and new):
        yield old, new
        return
    left, right = (units[0].findall(text)[:-1] for text in (old, new))  # the last one is empty
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    before, after = left[start : len(left) - end], right[start : len(right) - end]
    head, tail = _joined(left[:start]), _joined(left[len(left) - end :])
    yield head, head
    if _cost(before, after) <= PAIRS:
        yield from _matched(before, after, units[1:])
    else:
        yield from _pairs(_joined(before), _joined(after), units[1:])
    yield tail, tail


def _joined(units: Iterable[Pair]) -> str:
    return "".join(map("".join, units))


def _common(left: Sequence[Pair], right: Sequence[Pair]) -> int:
    """How many units two texts have in common at the start."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(left), len(right)))


def _cost(left: Sequence[Pair], right: Sequence[Pair]) -> int:
    """How many pairs of equal units there are."""
    other = Counter(word for word, _ in right)
    return sum(other[word] for word, _ in left)


def _matched(
    left: Sequence[Pair], right: Sequence[Pair], smaller: Sequence[re.Pattern[str]]
) -> Iterator[Pair]:
    """Equal units, each beside its counterpart, and the whitespace after it beside that one's;
    what is between them is compared by `smaller` units."""
    words, others = ([word for word, _ in side] for side in (left, right))
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for (word, space), (_, other) in zip(left[a:b], right[c:d], strict=True):
                yield word, word
                yield space, other
        else:
            yield from _pairs(_joined(left[a:b]), _joined(right[c:d]), smaller)


def _runs(pairs: Iterable[Pair]) -> Iterator[Piece]:
    """Pairs as runs: neighbours of a kind are joined, and what is empty is dropped. Whitespace at
    the end of both sides of a change is not part of it."""
    runs: list[Piece] = []
    for same, run in groupby(pairs, lambda pair: pair[0] == pair[1]):
        old, new = map("".join, zip(*run, strict=True))
        end = "" if same else _space(old, new)
        rest = len(end)
        parts: list[Piece] = [("same", old)]
        if not same:
            parts = [("old", old[: len(old) - rest]), ("new", new[: len(new) - rest])]
            parts.append(("same", end))
        runs += [part for part in parts if part[1]]
    for kind, group in groupby(runs, lambda piece: piece[0]):
        yield kind, "".join(text for _, text in group)


def _space(old: str, new: str) -> str:
    """The whitespace with which both end."""
    end = 0
    for one, other in zip(reversed(old), reversed(new), strict=False):
        if one != other or not one.isspace():
            break
        end += 1
    return old[len(old) - end :]


def is_rewritten(pieces: Sequence[Piece], old: str, new: str) -> bool:
    """Whether so little is left of a text that it reads better before and after."""
    kept = sum(
        len(text)
        for place, (kind, text) in enumerate(pieces)
        if kind == "same" and (place in (0, len(pieces) - 1) or len(text.split(None, RUN)) >= RUN)
    )
    return kept * 2 < min(len(old), len(new))


def shorten(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The runs with only some words of context around each change."""
    last = len(pieces) - 1
    return tuple(
        each
        for place, piece in enumerate(pieces)
        for each in _context(piece, first=place == 0, last=place == last)
    )


def _context(piece: Piece, *, first: bool, last: bool) -> list[Piece]:
    """A run that is the same in both, without its middle."""
    kind, text = piece
    if kind != "same" or (first and last):
        return [piece]
    words = re.findall(r"\s*\S+|\s+$", text)
    head = 0 if first else CONTEXT
    tail = 0 if last else CONTEXT
    if len(words) <= head + tail + 1:
        return [piece]
    start = "".join(words[:head]) + (" " if head else "")
    end = "".join(words[len(words) - tail :]) if tail else ""
    gap: list[Piece] = [("same", start), ("gap", "…"), ("same", end)]
    return [each for each in gap if each[1]]


# Characters that cannot be seen


def letters(old: str, new: str) -> tuple[Piece, ...]:
    """The difference, letter by letter, of two texts that look the same; else nothing."""
    if (old.isascii() and new.isascii()) or skeleton(old) != skeleton(new):
        return ()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return tuple(_runs((old[a:b], new[c:d]) for _, a, b, c, d in matcher.get_opcodes()))


@lru_cache(maxsize=1024)
def skeleton(text: str) -> str:
    """What a text looks like: letters that look alike are one, every space is a space."""
    plain = unicodedata.normalize("NFKC", text.translate(TWINS))
    return re.sub(r"[\u00ad\u200b\u2060\ufeff]", "", plain)


def reveal(text: str) -> str:
    """The text with special spaces as `·`, and characters without width as their number."""
    if text.isascii() or not UNSEEN.search(text):
        return text
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", SPACE.sub("·", text))


def notes(old: str, new: str) -> list[tuple[int, str]]:
    """What a reader cannot see of a change: special spaces, and letters of another script.

    `old` and `new` are the parts that differ; each note comes with the side that has it, 0 or 1.
    """
    if old.isascii() and new.isascii():
        return []
    alike = skeleton(old) == skeleton(new)
    before, after = (Counter((*_unseen(text), *_foreign(text, whole=alike))) for text in (old, new))
    return [
        (side, what) for side, more in enumerate((before - after, after - before)) for what in more
    ]


def _unseen(text: str) -> Iterator[str]:
    """The names of characters that look like a space or like nothing."""
    for char in UNSEEN.findall(text):
        name = unicodedata.name(char, "").lower()
        yield f"a {name}{', shown as ·' if SPACE.match(char) else ''}"


def _foreign(text: str, *, whole: bool) -> Iterator[str]:
    """Letters that look Latin and are not: in words that mix both, or (`whole`) in all."""
    if not whole and not MIXED.search(text):
        return
    for word in text.split():
        if whole or MIXED.search(word):
            for char in word:
                if ord(char) in TWINS:
                    yield f"{unicodedata.name(char).split()[0].title()} “{char}”"
