"""The calls of the Rentix users API (`apis/rentix.md`, "Endpoints")."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.agent import Agent, shown
from reconciler.sandbox.gate import Gate, Rate, RefusalError, Route
from reconciler.sandbox.profile import (
    apply,
    check,
    created,
    external_id_in,
    identified,
    object_of,
)
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

if TYPE_CHECKING:
    from starlette.requests import Request

_BULK = "bulk"
_CODES = {404: "NOT_FOUND", 409: "CONFLICT"}
_PHRASES = {413: "Payload Too Large"}  # Python calls it this or that, depending on its version


class Rentix(Gate):
    """The portal as an application, to be mounted at `/api/v1`: its keys, limits and errors."""

    NAME = "rentix"

    def __init__(self, state: State) -> None:
        """The portal on this state."""
        super().__init__(state)
        calls = Calls(state)
        self._routes = (
            Route("GET", "/agency", calls.agency),
            Route("PUT", "/users", calls.put),
            Route("POST", "/users/bulk", calls.bulk, _BULK),
            Route("GET", "/users", calls.list),
            Route("GET", "/users/:id", calls.by_id),
            Route("GET", "/users/external/:externalId", calls.by_external_id),
            Route("POST", "/users/:id/link", calls.link),
            Route("DELETE", "/users/:id/link", calls.unlink),
        )

    def routes(self) -> tuple[Route, ...]:
        """The documented calls."""
        return self._routes

    def check_access(self, request: Request, route: Route | None) -> None:  # noqa: ARG002
        """Either header has the key ("Authentication"), whatever the path is."""
        authorization = request.headers.get("authorization")
        key = request.headers.get("x-api-key")
        if authorization is not None and key is not None:
            raise RefusalError(400, "Cannot use both Authorization and X-API-Key")
        if authorization is not None:
            scheme, _, rest = authorization.partition(" ")
            key = rest.strip() if scheme.lower() == "apikey" else None
        if not key:
            raise RefusalError(401, "API key required")
        if key != self.state.key:
            raise RefusalError(401, "Invalid API key")
        if self.state.suspended:
            raise RefusalError(403, "Agency is suspended or API access is not enabled")

    def rates(self, route: Route | None) -> list[Rate]:
        """All requests count as such, bulks as bulks too ("Limits")."""
        state, limits = self.state, self.state.limits
        rates = [Rate(state.all_requests, limits.rate_limit, limits.rate_window)]
        if route is not None and route.kind == _BULK:
            rates.append(Rate(state.bulk_requests, limits.bulk_rate_limit, limits.rate_window))
        return rates

    def tells_when(self) -> bool:
        """A reading: `Retry-After` or `X-RateLimit-Reset` alone."""
        return self.state.readings.retry == "retry-after"

    def body_limit(self) -> int:
        """How many bytes a body may have ("Limits")."""
        return self.state.limits.body_limit

    def headers(self, route: Route | None) -> dict[str, str]:
        """The headers of every answer, which speak of the endpoint's own class."""
        window, limit, length = self.rates(route)[-1]
        ends = window.ends(self.state.clock(), length)
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": str(math.ceil(ends)),
        }

    def refusal(self, request: Request, problem: RefusalError) -> Response:  # noqa: ARG002
        """The general form ("Errors")."""
        body = {
            "statusCode": problem.status,
            "message": problem.message,
            "error": _PHRASES.get(problem.status) or HTTPStatus(problem.status).phrase,
        }
        return JSONResponse(body, problem.status, problem.headers)


class Calls:
    """The seven calls and `GET /agency`, on the agents of a state and under its readings."""

    def __init__(self, state: State) -> None:
        """The calls on this state."""
        self._state = state

    def agency(self, _call: Call) -> Response:
        """The key's agency; what it shows is not documented."""
        return JSONResponse({"id": 1, "name": "Sandbox Agency"})

    def list(self, call: Call) -> Response:
        """All agents, in pages where the reading says so. An import waits for whole reads."""
        state, listing = self._state, self._state.readings.listing
        total, start, size = len(state.store), 0, -1
        marker: Json = {}
        if listing != "whole":
            page = call.query.get("page", "1")
            if not re.fullmatch("[1-9][0-9]{0,8}", page):
                raise RefusalError(400, ["page must be a positive integer"])
            size = state.limits.page_size
            start = (int(page) - 1) * size
            following = f"/users?page={int(page) + 1}" if start + size < total else None
            marker = {"next": following} if listing == "next" else {"total": total}
        agents = state.store.agents(start, size)
        items = [shown(agent, state.readings, in_list=True) for agent in agents]
        if size < 0 or start + size >= total:  # with its last page the list has been read
            self._go_on_importing()
        return JSONResponse({"items": items, **marker})

    def by_id(self, call: Call) -> Response:
        """One agent, by its id."""
        return JSONResponse(shown(self._named(call), self._state.readings, in_list=False))

    def by_external_id(self, call: Call) -> Response:
        """One agent, by its external id, which was percent-encoded in the path."""
        agent = _found(self._state.store.by_external_id(call.parameters[0]))
        return JSONResponse(shown(agent, self._state.readings, in_list=False))

    def put(self, call: Call) -> Response:
        """Update an agent, or create one where the reading allows it."""
        agent, is_new = self._upsert(object_of(call.body))
        done = "created" if is_new else "updated"
        return JSONResponse({"id": agent.id, "externalId": agent.external_id, done: True})

    def bulk(self, call: Call) -> Response:
        """Many upserts, each for itself; 422 where all of them fail ("Bulk results")."""
        operations = object_of(call.body, "operations").get("operations")
        if not isinstance(operations, list) or not operations:
            raise RefusalError(400, ["operations must be an array of at least 1 element"])
        if wrong := [place for place, each in enumerate(operations) if not isinstance(each, dict)]:
            raise RefusalError(400, [f"operations.{place} must be an object" for place in wrong])
        limit = self._state.limits.bulk_limit
        if len(operations) > limit:
            status = int(self._state.readings.bulk_refusal)
            raise RefusalError(status, f"operations must have no more than {limit} elements")
        results = [self._operation(operation) for operation in operations]
        succeeded = sum(result["success"] for result in results)
        failed = len(results) - succeeded
        summary = {"total": len(results), "succeeded": succeeded, "failed": failed}
        return JSONResponse({"results": results, "summary": summary}, 200 if succeeded else 422)

    def link(self, call: Call) -> Response:
        """Give an agent an external id; the one it has already is fine."""
        external_id = external_id_in(object_of(call.body, "externalId"))
        agent = self._named(call)
        conflict = int(self._state.readings.conflict_status)
        if agent.external_id not in (None, external_id):
            raise RefusalError(conflict, "User already has external ID")
        holder = self._state.store.by_external_id(external_id)
        if holder is not None and holder.id != agent.id:
            raise RefusalError(conflict, "External ID already linked")
        agent.external_id = external_id
        self._state.store.save(agent)
        return JSONResponse({"id": agent.id, "externalId": external_id, "linked": True})

    def unlink(self, call: Call) -> Response:
        """Take the external id from an agent, and say which one it was."""
        agent = self._named(call)
        former, agent.external_id = agent.external_id, None
        if former is None:
            raise RefusalError(400, "User has no external ID")
        self._state.store.save(agent)
        return JSONResponse({"id": agent.id, "externalId": former, "unlinked": True})

    def _named(self, call: Call) -> Agent:
        """The agent whose id is in the path."""
        number = call.parameters[0]
        if not re.fullmatch("[0-9]+", number):
            raise RefusalError(400, "Validation failed (numeric string is expected)")
        # Digits without end are no id of anyone, and more than SQLite can look up.
        return _found(self._state.store.by_id(int(number)) if len(number) < 19 else None)

    def _upsert(self, body: Json) -> tuple[Agent, bool]:
        """The agent as it is after a PUT or an operation, and whether that created it."""
        state = self._state
        store, readings = state.store, state.readings
        who = identified(body)
        profile = {key: value for key, value in body.items() if key not in ("id", "externalId")}
        check(profile)
        agent = store.by_id(who) if isinstance(who, int) else store.by_external_id(who)
        is_new = agent is None
        if agent is None:
            if isinstance(who, int) or readings.creation == "invite":
                raise RefusalError(404, "User not found")
            agent = created(store.next_id(), who, profile)
        elif "phone" in profile and readings.phone_on_existing == "refused":
            raise RefusalError(400, ["phone cannot be changed"])
        apply(agent, profile, readings, state.limits, store)
        store.save(agent)
        return agent, is_new

    def _operation(self, operation: Json) -> Json:
        """The result of one operation of a bulk; its failure is a result too."""
        result = {"op": operation.get("op"), "externalId": operation.get("externalId")}
        try:
            agent, _ = self._upsert(self._profile_of(operation))
        except RefusalError as problem:
            texts = [problem.message] if isinstance(problem.message, str) else problem.message
            code = _CODES.get(problem.status, "VALIDATION_ERROR")
            error = {"error": "; ".join(texts), "error_code": code}
            failure = {"statusCode": problem.status, "body": error}
            return {**result, "id": None, "success": False, "error": failure}
        return {**result, "externalId": agent.external_id, "id": agent.id, "success": True}

    def _profile_of(self, operation: Json) -> Json:
        """The body of an operation, which is what a PUT of the same would have."""
        if operation.get("op") != "upsert":  # link and unlink are hinted at only (doubt 9)
            raise RefusalError(400, "op must be upsert")
        refused = self._state.readings.bulk_by_id == "refused"
        if refused and "id" in operation and "externalId" not in operation:
            raise RefusalError(400, "User identifier required")
        return {key: value for key, value in operation.items() if key != "op"}

    def _go_on_importing(self) -> None:
        """Bring every late import one list read nearer, and show those that have arrived."""
        store = self._state.store
        for agent in store.importing():
            pending = agent.avatar_pending or {}
            pending["reads"] -= 1
            if pending["reads"] <= 0:
                agent.avatar, agent.avatar_source = store.imported(pending["url"]), pending["url"]
                agent.avatar_pending = None
            store.save(agent)


def _found(agent: Agent | None) -> Agent:
    if agent is None:
        raise RefusalError(404, "User not found")
    return agent
