"""Property Finder: responses to writes."""

from __future__ import annotations

import pytest
from conversations import ok, perform, play, serve

from reconciler.core.plan_json import request_bytes

from .talk import (
    CHANGES,
    LOOK_NEW,
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
def test_a_patch_that_is_answered_is_applied(part, answer):
    """With nothing, or with the user; one request, the agent's id in the outcome."""
    operation, line = CHANGES[part]
    (outcome,), asked = play(perform(finder(), operation), (line, answer))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", answer.status, 5)
    assert (outcome.error, outcome.path, outcome.aliases) == (None, None, {})
    assert (outcome.note, asked[0].attempt) == (None, 0)


def test_a_patch_of_a_profile_may_answer_with_the_profile():
    """Either of the agent's ids is the agent's."""
    operation, line = CHANGES["public"]
    (outcome,), _ = play(perform(finder(), operation), (line, ok(profile(5))))
    assert outcome.status == "applied"


@pytest.mark.parametrize("part", CHANGES)
def test_an_answer_for_another_user_fails_loudly(part):
    """The wrong person may have been changed: both are named, and nothing is sent again."""
    operation, line = CHANGES[part]
    (outcome,), _ = play(perform(finder(), operation), (line, ok(person(6))))
    assert (outcome.status, outcome.http_status, outcome.id) == ("failed", 200, 5)
    assert "user 6 instead of 5" in outcome.error


@pytest.mark.parametrize("status", [200, 201])
def test_a_creation_has_both_new_ids(status):
    """The user's, and the public profile's."""
    (outcome,), _ = play(perform(finder(), newcomer()), (POST, ok(person(77), status)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", status, 77)
    assert outcome.aliases == {"publicProfileId": 977}


@pytest.mark.parametrize("shown", [None, {}, {"id": None}, [], "x"], ids=str)
def test_a_creation_that_does_not_show_its_profile_has_one_id(shown):
    """The other is read later."""
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
def test_a_creation_that_does_not_say_whom_it_made_is_looked_for(answer):
    """A success without an id is no refusal: the e-mail finds who was made."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, answer),
        (LOOK_NEW, page(person(77, email="Ana@Agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 77)
    assert outcome.aliases == {"publicProfileId": 977}


def test_a_step_is_performed_as_it_was_planned():
    """What a dry run prints is, byte for byte, what goes out first."""
    portal = finder()
    read(portal, users=[person(5)])
    operations = [
        change(email="x@agency.example", roleId=1, bio={"primary": "Ж", "secondary": "S"}),
        change(6, status="inactive", verb="deactivate"),
        newcomer(roleId=1, spokenLanguages=["en"], bio={"primary": "P"}),
    ]
    steps = portal.steps(operations)
    planned = [(step.request.path, request_bytes(step.request)) for step in steps]
    _, asked = zip(
        *(serve(portal.perform(step), lambda _: ok(person(5), 200)) for step in steps), strict=True
    )
    assert [(each[0].path, request_bytes(each[0])) for each in asked] == planned
