"""One Rentix agent: its full state, how to load it and how GET shows it.

Facts: docs/portals/rentix.md, "What GET shows" and doubts 2 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.values import (
    Json,
    LoadError,
    expect,
    is_id,
    load_objects,
    load_text,
    unique,
)

if TYPE_CHECKING:
    from reconciler.sandbox.readings import Readings

LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")


def _link(form: str) -> Any:  # noqa: ANN401 - takes the field's type
    """Declare a social link: null, or an https URL that begins with `form` and goes on.

    This is the one place to add a social link. Its check, its column and its part of GET, PUT,
    bulk requests and --load follow from it.
    """
    return field(default=None, metadata={"link": form})


@dataclass(slots=True)
class Agent:
    """Everything that is true of an agent, including what GET does not show (doubts 3 and 4).

    `description` always has all three languages, "" without text. `avatar` is what GET shows,
    `avatar_source` the URL it was imported from, and `avatar_pending` an unfinished import: its
    `url`, and after how many more `reads` of the list it finishes.
    """

    id: int
    name: str
    phone: str | None
    external_id: str | None = None
    description: dict[str, str] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, ""))
    description_put_as_string: bool = True
    avatar: Json | None = None
    avatar_source: str | None = None
    avatar_pending: Json | None = None
    instagram: str | None = _link("instagram.com/")
    youtube: str | None = _link("youtube.com/")
    tiktok: str | None = _link("tiktok.com/@")
    settings: Json = field(
        default_factory=lambda: {"posting_type": "agent", **dict.fromkeys(CHANNELS, True)}
    )


SOCIAL: dict[str, str] = {
    each.name: each.metadata["link"] for each in fields(Agent) if "link" in each.metadata
}
"""The social links, and the form of each without its scheme."""

_USER_KEYS = {"id", "externalId", "name", "phone", "description", "avatar", "settings", *SOCIAL}


def picture(number: int) -> Json:
    """Return the picture with this id, as GET shows it."""
    url = f"https://cdn.rentix.example/{number}/128.webp"
    return {
        "id": number,
        "contentType": "image/jpeg",
        "variants": [{"url": url, "variantSize": "128"}],
    }


def show(agent: Agent, readings: Readings, *, in_list: bool) -> Json:
    """Return the agent as GET shows it; only the list keeps the spacing of a phone."""
    return {
        "id": agent.id,
        "externalId": agent.external_id,
        "name": agent.name,
        "phone": agent.phone if in_list else _compact(agent.phone),
        "description": _show_description(agent, readings),
        "avatar": agent.avatar,
        **{name: getattr(agent, name) for name in SOCIAL},
        "settings": agent.settings,
    }


def _compact(phone: str | None) -> str | None:
    return phone and re.sub(r"[\s()-]", "", phone)


def _show_description(agent: Agent, readings: Readings) -> str | dict[str, str | None]:
    """Return the description as GET shows it (doubt 3)."""
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


def load_agents(users: Iterable[Any]) -> list[Agent]:
    """Return agents from users as GET shows them; a key that is left out gets a default.

    The checks are looser than those of PUT: an agency's old data need not pass today's checks.
    Raises LoadError if a value has the wrong type, is unknown, or appears twice but must be unique.
    """
    objects = load_objects(users, _USER_KEYS)
    agents = [_load_agent(user, f"user {place}") for place, user in enumerate(objects)]
    unique("id", (agent.id for agent in agents))
    unique("externalId", (agent.external_id for agent in agents))
    return agents


def _load_agent(user: Mapping[str, Any], where: str) -> Agent:
    number = user["id"]
    external_id, name, phone = (
        load_text(user.get(key), f"{where}: {key}") for key in ("externalId", "name", "phone")
    )
    expect(
        external_id is None or 1 <= len(external_id) <= 255,
        f"{where}: externalId",
        "must have 1 to 255 characters",
    )
    agent = Agent(
        id=number,
        external_id=external_id,
        name=f"Agent {number}" if name is None else name,
        phone=phone if "phone" in user else f"+373 60 {number:06d}",
    )
    for key in SOCIAL:
        setattr(agent, key, load_text(user.get(key), f"{where}: {key}"))
    _load_description(agent, user.get("description"), f"{where}: description")
    if user.get("avatar") is not None:
        agent.avatar = _load_avatar(user["avatar"], f"{where}: avatar")
    agent.settings |= _load_settings(agent, user.get("settings", {}), f"{where}: settings")
    return agent


def _load_description(agent: Agent, value: object, where: str) -> None:
    """Write a loaded description, a string or an object, into the agent."""
    if not isinstance(value, Mapping):
        agent.description = dict.fromkeys(LANGUAGES, load_text(value, where) or "")
        return
    agent.description_put_as_string = False
    for language, text in value.items():
        expect(language in LANGUAGES, where, f"has the unknown key {language}")
        agent.description[language] = load_text(text, f"{where}.{language}") or ""


def _load_avatar(value: object, where: str) -> Json:
    if not isinstance(value, Mapping) or not is_id(value.get("id")):
        raise LoadError(f"{where} must be null or an object with an id")
    return {**picture(value["id"]), **value}


def _load_settings(agent: Agent, value: object, where: str) -> Json:
    if not isinstance(value, Mapping):
        raise LoadError(f"{where} must be an object")
    for key, each in value.items():
        valid = isinstance(each, str) if key == "posting_type" else type(each) is bool
        expect(key in agent.settings, where, f"has the unknown key {key}")
        expect(valid, f"{where}.{key}", "has the wrong type")
    return dict(value)
