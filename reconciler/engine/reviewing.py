"""Plan only what was reviewed, and within the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from reconciler.core.accounts import label
from reconciler.core.model import (
    Conflict,
    Desired,
    Plan,
)
from reconciler.core.plan_json import PlanDocument, parse
from reconciler.core.plan_json import selection as saved_selection
from reconciler.core.review import review, review_all, why_elsewhere
from reconciler.core.selection import Selection
from reconciler.engine.planning import Proposal
from reconciler.errors import (
    AccountError,
    LimitsError,
    StaleError,
)
from reconciler.render.visible import one_line


class Reviewed(NamedTuple):
    """A plan of only what was reviewed, and the agents that were left out, with the reason. `note`
    is for the user, "" if there is none."""

    proposal: Proposal
    stale: tuple[Conflict, ...]
    note: str = ""


def only_saved(proposal: Proposal, saved: PlanDocument, *, skip: bool) -> Reviewed:
    """A fresh plan, without the agents for which it differs from a saved one.

    Raises StaleError if there are any, unless `skip`; and if the plan is for another address or
    account.
    """
    chosen, _ = saved_selection(saved)
    plan = parse(saved)
    if reason := why_elsewhere(plan, proposal.plan):
        raise _elsewhere(reason)
    stale = partial(review, plan, desired=_all_desired(proposal))
    reviewed = _without_stale(proposal, chosen, stale)
    if reviewed.stale and not skip:
        raise StaleError(_stale_message(reviewed))
    return reviewed._replace(note=_already_applied(plan, reviewed))


def _already_applied(saved: Plan, reviewed: Reviewed) -> str:
    """A note about the agents of a saved plan that are live as planned; "" if none is."""
    planned = {(each.portal, each.key) for each in saved.entries}
    done = planned - {(each.portal, each.key) for each in reviewed.proposal.plan.entries}
    done -= {(each.portal, each.key) for each in reviewed.stale}
    if not done:
        return ""
    if done == planned:
        return "This plan is already applied: the portals show everything as planned."
    return f"{len(done)} of the plan's {len(planned)} agents are already applied."


@contextmanager
def check_account(saved: PlanDocument | None) -> Iterator[None]:
    """In this context, raise StaleError instead of AccountError if a saved plan is for another
    account than the key."""
    try:
        yield
    except AccountError as error:
        for portal, account in parse(saved).accounts if saved is not None else ():
            if portal == error.portal and str(account.id) != error.account:
                raise _elsewhere(f"it is for {label(account)}. {error}") from None
        raise


def _elsewhere(reason: str) -> StaleError:
    reason = one_line(reason).removesuffix(".")
    return StaleError(f"The whole plan is stale; nothing was sent: {reason}. Plan again here.")


def only_reviewed(proposal: Proposal, plans: Sequence[Plan]) -> Reviewed:
    """A fresh plan, without the agents for which none of the reviewed `plans` (newest first) shows
    what would happen."""
    stale = partial(review_all, plans, desired=_all_desired(proposal))
    return _without_stale(proposal, proposal.selection, stale)


def _all_desired(proposal: Proposal) -> list[Desired]:
    return [each for found in proposal.planner.snapshots.values() for each in found.desired]


def _without_stale(
    proposal: Proposal, selection: Selection, stale: Callable[[Plan], tuple[Conflict, ...]]
) -> Reviewed:
    """The plan without the agents that are stale in it. To leave one out can change the plan for
    others (a link waits for an unlink), so plan again until no other agent is stale."""
    out: dict[tuple[str, str], Conflict] = {}
    while fresh := [each for each in stale(proposal.plan) if (each.portal, each.key) not in out]:
        out |= {(each.portal, each.key): each for each in fresh}
        proposal = proposal.planner.make_plan(replace(selection, without=frozenset(out)))
    return Reviewed(proposal, tuple(out.values()))


def _stale_message(reviewed: Reviewed) -> str:
    several = reviewed.proposal.plan.several
    lines = []
    for each in reviewed.stale:
        name = f"{each.key} on {each.portal}" if several else each.key
        lines.append(f"  {one_line(name)}: {one_line(each.reason)}")
    agents = "\n".join(lines)
    return (
        f"The plan is stale; nothing was sent. Since it was made:\n{agents}\n"
        f"Plan again, or pass --on-stale skip to leave these agents out."
    )


def over_limits(proposal: Proposal, reviewed: Sequence[Plan] = ()) -> list[str]:
    """The limits that forbid to send a plan. Once it was reviewed, these are only the limits that a
    portal's list exceeds and that no reviewed plan shows: it was truncated since."""
    if not proposal.plan.steps:
        return []
    if not reviewed:
        return list(proposal.plan.over_limits)
    shown = {limit for plan in reviewed for limit in plan.over_limits}
    exceeded = (limit for each in proposal.drafts.values() for limit in each.list_limits)
    return [limit for limit in exceeded if limit not in shown]


def check_limits(proposal: Proposal, reviewed: Sequence[Plan] = ()) -> None:
    """Raise LimitsError if limits forbid to send a plan."""
    exceeded = over_limits(proposal, reviewed)
    if exceeded:
        lines = "\n".join(f"  {each}." for each in exceeded)
        raise LimitsError(
            f"The plan is over the limits; nothing was sent:\n{lines}\n"
            f"To apply it anyway, pass --force; or save the plan, have it reviewed and apply the "
            f"saved plan."
        )
