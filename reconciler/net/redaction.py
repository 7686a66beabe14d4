"""Secrets struck out of what is told to people: whole, in pieces, and as an address or a page has
them.

Whoever has the key already can hide it from this (in base64, backwards, letter by letter): what is
struck out here are echoes, not messages of somebody who means to tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from urllib.parse import quote

PIECE = 12
"""Characters from which a secret is no word, and a piece of one tells something."""
STRUCK = "***"


def struck(text: str, secrets: Iterable[str], least: int = 1) -> str:
    """The text without the secrets that have at least so many characters.

    Of a secret as long as a piece, no piece is left; a shorter one is struck out as a whole.
    """
    for secret in secrets:
        if len(secret) < PIECE and len(secret) >= max(least, 1):
            text = text.replace(secret, STRUCK)
        elif len(secret) >= max(least, PIECE):
            text = _without(text, _pieces(secret))
    return text


def holds(text: str, secrets: Iterable[str]) -> bool:
    """Whether one of the long secrets, or a half of a very long one, stands in a text. Quick, for
    long texts."""
    return any(half in text for secret in secrets for half in _halves(secret))


def _without(text: str, pieces: frozenset[str]) -> str:
    """The text without its runs that are made of these pieces."""
    parts, end = [], -1
    for at in range(len(text) - PIECE + 1):
        if text[at : at + PIECE] in pieces:
            if at > end:
                parts += [text[max(end, 0) : at], STRUCK]
            end = at + PIECE
    return "".join([*parts, text[end:]]) if parts else text


@lru_cache(maxsize=256)
def _pieces(secret: str) -> frozenset[str]:
    return frozenset(
        form[at : at + PIECE] for form in _forms(secret) for at in range(len(form) - PIECE + 1)
    )


@lru_cache(maxsize=256)
def _halves(secret: str) -> frozenset[str]:
    if len(secret) < PIECE:
        return frozenset()
    if len(secret) < 2 * PIECE:
        return frozenset(_forms(secret))
    middle = len(secret) // 2
    return frozenset(form for half in (secret[:middle], secret[middle:]) for form in _forms(half))


def _forms(secret: str) -> set[str]:
    """A secret as it is, as an address has it, and as a page has it."""
    return {secret, quote(secret, safe=""), escape(secret)}
