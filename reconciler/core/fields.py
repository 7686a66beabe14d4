"""What a value of an agent is: how two of them compare, and whether the portal says it back.

A portal's module lists its attributes as a table of `Field`s and the identifiers that find its
agents as a table of `Identifier`s. Everything that is particular to a sort of value is here, once
for all portals; nothing in `core` names a portal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from reconciler.core.model import Desired, Live, Scalar, Value


class Verdict(Enum):
    """What comparing a declared value with a live one can say."""

    SAME = "same"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"


class Sort(Enum):
    """The sorts of values there are."""

    TEXT = "text"
    """One line, or a number: compared exactly."""
    TEXTS = "texts"
    """A text in several languages, or one string for all of them (paths `field.language`)."""
    LINK = "link"
    """A web address, compared in a canonical form."""
    MAILBOX = "mailbox"
    """An e-mail address; letter case says nothing."""
    PHONE = "phone"
    """A phone; what stands between its digits says nothing."""
    CODES = "codes"
    """A list of codes whose order says nothing."""
    SWITCHES = "switches"
    """A group of on/off values that is sent whole (paths `field.switch`)."""
    PICTURE = "picture"
    """A picture by `url` (which the portal does not say back) or by `id`."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of an agent on a portal.

    `parts` are the languages or switches it can have; `default` is what the portal gives each
    part of a new agent. One string for a text in parts is meant for `whole`, or for all of them.
    `public`: visitors of the portal see it. `advice` is what to do where the portal does not take
    the value.
    """

    name: str
    sort: Sort
    parts: tuple[str, ...] = ()
    default: Value = None
    whole: str | None = None
    public: bool = True
    advice: str = ""

    @property
    def late(self) -> bool:
        """Whether the portal may show the value only some time after it took it."""
        return self.sort is Sort.PICTURE


Rule = Literal["pin", "key", "shared", "hint"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """One way to find the live agent.

    `pin` is the portal's own id: where it is declared it decides alone. `key` belongs to one agent
    (an external id, a login). `shared` may belong to several people (an office phone) and finds an
    agent only if it fits exactly one, and that one has no key. A `hint` finds nobody: whoever has
    the same and is declared by no file may be the one who is to be created. `moves` says how a key
    goes from one agent to another: by link and unlink, or by an update of the value. `written` is
    how a file spells it, where that is not its name alone.
    """

    name: str
    rule: Rule
    canonical: Callable[[Scalar], str] = str
    moves: Literal["link", "update"] | None = None
    written: str = ""

    @property
    def said(self) -> str:
        """The identifier as a file spells it."""
        return self.written or self.name


def parent(path: str) -> str:
    """The field of a path: `description.ru` → `description`."""
    return path.partition(".")[0]


def paths(field: Field, value: Value) -> dict[str, Value]:
    """A declared value by path: a text given by language and a group of switches have one for each
    part, everything else is one itself."""
    if isinstance(value, Mapping) and field.sort in (Sort.TEXTS, Sort.SWITCHES):
        return {f"{field.name}.{part}": inner for part, inner in value.items()}
    if field.whole is not None:
        return {f"{field.name}.{field.whole}": value}
    return {field.name: value}


@lru_cache(maxsize=65536)
def phone(value: Scalar, region: str | None = None) -> str:
    """A phone as `+` and digits (E.164), whatever its spacing; what is no phone stays as it is.

    `region` (two letters) reads numbers without a country code. Rules: the phonenumbers library.
    """
    import phonenumbers  # noqa: PLC0415 - 40 ms that a plan matched by ids does not need

    try:
        number = phonenumbers.parse(str(value), region)
    except phonenumbers.NumberParseException:
        return str(value).strip()
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


TRACKING = (
    "igsh",
    "igshid",
    "fbclid",
    "gclid",
    "ttclid",
    "si",
    "feature",
    "is_from_webapp",
)


def link(value: Value) -> Value:
    """A web address without what does not change where it leads: the scheme's and host's letter
    case, `www.`, a trailing slash, tracking parameters. Empty and None are the same nothing."""
    if not isinstance(value, str) or not value:
        return None if value in (None, "") else value
    try:
        parts = urlsplit(value.strip())
    except ValueError:  # what is no address is only itself
        return value
    host = parts.netloc.lower().removeprefix("www.")
    query = urlencode(
        [
            (name, text)
            for name, text in parse_qsl(parts.query, keep_blank_values=True)
            if not (name in TRACKING or name.startswith("utm_"))
        ]
    )
    return urlunsplit(("https", host, parts.path.rstrip("/"), query, parts.fragment))


def mailbox(value: Scalar) -> str:
    """An e-mail address without what two writings of one may differ in: letter case."""
    return str(value).strip().casefold()


def digits(value: Scalar) -> str:
    """A phone without what stands between its digits."""
    return "".join(char for char in str(value) if char == "+" or char.isdigit())


def text(value: Value) -> Value:
    """A long text without what no reader sees: the sort of line ends and the last of them.
    None is the empty text."""
    if value is None:
        return ""
    return value.replace("\r\n", "\n").rstrip("\n") if isinstance(value, str) else value


def canonical(field: Field, value: Value) -> Value:
    """The form in which two values of the field are equal if they mean the same."""
    match field.sort:
        case Sort.LINK:
            return link(value)
        case Sort.TEXTS:
            return text(value)
        case Sort.MAILBOX | Sort.PHONE if isinstance(value, str):
            return (mailbox if field.sort is Sort.MAILBOX else digits)(value) or None
        case Sort.CODES:
            return sorted(value, key=str) if isinstance(value, list) else []
        case Sort.PICTURE:
            return {"id": value["id"]} if isinstance(value, Mapping) and "id" in value else value
        case _:
            return value


def digest(field: Field, value: Value) -> str:
    """A short fingerprint of a value in its canonical form (16 hexadecimal digits)."""
    form = json.dumps(canonical(field, value), ensure_ascii=False, sort_keys=True)
    return blake2b(form.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def shown(field: Field, path: str, live: Live) -> Value:
    """What the portal shows for a path: its own value, or the one string that stands for all
    languages of a text."""
    if path in live.values:
        return live.values[path]
    if field.sort is Sort.TEXTS:
        if path != field.name:
            return live.values.get(field.name)
        texts = {part: live.values.get(f"{path}.{part}") for part in field.parts}
        return texts if any(value is not None for value in texts.values()) else None
    return None


def compare(field: Field, path: str, desired: Desired, live: Live) -> Verdict:
    """Whether the portal shows for `path` what the file declares, as far as it can be seen.

    A text is unreadable where the portal shows one string that may be another language, a picture
    where it is declared by an address, anything else where the portal does not show it at all.
    """
    want, have = desired.values[path], shown(field, path, live)
    if field.sort is Sort.PICTURE:
        return _compare_picture(want, have)
    if field.sort is Sort.TEXTS:
        return _compare_text(field, path, desired, live)
    if canonical(field, want) == canonical(field, have):
        return Verdict.SAME
    return Verdict.DIFFERENT if path in live.values else Verdict.UNREADABLE


def _compare_picture(want: Value, have: Value) -> Verdict:
    if want is None or have is None or "url" not in want:
        same = (want or {}).get("id") == (have or {}).get("id") and (want is None) == (have is None)
        return Verdict.SAME if same else Verdict.DIFFERENT
    return Verdict.UNREADABLE


def _compare_text(field: Field, path: str, desired: Desired, live: Live) -> Verdict:
    want, have = text(desired.values[path]), shown(field, path, live)
    if isinstance(have, Mapping):  # one string is declared, each language is shown
        same = all(text(value) == want for value in have.values())
        return Verdict.SAME if same else Verdict.DIFFERENT
    if path == field.name or path in live.values:
        return Verdict.SAME if want == text(have) else Verdict.DIFFERENT
    return _compare_hidden(field, desired, want, have, live)


def _compare_hidden(
    field: Field, desired: Desired, want: Value, have: Value, live: Live
) -> Verdict:
    """A language is declared that the portal does not show, or shows in one string with others."""
    if field.name not in live.values:
        return Verdict.UNREADABLE
    # A language is declared and one string is shown, which is some language's or everyone's.
    declared = [text(desired.values.get(f"{field.name}.{part}")) for part in field.parts]
    whole = all(f"{field.name}.{part}" in desired.values for part in field.parts)
    if whole and all(value == text(have) for value in declared):
        return Verdict.SAME
    if text(have) == "" and want != "":
        return Verdict.DIFFERENT
    if whole and text(have) not in declared:
        return Verdict.DIFFERENT
    return Verdict.UNREADABLE
