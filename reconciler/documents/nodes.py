"""The values of a YAML file with their places in its text, for tools that write files.

`load` has what the values are; `compose` has where each starts and ends, and `comments` what is
between them. Use it on text that `load` accepts: it checks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.documents.yaml import events

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_ENDS = re.compile(r"[\r\n]+\Z")
_END_OF_LINE = re.compile(r"[\r\n]|\Z")
_COLON = re.compile(r"\s*:")
_HEADER = re.compile(r"[|>][-+0-9]*")


@dataclass(frozen=True, slots=True)
class Node:
    """A value from `start` to `end` (indices in the text), `column` columns from the left. A block
    collection ends where its last value ends.

    `style` is a scalar's quotation mark, `|` or `>`, None without. `flow`: between brackets. A
    mapping's `items` have the nodes of key and value, a list's have None as key.
    """

    kind: Literal["scalar", "mapping", "list"]
    start: int
    end: int
    column: int
    style: str | None = None
    flow: bool = False
    text: str = ""
    items: tuple[tuple[Node | None, Node], ...] = ()

    @property
    def is_block(self) -> bool:
        """Whether this is a block scalar or a collection without brackets."""
        return self.style in ("|", ">") if self.kind == "scalar" else not self.flow

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in the file for this value."""
        return self.kind == "scalar" and self.start == self.end

    def get(self, key: str) -> tuple[Node, Node] | None:
        """The nodes of a key and its value in a mapping; None if there is no such key."""
        for name, value in self.items if self.kind == "mapping" else ():
            if name is not None and name.text == key:
                return name, value
        return None

    def leaves(self) -> Iterator[Node]:
        """The scalars in this value, keys included, in the order of the text."""
        if self.kind == "scalar":
            yield self
        for key, value in self.items:
            if key is not None:
                yield key
            yield from value.leaves()


@dataclass(frozen=True, slots=True)
class DocumentNode:
    """One document: where it starts (at its `---`, if it has one), and its value, None if it is
    empty."""

    start: int
    root: Node | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its `#`; `alone`: nothing else is on its line."""

    start: int
    text: str
    column: int
    alone: bool

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def decoded(data: bytes) -> tuple[bytes, str]:
    """The byte order mark of a file without problems (empty without one), and its text."""
    return _BOM if data.startswith(_BOM) else b"", data.removeprefix(_BOM).decode()


def first_line_end(text: str) -> str:
    """How the lines of a text end, by the first one."""
    match = _LINE_END.search(text)
    return match[0] if match else "\n"


def compose(text: str) -> list[DocumentNode]:
    """The documents of a text without problems, empty ones included."""
    return list(_Composer(text).documents())


def comments(text: str, documents: list[DocumentNode]) -> list[Comment]:
    """The comments of a text, in order: what starts with `#` between two scalars, or follows the
    header of a block."""
    found: list[Comment] = []
    position = 0
    for leaf in (leaf for each in documents if each.root for leaf in each.root.leaves()):
        found += _between(text, position, leaf.start)
        if leaf.style in ("|", ">"):
            header_end = line_end(text, leaf.start)
            found += _between(text, leaf.start, header_end)
        position = max(position, leaf.end)
    return found + _between(text, position, len(text))


def header(text: str, node: Node) -> str:
    """The header of a block scalar: `|-`."""
    match = _HEADER.match(text, node.start)
    return match[0] if match else ""


def _between(text: str, start: int, end: int) -> list[Comment]:
    found = []
    for match in re.finditer(r"#[^\r\n]*", text[start:end]):
        at = start + match.start()
        before = text[line_start(text, at) : at]
        alone = not before.strip()
        found.append(Comment(at, match[0].rstrip(), len(before), alone))
    return found


def line_start(text: str, position: int) -> int:
    """Where the line of a position starts."""
    return max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1


def line_end(text: str, position: int) -> int:
    """Where the line of a position ends, before its line end."""
    match = _END_OF_LINE.search(text, position)
    return match.start() if match else len(text)


class _Composer:
    """Builds the nodes of a text from the parser's events."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], Any] = events(text)

    def documents(self) -> Iterator[DocumentNode]:
        while (event := self._next()).__class__ is not StreamEndEvent:
            if event.__class__ is DocumentStartEvent:
                root = self._next()
                node = self._node(root)
                self._next()
                start = event.start_mark.index
                yield DocumentNode(start, None if node.is_empty else node)

    def _node(self, event: Any) -> Node:  # noqa: ANN401 - ruamel.yaml's events are untyped
        mark = event.start_mark
        if event.__class__ is ScalarEvent:
            end = event.end_mark.index
            if event.style in ("|", ">"):
                end = self._end_of_block(mark.index, end)
            return Node("scalar", mark.index, end, mark.column, event.style, text=event.value)
        items: list[tuple[Node | None, Node]] = []
        is_mapping = event.__class__ is MappingStartEvent
        last = MappingEndEvent if is_mapping else SequenceEndEvent
        while (inner := self._next()).__class__ is not last:
            if is_mapping:
                key = self._node(inner)
                items.append((key, self._after_colon(key, self._node(self._next()))))
            else:
                items.append((None, self._node(inner)))
        flow = bool(event.flow_style)
        end = inner.end_mark.index if flow else items[-1][1].end
        kind: Literal["mapping", "list"] = "mapping" if is_mapping else "list"
        return Node(kind, mark.index, end, mark.column, None, flow, items=tuple(items))

    def _after_colon(self, key: Node, value: Node) -> Node:
        """The value; an empty one is after the colon of its key, where only one parser puts it."""
        match = _COLON.match(self._text, key.end)
        if not value.is_empty or not match:
            return value
        return replace(value, start=match.end(), end=match.end())

    def _end_of_block(self, start: int, end: int) -> int:
        """The end of a block scalar, without the empty lines that are not part of its text."""
        content = self._text[start:end]
        match = _HEADER.match(content)
        if match and "+" in match[0]:
            return end
        return start + len(_LINE_ENDS.sub("", content))
