"""An apply converges under every reading of every doubt about Rentix.

Afterwards the next plan is empty, declared values are live, and others are unchanged.
"""

from __future__ import annotations

import unicodedata
from itertools import product
from typing import Any

import pytest
from agency import FAST, Agency, user
from convergence import converges, covering

from reconciler.sandbox.readings import Readings

LIVE = [
    user(1, externalId="a-1", description={"ru": "р", "en": "e", "ro": "r"}),
    user(2, externalId="a-2", description="former", youtube="https://youtube.com/@two"),
    user(3, phone="+373 22 333 333"),
    user(4, externalId="a-4", instagram="https://instagram.com/four", tiktok=None),
    user(5, externalId="a-6"),
    user(6, externalId="a-5"),
    user(
        7,
        externalId="a-7",
        description="",
        settings={**user(7)["settings"], "contact_viber": False},
    ),
    user(9, externalId="a-9", avatar={"id": 70, "contentType": "image/jpeg", "variants": []}),
    user(10, avatar={"id": 71, "contentType": "image/jpeg", "variants": []}),
    user(11, externalId="undeclared", description={"ru": "не наш", "en": "", "ro": ""}),
]
FILES: list[dict[str, Any]] = [
    {"externalId": "a-1", "name": " Ana  Rusu ", "description": {"ru": "новый"}},
    {"externalId": "a-2", "description": "One text\nin two lines\n"},
    {"externalId": "a-3", "phone": "+37322333333", "settings": {"contact_viber": False}},
    {
        "externalId": "a-4",
        "avatar": {"url": "https://agency.example/4.jpg"},
        "instagram": None,
        "tiktok": "https://www.tiktok.com/@four",
    },
    {"externalId": "a-5", "id": 5, "name": "Five"},
    {"externalId": "a-6", "id": 6},
    {
        "externalId": "a-7",
        "description": {"ru": "семь ", "en": " seven", "ro": "șapte"},
        "settings": {"contact_telegram": False, "contact_viber": False},
    },
    {
        "externalId": "a-8",
        "name": "Opt",
        "phone": "+373 22 888 888",
        "description": {"ro": "opt"},
        "settings": {"contact_phone": False},
        "avatar": {"url": "https://agency.example/8.jpg"},
    },
    {"externalId": "a-9", "avatar": {"id": 71}, "youtube": "https://youtube.com/@nine"},
    {"id": 10, "avatar": None, "name": "Ten"},
]
PLAIN = {"name", "instagram", "youtube", "tiktok"}

CROSSING = (
    "creation",
    "description",
    "description_partial",
    "settings_partial",
    "strings",
    "bulk_by_id",
)
"""Doubts that interact in one request."""
BULKS = (100, 3)
"""Limits of bulk requests."""


def crossing() -> list[Any]:
    """Combinations of readings and bulk limits with every two values of all doubts, and every three
    values of `CROSSING`."""
    cases = covering({**Readings.choices(), "limit": BULKS}, (*CROSSING, "limit"))
    limits = [case.pop("limit") for case in cases]
    return [(Readings(**case), limit) for case, limit in zip(cases, limits, strict=True)]


def every() -> list[Any]:
    """Return every combination of the doubts that interact in one apply."""
    names = (
        *CROSSING,
        "description_language",
        "description_empty",
        "avatar_import",
        "social_null",
        "listing",
    )
    return list(product(Readings.every(*names), BULKS))


@pytest.mark.parametrize("part", range(4))
def test_crossing_readings_converge(agency: Agency, part: int) -> None:
    """In parts that run in parallel."""
    for reading, limit in crossing()[part::4]:
        check(agency, reading, limit)


@pytest.mark.parametrize("reading", list(Readings.each()), ids=str)
def test_every_single_reading_converges(agency: Agency, reading: Readings) -> None:
    """The defaults, and each other reading alone."""
    check(agency, reading, 100)


@pytest.mark.long
@pytest.mark.parametrize("part", range(64))
def test_all_combinations_converge(agency: Agency, part: int) -> None:
    """Every combination of the doubts that interact."""
    for reading, limit in every()[part::64]:
        check(agency, reading, limit)


def check(agency: Agency, reading: Readings, limit: int) -> None:
    """Check that an apply converges under one reading."""
    agency.ledger.unlink(missing_ok=True)
    limits = type(FAST)(
        rate_limit=10**9, bulk_rate_limit=10**9, bulk_limit=limit, page_size=4, import_reads=2
    )
    agency.live(*LIVE, readings=reading, limits=limits)
    agency.configure(create="upsert", limits={"floor": 1000})
    agency.declare(*FILES)
    before = agency.truth()
    where = f"{reading} --bulk-limit {limit}"

    def verify() -> None:
        after = agency.truth()
        by_external = {agent.external_id: agent for agent in after.values()}
        for declared in FILES:
            agent = after.get(declared.get("id")) or by_external.get(declared.get("externalId"))
            if agent is None:
                assert declared["externalId"] == "a-8", where
                assert reading.creation == "invite", where
                continue
            assert agent.external_id == declared.get("externalId"), where
            declared_is_true(declared, agent, reading, where)
            if agent.id in before:
                undeclared_is_untouched(declared, before[agent.id], agent, reading, where)
        assert after[11] == before[11], where

    late = reading.avatar_import == "late"
    converges(agency, where, verify, (lambda: None) if late else None)


def stored(reading: Readings, text: str | None, *, line: bool) -> str | None:
    """Return a text as the portal stores it."""
    if text is None or reading.strings == "kept":
        return text
    text = text.strip()
    if reading.strings == "normalised":
        text = unicodedata.normalize("NFC", text)
        return " ".join(text.split()) if line else text
    return text


def declared_is_true(declared: dict[str, Any], agent: Any, reading: Readings, where: str) -> None:
    """Check every declared value that this reading lets the portal store."""
    for name in PLAIN & set(declared):
        want = stored(reading, declared[name], line=True)
        if want is None and reading.social_null == "ignored":
            continue
        assert getattr(agent, name) == want, (where, name)
    description = declared.get("description")
    if isinstance(description, str):
        description = dict.fromkeys(("ru", "en", "ro"), description)
    for language, text in (description or {}).items():
        assert agent.description[language] == stored(reading, text, line=False), (where, language)
    for channel, value in declared.get("settings", {}).items():
        assert agent.settings[channel] is value, (where, channel)
    avatar = declared.get("avatar", ...)
    if avatar is None:
        assert agent.avatar is None, where
    elif avatar is not ... and "id" in avatar:
        assert agent.avatar["id"] == avatar["id"], where
    elif avatar is not ... and reading.avatar_import != "never":
        assert agent.avatar_source == avatar["url"], where


def undeclared_is_untouched(
    declared: dict[str, Any], before: Any, after: Any, reading: Readings, where: str
) -> None:
    """Check that undeclared values are unchanged.

    The exception is a portal that shows one language and replaces all: no client can keep the
    others, and the plan warns.
    """
    for name in (PLAIN | {"phone", "avatar"}) - set(declared):
        assert getattr(after, name) == getattr(before, name), (where, name)
    if "description" not in declared:
        assert after.description == before.description, where
    elif isinstance(declared["description"], dict) and not (
        reading.description_partial == "replace" and reading.description == "string"
    ):
        for language in {"ru", "en", "ro"} - set(declared["description"]):
            assert after.description[language] == before.description[language], where
    for channel in set(before.settings) - set(declared.get("settings", {})):
        assert after.settings[channel] == before.settings[channel], (where, channel)
