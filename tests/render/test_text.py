"""Text for a terminal: nothing in it steers the terminal, and every line is within the width."""

from __future__ import annotations

from dataclasses import replace

import pytest
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
    Source,
    Unmet,
    Warning,
)
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
        text.calls(made, width=80, color=color),
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
        text.calls(made, width=80, color=False),
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


# Several portals


def entry(portal, key, *changes, actions=("update",), line=1, number=1, source=True):
    """An agent of a plan."""
    place = Source(f"agents/{key}.yaml", line) if source else None
    return Entry(portal, key, number, key.title(), place, "id", actions, changes, None, "because")


def several(*entries, **more):
    """A plan of two portals."""
    given = {
        "steps": (),
        "conflicts": (),
        "warnings": (),
        "declared": 9,
        "unchanged": 4,
        "waiting": (),
        "complete": True,
        "excess": (),
        "seconds": 1,
        "portals": ("rentix", "propertyfinder"),
    }
    return Plan(entries=entries, **{**given, **more})


NAME = Change("name", "Ion", "Ivan")
CODES = Change("spokenLanguages", ["en"], ["en", "ro", "ru"])


def test_a_plan_of_several_portals_says_each_agent_once_and_the_portals_below():
    """Key and name, then what is done where; an empty line before the next agent."""
    made = several(
        entry("rentix", "ana", NAME, number=15),
        entry("propertyfinder", "ana", CODES, NAME, line=9, number=4711),
        entry("propertyfinder", "ion", actions=("deactivate",), number=7),
    )
    assert text.plan(made, width=80, color=False) == (
        "ana  Ana\n"
        "  ~ rentix  (update)\n"
        "    agents/ana.yaml:1 · agent 15 · because\n"
        "      name  “Ion” → “Ivan”\n"
        "  ~ propertyfinder  (update)\n"
        "    agents/ana.yaml:9 · agent 4711 · because\n"
        "      spokenLanguages  en → en, ro, ru\n"
        "      name             “Ion” → “Ivan”\n"
        "\n"
        "ion  Ion\n"
        "  - propertyfinder  (deactivate)\n"
        "    agents/ion.yaml:1 · agent 7 · because\n"
        "\n"
        "Plan: 2 to update, 1 to deactivate; 4 unchanged.\n"
    )


def test_a_plan_of_one_portal_does_not_name_it():
    """There is no other it could be."""
    made = several(
        entry("rentix", "ana", NAME),
        conflicts=(Conflict("rentix", "b", None, "who"),),
        portals=("rentix",),
    )
    shown = text.plan(made, width=80, color=False)
    assert "rentix" not in shown
    assert shown.startswith("~ ana  Ana  (update)\n")
    assert "! b conflict: who" in shown


def test_conflicts_and_warnings_of_several_portals_name_theirs():
    """The agent may be well on the other one."""
    place = Source("agents/a.yaml", 3)
    made = several(
        conflicts=(
            Conflict("propertyfinder", "a", place, "who"),
            Conflict("rentix", "a", None, "x"),
        ),
        warnings=(Warning("propertyfinder", "b", place, "look"),),
    )
    for shown in (
        text.plan(made, width=80, color=False),
        text.drift(made, width=80, color=False),
    ):
        assert "! a on propertyfinder (agents/a.yaml:3) conflict: who" in shown
        assert "! a on rentix conflict: x" in shown
        assert "b on propertyfinder (agents/a.yaml:3) look" in shown


def test_a_portal_that_could_not_be_read_is_told_with_its_reason():
    """Beside the plan of the others, of which there is nothing incomplete to say."""
    made = several(
        entry("rentix", "ana", NAME),
        unread=(("propertyfinder", "it gave no token."),),
        portals=("rentix",),
        complete=False,
    )
    shown = text.plan(made, width=100, color=False)
    said = "! propertyfinder could not be read, so nothing is planned there: it gave no token."
    assert said in shown
    assert "incomplete" not in shown
    assert "  ~ rentix  (update)" in shown
    assert said in text.drift(made, width=100, color=False)
    whole = several(complete=False)
    assert "incomplete" in text.plan(whole, width=100, color=False)
    assert "could not be read" not in text.plan(several(), width=100, color=False)


def test_drift_of_several_portals_is_told_agent_by_agent():
    """The files' side first, then what the portal shows; no actions and no reason."""
    made = several(
        entry("rentix", "ana", NAME), entry("propertyfinder", "ana", CODES, line=9, number=2)
    )
    shown = text.drift(made, width=80, color=False)
    assert shown.startswith(
        "ana  Ana\n"
        "  ~ rentix\n"
        "    agents/ana.yaml:1 · agent 1\n"
        "      name  file “Ivan”, portal now “Ion”\n"
        "  ~ propertyfinder\n"
        "    agents/ana.yaml:9 · agent 2\n"
        "      spokenLanguages  file en, ro, ru, portal now en\n"
    )
    assert "because" not in shown


def outcome(portal, key, status="applied", **more):
    """What became of an agent's operation."""
    verb = more.pop("verb", "create")
    source = Source(f"agents/{key}.yaml", 2)
    return Outcome(Operation(f"{verb}:{key}", verb, portal, key, source, None), status, **more)


def reported(*outcomes, made=None, **more):
    """The text of a report."""
    done = Report(tuple(("r1", each) for each in outcomes), plan=made or several(), **more)
    return text.report(done, width=100, color=False)


def test_the_ids_of_an_agent_who_was_created_are_told():
    """Where the portal has several: they are what its own tools ask for."""
    created = outcome("propertyfinder", "a", id=4711, aliases={"publicProfileId": 9})
    shown = reported(created, outcome("rentix", "b", id=15))
    assert "+ a on propertyfinder created: id 4711, publicProfileId 9\n" in shown
    assert "b on rentix" not in shown
    alone = reported(created, made=several(portals=("propertyfinder",)))
    assert "+ a created: id 4711, publicProfileId 9\n" in alone
    assert "created" not in text.report(
        Report((("r1", outcome("rentix", "b", id=15)),)), width=100, color=False
    )


def test_a_report_of_several_portals_names_the_portal_of_each_agent():
    """Of failures, values that are not as declared, agents left out and those that are done."""
    place = Source("agents/c.yaml", 5)
    shown = reported(
        outcome("propertyfinder", "a", "failed", error="no role", verb="update"),
        unmet=(Unmet("rentix", "c", place, "spokenLanguages", ["en"], []),),
        stale=(Conflict("propertyfinder", "d", None, "is another now"),),
    )
    assert "! a on propertyfinder (agents/a.yaml:2) update failed: no role\n" in shown
    assert "? c on rentix (agents/c.yaml:5) spokenLanguages is not as declared" in shown
    assert "! d on propertyfinder left out, its plan is stale: is another now\n" in shown
    cut = reported(
        outcome("rentix", "a", verb="link"), outcome("rentix", "a", verb="update"), interrupted=True
    )
    assert "✓ a on rentix applied: link, update\n" in cut


def test_what_is_done_on_two_portals_is_told_for_each():
    """Interrupted: one agent is done here and not there."""
    shown = reported(
        outcome("rentix", "a", verb="update"),
        outcome("propertyfinder", "a", "unknown", error="run again", verb="deactivate"),
        interrupted=True,
    )
    assert "✓ a on rentix applied: update\n" in shown
    assert "! a on propertyfinder (agents/a.yaml:2) deactivate unknown: run again\n" in shown


def test_a_failure_is_told_at_the_line_of_the_value_that_was_refused():
    """The portal says which value it was, and the file where it stands."""
    operation = Operation(
        "update:1", "update", "rentix", "a", Source("a.yaml", 1), 1, lines={"bio": 8}
    )
    failed = Outcome(operation, "failed", 422, "too long", 1, path="bio.primary")
    assert "! a on rentix (a.yaml:8) update failed: too long\n" in reported(failed)


def test_a_report_says_which_portal_could_not_be_read():
    """Nothing was sent there, and why."""
    made = several(unread=(("propertyfinder", "no answer."),), portals=("rentix",))
    shown = reported(outcome("rentix", "a"), made=made, checked=1, as_declared=1)
    assert "! propertyfinder could not be read, so nothing was sent there: no answer.\n" in shown
    assert "verified: 1 of 1 as declared" in shown


@settings(deadline=None, max_examples=15, database=None)
@given(UGLY)
def test_every_line_of_a_plan_of_several_portals_is_within_the_width(said):
    """Whatever the texts, and nothing of them is lost."""
    made = replace(plan(said), portals=("rentix", "other"), unread=((said, said),))
    shown = text.plan(made, width=80, color=False)
    assert [line for line in shown.split("\n") if cells(line) > 80] == []
    assert [line for line in shown.split("\n") if line.endswith(" ")] == []
    assert squeezed(one_line(said)) in squeezed(shown)


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY)
def test_no_portals_words_steer_the_terminal(said):
    """Its reasons, its ids, its messages."""
    made = replace(plan(said), portals=("rentix", "other"), unread=((said, said),))
    created = outcome("rentix", said, aliases={said: said}, id=said)
    failed = outcome("rentix", said, "failed", error=said)
    for shown in (
        text.plan(made, width=80, color=False),
        text.drift(made, width=80, color=False),
        text.report(Report((("r", created), ("r", failed)), plan=made), width=80, color=False),
    ):
        assert steering(shown) == []
