"""What goes to which stream, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

from agency import KEY, Agency, user


def test_the_result_goes_to_standard_output_beside_a_progress_bar(agency: Agency) -> None:
    """Standard error is a terminal and has the bar; standard output is a file and has the JSON."""
    agency.live(user(1, externalId="a"))
    agency.declare({"externalId": "a", "name": "Ana"})
    terminal, end = pty.openpty()
    command = ["-C", str(agency.root), "apply", "--yes", "--force", "--format", "json"]
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", *command],
        env={
            **os.environ,
            "RENTIX_URL": agency.portal.url,
            "RENTIX_API_KEY": KEY,
            "TERM": "xterm",
            "COLUMNS": "100",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
    ) as process:
        os.close(end)
        assert process.stdout is not None
        result = json.loads(process.stdout.read())
    errors = b""
    while chunk := _read(terminal):
        errors += chunk
    os.close(terminal)
    assert result["summary"]["applied"] == 1
    assert b"1/1" in errors


def _read(terminal: int) -> bytes:
    """The next output, or nothing at the end, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
