"""Text for a terminal: nothing in it steers the terminal, and every line is within the width."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Change, Entry, Plan, Report, Source
from reconciler.errors import Problem
from reconciler.render import text
from reconciler.render.visible import one_line, visible

from .samples import STYLE, cells, plan, problems, report, squeezed, steering, within

NASTY = st.text(
    st.sampled_from(
        "\x00\x07\x08\t\n\x0b\x0c\r\x1b\x1f\x7f\x80\x84\x85\x90\x9b\x9d\x9f\u061c\u200e\u200f"
        "\u2028\u2029\u202a\u202d\u202e\u2066\u2067\u2069\ufeff\ud83d\udc00ab ;[]31m2J"
    ),
    max_size=12,
)
PLAIN = ["\x1b[2J\x1b[31m", "a\rb", "\x9b2J", "\u202eabc", "a\u2028b", "\x1b]0;title\x07", "\udc00"]


def rendered(said, *, color):
    """Everything that the text renderer makes of a text."""
    made = plan(said)
    return [
        text.plan(made, width=80, color=color),
        text.requests(made, width=80, color=color),
        text.report(report(said), width=80, color=color),
        text.problems(problems(said), color=color),
    ]


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY, st.booleans())
def test_no_text_steers_the_terminal(said, color):
    """In names, keys, files, paths, values, messages of the portal; with our colours or without."""
    for shown in rendered(said, color=color):
        assert steering(shown) == []
        if not color:
            assert not STYLE.search(shown)


@pytest.mark.parametrize("said", [*PLAIN, "\x7f"], ids=ascii)
def test_no_path_of_a_saved_plan_steers_the_terminal(said):
    """`show` takes a file from anybody, whose digest anybody can make."""
    assert steering(text.plan(plan("a", path=said), width=80, color=False)) == []


@pytest.mark.parametrize("said", PLAIN, ids=ascii)
@pytest.mark.parametrize("part", ["plan", "requests", "report", "problems"])
def test_what_steers_is_shown_as_its_number(said, part):
    """Each of the well-known attacks, in each output: seen, and without effect."""
    parts = dict(
        zip(("plan", "requests", "report", "problems"), rendered(said, color=False), strict=True)
    )
    shown = parts[part]
    assert steering(shown) == []
    assert squeezed(visible(said)) in squeezed(shown)


@settings(deadline=None, max_examples=100, database=None)
@given(st.text(st.characters()))
def test_visible_text_has_no_steering_and_is_stable(said):
    """What is shown can be shown again; what steers nothing stays as it is."""
    shown = visible(said)
    assert steering(shown.replace("\t", "")) == []
    assert visible(shown) == shown
    assert "\n" not in one_line(said)
    if not steering(said):
        assert shown == said


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY)
def test_problems_have_a_line_each_and_no_text_begins_its_own(said):
    """Place and message, the line and its caret, the hint: a text cannot fake another problem."""
    found = problems(said)
    shown = text.problems(found, color=False)
    expected = sum(1 + 2 * bool(each.excerpt) + bool(each.hint) for each in found) + 1
    assert shown.count("\n") == expected


UGLY = st.one_of(
    st.text(st.sampled_from("aЖé家—'\"“”« \n\t/.e\u0301i\u0308"), max_size=90),
    st.sampled_from(
        [
            "",
            " ",
            "\n",
            "Ж" * 255,
            "家" * 255,
            "x" * 255,
            "e\u0301" * 120,
            "Иван Петров " * 30,
            "“" * 200,
            "a" * 79 + " " + "b" * 80,
            "https://example.com/" + "a" * 300 + ".jpg",
            "agents/" + "long folder/" * 20 + "a.yaml",
        ]
    ),
)


@settings(deadline=None, max_examples=15, database=None)
@given(UGLY)
def test_every_line_is_within_the_width(said):
    """Long names, Cyrillic, CJK, combining marks, quotes, nothing at all: 80 columns."""
    made = plan(said)
    for shown in (
        text.plan(made, width=80, color=False),
        text.requests(made, width=80, color=False),
        text.report(report(said), width=80, color=False),
    ):
        assert [line for line in shown.split("\n") if cells(line) > 80] == []
        assert [line for line in shown.split("\n") if line.endswith(" ")] == []
        assert shown.endswith("\n")


@settings(deadline=None, max_examples=15, database=None)
@given(UGLY)
def test_wrapping_loses_nothing(said):
    """Keys, names, reasons and messages are shown whole, whatever their length."""
    wanted = squeezed(one_line(said))
    assert wanted in squeezed(text.plan(plan(said), width=80, color=False))
    assert wanted in squeezed(text.report(report(said), width=80, color=False))
    for path in ("settings.contact_telegram", "settings.contact_whatsapp", "description.ru"):
        assert path in text.plan(plan(said), width=80, color=False)


def test_colours_change_nothing_else():
    """The words with colour are those without."""
    for plain, styled in zip(
        rendered("Иван", color=False), rendered("Иван", color=True), strict=True
    ):
        assert styled != plain
        bare = STYLE.sub("", styled)
        assert [line.rstrip() for line in bare.split("\n")] == plain.split("\n")


def test_a_plan_reads_as_documented():
    """Who, where and why, what changes; then the counts."""
    entry = Entry(
        "rentix",
        "agent-001",
        15,
        "Ivan Petrov",
        Source("agents/ivan.yaml", 1),
        "id",
        ("update",),
        (
            Change("name", "Ivan", "Ivan Petrov", "different", "drift"),
            Change("settings.contact_whatsapp", True, False),
        ),
        "drift",
        "matched: id 15",
    )
    made = Plan((entry,), (), (), (), 1, 0, (), True, (), 0)
    shown = text.plan(made, width=80, color=False)
    lines = [line.split() for line in shown.split("\n")]
    assert lines[0] == ["~", "agent-001", "Ivan", "Petrov", "(update)"]
    assert lines[1] == ["agents/ivan.yaml:1", "·", "agent", "15", "·", "matched:", "id", "15"]
    assert lines[2][:5] == ["name", "“Ivan”", "→", "“Ivan", "Petrov”"]
    assert ["settings.contact_whatsapp", "on", "→", "off"] in lines
    assert lines[-2] == ["Plan:", "1", "to", "update;", "0", "unchanged."]


def test_a_plan_shows_what_is_wrong_with_it():
    """Conflicts, warnings, limits and a list that is not whole, each with its words."""
    shown = squeezed(text.plan(plan("Words"), width=80, color=False))
    for said in ("conflict: Words", "over the limits", "--force", "incomplete", "about 7 min"):
        assert squeezed(said) in shown


def test_a_report_names_who_failed_and_counts():
    """Everyone who is not applied, by file and line; then the counts and the check."""
    whole = replace(report("Words"), interrupted=False)
    shown = text.report(whole, width=80, color=False)
    for said in (
        "Words (Words:3) update failed: Words",
        "update skipped: Words",
        "update unknown: Words",
        "update waiting: Words",
        "its plan is stale: Words",
        "Operations: 2 applied, 2 failed, 2 skipped, 2 unknown, 2 waiting.",
        "verified: 2 of 3 as declared",
    ):
        assert said in shown
    assert "update applied" not in shown


def test_an_interrupted_report_names_what_is_done_and_folds_what_is_not():
    """Who is applied stands there; those to whom nothing was sent are counted."""
    shown = text.report(report("Words"), width=80, color=False)
    assert "✓ Words applied: update, update" in shown
    assert "update unknown: Words" in shown
    assert "update skipped" not in shown
    assert "2 skipped" in shown
    assert "Interrupted. Run again" in shown
    assert "verified" not in shown


def test_an_empty_report_has_no_counts():
    """Nothing was sent: the plan has said the rest."""
    shown = text.report(Report((), checked=2, as_declared=2), width=80, color=False)
    assert shown == "Nothing was sent.\n"


def test_problems_are_shown_with_place_line_and_fix():
    """`file:line:column: message`, the line, a caret, the hint; the count at the end."""
    found = [Problem("agents/a.yaml", 3, 7, "not a number", "name: 12", "put it in quotes")]
    assert text.problems(found, color=False) == (
        "agents/a.yaml:3:7: not a number\n"
        "    name: 12\n"
        "          ^\n"
        "    put it in quotes\n"
        "1 problem in 1 file.\n"
    )


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.text(st.sampled_from("aЖ家\t\x1b\u202e: -"), min_size=1, max_size=150), st.integers(1, 200)
)
def test_the_caret_stands_under_its_character(excerpt, column):
    """Whatever is before it: wide, invisible, a tab, or cut away."""
    column = min(column, len(excerpt) + 1)
    shown = text.problems([Problem("f", 1, column, "m", excerpt)], color=False).split("\n")
    line, caret = shown[1][4:], shown[2][4:]
    assert caret.strip() == "^"
    ends = {cells(line[:size]): line[size:] for size in range(len(line) + 1)}
    rest = visible(excerpt[column - 1 :]).replace("\t", " ").rstrip()
    under = ends.get(len(caret) - 1, "")
    assert rest.startswith(under.rstrip())
    assert under or not rest
    assert cells(line) <= 72 * 6 + 1


def test_a_wholly_new_long_text_is_clipped():
    """One value does not fill a screen after another; the JSON has all of it."""
    change = Change("description", "old " * 500, "new words " * 3000)
    entry = Entry("rentix", "a", 1, "A", None, "id", ("update",), (change,), None, "because")
    with within(2):
        shown = text.plan(Plan((entry,), (), (), (), 1, 0, (), True, (), 0), width=80, color=False)
    assert shown.count("\n") < 60
