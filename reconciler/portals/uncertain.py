"""What portals have in common where it is not known whether a write was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.fields import Field, Verdict, compare, parent, paths
from reconciler.core.model import Desired, Live, Operation, Outcome, Response, Source, Value

TRIES = 5
"""How often a write goes out at most while its outcome stays uncertain."""
LONGEST_MESSAGE = 500
"""Characters of a portal's message that are shown; a gateway may send a page of HTML."""
NO_REASON = "the portal gave no reason"


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An operation of which it is not known whether it was done: the answer that left it open,
    and what reading said since."""

    operation: Operation
    response: Response
    verdict: Verdict | None = None


def is_name(value: object) -> bool:
    """Whether this can be an id: a number or a text."""
    return type(value) in (int, str)


def compared(operation: Operation, agent: Live, fields: Iterable[Field]) -> Verdict:
    """Whether the agent has the operation's values, as far as the portal shows them."""
    table = {each.name: each for each in fields}
    values: dict[str, Value] = {}
    for name, value in operation.values.items():
        if name in table:  # what only finds an agent is no field
            values |= paths(table[name], value)
    source = operation.source or Source("", 0)
    wanted = Desired(operation.portal, operation.key, source, {}, values)
    said = {compare(table[parent(path)], path, wanted, agent) for path in values}
    for verdict in (Verdict.DIFFERENT, Verdict.UNREADABLE):
        if verdict in said:
            return verdict
    return Verdict.SAME


def short(text: str) -> str:
    """A portal's words on one line, cut where they get too long."""
    return " ".join(text.split())[:LONGEST_MESSAGE] or NO_REASON


def given_up(doubt: Uncertain, own: str = NO_REASON) -> Outcome:
    """The outcome after the last try: not done if reading says so, else unknown. `own` is what
    the portal itself said."""
    operation, response = doubt.operation, doubt.response
    said = response.error or f"the portal answered {response.status}"
    if own != NO_REASON:
        said = f"{said} ({own})"
    if doubt.verdict is Verdict.DIFFERENT:
        message = f"{said}; reading shows that it was not done, so run again later"
        return Outcome(operation, "failed", response.status, message, operation.id)
    message = f"{said}, and reading did not settle whether it was done; run again to find out"
    return Outcome(operation, "unknown", response.status, message, operation.id)


def object_of(response: Response) -> Mapping[str, Any]:
    """An answer's object; empty if it is none."""
    return response.body if isinstance(response.body, Mapping) else {}
