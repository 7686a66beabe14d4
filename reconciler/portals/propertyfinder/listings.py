"""Property Finder: how many live listings an agent has.

Facts: docs/portals/propertyfinder.md. Many keys lack the scope `listings:read`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from reconciler.core.conversation import Conversation
from reconciler.core.model import Live, Request, Response
from reconciler.portals.propertyfinder import table

LISTINGS = "/v1/listings"


def live_listings(agents: Sequence[Live]) -> Conversation[dict[str, int]]:
    """The number of live listings of each agent, by id as text. Without the key's scope (403), no
    further agent is asked about; an answer that does not say counts for nothing."""
    found: dict[str, int] = {}
    for live in agents:
        if (profile := live.aliases.get(table.PROFILE)) is None:
            continue
        query = {"filter[assignedToId]": profile, "filter[state]": "live", "perPage": 1}
        response = yield Request("GET", f"{LISTINGS}?{urlencode(query)}")
        if response.status == 403:
            break
        total = _total(response)
        if total is not None:
            found[str(live.id)] = total
    return found


def _total(response: Response) -> int | None:
    body = response.body if response.status == 200 else None
    paging = body.get("pagination") if isinstance(body, Mapping) else None
    total = paging.get("total") if isinstance(paging, Mapping) else None
    return total if type(total) is int and total >= 0 else None
