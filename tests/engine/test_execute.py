"""Steps become events: in order, and a failure stops what depends on it and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.conversation import drive
from reconciler.core.model import (
    Finished,
    Operation,
    Outcome,
    Request,
    Response,
    Started,
    Step,
)
from reconciler.engine.execute import NOT_FINISHED, execute
from reconciler.errors import Interrupted


def operation(name, *waits, portal="rentix"):
    """An operation of this name."""
    verb, _, number = name.partition(":")
    return Operation(name, verb, portal, f"agent-{number}", None, int(number), waits=waits)


def step(number, *operations, after=()):
    """A step of these operations."""
    return Step(f"r{number}", Request("PUT", f"/{number}"), operations, after)


class Portal:
    """Performs each step with one request; what becomes of an operation is said by name."""

    def __init__(self, **outcomes):
        self.outcomes, self.performed, self.sent = outcomes, [], []

    def perform(self, given):
        """A conversation of one request."""
        self.performed.append([each.name for each in given.operations])
        yield given.request
        found = []
        for each in given.operations:
            status, code = self.outcomes.get(each.name.replace(":", "_"), ("applied", 200))
            said = None if status == "applied" else f"said of {each.name}"
            found.append(Outcome(each, status, code, said, each.id))
        return tuple(found)

    def send(self, request):
        """An answer to anything."""
        self.sent.append(request.path)
        return Response(200, {})

    @property
    def side(self):
        """What `execute` takes."""
        return self.perform, self.send


def run(steps, **portals):
    """The events of the steps, as tuples."""
    events = []
    for event in execute(steps, {name: portal.side for name, portal in portals.items()}):
        if isinstance(event, Started):
            events.append(("started", event.step.id))
        else:
            assert isinstance(event, Finished)
            found = {each.operation.name: each.status for each in event.outcomes}
            events.append((event.step.id, found))
    return events


def test_the_steps_go_out_in_their_order():
    """Each is announced before its request goes out, and finished before the next begins."""
    portal = Portal()
    steps = [step(1, operation("update:1")), step(2, operation("update:2"))]
    seen = [
        (type(event).__name__, event.step.id, list(portal.sent))
        for event in execute(steps, {"rentix": portal.side})
    ]
    assert seen == [
        ("Started", "r1", []),
        ("Finished", "r1", ["/1"]),
        ("Started", "r2", ["/1"]),
        ("Finished", "r2", ["/1", "/2"]),
    ]


def test_nothing_to_do_is_no_event():
    """No step, no request."""
    assert run([], rentix=Portal()) == []


@pytest.mark.parametrize("status", ["failed", "unknown", "waiting"])
def test_what_did_not_work_stops_only_what_waits_for_it(status):
    """The next in the chain is skipped, and who waits for that; all others go on."""
    portal = Portal(unlink_1=(status, 400))
    steps = [
        step(1, operation("unlink:1")),
        step(2, operation("link:2", "unlink:1")),
        step(3, operation("link:3", "link:2")),
        step(4, operation("unlink:4")),
        step(5, operation("link:5", "unlink:4")),
    ]
    events = run(steps, rentix=portal)
    assert [each for each in events if each[0] != "started"] == [
        ("r1", {"unlink:1": status}),
        ("r2", {"link:2": "skipped"}),
        ("r3", {"link:3": "skipped"}),
        ("r4", {"unlink:4": "applied"}),
        ("r5", {"link:5": "applied"}),
    ]
    assert portal.sent == ["/1", "/4", "/5"]
    assert ("started", "r2") not in events


def test_a_skipped_operation_says_what_it_waited_for():
    """The verb and the agent that failed are named, and the agent's own id is kept."""
    steps = [step(1, operation("unlink:1")), step(2, operation("link:2", "unlink:1"))]
    *_, last = execute(steps, {"rentix": Portal(unlink_1=("failed", 500)).side})
    (outcome,) = last.outcomes
    assert (outcome.status, outcome.http_status, outcome.id) == ("skipped", None, 2)
    assert "unlink of agent 1" in outcome.error


def test_all_that_it_waits_for_has_to_be_done():
    """One of two is not enough."""
    steps = [
        step(1, operation("unlink:1")),
        step(2, operation("unlink:2")),
        step(3, operation("link:3", "unlink:1", "unlink:2")),
    ]
    assert run(steps, rentix=Portal(unlink_2=("failed", 400)))[-1] == ("r3", {"link:3": "skipped"})
    assert run(steps, rentix=Portal())[-1] == ("r3", {"link:3": "applied"})


def test_a_wait_for_what_no_step_does_is_in_vain():
    """An operation that is not in the plan was not done."""
    assert run([step(1, operation("link:1", "unlink:9"))], rentix=Portal()) == [
        ("r1", {"link:1": "skipped"})
    ]


def test_a_bulk_goes_out_without_who_waits_in_vain():
    """The others of the bulk are sent; outcomes come for all, in the step's order."""
    portal = Portal(link_2=("failed", 400))
    steps = [
        step(1, operation("link:2")),
        step(2, operation("update:1"), operation("update:2", "link:2"), operation("update:3")),
    ]
    assert run(steps, rentix=portal)[-1] == (
        "r2",
        {"update:1": "applied", "update:2": "skipped", "update:3": "applied"},
    )
    assert portal.performed == [["link:2"], ["update:1", "update:3"]]


def test_one_failure_in_a_bulk_fails_alone():
    """Who waits for another of the same bulk goes on."""
    portal = Portal(update_1=("failed", 400))
    steps = [
        step(1, operation("update:1"), operation("update:2")),
        step(2, operation("link:1", "update:1"), operation("link:2", "update:2")),
    ]
    assert run(steps, rentix=portal)[-1] == ("r2", {"link:1": "skipped", "link:2": "applied"})


@pytest.mark.parametrize("code", [401, 403])
def test_a_portal_that_refuses_access_is_not_asked_again(code):
    """Everything that comes later there is skipped with the refusal's words."""
    portal, other = Portal(update_1=("failed", code)), Portal()
    steps = [
        step(1, operation("update:1")),
        step(2, operation("update:2")),
        step(3, operation("update:3", portal="other")),
        step(4, operation("link:4"), operation("link:5")),
    ]
    events = run(steps, rentix=portal, other=other)
    assert [each[1] for each in events if each[0] in ("r2", "r3", "r4")] == [
        {"update:2": "skipped"},
        {"update:3": "applied"},
        {"link:4": "skipped", "link:5": "skipped"},
    ]
    assert (portal.sent, other.sent) == (["/1"], ["/3"])
    *_, last = execute(steps, {"rentix": portal.side, "other": other.side})
    assert "denied access" in last.outcomes[0].error
    assert "said of update:1" in last.outcomes[0].error


@pytest.mark.parametrize("code", [400, 404, 409, 422, 429, 500, None])
def test_another_failure_does_not_close_the_portal(code):
    """Only 401 and 403 speak of access."""
    portal = Portal(update_1=("failed", code))
    steps = [step(1, operation("update:1")), step(2, operation("update:2"))]
    assert run(steps, rentix=portal)[-1] == ("r2", {"update:2": "applied"})


def test_one_agent_that_may_not_be_changed_does_not_close_the_portal():
    """A 403 for one operation of a bulk whose others are applied is that agent's failure."""
    portal = Portal(update_1=("failed", 403))
    steps = [
        step(1, operation("update:1"), operation("update:2")),
        step(2, operation("update:3")),
    ]
    assert run(steps, rentix=portal)[-1] == ("r2", {"update:3": "applied"})


def test_each_operation_has_one_outcome():
    """What is skipped and what is done are in the step's order, none twice."""
    portal = Portal(unlink_9=("failed", 400))
    bulk = step(
        2,
        operation("update:3", "unlink:9"),
        operation("update:1"),
        operation("update:2", "unlink:9"),
    )
    *_, last = execute([step(1, operation("unlink:9")), bulk], {"rentix": portal.side})
    names = [each.operation.name for each in last.outcomes]
    assert names == ["update:3", "update:1", "update:2"]
    assert last.step == bulk


def test_a_conversation_is_carried_to_its_end():
    """Each request is sent, each response handed back, and the result comes out."""

    def conversation():
        first = yield Request("GET", "/1")
        second = yield replace(Request("GET", "/2"), attempt=first.status)
        return first.status + second.status

    sent = []

    def send(request):
        sent.append((request.path, request.attempt))
        return Response(len(sent))

    assert drive(conversation(), send) == 3
    assert sent == [("/1", 0), ("/2", 1)]


def test_a_conversation_without_requests_has_its_result():
    """A portal that needs no wire is asked nothing."""

    def conversation():
        return "done"
        yield

    assert drive(conversation(), lambda _: pytest.fail("nothing to send")) == "done"


def test_what_a_conversation_raises_comes_out():
    """An error of reading ends the command."""

    def conversation():
        yield Request("GET", "/1")
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        drive(conversation(), lambda _: Response(200))


def test_a_portal_that_falls_silent_is_given_up():
    """Two steps in a row without any answer: nothing else is sent to it. An answer in between,
    be it a refusal, begins the count anew."""
    dead = Portal(update_1=("failed", None), update_2=("unknown", None))
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3)]
    assert run(steps, rentix=dead)[-1] == ("r3", {"update:3": "skipped"})
    shaky = Portal(update_1=("failed", None), update_2=("failed", 400), update_3=("unknown", None))
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3, 4)]
    assert run(steps, rentix=shaky)[-1] == ("r4", {"update:4": "applied"})


# -- an end in between ----------------------------------------------------------------------------


class Talks(Portal):
    """Performs each step with these requests; the wish to end comes with the one of that number."""

    def __init__(self, *requests, ends):
        super().__init__()
        self.requests, self.ends, self.asked = requests, ends, []

    def perform(self, given):
        """A conversation of several requests."""
        self.performed.append(given.id)
        for each in self.requests:  # noqa: UP028 - a list takes no answers
            yield each
        return tuple(Outcome(each, "applied", 200, None, each.id) for each in given.operations)

    def send(self, request):
        """An answer to all but the last."""
        self.asked.append(request.method)
        if len(self.asked) == self.ends:
            raise Interrupted
        return Response(200, {})


def ended(portal, *steps, **others):
    """What came of each operation, in words, by its name."""
    sides = {"rentix": portal.side, **{name: each.side for name, each in others.items()}}
    return {
        each.operation.name: (each.status, each.error)
        for event in execute(steps, sides)
        if isinstance(event, Finished)
        for each in event.outcomes
    }


NOT_SENT = ("skipped", "interrupted before it was sent")
OPEN = ("unknown", NOT_FINISHED)
READ, WRITE = Request("GET", "/users"), Request("PUT", "/users")
ASKS = Request("POST", "/token", asks=True)


@pytest.mark.parametrize(
    ("requests", "ends", "outcome"),
    [
        ([WRITE], 1, NOT_SENT),
        ([READ, WRITE], 1, NOT_SENT),
        ([READ, WRITE], 2, NOT_SENT),
        ([ASKS, WRITE], 2, NOT_SENT),
        ([WRITE, READ], 2, OPEN),
        ([WRITE, WRITE], 2, OPEN),
        ([READ, WRITE, READ], 3, OPEN),
    ],
)
def test_what_an_end_leaves_open_is_unknown_only_where_a_write_went_out(requests, ends, outcome):
    """`send` raises in place of sending: what went out before that counts, and readings do not."""
    portal = Talks(*requests, ends=ends)
    bulk = step(1, operation("update:1"), operation("update:2"))
    assert ended(portal, bulk) == {"update:1": outcome, "update:2": outcome}


def test_after_an_end_nothing_more_is_sent_anywhere():
    """The steps that are left have their outcomes all the same, on every portal, and none is
    announced."""
    portal, other = Talks(WRITE, READ, ends=4), Portal()
    steps = [
        step(1, operation("update:1")),
        step(2, operation("update:2")),
        step(3, operation("update:3")),
        step(4, operation("link:4", "update:3")),
        step(5, operation("update:5", portal="other")),
    ]
    assert ended(portal, *steps, other=other) == {
        "update:1": ("applied", None),
        "update:2": OPEN,
        "update:3": NOT_SENT,
        "link:4": NOT_SENT,
        "update:5": NOT_SENT,
    }
    assert (portal.performed, other.performed) == (["r1", "r2"], [])
    again = execute(steps, {"rentix": Talks(WRITE, ends=2).side, "other": other.side})
    announced = [event.step.id for event in again if isinstance(event, Started)]
    assert announced == ["r1", "r2"]


def test_an_end_keeps_what_was_skipped_for_another_reason():
    """In the very step: who waits in vain was not in it, and says so."""
    portal = Talks(WRITE, READ, ends=4)
    portal.perform = _failing_first(portal.perform)
    steps = [
        step(1, operation("unlink:1")),
        step(2, operation("update:1", "unlink:1"), operation("update:2")),
    ]
    said = ended(portal, *steps)
    assert said["update:1"] == (
        "skipped",
        "depends on the unlink of agent 1, which was not applied",
    )
    assert said["update:2"] == OPEN


def _failing_first(perform):
    """The same, and the first step fails."""

    def performed(given):
        outcomes = yield from perform(given)
        if given.id == "r1":
            return tuple(replace(each, status="failed", http_status=400) for each in outcomes)
        return outcomes

    return performed


def test_an_end_is_not_taken_for_a_portal_that_fell_silent():
    """One step without an answer, then the end: those that are left were interrupted."""
    portal = Talks(WRITE, READ, ends=4)
    performed = portal.perform

    def silent(given):
        outcomes = yield from performed(given)
        return tuple(replace(each, status="unknown", http_status=None) for each in outcomes)

    portal.perform = silent
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3)]
    said = ended(portal, *steps)
    assert (said["update:2"], said["update:3"]) == (OPEN, NOT_SENT)


def test_an_agents_id_is_in_an_outcome_that_was_interrupted():
    """The report names the agent as everywhere."""
    *_, last = execute([step(1, operation("update:7"))], {"rentix": Talks(WRITE, ends=1).side})
    assert [each.id for each in last.outcomes] == [7]
