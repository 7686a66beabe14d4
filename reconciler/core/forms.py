"""The forms in which a portal may store a text: explained by a rule, so not another value.

A portal may trim, fold, escape or cut a text. Such a form is as declared as the portal can show it,
so it is not sent again. Which of them a portal uses is documented nowhere.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from reconciler.core.fields import Field, Sort, digits, shown
from reconciler.core.model import Desired, Live, Value

SHORTEST_CUT = 20
"""Characters that are left of a text at least, to be recognized as cut at a limit."""
SHORTEST_PHONE = 6
"""Digits of a phone number without its country code, at least."""
ALIKE = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‘’‚‛‹›′`´", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
        "\\": "",  # before a quote that was escaped
        **dict(zip("АВЕЅІЈКМНОРСТУХаеѕіјорсух", "ABESIJKMHOPCTYXaesijopcyx", strict=True)),
    }
)
"""Characters that look alike, by the plain one."""


def is_form(field: Field, path: str, desired: Desired, live: Live) -> bool:
    """Whether what the portal shows for `path` is a form of a declared value."""
    have = shown(field, path, live)
    if isinstance(have, dict):  # one string is declared, each language is shown
        texts = [text for text in have.values() if text is not None]
        return bool(texts) and all(_is_form(field, desired.values[path], text) for text in texts)
    return any(_is_form(field, want, have) for want in _declared(field, path, desired, live))


def _declared(field: Field, path: str, desired: Desired, live: Live) -> Iterator[Value]:
    """The declared values that the portal may show for a path: any language, if it shows one
    string of unknown language."""
    yield desired.values[path]
    if field.sort is Sort.TEXTS and path != field.name and path not in live.values:
        names = (f"{field.name}.{part}" for part in field.parts)
        yield from (desired.values[name] for name in names if name in desired.values)


def _is_form(field: Field, want: Value, have: Value) -> bool:
    if not (isinstance(want, str) and isinstance(have, str) and want and have):
        return False
    match field.sort:
        case Sort.PHONE:
            return _is_same_phone(want, have)
        case Sort.LINK:
            return _address(want) == _address(have)
        case Sort.MAILBOX:  # a dot more or less is another mailbox
            return _plain(want) == _plain(have)
        case Sort.TEXT | Sort.TEXTS:
            return _is_same_text(want, have)
        case _:
            return False


def _is_same_phone(want: str, have: str) -> bool:
    """Whether two numbers differ only in their prefix: `+`, `00`, the country code or a `0`."""
    short, long = sorted((digits(each).lstrip("+0") for each in (want, have)), key=len)
    return len(short) >= SHORTEST_PHONE and long.endswith(short)


def _address(url: str) -> str:
    return unquote(_plain(url).partition("://")[2].removeprefix("www.")).rstrip("/")


def _is_same_text(want: str, have: str) -> bool:
    want, have = _plain(want), _plain(have)
    if want == have or (_letters(have) and _letters(want) == _letters(have)):
        return True
    cut = have.removesuffix("...").rstrip()
    return len(cut) >= SHORTEST_CUT and want.startswith(cut)


def _plain(text: str) -> str:
    """A text without what a portal may change: escapes, look-alikes, accents, case, whitespace."""
    text = html.unescape(html.unescape(text)).translate(ALIKE)
    text = unicodedata.normalize("NFKD", text)
    kept = (char for char in text if unicodedata.category(char) not in ("Mn", "Cf"))
    return " ".join("".join(kept).casefold().split())


def _letters(text: str) -> str:
    """The letters and digits of a text: a portal may drop or replace all others."""
    return "".join(filter(str.isalnum, text))
