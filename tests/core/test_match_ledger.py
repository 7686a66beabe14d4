"""Matching by logins, which change, and by the ledger."""

from __future__ import annotations

from itertools import product

import pytest

from reconciler.core.model import AgentState, Candidate, PortalState
from reconciler.portals.propertyfinder import table as propertyfinder

from .build import (
    EMAIL_1,
    EMAIL_2,
    EMAIL_3,
    EMPTY_STATE,
    OTHER_PHONE,
    PHONE,
    file,
    keys,
    live,
    match_agents,
    matched_ids,
    member,
    mobile_user,
    user,
)


def recorded(agents_by_key):
    """The state after these live agents were applied under these keys."""
    return PortalState(
        {
            str(each.id): AgentState(key, {})
            for key, agents in agents_by_key.items()
            for each in agents
        }
    )


def logins(desired, users, **options):
    """The matching by logins, which move by updates."""
    return match_agents(
        desired,
        users,
        order=("id", "email"),
        identifiers=propertyfinder.IDENTIFIERS,
        creating=True,
        **options,
    )


def test_a_login_matches_in_any_letter_case():
    """It is the same mailbox."""
    assert matched_ids(logins([member("a", "X@A.Example")], [user(1, EMAIL_1)])) == [
        ("a", 1, "email")
    ]


def test_a_pin_releases_the_login_of_its_agent():
    """The files pin the holder and declare another login for it, so the agent with the old login
    is absent. Another letter case is the same login, so both files match."""
    matching = logins([member("a", EMAIL_2, id=1), member("b", EMAIL_1)], [user(1, EMAIL_1)])
    assert (matched_ids(matching), keys(matching.absent), matching.conflicts) == (
        [("a", 1, "id")],
        ["b"],
        (),
    )
    same = logins([member("a", "X@A.EXAMPLE", id=1), member("b", EMAIL_1)], [user(1, EMAIL_1)])
    assert (keys(same.conflicts), same.matches, same.absent) == (["a", "b"], (), ())
    undeclared = logins([member("a", id=1), member("b", EMAIL_1)], [user(1, EMAIL_1)])
    assert keys(undeclared.conflicts) == ["a", "b"]


def test_pinned_agents_can_swap_logins():
    """The matching does not decide whether the updates have an order."""
    matching = logins(
        [member("a", EMAIL_2, id=1), member("b", EMAIL_1, id=2)],
        [user(1, EMAIL_1), user(2, EMAIL_2)],
    )
    assert matched_ids(matching) == [("a", 1, "id"), ("b", 2, "id")]


def test_the_ledger_matches_the_agents_that_are_left():
    """Their login is unknown or missing: the agent that was applied under that key matches."""
    one, two, three = user(1, EMAIL_1), user(2, EMAIL_2), user(3, EMAIL_3)
    former = {"a": [one], "b": [two], "z": [three]}
    matching = logins(
        [member("a", "new@a.example"), member("b"), member("c", EMAIL_3)], [one, two, three]
    )
    assert keys(matching.absent) == ["a", "b"]
    matching = logins(
        [member("a", "new@a.example"), member("b"), member("c", EMAIL_3)],
        [one, two, three],
        prior=recorded(former),
    )
    assert matched_ids(matching) == [("a", 1, "ledger"), ("b", 2, "ledger"), ("c", 3, "email")]
    assert (matching.absent, matching.conflicts) == ((), ())


def test_the_ledger_does_not_match_an_agent_with_another_name():
    """Login and name differ, so the key may belong to another person now: a conflict. The same
    name, or none declared, matches."""
    one = user(1, EMAIL_1, name="Ivan")
    matching = logins([member("a", EMAIL_2, {"name": "Olga"})], [one], prior=recorded({"a": [one]}))
    (conflict,) = matching.conflicts
    assert (matching.matches, matching.absent) == ((), ())
    assert "was agent 1 Ivan at the last apply" in conflict.reason
    assert "declare `propertyfinder.id: 1`" in conflict.reason
    assert "use another externalId" in conflict.reason
    assert (conflict.key, conflict.source.file) == ("a", "agents/a.yaml")
    assert conflict.candidates == (Candidate(1, "Ivan", None),)
    for values in ({"name": "Ivan"}, {"name": "Иван"}, {}):
        matching = logins([member("a", EMAIL_2, values)], [one], prior=recorded({"a": [one]}))
        assert (matched_ids(matching), matching.conflicts) == ([("a", 1, "ledger")], ())


def test_a_login_reused_for_a_new_hire_is_a_conflict():
    """As an external id is: the name and the mobile are those of another user."""
    hire = member("a", EMAIL_1, {"name": "Olga Rusu"}, mobile=OTHER_PHONE)
    holder = mobile_user(1, PHONE, name="Ivan Petrov")
    for other in (
        mobile_user(2, OTHER_PHONE, EMAIL_2, name="Olga"),
        mobile_user(2, "", EMAIL_2, name="Ольга Русу"),
    ):
        for prior in (EMPTY_STATE, recorded({"a": [holder]})):
            matching = logins([hire], [holder, other], prior=prior)
            assert (matching.matches, matching.absent) == ((), ())
            (conflict,) = matching.conflicts
            for part in ("1 Ivan Petrov", "`propertyfinder.id: 1`", "`propertyfinder.id: 2`"):
                assert part in conflict.reason
    alone = logins([hire], [holder, mobile_user(3, "069", EMAIL_3, name="Ana")])
    assert matched_ids(alone) == [("a", 1, "email")]


@pytest.mark.parametrize("shown", ["ｘ@a.example", "x\u200b@a.example"])
def test_a_login_that_resembles_a_live_one_is_a_conflict(shown):
    """Unless the ledger identifies its agent: then the login is a change."""
    agent = user(1, shown, name="Ivan")
    (conflict,) = logins([member("a", EMAIL_1)], [agent]).conflicts
    assert "declare `propertyfinder.id: 1`" in conflict.reason
    matching = logins([member("a", EMAIL_1)], [agent], prior=recorded({"a": [agent]}))
    assert matched_ids(matching) == [("a", 1, "ledger")]


def test_another_name_is_a_change_if_a_pin_or_login_matches():
    """The agent is identified without the ledger."""
    one, named = user(1, EMAIL_1, name="Ivan"), {"name": "Olga"}
    for desired, by in (
        (member("a", EMAIL_1, named), "email"),
        (member("a", EMAIL_2, named, id=1), "id"),
    ):
        matching = logins([desired], [one], prior=recorded({"a": [one]}))
        assert (matched_ids(matching), matching.conflicts) == ([("a", 1, by)], ())


def test_a_former_agent_can_match_another_file():
    """The file of another key has its login; the first key stays in conflict."""
    one = user(1, EMAIL_1, name="Ivan")
    desired = [member("a", EMAIL_2, {"name": "Olga"}), member("b", EMAIL_1, {"name": "Ivan"})]
    matching = logins(desired, [one], prior=recorded({"a": [one]}))
    assert (matched_ids(matching), keys(matching.conflicts)) == ([("b", 1, "email")], ["a"])


def test_several_former_agents_do_not_match_whatever_their_names():
    """None would match, so the name contradicts none."""
    former = [user(1, EMAIL_1, name="Ivan"), user(2, EMAIL_2, name="Oleg")]
    matching = logins(
        [member("a", EMAIL_3, {"name": "Olga"})], former, prior=recorded({"a": former})
    )
    assert (keys(matching.absent), matching.conflicts) == (["a"], ())


@pytest.mark.parametrize("order", [("id", "email"), ("id", "mobile", "email"), ("mobile",)])
def test_a_hint_matches_no_agent(order):
    """People may share a mobile or have two: under no order does it match or conflict."""
    one = mobile_user(1, PHONE)
    desired = [member("a", EMAIL_3, mobile=PHONE), member("b", mobile=PHONE)]
    matching = match_agents(
        desired, [one], order=order, identifiers=propertyfinder.IDENTIFIERS, creating=True
    )
    assert (matching.matches, keys(matching.absent), matching.conflicts) == ((), ["a", "b"], ())


def test_a_login_that_contradicts_the_ledger_is_a_conflict():
    """It matches another agent than at the last apply, and that one still exists: both are
    candidates. If it is gone, or among the former ones, the login decides."""
    one, two = user(1, EMAIL_1, name="Ivan"), user(2, EMAIL_2, name="Oleg")
    matching = logins([member("a", EMAIL_2)], [one, two], prior=recorded({"a": [one]}))
    (conflict,) = matching.conflicts
    assert (matching.matches, matching.absent) == ((), ())
    assert f"email {EMAIL_2} matches agent 2 Oleg" in conflict.reason
    assert "at the last apply this was 1 Ivan" in conflict.reason
    assert "Declare `propertyfinder.id`" in conflict.reason
    assert sorted(each.id for each in conflict.candidates) == [1, 2]
    three = user(3, EMAIL_3, name="Olga")
    matching = logins(
        [member("a", EMAIL_2)], [one, two, three], prior=recorded({"a": [one, three]})
    )
    assert "at the last apply this was 1 Ivan, 3 Olga" in matching.conflicts[0].reason
    assert matched_ids(logins([member("a", EMAIL_2)], [two], prior=EMPTY_STATE)) == [
        ("a", 2, "email")
    ]
    again = logins([member("a", EMAIL_2)], [one, two], prior=recorded({"a": [one, two]}))
    assert matched_ids(again) == [("a", 2, "email")]


def test_swapped_logins_without_pins_are_a_conflict_of_both():
    """The files have the logins the other way round, which is not enough to swap them."""
    one, two = user(1, EMAIL_1), user(2, EMAIL_2)
    former = {"a": [one], "b": [two]}
    matching = logins(
        [member("a", EMAIL_2), member("b", EMAIL_1)], [one, two], prior=recorded(former)
    )
    assert (keys(matching.conflicts), matching.matches, matching.absent) == (["a", "b"], (), ())


def test_several_former_agents_of_a_key_do_not_match():
    """Neither of them matches by the ledger, and each still matches by its login."""
    one, two = user(1, EMAIL_1), user(2, EMAIL_2)
    former = {"a": [one, two]}
    assert keys(logins([member("a", EMAIL_3)], [one, two], prior=recorded(former)).absent) == ["a"]
    assert matched_ids(logins([member("a", EMAIL_1)], [one, two], prior=recorded(former))) == [
        ("a", 1, "email")
    ]


@pytest.mark.parametrize("login", [None, EMAIL_1, EMAIL_2, EMAIL_3])
def test_a_pin_precedes_the_ledger(login):
    """Whichever agent was applied under that key before, and whichever has the login."""
    one, two = user(1, EMAIL_1), user(2, EMAIL_2)
    matching = logins([member("a", login, id=2)], [one, two], prior=recorded({"a": [one]}))
    assert (matched_ids(matching), matching.conflicts) == ([("a", 2, "id")], ())


def test_two_files_that_match_by_login_and_by_ledger_are_both_in_conflict():
    """One file has the login, the other the key of the last apply: each reason names the other."""
    one = user(1, EMAIL_1)
    matching = logins(
        [member("a", EMAIL_2), member("b", EMAIL_1)], [one], prior=recorded({"a": [one]})
    )
    reasons = {each.key: each.reason for each in matching.conflicts}
    assert matching.matches == ()
    assert "agent 1 User 1 by the ledger, and so does b (agents/b.yaml:1)" in reasons["a"]
    assert "agent 1 User 1 by email, and so does a (agents/a.yaml:1)" in reasons["b"]


def test_the_ledger_precedes_a_shared_value_that_prevents_a_creation():
    """The agent exists, so its phone cannot prevent a creation."""
    one = live(1, phone=PHONE)
    desired = [file("a", phone=PHONE)]
    conflicting = match_agents(desired, [one], order=("id", "externalId"), creating=True)
    assert keys(conflicting.conflicts) == ["a"]
    matching = match_agents(
        desired,
        [one],
        order=("id", "externalId"),
        creating=True,
        prior=recorded({"a": [one], "b": []}),
    )
    assert matched_ids(matching) == [("a", 1, "ledger")]


def test_every_agent_with_a_ledger_has_one_outcome():
    """Over all small worlds of logins, pins and ledgers: matched, absent or in conflict; no live
    agent matches twice, no pin is overruled, and the ledger matches only without a login."""
    users = [user(1, EMAIL_1), user(2, EMAIL_2)]
    choices = [
        (None, None),
        (EMAIL_1, None),
        (EMAIL_2, None),
        (EMAIL_3, None),
        (EMAIL_3, 1),
        (EMAIL_1, 2),
        (None, 1),
    ]
    ledgers = [(), (0,), (1,), (0, 1)]
    for first, second in product(choices, repeat=2):
        desired = [
            member(key, login, **({} if pin is None else {"id": pin}))
            for key, (login, pin) in zip("ab", (first, second), strict=True)
        ]
        for one, two in product(ledgers, repeat=2):
            if set(one) & set(two):
                continue  # an agent was applied under one key
            former = {"a": [users[at] for at in one], "b": [users[at] for at in two]}
            matching = logins(desired, users, prior=recorded(former))
            outcomes = (*matching.matches, *matching.absent, *matching.conflicts)
            assert keys(outcomes) == ["a", "b"]
            assert len({each.live.id for each in matching.matches}) == len(matching.matches)
            for each in matching.matches:
                assert each.desired.identity.get("id") in (None, each.live.id)
                applied = former[each.desired.key]
                if each.by == "ledger":
                    assert applied == [each.live]
                elif each.by == "email" and applied:
                    assert each.live in applied
