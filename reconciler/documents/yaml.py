"""YAML files as plain data that remembers where everything stands in the file.

A file becomes a list of `Tree`s, one a document. The loader is a small builder on the events of
ruamel.yaml's C parser; the pure parser serves where the C one is not installed (`parser` says
which). Building from events is what makes strictness cheap: duplicate keys are seen, and aliases,
tags and deep nesting are refused, before any object of theirs exists. Nothing a file holds ends in
an exception: what is wrong with it is returned as `Problem`s.

Plain values follow the core schema of YAML 1.2.2 (chapter 10.3): `no`, `on` and `2024-01-02` are
strings, `012` is twelve, `0o17` is fifteen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.documents.yaml_errors import Complaint, Fault, conflict_marker, explain, wide_blank
from reconciler.errors import Problem

try:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # a plain install of ruamel.yaml has no C parser, and says nothing about it
    CParser = None

MAX_BYTES = 1_000_000
"""The largest file that is read; an agent is under a thousand bytes."""

MAX_DEPTH = 20
"""The deepest nesting that is followed. The C parser needs seconds for thousands of brackets, and
loaders that recurse crash on them; it is asked event by event, so it stops here."""

_LOOKED_AT = 4096
"""Bytes at the begin of a file that show whether it is text."""

MAX_PROBLEMS = 100
"""After so many problems in one file the rest of it is not looked at."""

Path: TypeAlias = "tuple[str | int, ...]"
"""The keys and list indices that lead to a value."""

Place: TypeAlias = "tuple[Any, Any, Places]"
"""The event of a key (None in a list), the event of its value, and the places inside that."""

Places: TypeAlias = "dict[str, Place] | list[Place] | None"

# Invisible or able to reorder what a reader sees: C0 (but tab and line ends), DEL, C1, the line and
# paragraph separators, bidirectional embeddings, overrides and isolates, lone surrogates, a byte
# order mark inside the text, and the two non-characters that YAML forbids.
_FORBIDDEN = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_LINE_END = re.compile(r"\r\n|\r|\n")

# Plain scalars. The first character decides for nearly all of them. The digits of whole numbers are
# bounded because Python refuses to read very long ones; those are read as a float.
_FIRST = frozenset("-+.0123456789tTfFnN~")
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER = re.compile(
    r"(?P<int>[-+]?[0-9]{1,400})"
    r"|0o(?P<octal>[0-7]{1,400})"
    r"|0x(?P<hexadecimal>[0-9a-fA-F]{1,400})"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
_READ: dict[str, Callable[[str], int | float]] = {
    "int": int,
    "octal": lambda digits: int(digits, 8),
    "hexadecimal": lambda digits: int(digits, 16),
    "float": float,
}


def parser() -> str:
    """Which parser serves, in words for `-v`."""
    return "ruamel.yaml with its C parser" if CParser else "ruamel.yaml's Python parser (slow)"


def visible(text: str) -> str:
    """`text` on one line with what cannot be seen written as an escape: for messages."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(eq=False)
class _File:
    """A file's name and text, for the problems that are found in it."""

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends; only a file with a problem is cut up."""
        return _LINE_END.split(self.text)

    @cached_property
    def conflict(self) -> Fault | None:
        """The first line that git left in the file for a merge conflict."""
        return conflict_marker(self.lines)

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        before = _LINE_END.split(self.text[:index])
        return len(before), len(before[-1]) + 1

    def problem(self, line: int, column: int, message: str, hint: str = "") -> Problem:
        """A problem at a place counted from 1, with the line shown as far as that helps."""
        line = min(line, len(self.lines))
        text = self.lines[line - 1]
        # What is forbidden is not repeated; one sign each keeps the caret in its place.
        excerpt = _FORBIDDEN.sub("\ufffd", text[:300])
        column = min(column, len(text) + 1)
        return Problem(self.name, line, column, message, excerpt if column <= 300 else "", hint)


@dataclass(frozen=True, slots=True)
class Tree:
    """One document: a mapping as plain data, and where everything in it stands.

    `value` holds dicts with text keys, lists, str, int, float, bool and None. A path is a tuple of
    keys and indices; the empty one is the document itself.
    """

    value: dict[str, Any]
    place: Place
    _file: _File

    def position(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path`, or of its key.

        An empty value (`name:` and nothing) stands nowhere; it is where its key is. Raises KeyError
        or IndexError where the document has no such path.
        """
        named, event, _ = self._at(path)
        if named is not None and (key or (event.__class__ is ScalarEvent and not _written(event))):
            event = named
        mark = event.start_mark
        return mark.line + 1, mark.column + 1

    def written(self, path: Path) -> str:
        """A scalar as it is written in the file (`022123456`, not the number 22123456).

        Raises KeyError or IndexError where the document has no such path.
        """
        return str(getattr(self._at(path)[1], "value", ""))

    def lines(self) -> dict[str, int]:
        """The line of every key, by dotted path (`description.ru`); lists are not entered."""
        found: dict[str, int] = {}
        _collect_lines(self.place[2], "", found)
        return found

    def problem(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem with the value at `path`, or with its key."""
        return self._file.problem(*self.position(path, key=key), message, hint)

    def _at(self, path: Path) -> Place:
        place = self.place
        for step in path:
            place = place[2][step]  # type: ignore[index]
        return place


def _written(event: Any) -> bool:  # noqa: ANN401 - ruamel.yaml's events are untyped
    return bool(event.value) or not event.implicit[0] or event.anchor is not None


def _collect_lines(places: Places, prefix: str, found: dict[str, int]) -> None:
    if isinstance(places, dict):
        for key, (event, _, inner) in places.items():
            found[prefix + key] = event.start_mark.line + 1
            if inner is not None:
                _collect_lines(inner, f"{prefix}{key}.", found)


def load(name: str, data: bytes) -> tuple[list[Tree], list[Problem]]:
    """The documents of a file, and what is wrong with it, in file order.

    `name` is the file's name as problems are to show it. Empty documents are left out, so a file of
    comments has none. A document that has problems is still returned, as far as it could be
    read, so that its values can be checked in the same run; one that is no mapping is not.
    """
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        hint = "keep one agent in a file, and pictures out of it"
        return [], [Problem(name, 1, 1, message, hint=hint)]
    try:
        text = data.decode().removeprefix("\ufeff")  # the byte order mark of Windows editors
    except UnicodeDecodeError as error:
        return [], [_undecodable(name, data, error.start)]
    file = _File(name, text)
    unfit = _unfit(file, data)
    if unfit:
        return [], unfit
    builder = _Builder(file)
    builder.read()
    builder.problems.sort(key=lambda problem: (problem.line, problem.column))
    return builder.trees, builder.problems


def _undecodable(name: str, data: bytes, start: int) -> Problem:
    """The problem of a file that is not UTF-8 from byte `start` on."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(name)
    if b"\0" in data[:_LOOKED_AT]:
        return _binary(name)
    before = _LINE_END.split(data[:start].decode().removeprefix("\ufeff"))
    file = _File(name, data.decode(errors="replace").removeprefix("\ufeff"))
    message = "this character is not UTF-8 text"
    hint = 'save the file as "UTF-8" in your editor, and write the character again'
    return file.problem(len(before), len(before[-1]) + 1, message, hint)


def _utf16(name: str) -> Problem:
    return Problem(
        name, 1, 1, "the file is saved as UTF-16", hint='save it as "UTF-8" in your editor'
    )


def _binary(name: str) -> Problem:
    message = "this is not a text file"
    return Problem(name, 1, 1, message, hint="put no pictures, documents or archives here")


def _not_text(name: str, data: bytes) -> Problem | None:
    """What a file with several zero bytes is: none that was meant as text has two by accident."""
    zeros = [place for place, byte in enumerate(data[:_LOOKED_AT]) if byte == 0]
    if len(zeros) < 2:
        # The first two bytes of a Latin letter in UTF-16.
        return _utf16(name) if data[:2].count(0) == 1 else None
    for encoding in ("utf-16-le", "utf-16-be"):
        text = data[:_LOOKED_AT].decode(encoding, errors="ignore")
        if re.search(r":[ \n\r]|^#", text) and "\0" not in text:
            return _utf16(name)
    return _binary(name)


def _unfit(file: _File, data: bytes) -> list[Problem]:
    """What is refused wherever it stands, comments too, before a parser sees it."""
    if b"\0" in data[:_LOOKED_AT]:
        wrong = _not_text(file.name, data)
        if wrong:
            return [wrong]
    # What is printable is not forbidden, and seeing that takes a fifth of the search's time.
    if not file.text.replace("\n", "").isprintable():
        found = [
            file.problem(number, match.start() + 1, *_refusal(match[0]))
            for number, match in islice(_forbidden(file.lines), MAX_PROBLEMS)
        ]
        if found:
            return found
    if "\ufffd" in file.text:
        message = "a character was lost here, when the file was saved in another encoding"
        place = file.place(file.text.index("\ufffd"))
        return [file.problem(*place, message, "write the character again")]
    if "\n<<<<<<< " in file.text and file.conflict:  # between quotes a parser takes it for text
        return [file.problem(*file.conflict)]
    if "%" in file.text:
        for number, line in enumerate(file.lines, 1):
            if line.startswith("%"):
                message = "lines that begin with % are not supported"
                return [file.problem(number, 1, message, "delete this line")]
    return []


def _forbidden(lines: list[str]) -> Iterator[tuple[int, re.Match[str]]]:
    for number, line in enumerate(lines, 1):
        for match in _FORBIDDEN.finditer(line):
            yield number, match


def _refusal(character: str) -> tuple[str, str]:
    """Message and hint for a character that no file may hold."""
    code = f"U+{ord(character):04X}"
    if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        return (
            f"the invisible character {code} changes the direction of the text around it",
            "delete it; text reads in its own direction without it",
        )
    return f"the invisible character {code} is not allowed", "delete it, or type the line again"


class _EnoughError(Exception):
    """The rest of the file is not worth reading; its problems are noted."""


class _Builder:
    """The documents and problems of one file, from the parser's events."""

    def __init__(self, file: _File) -> None:
        self.trees: list[Tree] = []
        self.problems: list[Problem] = []
        self._file = file
        self._next = _events(file.text)
        # Only an escape can bring back what the text as a whole was found free of.
        self._escapes = "\\" in file.text

    def read(self) -> None:
        """Read the file to its end, or to the place where it is no YAML any more."""
        try:
            self._documents()
        except _EnoughError:
            pass
        except YAMLError as error:
            self._fault(_complaint(error))
        except (ValueError, OverflowError):  # the pure parser, on an escape beyond Unicode
            self._fault(Complaint("found invalid Unicode character escape code"))

    def _fault(self, complaint: Complaint) -> None:
        self.problems.append(self._file.problem(*explain(self._file.lines, complaint)))

    def _documents(self) -> None:
        while True:
            event = self._next()
            kind = event.__class__
            if kind is StreamEndEvent:
                return
            if kind is DocumentStartEvent:
                root = self._next()
                if root.__class__ is ScalarEvent and not _written(root) and root.ctag is None:
                    continue
                value, places = self._node(root, 0)
                self._next()  # the end of the document, or what makes all of it unreadable
                if root.__class__ is MappingStartEvent:
                    self.trees.append(Tree(value, (None, root, places), self._file))
                elif root.__class__ is not AliasEvent:
                    self._no_mapping(root)

    def _no_mapping(self, root: Any) -> None:  # noqa: ANN401
        if self._file.conflict:
            self.problems.append(self._file.problem(*self._file.conflict))
            raise _EnoughError
        wide = wide_blank(self._file.lines, root.start_mark.line + 1)
        if wide and root.__class__ is ScalarEvent:
            self.problems.append(self._file.problem(*wide))
            return
        message = "a file is made of lines like `key: value`, and this is none"
        self._report(root, message, _list_hint(root))

    def _node(self, event: Any, depth: int) -> tuple[Any, Places]:  # noqa: ANN401
        """The value that begins with `event`, and the places in it."""
        kind = event.__class__
        if kind is AliasEvent:
            self._report(event, "aliases (*) are not supported", "write the value out")
            return None, None
        if event.anchor is not None:
            self._report(event, "anchors (&) are not supported", "write the value out")
        if event.ctag is not None:
            self._report(event, "tags (!) are not supported", "delete the tag, or quote the value")
        if kind is ScalarEvent:
            value = event.value
            if event.implicit[0]:
                return (_plain(value) if not value or value[0] in _FIRST else value), None
            return (self._unescaped(event) if self._escapes else value), None
        if depth == MAX_DEPTH:
            self._report(event, f"this is nested deeper than {MAX_DEPTH} levels", "")
            raise _EnoughError
        return self._mapping(depth) if kind is MappingStartEvent else self._sequence(depth)

    def _sequence(self, depth: int) -> tuple[list[Any], Places]:
        values: list[Any] = []
        places: list[Place] = []
        while (event := self._next()).__class__ is not SequenceEndEvent:
            value, inner = self._node(event, depth + 1)
            values.append(value)
            places.append((None, event, inner))
        return values, places

    def _mapping(self, depth: int) -> tuple[dict[str, Any], Places]:
        # The innermost loop: plain keys and values, nearly all there is, are read right here.
        following = self._next
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        while (event := following()).__class__ is not MappingEndEvent:
            key = event.value if event.__class__ is ScalarEvent else None
            if not key or key[0] in _FIRST or event.ctag or event.anchor or not event.implicit[0]:
                key, _ = self._node(event, depth + 1)
            after = following()
            inner: Places = None
            if after.__class__ is ScalarEvent and not after.ctag and not after.anchor:
                value = after.value
                if after.implicit[0]:
                    if not value or value[0] in _FIRST:
                        value = _plain(value)
                elif self._escapes:
                    value = self._unescaped(after)
            else:
                value, inner = self._node(after, depth + 1)
            if key.__class__ is not str or key in places or (key == "<<" and event.implicit[0]):
                self._refuse_key(event, key, places)
            else:
                values[key] = value
                places[key] = (event, after, inner)
        return values, places

    def _refuse_key(self, event: Any, key: object, places: dict[str, Place]) -> None:  # noqa: ANN401
        """Report a key that is no text, a merge key, or there already."""
        if event.__class__ is AliasEvent or (key is None and event.style == '"'):
            return  # said already
        if key == "<<" and event.implicit[0]:
            self._report(event, "merge keys (<<) are not supported", "write the values out")
        elif isinstance(key, str):
            first = places[key][0].start_mark.line + 1
            message = f"`{visible(key[:60])}` is here twice; the first one is in line {first}"
            self._report(event, message, "keep one of the two")
        else:
            written = getattr(event, "value", "")
            hint = f'write "{visible(written[:60])}" in quotes if it is meant' if written else ""
            self._report(event, "a key has to be a word", hint)

    def _unescaped(self, event: Any) -> str | None:  # noqa: ANN401
        """The text of a quoted scalar; None and a problem where an escape hides what is refused."""
        text: str = event.value
        if event.style != '"':
            return text
        match = _FORBIDDEN.search(text)
        if match:
            code = f"U+{ord(match[0]):04X}"
            message = f"the escape for the character {code} is not allowed"
            self._report(event, message, "delete it; use single quotes if a backslash is meant")
            return None
        if "\r" in text:
            self._report(event, r"the escape \r is not allowed", r"write \n for a new line")
            return None
        return text

    def _report(self, event: Any, message: str, hint: str) -> None:  # noqa: ANN401
        mark = event.start_mark
        self.problems.append(self._file.problem(mark.line + 1, mark.column + 1, message, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _EnoughError


def _list_hint(root: Any) -> str:  # noqa: ANN401
    if root.__class__ is ScalarEvent:
        return "write a blank after the colon" if ":" in root.value else ""
    return "leave the list away; several agents in one file are separated by lines of ---"


def _plain(text: str) -> str | int | float | bool | None:
    """The value of a scalar without quotes, by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None or match.lastgroup is None:
        return text
    return _READ[match.lastgroup](match[match.lastgroup])


def _events(text: str) -> Callable[[], Any]:
    """A function that gives the next event of `text`."""
    if CParser is not None:
        return CParser(text).get_event  # type: ignore[no-any-return]
    events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
    return events.__next__


def _complaint(error: YAMLError) -> Complaint:
    """What the parser said, in the form that `explain` takes."""
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    return Complaint(
        str(getattr(error, "problem", None) or ""),
        (mark.line + 1, mark.column + 1) if mark else None,
        (context.line + 1, context.column + 1) if context else None,
        str(getattr(error, "context", None) or ""),
    )
