"""The Rentix users API: its access, limits, errors and calls (docs/portals/rentix.md)."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response

from reconciler.sandbox.agent import Agent, show
from reconciler.sandbox.gate import Gate, RateLimit, RefusalError, Respond, Route
from reconciler.sandbox.profile import (
    apply,
    check,
    external_id_of,
    identifier_of,
    new_agent,
    object_of,
)
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

if TYPE_CHECKING:
    from starlette.requests import Request

_BULK = "bulk"
_CODES = {404: "NOT_FOUND", 409: "CONFLICT"}
_PHRASES = {413: "Payload Too Large"}  # Python's phrase depends on its version


class Rentix(Gate):
    """The portal's application, mounted at `/api/v1`: its keys, limits and errors."""

    NAME = "rentix"

    def __init__(self, state: State, respond: Respond) -> None:
        """Serve the portal from this state."""
        super().__init__(state, respond)
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
        """Return the documented calls."""
        return self._routes

    def check_access(self, request: Request, route: Route | None) -> None:  # noqa: ARG002
        """Check the key in either header ("Authentication"), for unknown paths too."""
        authorization = request.headers.get("authorization")
        key = request.headers.get("x-api-key")
        if authorization is not None and key is not None:
            raise RefusalError(400, "Cannot use both Authorization and X-API-Key")
        if authorization is not None:
            scheme, _, rest = authorization.partition(" ")
            key = rest.strip() if scheme.lower() == "apikey" else None
        if not key:
            raise RefusalError(401, "API key is required")
        if key != self.state.key:
            raise RefusalError(401, "Invalid API key")
        if self.state.suspended:
            raise RefusalError(403, "Agency is suspended")

    def rate_limits(self, route: Route | None) -> list[RateLimit]:
        """Count every request; count bulk requests in their own window as well ("Limits")."""
        state, limits = self.state, self.state.limits
        rates = [RateLimit(state.all_requests, limits.rate_limit, limits.rate_window)]
        if route is not None and route.kind == _BULK:
            bulk = RateLimit(state.bulk_requests, limits.bulk_rate_limit, limits.rate_window)
            rates.append(bulk)
        return rates

    def sends_retry_after(self) -> bool:
        """Follow the reading: `Retry-After`, or only `X-RateLimit-Reset`."""
        return self.state.readings.retry == "retry-after"

    def body_limit(self) -> int:
        """Return the largest body accepted, in bytes ("Limits")."""
        return self.state.limits.body_limit

    def headers(self, route: Route | None) -> dict[str, str]:
        """Return the rate-limit headers, which describe the endpoint's own class."""
        window, limit, length = self.rate_limits(route)[-1]
        ends = window.ends(self.state.clock(), length)
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": str(math.ceil(ends)),
        }

    def refusal(self, request: Request, problem: RefusalError) -> Response:  # noqa: ARG002
        """Return the general form ("Errors")."""
        body = {
            "statusCode": problem.status,
            "message": problem.message,
            "error": _PHRASES.get(problem.status) or HTTPStatus(problem.status).phrase,
        }
        return JSONResponse(body, problem.status, problem.headers)


class Calls:
    """The seven calls and `GET /agency`, on a state and under its readings."""

    def __init__(self, state: State) -> None:
        """Use this state."""
        self._state = state

    def agency(self, _call: Call) -> Response:
        """Return the agency of the key, in the form of the reading (doubt 10)."""
        reading, agency = self._state.readings.agency, self._state.agency
        if reading.isdigit():
            raise RefusalError(int(reading), HTTPStatus(int(reading)).phrase)
        document: Json = {
            "id": agency.id,
            "name": agency.name,
            "status": "active",
            "isCrmEnabled": True,
            "limits": {},
        }
        match reading:
            case "text-id":
                document["id"] = str(agency.id)
            case "no-name":
                del document["name"]
            case "no-id":
                document["id"] = None
            case "list":
                return JSONResponse([document])
            case "html":
                return HTMLResponse("<title>Rentix</title>")
        return JSONResponse(document)

    def list(self, call: Call) -> Response:
        """Return all agents, in pages under some readings; a late import counts complete reads."""
        state, listing = self._state, self._state.readings.listing
        total, start, size = len(state.store), 0, -1
        marker: Json = {}
        if listing != "whole":
            page = call.query.get("page", "1")
            if not re.fullmatch("[1-9][0-9]{0,8}", page):
                raise RefusalError(400, ["page must be a positive integer"])
            size = state.limits.page_size
            start = (int(page) - 1) * size
            next_page = f"/users?page={int(page) + 1}" if start + size < total else None
            marker = {"next": next_page} if listing == "next" else {"total": total}
        agents = state.store.agents(start, size)
        items = [show(agent, state.readings, in_list=True) for agent in agents]
        if size < 0 or start + size >= total:  # the last page completes a read
            self._advance_imports()
        return JSONResponse({"items": items, **marker})

    def by_id(self, call: Call) -> Response:
        """Return one agent by id."""
        return JSONResponse(show(self._agent_of(call), self._state.readings, in_list=False))

    def by_external_id(self, call: Call) -> Response:
        """Return one agent by external id."""
        agent = _found(self._state.store.by_external_id(call.parameters[0]))
        return JSONResponse(show(agent, self._state.readings, in_list=False))

    def put(self, call: Call) -> Response:
        """Update an agent, or create one if the reading allows it (doubt 1)."""
        agent, is_new = self._upsert(object_of(call.body))
        verb = "created" if is_new else "updated"
        return JSONResponse({"id": agent.id, "externalId": agent.external_id, verb: True})

    def bulk(self, call: Call) -> Response:
        """Run many upserts, each independently; answer 422 if all fail ("Bulk results")."""
        operations = object_of(call.body, "operations").get("operations")
        if not isinstance(operations, list) or not operations:
            raise RefusalError(400, ["operations must be an array of at least 1 element"])
        invalid = [place for place, each in enumerate(operations) if not isinstance(each, dict)]
        if invalid:
            raise RefusalError(400, [f"operations.{place} must be an object" for place in invalid])
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
        """Link an external id to an agent; repeating the link is fine."""
        external_id = external_id_of(object_of(call.body, "externalId"))
        agent = self._agent_of(call)
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
        """Unlink the external id of an agent and return it."""
        agent = self._agent_of(call)
        former, agent.external_id = agent.external_id, None
        if former is None:
            raise RefusalError(400, "User has no external ID")
        self._state.store.save(agent)
        return JSONResponse({"id": agent.id, "externalId": former, "unlinked": True})

    def _agent_of(self, call: Call) -> Agent:
        """Return the agent whose id is in the path. Raises `RefusalError`."""
        number = call.parameters[0]
        if not re.fullmatch("[0-9]+", number):
            raise RefusalError(400, "Validation failed (numeric string is expected)")
        # A longer number is no agent's id, and SQLite cannot look it up.
        return _found(self._state.store.by_id(int(number)) if len(number) < 19 else None)

    def _upsert(self, body: Json) -> tuple[Agent, bool]:
        """Return the agent after a PUT or an operation, and whether it is new."""
        state = self._state
        store, readings = state.store, state.readings
        identifier = identifier_of(body)
        profile = {key: value for key, value in body.items() if key not in ("id", "externalId")}
        check(profile)
        if isinstance(identifier, int):
            agent = store.by_id(identifier)
        else:
            agent = store.by_external_id(identifier)
        is_new = agent is None
        if agent is None:
            if isinstance(identifier, int) or readings.creation == "invite":
                raise RefusalError(404, "User not found")
            agent = new_agent(store.next_id(), identifier, profile)
        elif "phone" in profile and readings.phone_on_existing == "refused":
            raise RefusalError(400, ["phone cannot be changed"])
        apply(agent, profile, readings, state.limits, store)
        store.save(agent)
        return agent, is_new

    def _operation(self, operation: Json) -> Json:
        """Run one bulk operation and return its result, success or failure."""
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
        """Return the body that a PUT for this operation would have. Raises `RefusalError`."""
        if operation.get("op") != "upsert":  # link and unlink: doubt 9
            raise RefusalError(400, "op must be upsert")
        refused = self._state.readings.bulk_by_id == "refused"
        if refused and "id" in operation and "externalId" not in operation:
            raise RefusalError(400, "User identifier required")
        return {key: value for key, value in operation.items() if key != "op"}

    def _advance_imports(self) -> None:
        """Count a list read for every late import, and show the pictures that are due."""
        store = self._state.store
        for agent in store.importing():
            pending = agent.avatar_pending or {}
            pending["reads"] -= 1
            if pending["reads"] <= 0:
                agent.avatar, agent.avatar_source = (
                    store.import_picture(pending["url"]),
                    pending["url"],
                )
                agent.avatar_pending = None
            store.save(agent)


def _found(agent: Agent | None) -> Agent:
    """Return the agent. Raises a `RefusalError` of 404 if there is none."""
    if agent is None:
        raise RefusalError(404, "User not found")
    return agent
