"""Plans as a page: one file that needs no network and no script to be read.

Everything that comes from agents and portals is text: only `_el` makes markup, and it escapes
whatever is not markup of its own. Pictures are the only thing that the page asks the network for.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Literal

from reconciler.core.fields import parent
from reconciler.core.model import (
    Entry,
    Outcome,
    Plan,
    Report,
    Source,
    Step,
    Value,
    Warning,
)
from reconciler.core.plan_json import counts
from reconciler.render.card import Card, Cards, Spot, address, cards
from reconciler.render.view import (
    PARTICIPLES,
    Row,
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

OPEN = 200
"""Agents whose cards are laid open in full; of those after them only what changes, folded."""
LISTED = 40
"""Agents from which the list to jump by is folded."""
VOID = frozenset(("meta", "img"))
TAGS = {"old": "del", "new": "ins", "same": "span"}
"""What marks a change on each side of a card."""
BADGES = {verb: f"badge {verb}" for verb in PARTICIPLES}
LANGUAGE = re.compile("[a-z]{2,3}")
Kind = Literal["old", "new", "same"]
MARKS = {"+": "new", "~": "changed", "-": "off"}
"""What an agent's mark is called in the style sheet."""


class _Html(str):
    """Markup of ours; every other string is text."""

    __slots__ = ()


def _el(tag: str, *inside: str, **attributes: str) -> _Html:
    """An element: what is inside is escaped unless it is markup, and so is what the attributes
    say, whose names may end in `_` and have `_` for `-`."""
    said = "".join([_attribute(name, value) for name, value in attributes.items()])
    return _Html(f"<{tag}{said}>" if tag in VOID else f"<{tag}{said}>{_join(inside)}</{tag}>")


@lru_cache(maxsize=4096)  # nearly all of them are the same for every agent
def _attribute(name: str, value: str) -> str:
    return f' {name.rstrip("_").replace("_", "-")}="{escape(one_line(value))}"'


@lru_cache(maxsize=4096)
def _text_of(said: str) -> str:
    return escape(visible(said))


def _join(parts: Iterable[str]) -> _Html:
    """Parts one after the other; those that are no markup are escaped."""
    return _Html(
        "".join([part if type(part) is _Html else _text_of(part) for part in parts if part])
    )


def _lines(parts: Iterable[_Html]) -> _Html:
    return _Html("\n".join(parts))


@dataclass(frozen=True, slots=True)
class _Story:
    """What a page says of a plan: its headline and first sentence, what the two sides are called,
    which of the warnings nobody may miss, and whether it tells what an apply would `do`."""

    kind: str
    verdict: str
    lead: str
    before: str
    after: str
    gone: Sequence[Warning] = ()
    warnings: Sequence[Warning] = ()
    do: bool = True


def plan(made: Plan, *, requests: bool = False) -> str:
    """A plan: the verdict, what nobody may miss, each agent as visitors see them, the price; with
    `requests` also every request as it would be sent."""
    verdict, _, lead = totals(made).partition(":")
    if made.entries:  # the counts are said below
        verdict, lead = f"{plural(len(_agents(made.entries)), 'agent')} would change", ""
    story = _Story("Plan", verdict, _sentence(lead), "Now", "After", warnings=made.warnings)
    return _page(made, story, requests=requests)


def drift(made: Plan) -> str:
    """What somebody changed on the portal: what visitors see now, and what the files story."""
    said = drifted(made)
    verdict, _, lead = said.partition(":")
    if said.startswith("Drift"):
        verdict, lead = lead.strip().rstrip("."), ""
    if made.entries:
        lead = "`reconciler apply` puts it back. To keep it, write it into the file."
    sides = ("On the portal now", "As the files say")
    story = _Story("Drift", verdict, _sentence(lead), *sides, gone=made.warnings, do=False)
    return _page(made, story, requests=False)


def report(done: Report) -> str:
    """What an apply did: how it ended, who was not applied and why, what was."""
    made = done.plan or NOTHING
    outcomes = [(each, replace(each.operation, source=each.source)) for _, each in done.outcomes]
    quiet = {"applied", "waiting"}

    def told(kind: Callable[[Outcome], bool]) -> list[_Html]:
        return [
            _told(_sentence(each.status), who, made, f"{who.verb} {_ids(each)}")
            for each, who in outcomes
            if kind(each)
        ]

    first = [
        *_unread(made, "nothing was sent there"),
        *told(lambda each: each.status not in quiet),
        *(
            _told("Left out", each, made, f"its plan is stale: {each.reason}")
            for each in done.stale
        ),
        *(_told("Conflict", each, made, each.reason) for each in made.conflicts),
    ]
    unmet = [
        _told("Not as declared", each, made, f"{each.path}: the portal shows {words(each.live)}")
        for each in (done.unmet if outcomes else ())
    ]
    notes = [
        *(_el("li", each) for each in done.notes),
        *told(lambda each: each.status == "waiting"),
        *(_told("", each, made, each.message) for each in made.warnings),
    ]
    ending = _sentence(ended(done)).rstrip(".")
    top = _el(
        "header",
        _el("p", " · ".join(("Apply", *made.portals)), class_="kind"),
        _el("h1", ending),
        _el("p", tally(done), class_="lead"),
    )
    return _document(
        f"Apply: {ending}",
        top,
        _list("Look at this first", first, "first"),
        _list("Applied, and shown otherwise", unmet, "notes"),
        _list("Worth knowing", notes, "notes"),
        _list("What was applied", told(lambda each: each.status == "applied"), "notes"),
    )


NOTHING = Plan((), (), (), (), 0, 0, (), True, (), 0)
"""The plan of a report that has none."""


def _ids(outcome: Outcome) -> str:
    """What a portal said of an operation, or the ids of whom it created."""
    if outcome.error is not None:
        return outcome.error
    ids = {"id": outcome.id, **outcome.aliases} if outcome.aliases else {}
    return ", ".join(f"{name} {value}" for name, value in ids.items())


def _list(title: str, items: Sequence[_Html], kind: str) -> _Html | str:
    """A section that is a list; nothing where there is nothing in it."""
    if not items:
        return ""
    return _el("section", _el("h2", title), _el("ul", _lines(items)), class_=kind)


def _unread(made: Plan, so: str) -> list[_Html]:
    """What of the portals is not known."""
    items = [
        _loud(f"{portal} could not be read,", f"so {so}: {why}") for portal, why in made.unread
    ]
    if not made.complete and not made.unread:
        items.append(_loud("Incomplete:", "the portal listed only a part of its agents."))
    return items


def _page(made: Plan, story: _Story, *, requests: bool) -> str:
    agents = _agents(made.entries)
    return _document(
        f"{story.kind}: {story.verdict}",
        _top(made, story),
        _first(made, story, agents),
        _jump(made, story, agents),
        _changes(made, story, agents),
        _notes(made, story.warnings),
        _cost(made, requests=requests) if story.do else "",
    )


def _document(title: str, top: _Html, *parts: str) -> str:
    """A whole page. Its policy lets it load pictures over https and nothing else."""
    style = (files(__package__) / "page.css").read_text("utf-8")
    own = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src https:; style-src 'sha256-{own}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = _el(
        "head",
        _el("meta", charset="utf-8"),
        _el("meta", http_equiv="Content-Security-Policy", content=policy),
        _el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _el("meta", name="color-scheme", content="light dark"),
        _el("meta", name="referrer", content="no-referrer"),
        _el("meta", name="robots", content="noindex"),
        _el("title", title),
        _el("style", _Html(style)),
    )
    body = _el("body", top, _el("main", *parts))
    return f"<!doctype html>\n{_el('html', head, body, lang='en')}\n"


def _top(made: Plan, story: _Story) -> _Html:
    """Verdict and counts."""
    said = counts(made)
    shown = {**PARTICIPLES, "unchanged": "unchanged", "waiting": "waiting"}
    tiles = [
        _el("li", _el("b", str(said[each])), f" {label}", class_=f"tile {each}")
        for each, label in {**shown, "conflicts": "in conflict"}.items()
        if said[each]
    ]
    portals = [*made.portals, *(portal for portal, _ in made.unread)]
    return _el(
        "header",
        _el("p", " · ".join((story.kind, *portals)), class_="kind"),
        _el("h1", story.verdict),
        _el("p", story.lead, class_="lead") if story.lead else "",
        _el("ul", *tiles, class_="tiles") if tiles and story.do else "",
    )


Agents = Sequence[tuple[str, Sequence[tuple[Entry, Row]]]]
"""Each agent's entries on the portals, under the anchor of its card."""


def _agents(entries: Sequence[Entry]) -> Agents:
    pairs = zip(entries, rows(entries), strict=True)
    groups = [list(group) for _, group in groupby(pairs, key=lambda pair: pair[0].key)]
    return [(f"agent-{number}", group) for number, group in enumerate(groups, 1)]


def _first(made: Plan, story: _Story, agents: Agents) -> _Html | str:
    """What nobody may miss."""
    items = _unread(made, "nothing is planned there")
    items += [
        _loud(
            "Over the limits:",
            f"{said}. An apply asks for --force, or for a plan that was saved.",
        )
        for said in made.excess
    ]
    items += [
        _el(
            "li",
            _el("strong", _sentence(row.loud)),
            " ",
            _el("a", _called(row), " ", _el("code", one_line(row.key)), href=f"#{anchor}"),
            f" on {row.portal}" if made.several else "",
        )
        for anchor, group in agents
        for _, row in group
        if row.loud and story.do
    ]
    items += [_told("Conflict", each, made, each.reason) for each in made.conflicts]
    items += [_told("Gone", each, made, each.message) for each in story.gone]
    return _list("Look at this first", items, "first")


def _loud(what: str, said: str) -> _Html:
    return _el("li", _el("strong", what), f" {said}")


def _sentence(said: str) -> str:
    said = said.strip()
    return said[:1].upper() + said[1:]


def _called(row: Row) -> _Html:
    """An agent by name, or by key where there is none."""
    return _el("bdi", one_line(row.name) or one_line(row.key) or "without a name", lang="")


def _told(what: str, each: Told, made: Plan, said: str) -> _Html:
    return _el(
        "li",
        _el("strong", what) if what else "",
        " " if what else "",
        _el("code", one_line(each.key)),
        f" on {each.portal}" if made.several else "",
        " ",
        _place(each.source),
        _el("span", said, class_="said", dir="auto"),
    )


def _place(source: Source | None) -> _Html | str:
    return "" if source is None else _el("span", one_line(str(source)), " ", class_="place")


def _jump(made: Plan, story: _Story, agents: Agents) -> _Html | str:
    """The list of agents, to jump to their cards."""
    if len(agents) < 2:
        return ""
    items = _lines(
        _el(
            "li",
            _el("span", _mark([row for _, row in group]), class_="mark", aria_hidden="true"),
            _el(
                "a",
                _called(group[0][1]),
                href=f"#{anchor}",
            ),
            _el("span", _does(made, [row for _, row in group], story), class_="does"),
        )
        for anchor, group in agents
    )
    head = _el("h2", f"{len(agents)} agents")
    listed = _el("ol", items)
    if len(agents) <= LISTED:
        return _el("nav", head, listed, aria_label="Agents")
    folded = _el("details", _el("summary", "Show the list"), listed)
    return _el("nav", head, folded, aria_label="Agents")


def _mark(group: Sequence[Row]) -> str:
    """The mark of an agent: the gravest of those on the portals."""
    return next((row.mark for row in group if row.mark == "-"), group[0].mark)


def _does(made: Plan, group: Sequence[Row], story: _Story) -> str:
    """What is done for an agent: `update`, and with several portals on which."""
    if not story.do:
        return ", ".join(one_line(row.portal) for row in group) if made.several else ""
    if not made.several:
        return group[0].actions
    return "; ".join(f"{one_line(row.portal)}: {row.actions}" for row in group)


def _changes(made: Plan, story: _Story, agents: Agents) -> _Html | str:
    """The agents' cards."""
    if not agents:
        return ""
    return _el(
        "section",
        _el("h2", "As visitors see them"),
        _lines(
            _agent(made, story, anchor, group, brief=place >= OPEN)
            for place, (anchor, group) in enumerate(agents)
        ),
        class_="changes",
    )


def _agent(
    made: Plan, story: _Story, anchor: str, group: Sequence[tuple[Entry, Row]], *, brief: bool
) -> _Html:
    """One agent on all portals."""
    row = group[0][1]
    title = _el("h3", _called(row))
    key = _el("code", one_line(row.key))
    told = [_on_portal(made, story, entry, each, brief=brief) for entry, each in group]
    if not brief:
        return _el("article", _el("header", title, key), *told, id=anchor)
    does = _el("span", _does(made, [each for _, each in group], story), class_="does")
    return _el("details", _el("summary", title, key, does), *told, class_="agent", id=anchor)


def _on_portal(made: Plan, story: _Story, entry: Entry, row: Row, *, brief: bool) -> _Html:
    """One agent on one portal: what is done and why, and both cards."""
    notes = _line_notes(row)
    seen = cards(entry, notes, brief=brief)
    if seen.same:
        sides = [_side("Visitors see no change", seen.before, "same")]
    elif seen.before is not None and seen.after is not None:
        sides = [_side(story.before, seen.before, "old"), _side(story.after, seen.after, "new")]
    else:
        one = [(story.before, seen.before), (story.after, seen.after)]
        sides = [_side(label, card, "same") for label, card in one]
    badges = [
        _el("span", each, class_=BADGES.get(each, "badge")) for each in entry.actions if story.do
    ]
    if row.whose:
        badges.append(_el("span", _sentence(row.whose), class_="badge whose"))
    head = [_el("h4", one_line(row.portal))] if made.several else []
    return _el(
        "section",
        _el("div", *head, *badges, class_="does"),
        _el("p", f"{one_line(row.where)} · {one_line(row.reason)}", class_="why"),
        _el("p", _sentence(row.loud), class_="banner") if row.loud and story.do else "",
        _el("div", *sides, _account(seen, row, notes), class_="sides"),
        class_=f"portal {MARKS[row.mark]}",
    )


def _line_notes(row: Row) -> dict[str, str]:
    """What there is to say of each change, but for what the badge says of all of them."""
    told = {line.path: line.note.split("; ") for line in row.lines}
    alike = all(row.whose in parts for parts in told.values())
    return {
        path: "; ".join(part for part in parts if not (alike and part == row.whose))
        for path, parts in told.items()
    }


def _side(label: str, card: Card | None, kind: Kind) -> _Html | str:
    """One side: what it is, and the card."""
    if card is None:
        return ""
    return _el(
        "div",
        _el("p", label, class_="label"),
        _el(
            "div",
            _head(card, kind),
            *(_text(spot, kind) for spot in card.texts if parent(spot.path) != "position"),
            _el("dl", *(_line(spot, kind) for spot in card.lines)) if card.lines else "",
            _switches(card.switches, kind),
            class_="card",
        ),
        class_=f"side {kind}",
        role="group",
        aria_label=label,
    )


def _head(card: Card, kind: Kind) -> _Html:
    """Picture, name and position."""
    name = str(card.name.value)
    url = address(card.picture.value)
    picture = _el(
        "span",
        _el("span", _initials(name), aria_hidden="true"),
        _el(
            "img",
            src=url,
            alt=f"Picture of {name}",
            data_initials=_initials(name),
            width="80",
            height="80",
            loading="lazy",
            decoding="async",
            referrerpolicy="no-referrer",
        )
        if url
        else "",
        class_="picture changed" if card.picture.changed else "picture",
    )
    said = _el(
        "div",
        _el("p", _el("bdi", _value(card.name, kind)), class_="name", lang=""),
        _note(card.name),
        *(_text(spot, kind) for spot in card.texts if parent(spot.path) == "position"),
    )
    return _join((_el("div", picture, said, class_="who"), _caption(card.picture, url, kind)))


def _caption(picture: Spot, url: str | None, kind: Kind) -> _Html | str:
    """What there is to say of a picture that changes, or that cannot be looked at here."""
    if picture.changed:
        said = _value(picture, kind)
    elif picture.value and url is None:
        said = _join((_words(picture.value),))
    else:
        return ""
    return _join((_el("p", "Picture: ", said, class_="caption"), _note(picture)))


def _initials(name: str) -> str:
    """Two letters that stand where there is no picture."""
    letters = [next((each for each in word if each.isalpha()), "") for word in name.split()]
    return "".join([each for each in letters if each][:2])


def _text(spot: Spot, kind: Kind) -> _Html:
    """A text, in its language where that is known."""
    code = spot.language if LANGUAGE.fullmatch(spot.language) else ""
    label = " · ".join(filter(None, (spot.label, spot.language)))
    return _el(
        "div",
        _el("p", one_line(label), class_="tag"),
        _el("p", _value(spot, kind), class_="text", lang=code, dir="auto"),
        _note(spot),
        class_=f"field {parent(spot.path)}" if parent(spot.path) == "position" else "field",
    )


def _line(spot: Spot, kind: Kind) -> _Html:
    """A value on a line of its own."""
    said = _el("dd", _el("bdi", _value(spot, kind), lang=""), _note(spot))
    return _el("div", _el("dt", one_line(spot.label)), said)


def _switches(switches: Sequence[Spot], kind: Kind) -> _Html | str:
    """The ways of contact that are offered, and those that are not."""
    if not switches:
        return ""
    return _el("ul", *(_switch(spot, kind) for spot in switches), class_="switches")


def _switch(spot: Spot, kind: Kind) -> _Html:
    on = spot.value is True
    sign = _el("span", "✓" if on else "✕", aria_hidden="true")
    state = _words(spot.value)
    if not spot.changed:
        said = _join((sign, " ", spot.label, _el("span", f" {state}", class_="unseen")))
        return _el("li", said, class_="on" if on else "off")
    said = _el(TAGS[kind], sign, " ", f"{spot.label}: {state}")
    return _el("li", said, _note(spot), class_="on changed" if on else "off changed")


def _value(spot: Spot, kind: Kind) -> _Html:
    """A value; one that changes is marked, and of a text the words that do."""
    if not spot.changed:
        return _join((_words(spot.value),))
    if spot.pieces:
        return _join(
            text if sort == "same" else _el(TAGS[kind], text) for sort, text in spot.pieces
        )
    if spot.value in (None, "", []):
        nothing = _el("span", "nothing", class_="nothing")
        return nothing if kind == "old" else _el(TAGS[kind], nothing)
    return _el(TAGS[kind], _words(spot.value))


def _words(value: Value) -> str:
    """A value as a card has it: a text without quotation marks."""
    return value if isinstance(value, str) else words(value)


def _note(spot: Spot) -> _Html | str:
    return _el("span", f"({spot.note})", class_="note") if spot.note else ""


def _account(seen: Cards, row: Row, notes: Mapping[str, str]) -> _Html | str:
    """What changes and no visitor sees."""
    lines = [line for line in row.lines if line.path in seen.account]
    if not lines:
        return ""
    return _el(
        "div",
        _el("p", "Not seen by visitors" if seen.after else "What changes", class_="tag"),
        _el(
            "dl",
            *(
                _el(
                    "div",
                    _el("dt", _el("code", one_line(line.path))),
                    _el(
                        "dd",
                        _join((_el("del", one_line(line.old)), " → ")) if line.old else "",
                        _el("ins", one_line(line.new)),
                        _el("span", f"({note})", class_="note")
                        if (note := notes[line.path])
                        else "",
                        lang="",
                    ),
                )
                for line in lines
            ),
        ),
        class_="account",
    )


def _notes(made: Plan, warnings: Sequence[Warning]) -> _Html | str:
    """The warnings."""
    told = [_told("", each, made, each.message) for each in warnings]
    return _list("Worth knowing", told, "notes")


def _cost(made: Plan, *, requests: bool) -> _Html | str:
    """What an apply costs, with `requests` each of them as it would be sent."""
    if not made.steps:
        return ""
    listed: _Html | str = ""
    if requests:
        listed = _el(
            "details",
            _el("summary", "Nothing is sent. Every request that an apply would send"),
            _el("ol", _lines(map(_request, made.steps))),
        )
    said = _el("p", f"{price(made)}.")
    return _el("section", _el("h2", "What an apply costs"), said, listed, class_="cost")


def _request(step: Step) -> _Html:
    carried = "\n".join(map(one_line, bodies(step)))
    return _el(
        "li",
        _el("code", one_line(f"{step.id}  {sent(step)}")),
        _el("pre", carried) if carried else "",
    )
