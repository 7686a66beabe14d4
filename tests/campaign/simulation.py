"""A simulated clock, HTTP transport and process: nothing waits, and a seed decides what happens.

The portals' ASGI applications are driven by hand. When one of them sleeps longer than its client
waits, its coroutine is set aside until the simulated time has come: the request takes effect after
the client gave up, as on a real network.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
"""The start of every simulation, in seconds since the epoch."""
HOST = "http://127.0.0.1"
"""The address of the portals; nothing listens there."""
UNREACHED = 0.02
"""The share of requests that cannot connect, while there are faults."""

Item = TypeVar("Item")


class Killed(BaseException):
    """The process was killed: from here on, nothing of it happens."""


@types.coroutine
def asleep(seconds: float) -> Generator[float, None, None]:
    """Sleep in simulated time; the driver of the coroutine gets the seconds."""
    yield seconds


@dataclass
class Moment:
    """When and how a run is ended from outside: at which of its requests, before or after its
    effect, or at which of its writes to the disk."""

    at: int
    after: bool
    how: str


@dataclass
class Disturbance:
    """What happens to a run without ending it, at one of its requests, before or after its effect:
    the process is `paused` for some seconds, the wall clock `jumps` by them, or another process has
    `overtaken` it after them."""

    at: int
    after: bool
    how: str
    seconds: float


@dataclass
class Exchange:
    """A request in progress, and the part of its response that was sent."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    dropped: bool = False

    async def send(self, message: Mapping[str, Any]) -> None:
        """Collect what the application sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")


@dataclass(eq=False)
class Pending:
    """A request whose client gave up: when the portal continues with it, and whether it writes."""

    due: float
    running: Any
    writes: bool


class Simulation(httpx.BaseTransport):
    """An HTTP transport to the portals, with a simulated clock that only advances through what
    happens here."""

    def __init__(self, state: State, seed: str) -> None:
        self.state = state
        self.random = Random(seed)
        self.now = START
        self.skew = self.longest = 0.0
        self.application = Application(state)
        self.elsewhere: dict[str, Application] = {}
        self.take_over: Callable[[float], None] = lambda _: None
        self.overtaken = False
        self.trespasses: list[str] = []
        self.urls = {gate.NAME: HOST + path for path, gate in self.application.gates.items()}
        self.pending: list[Pending] = []
        self.requests = self.unreached = self.disk = self.overtook = 0
        self.moment: Moment | None = None
        self.disturbances: list[Disturbance] = []
        self.dead = False
        self.cancellation = SimulatedCancellation(self)
        self.log: list[str] = []
        state.clock = lambda: self.now
        state.sleep = asleep

    def begin(self, moment: Moment | None, disturbances: Sequence[Disturbance] = ()) -> None:
        """Start a new process, which may be ended at a moment."""
        self.moment, self.dead = moment, False
        self.disturbances = list(disturbances)
        self.requests = self.disk = self.overtook = 0
        self.skew = self.longest = 0.0
        self.overtaken = False
        self.cancellation = SimulatedCancellation(self)

    @contextmanager
    def another_process(self) -> Iterator[None]:
        """Let another process run now, while this one is stopped."""
        names = ("moment", "dead", "disturbances", "requests", "disk", "overtook", "skew")
        names += ("longest", "overtaken", "cancellation")
        former = {name: getattr(self, name) for name in names}
        self.begin(None)
        try:
            yield
        finally:
            overtook = self.overtook
            for name, value in former.items():
                setattr(self, name, value)
            self.overtook += overtook

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response."""
        self.check_alive()
        self.requests += 1
        self._end_here(after=False)
        self._disturb(request, after=False)
        if self.overtaken and _writes(request):
            self.trespasses.append(f"{request.method} {request.url.path}")
        self.pass_time(self.random.uniform(0.01, 0.2))
        if self.application.faults is not None and self.random.random() < UNREACHED:
            self.unreached += 1
            self._write_log(request, "could not connect")
            raise httpx.ConnectError("connection refused", request=request)
        exchange = self._exchange(request)
        self._end_here(after=True)
        self._disturb(request, after=True)
        if exchange.dropped:
            self._write_log(request, "dropped")
            broken = httpx.RemoteProtocolError if exchange.status else httpx.ReadError
            raise broken("the connection ended", request=request)
        self._write_log(request, str(exchange.status))
        return httpx.Response(exchange.status, headers=exchange.headers, content=exchange.body)

    def _exchange(self, request: httpx.Request) -> Exchange:
        """The response of the portal, unless the client times out."""
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
                self.pending.append(Pending(self.now + pause, running, _writes(request)))
                self.pass_time(patience - self.now)
                self._end_here(after=True)
                self._write_log(request, "timed out")
                raise httpx.ReadTimeout("no answer", request=request)
            self.now += pause

    def _running(self, request: httpx.Request, exchange: Exchange) -> Any:
        """The application, at work on a request."""
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        application = self._application(request)
        root = next(each for each in application.gates if path.startswith(each))
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

        return application.gates[root](scope, receive, exchange.send)

    def _application(self, request: httpx.Request) -> Application:
        """The portals at the address of a request, or of the agency of its key."""
        names = (request.url.host, request.headers.get("authorization", ""))
        return next(
            (self.elsewhere[name] for name in names if name in self.elsewhere), self.application
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with everything that is due meanwhile."""
        end = self.now + seconds
        while self.pending and (request := min(self.pending, key=lambda each: each.due)).due <= end:
            self.now = max(self.now, request.due)
            self.overtook += request.writes
            try:
                request.due = self.now + request.running.send(None)
            except (StopIteration, Dropped):
                self.pending.remove(request)
        self.now = max(self.now, end)

    def settle(self) -> None:
        """Wait until no request is pending."""
        while self.pending:
            self.pass_time(max(0.0, self.pending[0].due - self.now))

    def wall(self) -> float:
        """The wall clock of the machine that runs the program; the portals have their own."""
        return self.now + self.skew

    def _disturb(self, request: httpx.Request, *, after: bool) -> None:
        """Pause the process, or let its clock jump, if this is the moment. Raises httpx.ReadError
        if the connection did not outlast a pause."""
        for each in self.disturbances:
            if (each.at, each.after) != (self.requests, after):
                continue
            self.log.append(f"  {each.how} by {each.seconds:.0f} s")
            if each.how == "jumps":
                self.skew += each.seconds
                continue
            if each.how == "overtaken":
                self.take_over(each.seconds)
                self.overtaken = True
                continue
            self.pass_time(each.seconds)
            if after and self.random.random() < 0.5:
                raise httpx.ReadError("the connection ended", request=request)

    def _end_here(self, *, after: bool) -> None:
        """End the run if this is the moment: kill it, or ask it to end."""
        moment = self.moment
        if moment is None or (moment.at, moment.after) != (self.requests, after):
            return
        if moment.how == "killed":
            self.dead = True
            self.check_alive()
        elif moment.how == "interrupted":
            self.cancellation.request()

    def write(self) -> None:
        """Called before and after each write to the disk."""
        self.check_alive()
        self.disk += 1
        if self.moment is not None and (self.moment.at, self.moment.how) == (self.disk, "writing"):
            self.dead = True
            self.check_alive()

    def check_alive(self) -> None:
        """Raise Killed if the process was killed."""
        if self.dead:
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time. Raises Interrupted if the run was asked to end."""
        self.check_alive()
        if self.cancellation.requested:
            raise Interrupted
        self.longest = max(self.longest, seconds)
        self.pass_time(seconds)

    def merge_streams(
        self, streams: Mapping[str, Callable[[], Iterator[Item]]], cancellation: Cancellation
    ) -> Iterator[tuple[str, Item]]:
        """The items of the streams, in an order drawn from the seed; the real one runs them in
        threads."""
        left = {name: stream() for name, stream in streams.items()}
        failure: Exception | None = None
        while left:
            name = self.random.choice(sorted(left))
            try:
                item = next(left[name])
            except (StopIteration, Interrupted):
                del left[name]
            except Exception as error:  # noqa: BLE001 - raised below, after the other streams
                cancellation.request()
                failure = failure or error
                del left[name]
            else:
                yield name, item
        if failure is not None:
            raise failure

    def _write_log(self, request: httpx.Request, result: str) -> None:
        path = request.url.raw_path.decode("ascii").removeprefix("/api/v1")
        body = request.content.decode("utf-8", "replace")[:600]
        self.log.append(f"  {self.now - START:9.2f}  {request.method} {path} {body} → {result}")


def _writes(request: httpx.Request) -> bool:
    return request.method != "GET" and not request.url.path.endswith("/token")


class SimulatedCancellation(Cancellation):
    """A cancellation in simulated time."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self.simulation = simulation

    def check(self) -> None:
        """Raise Interrupted if the run was asked to end."""
        self.simulation.check_alive()
        super().check()

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        self.simulation.sleep(seconds)
