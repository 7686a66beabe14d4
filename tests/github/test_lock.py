"""What an apply's lock records of a workflow run, and whether GitHub reports another as completed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from github.platform import REPOSITORY, TOKEN, Answer, Platform, serving
from reconciler.github import api
from reconciler.github.lock import workflow_run

PAGES = f"https://github.example/{REPOSITORY}/actions/runs/"


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A GitHub that is asked without waits."""
    monkeypatch.setattr(api, "_pause", lambda *_: 0.0)
    with serving() as platform:
        yield platform


def environment(platform: Platform | None = None, **more: str) -> dict[str, str]:
    """The environment of the second attempt of run 8."""
    return {
        "GITHUB_API_URL": platform.url if platform else "",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "8",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_JOB": "apply",
        "GITHUB_ACTOR": "ana",
        "GITHUB_TOKEN": TOKEN,
        **more,
    }


def test_a_run() -> None:
    """Its page, the attempt, the job and the person; the first attempt if the runner names none."""
    run = workflow_run(environment())
    assert run is not None
    assert (run.page, run.attempt, run.job, run.actor) == (f"{PAGES}8", 2, "apply", "ana")
    run = workflow_run(environment(GITHUB_RUN_ATTEMPT=""))
    assert run is not None
    assert run.attempt == 1


@pytest.mark.parametrize("name", ["GITHUB_REPOSITORY", "GITHUB_RUN_ID"])
def test_outside_of_a_workflow(name: str) -> None:
    """There is no run."""
    assert workflow_run(environment(**{name: ""})) is None


@pytest.mark.parametrize(
    ("reported", "ended"),
    [
        ({"status": "completed", "run_attempt": 1}, True),
        ({"status": "completed"}, True),
        ({"status": "in_progress", "run_attempt": 2}, True),
        ({"status": "in_progress", "run_attempt": 1}, False),
        ({"status": "queued", "run_attempt": 1}, False),
        ({"status": "completed", "run_attempt": 0}, False),
    ],
)
def test_another_run(platform: Platform, reported: dict[str, Any], ended: bool) -> None:
    """The first attempt of run 7: completed, re-run, in progress, or out of date."""
    platform.runs[7] = reported
    run = workflow_run(environment(platform))
    assert run is not None
    assert run.has_ended(f"{PAGES}7", 1) is ended


@pytest.mark.parametrize("reported", [{}, {"run_attempt": "2"}, {"run_attempt": None}])
def test_malformed_run(platform: Platform, reported: dict[str, Any]) -> None:
    """It may still be in progress."""
    platform.fail("GET", "actions/runs/7", Answer(200, reported))
    run = workflow_run(environment(platform))
    assert run is not None
    assert run.has_ended(f"{PAGES}7", 1) is False


def test_a_run_that_github_does_not_report(platform: Platform) -> None:
    """A deleted one, an error, no token: it may still be in progress."""
    run = workflow_run(environment(platform))
    assert run is not None
    assert run.has_ended(f"{PAGES}7", 1) is False
    platform.runs[7] = {"status": "completed", "run_attempt": 1}
    platform.fail("GET", ".*", *[Answer(503)] * api.ATTEMPTS)
    assert run.has_ended(f"{PAGES}7", 1) is False
    assert run.has_ended(f"{PAGES}7", 1) is True
    run = workflow_run(environment(platform, GITHUB_TOKEN=""))
    assert run is not None
    assert run.has_ended(f"{PAGES}7", 1) is False


@pytest.mark.parametrize(
    "page",
    [
        "https://github.example/other/agents/actions/runs/7",
        "https://github.com/agency/agents/actions/runs/7",
        f"{PAGES}7/../../secrets",
        f"{PAGES}",
        "7",
    ],
)
def test_a_page_of_another_repository(platform: Platform, page: str) -> None:
    """GitHub is not asked."""
    platform.runs[7] = {"status": "completed", "run_attempt": 1}
    run = workflow_run(environment(platform))
    assert run is not None
    assert run.has_ended(page, 1) is False
    assert platform.asked == []
