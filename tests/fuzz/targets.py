"""What has to hold for any input: one function for each way in, which takes bytes and asserts.

The tests of this folder call them with what people and hypothesis write; `script/fuzz` calls them
with what a coverage-guided fuzzer finds.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reconciler.core.plan_json import digest, parse
from reconciler.documents import yaml
from reconciler.documents.agents import read_agents
from reconciler.documents.config import read_config
from reconciler.documents.yaml import MAX_PROBLEMS, load
from reconciler.errors import ConfigError, InputError, PlanFileError, Problem
from reconciler.github.commands import Note, annotate
from reconciler.render import html, markdown, text
from reconciler.store import ledger, planfile

SECONDS = 5.0
"""How long one input may take, at most."""
BETWEEN = b"\n#### next file\n"
"""What separates the files of a folder in one input."""

STEERING = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What must not reach a terminal."""
FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]")
"""What no value of an agent may hold, but for line ends and tabs, which JSON escapes."""


def agents(data: bytes) -> None:
    """A folder of files is agents, or problems in these files."""
    files = {f"agents/{place}.yaml": part for place, part in enumerate(data.split(BETWEEN)[:4])}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(part)
        began = time.process_time()
        try:
            found = read_agents(Path(folder), "agents")
        except InputError as error:
            check_problems(error.problems, files)
        else:
            assert len({each.key for each in found}) == len(found)
            for each in found:
                assert not FORBIDDEN.search(json.dumps(each.data, ensure_ascii=False))
                lines = files[each.source.file].splitlines()
                assert all(1 <= line <= len(lines) for line in each.lines.values())
        assert time.process_time() - began < SECONDS
    for part in files.values():
        check_parsers(part)


def check_parsers(data: bytes) -> None:
    """What both parsers take, they read alike: one is libyaml in C, the other is Python."""
    trees, problems = load("a.yaml", data)
    if problems or yaml.CParser is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "CParser", None)
        others, complaints = load("a.yaml", data)
    if not complaints:
        assert repr([each.value for each in trees]) == repr([each.value for each in others])
        assert [each.lines() for each in trees] == [each.lines() for each in others]


def config(data: bytes) -> None:
    """A configuration is taken, or its problems are told."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "reconciler.yaml").write_bytes(data)
        began = time.process_time()
        try:
            found = read_config(Path(folder), None)
        except InputError as error:
            check_problems(error.problems, {"reconciler.yaml": data})
        else:
            assert found.portals
            assert all(
                each.url.startswith(("https://", "http://")) for each in found.portals.values()
            )
        assert time.process_time() - began < SECONDS


def check_problems(problems: Sequence[Problem], files: dict[str, bytes]) -> None:
    """Every problem is in a file, at a place that it has, and can be shown anywhere."""
    assert problems
    for each in problems:
        lines = re.split(
            r"\r\n|\r|\n", files[each.file].decode(errors="replace").removeprefix("\ufeff")
        )
        assert 1 <= each.line <= len(lines)
        assert 1 <= each.column <= len(lines[each.line - 1]) + 1
        assert each.message
        assert not STEERING.search(each.message + each.hint)
        assert len(each.message) + len(each.hint) + len(each.excerpt) < 1200
    assert len(problems) <= MAX_PROBLEMS * 2 * len(files)
    assert not STEERING.search(text.problems(problems, color=False))
    for said in annotate(
        Note("error", f"{each.message}. {each.hint}", each.file, each.line, each.column)
        for each in problems
    ):
        assert said.startswith("::error")
        assert "\n" not in said


def plan(data: bytes) -> None:
    """A saved plan is refused in words, or is a plan that can be shown in every form."""
    began = time.process_time()
    for content in (data, _signed(data)):
        try:
            form = planfile.read(content, "plan.json")
        except PlanFileError:
            continue
        made = parse(form)
        assert not STEERING.search(text.plan(made, width=80, color=False, requests=True))
        assert not STEERING.search(markdown.plan(made))
        assert not STEERING.search(html.plan(made))
    assert time.process_time() - began < SECONDS


def _signed(data: bytes) -> bytes:
    """The same JSON with the digest that it ought to have, if it is an object."""
    try:
        form = json.loads(data)
        if isinstance(form, dict):
            form = {**form, "digest": "", "format_version": "1.0"}
            return json.dumps({**form, "digest": digest(form)}).encode()
    except (ValueError, RecursionError):
        pass
    return data


def kept(data: bytes) -> None:
    """A ledger is read, and written as what it is, or counts as lost with a word."""
    began = time.process_time()
    try:
        found, note = ledger.parse(data, "ledger.json")
    except ConfigError:  # of a later version
        return
    assert note is None or found == {}
    again = ledger.text(found)
    assert ledger.text(ledger.parse(again, "ledger.json")[0]) == again
    assert time.process_time() - began < SECONDS


TARGETS: dict[str, Callable[[bytes], None]] = {
    "agents": agents,
    "config": config,
    "plan": plan,
    "ledger": kept,
}
"""The ways in, by name."""
