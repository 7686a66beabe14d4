"""What an apply's lock records of a workflow run, and whether another run has ended.

Facts: GitHub's pages on default environment variables and on the REST API for workflow runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from reconciler.store.holder import WorkflowRun


def workflow_run(environment: Mapping[str, str]) -> WorkflowRun | None:
    """The workflow run that this process is part of, from the runner's environment."""
    repository, number = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
    if not (repository and number):
        return None
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    pages = f"{server}/{repository}/actions/runs/"
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "")

    def has_ended(page: str, attempt: int) -> bool:
        """Whether GitHub reports an attempt of a run of this repository as completed."""
        number = page.removeprefix(pages)
        if page == number or not (number.isascii() and number.isdigit()):
            return False
        return _has_ended(environment, repository, number, attempt)

    return WorkflowRun(
        f"{pages}{number}",
        int(attempt) if attempt.isascii() and attempt.isdigit() else 1,
        environment.get("GITHUB_JOB", ""),
        environment.get("GITHUB_ACTOR", ""),
        has_ended,
    )


def _has_ended(environment: Mapping[str, str], repository: str, number: str, attempt: int) -> bool:
    from reconciler.github.api import GitHub, GitHubError  # noqa: PLC0415 - httpx, 100 ms

    api = environment.get("GITHUB_API_URL", "https://api.github.com")
    token = environment.get("GITHUB_TOKEN", "")
    with (
        suppress(GitHubError),  # then it is not known
        GitHub(api, repository, token, time.sleep) as github,
    ):
        run = github.get(f"actions/runs/{number}")
        latest = run.get("run_attempt", attempt)
        completed = latest == attempt and run.get("status") == "completed"
        return completed or (isinstance(latest, int) and latest > attempt)
    return False
