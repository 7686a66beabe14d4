"""The page: what it contains, that nothing in it comes alive, and that it can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Change, Conflict, Entry, Plan, Report, Source, Warning
from reconciler.core.plan_json import parse
from reconciler.render import html
from reconciler.render.visible import one_line, visible

from .pages import checked, read
from .samples import plan, report

ROOT = Path(__file__).parent.parent.parent
STYLE = (files("reconciler.render") / "page.css").read_text("utf-8")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "</style><script>",
    "]]><!--<b>-->",
    "&lt;b&gt;&amp;&#60;b",
    "javascript:alert(1)",
    'https://a.md/" onload="x',
    "\x00\x1b[2J\u202eabc\u2028\udc00",
    "a\nb\tc  d",
    "",
]
NASTY = st.text(
    st.sampled_from("<>\"'&=/!- ;#x\\`\n\t\0\x1b\x9b\u202e\u2028\ufeff\ud83d\udc00abcЖé家"),
    max_size=20,
)
LIVE = {
    "name": "Ștefan Țurcan",
    "description.ru": "Десять лет продаю квартиры в новостройках Кишинёва.",
    "description.en": "Flats.",
    "description.ro": "",
    "avatar": {"id": 5, "variants": [{"url": "https://cdn.example.com/5/128.webp"}]},
    "instagram": "https://instagram.com/stefan",
    "youtube": None,
    "settings.contact_phone": True,
    "settings.contact_viber": False,
}
NEW = "Двенадцать лет продаю квартиры в новостройках Кишинёва."


def entry(*changes, portal="rentix", key="agent-001", number=7, actions=("update",), **more):
    """An agent with something to do."""
    values = {"name": "Ștefan Țurcanu", "live": LIVE, "attribution": None, **more}
    return Entry(
        portal=portal,
        key=key,
        id=number,
        source=Source(f"agents/{key}.yaml", 4),
        matched_by="id",
        actions=actions,
        changes=changes,
        reason="matched: id 7",
        **values,
    )


def made(*entries, portals=("rentix",), **more):
    """A plan of these agents."""
    return replace(
        Plan(entries, (), (), (), len(entries) + 1, 1, (), True, (), 3, (), portals), **more
    )


def page(*entries, **more):
    """The page of a plan of these agents."""
    return checked(html.plan(made(*entries, **more)))


def everything(text):
    """Each page there is, with this text in all that comes from elsewhere."""
    whole = plan(text)
    live = dict.fromkeys([*LIVE, "odd", "odd.ru", "bio.primary", "position.primary", "phone"], text)
    live["avatar"] = {"id": text, "url": text, "variants": {text: [text, {"url": text}]}}
    shown = tuple(replace(each, live=live) for each in whole.entries)
    paths = (Change(text, text, text), Change(f"settings.{text}", text, True))
    odd = replace(shown[0], changes=paths, portal=text, actions=(text,), attribution="drift")
    whole = replace(whole, unread=((text, text),), portals=("rentix", text))
    return [
        html.plan(whole, requests=True),
        html.plan(replace(whole, entries=(*shown, odd), unread=())),
        html.drift(whole),
        html.report(report(text)),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_only_text(text):
    """In names, keys, files, paths, values, addresses, ids and messages: it is read, and is no
    element and no attribute."""
    for each in everything(text):
        body = checked(each)
        assert one_line(text) in re.sub(r"\s", " ", body.text) or visible(text) in body.text


@settings(deadline=None, max_examples=25)
@given(NASTY)
def test_no_text_comes_alive(text):
    """As a property: every page has only our elements, classes, links and addresses."""
    for each in everything(text):
        checked(each)


def test_an_agent_is_shown_before_and_after():
    """Both sides in full, side by side, and what changes is marked, word by word in a text."""
    body = page(
        entry(
            Change("name", "Ștefan Țurcan", "Ștefan Țurcanu"),
            Change("description.ru", LIVE["description.ru"], NEW),
            Change("instagram", LIVE["instagram"], None),
            Change("settings.contact_viber", False, True),
        )
    )
    before, after = body.every("div", "side")
    assert before.attributes["aria-label"] == "Now"
    assert after.attributes["aria-label"] == "After apply"
    old, new = before.one("div", "card"), after.one("div", "card")
    assert old.texts("del") == ["Ștefan Țurcan", "Десять", LIVE["instagram"], "✕ Viber: off"]
    assert new.texts("ins") == ["Ștefan Țurcanu", "Двенадцать", "nothing", "✓ Viber: on"]
    assert not [*old.every("ins"), *new.every("del")]
    assert [each.text for each in old.every("p", "text")] == [LIVE["description.ru"], "Flats."]
    assert [each.text for each in new.every("p", "text")] == [NEW, "Flats."]
    assert [each.attributes["lang"] for each in new.every("p", "text")] == ["ru", "en"]
    assert old.texts("li") == ["✓ Phone on", "✕ Viber: off"]
    for side in (old, new):
        picture = side.one("img")
        assert picture.attributes["src"] == "https://cdn.example.com/5/128.webp"
    assert new.one("img").attributes["alt"] == "Picture of Ștefan Țurcanu"
    assert old.one("span", "picture").text == "ȘȚ"


def test_a_picture_that_changes_is_seen_on_both_sides():
    """The portal's before, the file's after, with the words for who cannot see it."""
    url = "https://agency.example/photos/a.jpg"
    body = page(entry(Change("avatar", {"id": 5}, {"url": url}, "unreadable")))
    before, after = body.every("div", "card")
    assert before.one("img").attributes["src"] == "https://cdn.example.com/5/128.webp"
    assert before.one("p", "caption").text == "Picture: picture 5"
    assert after.one("img").attributes["src"] == url
    assert after.one("p", "caption").text == f"Picture: {url}"
    assert after.one("span", "note").text == "(cannot be read back, so it is sent)"


def test_a_picture_that_cannot_be_shown_is_named():
    """One by its number alone, and one from an address that is none of the public web."""
    for value, sample in (
        ({"id": 77}, "picture 77"),
        ({"url": "http://a.md/a.jpg"}, "http://a.md/a.jpg"),
    ):
        body = page(entry(Change("name", "a", "b"), live={"name": "a", "avatar": value}))
        assert not [*body.every("img")]
        assert body.texts("p", "caption") == [f"Picture: {sample}"] * 2
    body = page(entry(Change("avatar", {"id": 5}, None)))
    after = [*body.every("div", "card")][1]
    assert after.one("p", "caption").text == "Picture: nothing"


def test_a_new_agent_has_only_an_after():
    """Nothing of it is a change: all of it is new."""
    body = page(
        entry(
            Change("externalId", None, "agent-001", public=False),
            Change("phone", None, "+373 69"),
            Change("name", None, "Ion"),
            Change("avatar", None, {"url": "https://agency.example/a.jpg"}),
            Change("settings.contact_phone", None, True),
            number=None,
            actions=("create",),
            live={},
        )
    )
    side = body.one("div", "side")
    assert side.attributes["aria-label"] == "After apply"
    assert not [*side.every("ins"), *side.every("del")]
    assert "+373 69" in side.text
    assert side.one("img").attributes["src"] == "https://agency.example/a.jpg"
    assert body.one("div", "account").texts("dd") == ["“agent-001”"]
    assert "1 creation" in body.texts("li", "tile")


def test_one_who_is_taken_off_has_only_a_before_and_a_banner():
    """At the card and at the top, with a link from there; and everything that is sent is shown."""
    body = page(
        entry(
            Change("status", "active", "inactive", public=False),
            Change("bio.primary", "a", "b"),
            portal="propertyfinder",
            actions=("deactivate", "update"),
            live={"name": "Ștefan", "bio.primary": "a"},
        )
    )
    assert body.one("div", "side").attributes["aria-label"] == "Now"
    assert body.one("p", "banner").text == "Taken off all listings"
    first = body.one("section", "first")
    assert first.one("li").text == "Ștefan Țurcanu agent-001 agents/agent-001.yaml:4"
    assert first.texts("h3") == ["Taken off all listings"]
    assert first.one("a").attributes["href"] == "#agent-1"
    assert body.one("article").attributes["id"] == "agent-1"
    account = body.one("div", "account")
    assert account.texts("dd") == ["“active” → “inactive”", "“a” → “b”"]
    removed = entry(
        Change("externalId", "gone", None, "different", "pending", public=False),
        actions=("unlink",),
        attribution="pending",
    )
    body = page(replace(removed, source=None))
    assert body.one("div", "side").attributes["aria-label"] == "Now"
    assert body.one("p", "banner")


def test_what_visitors_do_not_see_is_no_second_card():
    """A link changes nothing that is shown."""
    body = page(entry(Change("externalId", None, "agent-001", public=False), actions=("link",)))
    assert body.one("div", "side").attributes["aria-label"] == "Visitors see no change"
    assert body.one("div", "account").one("dd").text == "nothing → “agent-001”"


def test_whose_change_it_is():
    """Once for the agent where all is of one, else at each change."""
    name = Change("name", "a", "b", "different", "pull_request")
    body = page(entry(name, attribution="pull_request"))
    assert body.texts("span", "whose") == ["This pull request"]
    assert not [*body.every("span", "note")]
    drifted = Change("status", "a", "b", "different", "drift", public=False)
    viber = Change("settings.contact_viber", False, True, "different", "base")
    body = page(entry(name, drifted, viber, attribution="drift"))
    assert body.texts("span", "note") == [
        "(this pull request)",
        "(already waiting on the base)",
        "(drift: changed on the portal since the last apply)",
    ]


def test_several_portals_are_grouped_by_agent():
    """One agent is one card, with a part for each portal, in the list once."""
    body = page(
        entry(Change("name", "a", "b")),
        entry(Change("name", "a", "b"), portal="propertyfinder", actions=("deactivate",)),
        entry(Change("name", "a", "b"), key="agent-002", name=""),
        portals=("rentix", "propertyfinder"),
    )
    first, second = body.every("article")
    assert first.texts("h4") == ["rentix", "propertyfinder"]
    assert second.one("h3").text == "agent-002"
    assert body.one("nav").texts("li") == [
        "-Ștefan Țurcanurentix: update name; propertyfinder: deactivate name",
        "~agent-002rentix: update name",
    ]
    assert [each.classes for each in body.one("nav").every("li")] == [["danger"], []]
    assert body.one("h1").text == "2 agents to change"
    assert " on propertyfinder " in body.one("section", "first").one("li").text
    assert body.one("p", "kind").text == "Plan · rentix · propertyfinder"


def test_dangers_come_first():
    """Portals that were not read, limits, conflicts; before any card."""
    body = page(
        entry(Change("name", "a", "b")),
        conflicts=(
            Conflict("rentix", "agent-009", Source("agents/a.yaml", 4), "fits `id`", name="Ion"),
        ),
        warnings=(
            Warning("rentix", "agent-008", None, "may be lost"),
            Warning("rentix", "agent-007", None, "is not there", name="Eva"),
        ),
        waiting=(("rentix", "agent-007"),),
        over_limits=("9 of 10",),
        unread=(("other", "other: 503"),),
    )
    first = body.one("section", "first")
    assert first.texts("h3") == ["Over the limits", "Not read", "In conflict (skipped)"]
    assert first.texts("li") == [
        "9 of 10.",
        "other could not be read, so nothing is planned there: other: 503",
        "Ion agent-009 on rentix agents/a.yaml:4 fits id",
    ]
    assert first.texts("p") == [
        "To apply it anyway, use --force, a saved plan or a reviewed pull request."
    ]
    assert [each.texts("li") for each in body.every("section", "notes")] == [
        ["Eva agent-007 on rentix is not there"],
        ["agent-008 on rentix may be lost"],
    ]
    assert body.texts("h2") == ["Read this first", "Waiting", "As visitors see them", "Warnings"]
    assert "incomplete list" in page(complete=False).one("section", "first").text


def test_an_empty_plan_is_a_verdict():
    """No lists without anything in them."""
    body = page(unchanged=3, declared=3)
    assert body.one("h1").text == "Nothing to do"
    assert body.one("p", "lead").text == "3 agents are as declared."
    assert body.texts("li") == ["3 unchanged"]
    assert not [*body.every("section"), *body.every("nav"), *body.every("h2")]
    body = page(unchanged=0, declared=0)
    assert not [*body.every("ul")]


def test_drift_is_the_files_beside_the_portal():
    """With its own words for the sides; and agents who are gone are loud."""
    renamed = Change("name", "a", "b", "different", "drift")
    back = Change("status", "active", "inactive", "different", "drift")
    found = made(
        entry(renamed, attribution="drift"),
        entry(back, key="agent-002", actions=("deactivate",)),
        warnings=(Warning("rentix", "agent-008", None, "was on the portal"),),
    )
    body = checked(html.drift(found))
    assert body.one("h1").text == "3 agents changed on the portal"
    assert body.one("p", "lead").text.startswith("reconciler apply reverts these changes.")
    labels = [each.attributes["aria-label"] for each in body.every("div", "side")]
    assert labels == ["In the file", "On the portal now", "On the portal now"]
    assert not [*body.every("p", "banner"), *body.every("li", "tile")]
    assert not [*body.every("span", "whose")]
    assert body.one("nav").texts("span", "does") == ["name", "status"]
    several = checked(html.drift(replace(found, portals=("rentix", "other"))))
    assert several.one("nav").texts("span", "does") == ["rentix: name", "rentix: status"]
    assert body.one("section", "first").texts("h3") == ["Gone from the portal"]
    assert body.one("section", "first").texts("li") == ["agent-008 was on the portal"]
    body = checked(html.drift(made()))
    assert body.one("h1").text == "No drift"
    assert "reconciler apply" not in body.text


def test_a_report_puts_failures_first():
    """Who was not applied and why; then what is shown otherwise, notes, and what was applied."""
    body = checked(html.report(report("agent")))
    assert body.one("h1").text == "Interrupted. Run again to apply the rest"
    assert body.texts("h2") == [
        "Read this first",
        "Waiting (not created)",
        "Waiting",
        "Results",
        "Notes",
    ]
    failed = "agent agent agent:3 update failed agent"
    assert failed in body.one("section", "first").texts("li")
    fine = replace(report("agent"), outcomes=report("agent").outcomes[:1])
    assert "Not as declared" in checked(html.report(fine)).texts("h2")
    body = checked(html.report(Report(())))
    assert body.one("h1").text == "Nothing was sent"
    assert not [*body.every("section")]


def test_a_long_text_is_folded_but_for_what_changes():
    """A reader sees the words that change, and opens the rest."""
    old = " ".join(f"word{number}" for number in range(200))
    new = old.replace("word100", "changed")
    live = {"name": "N", "description.ru": old, "description.en": old}
    body = page(entry(Change("description.ru", old, new), live=live))
    _, after = body.every("div", "card")
    edited, unchanged = after.every("details")
    assert unchanged.one("summary").text == "About · en · unchanged"
    assert unchanged.one("p", "text").text == old
    assert edited.one("p", "text").text == new
    shown = next(after.every("p", "text"))
    assert shown.texts("ins") == ["changed"]
    assert len(shown.text) < 200


def test_a_rewritten_text_is_not_struck_through():
    """Both sides are to be read; the label says that little is left."""
    old, new = (
        "Sells flats in the city since 2012. " * 4,
        "On holiday; call the office, please. " * 4,
    )
    body = page(
        entry(Change("description.ru", old, new), live={"name": "N", "description.ru": old})
    )
    before, after = body.every("div", "card")
    assert after.one("div", "field").one("p", "tag").text == "About · ru · rewritten"
    assert (before.one("p", "text").text, after.one("p", "text").text) == (old, new)
    assert not [*body.every("del"), *body.every("ins")]


def test_a_look_alike_is_marked_and_named():
    """A Cyrillic letter in a Latin name, a no-break space in a text."""
    changes = (Change("name", "Petrov", "P\u0435trov"), Change("youtube", "a b", "a\u00a0b"))
    body = page(entry(*changes, live={"name": "Petrov", "youtube": "a b"}))
    _, after = body.every("div", "card")
    assert after.texts("ins") == ["\u0435", "·"]
    assert "the file has Cyrillic “\u0435”" in after.text
    assert "the file has a no-break space, shown as ·" in after.text


def test_many_agents_are_folded():
    """Beyond a number an agent is a line to open, with what changes alone; none is left out."""
    one = entry(Change("settings.contact_viber", False, True))
    body = page(*(replace(one, key=f"agent-{n}") for n in range(html.OPEN + 2)))
    assert len([*body.every("article")]) == html.OPEN
    folded = [*body.every("details", "agent")]
    assert [each.attributes["id"] for each in folded] == [
        f"agent-{html.OPEN + 1}",
        f"agent-{html.OPEN + 2}",
    ]
    assert "Flats." not in folded[0].text
    assert folded[0].texts("li", "changed") == ["✕ Viber: off", "✓ Viber: on"]
    assert len([*body.one("nav").one("details").every("li")]) == html.OPEN + 2


def test_ten_thousand_agents_are_a_page_that_can_be_sent():
    """An agent beyond those laid open takes less than 3 KB."""
    one = entry(
        Change("name", "Ștefan Țurcan", "Ștefan Țurcanu"),
        Change("description.ru", LIVE["description.ru"], NEW),
        Change("avatar", {"id": 5}, {"url": "https://agency.example/photos/a.jpg"}, "unreadable"),
        Change("settings.contact_viber", False, True),
    )
    few, more = (
        len(html.plan(made(*(replace(one, key=f"agent-{n}") for n in range(count)))).encode())
        for count in (html.OPEN, html.OPEN + 100)
    )
    assert (more - few) / 100 < 3000


def _colors(block):
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def _modes():
    """The colours in each mode: light, dark and on paper."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    return dict(zip(("light", "dark", "print"), map(_colors, blocks), strict=True))


def _luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    *((ink, paper) for ink in ("ink", "quiet", "link", "old", "new") for paper in ("page", "card")),
    *(("ink", "soft"), ("quiet", "soft"), ("new", "new-fill"), ("old", "old-fill")),
    ("warn", "warn-fill"),
]


@pytest.mark.parametrize("mode", ["light", "dark", "print"])
def test_every_text_can_be_read(mode):
    """4.5 to 1 at least (WCAG AA), in light, in dark and on paper, all of which there are."""
    assert "@media (prefers-color-scheme: dark)" in STYLE
    assert "@media print" in STYLE
    colors = _modes()[mode]
    assert set(colors) == set(_modes()["light"])
    pairs = [*PAIRS, ("loud", "page" if mode == "print" else "loud-fill")]
    for ink, paper in pairs:
        lighter, darker = sorted((_luminance(colors[ink]), _luminance(colors[paper])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, paper)


def test_every_command_writes_a_page(agency, tmp_path):
    """plan, show, drift, a dry run and an apply, on the demo's agents."""
    shutil.copytree(ROOT / "agents", agency.root / "agents")
    demo = ROOT / "reconciler" / "demo"
    shutil.copy(demo / "reconciler.yaml", agency.root)
    live = json.loads((demo / "live.json").read_text("utf-8"))
    agency.live(*live["rentix"])
    agency.live_pf(*live["propertyfinder"])
    saved = tmp_path / "plan.json"
    planned = agency.run("plan", "--out", str(saved), "--format", "html")
    body = checked(planned.out)
    assert body.one("h1").text == "6 agents to change"
    assert agency.run("show", str(saved), "--format", "html").out == planned.out
    form = json.loads(saved.read_text("utf-8"))
    dry = checked(agency.run("apply", "--dry-run", "--format", "html").out)
    assert len([*dry.one("section", "cost").every("li")]) == len(parse(form).steps)
    assert checked(agency.run("apply", "--yes", "--force", "--format", "html").out)
    assert checked(agency.run("plan", "--format", "html").out).one("h1").text == "Nothing to do"
    assert checked(agency.run("drift", "--format", "html").out).one("h1").text == "No drift"


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
LOOK = """<!doctype html><iframe src="page.html" width="390" height="4000"></iframe><pre></pre>
<script>
onload = () => {
  const shown = document.querySelector("iframe").contentWindow, root = shown.document.documentElement;
  document.querySelector("pre").textContent = JSON.stringify({
    width: root.scrollWidth,
    asked: shown.performance.getEntriesByType("resource").map(each => [each.initiatorType, each.name]),
    styled: shown.getComputedStyle(root).colorScheme,
    marked: shown.getComputedStyle(shown.document.querySelector("ins")).textDecorationLine,
  });
};
</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser")
def test_a_browser_shows_it_on_a_phone_and_asks_for_pictures_alone(tmp_path):
    """Ugly data on 390 pixels: nothing is wider, the style is taken, no request but pictures."""
    long = "Оченьдлинноеслово" * 20
    entries = (
        entry(
            Change("name", "a", long),
            Change("description.ru", "a b c", f"https://agency.example/{'x' * 300} {long}"),
            Change("instagram", None, f"https://instagram.com/{'y' * 300}"),
            Change("avatar", {"id": 5}, {"url": f"https://agency.example/{'z' * 200}.jpg"}),
            Change("status", long, None),
            key="k" * 200,
        ),
        entry(Change("name", "a", "b"), key=long, name=long, portal="p" * 90),
    )
    whole = made(*entries, portals=("rentix", "p" * 90), conflicts=plan(long).conflicts)
    whole = replace(whole, steps=plan(long).steps)
    (tmp_path / "page.html").write_text(html.plan(whole, requests=True), "utf-8")
    (tmp_path / "look.html").write_text(LOOK, "utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown = subprocess.run(
            [
                CHROMIUM,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom"),
                *(f"--user-data-dir={tmp_path / 'profile'}", "--timeout=60000"),
                f"http://127.0.0.1:{server.server_port}/look.html",
            ],
            capture_output=True,
            timeout=120,
            check=True,
        ).stdout.decode()
        server.shutdown()
    seen = json.loads(re.search(r"<pre>(.*?)</pre>", shown, re.DOTALL)[1])
    assert seen["width"] <= 390
    assert seen["styled"] == "light dark"
    assert seen["marked"] == "underline"
    assert seen["asked"]
    for kind, address in seen["asked"]:
        assert kind == "img"
        assert address.startswith(("https://cdn.example.com/", "https://agency.example/"))


def test_a_page_is_read_as_it_is_checked():
    """The tests' own reader sees what is forged: an attribute, an element, a class."""
    good = html.plan(made(entry(Change("name", "a", "b"))))
    for forged in (
        good.replace("<h1>", "<h1 onclick=x>"),
        good.replace("</h1>", "</h1><script></script>"),
        good.replace("<h1>", "<h1><!-- -->"),
        good.replace('class="lead"', 'class="forged"').replace("<h1>", '<h1 class="forged">'),
    ):
        with pytest.raises((AssertionError, KeyError)):
            checked(forged)
    assert read(good).one("title").text == "Plan: 1 agent to change"
