"""Plans, reports and problems with whatever text is put into them."""

from __future__ import annotations

import re
import signal
import unicodedata
from contextlib import contextmanager

import pytest

from reconciler.core.model import (
    Candidate,
    Change,
    Conflict,
    Entry,
    Operation,
    Outcome,
    Plan,
    Report,
    Request,
    Source,
    Step,
    Unmet,
    Warning,
)
from reconciler.core.plan_json import form
from reconciler.core.selection import Selection
from reconciler.errors import Problem

STYLE = re.compile("\x1b\\[[0-9;]*m")
"""What a style of ours looks like on a terminal."""


def plan(text, *, path="description.ru"):
    """A plan in which everything that comes from elsewhere is this text."""
    place = Source(text, 3)
    changes = (
        Change("name", None, text),
        Change("name", text, text + text),
        Change(path, text * 3 + "a b", "c d " + text * 3, "different", "drift"),
        Change("avatar", {"id": 3, "url": text}, {"url": text}, "unreadable"),
        Change("settings.contact_telegram", True, False),
        Change("settings.contact_whatsapp", text, None),
        Change("description", {"ru": text, "en": None}, None),
    )
    operation = Operation("update:1", "update", "rentix", text, place, 1, text, {"name": text})
    entries = tuple(
        Entry("rentix", text, number, text, each, "id", actions, changes, None, text)
        for number, each, actions in (
            (1, place, ("update",)),
            (None, place, ("create",)),
            (2, None, ("unlink",)),
            (3, place, ("unlink", "link", "update")),
        )
    )
    body = {"operations": [{"op": "upsert", "id": 1, "name": text}] * 2}
    return Plan(
        entries=entries,
        steps=(
            Step("r1", Request("POST", f"/users/{text}/link", {"externalId": text}), (operation,)),
            Step("r2", Request("DELETE", "/users/1/link"), (operation,), ("r1",)),
            Step("r3", Request("POST", "/users/bulk", body), (operation, operation), ("r1", "r2")),
        ),
        conflicts=(
            Conflict("rentix", text, place, text, (Candidate(1, text, text),)),
            Conflict("rentix", text, None, text),
        ),
        warnings=(
            Warning("rentix", text, place, text),
            Warning("rentix", text, None, text),
        ),
        declared=9,
        unchanged=3,
        waiting=(("rentix", text),),
        complete=False,
        over_limits=(text,),
        seconds=400,
    )


def whole(made, name="agent-*"):
    """A plan's form."""
    return form(made, Selection((name,), (name,)), ("rentix",), "0.1.0")


def report(text):
    """A report in which everything that comes from elsewhere is this text."""
    place = Source(text, 3)
    outcomes = tuple(
        (
            "r1",
            Outcome(Operation("update:1", "update", "rentix", text, each, 1), status, 400, text, 1),
        )
        for status in ("applied", "failed", "skipped", "unknown", "waiting")
        for each in (place, None)
    )
    return Report(
        outcomes,
        checked=3,
        as_declared=2,
        unmet=(
            Unmet("rentix", text, place, "name", text, text + text),
            Unmet("rentix", text, None, "avatar", {"url": text}, None),
        ),
        stale=(Conflict("rentix", text, place, text),),
        plan=plan(text),
        interrupted=True,
        notes=(text,),
    )


def problems(text):
    """Problems in a file of this name, with this text everywhere."""
    return [
        Problem(text, 3, 2, text, f"name: {text}", text),
        Problem("agents/a.yaml", 4, 1, f"{text} 2"),
        Problem("agents/a.yaml", 4, 90, text, text * 30, text),
    ]


def steering(shown):
    """The characters that can steer a terminal, or end a line unseen; our own styles aside."""
    rest = STYLE.sub("", shown)
    marks = (
        "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    )
    return [
        hex(ord(each))
        for each in rest
        if each in marks or (unicodedata.category(each) in ("Cc", "Cs") and each != "\n")
    ]


def cells(line):
    """The columns that a line takes on a terminal."""
    return sum(
        0
        if unicodedata.category(each) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(each) in "WF"
        else 1
        for each in line
    )


def squeezed(text):
    """A text without its blanks, which wrapping may take."""
    return re.sub(r"\s", "", text)


@contextmanager
def within(seconds):
    """Fails if the block takes more CPU time; the time of others does not count."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    late = False
    try:
        yield
    except TimeoutError:
        late = True
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    if late:
        # Afresh: a traceback from the midst of a line is more than pytest can print.
        pytest.fail(f"not done after {seconds} s", pytrace=False)
