"""The canonical form of agents' files: `fmt` brings a file into it, and new files have it.

Keys are in the order of the schema, values are quoted only where they need it, blank lines are at
most one in a row, and comments stay with the keys that they are above or beside. Line ends and a
byte order mark stay as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

from reconciler.documents.edit import comment_texts, load_valid, same
from reconciler.documents.nodes import (
    Comment,
    Node,
    comments,
    compose,
    decoded,
    first_line_end,
    header,
    line_end,
    line_start,
)
from reconciler.documents.scalars import INDENT, WIDTH, block, inline, is_short, reads, scalar
from reconciler.documents.yaml import load
from reconciler.errors import InputError, Problem

SCHEMA_LINE = "# yaml-language-server:"
_BLANK = "\n"
"""A blank line between entries; one in a text is "", and stays."""
Order = Mapping[str, Sequence[str]]
"""The keys of each mapping, by its dotted path ("": the top level)."""


@dataclass(slots=True)
class Entry:
    """A key and its value, or an item of a list (`key` is None), with its comments: those on the
    lines `above` (with blank lines), and the one `beside`. A folded text keeps its lines: its
    header, and the lines without indentation."""

    key: str | None
    value: Any  # a scalar or a Group
    above: list[str] = field(default_factory=list)
    beside: str = ""
    folded: tuple[str, ...] = ()


@dataclass(slots=True)
class Group:
    """A mapping or a list. `flow`: in brackets, if it fits. `below`: comments after its last
    entry."""

    entries: list[Entry]
    is_list: bool
    flow: bool = False
    below: list[str] = field(default_factory=list)


def formatted(name: str, data: bytes, order: Order) -> bytes:
    """A file in canonical form. `name` is its name in problems. Raises InputError if it has
    problems."""
    trees = load_valid(name, data)
    bom, text = decoded(data)
    lines = _lines(text, [each.value for each in trees], order)
    separator = first_line_end(text)
    result = bom + "".join(line + separator for line in lines).encode()
    found, problems = load(name, result)
    values, wanted = ([each.value for each in side] for side in (found, trees))
    if problems or not same(values, wanted) or comment_texts(result) != comment_texts(data):
        message = "this file cannot be formatted automatically"
        raise InputError([Problem(name, 1, 1, message, hint="format it by hand")])
    return result


def new_file(value: Mapping[str, Any], order: Order, comments: Mapping[str, Sequence[str]]) -> str:
    """A file of one agent. `comments` has lines by the top-level key that they are above, or that
    they replace if `value` lacks it; those for "" are at the top of the file."""
    group = _sort(_group(value), order)
    places = {key: number for number, key in enumerate(order.get("", ()))}
    for name, lines in comments.items():
        shown = [f"# {line}".rstrip() for line in lines]
        where = places.get(name, len(places)) if name else -1
        after = (each for each in group.entries if places.get(each.key or "", where) >= where)
        entry = next(after, None)
        if entry is None:
            group.below += shown
        else:
            entry.above += shown
    return "\n".join([*_below(group, 0), ""])


def _group(value: Any) -> Group:  # noqa: ANN401 - plain JSON
    items = value.items() if isinstance(value, Mapping) else ((None, each) for each in value)
    entries = [
        Entry(key, _group(each) if isinstance(each, dict | list) else each) for key, each in items
    ]
    return Group(entries, isinstance(value, list), is_short(value))


# -- reading ---------------------------------------------------------------------------------------


def _lines(text: str, values: list[Any], order: Order) -> list[str]:
    """The lines of a file in canonical form."""
    documents = compose(text)
    found = comments(text, documents)
    left = iter(values)
    lines: list[str] = []
    empty: list[str] = []  # comments of documents without values
    for number, document in enumerate(documents):
        last = number + 1 == len(documents)
        start = 0 if number == 0 else document.start
        end = len(text) if last else documents[number + 1].start
        own = [each for each in found if start <= each.start < end]
        if document.root is None:
            empty += [each.text for each in own]
            continue
        separator = ["---"] if lines else []
        written = _document(_Reader(text, document.root, next(left)), own, order)
        lines += [*separator, *empty, *written]
        empty = []
    return [*lines, *empty, *(each.text for each in found if not documents)]


def _document(reader: _Reader, own: Iterable[Comment], order: Order) -> list[str]:
    """The lines of one document with these comments."""
    for comment in own:
        reader.attach(comment)
    reader.add_blank_lines()
    group = reader.group
    top = _top(group.entries[0]) if group.entries else []
    lines = [*top, *_below(_sort(group, order), 0)]
    return list(_single_blanks(lines))


def _top(first: Entry) -> list[str]:
    """The comments at the top of a document that are not about its first key, which may move: those
    above a blank line, and the one that names the schema. They are taken from the entry."""
    above = first.above
    count = max((number for number, each in enumerate(above, 1) if each == _BLANK), default=0)
    while count < len(above) and above[count].startswith(SCHEMA_LINE):
        count += 1
    first.above = above[count:]
    return above[:count]


def _single_blanks(lines: Iterable[str]) -> Iterator[str]:
    """Lines without blank ones at the start and the end, and without two in a row."""
    pending, started = False, False
    for line in lines:
        if line == _BLANK:
            pending = started
            continue
        if pending:
            yield ""
        pending, started = False, True
        yield line


@dataclass(slots=True)
class _Placed:
    """An entry, its nodes, the group that it is in, and the groups around it, from the outside."""

    entry: Entry
    key: Node | None
    node: Node
    around: tuple[tuple[Node, Group], ...]

    @property
    def start(self) -> int:
        return self.node.start if self.key is None else self.key.start


class _Reader:
    """The entries of one document, to which comments are attached."""

    def __init__(self, text: str, root: Node, value: Any) -> None:  # noqa: ANN401
        self.text = text
        self.placed: list[_Placed] = []
        self.ends = [each.end for each in root.leaves()]
        self.group = self._group(root, value, ())

    def _group(
        self,
        node: Node,
        value: Any,  # noqa: ANN401
        around: tuple[tuple[Node, Group], ...],
    ) -> Group:
        group = Group([], node.kind == "list", node.flow)
        inside = (*around, (node, group))
        for number, (key, inner) in enumerate(node.items):
            name = None if key is None else key.text
            each = value[number] if name is None else value[name]
            entry = Entry(name, each, folded=self._folded(inner))
            self.placed.append(_Placed(entry, key, inner, inside))
            if inner.kind != "scalar":
                entry.value = self._group(inner, each, inside)
            group.entries.append(entry)
        return group

    def _folded(self, node: Node) -> tuple[str, ...]:
        """The header and the lines of a folded text; none if its indentation counts."""
        if node.style != ">" or not re.fullmatch(">-?", first := header(self.text, node)):
            return ()
        body = self.text[line_end(self.text, node.start) : node.end]
        lines = dedent("\n".join(body.splitlines()[1:])).split("\n")
        content = "\n".join([f"k: {first}", *_indented(lines, INDENT), ""])
        return (first, *lines) if reads(content, node.text) else ()

    def attach(self, comment: Comment) -> None:
        """Attach a comment to the entry that it is beside or above."""
        if not comment.alone and (entry := self._left_of(comment)) is not None:
            if entry.beside:
                entry.above.append(comment.text)
            else:
                entry.beside = comment.text
            return
        after = next((each for each in self.placed if each.start > comment.start), None)
        below = self._ended(comment, after)
        if below is not None:
            below.below += self._with_blank(comment)
        elif after is not None:
            after.entry.above += self._with_blank(comment)

    def _with_blank(self, comment: Comment) -> list[str]:
        return [*([_BLANK] if self._is_after_blank(comment.start) else ()), comment.text]

    def _left_of(self, comment: Comment) -> Entry | None:
        """The entry whose value, or else whose key, ends last before a comment on its line."""
        first = line_start(self.text, comment.start)
        best: tuple[int, Entry] | None = None
        for each in self.placed:
            ends = [each.node.end] if each.key is None else [each.key.end, each.node.end]
            if each.node.style in ("|", ">"):
                ends = [each.node.start + 1]
            for end in ends:
                if first <= end <= comment.start and (best is None or end >= best[0]):
                    best = end, each.entry
        return best[1] if best else None

    def _ended(self, comment: Comment, after: _Placed | None) -> Group | None:
        """The group that a comment is at the end of: what follows is not in it, and it is indented
        at least as much as the group."""
        before = [each for each in self.placed if each.start < comment.start]
        if not before:
            return None
        around = before[-1].around
        if before[-1].node.kind != "scalar" and isinstance(before[-1].entry.value, Group):
            around = (*around, (before[-1].node, before[-1].entry.value))
        outer = after.around if after is not None else ()
        column = -1 if after is None else (after.key or after.node).column
        for place in range(len(around) - 1, -1, -1):
            node, group = around[place]
            if any(group is each for _, each in outer):
                break
            parent = around[place - 1][0].column if place else -1
            if (
                comment.start < node.end
                if node.flow
                else self._holds(comment, node, parent, column)
            ):
                return group
        return self.group if after is None else None

    @staticmethod
    def _holds(comment: Comment, node: Node, *others: int) -> bool:
        """Whether a comment is indented as much as a collection, which is indented more than what
        is around and after it."""
        return comment.column >= node.column > max(others)

    def add_blank_lines(self) -> None:
        """Add the blank line above each entry, or between it and the comments above it."""
        for each in self.placed:
            if self._is_after_blank(each.start):
                each.entry.above.append(_BLANK)

    def _is_after_blank(self, position: int) -> bool:
        """Whether the line above that of a position is blank, and nothing precedes the position on
        its line."""
        start = line_start(self.text, position)
        if self.text[start:position].strip(" \t-"):
            return False
        ended = bisect_right(self.ends, start) - 1
        above = self.text[self.ends[ended] if ended >= 0 else 0 : start]
        return bool(re.search(r"(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r(?!\n)|\n)\Z", above))


# -- writing ---------------------------------------------------------------------------------------


def _sort(group: Group, order: Order, path: str = "") -> Group:
    """Bring the keys of a group, and of those in it, into their order; returns the group."""
    known = order.get(path, ())
    places = {key: number for number, key in enumerate(known)}
    group.entries.sort(key=lambda each: places.get(each.key or "", len(known)))
    for each in group.entries:
        if isinstance(each.value, Group):
            inner = path if each.key is None else f"{path}.{each.key}".lstrip(".")
            _sort(each.value, order, inner)
    return group


def _below(group: Group, column: int) -> list[str]:
    """The lines of a group that is not in brackets."""
    lines: list[str] = []
    for number, each in enumerate(group.entries):
        lines += _entry(each, column, first=number == 0)
    return [*lines, *_indented(group.below, column)]


def _entry(each: Entry, column: int, *, first: bool) -> list[str]:
    """The lines of an entry: what is above it, and the entry."""
    above = list(each.above)
    while first and above and above[0] == _BLANK:
        above.pop(0)
    head = "-" if each.key is None else f"{scalar(each.key)}:"
    beside = f" {each.beside}" if each.beside else ""
    space = " " * column
    value = each.value
    if isinstance(value, Group):
        text = _in_brackets(value)
        if text is not None and column + len(head) + len(text) < WIDTH:
            lines = [f"{space}{head} {text}{beside}"]
        elif value.is_list or each.key is not None:
            lines = [f"{space}{head}{beside}", *_below(value, column + INDENT)]
        else:
            lines = _item(value, column, beside)
    else:
        lines = _scalar(each, head, column)
    return [*_indented(above, column), *lines]


def _item(value: Group, column: int, beside: str) -> list[str]:
    """A mapping in a list: its first key is on the line of the hyphen."""
    lines = _below(value, column + INDENT)
    space = " " * column
    if beside or lines[0].lstrip().startswith("#"):
        return [f"{space}-{beside}", *lines]
    return [f"{space}- {lines[0].lstrip()}", *lines[1:]]


def _scalar(each: Entry, head: str, column: int) -> list[str]:
    start, beside = " " * column + head, f" {each.beside}" if each.beside else ""
    value = each.value
    if each.folded:
        first, *lines = each.folded
        return [f"{start} {first}{beside}", *_indented(lines, column + INDENT)]
    if isinstance(value, str) and "\n" in value and (found := block(value, column + INDENT)):
        return [f"{start} {found[0]}{beside}", *found[1]]
    return [f"{start} {scalar(value)}{beside}"]


def _in_brackets(group: Group) -> str | None:
    """A group on one line; None if it has comments, or is not to be written in brackets."""
    if not group.entries and not group.below:
        return "[]" if group.is_list else "{}"
    if not group.flow or group.below or any(each.above or each.beside for each in group.entries):
        return None
    parts = []
    for each in group.entries:
        if isinstance(each.value, Group):
            text = _in_brackets(each.value)
        else:
            text = None if "\n" in str(each.value) else inline(each.value, flow=True)
        if text is None:
            return None
        parts.append(text if each.key is None else f"{scalar(each.key, flow=True)}: {text}")
    return f"[{', '.join(parts)}]" if group.is_list else f"{{{', '.join(parts)}}}"


def _indented(lines: Iterable[str], column: int) -> list[str]:
    return [" " * column + line if line.strip("\n") else line for line in lines]
