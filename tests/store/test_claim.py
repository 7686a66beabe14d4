"""The lock on a remote: one clone holds it, until it is released or its holder has ended."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import replace

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
from reconciler.store import lock as lock_module
from reconciler.store import open_store
from reconciler.store.claim import ASK_INTERVAL, ATTEMPTS, FRESH, find_remote_lock, remote_lock
from reconciler.store.holder import WorkflowRun, this_process
from reconciler.store.refs import GitError, Refs, git

from .test_lock import HERE, Waiting

PLACE = "git:reconciler-ledger"
LOOK = 40.0
"""Seconds between two looks here: fewer looks, and the same decisions."""
NO_PROCESS = 2**22 + 1
"""A number above that of any process on Linux."""
PAGE = "https://github.example/agency/agents/actions/runs/7"


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


def lock(branch, wait=None):
    """The lock of a branch on its remote."""
    return remote_lock(branch.refs, "origin", branch.claim, wait or Waiting())


def find(branch):
    """The lock that someone holds on the remote."""
    return find_remote_lock(branch.refs, "origin", branch.claim)


def claims(remote):
    """The claims on the remote: their commits' subjects by reference."""
    listed = say(
        remote, "for-each-ref", "--format=%(refname) %(contents:subject)", "refs/reconciler"
    )
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def claim_for(branch, line):
    """Push a claim with this line, as another process would."""
    new = branch.refs.empty_commit(line)
    git(branch.refs.root, "push", "-q", "origin", f"+{new}:{branch.claim}")
    return new


@contextmanager
def lost_answers(count=1):
    """The next pushes take effect and raise GitError."""
    left, whole = [None] * count, Refs.push

    def push(refs, *arguments):
        whole(refs, *arguments)
        if left:
            left.pop()
            raise GitError("the connection was lost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Refs, "push", push)
        yield


def test_a_claim_is_a_reference_on_the_remote(pair, remote):
    """While it is held: a commit without files that names the holder; the clone itself does not
    change."""
    before = looks(pair[0].refs.root)
    with lock(pair[0]) as held:
        assert held.notes == ()
        [(reference, line)] = claims(remote).items()
        assert reference == pair[0].claim
        assert json.loads(line).keys() >= {"host", "process", "since", "boot", "namespace", "start"}
        assert say(remote, "ls-tree", "-r", reference) == ""
        assert say(remote, "rev-list", "--count", reference) == "1"
    assert claims(remote) == {}
    assert looks(pair[0].refs.root) == before


def test_a_claim_of_a_workflow_names_the_run(pair, remote):
    """The run's page, the attempt, the job and the person."""
    wait = Waiting()
    wait.run = WorkflowRun(PAGE, 2, "apply", "ana", lambda *_: False)
    with lock(pair[0], wait):
        [line] = claims(remote).values()
    expected = {"run": PAGE, "attempt": 2, "job": "apply", "user": "ana"}
    assert json.loads(line).items() >= expected.items()


def test_a_waiter_continues_after_the_release(pair, remote):
    """It is notified once, whichever of the two clones is shallow."""
    for one, other in (pair, reversed(pair)):
        first = lock(one)
        first.__enter__()
        left = [None, lambda first=first: first.__exit__(None, None, None)]

        def then(left=left):
            if act := left.pop(0):
                act()

        wait = Waiting(then)
        with lock(other, wait) as held:
            assert held.notes == ()
            assert len(claims(remote)) == 1
        assert wait.slept == [LOOK] * 2
        [message] = wait.messages
        assert message.startswith(f"Another apply is in progress: {HERE}")
    assert claims(remote) == {}


def test_two_attempts_at_once(pair, remote, monkeypatch):
    """The remote rejects the second, although the claim was free when it started."""
    whole, first = Refs.push, []

    def push(branch, *arguments):
        monkeypatch.setattr(Refs, "push", whole)
        first.append(lock(pair[1]))
        first[0].__enter__()
        whole(branch, *arguments)

    monkeypatch.setattr(Refs, "push", push)
    wait = Waiting(lambda: first.pop().__exit__(None, None, None))
    with lock(pair[0], wait):
        assert len(wait.messages) == 1
        assert first == []


# When a claim is free


def old_line():
    """The line of an earlier version, of a process that does not exist."""
    return json.dumps({"host": "a", "process": NO_PROCESS, "since": "2020-01-01T00:00:00+00:00"})


def container_line(**other):
    """The line of a container on this machine with our host name and our process number."""
    return replace(this_process(), namespace="pid:[1]", **other).to_line()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (old_line(), f"a, process {NO_PROCESS}, since 2020-01-01"),
        (container_line(), f"process {os.getpid()}"),
        (container_line(process=NO_PROCESS), f"process {NO_PROCESS}"),
        ("not a word of ours", ""),
    ],
    ids=["an older version", "a container", "a container's dead process", "unknown"],
)
def test_a_claim_does_not_expire(pair, remote, line, names):
    """However old it is, and whoever holds it: the wait fails, says what to do, and takes
    nothing."""
    commit = claim_for(pair[0], line)
    wait = Waiting()
    with pytest.raises(LockedError, match="`reconciler unlock`") as caught, lock(pair[1], wait):
        pytest.fail("two at once")
    assert lock_module.TIMEOUT <= sum(wait.slept) < lock_module.TIMEOUT + LOOK
    assert names in str(caught.value)
    assert say(remote, "rev-parse", pair[0].claim) == commit


@pytest.mark.parametrize("lost", [False, True])
def test_a_dead_process_is_replaced_at_once(pair, remote, lost):
    """With a note that names it, even if the answer of the remote is lost."""
    claim_for(pair[0], replace(this_process(), process=NO_PROCESS).to_line())
    wait = Waiting()
    with lost_answers(lost), lock(pair[1], wait) as held:
        [note] = held.notes
        assert f"process {NO_PROCESS}" in note
        assert "its process has ended" in note
        [line] = claims(remote).values()
        assert json.loads(line)["process"] == os.getpid()
    assert (wait.slept, claims(remote)) == ([], {})


def test_two_who_replace_a_dead_process(pair, remote):
    """One succeeds; the other waits for it."""
    claim_for(pair[0], replace(this_process(), process=NO_PROCESS).to_line())
    whole, first = Refs.push, []
    with pytest.MonkeyPatch.context() as patch:

        def push(refs, *arguments):
            if arguments[3] is not None and not first:
                first.append(lock(pair[0]))
                first[0].__enter__()
            whole(refs, *arguments)

        patch.setattr(Refs, "push", push)
        wait = Waiting(lambda: first[0].__exit__(None, None, None))
        with lock(pair[1], wait) as held:
            assert held.notes == ()
            assert wait.slept == [LOOK]


def test_a_dead_process_that_is_unlocked_meanwhile(pair, remote):
    """The claim is free then; nobody waits."""
    dead = claim_for(pair[0], replace(this_process(), process=NO_PROCESS).to_line())
    whole = Refs.push
    with pytest.MonkeyPatch.context() as patch:

        def push(refs, *arguments):
            if arguments[3] == dead and claims(remote):
                say(remote, "update-ref", "-d", pair[0].claim)
            whole(refs, *arguments)

        patch.setattr(Refs, "push", push)
        wait = Waiting()
        with lock(pair[1], wait):
            assert len(claims(remote)) == 1
    assert wait.slept == []


def test_a_completed_run_is_replaced(pair, remote):
    """GitHub is asked at first, and at intervals until it reports the end."""
    wait, asked = Waiting(), []

    def has_ended(page, attempt):
        asked.append((page, attempt, sum(wait.slept)))
        return len(asked) == 3

    wait.run = WorkflowRun(f"{PAGE}1", 1, "apply", "ana", has_ended)
    theirs = WorkflowRun(PAGE, 2, "apply", "ion", lambda *_: False)
    line = replace(this_process(theirs), boot="another machine").to_line()
    claim_for(pair[0], line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "POLL_INTERVAL", ASK_INTERVAL / 2)
        with lock(pair[1], wait) as held:
            [note] = held.notes
    assert asked == [(PAGE, 2, ASK_INTERVAL * n) for n in range(3)]
    assert f"{PAGE} (attempt 2, job apply)" in note


def test_a_rerun_is_not_kept_out_by_its_first_attempt(pair):
    """On another machine, and without asking GitHub."""
    wait = Waiting()
    first, second = (WorkflowRun(PAGE, n, "apply", "ana", lambda *_: False) for n in (1, 2))
    claim_for(pair[0], replace(this_process(first), boot="another machine").to_line())
    wait.run = second
    with lock(pair[1], wait) as held:
        assert "a later attempt of the same run" in held.notes[0]
    assert wait.slept == []


# A holder that was away


def away(wait, seconds=FRESH):
    """Let time pass in which the holder does not see its claim."""
    wait.slept.append(seconds)


def test_a_fresh_claim_is_not_checked(pair, remote):
    """Until ten seconds have passed."""
    wait = Waiting()
    with lock(pair[0], wait) as held, unreachable(remote):
        away(wait, FRESH - 1)
        held.check()
        assert wait.messages == []
        away(wait, 1)
        held.check()
        assert len(wait.messages) == 1


def test_a_claim_is_still_held(pair, remote):
    """Nothing happens."""
    wait = Waiting()
    with lock(pair[0], wait) as held:
        for _ in range(3):
            away(wait)
            held.check()
    assert (wait.messages, wait.lost) == ([], [])


@pytest.mark.parametrize("then", ["nobody", "another"])
def test_an_unlocked_holder_notices(pair, remote, then):
    """Before its next write; a claim that another apply has now stays."""
    wait = Waiting()
    with lock(pair[0], wait) as held:
        find(pair[1]).release()
        assert claims(remote) == {}
        other = lock(pair[1])
        if then == "another":
            other.__enter__()
        away(wait)
        held.check()
        [reason] = wait.lost
        assert "unlock" in reason
    assert len(claims(remote)) == (then == "another")
    if then == "another":
        other.__exit__(None, None, None)


def test_a_check_that_was_stopped_itself_is_repeated(pair, remote, monkeypatch):
    """The remote confirmed the claim; then the process was stopped for two minutes, and someone
    released it. The same if git had no time left to answer."""
    whole = Refs.remote_commit_of
    for answer in ("confirmed", "timed out"):
        wait = Waiting()
        with lock(pair[0], wait) as held:
            away(wait)
            asked = []

            def remote_commit_of(refs, *arguments, wait=wait, asked=asked, answer=answer):
                found = whole(refs, *arguments)
                if asked:
                    return found
                asked.append(found)
                say(remote, "update-ref", "-d", pair[0].claim)
                away(wait, 120)
                if answer == "timed out":
                    raise GitError("no answer within 9 seconds")
                return found

            with monkeypatch.context() as patch:
                patch.setattr(Refs, "remote_commit_of", remote_commit_of)
                held.check()
            assert len(wait.lost) == 1


def test_a_slow_remote(pair, monkeypatch):
    """One that needs three seconds is asked once; one that needs twenty does not stop the apply,
    and that is reported once."""
    whole = Refs.remote_commit_of
    for seconds, times, reports in ((3, 1, 0), (20, ATTEMPTS, 1)):
        wait, asked = Waiting(), []
        with lock(pair[0], wait) as held, monkeypatch.context() as patch:

            def remote_commit_of(refs, *arguments, wait=wait, asked=asked, seconds=seconds):
                asked.append(None)
                away(wait, seconds)
                return whole(refs, *arguments)

            patch.setattr(Refs, "remote_commit_of", remote_commit_of)
            away(wait)
            held.check()
            assert len(asked) == times
            held.check()
            assert len(asked) == times
            away(wait)
            held.check()
        assert (len(wait.messages), wait.lost) == (reports, [])


def test_an_unreachable_remote_does_not_stop_the_holder(pair, remote):
    """It is reported once, and checked again after ten seconds."""
    wait = Waiting()
    with lock(pair[0], wait) as held:
        with unreachable(remote):
            for _ in range(2):
                away(wait)
                held.check()
            [message] = wait.messages
            assert "could not be checked on origin (" in message
        find(pair[1]).release()
        held.check()
        assert wait.lost == []
        away(wait)
        held.check()
        assert len(wait.lost) == 1


# unlock


def test_finding_and_releasing_a_claim(pair, remote):
    """From another clone; none is found after that, and a lost answer does not matter."""
    assert find(pair[1]) is None
    for count in (0, 1):
        with lock(pair[0]):
            found = find(pair[1])
            assert found.holder.process == os.getpid()
            assert find(pair[0]).holder == found.holder
            with lost_answers(count):
                found.release()
            assert find(pair[1]) is None


def test_another_apply_is_not_unlocked(pair, remote):
    """One that took the claim after it was shown."""
    with lock(pair[0]):
        found = find(pair[1])
    with lock(pair[0]):
        with pytest.raises(LockedError, match="Another apply has taken the lock meanwhile"):
            found.release()
        assert len(claims(remote)) == 1


def test_a_claim_that_cannot_be_released(pair, remote):
    """The error has git's reason; so has the one for a remote that cannot be reached."""
    with lock(pair[0]):
        found = find(pair[1])
        with refusing(remote, "ask Ana"), pytest.raises(LockedError, match="released on origin"):
            found.release()
        store = open_store(pair[1].refs.root, PLACE)
        with unreachable(remote), pytest.raises(LockedError, match="origin cannot be read"):
            store.find_lock()


def test_a_store_finds_both_locks(pair):
    """The remote's first; that of a process in this clone cannot be released."""
    store = open_store(pair[0].refs.root, PLACE)
    with store.lock(Waiting()):
        store.find_lock().release()
        assert store.find_lock().release is None
    assert store.find_lock() is None


# What goes wrong


def test_an_unreachable_remote_is_a_note(pair, remote):
    """The apply continues, and nothing is checked."""
    wait = Waiting()
    with unreachable(remote), lock(pair[0], wait) as held:
        [note] = held.notes
        assert note.startswith("The lock could not be taken on origin (")
        assert note.endswith(
            "), so an apply from elsewhere at the same time would not be detected."
        )
        away(wait)
        held.check()
    assert (wait.messages, wait.lost) == ([], [])


def test_a_remote_that_rejects_claims_is_a_note(pair, remote):
    """For lack of permission, or by a hook."""
    wait = Waiting()
    with refusing(remote), lock(pair[0], wait) as held:
        assert "could not be taken on origin (remote rejected: " in held.notes[0]
    assert (wait.messages, wait.lost) == ([], [])


def test_a_claim_counts_even_if_we_may_not_push(pair, remote):
    """Reading it is enough to wait."""
    first = lock(pair[0])
    first.__enter__()
    wait = Waiting(lambda: first.__exit__(None, None, None) if claims(remote) else None)
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntest $3 = 0000000000000000000000000000000000000000\n")
    hook.chmod(0o755)
    with lock(pair[1], wait) as held:
        assert wait.waited
        assert "could not be taken" in held.notes[0]


def test_a_remote_that_disappears_while_waiting(pair, remote):
    """The wait times out, since another apply held the claim."""
    with lock(pair[0]):
        wait = Waiting()
        gone = unreachable(remote)
        wait._then = lambda: gone.__enter__() if len(wait.slept) == 1 else None
        with pytest.raises(LockedError), lock(pair[1], wait):
            pytest.fail("two at once")
        gone.__exit__(None, None, None)


def test_a_remote_that_disappears_while_taking(pair, remote, monkeypatch):
    """The claim counts as not taken, and is released if it arrived after all."""
    whole = Refs.remote_commit_of
    answers = [GitError("away")] * ATTEMPTS

    def remote_commit_of(refs, *arguments):
        if answers:
            raise answers.pop()
        return whole(refs, *arguments)

    monkeypatch.setattr(Refs, "remote_commit_of", remote_commit_of)
    with lost_answers(ATTEMPTS), lock(pair[0]) as held:
        assert "could not be taken" in held.notes[0]
        assert len(claims(remote)) == 1
    assert claims(remote) == {}


def test_a_push_whose_answer_is_lost_is_ours(pair, remote):
    """While taking and releasing."""
    wait = Waiting()
    with lost_answers(), lock(pair[0], wait) as held:
        assert (held.notes, wait.slept) == ((), [])
        away(wait)
        held.check()
    assert wait.lost == []
    with lock(pair[0]) as held, lost_answers():
        pass
    assert claims(remote) == {}


def test_a_failed_release_is_reported(pair, remote):
    """With what to do: others wait."""
    wait = Waiting()
    with rejecting_deletes(remote), lock(pair[0], wait):
        pass
    [message] = wait.messages
    assert message.startswith("note: The lock could not be released on origin (")
    assert "`reconciler unlock`" in message


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


def test_an_interruption_while_waiting(pair, remote):
    """Leaves no claim of ours, and does not touch the other's."""

    def interrupt():
        raise KeyboardInterrupt

    with lock(pair[0]):
        with pytest.raises(KeyboardInterrupt), lock(pair[1], Waiting(interrupt)):
            pytest.fail("two at once")
        assert len(claims(remote)) == 1


def test_an_interruption_while_taking(pair, remote, monkeypatch):
    """The claim that was just pushed is released."""
    whole = Refs.push

    def push(branch, *arguments):
        monkeypatch.setattr(Refs, "push", whole)
        whole(branch, *arguments)
        assert claims(remote)
        raise KeyboardInterrupt

    monkeypatch.setattr(Refs, "push", push)
    with pytest.raises(KeyboardInterrupt), lock(pair[0]):
        pytest.fail("it was interrupted")
    assert claims(remote) == {}


def test_a_commit_with_files_is_waited_for(pair, remote, tmp_path):
    """One that does not name its holder; it continues once that is gone."""
    source = tmp_path / "source"
    (source / "file.txt").write_text("three")
    commit(source, "not a word of ours")
    git(source, "push", "-q", str(remote), f"HEAD:{pair[0].claim}")
    wait = Waiting(lambda: say(remote, "update-ref", "-d", pair[0].claim))
    with lock(pair[0], wait) as held:
        assert held.notes == ()
    assert wait.messages[0].startswith("Another apply is in progress. Waiting")


def test_two_ledgers_have_separate_claims(pair, remote):
    """Each folder and each branch."""
    folder = pair[1].refs.root / "agency"
    folder.mkdir()
    other = open_store(folder, PLACE).branch
    with lock(pair[0]), lock(other, wait := Waiting()):
        assert len(claims(remote)) == 2
    assert not wait.waited


def test_a_store_with_a_remote_has_both_locks(pair, remote):
    """The local lock works without the remote; the remote's detects other machines."""
    store = open_store(pair[0].refs.root, PLACE)
    with store.lock(Waiting()) as held:
        assert held.notes == ()
        assert len(claims(remote)) == 1
        with unreachable(remote), pytest.raises(LockedError), store.lock(Waiting()):
            pytest.fail("two at once")
    with unreachable(remote), store.lock(Waiting()) as held:
        assert len(held.notes) == 1
