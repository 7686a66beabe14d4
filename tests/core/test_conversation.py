"""Conversations: requests that the core yields, and responses that it is handed."""

from __future__ import annotations

import pytest

from reconciler.core.conversation import drive, is_inconclusive
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


@pytest.mark.parametrize("status", [101, 303, 408, 421, 425, 460, 499, 500, 502, 504, 599, 999])
def test_statuses_that_may_come_after_the_effect(status):
    """A gateway answered instead of the portal, or the answer is elsewhere."""
    assert is_inconclusive(status)


@pytest.mark.parametrize(
    "status", [200, 204, 301, 302, 307, 400, 401, 403, 404, 409, 413, 422, 429]
)
def test_statuses_that_settle_a_request(status):
    """Done, or refused before anything was done."""
    assert not is_inconclusive(status)
