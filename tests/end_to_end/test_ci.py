"""`ci plan`, `ci apply` and `ci drift` in a repository on GitHub: real commits and merges, real
HTTP to a small GitHub and to the portals."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agency import KEY, Agency, new_portals, person, section, user, writes
from github.platform import (
    BOT,
    ENTERPRISE,
    REPOSITORY,
    TOKEN,
    Answer,
    Asked,
    Platform,
    emptied,
    serving,
    zipped,
)
from github.runner import Project, Step, lay_out, project
from repositories import plain_git, refusing, say

from reconciler.cli import console
from reconciler.engine import session
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import OutputError
from reconciler.github import api, reviewed
from reconciler.sandbox.readings import Readings
from reconciler.sandbox.server import Running, running
from reconciler.sandbox.state import Agency as Account
from reconciler.store import open_store, planfile
from reconciler.store.applied import LastApplied
from reconciler.store.branch import Shared
from reconciler.store.holder import WorkflowRun, this_process
from reconciler.store.lock import LockWait
from reconciler.store.refs import GitError, git

A: dict[str, Any] = {"externalId": "a", "name": "Ana"}
B: dict[str, Any] = {"externalId": "b", "name": "Bogdan"}
C: dict[str, Any] = {"externalId": "c", "name": "Carmen"}
LIVE = [user(number, **each) for number, each in enumerate((A, B, C), 1)]
GONE = Answer(502, {"message": "Bad Gateway"})


@pytest.fixture(scope="module")
def served() -> Iterator[Platform]:
    """One GitHub for all tests, emptied before each."""
    with serving() as platform:
        yield platform


@pytest.fixture(scope="module")
def first(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that each test starts with a copy of."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch, new_portals(server, KEY) as portal:
        plain_git(patch)
        agency = Agency(folder, portal)
        agency.live(*LIVE)
        lay_out(agency, folder, A, B, C)
    return folder


@pytest.fixture
def hub(
    agency: Agency, served: Platform, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project whose three agents are on the portal as declared on main; no step waits."""
    plain_git(monkeypatch)
    monkeypatch.setattr(api, "_pause", lambda *_: 0.0)
    monkeypatch.setattr(reviewed, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    agency.live(*LIVE)
    with emptied(served) as platform:
        hub = project(agency, platform, tmp_path, first)
        yield hub
    for step in hub.all:
        check_secrets(hub, step)


def check_secrets(hub: Project, step: Step) -> None:
    """Check that neither the portals' keys nor the runner's token are in any output."""
    message = [step.out, step.err, step.summary, *step.outputs.values()]
    message += [each["body"] for every in hub.platform.comments.values() for each in every]
    message += [each["body"] for each in hub.platform.issues]
    message += [path.read_text() for path in hub.folder.glob("plan-*/*")]
    header = b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    for secret in (TOKEN, header, KEY, hub.desk.pf.key, hub.desk.pf.secret):
        assert not [each for each in message if secret in each]


def change(hub: Project, *agents: dict[str, Any], branch: str = "change") -> int:
    """A pull request whose files declare these agents."""
    hub.branch(branch)
    hub.desk.declare(*agents)
    return hub.open(branch)


def names(hub: Project) -> list[str]:
    """The agents' names on the portal."""
    return [each.name for _, each in sorted(hub.desk.truth().items())]


def rename(hub: Project, number: int, name: str) -> None:
    """Change a name on the portal by hand."""
    agent = hub.desk.truth()[number]
    agent.name = name
    hub.desk.portal.state.store.save(agent)


def comments(hub: Project, number: int) -> list[str]:
    """The comments on a pull request."""
    return [each["body"] for each in hub.platform.comments.get(number, [])]


# The plan of a pull request.


def test_pull_request_is_planned(hub: Project) -> None:
    """The comment, the summary, the outputs, the log, the plan and the report; nothing is sent."""
    number = change(hub, {**A, "name": "Ana Maria"}, B, C)
    step = hub.plan(number)
    head, base = hub.platform.pulls[number]["head"]["sha"], hub.head()
    assert (step.code, step.err) == (0, "")
    [body] = comments(hub, number)
    lines = body.split("\n")
    assert lines[0] == "<!-- agent-reconciler plan -->"
    assert lines[1] == f"<sub>Plan for {head[:12]} on {base[:12]}</sub>"
    page = f"https://github.example/{REPOSITORY}/actions/runs/"
    assert lines[2].startswith(f'<sub>Run: <a href="{page}')
    assert "Ana Maria" in body
    assert "Ana Maria" in step.summary
    assert "agent-reconciler" not in step.summary
    assert "Ana Maria" in step.out
    assert "Comment: created." in step.out
    saved = json.loads((hub.out(number) / "plan.json").read_bytes())
    assert step.outputs == {
        **{name: str(count) for name, count in saved["summary"].items()},
        "changes": "true",
        "digest": saved["digest"],
        "folder": hub.out(number).as_posix(),
        "artifact": f"reconciler-plan-{head}",
    }
    assert step.outputs["update"] == "1"
    assert "Ana Maria" in (hub.out(number) / "report.html").read_text()
    assert writes(hub.desk.calls()) == []
    assert step.notes == []


def test_each_change_is_attributed(hub: Project) -> None:
    """To this pull request, to the base, or to someone on the portal."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare(A, {**B, "name": "Bob"}, C)
    hub.push("waits")
    rename(hub, 3, "Somebody")
    number = change(hub, {**A, "name": "Ana Maria"}, {**B, "name": "Bob"}, C)
    step = hub.plan(number)
    saved = json.loads((hub.out(number) / "plan.json").read_bytes())
    assert {each["key"]: each["attribution"] for each in saved["agents"]} == {
        "a": "pull_request",
        "b": "base",
        "c": "drift",
    }
    [body] = comments(hub, number)
    for message in (body, step.summary):
        assert "this pull request" in message
        assert "already waiting on the base" in message
        assert "drift" in message


def test_unchanged_plan_leaves_the_comment(hub: Project) -> None:
    """A second run for the same head changes nothing; a new head updates the comment."""
    number = change(hub, {**A, "name": "Ana Maria"}, B, C)
    hub.plan(number)
    hub.platform.writes()
    first = comments(hub, number)
    assert "Comment: unchanged." in hub.plan(number).out
    assert (hub.platform.writes(), comments(hub, number)) == ([], first)
    hub.desk.declare({**A, "name": "Anica"}, B, C)
    hub.update(number, "change")
    assert "Comment: updated." in hub.plan(number).out
    [body] = comments(hub, number)
    assert "Anica" in body
    assert "Maria" not in body


def test_no_comment_without_changes(hub: Project) -> None:
    """The summary has the result; an existing comment is updated."""
    number = change(hub, {**A, "instagram": None}, B, C)
    step = hub.plan(number)
    assert "Comment: none." in step.out
    assert step.outputs["changes"] == "false"
    assert step.summary
    assert comments(hub, number) == []
    hub.desk.declare({**A, "name": "Anica"}, B, C)
    hub.update(number, "change")
    hub.plan(number)
    hub.desk.declare(A, B, {**C, "youtube": None})
    hub.update(number, "change")
    assert "Comment: updated." in hub.plan(number).out
    [body] = comments(hub, number)
    assert "Anica" not in body


@pytest.mark.parametrize("failure", ["file", "configuration", "key", "refused key", "folder"])
def test_failed_plan_replaces_the_former_one(hub: Project, failure: str) -> None:
    """The comment, an annotation and the summary say why; the next plan is shown as usual."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    [before] = comments(hub, number)
    environment, reason = {}, "RENTIX_API_KEY"
    hub.desk.declare({**A, "name": "Another"}, B, C)
    if failure == "file":
        hub.desk.declare({**A, "nmae": "Anica"}, B, C)
        reason = "agents/agents.yaml:1"
    elif failure == "configuration":
        hub.desk.use(rentix={"creat": "never"})
        reason = "creat"
    elif failure == "key":
        environment["RENTIX_API_KEY"] = ""
    elif failure == "refused key":
        environment["RENTIX_API_KEY"] = "an-old-key-that-was-revoked"
    else:
        shutil.rmtree(hub.out(number))
        hub.out(number).write_text("a file")
        reason = "cannot be written"
    hub.update(number, "change")
    step = hub.plan(number, upload=False, **environment)
    [body] = comments(hub, number)
    head = hub.platform.pulls[number]["head"]["sha"]
    assert step.code == 1
    assert body.startswith(f"<!-- agent-reconciler plan -->\n<sub>Commit {head[:12]}")
    assert "Anica" not in body
    for text in (body, step.summary):
        assert "### The last commit could not be planned" in text
        assert reason in text
    place = [f"{each.properties.get('file')}:{each.properties.get('line')}" for each in step.notes]
    assert reason in " ".join(place + step.annotated("error"))
    assert "an-old-key" not in body + step.summary + step.out + step.err
    if failure == "folder":
        hub.out(number).unlink()
    hub.desk.use(rentix={}, ledger="git:reconciler-ledger")
    hub.desk.declare({**A, "name": "Anica"}, B, C)
    hub.update(number, "change")
    assert hub.plan(number).code == 0
    assert comments(hub, number)[0].partition("###")[2] == before.partition("###")[2]


def test_portal_that_refuses_replaces_the_former_plan(hub: Project) -> None:
    """Whatever the portal, or the way to it, does."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    codes = [403, 500]

    async def refuse(*_: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse({"message": "not for you"}, codes[-1])

    hub.desk.portal.state.after.append(refuse)
    try:
        while codes:
            check_failure(hub, number, hub.plan(number), "Rentix")
            codes.pop()
    finally:
        hub.desk.portal.state.after.clear()
    step = hub.plan(number, RENTIX_URL="http://127.0.0.1:9/api/v1")
    check_failure(hub, number, step, "could not connect to 127.0.0.1")


def check_failure(hub: Project, number: int, step: Step, reason: str) -> None:
    """Check that the comment, an annotation and the summary show why there is no plan."""
    [body] = comments(hub, number)
    assert (step.code, "Anica" in body) == (1, False)
    for text in (body, step.summary):
        assert "### The last commit could not be planned" in text
        assert reason in text
    assert reason in " ".join(step.annotated("error"))


def test_failed_first_plan_creates_no_comment(hub: Project) -> None:
    """The check, its annotations and its summary show the failure."""
    number = change(hub, {**A, "nmae": "Anica"}, B, C)
    step = hub.plan(number)
    assert (step.code, hub.platform.comments) == (1, {})
    for text in (step.summary, step.annotated("error")[0]):
        assert "Unknown key `nmae`. Did you mean `name`?" in text


def test_internal_error_replaces_the_former_plan(
    hub: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names no value, since those are for the log."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.desk.declare({**A, "name": "Another"}, B, C)
    hub.update(number, "change")

    def fail(*_: object) -> None:
        raise KeyError("Another")

    monkeypatch.setattr(planfile, "save", fail)
    with pytest.raises(KeyError):
        hub.plan(number)
    [body] = comments(hub, number)
    assert "### The last commit could not be planned" in body
    assert "KeyError" in body
    assert "Another" not in body


@pytest.mark.parametrize("command", ["apply", "drift"])
def test_refused_key_is_annotated(hub: Project, command: str) -> None:
    """And summarized: the log alone is two clicks away."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    hub.runner.environment["RENTIX_API_KEY"] = "an-old-key-that-was-revoked"
    step = hub.apply() if command == "apply" else hub.drift()
    assert step.code == 1
    assert "RENTIX_API_KEY" in step.annotated("error")[0]
    assert "RENTIX_API_KEY" in step.summary


def test_older_head_leaves_the_comment(hub: Project) -> None:
    """The run for the newer head writes it."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    old = dict(hub.platform.pulls[number])

    def moved(asked: Asked) -> Answer | None:
        now = {**old, "head": {**old["head"], "sha": "0" * 40}}
        return Answer(200, now) if asked.path == f"pulls/{number}" else None

    hub.platform.twists.append(moved)
    step = hub.plan(number)
    assert step.code == 0
    assert "There is a newer commit" in step.out
    assert comments(hub, number) == []


def test_failed_comment_is_a_warning(hub: Project) -> None:
    """The plan succeeds."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    refused = Answer(403, {"message": "Resource not accessible by integration"})
    hub.platform.fail("POST", r"issues/\d+/comments", refused)
    step = hub.plan(number)
    assert step.code == 0
    [message] = step.annotated("warning")
    assert "The comment could not be written" in message
    assert "403 Resource not accessible" in message
    assert "Anica" in step.summary
    step = hub.plan(number, GITHUB_TOKEN="")
    assert step.code == 0
    assert "GITHUB_TOKEN is not set" in step.annotated("warning")[0]


def test_comment_on_a_long_plan_is_truncated(hub: Project) -> None:
    """To GitHub's limit, including the head; the summary has more of the plan."""
    many = [{"id": n, "name": f"Name {n} " + "ș" * 150} for n in range(1, 250)]
    hub.desk.live(*(user(n) for n in range(1, 250)))
    number = change(hub, *many)
    step = hub.plan(number)
    [body] = comments(hub, number)
    assert len(body.encode()) <= 60_000
    assert body.startswith("<!-- agent-reconciler plan -->\n<sub>Plan for ")
    assert len(body.encode()) < len(step.summary.encode()) <= 1024 * 1024
    assert "omitted (size limit)" in body


def test_read_only_folder(hub: Project) -> None:
    """An error, and no comment: the plan could not be reviewed."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.out(number).write_text("a file")
    step = hub.plan(number)
    assert (step.code, comments(hub, number)) == (1, [])
    assert "cannot be written" in step.err
    hub.out(number).unlink()


def test_errors_in_files_are_annotated(hub: Project) -> None:
    """And summarized, with exit 1; text from files is never a workflow command, and keys in it
    are redacted."""
    hub.branch("change")
    secret = hub.desk.pf.secret
    (hub.desk.root / "agents" / "bad.yaml").write_text(
        f'externalId: d\n"{secret}": 1\n::error::x: 1\n"##[error]y": 2\n'
    )
    number = hub.open("change")
    step = hub.plan(number)
    assert (step.code, comments(hub, number), hub.desk.calls()) == (1, [], [])
    places = {(each.properties["file"], each.properties["line"]) for each in step.notes}
    assert {("agents/bad.yaml", line) for line in "234"} == places
    assert {each.name for each in step.notes} == {"error"}
    assert "###" in step.summary
    assert "agents/bad.yaml:3" in step.summary
    assert "agents/bad.yaml:3:1" in step.err
    assert r"    \::error::x" in step.err
    assert "##[" not in step.err


def test_many_errors_in_files_are_counted(hub: Project) -> None:
    """Ten annotations, and a summary of limited length."""
    number = change(hub, *({"externalId": f"x{n}", "nmae": 1} for n in range(60)))
    step = hub.plan(number)
    assert len(step.notes) == 10
    assert step.annotated("error")[-1] == "and 51 more; see the summary for all"
    assert "agents/agents.yaml:99" in step.summary
    assert "and 10 more" in step.summary


def test_conflicts_are_annotated(hub: Project) -> None:
    """As errors at the agents' lines; limits, the ledger's notes and warnings are annotated
    too."""
    hub.desk.use(rentix={}, limits={"changes": "1%", "floor": 0})
    number = change(hub, {**A, "name": "Ana Maria"}, {**B, "id": 99}, C)
    step = hub.plan(number)
    assert step.code == 0
    errors = [each for each in step.notes if each.name == "error"]
    assert [(each.properties["file"], each.properties["line"]) for each in errors] == [
        ("agents/agents.yaml", "3")
    ]
    assert errors[0].message.startswith("b on rentix: conflict: ")
    assert step.annotated("warning")[0].startswith("over the limits: ")
    assert comments(hub, number)


def test_ledger_for_another_address_is_a_warning(hub: Project) -> None:
    """In a plan and in an apply."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    other = hub.desk.portal.url.replace("127.0.0.1", "localhost")
    step = hub.plan(number, RENTIX_URL=other)
    assert "for another address" in " ".join(step.annotated("warning"))
    hub.merge(number)
    assert "for another address" in " ".join(hub.apply(RENTIX_URL=other).annotated("warning"))


@pytest.mark.parametrize("name", ["reconciler-plan", "reconciler-plan/report.html"])
def test_a_plan_is_not_written_through_a_link(
    hub: Project, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull request's link, as the folder or a file in it, may point to any file of the runner."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "report.html").write_text("of the runner", "utf-8")
    hub.branch("link")
    hub.desk.declare({**A, "name": "Anica"}, B, C)
    link = hub.desk.root / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(other if name == "reconciler-plan" else other / "report.html")
    git(hub.desk.root, "add", "-f", name)
    number = hub.open("link")
    out = hub.folder / f"step-{hub.steps + 1}" / "work" / "reconciler-plan"
    monkeypatch.setattr(Project, "out", lambda *_: out)
    step = hub.plan(number)
    assert step.code == 1
    assert "symbolic link" in step.err
    assert [each.name for each in other.iterdir()] == ["report.html"]
    assert (other / "report.html").read_text("utf-8") == "of the runner"


@pytest.mark.parametrize("whose", ["fork", "dependabot"])
def test_without_keys_only_the_files_are_compared(hub: Project, whose: str) -> None:
    """For forks and Dependabot: no portal is read, nothing is written on GitHub."""
    number = change(hub, {**A, "name": "Ana @everyone"}, B)
    actor = {} if whose == "fork" else {"GITHUB_ACTOR": "dependabot[bot]"}
    if whose == "fork":
        hub.fork(number)
    keys = dict.fromkeys(("RENTIX_API_KEY", "PROPERTYFINDER_API_KEY", "GITHUB_TOKEN"), "")
    step = hub.plan(number, **keys, **actor)
    assert (step.code, hub.desk.calls(), hub.platform.asked) == (0, [], [])
    assert step.summary.startswith("### 2 agents changed in the files\n")
    assert "- `a` (changed): `name`\n- `c` (gone): " in step.summary
    assert "a maintainer can push the branch" in step.annotated("notice")[0]
    assert "@everyone" not in step.summary
    assert step.outputs == {}


def test_fork_with_many_changes(hub: Project) -> None:
    """The list of changes has a limited length."""
    number = change(hub, A, B, C, *({"externalId": f"x{n}", "name": "X"} for n in range(60)))
    hub.fork(number)
    assert hub.plan(number).summary.rstrip().endswith("- and 10 more")


@pytest.mark.parametrize("fork", [False, True])
def test_pull_request_that_fixes_the_base(hub: Project, fork: bool) -> None:
    """A base with errors is not compared, and does not prevent a plan."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "nmae": "Ana"}, B, C)
    hub.push("slip")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    if fork:
        hub.fork(number)
    step = hub.plan(number)
    assert step.code == 0
    [message] = step.annotated("warning")
    assert "have errors" in message
    assert ("Anica" in step.summary) is not fork
    assert step.summary.startswith("### The files are valid" if fork else "### ")


def test_head_without_a_merge(hub: Project) -> None:
    """A workflow may check out the head itself; the base is where the branches diverged."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    base = hub.head()
    pull = hub.platform.pulls[number]
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare(A, B, {**C, "name": "Later"})
    hub.push("meanwhile")
    event = hub.event({"pull_request": {**pull, "base": {"sha": hub.head(), "ref": "main"}}})
    environment = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": event,
        "GITHUB_SHA": pull["head"]["sha"],
    }
    out = ("--out", str(hub.out(number)))
    step = hub.run("plan", *out, check_out=pull["head"]["sha"], **environment)
    assert step.code == 0
    assert f"on {base[:12]}" in comments(hub, number)[0]
    step = hub.run("plan", *out, check_out=hub.head(), **environment)
    assert step.code == 1
    assert "is not checked out" in step.err
    assert "is not checked out" in step.annotated("error")[0]


def test_shallow_pull_request_checkout(hub: Project, tmp_path: Path) -> None:
    """Without a base, the error explains the fix."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    root = tmp_path / "shallow" / "work"
    root.mkdir(parents=True)
    git(root, "init", "-q")
    head = hub.platform.pulls[number]["head"]["sha"]
    git(root, "fetch", "-q", "--depth=1", hub.remote.as_uri(), head)
    git(root, "checkout", "-q", "--detach", head)
    step = hub.step(
        "plan",
        root=root,
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=hub.event({"pull_request": hub.platform.pulls[number]}),
        GITHUB_SHA=head,
    )
    assert step.code == 1
    assert "fetch-depth: 0" in step.err


@pytest.mark.parametrize("event", ["push", "pull_request_target"])
def test_plan_needs_a_pull_request(hub: Project, event: str) -> None:
    """Other events are rejected; `pull_request_target` would give keys to an author's files."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    payload = {} if event == "push" else {"pull_request": hub.platform.pulls[number]}
    step = hub.run(
        "plan",
        check_out=hub.head(),
        GITHUB_EVENT_NAME=event,
        GITHUB_EVENT_PATH=hub.event(payload),
        GITHUB_SHA=hub.head(),
    )
    assert (step.code, hub.desk.calls()) == (1, [])
    assert "runs on the event pull_request" in step.err


def test_text_of_agents_is_no_workflow_command(hub: Project) -> None:
    """In either syntax: in the log, in annotations, in the comment."""
    hostile = "##[error]x ::error::y, %0A::add-mask::z"
    hub.desk.use(rentix={}, limits={"changes": "1%", "floor": 0})
    text = f"{hostile}\n::stop-commands::word\n ::error::second"
    number = change(hub, {**A, "name": hostile}, {**B, "description": text}, C)
    step = hub.plan(number)
    assert {each.name for each in step.notes} == {"warning"}
    assert "##[" not in step.out
    assert hostile.partition("##[")[2] in step.out


def test_plan_with_one_portal_down(hub: Project) -> None:
    """The other one is planned; the step fails, so that its plan is not applied."""
    hub.desk.use(rentix={}, propertyfinder={}, ledger="git:reconciler-ledger")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    step = hub.plan(number, PROPERTYFINDER_URL="http://127.0.0.1:9")
    assert step.code == 1
    assert "propertyfinder could not be read" in step.annotated("error")[0]
    assert "Anica" in comments(hub, number)[0]


# Keys are sent only to hosts that the base branch names.


def at(url: str, **more: Any) -> dict[str, Any]:
    """The configuration of Rentix at an address."""
    return {"rentix": {"url": url}, "ledger": "git:reconciler-ledger", **more}


def addressed(hub: Project, url: str, *agents: dict[str, Any], branch: str = "address") -> int:
    """A pull request that sets the address of Rentix and declares these agents."""
    hub.branch(branch)
    hub.desk.use(**at(url))
    hub.desk.declare(*(agents or (A, B, C)))
    return hub.open(branch)


def base_at(hub: Project, url: str) -> None:
    """Merge an address; main declares the three agents."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.use(**at(url))
    hub.push("address")


@pytest.fixture
def named(hub: Project) -> Project:
    """A project whose workflows do not set the portals' addresses."""
    hub.runner.environment |= {"RENTIX_URL": "", "PROPERTYFINDER_URL": ""}
    hub.desk.calls()
    return hub


def unplanned(hub: Project, number: int, step: Step, url: str) -> None:
    """Check that a pull request was validated only, and that its comment says why."""
    assert (step.code, hub.desk.calls(), step.outputs) == (0, [], {})
    [body] = comments(hub, number)
    assert body.startswith("<!-- agent-reconciler plan -->\n<sub>Commit ")
    [warning] = step.annotated("warning")
    for text in (body, step.summary, warning):
        assert url in text
        assert "Merge the address first" in text
    assert "### No plan: merge the new address first" in body
    assert not hub.out(number).exists()


def test_new_address_is_merged_before_it_gets_a_key(named: Project) -> None:
    """The pull request that changes it is validated only, and its merge applies nothing; the next
    one is planned and applies both."""
    hub, url = named, named.desk.portal.url
    number = addressed(hub, url, ANICA, B, C)
    step = hub.plan(number)
    unplanned(hub, number, step, url)
    assert "1 agent changed in the files:\n\n- `a` (changed): `name`" in step.summary
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert f"no plan was stored for #{number}" in step.annotated("error")[0]
    hub.desk.use(**at(url))
    merged(hub, ANICA, B, DORA, branch="next")
    assert (hub.apply().code, names(hub)) == (0, ["Anica", "Bogdan", "Dora"])


def test_new_address_replaces_the_plan(named: Project) -> None:
    """The plan of the commit before is neither shown nor applied."""
    hub, url = named, named.desk.portal.url
    base_at(hub, url)
    number = addressed(hub, url, ANICA, B, C)
    assert "Anica" in hub.plan(number).out
    shutil.rmtree(hub.out(number))
    other = url.replace("127.0.0.1", "localhost")
    hub.desk.use(**at(other))
    hub.update(number, "address")
    hub.desk.calls()
    unplanned(hub, number, hub.plan(number), other)
    hub.merge(number)
    assert (hub.apply().code, names(hub)[0]) == (1, "Ana")


def test_same_host_with_another_path_is_planned(named: Project) -> None:
    """Whoever receives the key there has it already."""
    hub, url = named, named.desk.portal.url
    base_at(hub, f"{url}/v0")
    number = addressed(hub, url, ANICA, B, C)
    assert "Anica" in hub.plan(number).out
    assert "Anica" in comments(hub, number)[0]


@pytest.mark.parametrize("base", ["port", "portal", "broken", "missing"])
def test_base_that_does_not_name_the_host(named: Project, base: str) -> None:
    """Another port is another host. Another portal's host is not this one's. A base without a valid
    configuration names no host."""
    hub, url = named, named.desk.portal.url
    git(hub.desk.root, "checkout", "-q", "main")
    config = hub.desk.root / "reconciler.yaml"
    if base == "port":
        hub.desk.use(**at("http://127.0.0.1:9/api/v1"))
    elif base == "portal":
        hub.desk.use(rentix={}, propertyfinder={"url": url}, ledger="git:reconciler-ledger")
    elif base == "broken":
        config.write_text(f"portals: {{rentix: {{url: '{url}'}}}}\nagent: x\n")
    elif base == "missing":
        config.unlink()
    hub.push("base")
    number = addressed(hub, url, ANICA, B, C)
    unplanned(hub, number, hub.plan(number), url)


def test_one_of_two_portals_at_a_new_address(named: Project) -> None:
    """Neither is read; a variable of the workflow names a host too."""
    hub, url = named, named.desk.portal.url
    base_at(hub, url)
    other = hub.desk.portal.urls["propertyfinder"]
    hub.branch("both")
    hub.desk.use(**at(url), propertyfinder={"url": other})
    hub.desk.declare(ANICA, B, C)
    number = hub.open("both")
    unplanned(hub, number, hub.plan(number), other)
    step = hub.plan(number, PROPERTYFINDER_URL=other)
    assert step.code == 0
    assert "Anica" in comments(hub, number)[0]


def test_configuration_with_another_name(named: Project) -> None:
    """Its own file on the base counts: one that a pull request adds names no host."""
    hub, url = named, named.desk.portal.url
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.use(**at(url))
    (hub.desk.root / "reconciler.yaml").rename(hub.desk.root / "portals.conf")
    hub.push("renamed")
    number = change(hub, ANICA, B, C)
    assert "Anica" in hub.plan(number, RECONCILER_CONFIG="portals.conf").out
    (hub.desk.root / "portals.conf").rename(hub.desk.root / "new.yaml")
    hub.update(number, "change")
    shutil.rmtree(hub.out(number))
    hub.desk.calls()
    unplanned(hub, number, hub.plan(number, RECONCILER_CONFIG="new.yaml"), url)


def test_configuration_in_a_subfolder(named: Project) -> None:
    """An agency's configuration counts for itself; one above it can be shared."""
    hub, url = named, named.desk.portal.url
    git(hub.desk.root, "checkout", "-q", "main")
    for folder, address in (("team", url), ("other", "http://127.0.0.1:9/api/v1")):
        inner = Agency(hub.desk.root / folder, hub.desk.portal)
        inner.root.mkdir()
        inner.declare(A, B, C)
        inner.use(**at(address))
    hub.push("below")
    hub.branch("change")
    Agency(hub.desk.root / "team", hub.desk.portal).declare(ANICA, B, C)
    Agency(hub.desk.root / "other", hub.desk.portal).use(**at(url))
    number = hub.open("change")
    assert "Anica" in hub.plan(number, below="team").out
    shutil.rmtree(hub.out(number))
    hub.desk.calls()
    step = hub.plan(number, below="other")
    assert (step.code, hub.desk.calls()) == (0, [])
    assert "Merge the address first" in comments(hub, number)[1]
    step = hub.plan(number, below="other", RECONCILER_CONFIG="../team/reconciler.yaml")
    assert "No plan" not in comments(hub, number)[1]


def test_address_that_the_base_no_longer_names(named: Project) -> None:
    """A workflow that checks out the head itself compares with where the branches diverged, but
    trusts only the base branch's newest configuration."""
    hub, url = named, named.desk.portal.url
    base_at(hub, url)
    number = change(hub, ANICA, B, C)
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.use(**at("http://127.0.0.1:9/api/v1"))
    hub.push("moved")
    pull = hub.platform.pulls[number]
    pull["base"]["sha"] = hub.head()
    step = hub.run(
        *("plan", "--out", str(hub.out(number))),
        check_out=pull["head"]["sha"],
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=hub.event({"pull_request": pull}),
        GITHUB_SHA=pull["head"]["sha"],
    )
    unplanned(hub, number, step, url)


def test_new_address_on_a_base_with_errors(named: Project) -> None:
    """The comment does not compare the files then."""
    hub, url = named, named.desk.portal.url
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "nmae": "Ana"}, B, C)
    hub.push("slip")
    number = addressed(hub, url)
    step = hub.plan(number)
    assert (step.code, hub.desk.calls()) == (0, [])
    assert comments(hub, number)[0].rstrip().endswith("shows everything that waits.")


@pytest.mark.parametrize("command", ["apply", "drift"])
@pytest.mark.parametrize("default", ["main", "side", None])
def test_manual_run_on_another_branch(named: Project, command: str, default: str | None) -> None:
    """Only the default branch's own configuration is the base; other branches need its hosts."""
    hub, url = named, named.desk.portal.url
    hub.branch("side")
    hub.desk.use(**at(url))
    commit = hub.push("address", "side")
    hub.platform.head = lambda _: commit
    event = {} if default is None else {"repository": {"default_branch": default}}
    start = partial(
        hub.run,
        command,
        GITHUB_EVENT_NAME="workflow_dispatch",
        GITHUB_EVENT_PATH=hub.event(event),
        GITHUB_REF="refs/heads/side",
    )
    step = start(check_out=commit, GITHUB_SHA=commit)
    if default != "main":
        assert step.code == 0
        assert hub.desk.calls() != []
        return
    assert (step.code, hub.desk.calls()) == (1, [])
    assert url in step.annotated("error")[0]
    base_at(hub, url)
    assert start(check_out=commit, GITHUB_SHA=commit).code == 0


# The apply of a merge.


@pytest.mark.parametrize("kind", ["squash", "merge", "rebase"])
def test_merge_is_applied(hub: Project, kind: str) -> None:
    """Exactly what was reviewed, whichever way it was merged; a second run does nothing."""
    number = change(hub, {**A, "name": "Ana Maria"}, B, C)
    hub.desk.declare({**A, "name": "Ana Maria"}, {**B, "name": "Bob"}, C)
    hub.update(number, "change", "second")
    hub.plan(number)
    hub.merge(number, kind)
    hub.desk.calls()
    step = hub.apply()
    assert (step.code, step.err) == (0, "")
    assert names(hub) == ["Ana Maria", "Bob", "Carmen"]
    assert [call[0] for call in writes(hub.desk.calls())] == ["POST"]
    assert step.outputs == {"applied": "2", "failed": "0"}
    assert "applied" in step.summary
    assert "applied" in step.out
    step = hub.apply()
    assert (step.code, step.outputs["applied"], writes(hub.desk.calls())) == (0, "0", [])


@pytest.mark.parametrize("broken", ["the log", "the summary", "the outputs"])
def test_apply_keeps_its_exit_code_without_a_report(
    hub: Project, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """What cannot be written changes nothing; the log has a warning if it can be written."""
    number = change(hub, {**A, "name": "Ana Maria"}, B, C)
    hub.plan(number)
    hub.merge(number)
    environment = {}
    if broken == "the log":

        def fail(_: str) -> None:
            raise OutputError("Could not write.")

        monkeypatch.setattr(console, "write_unchanged", fail)
    else:
        name = "GITHUB_STEP_SUMMARY" if broken == "the summary" else "GITHUB_OUTPUT"
        environment[name] = "/dev/full"
    step = hub.apply(**environment)
    assert (step.code, names(hub)) == (0, ["Ana Maria", "Bogdan", "Carmen"]), step.out
    if broken != "the log":
        assert "No space left" in step.annotated("warning")[0]


def test_ledger_is_pushed(hub: Project) -> None:
    """To the branch, where the next run finds it."""
    picture = {"url": "https://agency.example/1.jpg"}
    number = change(hub, {**A, "avatar": picture}, B, C)
    hub.plan(number)
    hub.merge(number)
    assert hub.apply().code == 0
    assert "Applied" in say(hub.remote, "log", "-1", "--format=%s", "reconciler-ledger")
    number = change(hub, {**A, "avatar": picture, "youtube": None}, B, C, branch="next")
    assert hub.plan(number).outputs["changes"] == "false"


def test_two_merges_in_a_row(hub: Project) -> None:
    """The first is superseded, the second applies both; agents in neither are skipped."""
    first = change(hub, {**A, "name": "Ana Maria"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Carmencita"}, branch="second")
    hub.plan(second)
    early = hub.merge(first)
    hub.merge(second)
    hub.desk.calls()
    step = hub.apply(early)
    assert (step.code, hub.desk.calls()) == (0, [])
    [message] = step.annotated("notice")
    assert message.startswith(f"Superseded: main is now at {hub.head()};")
    assert step.summary.startswith("Superseded")
    assert hub.apply().code == 0
    assert names(hub) == ["Ana Maria", "Bogdan", "Carmencita"]


def test_only_needed_pull_requests_are_read(hub: Project) -> None:
    """Reading stops once all changes are covered."""
    for name in ("One", "Two"):
        number = change(hub, {**A, "name": name}, B, C, branch=name)
        hub.plan(number)
        hub.merge(number)
        hub.platform.asked.clear()
        assert hub.apply().code == 0
    asked = [each.path for each in hub.platform.asked if each.path.startswith("commits/")]
    assert asked == [f"commits/{hub.head()}/pulls"]


def test_merge_that_github_does_not_know_at_once(hub: Project) -> None:
    """The apply asks again instead of refusing what was reviewed."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    commit = hub.merge(number)
    hub.platform.fail("GET", f"commits/{commit}/pulls", Answer(200, []), Answer(200, []))
    assert (hub.apply().code, names(hub)[0]) == (0, "Anica")


def test_branch_that_moves_during_planning(hub: Project) -> None:
    """The last check is just before sending."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    commit = hub.merge(number)
    heads = iter([commit, "f" * 40])
    hub.platform.head = lambda _: next(heads)
    hub.desk.calls()
    step = hub.apply()
    assert (step.code, writes(hub.desk.calls())) == (0, [])
    assert "Superseded" in step.annotated("notice")[0]


def test_branch_that_is_behind(hub: Project) -> None:
    """GitHub may not have the push yet; that does not supersede this run."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    before = hub.head()
    hub.merge(number)
    hub.platform.head = lambda _: before
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert "run this again" in step.err


def test_cancelled_apply(hub: Project, ctrl_c: Callable[[], None]) -> None:
    """The request in progress is finished, recorded and reported."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)

    async def press(call: Any, _: Any) -> None:
        if call.method == "PUT":
            await asyncio.to_thread(ctrl_c)

    hub.desk.portal.state.after.append(press)
    try:
        step = hub.apply()
    finally:
        hub.desk.portal.state.after.clear()
    assert (step.code, names(hub)[0]) == (130, "Anica")
    assert step.outputs == {"applied": "1", "failed": "0"}


def test_apply_with_one_portal_down(hub: Project) -> None:
    """The other one is applied: exit 3, with a message."""
    hub.desk.use(rentix={}, propertyfinder={}, ledger="git:reconciler-ledger")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    with running() as other:
        url = other.urls["propertyfinder"]
        hub.plan(number, PROPERTYFINDER_URL=url)
    hub.merge(number)
    step = hub.apply(PROPERTYFINDER_URL=url)
    assert (step.code, names(hub)[0]) == (3, "Anica")
    assert "propertyfinder could not be read" in step.annotated("error")[0]


def test_annotations_without_a_file(hub: Project) -> None:
    """An unreviewed removal is skipped and annotated on the run; a waiting agent at its line."""
    section = {"on_removed": "unlink"}
    hub.branch("first")
    hub.desk.use(rentix=section, ledger="git:reconciler-ledger")
    hub.desk.declare({**A, "name": "Anica"}, B, C, {"externalId": "new", "name": "New"})
    first = hub.open("first")
    step = hub.plan(first)
    [waits] = [each for each in step.notes if each.name == "warning"]
    assert waits.message.startswith("new on rentix: ")
    assert waits.properties["line"] == "7"
    hub.merge(first)
    second = change(hub, {**A, "name": "Anica"}, B, branch="second")
    hub.plan(second, upload=False)
    hub.merge(second)
    step = hub.apply()
    assert step.code == 3
    assert names(hub) == ["Anica", "Bogdan", "Carmen"]
    assert hub.desk.truth()[3].external_id == "c"
    left = [each for each in step.notes if "left out" in each.message]
    assert [each.properties for each in left] == [{}]


def test_subfolder_of_a_repository(hub: Project) -> None:
    """Agents in a subfolder: annotated paths start at the root, and the base is compared."""
    git(hub.desk.root, "checkout", "-q", "main")
    inner = Agency(hub.desk.root / "team", hub.desk.portal)
    inner.root.mkdir()
    inner.declare(A, B, C)
    inner.use(rentix={}, ledger="git:reconciler-ledger")
    hub.push("below")
    hub.branch("change")
    inner.declare({**A, "name": "Anica"}, {**B, "id": 99}, C)
    number = hub.open("change")
    step = hub.plan(number, below="team")
    assert [each.properties["file"] for each in step.notes] == ["team/agents/agents.yaml"]
    saved = json.loads((hub.out(number) / "plan.json").read_bytes())
    assert [each["attribution"] for each in saved["agents"]] == ["pull_request"]


NORTH, SOUTH = "agencies/north", "agencies/south"


def agencies(hub: Project, north: dict[str, Any], south: dict[str, Any]) -> None:
    """Declare an agent of each of two agencies in one repository."""
    for folder, agent in ((NORTH, north), (SOUTH, south)):
        inner = Agency(hub.desk.root / folder, hub.desk.portal)
        inner.root.mkdir(parents=True, exist_ok=True)
        inner.declare(agent)
        inner.use(rentix={}, ledger="git:reconciler-ledger")


@pytest.fixture
def two(hub: Project) -> Project:
    """A project with two agencies, which have applied their agents."""
    git(hub.desk.root, "checkout", "-q", "main")
    agencies(hub, A, B)
    hub.push("two agencies")
    for folder in (NORTH, SOUTH):
        assert hub.apply(below=folder, event="workflow_dispatch").code == 0
    return hub


def test_each_agency_has_a_comment_and_an_apply(two: Project) -> None:
    """Each plans, is reviewed and is applied on its own; one branch has both ledgers."""
    two.branch("change")
    agencies(two, {**A, "name": "Anica"}, {**B, "name": "Bob"})
    number = two.open("change")
    for folder in (NORTH, SOUTH):
        step = two.plan(number, below=folder)
        assert "Comment: created." in step.out
        assert step.summary.startswith(f"`{folder}`\n\n###")
    for folder in (NORTH, SOUTH):
        assert "Comment: unchanged." in two.plan(number, below=folder, upload=False).out
    north, south = comments(two, number)
    assert north.startswith("<!-- agent-reconciler plan agencies/north -->\n<sub>Plan for ")
    assert f"in <code>{NORTH}</code></sub>" in north
    assert ("Anica" in north, "Bob" in north) == (True, False)
    assert ("Anica" in south, "Bob" in south) == (False, True)
    two.merge(number)
    step = two.apply(below=NORTH)
    assert (step.code, names(two)) == (0, ["Anica", "Bogdan", "Carmen"])
    assert step.summary.startswith(f"`{NORTH}`\n\n###")
    assert (two.apply(below=SOUTH).code, names(two)) == (0, ["Anica", "Bob", "Carmen"])
    files = say(two.remote, "ls-tree", "-r", "--name-only", "reconciler-ledger").split()
    assert {f"{NORTH}/ledger.json", f"{SOUTH}/ledger.json"} < set(files)


def test_plan_of_one_agency_does_not_review_the_other(two: Project) -> None:
    """An agency without a stored plan is not applied."""
    two.branch("change")
    agencies(two, {**A, "name": "Anica"}, {**B, "name": "Bob"})
    number = two.open("change")
    two.plan(number, below=NORTH)
    two.merge(number)
    step = two.apply(below=SOUTH)
    assert (step.code, names(two)) == (1, ["Ana", "Bogdan", "Carmen"])
    assert f"no plan was stored for #{number}" in step.annotated("error")[0]


def test_failed_plan_of_one_agency_leaves_the_others_comment(two: Project) -> None:
    """Each replaces its own."""
    two.branch("change")
    agencies(two, {**A, "name": "Anica"}, {**B, "name": "Bob"})
    number = two.open("change")
    for folder in (NORTH, SOUTH):
        two.plan(number, below=folder)
    north, _ = comments(two, number)
    agencies(two, {**A, "name": "Anica"}, {**B, "nmae": "Bob"})
    two.update(number, "change")
    assert two.plan(number, below=SOUTH).code == 1
    now = comments(two, number)
    assert now[0] == north
    assert "could not be planned" in now[1]


def test_refusal_of_git_leaves_the_other_agencys_comment(
    two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout of another user: the comment of the agency in the folder is rewritten, and not
    that of one at the top."""
    two.branch("change")
    two.desk.declare(A, B, {**C, "name": "Carmencita"})
    agencies(two, {**A, "name": "Anica"}, B)
    number = two.open("change")
    two.plan(number)
    two.plan(number, below=NORTH)
    top, _ = comments(two, number)
    environment = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": two.event({"pull_request": two.platform.pulls[number]}),
        "GITHUB_SHA": two.head("change"),
    }
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    step = two.step("plan", root=two.desk.root / NORTH, **environment)
    assert "dubious ownership" in step.summary
    now = comments(two, number)
    assert now[0] == top
    assert "dubious ownership" in now[1]


def test_lock_of_one_agency_does_not_stop_the_other(two: Project) -> None:
    """Each has its own, although they share a branch."""
    rename(two, 2, "Other")
    dead_runner(two, 900, NORTH)
    two.platform.runs[900] = {"status": "in_progress", "run_attempt": 1}
    step = two.apply(below=SOUTH, event="workflow_dispatch")
    assert (step.code, names(two)[1]) == (0, "Bogdan")
    assert locks(two)


def test_each_agency_has_a_drift_issue(two: Project) -> None:
    """One that has no drift closes its own issue only."""
    rename(two, 1, "Other")
    rename(two, 2, "Another")
    for folder in (NORTH, SOUTH):
        step = two.drift(folder)
        assert "created" in step.out
        assert step.summary.startswith(f"`{folder}`\n\n### Drift")
    assert [each["title"] for each in two.platform.issues] == [
        f"Drift on rentix in {NORTH}",
        f"Drift on rentix in {SOUTH}",
    ]
    rename(two, 1, "Ana")
    assert "closed" in two.drift(NORTH).out
    assert "unchanged" in two.drift(SOUTH).out
    assert [each["state"] for each in two.platform.issues] == ["closed", "open"]


def test_unreviewed_push_is_not_applied(hub: Project) -> None:
    """Nothing is sent; a person can start the run."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "name": "Pushed"}, B, C)
    hub.push("direct")
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    [message] = step.annotated("error")
    assert "no pull request led to this commit" in message
    assert "Run workflow" in message
    assert step.summary.startswith("Nothing was applied")
    step = hub.apply(event="workflow_dispatch")
    assert (step.code, names(hub)[0]) == (0, "Pushed")
    assert hub.apply().code == 0


def merged(hub: Project, *agents: dict[str, Any], branch: str) -> int:
    """A pull request that declares these agents, planned and merged."""
    number = change(hub, *agents, branch=branch)
    hub.plan(number)
    hub.merge(number)
    return number


def pushed(hub: Project, *agents: dict[str, Any]) -> None:
    """Push files that declare these agents to main, without a pull request."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare(*agents)
    hub.push("direct")


ANICA = {**A, "name": "Anica"}
DORA = {**C, "name": "Dora"}


@pytest.mark.parametrize("applied", [True, False])
def test_review_does_not_count_for_a_later_push(hub: Project, applied: bool) -> None:
    """#1 renames Ana, #2 reverts that, a push without a pull request renames her again: nothing is
    sent. The next pull request does not bring the old plan back, even if nothing was applied in
    between; it is applied itself."""
    late = change(hub, A, B, DORA, branch="late")
    hub.plan(late)
    for number, agents in enumerate(((ANICA, B, C), (A, B, C)), 1):
        merged(hub, *agents, branch=f"change-{number}")
        if applied:
            assert hub.apply().code == 0
    pushed(hub, ANICA, B, C)
    hub.desk.calls()
    step = hub.apply()
    assert (step.code, writes(hub.desk.calls()), names(hub)[0]) == (1, [], "Ana")
    assert "no pull request led to this commit" in step.annotated("error")[0]
    hub.merge(late)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Ana", "Bogdan", "Dora"])
    assert any(each.startswith("a on rentix: left out: ") for each in step.annotated("warning"))


def test_push_after_a_merge_that_was_not_applied(hub: Project) -> None:
    """Its run sends nothing. The run of the next merge applies what was reviewed in both pull
    requests, and leaves out what was pushed."""
    merged(hub, ANICA, B, C, branch="first")
    pushed(hub, ANICA, {**B, "name": "Pushed"}, C)
    step = hub.apply()
    assert (step.code, names(hub)) == (1, ["Ana", "Bogdan", "Carmen"])
    second = change(hub, ANICA, {**B, "name": "Pushed"}, DORA, branch="second")
    hub.plan(second)
    hub.desk.declare(ANICA, {**B, "name": "Pushed"}, {**C, "name": "Dorina"})
    hub.update(second, "second")
    hub.plan(second)
    hub.merge(second)
    assert (hub.apply().code, names(hub)) == (0, ["Anica", "Pushed", "Dorina"])


def test_review_that_was_applied_does_not_count_again(hub: Project) -> None:
    """Someone reverts the change on the portal. A later merge, planned before that, and a re-run
    leave it alone; a manual run applies it."""
    merged(hub, ANICA, B, C, branch="first")
    assert hub.apply().code == 0
    second = change(hub, ANICA, B, DORA, branch="second")
    hub.plan(second)
    rename(hub, 1, "Ana")
    hub.merge(second)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Ana", "Bogdan", "Dora"])
    assert "a on rentix: left out: in no reviewed plan" in step.annotated("warning")
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert "already applied" in step.annotated("error")[0]
    assert (hub.apply(event="workflow_dispatch").code, names(hub)[0]) == (0, "Anica")


def test_review_counts_until_everything_is_applied(hub: Project) -> None:
    """After a failure, a re-run applies the rest, as does the run of a later merge."""
    merged(hub, ANICA, B, C, branch="first")

    async def refuse(call: Any, _: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse({"message": "no"}, 422) if call.method == "PUT" else None

    hub.desk.portal.state.after.append(refuse)
    try:
        assert hub.apply().code == 3
    finally:
        hub.desk.portal.state.after.clear()
    rename(hub, 1, "Ana")
    merged(hub, ANICA, B, DORA, branch="second")
    assert (hub.apply().code, names(hub)) == (0, ["Anica", "Bogdan", "Dora"])


def test_plan_made_after_the_merge_does_not_count(hub: Project) -> None:
    """Re-run or made for the first time then: it reviewed nothing."""
    number = change(hub, ANICA, B, C)
    hub.plan(number)
    hub.merge(number)
    [artifact] = hub.platform.artifacts
    run = hub.platform.runs[artifact["workflow_run"]["id"]]
    run |= {"run_attempt": 2, "run_started_at": "2026-01-03T00:00:00Z"}
    for _ in range(2):
        step = hub.apply()
        assert (step.code, names(hub)[0]) == (1, "Ana")
        assert f"the plan of #{number} was made after the merge" in step.annotated("error")[0]
        run |= {"run_attempt": 1, "run_started_at": "2026-01-01T00:00:00Z"}
        artifact["created_at"] = "2026-01-03T00:00:00Z"


def test_files_with_errors_between_two_merges(hub: Project) -> None:
    """It cannot be known which agents they changed, so only the newer plan counts."""
    first = merged(hub, ANICA, B, C, branch="first")
    pushed(hub, {**A, "nmae": "Anica"}, B, C)
    second = change(hub, ANICA, B, DORA, branch="second")
    hub.plan(second)
    rename(hub, 1, "Anna")
    hub.merge(second)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Anna", "Bogdan", "Dora"])
    assert any(
        each.startswith(f"the plan of #{first} does not count")
        for each in step.annotated("warning")
    )


def records(hub: Project) -> str:
    """The records of applied commits on the remote."""
    return say(hub.remote, "for-each-ref", "refs/reconciler-applied")


def test_apply_that_sends_nothing_is_not_recorded(hub: Project) -> None:
    """What was reviewed may still have to be sent."""
    merged(hub, ANICA, B, C, branch="first")
    rename(hub, 1, "Anica")
    assert hub.apply().code == 0
    assert records(hub) == ""
    rename(hub, 1, "Ana")
    assert (hub.apply().code, names(hub)[0]) == (0, "Anica")
    assert records(hub) != ""


@pytest.mark.parametrize("where", ["on another branch", "nowhere"])
def test_branch_that_was_reset(hub: Project, where: str) -> None:
    """To a merge that was applied and reverted since: its plan does not count again."""
    merged(hub, ANICA, B, C, branch="first")
    early = hub.head()
    assert hub.apply().code == 0
    merged(hub, A, B, C, branch="second")
    assert hub.apply().code == 0
    git(hub.remote, "update-ref", "refs/heads/main", early)
    if where == "nowhere":
        git(hub.remote, "gc", "-q", "--prune=now")
    else:
        git(hub.desk.root, "push", "-q", "origin", "main:refs/heads/old")
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    reason = "not in this clone" if where == "nowhere" else "already applied"
    assert reason in step.annotated("error")[0]


@pytest.mark.parametrize("broken", ["read", "write"])
def test_record_of_the_applied_commit_fails(
    hub: Project, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning. If it cannot be read, only the plan of the newest merge counts."""
    second = change(hub, A, B, DORA, branch="second")
    hub.plan(second)
    merged(hub, ANICA, B, C, branch="first")
    hub.merge(second)

    def fail(*_: object) -> None:
        raise GitError("no answer")

    monkeypatch.setattr(LastApplied, broken, fail)
    step = hub.apply()
    assert any("(no answer)" in each for each in step.annotated("warning"))
    unread = broken == "read"
    assert (step.code, names(hub)[0]) == ((3, "Ana") if unread else (0, "Anica"))
    assert names(hub)[2] == "Dora"


def test_manual_run_respects_the_limits(hub: Project) -> None:
    """Since no one reviewed the plan."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.use(rentix={}, ledger="git:reconciler-ledger", limits={"changes": "1%", "floor": 0})
    hub.desk.declare({**A, "name": "Pushed"}, B, C)
    hub.push("direct")
    step = hub.apply(event="workflow_dispatch")
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert "over the limits" in step.err


@pytest.mark.parametrize("empty", [False, True])
def test_creation_on_an_empty_portal_is_applied_if_the_review_shows_it(
    hub: Project, empty: bool
) -> None:
    """A list that was emptied after the review may be truncated: nothing is sent."""
    hub.desk.live(*([] if empty else LIVE), readings=Readings(creation="upsert"))
    hub.branch("change")
    hub.desk.use(rentix={"create": "upsert"}, ledger="git:reconciler-ledger")
    hub.desk.declare({"externalId": "d", "name": "Dora", "phone": "+373 60 111 222"})
    number = hub.open("change")
    plan = hub.plan(number)
    assert any("lists no agents" in each for each in plan.annotated("warning")) is empty
    hub.merge(number)
    hub.desk.portal.state.load([])
    step = hub.apply()
    assert (step.code, names(hub)) == ((0, ["Dora"]) if empty else (1, []))
    assert ("rentix lists no agents" in step.err) is not empty


def test_stale_agents_are_skipped(hub: Project) -> None:
    """Exit 3: the others are applied, and the message gives the reason."""
    number = change(hub, {**A, "name": "Anica"}, {**B, "name": "Bob"}, C)
    hub.plan(number)
    rename(hub, 1, "Somebody")
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Somebody", "Bob", "Carmen"])
    [note] = [each for each in step.notes if each.name == "warning"]
    assert note.message.startswith("a on rentix: left out: name has changed since the plan")
    assert (note.properties["file"], note.properties["line"]) == ("agents/agents.yaml", "1")
    assert "Skipped (the plan is stale)" in step.summary


def test_older_plan_does_not_count(hub: Project) -> None:
    """Only the plan of the last head was merged."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.desk.declare({**A, "name": "Anica"}, B, {**C, "name": "Late"})
    hub.update(number, "change", "late")
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)) == (1, ["Ana", "Bogdan", "Carmen"])
    assert f"no plan was stored for #{number}" in step.annotated("error")[0]


def test_one_of_two_plans_is_missing(hub: Project) -> None:
    """The reviewed part is applied, and the message explains the other."""
    first = change(hub, {**A, "name": "Anica"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Late"}, branch="second")
    hub.plan(second, upload=False)
    hub.merge(first)
    hub.merge(second)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Anica", "Bogdan", "Carmen"])
    assert step.annotated("warning")[-1] == f"no plan was stored for #{second}"


def test_shallow_apply_checkout(hub: Project, tmp_path: Path) -> None:
    """The message says that merges may be missing."""
    first = change(hub, {**A, "name": "Anica"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Late"}, branch="second")
    hub.plan(second)
    hub.merge(first)
    hub.merge(second)
    root = tmp_path / "shallow" / "work"
    git(hub.remote, "clone", "-q", "--depth=1", hub.remote.as_uri(), str(root))
    environment = {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": hub.event({}),
        "GITHUB_REF": "refs/heads/main",
    }
    step = hub.step("apply", root=root, GITHUB_SHA=hub.head(), **environment)
    assert (step.code, names(hub)) == (3, ["Ana", "Bogdan", "Late"])
    assert "fetch-depth: 0" in step.annotated("warning")[-1]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"path": ".github/workflows/other.yml"}, "not made by the plan workflow"),
        ({"event": "push"}, "not made by the plan workflow"),
        ({"head_repository": {"full_name": "stranger/agents"}}, "not made by the plan workflow"),
        ({"conclusion": "failure"}, "from a run that did not succeed"),
    ],
)
def test_forged_artifact_is_rejected(hub: Project, spoil: dict[str, Any], why: str) -> None:
    """The right plan, from a run that anyone could have started."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    run = hub.platform.artifacts[-1]["workflow_run"]["id"]
    hub.platform.runs[run] |= spoil
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert why in step.annotated("error")[0]


def test_invalid_artifact_is_rejected(hub: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired, edited, a bomb, not an archive: nothing is sent."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    [artifact] = hub.platform.artifacts
    original = hub.platform.content[artifact["id"]]
    plan = (hub.out(number) / "plan.json").read_bytes()
    monkeypatch.setattr(reviewed, "MAX_BYTES", len(plan))
    for content in (
        zipped(plan_json=plan.replace(b"Anica", b"Evila")),
        zipped(plan_json=plan + b" " * 10_000_000),
        zipped(other_json=plan),
        b"no archive",
    ):
        hub.platform.content[artifact["id"]] = content
        step = hub.apply()
        assert (step.code, names(hub)[0]) == (1, "Ana")
        assert f"the plan of #{number} is not a valid plan" in step.annotated("error")[0]
    hub.platform.content[artifact["id"]] = original
    artifact["expired"] = True
    assert f"the plan of #{number} has expired" in hub.apply().annotated("error")[0]
    artifact["expired"] = False
    assert hub.apply().code == 0
    assert names(hub)[0] == "Anica"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "git/ref/heads/main"),
        ("GET", "commits/[0-9a-f]+/pulls"),
        ("GET", "actions/artifacts"),
        ("GET", r"actions/runs/\d+"),
        ("GET", r"actions/artifacts/\d+/zip"),
        ("GET", r"/store/\d+"),
    ],
)
def test_github_is_down(hub: Project, method: str, path: str) -> None:
    """Exit 1 with a message; a re-run applies."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    hub.platform.fail(method, path, *([GONE] * api.ATTEMPTS))
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert step.err.startswith("error: ")
    assert "502" in step.err or "refused" in step.err
    hub.platform.twists.clear()
    assert hub.apply().code == 0
    assert names(hub)[0] == "Anica"


def test_apply_needs_a_branch_and_its_commit(hub: Project) -> None:
    """Tags are rejected, and commits other than the run's."""
    step = hub.apply(GITHUB_REF="refs/tags/v1")
    assert step.code == 1
    assert "on pushes to a branch" in step.err
    number = change(hub, {**A, "name": "Anica"}, B, C)
    old, new = hub.head(), hub.merge(number)
    step = hub.apply(old, GITHUB_SHA=new)
    assert step.code == 1
    assert f"{old[:12]} is checked out, but this run is for {new[:12]}" in step.err


def test_folder_without_git(hub: Project, tmp_path: Path) -> None:
    """Both commands report that there is no history."""
    root = tmp_path / "plain" / "work"
    root.mkdir(parents=True)
    environment = {"GITHUB_EVENT_PATH": hub.event({}), "GITHUB_SHA": hub.head()}
    step = hub.step(
        "apply", root=root, GITHUB_EVENT_NAME="push", GITHUB_REF="refs/heads/main", **environment
    )
    assert step.code == 1
    assert "The history cannot be read" in step.err


def test_failures_are_annotated(hub: Project) -> None:
    """The portal's rejections, and conflicts, at the lines of the files."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)

    async def refuse(call: Any, _: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse({"message": "no"}, 422) if call.method == "PUT" else None

    hub.desk.portal.state.after.append(refuse)
    try:
        step = hub.apply()
    finally:
        hub.desk.portal.state.after.clear()
    assert step.code == 3
    [note] = [each for each in step.notes if each.name == "error"]
    assert note.message.startswith("a on rentix: update failed: ")
    assert note.properties["line"] == "1"
    assert step.outputs == {"applied": "0", "failed": "1"}


def test_apply_with_only_a_conflict(hub: Project) -> None:
    """Nothing is sent: exit 3, annotated at its line."""
    number = change(hub, A, {**B, "id": 99}, C)
    hub.plan(number)
    hub.merge(number)
    step = hub.apply()
    assert step.code == 3
    assert step.annotated("error")[0].startswith("b on rentix: conflict: ")


def test_failed_write_of_the_ledger_is_a_warning(hub: Project) -> None:
    """The apply succeeds. The warning and the summary have the text of the rule that refuses the
    push, and do not promise a clone that is gone after the run."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    rule = "GH013: Repository rule violations found; changes must be in a pull request"
    with refusing(hub.remote, f"error: {rule}"):
        step = hub.apply()
    assert (step.code, names(hub)[0]) == (0, "Anica")
    [warning] = [each for each in step.annotated("warning") if "pushed" in each]
    assert rule in warning
    assert "GH013" in step.summary
    for text in (warning, step.summary):
        assert "clone" not in text
        assert "values that cannot be read back may be sent again" in text


def test_checkout_of_another_user(hub: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container job: the error is git's, with its fix."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    root = hub.desk.root
    environment = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": hub.event({"pull_request": hub.platform.pulls[number]}),
        "GITHUB_SHA": hub.head("change"),
    }
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    steps = [
        hub.step("plan", root=root, **environment),
        hub.step("apply", root=root, **{**environment, "GITHUB_REF": "refs/heads/main"}),
    ]
    for step in steps:
        assert step.code == 1
        assert "dubious ownership" in step.annotated("error")[0]
        assert "git config --global --add safe.directory" in step.summary


# Drift.


def test_drift_has_an_issue(hub: Project) -> None:
    """It is opened, left unchanged, updated and closed."""
    step = hub.drift()
    assert (step.code, hub.platform.issues) == (0, [])
    assert step.outputs == {"drift": "false", "portals": ""}
    rename(hub, 1, "Somebody")
    step = hub.drift()
    [issue] = hub.platform.issues
    assert (step.code, step.outputs) == (0, {"drift": "true", "portals": "rentix"})
    assert issue["title"] == "Drift on rentix"
    assert issue["body"].startswith("<!-- agent-reconciler drift rentix -->\n<sub>Run: ")
    assert "Somebody" in issue["body"]
    assert "Issue for rentix: created." in step.out
    assert "unchanged" in hub.drift().out
    rename(hub, 2, "Another")
    assert "updated" in hub.drift().out
    assert "Another" in issue["body"]
    rename(hub, 1, "Ana")
    rename(hub, 2, "Bogdan")
    assert "closed" in hub.drift().out
    assert [each["state"] for each in hub.platform.issues] == ["closed"]
    rename(hub, 1, "Again")
    hub.drift()
    assert [each["state"] for each in hub.platform.issues] == ["closed", "open"]
    assert writes(hub.desk.calls()) == []


def test_each_portal_has_an_issue(hub: Project) -> None:
    """The issue of a portal that is down is unchanged; the other's is updated."""
    hub.desk.live_pf(
        person(9, email="user-9@agency.example", firstName="Ana", lastName="Albu", status="active")
    )
    hub.desk.use(rentix={}, propertyfinder={}, ledger="git:reconciler-ledger")
    there = section(9, firstName="Ana", lastName="Bala")
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "propertyfinder": there}, B, C)
    hub.push("both")
    hub.desk.apply()
    rename(hub, 1, "Somebody")
    live = hub.desk.truth_pf()[9]
    live.last_name = "Cara"
    hub.desk.pf.users.save(live)
    step = hub.drift()
    assert step.outputs["portals"] == "rentix,propertyfinder"
    assert [each["title"] for each in hub.platform.issues] == [
        "Drift on rentix",
        "Drift on propertyfinder",
    ]
    assert "Somebody" not in hub.platform.issues[1]["body"]
    rename(hub, 1, "Ana")
    hub.runner.environment["PROPERTYFINDER_URL"] = "http://127.0.0.1:9"
    step = hub.drift()
    assert step.code == 1
    assert "propertyfinder could not be read" in step.annotated("error")[0]
    assert [each["state"] for each in hub.platform.issues] == ["closed", "open"]


def test_failed_issue_update_is_a_warning(hub: Project) -> None:
    """The summary and the outputs report the drift."""
    rename(hub, 1, "Somebody")
    hub.platform.fail("POST", "issues", Answer(410, {"message": "Issues are disabled"}))
    step = hub.drift()
    assert (step.code, step.outputs["drift"]) == (0, "true")
    assert "Issues are disabled" in step.annotated("warning")[0]
    assert "Somebody" in step.summary


def test_token_is_sent_only_to_github(hub: Project) -> None:
    """Not to the artifacts' file server or the portals."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    assert hub.apply().code == 0
    stores = [each for each in hub.platform.asked if each.path.startswith("/store/")]
    assert [each.token for each in stores] == [None]
    assert {each["user"]["login"] for each in hub.platform.comments[number]} == {BOT}


def test_github_enterprise_server(hub: Project) -> None:
    """A plan, its update, the merge and the drift, below `/api/v3`."""
    hub.platform.base = ENTERPRISE
    number = change(hub, {**A, "name": "Ana Maria"}, B, C)
    for _ in range(100):
        hub.platform.say(number, "more", "ana")
    assert "Comment: created." in hub.plan(number).out
    hub.desk.declare({**A, "name": "Anica"}, B, C)
    hub.update(number, "change")
    assert "Comment: updated." in hub.plan(number).out
    hub.merge(number)
    assert (hub.apply().code, names(hub)[0]) == (0, "Anica")
    rename(hub, 1, "Somebody")
    assert "Issue for rentix: created." in hub.drift().out
    rename(hub, 1, "Anica")
    assert "Issue for rentix: closed." in hub.drift().out
    places = {each.address.rpartition("/repos")[0] for each in hub.platform.asked}
    assert "/api/v3" in places


# The lock of another apply.

RUNS = f"https://github.example/{REPOSITORY}/actions/runs/"


def dead_runner(hub: Project, number: int, folder: str = ".") -> None:
    """The lock of a run's first attempt, whose machine is gone."""
    store = open_store(hub.desk.root / folder, "git:reconciler-ledger")
    assert isinstance(store, Shared)
    run = WorkflowRun(f"{RUNS}{number}", 1, "apply", "ion", lambda *_: False)
    holder = replace(this_process(run), host="runner", boot="another")
    new = store.branch.refs.empty_commit(holder.to_line())
    git(hub.desk.root, "push", "-q", "origin", f"{new}:{store.branch.claim}")


def locks(hub: Project) -> str:
    """The locks on the remote."""
    return say(hub.remote, "for-each-ref", "refs/reconciler")


def start_manually(hub: Project, *, unlock: bool = False, **environment: str) -> Step:
    """Start the apply workflow by hand."""
    event = hub.event({"inputs": {"unlock": "true" if unlock else "false"}})
    return hub.apply(event="workflow_dispatch", GITHUB_EVENT_PATH=event, **environment)


def test_rerun_after_a_dead_runner(hub: Project) -> None:
    """The second attempt has the lock at once; it says whose it was."""
    rename(hub, 1, "Anna")
    dead_runner(hub, hub.steps + 1)
    step = start_manually(hub, GITHUB_RUN_ATTEMPT="2")
    assert (step.code, names(hub)[0], locks(hub)) == (0, "Ana", "")
    [note] = step.annotated("warning")
    assert "(attempt 1, job apply)" in note


@pytest.mark.parametrize("status", ["completed", "in_progress"])
def test_apply_after_another_run(hub: Project, status: str) -> None:
    """A run that GitHub reports as completed holds no lock; one in progress does, and the error
    names it, the command and the input."""
    rename(hub, 1, "Anna")
    dead_runner(hub, 900)
    hub.platform.runs[900] = {"status": status, "run_attempt": 1}
    times = iter(range(0, 10**6, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "LockWait", partial(LockWait, now=lambda: float(next(times))))
        step = start_manually(hub)
    if status == "completed":
        assert (step.code, names(hub)[0], locks(hub)) == (0, "Ana", "")
        return
    assert (step.code, names(hub)[0]) == (1, "Anna")
    assert f"{RUNS}900 (attempt 1, job apply)" in step.err
    assert "`reconciler unlock`" in step.err
    for text in (step.err, step.annotated("error")[0], step.summary):
        assert "input unlock" in text


def test_apply_with_the_input_unlock(hub: Project) -> None:
    """It releases the lock of another run, says whose it was, and applies; without a lock, it says
    so."""
    for runs in (1, 2):
        rename(hub, 1, "Anna")
        if runs == 1:
            dead_runner(hub, 900)
        step = start_manually(hub, unlock=True)
        assert (step.code, names(hub)[0], locks(hub)) == (0, "Ana", "")
        [message] = step.annotated("notice")
        assert (f"{RUNS}900" in message) is (runs == 1)


# What an apply pushes.


@pytest.fixture
def pushes(hub: Project) -> Path:
    """The log of what reaches the remote: a line for each reference, without the locks."""
    log = hub.folder / "pushes"
    log.write_text("")
    hook = hub.remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ngrep -v refs/reconciler/applying >> '{log}' || true\n")
    hook.chmod(0o755)
    return log


D: dict[str, Any] = {"externalId": "d", "name": "Dora"}


@pytest.mark.parametrize("why", ["as declared", "unreviewed", "stale", "limits", "key", "ended"])
def test_apply_that_sends_nothing_pushes_nothing(
    hub: Project, pushes: Path, ctrl_c: Callable[[], None], why: str
) -> None:
    """Whatever the reason, and even if it matched an agent for the first time."""
    hub.desk.live(*LIVE, user(4, **D))
    hub.branch("change")
    environment, codes = {}, {"as declared": 0, "stale": 3, "ended": 130}
    limits = {"changes": "1%", "floor": 0} if why == "limits" else {}
    hub.desk.use(rentix={}, ledger="git:reconciler-ledger", limits=limits)
    hub.desk.declare({**A, "name": "Anica"}, B, C, D)
    number = hub.open("change")
    hub.plan(number, upload=why != "unreviewed")
    hub.merge(number)
    if why == "as declared":
        rename(hub, 1, "Anica")
        hub.apply()
    elif why == "stale":
        rename(hub, 1, "Somebody")
    elif why == "key":
        environment["RENTIX_API_KEY"] = "an-old-key-that-was-revoked"
    elif why == "ended":

        async def press(*_: Any) -> None:
            await asyncio.to_thread(ctrl_c)

        hub.desk.portal.state.after.append(press)
    pushes.write_text("")
    hub.desk.calls()
    event = "workflow_dispatch" if why == "limits" else "push"
    try:
        step = hub.apply(event=event, **environment)
    finally:
        hub.desk.portal.state.after.clear()
    assert step.code == codes.get(why, 1)
    assert (writes(hub.desk.calls()), pushes.read_text()) == ([], "")


def test_agents_that_are_as_declared_are_recorded_once(hub: Project, pushes: Path) -> None:
    """From then on they are ours, although nothing was sent: without a file, they are reported."""
    hub.desk.live(*LIVE, user(4, **D))
    number = change(hub, A, B, C, D)
    hub.plan(number)
    hub.merge(number)
    pushes.write_text("")
    for _ in range(2):
        assert (hub.apply().code, writes(hub.desk.calls())) == (0, [])
        [push] = pushes.read_text().splitlines()
        assert push.endswith(" refs/heads/reconciler-ledger")
    number = change(hub, A, B, C, branch="gone")
    assert "Dora" in hub.plan(number).summary


# Accounts.

ALPHA, BETA = Account(1, "Alpha @octocat"), Account(18, "Beta Homes")
"""The account of the project, renamed, and another one."""


def test_account_is_on_top_of_every_page(hub: Project) -> None:
    """Of the comment, each summary, the report's page and the issue; it mentions nobody."""
    hub.desk.portal.state.agency = ALPHA
    line = "Account on rentix: Alpha `@octocat` (1)"
    number = change(hub, {**A, "name": "Anica"}, B, C)
    plan = hub.plan(number)
    [comment] = comments(hub, number)
    assert line in comment.partition("| --- |")[0]
    hub.merge(number)
    apply = hub.apply()
    rename(hub, 2, "Someone")
    drift = hub.drift()
    for step in (plan, apply, drift):
        assert step.summary.split("\n")[2] == line
    [issue] = hub.platform.issues
    assert line in issue["body"].partition("| --- |")[0]
    [page] = hub.folder.glob("plan-*/report.html")
    assert "Alpha @octocat (1)" in page.read_text("utf-8").partition("<main>")[0]


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_key_of_another_account(hub: Project, command: str) -> None:
    """It fails with an annotation that names both, and nothing is sent or pushed."""
    hub.desk.portal.state.agency = ALPHA
    first = change(hub, {**A, "name": "Anica"}, B, C, branch="first")
    hub.plan(first)
    hub.merge(first)
    assert hub.apply().code == 0
    second = change(hub, A, {**B, "name": "Bob"}, C, branch="second")
    hub.plan(second)
    if command == "apply":
        hub.merge(second)
    hub.desk.portal.state.agency = BETA
    before, branch = names(hub), hub.head("reconciler-ledger")
    step = {"plan": lambda: hub.plan(second), "apply": hub.apply, "drift": hub.drift}[command]()
    assert step.code == 1
    for name in ("Alpha @octocat (1)", "Beta Homes (18)"):
        assert name in step.annotated("error")[0]
    assert "Beta" in step.summary
    assert (names(hub), hub.head("reconciler-ledger")) == (before, branch)
    if command == "plan":
        assert "could not be planned" in comments(hub, second)[0]
