"""The loader, with both parsers: syntax errors, values, positions and limits."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents import yaml
from reconciler.documents.text import MAX_BYTES, MAX_PROBLEMS
from reconciler.documents.yaml import MAX_DEPTH, load
from reconciler.documents.yaml_errors import ParserError, explain

from .cases import Case, Expected, cases, check

TAB = Expected("a.yaml:1:11", ["tab"], ["spaces", "tabs"])
LARGE: dict[str, tuple[str, Expected]] = {
    "100,000 brackets": ("[" * 100_000, Expected("a.yaml:1:21", ["nested", "20 levels"])),
    "100,000 braces": ("a: " + "{a: " * 100_000, Expected("a.yaml:1:80", ["nested", "20 levels"])),
    "100,000 dashes": ("- " * 100_000, Expected("a.yaml:1:41", ["nested", "20 levels"])),
    "over the size limit": (
        "#" * (MAX_BYTES + 1),
        Expected("a.yaml:1:1", ["1 MB"], ["one agent in each file"]),
    ),
}
SYNTAX = cases("syntax", "a.yaml")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", SYNTAX, ids=[case.name for case in SYNTAX])
def test_syntax_errors(case: Case) -> None:
    """Each mistake is one problem at its place, with the same words from both parsers."""
    check(load("a.yaml", case.files["a.yaml"])[1], case.problems)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("content", "expected"), LARGE.values(), ids=LARGE)
def test_large_files(content: str, expected: Expected) -> None:
    """Reading stops at the limits of size and depth."""
    check(load("a.yaml", content.encode())[1], [expected])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "a: 1\n...\nb: 2\n",
            Expected("a.yaml:3:1", ["after the end of the document"], ["`---`"]),
        ),
        (
            "avatar: {url: https://a.example/b.jpg}\n",
            Expected("a.yaml:1:15", ["brackets", "quoted"], ['"https://a.example/b.jpg"']),
        ),
        ('name: "a\\ud800"\n', Expected("a.yaml:1:9", ["escape"], ["single quotes"])),
        ("phone: **x**\n", Expected("a.yaml:1:8", ["cannot start with *"], ['"**x**"'])),
    ],
)
def test_only_the_c_parser_rejects(content: str, expected: Expected) -> None:
    """What only the C parser rejects is explained too."""
    check(load("a.yaml", content.encode())[1], [expected])


def test_only_the_python_parser_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not allow a tab between words; that is explained too."""
    monkeypatch.setattr(yaml, "CParser", None)
    check(load("a.yaml", b"name: Ivan\tPetrov\n")[1], [TAB])


def test_unknown_parser_error() -> None:
    """An error that no rule knows is reported in the parser's words."""
    fault = explain(["a", "b"], ParserError("found a surprise", (2, 1)))
    assert fault[:3] == (2, 1, "invalid YAML: found a surprise")
    assert explain(["a"], ParserError(""))[:3] == (1, 1, "invalid YAML")


def test_lone_surrogate(parser: str) -> None:
    """Both parsers reject an escape for half a character."""
    _, problems = load("a.yaml", b'name: "a\\ud800"\n')
    assert len(problems) == 1, parser


VALUES = {
    "true": True,
    "True": True,
    "FALSE": False,
    "null": None,
    "~": None,
    "": None,
    "12": 12,
    "012": 12,
    "-7": -7,
    "+7": 7,
    "0o17": 15,
    "0x1F": 31,
    "1.5": 1.5,
    ".5": 0.5,
    "1e3": 1000.0,
    "-.inf": -math.inf,
    "yes": "yes",
    "no": "no",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "tRUE": "tRUE",
    "0b11": "0b11",
    "1_000": "1_000",
    "12:30": "12:30",
    "2024-01-02": "2024-01-02",
    "+373 22 123 456": "+373 22 123 456",
    "-x": "-x",
    "'12'": "12",
    '"true"': "true",
    '"caf\\u00e9"': "café",
    "'it''s'": "it's",
    "x # y": "x",
    "x#y": "x#y",
    "9" * 401: math.inf,
    "[1, a, ~]": [1, "a", None],
    "{b: 1}": {"b": 1},
    "|\n  x\n  y\n": "x\ny\n",
    ">-\n  x\n  y\n": "x y",
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_values(text: str, value: Any) -> None:
    """Plain scalars follow the core schema of YAML 1.2; all others are text."""
    [tree], problems = load("a.yaml", f"a: {text}\n".encode())
    assert not problems
    assert tree.value == {"a": value}
    assert type(tree.value["a"]) is type(value)


@pytest.mark.usefixtures("parser")
def test_not_a_number() -> None:
    """`.nan` is not a number."""
    [tree], _ = load("a.yaml", b"a: .nan\n")
    assert math.isnan(tree.value["a"])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "---\n", "---\n---\n# x\n", "\ufeff"])
def test_empty_files(content: str) -> None:
    """Empty files and documents, and those with only comments, are skipped without a problem."""
    assert load("a.yaml", content.encode()) == ([], [])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "content",
    ["\ufeffa: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "---\na: 1\nb: 2", "{a: 1, b: 2}"],
)
def test_equivalent_files(content: str) -> None:
    """A byte order mark, the kind of line end and flow style make no difference."""
    [tree], problems = load("a.yaml", content.encode())
    assert not problems
    assert tree.value == {"a": 1, "b": 2}


@pytest.mark.usefixtures("parser")
def test_several_documents() -> None:
    """Documents are separated by ---; each has its position, and empty ones are skipped."""
    trees, problems = load("a.yaml", b"# c\na: 1\n---\n---\n\n  b: 2\n")
    assert not problems
    assert [(tree.value, tree.position(())) for tree in trees] == [
        ({"a": 1}, (2, 1)),
        ({"b": 2}, (6, 3)),
    ]


@pytest.mark.usefixtures("parser")
def test_positions() -> None:
    """Every key and value has its position, counted in characters."""
    text = "имя: Иван\n# c\nsettings:\n  a: {b: [1, 'x']}\n  c:\n😀: 😀 x\n"
    [tree], _ = load("a.yaml", text.encode())
    assert tree.position(("имя",), key=True) == (1, 1)
    assert tree.position(("имя",)) == (1, 6)
    assert tree.position(("settings",), key=True) == (3, 1)
    assert tree.position(("settings",)) == (4, 3)
    assert tree.position(("settings", "a", "b"), key=True) == (4, 7)
    assert tree.position(("settings", "a", "b", 1)) == (4, 14)
    assert tree.position(("settings", "c")) == (5, 3), "a missing value is at its key"
    assert tree.position(("😀",)) == (6, 4)
    assert tree.lines() == {
        "имя": 1,
        "settings": 3,
        "settings.a": 4,
        "settings.a.b": 4,
        "settings.c": 5,
        "😀": 6,
    }


def test_raw() -> None:
    """A number keeps the text that it was parsed from."""
    [tree], _ = load("a.yaml", b"phone: 022123456\nname: 0x1F\n")
    assert tree.value == {"phone": 22123456, "name": 31}
    assert (tree.raw(("phone",)), tree.raw(("name",))) == ("022123456", "0x1F")


def test_alias_bomb() -> None:
    """Aliases are never expanded."""
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    [tree], problems = load("a.yaml", bomb.encode())
    assert tree.value["i"] == [None] * 9
    assert len(problems) == 9 + 8 * 9


@pytest.mark.parametrize(
    "content", ["a: [" + "*a, " * 100_000 + "]", "\x1b\n" * 400_000, "x\n---\n" * 100_000]
)
def test_many_problems(content: str) -> None:
    """Reading stops at the limit of problems."""
    _, problems = load("a.yaml", content.encode())
    assert len(problems) == MAX_PROBLEMS


def test_documents_before_a_syntax_error() -> None:
    """Documents before a syntax error are returned, so that they can be checked in the same run."""
    trees, problems = load("a.yaml", b"a: 1\n---\nb: c: d\n")
    assert [tree.value for tree in trees] == [{"a": 1}]
    check(problems, [Expected("a.yaml:3:5", ["`: `", "must be quoted"], ['b: "c: d"'])])


def test_excerpts_are_safe() -> None:
    """An excerpt replaces what controls a terminal, one character for each."""
    _, [problem] = load("a.yaml", b"name: \x1b[31mred\n")
    assert problem.excerpt == "name: \ufffd[31mred"
    assert problem.excerpt[problem.column - 1] == "\ufffd"


def test_excerpts_are_short() -> None:
    """Only the start of a long line is shown, or nothing if the mistake is after it."""
    _, [near] = load("a.yaml", b"a: @" + b"x" * 10_000)
    _, [far] = load("a.yaml", b"a: " + b"x" * 10_000 + b": y")
    assert len(near.excerpt) == 300
    assert (far.column, far.excerpt) == (10_004, "")


def test_depth_up_to_the_limit() -> None:
    """Nesting up to the limit is read; one level more is not."""
    inside = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert not load("a.yaml", f"a: {inside}".encode())[1]
    assert load("a.yaml", f"a: [{inside}]".encode())[1]


def test_size_up_to_the_limit() -> None:
    """A file of the size limit is read."""
    content = b"a: 1\n" + b"#" * (MAX_BYTES - 5)
    assert [tree.value for tree in load("a.yaml", content)[0]] == [{"a": 1}]


def test_parser_name(parser: str) -> None:
    """`parser` names the one in use."""
    assert parser in yaml.parser()


SNIPPETS = [
    *"abц:-?[]{}&*!|>'\"%@`#,~<=\\ \n\t\r",
    "a: ", "- ", "\n  ", "---\n", "...\n", '"\\', "\\x1", "\\u12", "|2-\n", "\x00", "\u2028", "\ufeff",
    "<<<<<<< x\n", "“", "12", "0x", "name: ",
]  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(SNIPPETS), max_size=40).map("".join).map(str.encode),
)


def check_any(data: bytes) -> None:
    """Load `data` and check that the trees and problems are well-formed."""
    trees, problems = load("a.yaml", data)
    lines = data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for tree in trees:
        assert isinstance(tree.value, dict)
        tree.lines()
    for problem in problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message.isprintable()


@given(BYTES)
def test_any_bytes(data: bytes) -> None:
    """Any bytes load as documents and problems, and every problem has a place in the file."""
    check_any(data)


@given(BYTES)
def test_any_bytes_with_the_python_parser(data: bytes) -> None:
    """The same is true of the Python parser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "CParser", None)
        check_any(data)


TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cc", "Cs", "Zl", "Zp"),
        exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff",
    )
    | st.sampled_from("\n\t"),
    max_size=20,
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(
    st.dictionaries(TEXT | st.just("<<"), JSON, max_size=5),
    st.sampled_from([None, 2]),
)
def test_json_is_yaml(data: dict[str, Any], indent: int | None) -> None:
    """Every JSON object loads unchanged, with its keys in order, with both parsers."""
    text = json.dumps(data, ensure_ascii=False, indent=indent).encode()
    for parser in (yaml.CParser, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml, "CParser", parser)
            trees, problems = load("a.yaml", text)
        assert not problems
        assert [json.dumps(tree.value) for tree in trees] == [json.dumps(data)]
