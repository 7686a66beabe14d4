"""Read the tables in `what_people_write`, and compare problems with what a case expects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reconciler.errors import Problem

UNSAFE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that control a terminal or change the direction of text."""

FOLDER = Path(__file__).parent / "what_people_write"


@dataclass(frozen=True)
class Expected:
    """A problem: its `file:line:column`, and what its message and hint must contain.

    No words for the hint means that there must not be one.
    """

    at: str
    message: Sequence[str]
    hint: Sequence[str] = ()

    def check(self, problem: Problem) -> None:
        """Fail unless `problem` is this one."""
        assert f"{problem.file}:{problem.line}:{problem.column}" == self.at, problem
        missing = [word for word in self.message if word not in problem.message]
        assert not missing, f"{missing} not in message {problem.message!r}"
        missing = [word for word in self.hint if word not in problem.hint]
        assert not missing, f"{missing} not in hint {problem.hint!r}"
        assert bool(self.hint) == bool(problem.hint), f"unexpected hint {problem.hint!r}"


@dataclass(frozen=True)
class Case:
    """What somebody wrote (files by name) and what comes of it: problems, agents or settings."""

    name: str
    files: Mapping[str, bytes]
    problems: Sequence[Expected]
    agents: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]


def check(problems: Sequence[Problem], expected: Sequence[Expected]) -> None:
    """Fail unless `problems` are exactly the expected ones, in order."""
    assert len(problems) == len(expected), problems
    for problem, each in zip(problems, expected, strict=True):
        each.check(problem)


@cache
def cases(table: str, file: str) -> list[Case]:
    """Return the cases of a table. `file` is the path of a case's only file, as problems show it.

    The files of a case with several are beside it.
    """
    rows = YAML(typ="safe").load((FOLDER / f"{table}.yaml").read_text("utf-8"))
    return [_case(name, row, file) for name, row in rows.items()]


def agent_cases() -> list[tuple[str, Case]]:
    """Return the cases of every table that is about agents, each with the name of its table."""
    tables = {path.stem for path in FOLDER.glob("*.yaml")} - {"config", "syntax"}
    return [(name, case) for name in sorted(tables) for case in cases(name, "agents/a.yaml")]


def _case(name: str, row: Mapping[str, Any], file: str) -> Case:
    unknown = row.keys() - {"file", "files", "encoding", "problems", "agents", "config"}
    assert not unknown, f"{name}: {unknown}"
    assert len(row.keys() & {"problems", "agents", "config"}) == 1, name
    folder, slash, base = file.rpartition("/")
    texts = row.get("files") or {base: row["file"]}
    prefix = f"{folder}{slash}" if "files" in row else f"{file}:"
    return Case(
        name,
        {each: text.encode(row.get("encoding", "utf-8")) for each, text in texts.items()},
        [
            Expected(prefix + each["at"], each["message"], each.get("hint", ()))
            for each in row.get("problems", ())
        ],
        row.get("agents", []),
        row.get("config", {}),
    )
