"""The checks against Property Finder's own document find what is outside of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from agency import Agency, person, section
from propertyfinder_schema import (
    API,
    FORMATS,
    TALLY,
    answer_problems,
    errors_of,
    request_problems,
    take_problems,
)
from starlette.responses import JSONResponse, Response

from reconciler.sandbox.propertyfinder import Readings

JSON = {"content-type": "application/json"}
REQUESTS: list[tuple[str, str, str, Any, str]] = [
    ("GET", "/v1/users", "page=1&perPage=100&status=inactive&email=a@b.example", None, ""),
    ("GET", "/v1/users", "page=0", None, "parameter page"),
    ("GET", "/v1/users", "perPage=x", None, "perPage"),
    ("GET", "/v1/users", "status=archived", None, "status"),
    ("GET", "/v1/users", "page=1&page=2", None, "twice"),
    ("GET", "/v1/users", "colour=red", None, "unknown parameter"),
    ("GET", "/v1/users/", "", None, "no such call"),
    ("GET", "/v1/users/5", "", None, "no such call"),
    ("DELETE", "/v1/users/5", "", None, "no such call"),
    ("POST", "/oauth/token", "", {}, "no such call"),
    ("PATCH", "/v1/users/5", "", {"roleId": "3", "isActive": False}, ""),
    ("PATCH", "/v1/users/5", "", {"roleId": 3}, "roleId"),
    ("PATCH", "/v1/users/5", "", {"status": "inactive"}, "status"),
    ("PATCH", "/v1/users/5", "", {"email": "nobody"}, "email"),
    ("PATCH", "/v1/users/5", "", None, "content type"),
    ("PATCH", "/v1/public-profiles/5", "", {"spokenLanguages": None, "compliances": []}, ""),
    ("PATCH", "/v1/public-profiles/5", "", {"imageUrl": None}, "imageUrl"),
    ("PATCH", "/v1/public-profiles/5", "", {"imageUrl": "https://a.example/ф.jpg"}, "imageUrl"),
    ("PATCH", "/v1/public-profiles/5", "", {"nationality": "MC"}, "nationality"),
    ("PATCH", "/v1/public-profiles/5", "", {"spokenLanguages": [1, 1]}, "spokenLanguages"),
    ("PATCH", "/v1/public-profiles/5", "", {"bio": "x"}, "bio"),
    ("PATCH", "/v1/public-profiles/5", "", {"colour": "red"}, "colour"),
    (
        "PATCH",
        "/v1/public-profiles/5",
        "",
        {"compliances": [{"type": "brn", "value": "1", "expiryDate": "2027-02-30"}]},
        "expiryDate",
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "problem"), REQUESTS)
def test_a_request(method: str, path: str, query: str, body: Any, problem: str) -> None:
    """Path, method, parameters and body are checked, with the formats."""
    raw = b"" if body is None else json.dumps(body).encode()
    headers = {} if body is None else JSON
    found = request_problems(method, path, query, headers, raw)
    assert problem in " ".join(found)
    assert bool(found) is bool(problem)


def test_a_header() -> None:
    """The format of errors is one of a list."""
    headers = {"x-pf-error-format": "problem-json-v1"}
    assert request_problems("GET", "/v1/roles", "", headers, b"") != []
    headers = {"x-pf-error-format": "problem-json-v2"}
    assert request_problems("GET", "/v1/roles", "", headers, b"") == []


ROLE = {"id": 3, "name": "Agent", "roleKey": "agent", "baseRoleKey": "agent", "isCustom": False}
USER = {
    "id": 1,
    "firstName": "Ana",
    "lastName": None,
    "email": "a@b.example",
    "mobile": None,
    "status": "active",
    "callTracking": None,
    "role": ROLE,
    "createdAt": "2026-01-01T00:00:00Z",
}


def listed(**values: Any) -> JSONResponse:
    """A page with one user."""
    page = {"total": 1, "page": 1, "perPage": 50, "totalPages": 1, "nextPage": None}
    user = {name: value for name, value in {**USER, **values}.items() if value is not ...}
    return JSONResponse({"data": [user], "pagination": {**page, "prevPage": None}})


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (listed(), ""),
        (listed(role=...), "role"),
        (listed(status="archived"), "archived"),
        (listed(createdAt="yesterday"), "createdAt"),
        (listed(publicProfile={"id": 1}), "imageVariants"),
        (JSONResponse({"data": []}), "pagination"),
        (JSONResponse([]), "object"),
        (JSONResponse({"title": "x"}, 418), "418"),
        (JSONResponse({"title": "x"}, 400, media_type="application/problem+json"), "status"),
        (JSONResponse({"type": "GONE"}, 400), "GONE"),
        (JSONResponse({"type": "NOT_FOUND"}, 400), ""),
        (Response("x", 400, media_type="text/html"), "text/html"),
    ],
)
def test_an_answer(answer: Response, problem: str) -> None:
    """Status, content type and body are checked, with the formats."""
    found = answer_problems("GET", "/v1/users", answer)
    assert problem in " ".join(found)
    assert bool(found) is bool(problem)


def test_an_answer_without_a_body() -> None:
    """A patch has none."""
    assert answer_problems("PATCH", "/v1/users/5", Response(status_code=204)) == []
    assert answer_problems("PATCH", "/v1/users/5", Response("x", 204)) != []
    assert answer_problems("PATCH", "/v1/users/5", JSONResponse(USER)) != []


def test_all_formats_of_the_document_are_checked() -> None:
    """But for the size of an integer, which has a minimum and a maximum."""

    def formats(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(formats, value))
        if not isinstance(value, dict):
            return set()
        own = {value["format"]} if isinstance(value.get("format"), str) else set()
        return own.union(*map(formats, value.values()))

    assert formats(API) - {*FORMATS.checkers} == {"int32"}
    schema = {"type": "array", "items": {"type": "string", "format": "date-time"}}
    assert len(errors_of(schema, ["2027-02-29T00:00:00Z", "2027-02-28T00:00:00Z"])) == 1


def test_what_a_test_sends_and_gets_is_checked(agency: Agency) -> None:
    """Also by the program: the requests and answers are counted, and none is outside."""
    before = TALLY.requests, TALLY.answers
    agency.live_pf(person(1))
    agency.use(propertyfinder={})
    agency.declare({"externalId": "a", "propertyfinder": section(1, name="Ana")})
    assert agency.apply()["exit"] == 0
    calls = len(agency.calls("propertyfinder"))
    assert (TALLY.requests - before[0], TALLY.answers - before[1]) == (calls, calls)
    assert take_problems() == []


@pytest.mark.parametrize(
    ("readings", "found"),
    [(Readings(), 2), (Readings(shape="more"), 2), (Readings(shape="older"), 0)],
)
def test_a_violation_fails_the_test(agency: Agency, readings: Readings, found: int) -> None:
    """A request, and an answer of data that no portal could have; a reading that departs from the
    document on purpose is exempt."""
    agency.live_pf(person(1, imageVariants={"small": "https://a.example/x"}), readings=readings)
    agency.pf.tokens["token"] = 10.0**12
    url = agency.portal.urls["propertyfinder"]
    headers = {"Authorization": "Bearer token"}
    httpx.get(f"{url}/v1/users?colour=red", headers=headers)
    httpx.get(f"{url}/v1/users", headers=headers)
    problems = take_problems()
    assert len(problems) == found, problems
    TALLY.found -= found
