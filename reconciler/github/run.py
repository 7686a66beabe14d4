"""The run: what a workflow was started for, from the runner's environment and the event's file.

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


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `ours`: its head is a branch of this repository, not of a fork."""

    number: int
    head: str
    base: str
    target: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow. `branch` is the branch it runs on, None for a pull request; `page`
    the address where a person reads it. `summary` and `output` are the runner's files."""

    event: str
    repository: str
    commit: str
    branch: str | None
    actor: str
    page: str
    api: str
    token: str
    summary: Path | None
    output: Path | None
    pull: Pull | None


def read(environment: Mapping[str, str]) -> Run:
    """The run that this is. Raises UsageError outside of GitHub Actions."""
    needed = ("GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH")
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise UsageError(
            f"`ci` is for a workflow of GitHub Actions, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. Elsewhere, use plan, apply and drift."
        )
    try:
        payload = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_bytes())
    except (OSError, ValueError):
        raise UsageError("The event that started this run cannot be read.") from None
    repository = environment["GITHUB_REPOSITORY"]
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    reference = environment.get("GITHUB_REF", "")
    heads = "refs/heads/"
    return Run(
        event=environment["GITHUB_EVENT_NAME"],
        repository=repository,
        commit=environment["GITHUB_SHA"],
        branch=reference.removeprefix(heads) if reference.startswith(heads) else None,
        actor=environment.get("GITHUB_ACTOR", ""),
        page=f"{server}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}",
        api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        token=environment.get("GITHUB_TOKEN", "").strip(),
        summary=_path(environment.get("GITHUB_STEP_SUMMARY")),
        output=_path(environment.get("GITHUB_OUTPUT")),
        pull=_pull(payload, repository),
    )


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def _pull(payload: Any, repository: str) -> Pull | None:  # noqa: ANN401 - JSON
    said = payload.get("pull_request") if isinstance(payload, Mapping) else None
    if said is None:
        return None
    try:
        head = said["head"]
        return Pull(
            number=int(said["number"]),
            head=str(head["sha"]),
            base=str(said["base"]["sha"]),
            target=str(said["base"]["ref"]),
            ours=(head.get("repo") or {}).get("full_name") == repository,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError("The event that started this run is no pull request's.") from None


def credentials(run: Run, environment: Mapping[str, str]) -> dict[str, str]:
    """What git needs to push to this run's repository with the run's own token, beside what the
    environment sets for git: the checkout keeps none, and a process's arguments can be read by
    others. If the checkout keeps one after all, the empty header takes it back: a server refuses
    two."""
    if not run.token:
        return {}
    said = b64encode(f"x-access-token:{run.token}".encode()).decode()
    server = run.page.partition(f"/{run.repository}/")[0]
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isascii() and count.isdigit() else 0
    made = {"GIT_CONFIG_COUNT": str(first + 2)}
    for number, value in enumerate(("", f"AUTHORIZATION: basic {said}"), first):
        made[f"GIT_CONFIG_KEY_{number}"] = f"http.{server}/.extraheader"
        made[f"GIT_CONFIG_VALUE_{number}"] = value
    return made
