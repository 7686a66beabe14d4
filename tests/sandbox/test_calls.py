"""The documented calls, their answers and their errors (`apis/rentix.md`)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from reconciler.sandbox import Limits, LoadError, Readings

CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")


def refused(status, message, error):
    """An answer in the general form."""
    return status, {"statusCode": status, "message": message, "error": error}


def test_list_shows_every_agent_with_every_field(api):
    """GET /users shows all agents, phones spaced as they were loaded."""
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
                "instagram": "https://instagram.com/ivan",
                "youtube": None,
                "tiktok": None,
                "settings": {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)},
            },
            {
                "id": 2,
                "externalId": None,
                "name": "Olga Rusu",
                "phone": "+373 69 111 222",
                "description": "",
                "avatar": None,
                "instagram": None,
                "youtube": None,
                "tiktok": None,
                "settings": {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)},
            },
        ]
    }


@pytest.mark.parametrize("path", ["/users/1", "/users/external/agent-001"])
def test_one_agent_is_shown_with_a_compact_phone(api, path):
    """The single GETs differ from the list in the phone's spacing only."""
    listed = api("GET", "/users")[1]["items"][0]
    assert api("GET", path) == (200, {**listed, "phone": "+37322123456"})


def test_put_updates_by_id_and_by_external_id(api):
    """PUT /users changes what it names and keeps the rest."""
    before = api("GET", "/users/1")[1]
    done = {"id": 1, "externalId": "agent-001", "updated": True}
    assert api("PUT", "/users", {"id": 1, "name": "Ion"}) == (200, done)
    youtube = "https://youtube.com/@ion"
    assert api("PUT", "/users", {"externalId": "agent-001", "youtube": youtube}) == (200, done)
    assert api("GET", "/users/1")[1] == {**before, "name": "Ion", "youtube": youtube}


def test_put_of_an_agent_without_external_id_says_null(api):
    """The answer's externalId is the agent's, null where it has none."""
    done = {"id": 2, "externalId": None, "updated": True}
    assert api("PUT", "/users", {"id": 2}) == (200, done)


def test_put_takes_every_field(api):
    """All that the documents list is taken and shown."""
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


def test_link_and_unlink_answer_as_documented(api):
    """Link gives an id, again is fine, unlink names the former one."""
    linked = {"id": 2, "externalId": "agent-002", "linked": True}
    assert api("POST", "/users/2/link", {"externalId": "agent-002"}) == (200, linked)
    assert api("POST", "/users/2/link", {"externalId": "agent-002"}) == (200, linked)
    assert api("GET", "/users/external/agent-002")[1]["id"] == 2
    unlinked = {"id": 2, "externalId": "agent-002", "unlinked": True}
    assert api("DELETE", "/users/2/link") == (200, unlinked)
    assert api("GET", "/users/2")[1]["externalId"] is None
    assert api("DELETE", "/users/2/link") == refused(400, "User has no external ID", "Bad Request")


def test_agency_answers(api):
    """GET /agency answers for the key's agency."""
    assert api("GET", "/agency") == (200, {"id": 1, "name": "Sandbox Agency"})


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
def test_refusals_have_the_documented_text(api, method, path, body, expected):
    """Every message of the table, and the paths and methods that are none, in the general form."""
    assert api(method, path, body) == refused(*expected)


def test_wrong_method_names_the_right_ones(client, state):
    """A 405 says which methods there are."""
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
def test_a_wrong_profile_is_refused_with_a_list(api, profile, message):
    """What PUT does not take is a 400 with a list of texts, and changes nothing."""
    before = api("GET", "/users")
    expected = refused(400, [message], "Bad Request")
    assert api("PUT", "/users", {"id": 1, **profile}) == expected
    assert api("GET", "/users") == before


def test_all_problems_of_a_profile_are_listed(api):
    """Several problems are several texts."""
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
def test_a_wrong_body_is_refused(api, method, path, body, message):
    """Identifiers and bodies of the wrong form are a 400."""
    assert api(method, path, body) == refused(400, [message], "Bad Request")


@pytest.mark.parametrize(
    "external_id",
    ["a/b", "a%2Fb", "100%", "a?b=c", "a#b", "a b", "Иван", "линк/external", "..", "+", "я" * 255],
)
def test_any_external_id_works_in_a_path(api, external_id):
    """Percent-encoded in a path, every external id finds its agent."""
    assert api("POST", "/users/2/link", {"externalId": external_id})[0] == 200
    status, agent = api("GET", f"/users/external/{quote(external_id, safe='').replace('.', '%2E')}")
    assert (status, agent["id"], agent["externalId"]) == (200, 2, external_id)


def test_a_slash_that_is_not_encoded_is_another_path(api):
    """Only an encoded slash belongs to the external id."""
    assert api("POST", "/users/2/link", {"externalId": "a/b"})[0] == 200
    assert api("GET", "/users/external/a/b")[0] == 404


def test_bulk_gives_one_result_an_operation(api):
    """One failure does not stop the others, and each result is for its operation."""
    operations = [
        {"op": "upsert", "externalId": "agent-001", "name": "Ion"},
        {"op": "upsert", "externalId": "no", "name": "x"},
        {"op": "upsert", "id": 2, "name": "Ana"},
        {"op": "upsert", "id": 2, "name": 1, "x": 1},
        {"op": "link", "id": 2},
        {"op": "upsert"},
    ]

    def failure(status, text, code, external_id=None, op="upsert"):
        error = {"statusCode": status, "body": {"error": text, "error_code": code}}
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


def test_bulk_where_all_fail_is_a_422_with_the_same_body(api):
    """The status is 422, the results are there all the same."""
    status, body = api("POST", "/users/bulk", {"operations": [{"op": "upsert", "id": 9}]})
    assert status == 422
    assert body["summary"] == {"total": 1, "succeeded": 0, "failed": 1}
    assert body["results"][0]["error"]["statusCode"] == 404


def test_the_log_has_every_request_and_can_be_cleared(api, state):
    """Tests read what was sent: method, path as sent, body, status."""
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


def test_faults_before_and_after_the_effect(client, state):
    """A fault before prevents the effect, a fault after hides it; both see the call."""
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


def test_a_defect_of_the_sandbox_is_a_500(client, state, caplog):
    """What nobody foresaw is answered in the general form and logged, and the server goes on."""

    async def broken(call):
        raise ZeroDivisionError

    state.before.append(broken)
    answer = client.get("/users")
    assert (answer.status_code, answer.json()["message"]) == (500, "Internal server error")
    assert "ZeroDivisionError" in caplog.text
    state.before.clear()
    assert client.get("/users").status_code == 200


def test_users_with_missing_keys_get_defaults(api, state):
    """An empty user is one; ids are given where there are none; objects stay objects."""
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
        ([{"id": 0}], "user 0: id must be a whole number from 1 on"),
        ([{"name": 1}], "user 0: name must be text"),
        ([{"name": "\ud800"}], "user 0: name must be text"),
        ([{"externalId": ""}], "user 0: externalId must have 1 to 255 characters"),
        ([{"avatar": 1}], "user 0: avatar must be null or an object with an id"),
        ([{"description": {"de": ""}}], "user 0: description is of ru, en and ro"),
        ([{"settings": {"x": 1}}], "user 0: settings has the unknown key x"),
        (
            [{"settings": {"contact_viber": 1}}],
            "user 0: settings.contact_viber is of the wrong type",
        ),
        ([{"settings": []}], "user 0: settings must be an object"),
        ([{"id": 1}, {"id": 1}], "id 1 is there twice"),
        ([{"externalId": "a"}, {"externalId": "a"}], "externalId 'a' is there twice"),
    ],
)
def test_users_that_are_none_are_refused(state, users, message):
    """One clear line, and what there was stays."""
    with pytest.raises(LoadError) as caught:
        state.load(users)
    assert str(caught.value) == message
    assert len(state.store) == 2


def test_reset_begins_a_new_world(api, state):
    """Readings, limits, log, faults and agents are all as new."""
    api("PUT", "/users", {"id": 1, "avatar": {"url": "https://x.md/a.jpg"}})
    state.suspended = True
    state.reset([{"id": 3}], Readings(listing="total"), Limits(page_size=1))
    assert api("GET", "/users")[1]["total"] == 1
    assert len(state.log) == 1
    state.reset()
    assert (state.readings, state.limits) == (Readings(), Limits())
    assert api("GET", "/users") == (200, {"items": []})
