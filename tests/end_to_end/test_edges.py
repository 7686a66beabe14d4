"""The edges of the process: streams that are closed, full or without a reader, signals, and a
terminal that is closed. Real processes on the simulated portals."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from agency import KEY, Agency, user
from starlette.responses import JSONResponse, Response
from zygote import COMMAND, PATIENCE, Process, Start

Run = Callable[..., Process]
FULL = "/dev/full"
APPLY = ("apply", "--yes")


@pytest.fixture
def run(agency: Agency, start: Start) -> Iterator[Run]:
    """Start a command in a repository with one change."""
    processes: list[Process] = []
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    agency.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b"})

    def begin(*arguments: str, **more: Any) -> Process:
        environment = {"RENTIX_URL": agency.portal.url, "RENTIX_API_KEY": KEY}
        processes.append(start(["-C", str(agency.root), *arguments], environment, **more))
        return processes[-1]

    yield begin
    for process in processes:
        if not process.ended.is_set():  # the test failed
            process.signal(signal.SIGKILL)


def name(agency: Agency) -> str:
    """The name that the plan changes, as it is on the portal."""
    shown: str = agency.truth()[1].name
    return shown


def check_clean(process: Process) -> None:
    """Nothing that was printed looks like a defect."""
    for text in (process.out, process.err):
        assert "Traceback" not in text
        assert "Internal error" not in text
        assert "Exception ignored" not in text


# A report that cannot be written


@pytest.mark.parametrize("kind", [FULL, "broken", "closed"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_apply_reports_on_standard_error_instead(
    agency: Agency, run: Run, kind: str, form: str
) -> None:
    """If standard output is full, closed, or has no reader: the changes are applied, and standard
    error has the outcome. The exit code is that of the apply."""
    process = run(*APPLY, "--format", form, streams={1: kind})
    assert process.end() == 0, process.err
    assert name(agency) == "Ana"
    assert "1 applied" in process.err
    assert "tandard output" in process.err
    check_clean(process)


def test_the_exit_code_is_that_of_the_apply(agency: Agency, run: Run) -> None:
    """3 if an operation failed; standard error names the agent and the reason."""
    reject(agency, "PUT")
    process = run(*APPLY, "--format", "json", streams={1: FULL})
    assert process.end() == 3, process.err
    agency.portal.state.before.clear()
    assert "(a)" in process.err
    assert "bad name" in process.err


def reject(agency: Agency, method: str) -> None:
    """Make Rentix reject each request with this method."""

    async def answer(call: Any) -> Response | None:
        if call.method == method:
            return JSONResponse({"statusCode": 400, "message": "bad name"}, 400)
        return None

    agency.portal.state.before.append(answer)


def test_an_output_file_on_a_full_disk(agency: Agency, run: Run) -> None:
    """`--output` fails after the apply: the outcome goes to standard error."""
    process = run(*APPLY, "--format", "json", "--output", FULL)
    assert process.end() == 0, process.err
    assert name(agency) == "Ana"
    assert FULL in process.err
    assert "No space left" in process.err
    assert "1 applied" in process.err


def test_an_output_directory_that_disappears(agency: Agency, run: Run) -> None:
    """While the apply runs."""
    folder = agency.root / "reports"
    folder.mkdir()

    async def remove(call: Any) -> None:
        if call.method == "PUT":
            folder.rmdir()

    agency.portal.state.before.append(remove)
    process = run(*APPLY, "--output", str(folder / "report.txt"))
    assert process.end() == 0, process.err
    agency.portal.state.before.clear()
    assert "1 applied" in process.err
    assert not folder.exists()


@pytest.mark.parametrize("kind", [FULL, "broken", "closed"])
def test_messages_that_cannot_be_written_change_nothing(
    agency: Agency, run: Run, kind: str
) -> None:
    """With standard error broken, or both streams: exit code and effect are those of the apply."""
    process = run(*APPLY, "--format", "json", streams={2: kind})
    assert process.end() == 0
    assert json.loads(process.out)["summary"]["applied"] == 1
    agency.declare({"externalId": "a", "name": "Maria"}, {"externalId": "b"})
    process = run("-v", *APPLY, streams={1: kind, 2: kind})
    assert process.end() == 0
    assert name(agency) == "Maria"


@pytest.mark.parametrize("kind", [FULL, "broken"])
@pytest.mark.parametrize("command", ["plan", "drift", "validate", "--help"])
def test_a_plan_that_cannot_be_written_is_an_error(run: Run, kind: str, command: str) -> None:
    """Exit code 1; with a message, unless the reader closed the pipe, as `head` does."""
    process = run(command, streams={1: kind})
    assert process.end() == 1
    assert ("No space left" in process.err) == (kind == FULL)
    check_clean(process)


@pytest.mark.parametrize(("command", "code"), [("plan", 0), ("drift", 2), ("validate", 0)])
@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_closed_stream_is_not_a_terminal(run: Run, command: str, code: int, stream: int) -> None:
    """Each command works without one of its streams."""
    process = run(command, streams={stream: "closed"})
    assert process.end() == code, process.err
    check_clean(process)


def test_without_standard_input_an_apply_does_not_ask(agency: Agency, run: Run) -> None:
    """It refuses to run without --yes."""
    process = run("apply", streams={0: "closed"})
    assert process.end() == 1
    assert "--yes" in process.err
    assert name(agency) == "Agent 1"


def test_no_file_takes_the_number_of_a_closed_stream(agency: Agency, run: Run) -> None:
    """Without any stream, what is printed goes into no file and no connection."""
    process = run("-v", *APPLY, streams=dict.fromkeys(range(3), "closed"))
    assert process.end() == 0
    assert json.loads(agency.ledger.read_bytes())["version"] == 2
    assert name(agency) == "Ana"


def test_the_installed_command_without_streams(agency: Agency, run: Run) -> None:
    """As a shell starts it."""
    command = [str(COMMAND), "-C", str(agency.root), "validate"]
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" "$@" >&- 2>&- <&-', *command], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# Signals


@contextmanager
def at_write(agency: Agency, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` when the portal receives a PUT, before its effect."""

    async def before(call: Any) -> None:
        if call.method == "PUT":
            await asyncio.to_thread(act)

    agency.portal.state.before.append(before)
    yield
    agency.portal.state.before.clear()


def test_sighup_ends_a_run_in_order(agency: Agency, run: Run) -> None:
    """Also if it comes twice: the request in progress is finished, recorded and reported."""
    processes: list[Process] = []

    def hang_up() -> None:
        (process,) = processes
        process.signal(signal.SIGHUP)
        assert process.interrupted.wait(PATIENCE)
        process.signal(signal.SIGHUP)

    with at_write(agency, hang_up):
        processes.append(run(*APPLY, "--format", "json"))
        assert processes[0].end() == 130
    report = json.loads(processes[0].out)
    assert report["interrupted"]
    assert [each["status"] for each in report["results"]] == ["applied"]
    assert '"a"' in agency.ledger.read_text()


def test_nohup(agency: Agency, run: Run) -> None:
    """A run that ignores SIGHUP from its start is not interrupted."""
    processes: list[Process] = []
    with at_write(agency, lambda: processes[0].signal(signal.SIGHUP)):
        processes.append(run(*APPLY, "--format", "json", ignored=[signal.SIGHUP]))
        assert processes[0].end() == 0
    assert json.loads(processes[0].out)["interrupted"] is False


def test_a_terminal_that_is_closed(agency: Agency, run: Run) -> None:
    """During an apply: it ends with 130, and the ledger has what was applied."""
    master, terminal = pty.openpty()

    def close() -> None:
        os.close(master)

    with at_write(agency, close):
        process = run(*APPLY, terminal=os.ttyname(terminal))
        os.close(terminal)
        assert process.end() == 130
    assert name(agency) == "Ana"
    assert '"a"' in agency.ledger.read_text()


def test_a_terminal_that_is_closed_at_the_prompt(agency: Agency, run: Run) -> None:
    """Nothing is sent."""
    master, terminal = pty.openpty()
    process = run("apply", terminal=os.ttyname(terminal))
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(master, 65536)
    os.close(terminal)
    os.close(master)
    assert process.end() == 130
    assert name(agency) == "Agent 1"


def test_without_standard_error_an_apply_does_not_ask(agency: Agency, run: Run) -> None:
    """No one would see the prompt."""
    master, terminal = pty.openpty()
    process = run("apply", terminal=os.ttyname(terminal), streams={2: "closed"})
    assert process.end() == 1
    os.close(terminal)
    os.close(master)
    assert name(agency) == "Agent 1"


EARLY = """
import os, signal, sys
import builtins
whole = builtins.__import__
def imported(name, *rest):
    if name == "click" and "click" not in sys.modules:
        signal.raise_signal(signal.SIGINT)
    return whole(name, *rest)
builtins.__import__ = imported
sys.argv = ["reconciler", "validate"]
"""


@pytest.mark.parametrize(
    "entry", ["from reconciler.cli import main\nmain()", "import reconciler.__main__"]
)
def test_ctrl_c_during_the_imports(entry: str) -> None:
    """One line, no traceback, exit code 130."""
    done = subprocess.run(
        [sys.executable, "-c", EARLY + entry], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "Interrupted.")
