"""Signals: the first Ctrl-C lets the request in progress finish, the second aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from reconciler.engine.concurrency import Cancellation

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt(*_: object) -> NoReturn:
    """Handle a signal as Python handles Ctrl-C. Raises KeyboardInterrupt."""
    raise KeyboardInterrupt


@contextmanager
def cancel_on_signal(cancellation: Cancellation, notify: Callable[[str], None]) -> Iterator[None]:
    """Until the context ends, request a cancellation on the first Ctrl-C or SIGTERM.

    The second signal raises KeyboardInterrupt.
    """

    def cancel() -> None:
        cancellation.request()
        with suppress(OSError):  # standard error may be closed
            notify("Interrupted: finishing the request in progress. Press Ctrl-C again to abort.")

    def handle(*_: object) -> None:
        if cancellation.requested:
            raise KeyboardInterrupt
        # In a thread: the interrupted code may hold the lock of the cancellation.
        threading.Thread(target=cancel, name="cancel").start()

    former = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
