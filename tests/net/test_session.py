"""Logging in, renewing a session, and redacting its token."""

from __future__ import annotations

import logging

import httpx
import pytest

from reconciler.core.model import RateLimit

from .portal import (
    GET,
    KEY,
    LASTS,
    PUT,
    START,
    TokenPortal,
    ok,
    with_token,
)


@pytest.fixture
def token_portal(portal):
    """A portal that issues tokens."""
    made = TokenPortal()
    portal.answers_with(made)
    return made


def test_one_login_for_many_requests(wait, token_portal):
    """Before the first request."""
    with with_token(wait) as wire:
        assert token_portal.seen == []
        for request in (GET, PUT, GET):
            assert wire.send(request).status == 200
    assert token_portal.seen == ["login", "token-1", "token-1", "token-1"]


@pytest.mark.parametrize(("later", "logins"), [(LASTS * 0.9 - 1, 1), (LASTS * 0.9, 2)])
def test_a_token_is_renewed_before_it_expires(wait, token_portal, later, logins):
    """After nine tenths of its lifetime, counted from the login."""
    with with_token(wait) as wire:
        wire.send(GET)
        wait.now += later
        wire.send(GET)
        wire.send(GET)
    assert token_portal.given == logins


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["ahead", "back"])
def test_a_jump_of_the_clock_does_not_change_a_session(wait, token_portal, jump):
    """It is neither renewed early nor kept too long."""
    with with_token(wait) as wire:
        wire.send(GET)
        wait.skew = jump
        wire.send(GET)
        assert token_portal.given == 1
        wait.now += LASTS
        wire.send(GET)
    assert token_portal.given == 2


def test_a_session_without_an_expiry_is_never_renewed(portal, wait):
    """Even after a year, and a 401 is returned."""
    portal.answers_with(ok(), httpx.Response(401, json={"message": "no"}))
    with with_token(wait, seconds=None) as wire:
        portal.answers_with(ok({"token": "t"}), ok(), httpx.Response(401, json={"message": "no"}))
        wire.send(GET)
        wait.now += 365 * 86400
        assert wire.send(PUT).status == 401
    assert [sent.url.path for sent in portal.requests].count("/api/v1/token") == 1
    assert len(portal.requests) == 3


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_token_that_expired_early_is_renewed(wait, token_portal, request_):
    """A 401 had no effect, so a write is sent again too."""
    with with_token(wait) as wire:
        wire.send(GET)
        token_portal.good = "another"
        answer = wire.send(request_)
    assert (answer.status, answer.uncertain) == (200, False)
    assert token_portal.seen[2:] == ["token-1", "login", "token-2"]


def test_a_portal_that_rejects_every_token(portal, wait):
    """The 401 is returned after one new login; the next request may log in again."""
    login, refusal = ok({"token": "t"}), httpx.Response(401, json={"message": "no"})
    portal.answers_with(login, refusal, login, refusal, refusal, login, ok())
    with with_token(wait) as wire:
        answer = wire.send(PUT)
        assert (answer.status, answer.body, answer.uncertain) == (401, {"message": "no"}, False)
        assert len(portal.requests) == 4
        assert wire.send(GET).status == 200
    paths = [sent.url.path.rpartition("/")[2] for sent in portal.requests]
    assert paths == ["token", "users"] * 2 + ["users", "token", "users"]


def test_a_403_does_not_end_the_session(portal, wait):
    """A new token would not have the missing scope either."""
    portal.answers_with(ok({"token": "t"}), httpx.Response(403, json={"message": "scope"}))
    with with_token(wait) as wire:
        assert wire.send(PUT).status == 403
    assert len(portal.requests) == 2


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_rejected_login(portal, wait, status, request_):
    """The request is not sent and gets the login's message; the status is kept only for 401 and
    403."""
    portal.answers_with(httpx.Response(status, json={"results": []} if status != 204 else None))
    with with_token(wait) as wire:
        answer = wire.send(request_)
    assert (answer.body, answer.uncertain) == (None, False)
    assert answer.status == (status if status in (401, 403) else None)
    assert answer.error.startswith("no token")
    assert {sent.url.path for sent in portal.requests} == {"/api/v1/token"}


def test_a_rejected_renewal(portal, wait):
    """After the first token expired, the request is not sent."""
    portal.answers_with(ok({"token": "t"}), ok(), httpx.Response(200, text="<html>Log in</html>"))
    with with_token(wait) as wire:
        wire.send(GET)
        wait.now += LASTS
        answer = wire.send(PUT)
    assert (answer.status, answer.uncertain) == (None, False)
    assert [sent.method for sent in portal.requests].count("PUT") == 0


def test_a_rejected_login_after_a_401(portal, wait):
    """The key was revoked: the rejection is returned, and the write had no effect."""
    portal.answers_with(
        ok({"token": "t"}), httpx.Response(401, json={}), httpx.Response(403, json={})
    )
    with with_token(wait) as wire:
        answer = wire.send(PUT)
    assert (answer.status, answer.error, answer.uncertain) == (403, "no token (403)", False)
    assert len(portal.requests) == 3


def test_a_rejected_login_is_tried_again_for_the_next_request(portal, wait):
    """Rejections are not remembered."""
    portal.answers_with(httpx.Response(401, json={}), ok({"token": "t"}), ok())
    with with_token(wait) as wire:
        assert [wire.send(GET).status for _ in range(2)] == [401, 200]


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(429, headers={"Retry-After": "3"}, json={}),
        httpx.Response(500, json={"message": "bad"}),
        httpx.Response(503, text="<html>"),
        httpx.Response(303, headers={"Location": "/login"}),
        httpx.Response(408, json={"message": "slow"}),
        httpx.Response(499),
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.Response(200, content=b""),
    ],
    ids=["429", "500", "503", "303", "408", "499", "lost", "unsent", "nothing"],
)
def test_a_login_is_retried_like_a_read(portal, wait, broken):
    """It changes nothing; after the requested pause or a growing backoff."""
    portal.answers_with(broken, broken, ok({"token": "t"}), ok({"id": 1}))
    with with_token(wait) as wire:
        assert wire.send(PUT).status == 200
    assert [sent.url.path.rpartition("/")[2] for sent in portal.requests] == [
        *["token"] * 3,
        "users",
    ]
    assert len(wait.slept) == 2
    assert wait.slept[0] > 0


def test_a_login_that_keeps_failing(portal, wait):
    """A limited number of attempts, and the write is not sent."""
    portal.answers_with(httpx.Response(503, text="<html>"))
    with with_token(wait) as wire:
        answer = wire.send(PUT)
    assert (answer.status, answer.error) == (None, "no token (503)")
    assert {sent.url.path for sent in portal.requests} == {"/api/v1/token"}
    assert 3 <= len(portal.requests) <= 10


def test_logins_have_a_separate_limit(portal, wait):
    """They count towards the general limit too."""
    portal.answers_with(TokenPortal())
    rate_limits = (RateLimit("all", 100), RateLimit("token", 2, (("POST", "/token"),)))
    with with_token(wait, seconds=10, rate_limits=rate_limits) as wire:
        for _ in range(3):
            wire.send(GET)
            wait.now += 9
    assert len(wait.slept) == 1
    assert wait.now - START > 60


def test_tokens_are_redacted(portal, wait, caplog):
    """Old and new ones, in messages and logs; other headers of a session are not secret."""
    caplog.set_level(logging.DEBUG)
    tokens = ["token-one-1", "token-two-2"]
    portal.answers_with(
        ok({"token": tokens[0]}),
        httpx.Response(401, json={"message": f"expired {tokens[0]}"}),
        ok({"token": tokens[1]}),
        httpx.ReadError(f"bad header Bearer {tokens[1]}"),
    )
    with with_token(wait, headers={"X-Format": "json-v2"}) as wire:
        answer = wire.send(PUT)
        text = wire.clean(f"{tokens[0]} {tokens[1]} {KEY} json-v2")
    assert text == "*** *** *** json-v2"
    assert "***" in answer.error
    for secret in (*tokens, KEY):
        assert secret not in answer.error + caplog.text + repr(wire)
    for sent in portal.requests[1::2]:
        assert sent.headers["x-format"] == "json-v2"


def test_an_empty_token_redacts_nothing(portal, wait):
    """An empty secret would match everywhere."""
    portal.answers_with(ok({"token": " "}), ok())
    with with_token(wait) as wire:
        wire.send(GET)
        assert wire.clean("as it is") == "as it is"
