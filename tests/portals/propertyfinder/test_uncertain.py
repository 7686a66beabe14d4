"""Property Finder: writes whose outcome is uncertain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, perform, play, serve

from reconciler.core.model import (
    Response,
)
from reconciler.portals.uncertain import TRIES

from .build import (
    FIND_NEW,
    FIND_USER,
    LINES,
    LIST,
    NOTHING,
    POST,
    PRIVATE,
    PUBLIC,
    change,
    finder,
    newcomer,
    page,
    person,
    problem,
)

DONE = {
    "private": (change(firstName="Ion"), PRIVATE, FIND_USER, person(5, firstName="Ion"), NOTHING),
    "public": (change(name="Ion"), PUBLIC, FIND_USER, person(5, public={"name": "Ion"}), NOTHING),
    "off": (
        change(verb="deactivate", status="inactive"),
        PRIVATE,
        FIND_USER,
        person(5, status="archived"),
        NOTHING,
    ),
    "create": (
        newcomer(),
        POST,
        FIND_NEW,
        person(5, email="ana@agency.example"),
        ok(person(5), 201),
    ),
}
UNCERTAIN = {"lost": LOST, "502": GATEWAY, "html": PAGE}


@pytest.mark.parametrize("case", DONE)
@pytest.mark.parametrize("lost", UNCERTAIN)
def test_write_that_took_effect_is_not_sent_again(case, lost):
    """If the response is lost: one write, one read by id or e-mail, applied."""
    operation, line, query, shown, _ = DONE[case]
    (outcome,), _ = play(
        perform(finder(), operation), (line, UNCERTAIN[lost]), (query, page(shown))
    )
    assert (outcome.status, outcome.id, outcome.error) == ("applied", 5, None)
    assert outcome.http_status == UNCERTAIN[lost].status
    assert outcome.aliases == ({"publicProfileId": 905} if case == "create" else {})


@pytest.mark.parametrize("case", DONE)
def test_write_without_effect_is_sent_again(case):
    """Write, read, write; the second write has a higher attempt number."""
    operation, line, query, _, answer = DONE[case]
    seen = page() if case == "create" else page(person(5))
    (outcome,), requests = play(
        perform(finder(), operation), (line, LOST), (query, seen), (line, answer)
    )
    assert (outcome.status, outcome.id) == ("applied", 5)
    assert [request.attempt for request in requests if request.method != "GET"] == [0, 1]
    assert requests[0].body == requests[2].body


@pytest.mark.parametrize("case", DONE)
def test_number_of_attempts_is_limited(case):
    """Writes and reads alternate; in the end reading proves that it was not applied, so it
    failed."""
    operation, line, query, _, _ = DONE[case]
    seen = page() if case == "create" else page(person(5))
    (outcome,), requests = serve(
        perform(finder(), operation),
        lambda request: seen if request.method == "GET" else GATEWAY,
        most=2 * TRIES,
    )
    assert [f"{request.method} {request.path}" for request in requests] == [line, query] * TRIES
    assert [request.attempt for request in requests[::2]] == list(range(TRIES))
    assert (outcome.status, outcome.http_status) == ("failed", 502)
    assert "not applied" in outcome.error


def test_message_of_a_persistent_500_is_reported():
    """The outcome has the status and the portal's message."""
    broken = replace(problem(500, detail="Database is down"), uncertain=True)
    (outcome,), _ = serve(
        perform(finder(), change(mobile="1")),
        lambda request: page(person(5)) if request.method == "GET" else broken,
        most=2 * TRIES,
    )
    assert (outcome.status, outcome.http_status) == ("failed", 500)
    assert "Database is down" in outcome.error


@pytest.mark.parametrize(
    "seen",
    [
        Response(None, None, "could not connect"),
        Response(502, None, "the portal answered 502"),
        problem(403, detail="No scope"),
        ok([]),
        ok({"data": None}),
        ok({"data": [{"id": "5"}]}),
        page(person(5, email=5)),
        page(person(6)),
    ],
    ids=["silent", "502", "403", "list", "no data", "no user", "odd user", "another"],
)
def test_change_that_cannot_be_verified_is_unknown(seen):
    """Without a successful read there is no second write."""
    (outcome,), _ = play(
        perform(finder(), change(mobile="1")), (PRIVATE, GATEWAY), (FIND_USER, seen)
    )
    assert (outcome.status, outcome.http_status, outcome.id) == ("unknown", 502, 5)
    assert "502" in outcome.error


@pytest.mark.parametrize(
    "seen", [page(), GATEWAY, page(person(6))], ids=["empty", "502", "another"]
)
def test_user_who_is_not_found_may_be_inactive(seen):
    """A list may omit inactive users (doubt 7). If the user is not among them, the outcome is
    unknown."""
    inactive = f"{FIND_USER}&status=inactive"
    script = [(PRIVATE, GATEWAY), (FIND_USER, page()), (inactive, seen)]
    (outcome,), _ = play(perform(finder(), change(mobile="1234567")), *script)
    assert (outcome.status, outcome.id) == ("unknown", 5)
    off = person(5, mobile="1234567", status="inactive")
    script[-1] = (inactive, page(off))
    (outcome,), _ = play(perform(finder(), change(mobile="1234567")), *script)
    assert (outcome.status, outcome.id) == ("applied", 5)


@pytest.mark.parametrize(
    "seen",
    [
        GATEWAY,
        problem(403, detail="no"),
        ok([]),
        page(person(5, email=5)),
        page(total=1),
        ok({"data": []}),
        ok({"data": [], "pagination": {"total": "0"}}),
    ],
    ids=str,
)
def test_creation_that_cannot_be_verified_is_unknown(seen):
    """The user may exist, so a second one is not created."""
    (outcome,), _ = play(perform(finder(), newcomer()), (POST, LOST), (FIND_NEW, seen))
    assert (outcome.status, outcome.id) == ("unknown", None)


def test_creation_does_not_match_another_user():
    """A response with other users did not filter by e-mail, so it does not prove that the user
    is missing."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, LOST),
        (FIND_NEW, page(person(6, email="other@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("unknown", None)


@pytest.mark.parametrize("answer", [{}, {"id": "7"}, {"id": None}, []], ids=str)
def test_creation_without_an_id_in_its_response_is_verified(answer):
    """An id must be a number; reading finds the user and the right id."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, ok(answer, 201)),
        (FIND_NEW, page(person(7, email="ana@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 7)


def test_missing_creation_is_sent_again():
    """If reading by e-mail returns an empty list."""
    (outcome,), _ = play(
        perform(finder(), newcomer()), (POST, LOST), (FIND_NEW, page()), (POST, ok(person(7), 201))
    )
    assert (outcome.status, outcome.id) == ("applied", 7)


def test_quoted_role_number_is_explained():
    """Quotes turn the number into a name."""
    portal = finder()
    reason = portal.policy.refuses(change(5, roleId="3"))
    assert reason == "propertyfinder.roleId: to declare a role by number, write 3 unquoted."


def test_email_is_encoded_in_the_query():
    """Plus signs, spaces and ampersands stay part of it."""
    line = f"{LIST}&email=a%2Bb%26c%3D%3F%23%40x.example"
    (outcome,), _ = play(
        perform(finder(), newcomer(email="a+b&c=?#@x.example")),
        (POST, LOST),
        (line, page(person(5, email="A+B&c=?#@x.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 5)


def test_values_that_reading_cannot_verify_end_unknown():
    """A picture by URL: it is safe to send again, and after the last attempt it is unknown."""
    picture = change(avatar={"url": "https://a.example/a.jpg"})
    shown = person(5, public={"imageVariants": {"a": "https://cdn.example/1"}})
    (outcome,), requests = serve(
        perform(finder(), picture),
        lambda request: page(shown) if request.method == "GET" else LOST,
        most=2 * TRIES,
    )
    assert (outcome.status, len(requests)) == ("unknown", 2 * TRIES)
    assert "could not verify" in outcome.error


def test_all_values_of_a_change_are_verified():
    """Texts by language, phones and e-mails in any format, lists in any order."""
    values = {
        "publicEmail": "PUBLIC@agency.example",
        "phone": "+37322000111",
        "bio": {"primary": "P", "secondary": "S"},
        "spokenLanguages": ["ro", "en"],
    }
    shown = {
        "email": "public@agency.example",
        "phone": "+373 22 000-111",
        "bio": {"primary": "P", "secondary": "S"},
        "spokenLanguages": [1, 34],
    }
    script = [(PUBLIC, LOST), (FIND_USER, page(person(5, public=shown)))]
    (outcome,), _ = play(perform(finder(), change(**values)), *script)
    assert outcome.status == "applied"
    for name, other in (("phone", "+373 1"), ("spokenLanguages", [1]), ("bio", {"primary": "P"})):
        seen = page(person(5, public={**shown, name: other}))
        (outcome,), requests = play(
            perform(finder(), change(**values)),
            (PUBLIC, LOST),
            (FIND_USER, seen),
            (PUBLIC, NOTHING),
        )
        assert (outcome.status, len(requests)) == ("applied", 3)


def test_creation_rejected_because_of_the_first_attempt_is_applied():
    """The first attempt took effect after the read, so its own user has the e-mail."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, LOST),
        (FIND_NEW, page()),
        (POST, problem(422, ("/email", "is taken"))),
        (FIND_NEW, page(person(8, email="ana@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 8)
    assert outcome.aliases == {"publicProfileId": 908}


@pytest.mark.parametrize("seen", [page(), GATEWAY], ids=["no user", "unread"])
def test_creation_rejected_for_another_reason_fails(seen):
    """With the portal's message."""
    (outcome,), _ = play(
        perform(finder(), newcomer(lines=LINES)),
        (POST, LOST),
        (FIND_NEW, page()),
        (POST, problem(422, ("/email", "is blocked"))),
        (FIND_NEW, seen),
    )
    assert (outcome.status, outcome.http_status, outcome.path) == ("failed", 422, "email")


@pytest.mark.parametrize("status", [401, 403, None])
def test_second_attempt_without_access_is_not_verified(status):
    """The earlier read showed that the first attempt had no effect, and now reading is not
    allowed."""
    (outcome,), _ = play(
        perform(finder(), change(mobile="1")),
        (PRIVATE, LOST),
        (FIND_USER, page(person(5))),
        (PRIVATE, Response(status, None, "no")),
    )
    assert (outcome.status, outcome.http_status) == ("failed", status)


def test_unfiltered_answers_prove_no_absence():
    """A user who is not among the answers is absent only if the portal followed the filter and
    showed all it found."""
    asked = f"{LIST}&id=5,6"
    inactive = f"{asked}&status=inactive"
    for answers, found in (
        ([page(person(5)), page()], {"5": 5, "6": None}),
        ([page(person(5)), page(person(6))], {"5": 5, "6": 6}),
        ([page(person(5)), GATEWAY], {}),
        ([page(person(5), person(7))], {"5": 5}),
        ([page(person(5), total=9)], {"5": 5}),
        ([GATEWAY], {}),
        ([ok({"data": [{"id": "?"}], "pagination": {"total": 1}})], {}),
    ):
        script = zip((asked, inactive), answers, strict=False)
        agents, _ = play(finder().look_up([5, "6"]), *script)
        assert {each: agent and agent.id for each, agent in agents.items()} == found
