"""What the ledger records after an apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.fields import Field, Sort, Verdict, digest, parent, shown
from reconciler.core.model import AgentState, FieldState, Live, Match, Operation, PortalState
from reconciler.core.state import judge, trace


def remember(
    prior: PortalState,
    matches: Sequence[Match],
    fields: Mapping[str, Field],
    *,
    before: Mapping[str, Live],
    applied: Mapping[str, frozenset[str]],
    ended: Mapping[str, Operation],
    refused: Mapping[str, str | None],
    after: Mapping[str, Live] | None,
) -> PortalState:
    """The memory after an apply.

    `matches` pairs the declared agents with what the portal shows now, `before` has what it showed
    earlier by live id, `applied` the paths that were sent with success by live id. A value is
    remembered if it was sent, or is shown as declared. `ended` has what was done to agents whom no
    file declares: they are forgotten, unless the portal shows that it did not take it. `refused`
    are the creations to remember (or, with None, to forget) by key. `after` is what the portal
    shows now by live id; None if it was not read: then, of what was sent, only what it could not
    say back anyway is remembered.
    """
    seen = after is not None
    known, keys = {str(found.live.id) for found in matches}, {each.desired.key for each in matches}
    agents = {
        key: kept for key, kept in prior.agents.items() if key in known or kept.key not in keys
    }
    for key, operation in ended.items():
        ours = agents.pop(key, None)
        if ours is not None and after is not None:
            ours = _left(ours, operation, after.get(key), fields)
        agents |= {key: ours} if ours is not None else {}
    for found in matches:
        key = str(found.live.id)
        old = agents.get(key)
        sent = applied.get(key, frozenset())
        fresh = {}
        for path in found.desired.values:
            field = fields[parent(path)]
            kept = _keep(
                field, path, found, old, sent=path in sent, before=before.get(key), seen=seen
            )
            if kept is not None:
                fresh[path] = kept
            elif old is not None:  # the languages that one string is to replace, and did not yet
                family = (name for name in old.fields if parent(name) == field.name)
                fresh = {**{name: old.fields[name] for name in family}, **fresh}
        agents[key] = AgentState(found.desired.key, fresh, found.live.aliases)
    creations = {key: form for key, form in {**prior.refused, **refused}.items() if form}
    return PortalState(agents, creations, prior.url)


def _left(
    kept: AgentState, operation: Operation, live: Live | None, fields: Mapping[str, Field]
) -> AgentState | None:
    """What is still to be remembered of an agent who was taken off; None if they are off."""
    if live is None:
        return None
    if operation.verb == "unlink":
        held = set(map(str, live.identity.values()))
        return kept if operation.external_id in held else None
    left = {}
    for path, value in operation.values.items():
        field, have = fields[path], shown(fields[path], path, live)
        if digest(field, have) != digest(field, value):
            left[path] = FieldState(digest(field, value), digest(field, have))
    return replace(kept, fields={**kept.fields, **left}) if left else None


def _keep(
    field: Field,
    path: str,
    found: Match,
    old: AgentState | None,
    *,
    sent: bool,
    before: Live | None,
    seen: bool,
) -> FieldState | None:
    want, have = found.desired.values[path], shown(field, path, found.live)
    kept = trace(field, path, found.live, old)
    now = digest(field, have)
    unreadable = field.sort in (Sort.TEXTS, Sort.PICTURE)
    applied = now if have == want else digest(field, want)
    fresh = FieldState(applied, now, want if unreadable else None)
    if not seen:
        return replace(fresh, shown=None, before=now) if sent and unreadable else kept
    if sent:
        was = digest(field, shown(field, path, before)) if before else digest(field, None)
        # While a picture is imported the portal shows the one before, or none at all.
        unseen = field.late and now != fresh.applied and (was == now or have is None)
        return replace(fresh, shown=None, before=now) if unseen else fresh
    verdict = judge(field, path, found.desired, found.live, old)
    if kept is not None and kept.applied == fresh.applied:
        if kept.shown is None:
            return fresh if verdict is Verdict.UNREADABLE and kept.before != now else kept
        if kept.shown == now:
            return kept
    return fresh if verdict is Verdict.SAME else kept
