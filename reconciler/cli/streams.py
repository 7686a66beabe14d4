"""The standard streams of the process: any of them may be closed, full, or without a reader."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _LossyFile(io.FileIO):
    """A file that drops what cannot be written: a lost message must not change a run."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write the data, or drop it."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Open the null device as each stream that is closed, so that no file of the program takes its
    number; and make standard error drop what cannot be written."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - open until the end
    lossy = io.BufferedWriter(_LossyFile(sys.stderr.fileno(), "w", closefd=False))
    sys.stderr = io.TextIOWrapper(lossy, line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def is_closed(name: str) -> bool:
    """Whether the stream `stdin`, `stdout` or `stderr` was closed when the process started."""
    return getattr(sys, f"__{name}__") is None


def discard(stream: TextIO) -> None:
    """Drop what a failed write left in the buffer of a stream: nothing else can be written to it,
    and at the end of the process it would fail again."""
    with suppress(OSError):
        number = stream.fileno()
        copy = os.dup(number)
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, number)
            stream.flush()
        finally:
            os.dup2(copy, number)
            os.close(copy)
            os.close(null)
