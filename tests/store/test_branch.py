"""The ledger on a branch of one repository; nothing else in it changes."""

from __future__ import annotations

import pytest
from repositories import (
    commit,
    looks,
    repository,
    say,
)

from reconciler.errors import ConfigError
from reconciler.store import open_store
from reconciler.store.branch import Local, Shared
from reconciler.store.ledger import LedgerChanged, StoredLedger, text
from reconciler.store.refs import git

from .branches import PLACE, REF, commit_on_branch, history, ledger_of, load, save
from .test_ledger import KEPT

# Without a remote


def test_a_missing_branch_is_an_empty_ledger(single):
    """No note, and loading does not create the branch."""
    assert open_store(single, PLACE).load() == StoredLedger({}, None, None)
    assert say(single, "for-each-ref", REF) == ""


def test_the_first_save_creates_the_branch(single):
    """A root commit with one file in the usual format; its message describes the apply."""
    before = looks(single)
    assert save(single, KEPT, "Applied: 2 update; 1 failed") is None
    assert load(single) == KEPT
    assert git(single, "show", f"{REF}:ledger.json") == text(KEPT)
    assert say(single, "ls-tree", "-r", "--name-only", REF) == "ledger.json"
    assert history(single) == ["Applied: 2 update; 1 failed"]
    assert looks(single) == before


def test_each_save_is_a_commit(single):
    """An unchanged ledger makes no commit."""
    save(single, ledger_of(a1="x"), "first")
    save(single, ledger_of(a1="x"), "nothing new")
    save(single, ledger_of(a1="y"), "second")
    assert history(single) == ["second", "first"]
    assert load(single) == ledger_of(a1="y")


@pytest.mark.parametrize("first", [True, False])
def test_a_moved_branch_is_not_overwritten(single, first):
    """Neither a new branch nor an updated one."""
    if not first:
        save(single, ledger_of(a1="x"))
    store = open_store(single, PLACE)
    kept = store.load()
    save(single, ledger_of(a1="other"))
    with pytest.raises(LedgerChanged):
        store.save(ledger_of(a1="mine"), kept, "")
    assert load(single) == ledger_of(a1="other")


def test_a_locked_branch_is_reported(single):
    """Another process's lock file: a message, not LedgerChanged."""
    (single / ".git" / "refs" / "heads" / "reconciler-ledger.lock").touch()
    message = save(single, ledger_of(a1="x"))
    assert message.startswith("The ledger git:reconciler-ledger could not be written (")
    assert message.endswith("); the next plan may send values again that it cannot compare.")


def test_no_repository_is_an_error(tmp_path, monkeypatch):
    """ConfigError, also if git is not installed."""
    with pytest.raises(
        ConfigError, match=r"needs a git repository, and .* is not in one \(not a git"
    ):
        open_store(tmp_path, PLACE)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="git is not installed"):
        open_store(tmp_path, PLACE)


def test_repository_of_another_user(single, monkeypatch):
    """As in a container that mounts the checkout: git's fix is shown, and not that of a folder
    without a repository."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ConfigError, match=r"dubious ownership.*safe\.directory") as error:
        open_store(single, PLACE)
    assert "git init" not in str(error.value)


def test_a_checked_out_branch_is_rejected(single):
    """A commit would leave the work tree behind, here or in another work tree."""
    with pytest.raises(ConfigError, match="branch main is checked out"):
        open_store(single, "git:main")
    save(single, KEPT)
    git(single, "worktree", "add", "-q", str(single.parent / "tree"), "reconciler-ledger")
    with pytest.raises(ConfigError, match="is checked out"):
        open_store(single, PLACE)


def test_other_files_on_the_branch_are_kept(single):
    """With their modes, in folders too."""
    git(single, "switch", "-q", "--orphan", "reconciler-ledger")
    (single / "docs").mkdir()
    (single / "docs" / "читать.md").write_text("what this is")
    (single / "run.sh").write_text("#!/bin/sh")
    (single / "run.sh").chmod(0o755)
    commit(single)
    git(single, "switch", "-q", "main")
    before = say(single, "ls-tree", "-r", REF)
    save(single, KEPT)
    after = say(single, "ls-tree", "-r", REF).split("\n")
    assert [each for each in after if "ledger.json" not in each] == before.split("\n")
    assert load(single) == KEPT


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({}, "reconciler <reconciler@localhost>"),
        ({"user.email": "ana@agency.example"}, "reconciler <reconciler@localhost>"),
        (
            {"user.name": "Ana", "user.email": "ana@agency.example"},
            "Ana <ana@agency.example>",
        ),
    ],
    ids=["nobody", "half", "Ana"],
)
def test_the_commits_author(single, identity, expected):
    """The configured user, or reconciler if the identity is incomplete."""
    for name, value in identity.items():
        git(single, "config", name, value)
    save(single, KEPT)
    assert say(single, "log", "-1", "--format=%an <%ae>", REF) == expected
    assert say(single, "log", "-1", "--format=%cn <%ce>", REF) == expected


def test_a_hooks_environment_is_ignored(single, tmp_path, monkeypatch):
    """GIT_DIR and GIT_INDEX_FILE of another repository have no effect."""
    other = repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    save(single, KEPT)
    assert load(single) == KEPT
    assert say(other, "for-each-ref", REF) == ""


# Content of the branch


def test_a_branch_without_the_file_is_an_empty_ledger(single):
    """A branch that has only a README."""
    commit_on_branch(single, b"what this is", "README.md")
    assert load(single) == {}


def test_a_damaged_ledger_is_lost(single):
    """With a note; the next save replaces it, and the history keeps it."""
    commit_on_branch(single, b"<<<<<<< HEAD\n{}\n")
    kept = open_store(single, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.startswith(f"The ledger {PLACE} cannot be parsed and is treated as lost")
    assert save(single, KEPT, "anew") is None
    assert load(single) == KEPT
    assert history(single) == ["anew", "by hand"]


def test_a_damaged_ledger_on_a_remote_is_lost(pair, remote):
    """With a note; the next save replaces it."""
    a, b = pair
    commit_on_branch(a, b"half of i")
    git(a, "push", "-q", "origin", "reconciler-ledger")
    kept = open_store(b, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.startswith(f"The ledger {PLACE} cannot be parsed and is treated as lost")
    assert save(b, KEPT, "anew") is None
    assert load(b) == KEPT
    assert history(remote) == ["anew", "by hand"]


def test_a_later_version_is_rejected(single):
    """ConfigError, since writing would lose what a later version recorded."""
    commit_on_branch(single, b'{"version": 3}')
    with pytest.raises(ConfigError, match=f"{PLACE} was written by a later version"):
        open_store(single, PLACE).load()


def test_a_folder_with_the_ledgers_name(single):
    """ConfigError."""
    commit_on_branch(single, b"what", "ledger.json/what")
    with pytest.raises(ConfigError, match=f"The ledger {PLACE} cannot be read"):
        open_store(single, PLACE).load()


# Choice of the remote


@pytest.mark.parametrize(
    ("remotes", "tracked", "expected"),
    [
        ((), None, None),
        (("origin", "fork"), "fork", "origin"),
        (("fork", "mine"), "mine", "mine"),
        (("fork",), None, "fork"),
        (("fork",), ".", "fork"),
    ],
)
def test_the_remote_is_origin_or_the_tracked_or_the_only_one(single, remotes, tracked, expected):
    """If there is an origin, the current branch does not matter."""
    for name in remotes:
        git(single, "remote", "add", name, "../nowhere")
    if tracked is not None:
        git(single, "config", "branch.main.remote", tracked)
    store = open_store(single, PLACE)
    assert store.remote == expected if isinstance(store, Shared) else expected is None
    assert isinstance(store, Local) == (expected is None)


@pytest.mark.parametrize("detached", [True, False])
def test_several_remotes_are_an_error(single, detached):
    """Guessing could create two ledgers."""
    git(single, "remote", "add", "fork", "../nowhere")
    git(single, "remote", "add", "mine", "../nowhere")
    if detached:
        git(single, "switch", "-q", "--detach")
    with pytest.raises(
        ConfigError, match=r"which remote has the ledger .*: fork, mine\. Rename one"
    ):
        open_store(single, PLACE)
