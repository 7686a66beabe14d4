"""One sandbox for all tests, in a thread of this process; each test begins a new world on it."""

from __future__ import annotations

import time

import httpx
import pytest

from reconciler.sandbox.server import running

USERS = [
    {
        "id": 1,
        "externalId": "agent-001",
        "name": "Ivan Petrov",
        "phone": "+373 22 123 456",
        "description": "Sells flats",
        "avatar": {"id": 5},
        "instagram": "https://instagram.com/ivan",
    },
    {"id": 2, "externalId": None, "name": "Olga Rusu", "phone": "+373 69 111 222"},
]


@pytest.fixture(scope="session")
def sandbox():
    """The sandbox that answers for the whole run."""
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def client(sandbox):
    """One connection with the right key."""
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": "ApiKey sandbox"}) as client:
        yield client


@pytest.fixture
def state(sandbox):
    """A new world: Ivan, who has an external id, and Olga, who has none."""
    sandbox.state.reset(USERS)
    sandbox.state.clock = time.time
    return sandbox.state


@pytest.fixture
def api(client, state):
    """Sends a call to the new world and gives its status and its JSON."""

    def call(method, path, body=None):
        answer = (
            client.request(method, path, json=body)
            if body is not None
            else client.request(method, path)
        )
        return answer.status_code, answer.json()

    return call
