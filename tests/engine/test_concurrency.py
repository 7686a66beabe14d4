"""Working on several portals at once: items arrive as they come, and cancelling is orderly."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from reconciler.engine import concurrency
from reconciler.engine.concurrency import Cancellation, merge_streams, within
from reconciler.errors import Interrupted

LONG = 60
"""Seconds after which a test that hangs fails; no test waits that long otherwise."""


def giving(*items):
    """A stream of these items."""
    return lambda: iter(items)


def test_no_streams_give_no_items():
    """And there is nothing to wait for."""
    assert list(merge_streams({}, Cancellation())) == []


def test_items_have_the_names_of_their_streams():
    """All of them, in each stream's order; a stream may be empty."""
    got = list(
        merge_streams(
            {"one": giving(1, 2, 3), "two": giving("a", "b"), "no": giving()}, Cancellation()
        )
    )
    assert [item for name, item in got if name == "one"] == [1, 2, 3]
    assert [item for name, item in got if name == "two"] == ["a", "b"]
    assert len(got) == 5


def test_a_falsy_value_is_an_item():
    """Zero, an empty string and an empty list do not end a stream."""
    assert [
        item for _, item in merge_streams({"one": giving(0, "", [], False)}, Cancellation())
    ] == [
        0,
        "",
        [],
        False,
    ]


def test_items_arrive_as_they_are_yielded():
    """A slow stream, named first, does not delay a quick one."""
    arrived = Event()

    def slow():
        assert arrived.wait(LONG)
        yield "late"

    seen = []
    for name, item in merge_streams({"slow": slow, "quick": giving("early")}, Cancellation()):
        seen.append((name, item))
        arrived.set()
    assert seen == [("quick", "early"), ("slow", "late")]


def test_streams_run_concurrently():
    """Each waits for the other to start; one after the other would never end."""
    both = threading.Barrier(2)

    def stream():
        yield both.wait(LONG)

    got = dict(merge_streams({"one": stream, "two": stream}, Cancellation()))
    assert sorted(got.values()) == [0, 1]


def test_each_stream_runs_in_a_daemon_thread_with_its_name():
    """So that a log names the portal, and no thread keeps the program from exiting."""

    def stream():
        thread = threading.current_thread()
        yield thread.name, thread.daemon

    assert dict(merge_streams({"rentix": stream, "pf": stream}, Cancellation())) == {
        "rentix": ("rentix", True),
        "pf": ("pf", True),
    }


@pytest.mark.parametrize("error", [LookupError("no"), SystemExit(3), KeyboardInterrupt("inside")])
def test_an_error_in_a_stream_is_raised(error):
    """After the items that came before it; the other streams are cancelled."""
    cancellation = Cancellation()

    def broken():
        yield 1
        raise error

    streams, seen = merge_streams({"broken": broken}, cancellation), []
    with pytest.raises(type(error)) as raised:
        seen.extend(streams)
    assert raised.value is error
    assert seen == [("broken", 1)]
    with pytest.raises(Interrupted):
        cancellation.check()


def test_an_error_is_raised_after_the_other_streams_ended():
    """They are cancelled, and their last items are not lost; of several errors, the first is
    raised."""
    cancellation = Cancellation()

    def orderly():
        with suppress(Interrupted):
            cancellation.sleep(LONG)
            pytest.fail("nothing requested a cancellation")
        yield "what was done"
        raise ValueError("later")

    def broken():
        raise LookupError("no")
        yield

    seen = []
    with pytest.raises(LookupError):
        seen.extend(merge_streams({"orderly": orderly, "broken": broken}, cancellation))
    assert seen == [("orderly", "what was done")]


def test_an_interrupted_stream_has_ended():
    """The other streams continue, and nothing is raised."""

    def interrupted():
        yield 1
        raise Interrupted

    got = list(merge_streams({"one": interrupted, "two": giving("a", "b")}, Cancellation()))
    assert sorted(map(str, (item for _, item in got))) == ["1", "a", "b"]


def blocked(release, ended):
    """A stream that started, and ends only once it is released."""

    def stream():
        yield "started"
        release.wait(LONG)
        ended.set()
        yield "late"

    return stream


class CtrlC(SimpleQueue):
    """A queue whose reader is interrupted while it waits for the second item."""

    started = False

    def get(self):
        """The next item; the second time, KeyboardInterrupt."""
        if self.started:
            raise KeyboardInterrupt
        self.started = True
        return super().get(timeout=LONG)


def test_an_interruption_does_not_wait_for_the_streams(monkeypatch):
    """They are cancelled, and a request in progress is abandoned."""
    monkeypatch.setattr(concurrency, "SimpleQueue", CtrlC)
    cancellation, release, ended = Cancellation(), Event(), Event()
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(merge_streams({"one": blocked(release, ended)}, cancellation))
    assert seen == [("one", "started")]
    assert cancellation.requested
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG)


def test_closing_the_iterator_early_cancels_the_streams():
    """No one would read their items."""
    cancellation, release, ended = Cancellation(), Event(), Event()
    streams = merge_streams({"one": blocked(release, ended)}, cancellation)
    assert next(streams) == ("one", "started")
    assert not cancellation.requested
    streams.close()
    assert cancellation.requested
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG)


def test_streams_that_end_request_no_cancellation():
    """The same cancellation serves what comes next: portals are read, then written to."""
    cancellation = Cancellation()
    assert len(list(merge_streams({"one": giving(1, 2), "two": giving(3)}, cancellation))) == 3
    assert not cancellation.requested


# -- cancellation --------------------------------------------------------------------------------


def test_without_a_request_nothing_is_cancelled():
    """Checks pass, and a sleep ends by itself."""
    cancellation = Cancellation()
    cancellation.check()
    cancellation.sleep(0)
    assert not cancellation.requested


def test_a_cancellation_is_permanent():
    """It stops every later check and every sleep, however short."""
    cancellation = Cancellation()
    cancellation.request()
    cancellation.request()
    assert cancellation.requested
    for _ in range(2):
        with pytest.raises(Interrupted):
            cancellation.check()
        with pytest.raises(Interrupted):
            cancellation.sleep(LONG)
        with pytest.raises(Interrupted):
            cancellation.sleep(0)


def test_a_cancellation_ends_a_sleep():
    """In another thread, at once."""
    cancellation, asleep, woken = Cancellation(), Event(), Event()

    def sleeper():
        asleep.set()
        try:
            cancellation.sleep(LONG * 10)
        except Interrupted:
            woken.set()

    thread = Thread(target=sleeper, daemon=True)
    thread.start()
    assert asleep.wait(LONG)
    cancellation.request()
    assert woken.wait(LONG)
    thread.join(LONG)


def test_a_call_within_its_time() -> None:
    """Its result, or its exception."""
    assert within(60, lambda: 5) == 5
    with pytest.raises(KeyError):
        within(60, lambda: {}["x"])
    cancellation = Cancellation()
    cancellation.request()

    def check() -> int:
        cancellation.check()
        return 1

    with pytest.raises(Interrupted):
        within(60, check)


def test_a_call_that_takes_longer() -> None:
    """It is not waited for."""
    end = Event()
    with pytest.raises(TimeoutError):
        within(0.01, lambda: end.wait(60))
    end.set()
