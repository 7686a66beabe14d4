"""Git repositories for tests: real ones, with a real remote on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.store.git import git

ME = ("-c", "user.name=Ana", "-c", "user.email=ana@agency.example")
MAIN = ("-c", "init.defaultBranch=main")


def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what this computer's user has set for git counts, an identity neither."""
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", os.devnull)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)


def say(folder: Path, *arguments: str) -> str:
    """What git says, as text."""
    return git(folder, *arguments).decode().strip()


def commit(folder: Path, message: str = "more") -> None:
    """Put everything into a commit."""
    git(folder, "add", "-A")
    git(folder, *ME, "commit", "-q", "-m", message)


def repository(folder: Path) -> Path:
    """A repository with two commits of a file, on main."""
    folder.mkdir(exist_ok=True)
    git(folder, *MAIN, "init", "-q")
    for text in ("one", "two"):
        (folder / "file.txt").write_text(text)
        commit(folder, text)
    return folder


def remote_of(source: Path, folder: Path) -> Path:
    """A bare repository that has what another one has."""
    git(source, "clone", "-q", "--bare", str(source), str(folder))
    return folder


def clone(remote: Path, folder: Path, *arguments: str) -> Path:
    """A clone of a remote, through git's own protocol."""
    git(remote, "clone", "-q", *arguments, remote.as_uri(), str(folder))
    return folder


@contextmanager
def refusing(remote: Path, words: str = "not today") -> Iterator[None]:
    """A remote that refuses every push."""
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        yield
    finally:
        hook.unlink()


@contextmanager
def unreachable(remote: Path) -> Iterator[None]:
    """A remote that is not where it was."""
    elsewhere = remote.with_name(f"{remote.name}.elsewhere")
    remote.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(remote)


def looks(folder: Path) -> tuple[object, ...]:
    """What a user sees of a work tree: the files, the index, HEAD, its log, and the references that
    are not the program's own (and not what git itself notes of a branch that it pushed)."""
    inside = Path(say(folder, "rev-parse", "--absolute-git-dir"))
    references = say(folder, "for-each-ref").split("\n")
    return (
        say(folder, "status", "--porcelain", "--ignored"),
        (inside / "index").read_bytes(),
        (inside / "HEAD").read_bytes(),
        (inside / "FETCH_HEAD").exists(),
        say(folder, "reflog", "show", "HEAD"),
        say(folder, "rev-parse", "--is-shallow-repository"),
        [each for each in references if "/reconciler" not in each],
    )
