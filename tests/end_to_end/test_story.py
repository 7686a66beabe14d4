"""The program as a user runs it: a process of its own, against a portal in another."""

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
from agency import user

ROOT = Path(__file__).parent.parent.parent


class Shell:
    """A folder and the environment in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RENTIX", "RECONCILER"))
        }

    def run(self, *arguments: str, stdin: str | None = "") -> subprocess.CompletedProcess[str]:
        """Run `reconciler` to its end."""
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
        """Start the sandbox; it answers once its first line is there."""
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
    """A repository and a sandbox of its own, which is ended by a signal as a user would."""
    made = Shell(tmp_path)
    load = {"rentix": [user(1, externalId="a-1", name="Ana"), user(2, externalId="a-2")]}
    (tmp_path / "live.json").write_text(json.dumps(load), "utf-8")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "ana.yaml").write_text("externalId: a-1\nname: Ana Rusu\n", "utf-8")
    served = made.sandbox("--load", "live.json", "--db", "portal.sqlite")
    yield made
    served.send_signal(signal.SIGINT)
    _, error = served.communicate(timeout=20)
    assert served.returncode == 0, error
    assert error == ""


def names(shell: Shell) -> list[str]:
    """The names that the portal has, from its own file."""
    path = shell.folder / "portal.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        return [name for (name,) in base.execute("select name from rentix_users order by id")]


def test_plan_apply_plan(shell: Shell) -> None:
    """The main job: the plan shows it, the apply does it, the next plan has nothing to do."""
    plan = shell.run("plan", "--detailed-exitcode")
    assert plan.returncode == 2, plan.stderr
    assert "“Ana” → “Ana Rusu”" in plan.stdout
    assert "1 request: 1 update; about 1 s" in plan.stdout
    assert names(shell)[0] == "Ana"
    done = shell.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "verified: 1 of 1 as declared" in done.stdout
    assert names(shell)[0] == "Ana Rusu"
    again = shell.run("plan", "--detailed-exitcode")
    assert again.returncode == 0
    assert again.stdout == "Nothing to do: 1 agent is as declared.\n"


def test_without_yes_nothing_is_sent_where_nobody_can_be_asked(shell: Shell) -> None:
    """`apply` refuses off a terminal, and says what to do."""
    done = shell.run("apply")
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert names(shell)[0] == "Ana"


def test_json_is_alone_on_standard_output(shell: Shell) -> None:
    """A program can read standard output as it is, whatever else is said."""
    for arguments in (("plan",), ("drift",), ("apply", "--dry-run"), ("apply", "--yes")):
        said = shell.run("-v", *arguments, "--format", "json")
        assert isinstance(json.loads(said.stdout), dict), arguments
        assert "GET /users: 200" in said.stderr


def test_no_key_no_request(shell: Shell) -> None:
    """Without the key the command ends with what to do; a wrong one is told as such, unseen."""
    del shell.environment["RENTIX_API_KEY"]
    without = shell.run("plan")
    assert (without.returncode, without.stdout) == (1, "")
    assert "RENTIX_API_KEY is not set" in without.stderr
    shell.environment["RENTIX_API_KEY"] = "not-the-key-of-this-portal"
    wrong = shell.run("-v", "plan")
    assert wrong.returncode == 1
    assert "Check RENTIX_API_KEY" in wrong.stderr
    assert "not-the-key-of-this-portal" not in wrong.stdout + wrong.stderr


def test_a_key_goes_over_plain_http_to_loopback_only(shell: Shell) -> None:
    """An address that would show the key on the wire is refused before anything is sent."""
    shell.environment["RENTIX_URL"] = "http://crm.example/api/v1"
    said = shell.run("plan")
    assert said.returncode == 1
    assert "https" in said.stderr


def test_nobody_answers(shell: Shell) -> None:
    """A portal that is not there is an error in words, after bounded tries."""
    (shell.folder / "sitecustomize.py").write_text(
        "import reconciler.net.transport as t\nt._backoff = lambda attempt: 0.0\n", "utf-8"
    )
    shell.environment |= {"RENTIX_URL": "http://127.0.0.1:9", "PYTHONPATH": str(shell.folder)}
    said = shell.run("-v", "plan")
    assert said.returncode == 1
    assert "could not connect" in said.stderr
    assert said.stderr.count("GET /users") == 6
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("plann",), "Did you mean plan?"),
        (("plan", "--formt", "json"), "--format"),
        (("plan", "--format", "xml"), "json"),
        (("plan", "--target", "a-11"), "Did you mean a-1?"),
        (("plan", "--portal", "nowhere"), "rentix"),
        (("-C", "nowhere", "plan"), "no folder"),
        (("show", "nothing.json"), "cannot be read"),
        (("show", "agents/ana.yaml"), "not a saved plan"),
        (("--config", "nothing.yaml", "plan"), "nothing.yaml"),
    ],
)
def test_a_slip_on_the_command_line(shell: Shell, arguments: tuple[str, ...], word: str) -> None:
    """Usage errors end with 1 and a word that helps, on standard error."""
    said = shell.run(*arguments)
    assert said.returncode == 1
    assert said.stdout == ""
    assert word in said.stderr
    assert "Traceback" not in said.stderr


def test_the_demo_tells_the_whole_story(tmp_path: Path) -> None:
    """Six agents that each need something else, the apply, and a plan that is empty."""
    said = Shell(tmp_path).run("demo")
    assert said.returncode == 0, said.stderr
    for what in (
        "agent-001",
        "contact_telegram",
        "is a unique match",
        "avatar",
        "agent-005",
        "agent-006",
        "publicProfileId",
        "deactivate",
        "verified: 9 of 9 as declared",
        "Nothing to do: all agents are as declared on rentix and propertyfinder.",
    ):
        assert what in said.stdout, what
    assert list(tmp_path.iterdir()) == []


def saved(shell: Shell) -> Any:
    """Save a plan and read it."""
    assert shell.run("plan", "--out", "plan.json").returncode == 0
    return json.loads((shell.folder / "plan.json").read_text("utf-8"))


def test_a_saved_plan_is_applied_as_it_was_shown(shell: Shell) -> None:
    """Save, show, apply: the same requests; applied twice it is done, not stale."""
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
    """One other letter in the file, and nothing is sent."""
    saved(shell)
    path = shell.folder / "plan.json"
    path.write_text(path.read_text("utf-8").replace("Ana Rusu", "Ana Rusa"), "utf-8")
    said = shell.run("apply", "--plan", "plan.json", "--yes")
    assert said.returncode == 1
    assert "was changed after it was saved" in said.stderr
    assert names(shell)[0] == "Ana"


def test_without_the_extra_the_help_is_there_and_the_sandbox_says_what_to_do(
    tmp_path: Path,
) -> None:
    """Installed without the sandbox's libraries: `--help` works, `demo` and `sandbox` say so."""
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no', name='uvicorn')", "utf-8")
    shell = Shell(tmp_path)
    shell.environment["PYTHONPATH"] = str(tmp_path)
    listing = shell.run("--help")
    assert (listing.returncode, listing.stderr) == (0, "")
    assert "demo" in listing.stdout
    for command in (("demo",), ("sandbox", "--port", "0")):
        said = shell.run(*command)
        assert said.returncode == 1
        assert "pip install '.[sandbox]'" in said.stderr
        assert "Traceback" not in said.stderr
