"""The rows of a plan: values in words, who and where, what is dangerous, and the order."""

from __future__ import annotations

import pytest

from reconciler.core.model import Change, Entry, Source
from reconciler.render import rows
from reconciler.render.phrases import words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "on"),
        (False, "off"),
        (0, "0"),
        (1, "1"),
        (2012, "2012"),
        ("", "empty"),
        ("Ivan", "“Ivan”"),
        ({"url": "https://example.com/a.jpg"}, "https://example.com/a.jpg"),
        ({"id": 3}, "picture 3"),
        ({"id": 3, "variants": []}, "picture 3"),
        ({"id": 3, "url": "https://e.com"}, "picture 3 from https://e.com"),
        ({"ru": "Р", "en": None}, "ru: “Р”"),
        ({"contact_phone": True, "contact_viber": False}, "contact_phone: on, contact_viber: off"),
        (["en", "ro"], "en, ro"),
        (["en", 99], "en, 99"),
        ([{"type": "brn", "value": "1"}, {"type": "fal", "value": "2"}], "brn 1, fal 2"),
        ([], "nothing"),
    ],
    ids=str,
)
def test_a_value_in_words(value, shown):
    """Switches are on or off, texts in quotes, pictures by number or address."""
    assert words(value) == shown


PLACE = Source("agents/a.yaml", 3)


def entry(*changes, actions=("update",), source=PLACE, number=15, key="k", whose=None):
    """One agent with something to do."""
    return Entry("rentix", key, number, "Ivan", source, "id", actions, changes, whose, "because")


def row(*changes, drift=False, **more):
    """The row of one agent."""
    return rows.row(entry(*changes, **more), drift=drift)


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
def test_the_mark_of_an_agent(actions, mark):
    """Plus for a new one, minus for one taken off, else a change."""
    made = row(actions=actions)
    assert (made.mark, made.actions) == (mark, ", ".join(actions))
    assert row(actions=actions, drift=True).mark in "+~"


def test_a_row_has_who_and_where():
    """File and line where there are some, the agent's id where it has one."""
    assert row().where == "agents/a.yaml:3 · agent 15"
    assert row(number=None).where == "agents/a.yaml:3 · new agent"
    assert row(source=None).where == "agent 15"


def test_whose_change_it_is_is_noted_where_the_changes_differ_in_it():
    """Else the row says it once."""
    drifted = Change("name", "a", "b", "different", "drift")
    pending = Change("name", "a", "b", "different", "pending")
    unreadable = Change("avatar", None, {"url": "u"}, "unreadable", "drift")
    drift = "drift: changed on the portal since the last apply"
    made = row(drifted, pending, unreadable, whose="drift")
    assert made.whose == drift
    assert [line.note for line in made.lines] == [
        drift,
        "",
        f"{drift}; cannot be read back, so it is sent",
    ]
    made = row(drifted, unreadable, whose="drift")
    assert made.whose == drift
    assert [line.note for line in made.lines] == ["", "cannot be read back, so it is sent"]


def test_only_edited_long_texts_are_word_diffs():
    """Short ones, new ones, and values of other kinds, are shown on both sides."""
    long = "a word after another " * 5
    lines = row(
        Change("name", "short", "shorter"),
        Change("name", long, long + "more"),
        Change("name", None, long),
        Change("name", {"ru": long}, long),
        Change("name", long, "nothing of it is left in this text, which is another"),
    ).lines
    assert [bool(each.pieces) for each in lines] == [False, True, False, False, False]
    assert [each.stacked for each in lines] == [False, False, False, False, True]


def test_values_written_from_right_to_left_are_stacked():
    """Side by side, the arrow between them would point from the new value to the old one."""
    (line,) = row(Change("name", "محمد الأحمد", "محمد الأحمد الخالدي")).lines
    assert line.stacked
    assert not row(Change("name", "Ivan", "محمد")).lines[0].stacked


def test_what_is_cleared_is_marked():
    """Nothing is left, or a switch goes off."""
    lines = row(
        Change("youtube", "a", None),
        Change("description.ru", "a", ""),
        Change("settings.contact_viber", True, False),
        Change("experienceSince", 5, 0),
        Change("name", "a", "b"),
    ).lines
    assert [each.cleared for each in lines] == [True, True, True, False, False]


def test_a_hidden_difference_is_shown_and_noted():
    """A no-break space as a dot, a Cyrillic letter by name; of drift it is the portal's."""
    made = row(Change("name", "Ivan P", "Ivan\u00a0P"), Change("name", "Petrov", "P\u0435trov"))
    assert made.lines[0].pieces == (("same", "Ivan"), ("old", " "), ("new", "·"), ("same", "P"))
    assert made.lines[0].note == "the file has a no-break space, shown as ·"
    assert made.lines[1].note == "the file has Cyrillic “\u0435”"
    (line,) = row(Change("name", "P\u0435trov", "Petrov"), drift=True).lines
    assert line.note == "the portal has Cyrillic “\u0435”"


def test_drift_shows_the_file_first():
    """Then what the portal shows; not what an apply would do."""
    (line,) = row(Change("name", "portal", "file", "different", "drift"), drift=True).lines
    assert (line.old, line.new, line.note) == ("“file”", "“portal”", "")


def test_a_summary_names_three_fields():
    """And counts the others."""
    made = row(*(Change(path, 1, 2) for path in "abcde"))
    assert (made.paths, made.more) == (["a", "b", "c"], "2 more")
    assert row(Change("a", 1, 2)).more == ""


def test_agents_are_in_the_order_of_what_is_at_stake():
    """Deactivated, unlinked, linked to another id; then this pull request's own, drift, the base's;
    as in the files where nothing else decides. An agent's portals stay together."""
    found = rows.agents(
        (
            entry(key="base", whose="base"),
            entry(key="drift", whose="drift"),
            entry(key="two"),
            entry(key="one", whose="pull_request"),
            entry(key="swap", actions=("unlink", "link")),
            entry(key="unlinked", actions=("unlink",), source=None),
            entry(key="two"),
            entry(key="off", actions=("update", "deactivate"), whose="base"),
            entry(key="two", actions=("unlink",), source=None),
        ),
        drift=False,
    )
    assert [(agent.key, len(agent.entries)) for agent in found] == [
        ("off", 1),
        ("unlinked", 1),
        ("two", 1),
        ("swap", 1),
        ("one", 1),
        ("two", 2),
        ("drift", 1),
        ("base", 1),
    ]
    assert [agent.anchor for agent in found] == [f"agent-{number}" for number in range(1, 9)]
    assert [bool(agent.rows()[0].danger) for agent in found] == [True] * 4 + [False] * 4
