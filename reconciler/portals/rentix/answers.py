"""Rentix: what the responses to writes mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.conversation import is_inconclusive
from reconciler.core.model import Live, Operation, Outcome, Response, Status
from reconciler.portals.rentix.read import message
from reconciler.portals.rentix.table import ADVICE, UNNAMED
from reconciler.portals.uncertain import Uncertain, given_up, is_name, object_of

Result = Mapping[str, Any]
"""What a bulk's response has for one operation."""


def is_conclusive(operation: Operation, response: Response) -> bool:
    """Whether a response is a success that names the agent and the external id it is about."""
    answer = object_of(response)
    success = response.status is not None and 200 <= response.status < 300
    if not success or type(answer.get("id")) is not int:
        return False
    external = answer.get("externalId")
    match operation.verb:
        case "unlink":
            return is_name(external) or answer["id"] != operation.id
        case "link":
            return external in (None, operation.external_id)
        case _:
            return True


def is_uncertain(response: Response) -> bool:
    """Whether the request may have taken effect: the connection failed, or a success does not name
    the agents."""
    return response.uncertain or (response.status is not None and response.status < 300)


def answered(operation: Operation, response: Response, answer: Result, *, resent: bool) -> Outcome:
    """The outcome of a success. It fails if the portal changed another agent, unlinked another
    external id, or updated an agent instead of creating it; after a request that was `resent`, the
    first one may have created it."""
    who = answer.get("id")
    error = released = None
    if operation.id is not None and who != operation.id:
        error = f"the portal changed agent {who} instead of {operation.id}; check both"
        who = operation.id
    elif operation.verb == "unlink" and answer["externalId"] != operation.external_id:
        released = str(answer["externalId"])
        error = other_id(operation, released)
    elif operation.verb == "create" and answer.get("updated") is True and not resent:
        error = (
            f"agent {who} already had the externalId {operation.external_id} and was updated "
            f"instead; check that this is the same person"
        )
    status: Status = "failed" if error else "applied"
    return Outcome(operation, status, response.status, error, who, released=released)


def other_id(operation: Operation, external_id: str) -> str:
    """Why an unlink fails whose agent has another external id than the planned one."""
    return (
        f"someone changed the externalId of agent {operation.id} from {operation.external_id} to "
        f"{external_id} after the plan was made, so plan again"
    )


def not_created(operation: Operation, status: int | None, existing: Live | None) -> Outcome:
    """The outcome of a creation that was not sent because the agent exists, or may exist."""
    error = f"could not check whether an agent has the externalId {operation.external_id}"
    if existing is not None:
        error = (
            f"agent {existing.id} {existing.name} already has the externalId "
            f"{operation.external_id}, although the portal's list did not show them"
        )
    error = f"{error}. Nothing was sent; run again"
    return Outcome(operation, "failed", status, error)


def failed(operation: Operation, response: Response) -> Outcome:
    """The outcome of a refusal, with the portal's message and what to do."""
    return _refused(operation, response.status, response.error or message(response.body))


def _refused(operation: Operation, status: int | None, reason: str) -> Outcome:
    """The outcome of a refusal. A portal that creates no agents answers a creation with “not
    found”: the agent waits for an invitation."""
    start = reason.lower()
    advice = next((text for key, text in ADVICE.items() if start.startswith(key)), None)
    if status == 401:
        advice = "check RENTIX_API_KEY"
    invited = operation.verb == "create" and (start.startswith("user not found") or status == 404)
    error = f"{reason}: {advice}" if advice else reason
    return Outcome(operation, "waiting" if invited else "failed", status, error, operation.id)


def abandoned(last: Uncertain) -> Outcome:
    """The outcome after the last attempt, with the portal's own message if it has one."""
    return given_up(last, message(object_of(last.response)))


def results(response: Response) -> list[Result] | None:
    """A bulk's results, whatever its status; None if there are none."""
    found = object_of(response).get("results")
    if not isinstance(found, list):
        return None
    return [each for each in found if isinstance(each, Mapping)]


@dataclass(frozen=True, slots=True)
class SortedOut:
    """A bulk's operations: those with an outcome, those to send alone because the portal accepts no
    `id` in a bulk, and those that are uncertain."""

    outcomes: list[Outcome] = field(default_factory=list)
    alone: list[Operation] = field(default_factory=list)
    uncertain: list[Uncertain] = field(default_factory=list)


def sort_out(
    operations: Sequence[Operation], results: Sequence[Result], response: Response, *, resent: bool
) -> SortedOut:
    """The operations of a bulk by what their results say. One without a result, or that failed
    temporarily, is uncertain."""
    found = SortedOut()
    for operation, own in zip(operations, _own(operations, results), strict=True):
        if own is None or (own.get("success") is True and type(own.get("id")) is not int):
            found.uncertain.append(Uncertain(operation, response))
        elif own.get("success") is True:
            found.outcomes.append(answered(operation, Response(200), own, resent=resent))
        else:
            status, reason = _bulk_error(own)
            if reason.lower().startswith(UNNAMED) and operation.id is not None:
                found.alone.append(operation)
            elif status is not None and (status == 429 or is_inconclusive(status)):
                found.uncertain.append(Uncertain(operation, Response(status, None, reason)))
            else:
                found.outcomes.append(_refused(operation, status, reason))
    return found


def _own(operations: Sequence[Operation], results: Sequence[Result]) -> Iterator[Result | None]:
    """Each operation's result: the one that names its agent, else the one at its position, unless
    that names another operation's agent."""
    named: dict[tuple[str, Any], Result] = {}
    for result in results:
        for name in _ids(result).items():
            named.setdefault(name, result)
    in_order = len(results) == len(operations)
    others = {("id", each.id) for each in operations if each.id is not None}
    others |= {("externalId", each.external_id) for each in operations if each.external_id}
    for position, operation in enumerate(operations):
        own = named.get(("id", operation.id)) or named.get(("externalId", operation.external_id))
        if own is None and in_order:
            # A failure may name no agent. A success that names another agent fails later.
            here = results[position]
            own = None if _ids(here).items() & others or _is_malformed(here) else here
        yield own


def _ids(result: Result) -> dict[str, Any]:
    return {name: result[name] for name in ("id", "externalId") if is_name(result.get(name))}


def _is_malformed(result: Result) -> bool:
    return any(
        result.get(name) is not None and not is_name(result[name]) for name in ("id", "externalId")
    )


def _bulk_error(result: Result) -> tuple[int | None, str]:
    error = result.get("error")
    if not isinstance(error, Mapping):
        return None, message(result)
    status = error.get("statusCode")
    return (status if type(status) is int else None), message(error.get("body") or error)
