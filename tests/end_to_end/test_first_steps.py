"""What a new user tries in the first hour, and the message that leads on."""

from __future__ import annotations

import pytest
from agency import Agency, user

from reconciler.engine.concurrency import Cancellation


@pytest.fixture
def one(agency: Agency) -> Agency:
    """An agency with one change to apply."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Ben"})
    return agency


def test_a_saved_plan_that_is_already_applied(one: Agency) -> None:
    """Applied twice: the second time says so, and succeeds."""
    path = str(one.root / "plan.json")
    assert one.run("plan", "--out", path).code == 0
    first = one.run("apply", "--plan", path, "--yes")
    assert first.code == 0
    assert "already applied" not in first.out + first.err
    again = one.run("apply", "--plan", path, "--yes")
    assert again.code == 0
    assert "This plan is already applied" in again.err


def test_a_saved_plan_that_is_partly_applied(one: Agency) -> None:
    """The number of agents that are done is shown, and the rest is applied."""
    path = str(one.root / "plan.json")
    assert one.run("plan", "--out", path).code == 0
    assert one.run("apply", "--target", "a", "--yes").code == 0
    done = one.run("apply", "--plan", path, "--yes")
    assert done.code == 0
    assert "1 of the plan's 2 agents" in done.err
    assert one.truth()[2].name == "Ben"


def test_an_empty_plan_is_not_already_applied(one: Agency) -> None:
    """There was nothing in it."""
    path = str(one.root / "plan.json")
    assert one.run("apply", "--yes").code == 0
    assert one.run("plan", "--out", path).code == 0
    done = one.run("apply", "--plan", path, "--yes")
    assert done.code == 0
    assert "already applied" not in done.err


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (("apply", "plan.json"), "--plan plan.json"),
        (("apply", "my plan.json", "--yes"), "--plan 'my plan.json'"),
        (("apply", "agents/ana.yaml"), "--target agents/ana.yaml"),
        (("apply", "--dry-run", "a", "b"), "--target a"),
        (("plan", "plan.json"), "--target plan.json"),
        (("drift", "a"), "--target a"),
    ],
)
def test_an_argument_belongs_to_an_option(
    one: Agency, arguments: tuple[str, ...], fix: str
) -> None:
    """The option is suggested, and nothing is read or sent."""
    done = one.run(*arguments)
    assert done.code == 1
    assert fix in done.err
    assert one.calls() == []


@pytest.mark.refusals
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/api/v1",
        "https://a..b",
        "https://xn--a",
        "https://1.2.3.999",
        "ftp://a.example",
        "a.example",
        "https://user@a.example",
        "{server}/no/such/path",
    ],
)
@pytest.mark.parametrize("name", ["rentix", "propertyfinder"])
def test_a_wrong_address_names_its_variable(
    one: Agency, monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    """Whatever is wrong with it: its form, its host, or what responds there."""
    monkeypatch.setattr(Cancellation, "sleep", lambda _self, _seconds: None)
    variable = f"{name.upper()}_URL"
    one.use(**{name: {}})
    one.declare({"externalId": "a", "name": "A", "propertyfinder": {"email": "a@b.example"}})
    one.environment[variable] = url.format(server=one.portal.urls["propertyfinder"])
    done = one.run("plan")
    assert done.code == 1
    assert variable in done.err
    assert "Internal error" not in done.err
    assert f"portals.{name}.url" not in done.err


def test_a_wrong_address_in_the_configuration_names_its_key(one: Agency) -> None:
    """No variable is set."""
    one.environment["RENTIX_URL"] = ""
    one.configure(url="https://a..b")
    done = one.run("plan")
    assert done.code == 1
    assert "portals.rentix.url" in done.err
    assert "RENTIX_URL" not in done.err


def test_drift_before_any_apply(one: Agency) -> None:
    """It says that nothing was applied; after an apply it no longer does."""
    before = one.run("drift")
    assert before.code == 2
    assert "Nothing has been applied to rentix yet" in before.err
    assert one.run("apply", "--yes").code == 0
    after = one.run("drift")
    assert after.code == 0
    assert "applied" not in after.err


def test_a_portal_that_is_not_configured_is_one_warning(one: Agency) -> None:
    """With every agent that has a section for it."""
    one.declare(
        *(
            {"externalId": f"a{n}", "propertyfinder": {"email": f"a{n}@b.example"}}
            for n in range(40)
        )
    )
    done = one.run("validate")
    assert done.code == 0
    assert done.err.count("not published on propertyfinder") == 1
    for number in range(40):
        assert f"agents/agents.yaml:{2 * number + 1}: a{number}" in done.err
