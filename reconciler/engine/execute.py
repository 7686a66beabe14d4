"""Execute the steps of a plan on one portal and yield events. What is sent beyond the plan restores
external ids, or repeats an unlink that the portal lost, with its link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.conversation import Conversation, Send, drive
from reconciler.core.model import (
    Event,
    Finished,
    Operation,
    Outcome,
    Request,
    Response,
    Scalar,
    Started,
    Step,
)
from reconciler.errors import Interrupted

Perform = Callable[[Step], Conversation[tuple[Outcome, ...]]]

SILENT_STEPS = 2
"""Steps in a row without any response, after which no other step is sent to the portal."""
REVERTED = "reverted, since the agent did not get its new external id"
NOT_SENT = "interrupted before it was sent"
NOT_FINISHED = "interrupted while it was being sent; run again to find out whether it was applied"


def interruption(operation: Operation, *, sent: bool) -> Outcome:
    """The outcome of an operation that an interruption ended; `sent` if a request may have gone
    out."""
    if sent:
        return Outcome(operation, "unknown", None, NOT_FINISHED, operation.id)
    return Outcome(operation, "skipped", None, NOT_SENT, operation.id)


def half_done(outcome: Outcome, former: str | None) -> Outcome:
    """The outcome of an interrupted link, with a note that the agent's `former` external id was
    unlinked already."""
    wanted = outcome.operation.external_id
    note = f"its external id {former} is unlinked already; run again to link {wanted}"
    return replace(outcome, note=note)


def execute(steps: Iterable[Step], perform: Perform, send: Send) -> Iterator[Event]:
    """Perform the steps in order and yield what happens. `perform` is the portal's, `send` sends a
    request.

    A failed operation stops only the operations that depend on it. An agent whose link fails after
    its unlink gets its former external id back; if the agent still has it, the portal lost the
    unlink, and both are sent again, once. If the portal denies access (401, 403) or does not
    respond to two steps in a row, or `send` raised Interrupted, no other step is sent. Every step
    gets its outcomes all the same. The step of an unlink that was reverted finishes a second time,
    and the last outcome counts.
    """
    run = _Run(perform, send)
    for step in steps:
        ready, outcomes = run.split(step)
        if ready:
            yield Started(step)
            performed = run.send_step(replace(step, operations=ready))
            run.watch(performed)
            outcomes += performed
        by_name = {each.operation.name: run.finish(each, step) for each in outcomes}
        yield Finished(step, tuple(by_name[each.name] for each in step.operations))
        yield from run.reverted
        run.reverted.clear()


@dataclass(slots=True)
class _Run:
    """What has happened so far.

    `ends` has how each operation ended, by name; `closed` why no other step is sent; `silent`
    counts the steps in a row without a response. `released` has the unlinks whose agents have no
    external id now, by agent, and their steps; `reverted` those that the current step reverted;
    `holders` the agents that this apply gave each external id to, or may have.
    """

    perform: Perform
    send: Send
    ends: dict[str, str] = field(default_factory=dict)
    closed: str | None = None
    interrupted: bool = False
    silent: int = 0
    released: dict[Scalar | None, tuple[Step, Operation]] = field(default_factory=dict)
    reverted: list[Finished] = field(default_factory=list)
    holders: dict[str | None, str] = field(default_factory=dict)

    def split(self, step: Step) -> tuple[tuple[Operation, ...], list[Outcome]]:
        """The operations of a step that can be sent, and the outcomes of those that cannot."""
        ready, skipped = [], []
        for operation in step.operations:
            reason = self.closed or self._missing(operation)
            if reason is None:
                ready.append(operation)
            else:
                skipped.append(Outcome(operation, "skipped", None, reason, operation.id))
        return tuple(ready), skipped

    def _missing(self, operation: Operation) -> str | None:
        for name in operation.waits:
            if (end := self.ends.get(name)) != "applied":
                verb, _, agent = name.partition(":")
                result = "reverted" if end == "reverted" else "not applied"
                return f"depends on the {verb} of agent {agent}, which was {result}"
        return None

    def send_step(self, step: Step) -> tuple[Outcome, ...]:
        """Perform a step. If it is interrupted after a write, its outcomes are unknown."""
        written = False

        def watched(request: Request) -> Response:
            nonlocal written
            response = self.send(request)
            written = written or request.writes
            return response

        try:
            return drive(self.perform(step), watched)
        except Interrupted:
            self.closed, self.interrupted = NOT_SENT, True
            return tuple(interruption(each, sent=written) for each in step.operations)

    def watch(self, outcomes: Sequence[Outcome]) -> None:
        """Send no other step if the portal denied access, or did not respond too often."""
        if self.interrupted:
            return
        portal = outcomes[0].operation.portal
        if all(each.status == "failed" and each.http_status in (401, 403) for each in outcomes):
            self.closed = f"{portal} denied access: {outcomes[0].error}"
        self.silent = self.silent + 1 if _is_silent(outcomes) else 0
        if self.silent == SILENT_STEPS:
            self.closed = f"{portal} stopped responding, so nothing else was sent"

    def finish(self, outcome: Outcome, step: Step) -> Outcome:
        """Keep how an operation ended. Returns its outcome, with what was done about an external id
        that its agent lost."""
        operation = outcome.operation
        if operation.verb == "link" and operation.id in self.released:
            return self._finish_link(outcome, step, *self.released.pop(operation.id))
        self._keep(outcome)
        if operation.verb == "unlink" and outcome.status == "applied":
            self.released[operation.id] = step, operation
        elif operation.verb == "unlink" and outcome.released is not None:
            return self._restore(outcome, step, replace(operation, external_id=outcome.released))
        return outcome

    def _keep(self, outcome: Outcome) -> None:
        operation = outcome.operation
        self.ends[operation.name] = outcome.status
        if operation.verb in ("link", "create") and outcome.status in ("applied", "unknown"):
            self.holders[operation.external_id] = f"agent {outcome.id or operation.key}"

    def _finish_link(self, outcome: Outcome, step: Step, first: Step, unlink: Operation) -> Outcome:
        """The outcome of a link whose agent lost its former external id to `unlink`, in the step
        `first`."""
        if outcome.status == "failed" and outcome.holds == unlink.external_id:
            outcome = self._repeat(outcome, step, first, unlink)
        self._keep(outcome)
        return outcome if outcome.status == "applied" else self._relink(outcome, first, unlink)

    def _repeat(self, outcome: Outcome, step: Step, first: Step, unlink: Operation) -> Outcome:
        """The outcome of a refused link, after both were sent again: the portal confirmed the
        unlink, but the agent still has its former external id."""
        (unlinked,) = self.send_step(replace(first, operations=(unlink,)))
        if unlinked.status == "applied":
            (outcome,) = self.send_step(replace(step, operations=(outcome.operation,)))
        return outcome

    def _relink(self, outcome: Outcome, step: Step, unlink: Operation) -> Outcome:
        """The outcome of a link that was not applied, after its agent got back the external id that
        `unlink` took, unless this apply linked that to another agent."""
        former = unlink.external_id
        if self.interrupted:
            return half_done(outcome, former)
        if outcome.status == "unknown":
            result = f"its former external id {former} is unlinked"
        elif former in self.holders:
            result = f"this apply linked its former external id {former} to {self.holders[former]}"
        else:
            return self._restore(outcome, step, unlink)
        return replace(outcome, error=f"{outcome.error}; {result}")

    def _restore(self, outcome: Outcome, step: Step, unlink: Operation) -> Outcome:
        """The outcome, after linking the external id that `unlink` took to its agent again, and
        whether that worked. If it did, what waits for that id is skipped."""
        former = unlink.external_id
        link = replace(unlink, verb="link")
        (restored,) = self.send_step(replace(step, operations=(link,)))
        if restored.status in ("applied", "unknown"):
            self.ends[unlink.name] = "reverted"
        if restored.status == "applied":
            if outcome.operation.verb == "link":
                end = Outcome(unlink, "failed", None, REVERTED, unlink.id)
                self.reverted.append(Finished(step, (end,)))
            outcome = replace(outcome, restored=former)
            result = f"its external id {former} was restored"
        else:
            result = (
                f"its external id {former} could not be restored ({restored.error}). Check "
                f"agent {unlink.id} on the portal"
            )
        return replace(outcome, error=f"{outcome.error}; {result}")


def _is_silent(outcomes: Iterable[Outcome]) -> bool:
    return all(
        each.http_status is None and each.status in ("failed", "unknown") for each in outcomes
    )
