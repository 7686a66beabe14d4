"""A conversation with a portal: a generator that yields requests and receives the responses.

A portal does no I/O: whoever drives the conversation sends the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from reconciler.core.model import Request, Response

Result = TypeVar("Result")
Conversation: TypeAlias = Generator[Request, Response, Result]
Send = Callable[[Request], Response]

INCONCLUSIVE = frozenset({303, 408, 421, 425, 460, 499})
"""Statuses below 500 under which a write may have had an effect: the answer to it is elsewhere
(303), or a gateway gave up, closed the connection or asked for a second attempt after it passed the
request on. 429 is not among them: a rate limit refuses before anything is done."""


def is_inconclusive(status: int) -> bool:
    """Whether a request with this status may have had an effect, or not."""
    return status < 200 or status >= 500 or status in INCONCLUSIVE


def drive(conversation: Conversation[Result], send: Send) -> Result:
    """Send each request that the conversation yields; the result is what it returns."""
    try:
        request = next(conversation)
        while True:
            request = conversation.send(send(request))
    except StopIteration as end:
        result: Result = end.value
        return result
