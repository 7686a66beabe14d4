"""The search for listings, as far as it concerns agents: how many live ones a profile has.

Facts: docs/portals/propertyfinder.md ("Listings").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.propertyfinder.body import Problem, ProblemsError
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
    page, size = int(call.query.get("page", "1")), int(call.query.get("perPage", "50"))
    counts = state.propertyfinder.listings
    numbers = _numbers(call.query)
    found = [
        each
        for each in (numbers if numbers is not None else counts)
        for _ in range(counts.get(each, 0))
        if call.query.get(STATE, "live") == "live"
    ]
    pages = -(-len(found) // size)
    return JSONResponse(
        {
            "results": [
                {"assignedTo": {"id": each}, "state": {"stage": "live", "type": "live"}}
                for each in found[(page - 1) * size : page * size]
            ],
            "pagination": {
                "total": len(found),
                "page": page,
                "perPage": size,
                "totalPages": pages,
                "nextPage": page + 1 if page < pages else None,
                "prevPage": page - 1 if page > 1 else None,
            },
        }
    )


def _numbers(query: Mapping[str, str]) -> list[int] | None:
    return [int(each) for each in query[ASSIGNED].split(",")] if ASSIGNED in query else None


def _problems(query: Mapping[str, str]) -> Iterator[Problem]:
    for name in query.keys() - {"page", "perPage", STATE, ASSIGNED}:
        yield Problem("is not simulated", f"/{name}")
    if not re.fullmatch("[1-9][0-9]{0,8}", query.get("page", "1")):
        yield Problem("must be an integer from 1", "/page")
    if not re.fullmatch("[1-9][0-9]?|100", query.get("perPage", "50")):
        yield Problem("must be an integer from 1 to 100", "/perPage")
    if query.get(STATE, "live") not in STATES:
        yield Problem("is not a state", f"/{STATE}")
    if not re.fullmatch("[0-9]+(,[0-9]+)*", query.get(ASSIGNED, "1")):
        yield Problem("must be ids of profiles", f"/{ASSIGNED}")
