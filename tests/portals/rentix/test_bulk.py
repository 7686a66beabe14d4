"""Rentix: bulk requests."""

from __future__ import annotations

import pytest
from conversations import ok, play, serve, statuses

from .talk import (
    LIST,
    SINGLE,
    TOGETHER,
    bulk,
    create,
    done,
    failed,
    listed,
    refused,
    rentix,
    results,
    three,
    update,
    user,
)


def test_a_bulk_that_succeeds_is_one_request():
    """One outcome an operation, in the step's order."""
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(done(1), done(2), done(3))))
    assert statuses(outcomes) == [(f"update:{number}", "applied") for number in (1, 2, 3)]
    assert [each.id for each in outcomes] == [1, 2, 3]


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_results_in_another_order_go_to_whom_they_name(external):
    """Who failed is who is named, not who stands in that place."""
    named = "agent-2" if external else None
    found = [
        done(3, externalId="agent-3" if external else None),
        {**failed(named, "Bad"), "id": 2},
        done(1, externalId="agent-1" if external else None),
    ]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*operations), (TOGETHER, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]


def test_a_result_that_names_nobody_belongs_to_its_place():
    """A refusal has no id, and in a bulk by id perhaps no external id either."""
    found = [done(1), failed(None, "Invalid name"), done(3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert outcomes[1].error == "Invalid name"


def test_a_missing_result_is_settled_by_reading():
    """Whom no result speaks of is looked at, and not sent again where it is done."""
    outcomes, _ = play(
        bulk(*three()),
        (TOGETHER, results(done(1), done(3))),
        (LIST, listed(user(1), user(2, name="New 2"), user(3))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_one_result_twice_says_nothing_of_another(external):
    """Two results for one agent and none for another: the other is looked at, and sent again."""
    found = [done(1), done(1), done(3)]
    if not external:
        found = [{**each, "externalId": None} for each in found]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, asked = play(
        bulk(*operations),
        (TOGETHER, results(*found)),
        (LIST, listed(user(1), user(2), user(3))),
        (TOGETHER, results(found[0] | {"id": 2, "externalId": "agent-2" if external else None})),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert asked[2].body == {"operations": [{"op": "upsert", "id": 2, "name": "New 2"}]}


def test_a_nameless_refusal_in_another_place_is_not_anothers():
    """Without external ids: the refused is who no result names, once the others are known."""
    found = [failed(None, "Invalid name"), done(1, externalId=None), done(2, externalId=None)]
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


def test_all_failed_under_422_is_read_as_results():
    """Each has its own message and status."""
    found = [failed(f"agent-{number}", f"Wrong {number}") for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found, status=422)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 400, f"Wrong {number}") for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("status", [207, 400, 422, 500, 502])
def test_results_are_trusted_under_any_status(status):
    """Each by its `success`, partly or in all."""
    found = [done(1), failed("agent-2", "External ID already linked"), done(3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found, status=status)))
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
def test_a_failed_result_in_another_form_is_a_failure(error):
    """The words are shown where there are some, and nothing is raised."""
    found = {"op": "upsert", "externalId": "agent-2", "id": None, "success": False, "error": error}
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(done(1), found, done(3))))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    said = "Invalid name" if "Invalid name" in str(error) else "no reason"
    assert said in outcomes[1].error


@pytest.mark.parametrize(
    "odd", [None, "x", 5, {}, {"id": [1], "success": True}, {"id": {}, "externalId": {}}], ids=str
)
def test_a_result_that_is_no_result_raises_nothing(odd):
    """What is not a result is passed over; whom it may have meant is looked at."""
    answer = ok({"results": [done(1), odd, done(3)]})
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


def test_a_success_that_names_the_external_id_alone_is_no_wrong_agent():
    """It says who it is in the words of `bulk_by: externalId`: done, or looked at, not failed."""
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


def test_a_wrong_id_in_a_result_fails_loudly():
    """A result for a stranger's id, under our external id or in our place."""
    for odd in (done(2, id=9), done(9, externalId=None)):
        operations = [update(1), update(2, external=odd["externalId"]), update(3)]
        outcomes, _ = play(bulk(*operations), (TOGETHER, results(done(1), odd, done(3))))
        assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
        assert "agent 9" in outcomes[1].error


def test_an_id_that_a_bulk_does_not_take_goes_into_a_put():
    """A portal that reads no ids in bulks: those agents are sent one by one, by id."""
    found = [failed(None, "User identifier required") for _ in range(2)]
    outcomes, asked = play(
        bulk(update(1), update(2), create()),
        (TOGETHER, results(*found, {**done(7), "externalId": "new"})),
        (SINGLE, ok({"id": 1, "updated": True})),
        (SINGLE, ok({"id": 2, "updated": True})),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 7),
    ]
    assert [request.body["id"] for request in asked[1:]] == [1, 2]


def test_a_creation_in_a_bulk_that_is_unknown_waits():
    """The others are applied, and this one is no failure."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, results(done(1), failed("new", "User not found", 404))),
    )
    assert [each.status for each in outcomes] == ["applied", "waiting"]
    assert "invite" in outcomes[1].error


def test_a_creation_in_a_bulk_has_the_new_id():
    """The result says which agent it is."""
    outcomes, _ = play(
        bulk(update(1), create()), (TOGETHER, results(done(1), done(8, externalId="new")))
    )
    assert [each.id for each in outcomes] == [1, 8]


def test_a_bulk_by_external_id_reads_its_results_by_it():
    """In whatever order."""
    portal = rentix(bulk_by="externalId")
    outcomes, asked = play(
        bulk(*three(), portal=portal),
        (TOGETHER, results(done(3), failed("agent-1", "Bad"), done(2))),
    )
    assert [each.status for each in outcomes] == ["failed", "applied", "applied"]
    assert all("id" not in each for each in asked[0].body["operations"])


def test_a_refused_bulk_is_the_failure_of_all():
    """A 403 for the request is each operation's, in the portal's words."""
    outcomes, _ = play(bulk(*three()), (TOGETHER, refused("Agency suspended", 403)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 403, "Agency suspended")
    ] * 3
