"""What every plan and apply keeps to, over real HTTP: minimal, ordered, careful, never too much."""

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
from agency import FAST, Agency, user
from starlette.responses import JSONResponse, Response

from reconciler.engine import applying
from reconciler.portals.rentix import Rentix
from reconciler.sandbox.readings import Readings
from reconciler.store.file import File

NO_LIMIT = {"floor": 100_000}


def wire(body: Any) -> str:
    """A body as the program puts it on the wire."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def test_nothing_changed_is_one_get(agency: Agency) -> None:
    """Agents already right cost nothing, in a plan and in an apply."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 41)))
    agency.declare(
        *({"externalId": f"a-{number}", "name": f"Agent {number}"} for number in range(1, 41))
    )
    plan = agency.plan()
    assert [call[:2] for call in agency.calls()] == [("GET", "/users")]
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
    done = agency.apply()
    assert [call[:2] for call in agency.calls()] == [("GET", "/users")]
    assert done["verified"] == {"agents": 40, "as_declared": 40, "differences": []}


def test_one_changed_agent_is_one_put(agency: Agency) -> None:
    """One PUT with the one field that differs, between two lists."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2, 3)))
    agency.declare(
        {"externalId": "a-1", "name": "Agent 1", "youtube": None},
        {"externalId": "a-2", "name": "Ana", "instagram": None},
        {"externalId": "a-3"},
    )
    assert agency.apply()["exit"] == 0
    assert agency.calls() == [
        ("GET", "/users", None, 200),
        ("PUT", "/users", {"id": 2, "name": "Ana"}, 200),
        ("GET", "/users", None, 200),
    ]


def test_two_hundred_and_fifty_changed_agents_are_three_bulks_as_announced(agency: Agency) -> None:
    """What `--dry-run --format json` announces is what the apply sends, byte for byte, with only
    the fields that differ."""
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


def test_settings_are_sent_whole_and_merged(agency: Agency) -> None:
    """All four channels where one differs, with what is live, and never `posting_type`."""
    settings = {**user(1)["settings"], "contact_whatsapp": False}
    agency.live(user(1, externalId="a", settings=settings))
    agency.declare({"externalId": "a", "settings": {"contact_viber": False}})
    agency.apply()
    assert agency.calls()[1][2] == {
        "id": 1,
        "settings": {
            "contact_phone": True,
            "contact_whatsapp": False,
            "contact_viber": False,
            "contact_telegram": True,
        },
    }


def test_a_creation_carries_all_that_is_declared(agency: Agency) -> None:
    """Name, phone and the rest in one PUT; the switches with what a new agent gets."""
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


def test_a_portal_that_creates_nobody_makes_the_agent_wait(agency: Agency) -> None:
    """The refusal is a warning and no failure; it is not tried again until the file changes."""
    agency.live(readings=Readings(creation="invite"))
    agency.configure(create="upsert")
    new = {"externalId": "n", "name": "Nou", "phone": "+373 60 111 222"}
    agency.declare(new)
    done = agency.apply()
    assert done["exit"] == 0
    assert done["results"][0]["status"] == "waiting"
    plan = agency.plan()
    assert (plan["requests"], plan["summary"]["waiting"]) == ([], 1)
    assert "invited" in plan["warnings"][0]["message"]
    agency.declare({**new, "name": "Nou Nume"})
    assert agency.plan()["summary"]["create"] == 1


def test_waiting_is_a_warning(agency: Agency) -> None:
    """An agent whom the portal does not have is told, with file and line, and exit 0."""
    agency.declare({"externalId": "n", "phone": "+373 60 111 222"})
    plan = agency.plan("--detailed-exitcode")
    assert plan["summary"]["waiting"] == 1
    assert plan["warnings"][0]["key"] == "n"
    assert plan["warnings"][0]["source"] == {"file": "agents/agents.yaml", "line": 1}
    assert agency.apply()["exit"] == 0


def test_an_update_by_id_cannot_create_a_ghost(agency: Agency) -> None:
    """The live agent was unlinked behind our back between plan and write: the PUT names its id."""
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


def test_a_conflict_is_left_alone_and_named(agency: Agency) -> None:
    """Exit 3, the candidates in the plan, and the others are applied."""
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
    assert "fits 2 agents" in conflict["reason"]
    assert agency.run("plan", "--detailed-exitcode").code == 2
    assert agency.apply()["exit"] == 3
    assert [each.name for each in agency.truth().values()] == ["Agent 1", "Agent 2", "Bogdan"]


def test_half_a_swap_is_a_conflict_that_names_the_other_half(agency: Agency) -> None:
    """`--target` on one of two agents whose ids are swapped changes nothing."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    plan = agency.plan("--target", "a")
    assert plan["requests"] == []
    assert (
        "who is b (agents/agents.yaml:3) and is left out of this plan"
        in (plan["conflicts"][0]["reason"])
    )
    assert agency.apply("--target", "a")["exit"] == 3
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


def test_targets_and_excludes(agency: Agency) -> None:
    """By key, by file, with globs; the others stay as they are."""
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
    """Over 30% of ten agents or more: exit 1 and nothing sent; with --force, or as a plan that
    was saved and shows it, it goes."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 11)))

    def declare(name: str) -> None:
        agency.declare(
            *({"externalId": f"a-{number}", "name": name} for number in range(1, 5)),
            *({"externalId": f"a-{number}"} for number in range(5, 11)),
        )

    declare("New")
    agency.calls()
    said = agency.run("apply", "--yes")
    assert said.code == 1
    assert "4 of 10 agents" in said.err
    assert "--force" in said.err
    assert [call[0] for call in agency.calls()] == ["GET"]
    assert agency.run("apply", "--dry-run").code == 0
    path = str(agency.root / "plan.json")
    shown = agency.run("plan", "--out", path)
    assert "over the limits" in shown.out
    assert agency.run("apply", "--plan", path, "--yes").code == 0
    declare("Newer")
    assert agency.run("apply", "--yes", "--force").code == 0


def test_the_floor_switches_the_limits_off(agency: Agency) -> None:
    """Nine agents may all change."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 10)))
    agency.declare(*({"externalId": f"a-{number}", "name": "New"} for number in range(1, 10)))
    assert agency.run("apply", "--yes").code == 0


def test_a_removed_agent_is_reported_or_unlinked(agency: Agency) -> None:
    """Who was ours and is declared no more: a warning; with `on_removed: unlink` an unlink, and
    then forgotten. Who was never ours is nobody's business."""
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


def test_removals_have_a_limit_of_their_own(agency: Agency) -> None:
    """Two of ten taken off is over 10%."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 13)))
    agency.configure(on_removed="unlink")
    agency.declare(*({"externalId": f"a-{number}"} for number in range(1, 13)))
    agency.apply()
    agency.declare(*({"externalId": f"a-{number}"} for number in range(1, 11)))
    said = agency.run("apply", "--yes")
    assert said.code == 1
    assert "2 of 10 agents on rentix would be taken off" in said.err


def test_a_lost_ledger_is_safe(agency: Agency) -> None:
    """At worst what cannot be compared is sent again; nothing else."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana", "avatar": {"url": "https://a.example/1.jpg"}})
    agency.apply()
    assert agency.plan()["agents"] == []
    (agency.root / ".reconciler" / "ledger.json").write_text("{half", "utf-8")
    said = agency.run("plan", "--format", "json")
    assert "counts as lost" in said.err
    (entry,) = said.json["agents"]
    assert [each["path"] for each in entry["changes"]] == ["avatar"]
    assert entry["changes"][0]["kind"] == "unreadable"
    assert agency.apply()["exit"] == 0
    assert agency.plan()["agents"] == []


def test_hold_leaves_what_cannot_be_compared(agency: Agency) -> None:
    """`unreadable: hold` sends no picture over one that it cannot tell, and says so."""
    shown = {"id": 5, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown), user(2, externalId="b"))
    agency.configure(unreadable="hold")
    agency.declare(
        {"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}},
        {"externalId": "b", "avatar": {"url": "https://a.example/2.jpg"}},
    )
    plan = agency.plan()
    assert [each["key"] for each in plan["agents"]] == ["b"]  # there is none, so this is known
    assert "held back" in plan["warnings"][0]["message"]
    agency.apply()
    assert agency.truth()[1].avatar["id"] == 5
    assert agency.plan()["agents"] == []


def test_drift_is_what_changed_on_the_portal(agency: Agency) -> None:
    """A hand's change is drift (exit 2); a file's change is not; both together are told apart."""
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
    assert (waits.code, waits.out) == (
        0,
        "No drift: the portal shows nothing that somebody changed there.\n",
    )
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
    """The portal's own list."""
    from httpx import get

    return get(f"{agency.portal.url}/users", headers={"Authorization": "ApiKey sandbox"}).text


def test_drift_without_a_memory(agency: Agency) -> None:
    """Every difference that can be seen is drift then, and none that cannot."""
    shown = {"id": 5, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown))
    agency.declare({"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}})
    assert agency.run("drift").code == 0
    agency.declare({"externalId": "a", "name": "Ana"})
    assert agency.run("drift").code == 2


def test_who_is_gone_from_the_portal_is_drift(agency: Agency) -> None:
    """An agent who was applied and is not there any more."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a"}, {"externalId": "b"})
    agency.apply()
    agency.portal.state.load([user(1, externalId="a")])
    found = agency.run("drift")
    assert found.code == 2
    assert "was on the portal at the last apply" in found.out


@pytest.mark.parametrize("on_stale", ["fail", "skip"])
def test_a_stale_plan(agency: Agency, on_stale: str) -> None:
    """Somebody changed an agent that the plan changes, another way: refused whole (5), or that
    agent is left out (3). What is meanwhile as planned is done."""
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
    said = agency.run("apply", "--plan", path, "--yes", "--format", "json", "--on-stale", on_stale)
    names = [each.name for each in agency.truth().values()]
    if on_stale == "fail":
        assert said.code == 5
        assert said.out == ""
        assert "a-1" in said.err
        assert "name is not what it was" in said.err
        assert names == ["Other", "New", "Agent 3", "Agent 4"]
        assert all(call[0] == "GET" for call in agency.calls())
    else:
        assert said.code == 3
        assert names == ["Other", "New", "New", "Agent 4"]
        assert [each["key"] for each in said.json["results"] if each["status"] == "skipped"] == [
            "a-1"
        ]


def test_a_change_that_nobody_reviewed_is_stale(agency: Agency) -> None:
    """A file that changed after the plan was saved."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})
    path = str(agency.root / "plan.json")
    agency.run("plan", "--out", path)
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    said = agency.run("apply", "--plan", path, "--yes")
    assert said.code == 5
    assert "b: was not in the plan" in said.err


def test_a_killed_swap_is_finished_by_the_same_plan(agency: Agency) -> None:
    """After the first unlink alone, the saved plan goes the rest of the way."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    path = str(agency.root / "plan.json")
    agency.run("plan", "--out", path)
    agency.portal.state.load([user(1, externalId=None), user(2, externalId="a")])
    assert agency.run("apply", "--plan", path, "--yes").code == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


def test_one_failure_stops_only_what_depends_on_it(agency: Agency) -> None:
    """A swap whose unlink fails is skipped; the update is done; exit 3, all named with place."""
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
    done = agency.apply()
    assert done["exit"] == 3
    told = {(each["verb"], each["key"]): each["status"] for each in done["results"]}
    assert told == {
        ("unlink", "a"): "applied",
        ("unlink", "b"): "failed",
        ("link", "a"): "skipped",
        ("link", "b"): "skipped",
        ("update", "c"): "applied",
    }
    failed = next(each for each in done["results"] if each["status"] == "failed")
    assert failed["error"] == "Not today"
    assert failed["source"] == {"file": "agents/agents.yaml", "line": 3}
    agency.portal.state.before.clear()
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b", "c"]


def test_an_interruption_tells_what_is_done(agency: Agency, ctrl_c: Callable[[], None]) -> None:
    """Ctrl-C in the middle: exit 130, applied and skipped named, and the next run ends the job."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    seen = []

    async def interrupt(call: Any, response: Response) -> None:
        if call.method == "DELETE":
            seen.append(call)
            if len(seen) == 2:
                await asyncio.to_thread(ctrl_c)

    agency.portal.state.after.append(interrupt)
    said = agency.run("apply", "--yes", "--format", "json")
    agency.portal.state.after.clear()
    assert said.code == 130
    assert {each["status"] for each in said.json["results"]} >= {"applied", "skipped"}
    assert said.json["verified"] is None
    assert agency.apply()["exit"] == 0
    assert [each.external_id for each in agency.truth().values()] == ["a", "b"]


@pytest.mark.parametrize("listing", ["next", "total"])
def test_a_list_in_pages_is_read_whole(agency: Agency, listing: str) -> None:
    """A marker that there is more is followed."""
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


def test_of_a_list_that_is_not_whole_nobody_is_taken_for_absent(agency: Agency) -> None:
    """A portal that says there are more than it shows: no creation, no removal, a conflict."""
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
    """Another phone in the file is a warning that names both; another spacing is nothing."""
    agency.live(user(1, externalId="a", phone="+373 22 123 456"))
    agency.declare({"externalId": "a", "phone": "+37322123456"})
    assert agency.plan()["warnings"] == []
    agency.declare({"externalId": "a", "phone": "+37322123457"})
    plan = agency.plan()
    assert plan["requests"] == []
    assert "+373 22 123 456" in plan["warnings"][0]["message"]


def test_bulk_by_external_id(agency: Agency) -> None:
    """Where it is configured a bulk names agents by external id, after their links; an agent
    without one goes alone."""
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
        ("GET", "/users", 200),
        ("POST", "/users/2/link", 200),
        ("PUT", "/users", 200),
        ("POST", "/users/bulk", 200),
        ("GET", "/users", 200),
    ]
    bulk = next(each for each in plan["requests"] if each["path"] == "/users/bulk")
    assert [each["externalId"] for each in bulk["body"]["operations"]] == ["a", "b"]
    assert bulk["after"] == ["r1"]


def test_the_documented_limits_are_kept_without_a_refusal(agency: Agency) -> None:
    """A portal with a small window: the client waits for it, and meets no 429."""
    limits = type(FAST)(rate_limit=5, bulk_rate_limit=1, rate_window=1.0, bulk_limit=100)
    agency.live(*(user(number) for number in range(1, 9)), limits=limits)
    agency.declare(
        *({"id": number, "externalId": f"a-{number}", "name": "New"} for number in range(1, 9))
    )
    assert agency.apply()["exit"] == 0
    assert {status for *_, status in agency.calls()} == {200}


def test_a_key_is_in_no_output_and_no_data_is_changed_for_it(agency: Agency) -> None:
    """A portal that echoes the key in its messages; and an agent whose name is the key's word."""
    agency.live(user(1, externalId="a", name="sandbox"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "sandbox"}, {"externalId": "b", "name": "B"})
    assert [each["key"] for each in agency.plan()["agents"]] == ["b"]

    async def echo(call: Any) -> Response | None:
        if call.method == "GET" and len(told) == 1:
            told.clear()
            return JSONResponse({"statusCode": 401, "message": "No key sandbox here"}, 401)
        if call.method == "PUT":
            return JSONResponse({"statusCode": 400, "message": "Bad: ApiKey sandbox"}, 400)
        return None

    told = [1]
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


def test_a_creation_that_meets_somebody_is_a_failure(agency: Agency) -> None:
    """Between list and write somebody linked that id to an agent: their page was changed, and the
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
    done = agency.apply()
    assert done["exit"] == 3
    told = {each["key"]: each for each in done["results"]}
    assert (told["n1"]["status"], told["n2"]["status"]) == ("failed", "applied")
    assert "agent 15 already existed" in told["n1"]["error"]


@pytest.mark.parametrize(
    "marks",
    [
        {"meta": {"total": 2}},
        {"pagination": {"hasMore": True}},
        {"nextCursor": "x"},
        {"totalPages": 9},
        {"next_page_token": {"odd": 1}},
        {"total_count": "many"},
    ],
    ids=str,
)
def test_a_sign_that_there_is_more_is_not_passed_over(agency: Agency, marks: Any) -> None:
    """Whatever a portal calls it: nobody is created or removed by a list that may not be whole."""
    agency.live(user(1), readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare({"externalId": "n", "name": "N", "phone": "+373 60 111 222"})

    async def cut(call: Any, response: Response) -> Response | None:
        return JSONResponse({"items": [user(1)], **marks}) if call.method == "GET" else None

    agency.portal.state.after.append(cut)
    plan = agency.plan()
    assert plan["complete"] is False
    assert plan["summary"]["create"] == 0


def test_an_interruption_remembers_what_the_portal_cannot_say(agency: Agency) -> None:
    """Ctrl-C after the bulk: its pictures are not sent once more by the next run."""
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
    said = agency.run("apply", "--yes", "--format", "json")
    agency.portal.state.after.clear()
    assert said.code == 130
    assert {each["status"] for each in said.json["results"]} == {"applied"}
    assert agency.plan()["agents"] == []


def test_what_seemed_unknown_is_known_by_the_last_look(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bulk's answer was lost and the list that was to settle it failed; the check afterwards
    sees that all is as declared."""
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
    done = agency.apply()
    agency.portal.state.after.clear()
    assert done["exit"] == 0
    assert {each["status"] for each in done["results"]} == {"applied"}
    assert done["verified"]["as_declared"] == 2


def test_what_the_check_finds_undone_is_no_success(agency: Agency) -> None:
    """Every call succeeded, and then somebody undid one: exit 3, and it is named."""
    agency.live(user(1, externalId="a"), user(2))
    agency.declare({"externalId": "a", "name": "Ana"}, {"id": 2, "externalId": "b"})

    async def undo(call: Any, response: Response) -> None:
        if call.method == "PUT":
            agency.portal.state.load([user(1, externalId="a", name="Ana"), user(2)])

    agency.portal.state.after.append(undo)
    done = agency.apply()
    agency.portal.state.after.clear()
    assert done["exit"] == 3
    (difference,) = done["verified"]["differences"]
    assert (difference["key"], difference["path"]) == ("b", "externalId")


def test_a_picture_that_never_comes_is_told_also_over_an_old_one(agency: Agency) -> None:
    """A silent failure of the import: one warning naming agent and field, and no change planned."""
    shown = {"id": 3, "contentType": "image/jpeg", "variants": []}
    agency.live(user(1, externalId="a", avatar=shown), readings=Readings(avatar_import="never"))
    agency.declare({"externalId": "a", "avatar": {"url": "https://a.example/1.jpg"}})
    assert agency.apply()["exit"] == 0
    plan = agency.plan()
    assert plan["agents"] == []
    (warning,) = plan["warnings"]
    assert "does not show the new picture yet" in warning["message"]


def test_held_languages_go_along_with_their_text(agency: Agency) -> None:
    """A text is sent whole: where one language goes, no other is said to be held."""
    agency.live(user(1, externalId="a", description="alt"), readings=Readings(description="string"))
    agency.configure(unreadable="hold")
    agency.declare({"externalId": "a", "description": {"ru": "Раз", "en": "One"}})
    plan = agency.plan()
    assert plan["agents"] == []
    assert "held back" in plan["warnings"][0]["message"]
    agency.configure(unreadable="send")
    agency.apply()
    agency.configure(unreadable="hold")
    agency.declare({"externalId": "a", "description": {"ru": "Два", "en": "One", "ro": "Unu"}})
    (entry,) = agency.plan()["agents"]
    assert {each["path"] for each in entry["changes"]} == {"description.ru", "description.ro"}
    assert not [each for each in agency.plan()["warnings"] if "held" in each["message"]]


def test_an_edited_file_is_no_drift(agency: Agency) -> None:
    """From one text for all languages to one language, on a portal that shows each."""
    agency.live(user(1, externalId="a"), readings=Readings(description="object"))
    agency.declare({"externalId": "a", "description": "b"})
    agency.apply()
    agency.declare({"externalId": "a", "description": {"ro": "x"}})
    assert agency.run("drift").code == 0
    assert agency.plan()["agents"][0]["attribution"] == "pending"


def test_a_link_that_failed_is_no_drift_later(agency: Agency) -> None:
    """What was refused was never there to be undone."""
    agency.live(user(1, phone="+373 22 111 111"))
    agency.declare({"externalId": "a", "phone": "+373 22 111 111"}, {"externalId": "b"})

    async def refuse(call: Any) -> Response | None:
        return JSONResponse({"message": "No"}, 409) if call.method == "POST" else None

    agency.portal.state.before.append(refuse)
    assert agency.apply()["exit"] == 3
    agency.portal.state.before.clear()
    agency.configure(match=["id", "externalId", "phone"])
    assert [each["attribution"] for each in agency.plan()["agents"]] != ["drift"]


def test_an_agent_who_lost_the_external_id_is_named(agency: Agency) -> None:
    """Unlinked on the portal, and the file has no phone: who it was, and what to declare."""
    agency.live(user(1, externalId="a", name="Ana"))
    agency.declare({"externalId": "a"})
    agency.apply()
    agency.portal.state.load([user(1, name="Ana")])
    (warning,) = agency.plan()["warnings"]
    assert "was agent 1 Ana at the last apply" in warning["message"]
    assert "declare `id: 1`" in warning["message"]


def test_the_report_names_conflicts_and_waiting_agents(agency: Agency) -> None:
    """In JSON and, for a person, on standard error."""
    agency.live(user(1, phone="+37322111111"), user(2, phone="+37322111111"))
    agency.declare({"externalId": "a", "phone": "+37322111111"}, {"externalId": "w"})
    said = agency.run("apply", "--yes", "--format", "json")
    assert said.code == 3
    assert [each["key"] for each in said.json["conflicts"]] == ["a"]
    assert [each["key"] for each in said.json["warnings"]] == ["w"]
    assert said.json["summary"]["waiting"] == 1
    assert "fits 2 agents" in said.err


def test_a_report_that_cannot_be_written_stops_the_apply_before_it_sends(agency: Agency) -> None:
    """`--output` is looked at first."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    target = agency.root / "agents" / "agents.yaml" / "report.json"
    said = agency.run("apply", "--yes", "--output", str(target))
    assert said.code == 1
    assert "cannot be written" in said.err
    assert agency.truth()[1].name == "Agent 1"


def test_two_applies_keep_each_others_memory(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be locked, one apply ends between the plan and the end of another: the
    ledger has both."""
    monkeypatch.setattr(File, "lock", lambda *_: nullcontext(()))
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


def test_a_second_interruption_does_not_wait(agency: Agency, ctrl_c: Callable[[], None]) -> None:
    """The portal takes its time over a write: the first Ctrl-C waits for it, the second one does
    not; what is under way is unknown, and the ledger keeps what was done before."""
    agency.live(user(1, externalId="b"), user(2, externalId="a"))
    agency.declare({"id": 1, "externalId": "a"}, {"id": 2, "externalId": "b"})
    over = threading.Event()

    async def hang(call: Any) -> None:
        if call.method == "POST":
            await asyncio.to_thread(ctrl_c)
            await asyncio.to_thread(ctrl_c)
            await asyncio.to_thread(over.wait, 20)

    agency.portal.state.before.append(hang)
    said = agency.run("apply", "--yes", "--format", "json")
    over.set()
    agency.portal.state.before.clear()
    assert said.code == 130
    states = [each["status"] for each in said.json["results"]]
    assert states == ["applied", "applied", "unknown", "skipped"]
    assert "Once more, and it is not" in said.err
    assert agency.apply()["exit"] == 0


@pytest.mark.parametrize(
    ("answer", "code", "word"), [(False, 1, "Nothing was"), (None, 130, "Int")]
)
def test_a_no_and_a_ctrl_c_at_the_question_send_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, answer: bool | None, code: int, word: str
) -> None:
    """Asked on a terminal: no is 1, an interruption 130, and both say that nothing was sent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})

    def asked(*_: object, **__: object) -> bool:
        if answer is None:
            raise click.Abort
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", asked)
    said = agency.run("apply")
    assert said.code == code
    assert word in said.err
    assert [call[0] for call in agency.calls()] == ["GET"]


def test_a_defect_in_the_middle_still_remembers_what_was_done(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something breaks that nobody foresaw: it is raised, and the ledger has what was applied."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.configure(bulk=1)
    agency.declare(
        *({"externalId": key, "avatar": {"url": f"https://a.example/{key}.jpg"}} for key in "ab")
    )
    whole, done = Rentix.perform, []

    def breaks(portal: Rentix, step: Any) -> Any:
        if done:
            raise LookupError("a defect")
        done.append(step)
        return whole(portal, step)

    monkeypatch.setattr(Rentix, "perform", breaks)
    with pytest.raises(LookupError, match="a defect"):
        agency.run("apply", "--yes", "--force")
    monkeypatch.undo()
    assert [entry["key"] for entry in agency.plan()["agents"]] == ["b"]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_in_a_workflow_no_text_of_an_agent_is_a_command(agency: Agency, form: str) -> None:
    """Of neither syntax, at the start of no line and within none; and JSON stays what it says."""
    hostile = "##[error]x\n::error::y " + "z" * 90 + " ::set-output name=a::b ##[endgroup]"
    agency.live(user(1, externalId="::warning::a"))
    agency.declare({"externalId": "::warning::a", "description": hostile, "name": "::debug::n"})
    agency.environment["GITHUB_ACTIONS"] = "true"
    for said in (
        agency.run("plan", "--format", form),
        agency.run("apply", "--dry-run", "--format", form),
        agency.run("apply", "--yes", "--force", "--format", form),
        agency.run("drift", "--format", form),
    ):
        printed = said.out + said.err
        assert "##[" not in printed
        assert not [line for line in printed.splitlines() if line.lstrip().startswith("::")]
        if form == "json":
            assert json.loads(said.out)
