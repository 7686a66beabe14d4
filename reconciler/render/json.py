"""Plans and reports for programs."""

from __future__ import annotations

from typing import Any

from reconciler.core.model import Outcome, Report
from reconciler.core.plan_json import PlanDocument, conflict, source, text, warning


def plan(form: PlanDocument) -> str:
    """A plan's form, indented; a saved plan is the same."""
    return text(form)


def report(done: Report, digest: str) -> str:
    """What an apply did and what the portal showed afterwards; `digest` is the plan's."""
    return text(
        {
            "digest": digest,
            "summary": {
                "applied": done.count("applied"),
                "failed": done.count("failed"),
                "skipped": done.count("skipped") + len(done.stale),
                "unknown": done.count("unknown"),
                "waiting": done.count("waiting") + (len(done.plan.waiting) if done.plan else 0),
                "conflicts": len(done.plan.conflicts) if done.plan else 0,
            },
            "results": [_result(step, outcome) for step, outcome in done.outcomes]
            + [
                {
                    "request": None,
                    "portal": each.portal,
                    "key": each.key,
                    "status": "skipped",
                    "http_status": None,
                    "error": f"stale: {each.reason}",
                    "source": source(each.source),
                }
                for each in done.stale
            ],
            "verified": None
            if done.checked is None
            else {
                "agents": done.checked,
                "as_declared": done.as_declared,
                "differences": [
                    {
                        "portal": each.portal,
                        "key": each.key,
                        "path": each.path,
                        "declared": each.declared,
                        "live": each.live,
                        "source": source(each.source),
                    }
                    for each in done.unmet
                ],
            },
            "conflicts": [conflict(each) for each in done.plan.conflicts] if done.plan else [],
            "warnings": [warning(each) for each in done.plan.warnings] if done.plan else [],
            "unread": [
                {"portal": portal, "error": why}
                for portal, why in (done.plan.unread if done.plan else ())
            ],
            "interrupted": done.interrupted,
            "notes": list(done.notes),
        }
    )


def _result(step: str, outcome: Outcome) -> dict[str, Any]:
    operation = outcome.operation
    return {
        "request": step,
        "portal": operation.portal,
        "key": operation.key,
        "verb": operation.verb,
        "id": outcome.id,
        **({"ids": {"id": outcome.id, **outcome.aliases}} if outcome.aliases else {}),
        "status": outcome.status,
        "http_status": outcome.http_status,
        "error": outcome.error,
        **({"note": outcome.note} if outcome.note is not None else {}),
        "source": source(outcome.source),
    }
