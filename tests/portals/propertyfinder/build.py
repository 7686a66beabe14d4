"""Build Property Finder's operations, requests and responses."""

from __future__ import annotations

from types import SimpleNamespace

from conversations import ok, play
from hypothesis import strategies as st

from reconciler.core.catalogue import Catalogue
from reconciler.core.limits import Limits
from reconciler.core.model import Desired, Operation, PortalState, Response, Source
from reconciler.core.plan import draft
from reconciler.core.selection import Selection
from reconciler.portals.propertyfinder import PropertyFinder

SECRETS = {
    "PROPERTYFINDER_API_KEY": "key-that-stays-secret",
    "PROPERTYFINDER_API_SECRET": "secret-that-stays-secret",
}
LIST = "GET /v1/users?page=1&perPage=100"
INACTIVE = f"{LIST}&status=inactive"
ROLES = "GET /v1/roles"
POST = "POST /v1/users"
PRIVATE = "PATCH /v1/users/5"
PUBLIC = "PATCH /v1/public-profiles/905"
FIND_USER = f"{LIST}&id=5"
FIND_NEW = f"{LIST}&email=ana%40agency.example"
NOTHING = Response(204)
"""The response to a PATCH."""


def finder(**section):
    """The portal with the default configuration, except for these settings."""
    defaults = {
        "url": "https://atlas.propertyfinder.com",
        "create": "always",
        "match": ["id", "email"],
        "on_removed": "report",
        "token_path": "/v1/auth/token",
        "deactivate_by": "isActive",
    }
    return PropertyFinder(SimpleNamespace(**{**defaults, **section}))


def profile(number, **more):
    """A public profile as GET shows it: what is not set is omitted, and some values are hidden."""
    return {
        "id": 900 + number,
        "name": f"Name {number}",
        "email": f"public-{number}@agency.example",
        "phone": "+373 22 123 456",
        "bio": {"primary": "Sells flats", "secondary": "Vinde case"},
        "position": {"primary": "Agent", "secondary": None},
        "imageVariants": {"large": None},
        "verification": {"status": "verified", "requestDate": None},
        "compliances": [],
        "isSuperAgent": False,
        **more,
    }


def role(number, name="Agent"):
    """A role as GET shows it."""
    return {
        "id": number,
        "name": name,
        "roleKey": "agent",
        "baseRoleKey": "agent",
        "isCustom": False,
    }


def person(number, *, public=(), **more):
    """A User as GET shows it; `public` overrides values of the public profile, and `roleId` the
    role."""
    return {
        "id": number,
        "firstName": "First",
        "lastName": f"Last {number}",
        "email": f"user-{number}@agency.example",
        "mobile": "+373 69 000 005",
        "status": "active",
        "callTracking": None,
        **({} if "roleId" in more else {"role": role(3)}),
        "createdAt": "2026-01-01T00:00:00Z",
        "publicProfile": profile(number, **dict(public)),
        **more,
    }


HIDDEN = {"experienceSince": 2012, "nationality": "MD", "spokenLanguages": [1, 34]}
"""The values that GET does not show, as an older portal shows them."""


def older(number, *, public=(), **more):
    """A User as GET shows it in an older note (doubt 3): `roleId`, and null for what is not set."""
    unset = dict.fromkeys(("phoneSecondary", "whatsappPhone", "linkedinAddress", "imageVariants"))
    public = {**unset, **HIDDEN, **dict(public)}
    return person(number, public=public, **{"roleId": 3, **more})


def page(*users, total=None, **marks):
    """A response to GET /v1/users. It is the only page unless `marks` say otherwise."""
    count = len(users) if total is None else total
    pagination = {"total": count, "page": 1, "perPage": 100, "totalPages": 1, "nextPage": None}
    return ok({"data": list(users), "pagination": {**pagination, "prevPage": None, **marks}})


def roles(*names):
    """A response to GET /v1/roles: these names, numbered from 1."""
    return ok({"data": [role(number, name) for number, name in enumerate(names, 1)]})


def wanted(**values):
    """An agent whose file declares these values."""
    return Desired("propertyfinder", "agent-5", Source("agents/a.yaml", 5), {"id": 5}, values)


def declared(values, line, lines, kept):
    """The line of each declared path. All languages of a text are declared except those in
    `kept`, which are only sent along; `lines` overrides the line of a path."""
    lines = lines or {}
    texts = (name for name in ("bio", "position") if name in values)
    places = {f"{name}.{part}": lines.get(name, line) for name in texts for part in values[name]}
    return {**{path: at for path, at in places.items() if path not in kept}, **lines}


def change(number=5, *, verb="update", profile=True, lines=None, kept=(), waits=(), **values):
    """An update of these values for a user with or without a public profile."""
    return Operation(
        f"update:{number}",
        verb,
        "propertyfinder",
        f"agent-{number}",
        Source("agents/a.yaml", number),
        number,
        None,
        values,
        waits,
        {"publicProfileId": 900 + number} if profile else {},
        declared(values, number, lines, kept),
    )


NEW = {
    "email": "ana@agency.example",
    "firstName": "Ana",
    "lastName": "Rusu",
    "mobile": "+373 69 000 001",
    "roleId": 3,
    "name": "Ana Rusu",
    "phone": "+373 22 000 001",
}
"""The values that a creation requires."""


def newcomer(*, lines=None, waits=(), **values):
    """A creation with these values besides the required ones."""
    source = Source("agents/new.yaml", 1)
    return Operation(
        "create:new",
        "create",
        "propertyfinder",
        "new",
        source,
        None,
        None,
        {**NEW, **values},
        waits,
        {},
        declared(values, 1, lines, ()),
    )


def problem(status, *errors, detail="The request breaks the schema", **more):
    """A rejection in the requested error format; `errors` are pairs of pointer and detail."""
    body = {
        "type": "https://errors.example/x",
        "code": "X",
        "title": "Bad Request",
        "detail": detail,
        "status": status,
        "attributes": {"trace_id": "0"},
        "errors": [{"detail": message, "pointer": pointer} for pointer, message in errors],
        **more,
    }
    return Response(status, body)


def older_problem(status, message):
    """A rejection in the oldest error format."""
    return Response(status, {"error": "Bad Request", "message": message})


TOKEN = "POST /v1/auth/token"


def sent(requests):
    """The bodies of the write requests, in order."""
    return [request.body for request in requests if request.method != "GET"]


def rejection(response, times=1):
    """The result of a login that gets this response `times` times."""
    result, _ = play(finder().login(SECRETS), *[(TOKEN, response)] * times)
    assert isinstance(result, Response)
    return result


def numbered(number):
    """The request for a page."""
    return f"GET /v1/users?page={number}&perPage=100"


def read(portal, *desired, answer=None, users=()):
    """Read these users from a portal with these roles. Returns the listing and the agents."""
    script = [] if answer is None else [(ROLES, answer)]
    script.append((LIST, page(*users)))
    if portal._omits_inactive(users, desired):
        script.append((INACTIVE, page()))
    (listing, resolved), _ = play(portal.read(desired), *script)
    return listing, resolved


def planned(portal, listing, *desired):
    """Plan these agents against a listing."""
    return draft(
        desired,
        listing,
        PortalState(),
        Catalogue(portal.name, portal.fields, portal.identifiers, portal.policy),
        limits=Limits(1.0, 1.0, 0),
        selection=Selection(),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


CHANGES = {
    "private": (change(firstName="Ion"), PRIVATE),
    "public": (change(name="Ion"), PUBLIC),
}


LINES = {
    "email": 10,
    "firstName": 11,
    "roleId": 12,
    "status": 13,
    "phone": 2,
    "bio": 14,
    "bio.primary": 15,
    "position": 16,
    "avatar": 3,
    "spokenLanguages": 17,
    "publicEmail": 18,
}
