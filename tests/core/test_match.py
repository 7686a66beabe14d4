"""Matching by pins, external ids and shared values."""

from __future__ import annotations

from itertools import permutations

import pytest

from reconciler.core import spelling
from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.fields import Identifier
from reconciler.core.match import candidate, is_linked, label
from reconciler.core.model import Candidate, Match
from reconciler.portals.rentix.table import IDENTIFIERS

from .build import LOGIN, ORDER, OTHER_PHONE, PHONE, file, keys, live, match_agents, matched_ids
from .counting import Counted, uses

SAME_PHONE = "022123456"


def test_a_pin_precedes_every_other_identifier():
    """The external id and the phone match other agents."""
    matching = match_agents(
        [file("a", id=1, phone=PHONE)], [live(1), live(2, "a", phone=PHONE), live(3, phone=PHONE)]
    )
    assert matched_ids(matching) == [("a", 1, "id")]


@pytest.mark.parametrize("order", [(), ("externalId", "phone"), ("phone", "id", "externalId")])
def test_a_pin_precedes_every_order(order):
    """Wherever `match` has the id, or if it leaves it out."""
    matching = match_agents(
        [file("a", id=1, phone=PHONE)], [live(1), live(2, "a"), live(3, phone=PHONE)], order=order
    )
    assert matched_ids(matching) == [("a", 1, "id")]


@pytest.mark.parametrize("creating", [False, True])
def test_a_pin_that_matches_no_agent_is_a_conflict(creating):
    """Although the external id or the phone would match, or the agent could be created."""
    matching = match_agents(
        [file("a", id=9, phone=PHONE)], [live(1, "a"), live(2, phone=PHONE)], creating=creating
    )
    assert (matching.matches, matching.absent) == ((), ())
    assert keys(matching.conflicts) == ["a"]
    assert "no agent in the agency has id 9" in matching.conflicts[0].reason


def test_a_pin_missing_from_an_incomplete_list_may_be_right():
    """The conflict says that the list is incomplete."""
    matching = match_agents([file("a", id=9)], [live(1)], complete=False)
    assert "id 9 in the incomplete list" in matching.conflicts[0].reason


def test_an_external_id_precedes_a_phone():
    """The holder of the external id matches, although another agent has the phone."""
    matching = match_agents(
        [file("a", phone=PHONE)], [live(1, phone=PHONE), live(2, "a", phone=OTHER_PHONE)]
    )
    assert matched_ids(matching) == [("a", 2, "externalId")]


def test_an_external_id_matches_in_an_incomplete_list():
    """It is unique, so no unlisted agent has it."""
    assert matched_ids(match_agents([file("a")], [live(1, "a")], complete=False)) == [
        ("a", 1, "externalId")
    ]


@pytest.mark.parametrize(
    ("declared", "shown", "characters"),
    [
        ("Agent", "agent", ("U+0041 LATIN CAPITAL LETTER A", "U+0061 LATIN SMALL LETTER A")),
        ("caf\u00e9", "cafe\u0301", ("U+00E9", "U+0065", "U+0301")),
        ("cafe\u0301", "caf\u00e9", ("U+0301", "U+00E9")),
        ("agent 1", "agent\u00a01", ("U+0020 SPACE", "U+00A0 NO-BREAK SPACE")),
        ("agent-1", "agent-1 ", ("U+0020 SPACE",)),
        ("agent-1", "\u200bagent-1", ("U+200B ZERO WIDTH SPACE",)),
        ("agent-1", "agent-１", ("U+FF11",)),
    ],
)
@pytest.mark.parametrize("creating", [False, True])
@pytest.mark.parametrize("order", [ORDER, ("phone", "externalId"), ("id",)])
def test_an_external_id_that_resembles_a_live_one_is_a_conflict(
    declared, shown, characters, creating, order
):
    """Neither a match nor a new agent, and no link to the agent with its phone. The conflict names
    the person and the characters that differ, and what to declare."""
    agents = [live(1, shown, name="Ivan"), live(2, phone=PHONE)]
    matching = match_agents([file(declared, phone=PHONE)], agents, creating=creating, order=order)
    assert (matching.matches, matching.absent) == ((), ())
    (conflict,) = matching.conflicts
    assert conflict.candidates == (Candidate(1, "Ivan", shown),)
    for part in (f"“{declared}”", f"“{shown}”", "1 Ivan", "declare `id: 1`", *characters):
        assert part in conflict.reason


def test_external_ids_that_resemble_each_other_match_if_each_is_live():
    """An exact match precedes a resemblance."""
    matching = match_agents([file("A1"), file("a1")], [live(1, "a1"), live(2, "A1")])
    assert matched_ids(matching) == [("A1", 2, "externalId"), ("a1", 1, "externalId")]
    assert not matching.conflicts


def test_of_two_files_whose_external_ids_resemble_each_other_one_can_match():
    """The one that is live matches; the other is no new agent."""
    matching = match_agents([file("A1"), file("a1")], [live(1, "a1")], creating=True)
    assert matched_ids(matching) == [("a1", 1, "externalId")]
    assert keys(matching.conflicts) == ["A1"]
    assert not matching.absent
    neither = match_agents([file("A1"), file("a1")], [live(1, "b1")])
    assert keys(neither.absent) == ["A1", "a1"]


def test_a_pin_decides_despite_a_resembling_external_id():
    """It changes the external id of its agent; another agent can then have one like the old."""
    agents = [live(1, "a1"), live(2, phone=PHONE)]
    assert matched_ids(match_agents([file("A1", id=1)], agents)) == [("A1", 1, "id")]
    matching = match_agents([file("x", id=1), file("A1", phone=PHONE)], agents)
    assert matched_ids(matching) == [("A1", 2, "phone"), ("x", 1, "id")]
    kept = match_agents([file("a1", id=1), file("A1", phone=PHONE)], agents)
    assert (matched_ids(kept), keys(kept.conflicts)) == ([("a1", 1, "id")], ["A1"])


def test_every_agent_with_a_resembling_external_id_is_a_candidate():
    """The reason names the first."""
    (conflict,) = match_agents([file("AA")], [live(1, "aa"), live(2, "Aa"), live(3, "b")]).conflicts
    assert [each.id for each in conflict.candidates] == [1, 2]


# -- an external id that was reused ----------------------------------------------------------------

HIRE = {"name": "Olga Rusu"}


@pytest.mark.parametrize(
    "others",
    [
        [live(20, phone=OTHER_PHONE)],
        [live(20, "z", phone="022 999999")],
        [live(20, name="Olga Rusu")],
        [live(20, name="Русу Ольга")],
        [live(20, phone=OTHER_PHONE), live(21, phone=OTHER_PHONE)],
        [live(20, name="Olga Rusu"), live(21, phone=OTHER_PHONE)],
    ],
    ids=["phone", "linked", "name", "script", "two", "each"],
)
def test_an_external_id_reused_for_a_new_hire_is_a_conflict(others):
    """Name and phone are another person's, who is on the portal already. The conflict names both
    people and the pins that decide."""
    holder = live(15, "a", phone=PHONE, name="Ivan Petrov")
    matching = match_agents([file("a", HIRE, phone=OTHER_PHONE)], [holder, *others])
    assert (matching.matches, matching.absent) == ((), ())
    (conflict,) = matching.conflicts
    assert [each.id for each in conflict.candidates] == [15, *(each.id for each in others)]
    for part in ("externalId a", "15 Ivan Petrov", label(others[0]), "`id: 20`", "`id: 15`"):
        assert part in conflict.reason
    for number in (15, 20):
        pinned = match_agents([file("a", HIRE, phone=OTHER_PHONE, id=number)], [holder, *others])
        assert matched_ids(pinned) == [("a", number, "id")]


@pytest.mark.parametrize(
    ("desired", "holder"),
    [
        (file("a", HIRE, phone=PHONE), {}),
        (file("a", HIRE, phone="37322123456"), {}),
        (file("a", {"name": "I. Petrov"}, phone=OTHER_PHONE), {}),
        (file("a", {"name": "Петров Иван"}, phone=OTHER_PHONE), {}),
        (file("a", HIRE), {}),
        (file("a", phone=OTHER_PHONE), {}),
        (file("a", HIRE, phone=OTHER_PHONE), {"phone": None}),
        (file("a", HIRE, phone=OTHER_PHONE), {"name": " "}),
    ],
    ids=["phone", "digits", "initial", "script", "no-phone", "no-name", "hidden", "nameless"],
)
def test_a_name_or_phone_that_agrees_confirms_an_external_id(desired, holder):
    """So does one that is unknown on either side, although both match another agent."""
    shown = live(15, "a", **{"phone": PHONE, "name": "Ivan Petrov", **holder})
    other = live(20, phone=OTHER_PHONE, name="Olga Rusu")
    assert matched_ids(match_agents([desired], [shown, other])) == [("a", 15, "externalId")]


def test_a_new_name_and_phone_that_no_other_agent_has_are_a_change():
    """The person may have married and moved."""
    shown = [live(15, "a", phone=PHONE, name="Ivan Petrov"), live(20, name="Ana", phone="069")]
    matching = match_agents([file("a", HIRE, phone=OTHER_PHONE)], shown)
    assert matched_ids(matching) == [("a", 15, "externalId")]


@pytest.mark.parametrize("desired", ["+373 22 123 456", "022123456"])
@pytest.mark.parametrize(
    "extension", [" ext. 12", " доб. 12", ";ext=12", " x12", " int. 12", " (доб. 12)", " ext 13"]
)
def test_a_phone_does_not_match_one_with_an_extension(desired, extension):
    """Behind one number, each extension is another person's phone."""
    shown = [live(1, phone=f"+373 22 123 456{extension}")]
    assert keys(match_agents([file("a", phone=desired)], shown).absent) == ["a"]
    matching = match_agents([file("a", phone=f"{desired} ext. 12")], shown)
    assert keys(matching.matches) == ([] if "13" in extension else ["a"])


def test_an_external_id_with_two_holders_is_a_conflict():
    """The portal lists it twice, so it identifies no agent."""
    matching = match_agents([file("a")], [live(1, "a"), live(2, "a")])
    assert [each.id for each in matching.conflicts[0].candidates] == [1, 2]
    assert not matching.matches
    assert "have externalId a: 1 Agent 1, 2 Agent 2." in matching.conflicts[0].reason


def test_a_phone_matches_the_only_agent_that_has_it():
    """However it is formatted, if the agent has no external id."""
    matching = match_agents(
        [file("a", phone=SAME_PHONE)], [live(1, phone=PHONE), live(2, phone=OTHER_PHONE)]
    )
    assert matched_ids(matching) == [("a", 1, "phone")]


@pytest.mark.parametrize("creating", [False, True])
@pytest.mark.parametrize(
    "agents",
    [
        [live(1, phone=PHONE), live(2, phone=PHONE)],
        [live(1, phone=PHONE), live(2, "z", phone=PHONE)],
        [live(1, "z", phone=PHONE)],
    ],
    ids=["two", "two-one-linked", "linked"],
)
def test_an_ambiguous_phone_is_a_conflict(agents, creating):
    """It matches several agents, or one with another external id: no match and no creation."""
    matching = match_agents([file("a", phone=PHONE)], agents, creating=creating)
    assert (matching.matches, matching.absent) == ((), ())
    conflict = matching.conflicts[0]
    assert [each.id for each in conflict.candidates] == [each.id for each in agents]
    assert "eclare `id" in conflict.reason


def test_the_conflict_of_an_ambiguous_phone_names_the_holders():
    """By id, name and external id, and says what to declare."""

    def reason(*agents, **options):
        (conflict,) = match_agents([file("a", phone=PHONE)], agents, **options).conflicts
        return conflict.reason

    same = "If this is the same person, declare `id: 1`."
    assert reason(live(1, phone=PHONE), live(2, phone=PHONE)) == (
        f"phone {PHONE} matches 2 agents: 1 Agent 1, 2 Agent 2. Declare `id` to choose one."
    )
    assert reason(live(1, "z", phone=PHONE)) == (
        f"phone {PHONE} belongs to 1 Agent 1, who has externalId z. {same}"
    )
    assert reason(live(1, phone=PHONE), order=("id",), creating=True) == (
        f"phone {PHONE} belongs to 1 Agent 1. {same}"
    )


def test_an_unknown_phone_leaves_the_agent_absent():
    """So does a file without a phone."""
    matching = match_agents([file("a", phone=OTHER_PHONE), file("b")], [live(1, phone=PHONE)])
    assert keys(matching.absent) == ["a", "b"]
    assert not matching.conflicts


def test_a_phone_does_not_match_in_an_incomplete_list():
    """An unlisted agent may have the same phone."""
    matching = match_agents(
        [file("a", phone=PHONE), file("b", phone=OTHER_PHONE)],
        [live(1, phone=PHONE)],
        complete=False,
    )
    assert keys(matching.conflicts) == ["a"]
    assert keys(matching.absent) == ["b"]


def test_files_with_the_same_phone_are_all_in_conflict():
    """However they format it; each reason names the other files."""
    matching = match_agents(
        [file("a", phone=PHONE), file("b", phone=SAME_PHONE)], [live(1, phone=PHONE)]
    )
    assert not matching.matches
    reasons = {each.key: each.reason for each in matching.conflicts}
    assert "b (agents/b.yaml:1)" in reasons["a"]
    assert "a (agents/a.yaml:1)" in reasons["b"]
    three = match_agents(
        [file(key, phone=PHONE) for key in "abc"], [live(1, phone=PHONE)]
    ).conflicts
    assert f"phone {PHONE} is also declared for" in three[0].reason
    assert "b (agents/b.yaml:1), c (agents/c.yaml:1)" in three[0].reason


@pytest.mark.parametrize(("creating", "conflicts"), [(True, ["a", "b"]), (False, [])])
def test_files_with_the_same_new_phone_conflict_only_if_created(creating, conflicts):
    """Agents that wait may share a phone."""
    matching = match_agents([file("a", phone=PHONE), file("b", phone=PHONE)], [], creating=creating)
    assert keys(matching.conflicts) == conflicts
    assert keys(matching.absent) == ([] if conflicts else ["a", "b"])


def test_a_phone_of_an_agent_that_another_file_pins_is_a_conflict():
    """The reason names that file."""
    matching = match_agents([file("a", id=1), file("b", phone=PHONE)], [live(1, phone=PHONE)])
    assert matched_ids(matching) == [("a", 1, "id")]
    assert "agents/a.yaml:1" in matching.conflicts[0].reason


@pytest.mark.parametrize("order", [("id", "externalId"), ("id",), ()])
def test_a_phone_outside_the_order_prevents_a_creation(order):
    """The person may exist, although `match` does not include phones."""
    created = match_agents(
        [file("a", phone=PHONE)], [live(1, phone=PHONE)], order=order, creating=True
    )
    assert keys(created.conflicts) == ["a"]
    assert "declare `id: 1`" in created.conflicts[0].reason
    waiting = match_agents([file("a", phone=PHONE)], [live(1, phone=PHONE)], order=order)
    assert keys(waiting.absent) == ["a"]


def test_an_unknown_phone_outside_the_order_allows_a_creation():
    """Only a phone of a listed agent prevents it."""
    absent = match_agents(
        [file("a", phone=PHONE)], [live(1)], order=("id", "externalId"), creating=True
    ).absent
    assert keys(absent) == ["a"]


@pytest.mark.parametrize("order", [*permutations(("id", "externalId", "phone")), ("id", "phone")])
def test_an_agent_matched_by_phone_still_matches_once_linked(order):
    """Its own external id is not *another* one."""
    desired = [file("a", phone=PHONE)]
    assert [
        pair[:2] for pair in matched_ids(match_agents(desired, [live(1, phone=PHONE)], order=order))
    ] == [("a", 1)]
    again = match_agents(desired, [live(1, "a", phone=PHONE)], order=order)
    assert not again.conflicts
    assert [pair[:2] for pair in matched_ids(again)] == [("a", 1)]


@pytest.mark.parametrize("order", list(permutations(("id", "externalId", "phone"))))
def test_a_phone_never_takes_an_agent_that_an_external_id_matches(order):
    """In any order: the holder of b belongs to b, whatever phone a declares."""
    desired = [file("a", phone=PHONE), file("b")]
    matching = match_agents(desired, [live(1, "b", phone=PHONE)], order=order)
    assert matched_ids(matching) == [("b", 1, "externalId")]
    assert keys(matching.conflicts) == ["a"]


def test_two_files_that_match_one_agent_are_both_in_conflict():
    """One by id, one by external id: each reason names the other file and the agent."""
    matching = match_agents([file("id:1"), file("b")], [live(1, "b", name="Ivan")])
    assert not matching.matches
    assert keys(matching.conflicts) == ["b", "id:1"]
    for conflict in matching.conflicts:
        assert conflict.candidates == (Candidate(1, "Ivan", "b"),)
        assert ("id:1" if conflict.key == "b" else "b (agents/b.yaml:1)") in conflict.reason


def test_three_files_that_match_one_agent_each_name_the_others():
    """Each of them is in conflict, and the message is in the plural."""
    desired = [file("b"), file("id:1", at="x.yaml"), file("id:1", at="y.yaml")]
    reasons = {
        str(each.source): each.reason for each in match_agents(desired, [live(1, "b")]).conflicts
    }
    assert "id:1 (x.yaml:1), id:1 (y.yaml:1)." in reasons["agents/b.yaml:1"]
    assert "id:1 (y.yaml:1), b (agents/b.yaml:1)." in reasons["x.yaml:1"]
    for reason in reasons.values():
        assert ", and so do " in reason
        assert "Several files match one agent" in reason


def test_a_pin_releases_the_external_id_of_its_agent():
    """The files pin the holder and declare another id for it, so the agent with the old id is
    absent, or matches by phone."""
    agents = [live(1, "b"), live(2, phone=PHONE)]
    assert keys(match_agents([file("a", id=1), file("b")], agents).absent) == ["b"]
    matching = match_agents([file("a", id=1), file("b", phone=PHONE)], agents)
    assert matched_ids(matching) == [("a", 1, "id"), ("b", 2, "phone")]


def test_pinned_agents_can_swap_external_ids():
    """Two matches and no conflict."""
    matching = match_agents([file("a", id=1), file("b", id=2)], [live(1, "b"), live(2, "a")])
    assert matched_ids(matching) == [("a", 1, "id"), ("b", 2, "id")]


def test_a_key_that_cannot_be_reassigned_is_never_released():
    """Two files match the agent, one by its pin and one by its login."""
    pinned = file("a", id=1, email="x@a.example")
    other = file("b", email="Y@a.example")
    holder = live(1)
    holder = type(holder)("pf", 1, "Ivan", {"id": 1, "email": "y@a.example"}, {})
    matching = match_agents([pinned, other], [holder], order=("id", "email"), identifiers=LOGIN)
    assert keys(matching.conflicts) == ["a", "b"]
    alone = match_agents([other], [holder], order=("id", "email"), identifiers=LOGIN)
    assert matched_ids(alone) == [("b", 1, "email")]


def test_a_phone_matches_on_a_portal_without_external_ids():
    """There is no external id that could differ."""
    phones = (Identifier("id", "pin"), Identifier("phone", "shared"))
    matching = match_agents(
        [file("a", phone=PHONE)], [live(1, "z", phone=PHONE)], order=("phone",), identifiers=phones
    )
    assert matched_ids(matching) == [("a", 1, "phone")]


def test_results_are_in_file_order():
    """Matches and absent agents are sorted by file and line, whatever matched them."""
    desired = [
        file("c", at="x.yaml", line=2),
        file("a", at="x.yaml", line=9, id=1),
        file("b", at="a.yaml", phone=PHONE),
        file("e", at="x.yaml", line=4, phone=OTHER_PHONE),
        file("d", at="b.yaml"),
    ]
    matching = match_agents(desired, [live(1), live(2, "c"), live(3, phone=PHONE)])
    assert [each.desired.key for each in matching.matches] == ["b", "c", "a"]
    assert [each.key for each in matching.absent] == ["d", "e"]


def test_the_handle_is_the_identifier_that_can_be_linked():
    """Rentix has one; a portal without links has none. Candidates show it."""
    assert Catalogue("rentix", (), IDENTIFIERS, Policy(())).handle == "externalId"
    assert Catalogue("pf", (), LOGIN, Policy(())).handle is None
    assert candidate(live(1, "a", name="Ivan"), "externalId") == Candidate(1, "Ivan", "a")
    assert candidate(live(1, "a", name="Ivan"), None) == Candidate(1, "Ivan", None)
    assert label(live(1, name=" ")) == "1"


def test_an_agent_is_linked_if_it_has_the_declared_external_id():
    """Any external id counts if none is declared, or if the portal has none to link."""

    def linked(desired, agent, name="externalId"):
        return is_linked(Match(desired, agent, "id"), name)

    assert linked(file("a", id=1), live(1, "a"))
    assert not linked(file("a", id=1), live(1, "b"))
    assert not linked(file("a", id=1), live(1))
    assert linked(file("id:1"), live(1, "b"))
    assert linked(file("a", id=1), live(1), None)


def test_every_declared_agent_has_one_outcome():
    """Over all small worlds: matched, absent or in conflict; no live agent matches twice; a phone
    never matches an agent that has an external id."""
    choices = [
        file("a"),
        file("a", phone=PHONE),
        file("a", id=1),
        file("a", id=2, phone=OTHER_PHONE),
        file("id:1", phone=PHONE),
    ]
    others = [file("b", phone=PHONE), file("b", id=2), file("b", phone=OTHER_PHONE), file("id:2")]
    people = [
        live(1),
        live(1, "a"),
        live(1, "b", phone=PHONE),
        live(1, phone=PHONE),
        live(1, "z", phone=OTHER_PHONE),
    ]
    seconds = [
        live(2),
        live(2, "b"),
        live(2, phone=PHONE),
        live(2, "a", phone=PHONE),
        live(2, phone=OTHER_PHONE),
    ]
    for first in choices:
        for second in others:
            for one in people:
                for two in seconds:
                    for creating in (False, True):
                        matching = match_agents([first, second], [one, two], creating=creating)
                        outcomes = (*matching.matches, *matching.absent, *matching.conflicts)
                        assert keys(outcomes) == sorted([first.key, second.key])
                        assert len({each.live.id for each in matching.matches}) == len(
                            matching.matches
                        )
                        for each in matching.matches:
                            pin = each.desired.identity.get("id")
                            assert pin in (None, each.live.id)
                            if each.by == "phone":
                                assert "externalId" not in each.live.identity


def all_reused(size):
    """Match agents whose files each have the name and phone of the next agent."""
    phones = [f"+373 60 {at:06}" for at in range(size)]
    agents = [
        live(at, f"k{at}", phone=phones[at], name=Counted(f"Агент N{at}")) for at in range(size)
    ]
    desired = [
        file(f"k{at}", {"name": f"Agent N{(at + 1) % size}"}, phone=phones[(at + 1) % size])
        for at in range(size)
    ]
    assert len(match_agents(desired, agents).conflicts) == size


def test_twice_the_reused_ids_take_twice_the_comparisons():
    """The number of uses of the names is linear, although any agent may be meant."""
    assert 0 < uses(all_reused, 200) <= 2.1 * uses(all_reused, 100)


def test_resembling_ids_are_folded_once_each(monkeypatch):
    """The files' and the portal's, and none if all match exactly."""
    folded = []
    monkeypatch.setattr(spelling, "fold", lambda text: folded.append(text) or text.casefold())
    agents = [live(at, f"k{at}") for at in range(50)]
    conflicts = match_agents([file(f"K{at}") for at in range(50)], agents).conflicts
    assert (len(conflicts), len(folded)) == (50, 100)
    folded.clear()
    assert len(match_agents([file(f"k{at}") for at in range(50)], agents).matches) == 50
    assert folded == []


def test_a_phone_that_very_many_share_makes_no_endless_messages():
    """Each message names the first ones and counts the rest."""
    shared = [file(f"a{number}", phone=PHONE) for number in range(50)]
    holders = [live(number, phone=PHONE) for number in range(1, 51)]
    files = match_agents(shared, holders[:1]).conflicts
    (agents,) = match_agents([file("a", phone=PHONE)], holders).conflicts
    assert len(files) == 50
    for reason in (*(each.reason for each in files), agents.reason):
        assert len(reason) < 600
    assert "a0 (" in files[-1].reason
    assert "39 more" in files[-1].reason
    assert "matches 50 agents" in agents.reason
    assert "40 more" in agents.reason
