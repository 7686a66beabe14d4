"""Which requests Rentix admits: keys, rates, content types, sizes, JSON (docs/portals/rentix.md)."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import Limits, Readings

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def anonymous(sandbox):
    """Return a client without a key."""
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "API key is required"),
        ({"Authorization": "ApiKey no"}, 401, "Invalid API key"),
        ({"Authorization": "Bearer sandbox"}, 401, "API key is required"),
        ({"Authorization": "ApiKey"}, 401, "API key is required"),
        ({"X-API-Key": "no"}, 401, "Invalid API key"),
        ({"X-API-Key": "sandbox"}, 200, None),
        ({"Authorization": "ApiKey sandbox"}, 200, None),
        (
            {"Authorization": "ApiKey sandbox", "X-API-Key": "sandbox"},
            400,
            "Cannot use both Authorization and X-API-Key",
        ),
    ],
)
def test_keys(anonymous, state, headers, status, message):
    """Either header carries the key; no key, a wrong key or both headers are refused."""
    answer = anonymous.get("/users", headers=headers)
    assert (answer.status_code, answer.json().get("message")) == (status, message)
    assert answer.headers["x-ratelimit-remaining"] == ("299" if status == 200 else "300")


def test_a_suspended_agency_is_a_403(client, state):
    """The key is right, and the agency is not allowed."""
    state.suspended = True
    answer = client.get("/agency")
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")


def test_the_key_is_checked_before_anything_else(anonymous, state):
    """A request without a key reveals no other error."""
    assert anonymous.put("/users", content=b"x" * 600_000).status_code == 401
    assert anonymous.get("/nothing").status_code == 401


def rate(answer):
    """Return the limit, the remaining requests and the reset time."""
    names = ("limit", "remaining", "reset")
    return tuple(int(answer.headers[f"x-ratelimit-{name}"]) for name in names)


def test_the_headers_describe_the_class_of_the_endpoint(client, state, clock):
    """A bulk request counts in both windows, errors count too, and each window starts with a request."""
    assert rate(client.get("/users/99")) == (300, 299, 1060)
    clock.now = 1010.5
    assert rate(client.post("/users/bulk", json={})) == (30, 29, 1071)
    assert rate(client.get("/nothing")) == (300, 297, 1060)
    clock.now = 1060
    assert rate(client.get("/users")) == (300, 299, 1120)
    assert rate(client.post("/users/bulk", json={})) == (30, 28, 1071)


def test_past_the_limit_is_a_429_until_the_window_ends(client, state, clock):
    """Its body has the general form, it says when to retry, and it is not counted."""
    state.limits = Limits(rate_limit=2)
    assert [client.get("/users").status_code for _ in range(2)] == [200, 200]
    clock.now = 1029.5
    for _ in range(3):
        answer = client.get("/users")
        assert answer.status_code == 429
        assert answer.json() == {
            "statusCode": 429,
            "message": "Too many requests",
            "error": "Too Many Requests",
        }
        assert answer.headers["retry-after"] == "31"
        assert rate(answer) == (2, 0, 1060)
    assert client.post("/users/bulk", json={}).status_code == 429
    clock.now = 1060
    assert client.get("/users").status_code == 200


def test_the_bulk_limit_does_not_affect_other_calls(client, state, clock):
    """A full bulk window refuses only bulk requests, and does not count those it refuses."""
    state.limits = Limits(bulk_rate_limit=1, rate_window=10)
    assert client.post("/users/bulk", json={}).status_code == 400
    refused = client.post("/users/bulk", json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert rate(refused) == (1, 0, 1010)
    assert rate(client.get("/users")) == (300, 298, 1010)


def test_a_429_with_the_reset_header_only(client, state, clock):
    """Under this reading, there is no Retry-After, and the reset time is the same."""
    state.limits, state.readings = Limits(rate_limit=1), Readings(retry="reset-only")
    client.get("/users")
    answer = client.get("/users")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    assert rate(answer) == (1, 0, 1060)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/users"), ("POST", "/users/1/link")])
def test_another_content_type_is_a_415(client, state, method, path, content_type):
    """A body that is not application/json is refused before its size is checked."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.request(method, path, content=b"{" * 600_000, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (415, "Unsupported Media Type")


def test_a_content_type_with_a_charset(client, state):
    """application/json with a parameter is accepted, in any case."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.put("/users", content=b'{"id": 1}', headers=headers).status_code == 200


def test_a_body_above_512_kb_is_a_413(client, state):
    """The limit is exact, and the size is checked before the JSON."""
    body = b'{"id": 1}'.ljust(512 * 1024)
    assert client.put("/users", content=body, headers=JSON).status_code == 200
    answer = client.put("/users", content=body + b"}", headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (413, "Payload Too Large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"id": NaN}',
        b'{"id": 1, "name": "\xff"}',
        rb'{"id": 1, "name": "\ud800"}',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_invalid_json_is_a_400(client, state, body):
    """This includes what Python accepts and no database stores."""
    answer = client.put("/users", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["message"]) == (400, "Request body is not valid JSON")


def test_escapes_are_decoded(client, state):
    """A surrogate pair is one character."""
    body = rb'{"id": 1, "name": "\u0418 \ud83d\ude00"}'
    assert client.put("/users", content=body, headers=JSON).status_code == 200
    assert client.get("/users/1").json()["name"] == "И 😀"
