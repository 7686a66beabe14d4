"""How a portal talks: a generator that yields requests and is handed the responses.

A portal does no I/O, so whoever drives the conversation decides what the wire is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from reconciler.core.model import Request, Response

Result = TypeVar("Result")
Conversation: TypeAlias = Generator[Request, Response, Result]
Send = Callable[[Request], Response]


def drive(conversation: Conversation[Result], send: Send) -> Result:
    """Carry a conversation out: send each request it yields, hand it the response."""
    try:
        request = next(conversation)
        while True:
            request = conversation.send(send(request))
    except StopIteration as end:
        result: Result = end.value
        return result
