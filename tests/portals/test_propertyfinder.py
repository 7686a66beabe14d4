"""Property Finder without a wire: what it asks, what it sends, and what it makes of the answers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import Sort
from reconciler.core.limits import Limits
from reconciler.core.model import (
    Desired,
    Live,
    Operation,
    PortalState,
    Request,
    Response,
    Session,
    Source,
)
from reconciler.core.plan import draft
from reconciler.core.plan_json import request_bytes
from reconciler.core.selection import Selection
from reconciler.errors import AnswerError, PortalError
from reconciler.portals import propertyfinder as module
from reconciler.portals.registry import PORTALS
from reconciler.portals.uncertain import TRIES

from .talk import GATEWAY, LOST, PAGE, ok, perform, play, reading, serve, statuses
from .talk_propertyfinder import (
    LIST,
    LOOK,
    LOOK_NEW,
    NEW,
    NOTHING,
    POST,
    PRIVATE,
    PUBLIC,
    ROLES,
    SECRETS,
    change,
    finder,
    newcomer,
    older,
    page,
    person,
    problem,
    profile,
    roles,
    wanted,
)

TOKEN = "POST /v1/auth/token"


def ids(listing):
    """Whom a listing shows."""
    return [agent.id for agent in listing.agents]


def sent(asked):
    """The bodies of what was written, in their order."""
    return [request.body for request in asked if request.method != "GET"]


# What the portal is


def test_the_configuration_says_what_is_allowed():
    """Each key of the section has its part in the policy."""
    assert PORTALS["propertyfinder"] is type(finder())
    usual = finder().policy
    assert (usual.order, usual.create, usual.recall) == (("id", "email"), True, True)
    assert (usual.removal, usual.off, usual.hold) == (None, ("status", "inactive"), False)
    assert (usual.by_handle, usual.replaces) == (False, False)
    other = finder(create="never", on_removed="deactivate", match=["email"])
    other.hold = True
    other = other.policy
    assert (other.order, other.create, other.recall) == (("email",), False, False)
    assert (other.removal, other.hold) == ("deactivate", True)


def test_a_creation_needs_what_the_vendor_requires():
    """E-mail, both names, the mobile, the role and the public name."""
    needs = set(finder().policy.needs)
    assert needs == {"email", "firstName", "lastName", "mobile", "roleId", "name"}


def test_the_address_has_no_slash_at_its_end():
    """Whatever the configuration has."""
    assert finder(url="https://a.example/pf/").url == "https://a.example/pf"


def test_the_limits_are_the_documented_ones():
    """650 requests a minute, of which 60 for a token, wherever that is asked for."""
    for path in ("/v1/auth/token", "/oauth/token"):
        everything, token = finder(token_path=path).rate_limits
        assert (everything.per_minute, token.per_minute) == (650, 60)
        assert everything.counts(Request("GET", "/v1/users"))
        assert token.counts(Request("POST", path))
        assert not token.counts(Request("POST", "/v1/users"))


def test_each_attribute_has_one_name_here_and_one_there():
    """No two attributes share a name in the files, and each has its place in the bodies."""
    names = [each.name for each in module.FIELDS]
    assert len(set(names)) == len(names) == len(module.PRIVATE) + len(module.PUBLIC)
    tables = (module.PRIVATE, module.PUBLIC)
    other = {
        each.name: there for table in tables for there, each in table.items() if each.name != there
    }
    assert other == {"publicEmail": "email", "avatar": "imageUrl"}


def test_visitors_see_the_public_profile_and_nothing_else():
    """The login, the mobile and the role are nobody's business who reads a preview."""
    hidden = {each.name for each in module.FIELDS if not each.public}
    assert hidden == set(module.PRIVATE) == {
        "email", "firstName", "lastName", "mobile", "roleId", "status",
    }  # fmt: skip


def test_a_status_that_is_not_taken_has_another_form():
    """What to do is in the configuration; no other value has such an advice."""
    advice = {each.name: each.advice for each in module.FIELDS if each.advice}
    assert set(advice) == {"status"}
    assert "deactivate_by in portals.propertyfinder" in advice["status"]


def test_what_finds_a_user():
    """The id, and the login in any letter case, which an update moves; a mobile finds nobody."""
    assert [(each.name, each.rule, each.moves, each.spelling) for each in module.IDENTIFIERS] == [
        ("id", "pin", None, "propertyfinder.id"),
        ("email", "key", "update", "propertyfinder.email"),
        ("mobile", "hint", None, "propertyfinder.mobile"),
    ]
    _, login, mobile = module.IDENTIFIERS
    assert login.canonical("Ana@Agency.example") == login.canonical("ana@agency.example")
    assert mobile.canonical("+373 69 000-005") == mobile.canonical("+37369000005")


def test_the_languages_are_the_documented_ones():
    """As many as the reference has, each number once, with the holes that it has."""
    numbers = module.LANGUAGES.values()
    assert len(set(numbers)) == len(module.LANGUAGES) == 63
    assert not {17, 28, 31, 46, 48, 58, 63} & set(numbers)
    assert [module.LANGUAGES[code] for code in ("en", "ar", "ru", "ro", "yue", "sd")] == [
        1, 2, 6, 34, 40, 70,
    ]  # fmt: skip
    assert {module.LANGUAGES[code]: code for code in module.LANGUAGES} == module.CODES


# Logging in


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("path", ["/v1/auth/token", "/oauth/token"])
def test_a_token_is_asked_for_and_used(status, path):
    """Key and secret go out once, to the configured address; the token, and the form that errors
    are to have, with each request from then on."""
    answer = {"accessToken": "tok", "tokenType": "Bearer", "expiresIn": 1800}
    session, asked = play(
        finder(token_path=path).login(SECRETS), (f"POST {path}", ok(answer, status))
    )
    headers = {"Authorization": "Bearer tok", "X-PF-Error-Format": "problem-json-v2"}
    assert session == Session(headers, 1800.0)
    key, secret = SECRETS.values()
    assert asked == [Request("POST", path, {"apiKey": key, "apiSecret": secret}, asks=True)]
    assert not asked[0].writes


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (0.5, 0.5),
        (0, 60.0),
        (-5, 60.0),
        (None, 60.0),
        ("1800", 60.0),
        ([1800], 60.0),
        (10**400, 86400.0),
        (float("inf"), 86400.0),
        (float("nan"), 60.0),
    ],
    ids=lambda value: str(value)[:9],
)
def test_a_token_of_an_odd_duration_is_used_for_a_while(said, seconds):
    """What is no number of seconds is a minute, and nothing is longer than a day."""
    answer = {"accessToken": "tok", "expiresIn": said}
    session, _ = play(finder().login(SECRETS), (TOKEN, ok(answer)))
    assert session.seconds == seconds


def refusal(response, times=1):
    """What a login says that got this answer, so many times."""
    said, _ = play(finder().login(SECRETS), *[(TOKEN, response)] * times)
    assert isinstance(said, Response)
    return said


KEYS = ["PROPERTYFINDER_API_KEY", "PROPERTYFINDER_API_SECRET"]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (problem(400, ("/apiKey", "has to be 40 characters")), ["40 characters", *KEYS]),
        (problem(401, detail="Unknown key"), ["Unknown key", *KEYS]),
        (older(403, "Key is blocked"), ["Key is blocked", *KEYS]),
        (older(422, "no"), ["no", *KEYS]),
        (older(404, "Not Found"), ["Not Found", "/v1/auth/token", "token_path"]),
        (older(405, "POST"), ["POST", "/v1/auth/token", "token_path"]),
        (older(429, "Too many requests"), ["Too many requests"]),
        (Response(500, None, "the portal answered 500"), ["the portal answered 500"]),
        (Response(302, None, "a redirect; none is followed"), ["redirect"]),
        (Response(None, None, "could not connect to atlas (refused)"), ["could not connect"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_a_refused_login_says_why_and_what_to_do(response, words):
    """The portal's own words, and what to look at."""
    said = refusal(response)
    assert said.error.startswith("Property Finder ")
    assert [word for word in words if word not in said.error] == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "tok",
        {},
        {"token": "tok"},
        {"accessToken": None},
        {"accessToken": ""},
        {"accessToken": 5},
        {"accessToken": "two words"},
        {"accessToken": "line\nend"},
        {"accessToken": "Ж"},
    ],
    ids=str,
)
def test_an_answer_without_a_usable_token_is_an_error(body):
    """A token that no header can carry is none. It may be a slip, so it is asked for again."""
    error = "Property Finder answered without a token; that is not as documented."
    assert refusal(ok(body), times=3).error == error


@pytest.mark.parametrize("status", [200, 201, 202, 400, 404, 422, 500])
def test_a_refused_login_is_not_taken_for_the_answer_to_a_request(status):
    """Whoever sent a change gets to see the login's refusal in place of an answer: neither its 200
    nor its 404 says anything of the change."""
    times = 3 if status in (200, 201) else 1
    said = refusal(ok({"accessToken": None, "data": [], "id": 5}, status), times)
    assert (said.status, said.body) == (None, None)
    for operation, line in ((change(name="New"), PUBLIC), (newcomer(bio={"primary": "x"}), POST)):
        (outcome,), _ = play(perform(finder(), operation), (line, said))
        assert (outcome.status, outcome.error) == ("failed", said.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, said))
    assert str(caught.value) == said.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_once_wherever_it_shows(status):
    """The words of the login stand alone, with the status that ends the portal's run."""
    said = refusal(older(status, "Unknown key"))
    assert said.status == status
    (outcome,), _ = play(perform(finder(), change(name="New")), (PUBLIC, said))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", status, said.error)
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, said))
    assert str(caught.value) == said.error


@pytest.mark.parametrize(
    ("response", "times"),
    [(older(401, "no"), 1), (ok({}), 3), (LOST, 1)],
    ids=["401", "200", "lost"],
)
def test_no_secret_is_in_what_a_login_says(response, times):
    """Neither the key nor the secret gets into a message, whatever went wrong."""
    said = refusal(response, times)
    assert said.error
    assert [secret for secret in SECRETS.values() if secret in repr(said)] == []


# Reading: pages


def test_one_page_is_whole():
    """One request, and everybody in it."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), person(2))))
    assert (ids(listing), listing.complete) == ([1, 2], True)


@pytest.mark.parametrize("pages", [0, 1, None])
def test_an_empty_agency_is_whole(pages):
    """Nobody there, and nobody more to come, whatever the number of pages is called."""
    listing, _ = play(reading(finder()), (LIST, page(totalPages=pages)))
    assert (ids(listing), listing.complete) == ([], True)


def numbered(number):
    """The request for a page."""
    return f"GET /v1/users?page={number}&perPage=100"


@pytest.mark.parametrize(
    "marks",
    [
        {"nextPage": 2, "totalPages": 2},
        {"nextPage": "2", "totalPages": None},
        {"nextPage": "/v1/users?page=2", "totalPages": 1},
        {"nextPage": None, "totalPages": 2},
        {"nextPage": True, "totalPages": "2"},
    ],
    ids=str,
)
def test_either_marker_leads_to_the_next_page(marks):
    """A next page, whatever it is called, or more pages than were read."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), total=2, **marks)),
        (numbered(2), page(person(2), total=2, totalPages=2)),
    )
    assert (ids(listing), listing.complete) == ([1, 2], True)


@pytest.mark.parametrize("nothing", [None, "", False, 0])
def test_a_marker_that_says_no_is_the_end(nothing):
    """Null, empty, false and 0 are no next page; pages that are no number say nothing."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), nextPage=nothing, totalPages=None)))
    assert (ids(listing), listing.complete) == ([1], True)


def test_a_smaller_page_than_was_asked_for_is_followed():
    """The portal may give fewer a page than the 100 that it is asked for."""
    answers = {
        numbered(number): page(person(number), total=3, totalPages=3, perPage=1)
        for number in (1, 2, 3)
    }
    listing, asked = serve(
        reading(finder()), lambda request: answers[f"{request.method} {request.path}"]
    )
    assert (ids(listing), listing.complete, len(asked)) == ([1, 2, 3], True, 3)


def test_a_total_larger_than_what_came_is_not_whole():
    """Somebody is there who was not shown: nobody may be taken for absent."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), total=2)))
    assert (ids(listing), listing.complete) == ([1], False)


@pytest.mark.parametrize("total", [None, "1", 1.0, True, [1]], ids=str)
def test_a_list_without_a_total_is_not_known_to_be_whole(total):
    """The total is what says that nobody is missing."""
    answer = page(person(1))
    answer.body["pagination"]["total"] = total
    listing, _ = play(reading(finder()), (LIST, answer))
    assert (ids(listing), listing.complete) == ([1], False)


def test_a_user_that_two_pages_show_is_one_as_seen_last():
    """A list that shifted while it was read shows somebody twice, and misses nobody."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), person(2), total=3, nextPage=2)),
        (numbered(2), page(person(2, status="inactive"), person(3), total=3)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)
    assert listing.agents[1].values["status"] == "inactive"


def test_a_user_that_slipped_between_pages_leaves_the_list_open():
    """Somebody was taken off page 1 while it was read, so another moved there unseen."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), person(2), total=4, nextPage=2)),
        (numbered(2), page(person(4), total=4)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 4], False)


@pytest.mark.parametrize("marks", [{"nextPage": 2}, {"totalPages": 9}], ids=str)
@pytest.mark.parametrize(("total", "whole"), [(2, True), (1, True), (3, False), ("2", False)])
def test_a_circle_ends_and_is_whole_where_the_total_is_reached(marks, total, whole):
    """A portal that shows the same page again and again has shown everybody if these are as many
    as it says that there are; else somebody may be missing."""
    answer = page(person(1), person(2), total=total, **marks)
    listing, asked = serve(reading(finder()), lambda _: answer)
    assert (ids(listing), listing.complete) == ([1, 2], whole)
    assert len(asked) == 2


def test_a_circle_of_several_pages_is_whole_where_the_total_is_reached():
    """After the last page the first one comes again: everybody was shown."""
    one, two = (page(person(each), total=2, nextPage=3 - each) for each in (1, 2))
    listing, _ = play(reading(finder()), (numbered(1), one), (numbered(2), two), (numbered(3), one))
    assert (ids(listing), listing.complete) == ([1, 2], True)


def test_pages_without_end_are_left(monkeypatch):
    """A portal that invents users for ever is left after a bounded number of pages."""
    monkeypatch.setattr(module, "PAGES", 20)
    count = iter(range(10**6))
    listing, asked = serve(
        reading(finder()), lambda _: page(person(next(count)), nextPage=2), most=30
    )
    assert not listing.complete
    assert len(listing.agents) == len(asked) == 19


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (problem(401, detail="Token expired"), ["Token expired", "does not take the token"]),
        (problem(403, detail="No scope"), ["No scope", "users:read"]),
        (older(404, "Cannot GET"), ["Cannot GET", "portals.propertyfinder.url"]),
        (problem(400, ("/perPage", "too many")), ["too many", "could not be read"]),
        (older(429, "Too many requests"), ["Too many requests"]),
        (Response(302, None, "the portal answered 302, a redirect; none is followed"), ["302"]),
        (Response(502, None, "the portal answered 502"), ["502"]),
        (Response(None, None, "could not connect to atlas (refused)"), ["connect"]),
        (Response(200, None, "the portal answered 200 with something …"), ["`data`"]),
        (ok([]), ["`data`", "`pagination`"]),
        (ok("none"), ["`data`"]),
        (ok({"data": []}), ["`pagination`"]),
        (ok({"data": [], "pagination": None}), ["`pagination`"]),
        (ok({"data": [], "pagination": []}), ["`pagination`"]),
        (ok({"data": None, "pagination": {}}), ["`data`"]),
        (ok({"data": {"1": person(1)}, "pagination": {}}), ["`data`"]),
        (ok({"items": [], "pagination": {}}), ["`data`"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_a_list_that_cannot_be_read_is_an_error_in_words(response, words):
    """The portal's own words, and what to do."""
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, response))
    assert "Property Finder" in str(caught.value)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_page_that_fails_later_is_an_error():
    """Half of the users is not passed off as all of them."""
    with pytest.raises(PortalError, match="502"):
        play(
            reading(finder()),
            (numbered(1), page(person(1), total=2, nextPage=2)),
            (numbered(2), Response(502, None, "the portal answered 502")),
        )


# Reading: roles


def read(portal, *desired, answer=None, users=()):
    """What a read makes of these agents where the portal has these roles."""
    script = [] if answer is None else [(ROLES, answer)]
    (listing, said), _ = play(portal.read(desired), *script, (LIST, page(*users)))
    return listing, said


def test_roles_are_asked_for_only_where_a_file_names_one():
    """A number, or nothing, needs no list of roles, and none of the rights to read it."""
    portal = finder()
    _, (one, other) = read(portal, wanted(roleId=3), wanted(name="x"))
    assert (one.values, other.values) == ({"roleId": 3}, {"name": "x"})
    assert portal.roles == {}


def planned(portal, listing, *desired):
    """What is to be done for these agents where the portal shows this."""
    return draft(
        desired,
        listing,
        PortalState(),
        Catalogue(portal.name, portal.fields, portal.identifiers, portal.policy),
        limits=Limits(1.0, 1.0, 0),
        selection=Selection(),
    )


def test_a_role_may_be_named():
    """The name is the number everywhere: in what is wanted, in what is shown, in what is sent."""
    portal = finder()
    listing, (named, by_number, neither) = read(
        portal,
        wanted(roleId="Agent"),
        wanted(roleId=1),
        wanted(name="x"),
        answer=roles("Admin", "Decision maker", "Agent"),
        users=[person(each, roleId=role) for each, role in enumerate((3, 1, 77, None), 1)],
    )
    assert [agent.values["roleId"] for agent in listing.agents] == [3, 1, 77, None]
    assert [each.values for each in (named, by_number, neither)] == [
        {"roleId": 3},
        {"roleId": 1},
        {"name": "x"},
    ]
    (step,) = portal.steps([change(**named.values)])
    assert step.request.body == {"roleId": "3"}
    (step,) = portal.steps([newcomer(**named.values)])
    assert step.request.body["roleId"] == 3


def test_nothing_but_the_role_of_an_agent_is_translated():
    """Whoever declares it stays who they are, with all the rest, and so do those beside."""
    one = replace(wanted(roleId="Agent", name="x"), lines={"roleId": 9})
    other = wanted(roleId=7)
    _, (first, second) = read(finder(), one, other, answer=roles("Agent"))
    assert first == replace(one, values={"roleId": 1, "name": "x"})
    assert second == other


def test_a_named_role_that_the_user_has_is_no_change():
    """A name and a number are the same role; another one is a change to the number."""
    portal = finder()
    listing, desired = read(
        portal, wanted(roleId="agent"), answer=roles("Admin", "Agent"), users=[person(5, roleId=2)]
    )
    assert planned(portal, listing, *desired).operations == ()
    listing, desired = read(portal, wanted(roleId="Agent"), users=[person(5, roleId=1)])
    made = planned(portal, listing, *desired)
    assert [each.values for each in made.operations] == [{"roleId": 2}]
    assert [(each.before, each.after) for each in made.entries[0].changes] == [(1, 2)]


def test_roles_are_asked_for_once():
    """The read after an apply knows them still."""
    portal = finder()
    read(portal, wanted(roleId="Agent"), answer=roles("Agent"))
    _, (again,) = read(portal, wanted(roleId="agent"))
    assert again.values == {"roleId": 1}


def test_a_role_is_named_in_any_letter_case():
    """`agent` is the Agent that the portal has, if it has no other such."""
    _, (named,) = read(finder(), wanted(roleId="aGENT"), answer=roles("Admin", "Agent"))
    assert named.values == {"roleId": 2}


def test_an_exact_name_is_that_role_whatever_else_is_alike():
    """Of two roles that differ in letter case only, the one that is written is meant."""
    for names in (("Agent", "agent"), ("agent", "Agent")):
        portal = finder()
        _, (named,) = read(portal, wanted(roleId="Agent"), answer=roles(*names))
        assert named.values == {"roleId": names.index("Agent") + 1}
        assert portal.policy.refuses(change(**named.values)) is None


def test_a_name_that_is_like_two_roles_is_a_conflict():
    """Neither of two is guessed; both are named."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="AGENT"), answer=roles("Agent", "agent"))
    assert named.values == {"roleId": "AGENT"}
    said = portal.policy.refuses(change(**named.values))
    assert said == "propertyfinder.roleId: the portal has no role AGENT. Its roles: Agent, agent."


def test_a_name_that_two_roles_have_is_a_conflict():
    """The numbers to choose from are told; one of them is no conflict."""
    portal = finder()
    listing, (named, numbered) = read(
        portal,
        wanted(roleId="Agent"),
        wanted(roleId=3),
        answer=roles("Agent", "Admin", "Agent"),
        users=[person(1, roleId=3), person(2, roleId=1)],
    )
    assert named.values == {"roleId": "Agent"}
    said = portal.policy.refuses(change(**named.values))
    assert said == (
        "propertyfinder.roleId: the portal has 2 roles Agent. Declare the number of one: 1, 3."
    )
    assert [agent.values["roleId"] for agent in listing.agents] == [3, 1]
    assert numbered.values == {"roleId": 3}
    assert portal.policy.refuses(change(**numbered.values)) is None


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (roles("Manager", "Admin"), "Admin, Manager"),
        (roles(), "none"),
    ],
    ids=["others", "no"],
)
def test_a_role_that_is_not_there_is_a_conflict(answer, known):
    """It is told which there are; the agent is left alone, and others are not."""
    portal = finder()
    _, (named,) = read(portal, wanted(roleId="Agent"), answer=answer)
    said = portal.policy.refuses(newcomer(**named.values))
    assert said == f"propertyfinder.roleId: the portal has no role Agent. Its roles: {known}."
    assert portal.policy.refuses(change(name="x")) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        *(
            {"data": [{"id": 1, "name": "Agent"}, odd]}
            for odd in (None, {"id": "2", "name": "Admin"}, {"id": 2}, {"name": "Admin"})
        ),
    ],
    ids=["no data", "no object", "null", "a number as text", "no name", "no number"],
)
def test_roles_that_are_not_as_documented_are_an_error(answer):
    """One that is left out might be the one that a file names."""
    with pytest.raises(AnswerError, match="shows its roles in a form that is not as documented"):
        read(finder(), wanted(roleId="Agent"), answer=ok(answer))


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Agent", ()),
        ("Agent", ("Admin",)),
        ("Agent", ("Agent", "Agent")),
        ("AGENT", ("Agent", "agent")),
    ],
    ids=["no roles", "unknown", "twice", "alike"],
)
def test_an_agent_whose_role_is_not_known_is_left_alone_whole(written, names):
    """Who is there and who is to be created: a conflict at the file, and nothing is sent."""
    portal = finder()
    new = {name: value for name, value in NEW.items() if name != "roleId"}
    ana = Desired(
        "propertyfinder",
        "new",
        Source("agents/new.yaml", 1),
        {"email": NEW["email"]},
        {**new, "roleId": written},
    )
    listing, desired = read(
        portal,
        wanted(roleId=written, name="New name"),
        ana,
        answer=roles(*names),
        users=[person(5)],
    )
    made = planned(portal, listing, *desired)
    assert [each.key for each in made.conflicts] == ["agent-5", "new"]
    assert all(f" {written}. " in each.reason for each in made.conflicts)
    assert (made.operations, made.entries) == ((), ())


def test_roles_that_may_not_be_read_are_an_error_that_names_the_scope():
    """The key may lack what the roles need alone."""
    with pytest.raises(PortalError, match="roles:read"):
        play(finder().read((wanted(roleId="Agent"),)), (ROLES, problem(403, detail="No scope")))


# Reading: users


def live(portal=None, **more):
    """A user with these attributes, as we see it."""
    return (portal or finder()).live(person(5, **more))


def test_a_user_is_shown_in_the_words_of_the_file():
    """Identity, values by path, the public profile's id as an alias."""
    shown = person(
        5,
        public={
            "whatsappPhone": "+373 69 1",
            "linkedinAddress": "https://linkedin.com/in/x",
            "imageVariants": {"default": {"url": "https://cdn.example/5.webp"}},
        },
    )
    agent = finder().live(shown)
    picture = agent.values["avatar"]
    assert agent == Live(
        "propertyfinder",
        5,
        "Name 5",
        {"id": 5, "email": "user-5@agency.example", "mobile": "+373 69 000 005"},
        {
            "email": "user-5@agency.example",
            "firstName": "First",
            "lastName": "Last 5",
            "mobile": "+373 69 000 005",
            "roleId": 3,
            "status": "active",
            "name": "Name 5",
            "publicEmail": "public-5@agency.example",
            "phone": "+373 22 123 456",
            "phoneSecondary": None,
            "whatsappPhone": "+373 69 1",
            "avatar": picture,
            "bio.primary": "Sells flats",
            "bio.secondary": "Vinde case",
            "position.primary": "Agent",
            "position.secondary": "",
            "linkedinAddress": "https://linkedin.com/in/x",
            "experienceSince": 2012,
            "nationality": "MD",
            "spokenLanguages": ["en", "ro"],
        },
        {"publicProfileId": 905},
    )
    assert picture["id"]


def test_every_attribute_is_shown():
    """What the table of attributes has is what a user is compared by."""
    shown = {path.partition(".")[0] for path in live().values}
    assert shown == {each.name for each in module.FIELDS}


def test_what_a_user_lacks_is_nothing():
    """A user of an id and a login alone can be read."""
    agent = finder().live({"id": 5, "email": "a@b.example"})
    assert (agent.name, agent.aliases) == ("", {})
    assert agent.identity == {"id": 5, "email": "a@b.example"}
    assert {agent.values[path] for path in ("mobile", "status", "roleId", "phone")} == {None}
    assert agent.values["bio.primary"] == agent.values["bio.secondary"] == ""
    assert agent.values["spokenLanguages"] == []


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_no_mobile_is_no_identity(nothing):
    """Neither null nor an empty string is anybody's mobile."""
    assert set(live().identity) == {"id", "email", "mobile"}
    assert set(live(mobile=nothing).identity) == {"id", "email"}


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_a_user_without_a_login_is_an_error(nothing):
    """Were it none, everybody would seem to be new, and be created once more."""
    with pytest.raises(PortalError, match="shows email of user 5"):
        live(email=nothing)


def test_the_mobile_of_somebody_undeclared_stops_a_creation_and_finds_nobody():
    """However it is spaced: the person may be there by another address."""
    portal = finder()
    identity = {"email": NEW["email"], "mobile": "+37369000001"}
    ana = Desired("propertyfinder", "new", Source("agents/new.yaml", 1), identity, dict(NEW))
    listing, _ = read(portal, users=[person(5, mobile="+373 69 000-001")])
    made = planned(portal, listing, ana)
    assert [each.id for each in made.conflicts[0].candidates] == [5]
    assert (made.operations, made.matches) == ((), ())
    listing, _ = read(portal, users=[person(5)])
    assert [each.verb for each in planned(portal, listing, ana).operations] == ["create"]


def test_a_user_without_a_public_profile_has_nothing_public():
    """There is no alias, and the full name is the private one."""
    agent = live(publicProfile=None)
    assert (agent.name, agent.aliases) == ("First Last 5", {})
    assert {agent.values[name] for name in ("name", "publicEmail", "avatar", "nationality")} == {
        None
    }


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [("Ana", None, "Ana"), (None, "Rusu", "Rusu"), ("", "", ""), (None, None, "")],
)
def test_the_name_of_who_has_no_public_one(first, last, name):
    """What there is of the two names."""
    assert live(publicProfile=None, firstName=first, lastName=last).name == name


def test_names_that_are_both_null_are_not_shown_at_all():
    """A portal with one name keeps neither part: no plan can say that they differ."""
    values = live(firstName=None, lastName=None).values
    assert not {"firstName", "lastName"} & set(values)


@pytest.mark.parametrize(("first", "last"), [("Ana", None), (None, "Rusu"), ("", "")])
def test_one_name_that_is_null_is_missing(first, last):
    """Where one part is shown, the other is nothing."""
    values = live(firstName=first, lastName=last).values
    assert (values["firstName"], values["lastName"]) == (first, last)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("active", "active"),
        ("inactive", "inactive"),
        ("archived", "inactive"),
        ("invited", "invited"),
        (None, None),
    ],
)
def test_a_status_is_active_inactive_or_what_it_says(status, shown):
    """Archived is off all listings as inactive is."""
    assert live(status=status).values["status"] == shown


@pytest.mark.parametrize("name", ["phone", "email", "linkedinAddress", "nationality", "name"])
def test_an_empty_text_is_nothing(name):
    """Empty and null are not two things."""
    field = next(each.name for wire, each in module.PUBLIC.items() if wire == name)
    assert live(public={name: ""}).values[field] is None


def test_a_language_without_a_code_is_its_number():
    """A number that the reference does not have, and a code that stands there already."""
    assert live(public={"spokenLanguages": [6, 17, "en"]}).values["spokenLanguages"] == [
        "ru",
        17,
        "en",
    ]


@pytest.mark.parametrize(
    ("shown", "values"),
    [
        ({"primary": "P", "secondary": "S"}, {"bio.primary": "P", "bio.secondary": "S"}),
        ({"primary": "P", "secondary": None}, {"bio.primary": "P", "bio.secondary": ""}),
        ({"secondary": "S"}, {"bio.primary": "", "bio.secondary": "S"}),
        ({}, {"bio.primary": "", "bio.secondary": ""}),
        ("P", {"bio.primary": "P"}),
        ("", {"bio.primary": ""}),
        (None, {"bio.primary": "", "bio.secondary": ""}),
    ],
    ids=str,
)
def test_a_text_is_shown_by_language_as_far_as_it_is(shown, values):
    """A string is the first language, and says nothing of the other."""
    agent = live(public={"bio": shown})
    assert {path: text for path, text in agent.values.items() if path.startswith("bio")} == values


def test_null_says_nothing_of_the_other_language_where_texts_are_strings():
    """Another user, or another text, shows which form the portal has."""
    portal = finder()
    listing, _ = read(
        portal,
        users=[
            person(1, public={"bio": None}),
            person(2, public={"bio": "text", "position": None}),
        ],
    )
    assert portal.plain is True
    assert [
        [path for path in agent.values if path.startswith("bio")] for agent in listing.agents
    ] == [
        ["bio.primary"],
        ["bio.primary"],
    ]
    assert listing.agents[1].values["position.primary"] == ""
    read(portal, users=[person(1)])
    assert portal.plain is False


def test_a_page_of_nulls_leaves_the_form_of_texts_as_it_was():
    """Nothing is learned from nothing."""
    nobody = person(1, public={"bio": None, "position": None})
    for plain in (None, True, False):
        portal = finder()
        portal.plain = plain
        read(portal, users=[nobody])
        assert portal.plain is plain


SIGNED = "https://cdn.example/5/{}.webp?Expires={}&Signature=x{}#top"


def variants(seed, *sizes):
    """Pictures at addresses that are signed anew each time."""
    return {
        "list": [{"url": SIGNED.format(size, seed, seed), "width": 10} for size in sizes],
        "main": SIGNED.format("main", seed, seed),
    }


def test_a_picture_is_the_same_however_its_addresses_are_signed():
    """The query is not part of the fingerprint, at any depth; the rest of the address is."""
    one, two = (live(public={"imageVariants": variants(seed, "s", "l")}) for seed in (1, 2))
    other = live(public={"imageVariants": variants(1, "s", "x")})
    assert one.values["avatar"] == two.values["avatar"] != other.values["avatar"]
    assert re.fullmatch("[0-9a-f]{8}", one.values["avatar"]["id"])
    assert one.values["avatar"]["id"] != other.values["avatar"]["id"]


def test_no_signature_is_in_what_is_shown_of_a_picture():
    """What a signed query grants is nobody's who reads a plan."""
    shown = live(public={"imageVariants": variants(1, "s")}).values["avatar"]
    assert "Signature" not in repr(shown)


def test_the_order_of_variants_says_nothing():
    """An object's keys are a set."""
    one = live(public={"imageVariants": {"a": "https://x/1", "b": "https://x/2"}})
    two = live(public={"imageVariants": {"b": "https://x/2", "a": "https://x/1"}})
    assert one.values["avatar"] == two.values["avatar"]


@pytest.mark.parametrize("odd", ["https://[::1?x", "text?", 5, True, ["a", None], {"a": {"b": 1}}])
def test_an_odd_picture_is_a_picture(odd):
    """Whatever is shown has a fingerprint, and nothing is raised."""
    first, again = (live(public={"imageVariants": odd}).values["avatar"] for _ in range(2))
    assert first == again
    assert first != live(public={"imageVariants": "other"}).values["avatar"]


@pytest.mark.parametrize("nothing", [None, {}, [], "", 0])
def test_no_variants_are_no_picture(nothing):
    """Nothing to show is none."""
    assert live(public={"imageVariants": nothing}).values["avatar"] is None


NO_USER = [None, "Ivan", [], {}, {"id": None}, {"id": "5"}, {"id": True}, {"id": 5.0}, {"id": [5]}]


@pytest.mark.parametrize("wrong", NO_USER, ids=str)
def test_a_user_without_an_id_is_an_error(wrong):
    """Who has no id cannot be told from others, and nobody is left out silently."""
    with pytest.raises(PortalError, match="without an id"):
        play(reading(finder()), (LIST, page(person(7), wrong)))


ODD = {
    "firstName": [5, {}],
    "lastName": [["a"]],
    "email": [5, {}],
    "mobile": [37369000005],
    "status": [True, 1],
    "roleId": ["3", 3.0, {"id": 3}, True],
    "publicProfile": [[], "x", 5],
}
ODD_PUBLIC = {
    "id": [None, {}, 1.5, True],
    "name": [5],
    "email": [["a"]],
    "phone": [37322123456],
    "phoneSecondary": [1],
    "whatsappPhone": [{}],
    "linkedinAddress": [{"url": "x"}],
    "nationality": [498],
    "bio": [5, ["a"], {"primary": 5}, {"primary": "a", "secondary": ["b"]}],
    "position": [True, {"secondary": {}}],
    "experienceSince": ["2012", 2012.0, True],
    "spokenLanguages": ["en", {"1": True}, [{"id": 1}], [1, None], [[1]], [1.0], [True]],
}


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD.items() for odd in values], ids=str
)
def test_an_attribute_that_is_not_as_documented_is_an_error(name, odd):
    """Another shape than the documented one is a PortalError, not a guess and not a crash."""
    said = f"Property Finder shows {name} of user 5 in a form that is not as documented."
    with pytest.raises(PortalError) as caught:
        live(**{name: odd})
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD_PUBLIC.items() for odd in values], ids=str
)
def test_a_public_attribute_that_is_not_as_documented_is_an_error(name, odd):
    """It is said where it stands."""
    said = (
        f"Property Finder shows publicProfile.{name} of user 5 in a form that is not as documented."
    )
    with pytest.raises(PortalError) as caught:
        live(public={name: odd})
    assert str(caught.value) == said


def test_a_profile_without_an_id_is_an_error():
    """Without it no change of the public part has an address."""
    without = {name: value for name, value in profile(5).items() if name != "id"}
    with pytest.raises(PortalError, match=r"publicProfile\.id of user 5"):
        live(publicProfile=without)


def test_all_that_is_wrong_with_a_user_is_told_together():
    """One look at the portal's answer is enough."""
    with pytest.raises(PortalError, match=re.escape("shows email, roleId, publicProfile.phone of")):
        live(email=5, roleId="3", public={"phone": 5})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.dictionaries(st.sampled_from(list(person(5))), JSON, max_size=3),
    st.dictionaries(st.sampled_from(list(profile(5))), JSON, max_size=3),
)
def test_whatever_a_user_is_it_is_read_or_refused(more, public):
    """Any JSON in any attribute: an agent, or a PortalError."""
    try:
        agent = finder().live({**person(5, public=public), **more})
    except PortalError:
        return
    assert type(agent.id) is int
    assert {type(value) for value in agent.values.values()} <= {str, int, dict, list, type(None)}


# Steps


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_nothing_to_do_is_no_request():
    """No operation, no step."""
    assert finder().steps([]) == ()


def test_what_is_private_is_one_patch_of_the_user():
    """With what differs and nothing else; a role's number is text here."""
    (step,) = finder().steps([change(email="new@agency.example", roleId=7, mobile="+373 1")])
    body = {"email": "new@agency.example", "mobile": "+373 1", "roleId": "7"}
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_what_is_public_is_one_patch_of_the_profile():
    """By the profile's own id, in the portal's words."""
    (step,) = finder().steps(
        [
            change(
                name="Ana",
                publicEmail="p@agency.example",
                avatar={"url": "https://a.example/a.jpg"},
                bio={"primary": "P", "secondary": "S"},
                experienceSince=2010,
                spokenLanguages=["ru", "yue"],
            )
        ]
    )
    body = {
        "name": "Ana",
        "email": "p@agency.example",
        "imageUrl": "https://a.example/a.jpg",
        "bio": {"primary": "P", "secondary": "S"},
        "experienceSince": 2010,
        "spokenLanguages": [6, 40],
    }
    assert step.request == Request("PATCH", "/v1/public-profiles/905", body)


def test_what_clears_a_public_value_is_null():
    """A picture, a link, a list: each in its own way of having nothing."""
    (step,) = finder().steps(
        [change(avatar=None, linkedinAddress=None, spokenLanguages=[], bio={"primary": ""})]
    )
    assert step.request.body == {
        "imageUrl": None,
        "linkedinAddress": None,
        "spokenLanguages": [],
        "bio": {"primary": ""},
    }


def test_both_parts_are_two_patches():
    """First the private one, which carries the name that others wait for."""
    both = change(email="new@agency.example", name="Ana", publicEmail="p@agency.example")
    steps = finder().steps([both])
    assert lines(steps) == [PRIVATE, PUBLIC]
    assert [step.request.body for step in steps] == [
        {"email": "new@agency.example"},
        {"name": "Ana", "email": "p@agency.example"},
    ]
    private, public = (step.operations[0] for step in steps)
    assert (private.name, public.name) == ("update:5", "update:5:public")
    assert (private.values, public.values) == (
        {"email": "new@agency.example"},
        {"name": "Ana", "publicEmail": "p@agency.example"},
    )
    assert (private.key, private.source, private.id) == (public.key, public.source, public.id)


def test_a_part_waits_for_what_frees_its_address():
    """The private part waits for the giver's; the public one for the private one, whose login may
    be refused as another's."""
    giver = change(6, email="six@agency.example", name="Six")
    taker = change(5, email="user-6@agency.example", name="Five", waits=("update:6",))
    creation = newcomer(email="user-5@agency.example", waits=("update:5",))
    steps = finder().steps([giver, taker, creation])
    assert lines(steps) == [
        "PATCH /v1/users/6",
        "PATCH /v1/public-profiles/906",
        PRIVATE,
        PUBLIC,
        POST,
    ]
    assert [step.after for step in steps] == [(), ("r1",), ("r1",), ("r3",), ("r3",)]


def test_the_public_part_waits_for_no_private_one_without_a_login():
    """One part that fails does not hold up the other."""
    private, public = finder().steps([change(6, firstName="Six", name="Six")])
    assert (private.after, public.after) == ((), ())


def test_a_wait_for_what_is_not_in_the_plan_is_no_after():
    """`after` names steps that are there."""
    (step,) = finder().steps([change(email="a@agency.example", waits=("update:9",))])
    assert step.after == ()


@pytest.mark.parametrize(
    ("by", "status", "body"),
    [
        ("isActive", "inactive", {"isActive": False}),
        ("isActive", "active", {"isActive": True}),
        ("status", "inactive", {"status": "inactive"}),
        ("status", "active", {"status": "active"}),
    ],
)
def test_an_agent_is_taken_off_and_on_as_configured(by, status, body):
    """By a switch or by a word; both in the private part."""
    verb = "deactivate" if status == "inactive" else "update"
    (step,) = finder(deactivate_by=by).steps([change(verb=verb, status=status)])
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert step.kind == verb


def test_an_agent_that_is_taken_off_and_changed_is_loud_once():
    """Only the part that takes the agent off the listings is called so."""
    steps = finder().steps([change(verb="deactivate", status="inactive", name="Ana")])
    assert [(step.kind, step.request.body) for step in steps] == [
        ("deactivate", {"isActive": False}),
        ("update", {"name": "Ana"}),
    ]


def test_a_creation_is_one_post_of_both_parts():
    """Exactly the vendor's body: the role as a number, languages as numbers, the picture by its
    address, the profile inside."""
    creation = newcomer(
        publicEmail="ana@public.example",
        phone="+373 22 1",
        phoneSecondary="+373 22 2",
        whatsappPhone="+373 69 3",
        avatar={"url": "https://a.example/ana.jpg"},
        bio={"primary": "P"},
        position={"primary": "A", "secondary": "B"},
        linkedinAddress="https://linkedin.com/in/ana",
        experienceSince=2012,
        nationality="MD",
        spokenLanguages=["en", "ro"],
    )
    (step,) = finder().steps([creation])
    assert step.request == Request(
        "POST",
        "/v1/users",
        {
            "email": "ana@agency.example",
            "firstName": "Ana",
            "lastName": "Rusu",
            "mobile": "+373 69 000 001",
            "roleId": 3,
            "publicProfile": {
                "name": "Ana Rusu",
                "email": "ana@public.example",
                "phone": "+373 22 1",
                "phoneSecondary": "+373 22 2",
                "whatsappPhone": "+373 69 3",
                "imageUrl": "https://a.example/ana.jpg",
                "bio": {"primary": "P"},
                "position": {"primary": "A", "secondary": "B"},
                "linkedinAddress": "https://linkedin.com/in/ana",
                "experienceSince": 2012,
                "nationality": "MD",
                "spokenLanguages": [1, 34],
            },
        },
    )
    assert step.kind == "create"


def test_texts_go_out_as_the_portal_shows_them():
    """Objects unless it shows strings; then the first language, unless there is something to say
    in the other too."""
    portal = finder()
    first = change(name="N", bio={"primary": "P"}, position={"primary": ""})
    both = change(bio={"primary": "P"}, position={"primary": "A", "secondary": "B"})
    bodies = [{**each.values} for each in (first, both)]
    assert [portal.steps([each])[0].request.body for each in (first, both)] == bodies
    read(portal, users=[person(1, public={"bio": "text"})])
    assert [portal.steps([each])[0].request.body for each in (first, both)] == [
        {"name": "N", "bio": "P", "position": ""},
        bodies[1],
    ]


def test_a_user_without_a_public_profile_can_have_no_public_change():
    """That is a conflict, with what to do; a private change, and a creation, are none."""
    refuses = finder().policy.refuses
    said = refuses(change(profile=False, name="Ana"))
    assert "has no public profile" in said
    assert "web interface" in said
    assert refuses(change(profile=False, mobile="+373 1", name="Ana")) is not None
    assert refuses(change(profile=False, mobile="+373 1", status="active")) is None
    assert refuses(change(name="Ana")) is None
    assert refuses(newcomer()) is None


# Performing: what is answered


CHANGES = {
    "private": (change(firstName="Ion"), PRIVATE),
    "public": (change(name="Ion"), PUBLIC),
}


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


# Performing: refusals


LINES = {
    "email": 10,
    "firstName": 11,
    "roleId": 12,
    "status": 13,
    "phone": 2,
    "bio": 14,
    "bio.primary": 15,
    "position": 16,
    "avatar": 3,
    "spokenLanguages": 17,
    "publicEmail": 18,
}
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
    assert outcome.error == "No such user: the user is not on the portal any more; plan again"


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
    assert outcome.error.endswith("see deactivate_by in portals.propertyfinder")
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


# Performing: what is uncertain


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
    assert "not done" in outcome.error


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
    assert reason == "propertyfinder.roleId: for the role's number, write 3 without quotes."


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
    assert "did not settle" in outcome.error


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


# Performing: the forms that the documents leave open


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
    assert outcome.note == ("the portal takes one text and no second, so it has no bio.secondary")
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
            "bio.secondary and no position.secondary",
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
    said = left and f"the portal takes one text and no second, so it has no {left}"
    assert (outcome.status, outcome.note) == ("applied", said)


def test_a_text_that_no_file_declares_holds_up_the_others_and_says_how_to_go_on():
    """One text alone would end the other language of it, which somebody wrote on the portal."""
    operation = replace(change(bio={"primary": "P", "secondary": "S"}), lines={"bio.primary": 3})
    (outcome,), asked = play(perform(finder(), operation), (PUBLIC, OBJECTS))
    assert len(asked) == 1
    assert outcome.status == "failed"
    assert outcome.error.endswith(
        ": if the portal takes one text alone, that would end bio.secondary, which no file "
        'declares. Declare it (as "", to let it go)'
    )


KEPT = ("bio.secondary",)


@pytest.mark.parametrize("refusal", [OBJECTS, older(400, "Bad Request")], ids=["bio", "nothing"])
def test_a_language_that_no_file_declares_is_not_put_an_end_to(refusal):
    """It goes along because a text goes out whole; a string has no room for it, so none is tried,
    and the refusal is told."""
    portal = finder()
    (outcome,), asked = play(perform(portal, change(kept=KEPT, **TEXT)), (PUBLIC, refusal))
    assert (outcome.status, outcome.note) == ("failed", None)
    assert sent(asked) == [TEXT]
    assert portal.takes_plain is None


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
    portal.takes_plain = True
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
    assert outcome.note.endswith("so it has no bio.secondary")
    assert [body["publicProfile"]["bio"] for body in sent(asked)] == [TEXT["bio"], "P"]


def test_a_form_that_was_taken_is_kept_to():
    """What was learned from one agent is not asked of the portal for each of the others, though
    their requests were planned before."""
    portal = finder()
    first, second, third = portal.steps([change(5, **TEXT), change(6, **TEXT), newcomer(**TEXT)])
    play(portal.perform(first), (PUBLIC, OBJECTS), (PUBLIC, NOTHING))
    (outcome,), asked = play(portal.perform(second), ("PATCH /v1/public-profiles/906", NOTHING))
    assert (outcome.status, sent(asked)) == ("applied", [{"bio": "P"}])
    assert outcome.note.endswith("so it has no bio.secondary")
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


ARCHIVED = "the portal takes the status archived in place of inactive"


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
    portal.inactive = "archived"
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
    portal.inactive = "archived"
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


# Everything at once


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
