"""What PUT and an upsert accept: checked as a whole first, then written into an agent.

Facts: docs/portals/rentix.md, "What PUT and an upsert take" and the doubts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from reconciler.sandbox.agent import CHANNELS, LANGUAGES, SOCIAL, Agent
from reconciler.sandbox.gate import RefusalError
from reconciler.sandbox.values import Json, is_id, split_https

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from reconciler.sandbox.readings import Limits, Readings
    from reconciler.sandbox.store import Store


def object_of(body: object, *keys: str) -> Json:
    """Return the body as an object, with these keys only if any are given.

    Raises a RefusalError of 400.
    """
    if not isinstance(body, dict):
        raise RefusalError(400, ["body must be an object"])
    if keys and (unknown := list(_unknown(body, keys))):
        raise RefusalError(400, unknown)
    return body


def external_id_of(body: Json) -> str:
    """Return the external id of a body. Raises a `RefusalError` of 400 if it is invalid."""
    value = body.get("externalId")
    if not isinstance(value, str):
        raise RefusalError(400, ["externalId must be a string"])
    if not 1 <= len(value) <= 255:
        raise RefusalError(400, ["externalId must have 1 to 255 characters"])
    return value


def identifier_of(body: Json) -> int | str:
    """Return the one identifier of a body: the id (int) or the external id (str).

    Raises a RefusalError of 400 if there is none, there are both, or it is invalid.
    """
    if "id" in body and "externalId" in body:
        raise RefusalError(400, "Cannot use both id and externalId")
    if "externalId" in body:
        return external_id_of(body)
    if "id" not in body:
        raise RefusalError(400, "User identifier required")
    if not is_id(body["id"]):
        raise RefusalError(400, ["id must be a positive integer"])
    return int(body["id"])


def check(profile: Json) -> None:
    """Check a body without its identifiers. Raises a `RefusalError` of 400 with every problem."""
    if problems := [*_unknown(profile, _CHECKS), *_problems(profile)]:
        raise RefusalError(400, problems)


def _unknown(body: Json, keys: Collection[str], prefix: str = "") -> Iterator[str]:
    return (f"property {prefix}{key} should not exist" for key in body if key not in keys)


def _problems(profile: Json) -> Iterator[str]:
    for key, value in profile.items():
        if key in _CHECKS:
            yield from _CHECKS[key](key, value)


def _check_string(key: str, value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{key} must be a string"


def _check_description(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _unknown(value, LANGUAGES, f"{key}.")
        for language in LANGUAGES:
            if language in value:
                yield from _check_string(f"{key}.{language}", value[language])
    elif not isinstance(value, str):
        yield f"{key} must be a string or an object of {', '.join(LANGUAGES)}"


def _check_avatar(key: str, value: object) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"url", "id"}:
        yield f"{key} must be null or an object of either url or id"
    elif "url" in value and not split_https(value["url"]):
        yield f"{key}.url must be an https URL"
    elif "id" in value and not is_id(value["id"]):
        yield f"{key}.id must be a positive integer"


def _check_link(key: str, value: object) -> Iterator[str]:
    if value is None:
        return
    host, slash, rest = SOCIAL[key].partition("/")
    start = slash + rest
    url = split_https(value)
    same_site = url and re.fullmatch(rf"(\w+\.)?{re.escape(host)}", url[0], re.ASCII)
    if not url or not same_site or not url[1].startswith(start) or url[1] == start:
        yield f"{key} must be null or a URL like https://{SOCIAL[key]}NAME"


def _check_settings(key: str, value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{key} must be an object"
        return
    yield from _unknown(value, CHANNELS, f"{key}.")
    for channel in CHANNELS:
        if channel in value and type(value[channel]) is not bool:
            yield f"{key}.{channel} must be a boolean"


_CHECKS: dict[str, Callable[[str, object], Iterator[str]]] = {
    "name": _check_string,
    "phone": _check_string,
    "description": _check_description,
    "avatar": _check_avatar,
    **dict.fromkeys(SOCIAL, _check_link),
    "settings": _check_settings,
}


def new_agent(number: int, external_id: str, profile: Json) -> Agent:
    """Return the agent that a checked profile creates, with all channels on (doubt 1).

    `apply` writes the rest of the profile.
    Raises a RefusalError of 400 if the name or phone is missing, or the phone is invalid.
    """
    required = ("name", "phone")
    if missing := [key for key in required if not profile.get(key, "").strip()]:
        raise RefusalError(400, [f"{key} is required to create a user" for key in missing])
    phone = _international(profile["phone"])
    if phone is None:
        raise RefusalError(400, "Invalid phone number format")
    return Agent(id=number, external_id=external_id, name=profile["name"], phone=phone)


def _international(phone: str) -> str | None:
    """Return a phone as +37322123456, or None; without a country code, it is Moldovan."""
    digits = re.sub(r"[\s().-]", "", phone)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0"):
        digits = "+373" + digits[1:]
    elif not digits.startswith("+"):
        digits = ("+373" if len(digits) == 8 else "+") + digits
    return digits if re.fullmatch(r"\+[1-9][0-9]{6,14}", digits) else None


def apply(agent: Agent, profile: Json, readings: Readings, limits: Limits, store: Store) -> None:
    """Write a checked profile into an agent; what it omits is kept. The agent is not saved.

    Raises a RefusalError of 400 if the picture is unknown.
    """
    if "name" in profile:
        agent.name = _stored(profile["name"], readings, one_line=True)
    if "description" in profile:
        _write_description(agent, profile["description"], readings)
    for key in SOCIAL:
        if key in profile and (profile[key] is not None or readings.social_null == "clears"):
            setattr(agent, key, profile[key])
    if "settings" in profile:
        rest = dict.fromkeys(CHANNELS, True) if readings.settings_partial == "replace" else {}
        agent.settings |= rest | profile["settings"]
    if "avatar" in profile:
        _write_avatar(agent, profile["avatar"], readings, limits, store)


def _stored(text: str, readings: Readings, *, one_line: bool) -> str:
    """Return a text as the portal stores it (doubt 7)."""
    if readings.strings == "kept":
        return text
    if readings.strings == "normalised":
        text = unicodedata.normalize("NFC", text)
        if one_line:
            text = " ".join(text.split())
    return text.strip()


def _write_description(agent: Agent, value: str | dict[str, str], readings: Readings) -> None:
    """Write a string into all languages; merge an object, or replace with it (doubt 3)."""
    agent.description_put_as_string = isinstance(value, str)
    texts = dict.fromkeys(LANGUAGES, value) if isinstance(value, str) else value
    if readings.description_partial == "replace":
        agent.description = dict.fromkeys(LANGUAGES, "")
    agent.description |= {
        language: _stored(text, readings, one_line=False) for language, text in texts.items()
    }


def _write_avatar(
    agent: Agent, value: Json | None, readings: Readings, limits: Limits, store: Store
) -> None:
    """Remove, choose or import a picture; an import finishes now, later, or never (doubt 4)."""
    if value is not None and "url" in value and readings.avatar_import == "never":
        return
    agent.avatar_pending = None  # this replaces an unfinished import
    if value is None:
        agent.avatar, agent.avatar_source = None, None
    elif "id" in value:
        known = store.picture(value["id"])
        if known is None and readings.avatar_ids == "known":
            raise RefusalError(400, ["avatar.id must be the id of an uploaded picture"])
        agent.avatar, agent.avatar_source = known or (store.upload_picture(value["id"]), None)
    elif readings.avatar_import == "late":
        agent.avatar_pending = {"url": value["url"], "reads": limits.import_reads}
    else:
        agent.avatar, agent.avatar_source = store.import_picture(value["url"]), value["url"]
