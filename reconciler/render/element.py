"""HTML elements. Only `el` makes markup: it escapes every string that is not markup already."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from html import escape

from reconciler.render.visible import one_line, visible

VOID = frozenset(("meta", "img"))


class Html(str):
    """Markup; every other string is text."""

    __slots__ = ()


def el(tag: str, *inside: str, **attributes: str) -> Html:
    """An element. Strings inside are escaped unless they are markup, and so are the attributes;
    a name may end in `_`, and `_` within it is `-`."""
    text = "".join([_attribute(name, value) for name, value in attributes.items()])
    return Html(f"<{tag}{text}>" if tag in VOID else f"<{tag}{text}>{join(inside)}</{tag}>")


@lru_cache(maxsize=4096)  # most are the same for every agent
def _attribute(name: str, value: str) -> str:
    return f' {name.rstrip("_").replace("_", "-")}="{escape(one_line(value))}"'


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    return escape(visible(text))


def join(parts: Iterable[str]) -> Html:
    """Parts one after the other; strings are escaped."""
    return Html("".join([part if type(part) is Html else _text(part) for part in parts if part]))


def stack(parts: Iterable[Html]) -> Html:
    """Parts on a line each."""
    return Html("\n".join(parts))
