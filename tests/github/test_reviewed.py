"""Reviewed plans: an artifact counts only if its run, commit and repository match and its
content is valid."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from github.platform import FORK, WORKFLOW, Answer, Platform, on_both, zipped
from github.runner import MERGED
from reconciler.core.model import Change, Entry, Plan, Source
from reconciler.core.plan import join
from reconciler.core.plan_json import digest, form
from reconciler.core.selection import Selection
from reconciler.github import api, reviewed
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.reviewed import Origin, artifact, plan_of, reviewed_plans

HEAD = "1" * 40
PULL: dict[str, Any] = {
    "number": 7,
    "head": {"sha": HEAD},
    "base": {"ref": "main"},
    "merged_at": MERGED,
}
ORIGIN = Origin("", (WORKFLOW,))
BY_OTHERS = "was not made by the plan workflow"
UNREADABLE = "is not a valid plan"


def a_plan(name: str = "Ana Maria") -> dict[str, Any]:
    """A saved plan that changes an agent's name to this."""
    change = Change("name", "Ana", name, "different", None)
    entry = Entry(
        *("rentix", "a", 1, "Ana", Source("agents/a.yaml", 1)),
        *("externalId", ("update",), (change,), None, ""),
    )
    plan = Plan(
        **{**{f: getattr(join({}, {}, {}), f) for f in Plan.__slots__}, "entries": (entry,)}
    )
    return json.loads(json.dumps(form(plan, Selection(), ["rentix"], "0.1.0")))


def stored(platform: Platform, name: str = "Ana Maria", **run: Any) -> dict[str, Any]:
    """The stored artifact of that plan for the pull request's head."""
    return platform.keep(HEAD, zipped(plan_json=json.dumps(a_plan(name))), **run)


def names(plan: Plan | None) -> list[Any]:
    """The agents' names after a plan."""
    assert plan is not None
    return [change.after for entry in plan.entries for change in entry.changes]


def problem(github: GitHub) -> str:
    """Why the pull request has no plan."""
    plan, why = plan_of(github, PULL, ORIGIN)
    assert plan is None
    return why.removeprefix("the plan of #7 ")


@on_both
def test_plan_is_found(platform: Platform, github: GitHub) -> None:
    """By its name, which contains the head's SHA."""
    stored(platform)
    platform.keep("2" * 40, b"")
    plan, why = plan_of(github, PULL, ORIGIN)
    assert (names(plan), why) == (["Ana Maria"], "")
    assert artifact(HEAD, "") == platform.artifacts[0]["name"]


def test_names_of_different_folders_differ() -> None:
    """And contain nothing that GitHub refuses in an artifact's name."""
    folders = ["", "north", "a/b", "a-b", "a--b", "a~20b", "a b", "ș", "a:b", 'a"<>|*?b', "a%b"]
    found = [artifact(HEAD, folder) for folder in folders]
    assert len(set(found)) == len(folders)
    assert artifact(HEAD, "agencies/north") == f"reconciler-plan-agencies-north-{HEAD}"
    assert not re.search(r'["<>|*?:\\/\s]', "".join(found))


def test_plan_of_another_folder_does_not_count(platform: Platform, github: GitHub) -> None:
    """Each agency has its own."""
    stored(platform)["name"] = artifact(HEAD, "agencies/north")
    assert problem(github) == "no plan was stored for #7"
    north = Origin("agencies/north", (".github/workflows/other.yml", WORKFLOW))
    assert names(plan_of(github, PULL, north).plan) == ["Ana Maria"]


def test_newest_valid_plan_counts(platform: Platform, github: GitHub) -> None:
    """From a re-run; a newer invalid one does not hide an older one."""
    stored(platform, "First")
    stored(platform, "Second")
    stored(platform, "Third", conclusion="failure")
    platform.artifacts.reverse()
    plan, _ = plan_of(github, PULL, ORIGIN)
    assert names(plan) == ["Second"]


def test_problem_of_the_newest_plan_is_reported(platform: Platform, github: GitHub) -> None:
    """If none is valid."""
    stored(platform, event="push")
    stored(platform)["expired"] = True
    assert problem(github) == "has expired"


def test_no_stored_plan(platform: Platform, github: GitHub) -> None:
    """Names are compared again, in case GitHub does not filter the list."""
    assert problem(github) == "no plan was stored for #7"
    stored(platform)["name"] = "reconciler-plan"
    whole = Answer(200, {"artifacts": platform.artifacts})
    platform.fail("GET", "actions/artifacts", whole)
    assert problem(github) == "no plan was stored for #7"


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"event": "push"}, BY_OTHERS),
        ({"event": "pull_request_target"}, BY_OTHERS),
        ({"head_sha": "2" * 40}, BY_OTHERS),
        ({"path": ".github/workflows/other.yml"}, BY_OTHERS),
        ({"path": f"{WORKFLOW}.yml"}, BY_OTHERS),
        ({"head_repository": {"full_name": "stranger/agents"}}, BY_OTHERS),
        ({"conclusion": "failure"}, "is from a run that did not succeed"),
        ({"conclusion": None}, "is from a run that did not succeed"),
    ],
)
def test_wrong_run(platform: Platform, github: GitHub, run: dict[str, Any], why: str) -> None:
    """Each difference is enough; nothing is downloaded."""
    stored(platform, **run)
    assert problem(github) == why
    assert not any(each.path.endswith("/zip") for each in platform.asked)


@pytest.mark.parametrize("missing", ["path", "head_repository"])
def test_run_of_a_deleted_fork(platform: Platform, github: GitHub, missing: str) -> None:
    """GitHub shows null where its description allows none."""
    stored(platform)
    run = {**next(iter(platform.runs.values())), missing: None}
    platform.fail("GET", r"actions/runs/\d+", Answer(200, run))
    assert problem(github) == BY_OTHERS


LATER = "2026-01-03T00:00:00Z"


@pytest.mark.parametrize(
    ("stored_at", "run", "why"),
    [
        (MERGED, {"run_started_at": MERGED}, None),
        (MERGED, {"created_at": MERGED}, None),
        ("2026-01-02T01:00:00+01:00", {}, None),
        (LATER, {}, "was made after the merge"),
        (MERGED, {"created_at": MERGED, "run_started_at": LATER}, "was made after the merge"),
        (MERGED, {"created_at": LATER}, "was made after the merge"),
        (None, {}, "was made after the merge"),
    ],
)
def test_plan_made_after_the_merge(
    platform: Platform, github: GitHub, stored_at: str | None, run: dict[str, Any], why: str | None
) -> None:
    """It reviewed nothing; nor did one of an attempt that started later, or of an unknown time."""
    stored(platform, **run)["created_at"] = stored_at
    if why is None:
        assert plan_of(github, PULL, ORIGIN).plan is not None
    else:
        assert problem(github) == why
        assert not any(each.path.endswith("/zip") for each in platform.asked)


@pytest.mark.parametrize("merged", [None, 7, "yesterday", "2026-01-02T00:00:00"])
def test_unknown_time_of_merge(platform: Platform, github: GitHub, merged: object) -> None:
    """No plan counts then."""
    stored(platform)
    assert plan_of(github, {**PULL, "merged_at": merged}, ORIGIN).plan is None


def test_workflow_path_with_a_ref(platform: Platform, github: GitHub) -> None:
    """GitHub appends it in some places."""
    stored(platform, path=f"{WORKFLOW}@refs/heads/change")
    assert plan_of(github, PULL, ORIGIN)[0] is not None


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"head_sha": "2" * 40}, "is for another commit"),
        ({"head_repository_id": FORK}, "comes from a fork"),
        (None, "is for another commit"),
    ],
)
def test_wrong_artifact(
    platform: Platform, github: GitHub, about: dict[str, Any] | None, why: str
) -> None:
    """The list alone shows it; the run is not requested."""
    found = stored(platform)
    found["workflow_run"] = None if about is None else {**found["workflow_run"], **about}
    assert problem(github) == why
    assert len(platform.asked) == 1


def altered(**values: Any) -> bytes:
    """A plan with these values and a matching digest."""
    plan = {**a_plan(), **values}
    plan["digest"] = digest(plan)  # type: ignore[arg-type]
    return zipped(plan_json=json.dumps(plan))


def broken() -> bytes:
    """An archive with damaged compressed data."""
    content = bytearray(zipped(plan_json=b"x" * 5000))
    content[40:50] = b"\xff" * 10
    return bytes(content)


def encrypted() -> bytes:
    """An archive that requires a password."""
    content = bytearray(zipped(plan_json=json.dumps(a_plan())))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def packed_otherwise() -> bytes:
    """An archive with an unknown compression method."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("plan.json", "{}")
    content = bytearray(buffer.getvalue())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 97
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"PK\x05\x06" + b"\xff" * 18,
        broken(),
        encrypted(),
        packed_otherwise(),
        zipped(other_json="{}"),
        zipped(plan_json="{"),
        zipped(plan_json="[" * 100_000),
        zipped(plan_json="[]"),
        zipped(plan_json="{}"),
        zipped(plan_json=json.dumps(a_plan()).replace("Ana Maria", "Evil")),
        altered(format_version="99.0"),
        altered(agents=[1]),
        altered(agents=None),
        altered(agents=[{}]),
        altered(conflicts={"a": 1}),
        altered(requests=["x"]),
        altered(requests=[{"covers": [1]}]),
    ],
)
def test_invalid_content(platform: Platform, github: GitHub, content: bytes) -> None:
    """Truncated, edited or hostile: rejected without a crash."""
    platform.keep(HEAD, content)
    assert problem(github) == UNREADABLE


def test_zip_bomb(platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unpacked and the downloaded size are limited."""
    monkeypatch.setattr(reviewed, "MAX_BYTES", 100_000)
    found = platform.keep(HEAD, zipped(plan_json=b" " * 10_000_000))
    assert problem(github) == UNREADABLE
    monkeypatch.setattr(api, "MAX_BYTES", 10_000)
    platform.content[found["id"]] = b"x" * 20_000
    assert problem(github) == "is too large"


@pytest.mark.parametrize("path", [r"actions/artifacts/\d+/zip", "/store/.*"])
def test_artifact_that_disappears(platform: Platform, github: GitHub, path: str) -> None:
    """It expired between two requests; other errors from GitHub are raised."""
    stored(platform)
    platform.fail("GET", path, Answer(410))
    assert problem(github) == "is no longer available"
    platform.fail("GET", path, Answer(418))
    with pytest.raises(GitHubError):
        problem(github)


@on_both
def test_only_merged_pull_requests_count(platform: Platform, github: GitHub) -> None:
    """Not open ones or those of other branches; each is read once, and only as many as needed."""
    platform.pulls = {
        7: PULL,
        8: {**PULL, "number": 8, "merged_at": None},
        9: {**PULL, "number": 9, "base": {"ref": "other"}},
        10: {**PULL, "number": 10, "head": {"sha": "3" * 40}},
    }
    platform.commits = {"a" * 40: [8, 9, 7], "b" * 40: [7], "c" * 40: [10], "d" * 40: []}
    stored(platform)
    found = reviewed.reviewed_plans(github, [each * 40 for each in "adbc"], "main", ORIGIN)
    assert names(next(found)[0]) == ["Ana Maria"]
    assert not any(each.path.startswith("commits/b") for each in platform.asked)
    assert list(found) == [(None, "no plan was stored for #10")]


@pytest.mark.parametrize(
    ("changed", "agents", "why"),
    [
        (frozenset(), ["Ana Maria"], ""),
        (frozenset({"b"}), ["Ana Maria"], ""),
        (
            frozenset({"a"}),
            [],
            "the plan of #7 does not count for a: changed again after its merge",
        ),
        (None, None, "the files of a later commit have errors"),
    ],
)
def test_agents_that_later_commits_change(
    platform: Platform,
    github: GitHub,
    changed: frozenset[str] | None,
    agents: list[str] | None,
    why: str,
) -> None:
    """The plan of the head always counts, an older one only for the other agents."""
    stored(platform)
    platform.pulls = {7: PULL, 8: {**PULL, "number": 8, "head": {"sha": "8" * 40}}}
    platform.commits = {"a" * 40: [8], "b" * 40: [7]}
    commits = [each * 40 for each in "ab"]
    places = []

    def changed_after(place: int) -> frozenset[str] | None:
        places.append(place)
        return changed

    found = list(reviewed_plans(github, commits, "main", ORIGIN, changed_after))
    assert found[0] == (None, "no plan was stored for #8")
    assert why in found[1].problem
    assert (None if found[1].plan is None else names(found[1].plan)) == agents
    assert places == [1]
    assert names(next(reviewed_plans(github, commits[1:], "main", ORIGIN)).plan) == ["Ana Maria"]


def test_many_agents_that_later_commits_change() -> None:
    """The message lists ten."""
    keys = [f"a{number}" for number in range(12)]
    entries = tuple(
        Entry("rentix", key, 1, "Ana", None, "id", ("update",), (), None, "") for key in keys
    )
    plan = replace(join({}, {}, {}), entries=entries)
    found = reviewed._up_to_date(plan, PULL, frozenset(keys))
    assert found.plan is not None
    assert found.plan.entries == ()
    assert "a9 and 2 more: changed" in found.problem


@pytest.mark.parametrize(
    "answers",
    [
        (Answer(200, []),),
        (Answer(200, [{**PULL, "merged_at": None}]), Answer(200, [])),
        (Answer(422, {"message": "No commit found for SHA"}),),
    ],
)
def test_a_merge_that_github_does_not_know_yet(
    platform: Platform, github: GitHub, pauses: list[float], answers: tuple[Answer, ...]
) -> None:
    """It is looked up again, for the head only: older commits have had their time."""
    stored(platform)
    platform.pulls[7] = PULL
    platform.commits = {HEAD: [7]}
    platform.fail("GET", f"commits/{HEAD}/pulls", *answers)
    plans = reviewed_plans(github, [HEAD, "2" * 40], "main", ORIGIN)
    assert [names(each.plan) for each in plans] == [["Ana Maria"]]
    assert pauses == list(reviewed.PAUSES[: len(answers)])


def test_a_push_without_a_pull_request(
    platform: Platform, github: GitHub, pauses: list[float]
) -> None:
    """The lookups end, and no older commit is looked up; an unknown commit is an error, as is any
    other failure at once."""
    found = reviewed_plans(github, [HEAD, "2" * 40], "main", ORIGIN)
    assert list(found) == []
    assert pauses == list(reviewed.PAUSES)
    assert len(platform.asked) == len(reviewed.PAUSES) + 1
    platform.fail("GET", f"commits/{HEAD}/pulls", *([Answer(422)] * (len(reviewed.PAUSES) + 1)))
    with pytest.raises(GitHubError, match="422"):
        list(reviewed_plans(github, [HEAD], "main", ORIGIN))
    pauses.clear()
    platform.fail("GET", f"commits/{HEAD}/pulls", Answer(403))
    with pytest.raises(GitHubError, match="403"):
        list(reviewed_plans(github, [HEAD], "main", ORIGIN))
    assert pauses == []
