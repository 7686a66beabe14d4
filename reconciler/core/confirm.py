"""After an apply: which values that were sent the portal does not show, and what to do about them.

A success is not evidence, and neither is a single reading. The engine reads such values again,
resends them once and reads them again; what each reading means is decided here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from reconciler.core.catalogue import Catalogue
from reconciler.core.diff import quoted
from reconciler.core.fields import (
    Field,
    Sort,
    Verdict,
    arrives_late,
    canonical,
    compare,
    parent,
    shown,
)
from reconciler.core.findings import sentence
from reconciler.core.forms import is_form
from reconciler.core.model import Desired, Listing, Live, Match, Operation, Outcome, Source, Value

Place = tuple[str, str]
"""A live agent's id, as text, and a path."""

AGAIN = "if the portal keeps showing it, declare what it shows, or change it there"
"""What to do about a value that the portal does not take."""
ABSENT = ""
"""The path of an agent that the portal does not show at all."""
CLEARED: tuple[Value, ...] = (None, "", [])
"""What is sent to clear a value."""
CODE = "not_taken"
"""The code of an operation that succeeded, while the portal shows another value."""


@dataclass(frozen=True, slots=True)
class PortalRun:
    """An apply on one portal: what its plan was made from, and an outcome for each operation.

    `matches` are the planned agents that are not in conflict, as the portal listed them `before`.
    """

    desired: Sequence[Desired]
    before: Listing
    matches: Sequence[Match]
    outcomes: Sequence[Outcome]

    @property
    def applied(self) -> list[Outcome]:
        """The outcomes of the operations that succeeded."""
        return [each for each in self.outcomes if each.status == "applied"]


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A value that was sent with success, what the portal shows, and what it showed before the
    apply. A `hidden` one cannot be seen, and was sent with one that the portal lost."""

    sent: Value
    shown: Value
    before: Value
    hidden: bool = False

    def is_unchanged(self, field: Field) -> bool:
        """Whether the portal shows what it showed before the apply."""
        return (canonical(field, self.shown) or None) == (canonical(field, self.before) or None)

    def clears(self, field: Field) -> bool:
        """Whether a text, a link or a number was to be cleared."""
        return field.sort is not Sort.PICTURE and self.sent in CLEARED


Unconfirmeds = Mapping[Place, Unconfirmed]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a portal lists after an apply, the values that were sent and that it does not show, and
    those of them to record as it shows them."""

    listing: Listing
    unconfirmed: Unconfirmeds
    accepted: frozenset[Place] = frozenset()

    @property
    def lost(self) -> AbstractSet[Place]:
        """The values that are not recorded."""
        return self.unconfirmed.keys() - self.accepted


def with_unlisted(run: PortalRun, after: Listing) -> Listing:
    """The list after the apply, with the agents that it omits, that were listed before, and that
    nothing was sent to: one list that omits them is no evidence that they left."""
    out = {str(each.id) for each in run.outcomes if each.status != "skipped"}
    out |= after.by_id().keys() | after.gone
    unlisted = (live for number, live in run.before.by_id().items() if number not in out)
    return replace(after, agents=(*after.agents, *unlisted))


def settled(run: PortalRun, after: Listing, catalogue: Catalogue) -> Settled:
    """What one reading after the apply shows."""
    return Settled(after, find_unconfirmed(run, after, catalogue))


def find_unconfirmed(
    run: PortalRun, after: Listing, catalogue: Catalogue
) -> dict[Place, Unconfirmed]:
    """The values that were sent with success and that the portal shows differently `after`.

    A form of the declared value is no difference, unless the portal showed the same before. An
    agent who is not listed is unconfirmed at `ABSENT`.
    """
    desired = {each.key: each for each in run.desired}
    before, listed = run.before.by_id(), after.by_id()
    found: dict[Place, Unconfirmed] = {}
    for outcome in run.applied:
        number, operation = str(outcome.id), outcome.operation
        live, former = listed.get(number), before.get(number)
        if live is None:
            found[number, ABSENT] = Unconfirmed(None, None, None)
        elif operation.verb in ("link", "unlink"):
            found |= _link(operation, live, former, catalogue)
        else:
            declared = desired.get(operation.key) if operation.source is not None else None
            found |= _values(outcome, declared, live, former, catalogue)
    return found | _unrestored(run, listed, catalogue)


def _unrestored(
    run: PortalRun, listed: Mapping[str, Live], catalogue: Catalogue
) -> dict[Place, Unconfirmed]:
    """The former external ids that were restored and that the portal does not show."""
    found = {}
    for outcome in run.outcomes:
        live = listed.get(str(outcome.id))
        if outcome.restored is None or live is None:
            continue
        have = catalogue.external_id(live.identity)
        if have != outcome.restored:
            place = str(live.id), str(catalogue.handle)
            found[place] = Unconfirmed(outcome.restored, have, outcome.restored)
    return found


def _link(
    operation: Operation, live: Live, before: Live | None, catalogue: Catalogue
) -> dict[Place, Unconfirmed]:
    """The external id of one agent, if the portal does not show the link or unlink."""
    have = catalogue.external_id(live.identity)
    linked = operation.verb == "link"
    if (have == operation.external_id) is linked:
        return {}
    was = catalogue.external_id(before.identity) if before is not None else None
    want = operation.external_id if linked else None
    return {(str(live.id), str(catalogue.handle)): Unconfirmed(want, have, was)}


def _values(
    outcome: Outcome,
    declared: Desired | None,
    live: Live,
    before: Live | None,
    catalogue: Catalogue,
) -> dict[Place, Unconfirmed]:
    """The unconfirmed values of one operation. `declared` is None if no file declares the agent."""
    operation = outcome.operation
    if declared is None:
        source = Source("", 0)
        declared = Desired(operation.portal, operation.key, source, {}, operation.values)
    confirmed = {
        path: _compared(path, declared, live, before, catalogue)
        for path in declared.values
        if parent(path) in operation.values and path not in outcome.omitted
    }
    lost = any(verdict is Verdict.DIFFERENT for verdict, _ in confirmed.values())
    # If the portal lost what it shows, it may have lost what it does not show.
    return {
        (str(live.id), path): replace(value, hidden=verdict is Verdict.UNREADABLE)
        for path, (verdict, value) in confirmed.items()
        if lost and verdict is not Verdict.SAME
    }


def _compared(
    path: str, declared: Desired, live: Live, before: Live | None, catalogue: Catalogue
) -> tuple[Verdict, Unconfirmed]:
    """Whether the portal shows a value that was sent, or a form of it; it is unreadable if the
    portal never shows it, or may show it later."""
    field, want = catalogue.field(path), declared.values[path]
    verdict = compare(field, path, declared, live)
    # An answer that lacks what the portal shows otherwise is no evidence.
    if before is not None and path in before.values and not live.values.keys() & {path, field.name}:
        verdict = Verdict.DIFFERENT
    was = shown(field, path, before) if before is not None else None
    value = Unconfirmed(want, shown(field, path, live), was)
    if arrives_late(field, want):
        verdict = Verdict.UNREADABLE
    elif verdict is Verdict.DIFFERENT and not value.is_unchanged(field):
        verdict = Verdict.SAME if is_form(field, path, declared, live) else verdict
    return verdict, value


# -- after the values were sent again --------------------------------------------------------------


def accept(first: Unconfirmeds, second: Unconfirmeds, catalogue: Catalogue) -> frozenset[Place]:
    """The values to record as the portal shows them, so that they are not planned for ever.

    `first` are the unconfirmed values before they were sent again, `second` those after. The portal
    must show the same both times, and not what it showed before the apply, unless a value was to be
    cleared. A status, a switch and an external id are never accepted.
    """
    accepted = {
        place
        for place, value in second.items()
        if place in first and _is_accepted(place[1], first[place], value, catalogue)
    }
    refused = {
        place[0] for place, value in second.items() if not value.hidden and place not in accepted
    }
    # What cannot be seen was sent again with what is accepted.
    accepted |= {
        place for place, value in second.items() if value.hidden and place[0] not in refused
    }
    return frozenset(accepted)


def _is_accepted(path: str, once: Unconfirmed, twice: Unconfirmed, catalogue: Catalogue) -> bool:
    """Whether a value that is shown differently is recorded as it is shown."""
    field, off = catalogue.by_name.get(parent(path)), catalogue.policy.off
    if field is None or field.sort is Sort.SWITCHES or (off is not None and path == off[0]):
        return False
    same = canonical(field, once.shown) == canonical(field, twice.shown)
    return same and not twice.hidden and (twice.clears(field) or not twice.is_unchanged(field))


def resend(
    operations: Sequence[Operation], values: Unconfirmeds, handle: str | None
) -> list[Operation]:
    """The part of a new plan's operations that sends these values again; nothing else of it was
    shown to anyone. A link is left out if it needs an operation that is left out; so is an unlink
    without its link."""
    kept = [each for operation in operations for each in _again(operation, values, handle)]
    planned = {each.name for each in operations}
    while True:
        names = {each.name for each in kept}
        left = [
            each
            for each in kept
            if all(wait in names for wait in each.waits if wait in planned)
            and (each.verb != "unlink" or not _loses_link(each, planned, names))
        ]
        if len(left) == len(kept):
            return kept
        kept = left


def restores(
    outcomes: Iterable[Outcome], values: Unconfirmeds, handle: str | None
) -> list[Operation]:
    """The links that restore these external ids again."""
    return [
        replace(outcome.operation, verb="link", external_id=outcome.restored, values={}, waits=())
        for outcome in outcomes
        if outcome.restored is not None and (str(outcome.id), str(handle)) in values
    ]


def _again(operation: Operation, values: Unconfirmeds, handle: str | None) -> Iterator[Operation]:
    number = str(operation.id)
    if operation.verb in ("link", "unlink"):
        value = values.get((number, str(handle)))
        # A link that failed is not tried again: its agent's former id was restored.
        if value is not None and (
            operation.verb == "unlink" or value.sent == operation.external_id
        ):
            yield operation
        return
    names = {parent(path) for place, path in values if place == number}
    sent = {name: value for name, value in operation.values.items() if name in names}
    if sent and operation.id is not None:
        yield replace(operation, values=sent, waits=())


def _loses_link(unlink: Operation, planned: Container[str], kept: Container[str]) -> bool:
    """Whether an unlink was planned with a link of the same agent that is not kept."""
    link = f"link:{unlink.id}"
    return link in planned and link not in kept


def fail(
    outcomes: Iterable[tuple[str, Outcome]],
    values: Unconfirmeds,
    accepted: Container[Place],
    catalogue: Catalogue,
) -> Iterator[tuple[str, Outcome]]:
    """The outcomes; those on this portal that applied an unconfirmed value have failed."""
    by_agent: dict[str, list[str]] = {}
    for number, path in values:
        by_agent.setdefault(number, []).append(path)
    for step, outcome in outcomes:
        operation = outcome.operation
        applied = outcome.status == "applied" and operation.portal == catalogue.portal
        paths = by_agent.get(str(outcome.id), ()) if applied else ()
        sent = {
            path: values[str(outcome.id), path]
            for path in paths
            if _sends(operation, path, catalogue.handle)
            and not values[str(outcome.id), path].hidden
        }
        if sent:
            yield step, _failed(outcome, sent, accepted, catalogue)
        else:
            yield step, _not_restored(outcome, values, catalogue)


def _not_restored(outcome: Outcome, values: Unconfirmeds, catalogue: Catalogue) -> Outcome:
    """The outcome; its error says so if a former external id was restored and is not shown."""
    value = values.get((str(outcome.id), str(catalogue.handle)))
    if outcome.restored is None or value is None:
        return outcome
    shows = f"but the portal shows {quoted(value.shown)}. Check agent {outcome.id} on the portal"
    return replace(outcome, error=f"{outcome.error}, {shows}")


def _failed(
    outcome: Outcome,
    sent: Mapping[str, Unconfirmed],
    accepted: Container[Place],
    catalogue: Catalogue,
) -> Outcome:
    final = all((str(outcome.id), path) in accepted for path in sent)
    error = _why(outcome, sent, catalogue, final=final)
    return replace(outcome, status="failed", error=error, path=next(iter(sent)), code=CODE)


def _sends(operation: Operation, path: str, handle: str | None) -> bool:
    """Whether an operation sent this path. `handle` is the external id's."""
    if operation.verb in ("link", "unlink"):
        return path in (ABSENT, handle)
    return path == ABSENT or parent(path) in operation.values


def _why(
    outcome: Outcome, sent: Mapping[str, Unconfirmed], catalogue: Catalogue, *, final: bool
) -> str:
    """What the portal shows although it accepted these values. `final`: it is recorded."""
    if ABSENT in sent:
        return (
            f"the portal confirmed it, but does not show agent {outcome.id}. Look for the agent on "
            f"the portal, then run again"
        )
    shows = "; ".join(f"{path} was {_shown(value)}" for path, value in sent.items())
    if final:
        return f"{shows}. It is not sent again until the file or the portal changes"
    fields = (catalogue.by_name.get(parent(path)) for path in sent)
    advice = next((field.advice for field in fields if field is not None and field.advice), "")
    return f"{shows}. Run again later. {sentence(advice or AGAIN)}".removesuffix(".")


def _shown(value: Unconfirmed) -> str:
    sent = "cleared" if value.sent in CLEARED else f"sent as {quoted(value.sent)}"
    return f"{sent}, but the portal shows {quoted(value.shown)}"
