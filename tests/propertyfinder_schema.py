"""Check requests and responses against the vendor's own document: tests/propertyfinder_api.

`watch` makes the simulated portal check every request that it receives and every response that it
returns. What faults and hooks do to a response afterwards is not its own. A reading that departs
from the vendor's document (`Readings.departs`) is not checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from starlette.requests import Request
from starlette.responses import Response

from reconciler.sandbox.gate import RefusalError, Route
from reconciler.sandbox.propertyfinder.calls import PropertyFinder

FILE = Path(__file__).parent / "propertyfinder_api" / "openapi.json"
API: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
FORMATS = FormatChecker(("date", "date-time", "email", "uri", "uri-reference", "uuid"))
UNDOCUMENTED = {
    # A key without the scope: the prose documents it for every call.
    ("POST", "/v1/users", 403),
}
"""Statuses that the document does not list for a call and that are right."""
RESET = 503
"""The status of a request that was in progress when a test reset the portal."""


@dataclass
class Tally:
    """How much was checked and is outside the document, and the `problems` of the running test.
    `refusals`: requests are being sent that the portal is meant to refuse."""

    requests: int = 0
    answers: int = 0
    found: int = 0
    problems: list[str] = field(default_factory=list)
    refusals: bool = False


TALLY = Tally()


# -- the document --------------------------------------------------------------------------------


def resolved(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object of the document; a reference is followed."""
    found: Any = value
    while "$ref" in found:
        target: Any = API
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found = target
    return dict(found)


@dataclass(frozen=True)
class Operation:
    """A call of the document: its method, its path as written there, and its description."""

    method: str
    path: str
    description: Mapping[str, Any]

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """The parameters in the `query`, `path` or `header`, by name."""
        found = map(resolved, self.description.get("parameters", ()))
        return {each["name"]: each for each in found if each["in"] == place}


@cache
def operations() -> list[tuple[re.Pattern[str], Operation]]:
    """All calls, each with a pattern of its path."""
    return [
        (re.compile(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path))), operation)
        for path, calls in API["paths"].items()
        for method, description in calls.items()
        for operation in [Operation(method.upper(), path, description)]
    ]


def find(method: str, path: str) -> Operation | None:
    """The call of a request; None if the document has none."""
    return next(
        (
            each
            for pattern, each in operations()
            if each.method == method and pattern.fullmatch(path)
        ),
        None,
    )


@cache
def validator(schema: str) -> Draft202012Validator:
    """The validator of a schema, which is given as JSON."""
    document = DRAFT202012.create_resource(API)
    registry: Any = Registry().with_resource("vendor:api", document)
    content = json.loads(schema.replace('"#/', '"vendor:api#/'))
    return Draft202012Validator(content, registry=registry, format_checker=FORMATS)


@lru_cache(maxsize=65536)
def _errors(schema: str, text: str) -> tuple[str, ...]:
    errors = validator(schema).iter_errors(json.loads(text))
    return tuple(f"{each.json_path}: {each.message}" for each in errors)


def errors_of(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What is wrong with a value. A page's users are checked one by one, each version once."""
    whole = resolved(schema)
    items = whole.get("properties", {}).get("data", {}).get("items")
    rows = value.get("data") if isinstance(value, dict) else None
    found: list[str] = []
    if items is not None and isinstance(rows, list):
        value = {**value, "data": []}
        for place, row in enumerate(rows):
            found += (f"data[{place}] {each}" for each in _check(items, row))
    return [*_check(schema, value), *found]


def _check(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    return _errors(json.dumps(schema), json.dumps(value, sort_keys=True))


# -- requests and responses ------------------------------------------------------------------------


def request_problems(
    method: str, path: str, query: str, headers: Mapping[str, str], raw: bytes
) -> list[str]:
    """What is wrong with a request. `path` is as sent, without the query."""
    operation = find(method, path)
    if operation is None:
        return ["there is no such call"]
    return [
        *_query_problems(operation, query),
        *_header_problems(operation, headers),
        *_body_problems(operation, headers, raw),
    ]


def _query_problems(operation: Operation, query: str) -> Iterator[str]:
    known = operation.parameters("query")
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, text in pairs:
        if name not in known:
            yield f"unknown parameter {name}"
        elif sum(name == other for other, _ in pairs) > 1:
            yield f"parameter {name} appears twice"
        else:
            schema = known[name]["schema"]
            yield from (f"parameter {name} {each}" for each in _check(schema, _typed(schema, text)))
    for name, each in known.items():
        if each.get("required") and name not in dict(pairs):
            yield f"no parameter {name}"


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    """The value of a parameter; one that is not of the schema's type stays a text."""
    pattern = {"integer": "-?[0-9]+", "boolean": "true|false", "number": r"-?[0-9]+(\.[0-9]+)?"}
    kind = schema.get("type")
    return json.loads(text) if kind in pattern and re.fullmatch(pattern[kind], text) else text


def _header_problems(operation: Operation, headers: Mapping[str, str]) -> Iterator[str]:
    for name, each in operation.parameters("header").items():
        if name.lower() in headers:
            found = _check(each["schema"], headers[name.lower()])
            yield from (f"header {name} {problem}" for problem in found)


def _body_problems(operation: Operation, headers: Mapping[str, str], raw: bytes) -> Iterator[str]:
    body = operation.description.get("requestBody")
    if body is None:
        if raw:
            yield "no body is expected"
        return
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in body["content"]:
        yield f"content type {media or 'missing'}"
        return
    try:
        value = json.loads(raw)
    except ValueError:
        yield "the body is not JSON"
        return
    yield from (f"body {each}" for each in errors_of(body["content"][media]["schema"], value))


def answer_problems(method: str, path: str, response: Response) -> list[str]:
    """What is wrong with a response to a call of the document."""
    operation, status = find(method, path), response.status_code
    if operation is None or status == RESET or (method, path, status) in UNDOCUMENTED:
        return []
    listed = operation.description["responses"].get(str(status))
    if listed is None:
        return [f"status {status} is not documented"]
    content = resolved(listed).get("content")
    if content is None:
        return ["no body is documented"] if response.body else []
    media = response.headers["content-type"].partition(";")[0]
    if media not in content:
        return [f"content type {media} is not documented"]
    return errors_of(content[media]["schema"], json.loads(bytes(response.body)))


def take_problems() -> list[str]:
    """What was found since the last call."""
    found, TALLY.problems = TALLY.problems, []
    return found


# -- the simulated portal --------------------------------------------------------------------------


@contextmanager
def refusals() -> Iterator[None]:
    """Requests sent inside are outside the document on purpose: the portal refuses them."""
    before, TALLY.refusals = TALLY.refusals, True
    try:
        yield
    finally:
        TALLY.refusals = before


@cache
def watch() -> None:
    """Make every simulated Property Finder of this process check what it receives and returns."""
    admit, routes, refusal = PropertyFinder._admit, PropertyFinder.routes, PropertyFinder.refusal

    def check_request(self: PropertyFinder, request: Request, raw: bytes, *more: Any) -> Any:
        if not _departs(self):
            TALLY.requests += not TALLY.refusals
            path, _, query = _target(request)
            headers = {name.lower(): value for name, value in request.headers.items()}
            found = request_problems(request.method, path, query, headers, raw)
            if not TALLY.refusals:
                _report("request", request.method, request.url.path, found)
        return admit(self, request, raw, *more)

    def check_routes(self: PropertyFinder) -> tuple[Route, ...]:
        return tuple(_checked(self, route) for route in routes(self))

    def check_refusal(self: PropertyFinder, request: Request, problem: RefusalError) -> Response:
        response = refusal(self, request, problem)
        _check_answer(self, request.method, _target(request)[0], response)
        return response

    PropertyFinder._admit = check_request  # type: ignore[method-assign]
    PropertyFinder.routes = check_routes  # type: ignore[method-assign]
    PropertyFinder.refusal = check_refusal  # type: ignore[method-assign]


def _checked(portal: PropertyFinder, route: Route) -> Route:
    def handle(call: Any, handler: Callable[[Any], Response] = route.handler) -> Response:
        response = handler(call)
        _check_answer(portal, call.method, call.path.partition("?")[0], response)
        return response

    return replace(route, handler=handle)


def _check_answer(portal: PropertyFinder, method: str, path: str, response: Response) -> None:
    if _departs(portal) or find(method, path) is None:
        return
    TALLY.answers += 1
    _report("answer", method, path, answer_problems(method, path, response))


def _departs(portal: PropertyFinder) -> bool:
    return portal.state.propertyfinder.readings.departs()


def _target(request: Request) -> tuple[str, str, str]:
    """The path and the query of a request, as sent."""
    path = request.scope["raw_path"].decode("ascii")
    return path, "?", request.scope["query_string"].decode("latin-1")


def _report(what: str, method: str, path: str, problems: list[str]) -> None:
    TALLY.found += bool(problems)
    TALLY.problems += [f"{what} {method} {unquote(path)}: {each}" for each in problems]
