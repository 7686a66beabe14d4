"""The workflow run, from the runner's environment and the event's file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from repositories import plain_git, say

from github.platform import REPOSITORY, TOKEN, Answer, Platform
from reconciler.errors import UsageError
from reconciler.github.run import PullRequest, credentials, read
from reconciler.store.refs import GitError, git

SHA = "1" * 40
PULL: dict[str, Any] = {
    "number": 7,
    "head": {"sha": SHA, "repo": {"full_name": REPOSITORY}},
    "base": {"sha": "2" * 40, "ref": "main"},
}


def environment(folder: Path, payload: Any = None, **more: str) -> dict[str, str]:
    """A runner's environment."""
    path = folder / "event.json"
    path.write_text(json.dumps({} if payload is None else payload))
    return {
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SHA": SHA,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(path),
        **more,
    }


def test_a_push(tmp_path: Path) -> None:
    """The branch is in the reference; missing variables have defaults."""
    run = read(environment(tmp_path, GITHUB_REF="refs/heads/feature/one", GITHUB_RUN_ID="5"))
    assert run.branch == "feature/one"
    assert run.url == f"https://github.com/{REPOSITORY}/actions/runs/5"
    assert run.api == "https://api.github.com"
    assert (run.pull, run.summary, run.output, run.token) == (None, None, None, "")


@pytest.mark.parametrize(
    ("repository", "branch"),
    [
        ({"default_branch": "trunk"}, "trunk"),
        ({"default_branch": 1}, None),
        ({}, None),
        ("x", None),
    ],
)
def test_the_default_branch(tmp_path: Path, repository: Any, branch: str | None) -> None:
    """None if the event does not name it."""
    assert read(environment(tmp_path, {"repository": repository})).default_branch == branch
    assert read(environment(tmp_path, [])).default_branch is None


@pytest.mark.parametrize(
    ("inputs", "unlock"),
    [
        ({"unlock": "true"}, True),
        ({"unlock": True}, True),
        ({"unlock": "false"}, False),
        (None, False),
    ],
)
def test_the_input_unlock(tmp_path: Path, inputs: Any, unlock: bool) -> None:
    """GitHub sends a boolean input as text."""
    assert read(environment(tmp_path, {"inputs": inputs})).unlock is unlock


@pytest.mark.parametrize("reference", ["refs/tags/v1", "refs/pull/7/merge", ""])
def test_no_branch(tmp_path: Path, reference: str) -> None:
    """For a tag and a pull request's merge."""
    assert read(environment(tmp_path, GITHUB_REF=reference)).branch is None


def test_a_pull_request(tmp_path: Path) -> None:
    """Its head, its base, and that it is not from a fork."""
    run = read(
        environment(
            tmp_path,
            {"pull_request": PULL},
            GITHUB_SERVER_URL="https://github.example",
            GITHUB_STEP_SUMMARY="summary",
            GITHUB_OUTPUT="output",
            GITHUB_TOKEN=f"{TOKEN}\n",
        )
    )
    assert run.pull == PullRequest(7, SHA, "2" * 40, "main", from_fork=False)
    assert (run.summary, run.output, run.token) == (Path("summary"), Path("output"), TOKEN)


@pytest.mark.parametrize("repository", [{"full_name": "stranger/agents"}, None])
def test_a_pull_request_from_a_fork(tmp_path: Path, repository: Mapping[str, Any] | None) -> None:
    """Also from one that was deleted since."""
    pull = {**PULL, "head": {"sha": SHA, "repo": repository}}
    run = read(environment(tmp_path, {"pull_request": pull}))
    assert run.pull is not None
    assert run.pull.from_fork is True


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "x",
        {"number": "x"},
        {**PULL, "number": "x"},
        {**PULL, "head": {"sha": 1, "repo": 1}},
    ],
)
def test_a_malformed_pull_request(tmp_path: Path, data: Any) -> None:
    """UsageError."""
    with pytest.raises(UsageError, match="malformed"):
        read(environment(tmp_path, {"pull_request": data}))


def test_an_event_that_is_not_an_object(tmp_path: Path) -> None:
    """It has no pull request."""
    assert read(environment(tmp_path, ["odd"])).pull is None


def test_outside_of_github(tmp_path: Path) -> None:
    """All missing variables are named; so is an event file that cannot be read."""
    with pytest.raises(UsageError, match=r"GITHUB_SHA, GITHUB_EVENT_NAME.* are not set"):
        read({"GITHUB_REPOSITORY": REPOSITORY})
    with pytest.raises(UsageError, match="GITHUB_SHA is not set"):
        read(environment(tmp_path, GITHUB_SHA=""))
    with pytest.raises(UsageError, match="cannot be read"):
        read(environment(tmp_path, GITHUB_EVENT_PATH=str(tmp_path / "none")))
    (tmp_path / "odd").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        read(environment(tmp_path, GITHUB_EVENT_PATH=str(tmp_path / "odd")))


def test_git_gets_the_runs_token(
    tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a single header, even if the checkout left one; not for other servers; other git settings
    are kept; without a token there is no header."""
    plain_git(monkeypatch)
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", f"http.{platform.url}/.extraheader", "AUTHORIZATION: basic old")
    platform.twists.append(lambda _: Answer(404))
    here = environment(tmp_path, GITHUB_TOKEN=TOKEN, GITHUB_SERVER_URL=platform.url)
    given = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Ana",
    }
    for name, value in {**given, **credentials(read(here), given)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(GitError):
        git(tmp_path, "ls-remote", f"{platform.url}/{REPOSITORY}.git")
    [asked] = platform.asked
    platform.undescribed.clear()  # git does not use the API
    assert asked.token is not None
    assert asked.token.startswith("basic ")
    assert "old" not in asked.token
    assert say(tmp_path, "config", "user.name") == "Ana"
    header = os.environ["GIT_CONFIG_VALUE_2"]
    assert TOKEN not in header
    platform.asked.clear()
    with pytest.raises(GitError):
        git(tmp_path, "ls-remote", f"{platform.url.replace('127.0.0.1', 'localhost')}/x.git")
    assert [each.token for each in platform.asked] == [None]
    platform.undescribed.clear()
    assert credentials(read({**here, "GITHUB_TOKEN": ""}), {}) == {}
    assert credentials(read(here), {})["GIT_CONFIG_COUNT"] == "2"
