"""Load YAML files as plain data with the position of every key and value.

`load` turns a file into `Tree`s, one per document. It builds them from the events of ruamel.yaml's
C parser, or of its pure Python parser if the C one is not installed (`parser` names the one in
use). Working on events makes strict checks cheap: duplicate keys, aliases, tags and deep nesting
are rejected before any object is built from them. No content of a file raises an exception: what
is wrong with it is returned as `Problem`s.

Plain scalars follow the core schema of YAML 1.2.2 (chapter 10.3): `no`, `on` and `2024-01-02` are
strings, `012` is twelve, `0o17` is fifteen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

from reconciler.documents.text import FORBIDDEN, MAX_PROBLEMS, TextFile, decode, printable
from reconciler.documents.yaml_errors import ParserError, explain, odd_separator
from reconciler.errors import Problem

try:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # ruamel.yaml installs without its C parser where there is no wheel for it
    CParser = None

MAX_DEPTH = 20
"""The deepest nesting to read. Thousands of brackets take the C parser seconds and crash recursive
loaders; reading event by event lets the loader stop here."""

Path: TypeAlias = "tuple[str | int, ...]"
"""The keys and list indices that lead to a value."""

Place: TypeAlias = "tuple[Any, Any, Places]"
"""The event of a key (None in a list), the event of its value, and the places inside the value."""

Places: TypeAlias = "dict[str, Place] | list[Place] | None"

# Plain scalars. The first character shows for nearly all of them that they are text. Python refuses
# to parse very long whole numbers, so their digits are limited here; longer ones become floats.
_FIRST = frozenset("-+.0123456789tTfFnN~")
_CONSTANTS = {
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
_CONVERTERS: dict[str, Callable[[str], int | float]] = {
    "int": int,
    "octal": lambda digits: int(digits, 8),
    "hexadecimal": lambda digits: int(digits, 16),
    "float": float,
}


def parser() -> str:
    """Return the name of the parser in use, for `-v`."""
    return "ruamel.yaml (C parser)" if CParser else "ruamel.yaml (Python parser, slow)"


@dataclass(frozen=True, slots=True)
class Tree:
    """One document: a mapping as plain data, with the position of everything in it.

    `value` consists of dicts with text keys, lists, str, int, float, bool and None. A path is a
    tuple of keys and indices; the empty path is the document itself.
    """

    value: dict[str, Any]
    place: Place
    _file: TextFile

    def position(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Return the line and column (from 1) of the value at `path`, or of its key.

        An empty value (`name:` and nothing after it) has the position of its key. Raises KeyError
        or IndexError if the document has no such path.
        """
        key_event, event, _ = self._at(path)
        empty = event.__class__ is ScalarEvent and not _explicit(event)
        if key_event is not None and (key or empty):
            event = key_event
        mark = event.start_mark
        return mark.line + 1, mark.column + 1

    def raw(self, path: Path) -> str:
        """Return a scalar as spelled in the file (`022123456`, not the number 22123456).

        Returns "" for a mapping or list. Raises KeyError or IndexError if the document has no such
        path.
        """
        return str(getattr(self._at(path)[1], "value", ""))

    def lines(self) -> dict[str, int]:
        """Return the line of every key outside lists, by dotted path (`description.ru`)."""
        found: dict[str, int] = {}
        _collect_lines(self.place[2], "", found)
        return found

    def problem(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """Build a problem at the value at `path`, or at its key."""
        return self._file.problem(*self.position(path, key=key), message, hint)

    def cut_values(self) -> Iterator[tuple[Path, str]]:
        """Yield the path of each unquoted value outside lists that is followed by a comment without
        a space after its `#`, and the comment's first word."""
        if self._file.tags:
            yield from self._cut_values((), self.place[2])

    def _cut_values(self, path: Path, places: Places) -> Iterator[tuple[Path, str]]:
        for key, (key_event, event, inner) in places.items() if isinstance(places, dict) else ():
            yield from self._cut_values((*path, key), inner)
            if event.__class__ is not ScalarEvent or not event.implicit[0]:
                continue
            # The parsers put an empty value in different places.
            mark = (event if _explicit(event) else key_event).end_mark
            line, end = mark.line + 1, mark.column
            column, word = self._file.tags.get(line, (0, ""))
            if column and not self._file.lines[line - 1][end : column - 1].strip(" \t:"):
                yield (*path, key), word

    def _at(self, path: Path) -> Place:
        place = self.place
        for step in path:
            place = place[2][step]  # type: ignore[index]
        return place


def _explicit(event: Any) -> bool:  # noqa: ANN401 - ruamel.yaml's events are untyped
    """Return whether a scalar has any text in the file: a value, quotes or an anchor."""
    return bool(event.value) or not event.implicit[0] or event.anchor is not None


def _collect_lines(places: Places, prefix: str, found: dict[str, int]) -> None:
    if isinstance(places, dict):
        for key, (event, _, inner) in places.items():
            found[prefix + key] = event.start_mark.line + 1
            if inner is not None:
                _collect_lines(inner, f"{prefix}{key}.", found)


def load(name: str, data: bytes) -> tuple[list[Tree], list[Problem]]:
    """Load the documents of a file. Returns them with what is wrong in the file, in file order.

    `name` is the file's name in problems. Empty documents are skipped, so a file with only comments
    has none. A mapping with problems is still returned, so that its values can be checked in the
    same run; any other kind of document is not.
    """
    file, problems = decode(name, data)
    if file is None:
        return [], problems
    builder = _Builder(file)
    builder.read()
    builder.problems.sort(key=lambda problem: (problem.line, problem.column))
    return builder.trees, builder.problems


class _StopReading(Exception):  # noqa: N818 - control flow, not an error
    """Stop reading the file; its problems so far are recorded."""


class _Builder:
    """Builds the documents and problems of one file from the parser's events."""

    def __init__(self, file: TextFile) -> None:
        self.trees: list[Tree] = []
        self.problems: list[Problem] = []
        self._file = file
        self._next = events(file.text)
        # The text has no forbidden characters; only an escape sequence can produce one.
        self._escapes = "\\" in file.text

    def read(self) -> None:
        """Read the file to its end, or to the first syntax error."""
        try:
            self._documents()
        except _StopReading:
            pass
        except YAMLError as error:
            self._syntax_error(_parser_error(error))
        except (ValueError, OverflowError):  # the Python parser, on an escape beyond Unicode
            self._syntax_error(ParserError("found invalid Unicode character escape code"))

    def _syntax_error(self, error: ParserError) -> None:
        self.problems.append(self._file.problem(*explain(self._file.lines, error)))

    def _documents(self) -> None:
        while True:
            event = self._next()
            kind = event.__class__
            if kind is StreamEndEvent:
                return
            if kind is DocumentStartEvent:
                root = self._next()
                if root.__class__ is ScalarEvent and not _explicit(root) and root.ctag is None:
                    continue
                value, places = self._node(root, 0)
                self._next()  # the end of the document, or a syntax error after the root node
                if root.__class__ is MappingStartEvent:
                    self.trees.append(Tree(value, (None, root, places), self._file))
                elif root.__class__ is not AliasEvent:
                    self._not_a_mapping(root)

    def _not_a_mapping(self, root: Any) -> None:  # noqa: ANN401
        if self._file.conflict:
            self.problems.append(self._file.conflict)
            raise _StopReading
        hint = "remove the list; separate several agents in one file with lines of `---`"
        if root.__class__ is ScalarEvent:
            fault = odd_separator(self._file.lines, root.start_mark.line + 1)
            if fault:
                self.problems.append(self._file.problem(*fault))
                return
            hint = "add a space after the colon" if ":" in root.value else ""
        self._report(root, "expected a mapping (`key: value`)", hint)

    def _node(self, event: Any, depth: int) -> tuple[Any, Places]:  # noqa: ANN401
        """Read the value that starts with `event`. Returns it with the places in it."""
        kind = event.__class__
        if kind is AliasEvent:
            self._report(event, "aliases (*) are not supported", "write out the value")
            return None, None
        if event.anchor is not None:
            hint = "delete the anchor, or quote the value"
            self._report(event, "anchors (&) are not supported", hint)
        if event.ctag is not None:
            self._report(event, "tags (!) are not supported", "delete the tag, or quote the value")
        if kind is ScalarEvent:
            value = event.value
            if event.implicit[0]:
                return (_plain(value) if not value or value[0] in _FIRST else value), None
            return (self._unescaped(event) if self._escapes else value), None
        if depth == MAX_DEPTH:
            self._report(event, f"nested more than {MAX_DEPTH} levels deep", "")
            raise _StopReading
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
        # The innermost loop. Nearly all keys and values are plain scalars: reading them right here,
        # not in `_node`, makes loading fast. That is why this method is longer than the others.
        next_event = self._next
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        while (event := next_event()).__class__ is not MappingEndEvent:
            key = event.value if event.__class__ is ScalarEvent else None
            if not key or key[0] in _FIRST or event.ctag or event.anchor or not event.implicit[0]:
                key, _ = self._node(event, depth + 1)
            value_event = next_event()
            inner: Places = None
            if (
                value_event.__class__ is ScalarEvent
                and not value_event.ctag
                and not value_event.anchor
            ):
                value = value_event.value
                if value_event.implicit[0]:
                    if not value or value[0] in _FIRST:
                        value = _plain(value)
                elif self._escapes:
                    value = self._unescaped(value_event)
            else:
                value, inner = self._node(value_event, depth + 1)
            if key.__class__ is not str or key in places or (key == "<<" and event.implicit[0]):
                self._refuse_key(event, key, places)
            else:
                values[key] = value
                places[key] = (event, value_event, inner)
        return values, places

    def _refuse_key(self, event: Any, key: object, places: dict[str, Place]) -> None:  # noqa: ANN401
        if event.__class__ is AliasEvent or (key is None and event.style == '"'):
            return  # already reported by `_node` or `_unescaped`
        if key == "<<" and event.implicit[0]:
            self._report(event, "merge keys (<<) are not supported", "write out the values")
        elif isinstance(key, str):
            first = places[key][0].start_mark.line + 1
            message = f"duplicate key `{printable(key[:60])}` (first on line {first})"
            self._report(event, message, "delete one of them")
        else:
            text = getattr(event, "value", "")
            hint = f'to use it as a key, quote it: "{printable(text[:60])}"' if text else ""
            self._report(event, "a key must be text", hint)

    def _unescaped(self, event: Any) -> str | None:  # noqa: ANN401
        """Return the text of a quoted scalar, or None if an escape sequence in it is forbidden."""
        text: str = event.value
        if event.style != '"':
            return text
        match = FORBIDDEN.search(text)
        if match:
            code = f"U+{ord(match[0]):04X}"
            message = f"the escape sequence for {code} is not allowed"
            self._report(event, message, "delete it, or use single quotes for a literal backslash")
            return None
        if "\r" in text:
            self._report(
                event, r"the escape sequence \r is not allowed", r"use \n for a line break"
            )
            return None
        return text

    def _report(self, event: Any, message: str, hint: str) -> None:  # noqa: ANN401
        mark = event.start_mark
        self.problems.append(self._file.problem(mark.line + 1, mark.column + 1, message, hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopReading


def _plain(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar by the core schema of YAML 1.2."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    match = _NUMBER.fullmatch(text)
    if match is None or match.lastgroup is None:
        return text
    return _CONVERTERS[match.lastgroup](match[match.lastgroup])


def events(text: str) -> Callable[[], Any]:
    """Return a function that returns the next event of a text, by the parser in use."""
    if CParser is not None:
        return CParser(text).get_event  # type: ignore[no-any-return]
    events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
    return events.__next__


def _parser_error(error: YAMLError) -> ParserError:
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    return ParserError(
        str(getattr(error, "problem", None) or ""),
        (mark.line + 1, mark.column + 1) if mark else None,
        (context.line + 1, context.column + 1) if context else None,
        str(getattr(error, "context", None) or ""),
    )
