"""Merging two ledgers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Account, Target
from reconciler.store.ledger import merge

from .branches import RENTIX, ledger_of
from .test_ledger import STATES

A, B = "https://a.example", "https://b.example"
LEDGERS = st.dictionaries(
    st.builds(Target, st.sampled_from("rp"), st.sampled_from([A, B])), STATES, max_size=3
)


def known(ledger):
    """The states that have anything, by target and account."""
    return {
        (target, each.account): each
        for target, states in ledger.items()
        for each in states
        if each.agents or each.refused
    }


@settings(deadline=None, max_examples=80, database=None)
@given(base=LEDGERS, ours=LEDGERS, theirs=LEDGERS)
def test_merging_any_ledgers(base, ours, theirs):
    """If one side changed nothing, the result is the other's; otherwise each entry is from one of
    the two, at the same address."""
    assert known(merge(base, base, theirs)) == known(theirs)
    assert known(merge(base, ours, base)) == known(ours)
    assert known(merge(base, ours, ours)) == known(ours)
    for target, states in merge(base, ours, theirs).items():
        sources = [each for side in (ours, theirs) for each in side.get(target, ())]
        for state in states:
            for key, entry in state.agents.items():
                assert entry in [each.agents.get(key) for each in sources]
            for key, entry in state.refused.items():
                assert entry in [each.refused.get(key) for each in sources]


@settings(deadline=None, max_examples=80, database=None)
@given(base=LEDGERS, ours=LEDGERS, theirs=LEDGERS)
def test_accounts_are_not_mixed(base, ours, theirs):
    """Each account has one state; its entries are from that account's, or from the one without an
    account, which it may have adopted."""
    for target, states in merge(base, ours, theirs).items():
        accounts = [each.account for each in states]
        assert len(set(accounts)) == len(accounts)
        for state in states:
            sources = [
                each.agents.get(key)
                for side in (ours, theirs)
                for each in side.get(target, ())
                for key in state.agents
                if each.account in (None, state.account)
            ]
            assert all(entry in sources for entry in state.agents.values())


def at(url, account=None, **agents):
    """A state of Rentix at an address."""
    (state,) = ledger_of(**agents)[RENTIX]
    return {replace(RENTIX, url=url): (replace(state, account=account),)}


def both(one, other):
    """The states of one target in two ledgers, in this order."""
    ((target, states),) = one.items()
    return {target: (*states, *other[target])}


ONE, TWO = Account(1, "One"), Account(2, "Two")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        pytest.param(
            at(A, a1="x"),
            at(A, ONE, a1="x", a2="ours"),
            at(A, a1="x", a3="theirs"),
            at(A, ONE, a1="x", a2="ours", a3="theirs"),
            id="ours is the first to record the account",
        ),
        pytest.param(
            at(A, a1="x"),
            at(A, a1="x", a2="ours"),
            at(A, ONE, a1="x", a3="theirs"),
            at(A, ONE, a1="x", a2="ours", a3="theirs"),
            id="theirs is the first to record the account",
        ),
        pytest.param(
            at(A, ONE, a1="x"),
            both(at(A, TWO, a1="ours"), at(A, ONE, a1="x")),
            at(A, ONE, a1="x", a2="theirs"),
            both(at(A, TWO, a1="ours"), at(A, ONE, a1="x", a2="theirs")),
            id="we change the account",
        ),
        pytest.param(
            at(A, ONE, a1="x"),
            at(A, ONE, a1="x", a2="ours"),
            both(at(A, TWO, a1="theirs"), at(A, ONE, a1="x")),
            both(at(A, TWO, a1="theirs"), at(A, ONE, a1="x", a2="ours")),
            id="they change the account",
        ),
        pytest.param(
            at(A, ONE, a1="x"),
            at(A, Account("1", "Renamed"), a1="x"),
            at(A, ONE, a1="theirs"),
            at(A, Account("1", "Renamed"), a1="theirs"),
            id="the account was renamed",
        ),
    ],
)
def test_states_of_two_accounts_are_not_mixed(base, ours, theirs, expected):
    """The account of the last apply comes first."""
    assert merge(base, ours, theirs) == expected


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        pytest.param(
            at(A, a1="x"),
            at(A, a1="x", a2="ours"),
            at(A, a1="theirs"),
            at(A, a1="theirs", a2="ours"),
            id="one address, both changed",
        ),
        pytest.param(
            at("", a1="x"),
            at(A, a1="x", a2="ours"),
            at("", a1="x", a3="theirs"),
            at(A, a1="x", a2="ours", a3="theirs"),
            id="ours is the first to record the address",
        ),
        pytest.param(
            {}, at(A, a1="ours"), at(A, a2="theirs"), at(A, a1="ours", a2="theirs"), id="no base"
        ),
        pytest.param(
            at(A, a1="x"),
            at(A, a1="x") | at(B, a1="ours"),
            at(A, a1="theirs"),
            at(A, a1="theirs") | at(B, a1="ours"),
            id="we add an address",
        ),
        pytest.param(
            at(A, a1="x"),
            at(A, a1="x", a2="ours"),
            at(A, a1="x") | at(B, a1="theirs"),
            at(A, a1="x", a2="ours") | at(B, a1="theirs"),
            id="they add an address",
        ),
    ],
)
def test_states_of_two_addresses_are_not_mixed(base, ours, theirs, expected):
    """Each address is merged separately."""
    assert merge(base, ours, theirs) == expected
