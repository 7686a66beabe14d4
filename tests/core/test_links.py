"""External ids that move, executed against the portal's own rules.

A *world* is who holds which external id: one entry for each live agent, None for no id. The portal
refuses a link if the agent has another id, or if another agent has that id; it refuses nothing else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cache
from itertools import permutations, product
from random import Random

import pytest

from reconciler.core.fields import Identifier, mailbox
from reconciler.core.links import Claim, Claims, hand_over, operations, resolve
from reconciler.core.model import Match, Operation, Source
from reconciler.core.selection import Selection

from .build import file, live, member, plan, staff, user


def worlds(size, ids):
    """Every way in which `size` agents can hold these ids, each at most once."""
    return [
        world
        for world in product([None, *ids], repeat=size)
        if len({each for each in world if each}) == sum(each is not None for each in world)
    ]


def movers(start, wanted):
    """The places of those who declare an id and have not got it."""
    return [at for at, want in enumerate(wanted) if want is not None and want != start[at]]


def servable(start, wanted):
    """Those of the movers who can be served: whoever holds what they want moves too, and so on."""
    holder = {held: at for at, held in enumerate(start) if held is not None}
    moving = set(movers(start, wanted))
    served = []
    for first in sorted(moving):
        at, seen = first, set()
        while at is not None and at in moving and at not in seen:
            seen.add(at)
            at = holder.get(wanted[at])
        if at is None or at in seen:
            served.append(first)
    return served


@cache
def distances(held, size, ids):
    """Breadth-first over what the portal allows: the fewest calls from the world in which the
    first `held` of `size` agents have the first ids, to every other world."""
    start = tuple(at if at < held else None for at in range(size))
    fewest, queue = {start: 0}, deque([start])
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


def fewest(start, end, moving):
    """The fewest calls from one world to another if only these agents are touched.

    The names of agents and ids do not matter to the portal, so they are numbered, holders first.
    """
    order = sorted(moving, key=lambda at: start[at] is None)
    names = [start[at] for at in order if start[at] is not None]
    held = len(names)
    names += [end[at] for at in order if end[at] is not None and end[at] not in names]
    goal = tuple(None if end[at] is None else names.index(end[at]) for at in order)
    return distances(held, len(order), len(names))[goal]


def done(world, operation):
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


def executed(world, steps):
    """The world after all steps in their order; none comes before what it waits for."""
    names = set()
    for step in steps:
        assert names.issuperset(step.waits), "in an order in which it cannot be sent"
        assert step.name not in names
        names.add(step.name)
        world = done(world, step)
    return world


def backwards(steps):
    """Another order that the waits allow: always the last step that may go."""
    left, names, order = list(steps), set(), []
    while left:
        step = next(each for each in reversed(left) if names.issuperset(each.waits))
        left.remove(step)
        names.add(step.name)
        order.append(step)
    return order


def asked(start, wanted, *, picked=None, lost=(), others=(), order=None):
    """What `resolve` and `operations` make of a world in which every agent is declared."""
    agents = [live(at + 1, held) for at, held in enumerate(start)]
    places = order or range(len(start))
    declared = {
        at + 1: Claim(f"k{at + 1}", Source(f"{at + 1}.yaml", 1), agents[at], wanted[at])
        for at in places
    }
    chosen = frozenset(declared) if picked is None else frozenset(at + 1 for at in picked)
    holders = {held: agents[at] for at, held in enumerate(start) if held is not None}
    claims = Claims(declared, chosen, others, frozenset(lost))
    served, refusals = resolve(claims, handle="externalId", holders=holders)
    steps = operations(served, portal="rentix", handle="externalId", holders=holders)
    return served, refusals, steps


def check(start, wanted, order=None):
    """All that holds of one world: who is served, that nothing is refused, the end, the cost."""
    served, refusals, steps = asked(start, wanted, order=order)
    can = servable(start, wanted)
    assert sorted(int(claim.key[1:]) - 1 for claim in served) == can
    refused = sorted(int(each.claim.key[1:]) - 1 for each in refusals)
    assert refused == [at for at in movers(start, wanted) if at not in can]
    end = tuple(wanted[at] if at in can else held for at, held in enumerate(start))
    assert executed(start, steps) == end
    assert executed(start, backwards(steps)) == end
    assert len(steps) == fewest(start, end, can)
    for each in refusals:
        assert each.holder.identity["externalId"] == each.claim.wants


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_small_world_ends_as_wanted_by_the_fewest_calls(size):
    """All holders against all wishes: whoever can be served is, no call is refused in any order
    that the waits allow, nobody else is touched, and no way has fewer calls."""
    every = worlds(size, "abcd"[:size])
    for start in every:
        for wanted in every:
            check(start, wanted)


def test_every_rotation_of_six_and_a_sample_of_worlds_ends_as_wanted():
    """All rings of five and six, and worlds of five and six drawn by chance in any order."""
    for size in (5, 6):
        start = tuple("abcdef"[:size])
        for turn in range(1, size):
            check(start, (*start[turn:], *start[:turn]))
    random = Random(6)
    for size in (5, 6) * 1000:
        ids = list("abcdef"[:size])
        gaps = random.choice((0, 0, 1, 2))
        start, wanted = (
            [None if random.random() < gaps / size else each for each in random.sample(ids, size)]
            for _ in range(2)
        )
        check(tuple(start), tuple(wanted), random.sample(range(size), size))


@pytest.mark.long
@pytest.mark.parametrize("size", [5, 6])
def test_every_large_world_ends_as_wanted_by_the_fewest_calls(size):
    """Five and six agents, up to the names of ids: every number of holders, every wish."""
    ids, random = "abcdef"[:size], Random(size)
    for held in range(size + 1):
        start = tuple(ids[at] if at < held else None for at in range(size))
        for wanted in worlds(size, ids):
            check(start, wanted, random.sample(range(size), size))


def test_a_failure_stops_only_what_waits_for_it():
    """Whichever step fails: what waits for it is left out, and the portal refuses nothing else."""
    every = worlds(3, "abc")
    for start, wanted in product(every, every):
        _, _, steps = asked(start, wanted)
        for failing in steps:
            world, failed = start, {failing.name}
            for step in steps:
                if step.name in failed or failed.intersection(step.waits):
                    failed.add(step.name)
                else:
                    world = done(world, step)


def test_unlinking_comes_as_late_as_it_can():
    """Along a chain each agent is unlinked just before the link that needs it."""
    _, _, steps = asked(("a", "b", "c"), ("b", "c", "d"))
    names = [step.name for step in steps]
    assert names == ["unlink:1", "unlink:2", "link:1", "unlink:3", "link:2", "link:3"]


def test_two_chains_do_not_wait_for_each_other():
    """Waits stay inside a chain, so that a failure in one is none in the other."""
    _, _, steps = asked(("a", "b", "c", "d"), ("b", "a", "d", "c"))
    apart = [
        {"link:1", "link:2", "unlink:1", "unlink:2"},
        {"link:3", "link:4", "unlink:3", "unlink:4"},
    ]
    for step in steps:
        mine = next(each for each in apart if step.name in each)
        assert mine.issuperset(step.waits)


def test_each_call_is_of_its_agent_and_stands_where_that_is_declared():
    """Unlinks and links alike: the portal, the key, the file's line, the id that is let go or
    taken. Who is removed is in no file."""
    gone = Claim("gone", None, live(9, "c"), None)
    _, _, steps = asked(("a", None), (None, "a"), others=[gone])
    told = [(step.name, step.portal, step.key, step.source, step.external_id) for step in steps]
    assert told == [("unlink:9", "rentix", "gone", None, "c")]
    _, _, steps = asked(("a", "b"), ("b", "a"))
    told = {
        step.name: (step.portal, step.key, str(step.source), step.external_id) for step in steps
    }
    assert told == {
        "unlink:1": ("rentix", "k1", "1.yaml:1", "a"),
        "unlink:2": ("rentix", "k2", "2.yaml:1", "b"),
        "link:1": ("rentix", "k1", "1.yaml:1", "b"),
        "link:2": ("rentix", "k2", "2.yaml:1", "a"),
    }


def reasons(start, wanted, **options):
    """The refusals by key."""
    _, refusals, _ = asked(start, wanted, **options)
    return {each.claim.key: each.reason for each in refusals}


def test_an_id_of_an_undeclared_agent_is_refused_and_spreads_to_those_who_wait():
    """1 wants what the undeclared 5 has; 2 waits for 1; 3 and 4 swap and are not concerned."""
    start = ("a", None, "c", "d", "e")
    said = reasons(start, ("e", "a", "d", "c", None), order=range(4))
    assert set(said) == {"k1", "k2"}
    assert "agent 5 Agent 5 has externalId e, and no file declares that agent." in said["k1"]
    assert "agent 1 Agent 1 has externalId a" in said["k2"]
    assert "k1 (1.yaml:1), which is in conflict" in said["k2"]


def test_an_id_of_one_who_keeps_it_is_refused():
    """2 is declared without another id, or declared with this one: it is not taken away."""
    assert "(2.yaml:1) without another externalId" in reasons((None, "b"), ("b", None))["k1"]
    assert "(2.yaml:1) without another externalId" in reasons((None, "b"), ("b", "b"))["k1"]


def test_half_a_swap_is_refused_and_names_the_other_half():
    """2 is left out of the selection and keeps its id, though the files give it another."""
    said = reasons(("a", "b"), ("b", "a"), picked=[0])
    assert set(said) == {"k1"}
    assert "k2 (2.yaml:1), which this plan leaves out" in said["k1"]


def test_an_id_of_one_in_conflict_is_refused():
    """2 is in conflict for another reason, so it gives nothing up and is served nothing."""
    served, refusals, steps = asked(("a", "b", "c"), ("b", "c", "d"), lost=["k2"])
    assert [each.claim.key for each in refusals] == ["k1"]
    assert "k2 (2.yaml:1), which is in conflict" in refusals[0].reason
    assert [claim.key for claim in served] == ["k3"]
    assert [step.name for step in steps] == ["unlink:3", "link:3"]


def test_a_refusal_in_a_ring_stops_the_ring():
    """One who cannot move keeps what the next one waits for, all the way round."""
    said = reasons(("a", "b", "c", "d"), ("b", "c", "a", "d"), picked=[0, 1, 3])
    assert set(said) == {"k1", "k2"}


def test_two_claims_of_one_key_are_lost_together():
    """Both want the id of an undeclared agent: two refusals. If one of them waits for another
    agent, it is lost with the first, without a refusal of its own."""
    holders = {each: live(at + 1, each) for at, each in enumerate("abc")}
    first, second = (Claim("k", Source(f"{at}.yaml", 1), live(at), "a") for at in (5, 6))
    claims = Claims({5: first, 6: second}, frozenset([5, 6]), (), frozenset())
    served, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (served, [each.claim for each in refusals]) == ([], [first, second])
    other = Claim("b", Source("b.yaml", 1), holders["b"], "c")
    second = replace(second, wants="b")
    claims = Claims({5: first, 6: second, 2: other}, frozenset([2, 5, 6]), (), frozenset())
    served, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (served, [each.claim for each in refusals]) == ([], [first, other])


def test_one_to_be_created_and_one_to_be_removed_take_part():
    """Who gives an id up frees it, for a link and for a creation alike."""
    gone = Claim("gone", None, live(9, "x"), None)
    new = Claim("new", Source("n.yaml", 1), None, "x")
    claims = Claims({}, frozenset(), (gone, new), frozenset())
    holders = {"x": gone.live}
    served, refusals = resolve(claims, handle="externalId", holders=holders)
    assert (served, refusals) == ([gone, new], [])
    for order in ([gone, new], [new, gone]):
        steps = operations(order, portal="rentix", handle="externalId", holders=holders)
        assert [(step.name, step.key, step.external_id) for step in steps] == [
            ("unlink:9", "gone", "x")
        ]
    kept = Claims({}, frozenset(), (gone, new), frozenset(["gone"]))
    _, (refusal,) = resolve(kept, handle="externalId", holders=holders)
    assert refusal.claim is new


def test_without_external_ids_nothing_moves():
    """A portal that has none to assign gets no link, and refuses nobody."""
    agent = live(1)
    claims = Claims({1: Claim("a", None, agent, None)}, frozenset([1]), (), frozenset())
    assert resolve(claims, handle=None, holders={}) == ([], [])
    gone = [Claim("a", None, agent, None)]
    assert operations(gone, portal="pf", handle=None, holders={}) == []
    assert operations(gone, portal="rentix", handle="externalId", holders={}) == []


# -- the work grows with the number of agents --------------------------------------------------


class Counted(str):
    """A name that counts how often it is hashed or compared."""

    uses = 0
    __slots__ = ()

    def __eq__(self, other):
        Counted.uses += 1
        return str.__eq__(self, other)

    def __hash__(self):
        Counted.uses += 1
        return str.__hash__(self)


def uses(work, size):
    """How often `work` uses the names of this many agents."""
    Counted.uses = 0
    work(size)
    return Counted.uses


def refused_chain(size):
    """Each agent wants the next one's external id; no file declares the last one."""
    ids = [Counted(f"x{at}") for at in range(size + 1)]
    agents = [live(at, each) for at, each in enumerate(ids)]
    claims = {
        at: Claim(Counted(f"k{at}"), Source("a.yaml", at + 1), agents[at], ids[at + 1])
        for at in range(size)
    }
    holders = dict(zip(ids, agents, strict=True))
    served, refusals = resolve(
        Claims(claims, frozenset(claims), (), frozenset()), handle="externalId", holders=holders
    )
    assert (served, len(refusals)) == ([], size)


def logins_in_a_row(size, last):
    """Each user wants the next one's login, and the last one `last`."""
    wanted = [*(f"u{at}@x" for at in range(1, size)), last]
    users = [user(at, f"u{at}@x") for at in range(size)]
    profiles = [
        replace(update(at, login), name=Counted(f"update:{at}")) for at, login in enumerate(wanted)
    ]
    return given_way(profiles, users)


def served_chain(size):
    """The last login is free, so all are served, the last one first."""
    served, refusals = logins_in_a_row(size, "free@x")
    assert ([each.id for each in served], refusals) == ([*reversed(range(size))], [])


def kept_chain(size):
    """The last login is the one of a user who keeps it."""
    wanted = [*(f"u{at}@x" for at in range(1, size + 1))]
    users = [user(at, f"u{at}@x") for at in range(size + 1)]
    profiles = [
        replace(update(at, login), name=Counted(f"update:{at}")) for at, login in enumerate(wanted)
    ]
    served, refusals = given_way(profiles, users)
    assert (served, len(refusals)) == ([], size)


def circle(size):
    """The last login is the first user's."""
    served, refusals = logins_in_a_row(size, "u0@x")
    assert (served, len(refusals)) == ([], size)


@pytest.mark.parametrize("work", [refused_chain, served_chain, kept_chain, circle])
def test_twice_the_agents_take_twice_the_work(work):
    """The number of look-ups in a chain of keys is linear, not quadratic."""
    assert 0 < uses(work, 400) <= 2.1 * uses(work, 200)


# -- the same through a whole plan --------------------------------------------------------------


def linking(draft):
    """The links and unlinks of a draft, in order."""
    return [each for each in draft.operations if each.verb in ("link", "unlink")]


def test_a_plan_of_pinned_agents_ends_every_small_world_as_wanted():
    """Through matching too: three pinned agents, all holders against all wishes."""
    every = worlds(3, "abc")
    for start, wanted in product(every, every):
        agents = [live(at + 1, held) for at, held in enumerate(start)]
        desired = [
            file(want, id=at + 1) if want else file(f"id:{at + 1}")
            for at, want in enumerate(wanted)
        ]
        made = plan(desired, agents)
        can = servable(start, wanted)
        end = tuple(wanted[at] if at in can else held for at, held in enumerate(start))
        assert executed(start, linking(made)) == end
        assert len(linking(made)) == fewest(start, end, can)
        stuck = [wanted[at] for at in movers(start, wanted) if at not in can]
        assert sorted(each.key for each in made.conflicts) == sorted(stuck)
        after = plan(desired, [live(at + 1, held) for at, held in enumerate(end)])
        assert linking(after) == []
        assert sorted(each.key for each in after.conflicts) == sorted(stuck)


def test_every_part_of_a_swap_under_a_selection_is_safe():
    """Four in two swaps, every subset of them selected: whole swaps are done, halves refused."""
    start, wanted = tuple("abcd"), tuple("badc")
    agents = [live(at + 1, held) for at, held in enumerate(start)]
    desired = [file(want, id=at + 1) for at, want in enumerate(wanted)]
    for chosen in product([False, True], repeat=4):
        targets = tuple(want for want, picked in zip(wanted, chosen, strict=True) if picked)
        made = plan(desired, agents, selection=Selection(targets or ("nobody",)))
        end = executed(start, linking(made))
        for one, two in ((0, 1), (2, 3)):
            whole = chosen[one] and chosen[two]
            assert end[one : two + 1] == (wanted if whole else start)[one : two + 1]
        halves = [want for want in targets if wanted[wanted.index(want) ^ 1] not in targets]
        assert sorted(each.key for each in made.conflicts) == sorted(halves)
        for conflict in made.conflicts:
            other = wanted[wanted.index(conflict.key) ^ 1]
            assert f"agents/{other}.yaml:1" in conflict.reason


def test_all_orders_of_declaring_a_rotation_are_served():
    """The order of the files does not matter to what is done."""
    agents = [live(1, "a"), live(2, "b"), live(3, "c"), live(4)]
    desired = [file("b", id=1), file("c", id=2), file("d", id=3), file("a", id=4)]
    for order in permutations(desired):
        made = plan(order, agents)
        assert executed(("a", "b", "c", None), linking(made)) == ("b", "c", "d", "a")
        assert len(linking(made)) == 7


# -- keys that move by updates -------------------------------------------------------------------
#
# A *world* is who has which login: one for each user, and two never have the same (letter case
# aside). The portal refuses an update or a creation that gives a login which is another's, and
# nothing else; nobody can be without one.

LOGIN = Identifier("email", "key", canonical=mailbox, moves="update")


def update(number, login=None, **values):
    """An update of a user; of the login too, if one is given."""
    values = values if login is None else {**values, "email": login}
    source = Source(f"{number}.yaml", 1)
    return Operation(f"update:{number}", "update", "pf", f"k{number}", source, number, None, values)


def creation(key, login):
    """The creation of a user with this login."""
    return Operation(
        f"create:{key}", "create", "pf", key, Source(f"{key}.yaml", 1), None, None, {"email": login}
    )


def given_way(profiles, users, undeclared=()):
    """What `hand_over` makes of these; all users are declared but for those named."""
    declared = {
        each.id: Match(member(f"k{each.id}", at=f"{each.id}.yaml"), each, "id")
        for each in users
        if each.id not in undeclared
    }
    return hand_over(profiles, LOGIN, users, declared)


def who_has_what(users):
    """The world of these users: their logins in one letter case."""
    return {each.id: mailbox(each.identity["email"]) for each in users}


def sent(world, each):
    """The world after one request, or None where the portal refuses it."""
    who = each.id if each.id is not None else each.name
    login = mailbox(each.values.get("email", world.get(who, "")))
    if any(login == has and other != who for other, has in world.items()):
        return None
    return {**world, who: login}


def taken(world, steps):
    """The world after all steps in their order, none of which the portal may refuse, and none of
    which comes before what it waits for."""
    names = set()
    for step in steps:
        assert names.issuperset(step.waits), "in an order in which it cannot be sent"
        assert step.name not in names
        names.add(step.name)
        world = sent(world, step)
        assert world is not None, "the login is taken"
    return world


def possible(world, steps):
    """Those that go out in any order at all: every order is tried, and what the portal refuses
    when its turn comes is left out."""
    gone = set()
    for order in permutations(steps):
        now = world
        for each in order:
            after = sent(now, each)
            if after is not None:
                now = after
                gone.add(each.name)
        if len(gone) == len(steps):
            break
    return gone


def wishes(count, logins):
    """Every way in which so many can want a login, or none, no two the same."""
    return [
        each
        for each in product([None, *logins], repeat=count)
        if len({login for login in each if login}) == sum(login is not None for login in each)
    ]


@pytest.mark.parametrize("whole", [False, True], ids=["what differs", "whole bodies"])
def test_every_small_world_of_logins_is_served_as_far_as_an_order_exists(whole):
    """Three users and a creation, every wish: whoever is served has the login in the end and the
    portal refuses nothing on the way; whoever is refused can be served in no order. Where bodies
    are whole, they carry a login that stays as it is."""
    users = [user(at + 1, login) for at, login in enumerate(("a", "B", "c"))]
    world = who_has_what(users)
    for *wanted, new in wishes(4, ("A", "b", "c", "d")):
        profiles = [
            update(each.id, login or (each.identity["email"] if whole else None), name="N")
            for each, login in zip(users, wanted, strict=True)
        ]
        profiles += [creation("new", new)] if new else []
        for order in (profiles, profiles[::-1]):
            served, refusals = given_way(order, users)
            assert {each.name for each in served} == possible(world, profiles)
            assert len(served) + len(refusals) == len(profiles)
            end = taken(world, served)
            for each in served:
                who = each.id or each.name
                assert end[who] == mailbox(each.values.get("email", world.get(who, "")))


def test_every_order_of_five_is_served_as_far_as_an_order_exists():
    """Four users and a creation in any order of the files, some outside them: drawn by chance."""
    random, logins = Random(5), "abcdef"
    every = wishes(5, logins)
    for _ in range(1500):
        *wanted, new = random.choice(every)
        users = [user(at + 1, login) for at, login in enumerate("abcd")]
        runtime = random.sample([1, 2, 3, 4], random.choice((0, 0, 1)))
        profiles = [
            update(each.id, login)
            for each, login in zip(users, wanted, strict=True)
            if login is not None and each.id not in runtime
        ]
        profiles += [creation("new", new)] if new else []
        random.shuffle(profiles)
        served, refusals = given_way(profiles, users, runtime)
        assert {each.name for each in served} == possible(who_has_what(users), profiles)
        assert len(served) + len(refusals) == len(profiles)
        taken(who_has_what(users), served)


def test_a_failed_update_stops_only_what_waits_for_the_login():
    """Whichever step fails, what waits for it is left out, and the portal refuses nothing else."""
    users = [user(at + 1, login) for at, login in enumerate("abc")]
    for *wanted, new in wishes(4, "abcd"):
        profiles = [update(at + 1, login) for at, login in enumerate(wanted) if login]
        profiles += [creation("new", new)] if new else []
        served, _ = given_way(profiles, users)
        for failing in served:
            world, failed = who_has_what(users), {failing.name}
            for step in served:
                if step.name in failed or failed.intersection(step.waits):
                    failed.add(step.name)
                else:
                    world = sent(world, step)
                    assert world is not None


def test_a_chain_is_served_from_its_free_end():
    """1 takes 2's login, 2 takes 3's, 3 a new one: each waits for the next, in the files' order of
    what does not wait."""
    users = [user(1, "a"), user(2, "b"), user(3, "c"), user(4, "d")]
    profiles = [update(4, name="N"), update(1, "b"), update(2, "c"), update(3, "e")]
    served, refusals = given_way(profiles, users)
    assert [(each.name, each.waits) for each in served] == [
        ("update:4", ()),
        ("update:3", ()),
        ("update:2", ("update:3",)),
        ("update:1", ("update:2",)),
    ]
    assert refusals == []


def test_what_it_waited_for_already_is_kept():
    """A wait that an operation had stays with it."""
    profiles = [replace(update(1, "b"), waits=("link:1",)), update(2, "c")]
    served, _ = given_way(profiles, [user(1, "a"), user(2, "b")])
    assert [each.waits for each in served] == [(), ("link:1", "update:2")]


def test_without_logins_in_them_operations_stay_as_they_are():
    """Nothing is looked up, nothing waits."""
    profiles = [update(2, name="N"), update(1, name="N")]
    assert given_way(profiles, [user(1, "a"), user(2, "b")]) == (profiles, [])


def test_a_creation_takes_a_login_that_is_given_up():
    """It waits for the update; where nobody gives it up, it is refused and names the holder."""
    served, _ = given_way([creation("new", "A"), update(1, "b")], [user(1, "a")])
    assert [(each.name, each.waits) for each in served] == [
        ("update:1", ()),
        ("create:new", ("update:1",)),
    ]
    served, (refusal,) = given_way([creation("new", "A")], [user(1, "a", name="Ivan")])
    assert served == []
    assert (refusal.claim.key, str(refusal.claim.source), refusal.holder.id) == (
        "new",
        "new.yaml:1",
        1,
    )
    assert refusal.claim.wants == "A"
    assert "agent 1 Ivan has email A" in refusal.reason
    assert "k1 (1.yaml:1) and keeps it" in refusal.reason


def test_a_circle_of_logins_has_no_beginning():
    """Each of a swap wants what the other has, and whoever wants in from outside too."""
    users = [user(1, "a"), user(2, "b"), user(3, "c")]
    served, refusals = given_way([update(1, "b"), update(2, "a"), update(3, "d")], users)
    assert [each.name for each in served] == ["update:3"]
    assert [each.claim.key for each in refusals] == ["k1", "k2"]
    assert "agent 2 User 2 has email b" in refusals[0].reason
    assert "in a circle. First give one of them an address" in refusals[0].reason
    assert "in a circle" in refusals[1].reason
    rotation = [update(1, "b"), update(2, "c"), update(3, "a")]
    assert given_way(rotation, users)[0] == []
    served, refusals = given_way([update(3, "A"), update(1, "b"), update(2, "a")], users)
    assert (served, [each.claim.key for each in refusals]) == ([], ["k3", "k1", "k2"])


def test_a_login_of_somebody_outside_the_files_is_refused():
    """The reason says what can be done, and who waits for that one is refused too."""
    users = [user(1, "a"), user(2, "b"), user(3, "c")]
    profiles = [update(1, "b"), update(2, "c")]
    served, refusals = given_way(profiles, users, undeclared=[3])
    assert served == []
    reasons = {each.claim.key: each.reason for each in refusals}
    assert "agent 3 User 3 has email c, and no file declares that agent." in reasons["k2"]
    assert (
        "agent 2 User 2 has email b and cannot get the one that its file declares" in reasons["k1"]
    )


def test_another_letter_case_is_no_other_login():
    """It takes nothing from the agent itself, and gives nothing up for another."""
    users = [user(1, "Ivan@a"), user(2, "b")]
    alone = [update(1, "ivan@A")]
    assert given_way(alone, users) == (alone, [])
    served, (refusal,) = given_way([update(1, "ivan@A"), update(2, "IVAN@a")], users)
    assert [each.name for each in served] == ["update:1"]
    assert "k1 (1.yaml:1) and keeps it" in refusal.reason


def test_a_body_that_carries_an_unchanged_login_gives_nothing_up():
    """Where an update is the whole agent, the own login in it is neither taken nor given."""
    users = [user(1, "a"), user(2, "b")]
    whole = [update(1, "a", name="N"), update(2, "b")]
    assert given_way(whole, users) == (whole, [])
    served, (refusal,) = given_way([update(1, "a"), update(2, "a")], users)
    assert (served, refusal.claim.key) == ([update(1, "a")], "k2")


@pytest.mark.parametrize("replaces", [False, True])
def test_a_plan_of_pinned_users_ends_every_small_world_as_far_as_an_order_exists(replaces):
    """Through matching and comparing: three pinned users and one who is new, every wish; the plan
    after that has the same conflicts and nothing else to do."""
    users = [user(at + 1, login) for at, login in enumerate(("a@x", "B@x", "c@x"))]
    world, done = who_has_what(users), set()
    for *wanted, new in wishes(4, ("a@x", "b@x", "c@x", "d@x")):
        desired = [
            member(f"k{at + 1}", login, {"name": f"User {at + 1}"}, id=at + 1)
            for at, login in enumerate(wanted)
        ]
        desired += [member("new", new, {"name": "Olga"})] if new else []
        made = staff(desired, users, replaces=replaces)
        end = taken(world, made.operations)
        conflicts = {each.key for each in made.conflicts}
        for each in desired:
            login = each.identity.get("email")
            name = each.identity.get("id", "create:new")
            if login is not None and each.key not in conflicts:
                assert end[name] == login
        live_ = [user(at + 1, end[at + 1]) for at in range(3)]
        live_ += [user(9, end["create:new"], name="Olga")] if "create:new" in end else []
        again = staff(desired, live_, replaces=replaces)
        assert again.operations == ()
        assert {each.key for each in again.conflicts} == conflicts
        done |= {len(conflicts)}
    assert done >= {0, 2, 3}
