"""Two at once: two applies never work at the same time, and an apply beside a person's edits on the
portal says what happened."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from agency import KEY, Agency, person, section, user, writes
from repositories import clone, commit, plain_git, remote_of, repository, say

from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.readings import Readings
from reconciler.store import lock
from reconciler.store.file import File
from reconciler.store.lock import LockWait

PATIENCE = 30.0
"""Seconds after which a test that hangs fails; none waits for it otherwise."""
PROGRAM = """
import sys
from reconciler.cli import main
from reconciler.store import claim
claim.LEASE, claim.RENEWAL, claim.LOOK, claim.TICK = {lease}, {lease} / 3, 0.1, 0.1
main()
"""
"""The program, in which a claim may count as a dead one's sooner."""
NO_LIMIT = {"floor": 100_000}
PLACE = "git:reconciler-ledger"


class Process:
    """An apply as a process of its own."""

    def __init__(self, agency: Agency, lease: float) -> None:
        command = [sys.executable, "-c", PROGRAM.format(lease=lease), "-C", str(agency.root)]
        command += ["apply", "--yes", "--force", "--format", "json"]
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
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

    def hears(self, word: str) -> None:
        """Wait until it says this on standard error."""
        while word not in self.err:
            line = self._lines.get(timeout=PATIENCE)
            assert line, f"it ended, and said: {self.err}"
            self.err += line

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> tuple[int, Any]:
        """Its exit code and its report, if it made one."""
        out = self._process.stdout.read()
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while not self._lines.empty():
            self.err += self._lines.get()
        return code, json.loads(out) if out else None

    def close(self) -> None:
        """Leave nothing behind."""
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
    begun: list[Process] = []

    def start(agency: Agency, lease: float = 90.0) -> Process:
        begun.append(Process(agency, lease))
        return begun[-1]

    yield start
    for each in begun:
        each.close()


class Gate:
    """The first request that fits is held, before it has its effect, until the gate is opened."""

    def __init__(self, agency: Agency, fits: Callable[[Any], bool]) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self._fits = fits
        agency.portal.state.before.append(self._hold)

    async def _hold(self, call: Any) -> None:
        if not self.reached.is_set() and self._fits(call):
            self.reached.set()
            await asyncio.to_thread(self.open.wait, PATIENCE)

    def wait(self) -> None:
        """Until somebody stands before it."""
        assert self.reached.wait(PATIENCE)


@contextmanager
def held(agency: Agency, fits: Callable[[Any], bool]) -> Iterator[Gate]:
    """A gate that does not stay closed, whatever happens."""
    gate = Gate(agency, fits)
    try:
        yield gate
    finally:
        gate.open.set()


def is_write(call: Any) -> bool:
    """Whether a call would change an agent."""
    return call.method != "GET" and "token" not in call.path


def refused(agency: Agency) -> list[Any]:
    """The calls that a portal refused."""
    return [call for call in agency.calls() if call[3] >= 400]


def applied(report: Any) -> int:
    """How many operations were applied."""
    return int(report["summary"]["applied"])


def keys(agency: Agency) -> set[str]:
    """Whom the ledger in a file knows, on all portals; it is whole, or this fails."""
    kept = json.loads(agency.ledger.read_bytes())
    return {
        f"{name} {each['key']}"
        for name, portal in kept["portals"].items()
        for each in portal["agents"].values()
    }


# ---------------------------------------------------------------------- two in one folder


def test_two_in_one_folder_work_one_after_the_other(agency: Agency, start: Start) -> None:
    """A swap of external ids and somebody new on both portals, the first held in the middle of the
    swap: the second says for whom it waits, and then finds nothing to do."""
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
        gate.wait()
        second = start(agency)
        second.hears("Another apply is under way")
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


def test_who_waits_for_a_killed_one_goes_on_at_once(agency: Agency, start: Start) -> None:
    """The lock is gone with the process; what was under way is planned anew, and the ledger is
    whole."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    with held(agency, is_write) as gate:
        first = start(agency)
        gate.wait()
        second = start(agency)
        second.hears("Another apply is under way")
        first.signal(signal.SIGKILL)
        code, report = second.end()
    assert (code, applied(report), report["notes"]) == (0, 2, [])
    assert refused(agency) == []
    assert [each.name for each in agency.truth().values()] == ["Ana", "Bogdan"]
    assert keys(agency) == {"rentix a", "rentix b"}


def test_ctrl_c_ends_the_wait(agency: Agency, start: Start) -> None:
    """With 130 and nothing sent; the one who works is left in peace."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    with held(agency, is_write) as gate:
        first = start(agency)
        gate.wait()
        before = len(agency.portal.state.log)
        second = start(agency)
        second.hears("Another apply is under way")
        second.signal(signal.SIGINT)
        assert second.end() == (130, None)
        assert len(agency.portal.state.log) == before
        gate.open.set()
        assert first.end()[0] == 0
    assert second.err.endswith("nothing has been sent.\n\nInterrupted.\n")
    assert first.err.count("Another apply") == 0


@pytest.fixture
def busy(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    """An agency with something to apply, on which somebody else works for ever; the time passes as
    it is slept away."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    slept: list[float] = []
    monkeypatch.setattr(lock, "LockWait", partial(LockWait, now=lambda: sum(slept)))
    monkeypatch.setattr(Cancellation, "sleep", lambda _, seconds: slept.append(seconds))
    with File(agency.ledger).lock(LockWait(print, print)):
        yield agency


@pytest.mark.parametrize("quiet", [True, False])
def test_nobody_waits_for_ever(busy: Agency, quiet: bool) -> None:
    """After five minutes it is an error, with the name of who is at work; with -q that is all that
    is said. Nothing was read from the portal, and nothing sent."""
    arguments = ["-q"] if quiet else []
    said = busy.run(*arguments, "apply", "--yes")
    assert (said.code, said.out, busy.calls()) == (1, "", [])
    waiting, _, error = said.err.rpartition("error: ")
    assert error.startswith(f"Another apply is still under way: {os.uname().nodename}, process ")
    assert "has waited for 5 minutes, and nothing was sent" in error
    assert waiting.startswith("" if quiet else "Another apply is under way: ")
    assert bool(waiting) is not quiet


def test_whoever_only_looks_waits_for_nobody(busy: Agency) -> None:
    """A plan, drift, a dry run, a check of the files; and the lock is no difference to a plan."""
    for arguments in (["plan"], ["drift"], ["apply", "--dry-run"], ["validate"]):
        said = busy.run(*arguments)
        assert (said.code in (0, 2), said.err) == (True, "")


def test_what_is_wrong_is_told_before_one_waits(busy: Agency) -> None:
    """A key that lacks, a portal that is not configured."""
    busy.environment["RENTIX_API_KEY"] = ""
    assert busy.run("apply", "--yes").err.startswith("error: RENTIX_API_KEY is not set.")
    assert busy.run("apply", "--yes", "--portal", "x").err.startswith("error: The portal x is not")


@pytest.mark.parametrize("moment", ["while it plans", "while it asks"])
def test_who_loses_the_lock_before_anything_is_sent_sends_nothing(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """An error with the reason, and the question does not matter any more."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    turns: list[LockWait] = []

    @contextmanager
    def taken(_: File, turn: LockWait) -> Iterator[tuple[str, ...]]:
        turns.append(turn)
        if moment == "while it plans":
            turn.lose("It slept.")
        yield ()

    monkeypatch.setattr(File, "lock", taken)
    monkeypatch.setattr("reconciler.cli._ask", lambda: turns[0].lose("It slept."))
    said = agency.run("apply")
    assert (said.code, writes(agency.calls())) == (1, [])
    assert "It slept. Requests in progress are finished; nothing more is sent.\n" in said.err
    assert said.err.endswith("error: It slept. Nothing was sent. Run again.\n")


# ------------------------------------------------------------------------ two clones


@pytest.fixture
def clones(agency: Agency, start: Start, tmp_path: Path) -> tuple[Agency, Agency, Path]:
    """Two clones of an agency whose ledger is on a branch, and their remote; in the second one the
    files are a commit further: Ana has another name, Bogdan is declared."""
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
    """The agents' names as they are."""
    return [each.name for each in agency.truth().values()]


def claims(remote: Path) -> str:
    """The claims that are left on the remote."""
    return say(remote, "for-each-ref", "refs/reconciler")


def test_two_clones_work_one_after_the_other(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Each of them applies its own commit, the newer one last; the ledger has one line of history,
    and no claim is left."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a)
        gate.wait()
        second = start(b)
        second.hears("Another apply is under way")
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


def test_a_killed_clone_is_taken_over_after_the_lease(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Its claim, which it renewed until then, does not move any more; who waits says so, and goes
    on."""
    a, b, remote = clones
    with held(a, is_write) as gate:
        first = start(a, lease=3.0)
        gate.wait()
        second = start(b, lease=3.0)
        second.hears("Another apply is under way")
        first.signal(signal.SIGKILL)
        code, report = second.end()
    assert (code, applied(report)) == (0, 2)
    assert f"process {first._process.pid}, since" in second.err
    assert "note: The apply before this one (" in second.err
    assert refused(a) == []
    assert names(a) == ["Ana Maria", "Bogdan"]
    assert claims(remote) == ""


def test_a_holder_that_sleeps_and_awakes_sends_nothing_more(
    clones: tuple[Agency, Agency, Path], start: Start
) -> None:
    """Another one has worked meanwhile. What was under way is the last that is sent, and it is in
    the ledger; the report says why it ends."""
    a, b, remote = clones
    a.declare({"id": 1, "externalId": "b"}, {"id": 2, "externalId": "c"})
    with held(a, is_write) as gate:
        first = start(a, lease=3)
        gate.wait()
        first.signal(signal.SIGSTOP)
        second = start(b, lease=1)
        assert second.end()[0] == 0
        first.signal(signal.SIGCONT)
        first.hears("nothing more is sent.")
        a.calls()
        gate.open.set()
        code, report = first.end()
    assert (code, len(writes(a.calls()))) == (130, 0)
    assert {each["status"] for each in report["results"]} == {"applied", "skipped"}
    [note] = report["notes"]
    assert note.startswith("For a while this apply gave no sign of itself (did the machine sleep?)")
    assert note.endswith("Nothing more was sent. Run again.")
    assert claims(remote) == ""


# ------------------------------------------------------------------- beside a person


@pytest.fixture
def three(agency: Agency) -> Agency:
    """Three agents on Rentix, of whom two are declared and get new names."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"), user(3))
    agency.use(rentix={}, limits=NO_LIMIT)
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    return agency


@pytest.fixture
def three_pf(agency: Agency) -> Agency:
    """Three users on Property Finder, of whom two are declared, with all that would be needed to
    create them."""
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
    """Somebody does this on the portal between our list and our first write; or just after it."""
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
    """What a hand changes on Property Finder."""
    user = agency.truth_pf()[number]
    for name, value in values.items():
        setattr(user, name, value)
    agency.pf.users.save(user)


def told(said: Any) -> str:
    """What a command printed, whatever the lines are broken at."""
    return " ".join(said.out.split())


def test_another_field_that_a_hand_changes_stays(three: Agency) -> None:
    """What is sent is what differed, and nothing else of the agent."""
    meanwhile(three, lambda: edit(three, 1, phone="+37369999999", instagram="https://i.example/a"))
    assert three.apply()["exit"] == 0
    agent = three.truth()[1]
    assert (agent.name, agent.phone, agent.instagram) == (
        "Ana",
        "+37369999999",
        "https://i.example/a",
    )
    assert three.plan()["agents"] == []


def test_of_the_same_field_the_last_one_wins_and_it_is_told(three: Agency) -> None:
    """Ours, where the hand was quicker; else the check says what the portal shows."""
    meanwhile(three, lambda: edit(three, 1, name="Hand"))
    assert three.apply()["exit"] == 0
    assert names(three)[0] == "Ana"
    three.declare({"externalId": "a", "name": "Ana Maria"}, {"externalId": "b", "name": "Bogdan"})
    meanwhile(three, lambda: edit(three, 1, name="Hand"), after=True)
    said = told(three.run("apply", "--yes"))
    assert "a (agents/agents.yaml:1) name is not as declared: the portal shows “Hand”" in said
    assert "verified: 1 of 2 as declared" in said


def test_an_external_id_that_a_hand_gives_to_another_is_not_taken_back(three: Agency) -> None:
    """Our link fails, with the portal's words and what to do; all else is done, and the next apply
    tells who has it."""
    three.declare(
        {"externalId": "a", "name": "Ana"}, {"id": 3, "externalId": "c", "name": "Corina"}
    )
    meanwhile(three, lambda: edit(three, 2, external_id="c"))
    said = three.run("apply", "--yes")
    assert said.code == 3
    assert (
        "c (agents/agents.yaml:3) link failed: External ID already linked: use an id that is free, "
        "or unlink the other agent first"
    ) in told(said)
    assert names(three) == ["Ana", "Agent 2", "Corina"]
    assert [each.external_id for each in three.truth().values()] == ["a", "c", None]
    again = three.run("apply", "--yes")
    assert (again.code, writes(three.calls())[2:]) == (3, [])
    assert "conflict: externalId c is held by agent 2 Agent 2" in told(again)


@pytest.mark.parametrize("create", [None, "upsert"])
def test_an_agent_who_is_unlinked_by_hand_is_no_ghost(three: Agency, create: str | None) -> None:
    """They are changed by their number, as planned, and nobody is made anew; the report and the
    next plan say that they are not found any more."""
    if create:
        three.use(rentix={"create": create}, limits=NO_LIMIT)
        three.portal.state.readings = Readings(creation="upsert")
    meanwhile(three, lambda: edit(three, 1, external_id=None))
    said = three.run("apply", "--yes")
    assert said.code == 3
    assert (
        "a: this apply changed agent 1 on rentix, but the file now matches no agent there. Someone "
        "edited the portal during the apply. Check the plan before the next apply."
    ) in told(said)
    assert names(three) == ["Ana", "Bogdan", "Agent 3"]
    assert "a (agents/agents.yaml:1) was agent 1 Ana at the last apply, and the file does not" in (
        told(three.run("apply", "--yes"))
    )
    assert len(three.truth()) == 3


def test_an_external_id_that_a_hand_moves_to_another_is_told(three: Agency) -> None:
    """Who was planned is changed, and not who has it now; the report says who that is."""

    def move() -> None:
        edit(three, 1, external_id=None)
        edit(three, 3, external_id="a")

    meanwhile(three, move)
    said = three.run("apply", "--yes")
    assert said.code == 3
    assert "changed agent 1 on rentix, but the file now matches agent 3 there." in told(said)
    assert names(three) == ["Ana", "Bogdan", "Agent 3"]


def test_who_is_removed_meanwhile_fails_alone(three: Agency) -> None:
    """In the portal's words; the others are done, and nobody is made anew."""
    store = three.portal.state.store
    meanwhile(three, lambda: store.replace([each for each in store.agents() if each.id != 1]))
    said = three.run("apply", "--yes")
    assert said.code == 3
    assert "a (agents/agents.yaml:1) update failed: User not found: check the id" in told(said)
    assert names(three) == ["Bogdan", "Agent 3"]
    assert "a (agents/agents.yaml:1) is not on the portal yet" in told(three.run("plan"))


def test_an_email_that_a_hand_changes_makes_no_second_user(three_pf: Agency) -> None:
    """The report says that the e-mail is another one now; the ledger knows whose it was, so the
    next apply puts it right, and creates nobody."""
    meanwhile(three_pf, lambda: edit_pf(three_pf, 1, email="hand@agency.example"))
    said = three_pf.run("apply", "--yes")
    assert said.code == 3
    assert "a (agents/agents.yaml:1) email is not as declared: the portal shows “hand@" in (
        told(said)
    )
    assert three_pf.truth_pf()[1].first_name == "Ana"
    again = three_pf.run("apply", "--yes")
    assert (again.code, len(three_pf.truth_pf())) == (0, 3)
    assert "is found by the ledger alone: at the last apply this was agent 1" in told(again)
    assert three_pf.truth_pf()[1].email == "user-1@agency.example"


def test_an_email_that_a_hand_gives_to_another_is_a_conflict(three_pf: Agency) -> None:
    """Who has it now is never taken for who was planned."""

    def move() -> None:
        edit_pf(three_pf, 1, email="hand@agency.example")
        edit_pf(three_pf, 3, email="user-1@agency.example")

    meanwhile(three_pf, move)
    said = three_pf.run("apply", "--yes")
    assert said.code == 3
    assert "changed agent 1 on propertyfinder, but the file now matches no agent" in told(said)
    again = three_pf.run("apply", "--yes")
    assert again.code == 3
    assert "email user-1@agency.example is agent 3 User Number 3, and at the last apply this" in (
        told(again)
    )
    users = three_pf.truth_pf()
    assert [each.first_name for each in users.values()] == ["Ana", "Bogdan", "User"]


def test_who_is_removed_from_property_finder_fails_alone(three_pf: Agency) -> None:
    """The others are done."""
    users = three_pf.pf.users
    meanwhile(three_pf, lambda: users.replace([each for each in users.all() if each.id != 2]))
    said = three_pf.run("apply", "--yes")
    assert said.code == 3
    assert "b (agents/agents.yaml:3) update failed: There is no such user: the user is not on" in (
        told(said)
    )
    assert [each.first_name for each in users.all()] == ["Ana", "User"]
