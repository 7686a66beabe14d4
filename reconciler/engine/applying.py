"""A plan is sent, its outcome looked at and remembered: plan → events → report and ledger."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.core.fields import parent
from reconciler.core.match import handle, is_linked, match
from reconciler.core.model import (
    Conflict,
    Desired,
    Event,
    Finished,
    Listing,
    Live,
    Outcome,
    PortalState,
    Report,
    Scalar,
    Started,
    Step,
    Unmet,
)
from reconciler.core.operations import creation_form
from reconciler.core.plan import Draft
from reconciler.core.state import former
from reconciler.core.verify import remember
from reconciler.engine.concurrency import Cancellation
from reconciler.engine.execute import execute
from reconciler.engine.planning import (
    Planned,
    Repository,
    Side,
    check,
    draft_of,
    prior_at,
    read,
    until,
)
from reconciler.errors import ConfigError, Interrupted

if TYPE_CHECKING:
    from reconciler.store.ledger import Ledger


def apply(
    repository: Repository,
    planned: Planned,
    stale: tuple[Conflict, ...],
    watch: Callable[[Event], None],
) -> Report:
    """Send the plan, look at the outcome, remember it. `watch` is told each event.

    Once `planned.halt` is set the sending ends after the request that is under way. A
    KeyboardInterrupt does not wait for that, nor does any other exception, which is raised again.
    Whatever happens, what was done is remembered. Raises LockedError where the right to apply was
    lost before.
    """
    check(planned.cancellation)
    report = Report((), stale=stale, plan=planned.plan)
    begun: set[str] = set()
    outcomes: list[tuple[str, Outcome]] = []
    known = {
        (name, live.id) for name, side in planned.sides.items() for live in side.listing.agents
    }
    try:
        for _, event in planned.runtime.merge_streams(
            _streams(planned, begun), planned.cancellation
        ):
            watch(event)
            if isinstance(event, Finished):
                outcomes += [(event.step.id, each) for each in _told(event, planned, known)]
    except BaseException as error:
        planned.cancellation.request()
        ended = {step for step, _ in outcomes}
        left = [step for step in planned.plan.steps if step.id not in ended]
        outcomes += _undone(left, begun)
        report = _saved(planned, replace(report, outcomes=tuple(outcomes), interrupted=True))
        if isinstance(error, KeyboardInterrupt):
            return report
        raise
    report = replace(report, outcomes=tuple(outcomes))
    if planned.cancellation.requested:
        return _saved(planned, _interrupted(report, planned.cancellation))
    try:
        return _conclude(repository, planned, report)
    except KeyboardInterrupt:
        planned.cancellation.request()
        return _unsaved(report)


def _saved(planned: Planned, report: Report) -> Report:
    """What was done is remembered without a look at the outcome."""
    try:
        return _save(planned, report, {})[1]
    except KeyboardInterrupt:
        return _unsaved(report)


def _unsaved(report: Report) -> Report:
    """The report for somebody who does not wait for the ledger either."""
    note = "Interrupted while the ledger was written, so some values may be sent once more."
    return replace(report, interrupted=True, notes=(*report.notes, note))


def _streams(planned: Planned, begun: set[str]) -> dict[str, Callable[[], Iterator[Event]]]:
    """The events of each portal's steps, for a thread of its own; steps of two portals never wait
    for one another. A step is put into `begun` before anything of it goes out: whoever does not
    wait for its events has to know that."""

    def events(name: str, side: Side) -> Iterator[Event]:
        steps = [step for step in planned.plan.steps if step.operations[0].portal == name]
        portals = {name: (side.portal.perform, until(planned.cancellation, side.wire))}
        for event in execute(steps, portals):
            if isinstance(event, Started):
                begun.add(event.step.id)
            yield event

    return {name: partial(events, name, side) for name, side in planned.sides.items()}


def _told(
    event: Finished, planned: Planned, known: AbstractSet[tuple[str, Scalar | None]]
) -> Iterator[Outcome]:
    """The outcomes of a step as they are told: no secret in the portal's words, and no success for
    a creation that met one of the agents whom the plan knew (`known`, portal and id)."""
    for each in event.outcomes:
        portal = each.operation.portal
        created = each.operation.verb == "create" and each.status == "applied"
        if created and (portal, each.id) in known:
            said = (
                f"agent {each.id} was on the portal before and was updated instead; check that "
                f"this is the same person"
            )
            yield replace(each, status="failed", error=said)
        else:
            clean = planned.sides[portal].wire.clean
            yield replace(each, error=clean(each.error)) if each.error else each


def _undone(left: Iterable[Step], begun: AbstractSet[str]) -> Iterator[tuple[str, Outcome]]:
    """The outcomes of steps whose end nobody waited for; those of `begun` may have gone out."""
    for step in left:
        for operation in step.operations:
            if step.id in begun:
                said = "interrupted while it was sent; run again to find out"
                yield step.id, Outcome(operation, "unknown", None, said, operation.id)
            else:
                said = "interrupted before it was sent"
                yield step.id, Outcome(operation, "skipped", None, said, operation.id)


def _conclude(repository: Repository, planned: Planned, report: Report) -> Report:
    """The check afterwards, with one more list of agents where anything was sent, and the ledger.

    Where nothing was sent the plan's own list is the check; a portal that cannot be read any more,
    or not as a whole, is not checked.
    """
    busy = {name for name in planned.sides if _done(report, name)}
    asked = {
        name: (side.portal, side.wire, side.desired)
        for name, side in planned.sides.items()
        if name in busy
    }
    try:
        answers = read(asked, planned.runtime)
    except KeyboardInterrupt:  # somebody does not wait for the check; what was done is known
        planned.cancellation.request()
        answers = {}
    except Exception:  # a defect in the check is no reason to forget what was done
        _save(planned, report, {})
        raise
    unchecked = {
        name: said if isinstance(said, str) else f"{name} listed only a part of its agents."
        for name, said in answers.items()
        if isinstance(said, str) or not said[0].complete
    }
    notes = [f"The outcome could not be checked: {said}" for said in unchecked.values()]
    listings = {
        name: said[0]
        for name, said in answers.items()
        if not isinstance(said, str) and name not in unchecked
    }
    listings |= {name: side.listing for name, side in planned.sides.items() if name not in busy}
    memories, report = _save(planned, replace(report, notes=(*report.notes, *notes)), listings)
    if planned.cancellation.requested:
        return _interrupted(report, planned.cancellation)
    checked = {
        name: draft_of(
            repository,
            replace(planned.sides[name], listing=listing, prior=memories[name]),
            planned.selection,
        )
        if name in busy
        else planned.drafts[name]
        for name, listing in listings.items()
    }
    if not checked:
        return report
    unmet = tuple(value for each in checked.values() for value in _unmet(each))
    off = {(value.portal, value.key) for value in unmet}
    known = {
        (name, found.desired.key): found.live.id
        for name, each in checked.items()
        for found in each.matches
    }
    right = {who: number for who, number in known.items() if who not in off}
    changed = dict(_changed_hands(report, known, checked))
    return replace(
        report,
        notes=(*report.notes, *changed.values()),
        outcomes=tuple((step, _settled(each, right)) for step, each in report.outcomes),
        checked=len({*known, *off}),
        as_declared=len(right),
        unmet=unmet,
        remaining=sum(len(each.entries) for name, each in checked.items() if name in busy)
        + len(changed.keys() - known.keys()),
    )


def _changed_hands(
    report: Report, known: Mapping[tuple[str, str], Scalar], portals: Container[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Who was changed, and is not found by their file any more, or is somebody else to it, with a
    word for the user: somebody edited on the portal what the file finds them by, meanwhile.
    `known` are the live ids now, of the `portals` that were read again."""
    for _, each in report.outcomes:
        operation = each.operation
        who = (operation.portal, operation.key)
        if each.status != "applied" or operation.source is None or operation.verb == "create":
            continue
        if operation.portal in portals and known.get(who) != each.id:
            now = f"finds agent {known[who]}" if who in known else "does not find them"
            said = (
                f"{operation.key}: agent {each.id} was changed on {operation.portal}, and now the "
                f"file {now} there. Meanwhile somebody edited on the portal what the file finds "
                f"them by: look at the plan before the next apply."
            )
            yield who, said


def _interrupted(report: Report, cancellation: Cancellation) -> Report:
    """The report of a run that ended before its time, with the reason if nobody wished it."""
    notes = (
        ()
        if cancellation.reason is None
        else (f"{cancellation.reason} Nothing more was sent from here; run again.",)
    )
    return replace(report, interrupted=True, notes=(*report.notes, *notes))


def _settled(outcome: Outcome, right: Mapping[tuple[str, str], Scalar]) -> Outcome:
    """An outcome that was unknown, and is known now: the agent is as declared. `right` has the
    live ids of those who are."""
    who = (outcome.operation.portal, outcome.operation.key)
    if outcome.status != "unknown" or who not in right:
        return outcome
    return replace(outcome, status="applied", error=None, id=right[who])


PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to write a ledger that others write too."""


def _save(
    planned: Planned, report: Report, listings: Mapping[str, Listing]
) -> tuple[dict[str, PortalState], Report]:
    """Write down what is remembered now, by portal; the report says if that was not possible.

    `listings` are what the portals showed afterwards; of one that was not read, what was done is
    remembered as far as the portal could not say it anyway. The ledger is read once more, for
    another apply may have written it meanwhile; and again, if that happens before it is written.
    """
    from reconciler.store.ledger import Moved  # noqa: PLC0415

    def put_onto(ledger: Ledger) -> dict[str, PortalState]:
        return {
            name: _remembered(
                replace(side, prior=prior_at(ledger, name, side.prior.url)),
                planned.drafts[name],
                listings.get(name),
                _done(report, name),
            )
            for name, side in planned.sides.items()
        }

    note: str | None = (
        "The ledger could not be written, because others wrote it all the time; the next plan may "
        "send again what cannot be compared."
    )
    for pause in (0.0, *PAUSES):
        if pause:
            with suppress(Interrupted):  # who wants the run to end does not wait
                planned.cancellation.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
        try:
            kept = planned.store.load()
            memories = put_onto(kept.ledger)
            fresh = {**kept.ledger, **memories}
            unchanged = fresh == kept.ledger and kept.note is None
            note = None if unchanged else planned.store.save(fresh, kept, _headline(report))
            break
        except Moved:
            continue
        except ConfigError as error:
            memories = put_onto({name: side.prior for name, side in planned.sides.items()})
            note = f"The ledger was not written. {error}"
            break
    return memories, report if note is None else replace(report, notes=(*report.notes, note))


def _headline(report: Report) -> str:
    """What was applied, in one line that names nobody."""
    outcomes = [each for _, each in report.outcomes]
    done = Counter(each.operation.verb for each in outcomes if each.status == "applied")
    others = Counter(each.status for each in outcomes if each.status != "applied")
    said = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    rest = ", ".join(f"{count} {name}" for name, count in sorted(others.items()))
    return f"Applied: {said or 'nothing'}" + (f"; {rest}" if rest else "")


def _done(report: Report, portal: str) -> list[Outcome]:
    return [each for _, each in report.outcomes if each.operation.portal == portal]


def _remembered(
    side: Side, drafted: Draft, listing: Listing | None, done: Sequence[Outcome]
) -> PortalState:
    """What to remember of a side after its operations; `listing` is what the portal showed then,
    None where it was not read."""
    portal = side.portal
    applied = [each for each in done if each.status == "applied"]
    wanted = {each.key: each for each in side.desired}
    sent: dict[str, frozenset[str]] = {}
    for each in applied:
        if each.operation.source is not None and each.operation.verb not in ("link", "unlink"):
            paths = wanted[each.operation.key].values
            went = frozenset(path for path in paths if parent(path) in each.operation.values)
            sent[str(each.id)] = sent.get(str(each.id), frozenset()) | went
    ours = {found.desired.key for found in drafted.matches}
    ours |= {each.operation.key for each in applied}
    shown = listing or _with_created(side.listing, applied, wanted)
    now = match(
        side.desired,
        shown,
        portal.identifiers,
        order=portal.policy.order,
        creating=portal.policy.create,
        recall=former(side.prior, shown) if portal.policy.recall else None,
    )
    name = handle(portal.identifiers)
    found_now = {found.desired.key: found.live.id for found in now.matches}
    there = {live.id: live for live in shown.agents}
    changed_hands = {  # the portal was edited meanwhile: it is to be known who they were
        found.desired.key: replace(found, live=there[found.live.id])
        for found in drafted.matches
        if str(found.live.id) in sent
        and found_now.get(found.desired.key) != found.live.id
        and found.live.id in there
        and is_linked(found, name)
    }
    return remember(
        side.prior,
        [
            *changed_hands.values(),
            *(
                found
                for found in now.matches
                if found.desired.key in ours - changed_hands.keys()
                and (listing is not None or str(found.live.id) in sent)
                and is_linked(found, name)
            ),
        ],
        {field.name: field for field in portal.fields},
        before={str(live.id): live for live in side.listing.agents},
        applied=sent,
        ended={str(each.id): each.operation for each in applied if each.operation.source is None},
        refused={
            each.operation.key: creation_form(each.operation) if each.status == "waiting" else None
            for each in done
            if each.operation.verb == "create"
        },
        after=None if listing is None else {str(live.id): live for live in listing.agents},
    )


def _with_created(
    listing: Listing, applied: Iterable[Outcome], wanted: Mapping[str, Desired]
) -> Listing:
    """A listing from before, with the agents who were created since: of them it is known who they
    are, and not what the portal shows."""
    created = [
        Live(
            each.operation.portal,
            each.id,
            "",
            wanted[each.operation.key].identity,
            {},
            each.aliases,
        )
        for each in applied
        if each.operation.verb == "create" and each.id is not None
    ]
    return replace(listing, agents=(*listing.agents, *created))


def _unmet(fresh: Draft) -> Iterator[Unmet]:
    """What the portal does not show as declared: not taken, or still to be done."""
    yield from fresh.untaken
    for entry in fresh.entries:
        for change in entry.changes:
            yield Unmet(
                entry.portal, entry.key, entry.source, change.path, change.after, change.before
            )
