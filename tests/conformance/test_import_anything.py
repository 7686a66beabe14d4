"""Imports of random agents: whatever the portals show, a plan right after an import is empty, and
after `import --drift` only what its notes name is left to change."""

from __future__ import annotations

import random
from typing import Any

import pytest
from agency import PF_FAST, Agency, person, user, writes

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.readings import Readings

PIECES = [
    *"abc АБ șț ქ 😀\n\t:#'\"{}[],&*!|>-?%@`~ ",
    *"\u00a0\u200b\u202e\x07\r\ufffd“”é",
    "e\u0301",
    "\n  ",
    "  \n",
    "null",
    "no",
    "---\n",
    "...",
    "# ",
    ": ",
    "\r\n",
]
NAMES = ("Ana Rusu", "Ана Русу", "Bob", "Bob Smith", "")
PHONES = ("+373 69 111 111", "069111111", "+37369222222", "022 1")
LINKS = (None, "", "https://instagram.com/x", "https://www.instagram.com/x/?igsh=1", "x")


class Random(random.Random):
    """A source of random agents."""

    def text(self, longest: int = 12) -> str:
        """Some pieces in a row, of which many break YAML."""
        return "".join(self.choice(PIECES) for _ in range(self.randrange(longest)))

    def name(self) -> str:
        """A name that others may have too, or any text."""
        return self.choice(NAMES) if self.random() < 0.5 else self.text()

    def users(self) -> list[dict[str, Any]]:
        """Agents of Rentix, each with another external id."""
        found = {}
        for number in range(1, 8):
            languages = {language: self.text(30) for language in ("ru", "en", "ro")}
            external = self.choice([None, self.text(6) or None])
            found[external or number] = user(
                number,
                externalId=external,
                name=self.name(),
                phone=self.choice([*PHONES, self.text(8)]),
                description=self.choice([self.text(60), languages]),
                instagram=self.choice(LINKS),
                avatar=self.choice([None, {"id": number, "url": "https://cdn.example/1"}]),
            )
        return list(found.values())

    def people(self) -> list[dict[str, Any]]:
        """Users of Property Finder."""
        return [
            person(
                number,
                email=f"u{number}@agency.example",
                mobile=self.choice(PHONES),
                firstName=self.text(6) or "F",
                lastName=self.text(6) or "L",
                status=self.choice(["active", "inactive"]),
                publicProfile=self.profile(number),
            )
            for number in range(11, 17)
        ]

    def profile(self, number: int) -> dict[str, Any]:
        """A public profile; values that are not set are omitted."""
        values = {
            "name": self.name() or "x",
            "phone": self.choice(PHONES),
            "bio": self.choice([None, {"primary": self.text(40), "secondary": self.text(20)}]),
            "position": self.choice([None, {"primary": self.text(20)}]),
            "linkedinAddress": self.choice([None, "https://linkedin.com/in/x"]),
            "whatsappPhone": self.choice([None, *PHONES]),
            "email": self.choice([None, f"public-{number}@agency.example"]),
            "spokenLanguages": self.choice([None, [1, 34], [2]]),
        }
        return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("seed", range(8))
def test_random_agents(agency: Agency, seed: int) -> None:
    """A few."""
    check(agency, Random(seed))


@pytest.mark.long
@pytest.mark.parametrize("part", range(16))
def test_many_random_agents(agency: Agency, part: int) -> None:
    """Many."""
    for seed in range(1000 + part, 1400, 16):
        check(agency, Random(seed))


def check(agency: Agency, source: Random) -> None:
    """Check an import of random agents, and an import of what someone changed afterwards."""
    for path in (agency.root / "agents").glob("*"):
        path.unlink()
    agency.ledger.unlink(missing_ok=True)
    (agency.root / "agents").mkdir(exist_ok=True)
    readings = source.choice(list(propertyfinder.Readings.each()))
    agency.use(rentix={}, propertyfinder={"token_path": readings.token_path})
    agency.live(*source.users(), readings=source.choice(list(Readings.each())))
    agency.live_pf(*source.people(), readings=readings, limits=PF_FAST)
    agency.calls()
    first = agency.run("import", "--format", "json")
    assert first.code == 0, first.err
    assert first.json["only_on_portal"] == [], first.json["notes"]
    plan = agency.plan()
    assert (plan["agents"], plan["conflicts"]) == ([], [])
    assert agency.run("import", "--format", "json").json["files"] == []
    assert agency.run("fmt", "--check").code == 0
    assert writes(agency.calls()) == []
    assert agency.run("apply", "--yes", "--force").code == 0
    someone_changes(agency, source)
    check_drift(agency)


def someone_changes(agency: Agency, source: Random) -> None:
    """On both portals."""
    for agent in agency.truth().values():
        agent.name = source.name()
        agent.settings = {**agent.settings, "contact_viber": source.random() < 0.5}
        agent.instagram = source.choice([agent.instagram, None, "https://instagram.com/new"])
        agency.portal.state.store.save(agent)
    for each in agency.truth_pf().values():
        each.profile = {**(each.profile or {}), "name": source.name() or "x"}
        agency.pf.users.save(each)


def check_drift(agency: Agency) -> None:
    """What the files still differ in is named in a note."""
    result = agency.run("import", "--drift", "--format", "json")
    assert result.code == 0, result.err
    noted = {(each["portal"], each["file"], each["path"]) for each in result.json["notes"]}
    left = {
        (agent["portal"], agent["source"]["file"], change["path"])
        for agent in agency.plan()["agents"]
        for change in agent["changes"]
    }
    assert left <= noted
    assert agency.run("import", "--drift", "--format", "json").json["files"] == []
