"""Executing steps: in order, and a failure stops only what depends on it."""

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
    """An operation with this name; `waits` are the ones that it depends on."""
    verb, _, number = name.partition(":")
    return Operation(name, verb, portal, f"agent-{number}", None, int(number), waits=waits)


def step(number, *operations, after=()):
    """A step of these operations."""
    return Step(f"r{number}", Request("PUT", f"/{number}"), operations, after)


class Portal:
    """Performs each step with one request; `outcomes` has status and HTTP status by operation."""

    def __init__(self, **outcomes):
        self.outcomes, self.performed, self.sent = outcomes, [], []

    def perform(self, given):
        """A conversation of one request."""
        self.performed.append([each.name for each in given.operations])
        yield given.request
        found = []
        for each in given.operations:
            status, code = self.outcomes.get(each.name.replace(":", "_"), ("applied", 200))
            error = None if status == "applied" else f"refused {each.name}"
            found.append(Outcome(each, status, code, error, each.id))
        return tuple(found)

    def send(self, request):
        """Respond to any request."""
        self.sent.append(request.path)
        return Response(200, {})

    @property
    def connection(self):
        """What `execute` takes."""
        return self.perform, self.send


def run(steps, **portals):
    """The events of the steps, as tuples."""
    events = []
    for event in execute(steps, {name: portal.connection for name, portal in portals.items()}):
        if isinstance(event, Started):
            events.append(("started", event.step.id))
        else:
            assert isinstance(event, Finished)
            found = {each.operation.name: each.status for each in event.outcomes}
            events.append((event.step.id, found))
    return events


def test_steps_are_sent_in_order():
    """Each is announced before its request is sent, and finished before the next begins."""
    portal = Portal()
    steps = [step(1, operation("update:1")), step(2, operation("update:2"))]
    seen = [
        (type(event).__name__, event.step.id, list(portal.sent))
        for event in execute(steps, {"rentix": portal.connection})
    ]
    assert seen == [
        ("Started", "r1", []),
        ("Finished", "r1", ["/1"]),
        ("Started", "r2", ["/1"]),
        ("Finished", "r2", ["/1", "/2"]),
    ]


def test_no_steps_give_no_events():
    """No step, no request."""
    assert run([], rentix=Portal()) == []


@pytest.mark.parametrize("status", ["failed", "unknown", "waiting"])
def test_a_failure_stops_only_what_depends_on_it(status):
    """The next in the chain is skipped, and what depends on that; everything else is sent."""
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


def test_a_skipped_operation_names_what_it_depends_on():
    """The verb and the agent that failed are named, and the agent's own id is kept."""
    steps = [step(1, operation("unlink:1")), step(2, operation("link:2", "unlink:1"))]
    *_, last = execute(steps, {"rentix": Portal(unlink_1=("failed", 500)).connection})
    (outcome,) = last.outcomes
    assert (outcome.status, outcome.http_status, outcome.id) == ("skipped", None, 2)
    assert "unlink of agent 1" in outcome.error


def test_every_dependency_has_to_be_applied():
    """One of two is not enough."""
    steps = [
        step(1, operation("unlink:1")),
        step(2, operation("unlink:2")),
        step(3, operation("link:3", "unlink:1", "unlink:2")),
    ]
    assert run(steps, rentix=Portal(unlink_2=("failed", 400)))[-1] == ("r3", {"link:3": "skipped"})
    assert run(steps, rentix=Portal())[-1] == ("r3", {"link:3": "applied"})


def test_a_dependency_that_is_not_in_the_plan_was_not_applied():
    """An operation that depends on it is skipped."""
    assert run([step(1, operation("link:1", "unlink:9"))], rentix=Portal()) == [
        ("r1", {"link:1": "skipped"})
    ]


def test_a_bulk_is_sent_without_its_skipped_operations():
    """Outcomes come for all operations, in the step's order."""
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


def test_a_failure_in_a_bulk_stops_only_what_depends_on_it():
    """Another operation of the same bulk was applied, so its dependents are sent."""
    portal = Portal(update_1=("failed", 400))
    steps = [
        step(1, operation("update:1"), operation("update:2")),
        step(2, operation("link:1", "update:1"), operation("link:2", "update:2")),
    ]
    assert run(steps, rentix=portal)[-1] == ("r2", {"link:1": "skipped", "link:2": "applied"})


@pytest.mark.parametrize("code", [401, 403])
def test_nothing_else_is_sent_to_a_portal_that_denied_access(code):
    """Later operations there are skipped, with the portal's reason."""
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
    *_, last = execute(steps, {"rentix": portal.connection, "other": other.connection})
    assert "denied access" in last.outcomes[0].error
    assert "refused update:1" in last.outcomes[0].error


@pytest.mark.parametrize("code", [400, 404, 409, 422, 429, 500, None])
def test_other_failures_do_not_close_a_portal(code):
    """Only 401 and 403 are about access."""
    portal = Portal(update_1=("failed", code))
    steps = [step(1, operation("update:1")), step(2, operation("update:2"))]
    assert run(steps, rentix=portal)[-1] == ("r2", {"update:2": "applied"})


def test_a_403_for_one_agent_of_a_bulk_does_not_close_a_portal():
    """The others were applied, so it is that agent's failure."""
    portal = Portal(update_1=("failed", 403))
    steps = [
        step(1, operation("update:1"), operation("update:2")),
        step(2, operation("update:3")),
    ]
    assert run(steps, rentix=portal)[-1] == ("r2", {"update:3": "applied"})


def test_each_operation_has_one_outcome():
    """Skipped or sent, in the step's order, none twice."""
    portal = Portal(unlink_9=("failed", 400))
    bulk = step(
        2,
        operation("update:3", "unlink:9"),
        operation("update:1"),
        operation("update:2", "unlink:9"),
    )
    *_, last = execute([step(1, operation("unlink:9")), bulk], {"rentix": portal.connection})
    names = [each.operation.name for each in last.outcomes]
    assert names == ["update:3", "update:1", "update:2"]
    assert last.step == bulk


def test_a_conversation_is_driven_to_its_end():
    """Each request is sent, each response is passed back, and the result is returned."""

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


def test_a_conversation_without_requests_returns_its_result():
    """Nothing is sent."""

    def conversation():
        return "done"
        yield

    assert drive(conversation(), lambda _: pytest.fail("nothing to send")) == "done"


def test_an_error_in_a_conversation_is_raised():
    """An error while reading ends the command."""

    def conversation():
        yield Request("GET", "/1")
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        drive(conversation(), lambda _: Response(200))


def test_nothing_else_is_sent_to_a_portal_that_stopped_responding():
    """Two steps in a row without any response close it. Any response in between, even a refusal,
    starts the count again."""
    dead = Portal(update_1=("failed", None), update_2=("unknown", None))
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3)]
    assert run(steps, rentix=dead)[-1] == ("r3", {"update:3": "skipped"})
    shaky = Portal(update_1=("failed", None), update_2=("failed", 400), update_3=("unknown", None))
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3, 4)]
    assert run(steps, rentix=shaky)[-1] == ("r4", {"update:4": "applied"})


# -- interruptions --------------------------------------------------------------------------------


class Conversing(Portal):
    """Performs each step with these requests; `send` raises Interrupted at request number
    `ends`."""

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
        """Respond to all requests but the last."""
        self.asked.append(request.method)
        if len(self.asked) == self.ends:
            raise Interrupted
        return Response(200, {})


def outcomes_of(portal, *steps, **others):
    """Status and error of each operation, by its name."""
    connections = {
        "rentix": portal.connection,
        **{name: each.connection for name, each in others.items()},
    }
    return {
        each.operation.name: (each.status, each.error)
        for event in execute(steps, connections)
        if isinstance(event, Finished)
        for each in event.outcomes
    }


SKIPPED = ("skipped", "interrupted before it was sent")
UNKNOWN = ("unknown", NOT_FINISHED)
READ, WRITE = Request("GET", "/users"), Request("PUT", "/users")
ASKS = Request("POST", "/token", asks=True)


@pytest.mark.parametrize(
    ("requests", "ends", "outcome"),
    [
        ([WRITE], 1, SKIPPED),
        ([READ, WRITE], 1, SKIPPED),
        ([READ, WRITE], 2, SKIPPED),
        ([ASKS, WRITE], 2, SKIPPED),
        ([WRITE, READ], 2, UNKNOWN),
        ([WRITE, WRITE], 2, UNKNOWN),
        ([READ, WRITE, READ], 3, UNKNOWN),
    ],
)
def test_an_interrupted_step_is_unknown_only_after_a_write(requests, ends, outcome):
    """`send` raises instead of sending: what was sent before counts, and reading does not."""
    portal = Conversing(*requests, ends=ends)
    bulk = step(1, operation("update:1"), operation("update:2"))
    assert outcomes_of(portal, bulk) == {"update:1": outcome, "update:2": outcome}


def test_after_an_interruption_nothing_more_is_sent_anywhere():
    """The remaining steps get their outcomes all the same, on every portal, and none is
    announced."""
    portal, other = Conversing(WRITE, READ, ends=4), Portal()
    steps = [
        step(1, operation("update:1")),
        step(2, operation("update:2")),
        step(3, operation("update:3")),
        step(4, operation("link:4", "update:3")),
        step(5, operation("update:5", portal="other")),
    ]
    assert outcomes_of(portal, *steps, other=other) == {
        "update:1": ("applied", None),
        "update:2": UNKNOWN,
        "update:3": SKIPPED,
        "link:4": SKIPPED,
        "update:5": SKIPPED,
    }
    assert (portal.performed, other.performed) == (["r1", "r2"], [])
    again = execute(
        steps, {"rentix": Conversing(WRITE, ends=2).connection, "other": other.connection}
    )
    announced = [event.step.id for event in again if isinstance(event, Started)]
    assert announced == ["r1", "r2"]


def test_an_interruption_keeps_other_reasons_to_skip():
    """In the very step: an operation whose dependency failed was not in it, and has that
    reason."""
    portal = Conversing(WRITE, READ, ends=4)
    portal.perform = _failing_first(portal.perform)
    steps = [
        step(1, operation("unlink:1")),
        step(2, operation("update:1", "unlink:1"), operation("update:2")),
    ]
    outcomes = outcomes_of(portal, *steps)
    assert outcomes["update:1"] == (
        "skipped",
        "depends on the unlink of agent 1, which was not applied",
    )
    assert outcomes["update:2"] == UNKNOWN


def _failing_first(perform):
    """`perform`, with a failure in the first step."""

    def performed(given):
        outcomes = yield from perform(given)
        if given.id == "r1":
            return tuple(replace(each, status="failed", http_status=400) for each in outcomes)
        return outcomes

    return performed


def test_an_interruption_is_not_a_portal_that_stopped_responding():
    """One step without a response, then the interruption: the remaining steps were interrupted."""
    portal = Conversing(WRITE, READ, ends=4)
    performed = portal.perform

    def silent(given):
        outcomes = yield from performed(given)
        return tuple(replace(each, status="unknown", http_status=None) for each in outcomes)

    portal.perform = silent
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3)]
    outcomes = outcomes_of(portal, *steps)
    assert (outcomes["update:2"], outcomes["update:3"]) == (UNKNOWN, SKIPPED)


def test_an_interrupted_outcome_has_the_agents_id():
    """The report names the agent as everywhere."""
    *_, last = execute(
        [step(1, operation("update:7"))], {"rentix": Conversing(WRITE, ends=1).connection}
    )
    assert [each.id for each in last.outcomes] == [7]
