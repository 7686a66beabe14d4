"""The data that the stages of the core share: frozen, without behavior.

Values are plain JSON (`Value`): str, int, bool, None, and dicts and lists of them. A *path* names a
value as the YAML file spells it: `name`, `description.ru`, `settings.contact_viber`, `avatar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Value = Any
"""Plain JSON: what a YAML file can declare and a portal can show."""

Scalar = str | int

Verb = Literal["create", "update", "link", "unlink", "deactivate"]
Kind = Literal["different", "unreadable"]
Attribution = Literal["pending", "drift", "pull_request", "base"]
Status = Literal["applied", "failed", "skipped", "unknown", "waiting"]


@dataclass(frozen=True, slots=True)
class Source:
    """The place of a declaration. `file` is relative to the repository, with forward slashes;
    `line` and `column` count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place(source: Source, lines: Mapping[str, int], path: str) -> Source:
    """The place of `path` (or its parent) according to `lines`; else of the agent itself."""
    line = lines.get(path) or lines.get(path.partition(".")[0])
    return Source(source.file, line) if line else source


@dataclass(frozen=True, slots=True)
class Desired:
    """One agent as the files declare it for one portal.

    `identity` has what identifies the agent (`id`, `externalId`, `phone` …), `values` the declared
    values by path. `lines` has the line of each path and identifier.
    """

    portal: str
    key: str
    source: Source
    identity: Mapping[str, Scalar]
    values: Mapping[str, Value]
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, path: str) -> Source:
        """The place of `path` (or its parent), else of the agent itself."""
        return place(self.source, self.lines, path)


@dataclass(frozen=True, slots=True)
class Live:
    """One agent as the portal shows it, with the same paths as `Desired`.

    A path missing from `values` is one that the portal never shows; None means that it shows no
    value. `aliases` has the portal's further ids of the agent, by name. `notice` says what no value
    shows, such as that visitors cannot see the agent yet; "" for nothing.
    """

    portal: str
    id: Scalar
    name: str
    identity: Mapping[str, Scalar]
    values: Mapping[str, Value]
    aliases: Mapping[str, Scalar] = field(default_factory=dict)
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """All agents of the agency on a portal. If not `complete`, the portal has more agents than
    could be read, so that a missing agent may still exist.

    `found` has the live ids (as text) that the portal's list omits and that it shows by id; `gone`
    those that it answers 404 for.
    """

    agents: tuple[Live, ...]
    complete: bool = True
    found: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def by_id(self) -> dict[str, Live]:
        """The agents by live id, as text."""
        return {str(live.id): live for live in self.agents}


@dataclass(frozen=True, slots=True)
class FieldState:
    """What the ledger records of one applied value.

    `applied` is the digest of the value and `shown` the digest of what the portal showed for it
    afterwards. `value` is the value itself, recorded only if the portal cannot return it. Until the
    portal shows a new value (pictures are imported late), `shown` is None and `before` is the
    digest of what it showed before the apply.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # for the ledger's parser

    applied: str
    shown: str | None = None
    value: Value = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class AgentState:
    """What the ledger records of one live agent that a completed apply matched. `aliases` has the
    portal's further ids of the agent, by name."""

    key: str
    fields: Mapping[str, FieldState]
    aliases: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run reads and writes: a portal, and its address in canonical form. At another
    address, the same ids belong to other people."""

    portal: str
    url: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a portal: whose agents a key reads and writes. `name` is "" if unknown."""

    id: Scalar
    name: str


@dataclass(frozen=True, slots=True)
class PortalState:
    """What the ledger records of one account of a target; empty if the ledger was lost.

    `agents` is by live id (as text). `refused` has the digest of each creation that the portal
    refused, by key. `account` is None if the portal has never reported it.
    """

    agents: Mapping[str, AgentState] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A declared agent and its live agent; `by` names the identifier that matched."""

    desired: Desired
    live: Live
    by: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live agent that a conflict concerns."""

    id: Scalar
    name: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An agent that is left unchanged because an apply could change the wrong person. `name` is the
    person's, "" if unknown."""

    portal: str
    key: str
    source: Source | None
    reason: str
    candidates: tuple[Candidate, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word of the plan's JSON
    """Something that the reader of a plan must know about one agent; it blocks nothing. `name` is
    the person's, "" if unknown. `verb` is that of the operation that it warns of, if it does."""

    portal: str
    key: str
    source: Source | None
    message: str
    name: str = ""
    verb: Verb | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs from its declaration.

    `before` is what the portal shows (or the ledger's record, if the portal cannot show it) and
    `after` is what the file declares. `attribution` says who changed it: `pending`, the file since
    the last apply; `drift`, someone on the portal; None if the ledger records nothing. Compared
    with a base, `pending` is split: `pull_request`, these files change it; `base`, it was pending
    before. `public` values are shown to visitors of the portal. `sent`: the value was sent, and is
    not sent again, since the portal shows another one. `names` has the names of both values, if
    they are numbers that have one ("" for one without).
    """

    path: str
    before: Value
    after: Value
    kind: Kind = "different"
    attribution: Attribution | None = None
    public: bool = True
    sent: bool = False
    names: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One step for one agent. `name` is unique in a plan; `waits` names the operations that must
    succeed first. `id` is the live agent's id, None for a creation. `external_id` is the one to
    link or unlink; for an update, the one the agent has by then. `values` is what to send,
    `aliases` has the portal's further ids of the agent, `lines` the line of each value."""

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
        """The place of `path`; None for an agent that no file declares."""
        return place(self.source, self.lines, path) if self.source is not None else None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call to a portal; `path` is relative to the portal's base URL. `attempt` counts the
    earlier attempts: later ones wait longer. `asks` marks a call that changes nothing despite its
    method (a login). `once`: do not retry, since the caller can continue without a response."""

    method: str
    path: str
    body: Value = None
    attempt: int = 0
    asks: bool = False
    once: bool = False

    @property
    def writes(self) -> bool:
        """Whether the call may change something on the portal."""
        return self.method != "GET" and not self.asks


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request. `status` is None if there was none; `body` is its JSON, None
    without any. `error` describes what went wrong. If `uncertain`, the request may have had an
    effect, and only reading can determine it."""

    status: int | None
    body: Value = None
    error: str | None = None
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """The headers that authenticate requests, valid for so many seconds (None: indefinitely)."""

    headers: Mapping[str, str]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A portal's rate limit: at most `per_minute` requests whose method and path start with one of
    `prefixes` (all requests, without any)."""

    name: str
    per_minute: int
    prefixes: tuple[tuple[str, str], ...] = ()

    def counts(self, request: Request) -> bool:
        """Whether the limit counts this request."""
        return not self.prefixes or any(
            request.method == method and request.path.startswith(path)
            for method, path in self.prefixes
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a plan, the operations that it carries, and the steps that must precede it."""

    id: str
    request: Request
    operations: tuple[Operation, ...]
    after: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`bulk` if the request carries a list of operations, else the one verb."""
        listed = isinstance(self.request.body, Mapping) and "operations" in self.request.body
        bulk = listed or len(self.operations) > 1
        return "bulk" if bulk else self.operations[0].verb


@dataclass(frozen=True, slots=True)
class Entry:
    """One agent of a plan that changes. `live` has what visitors of the portal see now, by path.
    `listings` counts the live listings of an agent who is taken off them, None if unknown."""

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
    listings: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an apply would do; only a plan can be executed.

    `declared` counts the agents in scope and `unchanged` those that match their files; `waiting`
    has portal and key of those that the portal does not have yet. `over_limits` describes each
    exceeded limit. `seconds` estimates how long the portals' rate limits make an apply take.
    `unread` has the portals that could not be read, and why; `portals` has the others. `targets`
    has the address of each, `accounts` the portals whose account is known, with the account.
    """

    entries: tuple[Entry, ...]
    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    warnings: tuple[Warning, ...]
    declared: int
    unchanged: int
    waiting: tuple[tuple[str, str], ...]
    complete: bool
    over_limits: tuple[str, ...]
    seconds: int
    unread: tuple[tuple[str, str], ...] = ()
    portals: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    accounts: tuple[tuple[str, Account], ...] = ()

    @property
    def several(self) -> bool:
        """Whether it concerns more than one portal, so that messages must name theirs."""
        return len(self.portals) + len(self.unread) > 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one operation. `error` is the portal's own message and how to fix it; `id` is
    the live agent's id, also after a creation, and `aliases` has the further ids of a created
    agent. `path` is the refused value, if the portal names it; `note` says how a success differs
    from the plan, or what an interruption left half done. `omitted` are the paths that the portal
    accepts in no form. `code` names the kind of a failure for programs, if it has one. `released`
    is the external id that a failed unlink took from the agent instead of the planned one; `holds`
    is the one that the agent of a failed link has; `restored` is the former external id that the
    agent got back after a failure."""

    operation: Operation
    status: Status
    http_status: int | None = None
    error: str | None = None
    id: Scalar | None = None
    aliases: Mapping[str, Scalar] = field(default_factory=dict)
    path: str | None = None
    note: str | None = None
    omitted: tuple[str, ...] = ()
    code: str | None = None
    released: str | None = None
    holds: str | None = None
    restored: str | None = None

    @property
    def source(self) -> Source | None:
        """The place of the refused value, else of the agent."""
        return self.operation.at(self.path or "")


@dataclass(frozen=True, slots=True)
class Started:
    """The request of this step is about to be sent."""

    step: Step


@dataclass(frozen=True, slots=True)
class Finished:
    """This step has ended, with one outcome for each of its operations."""

    step: Step
    outcomes: tuple[Outcome, ...]


Event = Started | Finished


@dataclass(frozen=True, slots=True)
class Unmet:
    """A declared value that was sent and that the portal does not show. `form`: what it shows is a
    form of the value; `late`: it may be about to arrive; `public`: visitors see it; `fixed`: it was
    not sent, since the portal cannot clear it."""

    portal: str
    key: str
    source: Source | None
    path: str
    declared: Value
    live: Value
    form: bool = False
    late: bool = False
    public: bool = True
    fixed: bool = False


EMPTY_PLAN = Plan((), (), (), (), 0, 0, (), True, (), 0)


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did and what the portal showed afterwards.

    `outcomes` are paired with the id of their step. `checked` counts the agents compared
    afterwards, None if the portal was not read again; `unmet` has the values that differ from their
    declarations, and `remaining` counts the agents that would change again. `stale` has the agents
    left out because the plan was stale for them. `plan` is the applied plan; its conflicts,
    warnings and waiting agents belong to the report.
    """

    outcomes: tuple[tuple[str, Outcome], ...]
    checked: int | None = None
    as_declared: int = 0
    unmet: tuple[Unmet, ...] = ()
    stale: tuple[Conflict, ...] = ()
    remaining: int = 0
    plan: Plan = EMPTY_PLAN
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        """The number of operations with this status."""
        return sum(1 for _, outcome in self.outcomes if outcome.status == status)

    @property
    def exit_code(self) -> int:
        """0 done; 3 applied in part; 4 an outcome is unknown; 130 interrupted."""
        if self.interrupted:
            return 130
        if self.count("unknown"):
            return 4
        failures = self.count("failed") + self.count("skipped") + self.remaining
        partly = failures or self.stale or self.plan.conflicts or self.plan.unread
        return 3 if partly else 0
