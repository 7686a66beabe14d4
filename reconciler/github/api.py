"""GitHub's REST API, as far as it is needed: bounded retries, all pages, no token in any message.

Facts: GitHub's REST reference. The host is the one that the runner names (`GITHUB_API_URL`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from reconciler import __version__
from reconciler.errors import ReconcilerError

TRIES = 5
"""How often a request goes out at most while the answer is 429, 5xx or none."""
LONGEST_WAIT = 60.0
"""Seconds; a longer pause is not waited for."""
TIMEOUT = httpx.Timeout(30, connect=10)
PAGE = 100
PAGES = 100
"""Where pages end, should they not say so."""
LARGEST = 100_000_000
"""Bytes of an artifact that are read at most."""


class GitHubError(ReconcilerError):
    """GitHub did not do what it was asked; `status` is None where nothing came back."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class GitHub:
    """A client for one repository; use as a context manager."""

    def __init__(
        self, url: str, repository: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        """`url` is the API's base, `repository` is `owner/name`; `sleep` waits for seconds."""
        self.repository = repository
        self._token = token
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": f"agent-reconciler/{__version__}",
        }
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/", headers=headers, timeout=TIMEOUT, follow_redirects=False
        )
        self._host = urlsplit(url).hostname
        self._retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_pause,
            retry=retry_if_result(_again),
            sleep=sleep,
            retry_error_callback=_last,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """What is at a path below the repository (or, with a slash at its start, of the API)."""
        return self._json(self._send("GET", path, query=query))

    def pages(self, path: str, key: str | None = None, **query: str | int) -> Iterator[Any]:
        """All entries of a list, page by page; `key` is where the list is, if it has a place."""
        for page in range(1, PAGES + 1):
            answer = self.get(path, per_page=PAGE, page=page, **query)
            entries = answer.get(key) if key and isinstance(answer, Mapping) else answer
            if not isinstance(entries, list):
                raise GitHubError(f"GitHub answered GET {path} with something that is no list")
            yield from entries
            if len(entries) < PAGE:
                return

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Write something below the repository."""
        return self._json(self._send(method, path, body=body))

    def download(self, url: str) -> bytes:
        """The bytes behind an API address; it sends on to a store that must not see the token."""
        sent_on = self._send("GET", url)
        if not sent_on.is_redirect:
            return sent_on.content
        target = sent_on.headers.get("location", "")
        if urlsplit(target).scheme != "https" and urlsplit(target).hostname != self._host:
            raise GitHubError("GitHub sent a download on to an address that is not https")
        with httpx.stream("GET", target, timeout=TIMEOUT) as answer:
            if answer.status_code != 200:
                raise GitHubError("a download was refused", answer.status_code)
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > LARGEST:
                    raise GitHubError("a download is too large")
            return content

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        where = path if path.startswith(("/", "http")) else f"repos/{self.repository}/{path}"
        answer: httpx.Response | httpx.HTTPError = self._retrying(
            self._once, method, where.removeprefix("/"), query, body
        )
        if isinstance(answer, httpx.HTTPError):
            raise GitHubError(f"GitHub cannot be reached ({type(answer).__name__})")
        if answer.is_success or (answer.is_redirect and method == "GET"):
            return answer
        said = self._clean(_message(answer))
        raise GitHubError(f"{method} {path}: {said}", answer.status_code)

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: Mapping[str, Any] | None,
    ) -> httpx.Response | httpx.HTTPError:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            return self._client.request(method, path, params=query, json=body, headers=headers)
        except httpx.HTTPError as error:
            return error

    def _clean(self, message: str) -> str:
        return message.replace(self._token, "***") if self._token else message

    @staticmethod
    def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise GitHubError("GitHub answered with something that is not JSON") from None


def _message(answer: httpx.Response) -> str:
    """GitHub's own words, on one line."""
    try:
        body = answer.json()
        said = str(body.get("message") or "") if isinstance(body, Mapping) else ""
    except ValueError:
        said = ""
    return f"{answer.status_code} {' '.join(said.split())[:300]}".rstrip()


def _again(answer: httpx.Response | httpx.HTTPError) -> bool:
    """Whether to try once more. What is written is written in place or looked for first, so that
    a second time does no harm."""
    if isinstance(answer, httpx.HTTPError):
        return True
    limited = answer.status_code == 403 and answer.headers.get("retry-after") is not None
    waits = answer.status_code in (429, 500, 502, 503, 504) or limited
    return waits and _asked(answer) <= LONGEST_WAIT


def _last(state: RetryCallState) -> httpx.Response | httpx.HTTPError:
    answer: httpx.Response | httpx.HTTPError = state.outcome.result()  # type: ignore[union-attr]
    return answer


def _pause(state: RetryCallState) -> float:
    answer = _last(state)
    asked = 0.0 if isinstance(answer, httpx.HTTPError) else _asked(answer)
    return max(asked, float(2 ** (state.attempt_number - 1)))


def _asked(answer: httpx.Response) -> float:
    """Seconds that GitHub wants to pass first."""
    said = answer.headers.get("retry-after", "").strip()
    return float(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0.0
