"""What each command does, as a flat list of stages: files → desired → live → draft → plan → events.

Nothing here reads options or prints; nothing below here knows which command runs.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.core.conversation import Send, drive
from reconciler.core.fields import parent
from reconciler.core.match import handle, is_linked, match
from reconciler.core.memory import former, remember
from reconciler.core.model import (
    Change,
    Conflict,
    Desired,
    Entry,
    Event,
    Finished,
    Listing,
    Live,
    Memory,
    Operation,
    Outcome,
    Plan,
    Report,
    Request,
    Response,
    Scalar,
    Step,
    Unmet,
    Warning,
)
from reconciler.core.operations import creation_form
from reconciler.core.origin import FileChange, attribute, compare
from reconciler.core.plan import Draft, draft, join
from reconciler.core.policy import Limits, Selection
from reconciler.errors import (
    AnswerError,
    ConfigError,
    InputError,
    Interrupted,
    LimitsError,
    LockedError,
    PortalError,
    StaleError,
    UsageError,
)
from reconciler.execute import execute
from reconciler.render.visible import one_line
from reconciler.together import Halt, together

if TYPE_CHECKING:
    from httpx import BaseTransport

    from reconciler.core.form import Form
    from reconciler.documents.agents import Document
    from reconciler.documents.config import Config
    from reconciler.portals import Portal
    from reconciler.store.ledger import Ledger, Store
    from reconciler.transport import Transport


@dataclass(frozen=True, slots=True)
class Repository:
    """A user's repository as it stands on the disk: its configuration and its agents."""

    root: Path
    config: Config
    documents: Sequence[Document]


Together = Callable[[Mapping[str, Callable[[], Iterator[Any]]], Halt], Iterator[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class Outside:
    """How a run meets the world: what ends it before its time, what the time is, what carries its
    requests (None: the network), and how several portals are worked on at once. A simulation has
    a world of its own."""

    halt: Halt = field(default_factory=Halt)
    now: Callable[[], float] = time.time
    wire: BaseTransport | None = None
    together: Together = together


@dataclass(frozen=True, slots=True)
class Side:
    """One portal's side of a run: what is wanted there, what is there, what is remembered. `base`
    is what the files want that these are to be merged into."""

    portal: Portal
    wire: Transport
    desired: tuple[Desired, ...]
    listing: Listing
    memory: Memory
    base: tuple[Desired, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, its JSON form, and the sides and drafts it was made from, by portal. `notes` are for
    the user; `outside` is the world the run is in; `store` is where the ledger is kept."""

    plan: Plan
    form: Form
    sides: Mapping[str, Side]
    drafts: Mapping[str, Draft]
    selection: Selection
    notes: tuple[str, ...]
    outside: Outside
    store: Store

    @property
    def halt(self) -> Halt:
        """What ends it before its time, on all sides."""
        return self.outside.halt


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
    from reconciler.documents.revision import checked_out  # noqa: PLC0415

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
    outside: Outside | None = None,
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
    from reconciler.portals import PORTALS  # noqa: PLC0415
    from reconciler.store import open_store  # noqa: PLC0415

    config = repository.config
    chosen = _chosen(list(config.portals), names)
    portals = [
        PORTALS[name](section=config.portals[name], hold=config.unreadable == "hold")
        for name in chosen
    ]
    store = open_store(repository.root, config.ledger)
    world = outside or Outside()
    with ExitStack() as stack:
        urls = {portal.name: _url(portal, environment) for portal in portals}
        secrets = _secrets(portals, environment)
        locked = () if lock is None else stack.enter_context(_locked(store, world.halt, lock))
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
        remembered = {name: _of(kept.ledger, name, url) for name, url in urls.items()}
        elsewhere = [
            f"What the ledger knows of {name} is of another address ({memory.url}), so it does not "
            f"count here."
            for name, memory in kept.ledger.items()
            if name in remembered and memory.url not in ("", remembered[name].url)
        ]
        answers = _read(asked, world)
        _check_lock(world.halt)
        world.halt.check()
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
            drafts = {name: _draft(repository, side, selection) for name, side in sides.items()}
            operations = {name: drafted.operations for name, drafted in drafts.items()}
            notes = (*locked, *(() if kept.note is None else (kept.note,)), *elsewhere)
            blank = Planned(NOTHING, {}, sides, {}, selection, notes, world, store)
            return _planned(blank, drafts, operations, unread, base=plan_of_base(selection))

        def plan_of_base(selection: Selection) -> Plan | None:
            if base is None:
                return None
            before = {name: replace(side, desired=side.base) for name, side in sides.items()}
            drafts = {name: _draft(repository, side, selection) for name, side in before.items()}
            return join(drafts, dict.fromkeys(drafts, ()), dict.fromkeys(drafts, ()))

        yield plan


@contextmanager
def _locked(store: Store, halt: Halt, say: Callable[[str], None]) -> Iterator[tuple[str, ...]]:
    """The right to apply, and notes for the user; a run that loses it is to end. Raises
    LockedError."""
    from reconciler.store.lock import Turn  # noqa: PLC0415 - for an apply alone

    def lose(why: str) -> None:
        halt.why = why
        halt.set()
        say(f"{why} What is under way is finished, and nothing more is sent.")

    turn = Turn(say, lose, halt.sleep)
    with store.lock(turn) as notes:
        if turn.waited:
            say("The other apply has ended; going on from what it left.")
        yield notes


def _check_lock(halt: Halt) -> None:
    """Raises LockedError where the right to apply was lost before anything was sent."""
    if halt.why is not None:
        raise LockedError(f"{halt.why} Nothing was sent from here; run again.")


def _of(ledger: Mapping[str, Memory], portal: str, url: str) -> Memory:
    """What is remembered of a portal at an address: at another one the ids are other people's."""
    memory = ledger.get(portal, Memory())
    return replace(memory, url=url) if memory.url in ("", url) else Memory(url=url)


NOTHING = join({}, {}, {})
"""The plan of no portal."""


def _wires(
    portals: Sequence[Portal],
    urls: Mapping[str, str],
    secrets: Mapping[str, Mapping[str, str]],
    stack: ExitStack,
    world: Outside,
) -> dict[str, Transport]:
    """A client for each portal, which `stack` closes. Raises ConfigError."""
    from reconciler.transport import Clock, Transport  # noqa: PLC0415 - httpx, 100 ms

    clock = Clock(world.now, world.halt.sleep)
    return {
        portal.name: stack.enter_context(
            Transport(
                urls[portal.name],
                partial(portal.login, secrets[portal.name]),
                paces=portal.paces,
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


READS = 3
"""How often a portal is read at most, while it shows a part of its agents or answers oddly: agents
may come and go between two pages."""

Asked = Mapping[str, "tuple[Portal, Transport, tuple[Desired, ...]]"]


def _read(asked: Asked, world: Outside) -> dict[str, tuple[Listing, tuple[Desired, ...]] | str]:
    """What each portal shows and what is wanted there in its words; or why it could not be read.
    Who was asked when the run was to end is left out."""

    def reading(
        portal: Portal, wire: Transport, wanted: tuple[Desired, ...]
    ) -> Iterator[tuple[Listing, tuple[Desired, ...]] | str]:
        for left in reversed(range(READS)):
            try:
                said = drive(portal.read(wanted), _until(world.halt, wire))
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
    found = dict(world.together(streams, world.halt))
    return {name: found[name] for name in asked if name in found}


def _draft(repository: Repository, side: Side, selection: Selection) -> Draft:
    config, agents = repository.config, len(repository.documents)
    portal = side.portal
    return draft(
        portal.name,
        side.desired,
        side.listing,
        fields=portal.fields,
        identifiers=portal.identifiers,
        memory=side.memory,
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
    from reconciler.core.form import form  # noqa: PLC0415

    sides = made.sides
    plan = join(
        drafts,
        {name: side.portal.steps(operations[name]) for name, side in sides.items()},
        {name: side.portal.paces for name, side in sides.items()},
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
    repository: Repository, selection: Selection, memories: Iterable[Memory]
) -> None:
    """A target that fits nobody is a slip, and applying nothing would hide it."""
    keys = {document.key: document.source for document in repository.documents}
    gone = {kept.key for memory in memories for kept in memory.agents.values()}
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
        for key, agents in former(side.memory, side.listing).items()
        if name is None or any(key in (f"id:{live.id}", live.identity.get(name)) for live in agents)
    }
    return {ours.key for ours in side.memory.agents.values()} - there


def _is_drift(change: Change) -> bool:
    seen = change.attribution is None and change.kind == "different"
    return seen or change.attribution == "drift"


def left_out(
    planned: Planned,
    saved: Form,
    plan: Callable[[Selection], Planned],
    *,
    skip: bool,
) -> tuple[Planned, tuple[Conflict, ...]]:
    """The fresh plan, without the agents for whom it is not what the saved one showed.

    Raises StaleError if there are such agents and they are not to be skipped.
    """
    from reconciler.core.form import parse, selection  # noqa: PLC0415
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
    _check_lock(planned.halt)
    report = Report((), stale=stale, plan=planned.plan)
    left = {step.id: step for step in planned.plan.steps}
    begun: set[str] = set()
    outcomes: list[tuple[str, Outcome]] = []
    known = {
        (name, live.id) for name, side in planned.sides.items() for live in side.listing.agents
    }
    try:
        for _, event in planned.outside.together(_streams(planned, begun), planned.halt):
            watch(event)
            if isinstance(event, Finished):
                told = [(event.step.id, each) for each in _told(event, planned, known)]
                del left[event.step.id]
                outcomes += told
    except BaseException as error:
        planned.halt.set()
        outcomes += _undone(left.values(), begun)
        report = replace(report, outcomes=tuple(outcomes), interrupted=True)
        _, report = _save(planned, report, {})
        if isinstance(error, KeyboardInterrupt):
            return report
        raise
    report = replace(report, outcomes=tuple(outcomes))
    try:
        if planned.halt.wished:
            return _save(planned, _interrupted(report, planned.halt), {})[1]
        return _conclude(repository, planned, report)
    except KeyboardInterrupt:  # somebody does not wait for the ledger either
        planned.halt.set()
        note = "Interrupted before the ledger was written, so some values may be sent once more."
        return replace(report, interrupted=True, notes=(*report.notes, note))


def _streams(planned: Planned, begun: set[str]) -> dict[str, Callable[[], Iterator[Event]]]:
    """The events of each portal's steps, for a thread of its own; steps of two portals never wait
    for one another. A step is put into `begun` before anything of it goes out: whoever does not
    wait for its events has to know that."""

    def events(name: str, side: Side) -> Iterator[Event]:
        steps = [step for step in planned.plan.steps if step.operations[0].portal == name]
        portals = {name: (side.portal.perform, _until(planned.halt, side.wire))}
        for event in execute(steps, portals):
            begun.add(event.step.id)
            yield event

    return {name: partial(events, name, side) for name, side in planned.sides.items()}


def _until(halt: Halt, wire: Transport) -> Send:
    """How to send until the run is to end."""

    def send(request: Request) -> Response:
        halt.check()
        return wire.send(request)

    return send


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
        answers = _read(asked, planned.outside)
    except KeyboardInterrupt:  # somebody does not wait for the check; what was done is known
        planned.halt.set()
        answers = {}
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
    if planned.halt.wished:
        return _interrupted(report, planned.halt)
    checked = {
        name: _draft(
            repository,
            replace(planned.sides[name], listing=listing, memory=memories[name]),
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


def _interrupted(report: Report, halt: Halt) -> Report:
    """The report of a run that ended before its time, with the reason if nobody wished it."""
    notes = () if halt.why is None else (f"{halt.why} Nothing more was sent from here; run again.",)
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
) -> tuple[dict[str, Memory], Report]:
    """Write down what is remembered now, by portal; the report says if that was not possible.

    `listings` are what the portals showed afterwards; of one that was not read, what was done is
    remembered as far as the portal could not say it anyway. The ledger is read once more, for
    another apply may have written it meanwhile; and again, if that happens before it is written.
    """
    from reconciler.store.ledger import Moved  # noqa: PLC0415

    def put_onto(ledger: Ledger) -> dict[str, Memory]:
        return {
            name: _remembered(
                replace(side, memory=_of(ledger, name, side.memory.url)),
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
                planned.halt.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
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
            memories = put_onto({name: side.memory for name, side in planned.sides.items()})
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
) -> Memory:
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
        recall=former(side.memory, shown) if portal.policy.recall else None,
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
        side.memory,
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
