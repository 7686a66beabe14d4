"""Property Finder: writes that the portal rejects."""

from __future__ import annotations

import pytest
from conversations import perform, play, serve

from reconciler.core.model import (
    Response,
    Source,
)

from .build import (
    CHANGES,
    LINES,
    POST,
    PRIVATE,
    PUBLIC,
    change,
    finder,
    newcomer,
    older_problem,
    problem,
)

EVERYTHING = {
    "phone": "1",
    "bio": {"primary": "P"},
    "position": {"primary": "P"},
    "avatar": {"url": "https://a.example/a.jpg"},
    "spokenLanguages": ["en"],
    "publicEmail": "a@b.example",
}


def rejected(operation, line, response):
    """The outcome of a rejected operation, whatever formats it tries."""
    (outcome,), requests = serve(perform(finder(), operation), lambda _: response, most=4)
    assert {f"{request.method} {request.path}" for request in requests} == {line}
    assert outcome.status == "failed"
    return outcome


POINTERS = [
    ("/email", "email", 10),
    ("#/email", "email", 10),
    ("email", "email", 10),
    ("$.email", "email", 10),
    ("/roleId", "roleId", 12),
    ("/publicProfile/phone", "phone", 2),
    ("#/publicProfile/phone", "phone", 2),
    ("publicProfile.phone", "phone", 2),
    ("/publicProfile/email", "publicEmail", 18),
    ("/publicProfile/imageUrl", "avatar", 3),
    ("/publicProfile/bio", "bio", 14),
    ("/publicProfile/bio/primary", "bio.primary", 15),
    ("publicProfile.bio.secondary", "bio.secondary", 14),
    ("/publicProfile/position/primary", "position.primary", 16),
    ("/publicProfile/spokenLanguages/0", "spokenLanguages", 17),
]


@pytest.mark.parametrize(("pointer", "path", "line"), POINTERS, ids=[each[0] for each in POINTERS])
@pytest.mark.parametrize("status", [400, 422])
def test_rejected_creation_points_to_the_declared_value(pointer, path, line, status):
    """Whatever the spelling of the pointer: the path in the file, and the line of the value."""
    creation = newcomer(lines=LINES, **EVERYTHING)
    outcome = rejected(creation, POST, problem(status, (pointer, "is not right")))
    assert (outcome.path, outcome.http_status, outcome.id) == (path, status, None)
    assert outcome.source == Source("agents/new.yaml", line)
    assert outcome.error.startswith(f"{path}: is not right")


@pytest.mark.parametrize(
    ("pointer", "path"),
    [("/email", "publicEmail"), ("#/imageUrl", "avatar"), ("bio.primary", "bio.primary")],
)
def test_pointers_of_a_rejected_public_part_start_in_the_profile(pointer, path):
    """Its `email` is the public one."""
    outcome = rejected(
        change(lines=LINES, **EVERYTHING), PUBLIC, problem(400, (pointer, "is not right"))
    )
    assert (outcome.path, outcome.error) == (path, f"{path}: is not right")
    assert outcome.source == Source("agents/a.yaml", LINES[path])


@pytest.mark.parametrize("key", ["pointer", "field", "path"])
@pytest.mark.parametrize("text", ["detail", "message"])
def test_alternative_keys_of_an_error_are_read(key, text):
    """Whatever the pointer and the message are called."""
    body = {"title": "Bad Request", "errors": [{key: "/email", text: "is taken"}]}
    outcome = rejected(change(email="a@b.example", lines=LINES), PRIVATE, Response(422, body))
    assert (outcome.path, outcome.error) == ("email", "email: is taken")


def test_every_error_is_reported():
    """Each by its path, including undeclared ones. The outcome points to the first declared
    path."""
    response = problem(422, ("/agency", "has no seats"), ("/email", "is taken"), ("/roleId", ""))
    outcome = rejected(change(email="a@b.example", roleId=3, lines=LINES), PRIVATE, response)
    assert outcome.error == "has no seats; email: is taken; roleId: the portal gave no reason"
    assert (outcome.path, outcome.source.line) == ("email", 10)


@pytest.mark.parametrize(
    ("message", "path", "error"),
    [
        ("/email is taken", "email", "email: /email is taken"),
        (
            "/agency is full; /roleId is no role; /email is taken",
            "roleId",
            "/agency is full; roleId: /roleId is no role; email: /email is taken",
        ),
        (["/email is taken"], "email", "email: /email is taken"),
        ("no pointer here", None, "no pointer here"),
        ("see https://docs.example/errors", None, "see https://docs.example/errors"),
        ("one; two", None, "one; two"),
    ],
    ids=str,
)
def test_pointers_in_the_text_of_the_older_format(message, path, error):
    """The outcome points to the path in the text, or to the agent if there is none."""
    operation = change(email="a@b.example", roleId=3, lines=LINES)
    outcome = rejected(operation, PRIVATE, older_problem(422, message))
    assert (outcome.path, outcome.error) == (path, error)
    assert outcome.source == Source("agents/a.yaml", LINES.get(path, 5))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"detail": "message"}, "message"),
        ({"title": "message"}, "message"),
        ({"message": ["one", "two"]}, "one; two"),
        ({"message": {"detail": "inner"}}, "inner"),
        ({"error": "message"}, "message"),
        ({"error": {"message": "message"}}, "message"),
        ({"error_description": "message"}, "message"),
        ({"detail": "Bad", "errors": [{"detail": "why"}]}, "Bad; why"),
        ({"detail": "Bad", "errors": ["why", 5, None]}, "Bad; why"),
        ({"errors": {"email": "why"}}, "the portal gave no reason"),
        ({"message": 5}, "the portal gave no reason"),
        ({}, "the portal gave no reason"),
        ([], "the portal gave no reason"),
        (["a", {"message": "b"}], "a; b"),
        ("message", "message"),
        (None, "the portal gave no reason"),
        ({"detail": "x" * 900}, "x" * 500),
        ({"detail": "two\n  lines"}, "two lines"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_rejection_in_any_format_has_a_message(body, error):
    """Any text in the body, on one line, or "the portal gave no reason"."""
    outcome = rejected(change(mobile="1"), PRIVATE, Response(409, body))
    assert (outcome.error, outcome.path, outcome.http_status) == (error, None, 409)


def test_error_in_the_list_may_be_a_string():
    """With or without a pointer in it."""
    body = {"errors": ["/email is taken", "and more"]}
    outcome = rejected(change(email="a@b.example", lines=LINES), PRIVATE, Response(422, body))
    assert (outcome.path, outcome.error) == ("email", "email: /email is taken; and more")


def test_missing_access_names_the_scope():
    """A key may have the right to read and not to write."""
    for operation, line in (*CHANGES.values(), (newcomer(), POST)):
        outcome = rejected(operation, line, problem(403, detail="Insufficient scope"))
        assert (outcome.http_status, outcome.path) == (403, None)
        assert outcome.error.startswith("Insufficient scope: ")
        assert "users:full_access" in outcome.error


@pytest.mark.parametrize(
    ("status", "message"),
    [(300, "choose"), (401, "Token expired"), (409, "taken"), (413, "too large"), (418, "teapot")],
)
def test_other_rejections_have_the_portals_message(status, message):
    """Nothing is added, sent again or read."""
    outcome = rejected(change(mobile="1"), PRIVATE, problem(status, detail=message))
    assert (outcome.http_status, outcome.error) == (status, message)


@pytest.mark.parametrize("part", CHANGES)
def test_missing_user_asks_for_a_new_plan(part):
    """The user existed when the plan was made."""
    operation, line = CHANGES[part]
    outcome = rejected(operation, line, problem(404, detail="No such user"))
    assert outcome.error == "No such user: the user is no longer on the portal; plan again"


def test_creation_with_404_does_not_mention_a_user():
    """The advice about a missing user does not apply."""
    assert rejected(newcomer(), POST, problem(404, detail="Not Found")).error == "Not Found"


@pytest.mark.parametrize("status", [409, 422])
def test_creation_of_an_existing_user_asks_for_a_new_plan(status):
    """The portal reports that a user has the e-mail, though the list did not show one."""
    outcome = rejected(newcomer(), POST, problem(status, ("/email", "is taken")))
    assert outcome.error.startswith("email: is taken: plan again")


@pytest.mark.parametrize(
    ("by", "response"),
    [
        ("isActive", problem(400, ("/isActive", "is not known"))),
        ("isActive", problem(422, ("#/isActive", "is not known"))),
        ("status", problem(400, ("/status", "is not known"))),
        ("status", older_problem(400, "/status is not known")),
        ("status", older_problem(400, "Bad Request")),
    ],
    ids=lambda value: str(getattr(value, "body", value))[-30:],
)
def test_rejected_status_names_the_setting(by, response):
    """Both values of `deactivate_by`; the path is the one in the file."""
    (outcome,), _ = serve(
        perform(finder(deactivate_by=by), change(verb="deactivate", status="inactive")),
        lambda _: response,
        most=3,
    )
    assert outcome.status == "failed"
    assert outcome.error.endswith("try the other value of deactivate_by in portals.propertyfinder")
    assert outcome.path == (None if response.body.get("message") == "Bad Request" else "status")


def test_unrelated_rejection_does_not_mention_the_status():
    """If the status is sent along but was not rejected."""
    operation = change(status="active", mobile="1")
    outcome = rejected(operation, PRIVATE, problem(400, ("/mobile", "is no phone")))
    assert outcome.error == "mobile: is no phone"


def test_html_and_redirects_have_the_transports_message():
    """A gateway's response says nothing about the user."""
    for status, error in ((403, "the portal answered 403 with …"), (302, "a redirect; none …")):
        (outcome,), _ = play(
            perform(finder(), change(mobile="1")), (PRIVATE, Response(status, None, error))
        )
        assert (outcome.status, outcome.http_status) == ("failed", status)
        assert outcome.error.startswith(error)


def test_unreachable_portal_fails_without_reading():
    """The request certainly never arrived."""
    error = "could not connect to atlas (refused)"
    (outcome,), _ = play(
        perform(finder(), change(mobile="1")), (PRIVATE, Response(None, None, error))
    )
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", None, error)
