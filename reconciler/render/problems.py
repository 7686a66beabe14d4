"""Problems in files: which ones are the same mistake."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import Problem

FEW = 2
"""So many problems of the same kind are shown one by one."""


def same_mistakes(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Group problems that differ only in location and value; a few of a kind stay alone. The
    groups are in the order of their first problems."""
    kinds: dict[str, list[Problem]] = {}
    for each in problems:
        kinds.setdefault(_kind(each), []).append(each)
    groups = []
    for same in kinds.values():
        groups += [[each] for each in same] if len(same) <= FEW else [same]
    return groups


def _kind(problem: Problem) -> str:
    """The message without the value in the file."""
    value = problem.excerpt[problem.column - 1 :].strip()
    return problem.message.replace(value, "…") if value else problem.message
