"""Property Finder: writes whose outcome is uncertain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, perform, play, serve

from reconciler.core.model import (
    Response,
)
from reconciler.portals.uncertain import TRIES

from .talk import (
    LINES,
    LIST,
    LOOK,
    LOOK_NEW,
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
    "private": (change(firstName="Ion"), PRIVATE, LOOK, person(5, firstName="Ion"), NOTHING),
    "public": (change(name="Ion"), PUBLIC, LOOK, person(5, public={"name": "Ion"}), NOTHING),
    "off": (
        change(verb="deactivate", status="inactive"),
        PRIVATE,
        LOOK,
        person(5, status="archived"),
        NOTHING,
    ),
    "create": (
        newcomer(),
        POST,
        LOOK_NEW,
        person(5, email="ana@agency.example"),
        ok(person(5), 201),
    ),
}
UNCERTAIN = {"lost": LOST, "502": GATEWAY, "html": PAGE}


@pytest.mark.parametrize("case", DONE)
@pytest.mark.parametrize("lost", UNCERTAIN)
def test_what_reading_shows_as_done_is_not_sent_again(case, lost):
    """Lost after it took effect: one write, one look by id or e-mail, applied."""
    operation, line, look, shown, _ = DONE[case]
    (outcome,), _ = play(perform(finder(), operation), (line, UNCERTAIN[lost]), (look, page(shown)))
    assert (outcome.status, outcome.id, outcome.error) == ("applied", 5, None)
    assert outcome.http_status == UNCERTAIN[lost].status
    assert outcome.aliases == ({"publicProfileId": 905} if case == "create" else {})


@pytest.mark.parametrize("case", DONE)
def test_what_reading_shows_as_undone_is_sent_again(case):
    """Lost before it took effect: write, look, write; the second goes out as a later attempt."""
    operation, line, look, _, answer = DONE[case]
    seen = page() if case == "create" else page(person(5))
    (outcome,), asked = play(
        perform(finder(), operation), (line, LOST), (look, seen), (line, answer)
    )
    assert (outcome.status, outcome.id) == ("applied", 5)
    assert [request.attempt for request in asked if request.method != "GET"] == [0, 1]
    assert asked[0].body == asked[2].body


@pytest.mark.parametrize("case", DONE)
def test_what_stays_undone_fails_after_bounded_tries(case):
    """Write and look in turn; in the end it is certain that it was not done: failed."""
    operation, line, look, _, _ = DONE[case]
    seen = page() if case == "create" else page(person(5))
    (outcome,), asked = serve(
        perform(finder(), operation),
        lambda request: seen if request.method == "GET" else GATEWAY,
        most=2 * TRIES,
    )
    assert [f"{request.method} {request.path}" for request in asked] == [line, look] * TRIES
    assert [request.attempt for request in asked[::2]] == list(range(TRIES))
    assert (outcome.status, outcome.http_status) == ("failed", 502)
    assert "not applied" in outcome.error


def test_a_portal_that_breaks_for_ever_is_quoted():
    """A 500 has words too, and they are in the report beside the status."""
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
        page(),
        page(person(6)),
    ],
    ids=["silent", "502", "403", "list", "no data", "no user", "odd user", "nobody", "another"],
)
def test_a_change_that_cannot_be_looked_at_is_unknown_and_not_sent_again(seen):
    """Without a look there is no second write."""
    (outcome,), _ = play(perform(finder(), change(mobile="1")), (PRIVATE, GATEWAY), (LOOK, seen))
    assert (outcome.status, outcome.http_status, outcome.id) == ("unknown", 502, 5)
    assert "502" in outcome.error


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
def test_a_creation_that_cannot_be_looked_for_is_unknown_and_not_sent_again(seen):
    """It may be there: a second one is not risked."""
    (outcome,), _ = play(perform(finder(), newcomer()), (POST, LOST), (LOOK_NEW, seen))
    assert (outcome.status, outcome.id) == ("unknown", None)


def test_a_creation_is_not_found_in_somebody_else():
    """A portal that shows others did not look for the e-mail: that is no proof of absence."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, LOST),
        (LOOK_NEW, page(person(6, email="other@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("unknown", None)


@pytest.mark.parametrize("answer", [{}, {"id": "7"}, {"id": None}, []], ids=str)
def test_a_creation_whose_answer_does_not_say_who_it_is_is_looked_for(answer):
    """A number as a text is none; the user is there, and is told by the right one."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, ok(answer, 201)),
        (LOOK_NEW, page(person(7, email="ana@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 7)


def test_a_creation_that_is_not_there_is_sent_again():
    """An empty answer to the question for the e-mail."""
    (outcome,), _ = play(
        perform(finder(), newcomer()), (POST, LOST), (LOOK_NEW, page()), (POST, ok(person(7), 201))
    )
    assert (outcome.status, outcome.id) == ("applied", 7)


def test_a_role_by_a_number_in_quotes_is_explained():
    """Quotes make it a name, which nobody means."""
    portal = finder()
    reason = portal.policy.refuses(change(5, roleId="3"))
    assert reason == "propertyfinder.roleId: to declare a role by number, write 3 unquoted."


def test_an_address_is_encoded_in_the_question():
    """Plus signs, blanks and ampersands stay part of it."""
    line = f"{LIST}&email=a%2Bb%26c%3D%3F%23%40x.example"
    (outcome,), _ = play(
        perform(finder(), newcomer(email="a+b&c=?#@x.example")),
        (POST, LOST),
        (line, page(person(5, email="A+B&c=?#@x.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 5)


def test_what_reading_cannot_say_is_sent_again_and_ends_unknown():
    """A picture by its URL: sending twice does no harm, and after the last try it stays open."""
    picture = change(avatar={"url": "https://a.example/a.jpg"})
    shown = person(5, public={"imageVariants": {"a": "https://cdn.example/1"}})
    (outcome,), asked = serve(
        perform(finder(), picture),
        lambda request: page(shown) if request.method == "GET" else LOST,
        most=2 * TRIES,
    )
    assert (outcome.status, len(asked)) == ("unknown", 2 * TRIES)
    assert "could not verify" in outcome.error


def test_all_values_of_a_change_are_looked_at():
    """Texts by language, phones and e-mails however they are written, lists in any order."""
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
    script = [(PUBLIC, LOST), (LOOK, page(person(5, public=shown)))]
    (outcome,), _ = play(perform(finder(), change(**values)), *script)
    assert outcome.status == "applied"
    for name, other in (("phone", "+373 1"), ("spokenLanguages", [1]), ("bio", {"primary": "P"})):
        seen = page(person(5, public={**shown, name: other}))
        (outcome,), asked = play(
            perform(finder(), change(**values)), (PUBLIC, LOST), (LOOK, seen), (PUBLIC, NOTHING)
        )
        assert (outcome.status, len(asked)) == ("applied", 3)


def test_a_second_creation_that_is_refused_because_of_the_first_is_applied():
    """The first took effect after the look: the e-mail is taken, by whom we made."""
    (outcome,), _ = play(
        perform(finder(), newcomer()),
        (POST, LOST),
        (LOOK_NEW, page()),
        (POST, problem(422, ("/email", "is taken"))),
        (LOOK_NEW, page(person(8, email="ana@agency.example"))),
    )
    assert (outcome.status, outcome.id) == ("applied", 8)
    assert outcome.aliases == {"publicProfileId": 908}


@pytest.mark.parametrize("seen", [page(), GATEWAY], ids=["nobody", "unread"])
def test_a_second_creation_that_is_refused_for_its_own_sake_fails(seen):
    """The portal says why, and that is what is told."""
    (outcome,), _ = play(
        perform(finder(), newcomer(lines=LINES)),
        (POST, LOST),
        (LOOK_NEW, page()),
        (POST, problem(422, ("/email", "is blocked"))),
        (LOOK_NEW, seen),
    )
    assert (outcome.status, outcome.http_status, outcome.path) == ("failed", 422, "email")


@pytest.mark.parametrize("status", [401, 403, None])
def test_a_second_try_without_access_is_not_looked_at(status):
    """The look before said that the first did nothing, and now nothing can be read."""
    (outcome,), _ = play(
        perform(finder(), change(mobile="1")),
        (PRIVATE, LOST),
        (LOOK, page(person(5))),
        (PRIVATE, Response(status, None, "no")),
    )
    assert (outcome.status, outcome.http_status) == ("failed", status)
