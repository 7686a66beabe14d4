"""The files in schemas/: JSON Schemas made from the models that check and print the data.

The dialect is draft-07, the only one that the YAML language server of editors implements in full.
pydantic's output for our models uses nothing newer but `$defs`. References are resolved here:
draft-07 ignores what is next to a `$ref`, descriptions included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from reconciler.documents.agents import model_of
from reconciler.documents.config import config_model
from reconciler.portals.registry import parts, sections
from reconciler.render.json_types import ImportJson, PlanJson, ReportJson, RosterJson


def editor_schemas() -> dict[str, str]:
    """What an editor checks a repository's files by: the text of each schema, by its name."""
    agent = model_of(parts()).adapter.json_schema()
    config = config_model(tuple(sections().items())).model_json_schema()
    return {
        "agent.schema.json": _text(agent, "Agent"),
        "reconciler.schema.json": _text(config, "reconciler.yaml"),
    }


def schemas() -> dict[str, str]:
    """All schemas: those of the editor, and those of the JSON that commands print."""
    plan = TypeAdapter(PlanJson).json_schema()
    report = TypeAdapter(ReportJson).json_schema()
    return {
        **editor_schemas(),
        "plan.schema.json": _text(plan, "Plan"),
        "report.schema.json": _text(report, "Report"),
        "list.schema.json": _text(TypeAdapter(RosterJson).json_schema(), "List"),
        "import.schema.json": _text(TypeAdapter(ImportJson).json_schema(), "Import"),
    }


def _text(schema: Mapping[str, Any], title: str) -> str:
    plain = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **_plain(schema, schema.get("$defs", {})),
    }
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
