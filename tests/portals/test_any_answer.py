"""Whatever a portal answers: a conversation ends, every operation has one outcome, and none is
called applied that the portal did not confirm.

The answers are any JSON under any status, and right answers with one node that is something else.
What confirms an operation is judged here anew, from what was said alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import conversations
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.model import Listing, Operation, Outcome, Request, Response, Session
from reconciler.errors import PortalError

from .propertyfinder import talk as propertyfinder
from .propertyfinder.talk import SECRETS
from .rentix import talk as rentix

MOST = 400
"""Requests after which a conversation counts as endless."""
DRAWN = 8
"""Answers that are drawn for one conversation; then they come again."""
STATUSES = (
    200,
    200,
    200,
    201,
    204,
    302,
    400,
    401,
    403,
    404,
    409,
    413,
    415,
    422,
    429,
    500,
    503,
    None,
)
NAMES = [
    *("id", "externalId", "name", "phone", "email", "settings", "description", "avatar", "status"),
    *("items", "results", "success", "updated", "created", "summary", "total", "next", "meta"),
    *("error", "statusCode", "body", "message", "errors", "pointer", "detail", "title"),
    *("data", "pagination", "totalPages", "nextPage", "publicProfile", "roleId", "bio", "primary"),
    *("spokenLanguages", "imageVariants", "accessToken", "expiresIn"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 2, 5, 9, -1, 1.0, 1e400, float("nan"), 2**63, 10**30])
    | st.sampled_from(
        ["", "1", "agent-1", "new", "New 1", "\ud800", "\x1b[31m\u202e", "active", "?a#b"]
    )
    | st.text(max_size=8)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
QUICK = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

Said = list[tuple[Request, Response]]


def answers(data: st.DataObject, right: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """A portal that answers anything; `right` is what it should say to a request."""
    drawn: list[Callable[[Request], Response]] = []
    asked = 0

    def draw() -> Callable[[Request], Response]:
        status = data.draw(st.sampled_from(STATUSES))
        if data.draw(st.integers(0, 3)) == 0:
            body = data.draw(ANYTHING)
            return lambda request: reply(status, body, request)
        place, other = data.draw(st.integers(0, 10**6)), data.draw(ANYTHING)
        how = data.draw(st.sampled_from(["right", "other", "gone", "twice"]))
        return lambda request: reply(status, changed(right(request), place, other, how), request)

    def answer(request: Request) -> Response:
        nonlocal asked
        if len(drawn) < DRAWN:
            drawn.append(draw())
        asked += 1
        return drawn[(asked - 1) % len(drawn)](request)

    return answer


def reply(status: int | None, body: Any, request: Request) -> Response:
    """An answer as the transport hands it on."""
    if status is None:
        return Response(None, None, "the connection was lost", request.method != "GET")
    if status in (429, 302) or status >= 500:
        unsure = status >= 500 and request.method != "GET"
        return Response(status, body, f"the portal answered {status}", unsure)
    return Response(status, None if status == 204 else body)


def changed(value: Any, place: int, other: Any, how: str) -> Any:
    """A right answer with one node that is something else, is left out, or is there twice."""
    value = copy.deepcopy(value)
    spots = list(nodes(value))
    if how == "right" or not spots:
        return value
    holder, key = spots[place % len(spots)]
    if how == "other":
        holder[key] = other
    elif how == "gone":
        del holder[key]
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    return value


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every node below a value, as what holds it and the key there."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in list(inner):
        yield value, key
        yield from nodes(part)


def carried(conversation: Any, answer: Callable[[Request], Response]) -> tuple[Any, Said]:
    """Carry a conversation out. Returns what came of it, or the PortalError, and all that was said."""
    said: Said = []
    try:
        request = next(conversation)
        while True:
            assert len(said) < MOST, "it does not end"
            json.dumps(request.body)
            said.append((request, answer(request)))
            request = conversation.send(said[-1][1])
    except StopIteration as end:
        return end.value, said
    except PortalError as error:
        return error, said


def is_id(value: Any) -> bool:
    """Whether something can be an id: a number, and no truth value, or a text."""
    return type(value) in (int, str)


def good(response: Response) -> bool:
    """Whether an answer is a success as far as its status goes."""
    return response.status is not None and 200 <= response.status < 300


def check(
    operations: tuple[Operation, ...], outcomes: Any, confirmed: Callable[[Operation], bool]
) -> None:
    """One outcome an operation, in words; and what is called applied was confirmed."""
    assert [each.operation.name for each in outcomes] == [each.name for each in operations]
    for each in outcomes:
        assert isinstance(each, Outcome)
        assert each.status in ("applied", "failed", "unknown", "waiting")
        assert each.id is None or is_id(each.id)
        if each.status == "applied":
            assert confirmed(each.operation), each
        else:
            assert each.error
            assert len(each.error) < 2000


OPERATIONS = [
    (rentix.update(1),),
    (rentix.link(1, "agent-9"),),
    (rentix.unlink(1, "agent-1"),),
    (rentix.create(),),
    (rentix.update(1), rentix.update(2), rentix.create()),
]


def rentix_right(operations: tuple[Operation, ...]) -> Callable[[Request], Any]:
    """What Rentix says when all is well and the operations have been done."""
    people = [
        rentix.user(each.id or 9, externalId=each.external_id or each.key, **each.values)
        if each.verb != "unlink"
        else rentix.user(each.id, externalId=None)
        for each in operations
    ]
    by_key = {each.key: person["id"] for each, person in zip(operations, people, strict=True)}

    def right(request: Request) -> Any:
        if request.path.startswith("/users/bulk"):
            return {
                "results": [
                    {
                        "op": "upsert",
                        "externalId": each.key,
                        "id": by_key[each.key],
                        "success": True,
                    }
                    for each in operations
                ],
                "summary": {"total": len(operations), "succeeded": len(operations), "failed": 0},
            }
        if request.path.partition("?")[0] == "/users" and request.method == "GET":
            return {"items": people}
        if request.method == "GET":
            return people[0]
        return {"id": people[0]["id"], "externalId": people[0]["externalId"]}

    return right


def rentix_confirms(said: Said, operation: Operation) -> bool:
    """Whether anything that Rentix said shows that an operation was done."""
    return any(
        _rentix_shows(operation, request, response.body)
        if request.method == "GET"
        else _rentix_says(operation, request, response)
        for request, response in said
    )


def _rentix_says(operation: Operation, request: Request, response: Response) -> bool:
    body = response.body if isinstance(response.body, dict) else {}
    results = body.get("results") if request.path == "/users/bulk" else None
    named = (
        [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    )
    named = [each for each in named if each.get("success") is True]
    if good(response) and request.path != "/users/bulk":
        named.append(body)
    return any(
        is_id(each.get("id")) and (operation.id is None or each["id"] == operation.id)
        for each in named
    )


def _rentix_shows(operation: Operation, request: Request, body: Any) -> bool:
    items = body.get("items") if isinstance(body, dict) else None
    people = [
        each for each in (items if isinstance(items, list) else [body]) if isinstance(each, dict)
    ]
    for each in people:
        held = each.get("externalId")
        ours = each.get("id") == operation.id
        if operation.id is None:
            ours = held == operation.external_id
        as_wanted = {
            "link": held == operation.external_id,
            "unlink": held != operation.external_id,
        }.get(
            operation.verb,
            str(each.get("name")).split() == operation.values.get("name", "").split(),
        )
        if ours and as_wanted:
            return True
    return False


@QUICK
@given(st.data(), st.sampled_from(range(len(OPERATIONS))))
def test_rentix_performs(data: st.DataObject, which: int) -> None:
    """Rentix: an operation is applied only if the portal names the agent, or shows the values."""
    operations = OPERATIONS[which]
    portal = rentix.rentix(create="upsert")
    (step,) = portal.steps(operations)
    outcomes, said = carried(portal.perform(step), answers(data, rentix_right(operations)))
    check(step.operations, outcomes, lambda each: rentix_confirms(said, each))


@QUICK
@given(st.data())
def test_rentix_is_read(data: st.DataObject) -> None:
    """Rentix: a list is agents, each once and with a number, or an error in words."""
    right = rentix_right((rentix.update(1), rentix.update(2)))
    found, _ = carried(conversations.reading(rentix.rentix()), answers(data, right))
    check_listing(found)


def check_listing(found: Any) -> None:
    """What came of reading is a list, each agent once, or an error in words."""
    if isinstance(found, PortalError):
        assert str(found)
    else:
        assert isinstance(found, Listing)
        numbers = [each.id for each in found.agents]
        assert all(type(each) is int for each in numbers)
        assert len(set(numbers)) == len(numbers)


CHANGES = [
    propertyfinder.change(5, firstName="New"),
    propertyfinder.change(5, name="New 5"),
    propertyfinder.change(5, status="inactive"),
    propertyfinder.change(5, bio={"primary": "New", "secondary": "Nou"}),
    propertyfinder.newcomer(),
]


def finder_right(operation: Operation) -> Callable[[Request], Any]:
    """What Property Finder says when all is well and the operation has been done."""
    private = {
        name: value
        for name, value in operation.values.items()
        if name in ("firstName", "lastName", "email", "mobile", "status")
    }
    public = {name: operation.values[name] for name in ("name", "bio") if name in operation.values}
    person = propertyfinder.person(operation.id or 7, public=public, **private)

    def right(request: Request) -> Any:
        if request.path.startswith("/v1/roles"):
            return propertyfinder.roles("agent", "admin").body
        if "token" in request.path:
            return {"accessToken": "t", "expiresIn": 1800}
        if request.method == "GET":
            return propertyfinder.page(person).body
        return person if request.method == "POST" else None

    return right


def finder_confirms(said: Said, operation: Operation) -> bool:
    """Whether anything that Property Finder said shows that an operation was done: a success that
    names nobody else, which may be empty, or a user who has the values."""
    ours = {str(each) for each in (operation.id, *operation.aliases.values())}
    for request, response in said:
        body = response.body if isinstance(response.body, dict) else {}
        who = body.get("id")
        if request.method == "PATCH":
            if good(response) and not (is_id(who) and str(who) not in ours):
                return True
        elif request.method == "POST":
            if good(response) and is_id(who):
                return True
        elif any(_finder_shows(operation, each) for each in _listed(body)):
            return True
    return False


def _listed(body: Any) -> list[Any]:
    data = body.get("data")
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _finder_shows(operation: Operation, user: Any) -> bool:
    if operation.id is None:
        return str(user.get("email")).strip().lower() == operation.values["email"]
    if user.get("id") != operation.id:
        return False
    profile = user.get("publicProfile") or {}
    values = dict(operation.values)
    if values.pop("status", None) and user.get("status") not in ("inactive", "archived"):
        return False
    bio = values.pop("bio", None)
    shown = {**user, **{name: profile.get(name) for name in ("name",)}}
    if bio is not None and profile.get("bio") not in (bio, bio["primary"]):
        return False
    return all(shown.get(name) == value for name, value in values.items())


@QUICK
@given(st.data(), st.sampled_from(range(len(CHANGES))), st.sampled_from(["isActive", "status"]))
def test_property_finder_performs(data: st.DataObject, which: int, by: str) -> None:
    """Property Finder: an operation is applied only on a success that names nobody else, or if
    the portal shows the values."""
    operation = CHANGES[which]
    portal = propertyfinder.finder(deactivate_by=by)
    (step,) = portal.steps((operation,))
    outcomes, said = carried(portal.perform(step), answers(data, finder_right(operation)))
    check(step.operations, outcomes, lambda each: finder_confirms(said, each))


@QUICK
@given(st.data(), st.sampled_from([3, "agent", "Agent"]))
def test_property_finder_is_read(data: st.DataObject, role: Any) -> None:
    """Property Finder: users and roles are a list, each user once, or an error in words."""
    wanted = (propertyfinder.wanted(roleId=role),)
    portal = propertyfinder.finder()
    found, _ = carried(portal.read(wanted), answers(data, finder_right(CHANGES[0])))
    if not isinstance(found, PortalError):
        listing, desired = found
        check_listing(listing)
        assert [each.key for each in desired] == ["agent-5"]


@QUICK
@given(st.data())
def test_property_finder_gives_a_token(data: st.DataObject) -> None:
    """Property Finder: a login is a token that a header can carry, or a refusal that has none of
    the secrets in it."""
    portal = propertyfinder.finder()
    found, _ = carried(portal.login(SECRETS), answers(data, finder_right(CHANGES[0])))
    if isinstance(found, Session):
        said = found.headers["Authorization"]
        assert said.isascii()
        assert said.isprintable()
        assert 0 < found.seconds <= 86400
    else:
        assert found.error
        assert not any(secret in found.error for secret in SECRETS.values())


@pytest.mark.parametrize("operations", OPERATIONS, ids=lambda each: f"{len(each)} {each[0].verb}")
def test_rentix_says_that_it_is_done(operations: tuple[Operation, ...]) -> None:
    """The right answers that all this starts from are taken as right."""
    portal = rentix.rentix(create="upsert")
    (step,) = portal.steps(operations)
    right = rentix_right(operations)
    outcomes, said = carried(
        portal.perform(step), lambda request: reply(200, right(request), request)
    )
    assert {each.status for each in outcomes} == {"applied"}
    assert all(rentix_confirms(said, each) for each in operations)


@pytest.mark.parametrize("operation", CHANGES, ids=lambda each: next(iter(each.values)))
def test_property_finder_says_that_it_is_done(operation: Operation) -> None:
    """The right answers that all this starts from are taken as right."""
    portal = propertyfinder.finder()
    (step,) = portal.steps((operation,))
    right = finder_right(operation)
    outcomes, said = carried(
        portal.perform(step), lambda request: reply(200, right(request), request)
    )
    assert [each.status for each in outcomes] == ["applied"]
    assert finder_confirms(said, operation)


def test_a_look_that_shows_somebody_else() -> None:
    """Who is asked for by number and is answered as another number is not the one."""
    operation = rentix.update(1)
    outcomes, _ = conversations.play(
        conversations.perform(rentix.rentix(), operation),
        ("PUT /users", conversations.LOST),
        ("GET /users/1", conversations.ok(rentix.user(2, name="New 1"))),
    )
    assert outcomes[0].status == "unknown"


def test_a_look_for_a_new_agent_that_shows_somebody_else() -> None:
    """Who is asked for by external id and is answered with another one is not the one."""
    outcomes, _ = conversations.play(
        conversations.perform(rentix.rentix(create="upsert"), rentix.create()),
        ("PUT /users", conversations.LOST),
        (
            "GET /users/external/new",
            conversations.ok(rentix.user(2, externalId="somebody", name="Ana")),
        ),
    )
    assert outcomes[0].status == "unknown"
