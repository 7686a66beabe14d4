"""git as a tool: commands run in a user's repository, without a prompt and without its hooks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

ELSEWHERE = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
)
"""What git sets for its hooks, and what would make it look into another repository than ours."""

SECRET = ("_API_KEY", "_API_SECRET")
"""How the names of the portals' keys end, which are no business of git's and of what it starts."""

ASIDE = ("hint:", "To ", "error: failed to push some refs")
"""How lines begin that say nothing of the reason."""


class GitError(Exception):
    """git did not do what it was asked; the message is its own reason, in one line that holds no
    password and steers no terminal."""


def git(
    folder: Path,
    *arguments: str,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> bytes:
    """What a git command prints. `content` is its standard input; `environment` is added to ours,
    and is the place for what must not be seen among a process's arguments; `patience` is how many
    seconds it may take. Raises GitError."""
    command = ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0", *arguments]
    quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in ELSEWHERE and not name.endswith(SECRET)
    }

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 - no shell; the arguments are ours
            command,
            cwd=folder,
            input=content if content is not None else b"",
            capture_output=True,
            env={**ours, **quiet, **(environment or {})},
            check=False,
            timeout=patience,
        )

    try:
        done = run()
        if done.returncode == -signal.SIGINT:  # a terminal's Ctrl-C is for us: it ends no git
            done = run()
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"no answer in {patience:g} seconds") from None
    if done.returncode:
        raise GitError(_reason(done.stderr) or f"git ended with {done.returncode}")
    return done.stdout


def _reason(said: bytes) -> str:
    """The line that tells why: the first fatal one, else the last that tells anything. An address
    may hold a user's name and password; they are struck out."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines()]
    telling = [line for line in lines if line and not line.startswith(ASIDE)]
    fatal = [line for line in telling if line.startswith("fatal: ")]
    line = (fatal or telling[-1:] or [""])[0].removeprefix("fatal: ")
    shown = "".join(each if each.isprintable() else "?" for each in line)
    return re.sub(r"://[^/\s]*@", "://", shown)
