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
from reconciler.engine.execute import NOT_FINISHED, REVERTED, execute
from reconciler.errors import Interrupted


def operation(name, *waits, external=None):
    """An operation with this name; `waits` are the ones that it depends on."""
    verb, _, number = name.partition(":")
    agent = int(number)
    return Operation(name, verb, "rentix", f"agent-{agent}", None, agent, external, waits=waits)


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

    def run(self, steps):
        """The events of the steps."""
        return execute(steps, self.perform, self.send)


def run(steps, portal):
    """The events of the steps, as tuples."""
    events = []
    for event in portal.run(steps):
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
    seen = [(type(event).__name__, event.step.id, list(portal.sent)) for event in portal.run(steps)]
    assert seen == [
        ("Started", "r1", []),
        ("Finished", "r1", ["/1"]),
        ("Started", "r2", ["/1"]),
        ("Finished", "r2", ["/1", "/2"]),
    ]


def test_no_steps_give_no_events():
    """No step, no request."""
    assert run([], Portal()) == []


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
    events = run(steps, portal)
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
    *_, last = Portal(unlink_1=("failed", 500)).run(steps)
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
    assert run(steps, Portal(unlink_2=("failed", 400)))[-1] == ("r3", {"link:3": "skipped"})
    assert run(steps, Portal())[-1] == ("r3", {"link:3": "applied"})


def test_a_dependency_that_is_not_in_the_plan_was_not_applied():
    """An operation that depends on it is skipped."""
    assert run([step(1, operation("link:1", "unlink:9"))], Portal()) == [
        ("r1", {"link:1": "skipped"})
    ]


def test_a_bulk_is_sent_without_its_skipped_operations():
    """Outcomes come for all operations, in the step's order."""
    portal = Portal(link_2=("failed", 400))
    steps = [
        step(1, operation("link:2")),
        step(2, operation("update:1"), operation("update:2", "link:2"), operation("update:3")),
    ]
    assert run(steps, portal)[-1] == (
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
    assert run(steps, portal)[-1] == ("r2", {"link:1": "skipped", "link:2": "applied"})


@pytest.mark.parametrize("code", [401, 403])
def test_nothing_else_is_sent_to_a_portal_that_denied_access(code):
    """Later operations are skipped, with the portal's reason."""
    portal = Portal(update_1=("failed", code))
    steps = [
        step(1, operation("update:1")),
        step(2, operation("update:2")),
        step(3, operation("link:4"), operation("link:5")),
    ]
    events = run(steps, portal)
    assert [each[1] for each in events if each[0] in ("r2", "r3")] == [
        {"update:2": "skipped"},
        {"link:4": "skipped", "link:5": "skipped"},
    ]
    assert portal.sent == ["/1"]
    *_, last = portal.run(steps)
    assert "denied access" in last.outcomes[0].error
    assert "refused update:1" in last.outcomes[0].error


@pytest.mark.parametrize("code", [400, 404, 409, 422, 429, 500, None])
def test_other_failures_do_not_close_a_portal(code):
    """Only 401 and 403 are about access."""
    portal = Portal(update_1=("failed", code))
    steps = [step(1, operation("update:1")), step(2, operation("update:2"))]
    assert run(steps, portal)[-1] == ("r2", {"update:2": "applied"})


def test_a_403_for_one_agent_of_a_bulk_does_not_close_a_portal():
    """The others were applied, so it is that agent's failure."""
    portal = Portal(update_1=("failed", 403))
    steps = [
        step(1, operation("update:1"), operation("update:2")),
        step(2, operation("update:3")),
    ]
    assert run(steps, portal)[-1] == ("r2", {"update:3": "applied"})


def test_each_operation_has_one_outcome():
    """Skipped or sent, in the step's order, none twice."""
    portal = Portal(unlink_9=("failed", 400))
    bulk = step(
        2,
        operation("update:3", "unlink:9"),
        operation("update:1"),
        operation("update:2", "unlink:9"),
    )
    *_, last = portal.run([step(1, operation("unlink:9")), bulk])
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
    assert run(steps, dead)[-1] == ("r3", {"update:3": "skipped"})
    shaky = Portal(update_1=("failed", None), update_2=("failed", 400), update_3=("unknown", None))
    steps = [step(each, operation(f"update:{each}")) for each in (1, 2, 3, 4)]
    assert run(steps, shaky)[-1] == ("r4", {"update:4": "applied"})


# -- external ids that are restored ---------------------------------------------------------------


class Directory(Portal):
    """A portal that keeps external ids by agent. The links in `refused` (agent and id) fail, and
    those of an agent that has an id; `released` has what an unlink takes from an agent instead of
    the planned id. The first `lost` unlinks are confirmed and have no effect."""

    def __init__(self, held, *, refused=(), released=None, lost=0, ends=None):
        super().__init__()
        self.held, self.refused, self.released = dict(held), refused, released or {}
        self.lost = lost
        self.ends, self.written = ends, []

    def perform(self, given):
        """A conversation of one request; the agent of the operation is what counts."""
        (each,) = given.operations
        yield given.request
        self.written.append(f"{each.verb} {each.id} {each.external_id}")
        if each.verb == "unlink" and self.lost:
            self.lost -= 1
        elif each.verb == "unlink":
            self.held.pop(each.id)
            if each.id in self.released:
                error, other = "changed since the plan", self.released[each.id]
                return (Outcome(each, "failed", 200, error, each.id, released=other),)
        elif each.verb == "link" and self.held.get(each.id, each.external_id) != each.external_id:
            holds = self.held[each.id]
            return (Outcome(each, "failed", 409, "has an id", each.id, holds=holds),)
        elif each.verb == "link" and (each.id, each.external_id) in self.refused:
            return (Outcome(each, "failed", 409, "already linked", each.id),)
        elif each.verb == "link":
            others = {number: name for number, name in self.held.items() if number != each.id}
            assert each.external_id not in others.values()
            self.held[each.id] = each.external_id
        return (Outcome(each, "applied", 200, None, each.id),)

    def send(self, request):
        """Respond, until the run is interrupted."""
        if len(self.sent) == self.ends:
            raise Interrupted
        return super().send(request)


def move(number, former, wanted, *waits):
    """The unlink and the link of an agent that gets another external id."""
    own = f"unlink:{number}"
    return (
        operation(own, external=former),
        operation(f"link:{number}", own, *waits, external=wanted),
    )


def in_steps(*operations):
    """A step for each operation."""
    return [step(number, each) for number, each in enumerate(operations, 1)]


def swap():
    """Agents 1 and 2 swap the external ids a and b."""
    unlink_1, link_1 = move(1, "a", "b", "unlink:2")
    unlink_2, link_2 = move(2, "b", "a", "unlink:1")
    return in_steps(unlink_1, unlink_2, link_1, link_2)


def test_a_refused_link_restores_the_former_external_id():
    """The link fails with the portal's message and the id that was restored."""
    portal = Directory({1: "a"}, refused=[(1, "x")])
    outcomes = outcomes_of(portal, *in_steps(*move(1, "a", "x")))
    assert portal.written == ["unlink 1 a", "link 1 x", "link 1 a"]
    assert outcomes["unlink:1"] == ("failed", REVERTED)
    status, error = outcomes["link:1"]
    assert status == "failed"
    assert error.startswith("already linked; ")
    assert "a was restored" in error


def test_a_lost_unlink_is_sent_again_with_its_link():
    """Once: the portal confirmed it, but the agent still had its id when it was to be linked."""
    portal = Directory({1: "a"}, lost=1)
    outcomes = outcomes_of(portal, *in_steps(*move(1, "a", "x")))
    assert portal.written == ["unlink 1 a", "link 1 x"] * 2
    assert portal.held == {1: "x"}
    assert outcomes == {"unlink:1": ("applied", None), "link:1": ("applied", None)}


def test_a_lost_unlink_of_a_chain_holds_up_no_other_link():
    """What waits for the link is sent after it was repeated."""
    portal = Directory({1: "a", 2: "b"}, lost=1)
    outcomes = outcomes_of(portal, *swap())
    assert portal.held == {1: "b", 2: "a"}
    assert {status for status, _ in outcomes.values()} == {"applied"}


def test_an_unlink_that_is_lost_twice_has_failed():
    """The agent keeps its id, and both are reported."""
    portal = Directory({1: "a"}, lost=2)
    outcomes = outcomes_of(portal, *in_steps(*move(1, "a", "x")))
    assert portal.written == [*["unlink 1 a", "link 1 x"] * 2, "link 1 a"]
    assert portal.held == {1: "a"}
    assert outcomes["unlink:1"] == ("failed", REVERTED)
    assert outcomes["link:1"][1].startswith("has an id; its external id a was restored")


@pytest.mark.parametrize("ends", [2, 3])
def test_an_interruption_while_a_lost_unlink_is_repeated(ends):
    """The report says that the former id may be gone."""
    portal = Directory({1: "a"}, lost=1, ends=ends)
    (*_, last) = portal.run(in_steps(*move(1, "a", "x")))
    (outcome,) = last.outcomes
    assert outcome.operation.verb == "link"
    assert outcome.status != "applied"
    assert "external id a is unlinked" in outcome.note


def test_an_outcome_has_the_external_id_that_was_restored():
    """For the check of what the portal shows; not if it could not be restored."""
    for refused, restored in (([(1, "x")], "a"), ([(1, "x"), (1, "a")], None)):
        portal = Directory({1: "a"}, refused=refused)
        events = portal.run(in_steps(*move(1, "a", "x")))
        outcomes = [
            each for event in events if isinstance(event, Finished) for each in event.outcomes
        ]
        assert [each.restored for each in outcomes if each.operation.verb == "link"] == [restored]


def test_a_skipped_link_restores_the_former_external_id():
    """It waited for another unlink, which failed."""
    portal = Directory({1: "a", 2: "b"}, released={2: "z"}, refused=[(2, "z")])
    unlink, link = move(1, "a", "b", "unlink:2")
    outcomes = outcomes_of(portal, *in_steps(unlink, operation("unlink:2", external="b"), link))
    assert portal.held == {1: "a"}
    status, error = outcomes["link:1"]
    assert status == "skipped"
    assert "unlink of agent 2" in error
    assert "a was restored" in error


def test_an_unlink_of_another_external_id_is_reverted():
    """Nothing that waits for it is sent."""
    portal = Directory({1: "z"}, released={1: "z"})
    outcomes = outcomes_of(portal, *in_steps(*move(1, "a", "x")))
    assert portal.written == ["unlink 1 a", "link 1 z"]
    status, error = outcomes["unlink:1"]
    assert (status, outcomes["link:1"][0]) == ("failed", "skipped")
    assert "changed since the plan" in error
    assert "z was restored" in error


def test_half_a_swap_is_reverted():
    """The first link fails: both agents get their former ids back."""
    portal = Directory({1: "a", 2: "b"}, refused=[(1, "b")])
    outcomes = outcomes_of(portal, *swap())
    assert portal.held == {1: "a", 2: "b"}
    assert [outcomes[f"link:{each}"][0] for each in (1, 2)] == ["failed", "skipped"]
    assert "unlink of agent 1, which was reverted" in outcomes["link:2"][1]
    assert "b was restored" in outcomes["link:2"][1]


def test_an_external_id_that_this_apply_gave_away_is_not_restored():
    """The second link of a swap fails after the first: the report says who has the id."""
    portal = Directory({1: "a", 2: "b"}, refused=[(2, "a")])
    outcomes = outcomes_of(portal, *swap())
    assert portal.held == {1: "b"}
    assert portal.written[-1] == "link 2 a"
    status, error = outcomes["link:2"]
    assert status == "failed"
    assert "external id b to agent 1" in error


def test_an_external_id_that_cannot_be_restored_is_reported():
    """With the portal's message and the agent. What waits for it is sent, since it is free."""
    portal = Directory({1: "a", 2: "b"}, refused=[(1, "b"), (1, "a")])
    outcomes = outcomes_of(portal, *swap())
    assert portal.held == {2: "a"}
    _, error = outcomes["link:1"]
    assert "a could not be restored (already linked)" in error
    assert "agent 1" in error


def test_a_link_with_an_unknown_outcome_restores_nothing():
    """The agent may have its new id; the report has the former one."""
    portal = Directory({1: "a"})
    performed = portal.perform

    def lost(given):
        outcomes = yield from performed(given)
        verb = outcomes[0].operation.verb
        unknown = replace(outcomes[0], status="unknown", error="lost")
        return (unknown if verb == "link" else outcomes[0],)

    portal.perform = lost
    _, error = outcomes_of(portal, *in_steps(*move(1, "a", "x")))["link:1"]
    assert portal.written == ["unlink 1 a", "link 1 x"]
    assert "former external id a" in error


@pytest.mark.parametrize("ends", [1, 2], ids=["before the link", "before the restoration"])
def test_an_interruption_between_unlink_and_link_is_reported(ends):
    """Nothing more is sent; the report has the former external id, and the next run links the new
    one."""
    portal = Directory({1: "a"}, refused=[(1, "x")], ends=ends)
    events = portal.run(in_steps(*move(1, "a", "x"), operation("update:3")))
    ended = [event.outcomes[0] for event in events if isinstance(event, Finished)]
    assert [each.status for each in ended] == [
        "applied",
        "skipped" if ends == 1 else "failed",
        "skipped",
    ]
    message = ended[1].note if ends == 1 else ended[1].error
    assert "external id a" in message
    assert "interrupted" in ended[1].error
    assert len(portal.sent) == ends


def test_a_portal_that_denied_access_may_still_restore_an_external_id():
    """The refusal may concern the new id alone; no other step is sent."""
    portal = Directory({1: "a"})
    performed = portal.perform

    def denied(given):
        outcomes = yield from performed(given)
        if outcomes[0].operation.external_id == "x":
            del portal.held[1]
            return (replace(outcomes[0], status="failed", http_status=403, error="Forbidden"),)
        return outcomes

    portal.perform = denied
    outcomes = outcomes_of(portal, *in_steps(*move(1, "a", "x"), operation("update:3")))
    assert portal.held == {1: "a"}
    assert "a was restored" in outcomes["link:1"][1]
    assert "denied access" in outcomes["update:3"][1]


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


def outcomes_of(portal, *steps):
    """Status and error of each operation, by its name."""
    return {
        each.operation.name: (each.status, each.error)
        for event in portal.run(steps)
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


def test_after_an_interruption_nothing_more_is_sent():
    """The remaining steps get their outcomes all the same, and none is announced."""
    portal = Conversing(WRITE, READ, ends=4)
    steps = [
        step(1, operation("update:1")),
        step(2, operation("update:2")),
        step(3, operation("update:3")),
        step(4, operation("link:4", "update:3")),
    ]
    assert outcomes_of(portal, *steps) == {
        "update:1": ("applied", None),
        "update:2": UNKNOWN,
        "update:3": SKIPPED,
        "link:4": SKIPPED,
    }
    assert portal.performed == ["r1", "r2"]
    again = Conversing(WRITE, ends=2).run(steps)
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
    *_, last = Conversing(WRITE, ends=1).run([step(1, operation("update:7"))])
    assert [each.id for each in last.outcomes] == [7]
