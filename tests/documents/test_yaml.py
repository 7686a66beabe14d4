"""The loader: what people really write, what attackers write, and both parsers alike."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents import yaml
from reconciler.documents.yaml import MAX_BYTES, MAX_DEPTH, MAX_PROBLEMS, load
from reconciler.documents.yaml_errors import Complaint, explain

from .conftest import line

TAB = "there is a tab here, and YAML takes only blanks"
BLANKS = "write blanks in place of the tab, two for each level"
CONFLICT = "this line is left over from a merge conflict"
ONE_VERSION = "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>"
ESCAPE = "a backslash between double quotes begins an escape, and this is none"
TWICE = r"use single quotes, or write the backslash twice: \\"
BRACKET = "the bracket that opens here is not closed, or a comma is missing after a value"
DEEP = "this line is indented too deep: the line above has its value already"
NO_PAIR = "a file is made of lines like `key: value`, and this is none"

WRITTEN: dict[str, tuple[str | bytes, str, str]] = {
    "tab for indentation": ("settings:\n\tcontact_phone: true\n", f"2:1: {TAB}", BLANKS),
    "tab after blanks": ("name: Ivan\n \tphone: x\n", f"2:2: {TAB}", BLANKS),
    "tab in a text block": ("description: |\n\tHello\n", f"2:1: {TAB}", BLANKS),
    "smart quotes with a colon": (
        "name: “Ivan: the best”  # really\n",
        "1:7: “ is not a quotation mark in YAML",
        'use straight quotes: name: "Ivan: the best"',
    ),
    "duplicate key": (
        "name: Ivan\nphone: x\nname: Petrov\n",
        "3:1: `name` is here twice; the first one is in line 1",
        "keep one of the two",
    ),
    "duplicate key inside": (
        "settings: {contact_phone: true, contact_phone: false}\n",
        "1:33: `contact_phone` is here twice; the first one is in line 1",
        "keep one of the two",
    ),
    "colon in a value": (
        "name: Ivan: the best\n",
        "1:11: a value with a colon in it has to be in quotes",
        'write name: "Ivan: the best"',
    ),
    "indented under a value": (
        "name: Ivan\n  phone: x\n",
        f"2:3: {DEEP}",
        "let it begin below the first letter of the line above",
    ),
    "indented in between": (
        "settings:\n  contact_phone: true\n contact_viber: true\n",
        "3:2: this line does not begin in the same column as the lines it belongs to",
        "lines of one level begin in one column; below a key they are two blanks deeper",
    ),
    "no blank after the colon": (
        "name: Ivan\nphone:+373\n",
        "2:7: there is no blank after the colon",
        "write phone: +373",
    ),
    "no blank in the first line": (
        "name:Ivan\nphone: x\n",
        "1:6: there is no blank after the colon",
        "write name: Ivan",
    ),
    "text that is not indented": (
        "name: Ivan\ndescription: a text\nthat goes on\n",
        "3:1: this line is no `key: value`",
        "if it continues the text above, indent it like that text",
    ),
    "a handle": (
        "instagram: @ivan\n",
        "1:12: a value cannot begin with @",
        'put it in quotes: "@ivan"; a link is written out, from https:// on',
    ),
    "a backtick": ("name: `x`\n", "1:7: a value cannot begin with `", 'put it in quotes: "`x`"'),
    "an undefined tag": (
        "name: !a!b x\n",
        "1:7: a value cannot begin with !",
        'put it in quotes: "!a!b x"',
    ),
    "open quote": (
        'name: "Ivan\nphone: x\n',
        "1:7: the quote that opens here is never closed",
        "close it at the end of the value",
    ),
    "apostrophe in single quotes": (
        "name: 'Shaun O'Neill'\n",
        "1:16: the quotes end here, and the value goes on",
        'write name: "Shaun O\'Neill"',
    ),
    "quotes in double quotes": (
        'name: "Ivan "the best" Petrov"\n',
        "1:14: the quotes end here, and the value goes on",
        "write name: 'Ivan \"the best\" Petrov'",
    ),
    "Windows path": ('avatar: "C:\\Users\\ivan.jpg"\n', f"1:12: {ESCAPE}", TWICE),
    "other Windows path": ('avatar: "D:\\photos"\n', f"1:12: {ESCAPE}", TWICE),
    "escape beyond Unicode": ('name: "a\\U00110000"\n', f"1:9: {ESCAPE}", TWICE),
    "open bracket": (
        "settings: {contact_phone: true\nname: Ivan\n",
        f"1:11: {BRACKET}",
        "close it, or put the value in quotes",
    ),
    "lonely bracket": (
        "name: ]\n",
        "1:7: a value is missing before this sign",
        "delete the sign, or quote the value",
    ),
    "two commas": (
        "settings: {a: 1,, b: 2}\n",
        "1:17: a value is missing before this sign",
        "delete the sign, or quote the value",
    ),
    "dash in a value": (
        "name: - Ivan\n",
        "1:7: a list entry (-) cannot stand here",
        "put the value in quotes, or delete the -",
    ),
    "text behind |": (
        "description: |Hello\n  x\n",
        "1:15: after | or > the text begins in the next line",
        "move the text down, and indent it",
    ),
    "merge conflict": (
        "name: Ivan\n<<<<<<< HEAD\nphone: x\n=======\nphone: y\n>>>>>>> main\n",
        f"2:1: {CONFLICT}",
        ONE_VERSION,
    ),
    "merge conflict first": ("<<<<<<< HEAD\na: 1\n", f"1:1: {CONFLICT}", ONE_VERSION),
    "half a merge conflict": ("name: Ivan\n=======\n", f"2:1: {CONFLICT}", ONE_VERSION),
    "anchor": ("name: &ivan Ivan\n", "1:7: anchors (&) are not supported", "write the value out"),
    "anchor without alias": (
        "a: &x {b: 1}\n",
        "1:4: anchors (&) are not supported",
        "write the value out",
    ),
    "alias": ("name: *ivan\n", "1:7: aliases (*) are not supported", "write the value out"),
    "alias for a key": ("*a : 1\n", "1:1: aliases (*) are not supported", "write the value out"),
    "tag": (
        "name: !!str 12\n",
        "1:7: tags (!) are not supported",
        "delete the tag, or quote the value",
    ),
    "tag on nothing": (
        "!!map {}\n",
        "1:1: tags (!) are not supported",
        "delete the tag, or quote the value",
    ),
    "merge key": (
        "<<: {a: 1}\n",
        "1:1: merge keys (<<) are not supported",
        "write the values out",
    ),
    "number for a key": (
        "12: x\n",
        "1:1: a key has to be a word",
        'write "12" in quotes if it is meant',
    ),
    "list for a key": ("? [a]\n: x\n", "1:3: a key has to be a word", ""),
    "a list": (
        "- name: Ivan\n",
        f"1:1: {NO_PAIR}",
        "leave the list away; several agents in one file are separated by lines of ---",
    ),
    "a word": ("Ivan\n", f"1:1: {NO_PAIR}", ""),
    "a word and a colon": ("name:Ivan\n", f"1:1: {NO_PAIR}", "write a blank after the colon"),
    "null": ("# nobody\nnull\n", f"2:1: {NO_PAIR}", ""),
    "directive": (
        "%YAML 1.1\n---\na: 1\n",
        "1:1: lines that begin with % are not supported",
        "delete this line",
    ),
    "UTF-16 with mark": (
        "name: Ivan\n".encode("utf-16"),
        "1:1: the file is saved as UTF-16",
        'save it as "UTF-8" in your editor',
    ),
    "UTF-16 without mark": (
        "name: Ivan\n".encode("utf-16-le"),
        "1:1: the file is saved as UTF-16",
        'save it as "UTF-8" in your editor',
    ),
    "Windows-1251": (
        b"externalId: a\nname: \xc8\xe2\xe0\xed\n",
        "2:7: this character is not UTF-8 text",
        'save the file as "UTF-8" in your editor, and write the character again',
    ),
    "surrogate in UTF-8": (
        b"name: \xed\xa0\x80\n",
        "1:7: this character is not UTF-8 text",
        'save the file as "UTF-8" in your editor, and write the character again',
    ),
    "escape character": (
        "name: a\x1b[31m\n",
        "1:8: the invisible character U+001B is not allowed",
        "delete it, or type the line again",
    ),
    "NUL": (
        "name: Ivan\x00\n",
        "1:11: the invisible character U+0000 is not allowed",
        "delete it, or type the line again",
    ),
    "next line": (
        "name: Ivan\x85\n",
        "1:11: the invisible character U+0085 is not allowed",
        "delete it, or type the line again",
    ),
    "line separator": (
        "name: Ivan\u2028Petrov\n",
        "1:11: the invisible character U+2028 is not allowed",
        "delete it, or type the line again",
    ),
    "override in a comment": (
        "name: Ivan # \u202etxet\n",
        "1:14: the invisible character U+202E changes the direction of the text around it",
        "delete it; text reads in its own direction without it",
    ),
    "isolate in a key": (
        "na\u2066me: Ivan\n",
        "1:3: the invisible character U+2066 changes the direction of the text around it",
        "delete it; text reads in its own direction without it",
    ),
    "escaped escape": (
        'name: "a\\e[31m"\n',
        "1:7: the escape for the character U+001B is not allowed",
        "delete it; use single quotes if a backslash is meant",
    ),
    "escaped override in a key": (
        '"a\\u202Eb": 1\n',
        "1:1: the escape for the character U+202E is not allowed",
        "delete it; use single quotes if a backslash is meant",
    ),
    "escaped carriage return": (
        'name: "a\\rb"\n',
        "1:7: the escape \\r is not allowed",
        "write \\n for a new line",
    ),
    "100,000 brackets": ("[" * 100_000, "1:21: this is nested deeper than 20 levels", ""),
    "100,000 braces": ("a: " + "{a: " * 100_000, "1:80: this is nested deeper than 20 levels", ""),
    "100,000 dashes": ("- " * 100_000, "1:41: this is nested deeper than 20 levels", ""),
    "too large": (
        "#" * (MAX_BYTES + 1),
        "1:1: the file is larger than 1 MB",
        "keep one agent in a file, and pictures out of it",
    ),
}
"""What is wrong in a file: its content, then place and message, then the hint."""


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("content", "expected", "hint"), WRITTEN.values(), ids=WRITTEN)
def test_what_people_write(content: str | bytes, expected: str, hint: str) -> None:
    """Each mistake is one problem in its place, in the same words with both parsers."""
    _, problems = load("a.yaml", content.encode() if isinstance(content, str) else content)
    assert [line(problem) for problem in problems] == [f"a.yaml:{expected}"]
    assert problems[0].hint == hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\n...\nb: 2\n", "3:1: the text above is complete, and this does not belong to it"),
        (
            "avatar: {url: https://a.example/b.jpg}\n",
            "1:15: a value with a colon in it has to be in quotes between brackets",
        ),
        ('name: "a\\ud800"\n', f"1:9: {ESCAPE}"),
        ("phone: **x**\n", "1:8: a value cannot begin with *"),
    ],
)
def test_only_the_c_parser_refuses(content: str, expected: str) -> None:
    """What the C parser alone refuses is explained too."""
    assert [line(each) for each in load("a.yaml", content.encode())[1]] == [f"a.yaml:{expected}"]


def test_only_the_python_parser_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tab between words is not allowed for it; that is explained too."""
    monkeypatch.setattr(yaml, "CParser", None)
    assert [line(each) for each in load("a.yaml", b"name: Ivan\tPetrov\n")[1]] == [
        f"a.yaml:1:11: {TAB}"
    ]


def test_a_complaint_of_another_sort() -> None:
    """What no rule knows is told in the parser's words."""
    fault = explain(["a", "b"], Complaint("found a surprise", (2, 1)))
    assert fault[:3] == (2, 1, "this cannot be read as YAML: found a surprise")
    assert explain(["a"], Complaint(""))[:3] == (1, 1, "this cannot be read as YAML")


def test_a_lone_surrogate_does_not_pass(parser: str) -> None:
    """An escape for half a character is refused, whoever parses."""
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
@pytest.mark.parametrize(("written", "value"), VALUES.items())
def test_values(written: str, value: Any) -> None:
    """Plain values follow the core schema of YAML 1.2, others are text."""
    [tree], problems = load("a.yaml", f"a: {written}\n".encode())
    assert not problems
    assert tree.value == {"a": value}
    assert type(tree.value["a"]) is type(value)


@pytest.mark.usefixtures("parser")
def test_not_a_number() -> None:
    """`.nan` is the float that no number equals."""
    [tree], _ = load("a.yaml", b"a: .nan\n")
    assert math.isnan(tree.value["a"])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "---\n", "---\n---\n# x\n", "\ufeff"])
def test_empty_files_are_no_agents(content: str) -> None:
    """Empty files and documents, and comments alone, are neither agents nor mistakes."""
    assert load("a.yaml", content.encode()) == ([], [])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "content",
    ["\ufeffa: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "---\na: 1\nb: 2", "{a: 1, b: 2}"],
)
def test_ways_to_write_the_same(content: str) -> None:
    """A byte order mark, any line end and flow style make no difference."""
    [tree], problems = load("a.yaml", content.encode())
    assert not problems
    assert tree.value == {"a": 1, "b": 2}


@pytest.mark.usefixtures("parser")
def test_several_documents() -> None:
    """Documents are separated by ---; each knows where it stands, empty ones are left out."""
    trees, problems = load("a.yaml", b"# c\na: 1\n---\n---\n\n  b: 2\n")
    assert not problems
    assert [(tree.value, tree.position(())) for tree in trees] == [
        ({"a": 1}, (2, 1)),
        ({"b": 2}, (6, 3)),
    ]


@pytest.mark.usefixtures("parser")
def test_positions() -> None:
    """Every key and every value has its place, whatever stands between, in characters."""
    text = "имя: Иван\n# c\nsettings:\n  a: {b: [1, 'x']}\n  c:\n😀: 😀 x\n"
    [tree], _ = load("a.yaml", text.encode())
    assert tree.position(("имя",), key=True) == (1, 1)
    assert tree.position(("имя",)) == (1, 6)
    assert tree.position(("settings",), key=True) == (3, 1)
    assert tree.position(("settings",)) == (4, 3)
    assert tree.position(("settings", "a", "b"), key=True) == (4, 7)
    assert tree.position(("settings", "a", "b", 1)) == (4, 14)
    assert tree.position(("settings", "c")) == (5, 3), "a value that is not there is at its key"
    assert tree.position(("😀",)) == (6, 4)
    assert tree.lines() == {
        "имя": 1,
        "settings": 3,
        "settings.a": 4,
        "settings.a.b": 4,
        "settings.c": 5,
        "😀": 6,
    }


def test_text_as_written() -> None:
    """A number keeps the text that it was read from."""
    [tree], _ = load("a.yaml", b"phone: 022123456\nname: 0x1F\n")
    assert tree.value == {"phone": 22123456, "name": 31}
    assert (tree.written(("phone",)), tree.written(("name",))) == ("022123456", "0x1F")


def test_an_alias_bomb_is_not_lit() -> None:
    """Aliases are never followed, so they multiply nothing."""
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
def test_problems_end(content: str) -> None:
    """A file of nothing but mistakes is not read to its end, and takes no time to speak of."""
    _, problems = load("a.yaml", content.encode())
    assert len(problems) == MAX_PROBLEMS


def test_documents_before_a_mistake_are_read() -> None:
    """What stands before the mistake can be checked in the same run."""
    trees, problems = load("a.yaml", b"a: 1\n---\nb: c: d\n")
    assert [tree.value for tree in trees] == [{"a": 1}]
    assert [line(each) for each in problems] == [
        "a.yaml:3:5: a value with a colon in it has to be in quotes"
    ]


def test_excerpts_are_safe() -> None:
    """The line is shown without what steers a terminal, each sign in its place."""
    _, [problem] = load("a.yaml", b"name: \x1b[31mred\n")
    assert problem.excerpt == "name: \ufffd[31mred"
    assert problem.excerpt[problem.column - 1] == "\ufffd"


def test_excerpts_are_short() -> None:
    """Of a line without end only the begin is shown, and none if the mistake is further on."""
    _, [near] = load("a.yaml", b"a: @" + b"x" * 10_000)
    _, [far] = load("a.yaml", b"a: " + b"x" * 10_000 + b": y")
    assert len(near.excerpt) == 300
    assert (far.column, far.excerpt) == (10_004, "")


def test_depth_up_to_the_limit() -> None:
    """Nesting up to the limit is read, one level more is not."""
    inside = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert not load("a.yaml", f"a: {inside}".encode())[1]
    assert load("a.yaml", f"a: [{inside}]".encode())[1]


def test_size_up_to_the_limit() -> None:
    """A file as large as the limit is read."""
    content = b"a: 1\n" + b"#" * (MAX_BYTES - 5)
    assert [tree.value for tree in load("a.yaml", content)[0]] == [{"a": 1}]


def test_parser_is_named(parser: str) -> None:
    """-v can say which parser serves."""
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
    """Read `data`; what comes out is well-formed."""
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
    """Whatever a file holds, it is documents and problems, and every problem is in the file."""
    check_any(data)


@given(BYTES)
def test_any_bytes_with_the_python_parser(data: bytes) -> None:
    """The same holds for the parser that serves where the C one is missing."""
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
    """Every JSON object reads as what it is, keys in their order, with both parsers."""
    text = json.dumps(data, ensure_ascii=False, indent=indent).encode()
    for parser in (yaml.CParser, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml, "CParser", parser)
            trees, problems = load("a.yaml", text)
        assert not problems
        assert [json.dumps(tree.value) for tree in trees] == [json.dumps(data)]
