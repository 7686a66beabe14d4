"""Plan, drift and report as one `View`: all the sentences, in the order in which they are read.

Every format lays out the same view: the verdict with its counts, what is dangerous, what is
skipped, the agents, and what is only worth knowing. Agents' text comes out as it is; each format
makes it safe for its own medium.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from reconciler.core.accounts import label
from reconciler.core.findings import sentence
from reconciler.core.model import Conflict, Entry, Outcome, Plan, Report, Status, Warning
from reconciler.core.plan_json import counts
from reconciler.render.parts import Count, Item, Located, Result, Section, View
from reconciler.render.phrases import NOUNS, clip, plural, price, words
from reconciler.render.rows import DANGERS, Agent, Danger, agents, danger

STATUSES: tuple[Status, ...] = ("failed", "unknown", "skipped", "waiting", "applied")
"""What may become of an operation, the worst first."""
COUNTED: tuple[Status, ...] = ("applied", "failed", "skipped", "unknown", "waiting")
"""The order in which operations are counted."""
CLIP = 400
"""Characters of a value within a sentence."""
FORCE = "To apply it anyway, use `--force`, a saved plan or a reviewed pull request."
ADVICE = "`reconciler apply` reverts these changes. To keep one, edit the file."


class _People:
    """Items about the agents of a plan, with names where only the key is known."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.several = plan.several

    @cached_property
    def names(self) -> dict[tuple[str, str], str]:
        """Names by portal and key; of ten thousand agents only where one has to be looked up."""
        plan = self.plan
        everyone: tuple[Warning | Conflict | Entry, ...]
        everyone = (*plan.warnings, *plan.conflicts, *plan.entries)
        return {(each.portal, each.key): each.name for each in everyone if each.name}

    def item(self, each: Located, text: str = "", *, label: str = "", anchor: str = "") -> Item:
        """A sentence about an agent."""
        known = each.name if isinstance(each, Entry | Conflict | Warning) else ""
        return Item(
            text=text,
            label=label,
            name=known or self.names.get((each.portal, each.key), ""),
            key=each.key,
            portal=each.portal if self.several else "",
            source=each.source,
            anchor=anchor,
        )


# Plan


def plan(plan: Plan, *, requests: bool = False) -> View:
    """A plan; with `requests` also what would be sent."""
    found = agents(plan.entries, drift=False)
    title, lead, headline = _verdict(plan, len(found))
    people = _People(plan)
    return View(
        kind="Plan",
        portals=_portals(plan),
        accounts=_accounts(plan),
        several=plan.several,
        headline=headline,
        title=title,
        lead=lead,
        counts=_counts(plan),
        first=_filled(
            *_dangers(people, found),
            _limits(plan),
            _unread(plan, "nothing is planned there"),
            _conflicts(people, plan),
            _waiting(people, plan),
        ),
        agents=found,
        notes=_filled(_warnings(people, plan)),
        closing=(price(plan),) if plan.steps else (),
        steps=plan.steps if requests else (),
    )


def _verdict(plan: Plan, changing: int) -> tuple[str, str, str]:
    """Title, lead and headline of a plan."""
    number = counts(plan)
    rest = [f"{number['unchanged']} unchanged"]
    rest += [f"{number['waiting']} waiting"] if number["waiting"] else []
    rest += [f"{number['conflicts']} in conflict"] if number["conflicts"] else []
    others = ", ".join(rest)
    if plan.entries:
        title = f"{plural(changing, 'agent')} to change"
        todo = ", ".join(plural(number[verb], noun) for verb, noun in _verbs(number))
        return title, "", f"Plan: {title} ({todo}); {others}."
    if number["unchanged"] == plan.declared and plan.several:
        lead = f"all agents are as declared on {' and '.join(plan.portals)}."
    elif number["unchanged"] == plan.declared:
        verb = "is" if plan.declared == 1 else "are"
        lead = f"{plural(plan.declared, 'agent')} {verb} as declared."
    else:
        lead = f"{others}."
    title = "Nothing can be applied" if number["conflicts"] else "Nothing to do"
    return title, sentence(lead), f"{title}: {lead}"


def _verbs(number: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(verb, noun) for verb, noun in NOUNS.items() if number.get(verb)]


def _counts(plan: Plan) -> list[Count]:
    """What a plan does, by operation; then the agents for whom it does nothing."""
    number = counts(plan)
    todo = [
        Count(number[verb], plural(number[verb], noun).partition(" ")[2], verb in DANGERS)
        for verb, noun in _verbs(number)
    ]
    rest = (("conflicts", "in conflict"), ("waiting", "waiting"), ("unchanged", "unchanged"))
    return todo + [
        Count(number[name], label, name == "conflicts") for name, label in rest if number[name]
    ]


def _dangers(people: _People, found: Iterable[Agent]) -> list[Section]:
    items: dict[Danger, list[Item]] = {kind: [] for kind in DANGERS}
    for agent in found:
        for entry in agent.entries:
            if kind := danger(entry):
                text = _at_stake(entry) if kind == "deactivate" else _moved_id(entry)
                items[kind].append(people.item(entry, text, anchor=agent.anchor))
    return [
        Section(sentence(DANGERS[kind]), listed, danger=True, noun="agent")
        for kind, listed in items.items()
    ]


def _at_stake(entry: Entry) -> str:
    """What an agent loses who is taken off all listings, if the portal says."""
    return "" if entry.listings is None else plural(entry.listings, "live listing")


def _moved_id(entry: Entry) -> str:
    """The external id by which listings are assigned, before and after."""
    change = next(iter(entry.changes), None)
    return f"{change.path} {words(change.before)} → {words(change.after)}" if change else ""


def _limits(plan: Plan) -> Section:
    items = [Item(f"{limit}.") for limit in plan.over_limits]
    return Section("Over the limits", items, danger=True, noun="limit", text=FORCE)


def _unread(plan: Plan, effect: str) -> Section:
    items = [Item(f"{portal} could not be read, so {effect}: {why}") for portal, why in plan.unread]
    if not plan.complete and not plan.unread:
        items.append(Item("The portal returned an incomplete list of its agents."))
    return Section("Not read", items, danger=True, noun="portal")


def _conflicts(people: _People, plan: Plan, *, of_plan: bool = False) -> Section:
    items = [people.item(each, each.reason) for each in plan.conflicts]
    return Section("In conflict (skipped)", items, danger=True, of_plan=of_plan, noun="conflict")


def _waiting(people: _People, plan: Plan, *, of_plan: bool = False) -> Section:
    warned = {(each.portal, each.key): each for each in plan.warnings}
    items = []
    for portal, key in plan.waiting:
        each = warned.get((portal, key)) or Warning(portal, key, None, "is not on the portal yet.")
        items.append(people.item(each, each.message))
    texts = {item.text for item in items}
    if len(items) > 1 and len(texts) == 1:
        shared = sentence(texts.pop().removeprefix("is "))
        items = [replace(item, text="") for item in items]
        return Section("Waiting", items, text=shared, of_plan=of_plan, noun="waiting agent")
    return Section("Waiting", items, of_plan=of_plan, noun="waiting agent")


def _warnings(people: _People, plan: Plan, *, of_plan: bool = False) -> Section:
    """The warnings that no other section has."""
    waiting = set(plan.waiting)
    items = [
        people.item(each, each.message)
        for each in plan.warnings
        if (each.portal, each.key) not in waiting and each.verb not in DANGERS
    ]
    return Section("Warnings", items, of_plan=of_plan, noun="warning")


# Drift


def drift(plan: Plan) -> View:
    """What was changed on the portal: the files' side first, then what the portal shows."""
    people = _People(plan)
    keys = [[each.key for each in group] for group in (plan.entries, plan.conflicts, plan.warnings)]
    changed = len({*keys[0], *keys[1], *keys[2]})
    title = f"{plural(changed, 'agent')} changed on the portal"
    sent = [change.sent for entry in plan.entries for change in entry.changes]
    advice = ADVICE if plan.entries and not (sent and all(sent)) else ""
    headline, lead = f"Drift: {title}.", advice
    if not changed:
        title, lead = "No drift", "No agent was changed on the portal since the last apply."
        headline = f"{title}: {lead[0].lower()}{lead[1:]}"
    gone = [people.item(each, each.message) for each in plan.warnings]
    return View(
        kind="Drift",
        portals=_portals(plan),
        accounts=_accounts(plan),
        several=plan.several,
        headline=headline,
        title=title,
        lead=lead,
        first=_filled(
            Section("Gone from the portal", gone, danger=True, noun="agent"),
            _unread(plan, "its drift is unknown"),
            _conflicts(people, plan),
        ),
        agents=agents(plan.entries, drift=True),
        before="In the file",
        after="On the portal now",
        closing=(advice,) if advice else (),
    )


# Report


def report(report: Report) -> View:
    """What an apply did: how it ended, who was not applied and why, and every agent."""
    plan = report.plan
    people = _People(plan)
    outcomes = [outcome for _, outcome in report.outcomes]
    title, lead = _ending(report), tally(report)
    return View(
        kind="Apply",
        portals=_portals(plan),
        accounts=_accounts(plan),
        several=plan.several,
        headline=" ".join(filter(None, (lead, title))),
        title=title.removesuffix("."),
        lead=lead,
        first=_filled(
            _failures(people, outcomes, interrupted=report.interrupted),
            _stale(people, report),
            _unread(plan, "nothing was sent there"),
            _conflicts(people, plan, of_plan=True),
            _refused(people, outcomes),
            _waiting(people, plan, of_plan=True),
        ),
        results=_results(people, outcomes),
        notes=_filled(
            _unmet(people, report),
            _notes(people, outcomes, report.notes),
            _warnings(people, plan, of_plan=True),
        ),
    )


def _ending(report: Report) -> str:
    if report.interrupted:
        return "Interrupted. Run again to apply the rest."
    if not report.outcomes:
        return "Nothing was sent."
    if report.checked is None:
        return "The result was not verified."
    return f"Verified: {report.as_declared} of {report.checked} as declared."


def tally(report: Report) -> str:
    """The operations of an apply by their outcome, and their agents; "" if there were none."""
    if not report.outcomes:
        return ""
    people = len({outcome.operation.key for _, outcome in report.outcomes})
    counted = [f"{report.count(each)} {each}" for each in COUNTED if report.count(each)]
    return f"Operations: {', '.join(counted)}, for {plural(people, 'agent')}."


def _failures(people: _People, outcomes: Iterable[Outcome], *, interrupted: bool) -> Section:
    """Operations that failed; after an interrupt those that were not sent are only counted."""
    quiet = {"applied", "waiting", *(("skipped",) if interrupted else ())}
    items = [_ended(people, each) for each in outcomes if each.status not in quiet]
    return Section("Not applied", items, danger=True, noun="operation")


def _refused(people: _People, outcomes: Iterable[Outcome]) -> Section:
    items = [_ended(people, each) for each in outcomes if each.status == "waiting"]
    return Section("Waiting (not created)", items, noun="waiting agent")


def _ended(people: _People, outcome: Outcome) -> Item:
    operation = replace(outcome.operation, source=outcome.source)
    label = f"{operation.verb} {outcome.status}"
    return people.item(operation, outcome.error or "", label=label)


def _stale(people: _People, report: Report) -> Section:
    items = [people.item(each, each.reason) for each in report.stale]
    return Section("Skipped (the plan is stale)", items, danger=True, noun="agent")


def _unmet(people: _People, report: Report) -> Section:
    """Values that the portal does not show as declared, but for agents whose failure is named."""
    failed = {
        (outcome.operation.portal, outcome.operation.key)
        for _, outcome in report.outcomes
        if outcome.status in ("failed", "unknown")
    }
    items = []
    for each in report.unmet if report.outcomes else ():
        if (each.portal, each.key) not in failed:
            live, declared = (clip(words(value), CLIP) for value in (each.live, each.declared))
            text = f"the portal has {live}, the file has {declared}"
            items.append(people.item(each, text, label=each.path))
    return Section("Not as declared", items, noun="value")


def _notes(people: _People, outcomes: Iterable[Outcome], notes: Iterable[str]) -> Section:
    """What the portals did differently than planned, and the notes of the run."""
    items = [Item(note) for note in notes]
    items += [
        people.item(replace(each.operation, source=each.source), each.note)
        for each in outcomes
        if each.note is not None
    ]
    return Section("Notes", items, noun="note")


def _results(people: _People, outcomes: Iterable[Outcome]) -> list[Result]:
    """Every agent of an apply, those first that were not applied."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault((each.operation.portal, each.operation.key), []).append(each)
    found = [_result(people, group) for group in groups.values()]
    return sorted(found, key=lambda each: STATUSES.index(each.status))


def _result(people: _People, group: Sequence[Outcome]) -> Result:
    statuses = [each.status for each in group]
    outcome: str = statuses[0]
    if len(set(statuses)) > 1:
        outcome = ", ".join(f"{each.operation.verb} {each.status}" for each in group)
    created = [{"id": each.id, **each.aliases} for each in group if each.aliases]
    return Result(
        item=people.item(group[0].operation),
        verbs=", ".join(dict.fromkeys(each.operation.verb for each in group)),
        outcome=outcome,
        status=min(statuses, key=STATUSES.index),
        ids=", ".join(f"{name} {value}" for ids in created for name, value in ids.items()),
    )


# Parts


def _filled(*sections: Section) -> list[Section]:
    return [each for each in sections if each.items]


def _accounts(plan: Plan) -> list[tuple[str, str]]:
    return [(portal, label(account)) for portal, account in plan.accounts]


def _portals(plan: Plan) -> tuple[str, ...]:
    return (*plan.portals, *(portal for portal, _ in plan.unread))
