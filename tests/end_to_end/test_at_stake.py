"""What a deactivation costs: the live listings of the agent, before anything is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agency import Agency, person, section
from starlette.responses import JSONResponse, Response

from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.state import Call

SCOPES = {"users:read", "users:full_access", "roles:read"}


@pytest.fixture
def ending(agency: Agency) -> Agency:
    """Two users to be deactivated, with twelve live listings and none, and one to be renamed."""
    agency.use(propertyfinder={})
    agency.live_pf(person(1, name="Ana"), person(2, name="Bo"), person(3, name="Cy"))
    profiles = {each.id: each.profile_id for each in agency.pf.users.all()}
    agency.pf.listings.update({profiles[1]: 12, profiles[3]: 5})
    agency.declare(
        {"externalId": "a-1", "propertyfinder": section(1, status="inactive")},
        {"externalId": "a-2", "propertyfinder": section(2, status="inactive")},
        {"externalId": "a-3", "propertyfinder": section(3, name="Cyril")},
    )
    return agency


def asked(agency: Agency) -> list[str]:
    """The searches for listings."""
    return [call[1] for call in agency.calls() if call[1].startswith("/v1/listings")]


def test_a_plan_shows_the_live_listings(ending: Agency) -> None:
    """Of those agents only, in JSON and among what matters most in text, comment and page."""
    plan = ending.plan()
    assert len(asked(ending)) == 2
    listings = {each["key"]: each.get("listings") for each in plan["agents"]}
    assert listings == {"a-1": 12, "a-2": 0, "a-3": None}
    text = ending.run("plan").out
    assert text.index("Ana (a-1): 12 live listings") < text.index("Cyril")
    assert "Bo (a-2): 0 live listings" in text
    for form in ("markdown", "html"):
        assert "12 live listings" in ending.run("plan", "--format", form).out
    ending.run("plan", "--out", "plan.json")
    assert "12 live listings" in ending.run("show", "plan.json").out


def test_nothing_is_asked_without_a_deactivation(ending: Agency) -> None:
    """Nor again in the list that an apply reads afterwards."""
    ending.declare({"externalId": "a-3", "propertyfinder": section(3, name="Cyril")})
    ending.plan()
    assert asked(ending) == []
    ending.declare({"externalId": "a-1", "propertyfinder": section(1, status="inactive")})
    assert ending.apply()["exit"] == 0
    assert len(asked(ending)) == 1


def test_a_key_without_the_scope(ending: Agency, caplog: pytest.LogCaptureFixture) -> None:
    """Most keys lack it: the plan is the same without the numbers, and only -v tells."""
    ending.pf.scopes = frozenset(SCOPES)
    result = ending.run("plan")
    assert (result.code, len(asked(ending))) == (0, 1)
    assert "Ana (a-1)" in result.out
    assert "live listing" not in result.out
    assert "403" not in result.err
    with caplog.at_level("INFO", "reconciler"):
        ending.run("-v", "plan")
    assert "/v1/listings" in caplog.text
    assert "403" in caplog.text
    assert ending.apply()["exit"] == 0


@pytest.mark.parametrize("answer", [500, "total", "list", "negative"])
def test_an_answer_that_does_not_say(
    ending: Agency, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error or an odd answer stops no plan."""
    monkeypatch.setattr(Cancellation, "sleep", lambda cancellation, _: cancellation.check())
    bodies: dict[Any, Any] = {
        500: {},
        "total": {"pagination": {"total": "12"}},
        "list": [],
        "negative": {"pagination": {"total": -1}},
    }

    async def answers(call: Call) -> Response | None:
        if not call.path.startswith("/v1/listings"):
            return None
        return JSONResponse(bodies[answer], 500 if answer == 500 else 200)

    ending.portal.state.before.append(answers)
    assert all("listings" not in each for each in ending.plan()["agents"])


def test_a_reviewed_plan_counts_whatever_the_listings_are_now(ending: Agency) -> None:
    """They are for the reader; that they change makes no plan stale."""
    ending.run("plan", "--out", "plan.json")
    ending.pf.listings.clear()
    result = ending.run("apply", "--plan", "plan.json", "--yes", "--format", "json")
    assert result.code == 0
    assert json.loads(result.out)["summary"]["applied"] == 3
