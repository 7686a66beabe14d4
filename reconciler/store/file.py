"""The ledger in a file. A file that cannot be parsed is renamed, not overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG

from reconciler.errors import ConfigError
from reconciler.store import atomic
from reconciler.store.ledger import Ledger, LedgerChanged, StoredLedger, parse, text, unwritten
from reconciler.store.lock import LockWait, local_lock

OWN_FOLDER = ".reconciler"
"""The folder for our files only, which git ignores."""


@dataclass(frozen=True, slots=True)
class File:
    """The file with the ledger; its folder is created with it."""

    path: Path

    @contextmanager
    def lock(self, wait: LockWait) -> Iterator[tuple[str, ...]]:
        """Keep other applies with this file out. The lock file is in our own folder, wherever the
        ledger is. Raises LockedError."""
        beside = self.path.parent
        folder = beside if beside.name == OWN_FOLDER else beside / OWN_FOLDER
        with suppress(OSError):  # then locking fails too, and reports it
            folder.mkdir(parents=True, exist_ok=True)
            _ignore_in_git(folder)
        with local_lock(folder / f"{self.path.name}.lock", wait) as note:
            if note is None:
                atomic.clear(self.path)
            yield (note,) if note else ()

    def load(self) -> StoredLedger:
        """Read the ledger. Raises ConfigError if that fails, or if a later version wrote it."""
        content = self._content()
        if content is None:
            return StoredLedger({})
        return StoredLedger(*parse(content, str(self.path)), _version(content))

    def save(self, ledger: Ledger, stored: StoredLedger, message: str) -> str | None:  # noqa: ARG002 - for git
        """Write the ledger if it differs from the file. Raises LedgerChanged and ConfigError."""
        old = self._content()
        if _version(old) != stored.version:
            raise LedgerChanged
        content = text(ledger)
        if content == old:
            return None
        try:
            if stored.note is not None:
                self.path.replace(self.path.with_name(self.path.name + ".unreadable"))
            atomic.write(self.path, content)
            if self.path.parent.name == OWN_FOLDER:
                _ignore_in_git(self.path.parent)
        except OSError as error:
            return unwritten(str(self.path), str(error.strerror))
        return None

    def _content(self) -> bytes | None:
        try:
            if not S_ISREG(self.path.stat().st_mode):  # a pipe or a device may never end
                raise ConfigError(
                    f"The ledger {self.path} is not a regular file. Set `ledger` to another path."
                )
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"The ledger {self.path} cannot be read: {error.strerror}.") from None


def _ignore_in_git(folder: Path) -> None:
    """Make git ignore a folder with all its files. Raises OSError."""
    path = folder / ".gitignore"
    if path.is_symlink() or not path.exists():  # never write through a link
        atomic.write(path, b"*\n")


def _version(content: bytes | None) -> str | None:
    return None if content is None else sha256(content).hexdigest()
