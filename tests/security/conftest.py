"""Fixtures for the security tests: an agency with long keys, and portals that record their
requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from agency import Agency, new_portals
from github.platform import Platform, emptied, serving
from repositories import plain_git

from reconciler.engine.concurrency import Cancellation
from reconciler.github import api
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.server import Running

from .keys import KEYS, PF_KEY, PF_SECRET, RENTIX, TOKEN


class RecordedRequest(NamedTuple):
    """A request to the sandbox."""

    target: str
    headers: list[tuple[str, str]]


@pytest.fixture
def keyed(tmp_path: Path, server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    """An agency with the long keys in an empty folder. Retries do not wait, and every login
    returns the same token."""
    monkeypatch.setattr("reconciler.net.transport._backoff", lambda _: 0.0)
    monkeypatch.setattr(
        "reconciler.sandbox.propertyfinder.calls.uuid4", lambda: type("", (), {"hex": TOKEN})
    )
    root = tmp_path / "repository"
    root.mkdir()
    with new_portals(server, RENTIX) as portal:
        agency = Agency(root, portal, dict(KEYS))
        agency.pf.key, agency.pf.secret = PF_KEY, PF_SECRET
        agency.live()
        yield agency


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[RecordedRequest]:
    """The requests to the sandbox, with their headers."""
    requests: list[RecordedRequest] = []
    original = Gate.__call__

    async def record(gate: Gate, scope: Any, receive: Any, send: Any) -> None:
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        requests.append(RecordedRequest(target, headers))
        await original(gate, scope, receive, send)

    monkeypatch.setattr(Gate, "__call__", record)
    return requests


@pytest.fixture(scope="package")
def served() -> Iterator[Platform]:
    """One GitHub for all tests."""
    with serving() as platform:
        yield platform


@pytest.fixture
def github(keyed: Agency, served: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """An empty GitHub whose runs have the long keys as secrets; no step waits."""
    plain_git(monkeypatch)
    monkeypatch.setattr(api, "_pause", lambda *_: 0.0)
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    monkeypatch.setattr("agency.KEY", RENTIX)
    for name, value in keyed.environment.items():
        monkeypatch.setenv(name, value)
    with emptied(served) as platform:
        yield platform
