"""Several portals at work at the same time, each in a thread of its own, told of in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from reconciler.errors import Interrupted

Item = TypeVar("Item")


class Halt:
    """The wish to end: set from outside, seen by whoever is about to send or to wait. `why` is the
    reason, where it is not a person's wish."""

    def __init__(self) -> None:
        self._wish = Event()
        self.why: str | None = None

    def set(self) -> None:
        """Nothing more is to be sent."""
        self._wish.set()

    @property
    def wished(self) -> bool:
        """Whether the run is to end."""
        return self._wish.is_set()

    def check(self) -> None:
        """Raises Interrupted once the run is to end."""
        if self.wished:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait so long. Raises Interrupted as soon as the run is to end."""
        if self._wish.wait(seconds):
            raise Interrupted


def together(
    streams: Mapping[str, Callable[[], Iterator[Item]]], halt: Halt
) -> Iterator[tuple[str, Item]]:
    """What the streams give, with their names, as it comes.

    An exception of a stream sets `halt`, so that the others come to their end in order; it is
    raised after them. Whoever leaves before the end sets `halt` too, and does not wait.
    """
    said: SimpleQueue[tuple[str, Item | None, BaseException | None]] = SimpleQueue()
    for name, stream in streams.items():
        Thread(target=_run, args=(name, stream, said), name=name, daemon=True).start()
    left, failure = len(streams), None
    try:
        while left:
            name, item, error = said.get()
            if error is not None:
                halt.set()
                failure = failure or error
            if item is not None:
                yield name, item
            else:
                left -= 1
    finally:
        if left:
            halt.set()
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
