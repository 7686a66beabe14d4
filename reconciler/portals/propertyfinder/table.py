"""Property Finder: the vendor's facts about users. Each one is stated here and nowhere else."""

from __future__ import annotations

from types import NoneType
from typing import Any

from reconciler.core.fields import Field, Identifier, Sort, digits, mailbox
from reconciler.core.pictures import KB, MB, PictureRules
from reconciler.portals.attribute import Attribute

NAME = "propertyfinder"
URL = "https://atlas.propertyfinder.com"
SECRETS = ("PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET")
TOKEN_PATH = "/v1/auth/token"  # noqa: S105 - an address
USERS = "/v1/users"
PROFILES = "/v1/public-profiles"
ROLES = "/v1/roles"
ERROR_FORMAT = {"X-PF-Error-Format": "problem-json-v2"}

PAGE_SIZE = 100
REQUESTS_PER_MINUTE = 650
TOKENS_PER_MINUTE = 60

# fmt: off
LANGUAGES = {
    "en": 1, "ar": 2, "fr": 3, "pl": 4, "de": 5, "ru": 6, "hi": 7, "ur": 8, "hr": 9, "es": 10,
    "fa": 11, "el": 12, "tl": 13, "bn": 14, "ta": 15, "ml": 16, "ky": 18, "uz": 19, "kk": 20,
    "zh": 21, "it": 22, "pt": 23, "nl": 24, "hu": 25, "az": 26, "tr": 27, "gu": 29, "uk": 30,
    "bg": 32, "sv": 33, "ro": 34, "af": 35, "pa": 36, "da": 37, "sr": 38, "no": 39, "yue": 40,
    "ms": 41, "sn": 42, "ps": 43, "sq": 44, "am": 45, "be": 47, "ca": 49, "cs": 50, "fi": 51,
    "ja": 52, "jv": 53, "kn": 54, "ko": 55, "ku": 56, "lv": 57, "si": 59, "sk": 60, "sl": 61,
    "so": 62, "sw": 64, "te": 65, "th": 66, "mk": 67, "lt": 68, "hy": 69, "sd": 70,
}
# fmt: on
"""The portal's number for each language code."""
CODES = {number: code for code, number in LANGUAGES.items()}

PICTURES = PictureRules(("JPEG", "PNG", "WebP"), least=5 * KB, most=15 * MB, cmyk=False)

PARTS = {"primary": "the first language", "secondary": "the second language"}
FIRST, SECOND = PARTS
"""The two languages of a text. A string declares the first."""

PHONE = r"^\+?[0-9][0-9\s().-]{6,17}$"
TWO_CHARACTERS = r"^[^\s]([^\n\t]*[^\s])$"
COUNTRY = r"^[A-Z]{2}$"
YEARS = (1900, 2100)
STATUSES = ("active", "inactive")
OFF = ("status", "inactive")
GONE = ("inactive", "archived")
"""Values of `status` that take a user off all listings."""


def _text(name: str, description: str, *, public: bool = True, **row: Any) -> Attribute:  # noqa: ANN401 - its other values
    return Attribute(Field(name, Sort.TEXT, public=public), description, **row)


def _name(name: str, description: str) -> Attribute:
    return _text(
        name,
        f"{description}, two characters or more",
        public=False,
        pattern=TWO_CHARACTERS,
        rule=f"`{name}` must be one line of two characters or more",
    )


def _phone(name: str, description: str, *, public: bool = True, **row: Any) -> Attribute:  # noqa: ANN401
    return Attribute(
        Field(name, Sort.PHONE, public=public),
        description,
        "+373 69 123 456",
        pattern=PHONE,
        rule=f"`{name}` must be one number of 7 to 18 characters, such as +373 69 123 456",
        **row,
    )


def _texts(name: str, description: str, example: str) -> Attribute:
    field = Field(name, Sort.TEXTS, tuple(PARTS), whole=FIRST)
    return Attribute(field, description, example, parts=PARTS)


PRIVATE = (
    Attribute(
        Field("email", Sort.MAILBOX, public=False),
        "The login, which finds the user",
        "ivan@agency.example",
    ),
    _name("firstName", "First name"),
    _name("lastName", "Last name"),
    _phone("mobile", "Mobile phone, in quotes; not public", public=False),
    _text(
        "roleId",
        "The user's role on the portal, by its number or its name",
        public=False,
        shown=(int, NoneType),
    ),
    Attribute(
        Field(
            "status",
            Sort.TEXT,
            public=False,
            advice="try the other value of deactivate_by in portals.propertyfinder.",
        ),
        "`inactive` takes the agent off all listings",
    ),
)
"""A user's values outside the public profile."""

PUBLIC = (
    _text("name", "Name that visitors see", example="Ivan Petrov", inherits=("name",)),
    Attribute(
        Field("publicEmail", Sort.MAILBOX),
        "E-mail address that visitors see",
        "sales@agency.example",
        wire="email",
        inherits=(NAME, "email"),
    ),
    _phone("phone", "Phone that visitors see, in quotes", inherits=("phone",)),
    _phone("phoneSecondary", "Second phone, in quotes", clears=True),
    _phone("whatsappPhone", "Phone for WhatsApp, in quotes", clears=True),
    Attribute(
        Field("avatar", Sort.PICTURE),
        "The agent's picture",
        wire="imageUrl",
        clears=True,
        inherits=("avatar", "url"),
    ),
    _texts("bio", "What the agent says about themselves", "Sells flats."),
    _texts("position", "Position", "Senior Sales Consultant"),
    Attribute(
        Field("linkedinAddress", Sort.LINK),
        "LinkedIn page",
        "https://linkedin.com/in/ivan.petrov",
        clears=True,
        hosts=("linkedin.com",),
    ),
    _text(
        "experienceSince",
        "Year of the first job as an agent",
        example=2012,
        clears=True,
        shown=(int, NoneType),
    ),
    _text(
        "nationality",
        "Country, as two capital letters (ISO 3166)",
        example="MD",
        clears=True,
        pattern=COUNTRY,
    ),
    Attribute(
        Field("spokenLanguages", Sort.CODES),
        "Languages by their codes; [] clears them",
        ["en", "ro", "ru"],
    ),
)
"""The values in a user's public profile."""

ATTRIBUTES = (*PRIVATE, *PUBLIC)
FIELDS = tuple(row.field for row in ATTRIBUTES)
PRIVATE_NAMES = frozenset(row.name for row in PRIVATE)
TEXTS = tuple(row.name for row in PUBLIC if row.field.sort is Sort.TEXTS)

IDENTIFIERS = (
    Identifier("id", "pin", written="propertyfinder.id"),
    Identifier("email", "key", canonical=mailbox, moves="update", written="propertyfinder.email"),
    Identifier("mobile", "hint", canonical=digits, written="propertyfinder.mobile"),
)
PROFILE = "publicProfileId"
"""The portal's name for the id of a user's public profile."""
NEEDS = ("email", "firstName", "lastName", "mobile", "roleId", "name")
"""What a creation takes."""
