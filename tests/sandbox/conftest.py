"""One sandbox for all tests, in a thread of this process; each test begins a new world on it."""

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
    """One connection with a token, which each new world takes."""
    headers = {
        "Authorization": "Bearer of-the-tests",
        "X-PF-Error-Format": "problem-json-v2",
    }
    with httpx.Client(base_url=sandbox.urls["propertyfinder"], headers=headers) as client:
        yield client


@pytest.fixture
def pf_state(state):
    """A new world on Property Finder: Ivan, and Olga, who is inactive and has no public profile."""
    mine = state.propertyfinder
    mine.reset(PF_USERS)
    mine.tokens["of-the-tests"] = math.inf
    return mine


@pytest.fixture
def pf(pf_client, pf_state):
    """Sends a call to the new world and gives its status and its JSON, None where there is none."""

    def call(method, path, body=None):
        answer = (
            pf_client.request(method, path, json=body)
            if body is not None
            else pf_client.request(method, path)
        )
        return answer.status_code, answer.json() if answer.content else None

    return call


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self):
        """The time it is."""
        return self.now


@pytest.fixture
def clock(state):
    """The sandbox goes by a clock of ours: 1000 seconds after the epoch."""
    state.clock = Clock()
    return state.clock
