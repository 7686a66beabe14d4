"""The ledger in a file of its own. A file that cannot be read is put aside, not written over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG

from reconciler.errors import ConfigError
from reconciler.store import atomic
from reconciler.store.ledger import Kept, Ledger, Moved, parse, text, unwritten
from reconciler.store.lock import LockWait, alone

OURS = ".reconciler"
"""The folder that has nothing but ours in it, which keeps itself out of the user's git."""


@dataclass(frozen=True, slots=True)
class File:
    """The file with the ledger; its folder is made with it."""

    path: Path

    @contextmanager
    def lock(self, turn: LockWait) -> Iterator[tuple[str, ...]]:
        """One apply at a time with this file. What is locked lies in a folder of ours, wherever the
        ledger is. Raises LockedError."""
        beside = self.path.parent
        folder = beside if beside.name == OURS else beside / OURS
        with suppress(OSError):  # then it cannot be locked either, and that is told
            folder.mkdir(parents=True, exist_ok=True)
            _keep_out_of_git(folder)
        with alone(folder / f"{self.path.name}.lock", turn) as note:
            if note is None:
                atomic.clear(self.path)
            yield (note,) if note else ()

    def load(self) -> Kept:
        """Read it. Raises ConfigError where it cannot be read, or is of a later version."""
        content = self._content()
        if content is None:
            return Kept({})
        return Kept(*parse(content, str(self.path)), _version(content))

    def save(self, ledger: Ledger, kept: Kept, message: str) -> str | None:  # noqa: ARG002 - for git
        """Write it, if it says something else than the file. Raises Moved, and ConfigError."""
        old = self._content()
        if _version(old) != kept.version:
            raise Moved
        content = text(ledger)
        if content == old:
            return None
        try:
            if old is not None and parse(old, str(self.path))[1] is not None:
                self.path.replace(self.path.with_name(self.path.name + ".unreadable"))
            atomic.write(self.path, content)
            if self.path.parent.name == OURS:
                _keep_out_of_git(self.path.parent)
        except OSError as error:
            return unwritten(str(self.path), str(error.strerror))
        return None

    def _content(self) -> bytes | None:
        try:
            if not S_ISREG(self.path.stat().st_mode):  # a pipe or a device may never end
                raise ConfigError(f"The ledger {self.path} is no plain file. Name one in `ledger`.")
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"The ledger {self.path} cannot be read: {error.strerror}.") from None


def _keep_out_of_git(folder: Path) -> None:
    """Nothing of this folder is seen by the user's git, the word for that neither. Raises
    OSError."""
    path = folder / ".gitignore"
    if path.is_symlink() or not path.exists():  # nothing is written through a link
        atomic.write(path, b"*\n")


def _version(content: bytes | None) -> str | None:
    return None if content is None else sha256(content).hexdigest()
