"""What goes to which stream, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from agency import KEY, Agency, user
from starlette.responses import JSONResponse, Response

from reconciler.engine.concurrency import Cancellation
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
    """Answer the first call of this method with a 429 that asks for 37 seconds."""
    answers = [JSONResponse({}, 429, {"Retry-After": "37"})]

    async def hook(call: Call) -> Response | None:
        return answers.pop() if answers and call.method == method else None

    agency.portal.state.before.append(hook)


@pytest.mark.parametrize(
    ("command", "method"),
    [(["plan"], "GET"), (["drift"], "GET"), (["apply", "--yes", "--force"], "PUT")],
    ids=["plan", "drift", "apply"],
)
def test_a_pause_is_shown_on_a_terminal(agency: Agency, command: list[str], method: str) -> None:
    """The portal, why, and how long; the result has none of it."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    limit(agency, method)
    output, errors = beside_a_terminal(agency, *command)
    assert "rentix: rate limited; waiting 37 s" in errors
    assert "rate limited" not in output


@pytest.mark.parametrize("option", ["-q", "-v"])
def test_a_pause_is_not_shown_with_an_option(agency: Agency, option: str) -> None:
    """With -q there is no message; with -v the log has it, once."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a"})
    limit(agency, "GET")
    _, errors = beside_a_terminal(agency, option, "plan")
    assert errors.count("waiting 37 s") == (1 if option == "-v" else 0)


def test_a_pause_is_not_shown_without_a_terminal(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a workflow or a pipe, only -v logs it."""
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a"})
    limit(agency, "GET")
    assert agency.run("plan").err == ""


PROGRAM = """
from reconciler.cli import main
from reconciler.engine.concurrency import Cancellation
Cancellation.sleep = lambda *_: None
main()
"""
"""The program; its waits pass at once."""


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
