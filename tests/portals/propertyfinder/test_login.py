"""Property Finder: tokens."""

from __future__ import annotations

import pytest
from conversations import LOST, ok, perform, play, reading

from reconciler.core.model import (
    Request,
    Response,
    Session,
)
from reconciler.errors import PortalError

from .talk import (
    LIST,
    POST,
    PUBLIC,
    SECRETS,
    TOKEN,
    change,
    finder,
    newcomer,
    older,
    problem,
    refusal,
)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("path", ["/v1/auth/token", "/oauth/token"])
def test_a_token_is_asked_for_and_used(status, path):
    """Key and secret go out once, to the configured address; the token, and the form that errors
    are to have, with each request from then on."""
    answer = {"accessToken": "tok", "tokenType": "Bearer", "expiresIn": 1800}
    session, asked = play(
        finder(token_path=path).login(SECRETS), (f"POST {path}", ok(answer, status))
    )
    headers = {"Authorization": "Bearer tok", "X-PF-Error-Format": "problem-json-v2"}
    assert session == Session(headers, 1800.0)
    key, secret = SECRETS.values()
    assert asked == [Request("POST", path, {"apiKey": key, "apiSecret": secret}, asks=True)]
    assert not asked[0].writes


@pytest.mark.parametrize(
    ("said", "seconds"),
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
def test_a_token_of_an_odd_duration_is_used_for_a_while(said, seconds):
    """What is no number of seconds is a minute, and nothing is longer than a day."""
    answer = {"accessToken": "tok", "expiresIn": said}
    session, _ = play(finder().login(SECRETS), (TOKEN, ok(answer)))
    assert session.seconds == seconds


KEYS = ["PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET"]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (problem(400, ("/apiKey", "has to be 40 characters")), ["40 characters", *KEYS]),
        (problem(401, detail="Unknown key"), ["Unknown key", *KEYS]),
        (older(403, "Key is blocked"), ["Key is blocked", *KEYS]),
        (older(422, "no"), ["no", *KEYS]),
        (older(404, "Not Found"), ["Not Found", "/v1/auth/token", "token_path"]),
        (older(405, "POST"), ["POST", "/v1/auth/token", "token_path"]),
        (older(429, "Too many requests"), ["Too many requests"]),
        (Response(500, None, "the portal answered 500"), ["the portal answered 500"]),
        (Response(302, None, "a redirect; none is followed"), ["redirect"]),
        (Response(None, None, "could not connect to atlas (refused)"), ["could not connect"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_a_refused_login_says_why_and_what_to_do(response, words):
    """The portal's own words, and what to look at."""
    said = refusal(response)
    assert said.error.startswith("Property Finder ")
    assert [word for word in words if word not in said.error] == []


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
def test_an_answer_without_a_usable_token_is_an_error(body):
    """A token that no header can carry is none. It may be a slip, so it is asked for again."""
    error = "Property Finder responded to POST /v1/auth/token without a token, which is undocumented. Check token_path and url in portals.propertyfinder."
    assert refusal(ok(body), times=3).error == error


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 422, 500])
def test_a_refused_login_is_not_taken_for_the_answer_to_a_request(status):
    """Whoever sent a change gets to see the login's refusal in place of an answer: neither its 200
    nor its 404 says anything of the change."""
    times = 3 if status in (200, 201) else 1
    said = refusal(ok({"accessToken": None, "data": [], "id": 5}, status), times)
    assert (said.status, said.body) == (None, None)
    for operation, line in ((change(name="New"), PUBLIC), (newcomer(bio={"primary": "x"}), POST)):
        (outcome,), _ = play(perform(finder(), operation), (line, said))
        assert (outcome.status, outcome.error) == ("failed", said.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, said))
    assert str(caught.value) == said.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_once_wherever_it_shows(status):
    """The words of the login stand alone, with the status that ends the portal's run."""
    said = refusal(older(status, "Unknown key"))
    assert said.status == status
    (outcome,), _ = play(perform(finder(), change(name="New")), (PUBLIC, said))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", status, said.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, said))
    assert str(caught.value) == said.error


@pytest.mark.parametrize(
    ("response", "times"),
    [(older(401, "no"), 1), (ok({}), 3), (LOST, 1)],
    ids=["401", "200", "lost"],
)
def test_no_secret_is_in_what_a_login_says(response, times):
    """Neither the key nor the secret gets into a message, whatever went wrong."""
    said = refusal(response, times)
    assert said.error
    assert [secret for secret in SECRETS.values() if secret in repr(said)] == []
