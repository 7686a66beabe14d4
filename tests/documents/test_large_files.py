"""Inputs that are too large to write down: what people and attackers write, at scale.

They belong to the cases in `what_people_write`.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Sequence

import pytest
from agency import Agency

from .cases import Expected, check
from .conftest import check_command, outcome, write_agents

TOO_DEEP = ["nested", "20 levels"]


def problem(place: str, *message: str, hint: Sequence[str] = ()) -> Expected:
    """Return the problem at a line and column of `agents/a.yaml`."""
    return Expected(f"agents/a.yaml:{place}", message, hint)


DUPLICATES = [
    problem(f"{line}:1", "duplicate key `a`", "line 1", hint=["delete one"])
    for line in range(3, 203, 2)
]
REFUSED: dict[str, tuple[str, Sequence[Expected]]] = {
    "key of 1025 characters": ("x" * 1025 + ": 1\n", [problem("1:1", "key", "1024")]),
    "key of 900 kB": ("x" * 900_000 + ": 1\n", [problem("1:1", "key", "1024")]),
    "100,000 brackets": ("[" * 100_000, [problem("1:21", *TOO_DEEP)]),
    "100,000 braces": ("{" * 100_000, [problem("1:21", *TOO_DEEP)]),
    "100,000 list items": ("- " * 100_000, [problem("1:41", *TOO_DEEP)]),
    "100,000 explicit keys": ("? " * 100_000, [problem("1:41", *TOO_DEEP)]),
    "1,300 nested keys": (
        "".join(" " * depth + "a:\n" for depth in range(1_300)),
        [problem("21:21", *TOO_DEEP)],
    ),
    "100,000 list items below a key": (
        "externalId: a\nname:\n" + "- " * 100_000,
        [problem("3:39", *TOO_DEEP)],
    ),
    "100,000 lines of duplicate keys": (
        "".join(" " * (line % 2) + "a:\n" for line in range(100_000)),
        DUPLICATES,
    ),
    "100,000 keys on a line": (
        "a: " * 100_000,
        [problem("1:5", "`: `", "must be quoted", hint=['a: "a: a: ', '…"'])],
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(agency: Agency, text: str, expected: Sequence[Expected]) -> None:
    """Each mistake is reported at its place, up to the limit of problems."""
    write_agents(agency.root, {"a.yaml": text})
    agents, problems = outcome(agency.root)
    assert agents == []
    check(problems, expected)
    check_command(agency, problems)


def test_long_line(agency: Agency) -> None:
    """A value of 900 kB is read."""
    text = "x" * 900_000
    write_agents(agency.root, {"a.yaml": f"externalId: a\ndescription: {text}\n"})
    assert outcome(agency.root) == ([{"externalId": "a", "description": text}], [])
    check_command(agency, [])


def test_longest_file_name(agency: Agency) -> None:
    """A problem shows a file name of 255 bytes in full."""
    name = "a" * 250 + ".yaml"
    write_agents(agency.root, {name: "externalId: a\nx: 1\n"})
    agents, problems = outcome(agency.root)
    assert agents == []
    expected = Expected(f"agents/{name}:2:1", ["unknown key", "`x`"], ["valid keys", "externalId"])
    check(problems, [expected])
    check_command(agency, problems)


def test_file_over_the_limit(agency: Agency) -> None:
    """A file of 50 MB takes no more time or memory than one at the limit."""
    write_agents(agency.root, {"a.yaml": b""})
    with (agency.root / "agents/a.yaml").open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    start = time.process_time()
    try:
        agents, problems = outcome(agency.root)
        assert time.process_time() - start < 1
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert agents == []
    check(problems, [problem("1:1", "1 MB", hint=["one agent in each file"])])
