"""Comparing with a recorded state: values that the portal alters, hides or shows late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.diff import SAME, diff
from reconciler.core.fields import digest
from reconciler.core.model import AgentState, FieldState, Match, PortalState, Unmet
from reconciler.portals.propertyfinder import table as propertyfinder

from .build import (
    BY_LANGUAGE,
    BY_NAME,
    EMPTY_STATE,
    OTHER_URL,
    URL,
    apply_values,
    changed_paths,
    difference,
    match_of,
    member,
    state_after,
    summary,
    user,
)

# -- unreadable values are sent once ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"avatar": URL}, {"avatar": {"id": 5}}),
        ({"description.ru": "Р"}, {"description": "Р"}),
        ({"description.ru": "Р"}, {"description": "E"}),
        (BY_LANGUAGE, {"description": "Р"}),
        (BY_LANGUAGE, {"description": "R"}),
    ],
)
def test_an_unreadable_value_is_sent_once(values, shown):
    """Without a record it is sent; with the record of it, the plan is empty and has no warning."""
    match, prior = apply_values(values, shown, before={"avatar": {"id": 1}, "description": "old"})
    assert changed_paths(match, EMPTY_STATE) == list(values)
    assert {change.kind for change in difference(match).changes} == {"unreadable"}
    again = difference(match, prior)
    assert (again.changes, again.warnings, again.not_taken) == ((), (), ())


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_another_unreadable_value_is_sent(path):
    """The record is of one value, not of the field."""
    old, new = (URL, OTHER_URL) if path == "avatar" else ("Р", "Новый")
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = apply_values({path: old}, shown, before={"avatar": None, "description": "x"})
    change = difference(match_of({path: new}, shown), prior).changes[0]
    assert (change.kind, change.attribution) == ("unreadable", "pending")


@pytest.mark.parametrize(
    ("value", "path", "other"),
    [(URL, "avatar", {"avatar": {"id": 6}}), ("Р", "description.ru", {"description": "Y"})],
)
def test_an_unreadable_value_that_the_portal_changed_is_drift(value, path, other):
    """The portal shows another value than after the apply, so this one is sent again, as drift."""
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = apply_values({path: value}, shown, before={"avatar": None, "description": "x"})
    changes = difference(match_of({path: value}, {**shown, **other}), prior).changes
    assert summary(changes) == [(path, "unreadable", "drift")]


def test_losing_the_record_resends_only_unreadable_values():
    """Values shown as declared are not sent; the others are, without attribution."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р", "settings.contact_viber": True}
    shown = {"name": "Ivan", "avatar": {"id": 5}, "description": "Р"}
    match, prior = apply_values(values, shown, before={"avatar": None})
    assert changed_paths(match, prior) == []
    assert summary(difference(match, EMPTY_STATE).changes) == [
        ("avatar", "unreadable", None),
        ("description.ru", "unreadable", None),
    ]


# -- values that the portal alters -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "declared", "old", "live_value"),
    [
        ("name", "Ivan ", "Petr", "Ivan"),
        ("instagram", None, "https://instagram.com/i", "https://instagram.com/i"),
        ("avatar", None, {"id": 5}, {"id": 5}),
        ("avatar", {"id": 9}, {"id": 5}, {"id": 5}),
        ("description", " X ", "old", "X"),
        ("settings.contact_viber", False, True, True),
    ],
)
def test_a_value_that_the_portal_alters_is_one_warning(path, declared, old, live_value):
    """A trimmed name, an ignored null: one warning, which names the field, and no change."""
    match, prior = apply_values({path: declared}, {path: live_value}, before={path: old})
    assert changed_paths(match, EMPTY_STATE) == [path]
    for _ in range(3):
        result = difference(match, prior)
        assert result.changes == ()
        assert len(result.warnings) == len(result.not_taken) == 1
        assert path in result.warnings[0].message
        assert result.not_taken[0].path == path
        prior = state_after(match, prior)


@pytest.mark.parametrize("shown", ["Р", "E"])
def test_an_altered_text_in_several_languages_is_one_warning(shown):
    """One string is shown for three languages: one warning for the field, and no change that would
    write one language's text into another."""
    values = {"description.ru": " Р ", "description.en": " E ", "description.ro": "R"}
    match, prior = apply_values(values, {"description": shown}, before={"description": "old"})
    result = difference(match, prior)
    assert result.changes == ()
    assert len(result.warnings) <= 1


@pytest.mark.parametrize(
    ("values", "shown", "unmet", "start"),
    [
        (
            {"description.ru": " Р ", "description.en": " E ", "description.ro": " R "},
            {"description": "Р"},
            ("description", {"ru": " Р ", "en": " E ", "ro": " R "}, "Р", True),
            "description: the portal shows “ Р  /  E  /  R ” in its own form, “Р”.",
        ),
        (
            {"description.ru": "Р"},
            {"description": ""},
            ("description", {"ru": "Р"}, ""),
            "description: “Р” was sent, but the portal shows “”.",
        ),
        (
            {"description.ru": " Р "},
            {"description.ru": "Р", "description.en": "E"},
            ("description.ru", " Р ", "Р", True),
            "description.ru: the portal shows “ Р ” in its own form, “Р”.",
        ),
        (
            {"avatar": None},
            {"avatar": {"id": 5}},
            ("avatar", None, {"id": 5}),
            "avatar: null was sent, but the portal shows picture 5.",
        ),
    ],
)
def test_an_altered_value_is_reported_in_the_shape_that_the_portal_shows(
    values, shown, unmet, start
):
    """A text shown as one string is reported whole, a text shown by language is reported by
    language; the warning says what to do, unless the portal shows a form of the value."""
    before = {"description": "old", "avatar": {"id": 4}}
    match, prior = apply_values(values, shown, before=before)
    result = difference(match, prior)
    assert result.changes == ()
    assert result.not_taken == (Unmet("rentix", "agent-001", match.desired.source, *unmet),)
    (warning,) = result.warnings
    assert warning.message.startswith(start)
    advice = "until the file or the portal changes; declare what the portal shows, or another"
    assert (advice in warning.message) is not result.not_taken[0].form


def test_an_altered_value_is_sent_again_once_the_portal_changes():
    """Sending is known to be useless only while the portal shows what it showed after the apply."""
    match, prior = apply_values({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    changed = match_of({"name": "Ivan "}, {"name": "Petr"})
    assert summary(difference(changed, prior).changes) == [("name", "different", "drift")]
    assert changed_paths(match, prior) == []


def test_a_value_shown_as_declared_ends_the_record_of_an_altered_one():
    """The name was trimmed, then someone fixed it: the trimmed name is drift now."""
    trimmed, prior = apply_values({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    prior = state_after(match_of({"name": "Ivan "}, {"name": "Ivan "}), prior)
    assert summary(difference(trimmed, prior).changes) == [("name", "different", "drift")]


def test_a_readable_value_that_was_not_verified_is_sent():
    """Only a picture may be recorded without what was shown afterwards."""
    half = PortalState(
        {"15": AgentState("agent-001", {"name": FieldState(digest(BY_NAME["name"], "Ivan"))})}
    )
    changes = difference(match_of({"name": "Ivan"}, {"name": "Petr"}), half).changes
    assert summary(changes) == [("name", "different", "pending")]


# -- late pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_that_is_imported_late_is_not_sent_again(earlier):
    """Neither while the old one is shown, nor when the new one arrives, nor later."""
    late, prior = apply_values(
        {"avatar": URL}, {"avatar": earlier}, before={"avatar": earlier, "name": "x"}
    )
    assert prior.agents["15"].fields["avatar"].shown is None
    assert changed_paths(late, prior) == []
    prior = state_after(late, prior)
    arrived = match_of({"avatar": URL}, {"avatar": {"id": 6}})
    assert changed_paths(arrived, prior) == []
    prior = state_after(arrived, prior)
    assert (changed_paths(arrived, prior), difference(arrived, prior).warnings) == ([], ())
    swapped = match_of({"avatar": URL}, {"avatar": {"id": 7}})
    assert summary(difference(swapped, prior).changes) == [("avatar", "unreadable", "drift")]


def test_a_picture_that_never_arrives_is_a_warning():
    """The portal shows none: the warning says that it may still arrive."""
    match, prior = apply_values({"avatar": URL}, {"avatar": None}, before={"name": "x"})
    (warning,) = difference(match, prior).warnings
    assert "may still be importing" in warning.message
    assert len(difference(match, prior).not_taken) == 1


def test_a_picture_that_does_not_replace_the_old_one_is_a_warning():
    """Until the portal shows another one."""
    match, prior = apply_values(
        {"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5, "variants": []}}
    )
    result = difference(match, prior)
    assert result.changes == ()
    (warning,) = result.warnings
    assert "may still be importing" in warning.message
    assert result.not_taken == (
        Unmet("rentix", "agent-001", match.desired.source, "avatar", URL, {"id": 5}, late=True),
    )
    assert difference(match_of({"avatar": URL}, {"avatar": {"id": 6}}), prior) is SAME


@pytest.mark.parametrize(("declared", "now"), [(None, {"id": 6}), ({"id": 9}, {"id": 6})])
def test_a_third_picture_is_not_a_late_one(declared, now):
    """Neither the former one nor the one sent: someone changed it, so it is sent again, also after
    an apply that did not change the agent."""
    late, prior = apply_values(
        {"avatar": declared}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}}
    )
    assert changed_paths(late, prior) == []
    third = match_of({"avatar": declared}, {"avatar": now})
    assert changed_paths(third, prior) == ["avatar"]
    assert changed_paths(third, state_after(third, prior)) == ["avatar"]


def test_the_portal_may_show_no_picture_during_an_import():
    """When the new one arrives it is neither a change nor drift; any other one later is drift."""
    match = match_of({"avatar": URL}, {"avatar": None})
    prior = state_after(match, before={"avatar": {"id": 5}}, sent=["avatar"])
    assert changed_paths(match, prior) == []
    arrived = match_of({"avatar": URL}, {"avatar": {"id": 6}})
    assert changed_paths(arrived, prior) == []
    later = state_after(arrived, prior)
    other = match_of({"avatar": URL}, {"avatar": {"id": 7}})
    assert summary(difference(other, later).changes) == [("avatar", "unreadable", "drift")]


def test_a_picture_that_a_portal_never_shows_is_sent_once():
    """It looks like one that never arrives, so it has that warning."""
    match = match_of({"avatar": URL}, {})
    bare = {path: value for path, value in match.live.values.items() if path != "avatar"}
    hidden = replace(match, live=replace(match.live, values=bare))
    assert changed_paths(hidden, EMPTY_STATE) == ["avatar"]
    again = difference(hidden, state_after(hidden, sent=["avatar"]))
    assert (again.changes, len(again.warnings)) == ((), 1)


# -- texts -----------------------------------------------------------------------------------------


def test_one_string_that_hides_languages_is_unreadable():
    """Three texts were applied and one is shown: declaring that one for all languages is sent."""
    _, prior = apply_values(BY_LANGUAGE, {"description": "Р"}, before={"description": "old"})
    whole = match_of({"description": "Р"}, {"description": "Р"})
    assert summary(difference(whole, prior).changes) == [("description", "unreadable", "pending")]
    sent = state_after(whole, prior, sent=["description"])
    assert changed_paths(whole, sent) == []
    assert changed_paths(whole, EMPTY_STATE) == []


def test_one_applied_string_counts_for_every_language():
    """The portal has the same text declared for one language; another text is a change."""
    _, prior = apply_values(
        {"description": "X"}, {"description": "X"}, before={"description": "old"}
    )
    assert changed_paths(match_of({"description.ru": "X"}, {"description": "X"}), prior) == []
    russian = match_of({"description.ru": "X"}, {"description": "X"})
    assert changed_paths(russian, state_after(russian, prior)) == []
    other = match_of({"description.ru": "X", "description.en": "Y"}, {"description": "X"})
    assert changed_paths(other, prior) == ["description.en"]


def test_one_string_changed_on_the_portal_counts_for_no_language():
    """The language is sent although the same text was applied."""
    _, prior = apply_values(
        {"description": "X"}, {"description": "X"}, before={"description": "old"}
    )
    russian = match_of({"description.ru": "X"}, {"description": "Y"})
    changes = difference(russian, prior).changes
    assert summary(changes) == [("description.ru", "unreadable", "drift")]


@pytest.mark.parametrize(("now", "attribution"), [("X", "pending"), ("Y", "drift")])
def test_one_applied_string_is_known_by_language(now, attribution):
    """A language that the file gives another text is pending, unless the portal shows another text
    since: then it is drift."""
    shown = dict.fromkeys(BY_LANGUAGE, "X")
    _, prior = apply_values({"description": "X"}, shown, before=dict.fromkeys(BY_LANGUAGE, "old"))
    russian = match_of({"description.ru": "Р"}, {**shown, "description.ru": now})
    changes = difference(russian, prior).changes
    assert summary(changes) == [("description.ru", "different", attribution)]


def test_languages_that_are_all_shown_hide_nothing():
    """Each is the declared string now, whatever was applied to one of them before."""
    texts = {"description.ru": "", "description.en": "X", "description.ro": "X"}
    _, prior = apply_values({"description.ru": "Р"}, texts, before=texts)
    whole = match_of({"description": "X"}, dict.fromkeys(BY_LANGUAGE, "X"))
    assert changed_paths(whole, prior) == []


def test_a_string_changed_on_the_portal_hides_no_recorded_language():
    """The portal shows another text than after the apply, so the recorded ones do not count."""
    _, prior = apply_values(BY_LANGUAGE, {"description": "Р"}, before={"description": "old"})
    assert changed_paths(match_of({"description": "Y"}, {"description": "Y"}), prior) == []


def test_equal_languages_hide_nothing():
    """They were applied with the text that is declared for all."""
    alike = dict.fromkeys(BY_LANGUAGE, "X")
    _, prior = apply_values(alike, {"description": "X"}, before={"description": "old"})
    assert changed_paths(match_of({"description": "X"}, {"description": "X"}), prior) == []


def test_a_value_that_a_portal_never_shows_is_sent_once():
    """A first name: what was sent is known while the portal shows nothing of it."""
    portal = Catalogue(
        "propertyfinder", propertyfinder.FIELDS, propertyfinder.IDENTIFIERS, Policy(())
    )
    match = Match(member("a", values={"firstName": "Ivan"}), user(1), "id")
    before = diff(match, EMPTY_STATE, portal)
    assert summary(before.changes) == [("firstName", "unreadable", None)]
    prior = state_after(match, sent=["firstName"], fields=propertyfinder.FIELDS)
    again = diff(match, prior, portal)
    assert (again.changes, again.warnings) == ((), ())
    other = replace(match, desired=member("a", values={"firstName": "Oleg"}))
    changes = diff(other, prior, portal).changes
    assert summary(changes) == [("firstName", "unreadable", "pending")]
