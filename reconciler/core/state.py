"""What was applied before, as evidence where the portal cannot say a value back.

The evidence is never more than that: the live agent is the truth, and a plan made without any
memory is safe, it only sends again what it cannot compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.fields import Field, Sort, Verdict, compare, digest, parent, shown
from reconciler.core.model import (
    AgentState,
    Attribution,
    Desired,
    FieldState,
    Listing,
    Live,
    Match,
    Operation,
    PortalState,
    Value,
)

CHANGED = ""
"""The digest of nothing: the portal shows something else than it did."""


def trace(field: Field, path: str, live: Live, remembered: AgentState | None) -> FieldState | None:
    """What is remembered of a path: its own trace, or that of the one string for all languages,
    which holds for each of them for as long as the portal shows the same as then."""
    if remembered is None:
        return None
    own, whole = remembered.fields.get(path), remembered.fields.get(field.name)
    if own is not None or whole is None or whole.shown is None:
        return own or whole
    if whole.shown != digest(field, shown(field, field.name, live)):
        return replace(whole, shown=CHANGED)
    return replace(whole, shown=digest(field, shown(field, path, live)))


def known(field: Field, path: str, live: Live, kept: FieldState | None) -> bool:
    """Whether the portal still shows what it showed after the value was applied."""
    return kept is not None and kept.shown == digest(field, shown(field, path, live))


def is_as_before(field: Field, path: str, live: Live, kept: FieldState) -> bool:
    """Whether the portal shows what it showed before the value was applied."""
    return kept.before == digest(field, shown(field, path, live))


def covers(
    field: Field, path: str, want: Value, live: Live, kept: FieldState | None, verdict: Verdict
) -> bool:
    """Whether the memory says that the portal has the value, though it does not show it.

    It does if this very value was applied and the portal shows what it showed then. Where that was
    not seen yet (a picture is imported late), the portal may still show what it showed before, or
    something that cannot be compared.
    """
    if kept is None or kept.applied != digest(field, want):
        return False
    if kept.shown is None:
        late = field.late and is_as_before(field, path, live, kept)
        return late or verdict is Verdict.UNREADABLE
    return known(field, path, live, kept)


def judge(
    field: Field, path: str, desired: Desired, live: Live, remembered: AgentState | None
) -> Verdict:
    """`compare`, but an equal string is unreadable where the memory knows that it hides languages
    with other texts: they were applied one by one, and the portal shows what it showed then."""
    verdict = compare(field, path, desired, live)
    if field.sort is not Sort.TEXTS or path != field.name or remembered is None:
        return verdict
    parts = (remembered.fields.get(f"{path}.{part}") for part in field.parts)
    hidden = any(
        part is not None
        and part.applied != digest(field, desired.values[path])
        and known(field, path, live, part)
        for part in parts
    )
    return Verdict.UNREADABLE if hidden and verdict is Verdict.SAME else verdict


def attribution(
    field: Field, path: str, live: Live, prior: PortalState, remembered: AgentState | None
) -> Attribution | None:
    """Whose change a difference is: the portal's (`drift`) if it shows something else than after
    the last apply, else the files' (`pending`); None if nothing at all is remembered."""
    if not prior.agents:
        return None
    kept = trace(field, path, live, remembered)
    if kept is None or kept.shown is None:
        return "pending"
    return "pending" if known(field, path, live, kept) else "drift"


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


def former(prior: PortalState, listing: Listing) -> dict[str, list[Live]]:
    """The live agents that were applied from here, by the key that they had then. One is known by
    any of its ids, as long as none of them says otherwise."""
    by_alias = {
        (name, alias): kept
        for kept in prior.agents.values()
        for name, alias in kept.aliases.items()
    }
    found: dict[str, list[Live]] = {}
    for live in listing.agents if prior.agents else ():
        kept = prior.agents.get(str(live.id))
        others = (by_alias.get(alias) for alias in live.aliases.items())
        kept = kept or next((each for each in others if each is not None), None)
        if kept is not None and all(
            kept.aliases.get(name, alias) == alias for name, alias in live.aliases.items()
        ):
            found.setdefault(kept.key, []).append(live)
    return found


def was_refused(prior: PortalState, key: str, form: str) -> bool:
    """Whether the portal has refused to create exactly this agent before."""
    return prior.refused.get(key) == form
