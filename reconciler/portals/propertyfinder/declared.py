"""What an agent's file declares for Property Finder: the section `propertyfinder`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from reconciler.core.fields import digits, mailbox
from reconciler.core.model import Value
from reconciler.documents.parts import Hints, Key, Part, id_key
from reconciler.documents.patterns import ONE_LINE, mapping
from reconciler.portals.attribute import Attribute
from reconciler.portals.declaring import about, keys
from reconciler.portals.propertyfinder import table

_NO_COUNTRY = (
    "`nationality` must be one of the countries that the portal accepts, as two capital letters "
    "such as MD"
)
_NO_DAY = "`expiryDate` must be a date such as 2027-01-31"


def _languages(names: list[str] | None) -> list[str] | None:
    """Languages by their codes, where they have one: two names of one language are the same."""
    codes = names and [table.CODES[table.LANGUAGES[name]] for name in names]
    return _distinct("spokenLanguages", "a language", codes)


def _compliances(found: list[Value] | None) -> list[Value] | None:
    return _distinct("compliances", "an entry", found)


def _complete(compliance: Value) -> Value:
    missing = [f"`{name}`" for name in ("type", "value") if name not in compliance]
    if missing:
        raise _error(f"an entry of `compliances` needs {' and '.join(missing)}")
    return compliance


def _error(message: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"message": message})


def _distinct(name: str, what: str, entries: list[Value] | None) -> list[Value] | None:
    if any(entry in (entries or [])[:place] for place, entry in enumerate(entries or [])):
        raise _error(f"`{name}` lists {what} twice")
    return entries


def _day(text: str) -> str:
    """A date. Raises a PydanticCustomError for a day that does not exist."""
    try:
        date.fromisoformat(text)
    except ValueError:
        raise _error(_NO_DAY) from None
    return text


def _country(text: str) -> str:
    """A country that the portal accepts. Raises a PydanticCustomError for any other text."""
    if text in table.COUNTRIES:
        return text
    raise _error(_NO_COUNTRY)


def _advise_country(text: str) -> str | None:
    return text.upper() if text.upper() in table.COUNTRIES else None


def _adapt_phone(phone: Value) -> str | None:
    """An inherited phone as the portal accepts it; None if it does already."""
    return None if re.search(table.PHONE, phone) else f'"{digits(phone)}"'


_ROWS: dict[str, Attribute] = {row.name: row for row in table.ATTRIBUTES}
_FIRST, _LAST = table.YEARS
UNIQUE = Field(json_schema_extra={"uniqueItems": True})


_COMPLIANCE: Any = mapping(
    "compliance",
    {
        "type": Annotated[
            Literal[table.COMPLIANCES], Field(description="What sort of number it is.")
        ],
        "value": Annotated[str, Field(pattern=ONE_LINE, description="The number, in quotes.")],
        "expiryDate": Annotated[
            str,
            Field(
                pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
                description="The last day on which it is valid.",
                examples=["2027-01-31"],
                json_schema_extra={"format": "date"},
            ),
            AfterValidator(_day),
        ],
    },
    "A broker's number.",
    required=["type", "value"],
)


_SPECIAL = {
    "roleId": Key(
        Annotated[
            Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=ONE_LINE)],
            about(_ROWS["roleId"], union_mode="left_to_right", examples=[3, "agent"]),
        ],
        Hints("`roleId` must be the number or the name of a role", spelling="exact"),
    ),
    "status": Key(Annotated[Literal[table.STATUSES], about(_ROWS["status"])]),
    "experienceSince": Key(
        Annotated[
            Annotated[int, Field(ge=_FIRST, le=_LAST)] | None, about(_ROWS["experienceSince"])
        ],
        Hints(f"`experienceSince` must be a year from {_FIRST} to {_LAST}, or null"),
    ),
    "nationality": Key(
        Annotated[
            Annotated[
                str,
                AfterValidator(_country),
                Field(json_schema_extra={"enum": list(table.COUNTRIES)}),
            ]
            | None,
            about(_ROWS["nationality"]),
        ],
        Hints(_NO_COUNTRY, advise=_advise_country),
    ),
    "spokenLanguages": Key(
        Annotated[
            Annotated[list[Literal[tuple(table.LANGUAGES)]], UNIQUE] | None,  # type: ignore[misc]
            AfterValidator(_languages),
            about(_ROWS["spokenLanguages"]),
        ],
        Hints("`spokenLanguages` must be a list of languages, such as [en, ro, Berber]"),
    ),
    "compliances": Key(
        Annotated[
            Annotated[list[Annotated[_COMPLIANCE, AfterValidator(_complete)]], UNIQUE] | None,
            AfterValidator(_compliances),
            about(_ROWS["compliances"]),
        ],
        Hints('`compliances` must be a list, such as [{{type: brn, value: "12345"}}]'),
        {"expiryDate": Hints(_NO_DAY)},
    ),
}
"""The keys whose type does not follow from their sort of value."""


def _keys() -> dict[str, Key]:
    found = {
        "id": id_key("user", 4711),
        **keys(row for row in table.ATTRIBUTES if row.name not in _SPECIAL),
        **_SPECIAL,
    }
    email = found["email"]
    found["email"] = replace(
        email, hints=replace(email.hints, null="leave the key out"), unique=str, canonical=mailbox
    )
    found["phone"] = replace(found["phone"], adapt=_adapt_phone)
    return {name: found[name] for name in ("id", *_ROWS)}


PART = Part(
    table.NAME,
    _keys(),
    section=table.NAME,
    description="The agent on Property Finder. With this key, the agent is published there.",
    required=("email", "id"),
    example="email: ivan@agency.example",
    refused={
        "imageUrl": ("unknown key `imageUrl` in `propertyfinder`", "write avatar: {url: …}"),
        "isActive": ("unknown key `isActive` in `propertyfinder`", "write status: active"),
        "avatar.id": (
            "unknown key `id` in `avatar`: the portal accepts pictures by address only",
            "write avatar: {url: …}",
        ),
        **{
            f"{text}.{code}": (
                f"unknown key `{code}` in `{text}`: the portal has two languages per text",
                "valid keys: primary, secondary",
            )
            for text in table.TEXTS
            for code in ("ru", "en", "ro")
        },
    },
    null="delete the key if the agent is not to be published there",
)
