"""Serve the portals on 127.0.0.1, in this process or in a thread of it."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import CancelledError
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import uvicorn
from starlette.routing import Mount, Router

from reconciler.sandbox.faults import Dropped, Faults
from reconciler.sandbox.gate import Exchange, Gate
from reconciler.sandbox.propertyfinder.calls import PropertyFinder
from reconciler.sandbox.rentix import Rentix
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

_HOST = "127.0.0.1"

PORTALS: dict[str, type[Gate]] = {"/api/v1": Rentix, "": PropertyFinder}
"""The portals by mount path; the first path that matches answers, so the shortest comes last."""


class Application:
    """Both portals as one ASGI application on one state.

    Assign `faults` to make requests fail, and None to stop. `others` are the states of further
    agencies on Rentix, at the same address: a request with the key of one of them is for it.
    """

    def __init__(
        self, state: State, faults: Faults | None = None, others: Iterable[State] = ()
    ) -> None:
        """Mount a gate for each portal."""
        self.state = state
        self.faults = faults
        self.gates = {path: gate(state, self._respond) for path, gate in PORTALS.items()}
        # A bare router: starlette's own application would turn Dropped into a 500.
        mounts = [Mount(path, gate) for path, gate in self.gates.items()]
        self._router = Router(mounts, redirect_slashes=False)
        self._others = {
            f"ApiKey {each.key}".encode(): Application(each)._router  # noqa: SLF001
            for each in others
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `Dropped` if a fault drops the connection."""
        key = dict(scope["headers"]).get(b"authorization", b"")
        await self._others.get(key, self._router)(scope, receive, send)

    async def _respond(self, exchange: Exchange) -> Response:
        """Answer an admitted request, through the faults if there are any."""
        return await (exchange.answer() if self.faults is None else self.faults.answer(exchange))


@dataclass(slots=True)
class Running:
    """A sandbox that is listening: the base URL of each portal, and its application.

    `restart` serves another application at the same URLs, as after a restart of the process:
    connections are dropped, and a request in progress is cancelled before its effect. Call it from
    any thread except the server's.
    """

    urls: Mapping[str, str]
    application: Application
    restart: Callable[[Application], None]

    @property
    def url(self) -> str:
        """The base URL of Rentix, such as http://127.0.0.1:8765/api/v1."""
        return self.urls["rentix"]

    @property
    def state(self) -> State:
        """The state of the portals."""
        return self.application.state


def serve(application: Application, port: int, ready: Callable[[Running], None]) -> None:
    """Serve on `port` (0: a free one) until SIGINT or SIGTERM; call `ready` once listening.

    Raises OSError if the port is in use.
    """
    with _bound(port) as listener:
        _Server(application, listener, ready).run(sockets=[listener])


@contextmanager
def running(state: State | None = None, port: int = 0) -> Iterator[Running]:
    """Serve in a thread of this process while the context is open.

    The store of a state that is passed in stays open; without a state, a new one is made and its
    store closed at the end. To start over, call `restart`, or `state.reset(users, readings)` if no
    request is in progress. Raises OSError if the port is in use.
    """
    if state is None:
        with closing(Store()) as store, running(State(store), port) as sandbox:
            yield sandbox
        return
    listening: list[Running] = []
    started = Event()

    def ready(sandbox: Running) -> None:
        listening.append(sandbox)
        started.set()

    with _bound(port) as listener:
        server = _Server(Application(state), listener, ready)

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                started.set()  # a failed start must not block the caller

        thread = Thread(target=run, name="sandbox", daemon=True)
        thread.start()
        started.wait()
        try:
            if not listening:
                raise RuntimeError("the sandbox did not start")
            yield listening[0]
        finally:
            server.should_exit = True
            thread.join()


def _bound(port: int) -> socket.socket:
    """Bind before serving, so that the number of a free port is known."""
    # asyncio disables Nagle's algorithm only if the protocol is named; otherwise every response on
    # a keep-alive connection waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn that reports when it is listening, shuts down on a signal and drops connections."""

    def __init__(
        self, application: Application, listener: socket.socket, ready: Callable[[Running], None]
    ) -> None:
        base = f"http://{_HOST}:{listener.getsockname()[1]}"
        urls = {gate.NAME: base + path for path, gate in PORTALS.items()}
        self._ready = ready
        self._running = Running(urls, application, self._restart)
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",  # uvicorn mistakes a bound method for an older interface
                proxy_headers=False,  # the client is the peer of the socket
                http="h11",  # always installed with uvicorn
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,  # leave the process's logging alone
                log_level="warning",
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then call `ready`."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ready(self._running)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down without waiting for requests that sleep, such as a slow answer."""
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or reset its connection if a fault drops it."""
        try:
            await self._running.application(scope, receive, send)
        except (Dropped, CancelledError):  # cancelled by `shutdown`
            self._reset(scope)
            while (await receive())["type"] != "http.disconnect":
                pass  # returning earlier makes uvicorn log an incomplete response

    def _reset(self, scope: Scope | None = None) -> None:
        """Reset the connection of a request, or all connections."""
        for connection in list(self.server_state.connections):
            if scope is None or getattr(connection, "client", None) == scope["client"]:
                peer = connection.transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()

    def _restart(self, application: Application) -> None:
        """Serve another application, once nothing is left of the former one."""
        asyncio.run_coroutine_threadsafe(self._replace(application), self._loop).result()

    async def _replace(self, application: Application) -> None:
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        self._reset()  # also of requests that were sent but not yet read
        if tasks:
            await asyncio.wait(tasks)
        self._running.application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Shut down; uvicorn would raise the signal again afterwards."""
        self.should_exit = True
