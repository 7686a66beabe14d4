"""Fixtures for the GitHub tests: its API, and a client that does not really wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from github.platform import REPOSITORY, TOKEN, Platform, serving
from reconciler.github.api import GitHub


@pytest.fixture(scope="package")
def served() -> Iterator[Platform]:
    """One API for all tests of this package."""
    with serving() as platform:
        yield platform


@pytest.fixture
def platform(served: Platform) -> Platform:
    """An API with empty state."""
    served.__dict__.update(Platform(url=served.url).__dict__)
    return served


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the client asked for."""
    return []


@pytest.fixture
def github(platform: Platform, pauses: list[float]) -> Iterator[GitHub]:
    """A client of the API."""
    with GitHub(platform.url, REPOSITORY, TOKEN, pauses.append) as client:
        yield client
