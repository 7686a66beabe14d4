"""The portal, the clock and the transport of a test."""

from __future__ import annotations

import ssl

import pytest
import respx

from .portal import (
    FakeClock,
    Portal,
    opened,
)


@pytest.fixture(autouse=True, scope="module")
def _one_ssl_context():
    """Loading certificates takes longer than a test, so all transports share one context."""
    with pytest.MonkeyPatch.context() as patch:
        context = ssl.create_default_context()
        patch.setattr("httpx._transports.default.create_ssl_context", lambda *_, **__: context)
        yield


@pytest.fixture
def portal():
    """Answers requests to any host."""
    with respx.mock(assert_all_called=False) as router:
        made = Portal()
        router.route().mock(side_effect=made)
        yield made


@pytest.fixture
def wait():
    """The test's clock."""
    return FakeClock()


@pytest.fixture
def wire(wait):
    """A transport without rate limits."""
    with opened(wait) as made:
        yield made
