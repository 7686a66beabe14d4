"""Properties of the model: exit codes, sources, rate limits and kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import (
    Conflict,
    Operation,
    Outcome,
    Plan,
    RateLimit,
    Report,
    Request,
    Source,
    Step,
)

from .build import file


def report(*statuses, **others):
    """A report of operations with these statuses."""
    outcomes = tuple(
        ("r1", Outcome(Operation(f"update:{at}", "update", "rentix", "a", None, at), status))
        for at, status in enumerate(statuses)
    )
    return Report(outcomes, **others)


CONFLICT = Plan(
    (),
    (),
    (Conflict("rentix", "a", None, "x"),),
    (),
    1,
    0,
    (),
    complete=True,
    over_limits=(),
    seconds=0,
)


UNREAD = Plan(
    (), (), (), (), 1, 0, (), complete=False, over_limits=(), seconds=0, unread=(("pf", "x"),)
)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (report(), 0),
        (report("applied", "waiting"), 0),
        (report("applied", "failed"), 3),
        (report("skipped"), 3),
        (report("applied", stale=(Conflict("rentix", "a", None, "x"),)), 3),
        (report("applied", plan=CONFLICT), 3),
        (report("applied", plan=UNREAD), 3),
        (report(plan=UNREAD), 3),
        (report("applied", remaining=1), 3),
        (report("failed", "unknown"), 4),
        (report("unknown", plan=CONFLICT, interrupted=True), 130),
    ],
)
def test_the_exit_code_is_that_of_the_worst_outcome(result, code):
    """Applied or waiting 0, partial 3, unknown 4, interrupted 130."""
    assert result.exit_code == code


def test_outcomes_are_counted_by_status():
    """Each status separately."""
    result = report("applied", "failed", "applied")
    assert [result.count(each) for each in ("applied", "failed", "unknown")] == [2, 1, 0]


def test_the_source_of_a_path_is_the_nearest_known_line():
    """The line of the path, of its parent, or of the agent."""
    desired = file("a", lines={"description.ru": 5, "settings": 8}, line=2)
    places = ("description.ru", "settings.contact_viber", "name")
    assert [str(desired.at(path)) for path in places] == [
        "agents/a.yaml:5",
        "agents/a.yaml:8",
        "agents/a.yaml:2",
    ]
    assert desired.at("name") is desired.source
    assert str(Source("b.yaml", 3)) == "b.yaml:3"


def test_a_rate_limit_counts_its_requests():
    """All of them, or those with a method and path that it lists."""
    bulk = RateLimit("bulk", 30, (("POST", "/users/bulk"), ("PUT", "/x")))
    requests = [
        Request("POST", "/users/bulk"),
        Request("PUT", "/users/bulk"),
        Request("PUT", "/x/1"),
    ]
    assert [bulk.counts(each) for each in requests] == [True, False, True]
    assert all(RateLimit("all", 300).counts(each) for each in requests)


def test_a_step_with_several_operations_is_a_bulk():
    """Otherwise it is what its one operation does."""
    link = Operation("link:1", "link", "rentix", "a", None, 1)
    update = Operation("update:1", "update", "rentix", "a", None, 1)
    assert Step("r1", Request("POST", "/users/1/link"), (link,)).kind == "link"
    assert Step("r1", Request("POST", "/users/bulk"), (update, update)).kind == "bulk"
    request = Request("PATCH", "/users/bulk", {"operations": [{}]})
    assert Step("r1", request, (update,)).kind == "bulk"
    assert Step("r1", Request("PATCH", "/x", "operations"), (update,)).kind == "update"


def test_the_source_of_an_operation_is_that_of_its_agent():
    """Each value has its own line; an agent that no file declares has no source."""
    operation = Operation(
        "update:1", "update", "rentix", "a", Source("a.yaml", 2), 1, lines={"name": 5}
    )
    assert [str(operation.at(path)) for path in ("name", "tiktok")] == ["a.yaml:5", "a.yaml:2"]
    gone = Operation("unlink:1", "unlink", "rentix", "a", None, 1, lines={"name": 5})
    assert gone.at("name") is None


def test_the_source_of_an_outcome_is_that_of_the_refused_value():
    """Or that of the agent."""
    operation = Operation(
        "update:1", "update", "rentix", "a", Source("a.yaml", 2), 1, lines={"name": 5}
    )
    assert str(Outcome(operation, "failed", path="name").source) == "a.yaml:5"
    assert str(Outcome(operation, "failed").source) == "a.yaml:2"


def test_a_request_writes_if_it_may_change_something():
    """By its method, unless it only queries."""
    assert Request("PUT", "/x").writes
    assert not Request("POST", "/search", asks=True).writes
    assert not Request("GET", "/x").writes


def test_unreadable_portals_count_towards_several_portals():
    """One portal alone is not several."""
    several = {
        (portals, unread): replace(
            CONFLICT, portals=("a", "b")[:portals], unread=(("c", "x"), ("d", "y"))[:unread]
        ).several
        for portals in range(3)
        for unread in range(3)
    }
    assert several == {each: sum(each) > 1 for each in several}
