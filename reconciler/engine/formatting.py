"""Bring agents' files into canonical form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.documents.agents import model_of
from reconciler.documents.canonical import formatted
from reconciler.documents.config import read_config
from reconciler.documents.discovery import content, yaml_files
from reconciler.errors import InputError, OutputError, Problem
from reconciler.portals.registry import parts, sections
from reconciler.store import atomic


@dataclass(frozen=True, slots=True)
class Formatting:
    """The files that are not in canonical form, by name with their new content, those that were
    skipped because they are links, and how many there are."""

    changed: dict[str, bytes]
    links: Sequence[str]
    count: int


def format_files(root: Path, config: Path | None) -> Formatting:
    """What formatting the files of a repository would change. Raises ConfigError, and InputError
    with every problem of every file."""
    folder = read_config(root, config, sections()).agents
    order = model_of(parts()).vocabulary.keys
    problems: list[Problem] = []
    changed: dict[str, bytes] = {}
    links = []
    files = yaml_files(root, folder, problems)
    for name, path in files:
        if Path(path).is_symlink():
            links.append(name)
            continue
        try:
            before = content(path)
            after = formatted(name, before, order)
        except OSError as error:
            problems.append(Problem(name, 1, 1, f"cannot read the file: {error.strerror}"))
        except InputError as error:
            problems += error.problems
        else:
            if after != before:
                changed[name] = after
    if problems:
        raise InputError(problems)
    return Formatting(changed, links, len(files))


def write_files(root: Path, files: dict[str, bytes], report: Callable[[str], None]) -> None:
    """Replace files, each in one step, and report each. Raises OutputError."""
    for name, data in files.items():
        try:
            atomic.write(root / name, data)
        except OSError as error:
            raise OutputError(f"Could not write {name}: {error.strerror}.") from None
        report(name)
