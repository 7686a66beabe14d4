"""`ci plan`: plan a pull request and show the plan on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.model import Plan, Target
from reconciler.core.plan_json import counts
from reconciler.engine import planning, session
from reconciler.errors import Interrupted, UsageError
from reconciler.github.annotations import proposal_annotations
from reconciler.github.api import GitHubError
from reconciler.github.commands import Annotation, log_text, set_outputs
from reconciler.github.failure import failure_page
from reconciler.github.job import ALL_AGENTS, SUMMARY_BYTES, Job
from reconciler.github.notices import comment, marker
from reconciler.github.reviewed import artifact
from reconciler.github.run import PullRequest
from reconciler.render import html, inline, markdown, text
from reconciler.render.phrases import plural
from reconciler.store import planfile
from reconciler.store.links import link_in
from reconciler.store.refs import GitError, git

if TYPE_CHECKING:
    from reconciler.documents.agents import Document

MAX_LISTED = 50
"""Agents, and fields of one, that the summary of a pull request without keys lists."""
MAX_REASONS = 10
"""Errors that a comment lists: few enough for GitHub's limit."""
FAILED = "The last commit could not be planned"
NO_PLAN = "No plan: merge the new address first"
DEPENDABOT = "dependabot[bot]"
NO_KEYS = (
    "The files are valid. GitHub gives no secrets to pull requests from forks or Dependabot, so "
    "the portals were not read. To get a plan, a maintainer can push the branch to this repository."
)


def plan_pull_request(job: Job, folder: Path) -> int:
    """Plan a pull request; comment on it, annotate its files, write the summary, and save plan.json
    and report.html in `folder`. A failure replaces the plan in the comment. Returns the exit code.
    Raises ReconcilerError."""
    pull = job.run.pull
    if pull is None or job.run.event != "pull_request":
        raise UsageError("`ci plan` runs on the event pull_request only.")
    try:
        return _plan(job, pull, folder)
    except Interrupted:
        raise
    except Exception as error:
        if not _without_keys(job, pull):
            job.annotate(_comment_failure(job, pull, error))
        raise


def _without_keys(job: Job, pull: PullRequest) -> bool:
    """Whether GitHub gives the run no secrets, and a token that cannot comment."""
    return pull.from_fork or job.run.actor == DEPENDABOT


def _plan(job: Job, pull: PullRequest, folder: Path) -> int:
    base, tip = _base(job.root, pull)
    repository = job.open_repository()
    before = _base_agents(job, repository, base)
    if _without_keys(job, pull):
        job.annotate([Annotation("notice", NO_KEYS)])
        job.summarize(_files_page(repository, before, NO_KEYS))
        return 0
    if unnamed := session.unnamed_targets(repository, job.environment, tip):
        reason = _why_not_planned(pull, unnamed)
        page = _files_page(repository, before, inline.prose(reason, len(reason)), NO_PLAN)
        job.annotate([Annotation("warning", reason), *_comment_unplanned(job, pull, page)])
        job.summarize(page)
        return 0
    with planning.open_planner(repository, job.environment, ALL_AGENTS, (), before) as planner:
        proposal = planner.make_plan(ALL_AGENTS)
    _save(job.root, folder, proposal)
    log_text(text.plan(proposal.plan, width=100, color=False), job.log)
    job.annotate([*proposal_annotations(proposal), *_comment(job, pull, base, proposal.plan)])
    job.summarize(markdown.plan(proposal.plan, budget=SUMMARY_BYTES))
    _set_outputs(job, pull, folder, proposal)
    return 1 if proposal.plan.unread else 0


def _base(root: Path, pull: PullRequest) -> tuple[str, str]:
    """The commit to compare with: the first parent of GitHub's test merge, or where the branches
    diverged; and the newest known commit of the base branch. Raises UsageError if the history
    cannot be read, or the pull request's head is not checked out."""
    try:
        commits = git(root, "rev-list", "--parents", "-n", "1", "HEAD").decode().split()
    except GitError as error:
        raise UsageError(f"The history cannot be read: {error}.") from None
    if len(commits) == 3 and commits[2] == pull.head:
        return commits[1], commits[1]
    if commits[0] == pull.head:
        with suppress(GitError):
            return git(root, "merge-base", pull.base, "HEAD").decode().strip(), pull.base
    raise UsageError(
        f"The pull request's head ({pull.head[:12]}), or its merge, is not checked out, or its "
        f"base is missing. Check out with fetch-depth: 0. If the branch has moved since, the run "
        f"of its new head makes the plan."
    )


def _base_agents(job: Job, repository: session.Repository, base: str) -> Sequence[Document] | None:
    """The agents in the base's files; None, with a warning, if the files have errors (the pull
    request may fix them)."""
    try:
        return session.open_base(repository, base)
    except UsageError:
        message = f"The files of the base ({base[:12]}) have errors, so the plan is not compared."
        job.annotate([Annotation("warning", message)])
        return None


def _files_page(
    repository: session.Repository,
    before: Sequence[Document] | None,
    reason: str,
    title: str | None = None,
) -> str:
    """What a pull request changes in the files, and why it has no plan, as markdown. Without a
    title, the page has one that counts the agents."""
    if before is None:
        return f"### {title or 'The files are valid'}\n\n{reason}\n"
    changed = planning.compare_files(before, repository.documents)
    count = f"{plural(len(changed), 'agent')} changed in the files"
    lines = [f"### {title or count}", "", reason, ""]
    lines += [f"{count}:", ""] if title and changed else []
    for each in changed[:MAX_LISTED]:
        paths = ", ".join(map(inline.code, each.paths[:MAX_LISTED]))
        lines.append(f"- {inline.code(each.key)} ({each.what}): {paths}")
    if len(changed) > MAX_LISTED:
        lines.append(f"- and {len(changed) - MAX_LISTED} more")
    return "\n".join(lines) + "\n"


def _why_not_planned(pull: PullRequest, unnamed: Sequence[Target]) -> str:
    """Why portals are not read whose address the base branch does not name, and what to do."""
    addresses = " and ".join(f"{each.portal} to {each.url}" for each in unnamed)
    return (
        f"The files are valid. They set the address of {addresses}, and the branch {pull.target} "
        f"does not name that host. A pull request cannot choose where keys are sent, so no portal "
        f"was read and nothing is reviewed. Merge the address first, in a pull request of its own; "
        f"the plan of the next one shows everything that waits."
    )


def _save(root: Path, folder: Path, proposal: planning.Proposal) -> None:
    """Save the plan and its report for the artifact. Raises UsageError, also for a link: a pull
    request could let it point to any file of the runner."""
    plan, report = folder / "plan.json", folder / "report.html"
    for path in (plan, report):
        if link := link_in(path, root) or link_in(path, Path.cwd()):
            raise UsageError(
                f"{path} is not written, because {link.name} is a symbolic link. Delete the link "
                f"from the branch."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        planfile.save(plan, proposal.document)
        report.write_text(html.plan(proposal.plan), "utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None


def _comment(job: Job, pull: PullRequest, base: str, plan: Plan) -> Iterator[Annotation]:
    """Show a plan in the comment, which is created if there is something to see."""
    head = _head(job, f"Plan for {pull.head[:12]} on {base[:12]}", "the whole plan and the report")
    start = bool(plan.entries or plan.conflicts or plan.unread)
    return _write_comment(job, pull, markdown.plan(plan, head=head), start=start)


def _comment_unplanned(job: Job, pull: PullRequest, page: str) -> Iterator[Annotation]:
    """Show in the comment why there is no plan."""
    head = _head(job, f"Commit {pull.head[:12]}", "the log")
    return _write_comment(job, pull, f"{head}\n\n{page}", start=True)


def _comment_failure(job: Job, pull: PullRequest, error: Exception) -> Iterator[Annotation]:
    """Replace the plan of an earlier commit in the comment by the reason why there is none."""
    head = _head(job, f"Commit {pull.head[:12]}", "the log")
    body = f"{head}\n\n{failure_page(error, FAILED, job.redact, MAX_REASONS)}"
    return _write_comment(job, pull, body, start=False)


def _head(job: Job, about: str, link: str) -> str:
    """The comment's first lines: its marker, what it is about, and a link to the run."""
    folder = job.folder
    where = f" in {inline.code(folder, html=True)}" if folder else ""
    return f"{marker(job.notice('plan'))}\n<sub>{about}{where}</sub>\n{job.link(link)}"


def _write_comment(job: Job, pull: PullRequest, body: str, *, start: bool) -> Iterator[Annotation]:
    """Update the comment, or create it if `start`; a failure is a warning only."""
    try:
        with job.github() as github:
            current = github.get(f"pulls/{pull.number}")
            if (current.get("head") or {}).get("sha") != pull.head:
                job.log("There is a newer commit; its run writes the comment.")
                return
            change = comment(github, pull.number, job.notice("plan"), body, start=start)
            job.log(f"Comment: {change}.")
    except GitHubError as error:
        yield Annotation("warning", f"The comment could not be written: {error}")


def _set_outputs(job: Job, pull: PullRequest, folder: Path, proposal: planning.Proposal) -> None:
    set_outputs(
        job.run.output,
        {
            **counts(proposal.plan),
            "changes": bool(proposal.plan.entries),
            "digest": proposal.document["digest"],
            "folder": folder.as_posix(),
            "artifact": artifact(pull.head, job.folder),
        },
    )
