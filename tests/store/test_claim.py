"""The right to apply among clones: of two at once one has it, and a dead one's is taken over by who
has seen for long enough that nothing moves."""

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
LONG = 30
"""Seconds after which a test that hangs fails; none waits for it otherwise."""


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No settings of anybody's count."""
    plain_git(monkeypatch)
    monkeypatch.setattr(module, "POLL_INTERVAL", LOOK)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A remote with two clones, one of them shallow: made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        plain_git(patch)
        remote = remote_of(repository(folder / "source"), folder / "remote.git")
        clone(remote, folder / "a")
        clone(remote, folder / "b", "--depth=1")
    return folder


@pytest.fixture
def remote(made, tmp_path):
    """A bare repository, which two clones share."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    for name in "ab":
        config = tmp_path / name / ".git" / "config"
        config.write_text(config.read_text().replace(str(made), str(tmp_path)))
    return tmp_path / "remote.git"


@pytest.fixture
def pair(remote, tmp_path):
    """The ledger's branch in two clones of it, one of them shallow."""
    return [open_store(tmp_path / name, PLACE).branch for name in "ab"]


@pytest.fixture
def still(monkeypatch):
    """No claim is renewed by itself."""
    monkeypatch.setattr(module, "RENEWAL", 3600.0)


def claims(remote):
    """The claims on the remote: what their commits say, by the reference."""
    listed = say(
        remote, "for-each-ref", "--format=%(refname) %(contents:subject)", "refs/reconciler"
    )
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def taken(branch, turn=None):
    """A claim that somebody has taken and will not renew."""
    claim = Claim(branch.refs, "origin", branch.claim)
    assert claim.take(turn or Waiting()) is None
    return claim


@contextmanager
def lost_answers(monkeypatch, count=1):
    """The next pushes have their effect, and nobody learns of it."""
    left, whole = [None] * count, Refs.push

    def push(branch, *arguments):
        whole(branch, *arguments)
        if left:
            left.pop()
            raise GitError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Refs, "push", push)
        yield


def test_a_claim_is_a_reference_on_the_remote_for_as_long_as_it_is_held(pair, remote, still):
    """It says who it is, has no files, and nothing in the clone is seen of it."""
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


def test_who_waits_goes_on_when_it_is_given_back(pair, remote, still):
    """And is told once for whom, whichever of the two is a shallow clone."""
    for one, other in (pair, reversed(pair)):
        first = remote_lock(one.refs, "origin", one.claim, Waiting())
        first.__enter__()
        left = [None, lambda first=first: first.__exit__(None, None, None)]

        def then(left=left):
            if act := left.pop(0):
                act()

        turn = Waiting(then)
        with remote_lock(other.refs, "origin", other.claim, turn) as note:
            assert note is None
            assert len(claims(remote)) == 1
        assert turn.slept == [LOOK] * 2
        [said] = turn.said
        assert said.startswith(f"Another apply is in progress: {HERE}")
    assert claims(remote) == {}


def test_of_two_who_try_at_once_one_has_it(pair, remote, still, monkeypatch):
    """The other one is refused by the remote itself, although nobody had it when it began."""
    whole, first = Refs.push, []

    def push(branch, *arguments):
        monkeypatch.setattr(Refs, "push", whole)
        first.append(taken(pair[1]))
        whole(branch, *arguments)

    monkeypatch.setattr(Refs, "push", push)
    turn = Waiting(lambda: first.pop().release())
    with remote_lock(pair[0].refs, "origin", pair[0].claim, turn):
        assert len(turn.said) == 1
        assert first == []


def test_a_claim_that_moves_is_never_taken_over(pair, still):
    """However long it takes: in the end the patience is."""
    held = taken(pair[0])
    turn = Waiting(held.renew)
    with pytest.raises(LockedError, match="Waited 5 minutes"):
        Claim(pair[1].refs, "origin", pair[1].claim).take(turn)
    assert lock.TIMEOUT <= sum(turn.slept) < lock.TIMEOUT + LOOK
    assert held.renew()


def test_a_claim_that_does_not_move_is_a_dead_ones(pair, remote):
    """It is taken over after the lease, by the waiter's own clock; who was dead learns of it."""
    dead = taken(pair[0])
    turn = Waiting()
    with remote_lock(pair[1].refs, "origin", pair[1].claim, turn) as note:
        assert LEASE <= sum(turn.slept) <= LEASE + 2 * LOOK
        assert note.startswith(f"The previous apply ({HERE}")
        assert "it has not renewed its lock for 90 s" in note
        assert not dead.renew()
        dead.release()
        assert len(claims(remote)) == 1
    assert claims(remote) == {}


def test_one_move_is_enough_to_be_alive(pair):
    """The lease begins anew with it."""
    held = taken(pair[0])
    turn = Waiting(lambda: held.renew() if len(turn.slept) == 2 else None)
    assert Claim(pair[1].refs, "origin", pair[1].claim).take(turn) is not None
    assert len(turn.slept) == 5


def test_of_two_who_take_over_one_has_it(pair, remote, tmp_path, monkeypatch):
    """The other one sees that something moved, and waits on."""
    taken(pair[0])
    third = open_store(clone(remote, tmp_path / "c"), PLACE).branch
    whole, first = Refs.push, Claim(third.refs, "origin", third.claim)

    def push(branch, *arguments):
        if arguments[3] is not None:
            monkeypatch.setattr(Refs, "push", whole)
            first._put(arguments[3])
        whole(branch, *arguments)

    monkeypatch.setattr(Refs, "push", push)
    turn = Waiting()
    second = Claim(pair[1].refs, "origin", pair[1].claim)
    second.take(turn)
    assert sum(turn.slept) >= 2 * LEASE
    assert not first.renew()
    assert second.renew()


def test_a_holder_renews_by_itself(pair, remote, monkeypatch):
    """While it is at work the claim moves, and nobody is told anything."""
    moved = threading.Event()
    whole = Claim.renew

    def renew(claim):
        assert whole(claim)
        moved.set()
        return True

    monkeypatch.setattr(Claim, "renew", renew)
    monkeypatch.setattr(module, "RENEWAL", 0.01)
    turn = Waiting()
    turn.now = lock.boot_time
    with remote_lock(pair[0].refs, "origin", pair[0].claim, turn):
        assert moved.wait(LONG)
    assert (turn.said, turn.lost) == ([], [])
    assert claims(remote) == {}


def test_who_was_taken_over_is_told(pair, remote, monkeypatch):
    """Once it is awake again, and at once; the claim of who has it now is left alone."""
    monkeypatch.setattr(module, "TICK", 0.01)
    told, clock = threading.Event(), [0]
    turn = Waiting()
    turn.now = lambda: clock[0]
    turn.on_lost = lambda why: (turn.lost.append(why), told.set())
    with remote_lock(pair[0].refs, "origin", pair[0].claim, turn):
        assert Claim(pair[1].refs, "origin", pair[1].claim).take(Waiting()) is not None
        assert turn.lost == []
        clock[0] = 1000
        assert told.wait(LONG)
    [why] = turn.lost
    assert why.startswith("This apply did not renew its lock in time")
    assert len(claims(remote)) == 1


def test_a_remote_that_does_not_answer_for_a_while_takes_nothing_away(pair, remote, monkeypatch):
    """It is told once, when others may count this one as dead; and it is renewed when it can be."""
    monkeypatch.setattr(module, "RENEWAL", 0.0)
    monkeypatch.setattr(module, "RETRY", 0.0)
    told, moved = threading.Event(), threading.Event()
    turn = Waiting()
    times = iter(range(0, 10**6, 40))
    turn.now = lambda: next(times)
    turn.notify = lambda said: (turn.said.append(said), told.set())
    whole = Claim.renew

    def renew(claim):
        done = whole(claim)
        if told.is_set():
            moved.set()
        return done

    monkeypatch.setattr(Claim, "renew", renew)
    with remote_lock(pair[0].refs, "origin", pair[0].claim, turn):
        with unreachable(remote):
            assert told.wait(LONG)
        assert moved.wait(LONG)
    assert turn.lost == []
    [said] = turn.said
    assert said.startswith("note: The lock could not be renewed for 90 s (")


# What goes wrong


def test_a_remote_that_is_away_stops_no_apply(pair, remote):
    """The user is told what is not sure then."""
    turn = Waiting()
    with unreachable(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, turn) as note:
        assert note.startswith("The lock could not be taken on origin (")
        assert note.endswith(
            "), so an apply from elsewhere at the same time would not be detected."
        )
    assert (turn.said, turn.lost) == ([], [])


def test_a_remote_that_takes_no_claims_stops_no_apply(pair, remote):
    """For lack of rights, or because it wants no such references."""
    turn = Waiting()
    with refusing(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, turn) as note:
        assert "could not be taken on origin (! [remote rejected]" in note
    assert (turn.said, turn.lost) == ([], [])


def test_who_has_it_is_waited_for_even_if_we_may_not_claim(pair, remote, still):
    """To read is enough to know."""
    first = remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting())
    first.__enter__()
    turn = Waiting(lambda: first.__exit__(None, None, None) if claims(remote) else None)
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntest $3 = 0000000000000000000000000000000000000000\n")
    hook.chmod(0o755)
    with remote_lock(pair[1].refs, "origin", pair[1].claim, turn) as note:
        assert turn.waited
        assert "could not be taken" in note


def test_a_remote_that_goes_away_while_one_waits_is_no_free_way(pair, remote):
    """Somebody was at work there; in the end the patience is at its end."""
    taken(pair[0])
    turn = Waiting()
    gone = unreachable(remote)
    turn._then = lambda: gone.__enter__() if len(turn.slept) == 1 else None
    with pytest.raises(LockedError), remote_lock(pair[1].refs, "origin", pair[1].claim, turn):
        pytest.fail("two at once")
    gone.__exit__(None, None, None)


def test_a_lost_answer_is_no_other_apply(pair, remote, still, monkeypatch):
    """The push took place: it is ours, when it is taken, renewed and given back."""
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


def test_a_claim_that_cannot_be_given_back_is_told(pair, remote, still):
    """Others wait for the lease then, and no longer."""
    turn = Waiting()
    with refusing_after(remote), remote_lock(pair[0].refs, "origin", pair[0].claim, turn):
        pass
    [said] = turn.said
    assert said.startswith("note: The lock could not be released on origin (")
    assert said.endswith("The next apply from elsewhere takes it over after 90 s.")


@contextmanager
def refusing_after(remote):
    """A remote that deletes nothing."""
    git(remote, "config", "receive.denyDeletes", "true")
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntest $3 != 0000000000000000000000000000000000000000\n")
    hook.chmod(0o755)
    yield
    hook.unlink()


def test_an_interruption_while_one_waits_gives_nothing_away(pair, remote, still):
    """Neither a claim of ours is left, nor is theirs touched."""
    held = taken(pair[0])

    def interrupt():
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        remote_lock(pair[1].refs, "origin", pair[1].claim, Waiting(interrupt)),
    ):
        pytest.fail("two at once")
    assert held.renew()


def test_an_interruption_in_the_middle_of_the_claim_leaves_none(pair, remote, monkeypatch):
    """It was pushed, and nobody came to know that."""
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


def test_a_strangers_claim_is_somebody(pair, remote, tmp_path):
    """Who put a commit there that says nothing we can read is waited for too."""
    source = tmp_path / "source"
    (source / "file.txt").write_text("three")
    commit(source, "not a word of ours")
    git(source, "push", "-q", str(remote), f"HEAD:refs/reconciler/applying/{pair[0].digest}")
    turn = Waiting()
    with remote_lock(pair[0].refs, "origin", pair[0].claim, turn) as note:
        assert note.startswith("The previous apply did not finish")
    assert turn.said[0].startswith("Another apply is in progress. Waiting")


def test_two_agencies_of_one_repository_do_not_wait_for_each_other(pair, remote, still, tmp_path):
    """Each folder and each branch has a claim of its own."""
    folder = pair[1].refs.root / "agency"
    folder.mkdir()
    other = open_store(folder, PLACE).branch
    with (
        remote_lock(pair[0].refs, "origin", pair[0].claim, Waiting()),
        remote_lock(other.refs, "origin", other.claim, turn := Waiting()),
    ):
        assert len(claims(remote)) == 2
    assert not turn.waited


def test_a_store_with_a_remote_has_both_locks(pair, remote, still):
    """Who is on this machine is noticed without the remote; who is elsewhere by it."""
    store = open_store(pair[0].refs.root, PLACE)
    with store.lock(Waiting()) as notes:
        assert notes == ()
        assert len(claims(remote)) == 1
        with unreachable(remote), pytest.raises(LockedError), store.lock(Waiting()):
            pytest.fail("two at once")
    with unreachable(remote), store.lock(Waiting()) as notes:
        assert len(notes) == 1
