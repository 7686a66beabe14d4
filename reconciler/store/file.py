"""The ledger in a file of its own. A file that cannot be read is put aside, not written over."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from reconciler.errors import ConfigError
from reconciler.store import atomic
from reconciler.store.ledger import Kept, Ledger, Moved, parse, text, unwritten


@dataclass(frozen=True, slots=True)
class File:
    """The file with the ledger; its folder is made with it."""

    path: Path

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
            if self.path.parent.name == ".reconciler":  # ours alone: keep it out of the user's git
                (self.path.parent / ".gitignore").write_text("*\n", "utf-8")
        except OSError as error:
            return unwritten(str(self.path), str(error.strerror))
        return None

    def _content(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"The ledger {self.path} cannot be read: {error.strerror}.") from None


def _version(content: bytes | None) -> str | None:
    return None if content is None else sha256(content).hexdigest()
