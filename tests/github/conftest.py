"""Fixtures for the GitHub tests: its API, and a client that does not really wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from github.platform import REPOSITORY, TOKEN, Platform, emptied, serving
from reconciler.github.api import GitHub


@pytest.fixture(scope="package")
def served() -> Iterator[Platform]:
    """One API for all tests of this package."""
    with serving() as platform:
        yield platform


@pytest.fixture
def platform(served: Platform, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """An API with empty state: of github.com, or of the server that the test's mark names."""
    with emptied(served, getattr(request, "param", "")) as platform:
        yield platform


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the client asked for."""
    return []


@pytest.fixture
def github(platform: Platform, pauses: list[float]) -> Iterator[GitHub]:
    """A client of the API."""
    with GitHub(platform.api, REPOSITORY, TOKEN, pauses.append) as client:
        yield client
