"""What an apply has to leave behind under every reading of every portal's doubts, in one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agency import Agency, writes

LOOKS = 3
"""Plans in which a picture that comes late has come."""


def converges(
    agency: Agency, where: str, look: Callable[[], None], late: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Apply, plan, look at the truth, apply and plan again; what the first apply said.

    The first apply does it all; from then on there is nothing to do, also while a picture is
    still to come (`late` lets some time pass). `look` says whether declared is true and the rest
    untouched.
    """
    done = agency.apply()
    assert done["exit"] == 0, (where, done)
    nothing_to_do(agency, where)
    if late is not None:
        for _ in range(LOOKS - 1):
            late()
            nothing_to_do(agency, where)
    look()
    agency.calls()
    again = agency.apply()
    assert again["exit"] == 0, (where, again)
    assert again["results"] == [], where
    assert writes(agency.calls()) == [], where
    nothing_to_do(agency, where)
    return done


def nothing_to_do(agency: Agency, where: str) -> dict[str, Any]:
    """An empty plan, and what it says beside that."""
    plan: dict[str, Any] = agency.plan()
    assert plan["requests"] == [], (where, plan["agents"])
    assert plan["agents"] == [], (where, plan["agents"])
    return plan


def forgetting_is_safe(agency: Agency, where: str, done: dict[str, Any]) -> None:
    """Without the ledger everyone is found again, and at worst it is sent once more what cannot be
    compared, or what the portal does not take (the apply, `done`, told that)."""
    agency.ledger.unlink()
    plan = agency.plan()
    assert plan["summary"]["create"] == 0, (where, plan["agents"])
    assert plan["conflicts"] == [], where
    told = {(each["key"], each["path"]) for each in done["verified"]["differences"]}
    surprising = [
        (entry["key"], change)
        for entry in plan["agents"]
        for change in entry["changes"]
        if change["kind"] != "unreadable" and (entry["key"], change["path"]) not in told
    ]
    assert surprising == [], where
