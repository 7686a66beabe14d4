"""JSON schemas of the files: an editor with the YAML language server completes and checks by them.

They are made from the models that check the files, so both find the same mistakes, as far as a
schema can say them. The dialect is draft-07, the one that the language server implements in full;
what pydantic emits for these models uses nothing that came later but `$defs`, and that is resolved
here, because draft-07 ignores what stands beside a `$ref`, descriptions included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.documents.agents import AGENT
from reconciler.documents.config import Config

_DIALECT = "http://json-schema.org/draft-07/schema#"


def schemas() -> dict[str, str]:
    """The text of each schema file, by its name: one for an agent, one for `reconciler.yaml`."""
    return {
        "agent.schema.json": _text(AGENT.json_schema(), "Agent"),
        "reconciler.schema.json": _text(Config.model_json_schema(), "reconciler.yaml"),
    }


def _text(schema: Mapping[str, Any], title: str) -> str:
    plain = {"$schema": _DIALECT, "title": title, **_plain(schema, schema.get("$defs", {}))}
    return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """`node` with references resolved, and without the titles that pydantic makes of names."""
    if isinstance(node, list):
        return [_plain(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = target | {key: value for key, value in node.items() if key != "$ref"}
    return {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key != "$defs" and not (key == "title" and isinstance(value, str))
    }
