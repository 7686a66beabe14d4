"""Rate limits: our own count, the portal's headers, and 429."""

from __future__ import annotations

import time
from email.utils import formatdate

import httpx
import pytest
import respx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.model import RateLimit, Request

from .portal import (
    BULK,
    GET,
    PACES,
    PUT,
    START,
    FakeClock,
    ok,
    opened,
)

# Rate limits


def rate_headers(remaining, reset):
    """The headers of a rate limit."""
    return {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset)),
    }


def test_300_requests_a_minute(portal, wait):
    """By our own count, without any header or 429."""
    times = []
    portal.answers_with(lambda _: (times.append(wait.now), ok())[1])
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(620):
            wait.now += 0.01
            assert wire.send(GET).status == 200
    assert all(later - first >= 60 for first, later in zip(times, times[300:], strict=False))
    assert times[-1] - times[0] < 130


def test_30_bulk_requests_a_minute(portal, wait):
    """They have a separate limit, and nothing else waits for it."""
    times, others = [], []

    def answer(request):
        (times if request.url.path.endswith("/bulk") else others).append(wait.now)
        return ok({"results": []})

    portal.answers_with(answer)
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(30):
            wire.send(BULK)
        wire.send(PUT)
        assert wait.slept == []
        for _ in range(35):
            wire.send(BULK)
    assert all(later - first >= 60 for first, later in zip(times, times[30:], strict=False))
    assert others == [START]


@settings(deadline=None, max_examples=30, database=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 7.0, 31.0])), max_size=40))
@example([(True, 0.0)] * 4 + [(False, 0.0)] * 6)
def test_no_sequence_of_requests_exceeds_a_limit(calls):
    """Whatever the order and the gaps, in any 60 seconds."""
    wait, times = FakeClock(), {"all": [], "bulk": []}
    rate_limits = (RateLimit("all", 6), RateLimit("bulk", 3, (("POST", "/users/bulk"),)))

    def answer(request):
        times["all"].append(wait.now)
        if request.method == "POST":
            times["bulk"].append(wait.now)
        return ok()

    with (
        respx.mock(assert_all_called=False) as router,
        opened(wait, rate_limits=rate_limits) as wire,
    ):
        router.route().mock(side_effect=answer)
        for bulk, gap in calls:
            wait.now += gap
            wire.send(BULK if bulk else GET)
    for rate_limit in rate_limits:
        sent = times[rate_limit.name]
        pairs = zip(sent, sent[rate_limit.per_minute :], strict=False)
        assert all(later - first >= 60 for first, later in pairs), rate_limit.name


def test_the_portals_count_is_respected(portal, wait):
    """If others use the key too, the headers show it, and the portal need not send a 429."""
    state = {"left": 4, "reset": START + 40, "refused": 0}

    def answer(_):
        if wait.now >= state["reset"]:
            state["left"], state["reset"] = 4, state["reset"] + 60
        if state["left"] == 0:
            state["refused"] += 1
            return httpx.Response(429, headers=rate_headers(0, state["reset"]), json={})
        state["left"] -= 1
        return ok(**rate_headers(state["left"], state["reset"]))

    portal.answers_with(answer)
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(11):
            assert wire.send(GET).status == 200
    assert state["refused"] == 0
    assert wait.now < START + 105


def test_the_headers_of_a_bulk_request_are_about_bulk_requests(portal, wait):
    """With none left, a PUT is sent at once, the next bulk request after the reset."""
    portal.answers_with(
        ok({"results": []}, **rate_headers(0, START + 20)),
        ok({"id": 1}, **rate_headers(250, START + 20)),
        ok({"results": []}),
    )
    with opened(wait, rate_limits=PACES) as wire:
        wire.send(BULK)
        wire.send(PUT)
        assert wait.slept == []
        wire.send(BULK)
    assert START + 20 <= wait.now <= START + 21


def test_remaining_requests_are_counted_down(portal, wait):
    """If later responses have no headers."""
    portal.answers_with(ok(**rate_headers(2, START + 20)), ok())
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(3):
            wire.send(GET)
        assert wait.slept == []
        wire.send(GET)
    assert START + 20 <= wait.now <= START + 21


def test_a_reset_in_an_hour_is_waited_for_a_minute(portal, wait):
    """The portal's window is a minute, whatever a header says."""
    portal.answers_with(ok(**rate_headers(0, START + 3600)), ok())
    with opened(wait, rate_limits=PACES) as wire:
        wire.send(GET)
        wire.send(GET)
    assert wait.now < START + 62


def test_a_reset_in_the_past(portal, wait):
    """The portal's clock may be behind."""
    portal.answers_with(ok(**rate_headers(0, START - 30)))
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(3):
            wire.send(GET)
    assert wait.slept == []


FAR = b"Mon, 01 Jan 99999999999999 00:00:00 GMT"
ODD = [
    b"",
    b"abc",
    b"-1",
    b"1.5",
    b"\xb2",
    b"9" * 5000,
    b"1e9",
    b"Mon, 99 Foo 2024 00:00:00 GMT",
    FAR,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:8]))
@pytest.mark.parametrize(
    "name", ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"], ids=str
)
def test_a_malformed_rate_limit_header(portal, wait, name, value):
    """The response is returned all the same."""
    headers = {b"x-ratelimit-remaining": b"5", b"x-ratelimit-reset": b"1700000010"}
    headers |= {name.encode(): value}
    refusal = httpx.Response(429, headers=list(headers.items()), json={})
    portal.answers_with(
        refusal, httpx.Response(200, headers=list(headers.items()), json={"items": []})
    )
    with opened(wait, rate_limits=PACES) as wire:
        assert wire.send(GET).status in (200, 429)
        assert wire.send(PUT).status == 200


# Responses with 429


@pytest.mark.parametrize("request_", [GET, PUT, BULK], ids=["get", "put", "bulk"])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": formatdate(START + 9, usegmt=True)}, 9),
        ({"X-RateLimit-Reset": str(int(START) + 11), "X-RateLimit-Remaining": "0"}, 11),
        ({"X-RateLimit-Reset": str(int(START) + 11)}, 11),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(int(START) + 11)}, 11),
        ({"Retry-After": "0"}, 0),
        ({}, 0),
    ],
    ids=["seconds", "date", "reset and remaining", "reset", "unreadable", "zero", "nothing"],
)
def test_a_429_is_retried_after_the_pause(portal, wait, wire, request_, headers, seconds):
    """Also for a write, which had no effect; the pause is the requested one, or slightly longer."""
    portal.answers_with(
        httpx.Response(429, headers=headers, json={"message": "slow"}), ok({"id": 1})
    )
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 2)
    assert seconds <= wait.now - START <= seconds + 1
    assert wait.now > START


def test_a_429_without_a_pause_is_retried_for_a_minute(portal, wait, wire):
    """An unavailable portal is given up sooner."""
    portal.answers_with(httpx.Response(429))
    assert wire.send(GET).status == 429
    assert 45 <= wait.now - START <= 90
    portal.requests.clear()
    began = wait.now
    portal.answers_with(httpx.Response(503))
    assert wire.send(GET).status == 503
    assert wait.now - began <= 25
    assert len(portal.requests) == 6


@pytest.mark.parametrize(
    "form", ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"]
)
def test_obsolete_http_dates_are_utc(portal, wait, wire, monkeypatch, form):
    """Whatever the machine's time zone."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        date = time.strftime(form, time.gmtime(START + 20))
        portal.answers_with(httpx.Response(429, headers={"Retry-After": date}, json={}), ok())
        assert wire.send(GET).status == 200
    finally:
        monkeypatch.undo()
        time.tzset()
    assert 20 <= wait.now - START <= 21


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_429_has_a_limited_number_of_attempts(portal, wait, wire, request_):
    """Then the 429 itself is returned, and is not uncertain."""
    portal.answers_with(httpx.Response(429, headers={"Retry-After": "1"}, json={"message": "slow"}))
    answer = wire.send(request_)
    assert (answer.status, answer.body, answer.uncertain) == (429, {"message": "slow"}, False)
    assert 3 <= len(portal.requests) <= 10


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"Retry-After": formatdate(START + 3600, usegmt=True)},
        {"X-RateLimit-Reset": str(int(START) + 3600)},
    ],
    ids=["seconds", "date", "reset"],
)
def test_a_long_pause_is_not_waited_for(portal, wait, wire, status, request_, headers):
    """The response is returned within minutes."""
    portal.answers_with(httpx.Response(status, headers=headers, json={}))
    assert wire.send(request_).status == status
    assert wait.now - START < 300


def test_a_later_attempt_waits_first(portal, wait, wire):
    """Each time longer; the first not at all."""
    portal.answers_with(ok({"id": 1}))
    waits = []
    for attempt in range(5):
        began = wait.now
        wire.send(Request("PUT", "/users", {"id": 1}, attempt))
        waits.append(wait.now - began)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[1] > 0
    assert waits[4] <= 30 * 1.25


# Clocks that jump


HOUR = 3600.0
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["ahead", "back"])


@JUMPS
def test_a_jump_of_the_clock_does_not_change_our_count(portal, wait, jump):
    """The third of two requests a minute waits a minute, whatever the wall clock shows."""
    portal.answers_with(ok())
    with opened(wait, rate_limits=(RateLimit("all", 2),)) as wire:
        wire.send(GET)
        wire.send(GET)
        wait.skew = jump
        wire.send(GET)
    assert 60 <= wait.now - START <= 61


@JUMPS
@pytest.mark.parametrize("known", [True, False], ids=["date", "no date"])
def test_a_jump_of_the_clock_while_waiting_for_the_portals_reset(portal, wait, jump, known):
    """The next request waits until the reset by the portal's own clock. If the portal does not show
    its clock, a wrong one of ours costs at most a window."""
    date = {"Date": formatdate(START, usegmt=True)} if known else {}
    portal.answers_with(ok(**rate_headers(0, START + 20), **date), ok())
    with opened(wait, rate_limits=PACES) as wire:
        wait.skew = jump
        wire.send(GET)
        wait.skew = 0.0
        wire.send(GET)
    expected = 20 if known else (0 if jump > 0 else 60)
    assert expected <= wait.now - START <= expected + 1


@JUMPS
@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Reset": str(int(START) + 30)},
        {"Retry-After": formatdate(START + 30, usegmt=True)},
    ],
    ids=["reset", "date"],
)
def test_a_429_is_waited_for_by_the_portals_clock(portal, wait, wire, headers, jump):
    """Ours is an hour off; the response shows the portal's."""
    wait.skew = jump
    date = {"Date": formatdate(START, usegmt=True)}
    portal.answers_with(httpx.Response(429, headers={**headers, **date}, json={}), ok())
    assert wire.send(GET).status == 200
    assert 30 <= wait.now - START <= 31


@JUMPS
def test_a_429_without_a_date_is_retried_for_a_minute(portal, wait, wire, jump):
    """The reset is in an hour, or was an hour ago, so it says nothing: a window is a minute."""
    wait.skew = jump

    def answer(_):
        limited = wait.now < START + 30
        headers = {"X-RateLimit-Reset": str(int(START) + 30)}
        return httpx.Response(429, headers=headers, json={}) if limited else ok()

    portal.answers_with(answer)
    assert wire.send(GET).status == 200
    assert 30 <= wait.now - START <= 30 + 30 * 1.25  # the longest backoff, with its jitter


def test_a_portal_whose_clock_nearly_agrees(portal, wait, wire):
    """Its `Date` has whole seconds, so ours is more precise."""
    wait.now += 0.9
    headers = {"X-RateLimit-Reset": str(int(START) + 30)}
    date = {"Date": formatdate(START, usegmt=True)}
    portal.answers_with(httpx.Response(429, headers={**headers, **date}, json={}), ok())
    assert wire.send(GET).status == 200
    assert wait.now - START <= 30.5
