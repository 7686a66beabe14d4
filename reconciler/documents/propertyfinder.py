"""The section `propertyfinder:` of an agent's file: what it may declare, and what it inherits.

The attributes are those of the vendor's reference for users; texts are in two languages there, and
a string declares the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from reconciler.documents.patterns import (
    CURLY,
    HTTPS,
    ONE_LINE,
    Id,
    advise_line,
    advise_page,
    advise_picture,
    closed,
    site,
)
from reconciler.documents.yaml_errors import quoted

INHERITED: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "phone": ("phone",),
    "avatar": ("avatar", "url"),
    "publicEmail": ("propertyfinder", "email"),
}
"""Where a key that the section leaves out is taken from, if it is declared there."""

PHONE = r"^\+?[0-9][0-9\s().-]{6,17}$"
_MAILBOX = r"^[^\s@<>,:;]+@[^\s@<>,:;]+\.[^\s@<>,:;]+$"
_LINKEDIN = site("linkedin.com")
_COUNTRY = r"^[A-Z]{2}$"
_NAME = r"^[^\s]([^\n\t]*[^\s])$"

# fmt: off
LANGUAGES = (
    "en", "ar", "fr", "pl", "de", "ru", "hi", "ur", "hr", "es", "fa", "el", "tl", "bn",
    "ta", "ml", "ky", "uz", "kk", "zh", "it", "pt", "nl", "hu", "az", "tr", "gu", "uk",
    "bg", "sv", "ro", "af", "pa", "da", "sr", "no", "yue", "ms", "sn", "ps", "sq", "am",
    "be", "ca", "cs", "fi", "ja", "jv", "kn", "ko", "ku", "lv", "si", "sk", "sl", "so",
    "sw", "te", "th", "mk", "lt", "hy", "sd",
)
# fmt: on
"""The codes of the languages that the portal knows, in its own order."""


def _distinct(codes: list[str]) -> list[str]:
    if len(set(codes)) < len(codes):
        said = "`spokenLanguages` names a language twice"
        raise PydanticCustomError("rule", "{message}", {"message": said})
    return codes


def _from(*source: str) -> str:
    """The end of a description of what is inherited."""
    return f"Left out, it is `{'.'.join(source)}` if that is declared."


@with_config(closed(minProperties=1))
class Pair(TypedDict, total=False):
    """A text in the portal's two languages. One that is left out keeps the text it has."""

    primary: Annotated[str, Field(description='The text in the first language; "" clears it.')]
    secondary: Annotated[str, Field(description='The text in the second language; "" clears it.')]


@with_config(closed(minProperties=1))
class Picture(TypedDict, total=False):
    """A picture, by its address."""

    url: Annotated[
        str,
        Field(
            pattern=HTTPS,
            description="Address of the picture, which the portal fetches; https only.",
            examples=["https://agency.example/photos/ivan.jpg"],
        ),
    ]


def _phone(description: str) -> Any:  # noqa: ANN401 - a field of pydantic's
    return Field(pattern=PHONE, description=description, examples=["+373 69 123 456"])


def _text(description: str, example: str) -> Any:  # noqa: ANN401 - a field of pydantic's
    return Field(
        union_mode="left_to_right",
        description=f"{description}: the first language's text, or one for each of primary and "
        f"secondary. Never inherited.",
        examples=[example, {"primary": example, "secondary": "…"}],
    )


@with_config(closed(anyOf=[{"required": ["email"]}, {"required": ["id"]}]))
class PropertyFinder(TypedDict, total=False):
    """The agent on Property Finder. With this section the agent is published there too."""

    id: Annotated[
        Id,
        Field(
            description="The portal's id of the user. With it, it is certain who is meant.",
            examples=[4711],
        ),
    ]
    email: Annotated[
        str,
        Field(
            pattern=_MAILBOX,
            description="The login; it finds the user.",
            examples=["ivan@agency.example"],
            json_schema_extra={"format": "email"},
        ),
    ]
    firstName: Annotated[
        str,
        Field(
            pattern=_NAME,
            description="First name, of two characters or more.",
            json_schema_extra={"not": {"pattern": CURLY}},
        ),
    ]
    lastName: Annotated[
        str,
        Field(
            pattern=_NAME,
            description="Last name, of two characters or more.",
            json_schema_extra={"not": {"pattern": CURLY}},
        ),
    ]
    mobile: Annotated[str, _phone("Mobile phone, in quotes; not public.")]
    roleId: Annotated[
        Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=ONE_LINE)],
        Field(
            union_mode="left_to_right",
            description="The user's role on the portal, by its number or its name.",
            examples=[3, "agent"],
        ),
    ]
    status: Annotated[
        Literal["active", "inactive"],
        Field(description="`inactive` takes the agent off all listings."),
    ]
    name: Annotated[
        str,
        Field(
            pattern=ONE_LINE,
            description=f"Name as visitors read it. {_from(*INHERITED['name'])}",
            examples=["Ivan Petrov"],
            json_schema_extra={"not": {"pattern": CURLY}},
        ),
    ]
    publicEmail: Annotated[
        str,
        Field(
            pattern=_MAILBOX,
            description=f"E-mail address that visitors see. {_from(*INHERITED['publicEmail'])}",
            examples=["sales@agency.example"],
        ),
    ]
    phone: Annotated[
        str,
        Field(
            pattern=PHONE,
            description=f"Phone that visitors see, in quotes. {_from(*INHERITED['phone'])}",
            examples=["+373 22 123 456"],
        ),
    ]
    phoneSecondary: Annotated[
        Annotated[str, Field(pattern=PHONE)] | None,
        Field(description="Second phone, in quotes; null clears it."),
    ]
    whatsappPhone: Annotated[
        Annotated[str, Field(pattern=PHONE)] | None,
        Field(description="Phone for WhatsApp, in quotes; null clears it."),
    ]
    avatar: Annotated[
        Picture | None,
        Field(
            description=f"The agent's picture; null removes it. {_from(*INHERITED['avatar'])}",
            examples=[{"url": "https://agency.example/photos/ivan.jpg"}],
        ),
    ]
    position: Annotated[str | Pair, _text("Position", "Senior Sales Consultant")]
    bio: Annotated[str | Pair, _text("What the agent says about themselves", "Sells flats.")]
    linkedinAddress: Annotated[
        Annotated[str, Field(pattern=_LINKEDIN)] | None,
        Field(
            description="Page on LinkedIn; null clears it.",
            examples=["https://linkedin.com/in/ivan.petrov"],
        ),
    ]
    experienceSince: Annotated[
        Annotated[int, Field(ge=1900, le=2100)] | None,
        Field(description="Year of the first job as an agent; null clears it.", examples=[2012]),
    ]
    nationality: Annotated[
        Annotated[str, Field(pattern=_COUNTRY)] | None,
        Field(
            description="Country in two capital letters (ISO 3166); null clears it.",
            examples=["MD"],
        ),
    ]
    spokenLanguages: Annotated[
        list[Literal[LANGUAGES]],  # type: ignore[valid-type]
        AfterValidator(_distinct),
        Field(
            description="Languages by their codes; [] clears them.",
            examples=[["en", "ro", "ru"]],
            json_schema_extra={"uniqueItems": True},
        ),
    ]


_KEEP = 'leave the key out to keep it, or write "" to clear it'
RULES = {
    "email": "`email` has to be an e-mail address, such as ivan@agency.example",
    "publicEmail": "`publicEmail` has to be an e-mail address",
    "firstName": "`firstName` has to be two characters or more on one line",
    "lastName": "`lastName` has to be two characters or more on one line",
    "name": "`name` has to be text on one line, and not empty",
    **{
        name: f"`{name}` has to be one number of 7 to 18 signs, such as +373 69 123 456"
        for name in ("mobile", "phone", "phoneSecondary", "whatsappPhone")
    },
    "roleId": "`roleId` has to be the number or the name of a role",
    "avatar": "`avatar` has to be {{url: …}} or null",
    "avatar.url": "`url` has to be an address that begins with https://",
    "position": "`position` has to be a text, or a text for each of primary and secondary",
    "bio": "`bio` has to be a text, or a text for each of primary and secondary",
    "linkedinAddress": "`linkedinAddress` has to be an address that begins with "
    "https://linkedin.com/, or null",
    "experienceSince": "`experienceSince` has to be a year from 1900 to 2100, or null",
    "nationality": "`nationality` has to be a country in two capital letters, such as MD",
    "spokenLanguages": "`spokenLanguages` has to be a list of language codes, such as [en, ro, ru]",
}
"""What the section's values have to be, in words."""
NULLS = {
    "id": "leave the key out",
    "email": "leave the key out",
    "position": _KEEP,
    "bio": _KEEP,
    **dict.fromkeys(
        (f"{text}.{part}" for text in ("position", "bio") for part in ("primary", "secondary")),
        'leave the language out, or write "" to clear it',
    ),
    "spokenLanguages": "leave the key out to keep them, or write [] to clear them",
    "avatar.url": "to remove the picture, write avatar: null",
}
"""What to write in place of null, where the section takes none."""
REFUSED: Mapping[str, tuple[str, str]] = {
    "compliances": (
        "`compliances` is not managed: the portal's reference does not say its form",
        "delete this line",
    ),
    "imageUrl": ("there is no key `imageUrl` in `propertyfinder`", "write avatar: {url: …}"),
    "isActive": ("there is no key `isActive` in `propertyfinder`", "write status: active"),
    "avatar.id": (
        "there is no key `id` in `avatar` here, since the portal takes pictures by address only",
        "write avatar: {url: …}",
    ),
    **{
        f"{text}.{code}": (
            f"there is no key `{code}` in `{text}`, which has the portal's two languages",
            "the keys are primary, secondary",
        )
        for text in ("position", "bio")
        for code in ("ru", "en", "ro")
    },
}
NAMES = ("firstName", "lastName", "name")
"""The values that are a name: curly quotes around one are a slip."""
ADDRESSES = ("email", "publicEmail", "roleId", "linkedinAddress")
"""The values that name somebody or something letter by letter."""


def advise(path: str, text: str) -> str | None:
    """What was probably meant by `text` at `path` in the section, as YAML, or None."""
    guess = _ADVICE.get(path)
    return guess(text) if guess else None


def _advise_phone(text: str) -> str | None:
    return quoted(text) if re.search(PHONE, text) else None


def _advise_mailbox(text: str) -> str | None:
    bare = text.removeprefix("mailto:").strip("<> ")
    return bare if re.search(_MAILBOX, bare) else None


def _advise_country(text: str) -> str | None:
    return text.upper() if re.search(_COUNTRY, text.upper()) else None


_ADVICE: Mapping[str, Callable[[str], str | None]] = {
    "linkedinAddress": lambda text: advise_page(text, _LINKEDIN) if text else "null",
    "avatar": lambda text: None if text.isdecimal() else advise_picture(text, alone=False),
    "avatar.url": lambda text: advise_picture(text, alone=True),
    "nationality": _advise_country,
    **dict.fromkeys(("mobile", "phone", "phoneSecondary", "whatsappPhone"), _advise_phone),
    **dict.fromkeys(("email", "publicEmail"), _advise_mailbox),
    **dict.fromkeys(("name", "bio", "position"), advise_line),
    **dict.fromkeys(
        ("firstName", "lastName"), lambda text: advise_line(text) if len(text) > 1 else None
    ),
}
