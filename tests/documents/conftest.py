"""Fixtures for the tests of documents: both parsers, folders of agents, and problems as shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from agency import Agency

from reconciler.documents import yaml
from reconciler.documents.agents import Document, read_agents
from reconciler.errors import InputError, Problem
from reconciler.portals.registry import parts
from reconciler.render.problems import same_mistakes

from .cases import UNSAFE

Read = Callable[[Mapping[str, str | bytes]], list[Document]]


def line(problem: Problem) -> str:
    """Return a problem as `file:line:column: message`."""
    return f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"


def write_agents(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by name into the folder of agents."""
    for name, content in files.items():
        path = root / "agents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def outcome(root: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return the agents of a repository, or no agents and every problem."""
    try:
        return [dict(each.data) for each in read_agents(root, "agents", parts())], []
    except InputError as error:
        return [], error.problems


def check_command(agency: Agency, problems: Sequence[Problem]) -> None:
    """Check that `validate` exits with 0, or with 1 and every problem on standard error."""
    result = agency.run("validate")
    assert result.code == (1 if problems else 0), result.err
    assert "Traceback" not in result.out + result.err
    for first, *same in same_mistakes(problems):
        assert line(first) in result.err
        for each in same:
            assert f"{each.file}:{each.line}:{each.column}: " in result.err
    assert not UNSAFE.search(result.err)


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two parsers in turn."""
    if request.param == "Python":
        monkeypatch.setattr(yaml, "CParser", None)
    return request.param


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A function that reads agents from files given by name and content."""

    def read(files: Mapping[str, str | bytes]) -> list[Document]:
        write_agents(tmp_path, files)
        return read_agents(tmp_path, "agents", parts())

    return read


@pytest.fixture
def problems(read: Read) -> Callable[[str | bytes], list[tuple[str, str]]]:
    """A function that returns the problems of one file, each as its line and its hint."""

    def problems_of(content: str | bytes) -> list[tuple[str, str]]:
        with pytest.raises(InputError) as caught:
            read({"a.yaml": content})
        return [(line(each), each.hint) for each in caught.value.problems]

    return problems_of
