"""Property Finder: text and status formats that its documentation leaves open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conversations import GATEWAY, LOST, PAGE, ok, perform, play, reading, serve, statuses
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.fields import Sort
from reconciler.core.model import (
    Operation,
    Response,
    Source,
)
from reconciler.portals.propertyfinder import table as module
from reconciler.portals.uncertain import TRIES

from .build import (
    FIND_USER,
    JSON,
    LINES,
    LIST,
    NEW,
    NOTHING,
    POST,
    PRIVATE,
    PUBLIC,
    change,
    finder,
    newcomer,
    older_problem,
    page,
    person,
    problem,
    read,
    sent,
)

OBJECTS = problem(400, ("/bio", "must be a string"))
STRINGS = problem(400, ("/bio", "must be an object"))
TEXT = {"bio": {"primary": "P", "secondary": "S"}}


@pytest.mark.parametrize(
    "rejection",
    [
        OBJECTS,
        problem(400, ("#/position/primary", "is not known")),
        problem(400, ("/name", "is odd"), ("/bio", "must be a string")),
        older_problem(400, "/bio must be a string"),
        older_problem(400, "Bad Request"),
        problem(400, ("/somewhere", "is odd")),
        Response(400),
    ],
    ids=["bio", "position", "among others", "older", "nothing", "elsewhere", "empty"],
)
def test_rejected_text_objects_are_retried_as_strings(rejection):
    """If the rejection names a text or nothing at all. The first language is sent, and the note
    names the second as not sent."""
    operation = change(name="N", position={"primary": "A"}, **TEXT)
    (outcome,), requests = play(
        perform(finder(), operation), (PUBLIC, rejection), (PUBLIC, NOTHING)
    )
    assert (outcome.status, outcome.error) == ("applied", None)
    assert outcome.note == ("the portal accepts only one language; not sent: bio.secondary")
    assert sent(requests) == [
        {"name": "N", "bio": {"primary": "P", "secondary": "S"}, "position": {"primary": "A"}},
        {"name": "N", "bio": "P", "position": "A"},
    ]


def test_clearing_a_second_language_sends_an_object():
    """If the portal shows one text as a string, the second language may be hidden behind it."""
    portal = finder()
    play(reading(portal), (LIST, page(person(5, bio="P"))))
    operation = replace(change(bio={"primary": "P", "secondary": ""}), lines={"bio.secondary": 3})
    _, requests = play(perform(portal, operation), (PUBLIC, NOTHING))
    assert sent(requests) == [{"bio": {"primary": "P", "secondary": ""}}]


@pytest.mark.parametrize(
    ("values", "omitted"),
    [
        ({"bio": {"primary": "P", "secondary": "S"}}, "bio.secondary"),
        ({"position": {"secondary": "S"}}, "position.secondary"),
        (
            {"position": {"secondary": "S"}, "bio": {"secondary": "S"}},
            "bio.secondary, position.secondary",
        ),
        ({"bio": {"primary": "P", "secondary": ""}}, None),
        ({"bio": {"primary": "P"}, "position": {"primary": "P"}}, None),
    ],
    ids=str,
)
def test_note_names_languages_that_are_not_sent(values, omitted):
    """Each text by its path. An empty text is not named, since nothing is lost."""
    (outcome,), _ = play(
        perform(finder(), change(**values)),
        (PUBLIC, older_problem(400, "Bad Request")),
        (PUBLIC, NOTHING),
    )
    note = omitted and f"the portal accepts only one language; not sent: {omitted}"
    assert (outcome.status, outcome.note) == ("applied", note)


def test_undeclared_language_is_not_deleted():
    """A string would delete the other language, which no file declares. The error says how to
    continue."""
    operation = replace(change(bio={"primary": "P", "secondary": "S"}), lines={"bio.primary": 3})
    (outcome,), requests = play(perform(finder(), operation), (PUBLIC, OBJECTS))
    assert len(requests) == 1
    assert outcome.status == "failed"
    assert "would delete bio.secondary" in outcome.error
    assert outcome.error.endswith('Declare it, or declare it as "" to delete it')


KEPT = ("bio.secondary",)


@pytest.mark.parametrize(
    "rejection", [OBJECTS, older_problem(400, "Bad Request")], ids=["bio", "nothing"]
)
def test_text_with_an_undeclared_language_is_not_retried_as_a_string(rejection):
    """An update sends the whole text, including the undeclared language. A string cannot hold
    both, so the first rejection is final."""
    portal = finder()
    (outcome,), requests = play(perform(portal, change(kept=KEPT, **TEXT)), (PUBLIC, rejection))
    assert (outcome.status, outcome.note) == ("failed", None)
    assert sent(requests) == [TEXT]
    assert portal.forms.accepts_plain is None


def test_undeclared_language_is_sent_even_if_strings_were_accepted_before():
    """The accepted format of another agent does not delete it; an empty text is not lost."""
    portal = finder()
    play(perform(portal, change(**TEXT)), (PUBLIC, OBJECTS), (PUBLIC, NOTHING))
    (outcome,), requests = play(perform(portal, change(kept=KEPT, **TEXT)), (PUBLIC, NOTHING))
    assert (outcome.status, outcome.note, sent(requests)) == ("applied", None, [TEXT])
    empty = change(kept=KEPT, bio={"primary": "P", "secondary": ""})
    (outcome,), requests = play(perform(portal, empty), (PUBLIC, NOTHING))
    assert (outcome.note, sent(requests)) == (None, [{"bio": "P"}])


def test_all_texts_of_a_request_have_one_format():
    """If one text must stay an object, the others are sent as objects too."""
    portal = finder()
    portal.forms.accepts_plain = True
    values = {"position": {"primary": "A", "secondary": "B"}, **TEXT}
    (outcome,), requests = play(
        perform(portal, change(kept=KEPT, **values)), (PUBLIC, older_problem(400, "no"))
    )
    assert (outcome.status, sent(requests)) == ("failed", [values])


def test_both_languages_in_an_object_need_no_note():
    """Also if the portal shows strings."""
    for users in ([], [person(1, public={"bio": "text"})]):
        portal = finder()
        read(portal, users=users)
        (outcome,), requests = play(perform(portal, change(**TEXT)), (PUBLIC, NOTHING))
        assert (outcome.note, sent(requests)) == (None, [TEXT])


def test_rejected_strings_are_retried_as_objects():
    """A portal may show strings and accept objects."""
    portal = finder()
    read(portal, users=[person(1, public={"bio": "text"})])
    (outcome,), requests = play(
        perform(portal, change(bio={"primary": "P"})), (PUBLIC, STRINGS), (PUBLIC, NOTHING)
    )
    assert (outcome.status, outcome.note) == ("applied", None)
    assert sent(requests) == [{"bio": "P"}, {"bio": {"primary": "P"}}]
    (outcome,), requests = play(perform(portal, change(bio={"primary": "Q"})), (PUBLIC, NOTHING))
    assert (outcome.note, sent(requests)) == (None, [{"bio": {"primary": "Q"}}])


def test_string_format_of_only_a_second_language_is_empty():
    """The first language is empty on the portal, so an empty string is sent for it."""
    (outcome,), requests = play(
        perform(finder(), change(bio={"secondary": "S"})), (PUBLIC, OBJECTS), (PUBLIC, NOTHING)
    )
    assert (outcome.status, sent(requests)) == (
        "applied",
        [{"bio": {"secondary": "S"}}, {"bio": ""}],
    )


def test_creation_retries_texts_in_the_other_format():
    """Inside the profile."""
    rejection = problem(400, ("/publicProfile/bio", "must be a string"))
    (outcome,), requests = play(
        perform(finder(), newcomer(**TEXT)), (POST, rejection), (POST, ok(person(77), 201))
    )
    assert (outcome.status, outcome.id) == ("applied", 77)
    assert outcome.note.endswith("not sent: bio.secondary")
    assert [body["publicProfile"]["bio"] for body in sent(requests)] == [TEXT["bio"], "P"]


def test_accepted_format_is_used_for_later_agents():
    """What the portal accepted for one agent is not tried again for the others, even if their
    requests were planned before."""
    portal = finder()
    first, second, third = portal.steps([change(5, **TEXT), change(6, **TEXT), newcomer(**TEXT)])
    play(portal.perform(first), (PUBLIC, OBJECTS), (PUBLIC, NOTHING))
    (outcome,), requests = play(portal.perform(second), ("PATCH /v1/public-profiles/906", NOTHING))
    assert (outcome.status, sent(requests)) == ("applied", [{"bio": "P"}])
    assert outcome.note.endswith("not sent: bio.secondary")
    (outcome,), requests = play(portal.perform(third), (POST, ok(person(77), 201)))
    assert requests[0].body["publicProfile"]["bio"] == "P"
    (step,) = portal.steps([change(7, **TEXT)])
    assert step.request.body == {"bio": "P"}


def test_lost_response_does_not_settle_the_format():
    """If the connection is lost, the portal may not have accepted the string: the next attempt
    begins with the object again."""
    portal = finder()
    (outcome,), requests = play(
        perform(portal, change(**TEXT)),
        (PUBLIC, OBJECTS),
        (PUBLIC, LOST),
        (FIND_USER, page(person(5))),
        (PUBLIC, OBJECTS),
        (PUBLIC, NOTHING),
    )
    assert outcome.status == "applied"
    assert sent(requests) == [TEXT, {"bio": "P"}, TEXT, {"bio": "P"}]
    assert [request.attempt for request in requests] == [0, 0, 0, 1, 1]
    (outcome,), requests = play(perform(portal, change(**TEXT)), (PUBLIC, NOTHING))
    assert sent(requests) == [{"bio": "P"}]


@pytest.mark.parametrize(
    "answer",
    [
        STRINGS,
        older_problem(400, "Bad Request"),
        problem(401, detail="no"),
        problem(403, detail="no"),
        problem(404, detail="no"),
        problem(409, detail="no"),
        problem(422, ("/bio", "too long")),
        older_problem(429, "Too many requests"),
        Response(302, None, "a redirect"),
        Response(None, None, "could not connect"),
        LOST,
        GATEWAY,
        PAGE,
    ],
    ids=lambda response: f"{response.status}",
)
def test_failed_format_is_not_remembered(answer):
    """Whatever the response was, the next agent begins with the first format again."""
    portal = finder(deactivate_by="status")
    for operation, first in (
        (change(**TEXT), TEXT),
        (change(verb="deactivate", status="inactive"), {"status": "inactive"}),
    ):
        forms = []

        def reply(request, first=first, forms=forms):
            if request.method == "GET":
                return GATEWAY
            forms.append(request.body)
            return older_problem(400, "Bad Request") if request.body == first else answer

        (outcome,), _ = serve(perform(portal, operation), reply, most=4)
        assert outcome.status in ("failed", "unknown")
        assert (outcome.note, len(forms)) == (None, 2)
        assert forms[0] == first != forms[1]
        (outcome,), requests = serve(perform(portal, operation), lambda _: NOTHING)
        assert (outcome.status, outcome.note, sent(requests)) == ("applied", None, [first])


def test_different_error_for_the_second_format_is_reported():
    """If the second rejection is not about the format, it is the error."""
    (outcome,), _ = play(
        perform(finder(), change(lines=LINES, **TEXT)),
        (PUBLIC, OBJECTS),
        (PUBLIC, problem(422, ("/bio", "too long"))),
    )
    assert (outcome.status, outcome.http_status) == ("failed", 422)
    assert (outcome.error, outcome.path) == ("bio: too long", "bio")


BOTH = {"bio": {"primary": "P", "secondary": "S"}, "position": {"primary": "A"}}
FORMS = (("/bio", "must be a string"), ("/position", "must be a string"))


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (problem(400, *FORMS), problem(400, ("/bio", "too long")), "bio: too long"),
        (problem(400, ("/bio", "too long")), problem(400, *FORMS), "bio: too long"),
        (older_problem(400, "/bio a; /position b"), older_problem(400, "/bio c"), "bio: /bio c"),
        (older_problem(400, "/bio c"), older_problem(400, "/bio a; /position b"), "bio: /bio c"),
        (problem(400, ("/bio", "one")), problem(400, ("/bio", "two")), "bio: one"),
        (problem(400, *FORMS), older_problem(400, "/bio too long"), "bio: /bio too long"),
    ],
    ids=["second", "first", "older second", "older first", "as many", "mixed"],
)
def test_rejection_with_fewer_errors_is_reported(first, second, error):
    """The one with more errors is about the format too. With equal counts, the first is
    reported. The next agent begins with the first format again."""
    portal = finder()
    one, two = portal.steps([change(5, lines=LINES, **BOTH), change(6, **BOTH)])
    (outcome,), requests = play(portal.perform(one), (PUBLIC, first), (PUBLIC, second))
    assert (outcome.status, outcome.error, outcome.path) == ("failed", error, "bio")
    assert outcome.source == Source("agents/a.yaml", 14)
    assert sent(requests) == [BOTH, {"bio": "P", "position": "A"}]
    _, requests = play(portal.perform(two), ("PATCH /v1/public-profiles/906", NOTHING))
    assert sent(requests) == [BOTH]


@pytest.mark.parametrize(
    ("operation", "line", "response"),
    [
        (change(phone="1", **TEXT), PUBLIC, problem(400, ("/phone", "is no phone"))),
        (newcomer(**TEXT), POST, problem(422, ("/email", "is taken"))),
        (change(phone="1", **TEXT), PUBLIC, older_problem(400, "/phone is no phone")),
        (change(name="N"), PUBLIC, OBJECTS),
        (change(**TEXT), PUBLIC, problem(422, ("/bio", "must be a string"))),
        (change(**TEXT), PUBLIC, older_problem(422, "Unprocessable")),
        (newcomer(**TEXT), POST, problem(422, ("/publicProfile/bio", "must be a string"))),
        (change(status="inactive"), PRIVATE, problem(422, ("/status", "is not known"))),
        (change(status="inactive"), PRIVATE, older_problem(422, "no")),
        (change(**TEXT), PUBLIC, problem(403, ("/bio", "no"))),
        (change(**TEXT), PUBLIC, problem(409, ("/bio", "no"))),
        (change(**TEXT), PUBLIC, Response(302, None, "a redirect")),
        (change(mobile="1", status="inactive"), PRIVATE, problem(400, ("/mobile", "no"))),
    ],
    ids=[
        "phone", "creation", "older", "no text", "422", "older 422", "422 inside", "422 status",
        "422 off", "403", "409", "302", "mobile",
    ],
)  # fmt: skip
def test_unrelated_rejection_does_not_switch_the_format(operation, line, response):
    """One request, which fails. A 422 is about the value, not about its format."""
    portal = finder(deactivate_by="status")
    (outcome,), _ = play(perform(portal, operation), (line, response))
    assert (outcome.status, outcome.http_status) == ("failed", response.status)


ARCHIVED = "the portal accepts the status archived instead of inactive"


@pytest.mark.parametrize(
    "rejection", [problem(400, ("/status", "is not known")), older_problem(400, "no")]
)
def test_rejected_inactive_status_is_retried_as_archived(rejection):
    """If `archived` is accepted, later agents use it, and each has a note."""
    portal = finder(deactivate_by="status")
    operations = [change(number, verb="deactivate", status="inactive") for number in (5, 6)]
    first, second = portal.steps(operations)
    (outcome,), requests = play(portal.perform(first), (PRIVATE, rejection), (PRIVATE, NOTHING))
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(requests) == [{"status": "inactive"}, {"status": "archived"}]
    (outcome,), requests = play(portal.perform(second), ("PATCH /v1/users/6", NOTHING))
    assert (outcome.note, sent(requests)) == (ARCHIVED, [{"status": "archived"}])
    (outcome,), requests = play(
        perform(portal, change(verb="deactivate", status="inactive")),
        (PRIVATE, rejection),
        (PRIVATE, NOTHING),
    )
    assert (outcome.status, outcome.note) == ("applied", None)
    assert sent(requests) == [{"status": "archived"}, {"status": "inactive"}]


def test_archived_status_found_by_reading_has_a_note():
    """`archived` was sent, and reading shows it."""
    portal = finder(deactivate_by="status")
    portal.forms.inactive = "archived"
    (outcome,), requests = play(
        perform(portal, change(verb="deactivate", status="inactive")),
        (PRIVATE, LOST),
        (FIND_USER, page(person(5, status="archived"))),
    )
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(requests) == [{"status": "archived"}]


def test_lost_archived_status_that_took_effect_is_applied():
    """Reading shows it: the outcome has a note, and later agents use `archived`."""
    portal = finder(deactivate_by="status")
    deactivation = change(verb="deactivate", status="inactive")
    (outcome,), requests = play(
        perform(portal, deactivation),
        (PRIVATE, older_problem(400, "no")),
        (PRIVATE, LOST),
        (FIND_USER, page(person(5, status="archived"))),
    )
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(requests) == [{"status": "inactive"}, {"status": "archived"}]
    (outcome,), requests = play(perform(portal, deactivation), (PRIVATE, NOTHING))
    assert (outcome.note, sent(requests)) == (ARCHIVED, [{"status": "archived"}])


def test_other_changes_have_no_note_about_archived():
    """`active` is sent as declared, like all other values."""
    portal = finder(deactivate_by="status")
    portal.forms.inactive = "archived"
    for operation in (change(status="active"), change(mobile="1")):
        (outcome,), _ = play(perform(portal, operation), (PRIVATE, NOTHING))
        assert (outcome.status, outcome.note) == ("applied", None)


def test_rejected_is_active_switch_is_not_retried():
    """A switch has no alternative value."""
    (outcome,), _ = play(
        perform(finder(), change(verb="deactivate", status="inactive")),
        (PRIVATE, problem(400, ("/isActive", "no"))),
    )
    assert outcome.status == "failed"


def test_rejected_active_status_is_not_retried():
    """`active` has no alternative, so it is not sent twice."""
    (outcome,), _ = play(
        perform(finder(deactivate_by="status"), change(status="active")),
        (PRIVATE, problem(400, ("/status", "no"))),
    )
    assert outcome.status == "failed"


@settings(deadline=None, max_examples=200, database=None)
@given(st.data())
def test_any_responses_lead_to_one_outcome(data):
    """Any rejections, lost responses and listings: the operation ends with one outcome and few
    requests."""
    operation = data.draw(
        st.sampled_from(
            [
                change(mobile="1", roleId=3),
                change(verb="deactivate", status="inactive"),
                change(name="N", **TEXT),
                change(avatar={"url": "https://a.example/a.jpg"}),
                newcomer(**TEXT),
            ]
        )
    )
    errors = st.lists(
        st.tuples(
            st.sampled_from(["/bio", "/status", "/email", "/publicProfile/bio", "/x", ""]),
            st.text(),
        ),
        max_size=2,
    )
    answers = st.one_of(
        st.sampled_from([LOST, GATEWAY, PAGE, NOTHING, Response(None, None, "no"), ok({}, 202)]),
        st.builds(Response, st.sampled_from([200, 201, 400, 403, 404, 409, 422, 429]), JSON),
        st.builds(lambda status, found: problem(status, *found), st.sampled_from([400, 422]), errors),
    )  # fmt: skip
    lists = st.one_of(
        st.sampled_from([page(), page(person(5)), GATEWAY, page(person(9, email=NEW["email"]))]),
        st.builds(ok, JSON),
    )

    def answer(request):
        return data.draw(lists if request.method == "GET" else answers)

    portal = finder(deactivate_by=data.draw(st.sampled_from(["isActive", "status"])))
    outcomes, _ = serve(perform(portal, operation), answer, most=3 * TRIES)
    assert [name for name, _ in statuses(outcomes)] == [operation.name]
    (outcome,) = outcomes
    assert isinstance(outcome.operation, Operation)
    assert outcome.status in ("applied", "failed", "unknown")
    assert (outcome.error is None) == (outcome.status == "applied")
    assert outcome.status != "applied" or outcome.id is not None


@pytest.mark.parametrize("field", [each for each in module.FIELDS if each.sort is Sort.TEXTS])
def test_string_in_a_file_is_the_first_language(field):
    """As declared in the portal's table."""
    assert (field.parts, field.whole) == (("primary", "secondary"), "primary")
