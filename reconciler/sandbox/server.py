"""Serve the portals on 127.0.0.1: for a process of its own, or from a thread of this one."""

from __future__ import annotations

import socket
import struct
from asyncio import CancelledError
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
from starlette.routing import Mount, Router

from reconciler.sandbox.faults import Dropped
from reconciler.sandbox.propertyfinder.calls import PropertyFinder
from reconciler.sandbox.rentix import Rentix
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = "127.0.0.1"


class Portal(NamedTuple):
    """A portal of the sandbox: its name, where it is mounted, and its application on a state."""

    name: str
    path: str
    application: Callable[[State], ASGIApp]


PORTALS = (Portal("rentix", "/api/v1", Rentix), Portal("propertyfinder", "", PropertyFinder))
"""Every portal there is; the one with the shortest path comes last, as the first match answers."""


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers: the base URL of every portal, and the state they all go by."""

    urls: Mapping[str, str]
    state: State

    @property
    def url(self) -> str:
        """The base URL of Rentix, such as http://127.0.0.1:8765/api/v1."""
        return self.urls["rentix"]


def application(state: State) -> ASGIApp:
    """All portals on one state."""
    # A router alone: starlette's own application would answer 500 before it lets Dropped through.
    mounts = [Mount(portal.path, portal.application(state)) for portal in PORTALS]
    return Router(mounts, redirect_slashes=False)


def serve(state: State, port: int, ready: Callable[[Running], None]) -> None:
    """Answer on `port` (0: a free one) until SIGINT or SIGTERM, and call `ready` once it does.

    Raises:
        OSError: the port is taken.
    """
    with _bound(port) as listener:
        _Server(state, listener, ready).run(sockets=[listener])


@contextmanager
def running(state: State | None = None, port: int = 0) -> Iterator[Running]:
    """A sandbox in a thread of this process, for as long as the context lasts.

    `state.reset(users, readings)` begins a new world on it without a restart. A state that is
    passed in stays open afterwards; the one made here is closed.
    """
    if state is None:
        with closing(Store()) as store, running(State(store), port) as sandbox:
            yield sandbox
        return
    started, told = Event(), []

    def ready(sandbox: Running) -> None:
        told.append(sandbox)
        started.set()

    with _bound(port) as listener:
        server = _Server(state, listener, ready)

        def run() -> None:
            try:
                server.run(sockets=[listener])
            finally:
                started.set()  # a start that failed must not leave us waiting

        thread = Thread(target=run, name="sandbox", daemon=True)
        thread.start()
        started.wait()
        try:
            if not told:
                raise RuntimeError("the sandbox did not start")
            yield told[0]
        finally:
            server.should_exit = True
            thread.join()


def _bound(port: int) -> socket.socket:
    """A socket of our own, so that a free port is known before anything is served."""
    # With the protocol named, asyncio turns Nagle's delay off; without it, every answer to a
    # connection that is kept open waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn, that tells when it answers and takes a signal as a plain request to end."""

    def __init__(
        self, state: State, listener: socket.socket, ready: Callable[[Running], None]
    ) -> None:
        base = f"http://{_HOST}:{listener.getsockname()[1]}"
        urls = {portal.name: base + portal.path for portal in PORTALS}
        self._ready = ready
        self._running = Running(urls, state)
        self._application = application(state)
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",  # a bound method is taken for an older kind otherwise
                proxy_headers=False,  # the client is who is at the other end of the socket
                http="h11",  # the one that is always there, whatever else is installed
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,  # the logging of this process is not ours to set up
                log_level="warning",
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        self._ready(self._running)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End without waiting for what waits itself, such as an answer that is slow by a fault."""
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or end its connection where a fault says so."""
        try:
            await self._application(scope, receive, send)
        except (Dropped, CancelledError):  # cancelled by our own end
            self._drop(scope)
            while (await receive())["type"] != "http.disconnect":
                pass  # or uvicorn would complain that there is no whole answer

    def _drop(self, scope: Scope) -> None:
        """End the connection of a request with a reset."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == scope["client"]:
                peer = connection.transport.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End in good order; uvicorn itself would raise the signal again afterwards."""
        self.should_exit = True
