"""Removes secrets from text for people: whole, in fragments, URL-encoded and HTML-escaped.

This removes echoes. It does not stop someone who has the key from encoding it in another way
(base64, reversed, letter by letter).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from urllib.parse import quote

FRAGMENT = 12
"""Length from which a part of a secret is redacted. Shorter secrets may be ordinary words."""
REDACTED = "***"


def redact(text: str, secrets: Iterable[str], min_length: int = 1) -> str:
    """The text with each secret of at least `min_length` characters replaced by ***.

    Of a secret of FRAGMENT characters or more every fragment is replaced, of a shorter one only
    the whole.
    """
    for secret in secrets:
        if len(secret) < FRAGMENT and len(secret) >= max(min_length, 1):
            text = text.replace(secret, REDACTED)
        elif len(secret) >= max(min_length, FRAGMENT):
            text = _without(text, _fragments(secret))
    return text


def contains_secret(text: str, secrets: Iterable[str]) -> bool:
    """Whether the text contains a secret of FRAGMENT characters or more, or half of one twice as
    long. Fast enough for whole responses."""
    return any(half in text for secret in secrets for half in _halves(secret))


def _without(text: str, fragments: frozenset[str]) -> str:
    """The text with each run of these fragments replaced."""
    parts, end = [], -1
    for at in range(len(text) - FRAGMENT + 1):
        if text[at : at + FRAGMENT] in fragments:
            if at > end:
                parts += [text[max(end, 0) : at], REDACTED]
            end = at + FRAGMENT
    return "".join([*parts, text[end:]]) if parts else text


@lru_cache(maxsize=256)
def _fragments(secret: str) -> frozenset[str]:
    return frozenset(
        form[at : at + FRAGMENT]
        for form in _forms(secret)
        for at in range(len(form) - FRAGMENT + 1)
    )


@lru_cache(maxsize=256)
def _halves(secret: str) -> frozenset[str]:
    if len(secret) < FRAGMENT:
        return frozenset()
    if len(secret) < 2 * FRAGMENT:
        return frozenset(_forms(secret))
    middle = len(secret) // 2
    return frozenset(form for half in (secret[:middle], secret[middle:]) for form in _forms(half))


def _forms(secret: str) -> set[str]:
    """A secret as is, URL-encoded and HTML-escaped."""
    return {secret, quote(secret, safe=""), escape(secret)}
