"""A YAML file as text: decode it, refuse what no file may contain, and show where a problem is."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import islice

from reconciler.documents.yaml_errors import conflict_marker
from reconciler.errors import Problem

MAX_BYTES = 1_000_000
"""The largest file to read, in bytes. A typical agent takes less than a thousand."""

MAX_PROBLEMS = 100
"""Stop reading a file after this many problems."""

_HEAD = 4096
"""The number of bytes at the start of a file that show whether it is text."""

_EXCERPT = 300
"""The number of characters of a line to show with a problem."""

# Characters that are invisible or change the order of the text around them: C0 (except tab and line
# ends), DEL, C1, the line and paragraph separators, bidirectional embeddings, overrides and
# isolates, lone surrogates, a byte order mark inside the text, and two noncharacters that YAML
# forbids.
FORBIDDEN = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_TAG = re.compile(r" (#\w\S*)")
_LINE_END = re.compile(r"\r\n|\r|\n")


def printable(text: str) -> str:
    r"""Return `text` on one line, with every invisible character escaped (`\u200b`).

    For names and keys in messages, where each character counts. `render.visible` is for prose: it
    keeps line breaks and the joiners of emoji, and escapes only what is unsafe to show.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFile:
    """The name and text of a file, and the problems at places in it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their line ends. Computed only for a file with problems."""
        return _LINE_END.split(self.text)

    @cached_property
    def conflict(self) -> Problem | None:
        """The problem at the first conflict marker of git, if there is one."""
        fault = conflict_marker(self.lines)
        return self.problem(*fault) if fault else None

    @cached_property
    def tags(self) -> dict[int, tuple[int, str]]:
        """The comments that begin without a space after the `#`, as in `name: Ivan #1`: the column
        (from 1) and the first word of each by line. It may belong to the value before it."""
        if not _TAG.search(self.text):
            return {}
        found = ((number, _TAG.search(line)) for number, line in enumerate(self.lines, 1))
        return {number: (match.start() + 2, match[1]) for number, match in found if match}

    def problem(self, line: int, column: int, message: str, hint: str = "") -> Problem:
        """Build the problem at a line and column (from 1), with an excerpt of that line."""
        line = min(line, len(self.lines))
        text = self.lines[line - 1]
        # Replace each forbidden character with one other, so that the caret stays in place.
        excerpt = FORBIDDEN.sub("\ufffd", text[:_EXCERPT])
        column = min(column, len(text) + 1)
        excerpt = excerpt if column <= _EXCERPT else ""
        return Problem(self.name, line, column, message, excerpt, hint)


def decode(name: str, data: bytes) -> tuple[TextFile | None, list[Problem]]:
    """Decode a file, and refuse what must not be in it anywhere, not even in comments.

    Returns the file, or None with the problems that make it unfit to parse.
    """
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        hint = "put one agent in each file, and link to images instead of embedding them"
        return None, [Problem(name, 1, 1, message, hint=hint)]
    wrong = _not_text(name, data)
    if wrong:
        return None, [wrong]
    try:
        text = data.decode().removeprefix("\ufeff")  # the byte order mark of Windows editors
    except UnicodeDecodeError as error:
        return None, [_undecodable(name, data, error.start)]
    file = TextFile(name, text)
    problems = _unfit(file)
    return (None, problems) if problems else (file, [])


def _not_text(name: str, data: bytes) -> Problem | None:
    """Return the problem of a file that is UTF-16 or binary, judging by its zero bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(name)
    zeros = data[:_HEAD].count(0)
    if zeros == 0:
        return None
    if zeros == 1:  # a stray character, unless it is half of a single UTF-16 one
        return _utf16(name) if data[:2].count(0) == 1 else None
    for encoding in ("utf-16-le", "utf-16-be"):
        text = data[:_HEAD].decode(encoding, errors="ignore")
        if re.search(r":[ \n\r]|^#", text) and "\0" not in text:
            return _utf16(name)
    return _binary(name)


def _binary(name: str) -> Problem:
    hint = "replace it with a YAML file, or delete it"
    return Problem(name, 1, 1, "the file is binary, not text", hint=hint)


def _utf16(name: str) -> Problem:
    message = "the file is encoded as UTF-16"
    return Problem(name, 1, 1, message, hint="save it as UTF-8 in your editor")


def _undecodable(name: str, data: bytes, start: int) -> Problem:
    """Return the problem of a file that is not UTF-8 at byte `start`."""
    if b"\0" in data[:_HEAD]:
        return _binary(name)
    before = data[:start].decode().removeprefix("\ufeff")
    file = TextFile(name, data.decode(errors="replace").removeprefix("\ufeff"))
    message = "this character is not valid UTF-8"
    hint = "save the file as UTF-8 in your editor, then retype the character"
    return file.problem(*_end(before), message, hint)


def _unfit(file: TextFile) -> list[Problem]:
    """Return what no file may contain, wherever it is."""
    # Printable text contains nothing forbidden, and checking that takes a fifth of the search time.
    if not file.text.replace("\n", "").isprintable():
        found = (
            file.problem(number, match.start() + 1, *_refusal(match[0]))
            for number, line in enumerate(file.lines, 1)
            for match in FORBIDDEN.finditer(line)
        )
        problems = list(islice(found, MAX_PROBLEMS))
        if problems:
            return problems
    if "\ufffd" in file.text:
        message = "a character was lost when the file was saved in another encoding"
        place = _end(file.text[: file.text.index("\ufffd")])
        return [file.problem(*place, message, "retype the character")]
    # A parser accepts conflict markers inside quotes.
    if "\n<<<<<<< " in file.text and file.conflict:
        return [file.conflict]
    if "%" in file.text:
        for number, line in enumerate(file.lines, 1):
            if line.startswith("%"):
                message = "directives (lines that start with %) are not supported"
                return [file.problem(number, 1, message, "delete this line")]
    return []


def _refusal(character: str) -> tuple[str, str]:
    code = f"U+{ord(character):04X}"
    if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        message = f"the invisible character {code} changes the direction of the text around it"
        return message, "delete it; right-to-left text does not need it"
    return f"the invisible character {code} is not allowed", "delete it, or retype the line"


def _end(text: str) -> tuple[int, int]:
    """Return the line and column (from 1) just after `text`."""
    lines = _LINE_END.split(text)
    return len(lines), len(lines[-1]) + 1
