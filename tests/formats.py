"""Check the JSON that commands print against schemas/."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

SCHEMAS = Path(__file__).parents[1] / "schemas"


@cache
def validator(name: str) -> Draft7Validator:
    """The validator of a schema file."""
    return Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")))


def check_format(output: Any) -> None:
    """Fail unless a plan or a report is valid by its schema; other JSON has none."""
    if not isinstance(output, dict) or "digest" not in output:
        return
    name = "report" if "results" in output else "plan"
    errors = [f"{each.json_path}: {each.message}" for each in validator(name).iter_errors(output)]
    assert errors == [], name
