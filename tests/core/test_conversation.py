"""Who carries a conversation out decides what the wire is."""

from __future__ import annotations

from reconciler.core.conversation import drive
from reconciler.core.model import Request, Response


def test_each_request_is_answered_before_the_next_and_the_end_is_the_result():
    """In their order, each with the response to it; without any request the result is there."""
    asked = []

    def answer(request):
        asked.append(request.path)
        return Response(200, body=f"of {request.path}")

    def conversation():
        first = yield Request("GET", "/one")
        second = yield Request("GET", "/two")
        return [first.body, second.body, list(asked)]

    assert drive(conversation(), answer) == ["of /one", "of /two", ["/one", "/two"]]
    assert asked == ["/one", "/two"]

    def silent():
        return "nothing to ask"
        yield

    assert drive(silent(), answer) == "nothing to ask"
    assert asked == ["/one", "/two"]
