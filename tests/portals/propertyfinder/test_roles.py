"""Property Finder: roles by name and by number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conversations import ok, play

from reconciler.core.model import (
    Desired,
    Source,
)
from reconciler.errors import PortalError, ResponseError

from .build import (
    NEW,
    ROLES,
    change,
    finder,
    newcomer,
    person,
    planned,
    problem,
    read,
    roles,
    wanted,
)


def test_roles_are_read_only_if_a_file_names_one():
    """A role's number needs no list of roles, and no right to read it."""
    portal = finder()
    _, (one, other) = read(portal, wanted(roleId=3), wanted(name="x"))
    assert (one.values, other.values) == ({"roleId": 3}, {"name": "x"})
    assert portal.roles == {}


def test_a_role_that_the_portal_does_not_have_suggests_the_nearest():
    """And lists all of them."""
    for declared, hint in (
        ("Desision maker", "Did you mean Decision maker?"),
        ("xyz", ""),
    ):
        portal = finder()
        read(portal, wanted(roleId=declared), answer=roles("Admin", "Decision maker", "Agent"))
        message = portal.policy.refuses(change(roleId=declared))
        assert "Its roles: Admin, Agent, Decision maker." in message
        assert ("Did you mean" in message) == bool(hint)
        assert hint in message


def test_roles_have_their_names_in_a_plan():
    """Those that users show, and all of them once they were read."""
    portal = finder()
    read(portal, wanted(roleId=1), users=[person(1, role={"id": 3, "name": "Agent"})])
    assert portal.policy.names == {"roleId": {3: "Agent"}}
    portal = finder()
    read(portal, wanted(roleId="Agent"), answer=roles("Admin", "Decision maker", "Agent"))
    assert portal.policy.names["roleId"][1] == "Admin"


def test_role_by_name():
    """The name becomes the number everywhere: in desired and live agents and in requests."""
    portal = finder()
    listing, (named, by_number, neither) = read(
        portal,
        wanted(roleId="Agent"),
        wanted(roleId=1),
        wanted(name="x"),
        answer=roles("Admin", "Decision maker", "Agent"),
        users=[person(each, roleId=role) for each, role in enumerate((3, 1, 77, None), 1)],
    )
    assert [agent.values["roleId"] for agent in listing.agents] == [3, 1, 77, None]
    assert [each.values for each in (named, by_number, neither)] == [
        {"roleId": 3},
        {"roleId": 1},
        {"name": "x"},
    ]
    (step,) = portal.steps([change(**named.values)])
    assert step.request.body == {"roleId": "3"}
    (step,) = portal.steps([newcomer(**named.values)])
    assert step.request.body["roleId"] == 3


def test_only_the_role_is_resolved():
    """All else about the agent, and other agents, stay unchanged."""
    one = replace(wanted(roleId="Agent", name="x"), lines={"roleId": 9})
    other = wanted(roleId=7)
    _, (first, second) = read(finder(), one, other, answer=roles("Agent"))
    assert first == replace(one, values={"roleId": 1, "name": "x"})
    assert second == other


def test_named_role_that_matches_is_no_change():
    """A different role is a change to its number."""
    portal = finder()
    listing, desired = read(
        portal, wanted(roleId="agent"), answer=roles("Admin", "Agent"), users=[person(5, roleId=2)]
    )
    assert planned(portal, listing, *desired).operations == ()
    listing, desired = read(portal, wanted(roleId="Agent"), users=[person(5, roleId=1)])
    plan = planned(portal, listing, *desired)
    assert [each.values for each in plan.operations] == [{"roleId": 2}]
    assert [(each.before, each.after) for each in plan.entries[0].changes] == [(1, 2)]


def test_roles_are_read_once():
    """A second read reuses them."""
    portal = finder()
    read(portal, wanted(roleId="Agent"), answer=roles("Agent"))
    _, (again,) = read(portal, wanted(roleId="agent"))
    assert again.values == {"roleId": 1}


def test_role_names_ignore_letter_case():
    """If only one role matches."""
    _, (named,) = read(finder(), wanted(roleId="aGENT"), answer=roles("Admin", "Agent"))
    assert named.values == {"roleId": 2}


def test_exact_role_name_wins():
    """Of two roles that differ only in letter case, the exact match is used."""
    for names in (("Agent", "agent"), ("agent", "Agent")):
        portal = finder()
        _, (named,) = read(portal, wanted(roleId="Agent"), answer=roles(*names))
        assert named.values == {"roleId": names.index("Agent") + 1}
        assert portal.policy.refuses(change(**named.values)) is None


def test_ambiguous_role_name_is_a_conflict():
    """The message names both roles."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="AGENT"), answer=roles("Agent", "agent"))
    assert named.values == {"roleId": "AGENT"}
    message = portal.policy.refuses(change(**named.values))
    assert (
        message == "propertyfinder.roleId: the portal has no role AGENT. Its roles: Agent, agent."
    )


def test_duplicate_role_name_is_a_conflict():
    """The message lists the numbers; declaring one of them is no conflict."""
    portal = finder()
    listing, (named, numbered) = read(
        portal,
        wanted(roleId="Agent"),
        wanted(roleId=3),
        answer=roles("Agent", "Admin", "Agent"),
        users=[person(1, roleId=3), person(2, roleId=1)],
    )
    assert named.values == {"roleId": "Agent"}
    message = portal.policy.refuses(change(**named.values))
    assert message == (
        "propertyfinder.roleId: the portal has 2 roles Agent. Declare the number of one: 1, 3."
    )
    assert [agent.values["roleId"] for agent in listing.agents] == [3, 1]
    assert numbered.values == {"roleId": 3}
    assert portal.policy.refuses(change(**numbered.values)) is None


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (roles("Manager", "Admin"), "Admin, Manager"),
        (roles(), "none"),
    ],
    ids=["others", "no"],
)
def test_missing_role_is_a_conflict(answer, known):
    """The message lists the existing roles; only this agent is skipped."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="Agent"), answer=answer)
    message = portal.policy.refuses(newcomer(**named.values))
    assert message == f"propertyfinder.roleId: the portal has no role Agent. Its roles: {known}."
    assert portal.policy.refuses(change(name="x")) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        *(
            {"data": [{"id": 1, "name": "Agent"}, odd]}
            for odd in (None, {"id": "2", "name": "Admin"}, {"id": 2}, {"name": "Admin"})
        ),
    ],
    ids=["no data", "no object", "null", "a number as text", "no name", "no number"],
)
def test_undocumented_roles_are_an_error(answer):
    """An omitted role could be the one that a file names."""
    with pytest.raises(ResponseError, match="shows its roles in an undocumented format"):
        read(finder(), wanted(roleId="Agent"), answer=ok(answer))


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Agent", ()),
        ("Agent", ("Admin",)),
        ("Agent", ("Agent", "Agent")),
        ("AGENT", ("Agent", "agent")),
    ],
    ids=["no roles", "unknown", "twice", "alike"],
)
def test_unresolved_role_is_a_conflict_without_operations(written, names):
    """For an existing and a new agent: a conflict at the file, and nothing is sent."""
    portal = finder()
    new = {name: value for name, value in NEW.items() if name != "roleId"}
    ana = Desired(
        "propertyfinder",
        "new",
        Source("agents/new.yaml", 1),
        {"email": NEW["email"]},
        {**new, "roleId": written},
    )
    listing, desired = read(
        portal,
        wanted(roleId=written, name="New name"),
        ana,
        answer=roles(*names),
        users=[person(5)],
    )
    plan = planned(portal, listing, *desired)
    assert [each.key for each in plan.conflicts] == ["agent-5", "new"]
    assert all(f" {written}. " in each.reason for each in plan.conflicts)
    assert (plan.operations, plan.entries) == ((), ())


def test_missing_access_to_roles_names_the_scope():
    """The key may lack the scope that only roles need."""
    with pytest.raises(PortalError, match="roles:read"):
        play(finder().read((wanted(roleId="Agent"),)), (ROLES, problem(403, detail="No scope")))
