"""`--target` and `--exclude` that match nothing."""

from __future__ import annotations

import pytest
from agency import Agency, user

COMMANDS = [("plan",), ("drift",), ("apply", "--yes"), ("apply", "--dry-run")]


@pytest.fixture
def two(agency: Agency) -> Agency:
    """Two declared agents, one of them with a change."""
    agency.live(user(1, externalId="a-1"), user(2, externalId="a-2"))
    agency.declare({"externalId": "a-1", "name": "Ana"}, {"externalId": "a-2"})
    return agency


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--target", "--exclude"])
@pytest.mark.parametrize("pattern", ["a-3", "agents/other.yaml"])
def test_a_name_that_matches_nothing_is_an_error(
    two: Agency, command: tuple[str, ...], option: str, pattern: str
) -> None:
    """It may be a typo: exit code 1, and no portal is read."""
    result = two.run(*command, option, pattern)
    assert result.code == 1
    assert f"{option} {pattern}" in result.err
    assert two.calls() == []


def test_the_error_suggests_a_similar_key(two: Agency) -> None:
    """As for a target."""
    assert "Did you mean a-1?" in two.run("plan", "--exclude", "a_1").err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("pattern", ["b-*", "agents/old/*", "a-[34]", "a-??"])
def test_an_exclude_with_a_wildcard_that_matches_nothing_is_a_warning(
    two: Agency, command: tuple[str, ...], pattern: str
) -> None:
    """On standard error; the command does the rest."""
    result = two.run(*command, "--exclude", pattern)
    assert result.code == (2 if command == ("drift",) else 0)
    assert f"--exclude {pattern}" in result.err
    if "--yes" in command:
        assert two.truth()[1].name == "Ana"


def test_a_target_with_a_wildcard_is_an_error(two: Agency) -> None:
    """An apply of nothing would hide a typo."""
    assert two.run("plan", "--target", "b-*").code == 1


def test_patterns_that_match_are_silent(two: Agency) -> None:
    """By key, by file, and for an agent that only the ledger has."""
    assert two.run("apply", "--yes").code == 0
    two.declare({"externalId": "a-1"})
    for pattern in ("a-1", "a-*", "agents/agents.yaml", "agents/*", "a-2"):
        assert "--exclude" not in two.run("plan", "--exclude", pattern).err


def test_a_saved_plan_of_an_agent_that_is_gone_is_stale(two: Agency) -> None:
    """Its selection is not a typo: exit code 5, as for every other stale plan."""
    two.run("plan", "--target", "a-1", "--out", str(two.root / "plan.json"))
    two.declare({"externalId": "a-2"})
    result = two.run("apply", "--yes", "--plan", str(two.root / "plan.json"))
    assert (result.code, "a-1" in result.err) == (5, True)
