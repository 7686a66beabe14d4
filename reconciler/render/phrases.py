"""Numbers, values and requests in words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from reconciler.core.model import Plan, Step, Value

NOUNS: Mapping[str, str] = {
    "deactivate": "deactivation",
    "unlink": "unlink",
    "create": "creation",
    "update": "update",
    "link": "link",
    "bulk": "bulk request",
}
"""Operations and requests by their kind, those first that take an agent off a portal."""


CODE = re.compile(r"(?<!\S)`([^`\s][^`]*)`(?=[.,;:!?)]*(?:\s|$))")
"""Code in a sentence: a word or more between backticks."""


def clip(text: str, most: int) -> str:
    """At most so many characters of a text, cut between words where there are any."""
    if len(text) <= most:
        return text
    words, _, rest = text[:most].rpartition(" ")
    return f"{words if len(rest) < most // 4 else text[: most - 1]}…"


def code_parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a sentence, each with whether it is code."""
    for place, part in enumerate(CODE.split(text)):
        if part:
            yield part, bool(place % 2)


def plural(count: int, noun: str) -> str:
    """`1 link`, `2 links`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


EMPTY = "empty"
SHORT: Mapping[Value, str] = {None: "nothing", True: "on", False: "off"}


def words(value: Value) -> str:
    """A value in words."""
    if value is None or isinstance(value, bool):
        return SHORT[value]
    if isinstance(value, list):
        return ", ".join(map(_entry, value)) or SHORT[None]
    if isinstance(value, Mapping):
        return _picture(value) or ", ".join(
            f"{name}: {words(each)}" for name, each in value.items() if each is not None
        )
    if isinstance(value, str):
        return f"“{value}”" if value else EMPTY
    return str(value)


def _entry(value: Value) -> str:
    """An entry of a list; a mapping by its values."""
    return " ".join(map(str, value.values())) if isinstance(value, Mapping) else str(value)


def _picture(value: Mapping[str, Value]) -> str:
    """A picture by its id and address; "" for what is not a picture."""
    match value:
        case {"url": url, "id": number}:
            return f"picture {number} from {url}"
        case {"url": url}:
            return str(url)
        case {"id": number}:
            return f"picture {number}"
        case _:
            return ""


def price(plan: Plan) -> str:
    """What an apply costs: requests by kind, and the time under the portals' rate limits."""
    kinds = Counter(step.kind for step in plan.steps)
    listed = ", ".join(plural(kinds[kind], NOUNS[kind]) for kind in NOUNS if kinds[kind])
    owner = "portals'" if plan.several else "portal's"
    return (
        f"{plural(len(plan.steps), 'request')} ({listed}), "
        f"about {duration(plan.seconds)} within the {owner} rate limits."
    )


def duration(seconds: int) -> str:
    """`40 s`, `3 min`."""
    return f"{seconds} s" if seconds < 100 else f"{round(seconds / 60)} min"


def target(step: Step) -> str:
    """The head of a request: `POST /users/bulk, 3 operations, after r1`."""
    head = f"{step.request.method} {step.request.path}"
    if len(step.operations) > 1:
        head += f", {len(step.operations)} operations"
    return head + (f", after {', '.join(step.after)}" if step.after else "")


def bodies(step: Step) -> list[str]:
    """What a request carries, as JSON: a bulk by its operations; nothing where it has no body."""
    body = step.request.body
    listed = body.get("operations") if isinstance(body, Mapping) else None
    each = listed if isinstance(listed, list) else [body] if body is not None else []
    return [json.dumps(one, ensure_ascii=False) for one in each]
