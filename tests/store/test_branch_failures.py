"""The ledger on a branch if the remote or the repository fails."""

from __future__ import annotations

import pytest
from repositories import (
    clone,
    looks,
    refusing,
    remote_of,
    repository,
    say,
    unreachable,
)

from reconciler.core.model import PortalState
from reconciler.errors import ConfigError
from reconciler.store import branch, open_store, refs
from reconciler.store.ledger import LedgerChanged
from reconciler.store.refs import GitError, git

from .branches import PLACE, REF, RENTIX, history, ledger_of, load, save
from .test_ledger import KEPT

# Rejected and lost pushes


def test_a_rejected_push_is_retried_by_the_next_apply(pair, remote):
    """The message says what others will see; loading here includes the results, and the next save
    pushes them as one commit."""
    a, b = pair
    save(a, ledger_of(a1="x"), "first")
    before = looks(a)
    with refusing(remote):
        message = save(a, ledger_of(a1="y"), "refused")
        assert message.startswith(f"The ledger {PLACE} could not be pushed to origin (")
        assert "pre-receive hook declined" in message
        assert "values that cannot be read back may be sent again" in message
        assert "changes made from here may look like drift" in message
        assert load(b) == ledger_of(a1="x")
        kept = open_store(a, PLACE).load()
        assert kept.ledger == ledger_of(a1="y")
        assert kept.note == (
            f"The ledger {PLACE} has results of an apply from this clone that are not on origin yet. "
            f"The next apply pushes them."
        )
        assert "could not be pushed" in save(a, ledger_of(a1="y", a2="z"), "refused again")
        assert open_store(a, PLACE).load().ledger == ledger_of(a1="y", a2="z")
    assert save(a, ledger_of(a1="y", a2="z"), "second") is None
    assert load(a) == load(b) == ledger_of(a1="y", a2="z")
    assert history(remote) == ["second", "first"]
    assert say(a, "for-each-ref", open_store(a, PLACE).unpushed) == ""
    assert looks(a) == before


def test_unpushed_results_are_merged(pair, remote):
    """Agent by agent: ours where only we changed it, theirs otherwise."""
    a, b = pair
    save(a, ledger_of(a1="x", a2="x", a3="x", a4="x"), "first")
    with refusing(remote):
        save(a, ledger_of(a1="ours", a2="ours", a3="x", a5="ours"))
    save(b, ledger_of(a1="x", a2="theirs", a3="theirs", a4="x", a6="theirs"), "theirs")
    kept = open_store(a, PLACE).load()
    expected = ledger_of(a1="ours", a2="theirs", a3="theirs", a5="ours", a6="theirs")
    assert kept.ledger == expected
    assert save(a, expected, "both") is None
    assert load(b) == expected
    assert history(remote) == ["both", "theirs", "first"]


def test_unpushed_results_are_dropped_once_the_remote_has_them(pair, remote):
    """They do not come back later."""
    a, b = pair
    with refusing(remote):
        save(a, ledger_of(a1="x"))
    save(b, ledger_of(a1="x"))
    assert load(a) == ledger_of(a1="x")
    save(b, {RENTIX: (PortalState(),)})
    assert load(a) == {RENTIX: (PortalState(),)}


def test_damaged_unpushed_results_are_dropped(pair, remote, monkeypatch):
    """They are safe to lose, like any ledger."""
    a, b = pair
    save(b, ledger_of(a1="x"))
    with refusing(remote), monkeypatch.context() as patch:
        patch.setattr(branch, "text", lambda _: b"half of i")
        save(a, ledger_of(a1="y"))
    assert load(a) == ledger_of(a1="x")


def test_a_reverted_change_is_not_pushed(pair, remote):
    """The remote is already in that state."""
    a, _ = pair
    save(a, ledger_of(a1="x"))
    with refusing(remote):
        save(a, ledger_of(a1="y"))
        assert save(a, ledger_of(a1="x")) is None
    assert load(a) == ledger_of(a1="x")


def test_a_push_whose_answer_is_lost(pair, remote, monkeypatch):
    """The commit is on the remote, so no failure is reported."""
    a, b = pair
    whole = refs.git

    def lose(folder, *arguments, **how):
        message = whole(folder, *arguments, **how)
        if "push" in arguments:
            raise GitError("the connection broke")
        return message

    monkeypatch.setattr(refs, "git", lose)
    assert save(a, KEPT) is None
    assert load(a) == load(b) == KEPT


def test_a_remote_that_disappears_before_the_push(pair, remote, monkeypatch):
    """The message gives git's reason, and the results are kept."""
    a, b = pair
    store = open_store(a, PLACE)
    kept = store.load()
    with unreachable(remote):
        message = store.save(KEPT, kept, "first")
    assert message.startswith(f"The ledger {PLACE} could not be pushed to origin ('")
    assert "does not appear to be a git repository" in message
    assert store.load().ledger == KEPT
    assert save(a, KEPT) is None
    assert load(b) == KEPT


# Unreachable remotes


def test_an_unreachable_remote(pair, remote):
    """The ledger last fetched is used, with a note; saving still tries to push."""
    a, b = pair
    save(a, ledger_of(a1="x"))
    load(b)
    with unreachable(remote):
        kept = open_store(b, PLACE).load()
        assert kept.ledger == ledger_of(a1="x")
        assert f"The ledger {PLACE} could not be fetched from origin (" in kept.note
        assert kept.note.endswith(
            "Using the one last fetched, which lacks any later apply from elsewhere."
        )
        assert "could not be pushed" in save(b, ledger_of(a1="y"))
        both = open_store(b, PLACE).load()
        assert both.ledger == ledger_of(a1="y")
        assert "could not be fetched" in both.note
        assert "not on origin yet" in both.note
    assert save(b, ledger_of(a1="y")) is None
    assert load(a) == ledger_of(a1="y")


def test_an_unreachable_remote_that_was_never_fetched(pair, remote):
    """An empty ledger, with a note."""
    a, b = pair
    save(a, KEPT)
    with unreachable(remote):
        kept = open_store(b, PLACE).load()
    assert kept.ledger == {}
    assert kept.note.endswith(
        "Nothing is recorded, so values that the portal does not return may be sent again."
    )
    with pytest.raises(LedgerChanged):  # it answers again, and there was something
        open_store(b, PLACE).save(ledger_of(a1="x"), kept, "")


def test_a_remote_that_hangs(pair, monkeypatch):
    """Times out; after a shorter time here."""
    a, _ = pair
    git(a, "remote", "set-url", "origin", "ssh://git@portal.example/agents.git")
    monkeypatch.setenv("GIT_SSH_COMMAND", "exec sleep 20 #")
    monkeypatch.setattr(branch, "REMOTE_TIMEOUT", 0.3)
    kept = open_store(a, PLACE).load()
    assert "could not be fetched from origin (no answer within 0.3 seconds)" in kept.note


def test_a_password_in_the_remotes_address_is_removed(pair):
    """From the messages of loading and saving."""
    a, _ = pair
    git(a, "remote", "set-url", "origin", "https://ana:geheim@127.0.0.1:1/agents.git")
    kept = open_store(a, PLACE).load()
    message = save(a, KEPT)
    assert "127.0.0.1" in kept.note + message
    assert "geheim" not in kept.note + message
    assert "ana" not in kept.note + message


def test_no_address_is_on_a_command_line(pair, monkeypatch):
    """Other users can read the arguments of processes, so the remote is passed by name."""
    a, _ = pair
    seen, whole = [], refs.git

    def watch(folder, *arguments, **how):
        seen.extend(arguments)
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", watch)
    save(a, KEPT)
    assert "push" in seen
    assert not [each for each in seen if "://" in each or "remote.git" in each]


def test_git_settings_from_the_environment_apply(pair, remote, monkeypatch):
    """A workflow passes git its token there; here it is a replacement for the address."""
    a, b = pair
    git(a, "remote", "set-url", "origin", "https://git.example/agents.git")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{remote.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://git.example/agents.git")
    assert save(a, KEPT) is None
    assert load(b) == KEPT


# Deleted and new branches


def test_a_deleted_branch_is_a_lost_ledger(pair, remote):
    """The next apply starts a new history."""
    a, b = pair
    save(a, KEPT, "old")
    load(b)
    git(remote, "update-ref", "-d", REF)
    assert load(a) == load(b) == {}
    assert save(b, ledger_of(a1="x"), "new") is None
    assert load(a) == ledger_of(a1="x")
    assert history(remote) == ["new"]


def test_adding_a_remote_later(single, tmp_path):
    """The local branch is used and pushed, with its history."""
    save(single, ledger_of(a1="x"), "alone")
    remote = remote_of(repository(tmp_path / "empty"), tmp_path / "remote.git")
    git(single, "remote", "add", "origin", str(remote))
    kept = open_store(single, PLACE).load()
    assert kept.ledger == ledger_of(a1="x")
    assert "not on origin yet" in kept.note
    assert save(single, ledger_of(a1="x"), "shared") is None
    assert history(remote) == ["shared", "alone"]
    assert load(clone(remote, tmp_path / "b")) == ledger_of(a1="x")


# Damaged repositories


def fail_git(monkeypatch, word):
    """Make git fail if this is among the arguments."""
    whole = refs.git

    def fail(folder, *arguments, **how):
        if word in arguments:
            raise GitError("No space left on device")
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", fail)


@pytest.mark.parametrize("command", ["hash-object", "mktree", "commit-tree"])
def test_a_commit_that_fails(pair, single, monkeypatch, command):
    """With a remote and without: a message, and the ledger is unchanged."""
    fail_git(monkeypatch, command)
    for folder in (pair[0], single):
        message = save(folder, KEPT)
        assert message.startswith(
            f"The ledger {PLACE} could not be written (No space left on device)"
        )
        assert load(folder) == {}


def test_an_unreadable_repository_is_an_error(pair, single, monkeypatch):
    """ConfigError, with a remote and without."""
    stores = [open_store(folder, PLACE) for folder in (pair[0], single)]
    fail_git(monkeypatch, "for-each-ref")
    for store in stores:
        with pytest.raises(ConfigError, match="cannot be read: No space left on device"):
            store.load()
