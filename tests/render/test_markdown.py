"""Markdown for GitHub, as GitHub's own parser reads it: no text of an agent or a portal is more than
text, every table and every fold is whole, and no plan is too long for a comment."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import (
    Change,
    Conflict,
    Entry,
    Operation,
    Outcome,
    Plan,
    Report,
    Request,
    Source,
    Step,
    Warning,
)
from reconciler.render import inline, markdown
from reconciler.render.text_diff import difference, reveal
from reconciler.render.view import FORCE
from reconciler.render.visible import visible

from .samples import plan, report, steering, within

HEAD = "<!-- reconciler -->\nOf `abc` onto `main`, [the run](https://github.com/a/b/actions/runs/1)"
OURS = {
    *("h3", "p", "ul", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "br"),
    *("strong", "b", "i", "del", "code", "pre", "details", "summary"),
}
"""The tags that a page may have."""
ACTIVE = re.compile(
    r"@|#\d|GH-\d|://|www\.|[<>&|*_~\[\]\\$`]|:\w+:|\b[0-9a-f]{7,}\b|\bmailto:\w", re.IGNORECASE
)
"""What GitHub or a reader of HTML makes something of, outside code."""
HOSTILE = [
    *("@octocat", "@org/team", "#1", "GH-1", "gh-12", "a/b#1", "a/b@deadbeef", "JIRA-x", "$x$"),
    *(
        "deadbeefcafe",
        "deadbeef-cafe",
        "it's-defaced",
        "1234567",
        "https://evil.example",
        "www.evil.example",
        "ftp://e.example",
    ),
    *("me@evil.example", "mailto:me@evil.example", "![x](https://e.example/a.png)", "[x](y)"),
    *(
        "<img src=x>",
        "<a href=x>",
        "</details>",
        "</summary>",
        "</code>",
        "<!--",
        "-->",
        "<script>",
    ),
    *("&amp;", "&#64;x", ":tada:", "|", "\\|", "\\", "\n", "\n\n# H\n\n", "\n---\n", "\n- x\n"),
    *(
        "`",
        "``",
        "```",
        "\n```\n",
        "~~~",
        "*",
        "_x_",
        "~~x~~",
        "`" * 90,
        "[x]: https://e.example\n",
    ),
    *(
        "\n> [!NOTE]\n",
        "[^1]",
        "- [ ] x",
        "1. ",
        "\t",
        "  ",
        " ",
        "",
        "\x1b[31m",
        "\u202e",
        "\udc00",
    ),
    *("Иван", "Петров,", "家族", "words", "“quoted”", "(in", "brackets)", "e\u0301", "10%", "+373"),
    *("O'Brien", "Anna-Maria", "::error::x", "##[x]", "\u200b@x", "：", "ﬁ", "؀", "@\u200dx"),
]
NASTY = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=4)), max_size=8).map("".join)
PLACE = Source("agents/a.yaml", 3)


@dataclass
class Page(HTMLParser):
    """A page as GitHub's parser makes it HTML: its tags, its text in code and outside."""

    open: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        """Ours have no attributes."""
        assert not attrs, (tag, attrs)
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        """The last one that is open."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """A piece of text."""
        self.text += data
        (self.code if {"code", "pre"} & {*self.open} else self.prose).append(data)

    def handle_comment(self, data):
        """There is none."""
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def parsed(shown):
    """A page's HTML, which is well-formed, of our own tags alone, its tables whole; nothing in it is
    active."""
    assert steering(shown) == []
    made = cmarkgfm.github_flavored_markdown_to_html(shown, Options.CMARK_OPT_UNSAFE)
    page = Page()
    page.feed(made)
    page.close()
    assert page.open == []
    assert set(page.tags) <= OURS
    for table in re.findall("<table>.*?</table>", made, re.DOTALL):
        rows = re.findall("<tr>.*?</tr>", table, re.DOTALL)
        assert len({len(re.findall("<t[dh]>", row)) for row in rows}) == 1
    loose = "".join(page.prose).replace("[!CAUTION]", "")
    assert not ACTIVE.search(loose), ACTIVE.search(loose)
    return page


def pages(sample, budget=60_000):
    """Everything that the renderer makes of a text."""
    one = plan(sample, path=sample)
    two = replace(one, portals=("rentix", sample), unread=((sample, sample),))
    labels = ("pull_request", "base", "drift", None)
    labelled = replace(
        two, entries=tuple(map(lambda e, a: replace(e, attribution=a), two.entries, labels))
    )
    return [
        markdown.plan(one, budget=budget),
        markdown.plan(labelled, budget=budget, requests=True),
        markdown.drift(one, budget=budget),
        markdown.drift(labelled, budget=budget),
        markdown.report(report(sample), budget=budget),
        markdown.report(replace(report(sample), interrupted=False, plan=two), budget=budget),
        markdown.plan(replace(two, entries=(), conflicts=(), unread=(), declared=3), budget=budget),
    ]


@settings(deadline=None, max_examples=30, database=None)
@given(NASTY, st.sampled_from([10_000, 60_000]))
def test_no_text_is_more_than_text(sample, budget):
    """In names, keys, files, paths, values, portals, reasons, messages, requests: no mention, no
    reference, no link, no picture, no HTML, and it ends no table, fence or fold."""
    for shown in pages(sample, budget):
        parsed(shown)
        assert len(shown.encode()) <= budget


@pytest.mark.parametrize("sample", HOSTILE, ids=ascii)
def test_each_trick_alone(sample):
    """Each of the well-known ones, by itself and within words."""
    for shown in (*pages(sample), *pages(f"Words {sample} and more")):
        parsed(shown)


@pytest.mark.parametrize("sample", [each for each in HOSTILE if len(each) < 90], ids=ascii)
def test_what_is_not_active_is_still_to_be_read(sample):
    """A text in a table, a fold's head and a value: each word of it is there."""
    entry = Entry(
        "rentix", "k", 1, sample, PLACE, "id", ("update",), (Change("name", 1, sample),), None, ""
    )
    shown = parsed(markdown.plan(one(entry))).text
    if visible(sample) == sample:
        for word in sample.split():
            count = shown.count(word) + (reveal(word) != word) * shown.count(reveal(word))
            assert count >= 3, word


@settings(deadline=None, max_examples=200, database=None)
@given(NASTY)
def test_a_code_span_has_its_text_and_no_more(sample):
    """In a paragraph, in a table and between HTML tags."""
    line = inline.code(sample, 10_000)
    inside = html.unescape(inline.code(sample, 10_000, html=True).removeprefix("<code>"))
    assert "\n" not in line
    cells = f"| a | b |\n| --- | --- |\n{markdown._cells([line, line])}"
    for shown, count in ((f"x {line} y", 1), (cells, 2)):
        page = Page()
        page.feed(cmarkgfm.github_flavored_markdown_to_html(shown, Options.CMARK_OPT_UNSAFE))
        if "`" * 17 not in sample:
            assert page.code == [inside.removesuffix("</code>")] * count
        assert page.tags.count("code") == count


@settings(deadline=None, max_examples=200, database=None)
@given(NASTY, st.integers(2, 40))
def test_words_are_kept_in_their_order(sample, most):
    """Plain or in code; only spaces may differ, and a text that is too long is cut with an ellipsis."""
    page = Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(f"x {inline.prose(sample, 10_000)}"))
    if "`" * 17 not in sample and "\n" not in sample and visible(sample) == sample:
        assert page.text.replace("␣", "").split() == ["x", *sample.replace("␣", "").split()]
    if len(sample) > most:
        assert inline.prose(sample, most).rstrip("`").rstrip().endswith("…")


@pytest.mark.parametrize(
    ("sample", "shown"),
    [
        ("Ivan Petrov", "Ivan Petrov"),
        ("Анна-Мария O'Brien, 家 e\u0301", "Анна-Мария O'Brien, 家 e\u0301"),
        ("(agent 15): “yes”", "(agent 15): “yes”"),
        ("mail (@x), #1.", "mail (`@x`), `#1`."),
        ("GH-1 and ÄB-c", "`GH-1` and `ÄB-c`"),
        ("defaced by 1234567 of 123456", "`defaced` by `1234567` of 123456"),
        ("a  b\n\nc\n  d", "a ␣ b ↵ ↵ c ↵ ␣ d"),
        ("`x", "`` `x ``"),
        ("", ""),
    ],
)
def test_plain_words_stand_as_words(sample, shown):
    """Whatever could be something else is in code, word by word."""
    assert inline.prose(sample) == shown


def one(*entries, **more):
    """A plan of these agents."""
    given = {"conflicts": (), "warnings": (), "declared": 9, "unchanged": 8, "waiting": ()}
    given |= {
        "complete": True,
        "over_limits": (),
        "seconds": 3,
        "steps": (),
        "portals": ("rentix",),
    }
    return Plan(entries=entries, **{**given, **more})


RENAMED = (Change("name", "Old", "New"),)


def entry(key, *actions, changes=RENAMED, whose=None, portal="rentix"):
    """An agent with something to do."""
    source = Source(f"agents/{key}.yaml", 1)
    return Entry(
        portal, key, 15, f"Name {key}", source, "id", actions, changes, whose, "matched: id"
    )


def test_nothing_to_do_is_one_sentence():
    """No table, no fold."""
    assert markdown.plan(one(unchanged=9)) == "### Nothing to do: 9 agents are as declared.\n"
    assert markdown.drift(one()).startswith("### No drift: ")
    assert markdown.report(Report(())) == "### Nothing was sent.\n"


def test_a_plan_puts_the_important_first():
    """Verdict, what is loud, the table, the differences, warnings, the cost."""
    operation = Operation("update:15", "update", "rentix", "a", PLACE, 15)
    made = one(
        entry("aa", "update", changes=(Change("name", "Old", "New"), Change("bio", None, True))),
        entry("bb", "deactivate", "update"),
        entry("cc", "unlink", "link"),
        conflicts=(Conflict("rentix", "dd", PLACE, "two fit; declare `id`.", name="Dan"),),
        warnings=(
            Warning("rentix", "ee", None, "may be lost", name="Eva"),
            Warning("rentix", "ff", None, "is not there", name="Fil"),
        ),
        waiting=(("rentix", "ff"),),
        over_limits=("3 of 9 agents",),
        complete=False,
        steps=(Step("r1", Request("PUT", "/users/15", {"name": "New"}), (operation,)),),
    )
    shown = markdown.plan(made)
    order = [
        "### Plan: 3 agents to change (1 deactivation, 1 unlink, 2 updates, 1 link); 8 unchanged",
        "> [!CAUTION]\n",
        "> **Taken off all listings**\n>\n> - Name bb `bb` (`agents/bb.yaml:1`)\n>\n",
        "> - Name cc `cc`: name “Old” → “New” (`agents/cc.yaml:1`)\n",
        f"> **Over the limits**: {FORCE}\n",
        "> - 3 of 9 agents.\n",
        "> - The portal returned an incomplete list",
        "> - Dan `dd`: two fit; declare `id`. (`agents/a.yaml:3`)\n",
        "**Waiting**\n\n- Fil `ff`: is not there\n",
        "|  | Agent | What |",
        "| `-` | Name bb<br>`bb` | deactivate, update: `name` |",
        "| `~` | Name cc<br>`cc` | unlink, link: `name` |",
        "| `~` | Name aa<br>`aa` | update: `name`, `bio` |",
        "<details><summary>Name bb <code>bb</code>: 1 change</summary>",
        "<details><summary>Name aa <code>aa</code>: 2 changes</summary>",
        "\nupdate · `agents/aa.yaml:1` · agent 15 · matched: id",
        "- `name`: <del>“Old”</del> → <b>“New”</b>\n- `bio`: <del>nothing</del> → <b>on</b>",
        "- Eva `ee`: may be lost",
        "1 request (1 update), about 3 s within the portal's rate limits.",
    ]
    places = [shown.find(each) for each in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "Nothing is sent" not in shown
    assert "omitted" not in shown
    parsed(shown)


def test_a_long_text_is_a_word_diff():
    """What is struck through is on the portal, what is bold in the files; for drift, turned."""
    old = "A word after another, and so on, for whoever reads it to the end of it."
    change = Change("bio", old, old.replace("word", "line") + " More", "unreadable", "drift")
    made = one(entry("aa", "update", changes=(change,), whose="drift"))
    shown = markdown.plan(made)
    assert "`bio`: A <del>word</del> <b>line</b> after another," in shown
    assert "of it. <b>More</b> <i>(cannot be read back, so it is sent)</i>" in shown
    assert "| drift: changed on the portal since the last apply |" in shown
    turned = markdown.drift(made)
    assert "`bio`: A <del>line</del> <b>word</b> after another," in turned
    assert "of it. <del>More</del>\n" in turned
    assert "`reconciler apply` reverts these changes." in turned
    for page in (shown, turned):
        parsed(page)


def test_blanks_that_differ_are_seen():
    """Where nothing else does."""
    pieces = difference("a b", "a  b")
    assert markdown._pieces(pieces, 100) == "a <b>␣</b> b"
    assert markdown._pieces(difference("a b", "a\tb"), 100) == "a <del>␣</del> <b>␣</b> b"
    assert markdown._pieces(difference("a", "a\n"), 100) == "a <b>↵</b>"
    assert markdown._pieces((("same", "word " * 50), ("new", "x")), 20).endswith("…")


def test_dangers_and_this_pull_request_come_first_and_are_omitted_last():
    """A comment of a pull request is about its own changes."""
    made = one(
        *(entry(f"base{n}", "update", whose="base") for n in range(300)),
        entry("drifted", "update", whose="drift"),
        entry("mine", "update", whose="pull_request"),
        entry("off", "deactivate", whose="base"),
    )
    shown = markdown.plan(made, budget=8_000)
    summaries = re.findall("<summary>.*<code>([^<]*)</code>: ", shown)
    assert summaries[:4] == ["off", "mine", "drifted", "base0"]
    assert len(shown.encode()) <= 8_000
    omitted = re.search(r"\*\*(\d+) agents omitted \(size limit\).\*\* (.*)", shown)
    assert len(summaries) + int(omitted[1]) == 303
    assert "`reconciler plan`" in omitted[2]
    assert "| this pull request |" in shown
    parsed(shown)
    assert "**1 agent omitted (size limit).**" in _one_left_out(made)


def _one_left_out(made):
    """A page that has room for all but one."""
    fewer = replace(made, entries=made.entries[-4:])
    budgets = range(1500, 6000, 20)
    shown = (markdown.plan(fewer, budget=budget) for budget in budgets)
    return next(each for each in shown if "**1 agent omitted" in each)


def test_an_agent_on_several_portals_is_folded_once():
    """A row of the table for each portal, and the differences below one another."""
    made = one(
        entry("aa", "update"),
        entry("aa", "deactivate", portal="propertyfinder"),
        entry("bb", "update", portal="propertyfinder"),
        portals=("rentix", "propertyfinder"),
    )
    shown = markdown.plan(made)
    assert shown.count("<details>") == 2
    assert "Name aa <code>aa</code>: 2 changes</summary>" in shown
    assert "On rentix: update ·" in shown
    assert "On propertyfinder: deactivate ·" in shown
    assert "| `-` | Name aa<br>`aa` | propertyfinder | deactivate: `name` |" in shown
    assert "**Taken off all listings**\n>\n> - Name aa `aa` on propertyfinder (" in shown
    assert len(re.findall("^[|]", shown, re.MULTILINE)) == 5
    parsed(shown)


def test_a_portal_that_was_not_read_is_never_folded():
    """In a plan, in drift and in a report, with the reason."""
    made = one(unread=(("propertyfinder", "timed out"),), complete=False)
    for shown, so in (
        (markdown.plan(made), "so nothing is planned there: timed out"),
        (markdown.drift(made), "so its drift is unknown: timed out"),
        (markdown.report(Report((), plan=made)), "so nothing was sent there: timed out"),
    ):
        assert f"> **Not read**\n>\n> - propertyfinder could not be read, {so}\n" in shown
        assert "incomplete list" not in shown
        parsed(shown)


def test_the_head_is_first_and_whole():
    """Whatever it is: markdown of the caller's, with its own links."""
    for render, made in (
        (markdown.plan, plan("x")),
        (markdown.drift, plan("x")),
        (markdown.report, report("x")),
    ):
        shown = render(made, head=HEAD, budget=3_000)
        assert shown.startswith(f"{HEAD}\n\n### ")
        assert len(shown.encode()) <= 3_000
        assert shown == HEAD + "\n\n" + render(made, budget=3_000 - len(HEAD) - 2)


def test_a_dry_run_shows_its_requests():
    """Each in a block that no text ends; those that have no room are counted."""
    operation = Operation("update:15", "update", "rentix", "a", PLACE, 15)
    bodies = [{"op": "update", "name": f"{n} ```` @x"} for n in range(100)]
    steps = [Step("r1", Request("DELETE", "/users/1/link"), (operation,))]
    steps += [
        Step(f"r{n}", Request("POST", "/users/bulk", {"operations": bodies}), (operation,) * 100)
        for n in range(2, 40)
    ]
    made = one(entry("aa", "update"), steps=tuple(steps))
    shown = markdown.plan(made, requests=True)
    assert (
        "Nothing is sent. An apply would send:\n\nRequest `r1` DELETE `/users/1/link`\n\n" in shown
    )
    assert 'Request `r2` POST `/users/bulk`, 100 operations\n`````\n{"op": "update",' in shown
    assert re.search(r"\*\*\d+ requests omitted \(size limit\)", shown)
    assert len(shown.encode()) <= markdown.BUDGET
    parsed(shown)
    short = markdown.plan(replace(made, steps=tuple(steps[:2])), requests=True, budget=9_000)
    assert re.search(r"^… and \d+ more operations\n`````$", short, re.MULTILINE)
    assert "Nothing is sent" not in markdown.plan(one(), requests=True)


def outcome(key, status, verb="update", **more):
    """What became of an operation."""
    operation = Operation(f"{verb}:{key}", verb, "rentix", key, Source(f"{key}.yaml", 2), 15)
    return ("r1", Outcome(operation, status, **more))


def test_a_report_names_who_failed_first():
    """Failures with place and message, the table from bad to good, notes."""
    done = Report(
        (
            outcome("good", "applied"),
            outcome("new", "applied", "create", id=99, aliases={"publicProfile": 4}),
            outcome("half", "applied", "unlink"),
            outcome("half", "failed", "link", error="taken by #15"),
            outcome("lost", "unknown", error="no answer"),
            outcome("later", "waiting", "create", error="invite them"),
        ),
        checked=5,
        as_declared=3,
        stale=(Conflict("rentix", "old", PLACE, "name would change too"),),
        plan=one(entry("half", "unlink", "link")),
        notes=("The ledger was lost.",),
    )
    shown = markdown.report(done)
    order = [
        "### Operations: 3 applied, 1 failed, 1 unknown, 1 waiting, for 5 agents. Verified: 3 of 5 a",
        "> - Name half `half`: **link failed**: taken by `#15` (`half.yaml:2`)",
        "> - `lost`: **update unknown**: no answer",
        "> **Skipped (the plan is stale)**\n>\n> - `old`: name would change too",
        "- `later`: **create waiting**: invite them",
        "| Agent | What | Outcome |",
        "| Name half<br>`half` | unlink, link | unlink applied, link failed |",
        "| `lost` | update | unknown |",
        "| `later` | create | waiting |",
        "| `good` | update | applied |",
        "| `new` | create | applied, id 99, publicProfile 4 |",
        "- The ledger was lost.",
    ]
    places = [shown.find(each) for each in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    parsed(shown)


def test_a_short_list_of_warnings_is_open_and_a_long_one_is_folded():
    """Nobody scrolls through forty warnings to the cost."""
    few = tuple(Warning("rentix", f"k{n}", None, "waits") for n in range(40))
    assert "<details>" not in markdown.plan(one(warnings=few[:5]))
    assert "<details><summary>40 warnings</summary>\n\n- `k0`: waits" in markdown.plan(
        one(warnings=few)
    )


TEXTS = (
    "Продаю квартиры @octocat | ``` </details> ",
    "家を売る #1 <img src=x> https://evil.example ",
    "Selling **homes** ~~~ deadbeefcafe a/b#1 ",
)


def thousands(count=10_000):
    """A plan of so many agents with texts in three scripts, and everything else as long."""
    actions = (("update",), ("create",), ("update", "link"), ("deactivate",), ("unlink",))
    changes = tuple(
        Change(f"description.{n}", text * 20, f"{text * 10}{n} {text * 9}")
        for n, text in enumerate((*TEXTS, "@x " * 700))
    )
    entries = tuple(
        replace(
            entry(f"agent-{n}", *actions[n % 5]),
            name=TEXTS[n % 3] * 3,
            changes=changes,
        )
        for n in range(count)
    )
    return one(
        *entries,
        conflicts=tuple(
            Conflict("rentix", f"c{n}", PLACE, TEXTS[n % 3] * 40) for n in range(count)
        ),
        warnings=tuple(Warning("rentix", f"w{n}", PLACE, TEXTS[n % 3] * 40) for n in range(count)),
        over_limits=(TEXTS[0] * 50,) * count,
        unread=((TEXTS[1] * 9, TEXTS[2] * 99),) * count,
        waiting=tuple(("rentix", f"x{n}") for n in range(count)),
        portals=tuple(TEXTS),
        complete=False,
    )


def test_ten_thousand_agents_fit_in_a_comment():
    """Whole agents are left out, and counted; what is loud is kept first, and counted too."""
    made = thousands()
    with within(30):
        shown = markdown.plan(made, head=HEAD)
        again = markdown.plan(made, head=HEAD)
    assert shown == again
    assert len(shown.encode()) <= 60_000
    body = shown.removeprefix(f"{HEAD}\n\n")
    parsed(body)
    folds = [len(re.findall(tag, body, re.MULTILINE)) for tag in ("^<details>", "^</details>$")]
    keys = re.findall("<code>agent-([0-9]*)</code>: . changes</summary>", body)
    assert folds == [len(keys) + 2] * 2
    assert len(keys) > 10
    left = int(re.search(r"\*\*(\d+) agents omitted", body)[1])
    assert len(keys) + left == 10_000
    assert {int(key) % 5 for key in keys} <= {3, 4}
    alert = body[body.index("> [!CAUTION]") : body.index("\n\n", body.index("> [!CAUTION]"))]
    sections = re.findall(r"^> \*\*(\w+).*?(?=^> \*\*|\Z)", alert, re.MULTILINE | re.DOTALL)
    assert sections == ["Taken", "Unlinked", "Over", "Not", "In"]
    counts = (2_000, 2_000, 10_000, 10_000, 10_000)
    for count, part in zip(
        counts, re.split(r"^> \*\*", alert, flags=re.MULTILINE)[1:], strict=True
    ):
        listed = part.count("\n> - ") - 1
        assert listed > 3
        assert listed + int(re.search(r"- and (\d+) more \w+\n", part + "\n")[1]) == count
    for folded in ("10000 warnings", "10000 waiting agents"):
        assert f"{folded}</summary>" in body


def test_a_large_drift_and_a_large_report_fit_too():
    """The table of a report is cut between rows, and says how many there are."""
    made = thousands(3_000)
    outcomes = tuple(
        outcome(f"k{n}|`", ("applied", "failed")[n % 2], error=TEXTS[n % 3] * 40)
        for n in range(9_000)
    )
    done = Report(outcomes, 9_000, 4_500, plan=made, notes=TEXTS * 99)
    with within(30):
        shown = [markdown.drift(made), markdown.report(done)]
    for each in shown:
        assert len(each.encode()) <= 60_000
        assert re.search(r"\*\*\d+ agents omitted", each)
        parsed(each)
    rows = len(re.findall("^[|]", shown[1], re.MULTILINE)) - 2
    assert rows + int(re.search(r"\*\*(\d+) agents omitted", shown[1])[1]) == 9_000


@settings(deadline=None, max_examples=30, database=None)
@given(NASTY, st.integers(3_000, 20_000))
def test_any_budget_is_kept_and_a_larger_one_lists_no_fewer_dangers(sample, budget):
    """Sizes are in UTF-8 bytes."""
    made = plan(sample)
    counts = []
    for more in (0, 5_000, 30_000):
        shown = markdown.plan(made, budget=budget + more, requests=True)
        assert len(shown.encode()) <= budget + more
        counts.append(len(re.findall("^> - ", shown, re.MULTILINE)))
    assert all(before <= after for before, after in pairwise(counts))


def test_an_agent_with_one_huge_text_is_shown_without_it():
    """One value does not take the place of all others; it is counted."""
    texts = tuple(Change(f"t{n}", "家" * 900, "族" * 900) for n in range(40))
    made = one(*(entry(f"k{n}", "update", changes=texts) for n in range(40)))
    shown = markdown.plan(made)
    assert len(re.findall("<summary>", shown)) > 20
    assert re.search(r"^- and \d+ more changes$", shown, re.MULTILINE)
    parsed(shown)


def test_the_commands_print_markdown(agency, tmp_path):
    """plan, show, a dry run, an apply and drift; nothing else is on standard output."""
    agency.live({"id": 15, "externalId": "a", "name": "Ivan", "phone": "+37322123456"})
    agency.declare({"externalId": "a", "name": "Ivan @octocat"})
    saved = str(tmp_path / "plan.json")
    made = agency.run("plan", "--out", saved, "--format", "markdown")
    assert made.code == 0
    assert "- `name`: <del>“Ivan”</del> → <b>“Ivan `@octocat`”</b>" in made.out
    assert agency.run("show", saved, "--format", "markdown").out == made.out
    page = tmp_path / "page.md"
    dry = agency.run("apply", "--dry-run", "--format", "markdown", "--output", str(page))
    assert (dry.code, dry.out) == (0, "")
    assert "Nothing is sent. An apply would send:\n\nRequest `r1` PUT" in page.read_text("utf-8")
    done = agency.run("apply", "--yes", "--format", "markdown")
    assert done.out.startswith(
        "### Operations: 1 applied, for 1 agent. Verified: 1 of 1 as declared.\n"
    )
    assert "Plan: 1 agent to change (1 update)" in done.err
    assert agency.run("drift", "--format", "markdown").out.startswith("### No drift: ")
    agency.declare({"externalId": "a", "name": "Ivan"})
    for shown in (made.out, page.read_text("utf-8"), done.out):
        parsed(shown)
