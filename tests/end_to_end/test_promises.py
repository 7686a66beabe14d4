"""The rules for every plan and apply, over real HTTP: minimal, ordered, safe, limited."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import click
import pytest
from agency import FAST, Agency, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.engine import applying
from reconciler.portals.rentix import Rentix
from reconciler.sandbox.readings import Readings
from reconciler.store.file import File
from reconciler.store.lock import Lock

NO_LIMIT = {"floor": 100_000}


def wire(body: Any) -> str:
    """A body as the program sends it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


READS = [("GET", "/agency"), ("GET", "/users")]
"""The calls of a plan: one for the account, one for the list."""


def test_no_changes_take_one_list_and_one_account_lookup(agency: Agency) -> None:
    """Agents that are already correct cost nothing, in a plan and in an apply."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 41)))
    agency.declare(
        *({"externalId": f"a-{number}", "name": f"Agent {number}"} for number in range(1, 41))
    )
    plan = agency.plan()
    assert [call[:2] for call in agency.calls()] == READS
    assert plan["summary"] == {
        "create": 0,
        "update": 0,
        "link": 0,
        "unlink": 0,
        "deactivate": 0,
        "unchanged": 40,
        "waiting": 0,
        "conflicts": 0,
        "requests": 0,
    }
    report = agency.apply()
    assert [call[:2] for call in agency.calls()] == READS
    assert report["verified"] == {"agents": 40, "as_declared": 40, "differences": []}


def test_one_changed_agent_takes_one_put(agency: Agency) -> None:
    """With the one field that differs, between two lists; the account is requested once."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2, 3)))
    agency.declare(
        {"externalId": "a-1", "name": "Agent 1", "youtube": None},
        {"externalId": "a-2", "name": "Ana", "instagram": None},
        {"externalId": "a-3"},
    )
    assert agency.apply()["exit"] == 0
    assert agency.calls() == [
        ("GET", "/agency", None, 200),
        ("GET", "/users", None, 200),
        ("PUT", "/users", {"id": 2, "name": "Ana"}, 200),
        ("GET", "/users", None, 200),
    ]


def test_an_apply_sends_what_a_dry_run_shows(agency: Agency) -> None:
    """250 changed agents take three bulks; what `--dry-run --format json` shows is sent byte for
    byte, with only the fields that differ."""
    count = range(1, 251)
    agency.live(*(user(number, externalId=f"a-{number}") for number in count))
    agency.declare(
        *(
            {"externalId": f"a-{number}", "name": f"Новое имя {number}", "tiktok": None}
            for number in count
        )
    )
    before = agency.truth()
    announced = agency.run("apply", "--dry-run", "--format", "json")
    assert announced.code == 0
    assert agency.truth() == before
    requests = announced.json["requests"]
    agency.calls()
    raw: list[tuple[str, str, str]] = []

    async def listen(call: Any) -> None:
        raw.append((call.method, call.path, wire(call.body)))

    agency.portal.state.before.append(listen)
    assert agency.apply()["exit"] == 0
    writes = [each for each in raw if each[0] != "GET"]
    assert writes == [
        (each["method"], "/api/v1" + each["path"], wire(each["body"])) for each in requests
    ]
    assert [len(each["body"]["operations"]) for each in requests] == [100, 100, 50]
    sent = [each for request in requests for each in request["body"]["operations"]]
    assert sent == [
        {"op": "upsert", "id": number, "name": f"Новое имя {number}"} for number in count
    ]


def test_settings_are_sent_merged_with_the_live_ones(agency: Agency) -> None:
    """All four channels if one differs, and never `posting_type`."""
    settings = {**user(1)["settings"], "contact_whatsapp": False}
    agency.live(user(1, externalId="a", settings=settings))
    agency.declare({"externalId": "a", "settings": {"contact_viber": False}})
    agency.apply()
    assert writes(agency.calls())[0][2] == {
        "id": 1,
        "settings": {
            "contact_phone": True,
            "contact_whatsapp": False,
            "contact_viber": False,
            "contact_telegram": True,
        },
    }


def test_a_creation_sends_everything_declared(agency: Agency) -> None:
    """Name, phone and the rest in one PUT; the channels merged with a new agent's defaults."""
    agency.live(readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare(
        {
            "externalId": "n",
            "name": "Nou",
            "phone": "+373 60 111 222",
            "settings": {"contact_viber": False},
            "avatar": {"url": "https://agency.example/n.jpg"},
        }
    )
    plan = agency.plan()
    assert plan["summary"]["create"] == 1
    assert plan["agents"][0]["id"] is None
    agency.calls()
    assert agency.apply()["exit"] == 0
    (put,) = [call for call in agency.calls() if call[0] == "PUT"]
    assert put[2]["externalId"] == "n"
    assert put[2]["phone"] == "+373 60 111 222"
    assert put[2]["settings"] == {
        "contact_phone": True,
        "contact_whatsapp": True,
        "contact_viber": False,
        "contact_telegram": True,
    }
    assert agency.plan()["agents"] == []


def test_a_refused_creation_waits(agency: Agency) -> None:
    """The refusal is a warning and no failure; it is not tried again until the file changes."""
    agency.live(readings=Readings(creation="invite"))
    agency.configure(create="upsert")
    new = {"externalId": "n", "name": "Nou", "phone": "+373 60 111 222"}
    agency.declare(new)
    report = agency.apply()
    assert report["exit"] == 0
    assert report["results"][0]["status"] == "waiting"
    plan = agency.plan()
    assert (plan["requests"], plan["summary"]["waiting"]) == ([], 1)
    assert "Invite the agent there" in plan["warnings"][0]["message"]
    agency.declare({**new, "name": "Nou Nume"})
    assert agency.plan()["summary"]["create"] == 1


def test_a_waiting_agent_is_a_warning(agency: Agency) -> None:
    """With file and line, and exit 0."""
    agency.declare({"externalId": "n", "phone": "+373 60 111 222"})
    plan = agency.plan("--detailed-exitcode")
    assert plan["summary"]["waiting"] == 1
    assert plan["warnings"][0]["key"] == "n"
    assert plan["warnings"][0]["source"] == {"file": "agents/agents.yaml", "line": 1}
    assert agency.apply()["exit"] == 0


def test_an_update_never_creates_an_agent(agency: Agency) -> None:
    """Someone unlinked the agent between plan and write: the PUT names its id."""
    agency.live(user(1, externalId="a"), readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare({"externalId": "a", "name": "Ana", "phone": "+373 60 999 999"})

    async def unlink(call: Any) -> None:
        if call.method == "PUT":
            agency.portal.state.load([{**user(1), "externalId": None}])

    agency.portal.state.before.append(unlink)
    agency.apply()
    assert list(agency.truth()) == [1]
    assert agency.truth()[1].name == "Ana"


def test_a_conflict_is_not_touched(agency: Agency) -> None:
    """Exit 3, the candidates in the plan, and the other agents are applied."""
    agency.live(
        user(1, phone="+373 22 1 11111"), user(2, phone="+37322111111"), user(3, externalId="b")
    )
    agency.declare(
        {"externalId": "a", "phone": "+373 22 111 111", "name": "Ana"},
        {"externalId": "b", "name": "Bogdan"},
    )
    plan = agency.plan()
    (conflict,) = plan["conflicts"]
    assert conflict["key"] == "a"
    assert [each["id"] for each in conflict["candidates"]] == [1, 2]
    assert "matches 2 agents" in conflict["reason"]
    assert agency.run("plan", "--detailed-exitcode").code == 2
    assert agency.apply()["exit"] == 3
    assert [each.name for each in agency.truth().values()] == ["Agent 1", "Agent 2", "Bogdan"]


def test_half_a_swap_is_a_conflict(agency: Agency) -> None:
    """`--target` on one of two agents that swap their ids changes nothing, and names the other."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    plan = agency.plan("--target", "a")
    assert plan["requests"] == []
    reason = plan["conflicts"][0]["reason"]
    assert "b (agents/agents.yaml:3), which this plan leaves out" in reason
    assert agency.apply("--target", "a")["exit"] == 3
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


def test_targets_and_excludes(agency: Agency) -> None:
    """By key, by file, with globs; other agents are not touched."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2, 3)))
    agency.declare(*({"externalId": f"a-{number}", "name": "New"} for number in (1, 2)))
    agency.declare({"externalId": "a-3", "name": "New"}, file="other.yaml")

    def keys(*arguments: str) -> list[str]:
        return [each["key"] for each in agency.plan(*arguments)["agents"]]

    assert keys("--target", "a-1") == ["a-1"]
    assert keys("--target", "agents/other*") == ["a-3"]
    assert keys("--exclude", "a-[12]") == ["a-3"]
    assert keys("--target", "a-*", "--exclude", "a-2") == ["a-1", "a-3"]
    agency.apply("--target", "a-1")
    assert [each.name for each in agency.truth().values()] == ["New", "Agent 2", "Agent 3"]


def test_the_limits_stop_an_apply(agency: Agency) -> None:
    """Over 30% of ten agents or more: exit 1 and nothing is sent. With --force, or from a saved
    plan that shows it, it is applied."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 11)))

    def declare(name: str) -> None:
        agency.declare(
            *({"externalId": f"a-{number}", "name": name} for number in range(1, 5)),
            *({"externalId": f"a-{number}"} for number in range(5, 11)),
        )

    declare("New")
    agency.calls()
    result = agency.run("apply", "--yes")
    assert result.code == 1
    assert "4 of 10 agents" in result.err
    assert "--force" in result.err
    assert [call[:2] for call in agency.calls()] == READS
    assert agency.run("apply", "--dry-run").code == 0
    path = str(agency.root / "plan.json")
    shown = agency.run("plan", "--out", path)
    assert "Over the limits" in shown.out
    assert agency.run("apply", "--plan", path, "--yes").code == 0
    declare("Newer")
    assert agency.run("apply", "--yes", "--force").code == 0


def test_below_the_floor_there_are_no_limits(agency: Agency) -> None:
    """Nine agents may all change."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 10)))
    agency.declare(*({"externalId": f"a-{number}", "name": "New"} for number in range(1, 10)))
    assert agency.run("apply", "--yes").code == 0


def test_a_removed_agent_is_reported_or_unlinked(agency: Agency) -> None:
    """An agent that was ours and that no file declares: a warning; with `on_removed: unlink` it is
    unlinked, then forgotten. An agent that was never ours is ignored."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"), user(3, externalId="stranger"))
    agency.declare({"externalId": "a"}, {"externalId": "b"})
    agency.apply()
    agency.declare({"externalId": "a"})
    plan = agency.plan()
    assert (plan["requests"], plan["warnings"][0]["key"]) == ([], "b")
    agency.apply()
    assert agency.plan()["warnings"]  # it stays reported
    agency.configure(on_removed="unlink")
    plan = agency.plan()
    assert plan["agents"][0]["actions"] == ["unlink"]
    assert plan["agents"][0]["source"] is None
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", None, "stranger"]
    again = agency.plan()
    assert (again["agents"], again["warnings"]) == ([], [])


def test_removals_have_a_separate_limit(agency: Agency) -> None:
    """Two of ten is over 10%."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 13)))
    agency.configure(on_removed="unlink")
    agency.declare(*({"externalId": f"a-{number}"} for number in range(1, 13)))
    agency.apply()
    agency.declare(*({"externalId": f"a-{number}"} for number in range(1, 11)))
    result = agency.run("apply", "--yes")
    assert result.code == 1
    assert "2 of 10 agents on rentix would be taken off" in result.err


def test_a_lost_ledger_is_safe(agency: Agency) -> None:
    """At worst, what cannot be compared is sent again."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana", "avatar": {"url": "https://a.example/1.jpg"}})
    agency.apply()
    assert agency.plan()["agents"] == []
    (agency.root / ".reconciler" / "ledger.json").write_text("{half", "utf-8")
    result = agency.run("plan", "--format", "json")
    assert "is treated as lost" in result.err
    (entry,) = result.json["agents"]
    assert [each["path"] for each in entry["changes"]] == ["avatar"]
    assert entry["changes"][0]["kind"] == "unreadable"
    assert agency.apply()["exit"] == 0
    assert agency.plan()["agents"] == []


def test_hold_sends_no_unreadable_value(agency: Agency) -> None:
    """`unreadable: hold` sends no picture over one that it cannot compare, and warns."""
    shown = {"id": 5, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown), user(2, externalId="b"))
    agency.configure(unreadable="hold")
    agency.declare(
        {"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}},
        {"externalId": "b", "avatar": {"url": "https://a.example/2.jpg"}},
    )
    plan = agency.plan()
    assert [each["key"] for each in plan["agents"]] == [
        "b"
    ]  # it has no picture, so nothing is unknown
    assert "`unreadable: hold`" in plan["warnings"][0]["message"]
    agency.apply()
    assert agency.truth()[1].avatar["id"] == 5
    assert agency.plan()["agents"] == []


def test_a_change_on_the_portal_is_drift(agency: Agency) -> None:
    """Exit 2. A change in the file is not drift; the two are distinguished in one agent."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    declared = [
        {"externalId": "a", "name": "Ana", "avatar": {"url": "https://a.example/1.jpg"}},
        {"externalId": "b", "name": "Bogdan"},
    ]
    agency.declare(*declared)
    agency.apply()
    assert agency.run("drift").code == 0
    declared[1]["name"] = "Bogdan Rusu"
    agency.declare(*declared)
    waits = agency.run("drift")
    assert waits.code == 0
    assert waits.out.startswith("No drift: ")
    assert agency.plan()["agents"][0]["attribution"] == "pending"
    live = {each["id"]: each for each in json.loads(agency_list(agency))["items"]}
    live[1]["name"] = "Anna"
    live[1]["avatar"] = {"id": 99, "contentType": "image/png", "variants": []}
    agency.portal.state.load(list(live.values()))
    found = agency.run("drift", "--format", "json")
    assert found.code == 2
    (entry,) = found.json["agents"]
    assert (entry["key"], entry["attribution"]) == ("a", "drift")
    assert [each["path"] for each in entry["changes"]] == ["name", "avatar"]
    assert agency.apply()["exit"] == 0
    assert agency.run("drift").code == 0


def agency_list(agency: Agency) -> str:
    """The portal's list."""
    from httpx import get

    return get(f"{agency.portal.url}/users", headers={"Authorization": "ApiKey sandbox"}).text


def test_drift_without_a_ledger(agency: Agency) -> None:
    """Every visible difference is drift, and no other."""
    shown = {"id": 5, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown))
    agency.declare({"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}})
    assert agency.run("drift").code == 0
    agency.declare({"externalId": "a", "name": "Ana"})
    assert agency.run("drift").code == 2


def test_an_agent_missing_from_the_portal_is_drift(agency: Agency) -> None:
    """It was applied, and the portal has it neither in the list nor by id."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a"}, {"externalId": "b"})
    agency.apply()
    agency.portal.state.load([user(1, externalId="a")])
    found = agency.run("drift")
    assert found.code == 2
    assert "b: was agent 2 at the last apply" in found.out


@pytest.mark.parametrize("on_stale", ["fail", "skip"])
def test_a_stale_plan(agency: Agency, on_stale: str) -> None:
    """Someone changed an agent in another way than the plan shows: the plan is refused (5), or the
    agent is left out (3). An agent that is already as planned is done."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2, 3, 4)))
    agency.declare(
        *({"externalId": f"a-{number}", "name": "New"} for number in (1, 2, 3)),
        {"externalId": "a-4"},
    )
    path = str(agency.root / "plan.json")
    agency.run("plan", "--out", path)
    agency.portal.state.load(
        [
            user(1, externalId="a-1", name="Other"),
            user(2, externalId="a-2", name="New"),
            user(3, externalId="a-3"),
            user(4, externalId="a-4"),
        ]
    )
    agency.calls()
    result = agency.run(
        "apply", "--plan", path, "--yes", "--format", "json", "--on-stale", on_stale
    )
    names = [each.name for each in agency.truth().values()]
    if on_stale == "fail":
        assert result.code == 5
        assert result.out == ""
        assert "a-1" in result.err
        assert "name has changed since the plan" in result.err
        assert names == ["Other", "New", "Agent 3", "Agent 4"]
        assert all(call[0] == "GET" for call in agency.calls())
    else:
        assert result.code == 3
        assert names == ["Other", "New", "New", "Agent 4"]
        assert [each["key"] for each in result.json["results"] if each["status"] == "skipped"] == [
            "a-1"
        ]


def test_a_change_that_was_not_reviewed_is_stale(agency: Agency) -> None:
    """A file changed after the plan was saved."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})
    path = str(agency.root / "plan.json")
    agency.run("plan", "--out", path)
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    result = agency.run("apply", "--plan", path, "--yes")
    assert result.code == 5
    assert "b: not in the plan" in result.err


def test_a_killed_swap_is_finished_by_the_same_plan(agency: Agency) -> None:
    """Only the first unlink was sent: the saved plan does the rest."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    path = str(agency.root / "plan.json")
    agency.run("plan", "--out", path)
    agency.portal.state.load([user(1, externalId=None), user(2, externalId="a")])
    assert agency.run("apply", "--plan", path, "--yes").code == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


def test_a_failure_stops_only_what_depends_on_it(agency: Agency) -> None:
    """A swap whose second unlink fails is skipped and the first unlink reverted; the update is
    applied; exit 3, each with its place in a file."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"), user(3, externalId="c"))
    agency.declare(
        {"id": 1, "externalId": "a"},
        {"id": 2, "externalId": "b"},
        {"externalId": "c", "name": "Cezar"},
    )

    async def refuse(call: Any) -> Response | None:
        if call.method == "DELETE" and "/users/2/" in call.path:
            return JSONResponse({"statusCode": 403, "message": "Not today", "error": "x"}, 418)
        return None

    agency.portal.state.before.append(refuse)
    report = agency.apply()
    assert report["exit"] == 3
    outcomes = {(each["verb"], each["key"]): each["status"] for each in report["results"]}
    assert outcomes == {
        ("unlink", "a"): "failed",
        ("unlink", "b"): "failed",
        ("link", "a"): "skipped",
        ("link", "b"): "skipped",
        ("update", "c"): "applied",
    }
    reverted, failed = (each for each in report["results"] if each["status"] == "failed")
    assert "reverted" in reverted["error"]
    assert failed["error"] == "Not today"
    assert failed["source"] == {"file": "agents/agents.yaml", "line": 3}
    assert [each.external_id for each in agency.truth().values()] == ["b", "a", "c"]
    agency.portal.state.before.clear()
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b", "c"]


def test_an_interruption_reports_what_was_applied(
    agency: Agency, ctrl_c: Callable[[], None]
) -> None:
    """Ctrl-C during an apply: exit 130, applied and skipped operations are named, and the next run
    finishes."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    seen = []

    async def interrupt(call: Any, response: Response) -> None:
        if call.method == "DELETE":
            seen.append(call)
            if len(seen) == 2:
                await asyncio.to_thread(ctrl_c)

    agency.portal.state.after.append(interrupt)
    result = agency.run("apply", "--yes", "--format", "json")
    agency.portal.state.after.clear()
    assert result.code == 130
    assert {each["status"] for each in result.json["results"]} >= {"applied", "skipped"}
    assert result.json["verified"] is None
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


@pytest.mark.parametrize("listing", ["next", "total"])
def test_all_pages_of_a_list_are_read(agency: Agency, listing: str) -> None:
    """As long as the response says that there are more."""
    limits = type(FAST)(rate_limit=10**9, bulk_rate_limit=10**9, page_size=3)
    agency.live(
        *(user(number, externalId=f"a-{number}") for number in range(1, 11)),
        readings=Readings(listing=listing),  # type: ignore[arg-type]
        limits=limits,
    )
    agency.declare(*({"externalId": f"a-{number}"} for number in range(1, 11)))
    plan = agency.plan()
    assert plan["complete"] is True
    assert plan["summary"]["unchanged"] == 10


def test_an_agent_missing_from_an_incomplete_list_is_a_conflict(agency: Agency) -> None:
    """A portal that reports more agents than it lists: no creation, no removal."""
    agency.live(
        user(1, externalId="a"), user(2, externalId="b"), readings=Readings(creation="upsert")
    )
    agency.configure(create="upsert", on_removed="unlink")
    agency.declare({"externalId": "a"}, {"externalId": "b"})
    agency.apply()
    agency.declare({"externalId": "a"}, {"externalId": "n", "name": "N", "phone": "+37360111222"})

    async def cut(call: Any, response: Response) -> Response | None:
        if call.method != "GET":
            return None
        return JSONResponse({"items": [user(1, externalId="a")], "total": 2})

    agency.portal.state.after.append(cut)
    plan = agency.plan()
    agency.portal.state.after.clear()
    assert plan["complete"] is False
    assert plan["requests"] == []
    assert [each["key"] for each in plan["conflicts"]] == ["n"]


def test_the_phone_is_never_a_change(agency: Agency) -> None:
    """Another phone in the file is a warning with both; other spacing is ignored."""
    agency.live(user(1, externalId="a", phone="+373 22 123 456"))
    agency.declare({"externalId": "a", "phone": "+37322123456"})
    assert agency.plan()["warnings"] == []
    agency.declare({"externalId": "a", "phone": "+37322123457"})
    plan = agency.plan()
    assert plan["requests"] == []
    assert "+373 22 123 456" in plan["warnings"][0]["message"]


def test_bulk_by_external_id(agency: Agency) -> None:
    """If configured, a bulk names agents by external id, after their links; an agent without one
    is sent separately."""
    agency.live(user(1, externalId="a"), user(2), user(3), readings=Readings(bulk_by_id="refused"))
    agency.configure(bulk_by="externalId")
    agency.declare(
        {"externalId": "a", "name": "A"},
        {"externalId": "b", "id": 2, "name": "B"},
        {"id": 3, "name": "C"},
    )
    plan = agency.plan()
    agency.calls()
    assert agency.apply()["exit"] == 0
    calls = [(method, path, status) for method, path, _, status in agency.calls()]
    assert calls == [
        ("GET", "/agency", 200),
        ("GET", "/users", 200),
        ("POST", "/users/2/link", 200),
        ("PUT", "/users", 200),
        ("POST", "/users/bulk", 200),
        ("GET", "/users", 200),
    ]
    bulk = next(each for each in plan["requests"] if each["path"] == "/users/bulk")
    assert [each["externalId"] for each in bulk["body"]["operations"]] == ["a", "b"]
    assert bulk["after"] == ["r1"]


def test_rate_limits_are_kept_without_a_429(agency: Agency) -> None:
    """A portal with a short window: the client waits for it."""
    limits = type(FAST)(rate_limit=5, bulk_rate_limit=1, rate_window=1.0, bulk_limit=100)
    agency.live(*(user(number) for number in range(1, 9)), limits=limits)
    agency.declare(
        *({"id": number, "externalId": f"a-{number}", "name": "New"} for number in range(1, 9))
    )
    assert agency.apply()["exit"] == 0
    assert {status for *_, status in agency.calls()} == {200}


def test_a_key_is_in_no_output(agency: Agency) -> None:
    """A portal echoes the key in its messages. An agent whose name equals the key is not
    changed."""
    agency.live(user(1, externalId="a", name="sandbox"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "sandbox"}, {"externalId": "b", "name": "B"})
    assert [each["key"] for each in agency.plan()["agents"]] == ["b"]

    async def echo(call: Any) -> Response | None:
        if call.path.endswith("/users") and call.method == "GET" and refusals:
            refusals.pop()
            return JSONResponse({"statusCode": 401, "message": "No key sandbox here"}, 401)
        if call.method == "PUT":
            return JSONResponse({"statusCode": 400, "message": "Bad: ApiKey sandbox"}, 400)
        return None

    refusals = ["once"]
    agency.portal.state.before.append(echo)
    reading = agency.run("-v", "plan")
    writing = agency.run("-v", "apply", "--yes", "--format", "json")
    assert reading.code == 1
    assert "No key *** here" in reading.err
    assert "sandbox" not in reading.out + reading.err
    assert writing.code == 3
    (failed,) = writing.json["results"]
    assert failed["error"] == "Bad: ApiKey ***"
    assert "ApiKey sandbox" not in writing.out + writing.err


def test_a_creation_that_updates_an_existing_agent_fails(agency: Agency) -> None:
    """Between list and write, someone gave that id to an agent: its data was changed, and the
    report says so, in a bulk too."""
    agency.live(user(15), readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare(
        {"externalId": "n1", "name": "N1", "phone": "+373 60 111 001"},
        {"externalId": "n2", "name": "N2", "phone": "+373 60 111 002"},
    )

    async def link(call: Any) -> None:
        if call.path.endswith("/users/bulk"):
            agency.portal.state.load([user(15, externalId="n1")])

    agency.portal.state.before.append(link)
    report = agency.apply()
    assert report["exit"] == 3
    outcomes = {each["key"]: each for each in report["results"]}
    assert (outcomes["n1"]["status"], outcomes["n2"]["status"]) == ("failed", "applied")
    assert "agent 15 already existed" in outcomes["n1"]["error"]


@pytest.mark.parametrize(
    "marks",
    [
        {"total": 2},
        {"meta": {"total": 2}},
        {"pagination": {"next": "/users?page=2"}},
        {"nextPage": 2},
        {"next": {"odd": 1}},
        {"total": "many"},
    ],
    ids=str,
)
def test_a_mark_of_more_agents_makes_a_list_incomplete(agency: Agency, marks: Any) -> None:
    """At the top or one level down: no agent is created or removed."""
    agency.live(user(1), readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare({"externalId": "n", "name": "N", "phone": "+373 60 111 222"})

    async def cut(call: Any, response: Response) -> Response | None:
        return JSONResponse({"items": [user(1)], **marks}) if call.method == "GET" else None

    agency.portal.state.after.append(cut)
    plan = agency.plan()
    assert plan["complete"] is False
    assert plan["summary"]["create"] == 0


def test_an_interruption_records_unreadable_values(agency: Agency) -> None:
    """Ctrl-C after the bulk: the next run does not send its pictures again."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2)))
    agency.declare(
        *(
            {"externalId": f"a-{number}", "avatar": {"url": f"https://a.example/{number}.jpg"}}
            for number in (1, 2)
        )
    )

    async def interrupt(call: Any, response: Response) -> None:
        if call.method == "GET" and bulks:
            signal.raise_signal(signal.SIGINT)
        bulks.extend([call] if call.method == "POST" else [])

    bulks: list[Any] = []
    agency.portal.state.after.append(interrupt)
    result = agency.run("apply", "--yes", "--format", "json")
    agency.portal.state.after.clear()
    assert result.code == 130
    assert {each["status"] for each in result.json["results"]} == {"applied"}
    assert agency.plan()["agents"] == []


def test_the_check_settles_an_unknown_outcome(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response to the bulk was lost and the list that was to settle it failed; the check after
    the apply finds everything as declared."""
    monkeypatch.setattr("reconciler.net.transport._backoff", lambda _: 0.0)
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2)))
    agency.declare(*({"externalId": f"a-{number}", "name": "New"} for number in (1, 2)))

    async def lose(call: Any, response: Response) -> Response | None:
        if call.method == "POST":
            failing.extend([1] * 6)
            return JSONResponse({"message": "gateway"}, 504)
        return JSONResponse({"message": "busy"}, 503) if failing and failing.pop() else None

    failing: list[int] = []
    agency.portal.state.after.append(lose)
    report = agency.apply()
    agency.portal.state.after.clear()
    assert report["exit"] == 0
    assert {each["status"] for each in report["results"]} == {"applied"}
    assert report["verified"]["as_declared"] == 2


def test_a_link_that_keeps_being_undone_is_a_failure(agency: Agency) -> None:
    """Every request succeeded, and someone undid the link each time: exit 3, and it is named."""
    agency.live(user(1, externalId="a"), user(2))
    agency.declare({"externalId": "a", "name": "Ana"}, {"id": 2, "externalId": "b"})

    async def undo(call: Any, response: Response) -> None:
        if call.method in ("PUT", "POST"):
            agency.portal.state.load([user(1, externalId="a", name="Ana"), user(2)])

    agency.portal.state.after.append(undo)
    report = agency.apply()
    agency.portal.state.after.clear()
    assert report["exit"] == 3
    (failed,) = [each for each in report["results"] if each["status"] == "failed"]
    assert (failed["key"], failed["verb"], failed["code"]) == ("b", "link", "not_taken")
    (difference,) = report["verified"]["differences"]
    assert (difference["key"], difference["path"]) == ("b", "externalId")


def test_a_picture_that_never_arrives_is_a_warning(agency: Agency) -> None:
    """The import fails silently, also where there was a picture: one warning with agent and field,
    and no change is planned."""
    shown = {"id": 3, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown), readings=Readings(avatar_import="never"))
    agency.declare({"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}})
    assert agency.apply()["exit"] == 0
    plan = agency.plan()
    assert plan["agents"] == []
    (warning,) = plan["warnings"]
    assert "does not show the new picture yet" in warning["message"]


def test_held_languages_are_sent_with_their_text(agency: Agency) -> None:
    """A text is sent whole: if one language is sent, no other is reported as held."""
    agency.live(user(1, externalId="a", description="alt"), readings=Readings(description="string"))
    agency.configure(unreadable="hold")
    agency.declare({"externalId": "a", "description": {"ru": "Раз", "en": "One"}})
    plan = agency.plan()
    assert plan["agents"] == []
    assert "`unreadable: hold`" in plan["warnings"][0]["message"]
    agency.configure(unreadable="send")
    agency.apply()
    agency.configure(unreadable="hold")
    agency.declare({"externalId": "a", "description": {"ru": "Два", "en": "One", "ro": "Unu"}})
    (entry,) = agency.plan()["agents"]
    assert {each["path"] for each in entry["changes"]} == {"description.ru", "description.ro"}
    assert not [each for each in agency.plan()["warnings"] if "hold" in each["message"]]


def test_an_edited_file_is_not_drift(agency: Agency) -> None:
    """From one text for all languages to one language, on a portal that shows each."""
    agency.live(user(1, externalId="a"), readings=Readings(description="object"))
    agency.declare({"externalId": "a", "description": "b"})
    agency.apply()
    agency.declare({"externalId": "a", "description": {"ro": "x"}})
    assert agency.run("drift").code == 0
    assert agency.plan()["agents"][0]["attribution"] == "pending"


def test_a_failed_link_is_not_drift(agency: Agency) -> None:
    """It was never there to be undone."""
    agency.live(user(1, phone="+373 22 111 111"))
    agency.declare({"externalId": "a", "phone": "+373 22 111 111"}, {"externalId": "b"})

    async def refuse(call: Any) -> Response | None:
        return JSONResponse({"message": "No"}, 409) if call.method == "POST" else None

    agency.portal.state.before.append(refuse)
    assert agency.apply()["exit"] == 3
    agency.portal.state.before.clear()
    agency.configure(match=["id", "externalId", "phone"])
    assert [each["attribution"] for each in agency.plan()["agents"]] != ["drift"]


def test_an_agent_that_lost_its_external_id_is_named(agency: Agency) -> None:
    """Unlinked on the portal, and the file has no phone: the warning says who it was and what to
    declare."""
    agency.live(user(1, externalId="a", name="Ana"))
    agency.declare({"externalId": "a"})
    agency.apply()
    agency.portal.state.load([user(1, name="Ana")])
    (warning,) = agency.plan()["warnings"]
    assert "was agent 1 Ana at the last apply" in warning["message"]
    assert "declare `id: 1`" in warning["message"]


def test_the_report_names_conflicts_and_waiting_agents(agency: Agency) -> None:
    """In JSON and on standard error."""
    agency.live(user(1, phone="+37322111111"), user(2, phone="+37322111111"))
    agency.declare({"externalId": "a", "phone": "+37322111111"}, {"externalId": "w"})
    result = agency.run("apply", "--yes", "--format", "json")
    assert result.code == 3
    assert [each["key"] for each in result.json["conflicts"]] == ["a"]
    assert [each["key"] for each in result.json["warnings"]] == ["w"]
    assert result.json["summary"]["waiting"] == 1
    assert "matches 2 agents" in result.err


def test_a_report_that_cannot_be_written_stops_an_apply(agency: Agency) -> None:
    """`--output` is checked before anything is sent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    target = agency.root / "agents" / "agents.yaml" / "report.json"
    result = agency.run("apply", "--yes", "--output", str(target))
    assert result.code == 1
    assert "cannot be written" in result.err
    assert agency.truth()[1].name == "Agent 1"


def test_two_applies_keep_each_others_records(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without locks, one apply ends between the plan and the end of another: the ledger has
    both."""
    monkeypatch.setattr(File, "lock", lambda *_: nullcontext(Lock()))
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare(
        {"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}},
        {"externalId": "b", "avatar": {"url": "https://a.example/2.jpg"}},
    )
    whole = applying.apply
    codes = []

    def with_another_meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(applying, "apply", whole)
        codes.append(agency.run("apply", "--yes", "--target", "b").code)
        return whole(*arguments)

    monkeypatch.setattr(applying, "apply", with_another_meanwhile)
    codes.append(agency.run("apply", "--yes", "--target", "a").code)
    assert codes == [0, 0]
    assert agency.plan()["agents"] == []


def test_a_second_ctrl_c_does_not_wait(agency: Agency, ctrl_c: Callable[[], None]) -> None:
    """A portal is slow to respond to a write: the first Ctrl-C waits for it, the second does not.
    The request in progress is unknown, and the ledger keeps what was applied before."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    over = threading.Event()

    async def hang(call: Any) -> None:
        if call.method == "POST":
            await asyncio.to_thread(ctrl_c)
            await asyncio.to_thread(ctrl_c)
            await asyncio.to_thread(over.wait, 20)

    agency.portal.state.before.append(hang)
    result = agency.run("apply", "--yes", "--format", "json")
    over.set()
    agency.portal.state.before.clear()
    assert result.code == 130
    states = [each["status"] for each in result.json["results"]]
    assert states == ["applied", "applied", "unknown", "skipped"]
    assert "Press Ctrl-C again to abort" in result.err
    assert agency.apply()["exit"] == 0


@pytest.mark.parametrize(
    ("answer", "code", "word"), [(False, 1, "Nothing was"), (None, 130, "Int")]
)
def test_declining_the_prompt_sends_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, answer: bool | None, code: int, word: str
) -> None:
    """A no exits with 1, Ctrl-C with 130; both say that nothing was sent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})

    def asked(*_: object, **__: object) -> bool:
        if answer is None:
            raise click.Abort
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", asked)
    result = agency.run("apply")
    assert result.code == code
    assert word in result.err
    assert [call[:2] for call in agency.calls()] == READS


def test_an_internal_error_keeps_the_record(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, and the ledger has what was applied."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.configure(bulk=1)
    agency.declare(
        *({"externalId": key, "avatar": {"url": f"https://a.example/{key}.jpg"}} for key in "ab")
    )
    whole, report = Rentix.perform, []

    def breaks(portal: Rentix, step: Any) -> Any:
        if report:
            raise LookupError("a defect")
        report.append(step)
        return whole(portal, step)

    monkeypatch.setattr(Rentix, "perform", breaks)
    with pytest.raises(LookupError, match="a defect"):
        agency.run("apply", "--yes", "--force")
    monkeypatch.undo()
    assert [entry["key"] for entry in agency.plan()["agents"]] == ["b"]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_an_agents_text_is_never_a_workflow_command(agency: Agency, form: str) -> None:
    """In either syntax, anywhere in a line; and the JSON stays valid."""
    hostile = "##[error]x\n::error::y " + "z" * 90 + " ::set-output name=a::b ##[endgroup]"
    agency.live(user(1, externalId="::warning::a"))
    agency.declare({"externalId": "::warning::a", "description": hostile, "name": "::debug::n"})
    agency.environment["GITHUB_ACTIONS"] = "true"
    for result in (
        agency.run("plan", "--format", form),
        agency.run("apply", "--dry-run", "--format", form),
        agency.run("apply", "--yes", "--force", "--format", form),
        agency.run("drift", "--format", form),
    ):
        printed = result.out + result.err
        assert "##[" not in printed
        assert not [line for line in printed.splitlines() if line.lstrip().startswith("::")]
        if form == "json":
            assert json.loads(result.out)
