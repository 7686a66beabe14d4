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

from .talk import (
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


def test_roles_are_asked_for_only_where_a_file_names_one():
    """A number, or nothing, needs no list of roles, and none of the rights to read it."""
    portal = finder()
    _, (one, other) = read(portal, wanted(roleId=3), wanted(name="x"))
    assert (one.values, other.values) == ({"roleId": 3}, {"name": "x"})
    assert portal.roles == {}


def test_a_role_may_be_named():
    """The name is the number everywhere: in what is wanted, in what is shown, in what is sent."""
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


def test_nothing_but_the_role_of_an_agent_is_translated():
    """Whoever declares it stays who they are, with all the rest, and so do those beside."""
    one = replace(wanted(roleId="Agent", name="x"), lines={"roleId": 9})
    other = wanted(roleId=7)
    _, (first, second) = read(finder(), one, other, answer=roles("Agent"))
    assert first == replace(one, values={"roleId": 1, "name": "x"})
    assert second == other


def test_a_named_role_that_the_user_has_is_no_change():
    """A name and a number are the same role; another one is a change to the number."""
    portal = finder()
    listing, desired = read(
        portal, wanted(roleId="agent"), answer=roles("Admin", "Agent"), users=[person(5, roleId=2)]
    )
    assert planned(portal, listing, *desired).operations == ()
    listing, desired = read(portal, wanted(roleId="Agent"), users=[person(5, roleId=1)])
    made = planned(portal, listing, *desired)
    assert [each.values for each in made.operations] == [{"roleId": 2}]
    assert [(each.before, each.after) for each in made.entries[0].changes] == [(1, 2)]


def test_roles_are_asked_for_once():
    """The read after an apply knows them still."""
    portal = finder()
    read(portal, wanted(roleId="Agent"), answer=roles("Agent"))
    _, (again,) = read(portal, wanted(roleId="agent"))
    assert again.values == {"roleId": 1}


def test_a_role_is_named_in_any_letter_case():
    """`agent` is the Agent that the portal has, if it has no other such."""
    _, (named,) = read(finder(), wanted(roleId="aGENT"), answer=roles("Admin", "Agent"))
    assert named.values == {"roleId": 2}


def test_an_exact_name_is_that_role_whatever_else_is_alike():
    """Of two roles that differ in letter case only, the one that is written is meant."""
    for names in (("Agent", "agent"), ("agent", "Agent")):
        portal = finder()
        _, (named,) = read(portal, wanted(roleId="Agent"), answer=roles(*names))
        assert named.values == {"roleId": names.index("Agent") + 1}
        assert portal.policy.refuses(change(**named.values)) is None


def test_a_name_that_is_like_two_roles_is_a_conflict():
    """Neither of two is guessed; both are named."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="AGENT"), answer=roles("Agent", "agent"))
    assert named.values == {"roleId": "AGENT"}
    said = portal.policy.refuses(change(**named.values))
    assert said == "propertyfinder.roleId: the portal has no role AGENT. Its roles: Agent, agent."


def test_a_name_that_two_roles_have_is_a_conflict():
    """The numbers to choose from are told; one of them is no conflict."""
    portal = finder()
    listing, (named, numbered) = read(
        portal,
        wanted(roleId="Agent"),
        wanted(roleId=3),
        answer=roles("Agent", "Admin", "Agent"),
        users=[person(1, roleId=3), person(2, roleId=1)],
    )
    assert named.values == {"roleId": "Agent"}
    said = portal.policy.refuses(change(**named.values))
    assert said == (
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
def test_a_role_that_is_not_there_is_a_conflict(answer, known):
    """It is told which there are; the agent is left alone, and others are not."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="Agent"), answer=answer)
    said = portal.policy.refuses(newcomer(**named.values))
    assert said == f"propertyfinder.roleId: the portal has no role Agent. Its roles: {known}."
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
def test_roles_that_are_not_as_documented_are_an_error(answer):
    """One that is left out might be the one that a file names."""
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
def test_an_agent_whose_role_is_not_known_is_left_alone_whole(written, names):
    """Who is there and who is to be created: a conflict at the file, and nothing is sent."""
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
    made = planned(portal, listing, *desired)
    assert [each.key for each in made.conflicts] == ["agent-5", "new"]
    assert all(f" {written}. " in each.reason for each in made.conflicts)
    assert (made.operations, made.entries) == ((), ())


def test_roles_that_may_not_be_read_are_an_error_that_names_the_scope():
    """The key may lack what the roles need alone."""
    with pytest.raises(PortalError, match="roles:read"):
        play(finder().read((wanted(roleId="Agent"),)), (ROLES, problem(403, detail="No scope")))
