"""The whole program against a server that answers anything: it prints a message, never a
traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from agency import Agency, person, user

from reconciler.engine.concurrency import Cancellation

Answer = tuple[int, bytes]

DEEP = b"[" * 100_000
USERS = {"items": [user(1, externalId="agent-1"), user(2)]}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)


def json_response(value: object, status: int = 200) -> Answer:
    """A response with JSON."""
    return status, json.dumps(value).encode()


LISTS: dict[str, Answer] = {
    "nothing": (200, b""),
    "invalid JSON": (200, b"{"),
    "HTML": (200, b"<html>\x1b[31m</html>"),
    "bytes": (200, b"\xff\xfe\x00"),
    "deep": (200, DEEP),
    "deep in a user": (200, b'{"items": [{"id": 1, "avatar": ' + b"[" * 900 + b"]" * 900 + b"}]}"),
    "a long number": (200, b'{"items": [{"id": ' + b"9" * 5000 + b"}]}"),
    "not a number": (200, b'{"items": [{"id": NaN}]}'),
    "a list": json_response([]),
    "null": json_response(None),
    "no items": json_response({"users": []}),
    "no users": json_response({"items": [None, 1, "x", []]}),
    "a user without a number": json_response({"items": [{"name": "x"}]}),
    "a boolean for a number": json_response({"items": [{**user(1), "id": True}]}),
    "numbers for texts": json_response({"items": [user(1, name=1, phone=2)]}),
    "objects for texts": json_response({"items": [user(1, externalId={}, instagram=[])]}),
    "lone surrogates": json_response({"items": [user(1, name="\ud800", phone="\x1b[31m\u202e")]}),
    "the same one twice": json_response({"items": [user(1), user(1, name="y")]}),
    "a page that leads to itself": json_response({**USERS, "next": "/users"}),
    "a page somewhere else": json_response(
        {**USERS, "next": "http://elsewhere.example/users?a=b#c"}
    ),
    "an invalid page": json_response({**USERS, "next": [1], "total": "many"}),
    "an empty rejection": (400, b""),
    "a rejection in lists": json_response({"message": [["x"], None, {"message": "\x1b[2J"}]}, 400),
    "no access": json_response({"message": {"message": {"message": "no"}}}, 403),
    "not found": (404, b"<html>"),
    "a redirect": (302, b""),
    "an odd status": json_response(USERS, 299),
}
"""Responses to reading the users."""

WRITES: dict[str, Answer] = {
    "nothing": (200, b""),
    "no content": (204, b""),
    "null": json_response(None),
    "a list": json_response([]),
    "another agent": json_response({"id": 99, "updated": True}),
    "a text for a number": json_response({"id": "1"}),
    "deep": (200, DEEP),
    "results without ids": json_response({"results": [None, 1, [], {}, {"success": True}]}),
    "results of other agents": json_response({"results": [{"success": True, "id": 98}] * 2}),
    "a success under a 422": json_response({"success": True, "id": 1}, 422),
    "a rejection without a message": (409, b""),
    "invalid errors": json_response({"errors": [1, None, {"pointer": 5, "detail": []}]}, 400),
}
"""Responses to a change."""


@contextmanager
def serving(listed: Answer, written: Answer) -> Iterator[str]:
    """A portal with one response to every read and one to every write."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """Send the response; a token is always granted."""
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, body = listed if self.command == "GET" else written
            if "token" in self.path:
                status, body = json_response({"accessToken": "t", "expiresIn": 1800})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            """Answer every other method in the same way."""
            if name.startswith("do_"):
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def run(agency: Agency, url: str, *command: str) -> int:
    """Run a command against the server. It exits with a documented code and prints a message."""
    agency.environment |= {"RENTIX_URL": url, "PROPERTYFINDER_URL": url}
    result = agency.run(*command)
    assert result.code in (0, 1, 2, 3, 4)
    assert "Traceback" not in result.out + result.err
    assert "\x1b" not in result.out + result.err
    assert result.out + result.err
    return result.code


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
def test_any_list(agency: Agency, listed: Answer) -> None:
    """Whatever a portal lists, a plan or a drift check ends with a result or a message."""
    agency.use(rentix={}, propertyfinder={})
    agency.declare(
        {"externalId": "agent-1", "name": "New", "propertyfinder": {"id": 1, "name": "New"}},
        {"externalId": "b", "phone": "+373 60 000 002"},
    )
    with serving(listed, (500, b"")) as url:
        run(agency, url, "plan", "--portal", "rentix")
        run(agency, url, "drift", "--portal", "propertyfinder")


@pytest.mark.parametrize("written", WRITES.values(), ids=WRITES)
def test_any_response_to_a_change(agency: Agency, written: Answer) -> None:
    """Changes that Rentix did not make are never reported as applied."""
    agency.use(rentix={})
    agency.declare(
        {"externalId": "agent-1", "name": "New"},
        {"externalId": "b", "id": 2, "name": "Other"},
    )
    with serving(json_response(USERS), written) as url:
        assert run(agency, url, "apply", "--yes", "--force") in (3, 4)


@pytest.mark.parametrize("written", WRITES.values(), ids=WRITES)
def test_any_response_to_a_change_on_property_finder(agency: Agency, written: Answer) -> None:
    """A success has no body; any other body causes no traceback, and reading afterwards shows
    what was applied."""
    agency.use(propertyfinder={})
    agency.declare({"externalId": "a", "propertyfinder": {"id": 1, "name": "New"}})
    there = person(1, email="a@agency.example", publicProfile={"id": 901, "name": "Old"})
    listed = json_response(
        {"data": [there], "pagination": {"total": 1, "page": 1, "totalPages": 1}}
    )
    with serving(listed, written) as url:
        run(agency, url, "apply", "--yes", "--force")
