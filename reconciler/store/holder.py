"""Who holds a lock: a process on a machine and, in a workflow, a run.

Whether a holder has ended is a fact, never a guess from its age: its process is gone (on the same
boot and in the same PID namespace), or its run has ended. Linux only; on other systems, a process
is never known to have ended.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

PROC = Path("/proc")
STATE, START = 0, 19
"""Positions in /proc/PID/stat after the name: the process's state, and when it started, in clock
ticks since the boot."""
ENDED = ("Z", "X")
"""States of a process that has ended."""
MAX_TEXT = 64
"""Characters of a name to show."""
MAX_RUN = 300
"""Characters of a run's address."""


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A workflow run: its page, the attempt, the job, and who started it. `has_ended` finds out
    whether an attempt of a run, given by its page, has ended."""

    page: str
    attempt: int
    job: str
    actor: str
    has_ended: Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock since when. `boot`, `namespace` and `start` identify the process; they are
    empty if the system does not show them. `run`, `attempt` and `job` are those of a workflow."""

    host: str
    process: int
    since: datetime
    user: str = ""
    boot: str = ""
    namespace: str = ""
    start: int = 0
    run: str = ""
    attempt: int = 0
    job: str = ""

    def __str__(self) -> str:
        """As text, in the reader's time zone; with the date if that is not today."""
        since = self.since.astimezone()
        today = since.date() == datetime.now(since.tzinfo).date()
        time = since.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
        user = f", by {self.user}" if self.user else ""
        run = f", {self.run} (attempt {self.attempt}, job {self.job})" if self.run else ""
        return f"{self.host}, process {self.process}, since {time}{user}{run}"

    def to_line(self) -> str:
        """As a line of JSON, without what is empty."""
        data = {**asdict(self), "since": self.since.isoformat()}
        return json.dumps({name: value for name, value in data.items() if value})

    def runs_here(self) -> bool | None:
        """Whether its process still runs; None if that cannot be known from here."""
        here = _identity()
        if here is None or not self.start or (self.boot, self.namespace) != here:
            return None
        with suppress(PermissionError, OverflowError):
            try:
                os.kill(self.process, 0)
            except ProcessLookupError:
                return False
        stat = _stat(self.process)
        if stat is None:  # this user may not see the process
            return None
        state, start = stat
        return start == self.start and state not in ENDED


def this_process(run: WorkflowRun | None = None) -> Holder:
    """This process as a holder, starting now; in a workflow, with its run."""
    identity, stat = _identity(), _stat(os.getpid())
    boot, namespace = identity if identity and stat else ("", "")
    return Holder(
        socket.gethostname(),
        os.getpid(),
        datetime.now(UTC),
        user=run.actor if run else _user(),
        boot=boot,
        namespace=namespace,
        start=stat[1] if boot and stat else 0,
        run=run.page if run else "",
        attempt=run.attempt if run else 0,
        job=run.job if run else "",
    )


def parse_holder(line: str) -> Holder | None:
    """The holder who wrote a line; None if it is not such a line. Control characters are
    replaced. A line of an older version has only the host, the process and the time."""
    try:
        data = json.loads(line)
        host, process = data["host"], int(data["process"])
        names = ("user", "boot", "namespace", "job")
        texts = {name: _printable(data.get(name, ""), MAX_TEXT) for name in names}
        since = datetime.fromisoformat(data["since"]).astimezone()
        holder = Holder(
            _printable(host, MAX_TEXT),
            process,
            since,
            start=int(data.get("start", 0)),
            run=_printable(data.get("run", ""), MAX_RUN),
            attempt=int(data.get("attempt", 0)),
            **texts,
        )
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return holder if process > 0 else None


def how_it_ended(holder: Holder, run: WorkflowRun | None) -> str | None:
    """How a holder is known to have ended; None if it may still run. `run` is ours."""
    if holder.runs_here() is False:
        return "its process has ended"
    if run is None or not holder.run:
        return None
    if holder.run == run.page and holder.attempt < run.attempt:
        return "this is a later attempt of the same run"
    same = (holder.run, holder.attempt) == (run.page, run.attempt)
    if not same and run.has_ended(holder.run, holder.attempt):
        return "its workflow run has ended"
    return None


def _printable(text: str, limit: int) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:limit])


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # the user has no name
        return ""


def _identity() -> tuple[str, str] | None:
    """The boot and the PID namespace of this process; None if the system does not show them, or
    shows the processes of another namespace."""
    try:
        if (PROC / "self").readlink() != Path(str(os.getpid())):
            return None
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, str((PROC / "self/ns/pid").readlink())
    except OSError:
        return None


def _stat(process: int) -> tuple[str, int] | None:
    """The state and the start of a process; None if the system does not show it."""
    try:
        stat = (PROC / str(process) / "stat").read_text("utf-8", "replace")
        fields = stat.rpartition(")")[2].split()
        return fields[STATE], int(fields[START])
    except (OSError, ValueError, IndexError):
        return None
