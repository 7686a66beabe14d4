"""The ledger: what was applied to each portal, as JSON, and the interface of where it is stored.

    {"version": 2, "portals": {"rentix": [{"url": "https://…", "account": {"id": 1, "name": "…"},
        "agents": {"15": {"key": "agent-001", "fields": {"name": {"applied": …, "shown": …}},
                          "aliases": {"publicProfileId": 9}}},
        "refused": {"agent-009": …}}]}}

Each portal has a state for each address and account; of one address, that of the last apply comes
first. Version 1 had a single one, possibly without its address. A ledger is safe to lose, so one
that cannot be parsed is treated as lost. It is stored in a file (`store.file`) or on a branch
(`store.branch`), in the same format. Reasons: docs/decisions/0019-a-state-for-each-address.md and
docs/decisions/0021-the-account-behind-a-key.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Annotated, Any, NotRequired, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from reconciler.core.accounts import of_account
from reconciler.core.address import canonical
from reconciler.core.model import Account, AgentState, PortalState, Target
from reconciler.errors import ConfigError
from reconciler.store.lock import FoundLock, Lock, LockWait

VERSION = 2
Entry = TypeVar("Entry")
States = tuple[PortalState, ...]
Ledger = Mapping[Target, States]
"""What is recorded, by portal and address: a state for each account, that of the last apply first.
The address is "" if an old ledger does not contain it."""


@dataclass(frozen=True, slots=True)
class StoredLedger:
    """A ledger as it was read; empty if there is none. `note` is a message for the user if
    something is wrong with it; an apply then writes it even without changes. `version` identifies
    the content, None if there was none."""

    ledger: Ledger
    note: str | None = None
    version: str | None = None


class LedgerChanged(Exception):  # noqa: N818 - the caller reads again
    """Another apply wrote the ledger since it was read: read it again."""


class Store(Protocol):
    """Where a ledger is stored."""

    def lock(self, wait: LockWait) -> AbstractContextManager[Lock]:
        """Keep other applies on this ledger out. Where that is not possible, the lock has notes.
        Raises LockedError if another apply does not finish in time."""

    def find_lock(self) -> FoundLock | None:
        """The lock on this ledger, if someone holds it. Raises LockedError if that cannot be
        read."""

    def load(self) -> StoredLedger:
        """Read the ledger. Raises ConfigError if that fails, or if a later version wrote it."""

    def save(self, ledger: Ledger, stored: StoredLedger, message: str) -> str | None:
        """Replace the ledger that was read as `stored`, if this one differs; `message` describes
        the apply. Returns a message for the user if it could not be written everywhere. Raises
        LedgerChanged."""


def _supported(version: int) -> int:
    if version > VERSION:
        raise _LaterVersion
    return version


def _listed(states: object) -> object:
    """A portal's states; version 1 has a single one."""
    return [states] if isinstance(states, dict) else states


@with_config(ConfigDict(strict=True))
class _Portal(TypedDict):
    """A portal's part of the document, for one address and account; unknown keys are ignored."""

    agents: dict[str, AgentState]
    refused: NotRequired[dict[str, str]]
    url: NotRequired[str]
    account: NotRequired[Account]


@with_config(ConfigDict(strict=True))
class _Document(TypedDict):
    """The document; the version is checked first."""

    version: Annotated[int, AfterValidator(_supported)]
    portals: dict[str, Annotated[list[_Portal], BeforeValidator(_listed)]]


class _LaterVersion(Exception):  # noqa: N818 - caught here
    """A later version of the program wrote the ledger."""


@cache
def _parser() -> TypeAdapter[_Document]:
    return TypeAdapter(_Document)


def parse(content: bytes, name: str) -> tuple[Ledger, str | None]:
    """The ledger in a file's content; if it is not a ledger, an empty one and a message for the
    user. `name` is its name in messages. Raises ConfigError if a later version wrote it."""
    try:
        document = _validated(content)
    except _LaterVersion:
        raise ConfigError(
            f"The ledger {name} was written by a later version of reconciler. Upgrade reconciler."
        ) from None
    except (ValueError, RecursionError):
        return {}, (
            f"The ledger {name} cannot be parsed and is treated as lost: values that the portal "
            f"does not return may be sent again. The next apply writes a new one."
        )
    ledger: dict[Target, States] = {}
    for portal, parts in document["portals"].items():
        for part in parts:
            target = Target(portal, canonical(part.get("url", "")))
            account = part.get("account")
            states = ledger.get(target, ())
            if of_account(states, account) is None:
                state = PortalState(part["agents"], part.get("refused", {}), account)
                ledger[target] = (*states, state)
    return ledger, None


def _validated(content: bytes) -> _Document:
    """The document in a file's content. Raises ValueError, RecursionError and _LaterVersion."""
    try:
        return _parser().validate_json(content)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] != "json_invalid":
            raise
    # Python's parser also reads lone surrogates, byte order marks and UTF-16.
    return _parser().validate_python(json.loads(content), strict=False)


def unwritten(name: str, reason: str) -> str:
    """The message for the user if a ledger could not be written at all."""
    return (
        f"The ledger {name} could not be written ({reason}); the next plan may send values again "
        f"that it cannot compare."
    )


def text(ledger: Ledger) -> bytes:
    """A ledger's content, one agent per line: fast to write, and to compare in git."""
    portals: dict[str, list[str]] = {}
    for target, states in sorted(ledger.items(), key=lambda item: (item[0].portal, item[0].url)):
        listed = portals.setdefault(target.portal, [])
        listed += [_state(target, state) for state in states]
    parts = ",\n".join(f" {_json(name)}: [{', '.join(all_)}]" for name, all_ in portals.items())
    document = f'{{"version": {VERSION}, "portals": {{\n{parts}\n}}}}\n'
    return document.encode(errors="surrogatepass")


def _state(target: Target, state: PortalState) -> str:
    agents = ",\n".join(
        f"  {_json(key)}: {_json(_agent(agent))}" for key, agent in sorted(state.agents.items())
    )
    refused = _json(dict(sorted(state.refused.items())))
    url = f'"url": {_json(target.url)}, ' if target.url else ""
    account = f'"account": {_json(asdict(state.account))}, ' if state.account else ""
    return f'{{{url}{account}"agents": {{\n{agents}\n }}, "refused": {refused}}}'


def _agent(agent: AgentState) -> dict[str, Any]:
    fields = {
        path: {
            name: value
            for name, value in (
                ("applied", field.applied),
                ("shown", field.shown),
                ("value", field.value),
                ("before", field.before),
            )
            if value is not None
        }
        for path, field in agent.fields.items()
    }
    aliases = {"aliases": dict(agent.aliases)} if agent.aliases else {}
    return {"key": agent.key, "fields": fields, **aliases}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def with_addresses(ledger: Ledger, targets: Iterable[Target]) -> Ledger:
    """The ledger, with the states of each unknown address recorded at the first target of their
    portal, unless that has a state."""
    found = dict(ledger)
    for target in targets:
        unknown = Target(target.portal, "")
        if target.url and unknown in found and target not in found:
            found[target] = found.pop(unknown)
    return found


def merge(base: Ledger, ours: Ledger, theirs: Ledger) -> Ledger:
    """Merge two ledgers that started as `base`, agent by agent: theirs, or ours where only we
    changed the agent. States of two addresses or accounts are not mixed, since ids mean other
    people there. The last account comes first: ours if we changed it."""
    known = [*ours, *theirs]
    base, ours, theirs = (with_addresses(each, known) for each in (base, ours, theirs))
    return {
        target: _merged_states(*(each.get(target, ()) for each in (base, ours, theirs)))
        for target in {**theirs, **ours}
    }


def _merged_states(base: States, ours: States, theirs: States) -> States:
    """The states of one target; the arguments are those of `merge`."""
    adopting = _adopting(base, ours) or _adopting(base, theirs)
    if adopting is not None:
        base, ours, theirs = (_with_account(each, adopting) for each in (base, ours, theirs))
    nothing = PortalState()
    merged = []
    first, second = (ours, theirs) if _last(ours) != _last(base) else (theirs, ours)
    for state in (*first, *(each for each in second if of_account(first, each.account) is None)):
        was, here, there = (
            of_account(each, state.account) or nothing for each in (base, ours, theirs)
        )
        merged.append(
            PortalState(
                _merged(was.agents, here.agents, there.agents),
                _merged(was.refused, here.refused, there.refused),
                state.account,
            )
        )
    return tuple(merged)


def _last(states: States) -> list[Account | None]:
    """The account of the last apply; empty if there was none."""
    return [each.account for each in states[:1]]


def _adopting(base: States, later: States) -> Account | None:
    """The account that a state without one was recorded for since `base`, if that happened."""
    if of_account(base, None) is None or of_account(later, None) is not None:
        return None
    added = [each.account for each in later if of_account(base, each.account) is None]
    return added[0] if len(added) == 1 else None


def _with_account(states: States, account: Account) -> States:
    """The states, with the one without an account recorded for this one, unless that has one."""
    if of_account(states, account) is not None:
        return states
    return tuple(
        replace(each, account=account) if each.account is None else each for each in states
    )


def _merged(
    base: Mapping[str, Entry], ours: Mapping[str, Entry], theirs: Mapping[str, Entry]
) -> dict[str, Entry]:
    mine = {key for key in {**base, **ours} if ours.get(key) != base.get(key) == theirs.get(key)}
    others = {key: entry for key, entry in theirs.items() if key not in mine}
    return others | {key: ours[key] for key in mine if key in ours}
