"""The section `propertyfinder:`: valid and invalid values, and what it inherits from its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from propertyfinder_schema import API

from reconciler.core.model import Desired, Source
from reconciler.documents.agents import Document, desired, model_of
from reconciler.errors import InputError
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.propertyfinder.declared import PART
from reconciler.portals.registry import parts
from reconciler.portals.rentix import declared as top
from reconciler.portals.rentix import table as rentix

from .conftest import Read, line

Problems = Callable[[str | bytes], list[tuple[str, str]]]

FULL = """\
externalId: agent-001
id: 15
name: Ștefan Țurcanu
phone: "+373 22 123 456"
description: Sells flats
avatar: {url: "https://agency.example/a.jpg"}
propertyfinder:
  id: 4711
  email: Stefan@agency.example
  firstName: Ștefan
  lastName: Țurcanu
  mobile: "+373 69 123 456"
  roleId: 3
  status: active
  name: Ștefan Țurcanu, broker
  publicEmail: sales@agency.example
  phone: "+373 22 999 999"
  phoneSecondary: null
  whatsappPhone: "37369123456"
  avatar: {url: "https://agency.example/b.jpg"}
  position: Senior Sales Consultant
  bio: {primary: Продаю, secondary: ""}
  linkedinAddress: https://www.linkedin.com/in/stefan
  experienceSince: 2012
  nationality: MD
  spokenLanguages: [en, Romanian, Berber]
  compliances: [{type: brn, value: "12345", expiryDate: 2027-01-31}]
"""


def desired_there(document: Document) -> Desired | None:
    """What a file declares for Property Finder."""
    return desired(document, PART, propertyfinder.FIELDS, propertyfinder.IDENTIFIERS)


def desired_only(read: Read, text: str) -> Desired:
    """What the only agent of a file declares for Property Finder."""
    [document] = read({"a.yaml": text})
    wanted = desired_there(document)
    assert wanted is not None
    return wanted


def test_section(read: Read) -> None:
    """Each key has its value and its line; texts are by language, and a language is its code if it
    has one."""
    wanted = desired_only(read, FULL)
    assert (wanted.portal, wanted.key) == ("propertyfinder", "agent-001")
    assert wanted.source == Source("agents/a.yaml", 7)
    assert wanted.identity == {
        "id": 4711,
        "email": "Stefan@agency.example",
        "mobile": "+373 69 123 456",
    }
    assert wanted.values == {
        "email": "Stefan@agency.example",
        "firstName": "Ștefan",
        "lastName": "Țurcanu",
        "mobile": "+373 69 123 456",
        "roleId": 3,
        "status": "active",
        "name": "Ștefan Țurcanu, broker",
        "publicEmail": "sales@agency.example",
        "phone": "+373 22 999 999",
        "phoneSecondary": None,
        "whatsappPhone": "37369123456",
        "avatar": {"url": "https://agency.example/b.jpg"},
        "position.primary": "Senior Sales Consultant",
        "bio.primary": "Продаю",
        "bio.secondary": "",
        "linkedinAddress": "https://www.linkedin.com/in/stefan",
        "experienceSince": 2012,
        "nationality": "MD",
        "spokenLanguages": ["en", "ro", "Berber"],
        "compliances": [{"type": "brn", "value": "12345", "expiryDate": "2027-01-31"}],
    }
    places = {path: wanted.at(path).line for path in ("id", "email", "name", "bio.secondary")}
    assert places == {"id": 8, "email": 9, "name": 15, "bio.secondary": 22}
    assert {wanted.at("position.primary").line, wanted.at("spokenLanguages").line} == {21, 26}


def test_section_does_not_affect_another_portal(read: Read) -> None:
    """Rentix has only the top level, with its lines."""
    [document] = read({"a.yaml": FULL})
    wanted = desired(document, top.PART, rentix.FIELDS, rentix.IDENTIFIERS)
    assert wanted is not None
    assert wanted.identity == {"id": 15, "externalId": "agent-001", "phone": "+373 22 123 456"}
    assert wanted.values == {
        "name": "Ștefan Țurcanu",
        "description": "Sells flats",
        "avatar": {"url": "https://agency.example/a.jpg"},
    }
    assert (wanted.source.line, wanted.at("name").line) == (1, 3)


@pytest.mark.parametrize("text", ["", "name: x\nphone: '+373 22 123 456'\n"])
def test_no_section_means_not_published(read: Read, text: str) -> None:
    """Keys that could be inherited do not publish an agent."""
    [document] = read({"a.yaml": f"externalId: a\n{text}"})
    assert desired_there(document) is None
    assert desired(document, top.PART, rentix.FIELDS, rentix.IDENTIFIERS) is not None


def test_id_or_email_is_enough(read: Read) -> None:
    """Undeclared values are not desired; an e-mail is also the default of the public one."""
    assert desired_only(read, "id: 1\npropertyfinder: {id: 5}\n").values == {}
    wanted = desired_only(read, "id: 1\npropertyfinder: {email: a@b.example}\n")
    assert wanted.identity == {"email": "a@b.example"}
    assert wanted.values == {"email": "a@b.example", "publicEmail": "a@b.example"}


# Inherited values

TOP = """\
externalId: a
name: Ana
phone: "+373 22 123 456"
avatar:
  url: https://agency.example/a.jpg
description: {en: Sells flats}
id: 15
propertyfinder:
  email: ana@agency.example
"""


def test_omitted_keys_are_inherited(read: Read) -> None:
    """Name, phone, the picture's URL and the e-mail, each with the line where it is declared."""
    wanted = desired_only(read, TOP)
    assert wanted.values == {
        "email": "ana@agency.example",
        "name": "Ana",
        "phone": "+373 22 123 456",
        "avatar": {"url": "https://agency.example/a.jpg"},
        "publicEmail": "ana@agency.example",
    }
    lines = {path: wanted.at(path).line for path in wanted.values}
    assert lines == {"email": 9, "name": 2, "phone": 3, "avatar": 5, "publicEmail": 9}


def test_which_keys_inherit(read: Read) -> None:
    """One part is a section, and only these keys of it inherit."""
    assert [part.section for part in parts() if part.section] == ["propertyfinder"]
    inherits = {name for name, key in PART.keys.items() if key.inherits}
    assert inherits == {"name", "phone", "avatar", "publicEmail"}
    assert not any(key.inherits for key in top.PART.keys.values())


def test_texts_and_ids_are_not_inherited(read: Read) -> None:
    """A description is not a bio, and the ids are another portal's."""
    wanted = desired_only(read, TOP)
    assert wanted.identity == {"email": "ana@agency.example"}
    assert not [path for path in wanted.values if path.startswith(("bio", "position", "desc"))]


@pytest.mark.parametrize("avatar", ["{id: 123}", "null"])
def test_picture_without_a_url_is_not_inherited(read: Read, avatar: str) -> None:
    """Neither the other portal's id of a picture nor null."""
    wanted = desired_only(read, f"id: 1\navatar: {avatar}\npropertyfinder: {{id: 5}}\n")
    assert wanted.values == {}


@pytest.mark.parametrize(
    ("own", "path", "value"),
    [
        ("name: Ana R.", "name", "Ana R."),
        ('phone: "+373 1 234 567"', "phone", "+373 1 234 567"),
        ("avatar: null", "avatar", None),
        ("avatar: {url: 'https://b.example/b'}", "avatar", {"url": "https://b.example/b"}),
        ("publicEmail: p@b.example", "publicEmail", "p@b.example"),
    ],
)
def test_declared_keys_are_not_inherited(read: Read, own: str, path: str, value: Any) -> None:
    """Null counts as declared; the line is in the section."""
    wanted = desired_only(read, f"{TOP}  {own}\n")
    assert (wanted.values[path], wanted.at(path).line) == (value, 10)


def test_each_agent_of_a_file_inherits_separately(read: Read) -> None:
    """Documents share neither values nor lines."""
    first, second = read({"a.yaml": f"{TOP}---\nid: 2\nname: B\npropertyfinder: {{id: 2}}\n"})
    wanted = desired_there(second)
    assert wanted is not None
    assert (wanted.values, wanted.at("name").line) == ({"name": "B"}, 12)
    assert desired_there(first) == desired_only(read, TOP)


INVALID_THERE = "`propertyfinder` inherits this `phone` and does not accept its format"


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("(022) 12 34 56", "022123456"),
        ("+373 (22) 12 - 34 - 56", "+37322123456"),
        ("022/123/456", "022123456"),
        ("+(373)22123456", "+37322123456"),
    ],
)
def test_inherited_phone_must_be_valid_there(
    read: Read, problems: Problems, phone: str, digits: str
) -> None:
    """One problem, at the phone, with a form that both portals accept."""
    text = f'externalId: a\nphone: "{phone}"\npropertyfinder: {{id: 5}}\n'
    assert problems(text) == [(f"agents/a.yaml:2:8: {INVALID_THERE}", f'write phone: "{digits}"')]
    assert desired_only(read, text.replace(phone, digits)).values == {"phone": digits}


@pytest.mark.parametrize(
    "desired_there",
    ["", 'propertyfinder: {id: 5, phone: "1234567"}'],
)
def test_phone_that_is_not_inherited_is_not_checked(read: Read, desired_there: str) -> None:
    """Without a section, or if the section has its own."""
    assert len(read({"a.yaml": f'externalId: a\nphone: "(022) 12 34 56"\n{desired_there}\n'})) == 1


def test_invalid_phone_is_one_problem(problems: Problems) -> None:
    """It is not reported again for the section."""
    [(problem, _)] = problems('externalId: a\nphone: "1"\npropertyfinder: {id: 5}\n')
    assert problem.startswith("agents/a.yaml:2:8: `phone` must be one number of 7 to 15 digits")


# Valid values

TAKEN = [
    "id: 1",
    "id: 9007199254740991",
    "email: IVAN+x@agency.example",
    "firstName: Li",
    "firstName: I",
    "lastName: P",
    "firstName: Жанна д'Арк",
    "lastName: no",
    "lastName: O'Neill",
    "mobile: +373 69 123 456",
    'mobile: "0691234"',
    'mobile: "069 123.456-(78)"',
    "roleId: 3",
    "roleId: agent",
    "roleId: Decision maker",
    'roleId: "3"',
    "status: inactive",
    "publicEmail: IVAN+x@agency.example",
    'phone: "069 123.456-(78)"',
    "phoneSecondary: null",
    "phoneSecondary: ~",
    "whatsappPhone: null",
    "avatar: null",
    'avatar: {url: "https://a.example:8443/b?c=d"}',
    'position: ""',
    "position: {secondary: x}",
    'bio: {primary: "", secondary: x}',
    "bio: |\n    two\n\n    lines",
    "bio: no",
    "linkedinAddress: null",
    "linkedinAddress: https://md.linkedin.com/in/ivan?x=y",
    "experienceSince: null",
    "experienceSince: 1900",
    "experienceSince: 2100",
    "nationality: null",
    "nationality: NO",
    "nationality: XK",
    "spokenLanguages: []",
    "spokenLanguages: null",
    "spokenLanguages: [en, no]",
    "spokenLanguages: [Persian/Farsi, Bahasa Melayu]",
    "spokenLanguages:\n    - yue\n    - 'no'",
    "compliances: []",
    "compliances: null",
    'compliances: [{type: dari, value: "1"}, {type: fal, value: "1", expiryDate: "2028-02-29"}]',
]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", TAKEN)
def test_valid_values(read: Read, text: str) -> None:
    """Different ways to write a value are valid, in an otherwise complete section."""
    other = "id: 5" if text.startswith("email") else "email: a@b.example"
    assert desired_only(read, f"externalId: a\npropertyfinder:\n  {other}\n  {text}\n").key == "a"


def test_norwegian_is_a_language(read: Read) -> None:
    """`no` is a string in YAML 1.2, also in a list of languages."""
    wanted = desired_only(read, "id: 1\npropertyfinder: {id: 5, spokenLanguages: [en, no]}\n")
    assert wanted.values["spokenLanguages"] == ["en", "no"]


def test_every_language_is_valid(read: Read) -> None:
    """By its code, and by its English name."""
    for names in (propertyfinder.LANGUAGE_CODES, propertyfinder.LANGUAGE_NAMES):
        every = ", ".join(names)
        file = f"id: 1\npropertyfinder: {{id: 5, spokenLanguages: [{every}]}}\n"
        wanted = desired_only(read, file)
        codes = [propertyfinder.CODES[number] for number in names.values()]
        assert wanted.values["spokenLanguages"] == codes
    assert len(propertyfinder.LANGUAGE_NAMES) == 69


def test_the_vendors_lists_are_complete() -> None:
    """Languages and countries are those of the vendor's document."""
    profile = API["components"]["schemas"]["public_profile"]["properties"]
    assert list(propertyfinder.COUNTRIES) == profile["nationality"]["enum"]
    languages = profile["spokenLanguages"]["items"]
    assert {str(n): name for name, n in propertyfinder.LANGUAGE_NAMES.items()} == languages[
        "x-enumDescriptions"
    ]
    assert {*propertyfinder.LANGUAGES.values()} == {*languages["enum"]}


def test_every_key_is_an_attribute_or_the_id(read: Read) -> None:
    """The section's keys are the attributes in the portal's table, and the id."""
    keys = set(PART.keys)
    assert keys == {each.name for each in propertyfinder.FIELDS} | {"id"}
    assert set(desired_only(read, FULL).identity) == {
        each.name for each in propertyfinder.IDENTIFIERS
    }


# Invalid values

EMAIL = "`email` must be an e-mail address, such as ivan@agency.example"
PUBLIC_EMAIL = "`publicEmail` must be an e-mail address, such as ivan@agency.example"
FIRST = "`firstName` must be one line, without leading or trailing whitespace"
LAST = "`lastName` must be one line, without leading or trailing whitespace"
NAME = "`name` must be one line of text, and not empty"
PHONE = "must be one number of 7 to 18 characters, such as +373 69 123 456"
ROLE = "`roleId` must be the number or the name of a role"
STATUS = "`status` must be active or inactive"
AVATAR = "`avatar` must be {url: …} or null"
URL = "`url` must be an address that begins with https://"
TEXT = "must be a text, or a text for each of primary, secondary"
LINKEDIN = "`linkedinAddress` must be an address that begins with https://linkedin.com/, or null"
YEAR = "`experienceSince` must be a year from 1900 to 2100, or null"
COUNTRY = (
    "`nationality` must be one of the countries that the portal accepts, as two capital letters "
    "such as MD"
)
LANGUAGES = "`spokenLanguages` must be a list of languages, such as [en, ro, Berber]"
COMPLIANCES = '`compliances` must be a list, such as [{type: brn, value: "12345"}]'
DAY = "`expiryDate` must be a date such as 2027-01-31"
LEAVE = "leave the key out to keep the value"
KEEP = 'leave the key out to keep it, or write "" to clear it'
LANGUAGE = 'leave the language out, or write "" to clear it'
TWO = ": the portal has two languages per text"
KEYS = f"valid keys: {', '.join(model_of(parts()).vocabulary.keys['propertyfinder'])}"


def number(key: str, written: str) -> str:
    """The message for a number where a text is expected."""
    return f"`{key}` must be text, but {written} without quotes is a number"


REFUSED = [
    ("id: 0", "7: `id` must be 1 or more", ""),
    ("id: 99999999999999999", "7: `id` must be 9007199254740991 or less", ""),
    ('id: "15"', "7: `id` must be a whole number", "write id: 15"),
    ("id: 15.0", "7: `id` must be a whole number", ""),
    ("id: true", "7: `id` must be a whole number", ""),
    ("id: null", "7: `id` cannot be null", "leave the key out"),
    ("email: null", "10: `email` cannot be null", "leave the key out"),
    ("email:", "3: `email` has no value", "leave the key out"),
    ("email: ivan", f"10: {EMAIL}", ""),
    ("email: ivan@agency", f"10: {EMAIL}", ""),
    ('email: "a b@c.example"', f"10: {EMAIL}", ""),
    ('email: "a@b.example, c@d.example"', f"10: {EMAIL}", ""),
    ("email: a@b@c.example", f"10: {EMAIL}", ""),
    ("email: mailto:ivan@agency.example", f"10: {EMAIL}", "write email: ivan@agency.example"),
    ("email: <ivan@agency.example>", f"10: {EMAIL}", "write email: ivan@agency.example"),
    ('email: ""', f"10: {EMAIL}", ""),
    ("email: 12", f"10: {number('email', '12')}", ""),
    ("email: [a@b.example]", f"10: {EMAIL}", ""),
    ("firstName: 12", f"14: {number('firstName', '12')}", 'write firstName: "12"'),
    ("firstName: null", "14: `firstName` cannot be null", LEAVE),
    ('firstName: " Ivan"', f"14: {FIRST}", 'write firstName: "Ivan"'),
    ('firstName: ""', f"14: {FIRST}", ""),
    ("firstName: “Ivan”", "14: `firstName` has curly quotes, which would be published", 'write firstName: "Ivan"'),
    ('lastName: "Petrov\\tX"', f"13: {LAST}", 'write lastName: "Petrov X"'),
    ("lastName: “Petrov”", "13: `lastName` has curly quotes, which would be published", 'write lastName: "Petrov"'),
    ("mobile: 069123456", f"11: {number('mobile', '069123456')}", 'write mobile: "069123456"'),
    ("mobile: +37369123456", f"11: {number('mobile', '+37369123456')}", 'write mobile: "+37369123456"'),
    ('mobile: "123456"', f"11: `mobile` {PHONE}", ""),
    ('mobile: "(069) 123 456"', f"11: `mobile` {PHONE}", ""),
    ('mobile: "+373 69 123 456 789 01"', f"11: `mobile` {PHONE}", ""),
    ("mobile: “+373 69 123 456”", f"11: `mobile` {PHONE}", 'write mobile: "+373 69 123 456"'),
    ("mobile: null", "11: `mobile` cannot be null", LEAVE),
    ("roleId: null", "11: `roleId` cannot be null", LEAVE),
    ('roleId: ""', f"11: {ROLE}", ""),
    ("roleId: true", f"11: {ROLE}", ""),
    ("roleId: 1.5", f"11: {ROLE}", ""),
    ("roleId: [3]", f"11: {ROLE}", ""),
    ("status: Active", f"11: {STATUS}", "did you mean `active`?"),
    ("status: archived", f"11: {STATUS}", ""),
    ("status: true", f"11: {STATUS}", ""),
    ("status: null", "11: `status` cannot be null", LEAVE),
    ("name: 12", f"9: {number('name', '12')}", 'write name: "12"'),
    ('name: ""', f"9: {NAME}", ""),
    ('name: "a\\tb"', f"9: {NAME}", 'write name: "a b"'),
    ("name: null", "9: `name` cannot be null", LEAVE),
    ("name: “Ivan”", "9: `name` has curly quotes, which would be published", 'write name: "Ivan"'),
    ("publicEmail: ivan", f"16: {PUBLIC_EMAIL}", ""),
    ('publicEmail: ""', f"16: {PUBLIC_EMAIL}", ""),
    ("publicEmail: <a@b.example>", f"16: {PUBLIC_EMAIL}", "write publicEmail: a@b.example"),
    ("publicEmail: null", "16: `publicEmail` cannot be null", LEAVE),
    ("publicEmail: ~", "16: `publicEmail` cannot be null", LEAVE),
    ("publicEmail:", "3: `publicEmail` has no value", LEAVE),
    ("publicEmail: 12", f"16: {number('publicEmail', '12')}", ""),
    ("phone: null", "10: `phone` cannot be null", LEAVE),
    ("phone: ~", "10: `phone` cannot be null", LEAVE),
    ("phone:", "3: `phone` has no value", LEAVE),
    ("phone: 022123456", f"10: {number('phone', '022123456')}", 'write phone: "022123456"'),
    ('phone: "1"', f"10: `phone` {PHONE}", ""),
    ('phoneSecondary: "1"', f"19: `phoneSecondary` {PHONE}", ""),
    ("whatsappPhone: tel:+37369123456", f"18: `whatsappPhone` {PHONE}", ""),
    ("avatar: https://a.example/b.jpg", f"11: {AVATAR}", 'write avatar: {url: "https://a.example/b.jpg"}'),
    ("avatar: 12", f"11: {AVATAR}", ""),
    ("avatar: {}", "11: `avatar` has no `url`", "leave the key out to keep the picture"),
    ('avatar: {url: "http://a.example/b"}', f"17: {URL}", 'write url: "https://a.example/b"'),
    ("avatar: {url: null}", "17: `url` cannot be null", "leave the key out to keep the picture"),
    ("avatar: {id: 12}", "12: unknown key `id` in `avatar`: the portal accepts pictures by address only", "write avatar: {url: …}"),
    ("imageUrl: https://a.example/b.jpg", "3: unknown key `imageUrl` in `propertyfinder`", "write avatar: {url: …}"),
    ("compliances: 12345", f"16: {COMPLIANCES}", ""),
    ("compliances: [12345]", f"17: {COMPLIANCES}", ""),
    ("compliances: [{type: brn}]", "17: an entry of `compliances` needs `value`", ""),
    ("compliances: [{}]", "17: an entry of `compliances` needs `type` and `value`", ""),
    ('compliances: [{type: orn, value: "1"}]', "24: `type` must be brn, dari or fal", ""),
    ("compliances: [{type: brn, value: 1}]", "36: `value` must be text, but 1 without quotes is a number", 'write value: "1"'),
    ('compliances: [{type: brn, value: "1", expiryDate: 31.01.2027}]', f"53: {DAY}", ""),
    ('compliances: [{type: brn, value: "1", expires: 2027-01-31}]', "41: unknown key `expires` in `compliances`", "did you mean `expiryDate`?"),
    ('compliances: [{type: brn, value: "1"}, {type: brn, value: "1"}]', "16: `compliances` lists an entry twice", ""),
    ("isActive: true", "3: unknown key `isActive` in `propertyfinder`", "write status: active"),
    ("position: null", "13: `position` cannot be null", KEEP),
    ("position: 12", f"13: {number('position', '12')}", 'write position: "12"'),
    ("position: {}", "13: `position` has no text", "add one of primary, secondary, or leave the key out"),
    ("position: [a]", f"13: `position` {TEXT}", ""),
    ("position: {ru: x}", f"14: unknown key `ru` in `position`{TWO}", "valid keys: primary, secondary"),
    ("position: {third: x}", "14: unknown key `third` in `position`", "valid keys: primary, secondary"),
    ("position: {primary: null}", "23: `primary` cannot be null", LANGUAGE),
    ("position: {secondary: 12}", f"25: {number('secondary', '12')}", 'write secondary: "12"'),
    ("bio:", "3: `bio` has no value", KEEP),
    ("bio: true", "8: `bio` must be text, but true without quotes is true/false", 'write bio: "true"'),
    ("bio: {}", "8: `bio` has no text", "add one of primary, secondary, or leave the key out"),
    ("bio: {en: x}", f"9: unknown key `en` in `bio`{TWO}", "valid keys: primary, secondary"),
    ("bio: {secondary: null}", "20: `secondary` cannot be null", LANGUAGE),
    ("linkedinAddress: linkedin.com/in/ivan", f"20: {LINKEDIN}", "write linkedinAddress: https://linkedin.com/in/ivan"),
    ("linkedinAddress: http://www.LinkedIn.com/in/Ivan", f"20: {LINKEDIN}", "write linkedinAddress: https://www.linkedin.com/in/Ivan"),
    ("linkedinAddress: https://evillinkedin.com/x", f"20: {LINKEDIN}", ""),
    ('linkedinAddress: "@ivan"', f"20: {LINKEDIN}", ""),
    ('linkedinAddress: ""', f"20: {LINKEDIN}", "write linkedinAddress: null"),
    ('experienceSince: "2012"', f"20: {YEAR}", "write experienceSince: 2012"),
    ("experienceSince: 1899", f"20: {YEAR}", ""),
    ("experienceSince: 2101", f"20: {YEAR}", ""),
    ("experienceSince: 2012.0", f"20: {YEAR}", ""),
    ("experienceSince: 2012-05-01", f"20: {YEAR}", ""),
    ("nationality: md", f"16: {COUNTRY}", "write nationality: MD"),
    ("nationality: no", f"16: {COUNTRY}", "write nationality: NO"),
    ("nationality: Moldova", f"16: {COUNTRY}", ""),
    ("nationality: 373", f"16: {number('nationality', '373')}", ""),
    ("spokenLanguages: en", f"20: {LANGUAGES}", ""),
    ("spokenLanguages: [en, english]", f"25: {LANGUAGES}", "did you mean `English`?"),
    ("spokenLanguages: [en, 34]", f"25: {LANGUAGES}", ""),
    ("spokenLanguages: [EN]", f"21: {LANGUAGES}", "did you mean `en`?"),
    ("spokenLanguages: [en, ro, en]", "20: `spokenLanguages` lists a language twice", ""),
    ("fistName: Ivan", "3: unknown key `fistName` in `propertyfinder`", "did you mean `firstName`?"),
    ("role: agent", "3: unknown key `role` in `propertyfinder`", "did you mean `roleId`?"),
    ("externalId: x", "3: unknown key `externalId` in `propertyfinder`", "move it to the top level"),
    ("description: x", "3: unknown key `description` in `propertyfinder`", "move it to the top level"),
    ("primary: x", "3: unknown key `primary` in `propertyfinder`", "move it under `propertyfinder.bio`"),
    ("fax: x", "3: unknown key `fax` in `propertyfinder`", KEYS),
]  # fmt: skip


def within(text: str) -> str:
    """An agent with this line in an otherwise complete section."""
    other = "id: 5" if text.startswith("email") else "email: a@b.example"
    return f"externalId: a\npropertyfinder:\n  {other}\n  {text}\n"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "expected", "hint"), REFUSED)
def test_invalid_values(problems: Problems, text: str, expected: str, hint: str) -> None:
    """Each mistake in a value or a key is one problem at its place, with a hint if there is a
    fix."""
    assert problems(within(text)) == [(f"agents/a.yaml:4:{expected}", hint)]


def test_a_day_that_does_not_exist(problems: Problems) -> None:
    """A schema cannot tell it from one that does."""
    text = within('compliances: [{type: brn, value: "1", expiryDate: 2027-02-29}]')
    assert problems(text) == [(f"agents/a.yaml:4:53: {DAY}", "")]


NOBODY = "`propertyfinder` needs `email` or `id` to identify the agent"
ADD = "add a line such as email: ivan@agency.example"
UNPUBLISH = "delete the key if the agent is not to be published there"
AROUND = [
    ("propertyfinder: null", "2:17: `propertyfinder` cannot be null", UNPUBLISH),
    ("propertyfinder:", "2:1: `propertyfinder` has no value", UNPUBLISH),
    ("propertyfinder: {}", f"2:17: {NOBODY}", ADD),
    ("propertyfinder: {name: Ana}", f"2:17: {NOBODY}", ADD),
    ("propertyfinder: {e-mail: x}", "2:18: unknown key `e-mail` in `propertyfinder`", "did you mean `email`?"),
    ("propertyfinder: {ID: 5}", "2:18: unknown key `ID` in `propertyfinder`", "did you mean `id`?"),
    ("propertyfinder: yes", "2:17: `propertyfinder` must be a mapping", ""),
    ("propertyfinder: [email]", "2:17: `propertyfinder` must be a mapping", ""),
    ("propertyFinder: {id: 5}", "2:1: unknown key `propertyFinder`", "did you mean `propertyfinder`?"),
    ("email: a@b.example", "2:1: unknown key `email`", "move it under `propertyfinder`"),
]  # fmt: skip


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "expected", "hint"), AROUND)
def test_section_must_identify_a_user(
    problems: Problems, text: str, expected: str, hint: str
) -> None:
    """Empty, another type, or neither e-mail nor id: one problem with the fix."""
    assert problems(f"externalId: a\n{text}\n") == [(f"agents/a.yaml:{expected}", hint)]


def test_all_problems_are_reported_together(problems: Problems) -> None:
    """At the top level and in the section, in the file's order."""
    text = "externalId: a\nname: 1\npropertyfinder: {email: x, name: 2, bio: {}, roleId: []}\n"
    places = [problem.split(" ")[0] for problem, _ in problems(text)]
    assert places == [
        f"agents/a.yaml:{place}:" for place in ("2:7", "3:25", "3:34", "3:42", "3:54")
    ]


def test_identities_are_unique(read: Read) -> None:
    """The second use of an e-mail, in any letter case, or of an id is a problem that names the
    first. The other portal's ids are separate."""
    with pytest.raises(InputError) as caught:
        read(
            {
                "a.yaml": "id: 5\npropertyfinder:\n  email: Ana@agency.example\n  id: 7\n",
                "b/a.yaml": "id: 7\npropertyfinder: {email: ana@AGENCY.example}\n---\n"
                "id: 8\npropertyfinder:\n  id: 7\n  email: b@agency.example\n",
                "c.yaml": "id: 9\npropertyfinder: {id: 5, email: c@agency.example}\n",
            }
        )
    assert [(line(each), each.hint) for each in caught.value.problems] == [
        (
            "agents/b/a.yaml:2:25: `email` ana@AGENCY.example is already used in agents/a.yaml:3",
            "give each agent its own, or delete one of the two",
        ),
        (
            "agents/b/a.yaml:6:7: `id` 7 is already used in agents/a.yaml:4",
            "give each agent its own, or delete one of the two",
        ),
    ]


def test_public_email_and_mobile_may_be_shared(read: Read) -> None:
    """An office has one of each; only the login and the id identify a user."""
    text = (
        "propertyfinder: {id: %d, publicEmail: office@agency.example, mobile: '+373 69 123 456'}\n"
    )
    documents = read({f"{each}.yaml": f"id: {each}\n{text % each}" for each in (1, 2)})
    assert len(documents) == 2


def test_invalid_identities_are_not_duplicates(read: Read) -> None:
    """The same invalid value twice is two problems, neither of them a duplicate."""
    with pytest.raises(InputError) as caught:
        read({f"{each}.yaml": f"id: {each}\npropertyfinder: {{email: 5}}\n" for each in (1, 2)})
    assert ["already used" in each.message for each in caught.value.problems] == [False, False]
