"""Rentix: an operation in a separate request."""

from __future__ import annotations

import pytest
from conversations import LOST, ok, perform, play, serve

from reconciler.core.model import Response

from .build import (
    SINGLE,
    create,
    link,
    rejected,
    rentix,
    results,
    succeeded,
    unlink,
    update,
    user,
)


def test_successful_update_is_applied():
    """One request, and the outcome has the agent's id."""
    answer = {"id": 5, "externalId": "agent-5", "updated": True}
    (outcome,), requests = play(perform(rentix(), update(5)), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", 200, 5)
    assert outcome.error is None
    assert requests[0].attempt == 0


def test_creation_has_the_new_id():
    """From the response."""
    answer = {"id": 77, "externalId": "new", "created": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer, 201)))
    assert (outcome.status, outcome.id) == ("applied", 77)


def test_successful_link_and_unlink_are_applied():
    """Each by its documented response."""
    for operation, line, answer in (
        (link(1, "a"), "POST /users/1/link", {"id": 1, "externalId": "a", "linked": True}),
        (unlink(1, "a"), "DELETE /users/1/link", {"id": 1, "externalId": "a", "unlinked": True}),
    ):
        (outcome,), _ = play(perform(rentix(), operation), (line, ok(answer)))
        assert (outcome.status, outcome.id) == ("applied", 1)


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (update(5), SINGLE),
        (link(5, "a"), "POST /users/5/link"),
        (unlink(5, "a"), "DELETE /users/5/link"),
    ],
    ids=["update", "link", "unlink"],
)
def test_response_for_another_agent_fails(operation, line):
    """The wrong agent may have been changed: the error names both, and nothing is sent again."""
    (outcome,), _ = play(perform(rentix(), operation), (line, ok({"id": 6, "updated": True})))
    assert (outcome.status, outcome.id) == ("failed", 5)
    assert "6" in outcome.error
    assert "5" in outcome.error


def test_response_without_an_id_is_verified_by_reading():
    """A 2xx without an id (`{"message": "accepted"}`) confirms neither the change nor the
    agent."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, ok({"message": "accepted"}, 202)),
        ("GET /users/5", ok(user(5, name="New 5"))),
    )
    assert outcome.status == "applied"


def test_creation_that_was_an_update_fails():
    """An agent, perhaps another person, had the external id by then."""
    answer = {"id": 6, "externalId": "new", "updated": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.id) == ("failed", 6)
    assert "agent 6" in outcome.error
    assert "new" in outcome.error


def test_creation_after_a_lost_response_may_be_an_update():
    """The lost attempt created the agent, and the second updates it."""
    (outcome,), _ = play(
        perform(rentix(), create()),
        (SINGLE, LOST),
        ("GET /users/external/new", rejected("User not found", 404)),
        (SINGLE, ok({"id": 6, "externalId": "new", "updated": True})),
    )
    assert (outcome.status, outcome.id) == ("applied", 6)


TABLE = [
    ("User not found", "invite the agent"),
    ("External ID already linked", "unlink the other"),
    ("User already has external ID", "unlink it first"),
    ("User identifier required", ""),
    ("Cannot use both id and externalId", ""),
    ("Something new", ""),
]


@pytest.mark.parametrize(("message", "advice"), TABLE, ids=[message for message, _ in TABLE])
@pytest.mark.parametrize("form", ["text", "list", "bulk's"])
def test_rejection_has_the_portals_message_and_advice(message, advice, form):
    """In either error format."""
    body = {
        "text": {"statusCode": 400, "message": message, "error": "Bad Request"},
        "list": {"statusCode": 400, "message": [message], "error": "Bad Request"},
        "bulk's": {"error": message, "error_code": "X"},
    }[form]
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(400, body)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("failed", 400, 5)
    assert message in outcome.error
    assert advice in outcome.error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": ["one", "two"]}, "one; two"),
        ({"message": "", "error": "Bad Request"}, "Bad Request"),
        ({"message": None, "error": "Bad Request"}, "Bad Request"),
        ({"error": {"message": "inner"}}, "inner"),
        ({}, "no reason"),
        ([], "no reason"),
        (None, "no reason"),
        ({"message": []}, "no reason"),
    ],
    ids=str,
)
def test_rejection_in_any_format_has_a_message(body, message):
    """Any text in the body, or "the portal gave no reason"."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(400, body)))
    assert outcome.status == "failed"
    assert message in outcome.error


def test_html_is_not_the_message():
    """A gateway's HTML response has the transport's message."""
    error = "the portal answered 403 with something that is not JSON"
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(403, None, error)))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", 403, error)


def test_redirect_is_a_failure():
    """Nothing is read or sent after it."""
    error = "the portal answered 302, a redirect; none is followed"
    (outcome,), _ = play(
        perform(rentix(), update(5)), (SINGLE, Response(302, {"message": "moved"}, error))
    )
    assert (outcome.status, outcome.error) == ("failed", error)


@pytest.mark.parametrize("status", [400, 404])
def test_creation_of_an_unknown_agent_waits(status):
    """The portal answers "not found" if it creates no agents: the agent must be invited, so
    this is not a failure."""
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, rejected("User not found", status)))
    assert outcome.status == "waiting"
    assert "invite" in outcome.error


def test_update_of_a_missing_agent_fails():
    """The agent existed when the plan was made."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, rejected("User not found", 404)))
    assert outcome.status == "failed"


@pytest.mark.parametrize(
    ("operation", "line", "shown"),
    [
        (link(1, "a"), "POST /users/1/link", user(1, externalId="a")),
        (unlink(1, "a"), "DELETE /users/1/link", user(1, externalId=None)),
    ],
    ids=["link", "unlink"],
)
def test_rejected_link_that_already_exists_is_applied(operation, line, shown):
    """Someone else made it, or a lost attempt did."""
    (outcome,), _ = play(
        perform(rentix(), operation),
        (line, rejected("User already has external ID")),
        ("GET /users/1", ok(shown)),
    )
    assert (outcome.status, outcome.id) == ("applied", 1)


def test_unlink_of_another_external_id_fails():
    """The outcome has the id that the portal unlinked, so that it can be restored."""
    answer = {"id": 5, "externalId": "z", "unlinked": True}
    (outcome,), _ = play(perform(rentix(), unlink(5, "a")), ("DELETE /users/5/link", ok(answer)))
    assert (outcome.status, outcome.released, outcome.id) == ("failed", "z", 5)
    assert all(name in outcome.error for name in ("agent 5", "a", "z"))


@pytest.mark.parametrize("more", [{}, {"externalId": None}], ids=["missing", "null"])
def test_unlink_whose_response_has_no_external_id_is_verified(more):
    """The documented response has the former one; reading shows whether the agent has none now."""
    answer = ("DELETE /users/5/link", ok({"id": 5, "unlinked": True, **more}))
    (outcome,), _ = play(
        perform(rentix(), unlink(5, "a")), answer, ("GET /users/5", ok(user(5, externalId=None)))
    )
    assert (outcome.status, outcome.released) == ("applied", None)


@pytest.mark.parametrize(
    "first", [LOST, rejected("User has no external ID"), ok({"id": 5})], ids=["lost", "400", "200"]
)
def test_unlink_of_an_agent_that_has_another_external_id_fails(first):
    """Someone linked it meanwhile: it is not unlinked again."""
    (outcome,), _ = play(
        perform(rentix(), unlink(5, "a")),
        ("DELETE /users/5/link", first),
        ("GET /users/5", ok(user(5, externalId="z"))),
    )
    assert (outcome.status, outcome.released) == ("failed", None)
    assert all(name in outcome.error for name in ("agent 5", "a", "z"))


@pytest.mark.parametrize(
    ("shown", "status"), [("a", "applied"), ("z", "failed")], ids=["linked", "other"]
)
def test_link_whose_response_has_another_external_id_is_verified(shown, status):
    """The portal shows which one the agent has."""
    answer = ok({"id": 5, "externalId": "z", "linked": True})
    (outcome,), _ = serve(
        perform(rentix(), link(5, "a")),
        lambda request: ok(user(5, externalId=shown)) if request.method == "GET" else answer,
        most=30,
    )
    assert outcome.status == status


@pytest.mark.parametrize(
    "response", [ok(user(1, externalId="other")), rejected("no", 500), ok({"id": None}), ok([])]
)
def test_rejected_link_that_does_not_exist_fails(response):
    """With the portal's message, also if reading fails."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")),
        ("POST /users/1/link", rejected("External ID already linked", 409)),
        ("GET /users/1", response),
    )
    assert (outcome.status, outcome.http_status) == ("failed", 409)
    assert "External ID already linked" in outcome.error
    assert "unlink the other" in outcome.error


@pytest.mark.parametrize("status", [401, 403])
def test_missing_access_is_not_verified_by_reading(status):
    """A link rejected for lack of access needs no read."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")), ("POST /users/1/link", rejected("Invalid API key", status))
    )
    assert (outcome.status, outcome.http_status) == ("failed", status)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ok(user(7, externalId="new", name="Ana")), "agent 7 Ana already has the externalId new"),
        (Response(503), "could not check whether an agent has the externalId new"),
        (ok({"id": "?"}), "could not check whether an agent has the externalId new"),
    ],
)
def test_creation_of_an_agent_who_may_exist_is_not_sent(answer, error):
    """The list may have omitted the agent; a creation would reset what no file declares."""
    (step,) = rentix().steps((create(),))
    (outcome,), _ = play(rentix().perform(step), ("GET /users/external/new", answer))
    assert (outcome.status, outcome.id) == ("failed", None)
    assert error in outcome.error
    both = rentix().steps((create(), update(5)))[0]
    outcomes, _ = play(
        rentix().perform(both),
        ("GET /users/external/new", answer),
        ("POST /users/bulk", results(succeeded(5))),
    )
    assert [(each.operation.verb, each.status) for each in outcomes] == [
        ("create", "failed"),
        ("update", "applied"),
    ]
