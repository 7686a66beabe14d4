"""What the ledger records after an apply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fields import digest, parent
from reconciler.core.model import AgentState, FieldState, Match, PortalState
from reconciler.core.state import was_refused
from reconciler.core.verify import Evidence, update_state
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
    recorded_keys,
    state_after,
    summary,
    user,
)


def test_a_value_shown_as_declared_is_recorded():
    """Whoever set the value."""
    match = match_of({"name": "Ivan"}, {"name": "Ivan"})
    prior = state_after(match)
    assert prior.agents["15"].key == "agent-001"
    assert summary(difference(match_of({"name": "Ivan"}, {"name": "Petr"}), prior).changes) == [
        ("name", "different", "drift")
    ]


def test_a_picture_of_a_new_agent_may_be_late_too():
    """The portal showed nothing before."""
    match = match_of({"avatar": URL}, {"avatar": None})
    prior = update_state(
        EMPTY_STATE,
        Evidence(
            [match],
            sent={"15": frozenset(["avatar"])},
            before={},
            after={},
            removed=set(),
            refused={},
        ),
        BY_NAME,
    )
    assert prior.agents["15"].fields["avatar"].shown is None
    assert changed_paths(match, prior) == []


def test_a_picture_that_arrives_at_once_is_recorded():
    """It differs from the former one, so it is the one that was sent."""
    _, prior = apply_values({"avatar": URL}, {"avatar": {"id": 6}}, before={"avatar": {"id": 5}})
    field = BY_NAME["avatar"]
    recorded = prior.agents["15"].fields["avatar"]
    assert recorded == FieldState(digest(field, URL), digest(field, {"id": 6}), URL)


def test_a_picture_by_id_that_did_not_change_is_not_late():
    """It was sent again and is shown as declared."""
    _, prior = apply_values(
        {"avatar": {"id": 5}}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}}
    )
    assert prior.agents["15"].fields["avatar"].shown is not None


@pytest.mark.parametrize("declared", [{"description": "Р"}, {"description": "Р", "name": "Ivan"}])
def test_a_string_that_hides_languages_is_sent_even_after_a_failure(declared):
    """The update failed and the portal still has the other languages, so it is sent again."""
    _, prior = apply_values(BY_LANGUAGE, {"description": "Р"}, before={"description": "old"})
    whole = match_of(declared, {"description": "Р", "name": "Ivan"})
    failed = state_after(whole, prior, sent=[])
    assert "description" in changed_paths(whole, failed)


def test_a_failed_string_keeps_the_records_of_its_languages():
    """The portal still has them; a value that is no longer declared is forgotten nevertheless."""
    declared, shown = {**BY_LANGUAGE, "name": "Ivan"}, {"description": "Р", "name": "Ivan"}
    _, prior = apply_values(declared, shown, before={"description": "old"})
    failed = state_after(match_of({"description": "Y"}, shown), prior)
    assert sorted(failed.agents["15"].fields) == sorted(BY_LANGUAGE)


def test_a_failed_language_does_not_restore_old_records_of_another():
    """One language is shown as declared, another failed: each is recorded as it is now."""
    english = match_of({"description.en": "E1"}, {"description.en": "E1", "description.ru": "Y"})
    both = {"description.en": "E2", "description.ru": "Р"}
    shown = {"description.en": "E2", "description.ru": "Y"}
    prior = state_after(match_of(both, shown), state_after(english))
    edited = match_of({"description.en": "E3"}, shown)
    assert summary(difference(edited, prior).changes) == [
        ("description.en", "different", "pending")
    ]


def test_a_failed_value_is_not_recorded():
    """Neither sent nor shown: the next plan has it again."""
    match = match_of({"name": "Ivan", "avatar": URL}, {"name": "Petr", "avatar": {"id": 5}})
    prior = state_after(match, sent=[])
    assert prior.agents["15"].fields == {}
    assert changed_paths(match, prior) == ["name", "avatar"]


def test_a_failed_value_keeps_the_former_record():
    """Drift of the former value can still be distinguished from the new one."""
    _, prior = apply_values({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    failed = state_after(match_of({"name": "Oleg"}, {"name": "Ivan"}), prior)
    assert failed.agents["15"].fields == prior.agents["15"].fields


def test_drift_is_not_recorded_as_applied():
    """An apply that leaves the agent out keeps the record."""
    _, prior = apply_values({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    drifted = match_of({"avatar": URL}, {"avatar": {"id": 6}})
    assert state_after(drifted, prior) == prior
    assert changed_paths(drifted, state_after(drifted, prior)) == ["avatar"]


def test_only_unreadable_values_are_recorded_in_full():
    """URLs of pictures and texts; of other values, a digest."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р"}
    _, prior = apply_values(values, {"name": "Ivan"}, before={"name": "x"})
    recorded = prior.agents["15"].fields
    assert {path: each.value for path, each in recorded.items()} == {
        "name": None,
        "avatar": URL,
        "description.ru": "Р",
    }


def test_a_value_that_is_no_longer_declared_is_forgotten():
    """A key that was removed from the file is not managed any more."""
    _, prior = apply_values(
        {"name": "Ivan", "tiktok": None}, {"name": "Ivan"}, before={"name": "x"}
    )
    assert list(state_after(match_of({"name": "Ivan"}, {}), prior).agents["15"].fields) == ["name"]


OLD = PortalState({"1": AgentState("a", {}), "2": AgentState("b", {})})


def test_a_removed_agent_is_forgotten():
    """The records of other agents are kept."""
    prior = state_after(match_of({}, {}), OLD, removed=["2"])
    assert recorded_keys(prior) == {"1": "a", "15": "agent-001"}


@pytest.mark.parametrize("path", ["externalId", "status", ""], ids=["linked", "active", "absent"])
def test_an_agent_whose_removal_is_unconfirmed_stays_recorded(path):
    """The portal confirmed it, and shows the agent as before, or not at all."""
    prior = state_after(match_of({}, {}), OLD, removed=["2"], unconfirmed=[("2", path)])
    assert recorded_keys(prior)["2"] == "b"


def test_of_an_agent_that_was_sent_nothing_only_shown_values_are_recorded():
    """Those that the portal shows as declared."""
    match = match_of({"name": "Ivan", "tiktok": None}, {"name": "Ivan", "tiktok": "https://x"})
    prior = update_state(
        EMPTY_STATE,
        Evidence([match], sent={}, before={}, after={"15": match.live}, removed=set(), refused={}),
        BY_NAME,
    )
    assert list(prior.agents["15"].fields) == ["name"]


def test_a_removal_that_was_not_verified_keeps_the_record():
    """The portal was not read afterwards."""
    prior = state_after(match_of({}, {}), OLD, removed=["2"], seen=False)
    assert "2" in prior.agents


def test_a_key_is_recorded_for_one_agent():
    """The file matches another agent now: the former one is not managed any more."""
    prior = state_after(match_of({}, {}, key="b", number=3), OLD)
    assert recorded_keys(prior) == {"1": "a", "3": "b"}


def test_a_removed_agent_that_matches_again_is_recorded():
    """The match is more recent than the removal."""
    assert "15" in state_after(match_of({}, {}), removed=["15"]).agents


def test_refused_creations_are_recorded_until_one_succeeds():
    """Other applies keep the record."""
    once = state_after(match_of({}, {}), refused={"a": "f1", "b": "f2"})
    again = state_after(match_of({}, {}), once, refused={"b": None})
    assert again.refused == {"a": "f1"}
    assert was_refused(again, "a", "f1")
    assert not was_refused(again, "a", "changed")
    assert not was_refused(again, "b", "f2")


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_unreadable_values_are_recorded_even_if_the_portal_was_not_read(path):
    """The apply ended before the check: an unreadable value is not sent again; a readable one is
    compared by the next plan."""
    values = {path: URL if path == "avatar" else "Р", "name": "Ivan"}
    shown = {"avatar": {"id": 5}, "description": "E", "name": "Petr"}
    match = match_of(values, shown)
    prior = state_after(match, sent=values, seen=False)
    assert list(prior.agents["15"].fields) == [path]
    assert prior.agents["15"].fields[path].shown is None
    assert changed_paths(match, prior) == ["name"]
    assert state_after(match, sent=[], seen=False).agents["15"].fields == {}


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_may_be_late_even_if_the_portal_was_not_read(earlier):
    """If the portal still shows the former picture, the new one is not sent again, also after an
    apply that does not change the agent. It is if the portal shows none now."""
    match = match_of({"avatar": URL}, {"avatar": earlier})
    prior = state_after(match, sent=["avatar"], seen=False)
    assert changed_paths(match, prior) == []
    assert "may still be importing" in difference(match, prior).warnings[0].message
    assert changed_paths(match, state_after(match, prior)) == []
    if earlier is not None:
        assert changed_paths(match_of({"avatar": URL}, {"avatar": None}), prior) == ["avatar"]


def test_records_of_unsent_values_are_kept_if_the_portal_was_not_read():
    """Nothing new is known of them."""
    match, prior = apply_values({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    assert state_after(match, prior, sent=[], seen=False) == prior


def test_aliases_are_recorded():
    """As the portal shows them at the last apply."""
    match = Match(member("a", "x@a.example"), user(1, "x@a.example", profile=9), "email")
    prior = state_after(match, fields=propertyfinder.FIELDS)
    assert prior.agents["1"].aliases == {"publicProfileId": 9}
    moved = replace(match, live=replace(match.live, aliases={"publicProfileId": 10}))
    again = state_after(moved, prior, fields=propertyfinder.FIELDS)
    assert again.agents["1"].aliases == {"publicProfileId": 10}
    assert state_after(match_of({}, {})).agents["15"].aliases == {}


# -- convergence -----------------------------------------------------------------------------------

LINKS = st.sampled_from(
    [None, "https://tiktok.com/@i", "https://www.tiktok.com/@i/", "https://tiktok.com/@o"]
)
TEXT = st.sampled_from(["", "X", " X ", "Y", "Y\n"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ivan", " Ivan ", "Petr"]),
        "tiktok": LINKS,
        "avatar": st.sampled_from([None, {"id": 5}, URL, OTHER_URL]),
        "settings.contact_viber": st.booleans(),
    },
)
TEXTS = st.one_of(
    st.just({}),
    TEXT.map(lambda each: {"description": each}),
    st.dictionaries(st.sampled_from(list(BY_LANGUAGE)), TEXT, min_size=1),
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
    dict.fromkeys(BY_LANGUAGE, TEXT)
)


@given(VALUES, TEXTS, SHOWN, SHOWN_TEXTS, SHOWN, SHOWN_TEXTS)
def test_whatever_the_portal_shows_afterwards_the_next_plan_is_empty(
    values, texts, was, was_text, shown, shown_text
):
    """All declared fields are sent, and the portal accepts, trims or ignores each, or shows any
    other value: nothing is sent again. Without the record, a value that the portal did not take is
    among those sent again."""
    declared = {**values, **texts}
    earlier = match_of(declared, {**was, **was_text})
    now = match_of(declared, {**shown, **shown_text})
    fields = {parent(change.path) for change in difference(earlier).changes}
    sent = [path for path in declared if parent(path) in fields]
    prior = update_state(
        EMPTY_STATE,
        Evidence(
            [now],
            sent={"15": frozenset(sent)},
            before={"15": earlier.live},
            after={"15": now.live},
            removed=set(),
            refused={},
        ),
        BY_NAME,
    )
    again = difference(now, prior)
    assert {change.path for change in again.changes} <= set(declared) - set(sent)
    lost = difference(Match(now.desired, now.live, now.by))
    assert {parent(each.path) for each in again.not_taken} <= {
        parent(each.path) for each in lost.changes
    }


def test_an_unconfirmed_value_is_not_recorded():
    """It is planned again; the former value is still recorded, to tell drift from a change."""
    _, prior = apply_values({"name": "Old"}, {"name": "Old"}, before={"name": "x"})
    new = match_of({"name": "New"}, {"name": "Old"})
    lost = state_after(new, prior, sent=["name"], unconfirmed=[("15", "name")])
    assert lost.agents["15"].fields == prior.agents["15"].fields
    assert changed_paths(new, lost) == ["name"]
    other = match_of({"name": "Old"}, {"name": "Other"})
    not_taken = state_after(other, before={"name": "x"}, sent=["name"])
    again = state_after(other, not_taken, sent=["name"], unconfirmed=[("15", "name")])
    assert changed_paths(other, not_taken) == []
    assert changed_paths(other, again) == ["name"]


def test_nothing_is_recorded_of_a_new_agent_that_is_not_shown():
    """Except its key: it must not be created again."""
    match = match_of({"name": "New"}, {})
    absent = state_after(match, sent=["name"], unconfirmed=[("15", "")])
    assert absent.agents["15"].fields == {}
    assert recorded_keys(absent) == {"15": "agent-001"}


def test_a_value_not_taken_is_forgotten_once_the_portal_shows_another():
    """Someone who changes it back later is noticed."""
    _, prior = apply_values({"name": "New"}, {"name": "Other"}, before={"name": "Old"})
    third = match_of({"name": "New"}, {"name": "Third"})
    state = state_after(third, prior)
    back = match_of({"name": "New"}, {"name": "Other"})
    assert changed_paths(back, prior) == []
    assert summary(difference(back, state).changes) == [("name", "different", "drift")]
