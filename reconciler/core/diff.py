"""Declared values against live ones. Only declared paths are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.catalogue import Catalogue
from reconciler.core.fields import Field, Sort, Verdict, arrives_late, canonical, parent, shown
from reconciler.core.findings import Findings, Scope, sentence_list
from reconciler.core.forms import is_form
from reconciler.core.model import (
    AgentState,
    Change,
    FieldState,
    Live,
    Match,
    PortalState,
    Unmet,
    Value,
    Warning,
)
from reconciler.core.state import attribution, covers, field_state, is_as_before, judge, known

MISSING = object()
"""The live value of a path that the portal never shows."""
LONGEST_QUOTE = 60
"""Characters of a value that a warning quotes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes of one agent, its warnings, and the values that the portal does not show and that
    are not sent (`not_taken`): they were sent before, or it cannot clear them."""

    changes: tuple[Change, ...]
    warnings: tuple[Warning, ...]
    not_taken: tuple[Unmet, ...]


SAME = Difference((), (), ())


def diff_all(scope: Scope, findings: Findings) -> dict[str, tuple[Change, ...]]:
    """The changes of each matched agent, by key. Adds the warnings and the values not taken."""
    changes = {}
    for found in scope.matches:
        difference = diff(found, scope.prior, scope.catalogue)
        changes[found.desired.key] = difference.changes
        findings.warnings += difference.warnings
        findings.not_taken += difference.not_taken
    return changes


def diff(found: Match, prior: PortalState, catalogue: Catalogue) -> Difference:
    """Compare one declared agent with its live one.

    `prior` is the evidence for values that the portal does not return. If the policy holds
    unreadable values, one that was never applied from here is left unchanged, with a warning.
    """
    recorded = prior.agents.get(str(found.live.id))
    suspects = _suspects(found, recorded, catalogue)
    if not suspects:
        return SAME
    settled: list[_Compared] = []
    differing: list[_Compared] = []
    fixed: list[_Compared] = []
    for path in suspects:
        value = _compared(found, path, recorded, catalogue.field(path))
        if value.verdict is Verdict.SAME:
            continue
        if value.want is None and not value.field.clearable:
            fixed.append(value)
        else:
            (settled if value.is_covered(found.live) else differing).append(value)
    changes = [_change(value, found.live, prior, recorded) for value in differing]
    held = _held(changes, differing) if catalogue.policy.hold else []
    changes = [change for change in changes if change not in held]
    not_taken = _not_taken(settled, found)
    if not (changes or held or not_taken or fixed):
        return SAME
    warnings = (
        *(_warning(found, each.path, _fixed_message(each, found.live)) for each in fixed),
        *(_hold_warning(found, change.path) for change in held),
        *(_warning(found, each.path, not_taken_message(catalogue, each)) for each in not_taken),
        *_hidden_languages(found, catalogue, changes),
    )
    drifted = (
        replace(_unmet(each, found), fixed=True)
        for each in fixed
        if attribution(each.field, each.path, found.live, prior, recorded) == "drift"
    )
    return Difference(tuple(changes), warnings, (*not_taken, *drifted))


@dataclass(frozen=True, slots=True)
class _Compared:
    """One declared value, the ledger's record of it, and how it compares with the live value."""

    field: Field
    path: str
    want: Value
    recorded: FieldState | None
    verdict: Verdict

    def is_covered(self, live: Live) -> bool:
        """Whether the ledger shows that the portal has the value, although it does not show it."""
        return covers(self.field, self.path, self.want, live, self.recorded, self.verdict)

    def is_late(self, live: Live) -> bool:
        """Whether the portal still shows what it showed before the value was applied."""
        return (
            arrives_late(self.field, self.want)
            and self.recorded is not None
            and self.recorded.shown is None
            and is_as_before(self.field, self.path, live, self.recorded)
        )


def _suspects(found: Match, recorded: AgentState | None, catalogue: Catalogue) -> list[str]:
    """The paths that may differ: nearly always none, so this comes before anything expensive."""
    live, fields = found.live, catalogue.by_name
    return [
        path
        for path, want in found.desired.values.items()
        if live.values.get(path, MISSING) != want
        or (recorded is not None and path in fields and fields[path].sort is Sort.TEXTS)
    ]


def _compared(found: Match, path: str, recorded: AgentState | None, field: Field) -> _Compared:
    verdict = judge(field, path, found.desired, found.live, recorded)
    state = field_state(field, path, found.live, recorded)
    return _Compared(field, path, found.desired.values[path], state, verdict)


def _change(
    value: _Compared, live: Live, prior: PortalState, recorded: AgentState | None
) -> Change:
    return Change(
        value.path,
        _before(value.field, value.path, live, value.recorded),
        value.want,
        "unreadable" if value.verdict is Verdict.UNREADABLE else "different",
        attribution(value.field, value.path, live, prior, recorded),
        value.field.public,
    )


def _held(changes: Sequence[Change], values: Sequence[_Compared]) -> list[Change]:
    """The changes to hold: unreadable and never applied, unless their field is sent anyway because
    another language of it changes."""
    held = [
        change
        for change, value in zip(changes, values, strict=True)
        if change.kind == "unreadable" and value.recorded is None
    ]
    sent = {parent(change.path) for change in changes if change not in held}
    return [change for change in held if parent(change.path) not in sent]


def _not_taken(settled: Iterable[_Compared], found: Match) -> list[Unmet]:
    """The values that were applied and are not shown, one for each field that is shown whole."""
    unmet = [
        _unmet(value, found)
        for value in settled
        if value.verdict is Verdict.DIFFERENT or value.is_late(found.live)
    ]
    return list({each.path: each for each in unmet}.values())


def _unmet(value: _Compared, found: Match) -> Unmet:
    desired, live, field = found.desired, found.live, value.field
    path, want, have = value.path, value.want, canonical(field, shown(field, value.path, live))
    if field.sort is Sort.TEXTS and path not in live.values and path != field.name:
        texts = ((part, desired.values.get(f"{field.name}.{part}")) for part in field.parts)
        path, want = field.name, {part: text for part, text in texts if text is not None}
    return Unmet(
        desired.portal,
        desired.key,
        desired.at(path),
        path,
        want,
        have,
        form=is_form(field, value.path, desired, live),
        late=value.is_late(live),
        public=field.public,
    )


def _before(field: Field, path: str, live: Live, recorded: FieldState | None) -> Value:
    """The old side of a change: what the portal shows, or the recorded value behind it."""
    have = shown(field, path, live)
    value = recorded.value if recorded and known(field, path, live, recorded) else None
    if field.sort is not Sort.PICTURE:
        return value if value is not None and path not in live.values else have
    if not isinstance(have, Mapping):
        return have
    url = {"url": value["url"]} if isinstance(value, Mapping) and "url" in value else {}
    return {**canonical(field, have), **url}


# -- warnings -------------------------------------------------------------------------------------


def _warning(found: Match, path: str, message: str) -> Warning:
    desired = found.desired
    return Warning(desired.portal, desired.key, desired.at(path), message)


def _hold_warning(found: Match, path: str) -> Warning:
    message = (
        f"{path}: not sent, because the portal does not show it and it was never applied from here "
        f"(`unreadable: hold`)."
    )
    return _warning(found, path, message)


def _fixed_message(value: _Compared, live: Live) -> str:
    """The warning about a value that the portal cannot clear."""
    have = shown(value.field, value.path, live)
    state = f"keeps {quoted(have)}" if have is not None else "keeps it if there is one"
    return (
        f"{value.path}: the portal has no way to clear it, so null is not sent and the agent "
        f"{state}. Clear it on the portal, or delete this line."
    )


def not_taken_message(catalogue: Catalogue, unmet: Unmet) -> str:
    """The warning about a value that was sent and that the portal does not show."""
    if unmet.late:
        return (
            f"{unmet.path}: the portal does not show the new picture yet. It may still be "
            f"importing it. If this persists, check that the address returns a picture."
        )
    sent = "null" if unmet.declared is None else quoted(unmet.declared)
    if unmet.form:
        return f"{unmet.path}: the portal shows {sent} in its own form, {quoted(unmet.live)}."
    advice = (
        catalogue.field(unmet.path).advice or "declare what the portal shows, or another value."
    )
    return (
        f"{unmet.path}: {sent} was sent, but the portal shows {quoted(unmet.live)}. It is not "
        f"sent again until the file or the portal changes; {advice}"
    )


def quoted(value: Value) -> str:
    """A value in a sentence, cut to a length that can be read."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "on" if value else "off"
        case {"id": number}:
            return f"picture {number}"
    text = ", ".join(map(_words, value)) if isinstance(value, list) else _words(value)
    return f"“{text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + '…'}”"


def _words(value: Value) -> str:
    return " / ".join(map(str, value.values())) if isinstance(value, Mapping) else str(value)


def _hidden_languages(
    found: Match, catalogue: Catalogue, changes: Sequence[Change]
) -> list[Warning]:
    """A warning for each text of which some languages are sent and the others are not shown."""
    warnings = []
    for field in catalogue.fields:
        if field.sort is not Sort.TEXTS or field.name in found.desired.values:
            continue
        sent = any(parent(change.path) == field.name for change in changes)
        left = [part for part in field.parts if f"{field.name}.{part}" not in found.desired.values]
        if sent and left and not _shows_languages(found.live, field, left):
            languages = sentence_list(left)
            message = (
                f"{field.name}: the portal shows a single text without its languages, so its text "
                f"in {languages} may be lost. Declare {languages} too."
            )
            warnings.append(_warning(found, field.name, message))
    return warnings


def _shows_languages(live: Live, field: Field, left: Sequence[str]) -> bool:
    """Whether the portal shows each of these languages, or no text that could be lost."""
    if field.name in live.values:
        return not live.values[field.name]
    return all(f"{field.name}.{part}" in live.values for part in left)
