"""What PUT and an upsert take: checked first as a whole, then written into an agent.

Facts: `apis/rentix.md`, "What PUT and an upsert take" and "Doubts".
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from reconciler.sandbox.agent import CHANNELS, LANGUAGES, SOCIAL, Agent
from reconciler.sandbox.gate import RefusalError
from reconciler.sandbox.values import Json, https, is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from reconciler.sandbox.readings import Limits, Readings
    from reconciler.sandbox.store import Store

_SOCIAL_FORM = {
    "instagram": ("instagram.com", "/"),
    "youtube": ("youtube.com", "/"),
    "tiktok": ("tiktok.com", "/@"),
}


def object_of(body: object, *keys: str) -> Json:
    """The body as an object, with no keys but these if any are given, else a refusal."""
    if not isinstance(body, dict):
        raise RefusalError(400, ["body must be an object"])
    if keys and (unknown := list(_unknown(body, keys))):
        raise RefusalError(400, unknown)
    return body


def external_id_in(body: Json) -> str:
    """The external id of a body: a string of 1 to 255 characters ("Limits")."""
    value = body.get("externalId")
    if not isinstance(value, str):
        raise RefusalError(400, ["externalId must be a string"])
    if not 1 <= len(value) <= 255:
        raise RefusalError(400, ["externalId must have 1 to 255 characters"])
    return value


def identified(body: Json) -> int | str:
    """The id or the external id that names the agent: exactly one of them ("Errors")."""
    if "id" in body and "externalId" in body:
        raise RefusalError(400, "Cannot use both id and externalId")
    if "externalId" in body:
        return external_id_in(body)
    if "id" not in body:
        raise RefusalError(400, "User identifier required")
    if not is_id(body["id"]):
        raise RefusalError(400, ["id must be a positive integer"])
    return int(body["id"])


def check(profile: Json) -> None:
    """Refuse a profile (a body without its identifiers) with the list of all that is wrong."""
    if problems := [*_unknown(profile, _CHECKS), *_problems(profile)]:
        raise RefusalError(400, problems)


def _unknown(body: Json, keys: Collection[str], prefix: str = "") -> Iterator[str]:
    return (f"property {prefix}{key} should not exist" for key in body if key not in keys)


def _problems(profile: Json) -> Iterator[str]:
    for key, value in profile.items():
        if key in _CHECKS:
            yield from _CHECKS[key](key, value)


def _string(key: str, value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{key} must be a string"


def _description(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _unknown(value, LANGUAGES, f"{key}.")
        for language in LANGUAGES:
            if language in value:
                yield from _string(f"{key}.{language}", value[language])
    elif not isinstance(value, str):
        yield f"{key} must be a string or an object of {', '.join(LANGUAGES)}"


def _avatar(key: str, value: object) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"url", "id"}:
        yield f"{key} must be null or an object of either url or id"
    elif "url" in value and not https(value["url"]):
        yield f"{key}.url must be an https URL"
    elif "id" in value and not is_id(value["id"]):
        yield f"{key}.id must be a positive integer"


def _social(key: str, value: object) -> Iterator[str]:
    host, path = _SOCIAL_FORM[key]
    if value is None:
        return
    url = https(value)
    named = url and re.fullmatch(rf"(\w+\.)?{re.escape(host)}", url[0], re.ASCII)
    if not url or not named or not url[1].startswith(path) or url[1] == path:
        yield f"{key} must be null or a URL like https://{host}{path}NAME"


def _settings(key: str, value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{key} must be an object"
        return
    yield from _unknown(value, CHANNELS, f"{key}.")
    for channel in CHANNELS:
        if channel in value and type(value[channel]) is not bool:
            yield f"{key}.{channel} must be a boolean"


_CHECKS: dict[str, Callable[[str, object], Iterator[str]]] = {
    "name": _string,
    "phone": _string,
    "description": _description,
    "avatar": _avatar,
    **dict.fromkeys(SOCIAL, _social),
    "settings": _settings,
}


def created(number: int, external_id: str, profile: Json) -> Agent:
    """The agent that a checked profile creates, all channels on (doubt 1); `apply` does the rest.

    Raises a `RefusalError` of 400 where name or phone is missing or the phone is none.
    """
    needed = ("name", "phone")
    if missing := [key for key in needed if not profile.get(key, "").strip()]:
        raise RefusalError(400, [f"{key} is required to create a user" for key in missing])
    phone = _international(profile["phone"])
    if phone is None:
        raise RefusalError(400, "Invalid phone number format")
    return Agent(id=number, external_id=external_id, name=profile["name"], phone=phone)


def _international(phone: str) -> str | None:
    """A phone as +37322123456; one without a country is Moldovan, as the portal is."""
    digits = re.sub(r"[\s().-]", "", phone)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0"):
        digits = "+373" + digits[1:]
    elif not digits.startswith("+"):
        digits = ("+373" if len(digits) == 8 else "+") + digits
    return digits if re.fullmatch(r"\+[1-9][0-9]{6,14}", digits) else None


def apply(agent: Agent, profile: Json, readings: Readings, limits: Limits, store: Store) -> None:
    """Write a checked profile into an agent, under these readings; what it leaves out is kept.

    Raises a `RefusalError` of 400 for a picture that is not known, with the agent not yet stored.
    """
    if "name" in profile:
        agent.name = _taken(profile["name"], readings, one_line=True)
    if "description" in profile:
        _describe(agent, profile["description"], readings)
    for key in SOCIAL:
        if key in profile and (profile[key] is not None or readings.social_null == "clears"):
            setattr(agent, key, profile[key])
    if "settings" in profile:
        rest = dict.fromkeys(CHANNELS, True) if readings.settings_partial == "replace" else {}
        agent.settings |= rest | profile["settings"]
    if "avatar" in profile:
        _picture(agent, profile["avatar"], readings, limits, store)


def _taken(text: str, readings: Readings, *, one_line: bool) -> str:
    """A text as the portal keeps it (doubt 7)."""
    if readings.strings == "kept":
        return text
    if readings.strings == "normalised":
        text = unicodedata.normalize("NFC", text)
        if one_line:
            text = " ".join(text.split())
    return text.strip()


def _describe(agent: Agent, value: str | dict[str, str], readings: Readings) -> None:
    """Doubt 3: a string is used for all languages, an object merges or replaces."""
    agent.description_put_as_string = isinstance(value, str)
    given = dict.fromkeys(LANGUAGES, value) if isinstance(value, str) else value
    if readings.description_partial == "replace":
        agent.description = dict.fromkeys(LANGUAGES, "")
    agent.description |= {
        language: _taken(text, readings, one_line=False) for language, text in given.items()
    }


def _picture(
    agent: Agent, value: Json | None, readings: Readings, limits: Limits, store: Store
) -> None:
    """Doubt 4: the import may finish with the answer, later, or never."""
    if value is not None and "url" in value and readings.avatar_import == "never":
        return
    agent.avatar_pending = None  # whatever was still under way is overtaken
    if value is None:
        agent.avatar, agent.avatar_source = None, None
    elif "id" in value:
        known = store.picture(value["id"])
        if known is None and readings.avatar_ids == "known":
            raise RefusalError(400, ["avatar.id must be the id of an uploaded picture"])
        agent.avatar, agent.avatar_source = known or (store.uploaded(value["id"]), None)
    elif readings.avatar_import == "late":
        agent.avatar_pending = {"url": value["url"], "reads": limits.import_reads}
    else:
        agent.avatar, agent.avatar_source = store.imported(value["url"]), value["url"]
