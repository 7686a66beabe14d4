"""A server that answers anything, and the whole program: it ends in words, never in a traceback."""

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
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between tries."""
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)


def said(value: object, status: int = 200) -> Answer:
    """A value as JSON."""
    return status, json.dumps(value).encode()


LISTS: dict[str, Answer] = {
    "nothing": (200, b""),
    "no JSON": (200, b"{"),
    "HTML": (200, b"<html>\x1b[31m</html>"),
    "bytes": (200, b"\xff\xfe\x00"),
    "deep": (200, DEEP),
    "deep in a user": (200, b'{"items": [{"id": 1, "avatar": ' + b"[" * 900 + b"]" * 900 + b"}]}"),
    "a long number": (200, b'{"items": [{"id": ' + b"9" * 5000 + b"}]}"),
    "not a number": (200, b'{"items": [{"id": NaN}]}'),
    "a list": said([]),
    "null": said(None),
    "no items": said({"users": []}),
    "no users": said({"items": [None, 1, "x", []]}),
    "a user without a number": said({"items": [{"name": "x"}]}),
    "a truth value for a number": said({"items": [{**user(1), "id": True}]}),
    "numbers for texts": said({"items": [user(1, name=1, phone=2)]}),
    "objects for texts": said({"items": [user(1, externalId={}, instagram=[])]}),
    "half characters": said({"items": [user(1, name="\ud800", phone="\x1b[31m\u202e")]}),
    "the same one twice": said({"items": [user(1), user(1, name="y")]}),
    "a page that leads to itself": said({**USERS, "next": "/users"}),
    "a page somewhere else": said({**USERS, "next": "http://elsewhere.example/users?a=b#c"}),
    "a page that is none": said({**USERS, "next": [1], "total": "many"}),
    "an empty refusal": (400, b""),
    "a refusal in lists": said({"message": [["x"], None, {"message": "\x1b[2J"}]}, 400),
    "no access": said({"message": {"message": {"message": "no"}}}, 403),
    "not found": (404, b"<html>"),
    "a redirect": (302, b""),
    "an odd status": said(USERS, 299),
}
"""What a portal says when it is asked for its users."""

WRITES: dict[str, Answer] = {
    "nothing": (200, b""),
    "no content": (204, b""),
    "null": said(None),
    "a list": said([]),
    "somebody else": said({"id": 99, "updated": True}),
    "a text for a number": said({"id": "1"}),
    "deep": (200, DEEP),
    "results of nobody": said({"results": [None, 1, [], {}, {"success": True}]}),
    "results of strangers": said({"results": [{"success": True, "id": 98}] * 2}),
    "a success under a refusal": said({"success": True, "id": 1}, 422),
    "a refusal without words": (409, b""),
    "errors that are none": said({"errors": [1, None, {"pointer": 5, "detail": []}]}, 400),
}
"""What a portal says when it is told to change somebody."""


@contextmanager
def serving(listed: Answer, written: Answer) -> Iterator[str]:
    """A portal with one answer for whoever reads, and one for whoever writes."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """Say what is said to such a request; a token is always given."""
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, body = listed if self.command == "GET" else written
            if "token" in self.path:
                status, body = said({"accessToken": "t", "expiresIn": 1800})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            """Every other method is answered in the same way."""
            if name.startswith("do_"):
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def tried(agency: Agency, url: str, *command: str) -> int:
    """Run a command against that server: it ends with a documented code, and in words."""
    agency.environment |= {"RENTIX_URL": url, "PROPERTYFINDER_URL": url}
    done = agency.run(*command)
    assert done.code in (0, 1, 2, 3, 4)
    assert "Traceback" not in done.out + done.err
    assert "\x1b" not in done.out + done.err
    assert done.out + done.err
    return done.code


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
def test_any_list(agency: Agency, listed: Answer) -> None:
    """Whatever a portal says of its users, a plan is a plan or an error in words, on both."""
    agency.use(rentix={}, propertyfinder={})
    agency.declare(
        {"externalId": "agent-1", "name": "New", "propertyfinder": {"id": 1, "name": "New"}},
        {"externalId": "b", "phone": "+373 60 000 002"},
    )
    with serving(listed, (500, b"")) as url:
        tried(agency, url, "plan", "--portal", "rentix")
        tried(agency, url, "drift", "--portal", "propertyfinder")


@pytest.mark.parametrize("written", WRITES.values(), ids=WRITES)
def test_any_answer_to_a_change(agency: Agency, written: Answer) -> None:
    """Whatever Rentix says to changes that it did not make, they are not called applied."""
    agency.use(rentix={})
    agency.declare(
        {"externalId": "agent-1", "name": "New"},
        {"externalId": "b", "id": 2, "name": "Other"},
    )
    with serving(said(USERS), written) as url:
        assert tried(agency, url, "apply", "--yes", "--force") in (3, 4)


@pytest.mark.parametrize("written", WRITES.values(), ids=WRITES)
def test_any_answer_to_a_change_of_property_finder(agency: Agency, written: Answer) -> None:
    """Property Finder answers a change with nothing at all; what it says beyond that is no
    traceback, and the look afterwards tells what it shows."""
    agency.use(propertyfinder={})
    agency.declare({"externalId": "a", "propertyfinder": {"id": 1, "name": "New"}})
    there = person(1, email="a@agency.example", publicProfile={"id": 901, "name": "Old"})
    listed = said({"data": [there], "pagination": {"total": 1, "page": 1, "totalPages": 1}})
    with serving(listed, written) as url:
        tried(agency, url, "apply", "--yes", "--force")
