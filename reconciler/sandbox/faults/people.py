"""Edits by a person in a portal's web interface, while a client works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from reconciler.sandbox.agent import CHANNELS, SOCIAL, Agent
from reconciler.sandbox.faults.memory import Edit
from reconciler.sandbox.faults.target import Target
from reconciler.sandbox.propertyfinder.user import User


async def before(target: Target) -> Response:
    """Let a person edit an agent; carry out the call."""
    edit(target, {})
    return await target.carry_out()


async def after(target: Target) -> Response:
    """Carry out the call; let a person edit an agent, preferably one that the call changed."""
    agents = target.agents
    response = await target.carry_out()
    edit(target, agents)
    return response


def edit(target: Target, former: dict[int, Any]) -> None:
    """Edit one value of an agent; with `former` agents, mostly of one that has changed."""
    agents = target.agents
    changed = [each for number, each in agents.items() if each != former.get(number, each)]
    listed = changed if changed and target.random.random() < 0.7 else list(agents.values())
    agent = target.random.choice(listed)
    number = len(target.memory.edits) + 1
    edits = [
        (path, value)
        for path, value in _edits(agent, f"Edited {number}", list(agents.values()))
        if value_at(agent, path) != value
    ]
    path, value = target.random.choice(edits)
    change = Edit((target.portal, agent.id), path, value_at(agent, path), value)
    target.memory.edits.append(change)
    target.save(with_value(agent, path, value))


def _edits(agent: Agent | User, text: str, others: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values that a person may change, each with a new value."""
    if isinstance(agent, Agent):
        yield "name", text
        for channel in CHANNELS:
            yield f"settings.{channel}", not agent.settings[channel]
        for name, form in SOCIAL.items():
            yield name, f"https://{form}{text.replace(' ', '').lower()}"
        if agent.external_id is not None:
            yield "external_id", None
        elif all(each.external_id != text for each in others):
            yield "external_id", text
        return
    yield "first_name", text
    yield "status", "inactive" if agent.status == "active" else "active"
    if agent.profile is not None:
        yield "profile.name", text
        yield "profile.nationality", "MD" if agent.profile["nationality"] != "MD" else "RO"


def value_at(agent: Any, path: str) -> Any:  # noqa: ANN401 - an `Agent` or a `User`, and JSON
    """Return a value of an agent."""
    name, _, key = path.partition(".")
    value = getattr(agent, name)
    return value[key] if key else value


def with_value(agent: Any, path: str, value: Any) -> Any:  # noqa: ANN401 - as in `value_at`
    """Return the agent with another value."""
    name, _, key = path.partition(".")
    return replace(agent, **{name: {**getattr(agent, name), key: value} if key else value})
