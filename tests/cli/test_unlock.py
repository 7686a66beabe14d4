"""`unlock`: shows whose lock it is, asks, and releases it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from agency import Agency, user
from repositories import clone, commit, plain_git, remote_of, repository, say

from reconciler.store import open_store
from reconciler.store.branch import Shared
from reconciler.store.holder import this_process
from reconciler.store.lock import LockWait
from reconciler.store.refs import git

PLACE = "git:reconciler-ledger"


@pytest.fixture
def clones(agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Agency]:
    """Two clones of an agency whose ledger is on a branch."""
    plain_git(monkeypatch)
    source = Agency(repository(tmp_path / "source"), agency.portal)
    source.use(rentix={}, ledger=PLACE)
    commit(source.root)
    remote = remote_of(source.root, tmp_path / "remote.git")
    return [Agency(clone(remote, tmp_path / name), agency.portal) for name in "ab"]


def claims(agency: Agency) -> str:
    """The locks on the remote."""
    return say(agency.root, "ls-remote", "origin", "refs/reconciler/*")


@pytest.fixture
def dead(clones: list[Agency]) -> Agency:
    """A clone; on its remote, someone on another machine holds the lock."""
    store = open_store(clones[0].root, PLACE)
    assert isinstance(store, Shared)
    holder = replace(this_process(), host="laptop-of-ana", user="ana", boot="another")
    new = store.branch.refs.empty_commit(holder.to_line())
    git(clones[0].root, "push", "-q", "origin", f"{new}:{store.branch.claim}")
    return clones[1]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """A terminal where someone gives this answer."""

    def answer(yes: bool) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("click.confirm", lambda *_, **__: yes)

    return answer


def test_a_lock_is_shown_and_released(dead: Agency, terminal: Callable[[bool], None]) -> None:
    """After a yes; the second time there is none."""
    terminal(True)
    result = dead.run("unlock")
    assert (result.code, result.err, claims(dead)) == (0, "", "")
    assert f"laptop-of-ana, process {os.getpid()}, since" in result.out
    assert "by ana" in result.out
    again = dead.run("unlock", "--yes")
    assert (again.code, again.out) == (0, "No apply holds the lock.\n")


def test_a_no_releases_nothing(dead: Agency, terminal: Callable[[bool], None]) -> None:
    """Nor does a run without a terminal, which names the option."""
    result = dead.run("unlock")
    assert (result.code, "--yes" in result.err) == (1, True)
    terminal(False)
    result = dead.run("unlock")
    assert (result.code, result.err) == (1, "Nothing was released.\n")
    assert claims(dead) != ""


def test_files_with_errors_do_not_matter(dead: Agency) -> None:
    """Only the configuration is read."""
    (dead.root / "agents").mkdir()
    (dead.root / "agents" / "broken.yaml").write_text("[")
    assert dead.run("unlock", "--yes").code == 0
    assert claims(dead) == ""


def test_the_next_apply_is_not_kept_out(dead: Agency) -> None:
    """It takes the lock at once, and says nothing about the former one."""
    dead.live(user(1, externalId="a"))
    dead.declare({"externalId": "a", "name": "Ana"})
    assert dead.run("unlock", "--yes").code == 0
    result = dead.run("apply", "--yes")
    assert (result.code, result.err) == (0, "")
    assert claims(dead) == ""


@pytest.mark.parametrize("place", [".reconciler/ledger.json", "git:other"])
def test_a_process_in_this_folder(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Its lock ends with it: an error names it and says so."""
    plain_git(monkeypatch)
    repository(agency.root)
    agency.use(rentix={}, ledger=place)
    assert agency.run("unlock", "--yes").out == "No apply holds the lock.\n"
    with open_store(agency.root, place).lock(LockWait(print, print)):
        result = agency.run("unlock", "--yes")
        assert result.code == 1
        assert f"process {os.getpid()}, since" in result.out
        assert "ends with its process" in result.err


def test_a_process_in_this_clone(clones: list[Agency]) -> None:
    """Its lock on the remote is released; a note says that it still runs here."""
    with open_store(clones[0].root, PLACE).lock(LockWait(print, print)):
        result = clones[0].run("unlock", "--yes")
        assert (result.code, claims(clones[0])) == (0, "")
        assert "until that process ends" in result.err
    assert clones[0].run("unlock", "--yes").out == "No apply holds the lock.\n"
