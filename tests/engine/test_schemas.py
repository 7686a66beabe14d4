"""The schemas of plans and reports, against what the commands print."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from agency import Agency, person, section, user
from formats import check_format, validator
from render.samples import plan, report, whole

from reconciler.engine.schemas import editor_schemas, schemas
from reconciler.render import json as render

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture
def changed(agency: Agency) -> Agency:
    """An agency with an update, a link, a creation, a waiting agent, a conflict and a warning."""
    agency.use(rentix={}, propertyfinder={})
    twins = [user(number, phone="+373 22 000 000", name=f"Twin {number}") for number in (4, 5)]
    agency.live(user(1, externalId="a", description="Old"), user(2), *twins)
    agency.live_pf(person(7, email="user-7@agency.example", name="Old"))
    new = {"firstName": "Ana", "lastName": "Rusu", "mobile": "+373 69 000 001", "roleId": 3}
    agency.declare(
        {"externalId": "a", "name": "New", "description": {"ru": "Новый"}},
        {"externalId": "b", "id": 2, "avatar": {"url": "https://agency.example/b.jpg"}},
        {"externalId": "c", "phone": "+373 22 000 000"},
        {"externalId": "d", "phone": "+373 69 999 999", "propertyfinder": section(7, name="New")},
        {
            "externalId": "e",
            "name": "Ana Rusu",
            "phone": "+373 69 000 001",
            "propertyfinder": section(8, **new),
        },
    )
    return agency


def test_the_files_are_current() -> None:
    """schemas/ has what the models say; `reconciler schema` writes it."""
    files = {path.name: path.read_text("utf-8") for path in SCHEMAS.iterdir()}
    assert files == schemas()
    assert set(editor_schemas()) == {"agent.schema.json", "reconciler.schema.json"}


def test_the_command_writes_all_schemas(agency: Agency) -> None:
    """`reconciler schema` writes the four files."""
    assert agency.run("schema").code == 0
    files = {path.name: path.read_text("utf-8") for path in (agency.root / "schemas").iterdir()}
    assert files == schemas()


def test_plans_and_reports_are_valid(changed: Agency) -> None:
    """What `plan`, `apply --dry-run`, `show`, `apply` and `drift` print is valid by its schema."""
    saved = str(changed.root / "plan.json")
    made = changed.run("plan", "--format", "json", "--out", saved).json
    assert {action for each in made["agents"] for action in each["actions"]} >= {
        "create",
        "link",
        "update",
    }
    assert made["conflicts"]
    assert made["warnings"]
    assert made["waiting"]
    assert changed.run("apply", "--dry-run", "--format", "json").json["requests"]
    assert changed.run("show", saved, "--format", "json").json == made
    done = changed.run("apply", "--yes", "--force", "--format", "json").json
    assert any("ids" in each for each in done["results"])
    agents = changed.portal.state.store.agents()
    agents[0].name = "Somebody"
    changed.portal.state.store.save(agents[0])
    drifted = changed.run("drift", "--format", "json").json
    assert [each["attribution"] for each in drifted["agents"]] == ["drift"]


def test_a_failed_apply_is_valid(changed: Agency) -> None:
    """A report with refusals and stale agents is valid too."""
    saved = str(changed.root / "plan.json")
    changed.run("plan", "--out", saved)
    agents = {each.id: each for each in changed.portal.state.store.agents()}
    agents[1].name = "Somebody"
    changed.portal.state.store.save(agents[1])
    arguments = ("--yes", "--force", "--on-stale", "skip", "--format", "json")
    done = changed.run("apply", "--plan", saved, *arguments).json
    stale = [each for each in done["results"] if each["request"] is None]
    assert [each["status"] for each in stale] == ["skipped"]


def test_samples_are_valid() -> None:
    """So are a plan and a report in which everything occurs."""
    check_format(whole(plan("Text"), "Text"))
    check_format(json.loads(render.report(report("Text"), "sha256:0")))


@pytest.mark.parametrize("name", ["plan", "report"])
def test_a_schema_refuses_other_forms(name: str) -> None:
    """A missing key, an unknown key and a value of another type are errors, at every level."""
    good: Any = (
        whole(plan("Text"), "Text")
        if name == "plan"
        else json.loads(render.report(report("Text"), "sha256:0"))
    )
    assert validator(name).is_valid(good)
    for key in good:
        assert not validator(name).is_valid({**good, key: object()}), key
        assert not validator(name).is_valid({k: v for k, v in good.items() if k != key}), key
    assert not validator(name).is_valid({**good, "more": 1})
    deeper = copy.deepcopy(good)
    deeper["conflicts"][0]["more"] = 1
    assert not validator(name).is_valid(deeper)
