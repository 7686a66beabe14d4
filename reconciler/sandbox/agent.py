"""One agent: the full truth about it, how it is loaded and how GET shows it.

Facts: `apis/rentix.md`, "User, as GET shows it" and "Doubts" 2 to 4.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.sandbox.readings import Readings

Json = dict[str, Any]

LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")
SOCIAL = ("instagram", "youtube", "tiktok")
LARGEST_ID = 2**53 - 1  # the largest whole number that every JSON reader keeps exact

_USER_KEYS = {
    *("id", "externalId", "name", "phone", "description", "avatar", "settings"),
    *SOCIAL,
}


class LoadError(ValueError):
    """Users to start from that are not users; the text is one line and names the place."""


@dataclass(slots=True)
class Agent:
    """All that is true of an agent, also what no GET tells (`apis/rentix.md`, doubts 3 and 4).

    `description` always has all three languages, "" where there is no text. `avatar` is what GET
    shows, `avatar_source` the URL that picture was imported from, and `avatar_pending` an import
    that is still to finish: its `url`, and for how many list `reads` yet.
    """

    id: int
    name: str
    phone: str
    external_id: str | None = None
    description: dict[str, str] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, ""))
    description_put_as_string: bool = True
    avatar: Json | None = None
    avatar_source: str | None = None
    avatar_pending: Json | None = None
    instagram: str | None = None
    youtube: str | None = None
    tiktok: str | None = None
    settings: Json = field(
        default_factory=lambda: {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)}
    )


def picture(number: int) -> Json:
    """A picture with the id `number`, in the form of `apis/rentix.md`, "User, as GET shows it"."""
    url = f"https://cdn.rentix.example/{number}/128.webp"
    return {
        "id": number,
        "contentType": "image/jpeg",
        "variants": [{"url": url, "variantSize": "128"}],
    }


def is_id(value: object) -> bool:
    """Whether a JSON value can be the id of something: a whole number from 1 on, and no boolean."""
    return type(value) is int and 1 <= value <= LARGEST_ID


def encodable(value: str) -> bool:
    """Whether a text can be stored: JSON can spell half a surrogate pair, UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(agent: Agent, readings: Readings, *, in_list: bool) -> Json:
    """The agent as GET shows it; the list spaces a phone as it was loaded, other calls do not."""
    return {
        "id": agent.id,
        "externalId": agent.external_id,
        "name": agent.name,
        "phone": agent.phone if in_list else re.sub(r"[\s()-]", "", agent.phone),
        "description": _described(agent, readings),
        "avatar": agent.avatar,
        "instagram": agent.instagram,
        "youtube": agent.youtube,
        "tiktok": agent.tiktok,
        "settings": agent.settings,
    }


def _described(agent: Agent, readings: Readings) -> str | dict[str, str | None]:
    """The description under doubt 3 of `apis/rentix.md`."""
    texts = agent.description
    as_string = readings.description == "string" or (
        readings.description == "as-put" and agent.description_put_as_string
    )
    if as_string:
        order = (readings.description_language, *LANGUAGES)
        return next((texts[language] for language in order if texts[language]), "")
    if readings.description_empty == "omitted":
        return {language: text for language, text in texts.items() if text}
    empty = None if readings.description_empty == "null" else ""
    return {language: text or empty for language, text in texts.items()}


def loaded(users: Iterable[Any]) -> list[Agent]:
    """Agents from users as GET shows them; whatever a user leaves out gets a sensible default.

    Looser than PUT, since an agency's old data need not pass today's checks.

    Raises:
        LoadError: something is of the wrong type, unknown, or there twice.
    """
    listed = [_object(user, f"user {place}") for place, user in enumerate(users)]
    following = max((user["id"] for user in listed if is_id(user.get("id"))), default=0) + 1
    for user in listed:
        if "id" not in user:
            user["id"], following = following, following + 1
    agents = [_loaded(user, f"user {place}") for place, user in enumerate(listed)]
    for key, held in (
        ("id", [agent.id for agent in agents]),
        ("externalId", [agent.external_id for agent in agents]),
    ):
        counted = Counter[int | str | None](held)
        twice = next((value for value in counted if value is not None and counted[value] > 1), None)
        _expect(twice is None, f"{key} {twice!r}", "is there twice")
    return agents


def _expect(condition: bool, where: str, problem: str) -> None:
    if not condition:
        raise LoadError(f"{where} {problem}")


def _object(user: object, where: str) -> Json:
    if not isinstance(user, Mapping):
        raise LoadError(f"{where} must be an object")
    unknown = sorted(map(str, user.keys() - _USER_KEYS))
    _expect(not unknown, where, f"has the unknown key {', '.join(unknown)}")
    return dict(user)


def _loaded(user: Mapping[str, Any], where: str) -> Agent:
    number = user["id"]
    _expect(is_id(number), f"{where}: id", "must be a whole number from 1 on")
    texts: dict[str, str | None] = {}
    for key in ("externalId", "name", "phone", *SOCIAL):
        texts[key] = _text(user.get(key), f"{where}: {key}")
    external_id = texts["externalId"]
    _expect(
        external_id is None or 1 <= len(external_id) <= 255,
        f"{where}: externalId",
        "must have 1 to 255 characters",
    )
    agent = Agent(
        id=number,
        external_id=external_id,
        name=f"Agent {number}" if texts["name"] is None else texts["name"],
        phone=f"+373 60 {number:06d}" if texts["phone"] is None else texts["phone"],
        instagram=texts["instagram"],
        youtube=texts["youtube"],
        tiktok=texts["tiktok"],
    )
    description = user.get("description")
    if isinstance(description, Mapping):
        agent.description_put_as_string = False
        for language, text in description.items():
            _expect(language in LANGUAGES, f"{where}: description", "is of ru, en and ro")
            agent.description[language] = _text(text, f"{where}: description.{language}") or ""
    else:
        text = _text(description, f"{where}: description") or ""
        agent.description = dict.fromkeys(LANGUAGES, text)
    if (avatar := user.get("avatar")) is not None:
        fits = isinstance(avatar, Mapping) and is_id(avatar.get("id"))
        _expect(fits, f"{where}: avatar", "must be null or an object with an id")
        agent.avatar = {**picture(avatar["id"]), **avatar}
    settings = user.get("settings", {})
    _expect(isinstance(settings, Mapping), f"{where}: settings", "must be an object")
    for key, value in settings.items():
        fits = isinstance(value, str) if key == "posting_type" else type(value) is bool
        _expect(key in agent.settings, f"{where}: settings", f"has the unknown key {key}")
        _expect(fits, f"{where}: settings.{key}", "is of the wrong type")
    agent.settings |= settings
    return agent


def _text(value: object, where: str) -> str | None:
    if value is None or (isinstance(value, str) and encodable(value)):
        return value
    raise LoadError(f"{where} must be text")
