"""Apply a plan: send it, verify the result, and record it in the ledger."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.core import confirm, verify
from reconciler.core.accounts import recorded_now, with_recorded
from reconciler.core.confirm import PortalRun, Settled
from reconciler.core.model import (
    Conflict,
    Event,
    Finished,
    Listing,
    Outcome,
    PortalState,
    Report,
    Scalar,
    Started,
)
from reconciler.engine import settling
from reconciler.engine.concurrency import Cancellation
from reconciler.engine.execute import execute, half_done, interruption
from reconciler.engine.planning import Proposal
from reconciler.engine.reading import read_portals
from reconciler.errors import ConfigError, Interrupted
from reconciler.store.ledger import Ledger, LedgerChanged, with_addresses

Watch = Callable[[Event], None]


def apply(proposal: Proposal, stale: tuple[Conflict, ...], watch: Watch) -> Report:
    """Send a plan, verify the result and record it. `watch` is called with each event; `stale` are
    agents left out of the plan, for the report.

    Once the run is asked to end, requests in progress are finished and nothing more is sent. A
    KeyboardInterrupt does not wait for them; nor does any other exception, which is raised again.
    In every case, what was done is recorded. Raises LockedError if the lock was lost before
    anything was sent.
    """
    proposal.planner.session.check()
    report = Report((), stale=stale, plan=proposal.plan)
    progress = _Progress()
    try:
        _send(proposal, progress, watch)
    except BaseException as error:
        proposal.cancellation.request()
        _interrupt(proposal, progress)
        report = replace(report, outcomes=progress.pairs, interrupted=True)
        report = _record_unverified(proposal, report, progress)
        if isinstance(error, KeyboardInterrupt):
            return report
        raise
    report = replace(report, outcomes=progress.pairs)
    if proposal.cancellation.requested:
        report = _cancelled(report, proposal.cancellation)
        return _record_unverified(proposal, report, progress)
    try:
        return _verify(proposal, report)
    except KeyboardInterrupt:
        proposal.cancellation.request()
        return _unrecorded(report)


# -- sending -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Progress:
    """The steps that may have been sent, and the outcomes so far, by step and operation."""

    started: set[str] = field(default_factory=set)
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)

    @property
    def pairs(self) -> tuple[tuple[str, Outcome], ...]:
        """The outcomes, each with its step's id."""
        return tuple((step, outcome) for (step, _), outcome in self.outcomes.items())


def _send(proposal: Proposal, progress: _Progress, watch: Watch) -> None:
    """Send the steps of the plan, the portals in parallel, and add to `progress`."""
    session = proposal.planner.session
    known = {
        (name, live.id)
        for name, snapshot in proposal.planner.snapshots.items()
        for live in snapshot.listing.agents
    }
    streams = {name: partial(_events, proposal, name, progress.started) for name in proposal.drafts}
    for _, event in session.runtime.merge_streams(streams, session.cancellation):
        watch(event)
        if isinstance(event, Finished):
            for outcome in _checked(event, proposal, known):
                progress.outcomes[event.step.id, outcome.operation.name] = outcome


def _events(proposal: Proposal, name: str, started: set[str]) -> Iterator[Event]:
    """The events of a portal's steps. A step is added to `started` before anything of it is sent:
    the reader of the events may stop before it sees them."""
    session = proposal.planner.session
    connection = session.connections[name]
    steps = [step for step in proposal.plan.steps if step.operations[0].portal == name]
    send = partial(connection.send, session.cancellation)
    for event in execute(steps, connection.portal.perform, send):
        if isinstance(event, Started):
            started.add(event.step.id)
        yield event


def _checked(
    event: Finished, proposal: Proposal, known: AbstractSet[tuple[str, Scalar | None]]
) -> Iterator[Outcome]:
    """The outcomes of a step, with secrets redacted from errors; a creation that updated an agent
    in `known` has failed."""
    for outcome in event.outcomes:
        if outcome.error:
            connection = proposal.planner.session.connections[outcome.operation.portal]
            yield replace(outcome, error=connection.transport.clean(outcome.error))
        else:
            yield verify.check_creation(outcome, known)


def _interrupt(proposal: Proposal, progress: _Progress) -> None:
    """Add the outcomes of the steps that have none yet."""
    finished = {step for step, _ in progress.outcomes}
    former = {
        (each.operation.portal, each.id): each.operation.external_id
        for each in progress.outcomes.values()
        if each.operation.verb == "unlink" and each.status == "applied"
    }
    for step in proposal.plan.steps:
        for operation in step.operations if step.id not in finished else ():
            outcome = interruption(operation, sent=step.id in progress.started)
            agent = operation.portal, operation.id
            if operation.verb == "link" and agent in former:
                outcome = half_done(outcome, former[agent])
            progress.outcomes[step.id, operation.name] = outcome


# -- reports of runs that ended early ------------------------------------------------------------


def _cancelled(report: Report, cancellation: Cancellation) -> Report:
    """The report of a run that was asked to end; with the reason, if it was not a person."""
    report = replace(report, interrupted=True)
    if cancellation.reason is None:
        return report
    return _noted(report, f"{cancellation.reason} Nothing more was sent. Run again.")


def _record_unverified(proposal: Proposal, report: Report, progress: _Progress) -> Report:
    """Record what was done, if anything was, without reading the portals again."""
    if not progress.started:
        return report
    try:
        return _noted(report, *_save(proposal, _runs(proposal, report), {}).notes)
    except KeyboardInterrupt:
        return _unrecorded(report)


def _unrecorded(report: Report) -> Report:
    """The report of a run that was interrupted while it recorded what was done."""
    note = "Interrupted while writing the ledger; the next apply may send some values again."
    return _noted(replace(report, interrupted=True), note)


def _noted(report: Report, *notes: str) -> Report:
    return replace(report, notes=(*report.notes, *notes))


# -- verifying -----------------------------------------------------------------------------------


def _verify(proposal: Proposal, report: Report) -> Report:
    """Read the portals that operations were sent to, settle and record what was done, and verify
    the result. If all of the plan was stale, there is nothing to record.

    A portal that nothing was sent to is as the plan found it. A portal that cannot be read, or
    lists only some of its agents, is not verified.
    """
    sent_to = {outcome.operation.portal for _, outcome in report.outcomes}
    listings, notes = _listings_after(proposal, report, sent_to)
    report = _noted(report, *notes)
    runs = _runs(proposal, report)
    readings = settling.first_reading(proposal, runs, listings)
    if any(each.unconfirmed for each in readings.values()):
        _save(proposal, runs, readings)  # settling takes time, and the run may be killed
        readings = settling.settle(proposal, runs, readings)
    learned = report.outcomes or not report.stale
    saved = _save(proposal, runs, readings) if learned else _Saved({})
    report = _noted(report, *saved.notes)
    planner, drafts = proposal.planner, dict(proposal.drafts)
    for name, each in readings.items():
        catalogue = planner.snapshots[name].catalogue
        outcomes = confirm.fail(report.outcomes, each.unconfirmed, each.accepted, catalogue)
        report = replace(report, outcomes=tuple(outcomes))
    if proposal.cancellation.requested:
        return _cancelled(report, proposal.cancellation)
    for name in sent_to & readings.keys():
        snapshot = planner.snapshots[name]
        after = replace(snapshot, listing=readings[name].listing, prior=saved.states[name])
        drafts[name] = planner.draft(after, proposal.selection)
    return verify.verify(report, {name: drafts[name] for name in readings}, sent_to)


def _runs(proposal: Proposal, report: Report) -> dict[str, PortalRun]:
    return {
        name: PortalRun(
            snapshot.desired,
            snapshot.listing,
            proposal.drafts[name].matches,
            [each for _, each in report.outcomes if each.operation.portal == name],
        )
        for name, snapshot in proposal.planner.snapshots.items()
    }


def _listings_after(
    proposal: Proposal, report: Report, sent_to: AbstractSet[str]
) -> tuple[dict[str, Listing], list[str]]:
    """What each portal lists after the apply, by name, and a note for each that is not known."""
    snapshots = proposal.planner.snapshots
    listings = {
        name: snapshot.listing for name, snapshot in snapshots.items() if name not in sent_to
    }
    desired = {name: snapshot.desired for name, snapshot in snapshots.items() if name in sent_to}
    try:
        planner = proposal.planner
        readings = read_portals(planner.session, desired, planner.identified)
    except KeyboardInterrupt:  # the user does not wait for the result; what was done is known
        proposal.cancellation.request()
        return listings, []
    except Exception:  # an error here must not lose what was done
        _save(proposal, _runs(proposal, report), {})
        raise
    reasons = list(readings.unread.values())
    for name, reading in readings.read.items():
        if reading.listing.complete:
            listings[name] = reading.listing
        else:
            reasons.append(f"{name} returned an incomplete list of its agents.")
    return listings, [f"Could not verify the result: {reason}" for reason in reasons]


# -- recording -----------------------------------------------------------------------------------

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to write a ledger that others write too."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """What is recorded now of each portal at this run's address, and notes if it could not be
    written."""

    states: Mapping[str, PortalState]
    notes: tuple[str, ...] = ()


def _save(
    proposal: Proposal, runs: Mapping[str, PortalRun], readings: Mapping[str, Settled]
) -> _Saved:
    """Record what was done in the ledger. `readings` is what the portals show after the apply; a
    portal without one was not read again.

    The ledger is read again first, because another apply may have written it; and again each
    time that happens before it is written here.
    """
    for pause in (0.0, *PAUSES):
        if pause:
            with suppress(Interrupted):  # asked to end: try again at once
                proposal.cancellation.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
        try:
            return _try_save(proposal, runs, readings)
        except LedgerChanged:
            continue
        except ConfigError as error:
            note = f"The ledger was not written. {error}"
            break
    else:
        note = (
            "The ledger could not be written: other applies kept writing it. The next plan may "
            "send values again that the portal does not show."
        )
    session = proposal.planner.session
    return _Saved(_states(proposal, runs, readings, session.ledger), (note,))


def _try_save(
    proposal: Proposal, runs: Mapping[str, PortalRun], readings: Mapping[str, Settled]
) -> _Saved:
    """Record what was done. Raises LedgerChanged and ConfigError."""
    session = proposal.planner.session
    loaded = session.store.load()
    recorded = with_addresses(loaded.ledger, session.targets)
    states = _states(proposal, runs, readings, recorded)
    ledger = {**recorded}
    for name, state in states.items():
        target, prior = session.connections[name].target, proposal.planner.snapshots[name].prior
        ledger[target] = with_recorded(recorded.get(target, ()), prior, state)
    if ledger == loaded.ledger and loaded.note is None:
        return _Saved(states)
    note = session.store.save(ledger, loaded, _message(runs))
    return _Saved(states, (note,) if note else ())


def _states(
    proposal: Proposal,
    runs: Mapping[str, PortalRun],
    readings: Mapping[str, Settled],
    ledger: Ledger,
) -> dict[str, PortalState]:
    session, states = proposal.planner.session, {}
    for name, snapshot in proposal.planner.snapshots.items():
        recorded = ledger.get(session.connections[name].target, ())
        prior = recorded_now(recorded, snapshot.identity)
        after = verify.record(prior, runs[name], readings.get(name), snapshot.catalogue)
        states[name] = replace(after, account=snapshot.account or prior.account)
    return states


def _message(runs: Mapping[str, PortalRun]) -> str:
    """What was applied, in one line without names: the message of the ledger's commit."""
    outcomes = [outcome for run in runs.values() for outcome in run.outcomes]
    applied = Counter(each.operation.verb for each in outcomes if each.status == "applied")
    others = Counter(each.status for each in outcomes if each.status != "applied")
    parts = [
        ", ".join(f"{n} {name}" for name, n in sorted(each.items())) for each in (applied, others)
    ]
    return f"Applied: {parts[0] or 'nothing'}" + (f"; {parts[1]}" if parts[1] else "")
