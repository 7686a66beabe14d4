"""Fetch from the public internet, whatever an address, a redirect or a DNS answer leads to.

The repository may be a stranger's, and this machine may be inside a network that the stranger wants
to reach. So each host is resolved here, every address of it must be public, and the connection goes
to one of these addresses: another DNS answer a moment later changes nothing. That holds behind a
proxy too. Nothing secret is sent.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import httpx

from reconciler.core.address import is_public
from reconciler.core.pictures import Picture
from reconciler.net.client import Client, Reply, RequestError, certificates
from reconciler.net.proxies import HTTPS_PORT

MAX_REDIRECTS = 3
MAX_ATTEMPTS = 3
"""Addresses of one host to connect to, until one responds."""
REDIRECTS = (301, 302, 303, 307, 308)
BODY_TIMEOUT = 30.0
"""Seconds from the headers of a response to its end."""
HEADERS: Mapping[str, str] = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
"""Without compression, the server's length is that of the file."""


class FetchError(Exception):
    """What was wrong, as a message and a hint."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a host. Raises OSError, or UnicodeError for an impossible name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True)
class Internet:
    """The way to servers: how a host is resolved, and which addresses may be connected to. Tests
    replace both; nothing else does."""

    resolve: Callable[[str, int], Sequence[str]] = resolve
    allows: Callable[[str], bool] = is_public

    @cached_property
    def certificates(self) -> ssl.SSLContext:
        """The certificates to trust, loaded once. Raises ConfigError."""
        return certificates()

    def fetch(self, url: str, max_bytes: int) -> Picture:
        """Fetch a picture, of which at most `max_bytes` are read, through a few redirects. Raises
        FetchError; ConfigError if the environment's certificates are not usable."""
        for _ in range(MAX_REDIRECTS + 1):
            address = _parsed(url)
            reply = self._get(address, max_bytes)
            if reply.status not in REDIRECTS:
                return _picture(reply, address.host)
            try:
                url = str(address.join(reply.location))
            except httpx.InvalidURL:
                message = f"{address.host} redirects to an invalid address"
                raise FetchError(message, "write the address of the picture itself") from None
        raise FetchError(
            f"the address redirects more than {MAX_REDIRECTS} times",
            "write the address at which the redirects end",
        )

    def _get(self, url: httpx.URL, max_bytes: int) -> Reply:
        """Request an address from the first of its host's addresses that can be connected to."""
        failure = FetchError(f"{url.host} has no address", "check the host's name")
        for address in self._addresses(url)[:MAX_ATTEMPTS]:
            try:
                with Client(
                    str(url), url.host, address=address, trusted=self.certificates
                ) as client:
                    return client.send(
                        "GET",
                        str(url),
                        max_bytes=max_bytes,
                        headers=HEADERS,
                        partial=True,
                        timeout=BODY_TIMEOUT,
                    )
            except RequestError as error:
                hint = "check the address in a browser, without a login"
                failure = FetchError(str(error), hint)
                if error.sent or error.final:
                    break
        raise failure

    def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """The addresses of a host, all of them public. Raises FetchError."""
        host = url.raw_host.decode("ascii")
        try:
            addresses = list(dict.fromkeys(self.resolve(host, url.port or HTTPS_PORT)))
        except (OSError, UnicodeError):
            message = f"the host {url.host} cannot be found"
            raise FetchError(message, "check the host's name, and this network's DNS") from None
        for address in addresses:
            if not self.allows(address):
                where = "" if address == url.host else f" (its address is {address})"
                raise FetchError(
                    f"{url.host} is not on the public internet{where}",
                    "put the picture on a public website, where the portals can fetch it",
                )
        # Many machines and proxies have no IPv6.
        return sorted(addresses, key=lambda address: ":" in address)


def _parsed(url: str) -> httpx.URL:
    """An address with https and a host. Raises FetchError."""
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError):
        parsed, host = httpx.URL(), ""
    if parsed.scheme != "https" or not host or parsed.userinfo:
        raise FetchError(
            "the address, or what it redirects to, is not a plain address with https://",
            "write an address that begins with https:// and a host, without a password",
        )
    return parsed


def _picture(reply: Reply, host: str) -> Picture:
    if reply.status != httpx.codes.OK:
        raise FetchError(
            f"{host} returned {reply.status} instead of the picture",
            "check the address in a browser, without a login",
        )
    if reply.problem:
        raise FetchError(reply.problem, "check the server of the picture")
    length = reply.headers.get("content-length", "")
    size = max(len(reply.content), int(length) if length.isdecimal() else 0)
    return Picture(reply.headers.get("content-type", ""), reply.content, size)
