"""What is kept up to date on GitHub: a comment per pull request, an issue per portal.

Each has a marker in its first line. One is ours if it has the marker and we are its author; text
by others that contains the marker is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from reconciler.github.api import GitHub, GitHubError

BOT = "github-actions[bot]"
"""The author of what a workflow's own token writes."""

RUN = "<sub>Run: "
"""How the line with the run's link starts. If only this line changes, nothing is written."""

Change = Literal["created", "updated", "unchanged", "closed", "none"]


def marker(name: str) -> str:
    """The first line of our comment or issue of this name."""
    return f"<!-- agent-reconciler {name} -->"


def author(github: GitHub) -> str:
    """The login that the token writes as. Raises GitHubError."""
    return github.viewer() or BOT


def comment(github: GitHub, number: int, name: str, body: str, *, start: bool) -> Change:
    """Update the pull request's comment of this name to `body`, which starts with its marker; with
    `start`, create it if there is none. If two runs created one each, the first is kept.

    Raises GitHubError.
    """
    ours = list(_ours(github.pages(f"issues/{number}/comments"), name, author(github)))
    if not ours:
        if not start:
            return "none"
        github.send("POST", f"issues/{number}/comments", {"body": body})
        return "created"
    same = _same(ours[0], body)
    if not same:
        github.send("PATCH", f"issues/comments/{ours[0]['id']}", {"body": body})
    for duplicate in ours[1:]:
        _delete(github, f"issues/comments/{duplicate['id']}")
    return "unchanged" if same else "updated"


def _delete(github: GitHub, path: str) -> None:
    """Delete something that may be deleted already."""
    try:
        github.send("DELETE", path)
    except GitHubError as error:
        if error.status != 404:
            raise


def issue(github: GitHub, name: str, title: str, body: str | None) -> Change:
    """Open or update the issue of this name with `body`, or close it if that is None.

    Raises GitHubError.
    """
    issues = (each for each in github.pages("issues", state="open") if "pull_request" not in each)
    ours = list(_ours(issues, name, author(github)))
    for duplicate in ours[1:] if body is not None else ours:
        github.send("PATCH", f"issues/{duplicate['number']}", {"state": "closed"})
    if body is None:
        return "closed" if ours else "none"
    if not ours:
        github.send("POST", "issues", {"title": title, "body": body})
        return "created"
    if _same(ours[0], body) and ours[0].get("title") == title:
        return "unchanged"
    github.send("PATCH", f"issues/{ours[0]['number']}", {"title": title, "body": body})
    return "updated"


def _ours(
    entries: Iterator[Mapping[str, Any]], name: str, login: str
) -> Iterator[Mapping[str, Any]]:
    for each in entries:
        user = each.get("user") or {}  # None once the account is deleted
        first_line = str(each.get("body") or "").partition("\n")[0].strip()
        if user.get("login") == login and first_line == marker(name):
            yield each


def _same(existing: Mapping[str, Any], body: str) -> bool:
    """Whether a body is unchanged apart from the run's link; GitHub changes line breaks."""
    old = str(existing.get("body")).replace("\r\n", "\n")
    return _without_run(old) == _without_run(body)


def _without_run(body: str) -> str:
    return "\n".join(line for line in body.split("\n") if not line.startswith(RUN)).strip()
