"""What is struck out of a text, and what is left of it."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.net.redaction import contains_secret, redact

from .keys import PIECE, RENTIX, pieces

KEY = "0a/B+<c>&d=\"e'f%g h?i#j"


@given(st.text(max_size=40), st.integers(0, 45), st.integers(0, 45), st.text(max_size=40))
def test_no_piece_is_left_wherever_it_stands(before: str, start: int, end: int, after: str) -> None:
    """A run of the secret between any texts: a long one is gone, and the rest is there."""
    run = RENTIX[start:end]
    told = redact(before + run + after, [RENTIX])
    assert pieces(told, [RENTIX]) == []
    if len(run) >= PIECE and before.isupper() and after.isupper():
        assert told == f"{before}***{after}"


@pytest.mark.parametrize("form", [str, lambda key: quote(key, safe=""), escape])
def test_the_forms_that_addresses_and_pages_give_it(form: object) -> None:
    """A key of odd characters, percent-encoded or with entities."""
    shown = form(KEY)  # type: ignore[operator]
    assert redact(f"a {shown} b", [KEY]) == "a *** b"
    assert contains_secret(f"a {shown} b", [KEY])


@pytest.mark.parametrize(
    ("text", "secrets", "least", "told"),
    [
        ("key word", ["word"], 1, "key ***"),
        ("key word", ["word"], 12, "key word"),
        ("key word", ["", "other"], 1, "key word"),
        ("a0123456789ab 0123456789a", ["0123456789ab"], 1, "a*** 0123456789a"),
        (RENTIX + RENTIX, [RENTIX], 12, "***"),
        ("", [RENTIX], 1, ""),
    ],
)
def test_short_secrets_and_long_ones(text: str, secrets: list[str], least: int, told: str) -> None:
    """A short one is struck out as a whole, and only where words may be; an empty one never."""
    assert redact(text, secrets, least) == told


def test_what_is_long_is_looked_through_for_halves() -> None:
    """A whole key, or a half of a very long one; a short one is a word."""
    assert contains_secret(f"a{RENTIX[:25]}", [RENTIX])
    assert contains_secret(f"a{RENTIX[20:]}", [RENTIX])
    assert not contains_secret(RENTIX[:15], [RENTIX[:30] + "x" * 40])
    assert not contains_secret("sandbox", ["sandbox", ""])
