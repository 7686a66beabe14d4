"""What a plan says of an agent: what happens, why, and whose change it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.diff import Difference
from reconciler.core.fields import Field, Identifier, parent
from reconciler.core.model import (
    Attribution,
    Change,
    Conflict,
    Desired,
    Entry,
    Live,
    Match,
    Operation,
    PortalState,
    Value,
    Verb,
    Warning,
)
from reconciler.core.operations import is_off
from reconciler.core.policy import Policy


def in_order(each: Entry | Conflict | Warning) -> tuple[bool, str, int]:
    """The order of a plan: that of the files, then what is in no file."""
    source = each.source
    return (source is None, source.file if source else "", source.line if source else 0)


def entries_of(
    matches: Iterable[Match],
    differences: Mapping[str, Difference],
    table: Mapping[str, Field],
    name: str | None,
    prior: PortalState,
    policy: Policy,
) -> Iterator[Entry]:
    """The entries of the agents who are not as declared."""
    for found in matches:
        entry = _entry(found, differences[found.desired.key].changes, name, prior, policy)
        if entry is not None:
            yield replace(entry, live=visible(found.live, table))


def visible(live: Live, table: Mapping[str, Field]) -> dict[str, Value]:
    """What visitors see of an agent."""
    return {path: value for path, value in live.values.items() if table[parent(path)].public}


def _entry(
    found: Match, changes: tuple[Change, ...], name: str | None, prior: PortalState, policy: Policy
) -> Entry | None:
    desired, live = found.desired, found.live
    held, wants = (side.identity.get(name) if name else None for side in (live, desired))
    actions: list[Verb] = []
    if wants is not None and wants != held:
        actions = ["link"] if held is None else ["unlink", "link"]
        whose = _whose_link(live, wants, prior)
        changes = (Change(str(name), held, wants, "different", whose), *changes)
    off = [change for change in changes if policy.off and is_off(change, policy.off)]
    if off:
        actions.append("deactivate")
    if any(change.path != name and change not in off for change in changes):
        actions.append("update")
    if not actions:
        return None
    said = f"{found.by} {desired.identity.get(found.by, '')}".rstrip()
    if "link" not in actions:
        reason = f"matched: {said}"
    elif found.by == "id" and held is not None:
        reason = f"linked: {said} is declared; {held} gives way to {wants}"
    else:
        reason = f"linked: {said} matches, and only that one"
    return Entry(
        desired.portal,
        desired.key,
        live.id,
        _name(desired, live),
        desired.source,
        found.by,
        tuple(actions),
        changes,
        _whose(changes),
        reason,
    )


def _name(desired: Desired, live: Live | None) -> str:
    declared = desired.values.get("name")
    return str(declared) if declared is not None else (live.name if live else "")


def _whose_link(live: Live, wants: Value, prior: PortalState) -> Attribution | None:
    """A link that was applied before and is not there now was undone on the portal."""
    if not prior.agents:
        return None
    ours = prior.agents.get(str(live.id))
    return "drift" if ours is not None and ours.key == wants else "pending"


def _whose(changes: Sequence[Change]) -> Attribution | None:
    said = {change.attribution for change in changes}
    return "drift" if "drift" in said else "pending" if "pending" in said else None


def entry_of_new(
    desired: Desired, operation: Operation, prior: PortalState, identifiers: Sequence[Identifier]
) -> Entry:
    """The entry of an agent to be created: what goes out, and what did not find them."""
    whose: Attribution | None = "pending" if prior.agents else None
    changes = [
        Change(name, None, value, "different", whose)
        for name, value in {**desired.identity, **desired.values}.items()
        if name in desired.identity or parent(name) in operation.values
    ]
    finding = [each.name for each in identifiers if each.rule != "hint"]
    looked = " or ".join(
        f"{name} {value}" for name, value in desired.identity.items() if name in finding
    )
    return Entry(
        desired.portal,
        desired.key,
        None,
        _name(desired, None),
        desired.source,
        None,
        (operation.verb,),
        tuple(changes),
        whose,
        f"created: no agent has {looked}",
    )


def entry_of_gone(
    portal: str,
    key: str,
    live: Live,
    verb: Verb,
    to: tuple[str, Value],
    table: Mapping[str, Field],
) -> Entry:
    """The entry of an agent whom no file declares: `to` is the path and value that they get."""
    path, value = to
    held = live.identity[path] if verb == "unlink" else live.values.get(path)
    return Entry(
        portal,
        key,
        live.id,
        live.name,
        None,
        None,
        (verb,),
        (Change(path, held, value, "different", "pending"),),
        "pending",
        f"{participle(verb)}: it was applied from here, and no file declares it now",
        visible(live, table),
    )


def participle(verb: Verb) -> str:
    """`linked`, `updated`."""
    return f"{verb.removesuffix('e')}ed"


def takes_off(entry: Entry) -> bool:
    """Whether an agent is taken off the portal, or off what we have there."""
    return "deactivate" in entry.actions or entry.source is None
