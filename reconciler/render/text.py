"""Plans and reports for a person at a terminal, wrapped to its width."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence

from reconciler.core.model import Plan, Report, Source, Status
from reconciler.errors import Problem
from reconciler.render.view import Line, Row, plural, price, rows, sent, totals, words
from reconciler.render.visible import one_line, visible

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
        page.item("!", "bold red", "over the limits", f"{said}. An apply needs --force.")
    if not made.complete:
        page.item("!", "bold red", "incomplete", "the portal listed only a part of its agents.")
    page.line(totals(made), "bold")
    if made.steps:
        page.line(price(made))
    return page.text()


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
    for _, outcome in done.outcomes:
        if outcome.status != "applied":
            verb, who = outcome.operation.verb, outcome.operation
            mark = "?" if outcome.status == "waiting" else "!"
            said = f"{verb} {outcome.status}: {outcome.error}"
            page.item(mark, "bold red", _who(who.key, who.source), said)
    for each in done.stale:
        said = f"left out, its plan is stale: {each.reason}"
        page.item("!", "bold red", _who(each.key, each.source), said)
    for value in done.unmet:
        said = (
            f"{value.path} is not as declared: the portal shows {_clip(words(value.live))} "
            f"where the file says {_clip(words(value.declared))}"
        )
        page.item("?", "yellow", _who(value.key, value.source), said)
    counted = [f"{done.count(each)} {each}" for each in STATUSES if done.count(each)]
    if counted:
        page.line(f"Operations: {', '.join(counted)}.", "bold")
    if done.interrupted:
        page.line("Interrupted. What is listed as applied is done; run again for the rest.", "bold")
    if done.checked is not None:
        good = done.as_declared == done.checked
        page.line(
            f"verified: {done.as_declared} of {done.checked} as declared",
            "green" if good else "yellow",
        )
    for note in done.notes:
        page.line(note, "yellow")
    return page.text()


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
    page.changes(row.lines)
    page.blank()


class _Page:
    """Lines that are wrapped to a width and styled by rich.

    It is imported here, where there is something to show: 40 ms that `validate` has not to pay.
    """

    def __init__(self, width: int, *, color: bool) -> None:
        from rich.console import Console  # noqa: PLC0415

        self.file = io.StringIO()
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
        from rich.text import Text  # noqa: PLC0415

        shown = Text(said if raw else one_line(said), style=style)
        self.console.print(shown, soft_wrap=raw)

    def indented(self, said: str, by: int, style: str = "") -> None:
        from rich.padding import Padding  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        self.console.print(Padding(Text(one_line(said), style=style), (0, 0, 0, by)))

    def item(self, mark: str, style: str, who: str, said: str) -> None:
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column()
        grid.add_column(overflow="fold")
        grid.add_row(
            Text(mark, style=style),
            Text.assemble((one_line(who), "bold"), " ", one_line(said, strip=False)),
        )
        self.console.print(grid)

    def changes(self, lines: Iterable[Line]) -> None:
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=2)
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for line in lines:
            side = Text()
            if line.pieces:
                for kind, text in line.pieces:
                    before, after, style = PIECES[kind]
                    side.append(before + _spaced(_clip(text)) + after, style=style)
            else:
                side.append(one_line(_clip(line.old)), style="red")
                side.append(" → ")
                side.append(one_line(_clip(line.new)), style="green")
            if line.note:
                side.append(f"  ({line.note})", style="dim")
            grid.add_row("", Text(one_line(line.path)), side)
        self.console.print(grid)


def _spaced(text: str) -> str:
    """The text on one line, with the blanks around it that keep words apart."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and text.strip() else ""
    return f"{lead}{one_line(text)}{trail}"
