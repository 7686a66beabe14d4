"""Limits on changes and removals."""

from __future__ import annotations

import pytest

from reconciler.core.limits import Limits
from reconciler.core.selection import Selection

from .build import (
    ACTIVE,
    CREATING,
    EMAIL_1,
    INACTIVE,
    NEW,
    PHONE,
    file,
    join_drafts,
    ledger,
    live,
    member,
    pf_draft,
    rentix_draft,
    user,
)


def excess_of(count, of, limits, **options):
    """The exceeded limits if `count` of `of` agents change."""
    desired = [file(f"a{at}", NEW if at < count else None) for at in range(of)]
    agents = [live(at + 1, f"a{at}") for at in range(of)]
    return rentix_draft(desired, agents, limits=limits, **options).over_limits


def test_changes_above_the_share_exceed_the_limit():
    """30% of ten is three: the message about a fourth has both numbers and the limit's name."""
    limits = Limits(0.3, 0.1, 10)
    assert excess_of(3, 10, limits) == ()
    (message,) = excess_of(4, 10, limits)
    assert message == "4 of 10 agents on rentix would change (40%); limits.changes allows 30%"


def test_no_limit_applies_below_the_floor():
    """Nine agents may all change; with ten the share counts."""
    assert excess_of(9, 9, Limits(0.3, 0.1, 10)) == ()
    assert len(excess_of(10, 10, Limits(0.3, 0.1, 10))) == 1


def test_a_share_is_of_all_declared_agents():
    """Not only of the selected ones."""
    assert excess_of(10, 10, Limits(0.3, 0.1, 1), selection=Selection(("a0", "a1", "a2"))) == ()


def test_a_share_is_of_the_agents_on_all_portals():
    """4 of 10 on this portal are 4 of 20 in all; the count is never below that of the portal
    itself."""
    assert len(excess_of(4, 10, Limits(0.3, 0.1, 1))) == 1
    assert excess_of(4, 10, Limits(0.3, 0.1, 1, agents=20)) == ()
    (message,) = excess_of(7, 10, Limits(0.3, 0.1, 1, agents=20))
    assert message == "7 of 20 agents on rentix would change (35%); limits.changes allows 30%"
    (message,) = excess_of(4, 10, Limits(0.3, 0.1, 1, agents=2))
    assert message.startswith("4 of 10 agents on rentix would change (40%)")


def test_the_floor_counts_the_agents_on_all_portals():
    """Nine here and one elsewhere are ten."""
    assert excess_of(9, 9, Limits(0.3, 0.1, 10, agents=9)) == ()
    assert len(excess_of(9, 9, Limits(0.3, 0.1, 10, agents=10))) == 1


def test_removals_are_a_share_of_the_agents_on_all_portals():
    """Two of five here are a tenth of twenty; removed agents count towards the floor."""
    desired = [file(f"a{at}") for at in range(3)]
    agents = [live(at, f"a{at}" if at < 3 else f"gone{at}") for at in range(5)]
    prior = ledger((3, "gone3"), (4, "gone4"))

    def over_limits(**limits):
        return rentix_draft(
            desired, agents, prior, removal="unlink", limits=Limits(1.0, 0.1, **limits)
        ).over_limits

    assert len(over_limits(floor=5)) == 1
    assert over_limits(floor=6) == ()
    assert over_limits(floor=5, agents=20) == ()
    assert len(over_limits(floor=20, agents=18)) == 1
    assert over_limits(floor=21, agents=18) == ()


def test_removals_have_a_separate_limit():
    """They also count as changes."""
    desired = [file(f"a{at}") for at in range(10)]
    agents = [live(at, f"a{at}" if at < 10 else f"gone{at}") for at in range(14)]
    prior = ledger(*((at, f"gone{at}") for at in range(10, 14)))
    draft = rentix_draft(desired, agents, prior, removal="unlink", limits=Limits(0.3, 0.1, 10))
    assert len(draft.operations) == 4
    changes, removals = draft.over_limits
    assert changes.startswith("4 of 10 agents on rentix would change (40%)")
    assert (
        removals == "4 of 10 agents on rentix would be taken off (40%); limits.removals allows 10%"
    )


def test_any_removal_exceeds_the_limits_if_no_agent_is_declared():
    """An empty folder does not divide by zero."""
    draft = rentix_draft(
        [], [live(1, "gone")], ledger((1, "gone")), removal="unlink", limits=Limits(0.3, 0.1, 0)
    )
    assert len(draft.over_limits) == 2


@pytest.mark.parametrize(("percent", "of"), [(29, 100), (58, 50), (57, 100), (41, 300), (7, 100)])
def test_exactly_the_share_is_within_the_limit(percent, of):
    """29% of a hundred agents is 29, despite binary fractions."""
    limits, exactly = Limits(percent / 100, 1.0, 0), percent * of // 100
    assert excess_of(exactly, of, limits) == ()
    assert len(excess_of(exactly + 1, of, limits)) == 1


def test_a_fractional_share_is_rounded_down():
    """29.9% of ten is two; a share of one agent is all or none."""
    assert excess_of(2, 10, Limits(0.299, 1.0, 0)) == ()
    assert len(excess_of(3, 10, Limits(0.299, 1.0, 0))) == 1
    assert excess_of(1, 1, Limits(0.5, 1.0, 0)) == (
        "1 of 1 agents on rentix would change (100%); limits.changes allows 50%",
    )


def test_deactivations_count_as_removals():
    """Declared ones and those of removed agents together."""
    desired = [member(f"a{at}", f"{at}@x", INACTIVE if at < 2 else ACTIVE) for at in range(10)]
    users = [user(at, f"{at}@x") for at in range(11)]
    limits, prior = Limits(1.0, 0.2, 10), ledger((10, "gone"))
    assert pf_draft(desired, users, prior, limits=limits).over_limits == ()
    (message,) = pf_draft(desired, users, prior, limits=limits, removal="deactivate").over_limits
    assert message.startswith("3 of 10 agents on propertyfinder would be taken off (30%)")
    off = [user(at, f"{at}@x", INACTIVE) for at in range(11)]
    activated = pf_draft(desired, off, prior, limits=Limits(1.0, 0.0, 10), removal="deactivate")
    assert (len(activated.operations), activated.over_limits) == (8, ())


# -- what a portal's list omits --------------------------------------------------------------------

HIGH_FLOOR = Limits(1.0, 1.0, 1000)


def limits_of_list(listed, *, known=5, **options):
    """The limits that a list of so many of the known agents exceeds."""
    desired = [file(f"a{at}") for at in range(known)]
    agents = [live(at, f"a{at}") for at in range(listed)]
    prior = ledger(*((at, f"a{at}") for at in range(known)))
    return rentix_draft(desired, agents, prior, limits=HIGH_FLOOR, **options).list_limits


def test_a_list_that_omits_most_known_agents_is_over_the_limits():
    """Below the floor too, and even if nothing changes. It says what that can mean."""
    assert limits_of_list(3) == ()
    (message,) = limits_of_list(2)
    for part in ("rentix lists only 2 of the 5 agents", "another agency's", "truncated", "left"):
        assert part in message
    assert "rentix lists none of the 5 agents" in limits_of_list(0)[0]
    assert limits_of_list(0, known=2) == ()


def test_a_selection_does_not_change_what_a_list_omits():
    """A target that is listed is no evidence for the others."""
    assert len(limits_of_list(2, selection=Selection(("a0",)))) == 1


def test_agents_found_by_id_are_still_omitted_by_the_list():
    """They exist, but a list that omits them may omit others that no one knows."""
    assert len(limits_of_list(5, found={"0", "1", "2"})) == 1
    assert limits_of_list(5, found={"0", "1"}) == ()


@pytest.mark.parametrize("prior", [ledger(), ledger((7, "gone"))], ids=["no ledger", "ledger"])
def test_creations_on_a_portal_without_agents_are_over_the_limits(prior):
    """One is enough, below the floor too: an empty response may be truncated."""
    new = file("n", NEW, phone=PHONE)
    draft = rentix_draft([new], [], prior, limits=HIGH_FLOOR, **CREATING)
    (message,) = draft.list_limits
    for part in ("rentix lists no agents", "may already exist", "new agency", "key"):
        assert part in message
    assert rentix_draft([new], [live(1)], limits=HIGH_FLOOR, **CREATING).list_limits == ()
    assert rentix_draft([new], [], limits=HIGH_FLOOR).list_limits == ()
    (message,) = pf_draft([member("n", EMAIL_1, NEW)], [], limits=HIGH_FLOOR).list_limits
    assert "propertyfinder lists no agents" in message


def test_an_agent_found_by_id_does_not_fill_an_empty_list():
    """The list is as empty as before."""
    desired = [file("a"), file("n", NEW, phone=PHONE)]
    draft = rentix_draft(desired, [live(1, "a")], ledger((1, "a")), found={"1"}, **CREATING)
    assert len(draft.list_limits) == 1
    assert rentix_draft(desired, [live(1, "a")], ledger((1, "a")), **CREATING).list_limits == ()


def test_a_plan_shows_the_limits_that_a_list_exceeds_first():
    """With the others."""
    desired = [file(f"a{at}", NEW, phone=f"+373 22 {at:06d}") for at in range(3)]
    draft = rentix_draft(desired, [], limits=Limits(0.3, 0.1, 0), **CREATING)
    first, second = join_drafts({"rentix": draft}).over_limits
    assert "lists no agents" in first
    assert "limits.changes" in second
