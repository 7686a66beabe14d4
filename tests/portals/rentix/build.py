"""Build Rentix's operations, requests and responses."""

from __future__ import annotations

from types import SimpleNamespace

import agency
from conversations import deny, ok

from reconciler.core.model import Operation, Response, Source
from reconciler.portals.rentix import Rentix


def rentix(**section):
    """The portal with the default configuration, except for these settings."""
    defaults = {
        "url": "https://crm.rentix.md/api/v1",
        "create": "never",
        "match": ["id", "externalId", "phone"],
        "bulk": 100,
        "bulk_by": "id",
        "on_removed": "report",
    }
    return Rentix(SimpleNamespace(**{**defaults, **section}))


def user(number, **more):
    """A User as GET shows it."""
    values = {
        "externalId": f"agent-{number}",
        "name": f"Name {number}",
        "phone": "+373 22 123 456",
        "description": "Sells flats",
    }
    return agency.user(number, **{**values, **more})


def update(number, *, external=True, **values):
    """An update of these values, by default of the name."""
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
    declared = {"name": "Ana", "phone": "+373 69 000 001", **values}
    source = Source("agents/new.yaml", 1)
    return Operation(f"create:{name}", "create", "rentix", name, source, None, name, declared)


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


def rejected(message, status=400):
    """A rejection in the general error format."""
    return Response(status, {"statusCode": status, "message": message, "error": "Bad Request"})


def listed(*users, **markers):
    """A response to GET /users."""
    return ok({"items": list(users), **markers})


def succeeded(number, **more):
    """A successful bulk result."""
    external = f"agent-{number}"
    return {"op": "upsert", "externalId": external, "id": number, "success": True, **more}


def failed(external, message, status=400):
    """A failed bulk result."""
    error = {"statusCode": status, "body": {"error": message, "error_code": "VALIDATION_ERROR"}}
    return {"op": "upsert", "externalId": external, "id": None, "success": False, "error": error}


def results(*found, status=200):
    """A response to a bulk request."""
    good = sum(1 for each in found if each.get("success"))
    summary = {"total": len(found), "succeeded": good, "failed": len(found) - good}
    return ok({"results": list(found), "summary": summary}, status)


LIST = "GET /users"
SINGLE = "PUT /users"
BULK = "POST /users/bulk"


def three(**more):
    """Three updates."""
    return [update(number, **more) for number in (1, 2, 3)]


def bulk(*operations, portal=None):
    """The conversation of a bulk request."""
    portal = portal or rentix()
    (step,) = portal.steps(operations)
    assert step.request.path == "/users/bulk"
    return deny(portal.perform(step), sum(each.verb == "create" for each in operations))
