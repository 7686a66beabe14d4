"""Comparing declared values with live ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import SAME
from reconciler.core.diff import quoted as in_words

from .build import (
    BY_NAME,
    DEFAULTS,
    EMPTY_STATE,
    OTHER_URL,
    PHONE,
    URL,
    difference,
    match_of,
    state_after,
    summary,
)

LANGUAGES = ("description.ru", "description.en", "description.ro")


def only_change(values, shown, prior=EMPTY_STATE):
    """The one change of this agent."""
    (only,) = difference(match_of(values, shown), prior).changes
    return only


def test_an_agent_as_declared_has_no_changes():
    """No change, no warning, and one shared result for all such agents."""
    values = {"name": "Ivan", "instagram": "https://www.instagram.com/i/", "avatar": {"id": 5}}
    shown = {"name": "Ivan", "instagram": "https://instagram.com/i", "avatar": {"id": 5, "x": 1}}
    assert difference(match_of(values, shown)) is SAME


@given(st.sets(st.sampled_from(sorted(DEFAULTS))))
def test_only_declared_paths_are_compared(paths):
    """Whatever else the portal shows."""
    other = {
        "name": "Petr",
        "description": "Y",
        "avatar": {"id": 9},
        "instagram": "https://instagram.com/y",
        "youtube": "https://youtube.com/y",
        "tiktok": "https://tiktok.com/@y",
        **{path: False for path in DEFAULTS if path.startswith("settings.")},
    }
    changes = difference(match_of({path: DEFAULTS[path] for path in paths}, other)).changes
    assert {each.path for each in changes} == paths


def test_a_change_has_the_values_as_written():
    """Before is what the portal shows, after is what the file declares."""
    change = only_change({"name": "Ivan"}, {"name": "Petr"})
    assert (change.path, change.before, change.after, change.kind) == (
        "name",
        "Petr",
        "Ivan",
        "different",
    )


def test_changes_are_in_the_order_of_declaration():
    """A reader finds them as in the file."""
    values = {"tiktok": "https://tiktok.com/@i", "name": "Ivan", "settings.contact_viber": False}
    assert [each.path for each in difference(match_of(values, {})).changes] == list(values)


def test_an_equal_value_in_another_spelling_does_not_hide_later_changes():
    """A link in another spelling is equal; the values after it are compared."""
    values = {"instagram": "https://www.instagram.com/i/", "name": "Ivan", "avatar": {"id": 6}}
    shown = {"instagram": "https://instagram.com/i", "name": "Petr", "avatar": {"id": 5}}
    assert [each.path for each in difference(match_of(values, shown)).changes] == ["name", "avatar"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("description", {"description.ru": "Р"}),
        ("description.ru", {"description": "Р"}),
        ("description.en", {"description": "Р"}),
    ],
)
def test_clearing_a_text_that_is_shown_at_other_paths_is_a_change(path, shown):
    """The portal shows no value at this path, but it shows one."""
    assert only_change({path: None}, shown).path == path
    prior = state_after(match_of({path: "Р"}, shown), sent=[path])
    assert only_change({path: None}, shown, prior).attribution == "pending"


@pytest.mark.parametrize(
    ("values", "shown", "before"),
    [
        ({"avatar": {"id": 6}}, {"avatar": {"id": 5, "variants": []}}, {"id": 5}),
        ({"avatar": {"id": 6}}, {"avatar": None}, None),
        ({"description": "X"}, {"description.ru": "Р"}, {"ru": "Р", "en": None, "ro": None}),
        ({"description.ru": "X"}, {"description": "Y"}, "Y"),
    ],
)
def test_the_value_before_is_what_the_portal_shows(values, shown, before):
    """Only the id of a picture; the languages of a text, or the one string shown instead of
    them."""
    assert only_change(values, shown).before == before


def test_the_picture_before_has_the_recorded_url():
    """While the portal shows the picture imported from it."""
    match = match_of({"avatar": URL}, {"avatar": {"id": 5}})
    prior = state_after(match, before={"avatar": None, "name": "x"}, sent=["avatar"])
    new = {"avatar": OTHER_URL}
    assert only_change(new, {"avatar": {"id": 5}}, prior).before == {"id": 5, **URL}
    assert only_change(new, {"avatar": {"id": 6}}, prior).before == {"id": 6}


def test_the_value_before_of_a_hidden_language_is_the_recorded_text():
    """The portal shows one string, but the ledger has the text that was applied."""
    match = match_of({"description.ru": "Р", "description.en": "E"}, {"description": "E"})
    prior = state_after(match, sent=["description.ru", "description.en"])
    new = {"description.ru": "Новый", "description.en": "E"}
    assert only_change(new, {"description": "E"}, prior).before == "Р"
    shown = {"description.ru": "Р", "description.en": "E", "description.ro": ""}
    assert only_change(new, shown, prior).before == "Р"


def test_a_picture_applied_by_id_has_no_recorded_url():
    """The portal shows the id."""
    match = match_of({"avatar": {"id": 5}}, {"avatar": {"id": 5}})
    prior = state_after(match, sent=["avatar"])
    assert only_change({"avatar": {"id": 6}}, {"avatar": {"id": 5}}, prior).before == {"id": 5}


@pytest.mark.parametrize(
    ("values", "shown"),
    [({"avatar": URL}, {"avatar": {"id": 5}}), ({"description.ru": "Р"}, {"description": "E"})],
)
def test_hold_holds_back_unreadable_values_that_were_never_applied(values, shown):
    """Such a value is a warning; once it was applied from here, a new value is a change."""
    match = match_of(values, shown)
    held = difference(match, hold=True)
    assert held.changes == held.not_taken == ()
    (path,) = values
    assert path in held.warnings[0].message
    assert len(held.warnings) == 1
    new = {"avatar": OTHER_URL, "description.ru": "Новый"}
    prior = state_after(match, before={"avatar": None, "description": "x"}, sent=[path])
    assert summary(difference(match_of({path: new[path]}, shown), prior, hold=True).changes) == [
        (path, "unreadable", "pending")
    ]


def test_hold_does_not_hold_back_readable_values():
    """A name, or a picture if the portal shows none, is compared and changed."""
    values = {"name": "Ivan", "avatar": URL}
    changes = difference(match_of(values, {"name": "Petr"}), hold=True).changes
    assert [each.path for each in changes] == ["name", "avatar"]


def test_undeclared_hidden_languages_are_one_warning():
    """The portal shows one text: the warning names all languages that may be lost."""
    one = difference(match_of({"description.ru": "Р"}, {"description": "E"}))
    assert len(one.warnings) == 1
    assert "en and ro may be lost. Declare en and ro" in one.warnings[0].message
    two = {"description.ru": "Р", "description.en": "E"}
    (warning,) = difference(match_of(two, {"description": "E"})).warnings
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
def test_languages_that_cannot_be_lost_have_no_warning(values, shown):
    """All declared, none shown, each shown, one text for all, or the text not declared."""
    assert difference(match_of(values, shown)).warnings == ()


def test_hidden_languages_have_no_warning_once_applied():
    """Nothing is sent, so nothing can be lost."""
    match = match_of({"description.ru": "Р"}, {"description": "Р"})
    assert difference(match, state_after(match, sent=["description.ru"])) is SAME


def test_a_warning_has_the_line_of_the_value():
    """The line of the path, of its parent, or of the agent."""
    lines = {"description": 7, "avatar.url": 9, "name": 3}
    texts = match_of({"description.ru": "Р"}, {"description": "E"}, lines=lines)
    (warning,) = difference(texts).warnings
    assert (warning.portal, warning.key, warning.source.line) == ("rentix", "agent-001", 7)
    match = match_of(
        {"name": "Ivan ", "tiktok": None}, {"name": "Ivan", "tiktok": "https://x"}, lines=lines
    )
    prior = state_after(match, sent=["name", "tiktok"])
    not_taken = difference(match, prior).not_taken
    assert [(each.path, each.source.line) for each in not_taken] == [("name", 3), ("tiktok", 1)]


def test_an_unmet_value_has_a_warning_with_both_values():
    """The declared and the shown value, long ones truncated, null as “nothing”."""
    long = "x" * 100
    match = match_of(
        {"name": f"{long} ", "instagram": None}, {"name": long, "instagram": "https://i.com/i"}
    )
    result = difference(match, state_after(match, sent=["name", "instagram"]))
    name, instagram = (each.message for each in result.warnings)
    assert f"“{'x' * 59}…”" in name
    assert long not in name
    assert "null was sent, but the portal shows “https://i.com/i”" in instagram
    assert [(each.declared, each.live) for each in result.not_taken] == [
        (f"{long} ", long),
        (None, "https://i.com/i"),
    ]


@pytest.mark.parametrize(
    ("name", "quoted"), [("x" * 59 + " ", "x" * 59 + " "), ("x" * 60 + " ", "x" * 59 + "…")]
)
def test_a_warning_truncates_values_to_sixty_characters(name, quoted):
    """A value of sixty characters is not truncated."""
    match = match_of({"name": name}, {"name": name.strip()})
    (warning,) = difference(match, state_after(match, sent=["name"])).warnings
    assert f"the portal shows “{quoted}” in its own form, “" in warning.message


def test_a_path_without_a_field_raises_an_error():
    """The portal's table has all fields, so an unknown path is a bug and is not ignored."""
    assert "phone" not in BY_NAME
    with pytest.raises(KeyError):
        difference(match_of({"phone": PHONE}, {}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["en", "ro"], "“en, ro”"),
        ([{"type": "brn", "value": "1"}, {"type": "fal", "value": "2"}], "“brn / 1, fal / 2”"),
        ({"ru": "Р", "en": "E"}, "“Р / E”"),
    ],
)
def test_a_list_in_a_sentence(value, text):
    """Its entries, and the values of a mapping."""
    assert in_words(value) == text
