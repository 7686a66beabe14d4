"""What is checked just before a write is sent, such as the lock of an apply."""

from __future__ import annotations

import httpx
import pytest

from reconciler.core.model import RateLimit
from reconciler.errors import Interrupted

from .portal import BULK, GET, PUT, START, ok, opened

LIMITED = httpx.Response(429, headers={"Retry-After": "60"})


@pytest.mark.parametrize(
    "answer", [LIMITED, httpx.ConnectError("refused")], ids=["a rate limit", "no connection"]
)
def test_each_attempt_is_checked(portal, wait, answer):
    """After the wait, not before it: the second attempt is not sent if the check fails then."""
    checked = []

    def before_write():
        checked.append(wait.now)
        if len(checked) == 2:
            raise Interrupted

    portal.answers_with(answer, ok())
    with opened(wait, before_write=before_write) as wire, pytest.raises(Interrupted):
        wire.send(PUT)
    assert len(portal.requests) == 1
    assert checked == [START, START + sum(wait.slept)]
    assert wait.slept


def test_a_wait_for_our_own_rate_limit_comes_first(portal, wait):
    """The check is the last thing before the request."""
    checked = []
    portal.answers_with(ok())
    limits = [RateLimit("all", 1)]
    with opened(wait, rate_limits=limits, before_write=lambda: checked.append(wait.now)) as wire:
        for _ in range(2):
            wire.send(BULK)
    assert checked == [START, wait.now]
    assert wait.now > START


def test_reads_are_not_checked(portal, wait):
    """They change nothing."""

    def fail():
        pytest.fail("checked")

    portal.answers_with(ok())
    with opened(wait, before_write=fail) as wire:
        assert wire.send(GET).status == 200
