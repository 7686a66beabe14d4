"""Settle values that were sent and that the portal does not show: read again, resend, read again.

A portal may show a write late, or lose it. `core/confirm.py` decides what each reading means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from reconciler.core import confirm, verify
from reconciler.core.catalogue import Catalogue
from reconciler.core.confirm import PortalRun, Settled
from reconciler.core.conversation import drive
from reconciler.core.model import Listing, Live, Request, Response
from reconciler.engine.execute import execute
from reconciler.engine.planning import Proposal
from reconciler.errors import Interrupted, PortalError

PAUSES = (0.5, 1.0, 2.0, 3.0, 4.0)
"""Seconds before each further reading, both before and after the values are resent."""
SILENT = 2
"""Readings before the user learns what the run waits for: they take about two seconds."""
MOST_BY_ID = 10
"""The most agents to read one by one; for more, a list takes fewer requests."""


def first_reading(
    proposal: Proposal, runs: Mapping[str, PortalRun], listings: Mapping[str, Listing]
) -> dict[str, Settled]:
    """What each portal shows in the list that was read after the apply."""
    catalogues = {name: each.catalogue for name, each in proposal.planner.snapshots.items()}
    return {
        name: confirm.settled(
            runs[name], confirm.with_unlisted(runs[name], listing), catalogues[name]
        )
        for name, listing in listings.items()
    }


def settle(
    proposal: Proposal, runs: Mapping[str, PortalRun], readings: Mapping[str, Settled]
) -> dict[str, Settled]:
    """Settle the portals that do not show all that was sent, all at the same time. Once the run is
    asked to end, the last reading counts."""
    session = proposal.planner.session
    streams = {
        name: partial(_Portal(proposal, name, runs[name]).settle, each)
        for name, each in readings.items()
        if each.unconfirmed
    }
    settled = dict(readings)
    try:
        for name, each in session.runtime.merge_streams(streams, session.cancellation):
            settled[name] = each  # noqa: PERF403 - an interruption keeps those that are known
    except KeyboardInterrupt:
        session.cancellation.request()
    return settled


@dataclass(frozen=True, slots=True)
class _Portal:
    """One portal and what was applied there."""

    proposal: Proposal
    name: str
    run: PortalRun

    @property
    def catalogue(self) -> Catalogue:
        return self.proposal.planner.snapshots[self.name].catalogue

    def settle(self, first: Settled) -> Iterator[Settled]:
        """Yield what the portal shows after each reading."""
        once = first
        try:
            for once in self.wait(first):
                yield once
            if not once.unconfirmed or not self.resend(once):
                return
            twice = once
            for twice in self.wait(once):
                yield twice
            accepted = confirm.accept(once.unconfirmed, twice.unconfirmed, self.catalogue)
            yield replace(twice, accepted=accepted)
        except Interrupted:
            return

    def wait(self, settled: Settled) -> Iterator[Settled]:
        """Read the agents in question after growing pauses, until all is shown as it was sent."""
        for number, pause in enumerate(PAUSES):
            if not settled.unconfirmed:
                return
            if number == SILENT:
                message = f"{self.name}: not all changes are visible yet; reading again"
                self.proposal.planner.session.runtime.notify(message)
            self.proposal.cancellation.sleep(pause)
            found = self.read(sorted({number for number, _ in settled.unconfirmed}))
            listing = _with_agents(settled.listing, found)
            settled = confirm.settled(self.run, listing, self.catalogue)
            yield settled

    def read(self, ids: list[str]) -> dict[str, Live]:
        """The agents with these ids that the portal shows, by id."""
        portal = self.proposal.planner.session.connections[self.name].portal
        if len(ids) <= MOST_BY_ID:
            found = drive(portal.look_up(ids), self.send)
            return {number: live for number, live in found.items() if live is not None}
        try:
            listing, _ = drive(portal.read(()), self.send)
        except PortalError:  # as if it showed what it showed before
            return {}
        listed = listing.by_id()
        return {number: listed[number] for number in ids if number in listed}

    def resend(self, settled: Settled) -> bool:
        """Send the values again that the portal does not show, as a new plan would. Returns whether
        anything was sent: a creation is not repeated."""
        planner = self.proposal.planner
        snapshot = planner.snapshots[self.name]
        state = verify.record(snapshot.prior, self.run, settled, self.catalogue)
        after = replace(snapshot, listing=settled.listing, prior=state)
        draft = planner.draft(after, self.proposal.selection)
        operations = confirm.resend(draft.operations, settled.unconfirmed, self.catalogue.handle)
        handle = self.catalogue.handle
        operations += confirm.restores(self.run.outcomes, settled.unconfirmed, handle)
        steps = snapshot.portal.steps(operations)
        # The outcomes do not matter: what the portal shows next decides.
        for _ in execute(steps, snapshot.portal.perform, self.send):
            pass
        return bool(steps)

    def send(self, request: Request) -> Response:
        """Send a request. Raises Interrupted if the run was asked to end."""
        connection = self.proposal.planner.session.connections[self.name]
        return connection.send(self.proposal.cancellation, request)


def _with_agents(listing: Listing, found: Mapping[str, Live]) -> Listing:
    return replace(listing, agents=tuple({**listing.by_id(), **found}.values()))
