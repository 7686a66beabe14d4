"""Text from agents and portals, made safe to print: no character controls the terminal."""

from __future__ import annotations

import re

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Controls except tab and line feed, marks and overrides of direction, lone surrogates."""


def visible(text: str) -> str:
    r"""The text with each control character escaped: ESC becomes `\u001b`."""
    if text.isprintable():  # most texts are, and none of these characters is
        return text
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, *, strip: bool = True) -> str:
    """The text on a single line: line ends as `↵`, tabs as spaces."""
    line = visible(text).replace("\n", " ↵ ").replace("\t", " ")
    return line.strip() if strip else line
