"""What the tests of the files share: both parsers, and problems as a user reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.documents import yaml
from reconciler.documents.agents import Document, read_agents
from reconciler.errors import InputError, Problem

Read = Callable[[Mapping[str, str | bytes]], list[Document]]


def line(problem: Problem) -> str:
    """A problem as `file:line:column: message`."""
    return f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two parsers in turn."""
    if request.param == "Python":
        monkeypatch.setattr(yaml, "CParser", None)
    return request.param


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read agents from files that are given by name and content."""

    def written(files: Mapping[str, str | bytes]) -> list[Document]:
        for name, content in files.items():
            path = tmp_path / "agents" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_agents(tmp_path, "agents")

    return written


@pytest.fixture
def said(read: Read) -> Callable[[str | bytes], list[tuple[str, str]]]:
    """The problems of one file, each as its line and its hint."""

    def problems(content: str | bytes) -> list[tuple[str, str]]:
        with pytest.raises(InputError) as caught:
            read({"a.yaml": content})
        return [(line(each), each.hint) for each in caught.value.problems]

    return problems
