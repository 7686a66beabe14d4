"""Text from agents and portals in GitHub's markdown, where it must have no effect.

Plain words stay as they are. Whatever markdown or GitHub could act on (a mention, a reference, a
link, a picture, HTML, an emoji's name) becomes a code span, the one thing that stops them all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape

from reconciler.render.phrases import code_parts
from reconciler.render.visible import one_line

NAME = 80
"""Characters of a name, a key or a file's name that are shown."""
MESSAGE = 600
"""Characters of a message."""

OPENING, CLOSING = "“„«‘(\"'", "”“»’)\"',.;:!?…،؛؟。、՝։"
"""Punctuation around a word that means nothing to markdown there."""
SIGNS = frozenset("→·—–↵№␣")
NUMBER = re.compile(r"\+?[0-9]{1,6}([.,][0-9]{1,6})*%?|[0-9]\ufe0f?\u20e3")
"""Too short for a commit's name; or a digit's emoji."""
COMMIT = re.compile("[0-9a-fA-F]{7,}")
SPACE = re.compile("([ \u00a0\u202f])")
TICKS = 16
"""Backticks in a row that are shown: a parser gives up on a code span with too many around it."""


def message(text: str, most: int = MESSAGE) -> str:
    """A sentence of ours on one line, in which text between backticks is code."""
    line = one_line(text[: most + 1])
    line = _clip(line, most, whole=len(text) <= most)
    return "".join(_code(part) if is_code else _prose(part) for part, is_code in code_parts(line))


def prose(text: str, most: int = MESSAGE, *, html: bool = False) -> str:
    """A text on one line: its plain words as they are, the rest in code spans.

    At most `most` of its characters are shown. `html` is for text between HTML tags, where there is
    no markdown.
    """
    line = re.sub("  +", lambda spaces: f" {'␣' * (len(spaces[0]) - 1)} ", text[: most + 1])
    line = _clip(re.sub(" +", " ", one_line(line)), most, whole=len(text) <= most)
    return _prose(line, html=html)


def _prose(line: str, *, html: bool = False) -> str:
    words, spaces = SPACE.split(line)[::2], [*SPACE.split(line)[1::2], ""]
    runs: list[str] = []
    open_ended = False
    for word, space in zip(words, spaces, strict=True):
        plain = _plain(word)
        if open_ended and not plain and word[0] not in OPENING:
            runs[-2:] = [runs[-2] + runs[-1] + word, space]
        else:
            runs += [word, space]
        open_ended = not plain and word[-1] not in CLOSING
    return "".join(
        run if place % 2 or _plain(run) else _word(run, html=html) for place, run in enumerate(runs)
    )


def _word(word: str, *, html: bool) -> str:
    """A word that is not plain, as code; the punctuation around it stays outside."""
    rest = word.lstrip(OPENING)
    bare = rest.rstrip(CLOSING)
    before, after = word[: len(word) - len(rest)], rest[len(bare) :]
    return f"{before}{_code(bare, html=html)}{after}"


def code(text: str, most: int = NAME, *, html: bool = False) -> str:
    """A text on one line as a code span, at most `most` of its characters."""
    return _code(_clip(one_line(text[: most + 1]), most, whole=len(text) <= most), html=html)


def _code(line: str, *, html: bool = False) -> str:
    line = line or "“”"
    if html:
        return f"<code>{escape(line)}</code>"
    line = re.sub(f"(`{{{TICKS}}})`+", r"\1…", line)
    longest = max(map(len, re.findall("`+", line)), default=0)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{'`' * (longest + 1)}{space}{line}{space}{'`' * (longest + 1)}"


def _plain(word: str) -> bool:
    """Whether a word is only a word, whatever is next to it."""
    if word in SIGNS or set(word) == {"␣"}:
        return True
    core = word.lstrip(OPENING).rstrip(CLOSING)
    parts = re.split("[-'’]", core)
    if any(map(COMMIT.fullmatch, parts)):
        return False
    letters = all(part and all(map(_is_letter, part)) for part in parts)
    before, hyphen, _ = core.partition("-")
    reference = hyphen and before.isupper()  # GH-1, and whatever else a repository has set up
    return not core or bool(NUMBER.fullmatch(core)) or (letters and not reference)


def _is_letter(char: str) -> bool:
    """A letter, a mark on one, or a part of an emoji."""
    return (
        char.isalpha()
        or unicodedata.category(char) in ("Mn", "Mc", "So")
        or char in "·€£₽\u200d"  # a space made visible; money; what joins emoji
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # tones of skin
    )


def _clip(line: str, most: int, *, whole: bool) -> str:
    return line if whole and len(line) <= most else f"{line[: most - 1]}…"


def first(line: str) -> str:
    """Prose at the start of a line, where a number would begin a list."""
    return re.sub(r"^([0-9]+)(?=[.)])", r"`\1`", line)


def fence(lines: Sequence[str]) -> str:
    """Lines as a block of code, which none of them ends."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    bar = "`" * max(3, longest + 1)
    return "\n".join([bar, *lines, bar])


def size(text: str) -> int:
    """UTF-8 bytes."""
    return len(text.encode())
