"""The view: differences keep every word, values are said as a person would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Change, Entry, Operation, Plan, Request, Source, Step
from reconciler.render import view

from .samples import within

WORDS = st.text(st.sampled_from("ab \n\t–Жé家."), max_size=60)


def spoken(pieces, *kinds):
    """The words of the pieces of these kinds."""
    return [word for kind, text in pieces if kind in kinds for word in text.split()]


def joined(pieces, *kinds):
    """The pieces of these kinds, one after the other."""
    return "".join(text for kind, text in pieces if kind in kinds)


@settings(deadline=None, max_examples=300, database=None)
@given(WORDS, WORDS)
def test_a_difference_keeps_both_texts(old, new):
    """Same and old pieces are the old text, same and new the new one, to the last blank."""
    pieces = view.difference(old, new)
    if not any(kind == "gap" for kind, _ in pieces):
        assert joined(pieces, "same", "old") == old
        assert joined(pieces, "same", "new") == new


@settings(deadline=None, max_examples=100, database=None)
@given(st.lists(st.sampled_from("abcde"), max_size=6), st.lists(st.sampled_from("abx"), max_size=6))
def test_a_short_difference_has_no_gap(old, new):
    """Where there is little, all of it is shown."""
    pieces = view.difference(" ".join(old), " ".join(new))
    assert all(kind != "gap" for kind, _ in pieces)


@settings(deadline=None, max_examples=60, database=None)
@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_long_equal_run_is_cut_and_no_changed_word_is(before, after, both):
    """What differs is shown whole, with some words on either side; what is left out is equal."""
    left = [f"w{number}" for number in range(before)]
    right = [f"v{number}" for number in range(after)]
    old = " ".join([*left, "OLD", *right, *(["LAST"] if both else [])])
    new = " ".join([*left, "NEW", *right, *(["END"] if both else [])])
    pieces = view.difference(old, new)
    assert spoken(pieces, "old") == ["OLD", *(["LAST"] if both else [])]
    assert spoken(pieces, "new") == ["NEW", *(["END"] if both else [])]
    shown = spoken(pieces, "same")
    assert set(shown) <= {*left, *right}
    assert left[-3:] == [word for word in shown if word in left[-3:]]
    assert right[:3] == [word for word in shown if word in right[:3]]
    assert len(shown) <= 4 * 2 * view.CONTEXT
    assert ("gap" in {kind for kind, _ in pieces}) == (len(shown) < before + after)


def test_equal_texts_have_no_difference():
    """Nothing old and nothing new."""
    assert {kind for kind, _ in view.difference("a b " * 50, "a b " * 50)} <= {"same", "gap"}


@pytest.mark.parametrize(("old", "new"), [("", ""), ("", "a b"), ("a b", "")])
def test_nothing_against_something(old, new):
    """All of it is old, or all of it is new."""
    assert view.difference(old, new) == tuple(
        (kind, text) for kind, text in (("old", old), ("new", new)) if text
    )


def numbered(letter, count):
    """So many words that are all different."""
    return " ".join(f"{letter}{number}" for number in range(count))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (numbered("a", 2000), numbered("b", 2000)),
        (numbered("a", 2000), re.sub(r"a(\d*0)\b", r"b\1", numbered("a", 2000))),
        ("da " * 3000, "da " * 2000 + "net " + "da " * 900),
    ],
    ids=["rewritten", "every tenth word", "one word again and again"],
)
def test_a_long_description_is_compared_at_once(old, new):
    """Two thousand words (12 KB of the 512 that the portal takes) are no matter of minutes."""
    with within(2):
        pieces = view.difference(old, new)
    assert joined(pieces, "old", "new")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        (True, "on"),
        (False, "off"),
        (0, "0"),
        (1, "1"),
        (2012, "2012"),
        ("", "“”"),
        ("Ivan", "“Ivan”"),
        ({"url": "https://example.com/a.jpg"}, "https://example.com/a.jpg"),
        ({"id": 3}, "picture 3"),
        ({"id": 3, "variants": []}, "picture 3"),
        ({"id": 3, "url": "https://e.com"}, "picture 3 from https://e.com"),
        ({"ru": "Р", "en": None}, "ru: “Р”"),
        ({"contact_phone": True, "contact_viber": False}, "contact_phone: on, contact_viber: off"),
        (["en", "ro"], "en, ro"),
        (["en", 99], "en, 99"),
        ([], "nothing"),
    ],
    ids=str,
)
def test_a_value_is_said_as_a_person_would(value, said):
    """Switches are on or off, texts in quotes, pictures by number or address."""
    assert view.words(value) == said


PLACE = Source("agents/a.yaml", 3)


def row(*changes, actions=("update",), source=PLACE, number=15):
    """The row of one agent."""
    entry = Entry("rentix", "k", number, "Ivan", source, "id", actions, changes, None, "because")
    (made,) = view.rows([entry])
    return made


@pytest.mark.parametrize(
    ("actions", "mark"),
    [
        (("create",), "+"),
        (("update",), "~"),
        (("link",), "~"),
        (("unlink", "link"), "~"),
        (("unlink", "link", "update"), "~"),
        (("unlink",), "-"),
        (("deactivate",), "-"),
    ],
)
def test_the_mark_says_what_becomes_of_an_agent(actions, mark):
    """Plus for a new one, minus for one taken off, else a change."""
    made = row(actions=actions)
    assert (made.mark, made.actions) == (mark, ", ".join(actions))


def test_a_row_says_who_and_where():
    """File and line where there are some, the agent's id where it has one."""
    assert row().where == "agents/a.yaml:3 · agent 15"
    assert row(number=None).where == "agents/a.yaml:3 · new agent"
    assert row(source=None).where == "agent 15"


def test_a_line_says_whose_change_it_is():
    """Drift and what cannot be read back are noted, what the file changed is not."""
    notes = [
        each.note
        for each in row(
            Change("name", "a", "b", "different", "drift"),
            Change("name", "a", "b", "different", "pending"),
            Change("avatar", None, {"url": "u"}, "unreadable", None),
            Change("avatar", None, {"url": "u"}, "unreadable", "drift"),
        ).lines
    ]
    assert notes == [
        "drift: changed on the portal since the last apply",
        "",
        "cannot be read back, so it is sent",
        "drift: changed on the portal since the last apply; cannot be read back, so it is sent",
    ]


def test_only_long_texts_are_shown_word_by_word():
    """Short ones, and what is no text, are shown on both sides."""
    long = "a word after another " * 5
    lines = row(
        Change("name", "short", "shorter"),
        Change("name", long, long + "more"),
        Change("name", None, long),
        Change("name", {"ru": long}, long),
    ).lines
    assert [bool(each.pieces) for each in lines] == [False, True, False, False]


def plan(*entries, steps=(), **more):
    """A plan of these."""
    given = {
        "conflicts": (),
        "warnings": (),
        "declared": 9,
        "unchanged": 9,
        "waiting": (),
        "complete": True,
        "excess": (),
        "seconds": 3,
    }
    return Plan(entries=entries, steps=steps, **{**given, **more})


def test_nothing_to_do_is_said_with_the_number_of_agents():
    """One agent is, several are."""
    assert view.totals(plan()) == "Nothing to do: 9 agents are as declared."
    one = view.totals(plan(declared=1, unchanged=1))
    assert one == "Nothing to do: 1 agent is as declared."
    waiting = view.totals(plan(declared=2, unchanged=1, waiting=(("rentix", "a"),)))
    assert waiting == "Nothing to do: 1 unchanged, 1 waiting."


def test_the_totals_count_agents_by_what_happens_to_them():
    """In the order of the verbs, what is none left out."""
    entries = [
        Entry("rentix", str(number), number, "", None, None, actions, (), None, "")
        for number, actions in enumerate([("create",), ("link", "update"), ("update",)])
    ]
    said = view.totals(plan(*entries, unchanged=4))
    assert said == "Plan: 1 to create, 2 to update, 1 to link; 4 unchanged."


def test_the_totals_of_several_portals_say_which_are_as_declared():
    """An agent counts on each, so their number would say little."""
    both = ("rentix", "propertyfinder")
    said = view.totals(plan(portals=both))
    assert said == "Nothing to do: all agents are as declared on rentix and propertyfinder."
    unread = plan(portals=("rentix",), unread=(("propertyfinder", "no answer"),))
    assert view.totals(unread) == "Nothing to do: all agents are as declared on rentix."
    waiting = plan(portals=both, unchanged=8, waiting=(("propertyfinder", "a"),))
    assert view.totals(waiting) == "Nothing to do: 8 unchanged, 1 waiting."
    off = Entry("propertyfinder", "a", 1, "", None, None, ("deactivate",), (), None, "")
    assert view.totals(plan(off, portals=both)) == "Plan: 1 to deactivate; 9 unchanged."


def test_the_price_of_several_portals_is_under_the_limits_of_all():
    """Each has its own."""
    step = Step(
        "r1",
        Request("PATCH", "/v1/users/1"),
        (Operation("update:1", "deactivate", "propertyfinder", "a", None, 1),),
    )
    both = plan(steps=(step,), portals=("rentix", "propertyfinder"))
    assert view.price(both) == "1 request: 1 deactivate; about 3 s under the portals' limits"
    assert "the portal's limits" in view.price(plan(steps=(step,), portals=("rentix",)))


def test_the_price_is_requests_by_kind_and_time():
    """Seconds up to a minute and a half, then minutes."""
    one = Operation("update:1", "update", "rentix", "a", None, 1)
    two = Operation("unlink:1", "unlink", "rentix", "a", None, 1)
    steps = (
        Step("r1", Request("DELETE", "/users/1/link"), (two,)),
        Step("r2", Request("DELETE", "/users/1/link"), (two,), ("r1",)),
        Step("r3", Request("POST", "/users/bulk"), (one, one), ("r1", "r2")),
    )
    said = view.price(plan(steps=steps, seconds=40))
    assert said == "3 requests: 1 bulk, 2 unlinks; about 40 s under the portal's limits"
    assert "about 3 min" in view.price(plan(steps=steps[:1], seconds=180))
    assert "1 request: 1 unlink;" in view.price(plan(steps=steps[:1]))
    assert [view.sent(each) for each in steps] == [
        "DELETE /users/1/link",
        "DELETE /users/1/link, after r1",
        "POST /users/bulk, 2 operations, after r1, r2",
    ]
