"""How a fault is carried out: what happens to the call, and what the client gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from reconciler.sandbox.faults.answers import Answer, Truncated, server_error
from reconciler.sandbox.faults.corruption import corrupt, places
from reconciler.sandbox.faults.target import Dropped, Handler, Target, document_of
from reconciler.sandbox.state import Call
from reconciler.sandbox.values import Json

# The connection.


async def instead(answer: Answer, target: Target) -> Response:
    """Do nothing; send this answer."""
    return answer(target)


async def done_then(answer: Answer, target: Target) -> Response:
    """Carry out the call; send this answer."""
    await target.carry_out()
    return answer(target)


async def dropped(target: Target) -> Response:  # noqa: ARG001
    """Do nothing; drop the connection."""
    raise Dropped


async def done_and_dropped(target: Target) -> Response:
    """Carry out the call; drop the connection."""
    await target.carry_out()
    raise Dropped


async def done_twice(target: Target) -> Response:
    """Carry out the call twice, as a gateway may that lost the response to an idempotent call."""
    await target.carry_out()
    return await target.carry_out()


async def done_late(target: Target) -> Response:
    """Wait; carry out the call."""
    await target.wait()
    return await target.carry_out()


async def answered_late(target: Target) -> Response:
    """Carry out the call; wait with the response."""
    response = await target.carry_out()
    await target.wait()
    return response


async def truncated(target: Target) -> Response:
    """Carry out the call; send half of the response."""
    return Truncated(await target.carry_out())


# Values and lists.


async def wrong_type(target: Target) -> Response:
    """Corrupt one value of the response, near its root or deep inside; one without JSON stays."""
    response = await target.carry_out()
    if "json" not in response.headers["content-type"]:
        return response
    root = [document_of(response)]
    near = [place for place in places(root) if len(place.path) <= 2]
    deep = [place for place in places(root) if len(place.path) > 2]
    corrupt(target.random, deep if deep and target.random.random() < 0.6 else near)
    return target.altered(response, root[0])


async def wrong_type_in_user(target: Target) -> Response:
    """Corrupt a listed user, or one of its values."""
    response = await target.carry_out()
    document = document_of(response)
    users = _users(document)
    if users:
        index = target.random.randrange(len(users))
        corrupt(target.random, [place for place in places(users) if place.path[0] == index])
    return target.altered(response, document)


async def incomplete_list(target: Target) -> Response:
    """Leave a user out of the list, and count it in the total."""
    response = await target.carry_out()
    document = document_of(response)
    users = _users(document)
    if users:
        users.pop(target.random.randrange(len(users)))
        if "items" in document:
            document["total"] = len(target.state.store)
    return target.altered(response, document)


async def repeated_page(target: Target) -> Response:
    """Name this page as the next one."""
    response = await target.carry_out()
    document = document_of(response)
    if "items" in document:
        document["next"] = target.path
    if "pagination" in document:
        document["pagination"]["nextPage"] = document["pagination"]["page"]
    return target.altered(response, document)


def _users(document: Any) -> list[Any]:  # noqa: ANN401
    users: list[Any] = document.get("items") or document.get("data") or []
    return users


# Bulk requests.


async def altered_results(change: Callable[[Target, list[Json]], None], target: Target) -> Response:
    """Carry out the bulk request; change the list of its results."""
    response = await target.carry_out()
    document = document_of(response)
    change(target, document["results"])
    return target.altered(response, document)


def reorder(target: Target, results: list[Json]) -> None:
    """Rotate the results."""
    by = target.random.randrange(1, len(results))
    results[:] = results[by:] + results[:by]


def remove_one(target: Target, results: list[Json]) -> None:
    """Remove a result."""
    results.pop(target.random.randrange(len(results)))


def repeat_one(target: Target, results: list[Json]) -> None:
    """Insert a copy of a result."""
    place = target.random.randrange(len(results) + 1)
    results.insert(place, target.random.choice(results))


async def half_done(with_results: bool, target: Target) -> Response:
    """Carry out the first half of a bulk request; answer 500, with the results or without."""
    operations = target.operations
    half = operations[: len(operations) // 2]
    response = await target.carry_out({**target.call.body, "operations": half})
    if not with_results:
        return server_error(target)
    return target.altered(response, document_of(response), 500)


_TRANSIENT = {
    500: {"error": "Internal server error", "error_code": "INTERNAL_ERROR"},
    429: {"error": "Too many requests", "error_code": "RATE_LIMIT_EXCEEDED"},
}


async def one_failed(status: int, target: Target) -> Response:
    """Carry out a bulk request except for one operation, which could succeed on a retry."""
    operations = list(target.operations)
    place = target.random.randrange(len(operations))
    failed = operations.pop(place)
    response = await target.carry_out({**target.call.body, "operations": operations})
    document = document_of(response)
    result = {
        **{key: failed.get(key) for key in ("op", "externalId")},
        "id": None,
        "success": False,
        "error": {"statusCode": status, "body": _TRANSIENT[status]},
    }
    document["results"].insert(place, result)
    document["summary"]["total"] += 1
    document["summary"]["failed"] += 1
    return target.altered(response, document)


# The portal itself.


async def lower_bulk_limit(target: Target) -> Response:
    """Lower the limit of bulk requests below this one, for good."""
    limit = target.random.randrange(1, len(target.operations))
    target.state.limits = replace(target.state.limits, bulk_limit=limit)
    return await target.carry_out()


async def full_window(target: Target) -> Response:
    """Use up the rest of the rate-limit window, as another client may, after this request."""
    rate = target.exchange.gate.rate_limits(target.exchange.route)[-1]
    rate.window.used = rate.limit
    return await target.carry_out()


async def revoked_tokens(target: Target) -> Response:
    """Revoke all tokens just before the request."""
    target.state.propertyfinder.tokens.clear()
    target.exchange.gate.check_access(target.exchange.request, target.exchange.route)
    return await target.carry_out()


async def late_picture(target: Target) -> Response:
    """Carry out the call; its picture appears only after the list was read one to three times."""
    state, reads = target.state, target.random.randint(1, 3)

    def late(handler: Handler) -> Handler:
        def handle(call: Call) -> Response:
            other = state.propertyfinder
            before = state.readings, state.limits, other.readings, other.limits
            state.readings = replace(state.readings, avatar_import="late")
            state.limits = replace(state.limits, import_reads=reads)
            other.readings = replace(other.readings, picture_import="after-reads")
            other.limits = replace(other.limits, import_reads=reads)
            try:
                return handler(call)
            finally:
                state.readings, state.limits, other.readings, other.limits = before

        return handle

    return await target.with_handler(late).carry_out()
