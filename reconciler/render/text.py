"""Plans and reports for a person at a terminal, wrapped to its width."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence

from reconciler.core.model import Outcome, Plan, Report, Source, Status
from reconciler.errors import Problem
from reconciler.render.view import Line, Row, plural, price, rows, sent, totals, words
from reconciler.render.visible import one_line, visible

Span = tuple[str, str]
"""A run of text and its style."""

STYLES = {"+": "green", "~": "yellow", "-": "bold red"}
PIECES = {
    "same": ("", "", ""),
    "gap": ("", "", "dim"),
    "old": ("[-", "-]", "red"),
    "new": ("{+", "+}", "green"),
}
STATUSES: tuple[Status, ...] = ("applied", "failed", "skipped", "unknown", "waiting")
CLIP = 400
"""Characters of one value that the text output shows; the JSON has all."""


def plan(made: Plan, *, width: int, color: bool) -> str:
    """A plan: who changes and how, who cannot, what to know, what it costs."""
    page = _Page(width, color=color)
    for row in rows(made.entries):
        _row(page, row)
    for each in made.conflicts:
        page.item("!", "bold red", _who(each.key, each.source), f"conflict: {each.reason}")
    for note in made.warnings:
        page.item("?", "yellow", _who(note.key, note.source), note.message)
    if made.conflicts or made.warnings:
        page.blank()
    for said in made.excess:
        page.item(
            "!",
            "bold red",
            "over the limits",
            f"{said}. An apply asks for --force, or for a plan that was saved.",
        )
    if not made.complete:
        page.item("!", "bold red", "incomplete", "the portal listed only a part of its agents.")
    page.line(totals(made), "bold")
    if made.steps:
        page.line(price(made))
    return page.text()


def drift(made: Plan, *, width: int, color: bool) -> str:
    """What somebody changed on the portal: the files' side first, then what the portal shows."""
    page = _Page(width, color=color)
    for row in rows(made.entries):
        page.item(row.mark, STYLES[row.mark], row.key, f" {row.name}")
        page.indented(row.where, 2, "dim")
        page.changes((line.path, _drifted(line)) for line in row.lines)
        page.blank()
    for each in made.conflicts:
        page.item("!", "bold red", _who(each.key, each.source), f"conflict: {each.reason}")
    for note in made.warnings:
        page.item("!", "bold red", _who(note.key, note.source), note.message)
    count = len(made.entries) + len(made.conflicts) + len(made.warnings)
    if not count:
        page.line("No drift: the portal shows nothing that somebody changed there.", "bold")
        return page.text()
    page.line(f"Drift: {plural(count, 'agent')} changed on the portal.", "bold")
    if made.entries:
        page.line("`reconciler apply` puts it back. To keep it, write it into the file.")
    return page.text()


def _drifted(line: Line) -> list[Span]:
    return [
        ("file ", "dim"),
        (one_line(_clip(line.new)), "green"),
        (", portal now ", "dim"),
        (one_line(_clip(line.old)), "red"),
    ]


def requests(made: Plan, *, width: int, color: bool) -> str:
    """Every request of a plan as it would be sent."""
    page = _Page(width, color=color)
    for step in made.steps:
        page.line(f"{step.id}  {sent(step)}", "bold")
        body = step.request.body
        listed = body.get("operations") if isinstance(body, dict) else None
        for each in listed if isinstance(listed, list) else [body] if body is not None else []:
            said = json.dumps(each, ensure_ascii=False)
            page.indented(one_line(said), 4)
    return page.text()


def report(done: Report, *, width: int, color: bool) -> str:
    """What an apply did: failures first by name, then the counts, then the check."""
    page = _Page(width, color=color)
    outcomes = [outcome for _, outcome in done.outcomes]
    for key, verbs in _applied(outcomes) if done.interrupted else ():
        page.item("✓", "green", key, f"applied: {verbs}")
    quiet = {"applied", "skipped"} if done.interrupted else {"applied"}
    for outcome in outcomes:
        if outcome.status not in quiet:
            verb, who = outcome.operation.verb, outcome.operation
            mark = "?" if outcome.status == "waiting" else "!"
            said = f"{verb} {outcome.status}: {outcome.error}"
            page.item(mark, "bold red", _who(who.key, who.source), said)
    for each in done.stale:
        said = f"left out, its plan is stale: {each.reason}"
        page.item("!", "bold red", _who(each.key, each.source), said)
    for value in done.unmet if done.outcomes else ():
        said = (
            f"{value.path} is not as declared: the portal shows {_clip(words(value.live))} "
            f"where the file says {_clip(words(value.declared))}"
        )
        page.item("?", "yellow", _who(value.key, value.source), said)
    counted = [f"{done.count(each)} {each}" for each in STATUSES if done.count(each)]
    if counted:
        page.line(f"Operations: {', '.join(counted)}.", "bold")
    page.line(*_verdict(done))
    for note in done.notes:
        page.line(note, "yellow")
    return page.text()


def _verdict(done: Report) -> tuple[str, str]:
    """How it ended, in one line, and its style."""
    if done.interrupted:
        return "Interrupted. Run again for what was not applied.", "bold"
    if not done.outcomes:
        return "Nothing was sent.", "bold"
    if done.checked is None:
        return "The outcome was not checked.", "yellow"
    good = done.as_declared == done.checked
    said = f"verified: {done.as_declared} of {done.checked} as declared"
    return said, "green" if good else "yellow"


def _applied(outcomes: Iterable[Outcome]) -> Iterable[tuple[str, str]]:
    """Each agent with what was done for it: `link, update`."""
    verbs: dict[str, list[str]] = {}
    for each in outcomes:
        if each.status == "applied":
            verbs.setdefault(each.operation.key, []).append(each.operation.verb)
    return ((key, ", ".join(done)) for key, done in verbs.items())


def problems(found: Sequence[Problem], *, color: bool) -> str:
    """Everything wrong in the files, each with its line and the fix, in the order of the files."""
    page = _Page(1000, color=color)
    for each in found:
        place = f"{one_line(each.file)}:{each.line}:{each.column}"
        page.line(f"{place}: {one_line(each.message)}", "bold red", raw=True)
        if each.excerpt:
            shown, column = _window(each.excerpt, each.column)
            page.line(f"    {shown}", raw=True)
            page.line(f"    {' ' * column}^", "red", raw=True)
        if each.hint:
            page.line(f"    {one_line(each.hint)}", "green", raw=True)
    files = len({each.file for each in found})
    page.line(f"{plural(len(found), 'problem')} in {plural(files, 'file')}.", "bold")
    return page.text()


def _window(excerpt: str, column: int) -> tuple[str, int]:
    """The part of a line around a column that fits on a screen, and the place for the caret."""
    from rich.cells import cell_len  # noqa: PLC0415 - see _Page

    at = min(column - 1, len(excerpt))
    start = max(0, at - 50)
    cut = excerpt[start : start + 72]
    before = visible(cut[: at - start]).replace("\t", " ").replace("\n", " ")
    whole = visible(cut).replace("\t", " ").replace("\n", " ")
    lead = "…" if start else ""
    return f"{lead}{whole}", cell_len(lead + before)


def _who(key: str, source: Source | None) -> str:
    return f"{key} ({source})" if source else key


def _clip(said: str) -> str:
    return said if len(said) <= CLIP else f"{said[: CLIP - 1]}…"


def _row(page: _Page, row: Row) -> None:
    page.item(row.mark, STYLES[row.mark], row.key, f" {row.name}  ({row.actions})")
    page.indented(f"{row.where} · {row.reason}", 2, "dim")
    page.changes((line.path, _sides(line)) for line in row.lines)
    page.blank()


def _sides(line: Line) -> list[Span]:
    """Both sides of a change, as runs of text with their styles."""
    spans: list[Span] = []
    for kind, text in line.pieces:
        before, after, style = PIECES[kind]
        spans.append((before + _spaced(_clip(text)) + after, style))
    if not line.pieces:
        spans = [
            (one_line(_clip(line.old)), "red"),
            (" → ", ""),
            (one_line(_clip(line.new)), "green"),
        ]
    if line.note:
        spans.append((f"  ({line.note})", "dim"))
    return spans


class _Page:
    """Lines that are wrapped to a width and styled by rich.

    It is imported here, where there is something to show: 40 ms that `validate` has not to pay.
    A line that fits is written as it is: wrapping costs a hundred times as much, and a plan can
    have ten thousand agents.
    """

    def __init__(self, width: int, *, color: bool) -> None:
        from rich.cells import cell_len  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415

        self.file = io.StringIO()
        self.width = width
        self.color = color
        self.cells = cell_len
        self.console = Console(
            file=self.file,
            width=width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def text(self) -> str:
        lines = self.file.getvalue().split("\n")
        return "\n".join(line.rstrip(" ") for line in lines).rstrip("\n") + "\n"

    def blank(self) -> None:
        self.file.write("\n")

    def line(self, said: str, style: str = "", *, raw: bool = False) -> None:
        self.spans([(said if raw else one_line(said), style)], 0, wrap=not raw)

    def indented(self, said: str, by: int, style: str = "") -> None:
        self.spans([(" " * by, ""), (one_line(said), style)], by)

    def item(self, mark: str, style: str, who: str, said: str) -> None:
        self.spans(
            [
                (mark, style),
                (" ", ""),
                (one_line(who), "bold"),
                (" ", ""),
                (one_line(said, strip=False), ""),
            ],
            2,
        )

    def changes(self, rows: Iterable[tuple[str, list[Span]]]) -> None:
        """The values of one agent, their paths in a column."""
        shown = [(one_line(path), spans) for path, spans in rows]
        column = max((self.cells(path) for path, _ in shown), default=0)
        for path, spans in shown:
            gap = " " * (column - self.cells(path) + 2)
            self.spans([(f"    {path}{gap}", ""), *spans], column + 6)

    def spans(self, spans: list[Span], hang: int, *, wrap: bool = True) -> None:
        """One line of text in several styles; where it has to be broken, it goes on `hang` cells
        from the left (a quarter of the width at most)."""
        from rich.style import Style  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        if not wrap or sum(self.cells(text) for text, _ in spans) <= self.width:
            for text, style in spans:
                shown = Style.parse(style).render(text) if self.color and style else text
                self.file.write(shown)
            self.file.write("\n")
            return
        hang = min(hang, self.width // 2)
        whole = Text.assemble(*spans)
        first = whole.wrap(self.console, self.width, overflow="fold")[0]
        self.console.print(first, soft_wrap=True)
        rest = whole[len(first.plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
        for line in rest.wrap(self.console, self.width - hang, overflow="fold"):
            self.file.write(" " * hang)
            self.console.print(line, soft_wrap=True)


def _spaced(text: str) -> str:
    """The text on one line, with the blanks around it that keep words apart."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    return f"{lead}{one_line(text)}{trail}"
