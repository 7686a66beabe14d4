"""Rentix without a wire: which requests it makes of what, and what it makes of the answers."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Live, Operation, Request, Response, Session
from reconciler.core.plan_json import request_bytes
from reconciler.errors import PortalError
from reconciler.portals.registry import PORTALS
from reconciler.portals.rentix import BODY_LIMIT, live

from .talk import (
    GATEWAY,
    LOST,
    PAGE,
    create,
    done,
    failed,
    link,
    listed,
    ok,
    perform,
    play,
    reading,
    refused,
    rentix,
    results,
    serve,
    some,
    statuses,
    unlink,
    update,
    user,
)

LIST = "GET /users"
SINGLE = "PUT /users"
TOGETHER = "POST /users/bulk"


def ids(listing):
    """Whom a listing shows."""
    return [agent.id for agent in listing.agents]


# What the portal is


def test_the_configuration_says_what_is_allowed():
    """Each key of the section has its part in the policy."""
    assert PORTALS["rentix"] is type(rentix())
    usual = rentix().policy
    assert (usual.order, usual.create) == (("id", "externalId", "phone"), False)
    assert (usual.removal, usual.hold, usual.by_handle) == (None, False, False)
    other = rentix(create="upsert", on_removed="unlink", bulk_by="externalId", match=["id"])
    other.hold = True
    other = other.policy
    assert (other.order, other.create, other.removal) == (("id",), True, "unlink")
    assert (other.hold, other.by_handle) == (True, True)


def test_the_key_goes_into_the_documented_header():
    """`Authorization: ApiKey KEY` and nothing beside it."""
    session, sent = play(rentix().login({"RENTIX_API_KEY": "k"}))
    assert (session, sent) == (Session({"Authorization": "ApiKey k"}), [])
    assert rentix().secrets == ("RENTIX_API_KEY",)


def test_the_address_has_no_slash_at_its_end():
    """Whatever the configuration has."""
    assert rentix(url="https://crm.rentix.md/api/v1/").url == "https://crm.rentix.md/api/v1"


def test_the_limits_are_the_documented_ones():
    """300 requests a minute, of which 30 to the bulk endpoint."""
    everything, bulk = rentix().rate_limits
    assert (everything.per_minute, bulk.per_minute) == (300, 30)
    assert everything.counts(Request("GET", "/users"))
    assert [
        bulk.counts(Request(*each))
        for each in (("POST", "/users/bulk"), ("PUT", "/users"), ("POST", "/users/1/link"))
    ] == [True, False, False]


# Reading


def test_a_list_without_markers_is_whole():
    """One request, and everybody in it."""
    listing, _ = play(reading(rentix()), (LIST, listed(user(1), user(2))))
    assert (ids(listing), listing.complete) == ([1, 2], True)


def test_an_empty_agency_is_whole():
    """Nobody there, and nobody more to come."""
    listing, _ = play(reading(rentix()), (LIST, listed(total=0, next=None)))
    assert (ids(listing), listing.complete) == ([], True)


@pytest.mark.parametrize(
    ("markers", "path"),
    [
        ({"next": "https://crm.rentix.md/api/v1/users?page=2"}, "/users?page=2"),
        ({"next": "/users?page=2&limit=1"}, "/users?page=2&limit=1"),
        ({"next": "/api/v1/users?cursor=a%2Bb%3D"}, "/users?cursor=a%2Bb%3D"),
        ({"next": "https://evil.example/steal?page=2"}, "/users?page=2"),
        ({"next": "//evil.example/users?page=2"}, "/users?page=2"),
        ({"next": "https://user:pass@evil.example:1/../x?page=2#f"}, "/users?page=2"),
        ({"next": "abc+/=="}, "/users?cursor=abc%2B%2F%3D%3D"),
        ({"next": "a&page=9"}, "/users?cursor=a%26page%3D9"),
        ({"next": 2}, "/users?page=2"),
        ({"nextPage": 2}, "/users?page=2"),
        ({"nextPage": "2"}, "/users?cursor=2"),
        ({"next": None, "nextPage": 2}, "/users?page=2"),
        ({"total": 2}, "/users?page=2"),
        ({"total": 2, "next": None}, "/users?page=2"),
    ],
    ids=str,
)
def test_a_marker_leads_to_the_next_page_of_this_portal(markers, path):
    """A URL, a cursor, a number or a total: followed on our own path, whatever host it names."""
    listing, _ = play(
        reading(rentix()), (LIST, listed(user(1), **markers)), (f"GET {path}", listed(user(2)))
    )
    assert (ids(listing), listing.complete) == ([1, 2], True)


@settings(deadline=None, max_examples=150, database=None)
@given(
    marker=st.one_of(
        st.text(st.characters()),
        st.integers(),
        st.booleans(),
        st.none(),
        st.floats(),
        st.dictionaries(st.sampled_from(["url", "page"]), st.text(), max_size=2),
        st.from_regex(r"(https?:)?//[\[\]a-z.]{1,6}/?\?[a-z&=]{1,5}", fullmatch=True),
    ),
    name=st.sampled_from(["next", "nextPage"]),
)
def test_no_marker_leads_anywhere_else(marker, name):
    """Whatever a marker is, what is asked is this portal's list, and only a PortalError comes."""
    asked = []
    conversation = reading(rentix())
    try:
        request = next(conversation)
        for answer in (listed(user(1), **{name: marker}), listed(user(2))):
            asked.append(request)
            request = conversation.send(answer)
        raise AssertionError(request)
    except (StopIteration, PortalError):
        pass
    for request in asked:
        assert re.fullmatch(r"/users(\?[!-~]*)?", request.path)
        assert (request.method, request.body) == ("GET", None)


@pytest.mark.parametrize(
    "markers",
    [{"next": {"page": 2}}, {"next": ["x"]}, {"total": "7"}, {"nextPage": 2.5}, {"next": True}],
    ids=str,
)
def test_a_marker_that_cannot_be_followed_leaves_the_list_open(markers):
    """Something says that there may be more: nobody may be taken for absent."""

    def answer(request):
        return listed(user(1), **markers)

    listing, _ = serve(reading(rentix()), answer)
    assert ids(listing) == [1]
    assert not listing.complete


@pytest.mark.parametrize("name", ["next", "nextPage"])
@pytest.mark.parametrize("nothing", [None, "", False, 0])
def test_a_marker_that_says_no_is_the_end(name, nothing):
    """Null, empty, false and 0 are how portals say that there is no next page."""
    listing, _ = play(reading(rentix()), (LIST, listed(user(1), **{name: nothing})))
    assert (ids(listing), listing.complete) == ([1], True)


def test_pages_are_followed_to_the_end():
    """Each once, in their order."""
    pages = {
        "/users": listed(user(1), next="?page=2"),
        "/users?page=2": listed(user(2), next="?page=3"),
        "/users?page=3": listed(user(3), next=""),
    }
    listing, asked = serve(reading(rentix()), lambda request: pages[request.path])
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)
    assert [request.path for request in asked] == list(pages)


def test_a_total_is_followed_page_by_page():
    """With nothing but a total the pages are counted, until all are there."""
    pages = {
        "/users": listed(user(1), user(2), total=5),
        "/users?page=2": listed(user(3), user(4), total=5),
        "/users?page=3": listed(user(5), total=5),
    }
    listing, asked = serve(reading(rentix()), lambda request: pages[request.path])
    assert (ids(listing), listing.complete) == ([1, 2, 3, 4, 5], True)
    assert len(asked) == 3


@pytest.mark.parametrize(
    "markers", [{"next": "?page=2"}, {"nextPage": 2}, {"total": 9}], ids=["url", "number", "total"]
)
def test_a_circle_ends_and_is_not_whole(markers):
    """A portal that shows the same page again and again has not shown everybody."""
    listing, asked = serve(reading(rentix()), lambda _: listed(user(1), user(2), **markers))
    assert (ids(listing), listing.complete) == ([1, 2], False)
    assert len(asked) == 2


def test_pages_without_end_are_left():
    """A portal that invents agents for ever is left after a bounded number of pages."""
    count = iter(range(10**6))
    listing, asked = serve(
        reading(rentix()), lambda _: listed(user(next(count)), next="?page=x"), most=2000
    )
    assert not listing.complete
    assert len(listing.agents) == len(asked)


def test_an_agent_that_two_pages_show_is_one():
    """A list that shifted while it was read shows somebody twice."""
    pages = [listed(user(1), user(2), next="?p=2"), listed(user(2), user(3))]
    listing, _ = serve(reading(rentix()), lambda _: pages.pop(0))
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)


def test_a_total_that_one_page_tells_holds_for_all_pages():
    """The last page need not repeat it: who was left out of a page is missed all the same."""
    listing, _ = play(
        reading(rentix()),
        (LIST, listed(user(1), total=3, next=2)),
        ("GET /users?page=2", listed(user(3))),
        ("GET /users?page=3", listed()),
    )
    assert ([agent.id for agent in listing.agents], listing.complete) == ([1, 3], False)


def test_fewer_than_the_total_are_not_whole():
    """A page more brings nobody, and the total says that there are more."""
    pages = [listed(user(1), total=2), listed(total=2)]
    listing, _ = serve(reading(rentix()), lambda _: pages.pop(0))
    assert (ids(listing), listing.complete) == ([1], False)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (refused("Invalid API key", 401), ["Invalid API key", "RENTIX_API_KEY"]),
        (refused("Agency suspended", 403), ["Agency suspended", "API"]),
        (refused("Cannot GET", 404), ["Cannot GET", "portals.rentix.url"]),
        (refused(["one", "two"], 400), ["one; two"]),
        (refused("Too many requests", 429), ["Too many requests"]),
        (Response(302, None, "the portal answered 302, a redirect; none is followed"), ["302"]),
        (Response(502, None, "the portal answered 502"), ["502"]),
        (Response(None, None, "could not connect to crm.rentix.md (refused)"), ["connect"]),
        (Response(200, None, "the portal answered 200 with something …"), ["Rentix"]),
        (ok([]), ["items"]),
        (ok({"items": None}), ["items"]),
        (ok({"items": {"1": user(1)}}), ["items"]),
        (ok({"data": []}), ["items"]),
        (ok("none"), ["items"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_a_list_that_cannot_be_read_is_an_error_in_words(response, words):
    """The portal's own words, and what to do."""
    with pytest.raises(PortalError) as caught:
        play(reading(rentix()), (LIST, response))
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_page_that_fails_later_is_an_error():
    """Half of the agents is not passed off as all of them."""
    with pytest.raises(PortalError):
        play(
            reading(rentix()),
            (LIST, listed(user(1), next=2)),
            ("GET /users?page=2", refused("", 500)),
        )


def _odd(wrong):
    """What is wrong."""
    usual = user(1)
    if not isinstance(wrong, dict) or not wrong:
        return repr(wrong)
    return repr(
        {
            name: value
            for name, value in wrong.items()
            if usual[name] is not value and usual[name] != value
        }
    )


MALFORMED = [
    None,
    "Ivan",
    [],
    {},
    {**user(1), "id": None},
    {**user(1), "id": "1"},
    {**user(1), "id": True},
    {**user(1), "id": 1.0},
    {**user(1), "id": [1]},
    {**user(1), "id": {}},
    {**user(1), "externalId": 5},
    {**user(1), "externalId": ["a"]},
    {**user(1), "phone": 37322123456},
    {**user(1), "name": {"ru": "И"}},
    {**user(1), "description": 5},
    {**user(1), "description": ["a"]},
    {**user(1), "avatar": "https://example.com/a.jpg"},
    {**user(1), "avatar": {"contentType": "image/jpeg"}},
    {**user(1), "avatar": {"id": "123"}},
    {**user(1), "instagram": 5},
    {**user(1), "youtube": {}},
    {**user(1), "tiktok": False},
    {**user(1), "settings": []},
    {**user(1), "settings": {"contact_phone": "yes"}},
    {**user(1), "description": {"ru": 5}},
]


@pytest.mark.parametrize("wrong", MALFORMED, ids=_odd)
def test_a_user_that_is_not_as_documented_is_an_error(wrong):
    """Another shape than the documented one is a PortalError, not a guess and not a crash."""
    with pytest.raises(PortalError, match="not as documented"):
        play(reading(rentix()), (LIST, listed(user(7), wrong)))


def test_an_agent_is_shown_in_the_words_of_the_file():
    """Identity and values by path; `posting_type` is none of ours."""
    agent = live(user(5, instagram="https://instagram.com/i", avatar={"id": 3, "variants": []}))
    assert agent == Live(
        "rentix",
        5,
        "Name 5",
        {"id": 5, "externalId": "agent-5", "phone": "+373 22 123 456"},
        {
            "name": "Name 5",
            "description": "Sells flats",
            "avatar": {"id": 3, "variants": []},
            "instagram": "https://instagram.com/i",
            "youtube": None,
            "tiktok": None,
            "settings.contact_phone": True,
            "settings.contact_whatsapp": True,
            "settings.contact_viber": True,
            "settings.contact_telegram": True,
        },
    )


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_no_external_id_and_no_phone_are_no_identity(nothing):
    """Neither null nor an empty string finds anybody."""
    assert live(user(5, externalId=nothing, phone=nothing)).identity == {"id": 5}


def test_a_description_in_languages_is_shown_by_language():
    """All three, and what the portal leaves out is the empty text."""
    values = live(user(5, description={"ru": "Р", "ro": None})).values
    found = {path: value for path, value in values.items() if path.startswith("description")}
    assert found == {"description.ru": "Р", "description.en": "", "description.ro": ""}


def test_what_a_user_lacks_is_nothing():
    """A user of an id alone can be read."""
    agent = live({"id": 5})
    assert (agent.name, agent.identity) == ("", {"id": 5})
    assert agent.values["avatar"] is None
    assert not any(path.startswith("settings.") for path in agent.values)


# Steps


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_nothing_to_do_is_no_request():
    """No operation, no step."""
    assert rentix().steps([]) == ()


@pytest.mark.parametrize("by", ["id", "externalId"])
def test_one_changed_agent_is_one_put(by):
    """Named by its live id under either configuration, with what differs and nothing else."""
    (step,) = rentix(bulk_by=by).steps([update(5)])
    assert (step.request.method, step.request.path) == ("PUT", "/users")
    assert step.request.body == {"id": 5, "name": "New 5"}
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_one_new_agent_is_one_put_by_external_id():
    """A creation has no other name."""
    (step,) = rentix().steps([create()])
    body = {"externalId": "new", "name": "Ana", "phone": "+373 69 000 001"}
    assert step.request == Request("PUT", "/users", body)
    assert step.kind == "create"


def test_several_changed_agents_are_one_bulk():
    """Each an upsert by id, a new one by external id, in the order of the plan."""
    (step,) = rentix().steps([update(1), create(), update(2, external=False)])
    assert step.request == Request(
        "POST",
        "/users/bulk",
        {
            "operations": [
                {"op": "upsert", "id": 1, "name": "New 1"},
                {
                    "op": "upsert",
                    "externalId": "new",
                    "name": "Ana",
                    "phone": "+373 69 000 001",
                },
                {"op": "upsert", "id": 2, "name": "New 2"},
            ]
        },
    )
    assert step.kind == "bulk"


def test_every_operation_names_its_agent_once():
    """Exactly one of id and externalId, under either configuration."""
    for by in ("id", "externalId"):
        (step,) = rentix(bulk_by=by).steps([update(1), create(), update(2)])
        for operation in step.request.body["operations"]:
            assert ("id" in operation) + ("externalId" in operation) == 1


def test_bulk_by_external_id_sends_alone_who_has_none():
    """Those without an external id are PUT by id, the others are one bulk by external id."""
    steps = rentix(bulk_by="externalId").steps(
        [update(1), update(2, external=False), update(3), update(4, external=False)]
    )
    assert lines(steps) == [SINGLE, SINGLE, TOGETHER]
    assert [step.request.body.get("id") for step in steps] == [2, 4, None]
    named = [each.get("externalId") for each in steps[2].request.body["operations"]]
    assert named == ["agent-1", "agent-3"]


@pytest.mark.parametrize(("count", "bulk", "fewest"), [(100, 100, 1), (101, 100, 2), (7, 3, 3)])
def test_the_fewest_bulks_by_number(count, bulk, fewest):
    """As many as the limit of operations asks for, and none is over it."""
    steps = rentix(bulk=bulk).steps([update(number) for number in range(1, count + 1)])
    sizes = [len(step.operations) for step in steps]
    assert (len(steps), sum(sizes)) == (fewest, count)
    assert max(sizes) <= bulk


@pytest.mark.parametrize("letter", ["a", "Ж", "家", "🏠", '"', "\n"], ids=ascii)
@pytest.mark.parametrize("by", ["id", "externalId"])
def test_the_fewest_bulks_by_size(letter, by):
    """No body is over 512 KB as it goes over the wire; three that fit in twos are two bulks."""
    width = len(request_bytes(Request("", "", letter))) - 2
    text = letter * (200 * 1024 // width)
    steps = rentix(bulk_by=by).steps([update(each, description=text) for each in (1, 2, 3)])
    sent = [len(request_bytes(step.request)) for step in steps]
    assert len(steps) == 2
    assert max(sent) <= BODY_LIMIT == 512 * 1024


def test_large_and_small_agents_share_bulks():
    """In order it would take three requests; large with small takes two."""
    sizes = [300, 300, 200, 200]
    steps = rentix().steps(
        [update(number, name="x" * (kb * 1024)) for number, kb in enumerate(sizes, 1)]
    )
    assert len(steps) == 2
    assert sorted(each.name for step in steps for each in step.operations) == [
        f"update:{number}" for number in (1, 2, 3, 4)
    ]


def test_a_profile_that_no_request_can_carry_is_refused_beforehand():
    """The policy says of it that it is too large, and of the largest that fits nothing."""
    portal = rentix()
    refuses = portal.policy.refuses
    assert refuses(update(1)) is None
    assert "512 KB" in refuses(update(1, name="x" * BODY_LIMIT))
    most = max(size for size in range(BODY_LIMIT - 200, BODY_LIMIT) if not refuses(wide(size)))
    for number in (1, 2):
        steps = portal.steps([wide(most), update(2), update(3)][: number + 1])
        assert all(len(request_bytes(step.request)) <= BODY_LIMIT for step in steps)


def wide(size):
    """An update of this many bytes and a few."""
    return update(1, name="x" * size)


def test_by_external_id_the_size_counts_the_external_id():
    """A profile that just fits by id stays within 512 KB where its long external id names it."""
    portal = rentix(bulk_by="externalId")
    name = "x" * (BODY_LIMIT - 120)
    large = update(1, external="Ж" * 255, name=name)
    assert portal.policy.refuses(large) is None
    steps = portal.steps([large, update(2), update(3)])
    assert max(len(request_bytes(step.request)) for step in steps) <= BODY_LIMIT


def test_links_and_unlinks_are_requests_of_their_own():
    """The documented calls, one each, before the profiles."""
    steps = rentix().steps([update(1), unlink(2, "a/b"), link(1, "a/b", "unlink:2"), update(2)])
    assert [step.request for step in steps[:2]] == [
        Request("DELETE", "/users/2/link"),
        Request("POST", "/users/1/link", {"externalId": "a/b"}),
    ]
    assert [step.id for step in steps] == ["r1", "r2", "r3"]
    assert [step.after for step in steps] == [(), ("r1",), ()]
    assert lines(steps)[2] == TOGETHER


def test_the_after_of_many_steps_is_in_their_order():
    """r2 comes before r10."""
    unlinks = [unlink(number, f"x-{number}") for number in range(1, 12)]
    last = link(20, "x-20", *(each.name for each in unlinks))
    *_, step = rentix().steps([*unlinks, last])
    assert step.after == tuple(f"r{number}" for number in range(1, 12))


def test_a_wait_for_what_is_not_in_the_plan_is_no_after():
    """`after` names steps that are there."""
    (step,) = rentix().steps([link(1, "a", "unlink:9")])
    assert step.after == ()


@st.composite
def moves(draw):
    """Operations that give agents, of whom some hold external ids, the ids of others or new ones,
    each link after the unlinks that free its agent and its id; and an update of each agent."""
    count = draw(st.integers(1, 7))
    names = [f"x{number}" for number in range(count + 2)]
    held = draw(st.permutations([*names[:count], *[None] * draw(st.integers(0, 3))]))[:count]
    wanted = draw(st.permutations(names))[:count]
    made = {}
    for number, (has, want) in enumerate(zip(held, wanted, strict=True), 1):
        if has == want:
            continue
        freed = [(number, has)] if has else []
        freed += [(held.index(want) + 1, want)] if want in held else []
        for who, name in freed:
            made.setdefault(f"unlink:{who}", unlink(who, name))
        made[f"link:{number}"] = link(number, want, *(f"unlink:{who}" for who, _ in freed))
    updates = [
        replace(
            update(number, external=want),
            waits=(f"link:{number}",) if f"link:{number}" in made else (),
        )
        for number, want in enumerate(wanted, 1)
    ]
    return list(made.values()), updates


@settings(deadline=None, max_examples=60, database=None)
@given(moves(), st.sampled_from(["id", "externalId"]), st.integers(1, 4))
def test_the_order_of_the_steps_is_one_in_which_they_may_be_sent(given_moves, by, bulk):
    """Swaps, chains, rotations: each operation is in one step, after all that it waits for."""
    linking, updates = given_moves
    operations = [*linking, *updates]
    steps = rentix(bulk=bulk, bulk_by=by).steps(operations)
    sent = [each.name for step in steps for each in step.operations]
    assert sorted(sent) == sorted(each.name for each in operations)
    place = {each.name: step.id for step in steps for each in step.operations}
    seen = set()
    for step in steps:
        assert set(step.after) <= seen
        for each in step.operations:
            assert {place[wait] for wait in each.waits} <= set(step.after)
        seen.add(step.id)
    assert [step.id for step in steps] == [f"r{number}" for number in range(1, len(steps) + 1)]


# Performing: one request


def test_an_update_that_is_answered_is_applied():
    """One request, the agent's id in the outcome."""
    answer = {"id": 5, "externalId": "agent-5", "updated": True}
    (outcome,), asked = play(perform(rentix(), update(5)), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("applied", 200, 5)
    assert outcome.error is None
    assert asked[0].attempt == 0


def test_a_creation_has_the_new_id():
    """The portal says which agent it made."""
    answer = {"id": 77, "externalId": "new", "created": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer, 201)))
    assert (outcome.status, outcome.id) == ("applied", 77)


def test_link_and_unlink_that_are_answered_are_applied():
    """Each by its documented answer."""
    for operation, line, answer in (
        (link(1, "a"), "POST /users/1/link", {"id": 1, "externalId": "a", "linked": True}),
        (unlink(1, "a"), "DELETE /users/1/link", {"id": 1, "externalId": "a", "unlinked": True}),
    ):
        (outcome,), _ = play(perform(rentix(), operation), (line, ok(answer)))
        assert (outcome.status, outcome.id) == ("applied", 1)


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (update(5), SINGLE),
        (link(5, "a"), "POST /users/5/link"),
        (unlink(5, "a"), "DELETE /users/5/link"),
    ],
    ids=["update", "link", "unlink"],
)
def test_an_answer_for_another_agent_fails_loudly(operation, line):
    """The wrong person may have been changed: both are named, and nothing is sent again."""
    (outcome,), _ = play(perform(rentix(), operation), (line, ok({"id": 6, "updated": True})))
    assert (outcome.status, outcome.id) == ("failed", 5)
    assert "6" in outcome.error
    assert "5" in outcome.error


def test_an_answer_that_names_nobody_is_settled_by_reading():
    """A 2xx without an id (`{"message": "accepted"}`) says neither that it is done nor whom."""
    (outcome,), _ = play(
        perform(rentix(), update(5)),
        (SINGLE, ok({"message": "accepted"}, 202)),
        ("GET /users/5", ok(user(5, name="New 5"))),
    )
    assert outcome.status == "applied"


def test_a_creation_that_turns_out_an_update_fails():
    """Somebody had the external id by then, perhaps another person."""
    answer = {"id": 6, "externalId": "new", "updated": True}
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, ok(answer)))
    assert (outcome.status, outcome.id) == ("failed", 6)
    assert "agent 6" in outcome.error
    assert "new" in outcome.error


def test_a_creation_that_was_lost_may_turn_out_an_update():
    """The call that seemed lost made the agent; the second updates whom the first created."""
    (outcome,), _ = play(
        perform(rentix(), create()),
        (SINGLE, LOST),
        ("GET /users/external/new", refused("User not found", 404)),
        (SINGLE, ok({"id": 6, "externalId": "new", "updated": True})),
    )
    assert (outcome.status, outcome.id) == ("applied", 6)


TABLE = [
    ("User not found", "invited"),
    ("External ID already linked", "unlink the other"),
    ("User already has external ID", "unlink it first"),
    ("User identifier required", ""),
    ("Cannot use both id and externalId", ""),
    ("Something new", ""),
]


@pytest.mark.parametrize(("message", "advice"), TABLE, ids=[message for message, _ in TABLE])
@pytest.mark.parametrize("form", ["text", "list", "bulk's"])
def test_a_refusal_has_the_portals_message_and_what_to_do(message, advice, form):
    """In either form of an error."""
    body = {
        "text": {"statusCode": 400, "message": message, "error": "Bad Request"},
        "list": {"statusCode": 400, "message": [message], "error": "Bad Request"},
        "bulk's": {"error": message, "error_code": "X"},
    }[form]
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(400, body)))
    assert (outcome.status, outcome.http_status, outcome.id) == ("failed", 400, 5)
    assert message in outcome.error
    assert advice in outcome.error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": ["one", "two"]}, "one; two"),
        ({"message": "", "error": "Bad Request"}, "Bad Request"),
        ({"message": None, "error": "Bad Request"}, "Bad Request"),
        ({"error": {"message": "inner"}}, "inner"),
        ({}, "no reason"),
        ([], "no reason"),
        (None, "no reason"),
        ({"message": []}, "no reason"),
    ],
    ids=str,
)
def test_a_refusal_in_another_form_has_some_words(body, said):
    """Whatever is there to be said is said, and where nothing is, that."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(400, body)))
    assert outcome.status == "failed"
    assert said in outcome.error


def test_a_page_of_html_is_not_the_message():
    """A gateway's refusal in HTML is reported in the transport's words."""
    error = "the portal answered 403 with something that is not JSON"
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, Response(403, None, error)))
    assert (outcome.status, outcome.http_status, outcome.error) == ("failed", 403, error)


def test_a_redirect_is_a_failure():
    """It is reported, and nothing is read or sent after it."""
    error = "the portal answered 302, a redirect; none is followed"
    (outcome,), _ = play(
        perform(rentix(), update(5)), (SINGLE, Response(302, {"message": "moved"}, error))
    )
    assert (outcome.status, outcome.error) == ("failed", error)


@pytest.mark.parametrize("status", [400, 404])
def test_a_creation_for_somebody_unknown_waits(status):
    """A portal that creates nobody says "not found": the agent has to be invited; no failure."""
    (outcome,), _ = play(perform(rentix(), create()), (SINGLE, refused("User not found", status)))
    assert outcome.status == "waiting"
    assert "invited" in outcome.error


def test_an_update_for_somebody_unknown_fails():
    """That agent was there when the plan was made."""
    (outcome,), _ = play(perform(rentix(), update(5)), (SINGLE, refused("User not found", 404)))
    assert outcome.status == "failed"


@pytest.mark.parametrize(
    ("operation", "line", "shown"),
    [
        (link(1, "a"), "POST /users/1/link", user(1, externalId="a")),
        (unlink(1, "a"), "DELETE /users/1/link", user(1, externalId=None)),
        (unlink(1, "a"), "DELETE /users/1/link", user(1, externalId="b")),
    ],
    ids=["link", "unlink", "unlink, and another since"],
)
def test_a_refused_link_that_is_so_already_is_applied(operation, line, shown):
    """Somebody else made it, or a call that seemed lost."""
    (outcome,), _ = play(
        perform(rentix(), operation),
        (line, refused("User already has external ID")),
        ("GET /users/1", ok(shown)),
    )
    assert (outcome.status, outcome.id) == ("applied", 1)


@pytest.mark.parametrize(
    "response", [ok(user(1, externalId="other")), refused("no", 500), ok({"id": None}), ok([])]
)
def test_a_refused_link_that_is_not_so_fails_with_the_refusal(response):
    """What counts is the portal's message, also where reading says nothing."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")),
        ("POST /users/1/link", refused("External ID already linked", 409)),
        ("GET /users/1", response),
    )
    assert (outcome.status, outcome.http_status) == ("failed", 409)
    assert "External ID already linked" in outcome.error
    assert "unlink the other" in outcome.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_portal_that_refuses_access_is_not_asked_to_read(status):
    """The refusal of a link for lack of access needs no look at the agent."""
    (outcome,), _ = play(
        perform(rentix(), link(1, "a")), ("POST /users/1/link", refused("Invalid API key", status))
    )
    assert (outcome.status, outcome.http_status) == ("failed", status)


# Performing: one request whose outcome is uncertain


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
    assert "not done" in outcome.error


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


# Performing: bulks


def bulk(*operations, portal=None):
    """The conversation of a bulk."""
    made = portal or rentix()
    (step,) = made.steps(operations)
    assert step.request.path == "/users/bulk"
    return made.perform(step)


def three(**more):
    """Three updates."""
    return [update(number, **more) for number in (1, 2, 3)]


def test_a_bulk_that_succeeds_is_one_request():
    """One outcome an operation, in the step's order."""
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(done(1), done(2), done(3))))
    assert statuses(outcomes) == [(f"update:{number}", "applied") for number in (1, 2, 3)]
    assert [each.id for each in outcomes] == [1, 2, 3]


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_results_in_another_order_go_to_whom_they_name(external):
    """Who failed is who is named, not who stands in that place."""
    named = "agent-2" if external else None
    found = [
        done(3, externalId="agent-3" if external else None),
        {**failed(named, "Bad"), "id": 2},
        done(1, externalId="agent-1" if external else None),
    ]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*operations), (TOGETHER, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]


def test_a_result_that_names_nobody_belongs_to_its_place():
    """A refusal has no id, and in a bulk by id perhaps no external id either."""
    found = [done(1), failed(None, "Invalid name"), done(3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert outcomes[1].error == "Invalid name"


def test_a_missing_result_is_settled_by_reading():
    """Whom no result speaks of is looked at, and not sent again where it is done."""
    outcomes, _ = play(
        bulk(*three()),
        (TOGETHER, results(done(1), done(3))),
        (LIST, listed(user(1), user(2, name="New 2"), user(3))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


@pytest.mark.parametrize("external", [True, False], ids=["with external ids", "without"])
def test_one_result_twice_says_nothing_of_another(external):
    """Two results for one agent and none for another: the other is looked at, and sent again."""
    found = [done(1), done(1), done(3)]
    if not external:
        found = [{**each, "externalId": None} for each in found]
    operations = [update(number, external=external) for number in (1, 2, 3)]
    outcomes, asked = play(
        bulk(*operations),
        (TOGETHER, results(*found)),
        (LIST, listed(user(1), user(2), user(3))),
        (TOGETHER, results(found[0] | {"id": 2, "externalId": "agent-2" if external else None})),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert asked[2].body == {"operations": [{"op": "upsert", "id": 2, "name": "New 2"}]}


def test_a_nameless_refusal_in_another_place_is_not_anothers():
    """Without external ids: the refused is who no result names, once the others are known."""
    found = [failed(None, "Invalid name"), done(1, externalId=None), done(2, externalId=None)]
    operations = [update(number, external=False) for number in (1, 2, 3)]
    outcomes, _ = serve(
        bulk(*operations),
        lambda request: (
            results(*found)
            if len((request.body or {}).get("operations", [])) == 3
            else results(failed(None, "Invalid name"), status=422)
            if request.method == "POST"
            else listed(user(1), user(2), user(3))
        ),
    )
    assert [each.status for each in outcomes] == ["applied", "applied", "failed"]
    assert "Invalid name" in outcomes[2].error


def test_all_failed_under_422_is_read_as_results():
    """Each has its own message and status."""
    found = [failed(f"agent-{number}", f"Wrong {number}") for number in (1, 2, 3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found, status=422)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 400, f"Wrong {number}") for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("status", [207, 400, 422, 500, 502])
def test_results_are_trusted_under_any_status(status):
    """Each by its `success`, partly or in all."""
    found = [done(1), failed("agent-2", "External ID already linked"), done(3)]
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(*found, status=status)))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert "unlink the other" in outcomes[1].error


@pytest.mark.parametrize(
    "error",
    [
        None,
        "Invalid name",
        {"message": "Invalid name"},
        {"statusCode": "400", "body": {"error": "Invalid name"}},
        {"statusCode": 400, "body": "Invalid name"},
        {"statusCode": 400, "body": None},
        [],
    ],
    ids=str,
)
def test_a_failed_result_in_another_form_is_a_failure(error):
    """The words are shown where there are some, and nothing is raised."""
    found = {"op": "upsert", "externalId": "agent-2", "id": None, "success": False, "error": error}
    outcomes, _ = play(bulk(*three()), (TOGETHER, results(done(1), found, done(3))))
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    said = "Invalid name" if "Invalid name" in str(error) else "no reason"
    assert said in outcomes[1].error


@pytest.mark.parametrize(
    "odd", [None, "x", 5, {}, {"id": [1], "success": True}, {"id": {}, "externalId": {}}], ids=str
)
def test_a_result_that_is_no_result_raises_nothing(odd):
    """What is not a result is passed over; whom it may have meant is looked at."""
    answer = ok({"results": [done(1), odd, done(3)]})
    outcomes, _ = serve(
        bulk(*three()),
        lambda request: (
            answer
            if request.method == "POST"
            else listed(user(1), user(2, name="New 2"), user(3, name="New 3"))
        ),
    )
    assert [each.operation.name for each in outcomes] == ["update:1", "update:2", "update:3"]
    assert (outcomes[0].status, outcomes[2].status) == ("applied", "applied")


def test_a_success_that_names_the_external_id_alone_is_no_wrong_agent():
    """It says who it is in the words of `bulk_by: externalId`: done, or looked at, not failed."""
    found = [{"op": "upsert", "externalId": f"agent-{each}", "success": True} for each in (1, 2)]
    outcomes, _ = serve(
        bulk(update(1), update(2), portal=rentix(bulk_by="externalId")),
        lambda request: (
            results(*found)
            if request.method == "POST"
            else listed(user(1, name="New 1"), user(2, name="New 2"))
        ),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 2)]


def test_a_wrong_id_in_a_result_fails_loudly():
    """A result for a stranger's id, under our external id or in our place."""
    for odd in (done(2, id=9), done(9, externalId=None)):
        operations = [update(1), update(2, external=odd["externalId"]), update(3)]
        outcomes, _ = play(bulk(*operations), (TOGETHER, results(done(1), odd, done(3))))
        assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
        assert "agent 9" in outcomes[1].error


def test_an_id_that_a_bulk_does_not_take_goes_into_a_put():
    """A portal that reads no ids in bulks: those agents are sent one by one, by id."""
    found = [failed(None, "User identifier required") for _ in range(2)]
    outcomes, asked = play(
        bulk(update(1), update(2), create()),
        (TOGETHER, results(*found, {**done(7), "externalId": "new"})),
        (SINGLE, ok({"id": 1, "updated": True})),
        (SINGLE, ok({"id": 2, "updated": True})),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 7),
    ]
    assert [request.body["id"] for request in asked[1:]] == [1, 2]


def test_a_creation_in_a_bulk_that_is_unknown_waits():
    """The others are applied, and this one is no failure."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, results(done(1), failed("new", "User not found", 404))),
    )
    assert [each.status for each in outcomes] == ["applied", "waiting"]
    assert "invited" in outcomes[1].error


def test_a_creation_in_a_bulk_has_the_new_id():
    """The result says which agent it is."""
    outcomes, _ = play(
        bulk(update(1), create()), (TOGETHER, results(done(1), done(8, externalId="new")))
    )
    assert [each.id for each in outcomes] == [1, 8]


def test_a_bulk_by_external_id_reads_its_results_by_it():
    """In whatever order."""
    portal = rentix(bulk_by="externalId")
    outcomes, asked = play(
        bulk(*three(), portal=portal),
        (TOGETHER, results(done(3), failed("agent-1", "Bad"), done(2))),
    )
    assert [each.status for each in outcomes] == ["failed", "applied", "applied"]
    assert all("id" not in each for each in asked[0].body["operations"])


def test_a_refused_bulk_is_the_failure_of_all():
    """A 403 for the request is each operation's, in the portal's words."""
    outcomes, _ = play(bulk(*three()), (TOGETHER, refused("Agency suspended", 403)))
    assert [(each.status, each.http_status, each.error) for each in outcomes] == [
        ("failed", 403, "Agency suspended")
    ] * 3


# Performing: bulks that are too large


class Small:
    """A portal that takes at most so many operations at once, and refuses the marked agent."""

    def __init__(self, most, status=413, poison=None):
        self.most, self.status, self.poison, self.sizes = most, status, poison, []

    def __call__(self, request):
        """Answer, and note how many operations came at once (0: a PUT)."""
        if request.path != "/users/bulk":
            self.sizes.append(0)
            return ok({"id": request.body["id"], "updated": True})
        named = [each["id"] for each in request.body["operations"]]
        self.sizes.append(len(named))
        if len(named) > self.most or self.poison in named:
            return refused("Payload too large", self.status)
        return results(*(done(number) for number in named))


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_bulk_is_halved_and_the_size_is_learned(status):
    """8 are refused, 4 too, 2 go through; from then on, also in later steps, 2 at once."""
    portal, end = rentix(bulk=8), Small(3, status)
    steps = portal.steps([update(number) for number in range(1, 13)])
    outcomes, _ = serve(portal.perform(steps[0]), end)
    assert end.sizes == [8, 4, 2, 2, 2, 2]
    later, _ = serve(portal.perform(steps[1]), end)
    assert end.sizes[6:] == [2, 2]
    assert {each.status for each in (*outcomes, *later)} == {"applied"}
    assert [each.id for each in (*outcomes, *later)] == list(range(1, 13))


@pytest.mark.parametrize("status", [400, 413])
def test_a_portal_without_bulks_gets_single_puts(status):
    """Down to one, and then each by PUT, whose answer counts."""
    outcomes, asked = serve(bulk(*three()), Small(0, status))
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [request.body["id"] for request in asked if request.method == "PUT"] == [1, 2, 3]


def test_a_single_put_that_is_refused_too_fails_alone():
    """A bulk that is refused for one agent's sake: only that one fails, with its own message."""
    end = Small(9, 400, poison=3)

    def answer(request):
        if request.method == "PUT" and request.body["id"] == 3:
            return refused("Invalid name")
        return end(request)

    outcomes, _ = serve(bulk(*(update(number) for number in range(1, 9))), answer)
    assert [each.status for each in outcomes] == ["applied"] * 2 + ["failed"] + ["applied"] * 5
    assert outcomes[2].error == "Invalid name"


@pytest.mark.parametrize("poison", [1, 3, 8])
def test_one_refused_agent_does_not_end_bulks(poison):
    """A 400 for one agent's sake is no limit of size: who comes later still goes together."""
    portal, end = rentix(bulk=8), Small(9, 400, poison=poison)
    steps = portal.steps([update(number) for number in range(1, 17)])
    serve(portal.perform(steps[0]), end)
    end.sizes.clear()
    serve(portal.perform(steps[1]), end)
    assert len(end.sizes) <= 4


def test_a_bulk_of_those_that_are_left_is_still_a_bulk():
    """A step of fewer operations than planned sends only these."""
    portal = rentix()
    (step,) = portal.steps(three())
    outcomes, asked = play(
        portal.perform(some(step, "update:1", "update:3")), (TOGETHER, results(done(1), done(3)))
    )
    assert statuses(outcomes) == [("update:1", "applied"), ("update:3", "applied")]
    assert [each["id"] for each in asked[0].body["operations"]] == [1, 3]


# Performing: bulks whose outcome is uncertain


@pytest.mark.parametrize("lost", [LOST, GATEWAY, PAGE], ids=["lost", "502", "html"])
def test_an_uncertain_bulk_is_settled_by_one_list(lost):
    """Who is done is applied without a word, and only the others go out again."""
    outcomes, asked = play(
        bulk(*three()),
        (TOGETHER, lost),
        (LIST, listed(user(1, name="New 1"), user(2), user(3, name="New 3"))),
        (TOGETHER, results(done(2))),
    )
    assert [(each.status, each.id) for each in outcomes] == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 3),
    ]
    assert [each["id"] for each in asked[2].body["operations"]] == [2]
    assert [asked[0].attempt, asked[2].attempt] == [0, 1]


def test_an_answer_without_results_is_settled_by_reading():
    """A 2xx in JSON that says nothing of the operations is no refusal: they may be done."""
    outcomes, _ = play(
        bulk(*three()),
        (TOGETHER, ok({"jobId": 7}, 202)),
        (LIST, listed(*(user(number, name=f"New {number}") for number in (1, 2, 3)))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3


def test_an_uncertain_bulk_that_is_done_is_not_sent_again():
    """One write, one list; a creation has its new id."""
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, LOST),
        (LIST, listed(user(1, name="New 1"), user(9, externalId="new", name="Ana"))),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_a_bulk_that_stays_undone_fails_after_bounded_tries():
    """Bulk and list in turn; in the end reading says that it was not done."""
    outcomes, asked = serve(
        bulk(*three()),
        lambda request: listed(user(1), user(2), user(3)) if request.method == "GET" else GATEWAY,
        most=40,
    )
    assert {each.status for each in outcomes} == {"failed"}
    assert "not done" in outcomes[0].error
    assert [request.method for request in asked] == ["POST", "GET"] * (len(asked) // 2)
    assert 3 <= len(asked) // 2 <= 10
    attempts = [request.attempt for request in asked if request.method == "POST"]
    assert all(first < second for first, second in pairwise(attempts))


def test_a_bulk_that_cannot_be_settled_is_unknown_and_not_sent_again():
    """The list cannot be read: no second write, and nobody knows."""
    outcomes, _ = play(
        bulk(*three()), (TOGETHER, LOST), (LIST, Response(502, None, "the portal answered 502"))
    )
    assert {each.status for each in outcomes} == {"unknown"}


def test_a_creation_is_not_sent_again_where_the_list_is_not_whole():
    """It may be in the part that the portal did not show; who is seen is settled."""
    page = listed(user(1, name="New 1"), next=2)
    outcomes, _ = play(
        bulk(update(1), create()), (TOGETHER, LOST), (LIST, page), ("GET /users?page=2", page)
    )
    assert [each.status for each in outcomes] == ["applied", "unknown"]


def test_what_no_list_can_say_ends_unknown():
    """Pictures by URL in a bulk that is lost each time."""
    pictures = three(avatar={"url": "https://example.com/a.jpg"})
    outcomes, _ = serve(
        bulk(*pictures),
        lambda request: (
            listed(*(user(number, avatar={"id": 1}) for number in (1, 2, 3)))
            if request.method == "GET"
            else LOST
        ),
        most=40,
    )
    assert {each.status for each in outcomes} == {"unknown"}


def test_a_creation_that_a_lost_bulk_made_may_be_updated_then():
    """The list does not show the new agent yet, and the second bulk updates it."""
    made = {**done(9, externalId="new"), "updated": True}
    outcomes, _ = play(
        bulk(update(1), create()),
        (TOGETHER, LOST),
        (LIST, listed(user(1, name="New 1"))),
        (TOGETHER, results(made)),
    )
    assert [(each.status, each.id) for each in outcomes] == [("applied", 1), ("applied", 9)]


def test_a_creation_in_a_bulk_that_was_an_update_fails():
    """Where no call was lost, somebody else had the external id."""
    made = {**done(9, externalId="new"), "updated": True}
    outcomes, _ = play(bulk(update(1), create()), (TOGETHER, results(done(1), made)))
    assert [each.status for each in outcomes] == ["applied", "failed"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_operation_that_failed_for_the_moment_is_looked_at_and_sent_again(status):
    """One operation's own 5xx or 429 under a 200: only that one goes out once more."""
    outcomes, asked = play(
        bulk(*three()),
        (TOGETHER, results(done(1), failed("agent-2", "Try later", status), done(3))),
        (LIST, listed(user(1), user(2), user(3))),
        (TOGETHER, results(done(2))),
    )
    assert [each.status for each in outcomes] == ["applied"] * 3
    assert [each["id"] for each in asked[2].body["operations"]] == [2]


def test_an_operation_that_fails_for_the_moment_for_ever_has_the_portals_words():
    """After the last try the report has the operation's own status and message."""
    moment = failed("agent-2", "Database is down", 500)

    def answer(request):
        if request.method == "GET":
            return listed(user(1), user(2), user(3))
        named = [each["id"] for each in request.body["operations"]]
        return results(*(moment if number == 2 else done(number) for number in named))

    outcomes, _ = serve(bulk(*three()), answer, most=40)
    assert [each.status for each in outcomes] == ["applied", "failed", "applied"]
    assert "Database is down" in outcomes[1].error
    assert outcomes[1].http_status == 500


def test_a_bulk_without_a_connection_fails_and_is_not_read():
    """It surely never arrived: no list is needed to know."""
    error = "could not connect to crm.rentix.md (refused)"
    outcomes, _ = play(bulk(*three()), (TOGETHER, Response(None, None, error)))
    assert [(each.status, each.error) for each in outcomes] == [("failed", error)] * 3


@settings(deadline=None, max_examples=120, database=None)
@given(st.data())
def test_each_operation_has_one_outcome_whatever_the_portal_says(data):
    """Any results, any losses, any lists: it ends, in order, with one outcome an operation."""
    count = data.draw(st.integers(2, 4))
    operations = [update(number, external=data.draw(st.booleans())) for number in range(1, count)]
    operations.append(create())
    numbers = st.sampled_from([None, *range(1, count + 2)])
    externals = st.sampled_from([None, "new", *(each.key for each in operations)])
    result = st.fixed_dictionaries(
        {"id": numbers, "externalId": externals, "success": st.booleans()},
        optional={
            "error": st.sampled_from(
                [
                    {"statusCode": 500, "body": {"error": "later"}},
                    {"statusCode": 400, "body": {"error": "User identifier required"}},
                    {"statusCode": 404, "body": {"error": "User not found"}},
                    "text",
                ]
            )
        },
    )

    def answer(request):
        if request.method == "GET":
            shown = data.draw(st.sampled_from(["list", "lost", "404"]))
            if shown == "list" and request.path == "/users":
                return listed(*(user(n) for n in data.draw(st.sets(st.integers(1, 5)))))
            return LOST if shown == "lost" else refused("User not found", 404)
        said = data.draw(st.sampled_from(["results", "lost", "413", "403", "id"]))
        if said == "results":
            found = data.draw(st.lists(result, max_size=count))
            return results(*found, status=data.draw(st.sampled_from([200, 422, 500])))
        if said == "id":
            return ok({"id": data.draw(st.integers(1, count)), "updated": True})
        return LOST if said == "lost" else refused("no", int(said))

    outcomes, _ = serve(bulk(*operations), answer)
    assert [each.operation.name for each in outcomes] == [each.name for each in operations]
    for each in outcomes:
        assert isinstance(each.operation, Operation)
        assert each.status in ("applied", "failed", "unknown", "waiting")
        assert (each.error is None) == (each.status == "applied")
