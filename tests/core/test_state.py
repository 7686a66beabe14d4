"""What was applied before, as evidence where the portal cannot say a value back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import SAME, diff
from reconciler.core.fields import Verdict, digest, parent
from reconciler.core.model import (
    AgentState,
    FieldState,
    Listing,
    Match,
    Operation,
    PortalState,
    Unmet,
)
from reconciler.core.state import (
    attribution,
    covers,
    former,
    judge,
    known,
    trace,
    was_refused,
)
from reconciler.core.verify import Evidence, update_state
from reconciler.portals import propertyfinder

from .build import (
    BY_NAME,
    NOTHING,
    brief,
    difference,
    file,
    found,
    live,
    member,
    recall,
    user,
)

URL = {"url": "https://agency.example/ivan.jpg"}
OTHER = {"url": "https://agency.example/new.jpg"}
PARTS = {"description.ru": "Р", "description.en": "E", "description.ro": "R"}


def settled(values, shown, *, before=None, sent=None):
    """The match and the memory after an apply sent these values and the portal shows `shown`."""
    match = found(values, shown)
    return match, recall(match, before=before, sent=values if sent is None else sent)


def paths(match, prior, **options):
    """The paths that a plan would change."""
    return [change.path for change in difference(match, prior, **options).changes]


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
def test_what_cannot_be_compared_is_sent_once_and_not_again(values, shown):
    """Without a memory it is sent; with the memory of that, the plan is empty and silent."""
    match, prior = settled(values, shown, before={"avatar": {"id": 1}, "description": "old"})
    assert paths(match, NOTHING) == list(values)
    assert {change.kind for change in difference(match).changes} == {"unreadable"}
    again = difference(match, prior)
    assert (again.changes, again.warnings, again.untaken) == ((), (), ())


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_another_unreadable_value_in_the_file_is_sent(path):
    """The memory is of one value, not of the field."""
    old, new = (URL, OTHER) if path == "avatar" else ("Р", "Новый")
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = settled({path: old}, shown, before={"avatar": None, "description": "x"})
    change = difference(found({path: new}, shown), prior).changes[0]
    assert (change.kind, change.attribution) == ("unreadable", "pending")


@pytest.mark.parametrize(
    ("value", "path", "other"),
    [(URL, "avatar", {"avatar": {"id": 6}}), ("Р", "description.ru", {"description": "Y"})],
)
def test_an_unreadable_value_that_the_portal_changed_is_drift(value, path, other):
    """It shows something else than after the apply, so it is sent again, as drift."""
    shown = {"avatar": {"id": 5}, "description": "E"}
    _, prior = settled({path: value}, shown, before={"avatar": None, "description": "x"})
    changes = difference(found({path: value}, {**shown, **other}), prior).changes
    assert brief(changes) == [(path, "unreadable", "drift")]


def test_losing_the_memory_sends_only_what_cannot_be_compared():
    """Whatever can be seen to be right is left alone; the rest is sent once more, as nobody's."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р", "settings.contact_viber": True}
    shown = {"name": "Ivan", "avatar": {"id": 5}, "description": "Р"}
    match, prior = settled(values, shown, before={"avatar": None})
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
def test_what_the_portal_does_not_take_ends_as_one_warning(path, want, old, have):
    """A trimmed name, an ignored null: one warning that names field and place, and no change."""
    match, prior = settled({path: want}, {path: have}, before={path: old})
    assert paths(match, NOTHING) == [path]
    for _ in range(3):
        result = difference(match, prior)
        assert result.changes == ()
        assert len(result.warnings) == len(result.untaken) == 1
        assert path in result.warnings[0].message
        assert result.untaken[0].path == path
        prior = recall(match, prior)


@pytest.mark.parametrize("shown", ["Р", "E"])
def test_a_trimmed_text_in_languages_is_one_warning(shown):
    """One string is shown for three languages: a reader is told once, of the field, and never
    to write one language's text into another."""
    values = {"description.ru": " Р ", "description.en": " E ", "description.ro": "R"}
    match, prior = settled(values, {"description": shown}, before={"description": "old"})
    result = difference(match, prior)
    assert result.changes == ()
    assert len(result.warnings) <= 1


@pytest.mark.parametrize(
    ("values", "shown", "unmet", "said"),
    [
        (
            {"description.ru": " Р ", "description.en": " E ", "description.ro": " R "},
            {"description": "Р"},
            ("description", {"ru": " Р ", "en": " E ", "ro": " R "}, "Р"),
            "description: the portal was given “ Р  /  E  /  R ” and shows “Р”.",
        ),
        (
            {"description.ru": "Р"},
            {"description": ""},
            ("description", {"ru": "Р"}, ""),
            "description: the portal was given “Р” and shows “”.",
        ),
        (
            {"description.ru": " Р "},
            {"description.ru": "Р", "description.en": "E"},
            ("description.ru", " Р ", "Р"),
            "description.ru: the portal was given “ Р ” and shows “Р”.",
        ),
        (
            {"avatar": None},
            {"avatar": {"id": 5}},
            ("avatar", None, {"id": 5}),
            "avatar: the portal was given nothing and shows “5”.",
        ),
    ],
)
def test_what_was_not_taken_is_told_as_the_portal_shows_it(values, shown, unmet, said):
    """Of a text that is shown in one string the whole of what is declared, of one that is shown by
    language that language; and what can be done about it."""
    before = {"description": "old", "avatar": {"id": 4}}
    match, prior = settled(values, shown, before=before)
    result = difference(match, prior)
    assert result.changes == ()
    assert result.untaken == (Unmet("rentix", "agent-001", match.desired.source, *unmet),)
    (warning,) = result.warnings
    assert warning.message == (
        f"{said} It is not sent again; declare what the portal shows, or another value. If "
        f"somebody changed it there right after the apply, change it back there."
    )


def test_what_was_not_taken_is_sent_again_once_the_portal_changes():
    """Only while it shows what it showed after the apply is it known that sending is no use."""
    match, prior = settled({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    changed = found({"name": "Ivan "}, {"name": "Petr"})
    assert brief(difference(changed, prior).changes) == [("name", "different", "drift")]
    assert paths(match, prior) == []


def test_what_the_portal_took_at_last_is_sent_again_when_it_is_lost():
    """It was trimmed, and then somebody mended it: to show the trimmed one again is drift."""
    trimmed, prior = settled({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    prior = recall(found({"name": "Ivan "}, {"name": "Ivan "}), prior)
    assert brief(difference(trimmed, prior).changes) == [("name", "different", "drift")]


def test_a_readable_value_of_which_nothing_was_seen_is_sent():
    """A memory without what was shown afterwards excuses nothing but a picture."""
    half = PortalState(
        {"15": AgentState("agent-001", {"name": FieldState(digest(BY_NAME["name"], "Ivan"))})}
    )
    changes = difference(found({"name": "Ivan"}, {"name": "Petr"}), half).changes
    assert brief(changes) == [("name", "different", "pending")]


def test_the_same_ends_every_doubt():
    """What the portal shows as declared is remembered as applied, whoever did it."""
    match = found({"name": "Ivan"}, {"name": "Ivan"})
    prior = recall(match)
    assert prior.agents["15"].key == "agent-001"
    assert brief(difference(found({"name": "Ivan"}, {"name": "Petr"}), prior).changes) == [
        ("name", "different", "drift")
    ]


# -- late pictures ------------------------------------------------------------------------------


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_that_is_imported_late_is_not_sent_again(earlier):
    """While the old one is shown, and when the new one comes, and ever after."""
    late, prior = settled(
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


def test_a_picture_that_never_comes_is_a_warning():
    """The portal shows none: the reader is told that it may still come, and what to check."""
    match, prior = settled({"avatar": URL}, {"avatar": None}, before={"name": "x"})
    (warning,) = difference(match, prior).warnings
    assert "may still be importing" in warning.message
    assert len(difference(match, prior).untaken) == 1


def test_a_picture_that_does_not_replace_the_old_one_is_a_warning_until_it_does():
    """The portal still shows the one before: told. Once it shows another one, that is it."""
    match, prior = settled(
        {"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5, "variants": []}}
    )
    result = difference(match, prior)
    assert result.changes == ()
    (warning,) = result.warnings
    assert "may still be importing" in warning.message
    assert result.untaken == (
        Unmet("rentix", "agent-001", match.desired.source, "avatar", URL, {"id": 5}),
    )
    assert difference(found({"avatar": URL}, {"avatar": {"id": 6}}), prior) is SAME


@pytest.mark.parametrize(("want", "now"), [(None, {"id": 6}), ({"id": 9}, {"id": 6})])
def test_a_third_picture_is_not_a_late_one(want, now):
    """Neither the one that was there nor the one that was sent: somebody changed it since, so
    it is sent again, also after an apply that left the agent alone."""
    late, prior = settled({"avatar": want}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    assert paths(late, prior) == []
    third = found({"avatar": want}, {"avatar": now})
    assert paths(third, prior) == ["avatar"]
    assert paths(third, recall(third, prior)) == ["avatar"]


def test_a_picture_that_replaces_another_may_leave_none_for_a_while():
    """While it is imported the portal shows no picture; when it has come, it is neither a change
    nor drift, and another one after that is."""
    match = found({"avatar": URL}, {"avatar": None})
    prior = recall(match, before={"avatar": {"id": 5}}, sent=["avatar"])
    assert paths(match, prior) == []
    come = found({"avatar": URL}, {"avatar": {"id": 6}})
    assert paths(come, prior) == []
    known_now = recall(come, prior)
    other = found({"avatar": URL}, {"avatar": {"id": 7}})
    assert brief(difference(other, known_now).changes) == [("avatar", "unreadable", "drift")]


def test_a_picture_of_a_new_agent_may_be_late_too():
    """Nothing was shown before of an agent who was created."""
    match = found({"avatar": URL}, {"avatar": None})
    prior = update_state(
        NOTHING,
        Evidence(
            [match], sent={"15": frozenset(["avatar"])}, before={}, after={}, removed={}, refused={}
        ),
        BY_NAME,
    )
    assert prior.agents["15"].fields["avatar"].shown is None
    assert paths(match, prior) == []


def test_a_picture_of_which_a_portal_shows_nothing_at_all_is_sent_once():
    """It looks as one that is never imported, so its reader is told that."""
    match = found({"avatar": URL}, {})
    bare = {path: value for path, value in match.live.values.items() if path != "avatar"}
    hidden = replace(match, live=replace(match.live, values=bare))
    assert paths(hidden, NOTHING) == ["avatar"]
    again = difference(hidden, recall(hidden, sent=["avatar"]))
    assert (again.changes, len(again.warnings)) == ((), 1)


def test_a_picture_that_came_at_once_is_known():
    """It is not the one before, so it is the one that was sent."""
    _, prior = settled({"avatar": URL}, {"avatar": {"id": 6}}, before={"avatar": {"id": 5}})
    field = BY_NAME["avatar"]
    kept = prior.agents["15"].fields["avatar"]
    assert kept == FieldState(digest(field, URL), digest(field, {"id": 6}), URL)


def test_a_picture_by_id_that_was_there_is_not_late():
    """Sent once more and shown as declared: nothing is to be waited for."""
    _, prior = settled({"avatar": {"id": 5}}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    assert prior.agents["15"].fields["avatar"].shown is not None


# -- texts --------------------------------------------------------------------------------------


def test_one_string_that_hides_languages_is_no_proof():
    """Three texts were applied and one is shown: declaring that one for all has to be sent."""
    _, prior = settled(PARTS, {"description": "Р"}, before={"description": "old"})
    whole = found({"description": "Р"}, {"description": "Р"})
    assert brief(difference(whole, prior).changes) == [("description", "unreadable", "pending")]
    sent = recall(whole, prior, sent=["description"])
    assert paths(whole, sent) == []
    assert paths(whole, NOTHING) == []


@pytest.mark.parametrize("declared", [{"description": "Р"}, {"description": "Р", "name": "Ivan"}])
def test_a_string_that_hides_languages_is_sent_even_after_a_failure(declared):
    """The update failed, so the other languages are still there: the next plan sends it again."""
    _, prior = settled(PARTS, {"description": "Р"}, before={"description": "old"})
    whole = found(declared, {"description": "Р", "name": "Ivan"})
    failed = recall(whole, prior, sent=[])
    assert "description" in paths(whole, failed)


def test_a_language_that_failed_brings_back_no_old_evidence_of_another():
    """One language came to be as declared, another failed: each is remembered as it is now."""
    english = found({"description.en": "E1"}, {"description.en": "E1", "description.ru": "Y"})
    both = {"description.en": "E2", "description.ru": "Р"}
    shown = {"description.en": "E2", "description.ru": "Y"}
    prior = recall(found(both, shown), recall(english))
    edited = found({"description.en": "E3"}, shown)
    assert brief(difference(edited, prior).changes) == [("description.en", "different", "pending")]


def test_one_string_that_was_applied_stands_for_every_language():
    """The same text declared for one language now is there already; another text is a change."""
    _, prior = settled({"description": "X"}, {"description": "X"}, before={"description": "old"})
    assert paths(found({"description.ru": "X"}, {"description": "X"}), prior) == []
    russian = found({"description.ru": "X"}, {"description": "X"})
    assert paths(russian, recall(russian, prior)) == []
    other = found({"description.ru": "X", "description.en": "Y"}, {"description": "X"})
    assert paths(other, prior) == ["description.en"]


def test_one_string_that_the_portal_changed_stands_for_no_language():
    """What is shown now is somebody's, so the language is sent though the same was applied."""
    _, prior = settled({"description": "X"}, {"description": "X"}, before={"description": "old"})
    russian = found({"description.ru": "X"}, {"description": "Y"})
    changes = difference(russian, prior).changes
    assert brief(changes) == [("description.ru", "unreadable", "drift")]


@pytest.mark.parametrize(("now", "whose"), [("X", "pending"), ("Y", "drift")])
def test_one_string_that_is_shown_by_language_is_known_by_language(now, whose):
    """The string was applied and each language shows it: a language that the file gives another
    text is the file's change, unless the portal shows another one since."""
    shown = dict.fromkeys(PARTS, "X")
    _, prior = settled({"description": "X"}, shown, before=dict.fromkeys(PARTS, "old"))
    russian = found({"description.ru": "Р"}, {**shown, "description.ru": now})
    changes = difference(russian, prior).changes
    assert brief(changes) == [("description.ru", "different", whose)]


def test_languages_that_are_all_shown_hide_nothing():
    """Each is the declared string now, whatever was applied to one of them before."""
    texts = {"description.ru": "", "description.en": "X", "description.ro": "X"}
    _, prior = settled({"description.ru": "Р"}, texts, before=texts)
    whole = found({"description": "X"}, dict.fromkeys(PARTS, "X"))
    assert paths(whole, prior) == []


def test_a_string_that_the_portal_changed_hides_nothing_known():
    """It shows another text than after the apply, so the remembered languages prove nothing."""
    _, prior = settled(PARTS, {"description": "Р"}, before={"description": "old"})
    assert paths(found({"description": "Y"}, {"description": "Y"}), prior) == []


def test_an_equal_string_over_equal_languages_is_the_same():
    """Languages that were applied with this very text hide nothing."""
    alike = dict.fromkeys(PARTS, "X")
    _, prior = settled(alike, {"description": "X"}, before={"description": "old"})
    assert paths(found({"description": "X"}, {"description": "X"}), prior) == []


def test_judging_is_comparing_where_nothing_is_hidden():
    """For other fields, other paths and without a memory the verdict is the comparison's."""
    match, prior = settled(PARTS, {"description": "Р"}, before={"description": "old"})
    kept = prior.agents["15"]
    agent = match.live
    text = BY_NAME["description"]
    ours = file("agent-001", {"name": "Ivan", "description": "Y", "description.ru": "Р"})
    assert judge(BY_NAME["name"], "name", ours, agent, kept) is Verdict.DIFFERENT
    assert judge(text, "description", ours, agent, kept) is Verdict.DIFFERENT
    assert judge(text, "description.ru", ours, agent, kept) is Verdict.UNREADABLE
    same = file("agent-001", {"description": "Р"})
    assert judge(text, "description", same, agent, None) is Verdict.SAME
    assert judge(text, "description", same, agent, kept) is Verdict.UNREADABLE


# -- whose change -------------------------------------------------------------------------------


def test_without_a_memory_nobody_is_blamed():
    """Where nothing at all is remembered, a difference is neither pending nor drift."""
    agent = live(15, "agent-001", {"name": "Petr"})
    assert attribution(BY_NAME["name"], "name", agent, NOTHING, None) is None


def test_a_difference_is_pending_or_drift_by_what_the_portal_showed():
    """The file changed: pending. The portal changed, or both did: drift."""
    _, prior = settled({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    edited = found({"name": "Oleg"}, {"name": "Ivan"})
    assert brief(difference(edited, prior).changes) == [("name", "different", "pending")]
    both = found({"name": "Oleg"}, {"name": "Petr"})
    assert brief(difference(both, prior).changes) == [("name", "different", "drift")]


def test_what_was_never_applied_is_pending():
    """A new file, or a new key in an old one, beside others that are remembered."""
    _, prior = settled({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    key = found({"tiktok": "https://tiktok.com/@i"}, {})
    assert brief(difference(key, prior).changes) == [("tiktok", "different", "pending")]
    agent = found({"name": "Olga"}, {"name": "O"}, key="agent-002", number=16)
    assert brief(difference(agent, prior).changes) == [("name", "different", "pending")]


def test_a_late_picture_is_pending():
    """What was not seen yet cannot have been changed by somebody."""
    _, prior = settled({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    changed = found({"avatar": OTHER}, {"avatar": {"id": 5}})
    assert brief(difference(changed, prior).changes) == [("avatar", "unreadable", "pending")]


# -- remembering --------------------------------------------------------------------------------


def test_a_failed_value_is_not_remembered_as_applied():
    """Neither sent nor shown: the next plan has it again, and as the same person's change."""
    match = found({"name": "Ivan", "avatar": URL}, {"name": "Petr", "avatar": {"id": 5}})
    prior = recall(match, sent=[])
    assert prior.agents["15"].fields == {}
    assert paths(match, prior) == ["name", "avatar"]


def test_a_failed_value_keeps_what_was_applied_before():
    """The old evidence stays, so that drift of the old value is still told from the new one."""
    _, prior = settled({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    failed = recall(found({"name": "Oleg"}, {"name": "Ivan"}), prior)
    assert failed.agents["15"].fields == prior.agents["15"].fields


def test_drift_is_not_taken_for_applied():
    """An apply that leaves the agent out keeps the evidence against the portal's new value."""
    _, prior = settled({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    drifted = found({"avatar": URL}, {"avatar": {"id": 6}})
    assert recall(drifted, prior) == prior
    assert paths(drifted, recall(drifted, prior)) == ["avatar"]


def test_only_what_cannot_be_said_back_is_kept_in_full():
    """Addresses of pictures and texts are kept as they are, all else as a digest."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р"}
    _, prior = settled(values, {"name": "Ivan"}, before={"name": "x"})
    kept = prior.agents["15"].fields
    assert {path: each.value for path, each in kept.items()} == {
        "name": None,
        "avatar": URL,
        "description.ru": "Р",
    }


def test_what_the_file_no_longer_declares_is_forgotten():
    """A key that was taken out of the file is not ours any more."""
    _, prior = settled({"name": "Ivan", "tiktok": None}, {"name": "Ivan"}, before={"name": "x"})
    assert list(recall(found({"name": "Ivan"}, {}), prior).agents["15"].fields) == ["name"]


def unlinked(number, external):
    """What takes an agent's external id off, whom no file declares."""
    return Operation(f"unlink:{number}", "unlink", "rentix", external, None, number, external)


def deactivated(number):
    """What takes an agent off by a value."""
    verb = "deactivate"
    return Operation(f"{verb}:{number}", verb, "x", "b", None, number, values={"name": "off"})


def keys_of(prior):
    """Who is remembered as whom."""
    return {number: each.key for number, each in prior.agents.items()}


OLD = PortalState({"1": AgentState("a", {}), "2": AgentState("b", {})})


@pytest.mark.parametrize("others", [[], [live(2)], [live(2, "c")]], ids=["gone", "none", "another"])
def test_others_stay_remembered_and_who_was_unlinked_is_forgotten(others):
    """An apply of some agents leaves the memory of the others; who was unlinked is not ours."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, others=others)
    assert keys_of(prior) == {"1": "a", "15": "agent-001"}


def test_who_still_has_the_external_id_is_remembered():
    """The portal said that it took it off, and shows it all the same."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, others=[live(2, "b")])
    assert keys_of(prior)["2"] == "b"


def test_whom_the_portal_did_not_take_off_is_remembered_with_what_it_was_told():
    """So that the next plan says so, and does not say it again and again to the portal."""
    on, off = (live(2, None, {"name": name}) for name in ("on", "off"))
    prior = recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[on])
    field = BY_NAME["name"]
    assert prior.agents["2"].fields == {
        "name": FieldState(digest(field, "off"), digest(field, "on"))
    }
    assert "2" not in recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[off]).agents


def test_who_does_not_show_what_was_to_take_them_off_is_remembered():
    """Nothing of it is shown, so nobody knows that they are off."""
    agent = live(2)
    hidden = replace(agent, values={"avatar": None})
    prior = recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[hidden])
    assert "name" in prior.agents["2"].fields


def test_a_memory_stays_that_of_its_portals_address():
    """At another address the same ids are other people."""
    assert recall(found({}, {}), PortalState(url="https://portal.example")).url == (
        "https://portal.example"
    )


def test_an_agent_to_whom_nothing_was_sent_is_remembered_as_far_as_shown():
    """What the portal shows as declared is known, and nothing else is."""
    match = found({"name": "Ivan", "tiktok": None}, {"name": "Ivan", "tiktok": "https://x"})
    prior = update_state(
        NOTHING,
        Evidence([match], sent={}, before={}, after={"15": match.live}, removed={}, refused={}),
        BY_NAME,
    )
    assert list(prior.agents["15"].fields) == ["name"]


def test_who_was_taken_off_is_remembered_while_nobody_has_looked():
    """The portal was not read afterwards."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, seen=False)
    assert "2" in prior.agents


def test_a_key_is_remembered_of_one_agent_alone():
    """Found to be somebody else now: the former one is not ours any more."""
    prior = recall(found({}, {}, key="b", number=3), OLD)
    assert keys_of(prior) == {"1": "a", "3": "b"}


def test_an_agent_who_is_declared_again_is_remembered_though_gone():
    """To be forgotten and to be matched now: the match is the newer word."""
    ended = {"15": unlinked(15, "agent-001")}
    assert "15" in recall(found({}, {}), removed=ended).agents


def test_refused_creations_are_remembered_until_they_are_not_refused():
    """A refusal is kept over other applies, and forgotten when a creation went through."""
    once = recall(found({}, {}), refused={"a": "f1", "b": "f2"})
    again = recall(found({}, {}), once, refused={"b": None})
    assert again.refused == {"a": "f1"}
    assert was_refused(again, "a", "f1")
    assert not was_refused(again, "a", "changed")
    assert not was_refused(again, "b", "f2")


def test_a_trace_is_the_paths_own_or_the_whole_texts():
    """A language looks to its own evidence first, then to that of the one string, which holds for
    as long as the portal shows what it showed then."""
    text = BY_NAME["description"]
    live = found({}, {"description": "X"}).live
    shows = digest(text, "X")
    own, whole = FieldState("1"), FieldState("2", shows)
    kept = AgentState("a", {"description.ru": own, "description": whole})
    assert trace(text, "description.ru", live, kept) is own
    assert trace(text, "description.en", live, kept) == whole
    changed = found({}, {"description": "Y"}).live
    assert trace(text, "description.en", changed, kept).shown not in (shows, digest(text, "Y"))
    assert trace(BY_NAME["name"], "name", live, kept) is None
    assert trace(BY_NAME["name"], "name", live, None) is None


def test_evidence_holds_only_while_the_portal_shows_the_same():
    """Known means: it was seen after the apply, and is seen now."""
    field, agent = BY_NAME["name"], live(1, "a", {"name": "Ivan"})
    seen = FieldState(digest(field, "Ivan "), digest(field, "Ivan"))
    assert known(field, "name", agent, seen)
    assert not known(field, "name", live(1, "a", {"name": "Petr"}), seen)
    assert not known(field, "name", agent, None)
    assert covers(field, "name", "Ivan ", agent, seen, Verdict.DIFFERENT)
    assert not covers(field, "name", "Oleg", agent, seen, Verdict.DIFFERENT)
    assert not covers(field, "name", "Ivan ", agent, None, Verdict.DIFFERENT)


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_what_could_not_be_said_back_is_remembered_though_the_portal_was_not_read(path):
    """The apply ended before the check: what was sent and cannot be seen is not sent again, and
    what can be seen is looked at by the next plan."""
    values = {path: URL if path == "avatar" else "Р", "name": "Ivan"}
    shown = {"avatar": {"id": 5}, "description": "E", "name": "Petr"}
    match = found(values, shown)
    prior = recall(match, sent=values, seen=False)
    assert list(prior.agents["15"].fields) == [path]
    assert prior.agents["15"].fields[path].shown is None
    assert paths(match, prior) == ["name"]
    assert recall(match, sent=[], seen=False).agents["15"].fields == {}


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_may_be_late_though_the_portal_was_not_read(earlier):
    """What it showed before the apply is no reason to send it again, and the next apply, which
    leaves the agent alone, does not forget that; no picture where there was one is."""
    match = found({"avatar": URL}, {"avatar": earlier})
    prior = recall(match, sent=["avatar"], seen=False)
    assert paths(match, prior) == []
    assert "may still be importing" in difference(match, prior).warnings[0].message
    assert paths(match, recall(match, prior)) == []
    if earlier is not None:
        assert paths(found({"avatar": URL}, {"avatar": None}), prior) == ["avatar"]


def test_what_was_known_stays_known_though_the_portal_was_not_read():
    """Of what was not sent now the older evidence is kept."""
    match, prior = settled({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    assert recall(match, prior, sent=[], seen=False) == prior


def formers(prior, *users):
    """Live ids by the key that the memory knows them under."""
    found = former(prior, Listing(users))
    return {key: [each.id for each in agents] for key, agents in found.items()}


def test_a_former_agent_is_known_by_its_id():
    """By its key of then; who was never applied from here, or is not there any more, is nobody's."""
    prior = PortalState({"1": AgentState("a", {}), "3": AgentState("c", {})})
    assert formers(prior, user(1), user(2)) == {"a": [1]}
    assert formers(NOTHING, user(1)) == {}


def test_a_former_agent_is_not_one_of_whom_a_further_id_says_otherwise():
    """The same id with another further one is somebody else; without any it says nothing."""
    prior = PortalState({"1": AgentState("a", {}, {"publicProfileId": 9})})
    assert formers(prior, user(1, profile=8)) == {}
    assert formers(prior, user(1, profile=9)) == {"a": [1]}
    assert formers(prior, user(1)) == {"a": [1]}


def test_a_former_agent_is_known_by_any_of_its_further_ids():
    """The portal may show it under another id; the name of the further id counts too."""
    kept = AgentState("a", {}, {"publicProfileId": 9})
    prior = PortalState({"1": kept})
    assert formers(prior, user(7, profile=9)) == {"a": [7]}
    assert formers(prior, user(7, profile=8), user(8)) == {}
    other = replace(user(7), aliases={"otherId": 9})
    assert formers(prior, other) == {}


def test_an_id_says_more_than_a_further_id():
    """Where both are remembered, of two keys, the agent's own id decides."""
    prior = PortalState(
        {"1": AgentState("a", {}, {"publicProfileId": 9}), "2": AgentState("b", {}, {})}
    )
    assert formers(prior, user(2, profile=9)) == {"b": [2]}


def test_several_live_agents_can_be_one_key_s_former_ones():
    """The file pinned one and then another: both were applied under it."""
    prior = PortalState(
        {"1": AgentState("a", {}), "2": AgentState("a", {}, {"publicProfileId": 9})}
    )
    assert formers(prior, user(1), user(2), user(3, profile=9)) == {"a": [1, 2, 3]}


def test_further_ids_are_remembered():
    """As the portal shows them at the last apply; an agent without any has none."""
    match = Match(member("a", "x@a.example"), user(1, "x@a.example", profile=9), "email")
    prior = recall(match, fields=propertyfinder.FIELDS)
    assert prior.agents["1"].aliases == {"publicProfileId": 9}
    moved = replace(match, live=replace(match.live, aliases={"publicProfileId": 10}))
    again = recall(moved, prior, fields=propertyfinder.FIELDS)
    assert again.agents["1"].aliases == {"publicProfileId": 10}
    assert recall(found({}, {})).agents["15"].aliases == {}


def test_a_value_that_a_portal_does_not_show_is_sent_once_and_not_again():
    """A first name that is never shown: what was sent is known while nothing is shown of it."""
    fields = {each.name: each for each in propertyfinder.FIELDS}
    match = Match(member("a", values={"firstName": "Ivan"}), user(1), "id")
    before = diff(match, fields, NOTHING, hold=False)
    assert brief(before.changes) == [("firstName", "unreadable", None)]
    prior = recall(match, sent=["firstName"], fields=propertyfinder.FIELDS)
    again = diff(match, fields, prior, hold=False)
    assert (again.changes, again.warnings) == ((), ())
    other = replace(match, desired=member("a", values={"firstName": "Oleg"}))
    changes = diff(other, fields, prior, hold=False).changes
    assert brief(changes) == [("firstName", "unreadable", "pending")]


# -- convergence --------------------------------------------------------------------------------

LINKS = st.sampled_from(
    [None, "https://tiktok.com/@i", "https://www.tiktok.com/@i/", "https://tiktok.com/@o"]
)
TEXT = st.sampled_from(["", "X", " X ", "Y", "Y\n"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ivan", " Ivan ", "Petr"]),
        "tiktok": LINKS,
        "avatar": st.sampled_from([None, {"id": 5}, URL, OTHER]),
        "settings.contact_viber": st.booleans(),
    },
)
TEXTS = st.one_of(
    st.just({}),
    TEXT.map(lambda each: {"description": each}),
    st.dictionaries(st.sampled_from(list(PARTS)), TEXT, min_size=1),
)
SHOWN = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Ivan", "Petr", ""]),
        "tiktok": LINKS,
        "avatar": st.sampled_from([None, {"id": 5}, {"id": 6}]),
        "settings.contact_viber": st.booleans(),
    }
)
SHOWN_TEXTS = TEXT.map(lambda each: {"description": each}) | st.fixed_dictionaries(
    dict.fromkeys(PARTS, TEXT)
)


@given(VALUES, TEXTS, SHOWN, SHOWN_TEXTS, SHOWN, SHOWN_TEXTS)
def test_whatever_the_portal_shows_afterwards_the_next_plan_is_empty(
    values, texts, was, was_text, shown, shown_text
):
    """All declared fields sent with success, and the portal took, trimmed or ignored each, or
    shows something else altogether: nothing is planned again, and losing the memory changes
    nothing that can be seen to be right."""
    declared = {**values, **texts}
    earlier = found(declared, {**was, **was_text})
    now = found(declared, {**shown, **shown_text})
    fields = {parent(change.path) for change in difference(earlier).changes}
    sent = [path for path in declared if parent(path) in fields]
    prior = update_state(
        NOTHING,
        Evidence(
            [now],
            sent={"15": frozenset(sent)},
            before={"15": earlier.live},
            after={"15": now.live},
            removed={},
            refused={},
        ),
        BY_NAME,
    )
    again = difference(now, prior)
    assert {change.path for change in again.changes} <= set(declared) - set(sent)
    lost = difference(Match(now.desired, now.live, now.by))
    assert {parent(each.path) for each in again.untaken} <= {
        parent(each.path) for each in lost.changes
    }
