"""Which requests Property Finder admits: tokens, scopes, rates, formats of errors.

Facts: docs/portals/propertyfinder.md.
"""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox.propertyfinder import SCOPES, Limits, Readings

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def anonymous(sandbox):
    """Return a client without a token, which asks for no format of errors."""
    with httpx.Client(base_url=sandbox.urls["propertyfinder"]) as client:
        yield client


@pytest.fixture
def credentials(pf_state):
    """Return the body of a token request."""
    return {"apiKey": pf_state.key, "apiSecret": pf_state.secret}


def bearer(client, credentials, path="/v1/auth/token"):
    """Return the header with a new token."""
    return {"Authorization": f"Bearer {client.post(path, json=credentials).json()['accessToken']}"}


def test_a_token_is_valid_until_it_expires(anonymous, pf_state, clock, credentials):
    """It lasts half an hour by the sandbox's clock; a new token does not revoke it."""
    answer = anonymous.post("/v1/auth/token", json=credentials)
    token = answer.json().pop("accessToken")
    assert answer.status_code == 200
    assert answer.json() == {"accessToken": token, "tokenType": "Bearer", "expiresIn": 1800}
    first = {"Authorization": f"Bearer {token}"}
    clock.now += 1799
    second = bearer(anonymous, credentials)
    assert second != first
    assert anonymous.get("/v1/users", headers=first).status_code == 200
    clock.now += 1
    assert anonymous.get("/v1/users", headers=first).status_code == 401
    assert anonymous.get("/v1/users", headers=second).status_code == 200


def test_a_token_can_be_short_lived_or_revoked(anonymous, pf_state, clock, credentials):
    """A limit sets its lifetime, and all tokens can be revoked at once."""
    pf_state.limits = Limits(token_lifetime=5)
    assert anonymous.post("/v1/auth/token", json=credentials).json()["expiresIn"] == 5
    headers = bearer(anonymous, credentials)
    pf_state.tokens.clear()
    assert anonymous.get("/v1/users", headers=headers).status_code == 401
    headers = bearer(anonymous, credentials)
    assert anonymous.get("/v1/users", headers=headers).status_code == 200
    clock.now += 5
    assert anonymous.get("/v1/users", headers=headers).status_code == 401


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("path", "other"), [("/v1/auth/token", "/oauth/token"), ("/oauth/token", "/v1/auth/token")]
)
def test_the_token_path(anonymous, pf_state, credentials, path, other):
    """Doubt 1: one of the two paths exists, the other is a 404."""
    pf_state.readings = Readings(token_path=path)
    headers = bearer(anonymous, credentials, path)
    assert anonymous.get("/v1/users", headers=headers).status_code == 200
    assert anonymous.post(other, json=credentials).status_code == 404
    assert anonymous.get(path).status_code == 405


@pytest.mark.parametrize("part", ["apiKey", "apiSecret"])
def test_wrong_credentials_are_a_401(anonymous, pf_state, credentials, part):
    """The error does not reveal which part is wrong."""
    answer = anonymous.post(
        "/v1/auth/token", json=credentials | {part: "x" * len(credentials[part])}
    )
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The API key or its secret is wrong"


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"/apiKey": "is required", "/apiSecret": "is required"}),
        (
            {"apiKey": "x" * 39, "apiSecret": 1},
            {
                "/apiKey": "must be a string of 40 characters",
                "/apiSecret": "must be a string of 32 characters",
            },
        ),
        ({"apiKey": "x" * 40, "apiSecret": "x" * 32, "scope": "x"}, {"/scope": "is not known"}),
    ],
)
def test_an_invalid_token_request_is_a_400(anonymous, pf_state, body, problems):
    """A key has 40 characters and a secret 32; no other field is allowed."""
    answer = anonymous.post("/v1/auth/token", json=body)
    assert answer.status_code == 400
    assert {each["pointer"]: each["detail"] for each in answer.json()["errors"]} == problems


@pytest.mark.refusals
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer no"},
        {"Authorization": "ApiKey test-token"},
        {"X-API-Key": "test-token"},
    ],
)
def test_a_call_without_a_token_is_a_401(anonymous, pf_state, headers):
    """The token is checked before the body."""
    assert anonymous.get("/v1/users", headers=headers).status_code == 401
    assert anonymous.post("/v1/users", headers=headers, content=b"{").status_code == 401


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("users:read", "GET", "/v1/users"),
        ("users:full_access", "POST", "/v1/users"),
        ("users:full_access", "PATCH", "/v1/users/11"),
        ("users:full_access", "PATCH", "/v1/public-profiles/901"),
        ("roles:read", "GET", "/v1/roles"),
    ],
)
def test_a_missing_scope_is_a_403(pf, pf_state, scope, method, path):
    """The error names the scope, unless a reading hides it; other scopes do not help."""
    pf_state.scopes = set(SCOPES) - {scope}
    status, body = pf(method, path, {})
    assert (status, body["title"]) == (403, "Forbidden")
    assert body["detail"] == f"The scope {scope} is required"
    pf_state.readings = Readings(scope_detail="unnamed")
    assert scope not in str(pf(method, path, {}))
    pf_state.scopes = {scope}
    assert pf(method, path, {})[0] in (200, 204, 400)


@pytest.mark.refusals
def test_errors_in_the_newer_format(pf_client, pf_state):
    """With the header, an error has up to seven fields and its own content type."""
    answer = pf_client.patch("/v1/public-profiles/901", json={"phone": "x"})
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert len(body["attributes"].pop("trace_id")) == 32
    assert body == {
        "type": "https://problems.atlas.propertyfinder.com/common-http-400-bad-request/",
        "code": "common_http_400-bad-request",
        "title": "Bad Request",
        "detail": "The request breaks the schema",
        "status": 400,
        "attributes": {},
        "errors": [{"detail": "must be a phone number", "pointer": "/phone"}],
    }
    body = pf_client.patch("/v1/users/99", json={}).json()
    assert (body["code"], body["detail"]) == (
        "common_http_404-not-found",
        "There is no such user",
    )
    assert "errors" not in body


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("form", "reading"),
    [(None, "by-header"), ("problem-json-v1", "by-header"), ("problem-json-v2", "older")],
)
def test_errors_in_the_older_format(pf_client, pf_state, form, reading):
    """Without the header, or under a reading, an error has a type from a list."""
    pf_state.readings = Readings(errors=reading)
    request = pf_client.build_request("PATCH", "/v1/users/11", json={"email": "x", "mobile": 1})
    del request.headers["X-PF-Error-Format"]
    if form:
        request.headers["X-PF-Error-Format"] = form
    answer = pf_client.send(request)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "title": "Bad Request",
        "detail": "The request breaks the schema",
        "type": "SCHEMA_VALIDATION",
        "errors": [
            {"detail": "must be an e-mail address", "pointer": "/email"},
            {"detail": "must be a phone number", "pointer": "/mobile"},
        ],
    }


def test_an_unexpected_error_is_a_500(pf, state, caplog):
    """It is answered in the format of this portal."""

    async def broken(call):
        raise ZeroDivisionError

    state.before.append(broken)
    status, body = pf("GET", "/v1/users")
    assert (status, body["code"], body["detail"]) == (
        500,
        "common_http_500-internal-server-error",
        "Internal server error",
    )
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"{}", {"Content-Type": "text/plain"}, 400),
        (b"{}".ljust(10**6), JSON, 204),
    ],
)
def test_bodies(pf_client, pf_state, content, headers, status):
    """A body is JSON of any size, with the content type of JSON."""
    answer = pf_client.patch("/v1/users/11", content=content, headers=headers)
    assert answer.status_code == status


@pytest.mark.refusals
def test_all_calls_except_for_tokens_share_a_limit(pf, pf_state, clock, credentials):
    """After 650 requests in a minute, calls get a 429 until the window ends."""
    assert Limits().rate_limit == 650
    pf_state.limits = Limits(rate_limit=3)
    assert [pf("GET", "/v1/users")[0], pf("GET", "/v1/no")[0]] == [200, 404]
    assert pf("POST", "/v1/users", {})[0] == 400
    status, body = pf("GET", "/v1/roles")
    assert (status, body["code"]) == (429, "common_http_429-too-many-requests")
    assert pf("POST", "/v1/auth/token", credentials)[0] == 200
    clock.now += 60
    assert pf("GET", "/v1/roles")[0] == 200


def test_tokens_have_a_separate_limit(pf, pf_state, clock, credentials):
    """After 60 in a minute, wrong credentials included, tokens get a 429; other calls do not."""
    assert Limits().token_rate_limit == 60
    pf_state.limits = Limits(token_rate_limit=2, rate_window=10)
    wrong = credentials | {"apiKey": "x" * 40}
    assert [pf("POST", "/v1/auth/token", each)[0] for each in (wrong, credentials)] == [401, 200]
    assert pf("POST", "/v1/auth/token", credentials)[0] == 429
    assert pf("GET", "/v1/users")[0] == 200
    clock.now += 10
    assert pf("POST", "/v1/auth/token", credentials)[0] == 200


@pytest.mark.parametrize(("reading", "wait"), [("nothing", None), ("retry-after", "31")])
def test_a_429_with_and_without_retry_after(pf_client, pf_state, clock, reading, wait):
    """Retry-After is not documented; no response has rate-limit headers."""
    pf_state.limits, pf_state.readings = Limits(rate_limit=1), Readings(retry=reading)
    pf_client.get("/v1/users")
    clock.now += 29.5
    answer = pf_client.get("/v1/users")
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, wait)
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
