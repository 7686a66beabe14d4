"""`plan --base REF`: changes are attributed, with real commits and a real portal."""

from __future__ import annotations

from agency import Agency, user

from reconciler.store.refs import git

ME = ("-c", "user.name=Ana", "-c", "user.email=ana@agency.example")


def test_each_change_is_attributed(agency: Agency) -> None:
    """To this branch, to the base, or to someone on the portal."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    a, b = {"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"}
    agency.declare(a)
    agency.apply()
    agent = agency.truth()[1]
    agent.name = "Somebody"
    agency.portal.state.store.save(agent)
    agency.declare(a, b)
    git(agency.root, "init", "-q", "-b", "main")
    git(agency.root, "add", "agents")
    git(agency.root, *ME, "commit", "-q", "-m", "base")
    youtube = "https://youtube.com/@bogdan"
    agency.declare(a, {**b, "youtube": youtube})
    plan = agency.plan("--base", "main")
    result = {
        (entry["key"], change["path"]): change["attribution"]
        for entry in plan["agents"]
        for change in entry["changes"]
    }
    assert result == {
        ("a", "name"): "drift",
        ("b", "name"): "base",
        ("b", "youtube"): "pull_request",
    }
    text = agency.run("plan", "--base", "main").out
    assert "(this pull request)" in text
    assert "(already waiting on the base)" in text
    assert [call[0] for call in agency.calls() if call[0] != "GET" and "PUT" not in call] == []


def test_a_base_without_agents(agency: Agency) -> None:
    """Everything is attributed to this branch."""
    agency.live(user(1, externalId="a"))
    git(agency.root, "init", "-q", "-b", "main")
    git(agency.root, *ME, "commit", "-q", "--allow-empty", "-m", "nothing")
    agency.declare({"externalId": "a", "name": "Ana"})
    [entry] = agency.plan("--base", "main")["agents"]
    assert entry["attribution"] == "pull_request"


def test_a_base_with_errors(agency: Agency) -> None:
    """The files cannot be compared."""
    agency.declare({"externalId": "a", "nmae": "Ana"})
    git(agency.root, "init", "-q", "-b", "main")
    git(agency.root, "add", "agents")
    git(agency.root, *ME, "commit", "-q", "-m", "slip")
    agency.declare({"externalId": "a", "name": "Ana"})
    result = agency.run("plan", "--base", "main")
    assert (result.code, result.out) == (1, "")
    assert "The files at main have errors" in result.err
