"""Rentix: from the portal's JSON to live agents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import inf
from types import NoneType
from typing import Any
from urllib.parse import parse_qsl, urlencode

from reconciler.core.conversation import Conversation
from reconciler.core.fields import Sort
from reconciler.core.model import Account, Live, Request, Response, Scalar, Session, Value
from reconciler.errors import PortalError, ResponseError
from reconciler.portals.attribute import Attribute, wrong_types
from reconciler.portals.rentix import table
from reconciler.portals.uncertain import NO_REASON, is_name, short

PAGES = 1000
"""Pages after which reading a list ends, in case it is circular."""


def login(secrets: Mapping[str, str]) -> Conversation[Session | Response]:
    """A session with the key in its header. It needs no request and does not expire."""
    yield from ()
    return Session({"Authorization": f"ApiKey {secrets[table.SECRETS[0]]}"})


def account() -> Conversation[Account | None]:
    """The agency that the key belongs to; None if the response does not have its id."""
    response = yield Request("GET", table.AGENCY, once=True)
    found = response.status == 200 and isinstance(response.body, Mapping)
    agency: Mapping[str, Any] = response.body if found else {}
    number, name = agency.get("id"), agency.get("name")
    if number is None or not is_name(number) or not 0 < len(str(number)) <= table.LONGEST_ID:
        return None
    return Account(number, name if isinstance(name, str) else "")


def live(user: object) -> Live:
    """A user as GET shows it, in the terms of the YAML file.

    Raises ResponseError if its form is not the documented one.
    """
    checked = _checked(user)
    values: dict[str, Value] = {}
    for row in table.ATTRIBUTES:
        values |= _values(row, checked.get(row.on_wire))
    identity = {
        each.name: checked[each.name] for each in table.IDENTIFIERS if checked.get(each.name)
    }
    return Live(table.NAME, checked["id"], values["name"], identity, values)


def _values(row: Attribute, shown: Value) -> dict[str, Value]:
    """A value by its paths in a file. A switch that is not shown has no path."""
    parts = row.field.parts
    match row.field.sort:
        case Sort.SWITCHES:
            switches = {part: (shown or {}).get(part) for part in parts}
            return {
                f"{row.name}.{part}": switch
                for part, switch in switches.items()
                if switch is not None
            }
        case Sort.TEXTS if isinstance(shown, Mapping):
            return {f"{row.name}.{part}": shown.get(part) or "" for part in parts}
        case Sort.TEXT:
            return {row.name: shown or ""}
        case _:
            return {row.name: shown}


def _checked(user: object) -> Mapping[str, Any]:
    """A user whose values have the documented types. Raises ResponseError."""
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise ResponseError(
            "Rentix listed an agent without an id, which is undocumented. Run again; "
            "if it persists, report it to the portal."
        )
    wrong = wrong_types(user, table.ATTRIBUTES)
    wrong += [
        each.name
        for each in table.IDENTIFIERS
        if each.rule != "pin" and not isinstance(user.get(each.name), str | NoneType)
    ]
    wrong += [row.on_wire for row in table.ATTRIBUTES if not _parts_fit(row, user.get(row.on_wire))]
    if wrong:
        raise ResponseError(
            f"Rentix shows {', '.join(wrong)} of agent {user['id']} in an undocumented format. Run "
            f"again; if it persists, report it to the portal."
        )
    return user


def _parts_fit(row: Attribute, shown: Value) -> bool:
    if not isinstance(shown, Mapping):
        return True
    match row.field.sort:
        case Sort.TEXTS:
            return all(isinstance(text, str | None) for text in shown.values())
        case Sort.SWITCHES:
            return all(isinstance(shown.get(part), bool | None) for part in row.field.parts)
        case Sort.PICTURE:
            return type(shown.get("id")) is int
        case _:
            return True


def pages() -> Conversation[tuple[list[Mapping[str, Any]], bool]]:
    """All users, and whether the list is known to be complete. No paging is documented; `next` and
    `total` are followed if they appear. If the total changes between two pages, someone joined or
    left and a user may be missing. Raises PortalError."""
    users: dict[Any, dict[str, Any]] = {}
    total: float | None = None  # it may be on one page only, and holds for all
    steady = True
    request = Request("GET", table.USERS)
    for page in range(2, PAGES):
        items, marks = _page((yield request))
        before = len(users)
        for user in items:
            number = user.get("id") if isinstance(user, dict) else None
            users[number if is_name(number) else None] = user
        now = _total(marks)
        steady = steady and (total is None or now in (None, total))
        total = total if now is None else now
        after, unclear = _next(marks)
        if after is None and not unclear and (total is None or total <= len(users)):
            return list(users.values()), steady
        if len(users) == before:
            return list(users.values()), False
        request = Request("GET", after or f"{table.USERS}?page={page}")
    return list(users.values()), False


def one(path: str) -> Conversation[tuple[int | None, Live | None]]:
    """The status of reading one agent at this path, and the agent; None if there is none, or if it
    could not be read."""
    response = yield Request("GET", f"{table.USERS}/{path}")
    try:
        return response.status, live(response.body) if response.status == 200 else None
    except ResponseError:
        return response.status, None


def look_up(ids: Iterable[Scalar]) -> Conversation[dict[str, Live | None]]:
    """The agents with these ids, by id as text: None if the portal has no such agent. An agent that
    could not be read is left out."""
    found: dict[str, Live | None] = {}
    for number in map(str, ids):
        status, agent = yield from one(number)
        if status == 404 or (agent is not None and str(agent.id) == number):
            found[number] = agent
    return found


def _page(response: Response) -> tuple[list[Any], dict[str, Any]]:
    """The users of a page, and its paging marks. Raises PortalError."""
    if response.status != 200:
        raise PortalError(_unreadable(response))
    items = response.body.get("items") if isinstance(response.body, dict) else None
    if not isinstance(items, list):
        raise ResponseError(
            "Rentix responded to GET /users without `items`, which is undocumented. Check "
            "portals.rentix.url."
        )
    return items, _marks(response.body)


def _unreadable(response: Response) -> str:
    reason = response.error or message(response.body)
    if reason == NO_REASON:
        reason = f"the portal returned {response.status}"
    match response.status:
        case 401:
            return f"Rentix rejected the key ({reason}). Check RENTIX_API_KEY."
        case 403:
            return (
                f"Rentix refused access ({reason}). The agency is suspended, or its API is not "
                f"enabled: ask the portal."
            )
        case 404:
            return f"Rentix has no users at this address ({reason}). Check portals.rentix.url."
        case _:
            return f"Cannot read Rentix: {reason}."


def _marks(body: Mapping[str, Any]) -> dict[str, Any]:
    """The paging marks of a list: at its top, or in an object for paging (`meta`, `pagination`). An
    agency's statistics or limits may have a `total` too."""
    deeper = (inner for name in table.PAGING if isinstance(inner := body.get(name), Mapping))
    names = (*table.NEXT, table.TOTAL)
    return {name: part[name] for part in (*deeper, body) for name in names if part.get(name)}


def _next(marks: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The path of the next page, or None; and whether there is a mark that cannot be followed. The
    path is always on this portal, whatever host the mark names."""
    unclear = False
    for marker in filter(None, (marks.get(name) for name in table.NEXT)):
        if type(marker) is int:
            return f"{table.USERS}?page={marker}", False
        if isinstance(marker, str):
            _, found, query = marker.partition("#")[0].partition("?")
            parameters = parse_qsl(query) if found else [("cursor", marker)]
            return f"{table.USERS}?{urlencode(parameters, errors='replace')}", False
        unclear = True
    return None, unclear


def _total(marks: Mapping[str, Any]) -> float | None:
    """How many agents a list says that there are; None if it does not say. A text that is not a
    number may mean any number."""
    total = marks.get(table.TOTAL)
    match total:
        case bool():
            return None
        case int() | float():
            return total
        case str():
            return int(total) if re.fullmatch("[0-9]{1,9}", total) else inf
        case _:
            return None


def message(body: Value) -> str:
    """The portal's own message, in either form of an error; NO_REASON if there is none."""
    if isinstance(body, str):
        return short(body)
    if isinstance(body, Mapping):
        for text in (body.get("message"), body.get("error"), body.get("body")):
            if isinstance(text, list) and text:
                return message("; ".join(map(str, text)))
            if text:
                return message(text if isinstance(text, Mapping) else str(text))
    return NO_REASON
