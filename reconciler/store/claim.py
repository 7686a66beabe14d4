"""The right to apply among machines that share a remote: a reference there, renewed while held.

It is taken, renewed, taken over and given back by pushes that say which commit they expect, so of
two at once one fails. No clock is compared with another machine's: who waits looks whether the
reference changes, and one that has not for a LEASE, by the waiter's own clock, is a dead one's.
Why it is so: docs/decisions/0013-one-apply-at-a-time.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from threading import Event, Thread
from typing import TYPE_CHECKING

from reconciler.store.git import GitError
from reconciler.store.lock import Holder, LockWait, holder, myself

if TYPE_CHECKING:
    from reconciler.store.branch import Branch

LEASE = 90.0
"""Seconds without a change after which a claim counts as a dead one's."""
RENEWAL = 30.0
"""Seconds after which a holder renews its claim."""
AGAIN = 5.0
"""Seconds after which it tries once more where that failed."""
TICK = 1.0
"""Seconds between two looks at the clock, so that a machine that slept soon knows."""
LOOK = 3.0
"""Seconds between two looks at somebody else's claim."""
ANSWER = 20.0
"""Seconds that a remote may take to answer; a renewal that fails has to leave time for another."""
LOST = (
    "For a while this apply gave no sign of itself (did the machine sleep?), so it counted as "
    "dead, and another one may be at work."
)
"""Why a run ends whose claim is somebody else's now."""
TRIES = 3
"""Refusals with nobody in the way, after which it is the remote that does not want claims."""


class Claim:
    """One apply's claim on a remote. All commits that stand for it are remembered: of a push whose
    answer was lost it is not known whether it took place."""

    def __init__(self, branch: Branch, remote: str) -> None:
        self._branch = branch
        self._remote = remote
        self._reference = f"refs/reconciler/applying/{branch.mark}"
        self._line = myself().line()
        self._current: str | None = None
        self._mine: set[str] = set()
        self._other: str | None = None

    def take(self, turn: LockWait) -> str | None:
        """Take it, after whoever has it; a word for the user if it had to be taken over from a
        dead one. Raises GitError where the remote cannot be reached or refuses it, LockedError."""
        dead: tuple[str, Holder | None] | None = None
        while not self._put(None if dead is None else dead[0]):
            dead = self._wait(turn)
        if dead is None:
            return None
        who = "" if dead[1] is None else f" ({dead[1]})"
        return (
            f"The apply before this one{who} did not come to its end: it gave no sign for "
            f"{LEASE:.0f} s. This one has gone on from what the portal shows now."
        )

    def renew(self) -> bool:
        """Show that it is held; False if it is not any more. Raises GitError where that is not
        known."""
        return self._put(self._current)

    def give_back(self) -> None:
        """Nobody has to wait for it any more. Raises GitError where that could not be told."""
        while self._mine and (there := self._there()) in self._mine:
            self._push(None, there)

    def _put(self, old: str | None) -> bool:
        """Put a new commit in place of `old`; False if another is there. Raises GitError."""
        new = self._branch.blank(f"{self._line}\n\n{token_hex(8)}")
        self._mine.add(new)
        for left in reversed(range(TRIES)):
            try:
                self._push(new, old)
                break
            except GitError:
                try:
                    there = self._there()
                except GitError:
                    if not left:
                        raise
                    continue
                if there == new:
                    break
                if there in self._mine:  # of a push whose answer was lost
                    old = there
                elif there != old:
                    self._other = there
                    return False
                if not left:
                    raise
        self._current = new
        return True

    def _wait(self, turn: LockWait) -> tuple[str, Holder | None] | None:
        """Wait until nobody has it, or whoever has it is dead: then their commit, and who it was.
        Raises LockedError."""
        there = self._other
        seen, who, since = there, None, turn.now()
        while there is not None:
            if there != seen:
                seen, since = there, turn.now()
            who = self._holder(there) or who
            turn.wait(who, LOOK)
            asked = turn.now()
            with suppress(GitError):  # until the patience is at its end
                there = self._there()
                if there == seen and asked - since >= LEASE:
                    return seen, who
        return None

    def _there(self) -> str | None:
        """The commit of whoever has it. Raises GitError."""
        return self._branch.there(self._remote, self._reference, ANSWER)

    def _push(self, commit: str | None, old: str | None) -> None:
        """Put the remote's reference from `old` to the commit. Raises GitError."""
        self._branch.push(self._remote, commit, self._reference, old, ANSWER)

    def _holder(self, commit: str) -> Holder | None:
        """Whose commit that is, if it can be had."""
        with suppress(GitError):
            if not self._branch.has(commit):
                self._branch.fetch(self._remote, self._reference, ANSWER)
            said = self._branch.git("show", "--no-patch", "--format=%s", commit)
            return holder(said)
        return None


@contextmanager
def claimed(branch: Branch, remote: str, turn: LockWait) -> Iterator[str | None]:
    """Nobody else who shares the remote applies meanwhile; `turn.lose` is told if that ends before
    its time. Gives a word for the user, where there is one. Raises LockedError."""
    claim = Claim(branch, remote)
    over, lost = Event(), Event()
    thread: Thread | None = None

    def lose() -> None:
        lost.set()
        turn.lose(LOST)  # at once: who has it now would have to be asked of the remote

    try:
        try:
            note = claim.take(turn)
            thread = Thread(target=_keep, args=(claim, over, turn, lose), daemon=True)
            thread.start()
        except GitError as error:
            note = (
                f"The right to apply could not be claimed on {remote} ({error}), so an apply from "
                f"elsewhere at the same time would not be noticed."
            )
        yield note
    finally:
        over.set()
        if thread is not None:
            thread.join()
        if not lost.is_set():
            try:
                claim.give_back()
            except GitError as error:
                if thread is not None:
                    turn.say(
                        f"note: The right to apply could not be given back on {remote} ({error}). "
                        f"The next apply from elsewhere takes it after {LEASE:.0f} s."
                    )


def _keep(claim: Claim, over: Event, turn: LockWait, lose: Callable[[], None]) -> None:
    """Renew a claim until it is over, or lost."""
    renewed = turn.now()
    due = renewed + RENEWAL
    told = False
    while not over.wait(min(TICK, RENEWAL)):
        if turn.now() < due:
            continue
        began = turn.now()
        try:
            if not claim.renew():
                lose()
                return
            renewed, due = began, began + RENEWAL
        except GitError as error:
            due = turn.now() + AGAIN
            if not told and due - renewed >= LEASE:
                told = True
                turn.say(
                    f"note: For {LEASE:.0f} s it could not be told to others that this apply is "
                    f"under way ({error}). One from elsewhere may begin meanwhile."
                )
