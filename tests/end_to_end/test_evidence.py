"""A single observation proves nothing: lost writes, old lists, people who edit meanwhile and answers
about other agents, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rentix_truth
from agency import Agency, person, section, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox import propertyfinder
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.faults.target import Target
from reconciler.sandbox.readings import Readings
from reconciler.sandbox.state import Call

NEW = {"firstName": "Ana", "lastName": "Rusu", "mobile": "+373 69 123 456", "roleId": 3}
A_STATUS_AFTER_THE_EFFECT = ("303", "408", "421", "425", "499")


class Chosen(Faults):
    """Faults of one kind, for the first `times` requests that start with `METHOD /path`."""

    def __init__(self, request: str, kind: str, times: int = 1) -> None:
        super().__init__(1, 1, [kind])
        self.request, self.kind, self.times = request, kind, times

    def _draw(self, target: Target) -> str | None:
        if not self.times or not f"{target.call.method} {target.path}".startswith(self.request):
            return None
        self.times -= 1
        return self.kind


def fail(agency: Agency, request: str, kind: str, times: int = 1) -> Chosen:
    """Make requests fail; without a limit if `times` is -1."""
    agency.portal.application.faults = faults = Chosen(request, kind, times)
    return faults


@pytest.fixture(autouse=True)
def _no_faults_later_and_no_waiting(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Cancellation, "sleep", lambda cancellation, _: cancellation.check())
    yield
    agency.portal.application.faults = None


def after_write(agency: Agency, edit: Callable[[], None], times: int = 1) -> None:
    """Let a person edit the portal right after each of the next writes to an agent."""
    left = times

    async def edits(call: Call, response: Response) -> Response | None:
        nonlocal left
        if call.method != "GET" and "token" not in call.path and left:
            left -= 1
            edit()
        return None

    agency.portal.state.after[:] = [edits]


def change(agency: Agency, number: int, **values: Any) -> None:
    """Edit an agent of Rentix in the web interface."""
    agent = agency.truth()[number]
    for name, value in values.items():
        setattr(agent, name, value)
    agency.portal.state.store.save(agent)


def check_declared(agency: Agency, declared: dict[str, Any]) -> None:
    """Agent 1 of Rentix has the declared values."""
    agent = agency.truth()[1]
    assert agent.external_id == declared.get("externalId", agent.external_id)
    rentix_truth.declared_is_true(declared, agent, Readings())


def statuses(report: Any) -> list[str]:
    """The status of each result of a report."""
    return [each["status"] for each in report["results"]]


# -- lost writes ---------------------------------------------------------------------------------

LOST: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "name": ({"externalId": "a"}, {"externalId": "a", "name": "Ana"}, "PUT"),
    "switch": (
        {"externalId": "a"},
        {"externalId": "a", "settings": {"contact_phone": False}},
        "PUT",
    ),
    "link to a page": (
        {"externalId": "a"},
        {"externalId": "a", "instagram": "https://instagram.com/ana"},
        "PUT",
    ),
    "external id": ({}, {"id": 1, "externalId": "a"}, "POST /users/1/link"),
}
"""What is live, what is declared, and the write that is lost."""


@pytest.mark.parametrize("case", LOST)
def test_a_write_that_is_lost_once_is_resent(agency: Agency, case: str) -> None:
    """In the same apply; then the value is true, and no plan has it again."""
    live, declared, request = LOST[case]
    agency.live(user(1, **live))
    agency.declare(declared)
    fail(agency, request, "lost")
    report = agency.apply()
    assert (report["exit"], set(statuses(report))) == (0, {"applied"})
    check_declared(agency, declared)
    agency.portal.application.faults = None
    assert agency.plan()["requests"] == []
    assert agency.run("drift").code == 0


@pytest.mark.parametrize("times", [1, -1])
def test_an_unlink_that_is_lost(agency: Agency, times: int) -> None:
    """The portal refuses the link that waits for it: both are sent again, once."""
    declared = {"id": 1, "externalId": "a"}
    agency.live(user(1, externalId="b"))
    agency.declare(declared)
    fail(agency, "DELETE", "lost", times)
    report = agency.apply()
    unlink, link = "DELETE /users/1/link", "POST /users/1/link"
    sent = [" ".join(call[:2]) for call in writes(agency.calls())]
    if times == 1:
        assert (report["exit"], statuses(report)) == (0, ["applied", "applied"])
        assert sent == [unlink, link, unlink, link]
    else:
        assert (report["exit"], "applied" in statuses(report)) == (3, False)
        assert "external id b was restored" in report["results"][-1]["error"]
        assert sent == [unlink, link, unlink, link, link]
    agency.portal.application.faults = None
    agency.apply()
    check_declared(agency, declared)
    assert agency.plan()["requests"] == []


def test_an_empty_list_after_the_first_apply(agency: Agency) -> None:
    """Agents that were as declared are known all the same: a later edit is drift."""
    agency.live(user(1, externalId="a", name="Ana"), user(2, externalId="b", name="Old"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "New"})
    faults = fail(agency, "GET /users", "empty list", 0)

    async def begin(call: Any, _: Any) -> None:
        if call.method == "PUT":
            faults.times = -1

    agency.portal.state.after.append(begin)
    assert agency.apply()["exit"] == 0
    agency.portal.state.after.clear()
    agency.portal.application.faults = None
    change(agency, 1, name="Edited")
    assert agency.run("drift").code == 2


@pytest.mark.parametrize("answer", [None, "absent"])
def test_an_answer_that_lacks_a_value_is_no_evidence(agency: Agency, answer: Any) -> None:
    """The switch was lost, and one look-up does not show it at all: it is read again."""
    declared = {"externalId": "a", "settings": {"contact_phone": False}}
    agency.live(user(1, externalId="a"))
    agency.declare(declared)
    fail(agency, "PUT", "lost")
    seen: list[str] = []

    async def hide(call: Any, response: Response) -> Response | None:
        if call.method != "GET" or not call.path.endswith("/users/1") or seen:
            return None
        seen.append(call.path)
        body = json.loads(bytes(response.body))
        body["settings"]["contact_phone"] = None
        if answer == "absent":
            del body["settings"]["contact_phone"]
        return JSONResponse(body)

    agency.portal.state.after.append(hide)
    assert agency.apply()["exit"] == 0
    assert seen
    check_declared(agency, declared)


@pytest.mark.parametrize("case", LOST)
def test_a_write_that_is_always_lost_is_a_failure(agency: Agency, case: str) -> None:
    """It is sent twice, then reported; it is never recorded, so the next plan has it again."""
    live, declared, request = LOST[case]
    agency.live(user(1, **live))
    agency.declare(declared)
    planned = agency.plan()["requests"]
    agency.calls()
    fail(agency, request, "lost", -1)
    report = agency.apply()
    assert report["exit"] == 3
    assert "failed" in statuses(report)
    assert "not_taken" in json.dumps(report)
    sent = [call for call in writes(agency.calls()) if f"{call[0]} {call[1]}".startswith(request)]
    assert len(sent) == 2
    agency.portal.application.faults = None
    assert agency.plan()["requests"] == planned
    assert agency.apply()["exit"] == 0
    check_declared(agency, declared)


@pytest.mark.parametrize("how", ["isActive", "status"])
@pytest.mark.parametrize("times", [1, -1])
def test_a_lost_deactivation(agency: Agency, how: Any, times: int) -> None:
    """The agent must not stay on the listings without a word."""
    readings = propertyfinder.Readings(deactivate_by=how)
    agency.live_pf(person(1, email="user-1@agency.example"), readings=readings)
    agency.use(propertyfinder={"deactivate_by": how})
    agency.declare({"externalId": "a", "propertyfinder": section(1, status="inactive")})
    fail(agency, "PATCH /v1/users/1", "lost", times)
    report = agency.apply()
    agency.portal.application.faults = None
    if times == 1:
        assert (report["exit"], statuses(report)) == (0, ["applied"])
        assert agency.truth_pf()[1].status == "inactive"
        return
    assert (report["exit"], statuses(report)) == (3, ["failed"])
    assert len(agency.plan()["requests"]) == 1
    assert agency.apply()["exit"] == 0
    assert agency.truth_pf()[1].status == "inactive"


@pytest.mark.parametrize("kind", ["one operation lost", "half of the operations lost"])
@pytest.mark.parametrize("times", [1, -1])
def test_a_bulk_that_is_lost_in_part(agency: Agency, kind: str, times: int) -> None:
    """Only what was lost is resent."""
    count = range(1, 9)
    agency.live(*(user(number, externalId=f"a-{number}") for number in count))
    agency.declare(*({"externalId": f"a-{number}", "name": f"New {number}"} for number in count))
    fail(agency, "POST /users/bulk", kind, times)
    report = agency.apply()
    (_, _, body, _), *others = writes(agency.calls())
    lost = 1 if kind == "one operation lost" else 4
    assert len(body["operations"]) == 8
    assert len(others) == 1
    again = others[0][2]
    assert len(again.get("operations", [again])) == lost
    names = [agent.name for agent in agency.truth().values()]
    true = sum(name.startswith("New") for name in names)
    assert statuses(report).count("applied") == true
    assert report["exit"] == (0 if true == 8 else 3)
    agency.portal.application.faults = None
    assert len(agency.plan()["agents"]) == 8 - true


def test_one_lost_value_of_a_write(agency: Agency) -> None:
    """The others were taken; the lost one is resent, alone."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana", "tiktok": "https://tiktok.com/@ana"})
    fail(agency, "PUT", "one value lost")
    report = agency.apply()
    first, second = writes(agency.calls())
    assert (report["exit"], statuses(report)) == (0, ["applied"])
    assert len(second[2]) == len(first[2]) - 1
    agent = agency.truth()[1]
    assert (agent.name, agent.tiktok) == ("Ana", "https://tiktok.com/@ana")


def test_an_apply_whose_values_are_shown_at_once_costs_what_it_did(agency: Agency) -> None:
    """One list before it, one after it, and the write."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    agency.calls()
    assert agency.apply()["exit"] == 0
    calls = [call[:2] for call in agency.calls() if call[1] != "/agency"]
    assert calls == [("GET", "/users"), ("PUT", "/users"), ("GET", "/users")]


# -- people --------------------------------------------------------------------------------------


def test_a_person_edits_between_write_and_check(agency: Agency) -> None:
    """Their value is not taken for the portal's form of ours: ours is resent."""
    agency.live(user(1, externalId="a", name="Old"))
    agency.declare({"externalId": "a", "name": "Ana"})
    after_write(agency, lambda: change(agency, 1, name="Theirs"))
    report = agency.apply()
    assert (report["exit"], statuses(report)) == (0, ["applied"])
    assert agency.truth()[1].name == "Ana"
    change(agency, 1, name="Theirs")
    assert agency.run("drift").code == 2


def test_a_person_edits_after_both_writes(agency: Agency) -> None:
    """Each time to another value: reported, and planned again."""
    agency.live(user(1, externalId="a", name="Old"))
    agency.declare({"externalId": "a", "name": "Ana"})
    names = iter(("Theirs", "Hers"))
    after_write(agency, lambda: change(agency, 1, name=next(names)), 2)
    report = agency.apply()
    assert report["exit"] == 3
    assert agency.truth()[1].name == "Hers"
    assert len(agency.plan()["requests"]) == 1


def test_another_value_shown_twice_is_recorded(agency: Agency) -> None:
    """Exit 3 once. Until the file or the portal changes, each plan warns and drift reports it; once
    the portal shows anything else, the value is planned again."""
    agency.live(user(1, externalId="a", name="Old"))
    agency.declare({"externalId": "a", "name": "Ana"})

    async def replace(call: Any, _: Any) -> None:
        if call.method == "PUT":
            change(agency, 1, name="Moderated")

    agency.portal.state.after.append(replace)
    report = agency.apply()
    assert (report["exit"], report["results"][0]["code"]) == (3, "not_taken")
    assert "It is not sent again" in report["results"][0]["error"]
    for _ in range(2):
        plan = agency.plan()
        assert plan["agents"] == []
        assert "“Ana” was sent, but the portal shows “Moderated”" in plan["warnings"][0]["message"]
        drift = agency.run("drift")
        assert drift.code == 2
        assert "was sent; it is not sent again until" in " ".join(drift.out.split())
        assert agency.apply()["exit"] == 0
    change(agency, 1, name="Third")
    assert len(agency.plan()["agents"]) == 1
    agency.portal.state.after.clear()
    assert agency.apply()["exit"] == 0
    change(agency, 1, name="Moderated")
    assert len(agency.plan()["agents"]) == 1


def test_a_person_restores_the_former_value_between_write_and_check(agency: Agency) -> None:
    """It looks like a lost write, and is resent."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "settings": {"contact_phone": False}})
    former = dict(agency.truth()[1].settings)
    after_write(agency, lambda: change(agency, 1, settings=former))
    assert agency.apply()["exit"] == 0
    assert agency.truth()[1].settings["contact_phone"] is False


# -- old lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lists lag", "reads lag", "second node lags"])
@pytest.mark.parametrize("value", ["name", "switch"])
def test_an_old_list_hides_no_later_edit(agency: Agency, kind: str, value: str) -> None:
    """The check sees the former value; someone sets it again weeks later: that is drift."""
    _, declared, request = LOST[value]
    agency.live(user(1, externalId="a", name="Old"))
    agency.declare(declared)
    before = agency.truth()[1]
    fail(agency, request, kind)
    agency.apply()
    agency.portal.application.faults = None
    if agency.plan()["requests"]:
        agency.apply()
    assert agency.truth()[1] != before
    assert agency.run("drift").code == 0
    agency.portal.state.store.save(before)
    assert agency.run("drift").code == 2
    assert len(agency.plan()["requests"]) == 1


@pytest.mark.parametrize("kind", ["lists lag", "reads lag"])
def test_a_list_that_lags_behind_a_creation(agency: Agency, kind: str) -> None:
    """No agent is created twice, whatever the lists show."""
    agency.live(readings=Readings(creation="upsert"))
    agency.live_pf()
    agency.use(rentix={"create": "upsert"}, propertyfinder={})
    new = {"externalId": "a", "name": "Ana", "phone": "+373 60 000 001"}
    agency.declare({**new, "propertyfinder": section(9, **NEW)})
    fail(agency, "P", kind, -1)
    for _ in range(3):
        agency.run("apply", "--yes", "--force")
    agency.portal.application.faults = None
    agency.apply()
    assert [agent.external_id for agent in agency.truth().values()] == ["a"]
    assert [agent.email for agent in agency.truth_pf().values()] == ["user-9@agency.example"]
    assert agency.plan()["requests"] == []


@pytest.mark.parametrize("known", [True, False])
def test_one_empty_list_creates_no_one_again(agency: Agency, known: bool) -> None:
    """Known agents are looked up by id; without a ledger, it is over the limits."""
    agency.live(*(user(number) for number in range(1, 6)), readings=Readings(creation="upsert"))
    agency.configure(create="upsert")
    agency.declare(
        *(
            {"externalId": f"a-{number}", "name": f"A {number}", "phone": f"+373 60 {number:06d}"}
            for number in range(1, 6)
        )
    )
    if known:
        assert agency.apply()["exit"] == 0
    agency.calls()
    fail(agency, "GET /users", "empty list")
    assert agency.run("apply", "--yes").code == (0 if known else 1)
    assert writes(agency.calls()) == []
    assert len(agency.truth()) == 5


def test_a_creation_that_only_the_check_shows_is_recorded(agency: Agency) -> None:
    """Its response and the look-up were lost; an edit weeks later is drift."""
    agency.live()
    agency.live_pf(person(1, email="user-1@agency.example"))
    agency.use(propertyfinder={})
    other = {"externalId": "b", "propertyfinder": section(1, firstName="Ben")}
    phone = "+373 22 123 456"
    new = {"externalId": "a", "name": "Ana", "phone": phone, "propertyfinder": section(9, **NEW)}
    agency.declare(new, other)

    async def lose(call: Call, _: Response) -> Response | None:
        if call.method == "POST" and call.path == "/v1/users":
            return Response("<html>Bad Gateway</html>", 502)
        return Response("{}", 200) if "email=" in call.path else None

    agency.portal.state.after[:] = [lose]
    report = agency.apply()
    assert (report["exit"], set(statuses(report))) == (0, {"applied"})
    agency.portal.state.after.clear()
    assert agency.run("drift").code == 0
    created = agency.truth_pf()[2]
    created.first_name = "Theirs"
    agency.pf.users.save(created)
    assert agency.run("drift").code == 2


# -- other agents --------------------------------------------------------------------------------


def test_an_answer_that_names_another_agent_is_no_success(agency: Agency) -> None:
    """It fails, or reading settles it; it is never taken for a success of the other agent."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"})
    fail(agency, "PUT", "names another agent")
    report = agency.apply()
    assert [each["id"] for each in report["results"]] == [1]
    assert report["exit"] in (0, 3)
    assert (statuses(report) == ["applied"]) == (report["exit"] == 0)


def test_a_write_that_changed_another_agent(agency: Agency) -> None:
    """The answer hides it: the check shows that the declared agent lacks the value."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"})
    fail(agency, "PUT", "another agent changed")
    report = agency.apply()
    assert (report["exit"], agency.truth()[1].name) == (0, "Ana")


def test_a_read_that_shows_another_agent_settles_nothing(agency: Agency) -> None:
    """The write was lost, and the other agent has the declared value: the apply does not claim it."""
    agency.live(user(1, externalId="a"), user(2, externalId="b", name="Ana"))
    agency.declare({"externalId": "a", "name": "Ana"})

    async def both(call: Call) -> Response | None:
        """Lose the write; answer look-ups with the other agent."""
        if call.method == "PUT":
            return Response("<html>Bad Gateway</html>", 502)
        if call.path.endswith("/users/1"):
            shown = agency.portal.application.gates["/api/v1"].routes()
            by_id = next(each for each in shown if each.path == "/users/:id")
            return by_id.handler(Call("GET", "", ("2",), {}, None))
        return None

    agency.portal.state.before[:] = [both]
    report = agency.apply()
    assert statuses(report) != ["applied"]
    assert report["exit"] in (3, 4)


# -- statuses after the effect -------------------------------------------------------------------


@pytest.mark.parametrize("status", A_STATUS_AFTER_THE_EFFECT)
@pytest.mark.parametrize("done", [True, False])
def test_a_status_that_does_not_say_whether_it_was_done(
    agency: Agency, status: str, done: bool
) -> None:
    """Reading settles it: what was done is not sent again, what was not done is."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    fail(agency, "PUT", f"done, then {status}" if done else status)
    report = agency.apply()
    assert (report["exit"], statuses(report)) == (0, ["applied"])
    assert len(writes(agency.calls())) == (1 if done else 2)
    assert agency.truth()[1].name == "Ana"


@pytest.mark.parametrize("status", A_STATUS_AFTER_THE_EFFECT)
def test_a_read_is_retried_after_these_statuses(agency: Agency, status: str) -> None:
    """A plan does not fail because of one of them."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    fail(agency, "GET /users", status)
    assert len(agency.plan()["requests"]) == 1


# -- unlinks -------------------------------------------------------------------------------------


def test_an_unlink_of_an_id_that_a_person_set_meanwhile(agency: Agency) -> None:
    """The answer names their external id: it is linked again, and the unlink fails."""
    agency.live(user(1, externalId="old"))
    agency.declare({"id": 1, "externalId": "new"})

    async def edits(call: Call) -> Response | None:
        if call.method == "DELETE":
            change(agency, 1, external_id="theirs")
        return None

    agency.portal.state.before[:] = [edits]
    report = agency.apply()
    assert report["exit"] == 3
    assert agency.truth()[1].external_id == "theirs"
    assert "theirs" in json.dumps(report)


def test_an_external_id_that_a_person_gives_away_between_unlink_and_link(agency: Agency) -> None:
    """The link is refused, so the agent gets the former id back; the report says which."""
    agency.live(user(1, externalId="old"), user(2))
    agency.declare({"id": 1, "externalId": "new"})
    after_write(agency, lambda: change(agency, 2, external_id="new"))
    result = agency.run("apply", "--yes", "--force", "--format", "json")
    assert result.code == 3
    assert [agent.external_id for agent in agency.truth().values()] == ["old", "new"]
    assert "old" in json.dumps(result.json["results"])


# -- between list and write ----------------------------------------------------------------------


def test_a_person_edits_another_value_between_list_and_write(agency: Agency) -> None:
    """A write carries only what differs, so it stays."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})

    async def edits(call: Call) -> Response | None:
        if call.method == "PUT":
            change(agency, 1, tiktok="https://tiktok.com/@theirs")
        return None

    agency.portal.state.before[:] = [edits]
    assert agency.apply()["exit"] == 0
    agent = agency.truth()[1]
    assert (agent.name, agent.tiktok) == ("Ana", "https://tiktok.com/@theirs")


def test_a_process_that_is_paused_beyond_its_session(agency: Agency) -> None:
    """Between the list and the first write: it logs in again."""
    agency.live_pf(person(1, email="user-1@agency.example"))
    agency.use(propertyfinder={})
    agency.declare({"externalId": "a", "propertyfinder": section(1, firstName="Ana")})

    async def pause(call: Call, _: Response) -> Response | None:
        if call.method == "GET":
            agency.pf.tokens.clear()
        return None

    agency.portal.state.after[:] = [pause]
    assert agency.apply()["exit"] == 0
    assert agency.truth_pf()[1].first_name == "Ana"


def test_a_cut_list_turns_no_update_into_a_creation(agency: Agency) -> None:
    """Nothing is known of the agent yet, and the list omits them once. A creation would switch
    their contact channels on."""
    settings = {**user(1)["settings"], "contact_viber": False}
    agency.live(
        user(1, externalId="a", settings=settings), user(2), readings=Readings(creation="upsert")
    )
    agency.use(rentix={"create": "upsert"})
    agency.declare(
        {"externalId": "a", "name": "Ana", "phone": "+373 69 131 313"},
        {"externalId": "b", "name": "Boris", "phone": "+373 69 141 414"},
    )
    cut = [True]

    async def cut_short(call: Any, response: Any) -> Any:
        if call.method == "GET" and call.path.endswith("/users") and cut and cut.pop():
            items = json.loads(bytes(response.body))["items"]
            return JSONResponse({"items": items[1:]})
        return None

    agency.portal.state.after.append(cut_short)
    report = agency.apply()
    assert [(each["key"], each["status"]) for each in report["results"]] == [
        ("a", "failed"),
        ("b", "applied"),
    ]
    assert "agent 1 Agent 1 already has the externalId a" in report["results"][0]["error"]
    assert report["exit"] == 3
    assert agency.apply()["exit"] == 0
    agent = agency.truth()[1]
    assert (agent.name, agent.settings["contact_viber"]) == ("Ana", False)
