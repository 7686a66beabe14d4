"""The text of a JSON Schema, as an editor with a YAML language server reads it.

The dialect is draft-07, the only one that the language server implements in full. pydantic's output
for our models uses nothing newer but `$defs`. References are resolved here: draft-07 ignores what
is next to a `$ref`, descriptions included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_DIALECT = "http://json-schema.org/draft-07/schema#"


def schema_text(schema: Mapping[str, Any], title: str) -> str:
    """A schema of pydantic's as the text of a file."""
    plain = {"$schema": _DIALECT, "title": title, **_plain(schema, schema.get("$defs", {}))}
    return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """`node` with references resolved, and without the titles that pydantic derives from names."""
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
