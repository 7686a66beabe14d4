"""A result in a file that the user names. A regular file has its old content or its new one; a
device, a pipe or an open descriptor (/dev/stdout) is written to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from reconciler.store import atomic

NOT_REPLACEABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""Why a file cannot be replaced that may be writable: no access to its folder, a mount point."""
DESCRIPTORS = Path("/dev/fd")
"""The folder of this process's open files; /dev/stdout is a link into it or to the same place."""


def write(path: Path, content: bytes) -> None:
    """Write a result. Raises OSError."""
    number = _descriptor(path)
    if number is not None:
        with open(os.dup(number), "wb") as file:  # noqa: PTH123 - Path has no descriptors
            file.write(content)
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    _check_folder(target)
    try:
        atomic.write(target, content)
    except OSError as error:
        if error.errno not in NOT_REPLACEABLE or not target.is_file():
            raise
        target.write_bytes(content)


def check(path: Path) -> None:
    """Raise OSError if a result cannot be written to a path. Opens nothing, because whoever reads a
    pipe would see its end."""
    number = _descriptor(path)
    if number is not None:
        os.fstat(number)
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OSError(errno.EISDIR, "it is a directory")
    _check_folder(target)
    replaceable = not target.exists() or target.is_file()
    if not ((replaceable and os.access(target.parent, os.W_OK)) or os.access(target, os.W_OK)):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def is_stream(path: Path) -> bool:
    """Whether a path names a device, a pipe or an open descriptor, which cannot be read later."""
    return _descriptor(path) is not None or (path.exists() and not path.is_file())


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path such as /dev/stdout or /dev/fd/63 names. To open such
    a path again would overwrite a file from its start."""
    folder = os.path.realpath(DESCRIPTORS)
    for _ in range(40):  # as many links as the kernel follows
        if os.path.realpath(path.parent) == folder and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _check_folder(target: Path) -> None:
    """Raise OSError if the directory of a file does not exist: it may be a typo."""
    if not target.parent.is_dir():
        raise OSError(errno.ENOENT, "the directory does not exist")
