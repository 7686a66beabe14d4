"""Who is let in to Property Finder: tokens, scopes, rates, forms (`apis/propertyfinder.md`)."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox.propertyfinder import SCOPES, Limits, Readings

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def stranger(sandbox):
    """A connection without a token, which asks for no form of errors."""
    with httpx.Client(base_url=sandbox.urls["propertyfinder"]) as client:
        yield client


@pytest.fixture
def pair(pf_state):
    """What asks for a token."""
    return {"apiKey": pf_state.key, "apiSecret": pf_state.secret}


def bearer(client, pair, path="/v1/auth/token"):
    """The header with a new token."""
    return {"Authorization": f"Bearer {client.post(path, json=pair).json()['accessToken']}"}


def test_a_token_is_good_until_it_expires(stranger, pf_state, clock, pair):
    """It lasts half an hour by the clock of the sandbox; a new one does not end the former."""
    answer = stranger.post("/v1/auth/token", json=pair)
    token = answer.json().pop("accessToken")
    assert answer.status_code == 200
    assert answer.json() == {"accessToken": token, "tokenType": "Bearer", "expiresIn": 1800}
    first = {"Authorization": f"Bearer {token}"}
    clock.now += 1799
    second = bearer(stranger, pair)
    assert second != first
    assert stranger.get("/v1/users", headers=first).status_code == 200
    clock.now += 1
    assert stranger.get("/v1/users", headers=first).status_code == 401
    assert stranger.get("/v1/users", headers=second).status_code == 200


def test_a_life_can_be_short_and_ended(stranger, pf_state, clock, pair):
    """A limit of ours says how long, and all tokens can be revoked at once."""
    pf_state.limits = Limits(token_lifetime=5)
    assert stranger.post("/v1/auth/token", json=pair).json()["expiresIn"] == 5
    headers = bearer(stranger, pair)
    pf_state.tokens.clear()
    assert stranger.get("/v1/users", headers=headers).status_code == 401
    headers = bearer(stranger, pair)
    assert stranger.get("/v1/users", headers=headers).status_code == 200
    clock.now += 5
    assert stranger.get("/v1/users", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("path", "other"), [("/v1/auth/token", "/oauth/token"), ("/oauth/token", "/v1/auth/token")]
)
def test_where_a_token_is_asked_for(stranger, pf_state, pair, path, other):
    """Doubt 1: one of the two paths, and the other one is none."""
    pf_state.readings = Readings(token_path=path)
    headers = bearer(stranger, pair, path)
    assert stranger.get("/v1/users", headers=headers).status_code == 200
    assert stranger.post(other, json=pair).status_code == 404
    assert stranger.get(path).status_code == 405


@pytest.mark.parametrize("part", ["apiKey", "apiSecret"])
def test_a_wrong_pair_is_a_401(stranger, pf_state, pair, part):
    """Either part may be wrong; nothing says which."""
    answer = stranger.post("/v1/auth/token", json=pair | {part: "x" * len(pair[part])})
    assert answer.status_code == 401
    assert answer.json()["message"] == "The API key or its secret is wrong"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "/apiKey is required; /apiSecret is required"),
        (
            {"apiKey": "x" * 39, "apiSecret": 1},
            (
                "/apiKey must be a string of 40 characters; "
                "/apiSecret must be a string of 32 characters"
            ),
        ),
        ({"apiKey": "x" * 40, "apiSecret": "x" * 32, "scope": "x"}, "/scope is not known"),
    ],
)
def test_what_asks_for_a_token_has_a_form(stranger, pf_state, body, message):
    """A key has 40 characters and a secret 32, and there is nothing else."""
    answer = stranger.post("/v1/auth/token", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer no"},
        {"Authorization": "ApiKey of-the-tests"},
        {"X-API-Key": "of-the-tests"},
    ],
)
def test_without_a_token_nothing_is_told(stranger, pf_state, headers):
    """A call needs a token, and is refused before its body is read."""
    assert stranger.get("/v1/users", headers=headers).status_code == 401
    assert stranger.post("/v1/users", headers=headers, content=b"{").status_code == 401


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
def test_a_scope_that_is_missing_is_a_403(pf, pf_state, scope, method, path):
    """The others do not help; the refusal names the scope, or under a reading does not."""
    pf_state.scopes = set(SCOPES) - {scope}
    status, body = pf(method, path, {})
    assert (status, body["title"]) == (403, "Forbidden")
    assert body["detail"] == f"The scope {scope} is required"
    pf_state.readings = Readings(scope_detail="unnamed")
    assert scope not in str(pf(method, path, {}))
    pf_state.scopes = {scope}
    assert pf(method, path, {})[0] in (200, 204, 400)


def test_errors_in_the_form_that_is_asked_for(pf_client, pf_state):
    """With the header a problem has seven parts, and a content type of its own."""
    answer = pf_client.patch("/v1/public-profiles/901", json={"phone": "x"})
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert len(body["attributes"].pop("trace_id")) == 32
    assert body == {
        "type": "https://errors.propertyfinder.example/validation-error",
        "code": "VALIDATION_ERROR",
        "title": "Bad Request",
        "detail": "The request breaks the schema",
        "status": 400,
        "attributes": {},
        "errors": [{"detail": "must be a phone number", "pointer": "/phone"}],
    }
    body = pf_client.patch("/v1/users/99", json={}).json()
    assert (body["code"], body["detail"], body["errors"]) == (
        "NOT_FOUND",
        "There is no such user",
        [],
    )


@pytest.mark.parametrize(
    ("form", "reading"),
    [(None, "by-header"), ("problem-json-v1", "by-header"), ("problem-json-v2", "older")],
)
def test_errors_in_the_older_form(pf_client, pf_state, form, reading):
    """Without the header, or under a reading always, there are two texts."""
    pf_state.readings = Readings(errors=reading)
    request = pf_client.build_request("PATCH", "/v1/users/11", json={"email": "x", "mobile": 1})
    del request.headers["X-PF-Error-Format"]
    if form:
        request.headers["X-PF-Error-Format"] = form
    answer = pf_client.send(request)
    assert answer.headers["content-type"] == "application/json"
    message = "/email must be an e-mail address; /mobile must be a phone number"
    assert answer.json() == {"error": "Bad Request", "message": message}


def test_a_defect_of_the_sandbox_is_a_500(pf, state, caplog):
    """What nobody foresaw is answered in the form of this portal."""

    async def broken(call):
        raise ZeroDivisionError

    state.before.append(broken)
    status, body = pf("GET", "/v1/users")
    assert (status, body["code"], body["detail"]) == (
        500,
        "INTERNAL_ERROR",
        "Internal server error",
    )
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}".ljust(10**6), JSON, 204),
    ],
)
def test_bodies(pf_client, pf_state, content, headers, status):
    """JSON of any size, which says that it is JSON."""
    answer = pf_client.patch("/v1/users/11", content=content, headers=headers)
    assert answer.status_code == status


def test_all_calls_but_for_a_token_share_a_limit(pf, pf_state, clock, pair):
    """650 a minute, then a 429 in the form of the portal, until the window ends."""
    assert Limits().rate_limit == 650
    pf_state.limits = Limits(rate_limit=3)
    assert [pf("GET", "/v1/users")[0], pf("GET", "/v1/no")[0]] == [200, 404]
    assert pf("POST", "/v1/users", {})[0] == 400
    status, body = pf("GET", "/v1/roles")
    assert (status, body["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert pf("POST", "/v1/auth/token", pair)[0] == 200
    clock.now += 60
    assert pf("GET", "/v1/roles")[0] == 200


def test_tokens_have_a_limit_of_their_own(pf, pf_state, clock, pair):
    """60 a minute, wrong pairs count too, and other calls go on."""
    assert Limits().token_rate_limit == 60
    pf_state.limits = Limits(token_rate_limit=2, rate_window=10)
    wrong = pair | {"apiKey": "x" * 40}
    assert [pf("POST", "/v1/auth/token", each)[0] for each in (wrong, pair)] == [401, 200]
    assert pf("POST", "/v1/auth/token", pair)[0] == 429
    assert pf("GET", "/v1/users")[0] == 200
    clock.now += 10
    assert pf("POST", "/v1/auth/token", pair)[0] == 200


@pytest.mark.parametrize(("reading", "wait"), [("nothing", None), ("retry-after", "31")])
def test_a_429_may_say_when_to_come_again(pf_client, pf_state, clock, reading, wait):
    """It is not documented; no answer has headers about rates."""
    pf_state.limits, pf_state.readings = Limits(rate_limit=1), Readings(retry=reading)
    pf_client.get("/v1/users")
    clock.now += 29.5
    answer = pf_client.get("/v1/users")
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, wait)
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
