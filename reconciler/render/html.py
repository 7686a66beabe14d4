"""Plans, drift and reports as a page: one file, read without a network or a script.

Pictures are the only thing that the page loads.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

from reconciler.core.findings import sentence
from reconciler.core.model import Plan, Report, Source, Step
from reconciler.render import view
from reconciler.render.card import Cards, cards
from reconciler.render.card_html import side
from reconciler.render.element import Html, el, join, stack
from reconciler.render.parts import Item, Section, View
from reconciler.render.phrases import NOUNS, bodies, code_parts, plural, target
from reconciler.render.rows import Agent, Row
from reconciler.render.visible import one_line

OPEN = 200
"""Agents whose cards are open; of those after them only the changes are shown, folded."""
LISTED = 40
"""Items above which a list is folded."""
MARKS = {"+": "new", "~": "changed", "-": "off"}
"""What an agent's mark is called in the style sheet."""


def plan(plan: Plan, *, requests: bool = False) -> str:
    """A plan, with each agent as visitors see them; with `requests` also what would be sent."""
    return _lay_out(view.plan(plan, requests=requests))


def drift(plan: Plan) -> str:
    """What was changed on the portal, with each agent as visitors see them."""
    return _lay_out(view.drift(plan))


def report(report: Report) -> str:
    """What an apply did."""
    return _lay_out(view.report(report))


def _lay_out(shown: View) -> str:
    index, changes = _agents(shown)
    return _document(
        f"{shown.kind}: {shown.title}",
        _top(shown),
        _dangers([each for each in shown.first if each.danger]),
        *(_section(each) for each in shown.first if not each.danger),
        index,
        changes,
        _results(shown),
        *(_section(each) for each in shown.notes),
        _cost(shown),
    )


def _document(title: str, top: Html, *parts: str) -> str:
    """A whole page. Its policy lets it load pictures over https and nothing else."""
    style = (files(__package__) / "page.css").read_text("utf-8")
    own = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src https:; style-src 'sha256-{own}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="robots", content="noindex"),
        el("title", title),
        el("style", Html(style)),
    )
    body = el("body", top, el("main", *parts))
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _top(shown: View) -> Html:
    tiles = [
        el(
            "li",
            el("b", str(each.number)),
            f" {each.label}",
            class_="tile danger" if each.danger else "tile",
        )
        for each in shown.counts
    ]
    return el(
        "header",
        el("p", " · ".join((shown.kind, *shown.portals)), class_="kind"),
        el("h1", shown.title),
        *(_account(portal, account) for portal, account in shown.accounts),
        el("p", *_message(shown.lead), class_="lead") if shown.lead else "",
        el("ul", *tiles, class_="tiles") if tiles else "",
    )


def _account(portal: str, account: str) -> Html:
    return el("p", f"Account on {portal}: ", el("bdi", one_line(account), lang=""), class_="lead")


# Sections


def _dangers(sections: Sequence[Section]) -> Html | str:
    if not sections:
        return ""
    parts = [part for each in sections for part in (el("h3", each.title), *_items(each))]
    return el("section", el("h2", "Read this first"), *parts, class_="first")


def _section(section: Section) -> Html:
    parts = _items(section)
    if len(section.items) > LISTED:
        summary = el("summary", plural(len(section.items), section.noun))
        parts = [el("details", summary, *parts)]
    return el("section", el("h2", section.title), *parts, class_="notes")


def _items(section: Section) -> list[Html]:
    text = [el("p", *_message(section.text))] if section.text else []
    return [*text, el("ul", stack(_item(item) for item in section.items))]


def _item(item: Item) -> Html:
    parts: list[str] = []
    if item.key:
        name = _name(item.name, item.key)
        parts += [el("a", name, href=f"#{item.anchor}") if item.anchor else el("b", name)]
        parts += [el("code", one_line(item.key))] if item.name else []
    if item.portal:
        parts.append(f"on {item.portal}")
    if item.source is not None:
        parts.append(_place(item.source))
    if item.label:
        parts.append(el("strong", item.label))
    if item.text:
        parts.append(el("span", *_message(item.text), class_="message", dir="auto"))
    return el("li", Html(" ".join(join((part,)) for part in parts)))


def _name(name: str, key: str) -> Html:
    return el("bdi", one_line(name) or one_line(key) or "without a name", lang="")


def _place(source: Source) -> Html:
    return el("span", one_line(str(source)), class_="place")


def _message(text: str) -> list[str]:
    return [el("code", part) if is_code else part for part, is_code in code_parts(text)]


# Agents


def _agents(shown: View) -> tuple[Html | str, Html | str]:
    entries, cards_ = [], []
    for place, agent in enumerate(shown.agents):
        rows = agent.rows()
        entries.append(_entry(agent, rows, shown))
        cards_.append(_agent(shown, agent, rows, brief=place >= OPEN))
    if not entries:
        return "", ""
    changes = el("section", el("h2", "As visitors see them"), stack(cards_), class_="changes")
    return _index(entries) if len(entries) > 1 else "", changes


def _index(entries: Sequence[Html]) -> Html:
    head, listed = el("h2", plural(len(entries), "agent")), el("ol", stack(entries))
    if len(entries) > LISTED:
        listed = el("details", el("summary", "Show the list"), listed)
    return el("nav", head, listed, aria_label="Agents")


def _entry(agent: Agent, rows: Sequence[Row], shown: View) -> Html:
    danger = any(row.danger for row in rows)
    sign = next((row.mark for row in rows if row.danger), rows[0].mark)
    mark = el("span", sign, class_="mark", aria_hidden="true")
    link = el("a", _name(agent.name, agent.key), href=f"#{agent.anchor}")
    does = el("span", _does(rows, shown), class_="does")
    return el("li", mark, link, does, **({"class_": "danger"} if danger else {}))


def _does(rows: Sequence[Row], shown: View) -> str:
    """What is done for an agent: `rentix: update name, bio, 2 more`."""
    parts = []
    for row in rows:
        fields = ", ".join(filter(None, (*map(one_line, row.paths), row.more)))
        text = " ".join(filter(None, (row.actions, fields)))
        parts.append(f"{one_line(row.portal)}: {text}" if shown.several else text)
    return "; ".join(parts)


def _agent(shown: View, agent: Agent, rows: Sequence[Row], *, brief: bool) -> Html:
    title = el("h3", _name(agent.name, agent.key))
    key = el("code", one_line(agent.key))
    portals = [
        _on_portal(shown, row, cards(entry, row.notes, brief=brief, drift=shown.drift))
        for entry, row in zip(agent.entries, rows, strict=True)
    ]
    if not brief:
        return el("article", el("header", title, key), *portals, id=agent.anchor)
    does = el("span", _does(rows, shown), class_="does")
    summary = el("summary", title, key, does)
    return el("details", summary, *portals, class_="agent", id=agent.anchor)


def _on_portal(shown: View, row: Row, seen: Cards) -> Html:
    """One agent on one portal: what is done and why, and both cards."""
    head = [el("h4", one_line(row.portal))] if shown.several else []
    why = " · ".join(filter(None, (one_line(row.where), one_line(row.reason))))
    return el(
        "section",
        el("div", *head, *_badges(row), class_="does"),
        el("p", *_message(why), class_="why"),
        el("p", sentence(row.danger), class_="banner") if row.danger else "",
        el("div", *_sides(shown, seen), _private(seen, row), class_="sides"),
        class_=f"portal {MARKS[row.mark]}",
    )


def _badges(row: Row) -> list[Html]:
    badges = [
        el("span", action, class_=f"badge {action}" if action in NOUNS else "badge")
        for action in filter(None, row.actions.split(", "))
    ]
    if row.whose:
        badges.append(el("span", sentence(row.whose), class_="badge whose"))
    return badges


def _sides(shown: View, seen: Cards) -> list[str]:
    """Both cards; one alone where the other is missing, or where they are the same."""
    if seen.same:
        return [side("Visitors see no change", seen.before, "same")]
    if seen.before is not None and seen.after is not None:
        return [side(shown.before, seen.before, "old"), side(shown.after, seen.after, "new")]
    return [side(shown.before, seen.before, "same"), side(shown.after, seen.after, "same")]


def _private(seen: Cards, row: Row) -> Html | str:
    lines = [line for line in row.lines if line.path in seen.private]
    if not lines:
        return ""
    items = []
    for line in lines:
        old = join((el("del", one_line(line.old)), " → ")) if line.old else ""
        note = el("span", f"({line.note})", class_="note") if line.note else ""
        new = el("span", line.new, class_="nothing") if line.cleared else one_line(line.new)
        change = el("dd", old, el("ins", new), note, lang="")
        items.append(el("div", el("dt", el("code", one_line(line.path))), change))
    title = "Not seen by visitors" if seen.after else "What changes"
    return el("div", el("p", title, class_="tag"), el("dl", *items), class_="account")


# The rest


def _results(shown: View) -> Html | str:
    if not shown.results:
        return ""
    items = []
    for each in shown.results:
        outcome = each.outcome if " " in each.outcome else f"{each.verbs} {each.outcome}"
        text = ", ".join(filter(None, (outcome, each.ids)))
        items.append(Item(text, "", each.item.name, each.item.key, each.item.portal))
    return _section(Section("Results", items, "agent"))


def _cost(shown: View) -> Html | str:
    """The closing sentences, and every request as it would be sent."""
    if shown.drift or not shown.closing:
        return ""
    listed: Html | str = ""
    if shown.steps:
        summary = el("summary", "Nothing is sent. An apply would send:")
        listed = el("details", summary, el("ol", stack(map(_request, shown.steps))))
    texts = [el("p", *_message(text)) for text in shown.closing]
    return el("section", el("h2", "Cost of an apply"), *texts, listed, class_="cost")


def _request(step: Step) -> Html:
    carried = "\n".join(map(one_line, bodies(step)))
    return el(
        "li",
        el("code", one_line(f"{step.id}  {target(step)}")),
        el("pre", carried) if carried else "",
    )
