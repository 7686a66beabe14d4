"""Work on several portals at once: one thread each, one stream of results, one way to cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from reconciler.errors import Interrupted

Item = TypeVar("Item")


class Cancellation:
    """A request to end the run early, checked before each send and during each wait.

    `reason` says why; None if a person asked for it.
    """

    def __init__(self) -> None:
        self._event = Event()
        self.reason: str | None = None

    def request(self) -> None:
        """Ask the run to end; nothing more is sent."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the run was asked to end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Interrupted if the run was asked to end."""
        if self.requested:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Interrupted as soon as the run is asked to end."""
        if self._event.wait(seconds):
            raise Interrupted


@dataclass(frozen=True, slots=True)
class _Message(Generic[Item]):
    """An item from a stream; without an item, the end of the stream and the error that ended it."""

    stream: str
    item: Item | None = None
    error: BaseException | None = None


def within(seconds: float, call: Callable[[], Item]) -> Item:
    """Return what a call returns, or raise what it raises. Raises TimeoutError if it takes longer;
    it then goes on in a thread that ends with the process."""
    queue: SimpleQueue[_Message[Item]] = SimpleQueue()
    Thread(target=_run, args=("", lambda: iter([call()]), queue), daemon=True).start()
    try:
        message = queue.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if message.item is None:
        raise message.error or Interrupted
    return message.item


def merge_streams(
    streams: Mapping[str, Callable[[], Iterator[Item]]], cancellation: Cancellation
) -> Iterator[tuple[str, Item]]:
    """Run each stream in a thread and yield its name with each item, as the items arrive.

    An exception in a stream requests a cancellation, so that the others end in order, and is raised
    after they have ended. Closing the iterator early requests a cancellation and does not wait.
    """
    queue: SimpleQueue[_Message[Item]] = SimpleQueue()
    for name, stream in streams.items():
        Thread(target=_run, args=(name, stream, queue), name=name, daemon=True).start()
    running, failure = len(streams), None
    try:
        while running:
            message = queue.get()
            if message.error is not None:
                cancellation.request()
                failure = failure or message.error
            if message.item is not None:
                yield message.stream, message.item
            else:
                running -= 1
    finally:
        if running:
            cancellation.request()
    if failure is not None:
        raise failure


def _run(
    name: str, stream: Callable[[], Iterator[Item]], queue: SimpleQueue[_Message[Item]]
) -> None:
    error: BaseException | None = None
    try:
        for item in stream():
            queue.put(_Message(name, item))
    except Interrupted:
        pass
    except BaseException as raised:  # noqa: BLE001 - `merge_streams` raises it
        error = raised
    queue.put(_Message(name, error=error))
