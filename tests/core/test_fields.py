"""What a value is: how two of them compare, and whether the portal says it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fields import (
    Field,
    Identifier,
    Sort,
    Verdict,
    canonical,
    compare,
    digest,
    link,
    parent,
    paths,
    phone,
    shown,
    text,
)
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS, LANGUAGES

from .build import BY_NAME, file, live, member, user

SAME, DIFFERENT, UNREADABLE = Verdict.SAME, Verdict.DIFFERENT, Verdict.UNREADABLE
WORDS = st.text("ab \n", max_size=3)


def verdict(declared, portal, path):
    """The verdict on one path of a declared agent, given what the portal shows."""
    field = BY_NAME[parent(path)]
    return compare(field, path, file("a", declared), live(1, "a", portal))


def test_a_path_belongs_to_its_field():
    """A language or a switch names its field before the dot; a field is its own parent."""
    assert [parent(path) for path in ("description.ru", "name")] == ["description", "name"]


def test_only_pictures_may_show_late():
    """The portal may import a picture after it answered, and nothing else."""
    assert [field.name for field in FIELDS if field.late] == ["avatar"]


@pytest.mark.parametrize(
    "spelled",
    ["+373 22 123 456", "+37322123456", "00373 22 123456", "022123456", "(022) 123-456"],
)
def test_phones_are_one_however_they_are_spaced(spelled):
    """Spacing, an international prefix and the country's own form make no other phone."""
    own = next(each for each in IDENTIFIERS if each.name == "phone")
    assert own.canonical(spelled) == "+37322123456"


def test_what_is_no_phone_stays_as_it_is():
    """Letters, or a local number without a country to read it by, are kept but for blanks."""
    assert phone(" extension ") == "extension"
    assert phone("022123456") == "022123456"


@pytest.mark.parametrize(
    "spelled",
    [
        "https://instagram.com/ivan",
        "https://www.instagram.com/ivan",
        "https://www.instagram.com/ivan/",
        "HTTPS://Instagram.COM/ivan",
        "http://instagram.com/ivan",
        " https://instagram.com/ivan ",
        "https://instagram.com/ivan?igsh=abc&utm_source=qr&utm_campaign=",
        "https://instagram.com/ivan/?fbclid=1#",
    ],
)
def test_links_are_one_where_they_lead_to_one_place(spelled):
    """`www.`, a trailing slash, tracking, letter case of the host and blanks around do not count."""
    assert link(spelled) == "https://instagram.com/ivan"
    assert verdict({"instagram": spelled}, {"instagram": link(spelled)}, "instagram") is SAME


@pytest.mark.parametrize(
    "other",
    [
        "https://instagram.com/Ivan",
        "https://instagram.com/ivan.petrov",
        "https://instagram.com/ivan?page=2",
        "https://instagram.com/ivan?page=",
        "https://instagram.com/ivanX",
        "https://m.instagram.com/ivan",
        None,
    ],
)
def test_links_differ_where_they_lead_elsewhere(other):
    """The path's letter case, a query that is no tracking and another host do count."""
    assert (
        verdict({"instagram": "https://instagram.com/ivan"}, {"instagram": other}, "instagram")
        is DIFFERENT
    )


def test_a_query_that_chooses_the_page_is_kept():
    """A video's number in the query is what the link is about."""
    assert link("https://youtube.com/watch?v=1&si=x&feature=y") == "https://youtube.com/watch?v=1"


@pytest.mark.parametrize(
    "name",
    ["utm_x", "igsh", "igshid", "fbclid", "gclid", "ttclid", "si", "feature", "is_from_webapp"],
)
def test_what_only_counts_visitors_is_no_part_of_a_link(name):
    """The parameters that the networks' own buttons for sharing add; any other is kept."""
    assert link(f"https://x.com/i?{name}=1&v=2") == "https://x.com/i?v=2"
    assert link(f"https://x.com/i?my{name}=1") == f"https://x.com/i?my{name}=1"


def test_an_empty_link_is_none():
    """Empty and null are the same nothing; what is no string is not touched."""
    assert (link(""), link(None), link(5)) == (None, None, 5)
    assert verdict({"tiktok": None}, {"tiktok": ""}, "tiktok") is SAME


@pytest.mark.parametrize("odd", ["https://[ivan", "https://instagram.com]/ivan", "https://a℀b/x"])
def test_a_link_that_is_no_address_only_differs(odd):
    """What somebody typed into the portal's own form, however odd, never ends a plan."""
    said = verdict({"instagram": "https://instagram.com/ivan"}, {"instagram": odd}, "instagram")
    assert said is DIFFERENT


@given(st.text(max_size=20))
def test_any_link_equals_itself(value):
    """A link compares with itself as the same, whatever it is."""
    assert verdict({"tiktok": value}, {"tiktok": value}, "tiktok") is SAME


def test_line_ends_and_the_last_of_them_do_not_count_in_texts():
    """A portal that stores other line ends, or drops the last, shows the same text."""
    assert text("one\r\ntwo\r\n") == text("one\ntwo") == "one\ntwo"
    assert (text(None), text(5)) == ("", 5)
    assert text(" one \n") == " one "


def test_a_one_line_text_compares_exactly():
    """A name with a blank at its end is another name; the portal shows whether it took it."""
    assert verdict({"name": "Ivan "}, {"name": "Ivan"}, "name") is DIFFERENT
    assert verdict({"name": "Ivan"}, {"name": "Ivan"}, "name") is SAME


@pytest.mark.parametrize(
    ("declared", "portal", "said"),
    [
        ("", None, SAME),
        (None, "", SAME),
        (None, "https://instagram.com/i", DIFFERENT),
        ("https://instagram.com/i", None, DIFFERENT),
    ],
)
def test_null_is_compared_with_what_is_there(declared, portal, said):
    """Null clears: it differs from anything but nothing."""
    assert verdict({"instagram": declared}, {"instagram": portal}, "instagram") is said


def test_what_the_portal_does_not_show_at_all_cannot_be_compared():
    """A portal that shows no settings may have the declared one."""
    desired, agent = file("a", {"settings.contact_viber": True}), live(1, "a")
    agent = type(agent)("rentix", 1, "", agent.identity, {})
    field = BY_NAME["settings"]
    assert compare(field, "settings.contact_viber", desired, agent) is UNREADABLE


EMAIL, MOBILE = Field("email", Sort.MAILBOX), Field("mobile", Sort.PHONE)
CODES = Field("spokenLanguages", Sort.CODES)
BIO = Field("bio", Sort.TEXTS, ("primary", "secondary"), whole="primary")


def judged(field, path, want, shown):
    """The verdict on a value of a field, given the values that the portal shows."""
    return compare(field, path, member("a", values={path: want}), user(1, values=shown))


@pytest.mark.parametrize(
    ("want", "have", "said"),
    [
        ("Ivan@Agency.Example", " ivan@agency.example ", SAME),
        ("ivan@agency.example", "oleg@agency.example", DIFFERENT),
        ("ivan@agency.example", None, DIFFERENT),
        (None, "", SAME),
        (None, "ivan@agency.example", DIFFERENT),
    ],
)
def test_mailboxes_are_one_whatever_their_letter_case(want, have, said):
    """Case and blanks around say nothing of who gets the mail; no address is an empty one."""
    assert judged(EMAIL, "email", want, {"email": have}) is said


@pytest.mark.parametrize(
    ("want", "have", "said"),
    [
        ("+373 (69) 123-456", "+37369123456", SAME),
        ("+373.69.123.456", "+373 69 123456", SAME),
        ("+37369123456", "+37369123457", DIFFERENT),
        ("+37369123456", "069123456", DIFFERENT),
        ("+37369123456", None, DIFFERENT),
        (None, "", SAME),
        (None, "+37369123456", DIFFERENT),
    ],
)
def test_a_phone_that_is_a_value_counts_by_its_digits(want, have, said):
    """What stands between them says nothing; a country left out does: it is another number."""
    assert judged(MOBILE, "mobile", want, {"mobile": have}) is said


@pytest.mark.parametrize(
    ("want", "have", "said"),
    [
        (["ru", "en"], ["en", "ru"], SAME),
        (["en", 99], [99, "en"], SAME),
        (["en"], ["en", "ru"], DIFFERENT),
        ([], None, SAME),
        ([], ["en"], DIFFERENT),
        (["en"], None, DIFFERENT),
    ],
)
def test_the_order_of_codes_says_nothing(want, have, said):
    """Also where the portal has one that we do not know; no list is an empty one."""
    assert judged(CODES, "spokenLanguages", want, {"spokenLanguages": have}) is said


def test_one_string_is_the_whole_text_or_its_first_language():
    """A portal says which: all languages at once, or the one that `whole` names."""
    assert paths(BIO, "B") == {"bio.primary": "B"}
    assert paths(BIO, {"secondary": "S"}) == {"bio.secondary": "S"}
    assert paths(BY_NAME["description"], "D") == {"description": "D"}
    assert paths(BY_NAME["settings"], {"contact_viber": True}) == {"settings.contact_viber": True}
    assert paths(BY_NAME["avatar"], {"id": 5}) == {"avatar": {"id": 5}}
    assert paths(CODES, ["en"]) == {"spokenLanguages": ["en"]}


@pytest.mark.parametrize("field", [EMAIL, MOBILE, Field("firstName", Sort.TEXT)], ids=str)
def test_a_value_that_a_portal_does_not_show_cannot_be_compared(field):
    """It may have it. Shown as nothing is another thing, and no value equals one not shown."""
    assert judged(field, field.name, "+373", {field.name: None}) is DIFFERENT
    hidden = user(1)
    hidden = type(hidden)("propertyfinder", 1, "", {}, {})
    for want, said in (("+373", UNREADABLE), (None, SAME)):
        desired = member("a", values={field.name: want})
        assert compare(field, field.name, desired, hidden) is said


@pytest.mark.parametrize(
    ("shows", "first", "second"),
    [
        ({"bio.primary": "P", "bio.secondary": "S"}, SAME, SAME),
        ({"bio.primary": "P", "bio.secondary": ""}, SAME, DIFFERENT),
        ({"bio.primary": "P"}, SAME, UNREADABLE),
        ({"bio.primary": ""}, DIFFERENT, UNREADABLE),
        ({}, UNREADABLE, UNREADABLE),
    ],
)
def test_a_language_that_the_portal_hides_cannot_be_compared(shows, first, second):
    """A portal with plain strings shows the first language and says nothing of the other."""
    desired = member("a", values={"bio.primary": "P", "bio.secondary": "S"})
    agent = user(1, values=shows)
    assert compare(BIO, "bio.primary", desired, agent) is first
    assert compare(BIO, "bio.secondary", desired, agent) is second


def test_an_identifier_is_called_as_a_file_spells_it():
    """`propertyfinder.id` is in a section; `externalId` is itself."""
    assert Identifier("id", "pin", written="propertyfinder.id").spelling == "propertyfinder.id"
    assert [each.spelling for each in IDENTIFIERS] == [each.name for each in IDENTIFIERS]


PICTURE = {"id": 5, "contentType": "image/jpeg", "variants": [{"url": "https://x/128.webp"}]}


@pytest.mark.parametrize(
    ("declared", "portal", "said"),
    [
        (None, None, SAME),
        (None, PICTURE, DIFFERENT),
        ({"id": 5}, PICTURE, SAME),
        ({"id": 6}, PICTURE, DIFFERENT),
        ({"id": 5}, None, DIFFERENT),
        ({"url": "https://x/i.jpg"}, None, DIFFERENT),
        ({"url": "https://x/i.jpg"}, PICTURE, UNREADABLE),
    ],
)
def test_pictures_compare_by_id_and_are_unreadable_by_address(declared, portal, said):
    """The portal says a picture's id, never the address it was imported from."""
    assert verdict({"avatar": declared}, {"avatar": portal}, "avatar") is said


ALL = {"description.ru": "Р", "description.en": "E", "description.ro": "R"}
ALIKE = dict.fromkeys(ALL, "X")


@pytest.mark.parametrize(
    ("declared", "portal", "path", "said"),
    [
        # one string declared, one shown
        ({"description": "X"}, {"description": "X\r\n"}, "description", SAME),
        ({"description": "X"}, {"description": "Y"}, "description", DIFFERENT),
        ({"description": ""}, {"description": None}, "description", SAME),
        ({"description": "X"}, {"description": None}, "description", DIFFERENT),
        # one string declared, each language shown
        ({"description": "X"}, ALIKE, "description", SAME),
        ({"description": "X"}, {**ALIKE, "description.ro": ""}, "description", DIFFERENT),
        # a language declared and shown
        ({"description.ru": "Р"}, ALL, "description.ru", SAME),
        ({"description.ru": "Y"}, ALL, "description.ru", DIFFERENT),
        ({"description.ru": ""}, {**ALL, "description.ru": ""}, "description.ru", SAME),
        # languages declared, one string shown: it may be any of them
        (ALL, {"description": "Р"}, "description.ru", UNREADABLE),
        (ALL, {"description": "Р"}, "description.en", UNREADABLE),
        (ALL, {"description": "Y"}, "description.en", DIFFERENT),
        (ALL, {"description": None}, "description.en", DIFFERENT),
        (ALIKE, {"description": "X"}, "description.ru", SAME),
        (ALIKE, {"description": "Y"}, "description.ru", DIFFERENT),
        ({"description.ru": "Р"}, {"description": "Р"}, "description.ru", UNREADABLE),
        ({"description.ru": "Р"}, {"description": "E"}, "description.ru", UNREADABLE),
        ({"description.ru": "Р"}, {"description": ""}, "description.ru", DIFFERENT),
        ({"description.ru": ""}, {"description": ""}, "description.ru", UNREADABLE),
        (dict.fromkeys(ALL, ""), {"description": None}, "description.ru", SAME),
    ],
)
def test_texts_compare_as_far_as_the_portal_shows_their_languages(declared, portal, path, said):
    """One shown string may be any language, or all: only what follows from it is the same or not."""
    assert verdict(declared, portal, path) is said


@given(st.dictionaries(st.sampled_from([*LANGUAGES]), WORDS, min_size=1), WORDS)
def test_a_language_is_the_same_as_one_string_only_if_that_cannot_be_wrong(texts, said):
    """Whichever language (or all) the one string is, a language called the same has that text;
    one called different has another in every portal that shows this string and took all texts."""
    declared = {f"description.{part}": value for part, value in texts.items()}
    for path, want in declared.items():
        result = verdict(declared, {"description": said}, path)
        whole = len(texts) == len(LANGUAGES)
        if result is SAME:
            assert whole
            assert {text(each) for each in texts.values()} == {text(said)}
        if result is DIFFERENT:
            empty = text(said) == "" != text(want)
            assert empty or (whole and text(said) not in map(text, texts.values()))


def test_what_is_shown_is_the_path_or_the_string_that_stands_for_it():
    """A language's own text, else the one string; for one string, the languages if any has text."""
    field = BY_NAME["description"]
    string, each = live(1, values={"description": "X"}), live(1, values=ALL)
    assert shown(field, "description.en", each) == "E"
    assert shown(field, "description.en", string) == "X"
    assert shown(field, "description", each) == {"ru": "Р", "en": "E", "ro": "R"}
    bare = type(string)("rentix", 1, "", {}, {})
    assert shown(field, "description", bare) is None
    assert shown(BY_NAME["name"], "name", bare) is None


def test_a_picture_counts_by_its_id_alone():
    """Sizes and addresses of its variants may change without the picture becoming another."""
    assert canonical(BY_NAME["avatar"], PICTURE) == {"id": 5}
    assert canonical(BY_NAME["avatar"], {"url": "https://x"}) == {"url": "https://x"}


@given(
    st.sampled_from(FIELDS),
    st.none() | WORDS | st.booleans(),
    st.none() | WORDS | st.booleans(),
)
def test_digests_are_equal_exactly_where_values_are(field, one, other):
    """The memory tells two values apart if and only if a comparison would."""
    same = canonical(field, one) == canonical(field, other)
    assert (digest(field, one) == digest(field, other)) is same


@pytest.mark.parametrize(
    ("sort", "value", "kept"),
    [
        (Sort.TEXT, "Иван", "c635e3dc69593ef7"),
        (Sort.TEXTS, "Р\r\nE\n", "8b1347e94ce3312b"),
        (Sort.LINK, "https://www.instagram.com/i/?utm_source=x", "686a7330264a8dba"),
        (Sort.MAILBOX, " Ivan@Agency.example", "78fcfa16ce1d5354"),
        (Sort.PHONE, "+373 22 123-456", "4ddd85a5dc2366a7"),
        (Sort.CODES, ["ru", "en"], "14745bf5fcf88451"),
        (Sort.PICTURE, {"id": 5, "variants": []}, "610a16bacc5bee44"),
    ],
)
def test_a_ledger_that_was_written_before_is_understood(sort, value, kept):
    """Other digests of the same values would make of all that is remembered a drift."""
    assert digest(Field("x", sort), value) == kept


def test_a_text_counts_without_its_last_line_end():
    """In the memory as in a comparison."""
    field = BY_NAME["description"]
    assert digest(field, "Р\r\n") == digest(field, "Р")
    assert digest(field, "Р ") != digest(field, "Р")


def test_digests_take_any_order_of_keys_and_any_string():
    """Neither the order in a file nor half a surrogate pair matters."""
    name = BY_NAME["name"]
    assert digest(name, {"a": 1, "b": 2}) == digest(name, {"b": 2, "a": 1})
    assert digest(name, "\ud800") != digest(name, "\ud801")
