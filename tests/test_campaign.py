"""Some hundred schedules of the campaign, and that it notices when the program is not as it should be
(`script/campaign` runs many more)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from campaign.schedule import MOST, run

from reconciler.core import verify
from reconciler.core.fields import Verdict
from reconciler.core.model import Listing, Outcome
from reconciler.net import transport
from reconciler.portals import rentix
from reconciler.portals.propertyfinder import PropertyFinder

CHUNK = 20
FAILED = (12, 32, 44, 59, 102, 169, 239, 247, 482, 750, 2028, 2101, 6064, 7188)
"""Schedules in which something was wrong once. What it was has a test of its own besides."""


@pytest.mark.parametrize("first", range(0, 200, CHUNK))
def test_whatever_fails_nothing_is_lost_and_nothing_is_wrong(first: int) -> None:
    """Declared becomes true, the rest is untouched, no report claims what is not, and no request
    is one that the portal's rules forbid; a third of the requests meet with a fault."""
    results = [run(seed) for seed in range(first, first + CHUNK)]
    assert [(each.seed, each.wrong) for each in results if each.wrong] == []
    assert max(count for each in results for count in each.applies) <= MOST
    requests = sum(each.requests for each in results)
    assert sum(each.faulted for each in results) > requests / 4


def test_what_failed_once_does_not_fail_again() -> None:
    """Each of the schedules that found something."""
    results = [run(seed) for seed in FAILED]
    assert [(each.seed, each.wrong) for each in results if each.wrong] == []


def test_a_number_is_a_schedule() -> None:
    """The same number gives the same requests, faults and outcomes, to the last word."""
    first, second = run(7), run(7)
    assert first.told == second.told
    assert len(first.told) > 10
    assert run(8).told != first.told


def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes every lost call for done."""
    monkeypatch.setattr(rentix, "_compared", lambda *_: Verdict.SAME)


def stubborn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sends everything again that was not answered well."""
    monkeypatch.setattr(transport, "_again", lambda answer: (answer.response.status or 500) >= 429)


def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sends a creation again without looking whether it is there."""

    def look(*_: Any) -> Iterator[Any]:
        yield from ()
        return Verdict.DIFFERENT, None

    monkeypatch.setattr(PropertyFinder, "_look", look)


def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that keeps no ledger."""
    monkeypatch.setattr(verify, "record", lambda prior, *_, **__: prior)


def credulous(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes every list for the whole one."""
    monkeypatch.setattr(Listing, "complete", property(lambda _: True, lambda *_: None))


def boastful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that reports as done whatever was not refused."""
    whole = rentix._given_up

    def given_up(doubt: Any) -> Outcome:
        return Outcome(doubt.operation, "applied", None, None, whole(doubt).id)

    monkeypatch.setattr(rentix, "_given_up", given_up)


@pytest.mark.parametrize("sabotage", [believing, stubborn, hasty, forgetful, credulous, boastful])
def test_the_campaign_notices(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these programs is caught, within some schedules."""
    sabotage(monkeypatch)
    assert any(run(seed).wrong for seed in range(150))
