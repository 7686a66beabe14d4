"""Builders of declared agents, live agents, recorded states and drafts."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.diff import diff
from reconciler.core.fields import Identifier
from reconciler.core.limits import Limits
from reconciler.core.match import match
from reconciler.core.model import (
    AgentState,
    Desired,
    Listing,
    Live,
    Match,
    Operation,
    PortalState,
    Request,
    Source,
    Step,
)
from reconciler.core.plan import draft, join
from reconciler.core.selection import Selection
from reconciler.core.verify import Evidence, update_state
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import CHANNELS, FIELDS, IDENTIFIERS

BY_NAME = {field.name: field for field in FIELDS}
ORDER = ("id", "externalId", "phone")
NEEDS = ("externalId", "name", "phone")
EMPTY_STATE = PortalState()
UNLIMITED = Limits(1.0, 1.0, 0)

PHONE, OTHER_PHONE = "+373 22 123 456", "+373 22 999 999"
EMAIL_1, EMAIL_2, EMAIL_3 = "x@a.example", "y@a.example", "z@a.example"
NEW = {"name": "Olga"}
CREATING = {"create": True}
LOGIN = (Identifier("id", "pin"), Identifier("email", "key", str.lower))
"""The identifiers of a portal without external ids, whose logins cannot be reassigned."""

DEFAULTS = {
    "name": "",
    "description": None,
    "avatar": None,
    "instagram": None,
    "youtube": None,
    "tiktok": None,
    **{f"settings.{channel}": True for channel in CHANNELS},
}
"""The values that Rentix shows of a new agent."""

# -- agents and drafts on Rentix -------------------------------------------------------------------


def file(key, values=None, *, at=None, line=1, lines=None, **identity):
    """A declared agent. The key is its external id, or `id:15` for an agent without one."""
    if key.startswith("id:"):
        identity = {"id": int(key[3:]), **identity}
    else:
        identity = {"externalId": key, **identity}
    source = Source(at or f"agents/{key.replace(':', '')}.yaml", line)
    return Desired("rentix", key, source, identity, values or {}, lines or {})


def live(number, external=None, values=None, *, phone=None, name=None):
    """A live agent, with the defaults for values that are not given."""
    known = {"id": number, "externalId": external, "phone": phone}
    identity = {each: value for each, value in known.items() if value is not None}
    shown = {**DEFAULTS, "name": name or f"Agent {number}", **(values or {})}
    if any(path.startswith("description.") for path in shown):
        del shown["description"]
    return Live("rentix", number, shown["name"], identity, shown)


def match_of(values, shown, *, key="agent-001", number=15, lines=None):
    """A declared agent that matches a live one by its external id."""
    return Match(file(key, values, lines=lines), live(number, key, shown), "externalId")


def match_agents(
    desired,
    agents,
    *,
    order=ORDER,
    creating=False,
    complete=True,
    identifiers=IDENTIFIERS,
    prior=EMPTY_STATE,
):
    """The matching of these agents. A recorded state that is not empty matches too."""
    listing = Listing(tuple(agents), complete)
    policy = Policy(order=order, create=creating, recall=bool(prior.agents))
    return match(desired, listing, prior, Catalogue("rentix", FIELDS, identifiers, policy))


def rentix_draft(
    desired,
    agents,
    prior=EMPTY_STATE,
    *,
    complete=True,
    found=(),
    gone=(),
    limits=UNLIMITED,
    selection=None,
    fields=FIELDS,
    identifiers=IDENTIFIERS,
    **policy,
):
    """The draft for these agents. Other arguments belong to the policy."""
    return draft(
        desired,
        Listing(tuple(agents), complete, frozenset(found), frozenset(gone)),
        prior,
        Catalogue(
            "rentix",
            fields,
            identifiers,
            Policy(**{"order": ORDER, "needs": NEEDS, **policy}),
        ),
        limits=limits,
        selection=selection or Selection(),
    )


def difference(match, prior=EMPTY_STATE, *, hold=False):
    """What to change for one agent."""
    catalogue = Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER, hold=hold))
    return diff(match, prior, catalogue)


# -- agents and drafts on Property Finder, where logins change and agents are only deactivated -----

ACTIVE, INACTIVE = {"status": "active"}, {"status": "inactive"}
OFF = ("status", "inactive")


def member(key, email=None, values=None, *, at=None, line=1, lines=None, **identity):
    """A declared agent. Its login identifies it and is a value too."""
    login = {} if email is None else {"email": email}
    source = Source(at or f"agents/{key}.yaml", line)
    identity, values = {**login, **identity}, {**login, **(values or {})}
    return Desired("propertyfinder", key, source, identity, values, lines or {})


def user(number, email=None, values=None, *, name=None, profile=None):
    """A live agent, active by default."""
    identity = {"id": number} if email is None else {"id": number, "email": email}
    name = name or f"User {number}"
    shown = {"email": email, "name": name, "status": "active", **(values or {})}
    aliases = {} if profile is None else {"publicProfileId": profile}
    return Live("propertyfinder", number, name, identity, shown, aliases)


def mobile_user(number, mobile, email=EMAIL_1, name="Ivan"):
    """A live agent with this mobile."""
    agent = user(number, email, name=name)
    return replace(agent, identity={**agent.identity, "mobile": mobile})


def pf_draft(
    desired,
    users,
    prior=EMPTY_STATE,
    *,
    complete=True,
    found=(),
    gone=(),
    limits=UNLIMITED,
    selection=None,
    **policy,
):
    """The draft for these agents. Other arguments belong to the policy."""
    standard = {
        "order": ("id", "email"),
        "create": True,
        "recall": True,
        "needs": ("email", "name"),
        "off": OFF,
    }
    return draft(
        desired,
        Listing(tuple(users), complete, frozenset(found), frozenset(gone)),
        prior,
        Catalogue(
            "propertyfinder",
            propertyfinder.FIELDS,
            propertyfinder.IDENTIFIERS,
            Policy(**{**standard, **policy}),
        ),
        limits=limits,
        selection=selection or Selection(),
    )


def refuses(key):
    """A policy's check that refuses the profile of the agent with this key."""
    return lambda each: "its profile takes 600 KB." if each.key == key else None


# -- recorded states -------------------------------------------------------------------------------

URL = {"url": "https://agency.example/ivan.jpg"}
OTHER_URL = {"url": "https://agency.example/new.jpg"}
BY_LANGUAGE = {"description.ru": "Р", "description.en": "E", "description.ro": "R"}


def ledger(*pairs):
    """The recorded state in which the agents with these live ids have these keys."""
    return PortalState({str(number): AgentState(key, {}) for number, key in pairs})


def state_after(
    match,
    prior=EMPTY_STATE,
    *,
    before=None,
    sent=(),
    removed=None,
    refused=None,
    fields=FIELDS,
    seen=True,
    others=(),
    unconfirmed=(),
):
    """The recorded state after an apply that sent these paths. `match` and `others` are what the
    portal lists afterwards.

    `before` has the values that the portal showed earlier, `removed` the live ids of agents that
    were taken off, `unconfirmed` the sent values (by id and path) that the portal does not show.
    """
    key = str(match.live.id)
    earlier = {key: replace(match.live, values={**match.live.values, **before})} if before else {}
    evidence = Evidence(
        [match],
        sent={key: frozenset(sent)},
        before=earlier,
        after={str(each.id): each for each in (match.live, *others)} if seen else None,
        removed=frozenset(removed or ()),
        refused=refused or {},
        unconfirmed=frozenset(unconfirmed),
    )
    return update_state(prior, evidence, {field.name: field for field in fields})


def apply_values(values, shown, *, before=None):
    """The match and the recorded state after an apply sent `values` and the portal shows
    `shown`."""
    match = match_of(values, shown)
    return match, state_after(match, before=before, sent=values)


# -- parts of results ------------------------------------------------------------------------------


def keys(each):
    """The keys of matches, conflicts, warnings and so on, sorted."""
    return sorted(one.desired.key if isinstance(one, Match) else one.key for one in each)


def matched_ids(matching):
    """The key, live id and identifier of each match, sorted."""
    return sorted((each.desired.key, each.live.id, each.by) for each in matching.matches)


def recorded_keys(state):
    """The recorded key of each live id."""
    return {number: each.key for number, each in state.agents.items()}


def summary(changes):
    """The path, kind and attribution of each change."""
    return [(each.path, each.kind, each.attribution) for each in changes]


def changed_paths(match, prior, **options):
    """The paths that a plan would change."""
    return [change.path for change in difference(match, prior, **options).changes]


def operation_names(draft):
    """The names of the operations, in order."""
    return [each.name for each in draft.operations]


def operation(draft, name):
    """The operation with this name."""
    (only,) = (each for each in draft.operations if each.name == name)
    return only


def messages(draft):
    """The key and message of each warning."""
    return [(each.key, each.message) for each in draft.warnings]


def places(draft):
    """The portal, key and file of each entry, operation, conflict and warning."""
    items = (*draft.entries, *draft.operations, *draft.conflicts, *draft.warnings)
    return {(each.portal, each.key, each.source and each.source.file) for each in items}


# -- plans of several portals ----------------------------------------------------------------------


def steps(count, path="/users", method="PUT", portal="rentix"):
    """This many requests, each after the one before."""
    return [
        Step(
            f"s{at}",
            Request(method, path),
            (Operation(f"update:{at}", "update", portal, f"a{at}", None, at),),
            (f"s{at - 1}",) if at else (),
        )
        for at in range(count)
    ]


def join_drafts(drafts, unread=None):
    """The plan of these drafts by portal, without any steps."""
    none = dict.fromkeys(drafts, ())
    return join(drafts, none, none, unread)
