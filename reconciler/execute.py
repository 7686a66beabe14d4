"""A plan's steps become events: nothing else is executed, and nothing else comes out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

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

Result = TypeVar("Result")
Send = Callable[[Request], Response]
Perform = Callable[[Step], Generator[Request, Response, tuple[Outcome, ...]]]


SILENCES = 2
"""Steps in a row without any answer, after which a portal is given up."""


def drive(conversation: Generator[Request, Response, Result], send: Send) -> Result:
    """Carry a portal's conversation out: send each request it yields, hand it the response."""
    try:
        request = next(conversation)
        while True:
            request = conversation.send(send(request))
    except StopIteration as end:
        result: Result = end.value
        return result


def execute(steps: Iterable[Step], portals: Mapping[str, tuple[Perform, Send]]) -> Iterator[Event]:
    """Send the steps in their order. `portals` has, by name, how a step is performed and sent.

    An operation that failed stops what waits for it, and nothing more; a portal that refuses
    access (401, 403), or twice in a row does not answer at all, is not asked again.
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
            done = drive(perform(replace(step, operations=ready)), send)
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
