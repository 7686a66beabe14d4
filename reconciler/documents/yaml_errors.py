"""Explain a YAML syntax error: where the mistake is, what is wrong and what to write instead.

A parser points at the place where it could not go on, and describes it in its own terms ("mapping
values are not allowed in this context"). The rules here search the lines of the file for common
mistakes and use the parser's error only to choose between them. They know the phrases of
ruamel.yaml's C parser (libyaml) and of its Python parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

SMART_QUOTES = "“”„«»‘’‚‹›"
"""Quotation marks that word processors insert and that YAML treats as letters."""

LONGEST_KEY = 1024
"""The largest number of characters that YAML allows before a colon."""


class Fault(NamedTuple):
    """A mistake: line and column (from 1), what is wrong, and how to fix it (may be "")."""

    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class ParserError:
    """A parser's error: its `problem` at `mark`, and the `context` it was parsing since `start`.

    Places are line and column (from 1). `mark` is None if the parser gave no place.
    """

    problem: str
    mark: tuple[int, int] | None = None
    start: tuple[int, int] | None = None
    context: str = ""


class _Spot(NamedTuple):
    """What a rule examines: the place of the error, the text of that line, and the error."""

    lines: Sequence[str]
    error: ParserError
    line: int
    column: int
    text: str


_Rule: TypeAlias = Callable[[_Spot], Fault | None]

_MISSING_SPACE = "missing space after the colon"

_CONFLICT = re.compile(r"(?:<{7}|\|{7}|={7}|>{7})(?: .*)?$")
_NO_SPACE = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+):(?P<value>[^\s/].*)$")
_PAIR = re.compile(r"\s*(?:- )?(?P<key>[^\s:#][^:#]*):\s+(?P<value>.+)$")
_SEPARATOR = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+)(?P<colon>:|\uff1a)(?P<space>[^\S \t]?)")
_COMMENT = re.compile(r"\s+#.*$")
_UNICODE_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")


def explain(lines: Sequence[str], error: ParserError) -> Fault:
    """Return the mistake in a file of these `lines` that made a parser fail with `error`."""
    line, column = error.mark or (1, 1)
    line = min(line, len(lines))
    spot = _Spot(lines, error, line, column, lines[line - 1])
    for rule in _RULES:
        fault = rule(spot)
        if fault:
            return fault
    message = f"invalid YAML: {error.problem}" if error.problem else "invalid YAML"
    hint = "check the quotes, colons and indentation near this line"
    return Fault(line, column, message, hint)


def conflict_marker(lines: Sequence[str]) -> Fault | None:
    """Return the fault at the first conflict marker of git, or None."""
    for number, text in enumerate(lines, 1):
        if _CONFLICT.match(text):
            hint = "keep one of the versions, and delete the <<<<<<<, ======= and >>>>>>> lines"
            return Fault(number, 1, "unresolved merge conflict", hint)
    return None


def odd_separator(lines: Sequence[str], number: int) -> Fault | None:
    """Return the fault of a line with a non-ASCII colon, or non-ASCII space after its colon."""
    match = _SEPARATOR.match(lines[number - 1])
    if not match or (match["colon"] == ":" and not match["space"]):
        return None
    name = "colon" if match["colon"] != ":" else "space"
    message = f"this {name} is U+{ord(match[name]):04X}, not the ASCII {name} that YAML requires"
    return Fault(number, match.start(name) + 1, message, "retype the colon and the space")


def quoted(value: str) -> str:
    """Return `value` as a quoted YAML scalar, shortened to fit a hint."""
    value = value if len(value) <= 60 else value[:59] + "…"
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'


def _conflict(spot: _Spot) -> Fault | None:
    return conflict_marker(spot.lines)


def _tab(spot: _Spot) -> Fault | None:
    """A tab in the indentation, or where the parser failed."""
    indentation = spot.text[: len(spot.text) - len(spot.text.lstrip())]
    column = indentation.find("\t") + 1
    if not column and spot.text[spot.column - 1 : spot.column] == "\t":
        column = spot.column
    if not column:
        return None
    hint = "use spaces instead of tabs, two per level"
    return Fault(spot.line, column, "YAML does not allow a tab here", hint)


def _smart_quotes(spot: _Spot) -> Fault | None:
    """A value in smart quotes, which YAML reads as part of the value."""
    match = _PAIR.match(spot.text)
    if not match or match["value"][0] not in SMART_QUOTES:
        return None
    value = _without_comment(match["value"]).strip(SMART_QUOTES + " ")
    return Fault(
        spot.line,
        match.start("value") + 1,
        f"{match['value'][0]} is not a quotation mark in YAML",
        f"use straight quotes: {match['key']}: {quoted(value)}",
    )


def _first_character(spot: _Spot) -> Fault | None:
    """An unquoted value that starts with a character that YAML reserves."""
    error = spot.error
    if re.search("cannot start any token|mapping keys are not", error.problem):
        line, column = spot.line, spot.column
    elif error.start and re.search(r"\b(?:alias|anchor|tag)\b", f"{error.context} {error.problem}"):
        line, column = error.start
    else:
        return None
    value = _without_comment(spot.lines[line - 1][column - 1 :])
    if not value:
        return None
    hint = f"quote it: {quoted(value)}"
    if value[0] == "@":
        hint += "; for a link, write the full https:// address"
    return Fault(line, column, f"an unquoted value cannot start with {value[0]}", hint)


def _second_colon(spot: _Spot) -> Fault | None:
    """A `: ` inside an unquoted value, or a line that is indented too far."""
    if "mapping values are not allowed" not in spot.error.problem:
        return None
    if spot.text.startswith("---"):
        message = "the agent must start on the line after `---`"
        return Fault(spot.line, 1, message, "add a line break after `---`")
    if len(spot.text) > LONGEST_KEY and not spot.text[:LONGEST_KEY].count(": "):
        message = f"a key cannot be longer than {LONGEST_KEY} characters"
        return Fault(spot.line, 1, message, "")
    match = _PAIR.match(spot.text)
    if match and match.start("value") < spot.column:
        message = "a value that contains `: ` must be quoted"
        hint = f"write {match['key']}: {quoted(_without_comment(match['value']))}"
        return Fault(spot.line, spot.column, message, hint)
    return _missing_space(spot.lines, _line_above(spot)) or Fault(
        spot.line,
        len(spot.text) - len(spot.text.lstrip()) + 1,
        "indented too far: the key on the line above already has a value",
        "align this line with the line above",
    )


def _no_colon(spot: _Spot) -> Fault | None:
    """A line without a colon, or without the space after it."""
    if "could not find expected ':'" not in spot.error.problem or not spot.error.start:
        return None
    line, column = spot.error.start
    hint = "if this line continues the text above, indent it to match"
    return (
        odd_separator(spot.lines, line)
        or _missing_space(spot.lines, line)
        or Fault(line, column, "expected `key: value`", hint)
    )


def _escape(spot: _Spot) -> Fault | None:
    """A backslash in double quotes that starts no escape sequence; usually a Windows path."""
    if not re.search("escape|hexdecimal", spot.error.problem):
        return None
    line, column = spot.line, spot.text.rfind("\\", 0, spot.column) + 1
    if spot.error.mark is None:
        places = (
            (number, match.start() + 1)
            for number, text in enumerate(spot.lines, 1)
            if (match := _UNICODE_ESCAPE.search(text))
        )
        line, column = next(places, (1, 1))
    message = "invalid escape sequence in double quotes"
    hint = r"use single quotes, or write \\ for a backslash"
    return Fault(line, max(column, 1), message, hint)


def _open_quote(spot: _Spot) -> Fault | None:
    error = spot.error
    if error.start and "quoted scalar" in error.context and "unexpected" in error.problem:
        return _never_closed(*error.start)
    return None


def _never_closed(line: int, column: int) -> Fault:
    return Fault(line, column, "this quote is never closed", "close it at the end of the value")


def _colon_in_brackets(spot: _Spot) -> Fault | None:
    """A colon in an unquoted value between brackets, which libyaml rejects and YAML 1.2 allows."""
    if "unexpected ':'" not in spot.error.problem:
        return None
    before = re.search(r"[^\s,{\[]*$", spot.text[: spot.column - 1])
    after = re.match(r"[^\s,}\]]*", spot.text[spot.column - 1 :])
    start = before.start() if before else spot.column - 1
    value = spot.text[start : spot.column - 1 + (after.end() if after else 0)]
    pair = _NO_SPACE.match(value)
    if pair:
        hint = f"write {pair['key']}: {pair['value']}"
        return Fault(spot.line, start + 1 + pair.start("value"), _MISSING_SPACE, hint)
    message = "inside brackets, a value that contains a colon must be quoted"
    return Fault(spot.line, start + 1, message, f"write {quoted(value)}")


def _after_quote(spot: _Spot) -> Fault | None:
    """Text after a closing quote; usually an apostrophe inside single quotes."""
    before = spot.text[: spot.column - 1].rstrip()
    match = _PAIR.match(spot.text)
    if not match or before[-1:] not in ("'", '"') or match["value"][0] != before[-1]:
        return None
    value = _without_comment(match["value"])
    above = _left_open(spot, value)
    if above:
        return above
    whole = value[1:-1] if value[-1] == value[0] else value[1:].replace(value[0], "", 1)
    message = "unexpected text after the closing quote"
    return Fault(spot.line, spot.column, message, f"write {match['key']}: {quoted(whole)}")


def _left_open(spot: _Spot, value: str) -> Fault | None:
    """A quote left open above, if `value` has its own pair: that pair closes and reopens it."""
    quote = value[0]
    if value.count(quote) != 2 or value[-1] != quote:
        return None
    for number in range(spot.line - 1, 0, -1):
        match = _PAIR.match(spot.lines[number - 1])
        if match and match["value"][0] == quote:
            if match["value"].count(quote) % 2 == 0:
                return None
            return _never_closed(number, match.start("value") + 1)
    return None


def _list(spot: _Spot) -> Fault | None:
    if "sequence entries" not in spot.error.problem and not (
        "block mapping" in spot.error.context and spot.text.lstrip().startswith("- ")
    ):
        return None
    message = "unexpected list item (`- `)"
    return Fault(spot.line, spot.column, message, "quote the value, or delete the `-`")


def _indentation(spot: _Spot) -> Fault | None:
    if not re.search("expected key|block end", spot.error.problem):
        return None
    if spot.text[: spot.column - 1].strip():
        match = _PAIR.match(spot.text)
        hint = f"write {match['key']}: {quoted(match['value'].rstrip())}" if match else ""
        return Fault(spot.line, spot.column, "unexpected text after the value", hint)
    if spot.text.lstrip().startswith(":"):
        return Fault(spot.line, spot.column, "missing key before this colon", "")
    message = "this line is not aligned with the lines around it"
    hint = "start all keys of one level in the same column; indent nested lines by two spaces"
    return Fault(spot.line, spot.column, message, hint)


def _open_bracket(spot: _Spot) -> Fault | None:
    if "flow" not in spot.error.context or not spot.error.start:
        return None
    message = "this bracket is never closed, or a comma is missing after a value"
    return Fault(*spot.error.start, message, "close it, or quote the value")


def _when(part: str, phrase: str, message: str, hint: str) -> _Rule:
    """Return a rule for errors whose `problem` or `context` (the `part`) contains a phrase."""

    def rule(spot: _Spot) -> Fault | None:
        found = phrase in getattr(spot.error, part)
        return Fault(spot.line, spot.column, message, hint) if found else None

    return rule


_RULES: tuple[_Rule, ...] = (
    _conflict,
    _tab,
    _smart_quotes,
    _first_character,
    _second_colon,
    _no_colon,
    _escape,
    _open_quote,
    _when(
        "problem",
        "node content",
        "missing value before this character",
        "delete the character, or quote the value",
    ),
    _colon_in_brackets,
    _open_bracket,
    _after_quote,
    _list,
    _when(
        "context",
        "block scalar",
        "text must start on the line after | or >",
        "move the text to the next line and indent it",
    ),
    _when(
        "problem",
        "document start",
        "unexpected text after the end of the document",
        "separate agents with a line of `---`",
    ),
    _indentation,
)
"""The rules from certain to likely. The first that finds a fault decides."""


def _missing_space(lines: Sequence[str], number: int) -> Fault | None:
    """A line such as `name:Ivan`."""
    match = _NO_SPACE.match(lines[number - 1])
    if not match:
        return None
    hint = f"write {match['key']}: {match['value']}"
    return Fault(number, match.start("value") + 1, _MISSING_SPACE, hint)


def _line_above(spot: _Spot) -> int:
    """Return the number of the last line before the spot that has content."""
    number = spot.line - 1
    while number > 1 and spot.lines[number - 1].strip()[:1] in ("", "#"):
        number -= 1
    return max(number, 1)


def _without_comment(text: str) -> str:
    return _COMMENT.sub("", text).rstrip()
