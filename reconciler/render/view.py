"""One view of a plan for all renderers: what stands where, in words; no layout, no colour.

Agents' text comes out as it is; each renderer makes it safe for its own medium.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, Protocol

from reconciler.core.model import (
    Attribution,
    Change,
    Entry,
    Plan,
    Report,
    Source,
    Status,
    Step,
    Value,
    Verb,
)
from reconciler.core.plan_json import counts

Mark = Literal["+", "~", "-"]
Piece = tuple[Literal["same", "old", "new", "gap"], str]
"""A run of words of a text's difference."""

LONG = 40
"""Characters from which a text is shown as a difference of words."""
SCATTERED = 6000
"""Words and blanks between the first change and the last from which no difference is sought."""
CONTEXT = 6
"""Words shown on either side of a difference."""

PARTICIPLES = {
    "create": "to create",
    "update": "to update",
    "link": "to link",
    "unlink": "to unlink",
    "deactivate": "to deactivate",
}


class Told(Protocol):
    """Something that is told of an agent on a portal: a conflict, a warning, a value."""

    @property
    def portal(self) -> str:
        """Which portal."""
        ...

    @property
    def key(self) -> str:
        """Which agent."""
        ...

    @property
    def source(self) -> Source | None:
        """Where that agent is declared, if anywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One change: both sides in words, or for a long text (`pieces`) where they differ. An agent to
    be created has no old side ("")."""

    path: str
    old: str
    new: str
    pieces: tuple[Piece, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """One agent for whom there is something to do. `loud` is what nobody may miss: that it takes
    the agent off the portal, or breaks a link; else ""."""

    mark: Mark
    portal: str
    key: str
    name: str
    actions: str
    where: str
    reason: str
    lines: tuple[Line, ...]
    loud: str = ""
    whose: str = ""


def rows(entries: Iterable[Entry]) -> list[Row]:
    """The agents of a plan, in its order."""
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> Row:
    takes_off = "deactivate" in entry.actions or entry.actions == ("unlink",)
    mark: Mark = "+" if "create" in entry.actions else "-" if takes_off else "~"
    agent = f"agent {entry.id}" if entry.id is not None else "new agent"
    place = f"{entry.source} · {agent}" if entry.source else agent
    return Row(
        mark=mark,
        portal=entry.portal,
        key=entry.key,
        name=entry.name,
        actions=", ".join(entry.actions),
        where=place,
        reason=entry.reason,
        lines=tuple(_line(change, new=entry.id is None) for change in entry.changes),
        loud=loud(entry),
        whose=NOTES[entry.attribution],
    )


def loud(entry: Entry) -> str:
    """What nobody may miss of an agent, without the cost of its row; else ""."""
    return next((said for verb, said in LOUD.items() if verb in entry.actions), "")


LOUD: Mapping[Verb, str] = {
    "deactivate": "taken off all listings",
    "unlink": "loses an external id, and its listings their agent",
}
"""The verbs that nobody may miss, and why."""
NOTES: Mapping[Attribution | None, str] = {
    "drift": "drift: changed on the portal since the last apply",
    "pull_request": "this pull request",
    "base": "already waiting on the base",
    "pending": "",
    None: "",
}
"""Whose change it is, in words."""
STATUSES: tuple[Status, ...] = ("applied", "failed", "skipped", "unknown", "waiting")
"""What may become of an operation, in the order in which it is counted."""


def _line(change: Change, *, new: bool) -> Line:
    old, to = "" if new else words(change.before), words(change.after)
    notes = [NOTES[change.attribution]]
    if change.kind == "unreadable":
        notes.append("cannot be read back, so it is sent")
    pieces = compared(change.before, change.after)
    return Line(change.path, old, to, pieces, "; ".join(filter(None, notes)))


def compared(before: Value, after: Value, *, whole: bool = False) -> tuple[Piece, ...]:
    """Two values that are long texts, word by word (`whole`: none of them left out); nothing where
    one after the other reads better."""
    match before, after:
        case str(), str() if before and after and max(len(before), len(after)) > LONG:
            pieces = difference(before.rstrip("\n"), after.rstrip("\n"), whole=whole)
            same = sum(len(text) for kind, text in pieces if kind == "same")
            if same * 3 >= min(len(before), len(after), 3 * LONG):
                return pieces
    return ()


SHORT: Mapping[Value, str] = {None: "nothing", True: "on", False: "off"}


def words(value: Value) -> str:
    """A value as a person says it."""
    if value is None or isinstance(value, bool):
        return SHORT[value]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or SHORT[None]
    if isinstance(value, Mapping):
        return _picture(value) or ", ".join(
            f"{name}: {words(each)}" for name, each in value.items() if each is not None
        )
    return f"“{value}”" if isinstance(value, str) else str(value)


def _picture(value: Mapping[str, Value]) -> str:
    """A picture by what is known of it; nothing for what is no picture."""
    match value:
        case {"url": url, "id": number}:
            return f"picture {number} from {url}"
        case {"url": url}:
            return str(url)
        case {"id": number}:
            return f"picture {number}"
        case _:
            return ""


def difference(old: str, new: str, *, whole: bool = False) -> tuple[Piece, ...]:
    """Two texts, word by word; long runs that are equal are cut to what stands beside a change,
    unless they are wanted `whole`."""
    left, right = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    start = _alike(left, right)
    end = _alike(left[start:][::-1], right[start:][::-1])
    runs: list[Piece] = [("same", "".join(left[:start]))]
    before, after = left[start : len(left) - end], right[start : len(right) - end]
    if len(before) + len(after) > SCATTERED:
        runs += [("old", "".join(before)), ("new", "".join(after))]
        before, after = [], []
    # With common words taken for junk, a long text takes no longer than its length.
    for tag, a, b, c, d in SequenceMatcher(a=before, b=after).get_opcodes():
        if tag == "equal":
            runs.append(("same", "".join(before[a:b])))
        else:
            runs += [("old", "".join(before[a:b])), ("new", "".join(after[c:d]))]
    runs.append(("same", "".join(left[len(left) - end :])))
    runs = [run for run in runs if run[1]]
    if whole:
        return tuple(runs)
    return tuple(
        piece
        for place, run in enumerate(runs)
        for piece in _cut(run, first=place == 0, last=place == len(runs) - 1)
    )


def _alike(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words two texts begin with alike."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(left), len(right)))


def _cut(run: Piece, *, first: bool, last: bool) -> list[Piece]:
    """A run of words; one that is the same and long, without its middle."""
    if run[0] != "same" or (first and last):
        return [run]
    said = re.findall(r"\s+|\S+", run[1])
    head = [] if first else said[: 2 * CONTEXT]  # a word and the blank beside it
    tail = [] if last else said[-2 * CONTEXT :]
    if len(said) <= len(head) + len(tail) + 1:
        return [run]
    pieces: list[Piece] = [("same", "".join(head)), ("gap", "… "), ("same", "".join(tail))]
    return [piece for piece in pieces if piece[1]]


def totals(plan: Plan) -> str:
    """The counts of a plan in one sentence."""
    said = counts(plan)
    todo = [f"{said[verb]} {words}" for verb, words in PARTICIPLES.items() if said[verb]]
    rest = [f"{said['unchanged']} unchanged"]
    if said["waiting"]:
        rest.append(f"{said['waiting']} waiting")
    if said["conflicts"]:
        rest.append(f"{said['conflicts']} in conflict")
    if not todo:
        if said["unchanged"] == plan.declared and plan.several:
            return f"Nothing to do: all agents are as declared on {' and '.join(plan.portals)}."
        if said["unchanged"] == plan.declared:
            return f"Nothing to do: {agents(plan.declared)} as declared."
        start = "Nothing can be applied" if said["conflicts"] else "Nothing to do"
        return f"{start}: {', '.join(rest)}."
    return f"Plan: {', '.join(todo)}; {', '.join(rest)}."


def agents(count: int) -> str:
    """`1 agent is`, `40 agents are`."""
    return "1 agent is" if count == 1 else f"{count} agents are"


def plural(count: int, noun: str) -> str:
    """`1 link`, `2 links`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def price(plan: Plan) -> str:
    """What an apply costs: requests by kind, and the time that the portal's limits make it take."""
    kinds = Counter(step.kind for step in plan.steps)
    said = ", ".join(plural(count, kind) for kind, count in sorted(kinds.items()))
    whose = "portals'" if plan.several else "portal's"
    return (
        f"{plural(len(plan.steps), 'request')}: {said}; "
        f"about {duration(plan.seconds)} under the {whose} limits"
    )


def duration(seconds: int) -> str:
    """`40 s`, `3 min`."""
    return f"{seconds} s" if seconds < 100 else f"{round(seconds / 60)} min"


def sent(step: Step) -> str:
    """`POST /users/bulk, 3 operations, after r1`: the head of a request."""
    head = f"{step.request.method} {step.request.path}"
    if len(step.operations) > 1:
        head += f", {len(step.operations)} operations"
    return head + (f", after {', '.join(step.after)}" if step.after else "")


def bodies(step: Step) -> list[str]:
    """What a request carries, as JSON: a bulk by its operations; nothing where it has no body."""
    body = step.request.body
    listed = body.get("operations") if isinstance(body, Mapping) else None
    each = listed if isinstance(listed, list) else [body] if body is not None else []
    return [json.dumps(one, ensure_ascii=False) for one in each]


def drifted(made: Plan) -> str:
    """How much somebody changed on the portal, in one sentence."""
    count = len(made.entries) + len(made.conflicts) + len(made.warnings)
    if not count:
        return "No drift: the portal shows nothing that somebody changed there."
    return f"Drift: {plural(count, 'agent')} changed on the portal."


def tally(done: Report) -> str:
    """What became of the operations of an apply: `Operations: 3 applied, 1 failed.`; "" if there
    were none."""
    counted = [f"{done.count(each)} {each}" for each in STATUSES if done.count(each)]
    return f"Operations: {', '.join(counted)}." if counted else ""


def ended(done: Report) -> str:
    """How an apply ended, in one line."""
    if done.interrupted:
        return "Interrupted. Run again for what was not applied."
    if not done.outcomes:
        return "Nothing was sent."
    if done.checked is None:
        return "The outcome was not checked."
    return f"verified: {done.as_declared} of {done.checked} as declared"
