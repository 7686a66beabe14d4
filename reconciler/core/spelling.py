"""Identifiers that look alike: equal but for Unicode form, letter case and whitespace."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """A form that is equal for identifiers that look alike: in one Unicode form and lower case,
    without whitespace and invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        char for char in folded if not char.isspace() and unicodedata.category(char) != "Cf"
    )


def difference(declared: str, live: str) -> str:
    """Where a declared identifier first differs from a live one, with the names of the characters,
    since they may look the same."""
    at = next(
        (at for at, (a, b) in enumerate(zip(declared, live, strict=False)) if a != b),
        min(len(declared), len(live)),
    )
    return (
        f"character {at + 1} is {_character(declared, at)} in the file and {_character(live, at)} "
        f"on the portal"
    )


def _character(text: str, at: int) -> str:
    """The code point and the name of a character and of the marks that combine with it."""
    end = at + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    described = (f"U+{ord(char):04X} {unicodedata.name(char, '')}" for char in text[at:end])
    return " with ".join(map(str.rstrip, described)) or "missing"
