"""Write single values as YAML, so that every parser and our loader read exactly that value.

A text is unquoted only if a person would not doubt that it is text: `no`, `2027-01-31` and phones
are quoted, because parsers of YAML 1.1 read them as something else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from reconciler.documents.patterns import UNSEEN_IN_NAMES
from reconciler.documents.text import FORBIDDEN
from reconciler.documents.yaml import load

INDENT = 2
"""Columns of one level."""
WIDTH = 100
"""The longest line of a mapping or list in brackets."""

_NOT_WRITABLE = re.compile(f"\r|{FORBIDDEN.pattern}")
_STARTS_LIKE_TEXT = re.compile(r"[^\W\d_]")
_SPECIAL = re.compile("y|yes|n|no|on|off|true|false|null|none|nan|inf|~|<<", re.IGNORECASE)
"""Words that some parser does not read as text."""
_ENDS_PLAIN = re.compile(r":(?:\s|$)|\s#|[\n\t]")
_IN_BRACKETS = re.compile(r"[,\[\]{}:]")
_ESCAPED = re.compile(f'["\\\\\n\t\ufffd]|{UNSEEN_IN_NAMES}')
_ESCAPES = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t"}


def is_writable(value: Any) -> bool:  # noqa: ANN401 - plain JSON
    """Whether a file may contain this value: no control or direction characters."""
    return forbidden(value) is None


def forbidden(value: Any) -> str | None:  # noqa: ANN401 - plain JSON
    """The first character in a value that no file may contain (`U+202E`); None without one."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(forbidden, inner)), None)
    match = _NOT_WRITABLE.search(value) if isinstance(value, str) else None
    return f"U+{ord(match[0]):04X}" if match else None


def scalar(value: Any, *, flow: bool = False, style: str | None = "") -> str:  # noqa: ANN401 - plain JSON
    """A value on one line. `flow`: between brackets. `style` is that of the value that it replaces:
    a quotation mark, or None for an unquoted one; "" for a new value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value, style, flow=flow)
        case _:
            return str(value)


def _text(text: str, style: str | None, *, flow: bool) -> str:
    if style == '"':
        return quoted(text)
    if style == "'":
        return _in_single_quotes(text) or quoted(text)
    if _is_plain(text, flow=flow) or (style is None and _stays_plain(text, flow=flow)):
        return text
    readable = '"' in text and "'" not in text
    return (_in_single_quotes(text) if readable else "") or quoted(text)


def _in_single_quotes(text: str) -> str:
    """A text in single quotes; "" if that would hide a character of it."""
    if _ESCAPED.search(text.replace('"', "").replace("\\", "")):
        return ""
    return "'" + text.replace("'", "''") + "'"


def quoted(text: str) -> str:
    """A text in double quotes, on one line; what cannot be seen is escaped."""
    return '"' + _ESCAPED.sub(lambda found: _escape(found[0]), text) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    return _ESCAPES.get(char) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _is_plain(text: str, *, flow: bool) -> bool:
    """Whether a text is safe without quotes, for people and every parser."""
    return bool(_STARTS_LIKE_TEXT.match(text)) and _stays_plain(text, flow=flow)


@lru_cache(maxsize=65536)
def _stays_plain(text: str, *, flow: bool) -> bool:
    """Whether our loader reads a text without quotes as this text."""
    if text != text.strip() or _SPECIAL.fullmatch(text) or _ENDS_PLAIN.search(text):
        return False
    if (flow and _IN_BRACKETS.search(text)) or _ESCAPED.search(text.replace('"', "")):
        return False
    return reads(f"k: {text}\n", text)


def reads(content: str, value: Any) -> bool:  # noqa: ANN401 - plain JSON
    """Whether a file with one key `k` has this value."""
    trees, problems = load("", content.encode(errors="surrogatepass"))
    return not problems and len(trees) == 1 and trees[0].value == {"k": value}


def block(
    text: str, indent: int, *, style: str = "|", step: int = INDENT
) -> tuple[str, list[str]] | None:
    """A text as a block: its header, and its lines indented by so many columns, `step` more than
    its key. None if a block would not be read as exactly this text."""
    lines = text.split("\n")
    if not text.strip("\n") or text.endswith("\n\n") or "\ufffd" in text:
        return None
    chomping = "-"
    if text.endswith("\n"):
        lines, chomping = lines[:-1], ""
    if style == ">":
        lines = _unfolded(lines)
    first = next(line for line in lines if line)
    indicator = str(step) if first[0] in " \t" else ""
    body = [" " * indent + line if line else "" for line in lines]
    header = f"{style}{indicator}{chomping}"
    shown = [" " * step + line if line else "" for line in lines]
    content = "\n".join([f"k: {header}", *shown, ""])
    if reads(content, text):
        return header, body
    return block(text, indent, step=step) if style == ">" else None


def _unfolded(lines: list[str]) -> list[str]:
    """Lines that a folded block reads as `lines`, if none of them is indented."""
    found: list[str] = []
    for line in lines:
        found += [line, ""]
    return found[:-1]


def inline(
    value: Any,  # noqa: ANN401 - plain JSON
    style: str | None = "",
    *,
    flow: bool = False,
    json: bool = False,
) -> str:
    """A value on one line, collections in brackets. `json`: every text in double quotes."""
    match value:
        case dict():
            pairs = (
                f"{quoted(key) if json else scalar(key, flow=True)}: "
                f"{inline(each, flow=True, json=json)}"
                for key, each in value.items()
            )
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(inline(each, flow=True, json=json) for each in value) + "]"
        case str() if json:
            return quoted(value)
        case _:
            return scalar(value, flow=flow, style=style)


def fits(value: Any) -> bool:  # noqa: ANN401 - plain JSON
    """Whether a value can be written on one line: it has no text of several lines."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return all(map(fits, inner)) and len(inline(value)) <= WIDTH
    return not isinstance(value, str) or "\n" not in value


def is_short(value: Any) -> bool:  # noqa: ANN401 - plain JSON
    """Whether a new collection is written in brackets: a list of single values, or one pair."""
    inner = value.values() if isinstance(value, dict) else value
    if any(isinstance(each, dict | list) for each in inner):
        return False
    return fits(value) and (isinstance(value, list) or len(value) <= 1)


def render(name: str, value: Any, column: int) -> list[str]:  # noqa: ANN401 - plain JSON
    """A key and its value in block style, as lines indented by `column`."""
    key = " " * column + scalar(name) + ":"
    if isinstance(value, str) and "\n" in value and (found := block(value, column + INDENT)):
        return [f"{key} {found[0]}", *found[1]]
    if isinstance(value, dict | list) and not is_short(value):
        return [key, *lines_of(value, column + INDENT)]
    return [f"{key} {inline(value)}"]


def lines_of(value: Any, column: int) -> list[str]:  # noqa: ANN401 - plain JSON
    """A collection in block style, as lines indented by `column`."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in render(name, inner, column)]
    found = []
    for each in value:
        lines = [inline(each)]
        if isinstance(each, dict) and len(each) > 1:
            lines = [line[column + INDENT :] for line in lines_of(each, column + INDENT)]
        space = " " * column
        found += [f"{space}- {lines[0]}", *(f"{space}  {line}" for line in lines[1:])]
    return found
