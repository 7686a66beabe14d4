"""GitHub's API: bounded retries, pagination, and no token in any message.

Facts: GitHub's REST and GraphQL references. The runner names the host (`GITHUB_API_URL`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from reconciler.errors import ConfigError, ReconcilerError
from reconciler.net.client import Client, Reply, RequestError, proxy_passwords
from reconciler.net.redaction import redact

ATTEMPTS = 5
"""Attempts for a request while the response is a rate limit or 5xx, or there is none."""
MAX_WAIT = 60.0
"""Seconds. If GitHub asks for a longer pause, the request fails instead."""
GRAPHQL = "/graphql"
ENTERPRISE = "/api/v3"
"""How the API's base ends on GitHub Enterprise Server; GraphQL is beside it."""
PAGE_SIZE = 100
MAX_PAGES = 100
MAX_BYTES = 100_000_000
"""Bytes of a response or an artifact."""
MAX_MESSAGE = 300
"""Characters of a message from GitHub."""
TOO_LARGE = 413
NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next\b')
"""The address of the next page in a `Link` header."""
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class GitHubError(ReconcilerError):
    """A request to GitHub failed; `status` is None if there was no response."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class GitHub:
    """A client for one repository; use as a context manager."""

    def __init__(
        self, url: str, repository: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        """`url` is the API's base, `repository` is `owner/name`; `sleep` waits for seconds. Raises
        GitHubError if the address is not safe."""
        self.repository = repository
        self.sleep = sleep
        self._url = url.rstrip("/")
        self._token = token.strip()
        self._secrets = (self._token, *proxy_passwords())
        try:
            self._client = Client(self._url, "GitHub")
        except ConfigError as error:
            raise GitHubError(f"GITHUB_API_URL cannot be used: {error}") from None
        self._retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=_pause,
            retry=retry_if_result(_again),
            sleep=sleep,
            retry_error_callback=_result,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def get(self, path: str) -> Mapping[str, Any]:
        """The object at a path below the repository, or below the API if it starts with a slash.
        Raises GitHubError."""
        body = _json(path, self._send("GET", path))
        if not isinstance(body, Mapping):
            raise GitHubError(f"GET {path}: expected an object in GitHub's response")
        return body

    def pages(
        self, path: str, key: str | None = None, **query: str | int
    ) -> Iterator[Mapping[str, Any]]:
        """All entries of a list, page by page; `key` is the list's key if the response is an
        object. Raises GitHubError."""
        next_page: str | None = path
        parameters: Mapping[str, str | int] | None = {"per_page": PAGE_SIZE, **query}
        for _ in range(MAX_PAGES):
            if next_page is None:
                return
            reply = self._send("GET", next_page, query=parameters)
            body = _json(path, reply)
            entries = body.get(key) if key and isinstance(body, Mapping) else body
            if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
                raise GitHubError(f"GET {path}: expected a list of objects in GitHub's response")
            yield from entries
            next_page, parameters = self._next_page(path, reply), None  # its address has them

    def _next_page(self, path: str, reply: Reply) -> str | None:
        """The path of a list's next page below the API, None after the last one. Raises
        GitHubError if it is not below the API, since the token is sent there."""
        link = NEXT.search(reply.headers.get("link", ""))
        if link is None:
            return None
        if not link[1].startswith(f"{self._url}/"):
            raise GitHubError(f"GET {path}: the next page is not at {self._url}")
        return link[1].removeprefix(self._url)

    def viewer(self) -> str | None:
        """The login that the token writes as, such as `name[bot]` for a GitHub App; None if the
        token may not ask. Raises GitHubError."""
        query = {"query": "{viewer {login}}"}
        try:
            reply = self._send("POST", GRAPHQL, body=query, repeatable=True)
        except GitHubError as error:
            if error.status in (401, 403, 404):
                return None
            raise
        match _json(GRAPHQL, reply):
            case {"data": {"viewer": {"login": str(login)}}}:
                return login
            case {"errors": [{"type": "FORBIDDEN"}, *_]}:
                return None
            case {"errors": [{"message": str(message)}, *_]}:
                raise GitHubError(f"POST {GRAPHQL}: {self._one_line(message)}")
        raise GitHubError(f"POST {GRAPHQL}: expected a login in GitHub's response")

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Create, update or delete something below the repository. Raises GitHubError."""
        self._send(method, path, body=body)

    def download(self, path: str) -> bytes:
        """The file that a path below the repository redirects to, fetched without the token.
        Raises GitHubError."""
        reply = self._send("GET", path, redirect=True)
        if not (300 <= reply.status < 400 and reply.location):
            raise GitHubError(f"GET {path}: GitHub did not redirect to the file")
        target = self._download_url(reply.location)
        try:
            with Client(target, "the file server") as client:
                reply = client.send("GET", target, max_bytes=MAX_BYTES)
        except (ConfigError, RequestError) as error:
            raise GitHubError(f"The download failed: {self._clean(str(error))}") from None
        if reply.status != 200:
            raise GitHubError(f"The download failed with status {reply.status}", reply.status)
        if reply.problem:
            raise GitHubError(f"The download failed: {reply.problem}", TOO_LARGE)
        return reply.content

    def _download_url(self, location: str) -> str:
        """A redirect's target, if it is https or on the API's own host. Raises GitHubError."""
        try:
            target, base = httpx.URL(location), httpx.URL(self._url)
        except httpx.InvalidURL:
            raise GitHubError("GitHub redirected a download to an invalid URL") from None
        if target.scheme != "https" and (target.scheme, target.host) != (base.scheme, base.host):
            raise GitHubError("GitHub redirected a download to a URL that is not https")
        return str(target)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        redirect: bool = False,
        repeatable: bool | None = None,
    ) -> Reply:
        """The reply to a request, after retries: a success, or with `redirect` a redirect.
        `repeatable`: sending it twice has no more effect than once; None: unless it is a POST.
        Raises GitHubError."""
        if not self._token:
            raise GitHubError("GITHUB_TOKEN is not set; the workflow needs it to call GitHub's API")
        repeatable = method != "POST" if repeatable is None else repeatable
        result: _Attempt = self._retrying(self._once, method, path, query, body, repeatable)
        reply = result.reply
        if isinstance(reply, RequestError):
            raise GitHubError(f"{method} {path}: {self._clean(str(reply))}")
        if reply.problem:
            raise GitHubError(f"{method} {path}: {reply.problem}", TOO_LARGE)
        if 200 <= reply.status < 300 or (redirect and 300 <= reply.status < 400):
            return reply
        message = f"{method} {path}: {self._message(reply)}"
        if result.pause > MAX_WAIT:
            message += f" (rate limit; try again in {result.pause / 60:.0f} min)"
        raise GitHubError(message, reply.status)

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: Mapping[str, Any] | None,
        repeatable: bool,
    ) -> _Attempt:
        content = None if body is None else json.dumps(body).encode()
        headers = {**HEADERS, "Authorization": f"Bearer {self._token}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            reply = self._client.send(
                method,
                self._address(path),
                content=content,
                headers=headers,
                query=query,
                max_bytes=MAX_BYTES,
            )
        except RequestError as error:
            return _Attempt(error, repeatable)
        return _Attempt(reply, repeatable, _requested_pause(reply))

    def _address(self, path: str) -> str:
        if path == GRAPHQL and self._url.endswith(ENTERPRISE):
            return f"{self._url.removesuffix(ENTERPRISE)}/api{GRAPHQL}"
        return f"{self._url}{path if path.startswith('/') else f'/repos/{self.repository}/{path}'}"

    def _message(self, reply: Reply) -> str:
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            body = None
        message = str(body.get("message") or "") if isinstance(body, Mapping) else ""
        return f"{reply.status} {self._one_line(message)}".rstrip()

    def _one_line(self, message: str) -> str:
        return " ".join(self._clean(message).split())[:MAX_MESSAGE]

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The reply to a request, or why there is none; whether the request may be repeated; and the
    pause that GitHub asks for, in seconds."""

    reply: Reply | RequestError
    repeatable: bool
    pause: float = 0.0


def _json(path: str, reply: Reply) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        raise GitHubError(f"GET {path}: GitHub's response is not JSON") from None


def _again(attempt: _Attempt) -> bool:
    """Whether to retry. A request that must not be repeated may have taken effect without a
    response, or with a gateway's; it is retried only if it was certainly refused."""
    reply = attempt.reply
    if isinstance(reply, RequestError):
        return not reply.final and (not reply.sent or attempt.repeatable)
    if reply.problem:
        return False
    unavailable = reply.status in (500, 502, 503, 504) and attempt.repeatable
    return (_rate_limited(reply) or unavailable) and attempt.pause <= MAX_WAIT


def _rate_limited(reply: Reply) -> bool:
    forbidden = reply.status == 403 and (_no_requests_left(reply) or "retry-after" in reply.headers)
    return reply.status == 429 or forbidden


def _no_requests_left(reply: Reply) -> bool:
    return reply.headers.get("x-ratelimit-remaining", "").strip() == "0"


def _result(state: RetryCallState) -> _Attempt:
    attempt: _Attempt = state.outcome.result()  # type: ignore[union-attr]
    return attempt


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as requested, at least a doubling backoff."""
    return max(_result(state).pause, float(2 ** (state.attempt_number - 1)))


def _requested_pause(reply: Reply) -> float:
    """Seconds until GitHub accepts requests again: as it asks, or until the rate limit's reset."""
    after = _number(reply, "retry-after")
    if after is None and _rate_limited(reply) and _no_requests_left(reply):
        reset = _number(reply, "x-ratelimit-reset")
        after = None if reset is None else reset - time.time()
    return max(after or 0.0, 0.0)


def _number(reply: Reply, header: str) -> float | None:
    value = reply.headers.get(header, "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 12 else None
