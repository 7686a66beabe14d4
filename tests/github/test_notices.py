"""One comment per pull request and one issue per portal; those of others are left alone."""

from __future__ import annotations

import pytest

from github.platform import BOT, Answer, Platform, on_both
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.notices import RUN, author, comment, issue, marker

BODY = f"{marker('plan')}\n{RUN}1</sub>\n\nThe plan."
DRIFT = f"{marker('drift rentix')}\n{RUN}1</sub>\n\nThe drift."


@on_both
def test_updating_a_comment(platform: Platform, github: GitHub) -> None:
    """Created, unchanged, updated in place; another run's link alone changes nothing."""
    assert comment(github, 7, "plan", BODY, start=True) == "created"
    assert comment(github, 7, "plan", BODY, start=True) == "unchanged"
    other = BODY.replace(f"{RUN}1", f"{RUN}2")
    assert comment(github, 7, "plan", other, start=False) == "unchanged"
    [mine] = platform.comments[7]
    platform.writes()
    assert comment(github, 7, "plan", BODY.replace("plan.", "new plan."), start=False) == "updated"
    assert platform.writes() == [("PATCH", f"issues/comments/{mine['id']}")]
    assert platform.comments == {7: [mine]}


def test_no_comment_is_created_without_need(platform: Platform, github: GitHub) -> None:
    """There is nothing to show."""
    assert comment(github, 7, "plan", BODY, start=False) == "none"
    assert platform.comments == {}


def test_line_breaks_do_not_matter(platform: Platform, github: GitHub) -> None:
    """GitHub changes them, and trims the end."""
    platform.say(7, BODY.replace("\n", "\r\n"))
    assert comment(github, 7, "plan", f"{BODY}\n", start=True) == "unchanged"


@on_both
def test_our_comment_is_found_on_any_page(platform: Platform, github: GitHub) -> None:
    """Among hundreds."""
    for number in range(150):
        platform.say(7, str(number), "ana")
    platform.say(7, BODY)
    assert comment(github, 7, "plan", BODY, start=True) == "unchanged"


def test_a_copied_marker_does_not_count(platform: Platform, github: GitHub) -> None:
    """Comments by others are left alone; of ours only the first line counts."""
    platform.say(7, BODY, "stranger")
    platform.comments[7].append({"id": 1, "body": BODY, "user": None})
    platform.comments[7].append({"id": 2, "user": {"login": BOT}})
    platform.say(7, f"> quoted\n{BODY}")
    platform.say(7, BODY.replace("plan", "drift rentix"))
    before = [dict(each) for each in platform.comments[7]]
    assert comment(github, 7, "plan", BODY, start=True) == "created"
    assert platform.comments[7][:-1] == before
    assert platform.comments[7][-1]["user"] == {"login": BOT}


def test_duplicates_are_deleted(platform: Platform, github: GitHub) -> None:
    """The first of ours is kept; someone else may have deleted the others."""
    first = platform.say(7, "old".join(BODY.rsplit("The", 1)))
    second, third = platform.say(7, BODY), platform.say(7, BODY)
    platform.fail("DELETE", f"issues/comments/{second['id']}", Answer(404))
    assert comment(github, 7, "plan", BODY, start=True) == "updated"
    assert platform.comments[7] == [first, second]
    assert first["body"] == BODY
    assert third not in platform.comments[7]
    platform.fail("DELETE", f"issues/comments/{second['id']}", Answer(403))
    with pytest.raises(GitHubError):
        comment(github, 7, "plan", BODY, start=True)


def test_a_comment_that_is_too_long(platform: Platform, github: GitHub) -> None:
    """GitHub rejects it, so callers keep to a budget."""
    with pytest.raises(GitHubError, match=r"422 .*too long"):
        comment(github, 7, "plan", BODY + "x" * 70_000, start=True)


@pytest.mark.parametrize("login", ["agents-sync[bot]", "robot-of-ours"])
def test_what_an_app_or_a_person_wrote_is_found_again(
    platform: Platform, github: GitHub, login: str
) -> None:
    """One comment and one issue, however often they are written."""
    platform.login = login
    platform.say(7, BODY)  # by the workflow itself, before it got this token
    for each in (BODY, f"{BODY} More."):
        comment(github, 7, "plan", each, start=True)
    assert [each["user"]["login"] for each in platform.comments[7]] == [BOT, login]
    for each in (DRIFT, f"{DRIFT} More."):
        issue(github, "drift rentix", "Drift on rentix", each)
    assert [(each["user"]["login"], each["body"]) for each in platform.issues] == [
        (login, f"{DRIFT} More.")
    ]


def test_the_tokens_owner(platform: Platform, github: GitHub) -> None:
    """The workflow itself if the token may not ask; other failures are errors."""
    platform.login, platform.viewable = "agents-sync[bot]", False
    assert author(github) == BOT
    platform.viewable = True
    assert author(github) == "agents-sync[bot]"
    platform.fail("POST", "/graphql", Answer(418))
    with pytest.raises(GitHubError):
        author(github)


@on_both
def test_updating_an_issue(platform: Platform, github: GitHub) -> None:
    """Opened, unchanged, updated, closed; then opened anew."""
    kept = ("drift rentix", "Drift on rentix")
    assert issue(github, *kept, None) == "none"
    assert issue(github, *kept, DRIFT) == "created"
    assert issue(github, *kept, DRIFT.replace(f"{RUN}1", f"{RUN}2")) == "unchanged"
    assert issue(github, *kept, DRIFT + "more") == "updated"
    assert issue(github, "drift rentix", "Another title", DRIFT + "more") == "updated"
    [mine] = platform.issues
    assert (mine["title"], mine["body"]) == ("Another title", DRIFT + "more")
    assert issue(github, *kept, None) == "closed"
    assert issue(github, *kept, DRIFT) == "created"
    assert [each["state"] for each in platform.issues] == ["closed", "open"]


def test_other_issues_are_left_alone(platform: Platform, github: GitHub) -> None:
    """Those of others, of other portals, pull requests; duplicates are closed."""
    platform.raise_issue("theirs", DRIFT, "stranger")
    platform.raise_issue("other", DRIFT.replace("rentix", "propertyfinder"))
    platform.raise_issue("pull", DRIFT, pull_request={})
    for _ in range(100):
        platform.raise_issue("more", "more")
    before = [dict(each) for each in platform.issues]
    platform.raise_issue("Drift on rentix", DRIFT)
    platform.raise_issue("Drift on rentix", DRIFT)
    assert issue(github, "drift rentix", "Drift on rentix", DRIFT) == "unchanged"
    assert [each["state"] for each in platform.issues[-2:]] == ["open", "closed"]
    assert issue(github, "drift rentix", "Drift on rentix", None) == "closed"
    assert platform.issues[:-2] == before
