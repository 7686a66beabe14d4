"""The rules for every plan and apply on Property Finder, and on both portals at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from agency import PF_FAST, PREFIX, Agency, person, section, user, writes
from starlette.responses import JSONResponse, Response

from reconciler.net import transport
from reconciler.sandbox.propertyfinder import Limits, Readings

NO_LIMIT = {"floor": 100_000}
LIST = "/v1/users?page=1&perPage=100"
GONE = "http://127.0.0.1:1"
"""An address without a server."""
NEW = {
    "externalId": "n",
    "name": "Nou Agent",
    "phone": "+373 22 131 313",
    "propertyfinder": {
        "email": "nou+1@agency.example",
        "firstName": "Nou",
        "lastName": "Agent",
        "mobile": "+373 69 131 313",
        "roleId": 3,
        "bio": "Sells.",
        "spokenLanguages": ["en", "ro"],
    },
}


def wire(body: Any) -> str:
    """A body as the program sends it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def only_there(number: int, **values: Any) -> dict[str, Any]:
    """The file of an agent on Property Finder alone."""
    return {"externalId": f"a-{number}", "propertyfinder": section(number, **values)}


def is_rentix(call: Any) -> bool:
    """Whether a call is to Rentix."""
    return call.path.startswith(PREFIX)


def is_write(call: Any) -> bool:
    """Whether a call may change an agent."""
    return call.method != "GET" and "token" not in call.path


def statuses(report: Any) -> dict[tuple[str, str], str]:
    """The status of each agent on each portal, by its last operation."""
    return {(each["portal"], each["key"]): each["status"] for each in report["results"]}


@pytest.fixture
def pf(agency: Agency) -> Agency:
    """Property Finder alone, without limits."""
    agency.use(propertyfinder={}, limits=NO_LIMIT)
    return agency


@pytest.fixture
def both(agency: Agency) -> Agency:
    """Both portals with three agents each, declared as they are."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in (1, 2, 3)))
    agency.live_pf(*(person(number) for number in (1, 2, 3)))
    agency.use(rentix={}, propertyfinder={})
    agency.declare(
        *({"externalId": f"a-{number}", "propertyfinder": section(number)} for number in (1, 2, 3))
    )
    return agency


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)


def renamed(both: Agency, name: str = "New Name") -> None:
    """All three agents get another name on both portals."""
    both.declare(
        *(
            {"externalId": f"a-{number}", "name": name, "propertyfinder": section(number)}
            for number in (1, 2, 3)
        )
    )


def names(both: Agency) -> tuple[list[str], list[str]]:
    """The public names on Rentix and on Property Finder."""
    return (
        [agent.name for agent in both.truth().values()],
        [(each.profile or {})["name"] for each in both.truth_pf().values()],
    )


# ---------------------------------------------------------------------------- minimal requests


def test_no_changes_take_one_token_and_one_list(pf: Agency) -> None:
    """Users that are already correct cost nothing, in a plan and in an apply."""
    pf.live_pf(*(person(number) for number in range(1, 41)))
    pf.declare(*(only_there(number, firstName="User", status="active") for number in range(1, 41)))
    plan = pf.plan()
    expected = [("POST", "/v1/auth/token"), ("GET", LIST)]
    assert [call[:2] for call in pf.calls()] == expected
    assert (plan["summary"]["unchanged"], plan["agents"]) == (40, [])
    report = pf.apply()
    assert [call[:2] for call in pf.calls()] == expected
    assert report["verified"] == {"agents": 40, "as_declared": 40, "differences": []}


def test_only_the_parts_that_differ_are_patched(pf: Agency) -> None:
    """The private part of one user, the public part of another, both of a third, none of the
    last."""
    pf.live_pf(*(person(number, bio={"primary": "a", "secondary": "b"}) for number in range(1, 5)))
    pf.declare(
        only_there(1, mobile="+373 60 111 111", firstName="User", bio="a"),
        only_there(2, mobile="+373 69 000002", bio="new"),
        only_there(3, lastName="Trei", roleId=2, whatsappPhone="+373 60 333 333", nationality="MD"),
        only_there(4, bio={"primary": "a", "secondary": "b"}, compliances=[], avatar=None),
    )
    assert pf.apply()["exit"] == 0
    profile = {number: each.profile_id for number, each in pf.truth_pf().items()}
    assert writes(pf.calls()) == [
        ("PATCH", "/v1/users/1", {"mobile": "+373 60 111 111"}, 204),
        (
            "PATCH",
            f"/v1/public-profiles/{profile[2]}",
            {"bio": {"primary": "new", "secondary": "b"}},
            204,
        ),
        ("PATCH", "/v1/users/3", {"lastName": "Trei", "roleId": "2"}, 204),
        (
            "PATCH",
            f"/v1/public-profiles/{profile[3]}",
            {"whatsappPhone": "+373 60 333 333", "nationality": "MD"},
            204,
        ),
    ]


def test_all_pages_of_users_are_read(pf: Agency) -> None:
    """Each once, and a user on the last page is matched."""
    pf.live_pf(*(person(number) for number in range(1, 251)))
    pf.declare(only_there(1), only_there(250, mobile="+373 60 111 111"))
    plan = pf.plan()
    assert plan["complete"] is True
    assert [call[1] for call in pf.calls()] == [
        "/v1/auth/token",
        *(f"/v1/users?page={page}&perPage=100" for page in (1, 2, 3)),
    ]
    assert [each["key"] for each in plan["agents"]] == ["a-250"]
    assert pf.apply()["exit"] == 0
    assert pf.truth_pf()[250].mobile == "+373 60 111 111"


def test_a_dry_run_shows_what_an_apply_sends(both: Agency) -> None:
    """On both portals, in each portal's order, byte for byte; the dry run writes nothing."""
    renamed(both, "Новое “имя”")
    both.declare(NEW, only_there(4, bio={"secondary": "x"}, status="inactive"), file="more.yaml")
    before = both.truth(), both.truth_pf()
    both.live_pf(*(person(number) for number in (1, 2, 3, 4)))
    before = both.truth(), both.truth_pf()
    both.calls()
    announced = both.run("apply", "--dry-run", "--format", "json")
    assert announced.code == 0, announced.err
    assert (both.truth(), both.truth_pf()) == before
    assert writes(both.calls()) == []
    sent: dict[bool, list[tuple[str, str, str]]] = {True: [], False: []}

    async def listen(call: Any) -> None:
        if is_write(call):
            path = call.path.removeprefix(PREFIX)
            sent[is_rentix(call)].append((call.method, path, wire(call.body)))

    both.portal.state.before.append(listen)
    assert both.apply()["exit"] == 0
    result = [
        (each["method"], each["path"], wire(each["body"])) for each in announced.json["requests"]
    ]
    assert sent[True] + sent[False] == result
    assert len(sent[True]) == 1  # a bulk
    assert len(sent[False]) == 6


# ---------------------------------------------------------------------------- creations


def test_a_creation_takes_one_call_and_records_both_ids(pf: Agency) -> None:
    """User and public profile in one POST; both ids are in the report and the ledger, and the next
    plan is empty."""
    pf.live_pf(person(1))
    pf.declare(NEW)
    plan = pf.plan()
    assert (plan["summary"]["create"], plan["summary"]["requests"]) == (1, 1)
    pf.calls()
    report = pf.apply()
    (post,) = writes(pf.calls())
    assert post[:2] == ("POST", "/v1/users")
    assert post[2] == {
        "email": "nou+1@agency.example",
        "firstName": "Nou",
        "lastName": "Agent",
        "mobile": "+373 69 131 313",
        "roleId": 3,
        "publicProfile": {
            "name": "Nou Agent",
            "email": "nou+1@agency.example",
            "phone": "+373 22 131 313",
            "bio": {"primary": "Sells."},
            "spokenLanguages": [1, 34],
        },
    }
    created = pf.truth_pf()[2]
    (result,) = report["results"]
    assert result["ids"] == {"id": 2, "publicProfileId": created.profile_id}
    [recorded] = json.loads(pf.ledger.read_text("utf-8"))["portals"]["propertyfinder"]
    assert str(created.profile_id) in json.dumps(recorded)
    assert list(recorded["agents"]) == ["2"]
    assert pf.plan()["agents"] == []
    result = pf.run("apply", "--yes")
    assert result.code == 0


def test_a_creation_is_reported_with_both_ids(pf: Agency) -> None:
    """In text, too."""
    pf.declare(NEW)
    result = pf.run("apply", "--yes", "--force")
    assert result.code == 0
    assert f"id 1, publicProfileId {pf.truth_pf()[1].profile_id}" in result.out


def test_a_creation_with_missing_values_waits(pf: Agency) -> None:
    """The missing values are named, and nothing is sent."""
    pf.declare({"externalId": "n", "propertyfinder": {"email": "n@agency.example"}})
    plan = pf.plan()
    assert (plan["requests"], plan["summary"]["waiting"]) == ([], 1)
    message = plan["warnings"][0]["message"]
    assert all(name in message for name in ("firstName", "lastName", "mobile", "roleId", "name"))
    assert pf.apply()["exit"] == 0


@pytest.mark.parametrize("done_already", [True, False])
@pytest.mark.parametrize("how", [502, 504, "empty"])
def test_no_user_is_created_twice(
    pf: Agency, no_waiting: None, how: int | str, done_already: bool
) -> None:
    """The response to a POST is lost, after its effect or before: a lookup by e-mail settles it,
    and the POST is sent again only if there is no such user."""
    pf.live_pf(person(1))
    pf.declare(NEW)
    lost = JSONResponse({}, how) if isinstance(how, int) else Response(status_code=200)
    left = [1]

    async def after(call: Any, response: Response) -> Response | None:
        return lost if call.method == "POST" and is_write(call) and left and left.pop() else None

    async def before(call: Any) -> Response | None:
        return lost if call.method == "POST" and is_write(call) and left and left.pop() else None

    hooks = pf.portal.state.after if done_already else pf.portal.state.before
    hooks.append(after if done_already else before)  # type: ignore[arg-type]
    report = pf.apply()
    assert report["exit"] == 0, report
    calls = [call[:2] for call in pf.calls()]
    inactive = ("GET", f"{LIST}&status=inactive")  # the new one may be among those
    asked = ("GET", f"{LIST}&email=nou%2B1%40agency.example")
    post = ("POST", "/v1/users")
    middle = [post, asked] if done_already else [post, asked, post]
    assert calls == [("POST", "/v1/auth/token"), ("GET", LIST), inactive, *middle, ("GET", LIST)]
    assert [each.email for each in pf.truth_pf().values()][1:] == ["nou+1@agency.example"]
    (result,) = report["results"]
    assert (result["status"], result["id"]) == ("applied", 2)
    assert result["ids"]["publicProfileId"] == pf.truth_pf()[2].profile_id
    assert pf.plan()["agents"] == []


def test_an_unknown_creation_is_settled_by_the_next_run(pf: Agency, no_waiting: None) -> None:
    """The response is lost and the portal cannot be read: exit 4, and the next run finds the user,
    once."""
    pf.declare(NEW)
    dead: list[int] = []

    async def after(call: Any, response: Response) -> Response | None:
        if is_write(call):
            dead.append(1)
        return JSONResponse({}, 503) if dead else None

    pf.portal.state.after.append(after)
    report = pf.apply()
    assert (report["exit"], statuses(report)) == (4, {("propertyfinder", "n"): "unknown"})
    pf.portal.state.after.clear()
    assert pf.apply()["exit"] == 0
    assert len(pf.truth_pf()) == 1
    assert pf.plan()["agents"] == []


# ---------------------------------------------------------------------------- matching


def test_a_lost_ledger_is_rebuilt_by_email(pf: Agency) -> None:
    """All users are matched again, none is created, and only what cannot be read is sent again."""
    pf.live_pf(person(1))
    pf.declare(NEW, {**only_there(1), "avatar": {"url": "https://agency.example/1.jpg"}})
    assert pf.apply()["exit"] == 0
    recorded = json.loads(pf.ledger.read_text("utf-8"))
    pf.ledger.unlink()
    new, entry = pf.plan()["agents"]
    assert (entry["key"], entry["matched_by"]) == ("a-1", "email")
    assert [change["kind"] for change in entry["changes"]] == ["unreadable"]
    assert new["matched_by"] == "email"
    assert {change["kind"] for change in new["changes"]} == {"unreadable"}
    assert pf.apply()["exit"] == 0
    again = json.loads(pf.ledger.read_text("utf-8"))
    agents = [each["portals"]["propertyfinder"][0]["agents"] for each in (recorded, again)]
    assert agents[0].keys() == agents[1].keys()
    assert "publicProfileId" in json.dumps(agents[1])
    assert pf.plan()["agents"] == []


def test_a_user_with_an_edited_email_is_matched_by_the_ledger(pf: Agency) -> None:
    """The user of the last apply gets the new login and the public address."""
    pf.live_pf(person(1), person(2))
    pf.declare(only_there(1), only_there(2))
    assert pf.apply()["exit"] == 0
    pf.declare(
        {"externalId": "a-1", "propertyfinder": {"email": "new@agency.example"}}, only_there(2)
    )
    (entry,) = pf.plan()["agents"]
    assert (entry["id"], entry["matched_by"], entry["actions"]) == (1, "ledger", ["update"])
    assert pf.apply()["exit"] == 0
    assert pf.truth_pf()[1].email == "new@agency.example"
    assert pf.plan()["agents"] == []


def pinned(number: int, email: str) -> dict[str, Any]:
    """A file that pins a user and declares its login."""
    login = {"id": number, "email": f"{email}@agency.example", "publicEmail": "x@agency.example"}
    return {"externalId": f"a-{number}", "propertyfinder": login}


def test_an_email_can_change_hands(pf: Agency) -> None:
    """One user gives a login up and another takes it, in this order, whatever the order of the
    files."""
    pf.live_pf(person(1, email="a@agency.example"), person(2, email="b@agency.example"))
    pf.declare(pinned(2, "a"), pinned(1, "new"))
    requests = pf.plan()["requests"]
    assert pf.apply()["exit"] == 0
    assert [each.email[0] for each in pf.truth_pf().values()] == ["n", "a"]
    assert all(call[3] < 300 for call in pf.calls())
    waits = {each["path"]: each["after"] for each in requests}
    ids = {each["path"]: each["id"] for each in requests}
    assert waits["/v1/users/2"] == [ids["/v1/users/1"]]
    assert pf.plan()["agents"] == []


def test_a_chain_of_emails(pf: Agency) -> None:
    """Four in a row, the last takes a free one; and a new user takes the login of another."""
    pf.live_pf(*(person(at, email=f"{name}@agency.example") for at, name in enumerate("abcd", 1)))
    created = {**NEW, "propertyfinder": {**NEW["propertyfinder"], "email": "a@agency.example"}}  # type: ignore[dict-item]
    pf.declare(created, pinned(1, "b"), pinned(2, "c"), pinned(3, "d"), pinned(4, "e"))
    report = pf.apply()
    assert report["exit"] == 0, report
    assert [each.email[0] for each in pf.truth_pf().values()] == ["b", "c", "d", "e", "a"]
    assert all(call[3] < 300 for call in pf.calls())
    assert pf.plan()["agents"] == []


def test_a_swap_of_emails_is_a_conflict(pf: Agency) -> None:
    """Two logins cannot be swapped in one apply: both conflicts say what to do, and the rest is
    applied."""
    pf.live_pf(person(1, email="a@agency.example"), person(2, email="b@agency.example"), person(3))
    pf.declare(pinned(1, "b"), pinned(2, "a"), only_there(3, firstName="Trei"))
    plan = pf.plan()
    assert {each["key"] for each in plan["conflicts"]} == {"a-1", "a-2"}
    assert all("in a cycle" in each["reason"] for each in plan["conflicts"])
    assert pf.apply()["exit"] == 3
    assert [each.email[0] for each in pf.truth_pf().values()] == ["a", "b", "u"]
    assert pf.truth_pf()[3].first_name == "Trei"
    assert all(call[3] < 300 for call in pf.calls())


def test_an_email_of_an_undeclared_user_is_a_conflict(pf: Agency) -> None:
    """It is not taken over. Half of a change of hands under --target names the other half."""
    pf.live_pf(person(1), person(2, email="b@agency.example"))
    pf.declare(pinned(1, "b"))
    (conflict,) = pf.plan()["conflicts"]
    assert "no file declares that agent" in conflict["reason"]
    pf.declare(pinned(1, "b"), pinned(2, "c"))
    (conflict,) = pf.plan("--target", "a-1")["conflicts"]
    assert "a-2" in conflict["reason"]
    assert pf.apply("--target", "a-1")["exit"] == 3
    assert pf.apply()["exit"] == 0


def test_a_user_without_a_public_profile_is_a_conflict(pf: Agency) -> None:
    """Nothing public can be set for such a user; private values can."""
    pf.live_pf(person(1, publicProfile=None), person(2, publicProfile=None))
    pf.declare(
        {"externalId": "a-1", "propertyfinder": {"id": 1, "mobile": "+373 60 111 111"}},
        only_there(2, bio="x"),
    )
    plan = pf.plan()
    (conflict,) = plan["conflicts"]
    assert (conflict["key"], "no public profile" in conflict["reason"]) == ("a-2", True)
    assert pf.apply()["exit"] == 3
    assert pf.truth_pf()[1].mobile == "+373 60 111 111"
    assert pf.truth_pf()[2].profile is None


# ---------------------------------------------------------------------------- deactivations


def test_a_deactivation_and_an_activation_are_warnings(pf: Agency) -> None:
    """The plan shows an action and a warning, in JSON and in text."""
    pf.live_pf(person(1), person(2, status="inactive"), person(3, status="inactive"))
    pf.declare(
        only_there(1, status="inactive", firstName="Ana"),
        only_there(2, status="active"),
        only_there(3),
    )
    plan = pf.plan()
    assert plan["summary"]["deactivate"] == 1
    warned = {each["key"]: each["message"] for each in plan["warnings"]}
    assert "takes them off all listings" in warned["a-1"]
    assert "will be activated" in warned["a-2"]
    assert "inactive on the portal" in warned["a-3"]
    assert [each["actions"] for each in plan["agents"]] == [["deactivate", "update"], ["update"]]
    result = pf.run("plan")
    assert "off all listings" in " ".join(result.out.split())
    assert "deactivate" in result.out
    assert pf.apply()["exit"] == 0
    assert writes(pf.calls()) == [
        ("PATCH", "/v1/users/1", {"firstName": "Ana", "isActive": False}, 204),
        ("PATCH", "/v1/users/2", {"isActive": True}, 204),
    ]
    assert [each.status for each in pf.truth_pf().values()] == ["inactive", "active", "inactive"]
    assert pf.plan()["agents"] == []


@pytest.mark.parametrize("gone", ["section", "file"])
def test_an_agent_that_is_no_longer_declared_there(both: Agency, gone: str) -> None:
    """The section is removed, or the whole file: reported, or with `on_removed: deactivate`
    deactivated. On Rentix nothing changes for an agent whose section was removed."""
    both.apply()
    rest = [{"externalId": f"a-{each}", "propertyfinder": section(each)} for each in (1, 2)]
    left = [*rest, {"externalId": "a-3"}] if gone == "section" else rest
    both.declare(*left)
    plan = both.plan()
    assert plan["requests"] == []
    warned = [(each["portal"], each["key"]) for each in plan["warnings"]]
    assert ("propertyfinder", "a-3") in warned
    assert (("rentix", "a-3") in warned) == (gone == "file")
    both.use(rentix={}, propertyfinder={"on_removed": "deactivate"})
    plan = both.plan()
    (entry,) = plan["agents"]
    assert (entry["portal"], entry["actions"]) == ("propertyfinder", ["deactivate"])
    assert any("off all listings" in each["message"] for each in plan["warnings"])
    both.calls()
    assert both.apply()["exit"] == 0
    assert [call[1:3] for call in writes(both.calls())] == [("/v1/users/3", {"isActive": False})]
    assert both.truth_pf()[3].status == "inactive"
    assert both.plan()["agents"] == []


def test_the_limit_of_removals_stops_a_deactivation(pf: Agency) -> None:
    """Two of ten is over 10%: nothing is sent; from a saved plan that shows it, it is applied."""
    pf.use(propertyfinder={"on_removed": "deactivate"})
    pf.live_pf(*(person(number) for number in range(1, 13)))
    pf.declare(*(only_there(number) for number in range(1, 13)))
    assert pf.apply()["exit"] == 0
    pf.declare(*(only_there(number) for number in range(1, 11)))
    pf.calls()
    result = pf.run("apply", "--yes")
    assert result.code == 1
    assert "2 of 10 agents on propertyfinder would be taken off" in result.err
    assert writes(pf.calls()) == []
    path = str(pf.root / "plan.json")
    assert "Over the limits" in pf.run("plan", "--out", path).out
    assert pf.run("apply", "--plan", path, "--yes").code == 0
    assert [each.status for each in pf.truth_pf().values()][10:] == ["inactive", "inactive"]


def test_a_limit_on_one_portal_stops_both(agency: Agency) -> None:
    """Four of ten on Property Finder is over the limit: nothing is sent to Rentix either."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 11)))
    agency.live_pf(*(person(number) for number in range(1, 11)))
    agency.declare(
        *({**only_there(number, bio="new"), "tiktok": None} for number in range(1, 5)),
        *(only_there(number) for number in range(5, 10)),
        {**only_there(10), "youtube": "https://youtube.com/@ten"},
    )
    result = agency.run("apply", "--yes")
    assert result.code == 1
    assert "4 of 10 agents on propertyfinder would change" in result.err
    assert writes(agency.calls()) == []


# ---------------------------------------------------------------------------- drift and staleness


def reload(both: Agency, *people: dict[str, Any]) -> None:
    """Someone edits Property Finder."""
    both.pf.load(people)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"mobile": "+373 60 999 999"}, "mobile"),
        ({"status": "inactive"}, "status"),
        ({"bio": {"primary": "theirs"}}, "bio.primary"),
        (
            {
                "imageVariants": {
                    "large": {"default": "https://cdn.example/x.webp", "jpg": None, "webp": None}
                }
            },
            "avatar",
        ),
    ],
    ids=str,
)
def test_drift_in_each_part(both: Agency, change: dict[str, Any], path: str) -> None:
    """An edit of the private or the public part is drift (exit 2), and is reverted."""
    both.declare(
        *(
            {
                **only_there(number, mobile=f"+373 69 {number:06d}", status="active", bio="ours"),
                "avatar": {"url": f"https://agency.example/{number}.jpg"},
            }
            for number in (1, 2, 3)
        )
    )
    assert both.apply()["exit"] == 0
    assert both.run("drift").code == 0
    live = [shown(both, number) for number in (1, 2, 3)]
    private = {key: value for key, value in change.items() if key in live[0]}
    live[1] |= private
    live[1]["publicProfile"] |= {key: value for key, value in change.items() if key not in private}
    reload(both, *live)
    found = both.run("drift", "--format", "json")
    assert found.code == 2
    (entry,) = found.json["agents"]
    assert (entry["portal"], entry["key"], entry["attribution"]) == (
        "propertyfinder",
        "a-2",
        "drift",
    )
    assert [each["path"] for each in entry["changes"]] == [path]
    assert both.apply()["exit"] == 0
    assert both.run("drift").code == 0


def shown(both: Agency, number: int) -> dict[str, Any]:
    """A user in the form that the sandbox loads."""
    each = both.truth_pf()[number]
    return {
        "id": each.id,
        "firstName": each.first_name,
        "lastName": each.last_name,
        "email": each.email,
        "mobile": each.mobile,
        "status": each.status,
        "roleId": each.role_id,
        "publicProfile": {"id": each.profile_id, **(each.profile or {})},
    }


@pytest.mark.parametrize("on_stale", ["fail", "skip"])
def test_a_plan_that_is_stale_on_one_portal(both: Agency, on_stale: str) -> None:
    """Someone edited one user in another way: the plan is refused (5), or the user is left out on
    that portal (3)."""
    renamed(both)
    path = str(both.root / "plan.json")
    assert both.run("plan", "--out", path).code == 0
    reload(both, person(1), person(2, name="Other"), person(3))
    both.calls()
    result = both.run("apply", "--plan", path, "--yes", "--format", "json", "--on-stale", on_stale)
    if on_stale == "fail":
        assert (result.code, result.out) == (5, "")
        assert "a-2" in result.err
        assert writes(both.calls()) == []
        return
    assert result.code == 3
    assert names(both) == (["New Name"] * 3, ["New Name", "Other", "New Name"])
    (skipped,) = [each for each in result.json["results"] if each["status"] == "skipped"]
    assert (skipped["portal"], skipped["key"]) == ("propertyfinder", "a-2")


def test_a_saved_plan_of_both_portals(both: Agency) -> None:
    """It is applied as it is; a second time, there is nothing left to do."""
    renamed(both)
    path = str(both.root / "plan.json")
    both.run("plan", "--out", path)
    assert both.run("apply", "--plan", path, "--yes").code == 0
    assert names(both) == (["New Name"] * 3, ["New Name"] * 3)
    both.calls()
    assert both.run("apply", "--plan", path, "--yes").code == 0
    assert writes(both.calls()) == []


# ---------------------------------------------------------------------------- tokens and scopes


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_token_that_expires_during_an_apply(pf: Agency, how: str) -> None:
    """One 401, one new token, and the rest is sent: nothing is refused, nothing is sent twice."""
    pf.live_pf(*(person(number) for number in range(1, 5)))
    pf.declare(*(only_there(number, firstName="Nou") for number in range(1, 5)))
    now, seen = [1_000_000.0], []
    pf.portal.state.clock = lambda: now[0]

    async def end(call: Any, response: Response) -> None:
        if call.method == "PATCH":
            seen.append(call.path)
            if len(seen) == 2 and how == "revoked":
                pf.pf.tokens.clear()
            elif len(seen) == 2:
                now[0] += 1801

    pf.portal.state.after.append(end)
    report = pf.apply()
    assert report["exit"] == 0, report
    calls = pf.calls()
    assert len(seen) == len(set(seen)) == 4
    assert [call[3] for call in calls].count(401) == 1
    assert [call[1] for call in calls].count("/v1/auth/token") == 2


def test_a_token_that_is_never_accepted_is_an_error(pf: Agency) -> None:
    """After a second 401: exit 1."""
    pf.live_pf(person(1))
    pf.declare(only_there(1))

    async def spoil(call: Any, response: Response) -> None:
        pf.pf.tokens.clear()

    pf.portal.state.after.append(spoil)
    result = pf.run("plan")
    assert result.code == 1
    assert "rejected the token" in result.err
    assert len(pf.calls()) == 4


def test_a_wrong_key_is_an_error(pf: Agency) -> None:
    """It names the variables, and shows nothing of their values."""
    pf.declare(only_there(1))
    wrong = "x" * 39 + "y"
    pf.environment["PROPERTYFINDER_API_KEY"] = wrong
    result = pf.run("-v", "plan")
    assert result.code == 1
    assert "PROPERTYFINDER_API_KEY" in result.err
    assert wrong not in result.err + result.out
    assert pf.pf.secret not in result.err + result.out
    pf.environment["PROPERTYFINDER_API_KEY"] = ""
    result = pf.run("plan")
    assert (result.code, "PROPERTYFINDER_API_KEY is not set" in result.err) == (1, True)


@pytest.mark.parametrize("detail", ["named", "unnamed"])
@pytest.mark.parametrize("scope", ["users:read", "roles:read", "users:full_access"])
def test_a_missing_scope_is_named(pf: Agency, scope: str, detail: Any) -> None:
    """Whether the portal names it or not. While reading, the command ends; while writing, it is a
    failure, after which nothing else is sent there."""
    pf.live_pf(person(1), person(2), readings=Readings(scope_detail=detail))
    pf.pf.scopes = frozenset({"users:read", "roles:read", "users:full_access"} - {scope})
    pf.declare(only_there(1, firstName="Nou", roleId="Agent"), only_there(2, firstName="Nou"))
    result = pf.run("apply", "--yes", "--format", "json")
    calls = pf.calls()
    if scope == "users:full_access":
        assert result.code == 3
        failed, skipped = result.json["results"]
        assert (failed["status"], skipped["status"]) == ("failed", "skipped")
        assert scope in failed["error"]
        assert len(writes(calls)) == 1
    else:
        assert result.code == 1
        assert scope in result.err
        assert writes(calls) == []
    pf.declare(only_there(1, firstName="User"))
    if scope == "roles:read":  # roles are read only if a file names one
        assert pf.run("plan").code == 0


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("errors", ["by-header", "older"])
def test_a_refusal_names_the_line_of_the_value(pf: Agency, errors: Any) -> None:
    """A 422 in either form: the file, the line of the value, the portal's message."""
    pf.live_pf(person(1), person(2), readings=Readings(errors=errors))
    (pf.root / "agents").mkdir()
    (pf.root / "agents" / "ana.yaml").write_text(
        "externalId: a-1\npropertyfinder:\n  email: user-1@agency.example\n"
        "  firstName: Ana\n  roleId: 99\n",
        "utf-8",
    )
    pf.declare(only_there(2, firstName="Nou"), file="b.yaml")
    report = pf.apply()
    assert report["exit"] == 3
    failed, applied = report["results"]
    assert (failed["status"], failed["http_status"]) == ("failed", 422)
    assert failed["source"] == {"file": "agents/ana.yaml", "line": 5}
    assert failed["error"].startswith("roleId: ")
    assert "not a role" in failed["error"]
    assert applied["status"] == "applied"
    result = pf.run("apply", "--yes")
    assert "agents/ana.yaml:5" in result.out


def test_a_picture_that_silently_fails_is_one_warning(pf: Agency) -> None:
    """It names agent and field; no change is planned again and again."""
    pf.live_pf(person(1), readings=Readings(picture_import="never"))
    pf.declare({**only_there(1), "avatar": {"url": "https://agency.example/cmyk.jpg"}})
    assert pf.apply()["exit"] == 0
    for _ in range(2):
        plan = pf.plan()
        assert (plan["agents"], plan["requests"]) == ([], [])
        (warning,) = plan["warnings"]
        assert (warning["key"], "avatar" in warning["message"]) == ("a-1", True)
    assert pf.run("drift").code == 0


def test_the_wrong_setting_of_deactivate_by(pf: Agency) -> None:
    """A refusal says which setting to change. So does the failure if the portal ignores the value:
    the user is still on all listings, so each plan deactivates them again."""
    pf.live_pf(person(1), readings=Readings(deactivate_by="status"))
    pf.declare(only_there(1, status="inactive"))
    report = pf.apply()
    assert report["exit"] == 3
    assert "deactivate_by" in report["results"][0]["error"]
    pf.live_pf(person(1), readings=Readings(deactivate_by="status", deactivate_other="ignored"))
    for _ in range(2):
        report = pf.apply()
        (result,) = report["results"]
        assert (report["exit"], result["code"]) == (3, "not_taken")
        assert "deactivate_by" in result["error"]
        assert [each["actions"] for each in pf.plan()["agents"]] == [["deactivate"]]


# ---------------------------------------------------------------------------- both portals


@pytest.mark.parametrize("how", ["away", "broken", "refused"])
@pytest.mark.parametrize("down", ["rentix", "propertyfinder"])
def test_one_portal_is_down(both: Agency, no_waiting: None, down: str, how: str) -> None:
    """A plan reports it (exit 1) and shows the other portal; an apply is applied to the other
    portal (exit 3)."""
    renamed(both)
    up = "propertyfinder" if down == "rentix" else "rentix"

    async def broken(call: Any) -> Response | None:
        if is_rentix(call) != (down == "rentix"):
            return None
        return JSONResponse({"message": "No"}, 503 if how == "broken" else 403)

    if how == "away":
        both.environment[f"{down.upper()}_URL"] = GONE
    else:
        both.portal.state.before.append(broken)
    result = both.run("plan", "--format", "json")
    assert result.code == 1
    assert down in result.err
    assert {each["portal"] for each in result.json["agents"]} == {up}
    assert result.json["complete"] is False
    assert both.run("plan", "--portal", up).code == 0
    assert both.run("plan", "--portal", down).code == 1
    report = both.apply()
    assert report["exit"] == 3
    assert set(statuses(report).values()) == {"applied"}
    assert [each["portal"] for each in report["unread"]] == [down]
    both.environment.clear()
    both.portal.state.before.clear()
    assert both.apply()["exit"] == 0
    assert names(both) == (["New Name"] * 3, ["New Name"] * 3)
    assert both.plan()["agents"] == []


def test_all_portals_are_down(both: Agency, no_waiting: None) -> None:
    """Exit 1, each is named; no plan, no report, no ledger."""
    both.environment |= {"RENTIX_URL": GONE, "PROPERTYFINDER_URL": GONE}
    for command in (["plan"], ["apply", "--yes"], ["drift"]):
        result = both.run(*command)
        assert (result.code, result.out) == (1, "")
        assert "Rentix" in result.err
        assert "Property Finder" in result.err
    assert not both.ledger.exists()


def test_a_portal_that_is_down_removes_no_one(both: Agency, no_waiting: None) -> None:
    """An agent that was not read is not missing: no removal, no drift, and the ledger keeps it."""
    both.use(rentix={"on_removed": "unlink"}, propertyfinder={"on_removed": "deactivate"})
    assert both.apply()["exit"] == 0
    recorded = json.loads(both.ledger.read_text("utf-8"))["portals"]["propertyfinder"]
    both.declare({"externalId": "a-1", "propertyfinder": section(1)}, {"externalId": "a-2"})
    both.environment["PROPERTYFINDER_URL"] = GONE
    assert both.apply("--target", "a-1")["exit"] == 3
    assert json.loads(both.ledger.read_text("utf-8"))["portals"]["propertyfinder"] == recorded
    assert {each.status for each in both.truth_pf().values()} == {"active"}


def test_only_the_given_portal_is_used(both: Agency) -> None:
    """`--portal`: the other one is not read, and an unknown name is refused."""
    renamed(both)
    assert both.apply("--portal", "propertyfinder")["exit"] == 0
    assert both.calls("rentix") == []
    assert names(both) == (["Agent 1", "Agent 2", "Agent 3"], ["New Name"] * 3)
    assert both.apply("--portal", "rentix")["exit"] == 0
    assert names(both) == (["New Name"] * 3, ["New Name"] * 3)
    assert both.plan()["agents"] == []
    result = both.run("plan", "--portal", "zillow")
    assert (result.code, "zillow" in result.err) == (1, True)


def test_an_agent_on_two_portals_has_two_entries(both: Agency) -> None:
    """One file, two portals: both differences under one key, each with its portal."""
    renamed(both)
    plan = both.plan()
    assert [(each["key"], each["portal"]) for each in plan["agents"]] == [
        (f"a-{number}", portal) for number in (1, 2, 3) for portal in ("rentix", "propertyfinder")
    ]
    report = both.apply()
    assert report["verified"]["agents"] == 6
    assert set(json.loads(both.ledger.read_text("utf-8"))["portals"]) == {
        "rentix",
        "propertyfinder",
    }


def test_an_agent_without_a_section_is_not_published_there(both: Agency) -> None:
    """And an agent that is only there waits on Rentix."""
    both.declare({"externalId": "a-1", "name": "Ana"}, only_there(3), only_there(2))
    plan = both.plan()
    assert {(each["key"], each["portal"]) for each in plan["agents"]} == {("a-1", "rentix")}


def test_an_agent_of_property_finder_alone_does_not_wait_on_rentix(both: Agency) -> None:
    """`rentix: false`: no plan, conflict or waiting there, though the phone is another agent's."""
    declared = {
        "externalId": "a-3",
        "phone": "+373 60 000 002",
        "propertyfinder": section(3, name="Nou"),
    }
    both.declare({**declared, "rentix": False})
    plan = both.plan()
    assert plan["summary"]["waiting"] == len(plan["conflicts"]) == 0
    assert [(each["portal"], each["key"]) for each in plan["agents"]] == [("propertyfinder", "a-3")]
    assert both.apply()["exit"] == 0
    assert both.plan()["summary"]["requests"] == 0


def test_an_agent_taken_off_rentix_in_its_file_is_a_removal_there(both: Agency) -> None:
    """As if no file declared the agent for it; the other portal keeps them."""
    both.use(rentix={"on_removed": "unlink"}, propertyfinder={}, limits=NO_LIMIT)
    both.declare({"externalId": "a-1", "propertyfinder": section(1)})
    assert both.apply()["exit"] == 0
    both.declare({"externalId": "a-1", "rentix": False, "propertyfinder": section(1)})
    plan = both.plan()
    assert plan["summary"]["unlink"] == plan["summary"]["requests"] == 1


def test_a_section_for_a_portal_that_is_not_configured(both: Agency) -> None:
    """The plan and `validate` warn, with the line of the section."""
    both.declare({"externalId": "a-1", "name": "Ana", "propertyfinder": section(1)})
    assert both.plan("--portal", "rentix")["warnings"] == []
    both.use(rentix={})
    [warning] = both.plan()["warnings"]
    assert (warning["key"], warning["source"]["line"]) == ("a-1", 1)
    assert "not published on propertyfinder" in warning["message"]
    assert "Ana" in both.run("plan").out
    assert both.plan("--exclude", "a-1")["warnings"] == []
    checked = both.run("validate")
    assert "agents/agents.yaml:1: a-1: not published on propertyfinder" in checked.err


def test_both_portals_are_used_at_the_same_time(both: Agency) -> None:
    """Each portal's first list, and first write, is answered only while the other's is in
    progress."""
    renamed(both)
    merge_streams = {method: asyncio.Barrier(2) for method in ("GET", "write")}
    met: list[tuple[str, bool]] = []

    async def meet(call: Any) -> None:
        kind = "GET" if call.method == "GET" else "write" if is_write(call) else ""
        if not kind or (kind, is_rentix(call)) in met:
            return
        async with asyncio.timeout(20):
            await merge_streams[kind].wait()
        met.append((kind, is_rentix(call)))

    both.portal.state.before.append(meet)
    report = both.apply()
    assert report["exit"] == 0, report
    assert sorted(met) == [("GET", False), ("GET", True), ("write", False), ("write", True)]


@pytest.mark.parametrize("dies", ["rentix", "propertyfinder"])
def test_one_portal_fails_during_an_apply(both: Agency, no_waiting: None, dies: str) -> None:
    """From its first write on, every response is an error, and it cannot be read: outcomes there
    are unknown (exit 4), the other portal is applied, and the next run finishes."""
    renamed(both)
    dead: list[int] = []

    async def die(call: Any, response: Response) -> Response | None:
        if is_rentix(call) == (dies == "rentix"):
            if is_write(call):
                dead.append(1)
            if dead:
                return JSONResponse({"message": "gateway"}, 503)
        return None

    both.portal.state.after.append(die)
    report = both.apply()
    assert report["exit"] == 4, report
    for (portal, _), status in statuses(report).items():
        assert (status == "applied") == (portal != dies), report["results"]
    assert any("Could not verify" in note for note in report["notes"])
    both.portal.state.after.clear()
    assert both.apply()["exit"] == 0
    assert names(both) == (["New Name"] * 3, ["New Name"] * 3)
    assert both.plan()["agents"] == []


def test_an_interruption_on_both_portals(both: Agency, ctrl_c: Callable[[], None]) -> None:
    """A request is in progress on each: both are finished and reported, nothing else is sent, exit
    130; the next run finishes."""
    both.live(user(1, externalId="a-2"), user(2, externalId="a-1"), user(3, externalId="a-3"))
    both.live_pf(*(person(number) for number in (1, 2, 3)))
    both.declare(
        *(
            {
                "id": number,
                "externalId": f"a-{number}",
                "propertyfinder": section(number, bio="new", firstName="Nou"),
            }
            for number in (1, 2, 3)
        )
    )
    under_way, pressed = asyncio.Barrier(2), asyncio.Event()

    async def press(call: Any, response: Response) -> None:
        if is_write(call):
            async with asyncio.timeout(20):
                await under_way.wait()
                if is_rentix(call):
                    await asyncio.to_thread(ctrl_c)
                    pressed.set()
                await pressed.wait()

    both.portal.state.after.append(press)
    both.calls()
    result = both.run("apply", "--yes", "--format", "json")
    both.portal.state.after.clear()
    assert result.code == 130
    report = result.json
    assert (report["interrupted"], report["verified"]) == (True, None)
    for portal in ("rentix", "propertyfinder"):
        states = [each["status"] for each in report["results"] if each["portal"] == portal]
        assert states.count("applied") == 1, report["results"]
        assert set(states) == {"applied", "skipped"}
    assert len(writes(both.calls())) == 2
    again = both.apply()
    assert again["exit"] == 0
    assert [each.external_id for each in both.truth().values()] == ["a-1", "a-2", "a-3"]
    assert {each.first_name for each in both.truth_pf().values()} == {"Nou"}
    assert both.plan()["agents"] == []


def test_an_interrupted_creation_is_recorded(both: Agency, ctrl_c: Callable[[], None]) -> None:
    """The POST in progress is finished, both ids are in the ledger, and the user is not created
    twice."""
    both.declare({**NEW, "avatar": {"url": "https://agency.example/n.jpg"}})

    async def press(call: Any, response: Response) -> None:
        if call.method == "POST" and call.path == "/v1/users":
            await asyncio.to_thread(ctrl_c)

    both.portal.state.after.append(press)
    result = both.run("apply", "--yes", "--format", "json")
    both.portal.state.after.clear()
    assert result.code == 130
    assert statuses(result.json)["propertyfinder", "n"] == "applied"
    [recorded] = json.loads(both.ledger.read_text("utf-8"))["portals"]["propertyfinder"]
    assert "4" in recorded["agents"]
    assert both.plan()["agents"] == []
    assert len(both.truth_pf()) == 4


# ---------------------------------------------------------------------------- limits


class Clock:
    """A clock that only advances while the program sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Wait, without waiting."""
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One clock for the program and the portals."""
    created = Clock()
    agency.portal.state.clock = lambda: created.now
    whole = transport.Clock
    monkeypatch.setattr(
        transport, "Clock", lambda *_, **__: whole(now=lambda: created.now, sleep=created.sleep)
    )
    return created


def test_a_thousand_changes_keep_the_rate_limits(pf: Agency, clock: Clock) -> None:
    """650 requests a minute: no 429, and no pause longer than the portal requires."""
    count = range(1, 1001)
    pf.live_pf(*(person(number) for number in count), limits=Limits())
    pf.declare(*(only_there(number, firstName="Nou") for number in count))
    before = clock.now
    report = pf.apply()
    assert report["exit"] == 0
    calls = pf.calls()
    assert {call[3] for call in calls} == {200, 204}
    assert len(writes(calls)) == 1000
    assert 60 <= clock.now - before < 62
    assert report["verified"]["as_declared"] == 1000


@pytest.mark.parametrize("retry", ["nothing", "retry-after"])
def test_a_rate_limit_used_up_by_others_is_waited_for(pf: Agency, clock: Clock, retry: Any) -> None:
    """A 429, with or without a time to wait: nothing fails, and nothing is applied twice."""
    limits = Limits(rate_limit=3, token_rate_limit=1, rate_window=10.0, token_lifetime=1800)
    pf.live_pf(
        *(person(number) for number in (1, 2, 3, 4)), readings=Readings(retry=retry), limits=limits
    )
    pf.declare(*(only_there(number, firstName="Nou") for number in (1, 2, 3, 4)))
    assert pf.apply()["exit"] == 0
    good = [call for call in writes(pf.calls()) if call[3] != 429]
    assert len(good) == 4
    assert {each.first_name for each in pf.truth_pf().values()} == {"Nou"}


def test_a_key_and_a_token_are_in_no_output(pf: Agency) -> None:
    """A portal echoes them in its messages, and the log has every request."""
    pf.live_pf(person(1), person(2))
    pf.declare(only_there(1, firstName="Ana"), only_there(2, firstName="Ion"))

    async def echo(call: Any) -> Response | None:
        if call.method == "PATCH":
            result = f"bad {pf.pf.key} {pf.pf.secret} {next(iter(pf.pf.tokens))}"
            return JSONResponse({"error": "x", "message": result}, 400)
        return None

    pf.portal.state.before.append(echo)
    result = pf.run("-v", "apply", "--yes", "--format", "json")
    assert result.code == 3
    assert "bad *** *** ***" in result.json["results"][0]["error"]
    everything = result.out + result.err + pf.ledger.read_text("utf-8")
    for secret in (pf.pf.key, pf.pf.secret, *pf.pf.tokens):
        assert secret not in everything


def test_the_default_limits_are_the_documented_ones() -> None:
    """The sandbox refuses what the vendor's page says."""
    assert (Limits().rate_limit, Limits().token_rate_limit, Limits().rate_window) == (650, 60, 60.0)
    assert PF_FAST.rate_limit > Limits().rate_limit


# --------------------------------------------------------------- no user is taken for another


def test_a_mistyped_id_removes_no_one(pf: Agency) -> None:
    """A file names the id of another agent: a conflict, and the former agent is not touched."""
    pf.use(propertyfinder={"on_removed": "deactivate"}, limits=NO_LIMIT)
    pf.live_pf(person(5), person(6))
    pf.declare(only_there(6))
    assert pf.apply()["exit"] == 0
    pf.declare({"externalId": "a-6", "propertyfinder": section(6, id=5)})
    report = pf.apply()
    assert report["exit"] == 3
    assert {each.status for each in pf.truth_pf().values()} == {"active"}


def test_a_corrected_id_removes_no_one(pf: Agency) -> None:
    """The agent that was matched until now is reported, and not touched."""
    pf.use(propertyfinder={"on_removed": "deactivate"}, limits=NO_LIMIT)
    pf.live_pf(person(1), person(2))
    pf.declare({"externalId": "a", "propertyfinder": {"id": 1, "status": "active"}})
    assert pf.apply()["exit"] == 0
    pf.declare({"externalId": "a", "propertyfinder": {"id": 2, "status": "active"}})
    plan = pf.plan()
    assert plan["requests"] == []
    assert "a is now agent 2" in plan["warnings"][0]["message"]
    assert pf.apply()["exit"] == 0
    assert pf.plan()["warnings"] == []
    assert {each.status for each in pf.truth_pf().values()} == {"active"}


def test_an_ignored_deactivation_fails_and_is_planned_again(pf: Agency) -> None:
    """No file declares the user, and the portal expects the other attribute, so the user stays on
    all listings."""
    pf.use(propertyfinder={"on_removed": "deactivate"}, limits=NO_LIMIT)
    reading = Readings(deactivate_by="status", deactivate_other="ignored")
    pf.live_pf(person(1), person(2), readings=reading)
    pf.declare(only_there(1), only_there(2))
    pf.apply()
    pf.declare(only_there(1))
    for _ in range(2):
        report = pf.apply()
        (result,) = report["results"]
        assert (report["exit"], result["code"]) == (3, "not_taken")
        assert [each["path"] for each in report["verified"]["differences"]] == ["status"]
        assert "deactivate_by" in result["error"]


def test_a_new_agent_with_the_mobile_of_an_undeclared_user_is_a_conflict(pf: Agency) -> None:
    """Without a ledger, an edited e-mail would create the same person again."""
    pf.live_pf(person(1, mobile="+373 69 131 313"))
    pf.declare(NEW)
    plan = pf.plan()
    assert plan["requests"] == []
    assert "propertyfinder.id: 1" in plan["conflicts"][0]["reason"]
    pf.declare(NEW, only_there(1))
    assert [each["actions"] for each in pf.plan()["agents"]] == [["create"]]


def test_a_key_that_goes_to_another_person_is_a_conflict(pf: Agency) -> None:
    """Only the ledger matches the key, with a user of another name: that user is not
    overwritten."""
    pf.live_pf(person(1))
    pf.declare(only_there(1))
    pf.apply()
    pf.declare({**NEW, "externalId": "a-1"})
    plan = pf.plan()
    assert plan["requests"] == []
    assert (
        "now the name and everything that identifies the agent differ"
        in plan["conflicts"][0]["reason"]
    )


@pytest.mark.parametrize("refused", [400, 422])
def test_a_deactivation_that_is_refused_is_not_sent_in_another_way(
    pf: Agency, refused: int
) -> None:
    """A business rule forbids it: the user is not archived instead."""
    pf.use(propertyfinder={"deactivate_by": "status"}, limits=NO_LIMIT)
    pf.live_pf(person(1), readings=Readings(deactivate_by="status"))
    pf.declare(only_there(1, status="inactive"))

    async def refuse(call: Any) -> Response | None:
        if call.method != "PATCH" or call.body != {"status": "inactive"}:
            return None
        result = "This user still has 12 listings."
        errors = [{"detail": result, "pointer": "/firstName"}] if refused == 400 else []
        return JSONResponse({"detail": result, "status": refused, "errors": errors}, refused)

    pf.portal.state.before.append(refuse)
    report = pf.apply()
    pf.portal.state.before.clear()
    assert report["exit"] == 3
    assert "12 listings" in report["results"][0]["error"]
    assert pf.truth_pf()[1].status == "active"


def test_a_second_text_that_cannot_be_sent_is_reported(pf: Agency) -> None:
    """A portal accepts one text: the other one is named, with agent and field."""
    pf.live_pf(person(1), readings=Readings(texts="string", texts_taken="string"))
    pf.declare(only_there(1, bio={"primary": "Sells.", "secondary": "Vinde."}))
    report = pf.apply()
    assert report["exit"] == 0
    assert "bio.secondary" in report["results"][0]["note"]
    assert pf.plan()["requests"] == []


def test_a_text_that_no_file_declares_is_kept(pf: Agency) -> None:
    """A portal shows both languages and accepts one string: to send it would remove the other
    language."""
    reading = Readings(texts_taken="string", texts_partial="replace")
    pf.live_pf(
        person(1, publicProfile={"bio": {"primary": "old", "secondary": "vechi"}}), readings=reading
    )
    pf.declare(only_there(1, bio="new"))
    report = pf.apply()
    assert (report["exit"], report["summary"]["failed"]) == (3, 1)
    assert (pf.truth_pf()[1].profile or {})["bio"]["secondary"] == "vechi"


def test_a_ledger_of_another_address_is_ignored(pf: Agency) -> None:
    """Applied at one address, planned at another: the same ids are other users there."""
    pf.live_pf(person(1))
    pf.declare(only_there(1))
    pf.apply()
    pf.live_pf(person(1, email="director@agency.example"))
    pf.environment["PROPERTYFINDER_URL"] = pf.portal.urls["propertyfinder"].replace(
        "127.0.0.1", "localhost"
    )
    result = pf.run("plan", "--format", "json")
    assert result.json["requests"] == []
    assert [each["key"] for each in result.json["waiting"]] == ["a-1"]
    assert "another address" in result.err


def test_a_user_that_could_not_be_created_is_not_as_declared(pf: Agency) -> None:
    """A read-only key: of one new user, none is as declared."""
    pf.live_pf()
    pf.declare(NEW)
    pf.pf.scopes = frozenset({"users:read"})
    report = pf.apply()
    assert report["exit"] == 3
    assert (report["verified"]["agents"], report["verified"]["as_declared"]) == (1, 0)


# ---------------------------------------------------------------------------- roles and notes


def test_a_changed_role_is_shown_by_name(pf: Agency) -> None:
    """In text, comment and page; the JSON has the numbers, and the names beside them."""
    pf.live_pf(person(1, roleId=1), person(2, roleId=3))
    pf.declare(only_there(1, roleId="Agent"), only_there(2))
    plan = pf.plan()
    [change] = plan["agents"][0]["changes"]
    assert (change["before"], change["after"], change["names"][1]) == (1, 3, "Agent")
    for form in ("text", "markdown", "html"):
        assert "Agent (3)" in pf.run("plan", "--format", form).out
    assert pf.apply()["exit"] == 0
    assert pf.plan()["summary"]["requests"] == 0


def test_a_profile_that_is_not_verified_is_noted(pf: Agency) -> None:
    """In a list, and in a plan that changes the agent; it is no difference, and no drift."""
    note = "not visible yet: verification pending"
    pf.live_pf(person(1, verification={"status": "pending", "requestDate": None}), person(2))
    pf.declare(only_there(1), only_there(2))
    assert pf.apply()["exit"] == 0
    assert note not in pf.run("plan").out
    agents = pf.run("list", "--format", "json", "--portal", "propertyfinder").json["agents"]
    assert {each["id"]: each["notes"] for each in agents} == {1: [note], 2: []}
    pf.declare(only_there(1, name="Nou"), only_there(2))
    for form in ("text", "markdown", "html"):
        assert note in " ".join(pf.run("plan", "--format", form).out.split())
    assert pf.run("drift").code == 0
