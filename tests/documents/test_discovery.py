"""Finding the files: symbolic links, pipes and folders that cannot be read."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from agency import Agency

from reconciler.documents.discovery import content

from .cases import Expected, check
from .conftest import check_command, outcome, write_agents

A = "externalId: a\n"
BROKEN = (["broken symbolic link"], ["delete it"])
OUTSIDE = (["symbolic link", "outside the repository"], ["copy"])
NOT_REGULAR = ["not a regular file"]
CREATE = ["reconciler init", "`agents`"]


def link_to_text(root: Path) -> None:
    """Link to a file that is not YAML."""
    (root / "n.txt").touch()
    (root / "agents/n.txt").symlink_to("../n.txt")


def link_twice(root: Path) -> None:
    """Write a file and link to it under another name."""
    write_agents(root, {"a.yaml": A})
    (root / "agents/b.yaml").symlink_to("a.yaml")


def bind_socket(root: Path) -> None:
    """Put a socket in place of a file. Paths of sockets must be short, hence the relative name."""
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(root / "agents")
        try:
            bound.bind("a.yaml")
        finally:
            os.chdir(here)


def replace_folder(create: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a function that puts something else in place of the folder of agents."""

    def replace(root: Path) -> None:
        (root / "agents").rmdir()
        create(root / "agents")

    return replace


def nested_links(root: Path) -> None:
    """Create 16 folders with two links each to the next: 65,536 paths to the last."""
    for number in range(16):
        (root / f"agents/f{number:02}").mkdir()
        for name in "ab":
            (root / f"agents/f{number:02}/{name}").symlink_to(f"../f{number + 1:02}")
    write_agents(root, {"f16/a.yaml": A})


FOUND: dict[str, tuple[Callable[[Path], object], list[dict[str, Any]]]] = {
    "link to a text file": (link_to_text, []),
    "folder named like a file": (lambda root: (root / "agents/a.yaml").mkdir(), []),
    "file in a folder named like a file": (
        lambda root: write_agents(root, {"a.yaml/b.yaml": A}),
        [{"externalId": "a"}],
    ),
}
REFUSED: dict[str, tuple[Callable[[Path], object], Expected]] = {
    "link to itself": (
        lambda root: (root / "agents/a.yaml").symlink_to("a.yaml"),
        Expected("agents/a.yaml:1:1", *BROKEN),
    ),
    "link to itself that might be a folder": (
        lambda root: (root / "agents/team").symlink_to("team"),
        Expected("agents/team:1:1", *BROKEN),
    ),
    "link to a missing folder": (
        lambda root: (root / "agents/team").symlink_to("../team"),
        Expected("agents/team:1:1", *BROKEN),
    ),
    "link to a device": (
        lambda root: (root / "agents/a.yaml").symlink_to("/dev/zero"),
        Expected("agents/a.yaml:1:1", *OUTSIDE),
    ),
    "link to a system folder": (
        lambda root: (root / "agents/team").symlink_to("/etc"),
        Expected("agents/team:1:1", *OUTSIDE),
    ),
    "link to another file of the folder": (
        link_twice,
        Expected("agents/b.yaml:1:13", ["`externalId`", "agents/a.yaml:1"], ["delete"]),
    ),
    "pipe": (
        lambda root: os.mkfifo(root / "agents/a.yaml"),
        Expected("agents/a.yaml:1:1", NOT_REGULAR),
    ),
    "socket": (bind_socket, Expected("agents/a.yaml:1:1", NOT_REGULAR)),
    "file in place of the folder": (
        replace_folder(Path.touch),
        Expected("agents:1:1", ["agents", "is not a directory"], CREATE),
    ),
    "link to itself in place of the folder": (
        replace_folder(lambda path: path.symlink_to("agents")),
        Expected("agents:1:1", ["agents", "does not exist"], CREATE),
    ),
    "file name that is not UTF-8": (
        lambda root: os.close(os.open(os.fsencode(root) + b"/agents/\xff.yaml", os.O_CREAT)),
        Expected("agents/\\udcff.yaml:1:1", ["file name", "invisible"], ["rename the file"]),
    ),
}


@pytest.mark.parametrize(("lay_out", "expected"), FOUND.values(), ids=FOUND)
def test_found(
    agency: Agency, lay_out: Callable[[Path], object], expected: list[dict[str, Any]]
) -> None:
    """Only YAML files count, whatever the names of folders."""
    (agency.root / "agents").mkdir()
    lay_out(agency.root)
    assert outcome(agency.root) == (expected, [])
    check_command(agency, [])


@pytest.mark.parametrize(("lay_out", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(agency: Agency, lay_out: Callable[[Path], object], expected: Expected) -> None:
    """Nothing outside the repository is read, and nothing that would block."""
    (agency.root / "agents").mkdir()
    lay_out(agency.root)
    agents, problems = outcome(agency.root)
    assert agents == []
    check(problems, [expected])
    check_command(agency, problems)


def test_deep_folders(agency: Agency) -> None:
    """A file below 1,100 nested folders is found."""
    (agency.root / "agents").mkdir()
    at = os.open(agency.root / "agents", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("f", dir_fd=at)
        below = os.open("f", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("a.yaml", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(file, A.encode())
    for each in (file, at):
        os.close(each)
    try:
        assert outcome(agency.root) == ([{"externalId": "a"}], [])
    finally:  # pytest's own cleanup would exceed the recursion limit
        subprocess.run(["rm", "-rf", agency.root / "agents"], check=True)


def test_nested_links(agency: Agency) -> None:
    """Folders that link to each other are read once, however many paths lead there."""
    (agency.root / "agents").mkdir()
    nested_links(agency.root)
    start = time.process_time()
    agents, problems = outcome(agency.root)
    assert time.process_time() - start < 2
    assert agents == []
    assert len(problems) < 100
    [second] = [each for each in problems if each.file == "agents/f00/b"]
    Expected("agents/f00/b:1:1", ["another", "same target"], ["delete one"]).check(second)


@pytest.mark.parametrize("below", ["agents", "agents/new/north"])
def test_inside_the_folder_of_agents(agency: Agency, below: str) -> None:
    """Run inside the folder of agents: the hint says where to run instead."""
    write_agents(agency.root, {"new/north/a.yaml": A})
    done = agency.run("-C", below, "validate")
    up = os.path.relpath(agency.root, agency.root / below)
    assert done.code == 1
    assert "run this from the parent folder, or use -C DIR" in done.err
    assert f"-C {up}\n" in done.err
    assert agency.run("-C", below, "-C", up, "validate").code == 0


def test_wrong_folder(agency: Agency) -> None:
    """Run where no agents are, here or above."""
    done = agency.run("plan")
    assert done.code == 1
    for fix in (*CREATE, "run this from the parent folder, or use -C DIR"):
        assert fix in done.err


def test_similar_files_are_mentioned_once(agency: Agency) -> None:
    """Backups, JSON and hidden files beside agents' files: one note for all of them."""
    similar = ["a.yaml.bak", "a.json", ".b.yaml", "new/c.yml~", ".c.yaml.swp"]
    others = ["README.md", ".gitkeep", ".DS_Store", ".yamllint", ".git/x.yaml", "ivan.jpg"]
    write_agents(agency.root, {"a.yaml": A} | dict.fromkeys([*similar, *others], A))
    for command in ("validate", "plan", "drift"):
        done = agency.run(command)
        assert done.code == 0, done.err
        notes = [line for line in done.err.splitlines() if "Not read" in line]
        assert len(notes) == 1
        for name in similar:
            assert notes[0].count(name) == 1
        assert not any(name in notes[0] for name in others)


def test_many_similar_files(agency: Agency) -> None:
    """The note stays short."""
    write_agents(agency.root, {f"{number}.json": A for number in range(40)})
    assert " and 35 more" in agency.run("validate").err


def test_unreadable_folder(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without read permission is one problem; the other files are read."""
    write_agents(agency.root, {"closed/a.yaml": A, "b.yaml": "id: x\n"})
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    _, problems = outcome(agency.root)
    expected = [
        Expected("agents/b.yaml:1:5", ["`id`", "whole number"], ["externalId"]),
        Expected("agents/closed:1:1", ["cannot read the directory", "Permission denied"]),
    ]
    check(problems, expected)


def test_file_that_vanishes(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is deleted during the run is a problem of that file."""
    write_agents(agency.root, {"a.yaml": A, "b.yaml": A.replace("a\n", "b\n")})

    def delete_and_read(path: str) -> bytes:
        Path(path).unlink()
        return content(path)

    monkeypatch.setattr("reconciler.documents.agents.content", delete_and_read)
    agents, problems = outcome(agency.root)
    assert agents == []
    message: Sequence[str] = ["No such file or directory"]
    check(problems, [Expected(f"agents/{name}.yaml:1:1", message) for name in "ab"])


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "agents/../../elsewhere"])
def test_folder_outside_the_repository(agency: Agency, folder: str) -> None:
    """The folder of agents must be in the repository, whatever its path looks like."""
    (agency.root.parent / "elsewhere").mkdir(exist_ok=True)
    (agency.root / "agents").mkdir()
    agency.use(rentix={}, agents=folder)
    result = agency.run("validate")
    assert result.code == 1
    assert f"{folder}:1:1: the directory is outside the repository" in result.err
