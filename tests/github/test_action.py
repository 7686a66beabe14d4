"""The action: four linters find nothing in it, its steps do what they say, and it has no logic."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from linters import BIN, lint
from repositories import commit, plain_git, repository, say
from ruamel.yaml import YAML

from reconciler.core.model import Plan
from reconciler.core.plan_json import counts
from reconciler.documents.config import Config
from reconciler.github.workflows import PYTHON, TEXTS
from reconciler.portals.registry import PORTALS
from reconciler.store.refs import git

ROOT = Path(__file__).parents[2]
FILE = ROOT / "action.yml"
ACTION = YAML(typ="safe").load(FILE)
SETUP, INSTALL, RUN = ACTION["runs"]["steps"]
EMPTY = Plan((), (), (), (), 0, 0, (), True, (), 0)
CALLER = """\
name: caller
on: push
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - id: it
        uses: ./
        with:
          command: plan
          working-directory: agencies/one
          python-version: "3.11"
          token: ${{ github.token }}
      - run: echo "$SAID"
        env:
          SAID: ${{ steps.it.outputs.changes }} ${{ steps.it.outputs.digest }}
"""
"""A workflow that uses it: actionlint checks an action where it is called."""


def filled(value: str, inputs: Mapping[str, str]) -> str:
    """A value with the inputs in it; any other expression is one that this runner does not know."""

    def fill(found: re.Match[str]) -> str:
        place, _, name = found[1].partition(".")
        assert place == "inputs", found[0]
        return inputs[name]

    return re.sub(r"\$\{\{ (.*?) \}\}", fill, value)


def step(
    one: Mapping[str, Any], inside: Path, environment: Mapping[str, str], **given: str
) -> subprocess.CompletedProcess[str]:
    """Run a step as the runner does; `given` are the inputs that have no default."""
    defaults = {
        name: each["default"] for name, each in ACTION["inputs"].items() if "default" in each
    }
    inputs = {**defaults, "token": "", **{key.replace("_", "-"): given[key] for key in given}}
    own = {name: filled(value, inputs) for name, value in one.get("env", {}).items()}
    assert one["shell"] == "bash"
    assert "${{" not in one["run"]
    script = inside.parent / "step.sh"
    script.write_text(one["run"], "utf-8")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=inside,
        env={"PATH": os.environ["PATH"], "HOME": str(inside.parent), **environment, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The runner's folder for a job, where the program is installed already."""
    folder = tmp_path / "runner temp"
    (folder / "reconciler" / "bin").mkdir(parents=True)
    (folder / "reconciler" / "bin" / "reconciler").symlink_to(BIN / "reconciler")
    return folder


def test_linters_find_nothing(tmp_path: Path) -> None:
    """Zizmor at its second strictest, GitHub's schema of actions, actionlint where it is called."""
    lint("zizmor", "--offline", "--no-progress", "--pedantic", FILE, inside=tmp_path)
    lint("check-jsonschema", "--builtin-schema", "vendor.github-actions", FILE, inside=tmp_path)
    git(tmp_path, "init", "-q")
    shutil.copy(FILE, tmp_path)
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "caller.yml").write_text(CALLER, "utf-8")
    lint("actionlint", "-shellcheck", BIN / "shellcheck", inside=tmp_path)


@pytest.mark.parametrize("one", [INSTALL, RUN], ids=["install", "run"])
def test_shellcheck_finds_nothing(one: Mapping[str, Any], tmp_path: Path) -> None:
    """Every check of shellcheck, the optional ones too, but braces and brackets of taste."""
    script = tmp_path / "step.sh"
    script.write_text(one["run"] + "\n", "utf-8")
    lint("shellcheck", "--shell=bash", "--enable=all", "--exclude=SC2154,SC2250", script, inside=tmp_path)  # fmt: skip


def test_nothing_is_put_into_a_shell() -> None:
    """Inputs reach the shell as variables: an expression in `run` would be a part of the program."""
    for one in (INSTALL, RUN):
        assert "${{" not in one["run"]
    assert set(RUN["env"].values()) == {
        f"${{{{ inputs.{name} }}}}" for name in ("command", "working-directory", "token")
    }


def test_other_peoples_actions_are_commits() -> None:
    """The one that it uses is that of the workflows."""
    assert re.findall(r"uses: (.*)", FILE.read_text("utf-8")) == [PYTHON]


def given() -> Iterator[str]:
    """What `reconciler ci` writes as outputs, by its own text: the keys, and the counts of a plan."""
    modules = sorted((ROOT / "reconciler" / "github").glob("*.py"))
    nodes = (node for each in modules for node in ast.walk(ast.parse(each.read_text("utf-8"))))
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "set_outputs":
                written = node.args[1]
                assert isinstance(written, ast.Dict)
                yield from (key.value for key in written.keys if isinstance(key, ast.Constant))
            if node.func.id == "counts":
                yield from counts(EMPTY)


def test_it_gives_what_the_program_gives() -> None:
    """Every output of `reconciler ci` is one of the action, under its own name."""
    names = set(given())
    assert names >= {"changes", "update", "applied", "drift"}
    assert set(ACTION["outputs"]) == names
    for name, each in ACTION["outputs"].items():
        assert each["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
    assert RUN["id"] == "run"


def test_it_names_every_command() -> None:
    """The input's description has the commands that there are."""
    for command in TEXTS:
        assert command in ACTION["inputs"]["command"]["description"]


def test_the_install_knows_no_keys(tmp_path: Path) -> None:
    """This very checkout is installed, into a place of its own, and what is built there sees none of
    the keys that the caller has given."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi\n'
        'printf "%s\\n" "$@" > "$RUNNER_TEMP/said"\n'
        'env > "$RUNNER_TEMP/env"\n'
    )
    python.chmod(0o755)
    sections = Config.model_validate({"portals": {name: {} for name in PORTALS}}).portals
    portals = [PORTALS[name](section=section) for name, section in sections.items()]
    keys = ["GITHUB_TOKEN", *(key for portal in portals for key in portal.secrets)]
    environment = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTION_PATH": "/the action",
        **dict.fromkeys(keys, "hush"),
    }
    inside = tmp_path / "work"
    inside.mkdir()
    done = step(INSTALL, inside, environment, command="plan")
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text().split("\n")
    assert said == ["-m", "pip", "install", "--quiet", "/the action", ""]
    assert (tmp_path / "reconciler" / "bin" / "python").exists()
    assert "hush" not in (tmp_path / "env").read_text()


def test_a_pull_request_through_the_action(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole step with the real program, on a fork's pull request: it needs no network."""
    plain_git(monkeypatch)
    root = repository(tmp_path / "work")
    base = say(root, "rev-parse", "HEAD")
    (root / "one of two" / "agents").mkdir(parents=True)
    (root / "one of two" / "agents" / "a.yaml").write_text("externalId: a\n", "utf-8")
    commit(root)
    head = {"sha": say(root, "rev-parse", "HEAD"), "repo": {"full_name": "stranger/agency"}}
    event = {"pull_request": {"number": 7, "head": head, "base": {"sha": base, "ref": "main"}}}
    (tmp_path / "event.json").write_text(json.dumps(event), "utf-8")
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    environment = {
        "RUNNER_TEMP": str(temporary),
        "GITHUB_REPOSITORY": "owner/agency",
        "GITHUB_SHA": head["sha"],
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(output),
    }
    done = step(RUN, root, environment, command="plan", working_directory="one of two")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 agent changed in the files" in summary.read_text("utf-8")
    assert not (root / "reconciler-plan").exists()


@pytest.mark.parametrize("command", ["", "destroy", "plan; touch here", "$(touch here)"])
def test_no_other_command(tmp_path: Path, temporary: Path, command: str) -> None:
    """What is no command is refused by the program, and is never one of the shell's."""
    inside = tmp_path / "work"
    inside.mkdir()
    done = step(RUN, inside, {"RUNNER_TEMP": str(temporary)}, command=command)
    assert done.returncode != 0
    assert "No such command" in done.stderr
    assert list(inside.iterdir()) == []
