"""Declared values against live ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import SAME

from .build import BLANK, BY_NAME, NOTHING, brief, difference, found, recall

URL = {"url": "https://agency.example/ivan.jpg"}

LANGUAGES = ("description.ru", "description.en", "description.ro")


def change(values, shown, prior=NOTHING):
    """The one change of this agent."""
    (only,) = difference(found(values, shown), prior).changes
    return only


def test_an_agent_that_is_right_costs_nothing():
    """As declared: no change, no warning, and the very same answer for everybody."""
    values = {"name": "Ivan", "instagram": "https://www.instagram.com/i/", "avatar": {"id": 5}}
    shown = {"name": "Ivan", "instagram": "https://instagram.com/i", "avatar": {"id": 5, "x": 1}}
    assert difference(found(values, shown)) is SAME


@given(st.sets(st.sampled_from(sorted(BLANK))))
def test_only_declared_paths_are_looked_at(paths):
    """Whatever else the portal shows, a change is of a path that the file declares."""
    other = {
        "name": "Petr",
        "description": "Y",
        "avatar": {"id": 9},
        "instagram": "https://instagram.com/y",
        "youtube": "https://youtube.com/y",
        "tiktok": "https://tiktok.com/@y",
        **{path: False for path in BLANK if path.startswith("settings.")},
    }
    changes = difference(found({path: BLANK[path] for path in paths}, other)).changes
    assert {each.path for each in changes} == paths


def test_a_change_says_both_sides_in_the_words_of_the_file():
    """Before is what the portal shows, after what the file declares, as they are written."""
    said = change({"name": "Ivan"}, {"name": "Petr"})
    assert (said.path, said.before, said.after, said.kind) == ("name", "Petr", "Ivan", "different")


def test_changes_are_in_the_files_order():
    """A reader finds them as they were declared."""
    values = {"tiktok": "https://tiktok.com/@i", "name": "Ivan", "settings.contact_viber": False}
    assert [each.path for each in difference(found(values, {})).changes] == list(values)


def test_what_is_the_same_in_another_writing_hides_no_change_after_it():
    """A link that is spelled otherwise is looked at and passed over, and the rest is too."""
    values = {"instagram": "https://www.instagram.com/i/", "name": "Ivan", "avatar": {"id": 6}}
    shown = {"instagram": "https://instagram.com/i", "name": "Petr", "avatar": {"id": 5}}
    assert [each.path for each in difference(found(values, shown)).changes] == ["name", "avatar"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("description", {"description.ru": "Р"}),
        ("description.ru", {"description": "Р"}),
        ("description.en", {"description": "Р"}),
    ],
)
def test_a_text_that_is_cleared_is_a_change_where_the_portal_shows_it_by_other_paths(path, shown):
    """The portal shows nothing at the path itself, and that is not the nothing that is declared."""
    assert change({path: None}, shown).path == path
    prior = recall(found({path: "Р"}, shown), sent=[path])
    assert change({path: None}, shown, prior).attribution == "pending"


@pytest.mark.parametrize(
    ("values", "shown", "before"),
    [
        ({"avatar": {"id": 6}}, {"avatar": {"id": 5, "variants": []}}, {"id": 5}),
        ({"avatar": {"id": 6}}, {"avatar": None}, None),
        ({"description": "X"}, {"description.ru": "Р"}, {"ru": "Р", "en": None, "ro": None}),
        ({"description.ru": "X"}, {"description": "Y"}, "Y"),
    ],
)
def test_the_old_side_is_what_the_portal_shows(values, shown, before):
    """Of a picture its id alone; of a text its languages, or the string that stands for them."""
    assert change(values, shown).before == before


def test_the_old_side_of_a_picture_has_the_remembered_address():
    """While the portal shows the picture that came from it, and not any more afterwards."""
    match = found({"avatar": URL}, {"avatar": {"id": 5}})
    prior = recall(match, before={"avatar": None, "name": "x"}, sent=["avatar"])
    new = {"avatar": {"url": "https://agency.example/new.jpg"}}
    assert change(new, {"avatar": {"id": 5}}, prior).before == {"id": 5, **URL}
    assert change(new, {"avatar": {"id": 6}}, prior).before == {"id": 6}


def test_the_old_side_of_a_hidden_language_is_the_remembered_text():
    """The portal shows one string; what was applied for the language is known all the same."""
    match = found({"description.ru": "Р", "description.en": "E"}, {"description": "E"})
    prior = recall(match, sent=["description.ru", "description.en"])
    new = {"description.ru": "Новый", "description.en": "E"}
    assert change(new, {"description": "E"}, prior).before == "Р"
    shown = {"description.ru": "Р", "description.en": "E", "description.ro": ""}
    assert change(new, shown, prior).before == "Р"


def test_a_picture_by_id_has_no_address_to_remember():
    """What was applied by id is shown by id."""
    match = found({"avatar": {"id": 5}}, {"avatar": {"id": 5}})
    prior = recall(match, sent=["avatar"])
    assert change({"avatar": {"id": 6}}, {"avatar": {"id": 5}}, prior).before == {"id": 5}


@pytest.mark.parametrize(
    ("values", "shown"),
    [({"avatar": URL}, {"avatar": {"id": 5}}), ({"description.ru": "Р"}, {"description": "E"})],
)
def test_held_back_is_what_cannot_be_read_and_was_never_applied(values, shown):
    """With `hold` it is a warning; once it was applied from here, a new value is a change."""
    match = found(values, shown)
    held = difference(match, hold=True)
    assert held.changes == held.not_taken == ()
    (path,) = values
    assert path in held.warnings[0].message
    assert len(held.warnings) == 1
    new = {"avatar": {"url": "https://agency.example/new.jpg"}, "description.ru": "Новый"}
    prior = recall(match, before={"avatar": None, "description": "x"}, sent=[path])
    assert brief(difference(found({path: new[path]}, shown), prior, hold=True).changes) == [
        (path, "unreadable", "pending")
    ]


def test_hold_does_not_hold_what_can_be_read():
    """A name, or a picture where there is none, is compared and changed."""
    values = {"name": "Ivan", "avatar": URL}
    changes = difference(found(values, {"name": "Petr"}), hold=True).changes
    assert [each.path for each in changes] == ["name", "avatar"]


def test_languages_that_cannot_be_seen_are_one_warning():
    """The portal shows one text: those not declared may be lost, and are named, all at once."""
    one = difference(found({"description.ru": "Р"}, {"description": "E"}))
    assert len(one.warnings) == 1
    assert "en and ro may be lost. Declare en and ro" in one.warnings[0].message
    two = {"description.ru": "Р", "description.en": "E"}
    (warning,) = difference(found(two, {"description": "E"})).warnings
    assert "in ro may be lost. Declare ro" in warning.message


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (
            dict.fromkeys(LANGUAGES, "X"),
            {"description": "E"},
        ),
        ({"description.ru": "Р"}, {"description": ""}),
        ({"description.ru": "Р"}, {**dict.fromkeys(LANGUAGES, "E"), "description.ru": "Y"}),
        ({"description": "X"}, {"description": "E"}),
        ({"name": "Ivan"}, {"description": "E"}),
    ],
    ids=["all-declared", "nothing-to-lose", "languages-shown", "one-for-all", "not-declared"],
)
def test_languages_that_cannot_be_lost_are_no_warning(values, shown):
    """All declared, nothing shown, each shown, one for all, or the text left alone."""
    assert difference(found(values, shown)).warnings == ()


def test_unseen_languages_are_no_warning_once_nothing_is_sent():
    """After the apply there is nothing to lose any more."""
    match = found({"description.ru": "Р"}, {"description": "Р"})
    assert difference(match, recall(match, sent=["description.ru"])) is SAME


def test_a_warning_stands_where_the_value_is_declared():
    """At the line of the path, of its parent, or where the agent begins."""
    lines = {"description": 7, "avatar.url": 9, "name": 3}
    texts = found({"description.ru": "Р"}, {"description": "E"}, lines=lines)
    (warning,) = difference(texts).warnings
    assert (warning.portal, warning.key, warning.source.line) == ("rentix", "agent-001", 7)
    match = found(
        {"name": "Ivan ", "tiktok": None}, {"name": "Ivan", "tiktok": "https://x"}, lines=lines
    )
    prior = recall(match, sent=["name", "tiktok"])
    not_taken = difference(match, prior).not_taken
    assert [(each.path, each.source.line) for each in not_taken] == [("name", 3), ("tiktok", 1)]


def test_what_was_not_taken_tells_both_values_shortly():
    """The declared and the shown one, long ones cut, null as “nothing”."""
    long = "x" * 100
    match = found(
        {"name": f"{long} ", "instagram": None}, {"name": long, "instagram": "https://i.com/i"}
    )
    result = difference(match, recall(match, sent=["name", "instagram"]))
    name, instagram = (each.message for each in result.warnings)
    assert f"“{'x' * 59}…”" in name
    assert long not in name
    assert "sent nothing but shows “https://i.com/i”" in instagram
    assert [(each.declared, each.live) for each in result.not_taken] == [
        (f"{long} ", long),
        (None, "https://i.com/i"),
    ]


@pytest.mark.parametrize(
    ("name", "quoted"), [("x" * 59 + " ", "x" * 59 + " "), ("x" * 60 + " ", "x" * 59 + "…")]
)
def test_what_was_not_taken_is_told_in_sixty_characters(name, quoted):
    """A value of sixty is told whole, a longer one is cut to that."""
    match = found({"name": name}, {"name": name.strip()})
    (warning,) = difference(match, recall(match, sent=["name"])).warnings
    assert f"sent “{quoted}” but shows" in warning.message


def test_a_path_of_no_field_is_a_mistake_of_ours():
    """Fields come from the portal's table; nothing unknown is compared, or ignored in silence."""
    assert "phone" not in BY_NAME
    with pytest.raises(KeyError):
        difference(found({"phone": "+373 22 123 456"}, {}))
