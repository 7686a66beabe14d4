"""What the ledger records of a portal, as evidence where the portal cannot show a value.

It is only evidence: the live agent is the truth. A plan without a ledger is safe; at worst it sends
again what cannot be compared.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.fields import Field, Sort, Verdict, arrives_late, compare, digest, shown
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
"""No digest: the portal shows something else than after the apply."""


def field_state(field: Field, path: str, live: Live, agent: AgentState | None) -> FieldState | None:
    """What is recorded of a path. A language without its own record has that of the one string for
    all languages, which counts only while the portal shows the same as after the apply."""
    if agent is None:
        return None
    own, whole = agent.fields.get(path), agent.fields.get(field.name)
    if own is not None or whole is None or whole.shown is None:
        return own or whole
    if whole.shown != digest(field, shown(field, field.name, live)):
        return replace(whole, shown=CHANGED)
    return replace(whole, shown=digest(field, shown(field, path, live)))


def known(field: Field, path: str, live: Live, recorded: FieldState | None) -> bool:
    """Whether the portal still shows what it showed after the value was applied, or now hides the
    value, which says nothing."""
    if recorded is None or recorded.shown is None:
        return False
    is_hidden = field.hidden and path not in live.values
    return is_hidden or recorded.shown == digest(field, shown(field, path, live))


def is_as_before(field: Field, path: str, live: Live, recorded: FieldState) -> bool:
    """Whether the portal shows what it showed before the value was applied."""
    return recorded.before == digest(field, shown(field, path, live))


def covers(
    field: Field, path: str, want: Value, live: Live, recorded: FieldState | None, verdict: Verdict
) -> bool:
    """Whether the record proves that the portal has a value that it does not show.

    It does if this value was applied and the portal shows the same as after the apply. If that is
    not known yet (a picture is imported late), the portal may show the same as before the apply, or
    something that cannot be compared.
    """
    if recorded is None or recorded.applied != digest(field, want):
        return False
    if recorded.shown is None:
        late = arrives_late(field, want) and is_as_before(field, path, live, recorded)
        return late or verdict is Verdict.UNREADABLE
    return known(field, path, live, recorded)


def judge(
    field: Field, path: str, desired: Desired, live: Live, agent: AgentState | None
) -> Verdict:
    """`compare`, but an equal string is unreadable if the record proves that it hides other texts:
    its languages were applied separately, and the portal shows the same as after the apply."""
    verdict = compare(field, path, desired, live)
    if field.sort is not Sort.TEXTS or path != field.name or agent is None:
        return verdict
    parts = (agent.fields.get(f"{path}.{part}") for part in field.parts)
    hidden = any(
        part is not None
        and part.applied != digest(field, desired.values[path])
        and known(field, path, live, part)
        for part in parts
    )
    return Verdict.UNREADABLE if hidden and verdict is Verdict.SAME else verdict


def attribution(
    field: Field, path: str, live: Live, prior: PortalState, agent: AgentState | None
) -> Attribution | None:
    """Who changed a value that differs: `drift` if the portal shows something else than after the
    last apply, else `pending` (the files); None if nothing is recorded of the portal."""
    if not prior.agents:
        return None
    recorded = field_state(field, path, live, agent)
    if recorded is None or recorded.shown is None:
        return "pending"
    return "pending" if known(field, path, live, recorded) else "drift"


def former(prior: PortalState, listing: Listing) -> dict[str, list[Live]]:
    """The live agents that were applied before, by the key of that time. An agent is identified by
    its id or an alias, unless another alias contradicts it."""
    by_alias = {
        (name, alias): agent
        for agent in prior.agents.values()
        for name, alias in agent.aliases.items()
    }
    found: dict[str, list[Live]] = {}
    for live in listing.agents if prior.agents else ():
        agent = prior.agents.get(str(live.id))
        others = (by_alias.get(alias) for alias in live.aliases.items())
        agent = agent or next((each for each in others if each is not None), None)
        if agent is not None and all(
            agent.aliases.get(name, alias) == alias for name, alias in live.aliases.items()
        ):
            found.setdefault(agent.key, []).append(live)
    return found


def was_refused(prior: PortalState, key: str, form: str) -> bool:
    """Whether the portal refused a creation with exactly these values (`form` is their digest)."""
    return prior.refused.get(key) == form
