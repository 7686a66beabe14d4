"""Rentix: bulk requests that are too large."""

from __future__ import annotations

import pytest
from conversations import ok, play, serve, some, statuses

from .talk import TOGETHER, bulk, done, refused, rentix, results, three, update


class Small:
    """A portal that takes at most so many operations at once, and refuses the marked agent."""

    def __init__(self, most, status=413, poison=None):
        self.most, self.status, self.poison, self.sizes = most, status, poison, []

    def __call__(self, request):
        """Answer, and note how many operations came at once (0: a PUT)."""
        if request.path != "/users/bulk":
            self.sizes.append(0)
            return ok({"id": request.body["id"], "updated": True})
        named = [each["id"] for each in request.body["operations"]]
        self.sizes.append(len(named))
        if len(named) > self.most or self.poison in named:
            return refused("Payload too large", self.status)
        return results(*(done(number) for number in named))


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_bulk_is_halved_and_the_size_is_learned(status):
    """8 are refused, 4 too, 2 go through; from then on, also in later steps, 2 at once."""
    portal, end = rentix(bulk=8), Small(3, status)
    steps = portal.steps([update(number) for number in range(1, 13)])
    outcomes, _ = serve(portal.perform(steps[0]), end)
    assert end.sizes == [8, 4, 2, 2, 2, 2]
    later, _ = serve(portal.perform(steps[1]), end)
    assert end.sizes[6:] == [2, 2]
    assert {each.status for each in (*outcomes, *later)} == {"applied"}
    assert [each.id for each in (*outcomes, *later)] == list(range(1, 13))


@pytest.mark.parametrize("status", [400, 413])
def test_a_portal_without_bulks_gets_single_puts(status):
    """Down to one, and then each by PUT, whose answer counts."""
    outcomes, asked = serve(bulk(*three()), Small(0, status))
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [request.body["id"] for request in asked if request.method == "PUT"] == [1, 2, 3]


def test_a_single_put_that_is_refused_too_fails_alone():
    """A bulk that is refused for one agent's sake: only that one fails, with its own message."""
    end = Small(9, 400, poison=3)

    def answer(request):
        if request.method == "PUT" and request.body["id"] == 3:
            return refused("Invalid name")
        return end(request)

    outcomes, _ = serve(bulk(*(update(number) for number in range(1, 9))), answer)
    assert [each.status for each in outcomes] == ["applied"] * 2 + ["failed"] + ["applied"] * 5
    assert outcomes[2].error == "Invalid name"


@pytest.mark.parametrize("poison", [1, 3, 8])
def test_one_refused_agent_does_not_end_bulks(poison):
    """A 400 for one agent's sake is no limit of size: who comes later still goes together."""
    portal, end = rentix(bulk=8), Small(9, 400, poison=poison)
    steps = portal.steps([update(number) for number in range(1, 17)])
    serve(portal.perform(steps[0]), end)
    end.sizes.clear()
    serve(portal.perform(steps[1]), end)
    assert len(end.sizes) <= 4


def test_a_bulk_of_those_that_are_left_is_still_a_bulk():
    """A step of fewer operations than planned sends only these."""
    portal = rentix()
    (step,) = portal.steps(three())
    outcomes, asked = play(
        portal.perform(some(step, "update:1", "update:3")), (TOGETHER, results(done(1), done(3)))
    )
    assert statuses(outcomes) == [("update:1", "applied"), ("update:3", "applied")]
    assert [each["id"] for each in asked[0].body["operations"]] == [1, 3]
