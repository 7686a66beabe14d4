"""Rentix: how its agents are read, how operations become requests, what its answers mean.

Everything here that is a fact about the vendor comes from its page on users: endpoints, limits,
errors; where that page leaves a doubt, the code is right under each reading and says so.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import NoneType
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from reconciler.core.fields import (
    Field,
    Identifier,
    Sort,
    Verdict,
    compare,
    parent,
    phone,
)
from reconciler.core.form import request_bytes
from reconciler.core.model import (
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    Pace,
    Request,
    Response,
    Source,
    Step,
    Value,
)
from reconciler.core.plan import Policy, pack
from reconciler.errors import PortalError

LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")

LINKS = ("instagram", "youtube", "tiktok")

FIELDS = (
    Field("name", Sort.TEXT),
    Field("description", Sort.TEXTS, LANGUAGES),
    Field("avatar", Sort.PICTURE),
    *(Field(name, Sort.LINK) for name in LINKS),
    Field("settings", Sort.SWITCHES, CHANNELS, default=True),
)

IDENTIFIERS = (
    Identifier("id", "pin"),
    Identifier("externalId", "key", assignable=True),
    Identifier("phone", "shared", partial(phone, region="MD")),
)

SHOWN = {
    "externalId": (str, NoneType),
    "name": (str, NoneType),
    "phone": (str, NoneType),
    "description": (str, dict, NoneType),
    "avatar": (dict, NoneType),
    "settings": (dict, NoneType),
    **dict.fromkeys(LINKS, (str, NoneType)),
}
"""What GET can show; None stands for what it leaves out, too."""

BULK = "/users/bulk"
BODY_LIMIT = 512 * 1024
"""Bytes of one request's body, past which the portal answers 413."""
TRIES = 5
"""How often a write goes out at most while its outcome stays uncertain."""
PAGES = 1000
"""Where following a list's marker ends, should it lead in a circle."""

ADVICE = {
    "user not found": "check the id; have the agent invited in the portal's web interface",
    "external id already linked": "use an id that is free, or unlink the other agent first",
    "user already has external id": "unlink it first",
}
"""What to do about the portal's messages, by how they begin (lower case)."""

UNNAMED = "user identifier required"
"""What a portal says of an operation in a bulk that names its agent by id, where it takes none."""

Users = list[dict[str, Any]]
Talk = Generator[Request, Response, Any]


class Section(Protocol):
    """What this module reads of `portals.rentix` in the configuration."""

    url: str
    create: Literal["never", "upsert"]
    match: Sequence[str]
    bulk: int
    bulk_by: Literal["id", "externalId"]
    on_removed: Literal["report", "unlink"]


@dataclass
class Rentix:
    """The portal as one run sees it. `bulk` is the number of operations it takes at once: as
    configured, and less once it refused that many."""

    section: Section
    hold: bool = False
    name: str = "rentix"
    fields: Sequence[Field] = FIELDS
    identifiers: Sequence[Identifier] = IDENTIFIERS
    paces: Sequence[Pace] = (Pace("all", 300), Pace("bulk", 30, (("POST", BULK),)))
    secrets: Sequence[str] = ("RENTIX_API_KEY",)
    bulk: int = field(init=False)

    def __post_init__(self) -> None:
        self.bulk = self.section.bulk

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self.section.url.rstrip("/")

    @property
    def policy(self) -> Policy:
        """What `portals.rentix` allows."""
        return Policy(
            order=tuple(self.section.match),
            create=self.section.create == "upsert",
            needs=("externalId", "name", "phone"),
            removal="unlink" if self.section.on_removed == "unlink" else None,
            hold=self.hold,
            by_handle=self.section.bulk_by == "externalId",
            refuses=_too_large,
        )

    def headers(self, secrets: Mapping[str, str]) -> Mapping[str, str]:
        """`Authorization: ApiKey KEY`."""
        return {"Authorization": f"ApiKey {secrets['RENTIX_API_KEY']}"}

    def read(self) -> Generator[Request, Response, Listing]:
        """`GET /users`, and on while a marker says that there is more."""
        users, whole = yield from _pages()
        return Listing(tuple(map(live, users)), whole)

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """Links and unlinks one by one, then the profiles: one PUT, or bulks."""
        single = [each for each in operations if each.verb in ("link", "unlink")]
        profiles = [each for each in operations if each.verb not in ("link", "unlink")]
        alone = [each for each in profiles if len(profiles) == 1 or not self._named(each)]
        together = [each for each in profiles if each not in alone] if alone else profiles
        sizes = [
            len(request_bytes(Request("", "", _upsert(each, self._by))) or b"") + 1
            for each in together
        ]
        budget = BODY_LIMIT - len(request_bytes(_bulk((), self._by)) or b"")
        bins = [tuple(together[place] for place in each) for each in pack(sizes, self.bulk, budget)]
        groups = [(each,) for each in (*single, *alone)] + bins
        made: dict[str, str] = {}
        steps = []
        for number, group in enumerate(groups, 1):
            name = f"r{number}"
            made |= {each.name: name for each in group}
            after = sorted({made[wait] for each in group for wait in each.waits if wait in made})
            bulk = number > len(groups) - len(bins)
            request = _bulk(group, self._by) if bulk else _single(group[0])
            steps.append(Step(name, request, group, tuple(sorted(after, key=_number))))
        return tuple(steps)

    @property
    def _by(self) -> str:
        return self.section.bulk_by

    def _named(self, operation: Operation) -> bool:
        """Whether a bulk can name this agent as configured."""
        return self._by == "id" or operation.external_id is not None

    def perform(self, step: Step) -> Generator[Request, Response, tuple[Outcome, ...]]:
        """Send the step; what is uncertain is settled by reading before anything is sent again."""
        if step.request.path != BULK:
            return ((yield from _send(step.operations[0])),)
        found: dict[str, Outcome] = {}
        for outcome in (yield from self._send_bulk(step.operations)):
            found[outcome.operation.name] = outcome
        return tuple(found[each.name] for each in step.operations)

    def _send_bulk(self, operations: Sequence[Operation]) -> Talk:
        """Outcomes of the operations: in bulks of the size that the portal has taken so far."""
        outcomes: list[Outcome] = []
        left = list(operations)
        while left:
            part, left = left[: self.bulk], left[self.bulk :]
            outcomes += yield from self._send_part(part)
        return outcomes

    def _send_part(self, part: Sequence[Operation]) -> Talk:
        done: list[Outcome] = []
        left = list(part)
        last = Response(None)
        again: list[tuple[Operation, Verdict]] = []
        for attempt in range(TRIES):
            last = yield replace(_bulk(left, self._by), attempt=attempt)
            results = _results(last)
            if results is None and not last.uncertain:
                if last.status in (400, 413) and len(left) > 1:
                    return done + (yield from self._halve(left))
                if last.status in (400, 413):
                    return [*done, (yield from _send(left[0]))]
                return done + [_failed(each, last) for each in left]
            doubted = attempt > 0
            answered, alone, left = _sort_out(left, results or [], doubted=doubted)
            done += answered
            for each in alone:
                done.append((yield from _send(each)))
            if not left:
                return done
            verdicts = yield from _settle(left)
            done += [outcome for outcome in verdicts if isinstance(outcome, Outcome)]
            again = [each for each in verdicts if not isinstance(each, Outcome)]
            left = [each for each, _ in again]
            if not left:
                return done
        return done + [_given_up(each, last, verdict) for each, verdict in again]

    def _halve(self, refused: Sequence[Operation]) -> Talk:
        """A bulk that was refused whole: the portal takes fewer than documented, so send two
        halves, and from now on no more than went through."""
        middle = (len(refused) + 1) // 2
        self.bulk = min(self.bulk, middle)
        return (yield from self._send_bulk(refused))


def live(user: object) -> Live:
    """A User as GET shows it, in the words of the YAML file.

    Raises PortalError where it is none.
    """
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise PortalError("Rentix listed an agent without an id; that is not as documented.")
    for name, kinds in SHOWN.items():
        if not isinstance(user.get(name), kinds):
            raise PortalError(
                f"Rentix shows {name} of agent {user['id']} as {type(user.get(name)).__name__}; "
                f"that is not as documented."
            )
    identity = {name: user[name] for name in ("id", "externalId", "phone") if user.get(name)}
    values: dict[str, Value] = {name: user.get(name) for name in LINKS}
    values["name"] = user.get("name") or ""
    values["avatar"] = user.get("avatar")
    description = user.get("description")
    if isinstance(description, Mapping):
        values |= {f"description.{part}": description.get(part) or "" for part in LANGUAGES}
    else:
        values["description"] = description
    settings = user.get("settings") or {}
    values |= {f"settings.{part}": settings[part] for part in CHANNELS if part in settings}
    return Live("rentix", user["id"], values["name"], identity, values)


def _pages() -> Talk:
    """All users, and whether they are known to be all. No paging is documented; `next` and
    `total` are followed if they appear."""
    users: dict[Any, dict[str, Any]] = {}
    request = Request("GET", "/users")
    for page in range(2, PAGES):
        response = yield request
        if response.status != 200:
            raise PortalError(_unreadable(response))
        items = response.body.get("items") if isinstance(response.body, dict) else None
        if not isinstance(items, list):
            raise PortalError(
                "Rentix answered GET /users without `items`; that is not as documented."
            )
        before = len(users)
        for user in items:
            users[user.get("id") if isinstance(user, dict) else None] = user
        total, after = response.body.get("total"), _next(response.body)
        if after is None and not (isinstance(total, int) and len(users) < total):
            return list(users.values()), True
        if len(users) == before:
            return list(users.values()), False
        request = Request("GET", after or f"/users?page={page}")
    return list(users.values()), False


def _unreadable(response: Response) -> str:
    """Why the agents could not be read, and what to do."""
    said = response.error or _message(response.body)
    match response.status:
        case 401:
            return f"Rentix does not take the key ({said}). Check RENTIX_API_KEY."
        case 403:
            return f"Rentix refuses access ({said}). The agency is suspended, or has no API yet."
        case 404:
            return f"Rentix has no users at this address ({said}). Check portals.rentix.url."
        case _:
            return f"Rentix could not be read: {said}."


def _next(body: Mapping[str, Any]) -> str | None:
    """The path of the page that a list's marker names, on this portal whatever host it says."""
    marker = body.get("next", body.get("nextPage"))
    if isinstance(marker, int) and not isinstance(marker, bool):
        return f"/users?page={marker}"
    if not isinstance(marker, str) or not marker:
        return None
    query = urlsplit(marker).query if "?" in marker else f"cursor={quote(marker, safe='')}"
    return f"/users?{urlencode(parse_qsl(query))}"


def _upsert(operation: Operation, by: str) -> dict[str, Value]:
    """The body that creates or updates a profile; the agent named by id, or (`by`, and one to
    be created) by external id."""
    if by == "id" and operation.id is not None:
        return {"op": "upsert", "id": operation.id, **operation.values}
    return {"op": "upsert", "externalId": operation.external_id, **operation.values}


def _bulk(operations: Sequence[Operation], by: str) -> Request:
    return Request("POST", BULK, {"operations": [_upsert(each, by) for each in operations]})


def _single(operation: Operation) -> Request:
    match operation.verb:
        case "link":
            body = {"externalId": operation.external_id}
            return Request("POST", f"/users/{operation.id}/link", body)
        case "unlink":
            return Request("DELETE", f"/users/{operation.id}/link")
        case _:
            put = _upsert(operation, "id")
            del put["op"]
            return Request("PUT", "/users", put)


def _too_large(operation: Operation) -> str | None:
    size = len(request_bytes(_single(operation)) or b"")
    if size <= BODY_LIMIT - 64:  # what a bulk of one adds to it
        return None
    return f"its profile takes {size // 1024} KB, and the portal takes {BODY_LIMIT // 1024} KB."


def _number(name: str) -> int:
    return int(name[1:])


def _send(operation: Operation) -> Talk:
    """The outcome of one operation in a request of its own."""
    request, last, doubted = _single(operation), Response(None), False
    verdict: Verdict | None = None
    for attempt in range(TRIES):
        last = yield replace(request, attempt=attempt)
        answer = last.body if isinstance(last.body, dict) else None
        if last.status is not None and last.status < 300 and answer is not None:
            return _answered(operation, last, answer, doubted=doubted)
        if not last.uncertain and (last.status is None or last.status >= 300):
            # A link that is so already was made by somebody else, or by a call that seemed lost.
            if doubted or operation.verb in ("link", "unlink"):
                verdict = yield from _is_so(operation)
                if verdict is Verdict.SAME:
                    return _applied(operation, last.status, operation.id)
            return _failed(operation, last)
        doubted = True
        verdict = yield from _is_so(operation)
        if verdict is Verdict.SAME:
            return _applied(operation, last.status, operation.id)
        if verdict is None:
            return _unsettled(operation, last)
    return _given_up(operation, last, verdict)


def _answered(
    operation: Operation, response: Response, answer: Mapping[str, Any], *, doubted: bool
) -> Outcome:
    """The outcome that a 2xx tells; another agent's id in it means the wrong person. With
    `doubted`, an earlier call may have created whom this one then updated."""
    who = answer.get("id")
    if operation.id is not None and who != operation.id:
        message = f"the portal answered for agent {who} instead of {operation.id}; look at both"
        return Outcome(operation, "failed", response.status, message, operation.id)
    if operation.verb == "create" and answer.get("updated") is True and not doubted:
        message = (
            f"agent {who} had the externalId {operation.external_id} by then and was updated "
            f"instead; check that this is the same person"
        )
        return Outcome(operation, "failed", response.status, message, who)
    return _applied(operation, response.status, who)


def _applied(operation: Operation, status: int | None, who: int | str | None) -> Outcome:
    return Outcome(operation, "applied", status, None, who)


def _failed(operation: Operation, response: Response) -> Outcome:
    return _refused(operation, response.status, response.error or _message(response.body))


def _refused(operation: Operation, status: int | None, message: str) -> Outcome:
    """The outcome of a refusal. A portal that creates nobody answers a creation with “not found”:
    that agent has to be invited, and waits."""
    start = message.lower()
    advice = next((text for key, text in ADVICE.items() if start.startswith(key)), None)
    invited = operation.verb == "create" and (start.startswith("user not found") or status == 404)
    said = f"{message}: {advice}" if advice else message
    return Outcome(operation, "waiting" if invited else "failed", status, said, operation.id)


def _message(body: Value) -> str:
    """The portal's own words, in either form of an error."""
    if isinstance(body, Mapping):
        said = body.get("message", body.get("error"))
        if isinstance(said, list):
            return "; ".join(map(str, said))
        if isinstance(said, Mapping):
            return _message(said)
        if said:
            return str(said)
    return "the portal gave no reason"


def _given_up(operation: Operation, response: Response, verdict: Verdict | None) -> Outcome:
    """The outcome after the last try: not done if reading says so, else unknown."""
    if verdict is not Verdict.DIFFERENT:
        return _unsettled(operation, response)
    said = response.error or f"the portal answered {response.status}"
    message = f"{said}, {TRIES} times; reading shows that it was not done, so run again later"
    return Outcome(operation, "failed", response.status, message, operation.id)


def _unsettled(operation: Operation, response: Response) -> Outcome:
    said = response.error or f"the portal answered {response.status}"
    message = f"{said}, and reading did not settle whether it was done; run again to find out"
    return Outcome(operation, "unknown", response.status, message, operation.id)


def _is_so(operation: Operation) -> Generator[Request, Response, Verdict | None]:
    """Read one agent: is it as the operation wants it? None where it cannot be read."""
    if operation.id is not None:
        path = f"/users/{operation.id}"
    else:
        path = f"/users/external/{quote(str(operation.external_id), safe='')}"
    response = yield Request("GET", path)
    if response.status == 200 and isinstance(response.body, dict):
        try:
            return _compared(operation, live(response.body))
        except PortalError:
            return None
    return Verdict.DIFFERENT if response.status == 404 and operation.id is None else None


def _compared(operation: Operation, agent: Live) -> Verdict:
    """Whether the agent is as the operation wants it, as far as the portal shows it."""
    held = agent.identity.get("externalId")
    if operation.verb == "link":
        return Verdict.SAME if held == operation.external_id else Verdict.DIFFERENT
    if operation.verb == "unlink":
        return Verdict.SAME if held != operation.external_id else Verdict.DIFFERENT
    values: dict[str, Value] = {}
    for name, value in operation.values.items():
        parts = (
            value if name in ("description", "settings") and isinstance(value, Mapping) else None
        )
        values |= (
            {f"{name}.{part}": each for part, each in parts.items()} if parts else {name: value}
        )
    values.pop("phone", None)
    wanted = Desired("rentix", operation.key, operation.source or Source("", 0), {}, values)
    fields = {each.name: each for each in FIELDS}
    said = {compare(fields[parent(path)], path, wanted, agent) for path in values}
    for verdict in (Verdict.DIFFERENT, Verdict.UNREADABLE):
        if verdict in said:
            return verdict
    return Verdict.SAME


def _settle(
    operations: Sequence[Operation],
) -> Generator[Request, Response, list[Outcome | tuple[Operation, Verdict]]]:
    """Read the list: what became of these operations. Those without an outcome are not done, or
    not to be seen, and have to go out again."""
    try:
        users, whole = yield from _pages()
        agents = [live(user) for user in users]
    except PortalError as error:
        return [_unsettled(each, Response(None, None, str(error))) for each in operations]
    by_id = {agent.id: agent for agent in agents}
    by_external = {agent.identity.get("externalId"): agent for agent in agents}
    found: list[Outcome | tuple[Operation, Verdict]] = []
    for each in operations:
        agent = by_id.get(each.id) if each.id is not None else by_external.get(each.external_id)
        verdict = _compared(each, agent) if agent is not None else Verdict.DIFFERENT
        if agent is not None and verdict is Verdict.SAME:
            found.append(_applied(each, None, agent.id))
        elif agent is None and not whole:
            found.append(_unsettled(each, Response(None, None, "the list is not whole")))
        else:
            found.append((each, verdict))
    return found


def _results(response: Response) -> list[Mapping[str, Any]] | None:
    """A bulk's results under whatever status; None if the answer has none."""
    found = response.body.get("results") if isinstance(response.body, dict) else None
    if not isinstance(found, list):
        return None
    return [each for each in found if isinstance(each, Mapping)]


def _sort_out(
    operations: Sequence[Operation],
    results: Sequence[Mapping[str, Any]],
    *,
    doubted: bool,
) -> tuple[list[Outcome], list[Operation], list[Operation]]:
    """The outcomes that the results tell, the operations to send alone because a bulk does not
    take their id, and those that no result speaks of (or that failed for the moment only).

    A result belongs to the operation that it names; one that names nobody, as refusals may, to
    the one in its place.
    """
    outcomes: list[Outcome] = []
    alone: list[Operation] = []
    left: list[Operation] = []
    for operation, own in zip(operations, _own(operations, results), strict=True):
        if own is None:
            left.append(operation)
        elif own.get("success") is True:
            outcomes.append(_answered(operation, Response(200), own, doubted=doubted))
        else:
            status, message = _bulk_error(own)
            if message.lower().startswith(UNNAMED) and operation.id is not None:
                alone.append(operation)
            elif status is not None and (status == 429 or status >= 500):
                left.append(operation)
            else:
                outcomes.append(_refused(operation, status, message))
    return outcomes, alone, left


def _own(
    operations: Sequence[Operation], results: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any] | None]:
    """Each operation's result: the one that names it, else the one in its place that may be."""
    named: dict[tuple[str, Any], Mapping[str, Any]] = {}
    for result in results:
        for name in ("id", "externalId"):
            if result.get(name) is not None:
                named.setdefault((name, result[name]), result)
    in_place = len(results) == len(operations)
    others = {("id", each.id) for each in operations}
    others |= {("externalId", each.external_id) for each in operations}
    for place, operation in enumerate(operations):
        own = None
        if operation.id is not None:
            own = named.get(("id", operation.id))
        if own is None and operation.external_id is not None:
            own = named.get(("externalId", operation.external_id))
        if own is None and in_place:
            here = results[place]
            # A failure may name nobody; a success that names a stranger is for us to notice.
            names = {(name, here.get(name)) for name in ("id", "externalId")}
            own = here if not names & others - {("id", None), ("externalId", None)} else None
        yield own


def _bulk_error(result: Mapping[str, Any]) -> tuple[int | None, str]:
    error = result.get("error")
    if not isinstance(error, Mapping):
        return None, _message(result)
    status = error.get("statusCode")
    return (status if isinstance(status, int) else None), _message(error.get("body", error))
