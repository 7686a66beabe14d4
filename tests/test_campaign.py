"""Some seeds of the campaign, and programs that it has to reject; `script/campaign` runs many more
seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from campaign.schedule import MOST, run

from reconciler.core import verify
from reconciler.core.accounts import Lineage
from reconciler.core.fields import Verdict
from reconciler.core.model import Listing, Outcome
from reconciler.net import transport
from reconciler.portals.propertyfinder.write import Writer
from reconciler.portals.rentix import answers, write
from reconciler.store import claim

SEEDS, CHUNK = 40, 10
FAILED = (160,)
"""Seeds that once found a bug. Each bug has its own test, too."""


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_faults_lose_nothing_and_break_nothing(first: int) -> None:
    """Declared values are set, the rest is untouched, no report claims what is not true, and no
    request breaks the rules of a portal; about a third of the requests meet with a fault."""
    results = [run(seed) for seed in range(first, first + CHUNK)]
    assert [(each.seed, each.wrong) for each in results if each.wrong] == []
    assert max(count for each in results for count in each.applies) <= MOST
    requests = sum(each.requests for each in results)
    assert sum(each.faulted for each in results) > requests / 4


def test_seeds_that_once_found_a_bug() -> None:
    """They find none now."""
    results = [run(seed) for seed in FAILED]
    assert [(each.seed, each.wrong) for each in results if each.wrong] == []


def test_a_seed_is_reproducible() -> None:
    """The same seed gives the same requests, faults and outcomes, byte for byte."""
    first, second = run(7), run(7)
    assert first.log == second.log
    assert len(first.log) > 10
    assert run(8).log != first.log


def assume_lost_calls_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes every lost call for done."""
    monkeypatch.setattr(write, "_compared", lambda *_: Verdict.SAME)


def retry_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sends every request again that was not successful."""
    monkeypatch.setattr(transport, "_again", lambda answer: (answer.response.status or 500) >= 429)


def create_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sends a creation again without checking whether the agent exists."""

    def look_up(*_: Any) -> Iterator[Any]:
        yield from ()
        return Verdict.DIFFERENT, None

    monkeypatch.setattr(Writer, "_look_up", look_up)


def keep_no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that keeps no ledger."""
    monkeypatch.setattr(verify, "record", lambda prior, *_, **__: prior)


def trust_every_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes every list for a complete one."""
    monkeypatch.setattr(Listing, "complete", property(lambda _: True, lambda *_: None))


def claim_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that reports as applied whatever was not refused."""
    whole = answers.abandoned

    def abandoned(last: Any) -> Outcome:
        return Outcome(last.operation, "applied", None, None, whole(last).id)

    monkeypatch.setattr(answers, "abandoned", abandoned)


def ignore_a_lost_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not check its lock before it sends."""
    monkeypatch.setattr(claim.Claim, "check", lambda _: None)


def ignore_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not mind whose key it has."""
    monkeypatch.setattr(Lineage, "why_refused", lambda _: None)
    monkeypatch.setattr(Lineage, "why_not_adopted", lambda *_: None)


SABOTAGE: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]] = {
    assume_lost_calls_worked: ("500", "504", "dropped"),
    retry_everything: ("done, then 500", "done, then 504", "done, then dropped"),
    create_blindly: ("done, then 500", "done, then 504", "done, then dropped"),
    keep_no_ledger: ("500", "slow"),
    trust_every_list: ("user missing from the list", "same page again"),
    claim_success: ("dropped", "wrong type in a user"),
    ignore_a_lost_lock: ("500", "slow"),
    ignore_the_account: ("500", "slow"),
}
"""Each sabotage, and faults under which it shows."""


@pytest.mark.long
@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_the_campaign_detects_sabotage(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these programs fails within some seeds, and the whole one does not."""
    kinds = SABOTAGE[sabotage]
    with monkeypatch.context() as patch:
        sabotage(patch)
        seed = next(seed for seed in range(100) if run(seed, kinds).wrong)
    assert run(seed, kinds).wrong == ""
