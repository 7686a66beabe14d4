"""Time, the wire and death, all simulated: nothing waits, and what happens depends on a seed alone.

The portals' ASGI applications are driven by hand. Where one of them sleeps, its coroutine is put
aside until the simulated time has come: a client that gave up by then meets the effect of its
request later, as on a real network.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import httpx

from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted
from reconciler.sandbox.faults import Dropped
from reconciler.sandbox.server import Application
from reconciler.sandbox.state import State

START = 1_800_000_000.0
"""When every simulation begins, in seconds since the epoch."""
HOST = "http://127.0.0.1"
"""Where the portals seem to be; nothing listens there."""
UNREACHED = 0.02
"""The share of requests that find nobody to connect to, while there are faults."""

Item = TypeVar("Item")


class Killed(BaseException):
    """The process is gone: nothing of it happens any more."""


@types.coroutine
def asleep(seconds: float) -> Generator[float, None, None]:
    """Sleep in simulated time: whoever drives the coroutine is told how long."""
    yield seconds


@dataclass
class Moment:
    """When a run is ended from outside: at which of its requests, before or after its effect, or
    at which of its writes to the disk; and how."""

    at: int
    after: bool
    how: str


@dataclass
class Exchange:
    """One request under way, and as much of its answer as was sent."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    dropped: bool = False

    async def send(self, message: Mapping[str, Any]) -> None:
        """What the application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")


@dataclass(eq=False)
class Aside:
    """A request whose client gave up: when the portal goes on with it, and whether it writes."""

    due: float
    running: Any
    writes: bool


class Simulation(httpx.BaseTransport):
    """A wire to the portals of a state, on which time passes only by what happens there."""

    def __init__(self, state: State, seed: str) -> None:
        self.state = state
        self.random = Random(seed)
        self.now = START
        self.application = Application(state)
        self.urls = {gate.NAME: HOST + path for path, gate in self.application.gates.items()}
        self.asides: list[Aside] = []
        self.requests = self.unreached = self.disk = self.overtook = 0
        self.moment: Moment | None = None
        self.dead = False
        self.cancellation = Halted(self)
        self.told: list[str] = []
        self.between: Callable[[], None] = lambda: None
        state.clock = lambda: self.now
        state.sleep = asleep

    def begin(self, moment: Moment | None) -> None:
        """A new process, which may be ended at a moment."""
        self.moment, self.dead = moment, False
        self.requests = self.disk = self.overtook = 0
        self.cancellation = Halted(self)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        self.alive()
        self.requests += 1
        self._end_here(after=False)
        self.pass_time(self.random.uniform(0.01, 0.2))
        self.between()
        if self.application.faults is not None and self.random.random() < UNREACHED:
            self.unreached += 1
            self._tell(request, "could not connect")
            raise httpx.ConnectError("nobody there", request=request)
        exchange = self._exchanged(request)
        self._end_here(after=True)
        if exchange.dropped:
            self._tell(request, "dropped")
            broken = httpx.RemoteProtocolError if exchange.status else httpx.ReadError
            raise broken("the connection ended", request=request)
        self._tell(request, str(exchange.status))
        return httpx.Response(exchange.status, headers=exchange.headers, content=exchange.body)

    def _exchanged(self, request: httpx.Request) -> Exchange:
        """What the portal answers, as far as it does in time."""
        exchange = Exchange()
        running = self._running(request, exchange)
        patience = self.now + request.extensions["timeout"]["read"]
        while True:
            try:
                pause = running.send(None)
            except StopIteration:
                return exchange
            except Dropped:
                exchange.dropped = True
                return exchange
            if self.now + pause > patience:
                writes = request.method != "GET" and not request.url.path.endswith("/token")
                self.asides.append(Aside(self.now + pause, running, writes))
                self.pass_time(patience - self.now)
                self._end_here(after=True)
                self._tell(request, "timed out")
                raise httpx.ReadTimeout("no answer", request=request)
            self.now += pause

    def _running(self, request: httpx.Request, exchange: Exchange) -> Any:
        """The application at work on a request."""
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        root = next(each for each in self.application.gates if path.startswith(each))
        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode("ascii"),
            "root_path": root,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        content = request.content

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        return self.application.gates[root](scope, receive, exchange.send)

    def pass_time(self, seconds: float) -> None:
        """Let the time pass, and happen what was to happen meanwhile."""
        end = self.now + seconds
        while self.asides and (aside := min(self.asides, key=lambda each: each.due)).due <= end:
            self.now = max(self.now, aside.due)
            self.overtook += aside.writes
            try:
                aside.due = self.now + aside.running.send(None)
            except (StopIteration, Dropped):
                self.asides.remove(aside)
        self.now = max(self.now, end)

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        while self.asides:
            self.pass_time(max(0.0, self.asides[0].due - self.now))

    def _end_here(self, *, after: bool) -> None:
        """End the run, if this is the moment: at once, or with its own leave."""
        moment = self.moment
        if moment is None or (moment.at, moment.after) != (self.requests, after):
            return
        if moment.how == "killed":
            self.dead = True
            self.alive()
        elif moment.how == "interrupted":
            self.cancellation.request()

    def write(self) -> None:
        """Something is about to be written to the disk, or was."""
        self.alive()
        self.disk += 1
        if self.moment is not None and (self.moment.at, self.moment.how) == (self.disk, "writing"):
            self.dead = True
            self.alive()

    def alive(self) -> None:
        """A dead process does nothing."""
        if self.dead:
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Wait, as the program does."""
        self.alive()
        if self.cancellation.requested:
            raise Interrupted
        self.pass_time(seconds)

    def merge_streams(
        self, streams: Mapping[str, Callable[[], Iterator[Item]]], cancellation: Cancellation
    ) -> Iterator[tuple[str, Item]]:
        """What the streams give, in an order that the seed says; as `together` does by threads."""
        left = {name: stream() for name, stream in streams.items()}
        failure: Exception | None = None
        while left:
            name = self.random.choice(sorted(left))
            try:
                item = next(left[name])
            except (StopIteration, Interrupted):
                del left[name]
            except Exception as error:  # noqa: BLE001 - raised after the others, as `together` does
                cancellation.request()
                failure = failure or error
                del left[name]
            else:
                yield name, item
        if failure is not None:
            raise failure

    def _tell(self, request: httpx.Request, what: str) -> None:
        path = request.url.raw_path.decode("ascii").removeprefix("/api/v1")
        body = request.content.decode("utf-8", "replace")[:600]
        self.told.append(f"  {self.now - START:9.2f}  {request.method} {path} {body} → {what}")


class Halted(Cancellation):
    """The wish to end a run, in simulated time."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self.simulation = simulation

    def check(self) -> None:
        """Raises Interrupted once the run is to end."""
        self.simulation.alive()
        super().check()

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        self.simulation.sleep(seconds)
