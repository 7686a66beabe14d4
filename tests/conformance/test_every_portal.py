"""What every portal has to keep to, whatever it is like: one suite, each portal in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agency import Agency
from worlds import WORLDS, World

from reconciler.sandbox.server import Running

NAMES = list(WORLDS)


@pytest.fixture(params=NAMES)
def world(request: pytest.FixtureRequest, portal: Running) -> Iterator[World]:
    """Each portal in turn, with twelve agents."""
    with WORLDS[request.param](portal) as made:
        made.fill(12)
        yield made


@pytest.fixture
def agency(world: World, tmp_path: Path, portal: Running) -> Agency:
    """A repository of that portal alone, in which half of the agents may change at once."""
    made = Agency(tmp_path, portal, environment=dict(world.environment))
    config: dict[str, Any] = {"limits": {"changes": "50%", "floor": 3}}
    if world.name != "tiny":
        config["portals"] = {world.name: {}}
    (tmp_path / "reconciler.yaml").write_text(json.dumps(config), "utf-8")
    return made


def test_the_same_is_nothing_to_do(world: World, agency: Agency) -> None:
    """Agents who are as declared cost no write, in a plan and in an apply."""
    agency.declare(*(world.agent(number, name=f"Agent {number}") for number in range(1, 13)))
    assert agency.plan()["agents"] == []
    assert agency.apply()["verified"] == {"agents": 12, "as_declared": 12, "differences": []}
    assert world.writes() == []


def test_a_plan_shows_and_writes_nothing(world: World, agency: Agency) -> None:
    """Both sides of each change, its portal, who that is there; and the world is as it was."""
    agency.declare(world.agent(3, name="Ana"), world.agent(4, name="Agent 4"))
    before = world.truth()
    plan = agency.plan()
    [entry] = plan["agents"]
    assert (entry["portal"], entry["key"], entry["actions"]) == (world.name, "a-3", ["update"])
    [change] = entry["changes"]
    assert (change["path"], change["before"], change["after"]) == ("name", "Agent 3", "Ana")
    assert plan["summary"]["unchanged"] == 1
    assert agency.run("apply", "--dry-run").code == 0
    assert agency.run("drift").code in (0, 2)
    assert (world.truth(), world.writes()) == (before, [])


def test_an_apply_converges_and_touches_nobody_else(world: World, agency: Agency) -> None:
    """Declared is true, undeclared as it was, the next plan empty, and a second apply silent."""
    before = world.truth()
    agency.declare(*(world.agent(number, name=f"New {number}") for number in (2, 5, 7)))
    done = agency.apply()
    assert (done["exit"], done["verified"]["differences"]) == (0, [])
    names = world.names()
    assert [names[number] for number in (2, 5, 7)] == ["New 2", "New 5", "New 7"]
    after = world.truth()
    untouched = set(before) - {2, 5, 7}
    assert {each: after[each] for each in untouched} == {each: before[each] for each in untouched}
    for number in (2, 5, 7):
        world.rename(number, f"Agent {number}")
    assert world.truth() == before  # the names were all that was changed
    world.writes()
    agency.declare(*(world.agent(number, name=f"Agent {number}") for number in (2, 5, 7)))
    assert agency.plan()["requests"] == []
    agency.apply()
    assert world.writes() == []


def test_an_apply_sends_what_was_announced(world: World, agency: Agency) -> None:
    """`--dry-run --format json` has each request as it goes out."""
    agency.declare(*(world.agent(number, name=f"Новое имя {number}") for number in (1, 2, 3)))
    announced = agency.run("apply", "--dry-run", "--format", "json").json["requests"]
    assert agency.apply()["exit"] == 0
    said = [(each["method"], each["path"], each["body"]) for each in announced]
    assert world.writes() == said


def test_what_somebody_changed_is_drift(world: World, agency: Agency) -> None:
    """After an apply a change by hand is told, with exit code 2, and the next apply mends it."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in (1, 2)))
    agency.apply()
    assert agency.run("drift").code == 0
    world.rename(2, "Somebody")
    drifted = agency.run("drift", "--format", "json")
    assert drifted.code == 2
    [entry] = drifted.json["agents"]
    assert (entry["key"], entry["attribution"]) == ("a-2", "drift")
    assert agency.apply()["exit"] == 0
    assert world.names()[2] == "Ana 2"


def test_a_saved_plan_is_applied_or_refused_as_stale(world: World, agency: Agency) -> None:
    """What was reviewed goes; an agent who has changed since is refused, or left out."""
    plan = str(agency.root / "plan.json")
    agency.declare(world.agent(1, name="Ana"), world.agent(2, name="Ion"))
    agency.run("plan", "--out", plan)
    world.rename(2, "Somebody")
    assert agency.run("apply", "--plan", plan, "--yes").code == 5
    assert world.writes() == []
    left_out = agency.run("apply", "--plan", plan, "--yes", "--on-stale", "skip")
    assert left_out.code == 3, left_out.err
    assert (world.names()[1], world.names()[2]) == ("Ana", "Somebody")


def test_a_lost_answer_is_looked_up(world: World, agency: Agency) -> None:
    """The write was done and its answer lost: reading finds it done, and it is not sent again."""
    agency.declare(world.agent(6, name="Ana"))
    world.lose_an_answer()
    done = agency.apply()
    assert (done["exit"], done["summary"]["applied"]) == (0, 1), done
    assert (world.names()[6], len(world.writes())) == ("Ana", 1)


def test_too_many_changes_need_a_word(world: World, agency: Agency) -> None:
    """Over the limits nothing is sent without `--force`."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in range(1, 9)))
    refused = agency.run("apply", "--yes")
    assert (refused.code, world.writes()) == (1, [])
    assert "8 of 8 agents" in refused.err
    assert agency.run("apply", "--yes", "--force").code == 0


def test_a_wrong_key_is_told(world: World, agency: Agency) -> None:
    """No access: exit code 1, a sentence, and the key in none of it."""
    name = f"{world.name.upper()}_API_KEY"
    agency.environment[name] = "x" * 40
    agency.declare(world.agent(1, name="Ana"))
    said = agency.run("plan")
    assert (said.code, said.out) == (1, "")
    assert "Traceback" not in said.err
    assert "xxxxxxxx" not in said.err


def test_a_lost_ledger_is_no_loss(world: World, agency: Agency) -> None:
    """Without it everyone is found again, and nothing that can be seen is sent again."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in (1, 2)))
    agency.apply()
    (agency.root / ".reconciler" / "ledger.json").unlink()
    assert agency.plan()["agents"] == []
