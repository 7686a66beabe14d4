"""Rentix in conversations: its requests and its JSON; how they are played is in the `talk` above."""

from __future__ import annotations

from types import SimpleNamespace

from conversations import ok

from reconciler.core.model import Operation, Response, Source
from reconciler.portals.rentix import Rentix


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


LIST = "GET /users"
SINGLE = "PUT /users"
TOGETHER = "POST /users/bulk"


def three(**more):
    """Three updates."""
    return [update(number, **more) for number in (1, 2, 3)]


def bulk(*operations, portal=None):
    """The conversation of a bulk."""
    made = portal or rentix()
    (step,) = made.steps(operations)
    assert step.request.path == "/users/bulk"
    return made.perform(step)
