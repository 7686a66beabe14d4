"""Lists that are truncated, empty or late, over real HTTP: no agent is created twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agency import PREFIX, Agency, person, section, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.core.omissions import LOOK_UPS
from reconciler.sandbox.readings import Readings

FIVE = range(1, 6)
Change = Callable[[Any, dict[str, Any]], None]
Hide = Callable[..., None]


@pytest.fixture(params=["rentix", "propertyfinder"])
def team(request: pytest.FixtureRequest, agency: Agency) -> Agency:
    """Five agents on one portal, applied from their files. A new file creates an agent."""
    if request.param == "rentix":
        start(agency, 5)
    else:
        agency.live_pf(*map(person, FIVE))
        agency.use(propertyfinder={})
        agency.declare(*map(declared, FIVE))
        assert agency.apply()["exit"] == 0
        agency.calls()
    return agency


def start(agency: Agency, count: int, **settings: Any) -> None:
    """So many agents on Rentix, applied from their files. A new file creates an agent."""
    numbers = range(1, count + 1)
    agency.live(
        *(user(number, externalId=f"a-{number}") for number in numbers),
        readings=Readings(creation="upsert"),
    )
    agency.use(rentix={"create": "upsert", **settings})
    agency.declare(*map(declared, numbers))
    assert agency.apply()["exit"] == 0
    agency.calls()


def declared(number: int, **values: Any) -> dict[str, Any]:
    """The file of an agent, with all that a creation takes on either portal."""
    return {
        "externalId": f"a-{number}",
        "name": f"Agent {number}",
        "phone": f"+373 60 {number:06d}",
        "propertyfinder": section(
            number, firstName="Ana", lastName="Rusu", mobile=f"+373 69 {number:06d}", roleId=3
        ),
        **values,
    }


@pytest.fixture
def lists(agency: Agency) -> Iterator[Callable[..., None]]:
    """Change the lists of the portals: `change` edits the body of the first `times`."""

    def begin(change: Callable[[dict[str, Any]], None], times: int = 1000) -> None:
        left = iter(range(times))

        async def altered(call: Any, response: Response) -> Response | None:
            path = call.path.partition("?")[0].removeprefix(PREFIX).removeprefix("/v1")
            if call.method != "GET" or path != "/users" or "id" in call.query:
                return None
            if next(left, None) is None:
                return None
            body = json.loads(bytes(response.body))
            change(body)
            return JSONResponse(body)

        agency.portal.state.after[:] = [altered]

    yield begin
    agency.portal.state.after.clear()


@pytest.fixture
def hide(lists: Callable[..., None]) -> Hide:
    """Leave these agents out of the next lists; the portals still show them by id."""

    def begin(*numbers: int, times: int = 1000) -> None:
        def without(body: dict[str, Any]) -> None:
            name = "items" if "items" in body else "data"
            body[name] = [each for each in body[name] if each["id"] not in numbers]
            if "pagination" in body:
                body["pagination"]["total"] = len(body[name])

        lists(without, times)

    return begin


def count(agency: Agency) -> int:
    """How many agents the portals have."""
    return len(agency.truth()) + len(agency.truth_pf())


def gets(agency: Agency) -> list[str]:
    """The paths of the reads of agents since the last call, without those of inactive ones, which a
    list without a declared agent may omit."""
    reads = [call[1] for call in agency.calls() if call[0] == "GET"]
    return [path for path in reads if path != "/agency" and "status=inactive" not in path]


# -- truncated and empty lists ---------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [FIVE, (1, 2, 3)], ids=["empty", "truncated"])
def test_a_list_that_is_truncated_once_is_read_again(
    team: Agency, hide: Hide, hidden: tuple[int, ...]
) -> None:
    """Nothing is created, and nothing else is wrong with the plan."""
    hide(*hidden, times=1)
    plan = team.plan()
    assert (plan["complete"], plan["over_limits"], plan["conflicts"]) == (True, [], [])
    assert plan["summary"]["unchanged"] == 5
    assert len(gets(team)) == 2


@pytest.mark.parametrize(
    ("hidden", "left"), [(FIVE, "none"), ((1, 2, 3), "only 2")], ids=["empty", "truncated"]
)
def test_a_list_that_stays_truncated_is_over_the_limits(
    team: Agency, hide: Hide, hidden: tuple[int, ...], left: str
) -> None:
    """Below the floor too. --force applies, and no one is created: the portal shows the agents by
    id."""
    team.declare(*map(declared, FIVE[:-1]), declared(5, name="New Name"))
    hide(*hidden)
    result = team.run("apply", "--yes")
    assert result.code == 1
    for part in (f"{left} of the 5 agents", "truncated", "--force"):
        assert part in result.err
    assert writes(team.calls()) == []
    report = team.apply()
    assert [(each["key"], each["status"]) for each in report["results"]] == [("a-5", "applied")]
    assert count(team) == 5


def test_a_saved_plan_shows_the_limits_of_the_list(team: Agency, hide: Hide) -> None:
    """Then it needs no --force."""
    team.declare(*map(declared, FIVE[:-1]), declared(5, name="New Name"))
    hide(1, 2, 3)
    path = str(team.root / "plan.json")
    assert team.run("plan", "--out", path).code == 0
    assert "only 2 of the 5 agents" in team.run("show", path).out
    assert team.run("apply", "--plan", path, "--yes").code == 0


def test_a_truncated_list_stops_no_apply_that_sends_nothing(team: Agency, hide: Hide) -> None:
    """The plan still says so."""
    hide(1, 2, 3)
    (limit,) = team.plan()["over_limits"]
    assert "only 2 of the 5 agents" in limit
    assert team.run("apply", "--yes").code == 0


def test_an_empty_list_without_a_ledger_creates_no_one(team: Agency, hide: Hide) -> None:
    """Five agents exist, and one response shows none. The next apply finds them."""
    team.ledger.unlink()
    hide(*FIVE, times=1)
    result = team.run("apply", "--yes")
    assert result.code == 1
    assert "lists no agents" in result.err
    assert writes(team.calls()) == []
    assert team.run("apply", "--yes").code == 0
    assert count(team) == 5


def test_a_list_that_was_emptied_after_the_review_stops_a_saved_plan(
    team: Agency, hide: Hide
) -> None:
    """A reviewed creation, applied twice without a ledger, does not create an agent twice."""
    team.declare(*map(declared, range(1, 7)))
    path = str(team.root / "plan.json")
    assert team.run("plan", "--out", path).code == 0
    assert team.run("apply", "--plan", path, "--yes").code == 0
    team.ledger.unlink()
    hide(*range(1, 7))
    result = team.run("apply", "--plan", path, "--yes", "--on-stale", "skip")
    assert result.code == 1
    assert "lists no agents" in result.err
    assert count(team) == 6


def test_the_first_apply_of_a_new_agency_needs_a_saved_plan(agency: Agency) -> None:
    """Or --force: its portal has no agents, as a truncated list would show."""
    agency.live(readings=Readings(creation="upsert"))
    agency.use(rentix={"create": "upsert"})
    agency.declare(declared(1))
    path = str(agency.root / "plan.json")
    result = agency.run("apply", "--yes")
    assert result.code == 1
    assert "new agency" in result.err
    assert agency.run("plan", "--out", path).code == 0
    assert agency.run("apply", "--plan", path, "--yes").code == 0
    assert count(agency) == 1


# -- known agents that the list omits --------------------------------------------------------------


def test_a_known_agent_that_the_list_omits_is_found_by_id(team: Agency, hide: Hide) -> None:
    """The list lags behind the creation: the agent is as declared, not drifted, and can change."""
    team.declare(*map(declared, range(1, 7)))
    assert team.apply()["exit"] == 0
    hide(6)
    team.calls()
    plan = team.plan()
    assert (plan["complete"], plan["summary"]["unchanged"], plan["requests"]) == (True, 6, [])
    assert len(gets(team)) == 2
    assert team.run("drift").code == 0
    team.declare(*map(declared, FIVE), declared(6, name="New Name"))
    assert team.apply()["exit"] == 0
    assert count(team) == 6
    assert team.plan()["requests"] == []


def test_a_known_agent_under_a_new_key_is_found_by_id(agency: Agency, hide: Hide) -> None:
    """The file declares another external id while the list omits the agent: the phone finds them,
    and they are not created under it."""
    start(agency, 5)
    agency.declare(*map(declared, FIVE[:-1]), declared(5, externalId="new"))
    hide(5)
    plan = agency.plan()
    assert plan["summary"]["create"] == 0
    (conflict,) = plan["conflicts"]
    assert [each["id"] for each in conflict["candidates"]] == [5]


def test_a_removed_agent_that_the_list_omits_is_found_by_id(agency: Agency, hide: Hide) -> None:
    """The apply after the deletion of the file unlinks the agent."""
    start(agency, 5, on_removed="unlink")
    agency.declare(*map(declared, FIVE[:-1]))
    hide(5)
    assert agency.apply()["exit"] == 0
    assert agency.truth()[5].external_id is None


def test_a_known_agent_that_is_gone_is_a_conflict(team: Agency) -> None:
    """It names the person and the id. With --force, a target that names the key creates the agent;
    a wildcard does not."""
    team.portal.state.load([user(number, externalId=f"a-{number}") for number in FIVE[:-1]])
    team.pf.users.replace([each for each in team.pf.users.all() if each.id != 5])
    left = count(team)
    result = team.run("apply", "--yes", "--target", "a-5")
    assert result.code == 3
    for part in ("Agent 5", "agent 5", "404", "--target a-5 --force"):
        assert part in " ".join(result.out.split())
    assert team.apply()["exit"] == 3
    assert team.apply("--target", "a-*")["exit"] == 3
    assert count(team) == left
    assert team.apply("--target", "a-5")["exit"] == 0
    assert count(team) == left + 1
    assert team.plan()["summary"]["unchanged"] == 5


def test_an_agent_who_left_is_forgotten_with_the_file(agency: Agency) -> None:
    """Later plans do not look for them."""
    start(agency, 5)
    agency.portal.state.load([user(number, externalId=f"a-{number}") for number in FIVE[:-1]])
    agency.declare(*map(declared, FIVE[:-1]), declared(9))
    assert agency.apply()["exit"] == 0
    assert "/users/5" in gets(agency)
    agency.declare(*map(declared, FIVE[:-1]), declared(9), declared(8))
    agency.plan()
    assert gets(agency) == ["/users"]


def test_a_known_agent_that_cannot_be_read_is_a_conflict(agency: Agency, hide: Hide) -> None:
    """Neither created nor taken off, whatever is forced."""
    start(agency, 5)
    hide(5)

    async def refuse(call: Any, response: Response) -> Response | None:
        return JSONResponse({}, 403) if call.path.endswith("/users/5") else None

    agency.portal.state.after.append(refuse)
    report = agency.apply("--target", "a-5")
    assert (report["exit"], report["results"]) == (3, [])
    plan = agency.plan()
    assert (plan["complete"], [each["key"] for each in plan["conflicts"]]) == (False, ["a-5"])
    assert count(agency) == 5


def test_only_so_many_agents_are_looked_up(agency: Agency, hide: Hide) -> None:
    """A list that omits more is incomplete."""
    lost = LOOK_UPS + 1
    start(agency, 2 * lost)
    hide(*range(1, lost + 1))
    plan = agency.plan()
    assert (plan["complete"], plan["summary"]["create"]) == (False, 0)
    assert len(plan["conflicts"]) == 1
    assert len([path for path in gets(agency) if path != "/users"]) == LOOK_UPS


# -- unrelated keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"stats": {"total": 900}}, {"limits": {"total": 50}, "count": 7, "more": True}],
    ids=str,
)
def test_an_unrelated_key_does_not_make_a_list_incomplete(
    agency: Agency, lists: Callable[..., None], more: dict[str, Any]
) -> None:
    """One list is read, and a new agent is created."""
    start(agency, 1)
    lists(lambda body: body.update(more))
    agency.declare(declared(1), declared(2))
    plan = agency.plan()
    assert (plan["complete"], plan["summary"]["create"]) == (True, 1)
    assert gets(agency) == ["/users"]
