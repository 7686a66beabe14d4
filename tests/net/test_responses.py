"""What a transport makes of responses, lost ones and redirects (httpx mocked by respx)."""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace

import httpx
import pytest

from reconciler.core.model import Request, Session
from reconciler.net.transport import Transport

from .portal import (
    BULK,
    GET,
    KEY,
    PUT,
    START,
    URL,
    ok,
)

# Reads


INCONCLUSIVE = [303, 408, 421, 425, 460, 499, 500, 502, 503, 504, 520, 522, 524, 599, 999]
"""Statuses under which a write may have had an effect."""


@pytest.mark.parametrize("status", INCONCLUSIVE)
@pytest.mark.parametrize("html", [True, False], ids=["html", "json"])
def test_a_read_is_retried_on_an_inconclusive_status(portal, wait, wire, status, html):
    """With a growing backoff."""
    body = {"text": "<html>bad"} if html else {"json": {"message": "bad"}}
    portal.answers_with(httpx.Response(status, **body), httpx.Response(status, **body), ok())
    answer = wire.send(GET)
    assert (answer.status, len(portal.requests)) == (200, 3)
    assert 0 < wait.slept[0] < wait.slept[1]


@pytest.mark.parametrize("status", [303, 408, 500, 502, 503, 504])
def test_a_read_that_keeps_failing(portal, wait, wire, status):
    """A limited number of attempts, then the status in the message; not uncertain."""
    portal.answers_with(httpx.Response(status, text="<html><script>x</script>"))
    answer = wire.send(GET)
    assert (answer.status, answer.body, answer.uncertain) == (status, None, False)
    assert str(status) in answer.error
    assert "<" not in answer.error
    assert 3 <= len(portal.requests) <= 10
    assert wait.now - START < 180


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 423])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_4xx_is_final(portal, wait, wire, status, request_):
    """One request, the portal's message, not uncertain."""
    portal.answers_with(httpx.Response(status, json={"message": "no"}))
    answer = wire.send(request_)
    assert (answer.status, answer.body, answer.error) == (status, {"message": "no"}, None)
    assert not answer.uncertain
    assert (len(portal.requests), wait.slept) == (1, [])


@pytest.mark.parametrize("cut", [b'{"items": [{"id": 1, "na', b"", b"<html>hello</html>"])
def test_a_read_with_a_truncated_body_is_retried(portal, wire, cut):
    """A 200 with partial JSON, an empty body, or a gateway's page."""
    portal.answers_with(httpx.Response(200, content=cut), ok())
    assert wire.send(GET).body == {"items": []}
    assert len(portal.requests) == 2


def test_a_read_that_never_gets_json(portal, wire):
    """A page with status 200 (a login form) ends in an error."""
    portal.answers_with(httpx.Response(200, text="<html>Log in</html>"))
    answer = wire.send(GET)
    assert (answer.status, answer.body, answer.uncertain) == (200, None, False)
    assert "not JSON" in answer.error


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 6000, '{"a": 1}{"a": 1}', "\ufeff{}x"])
def test_a_body_that_breaks_the_parser(portal, wire, text):
    """Deep nesting, huge numbers, trailing data: an error, not an exception."""
    portal.answers_with(httpx.Response(400, content=text.encode()))
    answer = wire.send(GET)
    assert (answer.status, answer.body) == (400, None)
    assert "not JSON" in answer.error


def test_invalid_utf8_is_replaced(portal, wire):
    """Otherwise valid JSON is parsed."""
    portal.answers_with(httpx.Response(400, content=b'{"message": "caf\xe9"}'))
    assert wire.send(GET).body == {"message": "caf\ufffd"}


# Writes


def _name(request):
    return f"{request.method} {request.path}"


@pytest.mark.parametrize("status", INCONCLUSIVE)
@pytest.mark.parametrize("request_", [PUT, BULK, Request("DELETE", "/users/1/link")], ids=_name)
@pytest.mark.parametrize("html", [True, False], ids=["html", "json"])
def test_a_write_with_an_inconclusive_status_is_not_retried(portal, wire, status, request_, html):
    """The portal may have done it before the gateway gave up, so it is uncertain."""
    body = {"text": "<html>bad"} if html else {"json": {"message": "bad"}}
    portal.answers_with(httpx.Response(status, **body))
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, True, 1)


@pytest.mark.parametrize("status", [200, 408, 422, 500, 502])
def test_results_are_certain_with_any_status(portal, wire, status):
    """A bulk response with `results`, also with a 500 or a 408."""
    portal.answers_with(httpx.Response(status, json={"results": []}))
    answer = wire.send(BULK)
    assert (answer.status, answer.body, answer.uncertain) == (status, {"results": []}, False)


@pytest.mark.parametrize("content", [b"<html>ok", b"", b"[1]", b'"ok"', b'{"id": 1, "upd'])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_write_that_succeeds_without_json_is_uncertain(portal, wire, status, content):
    """A 2xx with a page, an empty or partial body is not retried; only an empty 204 is certain."""
    portal.answers_with(httpx.Response(status, content=content))
    answer = wire.send(PUT)
    open_ = (status, content) != (204, b"")
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, open_, 1)


def test_a_4xx_with_a_page_is_certain(portal, wire):
    """A firewall's 403 had no effect, and its HTML is not in the message."""
    portal.answers_with(httpx.Response(403, text="<html><h1>Forbidden</h1>"))
    answer = wire.send(PUT)
    assert (answer.status, answer.body, answer.uncertain) == (403, None, False)
    assert "403" in answer.error
    assert "<" not in answer.error


ERRORS = {
    name: kind
    for name, kind in vars(httpx).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
}
UNSENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
NEVER = {"UnsupportedProtocol", "LocalProtocolError", "InvalidURL", "CookieConflict"}
"""Raised before anything is sent, and again each time: whether they are uncertain is no matter."""


def made(kind, text="broken"):
    """An instance of one of httpx's exceptions."""
    request = httpx.Request("GET", URL)
    if kind is httpx.HTTPStatusError:
        return kind(text, request=request, response=httpx.Response(500))
    try:
        return kind(text)
    except TypeError:
        return kind()


@pytest.mark.parametrize("name", sorted(ERRORS))
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_httpx_exceptions_become_responses(portal, wire, name, request_):
    """Each without a status and with a message."""
    portal.answers_with(made(ERRORS[name]))
    answer = wire.send(request_)
    assert (answer.status, answer.body) == (None, None)
    assert answer.error
    assert len(portal.requests) <= 10


def test_an_exception_without_a_message(portal, wire):
    """The message contains its class."""
    portal.answers_with(httpx.ReadTimeout(""))
    assert "ReadTimeout" in wire.send(PUT).error


@pytest.mark.parametrize("name", sorted(set(ERRORS) - NEVER))
def test_a_read_is_retried_after_a_connection_error(portal, wait, wire, name):
    """Also after timeouts and truncated bodies."""
    portal.answers_with(made(ERRORS[name]), made(ERRORS[name]), ok())
    answer = wire.send(GET)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 3)
    assert 0 < wait.slept[0] < wait.slept[1]


@pytest.mark.parametrize("name", sorted(UNSENT))
def test_an_unsent_write_is_retried(portal, wire, name):
    """Without a connection it had no effect."""
    portal.answers_with(made(ERRORS[name]), ok({"id": 1}))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 2)


@pytest.mark.parametrize("name", sorted(UNSENT))
def test_a_write_that_cannot_be_sent_is_certain(portal, wire, name):
    """After a limited number of attempts; the message names the host."""
    portal.answers_with(made(ERRORS[name]))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain) == (None, False)
    assert "crm.example" in answer.error
    assert 3 <= len(portal.requests) <= 10


@pytest.mark.parametrize("name", sorted(set(ERRORS) - UNSENT - NEVER))
def test_a_write_that_may_have_arrived_is_uncertain(portal, wire, name):
    """A failure after connecting is returned at once, for the caller to resolve."""
    portal.answers_with(made(ERRORS[name]))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (None, True, 1)


def test_a_write_that_is_lost_after_a_429_is_uncertain(portal, wire):
    """The last attempt counts."""
    portal.answers_with(httpx.Response(429, json={}), httpx.ReadError("reset"))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (None, True, 2)


# Empty responses


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_empty_204_is_certain(portal, wire, method):
    """Without a body and an error."""
    portal.answers_with(httpx.Response(204))
    answer = wire.send(Request(method, "/users/1", {"name": "Ion"}))
    assert (answer.status, answer.body, answer.error, answer.uncertain) == (204, None, None, False)


@pytest.mark.parametrize("content", [b" ", b"{", b"null", b"<html>"])
def test_a_204_with_a_body_is_uncertain(portal, wire, content):
    """A gateway may have answered."""
    portal.answers_with(httpx.Response(204, content=content))
    assert wire.send(PUT).uncertain


@pytest.mark.parametrize("status", [200, 201, 202])
def test_another_empty_success_is_uncertain(portal, wire, status):
    """Only 204 means that there is no body."""
    portal.answers_with(httpx.Response(status))
    assert wire.send(PUT).uncertain


# Redirects


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
@pytest.mark.parametrize("where", ["https://evil.example/users", "/users/", f"{URL}/x?key={KEY}"])
def test_a_redirect_is_not_followed(portal, wire, status, request_, where):
    """One request, and an error that mentions the redirect."""
    portal.answers_with(
        httpx.Response(status, headers={"Location": where}, json={"message": "moved"})
    )
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, False, 1)
    assert "redirect" in answer.error
    assert KEY not in answer.error


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_303_is_not_followed(portal, wire, request_):
    """It may follow the effect of a write, so only its result is uncertain."""
    where = {"Location": "https://evil.example/users"}
    portal.answers_with(httpx.Response(303, headers=where, json={"message": "moved"}))
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain) == (303, request_.writes)
    assert "redirect" in answer.error
    assert {sent.url.host for sent in portal.requests} == {"crm.example"}


@pytest.mark.parametrize("status", [303, 408, 499])
def test_a_write_whose_inconclusive_reply_is_cut_short_is_uncertain(portal, wire, status):
    """A body in an encoding that was not requested is not read; its status says nothing."""
    portal.answers_with(httpx.Response(status, headers={"Content-Encoding": "br"}, content=b"x"))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (None, True, 1)


# Secrets


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_an_echoed_key_is_redacted(portal, wire, caplog, status):
    """Before a message is truncated; the log does not contain it either."""
    caplog.set_level(logging.DEBUG)
    portal.answers_with(
        httpx.Response(status, json={"message": f"Invalid key {KEY}!", "results": []})
    )
    answer = wire.send(PUT)
    assert answer.body["message"] == "Invalid key ***!"
    assert KEY not in caplog.text


def test_data_is_not_redacted(portal, wait):
    """A key may be a word in a name; in messages it is redacted."""

    def login():
        """A key that is a word."""
        yield from ()
        return Session({"Authorization": "ApiKey sandbox"})

    portal.answers_with(ok({"items": [{"name": "sandbox Ana"}]}))
    with Transport(URL, login, secrets=["sandbox"], clock=wait.clock) as wire:
        answer = wire.send(GET)
    assert answer.body["items"][0]["name"] == "sandbox Ana"
    assert wire.clean("no sandbox") == "no ***"


@pytest.mark.parametrize("name", ["ConnectError", "ReadError", "RemoteProtocolError"])
def test_a_key_in_an_exception_is_redacted(portal, wire, caplog, name):
    """Like one in the portal's messages."""
    caplog.set_level(logging.DEBUG)
    portal.answers_with(made(ERRORS[name], f"bad header ApiKey {KEY}"))
    answer = wire.send(PUT)
    assert "***" in answer.error
    assert KEY not in repr(answer) + caplog.text + repr(wire)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(429, headers={"Retry-After": "1"}),
        httpx.Response(200, text="<html>"),
        httpx.ReadTimeout(""),
        httpx.ConnectError(""),
    ],
    ids=repr,
)
def test_a_request_that_is_sent_once(portal, wait, wire, answer):
    """It is not retried, whatever happens, and nobody waits."""
    portal.answers_with(answer)
    assert wire.send(replace(GET, once=True)).body is None
    assert (len(portal.requests), wait.slept) == (1, [])
