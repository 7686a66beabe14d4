"""One user: its full state, how to load it and how GET shows it.

Facts: docs/portals/propertyfinder.md, "What GET shows".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.propertyfinder.facts import BASE_ROLES
from reconciler.sandbox.propertyfinder.readings import Readings
from reconciler.sandbox.values import (
    Json,
    assign_ids,
    expect,
    is_id,
    load_object,
    load_objects,
    load_text,
    unique,
)

STATUSES = ("active", "inactive")
TEXT_LANGUAGES = ("primary", "secondary")
CONTACTS = ("name", "email", "phone")
HIDDEN = ("experienceSince", "nationality", "spokenLanguages")
"""The values that GET does not show (doubt 3)."""
FIRST_PROFILE_ID = 900_001  # far from user ids, so that a mix-up shows
_AGENT_ROLE = 3

_STRING = str | None
_TEXT = Mapping
PROFILE: dict[str, Any] = {
    "name": _STRING,
    "email": _STRING,
    "phone": _STRING,
    "phoneSecondary": _STRING,
    "whatsappPhone": _STRING,
    "bio": _TEXT,
    "position": _TEXT,
    "linkedinAddress": _STRING,
    "imageVariants": dict | None,
    "experienceSince": int | None,
    "nationality": _STRING,
    "spokenLanguages": list,
    "verification": dict | None,
    "compliances": list,
    "isSuperAgent": bool,
}
"""The public profile without its id: the type of each field that GET can show, in that order."""

COMPLIANCE = ("type", "value", "status", "expiryDate", "reason")
"""What GET shows of a compliance."""

STRINGS = tuple(key for key, kind in PROFILE.items() if kind is _STRING)
TEXTS = tuple(key for key, kind in PROFILE.items() if kind is _TEXT)

_USER_KEYS = (
    *("id", "firstName", "lastName", "email", "mobile", "status", "roleId", "role"),
    *("publicProfile", "createdAt", "callTracking"),
)
_NULLABLE = ("lastName", "mobile")
_CREATED = "2026-01-01T00:00:00Z"


@dataclass(slots=True)
class User:
    """Everything that is true of a user, including what GET does not show.

    `profile` is the public profile without its id; its texts always have both languages, null
    without text. `picture_source` is the URL of the picture shown, `picture_pending` an unfinished
    import (its `url`, after how many more `reads` and `at` what time it finishes), and `pictures`
    counts the finished imports.
    """

    id: int
    email: str
    mobile: str | None
    role_id: int
    first_name: str = ""
    last_name: str | None = None
    status: str = "active"
    profile_id: int | None = None
    profile: Json | None = None
    picture_source: str | None = None
    picture_pending: Json | None = None
    pictures: int = 0
    created_at: str = _CREATED

    def show_picture(self, url: str) -> None:
        """Show the picture of a URL, under addresses unlike the previous ones."""
        previous = (self.profile or {})["imageVariants"]
        self.picture_source, variants = url, None
        while variants in (None, previous):
            self.pictures += 1
            base = f"https://cdn.propertyfinder.example/{self.profile_id}/{self.pictures}"
            variants = {"large": {"default": f"{base}.webp", "jpg": f"{base}.jpg", "webp": None}}
        self.profile = {**(self.profile or {}), "imageVariants": variants}

    def advance_import(self, now: float) -> bool:
        """Show the pending picture if it is due, else count a read; return False without one."""
        pending = self.picture_pending
        if pending is None:
            return False
        if pending["reads"] <= 0 and now >= pending["at"]:
            self.picture_pending = None
            self.show_picture(pending["url"])
        else:
            pending["reads"] -= 1
        return True


def show(user: User, readings: Readings, roles: Mapping[int, str]) -> Json:
    """Return the user as GET shows it; `roles` has the name of each role by its id."""
    role: Json = {"roleId": user.role_id}
    more: Json = {}
    if readings.shape != "older":
        role = {"role": show_role(user.role_id, roles[user.role_id])}
        more = {"callTracking": None, "createdAt": user.created_at}
    if readings.shape == "more":
        role["roleId"] = user.role_id
    return {**_show_account(user), **role, "publicProfile": _show_profile(user, readings), **more}


def show_created(user: User, readings: Readings) -> Json:
    """Return the user as the response of its creation: with `roleId` instead of `role`."""
    account = {**_show_account(user), "roleId": user.role_id}
    return {**account, "publicProfile": _show_profile(user, readings)}


def show_role(number: int, name: str) -> Json:
    """Return a role as GET shows it."""
    key = name.lower().replace(" ", "_")
    base = key in BASE_ROLES
    return {
        "id": number,
        "name": name,
        "roleKey": key,
        "baseRoleKey": key if base else "basic_user",
        "isCustom": not base,
    }


def _show_account(user: User) -> Json:
    return {
        "id": user.id,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "mobile": user.mobile,
        "status": user.status,
    }


def _show_profile(user: User, readings: Readings) -> Json | None:
    """Return the public profile; values that are not set are omitted, and some are hidden."""
    if user.profile is None:
        return None
    texts = {key: _show_text(user.profile[key], readings) for key in TEXTS}
    profile = {"id": user.profile_id, **user.profile, **texts}
    if readings.shape == "older":
        return profile
    profile["imageVariants"] = profile["imageVariants"] or {"large": None}
    absent = {key for key in (*STRINGS, *HIDDEN) if not profile[key]}
    if readings.shape == "current":
        absent |= {*HIDDEN}
    return {key: value for key, value in profile.items() if key not in absent - {*CONTACTS}}


def _show_text(texts: Json, readings: Readings) -> Json | str | None:
    """Return bio or position as GET shows it (doubt 4)."""
    if readings.texts == "string":
        primary: str | None = texts["primary"]
        return primary
    if readings.shape == "older" and not any(text is not None for text in texts.values()):
        return None
    return texts


def compliance(given: Json) -> Json:
    """Return a compliance as GET shows it: with a time of midnight, if only a date is given."""
    day = given.get("expiryDate")
    if isinstance(day, str) and "T" not in day:
        given = {**given, "expiryDate": f"{day}T00:00:00+04:00"}
    return dict.fromkeys(COMPLIANCE) | {"status": "active"} | given


def empty_profile() -> Json:
    """Return a public profile, without its id, that has no values yet."""
    return {
        **{key: kind() if kind in (list, bool) else None for key, kind in PROFILE.items()},
        **{key: dict.fromkeys(TEXT_LANGUAGES) for key in TEXTS},
        "verification": {"status": "pending", "requestDate": None},
    }


def load_roles(users: Iterable[Any]) -> dict[int, str]:
    """Return the names of the roles among users as GET shows them, by id."""
    roles = (user.get("role") for user in users if isinstance(user, Mapping))
    return {
        role["id"]: role["name"]
        for role in roles
        if isinstance(role, Mapping) and is_id(role.get("id")) and isinstance(role.get("name"), str)
    }


def load_users(users: Iterable[Any]) -> list[User]:
    """Return users from users as GET shows them; a key that is left out gets a default.

    The checks are looser than those of POST: old data need not pass today's checks. A user has a
    public profile unless it is null.
    Raises LoadError if a value has the wrong type, is unknown, or appears twice but must be unique.
    """
    objects = load_objects(users, _USER_KEYS)
    for place, user in enumerate(objects):
        profile = user.get("publicProfile", {})
        if profile is not None:
            where = f"user {place}: publicProfile"
            user["publicProfile"] = load_object(profile, where, ("id", *PROFILE))
    profiles = [user["publicProfile"] for user in objects if user["publicProfile"] is not None]
    assign_ids(profiles, "id", FIRST_PROFILE_ID)
    loaded = [_load_user(user, f"user {place}") for place, user in enumerate(objects)]
    unique("id", (user.id for user in loaded))
    unique("email", (user.email.lower() for user in loaded))
    unique("publicProfile.id", (user.profile_id for user in loaded))
    return loaded


def _load_user(value: Json, where: str) -> User:
    role = value.pop("role", None)
    if role is not None:
        expect(isinstance(role, Mapping), f"{where}: role", "must be an object")
        value.setdefault("roleId", role.get("id"))
    value = {**_defaults(value["id"]), **value}
    for key in ("firstName", "lastName", "email", "mobile", "createdAt"):
        text = load_text(value[key], f"{where}: {key}")
        expect(text is not None or key in _NULLABLE, f"{where}: {key}", "must be a string")
    expect(value["status"] in STATUSES, f"{where}: status", f"must be one of {', '.join(STATUSES)}")
    expect(is_id(value["roleId"]), f"{where}: roleId", "must be a positive integer")
    user = User(
        id=value["id"],
        email=value["email"],
        mobile=value["mobile"],
        role_id=value["roleId"],
        first_name=value["firstName"],
        last_name=value["lastName"],
        status=value["status"],
        created_at=value["createdAt"],
    )
    if (profile := value["publicProfile"]) is not None:
        user.profile_id = profile.pop("id")
        user.profile = _load_profile(profile, user, f"{where}: publicProfile")
    return user


def _defaults(number: int) -> Json:
    """Return the private values of a user of whom only the id is given."""
    return {
        "firstName": "User",
        "lastName": f"Number {number}",
        "email": f"user-{number}@agency.example",
        "mobile": f"+373 69 {number:06d}",
        "status": "active",
        "roleId": _AGENT_ROLE,
        "createdAt": _CREATED,
    }


def _load_profile(value: Json, user: User, where: str) -> Json:
    """Return a public profile; the contacts that are left out are the user's own. Nothing is said
    of a verification that is left out."""
    expect(is_id(user.profile_id), f"{where}.id", "must be a positive integer")
    name = f"{user.first_name} {user.last_name or ''}".strip()
    phone = user.mobile or _defaults(user.id)["mobile"]
    contacts = {"name": name, "email": user.email, "phone": phone}
    profile = empty_profile() | {"verification": None} | contacts | value
    for key, kind in PROFILE.items():
        if kind is _STRING:
            text = load_text(profile[key], f"{where}.{key}")
            expect(text is not None or key not in CONTACTS, f"{where}.{key}", "must be a string")
        elif kind is _TEXT:
            profile[key] = _load_texts(profile[key], f"{where}.{key}")
        else:
            expect(isinstance(profile[key], kind), f"{where}.{key}", "has the wrong type")
    if profile["verification"] is not None:
        profile["verification"] = {"requestDate": None, **profile["verification"]}
    if not _has_string(profile["imageVariants"]):
        profile["imageVariants"] = None
    profile["compliances"] = [
        compliance(load_object(each, f"{where}.compliances", COMPLIANCE))
        for each in profile["compliances"]
    ]
    return profile


def _has_string(value: object) -> bool:
    """Return whether there is a string in a JSON value."""
    if isinstance(value, Mapping):
        return any(map(_has_string, value.values()))
    return isinstance(value, str)


def _load_texts(value: object, where: str) -> Json:
    """Return bio or position in both languages; a string is the primary one."""
    if not isinstance(value, Mapping):
        return {"primary": load_text(value, where), "secondary": None}
    texts = load_object(value, where, TEXT_LANGUAGES)
    return {key: load_text(texts.get(key), f"{where}.{key}") for key in TEXT_LANGUAGES}
