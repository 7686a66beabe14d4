"""Signals that end a run: Ctrl-C, SIGTERM, and SIGHUP when the terminal is closed.

A signal that the parent process ignores stays ignored, as with `nohup`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from reconciler.engine.concurrency import Cancellation

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, FrameType | None], Any] | int | None
"""As in the module `signal`."""


def handle(handler: Handler) -> dict[signal.Signals, Handler]:
    """Set the handler of each signal that is not ignored. Returns the former ones."""
    handlers: dict[signal.Signals, Handler] = {each: signal.getsignal(each) for each in SIGNALS}
    former = {number: each for number, each in handlers.items() if each is not signal.SIG_IGN}
    for number in former:
        signal.signal(number, handler)
    return former


def interrupt(*_: object) -> NoReturn:
    """Handle a signal as Python handles Ctrl-C. Raises KeyboardInterrupt."""
    raise KeyboardInterrupt


@contextmanager
def cancel_on_signal(cancellation: Cancellation, notify: Callable[[str], None]) -> Iterator[None]:
    """Until the context ends, request a cancellation on the first signal.

    The second one raises KeyboardInterrupt; but not SIGHUP, which a closed terminal can cause more
    than once.
    """

    def cancel() -> None:
        cancellation.request()
        notify("Interrupted: finishing the request in progress. Press Ctrl-C again to abort.")

    def on_signal(number: int, _: object) -> None:
        if not cancellation.requested:
            # In a thread: the interrupted code may hold the lock of the cancellation.
            threading.Thread(target=cancel, name="cancel").start()
        elif number != signal.SIGHUP:
            raise KeyboardInterrupt

    former = handle(on_signal)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
