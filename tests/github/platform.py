"""The part of GitHub's API that the program uses, on loopback: real HTTP, with switches for
failures."""

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

REPOSITORY = "agency/agents"
TOKEN = "token-of-the-runner"
BOT = "github-actions[bot]"
HOME, FORK = 7, 8
"""Ids of the repository and of a fork."""
WORKFLOW = ".github/workflows/reconciler-plan.yml"
LONGEST = 65_536


class Answer(NamedTuple):
    """A response: JSON, or raw bytes."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """A request; `path` is relative to the repository if it is in it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    token: str | None


@dataclass
class Platform:
    """One repository on GitHub. `login` is the token's owner: a person, a GitHub App's bot, or the
    workflow itself. `viewable`: the token may ask who it is. `head` returns a branch's commit. A function in `twists` may respond instead of the API."""

    url: str = ""
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
    head: Callable[[str], str | None] = lambda _: None
    store: str = ""
    number: int = 100

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
        """The API's response."""
        self.asked.append(asked)
        for twist in self.twists:
            if (answer := twist(asked)) is not None:
                return answer
        if asked.path.startswith("/store/"):
            content = self.content[int(asked.path.removeprefix("/store/"))]
            return Answer(400) if asked.token else Answer(200, content)
        if asked.token != f"Bearer {TOKEN}":
            return Answer(401, {"message": "Bad credentials"})
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
            ("POST", "(?:/api)?/graphql", self._viewer),
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

    def _viewer(self, asked: Asked) -> Answer:
        assert asked.body == {"query": "{viewer {login}}"}
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
            address = f"{self.url}/repositories/{HOME}/{asked.path}?{query}"
            headers["Link"] = f'<{self.url}>; rel="first", <{address}>; rel="next"'
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
def serving() -> Iterator[Platform]:
    """Serve the API in a thread within the context."""
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
            )
            answer = platform.answer(asked)
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

    for method in ("GET", "POST", "PATCH", "DELETE"):
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
