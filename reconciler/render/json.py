"""Plans, reports and lists of agents for programs."""

from __future__ import annotations

from typing import Any

from reconciler.core.adoption import Imported
from reconciler.core.model import Live, Outcome, Report
from reconciler.core.plan_json import PlanDocument, conflict, source, targets, text, warning
from reconciler.core.roster import Member, Roster
from reconciler.render.file_diff import file_diff


def plan(form: PlanDocument) -> str:
    """A plan's form, indented; a saved plan is the same."""
    return text(form)


def report(report: Report, digest: str) -> str:
    """What an apply did and what the portal showed afterwards; `digest` is the plan's."""
    return text(
        {
            "digest": digest,
            "targets": targets(report.plan),
            "summary": {
                "applied": report.count("applied"),
                "failed": report.count("failed"),
                "skipped": report.count("skipped") + len(report.stale),
                "unknown": report.count("unknown"),
                "waiting": report.count("waiting") + len(report.plan.waiting),
                "conflicts": len(report.plan.conflicts),
            },
            "results": [_result(step, outcome) for step, outcome in report.outcomes]
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
                for each in report.stale
            ],
            "verified": None
            if report.checked is None
            else {
                "agents": report.checked,
                "as_declared": report.as_declared,
                "differences": [
                    {
                        "portal": each.portal,
                        "key": each.key,
                        "path": each.path,
                        "declared": each.declared,
                        "live": each.live,
                        "source": source(each.source),
                    }
                    for each in report.unmet
                ],
            },
            "conflicts": [conflict(each) for each in report.plan.conflicts],
            "warnings": [warning(each) for each in report.plan.warnings],
            "unread": [{"portal": portal, "error": why} for portal, why in report.plan.unread],
            "interrupted": report.interrupted,
            "notes": list(report.notes),
        }
    )


def roster(roster: Roster) -> str:
    """Who is on the portals; each group of duplicates has the portal and id of its agents."""
    return text(
        {
            "agents": [_member(each) for each in roster.members],
            "duplicates": [
                [{"portal": each.portal, "id": each.id, "name": each.name} for each in group]
                for group in roster.duplicates
            ],
        }
    )


def imported(imported: Imported, *, dry_run: bool) -> str:
    """The files that an import wrote (or would write), and what it could not do."""
    return text(
        {
            "dry_run": dry_run,
            "files": [
                {
                    "file": each.file,
                    "action": "create" if each.before is None else "update",
                    "agents": list(map(_agent, each.agents)),
                    "diff": "".join(f"{line}\n" for line in file_diff(each)),
                }
                for each in imported.edits
            ],
            "only_on_portal": list(map(_agent, imported.left)),
            "notes": [
                {
                    "portal": each.portal,
                    "id": each.id,
                    "name": each.name,
                    "file": each.file,
                    "path": each.path,
                    "message": each.message,
                }
                for each in imported.notes
            ],
        }
    )


def _agent(live: Live) -> dict[str, Any]:
    return {"portal": live.portal, "id": live.id, "name": live.name}


def _member(member: Member) -> dict[str, Any]:
    return {
        "portal": member.portal,
        "id": member.id,
        "profileId": member.profile_id,
        "externalId": member.external_id,
        "name": member.name,
        "phone": member.phone,
        "status": member.status,
        "file": member.source.file if member.source else None,
        "line": member.source.line if member.source else None,
        "notes": list(member.notes),
    }


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
        "error": f"{outcome.code}: {outcome.error}" if outcome.code else outcome.error,
        **({"code": outcome.code} if outcome.code else {}),
        **({"note": outcome.note} if outcome.note is not None else {}),
        "source": source(outcome.source),
    }
