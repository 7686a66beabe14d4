"""What the tests of the GitHub side share: its API, and a client that waits for nothing."""

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
    """An API that knows nothing yet."""
    served.__dict__.update(Platform(url=served.url).__dict__)
    return served


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that were asked for; nobody waits."""
    return []


@pytest.fixture
def github(platform: Platform, pauses: list[float]) -> Iterator[GitHub]:
    """A client of it."""
    with GitHub(platform.url, REPOSITORY, TOKEN, pauses.append) as client:
        yield client
