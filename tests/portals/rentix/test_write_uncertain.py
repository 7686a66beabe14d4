"""Rentix: one operation whose outcome is uncertain."""

from __future__ import annotations

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, perform, play, serve

from reconciler.core.model import Response

from .build import SINGLE, create, link, rejected, rentix, unlink, update, user

SETTLED = [
    (update(5), SINGLE, "GET /users/5", user(5, name="New 5")),
    (link(5, "a"), "POST /users/5/link", "GET /users/5", user(5, externalId="a")),
    (unlink(5, "a"), "DELETE /users/5/link", "GET /users/5", user(5, externalId=None)),
    (create(), SINGLE, "GET /users/external/new", user(5, name="Ana", externalId="new")),
]
NAMES = ["update", "link", "unlink", "create"]


@pytest.mark.parametrize(("operation", "line", "reading", "shown"), SETTLED, ids=NAMES)
@pytest.mark.parametrize("lost", [LOST, GATEWAY, PAGE], ids=["lost", "502", "html"])
def test_write_that_took_effect_is_not_sent_again(operation, line, reading, shown, lost):
    """One write, one read, applied; the outcome has the live id, also of a creation."""
    (outcome,), _ = play(perform(rentix(), operation), (line, lost), (reading, ok(shown)))
    assert (outcome.status, outcome.id, outcome.error) == ("applied", 5, None)


UNDONE = {
    "update": (user(5), {"id": 5, "updated": True}),
    "link": (user(5, externalId=None), {"id": 5, "linked": True}),
    "unlink": (user(5, externalId="a"), {"id": 5, "externalId": "a", "unlinked": True}),
    "create": (None, {"id": 5, "created": True}),
}


@pytest.mark.parametrize(("operation", "line", "reading", "_"), SETTLED, ids=NAMES)
def test_write_without_effect_is_sent_again(operation, line, reading, _):
    """Write, read, write; the second write has a higher attempt number."""
    shown, answer = UNDONE[operation.verb]
    seen = rejected("User not found", 404) if shown is None else ok(shown)
    (outcome,), requests = play(
        perform(rentix(), operation), (line, LOST), (reading, seen), (line, ok(answer))
    )
    assert (outcome.status, outcome.id) == ("applied", 5)
    assert [request.attempt for request in requests if request.method != "GET"] == [0, 1]
    assert requests[0].body == requests[2].body


@pytest.mark.parametrize(("operation", "line", "reading", "_"), SETTLED, ids=NAMES)
def test_number_of_attempts_is_limited(operation, line, reading, _):
    """Writes and reads alternate; in the end reading proves that it was not applied, so it
    failed."""
    shown, _ = UNDONE[operation.verb]
    seen = rejected("User not found", 404) if shown is None else ok(shown)
    (outcome,), requests = serve(
        perform(rentix(), operation),
        lambda request: seen if request.method == "GET" else GATEWAY,
        most=30,
    )
    methods = [f"{request.method} {request.path}" for request in requests]
    assert methods == [line, reading] * (len(methods) // 2)
    assert 3 <= len(methods) // 2 <= 10
    assert (outcome.status, outcome.http_status) == ("failed", 502)
    assert "not applied" in outcome.error


def test_message_of_a_persistent_500_is_reported():
    """The outcome has the status and the portal's message."""
    broken = Response(500, {"statusCode": 500, "message": "Database is down"}, None, True)
    (outcome,), _ = serve(
        perform(rentix(), update(5)),
        lambda request: ok(user(5)) if request.method == "GET" else broken,
        most=30,
    )
    assert (outcome.status, outcome.http_status) == ("failed", 500)
    assert "Database is down" in outcome.error
    assert "500" in outcome.error


def test_external_id_is_encoded_in_the_path():
    """Slashes, question marks, percent signs, spaces and Cyrillic do not change the path."""
    path = "/users/external/a%2F..%2Fb%3Fx%3D1%23%25%20%D0%98"
    (outcome,), _ = play(
        perform(rentix(), create("a/../b?x=1#% И")),
        (SINGLE, LOST),
        (f"GET {path}", ok(user(5, name="Ana", externalId="a/../b?x=1#% И"))),
    )
    assert outcome.status == "applied"


@pytest.mark.parametrize(
    "reading",
    [LOST, rejected("no", 403), rejected("User not found", 404), ok([]), ok({"id": "5"})],
    ids=["lost", "403", "404", "no user", "odd user"],
)
def test_write_that_cannot_be_verified_is_unknown(reading):
    """Without a successful read there is no second write."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, GATEWAY),
        ("GET /users/5", Response(reading.status, reading.body, reading.error)),
    )
    assert (outcome.status, outcome.http_status, outcome.id) == ("unknown", 502, 5)
    assert "502" in outcome.error


def test_values_that_reading_cannot_verify_end_unknown():
    """A picture by URL: it is safe to send again, and after the last attempt it is unknown."""
    picture = update(5, avatar={"url": "https://example.com/a.jpg"})
    (outcome,), requests = serve(
        perform(rentix(), picture),
        lambda request: ok(user(5, avatar={"id": 3})) if request.method == "GET" else LOST,
        most=30,
    )
    assert outcome.status == "unknown"
    assert [request.method for request in requests[:4]] == ["PUT", "GET", "PUT", "GET"]


def test_rejected_second_attempt_of_an_applied_write_is_applied():
    """The first attempt took effect, so the second is rejected; reading decides."""
    (outcome,), _ = play(
        perform(rentix(), link(5, "a")),
        ("POST /users/5/link", LOST),
        ("GET /users/5", ok(user(5, externalId=None))),
        ("POST /users/5/link", rejected("User already has external ID")),
        ("GET /users/5", ok(user(5, externalId="a"))),
    )
    assert outcome.status == "applied"


def test_rejected_second_attempt_of_an_update_fails():
    """Reading shows that the first had no effect, and the portal's message explains the second."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, LOST),
        ("GET /users/5", ok(user(5))),
        (SINGLE, rejected("Invalid name")),
        ("GET /users/5", ok(user(5))),
    )
    assert (outcome.status, outcome.error) == ("failed", "Invalid name")


def test_creation_is_verified_with_a_reformatted_phone():
    """The portal may convert the phone to international format; that does not mean it failed."""
    shown = user(5, externalId="new", name="Ana", phone="+37369000001")
    (outcome,), _ = play(
        perform(rentix(), create(phone="069 000 001")),
        (SINGLE, LOST),
        ("GET /users/external/new", ok(shown)),
    )
    assert outcome.status == "applied"


def test_settings_and_texts_are_compared_part_by_part():
    """An update is applied if each of its parts is."""
    channels = dict.fromkeys(("contact_phone", "contact_viber"), False)
    operation = update(5, settings=channels, description={"ru": "Р", "en": "E"})
    shown = user(
        5,
        settings={**user(5)["settings"], **channels},
        description={"ru": "Р", "en": "E", "ro": "R"},
    )
    (outcome,), _ = play(perform(rentix(), operation), (SINGLE, LOST), ("GET /users/5", ok(shown)))
    assert outcome.status == "applied"
