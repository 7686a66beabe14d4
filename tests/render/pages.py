"""Reading a page as a browser does, and what holds for every page."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

from .samples import steering

ATTRIBUTES = {
    "html": {"lang"},
    "meta": {"charset", "http-equiv", "content", "name"},
    "nav": {"aria-label"},
    "ul": {"class"},
    "li": {"class"},
    "p": {"class", "lang", "dir"},
    "a": {"href"},
    "bdi": {"lang"},
    "dd": {"lang"},
    "section": {"class"},
    "article": {"id"},
    "details": {"class", "id"},
    "summary": {"class"},
    "div": {"class", "role", "aria-label"},
    "span": {"class", "aria-hidden", "dir"},
    "img": {
        *("src", "alt", "data-initials", "width", "height"),
        *("loading", "decoding", "referrerpolicy"),
    },
}
"""The attributes that elements may have."""
PLAIN = {
    *("head", "title", "style", "body", "header", "main", "h1", "h2", "h3", "h4", "b", "ol"),
    *("strong", "code", "pre", "dl", "dt", "ins", "del"),
}
"""The elements that have none."""
CLASSES = {
    *("kind", "lead", "tiles", "tile", "first", "notes", "message", "place"),
    *("mark", "does", "changes", "agent", "portal", "new", "changed", "off"),
    *("badge", "create", "update", "link", "unlink", "deactivate", "whose", "why"),
    *("banner", "sides", "side", "old", "same", "label", "card", "who"),
    *("name", "picture", "caption", "field", "position", "tag", "text", "nothing"),
    *("note", "switches", "on", "unseen", "account", "cost", "danger"),
}
VOID = {"meta", "img"}


@dataclass
class Element:
    """One element: its attributes, what is in it, and its text."""

    tag: str
    attributes: dict
    inside: list = field(default_factory=list)

    @property
    def text(self):
        """All text in it."""
        return "".join(each if isinstance(each, str) else each.text for each in self.inside)

    @property
    def classes(self):
        """Its classes."""
        return self.attributes.get("class", "").split()

    def every(self, tag=None, kind=None):
        """The elements in it of this tag and class, in order."""
        for each in self.inside:
            if not isinstance(each, str):
                if tag in (None, each.tag) and (kind is None or kind in each.classes):
                    yield each
                yield from each.every(tag, kind)

    def one(self, tag=None, kind=None):
        """The only one."""
        (found,) = self.every(tag, kind)
        return found

    def texts(self, tag=None, kind=None):
        """The texts of every one."""
        return [each.text for each in self.every(tag, kind)]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        made = Element(tag, dict(attrs))
        assert len(made.attributes) == len(attrs), "an attribute twice"
        self.open[-1].inside.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag, "not nested"

    def handle_data(self, data):
        self.open[-1].inside.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")

    def handle_pi(self, data):
        raise AssertionError("an instruction")

    def unknown_decl(self, data):
        raise AssertionError("a declaration")


def read(page):
    """The page as a tree."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    (root,) = reader.open
    return root


def checked(page):
    """The page as a tree, of which holds what holds for every page: nothing in it steers or runs,
    nothing but pictures comes from elsewhere, its headings and links are in order."""
    assert steering(page.replace("\t", " ")) == []
    root = read(page)
    for each in root.every():
        assert set(each.attributes) <= (set() if each.tag in PLAIN else ATTRIBUTES[each.tag])
        assert set(each.classes) <= CLASSES
        assert all(value is not None for value in each.attributes.values())
    style = root.one("style").text
    assert "<" not in style
    assert "url(" not in style
    assert "@import" not in style
    own = b64encode(sha256(style.encode()).digest()).decode()
    policy = next(each for each in root.every("meta") if "http-equiv" in each.attributes)
    assert policy.attributes["content"] == (
        f"default-src 'none'; img-src https:; style-src 'sha256-{own}'; "
        "base-uri 'none'; form-action 'none'"
    )
    anchors = [each.attributes["id"] for each in root.every() if "id" in each.attributes]
    assert len(anchors) == len(set(anchors))
    for link in root.every("a"):
        assert link.attributes["href"].removeprefix("#") in anchors
        assert link.text.strip()
    for picture in root.every("img"):
        assert re.fullmatch(r"https://[a-z0-9.-]+/?[!-~]*", picture.attributes["src"])
        assert picture.attributes["alt"]
        assert picture.attributes["referrerpolicy"] == "no-referrer"
        assert picture.attributes["loading"] == "lazy"
    levels = [int(each.tag[1]) for each in root.every() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    return root.one("body")
