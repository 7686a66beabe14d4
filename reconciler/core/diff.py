"""Declared values against live ones: declared paths only, nothing else is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.fields import Field, Sort, Verdict, canonical, parent, shown
from reconciler.core.model import (
    Change,
    FieldState,
    Kind,
    Live,
    Match,
    PortalState,
    Unmet,
    Value,
    Warning,
)
from reconciler.core.state import attribution, covers, is_as_before, judge, known, trace

NOWHERE = object()
"""No portal shows this: what `get` gives for a path that is not there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be changed for one agent, what its reader has to know, and (`untaken`) what the
    portal was given before and does not show."""

    changes: tuple[Change, ...]
    warnings: tuple[Warning, ...]
    untaken: tuple[Unmet, ...]


SAME = Difference((), (), ())


def diff(
    found: Match, fields: Mapping[str, Field], prior: PortalState, *, hold: bool
) -> Difference:
    """Compare one declared agent with its live one.

    `memory` is the evidence for what the portal does not say back. With `hold`, a value that
    cannot be compared and was never applied from here is left alone, and a warning says so.
    """
    desired, live = found.desired, found.live
    remembered = prior.agents.get(str(live.id))
    suspects = [  # nearly nobody has one, so before anything dearer
        path
        for path, want in desired.values.items()
        if live.values.get(path, NOWHERE) != want
        or (remembered is not None and path in fields and fields[path].sort is Sort.TEXTS)
    ]
    if not suspects:
        return SAME
    changes: list[Change] = []
    warnings: list[Warning] = []
    untaken: list[Unmet] = []
    held: list[Change] = []
    for path in suspects:
        field, want = fields[parent(path)], desired.values[path]
        verdict = judge(field, path, desired, live, remembered)
        if verdict is Verdict.SAME:
            continue
        kept = trace(field, path, live, remembered)
        if covers(field, path, want, live, kept, verdict):
            unseen = (
                field.late
                and kept is not None
                and kept.shown is None
                and is_as_before(field, path, live, kept)
            )
            if unseen or verdict is Verdict.DIFFERENT:  # what it cannot show needs no word
                untaken.append(_untaken(field, path, found))
        else:
            kind: Kind = "unreadable" if verdict is Verdict.UNREADABLE else "different"
            before = _before(field, path, live, kept)
            whose = attribution(field, path, live, prior, remembered)
            changes.append(Change(path, before, want, kind, whose))
            if hold and kind == "unreadable" and kept is None:
                held.append(changes[-1])
    # A text goes out whole, so what is held back of it goes along where another language goes.
    going = {parent(change.path) for change in changes if change not in held}
    held = [change for change in held if parent(change.path) not in going]
    changes = [change for change in changes if change not in held]
    for change in held:
        message = f"{change.path} cannot be compared with what the portal shows: it is held back."
        warnings.append(_warning(found, change.path, message))
    # One string that is none of three declared languages is one thing to tell, not three.
    untaken = list({each.path: each for each in untaken}.values())
    warnings += [_warning(found, each.path, not_taken(fields, each)) for each in untaken]
    warnings += _unseen_languages(found, fields, changes)
    return (
        Difference(tuple(changes), tuple(warnings), tuple(untaken)) if changes or warnings else SAME
    )


def _warning(found: Match, path: str, message: str) -> Warning:
    desired = found.desired
    return Warning(desired.portal, desired.key, desired.at(path), message)


def _untaken(field: Field, path: str, found: Match) -> Unmet:
    desired, live = found.desired, found.live
    want, have = desired.values[path], canonical(field, shown(field, path, live))
    if field.sort is Sort.TEXTS and path not in live.values and path != field.name:
        parts = ((part, desired.values.get(f"{field.name}.{part}")) for part in field.parts)
        path, want = field.name, {part: text for part, text in parts if text is not None}
    return Unmet(desired.portal, desired.key, desired.at(path), path, want, have)


def not_taken(fields: Mapping[str, Field], unmet: Unmet) -> str:
    """What to tell of a value that the portal was given and does not show."""
    if fields[parent(unmet.path)].late and isinstance(unmet.declared, Mapping):
        return (
            f"{unmet.path}: the portal does not show the new picture yet. It may still be "
            f"importing it; if this stays, check that the address leads to a picture."
        )
    advice = fields[parent(unmet.path)].advice or (
        "declare what the portal shows, or another value. If somebody changed it there right after "
        "the apply, change it back there."
    )
    return (
        f"{unmet.path}: the portal was given {_quoted(unmet.declared)} and shows "
        f"{_quoted(unmet.live)}. It is not sent again; {advice}"
    )


def _quoted(value: Value) -> str:
    if value is None:
        return "nothing"
    texts = value.values() if isinstance(value, Mapping) else [value]
    said = " / ".join(map(str, texts))
    return f"“{said if len(said) <= 60 else said[:59] + '…'}”"


def _before(field: Field, path: str, live: Live, kept: FieldState | None) -> Value:
    """What to show as the old side: the portal's word, or the remembered value behind it."""
    have = shown(field, path, live)
    remembered = kept.value if kept is not None and known(field, path, live, kept) else None
    if field.sort is Sort.PICTURE:
        if isinstance(have, Mapping):
            have = canonical(field, have)
            if isinstance(remembered, Mapping) and "url" in remembered:
                have = {**have, "url": remembered["url"]}
        return have
    return remembered if remembered is not None and path not in live.values else have


def _unseen_languages(
    found: Match, fields: Mapping[str, Field], changes: list[Change]
) -> list[Warning]:
    """One warning for each text of which some languages are sent and the others cannot be seen."""
    warnings = []
    for field in fields.values():
        if field.sort is not Sort.TEXTS or field.name in found.desired.values:
            continue
        sent = [change for change in changes if parent(change.path) == field.name]
        left = [part for part in field.parts if f"{field.name}.{part}" not in found.desired.values]
        if sent and left and not _shows_languages(found.live, field, left):
            message = (
                f"{field.name}: the portal shows one text and not which languages it has. "
                f"What it has in {', '.join(left)} may be lost; "
                f"declare {_those(left)} too to be sure."
            )
            warnings.append(_warning(found, field.name, message))
    return warnings


def _those(left: list[str]) -> str:
    return "that language" if len(left) == 1 else "those languages"


def _shows_languages(live: Live, field: Field, left: Sequence[str]) -> bool:
    """Whether the portal shows each of these languages, or nothing at all that could be lost."""
    if field.name in live.values:
        return not live.values[field.name]
    return all(f"{field.name}.{part}" in live.values for part in left)
