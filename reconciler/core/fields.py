"""Attributes and identifiers of an agent: how two values compare, and what a portal can show.

A portal's table lists its attributes as `Field`s and the identifiers of its agents as
`Identifier`s. Everything specific to a sort of value is here, once for all portals; nothing in
`core` names a portal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from reconciler.core.model import Desired, Live, Scalar, Value


class Verdict(Enum):
    """The result of comparing a declared value with a live one."""

    SAME = "same"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"


class Sort(Enum):
    """The sorts of values."""

    TEXT = "text"
    """One line, or a number: compared exactly."""
    TEXTS = "texts"
    """A text in several languages, or one string for all of them (paths `field.language`)."""
    LINK = "link"
    """A web address, compared in canonical form."""
    MAILBOX = "mailbox"
    """An e-mail address, compared without regard to case."""
    PHONE = "phone"
    """A phone number, compared without regard to its notation."""
    CODES = "codes"
    """A list of codes or of mappings, compared without regard to order. A mapping has to be shown
    with the keys that are declared."""
    SWITCHES = "switches"
    """A group of on/off values, always sent together (paths `field.switch`)."""
    PICTURE = "picture"
    """A picture, by `url` (which the portal does not return) or by `id`."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of an agent on a portal.

    `parts` are its languages or switches; `default` is the portal's value of each part for a new
    agent. A single string for a text with parts means the part `whole`, or all parts. `public`
    says whether visitors of the portal see the value. `hidden`: the portal may accept the value and
    never show it. `clearable` says whether the portal can clear it. `advice` says what to do if the
    portal does not accept the value.
    """

    name: str
    sort: Sort
    parts: tuple[str, ...] = ()
    default: Value = None
    whole: str | None = None
    public: bool = True
    hidden: bool = False
    clearable: bool = True
    advice: str = ""


Rule = Literal["pin", "key", "shared", "hint"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """One way to identify the live agent.

    A `pin` is the portal's own id: if declared, it alone decides. A `key` belongs to one agent (an
    external id, a login). A `shared` value may belong to several people (an office phone), so it
    matches only if exactly one agent has it, and that agent has no key. A `hint` matches no one,
    but an unmatched agent with the same value may be the one about to be created. `moves` says how
    a key is transferred between agents: by link and unlink, or by an update of the value. `written`
    is its spelling in a file, if that differs from its name.
    """

    name: str
    rule: Rule
    canonical: Callable[[Scalar], str] = str
    moves: Literal["link", "update"] | None = None
    written: str = ""

    @property
    def spelling(self) -> str:
        """The identifier's name in a file."""
        return self.written or self.name

    def agrees(self, want: Scalar, have: Scalar) -> bool:
        """Whether a declared and a live value mean the same. For a phone, the `+` does not
        matter."""
        if want == have:
            return True
        bare = digits(want).removeprefix("+")
        if bare and bare == digits(have).removeprefix("+"):
            return True
        return self.canonical(want) == self.canonical(have)


def parent(path: str) -> str:
    """The field of a path: `description.ru` → `description`."""
    return path.partition(".")[0]


def arrives_late(field: Field, value: Value) -> bool:
    """Whether the portal may show this value only some time after the request, because it fetches
    a picture from its address first."""
    return field.sort is Sort.PICTURE and isinstance(value, Mapping) and "url" in value


def paths(field: Field, value: Value) -> dict[str, Value]:
    """A declared value by path: one path for each language of a text or switch of a group, else one
    path for the whole value."""
    if isinstance(value, Mapping) and field.sort in (Sort.TEXTS, Sort.SWITCHES):
        return {f"{field.name}.{part}": inner for part, inner in value.items()}
    if field.whole is not None:
        return {f"{field.name}.{field.whole}": value}
    return {field.name: value}


def declaration(field: Field, values: Mapping[str, Value]) -> Value:
    """What a file declares for a field to agree with what a portal shows, by path; None if it shows
    nothing, or one string for a text whose languages are unknown."""
    if field.sort not in (Sort.TEXTS, Sort.SWITCHES):
        return values.get(field.name) or None
    shown = {part: values.get(f"{field.name}.{part}") for part in field.parts}
    found = {part: value for part, value in shown.items() if value not in (None, "")}
    if field.sort is Sort.TEXTS:
        found = {part: text(value) for part, value in found.items()}
    return found[field.whole] if field.whole and [*found] == [field.whole] else found or None


@lru_cache(maxsize=65536)
def phone(value: Scalar, region: str | None = None) -> str:
    """A phone number in E.164 (`+` and digits), followed by `;ext=` and its extension if it has
    one; anything else is returned trimmed.

    `region` (two letters) is the country of numbers without a country code. The rules are those of
    the phonenumbers library.
    """
    import phonenumbers  # noqa: PLC0415 - 40 ms that a plan matched by ids does not need

    try:
        number = phonenumbers.parse(str(value), region)
    except phonenumbers.NumberParseException:
        return str(value).strip()
    e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return f"{e164};ext={number.extension}" if number.extension else e164


def is_same_phone(one: Value, other: Value) -> bool:
    """Whether two phone numbers differ only in their notation.

    A number without a country code (`069…`) is of the country of the number that it is compared
    with. Of two such numbers the country is unknown: they are the same only if their digits are.
    """
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    pair = [re.sub(r"^00", "+", digits(each)) for each in (one, other)]
    regions = {region for each in pair if (region := _region(each))}
    region = regions.pop() if len(regions) == 1 else None
    first, second = (phone(each, region) for each in pair)
    return first == second


@lru_cache(maxsize=65536)
def _region(number: str) -> str | None:
    """The country (two letters) of a number with a country code; None without one."""
    if not number.startswith("+"):
        return None
    import phonenumbers  # noqa: PLC0415 - as above

    try:
        country = phonenumbers.parse(number).country_code or 0
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.region_code_for_country_code(country)


UNENCODED = "!$&'()*+,;=:@/"
"""Characters of a path that need no encoding, besides letters, digits and `-._~`."""


def ascii_url(url: str) -> str:
    """A web address in ASCII: percent-encoded, as a URI is. What is encoded already stays."""
    scheme, colon, rest = url.partition(":")
    rest = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", rest)
    return scheme + colon + quote(rest, safe=f"{UNENCODED}?#%", errors="surrogatepass")


TRACKING = ("igsh", "igshid", "fbclid", "gclid", "ttclid", "si", "feature", "is_from_webapp")


def link(value: Value) -> Value:
    """A web address in canonical form: without `www.`, a trailing slash and tracking parameters,
    percent-encoded, in lower case up to the path. An empty address is None."""
    if not isinstance(value, str) or not value:
        return None if value in (None, "") else value
    try:
        parts = urlsplit(value.strip())
    except ValueError:  # not an address: equal only to itself
        return value
    host = parts.netloc.lower().removeprefix("www.")
    query = urlencode(
        [
            (name, text)
            for name, text in parse_qsl(parts.query, keep_blank_values=True)
            if not (name in TRACKING or name.startswith("utm_"))
        ]
    )
    path, fragment = (_encoded(each) for each in (parts.path, parts.fragment))
    return urlunsplit(("https", host, path.rstrip("/"), query, fragment))


def _encoded(text: str) -> str:
    """A part of an address, with the same characters encoded whatever its spelling. An encoded
    `/` is not a `/`."""
    pieces = re.split("(%2F)", text, flags=re.IGNORECASE)
    texts = map(unquote, pieces[::2])
    return "%2F".join(quote(each, safe=UNENCODED, errors="surrogatepass") for each in texts)


def mailbox(value: Scalar) -> str:
    """An e-mail address in canonical form: trimmed and case-folded."""
    return str(value).strip().casefold()


def digits(value: Scalar) -> str:
    """A phone number reduced to its digits and `+`."""
    return "".join(char for char in str(value) if char == "+" or char.isdigit())


def text(value: Value) -> Value:
    """A text with Unix line ends and none at its end; "" for None."""
    if value is None:
        return ""
    return value.replace("\r\n", "\n").rstrip("\n") if isinstance(value, str) else value


def canonical(field: Field, value: Value) -> Value:
    """The canonical form of a value: two values with the same meaning have the same form."""
    match field.sort:
        case Sort.LINK:
            return link(value)
        case Sort.TEXTS:
            return text(value)
        case Sort.MAILBOX | Sort.PHONE if isinstance(value, str):
            return (mailbox if field.sort is Sort.MAILBOX else digits)(value) or None
        case Sort.CODES:
            return sorted(map(_entry, value), key=str) if isinstance(value, list) else []
        case Sort.PICTURE if isinstance(value, Mapping):
            number = value.get("id")
            return {"url": ascii_url(value["url"])} if number is None else {"id": number}
        case _:
            return value


def _entry(value: Value) -> Value:
    """An entry of a list; a mapping with its keys in order."""
    return dict(sorted(value.items())) if isinstance(value, Mapping) else value


def is_shown_as(want: Value, have: Value) -> bool:
    """Whether an entry of a list is shown as declared: a mapping with at least the declared
    keys."""
    if isinstance(want, Mapping) and isinstance(have, Mapping):
        return want.items() <= have.items()
    return bool(want == have)


def _is_same_list(want: Sequence[Value], have: Sequence[Value]) -> bool:
    """Whether each entry is shown as declared, and no other."""
    left = list(have)
    # Those with most keys fit the fewest.
    for entry in sorted(want, key=lambda each: -len(each) if isinstance(each, Mapping) else 0):
        found = next((each for each in left if is_shown_as(entry, each)), left)
        if found is left:
            return False
        left.remove(found)
    return not left


def digest(field: Field, value: Value) -> str:
    """A digest of a value's canonical form (16 hexadecimal digits)."""
    canonical_json = json.dumps(canonical(field, value), ensure_ascii=False, sort_keys=True)
    return blake2b(canonical_json.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def shown(field: Field, path: str, live: Live) -> Value:
    """What the portal shows for a path: its own value, or the one string that it shows for all
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
    """Whether the portal shows the declared value of `path`.

    A value is unreadable if it is a text for which the portal shows one string of unknown language,
    a picture that is declared by an address, or anything that the portal does not show at all.
    """
    want, have = desired.values[path], shown(field, path, live)
    if field.sort is Sort.PICTURE:
        return _compare_picture(want, have)
    if field.sort is Sort.TEXTS:
        return _compare_text(field, path, desired, live)
    if path not in live.values and (field.hidden or not _is_same(field, want, None)):
        return Verdict.UNREADABLE
    return Verdict.SAME if _is_same(field, want, have) else Verdict.DIFFERENT


def _is_same(field: Field, want: Value, have: Value) -> bool:
    one, other = canonical(field, want), canonical(field, have)
    if field.sort is Sort.CODES:
        return _is_same_list(one, other)
    return bool(one == other) or (field.sort is Sort.PHONE and is_same_phone(one, other))


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
    """Compare one language of a text for which the portal shows one string, or nothing."""
    if field.name not in live.values:
        return Verdict.UNREADABLE
    # The string that the portal shows may be any language, or all of them.
    declared = [text(desired.values.get(f"{field.name}.{part}")) for part in field.parts]
    whole = all(f"{field.name}.{part}" in desired.values for part in field.parts)
    if whole and all(value == text(have) for value in declared):
        return Verdict.SAME
    if text(have) == "" and want != "":
        return Verdict.DIFFERENT
    if whole and text(have) not in declared:
        return Verdict.DIFFERENT
    return Verdict.UNREADABLE
