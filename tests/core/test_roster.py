"""Who is on the portals, and who may be there twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.model import Candidate, Conflict, Listing, Match
from reconciler.core.roster import Listed, narrowed, roster
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import file, live, mobile_user, user

RENTIX = Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=()))
FINDER = Catalogue(
    "propertyfinder",
    propertyfinder.FIELDS,
    propertyfinder.IDENTIFIERS,
    Policy(order=(), off=propertyfinder.OFF),
)


def listed(*agents, matches=(), conflicts=(), catalogue=RENTIX):
    """One portal with these agents."""
    return Listed(catalogue, Listing(agents), matches, conflicts)


def ids(group):
    """The ids of some agents."""
    return [each.id for each in group]


def test_an_agent_with_its_ids_and_its_file():
    """As the portal shows them; the portals in their order, the agents by name."""
    agent = live(2, "a", name="Bo", phone="+373 22 000 002")
    desired = file("a", line=7)
    other = replace(mobile_user(9, "+373 69 1", name="Al"), aliases={"publicProfileId": 90})
    found = roster(
        [
            listed(agent, live(1, name="Ana"), matches=[Match(desired, agent, "externalId")]),
            listed(other, catalogue=FINDER),
        ]
    )
    first, second, third = found.members
    assert (first.id, first.source, first.status, first.profile_id) == (1, None, None, None)
    assert (second.external_id, second.phone, second.source) == (
        *("a", "+373 22 000 002"),
        desired.source,
    )
    assert (third.profile_id, third.phone, third.status) == (90, "+373 69 1", "active")
    assert found.duplicates == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (live(1, phone="069 123 456", name="Ana"), live(2, phone="+373 69 123 456", name="Bo")),
        (live(1, name="Юлия Цуркан"), live(2, name="Țurcan Iulia")),
        (mobile_user(1, "+373 69 1", "x@a.example"), mobile_user(2, "+373691", "y@a.example", "B")),
    ],
)
def test_agents_who_are_probably_one_person(one, other):
    """The same phone in any notation, or the same name in any script; each is noted."""
    catalogue = FINDER if one.portal == "propertyfinder" else RENTIX
    found = roster([listed(one, other, catalogue=catalogue)])
    assert [sorted(ids(group)) for group in found.duplicates] == [[1, 2]]
    for member in found.members:
        (note,) = member.notes
        assert note.startswith("same ")
        assert f"as {3 - member.id} " in note


def test_a_person_on_two_portals_is_no_duplicate():
    """Nor are agents without a name or a phone."""
    found = roster([listed(live(1, name="Ana")), listed(user(1, name="Ana"), catalogue=FINDER)])
    assert found.duplicates == ()
    assert roster([listed(live(1, name="—"), live(2, name="—"))]).duplicates == ()


def test_agents_who_share_something_through_others_are_one_group():
    """1 has the phone of 2, who has the name of 3; 4 and 5 are another group."""
    found = roster(
        [
            listed(
                live(1, phone="+373 22 000 001", name="Ana"),
                live(2, phone="+373 22 000 001", name="Bo Li"),
                live(3, name="Li Bo"),
                live(4, name="Cy"),
                live(5, name="CY"),
                live(6, name="Di"),
            )
        ]
    )
    assert sorted(sorted(ids(group)) for group in found.duplicates) == [[1, 2, 3], [4, 5]]


def test_a_note_names_only_some_agents():
    """Forty people may share an office phone."""
    found = roster([listed(*(live(n, phone="+373 22 1", name=f"N{n}") for n in range(40)))])
    assert len(found.duplicates) == 1
    assert all(each.notes[0].endswith(" and 36 more") for each in found.members)


def test_a_conflict_is_noted_at_its_candidates():
    """With the key of the declared agent."""
    conflict = Conflict("rentix", "k", None, "why", (Candidate(1, "Ana", None),))
    found = roster([listed(live(1, name="Ana"), live(2, name="Bo"), conflicts=[conflict])])
    assert [each.notes for each in found.members] == [("in conflict with k",), ()]


def test_what_no_value_shows_is_noted():
    """Such as that visitors cannot see the agent yet."""
    found = roster([listed(replace(live(1, name="Ana"), notice="not visible yet"))])
    assert found.members[0].notes == ("not visible yet",)


def test_narrowed_lists():
    """Only those in no file, only those listed twice, or both."""
    one, two = live(1, "a", name="Ana"), live(2, name="Ana")
    match = Match(file("a"), one, "externalId")
    found = roster([listed(one, two, live(3, name="Bo"), matches=[match])])

    def left(unmanaged, duplicates):
        shown = narrowed(found, unmanaged=unmanaged, duplicates=duplicates)
        return ids(shown.members), len(shown.duplicates)

    assert left(unmanaged=False, duplicates=False) == ([1, 2, 3], 1)
    assert left(unmanaged=True, duplicates=False) == ([2, 3], 1)
    assert left(unmanaged=False, duplicates=True) == ([1, 2], 1)
    assert left(unmanaged=True, duplicates=True) == ([2], 1)
    alone = narrowed(roster([listed(live(3, name="Bo"))]), unmanaged=False, duplicates=True)
    assert (alone.members, alone.duplicates) == ((), ())
