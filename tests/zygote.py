"""Run the program in real processes that start without importing it again.

A test that kills the program hundreds of times cannot wait half a second for each start of Python.
So one process, the zygote, imports the program once and forks for each run. The child is a separate
process with its own id, streams, environment, threads and signals. It has the signal handlers of a
new interpreter, calls the entry point of the installed command, and exits as an interpreter does.
The zygote has a single thread and has not run the program, so a child inherits no unfinished work.

An order can also ask for the installed command instead, for a kill at a system call that writes a
file, or for a limit on file size, at which the kernel kills the process.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds to wait for a process before the test fails."""
LATE = ("encodings.idna", "filelock", "httpcore", "phonenumbers")
"""Modules that the program or its libraries import in the middle of a run."""
COMMAND = Path(sys.executable).with_name("reconciler")
"""The installed command."""


class Process:
    """A run of the program.

    `interrupted` is set when it prints that it was interrupted, `ended` when it has ended. `status`
    is that of `subprocess`: the exit code, or minus the number of the signal.
    """

    def __init__(self, line: socket.socket, order: Mapping[str, Any]) -> None:
        self.interrupted, self.ended = threading.Event(), threading.Event()
        self.status: int | None = None
        self.out = self.err = ""
        reading, writing = os.pipe()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ends
        socket.send_fds(line, [json.dumps(order).encode() + b"\n"], [self._out.fileno(), writing])
        os.close(writing)
        self._replies = line.makefile("r")
        self.pid = int(self._replies.readline())
        self._handle: int | None = None
        with suppress(ProcessLookupError):  # it has ended already
            self._handle = os.pidfd_open(self.pid)
        threading.Thread(target=self._watch, args=(reading,), daemon=True).start()

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs; its number may be another process's by then."""
        with suppress(OSError):  # it ends just now
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)

    def end(self) -> int:
        """Wait for the process to end, and return its status."""
        if not self.ended.wait(PATIENCE):
            self.signal(signal.SIGKILL)
            raise AssertionError(f"the process did not end; standard error: {self.err}")
        assert self.status is not None
        return self.status

    def _watch(self, reading: int) -> None:
        with open(reading, encoding="utf-8") as lines:
            for line in lines:
                self.err += line
                if "nterrupted" in line:
                    self.interrupted.set()
        self.status = os.waitstatus_to_exitcode(int(self._replies.readline()))
        self._replies.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        with self._out as out:
            out.seek(0)
            self.out = out.read().decode()
        self.interrupted.set()  # release whoever waits for it
        self.ended.set()


Start = Callable[..., Process]


@contextmanager
def zygote() -> Iterator[Start]:
    """Start processes one after the other: `start(arguments, environment)`.

    `installed` runs the installed command. `fatal` is the number of the system call at which the
    process kills itself, counted from the one that creates the new content of the file `written`.
    `room` is the file size in bytes beyond which the kernel kills the process. `streams` replaces
    standard streams by number: with "closed", "broken" (a pipe without a reader) or the path of a
    file. `terminal` is the path of a terminal for all three, which then controls the process.
    `ignored` are signals that the process ignores from its start.
    """
    own_end, zygote_end = socket.socketpair()
    # A killed process leaves no coverage data, or half of it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    root = str(Path(__file__).parents[1])
    with (
        own_end,
        subprocess.Popen(
            [sys.executable, __file__, str(zygote_end.fileno())],
            env={**environment, "PYTHONPATH": root},
            pass_fds=[zygote_end.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the tests only
        ) as process,
    ):
        zygote_end.close()

        def start(
            arguments: Sequence[str],
            variables: Mapping[str, str],
            *,
            installed: bool = False,
            written: Path | None = None,
            fatal: int = 0,
            room: int | None = None,
            streams: Mapping[int, str] | None = None,
            terminal: str | None = None,
            ignored: Sequence[int] = (),
        ) -> Process:
            order = {
                "arguments": list(arguments),
                "environment": {**environment, **variables},
                "installed": installed,
                "written": str(written) if written else None,
                "fatal": fatal,
                "room": room,
                "streams": {**(streams or {})},
                "terminal": terminal,
                "ignored": list(ignored),
            }
            return Process(own_end, order)

        yield start
        own_end.close()
        process.wait(PATIENCE)


def _serve(line: socket.socket) -> None:
    """Take orders until the other end is closed. A child leaves through the exception that ends the
    program."""
    while True:
        order, streams = b"", []
        while not order.endswith(b"\n"):
            part, files, _, _ = socket.recv_fds(line, 1 << 16, 2)
            if not part:
                return
            order, streams = order + part, streams + files
        child = os.fork()
        if child == 0:
            line.close()
            _run_child(json.loads(order), *streams)
        for stream in streams:
            os.close(stream)
        line.sendall(b"%d\n" % child)
        line.sendall(b"%d\n" % os.waitpid(child, 0)[1])


def _run_child(order: Mapping[str, Any], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    for stream in (out, err):
        os.close(stream)
    if order["terminal"] is not None:
        _take_terminal(order["terminal"])
    for number, kind in order["streams"].items():
        _replace_stream(int(number), kind)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        closed = order["streams"].get(str(number)) == "closed"
        stream = None if closed else open(number, "w" if number else "r", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for number in order["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["installed"]:
        os.execv(COMMAND, [str(COMMAND), *order["arguments"]])
    if order["written"] is not None:
        _die_at(order["fatal"], Path(order["written"]))
    if order["room"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["room"], order["room"]))
    sys.argv = ["reconciler", *order["arguments"]]
    import_module("reconciler.cli").main()


def _take_terminal(path: str) -> None:
    """Make a terminal the controlling one of this process, and all three of its streams."""
    os.setsid()
    terminal = os.open(path, os.O_RDWR)
    for number in range(3):
        os.dup2(terminal, number)
    os.close(terminal)


def _replace_stream(number: int, kind: str) -> None:
    """Make a stream closed, broken, or a file."""
    if kind == "closed":
        os.close(number)
        return
    if kind == "broken":
        reading, stream = os.pipe()
        os.close(reading)
    else:
        stream = os.open(kind, os.O_RDWR)
    os.dup2(stream, number)
    os.close(stream)


def _die_at(number: int, file: Path) -> None:
    """Kill this process at the call of this number that changes a file or its directory.

    Counting starts when the file's new content is created under a temporary name. Calls are those
    that the interpreter audits, and fsync before and after, which it does not audit.
    """
    folder, temporary = str(file.parent), f"{file.parent}/.{file.name}."
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, values: tuple[Any, ...]) -> None:
        if event in ("open", "os.mkdir", "os.rename", "os.remove"):
            path = str(values[0])
            if path.startswith(folder if calls else temporary):
                count()

    def synced(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
        count()
        sync(descriptor)
        count()

    sys.addaudithook(audited)
    os.fsync = synced


def _import() -> None:
    """Import all modules of the program except the simulated portals."""
    root = Path(__file__).parents[1] / "reconciler"
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        if "sandbox" not in name and "demo" not in name and "__main__" not in name:
            import_module(name.removesuffix(".__init__"))
    for name in LATE:
        import_module(name)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    _import()
    # No pauses between readings of what a portal does not show, as in the process of the tests.
    sys.modules["reconciler.engine.settling"].PAUSES = (0.0,) * 5  # type: ignore[attr-defined]
    gc.freeze()  # or a child's last collection copies all imported modules, which takes 50 ms
    _serve(socket.socket(fileno=int(sys.argv[1])))
