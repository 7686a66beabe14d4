"""Property Finder: what responses mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from reconciler.core.fields import Sort, parent
from reconciler.core.model import Operation, Outcome, Response, Value
from reconciler.portals.propertyfinder import table
from reconciler.portals.uncertain import is_name, object_of, short

POINTER = re.compile(r"/[A-Za-z0-9/]+")
"""A path in the text of an error in the older form."""


def is_success(response: Response) -> bool:
    """Whether the status says that the request was carried out."""
    return response.status is not None and 200 <= response.status < 300


def is_public(operation: Operation) -> bool:
    """Whether an operation changes the public profile alone."""
    return not any(name in table.PRIVATE_NAMES for name in operation.values)


def is_login_error(response: Response) -> bool:
    """Whether this is a failed login, which replaces the response to every request."""
    return response.error is not None and response.error.startswith("Property Finder ")


def done(operation: Operation, response: Response) -> Outcome | None:
    """The outcome of a success; None if the response does not settle it."""
    status, answer = response.status, object_of(response)
    if response.uncertain or not is_success(response):
        return None
    if operation.verb != "create":
        who = answer.get("id")
        ids = {str(each) for each in (operation.id, *operation.aliases.values())}
        if is_name(who) and str(who) not in ids:
            error = f"the portal changed user {who} instead of {operation.id}; check both"
            return Outcome(operation, "failed", status, error, operation.id)
        return Outcome(operation, "applied", status, None, operation.id)
    if type(answer.get("id")) is not int:
        return None
    profile = answer.get("publicProfile")
    number = profile.get("id") if isinstance(profile, Mapping) else None
    aliases = {table.PROFILE: number} if isinstance(number, int | str) else {}
    return Outcome(operation, "applied", status, None, answer["id"], aliases)


def failed(operation: Operation, response: Response, losses: list[str]) -> Outcome:
    """The outcome of a refusal: the portal's message, the value that it is about, what to do.
    `losses` are texts that the request would delete if the portal accepts only one language."""
    reason = response.error or message(response)
    found = list(errors(response, operation))
    path = next((path for path, _ in found if path is not None), None)
    if path is not None:
        reason = "; ".join(f"{path}: {text}" if path else text for path, text in found)
    advice = _advice(operation, response, path, losses)
    error = f"{reason}: {advice}" if advice else reason
    return Outcome(operation, "failed", response.status, error, operation.id, path=path)


def _advice(
    operation: Operation, response: Response, path: str | None, losses: list[str]
) -> str | None:
    """What to do about a refusal; None if the portal's message has to suffice."""
    advice = None
    match response.status:
        case _ if is_login_error(response):
            pass
        case 403:
            advice = (
                "the key needs the scope users:full_access. The scopes of a key cannot be changed: "
                "create a new key with it in the portal's settings"
            )
        case 409 | 422 if operation.verb == "create":
            advice = "plan again; if the portal shows no user with that e-mail, ask its support"
        case _ if operation.verb == "create":
            pass
        case 404:
            advice = "the user is no longer on the portal; plan again"
        case 400 if parent(path or "") in table.TEXTS and losses:
            advice = (
                f"if the portal accepts only one language, this would delete "
                f"{' and '.join(losses)}, which no file declares. Declare it, or declare it "
                f'as "" to delete it'
            )
        case 400 | 422 if path in ("status", None) and "status" in operation.values:
            advice = "try the other value of deactivate_by in portals.propertyfinder"
    return advice


def errors(response: Response, operation: Operation) -> Iterator[tuple[str | None, str]]:
    """The single errors of a refusal: the path in the file (None: unknown), and the message."""
    listed = object_of(response).get("errors")
    for each in listed if isinstance(listed, list) else message(response).split("; "):
        if isinstance(each, Mapping):
            pointer = each.get("pointer") or each.get("field") or each.get("path")
            yield _path(str(pointer or ""), operation), short(_text(each))
        else:  # the older form is one text that contains the pointers
            text = short(_text(each))
            paths = (_path(pointer, operation) for pointer in POINTER.findall(text))
            yield next((path for path in paths if path is not None), None), text


def detail(refusal: Response, operation: Operation) -> tuple[bool, int]:
    """A sort key: refusals about few values first, refusals that name no value last."""
    named = [path for path, _ in errors(refusal, operation) if path is not None]
    return (not named, len(named))


def _path(pointer: str, operation: Operation) -> str | None:
    """The path in a file of a pointer: `/publicProfile/bio/primary` is `bio.primary`."""
    steps = [step for step in pointer.lstrip("#$").replace(".", "/").split("/") if step]
    rows = table.PUBLIC if is_public(operation) else table.PRIVATE
    if steps[:1] == ["publicProfile"]:
        rows, steps = table.PUBLIC, steps[1:]
    if steps[:1] == ["isActive"]:
        return "status"
    row = next((row for row in rows if steps[:1] == [row.on_wire]), None)
    if row is None:
        return None
    inner = steps[1:] if row.field.sort is Sort.TEXTS else []
    return ".".join((row.name, *inner))


def message(response: Response) -> str:
    """The portal's own message, in any form of an error."""
    return short(_text(response.body))


def _text(body: Value) -> str:
    """All messages in an error, joined; "" if there are none."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_text, body)))
    if not isinstance(body, Mapping):
        return ""
    details = body.get("errors")
    parts: Iterable[Value] = (body.get("detail") or body.get("message") or body.get("title"),)
    if isinstance(details, list):
        parts = (*parts, details)
    text = "; ".join(filter(None, map(_text, parts)))
    other = body.get("error") or body.get("error_description")
    return text or (_text(other) if other else "")
