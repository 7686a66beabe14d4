"""What a fault does to a run, over real HTTP: the report, and the next run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agency import Agency, person, section, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.core.selection import Selection
from reconciler.engine import planning, session
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.readings import Readings
from reconciler.sandbox.state import Call


def spoil(agency: Agency, *numbers: int, **change: Any) -> None:
    """In the lists of these numbers, counted from now, change the first agent; a `gone` agent is
    left out, and the total still counts it."""
    seen = 0

    async def spoiled(call: Call, response: Response) -> Response | None:
        nonlocal seen
        path, _, query = call.path.partition("?")
        if call.method != "GET" or not path.endswith("/users"):
            return None
        seen += not query  # a further page belongs to the same reading
        if seen not in numbers:
            return None
        document = json.loads(bytes(response.body))
        if change.get("gone"):
            document["total"] = len(document["items"])
            del document["items"][0]
        else:
            document["items"][0] |= change
        return JSONResponse(document)

    agency.portal.state.after[:] = [spoiled]


@pytest.mark.parametrize("change", [{"name": 5}, {"avatar": {"id": "7"}}, {"gone": True}], ids=str)
def test_an_inconsistent_list_is_read_again(agency: Agency, change: dict[str, Any]) -> None:
    """It may be a glitch, or agents came between two pages."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})
    spoil(agency, 1, 2, **change)
    plan = agency.plan()
    assert [call[1] for call in agency.calls()].count("/users") == 3
    assert [each["key"] for each in plan["agents"]] == ["a"]
    assert plan["complete"] is True


def test_a_list_that_stays_inconsistent_is_an_error(agency: Agency) -> None:
    """After three attempts; it names the problem, and nothing is sent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    spoil(agency, *range(1, 10), name=5)
    result = agency.run("apply", "--yes", "--force")
    assert result.code == 1
    assert "Rentix shows name of agent 1 in an undocumented format" in result.err
    users = [call[1] for call in agency.calls() if call[1] != "/agency"]
    assert users == ["/users"] * 3


def test_an_incomplete_list_verifies_nothing(agency: Agency) -> None:
    """The report says that the result could not be verified, and not that all is as declared. What
    was sent and cannot be read back is recorded."""
    picture = {"url": "https://agency.example/a.jpg"}
    agency.live(user(1, externalId="a"), user(2, externalId="b"), readings=Readings())
    agency.declare({"externalId": "a", "avatar": picture, "name": "Ana"}, {"externalId": "b"})
    spoil(agency, 2, 3, 4, gone=True)
    report = agency.apply()
    assert report["notes"] == [
        "Could not verify the result: rentix returned an incomplete list of its agents."
    ]
    assert report["verified"] is None
    assert [each["status"] for each in report["results"]] == ["applied"]
    agency.portal.state.after.clear()
    assert agency.plan()["requests"] == []


def test_the_check_settles_an_unknown_creation(agency: Agency) -> None:
    """The responses to the creation and to the lookups were lost: the list after the apply has the
    id."""
    agency.live()
    agency.live_pf(person(1, email="user-1@agency.example"))
    agency.use(propertyfinder={})
    new = {"firstName": "Ana", "lastName": "Rusu", "mobile": "+373 69 123 456", "roleId": 3}
    phone = "+373 22 123 456"
    agency.declare(
        {"externalId": "a", "name": "Ana", "phone": phone, "propertyfinder": section(9, **new)}
    )

    async def lose(call: Call, response: Response) -> Response | None:
        """Lose the response to the creation; a lookup finds no one."""
        if call.method == "POST" and call.path == "/v1/users":
            return Response("<html>Bad Gateway</html>", 502)
        return JSONResponse([]) if "email=" in call.path else None

    agency.portal.state.after[:] = [lose]
    report = agency.apply()
    (result,) = report["results"]
    assert (result["status"], result["id"]) == ("applied", 2)
    assert report["exit"] == 0


def test_a_run_cancelled_while_reading_ends(agency: Agency) -> None:
    """No plan is made from some of the portals."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    repository = session.open_repository(agency.root, None)
    cancellation = Cancellation()
    cancellation.request()
    environment = {"RENTIX_URL": agency.portal.url, "RENTIX_API_KEY": agency.portal.state.key}
    world = session.Runtime(cancellation)
    with (
        pytest.raises(Interrupted),
        planning.open_planner(repository, environment, Selection(), runtime=world),
    ):
        pass
    assert agency.calls() == []


@pytest.mark.parametrize("count", [1, 3], ids=["put", "bulk"])
@pytest.mark.parametrize("status", [303, 408, 421, 425, 499])
def test_a_status_after_the_effect_is_settled_by_reading(
    agency: Agency, status: int, count: int
) -> None:
    """The write took effect, so it is not sent again and not reported as failed. The list is read
    again under the same status."""
    numbers = range(1, count + 1)
    agency.live(*(user(number, externalId=f"a-{number}") for number in numbers))
    agency.declare(*({"externalId": f"a-{n}", "name": f"Nou {n}"} for n in numbers))
    spoiled: set[str] = set()

    async def spoil_once(call: Call, _: Response) -> Response | None:
        if call.method in spoiled:
            return None
        spoiled.add(call.method)
        return JSONResponse({"message": "Try again"}, status, {"Location": "/elsewhere"})

    agency.portal.state.after.append(spoil_once)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cancellation, "sleep", lambda cancellation, _: cancellation.check())
        report = agency.apply()
    assert report["exit"] == 0
    assert [each["status"] for each in report["results"]] == ["applied"] * count
    assert len(writes(agency.calls())) == 1


@pytest.mark.parametrize("seed", range(6))
def test_an_apply_under_faults_reports_the_truth(agency: Agency, seed: int) -> None:
    """Real connections that break, and later applies that finish. Faults that take longer than a
    timeout are in the campaign, in simulated time."""
    quick = [
        *("500", "503", "dropped", "done, then 500", "done, then dropped", "truncated"),
        *("done, then 200 with HTML", "200 with HTML", "half done, then 500 with results"),
        *("result missing", "result repeated", "results reordered", "wrong type"),
    ]
    count = range(1, 13)
    agency.live(*(user(number, externalId=f"a-{number}") for number in count))
    agency.configure(bulk=4)
    agency.declare(*({"externalId": f"a-{n}", "name": f"Nou {n}", "tiktok": None} for n in count))
    agency.portal.application.faults = Faults(seed, 0.3, quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cancellation, "sleep", lambda cancellation, _: cancellation.check())
        for _ in range(8):
            report = agency.run("apply", "--yes", "--force", "--format", "json")
            truth = {agent.id: agent.name for agent in agency.truth().values()}
            results = report.json["results"] if report.out else []
            claimed = [each["id"] for each in results if each["status"] == "applied"]
            assert [truth[number] for number in claimed] == [f"Nou {each}" for each in claimed]
            if report.code == 0:
                break
        else:
            raise AssertionError(report)
    agency.portal.application.faults = None
    assert list(truth.values()) == [f"Nou {number}" for number in count]
    assert agency.plan()["agents"] == []
