"""One user: the full truth about it, how it is loaded and how GET shows it.

Facts: `apis/propertyfinder.md`, "User, as GET shows it" and "Doubts".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.propertyfinder.readings import Readings
from reconciler.sandbox.values import (
    Json,
    expect,
    give_ids,
    is_id,
    object_of,
    objects,
    text_of,
    unique,
)

STATUSES = ("active", "inactive", "archived")
TEXTS = ("bio", "position")
TONGUES = ("primary", "secondary")
FIRST_PROFILE_ID = 900_001  # far from the users' own ids, so that a mix-up is noticed
_ROLE = 3

_STRINGS = (
    *("name", "email", "phone", "phoneSecondary", "whatsappPhone", "linkedinAddress"),
    "nationality",
)
_KINDS = {
    "imageVariants": dict | None,
    "experienceSince": int | None,
    "spokenLanguages": list,
    "compliances": list,
    "isSuperAgent": bool,
}
_USER_KEYS = (
    *("id", "firstName", "lastName", "email", "mobile", "status", "roleId", "publicProfile"),
)
_PROFILE_KEYS = (
    *("id", "name", "email", "phone", "phoneSecondary", "whatsappPhone", "bio", "position"),
    *("linkedinAddress", "imageVariants", "experienceSince", "nationality", "spokenLanguages"),
    *("verification", "compliances", "isSuperAgent"),
)


@dataclass(slots=True)
class User:
    """All that is true of a user, also what no GET tells.

    `profile` is the public profile without its id, in the order GET shows it; its texts always
    have both languages, null where there is none. `picture_source` is the URL of the picture that
    is shown, `picture_pending` an import still to finish (its `url`, for how many `reads` and `at`
    what time), and `pictures` counts the imports that have.
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
        """Show the picture of a URL, which looks unlike the one before, or none."""
        former = (self.profile or {})["imageVariants"]
        self.picture_source, variants = url, None
        while url is not None and variants in (None, former):
            self.pictures += 1
            base = f"https://cdn.propertyfinder.example/{self.profile_id}/{self.pictures}"
            variants = {size: {"url": f"{base}/{size}.webp"} for size in ("default", "thumbnail")}
        self.profile = {**(self.profile or {}), "imageVariants": variants}

    def look_at_picture(self, now: float) -> bool:
        """Let a late import arrive if it is time, else count the look; False if there is none."""
        pending = self.picture_pending
        if pending is None:
            return False
        if pending["reads"] <= 0 and now >= pending["at"]:
            self.picture_pending = None
            self.show_picture(pending["url"])
        else:
            pending["reads"] -= 1
        return True


def shown(user: User, readings: Readings) -> Json:
    """The user as GET shows it (doubts 3 and 4)."""
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
            **{key: _shown_text(user.profile[key], readings) for key in TEXTS},
        },
    }


def _shown_text(texts: Json, readings: Readings) -> Json | str | None:
    if readings.texts == "string":
        primary: str | None = texts["primary"]
        return primary
    return texts if any(text is not None for text in texts.values()) else None


def blank_profile() -> Json:
    """A public profile, without its id, of which nothing is known yet."""
    return {
        **dict.fromkeys(_PROFILE_KEYS[1:]),
        **{key: dict.fromkeys(TONGUES) for key in TEXTS},
        "spokenLanguages": [],
        "verification": {"status": "pending"},
        "compliances": [],
        "isSuperAgent": False,
    }


def loaded(users: Iterable[Any]) -> list[User]:
    """Users as GET shows them; whatever a user leaves out gets a sensible default.

    Looser than POST, since an agency's old data need not pass today's checks. A user has a public
    profile unless it says null.

    Raises:
        LoadError: something is of the wrong type, unknown, or there twice.
    """
    listed = objects(users, _USER_KEYS)
    for place, user in enumerate(listed):
        profile = user.get("publicProfile", {})
        if profile is not None:
            where = f"user {place}: publicProfile"
            user["publicProfile"] = object_of(profile, where, _PROFILE_KEYS)
    profiles = [user["publicProfile"] for user in listed if user["publicProfile"] is not None]
    give_ids(profiles, "id", FIRST_PROFILE_ID)
    made = [_loaded(user, f"user {place}") for place, user in enumerate(listed)]
    unique("id", (user.id for user in made))
    unique("email", (user.email.lower() for user in made))
    unique("publicProfile.id", (user.profile_id for user in made))
    return made


def _loaded(user: Json, where: str) -> User:
    number = user["id"]
    defaults = {
        "firstName": "User",
        "lastName": f"Number {number}",
        "email": f"user-{number}@agency.example",
        "mobile": f"+373 69 {number:06d}",
        "status": "active",
        "roleId": _ROLE,
    }
    user = {**defaults, **user}
    for key in ("firstName", "lastName"):
        text_of(user[key], f"{where}: {key}")
    for key in ("email", "mobile"):
        fits = text_of(user[key], f"{where}: {key}") is not None
        expect(fits, f"{where}: {key}", "must be text")
    expect(user["status"] in STATUSES, f"{where}: status", f"must be one of {', '.join(STATUSES)}")
    expect(is_id(user["roleId"]), f"{where}: roleId", "must be a whole number from 1 on")
    made = User(
        id=number,
        email=user["email"],
        mobile=user["mobile"],
        role_id=user["roleId"],
        first_name=user["firstName"],
        last_name=user["lastName"],
        status=user["status"],
    )
    if (profile := user["publicProfile"]) is not None:
        made.profile_id = profile.pop("id")
        made.profile = _loaded_profile(profile, made, f"{where}: publicProfile")
    return made


def _loaded_profile(profile: Json, user: User, where: str) -> Json:
    fits = is_id(user.profile_id)
    expect(fits, f"{where}.id", "must be a whole number from 1 on")
    full = f"{user.first_name or ''} {user.last_name or ''}".strip()
    contacts = {"name": full, "email": user.email, "phone": user.mobile}
    filled = blank_profile() | contacts | profile
    for key in _STRINGS:
        text_of(filled[key], f"{where}.{key}")
    for key, kind in _KINDS.items():
        expect(isinstance(filled[key], kind), f"{where}.{key}", "is of the wrong type")
    for key in TEXTS:
        filled[key] = _loaded_text(filled[key], f"{where}.{key}")
    return filled


def _loaded_text(value: object, where: str) -> Json:
    if not isinstance(value, Mapping):
        return {"primary": text_of(value, where), "secondary": None}
    texts = object_of(value, where, TONGUES)
    return {tongue: text_of(texts.get(tongue), f"{where}.{tongue}") for tongue in TONGUES}
