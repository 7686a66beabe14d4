"""The files in schemas/: JSON Schemas made from the models that check and print the data."""

from __future__ import annotations

from pydantic import TypeAdapter

from reconciler.documents.agents import model_of
from reconciler.documents.config import config_model
from reconciler.documents.schema import schema_text
from reconciler.portals.registry import parts, sections
from reconciler.render.json_types import PlanJson, ReportJson


def editor_schemas() -> dict[str, str]:
    """What an editor checks a repository's files by: the text of each schema, by its name."""
    agent = model_of(parts()).adapter.json_schema()
    config = config_model(tuple(sections().items())).model_json_schema()
    return {
        "agent.schema.json": schema_text(agent, "Agent"),
        "reconciler.schema.json": schema_text(config, "reconciler.yaml"),
    }


def schemas() -> dict[str, str]:
    """All schemas: those of the editor, and those of the JSON that commands print."""
    plan = TypeAdapter(PlanJson).json_schema()
    report = TypeAdapter(ReportJson).json_schema()
    return {
        **editor_schemas(),
        "plan.schema.json": schema_text(plan, "Plan"),
        "report.schema.json": schema_text(report, "Report"),
    }
