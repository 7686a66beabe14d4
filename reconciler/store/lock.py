"""One apply at a time on a ledger: the lock on this machine, and waiting for a lock.

The lock is the kernel's, so it ends with its process. `store.claim` is the lock among machines
that share a remote. Reasons: docs/decisions/0020-a-lock-does-not-expire.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reconciler.errors import LockedError
from reconciler.store.holder import Holder, WorkflowRun, parse_holder, this_process

TIMEOUT = 300.0
"""Seconds that an apply waits for others before it fails."""
POLL_INTERVAL = 0.25
"""Seconds between two attempts to take a lock on this machine."""
FINISH = "It may be waiting for someone's confirmation: finish or cancel it there, then run again."
"""What to do about a lock that is not released."""


def boot_time() -> float:
    """Seconds on this machine's clock, including those in standby where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _do_nothing() -> None:
    """Do nothing: the kernel keeps the lock on this machine."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that this apply holds. `notes` are for the user. `check` is called before each write:
    it calls the wait's `on_lost` if the lock is not held any more."""

    notes: tuple[str, ...] = ()
    check: Callable[[], None] = _do_nothing


@dataclass(frozen=True, slots=True)
class FoundLock:
    """A lock that someone holds: who, if that is known, and how to release it (None: it ends with
    its process). `release` raises LockedError if it changed or cannot be released."""

    holder: Holder | None
    release: Callable[[], None] | None = None

    @property
    def owner(self) -> str:
        """The holder as text."""
        return "an unknown apply" if self.holder is None else str(self.holder)


@dataclass(slots=True)
class LockWait:
    """Waiting for a lock: `notify` shows the user a message, `on_lost` is called with the reason if
    the lock is lost later; `sleep` waits and `now` is the clock, in seconds. `run` is the workflow
    run that this process is part of."""

    notify: Callable[[str], None]
    on_lost: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = boot_time
    run: WorkflowRun | None = None
    _start: float | None = field(default=None, init=False)
    _notified: str | None = field(default=None, init=False)

    @property
    def waited(self) -> bool:
        """Whether another apply held the lock."""
        return self._start is not None

    def wait(self, other: Holder | None, seconds: float, fix: str = FINISH) -> None:
        """Sleep after notifying the user, once for each holder (None: unknown). Raises LockedError
        after TIMEOUT, with `fix`, which says what to do."""
        who = "" if other is None else f": {other}"
        if self._start is None:
            self._start = self.now()
        if self.now() - self._start >= TIMEOUT:
            raise LockedError(
                f"Another apply is still in progress{who}. Waited {TIMEOUT / 60:.0f} minutes; "
                f"nothing was sent. {fix}"
            )
        if who != self._notified:
            self.notify(
                f"Another apply is in progress{who}. Waiting up to {TIMEOUT / 60:.0f} minutes for "
                f"it to finish; nothing has been sent."
            )
            self._notified = who
        self.sleep(seconds)


@contextmanager
def local_lock(path: Path, wait: LockWait) -> Iterator[str | None]:
    """Hold the lock of a file on this machine. Yields a message for the user if that is not
    possible: the file system has no locks, or is read-only. Raises LockedError."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only an apply needs it

    line = this_process(wait.run).to_line()
    lock = FileLock(path, fallback_to_soft=False, on_acquired=partial(_write_holder, line))
    note = None
    try:
        while True:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock.acquire(blocking=False)
            except Timeout:
                wait.wait(_read_holder(path), POLL_INTERVAL)
            except OSError as error:
                note = (
                    f"{path} cannot be locked ({error.strerror}), so another apply from this "
                    f"machine at the same time would not be detected."
                )
                break
            else:
                break
        yield note
    finally:
        if lock.is_locked:
            with suppress(OSError):
                os.truncate(path, 0)
        with suppress(OSError):
            lock.release()


def find_local_lock(path: Path) -> FoundLock | None:
    """The lock of a file, if a process holds it."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only few commands need it

    if not path.exists():
        return None
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return FoundLock(_read_holder(path))
    except OSError:  # such as a read-only folder: no one locks there
        return None
    lock.release()
    return None


def _write_holder(line: str, file: int) -> None:
    """Write the holder's line in one call, so that a reader never sees a part of it."""
    with suppress(OSError):
        content = f"{line}\n".encode()
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, content)
        os.ftruncate(file, len(content))


def _read_holder(path: Path) -> Holder | None:
    try:
        return parse_holder(path.read_text("utf-8").partition("\n")[0])
    except (OSError, ValueError):
        return None
