"""Why a single read or answer is no evidence: lost writes, old lists, other agents' answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from reconciler.sandbox.faults.memory import PICTURES, Copy, changed_paths
from reconciler.sandbox.faults.people import value_at, with_value
from reconciler.sandbox.faults.target import Agents, Target, document_of
from reconciler.sandbox.propertyfinder.user import User, show
from reconciler.sandbox.state import Call
from reconciler.sandbox.values import Json

# Lost writes: acknowledged, then undone.


async def lost(choose: Callable[[Target, list[int]], list[int]], target: Target) -> Response:
    """Carry out the call; undo it for those of the changed agents that `choose` returns."""

    def undo(before: Agents, after: Agents) -> None:
        changed = [number for number in before if after[number] != before[number]]
        for number in choose(target, changed):
            target.memory.undo(target, before[number], after[number])

    return await target.altering(undo).carry_out()


def every(target: Target, changed: list[int]) -> list[int]:  # noqa: ARG001
    """Choose all changed agents."""
    return changed


def for_good(target: Target, changed: list[int]) -> list[int]:
    """Choose all changed agents, and lose every later write to them too."""
    target.memory.lost |= {(target.portal, number) for number in changed}
    return changed


def one(target: Target, changed: list[int]) -> list[int]:
    """Choose one of the changed agents."""
    return target.random.sample(changed, min(1, len(changed)))


def half(target: Target, changed: list[int]) -> list[int]:
    """Choose half of the changed agents."""
    return target.random.sample(changed, (len(changed) + 1) // 2)


async def one_value_lost(target: Target) -> Response:
    """Carry out the call; undo it for one value of one agent."""

    def undo(before: Agents, after: Agents) -> None:
        values = [
            (number, path)
            for number in before
            for path in changed_paths(before[number], after[number])
            if path not in PICTURES
        ]
        if values:
            number, path = target.random.choice(values)
            target.memory.losses.add(((target.portal, number), path))
            former = value_at(before[number], path)
            target.save(with_value(after[number], path, former))

    return await target.altering(undo).carry_out()


# Old and partial lists.


async def lagging(
    lists: tuple[int, int], look_ups: tuple[int, int], alternates: bool, target: Target
) -> Response:
    """Carry out the call; show the agents from before it to some of the next reads.

    `lists` and `look_ups` are the fewest and the most of these reads.
    """
    numbers = target.random.randint(*lists), target.random.randint(*look_ups)
    target.memory.copies[target.portal] = Copy(
        list(target.agents.values()), *numbers, alternates=alternates
    )
    return await target.carry_out()


async def lagging_for_seconds(target: Target) -> Response:
    """Carry out the call; show the agents from before it in every list of the next seconds."""
    until = target.state.clock() + target.random.uniform(1, 30)
    target.memory.copies[target.portal] = Copy(
        list(target.agents.values()), lists=math.inf, until=until
    )
    return await target.carry_out()


async def cut_short(empty: bool, target: Target) -> Response:
    """Leave agents out of this list, or all of them, without a mark that some are missing."""
    agents = list(target.agents.values())
    count = 0 if empty else target.random.randrange(1, len(agents))
    copy = Copy(sorted(target.random.sample(agents, count), key=lambda each: each.id), lists=1)
    target.memory.copies[target.portal] = copy
    return await target.memory.divert(target).carry_out()


# Another agent.


async def names_another(target: Target) -> Response:
    """Carry out the call; let the response name another agent."""
    response = await target.carry_out()
    if response.status_code >= 300:
        return response
    document = document_of(response)
    named = target.random.choice(document["results"]) if "results" in document else document
    _rename(target, named)
    return target.altered(response, document)


def _rename(target: Target, named: Json) -> None:
    """Let a response, or the result of one operation, name another agent."""
    other = target.random.choice(
        [each for number, each in target.agents.items() if number != named.get("id")]
    )
    if isinstance(other, User):
        named.update(_shown(target, other))
    else:
        named.update({"id": other.id, "externalId": other.external_id})


def _shown(target: Target, user: User) -> Json:
    """Return a user as GET shows it."""
    mine = target.state.propertyfinder
    return show(user, mine.readings, mine.users.roles())


async def changes_another(admits: bool, target: Target) -> Response:
    """Carry out the call on another agent; with `admits`, the response names that one."""
    right, wrong = subject(target), target.random.choice(others(target))
    response = await replace(
        target, exchange=replace(target.exchange, call=_about(target, wrong))
    ).carry_out()
    if response.status_code < 300:
        target.memory.misdirected.add((target.portal, wrong.id))
        target.memory.losses.add(((target.portal, right.id), ""))
        if not admits and response.body:
            document = document_of(response)
            if isinstance(right, User):
                document = _shown(target, right)
            else:
                document["id"] = right.id
            return target.altered(response, document)
    return response


async def shows_another(target: Target) -> Response:
    """Answer a read of one agent with another agent."""
    call = _about(target, target.random.choice(others(target)))
    return await replace(target, exchange=replace(target.exchange, call=call)).carry_out()


def subject(target: Target) -> Any:  # noqa: ANN401 - an `Agent`, a `User` or None
    """Return the one live agent that a call names by its id; None if it names none or several."""
    name, number = _name_in(target)
    for agent in target.agents.values() if name else ():
        if str(number) == str(agent.profile_id if name == "profile" else agent.id):
            return agent
    return None


def others(target: Target) -> list[Any]:
    """Return the agents that a call could name instead of the one that it is about."""
    right, (name, _) = subject(target), _name_in(target)
    return [
        each
        for each in target.agents.values()
        if each != right and (name != "profile" or each.profile_id is not None)
    ]


def _name_in(target: Target) -> tuple[str | None, Any]:
    """Return where a call names its agent by a live id, and the id: in the path, body or query."""
    call = target.call
    if target.endpoint == "PATCH /v1/public-profiles/:id":
        return "profile", call.parameters[0]
    if "/:id" in target.endpoint:
        return "path", call.parameters[0]
    if target.endpoint == "PUT /users" and isinstance(call.body, dict) and "id" in call.body:
        return "body", call.body["id"]
    if target.endpoint == "GET /v1/users" and "id" in call.query:
        return "query", call.query["id"]
    return None, None


def _about(target: Target, agent: Any) -> Call:  # noqa: ANN401 - an `Agent` or a `User`
    call, (name, _) = target.call, _name_in(target)
    if name == "body":
        return replace(call, body={**call.body, "id": agent.id})
    if name == "query":
        return replace(call, query={**call.query, "id": str(agent.id)})
    number = agent.profile_id if name == "profile" else agent.id
    return replace(call, parameters=(str(number),))
