"""What a transport sends, and where."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Request
from reconciler.core.plan_json import request_bytes
from reconciler.errors import ReconcilerError

from .portal import (
    GET,
    KEY,
    URL,
    FakeClock,
    ok,
    opened,
)


def test_the_headers_of_a_request(portal, wire):
    """Each request has the session's header and our User-Agent, and goes below the base URL."""
    portal.answers_with(ok())
    answer = wire.send(GET)
    sent = portal.requests[0]
    assert (answer.status, answer.body, answer.error) == (200, {"items": []}, None)
    assert str(sent.url) == f"{URL}/users"
    assert sent.headers["authorization"] == f"ApiKey {KEY}"
    assert sent.headers["user-agent"].startswith("agent-reconciler/")


@pytest.mark.parametrize("url", ["https://crm.example/api/v1", "https://crm.example/api/v1/"])
def test_a_trailing_slash_in_the_base_url(portal, wait, url):
    """The path is appended once."""
    portal.answers_with(ok())
    with opened(wait, url) as wire:
        wire.send(GET)
    assert portal.requests[0].url.raw_path == b"/api/v1/users"


def test_a_request_without_a_body_has_no_content_type(portal, wire):
    """GET and DELETE have neither a body nor Content-Type."""
    portal.answers_with(ok({"id": 1}))
    for request in (GET, Request("DELETE", "/users/1/link")):
        wire.send(request)
    for sent in portal.requests:
        assert sent.content == b""
        assert "content-type" not in sent.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=25, database=None)
@given(body=st.dictionaries(st.text(), JSON, max_size=3))
def test_the_body_is_the_plans(body):
    """Byte for byte `request_bytes`, as `application/json`."""
    with respx.mock() as router, opened(FakeClock()) as wire:
        route = router.put(f"{URL}/users").respond(json={"id": 1})
        request = Request("PUT", "/users", body)
        wire.send(request)
        sent = route.calls.last.request
    assert sent.content == request_bytes(request)
    assert json.loads(sent.content) == body
    assert sent.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/users/external/a%2Fb%3Fc%23d", b"/api/v1/users/external/a%2Fb%3Fc%23d"),
        ("/users/external/100%25", b"/api/v1/users/external/100%25"),
        ("/users/external/%D0%98", b"/api/v1/users/external/%D0%98"),
        ("/users?cursor=a%2Bb%3D%3D", b"/api/v1/users?cursor=a%2Bb%3D%3D"),
    ],
)
def test_an_encoded_path_is_sent_as_is(portal, wire, path, raw):
    """Percent-encoding is neither decoded nor repeated."""
    portal.answers_with(ok())
    wire.send(Request("GET", path))
    assert portal.requests[0].url.raw_path == raw


def test_a_lone_surrogate_in_a_body(portal, wire):
    """A portal's JSON can contain one; the request gets a response."""
    portal.answers_with(ok({"id": 1}))
    answer = wire.send(Request("PUT", "/users", {"id": 1, "name": "\ud83d"}))
    assert answer.status == 200 or answer.error


@pytest.mark.parametrize("url", ["http://crm.example/api/v1", "http://127.0.0.1.crm.example/"])
def test_plain_http_is_for_loopback_only(portal, wait, url):
    """Anything else is rejected before a byte is sent."""
    portal.answers_with(ok())
    try:
        with opened(wait, url) as wire:
            wire.send(GET)
    except ReconcilerError:
        pass
    assert portal.requests == []


@pytest.mark.parametrize(
    "path", ["https://evil.example/users", "//evil.example/users", "http://evil.example/"]
)
def test_a_path_cannot_lead_to_another_host(portal, wire, path):
    """Requests go to one host, whatever their path is."""
    portal.answers_with(ok())
    wire.send(Request("GET", path))
    assert {sent.url.host for sent in portal.requests} <= {"crm.example"}


def test_a_netrc_is_not_used(portal, wait, monkeypatch, tmp_path):
    """An entry for the portal's host does not replace the key."""
    (tmp_path / ".netrc").write_text("machine crm.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    portal.answers_with(ok())
    with opened(wait) as wire:
        wire.send(GET)
    assert portal.requests[0].headers.get_list("authorization") == [f"ApiKey {KEY}"]


@contextmanager
def served():
    """A real server on loopback: its port and the request lines it got."""
    lines = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            lines.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, lines
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_loopback_uses_no_proxy(monkeypatch, wait, host):
    """Even if HTTP_PROXY and ALL_PROXY are set."""
    with served() as (port, direct), served() as (proxy, proxied):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with opened(wait, f"http://{host}:{port}") as wire:
            answer = wire.send(GET)
    assert (answer.status, direct, proxied) == (200, ["GET /users HTTP/1.1"], [])


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://[", "http://127.0.0.1:x"]
)
def test_an_unusable_proxy(monkeypatch, wait, proxy):
    """An error message, not a crash."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    answer = None
    with suppress(ReconcilerError), opened(wait) as wire:
        answer = wire.send(GET)
    assert answer is None or (answer.status is None and answer.error)
