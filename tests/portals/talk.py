"""Conversations with a portal by hand: what it asks, what it is told, what it makes of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from reconciler.core.model import Operation, Response, Source
from reconciler.portals.rentix import Rentix

LOST = Response(None, None, "the connection was lost before the answer (reset)", uncertain=True)
GATEWAY = Response(502, None, "the portal answered 502", uncertain=True)
PAGE = Response(200, None, "the portal answered 200 with something that is not JSON", True)


def rentix(**section):
    """The portal, configured by default but for these."""
    given = {
        "url": "https://crm.rentix.md/api/v1",
        "create": "never",
        "match": ["id", "externalId", "phone"],
        "bulk": 100,
        "bulk_by": "id",
        "on_removed": "report",
    }
    return Rentix(SimpleNamespace(**{**given, **section}))


def reading(portal, desired=()):
    """A conversation whose result is the agents alone."""
    listing, _ = yield from portal.read(desired)
    return listing


def user(number, **more):
    """A User as GET shows it."""
    return {
        "id": number,
        "externalId": f"agent-{number}",
        "name": f"Name {number}",
        "phone": "+373 22 123 456",
        "description": "Sells flats",
        "avatar": None,
        "instagram": None,
        "youtube": None,
        "tiktok": None,
        "settings": {
            "posting_type": "agent",
            "contact_phone": True,
            "contact_whatsapp": True,
            "contact_viber": True,
            "contact_telegram": True,
        },
        **more,
    }


def update(number, *, external=True, **values):
    """An update of a name, or of these values."""
    return Operation(
        f"update:{number}",
        "update",
        "rentix",
        f"agent-{number}",
        Source("agents/a.yaml", number),
        number,
        f"agent-{number}" if external is True else external or None,
        values or {"name": f"New {number}"},
    )


def create(name="new", **values):
    """A creation."""
    said = {"name": "Ana", "phone": "+373 69 000 001", **values}
    source = Source("agents/new.yaml", 1)
    return Operation(f"create:{name}", "create", "rentix", name, source, None, name, said)


def link(number, external, *waits):
    """A link."""
    source = Source("agents/a.yaml", number)
    return Operation(
        f"link:{number}", "link", "rentix", external, source, number, external, waits=waits
    )


def unlink(number, external):
    """An unlink."""
    source = Source("agents/a.yaml", number)
    return Operation(f"unlink:{number}", "unlink", "rentix", external, source, number, external)


def ok(body, status=200):
    """An answer that is JSON."""
    return Response(status, body)


def refused(message, status=400):
    """A refusal in the general form."""
    return Response(status, {"statusCode": status, "message": message, "error": "Bad Request"})


def listed(*users, **markers):
    """An answer to GET /users."""
    return ok({"items": list(users), **markers})


def done(number, **more):
    """A bulk result that succeeded."""
    external = f"agent-{number}"
    return {"op": "upsert", "externalId": external, "id": number, "success": True, **more}


def failed(external, message, status=400):
    """A bulk result that failed."""
    error = {"statusCode": status, "body": {"error": message, "error_code": "VALIDATION_ERROR"}}
    return {"op": "upsert", "externalId": external, "id": None, "success": False, "error": error}


def results(*found, status=200):
    """An answer to a bulk."""
    good = sum(1 for each in found if each.get("success"))
    summary = {"total": len(found), "succeeded": good, "failed": len(found) - good}
    return ok({"results": list(found), "summary": summary}, status)


def play(conversation, *script):
    """Carry a conversation out against a script of `("METHOD path", response)` pairs.

    Asserts that exactly these requests come, in this order. Returns the result and the requests.
    """
    asked, left = [], list(script)
    try:
        request = next(conversation)
        while True:
            asked.append(request)
            assert left, f"one more request: {request}"
            expected, response = left.pop(0)
            assert f"{request.method} {request.path}" == expected, asked
            request = conversation.send(response)
    except StopIteration as end:
        assert not left, f"not asked: {left}"
        return end.value, asked


def serve(conversation, answer, most=500):
    """Carry a conversation out against a function. Returns the result and the requests."""
    asked = []
    try:
        request = next(conversation)
        while True:
            asked.append(request)
            assert len(asked) <= most, "it does not end"
            request = conversation.send(answer(request))
    except StopIteration as end:
        return end.value, asked


def perform(portal, *operations):
    """The conversation of the only step that these operations make."""
    (step,) = portal.steps(operations)
    return portal.perform(step)


def whole(portal, step):
    """The conversation of a step."""
    return portal.perform(step)


def some(step, *names):
    """The step with only the operations of these names."""
    chosen = tuple(each for each in step.operations if each.name in names)
    return replace(step, operations=chosen)


def statuses(outcomes):
    """Name and status of each outcome."""
    return [(each.operation.name, each.status) for each in outcomes]
