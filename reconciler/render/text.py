"""Plans, drift and reports for a terminal, wrapped to its width."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

from reconciler.core.adoption import Imported
from reconciler.core.model import Plan, Report
from reconciler.core.roster import Member, Roster
from reconciler.errors import Problem
from reconciler.render import view
from reconciler.render.file_diff import file_diff
from reconciler.render.parts import Item, Result, Section, View
from reconciler.render.phrases import CODE, bodies, clip, plural, target
from reconciler.render.problems import same_mistakes
from reconciler.render.rows import Line, Row
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
DIFF = {"+": "green", "-": "red", "@": "dim"}
CLIP = 300
"""Characters of one value that are shown; the JSON has all."""
SCREEN = 30
"""Lines above which the headline is repeated at the end, where a terminal stops."""


def plan(plan: Plan, *, width: int, color: bool, requests: bool = False) -> str:
    """A plan; with `requests` also what would be sent."""
    return _lay_out(view.plan(plan, requests=requests), width=width, color=color)


def drift(plan: Plan, *, width: int, color: bool) -> str:
    """What was changed on the portal."""
    return _lay_out(view.drift(plan), width=width, color=color)


def report(report: Report, *, width: int, color: bool) -> str:
    """What an apply did. The plan was printed before it, so its notes are not repeated."""
    shown = view.report(report)
    quiet = [each for each in shown.results if each.ids or report.interrupted]
    return _lay_out(shown, width=width, color=color, results=quiet, of_plan=False)


def _lay_out(
    shown: View, *, width: int, color: bool, results: Sequence[Result] = (), of_plan: bool = True
) -> str:
    page = _Page(width, color=color)
    page.line(shown.headline, "bold")
    for portal, account in shown.accounts:
        page.line(f"Account on {portal}: {account}")
    for section in shown.first:
        if of_plan or not section.of_plan:
            _section(page, section)
    _agents(page, shown)
    _results(page, results)
    for section in shown.notes:
        if of_plan or not section.of_plan:
            _section(page, section)
    if shown.closing:
        page.blank()
    for text in shown.closing:
        page.line(_quoted(text))
    if page.lines > SCREEN:
        page.line(shown.headline, "bold")
    _requests(page, shown)
    return page.text()


def _section(page: _Page, section: Section) -> None:
    page.blank()
    page.line(section.title, "bold red" if section.danger else "bold")
    if section.text:
        page.line(_quoted(section.text))
    mark, style = ("!", "bold red") if section.danger else ("?", "yellow")
    for item in section.items:
        page.item(mark, style, _who(item), _sentence(item), str(item.source or ""))


def _who(item: Item) -> str:
    """`Ivan Petrov (agent-001) on rentix`; the key alone where no name is known."""
    who = f"{item.name} ({item.key})" if item.name else item.key
    return f"{who} on {item.portal}" if item.portal else who


def _sentence(item: Item) -> str:
    """The sentence, after a colon if it is about an agent."""
    text = ": ".join(filter(None, (item.label, _quoted(item.text))))
    return f": {text}" if text and item.key else text


def _quoted(text: str) -> str:
    return CODE.sub(r'"\1"', text)


def _agents(page: _Page, shown: View) -> None:
    if shown.agents and shown.first:
        page.blank()
        page.line("Changes", "bold")
    if shown.agents and shown.drift:
        page.blank()
        page.line(f"{shown.before} → {shown.after}", "dim")
    for place, agent in enumerate(shown.agents):
        if place or not shown.first:
            page.blank()
        for row in agent.rows():
            _row(page, row, several=shown.several)


def _row(page: _Page, row: Row, *, several: bool) -> None:
    """An agent on one portal: who, what is done, where and why; then the values."""
    who = _who(Item(name=row.name, key=row.key, portal=row.portal if several else ""))
    page.item(row.mark, STYLES[row.mark], who, f": {row.actions}" if row.actions else "")
    facts = (row.where, _quoted(row.reason), row.whose)
    page.indented(" · ".join(filter(None, facts)), 2, "dim")
    column = max((page.cells(one_line(line.path)) for line in row.lines), default=0)
    for line in row.lines:
        page.change(line, column)


def _results(page: _Page, results: Sequence[Result]) -> None:
    if results:
        page.blank()
        applied = all(each.status == "applied" for each in results)
        page.line("Applied" if applied else "Results", "bold")
    for each in results:
        mark = "+" if each.ids else "✓"
        text = f"{each.verbs} {each.outcome}" if len(each.outcome.split()) == 1 else each.outcome
        page.item(mark, "green", _who(each.item), f": {', '.join(filter(None, (text, each.ids)))}")


def _requests(page: _Page, shown: View) -> None:
    if shown.steps:
        page.blank()
        page.line("Nothing is sent. An apply would send:", "bold")
    for step in shown.steps:
        page.blank()
        page.line(f"{step.id}  {target(step)}", "bold")
        for each in bodies(step):
            page.indented(one_line(each), 4)


# -- who is on the portals -------------------------------------------------------------------------

COLUMNS: Mapping[str, Callable[[Member], object]] = {
    "id": lambda each: each.id,
    "profile": lambda each: each.profile_id,
    "name": lambda each: each.name,
    "phone": lambda each: each.phone,
    "external id": lambda each: each.external_id,
    "status": lambda each: each.status,
    "file": lambda each: each.source,
}
"""The columns of a table of agents; one that is empty on a portal is left out there."""


def roster(roster: Roster, *, width: int, color: bool) -> str:
    """Who is on each portal, what to know about them, and who may be there twice."""
    page = _Page(width, color=color)
    if not roster.members:
        page.line("No agents.", "bold")
    for portal in dict.fromkeys(each.portal for each in roster.members):
        members = [each for each in roster.members if each.portal == portal]
        declared = sum(each.source is not None for each in members)
        page.line(
            f"{portal}: {plural(len(members), 'agent')}, {declared} declared, "
            f"{len(members) - declared} in no file",
            "bold",
        )
        page.table(
            {name: [value(each) for each in members] for name, value in COLUMNS.items()}, "file"
        )
        page.blank()
    _notes(page, roster)
    return page.text()


def _notes(page: _Page, roster: Roster) -> None:
    noted = [each for each in roster.members if each.notes]
    if noted:
        page.line("Notes", "bold")
    for each in noted:
        who = f"{each.id} {each.name}".rstrip()
        page.item("?", "yellow", f"{who} on {each.portal}", f": {'; '.join(each.notes)}")


# -- files -----------------------------------------------------------------------------------------


def imported(imported: Imported, *, width: int, color: bool, dry_run: bool, drift: bool) -> str:
    """The files that an import wrote, or their differences if it was a dry run, and its notes."""
    page = _Page(width, color=color)
    page.line(_imported_headline(imported, dry_run=dry_run, drift=drift), "bold")
    for edit in imported.edits:
        who = ", ".join(f"{each.portal} {each.id} {each.name}".rstrip() for each in edit.agents)
        mark = "+" if edit.before is None else "~"
        page.item(mark, STYLES[mark], one_line(edit.file), f": {who}")
        lines = [*file_diff(edit), ""] if dry_run else []
        for line in lines:
            page.spans([(visible(line), DIFF.get(line[:1], ""))], 0, wrap=False)
    if imported.notes:
        if not (dry_run and imported.edits):
            page.blank()
        page.line("Notes", "bold")
    for note in imported.notes:
        who = f"{note.id} {note.name}".rstrip()
        where = f" ({note.file})" if note.file else ""
        page.item("?", "yellow", f"{who} on {note.portal}{where}", f": {note.message}")
    return page.text()


def _imported_headline(imported: Imported, *, dry_run: bool, drift: bool) -> str:
    edits = imported.edits
    if not edits and drift:
        return "Nothing to edit: no file differs from what the portals show."
    if not edits and imported.left:
        return f"Nothing to import: {plural(len(imported.left), 'agent')} in no file, see the notes"
    if not edits:
        return "Nothing to import: every live agent is in a file."
    new = sum(each.before is None for each in edits)
    counts = [plural(new, "new file")] if new else []
    counts += [plural(len(edits) - new, "edited file")] if len(edits) > new else []
    agents = sum(len(each.agents) for each in edits)
    start = "Would write" if dry_run else "Wrote"
    return f"{start} {' and '.join(counts)} for {plural(agents, 'agent')}"


def problems(found: Sequence[Problem], *, color: bool) -> str:
    """Everything wrong in the files, each with its line and the fix, in the order of the files. A
    mistake that is in many places is explained once, with its places."""
    page = _Page(1000, color=color)
    for first, *others in same_mistakes(found):
        page.line(f"{_place(first)}: {one_line(first.message)}", "bold red", raw=True)
        if first.excerpt:
            shown, column = _window(first.excerpt, first.column)
            page.line(f"    {shown}", raw=True)
            page.line(f"    {' ' * column}^", "red", raw=True)
        if first.hint:
            page.line(f"    {one_line(first.hint)}", "green", raw=True)
        if others:
            page.line(f"    The same in {plural(len(others), 'other place')}:", "bold", raw=True)
        for each in others:
            shown, _ = _window(each.excerpt, each.column)
            fix = f" ({one_line(each.hint)})" if each.hint != first.hint else ""
            page.line(f"    {_place(each)}: {shown.strip()}{fix}", raw=True)
    files = len({each.file for each in found})
    page.line(f"{plural(len(found), 'problem')} in {plural(files, 'file')}.", "bold")
    return page.text()


def _place(problem: Problem) -> str:
    return f"{one_line(problem.file)}:{problem.line}:{problem.column}"


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


class _Page:
    """Lines that are wrapped to a width and styled by rich.

    Rich is imported here because it takes 40 ms, which `validate` does not need. A line that fits
    is written as it is: wrapping costs a hundred times as much, and there may be ten thousand.
    """

    def __init__(self, width: int, *, color: bool) -> None:
        from rich.cells import cell_len  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415
        from rich.style import Style  # noqa: PLC0415

        self.file = io.StringIO()
        self.cell_len = cell_len
        self.style = Style.parse
        self.lines = 0
        self.width = width
        self.color = color
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

    def cells(self, text: str) -> int:
        """The columns that a text takes."""
        return len(text) if text.isascii() else self.cell_len(text)

    def text(self) -> str:
        lines = self.file.getvalue().split("\n")
        return "\n".join(line.rstrip(" ") for line in lines).rstrip("\n") + "\n"

    def blank(self) -> None:
        self.lines += 1
        self.file.write("\n")

    def line(self, text: str, style: str = "", *, raw: bool = False) -> None:
        self.spans([(text if raw else one_line(text), style)], 0, wrap=not raw)

    def indented(self, text: str, by: int, style: str = "") -> None:
        self.spans([(" " * by, ""), (one_line(text), style)], by)

    def item(self, mark: str, style: str, who: str, text: str, place: str = "") -> None:
        """A mark, who it is about, a sentence, and in which file."""
        spans = [(mark, style), (" ", ""), (one_line(who), "bold")]
        spans += [(one_line(text, strip=False), "")] if text else []
        spans += [(f" ({one_line(place)})", "dim")] if place else []
        self.spans(spans, 2)

    def table(self, columns: Mapping[str, Sequence[object]], last: str) -> None:
        """Columns with their names; those without any value are left out, except the `last`. Long
        values continue on the next line."""
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        shown = {
            name: ["" if each is None else one_line(str(each)) for each in cells]
            for name, cells in columns.items()
        }
        shown = {name: cells for name, cells in shown.items() if any(cells) or name == last}
        for name in shown:
            table.add_column(Text(name), overflow="fold")
        for cells in zip(*shown.values(), strict=True):
            table.add_row(*map(Text, cells))
        self.lines += table.row_count
        self.console.print(table)

    def change(self, line: Line, column: int) -> None:
        """A value, its path in a column; one too long for a line is shown on two."""
        path = one_line(line.path)
        gap = " " * (column - self.cells(path) + 2)
        note: list[Span] = [(f"  ({one_line(line.note)})", "dim")] if line.note else []
        sides = [
            (one_line(clip(side, CLIP)), style)
            for side, style in ((line.old, "red"), (line.new, "red" if line.cleared else "green"))
        ]
        if line.pieces:
            shown = [_piece(*piece) for piece in line.pieces]
        elif not line.old:
            shown = sides[1:]
        elif not line.stacked and len(line.old) + len(line.new) <= self.width:
            shown = [sides[0], (" → ", ""), sides[1]]
        else:
            self.spans([(f"    {path}", ""), *note], 6)
            for sign, side in zip("-+", sides, strict=True):
                self.spans([(f"      {sign} ", side[1]), side], 8)
            return
        self.spans([(f"    {path}{gap}", ""), *shown, *note], column + 6)

    def spans(self, spans: list[Span], hang: int, *, wrap: bool = True) -> None:
        """One line of text in several styles; if it is broken, it goes on `hang` cells from the
        left (half of the width at most)."""
        self.lines += 1
        if not wrap or sum([self.cells(text) for text, _ in spans]) <= self.width:
            for text, style in spans:
                shown = self.style(style).render(text) if self.color and style else text
                self.file.write(shown)
            self.file.write("\n")
            return
        from rich.text import Text  # noqa: PLC0415

        hang = min(hang, self.width // 2)
        whole = Text.assemble(*spans)
        first = whole.wrap(self.console, self.width, overflow="fold")[0]
        self.console.print(first, soft_wrap=True)
        rest = whole[len(first.plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
        for line in rest.wrap(self.console, self.width - hang, overflow="fold"):
            self.lines += 1
            self.file.write(" " * hang)
            self.console.print(line, soft_wrap=True)


def _piece(kind: str, text: str) -> Span:
    before, after, style = PIECES[kind]
    return before + one_line(clip(text, CLIP), strip=False) + after, style
