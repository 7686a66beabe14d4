"""The lock on a remote: one clone holds it, and an expired one is taken over after a lease without
a change."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager

import pytest
from repositories import (
    clone,
    commit,
    looks,
    plain_git,
    refusing,
    remote_of,
    repository,
    say,
    unreachable,
)

from reconciler.errors import LockedError
from reconciler.store import claim as module
from reconciler.store import lock, open_store
from reconciler.store.claim import LEASE, Claim, remote_lock
from reconciler.store.refs import GitError, Refs, git

from .test_lock import HERE, Waiting

PLACE = "git:reconciler-ledger"
LOOK = 40.0
"""Seconds between two looks here: fewer looks, and the same decisions."""
LONG = 60
"""Seconds after which a test that hangs fails; none waits for it otherwise."""


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No git settings of this computer, and fewer looks at a claim."""
    plain_git(monkeypatch)
    monkeypatch.setattr(module, "POLL_INTERVAL", LOOK)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A remote with two clones, one of them shallow: created once, copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        plain_git(patch)
        remote = remote_of(repository(folder / "source"), folder / "remote.git")
        clone(remote, folder / "a")
        clone(remote, folder / "b", "--depth=1")
    return folder


@pytest.fixture
def remote(made, tmp_path):
    """The bare repository that two clones share."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    for name in "ab":
        config = tmp_path / name / ".git" / "config"
        config.write_text(config.read_text().replace(str(made), str(tmp_path)))
    return tmp_path / "remote.git"


@pytest.fixture
def pair(remote, tmp_path):
    """The ledger's branch in both clones."""
    return [open_store(tmp_path / name, PLACE).branch for name in "ab"]


@pytest.fixture
def no_renewal(monkeypatch):
    """No claim is renewed in the background."""
    monkeypatch.setattr(module, "RENEWAL", 3600.0)


def claims(remote):
    """The claims on the remote: their commits' subjects by reference."""
    listed = say(
        remote, "for-each-ref", "--format=%(refname) %(contents:subject)", "refs/reconciler"
    )
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def taken(branch, wait=None):
    """A claim that is taken and not renewed."""
    claim = Claim(branch.refs, "origin", branch.claim)
    assert claim.take(wait or Waiting()) is None
    return claim


@contextmanager
def lost_answers(monkeypatch, count=1):
    """The next pushes take effect and raise GitError."""
    left, whole = [None] * count, Refs.push

    def push(branch, *arguments):
        whole(branch, *arguments)
        if left:
            left.pop()
            raise GitError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Refs, "push", push)
        yield


def test_a_claim_is_a_reference_on_the_remote(pair, remote, no_renewal):
    """While it is held: a commit without files that names the holder; the clone itself does not
    change."""
    before = looks(pair[0].refs.root)
    with remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting()) as note:
        assert note is None
        [(reference, line)] = claims(remote).items()
        assert reference == pair[0].claim
        assert json.loads(line).keys() == {"host", "process", "since"}
        assert say(remote, "ls-tree", "-r", reference) == ""
        assert say(remote, "rev-list", "--count", reference) == "1"
    assert claims(remote) == {}
    assert looks(pair[0].refs.root) == before


def test_a_waiter_continues_after_the_release(pair, remote, no_renewal):
    """It is notified once, whichever of the two clones is shallow."""
    for one, other in (pair, reversed(pair)):
        first = remote_lock(one.refs, "origin", one.claim, Waiting())
        first.__enter__()
        left = [None, lambda first=first: first.__exit__(None, None, None)]

        def then(left=left):
            if act := left.pop(0):
                act()

        wait = Waiting(then)
        with remote_lock(other.refs, "origin", other.claim, wait) as note:
            assert note is None
            assert len(claims(remote)) == 1
        assert wait.slept == [LOOK] * 2
        [message] = wait.messages
        assert message.startswith(f"Another apply is in progress: {HERE}")
    assert claims(remote) == {}


def test_two_attempts_at_once(pair, remote, no_renewal, monkeypatch):
    """The remote rejects the second, although the claim was free when it started."""
    whole, first = Refs.push, []

    def push(branch, *arguments):
        monkeypatch.setattr(Refs, "push", whole)
        first.append(taken(pair[1]))
        whole(branch, *arguments)

    monkeypatch.setattr(Refs, "push", push)
    wait = Waiting(lambda: first.pop().release())
    with remote_lock(pair[0].refs, "origin", pair[0].claim, wait):
        assert len(wait.messages) == 1
        assert first == []


def test_a_renewed_claim_is_not_taken_over(pair, no_renewal):
    """The waiter times out instead."""
    held = taken(pair[0])
    wait = Waiting(held.renew)
    with pytest.raises(LockedError, match="Waited 5 minutes"):
        Claim(pair[1].refs, "origin", pair[1].claim).take(wait)
    assert lock.TIMEOUT <= sum(wait.slept) < lock.TIMEOUT + LOOK
    assert held.renew()


def test_an_expired_claim_is_taken_over(pair, remote):
    """After the lease by the waiter's clock; the former holder's renewal fails."""
    dead = taken(pair[0])
    wait = Waiting()
    with remote_lock(pair[1].refs, "origin", pair[1].claim, wait) as note:
        assert LEASE <= sum(wait.slept) <= LEASE + 2 * LOOK
        assert note.startswith(f"The previous apply ({HERE}")
        assert "it has not renewed its lock for 90 s" in note
        assert not dead.renew()
        dead.release()
        assert len(claims(remote)) == 1
    assert claims(remote) == {}


def test_one_renewal_restarts_the_lease(pair):
    """The waiter waits a full lease again."""
    held = taken(pair[0])
    wait = Waiting(lambda: held.renew() if len(wait.slept) == 2 else None)
    assert Claim(pair[1].refs, "origin", pair[1].claim).take(wait) is not None
    assert len(wait.slept) == 5


def test_two_takeovers_at_once(pair, remote, tmp_path, monkeypatch):
    """The second sees the change and waits again."""
    taken(pair[0])
    third = open_store(clone(remote, tmp_path / "c"), PLACE).branch
    whole, first = Refs.push, Claim(third.refs, "origin", third.claim)

    def push(branch, *arguments):
        if arguments[3] is not None:
            monkeypatch.setattr(Refs, "push", whole)
            first._put(arguments[3])
        whole(branch, *arguments)

    monkeypatch.setattr(Refs, "push", push)
    wait = Waiting()
    second = Claim(pair[1].refs, "origin", pair[1].claim)
    second.take(wait)
    assert sum(wait.slept) >= 2 * LEASE
    assert not first.renew()
    assert second.renew()


def test_a_claim_is_renewed_in_the_background(pair, remote, monkeypatch):
    """Without any message."""
    moved = threading.Event()
    whole = Claim.renew

    def renew(claim):
        assert whole(claim)
        moved.set()
        return True

    monkeypatch.setattr(Claim, "renew", renew)
    monkeypatch.setattr(module, "RENEWAL", 0.01)
    wait = Waiting()
    wait.now = lock.boot_time
    with remote_lock(pair[0].refs, "origin", pair[0].claim, wait):
        assert moved.wait(LONG)
    assert (wait.messages, wait.lost) == ([], [])
    assert claims(remote) == {}


def test_a_holder_learns_that_it_lost_the_claim(pair, remote, monkeypatch):
    """As soon as its machine is awake; the other's claim is left alone."""
    monkeypatch.setattr(module, "TICK", 0.01)
    notified, clock = threading.Event(), [0]
    wait = Waiting()
    wait.now = lambda: clock[0]
    wait.on_lost = lambda why: (wait.lost.append(why), notified.set())
    with remote_lock(pair[0].refs, "origin", pair[0].claim, wait):
        assert Claim(pair[1].refs, "origin", pair[1].claim).take(Waiting()) is not None
        assert wait.lost == []
        clock[0] = 1000
        assert notified.wait(LONG)
    [why] = wait.lost
    assert why.startswith("This apply did not renew its lock in time")
    assert len(claims(remote)) == 1


def test_a_failed_renewal_is_reported_and_retried(pair, remote, monkeypatch):
    """One message, once the lease has expired; renewal continues."""
    monkeypatch.setattr(module, "RENEWAL", 0.0)
    monkeypatch.setattr(module, "RETRY", 0.0)
    notified, moved = threading.Event(), threading.Event()
    wait = Waiting()
    times = iter(range(0, 10**6, 40))
    wait.now = lambda: next(times)
    wait.notify = lambda message: (wait.messages.append(message), notified.set())
    whole = Claim.renew

    def renew(claim):
        done = whole(claim)
        if notified.is_set():
            moved.set()
        return done

    monkeypatch.setattr(Claim, "renew", renew)
    with remote_lock(pair[0].refs, "origin", pair[0].claim, wait):
        with unreachable(remote):
            assert notified.wait(LONG)
        assert moved.wait(LONG)
    assert wait.lost == []
    [message] = wait.messages
    assert message.startswith("note: The lock could not be renewed for 90 s (")


# What goes wrong


def test_an_unreachable_remote_is_a_note(pair, remote):
    """The apply continues."""
    wait = Waiting()
    with unreachable(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, wait) as note:
        assert note.startswith("The lock could not be taken on origin (")
        assert note.endswith(
            "), so an apply from elsewhere at the same time would not be detected."
        )
    assert (wait.messages, wait.lost) == ([], [])


def test_a_remote_that_rejects_claims_is_a_note(pair, remote):
    """For lack of permission, or by a hook."""
    wait = Waiting()
    with refusing(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, wait) as note:
        assert "could not be taken on origin (! [remote rejected]" in note
    assert (wait.messages, wait.lost) == ([], [])


def test_a_claim_counts_even_if_we_may_not_push(pair, remote, no_renewal):
    """Reading it is enough to wait."""
    first = remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting())
    first.__enter__()
    wait = Waiting(lambda: first.__exit__(None, None, None) if claims(remote) else None)
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntest $3 = 0000000000000000000000000000000000000000\n")
    hook.chmod(0o755)
    with remote_lock(pair[1].refs, "origin", pair[1].claim, wait) as note:
        assert wait.waited
        assert "could not be taken" in note


def test_a_remote_that_disappears_while_waiting(pair, remote):
    """The wait times out, since another apply held the claim."""
    taken(pair[0])
    wait = Waiting()
    gone = unreachable(remote)
    wait._then = lambda: gone.__enter__() if len(wait.slept) == 1 else None
    with pytest.raises(LockedError), remote_lock(pair[1].refs, "origin", pair[1].claim, wait):
        pytest.fail("two at once")
    gone.__exit__(None, None, None)


def test_a_push_whose_answer_is_lost_is_ours(pair, remote, no_renewal, monkeypatch):
    """While taking, renewing and releasing."""
    claim = Claim(pair[0].refs, "origin", pair[0].claim)
    with lost_answers(monkeypatch):
        assert claim.take(Waiting()) is None
    with lost_answers(monkeypatch):
        assert claim.renew()
    away = pair[0].refs.remote_commit_of
    with monkeypatch.context() as patch, lost_answers(patch, module.ATTEMPTS + 1):
        patch.setattr(Refs, "remote_commit_of", lambda *_: (_ for _ in ()).throw(GitError("away")))
        with pytest.raises(GitError):
            claim.renew()
    assert away("origin", pair[0].claim, 9) != claim._current
    assert claim.renew()
    claim.release()
    assert claims(remote) == {}


def test_a_failed_release_is_reported(pair, remote, no_renewal):
    """Others wait for the lease."""
    wait = Waiting()
    with rejecting_deletes(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, wait):
        pass
    [message] = wait.messages
    assert message.startswith("note: The lock could not be released on origin (")
    assert message.endswith("The next apply from elsewhere takes it over after 90 s.")


@contextmanager
def rejecting_deletes(remote):
    """A remote that rejects deletions."""
    git(remote, "config", "receive.denyDeletes", "true")
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntest $3 != 0000000000000000000000000000000000000000\n")
    hook.chmod(0o755)
    yield
    hook.unlink()


def test_an_interruption_while_waiting(pair, remote, no_renewal):
    """Leaves no claim of ours, and does not touch the other's."""
    held = taken(pair[0])

    def interrupt():
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        remote_lock(pair[1].refs, "origin", pair[1].claim, Waiting(interrupt)),
    ):
        pytest.fail("two at once")
    assert held.renew()


def test_an_interruption_while_taking(pair, remote, monkeypatch):
    """The claim that was just pushed is released."""
    whole = Refs.push

    def push(branch, *arguments):
        monkeypatch.setattr(Refs, "push", whole)
        whole(branch, *arguments)
        assert claims(remote)
        raise KeyboardInterrupt

    monkeypatch.setattr(Refs, "push", push)
    with (
        pytest.raises(KeyboardInterrupt),
        remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting()),
    ):
        pytest.fail("it was interrupted")
    assert claims(remote) == {}


def test_an_unreadable_claim_is_waited_for(pair, remote, tmp_path):
    """A commit that does not name its holder."""
    source = tmp_path / "source"
    (source / "file.txt").write_text("three")
    commit(source, "not a word of ours")
    git(source, "push", "-q", str(remote), f"HEAD:refs/reconciler/applying/{pair[0].digest}")
    wait = Waiting()
    with remote_lock(pair[0].refs, "origin", pair[0].claim, wait) as note:
        assert note.startswith("The previous apply did not finish")
    assert wait.messages[0].startswith("Another apply is in progress. Waiting")


def test_two_ledgers_have_separate_claims(pair, remote, no_renewal, tmp_path):
    """Each folder and each branch."""
    folder = pair[1].refs.root / "agency"
    folder.mkdir()
    other = open_store(folder, PLACE).branch
    with (
        remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting()),
        remote_lock(other.refs, "origin", other.claim, wait := Waiting()),
    ):
        assert len(claims(remote)) == 2
    assert not wait.waited


def test_a_store_with_a_remote_has_both_locks(pair, remote, no_renewal):
    """The local lock works without the remote; the remote's detects other machines."""
    store = open_store(pair[0].refs.root, PLACE)
    with store.lock(Waiting()) as notes:
        assert notes == ()
        assert len(claims(remote)) == 1
        with unreachable(remote), pytest.raises(LockedError), store.lock(Waiting()):
            pytest.fail("two at once")
    with unreachable(remote), store.lock(Waiting()) as notes:
        assert len(notes) == 1
