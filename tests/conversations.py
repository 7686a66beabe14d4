"""Run a conversation with a portal against scripted responses."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import Response

LOST = Response(None, None, "the connection was lost before the answer (reset)", uncertain=True)


GATEWAY = Response(502, None, "the portal answered 502", uncertain=True)


PAGE = Response(200, None, "the portal answered 200 with something that is not JSON", True)


def reading(portal, desired=()):
    """The conversation that reads all agents. Returns the listing alone."""
    listing, _ = yield from portal.read(desired)
    return listing


def ok(body, status=200):
    """A JSON response."""
    return Response(status, body)


def play(conversation, *script):
    """Run a conversation against a script of `("METHOD path", response)` pairs.

    It must send exactly these requests, in this order. Returns the result and the requests.
    """
    requests, remaining = [], list(script)
    try:
        request = next(conversation)
        while True:
            requests.append(request)
            assert remaining, f"unexpected request: {request}"
            expected, response = remaining.pop(0)
            assert f"{request.method} {request.path}" == expected, requests
            request = conversation.send(response)
    except StopIteration as end:
        assert not remaining, f"requests that were not sent: {remaining}"
        return end.value, requests


def serve(conversation, answer, most=500):
    """Run a conversation against a function. Returns the result and the requests. Fails after
    more than `most` requests."""
    requests = []
    try:
        request = next(conversation)
        while True:
            requests.append(request)
            assert len(requests) <= most, "too many requests"
            request = conversation.send(answer(request))
    except StopIteration as end:
        return end.value, requests


def perform(portal, *operations):
    """The conversation of the single step for these operations. Rentix is asked first whether an
    agent to be created exists: it does not."""
    (step,) = portal.steps(operations)
    return deny(portal.perform(step), sum(each.verb == "create" for each in operations))


def deny(conversation, count):
    """A conversation whose first `count` requests for an external id were answered with a 404."""
    try:
        request = next(conversation)
        while True:
            if count and request.path.startswith("/users/external/"):
                count -= 1
                request = conversation.send(Response(404))
            else:
                request = conversation.send((yield request))
    except StopIteration as end:
        return end.value


def subset(step, *names):
    """The step with only the operations of these names."""
    operations = tuple(each for each in step.operations if each.name in names)
    return replace(step, operations=operations)


def statuses(outcomes):
    """The name and the status of each outcome."""
    return [(each.operation.name, each.status) for each in outcomes]


def ids(listing):
    """The ids of the agents in a listing."""
    return [agent.id for agent in listing.agents]
