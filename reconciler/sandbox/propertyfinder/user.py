"""One user: its full state, how to load it and how GET shows it.

Facts: docs/portals/propertyfinder.md, "What GET shows" and "Known gaps".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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

STATUSES = ("active", "inactive", "archived")
TEXT_LANGUAGES = ("primary", "secondary")
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
"""The public profile without its id: the type of each field that GET shows, in that order."""

STRINGS = tuple(key for key, kind in PROFILE.items() if kind is _STRING)
TEXTS = tuple(key for key, kind in PROFILE.items() if kind is _TEXT)

_USER_KEYS = (
    *("id", "firstName", "lastName", "email", "mobile", "status", "roleId", "publicProfile"),
)


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
    mobile: str
    role_id: int
    first_name: str | None = None
    last_name: str | None = None
    status: str = "active"
    profile_id: int | None = None
    profile: Json | None = None
    picture_source: str | None = None
    picture_pending: Json | None = None
    pictures: int = 0

    def show_picture(self, url: str | None) -> None:
        """Show the picture of a URL, under addresses unlike the previous ones; None removes it."""
        previous = (self.profile or {})["imageVariants"]
        self.picture_source, variants = url, None
        while url is not None and variants in (None, previous):
            self.pictures += 1
            base = f"https://cdn.propertyfinder.example/{self.profile_id}/{self.pictures}"
            variants = {size: {"url": f"{base}/{size}.webp"} for size in ("default", "thumbnail")}
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


def show(user: User, readings: Readings) -> Json:
    """Return the user as GET shows it."""
    parts = readings.names == "parts"
    return {
        "id": user.id,
        "firstName": user.first_name if parts else None,
        "lastName": user.last_name if parts else None,
        "email": user.email,
        "mobile": user.mobile,
        "status": user.status,
        "roleId": user.role_id,
        "publicProfile": user.profile
        and {
            "id": user.profile_id,
            **user.profile,
            **{key: _show_text(user.profile[key], readings) for key in TEXTS},
        },
    }


def _show_text(texts: Json, readings: Readings) -> Json | str | None:
    """Return bio or position as GET shows it (doubt 4)."""
    if readings.texts == "string":
        primary: str | None = texts["primary"]
        return primary
    return texts if any(text is not None for text in texts.values()) else None


def empty_profile() -> Json:
    """Return a public profile, without its id, that has no values yet."""
    return {
        **{key: kind() if kind in (list, bool) else None for key, kind in PROFILE.items()},
        **{key: dict.fromkeys(TEXT_LANGUAGES) for key in TEXTS},
        "verification": {"status": "pending"},
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
    value = {**_defaults(value["id"]), **value}
    for key in ("firstName", "lastName"):
        load_text(value[key], f"{where}: {key}")
    for key in ("email", "mobile"):
        text = load_text(value[key], f"{where}: {key}")
        expect(text is not None, f"{where}: {key}", "must be a string")
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
    }


def _load_profile(value: Json, user: User, where: str) -> Json:
    """Return a public profile; the contacts that are left out are the user's own."""
    expect(is_id(user.profile_id), f"{where}.id", "must be a positive integer")
    name = f"{user.first_name or ''} {user.last_name or ''}".strip()
    contacts = {"name": name, "email": user.email, "phone": user.mobile}
    profile = empty_profile() | contacts | value
    for key, kind in PROFILE.items():
        if kind is _STRING:
            load_text(profile[key], f"{where}.{key}")
        elif kind is _TEXT:
            profile[key] = _load_texts(profile[key], f"{where}.{key}")
        else:
            expect(isinstance(profile[key], kind), f"{where}.{key}", "has the wrong type")
    return profile


def _load_texts(value: object, where: str) -> Json:
    """Return bio or position in both languages; a string is the primary one."""
    if not isinstance(value, Mapping):
        return {"primary": load_text(value, where), "secondary": None}
    texts = load_object(value, where, TEXT_LANGUAGES)
    return {key: load_text(texts.get(key), f"{where}.{key}") for key in TEXT_LANGUAGES}
