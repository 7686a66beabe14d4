"""Whether Rentix's own state is as the files say, as far as a reading lets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.sandbox.agent import CHANNELS, LANGUAGES, SOCIAL, Agent
from reconciler.sandbox.readings import Readings


def same_link(left: str | None, right: str | None) -> bool:
    """Two addresses that lead to one place."""
    plain = [side and side.replace("www.", "").rstrip("/") for side in (left, right)]
    return plain[0] == plain[1]


def declared_is_true(agent: Mapping[str, Any], found: Agent, reading: Readings) -> None:
    """What the file says is what the portal has; one string cannot be told from one language of
    several, so where that is what is shown, what is shown is what counts."""
    assert found.name == agent.get("name", found.name)
    for name in SOCIAL:
        if name in agent and not (agent[name] is None and reading.social_null == "ignored"):
            assert same_link(getattr(found, name), agent[name])
    for channel, value in agent.get("settings", {}).items():
        assert found.settings[channel] is value
    description = agent.get("description")
    if isinstance(description, dict):
        for language, text in description.items():
            assert found.description[language].rstrip("\n") == text.rstrip("\n")
    elif isinstance(description, str) and reading.description == "object":
        assert set(found.description.values()) == {description}
    elif isinstance(description, str):
        assert description in found.description.values()
    if "avatar" in agent:
        if agent["avatar"] is None:
            assert found.avatar is None
        elif "id" in agent["avatar"]:
            assert found.avatar["id"] == agent["avatar"]["id"]
        elif reading.avatar_import != "never":  # there, or about to be
            coming = (found.avatar_pending or {}).get("url", found.avatar_source)
            assert coming == agent["avatar"]["url"]


def undeclared_is_kept(
    agent: Mapping[str, Any], before: Agent, after: Agent, reading: Readings
) -> None:
    """Nothing that the file leaves out has changed, but languages that no client could see."""
    assert after.phone == before.phone, "a phone is never changed"
    for name in {"name", "avatar", *SOCIAL} - set(agent):
        assert getattr(after, name) == getattr(before, name), name
    description = agent.get("description")
    if description is None:
        assert after.description == before.description
    elif isinstance(description, dict) and reading.description == "object":
        for language in set(LANGUAGES) - set(description):
            assert after.description[language] == before.description[language]
    for channel in set(CHANNELS) - set(agent.get("settings", {})):
        assert after.settings[channel] == before.settings[channel]
    assert after.settings["posting_type"] == before.settings["posting_type"]
