"""The ledger: what was applied from here, for each portal; its text, and where it is kept.

    {"version": 1, "portals": {"rentix": {"url": "https://…",
        "agents": {"15": {"key": "agent-001", "fields": {"name": {"applied": …, "shown": …}},
                          "aliases": {"publicProfileId": 9}}},
        "refused": {"agent-009": …}}}}

It is safe to lose: a text that cannot be read counts as lost. It is kept in a file (`store.file`)
or on a branch (`store.branch`), in the same words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.core.model import AgentState, FieldState, PortalState, Scalar
from reconciler.errors import ConfigError
from reconciler.store.lock import LockWait

VERSION = 1
Ledger = Mapping[str, PortalState]
"""What is remembered, by portal."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A ledger as it was read: empty if there is none. `note` is a word for the user, where it is
    not what it should be; then an apply is to write it, even if it has nothing to add. `version`
    tells this text from any other, and is None where there was none."""

    ledger: Ledger
    note: str | None = None
    version: str | None = None


class Moved(Exception):  # noqa: N818 - no error
    """Somebody else has written the ledger since it was read: read it again."""


class Store(Protocol):
    """A place where the ledger is kept."""

    def lock(self, turn: LockWait) -> AbstractContextManager[tuple[str, ...]]:
        """Nobody else applies on this ledger meanwhile, as far as that can be had; words for the
        user where it cannot. Raises LockedError where somebody does not come to an end."""

    def load(self) -> Kept:
        """Read it. Raises ConfigError where that is not possible, and for a ledger of a later
        version: to go on would lose what it knows."""

    def save(self, ledger: Ledger, kept: Kept, message: str) -> str | None:
        """Write it in place of what was read as `kept`, if it says something else; `message` says
        what was applied. Returns a word for the user where it is not, or not everywhere, written.
        Raises Moved."""


def parse(content: bytes, name: str) -> tuple[Ledger, str | None]:
    """The ledger that a text is; if it is none, an empty one and a word for the user. `name` is
    what to call it. Raises ConfigError for a ledger of a later version."""
    try:
        kept = json.loads(content)
        if _version(kept) > VERSION:
            raise ConfigError(
                f"The ledger {name} was written by a later version of this program. Upgrade it."
            )
        return {name: _memory(portal) for name, portal in kept["portals"].items()}, None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, (
            f"The ledger {name} cannot be read and counts as lost: values that the portal does "
            f"not say back may be sent once more. An apply writes a new one."
        )


def unwritten(name: str, reason: str) -> str:
    """The word for the user where a ledger could not be written at all."""
    return (
        f"The ledger {name} could not be written ({reason}); the next plan may send again what "
        f"cannot be compared."
    )


def text(ledger: Ledger) -> bytes:
    """The text of a ledger, an agent a line: quick to write, and to compare in git."""
    parts = []
    for name, prior in sorted(ledger.items()):
        agents = ",\n".join(
            f"  {_json(key)}: {_json(_agent(kept))}" for key, kept in sorted(prior.agents.items())
        )
        refused = _json(dict(sorted(prior.refused.items())))
        url = f'"url": {_json(prior.url)}, ' if prior.url else ""
        parts.append(f' {_json(name)}: {{{url}"agents": {{\n{agents}\n }}, "refused": {refused}}}')
    listed = ",\n".join(parts)
    whole = f'{{"version": {VERSION}, "portals": {{\n{listed}\n}}}}\n'
    return whole.encode(errors="surrogatepass")


def _agent(kept: AgentState) -> dict[str, Any]:
    fields = {
        path: {
            name: value
            for name, value in (
                ("applied", trace.applied),
                ("shown", trace.shown),
                ("value", trace.value),
                ("before", trace.before),
            )
            if value is not None
        }
        for path, trace in kept.fields.items()
    }
    aliases = {"aliases": dict(kept.aliases)} if kept.aliases else {}
    return {"key": kept.key, "fields": fields, **aliases}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _version(kept: Mapping[str, Any]) -> int:
    if type(kept["version"]) is not int:
        raise TypeError("a ledger's version is a number")
    return int(kept["version"])


def _memory(kept: Mapping[str, Any]) -> PortalState:
    agents = {
        key: AgentState(
            _text_of(agent["key"]),
            {path: _trace(trace) for path, trace in agent["fields"].items()},
            {name: _alias(value) for name, value in agent.get("aliases", {}).items()},
        )
        for key, agent in kept["agents"].items()
    }
    refused = {key: _text_of(form) for key, form in kept.get("refused", {}).items()}
    return PortalState(agents, refused, _text_of(kept.get("url", "")))


def _trace(kept: Mapping[str, Any]) -> FieldState:
    trace = FieldState(**kept)
    for part in (trace.applied, trace.shown or "", trace.before or ""):
        _text_of(part)
    return trace


def _alias(value: object) -> Scalar:
    if type(value) is int or isinstance(value, str):
        return value
    raise TypeError("a portal's further ids are numbers or text")


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a ledger's digests and keys are text")
    return value
