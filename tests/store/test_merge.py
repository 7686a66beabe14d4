"""Merging two ledgers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import PortalState
from reconciler.store.ledger import merge

from .branches import ledger_of
from .test_ledger import MEMORY

PLACED = st.builds(
    replace, MEMORY, url=st.sampled_from(["", "https://a.example", "https://b.example"])
)
LEDGERS = st.dictionaries(st.sampled_from("rp"), PLACED, max_size=2)


def known(ledger):
    """The portals with any state, without their addresses."""
    return {
        name: replace(prior, url="")
        for name, prior in ledger.items()
        if prior.agents or prior.refused
    }


@settings(deadline=None, max_examples=80, database=None)
@given(base=LEDGERS, ours=LEDGERS, theirs=LEDGERS)
def test_merging_any_ledgers(base, ours, theirs):
    """If one side changed nothing, the result is the other's; otherwise each entry is from one of
    the two."""
    assert known(merge(base, base, theirs)) == known(theirs)
    assert known(merge(base, ours, base)) == known(ours)
    assert known(merge(base, ours, ours)) == known(ours)
    both = merge(base, ours, theirs)
    for name, prior in both.items():
        here, there = (each.get(name, PortalState()) for each in (ours, theirs))
        for key, entry in prior.agents.items():
            assert entry in (here.agents.get(key), there.agents.get(key))
        for key, entry in prior.refused.items():
            assert entry in (here.refused.get(key), there.refused.get(key))
        assert prior.url in (here.url, there.url)
        if "" != here.url != there.url != "":
            assert prior in (here, there)


def at(url, **agents):
    """A state of Rentix at an address."""
    return {"rentix": replace(ledger_of(**agents)["rentix"], url=url)}


A, B = "https://a.example", "https://b.example"


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
            id="ours is the first to say the address",
        ),
        pytest.param(
            {}, at(A, a1="ours"), at(A, a2="theirs"), at(A, a1="ours", a2="theirs"), id="no base"
        ),
        pytest.param(
            at(A, a1="x"), at(B, a1="y"), at(A, a1="x"), at(B, a1="y"), id="only we moved"
        ),
        pytest.param(
            at(A, a1="x"), at(A, a1="x", a2="ours"), at(B, a1="y"), at(B, a1="y"), id="they moved"
        ),
        pytest.param(
            at(A, a1="x"),
            at(B, a1="ours"),
            at(A, a1="theirs"),
            at(A, a1="theirs"),
            id="we moved, and they changed where we were",
        ),
        pytest.param(
            at(A, a1="x", a2="x"),
            at(B, a1="x", a2="ours"),
            at(B, a2="x"),
            at(B, a1="x", a2="x"),
            id="both moved: an id of the old address is nobody's here",
        ),
    ],
)
def test_states_of_two_addresses_are_not_mixed(base, ours, theirs, expected):
    """The state at their address, or ours if only we changed anything."""
    assert merge(base, ours, theirs) == expected
