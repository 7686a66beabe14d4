"""Whose agents a run may change: the account behind the key, and the states of the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.accounts import (
    Identity,
    Lineage,
    is_same,
    label,
    of_account,
    recorded_now,
    with_recorded,
)
from reconciler.core.model import Account, Listing, PortalState

from .build import ledger, live

ONE, TWO = Account(17, "Alpha"), Account(18, "Beta")
FOUR = ledger(*((number, f"a{number}") for number in range(1, 5)))
OF_ONE, OF_TWO = replace(FOUR, account=ONE), replace(FOUR, account=TWO)
OTHERS = ledger((91, "b1"), (92, "b2"))


def agents(*numbers):
    """A listing of agents with these numbers."""
    return Listing(tuple(live(number, f"a{number}") for number in numbers))


ALL, HALF, FEWER = agents(1, 2, 3, 4), agents(1, 2, 9), agents(1, 8, 9)


def lineage(*states, reported=None, configured=None):
    """A lineage on Rentix."""
    return Lineage("rentix", states, reported, configured)


def reason(each, listing=ALL):
    """Why the run must not use the account, before or after its list is read."""
    return each.why_refused() or each.identity(listing).refused


def test_a_label_has_name_and_id():
    """The id alone if there is no name; a long name is clipped."""
    assert label(ONE) == "Alpha (17)"
    assert label(Account("b-1", " ")) == "account b-1"
    assert label(Account(1, "x" * 80)) == f"{'x' * 80} (1)"
    assert label(Account(1, "x" * 81)) == f"{'x' * 79}… (1)"


def test_an_account_is_its_id():
    """As a number or as text, whatever its name."""
    assert is_same(ONE, Account("17", "Renamed"))
    assert not is_same(ONE, Account(18, "Alpha"))
    assert not is_same(ONE, Account("017", "Alpha"))


def test_the_state_of_an_account():
    """None stands for the state whose account is unknown."""
    assert of_account((OF_ONE, FOUR), Account("17", "")) is OF_ONE
    assert of_account((OF_ONE, FOUR), None) is FOUR
    assert of_account((OF_ONE,), None) is None
    assert of_account((FOUR,), ONE) is None


@pytest.mark.parametrize(
    ("each", "names"),
    [
        (lineage(OF_ONE, reported=TWO), ("Alpha (17)", "Beta (18)")),
        (lineage(OF_ONE, OF_TWO, reported=TWO), ("Alpha (17)", "Beta (18)")),
        (lineage(reported=TWO, configured=17), ("account 17", "Beta (18)")),
        (lineage(OF_TWO, OF_ONE, reported=TWO, configured="17"), ("Alpha (17)", "Beta (18)")),
        (lineage(OF_TWO, FOUR, reported=TWO, configured=17), ("account 17", "Beta (18)")),
    ],
)
def test_another_account_is_refused(each, names):
    """That of the ledger's last apply counts, or the configured one; both are named."""
    message = each.why_refused()
    for name in (*names, "portals.rentix.account"):
        assert name in message


def test_the_message_says_what_to_configure():
    """The key, and the id to set it to."""
    fix = "set portals.rentix.account to 18"
    assert fix in lineage(OF_ONE, reported=TWO).why_refused()
    assert reason(lineage(ledger((1, "a")), reported=TWO), FEWER) is None
    message = reason(lineage(ledger((7, "a")), reported=TWO), FEWER)
    assert fix in message
    assert "has 1 agent on rentix" in message


@pytest.mark.parametrize(
    "each",
    [
        lineage(reported=ONE),
        lineage(OF_ONE, reported=ONE),
        lineage(OF_ONE, OF_TWO, reported=Account("17", "Renamed")),
        lineage(OF_ONE, reported=TWO, configured=18),
        lineage(OF_ONE, reported=TWO, configured="18"),
        lineage(OF_ONE),
        lineage(OF_ONE, configured=18),
        lineage(FOUR, reported=ONE),
    ],
)
def test_the_same_account_is_accepted(each):
    """No account is known before, the portal reports none, or it is the expected one."""
    assert reason(each) is None


def test_a_ledger_without_an_account_adopts_one_that_lists_half_of_its_agents():
    """Any other is refused, unless the configuration names it; both are described."""
    each = lineage(FOUR, reported=TWO)
    assert reason(each, HALF) is None
    message = reason(each, FEWER)
    for part in ("4 agents", "Beta (18)", "lists 1 of them", "portals.rentix.account"):
        assert part in message
    assert "lists none of them" in reason(each, agents(8, 9))
    assert reason(lineage(FOUR, reported=TWO, configured=18), FEWER) is None
    assert reason(lineage(FOUR), FEWER) is None
    assert reason(lineage(FOUR, OF_TWO, reported=TWO), FEWER) is not None
    assert reason(lineage(PortalState(), reported=TWO), FEWER) is None


@pytest.mark.parametrize(
    ("each", "listing", "expected"),
    [
        (lineage(), ALL, PortalState()),
        (lineage(reported=ONE), ALL, PortalState(account=ONE)),
        (lineage(OF_TWO, OF_ONE, reported=ONE, configured=17), ALL, OF_ONE),
        (lineage(OF_TWO, reported=ONE, configured=17), ALL, PortalState(account=ONE)),
        (lineage(FOUR, reported=ONE), HALF, FOUR),
        (lineage(FOUR, reported=ONE, configured=17), FEWER, PortalState(account=ONE)),
        (lineage(OF_TWO, FOUR, reported=ONE, configured=17), ALL, FOUR),
        (lineage(OF_TWO, OF_ONE), ALL, OF_TWO),
        (lineage(FOUR), FEWER, FOUR),
        (lineage(OF_TWO, OF_ONE, configured=17), FEWER, OF_ONE),
        (lineage(OF_TWO, configured=17), ALL, PortalState()),
        (lineage(OF_TWO, FOUR, configured=17), FEWER, FOUR),
    ],
)
def test_which_state_counts(each, listing, expected):
    """The account's own; else the one without an account; else none."""
    assert each.identity(listing).state == expected


@pytest.mark.parametrize(
    ("each", "listing", "expected"),
    [
        (lineage(reported=ONE), FEWER, ONE),
        (lineage(OF_ONE), HALF, ONE),
        (lineage(OF_ONE), FEWER, None),
        (lineage(PortalState(account=ONE)), ALL, None),
        (lineage(FOUR), ALL, None),
        (lineage(OF_TWO, OF_ONE, configured=17), ALL, ONE),
    ],
)
def test_without_a_report_the_known_agents_show_the_account(each, listing, expected):
    """If the list has half of them."""
    assert each.identity(listing).account == expected


def test_another_apply_may_have_written_the_state():
    """It has a new form, or the account was recorded."""
    newer = replace(OTHERS, account=ONE)
    assert recorded_now((newer, OF_TWO), Identity(OF_ONE, ONE)) is newer
    assert recorded_now((newer, OF_TWO), Identity(FOUR, ONE)) is newer
    assert recorded_now((OTHERS, OF_TWO), Identity(FOUR, ONE)) is OTHERS
    assert recorded_now((newer, OTHERS), Identity(OF_ONE, None)) is newer
    new = PortalState(account=ONE)
    assert recorded_now((OTHERS,), Identity(new, ONE)) == new


def test_a_run_without_an_account_continues_the_state_of_another_apply():
    """One that wrote the ledger meanwhile: a state without an account before it would let any key
    in."""
    assert recorded_now((OF_ONE, OF_TWO), Identity(PortalState(), None)) is OF_ONE
    assert recorded_now((), Identity(PortalState(), None)) == PortalState()


def test_the_last_apply_comes_first():
    """States of other accounts are kept."""
    after = replace(OTHERS, account=Account("17", "Renamed"))
    assert with_recorded((), PortalState(), after) == (after,)
    assert with_recorded((OF_TWO, OF_ONE), OF_ONE, after) == (after, OF_TWO)
    assert with_recorded((FOUR, OF_TWO), FOUR, after) == (after, OF_TWO)
    assert with_recorded((FOUR,), PortalState(account=ONE), after) == (after, FOUR)
    assert with_recorded((OF_ONE, FOUR), FOUR, after) == (after,)
