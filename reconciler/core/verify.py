"""After an apply: what it achieved, and what the ledger records of it.

The engine reads the portals again and writes the ledger; everything in between is decided here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from reconciler.core.catalogue import Catalogue
from reconciler.core.confirm import ABSENT, Place, PortalRun, Settled
from reconciler.core.fields import Field, Sort, Verdict, arrives_late, digest, parent, shown
from reconciler.core.match import Matching, is_linked, match
from reconciler.core.model import (
    AgentState,
    FieldState,
    Listing,
    Live,
    Match,
    Outcome,
    PortalState,
    Report,
    Scalar,
    Unmet,
)
from reconciler.core.omissions import without_gone
from reconciler.core.operations import creation_form
from reconciler.core.plan import Draft
from reconciler.core.state import field_state, judge

Who = tuple[str, str]
"""A portal's name and an agent's key."""

_MAY_BE_DONE = ("applied", "unknown")

UPDATED_INSTEAD = (
    "agent {id} already existed and was updated instead; check that this is the same person"
)


# -- the outcome ---------------------------------------------------------------------------------


def check_creation(outcome: Outcome, known: AbstractSet[tuple[str, Scalar | None]]) -> Outcome:
    """The outcome; `failed` if a creation changed an agent that existed when the plan was made.

    `known` has the portal and live id of every agent that existed then.
    """
    operation = outcome.operation
    created = operation.verb == "create" and outcome.status == "applied"
    if not created or (operation.portal, outcome.id) not in known:
        return outcome
    return replace(outcome, status="failed", error=UPDATED_INSTEAD.format(id=outcome.id))


def verify(report: Report, drafts: Mapping[str, Draft], sent_to: Container[str]) -> Report:
    """The report of an apply, checked against what the portals show now.

    `drafts` has a fresh draft of each portal that could be read, by name; `sent_to` names the
    portals that operations were sent to. An outcome that was unknown becomes `applied` if the
    agent is as declared.
    """
    if not drafts:
        return report
    unmet = tuple(value for draft in drafts.values() for value in _unmet(draft))
    wrong = {(value.portal, value.key) for value in unmet}
    matched = {
        (portal, found.desired.key): found.live.id
        for portal, draft in drafts.items()
        for found in draft.matches
    }
    correct = {who: number for who, number in matched.items() if who not in wrong}
    rematched = dict(_rematched(report, matched, drafts))
    pending = sum(len(draft.entries) for portal, draft in drafts.items() if portal in sent_to)
    return replace(
        report,
        notes=(*report.notes, *rematched.values()),
        outcomes=tuple((step, _resolve(each, correct)) for step, each in report.outcomes),
        checked=len({*matched, *wrong}),
        as_declared=len(correct),
        unmet=unmet,
        remaining=pending + len(rematched.keys() - matched.keys()),
    )


def _unmet(draft: Draft) -> Iterator[Unmet]:
    """The values that the portal does not show as declared: refused, or still to be sent."""
    yield from draft.not_taken
    for entry in draft.entries:
        for change in entry.changes:
            yield Unmet(
                entry.portal, entry.key, entry.source, change.path, change.after, change.before
            )


def _rematched(
    report: Report, matched: Mapping[Who, Scalar], portals: Container[str]
) -> Iterator[tuple[Who, str]]:
    """The agents that this apply changed and that their file no longer matches, with a note each.

    Someone edited the value that the file matches by, while the apply ran. `matched` has the live
    ids that the files match now, on the `portals` that were read again.
    """
    for _, outcome in report.outcomes:
        operation = outcome.operation
        who = (operation.portal, operation.key)
        declared = operation.source is not None and operation.verb != "create"
        if outcome.status != "applied" or not declared or operation.portal not in portals:
            continue
        if matched.get(who) != outcome.id:
            other = f"agent {matched[who]}" if who in matched else "no agent"
            message = (
                f"{operation.key}: this apply changed agent {outcome.id} on {operation.portal}, "
                f"but the file now matches {other} there. Someone edited the portal during the "
                f"apply. Check the plan before the next apply."
            )
            yield who, message


def _resolve(outcome: Outcome, correct: Mapping[Who, Scalar]) -> Outcome:
    """The outcome; `applied` if it was unknown and the agent is as declared (in `correct`)."""
    who = (outcome.operation.portal, outcome.operation.key)
    if outcome.status != "unknown" or who not in correct:
        return outcome
    return replace(outcome, status="applied", error=None, id=correct[who])


# -- the evidence --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an apply on one portal leaves to record.

    `matches` are the declared agents to record, each with its live agent after the apply. `sent`
    has the paths that were sent with success, `unconfirmed` those that the portal does not show.
    `removed` are the agents that no file declares and that were taken off. `before` and `after` are
    the live agents before and after; `after` is None if the portal was not read again. All are by
    live id, as text. `refused` has, by key, the digest of a creation that the portal refused; None
    for a creation that it did not.
    """

    matches: Sequence[Match]
    sent: Mapping[str, frozenset[str]]
    before: Mapping[str, Live]
    after: Mapping[str, Live] | None
    removed: AbstractSet[str]
    refused: Mapping[str, str | None]
    unconfirmed: AbstractSet[Place] = frozenset()


def record(
    prior: PortalState, run: PortalRun, after: Settled | None, catalogue: Catalogue
) -> PortalState:
    """The portal's state to write to the ledger after an apply.

    `prior` is the state in the ledger now. `after` is what the portal lists after the apply, None
    if it was not read again: then, of what was sent, only what the portal cannot show is recorded.
    """
    prior = without_gone(run.desired, run.before, prior)
    evidence = collect_evidence(prior, run, after, catalogue)
    return update_state(prior, evidence, catalogue.by_name)


def collect_evidence(
    prior: PortalState, run: PortalRun, after: Settled | None, catalogue: Catalogue
) -> Evidence:
    """What an apply leaves to record; the parameters are those of `record`."""
    sent = _sent_paths(run)
    listing = _with_created(run, run.before if after is None else after.listing)
    matching = match(run.desired, listing, prior, catalogue)
    handle = catalogue.handle
    lost = _lost_matches(run, matching, listing, sent, handle)
    replaced = {found.desired.key for found in lost}
    covered = {found.desired.key for found in run.matches}
    # The list can show what an unknown creation made.
    covered |= {each.operation.key for each in run.outcomes if each.status in _MAY_BE_DONE}
    current = (
        found
        for found in matching.matches
        if found.desired.key in covered
        and found.desired.key not in replaced
        and (after is not None or str(found.live.id) in sent)
        and is_linked(found, handle)
    )
    return Evidence(
        matches=(*lost, *current),
        sent=sent,
        before=run.before.by_id(),
        after=None if after is None else after.listing.by_id(),
        removed={str(each.id) for each in run.applied if each.operation.source is None},
        refused={
            each.operation.key: creation_form(each.operation) if each.status == "waiting" else None
            for each in run.outcomes
            if each.operation.verb == "create"
        },
        unconfirmed=frozenset() if after is None else after.lost,
    )


def _sent_paths(run: PortalRun) -> dict[str, frozenset[str]]:
    """The declared paths that were sent with success, by live id."""
    desired = {each.key: each for each in run.desired}
    sent: dict[str, frozenset[str]] = {}
    for outcome in run.applied:
        operation = outcome.operation
        if operation.source is not None and operation.verb not in ("link", "unlink"):
            paths = frozenset(
                path for path in desired[operation.key].values if parent(path) in operation.values
            )
            sent[str(outcome.id)] = sent.get(str(outcome.id), frozenset()) | paths
    return sent


def _with_created(run: PortalRun, listing: Listing) -> Listing:
    """The listing, plus the agents that the apply created and that are not in it: their identity is
    known, what the portal shows of them is not."""
    desired = {each.key: each for each in run.desired}
    listed = {live.id for live in listing.agents}
    created = (
        Live(
            outcome.operation.portal,
            outcome.id,
            "",
            desired[outcome.operation.key].identity,
            {},
            outcome.aliases,
        )
        for outcome in run.applied
        if outcome.operation.verb == "create"
        and outcome.id is not None
        and outcome.id not in listed
    )
    return replace(listing, agents=(*listing.agents, *created))


def _lost_matches(
    run: PortalRun,
    matching: Matching,
    listing: Listing,
    sent: Mapping[str, frozenset[str]],
    handle: str | None,
) -> list[Match]:
    """The agents that were sent values and that their files no longer match, as listed now.

    Someone edited the portal during the apply; the next plan must know who they were.
    """
    matched = {found.desired.key: found.live.id for found in matching.matches}
    listed = {live.id: live for live in listing.agents}
    return [
        replace(found, live=listed[found.live.id])
        for found in run.matches
        if str(found.live.id) in sent
        and matched.get(found.desired.key) != found.live.id
        and found.live.id in listed
        and is_linked(found, handle)
    ]


# -- the record ----------------------------------------------------------------------------------


def update_state(
    prior: PortalState, evidence: Evidence, fields: Mapping[str, Field]
) -> PortalState:
    """The portal's state after an apply: a value is recorded if it was sent, or if the portal
    shows it as declared; a removed agent is forgotten, if the portal shows that it is removed."""
    agents = _agents_left(prior, evidence)
    for found in evidence.matches:
        number = str(found.live.id)
        states = _field_states(found, agents.get(number), evidence, fields)
        agents[number] = AgentState(found.desired.key, states, found.live.aliases)
    refused = {key: form for key, form in {**prior.refused, **evidence.refused}.items() if form}
    return replace(prior, agents=agents, refused=refused)


def _agents_left(prior: PortalState, evidence: Evidence) -> dict[str, AgentState]:
    """The recorded agents without the removed ones, and without those whose key is another live
    agent's now."""
    numbers = {str(found.live.id) for found in evidence.matches}
    keys = {found.desired.key for found in evidence.matches}
    agents = {
        number: agent
        for number, agent in prior.agents.items()
        if number in numbers or agent.key not in keys
    }
    if evidence.after is not None:
        for number in evidence.removed - {place for place, _ in evidence.unconfirmed}:
            agents.pop(number, None)
    return agents


def _field_states(
    found: Match, agent: AgentState | None, evidence: Evidence, fields: Mapping[str, Field]
) -> dict[str, FieldState]:
    """What to record of each declared value. `agent` is what is recorded so far."""
    states: dict[str, FieldState] = {}
    for path in found.desired.values:
        field = fields[parent(path)]
        state = _field_state(field, path, found, agent, evidence)
        if state is not None:
            states[path] = state
        elif agent is not None:  # one string is to replace the languages, and has not yet
            for name in agent.fields:
                if parent(name) == field.name:
                    states.setdefault(name, agent.fields[name])
    return states


def _field_state(
    field: Field, path: str, found: Match, agent: AgentState | None, evidence: Evidence
) -> FieldState | None:
    number = str(found.live.id)
    want, have = found.desired.values[path], shown(field, path, found.live)
    now = digest(field, have)
    hidden = field.hidden and path not in found.live.values
    unreadable = hidden or field.sort in (Sort.TEXTS, Sort.PICTURE)
    applied = now if have == want else digest(field, want)
    fresh = FieldState(applied, now, want if unreadable else None)
    sent = path in evidence.sent.get(number, ())
    if sent and evidence.after is not None:
        if evidence.unconfirmed & {(number, path), (number, ABSENT)}:
            former = field_state(field, path, found.live, agent)
            if former is None or former.applied != applied:
                return former
            return replace(former, shown=applied)
        before = evidence.before.get(number)
        was = digest(field, shown(field, path, before) if before else None)
        # While a picture is imported, the portal shows the former one or none.
        importing = arrives_late(field, want) and now != applied and (now == was or have is None)
        return replace(fresh, shown=None, before=now) if importing else fresh
    if sent and unreadable:
        return replace(fresh, shown=None, before=now)
    recorded = field_state(field, path, found.live, agent)
    if evidence.after is None:
        return recorded
    verdict = judge(field, path, found.desired, found.live, agent)
    return _unsent_state(fresh, recorded, verdict)


def _unsent_state(
    fresh: FieldState, recorded: FieldState | None, verdict: Verdict
) -> FieldState | None:
    """What to record of a value that was not sent: `recorded`; or `fresh`, if the portal shows the
    declared value or a picture has arrived."""
    if recorded is not None and recorded.applied == fresh.applied:
        if recorded.shown is None:
            arrived = verdict is Verdict.UNREADABLE and recorded.before != fresh.shown
            return fresh if arrived else recorded
        if recorded.shown == fresh.shown:
            return recorded
        if verdict is Verdict.DIFFERENT:  # what was recorded of the portal is out of date for good
            return replace(recorded, shown=recorded.applied)
    return fresh if verdict is Verdict.SAME else recorded
