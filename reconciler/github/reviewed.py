"""The reviewed plans: those of the pull requests whose merges led to a commit.

A plan is stored as an artifact of the run that showed it. Forks share the names of artifacts, and
anyone who can push to a branch can upload one of the same name. So an artifact counts only if its
run is of the plan workflow, for a pull request, for that head, from a branch of this repository,
and if it was made before the merge. Its content is checked like any saved plan. Reasons:
docs/decisions/0022-a-review-counts-once.md.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.core.model import Plan
from reconciler.core.plan_json import PlanDocument, parse
from reconciler.core.review import without
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
MAX_LISTED = 10
"""Agents that a message lists."""
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
    """The part that counts of the plan that a pull request showed, and the problem with it."""

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
    github: GitHub,
    commits: Sequence[str],
    branch: str,
    origin: Origin,
    changed_after: Callable[[int], AbstractSet[str] | None] = lambda _: frozenset(),
) -> Iterator[ReviewedPlan]:
    """The plans of the pull requests that led to these commits, the newest first, each once. None
    if the newest commit, the head, is of no pull request.

    `changed_after` has the keys of the agents that the first N commits change (None: unknown); an
    older plan does not count for those. Raises GitHubError.
    """
    seen: set[Any] = set()
    for place, commit in enumerate(commits):
        pulls = _merged(github, commit, branch, () if place else PAUSES)
        if not pulls and not place:
            return
        for pull in pulls:
            if pull.get("number") not in seen:
                seen.add(pull.get("number"))
                found = plan_of(github, pull, origin)
                if found.plan is not None and place:
                    found = _up_to_date(found.plan, pull, changed_after(place))
                yield found


def _up_to_date(
    plan: Plan, pull: Mapping[str, Any], changed: AbstractSet[str] | None
) -> ReviewedPlan:
    """A pull request's plan without the agents that were changed after its merge."""
    about = f"the plan of #{pull.get('number')} does not count"
    if changed is None:
        problem = f"{about}: the files of a later commit have errors, so they cannot be compared"
        return ReviewedPlan(None, problem)
    keys = list(dict.fromkeys(each.key for each in plan.entries if each.key in changed))
    if not keys:
        return ReviewedPlan(plan)
    more = f" and {len(keys) - MAX_LISTED} more" if len(keys) > MAX_LISTED else ""
    return ReviewedPlan(
        without(plan, changed),
        f"{about} for {', '.join(keys[:MAX_LISTED])}{more}: changed again after its merge",
    )


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
    merged = _moment(pull.get("merged_at"))
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
        problem = _artifact_problem(github, each, head, origin.workflows, merged)
        result = ReviewedPlan(None, problem) if problem else _download(github, each)
        if result.plan is not None:
            return result
        problems.append(result.problem)
    return ReviewedPlan(None, f"the plan of #{number} {problems[0]}")


def _artifact_problem(
    github: GitHub,
    found: Mapping[str, Any],
    head: str,
    workflows: Sequence[str],
    merged: datetime | None,
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
    if run.get("conclusion") != "success":
        return "is from a run that did not succeed"
    return "" if _made_before(merged, found, run) else "was made after the merge"


def _made_before(merged: datetime | None, found: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Whether an artifact was stored, and the last attempt of its run started, before a merge."""
    stored = _moment(found.get("created_at"))
    started = _moment(run.get("run_started_at") or run.get("created_at"))
    return merged is not None and stored is not None and max(stored, started or stored) <= merged


def _moment(text: Any) -> datetime | None:  # noqa: ANN401 - JSON
    """A time in GitHub's form, such as 2026-01-31T12:00:00Z, in whole seconds; None if it is not
    one."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.replace(microsecond=0) if moment.tzinfo else None


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
