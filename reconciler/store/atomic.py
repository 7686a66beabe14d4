"""A file is the old one or the new one, never half of either, whatever happens meanwhile."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def write(path: Path, content: bytes) -> None:
    """Replace the file; it is on the disk when this returns. Makes its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)  # noqa: PTH105 - the one call that the promise rests on
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def clear(path: Path) -> None:
    """Remove what writers left beside the file who were killed; for who is its only writer now."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if left.fullmatch(each.name):
                each.unlink(missing_ok=True)
