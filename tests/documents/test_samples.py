"""The sample agents and the demo's live agents, which belong together."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

from reconciler.core.fields import Verdict, compare, parent
from reconciler.core.model import Desired, Live
from reconciler.documents.agents import desired, read_agents
from reconciler.portals.registry import parts
from reconciler.portals.rentix.declared import PART
from reconciler.portals.rentix.read import live
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

ROOT = Path(__file__).parents[2]
LIVE = json.loads((ROOT / "reconciler/demo/live.json").read_text("utf-8"))
FIELD = {field.name: field for field in FIELDS}
PHONE = IDENTIFIERS[-1]


AGENTS = {
    each.key: desired(each, PART, FIELDS, IDENTIFIERS)
    for each in read_agents(ROOT, "agents", parts())
}
USERS = {user["id"]: live(user) for user in LIVE["rentix"]}


def find(agent: Desired) -> tuple[str, Live]:
    """The live agent that is a unique match, and the identifier that matches it."""
    for identifier in IDENTIFIERS:
        name = identifier.name
        if name not in agent.identity:
            continue
        wanted = identifier.canonical(agent.identity[name])
        matches = [
            user
            for user in USERS.values()
            if name in user.identity and identifier.canonical(user.identity[name]) == wanted
        ]
        if matches:
            [live] = matches
            return name, live
    raise AssertionError(agent.key)


def differences(agent: Desired, live: Live) -> dict[str, Verdict]:
    """The declared paths whose live value differs, with the verdict."""
    verdicts = {path: compare(FIELD[parent(path)], path, agent, live) for path in agent.values}
    return {path: verdict for path, verdict in verdicts.items() if verdict is not Verdict.SAME}


def test_demo_changes() -> None:
    """Each sample has exactly the changes that the demo shows."""
    assert {
        key: (*find(agent), differences(agent, find(agent)[1])) for key, agent in AGENTS.items()
    } == {
        "agent-001": (
            "externalId",
            USERS[101],
            {"name": Verdict.DIFFERENT, "description.ru": Verdict.DIFFERENT},
        ),
        "agent-002": ("externalId", USERS[102], {"settings.contact_telegram": Verdict.DIFFERENT}),
        "agent-003": ("phone", USERS[103], {}),
        "agent-004": ("externalId", USERS[104], {"avatar": Verdict.DIFFERENT}),
        "agent-005": ("id", USERS[105], {}),
        "agent-006": ("id", USERS[106], {}),
    }


def test_linked_agents() -> None:
    """Two external ids are swapped, one is missing, and a seventh agent matches no file."""
    linked = {number: user.identity.get("externalId") for number, user in USERS.items()}
    assert linked == {
        101: "agent-001",
        102: "agent-002",
        103: None,
        104: "agent-004",
        105: "agent-006",
        106: "agent-005",
        107: None,
    }
    assert USERS[103].identity["phone"] != AGENTS["agent-003"].identity["phone"]


def test_phones_are_unique() -> None:
    """Every live agent has another phone, so a phone matches one agent."""
    assert len({PHONE.canonical(user.identity["phone"]) for user in USERS.values()}) == 7


def test_each_sample_names_its_schema() -> None:
    """The first line names the schema for editors, and each file has one agent."""
    files = sorted((ROOT / "agents").iterdir())
    assert len(files) == len(AGENTS) == 6
    for file in files:
        first = file.read_text("utf-8").partition("\n")[0]
        assert first == "# yaml-language-server: $schema=../schemas/agent.schema.json"


def test_samples_cover_the_syntax() -> None:
    """Several scripts, every language, one text for all languages, a block text, a null."""
    scripts = {unicodedata.name(agent.values["name"][0]).split()[0] for agent in AGENTS.values()}
    assert {"LATIN", "CYRILLIC", "ARMENIAN", "GREEK", "GEORGIAN"} <= scripts
    assert {"description.ru", "description.en", "description.ro"} <= set(AGENTS["agent-001"].values)
    assert isinstance(AGENTS["agent-003"].values["description"], str)
    assert "\n\n" in AGENTS["agent-004"].values["description"]
    assert AGENTS["agent-002"].values["youtube"] is None
