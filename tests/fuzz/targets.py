"""The invariants for any input: one function per kind of input, which takes bytes and asserts.

The tests in this folder call them with what people write and what hypothesis generates, `script/fuzz`
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
from documents.cases import UNSAFE

from reconciler.core.plan_json import digest, parse
from reconciler.documents import yaml
from reconciler.documents.agents import read_agents
from reconciler.documents.config import read_config
from reconciler.documents.text import MAX_PROBLEMS
from reconciler.documents.yaml import load
from reconciler.errors import ConfigError, InputError, PlanFileError, Problem
from reconciler.github.commands import Annotation, annotate
from reconciler.portals.registry import parts, sections
from reconciler.render import html, markdown, text
from reconciler.store import ledger, planfile

SECONDS = 5.0
"""The longest time that one input may take."""
SEPARATOR = b"\n#### next file\n"
"""Separates the files of a folder in one input."""
FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]")
"""Characters that no value of an agent may contain. (JSON escapes line ends and tabs.)"""


def agents(data: bytes) -> None:
    """A folder of files loads as agents, or as problems in these files."""
    files = {f"agents/{number}.yaml": part for number, part in enumerate(data.split(SEPARATOR)[:4])}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(part)
        start = time.process_time()
        try:
            documents = read_agents(Path(folder), "agents", parts())
        except InputError as error:
            check_problems(error.problems, files)
        else:
            assert len({each.key for each in documents}) == len(documents)
            for each in documents:
                assert not FORBIDDEN.search(json.dumps(each.data, ensure_ascii=False))
                lines = files[each.source.file].splitlines()
                assert all(1 <= line <= len(lines) for line in each.lines.values())
        assert time.process_time() - start < SECONDS
    for part in files.values():
        check_parsers(part)


def check_parsers(data: bytes) -> None:
    """What both the C parser and the Python parser accept, they load alike."""
    trees, problems = load("a.yaml", data)
    if problems or yaml.CParser is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "CParser", None)
        others, problems = load("a.yaml", data)
    if not problems:
        assert repr([each.value for each in trees]) == repr([each.value for each in others])
        assert [each.lines() for each in trees] == [each.lines() for each in others]


def config(data: bytes) -> None:
    """A configuration is read, or its problems are reported."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "reconciler.yaml").write_bytes(data)
        start = time.process_time()
        try:
            found = read_config(Path(folder), None, sections())
        except InputError as error:
            check_problems(error.problems, {"reconciler.yaml": data})
        else:
            assert found.portals
            assert all(
                each.url.startswith(("https://", "http://")) for each in found.portals.values()
            )
        assert time.process_time() - start < SECONDS


def check_problems(problems: Sequence[Problem], files: dict[str, bytes]) -> None:
    """Every problem is at an existing place in a file, and is safe to show anywhere."""
    assert problems
    for each in problems:
        lines = re.split(
            r"\r\n|\r|\n", files[each.file].decode(errors="replace").removeprefix("\ufeff")
        )
        assert 1 <= each.line <= len(lines)
        assert 1 <= each.column <= len(lines[each.line - 1]) + 1
        assert each.message
        assert not UNSAFE.search(each.message + each.hint)
        assert len(each.message) + len(each.hint) + len(each.excerpt) < 1200
    assert len(problems) <= MAX_PROBLEMS * 2 * len(files)
    assert not UNSAFE.search(text.problems(problems, color=False))
    for command in annotate(
        Annotation("error", f"{each.message}. {each.hint}", each.file, each.line, each.column)
        for each in problems
    ):
        assert command.startswith("::error")
        assert "\n" not in command


def plan(data: bytes) -> None:
    """A saved plan is rejected with a message, or can be rendered in every format."""
    start = time.process_time()
    for content in (data, _signed(data)):
        try:
            form = planfile.read(content, "plan.json")
        except PlanFileError:
            continue
        parsed = parse(form)
        assert not UNSAFE.search(text.plan(parsed, width=80, color=False, requests=True))
        assert not UNSAFE.search(markdown.plan(parsed))
        assert not UNSAFE.search(html.plan(parsed))
    assert time.process_time() - start < SECONDS


def _signed(data: bytes) -> bytes:
    """Return the same JSON with a correct digest, if it is an object."""
    try:
        form = json.loads(data)
        if isinstance(form, dict):
            form = {**form, "digest": "", "format_version": "1.0"}
            return json.dumps({**form, "digest": digest(form)}).encode()
    except (ValueError, RecursionError):
        pass
    return data


def saved_ledger(data: bytes) -> None:
    """A ledger is read and written back unchanged, or is treated as lost, with a warning."""
    start = time.process_time()
    try:
        found, note = ledger.parse(data, "ledger.json")
    except ConfigError:  # a ledger of a later version
        return
    assert note is None or found == {}
    again = ledger.text(found)
    assert ledger.text(ledger.parse(again, "ledger.json")[0]) == again
    assert time.process_time() - start < SECONDS


TARGETS: dict[str, Callable[[bytes], None]] = {
    "agents": agents,
    "config": config,
    "plan": plan,
    "ledger": saved_ledger,
}
"""The targets by name."""
