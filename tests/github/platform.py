"""The part of GitHub's API that the program uses, on loopback: real HTTP, with switches for
failures. Each request must be one that GitHub describes; so must each response, except for those of
the switches."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest

from github.description import Operation, UndescribedError, description

REPOSITORY = "agency/agents"
TOKEN = "token-of-the-runner"
BOT = "github-actions[bot]"
HOME, FORK = 7, 8
"""Ids of the repository and of a fork."""
WORKFLOW = ".github/workflows/reconciler-plan.yml"
LONGEST = 65_536
ENTERPRISE = "/api/v3"
"""How the API's base ends on GitHub Enterprise Server."""
on_both = pytest.mark.parametrize("platform", ["", ENTERPRISE], indirect=True)
"""Run a test on github.com and on GitHub Enterprise Server."""
VIEWER = {"query": "{viewer {login}}"}
"""The only GraphQL query. The description covers the REST API alone."""


class Answer(NamedTuple):
    """A response: JSON, or raw bytes."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """A request; `path` is relative to the repository if it is in it, `address` is all of it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    token: str | None
    address: str
    headers: Mapping[str, str]


@dataclass
class Platform:
    """One repository on GitHub. `login` is the token's owner: a person, a GitHub App's bot, or the
    workflow itself. `viewable`: the token may ask who it is. `head` returns a branch's commit. A
    function in `twists` may respond instead of the API. `base` is where the API starts on the
    server, ENTERPRISE or "". `undescribed` lists what GitHub does not describe."""

    url: str = ""
    base: str = ""
    login: str = BOT
    viewable: bool = True
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    commits: dict[str, list[int]] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    content: dict[int, bytes] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    twists: list[Callable[[Asked], Answer | None]] = field(default_factory=list)
    undescribed: list[str] = field(default_factory=list)
    head: Callable[[str], str | None] = lambda _: None
    store: str = ""
    number: int = 100

    @property
    def api(self) -> str:
        """The API's address."""
        return f"{self.url}{self.base}"

    def check(self) -> None:
        """Raises UndescribedError if there was a request or a response that GitHub does not
        describe."""
        found, self.undescribed = self.undescribed, []
        if found:
            raise UndescribedError("; ".join(found))

    def new(self) -> int:
        """An unused number."""
        self.number += 1
        return self.number

    def fail(self, method: str, path: str, *answers: Answer) -> None:
        """Respond to the next requests whose path matches the pattern with these answers, in
        order."""
        remaining = list(answers)

        def twist(asked: Asked) -> Answer | None:
            match = asked.method == method and re.fullmatch(path, asked.path)
            return remaining.pop(0) if match and remaining else None

        self.twists.append(twist)

    def say(self, number: int, body: str, login: str = BOT) -> dict[str, Any]:
        """Add a comment."""
        comment = {"id": self.new(), "body": body, "user": {"login": login}}
        self.comments.setdefault(number, []).append(comment)
        return comment

    def raise_issue(self, title: str, body: str, login: str = BOT, **more: Any) -> dict[str, Any]:
        """Add an issue."""
        issue = {
            "number": self.new(),
            "title": title,
            "body": body,
            "state": "open",
            "user": {"login": login},
            **more,
        }
        self.issues.append(issue)
        return issue

    def keep(self, head: str, content: bytes, **run: Any) -> dict[str, Any]:
        """Add a plan's artifact for a head, from a run of the plan workflow."""
        number = self.new()
        self.runs[number] = {
            "id": number,
            "event": "pull_request",
            "head_sha": head,
            "path": WORKFLOW,
            "head_repository": {"full_name": REPOSITORY},
            "conclusion": "success",
            **run,
        }
        artifact = {
            "id": self.new(),
            "name": f"reconciler-plan-{head}",
            "expired": False,
            "created_at": f"2026-01-01T00:00:00.{number:06d}Z",
            "workflow_run": {
                "id": number,
                "head_sha": head,
                "repository_id": HOME,
                "head_repository_id": HOME,
            },
        }
        self.artifacts.append(artifact)
        self.content[artifact["id"]] = content
        return artifact

    def writes(self) -> list[tuple[str, str]]:
        """The requests since the last call that change something."""
        found = [
            (each.method, each.path)
            for each in self.asked
            if each.method != "GET" and "query" not in (each.body or {})
        ]
        self.asked.clear()
        return found

    def answer(self, asked: Asked) -> Answer:
        """The API's response: an error if the request is not described."""
        self.asked.append(asked)
        operation = error = None
        try:
            operation = self._described(asked)
        except UndescribedError as problem:
            error = str(problem)
            self.undescribed.append(error)
        for twist in self.twists:
            if (answer := twist(asked)) is not None:
                return answer
        if error is not None:
            return Answer(422, {"message": error})
        answer = self._default(asked)
        return answer if operation is None else self._completed(operation, answer)

    def _completed(self, operation: Operation, answer: Answer) -> Answer:
        """A response with everything that GitHub's has at least."""
        body = operation.completed(answer.status, answer.body)
        try:
            operation.check_response(answer.status, body)
        except UndescribedError as problem:
            self.undescribed.append(str(problem))
        return answer._replace(body=body)

    def _described(self, asked: Asked) -> Operation | None:
        """The operation of a request; None for GraphQL and for the artifacts' server. Raises
        UndescribedError."""
        if asked.path.startswith("/store/"):
            return None
        for name in ("User-Agent", "X-GitHub-Api-Version"):
            if name not in asked.headers:
                raise UndescribedError(f"{asked.method} {asked.address}: no {name}")
        if asked.method == "POST" and asked.address == self._graphql:
            if asked.body != VIEWER:
                raise UndescribedError(f"GraphQL: {asked.body}")
            return None
        path = asked.address.removeprefix(self.base)
        if not asked.address.startswith(f"{self.base}/"):
            raise UndescribedError(f"{asked.method} {asked.address} is not below {self.base}")
        # GitHub names the next page of a list by the repository's number.
        path = re.sub(f"^/repositories/{HOME}/", f"/repos/{REPOSITORY}/", path)
        file = "ghes-3.19" if self.base else "api.github.com"
        operation = description(file).operation(asked.method, path)
        content_type = asked.headers.get("Content-Type")
        operation.check_request(path, asked.query, asked.body, content_type)
        return operation

    @property
    def _graphql(self) -> str:
        return "/api/graphql" if self.base else "/graphql"

    def _default(self, asked: Asked) -> Answer:
        """The response if nothing goes wrong."""
        if asked.path.startswith("/store/"):
            content = self.content[int(asked.path.removeprefix("/store/"))]
            return Answer(400) if asked.token else Answer(200, content)
        if asked.token != f"Bearer {TOKEN}":
            return Answer(401, {"message": "Bad credentials"})
        if asked.address == self._graphql:
            return self._viewer()
        for method, pattern, act in self._routes():
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                try:
                    return act(asked, *match.groups())
                except (KeyError, StopIteration):
                    break
        return Answer(404, {"message": "Not Found"})

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", r"pulls/(\d+)", lambda _, number: Answer(200, self.pulls[int(number)])),
            ("GET", r"issues/(\d+)/comments", self._comments),
            ("POST", r"issues/(\d+)/comments", self._comment),
            ("PATCH", r"issues/comments/(\d+)", self._rewrite),
            ("DELETE", r"issues/comments/(\d+)", self._delete),
            ("GET", "issues", self._issues),
            ("POST", "issues", self._issue),
            ("PATCH", r"issues/(\d+)", self._change),
            ("GET", "git/ref/heads/(.+)", self._head),
            ("GET", "commits/([0-9a-f]+)/pulls", self._pulls_of),
            ("GET", "actions/artifacts", self._artifacts),
            ("GET", r"actions/artifacts/(\d+)/zip", self._zip),
            ("GET", r"actions/runs/(\d+)", lambda _, number: Answer(200, self.runs[int(number)])),
        ]

    def _viewer(self) -> Answer:
        if not self.viewable:
            error = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
            return Answer(200, {"data": None, "errors": [error]})
        return Answer(200, {"data": {"viewer": {"login": self.login}}})

    def _page(self, asked: Asked, entries: list[Any], key: str | None = None) -> Answer:
        """A page of a list, with the next one's address below the repository's number as on
        GitHub; `key` is the list's key if the response is an object."""
        size, page = min(int(asked.query.get("per_page", 30)), 100), int(asked.query.get("page", 1))
        start = (page - 1) * size
        headers = {}
        if start + size < len(entries):
            query = urlencode({**asked.query, "page": page + 1})
            address = f"{self.api}/repositories/{HOME}/{asked.path}?{query}"
            headers["Link"] = f'<{self.api}>; rel="first", <{address}>; rel="next"'
        body = entries[start : start + size]
        return Answer(
            200, body if key is None else {"total_count": len(entries), key: body}, headers
        )

    def _comments(self, asked: Asked, number: str) -> Answer:
        return self._page(asked, self.comments.get(int(number), []))

    def _comment(self, asked: Asked, number: str) -> Answer:
        if len(asked.body["body"]) > LONGEST:
            return Answer(422, {"message": "Validation Failed: body is too long"})
        return Answer(201, self.say(int(number), asked.body["body"], self.login))

    def _comment_by_id(self, number: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        return next(
            (comments, comment)
            for comments in self.comments.values()
            for comment in comments
            if comment["id"] == int(number)
        )

    def _rewrite(self, asked: Asked, number: str) -> Answer:
        _, comment = self._comment_by_id(number)
        comment["body"] = asked.body["body"]
        return Answer(200, comment)

    def _delete(self, _: Asked, number: str) -> Answer:
        siblings, comment = self._comment_by_id(number)
        siblings.remove(comment)
        return Answer(204)

    def _issues(self, asked: Asked) -> Answer:
        found = [each for each in self.issues if each["state"] == asked.query.get("state", "open")]
        return self._page(asked, found)

    def _issue(self, asked: Asked) -> Answer:
        issue = self.raise_issue(asked.body["title"], asked.body["body"], self.login)
        return Answer(201, issue)

    def _change(self, asked: Asked, number: str) -> Answer:
        issue = next(each for each in self.issues if each["number"] == int(number))
        issue.update(asked.body)
        return Answer(200, issue)

    def _head(self, _: Asked, branch: str) -> Answer:
        found = self.head(branch)
        if found is None:
            return Answer(404, {"message": "Not Found"})
        return Answer(200, {"ref": f"refs/heads/{branch}", "object": {"sha": found}})

    def _pulls_of(self, asked: Asked, commit: str) -> Answer:
        found = [self.pulls[number] for number in self.commits.get(commit, [])]
        return self._page(asked, found)

    def _artifacts(self, asked: Asked) -> Answer:
        name = asked.query.get("name")
        found = [each for each in self.artifacts if name in (None, each["name"])]
        return self._page(asked, found, "artifacts")

    def _zip(self, _: Asked, number: str) -> Answer:
        if not any(each["id"] == int(number) for each in self.artifacts):
            return Answer(410, {"message": "Artifact has expired"})
        return Answer(302, headers={"Location": f"{self.store or self.url}/store/{number}"})


def zipped(**files: bytes | str) -> bytes:
    """A ZIP archive of these files; underscores in a name become dots."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


@contextmanager
def emptied(served: Platform, base: str = "") -> Iterator[Platform]:
    """The API with empty state. Fails at the end if there was a request or a response that GitHub
    does not describe."""
    served.__dict__.update(Platform(url=served.url, base=base).__dict__)
    yield served
    served.check()


@contextmanager
def serving() -> Iterator[Platform]:
    """Serve the API in a thread within the context. Fails at its end like `emptied`."""
    platform = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            asked = Asked(
                self.command,
                re.sub(
                    f"^(/api/v3)?/(repos/{REPOSITORY}|repositories/{HOME})/",
                    "",
                    unquote(parts.path),
                ),
                {name: values[-1] for name, values in parse_qs(parts.query).items()},
                json.loads(content) if content else None,
                ", ".join(self.headers.get_all("Authorization", [])) or None,
                unquote(parts.path),
                self.headers,
            )
            try:
                answer = platform.answer(asked)
            except Exception as error:
                platform.undescribed.append(f"{asked.method} {asked.address}: {error!r}")
                raise
            body = answer.body
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.do)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    platform.check()
