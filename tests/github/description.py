"""GitHub's OpenAPI description (openapi/README.md): which requests and responses it allows.

The description is OpenAPI 3.0, whose schemas become JSON Schemas once `nullable` is a type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

FILES = Path(__file__).parent / "openapi"
JSON = "application/json"
MISSING: Any = object()
SAMPLES = {
    "string": "x",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "date-time": "2026-01-01T00:00:00Z",
    "uri": "https://github.example/x",
    "email": "a@agency.example",
}
"""Values by type and format."""


class UndescribedError(AssertionError):
    """A request or a response that GitHub does not describe."""


class Description:
    """The description of an API: of api.github.com, or of an Enterprise Server."""

    def __init__(self, name: str) -> None:
        document = _with_null(json.loads((FILES / f"{name}.json").read_bytes()))
        self.components = document["components"]
        self.operations = [
            Operation(self, method.upper(), template, operation)
            for template, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def operation(self, method: str, path: str) -> Operation:
        """The operation of a request. Raises UndescribedError."""
        for each in self.operations:
            if each.method == method and each.pattern.fullmatch(path):
                return each
        raise UndescribedError(f"{method} {path} is not described")

    def resolved(self, node: Any) -> Any:
        """A part of the description, or the one that it refers to."""
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.components[kind][name]
        return node

    def completed(self, schema: Any, value: Any = MISSING) -> Any:
        """A value with the least that a schema requires added to it: null where it may be."""
        schema = self.resolved(schema)
        for part in schema.get("allOf", ()):
            value = self.completed(part, value)
        if "allOf" in schema:
            return value
        schema = self.resolved((schema.get("anyOf") or schema.get("oneOf") or [schema])[0])
        types = schema.get("type", "object")
        if value is MISSING:
            if "null" in types:
                return None
            value = {} if types == "object" else self._sample(schema, types)
        if isinstance(value, list):
            return [self.completed(schema.get("items", {}), each) for each in value]
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            names = {*value, *schema.get("required", ())} & properties.keys()
            own = {each: self.completed(properties[each], value.get(each, MISSING)) for each in names}  # fmt: skip
            return {**value, **own}
        return value

    def _sample(self, schema: Any, kind: str) -> Any:
        if "enum" in schema:
            return schema["enum"][0]
        if kind == "array":
            return []
        sample = SAMPLES[schema.get("format") if schema.get("format") in SAMPLES else kind]
        return sample if kind != "string" else sample.ljust(schema.get("minLength", 0), "x")


class Operation:
    """A method of a path. `pattern` matches the path; `body` is the schema of the request's."""

    def __init__(
        self, description: Description, method: str, template: str, operation: Mapping[str, Any]
    ) -> None:
        parameters = [description.resolved(each) for each in operation["parameters"]]
        self.description = description
        self.method = method
        self.name = f"{method} {template}"
        self.path = {each["name"]: each for each in parameters if each["in"] == "path"}
        self.query = {each["name"]: each for each in parameters if each["in"] == "query"}
        self.body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
        self.body_required = operation.get("requestBody", {}).get("required", False)
        self.responses = operation["responses"]
        self.pattern = re.compile(re.sub(r"\{(\w+)\}", self._segment, template))
        self._checks: dict[str, Callable[[Any], Any]] = {}

    def _segment(self, found: re.Match[str]) -> str:
        characters = "." if self.path[found[1]].get("x-multi-segment") else "[^/]"
        return f"(?P<{found[1]}>{characters}+)"

    def check_request(
        self, path: str, query: Mapping[str, str], body: Any, content_type: str | None
    ) -> None:
        """Raises UndescribedError for a parameter or a body that the description does not allow."""
        match = self.pattern.fullmatch(path)
        assert match
        for name, value in match.groupdict().items():
            self._check(f"path {name}", self.path[name]["schema"], _typed(self.path[name], value))
        self._check_names("query", query, self.query)
        for name, value in query.items():
            self._check(
                f"query {name}", self.query[name]["schema"], _typed(self.query[name], value)
            )
        if body is None:
            if self.body_required:
                raise UndescribedError(f"{self.name}: there is no body")
            return
        if self.body is None or content_type != JSON:
            raise UndescribedError(f"{self.name}: a body of type {content_type}")
        self._check("body", self.body, body)
        self._check_names("body", body, self.description.resolved(self.body).get("properties", {}))

    def completed(self, status: int, body: Any) -> Any:
        """A response's body with everything that the description requires."""
        schema = self._response(status)
        return body if schema is None else self.description.completed(schema, body)

    def check_response(self, status: int, body: Any) -> None:
        """Raises UndescribedError for a response that the description does not allow. GitHub
        responds to any request with 401, 403 and 404."""
        if str(status) not in self.responses and status not in (401, 403, 404):
            raise UndescribedError(f"{self.name}: status {status} is not described")
        schema = self._response(status)
        if schema is not None:
            self._check(f"response {status}", schema, body)
        elif body is not None:
            raise UndescribedError(f"{self.name}: {status} has a body")

    def _response(self, status: int) -> Any:
        """The schema of a response's body, None if it has none."""
        found = self.responses.get(str(status), {"$ref": "#/components/responses/not_found"})
        return self.description.resolved(found).get("content", {}).get(JSON, {}).get("schema")

    def _check(self, place: str, schema: Any, value: Any) -> None:
        if place not in self._checks:
            whole = {"allOf": [schema], "components": self.description.components}
            self._checks[place] = fastjsonschema.compile(whole)
        try:
            self._checks[place](value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise UndescribedError(f"{self.name}: {place}: {error.message}") from None

    def _check_names(self, place: str, names: Mapping[str, Any], described: object) -> None:
        unknown = [name for name in names if name not in described]  # type: ignore[operator]
        if unknown:
            raise UndescribedError(f"{self.name}: {place} has {', '.join(unknown)}")


def _typed(parameter: Mapping[str, Any], text: str) -> str | int:
    """A parameter's value: a number if the text is one and its schema expects one."""
    number = parameter["schema"].get("type") == "integer" and text.isdigit()
    return int(text) if number else text


def _with_null(node: Any) -> Any:
    """A part of a description with `nullable` as a type."""
    if isinstance(node, list):
        return [_with_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _with_null(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is not True:
        return found
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    if "type" in found:
        return {**found, "type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


@cache
def description(name: str) -> Description:
    """The description in a file."""
    return Description(name)
