"""The client of GitHub's API: pagination, retries, downloads, and where it sends the token."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from github.platform import REPOSITORY, TOKEN, Answer, Platform, on_both
from reconciler.github import api
from reconciler.github.api import GitHub, GitHubError

BUSY = Answer(503, {"message": "Busy"})


@contextmanager
def unused_address() -> Iterator[str]:
    """An address that refuses connections."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@on_both
def test_all_pages_are_read(platform: Platform, github: GitHub) -> None:
    """Each at the address that the page before names."""
    for number in range(250):
        platform.say(7, str(number))
    assert [each["body"] for each in github.pages("issues/7/comments")] == list(
        map(str, range(250))
    )
    assert [each.query.get("page", "1") for each in platform.asked] == ["1", "2", "3"]
    assert {each.query["per_page"] for each in platform.asked} == {"100"}


def test_a_short_page_is_not_the_last_one(platform: Platform, github: GitHub) -> None:
    """GitHub filters a page after it has cut it, so only the next page's address counts."""
    more = (
        f'<{platform.url}>; rel="prev", <{platform.url}/repositories/7/issues?page=9>; rel="next"'
    )
    platform.fail("GET", "issues", Answer(200, [], {"Link": more}))
    platform.raise_issue("one", "text")
    platform.twists.append(
        lambda asked: Answer(200, platform.issues) if asked.query.get("page") == "9" else None
    )
    assert [each["title"] for each in github.pages("issues", state="open")] == ["one"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/issues", "https://evil.example/", "/x"])
def test_next_page_must_be_in_the_api(platform: Platform, github: GitHub, address: str) -> None:
    """The token is not sent to another address."""
    platform.fail("GET", "issues", Answer(200, [], {"Link": f'<{address}>; rel="next"'}))
    with pytest.raises(GitHubError, match="the next page is not at"):
        list(github.pages("issues"))
    assert len(platform.asked) == 1


def test_number_of_pages_is_limited(
    platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless list is not read forever."""
    monkeypatch.setattr(api, "MAX_PAGES", 2)
    monkeypatch.setattr(api, "PAGE_SIZE", 1)
    for number in range(5):
        platform.say(7, str(number))
    assert len(list(github.pages("issues/7/comments"))) == 2


@pytest.mark.parametrize("body", [{"message": "odd"}, ["odd"], "odd", b"<html>", b""])
def test_malformed_list(platform: Platform, github: GitHub, body: object) -> None:
    """Anything but a list of objects is an error."""
    platform.fail("GET", "issues", Answer(200, body))
    with pytest.raises(GitHubError, match=r"in GitHub's response|not JSON"):
        list(github.pages("issues"))


@pytest.mark.parametrize("answer", [Answer(200, []), Answer(204), Answer(200, b"<html>")])
def test_malformed_object(platform: Platform, github: GitHub, answer: Answer) -> None:
    """A list, nothing or HTML is an error."""
    platform.fail("GET", "pulls/1", answer)
    with pytest.raises(GitHubError, match=r"in GitHub's response|not JSON"):
        github.get("pulls/1")


def test_redirect_is_an_error(platform: Platform, github: GitHub) -> None:
    """A repository that moved is not followed."""
    moved = Answer(301, {"message": "Moved Permanently"}, {"Location": f"{platform.url}/user"})
    platform.fail("GET", "pulls/1", moved)
    with pytest.raises(GitHubError, match="301 Moved Permanently"):
        github.get("pulls/1")


def test_retries(platform: Platform, github: GitHub, pauses: list[float]) -> None:
    """429, 403 with Retry-After and 5xx, after the requested pause or a growing one."""
    platform.pulls[1] = {"number": 1}
    platform.fail(
        *("GET", "pulls/1"),
        Answer(429, {}, {"Retry-After": "7"}),
        Answer(403, {}, {"Retry-After": "soon"}),
        BUSY,
        BUSY,
    )
    assert github.get("pulls/1")["number"] == 1
    assert pauses == [7.0, 2.0, 4.0, 8.0]


def test_number_of_attempts_is_limited(platform: Platform, github: GitHub) -> None:
    """The error has the last response's message."""
    platform.fail("GET", "pulls/1", *([BUSY] * 9))
    with pytest.raises(GitHubError, match="GET pulls/1: 503 Busy") as error:
        github.get("pulls/1")
    assert error.value.status == 503
    assert len(platform.asked) == api.ATTEMPTS


@pytest.mark.parametrize("status", [403, 429])
def test_rate_limit(platform: Platform, github: GitHub, pauses: list[float], status: int) -> None:
    """The client waits until the limit's reset; for a POST too, since GitHub refused it."""
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 30)}
    over = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    platform.fail("POST", "issues", Answer(status, {}, reset), Answer(status, {}, over))
    github.send("POST", "issues", {"title": "t", "body": "b"})
    assert 25 < pauses[0] <= 30
    assert pauses[1:] == [2.0]
    assert len(platform.issues) == 1


def test_rate_limit_that_lasts_too_long(
    platform: Platform, github: GitHub, pauses: list[float]
) -> None:
    """The error says when to try again."""
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1810)}
    platform.fail("GET", "issues", Answer(403, {"message": "API rate limit exceeded"}, reset))
    with pytest.raises(GitHubError, match=r"403 API rate limit exceeded .*30 min"):
        list(github.pages("issues"))
    assert pauses == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(403, {"message": "no"}),
        Answer(403, {"message": "no"}, {"X-RateLimit-Remaining": "7"}),
        Answer(429, {"message": "no"}, {"Retry-After": "3600"}),
    ],
)
def test_no_retry(platform: Platform, github: GitHub, pauses: list[float], answer: Answer) -> None:
    """After a plain 403, or if the requested pause is an hour."""
    platform.fail("GET", "pulls/1", answer)
    with pytest.raises(GitHubError, match="no"):
        github.get("pulls/1")
    assert pauses == []


def test_post_is_not_repeated(platform: Platform, github: GitHub) -> None:
    """Unless it was certainly rejected: after a 503 it may have taken effect."""
    platform.fail("POST", "issues", BUSY)
    with pytest.raises(GitHubError, match="503"):
        github.send("POST", "issues", {"title": "t", "body": "b"})
    assert len(platform.writes()) == 1
    platform.fail("POST", "issues", Answer(429))
    github.send("POST", "issues", {"title": "t", "body": "b"})
    assert len(platform.writes()) == 2
    assert len(platform.issues) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_connection_is_retried(pauses: list[float], method: str) -> None:
    """Any method, since nothing was sent."""
    with (
        unused_address() as url,
        GitHub(url, REPOSITORY, TOKEN, pauses.append) as github,
        pytest.raises(GitHubError, match=r"could not connect to 127\.0\.0\.1") as error,
    ):
        github.send(method, "issues")
    assert error.value.status is None
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_missing_token(platform: Platform) -> None:
    """The error names the variable, and no request is sent."""
    with (
        GitHub(platform.url, REPOSITORY, " ", list[float]().append) as github,
        pytest.raises(GitHubError, match="GITHUB_TOKEN is not set"),
    ):
        github.get("/user")
    assert platform.asked == []


def test_token_is_redacted(platform: Platform, github: GitHub) -> None:
    """If GitHub echoes it; messages are on one line."""
    platform.fail("GET", "pulls/1", Answer(400, {"message": f"odd\n{TOKEN}"}))
    with pytest.raises(GitHubError) as error:
        github.get("pulls/1")
    assert str(error.value) == "GET pulls/1: 400 odd ***"
    platform.fail("GET", "pulls/1", Answer(400, b"<html>"), Answer(400, ["odd"]))
    for _ in range(2):
        with pytest.raises(GitHubError, match=r"^GET pulls/1: 400$"):
            github.get("pulls/1")


@on_both
def test_download_does_not_get_the_token(platform: Platform, github: GitHub) -> None:
    """The file server's URL has its own credentials."""
    artifact = platform.keep("1" * 40, b"content")
    assert github.download(f"actions/artifacts/{artifact['id']}/zip") == b"content"
    assert [each.token for each in platform.asked] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize("store", ["http://elsewhere.example", "ftp://127.0.0.1", "//127.0.0.1"])
def test_download_must_be_https(platform: Platform, github: GitHub, store: str) -> None:
    """Or from the API's own host."""
    artifact = platform.keep("1" * 40, b"content")
    platform.store = store
    with pytest.raises(GitHubError, match="is not https"):
        github.download(f"actions/artifacts/{artifact['id']}/zip")


def test_failed_download(platform: Platform, github: GitHub) -> None:
    """A 403, an invalid URL, no connection, no redirect."""
    artifact = platform.keep("1" * 40, b"content")
    path = f"actions/artifacts/{artifact['id']}/zip"
    platform.fail("GET", "/store/.*", Answer(403))
    with pytest.raises(GitHubError, match="status 403") as error:
        github.download(path)
    assert error.value.status == 403
    platform.store = "https://127.0.0.1:x"
    with pytest.raises(GitHubError, match="invalid URL"):
        github.download(path)
    with unused_address() as url:
        platform.store = url
        with pytest.raises(GitHubError, match="could not connect"):
            github.download(path)
    platform.fail("GET", path, Answer(200, b"content"))
    with pytest.raises(GitHubError, match="did not redirect"):
        github.download(path)


def test_size_of_a_download_is_limited(
    platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is held in memory."""
    monkeypatch.setattr(api, "MAX_BYTES", 6)
    artifact = platform.keep("1" * 40, b"content")
    with pytest.raises(GitHubError, match="larger than"):
        github.download(f"actions/artifacts/{artifact['id']}/zip")


def test_request_has_the_token(platform: Platform, github: GitHub) -> None:
    """Also for a path relative to the API."""
    platform.pulls[1] = {"number": 1}
    assert github.get(f"/repos/{REPOSITORY}/pulls/1")["number"] == 1
    assert platform.asked[0].token == f"Bearer {TOKEN}"


@on_both
@pytest.mark.parametrize("login", ["github-actions[bot]", "agents-sync[bot]", "ana"])
def test_viewer(platform: Platform, github: GitHub, login: str) -> None:
    """The login of a workflow, an App or a person, on github.com and on a server of one's own,
    where GraphQL is beside the REST API."""
    platform.login = login
    assert github.viewer() == login
    expected = "/api/graphql" if platform.base else "/graphql"
    assert [each.address for each in platform.asked] == [expected]


def test_viewer_is_asked_for_again(platform: Platform, github: GitHub) -> None:
    """It is a POST, but changes nothing."""
    platform.fail("POST", "/graphql", BUSY, BUSY)
    assert github.viewer() == "github-actions[bot]"


def test_unknown_viewer(platform: Platform, github: GitHub) -> None:
    """A token may not ask; any other failure is an error."""
    platform.viewable = False
    assert github.viewer() is None
    forbidden = [Answer(status, {"message": "no"}) for status in (401, 403, 404)]
    platform.fail("POST", "/graphql", *forbidden)
    assert [github.viewer() for _ in forbidden] == [None] * 3
    limited = {"errors": [{"type": "RATE_LIMITED", "message": f"slow down {TOKEN}"}]}
    odd = [{}, [], {"data": {"viewer": None}}, {"data": {"viewer": {"login": None}}}]
    platform.fail("POST", "/graphql", Answer(418), Answer(200, limited))
    for message in ("418", r"slow down \*\*\*$"):
        with pytest.raises(GitHubError, match=message):
            github.viewer()
    platform.fail("POST", "/graphql", *(Answer(200, body) for body in odd))
    for _ in odd:
        with pytest.raises(GitHubError, match="expected a login"):
            github.viewer()
