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
LANGUAGE_CODES = {
    "en": 1, "ar": 2, "fr": 3, "pl": 4, "de": 5, "ru": 6, "hi": 7, "ur": 8, "hr": 9, "es": 10,
    "fa": 11, "el": 12, "tl": 13, "bn": 14, "ta": 15, "ml": 16, "ky": 18, "uz": 19, "kk": 20,
    "zh": 21, "it": 22, "pt": 23, "nl": 24, "hu": 25, "az": 26, "tr": 27, "gu": 29, "uk": 30,
    "bg": 32, "sv": 33, "ro": 34, "af": 35, "pa": 36, "da": 37, "sr": 38, "no": 39, "yue": 40,
    "ms": 41, "sn": 42, "ps": 43, "sq": 44, "am": 45, "be": 47, "ca": 49, "cs": 50, "fi": 51,
    "ja": 52, "jv": 53, "kn": 54, "ko": 55, "ku": 56, "lv": 57, "si": 59, "sk": 60, "sl": 61,
    "so": 62, "sw": 64, "te": 65, "th": 66, "mk": 67, "lt": 68, "hy": 69, "sd": 70,
}
"""The portal's number for each language code."""
LANGUAGE_NAMES = {
    "English": 1, "Arabic": 2, "French": 3, "Polish": 4, "German": 5, "Russian": 6, "Hindi": 7,
    "Urdu": 8, "Croatian": 9, "Spanish": 10, "Persian/Farsi": 11, "Greek": 12, "Tagalog": 13,
    "Bengali": 14, "Tamil": 15, "Malayalam": 16, "Other": 17, "Kyrgyz": 18, "Uzbek": 19,
    "Kazakh": 20, "Mandarin": 21, "Italian": 22, "Portuguese": 23, "Dutch": 24, "Hungarian": 25,
    "Azerbaijani": 26, "Turkish": 27, "Memon": 28, "Gujarati": 29, "Ukrainian": 30, "Bulgarian": 32,
    "Swedish": 33, "Romanian": 34, "Afrikaans": 35, "Punjabi": 36, "Danish": 37, "Serbian": 38,
    "Norwegian": 39, "Cantonese": 40, "Bahasa Melayu": 41, "Shona": 42, "Pashto": 43,
    "Albanian": 44, "Amharic": 45, "Baluchi": 46, "Belarusian": 47, "Berber": 48, "Catalan": 49,
    "Czech": 50, "Finnish": 51, "Japanese": 52, "Javanese": 53, "Kannada": 54, "Korean": 55,
    "Kurdi": 56, "Latvian": 57, "Malay": 58, "Sinhalese": 59, "Slovak": 60, "Slovene": 61,
    "Somali": 62, "Sudanese": 63, "Swahili": 64, "Telugu": 65, "Thai": 66, "Macedonian": 67,
    "Lithuanian": 68, "Armenian": 69, "Sindhi": 70,
}
"""The portal's number for each language, by its English name; some languages have no code."""
# fmt: on
LANGUAGES = {**LANGUAGE_CODES, **LANGUAGE_NAMES}
"""The portal's number for each way to declare a language."""
CODES = {
    **{number: name for name, number in LANGUAGE_NAMES.items()},
    **{number: code for code, number in LANGUAGE_CODES.items()},
}
"""How a language is shown, by its number: its code, or its name if it has none."""

_COUNTRIES = (
    "AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BD BE BG BH BI BJ BM BN BO BR BS BT BW "
    "BY CA CC CD CF CG CH CI CK CL CM CN CO CR CU CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ "
    "FK FM FR GA GB GD GE GF GH GI GL GM GN GQ GR GT HK HN HR HU ID IE IL IN IO IQ IR IS IT JE JM "
    "JO JP KE KG KH KM KN KP KR KW KY KZ LA LB LC LK LR LT LU LV LY MA MD ME MG MK ML MM MN MR MT "
    "MU MV MW MX MY MZ NA NE NG NL NO NP NZ OM PA PE PF PH PK PL PR PS PT PW PY QA RO RS RU RW SA "
    "SC SD SE SG SI SK SL SN SO SR SS SV SY TC TD TF TG TH TJ TM TN TR TT TW TZ UA UG UM US UY UZ "
    "VE VG VI VN VU XK YE ZA ZM ZW"
)
COUNTRIES = tuple(_COUNTRIES.split())
"""The countries that `nationality` accepts. Some of ISO 3166 are missing, such as MC."""

PICTURES = PictureRules(("JPEG", "PNG", "WebP"), least=5 * KB, most=15 * MB, cmyk=False)

PARTS = {"primary": "the first language", "secondary": "the second language"}
FIRST, SECOND = PARTS
"""The two languages of a text. A string declares the first."""

PHONE = r"^\+?[0-9][0-9\s().-]{6,17}$"
UNPADDED = r"^[^\s]([^\n\t]*[^\s])?$"
SHORTEST_NAME = 2
"""Characters of a first or last name at least, when a user is created."""
COMPLIANCES = ("brn", "dari", "fal")
"""The types of a broker's number."""
YEARS = (1900, 2100)
STATUSES = ("active", "inactive")
OFF = ("status", "inactive")
INACTIVE = "status=inactive"
"""The filter of a list for users who are off all listings."""
GONE = ("inactive", "archived")
"""Values of `status` that take a user off all listings."""
UNVERIFIED = ("pending", "unverified", "rejected")
"""Values of a profile's verification with which visitors cannot see it yet."""


def _text(name: str, description: str, *, public: bool = True, **row: Any) -> Attribute:  # noqa: ANN401 - its other values
    return Attribute(Field(name, Sort.TEXT, public=public), description, **row)


def _name(name: str, description: str) -> Attribute:
    return _text(
        name,
        f"{description}; at least {SHORTEST_NAME} characters to create a user",
        public=False,
        pattern=UNPADDED,
        rule=f"`{name}` must be one line, without leading or trailing whitespace",
    )


def _phone(name: str, description: str, *, public: bool = True, **row: Any) -> Attribute:  # noqa: ANN401
    return Attribute(
        Field(name, Sort.PHONE, public=public, clearable=False),
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
        Field("avatar", Sort.PICTURE, clearable=False),
        "The agent's picture",
        wire="imageUrl",
        clears=True,
        inherits=("avatar", "url"),
    ),
    _texts("bio", "What the agent says about themselves", "Sells flats."),
    _texts("position", "Position", "Senior Sales Consultant"),
    Attribute(
        Field("linkedinAddress", Sort.LINK, clearable=False),
        "LinkedIn page",
        "https://linkedin.com/in/ivan.petrov",
        clears=True,
        hosts=("linkedin.com",),
    ),
    Attribute(
        Field("experienceSince", Sort.TEXT, hidden=True, clearable=False),
        "Year of the first job as an agent",
        2012,
        clears=True,
        shown=(int, NoneType),
    ),
    Attribute(
        Field("nationality", Sort.TEXT, hidden=True, clearable=False),
        "Country, as two capital letters",
        "MD",
        clears=True,
    ),
    Attribute(
        Field("spokenLanguages", Sort.CODES, hidden=True),
        "Spoken languages, by code or English name",
        ["en", "ro", "Berber"],
        clears=True,
    ),
    Attribute(
        Field("compliances", Sort.CODES),
        "Broker's numbers",
        [{"type": "brn", "value": "12345", "expiryDate": "2027-01-31"}],
        clears=True,
    ),
)
"""The values in a user's public profile."""

ATTRIBUTES = (*PRIVATE, *PUBLIC)
FIELDS = tuple(row.field for row in ATTRIBUTES)
HIDDEN = tuple(row for row in PUBLIC if row.field.hidden)
PRIVATE_NAMES = frozenset(row.name for row in PRIVATE)
TEXTS = tuple(row.name for row in PUBLIC if row.field.sort is Sort.TEXTS)

IDENTIFIERS = (
    Identifier("id", "pin", written="propertyfinder.id"),
    Identifier("email", "key", canonical=mailbox, moves="update", written="propertyfinder.email"),
    Identifier("mobile", "hint", canonical=digits, written="propertyfinder.mobile"),
)
PROFILE = "publicProfileId"
"""The portal's name for the id of a user's public profile."""
NEEDS = ("email", "firstName", "lastName", "mobile", "roleId", "name", "phone")
"""What a creation takes."""
