"""One apply at a time on a ledger: the lock on this machine, and waiting for a lock.

The lock is the kernel's, so it ends with its process. `store.claim` is the lock among machines
that share a remote. Reasons: docs/decisions/0013-one-apply-at-a-time.md.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from reconciler.errors import LockedError

TIMEOUT = 300.0
"""Seconds that an apply waits for others before it fails."""
POLL_INTERVAL = 0.25
"""Seconds between two attempts to take a lock on this machine."""
MAX_HOST = 64
"""Characters of a host's name to show."""


def boot_time() -> float:
    """Seconds on this machine's clock, including those in standby where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; shown to people, and used for nothing else."""

    host: str
    process: int
    since: datetime

    def __str__(self) -> str:
        """As text, in the reader's time zone; with the date if that is not today."""
        since = self.since.astimezone()
        today = since.date() == datetime.now(since.tzinfo).date()
        return (
            f"{self.host}, process {self.process}, "
            f"since {since.strftime('%H:%M' if today else '%Y-%m-%d %H:%M')}"
        )

    def to_line(self) -> str:
        """As a line of JSON."""
        data = {"host": self.host, "process": self.process, "since": self.since.isoformat()}
        return json.dumps(data)


def this_process() -> Holder:
    """This process as a holder, starting now."""
    return Holder(socket.gethostname(), os.getpid(), datetime.now(UTC))


def parse_holder(line: str) -> Holder | None:
    """The holder who wrote a line; None if it is not such a line. Control characters are
    replaced."""
    try:
        data = json.loads(line)
        host = "".join(each if each.isprintable() else "?" for each in data["host"][:MAX_HOST])
        since = datetime.fromisoformat(data["since"]).astimezone()
        return Holder(host, int(data["process"]), since)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


@dataclass(slots=True)
class LockWait:
    """Waiting for a lock: `notify` shows the user a message, `on_lost` is called with the reason if
    the lock is lost later; `sleep` waits and `now` is the clock, in seconds."""

    notify: Callable[[str], None]
    on_lost: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = boot_time
    _start: float | None = field(default=None, init=False)
    _notified: str | None = field(default=None, init=False)

    @property
    def waited(self) -> bool:
        """Whether another apply held the lock."""
        return self._start is not None

    def wait(self, other: Holder | None, seconds: float) -> None:
        """Sleep after notifying the user, once for each holder (None: unknown). Raises LockedError
        after TIMEOUT."""
        who = "" if other is None else f": {other}"
        if self._start is None:
            self._start = self.now()
        if self.now() - self._start >= TIMEOUT:
            raise LockedError(
                f"Another apply is still in progress{who}. Waited {TIMEOUT / 60:.0f} minutes; "
                f"nothing was sent. It may be waiting for someone's confirmation: finish or cancel "
                f"it there, then run again."
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

    lock = FileLock(
        path, fallback_to_soft=False, on_acquired=partial(_write_holder, this_process().to_line())
    )
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
