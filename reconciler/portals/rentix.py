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
from urllib.parse import parse_qsl, quote, urlencode

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier, Sort, Verdict, phone
from reconciler.core.model import (
    Desired,
    Listing,
    Live,
    Operation,
    Outcome,
    RateLimit,
    Request,
    Response,
    Session,
    Step,
    Value,
)
from reconciler.core.packing import pack
from reconciler.core.plan_json import request_bytes
from reconciler.errors import AnswerError, PortalError
from reconciler.portals.uncertain import (
    NO_REASON,
    TRIES,
    Uncertain,
    compared,
    given_up,
    is_name,
    object_of,
    short,
)

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
    Identifier("externalId", "key", moves="link"),
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
PAGES = 1000
"""Where following a list's marker ends, should it lead in a circle."""

ADVICE = {
    "user not found": "check the id; have the agent invited in the portal's web interface",
    "external id already linked": "use an id that is free, or unlink the other agent first",
    "user already has external id": "unlink it first",
    "externalid is required": "set bulk_by: externalId in portals.rentix",
}
"""What to do about the portal's messages, by how they begin (lower case)."""

UNNAMED = "user identifier required"
"""What a portal says of an operation in a bulk that names its agent by id, where it takes none."""

Talk = Generator[Request, Response, Any]


class Section(Protocol):
    """What this module reads of `portals.rentix` in the configuration."""

    url: str
    create: Literal["never", "upsert"]
    match: Sequence[str]
    bulk: int
    bulk_by: Literal["id", "externalId"]
    on_removed: Literal["report", "unlink"]


class Capacity:
    """How many operations to put into one bulk: as configured, and fewer once the portal refused
    that many, for the documented number may be too large."""

    def __init__(self, configured: int) -> None:
        self.configured = self.size = configured
        self.taken = 0
        self.refused_one = False

    def took(self, count: int) -> None:
        """So many went through. A single one that was refused before was so for its own sake."""
        self.taken = max(self.taken, count)
        if self.refused_one:
            self.size, self.refused_one = self.configured, False

    def refused(self, count: int) -> None:
        """So many were refused. If as many went through before, or there was but one, it was for
        an agent's sake and not for their number; unless no bulk is taken at all."""
        if count == 1 and self.taken:
            self.size = self.configured
        elif count == 1:
            self.refused_one = True
        elif count > self.taken:
            self.size = min(self.size, (count + 1) // 2)


@dataclass
class Rentix:
    """The portal as one run sees it."""

    section: Section
    hold: bool = False
    name: str = "rentix"
    fields: Sequence[Field] = FIELDS
    identifiers: Sequence[Identifier] = IDENTIFIERS
    rate_limits: Sequence[RateLimit] = (
        RateLimit("all", 300),
        RateLimit("bulk", 30, (("POST", BULK),)),
    )
    secrets: Sequence[str] = ("RENTIX_API_KEY",)
    capacity: Capacity = field(init=False)

    def __post_init__(self) -> None:
        self.capacity = Capacity(self.section.bulk)

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

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """`Authorization: ApiKey KEY`, for good: there is nothing to ask for."""
        yield from ()
        return Session({"Authorization": f"ApiKey {secrets['RENTIX_API_KEY']}"})

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """`GET /users`, and on while a marker says that there is more."""
        users, whole = yield from _pages()
        return Listing(tuple(map(live, users)), whole), desired

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """Links and unlinks one by one, then the profiles: one PUT, or bulks."""
        single = [each for each in operations if each.verb in ("link", "unlink")]
        profiles = [each for each in operations if each.verb not in ("link", "unlink")]
        fit = [each for each in profiles if len(profiles) > 1 and self._bulkable(each)]
        merge_streams = {each.name for each in fit}
        alone = [each for each in profiles if each.name not in merge_streams]
        sizes = [
            len(request_bytes(Request("", "", _upsert(each, self._by))) or b"") + 1 for each in fit
        ]
        budget = BODY_LIMIT - len(request_bytes(_bulk((), self._by)) or b"")
        bins = [
            tuple(fit[place] for place in each) for each in pack(sizes, self.section.bulk, budget)
        ]
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

    def _bulkable(self, operation: Operation) -> bool:
        """Whether a bulk can name this agent as configured, and hold it."""
        if self._by != "id" and operation.external_id is None:
            return False
        return len(request_bytes(_bulk((operation,), self._by)) or b"") <= BODY_LIMIT

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send the step; what is uncertain is settled by reading before anything is sent again."""
        if step.request.path != BULK:
            return ((yield from _send(step.operations[0])),)
        found: dict[str, Outcome] = {}
        for outcome in (yield from self._send_bulk(step.operations, doubted=False)):
            found[outcome.operation.name] = outcome
        return tuple(found[each.name] for each in step.operations)

    def _send_bulk(self, operations: Sequence[Operation], *, doubted: bool) -> Talk:
        """Outcomes of the operations: in bulks of the size that the portal has taken so far.
        `doubted`, they went out before, and what became of that is not known."""
        outcomes: list[Outcome] = []
        left = list(operations)
        while left:
            size = self.capacity.size
            part, left = left[:size], left[size:]
            outcomes += yield from self._send_part(part, doubted=doubted)
        return outcomes

    def _send_part(self, part: Sequence[Operation], *, doubted: bool) -> Talk:
        done: list[Outcome] = []
        left = list(part)
        doubts: list[Uncertain] = []
        for attempt in range(TRIES):
            last = yield replace(_bulk(left, self._by), attempt=attempt)
            results = _results(last)
            if results is None and not _doubtful(last):
                return done + (yield from self._refused_whole(left, last, doubted=doubted))
            if results is not None:
                self.capacity.took(len(left))
            answered, alone, open_ = _sort_out(left, results or [], last, doubted=doubted)
            done += answered
            for each in alone:
                done.append((yield from _send(each)))
            doubted = True
            if not open_:
                return done
            settled, doubts = yield from _settle(open_)
            done += settled
            if not doubts:
                return done
            left = [each.operation for each in doubts]
        return done + [_given_up(each) for each in doubts]

    def _refused_whole(
        self, refused: Sequence[Operation], last: Response, *, doubted: bool
    ) -> Talk:
        """A bulk that was refused as it is: where the portal may take fewer than documented, two
        halves, and from now on no more than went through; one operation goes by itself."""
        if last.status not in (400, 413):
            return [_failed(each, last) for each in refused]
        self.capacity.refused(len(refused))
        if len(refused) == 1:
            return [(yield from _send(refused[0], doubted=doubted))]
        middle = (len(refused) + 1) // 2
        first = yield from self._send_bulk(refused[:middle], doubted=doubted)
        return first + (yield from self._send_bulk(refused[middle:], doubted=doubted))


def live(user: object) -> Live:
    """A User as GET shows it, in the words of the YAML file.

    Raises AnswerError where it is none.
    """
    if not isinstance(user, Mapping) or type(user.get("id")) is not int:
        raise AnswerError("Rentix listed an agent without an id; that is not as documented.")
    for name, kinds in SHOWN.items():
        if not isinstance(user.get(name), kinds):
            raise AnswerError(
                f"Rentix shows {name} of agent {user['id']} as {type(user.get(name)).__name__}; "
                f"that is not as documented."
            )
    description, settings = user.get("description"), user.get("settings") or {}
    texts = description.values() if isinstance(description, Mapping) else ()
    switches = [settings[part] for part in CHANNELS if part in settings]
    avatar = user.get("avatar")
    if not (
        all(text is None or isinstance(text, str) for text in texts)
        and all(isinstance(switch, bool | None) for switch in switches)
        and (avatar is None or type(avatar.get("id")) is int)
    ):
        raise AnswerError(
            f"Rentix shows texts, settings or the avatar of agent {user['id']} in a form that is "
            f"not as documented."
        )
    identity = {name: user[name] for name in ("id", "externalId", "phone") if user.get(name)}
    values: dict[str, Value] = {name: user.get(name) for name in LINKS}
    values["name"] = user.get("name") or ""
    values["avatar"] = user.get("avatar")
    if isinstance(description, Mapping):
        values |= {f"description.{part}": description.get(part) or "" for part in LANGUAGES}
    else:
        values["description"] = description
    values |= {
        f"settings.{part}": switch
        for part in CHANNELS
        if (switch := settings.get(part)) is not None
    }
    return Live("rentix", user["id"], values["name"], identity, values)


def _pages() -> Talk:
    """All users, and whether they are known to be all. No paging is documented; `next` and
    `total` are followed if they appear."""
    users: dict[Any, dict[str, Any]] = {}
    totals: dict[str, Any] = {}  # a total that one page tells is one of all pages
    request = Request("GET", "/users")
    for page in range(2, PAGES):
        response = yield request
        if response.status != 200:
            raise PortalError(_unreadable(response))
        items = response.body.get("items") if isinstance(response.body, dict) else None
        if not isinstance(items, list):
            raise AnswerError(
                "Rentix answered GET /users without `items`; that is not as documented."
            )
        before = len(users)
        for user in items:
            number = user.get("id") if isinstance(user, dict) else None
            users[number if is_name(number) else None] = user
        marks = _marks(response.body)
        totals |= {name: marks[name] for name in TOTALS if name in marks}
        marks |= totals
        after, open_end = _next(marks), _says_more(marks, len(users), page - 1)
        if after is None and not open_end:
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


def _marks(body: Mapping[str, Any]) -> dict[str, Any]:
    """Where a list's markers may stand: at the top, or one level down (`meta`, `pagination`).
    No paging is documented, so the names are the usual ones, whatever their spelling."""
    deeper = (inner for inner in body.values() if isinstance(inner, Mapping))
    return {
        name.lower().replace("_", ""): mark
        for part in (*deeper, body)
        for name, mark in part.items()
        if name != "items"
    }


NEXT = ("next", "nextpage", "nextcursor", "nexttoken", "nextpagetoken", "cursor")
TOTALS = ("total", "totalcount", "totalitems", "count")
LAST_PAGES = ("totalpages", "pages", "pagecount", "lastpage")
MORE = ("hasmore", "hasnext", "hasnextpage", "more")


def _next(marks: Mapping[str, Any]) -> str | None:
    """The path of the page that a list's marker names, on this portal whatever host it says."""
    for marker in (marks.get(name) for name in NEXT):
        if type(marker) is int and marker:
            return f"/users?page={marker}"
        if isinstance(marker, str) and marker:
            _, found, query = marker.partition("#")[0].partition("?")
            asked = parse_qsl(query) if found else [("cursor", marker)]
            return f"/users?{urlencode(asked, errors='replace')}"
    return None


def _says_more(marks: Mapping[str, Any], count: int, page: int) -> bool:
    """Whether a list says, in whatever form, that there are more than `count` agents, or pages
    after `page`; a marker that cannot be understood says so too."""
    numbers = [(marks.get(name), count) for name in TOTALS]
    numbers += [(marks.get(name), page) for name in LAST_PAGES]
    return (
        any(type(number) is int and number > seen for number, seen in numbers)
        or any(number is not None and type(number) is not int for number, _ in numbers)
        or any(marks.get(name) and type(marks[name]) not in (str, int) for name in NEXT)
        or any(marks.get(name) for name in MORE)
    )


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
    if size <= BODY_LIMIT:
        return None
    return f"its profile takes {size // 1024} KB, and the portal takes {BODY_LIMIT // 1024} KB."


def _number(name: str) -> int:
    return int(name[1:])


def _send(operation: Operation, *, doubted: bool = False) -> Talk:
    """The outcome of one operation in a request of its own; `doubted`, it went out before."""
    request = _single(operation)
    doubt = Uncertain(operation, Response(None))
    for attempt in range(TRIES):
        last = yield replace(request, attempt=attempt)
        if _says_who(last):
            return _answered(operation, last, last.body, doubted=doubted)
        refused = not _doubtful(last)
        if refused and (
            last.status in (None, 401, 403)
            or (not doubted and operation.verb not in ("link", "unlink"))
        ):
            return _failed(operation, last)
        doubted = True
        verdict, who = yield from _look(operation)
        if verdict is Verdict.SAME:
            return Outcome(operation, "applied", last.status, None, who)
        if refused:  # a link that is so already would have been made by somebody else meanwhile
            return _failed(operation, last)
        doubt = Uncertain(operation, last, verdict)
        if verdict is None:
            break
    return _given_up(doubt)


def _says_who(response: Response) -> bool:
    """Whether an answer is a success that names the agent."""
    good = response.status is not None and response.status < 300
    return good and isinstance(response.body, Mapping) and type(response.body.get("id")) is int


def _doubtful(response: Response) -> bool:
    """Whether the request may have taken effect: the wire says so, or a success that says nothing
    of the agents."""
    return response.uncertain or (response.status is not None and response.status < 300)


def _answered(
    operation: Operation, response: Response, answer: Mapping[str, Any], *, doubted: bool
) -> Outcome:
    """The outcome that a success tells; another agent's id in it means the wrong person. With
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
    return Outcome(operation, "applied", response.status, None, who)


def _failed(operation: Operation, response: Response) -> Outcome:
    return _refused(operation, response.status, response.error or _message(response.body))


def _refused(operation: Operation, status: int | None, message: str) -> Outcome:
    """The outcome of a refusal. A portal that creates nobody answers a creation with “not found”:
    that agent has to be invited, and waits."""
    start = message.lower()
    advice = next((text for key, text in ADVICE.items() if start.startswith(key)), None)
    if status == 401:
        advice = "check RENTIX_API_KEY"
    invited = operation.verb == "create" and (start.startswith("user not found") or status == 404)
    said = f"{message}: {advice}" if advice else message
    return Outcome(operation, "waiting" if invited else "failed", status, said, operation.id)


def _message(body: Value) -> str:
    """The portal's own words, in either form of an error."""
    if isinstance(body, str):
        return short(body)
    if isinstance(body, Mapping):
        for said in (body.get("message"), body.get("error"), body.get("body")):
            if isinstance(said, list) and said:
                return _message("; ".join(map(str, said)))
            if said:
                return _message(said if isinstance(said, Mapping) else str(said))
    return NO_REASON


def _given_up(doubt: Uncertain) -> Outcome:
    """The outcome after the last try, with the portal's own words where it has any."""
    return given_up(doubt, _message(object_of(doubt.response)))


def _look(
    operation: Operation,
) -> Generator[Request, Response, tuple[Verdict | None, int | str | None]]:
    """Read one agent: is it as the operation wants it, and who is it? None where it cannot be
    read."""
    if operation.id is not None:
        path = f"/users/{operation.id}"
    else:
        path = f"/users/external/{quote(str(operation.external_id), safe='')}"
    response = yield Request("GET", path)
    if response.status == 404 and operation.id is None:
        return Verdict.DIFFERENT, None
    try:
        agent = live(response.body) if response.status == 200 else None
    except PortalError:
        agent = None
    if agent is None or not _is_meant(operation, agent):
        return None, operation.id
    return _compared(operation, agent), agent.id


def _is_meant(operation: Operation, agent: Live) -> bool:
    """Whether this is the agent who was asked for: by the id, or who is to be created."""
    if operation.id is not None:
        return agent.id == operation.id
    return agent.identity.get("externalId") == operation.external_id


def _compared(operation: Operation, agent: Live) -> Verdict:
    """Whether the agent is as the operation wants it, as far as the portal shows it."""
    held = agent.identity.get("externalId")
    if operation.verb == "link":
        return Verdict.SAME if held == operation.external_id else Verdict.DIFFERENT
    if operation.verb == "unlink":
        return Verdict.SAME if held != operation.external_id else Verdict.DIFFERENT
    return compared(operation, agent, FIELDS)


def _settle(
    doubts: Sequence[Uncertain],
) -> Generator[Request, Response, tuple[list[Outcome], list[Uncertain]]]:
    """Read the list: the outcomes that it tells, and what has to go out again."""
    try:
        users, whole = yield from _pages()
        agents = [live(user) for user in users]
    except PortalError as error:
        lost = Response(None, None, str(error))
        return [_given_up(Uncertain(each.operation, lost)) for each in doubts], []
    by_id = {agent.id: agent for agent in agents}
    by_external = {agent.identity.get("externalId"): agent for agent in agents}
    settled, again = [], []
    for each in doubts:
        wanted = each.operation
        agent = (
            by_id.get(wanted.id) if wanted.id is not None else by_external.get(wanted.external_id)
        )
        if agent is None:
            verdict = Verdict.DIFFERENT if whole else None
        else:
            verdict = _compared(wanted, agent)
        if agent is not None and verdict is Verdict.SAME:
            settled.append(Outcome(wanted, "applied", None, None, agent.id))
        elif verdict is None:
            lost = Response(None, None, "the portal listed only a part of its agents")
            settled.append(_given_up(Uncertain(wanted, lost)))
        else:
            again.append(replace(each, verdict=verdict))
    return settled, again


def _results(response: Response) -> list[Mapping[str, Any]] | None:
    """A bulk's results under whatever status; None if the answer has none."""
    found = response.body.get("results") if isinstance(response.body, dict) else None
    if not isinstance(found, list):
        return None
    return [each for each in found if isinstance(each, Mapping)]


def _sort_out(
    operations: Sequence[Operation],
    results: Sequence[Mapping[str, Any]],
    response: Response,
    *,
    doubted: bool,
) -> tuple[list[Outcome], list[Operation], list[Uncertain]]:
    """The outcomes that the results tell, the operations to send alone because a bulk does not
    take their id, and those that no result speaks of (or that failed for the moment only).

    A result belongs to the operation that it names; one that names nobody, as refusals may, to
    the one in its place.
    """
    outcomes: list[Outcome] = []
    alone: list[Operation] = []
    left: list[Uncertain] = []
    for operation, own in zip(operations, _own(operations, results), strict=True):
        if own is None:
            left.append(Uncertain(operation, response))
        elif own.get("success") is True and type(own.get("id")) is int:
            outcomes.append(_answered(operation, Response(200), own, doubted=doubted))
        elif own.get("success") is True:  # of whom it does not say
            left.append(Uncertain(operation, response))
        else:
            status, message = _bulk_error(own)
            if message.lower().startswith(UNNAMED) and operation.id is not None:
                alone.append(operation)
            elif status is not None and (status == 429 or status >= 500):
                left.append(Uncertain(operation, Response(status, None, message)))
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
            if is_name(result.get(name)):
                named.setdefault((name, result[name]), result)
    in_place = len(results) == len(operations)
    others = {("id", each.id) for each in operations if each.id is not None}
    others |= {("externalId", each.external_id) for each in operations if each.external_id}
    for place, operation in enumerate(operations):
        own = named.get(("id", operation.id)) or named.get(("externalId", operation.external_id))
        if own is None and in_place:
            here = results[place]
            # A failure may name nobody; a success that names a stranger is for us to notice.
            names = {(name, here[name]) for name in ("id", "externalId") if is_name(here.get(name))}
            own = None if names & others or _unread(here) else here
        yield own


def _unread(result: Mapping[str, Any]) -> bool:
    """Whether a result names somebody in a form that no id has."""
    return any(
        result.get(name) is not None and not is_name(result[name]) for name in ("id", "externalId")
    )


def _bulk_error(result: Mapping[str, Any]) -> tuple[int | None, str]:
    error = result.get("error")
    if not isinstance(error, Mapping):
        return None, _message(result)
    status = error.get("statusCode")
    return (status if type(status) is int else None), _message(error.get("body") or error)
