"""What every reading of every doubt changes (docs/portals/propertyfinder.md, "Doubts")."""

from __future__ import annotations

import pytest

from reconciler.sandbox.propertyfinder import Limits, Readings

NEW = {
    "email": "ana@agency.example",
    "firstName": "Ana",
    "lastName": "Rusu",
    "mobile": "+373 69 111 222",
    "roleId": 3,
    "publicProfile": {"name": "Ana Rusu", "email": "ana@x.md", "phone": "+373 22 123 456"},
}


@pytest.fixture
def under(pf_state):
    """Return a function that sets readings."""

    def under(**readings):
        pf_state.readings = Readings(**readings)

    return under


@pytest.fixture
def user(pf):
    """Return a function that returns Ivan as the list shows him."""
    return lambda: pf("GET", "/v1/users?id=11")[1]["data"][0]


@pytest.fixture
def put(pf):
    """Return a function that changes Ivan's public profile."""

    def put(**profile):
        assert pf("PATCH", "/v1/public-profiles/901", profile) == (204, None)

    return put


def test_readings_and_limits_are_switches():
    """The name of a case is what to type to reproduce it; the prefix is the portal's."""
    assert str(Readings()) == "defaults"
    assert str(Readings(deactivate_by="status")) == "--pf-deactivate-by status"
    assert Limits(token_lifetime=5).flags() == ["--pf-token-lifetime", "5"]
    each = list(Readings.each())
    assert len(each) == len(set(each)) == 1 + sum(len(v) - 1 for v in Readings.choices().values())


def test_a_reading_that_departs_from_the_schema_says_so():
    """In its help; every reading that does not is checked in each test."""
    departing = {
        f"{name}={value}"
        for name, values in Readings.choices().items()
        for value in values
        if Readings(**{name: value}).departs()
    }
    assert departing == {
        "token_path=/oauth/token",
        "deactivate_by=status",
        "shape=older",
        "texts=string",
        "texts_taken=string",
        "patch_answer=200",
    }
    for name, each in Readings.named().items():
        values = [part.partition("=")[2] for part in departing if f"{each.name}=" in part]
        said = f"outside the vendor's schema: {', '.join(values)} "
        assert (said in Readings.help_of(each)) is bool(values), name


def test_the_shapes_of_a_user(pf, pf_state, under, user):
    """Doubt 3: the role, the hidden values, and what is not set."""
    pf("PATCH", "/v1/public-profiles/901", {"nationality": "MD", "spokenLanguages": [1]})
    hidden = ("nationality", "spokenLanguages", "experienceSince")
    cases = {
        "current": ({"role"}, (), {"large": None}),
        "more": ({"role", "roleId"}, hidden[:2], {"large": None}),
        "older": ({"roleId"}, hidden, None),
    }
    for shape, (roles, names, picture) in cases.items():
        under(shape=shape)
        shown = user()
        assert {*shown} & {"role", "roleId"} == roles
        assert {*shown["publicProfile"]} & {*hidden} == {*names}
        assert shown["publicProfile"]["imageVariants"] == picture
        assert ("phoneSecondary" in shown["publicProfile"]) is (shape == "older")


def test_a_list_without_inactive_users(pf, under):
    """Doubt 7: they are listed with the filter, whatever else is asked for."""
    for reading, found in (("all", [11, 12]), ("active", [11])):
        under(listing=reading)
        lists = [pf("GET", f"/v1/users{query}")[1]["data"] for query in ("", "?id=11,12")]
        assert [[each["id"] for each in users] for users in lists] == [found, found]
        (olga,) = pf("GET", "/v1/users?status=inactive&id=12")[1]["data"]
        assert olga["id"] == 12


def test_deactivation_by_status(pf, under, user):
    """Doubt 2: a PATCH sets the status that GET shows."""
    under(deactivate_by="status")
    assert pf("PATCH", "/v1/users/11", {"status": "inactive"}) == (204, None)
    assert user()["status"] == "inactive"
    assert pf("PATCH", "/v1/users/11", {"status": "active"}) == (204, None)
    assert user()["status"] == "active"
    assert pf("PATCH", "/v1/users/11", {"status": "gone"})[0] == 400
    assert pf("PATCH", "/v1/users/11", {"status": None})[0] == 400


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("by", "other"), [("isActive", {"status": "inactive"}), ("status", {"isActive": False})]
)
def test_the_other_deactivation_field(pf, under, user, by, other):
    """Doubt 2: it is unknown, or has no effect whatever its value."""
    under(deactivate_by=by)
    status, body = pf("PATCH", "/v1/users/11", {"firstName": "Ion", **other})
    assert (status, body["errors"][0]["detail"]) == (400, "is not known")
    under(deactivate_by=by, deactivate_other="ignored")
    assert pf("PATCH", "/v1/users/11", {"firstName": "Ion", **other}) == (204, None)
    assert (user()["firstName"], user()["status"]) == ("Ion", "active")
    assert pf("PATCH", "/v1/users/11", dict.fromkeys(other, 12)) == (204, None)
    assert pf("POST", "/v1/users", {**NEW, **other})[0] == 400


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("accepted", "as_object", "as_string"),
    [("object", 204, 400), ("string", 400, 204), ("either", 204, 204)],
)
def test_the_form_in_which_texts_are_accepted(pf, under, accepted, as_object, as_string):
    """Doubt 4: an object, a string, or either, in a creation too."""
    under(texts_taken=accepted)
    for text, status in (({"primary": "x"}, as_object), ("x", as_string), (1, 400)):
        assert pf("PATCH", "/v1/public-profiles/901", {"bio": text})[0] == status
        profile = {**NEW["publicProfile"], "position": text}
        new = {**NEW, "email": f"{type(text).__name__}@x.md", "publicProfile": profile}
        assert pf("POST", "/v1/users", new)[0] == {204: 201}.get(status, status)


@pytest.mark.parametrize(
    ("readings", "text", "shown"),
    [
        ({}, {"secondary": "s"}, {"primary": "Sells flats", "secondary": "s"}),
        ({"texts_partial": "replace"}, {"secondary": "s"}, {"primary": None, "secondary": "s"}),
        ({"texts": "string"}, {"secondary": "s"}, "Sells flats"),
        ({"texts": "string", "texts_partial": "replace"}, {"secondary": "s"}, None),
        ({"texts_taken": "string"}, "p", {"primary": "p", "secondary": None}),
        ({"texts_taken": "string", "texts": "string"}, "p", "p"),
        ({}, {"primary": ""}, {"primary": "", "secondary": None}),
        ({}, {}, {"primary": "Sells flats", "secondary": None}),
        ({"texts_partial": "replace"}, {}, {"primary": None, "secondary": None}),
    ],
)
def test_how_get_shows_a_text(under, user, put, readings, text, shown):
    """Doubt 4: in both languages or only the primary one; merged or replaced."""
    under(**readings)
    put(bio=text)
    assert user()["publicProfile"]["bio"] == shown


def test_a_string_keeps_or_empties_the_other_language(under, pf_state, put):
    """Doubt 4: a string is the primary text; a test can read the truth."""
    put(bio={"secondary": "s"})
    under(texts="string", texts_taken="string")
    put(bio="p")
    assert pf_state.users.by_id(11).profile["bio"] == {"primary": "p", "secondary": "s"}
    under(texts="string", texts_taken="string", texts_partial="replace")
    put(bio="q")
    assert pf_state.users.by_profile_id(901).profile["bio"] == {"primary": "q", "secondary": None}


@pytest.fixture
def picture(user):
    """Return a function that returns Ivan's picture as the list shows it."""
    return lambda: user()["publicProfile"]["imageVariants"]["large"]


def test_a_picture_imported_at_once(pf_state, put, picture):
    """Doubt 5: each import has its own addresses, even for the same URL."""
    assert picture() is None
    put(imageUrl="https://x.md/a.jpg")
    first = picture()
    assert first["default"] == "https://cdn.propertyfinder.example/901/1.webp"
    put(name="x")
    assert picture() == first
    put(imageUrl="https://x.md/a.jpg")
    assert picture() not in (None, first)
    assert pf_state.users.by_id(11).picture_source == "https://x.md/a.jpg"


def test_a_picture_imported_after_some_reads(pf, pf_state, under, put, picture):
    """Doubt 5: lists with this user show the old picture that many times."""
    put(imageUrl="https://x.md/a.jpg")
    old = picture()
    under(picture_import="after-reads")
    pf_state.limits = Limits(import_reads=2)
    put(imageUrl="https://x.md/b.jpg")
    pf("GET", "/v1/users?id=12")
    assert [picture() == old for _ in range(4)] == [True, True, False, False]
    user = pf_state.users.by_id(11)
    assert (user.picture_pending, user.picture_source) == (None, "https://x.md/b.jpg")


def test_a_picture_imported_after_some_time(pf_state, clock, under, put, picture):
    """Doubt 5: only the sandbox's clock counts, not the number of reads."""
    under(picture_import="after-time")
    pf_state.limits = Limits(import_time=9.5)
    put(imageUrl="https://x.md/a.jpg")
    assert [picture() for _ in range(3)] == [None] * 3
    clock.now += 9
    assert picture() is None
    clock.now += 1
    assert picture() is not None


def test_a_newer_picture_replaces_a_late_one(pf_state, under, put, picture):
    """Doubt 5: the unfinished import is discarded."""
    under(picture_import="after-reads")
    put(imageUrl="https://x.md/a.jpg")
    put(imageUrl="https://x.md/b.jpg")
    picture()
    assert picture() is not None
    assert pf_state.users.by_id(11).picture_source == "https://x.md/b.jpg"


def test_a_failed_import_is_silent(pf, pf_state, under, put, picture):
    """Doubt 5: the response does not mention it, and the old picture stays."""
    put(imageUrl="https://x.md/a.jpg")
    old = picture()
    under(picture_import="never")
    put(imageUrl="https://x.md/b.jpg")
    assert [picture() for _ in range(3)] == [old] * 3
    assert pf_state.users.by_id(11).picture_source == "https://x.md/a.jpg"
    new = {**NEW, "publicProfile": {**NEW["publicProfile"], "imageUrl": "https://x.md/c.jpg"}}
    assert pf("POST", "/v1/users", new)[1]["publicProfile"]["imageVariants"] == {"large": None}


def test_a_picture_over_http_never_arrives(put, picture):
    """The vendor's schema takes any address, and its import needs HTTPS."""
    put(imageUrl="http://x.md/a.jpg")
    assert picture() is None


def test_a_patch_can_return_the_user(pf, under, user):
    """Doubt 6: the response is a 200 with the user as GET shows it."""
    under(patch_answer="200")
    status, body = pf("PATCH", "/v1/users/11", {"firstName": "Ion"})
    assert (status, body) == (200, user())
    status, body = pf("PATCH", "/v1/public-profiles/901", {"name": "Ion"})
    assert (status, body, body["publicProfile"]["name"]) == (200, user(), "Ion")


@pytest.mark.parametrize("nothing", [None, []])
def test_lists_can_be_cleared(pf_state, put, nothing):
    """By null or an empty list."""
    put(spokenLanguages=[1], compliances=[{"type": "brn", "value": "1"}])
    put(spokenLanguages=nothing, compliances=nothing)
    profile = pf_state.users.by_id(11).profile
    assert (profile["spokenLanguages"], profile["compliances"]) == ([], [])


@pytest.mark.parametrize(
    ("reading", "first", "email", "phone", "bio"),
    [
        ("kept", " Io\u0301n  P ", "Ion@X.md", "+373 (22) 12-34-56", " a  e\u0301\n"),
        ("trimmed", "Io\u0301n  P", "Ion@X.md", "+373 (22) 12-34-56", "a  e\u0301"),
        ("normalised", "I\u00f3n P", "ion@x.md", "+37322123456", "a  \u00e9"),
    ],
)
def test_strings(pf, under, user, put, reading, first, email, phone, bio):
    """Strings are kept, trimmed or normalised, in a creation too."""
    under(strings=reading)
    name = " Io\u0301n  P "
    assert pf("PATCH", "/v1/users/11", {"firstName": name, "email": "Ion@X.md"})[0] == 204
    put(name=name, phone="+373 (22) 12-34-56", bio={"primary": " a  e\u0301\n"})
    shown = user()
    profile = shown["publicProfile"]
    assert (shown["firstName"], shown["email"]) == (first, email)
    assert (profile["name"], profile["phone"], profile["bio"]["primary"]) == (first, phone, bio)
    new = {**NEW, "firstName": name, "publicProfile": {**NEW["publicProfile"], "name": name}}
    user = pf("POST", "/v1/users", new)[1]
    assert (user["firstName"], user["publicProfile"]["name"]) == (first, first)
