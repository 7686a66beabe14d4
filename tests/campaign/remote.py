"""A lock on a simulated remote, and the processes that hold it: the program's own `Claim`, without
git and without real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from campaign.simulation import Simulation
from reconciler.engine import session
from reconciler.store import claim
from reconciler.store.file import File
from reconciler.store.holder import Holder
from reconciler.store.lock import Lock, LockWait
from reconciler.store.refs import GitError, Refs

PLACE = ("origin", "refs/reconciler-lock")
"""The remote and its reference."""


@dataclass
class Remote:
    """A remote with one reference, and the processes on this machine. A process that was killed
    reaches it no more. It implements what `Claim` needs of `Refs`."""

    simulation: Simulation
    commit: str | None = None
    messages: dict[str, str] = field(default_factory=dict)
    processes: int = 0
    alive: set[int] = field(default_factory=set)

    def empty_commit(self, message: str) -> str:
        """A new commit."""
        commit = f"{len(self.messages):040x}"
        self.messages[commit] = message
        return commit

    def subject(self, commit: str) -> str:
        """The first line of a commit's message."""
        return self.messages[commit].partition("\n")[0]

    def has(self, commit: str) -> bool:
        """Whether a commit is here."""
        return commit in self.messages

    def remote_commit_of(self, *_: object) -> str | None:
        """The commit of the reference."""
        self.simulation.check_alive()
        return self.commit

    def push(self, _: str, new: str | None, __: str, old: str | None, ___: float) -> None:
        """Move the reference. Raises GitError if it is not at the old commit."""
        self.simulation.check_alive()
        if self.commit != old:
            raise GitError("stale info")
        self.commit = new

    def unlock(self) -> None:
        """Release the lock, whoever holds it, as `reconciler unlock` does."""
        found = claim.find_remote_lock(self.refs, *PLACE)
        if found is not None and found.release is not None:
            found.release()

    @property
    def refs(self) -> Refs:
        """Itself, as the type that `Claim` takes."""
        refs: Any = self
        return refs

    @contextmanager
    def process(self) -> Iterator[None]:
        """A new process of the program. It is dead afterwards, however it ended."""
        self.processes += 1
        number = self.processes
        self.alive.add(number)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        here = Holder("machine", number, moment, boot="b", namespace="n", start=number)
        with (
            mock.patch.object(claim, "this_process", return_value=here),
            mock.patch.object(Holder, "runs_here", lambda each: each.process in self.alive),
            mock.patch.object(session, "open_store", self._open_store),
        ):
            try:
                yield
            finally:
                self.alive.discard(number)

    def _open_store(self, root: Path, location: str) -> File:
        return _Shared(root, location, self)


@dataclass(frozen=True, slots=True)
class _Shared(File):
    """A ledger in a file that several clones share, with its lock on the remote."""

    remote: Remote

    @contextmanager
    def lock(self, wait: LockWait) -> Iterator[Lock]:
        """Hold the lock on the remote, in simulated time."""
        wait.now = _clock(self.remote.simulation)
        with claim.remote_lock(self.remote.refs, *PLACE, wait) as lock:
            yield lock


def _clock(simulation: Simulation) -> Callable[[], float]:
    return lambda: simulation.now
