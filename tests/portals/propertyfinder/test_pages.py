"""Property Finder: reading users page by page."""

from __future__ import annotations

import pytest
from conversations import ids, ok, play, reading, serve

from reconciler.core.model import (
    Response,
)
from reconciler.errors import PortalError
from reconciler.portals.propertyfinder import read as module

from .build import LIST, finder, numbered, older_problem, page, person, problem


def test_single_page_is_complete():
    """One request returns every user."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), person(2))))
    assert (ids(listing), listing.complete) == ([1, 2], True)


@pytest.mark.parametrize("pages", [0, 1, None])
def test_empty_agency_is_complete(pages):
    """No users and no further pages, whatever `totalPages` is."""
    listing, _ = play(reading(finder()), (LIST, page(totalPages=pages)))
    assert (ids(listing), listing.complete) == ([], True)


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
    """`nextPage` in any form, or a `totalPages` greater than the pages read."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), total=2, **marks)),
        (numbered(2), page(person(2), total=2, totalPages=2)),
    )
    assert (ids(listing), listing.complete) == ([1, 2], True)


@pytest.mark.parametrize("nothing", [None, "", False, 0])
def test_empty_next_page_is_the_end(nothing):
    """Null, empty, false and 0 mean no next page; a `totalPages` that is not a number is
    ignored."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), nextPage=nothing, totalPages=None)))
    assert (ids(listing), listing.complete) == ([1], True)


def test_smaller_pages_are_followed():
    """The portal may return fewer users per page than the 100 requested."""
    answers = {
        numbered(number): page(person(number), total=3, totalPages=3, perPage=1)
        for number in (1, 2, 3)
    }
    listing, requests = serve(
        reading(finder()), lambda request: answers[f"{request.method} {request.path}"]
    )
    assert (ids(listing), listing.complete, len(requests)) == ([1, 2, 3], True, 3)


def test_fewer_users_than_the_total_are_incomplete():
    """Some user was not shown, so a missing user may still exist."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), total=2)))
    assert (ids(listing), listing.complete) == ([1], False)


@pytest.mark.parametrize("total", [None, "1", 1.0, True, [1]], ids=str)
def test_list_without_a_total_is_incomplete(total):
    """Only the total shows that no user is missing."""
    answer = page(person(1))
    answer.body["pagination"]["total"] = total
    listing, _ = play(reading(finder()), (LIST, answer))
    assert (ids(listing), listing.complete) == ([1], False)


def test_user_on_two_pages_is_listed_once():
    """As shown last. A list that shifts while it is read repeats a user but omits none."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), person(2), total=3, nextPage=2)),
        (numbered(2), page(person(2, status="inactive"), person(3), total=3)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 3], True)
    assert listing.agents[1].values["status"] == "inactive"


def test_user_that_moved_between_pages_makes_the_list_incomplete():
    """If a user leaves page 1 while it is read, another moves there unseen."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), person(2), total=4, nextPage=2)),
        (numbered(2), page(person(4), total=4)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 4], False)


def test_user_who_left_between_pages_makes_the_list_incomplete():
    """As many users as the last total are read, but one of them has left and another moved to a
    page that was read already."""
    listing, _ = play(
        reading(finder()),
        (numbered(1), page(person(1), person(2), total=4, nextPage=2)),
        (numbered(2), page(person(4), total=3)),
    )
    assert (ids(listing), listing.complete) == ([1, 2, 4], False)


@pytest.mark.parametrize("marks", [{"nextPage": 2}, {"totalPages": 9}], ids=str)
@pytest.mark.parametrize(("total", "complete"), [(2, True), (1, True), (3, False), ("2", False)])
def test_repeated_page_ends_the_list(marks, total, complete):
    """If a portal shows the same page again, the list is complete if it has as many users as
    the total."""
    answer = page(person(1), person(2), total=total, **marks)
    listing, requests = serve(reading(finder()), lambda _: answer)
    assert (ids(listing), listing.complete) == ([1, 2], complete)
    assert len(requests) == 2


def test_several_repeated_pages_end_the_list():
    """After the last page the portal shows the first again: the list is complete."""
    one, two = (page(person(each), total=2, nextPage=3 - each) for each in (1, 2))
    listing, _ = play(reading(finder()), (numbered(1), one), (numbered(2), two), (numbered(3), one))
    assert (ids(listing), listing.complete) == ([1, 2], True)


def test_number_of_pages_is_limited(monkeypatch):
    """Reading stops even if the portal returns new users forever."""
    monkeypatch.setattr(module, "PAGES", 20)
    count = iter(range(10**6))
    listing, requests = serve(
        reading(finder()), lambda _: page(person(next(count)), nextPage=2), most=30
    )
    assert not listing.complete
    assert len(listing.agents) == len(requests) == 19


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        (problem(401, detail="Token expired"), ["Token expired", "rejected the token"]),
        (problem(403, detail="No scope"), ["No scope", "users:read"]),
        (older_problem(404, "Cannot GET"), ["Cannot GET", "portals.propertyfinder.url"]),
        (problem(400, ("/perPage", "too many")), ["too many", "Cannot read"]),
        (older_problem(429, "Too many requests"), ["Too many requests"]),
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
def test_failed_list_is_an_error(response, parts):
    """With the portal's message and what to do."""
    with pytest.raises(PortalError) as caught:
        play(reading(finder()), (LIST, response))
    assert "Property Finder" in str(caught.value)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_failed_second_page_is_an_error():
    """Some of the users are not passed off as all."""
    with pytest.raises(PortalError, match="502"):
        play(
            reading(finder()),
            (numbered(1), page(person(1), total=2, nextPage=2)),
            (numbered(2), Response(502, None, "the portal answered 502")),
        )
