"""A plan as JSON: what `--format json` prints and a saved plan contains, and how to parse it.

`format_version` is 1.0; minor versions only add. The digest covers everything else in the document.
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
    Account,
    Candidate,
    Change,
    Conflict,
    Entry,
    Operation,
    Plan,
    Request,
    Source,
    Step,
    Target,
    Verb,
    Warning,
)
from reconciler.core.selection import Selection

FORMAT_VERSION = "1.0"

PlanDocument = dict[str, Any]
UNSEEN = re.compile(
    "(?<=##)\\[|[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def counts(plan: Plan) -> dict[str, int]:
    """The summary: the number of agents by what happens to them, and of requests."""
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
    """The body as sent: compact JSON in UTF-8; None without a body."""
    if request.body is None:
        return None
    try:
        return json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode()
    except (
        UnicodeEncodeError
    ):  # half a surrogate pair from the portal: only an escape can represent it
        return json.dumps(request.body, separators=(",", ":")).encode()


def text(document: PlanDocument) -> str:
    """A document as indented JSON. Text keeps its script, but invisible characters, and those that
    could start a command in a terminal or a workflow (`##[`), are escaped."""
    plain = json.dumps(document, ensure_ascii=False, indent=2)
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain) + "\n"


def form(
    plan: Plan, selection: Selection, portals: Sequence[str], tool_version: str
) -> PlanDocument:
    """The plan as a JSON document, with its digest."""
    document: PlanDocument = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "complete": plan.complete,
        "targets": targets(plan),
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
        "over_limits": list(plan.over_limits),
        "seconds": plan.seconds,
        "unread": [{"portal": portal, "error": why} for portal, why in plan.unread],
        "selection": {
            "target": list(selection.targets),
            "exclude": list(selection.excludes),
            "portal": list(portals),
        },
    }
    return {"digest": digest(document), **document}


def targets(plan: Plan) -> list[PlanDocument]:
    """The targets in the JSON of a plan or report, each with its account."""
    accounts = dict(plan.accounts)
    return [
        {
            "portal": each.portal,
            "url": each.url,
            "account": asdict(accounts[each.portal]) if each.portal in accounts else None,
        }
        for each in plan.targets
    ]


def conflict(each: Conflict) -> PlanDocument:
    """A conflict in the JSON of a plan or report."""
    return {
        "portal": each.portal,
        "key": each.key,
        "source": source(each.source),
        "reason": each.reason,
        "candidates": [
            {"id": who.id, "name": who.name, "externalId": who.external_id}
            for who in each.candidates
        ],
        "name": each.name,
    }


def warning(each: Warning) -> PlanDocument:
    """A warning in the JSON of a plan or report."""
    return {
        "portal": each.portal,
        "key": each.key,
        "source": source(each.source),
        "message": each.message,
        "name": each.name,
        "verb": each.verb,
    }


def is_same(one: PlanDocument, other: PlanDocument) -> bool:
    """Whether two plans change the same, from the same values; values that an agent has and that
    the plan leaves alone may differ."""
    return _without_live(one) == _without_live(other)


def _without_live(document: PlanDocument) -> PlanDocument:
    agents = [
        {name: value for name, value in agent.items() if name != "live"}
        for agent in document["agents"]
    ]
    rest = {name: value for name, value in document.items() if name != "digest"}
    return {**rest, "agents": agents}


def digest(document: Mapping[str, Any]) -> str:
    """The digest of a plan's document, without its own `digest`."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + sha256(text.encode(errors="surrogatepass")).hexdigest()


def source(place: Source | None) -> dict[str, Any] | None:
    """A place in a file in the JSON of a plan or report."""
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
        "changes": [_change(change) for change in entry.changes],
        "attribution": entry.attribution,
        "reason": entry.reason,
        "live": dict(entry.live),
        **({} if entry.listings is None else {"listings": entry.listings}),
    }


def _change(change: Change) -> dict[str, Any]:
    """A change; `sent` is there if it is true, `names` if there are any."""
    optional = {"sent": False, "names": None}
    return {
        name: value for name, value in asdict(change).items() if optional.get(name, ...) != value
    }


def parse(document: Mapping[str, Any]) -> Plan:
    """The plan of a document whose digest is correct. It can be shown and compared, but not
    executed: its operations carry only what showing needs.

    Raises KeyError, TypeError or ValueError if the document is not a plan.
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
                changes=tuple(map(_parsed_change, each["changes"])),
                attribution=each["attribution"],
                reason=each["reason"],
                live=each.get("live", {}),
                listings=each.get("listings"),
            )
            for each in document["agents"]
        ),
        steps=tuple(_step(each) for each in document["requests"]),
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
                each.get("name", ""),
            )
            for each in document["conflicts"]
        ),
        warnings=tuple(
            Warning(
                each["portal"],
                each["key"],
                _place(each["source"]),
                each["message"],
                each.get("name", ""),
                each.get("verb"),
            )
            for each in document["warnings"]
        ),
        declared=document["declared"],
        unchanged=document["summary"]["unchanged"],
        waiting=tuple((each["portal"], each["key"]) for each in document["waiting"]),
        complete=document["complete"],
        over_limits=tuple(document["over_limits"]),
        seconds=document["seconds"],
        unread=(
            unread := tuple((each["portal"], each["error"]) for each in document.get("unread", ()))
        ),
        portals=tuple(each for each in document["selection"]["portal"] if each not in dict(unread)),
        targets=tuple(Target(each["portal"], each["url"]) for each in document.get("targets", ())),
        accounts=tuple(
            (each["portal"], Account(each["account"]["id"], each["account"]["name"]))
            for each in document.get("targets", ())
            if each["account"] is not None
        ),
    )


def _parsed_change(document: Mapping[str, Any]) -> Change:
    names = document.get("names")
    before, after = names or ("", "")
    return Change(**{**document, "names": (before, after) if names else None})


def _place(document: Mapping[str, Any] | None) -> Source | None:
    return None if document is None else Source(document["file"], document["line"])


def _step(document: Mapping[str, Any]) -> Step:
    request = Request(document["method"], document["path"], document["body"])
    verb: Verb = "update" if document["kind"] == "bulk" else document["kind"]
    operations = tuple(
        Operation(f"{verb}:{key}", verb, document["portal"], key, None, None)
        for key in document["covers"]
    )
    return Step(document["id"], request, operations, tuple(document["after"]))


def selection(document: Mapping[str, Any]) -> tuple[Selection, tuple[str, ...]]:
    """The agents and the portals that a saved plan covers."""
    chosen = document["selection"]
    return Selection(tuple(chosen["target"]), tuple(chosen["exclude"])), tuple(chosen["portal"])
