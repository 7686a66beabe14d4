"""Rentix: bulk requests whose outcome is uncertain."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, play, serve
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Operation, Response

from .build import (
    BULK,
    LIST,
    bulk,
    create,
    failed,
    listed,
    rejected,
    results,
    succeeded,
    three,
    update,
    user,
)


@pytest.mark.parametrize("lost", [LOST, GATEWAY, PAGE], ids=["lost", "502", "html"])
def test_uncertain_bulk_is_verified_by_one_list(lost):
    """Applied operations are recognized, and only the others are sent again."""
    outcomes, requests = play(
        bulk(*three()),
        (BULK, lost),
        (LIST, listed(user(1, name="New 1"), user(2), user(3, name="New 3"))),
        (BULK, results(succeeded(2))),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 3),
    ]
    assert [each["id"] for each in requests[2].body["operations"]] == [2]
    assert [requests[0].attempt, requests[2].attempt] == [0, 1]


def test_response_without_results_is_verified_by_reading():
    """A 2xx that says nothing about the operations is not a failure: they may be applied."""
    outcomes, _ = play(
        bulk(*three()),
        (BULK, ok({"jobId": 7}, 202)),
        (LIST, listed(*(user(number, name=f"New {number}") for number in (1, 2, 3)))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


def test_uncertain_bulk_that_took_effect_is_not_sent_again():
    """One write, one list; a creation has its new id."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (BULK, LOST),
        (LIST, listed(user(1, name="New 1"), user(9, externalId="new", name="Ana"))),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_number_of_bulk_attempts_is_limited():
    """Bulks and lists alternate; in the end reading proves that it was not applied."""
    outcomes, requests = serve(
        bulk(*three()),
        lambda request: listed(user(1), user(2), user(3)) if request.method == "GET" else GATEWAY,
        most=40,
    )
    assert {each.status for each in outcomes} == {"failed"}
    assert "not applied" in outcomes[0].error
    assert [request.method for request in requests] == ["POST", "GET"] * (len(requests) // 2)
    assert 3 <= len(requests) // 2 <= 10
    attempts = [request.attempt for request in requests if request.method == "POST"]
    assert all(first < second for first, second in pairwise(attempts))


def test_bulk_that_cannot_be_verified_is_unknown():
    """If the list cannot be read, there is no second write."""
    outcomes, _ = play(
        bulk(*three()), (BULK, LOST), (LIST, Response(502, None, "the portal answered 502"))
    )
    assert {each.status for each in outcomes} == {"unknown"}


def test_creation_is_not_sent_again_if_the_list_is_incomplete():
    """It may be on a page that was not read; the listed agents are verified."""
    page = listed(user(1, name="New 1"), next=2)
    outcomes, _ = play(
        bulk(update(1), create()), (BULK, LOST), (LIST, page), ("GET /users?page=2", page)
    )
    assert [each.status for each in outcomes] == ["applied", "unknown"]


def test_values_that_no_list_can_verify_end_unknown():
    """Pictures by URL in a bulk whose response is lost each time."""
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


def test_creation_by_a_lost_bulk_may_become_an_update():
    """The list does not show the new agent yet, and the second bulk updates it."""
    creation = {**succeeded(9, externalId="new"), "updated": True}
    outcomes, _ = play(
        bulk(update(1), create()),
        (BULK, LOST),
        (LIST, listed(user(1, name="New 1"))),
        (BULK, results(creation)),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_creation_in_a_bulk_that_was_an_update_fails():
    """If no response was lost, another agent had the external id."""
    creation = {**succeeded(9, externalId="new"), "updated": True}
    outcomes, _ = play(bulk(update(1), create()), (BULK, results(succeeded(1), creation)))
    assert [each.status for each in outcomes] == ["applied", "failed"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_temporarily_failed_operation_is_verified_and_retried(status):
    """A result with a 5xx, 408 or 429 in a 200 response: only that operation is sent again."""
    outcomes, requests = play(
        bulk(*three()),
        (BULK, results(succeeded(1), failed("agent-2", "Try later", status), succeeded(3))),
        (LIST, listed(user(1), user(2), user(3))),
        (BULK, results(succeeded(2))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [each["id"] for each in requests[2].body["operations"]] == [2]


def test_persistently_failed_operation_has_the_portals_message():
    """After the last attempt the outcome has the operation's own status and message."""
    moment = failed("agent-2", "Database is down", 500)

    def answer(request):
        if request.method == "GET":
            return listed(user(1), user(2), user(3))
        named = [each["id"] for each in request.body["operations"]]
        return results(*(moment if number == 2 else succeeded(number) for number in named))

    outcomes, _ = serve(bulk(*three()), answer, most=40)
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert "Database is down" in outcomes[1].error
    assert outcomes[1].http_status == 500


def test_bulk_without_a_connection_fails_without_reading():
    """It certainly never arrived, so no list is needed."""
    error = "could not connect to crm.rentix.md (rejected)"
    outcomes, _ = play(bulk(*three()), (BULK, Response(None, None, error)))
    assert [(each.status, each.error) for each in outcomes] == [("failed", error)] * 3


@settings(deadline=None, max_examples=120, database=None)
@given(st.data())
def test_any_responses_lead_to_one_outcome_per_operation(data):
    """Any results, lost responses and lists: it ends, with one outcome for each operation, in
    order."""
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
            return LOST if shown == "lost" else rejected("User not found", 404)
        kind = data.draw(st.sampled_from(["results", "lost", "413", "403", "id"]))
        if kind == "results":
            found = data.draw(st.lists(result, max_size=count))
            return results(*found, status=data.draw(st.sampled_from([200, 422, 500])))
        if kind == "id":
            return ok({"id": data.draw(st.integers(1, count)), "updated": True})
        return LOST if kind == "lost" else rejected("no", int(kind))

    outcomes, _ = serve(bulk(*operations), answer)
    assert [each.operation.name for each in outcomes] == [each.name for each in operations]
    for each in outcomes:
        assert isinstance(each.operation, Operation)
        assert each.status in ("applied", "failed", "unknown", "waiting")
        assert (each.error is None) == (each.status == "applied")
