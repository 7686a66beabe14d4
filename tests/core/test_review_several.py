"""Reviewing plans of two portals, and several saved plans."""

from __future__ import annotations

from reconciler.core.review import review, review_all

from .build import EMAIL_1, file, join_drafts, ledger, live, member, pf_draft, rentix_draft, user
from .reviewing import KEY, PETR, rentix_plan, saved_plan, stale_reasons

# -- two portals -----------------------------------------------------------------------------------

GONE = ledger((9, "gone"))
BOTH = (file(KEY, {"name": "Ivan"}), member(KEY, EMAIL_1, {"name": "Ivan"}))


def plan_on_both(rentix, users, desired=BOTH, *, unread=None):
    """The plan of one agent on two portals. A portal whose agents are None could not be read."""
    drafts = {}
    if rentix is not None:
        files = [each for each in desired if each.portal == "rentix"]
        drafts["rentix"] = rentix_draft(files, rentix)
    if users is not None:
        members = [each for each in desired if each.portal == "propertyfinder"]
        drafts["propertyfinder"] = pf_draft(members, users, removal="deactivate", prior=GONE)
    return join_drafts(drafts, unread)


PETR_USER = user(1, EMAIL_1, name="Petr")
REVIEWED = plan_on_both([PETR], [PETR_USER])


def stale_on_both(rentix, users, desired=BOTH, *, before=REVIEWED, **options):
    """The reasons of stale agents by portal and key."""
    fresh = plan_on_both(rentix, users, desired, **options)
    readable = [each for each in desired if each.portal in fresh.portals]
    return {(each.portal, each.key): each.reason for each in review(before, fresh, readable)}


def test_one_agent_on_two_portals_is_reviewed_on_each():
    """It is stale only on the portal where something changed."""
    assert stale_on_both([PETR], [PETR_USER]) == {}
    reasons = stale_on_both([PETR], [user(1, EMAIL_1, name="Oleg")])
    assert reasons.keys() == {("propertyfinder", KEY)}
    reasons = stale_on_both([live(1, KEY, {"name": "Oleg"})], [PETR_USER])
    assert reasons.keys() == {("rentix", KEY)}


def test_a_change_that_happened_on_one_portal_is_not_done_on_another():
    """The other portal has another user now."""
    current = live(1, KEY, {"name": "Ivan"})
    assert stale_on_both([current], [PETR_USER]) == {}
    assert stale_on_both([current], [user(2, EMAIL_1, name="Petr")]) == {
        ("propertyfinder", KEY): "was agent 1, now agent 2"
    }


def test_a_removed_section_is_stale_on_its_portal():
    """The file still declares the agent on the other portal."""
    assert stale_on_both([PETR], [PETR_USER], BOTH[:1]) == {
        ("propertyfinder", KEY): "no longer declared by any file"
    }


def test_an_additional_deactivation_is_stale():
    """The file declares the agent inactive since."""
    off = (BOTH[0], member(KEY, EMAIL_1, {"name": "Ivan", "status": "inactive"}))
    assert stale_on_both([PETR], [PETR_USER], off) == {
        ("propertyfinder", KEY): "would also be deactivated"
    }


def test_agents_on_an_unreadable_portal_cannot_be_reviewed():
    """Neither declared nor removed ones."""
    before = plan_on_both([PETR], [PETR_USER, user(9, "gone@x")])
    reasons = stale_on_both([PETR], None, before=before, unread={"propertyfinder": "no answer"})
    reason = "could not be checked: propertyfinder could not be read"
    assert reasons == {("propertyfinder", KEY): reason, ("propertyfinder", "gone"): reason}
    assert stale_on_both([PETR], [PETR_USER], before=plan_on_both([PETR], None)) == {
        ("propertyfinder", KEY): "not in the plan"
    }


def test_a_changed_list_has_a_reason_with_the_difference():
    """Another order is the same list."""
    desired = member(KEY, EMAIL_1, {"spokenLanguages": ["en", "ru"]})
    before, now = (
        join_drafts(
            {"pf": pf_draft([desired], [user(1, EMAIL_1, {"spokenLanguages": [language]})])}
        )
        for language in ("en", "ro")
    )
    (conflict,) = review(before, now, [desired])
    assert conflict.reason.startswith("spokenLanguages has changed since the plan")
    assert conflict.reason.endswith(": the portal shows 0 'ro' instead of 'en'")


# -- several saved plans ---------------------------------------------------------------------------


def stale_in_plans(plans, desired, agents, **policy):
    """The reasons by key of agents whose changes none of these plans shows."""
    conflicts = review_all(plans, rentix_plan(desired, agents, **policy), desired)
    places = [(each.portal, str(each.source)) for each in conflicts]
    assert places == [("rentix", f"agents/{each.key}.yaml:1") for each in conflicts]
    return {each.key: each.reason for each in conflicts}


def renamed_agent(key, number, name):
    """A declared agent with a new name, and the live one."""
    return file(key, {"name": name}, id=number), live(number, key, {"name": "Old"})


def test_one_of_several_plans_is_enough():
    """A branch was planned, changed and changed back: a plan with the change was reviewed."""
    one, agent = renamed_agent("a", 1, "One")
    two, _ = renamed_agent("a", 1, "Two")
    plans = [saved_plan([two], [agent]), saved_plan([one], [agent])]
    for desired in (one, two):
        assert stale_in_plans(plans, [desired], [agent]) == {}
        assert stale_in_plans(plans[::-1], [desired], [agent]) == {}


def test_the_reason_compares_with_the_newest_plan():
    """If no plan shows the change."""
    (one, agent), (two, _), (three, _) = (renamed_agent("a", 1, each) for each in ("1", "2", "3"))
    plans = [saved_plan([one], [agent]), saved_plan([two], [agent])]
    newest = stale_reasons(plans[0], [three], [agent])
    assert newest != stale_reasons(plans[1], [three], [agent])
    assert stale_in_plans(plans, [three], [agent]) == newest


def test_an_agent_in_no_plan_was_not_reviewed():
    """With or without plans of other agents."""
    (one, first), (two, second) = renamed_agent("a", 1, "A"), renamed_agent("b", 2, "B")
    plans, agents = [saved_plan([one], [first])], [first, second]
    expected = {"b": "in no reviewed plan"}
    assert stale_in_plans(plans, [one, two], agents) == expected
    assert stale_in_plans([], [two], agents) == expected
    assert stale_in_plans([], [], agents) == {}


def test_a_plan_without_the_agent_does_not_count_as_its_review():
    """The older plan has another change of the agent, and the newer one has none."""
    (one, first), (two, second), (other, _) = (
        renamed_agent("a", 1, "A"), renamed_agent("b", 2, "B"), renamed_agent("b", 2, "C"),
    )  # fmt: skip
    agents = [first, second]
    older, newer = saved_plan([other], agents), saved_plan([one], agents)
    assert stale_in_plans([newer, older], [one, two], agents) == stale_reasons(older, [two], agents)
    assert stale_in_plans([newer, saved_plan([two], agents)], [one, two], agents) == {}


def test_each_agent_may_be_reviewed_in_another_plan():
    """Two branches, each with its plan."""
    (one, first), (two, second) = renamed_agent("a", 1, "A"), renamed_agent("b", 2, "B")
    agents = [first, second]
    plans = [saved_plan([one], agents), saved_plan([two], agents)]
    assert stale_in_plans(plans, [one, two], agents) == {}
