"""What goes to which stream, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from agency import KEY, Agency, user
from starlette.responses import JSONResponse, Response

from reconciler.cli import options
from reconciler.engine.concurrency import Cancellation
from reconciler.net.client import Client
from reconciler.sandbox.state import Call


def test_the_result_goes_to_standard_output_beside_a_progress_bar(agency: Agency) -> None:
    """Standard error is a terminal and has the bar; standard output is a file and has the JSON."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    output, errors = beside_a_terminal(agency, "apply", "--yes", "--force", "--format", "json")
    assert json.loads(output)["summary"]["applied"] == 1
    assert "1/1" in errors


def test_messages_are_wrapped_on_a_terminal(agency: Agency) -> None:
    """At its width, between words; a list in a message keeps its indentation."""
    agency.live(*(user(number, externalId=f"a-{number}") for number in range(1, 21)))
    agency.declare(*({"externalId": f"a-{number}", "name": "Ana"} for number in range(1, 21)))
    _, errors = beside_a_terminal(agency, "-q", "apply", "--yes", width=60)
    lines = errors.splitlines()
    assert max(map(len, lines)) <= 60
    assert "limits.changes" in errors.split()
    assert [line[:2] for line in lines if line.startswith(" ")] == ["  ", "  "]


def limit(agency: Agency, method: str) -> None:
    """Answer the first call of this method about users with a 429 that asks for 37 seconds."""
    answers = [JSONResponse({}, 429, {"Retry-After": "37"})]

    async def hook(call: Call) -> Response | None:
        limited = call.method == method and "/users" in call.path
        return answers.pop() if answers and limited else None

    agency.portal.state.before.append(hook)


@pytest.fixture
def limited(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose portal answers the first read with a 429; waits pass at once."""
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a"})
    limit(agency, "GET")
    return agency


@pytest.mark.parametrize("command", [["plan"], ["drift"], ["apply", "--yes"]], ids=" ".join)
def test_a_pause_is_shown_on_a_terminal(
    limited: Agency, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal, why, and how long; the result has none of it, and -q prints nothing."""
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(options, "sys", SimpleNamespace(stderr=terminal))
    result = limited.run(*command)
    assert "rentix: rate limited; waiting 37 s" in result.err
    assert "rate limited" not in result.out
    limit(limited, "GET")
    assert limited.run("-q", *command).err == ""


def test_a_wait_for_a_value_is_shown_on_a_terminal(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal loses the write, so it is read again and again, before and after it is resent."""
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(options, "sys", SimpleNamespace(stderr=terminal))
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})

    async def lose(call: Call) -> Response | None:
        return JSONResponse({"id": 1, "updated": True}) if call.method == "PUT" else None

    agency.portal.state.before.append(lose)
    result = agency.run("apply", "--yes")
    assert result.code == 3
    assert result.err.count("rentix: not all changes are visible yet; reading again") == 2
    assert agency.run("-q", "apply", "--yes").err == ""


def test_a_pause_is_not_shown_without_a_terminal(limited: Agency) -> None:
    """In a workflow or a pipe, only -v logs it."""
    assert limited.run("plan").err == ""


@pytest.mark.parametrize("arguments", [[], ["-v"]], ids=["bar", "log"])
def test_a_pause_during_an_apply_is_shown_once(agency: Agency, arguments: list[str]) -> None:
    """Above the progress bar; with -v, in the log."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    limit(agency, "PUT")
    _, errors = beside_a_terminal(agency, *arguments, "apply", "--yes", "--force")
    lines = [line for line in errors.splitlines() if "rate limited" in line]
    assert len(lines) == 1
    assert "rentix: rate limited; waiting 37 s" in lines[0]
    assert "0/1" not in lines[0]


PROGRAM = """
from reconciler.cli import main
from reconciler.engine.concurrency import Cancellation
Cancellation.sleep = lambda *_: None
main()
"""
"""The program; its waits pass at once."""


def test_ignored_settings_are_noted_once(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """For two portals; the run goes on."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a"})
    agency.use(rentix={}, propertyfinder={})
    monkeypatch.setattr(Client, "notes", ("HTTPS_PROXY is ignored.",))
    result = agency.run("plan")
    assert result.code == 0
    assert result.err.count("HTTPS_PROXY is ignored") == 1


def beside_a_terminal(agency: Agency, *arguments: str, width: int = 100) -> tuple[str, str]:
    """Run a command with standard error on a terminal, and return its output and its errors."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "-C", str(agency.root), *arguments],
        env={
            **os.environ,
            "RENTIX_URL": agency.portal.url,
            "RENTIX_API_KEY": KEY,
            "TERM": "xterm",
            "COLUMNS": str(width),
            "NO_COLOR": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
    ) as process:
        os.close(end)
        assert process.stdout is not None
        output = process.stdout.read()
    errors = b""
    while chunk := _read(terminal):
        errors += chunk
    os.close(terminal)
    return output.decode(), errors.decode()


def _read(terminal: int) -> bytes:
    """The next output, or nothing at the end, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
