"""What holds for every portal: one suite, run against each portal in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from agency import KEY, Agency
from worlds import WORLDS, World

from reconciler.core.conversation import drive
from reconciler.engine.session import open_repository, open_session
from reconciler.sandbox.server import Running

NAMES = list(WORLDS)


@pytest.fixture(params=NAMES)
def world(request: pytest.FixtureRequest, portal: Running) -> Iterator[World]:
    """Each portal in turn, with twelve agents."""
    with WORLDS[request.param](portal) as world:
        world.fill(12)
        yield world


@pytest.fixture
def agency(world: World, tmp_path: Path, portal: Running) -> Agency:
    """A repository for that portal only, in which half of the agents may change at once."""
    agency = Agency(tmp_path, portal, environment=dict(world.environment))
    limits = {"changes": "50%", "floor": 3}
    config = {"limits": limits, "portals": {world.name: {}}}
    (tmp_path / "reconciler.yaml").write_text(json.dumps(config), "utf-8")
    return agency


def test_unchanged_agents_need_no_write(world: World, agency: Agency) -> None:
    """If all agents are as declared, the plan is empty and the apply writes nothing."""
    agency.declare(*(world.agent(number, name=f"Agent {number}") for number in range(1, 13)))
    assert agency.plan()["agents"] == []
    assert agency.apply()["verified"] == {"agents": 12, "as_declared": 12, "differences": []}
    assert world.writes() == []


def test_a_plan_writes_nothing(world: World, agency: Agency) -> None:
    """It shows both sides of each change and its portal; plan, dry run and drift write nothing."""
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


def test_an_apply_converges_and_changes_no_other_agent(world: World, agency: Agency) -> None:
    """Declared values are live, others are unchanged, and a second apply writes nothing."""
    before = world.truth()
    agency.declare(*(world.agent(number, name=f"New {number}") for number in (2, 5, 7)))
    report = agency.apply()
    assert (report["exit"], report["verified"]["differences"]) == (0, [])
    names = world.names()
    assert [names[number] for number in (2, 5, 7)] == ["New 2", "New 5", "New 7"]
    after = world.truth()
    untouched = set(before) - {2, 5, 7}
    assert {each: after[each] for each in untouched} == {each: before[each] for each in untouched}
    for number in (2, 5, 7):
        world.rename(number, f"Agent {number}")
    assert world.truth() == before  # nothing but the names had changed
    world.writes()
    agency.declare(*(world.agent(number, name=f"Agent {number}") for number in (2, 5, 7)))
    assert agency.plan()["requests"] == []
    agency.apply()
    assert world.writes() == []


def test_an_apply_sends_the_requests_of_the_dry_run(world: World, agency: Agency) -> None:
    """`--dry-run --format json` has each request exactly as sent."""
    agency.declare(*(world.agent(number, name=f"Новое имя {number}") for number in (1, 2, 3)))
    requests = agency.run("apply", "--dry-run", "--format", "json").json["requests"]
    assert agency.apply()["exit"] == 0
    expected = [(each["method"], each["path"], each["body"]) for each in requests]
    assert world.writes() == expected


def test_a_change_made_outside_the_files_is_drift(world: World, agency: Agency) -> None:
    """After an apply, drift reports it with exit code 2, and the next apply reverts it."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in (1, 2)))
    agency.apply()
    assert agency.run("drift").code == 0
    world.rename(2, "Changed")
    drift = agency.run("drift", "--format", "json")
    assert drift.code == 2
    [entry] = drift.json["agents"]
    assert (entry["key"], entry["attribution"]) == ("a-2", "drift")
    assert agency.apply()["exit"] == 0
    assert world.names()[2] == "Ana 2"


def test_a_saved_plan_is_applied_or_refused_as_stale(world: World, agency: Agency) -> None:
    """An agent that changed since makes the plan stale, or is skipped."""
    plan = str(agency.root / "plan.json")
    agency.declare(world.agent(1, name="Ana"), world.agent(2, name="Ion"))
    agency.run("plan", "--out", plan)
    world.rename(2, "Changed")
    assert agency.run("apply", "--plan", plan, "--yes").code == 5
    assert world.writes() == []
    skipped = agency.run("apply", "--plan", plan, "--yes", "--on-stale", "skip")
    assert skipped.code == 3, skipped.err
    assert (world.names()[1], world.names()[2]) == ("Ana", "Changed")


def test_a_lost_response_is_looked_up(world: World, agency: Agency) -> None:
    """If the response of a write is lost, a read finds it done, and it is not sent again."""
    agency.declare(world.agent(6, name="Ana"))
    world.lose_an_answer()
    report = agency.apply()
    assert (report["exit"], report["summary"]["applied"]) == (0, 1), report
    assert (world.names()[6], len(world.writes())) == ("Ana", 1)


def test_too_many_changes_need_force(world: World, agency: Agency) -> None:
    """Over the limits, nothing is sent without `--force`."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in range(1, 9)))
    refused = agency.run("apply", "--yes")
    assert (refused.code, world.writes()) == (1, [])
    assert "8 of 8 agents" in refused.err
    assert agency.run("apply", "--yes", "--force").code == 0


def test_a_wrong_key_is_an_error(world: World, agency: Agency) -> None:
    """Exit code 1, no traceback, and no key in the output."""
    name = f"{world.name.upper()}_API_KEY"
    agency.environment[name] = "x" * 40
    agency.declare(world.agent(1, name="Ana"))
    result = agency.run("plan")
    assert (result.code, result.out) == (1, "")
    assert "Traceback" not in result.err
    assert "xxxxxxxx" not in result.err


def test_a_lost_ledger_is_rebuilt(world: World, agency: Agency) -> None:
    """Without it, agents are matched again, and no value that GET shows is sent again."""
    agency.declare(*(world.agent(number, name=f"Ana {number}") for number in (1, 2)))
    agency.apply()
    (agency.root / ".reconciler" / "ledger.json").unlink()
    assert agency.plan()["agents"] == []


def test_agents_can_be_looked_up_by_id(world: World, agency: Agency) -> None:
    """An agent as the list shows it, and None for an id that no agent has."""
    environment = {
        "RENTIX_URL": agency.portal.url,
        "RENTIX_API_KEY": KEY,
        "PROPERTYFINDER_URL": agency.portal.urls["propertyfinder"],
        "PROPERTYFINDER_API_KEY": agency.pf.key,
        "PROPERTYFINDER_API_SECRET": agency.pf.secret,
        **agency.environment,
    }
    agency.declare(world.agent(1))
    repository = open_repository(agency.root, None)
    with open_session(repository, environment) as session:
        connection = session.connections[world.name]
        send = partial(connection.send, session.cancellation)
        listing, _ = drive(connection.portal.read(()), send)
        third = listing.agents[2]
        found = drive(connection.portal.look_up([third.id, "987654"]), send)
    shown = found[str(third.id)]
    assert (shown.id, shown.name, shown.values) == (third.id, third.name, third.values)
    assert (set(found), found["987654"]) == ({str(third.id), "987654"}, None)
