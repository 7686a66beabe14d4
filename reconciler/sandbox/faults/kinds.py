"""Every kind of fault: where it applies, how it is carried out, how often it is drawn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from starlette.responses import Response

from reconciler.sandbox.faults import answers, effects, evidence, people
from reconciler.sandbox.faults.answers import Answer
from reconciler.sandbox.faults.target import Target


class Kind(NamedTuple):
    """A kind of fault: the requests it applies to, its effect and its weight in the draw."""

    applies: Callable[[Target], bool]
    carry_out: Callable[[Target], Awaitable[Response]]
    weight: float = 1


def _always(target: Target) -> bool:  # noqa: ARG001
    return True


def _on_rentix(target: Target) -> bool:
    return target.portal == "rentix"


def _reads(target: Target) -> bool:
    return target.call.method == "GET"


def _writes(target: Target) -> bool:
    return target.call.method != "GET"


def _repeatable(target: Target) -> bool:
    return target.call.method in ("PUT", "DELETE")


def _has_body(target: Target) -> bool:
    """Whether the response has a body: Property Finder may answer a PATCH without one."""
    patch_answer = target.state.propertyfinder.readings.patch_answer
    return target.call.method != "PATCH" or patch_answer == "200"


def _lists(target: Target) -> bool:
    return target.endpoint in ("GET /users", "GET /v1/users")


def _lists_users(target: Target) -> bool:
    store = target.state.store
    if target.endpoint == "GET /users":
        return len(store) > 0
    return target.endpoint == "GET /v1/users" and store.propertyfinder.page({}, 0, 1)[1] > 0


def _starts_list(target: Target) -> bool:
    """Whether this begins to read a list of two or more agents, and no old one is shown."""
    copy = target.memory.copies.get(target.portal)
    shows_truth = copy is None or copy.is_over(target.state.clock())
    starts = target.lists and not target.continues_list
    return starts and shows_truth and len(target.agents) > 1


def _updates(target: Target) -> bool:
    return _writes_agents(target) and target.endpoint != "POST /v1/users"


def _writes_agents(target: Target) -> bool:
    return _writes(target) and target.exchange.route.kind != "token"


def _may_be_edited(target: Target) -> bool:
    return target.exchange.route.kind != "token" and len(target.agents) > 0


def _names_agents(target: Target) -> bool:
    """Whether the response names an agent, and another one exists."""
    return _writes_agents(target) and _has_body(target) and len(target.agents) > 1


def _is_about_one(target: Target) -> bool:
    """Whether the call names one live agent by id, and could name another."""
    return evidence.subject(target) is not None and len(evidence.others(target)) > 0


def _changes_one(target: Target) -> bool:
    return _writes(target) and _is_about_one(target)


def _shows_one(target: Target) -> bool:
    return _reads(target) and _is_about_one(target)


def _uses_token(target: Target) -> bool:
    return target.portal == "propertyfinder" and target.exchange.route.kind != "token"


def _is_bulk(target: Target) -> bool:
    return 1 < len(target.operations) <= target.state.limits.bulk_limit


def _imports_picture(target: Target) -> bool:
    """Whether the call imports a picture from a URL, and imports are immediate."""
    if not _writes(target) or not isinstance(target.call.body, dict):
        return False
    if target.portal == "rentix":
        pictures = [each.get("avatar") for each in target.operations or [target.call.body]]
        urls = [picture.get("url") for picture in pictures if isinstance(picture, dict)]
        return target.state.readings.avatar_import == "at-once" and any(urls)
    body = target.call.body
    profile = body.get("publicProfile") if target.endpoint == "POST /v1/users" else body
    at_once = target.state.propertyfinder.readings.picture_import == "at-once"
    return at_once and isinstance(profile, dict) and bool(profile.get("imageUrl"))


_FAILURES: dict[str, Answer] = {
    "500": answers.server_error,
    "502 with HTML": partial(answers.page, "502 Bad Gateway", 502),
    "503": partial(answers.text, "Service Unavailable", 503),
    "503 with Retry-After": answers.unavailable,
    "504": partial(answers.page, "504 Gateway Time-out", 504),
    "200 with HTML": partial(answers.page, "We will be back soon", 200),
}
_AMBIGUOUS: dict[str, Answer] = {
    "303": answers.see_other,
    "408": partial(answers.text, "Request Timeout", 408),
    "421": partial(answers.text, "Misdirected Request", 421),
    "425": partial(answers.text, "Too Early", 425),
    "499": partial(answers.text, "Client Closed Request", 499),
}
"""Answers of a gateway that do not say whether the portal carried out the call."""
_REFUSALS: dict[str, tuple[Callable[[Target], bool], Answer]] = {
    "429 with Retry-After": (_always, partial(answers.too_many, "seconds")),
    "429 with a date": (_always, partial(answers.too_many, "date")),
    "429 with X-RateLimit-Reset only": (_on_rentix, partial(answers.too_many, "absent")),
    "429 without headers": (_always, partial(answers.text, "Too Many Requests", 429)),
}

KINDS: dict[str, Kind] = {
    **{name: Kind(_always, partial(effects.instead, each)) for name, each in _FAILURES.items()},
    **{
        name: Kind(applies, partial(effects.instead, each))
        for name, (applies, each) in _REFUSALS.items()
    },
    "dropped": Kind(_always, effects.dropped),
    "slow": Kind(_reads, effects.done_late),
    "done late": Kind(_writes, effects.done_late, 2),
    **{
        f"done, then {name}": Kind(_writes, partial(effects.done_then, each))
        for name, each in _FAILURES.items()
    },
    "done, then empty 200": Kind(_always, partial(effects.done_then, answers.empty)),
    "done, then dropped": Kind(_writes, effects.done_and_dropped, 2),
    "done, then slow": Kind(_writes, effects.answered_late, 2),
    "done twice": Kind(_repeatable, effects.done_twice),
    "truncated": Kind(_has_body, effects.truncated, 2),
    "wrong type": Kind(_has_body, effects.wrong_type, 2),
    "wrong type in a user": Kind(_lists_users, effects.wrong_type_in_user, 3),
    "user missing from the list": Kind(_lists_users, effects.incomplete_list, 3),
    "same page again": Kind(_lists, effects.repeated_page, 3),
    "results reordered": Kind(_is_bulk, partial(effects.altered_results, effects.reorder), 3),
    "result missing": Kind(_is_bulk, partial(effects.altered_results, effects.remove_one), 3),
    "result repeated": Kind(_is_bulk, partial(effects.altered_results, effects.repeat_one), 3),
    "half done, then 500": Kind(_is_bulk, partial(effects.half_done, False), 3),
    "half done, then 500 with results": Kind(_is_bulk, partial(effects.half_done, True), 3),
    "operation failed with 500": Kind(_is_bulk, partial(effects.one_failed, 500), 3),
    "operation failed with 429": Kind(_is_bulk, partial(effects.one_failed, 429), 3),
    "bulk limit lowered": Kind(_is_bulk, effects.lower_bulk_limit, 2),
    "window used up": Kind(_always, effects.full_window),
    "tokens revoked": Kind(_uses_token, effects.revoked_tokens, 2),
    "late picture": Kind(_imports_picture, effects.late_picture, 2),
    **{
        name: Kind(_always, partial(effects.instead, each), 0.3)
        for name, each in _AMBIGUOUS.items()
    },
    **{
        f"done, then {name}": Kind(_writes, partial(effects.done_then, each), 0.3)
        for name, each in _AMBIGUOUS.items()
    },
    "lost": Kind(_updates, partial(evidence.lost, evidence.every), 2),
    "lost for good": Kind(_updates, partial(evidence.lost, evidence.for_good), 0.3),
    "one value lost": Kind(_updates, evidence.one_value_lost, 2),
    "one operation lost": Kind(_is_bulk, partial(evidence.lost, evidence.one), 3),
    "half of the operations lost": Kind(_is_bulk, partial(evidence.lost, evidence.half), 3),
    "lists lag": Kind(_writes_agents, partial(evidence.lagging, (1, 4), (0, 0), False)),
    "lists lag for seconds": Kind(_writes_agents, evidence.lagging_for_seconds),
    "reads lag": Kind(_writes_agents, partial(evidence.lagging, (1, 4), (1, 4), False)),
    "second node lags": Kind(_writes_agents, partial(evidence.lagging, (6, 6), (6, 6), True)),
    "list cut short": Kind(_starts_list, partial(evidence.cut_short, False)),
    "empty list": Kind(_starts_list, partial(evidence.cut_short, True)),
    "edited before": Kind(_may_be_edited, people.before),
    "edited after": Kind(_may_be_edited, people.after),
    "names another agent": Kind(_names_agents, evidence.names_another),
    "another agent changed": Kind(_changes_one, partial(evidence.changes_another, False), 0.5),
    "another agent changed and named": Kind(
        _changes_one, partial(evidence.changes_another, True), 0.5
    ),
    "another agent shown": Kind(_shows_one, evidence.shows_another),
}
"""Every kind of fault by its name in the log; "done" means that the call takes effect first."""
