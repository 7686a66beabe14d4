"""What a step says to the runner: annotations, the summary, outputs.

Facts: GitHub's page on workflow commands. Text of agents is data there too: it is escaped in
annotations, and never printed where a line of it could be taken for a command.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Literal

from reconciler.render.visible import one_line

Level = Literal["error", "warning", "notice"]

MOST = 10
"""Annotations of one level that a step can have."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell at a line of a file (or, without one, of the run)."""

    level: Level
    message: str
    file: str | None = None
    line: int = 1
    column: int = 1
    title: str = ""


def annotate(notes: Iterable[Note]) -> Iterator[str]:
    """The commands for these notes; the last of a level says how many more there are."""
    notes = list(notes)
    counts, said = Counter(note.level for note in notes), Counter[str]()
    for note in notes:
        said[note.level] += 1
        if said[note.level] < MOST or counts[note.level] == MOST:
            yield _command(note)
        elif said[note.level] == MOST:
            more = counts[note.level] - MOST + 1
            yield _command(Note(note.level, f"and {more} more like this; the summary has all"))


def _command(note: Note) -> str:
    places = []
    if note.file is not None:
        places = [f"file={_property(note.file)}", f"line={note.line}", f"col={note.column}"]
    if note.title:
        places.append(f"title={_property(note.title)}")
    return f"::{note.level} {','.join(places)}".rstrip() + f"::{_data(one_line(note.message))}"


def _data(text: str) -> str:
    """Text as a command's message; the percent sign first."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Text as a command's property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def quietly(text: str, say: Callable[[str], None]) -> None:
    """Say text in the log in which no line is a command, of either syntax."""
    word = token_hex(16)
    say(f"::stop-commands::{word}")
    say(inert(text))
    say(f"::{word}::")


def inert(text: str) -> str:
    """Text no line of which is a command, of either syntax, wherever it is printed."""
    return re.sub(r"(^|[\r\n])([^\w\r\n:]*)::", r"\1\2\\::", text.replace("##[", r"##\["))


def summarise(path: Path | None, markdown: str) -> None:
    """Add to the step's summary. It is cut by whoever made it: past the limit all is lost."""
    if path is not None:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(markdown + "\n")


def outputs(path: Path | None, values: Mapping[str, str | int | bool]) -> None:
    """Set the step's outputs: numbers, words, digests and paths alone. Raises ValueError for a
    value that could end its own delimiter."""
    if path is None:
        return
    with path.open("a", encoding="utf-8") as file:
        for name, value in values.items():
            said = str(value).lower() if isinstance(value, bool) else str(value)
            word = f"end-{token_hex(16)}"
            if word in said or "\n" in said or "\r" in said:
                raise ValueError(name)
            file.write(f"{name}<<{word}\n{said}\n{word}\n")
