"""Annotations, logged text, summaries and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github.runner import commands, values
from reconciler.github.commands import Annotation, annotate, inert, log_text, set_outputs, summarize
from reconciler.render.visible import one_line

NASTY = (
    "::error::x",
    "x\r::error::x",
    "  ::stop-commands::word",
    "\t::add-mask::y",
    "\u200b::error::y",
    "##[error]x",
    "before ##[add-path]y",
    "##[[error]x",
)


def test_an_annotation_is_escaped() -> None:
    """The percent sign first; colons and commas in properties too."""
    [line] = annotate([Annotation("error", "100%0A,\x1b a:b", "a,b:%\r\n.yaml", 3, 4, title="t,:")])
    assert line == (
        r"::error file=a%2Cb%3A%25%0D%0A.yaml,line=3,col=4,title=t%2C%3A::100%250A,\u001b a:b"
    )
    [command] = commands(line)
    assert command.properties == {
        "file": "a,b:%\r\n.yaml",
        "line": "3",
        "col": "4",
        "title": "t,:",
    }
    assert command.message == r"100%0A,\u001b a:b"


def test_an_annotation_is_one_line() -> None:
    """A message of several lines is one command."""
    [line] = annotate([Annotation("warning", "one\n::error::two\r\nthree")])
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::warning::one ")
    assert len(commands(line)) == 1


@pytest.mark.parametrize(
    ("count", "shown", "more"), [(0, 0, 0), (10, 10, 0), (11, 10, 2), (99, 10, 90)]
)
def test_ten_annotations_of_a_level(count: int, shown: int, more: int) -> None:
    """The last one counts the rest; each level is counted separately."""
    notes = [Annotation("error", str(number)) for number in range(count)]
    lines = [commands(line)[0] for line in annotate([*notes, Annotation("notice", "all")])]
    errors = [each.message for each in lines if each.name == "error"]
    assert len(errors) == shown
    assert lines[-1].name == "notice"
    if more:
        assert errors[-1].startswith(f"and {more} more;")


@pytest.mark.parametrize("text", NASTY)
def test_text_contains_no_command(text: str) -> None:
    """Neither between the stop commands nor alone."""
    lines: list[str] = []
    log_text(f"{text}\n{text}", lines.append)
    assert commands("\n".join(lines)) == []
    assert commands("\n".join([*lines, "::error::after"]))[0].message == "after"
    assert commands(inert(f"first\n{text}\n{text}")) == []
    assert not inert(text).lstrip().startswith("::")
    assert "##[" not in inert(text)


@given(st.text(st.sampled_from("::##[] \t\n\r\u200b\u00a0%,=\\abstop-commands")))
def test_any_text_contains_no_command(text: str) -> None:
    """An annotation with any text is a single command with that message."""
    assert commands(inert(text)) == []
    [line] = annotate([Annotation("error", text, text, title=text)])
    [command] = commands(line)
    assert command.message == one_line(text)
    assert command.properties["file"] == text
    assert "\n" not in line


def test_other_text_is_unchanged() -> None:
    """Each call uses a different token."""
    text = "a: b::c\n  a ::b\n## [x]\n"
    lines: list[str] = []
    log_text(text, lines.append)
    log_text(text, lines.append)
    assert lines[1] == inert(text) == text
    assert lines[0] != lines[3]


def test_a_summary_is_appended(tmp_path: Path) -> None:
    """After what is there already; lone surrogates are replaced."""
    path = tmp_path / "summary"
    summarize(path, "one")
    summarize(path, "two \ud800")
    assert path.read_text() == "one\ntwo ?\n"
    summarize(None, "nowhere")


def test_outputs(tmp_path: Path) -> None:
    """Numbers, words and booleans, each with its own delimiter."""
    path = tmp_path / "output"
    set_outputs(path, {"count": 3, "changes": True, "none": False, "word": "end-x<<y"})
    assert values(path) == {"count": "3", "changes": "true", "none": "false", "word": "end-x<<y"}
    words = {line.partition("<<")[2] for line in path.read_text().splitlines()[::3]}
    assert len(words) == 4
    set_outputs(None, {"nowhere": 1})
    with pytest.raises(ValueError, match="lines"):
        set_outputs(path, {"lines": "a\nb=c"})
