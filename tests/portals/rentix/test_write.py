"""Rentix: one operation in a request of its own."""

from __future__ import annotations

import pytest
from conversations import LOST, ok, perform, play

from reconciler.core.model import Response

from .talk import SINGLE, create, link, refused, rentix, unlink, update, user


def test_an_update_that_is_answered_is_applied():
    """One request, the agent's id in the outcome."""
    answer = {"id": 5, "externalId": "agent-5", "updated": True}
    (outcome,), asked = play(perform(rentix(), update(5)), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", 200, 5)
    assert outcome.error is None
    assert asked[0].attempt == 0


def test_a_creation_has_the_new_id():
    """The portal says which agent it made."""
    answer = {"id": 77, "externalId": "new", "created": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer, 201)))
    assert (outcome.status, outcome.id) == ("applied", 77)


def test_link_and_unlink_that_are_answered_are_applied():
    """Each by its documented answer."""
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
def test_an_answer_for_another_agent_fails_loudly(operation, line):
    """The wrong person may have been changed: both are named, and nothing is sent again."""
    (outcome,), _ = play(perform(rentix(), operation), (line, ok({"id": 6, "updated": True})))
    assert (outcome.status, outcome.id) == ("failed", 5)
    assert "6" in outcome.error
    assert "5" in outcome.error


def test_an_answer_that_names_nobody_is_settled_by_reading():
    """A 2xx without an id (`{"message": "accepted"}`) says neither that it is done nor whom."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, ok({"message": "accepted"}, 202)),
        ("GET /users/5", ok(user(5, name="New 5"))),
    )
    assert outcome.status == "applied"


def test_a_creation_that_turns_out_an_update_fails():
    """Somebody had the external id by then, perhaps another person."""
    answer = {"id": 6, "externalId": "new", "updated": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.id) == ("failed", 6)
    assert "agent 6" in outcome.error
    assert "new" in outcome.error


def test_a_creation_that_was_lost_may_turn_out_an_update():
    """The call that seemed lost made the agent; the second updates whom the first created."""
    (outcome,), _ = play(
        perform(rentix(), create()),
        (SINGLE, LOST),
        ("GET /users/external/new", refused("User not found", 404)),
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
def test_a_refusal_has_the_portals_message_and_what_to_do(message, advice, form):
    """In either form of an error."""
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
    ("body", "said"),
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
def test_a_refusal_in_another_form_has_some_words(body, said):
    """Whatever is there to be said is said, and where nothing is, that."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(400, body)))
    assert outcome.status == "failed"
    assert said in outcome.error


def test_a_page_of_html_is_not_the_message():
    """A gateway's refusal in HTML is reported in the transport's words."""
    error = "the portal answered 403 with something that is not JSON"
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(403, None, error)))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", 403, error)


def test_a_redirect_is_a_failure():
    """It is reported, and nothing is read or sent after it."""
    error = "the portal answered 302, a redirect; none is followed"
    (outcome,), _ = play(
        perform(rentix(), update(5)), (SINGLE, Response(302, {"message": "moved"}, error))
    )
    assert (outcome.status, outcome.error) == ("failed", error)


@pytest.mark.parametrize("status", [400, 404])
def test_a_creation_for_somebody_unknown_waits(status):
    """A portal that creates nobody says "not found": the agent has to be invited; no failure."""
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, refused("User not found", status)))
    assert outcome.status == "waiting"
    assert "invite" in outcome.error


def test_an_update_for_somebody_unknown_fails():
    """That agent was there when the plan was made."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, refused("User not found", 404)))
    assert outcome.status == "failed"


@pytest.mark.parametrize(
    ("operation", "line", "shown"),
    [
        (link(1, "a"), "POST /users/1/link", user(1, externalId="a")),
        (unlink(1, "a"), "DELETE /users/1/link", user(1, externalId=None)),
        (unlink(1, "a"), "DELETE /users/1/link", user(1, externalId="b")),
    ],
    ids=["link", "unlink", "unlink, and another since"],
)
def test_a_refused_link_that_is_so_already_is_applied(operation, line, shown):
    """Somebody else made it, or a call that seemed lost."""
    (outcome,), _ = play(
        perform(rentix(), operation),
        (line, refused("User already has external ID")),
        ("GET /users/1", ok(shown)),
    )
    assert (outcome.status, outcome.id) == ("applied", 1)


@pytest.mark.parametrize(
    "response", [ok(user(1, externalId="other")), refused("no", 500), ok({"id": None}), ok([])]
)
def test_a_refused_link_that_is_not_so_fails_with_the_refusal(response):
    """What counts is the portal's message, also where reading says nothing."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")),
        ("POST /users/1/link", refused("External ID already linked", 409)),
        ("GET /users/1", response),
    )
    assert (outcome.status, outcome.http_status) == ("failed", 409)
    assert "External ID already linked" in outcome.error
    assert "unlink the other" in outcome.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_portal_that_refuses_access_is_not_asked_to_read(status):
    """The refusal of a link for lack of access needs no look at the agent."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")), ("POST /users/1/link", refused("Invalid API key", status))
    )
    assert (outcome.status, outcome.http_status) == ("failed", status)
