"""External ids that move, executed against the portal's own rules.

A *world* is the external id of each live agent, None for no id. The portal refuses a link if the
agent has another id, or if another agent has that id, and nothing else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cache
from itertools import permutations, product
from random import Random

import pytest

from reconciler.core.links import Claim, Claims, operations, resolve
from reconciler.core.model import Source
from reconciler.core.selection import Selection

from .build import file, live, rentix_draft
from .counting import Counted, uses


def worlds(size, ids):
    """Every way in which `size` agents can hold these ids, each at most once."""
    return [
        world
        for world in product([None, *ids], repeat=size)
        if len({each for each in world if each}) == sum(each is not None for each in world)
    ]


def movers(before, wanted):
    """The places of the agents that declare an id and do not have it."""
    return [at for at, want in enumerate(wanted) if want is not None and want != before[at]]


def possible_moves(before, wanted):
    """The movers whose id is free, or held by an agent that moves too, and so on."""
    holder = {held: at for at, held in enumerate(before) if held is not None}
    moving = set(movers(before, wanted))
    moves = []
    for first in sorted(moving):
        at, seen = first, set()
        while at is not None and at in moving and at not in seen:
            seen.add(at)
            at = holder.get(wanted[at])
        if at is None or at in seen:
            moves.append(first)
    return moves


@cache
def distances(held, size, ids):
    """Breadth-first over what the portal allows: the fewest calls from the world in which the
    first `held` of `size` agents have the first ids, to every other world."""
    before = tuple(at if at < held else None for at in range(size))
    fewest, queue = {before: 0}, deque([before])
    while queue:
        world = queue.popleft()
        for at in range(size):
            free = range(ids) if world[at] is None else [None]
            for new in free:
                if new is None or new not in world:
                    after = (*world[:at], new, *world[at + 1 :])
                    if after not in fewest:
                        fewest[after] = fewest[world] + 1
                        queue.append(after)
    return fewest


def fewest(before, end, moving):
    """The fewest calls from one world to another if only these agents are touched.

    The names of agents and ids do not matter to the portal, so they are numbered, holders first.
    """
    order = sorted(moving, key=lambda at: before[at] is None)
    names = [before[at] for at in order if before[at] is not None]
    held = len(names)
    names += [end[at] for at in order if end[at] is not None and end[at] not in names]
    goal = tuple(None if end[at] is None else names.index(end[at]) for at in order)
    return distances(held, len(order), len(names))[goal]


def world_after_call(world, operation):
    """The world after one call, which the portal must not refuse."""
    at = operation.id - 1
    if operation.verb == "unlink":
        assert world[at] == operation.external_id, "unlinks what is not linked"
        new = None
    else:
        assert operation.verb == "link"
        assert world[at] is None, "User already has external ID"
        assert operation.external_id not in world, "External ID already linked"
        new = operation.external_id
    return (*world[:at], new, *world[at + 1 :])


def world_after(world, steps):
    """The world after all steps in order. Check that each comes after the steps it waits for."""
    names = set()
    for step in steps:
        assert names.issuperset(step.waits), "sent before a step that it waits for"
        assert step.name not in names
        names.add(step.name)
        world = world_after_call(world, step)
    return world


def latest_first(steps):
    """Another order that the waits allow: always the last step that is ready."""
    left, names, order = list(steps), set(), []
    while left:
        step = next(each for each in reversed(left) if names.issuperset(each.waits))
        left.remove(step)
        names.add(step.name)
        order.append(step)
    return order


def resolve_world(before, wanted, *, picked=None, lost=(), others=(), order=None):
    """The results of `resolve` and `operations` for a world in which every agent is declared."""
    agents = [live(at + 1, held) for at, held in enumerate(before)]
    places = order or range(len(before))
    declared = {
        at + 1: Claim(f"k{at + 1}", Source(f"{at + 1}.yaml", 1), agents[at], wanted[at])
        for at in places
    }
    chosen = frozenset(declared) if picked is None else frozenset(at + 1 for at in picked)
    holders = {held: agents[at] for at, held in enumerate(before) if held is not None}
    claims = Claims(declared, chosen, others, frozenset(lost))
    moves, refusals = resolve(claims, handle="externalId", holders=holders)
    steps = operations(moves, portal="rentix", handle="externalId", holders=holders)
    return moves, refusals, steps


def check(before, wanted, order=None):
    """Check the moves, the refusals, the end and the number of calls of one world."""
    moves, refusals, steps = resolve_world(before, wanted, order=order)
    movable = possible_moves(before, wanted)
    assert sorted(int(claim.key[1:]) - 1 for claim in moves) == movable
    refused = sorted(int(each.claim.key[1:]) - 1 for each in refusals)
    assert refused == [at for at in movers(before, wanted) if at not in movable]
    end = tuple(wanted[at] if at in movable else held for at, held in enumerate(before))
    assert world_after(before, steps) == end
    assert world_after(before, latest_first(steps)) == end
    assert len(steps) == fewest(before, end, movable)
    for each in refusals:
        assert each.holder.identity["externalId"] == each.claim.wants


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_small_world_is_resolved_with_the_fewest_calls(size):
    """All holders against all declared ids: every possible move happens, no call is refused in any
    order that the waits allow, no other agent is changed, and no other way has fewer calls."""
    all_worlds = worlds(size, "abcd"[:size])
    for before in all_worlds:
        for wanted in all_worlds:
            check(before, wanted)


def test_rotations_and_random_worlds_are_resolved():
    """All rotations of five and six agents, and random worlds of these sizes in random order."""
    for size in (5, 6):
        before = tuple("abcdef"[:size])
        for shift in range(1, size):
            check(before, (*before[shift:], *before[:shift]))
    random = Random(6)
    for size in (5, 6) * 200:
        ids = list("abcdef"[:size])
        gaps = random.choice((0, 0, 1, 2))
        before, wanted = (
            [None if random.random() < gaps / size else each for each in random.sample(ids, size)]
            for _ in range(2)
        )
        check(tuple(before), tuple(wanted), random.sample(range(size), size))


@pytest.mark.parametrize(
    "size", [4, pytest.param(5, marks=pytest.mark.long), pytest.param(6, marks=pytest.mark.long)]
)
def test_every_large_world_is_resolved_with_the_fewest_calls(size):
    """Up to the names of ids and agents: every number of holders, every declaration, in two random
    orders of the files."""
    ids, random = "abcdef"[:size], Random(size)
    for held in range(size + 1):
        before = tuple(ids[at] if at < held else None for at in range(size))
        for wanted in worlds(size, ids):
            for _ in range(2):
                check(before, wanted, random.sample(range(size), size))


def test_a_failed_step_skips_only_the_steps_that_wait_for_it():
    """Whichever step fails, the portal refuses none of the others."""
    all_worlds = worlds(3, "abc")
    for before, wanted in product(all_worlds, all_worlds):
        _, _, steps = resolve_world(before, wanted)
        for failing in steps:
            world, failed = before, {failing.name}
            for step in steps:
                if step.name in failed or failed.intersection(step.waits):
                    failed.add(step.name)
                else:
                    world = world_after_call(world, step)


def test_an_agent_is_unlinked_as_late_as_possible():
    """In a chain, just before the link that needs its external id."""
    _, _, steps = resolve_world(("a", "b", "c"), ("b", "c", "d"))
    names = [step.name for step in steps]
    assert names == ["unlink:1", "unlink:2", "link:1", "unlink:3", "link:2", "link:3"]


def test_separate_chains_do_not_wait_for_each_other():
    """A failure in one does not affect the other."""
    _, _, steps = resolve_world(("a", "b", "c", "d"), ("b", "a", "d", "c"))
    chains = [
        {"link:1", "link:2", "unlink:1", "unlink:2"},
        {"link:3", "link:4", "unlink:3", "unlink:4"},
    ]
    for step in steps:
        chain = next(each for each in chains if step.name in each)
        assert chain.issuperset(step.waits)


def test_each_operation_names_its_agent_and_source():
    """The portal, the key, the file's line, and the external id; a removed agent has no source."""
    removed = Claim("removed", None, live(9, "c"), None)
    _, _, steps = resolve_world(("a", None), (None, "a"), others=[removed])
    details = [(step.name, step.portal, step.key, step.source, step.external_id) for step in steps]
    assert details == [("unlink:9", "rentix", "removed", None, "c")]
    _, _, steps = resolve_world(("a", "b"), ("b", "a"))
    details = {
        step.name: (step.portal, step.key, str(step.source), step.external_id) for step in steps
    }
    assert details == {
        "unlink:1": ("rentix", "k1", "1.yaml:1", "a"),
        "unlink:2": ("rentix", "k2", "2.yaml:1", "b"),
        "link:1": ("rentix", "k1", "1.yaml:1", "b"),
        "link:2": ("rentix", "k2", "2.yaml:1", "a"),
    }


def reasons(before, wanted, **options):
    """The reasons of the refusals by key."""
    _, refusals, _ = resolve_world(before, wanted, **options)
    return {each.claim.key: each.reason for each in refusals}


def test_an_external_id_of_an_undeclared_agent_is_refused():
    """1 wants the id of the undeclared 5, and 2 wants that of 1: both are refused; 3 and 4 swap."""
    before = ("a", None, "c", "d", "e")
    reasons_by_key = reasons(before, ("e", "a", "d", "c", None), order=range(4))
    assert set(reasons_by_key) == {"k1", "k2"}
    assert (
        "agent 5 Agent 5 has externalId e, and no file declares that agent." in reasons_by_key["k1"]
    )
    assert "agent 1 Agent 1 has externalId a" in reasons_by_key["k2"]
    assert "k1 (1.yaml:1), which is in conflict" in reasons_by_key["k2"]


def test_an_external_id_that_its_holder_keeps_is_refused():
    """The file of the holder declares no other id, or this one."""
    assert "(2.yaml:1) without another externalId" in reasons((None, "b"), ("b", None))["k1"]
    assert "(2.yaml:1) without another externalId" in reasons((None, "b"), ("b", "b"))["k1"]


def test_half_a_swap_is_refused():
    """2 is not selected and keeps its id; the reason names its file."""
    reasons_by_key = reasons(("a", "b"), ("b", "a"), picked=[0])
    assert set(reasons_by_key) == {"k1"}
    assert "k2 (2.yaml:1), which this plan leaves out" in reasons_by_key["k1"]


def test_an_external_id_of_an_agent_in_conflict_is_refused():
    """2 is in conflict for another reason, so it keeps its id and gets no other."""
    moves, refusals, steps = resolve_world(("a", "b", "c"), ("b", "c", "d"), lost=["k2"])
    assert [each.claim.key for each in refusals] == ["k1"]
    assert "k2 (2.yaml:1), which is in conflict" in refusals[0].reason
    assert [claim.key for claim in moves] == ["k3"]
    assert [step.name for step in steps] == ["unlink:3", "link:3"]


def test_a_refusal_in_a_rotation_stops_the_rotation():
    """An agent that cannot move keeps the id that the next one waits for, all the way round."""
    reasons_by_key = reasons(("a", "b", "c", "d"), ("b", "c", "a", "d"), picked=[0, 1, 3])
    assert set(reasons_by_key) == {"k1", "k2"}


def test_claims_with_the_same_key_are_refused_together():
    """If one of them waits for another agent, it is dropped with the first, without a separate
    refusal."""
    holders = {each: live(at + 1, each) for at, each in enumerate("abc")}
    first, second = (Claim("k", Source(f"{at}.yaml", 1), live(at), "a") for at in (5, 6))
    claims = Claims({5: first, 6: second}, frozenset([5, 6]), (), frozenset())
    moves, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (moves, [each.claim for each in refusals]) == ([], [first, second])
    other = Claim("b", Source("b.yaml", 1), holders["b"], "c")
    second = replace(second, wants="b")
    claims = Claims({5: first, 6: second, 2: other}, frozenset([2, 5, 6]), (), frozenset())
    moves, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (moves, [each.claim for each in refusals]) == ([], [first, other])


def test_creations_and_removals_take_part():
    """A removed agent releases its external id for a link and for a creation."""
    removed = Claim("removed", None, live(9, "x"), None)
    new = Claim("new", Source("n.yaml", 1), None, "x")
    claims = Claims({}, frozenset(), (removed, new), frozenset())
    holders = {"x": removed.live}
    moves, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (moves, refusals) == ([removed, new], [])
    for order in ([removed, new], [new, removed]):
        steps = operations(order, portal="rentix", handle="externalId", holders=holders)
        assert [(step.name, step.key, step.external_id) for step in steps] == [
            ("unlink:9", "removed", "x")
        ]
    kept = Claims({}, frozenset(), (removed, new), frozenset(["removed"]))
    _, (refusal,) = resolve(kept, handle="externalId", holders=holders)
    assert refusal.claim is new


def test_a_portal_without_external_ids_has_no_links():
    """There is no operation and no refusal."""
    agent = live(1)
    claims = Claims({1: Claim("a", None, agent, None)}, frozenset([1]), (), frozenset())
    assert resolve(claims, handle=None, holders={}) == ([], [])
    removed = [Claim("a", None, agent, None)]
    assert operations(removed, portal="pf", handle=None, holders={}) == []
    assert operations(removed, portal="rentix", handle="externalId", holders={}) == []


def refused_chain(size):
    """Each agent wants the external id of the next one; no file declares the last one."""
    ids = [Counted(f"x{at}") for at in range(size + 1)]
    agents = [live(at, each) for at, each in enumerate(ids)]
    claims = {
        at: Claim(Counted(f"k{at}"), Source("a.yaml", at + 1), agents[at], ids[at + 1])
        for at in range(size)
    }
    holders = dict(zip(ids, agents, strict=True))
    moves, refusals = resolve(
        Claims(claims, frozenset(claims), (), frozenset()), handle="externalId", holders=holders
    )
    assert (moves, len(refusals)) == ([], size)


@pytest.mark.parametrize("work", [refused_chain])
def test_twice_the_agents_take_twice_the_work(work):
    """The number of look-ups in a chain of keys is linear, not quadratic."""
    assert 0 < uses(work, 400) <= 2.1 * uses(work, 200)


# -- with a whole plan -----------------------------------------------------------------------------


def linking(draft):
    """The links and unlinks of a draft, in order."""
    return [each for each in draft.operations if each.verb in ("link", "unlink")]


def test_a_plan_of_pinned_agents_resolves_every_small_world():
    """Three pinned agents, every number of holders against all declared ids, with matching."""
    for held, wanted in product(range(4), worlds(3, "abc")):
        before = (*"abc"[:held], *[None] * (3 - held))
        agents = [live(at + 1, held) for at, held in enumerate(before)]
        desired = [
            file(want, id=at + 1) if want else file(f"id:{at + 1}")
            for at, want in enumerate(wanted)
        ]
        draft = rentix_draft(desired, agents)
        movable = possible_moves(before, wanted)
        end = tuple(wanted[at] if at in movable else held for at, held in enumerate(before))
        assert world_after(before, linking(draft)) == end
        assert len(linking(draft)) == fewest(before, end, movable)
        refused = [wanted[at] for at in movers(before, wanted) if at not in movable]
        assert sorted(each.key for each in draft.conflicts) == sorted(refused)
        after = rentix_draft(desired, [live(at + 1, held) for at, held in enumerate(end)])
        assert linking(after) == []
        assert sorted(each.key for each in after.conflicts) == sorted(refused)


def test_every_selection_of_two_swaps_is_safe():
    """Whole swaps happen, halves are refused."""
    before, wanted = tuple("abcd"), tuple("badc")
    agents = [live(at + 1, held) for at, held in enumerate(before)]
    desired = [file(want, id=at + 1) for at, want in enumerate(wanted)]
    for chosen in product([False, True], repeat=4):
        targets = tuple(want for want, picked in zip(wanted, chosen, strict=True) if picked)
        draft = rentix_draft(desired, agents, selection=Selection(targets or ("none",)))
        end = world_after(before, linking(draft))
        for one, two in ((0, 1), (2, 3)):
            whole = chosen[one] and chosen[two]
            assert end[one : two + 1] == (wanted if whole else before)[one : two + 1]
        halves = [want for want in targets if wanted[wanted.index(want) ^ 1] not in targets]
        assert sorted(each.key for each in draft.conflicts) == sorted(halves)
        for conflict in draft.conflicts:
            other = wanted[wanted.index(conflict.key) ^ 1]
            assert f"agents/{other}.yaml:1" in conflict.reason


def test_a_rotation_is_resolved_in_any_order_of_declaration():
    """The order of the files does not matter."""
    agents = [live(1, "a"), live(2, "b"), live(3, "c"), live(4)]
    desired = [file("b", id=1), file("c", id=2), file("d", id=3), file("a", id=4)]
    for order in permutations(desired):
        draft = rentix_draft(order, agents)
        assert world_after(("a", "b", "c", None), linking(draft)) == ("b", "c", "d", "a")
        assert len(linking(draft)) == 7
