"""What was applied before, as evidence where the portal cannot say a value back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.diff import SAME, diff
from reconciler.core.fields import Verdict, digest
from reconciler.core.model import (
    AgentState,
    FieldState,
    Listing,
    Match,
    PortalState,
    Unmet,
)
from reconciler.core.state import (
    attribution,
    covers,
    field_state,
    former,
    judge,
    known,
)
from reconciler.portals.propertyfinder import table as propertyfinder

from .build import (
    BY_NAME,
    NOTHING,
    OTHER,
    PARTS,
    URL,
    applied,
    brief,
    difference,
    file,
    found,
    live,
    member,
    paths,
    recall,
    user,
)

# -- unreadable values are sent once ------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"avatar": URL}, {"avatar": {"id": 5}}),
        ({"description.ru": "Р"}, {"description": "Р"}),
        ({"description.ru": "Р"}, {"description": "E"}),
        (PARTS, {"description": "Р"}),
        (PARTS, {"description": "R"}),
    ],
)
def test_an_unreadable_value_is_sent_once(values, shown):
    """Without a record it is sent; with the record of that, the plan is empty and has no warning."""
    match, prior = applied(values, shown, before={"avatar": {"id": 1}, "description": "old"})
    assert paths(match, NOTHING) == list(values)
    assert {change.kind for change in difference(match).changes} == {"unreadable"}
    again = difference(match, prior)
    assert (again.changes, again.warnings, again.not_taken) == ((), (), ())


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_another_unreadable_value_is_sent(path):
    """The record is of one value, not of the field."""
    old, new = (URL, OTHER) if path == "avatar" else ("Р", "Новый")
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = applied({path: old}, shown, before={"avatar": None, "description": "x"})
    change = difference(found({path: new}, shown), prior).changes[0]
    assert (change.kind, change.attribution) == ("unreadable", "pending")


@pytest.mark.parametrize(
    ("value", "path", "other"),
    [(URL, "avatar", {"avatar": {"id": 6}}), ("Р", "description.ru", {"description": "Y"})],
)
def test_an_unreadable_value_that_the_portal_changed_is_drift(value, path, other):
    """The portal shows something else than after the apply, so the value is sent again, as drift."""
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = applied({path: value}, shown, before={"avatar": None, "description": "x"})
    changes = difference(found({path: value}, {**shown, **other}), prior).changes
    assert brief(changes) == [(path, "unreadable", "drift")]


def test_losing_the_record_resends_only_unreadable_values():
    """Values that the portal shows as declared are left alone; the rest is sent again, unattributed."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р", "settings.contact_viber": True}
    shown = {"name": "Ivan", "avatar": {"id": 5}, "description": "Р"}
    match, prior = applied(values, shown, before={"avatar": None})
    assert paths(match, prior) == []
    assert brief(difference(match, NOTHING).changes) == [
        ("avatar", "unreadable", None),
        ("description.ru", "unreadable", None),
    ]


# -- what the portal does not take --------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "want", "old", "have"),
    [
        ("name", "Ivan ", "Petr", "Ivan"),
        ("instagram", None, "https://instagram.com/i", "https://instagram.com/i"),
        ("avatar", None, {"id": 5}, {"id": 5}),
        ("avatar", {"id": 9}, {"id": 5}, {"id": 5}),
        ("description", " X ", "old", "X"),
        ("settings.contact_viber", False, True, True),
    ],
)
def test_a_value_that_the_portal_alters_is_one_warning(path, want, old, have):
    """A trimmed name, an ignored null: one warning, which names the field, and no change."""
    match, prior = applied({path: want}, {path: have}, before={path: old})
    assert paths(match, NOTHING) == [path]
    for _ in range(3):
        result = difference(match, prior)
        assert result.changes == ()
        assert len(result.warnings) == len(result.not_taken) == 1
        assert path in result.warnings[0].message
        assert result.not_taken[0].path == path
        prior = recall(match, prior)


@pytest.mark.parametrize("shown", ["Р", "E"])
def test_an_altered_text_in_several_languages_is_one_warning(shown):
    """One string is shown for three languages: one warning for the field, and no change that would
    write one language's text into another."""
    values = {"description.ru": " Р ", "description.en": " E ", "description.ro": "R"}
    match, prior = applied(values, {"description": shown}, before={"description": "old"})
    result = difference(match, prior)
    assert result.changes == ()
    assert len(result.warnings) <= 1


@pytest.mark.parametrize(
    ("values", "shown", "unmet", "start"),
    [
        (
            {"description.ru": " Р ", "description.en": " E ", "description.ro": " R "},
            {"description": "Р"},
            ("description", {"ru": " Р ", "en": " E ", "ro": " R "}, "Р"),
            "description: the portal was sent “ Р  /  E  /  R ” but shows “Р”.",
        ),
        (
            {"description.ru": "Р"},
            {"description": ""},
            ("description", {"ru": "Р"}, ""),
            "description: the portal was sent “Р” but shows “”.",
        ),
        (
            {"description.ru": " Р "},
            {"description.ru": "Р", "description.en": "E"},
            ("description.ru", " Р ", "Р"),
            "description.ru: the portal was sent “ Р ” but shows “Р”.",
        ),
        (
            {"avatar": None},
            {"avatar": {"id": 5}},
            ("avatar", None, {"id": 5}),
            "avatar: the portal was sent nothing but shows “5”.",
        ),
    ],
)
def test_an_altered_value_is_reported_in_the_shape_that_the_portal_shows(
    values, shown, unmet, start
):
    """A text shown as one string is reported whole, a text shown by language is reported by
    language; the warning says what to do."""
    before = {"description": "old", "avatar": {"id": 4}}
    match, prior = applied(values, shown, before=before)
    result = difference(match, prior)
    assert result.changes == ()
    assert result.not_taken == (Unmet("rentix", "agent-001", match.desired.source, *unmet),)
    (warning,) = result.warnings
    assert warning.message.startswith(start)
    assert "not sent again; declare what the portal shows, or another value." in warning.message


def test_an_altered_value_is_sent_again_once_the_portal_changes():
    """Sending is known to be useless only while the portal shows what it showed after the apply."""
    match, prior = applied({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    changed = found({"name": "Ivan "}, {"name": "Petr"})
    assert brief(difference(changed, prior).changes) == [("name", "different", "drift")]
    assert paths(match, prior) == []


def test_a_value_shown_as_declared_ends_the_record_of_an_altered_one():
    """The name was trimmed, then someone fixed it: the trimmed name is drift from then on."""
    trimmed, prior = applied({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    prior = recall(found({"name": "Ivan "}, {"name": "Ivan "}), prior)
    assert brief(difference(trimmed, prior).changes) == [("name", "different", "drift")]


def test_a_readable_value_that_was_not_verified_is_sent():
    """Only a picture may be recorded without what was shown afterwards."""
    half = PortalState(
        {"15": AgentState("agent-001", {"name": FieldState(digest(BY_NAME["name"], "Ivan"))})}
    )
    changes = difference(found({"name": "Ivan"}, {"name": "Petr"}), half).changes
    assert brief(changes) == [("name", "different", "pending")]


# -- late pictures ------------------------------------------------------------------------------


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_that_is_imported_late_is_not_sent_again(earlier):
    """Neither while the old one is shown, nor when the new one arrives, nor later."""
    late, prior = applied(
        {"avatar": URL}, {"avatar": earlier}, before={"avatar": earlier, "name": "x"}
    )
    assert prior.agents["15"].fields["avatar"].shown is None
    assert paths(late, prior) == []
    prior = recall(late, prior)
    come = found({"avatar": URL}, {"avatar": {"id": 6}})
    assert paths(come, prior) == []
    prior = recall(come, prior)
    assert (paths(come, prior), difference(come, prior).warnings) == ([], ())
    swapped = found({"avatar": URL}, {"avatar": {"id": 7}})
    assert brief(difference(swapped, prior).changes) == [("avatar", "unreadable", "drift")]


def test_a_picture_that_never_arrives_is_a_warning():
    """The portal shows none: the warning says that it may still arrive."""
    match, prior = applied({"avatar": URL}, {"avatar": None}, before={"name": "x"})
    (warning,) = difference(match, prior).warnings
    assert "may still be importing" in warning.message
    assert len(difference(match, prior).not_taken) == 1


def test_a_picture_that_does_not_replace_the_old_one_is_a_warning():
    """Until the portal shows another one."""
    match, prior = applied(
        {"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5, "variants": []}}
    )
    result = difference(match, prior)
    assert result.changes == ()
    (warning,) = result.warnings
    assert "may still be importing" in warning.message
    assert result.not_taken == (
        Unmet("rentix", "agent-001", match.desired.source, "avatar", URL, {"id": 5}),
    )
    assert difference(found({"avatar": URL}, {"avatar": {"id": 6}}), prior) is SAME


@pytest.mark.parametrize(("want", "now"), [(None, {"id": 6}), ({"id": 9}, {"id": 6})])
def test_a_third_picture_is_not_a_late_one(want, now):
    """Neither the former one nor the one that was sent: someone changed it, so it is sent again, also
    after an apply that left the agent alone."""
    late, prior = applied({"avatar": want}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    assert paths(late, prior) == []
    third = found({"avatar": want}, {"avatar": now})
    assert paths(third, prior) == ["avatar"]
    assert paths(third, recall(third, prior)) == ["avatar"]


def test_the_portal_may_show_no_picture_during_an_import():
    """When the new one arrives it is neither a change nor drift; any other one later is drift."""
    match = found({"avatar": URL}, {"avatar": None})
    prior = recall(match, before={"avatar": {"id": 5}}, sent=["avatar"])
    assert paths(match, prior) == []
    come = found({"avatar": URL}, {"avatar": {"id": 6}})
    assert paths(come, prior) == []
    known_now = recall(come, prior)
    other = found({"avatar": URL}, {"avatar": {"id": 7}})
    assert brief(difference(other, known_now).changes) == [("avatar", "unreadable", "drift")]


def test_a_picture_that_a_portal_never_shows_is_sent_once():
    """It looks like one that never arrives, so it has that warning."""
    match = found({"avatar": URL}, {})
    bare = {path: value for path, value in match.live.values.items() if path != "avatar"}
    hidden = replace(match, live=replace(match.live, values=bare))
    assert paths(hidden, NOTHING) == ["avatar"]
    again = difference(hidden, recall(hidden, sent=["avatar"]))
    assert (again.changes, len(again.warnings)) == ((), 1)


# -- texts --------------------------------------------------------------------------------------


def test_one_string_that_hides_languages_is_unreadable():
    """Three texts were applied and one is shown: declaring that one for all languages is sent."""
    _, prior = applied(PARTS, {"description": "Р"}, before={"description": "old"})
    whole = found({"description": "Р"}, {"description": "Р"})
    assert brief(difference(whole, prior).changes) == [("description", "unreadable", "pending")]
    sent = recall(whole, prior, sent=["description"])
    assert paths(whole, sent) == []
    assert paths(whole, NOTHING) == []


def test_one_applied_string_counts_for_every_language():
    """The portal has the same text declared for one language; another text is a change."""
    _, prior = applied({"description": "X"}, {"description": "X"}, before={"description": "old"})
    assert paths(found({"description.ru": "X"}, {"description": "X"}), prior) == []
    russian = found({"description.ru": "X"}, {"description": "X"})
    assert paths(russian, recall(russian, prior)) == []
    other = found({"description.ru": "X", "description.en": "Y"}, {"description": "X"})
    assert paths(other, prior) == ["description.en"]


def test_one_string_changed_on_the_portal_counts_for_no_language():
    """The language is sent although the same text was applied."""
    _, prior = applied({"description": "X"}, {"description": "X"}, before={"description": "old"})
    russian = found({"description.ru": "X"}, {"description": "Y"})
    changes = difference(russian, prior).changes
    assert brief(changes) == [("description.ru", "unreadable", "drift")]


@pytest.mark.parametrize(("now", "whose"), [("X", "pending"), ("Y", "drift")])
def test_one_applied_string_is_known_by_language(now, whose):
    """A language that the file gives another text is pending, unless the portal shows another text
    since: then it is drift."""
    shown = dict.fromkeys(PARTS, "X")
    _, prior = applied({"description": "X"}, shown, before=dict.fromkeys(PARTS, "old"))
    russian = found({"description.ru": "Р"}, {**shown, "description.ru": now})
    changes = difference(russian, prior).changes
    assert brief(changes) == [("description.ru", "different", whose)]


def test_languages_that_are_all_shown_hide_nothing():
    """Each is the declared string now, whatever was applied to one of them before."""
    texts = {"description.ru": "", "description.en": "X", "description.ro": "X"}
    _, prior = applied({"description.ru": "Р"}, texts, before=texts)
    whole = found({"description": "X"}, dict.fromkeys(PARTS, "X"))
    assert paths(whole, prior) == []


def test_a_string_changed_on_the_portal_hides_no_recorded_language():
    """The portal shows another text than after the apply, so the recorded languages prove nothing."""
    _, prior = applied(PARTS, {"description": "Р"}, before={"description": "old"})
    assert paths(found({"description": "Y"}, {"description": "Y"}), prior) == []


def test_equal_languages_hide_nothing():
    """They were applied with the very text that is declared for all."""
    alike = dict.fromkeys(PARTS, "X")
    _, prior = applied(alike, {"description": "X"}, before={"description": "old"})
    assert paths(found({"description": "X"}, {"description": "X"}), prior) == []


def test_judge_compares_where_nothing_is_hidden():
    """For other fields, other paths and without a record, the verdict is that of the comparison."""
    match, prior = applied(PARTS, {"description": "Р"}, before={"description": "old"})
    recorded = prior.agents["15"]
    agent = match.live
    text = BY_NAME["description"]
    ours = file("agent-001", {"name": "Ivan", "description": "Y", "description.ru": "Р"})
    assert judge(BY_NAME["name"], "name", ours, agent, recorded) is Verdict.DIFFERENT
    assert judge(text, "description", ours, agent, recorded) is Verdict.DIFFERENT
    assert judge(text, "description.ru", ours, agent, recorded) is Verdict.UNREADABLE
    same = file("agent-001", {"description": "Р"})
    assert judge(text, "description", same, agent, None) is Verdict.SAME
    assert judge(text, "description", same, agent, recorded) is Verdict.UNREADABLE


# -- whose change -------------------------------------------------------------------------------


def test_without_a_record_a_difference_is_not_attributed():
    """It is neither pending nor drift."""
    agent = live(15, "agent-001", {"name": "Petr"})
    assert attribution(BY_NAME["name"], "name", agent, NOTHING, None) is None


def test_a_difference_is_drift_if_the_portal_changed():
    """Only the file changed: pending. The portal changed, or both did: drift."""
    _, prior = applied({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    edited = found({"name": "Oleg"}, {"name": "Ivan"})
    assert brief(difference(edited, prior).changes) == [("name", "different", "pending")]
    both = found({"name": "Oleg"}, {"name": "Petr"})
    assert brief(difference(both, prior).changes) == [("name", "different", "drift")]


def test_a_value_that_was_never_applied_is_pending():
    """A new file, or a new key in an existing one."""
    _, prior = applied({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    key = found({"tiktok": "https://tiktok.com/@i"}, {})
    assert brief(difference(key, prior).changes) == [("tiktok", "different", "pending")]
    agent = found({"name": "Olga"}, {"name": "O"}, key="agent-002", number=16)
    assert brief(difference(agent, prior).changes) == [("name", "different", "pending")]


def test_a_late_picture_is_pending():
    """No one can have changed a picture that the portal has not shown yet."""
    _, prior = applied({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    changed = found({"avatar": OTHER}, {"avatar": {"id": 5}})
    assert brief(difference(changed, prior).changes) == [("avatar", "unreadable", "pending")]


def test_the_record_of_a_language_is_its_own_or_that_of_the_whole_text():
    """Its own first; that of the one string counts only while the portal shows what it showed then."""
    text = BY_NAME["description"]
    live = found({}, {"description": "X"}).live
    shows = digest(text, "X")
    own, whole = FieldState("1"), FieldState("2", shows)
    recorded = AgentState("a", {"description.ru": own, "description": whole})
    assert field_state(text, "description.ru", live, recorded) is own
    assert field_state(text, "description.en", live, recorded) == whole
    changed = found({}, {"description": "Y"}).live
    assert field_state(text, "description.en", changed, recorded).shown not in (
        shows,
        digest(text, "Y"),
    )
    assert field_state(BY_NAME["name"], "name", live, recorded) is None
    assert field_state(BY_NAME["name"], "name", live, None) is None


def test_a_record_counts_only_while_the_portal_shows_the_same():
    """As after the apply."""
    field, agent = BY_NAME["name"], live(1, "a", {"name": "Ivan"})
    seen = FieldState(digest(field, "Ivan "), digest(field, "Ivan"))
    assert known(field, "name", agent, seen)
    assert not known(field, "name", live(1, "a", {"name": "Petr"}), seen)
    assert not known(field, "name", agent, None)
    assert covers(field, "name", "Ivan ", agent, seen, Verdict.DIFFERENT)
    assert not covers(field, "name", "Oleg", agent, seen, Verdict.DIFFERENT)
    assert not covers(field, "name", "Ivan ", agent, None, Verdict.DIFFERENT)


def formers(prior, *users):
    """Live ids by the key that the memory knows them under."""
    found = former(prior, Listing(users))
    return {key: [each.id for each in agents] for key, agents in found.items()}


def test_former_agents_are_found_by_id():
    """Under the key of then; an agent that was never applied, or is gone, is not found."""
    prior = PortalState({"1": AgentState("a", {}), "3": AgentState("c", {})})
    assert formers(prior, user(1), user(2)) == {"a": [1]}
    assert formers(NOTHING, user(1)) == {}


def test_an_agent_with_another_alias_is_not_the_former_one():
    """The same id with another alias is someone else; no alias proves nothing."""
    prior = PortalState({"1": AgentState("a", {}, {"publicProfileId": 9})})
    assert formers(prior, user(1, profile=8)) == {}
    assert formers(prior, user(1, profile=9)) == {"a": [1]}
    assert formers(prior, user(1)) == {"a": [1]}


def test_former_agents_are_found_by_alias():
    """The portal may list an agent under another id; the name of the alias counts too."""
    recorded = AgentState("a", {}, {"publicProfileId": 9})
    prior = PortalState({"1": recorded})
    assert formers(prior, user(7, profile=9)) == {"a": [7]}
    assert formers(prior, user(7, profile=8), user(8)) == {}
    other = replace(user(7), aliases={"otherId": 9})
    assert formers(prior, other) == {}


def test_an_id_precedes_an_alias():
    """If both are recorded for different keys, the id decides."""
    prior = PortalState(
        {"1": AgentState("a", {}, {"publicProfileId": 9}), "2": AgentState("b", {}, {})}
    )
    assert formers(prior, user(2, profile=9)) == {"b": [2]}


def test_several_agents_can_be_the_former_ones_of_a_key():
    """The file pinned one and then another."""
    prior = PortalState(
        {"1": AgentState("a", {}), "2": AgentState("a", {}, {"publicProfileId": 9})}
    )
    assert formers(prior, user(1), user(2), user(3, profile=9)) == {"a": [1, 2, 3]}


def test_a_value_that_a_portal_never_shows_is_sent_once():
    """A first name: what was sent is known while the portal shows nothing of it."""
    portal = Catalogue(
        "propertyfinder", propertyfinder.FIELDS, propertyfinder.IDENTIFIERS, Policy(())
    )
    match = Match(member("a", values={"firstName": "Ivan"}), user(1), "id")
    before = diff(match, NOTHING, portal)
    assert brief(before.changes) == [("firstName", "unreadable", None)]
    prior = recall(match, sent=["firstName"], fields=propertyfinder.FIELDS)
    again = diff(match, prior, portal)
    assert (again.changes, again.warnings) == ((), ())
    other = replace(match, desired=member("a", values={"firstName": "Oleg"}))
    changes = diff(other, prior, portal).changes
    assert brief(changes) == [("firstName", "unreadable", "pending")]
