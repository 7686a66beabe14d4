"""Rentix's documented calls, responses and errors (docs/portals/rentix.md)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from reconciler.sandbox import Limits, LoadError, Readings
from reconciler.sandbox.agent import SOCIAL

CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")


def refused(status, message, error):
    """Return an error response in the general form."""
    return status, {"statusCode": status, "message": message, "error": error}


def test_list_shows_every_agent_with_every_field(api):
    """GET /users shows all agents, with phones spaced as loaded."""
    status, body = api("GET", "/users")
    assert status == 200
    assert body == {
        "items": [
            {
                "id": 1,
                "externalId": "agent-001",
                "name": "Ivan Petrov",
                "phone": "+373 22 123 456",
                "description": "Sells flats",
                "avatar": {
                    "id": 5,
                    "contentType": "image/jpeg",
                    "variants": [
                        {"url": "https://cdn.rentix.example/5/128.webp", "variantSize": "128"}
                    ],
                },
                **dict.fromkeys(SOCIAL),
                "instagram": "https://instagram.com/ivan",
                "settings": {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)},
            },
            {
                "id": 2,
                "externalId": None,
                "name": "Olga Rusu",
                "phone": "+373 69 111 222",
                "description": "",
                "avatar": None,
                **dict.fromkeys(SOCIAL),
                "settings": {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)},
            },
        ]
    }


@pytest.mark.parametrize("path", ["/users/1", "/users/external/agent-001"])
def test_a_single_get_shows_a_compact_phone(api, path):
    """The single GETs differ from the list only in the spacing of the phone."""
    listed = api("GET", "/users")[1]["items"][0]
    assert api("GET", path) == (200, {**listed, "phone": "+37322123456"})


def test_put_updates_by_id_and_by_external_id(api):
    """PUT /users changes the given fields and keeps the rest."""
    before = api("GET", "/users/1")[1]
    updated = {"id": 1, "externalId": "agent-001", "updated": True}
    assert api("PUT", "/users", {"id": 1, "name": "Ion"}) == (200, updated)
    youtube = "https://youtube.com/@ion"
    assert api("PUT", "/users", {"externalId": "agent-001", "youtube": youtube}) == (200, updated)
    assert api("GET", "/users/1")[1] == {**before, "name": "Ion", "youtube": youtube}


def test_put_returns_a_null_external_id(api):
    """The response has the agent's externalId, null if it has none."""
    updated = {"id": 2, "externalId": None, "updated": True}
    assert api("PUT", "/users", {"id": 2}) == (200, updated)


def test_put_accepts_every_field(api):
    """Every documented field is accepted and shown."""
    fields = {
        "name": "Ion",
        "description": {"ru": "р", "en": "e", "ro": "ș"},
        "instagram": "https://instagram.com/ion",
        "youtube": "https://www.youtube.com/@ion",
        "tiktok": "https://tiktok.com/@ion",
    }
    body = {"id": 1, **fields, "avatar": {"id": 9}, "settings": {"contact_viber": False}}
    assert api("PUT", "/users", body)[0] == 200
    shown = api("GET", "/users/1")[1]
    assert {key: shown[key] for key in fields} == fields
    assert shown["avatar"]["id"] == 9
    channels = {**dict.fromkeys(CHANNELS, True), "contact_viber": False}
    assert shown["settings"] == {"posting_type": "agent", **channels}


def test_link_and_unlink(api):
    """Linking twice is fine, and unlinking returns the former id."""
    linked = {"id": 2, "externalId": "agent-002", "linked": True}
    assert api("POST", "/users/2/link", {"externalId": "agent-002"}) == (200, linked)
    assert api("POST", "/users/2/link", {"externalId": "agent-002"}) == (200, linked)
    assert api("GET", "/users/external/agent-002")[1]["id"] == 2
    unlinked = {"id": 2, "externalId": "agent-002", "unlinked": True}
    assert api("DELETE", "/users/2/link") == (200, unlinked)
    assert api("GET", "/users/2")[1]["externalId"] is None
    assert api("DELETE", "/users/2/link") == refused(400, "User has no external ID", "Bad Request")


def test_agency(api):
    """GET /agency returns the agency of the key."""
    assert api("GET", "/agency") == (
        200,
        {
            "id": 1,
            "name": "Sandbox Agency",
            "status": "active",
            "isCrmEnabled": True,
            "limits": {},
        },
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PUT", "/users", {"name": "x"}, (400, "User identifier required", "Bad Request")),
        (
            "PUT",
            "/users",
            {"id": 1, "externalId": "agent-001"},
            (400, "Cannot use both id and externalId", "Bad Request"),
        ),
        ("PUT", "/users", {"id": 99}, (404, "User not found", "Not Found")),
        ("PUT", "/users", {"externalId": "no"}, (404, "User not found", "Not Found")),
        ("GET", "/users/99", None, (404, "User not found", "Not Found")),
        ("GET", "/users/" + "9" * 5000, None, (404, "User not found", "Not Found")),
        ("GET", "/users/external/no", None, (404, "User not found", "Not Found")),
        ("POST", "/users/99/link", {"externalId": "x"}, (404, "User not found", "Not Found")),
        ("DELETE", "/users/99/link", None, (404, "User not found", "Not Found")),
        (
            "POST",
            "/users/2/link",
            {"externalId": "agent-001"},
            (409, "External ID already linked", "Conflict"),
        ),
        (
            "POST",
            "/users/1/link",
            {"externalId": "other"},
            (409, "User already has external ID", "Conflict"),
        ),
        (
            "GET",
            "/users/abc",
            None,
            (400, "Validation failed (numeric string is expected)", "Bad Request"),
        ),
        ("GET", "/nothing", None, (404, "Cannot GET /api/v1/nothing", "Not Found")),
        ("GET", "/users/", None, (404, "Cannot GET /api/v1/users/", "Not Found")),
        ("PATCH", "/users", {}, (405, "Method PATCH is not allowed here", "Method Not Allowed")),
        (
            "DELETE",
            "/users/1",
            None,
            (405, "Method DELETE is not allowed here", "Method Not Allowed"),
        ),
    ],
)
def test_errors_have_the_documented_message(api, method, path, body, expected):
    """Every documented message, and unknown paths and methods, in the general form."""
    assert api(method, path, body) == refused(*expected)


def test_a_405_lists_the_allowed_methods(client, state):
    """The Allow header lists them."""
    assert client.patch("/users").headers["allow"] == "GET, PUT"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({"nmae": "x"}, "property nmae should not exist"),
        ({"name": 12}, "name must be a string"),
        ({"phone": 12}, "phone must be a string"),
        ({"description": None}, "description must be a string or an object of ru, en, ro"),
        ({"description": {"de": "x"}}, "property description.de should not exist"),
        ({"description": {"ru": None}}, "description.ru must be a string"),
        ({"avatar": "x"}, "avatar must be null or an object of either url or id"),
        ({"avatar": {}}, "avatar must be null or an object of either url or id"),
        ({"avatar": {"url": "http://x.md/a"}}, "avatar.url must be an https URL"),
        ({"avatar": {"url": "https://[x"}}, "avatar.url must be an https URL"),
        ({"avatar": {"id": True}}, "avatar.id must be a positive integer"),
        (
            {"instagram": "https://notinstagram.com/x"},
            "instagram must be null or a URL like https://instagram.com/NAME",
        ),
        (
            {"youtube": "http://youtube.com/x"},
            "youtube must be null or a URL like https://youtube.com/NAME",
        ),
        (
            {"tiktok": "https://tiktok.com/x"},
            "tiktok must be null or a URL like https://tiktok.com/@NAME",
        ),
        ({"settings": None}, "settings must be an object"),
        ({"settings": {"contact_viber": 1}}, "settings.contact_viber must be a boolean"),
        ({"settings": {"posting_type": "x"}}, "property settings.posting_type should not exist"),
    ],
)
def test_an_invalid_profile_is_a_400_with_a_list(api, profile, message):
    """PUT answers 400 with a list of messages, and changes nothing."""
    before = api("GET", "/users")
    expected = refused(400, [message], "Bad Request")
    assert api("PUT", "/users", {"id": 1, **profile}) == expected
    assert api("GET", "/users") == before


def test_all_problems_of_a_profile_are_listed(api):
    """Each problem has its message."""
    body = {"id": 1, "name": 1, "x": 2}
    assert api("PUT", "/users", body)[1]["message"] == [
        "property x should not exist",
        "name must be a string",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("PUT", "/users", {"id": "1"}, "id must be a positive integer"),
        ("PUT", "/users", {"externalId": 1}, "externalId must be a string"),
        ("PUT", "/users", {"externalId": ""}, "externalId must have 1 to 255 characters"),
        (
            "POST",
            "/users/2/link",
            {"externalId": "x" * 256},
            "externalId must have 1 to 255 characters",
        ),
        ("POST", "/users/2/link", {"externalId": None}, "externalId must be a string"),
        ("POST", "/users/2/link", {"externalId": "x", "y": 1}, "property y should not exist"),
        ("PUT", "/users", [], "body must be an object"),
        ("POST", "/users/bulk", {}, "operations must be an array of at least 1 element"),
        (
            "POST",
            "/users/bulk",
            {"operations": []},
            "operations must be an array of at least 1 element",
        ),
        ("POST", "/users/bulk", {"operations": [1]}, "operations.0 must be an object"),
    ],
)
def test_an_invalid_body_is_a_400(api, method, path, body, message):
    """This covers identifiers and the shape of bodies."""
    assert api(method, path, body) == refused(400, [message], "Bad Request")


@pytest.mark.parametrize(
    "external_id",
    ["a/b", "a%2Fb", "100%", "a?b=c", "a#b", "a b", "Иван", "линк/external", "..", "+", "я" * 255],
)
def test_any_external_id_works_in_a_path(api, external_id):
    """Every external id finds its agent if it is percent-encoded."""
    assert api("POST", "/users/2/link", {"externalId": external_id})[0] == 200
    status, agent = api("GET", f"/users/external/{quote(external_id, safe='').replace('.', '%2E')}")
    assert (status, agent["id"], agent["externalId"]) == (200, 2, external_id)


def test_a_raw_slash_is_another_path(api):
    """Only an encoded slash is part of the external id."""
    assert api("POST", "/users/2/link", {"externalId": "a/b"})[0] == 200
    assert api("GET", "/users/external/a/b")[0] == 404


def test_bulk_returns_one_result_per_operation(api):
    """A failure does not stop the others, and results are in the order of the operations."""
    operations = [
        {"op": "upsert", "externalId": "agent-001", "name": "Ion"},
        {"op": "upsert", "externalId": "no", "name": "x"},
        {"op": "upsert", "id": 2, "name": "Ana"},
        {"op": "upsert", "id": 2, "name": 1, "x": 1},
        {"op": "link", "id": 2},
        {"op": "upsert"},
    ]

    def failure(status, message, code, external_id=None, op="upsert"):
        error = {"statusCode": status, "body": {"error": message, "error_code": code}}
        return {"op": op, "externalId": external_id, "id": None, "success": False, "error": error}

    status, body = api("POST", "/users/bulk", {"operations": operations})
    assert status == 200
    assert body["results"] == [
        {"op": "upsert", "externalId": "agent-001", "id": 1, "success": True},
        failure(404, "User not found", "NOT_FOUND", "no"),
        {"op": "upsert", "externalId": None, "id": 2, "success": True},
        failure(400, "property x should not exist; name must be a string", "VALIDATION_ERROR"),
        failure(400, "op must be upsert", "VALIDATION_ERROR", op="link"),
        failure(400, "User identifier required", "VALIDATION_ERROR"),
    ]
    assert body["summary"] == {"total": 6, "succeeded": 2, "failed": 4}
    assert [agent["name"] for agent in api("GET", "/users")[1]["items"]] == ["Ion", "Ana"]


def test_bulk_is_a_422_if_all_fail(api):
    """The body has the results as usual."""
    status, body = api("POST", "/users/bulk", {"operations": [{"op": "upsert", "id": 9}]})
    assert status == 422
    assert body["summary"] == {"total": 1, "succeeded": 0, "failed": 1}
    assert body["results"][0]["error"]["statusCode"] == 404


def test_the_log_has_every_request(api, state):
    """An entry has method, path as sent, body and status; the log can be cleared."""
    api("GET", "/users/external/a%2Fb?x=1")
    api("PUT", "/users", {"id": 1})
    logged = [(each.method, each.path, each.body, each.status) for each in state.log]
    assert logged == [
        ("GET", "/api/v1/users/external/a%2Fb?x=1", None, 404),
        ("PUT", "/api/v1/users", {"id": 1}, 200),
    ]
    state.log.clear()
    api("GET", "/agency")
    assert len(state.log) == 1


def test_hooks_before_and_after_the_effect(client, state):
    """A hook before prevents the effect, a hook after hides it; both get the call."""
    from starlette.responses import HTMLResponse

    seen = []

    async def before(call):
        seen.append((call.method, call.body))
        return HTMLResponse("<h1>Bad Gateway</h1>", 502) if len(seen) == 1 else None

    async def after(call, response):
        return (
            HTMLResponse("<h1>Gateway Timeout</h1>", 504) if response.status_code == 200 else None
        )

    state.before.append(before)
    body = {"id": 1, "name": "Ion"}
    assert client.put("/users", json=body).status_code == 502
    assert state.store.by_id(1).name == "Ivan Petrov"
    state.after.append(after)
    answer = client.put("/users", json=body)
    assert (answer.status_code, answer.text) == (504, "<h1>Gateway Timeout</h1>")
    assert state.store.by_id(1).name == "Ion"
    assert seen == [("PUT", body)] * 2
    assert [entry.status for entry in state.log] == [502, 504]


def test_a_request_that_waits_through_a_reset_has_no_effect(client, state):
    """It belongs to the state before, so it must not change the agents loaded since."""

    async def reset(call):
        state.reset([{"id": 1, "name": "Ivan Petrov", "phone": "+373 22 123 456"}])

    state.before.append(reset)
    assert client.put("/users", json={"id": 1, "name": "Ion"}).status_code == 503
    assert state.store.by_id(1).name == "Ivan Petrov"


def test_an_unexpected_error_is_a_500(client, state, caplog):
    """It is answered in the general form and logged, and the server keeps running."""

    async def broken(call):
        raise ZeroDivisionError

    state.before.append(broken)
    answer = client.get("/users")
    assert (answer.status_code, answer.json()["message"]) == (500, "Internal server error")
    assert "ZeroDivisionError" in caplog.text
    state.before.clear()
    assert client.get("/users").status_code == 200


def test_users_with_missing_keys_get_defaults(api, state):
    """An empty user is valid, missing ids are assigned, and objects stay objects."""
    state.load(
        [{}, {"id": 7, "description": {"ru": "x"}, "settings": {"contact_viber": False}}, {}]
    )
    items = api("GET", "/users")[1]["items"]
    assert [item["id"] for item in items] == [7, 8, 9]
    assert items[0]["description"] == {"ru": "x", "en": None, "ro": None}
    assert items[0]["settings"]["contact_viber"] is False
    assert items[1]["name"] == "Agent 8"
    assert items[1]["phone"] == "+373 60 000008"


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([1], "user 0 must be an object"),
        ([{"nmae": 1}], "user 0 has the unknown key nmae"),
        ([{"id": 0}], "user 0: id must be a positive integer"),
        ([{"name": 1}], "user 0: name must be a string"),
        ([{"name": "\ud800"}], "user 0: name must be a string"),
        ([{"externalId": ""}], "user 0: externalId must have 1 to 255 characters"),
        ([{"avatar": 1}], "user 0: avatar must be null or an object with an id"),
        ([{"description": {"de": ""}}], "user 0: description has the unknown key de"),
        ([{"settings": {"x": 1}}], "user 0: settings has the unknown key x"),
        (
            [{"settings": {"contact_viber": 1}}],
            "user 0: settings.contact_viber has the wrong type",
        ),
        ([{"settings": []}], "user 0: settings must be an object"),
        ([{"id": 1}, {"id": 1}], "id 1 appears twice"),
        ([{"externalId": "a"}, {"externalId": "a"}], "externalId 'a' appears twice"),
    ],
)
def test_invalid_users_are_not_loaded(state, users, message):
    """The error is one line, and the users in place stay."""
    with pytest.raises(LoadError) as caught:
        state.load(users)
    assert str(caught.value) == message
    assert len(state.store) == 2


def test_reset_starts_over(api, state):
    """Readings, limits, log and agents are back to their initial values."""
    api("PUT", "/users", {"id": 1, "avatar": {"url": "https://x.md/a.jpg"}})
    state.suspended = True
    state.reset([{"id": 3}], Readings(listing="total"), Limits(page_size=1))
    assert api("GET", "/users")[1]["total"] == 1
    assert len(state.log) == 1
    state.reset()
    assert (state.readings, state.limits) == (Readings(), Limits())
    assert api("GET", "/users") == (200, {"items": []})


def test_a_loaded_phone_of_null_is_shown(api, state):
    """Only a phone that is left out gets a number."""
    state.reset([{"id": 1, "phone": None}, {"id": 2}])
    _, body = api("GET", "/users")
    assert [each["phone"] for each in body["items"]] == [None, "+373 60 000002"]
    assert api("GET", "/users/1")[1]["phone"] is None
    assert api("PUT", "/users", {"id": 1, "name": "Ana"})[0] == 200
    assert api("GET", "/users/1")[1]["phone"] is None
