"""A YAML parser's complaint in plain words: where the mistake is, what it is, what to write.

Parsers point at the place where they could not go on and name it in their own terms ("mapping
values are not allowed in this context"). The rules here look at the lines of the file for the
mistakes that people make, and take the parser's words only for a first direction; the phrases of
ruamel.yaml's C parser (libyaml) and of its Python parser are both covered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SMART_QUOTES = "“”„«»‘’‚‹›"
"""Quotation marks that word processors write and YAML takes for letters."""


LONGEST_KEY = 1024
"""Characters that YAML allows before the colon."""


class Fault(NamedTuple):
    """A mistake: line and column from 1, what is wrong, and what to do ("" if that is plain)."""

    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a parser said: `problem` at `mark`, and what it was doing (`context`) since `began`.

    Places are line and column from 1; `mark` is None where the parser gave none.
    """

    problem: str
    mark: tuple[int, int] | None = None
    began: tuple[int, int] | None = None
    context: str = ""


class _Spot(NamedTuple):
    """What a rule looks at. `text` is the line in question; `column` counts from 1."""

    lines: Sequence[str]
    complaint: Complaint
    line: int
    column: int
    text: str


_CONFLICT = re.compile(r"(?:<{7}|\|{7}|={7}|>{7})(?: .*)?$")
_NO_BLANK = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+):(?P<value>[^\s/].*)$")
_KEY = re.compile(r"\s*(?:- )?(?P<key>[^\s:#][^:#]*):\s+(?P<value>.+)$")
_WIDE = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+)(?P<colon>:|\uff1a)(?P<blank>[^\S \t]?)")
_COMMENT = re.compile(r"\s+#.*$")
_UNICODE_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")


def explain(lines: Sequence[str], complaint: Complaint) -> Fault:
    """What is wrong with the file of these `lines`, of which a parser said `complaint`."""
    line, column = complaint.mark or (1, 1)
    line = min(line, len(lines))
    spot = _Spot(lines, complaint, line, column, lines[line - 1])
    for rule in _RULES:
        fault = rule(spot)
        if fault:
            return fault
    said = f": {complaint.problem}" if complaint.problem else ""
    hint = "check the quotes, the colons and the indentation around this line"
    return Fault(line, column, f"this cannot be read as YAML{said}", hint)


def conflict_marker(lines: Sequence[str]) -> Fault | None:
    """The first line that git left in the file for a conflict, if there is one."""
    for number, text in enumerate(lines, 1):
        if _CONFLICT.match(text):
            return Fault(
                number,
                1,
                "this line is left over from a merge conflict",
                "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>",
            )
    return None


def _conflict(spot: _Spot) -> Fault | None:
    return conflict_marker(spot.lines)


def _tab(spot: _Spot) -> Fault | None:
    """Tabs where YAML takes only blanks: in the indentation, or where the parser stumbled."""
    indentation = spot.text[: len(spot.text) - len(spot.text.lstrip())]
    column = indentation.find("\t") + 1
    if not column and spot.text[spot.column - 1 : spot.column] == "\t":
        column = spot.column
    if not column:
        return None
    hint = "write blanks in place of the tab, two for each level"
    return Fault(spot.line, column, "there is a tab here, and YAML takes only blanks", hint)


def _smart_quotes(spot: _Spot) -> Fault | None:
    """A value in quotation marks that are none for YAML."""
    match = _KEY.match(spot.text)
    if not match or match["value"][0] not in SMART_QUOTES:
        return None
    value = _COMMENT.sub("", match["value"]).strip(SMART_QUOTES + " ")
    return Fault(
        spot.line,
        match.start("value") + 1,
        f"{match['value'][0]} is not a quotation mark in YAML",
        f"use straight quotes: {match['key']}: {quoted(value)}",
    )


def _first_character(spot: _Spot) -> Fault | None:
    """A value without quotes that begins with a sign that YAML keeps for itself."""
    if re.search("cannot start any token|mapping keys are not", spot.complaint.problem):
        line, column = spot.line, spot.column
    elif spot.complaint.began and re.search(
        r"\b(?:alias|anchor|tag)\b", f"{spot.complaint.context} {spot.complaint.problem}"
    ):
        line, column = spot.complaint.began
    else:
        return None
    value = _COMMENT.sub("", spot.lines[line - 1][column - 1 :]).rstrip()
    if not value:
        return None
    hint = f"put it in quotes: {quoted(value)}"
    if value[0] == "@":
        hint += "; a link is written out, from https:// on"
    return Fault(line, column, f"a value cannot begin with {value[0]}", hint)


def _second_colon(spot: _Spot) -> Fault | None:
    """A colon and a blank inside a value, or a line that is indented too deep."""
    if "mapping values are not allowed" not in spot.complaint.problem:
        return None
    if spot.text.startswith("---"):
        message = "after --- the agent begins in the next line"
        return Fault(spot.line, 1, message, "put a line end behind ---")
    if len(spot.text) > LONGEST_KEY and not spot.text[:LONGEST_KEY].count(": "):
        message = f"a key has no more than {LONGEST_KEY} characters"
        return Fault(spot.line, 1, message, "")
    match = _KEY.match(spot.text)
    if match and match.start("value") < spot.column:
        value = _COMMENT.sub("", match["value"]).rstrip()
        message = "a value with a colon in it has to be in quotes"
        hint = f"write {match['key']}: {quoted(value)}"
        return Fault(spot.line, spot.column, message, hint)
    return _missing_blank(spot.lines, _line_above(spot)) or Fault(
        spot.line,
        _first_column(spot.text),
        "this line is indented too deep: the line above has its value already",
        "let it begin below the first letter of the line above",
    )


def _no_colon(spot: _Spot) -> Fault | None:
    """A line without `key: `, or without the blank after the colon."""
    if "could not find expected ':'" not in spot.complaint.problem or not spot.complaint.began:
        return None
    line, column = spot.complaint.began
    return (
        wide_blank(spot.lines, line)
        or _missing_blank(spot.lines, line)
        or Fault(
            line,
            column,
            "this line is no `key: value`",
            "if it continues the text above, indent it like that text",
        )
    )


def _open_quote(spot: _Spot) -> Fault | None:
    if "quoted scalar" not in spot.complaint.context or not spot.complaint.began:
        return None
    if "unexpected" not in spot.complaint.problem:
        return None
    return _never_closed(*spot.complaint.began)


def _never_closed(line: int, column: int) -> Fault:
    hint = "close it at the end of the value"
    return Fault(line, column, "the quote that opens here is never closed", hint)


def _escape(spot: _Spot) -> Fault | None:
    """A backslash between double quotes that begins no escape: mostly a Windows path."""
    if not re.search("escape|hexdecimal", spot.complaint.problem):
        return None
    line, column = spot.line, spot.text.rfind("\\", 0, spot.column) + 1
    if spot.complaint.mark is None:
        places = (
            (number, match.start() + 1)
            for number, text in enumerate(spot.lines, 1)
            if (match := _UNICODE_ESCAPE.search(text))
        )
        line, column = next(places, (1, 1))
    return Fault(
        line,
        max(column, 1),
        "a backslash between double quotes begins an escape, and this is none",
        r"use single quotes, or write the backslash twice: \\",
    )


def _brackets(spot: _Spot) -> Fault | None:
    if "node content" in spot.complaint.problem:
        message = "a value is missing before this sign"
        return Fault(spot.line, spot.column, message, "delete the sign, or quote the value")
    if "unexpected ':'" in spot.complaint.problem:  # libyaml, where YAML 1.2 would allow it
        return _colon_in_brackets(spot)
    if "flow" not in spot.complaint.context or not spot.complaint.began:
        return None
    message = "the bracket that opens here is not closed, or a comma is missing after a value"
    return Fault(*spot.complaint.began, message, "close it, or put the value in quotes")


def _colon_in_brackets(spot: _Spot) -> Fault:
    before = re.search(r"[^\s,{\[]*$", spot.text[: spot.column - 1])
    after = re.match(r"[^\s,}\]]*", spot.text[spot.column - 1 :])
    start = before.start() if before else spot.column - 1
    value = spot.text[start : spot.column - 1 + (after.end() if after else 0)]
    pair = _NO_BLANK.match(value)
    if pair:
        message = "there is no blank after the colon"
        hint = f"write {pair['key']}: {pair['value']}"
        return Fault(spot.line, start + 1 + pair.start("value"), message, hint)
    message = "a value with a colon in it has to be in quotes between brackets"
    return Fault(spot.line, start + 1, message, f"write {quoted(value)}")


def _after_quote(spot: _Spot) -> Fault | None:
    """Text behind a closing quote: an apostrophe inside single quotes, mostly."""
    before = spot.text[: spot.column - 1].rstrip()
    match = _KEY.match(spot.text)
    if not match or before[-1:] not in ("'", '"') or match["value"][0] != before[-1]:
        return None
    value = _COMMENT.sub("", match["value"]).rstrip()
    above = _left_open(spot, value)
    if above:
        return above
    whole = value[1:-1] if value[-1] == value[0] else value[1:].replace(value[0], "", 1)
    message = "the quotes end here, and the value goes on"
    return Fault(spot.line, spot.column, message, f"write {match['key']}: {quoted(whole)}")


def _left_open(spot: _Spot, value: str) -> Fault | None:
    """A quote that was opened further up, if the value here has its own two: they only close and
    open what was meant to end there."""
    quote = value[0]
    if value.count(quote) != 2 or value[-1] != quote:
        return None
    for number in range(spot.line - 1, 0, -1):
        match = _KEY.match(spot.lines[number - 1])
        if match and match["value"][0] == quote:
            if match["value"].count(quote) % 2 == 0:
                return None
            return _never_closed(number, match.start("value") + 1)
    return None


def _list(spot: _Spot) -> Fault | None:
    if "sequence entries" not in spot.complaint.problem and not (
        "block mapping" in spot.complaint.context and spot.text.lstrip().startswith("- ")
    ):
        return None
    message = "a list entry (-) cannot stand here"
    return Fault(spot.line, spot.column, message, "put the value in quotes, or delete the -")


def _block_header(spot: _Spot) -> Fault | None:
    if "block scalar" not in spot.complaint.context:
        return None
    message = "after | or > the text begins in the next line"
    return Fault(spot.line, spot.column, message, "move the text down, and indent it")


def _second_document(spot: _Spot) -> Fault | None:
    if "document start" not in spot.complaint.problem:
        return None
    message = "the text above is complete, and this does not belong to it"
    return Fault(spot.line, spot.column, message, "begin another agent with a line of ---")


def _indentation(spot: _Spot) -> Fault | None:
    if not re.search("expected key|block end", spot.complaint.problem):
        return None
    if spot.text[: spot.column - 1].strip():
        match = _KEY.match(spot.text)
        hint = f"write {match['key']}: {quoted(match['value'].rstrip())}" if match else ""
        return Fault(spot.line, spot.column, "the value ends here, and the line goes on", hint)
    if spot.text.lstrip().startswith(":"):
        return Fault(spot.line, spot.column, "a key is missing before this colon", "")
    message = "this line does not begin in the same column as the lines it belongs to"
    hint = "lines of one level begin in one column; below a key they are two blanks deeper"
    return Fault(spot.line, spot.column, message, hint)


_RULES: tuple[Callable[[_Spot], Fault | None], ...] = (
    _conflict,
    _tab,
    _smart_quotes,
    _first_character,
    _second_colon,
    _no_colon,
    _escape,
    _open_quote,
    _brackets,
    _after_quote,
    _list,
    _block_header,
    _second_document,
    _indentation,
)
"""From what is certain to what is likely; the first that says something decides."""


def wide_blank(lines: Sequence[str], number: int) -> Fault | None:
    """A colon or a blank of another keyboard, or of a web page, where YAML's own has to be."""
    match = _WIDE.match(lines[number - 1])
    if not match or (match["colon"] == ":" and not match["blank"]):
        return None
    name, sign, place = "colon", match["colon"], match.start("colon") + 1
    if sign == ":":
        name, sign, place = "blank after the colon", match["blank"], match.start("blank") + 1
    message = f"the {name} is U+{ord(sign):04X}, which YAML takes for a letter"
    return Fault(number, place, message, "type the colon and the blank again")


def _missing_blank(lines: Sequence[str], number: int) -> Fault | None:
    match = _NO_BLANK.match(lines[number - 1])
    if not match:
        return None
    hint = f"write {match['key']}: {match['value']}"
    column = match.start("value") + 1
    return Fault(number, column, "there is no blank after the colon", hint)


def _line_above(spot: _Spot) -> int:
    """The number of the last line before the spot that is no comment and not empty."""
    number = spot.line - 1
    while number > 1 and spot.lines[number - 1].strip()[:1] in ("", "#"):
        number -= 1
    return max(number, 1)


def _first_column(text: str) -> int:
    return len(text) - len(text.lstrip()) + 1


def quoted(value: str) -> str:
    """`value` as it may be written in YAML in quotes, shortened to what a hint can hold."""
    value = value if len(value) <= 60 else value[:59] + "…"
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'
