"""The workflow run, from the runner's environment and the event's file.

Facts: GitHub's pages on default environment variables and on webhook events.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import UsageError

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request: its number, the SHAs of its head and base, and the branch to merge into.
    `from_fork`: its head is not a branch of this repository."""

    number: int
    head: str
    base: str
    target: str
    from_fork: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A workflow run. `branch` is None for a pull request; `url` is the page for people; `summary`
    and `output` are the runner's files. `unlock`: a person asked to release the lock first.
    `default_branch` is the repository's, None if the event does not name it."""

    event: str
    repository: str
    commit: str
    branch: str | None
    actor: str
    url: str
    api: str
    token: str
    summary: Path | None
    output: Path | None
    pull: PullRequest | None
    unlock: bool = False
    default_branch: str | None = None


def read(environment: Mapping[str, str]) -> Run:
    """The current run. Raises UsageError outside of GitHub Actions."""
    required = ("GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH")
    missing = [name for name in required if not environment.get(name)]
    if missing:
        raise UsageError(
            f"`ci` runs in GitHub Actions only: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. Elsewhere, use plan, apply and drift."
        )
    try:
        event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_bytes())
    except (OSError, ValueError):
        raise UsageError("The file of GITHUB_EVENT_PATH cannot be read.") from None
    repository = environment["GITHUB_REPOSITORY"]
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    reference = environment.get("GITHUB_REF", "")
    return Run(
        event=environment["GITHUB_EVENT_NAME"],
        repository=repository,
        commit=environment["GITHUB_SHA"],
        branch=reference.removeprefix(HEADS) if reference.startswith(HEADS) else None,
        actor=environment.get("GITHUB_ACTOR", ""),
        url=f"{server}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}",
        api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        token=environment.get("GITHUB_TOKEN", "").strip(),
        summary=_path(environment.get("GITHUB_STEP_SUMMARY")),
        output=_path(environment.get("GITHUB_OUTPUT")),
        pull=_pull_request(event, repository),
        unlock=_unlock(event),
        default_branch=_default_branch(event),
    )


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def _unlock(event: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a person set the input `unlock`. GitHub sends a boolean input as text."""
    inputs = event.get("inputs") if isinstance(event, Mapping) else None
    return isinstance(inputs, Mapping) and inputs.get("unlock") in (True, "true")


def _default_branch(event: Any) -> str | None:  # noqa: ANN401 - JSON
    repository = event.get("repository") if isinstance(event, Mapping) else None
    name = repository.get("default_branch") if isinstance(repository, Mapping) else None
    return name if isinstance(name, str) else None


def _pull_request(event: Any, repository: str) -> PullRequest | None:  # noqa: ANN401 - JSON
    """The pull request of an event, if it has one. Raises UsageError if it is malformed."""
    data = event.get("pull_request") if isinstance(event, Mapping) else None
    if data is None:
        return None
    try:
        head = data["head"]
        return PullRequest(
            number=int(data["number"]),
            head=str(head["sha"]),
            base=str(data["base"]["sha"]),
            target=str(data["base"]["ref"]),
            from_fork=(head.get("repo") or {}).get("full_name") != repository,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(
            "The pull request in the file of GITHUB_EVENT_PATH is malformed."
        ) from None


def credentials(run: Run, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that let git push to this run's repository with the run's token, in addition to
    those that already configure git.

    The token is not an argument, since other users can read those. The empty first header removes
    one that the checkout may have left: a server rejects two.
    """
    if not run.token:
        return {}
    basic = b64encode(f"x-access-token:{run.token}".encode()).decode()
    server = run.url.partition(f"/{run.repository}/")[0]
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isascii() and count.isdigit() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + 2)}
    for number, value in enumerate(("", f"AUTHORIZATION: basic {basic}"), first):
        variables[f"GIT_CONFIG_KEY_{number}"] = f"http.{server}/.extraheader"
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
