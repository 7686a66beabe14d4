"""Plans and reports for a person at a terminal, wrapped to its width."""

from __future__ import annotations

import io
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

from reconciler.core.model import Operation, Outcome, Plan, Report
from reconciler.errors import Problem
from reconciler.render.view import (
    Line,
    Told,
    bodies,
    drifted,
    ended,
    plural,
    price,
    rows,
    sent,
    tally,
    totals,
    words,
)
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
CLIP = 400
"""Characters of one value that the text output shows; the JSON has all."""


def plan(made: Plan, *, width: int, color: bool, requests: bool = False) -> str:
    """A plan: who changes and how, who cannot, what to know, what it costs; with `requests` also
    what would be sent."""
    page = _Page(width, color=color)
    _rows(page, made, _sides, why=True)
    for each in made.conflicts:
        page.item("!", "bold red", _who(each, made), f"conflict: {each.reason}")
    for note in made.warnings:
        page.item("?", "yellow", _who(note, made), note.message)
    if made.conflicts or made.warnings:
        page.blank()
    for said in made.excess:
        page.item(
            "!",
            "bold red",
            "over the limits",
            f"{said}. An apply asks for --force, or for a plan that was saved.",
        )
    _unread(page, made)
    page.line(totals(made), "bold")
    if made.steps:
        page.line(price(made))
    if not (requests and made.steps):
        return page.text()
    would = calls(made, width=width, color=color)
    return f"{page.text()}\nNothing is sent. An apply would send:\n\n{would}"


def drift(made: Plan, *, width: int, color: bool) -> str:
    """What somebody changed on the portal: the files' side first, then what the portal shows."""
    page = _Page(width, color=color)
    _rows(page, made, _drifted, why=False)
    for each in made.conflicts:
        page.item("!", "bold red", _who(each, made), f"conflict: {each.reason}")
    for note in made.warnings:
        page.item("!", "bold red", _who(note, made), note.message)
    _unread(page, made)
    page.line(drifted(made), "bold")
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


def calls(made: Plan, *, width: int, color: bool) -> str:
    """Every request of a plan as it would be sent."""
    page = _Page(width, color=color)
    for step in made.steps:
        page.line(f"{step.id}  {sent(step)}", "bold")
        for each in bodies(step):
            page.indented(one_line(each), 4)
    return page.text()


def report(done: Report, *, width: int, color: bool) -> str:
    """What an apply did: failures first by name, then the counts, then the check."""
    page = _Page(width, color=color)
    outcomes = [outcome for _, outcome in done.outcomes]
    made = done.plan
    for each, verbs in _applied(outcomes) if done.interrupted else ():
        page.item("✓", "green", _who(each, made, place=False), f"applied: {verbs}")
    quiet = {"applied", "skipped"} if done.interrupted else {"applied"}
    for outcome in outcomes:
        _outcome(page, outcome, made, quiet)
    for stale in done.stale:
        said = f"left out, its plan is stale: {stale.reason}"
        page.item("!", "bold red", _who(stale, made), said)
    for value in done.unmet if done.outcomes else ():
        said = (
            f"{value.path} is not as declared: the portal shows {_clip(words(value.live))} "
            f"where the file says {_clip(words(value.declared))}"
        )
        page.item("?", "yellow", _who(value, made), said)
    if done.outcomes:
        page.line(tally(done), "bold")
    for portal, why in made.unread if made is not None else ():
        page.item("!", "bold red", portal, f"could not be read, so nothing was sent there: {why}")
    page.line(ended(done), _style(done))
    for note in done.notes:
        page.line(note, "yellow")
    return page.text()


def _outcome(page: _Page, outcome: Outcome, made: Plan | None, quiet: Container[str]) -> None:
    """What of an outcome is worth a line: that it is none, the ids of who is new, a note."""
    who = replace(outcome.operation, source=outcome.source)
    if outcome.status not in quiet:
        mark = "?" if outcome.status == "waiting" else "!"
        said = f"{who.verb} {outcome.status}: {outcome.error}"
        page.item(mark, "bold red", _who(who, made), said)
    elif outcome.aliases:
        ids = {"id": outcome.id, **outcome.aliases}
        said = ", ".join(f"{name} {value}" for name, value in ids.items())
        page.item("+", "green", _who(who, made, place=False), f"created: {said}")
    if outcome.note is not None:
        page.item("?", "yellow", _who(who, made), outcome.note)


def _style(done: Report) -> str:
    """The style of how it ended."""
    if done.interrupted or not done.outcomes:
        return "bold"
    return "green" if done.as_declared == done.checked else "yellow"


def _applied(outcomes: Iterable[Outcome]) -> Iterable[tuple[Operation, str]]:
    """Each agent with what was done for it: `link, update`."""
    verbs: dict[tuple[str, str], list[Operation]] = {}
    for each in outcomes:
        if each.status == "applied":
            verbs.setdefault((each.operation.portal, each.operation.key), []).append(each.operation)
    return ((done[0], ", ".join(each.verb for each in done)) for done in verbs.values())


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


def _who(each: Told, made: Plan | None, *, place: bool = True) -> str:
    """`agent-001 on rentix (agents/a.yaml:3)`; the portal only where there are several."""
    who = f"{each.key} on {each.portal}" if made is not None and made.several else each.key
    return f"{who} ({each.source})" if each.source and place else who


def _unread(page: _Page, made: Plan) -> None:
    """What of the portals is not known."""
    for portal, why in made.unread:
        page.item("!", "bold red", portal, f"could not be read, so nothing is planned there: {why}")
    if not made.complete and not made.unread:
        page.item("!", "bold red", "incomplete", "the portal listed only a part of its agents.")


def _clip(said: str) -> str:
    return said if len(said) <= CLIP else f"{said[: CLIP - 1]}…"


def _rows(page: _Page, made: Plan, sides: Callable[[Line], list[Span]], *, why: bool) -> None:
    """The agents of a plan, with `why` also what is done and for what reason; with several portals
    each agent once, and the portals below."""
    by, former = (2 if made.several else 0), None
    for row in rows(made.entries):
        actions = f"  ({row.actions})" if why else ""
        if former is not None and row.key != former:
            page.blank()
        if not made.several:
            page.item(row.mark, STYLES[row.mark], row.key, f" {row.name}{actions}")
        else:
            if row.key != former:
                page.line(f"{row.key}  {row.name}", "bold")
            page.item(row.mark, STYLES[row.mark], row.portal, actions[1:], by)
        page.indented(f"{row.where} · {row.reason}" if why else row.where, by + 2, "dim")
        page.changes(((line.path, sides(line)) for line in row.lines), by)
        former = row.key
    if former is not None:
        page.blank()


def _sides(line: Line) -> list[Span]:
    """Both sides of a change, as runs of text with their styles."""
    spans: list[Span] = []
    for kind, text in line.pieces:
        before, after, style = PIECES[kind]
        spans.append((before + _spaced(_clip(text)) + after, style))
    if not line.pieces and not line.old:
        spans = [(one_line(_clip(line.new)), "green")]
    elif not line.pieces:
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

    def item(self, mark: str, style: str, who: str, said: str, by: int = 0) -> None:
        self.spans(
            [
                (" " * by, ""),
                (mark, style),
                (" " if mark else "", ""),
                (one_line(who), "bold"),
                (" " if said else "", ""),
                (one_line(said, strip=False), ""),
            ],
            by + 2,
        )

    def changes(self, rows: Iterable[tuple[str, list[Span]]], by: int = 0) -> None:
        """The values of one agent, their paths in a column."""
        shown = [(one_line(path), spans) for path, spans in rows]
        column = max((self.cells(path) for path, _ in shown), default=0)
        for path, spans in shown:
            gap = " " * (column - self.cells(path) + 2)
            self.spans([(f"{' ' * (by + 4)}{path}{gap}", ""), *spans], column + by + 6)

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
