"""A second writer changes external ids while an apply moves them: no agent loses its id silently."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agency import Agency, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.core.model import Event, Started
from reconciler.core.selection import Selection
from reconciler.engine import applying, planning, session
from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.state import Call

Edit = Callable[[Agency], None]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits pass at once."""
    monkeypatch.setattr(Cancellation, "sleep", lambda cancellation, _: cancellation.check())


def before(agency: Agency, method: str, path: str, edit: Edit) -> None:
    """Edit the portal just before the first such call takes effect."""
    edits = [edit]

    async def hook(call: Call) -> None:
        if edits and (call.method, call.path) == (method, f"/api/v1{path}"):
            edits.pop()(agency)

    agency.portal.state.before.append(hook)


def refuse(agency: Agency, path: str, external_id: str, status: int) -> None:
    """Answer each link of this id with an error instead of doing it."""

    async def hook(call: Call) -> Response | None:
        wanted = isinstance(call.body, dict) and call.body.get("externalId") == external_id
        if call.path == f"/api/v1{path}" and wanted:
            return JSONResponse({"statusCode": status, "message": "Rejected by a rule"}, status)
        return None

    agency.portal.state.before.append(hook)


def set_id(number: int, external_id: str | None) -> Edit:
    """Give an agent this external id."""

    def edit(agency: Agency) -> None:
        store = agency.portal.state.store
        agent = store.by_id(number)
        assert agent is not None
        agent.external_id = external_id
        store.save(agent)

    return edit


def held(agency: Agency) -> dict[int, str | None]:
    """Each agent's external id on the portal."""
    return {number: agent.external_id for number, agent in agency.truth().items()}


def results(report: Any) -> list[tuple[str, str]]:
    """The key and the status of each operation."""
    return [(each["key"], each["status"]) for each in report["results"]]


def error(report: Any, number: int) -> str:
    """The error of one operation."""
    return str(report["results"][number]["error"])


def recorded(agency: Agency) -> dict[str, str]:
    """The key that the ledger has for each live id."""
    ledger = json.loads(agency.ledger.read_bytes())
    [state] = ledger["portals"].get("rentix", [{"agents": {}}])
    agents = state["agents"]
    return {number: agent["key"] for number, agent in agents.items()}


def test_an_external_id_changed_just_before_its_unlink_is_restored(agency: Agency) -> None:
    """The unlink removed another id than the plan shows: it is linked again, and both fail."""
    agency.live(user(1, externalId="a"))
    agency.declare({"id": 1, "externalId": "x"})
    before(agency, "DELETE", "/users/1/link", set_id(1, "z"))
    report = agency.apply()
    assert report["exit"] == 3
    assert held(agency) == {1: "z"}
    assert results(report) == [("x", "failed"), ("x", "skipped")]
    assert "from a to z" in error(report, 0)
    assert "external id z was restored" in error(report, 0)
    assert [call[:3] for call in writes(agency.calls())] == [
        ("DELETE", "/users/1/link", None),
        ("POST", "/users/1/link", {"externalId": "z"}),
    ]
    assert recorded(agency) == {}
    again = agency.apply()
    assert (again["exit"], held(agency)) == (0, {1: "x"})


def test_a_removal_whose_external_id_changed_is_reverted(agency: Agency) -> None:
    """An agent that no file declares now: someone gave it another id just before the unlink."""
    agency.configure(on_removed="unlink", limits={"removals": "100%", "floor": 100})
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a"}, {"externalId": "b"})
    assert agency.apply()["exit"] == 0
    agency.declare({"externalId": "b"})
    before(agency, "DELETE", "/users/1/link", set_id(1, "z"))
    report = agency.apply()
    assert (report["exit"], results(report)) == (3, [("a", "failed")])
    assert "external id z was restored" in error(report, 0)
    assert held(agency) == {1: "z", 2: "b"}


def test_an_external_id_taken_before_the_link_restores_the_former_one(agency: Agency) -> None:
    """Someone linked the new id to another agent between the unlink and the link."""
    agency.live(user(1, externalId="a"), user(2))
    agency.declare({"id": 1, "externalId": "x"})
    before(agency, "POST", "/users/1/link", set_id(2, "x"))
    report = agency.apply()
    assert report["exit"] == 3
    assert held(agency) == {1: "a", 2: "x"}
    assert results(report) == [("x", "failed"), ("x", "failed")]
    assert "reverted" in error(report, 0)
    assert "External ID already linked" in error(report, 1)
    assert "external id a was restored" in error(report, 1)
    assert recorded(agency) == {}
    text = agency.run("apply", "--yes", "--force")
    assert "agent 2" in text.out + text.err


def test_an_external_id_that_cannot_be_restored_is_reported(agency: Agency) -> None:
    """Both the new and the former id were taken meanwhile: the report names the lost id and the
    agent."""

    def take_both(agency: Agency) -> None:
        set_id(2, "x")(agency)
        set_id(3, "a")(agency)

    agency.live(user(1, externalId="a"), user(2), user(3))
    agency.declare({"id": 1, "externalId": "x"})
    before(agency, "POST", "/users/1/link", take_both)
    report = agency.apply()
    assert report["exit"] == 3
    assert held(agency) == {1: None, 2: "x", 3: "a"}
    assert "external id a could not be restored" in error(report, 1)
    assert "agent 1" in error(report, 1)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_swap_whose_first_link_is_refused_is_reverted(agency: Agency, status: int) -> None:
    """A refusal, missing access or a server error to the end: both agents have their ids again."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"id": 1, "externalId": "b"}, {"id": 2, "externalId": "a"})
    refuse(agency, "/users/1/link", "b", status)
    report = agency.apply()
    assert report["exit"] == 3
    assert held(agency) == {1: "a", 2: "b"}
    assert [each["status"] for each in report["results"]] == [
        *("failed", "failed", "failed", "skipped"),
    ]
    assert "external id a was restored" in error(report, 2)
    assert "external id b was restored" in error(report, 3)
    agency.portal.state.before.clear()
    assert agency.apply()["exit"] == 0
    assert held(agency) == {1: "b", 2: "a"}


def test_a_swap_whose_second_link_is_refused_names_the_new_holder(agency: Agency) -> None:
    """The former id belongs to the other agent now, so it is not requested."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"id": 1, "externalId": "b"}, {"id": 2, "externalId": "a"})
    refuse(agency, "/users/2/link", "a", 400)
    report = agency.apply()
    assert held(agency) == {1: "b", 2: None}
    assert "external id b to agent 1" in error(report, 3)
    assert recorded(agency) == {"1": "b"}
    links = [call for call in writes(agency.calls()) if call[0] == "POST"]
    assert [call[2]["externalId"] for call in links] == ["b", "a"]


def test_a_chain_whose_link_is_refused_keeps_its_ids(agency: Agency) -> None:
    """Agent 2 was to get the id of agent 1, which could not get another one."""
    agency.live(user(1, externalId="a"), user(2))
    agency.declare({"id": 1, "externalId": "x"}, {"id": 2, "externalId": "a"})
    refuse(agency, "/users/1/link", "x", 409)
    report = agency.apply()
    assert held(agency) == {1: "a", 2: None}
    statuses = {each["request"]: each["status"] for each in report["results"]}
    assert statuses == {"r1": "failed", "r2": "failed", "r3": "skipped"}
    assert "unlink of agent 1, which was reverted" in error(report, 2)


def test_ctrl_c_between_unlink_and_link_is_reported(
    agency: Agency, ctrl_c: Callable[[], None]
) -> None:
    """The report has the former id; the next run links the new one."""
    agency.live(user(1, externalId="a"))
    agency.declare({"id": 1, "externalId": "x"})
    before(agency, "DELETE", "/users/1/link", lambda _: ctrl_c())
    report = agency.apply()
    assert report["exit"] == 130
    assert results(report) == [("x", "applied"), ("x", "skipped")]
    assert "external id a is unlinked" in report["results"][1]["note"]
    again = agency.apply()
    assert (again["exit"], held(agency)) == (0, {1: "x"})


def test_the_text_of_an_interrupted_apply_has_the_former_id(
    agency: Agency, ctrl_c: Callable[[], None]
) -> None:
    """Though it only counts what the interruption skipped."""
    agency.live(user(1, externalId="a"))
    agency.declare({"id": 1, "externalId": "x"})
    before(agency, "DELETE", "/users/1/link", lambda _: ctrl_c())
    assert "external id a is unlinked" in agency.run("apply", "--yes", "--force").out


def test_a_second_ctrl_c_between_unlink_and_link_is_reported(agency: Agency) -> None:
    """The report of a run that does not wait for its request has the former id too."""
    agency.live(user(1, externalId="a"))
    agency.declare({"id": 1, "externalId": "x"})

    def in_turn(streams: Any, _: Cancellation) -> Iterator[Any]:
        for name, stream in streams.items():
            yield from ((name, item) for item in stream())

    def press(event: Event) -> None:
        if isinstance(event, Started) and event.step.kind == "link":
            raise KeyboardInterrupt

    repository = session.open_repository(agency.root, None)
    environment = {"RENTIX_URL": agency.portal.url, "RENTIX_API_KEY": agency.portal.state.key}
    runtime = session.Runtime(merge_streams=in_turn)
    with planning.open_planner(
        repository, environment, Selection(), runtime=runtime, lock=lambda _: None
    ) as planner:
        report = applying.apply(planner.make_plan(Selection()), (), press)
    (_, first), (_, second) = report.outcomes
    assert (first.status, second.status, report.exit_code) == ("applied", "unknown", 130)
    assert second.note is not None
    assert "external id a is unlinked" in second.note
