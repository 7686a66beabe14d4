"""`ci apply`: apply what was reviewed in the pull requests that led to a branch's head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from reconciler.core.model import Conflict, Plan, Report
from reconciler.engine import applying, planning, reviewing, session
from reconciler.errors import LimitsError, UsageError
from reconciler.github.annotations import obstacle_annotations, report_annotations
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.commands import Annotation, log_text, set_outputs
from reconciler.github.history import LaterChanges, commits_after, history
from reconciler.github.job import ALL_AGENTS, SUMMARY_BYTES, Job
from reconciler.github.lock import workflow_run
from reconciler.github.reviewed import Origin, ReviewedPlan, reviewed_plans
from reconciler.github.workflows import workflow_file
from reconciler.render import inline, markdown, text
from reconciler.store.applied import LastApplied, last_applied
from reconciler.store.refs import GitError, git


class _Approved(NamedTuple):
    """What may be applied (None: nothing), the agents left out, and why plans are missing."""

    proposal: planning.Proposal | None
    stale: tuple[Conflict, ...] = ()
    problems: Sequence[str] = ()


class _Merges(NamedTuple):
    """Where to find the plans that were reviewed: the branch's commits, newest first, and the
    record of the last one that was applied."""

    github: GitHub
    commits: Sequence[str]
    branch: str
    origin: Origin
    record: LastApplied | None


def apply_branch(job: Job, workflow: str | None) -> int:
    """Apply the files of a branch's head: the agents as reviewed in the plans of merged pull
    requests, or everything if a person started the run. `workflow` is the path of the plan
    workflow; None: one that `init` wrote. Returns the exit code. Raises UsageError, LimitsError
    and GitHubError."""
    branch = job.run.branch
    if branch is None:
        raise UsageError("`ci apply` runs on pushes to a branch and on manual runs only.")
    commits, origin = history(job), _origin(job, workflow)
    if job.run.unlock:
        _unlock(job)
    with job.github() as github:
        if _superseded(job, github, branch, commits):
            return 0
        repository = job.open_repository()
        job.check_addresses(repository)
        runtime = session.Runtime(workflow_run=workflow_run(job.environment))
        with planning.open_planner(
            repository, job.environment, ALL_AGENTS, runtime=runtime, lock=job.log
        ) as planner:
            proposal = planner.make_plan(ALL_AGENTS)
            record = last_applied(planner.session.store, branch)
            approved = _approve(job, proposal, _Merges(github, commits, branch, origin, record))
            if approved.proposal is None:
                return _report_unreviewed(job, approved.problems)
            if _superseded(job, github, branch, commits):
                return 0
            with job.guard(approved.proposal.cancellation):
                report = applying.apply(approved.proposal, approved.stale, lambda _: None)
            if record is not None and _is_complete(report):
                _record(job, record)
    _report(job, approved.proposal, report, approved.problems if approved.stale else ())
    return report.exit_code


def _unlock(job: Job) -> None:
    """Release the lock of an apply that a person knows to be dead. Raises LockedError."""
    found = session.open_ledger(job.root, job.config).find_lock()
    message = "No apply holds the lock, so there is nothing to release."
    if found is not None and found.release is not None:
        found.release()
        message = f"Released the lock of {found.owner}."
    job.annotate([Annotation("notice", message)])


def _origin(job: Job, workflow: str | None) -> Origin:
    """Where this agency's plans come from; the workflow at the top may plan several agencies."""
    folder = job.folder
    workflows = {workflow_file("plan", ""), workflow_file("plan", folder)}
    return Origin(folder, tuple(workflows) if workflow is None else (workflow,))


def _superseded(job: Job, github: GitHub, branch: str, commits: Sequence[str]) -> bool:
    """Whether the branch has a newer head, whose run applies everything. Raises GitHubError if
    GitHub still shows an older one, since then no other run would apply this commit."""
    head = (github.get(f"git/ref/heads/{quote(branch)}").get("object") or {}).get("sha")
    if head == job.run.commit:
        return False
    if head in commits:
        raise GitHubError(
            f"Nothing was sent: {branch} is at {head}, an older commit than this run's. Unless "
            f"the branch was reset, run this again."
        )
    message = f"Superseded: {branch} is now at {head}; the run of that commit applies it."
    job.annotate([Annotation("notice", message)])
    job.summarize(inline.prose(message))
    return True


def _approve(job: Job, proposal: planning.Proposal, merges: _Merges) -> _Approved:
    """The part of a plan that may be applied. Raises LimitsError."""
    if job.run.event == "workflow_dispatch":
        _check_limits(proposal)
        return _Approved(proposal)
    if not proposal.plan.entries:
        return _Approved(proposal)
    waiting, problem = _not_applied(job, merges)
    if not waiting:
        return _Approved(None, problems=[problem])
    later = LaterChanges(proposal.planner.session.repository, waiting)
    plans = reviewed_plans(merges.github, waiting, merges.branch, merges.origin, later.after)
    approved = _match_reviewed(proposal, plans)
    if git(job.root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        hint = "the history is incomplete: check out with fetch-depth: 0"
        return approved._replace(problems=[*approved.problems, hint])
    return approved


def _not_applied(job: Job, merges: _Merges) -> tuple[Sequence[str], str]:
    """The commits after the last one that was applied; if there are none, why. Only the head, with
    a warning, if the record cannot be read."""
    try:
        done = merges.record.read() if merges.record else None
    except GitError as error:
        message = (
            f"The last applied commit could not be read ({error}), so only the plan of the newest "
            f"merge counts."
        )
        job.annotate([Annotation("warning", message)])
        return merges.commits[:1], ""
    if done is None:
        return merges.commits, ""
    try:
        return commits_after(job, done), "the plans for this commit were already applied"
    except GitError:
        return (), (
            f"the last applied commit ({done[:12]}) is not in this clone. Check out with "
            f"fetch-depth: 0. If the branch was reset, no older plan counts"
        )


def _is_complete(report: Report) -> bool:
    """Whether an apply sent something and left nothing of it to do: its reviews have counted."""
    applied = report.count("applied")
    return 0 < applied == len(report.outcomes) and not (report.interrupted or report.plan.unread)


def _record(job: Job, record: LastApplied) -> None:
    """Record the run's commit as applied; a failure is a warning only."""
    try:
        record.write(job.run.commit)
    except GitError as error:
        message = (
            f"This commit could not be recorded as applied ({error}), so the plans of its pull "
            f"requests may count again."
        )
        job.annotate([Annotation("warning", message)])


def _check_limits(proposal: planning.Proposal, reviewed: Sequence[Plan] = ()) -> None:
    """Raises LimitsError if limits forbid to send a plan. A reviewed plan may exceed those that it
    shows."""
    exceeded = reviewing.over_limits(proposal, reviewed)
    if exceeded:
        fix = "Run again, or" if reviewed else "Raise `limits`, or"
        raise LimitsError(
            f"The plan is over the limits; nothing was sent: {'; '.join(exceeded)}. {fix} use a "
            f"pull request whose plan shows this."
        )


def _match_reviewed(proposal: planning.Proposal, plans: Iterator[ReviewedPlan]) -> _Approved:
    """The part of a plan that was reviewed. Reads no more reviewed plans than needed. Raises
    LimitsError."""
    found: list[Plan] = []
    problems: list[str] = []
    approved = _Approved(None)
    for plan, problem in plans:
        problems += [problem] if problem else []
        if plan is None:
            continue
        found.append(plan)
        approved = _Approved(*reviewing.only_reviewed(proposal, found))
        if not approved.stale:
            break
    if approved.proposal is not None:
        _check_limits(approved.proposal, found)
    return approved._replace(problems=problems)


def _report_unreviewed(job: Job, problems: Sequence[str]) -> int:
    reason = "; ".join(problems) or "no pull request led to this commit"
    message = (
        f"Nothing was applied: {reason}. To apply everything without a reviewed plan, start this "
        f"workflow manually (Run workflow)."
    )
    job.annotate([Annotation("error", message)])
    job.summarize(inline.prose(message, len(message)))
    return 1


def _report(job: Job, proposal: planning.Proposal, report: Report, problems: Sequence[str]) -> None:
    """Show an apply's report; `problems` are those with reviewed plans, if agents were left out.
    A file of the step that cannot be written is a warning."""
    log_text(text.report(report, width=100, color=False), job.log)
    job.annotate(
        [
            *obstacle_annotations(proposal.plan),
            *report_annotations(report),
            *(Annotation("warning", note) for note in (*proposal.notes, *problems)),
        ]
    )
    try:
        job.summarize(markdown.report(report, budget=SUMMARY_BYTES))
        set_outputs(
            job.run.output, {"applied": report.count("applied"), "failed": report.count("failed")}
        )
    except OSError as error:
        message = f"The summary or the outputs could not be written: {error.strerror}."
        job.annotate([Annotation("warning", message)])
