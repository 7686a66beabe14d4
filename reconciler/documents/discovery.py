"""Find and read the YAML files of a repository without following anything out of it.

The repository may be a stranger's pull request: a symbolic link is followed only to a target inside
the repository, no folder is read through two links, and a pipe or device is never opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from reconciler.documents.text import MAX_BYTES, printable
from reconciler.errors import Problem

_MISNAMED = re.compile(r"(?P<stem>.*)\.(?P<suffix>ya?ml)(\.txt)?", re.IGNORECASE | re.DOTALL)
"""Names that look like a YAML file's but are not read: `A.YAML`, and `a.yaml.txt`, whose last
extension some systems hide."""

_SIMILAR = re.compile(r"\.(ya?ml|json)([^a-z0-9]|$)", re.IGNORECASE)
"""Names of files that may be meant as YAML files."""

_Kind: TypeAlias = Literal["folder", "file", "other"]


def yaml_files(root: Path, folder: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """Find the YAML files below `folder`: the name of each relative to `root`, and its path.

    They are sorted by name. Names that start with a dot are skipped. What cannot be read is added
    to `problems`.
    """
    top = os.path.realpath(root)
    start = root / folder
    name = printable(folder)
    if not start.is_dir():
        wrong = "is not a directory" if start.exists() else "does not exist"
        hint = _where_to_run(top, folder)
        problems.append(Problem(name, 1, 1, f"directory {name} {wrong}", hint=hint))
        return []
    if not inside(os.path.realpath(start), top):
        problems.append(Problem(name, 1, 1, "the directory is outside the repository"))
        return []
    prefix = Path(os.path.normpath(folder)).as_posix()
    return sorted(_walk(os.fspath(start), "" if prefix == "." else f"{prefix}/", top, problems))


def _where_to_run(top: str, folder: str) -> str:
    """What to do if there is no `folder` in the real path `top`."""
    elsewhere = "run this from the parent folder, or use -C DIR"
    for parent in Path(top).parents:
        if (parent / folder).is_dir():
            return f"{elsewhere}, here -C {printable(os.path.relpath(parent, top))}"
    return (
        f"run `reconciler init` to start here, or set `agents` in reconciler.yaml; if this is the "
        f"wrong folder, {elsewhere}"
    )


def similar_files(root: Path, folder: str) -> list[str]:
    """Find the files below `folder` that may be meant as agents' files but are not read, such as
    `a.yaml.bak`, `a.json` and `.a.yaml`: their names relative to `folder`, sorted."""
    start = os.fspath(root / folder)
    found = []
    for path, folders, names in os.walk(start):
        folders[:] = [each for each in folders if not each.startswith(".")]
        similar = [name for name in names if _SIMILAR.search(name) and not _is_read(name)]
        found += [Path(os.path.relpath(path, start), name).as_posix() for name in similar]
    return sorted(found)


def _is_read(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


def inside(path: str, folder: str) -> bool:
    """Return whether a real path is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def content(path: str) -> bytes:
    """Read a file, or only enough of it to show that it is too large. Raises OSError."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - Path.open takes twice as long
        too_large = os.fstat(file.fileno()).st_size > MAX_BYTES
        return (file.read(MAX_BYTES + 1) if too_large else file.readall()) or b""


def _walk(start: str, prefix: str, top: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Yield the YAML files in `start` and below as name and path."""
    linked: set[str] = set()
    folders = [(start, prefix)]
    while folders:
        folder, prefix = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            message = f"cannot read the directory: {error.strerror}"
            problems.append(Problem(printable(prefix.rstrip("/")), 1, 1, message))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name, kind = prefix + entry.name, _kind(entry)
            is_yaml = kind != "folder" and _is_read(entry.name)
            wrong = None
            if entry.is_symlink() and (is_yaml or kind != "file"):
                wrong = _bad_link(entry.path, printable(name), top, linked)
            if wrong is None and kind != "folder":
                wrong = _bad_file(name, kind, is_yaml=is_yaml)
            if wrong is not None:
                problems.append(wrong)
            elif kind == "folder":
                folders.append((entry.path, f"{name}/"))
            elif is_yaml:
                yield name, entry.path


def _kind(entry: os.DirEntry[str]) -> _Kind:
    """Return what an entry is or links to; a link to itself is `other`."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:
        return "other"


def _bad_link(path: str, name: str, top: str, linked: set[str]) -> Problem | None:
    """Return why a symbolic link is not followed, or None; adds its target to `linked`.

    No target is read twice, because folders that link to each other would multiply.
    """
    real = os.path.realpath(path)
    if not Path(real).exists():
        return Problem(name, 1, 1, "broken symbolic link", hint="delete it")
    if not inside(real, top):
        message = "the symbolic link points outside the repository"
        return Problem(name, 1, 1, message, hint="replace it with a copy of its target")
    if inside(os.path.realpath(Path(path).parent), real):
        message = "the symbolic link points to a directory that contains it"
        return Problem(name, 1, 1, message, hint="delete it")
    if real in linked:
        message = "another symbolic link has the same target"
        return Problem(name, 1, 1, message, hint="delete one of the two links")
    linked.add(real)
    return None


def _bad_file(name: str, kind: _Kind, *, is_yaml: bool) -> Problem | None:
    """Return why a file that is YAML, or looks like it, cannot be read; None if all is well."""
    if is_yaml and kind == "file" and name.isprintable():
        return None
    base = name.rpartition("/")[2]
    misnamed = None if is_yaml else _MISNAMED.fullmatch(base)
    if not is_yaml and not misnamed:
        return None
    if not name.isprintable():
        part = "directory" if base.isprintable() else "file"
        message = f"the {part} name contains invisible characters"
        return Problem(printable(name), 1, 1, message, hint=f"rename the {part}")
    if misnamed:
        message = "only files named *.yaml or *.yml are read"
        right = f"{misnamed['stem']}.{misnamed['suffix'].lower()}"
        return Problem(name, 1, 1, message, hint=f"rename it to {right}")
    return Problem(name, 1, 1, "not a regular file")
