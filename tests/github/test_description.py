"""The check of requests and responses against GitHub's description: it is strict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from github.description import MISSING, Operation, UndescribedError, description
from github.platform import REPOSITORY, TOKEN, Platform, emptied, on_both
from reconciler.github.api import HEADERS

SENT = {**HEADERS, "Authorization": f"Bearer {TOKEN}"}
FILES = ("api.github.com", "ghes-3.19")


def ask(
    platform: Platform,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] = SENT,
    **query: Any,
) -> int:
    """Send a request; returns the response's status."""
    address = path if path.startswith("http") else f"{platform.api}/repos/{REPOSITORY}/{path}"
    with httpx.Client(verify=False) as client:  # a context for TLS takes 0.1 s
        return client.request(method, address, headers=headers, json=body, params=query).status_code


@on_both
def test_described_requests(platform: Platform) -> None:
    """A branch's name may contain a slash, and the next page has the repository's number."""
    platform.head = lambda _: "1" * 40
    assert ask(platform, "GET", "git/ref/heads/feature/one") == 200
    assert ask(platform, "GET", "issues", state="closed", per_page=100, page=2) == 200
    assert ask(platform, "POST", "issues", {"title": "One", "body": "text"}) == 201
    assert ask(platform, "GET", f"{platform.api}/repositories/7/issues") == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "reason"),
    [
        ("GET", "issue", None, {}, "is not described"),
        ("PUT", "issues", {}, {}, "is not described"),
        ("GET", "issues/x/comments", None, {}, "path issue_number"),
        ("GET", "issues", None, {"state": "opened"}, "query state"),
        ("GET", "issues", None, {"per_page": "many"}, "query per_page"),
        ("GET", "issues", None, {"author": "ana"}, "query has author"),
        ("GET", "issues", {"state": "open"}, {}, "a body of type"),
        ("POST", "issues", None, {}, "there is no body"),
        ("POST", "issues", {"body": "text"}, {}, "title"),
        ("POST", "issues", {"title": ["t"]}, {}, "title"),
        ("PATCH", "issues/7", {"state": "done"}, {}, "state"),
        ("PATCH", "issues/7", {"closed": True}, {}, "body has closed"),
    ],
)
def test_undescribed_requests(
    platform: Platform, method: str, path: str, body: Any, query: dict[str, Any], reason: str
) -> None:
    """Each fails the test at its end, whatever the response was."""
    ask(platform, method, path, body, **query)
    with pytest.raises(UndescribedError, match=reason):
        platform.check()
    platform.check()


def test_other_addresses(platform: Platform) -> None:
    """The API has one base, and GraphQL one query; each request names the API's version."""
    for path in ("/api/v3/repos/agency/agents/issues", "/user", "/api/graphql"):
        ask(platform, "POST", f"{platform.url}{path}", {"query": "{viewer {login}}"})
    assert len(platform.undescribed) == 3
    ask(platform, "POST", f"{platform.url}/graphql", {"query": "{viewer {email}}"})
    assert "GraphQL" in platform.undescribed[-1]
    ask(platform, "GET", "issues", headers={})
    assert "no X-GitHub-Api-Version" in platform.undescribed[-1]
    assert len(platform.undescribed) == 5
    platform.undescribed.clear()


def test_undescribed_response(platform: Platform) -> None:
    """What a test puts into the API has the types that GitHub describes."""
    platform.pulls[7] = {"number": "seven"}
    ask(platform, "GET", "pulls/7")
    with pytest.raises(UndescribedError, match="number must be integer"):
        platform.check()


def test_a_fixture_fails(served: Platform) -> None:
    """At the end of the test that uses it."""
    with pytest.raises(UndescribedError, match="is not described"), emptied(served) as platform:
        ask(platform, "GET", "nothing")


OPERATIONS = [each for file in FILES for each in description(file).operations]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_least_response(operation: Operation) -> None:
    """The least that is required is valid; without it, nothing but an empty list is."""
    status = min(map(int, operation.responses))
    body = operation.completed(status, MISSING)
    operation.check_response(status, None if body is MISSING else body)
    for other, wrong in ((418, {}), (status, "x")):
        with pytest.raises(UndescribedError):
            operation.check_response(other, wrong)
