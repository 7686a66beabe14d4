"""What is kept up to date on GitHub: one comment on a pull request, one issue for a portal.

Each has a marker in its first line. Ours is one that has the marker and was written by us; a
stranger's text with our marker in it is a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from reconciler.github.api import GitHub, GitHubError

BOT = "github-actions[bot]"
"""The author of what a workflow's own token writes."""

RUN = "<sub>Run: "
"""How the line begins that says which run wrote this; alone it is no reason to write again."""

Done = Literal["created", "updated", "unchanged", "closed", "nothing"]


def marker(name: str) -> str:
    """The first line of what is ours."""
    return f"<!-- agent-reconciler {name} -->"


def author(github: GitHub) -> str:
    """Who we are there; a workflow's own token may not ask."""
    try:
        return str(github.get("/user").get("login"))
    except GitHubError as error:
        if error.status in (401, 403, 404):
            return BOT
        raise


def comment(github: GitHub, number: int, name: str, body: str, *, start: bool) -> Done:
    """Keep the comment of this name as `body`, which begins with its marker: written once,
    rewritten in place, left alone if it says the same. With `start` it is begun if it is not
    there. Of several (two runs began at once) the first stays and the others are deleted.

    Raises GitHubError.
    """
    ours = list(_ours(github.pages(f"issues/{number}/comments"), name, author(github)))
    if not ours:
        if not start:
            return "nothing"
        github.send("POST", f"issues/{number}/comments", {"body": body})
        return "created"
    same = _same(ours[0], body)
    if not same:
        github.send("PATCH", f"issues/comments/{ours[0]['id']}", {"body": body})
    for extra in ours[1:]:
        _delete(github, f"issues/comments/{extra['id']}")
    return "unchanged" if same else "updated"


def _delete(github: GitHub, path: str) -> None:
    """Delete what somebody else may have deleted meanwhile."""
    try:
        github.send("DELETE", path)
    except GitHubError as error:
        if error.status != 404:
            raise


def issue(github: GitHub, name: str, title: str, body: str | None) -> Done:
    """Keep the issue of this name: opened or rewritten with `body`, closed without one.

    Raises GitHubError.
    """
    found = (each for each in github.pages("issues", state="open") if "pull_request" not in each)
    ours = list(_ours(found, name, author(github)))
    for extra in ours[1:] if body is not None else ours:
        github.send("PATCH", f"issues/{extra['number']}", {"state": "closed"})
    if body is None:
        return "closed" if ours else "nothing"
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
        user = each.get("user") or {}  # None, once the account is gone
        first = str(each.get("body") or "").partition("\n")[0].strip()
        if user.get("login") == login and first == marker(name):
            yield each


def _same(there: Mapping[str, Any], body: str) -> bool:
    """Whether it says the same, whichever run says it; GitHub writes line ends in its own way."""
    old = str(there.get("body")).replace("\r\n", "\n")
    return _without_run(old) == _without_run(body)


def _without_run(body: str) -> str:
    return "\n".join(line for line in body.split("\n") if not line.startswith(RUN)).strip()
