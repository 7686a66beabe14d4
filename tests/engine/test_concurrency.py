"""Several portals at the same time: what they give comes as it comes, and an end is orderly."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from reconciler.engine import concurrency as module
from reconciler.engine.concurrency import Cancellation, merge_streams
from reconciler.errors import Interrupted

LONG = 30
"""Seconds after which a test that hangs fails; none waits for it otherwise."""


def giving(*items):
    """A stream of these."""
    return lambda: iter(items)


def test_no_stream_gives_nothing():
    """And there is nothing to wait for."""
    assert list(merge_streams({}, Cancellation())) == []


def test_items_come_with_the_names_of_their_streams_and_in_their_order():
    """All of them, each stream's own order kept; a stream may give none."""
    got = list(
        merge_streams(
            {"one": giving(1, 2, 3), "two": giving("a", "b"), "no": giving()}, Cancellation()
        )
    )
    assert [item for name, item in got if name == "one"] == [1, 2, 3]
    assert [item for name, item in got if name == "two"] == ["a", "b"]
    assert len(got) == 5


def test_what_is_empty_is_an_item_too():
    """Nought, an empty text and an empty list are no ends of a stream."""
    assert [
        item for _, item in merge_streams({"one": giving(0, "", [], False)}, Cancellation())
    ] == [
        0,
        "",
        [],
        False,
    ]


def test_items_come_as_they_come():
    """A slow stream, named first, holds up no quick one: its first item waits for the other's."""
    told = Event()

    def slow():
        assert told.wait(LONG)
        yield "late"

    seen = []
    for name, item in merge_streams({"slow": slow, "quick": giving("early")}, Cancellation()):
        seen.append((name, item))
        told.set()
    assert seen == [("quick", "early"), ("slow", "late")]


def test_streams_are_at_work_at_the_same_time():
    """Each waits for the other to have begun; one after the other would never end."""
    both = threading.Barrier(2)

    def stream():
        yield both.wait(LONG)

    got = dict(merge_streams({"one": stream, "two": stream}, Cancellation()))
    assert sorted(got.values()) == [0, 1]


def test_each_stream_is_in_a_thread_of_its_name():
    """So that a log says whose line it is; and none keeps the program from ending."""

    def stream():
        thread = threading.current_thread()
        yield thread.name, thread.daemon

    assert dict(merge_streams({"rentix": stream, "pf": stream}, Cancellation())) == {
        "rentix": ("rentix", True),
        "pf": ("pf", True),
    }


@pytest.mark.parametrize("error", [LookupError("no"), SystemExit(3), KeyboardInterrupt("inside")])
def test_what_a_stream_raises_is_raised_here(error):
    """With what came before it; and the others are told to end."""
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


def test_an_exception_is_raised_after_the_other_streams_came_to_their_end():
    """They are told to end, and what they still have to say is not lost; of several exceptions the
    first is raised."""
    cancellation = Cancellation()

    def orderly():
        with suppress(Interrupted):
            cancellation.sleep(LONG)
            pytest.fail("nobody wanted the run to end")
        yield "what was done"
        raise ValueError("later")

    def broken():
        raise LookupError("no")
        yield

    seen = []
    with pytest.raises(LookupError):
        seen.extend(merge_streams({"orderly": orderly, "broken": broken}, cancellation))
    assert seen == [("orderly", "what was done")]


def test_a_stream_that_is_interrupted_has_ended():
    """It says nothing more; the others go on, and nothing is raised here."""

    def interrupted():
        yield 1
        raise Interrupted

    got = list(merge_streams({"one": interrupted, "two": giving("a", "b")}, Cancellation()))
    assert sorted(map(str, (item for _, item in got))) == ["1", "a", "b"]


def under_way(release, ended):
    """A stream that began, and ends only once it is released."""

    def stream():
        yield "begun"
        release.wait(LONG)
        ended.set()
        yield "late"

    return stream


class CtrlC(SimpleQueue):
    """A queue whose reader is interrupted while it waits for the second answer."""

    begun = False

    def get(self):
        """The next item, or what a press of Ctrl-C raises while one waits for it."""
        if self.begun:
            raise KeyboardInterrupt
        self.begun = True
        return super().get(timeout=LONG)


def test_an_interruption_in_between_does_not_wait(monkeypatch):
    """The streams learn that the run is to end; what is under way is left behind."""
    monkeypatch.setattr(module, "SimpleQueue", CtrlC)
    cancellation, release, ended = Cancellation(), Event(), Event()
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(merge_streams({"one": under_way(release, ended)}, cancellation))
    assert seen == [("one", "begun")]
    assert cancellation.requested
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG)


def test_whoever_leaves_before_the_end_stops_the_streams():
    """Nobody would hear what they say."""
    cancellation, release, ended = Cancellation(), Event(), Event()
    streams = merge_streams({"one": under_way(release, ended)}, cancellation)
    assert next(streams) == ("one", "begun")
    assert not cancellation.requested
    streams.close()
    assert cancellation.requested
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG)


def test_streams_that_came_to_their_end_leave_no_wish():
    """The same halt serves for what comes next: portals are read, and then written to."""
    cancellation = Cancellation()
    assert len(list(merge_streams({"one": giving(1, 2), "two": giving(3)}, cancellation))) == 3
    assert not cancellation.requested


# The wish to end


def test_without_the_wish_to_end_nothing_is_stopped():
    """Checks pass, and a sleep ends by itself."""
    cancellation = Cancellation()
    cancellation.check()
    cancellation.sleep(0)
    assert not cancellation.requested


def test_the_wish_to_end_stays():
    """Every check and every sleep after it is stopped, however short."""
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


def test_the_wish_to_end_wakes_who_sleeps():
    """In another thread, and at once."""
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
