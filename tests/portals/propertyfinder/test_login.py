"""Property Finder: logins and their tokens."""

from __future__ import annotations

import pytest
from conversations import LOST, ok, perform, play, reading

from reconciler.core.model import (
    Request,
    Response,
    Session,
)
from reconciler.errors import PortalError

from .build import (
    LIST,
    POST,
    PUBLIC,
    SECRETS,
    TOKEN,
    change,
    finder,
    newcomer,
    older_problem,
    problem,
    rejection,
)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("path", ["/v1/auth/token", "/oauth/token"])
def test_login_requests_a_token(status, path):
    """Key and secret are sent once, to the configured path. The session has the token and
    requests the error format."""
    answer = {"accessToken": "tok", "tokenType": "Bearer", "expiresIn": 1800}
    session, requests = play(
        finder(token_path=path).login(SECRETS), (f"POST {path}", ok(answer, status))
    )
    headers = {"Authorization": "Bearer tok", "X-PF-Error-Format": "problem-json-v2"}
    assert session == Session(headers, 1800.0)
    key, secret = SECRETS.values()
    assert requests == [Request("POST", path, {"apiKey": key, "apiSecret": secret}, asks=True)]
    assert not requests[0].writes


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (0.5, 0.5),
        (0, 60.0),
        (-5, 60.0),
        (None, 60.0),
        ("1800", 60.0),
        ([1800], 60.0),
        (10**400, 86400.0),
        (float("inf"), 86400.0),
        (float("nan"), 60.0),
    ],
    ids=lambda value: str(value)[:9],
)
def test_invalid_token_durations_have_a_default(duration, seconds):
    """A duration that is not a positive number becomes a minute; the maximum is a day."""
    answer = {"accessToken": "tok", "expiresIn": duration}
    session, _ = play(finder().login(SECRETS), (TOKEN, ok(answer)))
    assert session.seconds == seconds


KEYS = ["PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET"]


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        (problem(400, ("/apiKey", "has to be 40 characters")), ["40 characters", *KEYS]),
        (problem(401, detail="Unknown key"), ["Unknown key", *KEYS]),
        (older_problem(403, "Key is blocked"), ["Key is blocked", *KEYS]),
        (older_problem(422, "no"), ["no", *KEYS]),
        (older_problem(404, "Not Found"), ["Not Found", "/v1/auth/token", "token_path"]),
        (older_problem(405, "POST"), ["POST", "/v1/auth/token", "token_path"]),
        (older_problem(429, "Too many requests"), ["Too many requests"]),
        (Response(500, None, "the portal answered 500"), ["the portal answered 500"]),
        (Response(302, None, "a redirect; none is followed"), ["redirect"]),
        (Response(None, None, "could not connect to atlas (refused)"), ["could not connect"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_rejected_login_explains_the_fix(response, parts):
    """The error has the portal's message and what to check."""
    result = rejection(response)
    assert result.error.startswith("Property Finder ")
    assert [part for part in parts if part not in result.error] == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "tok",
        {},
        {"token": "tok"},
        {"accessToken": None},
        {"accessToken": ""},
        {"accessToken": 5},
        {"accessToken": "two words"},
        {"accessToken": "line\nend"},
        {"accessToken": "Ж"},
    ],
    ids=str,
)
def test_response_without_a_usable_token_is_an_error(body):
    """A token must be a valid header value. The login is retried, as the response may be a
    glitch."""
    error = "Property Finder responded to POST /v1/auth/token without a token, which is undocumented. Check token_path and url in portals.propertyfinder."
    assert rejection(ok(body), times=3).error == error


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 422, 500])
def test_failed_login_is_not_the_response_to_a_write(status):
    """A write whose login fails gets the login's error; the login's status, whether 200 or 404,
    says nothing about the write."""
    times = 3 if status in (200, 201) else 1
    result = rejection(ok({"accessToken": None, "data": [], "id": 5}, status), times)
    assert (result.status, result.body) == (None, None)
    for operation, line in ((change(name="New"), PUBLIC), (newcomer(bio={"primary": "x"}), POST)):
        (outcome,), _ = play(perform(finder(), operation), (line, result))
        assert (outcome.status, outcome.error) == ("failed", result.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, result))
    assert str(caught.value) == result.error


@pytest.mark.parametrize("status", [401, 403])
def test_rejected_key_has_the_same_error_everywhere(status):
    """The outcome of a write and the error of a read have the login's message and status, with
    nothing added."""
    result = rejection(older_problem(status, "Unknown key"))
    assert result.status == status
    (outcome,), _ = play(perform(finder(), change(name="New")), (PUBLIC, result))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", status, result.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, result))
    assert str(caught.value) == result.error


@pytest.mark.parametrize(
    ("response", "times"),
    [(older_problem(401, "no"), 1), (ok({}), 3), (LOST, 1)],
    ids=["401", "200", "lost"],
)
def test_login_errors_contain_no_secret(response, times):
    """Neither the key nor the secret, whatever went wrong."""
    result = rejection(response, times)
    assert result.error
    assert [secret for secret in SECRETS.values() if secret in repr(result)] == []
