"""A workflow runner: GitHub's environment and files for a step, and what the step wrote to them."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from agency import Agency
from repositories import ME, clone, commit, remote_of, repository, say

from github.platform import FORK, REPOSITORY, TOKEN, Platform, zipped
from reconciler.store.refs import git

MERGED = "2026-01-02T00:00:00Z"
"""When pull requests are merged: after their plans were made."""


class Command(NamedTuple):
    """A workflow command as the runner parses it."""

    name: str
    properties: Mapping[str, str]
    message: str


def commands(log: str) -> list[Command]:
    """The commands in a step's output, in both syntaxes."""
    found, stopped = [], None
    for line in re.split("[\r\n]", log):
        new = re.match(r"\s*::([^\s:]+)(?: ([^:]*))?::(.*)", line)
        old = re.search(r"##\[([^\s\]]+)(?: ([^\]]*))?\](.*)", line)
        for fits, between in ((new, ","), (old, ";")):
            if fits is None:
                continue
            name, properties, message = fits.groups()
            if stopped is not None:
                stopped = None if name == stopped else stopped
            elif name == "stop-commands":
                stopped = message
            else:
                pairs = [each.partition("=") for each in (properties or "").split(between) if each]
                properties = {key: _plain(value) for key, _, value in pairs}
                found.append(Command(name, properties, _plain(message)))
            break
    return found


def _plain(text: str) -> str:
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def values(path: Path) -> dict[str, str]:
    """A step's outputs."""
    found, lines = {}, iter(path.read_text("utf-8").splitlines())
    for line in lines:
        name, _, word = line.partition("<<")
        content = []
        while (line := next(lines)) != word:
            content.append(line)
        found[name] = "\n".join(content)
    return found


@dataclass(frozen=True)
class Step:
    """The result of a step."""

    code: int
    out: str
    err: str
    summary: str
    outputs: dict[str, str]

    @property
    def notes(self) -> list[Command]:
        """The annotations."""
        return commands(self.out)

    def annotated(self, level: str) -> list[str]:
        """The messages of the annotations of a level."""
        return [each.message for each in self.notes if each.name == level]


@dataclass
class Project:
    """A repository on GitHub with its portal: people work in `desk`, steps run in `root`."""

    platform: Platform
    remote: Path
    desk: Agency
    runner: Agency
    folder: Path
    steps: int = 0
    all: list[Step] = field(default_factory=list)

    def head(self, branch: str = "main") -> str:
        """A branch's commit."""
        return say(self.remote, "rev-parse", f"refs/heads/{branch}")

    def push(self, message: str = "more", branch: str = "main") -> str:
        """Commit and push everything in `desk` to its current branch."""
        commit(self.desk.root, message)
        git(self.desk.root, "push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        return self.head(branch)

    def branch(self, name: str) -> None:
        """Start a branch at the head of main."""
        git(self.desk.root, "checkout", "-q", "-B", name, "main")

    def open(self, branch: str, **more: Any) -> int:
        """Open a pull request for what is in `desk`."""
        number = self.platform.new()
        self.platform.pulls[number] = {"number": number, "merged_at": None, **more}
        self.update(number, branch)
        return number

    def update(self, number: int, branch: str, message: str = "more") -> None:
        """Push what is in `desk` to a pull request's branch."""
        head = self.push(message, branch)
        self.platform.pulls[number] |= {
            "head": {"sha": head, "ref": branch, "repo": {"full_name": REPOSITORY}},
            "base": {"sha": self.head(), "ref": "main"},
        }

    def tried(self, number: int) -> str:
        """The test merge that GitHub creates for a pull request."""
        pull, root = self.platform.pulls[number], self.desk.root
        git(root, "checkout", "-q", "--detach", "main")
        git(root, *ME, "merge", "-q", "--no-ff", "-m", "try", pull["head"]["sha"])
        git(root, "push", "-q", "-f", "origin", f"HEAD:refs/pull/{number}/merge")
        sha = say(root, "rev-parse", "HEAD")
        git(root, "checkout", "-q", pull["head"]["ref"])
        return sha

    def merge(self, number: int, kind: str = "squash") -> str:
        """Merge a pull request in one of the three ways; returns the new head of main."""
        pull, root = self.platform.pulls[number], self.desk.root
        head, before = pull["head"]["sha"], self.head()
        git(root, "checkout", "-q", "main")
        if kind == "merge":
            git(root, *ME, "merge", "-q", "--no-ff", "-m", f"Merge #{number}", head)
        elif kind == "squash":
            git(root, *ME, "merge", "-q", "--squash", head)
            git(root, *ME, "commit", "-q", "-m", f"more (#{number})")
        else:
            git(root, *ME, "cherry-pick", "--allow-empty", f"main..{head}")
        git(root, "push", "-q", "origin", "main")
        for each in say(root, "rev-list", f"{before}..main").split():
            self.platform.commits.setdefault(each, []).append(number)
        pull["merged_at"] = MERGED
        return self.head()

    def run(self, *arguments: str, check_out: str, below: str = ".", **environment: str) -> Step:
        """Run a step in a fresh clone of a commit."""
        self.steps += 1
        here = self.folder / f"step-{self.steps}"
        here.mkdir()
        root = here / "work"
        git(here, "clone", "-q", "--no-checkout", str(self.remote), str(root))
        git(root, "checkout", "-q", "--detach", check_out)
        return self.step(*arguments, root=root / below, here=here, **environment)

    def step(
        self, *arguments: str, root: Path, here: Path | None = None, **environment: str
    ) -> Step:
        """Run a step in an existing work tree."""
        here = here or root.parent
        files = {name: here / name for name in ("summary", "output")}
        for path in files.values():
            path.write_text("")
        machine = Agency(
            root,
            self.runner.portal,
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": self.platform.api,
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": str(self.steps),
                "GITHUB_ACTOR": "ana",
                "GITHUB_TOKEN": TOKEN,
                "GITHUB_STEP_SUMMARY": str(files["summary"]),
                "GITHUB_OUTPUT": str(files["output"]),
                **self.runner.environment,
                **environment,
            },
        )
        with mock.patch.dict(os.environ):
            result = machine.run("ci", *arguments)
        step = Step(
            result.code,
            result.out,
            result.err,
            files["summary"].read_text(),
            values(files["output"]),
        )
        self.all.append(step)
        return step

    def event(self, payload: Mapping[str, Any]) -> str:
        """The event's file."""
        path = self.folder / f"event-{self.platform.new()}.json"
        path.write_text(json.dumps(payload), "utf-8")
        return str(path)

    def plan(self, number: int, *, upload: bool = True, **environment: str) -> Step:
        """Run the plan workflow for a pull request: the step, then the upload of its artifact."""
        pull = self.platform.pulls[number]
        sha = self.tried(number)
        out = self.out(number)
        step = self.run(
            *("plan", "--out", str(out)),
            check_out=sha,
            GITHUB_EVENT_NAME="pull_request",
            GITHUB_EVENT_PATH=self.event({"pull_request": pull}),
            GITHUB_SHA=sha,
            GITHUB_REF=f"refs/pull/{number}/merge",
            **environment,
        )
        if upload and step.code == 0 and "folder" in step.outputs:
            head = pull["head"]["sha"]
            content = zipped(
                plan_json=(out / "plan.json").read_bytes(),
                report_html=(out / "report.html").read_bytes(),
            )
            self.platform.keep(head, content)["name"] = step.outputs["artifact"]
        return step

    def out(self, number: int) -> Path:
        """The folder with a pull request's plan."""
        return self.folder / f"plan-{number}"

    def apply(self, commit: str | None = None, *, event: str = "push", **environment: str) -> Step:
        """Run the apply workflow for a commit of main."""
        commit = commit or self.head()
        return self.run(
            "apply",
            check_out=commit,
            **{
                "GITHUB_EVENT_NAME": event,
                "GITHUB_EVENT_PATH": self.event({"ref": "refs/heads/main"}),
                "GITHUB_SHA": commit,
                "GITHUB_REF": "refs/heads/main",
                **environment,
            },
        )

    def drift(self, below: str = ".") -> Step:
        """Run the drift workflow."""
        return self.run(
            "drift",
            check_out=self.head(),
            below=below,
            GITHUB_EVENT_NAME="schedule",
            GITHUB_EVENT_PATH=self.event({}),
            GITHUB_SHA=self.head(),
            GITHUB_REF="refs/heads/main",
        )

    def fork(self, number: int) -> None:
        """Turn it into a pull request from a fork."""
        self.platform.pulls[number]["head"]["repo"] = {"full_name": "stranger/agents", "id": FORK}


def project(agency: Agency, platform: Platform, folder: Path, first: Path) -> Project:
    """A project that starts as a copy of an existing one."""
    for name in ("remote.git", "desk"):
        shutil.copytree(first / name, folder / name)
    settings = folder / "desk" / ".git" / "config"
    settings.write_text(settings.read_text().replace(str(first), str(folder)))
    desk = Agency(folder / "desk", agency.portal)
    made = Project(platform, folder / "remote.git", desk, agency, folder)
    platform.head = lambda branch: made.head(branch) if branch == "main" else None
    return made


def lay_out(agency: Agency, folder: Path, *agents: Mapping[str, Any]) -> None:
    """A repository on GitHub whose main branch declares these agents and has applied them."""
    (repository(folder / "first") / "file.txt").unlink()
    remote = remote_of(folder / "first", folder / "remote.git")
    desk = Agency(clone(remote, folder / "desk"), agency.portal)
    desk.use(rentix={}, ledger="git:reconciler-ledger")
    desk.declare(*agents)
    commit(desk.root, "agents")
    git(desk.root, "push", "-q", "origin", "main")
    desk.apply()
