"""What each command does, as a flat list of stages: files → desired → live → draft → plan.

How a plan is carried out is in `applying`.
Nothing here reads options or prints; nothing below here knows which command runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.core.attribution import FileChange, attribute, compare
from reconciler.core.conversation import Send, drive
from reconciler.core.match import handle
from reconciler.core.model import (
    Change,
    Conflict,
    Desired,
    Entry,
    Listing,
    Operation,
    Plan,
    PortalState,
    Request,
    Response,
    Warning,
)
from reconciler.core.plan import Draft, draft, join
from reconciler.core.policy import Limits, Selection
from reconciler.core.state import former
from reconciler.engine.concurrency import Cancellation, merge_streams
from reconciler.errors import (
    AnswerError,
    ConfigError,
    InputError,
    LimitsError,
    LockedError,
    PortalError,
    StaleError,
    UsageError,
)
from reconciler.render.visible import one_line

if TYPE_CHECKING:
    from httpx import BaseTransport

    from reconciler.core.plan_json import PlanDocument
    from reconciler.documents.agents import Document
    from reconciler.documents.config import Config
    from reconciler.net.transport import Transport
    from reconciler.portals.registry import Portal
    from reconciler.store.ledger import Store


@dataclass(frozen=True, slots=True)
class Repository:
    """A user's repository as it stands on the disk: its configuration and its agents."""

    root: Path
    config: Config
    documents: Sequence[Document]


Together = Callable[
    [Mapping[str, Callable[[], Iterator[Any]]], Cancellation], Iterator[tuple[str, Any]]
]


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a run meets the world: what ends it before its time, what the time is, what carries its
    requests (None: the network), and how several portals are worked on at once. A simulation has
    a world of its own."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    now: Callable[[], float] = time.time
    wire: BaseTransport | None = None
    merge_streams: Together = merge_streams


@dataclass(frozen=True, slots=True)
class Side:
    """One portal's side of a run: what is wanted there, what is there, what is remembered. `base`
    is what the files want that these are to be merged into."""

    portal: Portal
    wire: Transport
    desired: tuple[Desired, ...]
    listing: Listing
    prior: PortalState
    base: tuple[Desired, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, its JSON form, and the sides and drafts it was made from, by portal. `notes` are for
    the user; `outside` is the world the run is in; `store` is where the ledger is kept."""

    plan: Plan
    form: PlanDocument
    sides: Mapping[str, Side]
    drafts: Mapping[str, Draft]
    selection: Selection
    notes: tuple[str, ...]
    runtime: Runtime
    store: Store

    @property
    def cancellation(self) -> Cancellation:
        """What ends it before its time, on all sides."""
        return self.runtime.cancellation


def open_repository(root: Path, config: Path | None) -> Repository:
    """Read and check the files. Raises ConfigError and InputError, with every problem at once."""
    from reconciler.documents.agents import read_agents  # noqa: PLC0415 - pydantic, 60 ms
    from reconciler.documents.config import read_config  # noqa: PLC0415

    settings = read_config(root, config)
    return Repository(root, settings, read_agents(root, settings.agents))


def open_base(repository: Repository, reference: str) -> Sequence[Document]:
    """The agents as they are declared at a commit, to tell whose change is whose.

    Raises UsageError where there is no such commit, or its files cannot be read.
    """
    from reconciler.documents.agents import read_agents  # noqa: PLC0415
    from reconciler.store.revision import checked_out  # noqa: PLC0415

    folder = repository.config.agents
    with checked_out(repository.root, reference) as root:
        if not (root / folder).is_dir():
            return []
        try:
            return read_agents(root, folder)
        except InputError as error:
            raise UsageError(
                f"The files of {reference} have mistakes ({error}), so nothing can be compared "
                f"with them. Mend them there, or plan without --base."
            ) from None


def compare_files(repository: Repository, base: Sequence[Document]) -> tuple[FileChange, ...]:
    """What the files change beside those of a base, without any portal."""
    before, after = (
        [(each.key, each.source, each.data) for each in documents]
        for documents in (base, repository.documents)
    )
    return compare(before, after)


@contextmanager
def planning(
    repository: Repository,
    environment: Mapping[str, str],
    selection: Selection,
    names: Sequence[str] = (),
    base: Sequence[Document] | None = None,
    runtime: Runtime | None = None,
    lock: Callable[[str], None] | None = None,
) -> Iterator[Callable[[Selection], Planned]]:
    """Read the portals once, all at the same time, for as many plans as are asked for.

    `names` are the portals to look at (all that are configured, if there are none); with the
    agents of a `base`, each change is labelled with whose it is. For an apply `lock` says how to
    tell the user that another one is waited for; then nobody else applies until this context ends.
    Raises ConfigError, UsageError and LockedError before anything is read, PortalError where no
    portal can be read; with some that can, the plans say which cannot. Raises Interrupted where
    the run is to end.
    """
    from reconciler.portals.registry import PORTALS  # noqa: PLC0415
    from reconciler.store import open_store  # noqa: PLC0415

    config = repository.config
    chosen = _chosen(list(config.portals), names)
    portals = [
        PORTALS[name](section=config.portals[name], hold=config.unreadable == "hold")
        for name in chosen
    ]
    store = open_store(repository.root, config.ledger)
    world = runtime or Runtime()
    with ExitStack() as stack:
        urls = {portal.name: _url(portal, environment) for portal in portals}
        secrets = _secrets(portals, environment)
        locked = (
            () if lock is None else stack.enter_context(_locked(store, world.cancellation, lock))
        )
        kept = store.load()
        _check_targets(repository, selection, kept.ledger.values())
        wires = _wires(portals, urls, secrets, stack, world)
        here = {portal.name: _wanted(repository.documents, portal) for portal in portals}
        asked = {
            portal.name: (
                portal,
                wires[portal.name],
                (*here[portal.name], *_wanted(base or (), portal)),
            )
            for portal in portals
        }
        remembered = {name: prior_at(kept.ledger, name, url) for name, url in urls.items()}
        elsewhere = [
            f"What the ledger knows of {name} is of another address ({prior.url}), so it does not "
            f"count here."
            for name, prior in kept.ledger.items()
            if name in remembered and prior.url not in ("", remembered[name].url)
        ]
        answers = read(asked, world)
        check(world.cancellation)
        unread = {name: said for name, said in answers.items() if isinstance(said, str)}
        if len(unread) == len(answers):
            raise PortalError("\n".join(unread.values()))
        sides = {
            name: Side(
                portal,
                wire,
                said[1][: len(here[name])],
                said[0],
                remembered[name],
                said[1][len(here[name]) :],
            )
            for name, (portal, wire, _) in asked.items()
            if not isinstance(said := answers[name], str)
        }

        def plan(selection: Selection) -> Planned:
            drafts = {name: draft_of(repository, side, selection) for name, side in sides.items()}
            operations = {name: drafted.operations for name, drafted in drafts.items()}
            notes = (*locked, *(() if kept.note is None else (kept.note,)), *elsewhere)
            blank = Planned(NOTHING, {}, sides, {}, selection, notes, world, store)
            return _planned(blank, drafts, operations, unread, base=plan_of_base(selection))

        def plan_of_base(selection: Selection) -> Plan | None:
            if base is None:
                return None
            before = {name: replace(side, desired=side.base) for name, side in sides.items()}
            drafts = {name: draft_of(repository, side, selection) for name, side in before.items()}
            return join(drafts, dict.fromkeys(drafts, ()), dict.fromkeys(drafts, ()))

        yield plan


@contextmanager
def _locked(
    store: Store, cancellation: Cancellation, say: Callable[[str], None]
) -> Iterator[tuple[str, ...]]:
    """The right to apply, and notes for the user; a run that loses it is to end. Raises
    LockedError."""
    from reconciler.store.lock import LockWait  # noqa: PLC0415 - for an apply alone

    def lose(why: str) -> None:
        cancellation.reason = why
        cancellation.request()
        say(f"{why} What is under way is finished, and nothing more is sent.")

    turn = LockWait(say, lose, cancellation.sleep)
    with store.lock(turn) as notes:
        if turn.waited:
            say("The other apply has ended; going on from what it left.")
        yield notes


def check(cancellation: Cancellation) -> None:
    """Raises LockedError where the right to apply was lost before anything was sent, and
    Interrupted where the run is to end for any other reason."""
    if cancellation.requested and cancellation.reason is not None:
        raise LockedError(f"{cancellation.reason} Nothing was sent from here; run again.")
    cancellation.check()


def prior_at(ledger: Mapping[str, PortalState], portal: str, url: str) -> PortalState:
    """What is remembered of a portal at an address: at another one the ids are other people's."""
    prior = ledger.get(portal, PortalState())
    return replace(prior, url=url) if prior.url in ("", url) else PortalState(url=url)


NOTHING = join({}, {}, {})
"""The plan of no portal."""


def _wires(
    portals: Sequence[Portal],
    urls: Mapping[str, str],
    secrets: Mapping[str, Mapping[str, str]],
    stack: ExitStack,
    world: Runtime,
) -> dict[str, Transport]:
    """A client for each portal, which `stack` closes. Raises ConfigError."""
    from reconciler.net.transport import Clock, Transport  # noqa: PLC0415 - httpx, 100 ms

    clock = Clock(world.now, world.cancellation.sleep)
    return {
        portal.name: stack.enter_context(
            Transport(
                urls[portal.name],
                partial(portal.login, secrets[portal.name]),
                rate_limits=portal.rate_limits,
                secrets=secrets[portal.name].values(),
                clock=clock,
                wire=world.wire,
            )
        )
        for portal in portals
    }


def _wanted(documents: Iterable[Document], portal: Portal) -> tuple[Desired, ...]:
    from reconciler.documents.agents import desired  # noqa: PLC0415

    found = (
        desired(document, portal.name, portal.fields, portal.identifiers) for document in documents
    )
    return tuple(each for each in found if each is not None)


def until(cancellation: Cancellation, wire: Transport) -> Send:
    """How to send until the run is to end."""

    def send(request: Request) -> Response:
        cancellation.check()
        return wire.send(request)

    return send


READS = 3
"""How often a portal is read at most, while it shows a part of its agents or answers oddly: agents
may come and go between two pages."""

Asked = Mapping[str, "tuple[Portal, Transport, tuple[Desired, ...]]"]


def read(asked: Asked, world: Runtime) -> dict[str, tuple[Listing, tuple[Desired, ...]] | str]:
    """What each portal shows and what is wanted there in its words; or why it could not be read.
    Who was asked when the run was to end is left out."""

    def reading(
        portal: Portal, wire: Transport, wanted: tuple[Desired, ...]
    ) -> Iterator[tuple[Listing, tuple[Desired, ...]] | str]:
        for left in reversed(range(READS)):
            try:
                said = drive(portal.read(wanted), until(world.cancellation, wire))
                if said[0].complete or not left:
                    yield said
                    return
            except AnswerError as error:
                if not left:
                    yield wire.clean(str(error))
            except PortalError as error:
                yield wire.clean(str(error))
                return

    streams = {name: partial(reading, *each) for name, each in asked.items()}
    found = dict(world.merge_streams(streams, world.cancellation))
    return {name: found[name] for name in asked if name in found}


def draft_of(repository: Repository, side: Side, selection: Selection) -> Draft:
    """What is to be done on one side for the agents that are chosen."""
    config, agents = repository.config, len(repository.documents)
    portal = side.portal
    return draft(
        portal.name,
        side.desired,
        side.listing,
        fields=portal.fields,
        identifiers=portal.identifiers,
        prior=side.prior,
        policy=portal.policy,
        limits=Limits(config.limits.changes, config.limits.removals, config.limits.floor, agents),
        selection=selection,
    )


def _planned(
    made: Planned,
    drafts: Mapping[str, Draft],
    operations: Mapping[str, Sequence[Operation]],
    unread: Mapping[str, str],
    base: Plan | None = None,
) -> Planned:
    """`made` with these drafts, whose operations become requests; beside the plan of a base, each
    change is labelled."""
    from reconciler.core.plan_json import form  # noqa: PLC0415

    sides = made.sides
    plan = join(
        drafts,
        {name: side.portal.steps(operations[name]) for name, side in sides.items()},
        {name: side.portal.rate_limits for name, side in sides.items()},
        unread,
    )
    if base is not None:
        plan = attribute(plan, base)
    said = form(plan, made.selection, list(sides), __version__)
    return replace(made, plan=plan, form=said, drafts=drafts)


def _chosen(configured: Sequence[str], names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in configured:
            raise UsageError(
                f"The portal {name} is not in the configuration; there is {', '.join(configured)}."
            )
    return [name for name in configured if not names or name in names]


def _check_targets(
    repository: Repository, selection: Selection, memories: Iterable[PortalState]
) -> None:
    """A target that fits nobody is a slip, and applying nothing would hide it."""
    keys = {document.key: document.source for document in repository.documents}
    gone = {kept.key for prior in memories for kept in prior.agents.values()}
    for pattern in selection.targets:
        alone = Selection((pattern,))
        if any(alone.has("", key, source) for key, source in keys.items()):
            continue
        if any(alone.has("", key, None) for key in gone):
            continue
        near = get_close_matches(pattern, list(keys), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"--target {pattern} fits no declared agent and no file.{hint}")


def _url(portal: Portal, environment: Mapping[str, str]) -> str:
    """The portal's address: the environment's, where it has one, before the configuration's."""
    from reconciler.documents.config import check_url  # noqa: PLC0415

    name = f"{portal.name.upper()}_URL"
    url = environment.get(name, "").strip()
    if not url:
        return portal.url
    if wrong := check_url(url):
        raise ConfigError(f"{name}: {wrong}")
    return url.rstrip("/")


def _secrets(
    portals: Sequence[Portal], environment: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The keys by portal. Raises ConfigError that names all that is missing and shows nothing."""
    found = {
        portal.name: {name: environment.get(name, "").strip() for name in portal.secrets}
        for portal in portals
    }
    keys = {name: value for each in found.values() for name, value in each.items()}
    missing = [name for name, value in keys.items() if not value]
    if missing:
        said = "is" if len(missing) == 1 else "are"
        raise ConfigError(
            f"{' and '.join(missing)} {said} not set. The portal's settings have the value; put it "
            f"into the environment variable of that name."
        )
    for name, value in keys.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"{name} has characters that a key cannot have. Copy it once more.")
    return found


def drift(planned: Planned) -> Planned:
    """The part of a plan that somebody changed behind the files' back.

    Where something is remembered, that is what the portal shows otherwise than after the last
    apply, and who is gone; where nothing is, every difference that can be seen.
    """
    drafts, operations = {}, {}
    for name, made in planned.drafts.items():
        drifted = [
            replace(entry, changes=changes)
            for entry in made.entries
            if entry.id is not None
            and entry.source is not None
            and (changes := tuple(filter(_is_drift, entry.changes)))
        ]
        lost = _lost(planned.sides[name])
        absent: list[Warning | Entry] = [
            *(each for each in made.warnings if each.key in made.waiting),
            *(each for each in made.entries if each.id is None),
        ]
        said = "was on the portal at the last apply, and is not now."
        gone = [Warning(name, each.key, each.source, said) for each in absent if each.key in lost]
        drafts[name] = replace(
            made,
            entries=tuple(drifted),
            conflicts=tuple(each for each in made.conflicts if each.key in lost),
            warnings=tuple(gone),
            waiting=tuple(each.key for each in gone),
            excess=(),
        )
        keys = {entry.key for entry in drifted}
        operations[name] = [each for each in made.operations if each.key in keys]
    return _planned(planned, drafts, operations, dict(planned.plan.unread))


def _lost(side: Side) -> set[str]:
    """The keys of agents who were applied, and whom the portal does not show under that key now.
    Whoever is there as then and cannot be found, or is in conflict, is so for a file's sake."""
    name = handle(side.portal.identifiers)
    there = {
        key
        for key, agents in former(side.prior, side.listing).items()
        if name is None or any(key in (f"id:{live.id}", live.identity.get(name)) for live in agents)
    }
    return {ours.key for ours in side.prior.agents.values()} - there


def _is_drift(change: Change) -> bool:
    seen = change.attribution is None and change.kind == "different"
    return seen or change.attribution == "drift"


def left_out(
    planned: Planned,
    saved: PlanDocument,
    plan: Callable[[Selection], Planned],
    *,
    skip: bool,
) -> tuple[Planned, tuple[Conflict, ...]]:
    """The fresh plan, without the agents for whom it is not what the saved one showed.

    Raises StaleError if there are such agents and they are not to be skipped.
    """
    from reconciler.core.plan_json import parse, selection  # noqa: PLC0415
    from reconciler.core.review import review  # noqa: PLC0415

    desired = [each for side in planned.sides.values() for each in side.desired]
    chosen, _ = selection(saved)
    planned, out = without(planned, chosen, plan, partial(review, parse(saved), desired=desired))
    if out and not skip:
        several = planned.plan.several
        names = [f"{each.key} on {each.portal}" if several else each.key for each in out]
        said = "\n".join(
            f"  {one_line(name)}: {one_line(each.reason)}"
            for name, each in zip(names, out, strict=True)
        )
        raise StaleError(
            f"The plan is stale, nothing was sent. Since it was made:\n{said}\n"
            f"Plan again, or leave these agents out with --on-stale skip."
        )
    return planned, out


def only_reviewed(
    planned: Planned, reviewed: Sequence[Plan], plan: Callable[[Selection], Planned]
) -> tuple[Planned, tuple[Conflict, ...]]:
    """The fresh plan, without the agents for whom none of the reviewed ones (the newest first)
    shows what would happen."""
    from reconciler.core.review import review_all  # noqa: PLC0415

    desired = [each for side in planned.sides.values() for each in side.desired]
    stale = partial(review_all, reviewed, desired=desired)
    return without(planned, planned.selection, plan, stale)


def without(
    planned: Planned,
    chosen: Selection,
    plan: Callable[[Selection], Planned],
    stale: Callable[[Plan], tuple[Conflict, ...]],
) -> tuple[Planned, tuple[Conflict, ...]]:
    """The plan without who is stale in it, and those. Who is left out can change what happens to
    others (a link waits for an unlink), so it is planned until nobody else is stale."""
    out: dict[tuple[str, str], Conflict] = {}
    while fresh := [each for each in stale(planned.plan) if (each.portal, each.key) not in out]:
        out |= {(each.portal, each.key): each for each in fresh}
        planned = plan(replace(chosen, without=frozenset(out)))
    return planned, tuple(out.values())


def check_limits(planned: Planned) -> None:
    """Raises LimitsError where more agents would change than the configuration allows."""
    if planned.plan.excess:
        said = "\n".join(f"  {each}" for each in planned.plan.excess)
        raise LimitsError(
            f"This is over the limits, nothing was sent:\n{said}\n"
            f"If that is what you want, apply with --force, or save the plan, have it read, and "
            f"apply the saved plan."
        )
