"""Linters of workflows and shell, run as somebody would run them by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
"""Where the tests' tools are, and the program itself."""


def lint(tool: str, *arguments: str | Path, inside: Path) -> None:
    """A linter, which has nothing to say."""
    done = subprocess.run(
        [BIN / tool, *arguments],
        cwd=inside,
        env={"PATH": os.defpath, "HOME": str(inside), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
