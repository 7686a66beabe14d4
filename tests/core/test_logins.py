"""Logins that move by updates, executed against the portal's own rules.

A *world* is the login of each user. No two users have the same login, whatever its letter case, and
no user is without one. The portal refuses an update or a creation that gives a user the login of
another, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from random import Random

import pytest

from reconciler.core.fields import Identifier, mailbox
from reconciler.core.links import hand_over
from reconciler.core.model import Match, Operation, Source

from .build import member, pf_draft, user
from .counting import Counted, uses

LOGIN = Identifier("email", "key", canonical=mailbox, moves="update")


def update(number, login=None, **values):
    """An update of a user, with the login if one is given."""
    values = values if login is None else {**values, "email": login}
    source = Source(f"{number}.yaml", 1)
    return Operation(f"update:{number}", "update", "pf", f"k{number}", source, number, None, values)


def creation(key, login):
    """The creation of a user with this login."""
    return Operation(
        f"create:{key}", "create", "pf", key, Source(f"{key}.yaml", 1), None, None, {"email": login}
    )


def hand_over_logins(profiles, users, undeclared=()):
    """The result of `hand_over` if all users are declared except `undeclared`."""
    declared = {
        each.id: Match(member(f"k{each.id}", at=f"{each.id}.yaml"), each, "id")
        for each in users
        if each.id not in undeclared
    }
    return hand_over(profiles, LOGIN, users, declared)


def logins_of(users):
    """The world of these users, with canonical logins."""
    return {each.id: mailbox(each.identity["email"]) for each in users}


def world_after_request(world, each):
    """The world after one request, None if the portal refuses it."""
    name = each.id if each.id is not None else each.name
    login = mailbox(each.values.get("email", world.get(name, "")))
    if any(login == owned and other != name for other, owned in world.items()):
        return None
    return {**world, name: login}


def world_after_all(world, steps):
    """The world after all steps in order. Check that the portal refuses none, and that each comes
    after the steps it waits for."""
    names = set()
    for step in steps:
        assert names.issuperset(step.waits), "sent before a step that it waits for"
        assert step.name not in names
        names.add(step.name)
        world = world_after_request(world, step)
        assert world is not None, "the login is taken"
    return world


def possible(world, steps):
    """The names of the requests that succeed in any order. A request that the portal refuses is
    skipped."""
    possible_names = set()
    for order in permutations(steps):
        current = world
        for each in order:
            after = world_after_request(current, each)
            if after is not None:
                current = after
                possible_names.add(each.name)
        if len(possible_names) == len(steps):
            break
    return possible_names


def declarations(count, logins):
    """Every way in which `count` files can declare different logins, or none."""
    return [
        each
        for each in product([None, *logins], repeat=count)
        if len({login for login in each if login}) == sum(login is not None for login in each)
    ]


@pytest.mark.parametrize("whole_bodies", [False, True], ids=["differences", "whole-bodies"])
def test_every_possible_move_in_a_small_world_of_logins_happens(whole_bodies):
    """Three users and a creation, every declaration: a move that happens leads to the declared
    login and no request is refused; a move that is refused is impossible in every order. Whole
    bodies have unchanged logins too."""
    users = [user(at + 1, login) for at, login in enumerate(("a", "B", "c"))]
    world = logins_of(users)
    for *wanted, new in declarations(4, ("A", "b", "c", "d")):
        profiles = [
            update(each.id, login or (each.identity["email"] if whole_bodies else None), name="N")
            for each, login in zip(users, wanted, strict=True)
        ]
        profiles += [creation("new", new)] if new else []
        for order in (profiles, profiles[::-1]):
            moves, refusals = hand_over_logins(order, users)
            assert {each.name for each in moves} == possible(world, profiles)
            assert len(moves) + len(refusals) == len(profiles)
            end = world_after_all(world, moves)
            for each in moves:
                name = each.id or each.name
                assert end[name] == mailbox(each.values.get("email", world.get(name, "")))


def test_every_possible_move_in_random_worlds_of_logins_happens():
    """Four users and a creation in random order of the files; some users are not declared."""
    random, logins = Random(5), "abcdef"
    all_declarations = declarations(5, logins)
    for _ in range(300):
        *wanted, new = random.choice(all_declarations)
        users = [user(at + 1, login) for at, login in enumerate("abcd")]
        undeclared = random.sample([1, 2, 3, 4], random.choice((0, 0, 1)))
        profiles = [
            update(each.id, login)
            for each, login in zip(users, wanted, strict=True)
            if login is not None and each.id not in undeclared
        ]
        profiles += [creation("new", new)] if new else []
        random.shuffle(profiles)
        moves, refusals = hand_over_logins(profiles, users, undeclared)
        assert {each.name for each in moves} == possible(logins_of(users), profiles)
        assert len(moves) + len(refusals) == len(profiles)
        world_after_all(logins_of(users), moves)


def test_a_failed_update_skips_only_the_steps_that_wait_for_it():
    """Whichever step fails, the portal refuses none of the others."""
    users = [user(at + 1, login) for at, login in enumerate("abc")]
    for *wanted, new in declarations(4, "abcd"):
        profiles = [update(at + 1, login) for at, login in enumerate(wanted) if login]
        profiles += [creation("new", new)] if new else []
        moves, _ = hand_over_logins(profiles, users)
        for failing in moves:
            world, failed = logins_of(users), {failing.name}
            for step in moves:
                if step.name in failed or failed.intersection(step.waits):
                    failed.add(step.name)
                else:
                    world = world_after_request(world, step)
                    assert world is not None


def test_a_chain_starts_at_the_free_login():
    """1 takes the login of 2, 2 that of 3, and 3 a new one: each waits for the next. Other updates
    keep the order of the files."""
    users = [user(1, "a"), user(2, "b"), user(3, "c"), user(4, "d")]
    profiles = [update(4, name="N"), update(1, "b"), update(2, "c"), update(3, "e")]
    moves, refusals = hand_over_logins(profiles, users)
    assert [(each.name, each.waits) for each in moves] == [
        ("update:4", ()),
        ("update:3", ()),
        ("update:2", ("update:3",)),
        ("update:1", ("update:2",)),
    ]
    assert refusals == []


def test_an_operation_keeps_its_earlier_waits():
    """The login adds another one."""
    profiles = [replace(update(1, "b"), waits=("link:1",)), update(2, "c")]
    moves, _ = hand_over_logins(profiles, [user(1, "a"), user(2, "b")])
    assert [each.waits for each in moves] == [(), ("link:1", "update:2")]


def test_operations_without_logins_are_unchanged():
    """They wait for nothing."""
    profiles = [update(2, name="N"), update(1, name="N")]
    assert hand_over_logins(profiles, [user(1, "a"), user(2, "b")]) == (profiles, [])


def test_a_creation_can_take_a_released_login():
    """It waits for the update; if no update releases the login, it is refused and the reason names
    the holder."""
    moves, _ = hand_over_logins([creation("new", "A"), update(1, "b")], [user(1, "a")])
    assert [(each.name, each.waits) for each in moves] == [
        ("update:1", ()),
        ("create:new", ("update:1",)),
    ]
    moves, (refusal,) = hand_over_logins([creation("new", "A")], [user(1, "a", name="Ivan")])
    assert moves == []
    assert (refusal.claim.key, str(refusal.claim.source), refusal.holder.id) == (
        "new",
        "new.yaml:1",
        1,
    )
    assert refusal.claim.wants == "A"
    assert "agent 1 Ivan has email A" in refusal.reason
    assert "k1 (1.yaml:1) and keeps it" in refusal.reason


def test_a_circle_of_logins_is_refused():
    """Each update of a swap needs the login of the other; an agent that wants one of these logins
    is refused too."""
    users = [user(1, "a"), user(2, "b"), user(3, "c")]
    moves, refusals = hand_over_logins([update(1, "b"), update(2, "a"), update(3, "d")], users)
    assert [each.name for each in moves] == ["update:3"]
    assert [each.claim.key for each in refusals] == ["k1", "k2"]
    assert "agent 2 User 2 has email b" in refusals[0].reason
    assert "in a cycle. Give one of them a temporary address" in refusals[0].reason
    assert "in a cycle" in refusals[1].reason
    rotation = [update(1, "b"), update(2, "c"), update(3, "a")]
    assert hand_over_logins(rotation, users)[0] == []
    moves, refusals = hand_over_logins([update(3, "A"), update(1, "b"), update(2, "a")], users)
    assert (moves, [each.claim.key for each in refusals]) == ([], ["k3", "k1", "k2"])


def test_a_login_of_an_undeclared_agent_is_refused():
    """The reason says what to do; the agent that waits for the refused one is refused too."""
    users = [user(1, "a"), user(2, "b"), user(3, "c")]
    profiles = [update(1, "b"), update(2, "c")]
    moves, refusals = hand_over_logins(profiles, users, undeclared=[3])
    assert moves == []
    reasons = {each.claim.key: each.reason for each in refusals}
    assert "agent 3 User 3 has email c, and no file declares that agent." in reasons["k2"]
    assert (
        "agent 2 User 2 has email b and cannot get the one that its own file declares"
        in reasons["k1"]
    )


def test_another_letter_case_is_the_same_login():
    """It neither conflicts with its own agent nor releases the login for another."""
    users = [user(1, "Ivan@a"), user(2, "b")]
    alone = [update(1, "ivan@A")]
    assert hand_over_logins(alone, users) == (alone, [])
    moves, (refusal,) = hand_over_logins([update(1, "ivan@A"), update(2, "IVAN@a")], users)
    assert [each.name for each in moves] == ["update:1"]
    assert "k1 (1.yaml:1) and keeps it" in refusal.reason


def test_an_unchanged_login_in_a_body_is_not_released():
    """If an update replaces the whole agent, it contains the agent's own login."""
    users = [user(1, "a"), user(2, "b")]
    whole = [update(1, "a", name="N"), update(2, "b")]
    assert hand_over_logins(whole, users) == (whole, [])
    moves, (refusal,) = hand_over_logins([update(1, "a"), update(2, "a")], users)
    assert (moves, refusal.claim.key) == ([update(1, "a")], "k2")


@pytest.mark.parametrize("replaces", [False, True])
def test_a_plan_of_pinned_users_resolves_every_small_world_of_logins(replaces):
    """Three pinned users and a new one, every declaration, with matching and comparing; the next
    plan has the same conflicts and no operations."""
    users = [user(at + 1, login) for at, login in enumerate(("a@x", "B@x", "c@x"))]
    world, counts = logins_of(users), set()
    for *wanted, new in declarations(4, ("a@x", "b@x", "c@x", "d@x")):
        desired = [
            member(f"k{at + 1}", login, {"name": f"User {at + 1}"}, id=at + 1)
            for at, login in enumerate(wanted)
        ]
        desired += [member("new", new, {"name": "Olga"})] if new else []
        draft = pf_draft(desired, users, replaces=replaces)
        end = world_after_all(world, draft.operations)
        conflicts = {each.key for each in draft.conflicts}
        for each in desired:
            login = each.identity.get("email")
            name = each.identity.get("id", "create:new")
            if login is not None and each.key not in conflicts:
                assert end[name] == login
        listed = [user(at + 1, end[at + 1]) for at in range(3)]
        listed += [user(9, end["create:new"], name="Olga")] if "create:new" in end else []
        again = pf_draft(desired, listed, replaces=replaces)
        assert again.operations == ()
        assert {each.key for each in again.conflicts} == conflicts
        counts |= {len(conflicts)}
    assert counts >= {0, 2, 3}


# -- the work grows with the number of agents ------------------------------------------------------


def logins_in_a_row(size, last):
    """Each user wants the login of the next one; the last one wants `last`."""
    wanted = [*(f"u{at}@x" for at in range(1, size)), last]
    users = [user(at, f"u{at}@x") for at in range(size)]
    profiles = [
        replace(update(at, login), name=Counted(f"update:{at}")) for at, login in enumerate(wanted)
    ]
    return hand_over_logins(profiles, users)


def free_chain(size):
    """The last login is free, so all logins move, the last one first."""
    moves, refusals = logins_in_a_row(size, "free@x")
    assert ([each.id for each in moves], refusals) == ([*reversed(range(size))], [])


def kept_chain(size):
    """The last login belongs to a user who keeps it."""
    wanted = [*(f"u{at}@x" for at in range(1, size + 1))]
    users = [user(at, f"u{at}@x") for at in range(size + 1)]
    profiles = [
        replace(update(at, login), name=Counted(f"update:{at}")) for at, login in enumerate(wanted)
    ]
    moves, refusals = hand_over_logins(profiles, users)
    assert (moves, len(refusals)) == ([], size)


def circle(size):
    """The last user wants the login of the first one."""
    moves, refusals = logins_in_a_row(size, "u0@x")
    assert (moves, len(refusals)) == ([], size)


@pytest.mark.parametrize("work", [free_chain, kept_chain, circle])
def test_twice_the_agents_take_twice_the_work(work):
    """The number of look-ups in a chain of keys is linear, not quadratic."""
    assert 0 < uses(work, 400) <= 2.1 * uses(work, 200)
