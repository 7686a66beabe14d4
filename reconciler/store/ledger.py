"""The ledger in a file: what was applied from here, for each portal.

    {"version": 1, "portals": {"rentix": {
        "agents": {"15": {"key": "agent-001", "fields": {"name": {"applied": …, "shown": …}},
                          "aliases": {"publicProfileId": 9}}},
        "refused": {"agent-009": …}}}}

It is safe to lose: a file that cannot be read is put aside and counts as lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.core.model import Memory, Remembered, Scalar, Trace
from reconciler.errors import ConfigError
from reconciler.store import atomic

VERSION = 1

Ledger = Mapping[str, Memory]
"""What is remembered, by portal."""


def load(path: Path) -> tuple[Ledger, str | None]:
    """The ledger, empty if there is none; and a word for the user if the file cannot be read.

    Raises ConfigError for a ledger of a later version: to go on would lose what it knows.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        raise ConfigError(f"The ledger {path} cannot be read: {error.strerror}.") from None
    try:
        kept = json.loads(content)
        if _version(kept) > VERSION:
            raise ConfigError(
                f"The ledger {path} was written by a later version of this program. Upgrade it."
            )
        return {name: _memory(portal) for name, portal in kept["portals"].items()}, None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, (
            f"The ledger {path} cannot be read and counts as lost: values that the portal does "
            f"not say back may be sent once more. An apply writes a new one."
        )


def save(path: Path, ledger: Ledger) -> bool:
    """Write the ledger if it says something else than the file does; whether it did. The old
    file is put aside if it could not be read. Raises OSError."""
    content = _text(ledger)
    try:
        old = path.read_bytes()
    except FileNotFoundError:
        old = None
    if old == content:
        return False
    if old is not None and load(path)[1] is not None:
        path.replace(path.with_name(path.name + ".unreadable"))
    atomic.write(path, content)
    if path.parent.name == ".reconciler":  # ours alone: keep it out of the user's git
        (path.parent / ".gitignore").write_text("*\n", "utf-8")
    return True


def _text(ledger: Ledger) -> bytes:
    """An agent a line: quick to write, and to compare in git."""
    parts = []
    for name, memory in sorted(ledger.items()):
        agents = ",\n".join(
            f"  {_json(key)}: {_json(_agent(kept))}" for key, kept in sorted(memory.agents.items())
        )
        refused = _json(dict(sorted(memory.refused.items())))
        parts.append(f' {_json(name)}: {{"agents": {{\n{agents}\n }}, "refused": {refused}}}')
    listed = ",\n".join(parts)
    text = f'{{"version": {VERSION}, "portals": {{\n{listed}\n}}}}\n'
    return text.encode(errors="surrogatepass")


def _agent(kept: Remembered) -> dict[str, Any]:
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


def _memory(kept: Mapping[str, Any]) -> Memory:
    agents = {
        key: Remembered(
            _text_of(agent["key"]),
            {path: _trace(trace) for path, trace in agent["fields"].items()},
            {name: _alias(value) for name, value in agent.get("aliases", {}).items()},
        )
        for key, agent in kept["agents"].items()
    }
    refused = {key: _text_of(form) for key, form in kept.get("refused", {}).items()}
    return Memory(agents, refused)


def _trace(kept: Mapping[str, Any]) -> Trace:
    trace = Trace(**kept)
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
