"""What goes wrong between a client and a portal, drawn from a seed.

Everything here can happen on a real portal, and nothing of it touches the truth: a user is what
the calls that took effect made of it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from reconciler.sandbox.gate import Admitted, RefusalError
from reconciler.sandbox.state import Call, State
from reconciler.sandbox.values import Json

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PATIENCE = (35.0, 90.0)
"""How long a slow answer takes, in seconds: longer than a client waits."""

_PAUSE = (1, 20)
"""How long a client is asked to wait, in seconds."""

_NEVER_NULL = frozenset(
    {
        *("id", "items", "results", "success", "settings", "updated", "created", "linked"),
        *("unlinked", "data", "pagination", "roleId", "accessToken", "expiresIn"),
    }
)
"""What the documents let nobody read a null for."""

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Dropped(Exception):  # noqa: N818 - what happened, and no error of ours
    """The connection ends here and now, whatever was sent of the answer."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that a fault strikes, and what a fault can do with it."""

    admitted: Admitted
    random: Random

    @property
    def state(self) -> State:
        """What the portals go by."""
        return self.admitted.gate.state

    @property
    def call(self) -> Call:
        """What was asked for."""
        return self.admitted.call

    @property
    def portal(self) -> str:
        """Which portal it was asked of."""
        return self.admitted.gate.NAME

    @property
    def endpoint(self) -> str:
        """The call as the documents write it, such as `PATCH /v1/users/:id`."""
        return f"{self.admitted.route.method} {self.admitted.route.path}"

    @property
    def path(self) -> str:
        """The path and the query, as they were sent, from the portal's own root on."""
        return self.call.path.removeprefix(self.admitted.request.scope["root_path"])

    async def done(self, body: Any = None) -> Response:  # noqa: ANN401 - as in a call
        """The true answer, after the effect of the call, or of the same call with another body."""
        if body is None:
            return await self.admitted.answer()
        return await replace(self.admitted, call=replace(self.call, body=body)).answer()

    async def wait(self) -> None:
        """Let the client lose its patience, and forget the request if its world has ended."""
        world = self.state.world
        await self.state.sleep(self.random.uniform(*_PATIENCE))
        if self.state.world != world:
            raise Dropped

    def own(self, response: Response) -> Response:
        """An answer that the portal itself gives, with its headers."""
        return self.admitted.gate.stamped(response, self.admitted.route)

    def refused(self, problem: RefusalError) -> Response:
        """A refusal in the portal's own form."""
        return self.own(self.admitted.gate.refusal(self.admitted.request, problem))

    def instead_of(self, response: Response, document: object, status: int = 0) -> Response:
        """An answer that says something else."""
        form = response.headers["content-type"]
        return self.own(JSONResponse(document, status or response.status_code, None, form))


class _Cut(Response):
    """The first half of an answer, whose length is still told as the whole."""

    def __init__(self, whole: Response) -> None:
        """What is left of an answer."""
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send a half and drop the connection."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise Dropped


# Where a fault makes sense.


def _always(hit: Hit) -> bool:  # noqa: ARG001
    return True


def _on_rentix(hit: Hit) -> bool:
    return hit.portal == "rentix"


def _writes(hit: Hit) -> bool:
    return hit.call.method != "GET"


def _says_something(hit: Hit) -> bool:
    """Whether the answer has a body: a PATCH of Property Finder need not have one."""
    return hit.call.method != "PATCH" or hit.state.propertyfinder.readings.patch_answer == "200"


def _lists(hit: Hit) -> bool:
    return hit.endpoint in ("GET /users", "GET /v1/users")


def _lists_some(hit: Hit) -> bool:
    store = hit.state.store
    return (hit.endpoint == "GET /users" and len(store) > 0) or (
        hit.endpoint == "GET /v1/users" and store.propertyfinder.page({}, 0, 1)[1] > 0
    )


def _has_a_token(hit: Hit) -> bool:
    return hit.portal == "propertyfinder" and hit.admitted.route.kind != "token"


def _is_bulk(hit: Hit) -> bool:
    """A bulk of several operations, as many as are taken."""
    operations = _operations(hit)
    return 1 < len(operations) <= hit.state.limits.bulk_limit


def _operations(hit: Hit) -> list[Json]:
    if hit.endpoint != "POST /users/bulk" or not isinstance(hit.call.body, dict):
        return []
    listed = hit.call.body.get("operations")
    return listed if isinstance(listed, list) and all(isinstance(o, dict) for o in listed) else []


def _brings_a_picture(hit: Hit) -> bool:
    """A picture to import from a URL, where imports are at once."""
    if not _writes(hit) or not isinstance(hit.call.body, dict):
        return False
    body = hit.call.body
    if hit.portal == "rentix":
        bodies = _operations(hit) or [body]
        pictures = [each.get("avatar") for each in bodies]
        urls = [picture.get("url") for picture in pictures if isinstance(picture, dict)]
        return hit.state.readings.avatar_import == "at-once" and any(urls)
    profile = body.get("publicProfile") if hit.endpoint == "POST /v1/users" else body
    at_once = hit.state.propertyfinder.readings.picture_import == "at-once"
    return at_once and isinstance(profile, dict) and bool(profile.get("imageUrl"))


# What is answered instead.


def _own_500(hit: Hit) -> Response:
    return hit.refused(RefusalError(500, "Internal server error"))


def _page(title: str, status: int, _hit: Hit) -> Response:
    """A page of a gateway, which does not know the portal's headers."""
    return HTMLResponse(_PAGE.format(title), status)


def _unavailable(hit: Hit) -> Response:
    pause = str(hit.random.randint(*_PAUSE))
    return PlainTextResponse("Service Unavailable", 503, {"Retry-After": pause})


def _text(text: str, status: int, _hit: Hit) -> Response:
    return PlainTextResponse(text, status)


def _nothing(hit: Hit) -> Response:
    return hit.own(Response(status_code=200))


def _too_many(form: str, hit: Hit) -> Response:
    """The window was used up by somebody else, and ends soon."""
    admitted, now = hit.admitted, hit.state.clock()
    pause = hit.random.randint(*_PAUSE)
    rate = admitted.gate.rates(admitted.route)[-1]
    rate.window.used, rate.window.started = rate.limit, now + pause - rate.length
    when = {"seconds": str(pause), "date": formatdate(math.ceil(now + pause), usegmt=True)}
    headers = {"Retry-After": when[form]} if form in when else None
    return hit.refused(RefusalError(429, "Too many requests", headers))


# How a request is struck.


async def _instead(answer: Callable[[Hit], Response], hit: Hit) -> Response:
    return answer(hit)


async def _done_then(answer: Callable[[Hit], Response], hit: Hit) -> Response:
    await hit.done()
    return answer(hit)


async def _dropped(hit: Hit) -> Response:  # noqa: ARG001
    raise Dropped


async def _done_and_dropped(hit: Hit) -> Response:
    await hit.done()
    raise Dropped


async def _twice(hit: Hit) -> Response:
    """A gateway that lost the answer asks once more, as it may for what is idempotent."""
    await hit.done()
    return await hit.done()


async def _late(hit: Hit) -> Response:
    await hit.wait()
    return await hit.done()


async def _slow(hit: Hit) -> Response:
    response = await hit.done()
    await hit.wait()
    return response


async def _cut(hit: Hit) -> Response:
    return _Cut(await hit.done())


async def _wrong_type(hit: Hit) -> Response:
    """Somewhere in the answer, near its top or deep in it, is a value of another type."""
    response = await hit.done()
    root = [json.loads(bytes(response.body))]
    near = [spot for spot in _spots(root) if len(spot.path) <= 2]
    deep = [spot for spot in _spots(root) if len(spot.path) > 2]
    _spoil(hit, deep if deep and hit.random.random() < 0.6 else near)
    return hit.instead_of(response, root[0])


async def _wrong_user(hit: Hit) -> Response:
    """One of the users that are listed has a value of another type, or is none."""
    response = await hit.done()
    document = json.loads(bytes(response.body))
    users = _listed(document)
    if users:
        place = hit.random.randrange(len(users))
        _spoil(hit, [spot for spot in _spots(users) if spot.path[0] == place])
    return hit.instead_of(response, document)


async def _incomplete(hit: Hit) -> Response:
    """Somebody is left out, and the total counts all of them."""
    response = await hit.done()
    document = json.loads(bytes(response.body))
    users = _listed(document)
    if users:
        users.pop(hit.random.randrange(len(users)))
        if "items" in document:
            document["total"] = len(hit.state.store)
    return hit.instead_of(response, document)


async def _same_page(hit: Hit) -> Response:
    """The next page is this one."""
    response = await hit.done()
    document = json.loads(bytes(response.body))
    if "items" in document:
        document["next"] = hit.path
    if "pagination" in document:
        document["pagination"]["nextPage"] = document["pagination"]["page"]
    return hit.instead_of(response, document)


async def _bulk_done(change: Callable[[Hit, list[Json]], None], hit: Hit) -> Response:
    response = await hit.done()
    document = json.loads(bytes(response.body))
    change(hit, document["results"])
    return hit.instead_of(response, document)


def _another_order(hit: Hit, results: list[Json]) -> None:
    by = hit.random.randrange(1, len(results))
    results[:] = results[by:] + results[:by]


def _one_missing(hit: Hit, results: list[Json]) -> None:
    results.pop(hit.random.randrange(len(results)))


def _one_twice(hit: Hit, results: list[Json]) -> None:
    results.insert(hit.random.randrange(len(results) + 1), hit.random.choice(results))


async def _half(told: bool, hit: Hit) -> Response:
    """The portal breaks down in the middle of a bulk."""
    operations = _operations(hit)
    half = operations[: len(operations) // 2]
    response = await hit.done({**hit.call.body, "operations": half})
    if not told:
        return _own_500(hit)
    return hit.instead_of(response, json.loads(bytes(response.body)), 500)


async def _one_failed(status: int, hit: Hit) -> Response:
    """One operation of a bulk is not done, and might be the next time."""
    operations = list(_operations(hit))
    place = hit.random.randrange(len(operations))
    failed = operations.pop(place)
    response = await hit.done({**hit.call.body, "operations": operations})
    document = json.loads(bytes(response.body))
    why = {
        500: {"error": "Internal server error", "error_code": "INTERNAL_ERROR"},
        429: {"error": "Too many requests", "error_code": "RATE_LIMIT_EXCEEDED"},
    }
    result = {
        **{key: failed.get(key) for key in ("op", "externalId")},
        "id": None,
        "success": False,
        "error": {"statusCode": status, "body": why[status]},
    }
    document["results"].insert(place, result)
    document["summary"]["total"] += 1
    document["summary"]["failed"] += 1
    return hit.instead_of(response, document)


async def _lower_bulk_limit(hit: Hit) -> Response:
    """From now on a bulk takes fewer operations than this one has."""
    limit = hit.random.randrange(1, len(_operations(hit)))
    hit.state.limits = replace(hit.state.limits, bulk_limit=limit)
    return await hit.done()


async def _full_window(hit: Hit) -> Response:
    """Somebody else uses up what is left of the window, right after this request."""
    for rate in hit.admitted.gate.rates(hit.admitted.route)[-1:]:
        rate.window.used = rate.limit
    return await hit.done()


async def _tokens_end(hit: Hit) -> Response:
    """All tokens are revoked just before the request."""
    hit.state.propertyfinder.tokens.clear()
    hit.admitted.gate.check_access(hit.admitted.request, hit.admitted.route)
    return await hit.done()


async def _late_picture(hit: Hit) -> Response:
    """The import of this picture ends only after some looks at the list."""
    state, handler, looks = hit.state, hit.admitted.route.handler, hit.random.randint(1, 3)

    def handle(call: Call) -> Response:
        mine = state.propertyfinder
        before = state.readings, state.limits, mine.readings, mine.limits
        state.readings = replace(state.readings, avatar_import="late")
        state.limits = replace(state.limits, import_reads=looks)
        mine.readings = replace(mine.readings, picture_import="after-reads")
        mine.limits = replace(mine.limits, import_reads=looks)
        try:
            return handler(call)
        finally:
            state.readings, state.limits, mine.readings, mine.limits = before

    return await replace(hit.admitted, route=replace(hit.admitted.route, handler=handle)).answer()


# Values of another type.


class _Spot(NamedTuple):
    """A value in a document: in what it is, and by which keys it is found from the top."""

    holder: Any
    path: tuple[Any, ...]


def _spots(holder: Any, path: tuple[Any, ...] = ()) -> Iterator[_Spot]:  # noqa: ANN401
    """Every value whose type the documents tell."""
    for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
        # What a marker of a next page looks like is not documented, and a null may be anything.
        if value is not None and key != "next":
            yield _Spot(holder, (*path, key))
        if isinstance(value, dict | list):
            yield from _spots(value, (*path, key))


def _spoil(hit: Hit, spots: list[_Spot]) -> None:
    """Put a value of another type in one of these places."""
    holder, (*_, key) = hit.random.choice(spots)
    value = holder[key]
    if key in _NEVER_NULL and hit.random.random() < 0.5:
        holder[key] = None
    elif isinstance(value, bool):
        holder[key] = str(value).lower()
    elif isinstance(value, str):
        holder[key] = 7
    elif isinstance(value, int | float):
        holder[key] = str(value)
    elif isinstance(value, list):
        holder[key] = {str(place): each for place, each in enumerate(value)}
    else:
        holder[key] = [value]


def _listed(document: Any) -> list[Any]:  # noqa: ANN401
    """The users of a list, if it is one."""
    users: list[Any] = document.get("items") or document.get("data") or []
    return users


class Kind(NamedTuple):
    """A kind of fault: where it makes sense, what it does, and how often it is drawn."""

    fits: Callable[[Hit], bool]
    strike: Callable[[Hit], Awaitable[Response]]
    weight: float = 1


_FAILURES: dict[str, Callable[[Hit], Response]] = {
    "500": _own_500,
    "502 with HTML": partial(_page, "502 Bad Gateway", 502),
    "503": partial(_text, "Service Unavailable", 503),
    "503 with Retry-After": _unavailable,
    "504": partial(_page, "504 Gateway Time-out", 504),
    "200 with HTML": partial(_page, "We will be back soon", 200),
}

KINDS: dict[str, Kind] = {
    **{name: Kind(_always, partial(_instead, each)) for name, each in _FAILURES.items()},
    "429 with Retry-After": Kind(_always, partial(_instead, partial(_too_many, "seconds"))),
    "429 with a date": Kind(_always, partial(_instead, partial(_too_many, "date"))),
    "429 with a reset alone": Kind(_on_rentix, partial(_instead, partial(_too_many, "reset"))),
    "429 with nothing": Kind(_always, partial(_instead, partial(_text, "Too Many Requests", 429))),
    "dropped": Kind(_always, _dropped),
    "slow": Kind(lambda hit: not _writes(hit), _late),
    "done late": Kind(_writes, _late, 2),
    **{
        f"done, then {name}": Kind(_writes, partial(_done_then, each))
        for name, each in _FAILURES.items()
    },
    "done, then 200 with nothing": Kind(_always, partial(_done_then, _nothing)),
    "done, then dropped": Kind(_writes, _done_and_dropped, 2),
    "done, then slow": Kind(_writes, _slow, 2),
    "done twice": Kind(lambda hit: hit.call.method in ("PUT", "DELETE"), _twice),
    "cut short": Kind(_says_something, _cut, 2),
    "a wrong type": Kind(_says_something, _wrong_type, 2),
    "a wrong type in a user": Kind(_lists_some, _wrong_user, 3),
    "somebody left out of the list": Kind(_lists_some, _incomplete, 3),
    "the same page next": Kind(_lists, _same_page, 3),
    "results in another order": Kind(_is_bulk, partial(_bulk_done, _another_order), 3),
    "a result missing": Kind(_is_bulk, partial(_bulk_done, _one_missing), 3),
    "a result twice": Kind(_is_bulk, partial(_bulk_done, _one_twice), 3),
    "half done, then 500": Kind(_is_bulk, partial(_half, False), 3),
    "half done, then 500 with results": Kind(_is_bulk, partial(_half, True), 3),
    "one operation failed with 500": Kind(_is_bulk, partial(_one_failed, 500), 3),
    "one operation failed with 429": Kind(_is_bulk, partial(_one_failed, 429), 3),
    "the limit of bulks lowered": Kind(_is_bulk, _lower_bulk_limit, 2),
    "the window full from now on": Kind(_always, _full_window),
    "the tokens revoked": Kind(_has_a_token, _tokens_end, 2),
    "a picture late": Kind(_brings_a_picture, _late_picture, 2),
}
"""Every kind of fault by its name; "done" says that the call has its effect first."""


class Faults:
    """Which requests are struck, and by what.

    What becomes of a portal's request depends on the seed, its number among the portal's requests
    since these faults were made, and on what it asks for: the same requests have the same fate,
    whatever another portal is asked in between.
    """

    def __init__(
        self,
        seed: int,
        share: float = 1 / 3,
        kinds: Iterable[str] = KINDS,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Faults for this share of the requests, of these kinds where one of them makes sense.

        `tell` is called with each line of `told` as it comes.
        """
        self.told: list[str] = []
        """A line for each request that was struck: its number, what it was, the kind of fault."""
        self.seen = 0
        self.faulted = 0
        self._tell = tell
        self._seed = seed
        self._share = share
        self._kinds = {name: KINDS[name] for name in kinds}
        self._numbers: Counter[str] = Counter()

    async def answer(self, admitted: Admitted) -> Response:
        """The answer to a request that was let in, by its fate."""
        portal = admitted.gate.NAME
        self.seen += 1
        self._numbers[portal] += 1
        number = self._numbers[portal]
        hit = Hit(admitted, Random(f"{self._seed} {portal} {number}"))
        name = self._drawn(hit)
        if name is None:
            return await admitted.answer()
        self.faulted += 1
        self.told.append(f"{number} {portal} {hit.call.method} {hit.path}: {name}")
        self._tell(self.told[-1])
        return await self._kinds[name].strike(hit)

    def _drawn(self, hit: Hit) -> str | None:
        """The kind of fault, or None for none.

        All kinds are put in an order first, so that a request which asks for something else
        disturbs as little as can be.
        """
        if hit.random.random() >= self._share:
            return None
        order = {name: hit.random.random() ** (1 / each.weight) for name, each in KINDS.items()}
        for name in sorted(self._kinds, key=order.__getitem__, reverse=True):
            if self._kinds[name].fits(hit):
                return name
        return None
