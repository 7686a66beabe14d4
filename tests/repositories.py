"""Git repositories for tests: real ones, with a remote on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.store.refs import git

ME = ("-c", "user.name=Ana", "-c", "user.email=ana@agency.example")
MAIN = ("-c", "init.defaultBranch=main")


def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the git settings and the identity of this computer's user."""
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", os.devnull)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)


def say(folder: Path, *arguments: str) -> str:
    """Run git and return its output as text."""
    return git(folder, *arguments).decode().strip()


def commit(folder: Path, message: str = "more") -> None:
    """Commit everything."""
    git(folder, "add", "-A")
    git(folder, *ME, "commit", "-q", "-m", message)


def repository(folder: Path) -> Path:
    """Create a repository with two commits of a file on main."""
    folder.mkdir(exist_ok=True)
    git(folder, *MAIN, "init", "-q")
    for text in ("one", "two"):
        (folder / "file.txt").write_text(text)
        commit(folder, text)
    return folder


def remote_of(source: Path, folder: Path) -> Path:
    """Create a bare copy of a repository."""
    git(source, "clone", "-q", "--bare", str(source), str(folder))
    return folder


def clone(remote: Path, folder: Path, *arguments: str) -> Path:
    """Clone a remote through git's protocol."""
    git(remote, "clone", "-q", *arguments, remote.as_uri(), str(folder))
    return folder


@contextmanager
def refusing(remote: Path, message: str = "not today") -> Iterator[None]:
    """Make a remote refuse every push."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho '{message}' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        yield
    finally:
        hook.unlink()


@contextmanager
def unreachable(remote: Path) -> Iterator[None]:
    """Make a remote unreachable by moving it."""
    moved = remote.with_name(f"{remote.name}.moved")
    remote.rename(moved)
    try:
        yield
    finally:
        moved.rename(remote)


def looks(folder: Path) -> tuple[object, ...]:
    """What a user sees of a work tree, to compare before and after.

    That is the files, the index, HEAD, its log and the references, without those of the program and
    without what git records about a branch that it pushed.
    """
    git_folder = Path(say(folder, "rev-parse", "--absolute-git-dir"))
    references = say(folder, "for-each-ref").split("\n")
    return (
        say(folder, "status", "--porcelain", "--ignored"),
        (git_folder / "index").read_bytes(),
        (git_folder / "HEAD").read_bytes(),
        (git_folder / "FETCH_HEAD").exists(),
        say(folder, "reflog", "show", "HEAD"),
        say(folder, "rev-parse", "--is-shallow-repository"),
        [line for line in references if "/reconciler" not in line],
    )
