"""Execute a plan's steps and yield events; nothing else is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.conversation import Conversation, Send, drive
from reconciler.core.model import (
    Event,
    Finished,
    Operation,
    Outcome,
    Request,
    Response,
    Started,
    Status,
    Step,
)
from reconciler.errors import Interrupted

Perform = Callable[[Step], Conversation[tuple[Outcome, ...]]]

SILENT_STEPS = 2
"""Steps in a row without any response, after which nothing else is sent to a portal."""
NOT_SENT = "interrupted before it was sent"
NOT_FINISHED = "interrupted while it was being sent; run again to find out whether it was applied"


def interruption(operation: Operation, *, sent: bool) -> Outcome:
    """The outcome of an operation that an interruption ended; `sent` if a request may have gone
    out."""
    if sent:
        return Outcome(operation, "unknown", None, NOT_FINISHED, operation.id)
    return Outcome(operation, "skipped", None, NOT_SENT, operation.id)


def execute(steps: Iterable[Step], portals: Mapping[str, tuple[Perform, Send]]) -> Iterator[Event]:
    """Perform the steps in order and yield what happens. `portals` has, by name, how a step is
    performed and how a request is sent.

    A failed operation stops only the operations that depend on it. A portal that denies access
    (401, 403), or does not respond to two steps in a row, is sent nothing else. Nor is any portal
    after `send` raised Interrupted. Every step gets its outcomes all the same.
    """
    progress = _Progress()
    for step in steps:
        portal = step.operations[0].portal
        ready, outcomes = progress.split(step, portal)
        if ready:
            yield Started(step)
            performed = _perform(replace(step, operations=ready), *portals[portal])
            if performed.interrupted:
                progress.closed = dict.fromkeys(portals, NOT_SENT)
            else:
                progress.watch(portal, performed.outcomes)
            outcomes += performed.outcomes
        by_name = {each.operation.name: each for each in outcomes}
        progress.status |= {name: outcome.status for name, outcome in by_name.items()}
        yield Finished(step, tuple(by_name[each.name] for each in step.operations))


@dataclass(slots=True)
class _Progress:
    """What has happened so far: each operation's status by name, why a portal is `closed` to
    further requests, and how many steps in a row it did not respond to."""

    status: dict[str, Status] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)

    def split(self, step: Step, portal: str) -> tuple[tuple[Operation, ...], list[Outcome]]:
        """The operations of a step that can be sent, and the outcomes of those that cannot."""
        ready, skipped = [], []
        for operation in step.operations:
            reason = self.closed.get(portal) or self._missing(operation)
            if reason is None:
                ready.append(operation)
            else:
                skipped.append(Outcome(operation, "skipped", None, reason, operation.id))
        return tuple(ready), skipped

    def _missing(self, operation: Operation) -> str | None:
        for name in operation.waits:
            if self.status.get(name) != "applied":
                verb, _, agent = name.partition(":")
                return f"depends on the {verb} of agent {agent}, which was not applied"
        return None

    def watch(self, portal: str, outcomes: Sequence[Outcome]) -> None:
        """Close a portal that denied access, or did not respond too often."""
        if all(each.status == "failed" and each.http_status in (401, 403) for each in outcomes):
            self.closed[portal] = f"{portal} denied access: {outcomes[0].error}"
        self.silent[portal] = self.silent.get(portal, 0) + 1 if _is_silent(outcomes) else 0
        if self.silent[portal] == SILENT_STEPS:
            self.closed[portal] = f"{portal} stopped responding, so nothing else was sent"


def _is_silent(outcomes: Iterable[Outcome]) -> bool:
    return all(
        each.http_status is None and each.status in ("failed", "unknown") for each in outcomes
    )


@dataclass(frozen=True, slots=True)
class _Performed:
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False


def _perform(step: Step, perform: Perform, send: Send) -> _Performed:
    """Perform a step. If it is interrupted after a write, its outcomes are unknown."""
    written = False

    def watched(request: Request) -> Response:
        nonlocal written
        response = send(request)
        written = written or request.writes
        return response

    try:
        return _Performed(drive(perform(step), watched))
    except Interrupted:
        outcomes = (interruption(each, sent=written) for each in step.operations)
        return _Performed(tuple(outcomes), interrupted=True)
