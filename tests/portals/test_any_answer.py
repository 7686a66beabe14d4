"""Whatever a portal responds: a conversation ends, every operation has one outcome, and no
operation is `applied` unless the portal confirmed it.

The responses are any JSON under any status, and correct responses with one node changed. These
tests decide on their own, from the responses alone, what confirms an operation.

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

from .propertyfinder import build as propertyfinder
from .propertyfinder.build import SECRETS
from .rentix import build as rentix

MOST = 400
"""Requests after which a conversation counts as endless."""
DRAWN = 8
"""Responses drawn for one conversation; then they repeat."""
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

Exchanges = list[tuple[Request, Response]]


def answers(data: st.DataObject, right: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """A portal that responds with anything; `right` returns the correct body for a request."""
    drawn: list[Callable[[Request], Response]] = []
    count = 0

    def draw() -> Callable[[Request], Response]:
        status = data.draw(st.sampled_from(STATUSES))
        if data.draw(st.integers(0, 3)) == 0:
            body = data.draw(ANYTHING)
            return lambda request: reply(status, body, request)
        place, other = data.draw(st.integers(0, 10**6)), data.draw(ANYTHING)
        change = data.draw(st.sampled_from(["right", "other", "gone", "twice"]))
        return lambda request: reply(status, changed(right(request), place, other, change), request)

    def answer(request: Request) -> Response:
        nonlocal count
        if len(drawn) < DRAWN:
            drawn.append(draw())
        count += 1
        return drawn[(count - 1) % len(drawn)](request)

    return answer


def reply(status: int | None, body: Any, request: Request) -> Response:
    """A response as the transport returns it."""
    if status is None:
        return Response(None, None, "the connection was lost", request.method != "GET")
    if status in (429, 302) or status >= 500:
        unsure = status >= 500 and request.method != "GET"
        return Response(status, body, f"the portal answered {status}", unsure)
    return Response(status, None if status == 204 else body)


def changed(value: Any, place: int, other: Any, change: str) -> Any:
    """A copy of a correct body with one node replaced, removed or repeated."""
    value = copy.deepcopy(value)
    places = list(nodes(value))
    if change == "right" or not places:
        return value
    container, key = places[place % len(places)]
    if change == "other":
        container[key] = other
    elif change == "gone":
        del container[key]
    elif isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    return value


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every node below a value, as its container and its key there."""
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


def run(conversation: Any, answer: Callable[[Request], Response]) -> tuple[Any, Exchanges]:
    """Run a conversation. Returns its result or the PortalError, and all requests with their
    responses."""
    exchanges: Exchanges = []
    try:
        request = next(conversation)
        while True:
            assert len(exchanges) < MOST, "too many requests"
            json.dumps(request.body)
            exchanges.append((request, answer(request)))
            request = conversation.send(exchanges[-1][1])
    except StopIteration as end:
        return end.value, exchanges
    except PortalError as error:
        return error, exchanges


def is_id(value: Any) -> bool:
    """Whether a value can be an id: a number (not a boolean) or a text."""
    return type(value) in (int, str)


def successful(response: Response) -> bool:
    """Whether a response has a success status."""
    return response.status is not None and 200 <= response.status < 300


def check(
    operations: tuple[Operation, ...], outcomes: Any, confirmed: Callable[[Operation], bool]
) -> None:
    """Check that each operation has one outcome, that failures have an error, and that
    `applied` ones were confirmed."""
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
    """The correct response bodies of Rentix once the operations are applied."""
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


def rentix_confirms(exchanges: Exchanges, operation: Operation) -> bool:
    """Whether any response of Rentix shows that an operation was applied."""
    return any(
        _rentix_shows(operation, request, response.body)
        if request.method == "GET"
        else _rentix_reports(operation, request, response)
        for request, response in exchanges
    )


def _rentix_reports(operation: Operation, request: Request, response: Response) -> bool:
    body = response.body if isinstance(response.body, dict) else {}
    results = body.get("results") if request.path == "/users/bulk" else None
    named = (
        [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    )
    named = [each for each in named if each.get("success") is True]
    if successful(response) and request.path != "/users/bulk":
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
def test_rentix_writes(data: st.DataObject, index: int) -> None:
    """Rentix: an operation is applied only if the portal names the agent or shows the values."""
    operations = OPERATIONS[index]
    portal = rentix.rentix(create="upsert")
    (step,) = portal.steps(operations)
    outcomes, exchanges = run(portal.perform(step), answers(data, rentix_right(operations)))
    check(step.operations, outcomes, lambda each: rentix_confirms(exchanges, each))


@QUICK
@given(st.data())
def test_rentix_reads(data: st.DataObject) -> None:
    """Rentix: reading returns a list of agents, each once and with a number, or a PortalError."""
    right = rentix_right((rentix.update(1), rentix.update(2)))
    result, _ = run(conversations.reading(rentix.rentix()), answers(data, right))
    check_listing(result)


def check_listing(result: Any) -> None:
    """Check that a result is a list with each agent once, or an error with a message."""
    if isinstance(result, PortalError):
        assert str(result)
    else:
        assert isinstance(result, Listing)
        numbers = [each.id for each in result.agents]
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
    """The correct response bodies of Property Finder once the operation is applied."""
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


def finder_confirms(exchanges: Exchanges, operation: Operation) -> bool:
    """Whether any response of Property Finder shows that an operation was applied: a success
    that names no other user, or a user with the values."""
    ours = {str(each) for each in (operation.id, *operation.aliases.values())}
    for request, response in exchanges:
        body = response.body if isinstance(response.body, dict) else {}
        number = body.get("id")
        if request.method == "PATCH":
            if successful(response) and not (is_id(number) and str(number) not in ours):
                return True
        elif request.method == "POST":
            if successful(response) and is_id(number):
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
def test_property_finder_writes(data: st.DataObject, index: int, by: str) -> None:
    """Property Finder: an operation is applied only after a success that names no other user,
    or if the portal shows the values."""
    operation = CHANGES[index]
    portal = propertyfinder.finder(deactivate_by=by)
    (step,) = portal.steps((operation,))
    outcomes, exchanges = run(portal.perform(step), answers(data, finder_right(operation)))
    check(step.operations, outcomes, lambda each: finder_confirms(exchanges, each))


@QUICK
@given(st.data(), st.sampled_from([3, "agent", "Agent"]))
def test_property_finder_reads(data: st.DataObject, role: Any) -> None:
    """Property Finder: reading returns a list, each user once, or a PortalError."""
    wanted = (propertyfinder.wanted(roleId=role),)
    portal = propertyfinder.finder()
    result, _ = run(portal.read(wanted), answers(data, finder_right(CHANGES[0])))
    if not isinstance(result, PortalError):
        listing, desired = result
        check_listing(listing)
        assert [each.key for each in desired] == ["agent-5"]


@QUICK
@given(st.data())
def test_property_finder_login(data: st.DataObject) -> None:
    """Property Finder: a login returns a token that fits into a header, or an error without
    secrets."""
    portal = propertyfinder.finder()
    result, _ = run(portal.login(SECRETS), answers(data, finder_right(CHANGES[0])))
    if isinstance(result, Session):
        header = result.headers["Authorization"]
        assert header.isascii()
        assert header.isprintable()
        assert 0 < result.seconds <= 86400
    else:
        assert result.error
        assert not any(secret in result.error for secret in SECRETS.values())


@pytest.mark.parametrize("operations", OPERATIONS, ids=lambda each: f"{len(each)} {each[0].verb}")
def test_correct_responses_of_rentix_confirm(operations: tuple[Operation, ...]) -> None:
    """Correct responses, the basis of these tests, are recognized as such."""
    portal = rentix.rentix(create="upsert")
    (step,) = portal.steps(operations)
    right = rentix_right(operations)
    creations = sum(each.verb == "create" for each in operations)
    outcomes, exchanges = run(
        conversations.deny(portal.perform(step), creations),
        lambda request: reply(200, right(request), request),
    )
    assert {each.status for each in outcomes} == {"applied"}
    assert all(rentix_confirms(exchanges, each) for each in operations)


@pytest.mark.parametrize("operation", CHANGES, ids=lambda each: next(iter(each.values)))
def test_correct_responses_of_property_finder_confirm(operation: Operation) -> None:
    """Correct responses, the basis of these tests, are recognized as such."""
    portal = propertyfinder.finder()
    (step,) = portal.steps((operation,))
    right = finder_right(operation)
    outcomes, exchanges = run(
        portal.perform(step), lambda request: reply(200, right(request), request)
    )
    assert [each.status for each in outcomes] == ["applied"]
    assert finder_confirms(exchanges, operation)


def test_reading_another_agent_confirms_nothing() -> None:
    """If the portal returns another number than the requested one."""
    operation = rentix.update(1)
    outcomes, _ = conversations.play(
        conversations.perform(rentix.rentix(), operation),
        ("PUT /users", conversations.LOST),
        ("GET /users/1", conversations.ok(rentix.user(2, name="New 1"))),
    )
    assert outcomes[0].status == "unknown"


def test_reading_another_new_agent_confirms_nothing() -> None:
    """If the portal returns another external id than the requested one."""
    outcomes, _ = conversations.play(
        conversations.perform(rentix.rentix(create="upsert"), rentix.create()),
        ("PUT /users", conversations.LOST),
        (
            "GET /users/external/new",
            conversations.ok(rentix.user(2, externalId="somebody", name="Ana")),
        ),
    )
    assert outcomes[0].status == "unknown"
