"""Rentix: from operations to requests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Request
from reconciler.core.plan_json import request_bytes
from reconciler.portals.rentix.table import BODY_LIMIT

from .build import BULK, SINGLE, create, link, rentix, unlink, update


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_no_operations_are_no_steps():
    """Nothing to do needs no request."""
    assert rentix().steps([]) == ()


@pytest.mark.parametrize("by", ["id", "externalId"])
def test_one_update_is_one_put(by):
    """By the live id under either configuration, with only the changed values."""
    (step,) = rentix(bulk_by=by).steps([update(5)])
    assert (step.request.method, step.request.path) == ("PUT", "/users")
    assert step.request.body == {"id": 5, "name": "New 5"}
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_one_creation_is_one_put_by_external_id():
    """A new agent has no other identifier."""
    (step,) = rentix().steps([create()])
    body = {"externalId": "new", "name": "Ana", "phone": "+373 69 000 001"}
    assert step.request == Request("PUT", "/users", body)
    assert step.kind == "create"


def test_several_updates_are_one_bulk():
    """Each an upsert by id, a creation by external id, in the order of the plan."""
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


def test_every_operation_has_one_identifier():
    """Exactly one of id and externalId, under either configuration."""
    for by in ("id", "externalId"):
        (step,) = rentix(bulk_by=by).steps([update(1), create(), update(2)])
        for operation in step.request.body["operations"]:
            assert ("id" in operation) + ("externalId" in operation) == 1


def test_bulk_by_external_id_sends_agents_without_one_separately():
    """They are updated by id with a PUT; the others are one bulk."""
    steps = rentix(bulk_by="externalId").steps(
        [update(1), update(2, external=False), update(3), update(4, external=False)]
    )
    assert lines(steps) == [SINGLE, SINGLE, BULK]
    assert [step.request.body.get("id") for step in steps] == [2, 4, None]
    named = [each.get("externalId") for each in steps[2].request.body["operations"]]
    assert named == ["agent-1", "agent-3"]


@pytest.mark.parametrize(("count", "bulk", "fewest"), [(100, 100, 1), (101, 100, 2), (7, 3, 3)])
def test_bulks_are_as_few_as_the_count_allows(count, bulk, fewest):
    """None is over the limit of operations."""
    steps = rentix(bulk=bulk).steps([update(number) for number in range(1, count + 1)])
    sizes = [len(step.operations) for step in steps]
    assert (len(steps), sum(sizes)) == (fewest, count)
    assert max(sizes) <= bulk


@pytest.mark.parametrize("letter", ["a", "Ж", "家", "🏠", '"', "\n"], ids=ascii)
@pytest.mark.parametrize("by", ["id", "externalId"])
def test_bulks_are_as_few_as_the_size_allows(letter, by):
    """No encoded body is over 512 KB; three agents of which two fit together are two bulks."""
    width = len(request_bytes(Request("", "", letter))) - 2
    text = letter * (200 * 1024 // width)
    steps = rentix(bulk_by=by).steps([update(each, description=text) for each in (1, 2, 3)])
    sent = [len(request_bytes(step.request)) for step in steps]
    assert len(steps) == 2
    assert max(sent) <= BODY_LIMIT == 512 * 1024


def test_large_and_small_agents_share_bulks():
    """In order they would need three requests; mixed they need two."""
    sizes = [300, 300, 200, 200]
    steps = rentix().steps(
        [update(number, name="x" * (kb * 1024)) for number, kb in enumerate(sizes, 1)]
    )
    assert len(steps) == 2
    assert sorted(each.name for step in steps for each in step.operations) == [
        f"update:{number}" for number in (1, 2, 3, 4)
    ]


def test_profile_over_the_size_limit_is_rejected_by_the_policy():
    """The largest one that fits is not."""
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


def test_size_includes_the_external_id():
    """A profile that just fits by id stays within 512 KB if a long external id identifies it."""
    portal = rentix(bulk_by="externalId")
    name = "x" * (BODY_LIMIT - 120)
    large = update(1, external="Ж" * 255, name=name)
    assert portal.policy.refuses(large) is None
    steps = portal.steps([large, update(2), update(3)])
    assert max(len(request_bytes(step.request)) for step in steps) <= BODY_LIMIT


def test_links_and_unlinks_are_separate_requests():
    """The documented calls, one each, before the profiles."""
    steps = rentix().steps([update(1), unlink(2, "a/b"), link(1, "a/b", "unlink:2"), update(2)])
    assert [step.request for step in steps[:2]] == [
        Request("DELETE", "/users/2/link"),
        Request("POST", "/users/1/link", {"externalId": "a/b"}),
    ]
    assert [step.id for step in steps] == ["r1", "r2", "r3"]
    assert [step.after for step in steps] == [(), ("r1",), ()]
    assert lines(steps)[2] == BULK


def test_after_lists_steps_in_order():
    """r2 comes before r10."""
    unlinks = [unlink(number, f"x-{number}") for number in range(1, 12)]
    last = link(20, "x-20", *(each.name for each in unlinks))
    *_, step = rentix().steps([*unlinks, last])
    assert step.after == tuple(f"r{number}" for number in range(1, 12))


def test_waits_for_missing_operations_are_dropped():
    """`after` names only steps that exist."""
    (step,) = rentix().steps([link(1, "a", "unlink:9")])
    assert step.after == ()


@st.composite
def moves(draw):
    """Operations that assign external ids to agents, some of which hold other ids, each link
    after the unlinks that free its agent and its id; and an update of each agent."""
    count = draw(st.integers(1, 7))
    names = [f"x{number}" for number in range(count + 2)]
    held = draw(st.permutations([*names[:count], *[None] * draw(st.integers(0, 3))]))[:count]
    wanted = draw(st.permutations(names))[:count]
    operations = {}
    for number, (has, want) in enumerate(zip(held, wanted, strict=True), 1):
        if has == want:
            continue
        freed = [(number, has)] if has else []
        freed += [(held.index(want) + 1, want)] if want in held else []
        for who, name in freed:
            operations.setdefault(f"unlink:{who}", unlink(who, name))
        operations[f"link:{number}"] = link(number, want, *(f"unlink:{who}" for who, _ in freed))
    updates = [
        replace(
            update(number, external=want),
            waits=(f"link:{number}",) if f"link:{number}" in operations else (),
        )
        for number, want in enumerate(wanted, 1)
    ]
    return list(operations.values()), updates


@settings(deadline=None, max_examples=60, database=None)
@given(moves(), st.sampled_from(["id", "externalId"]), st.integers(1, 4))
def test_steps_are_ordered_by_their_waits(given_moves, by, bulk):
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
