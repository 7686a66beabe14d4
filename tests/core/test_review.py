"""A saved plan against what would happen now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.core.model import AgentState, PortalState
from reconciler.core.plan import join
from reconciler.core.plan_json import form, parse
from reconciler.core.review import review, review_all
from reconciler.core.selection import Selection

from .build import NOTHING, file, live, member, plan, staff, user

P = "+373 22 123 456"
A = "agent-001"


def planned(desired, agents, prior=NOTHING, **policy):
    """The plan for these agents."""
    return join({"rentix": plan(desired, agents, prior, **policy)}, {"rentix": ()}, {"rentix": ()})


def saved(desired, agents, prior=NOTHING, **policy):
    """The plan for these agents as it comes back from a file."""
    made = form(planned(desired, agents, prior, **policy), Selection(), ("rentix",), "0")
    return parse(json.loads(json.dumps(made)))


def stale(before, desired, agents, prior=NOTHING, **policy):
    """Reasons by key: what is not as it was reviewed."""
    return {
        each.key: each.reason
        for each in review(before, planned(desired, agents, prior, **policy), desired)
    }


IVAN = file(A, {"name": "Ivan", "instagram": "https://instagram.com/i"})
PETR = live(1, A, {"name": "Petr"})
BEFORE = saved([IVAN], [PETR])


def test_the_same_plan_is_as_reviewed():
    """Nothing changed since: nobody is stale, whatever is done to them."""
    assert stale(BEFORE, [IVAN], [PETR]) == {}
    desired = [file("b", id=1), file("a", id=2), file("new", {"name": "O"}, phone=P), file("w")]
    agents = [live(1, "a"), live(2, "b"), live(9, "gone")]
    policy = {
        "create": True,
        "removal": "unlink",
        "prior": PortalState({"9": AgentState("gone", {})}),
    }
    before = saved(desired, agents, **policy)
    assert len(before.entries) == 4
    assert stale(before, desired, agents, **policy) == {}


def test_what_became_so_meanwhile_is_done():
    """Live already as the plan wanted it, wholly or in part."""
    instagram = "https://instagram.com/i"
    done = live(1, A, {"name": "Ivan", "instagram": instagram})
    partly = live(1, A, {"name": "Ivan"})
    assert stale(BEFORE, [IVAN], [done]) == {}
    assert stale(BEFORE, [IVAN], [partly]) == {}


def test_attribution_place_and_other_agents_do_not_make_a_plan_stale():
    """The file moved, the memory was lost or found, another agent came to the portal."""
    moved = replace(IVAN, source=replace(IVAN.source, file="agents/north/i.yaml", line=9))
    remembered = PortalState({"5": AgentState("z", {})})
    assert stale(BEFORE, [moved], [PETR, live(2, "x")], remembered) == {}


def test_a_value_that_the_portal_changed_is_stale():
    """It is not what it was, though it would become what was shown; both sides are told."""
    said = stale(BEFORE, [IVAN], [live(1, A, {"name": "Oleg"})])
    assert list(said) == [A]
    assert said[A].startswith("name has changed since the plan")
    assert "Petr" in said[A]
    assert "Oleg" in said[A]


def test_a_value_that_the_file_changed_is_stale():
    """It would become another one than was reviewed."""
    oleg = file(A, {"name": "Oleg", "instagram": "https://instagram.com/i"})
    said = stale(BEFORE, [oleg], [PETR])
    assert said[A].startswith("name would get another value than the plan shows")
    assert "Oleg" in said[A]


def test_what_differs_is_told_by_side():
    """What the portal shows, what the file says, and both where both are others."""
    oleg = file(A, {"name": "Oleg", "instagram": "https://instagram.com/i"})
    anna = live(1, A, {"name": "Anna"})
    shows, says = (
        "the portal shows 'Anna' instead of 'Petr'",
        "the file declares 'Oleg' instead of 'Ivan'",
    )
    other = "name would get another value than the plan shows"
    assert stale(BEFORE, [IVAN], [anna]) == {A: f"name has changed since the plan: {shows}"}
    assert stale(BEFORE, [oleg], [PETR]) == {A: f"{other}: {says}"}
    assert stale(BEFORE, [oleg], [anna]) == {A: f"{other}: {shows}; {says}"}


def test_a_change_that_was_not_shown_is_stale():
    """A new key in the file, or a value that the portal changed."""
    more = file(A, {**IVAN.values, "tiktok": "https://tiktok.com/@i"})
    assert stale(BEFORE, [more], [PETR]) == {A: "tiktok would change too"}
    switched = file(A, {**IVAN.values, "settings.contact_viber": True})
    before = saved([switched], [PETR])
    drifted = live(1, A, {"name": "Petr", "settings.contact_viber": False})
    assert stale(before, [switched], [drifted]) == {A: "settings.contact_viber would change too"}


def test_an_agent_that_was_not_in_the_plan_is_stale():
    """Somebody else would change now."""
    other = file("b", {"name": "O"})
    assert stale(BEFORE, [IVAN, other], [PETR, live(2, "b")]) == {"b": "not in the plan"}


def test_another_live_agent_is_stale():
    """The same key is somebody else now."""
    pinned = file(A, IVAN.values, id=2)
    moved = live(2, A, {"name": "Petr"})
    assert stale(BEFORE, [pinned], [live(1), moved]) == {A: "was agent 1, now agent 2"}


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (live(1, values={"name": "Petr"}), "would also be linked"),
        (live(1, "z", values={"name": "Petr"}), "would also be unlinked and linked"),
    ],
)
def test_an_action_that_was_not_shown_is_stale(now, reason):
    """Somebody unlinked or linked the agent since."""
    pinned = file(A, IVAN.values, id=1)
    assert stale(saved([pinned], [PETR]), [pinned], [now]) == {A: reason}


def test_a_link_that_needs_an_unlink_now_is_stale():
    """The agent got another external id since, which would be taken off."""
    pinned = file(A, id=1)
    assert stale(saved([pinned], [live(1)]), [pinned], [live(1, "z")]) == {
        A: "would also be unlinked"
    }


def test_an_agent_that_was_only_unlinked_may_go_the_rest_of_the_way():
    """The apply was cut off between unlink and link: linking is what was reviewed."""
    swap = [file("b", {"name": "X"}, id=1), file("a", id=2)]
    before = saved(swap, [live(1, "a"), live(2, "b")])
    assert stale(before, swap, [live(1), live(2, "b")]) == {}
    assert stale(before, swap, [live(1), live(2)]) == {}
    assert stale(before, swap, [live(1, "b"), live(2)]) == {}
    assert stale(before, swap, [live(1, "b", name="X"), live(2, "a")]) == {}


def test_only_the_external_id_may_be_gone_of_an_agent_that_was_unlinked():
    """That somebody emptied another field since is not what was reviewed."""
    pinned = file("b", {"instagram": "https://instagram.com/new"}, id=1)
    old = {"instagram": "https://instagram.com/old"}
    before = saved([pinned], [live(1, "a", old)])
    assert stale(before, [pinned], [live(1, None, old)]) == {}
    said = stale(before, [pinned], [live(1)])
    assert said.keys() == {"b"}
    assert said["b"].startswith("instagram has changed since the plan")


def test_an_agent_that_came_into_conflict_is_stale():
    """With the conflict's own reason."""
    pinned = file(A, IVAN.values, id=1)
    said = stale(saved([pinned], [PETR]), [pinned], [live(2)])
    assert said[A].startswith("now in conflict: no agent in the agency has id 1")


def test_a_conflict_that_was_there_before_is_not_stale():
    """Nothing was to happen to that agent, and nothing would."""
    lost = file("lost", id=99)
    assert stale(saved([IVAN, lost], [PETR]), [IVAN, lost], [PETR]) == {}


def test_a_conflict_that_is_over_is_stale_if_something_would_happen():
    """The agent was not in the plan."""
    lost = file("lost", {"name": "L"}, id=9)
    before = saved([IVAN, lost], [PETR])
    assert stale(before, [IVAN, lost], [PETR, live(9, "lost")]) == {"lost": "not in the plan"}


def test_an_agent_that_left_the_portal_is_stale():
    """It waits for an invitation now."""
    assert stale(BEFORE, [IVAN], []) == {A: "no longer on the portal"}


def test_an_agent_whose_file_is_gone_is_stale():
    """What was reviewed is not declared by anything any more."""
    assert stale(BEFORE, [], [PETR]) == {A: "no longer declared by any file"}


def test_a_change_that_the_file_took_back_is_stale():
    """The reviewed value is not declared any more: nothing, or only the rest, would happen."""
    reason = "the plan changes name to 'Ivan', which the file no longer declares"
    as_live = file(A, {**IVAN.values, "name": "Petr"})
    assert stale(BEFORE, [as_live], [PETR]) == {A: reason}
    dropped = file(A, {"instagram": "https://instagram.com/i"})
    assert stale(BEFORE, [dropped], [PETR]) == {A: reason}
    nothing = file(A)
    assert stale(BEFORE, [nothing], [PETR]) == {A: reason}


def test_a_null_that_the_file_took_back_is_stale():
    """To clear a value is not the same as to leave it alone."""
    values = {"instagram": None, "name": "Ivan"}
    agent = live(1, A, {"instagram": "https://instagram.com/i"})
    before = saved([file(A, values)], [agent])
    kept = file(A, {"name": "Ivan"})
    assert stale(before, [kept], [agent]).keys() == {A}
    assert stale(before, [file(A, values)], [live(1, A, {"name": "Ivan"})]) == {}


def test_a_link_that_the_file_took_back_is_stale():
    """The external id is declared no more, or another one is."""
    before = saved([file(A, {"name": "I"}, id=1)], [live(1)])
    other = file("other", {"name": "I"}, id=1)
    assert stale(before, [other], [live(1)]) == {
        "other": "not in the plan",
        A: "no longer declared by any file",
    }


def test_a_creation_that_happened_is_done():
    """By the external id that was reviewed, with all values: nothing is left to do."""
    new = file("new", {"name": "Olga"}, phone=P)
    before = saved([new], [], create=True)
    assert stale(before, [new], [live(5, "new", name="Olga", phone=P)], create=True) == {}
    renamed = file("new", {"name": "Olga R"}, phone=P)
    assert stale(before, [renamed], [], create=True)["new"].startswith("name would get another")


def test_a_creation_that_would_be_an_update_now_is_stale():
    """Somebody else got that external id meanwhile: not the person who was to be created."""
    new = file("new", {"name": "Olga"}, phone=P)
    before = saved([new], [], create=True)
    assert stale(before, [new], [live(5, "new", name="X")], create=True) == {
        "new": "was to be created, now agent 5"
    }


def test_an_update_that_would_be_a_creation_now_is_stale():
    """The agent whom it was about is gone, and would be made anew."""
    new = file("new", {"name": "Olga"}, phone=P)
    before = saved([new], [live(5, "new", name="X")], create=True)
    assert stale(before, [new], [], create=True) == {"new": "was agent 5, now to be created"}


def test_a_removal_that_happened_is_done():
    """The agent was unlinked meanwhile; no file has to declare it."""
    prior = PortalState({"9": AgentState("gone", {})})
    before = saved([], [live(9, "gone")], prior, removal="unlink")
    assert [each.key for each in before.entries] == ["gone"]
    assert stale(before, [], [live(9)], prior, removal="unlink") == {}
    assert stale(before, [], [live(9, "gone")], prior, removal="unlink") == {}


def test_a_removal_of_somebody_else_is_stale():
    """The external id moved to another agent who was ours: not the one who was reviewed."""
    prior = PortalState({"9": AgentState("gone", {}), "10": AgentState("gone", {})})
    before = saved([], [live(9, "gone"), live(10)], prior, removal="unlink")
    moved = [live(9), live(10, "gone")]
    assert stale(before, [], moved, prior, removal="unlink") == {"gone": "now another agent"}


def test_a_removal_that_the_files_took_back_is_stale():
    """The agent is declared again and still linked: what was reviewed would not happen."""
    prior = PortalState({"9": AgentState("gone", {})})
    before = saved([], [live(9, "gone")], prior, removal="unlink")
    back = file("gone")
    said = stale(before, [back], [live(9, "gone")], prior, removal="unlink")
    assert said == {"gone": "declared again"}


def test_a_removal_does_not_hide_another_change_of_its_key():
    """The file pins somebody else for the removed agent's external id: both are reviewed."""
    prior = PortalState({"1": AgentState("a", {})})
    agents = [live(1, "a"), live(2)]
    before = saved([file("a", {"name": "X"}, id=2)], agents, prior, removal="unlink")
    assert [(each.key, each.id) for each in before.entries] == [("a", 2), ("a", 1)]
    unlinked = [live(1), live(2)]
    now = file("a", {"name": "X"}, id=2)
    assert stale(before, [now], unlinked, prior, removal="unlink") == {}
    changed = file("a", {"name": "Y"}, id=2)
    assert stale(before, [changed], agents, prior, removal="unlink").keys() == {"a"}


def test_a_stale_agent_is_told_where_it_is_declared():
    """By the fresh place; by the saved one where there is none any more."""
    moved = replace(file(A, {"name": "Oleg"}), source=replace(IVAN.source, line=9))
    (conflict,) = review(BEFORE, planned([moved], [PETR]), [moved])
    assert (conflict.portal, str(conflict.source)) == ("rentix", f"agents/{A}.yaml:9")
    (conflict,) = review(BEFORE, planned([], [PETR]), [])
    assert str(conflict.source) == f"agents/{A}.yaml:1"


def test_a_stale_agent_is_named():
    """By the fresh entry; by the saved one if there is none any more; in several plans too."""
    oleg = file(A, {"name": "Oleg"})
    for desired, name in (([oleg], "Oleg"), ([], "Ivan")):
        (conflict,) = review(BEFORE, planned(desired, [PETR]), desired)
        assert conflict.name == name
    (conflict,) = review_all([], planned([oleg], [PETR]), [oleg])
    assert conflict.name == "Oleg"


# -- two portals --------------------------------------------------------------------------------

X = "x@a.example"
BOTH = (file(A, {"name": "Ivan"}), member(A, X, {"name": "Ivan"}))


def on_both(rentix, users, desired=BOTH, *, unread=None):
    """The plan for one agent on two portals; a portal whose agents are None could not be read."""
    drafts = {}
    if rentix is not None:
        drafts["rentix"] = plan([each for each in desired if each.portal == "rentix"], rentix)
    if users is not None:
        mine = [each for each in desired if each.portal == "propertyfinder"]
        drafts["propertyfinder"] = staff(mine, users, removal="deactivate", prior=GONE)
    none = dict.fromkeys(drafts, ())
    return join(drafts, none, none, unread)


GONE = PortalState({"9": AgentState("gone", {})})
PETR_THERE = user(1, X, name="Petr")
REVIEWED = on_both([PETR], [PETR_THERE])


def departs(rentix, users, desired=BOTH, *, before=REVIEWED, **options):
    """Reasons by portal and key."""
    fresh = on_both(rentix, users, desired, **options)
    left = [each for each in desired if each.portal in fresh.portals]
    return {(each.portal, each.key): each.reason for each in review(before, fresh, left)}


def test_one_agent_on_two_portals_is_reviewed_on_each():
    """The same key: as reviewed on both, or stale on the one where something changed."""
    assert departs([PETR], [PETR_THERE]) == {}
    said = departs([PETR], [user(1, X, name="Oleg")])
    assert said.keys() == {("propertyfinder", A)}
    said = departs([live(1, A, {"name": "Oleg"})], [PETR_THERE])
    assert said.keys() == {("rentix", A)}


def test_what_is_done_on_one_portal_is_not_done_on_the_other():
    """Live already as reviewed here, another user there."""
    done = live(1, A, {"name": "Ivan"})
    assert departs([done], [PETR_THERE]) == {}
    assert departs([done], [user(2, X, name="Petr")]) == {
        ("propertyfinder", A): "was agent 1, now agent 2"
    }


def test_a_section_that_was_taken_out_of_the_file_is_stale_on_its_portal():
    """The agent is still declared on the other."""
    assert departs([PETR], [PETR_THERE], BOTH[:1]) == {
        ("propertyfinder", A): "no longer declared by any file"
    }


def test_a_deactivation_that_was_not_shown_is_stale():
    """The file says inactive since, which is more than another change."""
    off = (BOTH[0], member(A, X, {"name": "Ivan", "status": "inactive"}))
    assert departs([PETR], [PETR_THERE], off) == {
        ("propertyfinder", A): "would also be deactivated"
    }


def test_a_portal_that_cannot_be_read_now_leaves_its_agents_unreviewed():
    """Neither done nor undeclared: nothing is known of them, of one that is removed neither."""
    before = on_both([PETR], [PETR_THERE, user(9, "gone@x")])
    said = departs([PETR], None, before=before, unread={"propertyfinder": "no answer"})
    reason = "could not be checked: propertyfinder could not be read"
    assert said == {("propertyfinder", A): reason, ("propertyfinder", "gone"): reason}
    assert departs([PETR], [PETR_THERE], before=on_both([PETR], None)) == {
        ("propertyfinder", A): "not in the plan"
    }


def test_a_list_that_changed_is_told_by_what_differs():
    """Another order is no other list."""
    english = member(A, X, {"spokenLanguages": ["en", "ru"]})
    before = join(
        {"pf": staff([english], [user(1, X, {"spokenLanguages": ["en"]})])}, {"pf": ()}, {"pf": ()}
    )
    now = join(
        {"pf": staff([english], [user(1, X, {"spokenLanguages": ["ro"]})])}, {"pf": ()}, {"pf": ()}
    )
    (conflict,) = review(before, now, [english])
    assert conflict.reason.startswith("spokenLanguages has changed since the plan")
    assert conflict.reason.endswith(": the portal shows 0 'ro' instead of 'en'")


# -- several saved plans --------------------------------------------------------------------------


def stale_in_all(plans, desired, agents, **policy):
    """Reasons by key: what none of these plans shows as it would happen."""
    conflicts = review_all(plans, planned(desired, agents, **policy), desired)
    places = [(each.portal, str(each.source)) for each in conflicts]
    assert places == [("rentix", f"agents/{each.key}.yaml:1") for each in conflicts]
    return {each.key: each.reason for each in conflicts}


def renamed(key, number, name):
    """An agent whose file has another name than the portal, and the live one."""
    return file(key, {"name": name}, id=number), live(number, key, {"name": "Old"})


def test_of_several_plans_one_that_shows_it_is_enough():
    """A branch was planned, changed, and changed back: what happens was seen by somebody."""
    one, agent = renamed("a", 1, "One")
    two, _ = renamed("a", 1, "Two")
    plans = [saved([two], [agent]), saved([one], [agent])]
    for desired in (one, two):
        assert stale_in_all(plans, [desired], [agent]) == {}
        assert stale_in_all(plans[::-1], [desired], [agent]) == {}


def test_what_no_plan_shows_is_told_as_the_newest_one_has_it():
    """The reason is the difference to the plan that was looked at last."""
    (one, agent), (two, _), (three, _) = (renamed("a", 1, each) for each in ("1", "2", "3"))
    plans = [saved([one], [agent]), saved([two], [agent])]
    newest = stale(plans[0], [three], [agent])
    assert newest != stale(plans[1], [three], [agent])
    assert stale_in_all(plans, [three], [agent]) == newest


def test_who_is_in_no_plan_was_never_reviewed():
    """Without any plan nobody was; and a plan of others says nothing of an agent."""
    (one, first), (two, second) = renamed("a", 1, "A"), renamed("b", 2, "B")
    plans, agents = [saved([one], [first])], [first, second]
    unseen = {"b": "in no reviewed plan"}
    assert stale_in_all(plans, [one, two], agents) == unseen
    assert stale_in_all([], [two], agents) == unseen
    assert stale_in_all([], [], agents) == {}


def test_a_plan_that_does_not_show_an_agent_does_not_vouch_for_them():
    """The older plan has the agent, and otherwise: the newer one without them changes nothing."""
    (one, first), (two, second), (other, _) = (
        renamed("a", 1, "A"), renamed("b", 2, "B"), renamed("b", 2, "C"),
    )  # fmt: skip
    agents = [first, second]
    older, newer = saved([other], agents), saved([one], agents)
    assert stale_in_all([newer, older], [one, two], agents) == stale(older, [two], agents)
    assert stale_in_all([newer, saved([two], agents)], [one, two], agents) == {}


def test_agents_of_several_plans_are_reviewed_each_in_theirs():
    """Two branches, each with its plan: what both bring was reviewed."""
    (one, first), (two, second) = renamed("a", 1, "A"), renamed("b", 2, "B")
    agents = [first, second]
    plans = [saved([one], agents), saved([two], agents)]
    assert stale_in_all(plans, [one, two], agents) == {}
