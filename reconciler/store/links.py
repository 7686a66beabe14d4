"""Symbolic links in a repository, which may be somebody else's pull request: no file of ours is
written through one."""

from __future__ import annotations

import os
from pathlib import Path


def is_below(path: Path, root: Path) -> bool:
    """Whether a path is spelled as one below `root`, or below what `root` is without links."""
    return not _tops(root).isdisjoint(path.absolute().parents)


def link_in(path: Path, root: Path) -> Path | None:
    """The part of a path that is a symbolic link; None if there is none. Only parts below `root`
    count: how the user names that is up to them. Of a path that is not below, only the last part
    counts."""
    whole = path.absolute()
    if not is_below(path, root):
        return whole if whole.is_symlink() else None
    tops = _tops(root)
    for part in (whole, *whole.parents):
        if part in tops:
            break
        if part.is_symlink():
            return part
    return None


def _tops(root: Path) -> set[Path]:
    return {root.absolute(), Path(os.path.realpath(root))}
