"""An agent's card as HTML: what visitors see, with the changes marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from reconciler.core.fields import parent
from reconciler.core.model import Value
from reconciler.render.card import Card, Spot, address
from reconciler.render.element import Html, el, join
from reconciler.render.phrases import clip, words
from reconciler.render.text_diff import shorten
from reconciler.render.visible import one_line

Kind = Literal["old", "new", "same"]

TAGS = {"old": "del", "new": "ins", "same": "span"}
"""What marks a change on each side."""
LANGUAGE = re.compile("[a-z]{2,3}")
LONG = 400
"""Characters above which a text is folded, but for what changes in it."""


def side(label: str, card: Card | None, kind: Kind) -> Html | str:
    """One side: its label and the card; nothing where visitors do not see the agent."""
    if card is None:
        return ""
    texts = [_text(spot, kind) for spot in card.texts if parent(spot.path) != "position"]
    inside = el(
        "div",
        _head(card, kind),
        *texts,
        el("dl", *(_line(spot, kind) for spot in card.lines)) if card.lines else "",
        _switches(card.switches, kind),
        class_="card",
    )
    return el(
        "div",
        el("p", label, class_="label"),
        inside,
        class_=f"side {kind}",
        role="group",
        aria_label=label,
    )


def _head(card: Card, kind: Kind) -> Html:
    url = address(card.picture.value)
    positions = [_text(spot, kind) for spot in card.texts if parent(spot.path) == "position"]
    name = el(
        "div",
        el("p", el("bdi", _value(card.name, kind)), class_="name", lang=""),
        _note(card.name),
        *positions,
    )
    picture = _picture(card, url)
    return join((el("div", picture, name, class_="who"), _caption(card.picture, url, kind)))


def _picture(card: Card, url: str | None) -> Html:
    """The picture over the initials, which show where it does not load."""
    name = str(card.name.value)
    initials = _initials(name)
    image = ""
    if url:
        image = el(
            "img",
            src=url,
            alt=f"Picture of {name}",
            data_initials=initials,
            width="80",
            height="80",
            loading="lazy",
            decoding="async",
            referrerpolicy="no-referrer",
        )
    kind = "picture changed" if card.picture.changed else "picture"
    return el("span", el("span", initials, aria_hidden="true"), image, class_=kind)


def _caption(picture: Spot, url: str | None, kind: Kind) -> Html | str:
    if picture.changed:
        shown = _value(picture, kind)
    elif picture.value and url is None:
        shown = join((_words(picture.value),))
    else:
        return ""
    return join((el("p", "Picture: ", shown, class_="caption"), _note(picture)))


def _initials(name: str) -> str:
    letters = [next((each for each in word if each.isalpha()), "") for word in name.split()]
    return "".join([each for each in letters if each][:2])


def _text(spot: Spot, kind: Kind) -> Html:
    """A text, in its language where that is known; a long one is folded."""
    code = spot.language if LANGUAGE.fullmatch(spot.language) else ""
    field = parent(spot.path)
    rewritten = "rewritten" if spot.rewritten and kind != "same" else ""
    label = one_line(" · ".join(filter(None, (spot.label, spot.language, rewritten))))
    whole = el("p", _value(spot, kind), class_="text", lang=code, dir="auto")
    class_ = f"field {field}" if field == "position" else "field"
    if not isinstance(spot.value, str) or len(spot.value) <= LONG:
        return el("div", el("p", label, class_="tag"), whole, _note(spot), class_=class_)
    if not spot.changed:
        return el(
            "details", el("summary", f"{label} · unchanged", class_="tag"), whole, class_="field"
        )
    brief = el("p", _brief(spot, kind), class_="text", lang=code, dir="auto")
    folded = el("details", el("summary", "Whole text", class_="tag"), whole)
    return el("div", el("p", label, class_="tag"), brief, _note(spot), folded, class_=class_)


def _brief(spot: Spot, kind: Kind) -> Html:
    if spot.pieces:
        return join(_runs(shorten(spot.pieces), kind))
    return _marked(spot, clip(str(spot.value), LONG), kind)


def _line(spot: Spot, kind: Kind) -> Html:
    value = el("dd", el("bdi", _value(spot, kind), lang=""), _note(spot))
    return el("div", el("dt", one_line(spot.label)), value)


def _switches(switches: Sequence[Spot], kind: Kind) -> Html | str:
    if not switches:
        return ""
    return el("ul", *(_switch(spot, kind) for spot in switches), class_="switches")


def _switch(spot: Spot, kind: Kind) -> Html:
    on = spot.value is True
    sign = el("span", "✓" if on else "✕", aria_hidden="true")
    state = _words(spot.value)
    if not spot.changed:
        text = join((sign, " ", spot.label, el("span", f" {state}", class_="unseen")))
        return el("li", text, class_="on" if on else "off")
    text = el(TAGS[kind], sign, " ", f"{spot.label}: {state}")
    return el("li", text, _note(spot), class_="on changed" if on else "off changed")


def _value(spot: Spot, kind: Kind) -> Html:
    if not spot.changed:
        return join((_words(spot.value),))
    if spot.pieces:
        return join(_runs(spot.pieces, kind))
    if spot.value in (None, "", []):
        nothing = el("span", "nothing", class_="nothing")
        return nothing if kind == "old" else el(TAGS[kind], nothing)
    return _marked(spot, _words(spot.value), kind)


def _marked(spot: Spot, text: str, kind: Kind) -> Html:
    """A changed value as a whole. A rewritten text is not struck through: it is to be read."""
    return join((text,)) if spot.rewritten else el(TAGS[kind], text)


def _runs(pieces: Sequence[tuple[str, str]], kind: Kind) -> list[str]:
    return [text if each in ("same", "gap") else el(TAGS[kind], text) for each, text in pieces]


def _words(value: Value) -> str:
    """A value as a card has it: a text without quotation marks."""
    return value if isinstance(value, str) else words(value)


def _note(spot: Spot) -> Html | str:
    return el("span", f"({spot.note})", class_="note") if spot.note else ""
