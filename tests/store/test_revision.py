"""The files at a commit, whatever the work tree contains."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.store.refs import GitError, git
from reconciler.store.revision import checked_out

ME = ("-c", "user.name=Ana", "-c", "user.email=ana@agency.example")


def commit(folder: Path, message: str = "more") -> None:
    """Commit everything."""
    git(folder, "add", "-A")
    git(folder, *ME, "commit", "-q", "-m", message)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit and a changed work tree."""
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
def test_the_yaml_files_at_a_commit(folder: Path, reference: str) -> None:
    """Without links and other files; the work tree is not changed."""
    before = files(folder / "agents")
    with checked_out(folder, reference) as root:
        assert files(root) == AS_COMMITTED
        assert not root.is_relative_to(folder)
    assert not root.exists()
    assert files(folder / "agents") == before


def test_a_subfolder_of_a_repository(folder: Path) -> None:
    """Paths are relative to it."""
    with checked_out(folder / "agents" / "north", "HEAD") as root:
        assert files(root) == {"ț b.yml": "externalId: ț\n".encode()}


@pytest.mark.parametrize("reference", ["nowhere", "--output=/tmp/x", "", "main:agents"])
def test_an_unknown_commit(folder: Path, reference: str) -> None:
    """An unknown name, something like an option, a folder of a commit."""
    with pytest.raises(UsageError, match="There is no commit"), checked_out(folder, reference):
        pytest.fail("nothing is there")


def test_no_repository(tmp_path: Path) -> None:
    """Git's reason is shown: fetching would not help."""
    with pytest.raises(UsageError, match="not a git repository"), checked_out(tmp_path, "HEAD"):
        pytest.fail("nothing is there")


def test_repository_of_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that mounts the checkout; git's fix is shown."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    fix = "dubious ownership.*git config --global --add safe.directory"
    with pytest.raises(UsageError, match=fix), checked_out(folder, "HEAD"):
        pytest.fail("nothing is there")


def test_git_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitError."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        git(tmp_path, "status")
