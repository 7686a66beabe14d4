"""The few verbs that the nouns have."""

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
    """A report of operations that ended so."""
    outcomes = tuple(
        ("r1", Outcome(Operation(f"update:{at}", "update", "rentix", "a", None, at), status))
        for at, status in enumerate(statuses)
    )
    return Report(outcomes, **others)


CONFLICT = Plan(
    (), (), (Conflict("rentix", "a", None, "x"),), (), 1, 0, (), complete=True, excess=(), seconds=0
)


UNREAD = Plan((), (), (), (), 1, 0, (), complete=False, excess=(), seconds=0, unread=(("pf", "x"),))


@pytest.mark.parametrize(
    ("made", "code"),
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
def test_the_exit_code_is_the_worst_that_happened(made, code):
    """Done or waiting 0, in part 3, unknown 4, interrupted 130."""
    assert made.exit_code == code


def test_outcomes_are_counted_by_how_they_ended():
    """Each status on its own."""
    made = report("applied", "failed", "applied")
    assert [made.count(each) for each in ("applied", "failed", "unknown")] == [2, 1, 0]


def test_a_place_is_that_of_the_path_its_parent_or_the_agent():
    """The nearest line that is known."""
    desired = file("a", lines={"description.ru": 5, "settings": 8}, line=2)
    places = ("description.ru", "settings.contact_viber", "name")
    assert [str(desired.at(path)) for path in places] == [
        "agents/a.yaml:5",
        "agents/a.yaml:8",
        "agents/a.yaml:2",
    ]
    assert desired.at("name") is desired.source
    assert str(Source("b.yaml", 3)) == "b.yaml:3"


def test_a_pace_counts_the_requests_it_is_about():
    """All of them without a prefix, else those of the method below the path."""
    bulk = RateLimit("bulk", 30, (("POST", "/users/bulk"), ("PUT", "/x")))
    requests = [
        Request("POST", "/users/bulk"),
        Request("PUT", "/users/bulk"),
        Request("PUT", "/x/1"),
    ]
    assert [bulk.counts(each) for each in requests] == [True, False, True]
    assert all(RateLimit("all", 300).counts(each) for each in requests)


def test_a_step_is_a_bulk_if_it_carries_several():
    """Else it is what its one operation does."""
    link = Operation("link:1", "link", "rentix", "a", None, 1)
    update = Operation("update:1", "update", "rentix", "a", None, 1)
    assert Step("r1", Request("POST", "/users/1/link"), (link,)).kind == "link"
    assert Step("r1", Request("POST", "/users/bulk"), (update, update)).kind == "bulk"
    listed = Request("PATCH", "/users/bulk", {"operations": [{}]})
    assert Step("r1", listed, (update,)).kind == "bulk"
    assert Step("r1", Request("PATCH", "/x", "operations"), (update,)).kind == "update"


def test_an_operation_stands_where_the_agent_is_declared():
    """Each value at its own line; at no place where no file declares the agent."""
    made = Operation("update:1", "update", "rentix", "a", Source("a.yaml", 2), 1, lines={"name": 5})
    assert [str(made.at(path)) for path in ("name", "tiktok")] == ["a.yaml:5", "a.yaml:2"]
    gone = Operation("unlink:1", "unlink", "rentix", "a", None, 1, lines={"name": 5})
    assert gone.at("name") is None


def test_an_outcome_stands_where_the_value_that_was_refused_is_declared():
    """Else where the agent is."""
    made = Operation("update:1", "update", "rentix", "a", Source("a.yaml", 2), 1, lines={"name": 5})
    assert str(Outcome(made, "failed", path="name").source) == "a.yaml:5"
    assert str(Outcome(made, "failed").source) == "a.yaml:2"


def test_a_write_is_what_may_change_something():
    """By its method, unless it only asks."""
    assert Request("PUT", "/x").writes
    assert not Request("POST", "/search", asks=True).writes
    assert not Request("GET", "/x").writes


def test_a_plan_is_of_several_portals_whether_they_could_be_read_or_not():
    """Two that were, or one that was and one that was not; one alone is not several."""
    counted = {
        (portals, unread): replace(
            CONFLICT, portals=("a", "b")[:portals], unread=(("c", "x"), ("d", "y"))[:unread]
        ).several
        for portals in range(3)
        for unread in range(3)
    }
    assert counted == {each: sum(each) > 1 for each in counted}
