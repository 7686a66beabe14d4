"""Base addresses of APIs: which ones are safe to send a key to, and which ones are the same."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]\\:]+)(:[0-9]*)?")
"""A host and an optional port that every URL parser reads the same way."""
_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost` or a loopback address in its usual form."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


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
