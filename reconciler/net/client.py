"""The HTTP client for portals, GitHub and pictures: TLS, no redirects, no cookies, bounded
responses.

Plain HTTP goes to loopback only, and no proxy is used there. A body is read up to a size and a
time, and decompressed only as requested. Every failure is a `RequestError`; httpx's own
exceptions do not leave this module.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Self, cast

import httpx

from reconciler import __version__
from reconciler.core.address import is_loopback
from reconciler.errors import ConfigError
from reconciler.net import proxies
from reconciler.net.redaction import FRAGMENT

TIMEOUT = httpx.Timeout(30, connect=10)
BODY_TIMEOUT = 120.0
"""Seconds from the headers of a response to its end."""
ENCODINGS = ("", "identity", "gzip", "deflate")
"""Content encodings that are decoded: a single one that decompresses incrementally. Compressed
twice, a thousand bytes can become a thousand million."""
MAX_CAUSES = 10
"""Chained exceptions to search for the cause."""


class RequestError(Exception):
    """No usable response; the message says why and may contain secrets: redact it.

    `sent`: the request may have arrived. `final`: a retry would fail in the same way.
    """

    def __init__(self, message: str, *, sent: bool, final: bool = False) -> None:
        self.sent = sent
        self.final = final
        super().__init__(message)


class AddressError(ConfigError):
    """The server's address cannot be used."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `location` is a redirect's target. If the body was not read to its end,
    `problem` says why, and `content` is empty."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    location: str
    problem: str


class Client:
    """A client for one server; use as a context manager."""

    def __init__(
        self,
        url: str,
        server: str,
        wire: httpx.BaseTransport | None = None,
        *,
        address: str = "",
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        """`url` is the base address, `server` its name in messages; `wire` replaces the network.
        With an IP `address`, the host is not resolved: connections go there, and the certificate
        must be the host's. `trusted` are certificates that were loaded already. Raises AddressError
        if the base address is not safe, and ConfigError if the environment's certificates are not
        usable."""
        self._server = server
        try:
            parsed = httpx.URL(url)  # as it will be when a request is sent
            self._host = parsed.host
            name = parsed.raw_host.decode("ascii")
            name.encode("idna")  # as the socket module does
        except (httpx.InvalidURL, UnicodeError):
            raise AddressError(f"The address of {server} is not a valid URL.") from None
        plain = parsed.scheme != "https"
        loopback = is_loopback(self._host)
        if parsed.userinfo:  # it would be sent instead of the key
            raise AddressError(f"The address of {self._host} must not contain a user name.")
        if plain and not loopback:
            raise AddressError(
                f"The address of {self._host} must start with https://, since every request "
                f"carries a key."
            )
        # A proxy would see in plain text what is sent to loopback.
        direct = loopback or wire is not None
        self._route = proxies.Route(None) if direct else proxies.route(parsed)
        self._address = address
        tls = trusted or (_no_certificates() if plain else certificates())
        if address:
            tls = cast("ssl.SSLContext", _NamedTLS(tls, name))
        self._client = _httpx_client(tls, proxy=self._route.proxy, wire=wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """Which settings of the environment are ignored."""
        return self._route.notes

    def send(
        self,
        method: str,
        url: str,
        *,
        max_bytes: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        now: Callable[[], float] = time.monotonic,
        partial: bool = False,
        timeout: float = BODY_TIMEOUT,
    ) -> Reply:
        """Send one request to a full address and read at most `max_bytes` of the response's body,
        decompressed, for at most `timeout` seconds. A larger body is a problem, unless `partial`.
        `now` is a clock in seconds. Raises RequestError."""
        try:
            target, host = self._target(url)
            with self._client.stream(
                method, target, content=content, headers={**host, **(headers or {})}, params=query
            ) as response:
                body, problem = self._body(response, max_bytes, timeout, now, partial=partial)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._connect_error(error) from None
        except httpx.ProxyError as error:
            raise RequestError(
                f"the proxy rejected the request ({_reason(error)}). Check HTTPS_PROXY and "
                f"ALL_PROXY, and the name and password in them.",
                sent=True,
            ) from None
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            httpx.CookieConflict,
        ) as error:
            raise RequestError(
                f"the connection was lost before the response ({_reason(error)})", sent=True
            ) from None
        location = str(response.extensions.get("location", ""))
        return Reply(response.status_code, response.headers, body, location, problem)

    def _target(self, url: str) -> tuple[httpx.URL, Mapping[str, str]]:
        """The URL to request, and the header that names the host if the URL does not."""
        target = httpx.URL(url)
        if not self._address:
            return target, {}
        host = target.netloc.decode("ascii")
        return target.copy_with(host=self._address), {"Host": host}

    def _body(
        self,
        response: httpx.Response,
        max_bytes: int,
        timeout: float,
        now: Callable[[], float],
        *,
        partial: bool,
    ) -> tuple[bytes, str]:
        """The body, or its beginning if `partial`; or why it was not read to its end."""
        if response.headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
            return b"", f"{self._server} used a content encoding that was not requested"
        content, start = bytearray(), now()
        for part in response.iter_bytes():
            content += part
            if len(content) > max_bytes and partial:
                return bytes(content[:max_bytes]), ""
            if len(content) > max_bytes:
                return b"", f"the response of {self._server} is larger than {_megabytes(max_bytes)}"
            if now() - start > timeout:
                return (
                    b"",
                    f"the response of {self._server} did not end within {timeout:g} seconds",
                )
        return bytes(content), ""

    def _connect_error(self, error: Exception) -> RequestError:
        problem = _certificate_problem(error)
        if not problem:
            reason = ". ".join((_reason(error), *self._route.notes)).removesuffix(".")
            return RequestError(f"could not connect to {self._host} ({reason})", sent=False)
        return RequestError(
            f"the certificate of {self._host} is not trusted ({problem}), so nothing was sent. "
            f"Check the address and this computer's clock. If your network uses its own "
            f"certificates, set SSL_CERT_FILE to the file with them.",
            sent=False,
            final=True,
        )


def proxy_passwords() -> Iterator[str]:
    """The passwords in the proxy addresses of the environment, except short ones, which may be
    ordinary words."""
    for address in proxies.addresses():
        if len(address.password) >= FRAGMENT:
            yield address.password


class _NamedTLS:
    """TLS for the host of this name, at whatever address the connection is."""

    def __init__(self, tls: ssl.SSLContext, name: str) -> None:
        self._tls = tls
        self._name = name

    def set_alpn_protocols(self, protocols: Iterable[str]) -> None:
        """Offer these protocols."""
        self._tls.set_alpn_protocols(protocols)

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:  # noqa: ARG002
        """Start TLS on a connection to the host or through a proxy."""
        return self._tls.wrap_socket(sock, server_hostname=self._name)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_hostname: str,  # noqa: ARG002
    ) -> ssl.SSLObject:
        """Start TLS in the TLS of a proxy."""
        return self._tls.wrap_bio(incoming, outgoing, server_hostname=self._name)


def _httpx_client(
    tls: ssl.SSLContext, *, proxy: str | None, wire: httpx.BaseTransport | None
) -> httpx.Client:
    """Httpx's client without redirects and cookies."""
    client = httpx.Client(
        headers={"User-Agent": f"agent-reconciler/{__version__}"},
        timeout=TIMEOUT,
        follow_redirects=False,
        event_hooks={"response": [_set_location_aside]},
        transport=wire,
        trust_env=False,  # httpx fails on settings that `proxies` ignores
        proxy=proxy,
        verify=tls,
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client


def certificates() -> ssl.SSLContext:
    """The certificates to trust: those that the environment names, else the default ones. Raises
    ConfigError."""
    try:
        return httpx.create_ssl_context()
    except (ValueError, OSError):
        raise ConfigError(
            "Could not use the certificates from the environment. Check SSL_CERT_FILE and "
            "SSL_CERT_DIR."
        ) from None


def _no_certificates() -> ssl.SSLContext:
    """For plain HTTP; loading certificates takes 30 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _set_location_aside(response: httpx.Response) -> None:
    """Take a redirect's target away from httpx, which would raise for one that it cannot parse."""
    response.extensions["location"] = response.headers.pop("location", "")


def _certificate_problem(error: BaseException | None) -> str:
    """What is wrong with the server's certificate if that caused the error, else ""."""
    for _ in range(MAX_CAUSES):  # an exception that was raised twice can be its own cause
        if isinstance(error, ssl.SSLCertVerificationError):
            return (error.verify_message or "it cannot be verified").rstrip(".")
        error = error and (error.__cause__ or error.__context__)
    return ""


def _reason(error: Exception) -> str:
    """The exception's message; its class if httpx gives none."""
    return str(error) or type(error).__name__


def _megabytes(size: int) -> str:
    return f"{size // 10**6} MB"
