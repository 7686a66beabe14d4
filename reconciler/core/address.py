"""Base addresses of APIs: which ones are safe to send a key to, and which ones are the same."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]\\:]+)(:[0-9]*)?")
"""A host and an optional port that every URL parser reads the same way."""
_DEFAULT_PORTS = {"https": 443, "http": 80}
_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")
"""The IPv6 addresses that a server on the internet can have."""
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")))
"""Addresses for special purposes that `ipaddress` takes for global ones in some versions."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost` or a loopback address in its usual form."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether an IP address is that of a server on the internet: not of this machine, a private
    network or a special purpose, and not an IPv6 form of such an IPv4 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = _inner(parsed)
        if inner is not None:
            return _is_public(inner)
        if parsed not in _UNICAST:
            return False
    return _is_public(parsed)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to; None for all others."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_private
    return address.is_global and not special and not any(address in each for each in _SPECIAL)


def check_url(url: str) -> str | None:
    """What is wrong with a base address, or None. The message does not repeat the address, which
    may hold a password.

    The key goes there with every request, so http:// is for this machine only, and a base address
    has no user name, query or fragment.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a valid URL"
    usual = _HOST.fullmatch(parts.netloc.rpartition("@")[2]) and not re.search(r"\s", url)
    if parts.scheme not in ("https", "http") or not host or not usual:
        return "the address must start with https:// and a host name"
    if "@" in parts.netloc:
        return "the address must not contain a user name or a password"
    if "?" in url or "#" in url:
        return "the address must not contain ? or #"
    if parts.scheme == "http" and not is_loopback(host):
        return "the address must start with https:// (http:// is only for this machine)"
    return None


def canonical(url: str) -> str:
    """The canonical form of a base address: scheme and host in lower case, no default port, no
    slash at the end. Text that is not a URL is returned unchanged."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return url
    if not host:
        return url
    host = f"[{host}]" if ":" in host else host
    end = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{end}{parts.path.rstrip('/')}"


def origin(url: str) -> str:
    """Who receives what is sent to a base address, whatever its path: the scheme, host and port in
    canonical form."""
    parts = urlsplit(canonical(url))
    return f"{parts.scheme}://{parts.netloc}"
