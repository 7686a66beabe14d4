"""What a ledger and a saved plan are bound to: an address, and a place in the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from agency import KEY, Agency, user, writes
from httpx import get

from reconciler.core.plan_json import digest

PICTURE = {"url": "https://a.example/1.jpg"}


@pytest.fixture
def one(agency: Agency) -> Agency:
    """An agent whose name and picture are declared; the portal does not return the picture's
    address."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana", "avatar": PICTURE})
    return agency


def staging(agency: Agency) -> str:
    """Another address, of the same portal."""
    return agency.portal.url.replace("127.0.0.1", "localhost")


def at(agency: Agency, url: str) -> Agency:
    """The agency, with Rentix at this address."""
    return Agency(agency.root, agency.portal, {**agency.environment, "RENTIX_URL": url})


def recorded(agency: Agency) -> dict[str, Any]:
    """What the ledger records of Rentix, by address."""
    states = json.loads(agency.ledger.read_bytes())["portals"]["rentix"]
    return {each["url"]: each for each in states}


def live(agency: Agency) -> list[dict[str, Any]]:
    """The agents that Rentix lists."""
    response = get(f"{agency.portal.url}/users", headers={"Authorization": f"ApiKey {KEY}"})
    return list(response.json()["items"])


def check_empty(agency: Agency) -> None:
    """A plan has no changes, and no note about the ledger."""
    result = agency.run("plan", "--format", "json")
    assert (result.code, result.json["agents"], result.err) == (0, [], "")


# -- one state for each address --------------------------------------------------------------------


def test_a_staging_apply_leaves_the_state_of_production(one: Agency) -> None:
    """Each address has its own records, and a plan there is empty."""
    assert one.apply()["exit"] == 0
    production, agents = recorded(one), live(one)
    one.live(user(1, externalId="a", name="Someone else"))
    elsewhere = at(one, staging(one))
    first = elsewhere.run("plan", "--format", "json")
    assert [each["key"] for each in first.json["agents"]] == ["a"], "nothing is known there"
    assert one.portal.url in first.err
    assert staging(one) in first.err
    assert elsewhere.apply()["exit"] == 0
    assert recorded(one) == {**production, staging(one): recorded(one)[staging(one)]}
    check_empty(elsewhere)
    one.live(*agents)
    check_empty(one)


def forms(url: str) -> list[str]:
    """Forms of an address."""
    parts = urlsplit(url)
    return [url + "/", url + "//", f"HTTP://{parts.netloc.upper()}{parts.path}"]


@pytest.mark.parametrize("number", range(3))
def test_forms_of_one_address_share_a_state(one: Agency, number: int) -> None:
    """In the environment and in the configuration."""
    local = at(one, staging(one))
    assert local.apply()["exit"] == 0
    before = one.ledger.read_bytes()
    form = forms(staging(one))[number]
    check_empty(at(one, form))
    one.use(rentix={"url": form})
    check_empty(at(one, ""))
    assert at(one, form).apply()["exit"] == 0
    assert one.ledger.read_bytes() == before


@pytest.mark.parametrize("known", [True, False], ids=["with its address", "without an address"])
def test_a_ledger_of_version_1_is_used(one: Agency, known: bool) -> None:
    """The next apply writes it as version 2."""
    one.apply()
    (state,) = recorded(one).values()
    old = {**state, "url": one.portal.url + "/"} if known else {**state, "url": ""}
    one.ledger.write_text(json.dumps({"version": 1, "portals": {"rentix": old}}))
    assert one.plan()["agents"] == []
    one.declare({"externalId": "a", "name": "Anna", "avatar": PICTURE})
    assert one.apply()["exit"] == 0
    assert json.loads(one.ledger.read_bytes())["version"] == 2
    assert list(recorded(one)) == [one.portal.url]
    assert one.plan()["agents"] == []


def test_a_ledger_of_a_later_version_is_refused(one: Agency) -> None:
    """Nothing is sent, and the ledger is unchanged."""
    one.ledger.parent.mkdir()
    one.ledger.write_text('{"version": 3, "portals": {}}')
    result = one.run("apply", "--yes")
    assert result.code == 1
    assert "later version" in result.err
    assert one.calls() == []
    assert one.ledger.read_text() == '{"version": 3, "portals": {}}'


# -- saved plans -----------------------------------------------------------------------------------


def test_a_plan_names_its_target(one: Agency) -> None:
    """The address is in canonical form; the account is null if the portal does not report it."""
    one.use(rentix={}, propertyfinder={})
    targets = at(one, forms(staging(one))[2]).plan()["targets"]
    assert targets == [
        {"portal": "rentix", "url": staging(one), "account": {"id": 1, "name": "Sandbox Agency"}},
        {"portal": "propertyfinder", "url": one.portal.urls["propertyfinder"], "account": None},
    ]


@pytest.mark.parametrize("options", [[], ["--on-stale", "skip"], ["--dry-run"], ["--force"]])
def test_a_plan_for_another_address_is_stale_as_a_whole(one: Agency, options: list[str]) -> None:
    """Exit 5, and nothing is sent, whatever the options."""
    plan = one.root / "plan.json"
    assert at(one, staging(one)).run("plan", "--out", str(plan)).code == 0
    one.calls()
    result = one.run("apply", "--plan", str(plan), "--yes", *options)
    assert result.code == 5
    assert staging(one) in result.err
    assert one.portal.url in result.err
    assert writes(one.calls()) == []
    assert not one.ledger.exists()


def test_a_plan_is_applied_at_a_form_of_its_address(one: Agency) -> None:
    """It is the same address."""
    plan = one.root / "plan.json"
    assert one.run("plan", "--out", str(plan)).code == 0
    same = at(one, one.portal.url + "//")
    assert same.run("apply", "--plan", str(plan), "--yes").code == 0
    assert one.truth()[1].name == "Ana"


def test_a_plan_without_an_address_is_stale(one: Agency) -> None:
    """An older version saved it."""
    plan = one.root / "plan.json"
    one.run("plan", "--out", str(plan))
    document = json.loads(plan.read_text("utf-8"))
    del document["targets"]
    plan.write_text(json.dumps({**document, "digest": digest(document)}), "utf-8")
    result = one.run("apply", "--plan", str(plan), "--yes")
    assert result.code == 5
    assert writes(one.calls()) == []


# -- the ledger's place in the repository ----------------------------------------------------------


def configure(agency: Agency, ledger: str) -> None:
    """Set `ledger` in the third line of the configuration."""
    text = f"version: 1\nportals: {{rentix: {{}}}}\nledger: {json.dumps(ledger)}\n"
    (agency.root / "reconciler.yaml").write_text(text, "utf-8")


def check_refused(agency: Agency, *expected: str) -> None:
    """No command with a ledger sends or writes anything; the error is at the key's line."""
    before = contents(agency.root)
    for command in (["plan"], ["drift"], ["apply", "--yes"]):
        result = agency.run(*command)
        assert result.code == 1, command
        for each in ("reconciler.yaml:3:", *expected):
            assert each in result.err, command
    assert agency.calls() == []
    assert contents(agency.root) == before


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder, without locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    ours = (path for path in files if path.parts[-2:] != (".reconciler", ".gitignore"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in ours}


@pytest.mark.parametrize("name", [".git/config", "../x", "~/x", "a/../../x", "/etc/x", "README.md"])
def test_the_ledger_is_no_other_file(one: Agency, name: str) -> None:
    """Not git's, not one outside the repository, not one of another kind."""
    (one.root / ".git").mkdir()
    for other in (".git/config", "README.md"):
        (one.root / other).write_text("of the user", "utf-8")
    configure(one, name)
    check_refused(one, name, ".reconciler/ledger.json")


@pytest.mark.parametrize("name", ["link/ledger.json", "link.json"])
def test_the_ledger_is_behind_no_link(one: Agency, name: str) -> None:
    """Neither the file nor a directory of its path."""
    other = one.root / "other"
    other.mkdir()
    (other / "ledger.json").write_text('{"version": 1, "portals": {}}', "utf-8")
    (one.root / "link").symlink_to(other)
    (one.root / "link.json").symlink_to(other / "ledger.json")
    configure(one, name)
    check_refused(one, name, "symbolic link")


def test_the_default_folder_is_no_link(one: Agency) -> None:
    """No key sets it, so the message names the path."""
    other = one.root / "other"
    other.mkdir()
    (one.root / ".reconciler").symlink_to(other)
    result = one.run("apply", "--yes")
    assert result.code == 1
    assert ".reconciler is a symbolic link" in result.err
    assert one.calls() == []
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("name", ["state.json", "a/b/state", ".reconciler/other.json"])
def test_another_place_in_the_repository(one: Agency, name: str) -> None:
    """It is created, and read by the next plan."""
    configure(one, name)
    assert one.apply()["exit"] == 0
    assert json.loads((one.root / name).read_bytes())["version"] == 2
    check_empty(one)
