"""Pages of the users and of the listings.

Facts: docs/portals/propertyfinder.md ("Calls").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.sandbox.propertyfinder.body import Problem
from reconciler.sandbox.values import Json

PARAMETERS = ("page", "perPage")
_FIRST, _SIZE = "1", "50"
"""The page and its size if a call does not say."""


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the number of the page and its size, of a query without problems."""
    return int(query.get("page", _FIRST)), int(query.get("perPage", _SIZE))


def paging_problems(query: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problems of the page number and the page size."""
    if not re.fullmatch("[1-9][0-9]{0,8}", query.get("page", _FIRST)):
        yield Problem("must be an integer from 1", "/page")
    if not re.fullmatch("[1-9][0-9]?|100", query.get("perPage", _SIZE)):
        yield Problem("must be an integer from 1 to 100", "/perPage")


def pagination(total: int, page: int, size: int) -> Json:
    """Return what a response says of its page."""
    pages = -(-total // size)
    return {
        "total": total,
        "page": page,
        "perPage": size,
        "totalPages": pages,
        "nextPage": page + 1 if page < pages else None,
        "prevPage": page - 1 if page > 1 else None,
    }
