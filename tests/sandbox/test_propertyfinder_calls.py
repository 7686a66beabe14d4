"""Property Finder's calls and errors (docs/portals/propertyfinder.md)."""

from __future__ import annotations

import httpx
import pytest
from propertyfinder_schema import API
from starlette.responses import HTMLResponse

from reconciler.sandbox import LoadError
from reconciler.sandbox.propertyfinder import Readings, facts

PROFILE = {
    "name": "Ana Rusu",
    "email": "public@agency.example",
    "phone": "+373 22 123 456",
    "phoneSecondary": "022 (33) 44-55",
    "whatsappPhone": "+37369123456",
    "imageUrl": "https://x.md/a.jpg",
    "bio": {"primary": "Sells", "secondary": "Vinde"},
    "position": {"primary": "Broker", "secondary": ""},
    "linkedinAddress": "https://linkedin.com/in/ana",
    "experienceSince": 2012,
    "nationality": "MD",
    "spokenLanguages": [1, 34, 6],
    "compliances": [{"type": "brn", "value": "1", "expiryDate": "2027-01-31"}],
}
HIDDEN = ("imageUrl", "experienceSince", "nationality", "spokenLanguages")
AGENT = {
    "id": 3,
    "name": "Agent",
    "roleKey": "agent",
    "baseRoleKey": "agent",
    "isCustom": False,
}
SHOWN = {
    "type": "brn",
    "value": "1",
    "status": "active",
    "expiryDate": "2027-01-31T00:00:00+04:00",
    "reason": None,
}
NEW = {
    "email": "ana@agency.example",
    "firstName": "Ana",
    "lastName": "Rusu",
    "mobile": "+373 69 111 222",
    "roleId": 3,
    "publicProfile": PROFILE,
}


def problems(answer):
    """Return the status of an error, and its problems by pointer."""
    status, body = answer
    assert body["status"] == status
    return status, [(each["pointer"], each["detail"]) for each in body["errors"]]


def test_list_shows_every_user(pf):
    """GET /v1/users shows all users; a last name and a public profile can be null, and what is not
    set is omitted."""
    status, body = pf("GET", "/v1/users")
    assert status == 200
    assert body["pagination"] == {
        "total": 2,
        "page": 1,
        "perPage": 50,
        "totalPages": 1,
        "nextPage": None,
        "prevPage": None,
    }
    assert body["data"] == [
        {
            "id": 11,
            "firstName": "Ivan",
            "lastName": "Petrov",
            "email": "ivan@agency.example",
            "mobile": "+373 69 123 456",
            "status": "active",
            "role": AGENT,
            "callTracking": None,
            "createdAt": "2026-01-01T00:00:00Z",
            "publicProfile": {
                "id": 901,
                "name": "Ivan Petrov",
                "email": "ivan@agency.example",
                "phone": "+373 69 123 456",
                "bio": {"primary": "Sells flats", "secondary": None},
                "position": {"primary": None, "secondary": None},
                "imageVariants": {"large": None},
                "verification": None,
                "compliances": [],
                "isSuperAgent": False,
            },
        },
        {
            "id": 12,
            "firstName": "Olga",
            "lastName": None,
            "email": "olga@agency.example",
            "mobile": "+373 69 000012",
            "status": "inactive",
            "role": {
                "id": 17,
                "name": "Role 17",
                "roleKey": "role_17",
                "baseRoleKey": "basic_user",
                "isCustom": True,
            },
            "callTracking": None,
            "createdAt": "2026-01-01T00:00:00Z",
            "publicProfile": None,
        },
    ]


@pytest.mark.parametrize(
    ("query", "found", "links"),
    [
        ("perPage=2", [1, 2], (3, 2, None)),
        ("perPage=2&page=2", [3, 4], (3, 3, 1)),
        ("perPage=2&page=3", [5], (3, None, 2)),
        ("perPage=2&page=4", [], (3, None, 3)),
        ("perPage=5", [1, 2, 3, 4, 5], (1, None, None)),
        ("perPage=100", [1, 2, 3, 4, 5], (1, None, None)),
    ],
)
def test_pages(pf, pf_state, query, found, links):
    """A page has the total and the number of the next page."""
    pf_state.load([{"id": number} for number in (3, 1, 5, 2, 4)])
    body = pf("GET", f"/v1/users?{query}")[1]
    assert [user["id"] for user in body["data"]] == found
    pagination = body["pagination"]
    assert (pagination["totalPages"], pagination["nextPage"], pagination["prevPage"]) == links
    assert pagination["total"] == 5


def test_an_empty_list_has_no_pages(pf, pf_state):
    """The number of pages is 0."""
    pf_state.load([])
    body = pf("GET", "/v1/users")[1]
    assert (body["data"], body["pagination"]["totalPages"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=active", [11]),
        ("status=inactive", [12]),
        ("roleId=17", [12]),
        ("search=PETROV", [11]),
        ("search=agency.example&status=inactive", [12]),
        ("email=olga@agency.example", [12]),
        ("email=IVAN%40agency.example,nobody@x.md", [11]),
        ("email=", []),
        ("id=12,99", [12]),
        ("publicProfileId=901", [11]),
        ("publicProfileId=11", []),
        ("status=active&roleId=17", []),
    ],
)
def test_filters(pf, query, found):
    """A user matches every filter; ids and e-mails by one of the values."""
    body = pf("GET", f"/v1/users?{query}")[1]
    assert [user["id"] for user in body["data"]] == found
    assert body["pagination"]["total"] == len(found)


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page=0", "/page"),
        ("page=x", "/page"),
        ("perPage=0", "/perPage"),
        ("perPage=101", "/perPage"),
        ("status=archived", "/status"),
        ("status=active,inactive", "/status"),
        ("roleId=x", "/roleId"),
        ("roleId=3,17", "/roleId"),
        ("id=", "/id"),
        ("publicProfileId=1,,2", "/publicProfileId"),
        ("mail=x", "/mail"),
    ],
)
def test_an_invalid_query_is_a_400(pf, query, pointer):
    """This covers pages, filters and unknown names."""
    status, found = problems(pf("GET", f"/v1/users?{query}"))
    assert (status, [where for where, _ in found]) == (400, [pointer])


def test_a_creation_returns_the_user_with_both_ids(pf, pf_state):
    """POST /v1/users answers 201 with the user as GET shows it."""
    status, user = pf("POST", "/v1/users", NEW)
    assert status == 201
    assert (user["id"], user["publicProfile"]["id"], user["status"]) == (13, 900_001, "active")
    for key in ("email", "firstName", "lastName", "mobile", "roleId"):
        assert user[key] == NEW[key]
    shown = user["publicProfile"]
    assert not {*HIDDEN} & {*shown}
    expected = {key: value for key, value in PROFILE.items() if key not in HIDDEN}
    assert {key: shown[key] for key in expected} == {**expected, "compliances": [SHOWN]}
    assert shown["imageVariants"]["large"].keys() == {"default", "jpg", "webp"}
    (listed,) = pf("GET", "/v1/users?email=ana@agency.example")[1]["data"]
    assert listed["role"] == AGENT
    assert {key: listed[key] for key in user if key != "roleId"} == {
        key: value for key, value in user.items() if key != "roleId"
    }
    stored = pf_state.users.by_id(13)
    assert stored.picture_source == "https://x.md/a.jpg"
    assert {key: stored.profile[key] for key in HIDDEN[1:]} == {
        key: PROFILE[key] for key in HIDDEN[1:]
    }


CONTACTS = {"name": "B", "email": "b@x.md", "phone": "+373 22 123 456"}


def test_a_minimal_creation(pf):
    """A public profile needs a name, an e-mail and a phone."""
    status, user = pf("POST", "/v1/users", {**NEW, "publicProfile": CONTACTS})
    assert status == 201
    profile = user["publicProfile"]
    assert (profile["id"], profile["name"]) == (900_001, "B")
    assert profile["bio"] == {"primary": None, "secondary": None}
    again = {**NEW, "email": "b@x.md", "publicProfile": CONTACTS}
    assert pf("POST", "/v1/users", again)[1]["publicProfile"]["id"] == 900_002


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"email": "x"}, ("/email", "must be an e-mail address")),
        ({"email": None}, ("/email", "must be an e-mail address")),
        ({"firstName": "A"}, ("/firstName", "must be a string of 2 or more characters")),
        ({"lastName": 12}, ("/lastName", "must be a string of 2 or more characters")),
        ({"mobile": "12345"}, ("/mobile", "must be a phone number")),
        ({"mobile": "+373 69 123 456 ext"}, ("/mobile", "must be a phone number")),
        ({"mobile": "(022) 33-44-55"}, ("/mobile", "must be a phone number")),
        ({"mobile": "++37369123456"}, ("/mobile", "must be a phone number")),
        ({"roleId": "3"}, ("/roleId", "must be an integer")),
        ({"roleId": True}, ("/roleId", "must be an integer")),
        ({"publicProfile": None}, ("/publicProfile", "must be an object")),
        ({"status": "active"}, ("/status", "is not known")),
        ({"isActive": True}, ("/isActive", "is not known")),
        ({"a/b~c": 1}, ("/a~1b~0c", "is not known")),
    ],
)
def test_an_invalid_creation_is_a_400(pf, change, expected):
    """The error points to the problem, and no user is created."""
    assert problems(pf("POST", "/v1/users", NEW | change)) == (400, [expected])
    assert pf("GET", "/v1/users")[1]["pagination"]["total"] == 2


@pytest.mark.refusals
def test_all_problems_are_listed(pf):
    """This covers missing and invalid values, in the public profile too."""
    body = {"firstName": "A", "publicProfile": {"phone": "x", "bio": {"en": "x"}}}
    status, found = problems(pf("POST", "/v1/users", body))
    assert status == 400
    assert found == [
        ("/lastName", "is required"),
        ("/email", "is required"),
        ("/mobile", "is required"),
        ("/roleId", "is required"),
        ("/firstName", "must be a string of 2 or more characters"),
        ("/publicProfile/name", "is required"),
        ("/publicProfile/email", "is required"),
        ("/publicProfile/phone", "must be a phone number"),
        ("/publicProfile/bio/en", "is not known"),
    ]


@pytest.mark.refusals
@pytest.mark.parametrize("body", [[], 1, "x", None])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/users"),
        ("PATCH", "/v1/users/11"),
        ("PATCH", "/v1/public-profiles/901"),
        ("POST", "/v1/auth/token"),
    ],
)
def test_a_body_is_an_object(pf_client, pf_state, method, path, body):
    """Any other JSON is a 400 that points to the root."""
    answer = pf_client.request(
        method,
        path,
        content="null" if body is None else httpx.Request("GET", "http://x", json=body).content,
        headers={"Content-Type": "application/json"},
    )
    expected = (400, [("", "must be an object")])
    assert problems((answer.status_code, answer.json())) == expected


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, ("/name", "must be a string")),
        ({"email": None}, ("/email", "must be an e-mail address")),
        ({"phone": None}, ("/phone", "must be a phone number")),
        ({"phoneSecondary": "x"}, ("/phoneSecondary", "must be a phone number")),
        ({"whatsappPhone": 1}, ("/whatsappPhone", "must be a phone number")),
        ({"imageUrl": "https://x.md/ф.jpg"}, ("/imageUrl", "must be a URI")),
        ({"imageUrl": "https://x.md/a b.jpg"}, ("/imageUrl", "must be a URI")),
        ({"imageUrl": None}, ("/imageUrl", "must be a URI")),
        ({"bio": "x"}, ("/bio", "must be an object")),
        ({"bio": {"primary": 1}}, ("/bio/primary", "must be a string")),
        ({"position": {"en": "x"}}, ("/position/en", "is not known")),
        ({"linkedinAddress": 1}, ("/linkedinAddress", "must be a URI")),
        ({"linkedinAddress": ""}, ("/linkedinAddress", "must be a URI")),
        ({"bio": {"primary": None}}, ("/bio/primary", "must be a string")),
        ({"position": None}, ("/position", "must be an object")),
        ({"experienceSince": 99}, ("/experienceSince", "must be a year of four digits")),
        ({"experienceSince": "2012"}, ("/experienceSince", "must be a year of four digits")),
        ({"nationality": "MC"}, ("/nationality", "must be the code of a country")),
        ({"nationality": ""}, ("/nationality", "must be the code of a country")),
        ({"nationality": None}, ("/nationality", "must be the code of a country")),
        ({"spokenLanguages": "en"}, ("/spokenLanguages", "must be an array")),
        ({"spokenLanguages": [1, 31]}, ("/spokenLanguages/1", "must be the id of a language")),
        ({"spokenLanguages": ["1"]}, ("/spokenLanguages/0", "must be the id of a language")),
        ({"spokenLanguages": [1, 2, 1]}, ("/spokenLanguages/2", "must not appear twice")),
        ({"compliances": {}}, ("/compliances", "must be an array")),
        ({"compliances": ["1"]}, ("/compliances/0", "must be an object")),
        ({"compliances": [{"type": "brn"}]}, ("/compliances/0/value", "is required")),
        (
            {"compliances": [{"type": "brn", "value": "1", "expiryDate": "2027-02-29"}]},
            ("/compliances/0/expiryDate", "must be a date"),
        ),
        ({"imageVariants": {}}, ("/imageVariants", "is not known")),
        ({"id": 901}, ("/id", "is not known")),
    ],
)
def test_an_invalid_public_profile_is_a_400(pf, change, expected):
    """PATCH and POST have the same checks, with pointers into their own body."""
    before = pf("GET", "/v1/users")
    assert problems(pf("PATCH", "/v1/public-profiles/901", change)) == (400, [expected])
    pointer, detail = expected
    found = problems(pf("POST", "/v1/users", {**NEW, "publicProfile": PROFILE | change}))
    assert found == (400, [("/publicProfile" + pointer, detail)])
    assert pf("GET", "/v1/users") == before


def test_lists_of_values_are_the_vendors():
    """Countries and languages are those of the vendor's document."""
    profile = API["components"]["schemas"]["public_profile"]["properties"]
    assert sorted(facts.NATIONALITIES) == profile["nationality"]["enum"]
    assert sorted(facts.LANGUAGES) == profile["spokenLanguages"]["items"]["enum"]
    base = API["components"]["schemas"]["Role"]["properties"]["baseRoleKey"]["enum"]
    assert [*facts.BASE_ROLES] == base


def test_a_patch_changes_only_the_given_fields(pf):
    """The user's id is for the private part, the profile's for the public one; both answer 204."""
    before = pf("GET", "/v1/users?id=11")[1]["data"][0]
    account = {
        "firstName": "Ion",
        "lastName": "Popa",
        "email": "ion@agency.example",
        "mobile": "+373 69 999 999",
        "roleId": "17",
    }
    assert pf("PATCH", "/v1/users/11", account) == (204, None)
    changed = {key: value for key, value in account.items() if key != "roleId"}
    changed["role"] = pf("GET", "/v1/users?id=12")[1]["data"][0]["role"]
    assert pf("GET", "/v1/users?id=11")[1]["data"][0] == {**before, **changed}
    profile = {key: value for key, value in PROFILE.items() if key not in HIDDEN}
    assert pf("PATCH", "/v1/public-profiles/901", profile) == (204, None)
    shown = {**before["publicProfile"], **profile, "compliances": [SHOWN]}
    after = {**before, **changed, "publicProfile": shown}
    assert pf("GET", "/v1/users?id=11")[1]["data"][0] == after
    assert pf("PATCH", "/v1/users/11", {}) == pf("PATCH", "/v1/public-profiles/901", {})


def test_deactivation_and_reactivation(pf):
    """GET shows `isActive` as the status."""
    assert pf("PATCH", "/v1/users/11", {"isActive": False}) == (204, None)
    assert pf("GET", "/v1/users?status=inactive")[1]["data"][0]["id"] == 11
    assert pf("PATCH", "/v1/users/11", {"isActive": True}) == (204, None)
    assert pf("GET", "/v1/users?id=11")[1]["data"][0]["status"] == "active"


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"roleId": 3}, ("/roleId", "must be a string of digits")),
        ({"roleId": "three"}, ("/roleId", "must be a string of digits")),
        ({"lastName": None}, ("/lastName", "must be a string")),
        ({"isActive": "false"}, ("/isActive", "must be a boolean")),
        ({"isActive": None}, ("/isActive", "must be a boolean")),
        ({"publicProfile": {}}, ("/publicProfile", "is not known")),
        ({"name": "x"}, ("/name", "is not known")),
    ],
)
def test_an_invalid_private_part_is_a_400(pf, change, expected):
    """PATCH accepts the role as a string, and no public field."""
    assert problems(pf("PATCH", "/v1/users/11", change)) == (400, [expected])


def test_business_rules(pf):
    """A login is unique ignoring case, and the role must exist; otherwise 422, and no change."""
    taken = ("/email", "is the e-mail of another user")
    role = ("/roleId", "is not a role")
    body = {**NEW, "email": "OLGA@agency.example", "roleId": 99}
    assert problems(pf("POST", "/v1/users", body)) == (422, [taken, role])
    change = {"firstName": "Ion", "email": "olga@agency.example", "roleId": "99"}
    assert problems(pf("PATCH", "/v1/users/11", change)) == (422, [taken, role])
    assert pf("GET", "/v1/users?id=11")[1]["data"][0]["firstName"] == "Ivan"
    assert pf("PATCH", "/v1/users/11", {"email": "Ivan@agency.example"}) == (204, None)


def test_roles(pf):
    """They are the vendor's, and those of the loaded users."""
    status, body = pf("GET", "/v1/roles")
    assert (status, body["data"][2]) == (200, AGENT)
    assert [tuple(each.values()) for each in body["data"]] == [
        (1, "Admin", "admin", "admin", False),
        (2, "Decision maker", "decision_maker", "decision_maker", False),
        (3, "Agent", "agent", "agent", False),
        (4, "Limited access", "limited_access", "basic_user", True),
        (17, "Role 17", "role_17", "basic_user", True),
    ]


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/v1/users/901", 404),
        ("PATCH", "/v1/public-profiles/11", 404),
        ("PATCH", "/v1/users/" + "9" * 5000, 404),
        ("PATCH", "/v1/users/x", 400),
        ("PATCH", "/v1/public-profiles/-1", 400),
        ("GET", "/v1/users/11", 405),
        ("DELETE", "/v1/users/11", 405),
        ("PUT", "/v1/users/11", 405),
        ("GET", "/v1/users/", 404),
        ("GET", "/", 404),
        ("GET", "/api/v1", 404),
        ("POST", "/oauth/token", 404),
    ],
)
def test_unknown_ids_paths_and_methods(pf, method, path, status):
    """The two kinds of id do not mix; a user can be neither deleted nor read alone."""
    assert pf(method, path, {})[0] == status


@pytest.mark.refusals
def test_a_405_lists_the_allowed_methods(pf_client, pf_state):
    """The Allow header lists them."""
    assert pf_client.get("/v1/users/11").headers["allow"] == "PATCH"


def test_both_portals_share_the_log_and_the_hooks(pf, state):
    """The path shows which portal a request was for."""
    seen = []

    async def before(call):
        seen.append((call.method, call.path, call.parameters, dict(call.query), call.body))

    async def after(call, response):
        return HTMLResponse("<h1>Bad Gateway</h1>", 502) if call.method == "PATCH" else None

    state.before.append(before)
    state.after.append(after)
    assert pf("GET", "/v1/users?page=1")[0] == 200
    with pytest.raises(ValueError):
        pf("PATCH", "/v1/users/11", {"firstName": "Ion"})
    assert state.propertyfinder.users.by_id(11).first_name == "Ion"
    body = {"firstName": "Ion"}
    assert seen == [
        ("GET", "/v1/users?page=1", (), {"page": "1"}, None),
        ("PATCH", "/v1/users/11", ("11",), {}, body),
    ]
    logged = [(each.method, each.path, each.body, each.status) for each in state.log]
    assert logged == [
        ("GET", "/v1/users?page=1", None, 200),
        ("PATCH", "/v1/users/11", body, 502),
    ]


def test_a_user_has_defaults(pf, pf_state):
    """An empty user is valid, and missing ids of both kinds are assigned."""
    pf_state.load([{}, {"id": 7, "publicProfile": {"id": 1_000_000, "bio": "x"}}, {}])
    first, second, third = pf("GET", "/v1/users")[1]["data"]
    assert [user["id"] for user in (first, second, third)] == [7, 8, 9]
    ids = [user["publicProfile"]["id"] for user in (first, second, third)]
    assert ids == [1_000_000, 1_000_001, 1_000_002]
    assert first["publicProfile"]["bio"] == {"primary": "x", "secondary": None}
    assert (second["firstName"], second["lastName"], second["status"]) == (
        "User",
        "Number 8",
        "active",
    )
    assert second["email"] == second["publicProfile"]["email"] == "user-8@agency.example"


def test_a_list_can_be_loaded(pf, pf_state):
    """Loading what GET shows restores the users, and the names of their roles."""
    pf("POST", "/v1/users", NEW)
    before = pf("GET", "/v1/users")
    pf_state.load(before[1]["data"])
    assert pf("GET", "/v1/users") == before
    pf("PATCH", "/v1/public-profiles/900001", {"imageUrl": "https://x.md/a.jpg"})
    assert pf("GET", "/v1/users") != before


def test_a_list_in_the_older_shape_can_be_loaded(pf, pf_state):
    """It has the number of the role, the hidden values, and null for what is not set."""
    pf("POST", "/v1/users", NEW)
    users = pf_state.users.all()
    pf_state.readings = Readings(shape="older")
    before = pf("GET", "/v1/users")
    pf_state.load(before[1]["data"])
    assert pf("GET", "/v1/users") == before
    hidden = [each.profile and each.profile["nationality"] for each in users]
    assert hidden == [None, None, "MD"]
    loaded = pf_state.users.all()
    assert [each.profile and each.profile["nationality"] for each in loaded] == hidden


def test_a_role_is_loaded_with_its_name(pf, pf_state):
    """Other users can have it too."""
    pf_state.load([{"id": 1, "role": {"id": 8, "name": "Broker"}}, {"id": 2}])
    assert pf("GET", "/v1/roles")[1]["data"][-1]["name"] == "Broker"
    assert pf("PATCH", "/v1/users/2", {"roleId": "8"})[0] == 204
    assert pf("GET", "/v1/users?id=2")[1]["data"][0]["role"]["name"] == "Broker"


def test_loading_replaces_the_roles(pf, pf_state):
    """A role of a loaded user exists until other users are loaded."""
    assert pf("PATCH", "/v1/users/12", {"roleId": "3"})[0] == 204
    assert pf("PATCH", "/v1/users/12", {"roleId": "17"})[0] == 204
    pf_state.load([{"id": 12}])
    assert pf("PATCH", "/v1/users/12", {"roleId": "17"})[0] == 422


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([1], "user 0 must be an object"),
        ([{"mail": 1}], "user 0 has the unknown key mail"),
        ([{"id": "1"}], "user 0: id must be a positive integer"),
        ([{"firstName": 1}], "user 0: firstName must be a string"),
        ([{"email": None}], "user 0: email must be a string"),
        ([{"mobile": 1}], "user 0: mobile must be a string"),
        ([{"status": "gone"}], "user 0: status must be one of active, inactive"),
        ([{"roleId": "3"}], "user 0: roleId must be a positive integer"),
        ([{"role": 3}], "user 0: role must be an object"),
        ([{"role": {"name": "Agent"}}], "user 0: roleId must be a positive integer"),
        ([{"publicProfile": {"email": None}}], "user 0: publicProfile.email must be a string"),
        ([{"publicProfile": 1}], "user 0: publicProfile must be an object"),
        (
            [{"publicProfile": {"imageUrl": "x"}}],
            "user 0: publicProfile has the unknown key imageUrl",
        ),
        (
            [{"publicProfile": {"id": 0}}],
            "user 0: publicProfile.id must be a positive integer",
        ),
        ([{"publicProfile": {"phone": 1}}], "user 0: publicProfile.phone must be a string"),
        ([{"publicProfile": {"bio": 1}}], "user 0: publicProfile.bio must be a string"),
        (
            [{"publicProfile": {"bio": {"en": ""}}}],
            "user 0: publicProfile.bio has the unknown key en",
        ),
        (
            [{"publicProfile": {"spokenLanguages": None}}],
            "user 0: publicProfile.spokenLanguages has the wrong type",
        ),
        (
            [{"publicProfile": {"experienceSince": "2012"}}],
            "user 0: publicProfile.experienceSince has the wrong type",
        ),
        ([{"id": 1}, {"id": 1}], "id 1 appears twice"),
        ([{"email": "a@x.md"}, {"email": "A@x.md"}], "email 'a@x.md' appears twice"),
        (
            [{"publicProfile": {"id": 5}}, {"publicProfile": {"id": 5}}],
            "publicProfile.id 5 appears twice",
        ),
    ],
)
def test_invalid_users_are_not_loaded(pf_state, users, message):
    """The error is one line, and the users in place stay."""
    with pytest.raises(LoadError) as caught:
        pf_state.load(users)
    assert str(caught.value) == message
    assert [user.id for user in pf_state.users.all()] == [11, 12]


def test_the_portals_are_separate(pf, api, state):
    """A reset of the state empties both; loading one leaves the other alone."""
    state.load([])
    assert pf("GET", "/v1/users")[1]["pagination"]["total"] == 2
    state.propertyfinder.load([{}])
    assert api("GET", "/users") == (200, {"items": []})
    state.reset()
    assert state.propertyfinder.users.all() == []
    assert pf("GET", "/v1/users")[0] == 401
