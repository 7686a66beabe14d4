"""Problems in files: which ones are the same mistake."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import Problem

FEW = 2
"""So many problems of the same kind are shown one by one."""


def same_mistakes(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Group problems that differ only in location and value; a few of a kind stay alone. The
    groups are in the order of their first problems."""
    problems = list(problems)
    kinds: dict[str, list[Problem]] = {}
    for each in problems:
        kinds.setdefault(_kind(each), []).append(each)
    groups: dict[int, list[Problem]] = {}
    for each in problems:
        same = kinds[_kind(each)]
        group = [each] if len(same) <= FEW else same
        groups.setdefault(id(group[0]), group)
    return list(groups.values())


def _kind(problem: Problem) -> str:
    """The message without the value in the file."""
    value = problem.excerpt[problem.column - 1 :].strip()
    return problem.message.replace(value, "…") if value else problem.message
