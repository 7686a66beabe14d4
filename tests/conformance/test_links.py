"""Moving external ids between agents: no refusals, and no call more than necessary."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from agency import Agency, user

LETTERS = "abcdef"


def fewest(held: tuple[str | None, ...], wanted: tuple[str | None, ...]) -> int:
    """Return the fewest calls from `held` to `wanted`, found by breadth-first search.

    A link needs an agent without an external id and an external id without an agent. None in
    `wanted` means any.
    """
    front, seen, calls = {held}, {held}, 0
    goal = tuple(
        want if want is not None else have for have, want in zip(held, wanted, strict=True)
    )
    while goal not in front:
        reached = set()
        for world in front:
            for place, have in enumerate(world):
                if have is not None:
                    moves = [None]
                else:
                    moves = [each for each in set(held) | set(goal) if each and each not in world]
                reached |= {(*world[:place], to, *world[place + 1 :]) for to in moves}
        front = reached - seen
        seen |= front
        calls += 1
        assert front, "the goal is unreachable"
    return calls


def worlds(size: int) -> list[tuple[tuple[str | None, ...], tuple[str | None, ...]]]:
    """Return every pair of held and wanted external ids of `size` agents; None is no id."""
    names = LETTERS[:size]
    pairs = []
    for held in product((None, *names), repeat=size):
        if len([each for each in held if each]) != len({each for each in held if each}):
            continue
        for wanted in product((None, *names), repeat=size):
            declared = [each for each in wanted if each]
            if len(declared) == len(set(declared)):
                pairs.append((held, wanted))
    return pairs


def blocked(held: tuple[str | None, ...], wanted: tuple[str | None, ...]) -> set[int]:
    """Return the agents that want an id its holder keeps, and those that wait for them."""
    places: set[int] = set()
    while True:
        more = {
            place
            for place, want in enumerate(wanted)
            if want is not None
            and want in held
            and place not in places
            and (holder := held.index(want)) != place
            and (wanted[holder] in (None, want) or holder in places)
        }
        if not more:
            return places
        places |= more


def check(agency: Agency, held: tuple[str | None, ...], wanted: tuple[str | None, ...]) -> None:
    """Declare the wanted ids by agent id, apply, and count the calls."""
    agency.live(*(user(place + 1, externalId=have) for place, have in enumerate(held)))
    agency.declare(
        *(
            {"id": place + 1} | ({"externalId": want} if want is not None else {})
            for place, want in enumerate(wanted)
        )
    )
    stuck = blocked(held, wanted)
    goal = tuple(None if place in stuck else want for place, want in enumerate(wanted))
    agency.calls()
    report = agency.apply()
    calls = agency.calls()
    assert report["exit"] == (3 if stuck else 0), (held, wanted, report)
    assert all(status < 300 for *_, status in calls), (held, wanted, calls)
    writes = [call for call in calls if call[0] != "GET"]
    assert len(writes) == fewest(held, goal), (held, wanted, writes)
    truth = agency.truth()
    for place, want in enumerate(goal):
        assert truth[place + 1].external_id == (want or held[place]), (held, wanted)
    assert agency.plan()["requests"] == []


@pytest.mark.parametrize("size", [1, 2])
def test_up_to_two_agents_take_the_fewest_calls(agency: Agency, size: int) -> None:
    """All pairs for up to two agents, including blocked ones."""
    agency.configure(limits={"floor": 1000})
    for held, wanted in worlds(size):
        check(agency, held, wanted)


def test_three_agents_take_the_fewest_calls(agency: Agency) -> None:
    """Some pairs for three agents; all of them with --long. The core's tests plan them all."""
    agency.configure(limits={"floor": 1000})
    for held, wanted in worlds(3)[::19]:
        check(agency, held, wanted)


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_all_pairs_of_three_agents_take_the_fewest_calls(agency: Agency, part: int) -> None:
    """All pairs for three agents."""
    agency.configure(limits={"floor": 1000})
    for held, wanted in worlds(3)[part::8]:
        check(agency, held, wanted)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_rotations_and_chains_up_to_six_agents(agency: Agency, size: int) -> None:
    """Rotations, chains into a free id, and reversals."""
    agency.configure(limits={"floor": 1000})
    names = tuple(LETTERS[:size])
    rotated = names[1:] + names[:1]
    chained = (*names[1:], "free")
    cases = [(names, rotated), (names, chained), (names, names[::-1]), ((None, *names[1:]), names)]
    for held, wanted in cases:
        agency.live(*(user(place + 1, externalId=have) for place, have in enumerate(held)))
        agency.declare(
            *({"id": place + 1, "externalId": want} for place, want in enumerate(wanted))
        )
        agency.calls()
        assert agency.apply()["exit"] == 0
        calls = agency.calls()
        assert all(status < 300 for *_, status in calls), calls
        moved = [(have, want) for have, want in zip(held, wanted, strict=True) if have != want]
        fewest_calls = len(moved) + sum(1 for have, _ in moved if have is not None)
        assert len([call for call in calls if call[0] != "GET"]) == fewest_calls
        assert [agency.truth()[place + 1].external_id for place in range(size)] == list(wanted)
        assert agency.plan()["requests"] == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_all_permutations_of_six_agents(agency: Agency, part: int) -> None:
    """Every permutation of six agents' ids."""
    agency.configure(limits={"floor": 1000})
    for order in list(permutations(LETTERS))[part::8]:
        check(agency, tuple(LETTERS), order)
