"""The client of GitHub's API: pages, retries, downloads, and where the token goes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from github.platform import REPOSITORY, TOKEN, Answer, Asked, Platform
from reconciler.github import api
from reconciler.github.api import GitHub, GitHubError

BUSY = Answer(503, {"message": "Busy"})


@contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_all_pages_are_read(platform: Platform, github: GitHub) -> None:
    """A hundred a page, up to the first that is not full, or to where pages end."""
    for number in range(250):
        platform.say(7, str(number))
    assert [each["body"] for each in github.pages("issues/7/comments")] == list(
        map(str, range(250))
    )
    assert [each.query["page"] for each in platform.asked] == ["1", "2", "3"]


def test_pages_have_an_end(
    platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that never ends is not read for ever."""
    monkeypatch.setattr(api, "MAX_PAGES", 2)
    monkeypatch.setattr(api, "PAGE_SIZE", 1)
    for number in range(5):
        platform.say(7, str(number))
    assert len(list(github.pages("issues/7/comments"))) == 2


@pytest.mark.parametrize("body", [{"message": "odd"}, ["odd"], "odd", b"<html>", b""])
def test_odd_lists_are_told(platform: Platform, github: GitHub, body: object) -> None:
    """What is no list of objects is not taken for one."""
    platform.fail("GET", "issues", Answer(200, body))
    with pytest.raises(GitHubError, match=r"in GitHub's response|not JSON"):
        list(github.pages("issues"))


@pytest.mark.parametrize("answer", [Answer(200, []), Answer(204), Answer(200, b"<html>")])
def test_odd_objects_are_told(platform: Platform, github: GitHub, answer: Answer) -> None:
    """A list, nothing, HTML: no object."""
    platform.fail("GET", "pulls/1", answer)
    with pytest.raises(GitHubError, match=r"in GitHub's response|not JSON"):
        github.get("pulls/1")


def test_a_redirect_is_no_answer(platform: Platform, github: GitHub) -> None:
    """A repository that moved is not followed, and not taken for an object without anything."""
    moved = Answer(301, {"message": "Moved Permanently"}, {"Location": f"{platform.url}/user"})
    platform.fail("GET", "pulls/1", moved)
    with pytest.raises(GitHubError, match="301 Moved Permanently"):
        github.get("pulls/1")


def test_busy_answers_are_retried(platform: Platform, github: GitHub, pauses: list[float]) -> None:
    """429, 403 with Retry-After and 5xx, after the pause that is asked for, or a growing one."""
    platform.pulls[1] = {"number": 1}
    platform.fail(
        *("GET", "pulls/1"),
        Answer(429, {}, {"Retry-After": "7"}),
        Answer(403, {}, {"Retry-After": "soon"}),
        BUSY,
        BUSY,
    )
    assert github.get("pulls/1") == {"number": 1}
    assert pauses == [7.0, 2.0, 4.0, 8.0]


def test_tries_have_an_end(platform: Platform, github: GitHub) -> None:
    """The last answer is the reason."""
    platform.fail("GET", "pulls/1", *([BUSY] * 9))
    with pytest.raises(GitHubError, match="GET pulls/1: 503 Busy") as told:
        github.get("pulls/1")
    assert told.value.status == 503
    assert len(platform.asked) == api.ATTEMPTS


@pytest.mark.parametrize(
    "answer",
    [Answer(403, {"message": "no"}), Answer(429, {"message": "no"}, {"Retry-After": "3600"})],
)
def test_what_is_not_waited_for(
    platform: Platform, github: GitHub, pauses: list[float], answer: Answer
) -> None:
    """A plain refusal, and a pause of an hour."""
    platform.fail("GET", "pulls/1", answer)
    with pytest.raises(GitHubError, match="no"):
        github.get("pulls/1")
    assert pauses == []


def test_a_post_goes_out_once(platform: Platform, github: GitHub) -> None:
    """Unless it was surely refused: it may have been done though the answer is a gateway's."""
    platform.fail("POST", "issues", BUSY)
    with pytest.raises(GitHubError, match="503"):
        github.send("POST", "issues", {"title": "t", "body": "b"})
    assert len(platform.writes()) == 1
    platform.fail("POST", "issues", Answer(429))
    github.send("POST", "issues", {"title": "t", "body": "b"})
    assert len(platform.writes()) == 2
    assert len(platform.issues) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_answers(pauses: list[float], method: str) -> None:
    """A connection that is refused did nothing, so everything is tried again."""
    with (
        nobody() as url,
        GitHub(url, REPOSITORY, TOKEN, pauses.append) as github,
        pytest.raises(GitHubError, match=r"could not connect to 127\.0\.0\.1") as told,
    ):
        github.send(method, "issues")
    assert told.value.status is None
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_without_a_token_nothing_is_asked(platform: Platform) -> None:
    """What is missing is named."""
    with (
        GitHub(platform.url, REPOSITORY, " ", list[float]().append) as github,
        pytest.raises(GitHubError, match="GITHUB_TOKEN is not set"),
    ):
        github.get("/user")
    assert platform.asked == []


def test_no_message_has_the_token(platform: Platform, github: GitHub) -> None:
    """Should GitHub say it back; and its words are on one line."""
    platform.fail("GET", "pulls/1", Answer(400, {"message": f"odd\n{TOKEN}"}))
    with pytest.raises(GitHubError) as told:
        github.get("pulls/1")
    assert str(told.value) == "GET pulls/1: 400 odd ***"
    platform.fail("GET", "pulls/1", Answer(400, b"<html>"), Answer(400, ["odd"]))
    for _ in range(2):
        with pytest.raises(GitHubError, match=r"^GET pulls/1: 400$"):
            github.get("pulls/1")


def test_a_download_is_read_without_the_token(platform: Platform, github: GitHub) -> None:
    """The store that GitHub sends on to has its own key in the address."""
    made = platform.keep("1" * 40, b"content")
    assert github.download(f"actions/artifacts/{made['id']}/zip") == b"content"
    assert [each.token for each in platform.asked] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize("store", ["http://elsewhere.example", "ftp://127.0.0.1", "//127.0.0.1"])
def test_a_download_is_https(platform: Platform, github: GitHub, store: str) -> None:
    """Or from the host that is asked already."""
    made = platform.keep("1" * 40, b"content")
    platform.store = store
    with pytest.raises(GitHubError, match="is not https"):
        github.download(f"actions/artifacts/{made['id']}/zip")


def test_a_download_that_is_refused(platform: Platform, github: GitHub) -> None:
    """The store says no, or nothing, or an address that is none; GitHub names no store."""
    made = platform.keep("1" * 40, b"content")
    path = f"actions/artifacts/{made['id']}/zip"
    platform.fail("GET", "/store/.*", Answer(403))
    with pytest.raises(GitHubError, match="status 403") as told:
        github.download(path)
    assert told.value.status == 403
    platform.store = "https://127.0.0.1:x"
    with pytest.raises(GitHubError, match="invalid URL"):
        github.download(path)
    with nobody() as url:
        platform.store = url
        with pytest.raises(GitHubError, match="could not connect"):
            github.download(path)
    platform.fail("GET", path, Answer(200, b"content"))
    with pytest.raises(GitHubError, match="did not redirect"):
        github.download(path)


def test_a_download_has_a_limit(
    platform: Platform, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than that is not kept in memory."""
    monkeypatch.setattr(api, "MAX_BYTES", 6)
    made = platform.keep("1" * 40, b"content")
    with pytest.raises(GitHubError, match="larger than"):
        github.download(f"actions/artifacts/{made['id']}/zip")


def test_the_api_has_a_version(platform: Platform, github: GitHub) -> None:
    """Every request has the token, and a path below the repository or below the API."""
    asked: list[Asked] = platform.asked
    platform.login = "ana"
    assert github.get("/user") == {"login": "ana"}
    assert asked[0].path == "/user"
    assert asked[0].token == f"Bearer {TOKEN}"
