"""Short ways to say a declared agent, a live one, and what is planned for them."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.diff import diff
from reconciler.core.limits import Limits
from reconciler.core.match import match
from reconciler.core.model import Desired, Listing, Live, Match, PortalState, Source
from reconciler.core.plan import draft
from reconciler.core.selection import Selection
from reconciler.core.verify import Evidence, update_state
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import CHANNELS, FIELDS, IDENTIFIERS

BY_NAME = {field.name: field for field in FIELDS}
ORDER = ("id", "externalId", "phone")
NEEDS = ("externalId", "name", "phone")
NOTHING = PortalState()
UNLIMITED = Limits(1.0, 1.0, 0)
BLANK = {
    "name": "",
    "description": None,
    "avatar": None,
    "instagram": None,
    "youtube": None,
    "tiktok": None,
    **{f"settings.{channel}": True for channel in CHANNELS},
}


def file(key, values=None, *, at=None, line=1, lines=None, **identity):
    """A declared agent: the key is its external id, or `id:15` for one that has none."""
    if key.startswith("id:"):
        identity = {"id": int(key[3:]), **identity}
    else:
        identity = {"externalId": key, **identity}
    source = Source(at or f"agents/{key.replace(':', '')}.yaml", line)
    return Desired("rentix", key, source, identity, values or {}, lines or {})


def live(number, external=None, values=None, *, phone=None, name=None):
    """A live agent, as Rentix shows one of whom nothing else is known."""
    known = {"id": number, "externalId": external, "phone": phone}
    identity = {each: value for each, value in known.items() if value is not None}
    shown = {**BLANK, "name": name or f"Agent {number}", **(values or {})}
    if any(path.startswith("description.") for path in shown):
        del shown["description"]
    return Live("rentix", number, shown["name"], identity, shown)


def found(values, shown, *, key="agent-001", number=15, lines=None):
    """A declared agent that was found by its external id."""
    return Match(file(key, values, lines=lines), live(number, key, shown), "externalId")


def who(
    desired,
    agents,
    *,
    order=ORDER,
    creating=False,
    complete=True,
    identifiers=IDENTIFIERS,
    prior=NOTHING,
):
    """The matching of these agents; a prior state that is not empty matches too."""
    listing = Listing(tuple(agents), complete)
    policy = Policy(order=order, create=creating, recall=bool(prior.agents))
    return match(desired, listing, prior, Catalogue("rentix", FIELDS, identifiers, policy))


def plan(
    desired,
    agents,
    prior=NOTHING,
    *,
    complete=True,
    limits=UNLIMITED,
    selection=None,
    fields=FIELDS,
    identifiers=IDENTIFIERS,
    **policy,
):
    """The draft for these agents; further arguments are the policy's."""
    return draft(
        desired,
        Listing(tuple(agents), complete),
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


def recall(
    match,
    prior=NOTHING,
    *,
    before=None,
    sent=(),
    removed=None,
    refused=None,
    fields=FIELDS,
    seen=True,
    others=(),
):
    """The recorded state after an apply that sent these paths; `match` and `others` are what the
    portal lists afterwards.

    `before` has the values that the portal showed earlier, `removed` the operations on agents that
    no file declares, by live id.
    """
    key = str(match.live.id)
    earlier = {key: replace(match.live, values={**match.live.values, **before})} if before else {}
    evidence = Evidence(
        [match],
        sent={key: frozenset(sent)},
        before=earlier,
        after={str(each.id): each for each in (match.live, *others)} if seen else None,
        removed=removed or {},
        refused=refused or {},
    )
    return update_state(prior, evidence, {field.name: field for field in fields})


def difference(match, prior=NOTHING, *, hold=False):
    """What is to be changed for one agent."""
    catalogue = Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER, hold=hold))
    return diff(match, prior, catalogue)


def brief(changes):
    """Path, kind and whose change, of each."""
    return [(each.path, each.kind, each.attribution) for each in changes]


def keys(each):
    """The keys of matches, conflicts, warnings and so on, sorted."""
    return sorted(one.desired.key if isinstance(one, Match) else one.key for one in each)


# A portal whose keys (logins) move by update, and whose agents are never removed, only switched off.

OFF = ("status", "inactive")


def member(key, email=None, values=None, *, at=None, line=1, lines=None, **identity):
    """A declared agent of that portal: found by its login, which is a value too."""
    login = {} if email is None else {"email": email}
    source = Source(at or f"agents/{key}.yaml", line)
    identity, values = {**login, **identity}, {**login, **(values or {})}
    return Desired("propertyfinder", key, source, identity, values, lines or {})


def user(number, email=None, values=None, *, name=None, profile=None):
    """A live agent of that portal, active unless said otherwise."""
    identity = {"id": number} if email is None else {"id": number, "email": email}
    said = name or f"User {number}"
    shown = {"email": email, "name": said, "status": "active", **(values or {})}
    aliases = {} if profile is None else {"publicProfileId": profile}
    return Live("propertyfinder", number, said, identity, shown, aliases)


def staff(
    desired, users, prior=NOTHING, *, complete=True, limits=UNLIMITED, selection=None, **policy
):
    """The draft for that portal; further arguments are the policy's."""
    standard = {
        "order": ("id", "email"),
        "create": True,
        "recall": True,
        "needs": ("email", "name"),
        "off": OFF,
    }
    return draft(
        desired,
        Listing(tuple(users), complete),
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


# Values that a portal cannot show as they were declared.

URL = {"url": "https://agency.example/ivan.jpg"}
OTHER = {"url": "https://agency.example/new.jpg"}
PARTS = {"description.ru": "Р", "description.en": "E", "description.ro": "R"}


def applied(values, shown, *, before=None):
    """The match and the recorded state after an apply sent these values and the portal shows
    `shown`."""
    match = found(values, shown)
    return match, recall(match, before=before, sent=values)


def paths(match, prior, **options):
    """The paths that a plan would change."""
    return [change.path for change in difference(match, prior, **options).changes]
