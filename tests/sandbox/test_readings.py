"""What every reading of every doubt changes (docs/portals/rentix.md, "Doubts")."""

from __future__ import annotations

import itertools

import pytest

from reconciler.sandbox import Limits, Readings
from reconciler.sandbox.agent import SOCIAL
from reconciler.sandbox.state import Agency

CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")
NEW = {"externalId": "new", "name": "Ion", "phone": "022 33-44-55"}


@pytest.fixture
def under(state):
    """Return a function that sets readings."""

    def under(**readings):
        state.readings = Readings(**readings)

    return under


def test_combinations_of_readings():
    """All, those of some doubts, or one change at a time; without duplicates."""
    choices = Readings.choices()
    some = list(Readings.every("creation", "strings"))
    assert len(some) == len(set(some)) == 6
    assert next(Readings.every()) == Readings()
    assert len(set(itertools.islice(Readings.every(), 5000))) == 5000
    each = list(Readings.each())
    assert each[0] == Readings()
    assert len(each) == len(set(each)) == 1 + sum(len(values) - 1 for values in choices.values())
    for name, values in choices.items():
        assert {getattr(reading, name) for reading in each} == set(values)
        assert getattr(Readings(), name) == values[0]


def test_readings_and_limits_are_switches():
    """The name of a case is what to type to reproduce it."""
    assert str(Readings()) == "defaults"
    assert str(Readings(bulk_by_id="refused")) == "--bulk-by-id refused"
    assert Limits(rate_limit=5).flags() == ["--rate-limit", "5"]


def test_creation_by_invitation(api):
    """Doubt 1: a new externalId is not found, in a bulk request either."""
    assert api("PUT", "/users", NEW)[1]["message"] == "User not found"
    assert api("POST", "/users/bulk", {"operations": [{"op": "upsert", **NEW}]})[0] == 422


def test_creation_by_put(api, under):
    """Doubt 1: name and phone create an agent with all channels on and an international phone."""
    under(creation="upsert")
    assert api("PUT", "/users", NEW) == (200, {"id": 3, "externalId": "new", "created": True})
    shown = api("GET", "/users/3")[1]
    assert (shown["name"], shown["phone"]) == ("Ion", "+37322334455")
    assert shown["settings"] == {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)}
    again = {"id": 3, "externalId": "new", "updated": True}
    assert api("PUT", "/users", {**NEW, "name": "Ana"}) == (200, again)


def test_creation_in_a_bulk(api, under):
    """Doubt 1: a bulk upsert creates an agent too, with its other fields."""
    under(creation="upsert")
    operation = {"op": "upsert", **NEW, "settings": {"contact_viber": False}, "description": "x"}
    body = api("POST", "/users/bulk", {"operations": [operation]})[1]
    assert body["results"] == [{"op": "upsert", "externalId": "new", "id": 3, "success": True}]
    shown = api("GET", "/users/3")[1]
    assert (shown["settings"]["contact_viber"], shown["description"]) == (False, "x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "x"}, ["phone is required to create a user"]),
        ({"phone": "+37322123456"}, ["name is required to create a user"]),
        ({}, ["name is required to create a user", "phone is required to create a user"]),
        ({"name": " ", "phone": "+37322123456"}, ["name is required to create a user"]),
        ({"name": "x", "phone": "12"}, "Invalid phone number format"),
    ],
)
def test_creation_needs_name_and_phone(api, under, body, message):
    """Doubt 1: without them, nothing is created."""
    under(creation="upsert")
    status, answer = api("PUT", "/users", {"externalId": "new", **body})
    assert (status, answer["message"]) == (400, message)
    assert len(api("GET", "/users")[1]["items"]) == 2


def test_an_unknown_id_is_never_created(api, under):
    """Doubt 1: only an externalId creates an agent."""
    under(creation="upsert")
    assert api("PUT", "/users", {"id": 9, "name": "x", "phone": "+37322123456"})[0] == 404


@pytest.mark.parametrize(
    ("phone", "stored"),
    [
        ("+373 22 123 456", "+37322123456"),
        ("0037322123456", "+37322123456"),
        ("(022) 123-456", "+37322123456"),
        ("22123456", "+37322123456"),
        ("37322123456", "+37322123456"),
        ("+40 721 234 567", "+40721234567"),
    ],
)
def test_phones_become_international(api, state, under, phone, stored):
    """Doubt 1: the phone is stored in international form."""
    under(creation="upsert")
    assert api("PUT", "/users", {**NEW, "phone": phone})[0] == 200
    assert state.store.by_external_id("new").phone == stored


def test_phone_of_an_existing_agent(api, under):
    """Doubt 2: it is ignored or refused, and never changed."""
    assert api("PUT", "/users", {"id": 1, "name": "A", "phone": "+1"})[0] == 200
    under(phone_on_existing="refused")
    status, body = api("PUT", "/users", {"id": 1, "name": "B", "phone": "+1"})
    assert (status, body["message"]) == (400, ["phone cannot be changed"])
    shown = api("GET", "/users/1")[1]
    assert (shown["name"], shown["phone"]) == ("A", "+37322123456")


@pytest.mark.parametrize(
    ("readings", "put", "shown"),
    [
        ({}, "x", "x"),
        ({}, {"ru": "р", "ro": "o"}, {"ru": "р", "en": "Sells flats", "ro": "o"}),
        ({"description_partial": "replace"}, {"ro": "o"}, {"ru": None, "en": None, "ro": "o"}),
        (
            {"description_partial": "replace", "description_empty": "blank"},
            {"ro": "o"},
            {"ru": "", "en": "", "ro": "o"},
        ),
        (
            {"description_partial": "replace", "description_empty": "omitted"},
            {"ro": "o"},
            {"ro": "o"},
        ),
        ({"description": "object"}, "x", {"ru": "x", "en": "x", "ro": "x"}),
        ({"description": "string"}, {"ru": "р", "en": "e"}, "р"),
        ({"description": "string", "description_language": "en"}, {"ru": "р", "en": "e"}, "e"),
        ({"description": "string", "description_language": "ro"}, {"ru": "р"}, "Sells flats"),
        (
            {"description": "string", "description_partial": "replace"},
            {"en": "e", "ro": "o"},
            "e",
        ),
        ({"description": "string"}, "", ""),
    ],
)
def test_how_get_shows_a_description(api, under, readings, put, shown):
    """Doubt 3: as sent, as one language or as an object; merged or replaced."""
    under(**readings)
    assert api("PUT", "/users", {"id": 1, "description": put})[0] == 200
    assert api("GET", "/users/1")[1]["description"] == shown
    assert api("GET", "/users")[1]["items"][0]["description"] == shown


@pytest.mark.parametrize("shown", ["as-put", "string", "object"])
def test_the_store_has_every_language(api, state, under, shown):
    """Doubt 3: whatever GET shows, a test can read the truth."""
    under(description=shown)
    api("PUT", "/users", {"id": 1, "description": {"ru": "р"}})
    agent = state.store.by_id(1)
    assert agent.description == {"ru": "р", "en": "Sells flats", "ro": "Sells flats"}
    assert not agent.description_put_as_string


def picture(api):
    """Return the id of the picture that the list shows for Ivan."""
    avatar = api("GET", "/users")[1]["items"][0]["avatar"]
    return avatar and avatar["id"]


def put_picture(api, avatar):
    """Send a picture for Ivan; the response is that of any update."""
    assert api("PUT", "/users", {"id": 1, "avatar": avatar})[0] == 200


def test_a_picture_imported_at_once(api, state):
    """Doubt 4: each import has its own id, even for the same URL."""
    put_picture(api, {"url": "https://x.md/a.jpg"})
    first = picture(api)
    put_picture(api, {"url": "https://x.md/a.jpg"})
    assert 5 != first != picture(api)
    assert state.store.by_id(1).avatar_source == "https://x.md/a.jpg"
    put_picture(api, {"id": first})
    assert state.store.by_id(1).avatar_source == "https://x.md/a.jpg"
    put_picture(api, None)
    assert picture(api) is None
    assert state.store.by_id(1).avatar_source is None


def test_a_picture_imported_late(api, state, under):
    """Doubt 4: the list shows the old picture that many times; single GETs do not count."""
    under(avatar_import="late")
    state.limits = Limits(import_reads=2)
    put_picture(api, {"url": "https://x.md/a.jpg"})
    assert api("GET", "/users/1")[1]["avatar"]["id"] == 5
    assert state.store.by_id(1).avatar_pending == {"url": "https://x.md/a.jpg", "reads": 2}
    assert [picture(api) for _ in range(4)] == [5, 5, 1001, 1001]
    assert state.store.by_id(1).avatar_pending is None
    assert state.store.by_id(1).avatar_source == "https://x.md/a.jpg"


@pytest.mark.parametrize("newer", [None, {"id": 7}])
def test_a_newer_picture_replaces_a_late_one(api, state, under, newer):
    """Doubt 4: the unfinished import is discarded."""
    under(avatar_import="late")
    put_picture(api, {"url": "https://x.md/a.jpg"})
    put_picture(api, newer)
    expected = newer and newer["id"]
    assert [picture(api) for _ in range(3)] == [expected] * 3


def test_a_late_picture_and_pages(api, state, under):
    """Doubt 4: a list in pages counts as one read, at its last page."""
    under(avatar_import="late", listing="next")
    state.limits = Limits(page_size=1)
    put_picture(api, {"url": "https://x.md/a.jpg"})
    assert [picture(api), picture(api)] == [5, 5]
    api("GET", "/users?page=2")
    assert picture(api) == 1001


def test_a_failed_import_is_silent(api, state, under):
    """Doubt 4: the response is that of an update, and the old picture stays."""
    under(avatar_import="never")
    put_picture(api, {"url": "https://x.md/a.jpg"})
    assert [picture(api) for _ in range(3)] == [5] * 3
    assert state.store.by_id(1).avatar_source is None


def test_picture_ids(api, under):
    """Doubt 4: any id is accepted, or only those loaded or imported here."""
    put_picture(api, {"url": "https://x.md/a.jpg"})
    under(avatar_ids="known")
    for number in (5, 1001):
        put_picture(api, {"id": number})
        assert picture(api) == number
    status, body = api("PUT", "/users", {"id": 1, "name": "x", "avatar": {"id": 77}})
    assert status == 400
    assert body["message"] == ["avatar.id must be the id of an uploaded picture"]
    assert api("GET", "/users/1")[1]["name"] == "Ivan Petrov"
    under()
    put_picture(api, {"id": 77})
    assert picture(api) == 77


@pytest.mark.parametrize(("reading", "phone"), [("merge", False), ("replace", True)])
def test_partial_settings(api, under, reading, phone):
    """Doubt 5: omitted channels are kept, or turned on."""
    under(settings_partial=reading)
    api("PUT", "/users", {"id": 1, "settings": {"contact_phone": False}})
    api("PUT", "/users", {"id": 1, "settings": {"contact_viber": False}})
    settings = api("GET", "/users/1")[1]["settings"]
    assert (settings["contact_phone"], settings["contact_viber"]) == (phone, False)
    assert settings["posting_type"] == "agent"


@pytest.mark.parametrize(
    ("reading", "shown"), [("clears", None), ("ignored", "https://instagram.com/ivan")]
)
def test_null_for_social_links(api, under, reading, shown):
    """Doubt 6: it clears them or does nothing; a null avatar clears either way."""
    under(social_null=reading)
    body = {"id": 1, **dict.fromkeys(SOCIAL), "avatar": None}
    assert api("PUT", "/users", body)[0] == 200
    agent = api("GET", "/users/1")[1]
    assert (agent["instagram"], agent["avatar"]) == (shown, None)


@pytest.mark.parametrize(
    ("reading", "name", "description"),
    [
        ("kept", " Io\u0301n  P ", " a  e\u0301\n"),
        ("trimmed", "Io\u0301n  P", "a  e\u0301"),
        ("normalised", "I\u00f3n P", "a  \u00e9"),
    ],
)
def test_strings(api, under, reading, name, description):
    """Doubt 7: names and descriptions are kept, trimmed or normalised."""
    under(strings=reading)
    profile = {"name": " Io\u0301n  P ", "description": " a  e\u0301\n"}
    assert api("PUT", "/users", {"id": 1, **profile})[0] == 200
    agent = api("GET", "/users/1")[1]
    assert (agent["name"], agent["description"]) == (name, description)


def test_bulk_by_id_refused(api, under):
    """Doubt 8: operations by id fail, those by externalId succeed."""
    under(bulk_by_id="refused")
    operations = [
        {"op": "upsert", "id": 1, "name": "x"},
        {"op": "upsert", "externalId": "agent-001"},
    ]
    status, body = api("POST", "/users/bulk", {"operations": operations})
    assert status == 200
    assert body["results"][0]["error"] == {
        "statusCode": 400,
        "body": {"error": "User identifier required", "error_code": "VALIDATION_ERROR"},
    }
    assert body["results"][1]["success"] is True
    assert api("PUT", "/users", {"id": 1, "name": "x"})[0] == 200


@pytest.mark.parametrize("status", ["413", "400"])
def test_too_many_operations(api, state, under, status):
    """Limits: the whole bulk request is refused, and nothing is done."""
    under(bulk_refusal=status)
    operation = {"op": "upsert", "id": 1, "name": "x"}
    answer = api("POST", "/users/bulk", {"operations": [operation] * 101})
    assert answer[0] == answer[1]["statusCode"] == int(status)
    assert state.store.by_id(1).name == "Ivan Petrov"
    assert api("POST", "/users/bulk", {"operations": [operation] * 100})[0] == 200
    state.limits = Limits(bulk_limit=2)
    assert api("POST", "/users/bulk", {"operations": [operation] * 3})[0] == int(status)


def test_a_conflict_can_be_a_400(api, under):
    """Errors: the status of a conflict is not documented."""
    under(conflict_status="400")
    for number, external_id in ((2, "agent-001"), (1, "other")):
        assert api("POST", f"/users/{number}/link", {"externalId": external_id})[0] == 400


def test_pages_with_a_next_link(api, state, under):
    """Calls: each page links to the next one; the last has null."""
    under(listing="next")
    state.limits = Limits(page_size=2)
    state.load([{"id": number} for number in range(1, 6)])
    path, found = "/users", []
    while path:
        body = api("GET", path)[1]
        found += [agent["id"] for agent in body["items"]]
        path = body["next"]
    assert found == [1, 2, 3, 4, 5]
    assert api("GET", "/users?page=9")[1] == {"items": [], "next": None}


def test_pages_with_a_total_only(api, state, under):
    """Calls: only the total shows that there is more."""
    under(listing="total")
    state.limits = Limits(page_size=1)
    first, second = api("GET", "/users")[1], api("GET", "/users?page=2")[1]
    assert (first["total"], first["items"][0]["id"]) == (2, 1)
    assert (second["total"], second["items"][0]["id"]) == (2, 2)
    assert api("GET", "/users?page=3")[1] == {"items": [], "total": 2}


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "9" * 30, ""])
def test_an_invalid_page_is_a_400(api, under, page):
    """Calls: pages start at 1."""
    under(listing="next")
    assert api("GET", f"/users?page={page}")[0] == 400


def test_a_whole_list_has_no_marker(api):
    """Calls: no paging is documented; without paging, ?page= does nothing."""
    assert api("GET", "/users?page=2") == api("GET", "/users")
    assert api("GET", "/users")[1].keys() == {"items"}


@pytest.mark.parametrize("status", ["403", "404", "405", "500"])
def test_an_agency_that_is_not_shown(api, under, status):
    """Doubt 10: the call is missing, forbidden or broken, in the general form of an error."""
    under(agency=status)
    code, body = api("GET", "/agency")
    assert (code, body["statusCode"]) == (int(status), int(status))


@pytest.mark.parametrize(
    ("reading", "part"),
    [
        ("text-id", {"id": "7", "name": "Ana"}),
        ("no-name", {"id": 7}),
        ("no-id", {"id": None, "name": "Ana"}),
    ],
)
def test_forms_of_the_agency(api, state, under, reading, part):
    """Doubt 10: the rest is as documented."""
    state.agency = Agency(7, "Ana")
    under(agency=reading)
    rest = {"status": "active", "isCrmEnabled": True, "limits": {}}
    assert api("GET", "/agency") == (200, {**part, **rest})


def test_an_agency_in_another_document(api, client, under):
    """Doubt 10: in a list, or a page of a gateway."""
    under(agency="list")
    assert api("GET", "/agency")[1][0]["id"] == 1
    under(agency="html")
    answer = client.get("/agency")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
