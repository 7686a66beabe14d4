"""The nouns. Everything here is frozen data; the verbs are in the modules beside it.

Values are plain JSON (`Value`): str, int, bool, None, and dicts and lists of them. A *path* names a
value in the words of the YAML file: `name`, `description.ru`, `settings.contact_viber`, `avatar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Value = Any
"""Plain JSON: what a YAML file can declare and a portal can show."""

Scalar = str | int

Verb = Literal["create", "update", "link", "unlink", "deactivate"]
Kind = Literal["different", "unreadable"]
Attribution = Literal["pending", "drift", "pull_request", "base"]
Status = Literal["applied", "failed", "skipped", "unknown", "waiting"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where something is declared. `file` is relative to the repository, with forward slashes;
    `line` and `column` count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place(source: Source, lines: Mapping[str, int], path: str) -> Source:
    """Where `path` (or its parent) is declared, by `lines`; else where the agent begins."""
    line = lines.get(path) or lines.get(path.partition(".")[0])
    return Source(source.file, line) if line else source


@dataclass(frozen=True, slots=True)
class Desired:
    """One agent as the files want it on one portal.

    `identity` holds what finds the agent (`id`, `externalId`, `phone` …), `values` what is to be
    true, by path, declared keys only. `lines` has the line of each path and identifier.
    """

    portal: str
    key: str
    source: Source
    identity: Mapping[str, Scalar]
    values: Mapping[str, Value]
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, path: str) -> Source:
        """The place where `path` (or its parent) is declared, else where the agent begins."""
        return place(self.source, self.lines, path)


@dataclass(frozen=True, slots=True)
class Live:
    """One agent as the portal shows it: the same words as `Desired`.

    A path that is not in `values` is one that the portal does not show at all; None is shown as
    nothing. `aliases` are further ids that the portal has for the agent, by their names.
    """

    portal: str
    id: Scalar
    name: str
    identity: Mapping[str, Scalar]
    values: Mapping[str, Value]
    aliases: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """All agents of the agency on a portal. `complete` is false where the portal said that there
    are more than could be read; then nobody may be taken for absent."""

    agents: tuple[Live, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class FieldState:
    """What is remembered of one value that was applied.

    `applied` is the digest of the value, `shown` the digest of what the portal showed for it
    afterwards, `value` the value itself, kept only where the portal cannot say it back. While the
    portal still shows what it showed before (a picture is imported late), `shown` is None and
    `before` the digest of that.
    """

    applied: str
    shown: str | None = None
    value: Value = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class AgentState:
    """What is remembered of one live agent that was matched in a completed apply; `aliases` are
    the portal's further ids for the agent."""

    key: str
    fields: Mapping[str, FieldState]
    aliases: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PortalState:
    """What one portal's part of the ledger remembers; empty when it was lost.

    `agents` is by live id (as text), `refused` has the digest of what a portal did not want to
    create, by key. `url` is the portal's address: at another one the same ids are other people.
    """

    agents: Mapping[str, AgentState] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A declared agent and the live agent it is; `by` names the identifier that found it."""

    desired: Desired
    live: Live
    by: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live agent that a conflict is about."""

    id: Scalar
    name: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An agent that is left alone because going on could change the wrong person."""

    portal: str
    key: str
    source: Source | None
    reason: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word of the plan's JSON
    """Something a reader of the plan has to know about one agent; it stops nothing."""

    portal: str
    key: str
    source: Source | None
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is not as declared.

    `before` is what the portal shows (or what the ledger remembers, where the portal cannot say),
    `after` what the file declares. `attribution` says whose change it is: `pending`, the file
    changed since the last apply; `drift`, the portal did; None, nothing is remembered. Beside a
    base, `pending` is told apart: `pull_request`, these files bring it; `base`, it waited already.
    """

    path: str
    before: Value
    after: Value
    kind: Kind = "different"
    attribution: Attribution | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do for one agent. `name` is unique in a plan; `waits` names the operations that
    have to succeed first. `id` is the live agent's id, None for a creation. `external_id` is the
    one to link, or for an update the one the agent has by then. `values` is what to send,
    `aliases` the portal's further ids for the agent, `lines` where each value is declared."""

    name: str
    verb: Verb
    portal: str
    key: str
    source: Source | None
    id: Scalar | None
    external_id: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    waits: tuple[str, ...] = ()
    aliases: Mapping[str, Scalar] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def at(self, path: str) -> Source | None:
        """The place where `path` is declared; None for an agent that no file declares."""
        return place(self.source, self.lines, path) if self.source is not None else None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call to a portal: the path is relative to the portal's base URL. `attempt` counts
    how often it went out before; a later attempt waits longer. `asks`: it changes nothing,
    whatever its method."""

    method: str
    path: str
    body: Value = None
    attempt: int = 0
    asks: bool = False

    @property
    def writes(self) -> bool:
        """Whether it may change something on the portal."""
        return self.method != "GET" and not self.asks


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. `status` is None where nothing did; `body` is the JSON, None where there was
    none. `error` says in words what went wrong underway. `uncertain`: the request may have taken
    effect all the same, and only reading can tell."""

    status: int | None
    body: Value = None
    error: str | None = None
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """The headers that authenticate requests, and for how many seconds (None: for good)."""

    headers: Mapping[str, str]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A class of requests that a portal limits: at most `per_minute` of those whose method and
    path begin with one of `prefixes` (all, if there are none)."""

    name: str
    per_minute: int
    prefixes: tuple[tuple[str, str], ...] = ()

    def counts(self, request: Request) -> bool:
        """Whether this request falls under the limit."""
        return not self.prefixes or any(
            request.method == method and request.path.startswith(path)
            for method, path in self.prefixes
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a plan, the operations it carries, and the steps it comes after."""

    id: str
    request: Request
    operations: tuple[Operation, ...]
    after: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it does: `bulk` if it carries a list of operations, else the one verb."""
        listed = isinstance(self.request.body, Mapping) and "operations" in self.request.body
        bulk = listed or len(self.operations) > 1
        return "bulk" if bulk else self.operations[0].verb


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent of a plan for whom there is something to do. `live` is what visitors can see of
    them now, by path."""

    portal: str
    key: str
    id: Scalar | None
    name: str
    source: Source | None
    matched_by: str | None
    actions: tuple[Verb, ...]
    changes: tuple[Change, ...]
    attribution: Attribution | None
    reason: str
    live: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do, in full; only this can be executed.

    `declared` counts the agents that the plan looked at, `unchanged` those already right;
    `waiting` has portal and key of those the portal does not have. `excess` says in words which
    limits are passed. `seconds` is about what the portals' limits make an apply take. `unread`
    has the portals that could not be read, and why; nothing is planned there. `portals` are those
    that were.
    """

    entries: tuple[Entry, ...]
    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    warnings: tuple[Warning, ...]
    declared: int
    unchanged: int
    waiting: tuple[tuple[str, str], ...]
    complete: bool
    excess: tuple[str, ...]
    seconds: int
    unread: tuple[tuple[str, str], ...] = ()
    portals: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether it is about more than one portal, so that each thing is said of one."""
        return len(self.portals) + len(self.unread) > 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation. `error` is the portal's own message and what to do about it;
    `id` the live agent's id, also after a creation, and `aliases` the further ids of one that was
    created. `path` is the value that was refused, where the portal says which; `note` is what a
    success did otherwise than was planned."""

    operation: Operation
    status: Status
    http_status: int | None = None
    error: str | None = None
    id: Scalar | None = None
    aliases: Mapping[str, Scalar] = field(default_factory=dict)
    path: str | None = None
    note: str | None = None

    @property
    def source(self) -> Source | None:
        """Where the value that was refused is declared, else where the agent is."""
        return self.operation.at(self.path or "")


@dataclass(frozen=True, slots=True)
class Started:
    """The request of this step is about to go out."""

    step: Step


@dataclass(frozen=True, slots=True)
class Finished:
    """This step is over; one outcome for each of its operations."""

    step: Step
    outcomes: tuple[Outcome, ...]


Event = Started | Finished


@dataclass(frozen=True, slots=True)
class Unmet:
    """A declared value that the portal does not show after the apply."""

    portal: str
    key: str
    source: Source | None
    path: str
    declared: Value
    live: Value


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did and what the portal showed afterwards.

    `outcomes` are with the id of their step. `checked` counts the agents that were compared
    afterwards, None where the portal was not read again; `unmet` are the values that are not as
    declared, and `remaining` counts the agents for whom there would be something to do again.
    `stale` are the agents left out because their plan was. `plan` is what was applied; its
    conflicts, warnings and waiting agents are part of what there is to tell.
    """

    outcomes: tuple[tuple[str, Outcome], ...]
    checked: int | None = None
    as_declared: int = 0
    unmet: tuple[Unmet, ...] = ()
    stale: tuple[Conflict, ...] = ()
    remaining: int = 0
    plan: Plan | None = None
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        """How many operations ended so."""
        return sum(1 for _, outcome in self.outcomes if outcome.status == status)

    @property
    def exit_code(self) -> int:
        """0 done; 3 applied in part; 4 something is unknown; 130 interrupted."""
        if self.interrupted:
            return 130
        if self.count("unknown"):
            return 4
        conflicts = self.plan is not None and self.plan.conflicts
        failures = self.count("failed") + self.count("skipped") + self.remaining
        unread = self.plan is not None and self.plan.unread
        partly = failures or self.stale or conflicts or unread
        return 3 if partly else 0
