"""An apply converges under every reading of every doubt about Property Finder.

Afterwards the next plan is empty, declared values are live, others are unchanged, and a lost ledger
changes nothing.
"""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from agency import Agency, person
from convergence import converges, covering, losing_the_ledger_is_safe
from propertyfinder_truth import (
    by_email,
    declared_is_true,
    undeclared_is_untouched,
    wishes,
)

from reconciler.sandbox.propertyfinder import Limits, Readings

PICTURE = {"large": {"default": "https://cdn.example/old.webp", "jpg": None, "webp": None}}
BRN = {"type": "brn", "value": "123", "expiryDate": "2027-01-31T04:00:00+04:00"}
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
            "compliances": [BRN],
        },
    ),
    person(
        14,
        roleId=2,
        mobile="069 141 414",
        phone="0037322141414",
        phoneSecondary="+373 22 141-415",
        linkedinAddress="https://linkedin.com/in/%D1%87",
        compliances=[BRN, {"type": "fal", "value": "9", "status": "rejected"}],
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
        "avatar": {"url": "https://agency.example/восемь-8.jpg?ș=1"},
        "propertyfinder": {
            "email": "user-8@agency.example",
            "roleId": "agent",
            "mobile": "+373 69 888 888",
            "spokenLanguages": ["Romanian", "en", "Berber"],
            "nationality": "XK",
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
            "experienceSince": 2020,
            "nationality": "MD",
            "compliances": [{"type": "dari", "value": "13", "expiryDate": "2028-02-29"}],
        },
    },
    {
        "externalId": "p-12",
        "propertyfinder": {
            "id": 12,
            "phoneSecondary": None,
            "linkedinAddress": None,
            "experienceSince": None,
            "nationality": None,
            "avatar": None,
            "spokenLanguages": [],
            "compliances": None,
            "name": "Twelve",
        },
    },
    {
        "externalId": "p-14",
        "phone": "+373 22 141 414",
        "propertyfinder": {
            "id": 14,
            "mobile": "+373 69 141 414",
            "phoneSecondary": "022 141 415",
            "linkedinAddress": "https://www.linkedin.com/in/ч/",
            "compliances": [
                {"type": "fal", "value": "9"},
                {"type": "brn", "value": "123", "expiryDate": "2027-01-31"},
            ],
            "roleId": 2,
        },
    },
]
SAME = "p-14"
"""The agent who is as declared: only the notation differs."""
KEPT = ("phoneSecondary", "linkedinAddress", "experienceSince", "nationality", "avatar")
"""What p-12 declares as null and the portal cannot clear."""

FACTS = (
    "token_path",
    "deactivate_by",
    "deactivate_other",
    "shape",
    "texts",
    "texts_taken",
    "texts_partial",
    "picture_import",
    "patch_answer",
    "listing",
)
"""With --long, every combination of these is run."""
CROSSING = ("deactivate_by", "shape", "texts", "texts_taken", "texts_partial")
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


def check(agency: Agency, reading: Readings) -> None:
    """Check that an apply converges under one reading, and that the ledger can be lost."""
    agency.ledger.unlink(missing_ok=True)
    limits = Limits(rate_limit=10**9, token_rate_limit=10**9, import_reads=2, import_time=5.0)
    agency.live_pf(*LIVE, readings=reading, limits=limits)
    section = {"token_path": reading.token_path, "deactivate_by": reading.deactivate_by}
    agency.use(propertyfinder=section, limits={"floor": 1000})
    files = FILES
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
    assert SAME not in {each["key"] for each in report["results"]}, reading
    warned = {each["message"].partition(":")[0] for each in agency.plan()["warnings"]}
    assert {*KEPT} <= warned, reading
    losing_the_ledger_is_safe(agency, str(reading), report)


SHAPES: list[Any] = ["current", "more", "older"]


@pytest.fixture(params=SHAPES)
def team(agency: Agency, request: pytest.FixtureRequest) -> Agency:
    """One user, in each shape of GET."""
    agency.live_pf(person(1, roleId=2), readings=Readings(shape=request.param))
    agency.use(propertyfinder={}, limits={"floor": 1000})
    return agency


def declare(agency: Agency, **section: Any) -> None:
    """Declare the user with these values."""
    declared = {"email": "user-1@agency.example", **section}
    agency.declare({"externalId": "a", "propertyfinder": declared})


def test_a_role_that_someone_changed_is_drift(team: Agency) -> None:
    """Whether GET shows it as an object or as a number."""
    declare(team, roleId=3)
    assert team.apply()["exit"] == 0
    assert team.run("drift").code == 0
    (user,) = team.truth_pf().values()
    user.role_id = 1
    team.pf.users.save(user)
    result = team.run("drift", "--format", "json")
    (entry,) = result.json["agents"]
    assert (result.code, [each["path"] for each in entry["changes"]]) == (2, ["roleId"])
    assert team.apply()["exit"] == 0
    assert team.truth_pf()[1].role_id == 3


def test_values_that_are_hidden_are_sent_once_and_cleared(team: Agency) -> None:
    """The ledger's digest decides; a list is cleared although it is not shown."""
    declare(team, nationality="MD", spokenLanguages=["en", "Berber"], experienceSince=2012)
    assert team.apply()["exit"] == 0
    assert team.plan()["requests"] == []
    declare(team, nationality="MD", spokenLanguages=[], experienceSince=2012)
    (request,) = team.plan()["requests"]
    assert request["body"] == {"spokenLanguages": []}
    assert team.apply()["exit"] == 0
    assert team.truth_pf()[1].profile["spokenLanguages"] == []
    assert team.plan()["requests"] == []


def test_a_null_that_the_portal_cannot_clear_is_a_warning(team: Agency) -> None:
    """With its line; nothing else of the agent is left out."""
    user = team.truth_pf()[1]
    user.profile |= {"whatsappPhone": "+373 69 111 111", "nationality": "MD"}
    team.pf.users.save(user)
    declare(team, whatsappPhone=None, nationality=None, name="Ana", position="Agent")
    plan = team.plan()
    (request,) = plan["requests"]
    assert request["body"] == {"name": "Ana", "position": {"primary": "Agent"}}
    places = {each["message"].partition(":")[0]: each["source"] for each in plan["warnings"]}
    assert places.keys() == {"whatsappPhone", "nationality"}
    assert all(place["file"] == "agents/agents.yaml" for place in places.values())
    report = team.apply()
    assert (report["exit"], report["verified"]["differences"]) == (0, [])
    profile = team.truth_pf()[1].profile
    assert (profile["whatsappPhone"], profile["nationality"]) == ("+373 69 111 111", "MD")
    assert (profile["name"], team.plan()["requests"]) == ("Ana", [])


def test_the_public_phone_that_a_creation_needs_is_reported(agency: Agency) -> None:
    """Before anything is sent, with the place of the section."""
    agency.live_pf()
    agency.use(propertyfinder={}, limits={"floor": 1000})
    section = {
        "email": "new@agency.example",
        "firstName": "Ana",
        "lastName": "Rusu",
        "mobile": "+373 69 111 111",
        "roleId": 3,
    }
    agency.declare({"externalId": "a", "name": "Ana Rusu", "propertyfinder": section})
    plan = agency.plan()
    assert plan["requests"] == []
    (warning,) = plan["warnings"]
    assert "phone" in warning["message"]
    assert warning["source"]["file"] == "agents/agents.yaml"
    agency.declare(
        {"externalId": "a", "name": "Ana", "phone": "+373 22 111 111", "propertyfinder": section}
    )
    assert agency.apply()["exit"] == 0
    short = {**section, "lastName": "R", "email": "r@agency.example", "mobile": "+373 69 222 222"}
    agency.declare(
        {"externalId": "b", "name": "B", "phone": "+373 22 222 222", "propertyfinder": short}
    )
    (conflict,) = agency.plan()["conflicts"]
    assert "lastName" in conflict["reason"]


def test_an_undeclared_expiry_date_is_kept(agency: Agency) -> None:
    """A broker's number without a date in the file keeps the one on the portal."""
    agency.live_pf(person(1, compliances=[BRN]))
    agency.use(propertyfinder={}, limits={"floor": 1000})
    declare(agency, compliances=[{"type": "brn", "value": "123"}])
    assert agency.plan()["requests"] == []
    declare(agency, compliances=[{"type": "brn", "value": "123"}, {"type": "fal", "value": "4"}])
    assert agency.apply()["exit"] == 0
    (first, second) = agency.truth_pf()[1].profile["compliances"]
    assert (first["expiryDate"][:10], second["expiryDate"]) == ("2027-01-31", None)
    declare(agency, compliances=[])
    assert agency.apply()["exit"] == 0
    assert agency.truth_pf()[1].profile["compliances"] == []
