"""Cancelling a run ends every wait of the transport."""

from __future__ import annotations

import httpx
import pytest

from reconciler.core.model import RateLimit, Request
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted
from reconciler.net.transport import Clock

from .portal import (
    GET,
    PUT,
    FakeClock,
    ok,
    opened,
    with_token,
)


def cancel_during(portal, cancellation, refusal):
    """Cancel the run while the portal answers with this."""

    def answer(_):
        cancellation.request()
        return refusal

    portal.answers_with(answer)


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_cancelling_ends_a_pause(portal, request_):
    """Nothing else is sent."""
    cancellation = Cancellation()
    cancel_during(
        portal, cancellation, httpx.Response(429, headers={"Retry-After": "100"}, json={})
    )
    with (
        opened(FakeClock(), cancellation=cancellation) as wire,
        pytest.raises(Interrupted),
    ):
        wire.send(request_)
    assert len(portal.requests) == 1


def test_cancelling_ends_a_login(portal, wait):
    """The request that needs it is not sent."""
    cancellation = Cancellation()
    cancel_during(portal, cancellation, httpx.Response(503, json={}))
    clock = Clock(lambda: wait.now, cancellation.sleep)
    with with_token(wait, clock=clock) as wire, pytest.raises(Interrupted):
        wire.send(PUT)
    assert [sent.url.path for sent in portal.requests] == ["/api/v1/token"]


def test_cancelling_ends_the_wait_before_a_later_attempt(portal, wait):
    """The request is not sent."""
    cancellation = Cancellation()
    cancellation.request()
    with opened(wait, cancellation=cancellation) as wire, pytest.raises(Interrupted):
        wire.send(Request("PUT", "/users", {"id": 1}, attempt=4))
    assert portal.requests == []


def test_cancelling_ends_the_wait_for_a_rate_limit(portal, wait):
    """The third of two a minute is not sent."""
    cancellation = Cancellation()
    portal.answers_with(ok())
    with opened(wait, cancellation=cancellation, rate_limits=(RateLimit("all", 2),)) as wire:
        wire.send(GET)
        wire.send(GET)
        cancellation.request()
        with pytest.raises(Interrupted):
            wire.send(GET)
    assert len(portal.requests) == 2
