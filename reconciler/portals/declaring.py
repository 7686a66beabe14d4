"""The keys of an agent's file, made from the rows of a portal's table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from reconciler.core.fields import Sort
from reconciler.core.model import Value
from reconciler.documents.parts import Hints, Key
from reconciler.documents.patterns import (
    CURLY,
    HTTPS,
    ONE_LINE,
    Id,
    advise_line,
    advise_page,
    advise_picture,
    mapping,
    site,
)
from reconciler.documents.yaml_errors import quoted
from reconciler.portals.attribute import Attribute

MAILBOX = r"^[^\s@<>,:;]+@[^\s@<>,:;]+\.[^\s@<>,:;]+$"
PICTURE = "https://agency.example/photos/ivan.jpg"
KEEP = 'leave the key out to keep it, or write "" to clear it'
LEAVE_OUT = "leave the key out to keep the picture"


def keys(rows: Iterable[Attribute]) -> dict[str, Key]:
    """A key for each row, by what its sort of value looks like."""
    return {row.name: replace(_KEYS[row.field.sort](row), inherits=row.inherits) for row in rows}


def _text(row: Attribute) -> Key:
    rule = row.rule or f"`{row.name}` must be one line of text, and not empty"
    pattern = row.pattern or ONE_LINE
    field = about(row, pattern=pattern, json_schema_extra={"not": {"pattern": CURLY}})

    def advise(text: str) -> str | None:
        return advise_line(text) if re.search(pattern, " ".join(text.split())) else None

    return Key(Annotated[str, field], Hints(rule, advise=advise, spelling="name"))


def _mailbox(row: Attribute) -> Key:
    field = about(row, pattern=MAILBOX, json_schema_extra={"format": "email"})
    rule = f"`{row.name}` must be an e-mail address, such as ivan@agency.example"
    return Key(Annotated[str, field], Hints(rule, advise=_advise_mailbox, spelling="exact"))


def _advise_mailbox(text: str) -> str | None:
    bare = text.removeprefix("mailto:").strip("<> ")
    return bare if re.search(MAILBOX, bare) else None


def _phone(row: Attribute) -> Key:
    return Key(
        _nullable(row, row.pattern),
        Hints(row.rule, advise=lambda text: quoted(text) if re.search(row.pattern, text) else None),
    )


def _link(row: Attribute) -> Key:
    pattern = site(*row.hosts)
    home = f"https://{row.hosts[0]}/"
    rule = f"`{row.name}` must be an address that begins with {home}, or null"

    def advise(text: str) -> str | None:
        handle = re.fullmatch(r"@?([\w.-]+)", text)
        host = text.lower().endswith(tuple(f".{each.rpartition('.')[2]}" for each in row.hosts))
        if handle and not host and row.handle is not None:
            text = f"{home}{row.handle}{handle[1]}"
        return advise_page(text, pattern) if text else "null"

    return Key(_nullable(row, pattern), Hints(rule, advise=advise, spelling="exact"))


def _nullable(row: Attribute, pattern: str) -> Any:  # noqa: ANN401 - a type
    """Text of this pattern, or null if that clears the value."""
    if not row.clears:
        return Annotated[str, about(row, pattern=pattern)]
    return Annotated[Annotated[str, Field(pattern=pattern)] | None, about(row)]


def _texts(row: Attribute) -> Key:
    part = 'leave the language out, or write "" to clear it'
    names = ", ".join(row.field.parts)
    types = {
        name: Annotated[str, Field(description=f'The text in {language}; "" clears it.')]
        for name, language in row.parts.items()
    }
    texts = mapping(row.name, types, "A text for each language.", minProperties=1)
    one = "the first language's text" if row.field.whole else "one text for all languages"
    field: Any = Field(
        union_mode="left_to_right",
        description=f"{row.description}: {one}, or one for each of {names}.",
        examples=[row.example, {row.field.parts[0]: row.example}],
    )
    rule = f"`{row.name}` must be a text, or a text for each of {names}"

    def check(value: Value) -> tuple[str, str] | None:
        if value != {}:
            return None
        return f"`{row.name}` has no text", f"add one of {names}, or leave the key out"

    return Key(
        Annotated[str | texts, field],
        Hints(rule, KEEP, advise_line),
        {name: Hints(null=part) for name in row.field.parts},
        check=check,
    )


def _picture(row: Attribute) -> Key:
    address: Any = Field(
        pattern=HTTPS,
        description="Address of the picture (https). The portal fetches it.",
        examples=[PICTURE],
    )
    number = Field(description="Number of a picture that the portal already has.", examples=[123])
    types = {"url": Annotated[str, address]} | ({"id": Annotated[Id, number]} if row.by_id else {})
    either = {"maxProperties": 1} if row.by_id else {}
    picture = mapping(row.name, types, "A picture.", minProperties=1, **either)
    forms = "{{url: …}}, {{id: …}} or null" if row.by_id else "{{url: …}} or null"
    none = f"to remove the picture, write {row.name}: null" if row.field.clearable else LEAVE_OUT

    def advise(text: str) -> str | None:
        if text.isdecimal():
            return f"{{id: {text}}}" if row.by_id else None
        return advise_picture(text, alone=False)

    def check(value: Value) -> tuple[str, str] | None:
        if row.by_id and "url" in value and "id" in value:
            return f"`{row.name}` must have either `url` or `id`", "keep one of them"
        return None if value else (f"`{row.name}` has no `url`", none)

    def declares(value: Value) -> Value:
        return {"id": value["id"]} if row.by_id else None

    return Key(
        Annotated[picture | None, about(row, examples=[{"url": PICTURE}])],
        Hints(f"`{row.name}` must be {forms}", advise=advise, explain=_explain_picture),
        {
            "url": Hints(
                "`url` must be an address that begins with https://",
                none,
                lambda text: advise_picture(text, alone=True),
                _explain_picture,
                "exact",
            ),
            "id": Hints(null=none),
        },
        check=check,
        declares=declares,
    )


def _explain_picture(_: str) -> str:
    return f"put the picture on the web and write its public address, such as {PICTURE}"


def _switches(row: Attribute) -> Key:
    types = {
        name: Annotated[bool, Field(description=channel)] for name, channel in row.parts.items()
    }
    switches = mapping(row.name, types, "Switches.")
    description = f"{row.description}. A key that is left out keeps its setting."
    return Key(Annotated[switches, Field(description=description)])


def about(row: Attribute, **more: Any) -> Any:  # noqa: ANN401 - a field of pydantic's
    """What an editor shows for a row, and what `more` pydantic has to know about its value."""
    clears = ""
    if row.clears:
        null = "null or []" if row.field.sort is Sort.CODES else "null"
        clears = f"; {null} clears it" if row.field.clearable else "; the portal cannot clear it"
    default = f" Defaults to `{'.'.join(row.inherits)}`." if row.inherits else ""
    examples = None if row.example is None else [row.example]
    return Field(
        **{"description": f"{row.description}{clears}.{default}", "examples": examples, **more}
    )


_KEYS: Mapping[Sort, Callable[[Attribute], Key]] = {
    Sort.TEXT: _text,
    Sort.MAILBOX: _mailbox,
    Sort.PHONE: _phone,
    Sort.LINK: _link,
    Sort.TEXTS: _texts,
    Sort.PICTURE: _picture,
    Sort.SWITCHES: _switches,
}
