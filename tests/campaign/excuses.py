"""What no client can know or prevent: edits by people, unreadable values that were lost, and agents
that the portal changed in place of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from campaign.truth import Portals, Truth
from reconciler.core.model import Unmet
from reconciler.sandbox.faults import Edit
from reconciler.sandbox.faults.memory import Memory, Who
from reconciler.sandbox.faults.people import value_at, with_value
from reconciler.sandbox.propertyfinder.user import HIDDEN

DECLARED_AS = {
    "external_id": "externalId",
    "first_name": "firstName",
    "role_id": "roleId",
    "avatar_source": "avatar",
    "avatar_pending": "avatar",
    "picture_source": "avatar",
    "picture_pending": "avatar",
    "description_put_as_string": "description",
    "imageVariants": "avatar",
}
"""What a file calls a value, where the portal's storage has another name for it."""
SENT_ALONG = ("settings.", "description", "profile.bio", "profile.position")
"""Values that are sent with their neighbours, so that an edit of them can be overwritten."""

HIDEABLE = ("description", "avatar", "profile.bio", "profile.position")
"""Values that a portal may not show."""


def declared_as(path: str) -> tuple[str, str]:
    """What a file calls a stored value: its name, and the part of it (a switch, a language)."""
    name, _, part = path.removeprefix("profile.").partition(".")
    return DECLARED_AS.get(name, name), part


@dataclass
class Excuses:
    """What happened to the portals' agents besides the program's writes, since a round began.

    `baseline` are the agents before the round, with the edits of people since then. `reported` has
    the declared values that a plan reports as not taken, by portal and key.
    """

    memory: Memory
    portals: Portals
    baseline: dict[str, dict[int, Any]] = field(default_factory=dict)
    original: Truth = field(default_factory=dict)
    hidden: set[tuple[Who, str]] = field(default_factory=set)
    reported: set[tuple[str, str, str]] = field(default_factory=set)
    _seen: int = 0
    _reads: int = 0
    _round: int = 0

    def begin(self) -> None:
        """Begin a round: the agents are as they are now."""
        self.original = self.portals.truth()
        self.baseline = {name: dict(agents) for name, agents in self.portals.truth().items()}
        self._round = self._seen = len(self.memory.edits)

    def report(self, unmet: Iterable[Unmet]) -> None:
        """Take these values as reported, and no others."""
        self.reported = {(each.portal, each.key, each.path) for each in unmet}

    def lost(self, verified: bool) -> set[Who]:
        """The agents that lost a value, and that no client can know of: the result was not
        verified, or a read of this apply showed an older state of theirs, which can be the declared
        one."""
        lost = {who for who, _ in self.memory.losses}
        return lost.intersection(self.memory.stale[self._reads :]) if verified else lost

    @contextmanager
    def another_process(self) -> Iterator[None]:
        """What happens now also concerns the apply that is stopped meanwhile."""
        seen, reads = self._seen, self._reads
        self.begin_apply()
        yield
        self._seen, self._reads = seen, reads

    def begin_apply(self) -> None:
        """Begin an apply."""
        self._reads = len(self.memory.stale)

    def of_round(self) -> list[Edit]:
        """The edits since the round began."""
        return self.memory.edits[self._round :]

    def take(self) -> list[Edit]:
        """Take the edits since the last call into the baseline, and return them."""
        new = self.memory.edits[self._seen :]
        self._seen = len(self.memory.edits)
        for change in new:
            self._edit(change)
            if self._is_hidden(change.path):
                self.hidden.add((change.who, change.path))
        truth = self.portals.truth()
        for change in self.of_round():
            portal, number = change.who
            agent, now = self.baseline[portal].get(number), truth[portal].get(number)
            if agent is not None and change.path.startswith(SENT_ALONG):
                value = value_at(now, change.path)
                self.baseline[portal][number] = with_value(agent, change.path, value)
        for portal, number in self.memory.misdirected:
            if number in self.baseline[portal]:
                self.baseline[portal][number] = truth[portal][number]
        self.hidden |= {
            (who, each)
            for who, path in self.memory.losses
            for each in ((path,) if path else HIDEABLE)  # an empty path stands for all of a call
            if self._is_hidden(each)
        }
        return new

    def _edit(self, change: Edit) -> None:
        portal, number = change.who
        agent = self.baseline[portal].get(number)
        if agent is not None:
            self.baseline[portal][number] = with_value(agent, change.path, change.after)

    def _is_hidden(self, path: str) -> bool:
        """Whether a read cannot show that this value was lost or changed."""
        name, _ = declared_as(path)
        if name == "description":
            return bool(self.portals.reading.description != "object")
        if name in ("bio", "position"):
            return bool(self.portals.pf_reading.texts == "string")
        if name in HIDDEN:
            return bool(self.portals.pf_reading.shape != "older")
        return name == "avatar"

    def expected(
        self, portal: str, key: str, number: int, values: Mapping[str, Any], edits: Iterable[Edit]
    ) -> dict[str, Any]:
        """The declared values of an agent that have to be true, given the last edits."""
        who = (portal, number)
        paths = {declared_as(path) for other, path in self.hidden if other == who}
        paths |= {declared_as(change.path) for change in edits if change.who == who}
        paths |= {
            (path.partition(".")[0], path.partition(".")[2])
            for name, other, path in self.reported
            if (name, other) == (portal, key)
        }
        return _without(values, paths)

    def is_relinked(self, portal: str, number: int) -> bool:
        """Whether a person changed the external id of this agent."""
        return any(
            (change.who, change.path) == ((portal, number), "external_id")
            for change in self.memory.edits
        )

    def is_misdirected(self, portal: str, number: Any) -> bool:
        """Whether the portal changed this agent in place of another one."""
        return (portal, number) in self.memory.misdirected


def _without(values: Mapping[str, Any], paths: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values without these: whole values, or parts of them."""
    left = dict(values)
    for name, part in paths:
        if part and isinstance(left.get(name), dict):
            left[name] = {key: value for key, value in left[name].items() if key != part}
        else:
            left.pop(name, None)
    return left
