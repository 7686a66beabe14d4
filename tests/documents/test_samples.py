"""The sample agents and the live ones of the demo: together they tell its story."""

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


def found(agent: Desired) -> tuple[str, Live]:
    """The live agent, and by what it is found; exactly one fits."""
    for identifier in IDENTIFIERS:
        name = identifier.name
        if name not in agent.identity:
            continue
        wanted = identifier.canonical(agent.identity[name])
        fits = [
            user
            for user in USERS.values()
            if name in user.identity and identifier.canonical(user.identity[name]) == wanted
        ]
        if fits:
            [live] = fits
            return name, live
    raise AssertionError(agent.key)


def differences(agent: Desired, live: Live) -> dict[str, Verdict]:
    """The declared paths that the portal does not show as declared."""
    verdicts = {path: compare(FIELD[parent(path)], path, agent, live) for path in agent.values}
    return {path: verdict for path, verdict in verdicts.items() if verdict is not Verdict.SAME}


def test_the_story() -> None:
    """Each sample needs what the demo tells of it, and nothing else."""
    assert {
        key: (*found(agent), differences(agent, found(agent)[1])) for key, agent in AGENTS.items()
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


def test_who_is_linked() -> None:
    """Two external ids are swapped, one is missing, and a seventh agent is nobody's."""
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


def test_phones_tell_people_apart() -> None:
    """No two live agents have one phone, so that a phone finds exactly one."""
    assert len({PHONE.canonical(user.identity["phone"]) for user in USERS.values()}) == 7


def test_each_sample_names_its_schema() -> None:
    """An editor finds the schema by the first line, and each file holds one agent."""
    files = sorted((ROOT / "agents").iterdir())
    assert len(files) == len(AGENTS) == 6
    for file in files:
        first = file.read_text("utf-8").partition("\n")[0]
        assert first == "# yaml-language-server: $schema=../schemas/agent.schema.json"


def test_the_samples_show_what_there_is() -> None:
    """Several scripts, all languages, one text for all, a block of lines, a null."""
    scripts = {unicodedata.name(agent.values["name"][0]).split()[0] for agent in AGENTS.values()}
    assert {"LATIN", "CYRILLIC", "ARMENIAN", "GREEK", "GEORGIAN"} <= scripts
    assert {"description.ru", "description.en", "description.ro"} <= set(AGENTS["agent-001"].values)
    assert isinstance(AGENTS["agent-003"].values["description"], str)
    assert "\n\n" in AGENTS["agent-004"].values["description"]
    assert AGENTS["agent-002"].values["youtube"] is None
