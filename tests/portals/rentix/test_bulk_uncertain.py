"""Rentix: bulk requests whose outcome is uncertain."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, play, serve
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Operation, Response

from .talk import (
    LIST,
    TOGETHER,
    bulk,
    create,
    done,
    failed,
    listed,
    refused,
    results,
    three,
    update,
    user,
)


@pytest.mark.parametrize("lost", [LOST, GATEWAY, PAGE], ids=["lost", "502", "html"])
def test_an_uncertain_bulk_is_settled_by_one_list(lost):
    """Who is done is applied without a word, and only the others go out again."""
    outcomes, asked = play(
        bulk(*three()),
        (TOGETHER, lost),
        (LIST, listed(user(1, name="New 1"), user(2), user(3, name="New 3"))),
        (TOGETHER, results(done(2))),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 3),
    ]
    assert [each["id"] for each in asked[2].body["operations"]] == [2]
    assert [asked[0].attempt, asked[2].attempt] == [0, 1]


def test_an_answer_without_results_is_settled_by_reading():
    """A 2xx in JSON that says nothing of the operations is no refusal: they may be done."""
    outcomes, _ = play(
        bulk(*three()),
        (TOGETHER, ok({"jobId": 7}, 202)),
        (LIST, listed(*(user(number, name=f"New {number}") for number in (1, 2, 3)))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


def test_an_uncertain_bulk_that_is_done_is_not_sent_again():
    """One write, one list; a creation has its new id."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, LOST),
        (LIST, listed(user(1, name="New 1"), user(9, externalId="new", name="Ana"))),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_a_bulk_that_stays_undone_fails_after_bounded_tries():
    """Bulk and list in turn; in the end reading says that it was not done."""
    outcomes, asked = serve(
        bulk(*three()),
        lambda request: listed(user(1), user(2), user(3)) if request.method == "GET" else GATEWAY,
        most=40,
    )
    assert {each.status for each in outcomes} == {"failed"}
    assert "not applied" in outcomes[0].error
    assert [request.method for request in asked] == ["POST", "GET"] * (len(asked) // 2)
    assert 3 <= len(asked) // 2 <= 10
    attempts = [request.attempt for request in asked if request.method == "POST"]
    assert all(first < second for first, second in pairwise(attempts))


def test_a_bulk_that_cannot_be_settled_is_unknown_and_not_sent_again():
    """The list cannot be read: no second write, and nobody knows."""
    outcomes, _ = play(
        bulk(*three()), (TOGETHER, LOST), (LIST, Response(502, None, "the portal answered 502"))
    )
    assert {each.status for each in outcomes} == {"unknown"}


def test_a_creation_is_not_sent_again_where_the_list_is_not_whole():
    """It may be in the part that the portal did not show; who is seen is settled."""
    page = listed(user(1, name="New 1"), next=2)
    outcomes, _ = play(
        bulk(update(1), create()), (TOGETHER, LOST), (LIST, page), ("GET /users?page=2", page)
    )
    assert [each.status for each in outcomes] == ["applied", "unknown"]


def test_what_no_list_can_say_ends_unknown():
    """Pictures by URL in a bulk that is lost each time."""
    pictures = three(avatar={"url": "https://example.com/a.jpg"})
    outcomes, _ = serve(
        bulk(*pictures),
        lambda request: (
            listed(*(user(number, avatar={"id": 1}) for number in (1, 2, 3)))
            if request.method == "GET"
            else LOST
        ),
        most=40,
    )
    assert {each.status for each in outcomes} == {"unknown"}


def test_a_creation_that_a_lost_bulk_made_may_be_updated_then():
    """The list does not show the new agent yet, and the second bulk updates it."""
    made = {**done(9, externalId="new"), "updated": True}
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, LOST),
        (LIST, listed(user(1, name="New 1"))),
        (TOGETHER, results(made)),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_a_creation_in_a_bulk_that_was_an_update_fails():
    """Where no call was lost, somebody else had the external id."""
    made = {**done(9, externalId="new"), "updated": True}
    outcomes, _ = play(bulk(update(1), create()), (TOGETHER, results(done(1), made)))
    assert [each.status for each in outcomes] == ["applied", "failed"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_operation_that_failed_for_the_moment_is_looked_at_and_sent_again(status):
    """One operation's own 5xx or 429 under a 200: only that one goes out once more."""
    outcomes, asked = play(
        bulk(*three()),
        (TOGETHER, results(done(1), failed("agent-2", "Try later", status), done(3))),
        (LIST, listed(user(1), user(2), user(3))),
        (TOGETHER, results(done(2))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [each["id"] for each in asked[2].body["operations"]] == [2]


def test_an_operation_that_fails_for_the_moment_for_ever_has_the_portals_words():
    """After the last try the report has the operation's own status and message."""
    moment = failed("agent-2", "Database is down", 500)

    def answer(request):
        if request.method == "GET":
            return listed(user(1), user(2), user(3))
        named = [each["id"] for each in request.body["operations"]]
        return results(*(moment if number == 2 else done(number) for number in named))

    outcomes, _ = serve(bulk(*three()), answer, most=40)
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert "Database is down" in outcomes[1].error
    assert outcomes[1].http_status == 500


def test_a_bulk_without_a_connection_fails_and_is_not_read():
    """It surely never arrived: no list is needed to know."""
    error = "could not connect to crm.rentix.md (refused)"
    outcomes, _ = play(bulk(*three()), (TOGETHER, Response(None, None, error)))
    assert [(each.status, each.error) for each in outcomes] == [("failed", error)] * 3


@settings(deadline=None, max_examples=120, database=None)
@given(st.data())
def test_each_operation_has_one_outcome_whatever_the_portal_says(data):
    """Any results, any losses, any lists: it ends, in order, with one outcome an operation."""
    count = data.draw(st.integers(2, 4))
    operations = [update(number, external=data.draw(st.booleans())) for number in range(1, count)]
    operations.append(create())
    numbers = st.sampled_from([None, *range(1, count + 2)])
    externals = st.sampled_from([None, "new", *(each.key for each in operations)])
    result = st.fixed_dictionaries(
        {"id": numbers, "externalId": externals, "success": st.booleans()},
        optional={
            "error": st.sampled_from(
                [
                    {"statusCode": 500, "body": {"error": "later"}},
                    {"statusCode": 400, "body": {"error": "User identifier required"}},
                    {"statusCode": 404, "body": {"error": "User not found"}},
                    "text",
                ]
            )
        },
    )

    def answer(request):
        if request.method == "GET":
            shown = data.draw(st.sampled_from(["list", "lost", "404"]))
            if shown == "list" and request.path == "/users":
                return listed(*(user(n) for n in data.draw(st.sets(st.integers(1, 5)))))
            return LOST if shown == "lost" else refused("User not found", 404)
        said = data.draw(st.sampled_from(["results", "lost", "413", "403", "id"]))
        if said == "results":
            found = data.draw(st.lists(result, max_size=count))
            return results(*found, status=data.draw(st.sampled_from([200, 422, 500])))
        if said == "id":
            return ok({"id": data.draw(st.integers(1, count)), "updated": True})
        return LOST if said == "lost" else refused("no", int(said))

    outcomes, _ = serve(bulk(*operations), answer)
    assert [each.operation.name for each in outcomes] == [each.name for each in operations]
    for each in outcomes:
        assert isinstance(each.operation, Operation)
        assert each.status in ("applied", "failed", "unknown", "waiting")
        assert (each.error is None) == (each.status == "applied")
