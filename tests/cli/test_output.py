"""Where results go: files are replaced at once, devices and pipes are written to, and a file of the
repository is never replaced."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from agency import KEY, Agency, user
from zygote import Start

Options = tuple[str, ...]
PLAN_OUT = ("plan", "--out")
WRITERS: list[Options] = [
    PLAN_OUT,
    ("plan", "--output"),
    ("drift", "--output"),
    ("apply", "--yes", "--output"),
    ("apply", "--dry-run", "--output"),
]


@pytest.fixture
def one(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Agency:
    """A repository with one change; its directory is the current one."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    agency.configure()
    monkeypatch.chdir(agency.root)
    return agency


# Devices and pipes


@pytest.mark.parametrize("command", WRITERS)
def test_a_pipe_is_written_to(one: Agency, command: Options) -> None:
    """It stays a pipe, and its reader gets the result, all of it at once."""
    os.mkfifo("pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(Path("pipe").read_bytes()))
    reader.start()
    result = one.run(*command, "pipe", "--format", "json")
    reader.join()
    assert result.code in (0, 2), result.err
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    assert json.loads(found[0])["digest"]


@pytest.mark.parametrize("command", WRITERS)
def test_a_device_is_written_to(one: Agency, command: Options) -> None:
    """`/dev/null` stays a device, also if the user could replace it, and through a link."""
    Path("link").symlink_to(os.devnull)
    for path in (os.devnull, "link"):
        assert one.run(*command, path).code in (0, 2)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert Path("link").is_symlink()


def test_a_plan_on_a_full_device_is_an_error(one: Agency) -> None:
    """Exit code 1, and the message names the device and the reason."""
    for option in ("--out", "--output"):
        result = one.run("plan", option, "/dev/full")
        assert result.code == 1
        assert "/dev/full" in result.err
        assert "No space left" in result.err


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("option", ["--out", "--output"])
def test_standard_output_by_its_path(
    one: Agency, start: Start, tmp_path: Path, path: str, option: str
) -> None:
    """Also if it is a file: it is not replaced, and what was written before stays."""
    if path == "link":
        path = str(tmp_path / "link")
        Path(path).symlink_to("/dev/stdout")
    environment = {"RENTIX_URL": one.portal.url, "RENTIX_API_KEY": KEY}
    arguments = ["-C", str(one.root), "plan", "--format", "json", option, path]
    process = start(arguments, environment)
    assert process.end() == 0, process.err
    decoder = json.JSONDecoder()
    first, end = decoder.raw_decode(process.out)
    assert first["digest"]
    rest = process.out[end:].strip()
    assert json.loads(rest) == first if option == "--out" else rest == ""
    assert "apply --plan" not in process.err


def test_process_substitution(one: Agency) -> None:
    """`--out >(cat)` as a shell runs it, with the descriptor of a pipe."""
    reading, writing = os.pipe()
    result = one.run("plan", "--out", f"/dev/fd/{writing}")
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert json.loads(file.read())["digest"]
    assert result.code == 0


# Files


@pytest.mark.parametrize("command", WRITERS)
def test_a_file_is_replaced_at_once(
    one: Agency, monkeypatch: pytest.MonkeyPatch, command: Options
) -> None:
    """If that fails, the old file is still there, and no other one. A link to it stays a link, and
    its mode is kept."""
    Path("result").write_text("old", "utf-8")
    Path("result").chmod(0o600)
    Path("link").symlink_to("result")
    names = sorted(Path().iterdir())
    whole = os.replace

    def fail(old: Path, new: Path) -> None:
        if new.name == "result":
            raise OSError(28, "No space left on device")
        whole(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        result = one.run(*command, "link")
    assert "No space left" in result.err
    assert Path("result").read_text("utf-8") == "old"
    assert sorted({*Path().iterdir()} - {Path(".reconciler")}) == names
    assert one.run(*command, "link").code in (0, 2)
    assert Path("link").is_symlink()
    assert len(Path("result").read_text("utf-8")) > 10
    assert stat.S_IMODE(Path("result").stat().st_mode) == 0o600


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("path", ["nowhere/result", "agents", "reconciler.yaml/result"])
def test_an_impossible_path_is_an_error_before_anything_is_read(
    one: Agency, command: Options, path: str
) -> None:
    """The message names the path; nothing is created."""
    names = sorted(Path().iterdir())
    result = one.run(*command, path)
    assert result.code == 1
    assert path in result.err
    assert sorted(Path().iterdir()) == names
    assert one.calls() == []


# Files of the repository

Disguise = Callable[[Path], str]


def as_it_is(path: Path) -> str:
    """Its own path."""
    return str(path)


def spelled_otherwise(path: Path) -> str:
    """Its path through another directory."""
    return f"agents/../{os.path.relpath(path)}"


def symbolic(path: Path) -> str:
    """A symbolic link to it."""
    Path("symbolic").symlink_to(path)
    return "symbolic"


def hard(path: Path) -> str:
    """A hard link to it."""
    os.link(path, "hard")
    return "hard"


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("disguise", [as_it_is, spelled_otherwise, symbolic, hard])
@pytest.mark.parametrize(
    "name", ["agents/agents.yaml", "reconciler.yaml", ".reconciler/ledger.json"]
)
def test_a_file_of_the_repository_is_never_replaced(
    one: Agency, command: Options, disguise: Disguise, name: str
) -> None:
    """An agent's file, the configuration, the ledger: the message names it, and no portal is
    read."""
    one.ledger.parent.mkdir()
    one.ledger.write_text('{"version": 1, "portals": {}}', "utf-8")
    content = Path(name).read_bytes()
    result = one.run(*command, disguise(one.root / name))
    assert result.code == 1
    assert name in result.err
    assert command[-1] in result.err
    assert Path(name).read_bytes() == content
    assert one.calls() == []


@pytest.mark.parametrize("name", ["agents/new.yaml", "agents/north/new.YML"])
def test_a_result_never_becomes_an_agents_file(one: Agency, name: str) -> None:
    """The next run would read it."""
    Path("agents/north").mkdir()
    result = one.run("plan", "--output", name)
    assert result.code == 1
    assert name in result.err
    assert not Path(name).exists()


@pytest.mark.parametrize("name", [".reconciler/ledger.json", ".reconciler/Ledger.JSON"])
def test_a_ledger_that_does_not_exist_yet(one: Agency, name: str) -> None:
    """In any letter case, because the file system may not distinguish it."""
    Path(".reconciler").mkdir()
    result = one.run("plan", "--out", name)
    assert result.code == 1
    assert "ledger" in result.err
    assert list(Path(".reconciler").iterdir()) == []


def test_another_configuration(one: Agency) -> None:
    """The one in use, and the default one."""
    Path("other.yaml").write_text("agents: agents\n", "utf-8")
    for name in ("other.yaml", "reconciler.yaml"):
        result = one.run("--config", "other.yaml", "plan", "--output", name)
        assert (result.code, "configuration" in result.err) == (1, True)


@pytest.mark.parametrize("valid", [True, False])
def test_show_replaces_no_file_of_the_repository(one: Agency, valid: bool) -> None:
    """Whether or not the configuration is valid."""
    one.run("plan", "--out", "plan.json")
    if not valid:
        Path("reconciler.yaml").write_text("nonsense: 1\n", "utf-8")
    for name in ("agents/agents.yaml", "reconciler.yaml"):
        content = Path(name).read_bytes()
        assert one.run("show", "plan.json", "--output", name).code == 1
        assert Path(name).read_bytes() == content
    assert one.run("show", "plan.json", "--output", "copy.txt").code == 0


def test_other_files_can_be_written(one: Agency) -> None:
    """Beside the agents' files, and beside the ledger."""
    Path(".reconciler").mkdir()
    for path in ("agents/report.html", ".reconciler/plan.json", "plan.yaml", "agents.yaml"):
        assert one.run("plan", "--output", path).code == 0
        assert Path(path).exists()


def test_two_results_in_one_file(one: Agency) -> None:
    """One would replace the other."""
    Path("link").symlink_to("plan.json")
    for other in ("plan.json", "./plan.json", "link"):
        result = one.run("plan", "--out", "plan.json", "--output", other)
        assert result.code == 1
        assert "--out and --output" in result.err
    assert one.run("plan", "--out", os.devnull, "--output", os.devnull).code == 0


# Usage errors


def test_usage_errors_look_like_all_others(one: Agency) -> None:
    """An unknown option, a missing argument, a wrong value, an unknown subcommand."""
    for words in (["plan", "--bogus"], ["show"], ["plan", "--format", "x"], ["ci", "bogus"]):
        result = one.run(*words)
        assert result.code == 1
        assert "\nerror: " in result.err
        assert "Error:" not in result.err
        assert "Usage: reconciler" in result.err


def test_the_report_follows_the_plan_after_a_blank_line(one: Agency) -> None:
    """In the output of `apply`."""
    plan = one.run("plan").out
    report = one.run("apply", "--yes").out.removeprefix(plan)
    assert report.startswith("\n")
    assert not report.startswith("\n\n")
