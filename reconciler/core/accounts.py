"""The account behind a portal's key: whether the run is for it, and what the ledger records of it.

Reasons: docs/decisions/0021-the-account-behind-a-key.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.model import Account, Listing, PortalState, Scalar
from reconciler.core.omissions import omitted

NAME = 80
"""Characters of an account's name in a sentence."""


def label(account: Account) -> str:
    """An account in a sentence: its name and id."""
    name = account.name.strip()
    name = f"{name[: NAME - 1]}…" if len(name) > NAME else name
    return f"{name} ({account.id})" if name else f"account {account.id}"


def is_same(one: Account, other: Account) -> bool:
    """Whether two accounts are the same: an id may be a number in one place and text in another,
    and a name can change."""
    return str(one.id) == str(other.id)


def of_account(states: Iterable[PortalState], account: Account | None) -> PortalState | None:
    """The state of an account; with None, the one whose account is unknown."""
    for state in states:
        if account is None or state.account is None:
            found = account is state.account
        else:
            found = is_same(account, state.account)
        if found:
            return state
    return None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose agents a portal lists: the account, None if it is unknown, and what the ledger records
    of it. `refused` says why a run must not use the account, None if it may."""

    state: PortalState
    account: Account | None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What decides which account a run is for: the states that the ledger has of this portal and
    address (one for each account, that of the last apply first), the account that the portal
    reports for the key, and the id that the configuration names."""

    portal: str
    states: Sequence[PortalState]
    reported: Account | None
    configured: Scalar | None

    def why_refused(self) -> str | None:
        """Why a run must not use the reported account; None if it may. The configured id decides;
        without one, the account of the last apply."""
        if self.reported is None:
            return None
        if self.configured is not None:
            return self._why_not_configured(self.reported, Account(self.configured, ""))
        last = self.states[0].account if self.states else None
        if last is None or is_same(self.reported, last):
            return None
        return (
            f"The ledger is for {label(last)} on {self.portal}, but the key is for "
            f"{label(self.reported)}. Use the key of {label(last)}. {self._change(self.reported)}"
        )

    def _why_not_configured(self, reported: Account, configured: Account) -> str | None:
        if is_same(reported, configured):
            return None
        recorded = of_account(self.states, configured)
        expected = recorded.account if recorded and recorded.account else configured
        return (
            f"portals.{self.portal}.account names {label(expected)}, but the key is for "
            f"{label(reported)}. Use the key of {label(expected)}, or change "
            f"portals.{self.portal}.account in the configuration."
        )

    def why_not_adopted(self, listing: Listing) -> str | None:
        """Why the reported account is not that of a ledger without one; None if it may be. It has
        to list at least half of the ledger's agents, unless the configuration names it."""
        last = self.states[0] if self.states else PortalState()
        if self.reported is None or self.configured is not None or last.account is not None:
            return None
        if _lists_half(last, listing):
            return None
        count = len(last.agents)
        listed = count - len(omitted(last, listing)) or "none"
        agents = "1 agent" if count == 1 else f"{count} agents"
        return (
            f"The ledger has {agents} on {self.portal} and no account. The key is for "
            f"{label(self.reported)}, which lists {listed} of them. Either the key is another "
            f"agency's, or the response was truncated. {self._change(self.reported)}"
        )

    def _change(self, account: Account) -> str:
        return (
            f"If this repository is for {label(account)} now, set "
            f"portals.{self.portal}.account to {account.id} in the configuration."
        )

    def identity(self, listing: Listing) -> Identity:
        """Whose agents the portal lists. If it reports no account, and the list shows half of the
        agents in the state, the account is that of the state."""
        state = self._state(listing)
        if self.reported is not None:
            return Identity(state, self.reported, self.why_not_adopted(listing))
        shown = bool(state.agents) and _lists_half(state, listing)
        return Identity(state, state.account if shown else None)

    def _state(self, listing: Listing) -> PortalState:
        """The state of the account; else the one without an account, if it is configured, or
        reported and lists half of its agents. If no account is named, that of the last apply."""
        expected = self.reported
        if expected is None and self.configured is not None:
            expected = Account(self.configured, "")
        if expected is None:
            return self.states[0] if self.states else PortalState()
        own = of_account(self.states, expected)
        if own is not None:
            return own
        unknown = of_account(self.states, None)
        if unknown is not None and (self.reported is None or _lists_half(unknown, listing)):
            return unknown
        return PortalState(account=self.reported)


def recorded_now(states: Sequence[PortalState], before: Identity) -> PortalState:
    """What the ledger records of a run's account by now, since another apply may have written it.
    `before` has what it recorded when the run began. A run that knows no account continues the
    state of the last apply, as it does when it begins."""
    own = None if before.account is None else of_account(states, before.account)
    former = before.state.account
    found = own or of_account(states, former)
    if found is None and before.account is None and former is None and states:
        return states[0]
    return found or PortalState(account=former)


def with_recorded(
    states: Sequence[PortalState], before: PortalState, after: PortalState
) -> tuple[PortalState, ...]:
    """The states after an apply that replaces `before` by `after`."""
    replaced = (of_account(states, before.account), of_account(states, after.account))
    return (after, *(each for each in states if not any(each is one for one in replaced)))


def _lists_half(state: PortalState, listing: Listing) -> bool:
    return 2 * len(omitted(state, listing)) <= len(state.agents)
