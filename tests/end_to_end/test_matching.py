"""Which live agent a file describes, over real HTTP: a wrong guess changes a person's profile."""

from __future__ import annotations

from typing import Any

import pytest
from agency import Agency, person, user, writes

from reconciler.sandbox.readings import Readings

PHONE, OTHER_PHONE = "+373 22 123 456", "+373 22 999 999"


def refused(agency: Agency, *ids: int) -> str:
    """The reason of the only conflict, after an apply that exits with 3 and changes nothing. The
    conflict names these agents."""
    before, before_pf = agency.truth(), agency.truth_pf()
    (conflict,) = agency.plan()["conflicts"]
    assert [each["id"] for each in conflict["candidates"]] == list(ids)
    agency.calls()
    assert agency.apply()["exit"] == 3
    assert writes(agency.calls()) == []
    assert (agency.truth(), agency.truth_pf()) == (before, before_pf)
    return conflict["reason"]


def warnings(plan: Any) -> str:
    """The warnings of a plan."""
    return "\n".join(each["message"] for each in plan["warnings"])


def test_an_external_id_reused_for_a_new_hire_changes_no_one(agency: Agency) -> None:
    """The file describes a colleague, who was invited in the meantime. A pin decides."""
    agency.live(
        user(15, externalId="agent-001", name="Ivan Petrov", phone=PHONE),
        user(20, name="Ольга Русу", phone=OTHER_PHONE),
    )
    hire = {"externalId": "agent-001", "name": "Olga Rusu", "phone": OTHER_PHONE}
    agency.declare(hire)
    reason = refused(agency, 15, 20)
    for part in ("15 Ivan Petrov", "20 Ольга Русу", "`id: 20`", "`id: 15`"):
        assert part in reason
    agency.declare({**hire, "id": 20}, {"id": 15, "externalId": "former-001"})
    assert agency.apply()["exit"] == 0
    now = {each.id: (each.external_id, each.name) for each in agency.truth().values()}
    assert now == {15: ("former-001", "Ivan Petrov"), 20: ("agent-001", "Olga Rusu")}


def test_a_new_name_and_phone_are_applied_and_warned_about(agency: Agency) -> None:
    """If no other agent has either."""
    agency.live(user(15, externalId="agent-001", name="Ivan Petrov", phone=PHONE))
    agency.declare({"externalId": "agent-001", "name": "Olga Rusu", "phone": OTHER_PHONE})
    plan = agency.plan()
    (warning,) = plan["warnings"]
    assert warning["name"] == "Olga Rusu"
    assert "15 Ivan Petrov" in warning["message"]
    assert "entirely different" in warning["message"]
    assert agency.apply()["exit"] == 0
    assert agency.truth()[15].name == "Olga Rusu"


def test_a_login_reused_for_a_new_hire_changes_no_one(agency: Agency) -> None:
    """On Property Finder, the login is what a new hire takes over."""
    agency.use(propertyfinder={})
    agency.live_pf(
        person(1, email="sales@a.example", name="Ivan Petrov", mobile="+37369123456"),
        person(2, email="olga@a.example", name="Olga Rusu", mobile="+37369999999"),
    )
    section = {"email": "sales@a.example", "mobile": "+373 69 999 999"}
    agency.declare({"externalId": "a", "name": "Olga Rusu", "propertyfinder": section})
    reason = refused(agency, 1, 2)
    assert "`propertyfinder.id: 2`" in reason


@pytest.mark.parametrize("extension", [" ext. 12", " доб. 12", ";ext=12", " x12", " int. 12"])
def test_a_phone_does_not_link_the_agent_with_an_extension(agency: Agency, extension: str) -> None:
    """Behind the office's number is someone else."""
    agency.live(user(15, name="Ivan Petrov", phone=f"{PHONE}{extension}"))
    agency.declare({"externalId": "agent-001", "name": "Olga Rusu", "phone": PHONE})
    assert agency.plan()["summary"]["waiting"] == 1
    assert agency.apply()["exit"] == 0
    assert agency.truth()[15].external_id is None


@pytest.mark.parametrize("create", ["never", "upsert"])
@pytest.mark.parametrize("shown", ["cafe\u0301-1", "CAFÉ-1", "café-1 ", "café-1\u00a0"])
def test_an_id_that_resembles_a_live_one_makes_no_agent(
    agency: Agency, create: str, shown: str
) -> None:
    """Nor does it link the agent with the phone. A pin changes the id on the portal."""
    agency.live(
        user(15, externalId=shown, name="Ivan Petrov"),
        user(20, phone=PHONE),
        readings=Readings(creation="upsert"),
    )
    agency.configure(create=create)
    declared = {"externalId": "café-1", "name": "Ivan Petrov", "phone": PHONE}
    agency.declare(declared)
    reason = refused(agency, 15)
    assert "U+" in reason
    assert "`id: 15`" in reason
    agency.declare({**declared, "id": 15})
    assert agency.apply()["exit"] == 0
    assert agency.truth()[15].external_id == "café-1"


def test_ids_that_differ_in_case_can_coexist(agency: Agency) -> None:
    """Each file matches its own agent exactly."""
    agency.live(user(1, externalId="a1"), user(2, externalId="A1"))
    agency.declare({"externalId": "A1", "name": "Ana"}, {"externalId": "a1", "name": "Bogdan"})
    assert agency.apply()["exit"] == 0
    assert [each.name for each in agency.truth().values()] == ["Bogdan", "Ana"]


def test_a_waiting_agent_names_a_namesake(agency: Agency) -> None:
    """In another script and word order, with the id to declare."""
    agency.live(user(15, name="Цуркан Юлия"))
    agency.declare({"externalId": "agent-001", "name": "Iulia Țurcan", "phone": PHONE})
    plan = agency.plan()
    assert plan["summary"]["waiting"] == 1
    assert "15 Цуркан Юлия" in warnings(plan)
    assert "`id: 15`" in warnings(plan)
    assert "15 Цуркан Юлия" in agency.run("plan").out


@pytest.mark.parametrize("pin", [{}, {"id": 15}], ids=["phone", "pin"])
def test_a_first_link_to_another_name_is_a_warning(agency: Agency, pin: dict[str, int]) -> None:
    """Until it is applied."""
    agency.live(user(15, name="Ольга Русу", phone=PHONE))
    agency.declare({"externalId": "a", "name": "Ivan Petrov", "phone": PHONE, **pin})
    plan = agency.plan()
    assert plan["agents"][0]["actions"] == ["link", "update"]
    (warning,) = plan["warnings"]
    assert warning["name"] == "Ivan Petrov"
    assert "15 Ольга Русу" in warning["message"]
    assert agency.apply()["exit"] == 0
    assert agency.plan()["warnings"] == []
