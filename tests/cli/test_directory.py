"""`-C DIR`: every relative path is relative to DIR, as in git and make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from agency import Agency, user


@pytest.fixture
def elsewhere(agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, apart from a repository with one change."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_out_show_and_apply_use_one_directory(agency: Agency, elsewhere: Path) -> None:
    """A relative plan is saved in DIR, and `show` and `apply --plan` find it there."""
    assert agency.run("plan", "--out", "plan.json").code == 0
    assert (agency.root / "plan.json").exists()
    assert agency.run("show", "plan.json").code == 0
    assert agency.run("apply", "--plan", "plan.json", "--yes").code == 0
    assert agency.truth()[1].name == "Ana"
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "command", [("plan",), ("drift",), ("apply", "--dry-run"), ("apply", "--yes")]
)
def test_output_is_relative_to_it(
    agency: Agency, elsewhere: Path, command: tuple[str, ...]
) -> None:
    """Every command that writes a result."""
    agency.run(*command, "--format", "json", "--output", "result.json")
    assert json.loads((agency.root / "result.json").read_text("utf-8"))
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("by", ["option", "variable"])
def test_the_configuration_is_relative_to_it(agency: Agency, elsewhere: Path, by: str) -> None:
    """--config and RECONCILER_CONFIG name a file in DIR."""
    (agency.root / "other.yaml").write_text("agents: staff\n", "utf-8")
    (agency.root / "staff").mkdir()
    options = ("--config", "other.yaml") if by == "option" else ()
    if by == "variable":
        agency.environment["RECONCILER_CONFIG"] = "other.yaml"
    done = agency.run(*options, "validate")
    assert (done.code, done.out) == (0, "Valid: 0 agents in 0 files.\n"), done.err


def test_sandbox_files_are_relative_to_it(elsewhere: Path) -> None:
    """`--load` is read from DIR, and `--db` is written there."""
    folder = elsewhere / "portal"
    folder.mkdir()
    (folder / "live.json").write_text(json.dumps({"rentix": [user(1)]}), "utf-8")
    command = ["-C", "portal", "sandbox", "--port", "0", "--load", "live.json", "--db", "live.db"]
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        assert served.stdout.readline().startswith("rentix http://127.0.0.1:")
        served.terminate()
        served.communicate(timeout=60)
    assert (folder / "live.db").exists()
    assert not (elsewhere / "live.db").exists()


def test_a_second_one_is_relative_to_the_first(agency: Agency, elsewhere: Path) -> None:
    """`-C a -C b` is `-C a/b`; an absolute second one replaces the first."""
    assert agency.run("-C", "elsewhere", "-C", "..", "validate").code == 0
    assert agency.run("-C", "agents", "-C", str(agency.root), "validate").code == 0
    missing = agency.run("-C", "elsewhere", "-C", "agents", "validate")
    assert missing.code == 1
    assert "elsewhere/agents" in missing.err


def test_the_current_directory_is_restored(agency: Agency, elsewhere: Path) -> None:
    """Also after an error: whoever calls the program stays in their own directory."""
    agency.run("validate")
    agency.run("show", "missing.json")
    assert Path.cwd() == elsewhere


def test_messages_name_files_by_their_path_in_the_repository(
    agency: Agency, elsewhere: Path
) -> None:
    """As a person in DIR would name them."""
    (agency.root / "agents" / "b.yaml").write_text("externalId: b\nnme: B\n", "utf-8")
    assert "agents/b.yaml:2:1: " in agency.run("validate").err


def test_the_suggested_command_works_in_the_current_directory(
    agency: Agency, elsewhere: Path
) -> None:
    """What `plan --out` suggests repeats `-C`, quoted for a shell."""
    spaced = elsewhere / "two words"
    agency.root.joinpath("agents").rename(elsewhere / "agents")
    spaced.symlink_to(elsewhere)
    done = agency.run("-C", str(spaced), "plan", "--out", "plan.json")
    assert f"reconciler -C {agency.root} -C '{spaced}' apply --plan plan.json" in done.err


def test_an_unknown_directory(elsewhere: Path) -> None:
    """Exit code 1, with its name."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "-C", "missing", "plan"],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no such directory: missing" in done.stderr
