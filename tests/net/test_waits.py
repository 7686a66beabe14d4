"""What the user learns while a transport waits or retries."""

from __future__ import annotations

import httpx
import pytest

from reconciler.core.model import RateLimit, Request

from .portal import GET, KEY, PUT, ok, opened


@pytest.fixture
def messages():
    """The messages to the user."""
    return []


@pytest.fixture
def wire(wait, messages):
    """A transport that notifies the user."""
    with opened(wait, notify=messages.append) as created:
        yield created


def test_retries_are_shown_after_two_seconds(portal, wait, wire, messages):
    """With the status, the pause and how many attempts are left."""
    shown_at = []
    portal.answers_with(lambda _: (shown_at.append(wait.now), httpx.Response(503))[1])
    assert wire.send(GET).status == 503
    assert messages[0].startswith("returned 503; retrying in ")
    assert [message.rpartition("(")[2] for message in messages] == [
        f"attempt {number} of 6)" for number in (4, 5, 6)
    ]
    assert shown_at[2] - shown_at[0] < 2


def test_short_waits_are_not_shown(portal, wait, wire, messages):
    """A run that loses less than two seconds in total says nothing."""
    portal.answers_with(httpx.Response(503), httpx.Response(503), ok())
    assert wire.send(GET).status == 200
    assert wait.slept
    assert messages == []


def test_waits_add_up_in_a_run(portal, wire, messages):
    """Many short ones are shown from two seconds on."""
    for _ in range(6):
        portal.answers_with(httpx.Response(503), ok())
        assert wire.send(GET).status == 200
    assert 1 <= len(messages) < 6


def test_a_requested_pause_is_shown_at_once(portal, wire, messages):
    """How long the rate limit lasts."""
    portal.answers_with(httpx.Response(429, headers={"Retry-After": "37"}), ok())
    wire.send(GET)
    (message,) = messages
    assert "rate limited; waiting 37 s" in message


def test_the_time_of_a_failed_attempt_counts(portal, wait, wire, messages):
    """A connection that hangs: the first retry is shown already."""

    def hang(_):
        wait.now += 10
        raise httpx.ConnectTimeout("timed out")

    portal.answers_with(hang, ok())
    wire.send(GET)
    (message,) = messages
    assert "could not connect" in message
    assert "attempt 2 of 6" in message


def test_a_wait_for_our_own_count_is_shown(portal, wait, messages):
    """Which limit it is."""
    portal.answers_with(ok())
    limits = (RateLimit("all", 2),)
    with opened(wait, rate_limits=limits, notify=messages.append) as wire:
        for _ in range(3):
            wire.send(GET)
    (message,) = messages
    assert message == "waiting 61 s: rate limit for all requests"


def test_sending_a_write_again_is_shown(portal, wire, messages):
    """After its outcome was settled by reading."""
    portal.answers_with(ok({"id": 1}))
    wire.send(Request("PUT", "/users", {"id": 1}, attempt=4))
    (message,) = messages
    assert "sending PUT /users again in" in message


def test_messages_contain_no_secret(portal, wire, messages):
    """An exception may have the key in its text."""
    portal.answers_with(httpx.ConnectError(f"bad header {KEY}"))
    wire.send(PUT)
    assert messages
    assert KEY not in "".join(messages)
    assert "***" in messages[0]
