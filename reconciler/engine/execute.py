"""A plan's steps become events: nothing else is executed, and nothing else comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

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


SILENCES = 2
"""Steps in a row without any answer, after which a portal is given up."""


def execute(steps: Iterable[Step], portals: Mapping[str, tuple[Perform, Send]]) -> Iterator[Event]:
    """Send the steps in their order. `portals` has, by name, how a step is performed and sent.

    An operation that failed stops what waits for it, and nothing more; a portal that refuses
    access (401, 403), or twice in a row does not answer at all, is not asked again. Nor is any
    after `send` raised Interrupted; each step has its outcomes all the same.
    """
    status: dict[str, Status] = {}
    closed: dict[str, str] = {}
    silent: dict[str, int] = {}
    for step in steps:
        portal = step.operations[0].portal
        ready, skipped = _sort(step, status, closed.get(portal))
        done: tuple[Outcome, ...] = ()
        if ready:
            yield Started(step)
            perform, send = portals[portal]
            done, interrupted = _perform(perform(replace(step, operations=ready)), send, ready)
            if interrupted:
                closed = dict.fromkeys(portals, "interrupted before it was sent")
                done, skipped = (), [*done, *skipped]
        if done and all(
            each.status == "failed" and each.http_status in (401, 403) for each in done
        ):
            closed[portal] = f"{portal} refuses access: {done[0].error}"
        if done:
            silent[portal] = silent.get(portal, 0) + 1 if _is_silent(done) else 0
        if silent.get(portal) == SILENCES:
            closed[portal] = f"{portal} does not answer any more, so nothing else was sent"
        outcomes = {each.operation.name: each for each in (*done, *skipped)}
        status |= {name: outcome.status for name, outcome in outcomes.items()}
        yield Finished(step, tuple(outcomes[each.name] for each in step.operations))


def _perform(
    conversation: Conversation[tuple[Outcome, ...]], send: Send, ready: tuple[Operation, ...]
) -> tuple[tuple[Outcome, ...], bool]:
    """The outcomes of a step, and whether it was interrupted: then what has gone out is unknown."""
    begun = False

    def watched(request: Request) -> Response:
        nonlocal begun
        response = send(request)
        begun = begun or request.writes
        return response

    try:
        return drive(conversation, watched), False
    except Interrupted:
        said = "interrupted while it was sent; run again to find out"
        if begun:
            return tuple(Outcome(each, "unknown", None, said, each.id) for each in ready), True
        said = "interrupted before it was sent"
        return tuple(Outcome(each, "skipped", None, said, each.id) for each in ready), True


def _is_silent(done: Iterable[Outcome]) -> bool:
    """Whether a whole step got no answer, with all its tries."""
    return all(each.http_status is None and each.status in ("failed", "unknown") for each in done)


def _sort(
    step: Step, status: Mapping[str, Status], closed: str | None
) -> tuple[tuple[Operation, ...], list[Outcome]]:
    """The step's operations that can go out, and the outcomes of those that cannot."""
    ready, skipped = [], []
    for each in step.operations:
        missing = next((name for name in each.waits if status.get(name) != "applied"), None)
        if closed is not None:
            skipped.append(Outcome(each, "skipped", None, closed, each.id))
        elif missing is not None:
            verb, _, who = missing.partition(":")
            said = f"waits for the {verb} of agent {who}, which was not done"
            skipped.append(Outcome(each, "skipped", None, said, each.id))
        else:
            ready.append(each)
    return tuple(ready), skipped
