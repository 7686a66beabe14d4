"""Concurrency: two applies never run at the same time, and an apply reports what someone edits on the
portal meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

import pytest
from agency import KEY, Agency, person, section, user, writes
from repositories import clone, commit, plain_git, remote_of, repository, say

from reconciler.engine import session
from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.readings import Readings
from reconciler.store.file import File
from reconciler.store.lock import Lock, LockWait

PATIENCE = 120.0
"""Seconds after which a test that hangs fails; no test waits that long otherwise."""
PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from reconciler.cli import main
from reconciler.engine import session, settling
from reconciler.store import claim, lock
slept = Path({slept!r})
now = lambda: lock.boot_time() + (120 if slept.exists() else 0)
session.LockWait = partial(lock.LockWait, now=now)
claim.POLL_INTERVAL = 0.1
settling.PAUSES = (0.0,) * 5
main()
"""
"""The program, with shorter waits and no pauses between readings; two minutes have
passed on its clock once a file exists."""
SLOW_GIT = """#!/bin/sh
case "$*" in *ls-remote*refs/reconciler/applying*) sleep 0.5;; esac
exec {git} "$@"
"""
"""A git that is slow to show who holds a lock."""
NO_LIMIT = {"floor": 100_000}
PLACE = "git:reconciler-ledger"


class Process:
    """An apply in its own process; `path` is searched first for programs, `prefix` starts it."""

    def __init__(self, agency: Agency, path: Path | None, prefix: Sequence[str]) -> None:
        self._slept = agency.root.with_name(f"{agency.root.name}.slept")
        program = PROGRAM.format(slept=str(self._slept))
        command = [*prefix, sys.executable, "-c", program, "-C", str(agency.root)]
        command += ["apply", "--yes", "--force", "--format", "json"]
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONFAULTHANDLER": "1",  # SIGABRT prints where each thread is
            "PATH": os.pathsep.join([*([str(path)] if path else []), os.environ["PATH"]]),
            "RENTIX_URL": agency.portal.url,
            "RENTIX_API_KEY": KEY,
            "PROPERTYFINDER_URL": agency.portal.urls["propertyfinder"],
            "PROPERTYFINDER_API_KEY": agency.pf.key,
            "PROPERTYFINDER_API_SECRET": agency.pf.secret,
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, env=environment, text=True, **pipes)
        self._lines: SimpleQueue[str] = SimpleQueue()
        self.err = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def expect(self, word: str) -> None:
        """Wait until the process prints this to standard error."""
        while word not in self.err:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except Empty:
                self.abort()
            assert line, f"it ended with: {self.err}"
            self.err += line

    def wait_for(self, event: threading.Event) -> None:
        """Wait for an event that the process causes. Fails as soon as the process has ended."""
        deadline = time.monotonic() + PATIENCE
        while not event.wait(0.1):
            if self._process.poll() is not None and not event.is_set():
                raise AssertionError(f"it ended too early: {self.end()}, {self.err}")
            if time.monotonic() > deadline:
                self.abort()

    def abort(self) -> NoReturn:
        """End a process that hangs. Fails with its output and the stack of each thread."""
        self.signal(signal.SIGABRT)
        self.end()
        raise AssertionError

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def wake(self) -> None:
        """Continue a stopped process, after two minutes by its clock."""
        self._slept.touch()
        self.signal(signal.SIGCONT)

    def end(self) -> tuple[int, Any]:
        """Wait for the end. Returns the exit code, and the report if there is one. Fails if
        the process hangs."""
        killer = threading.Timer(PATIENCE, self.signal, [signal.SIGABRT])
        killer.start()
        out = self._process.stdout.read()
        code = self._process.wait()
        killer.cancel()
        self._reader.join(PATIENCE)
        while not self._lines.empty():
            self.err += self._lines.get()
        assert code != -signal.SIGABRT, f"it did not end in time: {self.err}"
        return code, json.loads(out) if out else None

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._process.stderr.close()


Start = Callable[..., Process]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start an apply of an agency; nothing of it is left after the test, and no settings of
    anybody's count for git."""
    plain_git(monkeypatch)
    processes: list[Process] = []

    def start(agency: Agency, path: Path | None = None, prefix: Sequence[str] = ()) -> Process:
        processes.append(Process(agency, path, prefix))
        return processes[-1]

    yield start
    for each in processes:
        each.close()


class Gate:
    """Holds the first request that `fits`, before its effect, until the gate is opened."""

    def __init__(self, agency: Agency, fits: Callable[[Any], bool]) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self._fits = fits
        agency.portal.state.before.append(self._hold)

    async def _hold(self, call: Any) -> None:
        if not self.reached.is_set() and self._fits(call):
            self.reached.set()
            await asyncio.to_thread(self.open.wait, PATIENCE)

    def wait(self, process: Process) -> None:
        """Wait until a request of the process is held."""
        process.wait_for(self.reached)


@contextmanager
def held(agency: Agency, fits: Callable[[Any], bool]) -> Iterator[Gate]:
    """A gate that opens at the end in any case."""
    gate = Gate(agency, fits)
    try:
        yield gate
    finally:
        gate.open.set()


def is_write(call: Any) -> bool:
    """Whether a call may change an agent."""
    return call.method != "GET" and "token" not in call.path


def refused(agency: Agency) -> list[Any]:
    """The calls that a portal refused; a look-up of an agent to be created finds none."""
    return [call for call in agency.calls() if call[3] >= 400 and "/external/" not in call[1]]


def applied(report: Any) -> int:
    """The number of operations that were applied."""
    return int(report["summary"]["applied"])


def keys(agency: Agency) -> set[str]:
    """The keys recorded in a ledger file, on all portals; the ledger has to be readable."""
    ledger = json.loads(agency.ledger.read_bytes())
    return {
        f"{name} {each['key']}"
        for name, [portal] in ledger["portals"].items()
        for each in portal["agents"].values()
    }


# ---------------------------------------------------------------------- two applies in one folder


def test_two_applies_in_one_folder_run_one_after_the_other(agency: Agency, start: Start) -> None:
    """A swap of external ids and a new agent on both portals, held during the swap: the second
    apply says which one it waits for, then finds nothing to do."""
    agency.live(
        user(1, externalId="a"), user(2, externalId="b"), readings=Readings(creation="upsert")
    )
    agency.live_pf(person(1))
    agency.use(rentix={"create": "upsert"}, propertyfinder={}, limits=NO_LIMIT)
    agency.declare(
        {"id": 1, "externalId": "b"},
        {"id": 2, "externalId": "a"},
        {
            "externalId": "n",
            "name": "Nou Venit",
            "phone": "+373 22 131 313",
            "propertyfinder": {
                "email": "nou@agency.example",
                "firstName": "Nou",
                "lastName": "Venit",
                "mobile": "+373 69 131 313",
                "roleId": 3,
            },
        },
    )
    with held(agency, lambda call: call.path.endswith("/link") and call.method == "POST") as gate:
        first = start(agency)
        gate.wait(first)
        second = start(agency)
        second.expect("Another apply is in progress")
        assert f"process {first._process.pid}, since " in second.err
        gate.open.set()
        code, report = first.end()
        assert (code, applied(report)) == (0, 6)
        code, report = second.end()
        assert (code, applied(report), report["results"]) == (0, 0, [])
    assert "\nThe other apply has ended" in second.err
    assert "Another apply" not in first.err
    assert refused(agency) == []
    assert {each.external_id: each.id for each in agency.truth().values()} == {
        "b": 1,
        "a": 2,
        "n": 3,
    }
    assert len(agency.truth_pf()) == 2
    assert keys(agency) == {"rentix a", "rentix b", "rentix n", "propertyfinder n"}


def test_an_apply_that_waits_for_a_killed_one_continues_at_once(
    agency: Agency, start: Start
) -> None:
    """The lock is released with the process; the rest is planned again, and the ledger is
    readable."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    with held(agency, is_write) as gate:
        first = start(agency)
        gate.wait(first)
        second = start(agency)
        second.expect("Another apply is in progress")
        first.signal(signal.SIGKILL)
        code, report = second.end()
    assert (code, applied(report), report["notes"]) == (0, 2, [])
    assert refused(agency) == []
    assert [each.name for each in agency.truth().values()] == ["Ana", "Bogdan"]
    assert keys(agency) == {"rentix a", "rentix b"}


def test_ctrl_c_ends_the_wait(agency: Agency, start: Start) -> None:
    """With 130 and nothing sent; the other apply is not disturbed."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    with held(agency, is_write) as gate:
        first = start(agency)
        gate.wait(first)
        before = len(agency.portal.state.log)
        second = start(agency)
        second.expect("Another apply is in progress")
        second.signal(signal.SIGINT)
        assert second.end() == (130, None)
        assert len(agency.portal.state.log) == before
        gate.open.set()
        assert first.end()[0] == 0
    assert second.err.endswith("nothing has been sent.\n\nInterrupted.\n")
    assert first.err.count("Another apply") == 0


@pytest.fixture
def busy(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    """An agency with changes to apply, locked by another apply that never ends; a sleep advances
    the clock."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    slept: list[float] = []
    monkeypatch.setattr(session, "LockWait", partial(LockWait, now=lambda: sum(slept)))
    monkeypatch.setattr(Cancellation, "sleep", lambda _, seconds: slept.append(seconds))
    with File(agency.root, ".reconciler/ledger.json").lock(LockWait(print, print)):
        yield agency


@pytest.mark.parametrize("quiet", [True, False])
def test_a_wait_ends_after_five_minutes(busy: Agency, quiet: bool) -> None:
    """With an error that names the other apply; with -q that is the only output. Nothing was read
    from the portal, and nothing was sent."""
    arguments = ["-q"] if quiet else []
    result = busy.run(*arguments, "apply", "--yes")
    assert (result.code, result.out, busy.calls()) == (1, "", [])
    waiting, _, error = result.err.rpartition("error: ")
    assert error.startswith(f"Another apply is still in progress: {os.uname().nodename}, process ")
    assert "Waited 5 minutes; nothing was sent" in error
    assert waiting.startswith("" if quiet else "Another apply is in progress: ")
    assert bool(waiting) is not quiet


def test_commands_that_only_read_do_not_wait(busy: Agency) -> None:
    """A plan, drift, a dry run, a check of the files; the lock does not change a plan."""
    for arguments in (["plan"], ["drift"], ["apply", "--dry-run"], ["validate"]):
        result = busy.run(*arguments)
        assert result.code in (0, 2)
        first_day = "note: Nothing has been applied to rentix yet"
        messages = result.err.splitlines()
        assert [each for each in messages if not each.startswith(first_day)] == []


def test_errors_are_reported_before_a_wait(busy: Agency) -> None:
    """A missing key, a portal that is not configured."""
    busy.environment["RENTIX_API_KEY"] = ""
    assert busy.run("apply", "--yes").err.startswith("error: RENTIX_API_KEY is not set.")
    assert busy.run("apply", "--yes", "--portal", "x").err.startswith("error: The portal x is not")


@pytest.mark.parametrize("moment", ["while it plans", "while it asks"])
def test_an_apply_that_loses_its_lock_before_sending_sends_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """An error with the reason, whatever the answer to the prompt."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    turns: list[LockWait] = []

    @contextmanager
    def taken(_: File, turn: LockWait) -> Iterator[Lock]:
        turns.append(turn)
        if moment == "while it plans":
            turn.on_lost("It slept.")
        yield Lock()

    monkeypatch.setattr(File, "lock", taken)
    monkeypatch.setattr("reconciler.cli.apply.confirm", lambda: turns[0].on_lost("It slept."))
    result = agency.run("apply")
    assert (result.code, writes(agency.calls())) == (1, [])
    assert (
        "It slept. Finishing the requests in progress; nothing else will be sent.\n" in result.err
    )
    assert result.err.endswith("error: It slept. Nothing was sent. Run again.\n")


# ------------------------------------------------------------------------ two clones


@pytest.fixture
def clones(agency: Agency, start: Start, tmp_path: Path) -> tuple[Agency, Agency, Path]:
    """Two clones of an agency whose ledger is on a branch, and their remote. The files of the
    second clone are one commit ahead: Ana is renamed, and Bogdan is declared."""
    source = Agency(repository(tmp_path / "source"), agency.portal)
    source.use(rentix={}, ledger=PLACE)
    source.declare({"externalId": "a", "name": "Ana"})
    commit(source.root)
    remote = remote_of(source.root, tmp_path / "remote.git")
    a, b = (Agency(clone(remote, tmp_path / name), agency.portal) for name in "ab")
    b.declare({"externalId": "a", "name": "Ana Maria"}, {"externalId": "b", "name": "Bogdan"})
    commit(b.root)
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    return a, b, remote


def names(agency: Agency) -> list[str]:
    """The agents' current names."""
    return [each.name for each in agency.truth().values()]


def claims(remote: Path) -> str:
    """The claims that are left on the remote."""
    return say(remote, "for-each-ref", "refs/reconciler")


def test_two_clones_run_one_after_the_other(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Each applies its own commit, the newer one last; the ledger has a linear history, and no
    claim is left."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a)
        gate.wait(first)
        second = start(b)
        second.expect("Another apply is in progress")
        assert f"process {first._process.pid}, since " in second.err
        gate.open.set()
        assert first.end()[0] == 0
        code, report = second.end()
    assert (code, applied(report), report["notes"]) == (0, 2, [])
    assert refused(a) == []
    assert names(a) == ["Ana Maria", "Bogdan"]
    assert say(remote, "log", "--format=%s", "reconciler-ledger").split("\n") == [
        "Applied: 2 update",
        "Applied: 1 update",
    ]
    assert claims(remote) == ""
    assert a.run("drift").code == 0


def test_a_clone_continues_after_a_killed_one(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Its process is gone from this machine, so its claim is free at once; a note says so."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a)
        gate.wait(first)
        second = start(b)
        second.expect("Another apply is in progress")
        first.signal(signal.SIGKILL)
        code, report = second.end()
    assert (code, applied(report)) == (0, 2)
    assert f"process {first._process.pid}, since" in second.err
    assert "its process has ended" in second.err
    assert refused(a) == []
    assert names(a) == ["Ana Maria", "Bogdan"]
    assert claims(remote) == ""


@pytest.fixture
def slow_git(tmp_path: Path) -> Path:
    """A folder with a slow git."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(SLOW_GIT.format(git=shutil.which("git")))
    (folder / "git").chmod(0o755)
    return folder


def test_a_stopped_clone_that_was_unlocked_sends_nothing_more(
    clones: tuple[Agency, Agency, Path], start: Start, slow_git: Path
) -> None:
    """Another clone waits until a person releases the lock, and applies. When the first one
    continues two minutes later, with a slow git, the request in progress is its last, and is
    recorded; the report says why the run ended."""
    a, b, remote = clones
    a.declare({"id": 1, "externalId": "b"}, {"id": 2, "externalId": "c"})
    with held(a, is_write) as gate:
        first = start(a, slow_git)
        gate.wait(first)
        first.signal(signal.SIGSTOP)
        second = start(b)
        second.expect("Another apply is in progress")
        unlocked = b.run("unlock", "--yes")
        assert unlocked.code == 0
        assert f"process {first._process.pid}, since" in unlocked.out
        assert "still runs" in unlocked.err
        assert second.end()[0] == 0
        a.calls()
        first.wake()
        gate.open.set()
        code, report = first.end()
    assert (code, len(writes(a.calls()))) == (130, 0)
    assert {each["status"] for each in report["results"]} == {"applied", "skipped"}
    [note] = report["notes"]
    assert "lost its lock" in note
    assert note.endswith("Nothing more was sent. Run again.")
    assert claims(remote) == ""


def test_a_stopped_clone_that_keeps_its_lock_continues(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """However long it was away: the other clone waits for it."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a)
        gate.wait(first)
        first.signal(signal.SIGSTOP)
        second = start(b)
        second.expect("Another apply is in progress")
        first.wake()
        gate.open.set()
        assert first.end()[0] == 0
        assert second.end()[0] == 0
    assert names(a) == ["Ana Maria", "Bogdan"]
    assert claims(remote) == ""


CONTAINER = ("unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Starts a process as the first one of a container with the same host name."""


@pytest.mark.skipif(
    subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode != 0,
    reason="this system allows no containers",
)
def test_two_containers_run_one_after_the_other(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Both have the same host name and process number, and neither sees the other's processes."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a, prefix=CONTAINER)
        gate.wait(first)
        second = start(b, prefix=CONTAINER)
        second.expect("Another apply is in progress")
        assert "process 1, since " in second.err
        gate.open.set()
        assert first.end()[0] == 0
        assert second.end()[0] == 0
    assert refused(a) == []
    assert names(a) == ["Ana Maria", "Bogdan"]
    assert claims(remote) == ""


def test_an_apply_that_is_unlocked_while_it_asks_sends_nothing(
    clones: tuple[Agency, Agency, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error: the answer came after more than ten seconds, and the lock is gone."""
    a, b, remote = clones
    clock = [0.0]
    monkeypatch.setattr(session, "LockWait", partial(LockWait, now=lambda: clock[0]))

    def answer() -> None:
        clock[0] += 120
        assert b.run("unlock", "--yes").code == 0

    monkeypatch.setattr("reconciler.cli.apply.confirm", answer)
    result = a.run("apply")
    assert (result.code, writes(a.calls())) == (1, [])
    assert "lost its lock" in result.err
    assert claims(remote) == ""


# ------------------------------------------------------------------- someone edits the portal


@pytest.fixture
def three(agency: Agency) -> Agency:
    """Three agents on Rentix; two are declared and get new names."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"), user(3))
    agency.use(rentix={}, limits=NO_LIMIT)
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    return agency


@pytest.fixture
def three_pf(agency: Agency) -> Agency:
    """Three users on Property Finder; two are declared, with everything needed to create them."""
    agency.live()
    agency.live_pf(person(1), person(2), person(3))
    agency.use(propertyfinder={}, limits=NO_LIMIT)
    whole = {"lastName": "Nou", "mobile": "+373 69 131 313", "roleId": 3, "name": "Nou"}
    agency.declare(
        {"externalId": "a", "propertyfinder": section(1, firstName="Ana", **whole)},
        {"externalId": "b", "propertyfinder": section(2, firstName="Bogdan")},
    )
    return agency


def meanwhile(agency: Agency, hand: Callable[[], None], *, after: bool = False) -> None:
    """Someone does this on the portal between our list and our first write, or right after it."""
    left = [hand]

    async def act(call: Any, *_: Any) -> None:
        if left and is_write(call):
            left.pop()()

    state = agency.portal.state
    (state.after if after else state.before).append(act)


def edit(agency: Agency, number: int, **values: Any) -> None:
    """What a hand changes on Rentix."""
    agent = agency.truth()[number]
    for name, value in values.items():
        setattr(agent, name, value)
    agency.portal.state.store.save(agent)


def edit_pf(agency: Agency, number: int, **values: Any) -> None:
    """Edit a user on Property Finder."""
    user = agency.truth_pf()[number]
    for name, value in values.items():
        setattr(user, name, value)
    agency.pf.users.save(user)


def printed(result: Any) -> str:
    """Everything that a command printed, on one line."""
    return " ".join(result.out.split())


def test_another_field_that_someone_edits_is_kept(three: Agency) -> None:
    """Only the fields that differed are sent."""
    meanwhile(three, lambda: edit(three, 1, phone="+37369999999", instagram="https://i.example/a"))
    assert three.apply()["exit"] == 0
    agent = three.truth()[1]
    assert (agent.name, agent.phone, agent.instagram) == (
        "Ana",
        "+37369999999",
        "https://i.example/a",
    )
    assert three.plan()["agents"] == []


def test_the_last_edit_of_a_field_wins(three: Agency) -> None:
    """Ours, if the other edit came before our check; of a hand that keeps editing, the report
    says what the portal shows."""
    meanwhile(three, lambda: edit(three, 1, name="Hand"))
    assert three.apply()["exit"] == 0
    assert names(three)[0] == "Ana"
    three.declare({"externalId": "a", "name": "Ana Maria"}, {"externalId": "b", "name": "Bogdan"})
    meanwhile(three, lambda: edit(three, 1, name="Hand"), after=True)
    assert three.apply()["exit"] == 0
    assert names(three)[0] == "Ana Maria"
    three.declare({"externalId": "a", "name": "Ana M"}, {"externalId": "b", "name": "Bogdan"})

    async def keep_editing(call: Any, _: Any) -> None:
        if is_write(call):
            edit(three, 1, name="Hand")

    three.portal.state.after.append(keep_editing)
    result = three.run("apply", "--yes")
    assert result.code == 3
    assert "name was sent as “Ana M”, but the portal shows “Hand”" in printed(result)
    assert "Verified: 1 of 2 as declared" in printed(result)


def test_an_external_id_that_someone_gave_away_is_not_taken_back(three: Agency) -> None:
    """Our link fails with the portal's message and the fix; the rest is applied, and the next
    apply names the holder."""
    three.declare(
        {"externalId": "a", "name": "Ana"}, {"id": 3, "externalId": "c", "name": "Corina"}
    )
    meanwhile(three, lambda: edit(three, 2, external_id="c"))
    result = three.run("apply", "--yes")
    assert result.code == 3
    assert (
        "c): link failed: External ID already linked: use an id that is free, "
        "or unlink the other agent first"
    ) in printed(result)
    assert names(three) == ["Ana", "Agent 2", "Corina"]
    assert [each.external_id for each in three.truth().values()] == ["a", "c", None]
    again = three.run("apply", "--yes")
    assert (again.code, writes(three.calls())[2:]) == (3, [])
    assert "In conflict (skipped) ! Corina (c): agent 2 Agent 2 has externalId c" in printed(again)


@pytest.mark.parametrize("create", [None, "upsert"])
def test_an_agent_that_someone_unlinks_is_not_created_again(
    three: Agency, create: str | None
) -> None:
    """It is changed by its id, as planned; the report and the next plan say that the file no
    longer matches it."""
    if create:
        three.use(rentix={"create": create}, limits=NO_LIMIT)
        three.portal.state.readings = Readings(creation="upsert")
    meanwhile(three, lambda: edit(three, 1, external_id=None))
    result = three.run("apply", "--yes")
    assert result.code == 3
    assert (
        "a: this apply changed agent 1 on rentix, but the file now matches no agent there. Someone "
        "edited the portal during the apply. Check the plan before the next apply."
    ) in printed(result)
    assert names(three) == ["Ana", "Bogdan", "Agent 3"]
    assert "a): was agent 1 Ana at the last apply, but the file no longer" in (
        printed(three.run("apply", "--yes"))
    )
    assert len(three.truth()) == 3


def test_an_external_id_that_someone_moves_is_reported(three: Agency) -> None:
    """The planned agent is changed, not the one that has the id now; the report names both."""

    def move() -> None:
        edit(three, 1, external_id=None)
        edit(three, 3, external_id="a")

    meanwhile(three, move)
    result = three.run("apply", "--yes")
    assert result.code == 3
    assert "changed agent 1 on rentix, but the file now matches agent 3 there." in printed(result)
    assert names(three) == ["Ana", "Bogdan", "Agent 3"]


def test_an_agent_that_someone_removes_fails_alone(three: Agency) -> None:
    """With the portal's message; the others are applied, and no agent is created."""
    store = three.portal.state.store
    meanwhile(three, lambda: store.replace([each for each in store.agents() if each.id != 1]))
    result = three.run("apply", "--yes")
    assert result.code == 3
    assert "a): update failed: User not found: check the id" in printed(result)
    assert names(three) == ["Bogdan", "Agent 3"]
    assert "a): not on the portal yet" in printed(three.run("plan"))


def test_an_email_that_someone_edits_creates_no_second_user(three_pf: Agency) -> None:
    """The report says that the e-mail differs; the ledger has the id, so the next apply corrects
    it."""
    meanwhile(three_pf, lambda: edit_pf(three_pf, 1, email="hand@agency.example"))
    result = three_pf.run("apply", "--yes")
    assert result.code == 3
    assert "a): email: the portal has “hand@" in (printed(result))
    assert three_pf.truth_pf()[1].first_name == "Ana"
    again = three_pf.run("apply", "--yes")
    assert (again.code, len(three_pf.truth_pf())) == (0, 3)
    assert "matched only by the ledger: at the last apply this was agent 1" in printed(again)
    assert three_pf.truth_pf()[1].email == "user-1@agency.example"


def test_an_email_that_someone_moves_is_a_conflict(three_pf: Agency) -> None:
    """The user that has it now is never taken for the planned one."""

    def move() -> None:
        edit_pf(three_pf, 1, email="hand@agency.example")
        edit_pf(three_pf, 3, email="user-1@agency.example")

    meanwhile(three_pf, move)
    result = three_pf.run("apply", "--yes")
    assert result.code == 3
    assert "changed agent 1 on propertyfinder, but the file now matches no agent" in printed(result)
    again = three_pf.run("apply", "--yes")
    assert again.code == 3
    assert "In conflict (skipped) ! Nou (a): email user-1@agency.example match" in printed(again)
    assert "3 User Number 3" in printed(again)
    users = three_pf.truth_pf()
    assert [each.first_name for each in users.values()] == ["Ana", "Bogdan", "User"]


def test_a_user_that_someone_removes_fails_alone(three_pf: Agency) -> None:
    """The others are applied."""
    users = three_pf.pf.users
    meanwhile(three_pf, lambda: users.replace([each for each in users.all() if each.id != 2]))
    result = three_pf.run("apply", "--yes")
    assert result.code == 3
    assert "b): update failed: There is no such user: the user is no longer on" in (printed(result))
    assert [each.first_name for each in users.all()] == ["Ana", "User"]
