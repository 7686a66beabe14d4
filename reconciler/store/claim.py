"""The lock among machines that share a remote: a reference there.

It is taken and released by pushes that state the expected commit, so one of two concurrent pushes
fails. It does not expire: another apply takes it only if its holder released it or is known to have
ended, or if someone released it with `unlock`. A holder that has not seen it for FRESH seconds
checks it before the next write. Reasons: docs/decisions/0020-a-lock-does-not-expire.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from threading import Lock as Mutex

from reconciler.errors import LockedError
from reconciler.store.holder import Holder, how_it_ended, parse_holder, this_process
from reconciler.store.lock import FINISH, FoundLock, Lock, LockWait
from reconciler.store.refs import GitError, Refs

FRESH = 10.0
"""Seconds after which the lock is checked before the next write."""
CHECK_TIMEOUT = 9.0
"""Seconds for a remote to answer a check. Below FRESH: one that took longer than that was stopped
itself, so it is repeated."""
POLL_INTERVAL = 3.0
"""Seconds between two checks of another's claim."""
ASK_INTERVAL = 30.0
"""Seconds between two questions whether the holder's workflow run has ended."""
REMOTE_TIMEOUT = 20.0
"""Seconds for a remote to answer."""
ATTEMPTS = 3
"""Attempts to push to an unclaimed reference, or to check a claim."""
LOST = (
    "This apply lost its lock: someone released it with `reconciler unlock`, or another apply "
    "started."
)
UNLOCK = (
    f"{FINISH} If you know that it is dead, release its lock with `reconciler unlock`, or start "
    f"the apply workflow with the input unlock."
)


class Claim:
    """One apply's claim on a reference of a remote: a commit that names the holder. A push may take
    effect although its answer is lost, so the commit stays the same for all attempts. `taken`: the
    remote has confirmed it."""

    def __init__(self, refs: Refs, remote: str, reference: str, wait: LockWait) -> None:
        self._refs = refs
        self._remote = remote
        self._reference = reference
        self._wait = wait
        self.taken = False
        self._commit: str | None = None
        self._seen = 0.0
        self._reported = False
        self._mutex = Mutex()

    def take(self) -> str | None:
        """Take the claim, after waiting for others. Returns a message for the user if it was a dead
        apply's. Raises GitError if the remote is unreachable or refuses it, and LockedError."""
        line = this_process(self._wait.run).to_line()
        self._commit = self._refs.empty_commit(f"{line}\n\n{token_hex(8)}")
        old = note = None
        while (found := self._push(old)) != self._commit:
            old, note = self._wait_for(found)
        self.taken = True
        return note

    def check(self) -> None:
        """Call `on_lost` if the claim is not ours any more. Asks the remote if the claim was not
        seen for FRESH seconds. A remote that does not answer is reported once."""
        with self._mutex:
            if not self.taken or self._is_fresh(self._seen):
                return
            problem = "no answer in time"
            for _ in range(ATTEMPTS):
                start = self._wait.now()
                try:
                    if self._remote_commit(CHECK_TIMEOUT) != self._commit:
                        self._wait.on_lost(LOST)
                        return
                    self._seen = start
                except GitError as error:
                    problem = str(error)
                if self._is_fresh(start):
                    break
            if not self._is_fresh(self._seen):
                self._report(problem)
                self._seen = self._wait.now()

    def release(self) -> None:
        """Release the claim if it is ours. Raises GitError."""
        for left in reversed(range(ATTEMPTS)):
            if self._commit is None or self._remote_commit() != self._commit:
                return
            try:
                self._refs.push(self._remote, None, self._reference, self._commit, REMOTE_TIMEOUT)
            except GitError:
                if not left:
                    raise

    def _is_fresh(self, moment: float) -> bool:
        return self._wait.now() - moment < FRESH

    def _report(self, problem: str) -> None:
        """Notify the user, once, that the claim could not be checked."""
        if not self._reported:
            self._reported = True
            self._wait.notify(
                f"note: The lock could not be checked on {self._remote} ({problem}). If someone "
                f"released it, an apply from elsewhere may have started."
            )

    def _push(self, old: str | None) -> str | None:
        """Replace the commit `old` by ours. Returns the commit that is there now. Raises
        GitError."""
        for left in reversed(range(ATTEMPTS)):
            self._seen = self._wait.now()
            try:
                self._refs.push(self._remote, self._commit, self._reference, old, REMOTE_TIMEOUT)
                break
            except GitError:
                try:
                    found = self._remote_commit()
                except GitError:
                    if not left:
                        raise
                    continue
                if found not in (None, old):  # ours, if only the answer was lost
                    return found
                if not left:
                    raise
                old = found
        return self._commit

    def _wait_for(self, commit: str | None) -> tuple[str | None, str | None]:
        """Wait until the claim at a commit is released, or its holder has ended. Returns the commit
        to replace, and a message for the user. Raises LockedError."""
        ask_at = self._wait.now()
        while commit is not None:
            holder = _holder(self._refs, self._remote, self._reference, commit)
            run = self._wait.run if self._wait.now() >= ask_at else None
            if run is not None:
                ask_at = self._wait.now() + ASK_INTERVAL
            if holder is not None and (reason := how_it_ended(holder, run)):
                return commit, (
                    f"The previous apply ({holder}) did not release its lock, and {reason}. This "
                    f"apply continues from the portal's current state."
                )
            self._wait.wait(holder, POLL_INTERVAL, UNLOCK)
            with suppress(GitError):  # until the wait times out
                commit = self._remote_commit()
        return None, None

    def _remote_commit(self, timeout: float = REMOTE_TIMEOUT) -> str | None:
        return self._refs.remote_commit_of(self._remote, self._reference, timeout)


def _holder(refs: Refs, remote: str, reference: str, commit: str) -> Holder | None:
    """Who pushed a commit, if that can be read."""
    with suppress(GitError):
        if not refs.has(commit):
            refs.fetch(remote, reference, REMOTE_TIMEOUT)
        return parse_holder(refs.subject(commit))
    return None


@contextmanager
def remote_lock(refs: Refs, remote: str, reference: str, wait: LockWait) -> Iterator[Lock]:
    """Hold the lock on a remote. If that is not possible, a note says so. Raises LockedError."""
    claim = Claim(refs, remote, reference, wait)
    try:
        try:
            note = claim.take()
        except GitError as error:
            note = (
                f"The lock could not be taken on {remote} ({error}), so an apply from elsewhere at "
                f"the same time would not be detected."
            )
        yield Lock((note,) if note else (), claim.check)
    finally:
        try:
            claim.release()
        except GitError as error:
            if claim.taken:
                wait.notify(
                    f"note: The lock could not be released on {remote} ({error}). Run `reconciler "
                    f"unlock`, or the next apply from elsewhere waits for it."
                )


def find_remote_lock(refs: Refs, remote: str, reference: str) -> FoundLock | None:
    """The lock on a remote, if someone holds it. Raises GitError."""
    commit = refs.remote_commit_of(remote, reference, REMOTE_TIMEOUT)
    if commit is None:
        return None

    def release() -> None:
        try:
            refs.push(remote, None, reference, commit, REMOTE_TIMEOUT)
        except GitError as error:
            found: str | None = commit
            with suppress(GitError):
                found = refs.remote_commit_of(remote, reference, REMOTE_TIMEOUT)
            if found == commit:
                raise LockedError(f"The lock could not be released on {remote}: {error}.") from None
            if found is not None:
                raise LockedError(
                    "Another apply has taken the lock meanwhile. Its lock was not released."
                ) from None

    return FoundLock(_holder(refs, remote, reference, commit), release)
