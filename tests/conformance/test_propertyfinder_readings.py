"""An apply converges under every reading of every doubt about Property Finder.

Afterwards the next plan is empty, declared values are live, others are unchanged, and a lost ledger
changes nothing.
"""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from agency import PF_FAST, Agency, person
from convergence import converges, covering, losing_the_ledger_is_safe
from propertyfinder_truth import (
    by_email,
    declared_is_true,
    undeclared_is_untouched,
    wishes,
)

from reconciler.sandbox.propertyfinder import Limits, Readings

PICTURE = {"default": {"url": "https://cdn.example/old.webp"}}
BOTH = {"primary": "one", "secondary": "two"}
LIVE = [
    person(1, bio=BOTH, position={"primary": "Agent"}),
    person(2, bio={"primary": "former"}, position=BOTH),
    person(3, status="inactive"),
    person(4, linkedinAddress="https://linkedin.com/in/four"),
    person(5, email="old@agency.example"),
    person(6, email="hers@agency.example"),
    person(7, email="his@agency.example"),
    person(8, imageVariants=PICTURE, phoneSecondary="+373 22 888 888"),
    person(9, imageVariants=PICTURE, bio="nine"),
    person(10, publicProfile=None),
    person(11, bio=BOTH, imageVariants=PICTURE, spokenLanguages=[1, 34], status="inactive"),
    person(
        12,
        publicProfile={
            "phoneSecondary": "+373 22 121 212",
            "linkedinAddress": "https://linkedin.com/in/twelve",
            "experienceSince": 2001,
            "nationality": "RO",
            "imageVariants": PICTURE,
            "spokenLanguages": [1],
        },
    ),
]
UNDECLARED = 11
FILES: list[dict[str, Any]] = [
    {
        "externalId": "p-1",
        "name": " Ana  Rusu ",
        "phone": "+373 (22) 111-111",
        "propertyfinder": {
            "email": "User-1@Agency.example",
            "bio": {"primary": " новый\nдва "},
            "whatsappPhone": "+37369000001",
        },
    },
    {
        "externalId": "p-2",
        "propertyfinder": {
            "email": "user-2@agency.example",
            "firstName": "Ana  Maria",
            "bio": {"primary": "первый", "secondary": "șapte"},
            "position": "Senior",
        },
    },
    {"externalId": "p-3", "propertyfinder": {"id": 3, "status": "active", "lastName": "Trei"}},
    {
        "externalId": "p-4",
        "avatar": {"url": "https://agency.example/4.jpg"},
        "propertyfinder": {"email": "user-4@agency.example", "status": "inactive"},
    },
    {"externalId": "p-5", "propertyfinder": {"id": 5, "email": "New@agency.example"}},
    {"externalId": "p-6", "propertyfinder": {"id": 6, "email": "next@agency.example"}},
    {"externalId": "p-7", "propertyfinder": {"id": 7, "email": "hers@agency.example"}},
    {
        "externalId": "p-8",
        "avatar": {"url": "https://agency.example/8.jpg"},
        "propertyfinder": {
            "email": "user-8@agency.example",
            "roleId": "agent",
            "mobile": "+373 69 888 888",
            "spokenLanguages": ["ro", "en"],
            "nationality": "MD",
            "experienceSince": 2012,
            "linkedinAddress": "https://www.linkedin.com/in/eight/",
        },
    },
    {"externalId": "p-9", "propertyfinder": {"email": "user-9@agency.example", "bio": ""}},
    {
        "externalId": "p-10",
        "propertyfinder": {"id": 10, "mobile": "+373 69 101 010", "roleId": 2},
    },
    {
        "externalId": "p-13",
        "name": "Nou Agent",
        "phone": "+373 22 131 313",
        "avatar": {"url": "https://agency.example/13.jpg"},
        "propertyfinder": {
            "email": "nou@agency.example",
            "firstName": "Nou",
            "lastName": "Agent",
            "mobile": "+373 69 131 313",
            "roleId": 3,
            "status": "active",
            "position": {"primary": "Agent", "secondary": "Агент"},
            "bio": "Sells.",
            "spokenLanguages": ["en", "ru"],
            "linkedinAddress": None,
            "avatar": {"url": "https://agency.example/13-pf.jpg"},
        },
    },
]
CLEARED: dict[str, Any] = {
    "externalId": "p-12",
    "propertyfinder": {
        "id": 12,
        "phoneSecondary": None,
        "linkedinAddress": None,
        "experienceSince": None,
        "nationality": None,
        "avatar": None,
        "spokenLanguages": [],
    },
}
"""A file that only a portal which accepts null can take."""

FACTS = (
    "token_path",
    "deactivate_by",
    "deactivate_other",
    "names",
    "texts",
    "texts_taken",
    "texts_partial",
    "picture_import",
    "patch_answer",
)
"""With --long, every combination of these is run."""
CROSSING = ("deactivate_by", "names", "texts", "texts_taken", "texts_partial")
"""Those that change one and the same request."""


def combinations(*names: str) -> list[Readings]:
    """Return every combination of these doubts; the others are drawn with a fixed seed."""
    others = {name: values for name, values in Readings.choices().items() if name not in names}
    draw = random.Random(7)
    cases = []
    for base in Readings.every(*names):
        rest: dict[str, Any] = {name: draw.choice(values) for name, values in others.items()}
        cases.append(Readings(**{name: getattr(base, name) for name in names}, **rest))
    return cases


@pytest.mark.parametrize("reading", list(Readings.each()), ids=str)
def test_every_single_reading_converges(agency: Agency, reading: Readings) -> None:
    """The defaults, and each other reading alone."""
    check(agency, reading)


@pytest.mark.parametrize("part", range(4))
def test_crossing_readings_converge(agency: Agency, part: int) -> None:
    """Every two values of all doubts, and every three values of those that meet in one request."""
    for case in covering(Readings.choices(), CROSSING)[part::4]:
        check(agency, Readings(**case))


@pytest.mark.long
@pytest.mark.parametrize("part", range(32))
def test_all_combinations_converge(agency: Agency, part: int) -> None:
    """Every combination of `FACTS`."""
    for reading in combinations(*FACTS)[part::32]:
        check(agency, reading)


def with_both_texts(declared: dict[str, Any], users: Any) -> dict[str, Any]:
    """Declare the live secondary text too.

    A portal that shows two texts and accepts one drops the second; that is only safe if a file
    declares it.
    """
    wanted = wishes(declared)
    live = next(
        (
            user
            for user in users.values()
            if user.id == wanted.get("id") or user.email.lower() == wanted.get("email", "").lower()
        ),
        None,
    )
    section = dict(declared["propertyfinder"])
    for name in {"bio", "position"} & set(section):
        texts = section[name] if isinstance(section[name], dict) else {"primary": section[name]}
        other = ((live.profile if live else None) or {}).get(name, {}).get("secondary")
        section[name] = {**({"secondary": other} if other else {}), **texts}
    return {**declared, "propertyfinder": section}


def cleared(reading: Readings) -> dict[str, Any]:
    """The file that clears values. A picture that the portal does not remove is planned again."""
    section = dict(CLEARED["propertyfinder"])
    if reading.nulls == "ignored":
        del section["avatar"]
    return {**CLEARED, "propertyfinder": section}


def check(agency: Agency, reading: Readings) -> None:
    """Check that an apply converges under one reading, and that the ledger can be lost."""
    agency.ledger.unlink(missing_ok=True)
    limits = Limits(rate_limit=10**9, token_rate_limit=10**9, import_reads=2, import_time=5.0)
    agency.live_pf(*LIVE, readings=reading, limits=limits)
    section = {"token_path": reading.token_path, "deactivate_by": reading.deactivate_by}
    agency.use(propertyfinder=section, limits={"floor": 1000})
    files = [*FILES, cleared(reading)] if reading.nulls != "refused" else FILES
    before = agency.truth_pf()
    if (reading.texts, reading.texts_taken) == ("object", "string"):
        files = [with_both_texts(each, before) for each in files]
    agency.declare(*files)

    def verify() -> None:
        after = agency.truth_pf()
        for declared in files:
            wanted = wishes(declared)
            user = after[wanted.get("id") or by_email(after, wanted["email"])]
            declared_is_true(wanted, user, reading, f"{reading} {declared['externalId']}")
            if user.id in before:
                where = f"{reading} {declared['externalId']}"
                undeclared_is_untouched(wanted, before[user.id], user, reading, where)
        assert after[UNDECLARED] == before[UNDECLARED], reading
        assert len(after) == len(before) + 1, reading

    now = [time.time()]
    agency.portal.state.clock = lambda: now[0]

    def pass_time() -> None:
        now[0] += 3

    late = reading.picture_import.startswith("after")
    report = converges(agency, str(reading), verify, pass_time if late else None)
    losing_the_ledger_is_safe(agency, str(reading), report)


def test_a_picture_that_is_not_removed_is_removed_again(agency: Agency) -> None:
    """The portal accepts null and keeps the picture: a failure, and each plan tries again."""
    agency.live_pf(*LIVE, readings=Readings(nulls="ignored"), limits=PF_FAST)
    agency.use(propertyfinder={}, limits={"floor": 1000})
    agency.declare(CLEARED)
    for _ in range(2):
        report = agency.apply()
        assert report["exit"] == 3
        (failed,) = [each for each in report["results"] if each["status"] == "failed"]
        assert (failed["key"], failed["code"]) == ("p-12", "not_taken")
        (entry,) = agency.plan()["agents"]
        assert [each["path"] for each in entry["changes"]] == ["avatar"]


@pytest.mark.parametrize("errors", ["by-header", "older"])
def test_a_refused_null_is_a_failed_operation(agency: Agency, errors: Any) -> None:
    """The report names the field, the rest of that profile is not applied, and others are."""
    readings = Readings(nulls="refused", errors=errors)
    agency.live_pf(*LIVE, readings=readings, limits=PF_FAST)
    agency.use(propertyfinder={}, limits={"floor": 1000})
    agency.declare(*FILES, CLEARED)
    report = agency.apply()
    assert report["exit"] == 3
    (failed,) = [each for each in report["results"] if each["status"] != "applied"]
    assert (failed["key"], failed["http_status"]) == ("p-12", 400)
    assert "phoneSecondary" in failed["error"]
