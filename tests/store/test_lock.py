"""The lock on this machine: a waiter learns who holds it, and it ends with its process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from repositories import plain_git, repository, say

from reconciler.errors import LockedError
from reconciler.store import lock as module
from reconciler.store import open_store
from reconciler.store.holder import Holder, parse_holder, this_process
from reconciler.store.lock import LockWait, find_local_lock, local_lock

HERE = f"{os.uname().nodename}, process {os.getpid()}, since "
HOLD = """
import sys
from pathlib import Path
from reconciler.store.lock import LockWait, local_lock
with local_lock(Path(sys.argv[1]), LockWait(print, print)):
    print("held", flush=True)
    sys.stdin.read()
"""
"""A process that has a lock until it is notified to end."""


class Waiting(LockWait):
    """A wait on a fake clock: sleeping advances it and calls `then`."""

    def __init__(self, then=lambda: None):
        self.messages, self.lost, self.slept = [], [], []
        super().__init__(
            self.messages.append, self.lost.append, self._sleep, lambda: sum(self.slept)
        )
        self._then = then

    def _sleep(self, seconds):
        self.slept.append(seconds)
        self._then()


@pytest.fixture
def path(tmp_path):
    """A lock file in a folder that does not exist yet."""
    return tmp_path / "deep" / "ledger.json.lock"


def test_a_free_lock(path):
    """No message and no wait, also the second time."""
    for _ in range(2):
        wait = Waiting()
        with local_lock(path, wait) as note:
            assert note is None
        assert (wait.messages, wait.slept, wait.waited, wait.lost) == ([], [], False, [])


def test_a_waiter_is_notified_once(path):
    """With the holder; it continues after the release."""
    first = local_lock(path, Waiting())
    first.__enter__()
    left = [None, None, lambda: first.__exit__(None, None, None)]

    def then():
        if act := left.pop(0):
            act()

    wait = Waiting(then)
    with local_lock(path, wait):
        assert wait.waited
    [message] = wait.messages
    assert re.fullmatch(
        rf"Another apply is in progress: {re.escape(HERE)}\d\d:\d\d, by .+\. Waiting up to 5 minutes "
        rf"for it to finish; nothing has been sent\.",
        message,
    )
    assert wait.slept == [module.POLL_INTERVAL] * 3


def test_waiting_times_out(path):
    """The error names the holder, and says that nothing was sent and what to do."""
    wait = Waiting()
    with local_lock(path, Waiting()):
        with pytest.raises(LockedError) as caught, local_lock(path, wait):
            pytest.fail("two at once")
        assert sum(wait.slept) == module.TIMEOUT
    message = str(caught.value)
    assert message.startswith(f"Another apply is still in progress: {HERE}")
    assert "Waited 5 minutes; nothing was sent." in message
    assert message.endswith("finish or cancel it there, then run again.")
    assert caught.value.exit_code == 1


def test_the_timeout_covers_all_holders(path):
    """Each is named, and the time goes on."""
    wait, other = Waiting(), Holder("b", 2, datetime.now(UTC))
    wait.wait(this_process(), module.TIMEOUT - 1)
    wait.wait(other, 1)
    assert len(wait.messages) == 2
    with pytest.raises(LockedError, match="still in progress: b, process 2"):
        wait.wait(other, 1)


def test_an_interrupted_wait(path):
    """The waiter holds nothing, and the holder keeps the lock."""

    def interrupt():
        raise KeyboardInterrupt

    with local_lock(path, Waiting()):
        with pytest.raises(KeyboardInterrupt), local_lock(path, Waiting(interrupt)):
            pytest.fail("two at once")
        assert parse_holder(path.read_text()) is not None
    with local_lock(path, Waiting()) as note:
        assert note is None


def test_an_exception_releases_the_lock(path):
    """It is raised unchanged."""
    with pytest.raises(LookupError), local_lock(path, Waiting()):
        raise LookupError
    with local_lock(path, wait := Waiting()):
        assert not wait.waited
    assert path.read_text() == ""


def test_a_killed_process_holds_no_lock(path):
    """The kernel releases it, and the holder's line is replaced."""
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, text=True, env={**os.environ, "PYTHONPATH": root}, **pipes
    ) as process:
        assert process.stdout.readline() == "held\n"

        def kill():
            process.kill()
            process.wait()

        wait = Waiting(kill)
        with local_lock(path, wait):
            assert parse_holder(path.read_text()).process == os.getpid()
        assert len(wait.slept) == 1
        assert f"process {process.pid}," in wait.messages[0]


def test_finding_a_lock(path):
    """The holder while it is held; the lock ends with its process. Looking takes and creates
    nothing."""
    assert find_local_lock(path) is None
    assert not path.parent.exists()
    with local_lock(path, Waiting()):
        found = find_local_lock(path)
        assert (found.holder.process, found.release) == (os.getpid(), None)
    assert find_local_lock(path) is None


def test_a_lock_file_that_cannot_be_created_is_a_note(tmp_path):
    """The apply continues."""
    (tmp_path / "file").touch()
    with local_lock(tmp_path / "file" / "x.lock", Waiting()) as note:
        assert note == (
            f"{tmp_path}/file/x.lock cannot be locked (File exists), so another apply from this "
            f"machine at the same time would not be detected."
        )


def test_a_file_system_without_locks_is_a_note(path, monkeypatch):
    """No weaker kind of lock is used instead."""

    def flock(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    with local_lock(path, Waiting()) as note:
        assert "cannot be locked (Function not implemented)" in note


# Where a ledger is


@pytest.mark.parametrize("place", [".reconciler/ledger.json", "state/ledger.json", "ledger.json"])
def test_a_lock_file_is_ignored_by_git(tmp_path, monkeypatch, place):
    """Wherever the ledger is."""
    plain_git(monkeypatch)
    root = repository(tmp_path / "r")
    with open_store(root, place).lock(Waiting()) as lock:
        assert lock.notes == ()
        assert list(root.rglob("*.lock"))
        assert say(root, "status", "--porcelain") == ""
    assert say(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("place", [".reconciler/ledger.json", "git:ledger"])
def test_one_ledger_has_one_lock(tmp_path, monkeypatch, place):
    """Through whichever path the folder is reached."""
    plain_git(monkeypatch)
    root = repository(tmp_path / "r")
    (tmp_path / "link").symlink_to(root)
    with open_store(root, place).lock(Waiting()):
        store = open_store(tmp_path / "link", place)
        with pytest.raises(LockedError), store.lock(Waiting()):
            pytest.fail("two at once")


@pytest.mark.parametrize("places", [("a.json", "b.json"), ("git:a", "git:b")])
def test_two_ledgers_have_separate_locks(tmp_path, monkeypatch, places):
    """Two agencies in a repository do not wait for each other."""
    plain_git(monkeypatch)
    root = repository(tmp_path / "r")
    one, other = (open_store(root, place) for place in places)
    with one.lock(Waiting()), other.lock(wait := Waiting()) as lock:
        assert (lock.notes, wait.waited) == ((), False)


def test_work_trees_share_the_lock(tmp_path, monkeypatch):
    """They share the branch."""
    plain_git(monkeypatch)
    root = repository(tmp_path / "r")
    say(root, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    with open_store(root, "git:ledger").lock(Waiting()):
        store = open_store(tmp_path / "tree", "git:ledger")
        with pytest.raises(LockedError), store.lock(Waiting()):
            pytest.fail("two at once")
