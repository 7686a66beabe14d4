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


def drive(conversation: Conversation[Result], send: Send) -> Result:
    """Send each request that the conversation yields; the result is what it returns."""
    try:
        request = next(conversation)
        while True:
            request = conversation.send(send(request))
    except StopIteration as end:
        result: Result = end.value
        return result
