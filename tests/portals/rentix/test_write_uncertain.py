"""Rentix: one operation whose outcome is uncertain."""

from __future__ import annotations

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, perform, play, serve

from reconciler.core.model import Response

from .talk import SINGLE, create, link, refused, rentix, unlink, update, user

SETTLED = [
    (update(5), SINGLE, "GET /users/5", user(5, name="New 5")),
    (link(5, "a"), "POST /users/5/link", "GET /users/5", user(5, externalId="a")),
    (unlink(5, "a"), "DELETE /users/5/link", "GET /users/5", user(5, externalId=None)),
    (create(), SINGLE, "GET /users/external/new", user(5, name="Ana", externalId="new")),
]
NAMES = ["update", "link", "unlink", "create"]


@pytest.mark.parametrize(("operation", "line", "reading", "shown"), SETTLED, ids=NAMES)
@pytest.mark.parametrize("lost", [LOST, GATEWAY, PAGE], ids=["lost", "502", "html"])
def test_what_reading_shows_as_done_is_not_sent_again(operation, line, reading, shown, lost):
    """One write, one look, applied; the outcome has the live id, also of a creation."""
    (outcome,), _ = play(perform(rentix(), operation), (line, lost), (reading, ok(shown)))
    assert (outcome.status, outcome.id, outcome.error) == ("applied", 5, None)


UNDONE = {
    "update": (user(5), {"id": 5, "updated": True}),
    "link": (user(5, externalId=None), {"id": 5, "linked": True}),
    "unlink": (user(5, externalId="a"), {"id": 5, "unlinked": True}),
    "create": (None, {"id": 5, "created": True}),
}


@pytest.mark.parametrize(("operation", "line", "reading", "_"), SETTLED, ids=NAMES)
def test_what_reading_shows_as_undone_is_sent_again(operation, line, reading, _):
    """Write, look, write: and the second goes out as a later attempt."""
    shown, answer = UNDONE[operation.verb]
    seen = refused("User not found", 404) if shown is None else ok(shown)
    (outcome,), asked = play(
        perform(rentix(), operation), (line, LOST), (reading, seen), (line, ok(answer))
    )
    assert (outcome.status, outcome.id) == ("applied", 5)
    assert [request.attempt for request in asked if request.method != "GET"] == [0, 1]
    assert asked[0].body == asked[2].body


@pytest.mark.parametrize(("operation", "line", "reading", "_"), SETTLED, ids=NAMES)
def test_what_stays_undone_fails_after_bounded_tries(operation, line, reading, _):
    """Write and look in turn; in the end it is certain that it was not done: failed."""
    shown, _ = UNDONE[operation.verb]
    seen = refused("User not found", 404) if shown is None else ok(shown)
    (outcome,), asked = serve(
        perform(rentix(), operation),
        lambda request: seen if request.method == "GET" else GATEWAY,
        most=30,
    )
    methods = [f"{request.method} {request.path}" for request in asked]
    assert methods == [line, reading] * (len(methods) // 2)
    assert 3 <= len(methods) // 2 <= 10
    assert (outcome.status, outcome.http_status) == ("failed", 502)
    assert "not applied" in outcome.error


def test_a_portal_that_breaks_for_ever_is_quoted():
    """A 500 has words too, and they are in the report beside the status."""
    broken = Response(500, {"statusCode": 500, "message": "Database is down"}, None, True)
    (outcome,), _ = serve(
        perform(rentix(), update(5)),
        lambda request: ok(user(5)) if request.method == "GET" else broken,
        most=30,
    )
    assert (outcome.status, outcome.http_status) == ("failed", 500)
    assert "Database is down" in outcome.error
    assert "500" in outcome.error


def test_an_external_id_is_encoded_in_a_path():
    """Slashes, question marks, percents, blanks and Cyrillic cannot make another path."""
    path = "/users/external/a%2F..%2Fb%3Fx%3D1%23%25%20%D0%98"
    (outcome,), _ = play(
        perform(rentix(), create("a/../b?x=1#% И")),
        (SINGLE, LOST),
        (f"GET {path}", ok(user(5, name="Ana", externalId="a/../b?x=1#% И"))),
    )
    assert outcome.status == "applied"


@pytest.mark.parametrize(
    "reading",
    [LOST, refused("no", 403), refused("User not found", 404), ok([]), ok({"id": "5"})],
    ids=["lost", "403", "404", "no user", "odd user"],
)
def test_what_cannot_be_read_is_unknown_and_not_sent_again(reading):
    """Without a look there is no second write."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, GATEWAY),
        ("GET /users/5", Response(reading.status, reading.body, reading.error)),
    )
    assert (outcome.status, outcome.http_status, outcome.id) == ("unknown", 502, 5)
    assert "502" in outcome.error


def test_what_reading_cannot_say_is_sent_again_and_ends_unknown():
    """A picture by its URL: sending twice does no harm, and after the last try it stays open."""
    picture = update(5, avatar={"url": "https://example.com/a.jpg"})
    (outcome,), asked = serve(
        perform(rentix(), picture),
        lambda request: ok(user(5, avatar={"id": 3})) if request.method == "GET" else LOST,
        most=30,
    )
    assert outcome.status == "unknown"
    assert [request.method for request in asked[:4]] == ["PUT", "GET", "PUT", "GET"]


def test_an_uncertain_write_that_is_refused_then_and_done_is_applied():
    """The first call did it, so the second is refused: reading has the last word."""
    (outcome,), _ = play(
        perform(rentix(), link(5, "a")),
        ("POST /users/5/link", LOST),
        ("GET /users/5", ok(user(5, externalId=None))),
        ("POST /users/5/link", refused("User already has external ID")),
        ("GET /users/5", ok(user(5, externalId="a"))),
    )
    assert outcome.status == "applied"


def test_an_uncertain_update_that_is_refused_then_fails():
    """Reading shows that the first did nothing, and the portal says why the second did not."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, LOST),
        ("GET /users/5", ok(user(5))),
        (SINGLE, refused("Invalid name")),
        ("GET /users/5", ok(user(5))),
    )
    assert (outcome.status, outcome.error) == ("failed", "Invalid name")


def test_a_creation_is_settled_whatever_the_portal_made_of_the_phone():
    """The phone goes international, which is no sign that it was not done."""
    shown = user(5, externalId="new", name="Ana", phone="+37369000001")
    (outcome,), _ = play(
        perform(rentix(), create(phone="069 000 001")),
        (SINGLE, LOST),
        ("GET /users/external/new", ok(shown)),
    )
    assert outcome.status == "applied"


def test_settings_and_texts_are_compared_part_by_part():
    """An update of groups is seen as done where each part is."""
    channels = dict.fromkeys(("contact_phone", "contact_viber"), False)
    operation = update(5, settings=channels, description={"ru": "Р", "en": "E"})
    shown = user(
        5,
        settings={**user(5)["settings"], **channels},
        description={"ru": "Р", "en": "E", "ro": "R"},
    )
    (outcome,), _ = play(perform(rentix(), operation), (SINGLE, LOST), ("GET /users/5", ok(shown)))
    assert outcome.status == "applied"
