"""GitHub's REST API, as far as it is needed: bounded retries, all pages, no token in any message.

Facts: GitHub's REST reference. The host is the one that the runner names (`GITHUB_API_URL`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from reconciler import __version__
from reconciler.errors import ReconcilerError
from reconciler.net.redaction import struck
from reconciler.net.transport import is_loopback, is_packed_oddly

TRIES = 5
"""How often a request goes out at most while the answer is 429, 5xx or none."""
LONGEST_WAIT = 60.0
"""Seconds; a longer pause is not waited for."""
TIMEOUT = httpx.Timeout(30, connect=10)
PAGE = 100
PAGES = 100
"""Where pages end, should they not say so."""
LARGEST = 100_000_000
"""Bytes of an answer, or of an artifact, that are read at most."""


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
        self._token = token.strip()
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": f"agent-reconciler/{__version__}",
        }
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/", headers=headers, timeout=TIMEOUT, follow_redirects=False
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._base = self._client.base_url
        if self._base.scheme != "https" and not is_loopback(self._base.host):
            raise GitHubError("GITHUB_API_URL has to begin with https://: the token goes there")
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

    def get(self, path: str) -> Mapping[str, Any]:
        """The object at a path below the repository (or, with a slash at its start, of the API)."""
        answer = self._json(self._send("GET", path))
        if not isinstance(answer, Mapping):
            raise GitHubError(f"GitHub answered GET {path} with something that is no object")
        return answer

    def pages(
        self, path: str, key: str | None = None, **query: str | int
    ) -> Iterator[Mapping[str, Any]]:
        """All entries of a list, page by page; `key` is where the list is, if it has a place."""
        for page in range(1, PAGES + 1):
            pick = {"per_page": PAGE, "page": page, **query}
            answer = self._json(self._send("GET", path, query=pick))
            entries = answer.get(key) if key and isinstance(answer, Mapping) else answer
            if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
                raise GitHubError(f"GitHub answered GET {path} with something that is no list")
            yield from entries
            if len(entries) < PAGE:
                return

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Write something below the repository."""
        self._send(method, path, body=body)

    def download(self, path: str) -> bytes:
        """The bytes at a path below the repository; it sends on to a store that must not see the
        token."""
        sent_on = self._send("GET", path, redirect=True)
        if not sent_on.has_redirect_location:
            raise GitHubError(f"GitHub did not say where GET {path} is to be had")
        target = sent_on.headers["location"]
        try:
            parts = httpx.URL(target)
        except httpx.InvalidURL:
            raise GitHubError("GitHub sent a download on to what is no address") from None
        if parts.scheme != "https" and (parts.scheme, parts.host) != (
            self._base.scheme,
            self._base.host,
        ):
            raise GitHubError("GitHub sent a download on to an address that is not https")
        try:
            with httpx.stream("GET", parts, timeout=TIMEOUT) as answer:
                if answer.status_code != 200:
                    raise GitHubError("A download was refused", answer.status_code)
                return _content(answer)
        except httpx.HTTPError as error:
            raise GitHubError(f"A download broke off ({type(error).__name__})") from None

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        redirect: bool = False,
    ) -> httpx.Response:
        if not self._token:
            raise GitHubError("GITHUB_TOKEN is not set, and without it GitHub cannot be asked")
        where = path if path.startswith("/") else f"repos/{self.repository}/{path}"
        answer: httpx.Response | httpx.HTTPError = self._retrying(
            self._once, method, where.removeprefix("/"), query, body
        )
        if isinstance(answer, httpx.HTTPError):
            raise GitHubError(f"GitHub cannot be reached ({type(answer).__name__})")
        if answer.is_success or (redirect and answer.is_redirect):
            return answer
        said = _message(answer, self._token)
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
            with self._client.stream(
                method, path, params=query, json=body, headers=headers
            ) as answer:
                content = _content(answer)
        except httpx.HTTPError as error:
            return error
        kept = [each for each in answer.headers.multi_items() if each[0] not in FRAME]
        return httpx.Response(
            answer.status_code, headers=kept, content=content, request=answer.request
        )

    @staticmethod
    def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        try:
            return answer.json()
        except ValueError:
            raise GitHubError("GitHub answered with something that is not JSON") from None


FRAME = ("content-encoding", "content-length", "transfer-encoding")
"""The headers that speak of an answer as it came, and not as it was unpacked."""


def _content(answer: httpx.Response) -> bytes:
    """What an answer holds. Raises GitHubError where that is too much."""
    if is_packed_oddly(answer):
        raise GitHubError("GitHub packed an answer in a way that was not asked for", 413)
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > LARGEST:
            raise GitHubError("A download is too large", 413)
    return bytes(content)


def _message(answer: httpx.Response, token: str) -> str:
    """GitHub's own words, on one line, without the token."""
    try:
        body = answer.json()
        said = str(body.get("message") or "") if isinstance(body, Mapping) else ""
    except ValueError:
        said = ""
    said = struck(said, (token,))  # before it is cut
    return f"{answer.status_code} {' '.join(said.split())[:300]}".rstrip()


def _again(answer: httpx.Response | httpx.HTTPError) -> bool:
    """Whether to try once more. A POST may have been done though no answer came, or a wrong one;
    it goes out again only if it was surely refused."""
    if isinstance(answer, httpx.HTTPError):
        refused = isinstance(answer, httpx.ConnectError | httpx.ConnectTimeout)
        return refused or answer.request.method != "POST"
    limited = answer.status_code == 403 and answer.headers.get("retry-after") is not None
    broken = answer.status_code in (500, 502, 503, 504) and answer.request.method != "POST"
    return (answer.status_code == 429 or limited or broken) and _asked(answer) <= LONGEST_WAIT


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
