"""What one fault does to a run, over real HTTP: what is told, and what the next run does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agency import Agency, person, section, user
from starlette.responses import JSONResponse, Response

from reconciler.core.policy import Selection
from reconciler.engine import planning, session
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.readings import Readings
from reconciler.sandbox.state import Call


def spoil(agency: Agency, *numbers: int, **change: Any) -> None:
    """The lists of these numbers, counted from now, show the first agent otherwise; an agent that
    is `gone` is left out, with a total that counts them all."""
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
def test_a_list_that_is_odd_is_asked_for_again(agency: Agency, change: dict[str, Any]) -> None:
    """It may have been a slip, or somebody came between two pages."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})
    spoil(agency, 1, 2, **change)
    plan = agency.plan()
    assert [call[1] for call in agency.calls()].count("/users") == 3
    assert [each["key"] for each in plan["agents"]] == ["a"]
    assert plan["complete"] is True


def test_a_list_that_stays_odd_is_an_error_that_says_what(agency: Agency) -> None:
    """After three times nothing was read, and nothing is sent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    spoil(agency, *range(1, 10), name=5)
    said = agency.run("apply", "--yes", "--force")
    assert said.code == 1
    assert "Rentix shows name of agent 1 as int; that is not as documented." in said.err
    assert [call[0] for call in agency.calls()] == ["GET"] * 3


def test_a_check_of_a_part_of_the_agents_is_none(agency: Agency) -> None:
    """It is told that the outcome could not be checked, and not that all is as declared; what was
    sent is remembered as far as the portal cannot say it."""
    picture = {"url": "https://agency.example/a.jpg"}
    agency.live(user(1, externalId="a"), user(2, externalId="b"), readings=Readings())
    agency.declare({"externalId": "a", "avatar": picture, "name": "Ana"}, {"externalId": "b"})
    spoil(agency, 2, 3, 4, gone=True)
    done = agency.apply()
    assert done["notes"] == ["Could not verify the result: rentix listed only some of its agents."]
    assert done["verified"] is None
    assert [each["status"] for each in done["results"]] == ["applied"]
    agency.portal.state.after.clear()
    assert agency.plan()["requests"] == []


def test_who_is_found_by_the_check_is_told_by_the_right_id(agency: Agency) -> None:
    """The creation's answers and the looks for it were all lost: the list at the end shows who it
    is."""
    agency.live()
    agency.live_pf(person(1, email="user-1@agency.example"))
    agency.use(propertyfinder={})
    new = {"firstName": "Ana", "lastName": "Rusu", "mobile": "+373 69 123 456", "roleId": 3}
    agency.declare({"externalId": "a", "name": "Ana", "propertyfinder": section(9, **new)})

    async def lose(call: Call, response: Response) -> Response | None:
        """The user's own answers never arrive; a look is answered with nonsense."""
        if call.method == "POST" and call.path == "/v1/users":
            return Response("<html>Bad Gateway</html>", 502)
        return JSONResponse([]) if "email=" in call.path else None

    agency.portal.state.after[:] = [lose]
    done = agency.apply()
    (result,) = done["results"]
    assert (result["status"], result["id"]) == ("applied", 2)
    assert done["exit"] == 0


def test_a_run_that_is_to_end_while_it_reads_ends(agency: Agency) -> None:
    """Nothing is planned from a half of the portals."""
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


@pytest.mark.parametrize("seed", range(6))
def test_under_faults_an_apply_tells_the_truth_and_the_next_ones_finish(
    agency: Agency, seed: int
) -> None:
    """With real connections that really break: no kind that takes longer than a time-out, which
    the campaign has in simulated time."""
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
            done = agency.run("apply", "--yes", "--force", "--format", "json")
            truth = {agent.id: agent.name for agent in agency.truth().values()}
            results = done.json["results"] if done.out else []
            claimed = [each["id"] for each in results if each["status"] == "applied"]
            assert [truth[number] for number in claimed] == [f"Nou {each}" for each in claimed]
            if done.code == 0:
                break
        else:
            raise AssertionError(done)
    agency.portal.application.faults = None
    assert list(truth.values()) == [f"Nou {number}" for number in count]
    assert agency.plan()["agents"] == []
