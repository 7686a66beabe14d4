"""What counts as reviewed: everything around an artifact has to fit, and what is in it is data."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import pytest

from github.platform import FORK, WORKFLOW, Answer, Platform, zipped
from reconciler.core.model import Change, Entry, Plan, Source
from reconciler.core.plan import join
from reconciler.core.plan_json import digest, form
from reconciler.core.selection import Selection
from reconciler.github import api, reviewed
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.reviewed import artifact, plan_of

HEAD = "1" * 40
PULL: dict[str, Any] = {
    "number": 7,
    "head": {"sha": HEAD},
    "base": {"ref": "main"},
    "merged_at": "2026-01-01T00:00:00Z",
}
BY_OTHERS = "was not made by the plan workflow"
UNREADABLE = "is not a valid plan"


def a_plan(name: str = "Ana Maria") -> dict[str, Any]:
    """A plan that gives an agent this name, as it is saved."""
    change = Change("name", "Ana", name, "different", None)
    entry = Entry(
        *("rentix", "a", 1, "Ana", Source("agents/a.yaml", 1)),
        *("externalId", ("update",), (change,), None, ""),
    )
    made = Plan(
        **{**{f: getattr(join({}, {}, {}), f) for f in Plan.__slots__}, "entries": (entry,)}
    )
    return json.loads(json.dumps(form(made, Selection(), ["rentix"], "0.1.0")))


def kept(platform: Platform, name: str = "Ana Maria", **run: Any) -> dict[str, Any]:
    """The artifact with that plan for the pull request's head."""
    return platform.keep(HEAD, zipped(plan_json=json.dumps(a_plan(name))), **run)


def names(made: Plan | None) -> list[Any]:
    """What the agents of a plan are to be called."""
    assert made is not None
    return [change.after for entry in made.entries for change in entry.changes]


def refusal(github: GitHub) -> str:
    """Why there is no plan of the pull request."""
    made, why = plan_of(github, PULL, WORKFLOW)
    assert made is None
    return why.removeprefix("the plan of #7 ")


def test_a_plan_is_found(platform: Platform, github: GitHub) -> None:
    """By the name with the head in it, among others of any name."""
    kept(platform)
    platform.keep("2" * 40, b"")
    made, why = plan_of(github, PULL, WORKFLOW)
    assert (names(made), why) == (["Ana Maria"], "")
    assert artifact(HEAD) == platform.artifacts[0]["name"]


def test_the_newest_counts(platform: Platform, github: GitHub) -> None:
    """A re-run's; one that does not count lets the one before it count."""
    kept(platform, "First")
    kept(platform, "Second")
    kept(platform, "Third", conclusion="failure")
    platform.artifacts.reverse()
    made, _ = plan_of(github, PULL, WORKFLOW)
    assert names(made) == ["Second"]


def test_the_newest_ones_reason_is_told(platform: Platform, github: GitHub) -> None:
    """Where none counts."""
    kept(platform, event="push")
    kept(platform)["expired"] = True
    assert refusal(github) == "has expired"


def test_no_plan_was_kept(platform: Platform, github: GitHub) -> None:
    """None at all; and a list that is not filtered by the name is not believed."""
    assert refusal(github) == "no plan was stored for #7"
    kept(platform)["name"] = "reconciler-plan"
    whole = Answer(200, {"artifacts": platform.artifacts})
    platform.fail("GET", "actions/artifacts", whole)
    assert refusal(github) == "no plan was stored for #7"


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"event": "push"}, BY_OTHERS),
        ({"event": "pull_request_target"}, BY_OTHERS),
        ({"head_sha": "2" * 40}, BY_OTHERS),
        ({"path": ".github/workflows/other.yml"}, BY_OTHERS),
        ({"path": f"{WORKFLOW}.yml"}, BY_OTHERS),
        ({"path": None}, BY_OTHERS),
        ({"head_repository": {"full_name": "stranger/agents"}}, BY_OTHERS),
        ({"head_repository": None}, BY_OTHERS),
        ({"conclusion": "failure"}, "is from a run that did not succeed"),
        ({"conclusion": None}, "is from a run that did not succeed"),
    ],
)
def test_a_run_that_does_not_fit(
    platform: Platform, github: GitHub, run: dict[str, Any], why: str
) -> None:
    """Each thing alone is enough; and nothing is downloaded."""
    kept(platform, **run)
    assert refusal(github) == why
    assert not any(each.path.endswith("/zip") for each in platform.asked)


def test_a_path_with_its_reference_fits(platform: Platform, github: GitHub) -> None:
    """GitHub says it so in places."""
    kept(platform, path=f"{WORKFLOW}@refs/heads/change")
    assert plan_of(github, PULL, WORKFLOW)[0] is not None


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"head_sha": "2" * 40}, "is for another commit"),
        ({"head_repository_id": FORK}, "comes from a fork"),
        (None, "is for another commit"),
    ],
)
def test_an_artifact_that_does_not_fit(
    platform: Platform, github: GitHub, about: dict[str, Any] | None, why: str
) -> None:
    """What the list says of it; no run is asked for."""
    found = kept(platform)
    found["workflow_run"] = None if about is None else {**found["workflow_run"], **about}
    assert refusal(github) == why
    assert len(platform.asked) == 1


def spoilt(**values: Any) -> bytes:
    """A plan with these values, whose digest fits."""
    made = {**a_plan(), **values}
    made["digest"] = digest(made)  # type: ignore[arg-type]
    return zipped(plan_json=json.dumps(made))


def broken() -> bytes:
    """An archive whose compressed bytes are none."""
    content = bytearray(zipped(plan_json=b"x" * 5000))
    content[40:50] = b"\xff" * 10
    return bytes(content)


def encrypted() -> bytes:
    """An archive that says it needs a password."""
    content = bytearray(zipped(plan_json=json.dumps(a_plan())))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def packed_otherwise() -> bytes:
    """An archive of a kind that nobody unpacks."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("plan.json", "{}")
    content = bytearray(made.getvalue())
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
        spoilt(format_version="99.0"),
        spoilt(agents=[1]),
        spoilt(agents=None),
        spoilt(agents=[{}]),
        spoilt(conflicts={"a": 1}),
        spoilt(requests=["x"]),
        spoilt(requests=[{"covers": [1]}]),
    ],
)
def test_what_is_no_plan(platform: Platform, github: GitHub, content: bytes) -> None:
    """Cut, edited, or made to be no such thing: refused, and never a crash."""
    platform.keep(HEAD, content)
    assert refusal(github) == UNREADABLE


def test_a_bomb(platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is unpacked nor what is fetched is without a limit."""
    monkeypatch.setattr(reviewed, "MAX_BYTES", 100_000)
    found = platform.keep(HEAD, zipped(plan_json=b" " * 10_000_000))
    assert refusal(github) == UNREADABLE
    monkeypatch.setattr(api, "MAX_BYTES", 1000)
    platform.content[found["id"]] = b"x" * 2000
    assert refusal(github) == "is too large"


@pytest.mark.parametrize("path", [r"actions/artifacts/\d+/zip", "/store/.*"])
def test_one_that_went_meanwhile(platform: Platform, github: GitHub, path: str) -> None:
    """Expired between two questions; a failure of GitHub is raised, for it is no answer."""
    kept(platform)
    platform.fail("GET", path, Answer(410))
    assert refusal(github) == "is no longer available"
    platform.fail("GET", path, Answer(418))
    with pytest.raises(GitHubError):
        refusal(github)


def test_only_what_was_merged_here(platform: Platform, github: GitHub) -> None:
    """A pull request that is open, or of another branch, led nowhere; each is looked at once, and
    no more of them than asked for."""
    platform.pulls = {
        7: PULL,
        8: {**PULL, "number": 8, "merged_at": None},
        9: {**PULL, "number": 9, "base": {"ref": "other"}},
        10: {**PULL, "number": 10, "head": {"sha": "3" * 40}},
    }
    platform.commits = {"a" * 40: [8, 9, 7], "b" * 40: [7], "c" * 40: [10], "d" * 40: []}
    kept(platform)
    found = reviewed.reviewed_plans(github, [each * 40 for each in "dabc"], "main", WORKFLOW)
    assert names(next(found)[0]) == ["Ana Maria"]
    assert not any(each.path.startswith("commits/b") for each in platform.asked)
    assert list(found) == [(None, "no plan was stored for #10")]
