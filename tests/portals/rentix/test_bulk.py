"""Rentix: bulk requests."""

from __future__ import annotations

import pytest
from conversations import ok, play, serve, statuses

from .build import (
    BULK,
    LIST,
    SINGLE,
    bulk,
    create,
    failed,
    listed,
    rejected,
    rentix,
    results,
    succeeded,
    three,
    update,
    user,
)


def test_successful_bulk_is_one_request():
    """One outcome for each operation, in the step's order."""
    outcomes, _ = play(bulk(*three()), (BULK, results(succeeded(1), succeeded(2), succeeded(3))))
    assert statuses(outcomes) == [(f"update:{number}", "applied") for number in (1, 2, 3)]
    assert [each.id for each in outcomes] == [1, 2, 3]


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_results_in_another_order_are_matched_by_id(external):
    """A result belongs to the agent it names, not to the operation at its position."""
    named = "agent-2" if external else None
    found = [
        succeeded(3, externalId="agent-3" if external else None),
        {**failed(named, "Bad"), "id": 2},
        succeeded(1, externalId="agent-1" if external else None),
    ]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*operations), (BULK, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]


def test_result_without_ids_is_matched_by_position():
    """A failed result has no id, and in a bulk by id maybe no external id either."""
    found = [succeeded(1), failed(None, "Invalid name"), succeeded(3)]
    outcomes, _ = play(bulk(*three()), (BULK, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert outcomes[1].error == "Invalid name"


def test_missing_result_is_verified_by_reading():
    """If reading shows that it was applied, it is not sent again."""
    outcomes, _ = play(
        bulk(*three()),
        (BULK, results(succeeded(1), succeeded(3))),
        (LIST, listed(user(1), user(2, name="New 2"), user(3))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_duplicate_result_does_not_count_for_another_agent(external):
    """Two results for one agent and none for another: the other is read and sent again."""
    found = [succeeded(1), succeeded(1), succeeded(3)]
    if not external:
        found = [{**each, "externalId": None} for each in found]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, requests = play(
        bulk(*operations),
        (BULK, results(*found)),
        (LIST, listed(user(1), user(2), user(3))),
        (BULK, results(found[0] | {"id": 2, "externalId": "agent-2" if external else None})),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert requests[2].body == {"operations": [{"op": "upsert", "id": 2, "name": "New 2"}]}


def test_failed_result_without_ids_is_matched_by_elimination():
    """In another order and without external ids, it belongs to the agent that no other result
    names."""
    found = [
        failed(None, "Invalid name"),
        succeeded(1, externalId=None),
        succeeded(2, externalId=None),
    ]
    operations = [update(number, external=False) for number in (1, 2, 3)]
    outcomes, _ = serve(
        bulk(*operations),
        lambda request: (
            results(*found)
            if len((request.body or {}).get("operations", [])) == 3
            else results(failed(None, "Invalid name"), status=422)
            if request.method == "POST"
            else listed(user(1), user(2), user(3))
        ),
    )
    assert [each.status for each in outcomes] == ["applied", "applied", "failed"]
    assert "Invalid name" in outcomes[2].error


def test_results_under_a_422():
    """Each operation has its own message and status."""
    found = [failed(f"agent-{number}", f"Wrong {number}") for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*three()), (BULK, results(*found, status=422)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 400, f"Wrong {number}") for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("status", [207, 400, 422, 500, 502])
def test_results_count_under_any_status(status):
    """Each by its `success`, whatever the status of the response."""
    found = [succeeded(1), failed("agent-2", "External ID already linked"), succeeded(3)]
    outcomes, _ = play(bulk(*three()), (BULK, results(*found, status=status)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert "unlink the other" in outcomes[1].error


@pytest.mark.parametrize(
    "error",
    [
        None,
        "Invalid name",
        {"message": "Invalid name"},
        {"statusCode": "400", "body": {"error": "Invalid name"}},
        {"statusCode": 400, "body": "Invalid name"},
        {"statusCode": 400, "body": None},
        [],
    ],
    ids=str,
)
def test_failed_result_in_another_format(error):
    """Its message is shown if there is one."""
    found = {"op": "upsert", "externalId": "agent-2", "id": None, "success": False, "error": error}
    outcomes, _ = play(bulk(*three()), (BULK, results(succeeded(1), found, succeeded(3))))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    message = "Invalid name" if "Invalid name" in str(error) else "no reason"
    assert message in outcomes[1].error


@pytest.mark.parametrize(
    "odd", [None, "x", 5, {}, {"id": [1], "success": True}, {"id": {}, "externalId": {}}], ids=str
)
def test_malformed_results_are_ignored(odd):
    """The operations without a result are verified by reading."""
    answer = ok({"results": [succeeded(1), odd, succeeded(3)]})
    outcomes, _ = serve(
        bulk(*three()),
        lambda request: (
            answer
            if request.method == "POST"
            else listed(user(1), user(2, name="New 2"), user(3, name="New 3"))
        ),
    )
    assert [each.operation.name for each in outcomes] == ["update:1", "update:2", "update:3"]
    assert (outcomes[0].status, outcomes[2].status) == ("applied", "applied")


def test_success_with_only_an_external_id():
    """It identifies the agent in the format of `bulk_by: externalId`: applied or verified, not
    failed."""
    found = [{"op": "upsert", "externalId": f"agent-{each}", "success": True} for each in (1, 2)]
    outcomes, _ = serve(
        bulk(update(1), update(2), portal=rentix(bulk_by="externalId")),
        lambda request: (
            results(*found)
            if request.method == "POST"
            else listed(user(1, name="New 1"), user(2, name="New 2"))
        ),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 2)]


def test_result_with_a_wrong_id_fails():
    """An unknown id with our external id or at our position."""
    for odd in (succeeded(2, id=9), succeeded(9, externalId=None)):
        operations = [update(1), update(2, external=odd["externalId"]), update(3)]
        outcomes, _ = play(bulk(*operations), (BULK, results(succeeded(1), odd, succeeded(3))))
        assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
        assert "agent 9" in outcomes[1].error


def test_rejected_ids_are_sent_as_single_puts():
    """If a portal does not accept ids in bulks, those agents are updated one by one."""
    found = [failed(None, "User identifier required") for _ in range(2)]
    outcomes, requests = play(
        bulk(update(1), update(2), create()),
        (BULK, results(*found, {**succeeded(7), "externalId": "new"})),
        (SINGLE, ok({"id": 1, "updated": True})),
        (SINGLE, ok({"id": 2, "updated": True})),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 7),
    ]
    assert [request.body["id"] for request in requests[1:]] == [1, 2]


def test_unknown_creation_in_a_bulk_waits():
    """The others are applied, and this one is not a failure."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (BULK, results(succeeded(1), failed("new", "User not found", 404))),
    )
    assert [each.status for each in outcomes] == ["applied", "waiting"]
    assert "invite" in outcomes[1].error


def test_creation_in_a_bulk_has_the_new_id():
    """From its result."""
    outcomes, _ = play(
        bulk(update(1), create()), (BULK, results(succeeded(1), succeeded(8, externalId="new")))
    )
    assert [each.id for each in outcomes] == [1, 8]


def test_results_of_a_bulk_by_external_id():
    """In any order."""
    portal = rentix(bulk_by="externalId")
    outcomes, requests = play(
        bulk(*three(), portal=portal),
        (BULK, results(succeeded(3), failed("agent-1", "Bad"), succeeded(2))),
    )
    assert [each.status for each in outcomes] == ["failed", "applied", "applied"]
    assert all("id" not in each for each in requests[0].body["operations"])


def test_rejected_bulk_fails_every_operation():
    """A 403 for the request, with the portal's message."""
    outcomes, _ = play(bulk(*three()), (BULK, rejected("Agency suspended", 403)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 403, "Agency suspended")
    ] * 3
