"""Servers on loopback that respond byte by byte, with or without TLS."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[bytes], Iterable[bytes]]


@dataclass
class Server:
    """A server: its port, the heads of its requests, and the number of connections."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    def header(self, name: str) -> list[str]:
        """The values of a header in all requests."""
        lines = [line.decode("latin-1") for head in self.heads for line in head.split(b"\r\n")]
        pairs = [line.partition(": ") for line in lines]
        return [value for key, _, value in pairs if key.lower() == name]


def ok(body: bytes = b'{"items": []}', *headers: str, status: str = "200 OK") -> bytes:
    """A complete response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@contextmanager
def serving(answer: Answer, certificate: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that responds to each request with the bytes that `answer` returns for its head."""
    server = Server()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            server.connections += 1
            with suppress(OSError):  # the client has disconnected
                if certificate is None:
                    respond(self.request)
                else:
                    with certificate.wrap_socket(self.request, server_side=True) as wire:
                        respond(wire)

    def respond(wire: socket.socket) -> None:
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                received = wire.recv(65536)
                if (
                    not received or not received.isascii()
                ):  # the end, or an unexpected TLS handshake
                    return
                buffer += received
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            server.heads.append(head)
            for part in answer(head):
                wire.sendall(part)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Log nothing: errors are expected."""

    with Listener(("127.0.0.1", 0), Handler) as listener:
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
