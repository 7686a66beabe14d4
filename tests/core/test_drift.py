"""Drift: what someone changed on a portal outside the files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.drift import drift, lost_agents
from reconciler.core.model import Listing

from .build import (
    EMPTY_STATE,
    URL,
    file,
    ledger,
    live,
    match_of,
    member,
    pf_draft,
    rentix_draft,
    state_after,
    summary,
    user,
)


def lost(agents, prior, handle="externalId"):
    """The keys of the lost agents."""
    return lost_agents(Listing(tuple(agents)), prior, handle)


# -- lost agents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agents", "keys"),
    [
        ([], {"a"}),
        ([live(2, "a")], {"a"}),
        ([live(1)], {"a"}),
        ([live(1, "b")], {"a"}),
        ([live(1, "a")], set()),
        ([live(1, "a"), live(2, "b")], set()),
    ],
)
def test_an_agent_is_lost_unless_listed_under_its_key(agents, keys):
    """Removed, replaced, unlinked or linked to another id."""
    assert lost(agents, ledger((1, "a"))) == keys


def test_an_agent_pinned_by_id_is_lost_only_if_removed():
    """Its key is its id, which no one can change."""
    assert lost([live(1)], ledger((1, "id:1"))) == set()
    assert lost([live(2)], ledger((1, "id:1"))) == {"id:1"}


def test_without_external_ids_a_listed_agent_is_not_lost():
    """Property Finder has no external id that someone could take away."""
    assert lost([user(1, "other@a.example")], ledger((1, "a"), (2, "b")), handle=None) == {"b"}


def test_without_a_record_no_agent_is_lost():
    """The portal may be empty for any reason."""
    assert lost([], EMPTY_STATE) == set()


# -- the part of a plan that is drift --------------------------------------------------------------


def changes(draft):
    """The key and the changes of each entry."""
    return [(entry.key, summary(entry.changes)) for entry in draft.entries]


def recorded_values(values):
    """The state after an apply that set these values on agent-001."""
    return state_after(match_of(values, values), before={"name": "x"}, sent=values)


def test_a_value_changed_on_the_portal_is_drift():
    """The operation that reverts it is kept."""
    prior = recorded_values({"name": "Ivan"})
    draft = rentix_draft(
        [file("agent-001", {"name": "Ivan"})], [live(15, "agent-001", {"name": "P"})], prior
    )
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", "drift")])]
    assert drift(draft, set()).operations == draft.operations


def test_a_value_changed_in_the_file_is_not_drift():
    """It is pending."""
    prior = recorded_values({"name": "Ivan"})
    draft = rentix_draft(
        [file("agent-001", {"name": "Oleg"})], [live(15, "agent-001", {"name": "Ivan"})], prior
    )
    assert len(draft.operations) == 1
    assert (drift(draft, set()).entries, drift(draft, set()).operations) == ((), ())


def test_only_the_drifted_values_of_an_agent_are_shown():
    """One value changed on the portal, another in the file."""
    values = {"name": "Ivan", "tiktok": None}
    declared = file("agent-001", {"name": "Ivan", "tiktok": "https://tiktok.com/@i"})
    draft = rentix_draft(
        [declared], [live(15, "agent-001", {"name": "P"})], recorded_values(values)
    )
    assert [len(entry.changes) for entry in draft.entries] == [2]
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", "drift")])]


def test_without_a_record_every_visible_difference_is_drift():
    """A picture that cannot be compared is no evidence of a change."""
    values = {"name": "Ivan", "avatar": {"url": "https://agency.example/i.jpg"}}
    shown = {"name": "Petr", "avatar": {"id": 5}}
    draft = rentix_draft([file("agent-001", values)], [live(15, "agent-001", shown)])
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", None)])]


def test_an_agent_that_no_file_declares_is_not_drift():
    """A pending removal comes from the files."""
    prior = ledger((1, "a"))
    draft = rentix_draft([], [live(1, "a")], prior, removal="unlink")
    assert len(draft.entries) == 1
    assert drift(draft, set()).entries == ()


def test_a_lost_agent_is_a_warning():
    """Someone unlinked the agent, whose file no longer matches: a warning with the place."""
    prior = ledger((1, "a"))
    agents = [live(1)]
    draft = rentix_draft([file("a", {"name": "A"}), file("b", {"name": "B"})], agents, prior)
    result = drift(draft, lost(agents, prior))
    (warning,) = result.warnings
    assert (warning.key, warning.source) == ("a", file("a").source)
    assert "was on the portal at the last apply" in warning.message
    assert result.waiting == ("a",)


@pytest.mark.parametrize("recall", [False, True])
def test_a_lost_agent_that_is_gone_is_a_conflict(recall):
    """The portal answers 404 for the agent of the last apply."""
    prior = ledger((1, "a"))
    desired = [member("a", "a@a.example", {"name": "A"})]
    draft = pf_draft(desired, [], prior, recall=recall, gone={"1"})
    result = drift(draft, lost([], prior, handle=None))
    assert (result.entries, result.operations, result.waiting) == ((), (), ())
    assert [each.key for each in result.conflicts] == ["a"]


def test_an_agent_that_was_never_applied_is_not_lost():
    """It waits, which is not drift."""
    draft = rentix_draft([file("a", {"name": "A"})], [])
    result = drift(draft, set())
    assert (draft.waiting, result.waiting, result.warnings) == (("a",), (), ())


def test_only_the_conflicts_of_lost_agents_are_drift():
    """Any other conflict comes from a file."""
    declared = [file("id:1"), file("id:2")]
    draft = rentix_draft(declared, [])
    assert [each.key for each in draft.conflicts] == ["id:1", "id:2"]
    assert [each.key for each in drift(draft, {"id:2"}).conflicts] == ["id:2"]


def test_drift_has_no_limits():
    """Exceeded limits stop an apply, not a report."""
    draft = replace(rentix_draft([], []), over_limits=("3 of 3 agents would change",))
    assert drift(draft, set()).over_limits == ()


# -- values that the portal did not take -----------------------------------------------------------


def test_a_value_that_the_portal_did_not_take_is_drift():
    """It is not sent again, but it is not as declared either; other drift is in the same entry."""
    desired = [file("a", {"name": "New", "tiktok": None}), file("b", {"name": " B"})]
    before = {"name": "Old"}
    prior = state_after(
        match_of(desired[0].values, {"name": "Other"}, key="a", number=1),
        before=before,
        sent=["name", "tiktok"],
    )
    agents = [live(1, "a", {"name": "Other"}), live(2, "b", {"name": "B"})]
    (entry,) = drift(rentix_draft(desired[:1], agents, prior), frozenset()).entries
    assert (entry.key, entry.id, entry.actions, entry.attribution) == ("a", 1, (), "drift")
    assert summary(entry.changes) == [("name", "different", "drift")]
    agents = [live(1, "a", {"name": "Other", "tiktok": "https://tiktok.com/@x"})]
    (entry,) = drift(rentix_draft(desired[:1], agents, prior), frozenset()).entries
    assert [each.path for each in entry.changes] == ["tiktok", "name"]


def test_a_form_of_a_value_and_a_late_picture_are_not_drift():
    """The portal has the value, or is about to."""
    match = match_of({"name": " A ", "avatar": URL}, {"name": "A"}, key="a", number=1)
    prior = state_after(match, before={"name": "x"}, sent=["name", "avatar"])
    draft = rentix_draft([match.desired], [match.live], prior)
    assert [each.path for each in draft.not_taken] == ["name", "avatar"]
    assert drift(draft, frozenset()).entries == ()
