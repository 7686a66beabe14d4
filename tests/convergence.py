"""What an apply has to achieve under every reading of a portal's documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from agency import Agency, writes

PLANS = 3
"""Plans after which a late picture has arrived."""


def converges(
    agency: Agency, where: str, check: Callable[[], None], late: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Apply, plan, check, apply and plan again. Returns the first report. The first apply does
    everything; after it there is nothing to do, also while a picture may still arrive (`late` lets
    time pass). A text or link that the portal does not clear is a failure, once. `check` checks
    that declared values are set and the rest is untouched."""
    report = agency.apply()
    failed = [each for each in report["results"] if each["status"] not in ("applied", "waiting")]
    assert {each.get("code") for each in failed} <= {"not_taken"}, (where, report)
    assert report["exit"] == (3 if failed else 0), (where, report)
    differences = report["verified"]["differences"]
    kept = {each["key"] for each in differences if each["declared"] in (None, "")}
    assert {each["key"] for each in failed} == kept, (where, report)
    plan_is_empty(agency, where)
    if late is not None:
        for _ in range(PLANS - 1):
            late()
            plan_is_empty(agency, where)
    check()
    agency.calls()
    again = agency.apply()
    assert again["exit"] == 0, (where, again)
    assert again["results"] == [], where
    assert writes(agency.calls()) == [], where
    plan_is_empty(agency, where)
    return report


def plan_is_empty(agency: Agency, where: str) -> dict[str, Any]:
    """The plan, which has to be empty."""
    plan: dict[str, Any] = agency.plan()
    assert plan["requests"] == [], (where, plan["agents"])
    assert plan["agents"] == [], (where, plan["agents"])
    return plan


def losing_the_ledger_is_safe(agency: Agency, where: str, report: dict[str, Any]) -> None:
    """Without the ledger, every agent is matched again. At worst, a value is sent again that
    cannot be compared, or that the portal does not accept (`report`, of the apply, lists
    those)."""
    agency.ledger.unlink()
    plan = agency.plan()
    assert plan["summary"]["create"] == 0, (where, plan["agents"])
    assert plan["conflicts"] == [], where
    known = {(each["key"], each["path"]) for each in report["verified"]["differences"]}
    surprising = [
        (entry["key"], change)
        for entry in plan["agents"]
        for change in entry["changes"]
        if change["kind"] != "unreadable" and (entry["key"], change["path"]) not in known
    ]
    assert surprising == [], where


def covering(choices: Mapping[str, Sequence[Any]], together: Iterable[str]) -> list[dict[str, Any]]:
    """Few combinations of choices: every two values of different doubts occur together in one of
    them, and every three values of the doubts in `together`."""
    groups = [*combinations(choices, 2), *combinations(together, 3)]
    missing = {
        frozenset(zip(names, values, strict=True)): None
        for names in groups
        for values in product(*(choices[name] for name in names))
    }
    cases = []
    while missing:
        case = dict(list(missing)[-1])  # the last are groups of three, which leave fewer choices
        for name in choices:
            if name not in case:
                case[name] = max(
                    choices[name], key=lambda value: _gain(missing, {**case, name: value}, name)
                )
        cases.append(case)
        for each in [each for each in missing if each <= case.items()]:
            del missing[each]
    return cases


def _gain(missing: Iterable[frozenset[tuple[str, Any]]], case: dict[str, Any], name: str) -> int:
    """The number of missing groups with a name that a case covers."""
    item = (name, case[name])
    return sum(item in each and each <= case.items() for each in missing)


def not_taken(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Key and path of the values that the portal accepted and did not take."""
    results = report["results"]
    failed = {each["key"] for each in results if each.get("code") == "not_taken"}
    differences = report["verified"]["differences"]
    return {(each["key"], each["path"]) for each in differences if each["key"] in failed}


def changes(plan: dict[str, Any]) -> set[tuple[str, str]]:
    """Key and path of the changes in a plan."""
    return {(each["key"], change["path"]) for each in plan["agents"] for change in each["changes"]}
