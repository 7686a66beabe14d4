"""Who a declared agent is, judged by the name and the values that several people may share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reconciler.core import names
from reconciler.core.fields import Identifier
from reconciler.core.model import Desired, Live, Scalar

SHARED = ("shared", "hint")
"""The rules of identifiers that several people may share: evidence of who a person is."""


def by_identifier(agents: Iterable[Live], identifier: Identifier) -> dict[str, list[Live]]:
    """Live agents by the canonical form of an identifier."""
    index: dict[str, list[Live]] = {}
    for live in agents:
        if (value := live.identity.get(identifier.name)) is not None:
            index.setdefault(identifier.canonical(value), []).append(live)
    return index


def by_name(agents: Iterable[Live]) -> dict[str, list[Live]]:
    """Live agents by the key of their name."""
    index: dict[str, list[Live]] = {}
    for live in agents:
        if key := names.key(live.name):
            index.setdefault(key, []).append(live)
    return index


def declared_name(desired: Desired) -> str:
    """The declared name, "" without one."""
    return str(desired.values.get("name") or "")


@dataclass(frozen=True)
class People:
    """The live agents of a portal and its identifiers."""

    agents: Sequence[Live]
    identifiers: Sequence[Identifier]

    def contradict(self, desired: Desired, live: Live) -> bool:
        """Whether the declared name and shared values both belong to someone other than `live`:
        the names differ, some shared value is known on both sides, and none agrees."""
        name = declared_name(desired)
        if not name or name == live.name:
            return False
        agreements = [
            each.agrees(want, have)
            for each, want in self._shared(desired)
            if (have := live.identity.get(each.name)) is not None
        ]
        return bool(agreements) and not any(agreements) and names.contradicts(name, live.name)

    def similar(self, desired: Desired) -> dict[str, list[Live]]:
        """The live agents with the declared name, and with each declared shared value, by what they
        have in common: `name Olga Rusu`, `phone +373 22 123 456`."""
        name = declared_name(desired)
        found = {f"name {name}": self._by_name.get(names.key(name), [])}
        for each, value in self._shared(desired):
            index = self._by_value[each.name]
            found[f"{each.name} {value}"] = index.get(each.canonical(value), [])
        return found

    def _shared(self, desired: Desired) -> list[tuple[Identifier, Scalar]]:
        return [
            (each, value)
            for each in self.identifiers
            if each.rule in SHARED and (value := desired.identity.get(each.name)) is not None
        ]

    @cached_property
    def _by_name(self) -> Mapping[str, list[Live]]:
        return by_name(self.agents)

    @cached_property
    def _by_value(self) -> Mapping[str, Mapping[str, list[Live]]]:
        shared = (each for each in self.identifiers if each.rule in SHARED)
        return {each.name: by_identifier(self.agents, each) for each in shared}
