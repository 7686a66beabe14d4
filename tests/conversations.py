"""Conversations with a portal, played by hand: what it requests, and what it makes of the responses."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import Response

LOST = Response(None, None, "the connection was lost before the answer (reset)", uncertain=True)


GATEWAY = Response(502, None, "the portal answered 502", uncertain=True)


PAGE = Response(200, None, "the portal answered 200 with something that is not JSON", True)


def reading(portal, desired=()):
    """A conversation whose result is the agents alone."""
    listing, _ = yield from portal.read(desired)
    return listing


def ok(body, status=200):
    """An answer that is JSON."""
    return Response(status, body)


def play(conversation, *script):
    """Carry a conversation out against a script of `("METHOD path", response)` pairs.

    Asserts that exactly these requests come, in this order. Returns the result and the requests.
    """
    asked, left = [], list(script)
    try:
        request = next(conversation)
        while True:
            asked.append(request)
            assert left, f"one more request: {request}"
            expected, response = left.pop(0)
            assert f"{request.method} {request.path}" == expected, asked
            request = conversation.send(response)
    except StopIteration as end:
        assert not left, f"not asked: {left}"
        return end.value, asked


def serve(conversation, answer, most=500):
    """Carry a conversation out against a function. Returns the result and the requests."""
    asked = []
    try:
        request = next(conversation)
        while True:
            asked.append(request)
            assert len(asked) <= most, "it does not end"
            request = conversation.send(answer(request))
    except StopIteration as end:
        return end.value, asked


def perform(portal, *operations):
    """The conversation of the only step that these operations make."""
    (step,) = portal.steps(operations)
    return portal.perform(step)


def whole(portal, step):
    """The conversation of a step."""
    return portal.perform(step)


def some(step, *names):
    """The step with only the operations of these names."""
    chosen = tuple(each for each in step.operations if each.name in names)
    return replace(step, operations=chosen)


def statuses(outcomes):
    """Name and status of each outcome."""
    return [(each.operation.name, each.status) for each in outcomes]


def ids(listing):
    """The ids in a listing."""
    return [agent.id for agent in listing.agents]
