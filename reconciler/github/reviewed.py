"""What was reviewed: the plans of the pull requests whose merges lead to a commit.

A plan is kept as an artifact of the run that showed it. Names of artifacts are shared with forks,
and whoever can write to a branch can run something of the same name, so an artifact counts only if
everything around it fits: its run is of our plan workflow, for a pull request, for that very head,
from a branch of this repository. What is in it is data, as in any saved plan.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.model import Plan
from reconciler.core.plan_json import PlanDocument, parse
from reconciler.errors import PlanFileError
from reconciler.github.api import GitHub, GitHubError
from reconciler.store import planfile

ARTIFACT = "reconciler-plan"
"""The artifact's name; the head's SHA follows it."""
FILE = "plan.json"
LARGEST = 64_000_000
"""Bytes of a plan that are read at most."""
GONE = (404, 410, 413)
"""What GitHub or its store says of an artifact that is not there any more; and that it is larger
than we read."""
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
"""What comes of an archive, or of a plan in it, that somebody made to be no such thing."""


def artifact(head: str) -> str:
    """The name of the artifact with the plan for a pull request's head."""
    return f"{ARTIFACT}-{head}"


def merged(github: GitHub, commit: str, branch: str) -> Iterator[Mapping[str, Any]]:
    """The pull requests that were merged into `branch` by this commit or by one before it: those
    that GitHub knows for the commit, whichever way they were merged. Raises GitHubError."""
    for each in github.pages(f"commits/{commit}/pulls"):
        if each.get("merged_at") and (each.get("base") or {}).get("ref") == branch:
            yield each


def plan_of(github: GitHub, pull: Mapping[str, Any], workflow: str) -> tuple[Plan | None, str]:
    """The plan that was shown for a pull request's last head; or None, and why there is none.

    `workflow` is the path of the plan's workflow. Raises GitHubError.
    """
    number, head = pull.get("number"), str((pull.get("head") or {}).get("sha") or "")
    found = [
        each
        for each in github.pages("actions/artifacts", "artifacts", name=artifact(head))
        if each.get("name") == artifact(head)
    ]
    if not found:
        return None, f"no plan was kept for #{number}"
    whys = []
    for each in sorted(found, key=lambda one: str(one.get("created_at")), reverse=True):
        why = _why_not(github, each, head, workflow)
        if not why:
            try:
                return parse(_read(github.download(f"actions/artifacts/{each.get('id')}/zip"))), ""
            except GitHubError as error:
                if error.status not in GONE:
                    raise
                why = "cannot be fetched any more" if error.status != 413 else "is too large"
            except (PlanFileError, *UNREADABLE):
                why = "cannot be read as one"
        whys.append(why)
    return None, f"the plan of #{number} {whys[0]}"


def _why_not(github: GitHub, found: Mapping[str, Any], head: str, workflow: str) -> str:
    """What does not fit around an artifact; "" if all does."""
    if found.get("expired"):
        return "has expired"
    about = found.get("workflow_run") or {}
    if about.get("head_sha") != head:
        return "is of another commit"
    if about.get("head_repository_id") != about.get("repository_id"):
        return "comes from a fork"
    run = github.get(f"actions/runs/{about.get('id')}")
    home = (run.get("head_repository") or {}).get("full_name")
    fits = (
        run.get("event") == "pull_request",
        run.get("head_sha") == head,
        str(run.get("path") or "").partition("@")[0] == workflow,
        home == github.repository,
    )
    if not all(fits):
        return "was not made by the workflow that shows plans"
    return "" if run.get("conclusion") == "success" else "is of a run that did not succeed"


def _read(content: bytes) -> PlanDocument:
    """The plan in an artifact. Raises PlanFileError where there is none that can be trusted."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(FILE) as file:
            data = file.read(LARGEST + 1)
    except UNREADABLE:
        raise PlanFileError("cannot be unpacked") from None
    if len(data) > LARGEST:
        raise PlanFileError("is too large")
    return planfile.read(data, FILE)


def reviewed(
    github: GitHub, commits: Sequence[str], branch: str, workflow: str
) -> Iterator[tuple[Plan | None, str]]:
    """The plans of the pull requests that led to these commits, the newest first, each once; in
    place of one that there is not, why. Raises GitHubError."""
    seen: set[Any] = set()
    for commit in commits:
        for pull in merged(github, commit, branch):
            if pull.get("number") not in seen:
                seen.add(pull.get("number"))
                yield plan_of(github, pull, workflow)
