"""Property Finder: writes that the portal refuses."""

from __future__ import annotations

import pytest
from conversations import perform, play, serve

from reconciler.core.model import (
    Response,
    Source,
)

from .talk import CHANGES, LINES, POST, PRIVATE, PUBLIC, change, finder, newcomer, older, problem

EVERYTHING = {
    "phone": "1",
    "bio": {"primary": "P"},
    "position": {"primary": "P"},
    "avatar": {"url": "https://a.example/a.jpg"},
    "spokenLanguages": ["en"],
    "publicEmail": "a@b.example",
}


def refused(operation, line, response):
    """The outcome of a change that was refused, in whatever form it is tried."""
    (outcome,), asked = serve(perform(finder(), operation), lambda _: response, most=4)
    assert {f"{request.method} {request.path}" for request in asked} == {line}
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
def test_a_refused_creation_points_at_the_value_in_the_file(pointer, path, line, status):
    """Whatever the spelling of the pointer: the file's path, and the line of the value."""
    creation = newcomer(lines=LINES, **EVERYTHING)
    outcome = refused(creation, POST, problem(status, (pointer, "is not right")))
    assert (outcome.path, outcome.http_status, outcome.id) == (path, status, None)
    assert outcome.source == Source("agents/new.yaml", line)
    assert outcome.error.startswith(f"{path}: is not right")


@pytest.mark.parametrize(
    ("pointer", "path"),
    [("/email", "publicEmail"), ("#/imageUrl", "avatar"), ("bio.primary", "bio.primary")],
)
def test_a_refused_public_part_points_into_the_profile(pointer, path):
    """Its pointers begin there, and its e-mail is the public one."""
    outcome = refused(
        change(lines=LINES, **EVERYTHING), PUBLIC, problem(400, (pointer, "is not right"))
    )
    assert (outcome.path, outcome.error) == (path, f"{path}: is not right")
    assert outcome.source == Source("agents/a.yaml", LINES[path])


@pytest.mark.parametrize("key", ["pointer", "field", "path"])
@pytest.mark.parametrize("words", ["detail", "message"])
def test_an_error_may_name_its_place_in_another_word(key, words):
    """Whatever the two are called, they are read."""
    body = {"title": "Bad Request", "errors": [{key: "/email", words: "is taken"}]}
    outcome = refused(change(email="a@b.example", lines=LINES), PRIVATE, Response(422, body))
    assert (outcome.path, outcome.error) == ("email", "email: is taken")


def test_all_that_a_refusal_names_is_told():
    """Each by its path, also what no file declares; the first is where it points to."""
    response = problem(422, ("/agency", "has no seats"), ("/email", "is taken"), ("/roleId", ""))
    outcome = refused(change(email="a@b.example", roleId=3, lines=LINES), PRIVATE, response)
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
def test_the_older_form_has_its_pointers_in_the_text(message, path, error):
    """What it is about is found there; without, the place is the agent's."""
    operation = change(email="a@b.example", roleId=3, lines=LINES)
    outcome = refused(operation, PRIVATE, older(422, message))
    assert (outcome.path, outcome.error) == (path, error)
    assert outcome.source == Source("agents/a.yaml", LINES.get(path, 5))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "words"}, "words"),
        ({"title": "words"}, "words"),
        ({"message": ["one", "two"]}, "one; two"),
        ({"message": {"detail": "inner"}}, "inner"),
        ({"error": "words"}, "words"),
        ({"error": {"message": "words"}}, "words"),
        ({"error_description": "words"}, "words"),
        ({"detail": "Bad", "errors": [{"detail": "why"}]}, "Bad; why"),
        ({"detail": "Bad", "errors": ["why", 5, None]}, "Bad; why"),
        ({"errors": {"email": "why"}}, "the portal gave no reason"),
        ({"message": 5}, "the portal gave no reason"),
        ({}, "the portal gave no reason"),
        ([], "the portal gave no reason"),
        (["a", {"message": "b"}], "a; b"),
        ("words", "words"),
        (None, "the portal gave no reason"),
        ({"detail": "x" * 900}, "x" * 500),
        ({"detail": "two\n  lines"}, "two lines"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_refusal_in_any_form_has_some_words(body, said):
    """Whatever is there to be said is said, on one line, and where nothing is, that."""
    outcome = refused(change(mobile="1"), PRIVATE, Response(409, body))
    assert (outcome.error, outcome.path, outcome.http_status) == (said, None, 409)


def test_an_error_in_the_list_may_be_a_text():
    """With a pointer in it or without."""
    body = {"errors": ["/email is taken", "and more"]}
    outcome = refused(change(email="a@b.example", lines=LINES), PRIVATE, Response(422, body))
    assert (outcome.path, outcome.error) == ("email", "email: /email is taken; and more")


def test_a_refusal_without_access_names_the_scope():
    """A key may be allowed to read and not to write."""
    for operation, line in (*CHANGES.values(), (newcomer(), POST)):
        outcome = refused(operation, line, problem(403, detail="Insufficient scope"))
        assert (outcome.http_status, outcome.path) == (403, None)
        assert outcome.error.startswith("Insufficient scope: ")
        assert "users:full_access" in outcome.error


@pytest.mark.parametrize(
    ("status", "words"),
    [(300, "choose"), (401, "Token expired"), (409, "taken"), (413, "too large"), (418, "teapot")],
)
def test_another_refusal_is_told_in_the_portals_words(status, words):
    """Nothing is added, nothing is sent again, and nothing read."""
    outcome = refused(change(mobile="1"), PRIVATE, problem(status, detail=words))
    assert (outcome.http_status, outcome.error) == (status, words)


@pytest.mark.parametrize("part", CHANGES)
def test_a_user_who_is_gone_is_to_be_planned_again(part):
    """That agent was there when the plan was made."""
    operation, line = CHANGES[part]
    outcome = refused(operation, line, problem(404, detail="No such user"))
    assert outcome.error == "No such user: the user is no longer on the portal; plan again"


def test_a_creation_that_is_not_found_speaks_of_no_user():
    """Nobody was there whom the advice could be about."""
    assert refused(newcomer(), POST, problem(404, detail="Not Found")).error == "Not Found"


@pytest.mark.parametrize("status", [409, 422])
def test_a_creation_of_somebody_who_is_there_is_to_be_planned_again(status):
    """The portal says that somebody has the address, whom the list did not show."""
    outcome = refused(newcomer(), POST, problem(status, ("/email", "is taken")))
    assert outcome.error.startswith("email: is taken: plan again")


@pytest.mark.parametrize(
    ("by", "response"),
    [
        ("isActive", problem(400, ("/isActive", "is not known"))),
        ("isActive", problem(422, ("#/isActive", "is not known"))),
        ("status", problem(400, ("/status", "is not known"))),
        ("status", older(400, "/status is not known")),
        ("status", older(400, "Bad Request")),
    ],
    ids=lambda value: str(getattr(value, "body", value))[-30:],
)
def test_a_refused_status_says_where_its_form_is_set(by, response):
    """The configuration has two; its path is the file's."""
    (outcome,), _ = serve(
        perform(finder(deactivate_by=by), change(verb="deactivate", status="inactive")),
        lambda _: response,
        most=3,
    )
    assert outcome.status == "failed"
    assert outcome.error.endswith("try the other value of deactivate_by in portals.propertyfinder")
    assert outcome.path == (None if response.body.get("message") == "Bad Request" else "status")


def test_a_refusal_of_something_else_does_not_speak_of_the_status():
    """A status that goes along is not what was wrong."""
    operation = change(status="active", mobile="1")
    outcome = refused(operation, PRIVATE, problem(400, ("/mobile", "is no phone")))
    assert outcome.error == "mobile: is no phone"


def test_a_page_of_html_and_a_redirect_are_told_in_the_transports_words():
    """A gateway's refusal says nothing of the user."""
    for status, error in ((403, "the portal answered 403 with …"), (302, "a redirect; none …")):
        (outcome,), _ = play(
            perform(finder(), change(mobile="1")), (PRIVATE, Response(status, None, error))
        )
        assert (outcome.status, outcome.http_status) == ("failed", status)
        assert outcome.error.startswith(error)


def test_a_portal_that_cannot_be_reached_fails_and_is_not_read():
    """It surely never arrived."""
    error = "could not connect to atlas (refused)"
    (outcome,), _ = play(
        perform(finder(), change(mobile="1")), (PRIVATE, Response(None, None, error))
    )
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", None, error)
