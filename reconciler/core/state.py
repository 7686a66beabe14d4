"""What was applied before, as evidence where the portal cannot say a value back.

The evidence is never more than that: the live agent is the truth, and a plan made without any
memory is safe, it only sends again what it cannot compare.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.fields import Field, Sort, Verdict, compare, digest, shown
from reconciler.core.model import (
    AgentState,
    Attribution,
    Desired,
    FieldState,
    Listing,
    Live,
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
