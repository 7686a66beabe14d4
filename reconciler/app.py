"""What each command does, as a flat list of stages: files → desired → live → draft → plan → events.

Nothing here reads options or prints; nothing below here knows which command runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.core.fields import parent
from reconciler.core.match import match
from reconciler.core.memory import remember
from reconciler.core.model import (
    Conflict,
    Desired,
    Event,
    Finished,
    Listing,
    Memory,
    Outcome,
    Plan,
    Report,
    Unmet,
)
from reconciler.core.plan import Draft, Limits, Selection, creation_form, draft, join
from reconciler.errors import ConfigError, LimitsError, PortalError, StaleError, UsageError
from reconciler.execute import Perform, Send, drive, execute

if TYPE_CHECKING:
    from reconciler.core.form import Form
    from reconciler.documents.agents import Document
    from reconciler.documents.config import Config
    from reconciler.portals import Portal
    from reconciler.transport import Transport


@dataclass(frozen=True, slots=True)
class Repository:
    """A user's repository as it stands on the disk: its configuration and its agents."""

    root: Path
    config: Config
    documents: Sequence[Document]


@dataclass(frozen=True, slots=True)
class Side:
    """One portal's side of a run: what is wanted there, what is there, what is remembered, and
    what follows."""

    portal: Portal
    wire: Transport
    desired: tuple[Desired, ...]
    listing: Listing
    memory: Memory
    draft: Draft


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, its JSON form, and the sides it was made from. `notes` are for the user."""

    plan: Plan
    form: Form
    sides: Mapping[str, Side]
    selection: Selection
    notes: tuple[str, ...]


def open_repository(root: Path, config: Path | None) -> Repository:
    """Read and check the files. Raises ConfigError and InputError, with every problem at once."""
    from reconciler.documents.agents import read_agents  # noqa: PLC0415 - pydantic, 60 ms
    from reconciler.documents.config import read_config  # noqa: PLC0415

    settings = read_config(root, config)
    return Repository(root, settings, read_agents(root, settings.agents))


@contextmanager
def planning(
    repository: Repository,
    environment: Mapping[str, str],
    selection: Selection,
    names: Sequence[str] = (),
) -> Iterator[Callable[[Selection], Planned]]:
    """Read the portals once, for as many plans of selections as are asked for.

    `names` are the portals to look at (all that are configured, if there are none). Raises
    ConfigError, UsageError and PortalError before anything is planned.
    """
    from reconciler.documents.agents import desired  # noqa: PLC0415
    from reconciler.portals import PORTALS  # noqa: PLC0415
    from reconciler.store import ledger  # noqa: PLC0415
    from reconciler.transport import Transport  # noqa: PLC0415 - httpx, 100 ms

    config = repository.config
    chosen = _chosen(list(config.portals), names)
    portals = [
        PORTALS[name](section=config.portals[name], hold=config.unreadable == "hold")
        for name in chosen
    ]
    kept, note = ledger.load(repository.root / config.ledger)
    _check_targets(repository, selection, kept.values())
    with ExitStack() as stack:
        sides = {}
        for portal in portals:
            url = _url(portal, environment)
            secrets = _secrets(portal, environment)
            wire = stack.enter_context(
                Transport(
                    url,
                    portal.headers(secrets),
                    paces=portal.paces,
                    secrets=secrets.values(),
                )
            )
            wanted = tuple(
                desired(document, portal.name, portal.fields, portal.identifiers)
                for document in repository.documents
            )
            listing = _read(portal, wire)
            memory = kept.get(portal.name, Memory())
            sides[portal.name] = (portal, wire, wanted, listing, memory)

        def plan(selection: Selection) -> Planned:
            return _plan(config, sides, selection, chosen, () if note is None else (note,))

        yield plan


Given = tuple["Portal", "Transport", tuple[Desired, ...], Listing, Memory]


def _read(portal: Portal, wire: Transport) -> Listing:
    try:
        return drive(portal.read(), wire.send)
    except PortalError as error:
        raise PortalError(wire.clean(str(error))) from None


def _plan(
    config: Config,
    given: Mapping[str, Given],
    selection: Selection,
    names: Sequence[str],
    notes: tuple[str, ...],
) -> Planned:
    from reconciler.core.form import form  # noqa: PLC0415

    sides = {
        name: Side(*each, _draft(config, each[0], each[2], each[3], each[4], selection))
        for name, each in given.items()
    }
    plan = join(
        {name: side.draft for name, side in sides.items()},
        {name: side.portal.steps(side.draft.operations) for name, side in sides.items()},
        [pace for side in sides.values() for pace in side.portal.paces],
    )
    return Planned(plan, form(plan, selection, names, __version__), sides, selection, notes)


def _draft(
    config: Config,
    portal: Portal,
    desired: Sequence[Desired],
    listing: Listing,
    memory: Memory,
    selection: Selection,
) -> Draft:
    return draft(
        portal.name,
        desired,
        listing,
        fields=portal.fields,
        identifiers=portal.identifiers,
        memory=memory,
        policy=portal.policy,
        limits=Limits(config.limits.changes, config.limits.removals, config.limits.floor),
        selection=selection,
    )


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
        if any(alone.has(key, source) for key, source in keys.items()):
            continue
        if any(alone.has(key, None) for key in gone):
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


def _secrets(portal: Portal, environment: Mapping[str, str]) -> dict[str, str]:
    """The portal's keys. Raises ConfigError that names what is missing and shows nothing."""
    found = {}
    for name in portal.secrets:
        value = environment.get(name, "").strip()
        if not value:
            raise ConfigError(
                f"{name} is not set. Put the key of {portal.name} into that environment variable."
            )
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"{name} has characters that a key cannot have. Copy it once more.")
        found[name] = value
    return found


def drift(planned: Planned) -> Planned:
    """The part of a plan that somebody changed behind the files' back.

    Where something is remembered, that is what the portal shows otherwise than after the last
    apply, and who is gone; where nothing is, every difference that can be seen.
    """
    from reconciler.core.form import form, selection  # noqa: PLC0415

    drafts, steps = {}, {}
    for name, side in planned.sides.items():
        made = side.draft
        entries = []
        for entry in made.entries:
            changes = tuple(
                change
                for change in entry.changes
                if change.attribution == "drift"
                or (change.attribution is None and change.kind == "different")
            )
            if changes and entry.source is not None:
                entries.append(replace(entry, changes=changes))
        ours = {kept.key for kept in side.memory.agents.values()}
        keys = {entry.key for entry in entries}
        conflicts = tuple(each for each in made.conflicts if each.key in ours)
        gone = tuple(
            Conflict(
                name, each.key, each.source, "was on the portal at the last apply and is not now."
            )
            for each in made.warnings
            if each.key in made.waiting and each.key in ours
        )
        drafts[name] = replace(
            made,
            entries=tuple(entries),
            conflicts=conflicts + gone,
            warnings=(),
            waiting=(),
            excess=(),
            declared=made.declared,
        )
        operations = [each for each in made.operations if each.key in keys]
        steps[name] = side.portal.steps(operations)
    plan = join(
        drafts, steps, [pace for side in planned.sides.values() for pace in side.portal.paces]
    )
    chosen, names = selection(planned.form)
    return replace(planned, plan=plan, form=form(plan, chosen, names, __version__))


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

    reviewed = parse(saved)
    desired = [each for side in planned.sides.values() for each in side.desired]
    chosen, _ = selection(saved)
    out: dict[str, Conflict] = {}
    while stale := [
        each for each in review(reviewed, planned.plan, desired) if each.key not in out
    ]:
        if not skip:
            said = "\n".join(f"  {each.key}: {each.reason}" for each in stale)
            raise StaleError(
                f"The plan is stale, nothing was sent. Since it was made:\n{said}\n"
                f"Plan again, or leave these agents out with --on-stale skip."
            )
        out |= {each.key: each for each in stale}
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

    An interruption (KeyboardInterrupt) ends the sending; what was done is remembered and told.
    """
    outcomes: list[tuple[str, Outcome]] = []
    interrupted = False
    wires: dict[str, tuple[Perform, Send]] = {
        name: (side.portal.perform, side.wire.send) for name, side in planned.sides.items()
    }
    steps = {step.id: step for step in planned.plan.steps}
    try:
        for event in execute(planned.plan.steps, wires):
            watch(event)
            if isinstance(event, Finished):
                outcomes += [(event.step.id, each) for each in _told(event, planned)]
                del steps[event.step.id]
    except KeyboardInterrupt:
        interrupted = True
        outcomes += _undone(planned.plan, steps)
    report = Report(
        tuple(outcomes),
        stale=stale,
        conflicts=len(planned.plan.conflicts),
        interrupted=interrupted,
        notes=planned.notes,
    )
    return _conclude(repository, planned, report)


def _told(event: Finished, planned: Planned) -> Iterator[Outcome]:
    """The outcomes of a step, with no secret in the portal's words."""
    for each in event.outcomes:
        wire = planned.sides[each.operation.portal].wire
        yield replace(each, error=wire.clean(each.error)) if each.error else each


def _undone(plan: Plan, left: Mapping[str, object]) -> Iterator[tuple[str, Outcome]]:
    """The outcomes of the steps that an interruption kept from ending: the first may have gone
    out."""
    first = True
    for step in plan.steps:
        if step.id not in left:
            continue
        for operation in step.operations:
            if first:
                said = "interrupted while it was sent; run again to find out"
                yield step.id, Outcome(operation, "unknown", None, said, operation.id)
            else:
                said = "interrupted before it was sent"
                yield step.id, Outcome(operation, "skipped", None, said, operation.id)
        first = False


def _conclude(repository: Repository, planned: Planned, report: Report) -> Report:
    """The check afterwards, with one more list of agents where anything was sent, and the ledger.

    Where nothing was sent the plan's own list is the check.
    """
    from reconciler.store import ledger  # noqa: PLC0415

    if report.interrupted:
        return report
    path = repository.root / repository.config.ledger
    kept = dict(ledger.load(path)[0])
    notes = list(report.notes)
    checked: list[Draft] = []
    for name, side in planned.sides.items():
        done = [each for _, each in report.outcomes if each.operation.portal == name]
        fresh, memory = side.draft, _remembered(side, side.listing, done)
        if done:
            try:
                listing = _read(side.portal, side.wire)
            except PortalError as error:
                notes.append(f"The outcome could not be checked: {error}")
                continue
            memory = _remembered(side, listing, done)
            fresh = _draft(
                repository.config, side.portal, side.desired, listing, memory, planned.selection
            )
        kept[name] = memory
        checked.append(fresh)
    try:
        ledger.save(path, kept)
    except OSError as error:
        notes.append(
            f"The ledger {path} could not be written ({error.strerror}); the next plan may send "
            f"again what cannot be compared."
        )
    if len(checked) < len(planned.sides):
        return replace(report, notes=tuple(notes))
    unmet = [value for each in checked for value in _unmet(each)]
    count = sum(len(each.matches) for each in checked)
    off = len({(value.portal, value.key) for value in unmet})
    return replace(
        report, checked=count, as_declared=count - off, unmet=tuple(unmet), notes=tuple(notes)
    )


def _remembered(side: Side, listing: Listing, done: Sequence[Outcome]) -> Memory:
    """What to remember of a side after its operations are done and `listing` was read."""
    portal = side.portal
    created = {
        each.operation.key: each
        for each in done
        if each.operation.verb == "create" and each.status == "applied"
    }
    ours = {found.desired.key for found in side.draft.matches} | set(created)
    now = match(
        side.desired,
        listing,
        portal.identifiers,
        order=portal.policy.order,
        creating=portal.policy.create,
    )
    sent: dict[str, frozenset[str]] = {}
    wanted = {each.key: each for each in side.desired}
    for each in done:
        if each.status == "applied" and each.operation.verb in ("create", "update"):
            desired = wanted[each.operation.key]
            names = set(each.operation.values)
            paths = frozenset(path for path in desired.values if parent(path) in names)
            sent[str(each.id)] = paths
    return remember(
        side.memory,
        [found for found in now.matches if found.desired.key in ours],
        {field.name: field for field in portal.fields},
        before={str(live.id): live for live in side.listing.agents},
        applied=sent,
        gone=frozenset(
            str(each.id)
            for each in done
            if each.operation.source is None and each.status == "applied"
        ),
        refused={
            each.operation.key: creation_form(each.operation) if each.status == "waiting" else None
            for each in done
            if each.operation.verb == "create"
        },
    )


def _unmet(fresh: Draft) -> Iterator[Unmet]:
    """What the portal does not show as declared: not taken, or still to be done."""
    yield from fresh.untaken
    for entry in fresh.entries:
        for change in entry.changes:
            yield Unmet(
                entry.portal, entry.key, entry.source, change.path, change.after, change.before
            )
