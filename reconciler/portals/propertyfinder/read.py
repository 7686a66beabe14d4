"""Property Finder: from the portal's JSON to live agents."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.conversation import Conversation
from reconciler.core.fields import Sort
from reconciler.core.model import Live, Request, Response, Session, Value
from reconciler.errors import PortalError, ResponseError
from reconciler.portals.attribute import Attribute, wrong_types
from reconciler.portals.propertyfinder import table
from reconciler.portals.propertyfinder.answers import is_login_error, message
from reconciler.portals.uncertain import is_name, object_of

PAGES = 1000
"""Pages after which reading a list ends, in case it is circular."""
LOGINS = 3
"""The most times that a token is requested while successes come without one."""
SHORTEST_SESSION = 60.0
"""Seconds that a token is used if the portal does not say how long it is valid."""
LONGEST_SESSION = 86400
"""Seconds that a token is used at most, whatever the portal says."""


def login(secrets: Mapping[str, str], path: str) -> Conversation[Session | Response]:
    """A session with a token for the key and the secret, or the response that refused one."""
    key, secret = (secrets[name] for name in table.SECRETS)
    for _ in range(LOGINS):
        body = {"apiKey": key, "apiSecret": secret}
        response = yield Request("POST", path, body, asks=True)
        answer = object_of(response)
        token, seconds = answer.get("accessToken"), answer.get("expiresIn")
        if response.status not in (200, 201):
            break
        if isinstance(token, str) and _is_token(token):
            lasts = SHORTEST_SESSION
            if isinstance(seconds, int | float) and seconds > 0:
                lasts = float(min(seconds, LONGEST_SESSION))
            return Session({"Authorization": f"Bearer {token}", **table.ERROR_FORMAT}, lasts)
    # The caller would take any other status for that of the request that needed the token.
    status = response.status if response.status in (401, 403) else None
    return Response(status, None, _no_token(response, path))


def _is_token(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _no_token(response: Response, path: str) -> str:
    reason = message(response) if response.error is None else response.error
    match response.status:
        case 400 | 401 | 403 | 422:
            return (
                f"Property Finder rejected the key and the secret ({reason}). Check "
                f"PROPERTYFINDER_API_KEY and PROPERTYFINDER_API_SECRET."
            )
        case 404 | 405:
            return (
                f"Property Finder issues no tokens at {path} ({reason}). Check token_path and url "
                f"in portals.propertyfinder."
            )
        case 200 | 201:
            return (
                f"Property Finder responded to POST {path} without a token, which is undocumented. "
                f"Check token_path and url in portals.propertyfinder."
            )
        case _:
            return f"Property Finder issued no token: {reason}."


def pages(which: str = "") -> Conversation[tuple[list[Mapping[str, Any]], bool]]:
    """All users that a filter finds (`&status=inactive`; "": the whole list), and whether the list
    is known to be complete. If the total changes between two pages, someone joined or left and a
    user may be missing. Raises PortalError."""
    users: dict[Any, Mapping[str, Any]] = {}
    totals = []
    for page in range(1, PAGES):
        data, marks = _page(
            (yield Request("GET", f"{table.USERS}?page={page}&perPage={table.PAGE_SIZE}{which}"))
        )
        before = len(users)
        for user in data:
            checked = _checked(user)
            users[checked["id"]] = checked
        totals.append(marks.get("total"))
        last = marks.get("totalPages")
        ended = not marks.get("nextPage") and (type(last) is not int or page >= last)
        if ended or len(users) == before:
            steady = all(total == totals[0] for total in totals)
            return list(users.values()), steady and not says_more(marks, len(users))
    return list(users.values()), False


def _page(response: Response) -> tuple[list[Any], Mapping[str, Any]]:
    """The users of a page, and its `pagination`. Raises PortalError."""
    if response.status != 200:
        raise PortalError(_unreadable(response, "users:read"))
    answer = object_of(response)
    data, marks = answer.get("data"), answer.get("pagination")
    if not isinstance(data, list) or not isinstance(marks, Mapping):
        raise ResponseError(
            "Property Finder responded to GET /v1/users without `data` and `pagination`, which is "
            "undocumented. Check portals.propertyfinder.url."
        )
    return data, marks


def says_more(marks: Value, count: int) -> bool:
    """Whether `pagination` says that there are more than `count` users, or does not say how
    many."""
    total = marks.get("total") if isinstance(marks, Mapping) else None
    return type(total) is not int or total > count


def roles() -> Conversation[dict[int, str]]:
    """The portal's roles: their names by number. Raises PortalError."""
    response = yield Request("GET", table.ROLES)
    if response.status != 200:
        raise PortalError(_unreadable(response, "roles:read"))
    data = object_of(response).get("data")
    if not isinstance(data, list) or not all(map(_is_role, data)):
        raise ResponseError(
            "Property Finder shows its roles in an undocumented format. Declare "
            "propertyfinder.roleId by number."
        )
    return {each["id"]: each["name"] for each in data}


def _is_role(role: object) -> bool:
    """Whether a role has a number and a name; without them, a role would seem not to exist."""
    return (
        isinstance(role, Mapping)
        and type(role.get("id")) is int
        and isinstance(role.get("name"), str)
    )


def _unreadable(response: Response, scope: str) -> str:
    reason = response.error or message(response)
    if is_login_error(response):
        return reason
    match response.status:
        case 401:
            return f"Property Finder rejected the token ({reason}). Run again."
        case 403:
            return (
                f"Property Finder refused access ({reason}). The key needs the scope {scope}. The "
                f"scopes of a key cannot be changed: create a new key with it in the portal's "
                f"settings."
            )
        case 404:
            return (
                f"Property Finder was not found at this address ({reason}). Check "
                f"portals.propertyfinder.url."
            )
        case _:
            return f"Cannot read Property Finder: {reason}."


def _checked(user: object) -> Mapping[str, Any]:
    """A user whose values have the documented types. Raises ResponseError."""
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise ResponseError(
            "Property Finder listed a user without an id, which is undocumented. Run again; if it "
            "persists, report it to the portal."
        )
    profile = user.get("publicProfile")
    wrong = wrong_types(_with_role_id(user), table.PRIVATE)
    if user.get("email") in (None, ""):  # without it, every user would seem to be new
        wrong.append("email")
    if profile is not None and not isinstance(profile, Mapping):
        wrong.append("publicProfile")
    elif profile is not None:
        wrong += [f"publicProfile.{name}" for name in _wrong_in_profile(profile)]
    if wrong:
        raise ResponseError(
            f"Property Finder shows {', '.join(wrong)} of user {user['id']} in an undocumented "
            f"format. Run again; if it persists, report it to the portal."
        )
    return user


def _with_role_id(user: Mapping[str, Any]) -> Mapping[str, Any]:
    """A user with the id of the role, which GET shows as an object (doubt 3)."""
    role = user.get("role")
    if role is None:
        return user
    return {**user, "roleId": role.get("id") if isinstance(role, Mapping) else role}


def _wrong_in_profile(profile: Mapping[str, Any]) -> list[str]:
    rows = [row for row in table.PUBLIC if row.field.sort is not Sort.PICTURE]
    wrong = wrong_types(profile, rows)
    languages = profile.get("spokenLanguages")
    if isinstance(languages, list) and not all(map(is_name, languages)):
        wrong.append("spokenLanguages")
    compliances = profile.get("compliances")
    if isinstance(compliances, list) and not all(map(_is_compliance, compliances)):
        wrong.append("compliances")
    if not is_name(profile.get("id")):
        wrong.append("id")
    return wrong + [
        name
        for name in table.TEXTS
        if isinstance(profile.get(name), Mapping)
        and not all(isinstance(profile[name].get(part), str | None) for part in table.PARTS)
    ]


def _is_compliance(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("type"), str)
        and isinstance(value.get("value"), str)
        and isinstance(value.get("expiryDate"), str | None)
    )


def shown_names(users: Sequence[Mapping[str, Any]]) -> set[str]:
    """The names of the values, of those that the portal may hide, that it shows of any user. It
    omits what is not set, so one user says nothing about the others."""
    profiles = [user.get("publicProfile") or {} for user in users]
    return {row.name for row in table.HIDDEN if any(row.on_wire in profile for profile in profiles)}


def role_names(users: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The names of the roles that users show, by number."""
    found = (user.get("role") for user in users)
    return {role["id"]: role["name"] for role in found if _is_role(role)}  # type: ignore[index]


def shows_plain(users: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether the portal shows texts as strings; None if no user has a text."""
    profiles = [user.get("publicProfile") or {} for user in users]
    types = {type(profile.get(text)) for profile in profiles for text in table.TEXTS}
    return True if str in types else False if dict in types else None


def live(user: object, *, plain: bool | None, shown: Collection[str] = ()) -> Live:
    """A user as GET shows it, in the terms of the YAML file. `plain`: the portal shows texts as
    strings. `shown` are the values that the portal shows although it may hide them.

    Raises ResponseError if its form is not the documented one.
    """
    checked = _checked(user)
    profile = checked.get("publicProfile") or {}
    values = _private(checked)
    for row in table.PUBLIC:
        if not (row.field.hidden and profile) or row.name in shown or row.on_wire in profile:
            values |= _public(row, profile, plain=plain)
    number = profile.get("id")
    full_name = f"{checked.get('firstName') or ''} {checked.get('lastName') or ''}".strip()
    return Live(
        table.NAME,
        checked["id"],
        profile.get("name") or full_name,
        {each.name: checked[each.name] for each in table.IDENTIFIERS if checked.get(each.name)},
        values,
        {table.PROFILE: number} if number is not None else {},
        _notice(profile),
    )


def _notice(profile: Mapping[str, Any]) -> str:
    """What visitors cannot see yet, since the portal has not verified the profile."""
    verification = profile.get("verification")
    status = verification.get("status") if isinstance(verification, Mapping) else None
    return f"not visible yet: verification {status}" if status in table.UNVERIFIED else ""


def _private(user: Mapping[str, Any]) -> dict[str, Value]:
    user = _with_role_id(user)
    values: dict[str, Value] = {row.name: user.get(row.on_wire) for row in table.PRIVATE}
    if values["firstName"] is None and values["lastName"] is None:
        # This portal has one name, the public one.
        del values["firstName"], values["lastName"]
    if values["status"] in table.GONE:
        values["status"] = "inactive"
    return values


def _public(row: Attribute, profile: Mapping[str, Any], *, plain: bool | None) -> dict[str, Value]:
    shown = profile.get(row.on_wire)
    match row.field.sort:
        case Sort.TEXTS if isinstance(shown, Mapping):
            return {f"{row.name}.{part}": shown.get(part) or "" for part in table.PARTS}
        case Sort.TEXTS:  # a string is the first language and says nothing about the second
            parts = [table.FIRST] if isinstance(shown, str) or plain else table.PARTS
            return {f"{row.name}.{part}": shown or "" for part in parts}
        case Sort.CODES if row.name == "compliances":
            return {row.name: [_compliance(each) for each in shown or ()]}
        case Sort.CODES:
            return {row.name: [table.CODES.get(code, code) for code in shown or ()]}
        case Sort.PICTURE:
            return {row.name: picture(profile.get("imageVariants"))}
        case _:
            return {row.name: shown or None}


def _compliance(shown: Mapping[str, Any]) -> dict[str, str]:
    """A broker's number in the terms of the file: without what only the portal decides."""
    expiry = shown.get("expiryDate")
    dated = {"expiryDate": day(expiry)} if expiry else {}
    return {"type": shown["type"], "value": shown["value"], **dated}


def day(text: str) -> str:
    """The date of a time as the portal shows it, which takes dates without times: midnight in UTC
    is that date in any zone, and another time is that of its own zone. Other texts are returned
    unchanged."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    if time.tzinfo is not None:
        with suppress(OverflowError):  # in the first or the last year
            utc = time.astimezone(UTC)
            time = utc if (utc.hour, utc.minute, utc.second) == (0, 0, 0) else time
    return time.date().isoformat()


def picture(variants: Value) -> Value:
    """A picture as the portal shows it: a fingerprint of its variants, since it does not show the
    source, and their addresses. Queries are left out: they may be signed anew at each reading."""
    if not _has_string(variants):
        return None
    shown = _without_queries(variants)
    canonical = json.dumps(shown, sort_keys=True).encode()
    return {"id": blake2b(canonical, digest_size=4).hexdigest(), "variants": shown}


def _has_string(value: Value) -> bool:
    """Whether there is a text in a value: without any address, there is no picture."""
    if isinstance(value, Mapping):
        return any(map(_has_string, value.values()))
    if isinstance(value, list):
        return any(map(_has_string, value))
    return isinstance(value, str) and value != ""


def _without_queries(value: Value) -> Value:
    if isinstance(value, Mapping):
        return {str(name): _without_queries(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_queries(inner) for inner in value]
    if isinstance(value, str) and "?" in value:
        try:
            return urlsplit(value)._replace(query="").geturl()
        except ValueError:
            return value
    return value
