"""The command as a separate process: its output, its options, its file, its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event

import httpx
import pytest
from click.testing import CliRunner

from reconciler.cli.sandbox import command
from reconciler.sandbox import Agent, Limits, Readings, propertyfinder
from reconciler.sandbox.server import Application, running
from reconciler.sandbox.state import Agency, State
from reconciler.sandbox.store import Store

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "reconciler", "sandbox"]
KEY = {"Authorization": "ApiKey sandbox"}


def environment():
    """Return the variables of this process, with the checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def process(*switches, end=signal.SIGTERM):
    """Start a sandbox on a free port; yield its URL and, after its end, its output."""
    command = [*COMMAND, "--port", "0", *map(str, switches)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as child:
        run = {"first": child.stdout.readline(), "lines": child.stdout}
        try:
            run["url"] = run["first"].strip().removeprefix("rentix ")
            yield run
        finally:
            child.send_signal(end)
            run["rest"], run["errors"] = child.stdout.read(), child.stderr.read()
            run["exit"] = child.wait(timeout=60)


def failing(*switches):
    """Run a sandbox that does not start; return its exit code and stderr."""
    command = [*COMMAND, *map(str, switches)]
    process = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert process.stdout == ""
    return process.returncode, process.stderr


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_urls_and_stops_on_a_signal(end):
    """The first line is a URL that answers at once; a signal stops it with exit code 0."""
    with process(end=end) as run, httpx.Client(base_url=run["url"], headers=KEY) as client:
        assert run["first"].startswith("rentix http://127.0.0.1:")
        assert run["first"].endswith("/api/v1\n")
        assert client.get("/users").json() == {"items": []}
    base = run["url"].removesuffix("/api/v1")
    assert run["rest"].splitlines() == [
        f"propertyfinder {base}",
        "propertyfinder key sandbox-key-sandbox-key-sandbox-key-sand",
        "propertyfinder secret sandbox-secret-sandbox-secret-sa",
        "rentix key sandbox",
        "Press Ctrl-C to stop.",
    ]
    assert (run["exit"], run["errors"]) == (0, "")


def test_another_process_reads_the_truth_in_its_file(tmp_path):
    """The file can be read while it is served, has more than GET shows, and persists."""
    db, load = tmp_path / "agents.db", tmp_path / "load.json"
    load.write_text(json.dumps({"rentix": [{"id": 4, "externalId": "a"}], "propertyfinder": []}))
    query = "SELECT name, description, avatar_source FROM rentix_users WHERE external_id = 'a'"
    truth = ("Ион", '{"ru": "р", "en": "", "ro": ""}', "https://x.md/a.jpg")
    body = {"id": 4, "name": "Ион", "description": {"ru": "р"}, "avatar": {"url": truth[2]}}
    with process("--db", db, "--load", load) as run:
        httpx.put(run["url"] + "/users", json=body, headers=KEY).raise_for_status()
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as oracle:
            assert oracle.execute(query).fetchall() == [truth]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agents.db", "load.json"]
    with process("--db", db) as run:
        shown = httpx.get(run["url"] + "/users", headers=KEY).json()["items"]
    assert [agent["name"] for agent in shown] == ["Ион"]
    with process("--db", db, "--load", load) as run:
        shown = httpx.get(run["url"] + "/users", headers=KEY).json()["items"]
    assert [agent["name"] for agent in shown] == ["Agent 4"]


def test_the_printed_credentials_work(tmp_path):
    """The output has all that a user needs, and the file keeps Property Finder's users too."""
    db, load = tmp_path / "agents.db", tmp_path / "load.json"
    load.write_text(json.dumps({"propertyfinder": [{"id": 4, "email": "a@x.md"}]}))
    query = "SELECT id, email, profile_id, status FROM propertyfinder_users"
    with process("--db", db, "--load", load) as run:
        base, key, secret = (run["lines"].readline().split()[-1] for _ in range(3))
        assert (len(key), len(secret)) == (40, 32)
        with httpx.Client(base_url=base) as client:
            token = client.post("/v1/auth/token", json={"apiKey": key, "apiSecret": secret}).json()
            client.headers["Authorization"] = f"Bearer {token['accessToken']}"
            assert client.patch("/v1/users/4", json={"isActive": False}).status_code == 204
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as oracle:
            assert oracle.execute(query).fetchall() == [(4, "a@x.md", 900_001, "inactive")]
    with closing(Store(db)) as store:
        (user,) = store.propertyfinder.all()
        assert (user.status, user.profile["email"]) == ("inactive", "a@x.md")


def test_every_reading_and_limit_is_an_option(tmp_path):
    """The flags of some readings and limits set exactly those on the state."""
    from reconciler.sandbox import server

    readings = Readings(**{name: values[-1] for name, values in Readings.choices().items()})
    limits = Limits(1, 2, 0.5, 4, 5, 6, 7)
    last = {name: values[-1] for name, values in propertyfinder.Readings.choices().items()}
    pf_readings, pf_limits = (
        propertyfinder.Readings(**last),
        propertyfinder.Limits(1, 2, 3, 4, 5, 6),
    )
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            server, "serve", lambda application, port, ready: seen.append((application.state, port))
        )
        arguments = ["--key", "k", "--suspended", *readings.flags(), *limits.flags()]
        arguments += ["--pf-without", "roles:read", "--pf-without", "users:read"]
        arguments += [*pf_readings.flags(), *pf_limits.flags()]
        assert CliRunner().invoke(command, arguments).exit_code == 0
        assert CliRunner().invoke(command, []).exit_code == 0
    (state, port), (default, _) = seen
    assert (state.readings, state.limits, state.key) == (readings, limits, "k")
    assert (state.suspended, port) == (True, 8765)
    assert (default.readings, default.limits, default.key) == (Readings(), Limits(), "sandbox")
    assert not default.suspended
    other, default = state.propertyfinder, default.propertyfinder
    assert (other.readings, other.limits, other.scopes) == (
        pf_readings,
        pf_limits,
        {"users:full_access", "listings:read"},
    )
    assert (default.readings, default.limits) == (
        propertyfinder.Readings(),
        propertyfinder.Limits(),
    )
    assert default.scopes == set(propertyfinder.SCOPES)


def test_the_help_explains_every_option():
    """It has every reading and limit, and cites every doubt on its page."""
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    for name in (*Readings.choices(), *Limits.__slots__):
        assert f"--{name.replace('_', '-')}" in text
    for switches in (propertyfinder.Readings, propertyfinder.Limits):
        assert all(f"--{name} " in text for name in switches.named())
    for doubt in range(1, 9):
        assert f"(docs/portals/rentix.md, doubt {doubt})" in text
    for doubt in (1, 2, 4, 5, 6):
        assert f"(docs/portals/propertyfinder.md, doubt {doubt})" in text


def test_the_help_cites_what_the_pages_have():
    """Every section or doubt that an option cites exists on its page."""
    for switches in (Readings, Limits, propertyfinder.Readings, propertyfinder.Limits):
        page = (ROOT / switches.PAGE).read_text("utf-8")
        for each in switches.named().values():
            section = each.metadata["section"]
            doubt = section.removeprefix("doubt ")
            heading = f"## {section}\n" if doubt == section else f"\n{doubt}. "
            assert heading in page, (switches.PAGE, section)


def test_faults_are_logged_and_replayed():
    """The same seed gives the same faults, a line each on stderr, and no other output."""
    logs = []
    for _ in range(2):
        with process("--faults", 1, "--fault-share", 1) as run:
            for _ in range(8):
                with suppress(httpx.ReadError, httpx.TimeoutException):
                    httpx.get(run["url"] + "/users", headers=KEY, timeout=0.5)
        assert run["exit"] == 0
        logs.append(run["errors"].splitlines())
    shorter, longer = sorted(logs, key=len)  # the end may come before the last request
    assert longer[: len(shorter)] == shorter
    starts = [line.partition(": ")[0] for line in shorter]
    assert starts == [f"rentix #{number} GET /users" for number in range(1, len(starts) + 1)]
    assert len(starts) > 2  # a fault may have used up the rate limit for the rest


def test_faults_of_one_kind():
    """An unknown kind is an error that lists all of them."""
    with process("--faults", 1, "--fault-share", 1, "--fault-kind", "empty list") as run:
        listed = httpx.get(run["url"] + "/users", headers=KEY).json()
    assert listed["items"] == []
    code, errors = failing("--fault-kind", "gone")
    assert code == 1
    assert "empty list" in errors


def test_faults_are_an_option():
    """There are none without it; their share is a third by default, and at most 1."""
    from reconciler.sandbox import server
    from reconciler.sandbox.faults import Faults

    seen, created = [], []

    def record(*arguments, **rest):
        created.append(arguments)
        return Faults(*arguments, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            server, "serve", lambda application, port, ready: seen.append(application.faults)
        )
        patch.setattr("reconciler.sandbox.faults.Faults", record)
        for arguments in ([], ["--faults", "0"], ["--faults", "7", "--fault-share", "0.5"]):
            assert CliRunner().invoke(command, arguments).exit_code == 0
    assert [each is None for each in seen] == [True, False, False]
    assert created == [(0, 0.33), (7, 0.5)]
    invalid = CliRunner().invoke(command, ["--faults", "7", "--fault-share", "1.5"])
    assert invalid.exit_code == 2
    assert "--faults SEED" in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("{", "invalid JSON: "),
        ("[]", 'must be an object with the keys "rentix" and "propertyfinder"'),
        ('{"rentx": []}', 'must be an object with the keys "rentix" and "propertyfinder"'),
        ('{"rentix": {}}', "rentix: must be a list of users"),
        ('{"rentix": [{"name": 1}]}', "rentix: user 0: name must be a string"),
        (
            '{"propertyfinder": [{"id": 0}]}',
            "propertyfinder: user 0: id must be a positive integer",
        ),
    ],
)
def test_an_invalid_file_to_load_is_one_line(tmp_path, content, message):
    """The error is one line with exit code 1, without a traceback."""
    path = tmp_path / "load.json"
    if content is not None:
        path.write_text(content)
    code, errors = failing("--port", 0, "--load", path)
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith(f"error: {path}: {message}")


def test_an_invalid_database_and_a_used_port_are_one_line(tmp_path, sandbox):
    """The error is one line with exit code 1."""
    path = tmp_path / "agents.db"
    path.write_text("not a database" * 100)
    assert failing("--port", 0, "--db", path) == (1, f"error: {path}: file is not a database\n")
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE propertyfinder_users (name)")
    code, errors = failing("--port", 0, "--db", path)
    assert (code, errors) == (1, f"error: {path}: no such column: id\n")
    port = httpx.URL(sandbox.url).port
    assert failing("--port", port) == (1, f"error: port {port}: Address already in use\n")


def test_the_store_of_a_given_state_stays_open(tmp_path):
    """`running` serves a state that is passed in, and leaves its store open."""
    store = Store(tmp_path / "agents.db")
    with closing(store):
        with running(State(store, key="k")) as sandbox:
            url = sandbox.urls["rentix"] + "/agency"
            assert httpx.get(url, headers={"X-API-Key": "k"}).status_code == 200
        assert store.agents() == []


def test_a_key_leads_to_its_agency():
    """Two agencies at one address, each with its own agents and its own state."""
    with closing(Store()) as one, closing(Store()) as two, running(State(one)) as sandbox:
        other = State(two, key="other", agency=Agency(2, "Other"))
        sandbox.restart(Application(sandbox.state, others=[other]))
        sandbox.state.load([{"id": 1, "name": "Ana"}])
        other.load([{"id": 1, "name": "Ion"}])

        def get(path, key):
            answer = httpx.get(sandbox.url + path, headers={"Authorization": f"ApiKey {key}"})
            return answer.json()

        for key, number, name in (("sandbox", 1, "Ana"), ("other", 2, "Ion")):
            assert get("/agency", key)["id"] == number
            assert get("/users/1", key)["name"] == name
        assert get("/agency", "another")["statusCode"] == 401
        assert len(other.log) == 2


def test_a_restart_leaves_nothing_of_the_former_application():
    """A request that is held before its effect never takes effect, and its connection is reset."""
    held, release = Event(), Event()
    ana, anna = ({"id": 1, "name": name, "phone": "+1"} for name in ("Ana", "Anna"))

    async def hold(_):
        held.set()
        await asyncio.to_thread(release.wait, 60)

    with closing(Store()) as store, running(State(store)) as sandbox, ThreadPoolExecutor() as pool:
        sandbox.state.reset([ana])
        sandbox.state.before.append(hold)
        write = pool.submit(httpx.put, sandbox.url + "/users", json=anna, headers=KEY)
        assert held.wait(60)
        sandbox.restart(Application(State(store)))
        release.set()
        with pytest.raises(httpx.ReadError):
            write.result()
        shown = httpx.get(sandbox.url + "/users", headers=KEY).json()
        assert [agent["name"] for agent in shown["items"]] == ["Ana"]
        assert [each.path for each in sandbox.state.log] == ["/api/v1/users"]


def test_saving_a_duplicate_external_id_fails():
    """Two agents cannot have one external id, and no agent is lost."""
    with closing(Store()) as store:
        store.replace([Agent(1, "A", "+1", "x"), Agent(2, "B", "+2")])
        with pytest.raises(sqlite3.IntegrityError):
            store.save(Agent(2, "B", "+2", "x"))
        assert [agent.external_id for agent in store.agents()] == ["x", None]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_seven_calls_with_curl(sandbox, state):
    """They answer plain curl as documented."""

    def curl(*arguments):
        headers = ["-H", "Authorization: ApiKey sandbox", "-H", "Content-Type: application/json"]
        method, path, *data = arguments
        body = ["-d", data[0]] if data else []
        command = ["curl", "-sS", "-X", method, *headers, *body, sandbox.url + path]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    name = '{"externalId": "agent-001", "name": "Ion"}'
    assert curl("PUT", "/users", name) == {"id": 1, "externalId": "agent-001", "updated": True}
    bulk = '{"operations": [{"op": "upsert", "externalId": "agent-001", "name": "Ion"}]}'
    assert curl("POST", "/users/bulk", bulk) == {
        "results": [{"op": "upsert", "externalId": "agent-001", "id": 1, "success": True}],
        "summary": {"total": 1, "succeeded": 1, "failed": 0},
    }
    assert [agent["name"] for agent in curl("GET", "/users")["items"]] == ["Ion", "Olga Rusu"]
    assert curl("GET", "/users/1")["name"] == "Ion"
    linked = {"id": 2, "externalId": "a/2", "linked": True}
    assert curl("POST", "/users/2/link", '{"externalId": "a/2"}') == linked
    assert curl("GET", "/users/external/a%2F2")["id"] == 2
    unlinked = {"id": 2, "externalId": "a/2", "unlinked": True}
    assert curl("DELETE", "/users/2/link") == unlinked
