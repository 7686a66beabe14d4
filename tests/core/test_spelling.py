"""Identifiers that look alike."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.spelling import difference, fold


@pytest.mark.parametrize(
    "other",
    ["AGENT-É1", "agent-é1 ", " agent-é1", "agent-\u00a0é1", "agent-é\u200b1", "agent-é１"],
)
def test_identifiers_that_look_alike_fold_to_one_form(other):
    """In case, whitespace, invisible characters and full-width digits."""
    assert fold(other) == fold("agent-é1") == fold(unicodedata.normalize("NFD", "agent-é1"))


@pytest.mark.parametrize("other", ["agent-2", "agent1", "agent-e1", "agent_é1", ""])
def test_other_identifiers_fold_to_other_forms(other):
    """Punctuation, digits and accents matter."""
    assert fold(other) != fold("agent-é1")


@given(st.text())
def test_folding_ignores_the_unicode_form(text):
    """Composed or decomposed."""
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))


@pytest.mark.parametrize(
    ("declared", "live", "parts"),
    [
        ("Agent", "agent", ("character 1 ", "U+0041 LATIN CAPITAL LETTER A in the file", "U+0061")),
        (
            "a b",
            "a\u00a0b",
            ("character 2 ", "U+0020 SPACE in the file", "U+00A0 NO-BREAK SPACE on"),
        ),
        ("a", "a ", ("character 2 ", "missing in the file", "U+0020 SPACE on the portal")),
        ("a ", "a", ("character 2 ", "U+0020 SPACE in the file", "missing on the portal")),
        (
            "é",
            "e\u0301",
            (
                "U+00E9 LATIN SMALL LETTER E WITH ACUTE in the file",
                "U+0065 LATIN SMALL LETTER E with U+0301 COMBINING ACUTE ACCENT on the portal",
            ),
        ),
        ("\x01", "a", ("U+0001 in the file",)),
    ],
)
def test_a_difference_names_the_characters(declared, live, parts):
    """They may look the same on a screen."""
    for part in parts:
        assert part in difference(declared, live)
