"""What portals share to settle a write whose outcome is uncertain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.fields import Field, Verdict, compare, parent, paths
from reconciler.core.model import Desired, Live, Operation, Outcome, Response, Source, Value

TRIES = 5
"""The most times that a write is sent while its outcome is uncertain."""
LONGEST_MESSAGE = 500
"""Characters of a portal's message that are shown; a gateway may send a page of HTML."""
NO_REASON = "the portal gave no reason"


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An operation whose outcome is uncertain, the response that left it so, and what reading
    the agent showed since (None: nothing)."""

    operation: Operation
    response: Response
    verdict: Verdict | None = None


def is_name(value: object) -> bool:
    """Whether this can be an id: a number or a text."""
    return type(value) in (int, str)


def compared(operation: Operation, agent: Live, fields: Iterable[Field]) -> Verdict:
    """Whether the agent has the operation's values, where the portal shows them."""
    table = {each.name: each for each in fields}
    values: dict[str, Value] = {}
    for name, value in operation.values.items():
        if name in table:  # an identifier that only finds the agent is not a field
            values |= paths(table[name], value)
    source = operation.source or Source("", 0)
    wanted = Desired(operation.portal, operation.key, source, {}, values)
    verdicts = {compare(table[parent(path)], path, wanted, agent) for path in values}
    for verdict in (Verdict.DIFFERENT, Verdict.UNREADABLE):
        if verdict in verdicts:
            return verdict
    return Verdict.SAME


def short(text: str) -> str:
    """A portal's message on one line, cut to a length that can be shown."""
    return " ".join(text.split())[:LONGEST_MESSAGE] or NO_REASON


def given_up(last: Uncertain, message: str = NO_REASON) -> Outcome:
    """The outcome after the last attempt: `failed` if reading shows that the write was not applied,
    else `unknown`. `message` is the portal's own."""
    operation, response = last.operation, last.response
    reason = response.error or f"the portal returned {response.status}"
    if message != NO_REASON:
        reason = f"{reason} ({message})"
    if last.verdict is Verdict.DIFFERENT:
        error = f"{reason}; the portal shows that it was not applied. Run again later"
        return Outcome(operation, "failed", response.status, error, operation.id)
    error = f"{reason}, and could not verify whether it was applied. Run again to find out"
    return Outcome(operation, "unknown", response.status, error, operation.id)


def object_of(response: Response) -> Mapping[str, Any]:
    """The JSON object in a response; empty if there is none."""
    return response.body if isinstance(response.body, Mapping) else {}
