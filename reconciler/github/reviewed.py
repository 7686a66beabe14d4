"""The reviewed plans: those of the pull requests whose merges led to a commit.

A plan is stored as an artifact of the run that showed it. Forks share the names of artifacts, and
anyone who can push to a branch can upload one of the same name. So an artifact counts only if its
run is of the plan workflow, for a pull request, for that head, from a branch of this repository.
Its content is checked like any saved plan.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.core.model import Plan
from reconciler.core.plan_json import PlanDocument, parse
from reconciler.errors import PlanFileError
from reconciler.github.api import TOO_LARGE, GitHub, GitHubError
from reconciler.github.workflows import suffix
from reconciler.store import planfile

ARTIFACT_PREFIX = "reconciler-plan"
"""How the artifact's name starts."""
FILE = "plan.json"
MAX_BYTES = 64_000_000
"""Bytes of an unpacked plan."""
PAUSES = (2.0, 4.0, 8.0)
"""Seconds between attempts to find the pull request of a push: GitHub may not know it at once."""
UNKNOWN_COMMIT = (404, 422)
"""Statuses for a commit that GitHub does not know."""
GONE = (404, 410)
"""Statuses for an artifact that no longer exists."""
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What zipfile and the plan's parser raise for hostile content."""


class ReviewedPlan(NamedTuple):
    """The plan that a pull request showed, or the problem with it."""

    plan: Plan | None
    problem: str = ""


class Origin(NamedTuple):
    """Where an agency's plans come from: its folder in the repository, "" at the top, and the paths
    of the workflows that may have made them."""

    folder: str
    workflows: tuple[str, ...]


def artifact(head: str, folder: str) -> str:
    """The name of the artifact with the plan of a pull request's head for the agency in a
    folder."""
    return f"{ARTIFACT_PREFIX}{suffix(folder)}-{head}"


def reviewed_plans(
    github: GitHub, commits: Sequence[str], branch: str, origin: Origin
) -> Iterator[ReviewedPlan]:
    """The plans of the pull requests that led to these commits, the newest first, each once.
    Raises GitHubError."""
    seen: set[Any] = set()
    for place, commit in enumerate(commits):
        for pull in _merged(github, commit, branch, () if place else PAUSES):
            if pull.get("number") not in seen:
                seen.add(pull.get("number"))
                yield plan_of(github, pull, origin)


def _merged(
    github: GitHub, commit: str, branch: str, pauses: Sequence[float]
) -> list[Mapping[str, Any]]:
    """The pull requests whose merge into a branch led to a commit; looked up again after each of
    `pauses` (seconds) while there are none. Raises GitHubError."""
    for pause in (*pauses, None):
        try:
            found = [
                pull
                for pull in github.pages(f"commits/{commit}/pulls")
                if pull.get("merged_at") and (pull.get("base") or {}).get("ref") == branch
            ]
        except GitHubError as error:
            if pause is None or error.status not in UNKNOWN_COMMIT:
                raise
            found = []
        if found or pause is None:
            break
        github.sleep(pause)
    return found


def plan_of(github: GitHub, pull: Mapping[str, Any], origin: Origin) -> ReviewedPlan:
    """The newest valid plan for a pull request's last head. Raises GitHubError."""
    number, head = pull.get("number"), str((pull.get("head") or {}).get("sha") or "")
    name = artifact(head, origin.folder)
    artifacts = [
        each
        for each in github.pages("actions/artifacts", "artifacts", name=name)
        if each.get("name") == name
    ]
    if not artifacts:
        return ReviewedPlan(None, f"no plan was stored for #{number}")
    problems = []
    for each in sorted(artifacts, key=lambda one: str(one.get("created_at")), reverse=True):
        problem = _artifact_problem(github, each, head, origin.workflows)
        result = ReviewedPlan(None, problem) if problem else _download(github, each)
        if result.plan is not None:
            return result
        problems.append(result.problem)
    return ReviewedPlan(None, f"the plan of #{number} {problems[0]}")


def _artifact_problem(
    github: GitHub, found: Mapping[str, Any], head: str, workflows: Sequence[str]
) -> str:
    """Why an artifact does not count, "" if it does. Raises GitHubError."""
    if found.get("expired"):
        return "has expired"
    origin = found.get("workflow_run") or {}
    if origin.get("head_sha") != head:
        return "is for another commit"
    if origin.get("head_repository_id") != origin.get("repository_id"):
        return "comes from a fork"
    run = github.get(f"actions/runs/{origin.get('id')}")
    requirements = (
        run.get("event") == "pull_request",
        run.get("head_sha") == head,
        str(run.get("path") or "").partition("@")[0] in workflows,
        (run.get("head_repository") or {}).get("full_name") == github.repository,
    )
    if not all(requirements):
        return "was not made by the plan workflow"
    return "" if run.get("conclusion") == "success" else "is from a run that did not succeed"


def _download(github: GitHub, found: Mapping[str, Any]) -> ReviewedPlan:
    """The plan in an artifact. Raises GitHubError, except if the artifact is gone."""
    try:
        content = github.download(f"actions/artifacts/{found.get('id')}/zip")
        return ReviewedPlan(parse(_unpacked(content)))
    except GitHubError as error:
        if error.status == TOO_LARGE:
            return ReviewedPlan(None, "is too large")
        if error.status in GONE:
            return ReviewedPlan(None, "is no longer available")
        raise
    except (PlanFileError, *UNREADABLE):
        return ReviewedPlan(None, "is not a valid plan")


def _unpacked(content: bytes) -> PlanDocument:
    """The plan in an archive. Raises PlanFileError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(FILE) as file:
            data = file.read(MAX_BYTES + 1)
    except UNREADABLE:
        raise PlanFileError("cannot be unpacked") from None
    if len(data) > MAX_BYTES:
        raise PlanFileError("is too large")
    return planfile.read(data, FILE)
