"""The forms in which a portal may store a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fields import Field, Sort
from reconciler.core.forms import is_form

from .build import BY_NAME, file, live

LONG = "Specialist in apartments and houses"
PHONE = Field("phone", Sort.PHONE)
ROLE = Field("role", Sort.CODES)
MAILBOX = Field("email", Sort.MAILBOX)


def form(field, want, have):
    """Whether `have` is a form of a declared value."""
    path = field.name
    return is_form(field, path, file("a", {path: want}), live(1, "a", {path: have}))


@pytest.mark.parametrize(
    ("want", "have"),
    [
        (" Ivan  Petrov\n", "Ivan Petrov"),
        ("Ivan\u00a0Petrov", "Ivan Petrov"),
        ("Ivan PETROV", "Ivan Petrov"),
        ("Andre\u0301", "André"),
        ("Țurcanu", "Turcanu"),
        ("Ivan & «Co»", 'Ivan &amp; "Co"'),
        ("Ivan & Co", "Ivan &amp;amp; Co"),
        ("O'Neil", "O\\'Neil"),
        ("It’s – me…", "It's - me..."),
        ("Ivan 🏠 Petrov", "Ivan ? Petrov"),
        ("Ivan\u200b Petrov™", "Ivan PetrovTM"),
        ("АВС", "ABC"),
        (LONG, LONG[:25]),
        (LONG, LONG[:25].rstrip() + "…"),
    ],
)
def test_what_a_rule_explains_is_a_form(want, have):
    """Whitespace, case, Unicode, escapes, look-alikes, dropped characters, and a text that was cut
    at a limit."""
    assert form(BY_NAME["name"], want, have)


@pytest.mark.parametrize(
    ("want", "have"),
    [
        ("Ivan Petrov", "Ivan Petrova"),
        ("Ivan Petrov", "Petrov Ivan"),
        ("Ivan Petrov", "Ivan"),
        (LONG, LONG[:5]),
        (LONG, ""),
        (LONG, None),
        ("🏠", "?"),
        (None, "Ivan"),
        ("", "Ivan"),
        (5, "5"),
    ],
)
def test_another_value_is_not_a_form(want, have):
    """Other letters, a short beginning, nothing at all."""
    assert not form(BY_NAME["name"], want, have)


@pytest.mark.parametrize(
    ("field", "want", "have", "expected"),
    [
        (PHONE, "+373 22 123 456", "022123456", True),
        (PHONE, "0037322123456", "+37322123456", True),
        (PHONE, "+373 22 123 456", "+373 22 123 457", False),
        (PHONE, "+373 22 123 456", "456", False),
        (
            BY_NAME["instagram"],
            "https://instagram.com/Ion%2E",
            "http://www.Instagram.com/ion.",
            True,
        ),
        (BY_NAME["instagram"], "https://instagram.com/ion", "https://instagram.com/ana", False),
        (ROLE, "a", "A", False),
        (MAILBOX, "Ion.Rusu@agency.example", "ion.rusu@agency.example ", True),
        (MAILBOX, "ion.rusu@agency.example", "ionrusu@agency.example", False),
        (MAILBOX, "ion.rusu.chisinau@agency.example", "ion.rusu.chisinau@agency.ex", False),
    ],
)
def test_phones_and_addresses_have_a_canonical_form(field, want, have, expected):
    """Prefixes of a phone; scheme, case and escapes of an address; case and whitespace of an e-mail.
    Other sorts have no forms."""
    assert form(field, want, have) is expected


def test_one_string_for_all_languages_may_be_a_form_of_any_of_them():
    """The portal does not show which language its string is."""
    field = BY_NAME["description"]
    desired = file("a", {"description.ru": " Раз ", "description.ro": "Unu"})
    shows = {text: live(1, "a", {"description": text}) for text in ("Раз", "UNU", "Two")}
    found = {text: is_form(field, "description.ru", desired, each) for text, each in shows.items()}
    assert found == {"Раз": True, "UNU": True, "Two": False}


def test_each_language_must_be_a_form_of_the_one_string():
    """One string is declared for all languages, and the portal shows each."""
    field, desired = BY_NAME["description"], file("a", {"description": "Sells flats "})
    whole = {"description.ru": "Sells flats", "description.en": "sells flats"}
    assert is_form(field, "description", desired, live(1, "a", whole))
    other = {**whole, "description.ro": "Vinde"}
    assert not is_form(field, "description", desired, live(1, "a", other))


@given(st.text(min_size=1))
def test_a_trimmed_text_is_a_form_unless_nothing_is_left(text):
    """For any text."""
    trimmed = " ".join(text.split())
    assert form(BY_NAME["name"], text, trimmed) is bool(trimmed)
