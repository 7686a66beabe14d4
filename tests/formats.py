"""Check the JSON that commands print against schemas/."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
from jsonschema import Draft7Validator

SCHEMAS = Path(__file__).parents[1] / "schemas"


@cache
def validator(name: str) -> Draft7Validator:
    """The validator of a schema file."""
    return Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")))


@cache
def _compiled(name: str) -> Callable[[Any], Any]:
    """A fast check against a schema file, for the many outputs that tests read."""
    return fastjsonschema.compile(validator(name).schema)


def check_format(output: Any) -> None:
    """Fail unless a plan, a report, a list or an import is valid by its schema; other JSON has
    none."""
    if isinstance(output, dict) and "digest" in output:
        _compiled("report" if "results" in output else "plan")(output)
    elif isinstance(output, dict) and "duplicates" in output:
        _compiled("list")(output)
    elif isinstance(output, dict) and "only_on_portal" in output:
        _compiled("import")(output)
