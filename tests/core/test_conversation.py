"""Conversations: requests that the core yields, and responses that it is handed."""

from __future__ import annotations

from reconciler.core.conversation import drive
from reconciler.core.model import Request, Response


def test_each_request_gets_its_response_before_the_next():
    """`drive` returns the result of the conversation, which may have no requests."""
    requests = []

    def answer(request):
        requests.append(request.path)
        return Response(200, body=f"of {request.path}")

    def conversation():
        first = yield Request("GET", "/one")
        second = yield Request("GET", "/two")
        return [first.body, second.body, list(requests)]

    assert drive(conversation(), answer) == ["of /one", "of /two", ["/one", "/two"]]
    assert requests == ["/one", "/two"]

    def no_requests():
        return "nothing to ask"
        yield

    assert drive(no_requests(), answer) == "nothing to ask"
    assert requests == ["/one", "/two"]
