"""The annotations of a plan and of a report, at the lines of the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.model import Conflict, Operation, Plan, Report, Warning
from reconciler.engine.planning import Proposal
from reconciler.github.commands import Annotation, Level


def proposal_annotations(proposal: Proposal) -> Iterator[Annotation]:
    """A plan's obstacles, exceeded limits, notes and warnings."""
    plan = proposal.plan
    yield from obstacle_annotations(plan)
    for limit in plan.over_limits:
        yield Annotation("warning", f"over the limits: {limit}")
    for note in proposal.notes:
        yield Annotation("warning", note)
    for warning in plan.warnings:
        yield _at_agent("warning", warning, warning.message)


def obstacle_annotations(plan: Plan) -> Iterator[Annotation]:
    """What a plan leaves out: unread portals and conflicts."""
    yield from unread_annotations(plan)
    for conflict in plan.conflicts:
        yield _at_agent("error", conflict, f"conflict: {conflict.reason}")


def unread_annotations(plan: Plan) -> Iterator[Annotation]:
    """The portals that could not be read."""
    for portal, reason in plan.unread:
        yield Annotation("error", f"{portal} could not be read: {reason}")


def report_annotations(report: Report) -> Iterator[Annotation]:
    """What an apply did not do, and its notes."""
    for _, outcome in report.outcomes:
        if outcome.status not in ("applied", "waiting"):
            operation = replace(outcome.operation, source=outcome.source)
            message = f"{operation.verb} {outcome.status}: {outcome.error}"
            yield _at_agent("error", operation, message)
    for conflict in report.stale:
        yield _at_agent("warning", conflict, f"left out: {conflict.reason}")
    for note in report.notes:
        yield Annotation("warning", note)


def _at_agent(level: Level, about: Conflict | Warning | Operation, message: str) -> Annotation:
    text = f"{about.key} on {about.portal}: {message}"
    if about.source is None:
        return Annotation(level, text)
    return Annotation(level, text, about.source.file, about.source.line)
