"""One apply at a time on a ledger: a lock on this machine, and how one waits for it.

The lock is the kernel's, so it ends with its process, however that ends. `store.claim` is what
machines have that share a remote. Why it is so: docs/decisions/0013-one-apply-at-a-time.md.
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

PATIENCE = 300.0
"""Seconds that an apply waits for others before it gives up."""
GLANCE = 0.25
"""Seconds between two tries of a lock on this machine."""
LONGEST = 64
"""Characters of a host's name that are told."""


def passed() -> float:
    """Seconds on this machine's own clock, those while it slept too, where it can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who applies: for people to read, and for nothing else."""

    host: str
    process: int
    since: datetime

    def __str__(self) -> str:
        """In words; the time is the reader's own, with the day if that is not today."""
        since = self.since.astimezone()
        today = since.date() == datetime.now(since.tzinfo).date()
        shown = since.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
        return f"{self.host}, process {self.process}, since {shown}"

    def line(self) -> str:
        """As it is written down."""
        said = {"host": self.host, "process": self.process, "since": self.since.isoformat()}
        return json.dumps(said)


def myself() -> Holder:
    """This process, from now on."""
    return Holder(socket.gethostname(), os.getpid(), datetime.now(UTC))


def holder(line: str) -> Holder | None:
    """Who that is that wrote this line; None if it is none of ours. Nothing in it steers a
    terminal."""
    try:
        said = json.loads(line)
        host = "".join(each if each.isprintable() else "?" for each in said["host"][:LONGEST])
        since = datetime.fromisoformat(said["since"]).astimezone()
        return Holder(host, int(said["process"]), since)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


@dataclass(slots=True)
class LockWait:
    """An apply that waits for its turn: how it tells the user, how it sleeps and by which clock;
    and what it does when the right to apply, once it had it, was lost (`lose`, with the reason)."""

    say: Callable[[str], None]
    lose: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = passed
    _began: float | None = field(default=None, init=False)
    _told: str | None = field(default=None, init=False)

    @property
    def waited(self) -> bool:
        """Whether somebody else was applying."""
        return self._began is not None

    def wait(self, other: Holder | None, seconds: float) -> None:
        """Tell who is applying (None: somebody), and wait so long. Raises LockedError when that was
        long enough."""
        who = "" if other is None else f": {other}"
        if self._began is None:
            self._began = self.now()
        if self.now() - self._began >= PATIENCE:
            raise LockedError(
                f"Another apply is still under way{who}. This one has waited for "
                f"{PATIENCE / 60:.0f} minutes, and nothing was sent. The other one may be waiting "
                f"for somebody's answer: see to it that it ends there, and run again."
            )
        if who != self._told:
            self.say(
                f"Another apply is under way{who}. Waiting for it to end, {PATIENCE / 60:.0f} "
                f"minutes at most; nothing has been sent."
            )
            self._told = who
        self.sleep(seconds)


@contextmanager
def alone(path: Path, turn: LockWait) -> Iterator[str | None]:
    """Nobody else on this machine has this lock meanwhile. Gives a word for the user where that
    cannot be had: the file system has no locks, or nothing can be written. Raises LockedError."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - for an apply alone

    lock = FileLock(path, fallback_to_soft=False, on_acquired=partial(_sign, myself().line()))
    note = None
    try:
        while True:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock.acquire(blocking=False)
            except Timeout:
                turn.wait(_signed(path), GLANCE)
            except OSError as error:
                note = (
                    f"{path} cannot be locked ({error.strerror}), so an apply from here at the "
                    f"same time would not be noticed."
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


def _sign(line: str, file: int) -> None:
    """Write down whose the lock is; the line is whole for whoever reads it meanwhile."""
    with suppress(OSError):
        content = f"{line}\n".encode()
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, content)
        os.ftruncate(file, len(content))


def _signed(path: Path) -> Holder | None:
    """Who wrote that the lock is theirs."""
    try:
        return holder(path.read_text("utf-8").partition("\n")[0])
    except (OSError, ValueError):
        return None
