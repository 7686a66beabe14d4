"""One agent: the full truth about it, how it is loaded and how GET shows it.

Facts: `apis/rentix.md`, "User, as GET shows it" and "Doubts" 2 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.values import Json, expect, is_id, objects, text_of, unique

if TYPE_CHECKING:
    from reconciler.sandbox.readings import Readings

LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")
SOCIAL = ("instagram", "youtube", "tiktok")

_USER_KEYS = {
    *("id", "externalId", "name", "phone", "description", "avatar", "settings"),
    *SOCIAL,
}


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
    listed = objects(users, _USER_KEYS)
    agents = [_loaded(user, f"user {place}") for place, user in enumerate(listed)]
    unique("id", (agent.id for agent in agents))
    unique("externalId", (agent.external_id for agent in agents))
    return agents


def _loaded(user: Mapping[str, Any], where: str) -> Agent:
    number = user["id"]
    texts: dict[str, str | None] = {}
    for key in ("externalId", "name", "phone", *SOCIAL):
        texts[key] = text_of(user.get(key), f"{where}: {key}")
    external_id = texts["externalId"]
    expect(
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
            expect(language in LANGUAGES, f"{where}: description", "is of ru, en and ro")
            agent.description[language] = text_of(text, f"{where}: description.{language}") or ""
    else:
        text = text_of(description, f"{where}: description") or ""
        agent.description = dict.fromkeys(LANGUAGES, text)
    if (avatar := user.get("avatar")) is not None:
        fits = isinstance(avatar, Mapping) and is_id(avatar.get("id"))
        expect(fits, f"{where}: avatar", "must be null or an object with an id")
        agent.avatar = {**picture(avatar["id"]), **avatar}
    settings = user.get("settings", {})
    expect(isinstance(settings, Mapping), f"{where}: settings", "must be an object")
    for key, value in settings.items():
        fits = isinstance(value, str) if key == "posting_type" else type(value) is bool
        expect(key in agent.settings, f"{where}: settings", f"has the unknown key {key}")
        expect(fits, f"{where}: settings.{key}", "is of the wrong type")
    agent.settings |= settings
    return agent
