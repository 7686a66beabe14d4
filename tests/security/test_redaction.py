"""What redaction removes from a text, and what it keeps."""

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
def test_no_fragment_remains(before: str, start: int, end: int, after: str) -> None:
    """For any part of a secret between any texts; the rest is unchanged."""
    run = RENTIX[start:end]
    redacted = redact(before + run + after, [RENTIX])
    assert pieces(redacted, [RENTIX]) == []
    if len(run) >= PIECE and before.isupper() and after.isupper():
        assert redacted == f"{before}***{after}"


@pytest.mark.parametrize("form", [str, lambda key: quote(key, safe=""), escape])
def test_encoded_secrets(form: object) -> None:
    """Percent-encoded, or with HTML entities."""
    shown = form(KEY)  # type: ignore[operator]
    assert redact(f"a {shown} b", [KEY]) == "a *** b"
    assert contains_secret(f"a {shown} b", [KEY])


@pytest.mark.parametrize(
    ("text", "secrets", "least", "redacted"),
    [
        ("key code", ["code"], 1, "key ***"),
        ("key code", ["code"], 12, "key code"),
        ("key code", ["", "other"], 1, "key code"),
        ("a0123456789ab 0123456789a", ["0123456789ab"], 1, "a*** 0123456789a"),
        (RENTIX + RENTIX, [RENTIX], 12, "***"),
        ("", [RENTIX], 1, ""),
    ],
)
def test_short_and_long_secrets(text: str, secrets: list[str], least: int, redacted: str) -> None:
    """A short secret is removed only as a whole and only if `min_length` allows it; an empty
    one never."""
    assert redact(text, secrets, least) == redacted


def test_halves_in_a_long_text() -> None:
    """A whole secret, or half of a very long one; short secrets do not count."""
    assert contains_secret(f"a{RENTIX[:25]}", [RENTIX])
    assert contains_secret(f"a{RENTIX[20:]}", [RENTIX])
    assert not contains_secret(RENTIX[:15], [RENTIX[:30] + "x" * 40])
    assert not contains_secret("sandbox", ["sandbox", ""])
