"""How requests are let in: keys, rates, content types, sizes, JSON (`apis/rentix.md`)."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import Limits, Readings

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def stranger(sandbox):
    """A connection without a key."""
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "API key required"),
        ({"Authorization": "ApiKey no"}, 401, "Invalid API key"),
        ({"Authorization": "Bearer sandbox"}, 401, "API key required"),
        ({"Authorization": "ApiKey"}, 401, "API key required"),
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
def test_keys(stranger, state, headers, status, message):
    """Either header has the key; none, another or both are refused, with the rate headers."""
    answer = stranger.get("/users", headers=headers)
    assert (answer.status_code, answer.json().get("message")) == (status, message)
    assert answer.headers["x-ratelimit-remaining"] == ("299" if status == 200 else "300")


def test_a_suspended_agency_is_a_403(client, state):
    """The key is right and the agency may not."""
    state.suspended = True
    answer = client.get("/agency")
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")


def test_the_key_is_checked_before_anything_else(stranger, state):
    """Without a key nobody learns what else is wrong."""
    assert stranger.put("/users", content=b"x" * 600_000).status_code == 401
    assert stranger.get("/nothing").status_code == 401


def rate(answer):
    """Limit, remaining and reset."""
    names = ("limit", "remaining", "reset")
    return tuple(int(answer.headers[f"x-ratelimit-{name}"]) for name in names)


def test_the_headers_speak_of_the_class_of_the_endpoint(client, state, clock):
    """A bulk counts in both windows, errors count too, each window runs from its first request."""
    assert rate(client.get("/users/99")) == (300, 299, 1060)
    clock.now = 1010.5
    assert rate(client.post("/users/bulk", json={})) == (30, 29, 1071)
    assert rate(client.get("/nothing")) == (300, 297, 1060)
    clock.now = 1060
    assert rate(client.get("/users")) == (300, 299, 1120)
    assert rate(client.post("/users/bulk", json={})) == (30, 28, 1071)


def test_past_the_limit_is_a_429_until_the_window_ends(client, state, clock):
    """Refusals are in the general form, say when to come again, and are not counted."""
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


def test_the_limit_of_bulks_leaves_other_calls_alone(client, state, clock):
    """A full bulk window refuses bulks only, and a refused bulk is not counted."""
    state.limits = Limits(bulk_rate_limit=1, rate_window=10)
    assert client.post("/users/bulk", json={}).status_code == 400
    refused = client.post("/users/bulk", json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert rate(refused) == (1, 0, 1010)
    assert rate(client.get("/users")) == (300, 298, 1010)


def test_a_429_may_have_the_reset_only(client, state, clock):
    """Under this reading there is no Retry-After, and the reset says the same."""
    state.limits, state.readings = Limits(rate_limit=1), Readings(retry="reset-only")
    client.get("/users")
    answer = client.get("/users")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    assert rate(answer) == (1, 0, 1060)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/users"), ("POST", "/users/1/link")])
def test_another_content_type_is_a_415(client, state, method, path, content_type):
    """A body that is not application/json is refused before it is read, however large."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.request(method, path, content=b"{" * 600_000, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (415, "Unsupported Media Type")


def test_a_charset_does_no_harm(client, state):
    """application/json with a parameter is application/json."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.put("/users", content=b'{"id": 1}', headers=headers).status_code == 200


def test_past_512_kb_is_a_413(client, state):
    """The last byte that fits is taken, the next one is not; size comes before JSON."""
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
def test_what_is_no_json_is_a_400(client, state, body):
    """Also what Python would take and no database keeps."""
    answer = client.put("/users", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["message"]) == (400, "Request body is not valid JSON")


def test_an_escaped_letter_is_that_letter(client, state):
    """A whole surrogate pair is one character."""
    body = rb'{"id": 1, "name": "\u0418 \ud83d\ude00"}'
    assert client.put("/users", content=body, headers=JSON).status_code == 200
    assert client.get("/users/1").json()["name"] == "И 😀"
