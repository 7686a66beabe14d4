"""The files at a commit: what is there, and only that, whatever the work tree holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.store.refs import GitError, git
from reconciler.store.revision import checked_out

ME = ("-c", "user.name=Ana", "-c", "user.email=ana@agency.example")


def commit(folder: Path, message: str = "more") -> None:
    """Put everything into a commit."""
    git(folder, "add", "-A")
    git(folder, *ME, "commit", "-q", "-m", message)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit, and a work tree that says something else."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "agents" / "north").mkdir(parents=True)
    (tmp_path / "agents" / "a.yaml").write_text("externalId: a\n", "utf-8")
    (tmp_path / "agents" / "north" / "ț b.yml").write_text("externalId: ț\n", "utf-8")
    (tmp_path / "agents" / "note.txt").write_text("no agent", "utf-8")
    (tmp_path / "agents" / "link.yaml").symlink_to("/etc/hostname")
    (tmp_path / "empty.yaml").write_bytes(b"")
    commit(tmp_path)
    (tmp_path / "agents" / "a.yaml").write_text("externalId: other\n", "utf-8")
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    """All files below a folder."""
    found = [path for path in root.rglob("*") if path.is_file() or path.is_symlink()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


AS_COMMITTED = {
    "agents/a.yaml": b"externalId: a\n",
    "agents/north/ț b.yml": "externalId: ț\n".encode(),
    "empty.yaml": b"",
}


@pytest.mark.parametrize("reference", ["main", "HEAD", "refs/heads/main"])
def test_the_yaml_files_are_as_committed(folder: Path, reference: str) -> None:
    """Links are not followed, other files not looked at, and the work tree is as it was."""
    before = files(folder / "agents")
    with checked_out(folder, reference) as root:
        assert files(root) == AS_COMMITTED
        assert not root.is_relative_to(folder)
    assert not root.exists()
    assert files(folder / "agents") == before


def test_a_repository_in_a_subfolder_is_seen_from_there(folder: Path) -> None:
    """Names are relative to where the program looks."""
    with checked_out(folder / "agents" / "north", "HEAD") as root:
        assert files(root) == {"ț b.yml": "externalId: ț\n".encode()}


@pytest.mark.parametrize("reference", ["nowhere", "--output=/tmp/x", "", "main:agents"])
def test_what_is_no_commit_is_told(folder: Path, reference: str) -> None:
    """An unknown name, an option in disguise, a folder of a commit."""
    with pytest.raises(UsageError, match="There is no commit"), checked_out(folder, reference):
        pytest.fail("nothing is there")


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    """A folder that git does not know."""
    with pytest.raises(UsageError, match="There is no commit"), checked_out(tmp_path, "HEAD"):
        pytest.fail("nothing is there")


def test_git_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        git(tmp_path, "status")
