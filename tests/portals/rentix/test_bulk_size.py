"""Rentix: bulk requests that are too large."""

from __future__ import annotations

import pytest
from conversations import ok, play, serve, statuses, subset

from .build import BULK, bulk, rejected, rentix, results, succeeded, three, update


class Small:
    """A portal that accepts at most `most` operations per bulk and rejects the agent `poison`."""

    def __init__(self, most, status=413, poison=None):
        self.most, self.status, self.poison, self.sizes = most, status, poison, []

    def __call__(self, request):
        """Answer, and log the number of operations (0: a PUT)."""
        if request.path != "/users/bulk":
            self.sizes.append(0)
            return ok({"id": request.body["id"], "updated": True})
        named = [each["id"] for each in request.body["operations"]]
        self.sizes.append(len(named))
        if len(named) > self.most or self.poison in named:
            return rejected("Payload too large", self.status)
        return results(*(succeeded(number) for number in named))


@pytest.mark.parametrize("status", [400, 413])
def test_rejected_bulk_is_halved(status):
    """Bulks of 8 and 4 are rejected, 2 are accepted; later steps send 2 at once too."""
    portal, end = rentix(bulk=8), Small(3, status)
    steps = portal.steps([update(number) for number in range(1, 13)])
    outcomes, _ = serve(portal.perform(steps[0]), end)
    assert end.sizes == [8, 4, 2, 2, 2, 2]
    later, _ = serve(portal.perform(steps[1]), end)
    assert end.sizes[6:] == [2, 2]
    assert {each.status for each in (*outcomes, *later)} == {"applied"}
    assert [each.id for each in (*outcomes, *later)] == list(range(1, 13))


@pytest.mark.parametrize("status", [400, 413])
def test_portal_without_bulks_gets_single_puts(status):
    """Halved down to one, then each by PUT, whose response counts."""
    outcomes, requests = serve(bulk(*three()), Small(0, status))
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [request.body["id"] for request in requests if request.method == "PUT"] == [1, 2, 3]


def test_rejected_single_put_fails_alone():
    """If a bulk is rejected because of one agent, only that one fails, with its own message."""
    end = Small(9, 400, poison=3)

    def answer(request):
        if request.method == "PUT" and request.body["id"] == 3:
            return rejected("Invalid name")
        return end(request)

    outcomes, _ = serve(bulk(*(update(number) for number in range(1, 9))), answer)
    assert [each.status for each in outcomes] == ["applied"] * 2 + ["failed"] + ["applied"] * 5
    assert outcomes[2].error == "Invalid name"


@pytest.mark.parametrize("poison", [1, 3, 8])
def test_one_rejected_agent_does_not_lower_the_bulk_size(poison):
    """A 400 for one agent is no size limit: later agents are still sent together."""
    portal, end = rentix(bulk=8), Small(9, 400, poison=poison)
    steps = portal.steps([update(number) for number in range(1, 17)])
    serve(portal.perform(steps[0]), end)
    end.sizes.clear()
    serve(portal.perform(steps[1]), end)
    assert len(end.sizes) <= 4


def test_bulk_of_the_remaining_operations():
    """A step with fewer operations than planned sends only these."""
    portal = rentix()
    (step,) = portal.steps(three())
    outcomes, requests = play(
        portal.perform(subset(step, "update:1", "update:3")),
        (BULK, results(succeeded(1), succeeded(3))),
    )
    assert statuses(outcomes) == [("update:1", "applied"), ("update:3", "applied")]
    assert [each["id"] for each in requests[0].body["operations"]] == [1, 3]
