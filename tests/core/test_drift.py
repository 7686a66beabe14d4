"""Drift: what someone changed on a portal outside the files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.drift import drift, lost_agents
from reconciler.core.model import AgentState, Listing, PortalState

from .build import NOTHING, brief, file, found, live, member, plan, recall, staff, user


def recorded(*keys):
    """The state after an apply of these agents, whose live ids count from 1."""
    return PortalState({str(number): AgentState(key, {}) for number, key in enumerate(keys, 1)})


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
    assert lost(agents, recorded("a")) == keys


def test_an_agent_pinned_by_id_is_lost_only_if_removed():
    """Its key is its id, which no one can change."""
    assert lost([live(1)], recorded("id:1")) == set()
    assert lost([live(2)], recorded("id:1")) == {"id:1"}


def test_without_external_ids_a_listed_agent_is_not_lost():
    """Property Finder has no external id that someone could take away."""
    assert lost([user(1, "other@a.example")], recorded("a", "b"), handle=None) == {"b"}


def test_without_a_record_no_agent_is_lost():
    """The portal may be empty for any reason."""
    assert lost([], NOTHING) == set()


# -- the part of a plan that is drift ---------------------------------------------------------------


def changes(draft):
    """Key and changes of each entry."""
    return [(entry.key, brief(entry.changes)) for entry in draft.entries]


def applied(values):
    """The state after an apply that set these values on agent-001."""
    return recall(found(values, values), before={"name": "x"}, sent=values)


def test_a_value_changed_on_the_portal_is_drift():
    """The operation that reverts it is kept."""
    prior = applied({"name": "Ivan"})
    draft = plan(
        [file("agent-001", {"name": "Ivan"})], [live(15, "agent-001", {"name": "P"})], prior
    )
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", "drift")])]
    assert drift(draft, set()).operations == draft.operations


def test_a_value_changed_in_the_file_is_not_drift():
    """It is pending."""
    prior = applied({"name": "Ivan"})
    draft = plan(
        [file("agent-001", {"name": "Oleg"})], [live(15, "agent-001", {"name": "Ivan"})], prior
    )
    assert len(draft.operations) == 1
    assert (drift(draft, set()).entries, drift(draft, set()).operations) == ((), ())


def test_only_the_drifted_values_of_an_agent_are_shown():
    """One value changed on the portal, another in the file."""
    values = {"name": "Ivan", "tiktok": None}
    declared = file("agent-001", {"name": "Ivan", "tiktok": "https://tiktok.com/@i"})
    draft = plan([declared], [live(15, "agent-001", {"name": "P"})], applied(values))
    assert [len(entry.changes) for entry in draft.entries] == [2]
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", "drift")])]


def test_without_a_record_every_visible_difference_is_drift():
    """A picture that cannot be compared is no evidence of a change."""
    values = {"name": "Ivan", "avatar": {"url": "https://agency.example/i.jpg"}}
    shown = {"name": "Petr", "avatar": {"id": 5}}
    draft = plan([file("agent-001", values)], [live(15, "agent-001", shown)])
    assert changes(drift(draft, set())) == [("agent-001", [("name", "different", None)])]


def test_an_agent_that_no_file_declares_is_not_drift():
    """A pending removal comes from the files."""
    prior = recorded("a")
    draft = plan([], [live(1, "a")], prior, removal="unlink")
    assert len(draft.entries) == 1
    assert drift(draft, set()).entries == ()


def test_a_lost_agent_is_a_warning():
    """Waiting to be invited again, with the place in the file."""
    prior = recorded("a")
    draft = plan([file("a", {"name": "A"}), file("b", {"name": "B"})], [], prior)
    result = drift(draft, lost([], prior))
    (warning,) = result.warnings
    assert (warning.key, warning.source) == ("a", file("a").source)
    assert "was on the portal at the last apply" in warning.message
    assert result.waiting == ("a",)


def test_a_lost_agent_that_would_be_created_again_is_a_warning():
    """The creation itself is not part of the drift."""
    prior = recorded("a")
    draft = staff([member("a", "a@a.example", {"name": "A"})], [], prior, recall=False)
    assert [entry.actions for entry in draft.entries] == [("create",)]
    result = drift(draft, lost([], prior, handle=None))
    assert (result.entries, result.operations) == ((), ())
    assert [each.key for each in result.warnings] == ["a"]


def test_an_agent_that_was_never_applied_is_not_lost():
    """It waits, which is no drift."""
    draft = plan([file("a", {"name": "A"})], [])
    result = drift(draft, set())
    assert (draft.waiting, result.waiting, result.warnings) == (("a",), (), ())


def test_only_the_conflicts_of_lost_agents_are_drift():
    """Any other conflict comes from a file."""
    declared = [file("id:1"), file("id:2")]
    draft = plan(declared, [])
    assert [each.key for each in draft.conflicts] == ["id:1", "id:2"]
    assert [each.key for each in drift(draft, {"id:2"}).conflicts] == ["id:2"]


def test_drift_has_no_limits():
    """Exceeded limits stop an apply, not a report."""
    draft = replace(plan([], []), excess=("3 of 3 agents would change",))
    assert drift(draft, set()).excess == ()
