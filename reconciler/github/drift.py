"""`ci drift`: keep an issue open for each portal with drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.model import Plan
from reconciler.engine import planning
from reconciler.github.annotations import unread_annotations
from reconciler.github.api import GitHubError
from reconciler.github.commands import Annotation, log_text, set_outputs
from reconciler.github.job import ALL_AGENTS, SUMMARY_BYTES, Job
from reconciler.github.notices import issue, marker
from reconciler.render import markdown, text
from reconciler.render.visible import one_line


def report_drift(job: Job) -> int:
    """Open, update or close each portal's issue. Returns the exit code."""
    repository = job.open_repository()
    job.check_addresses(repository)
    with planning.open_planner(repository, job.environment, ALL_AGENTS) as planner:
        proposal = planner.drift(planner.make_plan(ALL_AGENTS))
    plan = proposal.plan
    log_text(text.drift(plan, width=100, color=False), job.log)
    job.summarize(markdown.drift(plan, budget=SUMMARY_BYTES))
    parts = {portal: _part(plan, portal) for portal in plan.portals}
    drifted = [portal for portal, part in parts.items() if _has_drift(part)]
    failures = [each for portal in parts for each in _update_issue(job, portal, parts[portal])]
    notes = [Annotation("warning", note) for note in proposal.notes]
    job.annotate([*unread_annotations(plan), *notes, *failures])
    set_outputs(job.run.output, {"drift": bool(drifted), "portals": ",".join(drifted)})
    return 1 if plan.unread else 0


def _has_drift(plan: Plan) -> bool:
    return bool(plan.entries or plan.conflicts or plan.waiting)


def _update_issue(job: Job, portal: str, plan: Plan) -> Iterator[Annotation]:
    """Update a portal's issue; a failure is a warning only."""
    name, folder = job.notice(f"drift {portal}"), job.folder
    title = f"Drift on {portal}" + (f" in {one_line(folder)}" if folder else "")
    head = f"{marker(name)}\n{job.link('the summary')}"
    body = markdown.drift(plan, head=head) if _has_drift(plan) else None
    try:
        with job.github() as github:
            change = issue(github, name, title, body)
            job.log(f"Issue for {portal}: {change}.")
    except GitHubError as error:
        yield Annotation("warning", f"The issue for {portal} could not be updated: {error}")


def _part(plan: Plan, portal: str) -> Plan:
    return replace(
        plan,
        entries=tuple(each for each in plan.entries if each.portal == portal),
        conflicts=tuple(each for each in plan.conflicts if each.portal == portal),
        warnings=tuple(each for each in plan.warnings if each.portal == portal),
        waiting=tuple(each for each in plan.waiting if each[0] == portal),
        portals=(portal,),
        accounts=tuple(each for each in plan.accounts if each[0] == portal),
        unread=(),
    )
