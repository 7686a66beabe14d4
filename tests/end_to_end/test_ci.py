"""`ci plan`, `ci apply`, `ci drift`: the story of a repository on GitHub, with real commits and merges,
real HTTP to a small GitHub and to the portals."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agency import KEY, Agency, person, section, user, writes
from github.platform import BOT, REPOSITORY, TOKEN, Answer, Asked, Platform, serving, zipped
from github.runner import Project, Step, lay_out, project
from repositories import plain_git, say

from reconciler.engine.concurrency import Cancellation
from reconciler.github import api, reviewed
from reconciler.sandbox.server import Running
from reconciler.store.refs import git

A: dict[str, Any] = {"externalId": "a", "name": "Ana"}
B: dict[str, Any] = {"externalId": "b", "name": "Bogdan"}
C: dict[str, Any] = {"externalId": "c", "name": "Carmen"}
LIVE = [user(number, **each) for number, each in enumerate((A, B, C), 1)]
GONE = Answer(502, {"message": "Bad Gateway"})


@pytest.fixture(scope="module")
def served() -> Iterator[Platform]:
    """One GitHub for all tests; each begins anew on it."""
    with serving() as platform:
        yield platform


@pytest.fixture(scope="module")
def first(portal: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project is laid out that each test begins with a copy of."""
    folder = tmp_path_factory.mktemp("project")
    agency = Agency(folder, portal)
    with pytest.MonkeyPatch.context() as patch:
        plain_git(patch)
        agency.live(*LIVE)
        lay_out(agency, folder, A, B, C)
    return folder


@pytest.fixture
def hub(
    agency: Agency, served: Platform, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project whose three agents are live as its main declares them; nobody waits."""
    plain_git(monkeypatch)
    monkeypatch.setattr(api, "_pause", lambda _: 0.0)
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    served.__dict__.update(Platform(url=served.url).__dict__)
    agency.live(*LIVE)
    made = project(agency, served, tmp_path, first)
    yield made
    for step in made.all:
        check_secrets(made, step)


def check_secrets(made: Project, step: Step) -> None:
    """Neither the portals' keys nor the runner's token are anywhere."""
    said = [step.out, step.err, step.summary, *step.outputs.values()]
    said += [each["body"] for every in made.platform.comments.values() for each in every]
    said += [each["body"] for each in made.platform.issues]
    said += [path.read_text() for path in made.folder.glob("plan-*/*")]
    header = b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    for secret in (TOKEN, header, KEY, made.desk.pf.key, made.desk.pf.secret):
        assert not [each for each in said if secret in each]


def change(hub: Project, *agents: dict[str, Any], branch: str = "change") -> int:
    """A pull request whose files declare these agents."""
    hub.branch(branch)
    hub.desk.declare(*agents)
    return hub.open(branch)


def names(hub: Project) -> list[str]:
    """The agents' names on the portal."""
    return [each.name for _, each in sorted(hub.desk.truth().items())]


def rename(hub: Project, number: int, name: str) -> None:
    """Somebody changes a name on the portal by hand."""
    agent = hub.desk.truth()[number]
    agent.name = name
    hub.desk.portal.state.store.save(agent)


def comments(hub: Project, number: int) -> list[str]:
    """What stands below a pull request."""
    return [each["body"] for each in hub.platform.comments.get(number, [])]


# The plan of a pull request.


def test_a_pull_request_is_planned(hub: Project) -> None:
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


def test_each_change_has_its_origin(hub: Project) -> None:
    """This pull request's, what waited on the base, and what somebody changed on the portal."""
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
    for said in (body, step.summary):
        assert "this pull request" in said
        assert "already waiting on the base" in said
        assert "drift" in said


def test_the_same_plan_twice_rewrites_nothing(hub: Project) -> None:
    """A second run for the same head leaves the comment alone; a new head rewrites it in place."""
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


def test_no_changes_start_no_comment(hub: Project) -> None:
    """Nothing to say is said in the summary alone; a comment that is there is rewritten."""
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


def test_a_head_that_moved_keeps_its_comment(hub: Project) -> None:
    """The run of an older head does not write over the newer one's comment."""
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


def test_a_comment_that_cannot_be_written_is_a_warning(hub: Project) -> None:
    """The plan's result stands."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    refused = Answer(403, {"message": "Resource not accessible by integration"})
    hub.platform.fail("POST", r"issues/\d+/comments", refused)
    step = hub.plan(number)
    assert step.code == 0
    [said] = step.told("warning")
    assert "The comment could not be written" in said
    assert "403 Resource not accessible" in said
    assert "Anica" in step.summary
    step = hub.plan(number, GITHUB_TOKEN="")
    assert step.code == 0
    assert "GITHUB_TOKEN is not set" in step.told("warning")[0]


def test_a_long_plan_has_a_comment_that_fits(hub: Project) -> None:
    """Its head counts too; the summary has more of it."""
    many = [{"id": n, "name": f"Name {n} " + "ș" * 150} for n in range(1, 250)]
    hub.desk.live(*(user(n) for n in range(1, 250)))
    number = change(hub, *many)
    step = hub.plan(number)
    [body] = comments(hub, number)
    assert len(body.encode()) <= 60_000
    assert body.startswith("<!-- agent-reconciler plan -->\n<sub>Plan for ")
    assert len(body.encode()) < len(step.summary.encode()) <= 1024 * 1024
    assert "left out for length" in body


def test_a_folder_that_cannot_be_written(hub: Project) -> None:
    """A sentence; a plan that is not kept is told nowhere else."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.out(number).write_text("a file")
    step = hub.plan(number)
    assert (step.code, comments(hub, number)) == (1, [])
    assert "cannot be written" in step.err
    hub.out(number).unlink()


def test_mistakes_are_told_at_their_lines(hub: Project) -> None:
    """As annotations and in the summary, with exit 1; what is shown of a file is no command, and a
    key that somebody wrote there is struck out."""
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


def test_many_mistakes_are_counted(hub: Project) -> None:
    """Ten annotations, and a summary that has an end."""
    number = change(hub, *({"externalId": f"x{n}", "nmae": 1} for n in range(60)))
    step = hub.plan(number)
    assert len(step.notes) == 10
    assert step.told("error")[-1] == "and 51 more; see the summary for all"
    assert step.summary.strip().endswith("- and 10 more")


def test_conflicts_are_told_at_the_files_lines(hub: Project) -> None:
    """A conflict is an error at its agent's line; the limits, the ledger's notes, warnings too."""
    hub.desk.use(rentix={}, limits={"changes": "1%", "floor": 0})
    number = change(hub, {**A, "name": "Ana Maria"}, {**B, "id": 99}, C)
    step = hub.plan(number)
    assert step.code == 0
    errors = [each for each in step.notes if each.name == "error"]
    assert [(each.properties["file"], each.properties["line"]) for each in errors] == [
        ("agents/agents.yaml", "3")
    ]
    assert errors[0].message.startswith("b on rentix: conflict: ")
    assert step.told("warning")[0].startswith("over the limits: ")
    assert comments(hub, number)


def test_a_ledger_of_another_address_is_told(hub: Project) -> None:
    """What does not count is said where it was asked, in a plan and in an apply."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    other = hub.desk.portal.url.replace("127.0.0.1", "localhost")
    step = hub.plan(number, RENTIX_URL=other)
    assert "for another address" in " ".join(step.told("warning"))
    hub.merge(number)
    assert "for another address" in " ".join(hub.apply(RENTIX_URL=other).told("warning"))


@pytest.mark.parametrize("whose", ["fork", "dependabot"])
def test_without_keys_only_the_files_are_compared(hub: Project, whose: str) -> None:
    """A fork's pull request and Dependabot's: no portal is asked, nothing is written on GitHub."""
    number = change(hub, {**A, "name": "Ana @everyone"}, B)
    actor = {} if whose == "fork" else {"GITHUB_ACTOR": "dependabot[bot]"}
    if whose == "fork":
        hub.fork(number)
    keys = dict.fromkeys(("RENTIX_API_KEY", "PROPERTYFINDER_API_KEY", "GITHUB_TOKEN"), "")
    step = hub.plan(number, **keys, **actor)
    assert (step.code, hub.desk.calls(), hub.platform.asked) == (0, [], [])
    assert step.summary.startswith("### 2 agents changed in the files\n")
    assert "- `a` (changed): `name`\n- `c` (gone): " in step.summary
    assert "A maintainer has to plan this pull request" in step.told("notice")[0]
    assert "@everyone" not in step.summary
    assert step.outputs == {}


def test_a_fork_with_many_changes(hub: Project) -> None:
    """The list has an end."""
    number = change(hub, A, B, C, *({"externalId": f"x{n}", "name": "X"} for n in range(60)))
    hub.fork(number)
    assert hub.plan(number).summary.rstrip().endswith("- and 10 more")


@pytest.mark.parametrize("fork", [False, True])
def test_a_pull_request_that_mends_the_base(hub: Project, fork: bool) -> None:
    """A base with mistakes cannot be compared with, and does not stand in the way."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "nmae": "Ana"}, B, C)
    hub.push("slip")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    if fork:
        hub.fork(number)
    step = hub.plan(number)
    assert step.code == 0
    [said] = step.told("warning")
    assert "have errors" in said
    assert ("Anica" in step.summary) is not fork
    assert step.summary.startswith("### The files are valid" if fork else "### ")


def test_a_head_without_a_merge(hub: Project) -> None:
    """A workflow that checks out the head itself is served: the base is where the branches part."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    base = hub.head()
    pull = hub.platform.pulls[number]
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare(A, B, {**C, "name": "Later"})
    hub.push("meanwhile")
    event = hub.event({"pull_request": {**pull, "base": {"sha": hub.head(), "ref": "main"}}})
    told = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": event,
        "GITHUB_SHA": pull["head"]["sha"],
    }
    out = ("--out", str(hub.out(number)))
    step = hub.run("plan", *out, check_out=pull["head"]["sha"], **told)
    assert step.code == 0
    assert f"on {base[:12]}" in comments(hub, number)[0]
    step = hub.run("plan", *out, check_out=hub.head(), **told)
    assert (step.code, step.out) == (1, "")
    assert "is not checked out" in step.err


def test_a_history_that_is_cut_short(hub: Project, tmp_path: Path) -> None:
    """With the checkout's usual depth there is no base: what to do is said."""
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
def test_a_plan_is_for_pull_requests(hub: Project, event: str) -> None:
    """Nothing else shows a pull request's files; with `_target` its author's would meet the keys."""
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


def test_agents_text_is_no_command(hub: Project) -> None:
    """Neither syntax, in the log nor in an annotation nor in the comment."""
    nasty = "##[error]x ::error::y, %0A::add-mask::z"
    hub.desk.use(rentix={}, limits={"changes": "1%", "floor": 0})
    text = f"{nasty}\n::stop-commands::word\n ::error::second"
    number = change(hub, {**A, "name": nasty}, {**B, "description": text}, C)
    step = hub.plan(number)
    assert {each.name for each in step.notes} == {"warning"}
    assert "##[" not in step.out
    assert nasty.partition("##[")[2] in step.out


def test_one_portal_is_down(hub: Project) -> None:
    """The other one is planned and told; the step fails, and so its plan is not one to apply."""
    hub.desk.use(rentix={}, propertyfinder={}, ledger="git:reconciler-ledger")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    step = hub.plan(number, PROPERTYFINDER_URL="http://127.0.0.1:9")
    assert step.code == 1
    assert "propertyfinder could not be read" in step.told("error")[0]
    assert "Anica" in comments(hub, number)[0]


# The apply of a merge.


@pytest.mark.parametrize("kind", ["squash", "merge", "rebase"])
def test_a_merge_is_applied(hub: Project, kind: str) -> None:
    """Exactly what was reviewed, whichever way it was merged; once more is nothing."""
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


def test_the_ledger_is_pushed(hub: Project) -> None:
    """What a run remembers is on the branch, where the next one finds it."""
    picture = {"url": "https://agency.example/1.jpg"}
    number = change(hub, {**A, "avatar": picture}, B, C)
    hub.plan(number)
    hub.merge(number)
    assert hub.apply().code == 0
    assert "Applied" in say(hub.remote, "log", "-1", "--format=%s", "reconciler-ledger")
    number = change(hub, {**A, "avatar": picture, "youtube": None}, B, C, branch="next")
    assert hub.plan(number).outputs["changes"] == "false"


def test_two_merges_in_a_row(hub: Project) -> None:
    """The first is superseded, the second applies both; who is in neither is left out."""
    first = change(hub, {**A, "name": "Ana Maria"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Carmencita"}, branch="second")
    hub.plan(second)
    early = hub.merge(first)
    hub.merge(second)
    hub.desk.calls()
    step = hub.apply(early)
    assert (step.code, hub.desk.calls()) == (0, [])
    [said] = step.told("notice")
    assert said.startswith(f"Superseded: main is now at {hub.head()};")
    assert step.summary.startswith("Superseded")
    assert hub.apply().code == 0
    assert names(hub) == ["Ana Maria", "Bogdan", "Carmencita"]


def test_no_further_back_than_needed(hub: Project) -> None:
    """Once everything is covered, no older pull request is asked for."""
    for name in ("One", "Two"):
        number = change(hub, {**A, "name": name}, B, C, branch=name)
        hub.plan(number)
        hub.merge(number)
        hub.platform.asked.clear()
        assert hub.apply().code == 0
    asked = [each.path for each in hub.platform.asked if each.path.startswith("commits/")]
    assert asked == [f"commits/{hub.head()}/pulls"]


def test_a_branch_that_moves_while_it_is_planned(hub: Project) -> None:
    """The last look is just before anything is sent."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    commit = hub.merge(number)
    heads = iter([commit, "f" * 40])
    hub.platform.head = lambda _: next(heads)
    hub.desk.calls()
    step = hub.apply()
    assert (step.code, writes(hub.desk.calls())) == (0, [])
    assert "Superseded" in step.told("notice")[0]


def test_a_branch_that_is_behind(hub: Project) -> None:
    """GitHub may not know the push yet: that is no newer commit, and nobody else would apply."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    before = hub.head()
    hub.merge(number)
    hub.platform.head = lambda _: before
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert "run this again" in step.err


def test_an_apply_that_is_cancelled(hub: Project, ctrl_c: Callable[[], None]) -> None:
    """What is under way is finished and remembered, and told."""
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


def test_one_portal_is_down_at_an_apply(hub: Project) -> None:
    """The other one is served: exit 3, and it is told."""
    hub.desk.use(rentix={}, propertyfinder={}, ledger="git:reconciler-ledger")
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    step = hub.apply(PROPERTYFINDER_URL="http://127.0.0.1:9")
    assert (step.code, names(hub)[0]) == (3, "Anica")
    assert "propertyfinder could not be read" in step.told("error")[0]


def test_what_no_file_declares_has_no_line(hub: Project) -> None:
    """A removal that nobody reviewed is left out, and said of the run; who is waited for is said
    at the line."""
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


def test_a_folder_of_a_repository(hub: Project) -> None:
    """Agents below a folder: places are told from the top, and the base is found there too."""
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


def test_a_direct_push_is_refused(hub: Project) -> None:
    """Nobody reviewed it, so nothing is sent; a person can start the run."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.declare({**A, "name": "Pushed"}, B, C)
    hub.push("direct")
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    [said] = step.told("error")
    assert "no pull request led to this commit" in said
    assert "Run workflow" in said
    assert step.summary.startswith("Nothing was applied")
    step = hub.apply(event="workflow_dispatch")
    assert (step.code, names(hub)[0]) == (0, "Pushed")
    assert hub.apply().code == 0


def test_a_dispatch_keeps_to_the_limits(hub: Project) -> None:
    """Nobody saw what is over them."""
    git(hub.desk.root, "checkout", "-q", "main")
    hub.desk.use(rentix={}, ledger="git:reconciler-ledger", limits={"changes": "1%", "floor": 0})
    hub.desk.declare({**A, "name": "Pushed"}, B, C)
    hub.push("direct")
    step = hub.apply(event="workflow_dispatch")
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert "over the limits" in step.err


def test_who_changed_since_is_left_out(hub: Project) -> None:
    """Exit 3: the others are applied, and the one is named with the reason."""
    number = change(hub, {**A, "name": "Anica"}, {**B, "name": "Bob"}, C)
    hub.plan(number)
    rename(hub, 1, "Somebody")
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Somebody", "Bob", "Carmen"])
    [note] = [each for each in step.notes if each.name == "warning"]
    assert note.message.startswith("a on rentix: left out: name has changed since the plan")
    assert (note.properties["file"], note.properties["line"]) == ("agents/agents.yaml", "1")
    assert "left out" in step.summary


def test_an_older_plan_does_not_count(hub: Project) -> None:
    """What was shown for a head before the last one was not what was merged."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.desk.declare({**A, "name": "Anica"}, B, {**C, "name": "Late"})
    hub.update(number, "change", "late")
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)) == (1, ["Ana", "Bogdan", "Carmen"])
    assert f"no plan was stored for #{number}" in step.told("error")[0]


def test_a_plan_that_lacks_beside_one_that_is_there(hub: Project) -> None:
    """The reviewed part goes; of the other it is said why not."""
    first = change(hub, {**A, "name": "Anica"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Late"}, branch="second")
    hub.plan(second, upload=False)
    hub.merge(first)
    hub.merge(second)
    step = hub.apply()
    assert (step.code, names(hub)) == (3, ["Anica", "Bogdan", "Carmen"])
    assert step.told("warning")[-1] == f"no plan was stored for #{second}"


def test_a_shallow_checkout_is_told(hub: Project, tmp_path: Path) -> None:
    """Merges before the head cannot be found there."""
    first = change(hub, {**A, "name": "Anica"}, B, C, branch="first")
    hub.plan(first)
    second = change(hub, A, B, {**C, "name": "Late"}, branch="second")
    hub.plan(second)
    hub.merge(first)
    hub.merge(second)
    root = tmp_path / "shallow" / "work"
    git(hub.remote, "clone", "-q", "--depth=1", hub.remote.as_uri(), str(root))
    told = {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": hub.event({}),
        "GITHUB_REF": "refs/heads/main",
    }
    step = hub.step("apply", root=root, GITHUB_SHA=hub.head(), **told)
    assert (step.code, names(hub)) == (3, ["Ana", "Bogdan", "Late"])
    assert "fetch-depth: 0" in step.told("warning")[-1]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"path": ".github/workflows/other.yml"}, "not made by the plan workflow"),
        ({"event": "push"}, "not made by the plan workflow"),
        ({"head_repository": {"full_name": "stranger/agents"}}, "not made by the plan workflow"),
        ({"conclusion": "failure"}, "from a run that did not succeed"),
    ],
)
def test_a_forged_artifact_is_refused(hub: Project, spoil: dict[str, Any], why: str) -> None:
    """The true plan, from a run that could be anybody's."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    run = hub.platform.artifacts[-1]["workflow_run"]["id"]
    hub.platform.runs[run] |= spoil
    hub.merge(number)
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (1, "Ana")
    assert why in step.told("error")[0]


def test_what_is_no_plan_any_more(hub: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired one, an edited one, a bomb, no archive at all: nothing is sent."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    [found] = hub.platform.artifacts
    whole = hub.platform.content[found["id"]]
    plan = (hub.out(number) / "plan.json").read_bytes()
    monkeypatch.setattr(reviewed, "MAX_BYTES", len(plan))
    for content in (
        zipped(plan_json=plan.replace(b"Anica", b"Evila")),
        zipped(plan_json=plan + b" " * 10_000_000),
        zipped(other_json=plan),
        b"no archive",
    ):
        hub.platform.content[found["id"]] = content
        step = hub.apply()
        assert (step.code, names(hub)[0]) == (1, "Ana")
        assert f"the plan of #{number} is not a valid plan" in step.told("error")[0]
    hub.platform.content[found["id"]] = whole
    found["expired"] = True
    assert f"the plan of #{number} has expired" in hub.apply().told("error")[0]
    found["expired"] = False
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
def test_github_is_down_before_anything_is_sent(hub: Project, method: str, path: str) -> None:
    """Exit 1 with a sentence; the re-run does it."""
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


def test_an_apply_is_for_branches_and_their_commits(hub: Project) -> None:
    """No tag, no other commit than the one that the run is of."""
    step = hub.apply(GITHUB_REF="refs/tags/v1")
    assert step.code == 1
    assert "on pushes to a branch" in step.err
    number = change(hub, {**A, "name": "Anica"}, B, C)
    old, new = hub.head(), hub.merge(number)
    step = hub.apply(old, GITHUB_SHA=new)
    assert step.code == 1
    assert f"{old[:12]} is checked out, but this run is for {new[:12]}" in step.err


def test_a_folder_without_git(hub: Project, tmp_path: Path) -> None:
    """Whoever fetched the files in another way has no history: a sentence, for both."""
    root = tmp_path / "plain" / "work"
    root.mkdir(parents=True)
    told = {"GITHUB_EVENT_PATH": hub.event({}), "GITHUB_SHA": hub.head()}
    step = hub.step(
        "apply", root=root, GITHUB_EVENT_NAME="push", GITHUB_REF="refs/heads/main", **told
    )
    assert step.code == 1
    assert "The history cannot be read" in step.err


def test_a_failure_is_told_at_its_line(hub: Project) -> None:
    """What the portal refuses, and who is in conflict, at the lines of the files."""
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


def test_a_conflict_is_told_by_an_apply(hub: Project) -> None:
    """Nothing is to be sent, and it is not as declared: exit 3, at the line."""
    number = change(hub, A, {**B, "id": 99}, C)
    hub.plan(number)
    hub.merge(number)
    step = hub.apply()
    assert step.code == 3
    assert step.told("error")[0].startswith("b on rentix: conflict: ")


def test_a_ledger_that_cannot_be_written_is_a_warning(hub: Project) -> None:
    """What was applied is applied."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    hook = hub.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    step = hub.apply()
    assert (step.code, names(hub)[0]) == (0, "Anica")
    assert "edger" in step.told("warning")[0]


# Drift.


def test_drift_has_an_issue(hub: Project) -> None:
    """Opened, left alone, rewritten, closed."""
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


def test_each_portal_has_its_issue(hub: Project) -> None:
    """Of one that is down nothing is known, so its issue stays; the other's is kept all the same."""
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
    found = hub.desk.truth_pf()[9]
    found.last_name = "Cara"
    hub.desk.pf.users.save(found)
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
    assert "propertyfinder could not be read" in step.told("error")[0]
    assert [each["state"] for each in hub.platform.issues] == ["closed", "open"]


def test_an_issue_that_cannot_be_kept_is_a_warning(hub: Project) -> None:
    """The drift is in the summary and in the outputs."""
    rename(hub, 1, "Somebody")
    hub.platform.fail("POST", "issues", Answer(410, {"message": "Issues are disabled"}))
    step = hub.drift()
    assert (step.code, step.outputs["drift"]) == (0, "true")
    assert "Issues are disabled" in step.told("warning")[0]
    assert "Somebody" in step.summary


def test_the_token_goes_nowhere_else(hub: Project) -> None:
    """Neither to the store that an artifact is read from, nor to the portals."""
    number = change(hub, {**A, "name": "Anica"}, B, C)
    hub.plan(number)
    hub.merge(number)
    assert hub.apply().code == 0
    stores = [each for each in hub.platform.asked if each.path.startswith("/store/")]
    assert [each.token for each in stores] == [None]
    assert {each["user"]["login"] for each in hub.platform.comments[number]} == {BOT}
