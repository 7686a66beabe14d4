"""Rentix: from operations to requests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Request
from reconciler.core.plan_json import request_bytes
from reconciler.portals.rentix.table import BODY_LIMIT

from .talk import SINGLE, TOGETHER, create, link, rentix, unlink, update


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_nothing_to_do_is_no_request():
    """No operation, no step."""
    assert rentix().steps([]) == ()


@pytest.mark.parametrize("by", ["id", "externalId"])
def test_one_changed_agent_is_one_put(by):
    """Named by its live id under either configuration, with what differs and nothing else."""
    (step,) = rentix(bulk_by=by).steps([update(5)])
    assert (step.request.method, step.request.path) == ("PUT", "/users")
    assert step.request.body == {"id": 5, "name": "New 5"}
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_one_new_agent_is_one_put_by_external_id():
    """A creation has no other name."""
    (step,) = rentix().steps([create()])
    body = {"externalId": "new", "name": "Ana", "phone": "+373 69 000 001"}
    assert step.request == Request("PUT", "/users", body)
    assert step.kind == "create"


def test_several_changed_agents_are_one_bulk():
    """Each an upsert by id, a new one by external id, in the order of the plan."""
    (step,) = rentix().steps([update(1), create(), update(2, external=False)])
    assert step.request == Request(
        "POST",
        "/users/bulk",
        {
            "operations": [
                {"op": "upsert", "id": 1, "name": "New 1"},
                {
                    "op": "upsert",
                    "externalId": "new",
                    "name": "Ana",
                    "phone": "+373 69 000 001",
                },
                {"op": "upsert", "id": 2, "name": "New 2"},
            ]
        },
    )
    assert step.kind == "bulk"


def test_every_operation_names_its_agent_once():
    """Exactly one of id and externalId, under either configuration."""
    for by in ("id", "externalId"):
        (step,) = rentix(bulk_by=by).steps([update(1), create(), update(2)])
        for operation in step.request.body["operations"]:
            assert ("id" in operation) + ("externalId" in operation) == 1


def test_bulk_by_external_id_sends_alone_who_has_none():
    """Those without an external id are PUT by id, the others are one bulk by external id."""
    steps = rentix(bulk_by="externalId").steps(
        [update(1), update(2, external=False), update(3), update(4, external=False)]
    )
    assert lines(steps) == [SINGLE, SINGLE, TOGETHER]
    assert [step.request.body.get("id") for step in steps] == [2, 4, None]
    named = [each.get("externalId") for each in steps[2].request.body["operations"]]
    assert named == ["agent-1", "agent-3"]


@pytest.mark.parametrize(("count", "bulk", "fewest"), [(100, 100, 1), (101, 100, 2), (7, 3, 3)])
def test_the_fewest_bulks_by_number(count, bulk, fewest):
    """As many as the limit of operations asks for, and none is over it."""
    steps = rentix(bulk=bulk).steps([update(number) for number in range(1, count + 1)])
    sizes = [len(step.operations) for step in steps]
    assert (len(steps), sum(sizes)) == (fewest, count)
    assert max(sizes) <= bulk


@pytest.mark.parametrize("letter", ["a", "Ж", "家", "🏠", '"', "\n"], ids=ascii)
@pytest.mark.parametrize("by", ["id", "externalId"])
def test_the_fewest_bulks_by_size(letter, by):
    """No body is over 512 KB as it goes over the wire; three that fit in twos are two bulks."""
    width = len(request_bytes(Request("", "", letter))) - 2
    text = letter * (200 * 1024 // width)
    steps = rentix(bulk_by=by).steps([update(each, description=text) for each in (1, 2, 3)])
    sent = [len(request_bytes(step.request)) for step in steps]
    assert len(steps) == 2
    assert max(sent) <= BODY_LIMIT == 512 * 1024


def test_large_and_small_agents_share_bulks():
    """In order it would take three requests; large with small takes two."""
    sizes = [300, 300, 200, 200]
    steps = rentix().steps(
        [update(number, name="x" * (kb * 1024)) for number, kb in enumerate(sizes, 1)]
    )
    assert len(steps) == 2
    assert sorted(each.name for step in steps for each in step.operations) == [
        f"update:{number}" for number in (1, 2, 3, 4)
    ]


def test_a_profile_that_no_request_can_carry_is_refused_beforehand():
    """The policy says of it that it is too large, and of the largest that fits nothing."""
    portal = rentix()
    refuses = portal.policy.refuses
    assert refuses(update(1)) is None
    assert "512 KB" in refuses(update(1, name="x" * BODY_LIMIT))
    most = max(size for size in range(BODY_LIMIT - 200, BODY_LIMIT) if not refuses(wide(size)))
    for number in (1, 2):
        steps = portal.steps([wide(most), update(2), update(3)][: number + 1])
        assert all(len(request_bytes(step.request)) <= BODY_LIMIT for step in steps)


def wide(size):
    """An update of this many bytes and a few."""
    return update(1, name="x" * size)


def test_by_external_id_the_size_counts_the_external_id():
    """A profile that just fits by id stays within 512 KB where its long external id names it."""
    portal = rentix(bulk_by="externalId")
    name = "x" * (BODY_LIMIT - 120)
    large = update(1, external="Ж" * 255, name=name)
    assert portal.policy.refuses(large) is None
    steps = portal.steps([large, update(2), update(3)])
    assert max(len(request_bytes(step.request)) for step in steps) <= BODY_LIMIT


def test_links_and_unlinks_are_requests_of_their_own():
    """The documented calls, one each, before the profiles."""
    steps = rentix().steps([update(1), unlink(2, "a/b"), link(1, "a/b", "unlink:2"), update(2)])
    assert [step.request for step in steps[:2]] == [
        Request("DELETE", "/users/2/link"),
        Request("POST", "/users/1/link", {"externalId": "a/b"}),
    ]
    assert [step.id for step in steps] == ["r1", "r2", "r3"]
    assert [step.after for step in steps] == [(), ("r1",), ()]
    assert lines(steps)[2] == TOGETHER


def test_the_after_of_many_steps_is_in_their_order():
    """r2 comes before r10."""
    unlinks = [unlink(number, f"x-{number}") for number in range(1, 12)]
    last = link(20, "x-20", *(each.name for each in unlinks))
    *_, step = rentix().steps([*unlinks, last])
    assert step.after == tuple(f"r{number}" for number in range(1, 12))


def test_a_wait_for_what_is_not_in_the_plan_is_no_after():
    """`after` names steps that are there."""
    (step,) = rentix().steps([link(1, "a", "unlink:9")])
    assert step.after == ()


@st.composite
def moves(draw):
    """Operations that give agents, of whom some hold external ids, the ids of others or new ones,
    each link after the unlinks that free its agent and its id; and an update of each agent."""
    count = draw(st.integers(1, 7))
    names = [f"x{number}" for number in range(count + 2)]
    held = draw(st.permutations([*names[:count], *[None] * draw(st.integers(0, 3))]))[:count]
    wanted = draw(st.permutations(names))[:count]
    made = {}
    for number, (has, want) in enumerate(zip(held, wanted, strict=True), 1):
        if has == want:
            continue
        freed = [(number, has)] if has else []
        freed += [(held.index(want) + 1, want)] if want in held else []
        for who, name in freed:
            made.setdefault(f"unlink:{who}", unlink(who, name))
        made[f"link:{number}"] = link(number, want, *(f"unlink:{who}" for who, _ in freed))
    updates = [
        replace(
            update(number, external=want),
            waits=(f"link:{number}",) if f"link:{number}" in made else (),
        )
        for number, want in enumerate(wanted, 1)
    ]
    return list(made.values()), updates


@settings(deadline=None, max_examples=60, database=None)
@given(moves(), st.sampled_from(["id", "externalId"]), st.integers(1, 4))
def test_the_order_of_the_steps_is_one_in_which_they_may_be_sent(given_moves, by, bulk):
    """Swaps, chains, rotations: each operation is in one step, after all that it waits for."""
    linking, updates = given_moves
    operations = [*linking, *updates]
    steps = rentix(bulk=bulk, bulk_by=by).steps(operations)
    sent = [each.name for step in steps for each in step.operations]
    assert sorted(sent) == sorted(each.name for each in operations)
    place = {each.name: step.id for step in steps for each in step.operations}
    seen = set()
    for step in steps:
        assert set(step.after) <= seen
        for each in step.operations:
            assert {place[wait] for wait in each.waits} <= set(step.after)
        seen.add(step.id)
    assert [step.id for step in steps] == [f"r{number}" for number in range(1, len(steps) + 1)]
