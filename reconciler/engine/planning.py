"""Plan: compare what the portals list with the files, and make a plan of the differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial

from reconciler import __version__
from reconciler.core import drift
from reconciler.core.accounts import Identity
from reconciler.core.attribution import FileChange, attribute, compare
from reconciler.core.catalogue import Catalogue
from reconciler.core.conversation import drive
from reconciler.core.limits import Limits
from reconciler.core.model import (
    Account,
    Desired,
    Listing,
    Plan,
    PortalState,
    Scalar,
    Warning,
)
from reconciler.core.plan import Draft, draft, join
from reconciler.core.plan_json import PlanDocument, form
from reconciler.core.roster import Listed, Roster, roster
from reconciler.core.selection import Selection
from reconciler.documents.agents import Document, desired, other_sections
from reconciler.documents.config import DEFAULT_FILE
from reconciler.engine.concurrency import Cancellation
from reconciler.engine.reading import catalogue_of, read_portals
from reconciler.engine.session import Repository, Runtime, Session, open_session
from reconciler.errors import (
    PortalError,
    UsageError,
)
from reconciler.portals.registry import Portal, parts


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One portal as a run found it: what the files declare, what the portal lists, what the ledger
    records, and the account, None if it is unknown. `base` is what the files of a pull request's
    base declare."""

    portal: Portal
    desired: tuple[Desired, ...]
    listing: Listing
    prior: PortalState
    account: Account | None = None
    base: tuple[Desired, ...] = ()

    @property
    def identity(self) -> Identity:
        """Whose agents the portal lists."""
        return Identity(self.prior, self.account)

    @property
    def catalogue(self) -> Catalogue:
        """The portal's fields, identifiers and policy."""
        return catalogue_of(self.portal)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans from one reading of the portals. `unread` has the portals that could not be read,
    with the reason. With the agents of a `base`, each change is attributed by comparing with it.
    `listings` has how many live listings agents have who are to be taken off them: each is asked
    about once."""

    session: Session
    snapshots: Mapping[str, Snapshot]
    unread: Mapping[str, str]
    base: Sequence[Document] | None = None
    listings: dict[tuple[str, Scalar | None], int | None] = field(default_factory=dict)

    def read_again(self) -> Planner:
        """A planner for what the portals list now. Raises the errors of `open_planner`."""
        return _read(self.session, self.base, self.identified)

    @property
    def identified(self) -> Mapping[str, Identity]:
        """Whose agents each portal lists."""
        return {name: each.identity for name, each in self.snapshots.items()}

    def make_plan(self, selection: Selection) -> Proposal:
        """A plan for the selected agents."""
        drafts = {
            name: self._with_listings(name, self.draft(each, selection))
            for name, each in self.snapshots.items()
        }
        plan = self._join(drafts, self._unpublished(selection))
        if self.base is not None:
            plan = attribute(plan, self._base_plan(selection))
        return self._propose(plan, drafts, selection)

    def draft(self, snapshot: Snapshot, selection: Selection) -> Draft:
        """The operations on one portal for the selected agents."""
        repository = self.session.repository
        limits = repository.config.limits
        return draft(
            snapshot.desired,
            snapshot.listing,
            snapshot.prior,
            snapshot.catalogue,
            limits=Limits(limits.changes, limits.removals, limits.floor, len(repository.documents)),
            selection=selection,
        )

    def _with_listings(self, name: str, draft: Draft) -> Draft:
        """The draft, with the number of live listings of each agent who is taken off them. It is
        asked for only then, and unknown if the portal does not say."""
        ending = [each.id for each in draft.entries if "deactivate" in each.actions]
        if not ending:
            return draft
        by_id = self.snapshots[name].listing.by_id()
        new = [by_id[str(each)] for each in ending if (name, each) not in self.listings]
        if new:
            connection = self.session.connections[name]
            found: Mapping[str, int] = {}
            with suppress(PortalError):
                send = partial(connection.send, self.session.cancellation)
                found = drive(connection.portal.live_listings(new), send)
            self.listings.update({(name, each.id): found.get(str(each.id)) for each in new})
        entries = (
            replace(each, listings=self.listings.get((name, each.id))) for each in draft.entries
        )
        return replace(draft, entries=tuple(entries))

    def drift(self, proposal: Proposal) -> Proposal:
        """The part of a plan that is drift."""
        drafts = {
            name: drift.drift(
                proposal.drafts[name],
                drift.lost_agents(each.listing, each.prior, each.catalogue.handle),
            )
            for name, each in self.snapshots.items()
        }
        notes = self.session.notes + tuple(self._never_applied())
        planner = replace(self, session=replace(self.session, notes=notes))
        found = self._propose(self._join(drafts), drafts, proposal.selection)
        return replace(found, planner=planner)

    def _never_applied(self) -> Iterator[str]:
        for name, each in self.snapshots.items():
            if not each.prior.agents:
                yield (
                    f"Nothing has been applied to {name} yet, so every difference that it shows "
                    f"counts as drift. Run `reconciler plan` to see what an apply would change."
                )

    def roster(self, proposal: Proposal) -> Roster:
        """Who is on the portals, and which files declare them."""
        drafts = proposal.drafts
        return roster(
            Listed(each.catalogue, each.listing, drafts[name].matches, drafts[name].conflicts)
            for name, each in self.snapshots.items()
        )

    def _base_plan(self, selection: Selection) -> Plan:
        """The plan that the base's files would give; it has no requests."""
        drafts = {}
        for name, snapshot in self.snapshots.items():
            base = self.draft(replace(snapshot, desired=snapshot.base), selection)
            drafts[name] = replace(base, operations=())
        return self._join(drafts)

    def _unpublished(self, selection: Selection) -> list[Warning]:
        """The warnings of `unpublished` about selected agents."""
        return [
            each
            for each in unpublished(self.session.repository)
            if selection.has(each.portal, each.key, each.source)
        ]

    def _join(self, drafts: Mapping[str, Draft], warnings: Sequence[Warning] = ()) -> Plan:
        portals = {name: each.portal for name, each in self.snapshots.items()}
        return join(
            drafts,
            {name: portal.steps(drafts[name].operations) for name, portal in portals.items()},
            {name: portal.rate_limits for name, portal in portals.items()},
            self.unread,
            self.session.targets,
            warnings,
            {name: each.account for name, each in self.snapshots.items()},
        )

    def _propose(self, plan: Plan, drafts: Mapping[str, Draft], selection: Selection) -> Proposal:
        document = form(plan, selection, list(self.snapshots), __version__)
        return Proposal(plan, document, drafts, selection, self)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, to be shown or applied: with its JSON document, the drafts it was joined from, by
    portal, and the planner that made it."""

    plan: Plan
    document: PlanDocument
    drafts: Mapping[str, Draft]
    selection: Selection
    planner: Planner

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user."""
        return self.planner.session.notes

    @property
    def cancellation(self) -> Cancellation:
        """How to end the run early."""
        return self.planner.session.cancellation


WILDCARDS = "*?["
"""Characters of a pattern for several agents."""


@contextmanager
def open_planner(
    repository: Repository,
    environment: Mapping[str, str],
    selection: Selection,
    names: Sequence[str] = (),
    base: Sequence[Document] | None = None,
    runtime: Runtime | None = None,
    lock: Callable[[str], None] | None = None,
) -> Iterator[Planner]:
    """Read the portals once, for any number of plans.

    The patterns of `selection` are checked; the planner has a note for each that may be a typo.
    `names`, `runtime` and `lock` are those of `open_session`; an apply needs `lock`. With the
    agents of a `base`, each change is attributed. Raises ConfigError, UsageError and LockedError
    before anything is read; AccountError if a key is for another account; PortalError if no portal
    can be read; Interrupted if the run was asked to end.
    """
    with open_session(repository, environment, names, runtime, lock) as session:
        recorded = [state for states in session.ledger.values() for state in states]
        notes = tuple(_check_selection(repository, selection, recorded))
        yield _read(replace(session, notes=session.notes + notes), base, {})


def _read(
    session: Session, base: Sequence[Document] | None, identified: Mapping[str, Identity]
) -> Planner:
    """Read the portals; the run has read those in `identified` before. Raises AccountError,
    PortalError, Interrupted and LockedError."""
    documents = session.repository.documents
    portals = {name: each.portal for name, each in session.connections.items()}
    here = {name: _declared(documents, each) for name, each in portals.items()}
    there = {name: _declared(base or (), each) for name, each in portals.items()}
    both = {name: here[name] + there[name] for name in portals}
    readings = read_portals(session, both, identified)
    session.check()
    if not readings.read:
        raise PortalError("\n".join(readings.unread.values()))
    snapshots = {
        name: Snapshot(
            portals[name],
            reading.desired[: len(here[name])],
            reading.listing,
            reading.identity.state,
            reading.identity.account,
            reading.desired[len(here[name]) :],
        )
        for name, reading in readings.read.items()
    }
    return Planner(session, snapshots, readings.unread, base)


def _declared(documents: Iterable[Document], portal: Portal) -> tuple[Desired, ...]:
    found = (
        desired(document, portal.part, portal.fields, portal.identifiers) for document in documents
    )
    return tuple(each for each in found if each is not None)


def _check_selection(
    repository: Repository, selection: Selection, states: Iterable[PortalState]
) -> Iterator[str]:
    """Yield a note for each exclude with a wildcard that matches no agent. Raises UsageError for a
    target or another exclude that matches none: it may be a typo."""
    sources = {document.key: document.source for document in repository.documents}
    recorded = {agent.key: None for state in states for agent in state.agents.values()}
    agents = [*sources.items(), *recorded.items()]
    options = [("--target", each) for each in selection.targets]
    options += [("--exclude", each) for each in selection.excludes]
    for option, pattern in options:
        alone = Selection((pattern,))
        if any(alone.has("", key, source) for key, source in agents):
            continue
        message = f"{option} {pattern} matches no declared agent and no file."
        if option == "--exclude" and any(each in pattern for each in WILDCARDS):
            yield message
            continue
        near = get_close_matches(pattern, list(sources), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"{message}{hint}")


def unpublished(repository: Repository) -> Iterator[Warning]:
    """Yield a warning for each agent with a section for a portal that is not configured."""
    config = repository.config
    for part, document, source in other_sections(repository.documents, parts(), config.portals):
        message = f"not published on {part.portal}, which is not in {DEFAULT_FILE}"
        name = str(document.data.get("name", ""))
        yield Warning(part.portal, document.key, source, message, name)


def compare_files(before: Iterable[Document], after: Iterable[Document]) -> tuple[FileChange, ...]:
    """What files change, compared with earlier ones; no portal is read."""
    old, new = (
        [(each.key, each.source, each.data) for each in documents] for documents in (before, after)
    )
    return compare(old, new)
