"""The entries of a plan: what happens to each agent, why, and who changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import parent
from reconciler.core.findings import Findings, Scope, in_order
from reconciler.core.model import (
    Attribution,
    Change,
    Desired,
    Entry,
    Live,
    Match,
    Operation,
    Value,
    Verb,
)
from reconciler.core.removals import Removed


def add_entries(
    scope: Scope,
    changes: Mapping[str, Sequence[Change]],
    operations: Iterable[Operation],
    removals: Iterable[Removed],
    findings: Findings,
) -> None:
    """Add the entry of each agent that changes: first those of the files in their order, then those
    that no file declares. `operations` has the planned ones."""
    lost = findings.in_conflict
    matched = (
        entry_of_match(found, changes[found.desired.key], scope)
        for found in scope.matches
        if found.desired.key not in lost
    )
    created = (
        entry_of_creation(scope.absent[each.key], each, scope)
        for each in operations
        if each.verb == "create"
    )
    declared = [entry for entry in (*matched, *created) if entry is not None]
    removed = (entry_of_removal(each, scope) for each in removals)
    findings.entries += [*sorted(declared, key=in_order), *removed]


def entry_of_match(found: Match, changes: Sequence[Change], scope: Scope) -> Entry | None:
    """The entry of a matched agent, None if nothing changes."""
    catalogue = scope.catalogue
    desired, live = found.desired, found.live
    link, link_verbs = _link(found, scope)
    off = [change for change in changes if catalogue.is_off(change.path, change.after)]
    actions: list[Verb] = [*link_verbs, *(["deactivate"] if off else [])]  # type: ignore[list-item]
    if len(changes) > len(off):
        actions.append("update")
    if not actions:
        return None
    changes = (*link, *changes)
    return Entry(
        desired.portal,
        desired.key,
        live.id,
        _name(desired, live),
        desired.source,
        found.by,
        tuple(actions),
        changes,
        _attribution(changes),
        _reason(found, link),
        visible(live, catalogue),
    )


def _link(found: Match, scope: Scope) -> tuple[list[Change], list[Verb]]:
    """The change of the external id, and how it is made."""
    catalogue, live = scope.catalogue, found.live
    wants = catalogue.external_id(found.desired.identity)
    held = catalogue.external_id(live.identity)
    if wants is None or wants == held:
        return [], []
    attribution = _link_attribution(live, wants, scope)
    change = Change(str(catalogue.handle), held, wants, "different", attribution, public=False)
    return [change], ["link"] if held is None else ["unlink", "link"]


def _link_attribution(live: Live, wants: Value, scope: Scope) -> Attribution | None:
    """Drift if the link was applied before: then someone undid it on the portal."""
    if not scope.prior.agents:
        return None
    state = scope.prior.agents.get(str(live.id))
    return "drift" if state is not None and state.key == wants else "pending"


def _reason(found: Match, link: Sequence[Change]) -> str:
    value = f"{found.by} {found.desired.identity.get(found.by, '')}".rstrip()
    if not link:
        return f"matched: {value}"
    if found.by == "id" and link[0].before is not None:
        return f"linked: {value} is declared; {link[0].after} replaces {link[0].before}"
    return f"linked: {value} is a unique match"


def entry_of_creation(desired: Desired, operation: Operation, scope: Scope) -> Entry:
    """The entry of an agent to be created: every value sent, and what matched no agent."""
    attribution: Attribution | None = "pending" if scope.prior.agents else None
    changes = tuple(
        Change(path, None, value, "different", attribution, _is_public(path, scope.catalogue))
        for path, value in {**desired.identity, **desired.values}.items()
        if path in desired.identity or parent(path) in operation.values
    )
    identifying = [each.name for each in scope.catalogue.identifiers if each.rule != "hint"]
    sought = " or ".join(
        f"{name} {value}" for name, value in desired.identity.items() if name in identifying
    )
    return Entry(
        desired.portal,
        desired.key,
        None,
        _name(desired, None),
        desired.source,
        None,
        (operation.verb,),
        changes,
        attribution,
        f"created: no agent has {sought}",
    )


def entry_of_removal(removed: Removed, scope: Scope) -> Entry:
    """The entry of an agent that no file declares."""
    catalogue, live = scope.catalogue, removed.live
    verb: Verb = "unlink" if removed.deactivation is None else "deactivate"
    if removed.deactivation is None:
        change = Change(
            str(catalogue.handle),
            catalogue.external_id(live.identity),
            None,
            "different",
            "pending",
            public=False,
        )
    else:
        ((path, value),) = removed.deactivation.values.items()
        change = Change(
            path, live.values.get(path), value, "different", "pending", _is_public(path, catalogue)
        )
    return Entry(
        scope.portal,
        removed.key,
        live.id,
        live.name,
        None,
        None,
        (verb,),
        (change,),
        "pending",
        f"{participle(verb)}: applied from here, but no file declares it now",
        visible(live, catalogue),
    )


def visible(live: Live, catalogue: Catalogue) -> dict[str, Value]:
    """The values of an agent that visitors of the portal see."""
    return {path: value for path, value in live.values.items() if catalogue.field(path).public}


def _is_public(path: str, catalogue: Catalogue) -> bool:
    field = catalogue.by_name.get(parent(path))
    return field is not None and field.public


def _name(desired: Desired, live: Live | None) -> str:
    declared = desired.values.get("name")
    return str(declared) if declared is not None else (live.name if live else "")


def _attribution(changes: Sequence[Change]) -> Attribution | None:
    attributions = {change.attribution for change in changes}
    return "drift" if "drift" in attributions else "pending" if "pending" in attributions else None


def participle(verb: Verb) -> str:
    """`linked`, `updated`."""
    return f"{verb.removesuffix('e')}ed"
