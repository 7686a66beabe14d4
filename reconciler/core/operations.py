"""What to send for one agent: an update, a creation or a deactivation, not yet as a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import Field, Sort, digest, is_shown_as, parent
from reconciler.core.findings import Findings, Scope, sentence_list
from reconciler.core.model import Change, Conflict, Desired, Live, Match, Operation, Value


def updates(scope: Scope, changes: Mapping[str, Sequence[Change]]) -> list[Operation]:
    """The update of each matched agent that has changes."""
    return [
        update(found, changes[found.desired.key], scope.catalogue)
        for found in scope.matches
        if changes[found.desired.key]
    ]


def update(found: Match, changes: Sequence[Change], catalogue: Catalogue) -> Operation:
    """The update of an agent by these changes, or its deactivation."""
    desired, live = found.desired, found.live
    external = catalogue.external_id(desired.identity) or catalogue.external_id(live.identity)
    touched = [change.path for change in changes]
    if catalogue.policy.replaces:
        touched += [*desired.values, *live.values]
    off = any(catalogue.is_off(change.path, change.after) for change in changes)
    return Operation(
        f"update:{live.id}",
        "deactivate" if off else "update",
        desired.portal,
        desired.key,
        desired.source,
        live.id,
        None if external is None else str(external),
        body(catalogue.fields, desired, live, touched),
        aliases=live.aliases,
        lines=desired.lines,
    )


def creation(desired: Desired, catalogue: Catalogue) -> Operation:
    """The creation of an agent, with every value that a new one can have."""
    policy = catalogue.policy
    off = None if policy.off is None else policy.off[0]
    given = {
        path: value
        for path, value in desired.values.items()
        # A list may be hidden: without it, the next plan could not know that it is empty.
        if path != off and (value is not None or catalogue.field(path).sort is Sort.CODES)
    }
    values = body(catalogue.fields, replace(desired, values=given), None, list(given))
    required = {
        need: desired.identity[need]
        for need in policy.needs
        if need not in values and need in desired.identity
    }
    external = required.pop(catalogue.handle, None) if catalogue.handle else None
    return Operation(
        f"create:{desired.key}",
        "create",
        desired.portal,
        desired.key,
        desired.source,
        None,
        None if external is None else str(external),
        {**values, **required},
        lines=desired.lines,
    )


def creation_form(operation: Operation) -> str:
    """The digest of a creation, to recognize one that the portal has refused."""
    return digest(Field("creation", Sort.TEXT), [operation.external_id, dict(operation.values)])


def deactivation(key: str, live: Live, catalogue: Catalogue, off: tuple[str, Value]) -> Operation:
    """The operation that takes an agent off all listings, whom no file declares."""
    return Operation(
        f"deactivate:{live.id}",
        "deactivate",
        catalogue.portal,
        key,
        None,
        live.id,
        values=dict([off]),
        aliases=live.aliases,
    )


def body(
    fields: Sequence[Field], desired: Desired, live: Live | None, touched: Sequence[str]
) -> dict[str, Value]:
    """The fields to send for these paths.

    A group of switches is sent whole, merged with the live values (for a new agent, with the
    portal's defaults); so is a text, with the other languages that the portal shows, and a mapping
    in a list, with its other keys that the portal shows.
    """
    names, declared = set(map(parent, touched)), set(map(parent, desired.values))
    sent: dict[str, Value] = {}
    for field in fields:
        if field.name not in names:
            continue
        if field.name in desired.values:
            have = live.values.get(field.name) if live is not None else None
            sent[field.name] = _with_shown_keys(field, desired.values[field.name], have)
        elif live is not None and field.name in live.values and field.name not in declared:
            sent[field.name] = live.values[field.name]
        else:
            sent[field.name] = {
                part: value
                for part in field.parts
                if (value := _part(field, part, desired, live)) is not None
            }
    return sent


def _with_shown_keys(field: Field, want: Value, have: Value) -> Value:
    """A declared value; each mapping in a list has the keys that the portal shows of it too."""
    if field.sort is not Sort.CODES or not (isinstance(want, list) and isinstance(have, list)):
        return want
    return [
        next((each for each in have if is_shown_as(entry, each)), entry)
        if isinstance(entry, Mapping)
        else entry
        for entry in want
    ]


def _part(field: Field, part: str, desired: Desired, live: Live | None) -> Value:
    path = f"{field.name}.{part}"
    if path in desired.values:
        return desired.values[path]
    if live is None:
        return field.default
    value = live.values.get(path)
    return None if field.sort is Sort.TEXTS and value == "" else value


def refuse(operations: Iterable[Operation], catalogue: Catalogue, findings: Findings) -> None:
    """Add a conflict for each operation that the portal would refuse, or that could change a switch
    which is neither declared nor shown."""
    for operation in operations:
        hidden = list(_hidden_switches(operation, catalogue))
        reason = (
            f"the portal does not show {sentence_list(hidden)}, so sending the other switches "
            f"could change it. Declare {sentence_list(hidden)} too."
            if hidden
            else catalogue.policy.refuses(operation)
        )
        if reason is not None:
            findings.conflict(operation, reason)


def _hidden_switches(operation: Operation, catalogue: Catalogue) -> Iterable[str]:
    for field in catalogue.fields:
        if field.sort is Sort.SWITCHES and field.name in operation.values:
            sent = operation.values[field.name]
            yield from (f"{field.name}.{part}" for part in field.parts if part not in sent)


def refuse_unlisted_keys(scope: Scope, findings: Findings) -> None:
    """Add a conflict for each agent that is to get a key that no listed agent has, if the list is
    incomplete: an agent missing from it may have the key."""
    if scope.listing.complete:
        return
    for key in scope.catalogue.identifiers:
        held = {
            key.canonical(value)
            for live in scope.listing.agents
            if (value := live.identity.get(key.name)) is not None
        }
        for found in scope.matches:
            desired, want = found.desired, found.desired.identity.get(key.name)
            if key.moves and want is not None and key.canonical(want) not in held:
                reason = (
                    f"the portal returned an incomplete list, and an agent missing from it may "
                    f"have {key.spelling} {want}. Skipped; run again later."
                )
                place = desired.at(key.name)
                findings.conflicts.append(Conflict(desired.portal, desired.key, place, reason))
