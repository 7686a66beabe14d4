"""A server for Tiny, on the standard library's HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

KEY = "tiny"


class World:
    """The agents by the digits of their phones, and a log of all requests."""

    def __init__(self) -> None:
        self.agents: dict[str, dict[str, str | None]] = {}
        self.log: list[tuple[str, str, Any]] = []
        self.lose = 0
        """How many PUTs to apply without a response."""


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve a world; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_GET(self) -> None:
            """All agents."""
            self.log_call(None)
            if self.headers["X-Key"] == KEY:
                self.answer(200, {"agents": list(world.agents.values())})
            else:
                self.answer(401, {"message": "unknown key"})

        def do_PUT(self) -> None:
            """Replace one agent, except for its phone."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.log_call(body)
            agent = world.agents[self.path.removeprefix("/agents/")]
            if set(body) != {"name", "instagram"}:
                return self.answer(400, {"message": "an agent is replaced as a whole"})
            agent |= body
            if world.lose:
                world.lose -= 1
                return self.connection.close()
            return self.answer(200, agent)

        def log_call(self, body: Any) -> None:
            world.log.append((self.command, self.path, body))

        def answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
