"""A key of another agency: it is refused before anything is sent, and nothing is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agency import FAST, Agency, user, writes
from starlette.responses import JSONResponse

from reconciler.sandbox.readings import Readings
from reconciler.sandbox.server import Application, Running
from reconciler.sandbox.state import Agency as Account
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

OTHER_KEY = "the-other-agency"
ALPHA, BETA = Account(17, "Alpha Estates"), Account(18, "Beta Homes")
PICTURE = {"url": "https://a.example/1.jpg"}
FILES: list[dict[str, Any]] = [
    {"externalId": f"a-{number}", "name": f"New {number}", "avatar": PICTURE}
    for number in range(1, 5)
]


@dataclass
class Two:
    """Two agencies at one address, with a key each; ours has four agents, and the other one has
    strangers with the same external ids."""

    ours: Agency
    other: Agency
    state: State

    def sent(self) -> list[Any]:
        """The writes to either agency since the last call."""
        calls = [(each.method, each.path, each.body, each.status) for each in self.state.log]
        self.state.log.clear()
        return writes([*self.ours.calls(), *calls])


@pytest.fixture
def two(agency: Agency, portal: Running) -> Iterator[Two]:
    """With files of ours, not applied yet."""
    with closing(Store()) as store:
        state = State(store, OTHER_KEY)
        portal.restart(Application(portal.state, others=[state]))
        agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 5)))
        state.reset(user(10 + number, externalId=f"a-{number}") for number in range(1, 5))
        portal.state.agency, state.agency, state.limits = ALPHA, BETA, FAST
        agency.declare(*FILES)
        other = Agency(agency.root, portal, {"RENTIX_API_KEY": OTHER_KEY})
        yield Two(agency, other, state)


def recorded(agency: Agency) -> list[tuple[Any, list[str]]]:
    """What the ledger records of Rentix: each account, and the live ids."""
    states = json.loads(agency.ledger.read_bytes())["portals"]["rentix"]
    return [(each.get("account"), sorted(each["agents"])) for each in states]


def as_json(account: Account) -> dict[str, Any]:
    """An account in the ledger and in a plan."""
    return {"id": account.id, "name": account.name}


def check_refused(two: Two, *expected: str, code: int = 1) -> None:
    """No command sends or records anything with the other key; the error names both accounts."""
    before = two.ours.ledger.read_bytes() if two.ours.ledger.exists() else None
    two.sent()
    for command in (
        ["plan"],
        ["drift"],
        ["apply", "--dry-run"],
        ["apply", "--yes", "--force"],
    ):
        result = two.other.run(*command)
        assert (result.code, result.out) == (code, ""), result
        for each in expected:
            assert each in result.err, result.err
    assert two.sent() == []
    assert (two.ours.ledger.read_bytes() if two.ours.ledger.exists() else None) == before


OURS = ["1", "2", "3", "4"]
THEIRS = ["11", "12", "13", "14"]


# -- another account -------------------------------------------------------------------------------


def test_the_key_of_another_agency_is_refused(two: Two) -> None:
    """After an apply with ours. It used to overwrite the strangers, with exit code 0."""
    assert two.ours.apply()["exit"] == 0
    assert recorded(two.ours) == [(as_json(ALPHA), OURS)]
    check_refused(two, "Alpha Estates (17)", "Beta Homes (18)", "portals.rentix.account")
    assert two.ours.plan()["agents"] == []


@pytest.mark.parametrize("account", [17, "17"])
def test_the_configuration_names_the_account(two: Two, account: int | str) -> None:
    """Before the first apply; the name is not known yet."""
    two.ours.use(rentix={"account": account})
    check_refused(two, "17", "Beta Homes (18)", "portals.rentix.account")
    assert two.ours.apply()["exit"] == 0
    check_refused(two, "Alpha Estates (17)", "Beta Homes (18)", "portals.rentix.account")


def test_the_configuration_overrides_the_ledger(two: Two) -> None:
    """The other account gets a state of its own. Going back finds the former one again."""
    two.ours.apply()
    two.ours.use(rentix={"account": 18})
    assert two.other.apply()["exit"] == 0
    assert recorded(two.ours) == [(as_json(BETA), THEIRS), (as_json(ALPHA), OURS)]
    two.ours.use(rentix={})
    assert two.other.plan()["agents"] == []
    result = two.ours.run("plan")
    assert (result.code, result.out) == (1, ""), "the last apply was for the other account"
    assert "Beta Homes (18)" in result.err
    assert "Alpha Estates (17)" in result.err
    two.ours.use(rentix={"account": 17})
    assert two.ours.plan()["agents"] == []
    assert two.ours.apply()["exit"] == 0
    assert recorded(two.ours) == [(as_json(ALPHA), OURS), (as_json(BETA), THEIRS)]
    two.ours.use(rentix={})
    assert two.ours.plan()["agents"] == []


def test_a_renamed_account_is_the_same(two: Two) -> None:
    """Its id counts; the next apply records the new name."""
    two.ours.apply()
    two.ours.portal.state.agency = Account(17, "Alpha & Sons")
    assert two.ours.plan()["agents"] == []
    two.ours.apply()
    assert recorded(two.ours) == [({"id": 17, "name": "Alpha & Sons"}, OURS)]


def test_an_id_may_be_a_number_or_text(two: Two) -> None:
    """The portal changes its form."""
    two.ours.apply()
    two.ours.portal.state.readings = Readings(agency="text-id")
    assert two.ours.plan()["targets"][0]["account"] == {"id": "17", "name": "Alpha Estates"}
    two.ours.use(rentix={"account": 17})
    assert two.ours.plan()["agents"] == []


def test_another_address_has_its_own_account(two: Two) -> None:
    """A staging account does not replace production's."""
    two.ours.apply()
    url = two.ours.portal.url.replace("127.0.0.1", "localhost")
    staging = Agency(two.ours.root, two.ours.portal, {**two.other.environment, "RENTIX_URL": url})
    assert staging.apply()["exit"] == 0
    assert two.ours.plan()["agents"] == []
    assert staging.plan()["agents"] == []
    check_refused(two, "Alpha Estates (17)", "Beta Homes (18)")


def test_nothing_is_sent_to_the_other_portal_either(two: Two) -> None:
    """With a key of another account, the whole run ends."""
    two.ours.apply()
    two.ours.use(rentix={}, propertyfinder={})
    two.ours.declare(
        *FILES,
        {
            "externalId": "a-9",
            "propertyfinder": {
                "email": "nine@agency.example",
                "firstName": "Nine",
                "lastName": "Nine",
                "mobile": "+373 69 123 456",
                "roleId": 3,
                "name": "Nine",
                "phone": "+373 69 123 456",
            },
        },
    )
    check_refused(two, "Alpha Estates (17)", "Beta Homes (18)")
    assert two.other.run("plan", "--portal", "propertyfinder").code == 0


# -- a ledger without an account -------------------------------------------------------------------


def forget_account(agency: Agency) -> None:
    """Rewrite the ledger as a version without accounts would."""
    ledger = json.loads(agency.ledger.read_bytes())
    for state in ledger["portals"]["rentix"]:
        state.pop("account", None)
    agency.ledger.write_text(json.dumps(ledger), "utf-8")


@pytest.mark.parametrize("left", [4, 2])
def test_a_ledger_without_an_account_adopts_one_that_lists_half(two: Two, left: int) -> None:
    """The next apply records it."""
    two.ours.apply()
    forget_account(two.ours)
    agents = two.ours.portal.state.store.agents()
    two.ours.portal.state.store.replace(agents[:left])
    plan = two.ours.plan()
    assert plan["targets"][0]["account"] == as_json(ALPHA)
    two.ours.apply()
    ((account, _),) = recorded(two.ours)
    assert account == as_json(ALPHA)


def test_an_account_is_not_refused_after_something_was_sent(two: Two) -> None:
    """The list is truncated from the first write on."""
    two.ours.apply()
    forget_account(two.ours)
    state, sent = two.ours.portal.state, []

    async def truncate(call: Any, response: Any) -> Any:
        sent.extend([call] * (call.method != "GET"))
        return JSONResponse({"items": []}) if sent and call.path.endswith("/users") else None

    state.after.append(truncate)
    two.ours.declare({**FILES[0], "name": "Newer"}, *FILES[1:])
    result = two.ours.run("apply", "--yes")
    assert result.code in (0, 3), result.err
    assert "Nothing was sent" not in result.err
    state.after.clear()
    assert recorded(two.ours) == [(as_json(ALPHA), OURS)]
    assert two.ours.apply()["exit"] == 0
    assert state.store.by_id(1).name == "Newer"


def test_a_ledger_without_an_account_does_not_adopt_another_one(two: Two) -> None:
    """It lists none of the known agents. The configuration can say that it is right."""
    two.ours.apply()
    forget_account(two.ours)
    check_refused(two, "4 agents", "Beta Homes (18)", "portals.rentix.account")
    two.ours.use(rentix={"account": 18})
    assert two.other.apply()["exit"] == 0
    assert recorded(two.ours) == [(as_json(BETA), THEIRS), (None, OURS)]
    two.ours.use(rentix={"account": 17})
    assert two.ours.plan()["agents"] == []
    two.ours.apply()
    assert recorded(two.ours) == [(as_json(ALPHA), OURS), (as_json(BETA), THEIRS)]


# -- an account that the portal does not report ----------------------------------------------------

UNKNOWN = ("no-id", "list", "html", "403", "404", "405", "500")
"""Readings under which the account is unknown."""


@pytest.mark.parametrize("reading", UNKNOWN)
def test_without_an_account_a_run_works_as_before(two: Two, reading: Any) -> None:
    """One attempt, no message, nothing shown, nothing recorded."""
    two.ours.portal.state.readings = Readings(agency=reading)
    result = two.ours.run("plan", "--format", "json")
    assert (result.code, result.err) == (0, "")
    assert [call[1] for call in two.ours.calls()] == ["/agency", "/users"]
    assert result.json["targets"][0]["account"] is None
    assert "Account" not in two.ours.run("plan").out
    assert two.ours.apply()["exit"] == 0
    assert recorded(two.ours) == [(None, OURS)]
    assert two.ours.plan()["agents"] == []


def test_the_known_agents_show_the_account(two: Two) -> None:
    """The portal does not report it any more; another key's list is over the limits."""
    two.ours.apply()
    for state in (two.ours.portal.state, two.state):
        state.readings = Readings(agency="404")
    plan = two.ours.plan()
    assert (plan["agents"], plan["targets"][0]["account"]) == ([], as_json(ALPHA))
    other = two.other.run("plan", "--format", "json").json
    assert other["targets"][0]["account"] is None
    assert "another agency's" in other["over_limits"][0]
    two.sent()
    assert two.other.run("apply", "--yes").code == 1
    assert two.sent() == []
    assert two.ours.apply()["exit"] == 0
    assert recorded(two.ours) == [(as_json(ALPHA), OURS)]


def test_a_configured_account_chooses_the_state(two: Two) -> None:
    """If the portal does not report any."""
    two.ours.apply()
    two.ours.use(rentix={"account": 18})
    two.other.apply()
    for state in (two.ours.portal.state, two.state):
        state.readings = Readings(agency="500")
    assert two.other.plan()["targets"][0]["account"] == as_json(BETA)
    two.ours.use(rentix={"account": 17})
    plan = two.ours.plan()
    assert (plan["agents"], plan["targets"][0]["account"]) == ([], as_json(ALPHA))


def test_a_name_may_be_missing(two: Two) -> None:
    """The id is enough."""
    two.ours.portal.state.readings = Readings(agency="no-name")
    assert two.ours.apply()["exit"] == 0
    assert recorded(two.ours) == [({"id": 17, "name": ""}, OURS)]
    assert "Account on rentix: account 17" in two.ours.run("plan").out
    check_refused(two, "account 17", "Beta Homes (18)")


def test_an_interrupted_look_up_ends_the_run(two: Two, ctrl_c: Any) -> None:
    """As any other read does: exit code 130, and the list is not requested."""

    async def interrupt(call: Any) -> None:
        if call.path.endswith("/agency"):
            ctrl_c()

    two.ours.portal.state.before.append(interrupt)
    assert two.ours.run("apply", "--yes").code == 130
    assert [call[1] for call in two.ours.calls()] == ["/agency"]


# -- requests --------------------------------------------------------------------------------------


def test_an_apply_asks_once(two: Two) -> None:
    """The list is read again, the account is not."""
    two.ours.apply()
    calls = [call[:2] for call in two.ours.calls()]
    account, users = ("GET", "/agency"), ("GET", "/users")
    assert calls == [account, users, ("POST", "/users/bulk"), users]


# -- saved plans -----------------------------------------------------------------------------------


@pytest.mark.parametrize("applied", [False, True], ids=["new", "with a ledger"])
@pytest.mark.parametrize("options", [[], ["--on-stale", "skip"], ["--dry-run"], ["--force"]])
def test_a_plan_for_another_account_is_stale(two: Two, applied: bool, options: list[str]) -> None:
    """As a whole: exit code 5, whatever the options and whatever the ledger has."""
    if applied:
        two.ours.apply()
    two.ours.declare({**FILES[0], "name": "Newer"})
    plan = two.ours.root / "plan.json"
    assert two.ours.run("plan", "--out", str(plan)).code == 0
    two.sent()
    result = two.other.run("apply", "--plan", str(plan), "--yes", *options)
    assert result.code == 5
    assert "Alpha Estates (17)" in result.err
    assert "Beta Homes (18)" in result.err
    assert two.sent() == []
    assert two.ours.run("apply", "--plan", str(plan), "--yes").code == 0


def test_a_plan_that_knows_no_account_is_refused_by_the_ledger(two: Two) -> None:
    """It was saved while the portal did not report the account."""
    two.ours.apply()
    plan = two.ours.root / "plan.json"
    two.ours.declare({**FILES[0], "name": "Newer"})
    two.state.readings = two.ours.portal.state.readings = Readings(agency="500")
    two.ours.ledger.rename(two.ours.root / "ledger.json")
    assert two.ours.run("plan", "--out", str(plan)).code == 0
    (two.ours.root / "ledger.json").rename(two.ours.ledger)
    two.state.readings = two.ours.portal.state.readings = Readings()
    two.sent()
    assert two.other.run("apply", "--plan", str(plan), "--yes").code == 1
    assert two.sent() == []
    assert two.ours.run("apply", "--plan", str(plan), "--yes").code == 0


# -- what is shown ---------------------------------------------------------------------------------

HOSTILE = (
    "Alpha\x1b[2J\n::error::x @octocat <img src=x> \u202ereversed `code` #1 https://evil.example"
)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_the_account_is_shown_on_top(two: Two, form: str, tmp_path: Path) -> None:
    """Of each plan, saved plan, drift and report."""
    plan = str(tmp_path / "plan.json")
    shown = [
        two.ours.run(*command, "--format", form)
        for command in (
            ("plan", "--out", plan),
            ("show", plan),
            ("apply", "--yes"),
            ("drift",),
        )
    ]
    for each in shown:
        assert each.code == 0, each.err
        top = each.out.partition("<main>")[0].splitlines()
        assert "Alpha Estates (17)" in "\n".join(top if form == "html" else top[:3])


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_a_hostile_name_has_no_effect(two: Two, form: str) -> None:
    """No control character, mention, workflow command or element gets through."""
    two.ours.portal.state.agency = Account(17, HOSTILE)
    shown = two.ours.run("plan", "--format", form).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("::") for line in shown.splitlines())
    if form == "html":
        assert "<img src=x" not in shown
    if form == "markdown":
        (line,) = (each for each in shown.splitlines() if each.startswith("Account on rentix"))
        assert "@" not in re.sub("(`+).*?\\1", "", line)
        assert "<" not in re.sub("(`+).*?\\1", "", line)
    if form == "json":
        assert json.loads(shown)["targets"][0]["account"]["name"] == HOSTILE
    two.ours.apply()
    error = two.other.run("plan").err
    assert "\x1b" not in error
    assert "\n::" not in error


def test_the_report_names_the_target(two: Two) -> None:
    """In JSON, as the plan does."""
    targets = two.ours.plan()["targets"]
    assert two.ours.apply()["targets"] == targets
    assert targets == [{"portal": "rentix", "url": two.ours.portal.url, "account": as_json(ALPHA)}]
