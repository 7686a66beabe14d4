"""GitHub's REST API: bounded retries, pagination, and no token in any message.

Facts: GitHub's REST reference. The runner names the host (`GITHUB_API_URL`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from reconciler.errors import ConfigError, ReconcilerError
from reconciler.net.client import Client, Reply, RequestError, proxy_passwords
from reconciler.net.redaction import redact

ATTEMPTS = 5
"""Attempts for a request while the response is 429 or 5xx, or there is none."""
MAX_WAIT = 60.0
"""Seconds. If GitHub asks for a longer pause, the request fails instead."""
PAGE_SIZE = 100
MAX_PAGES = 100
MAX_BYTES = 100_000_000
"""Bytes of a response or an artifact."""
MAX_MESSAGE = 300
"""Characters of a message from GitHub."""
TOO_LARGE = 413
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
        for page in range(1, MAX_PAGES + 1):
            body = _json(
                path, self._send("GET", path, query={"per_page": PAGE_SIZE, "page": page, **query})
            )
            entries = body.get(key) if key and isinstance(body, Mapping) else body
            if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
                raise GitHubError(f"GET {path}: expected a list of objects in GitHub's response")
            yield from entries
            if len(entries) < PAGE_SIZE:
                return

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
    ) -> Reply:
        """The reply to a request, after retries: a success, or with `redirect` a redirect. Raises
        GitHubError."""
        if not self._token:
            raise GitHubError("GITHUB_TOKEN is not set; the workflow needs it to call GitHub's API")
        result: _Attempt = self._retrying(self._once, method, path, query, body)
        reply = result.reply
        if isinstance(reply, RequestError):
            raise GitHubError(f"{method} {path}: {self._clean(str(reply))}")
        if reply.problem:
            raise GitHubError(f"{method} {path}: {reply.problem}", TOO_LARGE)
        if 200 <= reply.status < 300 or (redirect and 300 <= reply.status < 400):
            return reply
        raise GitHubError(f"{method} {path}: {self._message(reply)}", reply.status)

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: Mapping[str, Any] | None,
    ) -> _Attempt:
        below = (
            path.removeprefix("/") if path.startswith("/") else f"repos/{self.repository}/{path}"
        )
        content = None if body is None else json.dumps(body).encode()
        headers = {**HEADERS, "Authorization": f"Bearer {self._token}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            reply = self._client.send(
                method,
                f"{self._url}/{below}",
                content=content,
                headers=headers,
                query=query,
                max_bytes=MAX_BYTES,
            )
        except RequestError as error:
            return _Attempt(method, error)
        return _Attempt(method, reply)

    def _message(self, reply: Reply) -> str:
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            body = None
        message = str(body.get("message") or "") if isinstance(body, Mapping) else ""
        message = " ".join(self._clean(message).split())[:MAX_MESSAGE]
        return f"{reply.status} {message}".rstrip()

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A request's method, and the reply to it or why there is none."""

    method: str
    reply: Reply | RequestError


def _json(path: str, reply: Reply) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        raise GitHubError(f"GET {path}: GitHub's response is not JSON") from None


def _again(attempt: _Attempt) -> bool:
    """Whether to retry. A POST may have taken effect without a response, or with a gateway's; it is
    retried only if it was certainly refused."""
    reply, repeatable = attempt.reply, attempt.method != "POST"
    if isinstance(reply, RequestError):
        return not reply.final and (not reply.sent or repeatable)
    if reply.problem:
        return False
    limited = reply.status == 403 and reply.headers.get("retry-after") is not None
    unavailable = reply.status in (500, 502, 503, 504) and repeatable
    return (reply.status == 429 or limited or unavailable) and _requested_pause(reply) <= MAX_WAIT


def _result(state: RetryCallState) -> _Attempt:
    attempt: _Attempt = state.outcome.result()  # type: ignore[union-attr]
    return attempt


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as requested, at least a doubling backoff."""
    reply = _result(state).reply
    requested = 0.0 if isinstance(reply, RequestError) else _requested_pause(reply)
    return max(requested, float(2 ** (state.attempt_number - 1)))


def _requested_pause(reply: Reply) -> float:
    after = reply.headers.get("retry-after", "").strip()
    return float(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0.0
