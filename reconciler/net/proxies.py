"""The proxy through which the environment says that a server is reached.

It is HTTPS_PROXY, else ALL_PROXY, unless NO_PROXY lists the server. A setting that cannot be used
is ignored, with a note that shows no part of it: other programs may understand it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.request import getproxies

import httpx

VARIABLES = {"https": "HTTPS_PROXY", "all": "ALL_PROXY"}
"""The variables that name a proxy for https, by their names in `getproxies`; the first one wins."""
MAX_PORT = 65535
HTTPS_PORT = 443
_WITH_PORT = re.compile(r"(?P<host>\[.*\]|[^:]*):(?P<port>\d+)")
_HOST = re.compile(r"[^\s*/:@\[\]]+")


class Route(NamedTuple):
    """The address of a proxy (None: connect directly), and what was ignored."""

    proxy: str | None
    notes: tuple[str, ...] = ()


def route(server: httpx.URL) -> Route:
    """How to reach a server with https."""
    settings = getproxies()
    notes = []
    for name, variable in VARIABLES.items():
        if not settings.get(name, "").strip():
            continue
        address = _address(settings[name])
        if not _is_usable(address):
            notes.append(f"{variable} is ignored: it is not the address of an HTTP proxy.")
            continue
        entries = settings.get("no", "").split(",")
        answers = [_covers(entry.strip(), server) for entry in entries if entry.strip()]
        if any(answers):
            return Route(None, tuple(notes))
        notes += [
            f"Entry {number} of NO_PROXY is ignored: it is not a host, an address or a range."
            for number, answer in enumerate(answers, 1)
            if answer is None
        ]
        return Route(address, tuple(notes))
    return Route(None, tuple(notes))


def addresses() -> Iterator[httpx.URL]:
    """The addresses of all proxies in the environment that can be parsed."""
    for value in getproxies().values():
        with suppress(ValueError, httpx.InvalidURL):
            yield httpx.URL(_address(value))


def _address(value: str) -> str:
    """The address in a variable, which may be without its scheme."""
    value = value.strip()
    return value if "://" in value else f"http://{value}"


def _is_usable(address: str) -> bool:
    """Whether the HTTP client can connect to a proxy at this address."""
    try:
        proxy = httpx.Proxy(address)
        proxy.url.raw_host.decode("ascii").encode("idna")  # as the socket module does
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without certificates, which are slow
        httpx.HTTPTransport(proxy=proxy, verify=context).close()
    except (ValueError, ImportError, OSError, httpx.InvalidURL):
        return False
    host = proxy.url.host
    valid = _HOST.fullmatch(host) or _ip_address(host)
    return bool(valid) and (proxy.url.port or 0) <= MAX_PORT


def _covers(entry: str, server: httpx.URL) -> bool | None:
    """Whether an entry of NO_PROXY covers a server; None if it cannot be parsed. It is `*`, or a
    host with its subdomains, an address or a range, with a port or without."""
    address = _ip_address(server.host)
    scheme, _, place = entry.casefold().rpartition("://")
    parts = _WITH_PORT.fullmatch(place)
    host, port = (parts["host"], int(parts["port"])) if parts else (place, None)
    if scheme not in ("", "all", server.scheme) or port not in (None, server.port or HTTPS_PORT):
        return False
    if host == "*":
        return True
    with suppress(ValueError):
        network = ip_network(host.strip("[]"), strict=False)
        return address is not None and address in network
    domain = host.removeprefix("*").strip(".")
    if not _HOST.fullmatch(domain):
        return None
    return address is None and _is_below(domain, server)


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_below(domain: str, server: httpx.URL) -> bool:
    names = (server.host.rstrip("."), server.raw_host.decode("ascii").rstrip("."))
    return any(name == domain or name.endswith(f".{domain}") for name in names)
