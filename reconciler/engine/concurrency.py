"""Several portals at work at the same time, each in a thread of its own, told of in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from reconciler.errors import Interrupted

Item = TypeVar("Item")


class Cancellation:
    """A request to end the run early, checked before each send and each wait.

    `reason` says why, unless a person asked for it.
    """

    def __init__(self) -> None:
        self._event = Event()
        self.reason: str | None = None

    def request(self) -> None:
        """Nothing more is to be sent."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the run is to end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raises Interrupted once the run is to end."""
        if self.requested:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait so long. Raises Interrupted as soon as the run is to end."""
        if self._event.wait(seconds):
            raise Interrupted


def merge_streams(
    streams: Mapping[str, Callable[[], Iterator[Item]]], cancellation: Cancellation
) -> Iterator[tuple[str, Item]]:
    """What the streams give, with their names, as it comes.

    An exception in a stream requests a cancellation, so that the others end in order, and is raised
    after they have. Leaving early requests a cancellation too, and does not wait.
    """
    said: SimpleQueue[tuple[str, Item | None, BaseException | None]] = SimpleQueue()
    for name, stream in streams.items():
        Thread(target=_run, args=(name, stream, said), name=name, daemon=True).start()
    left, failure = len(streams), None
    try:
        while left:
            name, item, error = said.get()
            if error is not None:
                cancellation.request()
                failure = failure or error
            if item is not None:
                yield name, item
            else:
                left -= 1
    finally:
        if left:
            cancellation.request()
    if failure is not None:
        raise failure


def _run(
    name: str,
    stream: Callable[[], Iterator[Item]],
    said: SimpleQueue[tuple[str, Item | None, BaseException | None]],
) -> None:
    """Put what a stream gives into the queue, and at its end nothing, or why it ended."""
    error: BaseException | None = None
    try:
        for item in stream():
            said.put((name, item, None))
    except Interrupted:
        pass
    except BaseException as raised:  # noqa: BLE001 - it is raised again, where it can be seen
        error = raised
    said.put((name, None, error))
