"""Keys are sent only to the portal's own address over a trusted connection, and the size of
responses is limited."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import socket
import ssl
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from agency import Agency

from reconciler.core.conversation import Conversation
from reconciler.core.model import Request, Response, Session
from reconciler.errors import ConfigError
from reconciler.github.api import GitHub, GitHubError
from reconciler.net import transport
from reconciler.net.transport import Clock, Transport

from .keys import KEYS, PF_SECRET, RENTIX, pieces
from .wires import Server, ok, serving

GET = Request("GET", "/users")
PUT = Request("PUT", "/users", {"id": 1})
COMMAND = Path(sys.executable).parent / "reconciler"
PASSWORD = "made-up-password-" * 2
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
HOST = "crm.example"
ANA = {"externalId": "a", "name": "Ana"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore this computer's settings, and do not wait between retries."""
    for name in (*PROXIES, *map(str.lower, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The addresses of all connections; every host name resolves to this computer."""
    addresses: list[tuple[str, int]] = []
    original = socket.create_connection

    def dial(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        addresses.append(address)
        return original(("127.0.0.1", address[1]), *rest, **more)

    monkeypatch.setattr(socket, "create_connection", dial)
    return addresses


def login() -> Conversation[Session | Response]:
    """A session with the key."""
    yield from ()
    return Session({"Authorization": f"ApiKey {RENTIX}"})


@contextmanager
def transport_to(url: str, clock: Clock | None = None) -> Iterator[Transport]:
    """A transport with the key."""
    with Transport(url, login, secrets=[RENTIX], clock=clock) as wire:
        yield wire


def response_from(url: str, request: Request = GET) -> Response:
    """The response to a request. Checks that it does not contain the key."""
    with transport_to(url) as wire:
        answer = wire.send(request)
    assert pieces(repr(answer)) == []
    return answer


# Addresses


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["same", "other", "file:///etc/passwd", "data:,x", "//x", ""])
def test_redirects_are_not_followed(status: int, where: str) -> None:
    """To the same host, another host or a file: the key goes nowhere else. A 303 may come after the
    effect, so a read is tried again, at the same address."""
    with serving(lambda _: [ok()]) as other, serving(lambda _: [answer]) as portal:
        target = {
            "same": f"http://127.0.0.1:{portal.port}/other",
            "other": f"http://localhost:{other.port}/?k={RENTIX}",
        }.get(where, where)
        answer = ok(b"", f"Location: {target}", status=f"{status} Moved")
        response = response_from(f"http://127.0.0.1:{portal.port}")
        assert "redirect" in str(response.error)
        assert (len(portal.heads), other.connections) == (
            transport.ATTEMPTS if status == 303 else 1,
            0,
        )
        assert {head.partition(b" HTTP")[0] for head in portal.heads} == {b"GET /users"}


PLAIN = (
    "http://crm.example",
    "HTTP://crm.example",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://evil.example/localhost",
    "http://localhost.",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:8.8.8.8]",
    "http://\u2460\u2461\u2466.0.0.1",
    "http://\uff4cocalhost",
    "http://localhost\u3002evil.example",
    "http://localhost%2eevil.example",
)
"""Addresses without TLS that are not, or not certainly, this computer's."""
AMBIGUOUS = (
    "http://127.0.0.1@evil.example",
    "http://localhost:80@evil.example",
    "http://ana:secret@localhost",
    "https://ana:secret@crm.example",
    "https://ana@crm.example",
    "http://localhost\\@evil.example",
    "http://localhost\\.evil.example",
    "http://[::1].evil.example",
    "http://[::1]evil.example",
    "http://evil.example[::1]",
    "http://localhost#@evil.example",
    "http://evil.example#@localhost",
    "http://evil.example?@localhost",
    "http:/\\evil.example",
    "//evil.example",
    "ftp://localhost",
    "file:///etc/passwd",
    "https://",
    "https://crm.example:port",
    "https://crm.example\nx",
    "evil.example",
    "http://127\u30020\u30020\u30021",
)
"""Addresses that parsers read differently, or that are invalid."""


@pytest.mark.parametrize("address", PLAIN + AMBIGUOUS, ids=ascii)
def test_unsafe_address_is_rejected(
    keyed: Agency, connections: list[tuple[str, int]], address: str
) -> None:
    """From the environment, from the configuration and by the transport itself; no connection
    is opened."""
    keyed.declare(ANA)
    keyed.environment["RENTIX_URL"] = address
    result = keyed.run("plan")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    keyed.environment["RENTIX_URL"] = ""
    keyed.use(rentix={"url": address})
    result = keyed.run("plan")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(("error: ", "reconciler.yaml:1:"))
    if address in PLAIN or "@" in address.partition("#")[0].partition("?")[0]:
        with suppress(ConfigError):
            assert response_from(address).status is None
    assert connections == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "127.9.9.9", "[::1]"])
def test_loopback_needs_no_tls(connections: list[tuple[str, int]], host: str) -> None:
    """By each of its names."""
    with serving(lambda _: [ok()]) as portal:
        assert response_from(f"http://{host}:{portal.port}").status == 200
        assert connections == [(host.strip("[]").lower(), portal.port)]
        assert portal.header("authorization") == [f"ApiKey {RENTIX}"]


def test_github_token_needs_tls() -> None:
    """An API address without TLS must be on this computer."""
    with pytest.raises(GitHubError, match="https"), GitHub("http://github.example", "a/b", "t", id):
        pass


# Proxies and cookies


@contextmanager
def proxied(monkeypatch: pytest.MonkeyPatch, *names: str, answer: bytes = b"") -> Iterator[Server]:
    """Set a proxy that rejects connections in these variables, with a user name and a password."""
    rejection = answer or ok(b"no", "Proxy-Authenticate: Basic", status="407 Authenticate")
    with serving(lambda _: [rejection]) as proxy:
        for name in names:
            monkeypatch.setenv(name, f"http://ana:{PASSWORD}@127.0.0.1:{proxy.port}")
        yield proxy


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("echo", [False, True])
def test_proxy_gets_its_password_but_not_the_key(
    monkeypatch: pytest.MonkeyPatch, connections: list[tuple[str, int]], name: str, echo: bool
) -> None:
    """It sees only a CONNECT to the portal. The error says what to check, without the password."""
    answer = ok(b"", status=f"407 {PASSWORD}") if echo else b""
    with proxied(monkeypatch, name, answer=answer) as proxy:
        response = response_from(f"https://{HOST}/api/v1")
        assert response.status is None
        assert "407" in str(response.error)
        assert "Check HTTPS_PROXY" in str(response.error)
        assert pieces(str(response.error), [PASSWORD]) == []
        assert {head.split(b"\r\n")[0] for head in proxy.heads} == {
            f"CONNECT {HOST}:443 HTTP/1.1".encode()
        }
        assert proxy.header("proxy-authorization")
        assert pieces(b"".join(proxy.heads)) == []
        assert {port for _, port in connections} == {proxy.port}


def test_no_proxy_is_respected(
    monkeypatch: pytest.MonkeyPatch, connections: list[tuple[str, int]]
) -> None:
    """Hosts in NO_PROXY are reached directly."""
    monkeypatch.setenv("NO_PROXY", HOST)
    with proxied(monkeypatch, "HTTPS_PROXY") as proxy:
        assert response_from(f"https://{HOST}:1").status is None
        assert proxy.connections == 0
        assert set(connections) == {(HOST, 1)}


def test_loopback_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with TLS."""
    with (
        proxied(monkeypatch, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") as proxy,
        serving(lambda _: [ok()]) as portal,
    ):
        assert response_from(f"http://localhost:{portal.port}").status == 200
        assert response_from(f"https://localhost:{portal.port}").status is None
        assert proxy.connections == 0


def test_proxy_password_is_in_no_output(
    keyed: Agency, monkeypatch: pytest.MonkeyPatch, connections: list[tuple[str, int]]
) -> None:
    """Whatever is wrong with its address or its response."""
    keyed.declare(ANA)
    keyed.environment["RENTIX_URL"] = f"https://{HOST}/api/v1"
    for address in (
        f"http://ana:{PASSWORD}@127.0.0.1:1",
        f"http://ana:{PASSWORD}@127.0.0.1:port",
        f"socks5://ana:{PASSWORD}@127.0.0.1:1",
        f"gopher://ana:{PASSWORD}@127.0.0.1:1",
        f"http://ana:{PASSWORD}@[127.0.0.1",
    ):
        monkeypatch.setenv("HTTPS_PROXY", address)
        result = keyed.run("-v", "plan")
        assert result.code == 1
        assert pieces(result.out + result.err, [PASSWORD, RENTIX]) == []
        assert "Traceback" not in result.err


def test_netrc_is_ignored(keyed: Agency, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An entry for the portal's host does not replace the key."""
    keyed.declare(ANA)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    (tmp_path / ".netrc").write_text(
        f"machine localhost login ana password {PASSWORD}\ndefault login ana password {PASSWORD}\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    with serving(lambda _: [ok()]) as portal:
        keyed.environment["RENTIX_URL"] = f"http://localhost:{portal.port}"
        assert keyed.run("plan").code == 0
        assert set(portal.header("authorization")) == {f"ApiKey {RENTIX}"}


def test_cookies_are_not_stored() -> None:
    """Neither session cookies nor others."""
    cookies = ("Set-Cookie: a=b; Path=/", "Set-Cookie: c=d; Domain=127.0.0.1; Max-Age=999")
    with serving(lambda _: [ok(b'{"items": []}', *cookies)]) as portal:
        with transport_to(f"http://127.0.0.1:{portal.port}") as wire:
            assert [wire.send(GET).status for _ in range(2)] == [200, 200]
        assert len(portal.heads) == 2
        assert portal.header("cookie") == []


# The size of responses


def chunked(part: bytes) -> bytes:
    """A chunk of a response."""
    return f"{len(part):x}\r\n".encode() + part + b"\r\n"


def endless(*headers: str, status: str = "200 OK") -> bytes:
    """The head of a response without a length."""
    lines = [f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *headers, "", ""]
    return "\r\n".join(lines).encode()


def compressed_spaces() -> Iterator[bytes]:
    """A million spaces, compressed a thousandfold, forever."""
    packer = zlib.compressobj(9)
    first = packer.compress(b" " * 10**6) + packer.flush(zlib.Z_FULL_FLUSH)
    raw = zlib.compressobj(9, wbits=-15)
    again = raw.compress(b" " * 10**6) + raw.flush(zlib.Z_FULL_FLUSH)
    yield first
    while True:
        yield again


def bomb(_: bytes) -> Iterator[bytes]:
    """An endless compressed response."""
    yield endless("Content-Encoding: deflate")
    for part in compressed_spaces():
        yield chunked(part)


def flood(_: bytes) -> Iterator[bytes]:
    """An endless response."""
    yield endless()
    while True:
        yield chunked(b" " * 10**6)


def matryoshka(_: bytes) -> Iterator[bytes]:
    """A response that is compressed twice."""
    yield ok(gzip.compress(gzip.compress(b"{}")), "Content-Encoding: gzip, gzip")


LIMITS = {
    "a bomb": (bomb, "larger than 4 MB"),
    "a flood": (flood, "larger than 4 MB"),
    "packed twice": (matryoshka, "not requested"),
}


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
@pytest.mark.parametrize("name", LIMITS)
def test_size_of_a_response_is_limited(
    monkeypatch: pytest.MonkeyPatch, name: str, request_: Request
) -> None:
    """The rest is not read, nothing is retried, and a write is uncertain."""
    monkeypatch.setattr(transport, "MAX_BYTES", 4_000_000)
    answer, message = LIMITS[name]
    with serving(answer) as portal:
        response = response_from(f"http://127.0.0.1:{portal.port}", request_)
        assert (response.status, response.body, response.uncertain) == (None, None, request_.writes)
        assert message in str(response.error)
        assert len(portal.heads) == 1


def test_rejection_with_an_endless_body() -> None:
    """The status is known, so the outcome is certain. With the real limit."""

    def refuse(_: bytes) -> Iterator[bytes]:
        yield endless(status="403 Forbidden")
        while True:
            yield chunked(b" " * 10**6)

    with serving(refuse) as portal:
        response = response_from(f"http://127.0.0.1:{portal.port}", PUT)
        assert (response.status, response.uncertain) == (403, False)
        assert "larger than 64 MB" in str(response.error)


def test_compressed_response() -> None:
    """Compression is requested, since lists can be long."""
    body = gzip.compress(b'{"items": [' + b" " * 10**6 + b"]}")
    with serving(lambda _: [ok(body, "Content-Encoding: gzip")]) as portal:
        assert response_from(f"http://127.0.0.1:{portal.port}").body == {"items": []}


def test_slow_response_times_out() -> None:
    """Each byte is in time, but the whole response is not."""
    now = [0.0]

    def drip(_: bytes) -> Iterator[bytes]:
        yield endless()
        while True:
            now[0] += 10
            yield chunked(b" ")

    with serving(drip) as portal:
        with transport_to(f"http://127.0.0.1:{portal.port}", Clock(lambda: now[0])) as wire:
            response = wire.send(GET)
        assert "did not end within 120 seconds" in str(response.error)
        assert len(portal.heads) == 1


def test_size_of_headers_is_limited() -> None:
    """Endless headers are not a response."""

    def head(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X-More: " + b"x" * 10_000 + b"\r\n"

    with serving(head) as portal:
        response = response_from(f"http://127.0.0.1:{portal.port}", PUT)
        assert (response.status, response.uncertain) == (None, True)


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 200 {RENTIX}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"HTTP/1.1 200 OK\r\nApiKey {RENTIX}\r\n\r\n",
        f"ApiKey {RENTIX}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Length: {RENTIX}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {RENTIX}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {RENTIX}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"HTTP/1.1 200 OK\r\nContent-Type: x; charset={RENTIX}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"HTTP/1.1 301 Moved\r\nLocation: http://[{RENTIX}\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 429 X\r\nRetry-After: {RENTIX}\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_key_in_a_malformed_response_is_redacted(answer: str) -> None:
    """In the status line, in headers, in invalid HTTP."""
    with serving(lambda _: [answer.encode()]) as portal:
        response_from(f"http://127.0.0.1:{portal.port}", PUT)
        assert portal.heads


# Certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names the authority."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def context_for(authority: trustme.CA, *names: str, **more: Any) -> ssl.SSLContext:
    """A server's TLS context with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **more).configure_cert(context)
    return context


@pytest.mark.usefixtures("trusted", "connections")
@pytest.mark.parametrize("host", ["localhost", HOST])
def test_ssl_cert_file_is_used(authority: trustme.CA, host: str) -> None:
    """On this computer and elsewhere."""
    with serving(lambda _: [ok()], context_for(authority, host)) as portal:
        assert response_from(f"https://{host}:{portal.port}").status == 200
        assert portal.header("authorization") == [f"ApiKey {RENTIX}"]


PAST = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "another name": ("other.example", {}, "not valid for"),
    "expired": (
        "",
        {"not_before": PAST - dt.timedelta(1), "not_after": PAST},
        "has expired",
    ),
}


@pytest.mark.usefixtures("trusted", "connections")
@pytest.mark.parametrize("host", ["localhost", HOST])
@pytest.mark.parametrize("name", WRONG)
def test_invalid_certificate(authority: trustme.CA, host: str, name: str) -> None:
    """One attempt, nothing is sent, and the error explains the problem and the fix."""
    names, more, message = WRONG[name]
    with serving(lambda _: [ok()], context_for(authority, names or host, **more)) as portal:
        response = response_from(f"https://{host}:{portal.port}", PUT)
        assert (response.status, response.uncertain) == (None, False)
        for each in (message, host, "nothing was sent", "SSL_CERT_FILE"):
            assert each in str(response.error)
        assert (portal.connections, portal.heads) == (1, [])


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize("host", ["localhost", HOST])
def test_unknown_authority_is_not_trusted(authority: trustme.CA, host: str) -> None:
    """Not even on this computer."""
    with serving(lambda _: [ok()], context_for(authority, host)) as portal:
        response = response_from(f"https://{host}:{portal.port}")
        assert "is not trusted (unable to get local issuer certificate)" in str(response.error)
        assert (portal.connections, portal.heads) == (1, [])


def test_server_without_tls() -> None:
    """It gets no request if the address is https."""
    with serving(lambda _: [ok()]) as portal:
        response = response_from(f"https://localhost:{portal.port}")
        assert "could not connect to localhost" in str(response.error)
        assert portal.heads == []


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("host", ["localhost", HOST])
def test_invalid_ssl_cert_file(
    keyed: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, host: str
) -> None:
    """A missing file, or one without certificates."""
    if content is not None:
        (tmp_path / "x.pem").write_text(content)
    keyed.declare(ANA)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "x.pem"))
    keyed.environment["RENTIX_URL"] = f"https://{host}:1"
    result = keyed.run("plan")
    assert result.code == 1
    assert "SSL_CERT_FILE" in result.err


@pytest.mark.parametrize("name", [True, False], ids=["trusted", "not trusted"])
def test_command_over_tls(keyed: Agency, authority: trustme.CA, tmp_path: Path, name: bool) -> None:
    """With the authority it plans; without it the error is one line."""
    keyed.declare(ANA)
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    with serving(lambda _: [ok()], context_for(authority, "localhost")) as portal:
        environment = {
            **os.environ,
            **KEYS,
            "RENTIX_URL": f"https://localhost:{portal.port}",
            **({"SSL_CERT_FILE": str(path)} if name else {}),
        }
        done = subprocess.run(
            [COMMAND, "-C", keyed.root, "plan"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (0 if name else 1)
        assert bool(portal.heads) is name
    if not name:
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert "is not trusted" in line
    assert pieces(done.stdout + done.stderr, [RENTIX, PF_SECRET]) == []
