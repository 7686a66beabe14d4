"""What a fault leaves behind: lost writes, an older copy of the agents, and what people edited."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from starlette.responses import Response

from reconciler.sandbox.faults.target import Agents, Handler, Target
from reconciler.sandbox.state import Call

Who = tuple[str, int]
"""A portal's name and the id of an agent."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit by a person in the portal's web interface.

    `path` names the value, such as `name` or `settings.contact_phone`.
    """

    who: Who
    path: str
    before: Any
    after: Any


@dataclass(slots=True)
class Copy:
    """An older or partial copy of a portal's agents, and how many more reads show it.

    `lists` counts reads of the whole list, `look_ups` reads of single agents. With `alternates`,
    every other read shows the copy, the first one too, as behind a load balancer. After the time
    `until`, none does.
    """

    agents: list[Any]
    lists: float = 0
    look_ups: float = 0
    alternates: bool = False
    until: float = math.inf
    _reads: int = 0
    _in_list: bool = False

    def is_over(self, now: float) -> bool:
        """Return whether no further list or look-up shows the copy."""
        return now >= self.until or (self.lists <= 0 and self.look_ups <= 0)

    def answers(self, target: Target) -> bool:
        """Return whether this request sees the copy; count it."""
        if target.state.clock() >= self.until or not (target.lists or target.looks_up):
            return False
        if target.continues_list:
            return self._in_list
        self._reads += 1
        shown = not self.alternates or self._reads % 2 == 1
        if target.lists:
            self.lists -= 1
            self._in_list = shown = shown and self.lists >= 0
            return shown
        self.look_ups -= 1
        return shown and self.look_ups >= 0


@dataclass(slots=True)
class Memory:
    """What faults left behind.

    Writes to the agents in `lost` are acknowledged and undone. `copies` has the copy of each portal
    that some reads see. `losses` are the values that were acknowledged and undone; an empty path
    stands for all of a call. `edits` are what people changed. `misdirected` are the agents that
    were changed in place of the one that a call was about. `stale` has the agents that a read
    showed as they no longer were, or did not show; once for each such read.
    """

    lost: set[Who] = field(default_factory=set)
    copies: dict[str, Copy] = field(default_factory=dict)
    losses: set[tuple[Who, str]] = field(default_factory=set)
    edits: list[Edit] = field(default_factory=list)
    misdirected: set[Who] = field(default_factory=set)
    stale: list[Who] = field(default_factory=list)

    def divert(self, target: Target) -> Target:
        """Return the request as earlier faults affect it."""
        if target.call.method != "GET":
            return self._losing(target)
        copy = self.copies.get(target.portal)
        if copy is None or not copy.answers(target):
            return target
        return target.with_handler(lambda handler: self._from_copy(target, copy, handler))

    def _from_copy(self, target: Target, copy: Copy, handler: Handler) -> Handler:
        def handle(call: Call) -> Response:
            old = {agent.id: agent for agent in copy.agents}
            truth = target.agents
            self.stale += [(target.portal, each) for each in truth if old.get(each) != truth[each]]
            with target.showing(copy.agents):
                return handler(call)

        return handle

    def _losing(self, target: Target) -> Target:
        """Return the write, undone for the agents in `lost`."""
        numbers = {number for portal, number in self.lost if portal == target.portal}
        if not numbers:
            return target

        def undo(before: Agents, after: Agents) -> None:
            for number in numbers & before.keys():
                self.undo(target, before[number], after[number])

        return target.altering(undo)

    def undo(self, target: Target, before: Any, after: Any) -> None:  # noqa: ANN401
        """Store an agent as it was before a write."""
        who = (target.portal, before.id)
        self.losses |= {(who, path) for path in changed_paths(before, after)}
        target.save(before)

    def end(self) -> None:
        """End what lasts: writes to all agents take effect, and every read shows the truth."""
        self.lost.clear()
        self.copies.clear()


PICTURES = frozenset(
    {
        *("avatar", "avatar_source", "avatar_pending", "picture_source", "picture_pending"),
        *("pictures", "profile.imageVariants"),
    }
)
"""What a picture consists of; one part of it never changes alone."""


def changed_paths(before: Any, after: Any) -> list[str]:  # noqa: ANN401 - `Agent` or `User`
    """Return the values that differ: columns, and keys of the columns that are JSON."""
    paths = []
    for name in (each.name for each in fields(before)):
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(old, dict) and isinstance(new, dict) and name not in PICTURES:
            paths += [f"{name}.{key}" for key in old if old[key] != new.get(key)]
        elif old != new:
            paths.append(name)
    return sorted(paths)
