"""Word diffs keep every word of both texts, are exact, and take no longer than a page can wait."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.render import text_diff
from reconciler.render.rows import compared
from reconciler.render.text_diff import difference, letters, notes, reveal, shorten

from .samples import within

WORDS = st.text(st.sampled_from("ab \n\t–Жé家."), max_size=60)


def words_of(pieces, *kinds):
    """The words of the pieces of these kinds."""
    return [word for kind, text in pieces if kind in kinds for word in text.split()]


def joined(pieces, *kinds):
    """The pieces of these kinds, one after the other."""
    return "".join(text for kind, text in pieces if kind in kinds)


@settings(deadline=None, max_examples=300, database=None)
@given(WORDS, WORDS)
def test_a_difference_keeps_both_texts(old, new):
    """Same and old pieces are the old text, same and new the new one, to the last space."""
    pieces = difference(old, new)
    assert joined(pieces, "same", "old") == old
    assert joined(pieces, "same", "new") == new
    assert all(text for _, text in pieces)


@settings(deadline=None, max_examples=100, database=None)
@given(st.lists(st.sampled_from("abcde"), max_size=6), st.lists(st.sampled_from("abx"), max_size=6))
def test_a_short_difference_is_not_shortened(old, new):
    """Where there is little, all of it is shown."""
    pieces = difference(" ".join(old), " ".join(new))
    assert shorten(pieces) == pieces


@settings(deadline=None, max_examples=60, database=None)
@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_only_equal_words_far_from_a_change_are_omitted(before, after, both):
    """What differs is shown whole, with some words on either side; what is omitted is equal."""
    left = [f"w{number}" for number in range(before)]
    right = [f"v{number}" for number in range(after)]
    old = " ".join([*left, "OLD", *right, *(["LAST"] if both else [])])
    new = " ".join([*left, "NEW", *right, *(["END"] if both else [])])
    pieces = shorten(difference(old, new))
    assert words_of(pieces, "old") == ["OLD", *(["LAST"] if both else [])]
    assert words_of(pieces, "new") == ["NEW", *(["END"] if both else [])]
    shown = words_of(pieces, "same")
    assert set(shown) <= {*left, *right}
    assert left[-3:] == [word for word in shown if word in left[-3:]]
    assert right[:3] == [word for word in shown if word in right[:3]]
    assert len(shown) <= 4 * 2 * text_diff.CONTEXT
    assert ("gap" in {kind for kind, _ in pieces}) == (len(shown) < before + after)


def test_equal_texts_have_no_difference():
    """Nothing old and nothing new."""
    assert {kind for kind, _ in difference("a b " * 50, "a b " * 50)} == {"same"}


@pytest.mark.parametrize(("old", "new"), [("", ""), ("", "a b"), ("a b", "")])
def test_nothing_against_something(old, new):
    """All of it is old, or all of it is new."""
    assert difference(old, new) == tuple(
        (kind, text) for kind, text in (("old", old), ("new", new)) if text
    )


SENTENCES = [
    f"{opening} {number} {rest}"
    for number in range(12)
    for opening, rest in (
        ("I have sold flats for", "years and know every yard."),
        ("The papers are checked", "times before the deposit."),
        ("You get an answer", "days a week, also on Sunday."),
    )
]
LONG = " ".join(SENTENCES)


@pytest.mark.parametrize("place", [0, 7, 18, 35, 36])
@pytest.mark.parametrize("times", [1, 3])
def test_a_sentence_added_to_a_long_text_is_all_that_is_new(place, times):
    """Though the common words are repeated dozens of times, and whole sentences several times."""
    sentences = SENTENCES * times
    added = "From autumn on, ask my assistant first."
    new = " ".join([*sentences[:place], added, *sentences[place:]])
    pieces = difference(" ".join(sentences), new)
    assert joined(pieces, "old") == ""
    assert joined(pieces, "new").strip() == added


def test_edits_at_both_ends_and_in_the_middle_are_three_edits():
    """Nothing between them is shown as replaced."""
    new = f"Hello! {LONG.replace('before the deposit', 'before I sign', 1)} Bye."
    pieces = difference(LONG, new)
    assert joined(pieces, "old").split() == ["the", "deposit."]
    assert joined(pieces, "new").split() == ["Hello!", "I", "sign.", "Bye."]


def numbered(letter, count):
    """So many words that are all different."""
    return " ".join(f"{letter}{number}" for number in range(count))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (numbered("a", 2000), numbered("b", 2000)),
        (numbered("a", 2000), re.sub(r"a(\d*0)\b", r"b\1", numbered("a", 2000))),
        ("da " * 3000, "da " * 2000 + "net " + "da " * 900),
        (
            " ".join(f"da {word}" for word in numbered("a", 2000).split()),
            " ".join(f"da {word}" for word in numbered("b", 2000).split()),
        ),
        ("da. " * 3000, "net. " + "da. " * 2000 + "net. "),
    ],
    ids=["rewritten", "every tenth word", "one word repeated", "every other word", "one sentence"],
)
def test_a_long_description_is_compared_at_once(old, new):
    """Two thousand words (12 KB of the 512 that a portal takes) do not take minutes."""
    with within(2):
        pieces = difference(old, new)
    assert joined(pieces, "old", "new")
    assert joined(pieces, "same", "new") == new


@pytest.mark.parametrize(
    ("old", "new", "is_diff"),
    [
        (LONG, LONG + " One more sentence.", True),
        (
            "One sentence is here, and it stays.",
            "One sentence is here, and it stays. " + LONG,
            True,
        ),
        (
            "I sell flats in the centre, and I am on the phone from morning to night.",
            "We let houses in the north, and you are in good hands from start to end.",
            False,
        ),
        (LONG, "Somebody else wrote this text in a few words, and of it little is left.", False),
    ],
    ids=["added", "much added", "same small words", "shorter"],
)
def test_a_rewritten_text_is_not_a_word_diff(old, new, is_diff):
    """A few common words that both have do not make one the edit of the other."""
    assert bool(compared(old, new)) is is_diff


@pytest.mark.parametrize(
    ("old", "new", "pieces", "found"),
    [
        (
            "Ivan Petrov",
            "Ivan P\u0435trov",
            (("same", "Ivan P"), ("old", "e"), ("new", "\u0435"), ("same", "trov")),
            [(1, "Cyrillic “\u0435”")],
        ),
        (
            "Ivan P",
            "Ivan\u00a0P",
            (("same", "Ivan"), ("old", " "), ("new", "\u00a0"), ("same", "P")),
            [(1, "a no-break space, shown as ·")],
        ),
        (
            "Ivan\u200bP",
            "IvanP",
            (("same", "Ivan"), ("old", "\u200b"), ("same", "P")),
            [(0, "a zero width space")],
        ),
        ("Ivan", "Petr", (), []),
        ("Иван", "Пётр", (), []),
        ("Ivan", "Иван", (), []),
    ],
    ids=["Cyrillic", "no-break space", "no width", "Latin", "Cyrillic names", "another script"],
)
def test_texts_that_look_the_same_are_compared_by_letter(old, new, pieces, found):
    """And the letter that nobody sees is named, with the side that has it."""
    assert letters(old, new) == pieces
    assert notes(old, new) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("P\u0435trov", [(1, "Cyrillic “\u0435”")]),
        ("Petr\u03bfv", [(1, "Greek “\u03bf”")]),
        ("Петров", []),
        ("TOYOTA Центр", []),
        ("a\u00a0b", [(1, "a no-break space, shown as ·")]),
    ],
    ids=ascii,
)
def test_a_new_value_that_hides_something_is_noted(text, found):
    """A word in one script hides nothing; one that mixes two may."""
    assert notes("", text) == found


def test_what_is_hidden_is_revealed():
    """A special space is a dot, and what has no width is its number; emoji stay as they are."""
    assert reveal("Ivan\u00a0P\u202f1") == "Ivan·P·1"
    assert reveal("a\u200bb\u00adc") == "a\\u200bb\\u00adc"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f"
    assert reveal(family) == family
