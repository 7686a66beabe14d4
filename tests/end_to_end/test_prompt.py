"""The portals may change while an apply waits for the answer: it reads them again after a yes."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from agency import Agency, Result, person, section, user, writes

Edit = Callable[[], object]


class Prompt:
    """Someone at a terminal who answers yes to each prompt; before each answer, the next edit of
    the portal takes place."""

    def __init__(self, agency: Agency, *edits: Edit) -> None:
        self.agency = agency
        self.edits = list(edits)
        self.count = 0

    def __call__(self, *_: object, **__: object) -> bool:
        """The answer."""
        self.count += 1
        if self.edits:
            self.edits.pop(0)()
        self.agency.calls()  # only those after the last answer count
        return True


Answer = Callable[..., tuple[Prompt, Result]]


@pytest.fixture
def answer(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Run a command on a terminal and answer yes, after an edit each time."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"), user(3))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def run(*edits: Edit, command: tuple[str, ...] = ("apply",)) -> tuple[Prompt, Result]:
        prompt = Prompt(agency, *edits)
        monkeypatch.setattr("click.confirm", prompt)
        return prompt, agency.run(*command)

    return run


def edit(agency: Agency, number: int, **values: Any) -> Edit:
    """An edit of an agent on Rentix."""

    def save() -> None:
        agent = deepcopy(agency.truth()[number])
        for name, value in values.items():
            setattr(agent, name, value)
        agency.portal.state.store.save(agent)

    return save


def test_an_unchanged_plan_is_applied_after_one_prompt(agency: Agency, answer: Answer) -> None:
    """The list is read once more after the answer, then the plan is sent and verified."""
    prompt, result = answer()
    assert (prompt.count, result.code) == (1, 0)
    assert [call[0] for call in agency.calls()] == ["GET", "PUT", "GET"]
    assert agency.truth()[1].name == "Ana"


@pytest.mark.parametrize("values", [{"name": "Anna"}, {"external_id": None}])
def test_a_changed_plan_is_shown_again(
    agency: Agency, answer: Answer, values: dict[str, Any]
) -> None:
    """Another value to overwrite, an agent that no longer matches: there is a second prompt, for
    the plan as it is now."""
    prompt, result = answer(edit(agency, 1, **values))
    if "name" in values:
        assert (prompt.count, result.code) == (2, 0)
        assert "Anna" in result.out
        assert agency.truth()[1].name == "Ana"
    else:
        assert prompt.count == 1
        assert writes(agency.calls()) == []
    assert "changed" in result.err


@pytest.mark.parametrize("number", [1, 2, 3], ids=["planned", "declared", "unmanaged"])
def test_an_edit_outside_the_plan_does_not_matter(
    agency: Agency, answer: Answer, number: int
) -> None:
    """A value that no file declares, of any agent: no second prompt, and the edit stays."""
    prompt, result = answer(edit(agency, number, instagram="https://instagram.com/new"))
    assert (prompt.count, result.code) == (1, 0)
    assert agency.truth()[number].instagram == "https://instagram.com/new"


def test_a_change_that_someone_made_by_hand_is_not_sent(agency: Agency, answer: Answer) -> None:
    """The plan has become empty: no second prompt, and nothing is sent."""
    prompt, result = answer(edit(agency, 1, name="Ana"))
    assert (prompt.count, result.code) == (1, 0)
    assert writes(agency.calls()) == []


def test_a_portal_that_keeps_changing(agency: Agency, answer: Answer) -> None:
    """After three prompts nothing is sent, with exit code 1."""
    edits = [edit(agency, 1, name=f"Anna {number}") for number in range(5)]
    prompt, result = answer(*edits)
    assert (prompt.count, result.code) == (3, 1)
    assert "keeps changing" in result.err
    assert "othing was sent" in result.err
    assert writes(agency.calls()) == []
    assert agency.truth()[1].name == "Anna 2"


def test_the_third_answer_can_apply(agency: Agency, answer: Answer) -> None:
    """If the portal is unchanged after it."""
    edits = [edit(agency, 1, name=f"Anna {number}") for number in range(2)]
    prompt, result = answer(*edits)
    assert (prompt.count, result.code) == (3, 0)
    assert agency.truth()[1].name == "Ana"


def test_a_no_to_the_second_prompt(
    agency: Agency, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent."""

    def decline() -> None:
        monkeypatch.setattr("click.confirm", lambda *_, **__: False)
        edit(agency, 1, name="Anna")()

    _, result = answer(decline)
    assert result.code == 1
    assert writes(agency.calls()) == []


def test_the_limits_hold_for_the_new_plan(agency: Agency, answer: Answer) -> None:
    """Over the limits after the answer: nothing is sent."""
    names = [f"a-{number}" for number in range(1, 21)]
    agency.live(*(user(n, externalId=key, name="Ana") for n, key in enumerate(names, 1)))
    agency.declare(*({"externalId": key, "name": "Ana"} for key in names))
    edit(agency, 1, name="x")()

    def edit_all() -> None:
        for number in range(1, 21):
            edit(agency, number, name="x")()

    prompt, result = answer(edit_all)
    assert (prompt.count, result.code) == (1, 1)
    assert "over the limits" in result.err
    assert writes(agency.calls()) == []


@pytest.mark.parametrize("skip", [False, True])
def test_a_saved_plan_can_become_stale_at_the_prompt(
    agency: Agency, answer: Answer, skip: bool
) -> None:
    """Exit code 5; or with --on-stale skip, the agent is left out after another prompt."""
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bo"})
    agency.run("plan", "--out", str(agency.root / "plan.json"))
    command = ("apply", "--plan", str(agency.root / "plan.json"), "--format", "json")
    if skip:
        command += ("--on-stale", "skip")
    prompt, result = answer(edit(agency, 1, name="Anna"), command=command)
    assert (prompt.count, result.code) == ((2, 3) if skip else (1, 5))
    assert agency.truth()[1].name == "Anna"
    assert agency.truth()[2].name == ("Bo" if skip else "Agent 2")
    if skip:
        states = {each["key"]: each["status"] for each in result.json["results"]}
        assert states == {"a": "skipped", "b": "applied"}


def test_a_portal_that_goes_down_at_the_prompt(agency: Agency, answer: Answer) -> None:
    """Exit code 1, and it says that nothing was sent."""
    _, result = answer(lambda: setattr(agency.portal.state, "suspended", True))
    agency.portal.state.suspended = False
    assert result.code == 1
    assert "othing was sent" in result.err
    assert writes(agency.calls()) == []


def test_one_of_two_portals_changes(agency: Agency, answer: Answer) -> None:
    """Both are read again, and the new plan is applied to both."""
    agency.use(rentix={}, propertyfinder={})
    agency.live_pf(person(1, name="Agent 1"))
    agency.declare({"externalId": "a", "name": "Ana", "propertyfinder": section(1)})

    def rename() -> None:
        (person,) = agency.truth_pf().values()
        person.profile["name"] = "Anna"
        agency.pf.users.save(person)

    prompt, result = answer(rename)
    assert (prompt.count, result.code) == (2, 0), result.err
    assert agency.truth()[1].name == "Ana"
    assert agency.truth_pf()[1].profile["name"] == "Ana"


def test_without_a_prompt_nothing_is_read_twice(agency: Agency, answer: Answer) -> None:
    """With --yes, and for a plan without changes."""
    assert agency.run("apply", "--yes").code == 0
    account, users = ("GET", "/agency"), ("GET", "/users")
    assert [call[:2] for call in agency.calls()] == [account, users, ("PUT", "/users"), users]
    prompt, result = answer()
    assert (prompt.count, result.code) == (0, 0)
    assert [call[:2] for call in agency.calls()] == [account, users]


def test_json_is_printed_once(agency: Agency, answer: Answer) -> None:
    """Plans go to standard error each time; standard output has the report alone."""
    prompt, result = answer(edit(agency, 1, name="Anna"), command=("apply", "--format", "json"))
    assert prompt.count == 2
    assert json.loads(result.out)["summary"]["applied"] == 1
    assert "Agent 1" in result.err
    assert "Anna" in result.err
