"""One sandbox for all tests, in a thread of this process; each test resets it."""

from __future__ import annotations

import math
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
    """Serve a sandbox during the whole run."""
    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def client(sandbox):
    """Return a client with the right key."""
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": "ApiKey sandbox"}) as client:
        yield client


@pytest.fixture
def state(sandbox):
    """Reset Rentix: Ivan, who has an external id, and Olga, who has none."""
    sandbox.state.reset(USERS)
    sandbox.state.clock = time.time
    return sandbox.state


@pytest.fixture
def api(client, state):
    """Return a function that sends a call and returns its status and JSON."""

    def call(method, path, body=None):
        content = {} if body is None else {"json": body}
        answer = client.request(method, path, **content)
        return answer.status_code, answer.json()

    return call


PF_USERS = [
    {
        "id": 11,
        "firstName": "Ivan",
        "lastName": "Petrov",
        "email": "ivan@agency.example",
        "mobile": "+373 69 123 456",
        "roleId": 3,
        "publicProfile": {"id": 901, "name": "Ivan Petrov", "bio": {"primary": "Sells flats"}},
    },
    {
        "id": 12,
        "firstName": "Olga",
        "lastName": None,
        "email": "olga@agency.example",
        "status": "inactive",
        "roleId": 17,
        "publicProfile": None,
    },
]


@pytest.fixture(scope="session")
def pf_client(sandbox):
    """Return a client with a token that is valid after every reset."""
    headers = {
        "Authorization": "Bearer test-token",
        "X-PF-Error-Format": "problem-json-v2",
    }
    with httpx.Client(base_url=sandbox.urls["propertyfinder"], headers=headers) as client:
        yield client


@pytest.fixture
def pf_state(state):
    """Reset Property Finder: Ivan, and Olga, who is inactive and has no public profile."""
    state.propertyfinder.reset(PF_USERS)
    state.propertyfinder.tokens["test-token"] = math.inf
    return state.propertyfinder


@pytest.fixture
def pf(pf_client, pf_state):
    """Return a function that sends a call and returns its status and JSON (None if empty)."""

    def call(method, path, body=None):
        content = {} if body is None else {"json": body}
        answer = pf_client.request(method, path, **content)
        return answer.status_code, answer.json() if answer.content else None

    return call


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock(state):
    """Give the sandbox a clock that starts 1000 seconds after the epoch."""
    state.clock = Clock()
    return state.clock
