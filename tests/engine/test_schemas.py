"""The schemas of plans and reports, checked against the commands' output."""

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
    duplicates = [
        user(number, phone="+373 22 000 000", name=f"Duplicate {number}") for number in (4, 5)
    ]
    agency.live(user(1, externalId="a", description="Old"), user(2), *duplicates)
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


def test_files_are_current() -> None:
    """schemas/ matches the models; `reconciler schema` writes it."""
    files = {path.name: path.read_text("utf-8") for path in SCHEMAS.iterdir()}
    assert files == schemas()
    assert set(editor_schemas()) == {"agent.schema.json", "reconciler.schema.json"}


def test_command_writes_all_schemas(agency: Agency) -> None:
    """`reconciler schema` writes the four files."""
    assert agency.run("schema").code == 0
    files = {path.name: path.read_text("utf-8") for path in (agency.root / "schemas").iterdir()}
    assert files == schemas()


def test_plans_and_reports_are_valid(changed: Agency) -> None:
    """The output of `plan`, `apply --dry-run`, `show`, `apply` and `drift` is valid by its
    schema."""
    saved = str(changed.root / "plan.json")
    saved_plan = changed.run("plan", "--format", "json", "--out", saved).json
    assert {action for each in saved_plan["agents"] for action in each["actions"]} >= {
        "create",
        "link",
        "update",
    }
    assert saved_plan["conflicts"]
    assert saved_plan["warnings"]
    assert saved_plan["waiting"]
    assert changed.run("apply", "--dry-run", "--format", "json").json["requests"]
    assert changed.run("show", saved, "--format", "json").json == saved_plan
    applied = changed.run("apply", "--yes", "--force", "--format", "json").json
    assert any("ids" in each for each in applied["results"])
    agents = changed.portal.state.store.agents()
    agents[0].name = "Somebody"
    changed.portal.state.store.save(agents[0])
    drift = changed.run("drift", "--format", "json").json
    assert [each["attribution"] for each in drift["agents"]] == ["drift"]


def test_report_of_a_failed_apply_is_valid(changed: Agency) -> None:
    """Including failures and stale agents."""
    saved = str(changed.root / "plan.json")
    changed.run("plan", "--out", saved)
    agents = {each.id: each for each in changed.portal.state.store.agents()}
    agents[1].name = "Somebody"
    changed.portal.state.store.save(agents[1])
    arguments = ("--yes", "--force", "--on-stale", "skip", "--format", "json")
    applied = changed.run("apply", "--plan", saved, *arguments).json
    stale = [each for each in applied["results"] if each["request"] is None]
    assert [each["status"] for each in stale] == ["skipped"]


def test_samples_are_valid() -> None:
    """A plan and a report with every kind of entry are valid."""
    check_format(whole(plan("Text"), "Text"))
    check_format(json.loads(render.report(report("Text"), "sha256:0")))


@pytest.mark.parametrize("name", ["plan", "report"])
def test_schema_rejects_other_structures(name: str) -> None:
    """A missing key, an unknown key and a value of another type are invalid at every level."""
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
    nested = copy.deepcopy(good)
    nested["conflicts"][0]["more"] = 1
    assert not validator(name).is_valid(nested)
