"""What is to be sent for one agent: an update, a creation, an ending; not yet as requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.fields import Field, Identifier, Sort, digest, parent
from reconciler.core.match import handle
from reconciler.core.model import Change, Desired, Live, Match, Operation, Value
from reconciler.core.policy import Policy


def body(
    fields: Sequence[Field], desired: Desired, live: Live | None, touched: Sequence[str]
) -> dict[str, Value]:
    """What to send for these paths: a group of switches whole, merged with what is live (for a new
    agent, with what the portal gives one); the other languages of a text as far as they show; what
    no file declares as it is."""
    paths, declared = set(map(parent, touched)), set(map(parent, desired.values))
    sent: dict[str, Value] = {}
    for field in fields:
        if field.name not in paths:
            continue
        if field.name in desired.values:
            sent[field.name] = desired.values[field.name]
        elif live is not None and field.name in live.values and field.name not in declared:
            sent[field.name] = live.values[field.name]
        else:
            sent[field.name] = {
                part: value
                for part in field.parts
                if (value := _part(field, part, desired, live)) is not None
            }
    return sent


def _part(field: Field, part: str, desired: Desired, live: Live | None) -> Value:
    path = f"{field.name}.{part}"
    if path in desired.values:
        return desired.values[path]
    if live is None:
        return field.default
    value = live.values.get(path)
    return None if field.sort is Sort.TEXTS and value == "" else value


def updating(
    found: Match,
    changes: Sequence[Change],
    fields: Sequence[Field],
    identifiers: Sequence[Identifier],
    policy: Policy,
) -> Operation:
    """The update of an agent by these changes."""
    desired, live, name = found.desired, found.live, handle(identifiers)
    external = (desired.identity.get(name) or live.identity.get(name)) if name else None
    touched = [change.path for change in changes]
    if policy.replaces:
        touched += [*desired.values, *live.values]
    ends = policy.off is not None and any(is_off(change, policy.off) for change in changes)
    return Operation(
        f"update:{live.id}",
        "deactivate" if ends else "update",
        desired.portal,
        desired.key,
        desired.source,
        live.id,
        None if external is None else str(external),
        body(fields, desired, live, touched),
        aliases=live.aliases,
        lines=desired.lines,
    )


def is_off(change: Change, off: tuple[str, Value]) -> bool:
    """Whether a change takes an agent off all listings."""
    return (change.path, change.after) == off


def creating(
    desired: Desired, fields: Sequence[Field], name: str | None, policy: Policy
) -> Operation:
    """The creation of an agent with all that a new one can be given."""
    off = None if policy.off is None else policy.off[0]
    given = {
        path: value for path, value in desired.values.items() if value is not None and path != off
    }
    values = body(fields, replace(desired, values=given), None, list(given))
    carried = {
        need: desired.identity[need]
        for need in policy.needs
        if need not in values and need in desired.identity
    }
    external = carried.pop(name, None) if name else None
    return Operation(
        f"create:{desired.key}",
        "create",
        desired.portal,
        desired.key,
        desired.source,
        None,
        None if external is None else str(external),
        {**values, **carried},
        lines=desired.lines,
    )


def creation_form(operation: Operation) -> str:
    """The fingerprint of a creation, to know one that the portal has refused."""
    return digest(Field("creation", Sort.TEXT), [operation.external_id, dict(operation.values)])


def ending(portal: str, key: str, live: Live, off: tuple[str, Value]) -> Operation:
    """What takes an agent off all listings whom no file declares."""
    return Operation(
        f"deactivate:{live.id}",
        "deactivate",
        portal,
        key,
        None,
        live.id,
        values=dict([off]),
        aliases=live.aliases,
    )
