"""The program as real processes that start at once.

A test that kills the program hundreds of times cannot pay half a second for each start of Python.
So one process imports the program once, and for each run forks: the child is a process of its own,
with its own id, streams, environment, threads and end, and whatever signal hits it hits nobody
else. It has the signals' handlers that a fresh interpreter has, calls the entry point that the
installed command calls, and ends as an interpreter ends. The one that forks has a single thread
and has run nothing of the program, so there is nothing half done for a child to inherit.

An order can ask for more: the installed command in place of the fork's own call; death at a system
call that writes a file; or an end of the disk, at which the kernel kills who writes on.
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
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE = 30.0
"""Seconds after which a process that was waited for will never come."""
LATE = ("encodings.idna", "filelock", "httpcore", "phonenumbers")
"""What the program's libraries, or it itself, import in the middle of a run."""
COMMAND = Path(sys.executable).with_name("reconciler")
"""The installed command."""


class Process:
    """A run of the program. `interrupted` is set once it says that it was, `ended` once it is
    dead, or was. `status` is what `subprocess` would tell: the exit code, or minus the signal."""

    def __init__(self, line: socket.socket, order: Mapping[str, Any]) -> None:
        self.interrupted, self.ended = threading.Event(), threading.Event()
        self.status: int | None = None
        self.out = self.err = ""
        reading, writing = os.pipe()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the process's end
        socket.send_fds(line, [json.dumps(order).encode() + b"\n"], [self._out.fileno(), writing])
        os.close(writing)
        self._told = line.makefile("r")
        self.pid = int(self._told.readline())
        threading.Thread(target=self._watch, args=(reading,), daemon=True).start()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for the end, and tell the status."""
        if not self.ended.wait(PATIENCE):
            self.signal(signal.SIGKILL)
            raise AssertionError(f"the process did not end, and says: {self.err}")
        assert self.status is not None
        return self.status

    def _watch(self, reading: int) -> None:
        with open(reading, encoding="utf-8") as lines:
            for line in lines:
                self.err += line
                if "nterrupted" in line:
                    self.interrupted.set()
        self.status = os.waitstatus_to_exitcode(int(self._told.readline()))
        self._told.close()
        with self._out as out:
            out.seek(0)
            self.out = out.read().decode()
        self.interrupted.set()  # nobody is to wait for the word of a dead one
        self.ended.set()


Start = Callable[..., Process]


@contextmanager
def zygote() -> Iterator[Start]:
    """Starts processes, one after the other: `start(arguments, environment)`.

    `installed` runs the installed command. `fatal` is the number of the system call at which the
    process kills itself, counted from the one that makes the new text of the file `written`. With
    `room` it dies where a file would get larger than so many bytes.
    """
    ours, theirs = socket.socketpair()
    # Who is killed leaves no lines to count, or half of them.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    root = str(Path(__file__).parents[1])
    with (
        ours,
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**environment, "PYTHONPATH": root},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the tests is for the tests
        ) as process,
    ):
        theirs.close()

        def start(
            arguments: Sequence[str],
            variables: Mapping[str, str],
            *,
            installed: bool = False,
            written: Path | None = None,
            fatal: int = 0,
            room: int | None = None,
        ) -> Process:
            order = {
                "arguments": list(arguments),
                "environment": {**environment, **variables},
                "installed": installed,
                "written": str(written) if written else None,
                "fatal": fatal,
                "room": room,
            }
            return Process(ours, order)

        yield start
        ours.close()
        process.wait(PATIENCE)


def _serve(line: socket.socket) -> None:
    """Take orders until nobody is there to give them. A child comes back from here too, by the
    exception that ends the program."""
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
            _live(json.loads(order), *streams)
        for each in streams:
            os.close(each)
        line.sendall(b"%d\n" % child)
        line.sendall(b"%d\n" % os.waitpid(child, 0)[1])


def _live(order: Mapping[str, Any], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    for each in (out, err):
        os.close(each)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - they are open to the end
    sys.stderr = open(2, "w", 1, closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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


def _die_at(number: int, file: Path) -> None:
    """Kill this process when it is about to make its call of this number, from the one on that
    makes the new text of a file. What the interpreter audits of that folder is a call; that a text
    is to be on the disk it does not audit."""
    folder, beside = str(file.parent), f"{file.parent}/.{file.name}."
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, values: tuple[Any, ...]) -> None:
        if event in ("open", "os.mkdir", "os.rename", "os.remove"):
            path = str(values[0])
            if path.startswith(folder if seen else beside):
                count()

    def synced(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
        count()
        sync(descriptor)
        count()

    sys.addaudithook(audited)
    os.fsync = synced


def _import() -> None:
    """All that the program can import, but what it takes only to be a portal."""
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
    gc.freeze()  # at a child's end the collector would copy all that was imported: 50 ms
    _serve(socket.socket(fileno=int(sys.argv[1])))
