"""Servers on loopback that answer byte by byte, with TLS or without."""

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
        return [value for found, _, value in pairs if found.lower() == name]


def ok(body: bytes = b'{"items": []}', *headers: str, status: str = "200 OK") -> bytes:
    """A complete response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@contextmanager
def serving(answer: Answer, certificate: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers each request with the bytes that `answer` returns for its head."""
    made = Server()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            made.connections += 1
            with suppress(OSError):  # whoever asked has gone
                if certificate is None:
                    talk(self.request)
                else:
                    with certificate.wrap_socket(self.request, server_side=True) as wire:
                        talk(wire)

    def talk(wire: socket.socket) -> None:
        left = b""
        while True:
            while b"\r\n\r\n" not in left:
                got = wire.recv(65536)
                if not got or not got.isascii():  # the end, or TLS where there is none
                    return
                left += got
            head, _, left = left.partition(b"\r\n\r\n")
            made.heads.append(head)
            for part in answer(head):
                wire.sendall(part)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Nothing: errors are expected."""

    with Listener(("127.0.0.1", 0), Handler) as listener:
        made.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown()
            thread.join()
