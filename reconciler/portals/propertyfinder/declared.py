"""What an agent's file declares for Property Finder: the section `propertyfinder`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from reconciler.core.fields import digits, mailbox
from reconciler.core.model import Value
from reconciler.documents.parts import Hints, Key, Part, id_key
from reconciler.documents.patterns import ONE_LINE
from reconciler.portals.attribute import Attribute
from reconciler.portals.declaring import about, keys
from reconciler.portals.propertyfinder import table


def _distinct(codes: list[str]) -> list[str]:
    if len(set(codes)) < len(codes):
        message = "`spokenLanguages` lists a language twice"
        raise PydanticCustomError("rule", "{message}", {"message": message})
    return codes


def _advise_country(text: str) -> str | None:
    return text.upper() if re.search(table.COUNTRY, text.upper()) else None


def _adapt_phone(phone: Value) -> str | None:
    """An inherited phone as the portal accepts it; None if it does already."""
    return None if re.search(table.PHONE, phone) else f'"{digits(phone)}"'


_ROWS: dict[str, Attribute] = {row.name: row for row in table.ATTRIBUTES}
_FIRST, _LAST = table.YEARS
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
        Annotated[Annotated[str, Field(pattern=table.COUNTRY)] | None, about(_ROWS["nationality"])],
        Hints(
            "`nationality` must be a country, as two capital letters such as MD",
            advise=_advise_country,
        ),
    ),
    "spokenLanguages": Key(
        Annotated[
            list[Literal[tuple(table.LANGUAGES)]],  # type: ignore[misc]
            AfterValidator(_distinct),
            about(_ROWS["spokenLanguages"], json_schema_extra={"uniqueItems": True}),
        ],
        Hints(
            "`spokenLanguages` must be a list of language codes, such as [en, ro, ru]",
            "leave the key out to keep them, or write [] to clear them",
        ),
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
        "compliances": ("`compliances` is not managed", "delete this line"),
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
