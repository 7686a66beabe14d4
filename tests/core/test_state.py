"""The recorded state: former agents, attribution, and records as evidence."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.fields import Verdict, digest
from reconciler.core.model import AgentState, FieldState, Listing, PortalState
from reconciler.core.state import attribution, covers, field_state, former, judge, known

from .build import (
    BY_LANGUAGE,
    BY_NAME,
    EMPTY_STATE,
    OTHER_URL,
    URL,
    apply_values,
    difference,
    file,
    live,
    match_of,
    summary,
    user,
)


def test_judge_compares_where_nothing_is_hidden():
    """For other fields, other paths and without a record, the verdict is that of the comparison."""
    match, prior = apply_values(BY_LANGUAGE, {"description": "Р"}, before={"description": "old"})
    recorded = prior.agents["15"]
    agent = match.live
    text = BY_NAME["description"]
    desired = file("agent-001", {"name": "Ivan", "description": "Y", "description.ru": "Р"})
    assert judge(BY_NAME["name"], "name", desired, agent, recorded) is Verdict.DIFFERENT
    assert judge(text, "description", desired, agent, recorded) is Verdict.DIFFERENT
    assert judge(text, "description.ru", desired, agent, recorded) is Verdict.UNREADABLE
    same = file("agent-001", {"description": "Р"})
    assert judge(text, "description", same, agent, None) is Verdict.SAME
    assert judge(text, "description", same, agent, recorded) is Verdict.UNREADABLE


def test_without_a_record_a_difference_is_not_attributed():
    """It is neither pending nor drift."""
    agent = live(15, "agent-001", {"name": "Petr"})
    assert attribution(BY_NAME["name"], "name", agent, EMPTY_STATE, None) is None


def test_a_difference_is_drift_if_the_portal_changed():
    """Only the file changed: pending. The portal changed, or both did: drift."""
    _, prior = apply_values({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    edited = match_of({"name": "Oleg"}, {"name": "Ivan"})
    assert summary(difference(edited, prior).changes) == [("name", "different", "pending")]
    both = match_of({"name": "Oleg"}, {"name": "Petr"})
    assert summary(difference(both, prior).changes) == [("name", "different", "drift")]


def test_a_value_that_was_never_applied_is_pending():
    """A new file, or a new key in an existing one."""
    _, prior = apply_values({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    key = match_of({"tiktok": "https://tiktok.com/@i"}, {})
    assert summary(difference(key, prior).changes) == [("tiktok", "different", "pending")]
    agent = match_of({"name": "Olga"}, {"name": "O"}, key="agent-002", number=16)
    assert summary(difference(agent, prior).changes) == [("name", "different", "pending")]


def test_a_late_picture_is_pending():
    """No one can have changed a picture that the portal has not shown yet."""
    _, prior = apply_values({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    changed = match_of({"avatar": OTHER_URL}, {"avatar": {"id": 5}})
    assert summary(difference(changed, prior).changes) == [("avatar", "unreadable", "pending")]


def test_the_record_of_a_language_is_its_own_or_that_of_the_whole_text():
    """Its own has precedence; that of the one string counts while the portal shows the same."""
    text = BY_NAME["description"]
    live = match_of({}, {"description": "X"}).live
    shows = digest(text, "X")
    own, whole = FieldState("1"), FieldState("2", shows)
    recorded = AgentState("a", {"description.ru": own, "description": whole})
    assert field_state(text, "description.ru", live, recorded) is own
    assert field_state(text, "description.en", live, recorded) == whole
    changed = match_of({}, {"description": "Y"}).live
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
    """The live ids of former agents by recorded key."""
    by_key = former(prior, Listing(users))
    return {key: [each.id for each in agents] for key, agents in by_key.items()}


def test_former_agents_are_identified_by_id():
    """With the recorded key; an agent that was never applied, or is gone, is left out."""
    prior = PortalState({"1": AgentState("a", {}), "3": AgentState("c", {})})
    assert formers(prior, user(1), user(2)) == {"a": [1]}
    assert formers(EMPTY_STATE, user(1)) == {}


def test_an_agent_with_another_alias_is_not_the_former_one():
    """The same id with another alias is someone else; no alias proves nothing."""
    prior = PortalState({"1": AgentState("a", {}, {"publicProfileId": 9})})
    assert formers(prior, user(1, profile=8)) == {}
    assert formers(prior, user(1, profile=9)) == {"a": [1]}
    assert formers(prior, user(1)) == {"a": [1]}


def test_former_agents_are_identified_by_alias():
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
