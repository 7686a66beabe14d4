"""What a step writes for the runner: annotations, the summary, outputs.

Facts: GitHub's page on workflow commands. Text from agents is escaped in annotations, and elsewhere
printed so that no line of it is a command.
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

MAX_ANNOTATIONS = 10
"""Annotations of one level that GitHub shows for a step."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A message at a line of a file, or without a file on the run."""

    level: Level
    message: str
    file: str | None = None
    line: int = 1
    column: int = 1
    title: str = ""


def annotate(annotations: Iterable[Annotation]) -> Iterator[str]:
    """The commands for annotations. The last one of a level counts those that do not fit."""
    annotations = list(annotations)
    totals, written = Counter(each.level for each in annotations), Counter[str]()
    for each in annotations:
        written[each.level] += 1
        if written[each.level] < MAX_ANNOTATIONS or totals[each.level] == MAX_ANNOTATIONS:
            yield _command(each)
        elif written[each.level] == MAX_ANNOTATIONS:
            more = totals[each.level] - MAX_ANNOTATIONS + 1
            yield _command(Annotation(each.level, f"and {more} more; see the summary for all"))


def _command(annotation: Annotation) -> str:
    properties = []
    if annotation.file is not None:
        properties = [
            f"file={_property(annotation.file)}",
            f"line={annotation.line}",
            f"col={annotation.column}",
        ]
    if annotation.title:
        properties.append(f"title={_property(annotation.title)}")
    command = f"::{annotation.level} {','.join(properties)}".rstrip()
    return f"{command}::{_data(one_line(annotation.message))}"


def _data(text: str) -> str:
    """Text escaped as a command's message; the percent sign comes first."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def log_text(text: str, log: Callable[[str], None]) -> None:
    """Log text without any line of it being a command, in either syntax."""
    token = token_hex(16)
    log(f"::stop-commands::{token}")
    log(inert(text))
    log(f"::{token}::")


def inert(text: str) -> str:
    """Text in which no line is a command, in either syntax, wherever it is printed."""
    return re.sub(r"(^|[\r\n])([^\w\r\n:]*)::", r"\1\2\\::", text.replace("##[", r"##\["))


def summarize(path: Path | None, markdown: str) -> None:
    """Append to the step's summary. The caller keeps to the size limit, past which GitHub drops
    all of it."""
    if path is not None:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(markdown + "\n")


def set_outputs(path: Path | None, values: Mapping[str, str | int | bool]) -> None:
    """Set the step's outputs: numbers, words, digests and paths. Raises ValueError for a value that
    spans lines or contains its delimiter."""
    if path is None:
        return
    with path.open("a", encoding="utf-8") as file:
        for name, value in values.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            delimiter = f"end-{token_hex(16)}"
            if delimiter in text or "\n" in text or "\r" in text:
                raise ValueError(name)
            file.write(f"{name}<<{delimiter}\n{text}\n{delimiter}\n")
