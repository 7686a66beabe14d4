"""Property Finder: forms that the documentation leaves open."""

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

from .talk import (
    JSON,
    LINES,
    LIST,
    LOOK,
    NEW,
    NOTHING,
    POST,
    PRIVATE,
    PUBLIC,
    change,
    finder,
    newcomer,
    older,
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
    "refusal",
    [
        OBJECTS,
        problem(400, ("#/position/primary", "is not known")),
        problem(400, ("/name", "is odd"), ("/bio", "must be a string")),
        older(400, "/bio must be a string"),
        older(400, "Bad Request"),
        problem(400, ("/somewhere", "is odd")),
        Response(400),
    ],
    ids=["bio", "position", "among others", "older", "nothing", "elsewhere", "empty"],
)
def test_texts_that_are_refused_are_tried_as_strings(refusal):
    """If the refusal is about a text, or does not say about what; the first language is sent, and
    it is told that the second one is not."""
    operation = change(name="N", position={"primary": "A"}, **TEXT)
    (outcome,), asked = play(perform(finder(), operation), (PUBLIC, refusal), (PUBLIC, NOTHING))
    assert (outcome.status, outcome.error) == ("applied", None)
    assert outcome.note == ("the portal accepts only one language; not sent: bio.secondary")
    assert sent(asked) == [
        {"name": "N", "bio": {"primary": "P", "secondary": "S"}, "position": {"primary": "A"}},
        {"name": "N", "bio": "P", "position": "A"},
    ]


def test_a_second_language_is_emptied_in_the_form_that_has_one():
    """Where one text is shown there may be another behind it, which a file wants to be empty."""
    portal = finder()
    play(reading(portal), (LIST, page(person(5, bio="P"))))
    operation = replace(change(bio={"primary": "P", "secondary": ""}), lines={"bio.secondary": 3})
    _, asked = play(perform(portal, operation), (PUBLIC, NOTHING))
    assert sent(asked) == [{"bio": {"primary": "P", "secondary": ""}}]


@pytest.mark.parametrize(
    ("values", "left"),
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
def test_a_second_language_that_cannot_be_said_is_told(values, left):
    """Each text by its path; what is empty loses nothing."""
    (outcome,), _ = play(
        perform(finder(), change(**values)),
        (PUBLIC, older(400, "Bad Request")),
        (PUBLIC, NOTHING),
    )
    said = left and f"the portal accepts only one language; not sent: {left}"
    assert (outcome.status, outcome.note) == ("applied", said)


def test_a_text_that_no_file_declares_holds_up_the_others_and_says_how_to_go_on():
    """One text alone would end the other language of it, which somebody wrote on the portal."""
    operation = replace(change(bio={"primary": "P", "secondary": "S"}), lines={"bio.primary": 3})
    (outcome,), asked = play(perform(finder(), operation), (PUBLIC, OBJECTS))
    assert len(asked) == 1
    assert outcome.status == "failed"
    assert "would delete bio.secondary" in outcome.error
    assert outcome.error.endswith('Declare it, or declare it as "" to delete it')


KEPT = ("bio.secondary",)


@pytest.mark.parametrize("refusal", [OBJECTS, older(400, "Bad Request")], ids=["bio", "nothing"])
def test_a_language_that_no_file_declares_is_not_put_an_end_to(refusal):
    """It goes along because a text goes out whole; a string has no room for it, so none is tried,
    and the refusal is told."""
    portal = finder()
    (outcome,), asked = play(perform(portal, change(kept=KEPT, **TEXT)), (PUBLIC, refusal))
    assert (outcome.status, outcome.note) == ("failed", None)
    assert sent(asked) == [TEXT]
    assert portal.forms.accepts_plain is None


def test_a_language_that_no_file_declares_goes_along_whatever_form_was_taken_before():
    """One agent's texts went out as strings; of another one's nothing is lost. Nothing to lose is
    in an empty text."""
    portal = finder()
    play(perform(portal, change(**TEXT)), (PUBLIC, OBJECTS), (PUBLIC, NOTHING))
    (outcome,), asked = play(perform(portal, change(kept=KEPT, **TEXT)), (PUBLIC, NOTHING))
    assert (outcome.status, outcome.note, sent(asked)) == ("applied", None, [TEXT])
    empty = change(kept=KEPT, bio={"primary": "P", "secondary": ""})
    (outcome,), asked = play(perform(portal, empty), (PUBLIC, NOTHING))
    assert (outcome.note, sent(asked)) == (None, [{"bio": "P"}])


def test_one_text_that_would_be_lost_keeps_the_others_in_their_form():
    """A request has one form: the declared language of another text goes as an object too."""
    portal = finder()
    portal.forms.accepts_plain = True
    values = {"position": {"primary": "A", "secondary": "B"}, **TEXT}
    (outcome,), asked = play(
        perform(portal, change(kept=KEPT, **values)), (PUBLIC, older(400, "no"))
    )
    assert (outcome.status, sent(asked)) == ("failed", [values])


def test_both_languages_in_an_object_leave_nothing_to_tell():
    """It was said as it is declared, also where the portal shows strings."""
    for users in ([], [person(1, public={"bio": "text"})]):
        portal = finder()
        read(portal, users=users)
        (outcome,), asked = play(perform(portal, change(**TEXT)), (PUBLIC, NOTHING))
        assert (outcome.note, sent(asked)) == (None, [TEXT])


def test_strings_that_are_refused_are_tried_as_objects():
    """A portal may show strings and take objects."""
    portal = finder()
    read(portal, users=[person(1, public={"bio": "text"})])
    (outcome,), asked = play(
        perform(portal, change(bio={"primary": "P"})), (PUBLIC, STRINGS), (PUBLIC, NOTHING)
    )
    assert (outcome.status, outcome.note) == ("applied", None)
    assert sent(asked) == [{"bio": "P"}, {"bio": {"primary": "P"}}]
    (outcome,), asked = play(perform(portal, change(bio={"primary": "Q"})), (PUBLIC, NOTHING))
    assert (outcome.note, sent(asked)) == (None, [{"bio": {"primary": "Q"}}])


def test_a_string_has_nothing_of_the_second_language():
    """Where only that is declared, the first one is sent as nothing, which it is there."""
    (outcome,), asked = play(
        perform(finder(), change(bio={"secondary": "S"})), (PUBLIC, OBJECTS), (PUBLIC, NOTHING)
    )
    assert (outcome.status, sent(asked)) == ("applied", [{"bio": {"secondary": "S"}}, {"bio": ""}])


def test_a_creations_texts_are_tried_in_the_other_form_too():
    """Inside the profile."""
    refusal = problem(400, ("/publicProfile/bio", "must be a string"))
    (outcome,), asked = play(
        perform(finder(), newcomer(**TEXT)), (POST, refusal), (POST, ok(person(77), 201))
    )
    assert (outcome.status, outcome.id) == ("applied", 77)
    assert outcome.note.endswith("not sent: bio.secondary")
    assert [body["publicProfile"]["bio"] for body in sent(asked)] == [TEXT["bio"], "P"]


def test_a_form_that_was_taken_is_kept_to():
    """What was learned from one agent is not asked of the portal for each of the others, though
    their requests were planned before."""
    portal = finder()
    first, second, third = portal.steps([change(5, **TEXT), change(6, **TEXT), newcomer(**TEXT)])
    play(portal.perform(first), (PUBLIC, OBJECTS), (PUBLIC, NOTHING))
    (outcome,), asked = play(portal.perform(second), ("PATCH /v1/public-profiles/906", NOTHING))
    assert (outcome.status, sent(asked)) == ("applied", [{"bio": "P"}])
    assert outcome.note.endswith("not sent: bio.secondary")
    (outcome,), asked = play(portal.perform(third), (POST, ok(person(77), 201)))
    assert asked[0].body["publicProfile"]["bio"] == "P"
    (step,) = portal.steps([change(7, **TEXT)])
    assert step.request.body == {"bio": "P"}


def test_a_form_that_was_lost_is_not_known_to_be_taken():
    """The string was lost underway, and nothing says that it would have been taken: the next
    attempt begins as the first one did."""
    portal = finder()
    (outcome,), asked = play(
        perform(portal, change(**TEXT)),
        (PUBLIC, OBJECTS),
        (PUBLIC, LOST),
        (LOOK, page(person(5))),
        (PUBLIC, OBJECTS),
        (PUBLIC, NOTHING),
    )
    assert outcome.status == "applied"
    assert sent(asked) == [TEXT, {"bio": "P"}, TEXT, {"bio": "P"}]
    assert [request.attempt for request in asked] == [0, 0, 0, 1, 1]
    (outcome,), asked = play(perform(portal, change(**TEXT)), (PUBLIC, NOTHING))
    assert sent(asked) == [{"bio": "P"}]


@pytest.mark.parametrize(
    "answer",
    [
        STRINGS,
        older(400, "Bad Request"),
        problem(401, detail="no"),
        problem(403, detail="no"),
        problem(404, detail="no"),
        problem(409, detail="no"),
        problem(422, ("/bio", "too long")),
        older(429, "Too many requests"),
        Response(302, None, "a redirect"),
        Response(None, None, "could not connect"),
        LOST,
        GATEWAY,
        PAGE,
    ],
    ids=lambda response: f"{response.status}",
)
def test_a_form_that_had_no_success_is_not_kept_to(answer):
    """Whatever came of it: the next agent begins with the first form again."""
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
            return older(400, "Bad Request") if request.body == first else answer

        (outcome,), _ = serve(perform(portal, operation), reply, most=4)
        assert outcome.status in ("failed", "unknown")
        assert (outcome.note, len(forms)) == (None, 2)
        assert forms[0] == first != forms[1]
        (outcome,), asked = serve(perform(portal, operation), lambda _: NOTHING)
        assert (outcome.status, outcome.note, sent(asked)) == ("applied", None, [first])


def test_another_form_that_is_refused_otherwise_is_told():
    """What is said of the second form is no longer about the form."""
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
    ("first", "second", "said"),
    [
        (problem(400, *FORMS), problem(400, ("/bio", "too long")), "bio: too long"),
        (problem(400, ("/bio", "too long")), problem(400, *FORMS), "bio: too long"),
        (older(400, "/bio a; /position b"), older(400, "/bio c"), "bio: /bio c"),
        (older(400, "/bio c"), older(400, "/bio a; /position b"), "bio: /bio c"),
        (problem(400, ("/bio", "one")), problem(400, ("/bio", "two")), "bio: one"),
        (problem(400, *FORMS), older(400, "/bio too long"), "bio: /bio too long"),
    ],
    ids=["second", "first", "older second", "older first", "as many", "mixed"],
)
def test_of_two_refusals_the_one_with_fewer_errors_is_told(first, second, said):
    """The other one is about the form as well; of as many, the first. The next agent begins with
    the first form again."""
    portal = finder()
    one, two = portal.steps([change(5, lines=LINES, **BOTH), change(6, **BOTH)])
    (outcome,), asked = play(portal.perform(one), (PUBLIC, first), (PUBLIC, second))
    assert (outcome.status, outcome.error, outcome.path) == ("failed", said, "bio")
    assert outcome.source == Source("agents/a.yaml", 14)
    assert sent(asked) == [BOTH, {"bio": "P", "position": "A"}]
    _, asked = play(portal.perform(two), ("PATCH /v1/public-profiles/906", NOTHING))
    assert sent(asked) == [BOTH]


@pytest.mark.parametrize(
    ("operation", "line", "response"),
    [
        (change(phone="1", **TEXT), PUBLIC, problem(400, ("/phone", "is no phone"))),
        (newcomer(**TEXT), POST, problem(422, ("/email", "is taken"))),
        (change(phone="1", **TEXT), PUBLIC, older(400, "/phone is no phone")),
        (change(name="N"), PUBLIC, OBJECTS),
        (change(**TEXT), PUBLIC, problem(422, ("/bio", "must be a string"))),
        (change(**TEXT), PUBLIC, older(422, "Unprocessable")),
        (newcomer(**TEXT), POST, problem(422, ("/publicProfile/bio", "must be a string"))),
        (change(status="inactive"), PRIVATE, problem(422, ("/status", "is not known"))),
        (change(status="inactive"), PRIVATE, older(422, "no")),
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
def test_a_refusal_of_something_else_is_not_answered_with_another_form(operation, line, response):
    """One request, and it failed; a 422 is about what is said and not about how."""
    portal = finder(deactivate_by="status")
    (outcome,), _ = play(perform(portal, operation), (line, response))
    assert (outcome.status, outcome.http_status) == ("failed", response.status)


ARCHIVED = "the portal accepts the status archived instead of inactive"


@pytest.mark.parametrize("refusal", [problem(400, ("/status", "is not known")), older(400, "no")])
def test_an_ending_that_is_refused_is_tried_in_the_other_word(refusal):
    """`inactive` here, `archived` there: then it is kept to, and told each time."""
    portal = finder(deactivate_by="status")
    ends = [change(number, verb="deactivate", status="inactive") for number in (5, 6)]
    first, second = portal.steps(ends)
    (outcome,), asked = play(portal.perform(first), (PRIVATE, refusal), (PRIVATE, NOTHING))
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(asked) == [{"status": "inactive"}, {"status": "archived"}]
    (outcome,), asked = play(portal.perform(second), ("PATCH /v1/users/6", NOTHING))
    assert (outcome.note, sent(asked)) == (ARCHIVED, [{"status": "archived"}])
    (outcome,), asked = play(
        perform(portal, change(verb="deactivate", status="inactive")),
        (PRIVATE, refusal),
        (PRIVATE, NOTHING),
    )
    assert (outcome.status, outcome.note) == ("applied", None)
    assert sent(asked) == [{"status": "archived"}, {"status": "inactive"}]


def test_what_is_found_done_in_the_other_word_is_told_too():
    """Archived is what was sent, and what reading shows."""
    portal = finder(deactivate_by="status")
    portal.forms.inactive = "archived"
    (outcome,), asked = play(
        perform(portal, change(verb="deactivate", status="inactive")),
        (PRIVATE, LOST),
        (LOOK, page(person(5, status="archived"))),
    )
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(asked) == [{"status": "archived"}]


def test_an_ending_in_the_other_word_that_was_lost_and_took_effect_is_a_success():
    """Reading shows it: it is told, and the word is kept to."""
    portal = finder(deactivate_by="status")
    off = change(verb="deactivate", status="inactive")
    (outcome,), asked = play(
        perform(portal, off),
        (PRIVATE, older(400, "no")),
        (PRIVATE, LOST),
        (LOOK, page(person(5, status="archived"))),
    )
    assert (outcome.status, outcome.note) == ("applied", ARCHIVED)
    assert sent(asked) == [{"status": "inactive"}, {"status": "archived"}]
    (outcome,), asked = play(perform(portal, off), (PRIVATE, NOTHING))
    assert (outcome.note, sent(asked)) == (ARCHIVED, [{"status": "archived"}])


def test_who_is_activated_hears_nothing_of_another_word():
    """`active` is said as it is declared, whatever an ending is called; and so is the rest."""
    portal = finder(deactivate_by="status")
    portal.forms.inactive = "archived"
    for operation in (change(status="active"), change(mobile="1")):
        (outcome,), _ = play(perform(portal, operation), (PRIVATE, NOTHING))
        assert (outcome.status, outcome.note) == ("applied", None)


def test_an_ending_by_the_switch_has_no_other_word():
    """There is nothing that could be said otherwise."""
    (outcome,), _ = play(
        perform(finder(), change(verb="deactivate", status="inactive")),
        (PRIVATE, problem(400, ("/isActive", "no"))),
    )
    assert outcome.status == "failed"


def test_a_beginning_has_no_other_word():
    """`active` is `active`; it is not sent twice."""
    (outcome,), _ = play(
        perform(finder(deactivate_by="status"), change(status="active")),
        (PRIVATE, problem(400, ("/status", "no"))),
    )
    assert outcome.status == "failed"


@settings(deadline=None, max_examples=200, database=None)
@given(st.data())
def test_an_operation_has_one_outcome_whatever_the_portal_says(data):
    """Any refusals, losses, odd answers and lists: it ends, with one outcome and few requests."""
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
def test_one_string_in_a_file_is_the_first_language(field):
    """The tables say so, for each text."""
    assert (field.parts, field.whole) == (("primary", "secondary"), "primary")
