"""The program as a user runs it: one process, against simulated portals in another."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from agency import Agency, user

ROOT = Path(__file__).parent.parent.parent


class Shell:
    """A directory and an environment to run commands in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RENTIX", "RECONCILER"))
        }

    def run(self, *arguments: str, stdin: str | None = "") -> subprocess.CompletedProcess[str]:
        """Run `reconciler` and wait for it."""
        return subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def sandbox(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the sandbox and wait for its first line, after which it responds."""
        started = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "sandbox", "--port", "0", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        name, _, url = started.stdout.readline().strip().partition(" ")
        assert name == "rentix", started.stderr and started.stderr.read()
        self.environment |= {"RENTIX_URL": url, "RENTIX_API_KEY": "sandbox"}
        return started


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A repository and its own sandbox, which Ctrl-C stops in the end."""
    shell = Shell(tmp_path)
    load = {"rentix": [user(1, externalId="a-1", name="Ana"), user(2, externalId="a-2")]}
    (tmp_path / "live.json").write_text(json.dumps(load), "utf-8")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "ana.yaml").write_text("externalId: a-1\nname: Ana Rusu\n", "utf-8")
    served = shell.sandbox("--load", "live.json", "--db", "portal.sqlite")
    yield shell
    served.send_signal(signal.SIGINT)
    _, error = served.communicate(timeout=60)
    assert served.returncode == 0, error
    assert error == ""


def names(shell: Shell) -> list[str]:
    """The names of the agents in the database of the sandbox."""
    path = shell.folder / "portal.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [name for (name,) in database.execute("select name from rentix_users order by id")]


def test_plan_apply_plan(shell: Shell) -> None:
    """The plan shows the change, the apply makes it, and the next plan is empty."""
    plan = shell.run("plan", "--detailed-exitcode")
    assert plan.returncode == 2, plan.stderr
    assert "“Ana” → “Ana Rusu”" in plan.stdout
    assert "1 request (1 update), about 1 s" in plan.stdout
    assert names(shell)[0] == "Ana"
    done = shell.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Verified: 1 of 1 as declared" in done.stdout
    assert names(shell)[0] == "Ana Rusu"
    again = shell.run("plan", "--detailed-exitcode")
    assert again.returncode == 0
    assert again.stdout == (
        "Nothing to do: 1 agent is as declared.\nAccount on rentix: Sandbox Agency (1)\n"
    )


def test_apply_without_a_terminal_needs_yes(shell: Shell) -> None:
    """It sends nothing, and the error names --yes."""
    done = shell.run("apply")
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert names(shell)[0] == "Ana"


def test_json_is_alone_on_standard_output(shell: Shell) -> None:
    """Everything else goes to standard error."""
    for command in (("plan",), ("drift",), ("apply", "--dry-run"), ("apply", "--yes")):
        result = shell.run("-v", *command, "--format", "json")
        assert isinstance(json.loads(result.stdout), dict), command
        assert "GET /users: 200" in result.stderr


def test_a_missing_or_wrong_key(shell: Shell) -> None:
    """The error names the variable, and never shows its value."""
    del shell.environment["RENTIX_API_KEY"]
    without = shell.run("plan")
    assert (without.returncode, without.stdout) == (1, "")
    assert "RENTIX_API_KEY is not set" in without.stderr
    shell.environment["RENTIX_API_KEY"] = "not-the-key-of-this-portal"
    wrong = shell.run("-v", "plan")
    assert wrong.returncode == 1
    assert "Check RENTIX_API_KEY" in wrong.stderr
    assert "not-the-key-of-this-portal" not in wrong.stdout + wrong.stderr


def test_plain_http_is_for_loopback_only(shell: Shell) -> None:
    """Another address is refused before a key is sent."""
    shell.environment["RENTIX_URL"] = "http://crm.example/api/v1"
    result = shell.run("plan")
    assert result.returncode == 1
    assert "https" in result.stderr


def test_an_unreachable_portal(shell: Shell) -> None:
    """An error without a traceback, after a bounded number of retries."""
    (shell.folder / "sitecustomize.py").write_text(
        "import reconciler.net.transport as t\nt._backoff = lambda attempt: 0.0\n", "utf-8"
    )
    shell.environment |= {"RENTIX_URL": "http://127.0.0.1:9", "PYTHONPATH": str(shell.folder)}
    result = shell.run("-v", "plan")
    assert result.returncode == 1
    assert "could not connect" in result.stderr
    assert result.stderr.count("GET /users") == 6
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("plann",), "Did you mean plan?"),
        (("plan", "--formt", "json"), "--format"),
        (("plan", "--format", "xml"), "json"),
        (("plan", "--target", "a-11"), "Did you mean a-1?"),
        (("plan", "--portal", "nowhere"), "rentix"),
        (("-C", "nowhere", "plan"), "no such directory"),
        (("show", "nothing.json"), "cannot be read"),
        (("show", "agents/ana.yaml"), "not a saved plan"),
        (("--config", "nothing.yaml", "plan"), "nothing.yaml"),
    ],
)
def test_usage_errors(agency: Agency, arguments: tuple[str, ...], expected: str) -> None:
    """Exit code 1, and a message on standard error that helps."""
    agency.live(user(1, externalId="a-1"))
    agency.declare({"externalId": "a-1", "name": "Ana Rusu"}, file="ana.yaml")
    result = agency.run(*arguments)
    assert (result.code, result.out) == (1, "")
    assert expected in result.err


def test_demo(tmp_path: Path) -> None:
    """It imports nine agents, plans and applies changes of six on both portals, ends with an empty
    plan, and leaves no file."""
    result = Shell(tmp_path).run("demo")
    assert result.returncode == 0, result.stderr
    for text in (
        "rentix: 7 agents, 0 declared",
        "Wrote 7 new files for 9 agents",
        "agent-001",
        "contact_telegram",
        "is a unique match",
        "avatar",
        "agent-005",
        "agent-006",
        "publicProfileId",
        "deactivate",
        "Verified: 9 of 9 as declared",
        "Nothing to do: all agents are as declared on rentix and propertyfinder.",
    ):
        assert text in result.stdout, text
    assert list(tmp_path.iterdir()) == []


def saved(shell: Shell) -> Any:
    """Save a plan and return it."""
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    return json.loads((shell.folder / "plan.json").read_text("utf-8"))


def test_a_saved_plan_is_applied_as_it_was_shown(shell: Shell) -> None:
    """`show` prints what `plan` printed, and a second apply succeeds: it is not stale."""
    plan = saved(shell)
    shown = shell.run("show", "plan.json")
    assert shown.stdout == shell.run("plan").stdout
    assert json.loads(shell.run("show", "plan.json", "--format", "json").stdout) == plan
    done = shell.run("apply", "--plan", "plan.json", "--yes", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == plan["digest"]
    again = shell.run("apply", "--plan", "plan.json", "--yes")
    assert again.returncode == 0, again.stderr


def test_an_edited_plan_is_refused(shell: Shell) -> None:
    """One changed letter, and nothing is sent."""
    saved(shell)
    path = shell.folder / "plan.json"
    path.write_text(path.read_text("utf-8").replace("Ana Rusu", "Ana Rusa"), "utf-8")
    result = shell.run("apply", "--plan", "plan.json", "--yes")
    assert result.returncode == 1
    assert "was changed after it was saved" in result.stderr
    assert names(shell)[0] == "Ana"


def test_without_the_sandbox_extra(
    tmp_path: Path,
) -> None:
    """`--help` works; `demo` and `sandbox` say what to install."""
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no', name='uvicorn')", "utf-8")
    shell = Shell(tmp_path)
    shell.environment["PYTHONPATH"] = str(tmp_path)
    listing = shell.run("--help")
    assert (listing.returncode, listing.stderr) == (0, "")
    assert "demo" in listing.stdout
    for command in (("demo",), ("sandbox", "--port", "0")):
        result = shell.run(*command)
        assert result.returncode == 1
        assert "pip install '.[sandbox]'" in result.stderr
        assert "Traceback" not in result.stderr
