"""Rentix: from operations to requests, and from responses to outcomes.

A response may leave open whether a write was applied. It is settled by reading before anything is
sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from reconciler.core.conversation import Conversation
from reconciler.core.fields import Verdict
from reconciler.core.model import Live, Operation, Outcome, Request, Response, Step, Value
from reconciler.core.packing import pack
from reconciler.core.plan_json import request_bytes
from reconciler.errors import PortalError
from reconciler.portals.rentix import answers, config
from reconciler.portals.rentix.read import live, one, pages
from reconciler.portals.rentix.table import BODY_LIMIT, BULK, FIELDS, USERS
from reconciler.portals.uncertain import TRIES, Uncertain, compared

Outcomes = Conversation[list[Outcome]]


class Capacity:
    """How many operations to put into one bulk: as configured, and fewer after the portal refused
    that many, since the documented number may be too large."""

    def __init__(self, configured: int) -> None:
        self.configured = self.size = configured
        self.accepted = 0
        self.refused_one = False

    def accept(self, count: int) -> None:
        """A bulk of `count` was accepted. If one operation was refused before, that was because of
        its agent."""
        self.accepted = max(self.accepted, count)
        if self.refused_one:
            self.size, self.refused_one = self.configured, False

    def refuse(self, count: int) -> None:
        """A bulk of `count` was refused: because of its size, unless as many were accepted before
        or it had one operation. If a single one is refused and none was ever accepted, the portal
        may accept no bulks."""
        if count == 1 and self.accepted:
            self.size = self.configured
        elif count == 1:
            self.refused_one = True
        elif count > self.accepted:
            self.size = min(self.size, (count + 1) // 2)


@dataclass
class Writer:
    """Sends operations in one run."""

    section: config.Rentix
    capacity: Capacity = field(init=False)

    def __post_init__(self) -> None:
        self.capacity = Capacity(self.section.bulk)

    def steps(self, operations: Sequence[Operation]) -> tuple[Step, ...]:
        """Links and unlinks one by one, then the profiles: one PUT, or bulks."""
        links = [each for each in operations if each.verb in ("link", "unlink")]
        profiles = [each for each in operations if each.verb not in ("link", "unlink")]
        bulkable = [each for each in profiles if len(profiles) > 1 and self._fits_bulk(each)]
        names = {each.name for each in bulkable}
        alone = [each for each in profiles if each.name not in names]
        groups = [(each, _single(each)) for each in (*links, *alone)]
        return _steps(
            [((each,), request) for each, request in groups]
            + [(group, self._bulk(group)) for group in self._packed(bulkable)]
        )

    def _packed(self, operations: Sequence[Operation]) -> list[tuple[Operation, ...]]:
        """The operations in the fewest bulks within both limits."""
        sizes = [len(_bytes(Request("", "", self._upsert(each)))) + 1 for each in operations]
        budget = BODY_LIMIT - len(_bytes(self._bulk(())))
        return [
            tuple(operations[place] for place in group)
            for group in pack(sizes, self.section.bulk, budget)
        ]

    def _fits_bulk(self, operation: Operation) -> bool:
        """Whether a bulk can identify this agent as configured, and is large enough for it."""
        if self.section.bulk_by != "id" and operation.external_id is None:
            return False
        return len(_bytes(self._bulk((operation,)))) <= BODY_LIMIT

    def _bulk(self, operations: Sequence[Operation]) -> Request:
        return Request("POST", BULK, {"operations": [self._upsert(each) for each in operations]})

    def _upsert(self, operation: Operation) -> dict[str, Value]:
        return {"op": "upsert", **_profile(operation, self.section.bulk_by)}

    def perform(self, step: Step) -> Conversation[tuple[Outcome, ...]]:
        """Send a step; one outcome per operation. A creation is not sent if the agent exists after
        all: it would reset what no file declares."""
        outcomes = yield from _refuse_creations(step.operations)
        refused = {outcome.operation.name for outcome in outcomes}
        ready = [each for each in step.operations if each.name not in refused]
        if ready and step.request.path == BULK:
            outcomes += yield from self._send_bulk(ready, resent=False)
        elif ready:
            outcomes.append((yield from _send(ready[0])))
        found = {outcome.operation.name: outcome for outcome in outcomes}
        return tuple(found[each.name] for each in step.operations)

    def _send_bulk(self, operations: Sequence[Operation], *, resent: bool) -> Outcomes:
        """Outcomes of the operations, in bulks of the size that the portal accepts. `resent`: an
        earlier request may have applied them."""
        outcomes: list[Outcome] = []
        left = list(operations)
        while left:
            size = self.capacity.size
            part, left = left[:size], left[size:]
            outcomes += yield from self._send_part(part, resent=resent)
        return outcomes

    def _send_part(self, operations: Sequence[Operation], *, resent: bool) -> Outcomes:
        """Outcomes of the operations, in one bulk that is resent while any of them is uncertain."""
        outcomes: list[Outcome] = []
        left = list(operations)
        uncertain: list[Uncertain] = []
        for attempt in range(TRIES):
            last = yield replace(self._bulk(left), attempt=attempt)
            found = answers.results(last)
            if found is None and not answers.is_uncertain(last):
                return outcomes + (yield from self._split(left, last, resent=resent))
            if found is not None:
                self.capacity.accept(len(left))
            sorted_out = answers.sort_out(left, found or [], last, resent=resent)
            outcomes += sorted_out.outcomes
            for each in sorted_out.alone:
                outcomes.append((yield from _send(each)))
            resent = True
            if not sorted_out.uncertain:
                return outcomes
            settled, uncertain = yield from _settle(sorted_out.uncertain)
            outcomes += settled
            if not uncertain:
                return outcomes
            left = [each.operation for each in uncertain]
        return outcomes + [answers.abandoned(each) for each in uncertain]

    def _split(self, refused: Sequence[Operation], last: Response, *, resent: bool) -> Outcomes:
        """Outcomes after a bulk was refused as a whole. The portal may accept fewer operations than
        documented, so it is sent again in two halves; a single operation goes out alone."""
        if last.status not in (400, 413):
            return [answers.failed(each, last) for each in refused]
        self.capacity.refuse(len(refused))
        if len(refused) == 1:
            return [(yield from _send(refused[0], resent=resent))]
        middle = (len(refused) + 1) // 2
        first = yield from self._send_bulk(refused[:middle], resent=resent)
        return first + (yield from self._send_bulk(refused[middle:], resent=resent))


def _steps(groups: Sequence[tuple[tuple[Operation, ...], Request]]) -> tuple[Step, ...]:
    """A step for each request, after the steps that its operations wait for."""
    step_of = {each.name: number for number, (group, _) in enumerate(groups, 1) for each in group}
    steps = []
    for number, (group, request) in enumerate(groups, 1):
        waits = {step_of.get(wait, number) for each in group for wait in each.waits}
        after = tuple(f"r{each}" for each in sorted(waits) if each < number)
        steps.append(Step(f"r{number}", request, group, after))
    return tuple(steps)


def _bytes(request: Request) -> bytes:
    return request_bytes(request) or b""


def _profile(operation: Operation, by: str) -> dict[str, Value]:
    """The body that creates or updates a profile. The agent is identified by its id, or by its
    external id (if `by` says so, or for a creation)."""
    if by == "id" and operation.id is not None:
        return {"id": operation.id, **operation.values}
    return {"externalId": operation.external_id, **operation.values}


def _single(operation: Operation) -> Request:
    match operation.verb:
        case "link":
            body = {"externalId": operation.external_id}
            return Request("POST", f"{USERS}/{operation.id}/link", body)
        case "unlink":
            return Request("DELETE", f"{USERS}/{operation.id}/link")
        case _:
            return Request("PUT", USERS, _profile(operation, "id"))


def too_large(operation: Operation) -> str | None:
    """Why the portal would refuse an operation for its size; None if it would not."""
    size = len(_bytes(_single(operation)))
    if size <= BODY_LIMIT:
        return None
    return (
        f"its profile has {size // 1024} KB, and the portal accepts {BODY_LIMIT // 1024} KB. "
        f"Shorten its texts."
    )


def _send(operation: Operation, *, resent: bool = False) -> Conversation[Outcome]:
    """The outcome of one operation in its own request. `resent`: an earlier request may have
    applied it."""
    request = _single(operation)
    links = operation.verb in ("link", "unlink")
    uncertain = Uncertain(operation, Response(None))
    for attempt in range(TRIES):
        last = yield replace(request, attempt=attempt)
        if answers.is_conclusive(operation, last):
            return answers.answered(operation, last, last.body, resent=resent)
        refused = not answers.is_uncertain(last)
        if refused and (last.status in (None, 401, 403) or not (resent or links)):
            return answers.failed(operation, last)
        resent = True
        verdict, agent = yield from _look_up(operation)
        if verdict is Verdict.SAME and agent is not None:
            return Outcome(operation, "applied", last.status, None, agent.id)
        if operation.verb == "unlink" and agent and (other := _other_id(operation, agent)):
            error = answers.other_id(operation, other)
            return Outcome(operation, "failed", last.status, error, operation.id)
        if refused:
            holds = _external_id(agent) if links and agent else None
            return replace(answers.failed(operation, last), holds=holds)
        uncertain = Uncertain(operation, last, verdict)
        if verdict is None:
            break
    return answers.abandoned(uncertain)


def _refuse_creations(operations: Sequence[Operation]) -> Outcomes:
    """The outcomes of the creations that must not be sent: the list may have omitted the agent."""
    refused = []
    for operation in operations:
        if operation.verb == "create":
            status, agent = yield from one(_external(operation))
            if agent is not None or status != 404:
                refused.append(answers.not_created(operation, status, agent))
    return refused


def _external(operation: Operation) -> str:
    return f"external/{quote(str(operation.external_id), safe='')}"


def _look_up(operation: Operation) -> Conversation[tuple[Verdict | None, Live | None]]:
    """Read one agent: whether it has what the operation wants (None: it could not be read), and
    the agent."""
    path = _external(operation) if operation.id is None else str(operation.id)
    status, agent = yield from one(path)
    if status == 404 and operation.id is None:
        return Verdict.DIFFERENT, None
    if agent is None or not _is_meant(operation, agent):
        return None, None
    return _compared(operation, agent), agent


def _external_id(agent: Live) -> str | None:
    current = agent.identity.get("externalId")
    return None if current is None else str(current)


def _other_id(operation: Operation, agent: Live) -> str | None:
    """The agent's external id if that is another one than the operation's; None if it has none."""
    current = _external_id(agent)
    return None if current == operation.external_id else current


def _is_meant(operation: Operation, agent: Live) -> bool:
    if operation.id is not None:
        return agent.id == operation.id
    return agent.identity.get("externalId") == operation.external_id


def _compared(operation: Operation, agent: Live) -> Verdict:
    """Whether the agent has what the operation wants, where the portal shows it."""
    current = agent.identity.get("externalId")
    if operation.verb == "link":
        return Verdict.SAME if current == operation.external_id else Verdict.DIFFERENT
    if operation.verb == "unlink":
        return Verdict.SAME if current is None else Verdict.DIFFERENT
    return compared(operation, agent, FIELDS)


def _settle(uncertain: Sequence[Uncertain]) -> Conversation[tuple[list[Outcome], list[Uncertain]]]:
    """Read the list: the outcomes that it settles, and what has to be sent again."""
    try:
        users, complete = yield from pages()
        agents = [live(user) for user in users]
    except PortalError as error:
        lost = Response(None, None, str(error))
        return [answers.abandoned(Uncertain(each.operation, lost)) for each in uncertain], []
    by_id = {agent.id: agent for agent in agents}
    by_external = {agent.identity.get("externalId"): agent for agent in agents}
    settled, again = [], []
    for each in uncertain:
        operation = each.operation
        if operation.id is not None:
            agent = by_id.get(operation.id)
        else:
            agent = by_external.get(operation.external_id)
        absent = Verdict.DIFFERENT if complete else None
        verdict = absent if agent is None else _compared(operation, agent)
        if agent is not None and verdict is Verdict.SAME:
            settled.append(Outcome(operation, "applied", None, None, agent.id))
        elif verdict is None:
            lost = Response(None, None, "the portal returned an incomplete list of its agents")
            settled.append(answers.abandoned(Uncertain(operation, lost)))
        else:
            again.append(replace(each, verdict=verdict))
    return settled, again
