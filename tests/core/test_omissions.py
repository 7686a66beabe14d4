"""Known agents that a portal's list omits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.model import AgentState, Listing, PortalState
from reconciler.core.omissions import (
    omits_most,
    omitted,
    to_look_up,
    with_found,
    without_gone,
)
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import EMPTY_STATE, ORDER, PHONE, file, ledger, live, recorded_keys, user

FIVE = ledger(*((number, f"a{number}") for number in range(1, 6)))


def agents(*numbers):
    """A listing of agents with these numbers."""
    return Listing(tuple(live(number, f"a{number}") for number in numbers))


def files(*numbers):
    """Files of agents with these numbers."""
    return [file(f"a{number}") for number in numbers]


def wanted(desired, listing, prior=FIVE, removal=None):
    """The ids to look up."""
    policy = Policy(order=ORDER, removal=removal)
    return to_look_up(desired, listing, prior, Catalogue("rentix", FIELDS, IDENTIFIERS, policy))


def test_an_agent_that_is_not_listed_is_omitted():
    """Whoever declares it; one that was found by id is still omitted by the list."""
    assert omitted(FIVE, agents(1, 3, 4, 9)) == ("2", "5")
    assert omitted(FIVE, replace(agents(1, 2, 3, 4, 5), found=frozenset({"2"}))) == ("2",)
    assert omitted(EMPTY_STATE, agents()) == ()


def test_an_agent_listed_under_an_alias_is_not_omitted():
    """The portal gave the user another id; the public profile is the same."""
    prior = PortalState({"1": AgentState("a", {}, {"publicProfileId": 901})})
    assert omitted(prior, Listing((user(7, profile=901),))) == ()
    assert omitted(prior, Listing((user(7, profile=907),))) == ("1",)
    assert omitted(prior, Listing((user(7, profile=901),), found=frozenset({"7"}))) == ("1",)


@pytest.mark.parametrize(
    ("count", "listed", "most"),
    [
        (5, 2, True),
        (5, 3, False),
        (4, 1, True),
        (4, 2, False),
        (3, 0, True),
        (3, 1, True),
        (3, 2, False),
        (2, 0, False),
    ],
)
def test_more_than_half_of_three_known_agents_is_most(count, listed, most):
    """Half is not; two known agents are too few to judge."""
    prior = ledger(*((number, f"a{number}") for number in range(count)))
    assert omits_most(files(*range(count)), agents(*range(listed)), prior) is most


def test_only_declared_agents_count_as_known():
    """Agents who left long ago, and whose files are deleted, do not block an agency for ever."""
    assert omits_most(files(1, 2, 3), agents(1, 2, 3), FIVE) is False
    assert omits_most(files(1, 2, 3), agents(1, 4, 5), FIVE) is True
    assert omits_most(files(1, 2), agents(4, 5), FIVE) is False


def test_nothing_is_looked_up_while_every_known_agent_is_listed():
    """Not even if a new agent is declared."""
    assert wanted(files(1, 2, 3, 4, 5, 6), agents(1, 2, 3, 4, 5)) == ()
    assert wanted(files(1), agents(), EMPTY_STATE) == ()


def test_an_omitted_declared_agent_is_looked_up():
    """Also if the file matches another agent: a colleague with the same phone."""
    assert wanted(files(1, 2), agents(2), ledger((1, "a1"), (2, "a2"))) == ("1",)
    other = Listing((live(2, "a2"), live(9, phone=PHONE)))
    assert wanted([file("a1", phone=PHONE), file("a2")], other) == ("1",)


def test_omitted_agents_in_no_file_are_looked_up_if_a_file_matches_no_agent():
    """A file may declare one of them under a new external id. Declared agents come first."""
    assert wanted(files(2), agents(2)) == ()
    assert wanted(files(2, 9), agents(2)) == ("1", "3", "4", "5")
    assert wanted(files(2, 9, 5), agents(2)) == ("5", "1", "3", "4")
    assert wanted([*files(2), file("id:3")], agents(2)) == ("1", "3", "4", "5")


def test_omitted_agents_in_no_file_are_looked_up_if_they_are_to_be_taken_off():
    """Otherwise the plan after the deletion of a file would not show the removal."""
    assert wanted(files(1, 2), agents(1, 2), removal="unlink") == ("3", "4", "5")


def test_agents_found_by_id_complete_the_list():
    """Those that are gone are noted; without an answer, the list is incomplete."""
    found = live(2, "a2")
    listing = with_found(agents(1), ["2", "3"], {"2": found, "3": None})
    assert [each.id for each in listing.agents] == [1, 2]
    assert (listing.complete, listing.found, listing.gone) == (True, {"2"}, {"3"})
    assert with_found(agents(1), ["2", "3"], {"2": found}).complete is False
    assert with_found(replace(agents(1), complete=False), ["2"], {"2": found}).complete is False


def test_an_agent_that_is_gone_is_forgotten_once_no_file_declares_it():
    """Otherwise every plan would look for those who left."""
    listing = replace(agents(1, 2, 3), gone=frozenset({"4", "5"}))
    assert recorded_keys(without_gone(files(1, 2, 3, 5), listing, FIVE)) == {
        "1": "a1",
        "2": "a2",
        "3": "a3",
        "5": "a5",
    }
    assert without_gone(files(1, 2, 3), agents(1, 2, 3), FIVE) == FIVE


def test_another_agencys_list_forgets_no_one():
    """It has none of the agents, with or without a file."""
    listing = replace(agents(), gone=frozenset({"1", "2", "3", "4", "5"}))
    assert without_gone(files(1, 2, 3), listing, FIVE) == FIVE
