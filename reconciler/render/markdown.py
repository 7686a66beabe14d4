"""Plans, drift and reports as GitHub's markdown: for a comment or a run's summary, read on a phone.

A page is never longer than its budget: whole agents are omitted, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress

from reconciler.core.model import Plan, Report, Source, Step
from reconciler.render import view
from reconciler.render.inline import MESSAGE, NAME, code, fence, first, message, prose, size
from reconciler.render.parts import Item, Result, Section, View
from reconciler.render.phrases import bodies, clip, plural, target
from reconciler.render.rows import Agent, Line, Row
from reconciler.render.text_diff import Piece
from reconciler.render.visible import one_line

BUDGET = 60_000
"""UTF-8 bytes of a page: GitHub refuses a comment above 65,536 characters."""
DIFFERENCE = 1500
"""Characters of a text's word diff."""
SMALLEST = 1500
"""Bytes that an agent's changes get, however many agents there are."""
FEW = 5
"""Items of a list that is not folded."""
RESERVED = 400
"""Bytes for the head of a table, its legend, and the count of what is omitted."""
COUNTED = 60
"""Bytes for the count at the end of a list."""
REST = "To see everything, run `reconciler plan`, or `reconciler show FILE` for a saved plan."
"""Where to read what has no room."""

Text = Callable[[], str]
"""A line of a list, rendered only if it is shown: there may be ten thousand."""


def plan(plan: Plan, *, budget: int = BUDGET, head: str = "", requests: bool = False) -> str:
    """A plan; with `requests` also what would be sent.

    `head` is markdown that comes first, whole. The result has at most `budget` bytes, unless the
    head alone has more.
    """
    return _lay_out(view.plan(plan, requests=requests), budget, head)


def drift(plan: Plan, *, budget: int = BUDGET, head: str = "") -> str:
    """What was changed on the portal."""
    return _lay_out(view.drift(plan), budget, head)


def report(report: Report, *, budget: int = BUDGET, head: str = "") -> str:
    """What an apply did."""
    return _lay_out(view.report(report), budget, head)


def _lay_out(shown: View, budget: int, head: str) -> str:
    """A view from top to bottom; what comes last has its room before the agents are counted."""
    page = _Page(budget, head)
    page.add(f"### {prose(shown.headline)}")
    for portal, account in shown.accounts:
        page.add(f"Account on {prose(portal, NAME)}: {prose(account, 2 * NAME)}")
    page.alert([each for each in shown.first if each.danger])
    end = page.part(2 if shown.steps or not shown.agents else 4)
    for section in shown.first:
        if not section.danger:
            page.section(section, 4)
    for section in shown.notes:
        end.section(section, 2)
    for text in shown.closing:
        end.add(message(text))
    if shown.steps:
        end.add("Nothing is sent. An apply would send:")
        requests = (_request(step, end.room // 2) for step in shown.steps)
        end.blocks_in_room(requests, len(shown.steps), "request")
    _agents(page, shown, end.size)
    _results(page, shown, end.size)
    return page.text(end)


class _Page:
    """Blocks with a blank line between them, and the bytes that are left for more."""

    def __init__(self, budget: int, head: str = "") -> None:
        self.head = f"{head}\n\n" if head else ""
        self.blocks: list[str] = []
        self.room = budget - size(self.head)
        self.size = 0

    def part(self, share: int) -> _Page:
        """A page for the end of this one, with that share of what is left."""
        return _Page(self.room // share)

    def text(self, end: _Page) -> str:
        """All of it; the blocks of `end` come last."""
        return self.head + "\n\n".join([*self.blocks, *end.blocks]) + "\n"

    def add(self, block: str) -> None:
        """One more block."""
        self.blocks.append(block)
        self.size += size(block) + 2
        self.room -= size(block) + 2

    def alert(self, sections: Sequence[Section]) -> None:
        """The dangers, in a red frame."""
        room, lines = self.room * 2 // 5, ["[!CAUTION]"]
        for place, section in enumerate(sections):
            added = _section(section, room // (len(sections) - place), frame=2)
            room -= sum(size(line) + 3 for line in added)
            lines += ["", *added] if place else added
        if sections:
            self.add("\n".join(f"> {line}".rstrip() for line in lines))

    def section(self, section: Section, share: int) -> None:
        """A section with that share of the room; a long one is folded, under its number."""
        title, *lines = _section(section, self.room // share)
        if len(section.items) > FEW:
            listed = [first(message(section.text)), *lines] if section.text else lines[1:]
            self.add(_details(plural(len(section.items), section.noun), "\n".join(listed)))
        else:
            self.add("\n".join([title, *lines]))

    def blocks_in_room(self, blocks: Iterable[str], count: int, noun: str) -> None:
        """As many whole blocks as there is room for, and how many are omitted."""
        shown = 0
        for block in blocks:
            if size(block) > self.room - RESERVED:
                break
            self.add(block)
            shown += 1
        self.rest(count - shown, noun)

    def rest(self, count: int, noun: str) -> None:
        """How many were omitted."""
        if count:
            self.add(f"**{plural(count, noun)} omitted (size limit).** {REST}")


def _section(section: Section, room: int, frame: int = 0) -> list[str]:
    """A title, what holds for all, and a list of as many items as have room."""
    title = f"**{prose(section.title)}**"
    lines = [f"{title}: {message(section.text)}" if section.text else title, ""]
    room -= sum(size(line) + 1 + frame for line in lines)
    texts = [partial(_item, item) for item in section.items]
    return lines + _listed(texts, room, section.noun, frame)


def _listed(texts: Sequence[Text], room: int, noun: str, frame: int = 0) -> list[str]:
    """A list of as many texts as have room (in bytes), and how many are omitted."""
    lines: list[str] = []
    room -= COUNTED
    for text in texts:
        line = f"- {text()}"
        room -= size(line) + 1 + frame
        if room < 0:
            return [*lines, f"- and {plural(len(texts) - len(lines), f'more {noun}')}"]
        lines.append(line)
    return lines


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def _cells(cells: Sequence[str]) -> str:
    """A row of a table; a bar in it is one even in code."""
    return "| " + " | ".join(each.replace("|", r"\|") for each in cells) + " |"


def _table(header: Sequence[str], lines: Sequence[Sequence[str]], keep: Sequence[bool]) -> str:
    """A table of the columns to keep."""
    whole = [header, ["---"] * len(header), *lines]
    return "\n".join(_cells(list(compress(line, keep))) for line in whole)


# Sentences


def _item(item: Item) -> str:
    text = message(item.text)
    label = f"**{prose(item.label, NAME)}**" if item.label else ""
    line = ": ".join(filter(None, (_who(item), label, text)))
    return first(line) + _place(item.source)


def _who(item: Item) -> str:
    """Ivan Petrov `agent-001` on rentix."""
    where = f"on {prose(item.portal, NAME)}" if item.portal else ""
    key = code(item.key) if item.key else ""
    return " ".join(filter(None, (prose(item.name, NAME), key, where)))


def _place(source: Source | None) -> str:
    return f" ({code(str(source), 2 * NAME)})" if source else ""


def _named(name: str, key: str) -> str:
    """Name and key in a table's cell."""
    return "<br>".join(filter(None, (prose(name, NAME), code(key))))


# Agents


def _agents(page: _Page, shown: View, reserved: int) -> None:
    """A table of agents, and a folded block each. Those who come last are omitted where not all
    have room; `reserved` bytes are for what comes after."""
    if not shown.agents:
        return
    room = page.room - reserved - RESERVED
    most = max(SMALLEST, room * 3 // 4 // len(shown.agents))
    listed: list[Row] = []
    lines: list[list[str]] = []
    blocks: list[str] = []
    for agent in shown.agents:
        rows = agent.rows()
        added, block = [_cell(row) for row in rows], _block(agent, rows, shown, most)
        room -= size(block) + 2 + sum(size(_cells(line)) + 1 for line in added)
        if room < 0:
            break
        listed += rows
        lines += added
        blocks.append(block)
    if blocks:
        columns = (not shown.drift, True, shown.several, True, any(row.whose for row in listed))
        page.add(_table(["", "Agent", "Portal", "What", "Whose change"], lines, columns))
        before, after = shown.before.lower(), shown.after.lower()
        page.add(f"<del>Struck through</del>: {before}. <b>Bold</b>: {after}.")
    for block in blocks:
        page.add(block)
    page.rest(len(shown.agents) - len(blocks), "agent")


def _cell(row: Row) -> list[str]:
    fields = ", ".join([code(path, NAME // 2) for path in row.paths] + [row.more] * bool(row.more))
    what = ": ".join(filter(None, (prose(row.actions, NAME), fields)))
    return [f"`{row.mark}`", _named(row.name, row.key), prose(row.portal, NAME), what, row.whose]


def _block(agent: Agent, rows: Sequence[Row], shown: View, most: int) -> str:
    most //= len(rows)
    parts = []
    for row in rows:
        where = f"On {prose(row.portal, NAME)}: " if shown.several else ""
        facts = (prose(row.actions), prose(row.where, 2 * NAME), message(row.reason, 2 * NAME))
        texts = [partial(_change, line, most // 6, shown) for line in row.lines]
        listed = _listed(texts, most, "change")
        parts.append("\n".join([first(where + " · ".join(filter(None, facts))), "", *listed]))
    count = plural(sum(len(row.lines) for row in rows), "change")
    name = prose(agent.name, NAME, html=True)
    summary = f"{name} {code(agent.key, html=True)}: {count}".lstrip()
    return _details(summary, "\n\n".join(parts))


def _change(line: Line, most: int, shown: View) -> str:
    """Both sides of a change, each in at most so many characters."""
    note = f" <i>({prose(line.note)})</i>" if line.note else ""
    if line.pieces:
        return f"{code(line.path)}: {_pieces(line.pieces, min(DIFFERENCE, 2 * most))}{note}"
    old, new = (prose(side, min(MESSAGE, most)) for side in (line.old, line.new))
    if line.stacked:
        sides = f"\n  - {shown.before}: {old}\n  - {shown.after}: {new}"
        return f"{code(line.path)}{note}{sides}"
    both = f"<del>{old}</del> → <b>{new}</b>" if old else f"<b>{new}</b>"
    return f"{code(line.path)}: {both}{note}"


TAGS = {"same": "{}", "gap": "{}", "old": "<del>{}</del>", "new": "<b>{}</b>"}


def _pieces(pieces: Sequence[Piece], most: int) -> str:
    parts: list[str] = []
    for kind, text in pieces:
        if most <= 1:
            return " ".join([*parts, "…"])
        shown = prose(text, most)
        if kind in ("old", "new") and not shown:
            shown = "␣"
        parts.append(TAGS[kind].format(shown))
        most -= len(text)
    return " ".join(filter(None, parts))


def _request(step: Step, room: int) -> str:
    """A request as it would be sent, at most about so many bytes of it."""
    lines: list[str] = []
    carried = bodies(step)
    for place, body in enumerate(carried):
        line = clip(one_line(clip(body, MESSAGE)), MESSAGE)
        room -= size(line) + 1
        if room < 0:
            lines.append(f"… and {plural(len(carried) - place, 'more operation')}")
            break
        lines.append(line)
    head = f"Request {prose(f'{step.id} {target(step)}')}"
    return f"{head}\n{fence(lines)}" if lines else head


# Results


def _results(page: _Page, shown: View, reserved: int) -> None:
    if not shown.results:
        return
    room, lines = page.room - reserved - RESERVED, []
    for each in shown.results:
        lines.append(_result(each))
        room -= size(_cells(lines[-1])) + 1
        if room < 0:
            lines.pop()
            break
    header = ["Agent", "Portal", "What", "Outcome"]
    page.add(_table(header, lines, (True, shown.several, True, True)))
    page.rest(len(shown.results) - len(lines), "agent")


def _result(each: Result) -> list[str]:
    item = each.item
    outcome = ", ".join(filter(None, (each.outcome, prose(each.ids, 2 * NAME))))
    return [_named(item.name, item.key), prose(item.portal, NAME), each.verbs, outcome]
