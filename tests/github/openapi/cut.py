"""Cut the excerpt of GitHub's OpenAPI description that the tests use: see README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/actions/artifacts": ["get"],
    "/actions/artifacts/{artifact_id}/{archive_format}": ["get"],
    "/actions/runs/{run_id}": ["get"],
    "/commits/{commit_sha}/pulls": ["get"],
    "/git/ref/{ref}": ["get"],
    "/issues": ["get", "post"],
    "/issues/comments/{comment_id}": ["patch", "delete"],
    "/issues/{issue_number}": ["patch"],
    "/issues/{issue_number}/comments": ["get", "post"],
    "/pulls/{pull_number}": ["get"],
}
"""What the program asks of GitHub, below the repository."""
PROSE = {
    *("description", "example", "examples", "externalDocs", "operationId", "summary", "tags"),
    *("title", "x-github", "x-octokit"),
}
"""Keys that check nothing."""


def cut(source: dict[str, Any]) -> dict[str, Any]:
    """A description with these operations, and the components that they refer to."""
    paths = {
        f"{REPOSITORY}{path}": {
            method: without_prose(source["paths"][f"{REPOSITORY}{path}"][method])
            for method in methods
        }
        for path, methods in OPERATIONS.items()
    }
    components: dict[str, dict[str, Any]] = {}
    waiting = set(references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in components.setdefault(kind, {}):
            found = components[kind][name] = without_prose(source["components"][kind][name])
            waiting.update(references(found))
    kept = {key: source[key] for key in ("openapi", "info", "servers")}
    return {**kept, "paths": paths, "components": components}


def without_prose(node: Any, *, names: bool = False) -> Any:
    """A part of a description without what is for people; `names`: its keys are names."""
    if isinstance(node, dict):
        return {
            key: without_prose(value, names=key == "properties")
            for key, value in node.items()
            if names or key not in PROSE
        }
    return [without_prose(each) for each in node] if isinstance(node, list) else node


def references(node: Any) -> Iterator[str]:
    """What a part of a description refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def lines(document: dict[str, Any]) -> Iterator[str]:
    """The document as JSON with a line for each path and component."""
    top = {key: document[key] for key in ("openapi", "info", "servers")}
    yield json.dumps(top)[:-1] + ', "paths": {'
    yield block(document["paths"])
    yield '}, "components": {'
    kinds = [
        f"{json.dumps(kind)}: {{\n{block(found)}\n}}"
        for kind, found in sorted(document["components"].items())
    ]
    yield ",\n".join(kinds)
    yield "}}"


def block(entries: dict[str, Any]) -> str:
    """Entries of an object, one a line."""
    return ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(entries.items())
    )


if __name__ == "__main__":
    for name in ("api.github.com", "ghes-3.19"):
        whole = json.loads((Path(sys.argv[1]) / "generated" / f"{name}.json").read_bytes())
        (HERE / f"{name}.json").write_text("\n".join(lines(cut(whole))) + "\n", "utf-8")
