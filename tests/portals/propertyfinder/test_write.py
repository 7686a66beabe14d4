"""Property Finder: writes that the portal accepts."""

from __future__ import annotations

import pytest
from conversations import ok, perform, play, serve

from reconciler.core.plan_json import request_bytes

from .build import (
    CHANGES,
    FIND_NEW,
    NOTHING,
    POST,
    change,
    finder,
    newcomer,
    page,
    person,
    profile,
    read,
)


@pytest.mark.parametrize("part", CHANGES)
@pytest.mark.parametrize(
    "answer",
    [NOTHING, ok(person(5)), ok({}), ok({"message": "done"}), ok({"id": "5"}), ok({"id": None})],
    ids=["204", "200 user", "200 empty", "200 text", "200 id as text", "200 null"],
)
def test_successful_patch_is_applied(part, answer):
    """With an empty response or with the user: one request, and the outcome has the agent's id."""
    operation, line = CHANGES[part]
    (outcome,), requests = play(perform(finder(), operation), (line, answer))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", answer.status, 5)
    assert (outcome.error, outcome.path, outcome.aliases) == (None, None, {})
    assert (outcome.note, requests[0].attempt) == (None, 0)


def test_patch_of_a_profile_may_return_the_profile():
    """Its id identifies the agent as well as the user's."""
    operation, line = CHANGES["public"]
    (outcome,), _ = play(perform(finder(), operation), (line, ok(profile(5))))
    assert outcome.status == "applied"


@pytest.mark.parametrize("part", CHANGES)
def test_response_for_another_user_fails(part):
    """The wrong user may have been changed: the error names both, and nothing is sent again."""
    operation, line = CHANGES[part]
    (outcome,), _ = play(perform(finder(), operation), (line, ok(person(6))))
    assert (outcome.status, outcome.http_status, outcome.id) == ("failed", 200, 5)
    assert "user 6 instead of 5" in outcome.error


@pytest.mark.parametrize("status", [200, 201])
def test_creation_has_both_new_ids(status):
    """The user's and the public profile's."""
    (outcome,), _ = play(perform(finder(), newcomer()), (POST, ok(person(77), status)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", status, 77)
    assert outcome.aliases == {"publicProfileId": 977}


@pytest.mark.parametrize("shown", [None, {}, {"id": None}, [], "x"], ids=str)
def test_creation_without_a_profile_in_its_response_has_one_id(shown):
    """The other id is read later."""
    (outcome,), _ = play(
        perform(finder(), newcomer()), (POST, ok({"id": 77, "publicProfile": shown}, 201))
    )
    assert (outcome.status, outcome.id, outcome.aliases) == ("applied", 77, {})


@pytest.mark.parametrize(
    "answer",
    [
        ok({"message": "accepted"}, 202),
        ok({}, 201),
        ok({"id": None}, 201),
        ok({"data": person(77)}),
    ],
    ids=["202", "201", "null", "inside"],
)
def test_creation_without_an_id_in_its_response_is_verified(answer):
    """A success without an id is not a failure: reading by e-mail finds the new user."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, answer),
        (FIND_NEW, page(person(77, email="Ana@Agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 77)
    assert outcome.aliases == {"publicProfileId": 977}


def test_first_request_is_the_planned_one():
    """A dry run prints exactly what is sent first."""
    portal = finder()
    read(portal, users=[person(5)])
    operations = [
        change(email="x@agency.example", roleId=1, bio={"primary": "Ж", "secondary": "S"}),
        change(6, status="inactive", verb="deactivate"),
        newcomer(roleId=1, spokenLanguages=["en"], bio={"primary": "P"}),
    ]
    steps = portal.steps(operations)
    planned = [(step.request.path, request_bytes(step.request)) for step in steps]
    _, requests = zip(
        *(serve(portal.perform(step), lambda _: ok(person(5), 200)) for step in steps), strict=True
    )
    assert [(each[0].path, request_bytes(each[0])) for each in requests] == planned
