"""Edit single values of a YAML file: everything else stays as it is, byte for byte.

An edit replaces a piece of the file's text. The new text is loaded again; if it has any other
values than those that were wanted, the edit is refused and nothing is returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from reconciler.documents.nodes import (
    Node,
    comments,
    compose,
    decoded,
    first_line_end,
    header,
    line_end,
    line_start,
)
from reconciler.documents.scalars import (
    INDENT,
    block,
    fits,
    forbidden,
    inline,
    is_short,
    lines_of,
    quoted,
    render,
    scalar,
)
from reconciler.documents.yaml import Tree, load
from reconciler.errors import InputError, Problem

_BY_HAND = "edit the file by hand"


def set_value(
    name: str,
    data: bytes,
    document: int,
    path: Sequence[str],
    value: Any,  # noqa: ANN401 - plain JSON
    order: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """The content of a file with another value at `path` in one of its documents (from 0, without
    empty ones).

    A new key is added after the last of those that precede it in `order`, which has the keys of
    each mapping by its dotted path. `name` is the file's name in problems. Raises InputError if the
    file has problems, or the value cannot be set without changing anything else.
    """
    trees = load_valid(name, data)
    tree = trees[document]
    before = _at(tree.value, path)
    if (
        isinstance(value, dict)
        and isinstance(before, dict)
        and before
        and before.keys() <= {*value}
    ):
        for key, each in value.items():
            data = set_value(name, data, document, (*path, key), each, order)
        return data
    wanted = [deepcopy(each.value) for each in trees]
    _set(wanted[document], path, value)
    if same([each.value for each in trees], wanted):
        return data
    if char := forbidden(value):
        raise InputError([_refusal(tree, path, f"the new value contains {char}")])
    bom, text = decoded(data)
    root = [each.root for each in compose(text) if each.root][document]
    order = order or {}
    ordered = _ordered(value, ".".join(path), order)
    edited = bom + _Editor(text, order).set(root, tuple(path), ordered).encode()
    trees, problems = load(name, edited)
    intact = not problems and same([each.value for each in trees], wanted)
    if not intact or comment_texts(edited) != comment_texts(data):
        raise InputError([_refusal(tree, path, "this value cannot be edited automatically")])
    return edited


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - plain JSON
    """Whether two values are the same, and of the same types: 1 is not true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def comment_texts(data: bytes) -> list[str]:
    """The comments of a file without problems, sorted."""
    _, text = decoded(data)
    return sorted(each.text for each in comments(text, compose(text)))


def _ordered(value: Any, path: str, order: Mapping[str, Sequence[str]]) -> Any:  # noqa: ANN401
    """The value with its keys in their order."""
    if not isinstance(value, dict):
        return value
    known = order.get(path, ())
    places = {key: number for number, key in enumerate(known)}
    keys = sorted(value, key=lambda key: places.get(key, len(known)))
    return {key: _ordered(value[key], f"{path}.{key}", order) for key in keys}


def load_valid(name: str, data: bytes) -> list[Tree]:
    """The documents of a file. Raises InputError if it has problems."""
    trees, problems = load(name, data)
    if problems:
        raise InputError(problems)
    return trees


def _refusal(tree: Tree, path: Sequence[str], message: str) -> Problem:
    for length in range(len(path), -1, -1):
        try:
            return tree.problem(tuple(path[:length]), f"{'.'.join(path)}: {message}", _BY_HAND)
        except (KeyError, TypeError, IndexError):
            continue
    raise AssertionError(path)


def _at(data: Any, path: Sequence[str]) -> Any:  # noqa: ANN401
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _set(data: dict[str, Any], path: Sequence[str], value: Any) -> None:  # noqa: ANN401
    for key in path[:-1]:
        inner = data.setdefault(key, {})
        if not isinstance(inner, dict):
            inner = data[key] = {}
        data = inner
    data[path[-1]] = value


class _Editor:
    """Replaces pieces of one text."""

    def __init__(self, text: str, order: Mapping[str, Sequence[str]]) -> None:
        self.text = text
        self.order = order
        self.line_end = first_line_end(text)

    def set(self, root: Node, path: tuple[str, ...], value: Any) -> str:  # noqa: ANN401
        """The text with this value at `path`."""
        parent = root
        for depth, name in enumerate(path):
            rest = _nested(path[depth + 1 :], value)
            found = parent.get(name)
            if found is None:
                return self.insert(parent, path[:depth], name, rest)
            key, node = found
            if depth + 1 == len(path) or node.kind != "mapping" or not node.items:
                return self.replace(key, node, rest, flow=parent.flow)
            parent = node
        return self.text

    def insert(self, mapping: Node, path: tuple[str, ...], name: str, value: Any) -> str:  # noqa: ANN401
        """The text with a new key in a mapping."""
        first, before = self._neighbour(mapping, ".".join(path), name)
        if mapping.flow:
            json = first.style == '"'
            key = quoted(name) if json else scalar(name, flow=True)
            return self._splice(
                before.end, before.end, f", {key}: {inline(value, flow=True, json=json)}"
            )
        end = self._end(before)
        lines = render(name, value, mapping.column)
        return self._splice(end, end, "".join(self.line_end + line for line in lines))

    def _neighbour(self, mapping: Node, path: str, name: str) -> tuple[Node, Node]:
        """The first key of a mapping, and the value after which a new key belongs: the last of
        those that precede it, else the first."""
        order = self.order.get(path, ())
        preceding = order[: order.index(name)] if name in order else ()
        items = [(key, value) for key, value in mapping.items if key is not None]
        values = [value for key, value in items if key.text in preceding]
        default = items[0] if name in order else items[-1]
        return items[0][0], values[-1] if values else default[1]

    def replace(self, key: Node, node: Node, value: Any, *, flow: bool) -> str:  # noqa: ANN401
        """The text with another value for a key. `flow`: between brackets."""
        before = self.text[line_start(self.text, key.start) : key.start]
        style = node.style if node.kind == "scalar" and not node.is_empty else ""
        if flow or before.strip():  # `? key` too
            json = key.style == '"'
            space = " " if node.is_empty else ""
            piece = inline(value, style, flow=True, json=json)
            return self._splice(node.start, node.end, space + piece)
        column = self._column_below(key, node, value)
        head, body = self._value(key.column, column, node, style, value)
        colon = self.text.index(":", key.end) + 1
        end_of_line = line_end(self.text, colon)
        gap, kept = " ", []
        if node.kind == "scalar" and node.is_block:
            start = node.start + len(header(self.text, node))
            beside = self.text[start : line_end(self.text, start)]
        elif node.is_block:
            beside = self.text[colon:end_of_line]
            kept = self._comments(end_of_line, self._end(node))
        else:
            beside = self.text[node.end : line_end(self.text, node.end)]
            kept = self._comments(node.start, node.end)
        if not node.is_empty and node.start <= end_of_line:
            gap = self.text[colon : node.start]
        indent = " " * (key.column if isinstance(value, str) else column)
        lines = "".join(self.line_end + line for line in (*body, *(indent + each for each in kept)))
        head = gap + head if head else ""
        end = self._end(node)
        if lines and end == len(self.text):  # the last line of a block needs its line end
            lines += self.line_end
        return self._splice(colon, end, head + beside + lines)

    def _value(
        self,
        key: int,
        column: int,
        node: Node,
        style: str | None,
        value: Any,  # noqa: ANN401
    ) -> tuple[str, list[str]]:
        """What follows the colon of a key, and the lines below it, at these columns."""
        if isinstance(value, str) and ("\n" in value or style in ("|", ">")):
            folded = ">" if style == ">" else "|"
            found = block(value, column, style=folded, step=column - key)
            return found or (quoted(value), [])
        if isinstance(value, dict | list) and value:
            is_block = node.is_block and node.kind != "scalar"
            short = fits(value) if node.flow else is_short(value) and not is_block
            if not short:
                return "", lines_of(value, column)
        return inline(value, style), []

    def _column_below(self, key: Node, node: Node, value: Any) -> int:  # noqa: ANN401
        """The column of the lines below a key: as they are, else one level more than the key."""
        if node.is_block and node.kind != "scalar":
            return node.column if isinstance(value, list) else max(node.column, key.column + 1)
        if node.is_block:
            body = self.text[line_end(self.text, node.start) : node.end]
            columns = [len(line) - len(line.lstrip(" ")) for line in body.splitlines() if line]
            if columns and min(columns) > key.column:
                return min(columns)
        return key.column + INDENT

    def _end(self, node: Node) -> int:
        """Where the last line of a value ends, before its line end."""
        if node.is_block and node.kind == "scalar" and self.text[node.end - 1] in "\r\n":
            return node.end - (2 if self.text.endswith("\r\n", 0, node.end) else 1)
        return line_end(self.text, node.end)

    def _comments(self, start: int, end: int) -> list[str]:
        """The comments in a piece of the text."""
        found = comments(self.text, compose(self.text))
        return [each.text for each in found if start < each.start < end]

    def _splice(self, start: int, end: int, piece: str) -> str:
        return self.text[:start] + piece + self.text[end:]


def _nested(path: Sequence[str], value: Any) -> Any:  # noqa: ANN401
    for key in reversed(path):
        value = {key: value}
    return value
