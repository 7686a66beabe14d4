"""Property Finder: reading pages of users."""

from __future__ import annotations

import pytest
from conversations import ids, ok, play, reading, serve

from reconciler.core.model import (
    Response,
)
from reconciler.errors import PortalError
from reconciler.portals.propertyfinder import read as module

from .talk import LIST, finder, numbered, older, page, person, problem


def test_one_page_is_whole():
    """One request, and everybody in it."""
    listing, _ = play(reading(finder()), (LIST, page(person(1), person(2))))
    assert (ids(listing), listing.complete) == ([1, 2], True)


@pytest.mark.parametrize("pages", [0, 1, None])
def test_an_empty_agency_is_whole(pages):
    """Nobody there, and nobody more to come, whatever the number of pages is called."""
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
        (problem(401, detail="Token expired"), ["Token expired", "rejected the token"]),
        (problem(403, detail="No scope"), ["No scope", "users:read"]),
        (older(404, "Cannot GET"), ["Cannot GET", "portals.propertyfinder.url"]),
        (problem(400, ("/perPage", "too many")), ["too many", "Cannot read"]),
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
