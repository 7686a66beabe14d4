"""What `--format json` prints, as types: the plan, which a saved plan is too, and the report.

The JSON Schemas in schemas/ are made from these types; the tests check them against the output of
the commands. A key may be added in a minor version, and none is removed or changed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from reconciler.core.model import Attribution, Kind, Status, Verb

Id = Annotated[int | str, Field(union_mode="left_to_right")]
Value = Annotated[Any, Field(description="Any JSON value.")]
_closed = with_config(ConfigDict(extra="forbid", use_attribute_docstrings=True))


@_closed
class SourceJson(TypedDict):
    """Where something is declared."""

    file: str
    """Path in the repository, with forward slashes."""
    line: int
    """Line in the file, from 1."""


@_closed
class CandidateJson(TypedDict):
    """A live agent that a conflict is about."""

    id: Id
    """The portal's id."""
    name: str
    """Name on the portal."""
    externalId: str | None
    """External id on the portal."""


@_closed
class ConflictJson(TypedDict):
    """An agent that is left unchanged, because a change could affect the wrong person."""

    portal: str
    """Portal."""
    key: str
    """Key of the declared agent, or `id:` and the id of a live one."""
    name: str
    """Name of the agent; empty if it is unknown."""
    source: SourceJson | None
    """Where the agent is declared; null if no file declares it."""
    reason: str
    """What is wrong, and what to do."""
    candidates: list[CandidateJson]
    """The live agents that it is about."""


@_closed
class WarningJson(TypedDict):
    """Something to know about an agent; it does not block the plan."""

    portal: str
    """Portal."""
    key: str
    """Key of the agent."""
    name: str
    """Name of the agent; empty if it is unknown."""
    source: SourceJson | None
    """Where the value or the agent is declared; null if no file declares it."""
    message: str
    """The warning."""
    verb: Verb | None
    """The operation that the warning is about; null for any other warning."""


@_closed
class AccountJson(TypedDict):
    """An account on a portal."""

    id: Id
    """The portal's id of the account."""
    name: str
    """Name on the portal."""


@_closed
class TargetJson(TypedDict):
    """A portal at one address."""

    portal: str
    """Portal."""
    url: str
    """Address of its API, in canonical form."""
    account: AccountJson | None
    """The account; null if it is unknown."""


@_closed
class UnreadJson(TypedDict):
    """A portal that could not be read; nothing is planned there."""

    portal: str
    """Portal."""
    error: str
    """Why, and what to do."""


@_closed
class ChangeJson(TypedDict):
    """One value that differs from what a file declares."""

    path: str
    """The value, such as `description.ru`."""
    before: Value
    """What the portal shows, or what the ledger recorded if the portal cannot show it."""
    after: Value
    """What the file declares."""
    kind: Kind
    """`different`: the portal shows another value; `unreadable`: it cannot be compared."""
    attribution: Attribution | None
    """Whose change it is: `pending` in the files, `drift` on the portal; with `--base`,
    `pull_request` or `base`. null: unknown."""
    public: bool
    """Whether visitors see the value."""
    sent: NotRequired[bool]
    """True if the value was sent and the portal shows another one; only in drift."""
    names: NotRequired[list[str]]
    """The names of both values, if they are numbers with a name, such as roles."""


@_closed
class EntryJson(TypedDict):
    """An agent that an apply would change."""

    portal: str
    """Portal."""
    key: str
    """Key of the agent."""
    id: Id | None
    """The portal's id; null for a creation."""
    name: str
    """Name of the agent."""
    source: SourceJson | None
    """Where the agent is declared; null if no file declares it any more."""
    matched_by: str | None
    """The identifier that matched the live agent; null for a creation."""
    actions: list[Verb]
    """What happens to the agent, in order."""
    changes: list[ChangeJson]
    """The values that change."""
    attribution: Attribution | None
    """Whose change it is, if it is one of them."""
    reason: str
    """Why, in a sentence."""
    live: dict[str, Value]
    """What visitors see now, by path."""
    listings: NotRequired[int]
    """How many live listings lose the agent, if the portal says."""


@_closed
class RequestJson(TypedDict):
    """One request that an apply would send."""

    id: str
    """Name of the request in this plan."""
    kind: Literal["bulk", "create", "update", "link", "unlink", "deactivate"]
    """What it does."""
    portal: str
    """Portal."""
    method: str
    """HTTP method."""
    path: str
    """Path, relative to the portal's base URL."""
    body: Value
    """JSON body; null if there is none."""
    covers: list[str]
    """Keys of the agents that it changes."""
    after: list[str]
    """Requests that must succeed first."""


@_closed
class WaitingJson(TypedDict):
    """An agent that the portal does not have yet."""

    portal: str
    """Portal."""
    key: str
    """Key of the agent."""


@_closed
class SelectionJson(TypedDict):
    """What the plan was limited to."""

    target: list[str]
    """Values of `--target`."""
    exclude: list[str]
    """Values of `--exclude`."""
    portal: list[str]
    """Portals that were planned."""


@_closed
class PlanSummaryJson(TypedDict):
    """Counts of agents by what happens to them, and of requests."""

    create: int
    """Agents to create."""
    update: int
    """Agents to update."""
    link: int
    """Agents that get an external id."""
    unlink: int
    """Agents that lose an external id."""
    deactivate: int
    """Agents to take off all listings."""
    unchanged: int
    """Agents that are as declared."""
    waiting: int
    """Agents that the portal does not have yet."""
    conflicts: int
    """Conflicts."""
    requests: int
    """Requests that an apply would send."""


@_closed
class PlanJson(TypedDict):
    """A plan: what an apply would do."""

    digest: str
    """Digest of the rest of the plan."""
    format_version: str
    """Version of this format. A minor version only adds keys."""
    tool_version: str
    """Version of reconciler that made the plan."""
    complete: bool
    """Whether every portal's list of agents is known to be complete."""
    targets: list[TargetJson]
    """The portals, at the addresses for which the plan is valid."""
    summary: PlanSummaryJson
    """Counts."""
    agents: list[EntryJson]
    """The agents that an apply would change."""
    requests: list[RequestJson]
    """The requests that an apply would send, in an order in which they can be sent."""
    conflicts: list[ConflictJson]
    """Agents that are left unchanged until a person decides."""
    warnings: list[WarningJson]
    """What to know about single agents."""
    waiting: list[WaitingJson]
    """Agents that the portal does not have yet."""
    declared: int
    """Number of declared agents that the plan covers."""
    over_limits: list[str]
    """The limits that the plan exceeds."""
    seconds: int
    """About how long an apply takes, given the portals' rate limits."""
    unread: list[UnreadJson]
    """Portals that could not be read."""
    selection: SelectionJson
    """What the plan was limited to."""


@_closed
class ResultJson(TypedDict):
    """The outcome of one operation."""

    request: str | None
    """The plan's request; null for an agent that was left out as stale."""
    portal: str
    """Portal."""
    key: str
    """Key of the agent."""
    verb: NotRequired[Verb]
    """What was done."""
    id: NotRequired[Id | None]
    """The portal's id, also after a creation."""
    ids: NotRequired[dict[str, Id]]
    """All ids that the portal assigned to a created agent."""
    status: Status
    """`unknown`: it could not be verified whether the operation was applied."""
    http_status: int | None
    """Status of the last response; null if there was none."""
    error: str | None
    """The portal's message, and what to do."""
    code: NotRequired[str]
    """The kind of failure: `not_taken`, the portal accepted the value and shows another one."""
    note: NotRequired[str]
    """What was done differently from the plan."""
    source: SourceJson | None
    """Where the refused value or the agent is declared."""


@_closed
class DifferenceJson(TypedDict):
    """A declared value that the portal does not show after the apply."""

    portal: str
    """Portal."""
    key: str
    """Key of the agent."""
    path: str
    """The value, such as `description.ru`."""
    declared: Value
    """What the file declares."""
    live: Value
    """What the portal shows."""
    source: SourceJson | None
    """Where the value is declared."""


@_closed
class VerifiedJson(TypedDict):
    """What the portals showed after the apply."""

    agents: int
    """Number of agents that were compared."""
    as_declared: int
    """Number of those that are as declared."""
    differences: list[DifferenceJson]
    """The values that are not."""


@_closed
class ReportSummaryJson(TypedDict):
    """Counts of operations by outcome, and of agents that were left alone."""

    applied: int
    """Operations that were applied."""
    failed: int
    """Operations that failed."""
    skipped: int
    """Operations that were not sent."""
    unknown: int
    """Operations whose outcome is unknown."""
    waiting: int
    """Agents that the portal does not have yet."""
    conflicts: int
    """Conflicts."""


@_closed
class ReportJson(TypedDict):
    """A report: what an apply did, and what the portals showed afterwards."""

    digest: str
    """Digest of the plan that was applied."""
    targets: list[TargetJson]
    """Each portal, its address and its account."""
    summary: ReportSummaryJson
    """Counts."""
    results: list[ResultJson]
    """The outcome of each operation."""
    verified: VerifiedJson | None
    """What the portals showed afterwards; null if they were not read."""
    conflicts: list[ConflictJson]
    """Agents that were left unchanged."""
    warnings: list[WarningJson]
    """What to know about single agents."""
    unread: list[UnreadJson]
    """Portals that could not be read."""
    interrupted: bool
    """Whether the apply was interrupted."""
    notes: list[str]
    """What else to know about the run."""


@_closed
class MemberJson(TypedDict):
    """A live agent."""

    portal: str
    """Portal."""
    id: Id
    """The portal's id."""
    profileId: Id | None
    """The portal's id of the public profile; null on a portal without one."""
    externalId: str | int | None
    """External id on the portal."""
    name: str
    """Name on the portal."""
    phone: str | int | None
    """The phone that identifies the agent, as the portal shows it."""
    status: str | None
    """Status on the portal; null on a portal without one."""
    file: str | None
    """The file that declares the agent; null if none does."""
    line: int | None
    """The agent's line in the file."""
    notes: list[str]
    """What to know about the agent, such as who has the same phone."""


@_closed
class DuplicateJson(TypedDict):
    """A live agent who is probably listed twice."""

    portal: str
    """Portal."""
    id: Id
    """The portal's id."""
    name: str
    """Name on the portal."""


@_closed
class RosterJson(TypedDict):
    """The live agents of the portals."""

    agents: list[MemberJson]
    """The agents, by portal and name."""
    duplicates: list[list[DuplicateJson]]
    """Groups of agents who are probably one person."""


@_closed
class ImportedAgentJson(TypedDict):
    """A live agent."""

    portal: str
    """Portal."""
    id: Id
    """The portal's id."""
    name: str
    """Name on the portal."""


@_closed
class ImportedFileJson(TypedDict):
    """A file that an import writes."""

    file: str
    """The file, relative to the repository."""
    action: Literal["create", "update"]
    """Whether the file is new or edited."""
    agents: list[ImportedAgentJson]
    """The live agents whom it is about."""
    diff: str
    """The difference, as a unified diff."""


@_closed
class ImportNoteJson(TypedDict):
    """What an import could not do."""

    portal: str
    """Portal."""
    id: Id
    """The portal's id of the agent; the agent's key if the portal no longer has them."""
    name: str
    """Name on the portal."""
    file: str | None
    """The agent's file; null without one."""
    path: str | None
    """The value that the note is about; null if it is about the agent."""
    message: str
    """What was not done, and why."""


@_closed
class ImportJson(TypedDict):
    """What an import wrote."""

    dry_run: bool
    """Whether nothing was written."""
    files: list[ImportedFileJson]
    """The files that were written, or would be."""
    only_on_portal: list[ImportedAgentJson]
    """Live agents who have no file yet; the notes say why."""
    notes: list[ImportNoteJson]
    """What could not be done."""
