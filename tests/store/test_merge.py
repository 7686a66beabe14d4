"""Merging two ledgers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import PortalState, Target
from reconciler.store.ledger import merge

from .branches import RENTIX, ledger_of
from .test_ledger import MEMORY

A, B = "https://a.example", "https://b.example"
LEDGERS = st.dictionaries(
    st.builds(Target, st.sampled_from("rp"), st.sampled_from([A, B])), MEMORY, max_size=3
)


def known(ledger):
    """The targets with any state."""
    return {target: each for target, each in ledger.items() if each.agents or each.refused}


@settings(deadline=None, max_examples=80, database=None)
@given(base=LEDGERS, ours=LEDGERS, theirs=LEDGERS)
def test_merging_any_ledgers(base, ours, theirs):
    """If one side changed nothing, the result is the other's; otherwise each entry is from one of
    the two, at the same address."""
    assert known(merge(base, base, theirs)) == known(theirs)
    assert known(merge(base, ours, base)) == known(ours)
    assert known(merge(base, ours, ours)) == known(ours)
    for target, state in merge(base, ours, theirs).items():
        here, there = (each.get(target, PortalState()) for each in (ours, theirs))
        for key, entry in state.agents.items():
            assert entry in (here.agents.get(key), there.agents.get(key))
        for key, entry in state.refused.items():
            assert entry in (here.refused.get(key), there.refused.get(key))


def at(url, **agents):
    """A state of Rentix at an address."""
    return {replace(RENTIX, url=url): ledger_of(**agents)[RENTIX]}


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
