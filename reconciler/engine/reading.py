"""Read the portals: what they list, and the account that a key is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from reconciler.core.accounts import Identity, Lineage
from reconciler.core.catalogue import Catalogue
from reconciler.core.conversation import Send, drive
from reconciler.core.model import (
    Account,
    Desired,
    Listing,
    PortalState,
)
from reconciler.core.omissions import LOOK_UPS, omits_most, to_look_up, with_found
from reconciler.engine.session import Session
from reconciler.errors import (
    AccountError,
    PortalError,
    ResponseError,
)
from reconciler.portals.registry import Portal
from reconciler.render.visible import one_line

READS = 3
"""Attempts to read a portal, while its list is incomplete, omits most of the known agents, or a
response is unexpected: agents may come and go between two pages."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a portal lists, what is declared for it, in the portal's terms, and whose agents these
    are."""

    listing: Listing
    desired: tuple[Desired, ...]
    identity: Identity


@dataclass(frozen=True, slots=True)
class Readings:
    """A reading of each portal, or the reason why it could not be read, by name."""

    read: Mapping[str, Reading] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def read_portals(
    session: Session,
    declared: Mapping[str, tuple[Desired, ...]],
    identified: Mapping[str, Identity],
) -> Readings:
    """Read the portals that `declared` names, all at the same time. `identified` has whose agents
    they list, if the run has read them before; the others are asked for their account.

    A portal that was not read yet when the run was asked to end is in neither result. Raises
    AccountError.
    """
    streams = {
        name: partial(_read_portal, session, name, agents, identified.get(name))
        for name, agents in declared.items()
    }
    found = dict(session.runtime.merge_streams(streams, session.cancellation))
    answers = {name: found[name] for name in declared if name in found}
    return Readings(
        {name: each for name, each in answers.items() if isinstance(each, Reading)},
        {name: each for name, each in answers.items() if isinstance(each, str)},
    )


def _read_portal(
    session: Session, name: str, desired: tuple[Desired, ...], identified: Identity | None
) -> Iterator[Reading | str]:
    """Yield one reading of a portal, or the reason why it could not be read. Raises AccountError
    if the key is for another account, unless the run has `identified` it before."""
    connection = session.connections[name]
    portal, send = connection.portal, partial(connection.send, session.cancellation)
    identify = _identifier(session, name, send) if identified is None else lambda _: identified
    for left in reversed(range(READS)):
        try:
            listing, declared = drive(portal.read(desired), send)
            identity = identify(listing)
            most = omits_most(declared, listing, identity.state)
            if left and (identity.refused or most or not listing.complete):
                continue
            _refuse(name, identity.account, identity.refused)
            listing = _with_omitted(portal, declared, listing, identity.state, send)
        except ResponseError as error:
            if not left:
                yield connection.why_unread(error)
        except PortalError as error:
            yield connection.why_unread(error)
            return
        else:
            yield Reading(listing, declared, identity)
            return


def _identifier(session: Session, name: str, send: Send) -> Callable[[Listing], Identity]:
    """Ask a portal for the account of the key. Returns a function that takes a list and returns
    whose agents it has. Raises AccountError if the account is another one than expected."""
    portal = session.connections[name].portal
    reported = drive(portal.look_up_account(), send)
    lineage = Lineage(name, session.states(name), reported, portal.account)
    _refuse(name, reported, lineage.why_refused())
    return lineage.identity


def _refuse(portal: str, account: Account | None, reason: str | None) -> None:
    """Raise AccountError if there is a reason why a run must not use the portal's account."""
    if reason is not None and account is not None:
        raise AccountError(f"{one_line(reason)} Nothing was sent.", portal, str(account.id))


def _with_omitted(
    portal: Portal, desired: tuple[Desired, ...], listing: Listing, prior: PortalState, send: Send
) -> Listing:
    """The list, completed with the known agents that it omits and that the portal shows by id."""
    wanted = to_look_up(desired, listing, prior, catalogue_of(portal))
    if not wanted:
        return listing
    return with_found(listing, wanted, drive(portal.look_up(wanted[:LOOK_UPS]), send))


def catalogue_of(portal: Portal) -> Catalogue:
    """The portal's fields, identifiers and policy."""
    return Catalogue(portal.name, portal.fields, portal.identifiers, portal.policy)
