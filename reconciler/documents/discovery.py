"""The files of a repository that are read: found without following anything out of it.

A repository may be somebody else's pull request. So a symbolic link is followed only to a place
inside, no folder is read by two links, and a pipe or a device is never opened.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, TypeAlias

from reconciler.documents.yaml import MAX_BYTES, visible
from reconciler.errors import Problem

_MISNAMED = re.compile(r"(?P<stem>.*)\.(?P<suffix>ya?ml)(\.txt)?", re.IGNORECASE | re.DOTALL)
"""Names of files that somebody takes for YAML files and this program does not: `A.YAML`, and
`a.yaml.txt`, whose end some systems do not show."""


_Sort: TypeAlias = Literal["folder", "file", "other"]


def yaml_files(root: Path, folder: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """The YAML files below `folder`, sorted: each by its name relative to `root`, with its path.

    What is odd is added to `problems`. Names that begin with a dot are skipped.
    """
    top = os.path.realpath(root)
    start = root / folder
    name = visible(folder)
    if not start.is_dir():
        hint = "make the folder and put one YAML file an agent into it, or set `agents`"
        message = f"there is no folder {name}" if not start.exists() else f"{name} is no folder"
        problems.append(Problem(name, 1, 1, message, hint=hint))
        return []
    if not inside(os.path.realpath(start), top):
        problems.append(Problem(name, 1, 1, "the folder is outside of the repository"))
        return []
    prefix = Path(os.path.normpath(folder)).as_posix()
    return sorted(_walk(os.fspath(start), "" if prefix == "." else f"{prefix}/", top, problems))


def inside(path: str, folder: str) -> bool:
    """Whether a real path is that folder, or in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def content(path: str) -> bytes:
    """A file's content, or as much of it as shows that it is too large. Raises OSError."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - Path.open takes twice as long
        too_large = os.fstat(file.fileno()).st_size > MAX_BYTES
        return (file.read(MAX_BYTES + 1) if too_large else file.readall()) or b""


def _walk(start: str, prefix: str, top: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """The YAML files in `start` and below, as (name to show, path); what is odd is a problem."""
    found: list[tuple[str, str]] = []
    linked: set[str] = set()
    waiting = [(start, prefix)]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            problems.append(Problem(visible(prefix.rstrip("/")), 1, 1, message))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name, sort = prefix + entry.name, _sort(entry)
            wanted = sort != "folder" and entry.name.endswith((".yaml", ".yml"))
            wrong = None
            if entry.is_symlink() and (wanted or sort != "file"):
                wrong = _bad_link(entry.path, visible(name), top, linked)
            if wrong is None and sort != "folder":
                wrong = _bad_file(name, sort, wanted=wanted)
            if wrong is not None:
                problems.append(wrong)
            elif sort == "folder":
                waiting.append((entry.path, f"{name}/"))
            elif wanted:
                found.append((name, entry.path))
    return found


def _sort(entry: os.DirEntry[str]) -> _Sort:
    """What an entry is, or leads to. A link that leads to itself is nothing that can be read."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:
        return "other"


def _bad_link(path: str, name: str, top: str, linked: set[str]) -> Problem | None:
    """Why a symbolic link is not followed: it leads nowhere, out of the repository, back, or where
    another one led; folders that link to each other would multiply. `linked` learns its end."""
    real = os.path.realpath(path)
    if not Path(real).exists():
        return Problem(name, 1, 1, "the link leads nowhere", hint="delete it")
    if not inside(real, top):
        message = "the link leads out of the repository"
        return Problem(name, 1, 1, message, hint="put the file itself here")
    if inside(os.path.realpath(Path(path).parent), real):
        return Problem(name, 1, 1, "the link leads back to a folder that holds it")
    if real in linked:
        return Problem(name, 1, 1, "another link leads there too", hint="delete one of the two")
    linked.add(real)
    return None


def _bad_file(name: str, sort: _Sort, *, wanted: bool) -> Problem | None:
    """Why a file cannot be read, or would not be though somebody means it to be."""
    if wanted and sort == "file" and name.isprintable():
        return None
    folder, _, own = name.rpartition("/")
    meant = None if wanted else _MISNAMED.fullmatch(own)
    if not wanted and not meant:
        return None
    if not own.isprintable():
        message = "the file's name has characters that cannot be seen"
        return Problem(visible(name), 1, 1, message, hint="rename the file")
    if not folder.isprintable():
        message = "the name of the file's folder has characters that cannot be seen"
        return Problem(visible(name), 1, 1, message, hint="rename the folder")
    if meant:
        message = "only files whose names end in .yaml or .yml are read"
        right = f"{meant['stem']}.{meant['suffix'].lower()}"
        return Problem(name, 1, 1, message, hint=f"rename it to {right}")
    return Problem(name, 1, 1, "this is not a file that can be read")
