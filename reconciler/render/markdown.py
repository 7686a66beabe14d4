"""Plans and reports as GitHub's markdown: for a pull request's comment and a run's summary, read
on a phone.

Whatever an agent, a portal or a file says is data. Its plain words stand as words; everything that
markdown or GitHub could take for something (a mention, a reference, a link, a picture, HTML, an
emoji's name) stands in a code span, the one thing that stops them all. A page is never longer than
its budget: whole agents are left out, and counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from itertools import compress, groupby

from reconciler.core.model import Entry, Outcome, Plan, Report, Source, Step, Unmet
from reconciler.render.view import (
    LOUD,
    NOTES,
    Line,
    Piece,
    Row,
    Told,
    bodies,
    drifted,
    ended,
    loud,
    plural,
    price,
    rows,
    sent,
    tally,
    totals,
    words,
)
from reconciler.render.visible import one_line

BUDGET = 60_000
"""UTF-8 bytes of a page: GitHub refuses a comment above 65,536 characters."""
NAME = 80
"""Characters of a name, a key or a file's name that are shown."""
MESSAGE = 600
"""Characters of a message."""
DIFFERENCE = 1500
"""Characters of a text's difference."""
SMALLEST = 1500
"""Bytes that an agent's differences get, however many agents there are."""
FEW = 5
"""Warnings that are not folded."""
PATHS = 3
"""Values that the table names of an agent."""

OPENING, CLOSING = "“„«‘(\"'", "”“»’)\"',.;:!?…"
"""Punctuation around a word that means nothing to markdown there."""
SIGNS = frozenset("→·—–↵№␣")
NUMBER = re.compile(r"\+?[0-9]{1,6}([.,][0-9]{1,6})*%?")
"""Too short for a commit's name."""
COMMIT = re.compile("[0-9a-fA-F]{7,}")
TICKS = 16
"""Backticks in a row that are shown: a parser gives up on a code span with too many around it."""

Item = Callable[[], str]
"""A line of a list, made only if it is shown: there may be ten thousand."""
WHOSE = (NOTES["pull_request"], NOTES[None], NOTES["drift"], NOTES["base"])
"""Whose changes are kept first where not all have room."""
REST = "All of it: `reconciler plan`, or `reconciler show FILE` of the saved plan."
"""Where to read what has no room."""
LEGEND = "<del>Struck through</del>: what the portal shows. <b>Bold</b>: what the files say."
DRIFT_LEGEND = "<del>Struck through</del>: what the files say. <b>Bold</b>: what the portal shows."
FORCE = "An apply asks for `--force`, or for a plan that was saved."
"""What to do about a limit."""
UNTOLD = 400
"""Bytes for the head of a table, its legend, and the word of what was left out."""


def plan(made: Plan, *, budget: int = BUDGET, head: str = "", requests: bool = False) -> str:
    """A plan: the verdict, what nobody may miss, a table of agents, the differences of each,
    warnings, the cost; with `requests` also what would be sent.

    `head` is markdown that stands first, whole. The result has at most `budget` bytes, unless
    the head alone has more.
    """
    page = _Page(budget, head)
    page.add(f"### {prose(totals(made))}")
    page.alert(
        {
            **_loud_agents(made),
            "over the limits": [partial(_excess, each) for each in made.excess],
            "not read": _unread(made, "nothing is planned there"),
            "in conflict": _conflicts(made),
        }
    )
    end = page.part(2 if requests else 4)
    end.folded(_warnings(made), "warning")
    if made.steps:
        end.add(f"Costs {prose(price(made))}.")
    if made.steps and requests:
        end.add("Nothing is sent. An apply would send:")
        end.some((_request(step, end.room // 2) for step in made.steps), len(made.steps), "request")
    _agents(page, made, end.size, LEGEND)
    return page.text(end)


def drift(made: Plan, *, budget: int = BUDGET, head: str = "") -> str:
    """What somebody changed on the portal: the files' side first, then what the portal shows."""
    page = _Page(budget, head)
    page.add(f"### {prose(drifted(made))}")
    page.alert(
        {
            "gone": _warnings(made),
            "not read": _unread(made, "its drift is not known"),
            "in conflict": _conflicts(made),
        }
    )
    end = page.part(4)
    if made.entries:
        end.add("`reconciler apply` puts it back. To keep it, write it into the file.")
    _agents(page, made, end.size, DRIFT_LEGEND, _turned)
    return page.text(end)


def report(done: Report, *, budget: int = BUDGET, head: str = "") -> str:
    """What an apply did: how it ended, who was not applied and why, every agent, notes."""
    page, made = _Page(budget, head), done.plan
    ending = ended(done).rstrip(".")
    page.add(f"### {prose(f'{tally(done)} {ending[0].upper()}{ending[1:]}.')}")
    quiet = {"applied", "waiting", *(("skipped",) if done.interrupted else ())}
    outcomes = [outcome for _, outcome in done.outcomes]
    page.alert(
        {
            "not applied": [
                partial(_ended, each, made) for each in outcomes if each.status not in quiet
            ],
            "left out as stale": [
                partial(_said, each, made, "**left out**, its plan is stale: ", each.reason)
                for each in done.stale
            ],
            "not read": _unread(made, "nothing was sent there") if made else [],
            "in conflict": _conflicts(made) if made else [],
        }
    )
    end = page.part(3)
    end.folded(
        [
            *(partial(_note, each) for each in done.notes),
            *(partial(_unmet, each, made) for each in (done.unmet if outcomes else ())),
            *(partial(_ended, each, made) for each in outcomes if each.status == "waiting"),
            *(_warnings(made) if made else ()),
        ],
        "note",
    )
    _results(page, outcomes, made, end.size)
    return page.text(end)


# What is data, made safe.


def prose(text: str, most: int = MESSAGE, *, html: bool = False) -> str:
    """A text on one line: its plain words as they are, the rest in code spans.

    At most so many of its characters. `html` is for what stands between HTML tags, where no
    markdown is.
    """
    said = re.sub("  +", lambda blanks: f" {'␣' * (len(blanks[0]) - 1)} ", text[: most + 1])
    line = re.sub(" +", " ", one_line(said))
    said = _clip(line, most, whole=len(text) <= most)
    return " ".join(word if _plain(word) else _word(word, html=html) for word in said.split(" "))


def _word(word: str, *, html: bool) -> str:
    """A word that is not plain, but for the punctuation around it."""
    rest = word.lstrip(OPENING)
    bare = rest.rstrip(CLOSING)
    before, after = word[: len(word) - len(rest)], rest[len(bare) :]
    return f"{before}{_code(bare, html=html)}{after}"


def code(text: str, most: int = NAME, *, html: bool = False) -> str:
    """A text on one line as a code span, at most so many of its characters."""
    return _code(_clip(one_line(text[: most + 1]), most, whole=len(text) <= most), html=html)


def _code(line: str, *, html: bool) -> str:
    line = line or "“”"
    if html:
        return f"<code>{escape(line)}</code>"
    line = re.sub(f"(`{{{TICKS}}})`+", r"\1…", line)
    longest = max(map(len, re.findall("`+", line)), default=0)
    blank = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{'`' * (longest + 1)}{blank}{line}{blank}{'`' * (longest + 1)}"


def _plain(word: str) -> bool:
    """Whether a word is nothing but a word, whatever stands beside it."""
    if word in SIGNS or set(word) == {"␣"}:
        return True
    core = word.lstrip(OPENING).rstrip(CLOSING)
    parts = re.split("[-'’]", core)
    if any(map(COMMIT.fullmatch, parts)):
        return False
    letters = all(part and all(map(_is_letter, part)) for part in parts)
    before, hyphen, _ = core.partition("-")
    reference = hyphen and before.isupper()  # GH-1, and whatever else a repository has set up
    return not core or bool(NUMBER.fullmatch(core)) or (letters and not reference)


def _is_letter(each: str) -> bool:
    return each.isalpha() or unicodedata.category(each) in ("Mn", "Mc")


def _clip(line: str, most: int, *, whole: bool) -> str:
    return line if whole and len(line) <= most else f"{line[: most - 1]}…"


def _fence(lines: Sequence[str]) -> str:
    """Lines as a block of code, which none of them ends."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


def _size(text: str) -> int:
    return len(text.encode())


# The page.


class _Page:
    """Blocks with a blank line between them, and the bytes that are left for more."""

    def __init__(self, budget: int, head: str = "") -> None:
        self.head = f"{head}\n\n" if head else ""
        self.blocks: list[str] = []
        self.room = budget - _size(self.head)
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
        self.size += _size(block) + 2
        self.room -= _size(block) + 2

    def alert(self, lists: Mapping[str, Sequence[Item]]) -> None:
        """Lists that nobody may miss, by what their items are, in a red frame."""
        found = {name: items for name, items in lists.items() if items}
        room, lines = self.room * 2 // 5, ["[!CAUTION]"]
        for place, (name, items) in enumerate(found.items()):
            some = _listed(items, room // (len(found) - place), f": {name}")
            room -= sum(_size(line) + 3 for line in some)
            lines += some
        if found:
            self.add("\n".join(f"> {line}" for line in lines))

    def folded(self, items: Sequence[Item], noun: str) -> None:
        """A list; a long one is folded."""
        some = "\n".join(_listed(items, self.room - 200))
        if len(items) > FEW:
            some = _details(plural(len(items), noun), some)
        if items:
            self.add(some)

    def some(self, blocks: Iterable[str], count: int, noun: str) -> None:
        """As many whole blocks as there is room for, and how many more there are."""
        shown = 0
        for block in blocks:
            if _size(block) > self.room - UNTOLD:
                break
            self.add(block)
            shown += 1
        self.rest(count - shown, noun)

    def rest(self, count: int, noun: str) -> None:
        """How many were left out."""
        if count:
            said = f"1 more {noun} is" if count == 1 else f"{count} more {noun}s are"
            self.add(f"**{said} left out for length.** {REST}")


def _listed(items: Sequence[Item], room: int, of: str = "") -> list[str]:
    """A list of as many items as have room (in bytes), and how many more there are `of` them."""
    lines: list[str] = []
    room -= 60  # the count
    for item in items:
        line = f"- {item()}"
        room -= _size(line) + 3  # the end of the line, and a frame's mark
        if room < 0:
            return [*lines, f"- and {len(items) - len(lines)} more{of}"]
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


# What is told, agent by agent.


def _who(each: Told, made: Plan | None, name: str = "") -> str:
    """`agent-001` Ivan Petrov on rentix; the portal only where there are several."""
    where = f"on {prose(each.portal, NAME)}" if made is not None and made.several else ""
    return " ".join(filter(None, (code(each.key), prose(name, NAME), where)))


def _place(source: Source | None) -> str:
    return f" ({code(str(source), 2 * NAME)})" if source else ""


def _said(each: Told, made: Plan | None, lead: str, text: str) -> str:
    return f"{_who(each, made)}: {lead}{prose(text)}{_place(each.source)}"


def _ended(outcome: Outcome, made: Plan | None) -> str:
    """Who was not applied, and why."""
    who = replace(outcome.operation, source=outcome.source)
    return _said(who, made, f"{who.verb} **{outcome.status}**: ", outcome.error or "")


def _unmet(each: Unmet, made: Plan | None) -> str:
    live, declared = (prose(words(value), NAME * 2) for value in (each.live, each.declared))
    return (
        f"{_who(each, made)}: {code(each.path)} is not as declared: the portal shows {live} where "
        f"the file says {declared}{_place(each.source)}"
    )


def _conflicts(made: Plan) -> list[Item]:
    return [partial(_said, each, made, "**conflict**: ", each.reason) for each in made.conflicts]


def _warnings(made: Plan) -> list[Item]:
    return [partial(_said, each, made, "", each.message) for each in made.warnings]


def _unread(made: Plan, so: str) -> list[Item]:
    """What of the portals is not known."""
    if not made.complete and not made.unread:
        return [lambda: "**incomplete**: the portal listed only a part of its agents"]
    return [partial(_not_read, portal, why, so) for portal, why in made.unread]


def _not_read(portal: str, why: str, so: str) -> str:
    return f"**not read**: {prose(portal, NAME)} could not be read, so {so}: {prose(why)}"


def _excess(said: str) -> str:
    return f"**over the limits**: {prose(said)}. {FORCE}"


def _note(said: str) -> str:
    return f"note: {prose(said)}"


def _loud_agents(made: Plan) -> dict[str, list[Item]]:
    """The agents whom nobody may miss, by what becomes of them."""
    found: dict[str, list[Item]] = {said: [] for said in LOUD.values()}
    for entry in sorted(filter(loud, made.entries), key=_weight):
        found[loud(entry)].append(partial(_off, entry, made))
    return found


def _off(entry: Entry, made: Plan) -> str:
    return f"{_who(entry, made, entry.name)}: **{loud(entry)}**{_place(entry.source)}"


def _weight(entry: Entry) -> tuple[bool, int]:
    """What comes first: what is loud, then what these files bring."""
    return not loud(entry), WHOSE.index(NOTES[entry.attribution])


def _agents(
    page: _Page, made: Plan, reserved: int, legend: str, turn: Callable[[Row], Row] | None = None
) -> None:
    """The agents of a plan: a table, and a folded block each. Those who come last are left out
    where not all have room; `reserved` bytes are for what comes after."""
    if not made.entries:
        return
    whole = [list(each) for _, each in groupby(made.entries, lambda each: (each.key, each.source))]
    whole.sort(key=lambda group: min(map(_weight, group)))
    room = page.room - reserved - UNTOLD
    each = max(SMALLEST, room * 3 // 4 // len(whole))
    shown: list[Row] = []
    lines: list[list[str]] = []
    blocks: list[str] = []
    for group in whole:
        these = [turn(row) if turn else row for row in rows(group)]
        added, block = [_cell(row) for row in these], _differences(these, made, each)
        room -= _size(block) + 2 + sum(_size(_cells(line)) + 1 for line in added)
        if room < 0:
            break
        shown += these
        lines += added
        blocks.append(block)
    if blocks:
        columns = (not turn, True, made.several, True, any(row.whose for row in shown))
        page.add(_table(["", "Agent", "Portal", "What", "Whose change"], lines, columns))
        page.add(legend)
    for block in blocks:
        page.add(block)
    page.rest(len(whole) - len(blocks), "agent")


def _cell(row: Row) -> list[str]:
    """An agent in the table."""
    paths = [code(line.path, NAME // 2) for line in row.lines[:PATHS]]
    if len(row.lines) > PATHS:
        paths.append(f"{len(row.lines) - PATHS} more")
    what = ": ".join(filter(None, (prose(row.actions, NAME), ", ".join(paths))))
    return [
        f"`{row.mark}`",
        "<br>".join(filter(None, (prose(row.name, NAME), code(row.key)))),
        prose(row.portal, NAME),
        what,
        row.whose,
    ]


def _differences(these: Sequence[Row], made: Plan, most: int) -> str:
    """The differences of one agent, folded; on each portal in at most so many bytes."""
    most //= len(these)
    parts = []
    for row in these:
        where = f"On {prose(row.portal, NAME)}: " if made.several else "Where: "
        what = " · ".join(
            prose(each, 2 * NAME) for each in (row.actions, row.where, row.reason) if each
        )
        values = _listed([partial(_sides, line, row.whose, most // 6) for line in row.lines], most)
        parts.append("\n".join([f"{where}{what}", "", *values]))
    name = prose(these[0].name, NAME, html=True)
    count = plural(sum(len(row.lines) for row in these), "change")
    summary = f"{code(these[0].key, html=True)} {name}: {count}"
    return _details(summary, "\n\n".join(parts))


def _sides(line: Line, whose: str, most: int) -> str:
    """Both sides of a change, each in at most so many characters; a note, if it says more than
    `whose` change the agent is."""
    if line.pieces:
        said = _pieces(line.pieces, min(DIFFERENCE, 2 * most))
    else:
        old, new = (prose(side, min(MESSAGE, most)) for side in (line.old, line.new))
        said = f"<del>{old}</del> → <b>{new}</b>" if old else f"<b>{new}</b>"
    note = line.note.removeprefix(whose).removeprefix("; ")
    return f"{code(line.path)}: {said}" + (f" <i>({note})</i>" if note else "")


TAGS = {"same": "{}", "gap": "{}", "old": "<del>{}</del>", "new": "<b>{}</b>"}


def _pieces(pieces: Sequence[Piece], most: int) -> str:
    """A text's difference, word by word, in at most so many characters."""
    parts: list[str] = []
    for kind, text in pieces:
        if most <= 1:
            return " ".join([*parts, "…"])
        said = prose(text, most)
        if kind in ("old", "new") and not said:
            said = "␣"
        parts.append(TAGS[kind].format(said))
        most -= len(text)
    return " ".join(filter(None, parts))


def _turned(row: Row) -> Row:
    """An agent with the files' side first, then what the portal shows."""
    lines = (
        replace(line, old=line.new, new=line.old, pieces=_swapped(line.pieces), note="")
        for line in row.lines
    )
    return replace(row, actions="", reason="", whose="", lines=tuple(lines))


def _swapped(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """A difference the other way round: what was new is old, and before what was old."""
    turned: list[Piece] = []
    for kind, text in pieces:
        if kind == "new":
            place = len(turned) - 1 if turned and turned[-1][0] == "new" else len(turned)
            turned.insert(place, ("old", text))
        else:
            turned.append(("new" if kind == "old" else kind, text))
    return tuple(turned)


def _request(step: Step, room: int) -> str:
    """A request as it would be sent, at most about so many bytes of it."""
    lines = []
    for place, body in enumerate(said := bodies(step)):
        line = _clip(one_line(body[:MESSAGE]), MESSAGE, whole=len(body) <= MESSAGE)
        room -= _size(line) + 1
        if room < 0:
            lines.append(f"… and {plural(len(said) - place, 'more operation')}")
            break
        lines.append(line)
    head = f"Request {prose(f'{step.id} {sent(step)}')}"
    return f"{head}\n{_fence(lines)}" if lines else head


def _results(page: _Page, outcomes: Sequence[Outcome], made: Plan | None, reserved: int) -> None:
    """Every agent of an apply in a table, those first who are not applied; `reserved` bytes are
    for what comes after."""
    if not outcomes:
        return
    agents: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        agents.setdefault((each.operation.portal, each.operation.key), []).append(each)
    names = {(each.portal, each.key): each.name for each in (made.entries if made else ())}
    found = sorted(agents.values(), key=lambda group: max(map(_seriousness, group)), reverse=True)
    room, lines = page.room - reserved - UNTOLD, []
    for group in found:
        who = group[0].operation
        verbs = (each.operation.verb for each in group)
        lines.append(
            [
                "<br>".join(
                    filter(None, (prose(names.get((who.portal, who.key), ""), NAME), code(who.key)))
                ),
                prose(who.portal, NAME),
                ", ".join(dict.fromkeys(verbs)),
                _became(group),
            ]
        )
        room -= _size(_cells(lines[-1])) + 1
        if room < 0:
            lines.pop()
            break
    several = made is not None and made.several
    header = ["Agent", "Portal", "What", "Outcome"]
    page.add(_table(header, lines, (True, several, True, True)))
    page.rest(len(found) - len(lines), "agent")


SERIOUS = ("applied", "waiting", "skipped", "unknown", "failed")


def _seriousness(outcome: Outcome) -> int:
    return SERIOUS.index(outcome.status)


def _became(group: Sequence[Outcome]) -> str:
    """What became of one agent; of several operations each, where it is not the same. A new
    agent's ids are told."""
    statuses = {each.status for each in group}
    said = [f"{each.operation.verb} {each.status}" for each in group]
    if len(statuses) == 1:
        said = [group[0].status]
    for each in group:
        if each.aliases:
            ids = {"id": each.id, **each.aliases}
            said += [prose(f"{name} {value}", NAME) for name, value in ids.items()]
    return ", ".join(said)
