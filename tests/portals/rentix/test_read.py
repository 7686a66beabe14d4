"""Rentix: reading the list of agents."""

from __future__ import annotations

import re

import pytest
from conversations import ids, ok, play, reading, serve
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.fields import Sort
from reconciler.core.model import Account, Live, Response
from reconciler.errors import PortalError
from reconciler.portals.rentix.read import live
from reconciler.portals.rentix.table import ATTRIBUTES

from .build import LIST, listed, rejected, rentix, user


def test_list_without_markers_is_complete():
    """One request returns every agent."""
    listing, _ = play(reading(rentix()), (LIST, listed(user(1), user(2))))
    assert (ids(listing), listing.complete) == ([1, 2], True)


def test_empty_agency_is_complete():
    """No agents and no further pages."""
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
        ({"total": "2"}, "/users?page=2"),
        ({"meta": {"total": 2}}, "/users?page=2"),
        ({"next": None, "links": {"next": "?page=2"}}, "/users?page=2"),
    ],
    ids=str,
)
def test_marker_leads_to_the_next_page_of_this_portal(markers, path):
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
def test_no_marker_leads_to_another_address(marker, name):
    """Whatever the marker is, only this portal's list is requested, and only a PortalError is
    raised."""
    requests = []
    conversation = reading(rentix())
    try:
        request = next(conversation)
        for answer in (listed(user(1), **{name: marker}), listed(user(2))):
            requests.append(request)
            request = conversation.send(answer)
        raise AssertionError(request)
    except (StopIteration, PortalError):
        pass
    for request in requests:
        assert re.fullmatch(r"/users(\?[!-~]*)?", request.path)
        assert (request.method, request.body) == ("GET", None)


@pytest.mark.parametrize(
    "markers",
    [{"next": {"page": 2}}, {"next": ["x"]}, {"total": "7"}, {"nextPage": 2.5}, {"next": True}],
    ids=str,
)
def test_marker_that_cannot_be_followed_makes_the_list_incomplete(markers):
    """There may be more agents, so a missing one may still exist."""

    def answer(request):
        return listed(user(1), **markers)

    listing, _ = serve(reading(rentix()), answer)
    assert ids(listing) == [1]
    assert not listing.complete


@pytest.mark.parametrize(
    "more",
    [
        {"stats": {"total": 900, "count": 12}},
        {"limits": {"total": 5000, "next": {"tariff": 2}}},
        {"billing": {"next": "2026-12-01"}},
        {"total": {"active": 1, "inactive": 8}},
        {"total": True},
        {"total": [9]},
        {"count": 9, "more": True, "hasMore": True, "pages": 3},
        {"meta": {"count": 9, "stats": {"total": 900}}},
        {"meta": ["total", 9]},
        {"items": [{**user(1), "total": 9, "next": "?page=2", "listings": {"total": 9}}]},
    ],
    ids=str,
)
def test_unrelated_key_does_not_make_the_list_incomplete(more):
    """Statistics, limits, an agent's own values: one request reads the list."""
    listing, _ = play(reading(rentix()), (LIST, ok({"items": [user(1)], **more})))
    assert (ids(listing), listing.complete) == ([1], True)


@pytest.mark.parametrize("totals", [(4, 3), (3, 4)], ids=["left", "joined"])
def test_total_that_changes_between_pages_makes_the_list_incomplete(totals):
    """Someone joined or left while the list was read, so an agent may be on no page."""
    before, after = totals
    listing, _ = play(
        reading(rentix()),
        (LIST, listed(user(1), user(2), total=before)),
        ("GET /users?page=2", listed(user(4), user(5), total=after)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 4, 5], False)


@pytest.mark.parametrize("name", ["next", "nextPage"])
@pytest.mark.parametrize("nothing", [None, "", False, 0])
def test_empty_marker_is_the_end(name, nothing):
    """Null, empty, false and 0 mean that there is no next page."""
    listing, _ = play(reading(rentix()), (LIST, listed(user(1), **{name: nothing})))
    assert (ids(listing), listing.complete) == ([1], True)


def test_pages_are_followed_to_the_end():
    """Each once, in order."""
    pages = {
        "/users": listed(user(1), next="?page=2"),
        "/users?page=2": listed(user(2), next="?page=3"),
        "/users?page=3": listed(user(3), next=""),
    }
    listing, requests = serve(reading(rentix()), lambda request: pages[request.path])
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)
    assert [request.path for request in requests] == list(pages)


def test_total_is_followed_page_by_page():
    """With only a total, pages are read until all agents are listed."""
    pages = {
        "/users": listed(user(1), user(2), total=5),
        "/users?page=2": listed(user(3), user(4), total=5),
        "/users?page=3": listed(user(5), total=5),
    }
    listing, requests = serve(reading(rentix()), lambda request: pages[request.path])
    assert (ids(listing), listing.complete) == ([1, 2, 3, 4, 5], True)
    assert len(requests) == 3


@pytest.mark.parametrize(
    "markers", [{"next": "?page=2"}, {"nextPage": 2}, {"total": 9}], ids=["url", "number", "total"]
)
def test_repeated_page_ends_the_list(markers):
    """The list is incomplete if the portal shows the same page again and again."""
    listing, requests = serve(reading(rentix()), lambda _: listed(user(1), user(2), **markers))
    assert (ids(listing), listing.complete) == ([1, 2], False)
    assert len(requests) == 2


def test_number_of_pages_is_limited():
    """Reading stops even if the portal returns new agents forever."""
    count = iter(range(10**6))
    listing, requests = serve(
        reading(rentix()), lambda _: listed(user(next(count)), next="?page=x"), most=2000
    )
    assert not listing.complete
    assert len(listing.agents) == len(requests)


def test_agent_on_two_pages_is_listed_once():
    """A list that shifts while it is read repeats an agent."""
    pages = [listed(user(1), user(2), next="?p=2"), listed(user(2), user(3))]
    listing, _ = serve(reading(rentix()), lambda _: pages.pop(0))
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)


def test_total_on_one_page_counts_for_all_pages():
    """The last page need not repeat it: an agent omitted from a page still makes the list
    incomplete."""
    listing, _ = play(
        reading(rentix()),
        (LIST, listed(user(1), total=3, next=2)),
        ("GET /users?page=2", listed(user(3))),
        ("GET /users?page=3", listed()),
    )
    assert ([agent.id for agent in listing.agents], listing.complete) == ([1, 3], False)


def test_fewer_agents_than_the_total_are_incomplete():
    """Another page adds no agent, and the total is larger."""
    pages = [listed(user(1), total=2), listed(total=2)]
    listing, _ = serve(reading(rentix()), lambda _: pages.pop(0))
    assert (ids(listing), listing.complete) == ([1], False)


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        (rejected("Invalid API key", 401), ["Invalid API key", "RENTIX_API_KEY"]),
        (rejected("Agency suspended", 403), ["Agency suspended", "API"]),
        (rejected("Cannot GET", 404), ["Cannot GET", "portals.rentix.url"]),
        (rejected(["one", "two"], 400), ["one; two"]),
        (rejected("Too many requests", 429), ["Too many requests"]),
        (Response(302, None, "the portal answered 302, a redirect; none is followed"), ["302"]),
        (Response(502, None, "the portal answered 502"), ["502"]),
        (Response(None, None, "could not connect to crm.rentix.md (rejected)"), ["connect"]),
        (Response(200, None, "the portal answered 200 with something …"), ["Rentix"]),
        (ok([]), ["items"]),
        (ok({"items": None}), ["items"]),
        (ok({"items": {"1": user(1)}}), ["items"]),
        (ok({"data": []}), ["items"]),
        (ok("none"), ["items"]),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_failed_list_is_an_error(response, parts):
    """With the portal's message and what to do."""
    with pytest.raises(PortalError) as caught:
        play(reading(rentix()), (LIST, response))
    assert [part for part in parts if part not in str(caught.value)] == []


def test_failed_second_page_is_an_error():
    """Some of the agents are not passed off as all."""
    with pytest.raises(PortalError):
        play(
            reading(rentix()),
            (LIST, listed(user(1), next=2)),
            ("GET /users?page=2", rejected("", 500)),
        )


def _case(wrong):
    """The id of a parametrized case."""
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


@pytest.mark.parametrize("wrong", MALFORMED, ids=_case)
def test_undocumented_user_is_an_error(wrong):
    """A PortalError, neither a guess nor a crash."""
    with pytest.raises(PortalError, match="undocumented"):
        play(reading(rentix()), (LIST, listed(user(7), wrong)))


LINKS = [row.name for row in ATTRIBUTES if row.field.sort is Sort.LINK]


def test_agent_has_the_terms_of_the_file():
    """Identity and values by path; `posting_type` is not managed."""
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
            **dict.fromkeys(LINKS),
            "instagram": "https://instagram.com/i",
            "settings.contact_phone": True,
            "settings.contact_whatsapp": True,
            "settings.contact_viber": True,
            "settings.contact_telegram": True,
        },
    )


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_empty_external_id_and_phone_are_no_identity(nothing):
    """Neither null nor an empty string identifies an agent."""
    assert live(user(5, externalId=nothing, phone=nothing)).identity == {"id": 5}


def test_description_by_language():
    """All three languages; an omitted one is the empty text."""
    values = live(user(5, description={"ru": "Р", "ro": None})).values
    found = {path: value for path, value in values.items() if path.startswith("description")}
    assert found == {"description.ru": "Р", "description.en": "", "description.ro": ""}


def test_missing_attributes_are_empty():
    """A user with only an id can be read."""
    agent = live({"id": 5})
    assert (agent.name, agent.identity) == ("", {"id": 5})
    assert agent.values["avatar"] is None
    assert not any(path.startswith("settings.") for path in agent.values)


def test_look_up_leaves_out_what_could_not_be_read():
    """A 404 is an answer; an error, another agent or an undocumented format is none."""
    script = [
        ("GET /users/1", ok(user(1))),
        ("GET /users/2", Response(404)),
        ("GET /users/3", Response(503)),
        ("GET /users/4", ok(user(7))),
        ("GET /users/5", ok({"id": 5, "name": 5})),
    ]
    agents, _ = play(rentix().look_up([1, "2", 3, 4, 5]), *script)
    assert {each: agent and agent.id for each, agent in agents.items()} == {"1": 1, "2": None}


# -- the account -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [17, "17", "b-1", "x" * 255])
@pytest.mark.parametrize("name", ["Дом", ""])
def test_the_account_is_the_agency(number, name):
    """Its id, in the form that the portal shows, and its name."""
    agency = {"id": number, "name": name, "status": "active", "limits": {}}
    found, _ = play(rentix().look_up_account(), ("GET /agency", ok(agency)))
    assert found == Account(number, name)


@pytest.mark.parametrize("name", [None, 5, ["Дом"], {}])
def test_an_account_without_a_usable_name(name):
    """The id is enough."""
    found, _ = play(rentix().look_up_account(), ("GET /agency", ok({"id": 17, "name": name})))
    assert found == Account(17, "")


@pytest.mark.parametrize(
    "response",
    [
        *(Response(status, {"id": 17, "name": "Дом"}) for status in (401, 403, 404, 405, 500, 204)),
        *(ok(body) for body in (None, [], [{"id": 17}], "text", {}, {"agency": {"id": 17}})),
        *(ok({"id": number}) for number in (None, True, 1.5, "", "x" * 256, [17], {})),
        Response(None, None, "the connection was lost"),
    ],
    ids=str,
)
def test_an_unknown_account(response):
    """No error, whatever the portal returns."""
    assert play(rentix().look_up_account(), ("GET /agency", response))[0] is None


def test_the_account_is_requested_once():
    """The request is not retried."""
    assert next(rentix().look_up_account()).once
