"""The lock among machines that share a remote: a reference there, renewed while it is held.

It is taken, renewed, taken over and released by pushes that state the expected commit, so one of
two concurrent pushes fails. Clocks of different machines are not compared: a waiter takes a claim
over if the reference has not changed for LEASE seconds by the waiter's own clock.
Reasons: docs/decisions/0013-one-apply-at-a-time.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from threading import Event, Thread

from reconciler.store.lock import Holder, LockWait, parse_holder, this_process
from reconciler.store.refs import GitError, Refs

LEASE = 90.0
"""Seconds without a change after which a claim may be taken over."""
RENEWAL = 30.0
"""Seconds between two renewals."""
RETRY = 5.0
"""Seconds after which a failed renewal is retried."""
TICK = 1.0
"""Seconds between two checks of the clock: after sleep, an expired claim is noticed this fast."""
POLL_INTERVAL = 3.0
"""Seconds between two checks of another's claim."""
REMOTE_TIMEOUT = 20.0
"""Seconds for a remote to answer, short enough for a second attempt within a lease."""
LOST = (
    "This apply did not renew its lock in time (did the machine sleep?), so another one may have "
    "taken it over."
)
ATTEMPTS = 3
"""Rejected pushes of an unclaimed reference after which the remote is taken to refuse claims."""


class Claim:
    """One apply's claim on a reference of a remote. It remembers all its commits, since a push may
    take effect although its answer is lost."""

    def __init__(self, refs: Refs, remote: str, reference: str) -> None:
        self._refs = refs
        self._remote = remote
        self._reference = reference
        self._line = this_process().to_line()
        self._current: str | None = None
        self._mine: set[str] = set()
        self._other: str | None = None

    def take(self, wait: LockWait) -> str | None:
        """Take the claim, after waiting for others. Returns a message for the user if it was taken
        over. Raises GitError if the remote is unreachable or refuses it, and LockedError."""
        expired: tuple[str, Holder | None] | None = None
        while not self._put(None if expired is None else expired[0]):
            expired = self._wait(wait)
        if expired is None:
            return None
        who = "" if expired[1] is None else f" ({expired[1]})"
        return (
            f"The previous apply{who} did not finish: it has not renewed its lock for "
            f"{LEASE:.0f} s. This apply continues from the portal's current state."
        )

    def renew(self) -> bool:
        """Renew the claim; False if another apply has taken it over. Raises GitError if that is
        unknown."""
        return self._put(self._current)

    def release(self) -> None:
        """Release the claim. Raises GitError."""
        while self._mine and (holder := self._remote_commit()) in self._mine:
            self._push(None, holder)

    def _put(self, old: str | None) -> bool:
        """Replace the commit `old` by a new one; False if another's is there. Raises GitError."""
        new = self._refs.empty_commit(f"{self._line}\n\n{token_hex(8)}")
        self._mine.add(new)
        for left in reversed(range(ATTEMPTS)):
            try:
                self._push(new, old)
                break
            except GitError:
                try:
                    holder = self._remote_commit()
                except GitError:
                    if not left:
                        raise
                    continue
                if holder == new:
                    break
                if holder in self._mine:  # from a push whose answer was lost
                    old = holder
                elif holder != old:
                    self._other = holder
                    return False
                if not left:
                    raise
        self._current = new
        return True

    def _wait(self, wait: LockWait) -> tuple[str, Holder | None] | None:
        """Wait until the claim is free (None), or expired: its commit and who took it. Raises
        LockedError."""
        commit = self._other
        seen, who, since = commit, None, wait.now()
        while commit is not None:
            if commit != seen:
                seen, since = commit, wait.now()
            who = self._holder(commit) or who
            wait.wait(who, POLL_INTERVAL)
            asked = wait.now()
            with suppress(GitError):  # until the wait times out
                commit = self._remote_commit()
                if commit == seen and asked - since >= LEASE:
                    return seen, who
        return None

    def _remote_commit(self) -> str | None:
        return self._refs.remote_commit_of(self._remote, self._reference, REMOTE_TIMEOUT)

    def _push(self, commit: str | None, old: str | None) -> None:
        self._refs.push(self._remote, commit, self._reference, old, REMOTE_TIMEOUT)

    def _holder(self, commit: str) -> Holder | None:
        """Who pushed a commit, if that can be read."""
        with suppress(GitError):
            if not self._refs.has(commit):
                self._refs.fetch(self._remote, self._reference, REMOTE_TIMEOUT)
            return parse_holder(self._refs.subject(commit))
        return None


@contextmanager
def remote_lock(refs: Refs, remote: str, reference: str, wait: LockWait) -> Iterator[str | None]:
    """Hold the lock on a remote; `wait.on_lost` is called if another apply takes it over. Yields a
    message for the user, if there is one. Raises LockedError."""
    claim = Claim(refs, remote, reference)
    finished, lost = Event(), Event()
    thread: Thread | None = None

    def lose() -> None:
        lost.set()
        wait.on_lost(LOST)

    try:
        try:
            note = claim.take(wait)
            thread = Thread(target=_keep, args=(claim, finished, wait, lose), daemon=True)
            thread.start()
        except GitError as error:
            note = (
                f"The lock could not be taken on {remote} ({error}), so an apply from elsewhere at "
                f"the same time would not be detected."
            )
        yield note
    finally:
        finished.set()
        if thread is not None:
            thread.join()
        if not lost.is_set():
            try:
                claim.release()
            except GitError as error:
                if thread is not None:
                    wait.notify(
                        f"note: The lock could not be released on {remote} ({error}). The next "
                        f"apply from elsewhere takes it over after {LEASE:.0f} s."
                    )


def _keep(claim: Claim, finished: Event, wait: LockWait, lose: Callable[[], None]) -> None:
    """Renew a claim until the apply has finished or the claim is lost."""
    renewed = wait.now()
    due = renewed + RENEWAL
    notified = False
    while not finished.wait(min(TICK, RENEWAL)):
        if wait.now() < due:
            continue
        start = wait.now()
        try:
            if not claim.renew():
                lose()
                return
            renewed, due = start, start + RENEWAL
        except GitError as error:
            due = wait.now() + RETRY
            if not notified and due - renewed >= LEASE:
                notified = True
                wait.notify(
                    f"note: The lock could not be renewed for {LEASE:.0f} s ({error}). An apply "
                    f"from elsewhere may start meanwhile."
                )
