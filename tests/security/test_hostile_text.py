"""Text is data: nothing that a file, a portal or a name says steers a terminal, ends a table, runs in
a page, or is a command to a workflow. One table of texts, every place that they can stand in, every
output, and one oracle for each.

No output is a table for a spreadsheet (CSV), so no text is a formula anywhere.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from agency import PREFIX, Agency, person, section, user
from github.platform import Platform
from github.runner import Project, Step, commands, lay_out, project
from render.pages import checked
from render.samples import STYLE, steering
from render.test_markdown import parsed
from repositories import say
from starlette.responses import Response

from reconciler.documents.agents import read_agents
from reconciler.errors import InputError
from reconciler.portals.registry import parts

from .hostile import BROKEN, HOSTILE

ALL = {**HOSTILE, **BROKEN}
NAMES = list(ALL)
SIZE = 20
WORLDS = [NAMES[at : at + SIZE] for at in range(0, len(NAMES), SIZE)]
"""So many texts at a time that all their agents have room in a comment."""
FIELDS = {
    "externalId": lambda text: {"externalId": text},
    "name": lambda text: {"externalId": "a", "name": text},
    "description": lambda text: {"externalId": "a", "description": {"ru": text}},
}
PORTALS = ("rentix", "propertyfinder")
OUTPUTS = {"create", "update", "link", "unlink", "deactivate", "unchanged", "waiting", "conflicts"}
OUTPUTS |= {"requests", "changes", "digest", "folder", "artifact", "applied", "failed", "drift"}
OUTPUTS |= {"portals"}


# The oracles


def plain(shown: str) -> str:
    """What is printed: it steers nothing, and no line of it is a command to a workflow."""
    assert steering(shown) == []
    assert commands(shown) == []
    return shown


def of_json(shown: str) -> Any:
    """JSON alone; nothing in it steers a terminal or a workflow that prints it."""
    assert steering(shown) == []
    assert commands(shown) == []
    return json.loads(shown)


def of_github(shown: str) -> str:
    """A comment, an issue or a summary: our own lines first, then markdown in which nothing acts."""
    lines = shown.split("\n")
    while lines and re.match(r"<!-- agent-reconciler [a-z ]+ -->$|<sub>.*</sub>$|$", lines[0]):
        lines.pop(0)
    parsed("\n".join(lines))
    return shown


def of_log(step: Step, files: set[str] | None = None) -> None:
    """A step's log: annotations alone, of the three levels, at files that there are (those that
    cannot be named are told otherwise)."""
    assert steering(step.out + step.err) == []
    for note in step.notes:
        assert note.name in ("error", "warning", "notice")
        assert set(note.properties) <= {"file", "line", "col", "title"}
        file = note.properties.get("file")
        assert file is None or (file in files if files else file.startswith("agents/"))
    assert set(step.outputs) <= OUTPUTS
    for value in step.outputs.values():
        assert re.fullmatch(r"[\w./:,-]*", value), value
    if step.summary.strip():
        of_github(step.summary)


ORACLES = {"text": plain, "json": of_json, "markdown": parsed, "html": checked}


# The worlds


def allowed(folder: Path, content: Any, name: bytes = b"a.yaml") -> bool:
    """Whether a file may say this, or have this name."""
    (folder / "agents").mkdir(exist_ok=True, parents=True)
    path = str(folder / "agents").encode() + b"/" + name
    try:
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name of bytes
            file.write(json.dumps(content))
        read_agents(folder, "agents", parts())
    except InputError:
        return False
    finally:
        Path(os.fsdecode(path)).unlink()
    return True


def file_name(number: int, text: str) -> bytes:
    """A file's name with as much of the text as it can have."""
    said = text.replace("/", "\u2215").replace("\0", "")[:40]
    return f"{number} {said}".encode("utf-8", "surrogatepass")[:200] + b".yaml"


def declare(agency: Agency, folder: Path, texts: dict[str, str]) -> list[str]:
    """A file for each text, named so, whose agent has it wherever a file may; the keys."""
    keys = []
    for number, text in enumerate(texts.values(), 1):
        could = {name for name, made in FIELDS.items() if allowed(folder, made(text))}
        keys.append(text if "externalId" in could else f"a-{number}")
        name = text if "name" in could else f"New {number}"
        bio = text if "description" in could else f"New {number}"
        agent = {
            "externalId": keys[-1],
            "name": name,
            "description": {"ru": bio, "en": f"{bio} and {bio}" if len(bio) < 999 else "x"},
            "propertyfinder": section(number, bio=bio, name=name),
        }
        called = file_name(number, text)
        if not allowed(folder, {"externalId": "a"}, called):
            called = f"{number}.yaml".encode()
        path = str(agency.root / "agents").encode() + b"/" + called
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(agent, ensure_ascii=False))
    twice = {"externalId": "twice", "phone": "+373 22 555 555"}
    (agency.root / "agents" / "twice.yaml").write_text(json.dumps(twice))
    return keys


def live(agency: Agency, texts: dict[str, str], keys: list[str]) -> None:
    """Both portals show each text in every value that they have, and say it in every refusal."""
    here, there = [], []
    for number, (text, key) in enumerate(zip(texts.values(), keys, strict=True), 1):
        here += [
            user(
                number,
                externalId=key,
                name=text,
                description={"ru": text, "en": text, "ro": text},
                instagram=text,
                avatar={"id": number, "contentType": text, "variants": [{"url": text}]},
            ),
            user(100 + number, name=text, phone="+37322555555"),
            user(200 + number, externalId=f"{text}?", name=text, phone=text),
        ]
        there.append(person(number, id=number, firstName=text, lastName=text, name=text, bio=text))
        there[-1]["email"] = f"user-{number}@agency.example"
    page = {"pagination": {"page": 1, "perPage": 100, "total": len(there), "totalPages": 1}}
    shown = {PREFIX: {"items": here}, "/v1": {"data": there, **page}}
    told = list(texts.values())

    async def answer(call: Any) -> Response | None:
        if call.method == "GET" and "users" in call.path:
            place = PREFIX if call.path.startswith(PREFIX) else "/v1"
            return Response(json.dumps(shown[place]), media_type="application/json")
        if "token" in call.path:
            return None
        text = told[len(call.path) % len(told)]
        said: Any = {"message": text, "title": text, "detail": text, "errors": [{"detail": text}]}
        if "bulk" in call.path:
            operations = call.body["operations"]
            said["results"] = [
                {"index": at, "success": False, "error": told[at % len(told)], "id": text}
                for at, _ in enumerate(operations)
            ]
        return Response(json.dumps(said), 422, media_type="application/json")

    agency.portal.state.before.append(answer)


@pytest.fixture(params=WORLDS, ids=lambda names: f"{names[0]} to {names[-1]}")
def texts(request: pytest.FixtureRequest) -> dict[str, str]:
    """Some of the texts."""
    return {name: ALL[name] for name in request.param}


IN_PART = pytest.mark.parametrize(
    "texts",
    [
        pytest.param(names, marks=() if at < 2 else pytest.mark.long)
        for at, names in enumerate(WORLDS)
    ],
    indirect=True,
    ids=lambda names: f"{names[0]} to {names[-1]}",
)
"""For what takes long: the terminals' and the workflows' texts always, the others with `--long`;
the renderers get all of them above."""


@pytest.fixture
def hostile(keyed: Agency, texts: dict[str, str], tmp_path: Path) -> Agency:
    """An agency of hostile files on hostile portals."""
    (keyed.root / "agents").mkdir()
    keyed.use(rentix={}, propertyfinder={}, limits={"floor": 1000})
    keys = declare(keyed, tmp_path / "trial", texts)
    live(keyed, texts, keys)
    return keyed


USUAL = (
    ("text", "plan"),
    ("text", "show"),
    ("json", "plan"),
    ("json", "apply", "--yes"),
    ("markdown", "apply", "--dry-run"),
    ("markdown", "apply", "--yes"),
    ("html", "drift"),
    ("html", "apply", "--yes"),
)
EVERY = tuple(
    (form, *command)
    for form in ORACLES
    for command in (("plan",), ("show",), ("apply", "--dry-run"), ("apply", "--yes"), ("drift",))
)


@pytest.mark.refusals  # a text that is refused is sent in its older form (doubt 4)
@pytest.mark.parametrize(
    "commands", [USUAL, pytest.param(EVERY, marks=pytest.mark.long)], ids=["usual", "every"]
)
def test_no_text_acts_in_any_output_of_a_command(
    hostile: Agency,
    texts: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commands: tuple[tuple[str, ...], ...],
) -> None:
    """Plan, dry run, apply, drift and a saved plan, in the formats; what is said beside them too. In
    a workflow and on a terminal with colours."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    saved = str(tmp_path / "plan.json")
    files = {"plan": ("--out", saved), "show": (saved,)}
    for form, *command in commands:
        said = hostile.run("-v", *command, *files.get(command[0], ()), "--format", form)
        assert said.out, said.err
        ORACLES[form](said.out)
        plain(said.err)
        if (form, command) == ("json", ["plan"]):
            assert len(said.json["agents"]) >= len(texts)
            assert said.json["conflicts"]
            assert {each["portal"] for each in said.json["agents"]} == {*PORTALS}
        if (form, command[-1]) == ("json", "--yes"):
            assert {each["status"] for each in said.json["results"]} == {"failed"}
        if form == "markdown":
            assert "omitted (size limit)" not in said.out
    monkeypatch.delenv("GITHUB_ACTIONS")  # no terminal is there
    monkeypatch.setattr("reconciler.cli.console.page", lambda _: {"width": 90, "color": True})
    said = hostile.run("plan")
    assert STYLE.search(said.out)
    assert steering(STYLE.sub("", said.out) + said.err) == []


def typed(text: str) -> bool:
    """Whether an option can be this: what a system takes as an argument."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def test_no_text_acts_in_messages_about_mistakes(
    keyed: Agency, texts: dict[str, str], tmp_path: Path
) -> None:
    """In files that may not have it: as a key, as a value of every kind, as the file's own name, as
    bytes; in the configuration; as an option. The places are told, and no text acts."""
    (keyed.root / "agents").mkdir()
    keyed.environment["GITHUB_ACTIONS"] = "true"
    folder = str(keyed.root / "agents").encode() + b"/"
    for number, text in enumerate(texts.values()):
        written = json.dumps({"externalId": ["x"], "name": text, text: text, "phone": text})
        raw = f"externalId: x{number}\nname: {text}\n{text}: [\n".encode("utf-8", "surrogatepass")
        for at, content in enumerate((written.encode(), raw)):
            with open(folder + file_name(10 * number + at, text), "wb") as file:  # noqa: PTH123
                file.write(content)
    said = keyed.run("validate")
    assert said.code == 1
    plain(said.out + said.err)
    (keyed.root / "agents" / "x.yaml").write_text("externalId: x\n")
    for text in texts.values():
        (keyed.root / "reconciler.yaml").write_text(
            json.dumps(
                {text: text, "portals": {text: {}, "rentix": {"url": text, "match": [text]}}}
            )
        )
        said = keyed.run("validate")
        assert said.code == 1
        plain(said.out + said.err)
    (keyed.root / "reconciler.yaml").unlink()
    for path in (keyed.root / "agents").iterdir():
        path.unlink()
    (keyed.root / "agents" / "x.yaml").write_text("externalId: x\n")
    for text in filter(typed, texts.values()):
        for command in (
            ("plan", "--target", text),
            ("plan", "--portal", text),
            ("plan", "--base", text),
            ("show", text[:200]),
            (text,),
        ):
            said = keyed.run(*command)
            assert said.code == 1, (command, said)
            plain(said.out + said.err)


# On GitHub


@pytest.fixture
def hub(keyed: Agency, github: Platform, tmp_path: Path) -> Project:
    """A project on GitHub with one agent."""
    keyed.live(user(1, externalId="a"))
    (tmp_path / "project").mkdir()
    lay_out(keyed, tmp_path / "project", {"externalId": "a"})
    (tmp_path / "work").mkdir()
    return project(keyed, github, tmp_path / "work", tmp_path / "project")


@pytest.mark.refusals  # a text that is refused is sent in its older form (doubt 4)
@IN_PART
def test_no_text_acts_on_github(
    hub: Project, texts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log with its annotations, the comment, the summary, the outputs, the report, the issue,
    the ledger's commits: of a plan, an apply that is refused, and drift."""
    branch = "change-" + re.sub(r"[^\w@#&;()<>'\"$`|-]", "", next(iter(texts.values())))[:20]
    hub.branch(branch)
    hub.desk.use(rentix={}, propertyfinder={}, limits={"floor": 1000}, ledger="git:ledger")
    for path in (hub.desk.root / "agents").iterdir():
        path.unlink()
    keys = declare(hub.desk, tmp_path / "trial", texts)
    live(hub.desk, texts, keys)
    files = {f"agents/{path.name}" for path in (hub.desk.root / "agents").iterdir()}
    number = hub.open(branch)
    step = hub.plan(number)
    assert step.code == 0, step.out
    of_log(step, files)
    (comment,) = hub.platform.comments[number]
    of_github(comment["body"])
    assert "omitted (size limit)" not in comment["body"]
    checked((hub.out(number) / "report.html").read_text())
    assert json.loads((hub.out(number) / "plan.json").read_text("utf-8", "surrogatepass"))
    hub.merge(number)
    of_log(hub.drift(), files)
    step = hub.apply()
    assert step.code == 3
    of_log(step, files)
    assert len(step.annotated("error")) == 10
    for issue in hub.platform.issues:
        assert issue["title"] in ("Drift on rentix", "Drift on propertyfinder")
        of_github(issue["body"])
    assert hub.platform.issues
    for line in say(hub.remote, "log", "--format=%s%n%b", "--all", "--", "*ledger.json").split(
        "\n"
    ):
        assert re.fullmatch(r"[\w ,.:;]*", line), line


@IN_PART
def test_mistakes_are_reported_on_github_without_acting(
    hub: Project, texts: dict[str, str]
) -> None:
    """The annotations and the summary of files that cannot be taken."""
    hub.branch("change")
    folder = str(hub.desk.root / "agents").encode() + b"/"
    for number, text in enumerate(texts.values()):
        with open(folder + file_name(number, text), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps({"externalId": [1], text: text, "name": text}))
    step = hub.plan(hub.open("change"))
    assert step.code == 1
    assert step.annotated("error")
    of_log(step)
