"""Reviewing what would happen now against a saved plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import Account, Target
from reconciler.core.review import review, review_all, why_elsewhere, without

from .build import PHONE, file, ledger, live
from .reviewing import KEY, PETR, rentix_plan, saved_plan, stale_reasons

IVAN = file(KEY, {"name": "Ivan", "instagram": "https://instagram.com/i"})
BEFORE = saved_plan([IVAN], [PETR])


def test_an_unchanged_plan_is_not_stale():
    """Whatever it does to the agents."""
    assert stale_reasons(BEFORE, [IVAN], [PETR]) == {}
    desired = [file("b", id=1), file("a", id=2), file("new", {"name": "O"}, phone=PHONE), file("w")]
    agents = [live(1, "a"), live(2, "b"), live(9, "gone")]
    policy = {
        "create": True,
        "removal": "unlink",
        "prior": ledger((9, "gone")),
    }
    before = saved_plan(desired, agents, **policy)
    assert len(before.entries) == 4
    assert stale_reasons(before, desired, agents, **policy) == {}


def test_a_change_that_happened_meanwhile_is_not_stale():
    """The portal already shows all or some of the planned values."""
    instagram = "https://instagram.com/i"
    current = live(1, KEY, {"name": "Ivan", "instagram": instagram})
    partly = live(1, KEY, {"name": "Ivan"})
    assert stale_reasons(BEFORE, [IVAN], [current]) == {}
    assert stale_reasons(BEFORE, [IVAN], [partly]) == {}


def test_attribution_source_and_other_agents_do_not_make_a_plan_stale():
    """The file moved, the ledger was lost or found, the portal has another agent."""
    moved = replace(IVAN, source=replace(IVAN.source, file="agents/north/i.yaml", line=9))
    other_ledger = ledger((5, "z"))
    assert stale_reasons(BEFORE, [moved], [PETR, live(2, "x")], other_ledger) == {}


def test_a_value_that_the_portal_changed_is_stale():
    """The value would still become the reviewed one; the reason has both sides."""
    reasons = stale_reasons(BEFORE, [IVAN], [live(1, KEY, {"name": "Oleg"})])
    assert list(reasons) == [KEY]
    assert reasons[KEY].startswith("name has changed since the plan")
    assert "Petr" in reasons[KEY]
    assert "Oleg" in reasons[KEY]


def test_a_value_that_the_file_changed_is_stale():
    """It would become another value than the reviewed one."""
    oleg = file(KEY, {"name": "Oleg", "instagram": "https://instagram.com/i"})
    reasons = stale_reasons(BEFORE, [oleg], [PETR])
    assert reasons[KEY].startswith("name would get another value than the plan shows")
    assert "Oleg" in reasons[KEY]


def test_the_reason_says_which_side_differs():
    """What the portal shows, what the file declares, or both."""
    oleg = file(KEY, {"name": "Oleg", "instagram": "https://instagram.com/i"})
    anna = live(1, KEY, {"name": "Anna"})
    shows, says = (
        "the portal shows 'Anna' instead of 'Petr'",
        "the file declares 'Oleg' instead of 'Ivan'",
    )
    other = "name would get another value than the plan shows"
    assert stale_reasons(BEFORE, [IVAN], [anna]) == {
        KEY: f"name has changed since the plan: {shows}"
    }
    assert stale_reasons(BEFORE, [oleg], [PETR]) == {KEY: f"{other}: {says}"}
    assert stale_reasons(BEFORE, [oleg], [anna]) == {KEY: f"{other}: {shows}; {says}"}


def test_an_additional_change_is_stale():
    """A new key in the file, or a value that changed on the portal."""
    more = file(KEY, {**IVAN.values, "tiktok": "https://tiktok.com/@i"})
    assert stale_reasons(BEFORE, [more], [PETR]) == {KEY: "tiktok would change too"}
    switched = file(KEY, {**IVAN.values, "settings.contact_viber": True})
    before = saved_plan([switched], [PETR])
    drifted = live(1, KEY, {"name": "Petr", "settings.contact_viber": False})
    assert stale_reasons(before, [switched], [drifted]) == {
        KEY: "settings.contact_viber would change too"
    }


def test_an_agent_that_was_not_in_the_plan_is_stale():
    """Another agent would change now."""
    other = file("b", {"name": "O"})
    assert stale_reasons(BEFORE, [IVAN, other], [PETR, live(2, "b")]) == {"b": "not in the plan"}


def test_another_live_agent_is_stale():
    """The key matches another agent now."""
    pinned = file(KEY, IVAN.values, id=2)
    moved = live(2, KEY, {"name": "Petr"})
    assert stale_reasons(BEFORE, [pinned], [live(1), moved]) == {KEY: "was agent 1, now agent 2"}


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (live(1, values={"name": "Petr"}), "would also be linked"),
        (live(1, "z", values={"name": "Petr"}), "would also be unlinked and linked"),
    ],
)
def test_an_additional_action_is_stale(now, reason):
    """Someone unlinked or linked the agent since."""
    pinned = file(KEY, IVAN.values, id=1)
    assert stale_reasons(saved_plan([pinned], [PETR]), [pinned], [now]) == {KEY: reason}


def test_a_link_that_needs_an_unlink_now_is_stale():
    """The agent got another external id since."""
    pinned = file(KEY, id=1)
    assert stale_reasons(saved_plan([pinned], [live(1)]), [pinned], [live(1, "z")]) == {
        KEY: "would also be unlinked"
    }


def test_an_agent_that_was_only_unlinked_can_still_be_linked():
    """The apply was interrupted between unlink and link: the link was reviewed."""
    swap = [file("b", {"name": "X"}, id=1), file("a", id=2)]
    before = saved_plan(swap, [live(1, "a"), live(2, "b")])
    assert stale_reasons(before, swap, [live(1), live(2, "b")]) == {}
    assert stale_reasons(before, swap, [live(1), live(2)]) == {}
    assert stale_reasons(before, swap, [live(1, "b"), live(2)]) == {}
    assert stale_reasons(before, swap, [live(1, "b", name="X"), live(2, "a")]) == {}


def test_an_unlinked_agent_may_have_lost_only_its_external_id():
    """Someone cleared another field since, which was not reviewed."""
    pinned = file("b", {"instagram": "https://instagram.com/new"}, id=1)
    old = {"instagram": "https://instagram.com/old"}
    before = saved_plan([pinned], [live(1, "a", old)])
    assert stale_reasons(before, [pinned], [live(1, None, old)]) == {}
    reasons = stale_reasons(before, [pinned], [live(1)])
    assert reasons.keys() == {"b"}
    assert reasons["b"].startswith("instagram has changed since the plan")


def test_an_agent_that_is_in_conflict_now_is_stale():
    """With the conflict's reason."""
    pinned = file(KEY, IVAN.values, id=1)
    reasons = stale_reasons(saved_plan([pinned], [PETR]), [pinned], [live(2)])
    assert reasons[KEY].startswith("now in conflict: no agent in the agency has id 1")


def test_an_earlier_conflict_is_not_stale():
    """Nothing was planned for the agent, and nothing is."""
    lost = file("lost", id=99)
    assert stale_reasons(saved_plan([IVAN, lost], [PETR]), [IVAN, lost], [PETR]) == {}


def test_a_resolved_conflict_is_stale_if_the_agent_would_change():
    """The agent was not in the plan."""
    lost = file("lost", {"name": "L"}, id=9)
    before = saved_plan([IVAN, lost], [PETR])
    assert stale_reasons(before, [IVAN, lost], [PETR, live(9, "lost")]) == {
        "lost": "not in the plan"
    }


def test_an_agent_that_left_the_portal_is_stale():
    """It waits for an invitation now."""
    assert stale_reasons(BEFORE, [IVAN], []) == {KEY: "no longer on the portal"}


def test_an_agent_whose_file_is_gone_is_stale():
    """No file declares the reviewed change any more."""
    assert stale_reasons(BEFORE, [], [PETR]) == {KEY: "no longer declared by any file"}


def test_a_change_that_the_file_no_longer_declares_is_stale():
    """No change, or only the rest of them, would happen."""
    reason = "the plan changes name to 'Ivan', which the file no longer declares"
    as_live = file(KEY, {**IVAN.values, "name": "Petr"})
    assert stale_reasons(BEFORE, [as_live], [PETR]) == {KEY: reason}
    dropped = file(KEY, {"instagram": "https://instagram.com/i"})
    assert stale_reasons(BEFORE, [dropped], [PETR]) == {KEY: reason}
    nothing = file(KEY)
    assert stale_reasons(BEFORE, [nothing], [PETR]) == {KEY: reason}


def test_a_null_that_the_file_no_longer_declares_is_stale():
    """Clearing a value is not the same as ignoring it."""
    values = {"instagram": None, "name": "Ivan"}
    agent = live(1, KEY, {"instagram": "https://instagram.com/i"})
    before = saved_plan([file(KEY, values)], [agent])
    kept = file(KEY, {"name": "Ivan"})
    assert stale_reasons(before, [kept], [agent]).keys() == {KEY}
    assert stale_reasons(before, [file(KEY, values)], [live(1, KEY, {"name": "Ivan"})]) == {}


def test_a_link_that_the_file_no_longer_declares_is_stale():
    """The file declares another external id."""
    before = saved_plan([file(KEY, {"name": "I"}, id=1)], [live(1)])
    other = file("other", {"name": "I"}, id=1)
    assert stale_reasons(before, [other], [live(1)]) == {
        "other": "not in the plan",
        KEY: "no longer declared by any file",
    }


def test_a_creation_that_happened_is_not_stale():
    """An agent with the reviewed external id and values exists."""
    new = file("new", {"name": "Olga"}, phone=PHONE)
    before = saved_plan([new], [], create=True)
    assert (
        stale_reasons(before, [new], [live(5, "new", name="Olga", phone=PHONE)], create=True) == {}
    )
    renamed_agent = file("new", {"name": "Olga R"}, phone=PHONE)
    assert stale_reasons(before, [renamed_agent], [], create=True)["new"].startswith(
        "name would get another"
    )


def test_a_creation_that_would_be_an_update_now_is_stale():
    """Another agent got the external id: it may be another person."""
    new = file("new", {"name": "Olga"}, phone=PHONE)
    before = saved_plan([new], [], create=True)
    assert stale_reasons(before, [new], [live(5, "new", name="X")], create=True) == {
        "new": "was to be created, now agent 5"
    }


def test_an_update_that_would_be_a_creation_now_is_stale():
    """The agent is gone and would be created again."""
    new = file("new", {"name": "Olga"}, phone=PHONE)
    before = saved_plan([new], [live(5, "new", name="X")], create=True)
    assert stale_reasons(before, [new], [], create=True) == {
        "new": "was agent 5, now to be created"
    }


def test_a_removal_that_happened_is_not_stale():
    """The agent was unlinked meanwhile; no file has to declare it."""
    prior = ledger((9, "gone"))
    before = saved_plan([], [live(9, "gone")], prior, removal="unlink")
    assert [each.key for each in before.entries] == ["gone"]
    assert stale_reasons(before, [], [live(9)], prior, removal="unlink") == {}
    assert stale_reasons(before, [], [live(9, "gone")], prior, removal="unlink") == {}


def test_a_removal_of_another_agent_is_stale():
    """The external id moved to another managed agent."""
    prior = ledger((9, "gone"), (10, "gone"))
    before = saved_plan([], [live(9, "gone"), live(10)], prior, removal="unlink")
    moved = [live(9), live(10, "gone")]
    assert stale_reasons(before, [], moved, prior, removal="unlink") == {
        "gone": "now another agent"
    }


def test_a_removal_of_an_agent_that_is_declared_again_is_stale():
    """The agent is still linked, and the reviewed removal would not happen."""
    prior = ledger((9, "gone"))
    before = saved_plan([], [live(9, "gone")], prior, removal="unlink")
    back = file("gone")
    reasons = stale_reasons(before, [back], [live(9, "gone")], prior, removal="unlink")
    assert reasons == {"gone": "declared again"}


def test_a_removal_does_not_hide_another_change_of_its_key():
    """The file pins another agent for the external id of the removed one: both are reviewed."""
    prior = ledger((1, "a"))
    agents = [live(1, "a"), live(2)]
    before = saved_plan([file("a", {"name": "X"}, id=2)], agents, prior, removal="unlink")
    assert [(each.key, each.id) for each in before.entries] == [("a", 2), ("a", 1)]
    unlinked = [live(1), live(2)]
    now = file("a", {"name": "X"}, id=2)
    assert stale_reasons(before, [now], unlinked, prior, removal="unlink") == {}
    changed = file("a", {"name": "Y"}, id=2)
    assert stale_reasons(before, [changed], agents, prior, removal="unlink").keys() == {"a"}


def test_a_stale_agent_has_the_source_of_its_file():
    """The fresh source, or the saved one if no file declares it any more."""
    moved = replace(file(KEY, {"name": "Oleg"}), source=replace(IVAN.source, line=9))
    (conflict,) = review(BEFORE, rentix_plan([moved], [PETR]), [moved])
    assert (conflict.portal, str(conflict.source)) == ("rentix", f"agents/{KEY}.yaml:9")
    (conflict,) = review(BEFORE, rentix_plan([], [PETR]), [])
    assert str(conflict.source) == f"agents/{KEY}.yaml:1"


def test_a_stale_agent_has_its_name():
    """From the fresh entry, or the saved one; with several plans too."""
    oleg = file(KEY, {"name": "Oleg"})
    for desired, name in (([oleg], "Oleg"), ([], "Ivan")):
        (conflict,) = review(BEFORE, rentix_plan(desired, [PETR]), desired)
        assert conflict.name == name
    (conflict,) = review_all([], rentix_plan([oleg], [PETR]), [oleg])
    assert conflict.name == "Oleg"


# -- addresses -----------------------------------------------------------------------------------

HERE, THERE = Target("rentix", "https://a.example"), Target("rentix", "https://b.example")
ON_PF = Target("propertyfinder", "https://pf.example")


@pytest.mark.parametrize("targets", [(), (HERE,), (HERE, ON_PF)], ids=len)
def test_a_plan_for_these_addresses_counts(targets):
    """Also if the run is for one more portal."""
    saved = replace(BEFORE, targets=targets)
    assert why_elsewhere(saved, saved) is None
    assert (
        why_elsewhere(replace(BEFORE, targets=(HERE,)), replace(BEFORE, targets=(HERE, ON_PF)))
        is None
    )


@pytest.mark.parametrize("targets", [(THERE,), (ON_PF, THERE)], ids=len)
def test_a_plan_for_another_address_does_not_count(targets):
    """The reason names the portal and both addresses."""
    fresh = replace(BEFORE, targets=(HERE, ON_PF))
    saved = replace(BEFORE, targets=targets)
    reason = why_elsewhere(saved, fresh)
    assert "rentix at https://b.example" in reason
    assert "https://a.example" in reason
    [conflict] = review_all([saved], fresh, [IVAN])
    assert conflict.key == KEY
    assert "https://b.example" in conflict.reason


def test_a_plan_without_addresses_does_not_count():
    """An older version saved it."""
    assert "older version" in why_elsewhere(BEFORE, replace(BEFORE, targets=(HERE,)))


def test_plans_for_another_address_are_skipped():
    """A plan for this one is enough."""
    fresh = replace(BEFORE, targets=(HERE,))
    assert review_all([replace(BEFORE, targets=(THERE,)), fresh], fresh, [IVAN]) == ()


def test_a_plan_without_some_agents_does_not_review_them():
    """It still reviews the others."""
    desired = [file("a", {"name": "A"}), file("b", {"name": "B"})]
    agents = [live(1, "a"), live(2, "b")]
    saved = saved_plan(desired, agents)
    fresh = rentix_plan(desired, agents)
    found = review_all([without(saved, {"a"})], fresh, desired)
    assert [(each.key, each.reason) for each in found] == [("a", "in no reviewed plan")]


# -- accounts ------------------------------------------------------------------------------------


def of(number, name="Alpha"):
    """A plan for an account on Rentix; None: unknown."""
    accounts = () if number is None else (("rentix", Account(number, name)),)
    return replace(BEFORE, targets=(HERE, ON_PF), accounts=accounts)


@pytest.mark.parametrize("saved", [17, "17", None])
@pytest.mark.parametrize("now", [17, None])
def test_a_plan_for_this_account_counts(saved, now):
    """Under any name. An account that is unknown now or was unknown then is no other one."""
    assert why_elsewhere(of(saved), of(now, "Renamed")) is None


def test_a_plan_for_another_account_does_not_count():
    """The reason names both; in a review, the agent is unreviewed."""
    saved, fresh = of(17), of(18, "Beta")
    reason = why_elsewhere(saved, fresh)
    assert "Alpha (17)" in reason
    assert "Beta (18)" in reason
    [conflict] = review_all([saved], fresh, [IVAN])
    assert (conflict.key, "Alpha (17)" in conflict.reason) == (KEY, True)
    assert review_all([saved, fresh], fresh, [IVAN]) == ()
