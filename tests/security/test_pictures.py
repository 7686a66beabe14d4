"""`validate --pictures` connects to public addresses only, whatever a file, a redirect or a DNS
answer says, and checks what it gets."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from agency import Agency, Result

from reconciler.core.address import is_public
from reconciler.engine import pictures
from reconciler.net import public
from reconciler.net.public import FetchError, Internet

from .wires import Server, ok, serving

HOST, OTHER = "photos.example", "cdn.example"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
PNG = b"\x89PNG\r\n\x1a\n".ljust(6000, b"\0")
Reply = bytes | Iterable[bytes]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture(autouse=True)
def _environment(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy, and only the authority is trusted."""
    for name in (*PROXIES, *map(str.lower, PROXIES), "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of all connections. None may leave this computer."""
    addresses: list[str] = []
    original = socket.create_connection

    def dial(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        addresses.append(address[0])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError(111, "Connection refused")
        return original(address, *rest, **more)

    monkeypatch.setattr(socket, "create_connection", dial)
    return addresses


class Names(dict[str, Sequence[str]]):
    """A DNS: the addresses of hosts, and the hosts that were asked for."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        super().__init__(names)
        self.asked: list[str] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host. Raises OSError for an unknown one."""
        assert port
        self.asked.append(host)
        if host not in self:
            raise socket.gaierror(-2, "Name or service not known")
        return self[host]


def internet(**names: Sequence[str]) -> tuple[Internet, Names]:
    """An internet in which 127.0.0.1 is public, and so are these names, with . as _."""
    dns = Names({HOST: ["127.0.0.1"], OTHER: ["127.0.0.1"]})
    dns |= {name.replace("_", "."): addresses for name, addresses in names.items()}
    return Internet(dns.resolve, lambda each: each == "127.0.0.1" or is_public(each)), dns


@contextmanager
def site(
    authority: trustme.CA, answer: Callable[[str], Reply], *names: str
) -> Iterator[tuple[Server, str]]:
    """A website with TLS that answers a path, and its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or (HOST, OTHER))).configure_cert(context)
    seen: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)

    def respond(head: bytes) -> Iterable[bytes]:
        reply = answer(head.split(b" ")[1].decode())
        return [reply] if isinstance(reply, bytes) else reply

    with serving(respond, context) as server:
        server.names = seen  # type: ignore[attr-defined]
        yield server, f"https://{HOST}:{server.port}"


def redirect(location: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return ok(b"", f"Location: {location}", status=status)


def image(content: bytes = PNG, content_type: str = "image/png") -> bytes:
    """A picture."""
    return ok(content, f"Content-Type: {content_type}")


def test_a_picture_is_fetched_from_the_checked_address(
    authority: trustme.CA, connections: list[str]
) -> None:
    """One DNS answer, one connection to the address in it; the server sees the host's name."""
    net, dns = internet()
    with site(authority, lambda _: image()) as (server, url):
        picture = net.fetch(f"{url}/a.png?x=1", 10**6)
        assert picture.content == PNG
        assert picture.content_type == "image/png"
        assert picture.size == len(PNG)
        assert server.header("host") == [f"{HOST}:{server.port}"]
        assert server.names == [HOST]  # type: ignore[attr-defined]
        assert server.heads[0].startswith(b"GET /a.png?x=1 HTTP/1.1")
        assert server.header("authorization") == server.header("cookie") == []
    assert dns.asked == [HOST]
    assert connections == ["127.0.0.1"]


def test_a_dns_answer_that_changes_does_not_matter(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    """The name is resolved once, before the check, and never by the connection."""
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *each, **_: asked.append(each) or [])
    monkeypatch.setattr(socket, "create_connection", direct(connections))
    net, _ = internet()
    with site(authority, lambda _: image()) as (_, url):
        assert net.fetch(f"{url}/a.png", 10**6).content == PNG
    assert asked == []


def direct(connections: list[str]) -> Callable[..., socket.socket]:
    """A replacement of `create_connection` that resolves nothing."""

    def dial(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        connections.append(address[0])
        wire = socket.socket()
        wire.connect(address)
        return wire

    return dial


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.2"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
        ["8.8.8.8", "1.1.1.1", "224.0.0.1"],
    ],
)
def test_a_host_with_any_other_address_is_refused(
    addresses: list[str], connections: list[str]
) -> None:
    """All of its addresses are checked before there is a connection to one."""
    net, _ = internet(mixed_example=addresses)
    with pytest.raises(FetchError, match="not on the public internet") as caught:
        net.fetch("https://mixed.example/a.png", 100)
    assert "mixed.example" in str(caught.value)
    assert connections == []


@pytest.mark.parametrize(
    "place", ["10.0.0.1", "127.0.0.2", "[::1]", "[::ffff:7f00:1]", "inside.example"]
)
@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_a_redirect_to_another_address_is_refused(
    authority: trustme.CA, connections: list[str], place: str, status: str
) -> None:
    """The target of each redirect is checked like the address in the file."""
    net, dns = internet(inside_example=["192.168.0.1"])
    literal = place.strip("[]")
    if place != "inside.example":
        dns[literal] = [literal]
    with (
        site(authority, lambda _: redirect(f"https://{place}/secret", status)) as (_, url),
        pytest.raises(FetchError, match="not on the public internet"),
    ):
        net.fetch(f"{url}/a.png", 100)
    assert connections == ["127.0.0.1"]


@pytest.mark.parametrize(
    "location",
    [
        "http://photos.example/a.png",
        "ftp://photos.example/a.png",
        "file:///etc/passwd",
        "//user:word@photos.example/a.png",
        "https://[::1",
        "https://xn--a/",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_redirect_to_no_plain_https_address_is_refused(
    authority: trustme.CA, connections: list[str], location: str
) -> None:
    """Nothing but https, no password, no other scheme."""
    net, _ = internet()
    with site(authority, lambda _: redirect(location)) as (_, url), pytest.raises(FetchError):
        net.fetch(f"{url}/a.png", 100)
    assert connections == ["127.0.0.1"]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_redirects_are_followed_to_a_limit(authority: trustme.CA, count: int) -> None:
    """Three, to another host and by relative addresses."""
    net, dns = internet()

    def answer(path: str) -> bytes:
        left = int(path.rpartition("/")[2])
        if left == 0:
            return image()
        return redirect(f"/{left - 1}" if left % 2 else f"https://{OTHER}:{port}/{left - 1}")

    with site(authority, answer) as (server, url):
        port = server.port
        if count <= 3:
            assert net.fetch(f"{url}/{count}", 10**6).content == PNG
        else:
            with pytest.raises(FetchError, match="redirects more than 3 times"):
                net.fetch(f"{url}/{count}", 10**6)
        assert len(server.heads) == min(count, 3) + 1
    assert (OTHER in dns.asked) is (count > 1)


def test_a_certificate_for_another_name(authority: trustme.CA) -> None:
    """The certificate must be the host's, not that of its address."""
    net, _ = internet()
    with (
        site(authority, lambda _: image(), "127.0.0.1", "other.example") as (server, url),
        pytest.raises(FetchError, match=f"certificate of {HOST} is not trusted"),
    ):
        net.fetch(f"{url}/a.png", 100)
    assert server.heads == []


def test_the_next_address_if_the_first_does_not_answer(
    authority: trustme.CA, connections: list[str]
) -> None:
    """IPv4 first: many machines have no IPv6."""
    net, dns = internet()
    dns[HOST] = ["2606:4700::1", "8.8.8.8", "127.0.0.1"]
    with site(authority, lambda _: image()) as (_, url):
        assert net.fetch(f"{url}/a.png", 10**6).content == PNG
    assert connections == ["8.8.8.8", "127.0.0.1"]


def test_a_host_with_many_dead_addresses(connections: list[str]) -> None:
    """Not all are tried."""
    net, _ = internet(dead_example=[f"8.8.8.{n}" for n in range(50)])
    with pytest.raises(FetchError, match="could not connect to dead"):
        net.fetch("https://dead.example/a.png", 100)
    assert len(connections) == public.MAX_ATTEMPTS


def test_a_large_file_is_not_read_to_its_end(authority: trustme.CA) -> None:
    """Only what the check needs; the size is the one that the server gives."""
    net, _ = internet()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {10**12}\r\n\r\n"
    with site(authority, lambda _: [head.encode(), PNG, *[bytes(10**5)] * 100]) as (_, url):
        picture = net.fetch(f"{url}/a.png", 10**4)
    assert len(picture.content) == 10**4
    assert picture.size == 10**12


def test_a_file_that_never_ends(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is limited too."""
    monkeypatch.setattr(public, "BODY_TIMEOUT", -1.0)
    net, _ = internet()
    with (
        site(authority, lambda _: image()) as (_, url),
        pytest.raises(FetchError, match="did not end within"),
    ):
        net.fetch(f"{url}/a.png", 10**6)


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (ok(b"", status="404 Not Found"), "returned 404"),
        (ok(b"x", status="403 Forbidden"), "returned 403"),
        (ok(b"", status="302 Found"), "more than 3 times"),
        (b"garbage\r\n\r\n", "connection was lost"),
        (ok(PNG, "Content-Encoding: br"), "content encoding"),
    ],
)
def test_a_server_without_the_picture(authority: trustme.CA, reply: bytes, part: str) -> None:
    """Whatever it answers instead is a fault with a hint."""
    net, _ = internet()
    with site(authority, lambda _: reply) as (_, url), pytest.raises(FetchError) as caught:
        net.fetch(f"{url}/a.png", 10**6)
    assert part in caught.value.message
    assert caught.value.hint


@contextmanager
def tunnel(heads: list[bytes]) -> Iterator[int]:
    """A proxy that opens tunnels, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pipe(client: socket.socket) -> None:
        with client:
            head = client.recv(65536)
            heads.append(head)
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            with socket.socket() as server:
                server.connect((host, int(port)))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    for ready in select.select([client, server], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        (server if ready is client else client).sendall(data)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=pipe, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_a_proxy_is_asked_for_the_checked_address(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    """It cannot resolve the name to anything else; the server still sees the host's name."""
    net, dns = internet()
    heads: list[bytes] = []
    with tunnel(heads) as port, site(authority, lambda _: image()) as (server, url):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert net.fetch(f"{url}/a.png", 10**6).content == PNG
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
        assert server.header("host") == [f"{HOST}:{server.port}"]
        assert server.names == [HOST]  # type: ignore[attr-defined]
        dns["inside.example"] = ["10.0.0.1"]
        with pytest.raises(FetchError, match="not on the public internet"):
            net.fetch("https://inside.example/a.png", 100)
        monkeypatch.setenv("NO_PROXY", HOST)
        assert net.fetch(f"{url}/a.png", 10**6).content == PNG
    assert len(heads) == 1


# The command


@pytest.fixture
def checked(keyed: Agency, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that declares agents and runs `validate --pictures`."""
    monkeypatch.setattr(pictures, "INTERNET", internet()[0])

    def run(*agents: Mapping[str, Any]) -> Result:
        keyed.declare(*agents)
        return keyed.run("validate", "--pictures")

    return run


def pf(url: str | None = None, name: str = "a") -> dict[str, Any]:
    """A section for Property Finder."""
    return {"email": f"{name}@b.example"} | ({"avatar": {"url": url}} if url else {})


def test_all_problems_are_reported_at_once(
    checked: Callable[..., Result], authority: trustme.CA
) -> None:
    """Each with its place and a fix, by what each portal accepts."""
    replies = {
        "/good.png": image(),
        "/small.png": image(PNG[:100]),
        "/gif": image(b"GIF89a" + bytes(6000), "image/gif"),
        "/page": image(b"<html>" + bytes(6000), "text/html"),
        "/cmyk": image(b"\xff\xd8\xff\xc0\0\x11\x08\0\1\0\1\4".ljust(6000, b"\0"), "image/jpeg"),
        "/text": image(content_type="text/plain"),
    }
    with site(authority, lambda path: replies.get(path, ok(b"", status="404 No"))) as (server, url):
        done = checked(
            {"externalId": "a", "avatar": {"url": f"{url}/good.png"}, "propertyfinder": pf()},
            {"externalId": "b", "avatar": {"url": f"{url}/small.png"}},
            {"externalId": "c", "avatar": {"url": f"{url}/gif"}, "propertyfinder": pf(None, "c")},
            {"externalId": "d", "avatar": {"url": f"{url}/gif"}},
            {"externalId": "e", "propertyfinder": pf(f"{url}/small.png", "e")},
            {"externalId": "f", "avatar": {"url": f"{url}/page"}},
            {"externalId": "g", "propertyfinder": pf(f"{url}/cmyk", "g")},
            {"externalId": "h", "avatar": {"url": f"{url}/text"}},
            {"externalId": "i", "avatar": {"url": f"{url}/gone"}},
            {"externalId": "j", "avatar": {"url": "https://nowhere.example/x"}},
            {"externalId": "k", "avatar": {"id": 5}, "propertyfinder": pf(f"{url}/good.png", "k")},
            {"externalId": "l", "avatar": None},
        )
        assert len(server.heads) == 7  # each picture once
    assert done.code == 1
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if line.startswith("agents/")]
    expected = {
        5: "GIF",
        9: "100 bytes",
        11: "web page",
        13: "CMYK",
        15: "text/plain",
        17: "404",
        19: "nowhere.example",
    }
    assert [int(line.split(":")[1]) for line in lines] == list(expected)
    for line, part in zip(lines, expected.values(), strict=True):
        column = int(line.split(":")[2])
        assert column > 1
        assert part in line
    assert "7 problems in 1 file" in done.err
    assert "Traceback" not in done.err


def test_valid_pictures_are_counted(checked: Callable[..., Result], authority: trustme.CA) -> None:
    """And fetched once, whoever names them."""
    with site(authority, lambda _: image()) as (server, url):
        avatar = {"url": f"{url}/a.png"}
        done = checked(
            {"externalId": "a", "avatar": avatar, "propertyfinder": pf(avatar["url"])},
            {"externalId": "b", "avatar": avatar, "rentix": False},
        )
        assert len(server.heads) == 1
    assert done.code == 0, done.err
    assert "1 picture." in done.out


def test_one_cause_for_many_agents(checked: Callable[..., Result]) -> None:
    """It is explained once, with every place."""
    agents = [
        {"externalId": f"a{n}", "avatar": {"url": "https://nowhere.example/x"}} for n in range(5)
    ]
    done = checked(*agents)
    assert done.code == 1
    assert done.err.count("nowhere.example cannot be found") == 1
    for line in (1, 3, 5, 7, 9):
        assert f"agents/agents.yaml:{line}:" in done.err


def test_a_server_that_never_finishes(
    checked: Callable[..., Result], authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it sends meanwhile: the time for a picture is limited as a whole."""
    monkeypatch.setattr(pictures, "SECONDS", 0.2)
    done = threading.Event()

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Slow: "
        done.wait(60)
        yield b"x"

    with site(authority, lambda _: drip()) as (_, url):
        result = checked({"externalId": "a", "avatar": {"url": f"{url}/a.png"}})
        done.set()
    assert result.code == 1
    assert "did not arrive within 0.2 seconds" in result.err


def test_without_the_option_nothing_is_fetched(
    keyed: Agency, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    """`validate` alone does not use the network."""
    net, dns = internet()
    monkeypatch.setattr(pictures, "INTERNET", net)
    keyed.declare({"externalId": "a", "avatar": {"url": "https://photos.example/a.png"}})
    assert keyed.run("validate").code == 0
    assert (dns.asked, connections) == ([], [])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0"]
)
def test_this_computer_by_any_name(keyed: Agency, connections: list[str], host: str) -> None:
    """With the real DNS and the real policy: there is no connection."""
    with serving(lambda _: [ok()]) as server:
        keyed.declare({"externalId": "a", "avatar": {"url": f"https://{host}:{server.port}/a"}})
        done = keyed.run("validate", "--pictures")
        assert server.connections == 0
    assert done.code == 1
    assert "not on the public internet" in done.err
    assert connections == []


def test_broken_files_are_reported_first(
    keyed: Agency, monkeypatch: pytest.MonkeyPatch, connections: list[str]
) -> None:
    """And no picture is fetched."""
    net, dns = internet()
    monkeypatch.setattr(pictures, "INTERNET", net)
    keyed.declare({"externalId": "a", "nmae": "x", "avatar": {"url": f"https://{HOST}/x"}})
    done = keyed.run("validate", "--pictures")
    assert done.code == 1
    assert "nmae" in done.err
    assert (dns.asked, connections) == ([], [])
