"""The search for listings: the live ones of each profile.

Facts: docs/portals/propertyfinder.md ("Listings").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.propertyfinder.body import Problem, ProblemsError
from reconciler.sandbox.propertyfinder.paging import (
    PARAMETERS,
    page_of,
    pagination,
    paging_problems,
)
from reconciler.sandbox.state import Call, State

STATE, ASSIGNED = "filter[state]", "filter[assignedToId]"
STATES = (
    *("draft", "live", "takendown", "archived", "unpublished", "pending_approval", "rejected"),
    *("approved", "failed"),
)


def search(state: State, call: Call) -> Response:
    """Return a page of the listings of these profiles, of which the sandbox has live ones only.

    Raises a `ProblemsError` of 400 for a query that is not documented.
    """
    problems = list(_problems(call.query))
    if problems:
        raise ProblemsError(400, problems)
    page, size = page_of(call.query)
    counts = state.propertyfinder.listings
    numbers = _numbers(call.query)
    found = [
        each
        for each in (numbers if numbers is not None else counts)
        for _ in range(counts.get(each, 0))
        if call.query.get(STATE, "live") == "live"
    ]
    return JSONResponse(
        {
            "results": [
                {"assignedTo": {"id": each}, "state": {"stage": "live", "type": "live"}}
                for each in found[(page - 1) * size : page * size]
            ],
            "pagination": pagination(len(found), page, size),
        }
    )


def _numbers(query: Mapping[str, str]) -> list[int] | None:
    return [int(each) for each in query[ASSIGNED].split(",")] if ASSIGNED in query else None


def _problems(query: Mapping[str, str]) -> Iterator[Problem]:
    for name in query.keys() - {*PARAMETERS, STATE, ASSIGNED}:
        yield Problem("is not simulated", f"/{name}")
    yield from paging_problems(query)
    if query.get(STATE, "live") not in STATES:
        yield Problem("is not a state", f"/{STATE}")
    if not re.fullmatch("[0-9]+(,[0-9]+)*", query.get(ASSIGNED, "1")):
        yield Problem("must be ids of profiles", f"/{ASSIGNED}")
