"""Files that an import edits: which document is which, and writing them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reconciler.core.adoption import Imported
from reconciler.documents.agents import Document
from reconciler.documents.discovery import content, inside
from reconciler.errors import OutputError
from reconciler.store import atomic
from reconciler.store.links import link_in


def index_of(document: Document, documents: Iterable[Document]) -> int:
    """Which document of its file a document is, from 0."""
    file = document.source.file
    lines = [each.source.line for each in documents if each.source.file == file]
    return sorted(lines).index(document.source.line)


def write(root: Path, imported: Imported) -> None:
    """Write the files. A new one replaces nothing, an edited one only what was read, and none is
    written through a link or outside the repository. Raises OutputError: before anything is written
    for a wrong place, else with the files before it written."""
    for edit in imported.edits:
        path = root / edit.file
        link = link_in(path, root)
        if link is not None:
            raise OutputError(f"{edit.file} was not written: {link} is a symbolic link.")
        if not inside(os.path.realpath(path), os.path.realpath(root)):
            raise OutputError(
                f"{edit.file} was not written: it is outside the repository. Set `agents` in "
                f"reconciler.yaml to a folder inside it."
            )
    for edit in imported.edits:
        path = root / edit.file
        try:
            if edit.before is None:
                atomic.create(path, edit.after)
            elif content(os.fspath(path)) == edit.before:
                atomic.write(path, edit.after)
            else:
                raise OutputError(f"{edit.file} was not written: it has changed. Run again.")
        except OSError as error:
            reason = error.strerror or "unknown reason"
            raise OutputError(f"{edit.file} was not written: {reason}.") from None
