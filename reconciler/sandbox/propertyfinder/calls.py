"""The Property Finder users API: its access, limits, errors and calls.

Facts: docs/portals/propertyfinder.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.gate import Gate, RateLimit, RefusalError, Respond, Route
from reconciler.sandbox.propertyfinder import body, listings
from reconciler.sandbox.propertyfinder.body import Problem, ProblemsError
from reconciler.sandbox.propertyfinder.paging import (
    PARAMETERS,
    page_of,
    pagination,
    paging_problems,
)
from reconciler.sandbox.propertyfinder.store import CONTAINS
from reconciler.sandbox.propertyfinder.user import (
    STATUSES,
    User,
    empty_profile,
    show,
    show_created,
    show_role,
)
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

if TYPE_CHECKING:
    from starlette.requests import Request

_TOKEN = "token"
_TYPES = {
    401: "AUTHENTICATION",
    403: "AUTHORIZATION",
    404: "NOT_FOUND",
    405: "NOT_FOUND",
    409: "CONFLICT",
    422: "BUSINESS_VALIDATION",
    429: "RATE_LIMIT",
    500: "INTERNAL",
    502: "BAD_GATEWAY",
    504: "TIMEOUT",
}
"""The type of an error in the older format; SCHEMA_VALIDATION for other statuses."""
_PROBLEMS = "https://problems.atlas.propertyfinder.com"
_FILTERS = {
    "status": "status",
    "roleId": "role_id",
    "email": "email",
    "id": "id",
    "publicProfileId": "profile_id",
}
_NUMBERS = ("roleId", "id", "publicProfileId")
_LISTS = ("email", "id", "publicProfileId")
"""The filters that take several values, separated by commas."""


class PropertyFinder(Gate):
    """The portal's application, mounted at the root."""

    NAME = "propertyfinder"
    UNSUPPORTED = 400

    def __init__(self, state: State, respond: Respond) -> None:
        """Serve the portal from this state."""
        super().__init__(state, respond)
        self._calls = calls = Calls(state)
        self._routes = (
            Route("GET", "/v1/users", calls.list, "users:read"),
            Route("POST", "/v1/users", calls.create, "users:full_access"),
            Route("PATCH", "/v1/users/:id", calls.change_account, "users:full_access"),
            Route("PATCH", "/v1/public-profiles/:id", calls.change_profile, "users:full_access"),
            Route("GET", "/v1/roles", calls.roles, "roles:read"),
            Route("GET", "/v1/listings", partial(listings.search, state), "listings:read"),
        )

    def routes(self) -> tuple[Route, ...]:
        """Return the documented calls; the path of the token call is a reading (doubt 1)."""
        path = self.state.propertyfinder.readings.token_path
        return (Route("POST", path, self._calls.token, _TOKEN), *self._routes)

    def check_access(self, request: Request, route: Route | None) -> None:
        """Check that the token is valid and its key has the scope of the call."""
        if route is None or route.kind == _TOKEN:
            return
        mine = self.state.propertyfinder
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RefusalError(401, "A bearer token is required")
        if mine.tokens.get(token.strip(), 0) <= self.state.clock():
            raise RefusalError(401, "The token is not valid or has expired")
        if route.kind not in mine.scopes:
            named = mine.readings.scope_detail == "named"
            message = f"The scope {route.kind} is required" if named else "Access is denied"
            raise RefusalError(403, message)

    def rate_limits(self, route: Route | None) -> list[RateLimit]:
        """Count token requests in one window and all others in another."""
        mine = self.state.propertyfinder
        limits = mine.limits
        if route is not None and route.kind == _TOKEN:
            return [RateLimit(mine.token_requests, limits.token_rate_limit, limits.rate_window)]
        return [RateLimit(mine.requests, limits.rate_limit, limits.rate_window)]

    def sends_retry_after(self) -> bool:
        """Follow the reading: `Retry-After` is not documented."""
        return self.state.propertyfinder.readings.retry == "retry-after"

    def refusal(self, request: Request, problem: RefusalError) -> Response:
        """Return the error in the format that the request asks for, or the older one ("Errors")."""
        status = problem.status
        title = HTTPStatus(status).phrase
        problems = problem.problems if isinstance(problem, ProblemsError) else []
        error: Json = {"title": title, "detail": problem.message}
        if problems:
            error["errors"] = [each._asdict() for each in problems]
        is_v2 = request.headers.get("x-pf-error-format") == "problem-json-v2"
        if not is_v2 or self.state.propertyfinder.readings.errors == "older":
            error["type"] = _TYPES.get(status, "SCHEMA_VALIDATION")
            return JSONResponse(error, status, problem.headers)
        name = title.lower().replace(" ", "-")
        error |= {
            "type": f"{_PROBLEMS}/common-http-{status}-{name}/",
            "code": f"common_http_{status}-{name}",
            "status": status,
            "attributes": {"trace_id": uuid4().hex},
        }
        return JSONResponse(error, status, problem.headers, "application/problem+json")


class Calls:
    """The six calls, on a state and under its readings."""

    def __init__(self, state: State) -> None:
        """Use this state."""
        self._state = state
        self._mine = state.propertyfinder

    def token(self, call: Call) -> Response:
        """Return a new token; earlier ones stay valid."""
        mine, given = self._mine, body.credentials(call.body)
        if (given["apiKey"], given["apiSecret"]) != (mine.key, mine.secret):
            raise RefusalError(401, "The API key or its secret is wrong")
        token, lifetime = f"sandbox-token-{uuid4().hex}", mine.limits.token_lifetime
        mine.tokens[token] = self._state.clock() + lifetime
        return JSONResponse({"accessToken": token, "tokenType": "Bearer", "expiresIn": lifetime})

    def list(self, call: Call) -> Response:
        """Return a page of the users that match every filter; late pictures count such reads."""
        page, size, filters = _query(call.query)
        if self._mine.readings.listing == "active":  # doubt 7
            filters.setdefault("status", ["active"])
        users, total = self._mine.users.page(filters, (page - 1) * size, size)
        for user in users:
            if user.advance_import(self._state.clock()):
                self._mine.users.save(user)
        roles = self._mine.users.roles()
        data = [show(user, self._mine.readings, roles) for user in users]
        return JSONResponse({"data": data, "pagination": pagination(total, page, size)})

    def create(self, call: Call) -> Response:
        """Create a user with a public profile."""
        given = body.new_user(call.body, self._mine.readings)
        number, profile_id = self._mine.users.next_ids()
        user = User(
            id=number,
            email=given["email"],
            mobile=given["mobile"],
            role_id=given["roleId"],
            profile_id=profile_id,
            profile=empty_profile(),
            created_at=datetime.fromtimestamp(self._state.clock(), UTC).isoformat(),
        )
        body.write_account(user, given, self._mine.readings)
        self._write_profile(user, given["publicProfile"])
        self._save(user)
        return JSONResponse(show_created(user, self._mine.readings), 201)

    def change_account(self, call: Call) -> Response:
        """Change the private part of a user."""
        given = body.account(call.body, self._mine.readings)
        user = _found(self._mine.users.by_id(_number(call)))
        body.write_account(user, given, self._mine.readings)
        return self._changed(user)

    def change_profile(self, call: Call) -> Response:
        """Change a public profile, which has its own id."""
        given = body.profile(call.body, self._mine.readings)
        user = _found(self._mine.users.by_profile_id(_number(call)))
        self._write_profile(user, given)
        return self._changed(user)

    def roles(self, _call: Call) -> Response:
        """Return the roles that a user can have."""
        roles = self._mine.users.roles()
        return JSONResponse({"data": [show_role(*role) for role in roles.items()]})

    def _write_profile(self, user: User, given: Json) -> None:
        mine = self._mine
        body.write_profile(user, given, mine.readings, mine.limits, self._state.clock())

    def _changed(self, user: User) -> Response:
        """Save the user and return the response of a PATCH (doubt 6)."""
        self._save(user)
        if self._mine.readings.patch_answer == "204":
            return Response(status_code=204)
        return JSONResponse(show(user, self._mine.readings, self._mine.users.roles()))

    def _save(self, user: User) -> None:
        """Save a user. Raises a `ProblemsError` of 422 if it breaks a business rule."""
        users = self._mine.users
        problems = []
        holder = users.by_email(user.email)
        if holder is not None and holder.id != user.id:
            problems.append(Problem("is the e-mail of another user", "/email"))
        if user.role_id not in users.roles():
            problems.append(Problem("is not a role", "/roleId"))
        if problems:
            raise ProblemsError(422, problems)
        users.save(user)


def _query(query: Mapping[str, str]) -> tuple[int, int, dict[str, list[str]]]:
    """Return the page, its size, and the filters by column. Raises a `ProblemsError` of 400."""
    filters = {
        key: query[key].split(",") if key in _LISTS else [query[key]]
        for key in _FILTERS
        if key in query
    }
    known = (*PARAMETERS, "search", *_FILTERS)
    problems = [Problem("is not known", f"/{key}") for key in query if key not in known]
    problems += [*paging_problems(query), *_filter_problems(filters)]
    if problems:
        raise ProblemsError(400, problems)
    columns = {_FILTERS[key]: values for key, values in filters.items()}
    if "search" in query:
        columns[CONTAINS] = [query["search"]]
    return (*page_of(query), columns)


def _filter_problems(filters: Mapping[str, list[str]]) -> Iterator[Problem]:
    """Yield the problems of the filters."""
    for key, values in filters.items():
        if key in _NUMBERS and not all(re.fullmatch("[0-9]{1,15}", value) for value in values):
            yield Problem("must be integers", f"/{key}")
        if key == "status" and values[0] not in STATUSES:
            yield Problem(f"must be one of {', '.join(STATUSES)}", f"/{key}")


def _number(call: Call) -> int:
    """Return the id in the path. Raises a `RefusalError` of 400."""
    number = call.parameters[0]
    if not re.fullmatch("[0-9]+", number):
        raise RefusalError(400, "The id in the path must be an integer")
    return int(number) if len(number) < 19 else 0  # a longer number is no user's id


def _found(user: User | None) -> User:
    """Return the user. Raises a `RefusalError` of 404 if there is none."""
    if user is None:
        raise RefusalError(404, "There is no such user")
    return user
