"""Keys and tokens appear only in the requests that need them: not in output, files, process
arguments or the ledger, whatever the portal returns."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from html import escape
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from agency import PREFIX, Agency, person, section, user
from github.platform import TOKEN as GITHUB_TOKEN
from github.platform import Answer, Platform
from github.runner import Project, lay_out, project
from repositories import commit, plain_git, remote_of, repository
from starlette.responses import Response

from .conftest import RecordedRequest
from .keys import KEYS, PF_KEY, PF_SECRET, RENTIX, SECRETS, TOKEN, files, leaks, pieces

COMMAND = Path(sys.executable).parent / "reconciler"
DEBUGGING = {
    "PYTHONDEVMODE": "1",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "HTTPX_LOG_LEVEL": "trace",
    "HTTPCORE_LOG_LEVEL": "trace",
    "SSL_KEY_LOG": "1",
    "GIT_TRACE": "1",
    "GIT_CURL_VERBOSE": "1",
}
"""Variables that turn on the debugging output of some program."""
WRAPPER = """#!/bin/sh
for each in "$@"; do printf '%s\\n' "$each"; done >>"$GIT_SEEN"
tr '\\0' '\\n' </proc/$PPID/cmdline >>"$GIT_SEEN"
exec {git} "$@"
"""
"""A git that logs its own arguments and those of its parent process."""
FORMS = ("text", "json", "markdown", "html")


def declare(agency: Agency) -> None:
    """Declare two agents on each portal, of which one has changes."""
    agency.live(user(1, externalId="a-1"), user(2, externalId="a-2"))
    agency.live_pf(person(1), person(2))
    agency.use(rentix={}, propertyfinder={}, limits={"floor": 1000})
    agency.declare(
        {"externalId": "a-1", "name": "Ana", "propertyfinder": section(1, bio="Sells.")},
        {"externalId": "a-2", "name": "Bogdan", "propertyfinder": section(2, bio="Lets.")},
    )


def check_clean(*texts: str) -> None:
    """Check that no text contains a fragment of a secret."""
    for text in texts:
        assert pieces(text) == [], text


def test_leaks_finds_secrets(tmp_path: Path) -> None:
    """In a file, in a file name, and in packed git objects."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(b"\xff" + RENTIX[3:15].encode())
    (tmp_path / "a" / PF_KEY[:12]).write_text("")
    assert len(leaks(tmp_path / "a")) == 2
    assert pieces(RENTIX[3:14]) == []
    root = repository(tmp_path / "git")
    (root / "file.txt").write_text(PF_SECRET)
    commit(root)
    (root / "file.txt").unlink()
    assert [name.endswith("(objects)") for name, _ in leaks(root)] == [True]


@pytest.fixture
def processes(
    keyed: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed command with its own home and temporary folder."""
    plain_git(monkeypatch)
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    for name in ("home", "temporary", "bin"):
        (tmp_path / name).mkdir()
    wrapper = tmp_path / "bin" / "git"
    wrapper.write_text(WRAPPER.format(git=git.strip()))
    wrapper.chmod(0o755)
    environment = {
        **os.environ,
        **KEYS,
        "RENTIX_URL": keyed.portal.urls["rentix"],
        "PROPERTYFINDER_URL": keyed.portal.urls["propertyfinder"],
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "temporary"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / "cache"),
        "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
        "GIT_SEEN": str(tmp_path / "arguments.txt"),
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, "-C", keyed.root, *arguments],
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_no_command_exposes_a_key(
    processes: Callable[..., subprocess.CompletedProcess[str]],
    keyed: Agency,
    recorded: list[RecordedRequest],
    tmp_path: Path,
) -> None:
    """Plan, save, show, apply and drift as processes, with both portals, the ledger on a branch
    and all debugging output on: nothing printed, written or passed as an argument has a
    fragment of a key, and each request has its own."""
    repository(keyed.root)
    remote_of(keyed.root, tmp_path / "remote.git")
    subprocess.run(
        ["git", "-C", keyed.root, "remote", "add", "origin", tmp_path / "remote.git"], check=True
    )
    declare(keyed)
    settings = json.loads((keyed.root / "reconciler.yaml").read_text())
    settings["ledger"] = "git:reconciler-ledger"
    (keyed.root / "reconciler.yaml").write_text(json.dumps(settings))
    saved = str(tmp_path / "plan.json")
    seen: list[bytes] = []

    def arguments_of_all() -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # the process has ended
                seen.append(path.read_bytes())

    async def read_arguments(_: Any) -> None:
        """Read the arguments of all processes while a request is held."""
        await asyncio.to_thread(arguments_of_all)

    keyed.portal.state.before.append(read_arguments)
    for code, *arguments in (
        (0, "-v", "plan", "--out", saved),
        (0, "show", saved, "--format", "html", "--output", str(tmp_path / "report.html")),
        (0, "-v", "apply", "--plan", saved, "--yes", "--format", "json"),
        (0, "drift", "--format", "markdown"),
    ):
        done = processes(*map(str, arguments), **DEBUGGING)
        assert done.returncode == code, done.stderr
        check_clean(done.stdout, done.stderr)
    running = [each for each in seen if b"apply\0--plan" in each]
    assert running
    assert pieces(b"".join(running)) == []
    assert b"reconciler-ledger" in (tmp_path / "arguments.txt").read_bytes()
    names = [name for name, _ in files(tmp_path)]
    assert any("(objects)" in name and "remote.git" in name for name in names)
    assert leaks(tmp_path) == []
    check_headers(recorded)


def check_headers(recorded: list[RecordedRequest]) -> None:
    """Check that each request has its portal's key or token in one header, and nowhere else."""
    assert recorded
    for each in recorded:
        assert pieces(each.target) == []
        holding = {name for name, value in each.headers if pieces(value)}
        if each.target.startswith("/api/v1"):
            assert dict(each.headers)["authorization"] == f"ApiKey {RENTIX}"
        assert holding == (set() if "token" in each.target else {"authorization"})
        other = [PF_KEY, PF_SECRET, TOKEN] if each.target.startswith("/api/v1") else [RENTIX]
        assert pieces(" ".join(value for _, value in each.headers), other) == []


# Echoed keys


def rejection(text: str) -> Response:
    """A 400 with this message."""
    return Response(json.dumps({"message": text}), 400, media_type="application/json")


def escaped(text: str) -> str:
    """A text with every character as a JSON escape."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


def echoes(secret: str) -> dict[str, Response]:
    """Responses in which a portal, or a gateway, echoes a secret."""
    whole = json.dumps({"message": f"bad header: Authorization: ApiKey {secret}"})
    page = f"<html><title>{secret}</title>{escape(secret)}</html>"
    return {
        "a message": rejection(f"The key {secret} is not known"),
        "twice, run together": rejection(secret * 2),
        "the first half": rejection(f"The key {secret[:20]}… is not known"),
        "the second half": rejection(f"The key …{secret[-20:]} is not known"),
        "after a long text": rejection("x " * 250 + secret),
        "as an address has it": rejection(f"no https://p.example/?key={quote(secret, safe='')}"),
        "as a page has it": rejection(f"no &lt;{escape(secret)}&gt;"),
        "in escapes": Response(f'{{"message": "{escaped(secret)}"}}', 400),
        "as a JSON key": Response(json.dumps({"message": "no", secret: secret}), 400),
        "in lists": Response(json.dumps({"message": [secret, {"x": [secret]}]}), 422),
        "as details": Response(
            json.dumps({"title": secret, "detail": secret, "errors": {secret: [secret]}}), 422
        ),
        "a page": Response(page, 502, media_type="text/html"),
        "a page under 200": Response(page, 200, media_type="text/html"),
        "invalid JSON": Response(secret, 200),
        "broken JSON": Response(whole[:-4], 200),
        "a server's failure": Response(whole, 500),
        "no access": Response(whole, 401),
        "no permission": Response(whole, 403),
        "headers": Response(
            whole,
            429,
            headers={"Retry-After": "0", "X-Key": secret, "Set-Cookie": f"k={quote(secret)}"},
        ),
        "a redirect": Response("", 302, headers={"Location": f"https://e.example/?k={secret}"}),
        "a success without a message": Response(json.dumps({"echo": secret}), 200),
        "an agent's name": Response(json.dumps({"items": [user(1, name=secret)]}), 200),
        "an agent's name in escapes": Response(
            f'{{"items": [{{"id": 1, "name": "{escaped(secret)}", "phone": "1"}}]}}', 200
        ),
        "half of it as an external id": Response(
            json.dumps({"items": [user(1, externalId=secret[: len(secret) // 2 + 1])]}), 200
        ),
        "another's page": Response(
            json.dumps({"data": [person(1, name=secret)], "pagination": {"totalPages": 1}}), 200
        ),
        "results": Response(
            json.dumps(
                {"results": [{"index": 0, "status": "error", "error": {"message": secret}}]}
            ),
            200,
        ),
    }


STAGES: dict[str, Callable[[Any], bool]] = {
    "the login": lambda call: "token" in call.path,
    "the list": lambda call: call.method == "GET",
    "a write": lambda call: call.method != "GET" and "token" not in call.path,
}


@pytest.mark.refusals  # a text that is refused is sent in its older form (doubt 4)
@pytest.mark.parametrize("name", echoes("x"), ids=str)
@pytest.mark.parametrize("stage", STAGES)
def test_echoed_key_is_in_no_output(keyed: Agency, tmp_path: Path, stage: str, name: str) -> None:
    """Echoed by the login, the list or a write: with -v, in every format, printed and written."""
    declare(keyed)
    responses = {each: echoes(each)[name] for each in SECRETS}
    later = cycle([PF_KEY, PF_SECRET] if stage == "the login" else [TOKEN, PF_KEY, PF_SECRET])
    echoed: list[str] = []

    async def echo(call: Any, _: Response) -> Response | None:
        if not STAGES[stage](call):
            return None
        echoed.append(RENTIX if call.path.startswith(PREFIX) else next(later))
        return responses[echoed[-1]]

    keyed.portal.state.after.append(echo)
    apply = ("-v", "apply", "--yes", "--force", "--format")
    commands = [(*apply, "json"), (*apply, "html", "--output", str(tmp_path / "report.html"))]
    if stage != "a write":
        plan = ("-v", "plan", "--out", str(tmp_path / "plan.json"), "--format")
        commands = [(*plan, "html"), (*apply, "json")]
    for command in commands:
        done = keyed.run(*command)
        check_clean(done.out, done.err)
    assert set(echoed) >= {PF_KEY} if stage == "the login" else {RENTIX, TOKEN}
    assert leaks(tmp_path) == []


def test_data_with_a_key_is_rejected(keyed: Agency) -> None:
    """The error explains the fix, and the other portal is planned. A key as short as a word is
    ignored."""
    declare(keyed)
    keyed.live(user(1, externalId="a-1", name=f"Agent {RENTIX}"))
    done = keyed.run("plan")
    assert done.code == 1
    assert "contains your key, so none of it is shown or kept" in done.err
    check_clean(done.out, done.err)
    keyed.portal.state.key = keyed.environment["RENTIX_API_KEY"] = "agent"
    try:
        assert keyed.run("plan").code == 0
    finally:
        keyed.portal.state.key = RENTIX


def test_only_the_key_in_a_message_is_redacted(keyed: Agency) -> None:
    """The rest of the message is shown."""
    declare(keyed)

    async def echo(call: Any, _: Response) -> Response | None:
        return rejection(f"Key {RENTIX} may not do this") if call.method == "PUT" else None

    keyed.portal.state.after.append(echo)
    keyed.use(rentix={})
    keyed.live(user(1, externalId="a-1"), user(2, externalId="a-2", name="Bogdan"))
    keyed.portal.state.after.append(echo)
    done = keyed.run("apply", "--yes")
    assert done.code == 3
    assert "Key *** may not do this" in " ".join(done.out.split())


def test_misplaced_key_is_not_repeated(keyed: Agency) -> None:
    """In the configuration, in a URL, in a file with an error, or split over two lines."""
    declare(keyed)
    places = {
        f"api_key: {RENTIX}": "reconciler.yaml",
        f"portals: {{rentix: {{url: 'https://{PF_SECRET}@p.example'}}}}": "reconciler.yaml",
        f"portals: {{rentix: {{key: {RENTIX}}}}}": "reconciler.yaml",
        f"externalId: a\nname: [{RENTIX}": "agents/b.yaml",
        f"externalId: a\nkey: {RENTIX}\n": "agents/b.yaml",
    }
    settings = (keyed.root / "reconciler.yaml").read_text()
    for content, name in places.items():
        (keyed.root / name).write_text(content)
        done = keyed.run("plan")
        assert done.code == 1
        check_clean(done.out, done.err)
        (keyed.root / "agents" / "b.yaml").unlink(missing_ok=True)
        (keyed.root / "reconciler.yaml").write_text(settings)
    for name, value in {
        "RENTIX_API_KEY": f"{RENTIX[:30]}\n{RENTIX[30:]}",
        "RENTIX_URL": f"https://ana:{RENTIX}@p.example",
        "PROPERTYFINDER_URL": f"https://p.example/?key={PF_SECRET}",
    }.items():
        before = dict(keyed.environment)
        keyed.environment[name] = value
        done = keyed.run("plan")
        assert done.code == 1
        assert name in done.err
        check_clean(done.out, done.err)
        keyed.environment = before


# Crashes

CRASH = """
import sys
from reconciler.net import transport
def broken(self, request):
    session = self._session
    raise LookupError("a defect")
transport.Transport._once = broken
sys.argv[0] = "reconciler"
from reconciler.cli import main
main()
"""


def test_crash_shows_no_key(keyed: Agency, tmp_path: Path) -> None:
    """An unexpected exception while sending: exit 1, without the values of variables or the
    environment."""
    declare(keyed)
    urls = {f"{name.upper()}_URL": url for name, url in keyed.portal.urls.items()}
    done = subprocess.run(
        [sys.executable, "-c", CRASH, "-C", keyed.root, "-v", "plan"],
        env={**os.environ, **KEYS, **DEBUGGING, **urls},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "LookupError" in done.stderr
    check_clean(done.stdout, done.stderr)
    assert leaks(tmp_path) == []


# On GitHub


@pytest.fixture
def hub(keyed: Agency, github: Platform, tmp_path: Path) -> Project:
    """A project on GitHub, with a pull request's change in `desk`."""
    agents = [{"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"}]
    keyed.live(*(user(number, **each) for number, each in enumerate(agents, 1)))
    first = tmp_path / "project"
    first.mkdir()
    lay_out(keyed, first, *agents)
    folder = tmp_path / "work"
    folder.mkdir()
    hub = project(keyed, github, folder, first)
    hub.branch("change")
    hub.desk.declare({**agents[0], "name": "Ana Maria"}, agents[1])
    return hub


@pytest.mark.parametrize(
    ("name", "method"),
    [("a message", "GET"), ("an agent's name", "GET"), ("a message", "PUT"), ("headers", "PUT")],
)
def test_workflow_shows_no_key(hub: Project, tmp_path: Path, name: str, method: str) -> None:
    """Plan, apply and drift on a portal that echoes keys: no log, annotation, comment, issue,
    summary, output, artifact, ledger or git object has a fragment."""
    number = hub.open("change")
    echoing = echoes(RENTIX)[name]

    async def echo(call: Any, _: Response) -> Response | None:
        return echoing if call.method == method else None

    if method == "PUT":
        assert hub.plan(number).code == 0
        hub.desk.portal.state.after.append(echo)
    else:
        hub.desk.portal.state.after.append(echo)
        assert hub.plan(number).code == 1
    hub.merge(number)
    applied = hub.apply()
    assert applied.code in (0, 1, 3, 4)
    hub.drift()
    check_everything(hub, tmp_path)


def check_everything(hub: Project, folder: Path) -> None:
    """Check that no output of a workflow's steps contains a secret."""
    secrets = (*SECRETS, GITHUB_TOKEN)
    texts = [each["body"] for every in hub.platform.comments.values() for each in every]
    texts += [each["title"] + each["body"] for each in hub.platform.issues]
    for step in hub.all:
        texts += [step.out, step.err, step.summary, *step.outputs.values()]
    assert texts
    for each in texts:
        assert pieces(each, secrets) == [], each
    assert leaks(folder, secrets=secrets) == []


@pytest.mark.parametrize(("cut", "lead"), [(len(GITHUB_TOKEN), 280), (15, 0)])
def test_github_token_is_not_shown(hub: Project, tmp_path: Path, cut: int, lead: int) -> None:
    """If GitHub echoes all or part of it, also where a message is truncated."""
    number = hub.open("change")
    message = "x" * lead + f" Bad credentials: {GITHUB_TOKEN[:cut]}"
    rejection = Answer(422, {"message": message}, {"X-Token": GITHUB_TOKEN})
    hub.platform.fail("POST", f"issues/{number}/comments", rejection)
    step = hub.plan(number)
    assert step.code == 0
    assert [each for each in step.annotated("warning") if "comment could not be written" in each]
    check_everything(hub, tmp_path)
