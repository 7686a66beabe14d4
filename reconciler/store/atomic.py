"""Atomic writes: a file has its old content or its new one, never a part of either."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE


def write(path: Path, content: bytes) -> None:
    """Replace a file, keeping its mode, and flush it to the disk; creates its folder. Raises
    OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            with suppress(OSError):  # a new file, or a file system without modes
                os.fchmod(file.fileno(), S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the atomic call
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def create(path: Path, content: bytes) -> None:
    """Write a new file and flush it to the disk; creates its folder. Raises FileExistsError if
    there is a file or a link of this name, and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, replaces nothing
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            with path.open("xb") as file:
                file.write(content)
    finally:
        temporary.unlink(missing_ok=True)


def clear(path: Path) -> None:
    """Delete temporary files of writers that were killed. Call it only while no one else writes."""
    temporary = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if temporary.fullmatch(each.name):
                each.unlink(missing_ok=True)
