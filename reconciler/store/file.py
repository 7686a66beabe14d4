"""The ledger in a file of the repository. Nothing else is overwritten: no file outside, none behind
a link, and none that is not a ledger. In our own folder, a damaged ledger is renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG

from reconciler.errors import ConfigError, LedgerPathError
from reconciler.store import atomic
from reconciler.store.ledger import Ledger, LedgerChanged, StoredLedger, parse, text, unwritten
from reconciler.store.links import is_below, link_in
from reconciler.store.lock import FoundLock, Lock, LockWait, find_local_lock, local_lock

OWN_FOLDER = ".reconciler"
"""The folder for our files only, which git ignores."""
OTHER_PATH = "set `ledger` to another path, such as .reconciler/ledger.json"


@dataclass(frozen=True, slots=True)
class File:
    """The file with the ledger, by its name in the repository at `root`; its folder is created
    with it."""

    root: Path
    name: str

    @property
    def path(self) -> Path:
        """The path of the ledger."""
        return self.root / self.name

    @property
    def lock_file(self) -> Path:
        """The file that an apply locks, in our own folder, wherever the ledger is."""
        beside = self.path.parent
        folder = beside if beside.name == OWN_FOLDER else beside / OWN_FOLDER
        return folder / f"{self.path.name}.lock"

    @contextmanager
    def lock(self, wait: LockWait) -> Iterator[Lock]:
        """Keep other applies with this file out. Raises LockedError and LedgerPathError."""
        self._check(self.path, self.lock_file)
        folder = self.lock_file.parent
        with suppress(OSError):  # then locking fails too, and reports it
            folder.mkdir(parents=True, exist_ok=True)
            _ignore_in_git(folder)
        with local_lock(self.lock_file, wait) as note:
            if note is None:
                atomic.clear(self.path)
            yield Lock((note,) if note else ())

    def find_lock(self) -> FoundLock | None:
        """The lock of a process in this folder. Raises LedgerPathError."""
        self._check(self.path, self.lock_file)
        return find_local_lock(self.lock_file)

    def load(self) -> StoredLedger:
        """Read the ledger. Raises ConfigError if that fails, or if a later version wrote it;
        LedgerPathError if the file is of another kind."""
        content = self._content()
        if content is None:
            return StoredLedger({})
        ledger, note = parse(content, str(self.path))
        if note is not None and not self._is_ours:
            if content.strip():
                problem = "is not a ledger, and an apply would overwrite it"
                raise LedgerPathError(self.name, problem, f"move that file away, or {OTHER_PATH}")
            note = None  # an empty file, for example of `touch`
        return StoredLedger(ledger, note, _version(content))

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

    @property
    def _is_ours(self) -> bool:
        """Whether the file cannot be anything but a ledger."""
        return self.path.parent.name == OWN_FOLDER and self.path.suffix == ".json"

    def _check(self, *paths: Path) -> None:
        """Raise LedgerPathError if a path is outside the repository or goes through a link."""
        if not is_below(self.path, self.root):
            raise LedgerPathError(self.name, "is outside the repository", OTHER_PATH)
        for path in paths:
            if link := link_in(path, self.root):
                problem = f"cannot be used, because {link.name} is a symbolic link"
                hint = f"replace the link with what it points to, or {OTHER_PATH}"
                raise LedgerPathError(self.name, problem, hint)

    def _content(self) -> bytes | None:
        self._check(self.path)
        try:
            if not S_ISREG(self.path.stat().st_mode):  # a pipe or a device may never end
                raise LedgerPathError(self.name, "is not a regular file", OTHER_PATH)
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
