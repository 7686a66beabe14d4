"""The action: linters find nothing, its steps work, and it contains no logic."""

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
    """A value with its inputs expanded; this runner knows no other expressions."""

    def fill(found: re.Match[str]) -> str:
        place, _, name = found[1].partition(".")
        assert place == "inputs", found[0]
        return inputs[name]

    return re.sub(r"\$\{\{ (.*?) \}\}", fill, value)


def step(
    one: Mapping[str, Any], inside: Path, environment: Mapping[str, str], **given: str
) -> subprocess.CompletedProcess[str]:
    """Run a step as the runner does; `given` are the inputs without a default."""
    defaults = {
        name: each["default"] for name, each in ACTION["inputs"].items() if "default" in each
    }
    inputs = {
        **defaults,
        "token": "",
        **{key.replace("_", "-"): given[key] for key in given},
    }
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
    """The runner's temporary folder, with the program installed."""
    folder = tmp_path / "runner temp"
    (folder / "reconciler" / "bin").mkdir(parents=True)
    (folder / "reconciler" / "bin" / "reconciler").symlink_to(BIN / "reconciler")
    return folder


def test_linters_find_nothing(tmp_path: Path) -> None:
    """Zizmor at its second strictest level, GitHub's schema, and actionlint on a workflow that uses
    the action."""
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
    """All checks, including optional ones, apart from two of style."""
    script = tmp_path / "step.sh"
    script.write_text(one["run"] + "\n", "utf-8")
    lint("shellcheck", "--shell=bash", "--enable=all", "--exclude=SC2154,SC2250", script, inside=tmp_path)  # fmt: skip


def test_no_expression_is_in_a_shell_command() -> None:
    """Inputs are passed as variables, since an expression in `run` would become code."""
    for one in (INSTALL, RUN):
        assert "${{" not in one["run"]
    assert set(RUN["env"].values()) == {
        f"${{{{ inputs.{name} }}}}" for name in ("command", "working-directory", "token")
    }


def test_third_party_actions_are_pinned() -> None:
    """The same commit as in the workflows."""
    assert re.findall(r"uses: (.*)", FILE.read_text("utf-8")) == [PYTHON]


def written_outputs() -> Iterator[str]:
    """The outputs that `reconciler ci` sets, from its source."""
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


def test_the_outputs_are_those_of_the_program() -> None:
    """Each under the same name."""
    names = set(written_outputs())
    assert names >= {"changes", "update", "applied", "drift"}
    assert set(ACTION["outputs"]) == names
    for name, each in ACTION["outputs"].items():
        assert each["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
    assert RUN["id"] == "run"


def test_it_names_every_command() -> None:
    """In the description of the input."""
    for command in TEXTS:
        assert command in ACTION["inputs"]["command"]["description"]


def test_the_installation_gets_no_keys(tmp_path: Path) -> None:
    """This checkout is installed into a separate environment, and builds do not see the caller's
    keys."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit; fi\n'
        'printf "%s\\n" "$@" > "$RUNNER_TEMP/arguments"\n'
        'env > "$RUNNER_TEMP/env"\n'
    )
    python.chmod(0o755)
    keys = ["GITHUB_TOKEN", *(key for portal in PORTALS.values() for key in portal.secrets)]
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
    arguments = (tmp_path / "arguments").read_text().split("\n")
    assert arguments == ["-m", "pip", "install", "--quiet", "/the action", ""]
    assert (tmp_path / "reconciler" / "bin" / "python").exists()
    assert "hush" not in (tmp_path / "env").read_text()


def test_a_pull_request_through_the_action(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step with the real program, on a pull request from a fork, which needs no network."""
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
def test_other_commands_are_rejected(tmp_path: Path, temporary: Path, command: str) -> None:
    """By the program; the shell never runs them."""
    inside = tmp_path / "work"
    inside.mkdir()
    done = step(RUN, inside, {"RUNNER_TEMP": str(temporary)}, command=command)
    assert done.returncode != 0
    assert "No such command" in done.stderr
    assert list(inside.iterdir()) == []
