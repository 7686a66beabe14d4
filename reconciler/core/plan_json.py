"""The JSON form of a plan: what `--format json` prints and a saved plan is, and the way back.

`format_version` is 1.0; a minor version only adds. The digest is over everything else in the form.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from reconciler.core.model import (
    Candidate,
    Change,
    Conflict,
    Entry,
    Operation,
    Plan,
    Request,
    Source,
    Step,
    Verb,
    Warning,
)
from reconciler.core.policy import Selection

FORMAT_VERSION = "1.0"

PlanDocument = dict[str, Any]
UNSEEN = re.compile(
    "(?<=##)\\[|[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def counts(plan: Plan) -> dict[str, int]:
    """The summary: agents by what happens to them, and the number of requests."""
    verbs = Counter(action for entry in plan.entries for action in entry.actions)
    return {
        "create": verbs["create"],
        "update": verbs["update"],
        "link": verbs["link"],
        "unlink": verbs["unlink"],
        "deactivate": verbs["deactivate"],
        "unchanged": plan.unchanged,
        "waiting": len(plan.waiting),
        "conflicts": len(plan.conflicts),
        "requests": len(plan.steps),
    }


def request_bytes(request: Request) -> bytes | None:
    """The body as it goes over the wire: compact JSON in UTF-8; None without a body."""
    if request.body is None:
        return None
    try:
        return json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, from a portal's own text: only JSON can say it
        return json.dumps(request.body, separators=(",", ":")).encode()


def text(said: PlanDocument) -> str:
    """A form as text: indented, in its own script, but for what a terminal or a workflow could take
    for a command (`##[`) or a reader could not see, which is written as JSON's escapes."""
    plain = json.dumps(said, ensure_ascii=False, indent=2)
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain) + "\n"


def form(
    plan: Plan, selection: Selection, portals: Sequence[str], tool_version: str
) -> PlanDocument:
    """The plan as plain JSON, with its digest."""
    said: PlanDocument = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "complete": plan.complete,
        "summary": counts(plan),
        "agents": [_entry(entry) for entry in plan.entries],
        "requests": [
            {
                "id": step.id,
                "kind": step.kind,
                "portal": step.operations[0].portal,
                "method": step.request.method,
                "path": step.request.path,
                "body": step.request.body,
                "covers": [operation.key for operation in step.operations],
                "after": list(step.after),
            }
            for step in plan.steps
        ],
        "conflicts": [conflict(each) for each in plan.conflicts],
        "warnings": [warning(each) for each in plan.warnings],
        "waiting": [{"portal": portal, "key": key} for portal, key in plan.waiting],
        "declared": plan.declared,
        "over_limits": list(plan.excess),
        "seconds": plan.seconds,
        "unread": [{"portal": portal, "error": why} for portal, why in plan.unread],
        "selection": {
            "target": list(selection.targets),
            "exclude": list(selection.excludes),
            "portal": list(portals),
        },
    }
    return {"digest": digest(said), **said}


def conflict(each: Conflict) -> PlanDocument:
    """A conflict as the JSON has it, in a plan and in a report."""
    return {
        "portal": each.portal,
        "key": each.key,
        "source": source(each.source),
        "reason": each.reason,
        "candidates": [
            {"id": who.id, "name": who.name, "externalId": who.external_id}
            for who in each.candidates
        ],
    }


def warning(each: Warning) -> PlanDocument:
    """A warning as the JSON has it, in a plan and in a report."""
    return {
        "portal": each.portal,
        "key": each.key,
        "source": source(each.source),
        "message": each.message,
    }


def digest(said: Mapping[str, Any]) -> str:
    """The fingerprint of a plan's form, leaving its own `digest` out."""
    rest = {name: value for name, value in said.items() if name != "digest"}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + sha256(text.encode(errors="surrogatepass")).hexdigest()


def source(place: Source | None) -> dict[str, Any] | None:
    """A place in a file as the JSON has it."""
    return None if place is None else {"file": place.file, "line": place.line}


def _entry(entry: Entry) -> PlanDocument:
    return {
        "portal": entry.portal,
        "key": entry.key,
        "id": entry.id,
        "name": entry.name,
        "source": source(entry.source),
        "matched_by": entry.matched_by,
        "actions": list(entry.actions),
        "changes": [asdict(change) for change in entry.changes],
        "attribution": entry.attribution,
        "reason": entry.reason,
        "live": dict(entry.live),
    }


def parse(said: Mapping[str, Any]) -> Plan:
    """The plan of a form that is known to be whole (its digest fits). It can be shown, and
    compared; it is not what is executed, so its operations carry only what showing needs.

    Raises KeyError, TypeError or ValueError where the form is not a plan's.
    """
    return Plan(
        entries=tuple(
            Entry(
                portal=each["portal"],
                key=each["key"],
                id=each["id"],
                name=each["name"],
                source=_place(each["source"]),
                matched_by=each["matched_by"],
                actions=tuple(each["actions"]),
                changes=tuple(Change(**change) for change in each["changes"]),
                attribution=each["attribution"],
                reason=each["reason"],
                live=each.get("live", {}),
            )
            for each in said["agents"]
        ),
        steps=tuple(_step(each) for each in said["requests"]),
        conflicts=tuple(
            Conflict(
                each["portal"],
                each["key"],
                _place(each["source"]),
                each["reason"],
                tuple(
                    Candidate(who["id"], who["name"], who["externalId"])
                    for who in each["candidates"]
                ),
            )
            for each in said["conflicts"]
        ),
        warnings=tuple(
            Warning(each["portal"], each["key"], _place(each["source"]), each["message"])
            for each in said["warnings"]
        ),
        declared=said["declared"],
        unchanged=said["summary"]["unchanged"],
        waiting=tuple((each["portal"], each["key"]) for each in said["waiting"]),
        complete=said["complete"],
        excess=tuple(said["over_limits"]),
        seconds=said["seconds"],
        unread=(
            unread := tuple((each["portal"], each["error"]) for each in said.get("unread", ()))
        ),
        portals=tuple(each for each in said["selection"]["portal"] if each not in dict(unread)),
    )


def _place(said: Mapping[str, Any] | None) -> Source | None:
    return None if said is None else Source(said["file"], said["line"])


def _step(said: Mapping[str, Any]) -> Step:
    request = Request(said["method"], said["path"], said["body"])
    verb: Verb = "update" if said["kind"] == "bulk" else said["kind"]
    operations = tuple(
        Operation(f"{verb}:{key}", verb, said["portal"], key, None, None) for key in said["covers"]
    )
    return Step(said["id"], request, operations, tuple(said["after"]))


def selection(said: Mapping[str, Any]) -> tuple[Selection, tuple[str, ...]]:
    """What a saved plan looked at: its selection of agents and its portals."""
    chosen = said["selection"]
    return Selection(tuple(chosen["target"]), tuple(chosen["exclude"])), tuple(chosen["portal"])
