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


def rendered(sample, *, color):
    """Everything that the text renderer makes of a text."""
    made = plan(sample)
    return [
        text.plan(made, width=80, color=color),
        text.plan(made, width=80, color=color, requests=True),
        text.report(report(sample), width=80, color=color),
        text.problems(problems(sample), color=color),
    ]


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY, st.booleans())
def test_no_text_steers_the_terminal(sample, color):
    """In names, keys, files, paths, values, messages of the portal; with our colours or without."""
    for shown in rendered(sample, color=color):
        assert steering(shown) == []
        if not color:
            assert not STYLE.search(shown)


@pytest.mark.parametrize("sample", [*PLAIN, "\x7f"], ids=ascii)
def test_no_path_of_a_saved_plan_steers_the_terminal(sample):
    """`show` takes a file from anybody, whose digest anybody can make."""
    assert steering(text.plan(plan("a", path=sample), width=80, color=False)) == []


@pytest.mark.parametrize("sample", PLAIN, ids=ascii)
@pytest.mark.parametrize("part", ["plan", "requests", "report", "problems"])
def test_what_steers_is_shown_as_its_number(sample, part):
    """Each of the well-known attacks, in each output: seen, and without effect."""
    parts = dict(
        zip(("plan", "requests", "report", "problems"), rendered(sample, color=False), strict=True)
    )
    shown = parts[part]
    assert steering(shown) == []
    assert squeezed(visible(sample)) in squeezed(shown)


@settings(deadline=None, max_examples=100, database=None)
@given(st.text(st.characters()))
def test_visible_text_has_no_steering_and_is_stable(sample):
    """What is shown can be shown again; what steers nothing stays as it is."""
    shown = visible(sample)
    assert steering(shown.replace("\t", "")) == []
    assert visible(shown) == shown
    assert "\n" not in one_line(sample)
    if not steering(sample):
        assert shown == sample


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY)
def test_problems_have_a_line_each_and_no_text_begins_its_own(sample):
    """Place and message, the line and its caret, the hint: a text cannot fake another problem."""
    found = problems(sample)
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
def test_every_line_is_within_the_width(sample):
    """Long names, Cyrillic, CJK, combining marks, quotes, nothing at all: 80 columns."""
    made = plan(sample)
    for shown in (
        text.plan(made, width=80, color=False),
        text.plan(made, width=80, color=False, requests=True),
        text.report(report(sample), width=80, color=False),
    ):
        assert [line for line in shown.split("\n") if cells(line) > 80] == []
        assert [line for line in shown.split("\n") if line.endswith(" ")] == []
        assert shown.endswith("\n")


@settings(deadline=None, max_examples=15, database=None)
@given(UGLY)
def test_wrapping_loses_nothing(sample):
    """Keys, names, reasons and messages are shown whole, whatever their length."""
    wanted = squeezed(one_line(sample))
    assert wanted in squeezed(text.plan(plan(sample), width=80, color=False))
    assert wanted in squeezed(text.report(report(sample), width=80, color=False))
    for path in ("settings.contact_telegram", "settings.contact_whatsapp", "description.ru"):
        assert path in text.plan(plan(sample), width=80, color=False)


def test_colours_change_nothing_else():
    """The words with colour are those without."""
    for plain, styled in zip(
        rendered("Иван", color=False), rendered("Иван", color=True), strict=True
    ):
        assert styled != plain
        bare = STYLE.sub("", styled)
        assert [line.rstrip() for line in bare.split("\n")] == plain.split("\n")


def test_a_plan_reads_as_documented():
    """The counts; then who, where and why, and what changes."""
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
    assert text.plan(made, width=90, color=False) == (
        "Plan: 1 agent to change (1 update); 0 unchanged.\n"
        "\n"
        "~ Ivan Petrov (agent-001): update\n"
        "  agents/ivan.yaml:1 · agent 15 · matched: id 15 · drift: changed on the portal since the\n"
        "  last apply\n"
        "    name                       “Ivan” → “Ivan Petrov”  (drift: changed on the portal since\n"
        "                               the last apply)\n"
        "    settings.contact_whatsapp  on → off\n"
    )


def test_the_first_screen_says_who_is_affected_and_what_is_dangerous():
    """However many agents change; and the last line, where a terminal stops, is the headline."""
    many = tuple(
        Entry("rentix", f"a{n}", n, f"Agent {n}", None, "id", ("update",), (), None, "because")
        for n in range(40)
    )
    made = Plan(
        (*many, replace(many[0], key="off", name="Ana Off", actions=("deactivate",))),
        (),
        (Conflict("rentix", "c", None, "two fit", name="Ion Con"),),
        (Warning("rentix", "w", None, "is not there", name="Eva Wait"),),
        50,
        8,
        (("rentix", "w"),),
        True,
        ("41 of 50 agents",),
        3,
    )
    lines = text.plan(made, width=80, color=False).rstrip("\n").split("\n")
    first = lines[:24]
    for sample in (
        "Plan: 41 agents to change (1 deactivation, 40 updates); 8 unchanged, 1 waiting,",
        "! Ana Off (off)",
        "! 41 of 50 agents.",
        "! Ion Con (c): two fit",
        "? Eva Wait (w): is not there",
    ):
        assert sample in first
    assert lines[-2:] == lines[:2]


def test_a_plan_shows_what_is_wrong_with_it():
    """Conflicts, warnings, limits and a list that is not whole."""
    shown = squeezed(text.plan(plan("Words"), width=80, color=False))
    for sample in (
        "Words (Words): Words",
        "Over the limits",
        "--force",
        "incomplete list",
        "about 7 min",
    ):
        assert squeezed(sample) in shown


def test_a_rewritten_text_is_shown_before_and_after():
    """On lines of their own, each from its beginning."""
    old, new = (
        "Sells flats in the city since 2012. " * 3,
        "On holiday; call the office, please. " * 3,
    )
    entry = Entry("p", "a", 1, "A", None, "id", ("update",), (Change("bio", old, new),), None, "")
    shown = text.plan(Plan((entry,), (), (), (), 1, 0, (), True, (), 0), width=150, color=False)
    assert f"    bio\n      - “{old.strip()} ”\n" in shown.replace(". ”", ".”").replace(".”", ". ”")
    assert "\n      + “On holiday;" in shown


def test_code_in_a_sentence_is_quoted():
    """A terminal has no code, and a backtick within a word is one of the text's own."""
    conflict = Conflict("p", "a", None, "Declare `id: 212`.", name="An`n")
    shown = text.plan(Plan((), (), (conflict,), (), 1, 0, (), True, (), 0), width=80, color=False)
    assert '! An`n (a): Declare "id: 212".\n' in shown


def test_what_is_cleared_is_red():
    """A loss does not look like a gain."""
    changes = (Change("youtube", "u", None), Change("name", "a", "b"))
    entry = Entry("p", "a", 1, "A", None, "id", ("update",), changes, None, "")
    shown = text.plan(Plan((entry,), (), (), (), 1, 0, (), True, (), 0), width=80, color=True)
    assert "\x1b[31mnothing" in shown
    assert "\x1b[32m“b”" in shown


def test_a_report_names_who_failed_and_counts():
    """The counts and the check; then everyone who is not applied, by file and line."""
    whole = replace(report("Words"), interrupted=False)
    shown = text.report(whole, width=120, color=False)
    assert shown.startswith(
        "Operations: 2 applied, 2 failed, 2 skipped, 2 unknown, 2 waiting, for 1"
    )
    for sample in (
        "Words (Words): update failed: Words (Words:3)",
        "update skipped: Words",
        "update unknown: Words",
        "update waiting: Words",
        "Skipped (the plan is stale)\n! Words (Words): Words (Words:3)",
        "Verified: 2 of 3 as declared",
    ):
        assert sample in shown
    assert "update applied" not in shown


def test_an_interrupted_report_names_what_is_done_and_folds_what_is_not():
    """Who is applied is listed; those to whom nothing was sent are counted."""
    shown = text.report(report("Words"), width=80, color=False)
    assert "✓ Words (Words): " in shown
    assert "update applied" in shown
    assert "update unknown: Words" in shown
    assert "! Words (Words): update skipped" not in shown
    assert "2 skipped" in shown
    assert "Interrupted. Run again" in shown
    assert "Verified" not in shown


def test_an_empty_report_has_no_counts():
    """Nothing was sent: the plan shows the rest."""
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


def test_one_mistake_in_many_files_is_explained_once():
    """With every place, its line, and its fix where that differs."""
    unknown = [
        Problem(f"agents/{n}.yaml", 2, 1, "unknown key `nmae`", f"nmae: {n}", "`name`?")
        for n in range(40)
    ]
    phones = [
        Problem(
            f"agents/{n}.yaml",
            3,
            8,
            f"must be text, but {n}11 is a number",
            f"phone: {n}11",
            f'write "{n}11"',
        )
        for n in range(4, 7)
    ]
    other = Problem("agents/7.yaml", 9, 1, "unknown key `x`", "x: 1")
    shown = text.problems([*unknown, *phones, other], color=False)
    assert shown.count("unknown key `nmae`") == shown.count("`name`?") == 1
    assert shown.count("is a number") == 1
    for each in (*unknown, *phones, other):
        assert f"{each.file}:{each.line}:{each.column}: " in shown
        assert each.excerpt in shown
    for each in phones:
        assert shown.count(each.hint) == 1
    assert "agents/7.yaml:9:1: unknown key `x`" in shown
    assert shown.endswith("44 problems in 40 files.\n")


def test_problems_stay_in_the_order_of_the_files():
    """Those that are explained once are where the first of them is."""
    names = [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("b", "y"), ("c", "y"), ("d", "w")]
    found = [Problem(f"{file}.yaml", n, 1, kind) for n, (file, kind) in enumerate(names)]
    lines = [
        line.split(": ")[0]
        for line in text.problems(found, color=False).splitlines()
        if ".yaml" in line and not line.startswith(" ")
    ]
    assert lines == ["a.yaml:0:1", "a.yaml:1:1", "a.yaml:2:1", "b.yaml:3:1", "d.yaml:6:1"]


def test_two_alike_are_explained_each():
    """A second look at the same line costs less than looking elsewhere for the explanation."""
    found = [
        Problem(f"agents/{n}.yaml", 2, 1, "unknown key `nmae`", "nmae: x", "`name`?") for n in "ab"
    ]
    assert text.problems(found, color=False).count("unknown key `nmae`") == 2


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.text(st.sampled_from("aЖ家\t\x1b\u202e: -"), min_size=1, max_size=150), st.integers(1, 200)
)
def test_the_caret_is_under_its_character(excerpt, column):
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
        "over_limits": (),
        "seconds": 1,
        "portals": ("rentix", "propertyfinder"),
    }
    return Plan(entries=entries, **{**given, **more})


NAME = Change("name", "Ion", "Ivan")
CODES = Change("spokenLanguages", ["en"], ["en", "ro", "ru"])


def test_a_plan_of_several_portals_keeps_an_agents_portals_together():
    """Who and where, then what is done; an empty line before the next agent."""
    made = several(
        entry("rentix", "ana", NAME, number=15),
        entry("propertyfinder", "ana", CODES, NAME, line=9, number=4711),
        entry("propertyfinder", "ion", actions=("deactivate",), number=7),
    )
    assert text.plan(made, width=80, color=False) == (
        "Plan: 2 agents to change (1 deactivation, 2 updates); 4 unchanged.\n"
        "\n"
        "Taken off all listings\n"
        "! Ion (ion) on propertyfinder (agents/ion.yaml:1)\n"
        "\n"
        "Changes\n"
        "- Ion (ion) on propertyfinder: deactivate\n"
        "  agents/ion.yaml:1 · agent 7 · because\n"
        "\n"
        "~ Ana (ana) on rentix: update\n"
        "  agents/ana.yaml:1 · agent 15 · because\n"
        "    name  “Ion” → “Ivan”\n"
        "~ Ana (ana) on propertyfinder: update\n"
        "  agents/ana.yaml:9 · agent 4711 · because\n"
        "    spokenLanguages  en → en, ro, ru\n"
        "    name             “Ion” → “Ivan”\n"
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
    assert "\n~ Ana (ana): update\n" in shown
    assert "! b: who" in shown


def test_conflicts_and_warnings_of_several_portals_name_theirs():
    """The agent may be well on the other one."""
    place = Source("agents/a.yaml", 3)
    made = several(
        conflicts=(
            Conflict("propertyfinder", "a", place, "who", name="Ana"),
            Conflict("rentix", "a", None, "x"),
        ),
        warnings=(Warning("propertyfinder", "b", place, "look"),),
    )
    for shown in (
        text.plan(made, width=80, color=False),
        text.drift(made, width=80, color=False),
    ):
        assert "! Ana (a) on propertyfinder: who (agents/a.yaml:3)\n" in shown
        assert "! a on rentix: x\n" in shown
        assert "b on propertyfinder: look (agents/a.yaml:3)\n" in shown


def test_a_portal_that_could_not_be_read_has_its_reason():
    """Beside the plan of the others, of which there is nothing incomplete to say."""
    made = several(
        entry("rentix", "ana", NAME),
        unread=(("propertyfinder", "it gave no token."),),
        portals=("rentix",),
        complete=False,
    )
    shown = text.plan(made, width=100, color=False)
    sample = "! propertyfinder could not be read, so nothing is planned there: it gave no token."
    assert sample in shown
    assert "incomplete list" not in shown
    assert "~ Ana (ana) on rentix: update" in shown
    drift = text.drift(made, width=100, color=False)
    assert "! propertyfinder could not be read, so its drift is unknown: it gave no token." in drift
    whole = several(complete=False)
    assert "incomplete list" in text.plan(whole, width=100, color=False)
    assert "could not be read" not in text.plan(several(), width=100, color=False)


def test_drift_of_several_portals_is_grouped_by_agent():
    """The files' side first, then what the portal shows; no actions and no reason."""
    made = several(
        entry("rentix", "ana", NAME), entry("propertyfinder", "ana", CODES, line=9, number=2)
    )
    shown = text.drift(made, width=80, color=False)
    assert shown == (
        "Drift: 1 agent changed on the portal.\n"
        "\n"
        "In the file → On the portal now\n"
        "\n"
        "~ Ana (ana) on rentix\n"
        "  agents/ana.yaml:1 · agent 1\n"
        "    name  “Ivan” → “Ion”\n"
        "~ Ana (ana) on propertyfinder\n"
        "  agents/ana.yaml:9 · agent 2\n"
        "    spokenLanguages  en, ro, ru → en\n"
        "\n"
        '"reconciler apply" reverts these changes. To keep one, edit the file.\n'
    )


def test_drift_of_a_long_text_is_a_word_diff():
    """The words that somebody added are seen, wherever in the text they are."""
    old = "Together we choose the bank, the mortgage and the day on which you move. " * 30
    change = Change("bio", f"{old}Call my colleague.", old, "different", "drift")
    shown = text.drift(several(entry("rentix", "ana", change)), width=80, color=False)
    assert "{+ Call my colleague.+}" in shown or "{+Call my colleague.+}" in shown


def outcome(portal, key, status="applied", **more):
    """What became of an agent's operation."""
    verb = more.pop("verb", "create")
    source = Source(f"agents/{key}.yaml", 2)
    return Outcome(Operation(f"{verb}:{key}", verb, portal, key, source, None), status, **more)


def reported(*outcomes, made=None, **more):
    """The text of a report."""
    done = Report(tuple(("r1", each) for each in outcomes), plan=made or several(), **more)
    return text.report(done, width=100, color=False)


def test_only_what_was_applied_is_listed_as_applied():
    """A new agent without a value that was sent has failed, and its id is shown."""
    ids = {"id": 4711, "aliases": {"publicProfileId": 9}}
    assert "\nApplied\n" in reported(outcome("propertyfinder", "a", **ids))
    failed = reported(outcome("propertyfinder", "a", "failed", error="not taken", **ids))
    assert "\nApplied\n" not in failed
    assert "create failed, id 4711, publicProfileId 9\n" in failed


def test_the_ids_of_a_created_agent_are_shown():
    """Where the portal has several: they are what its own tools ask for."""
    created = outcome("propertyfinder", "a", id=4711, aliases={"publicProfileId": 9})
    shown = reported(created, outcome("rentix", "b", id=15))
    assert "+ a on propertyfinder: create applied, id 4711, publicProfileId 9\n" in shown
    assert "b on rentix" not in shown
    alone = reported(created, made=several(portals=("propertyfinder",)))
    assert "+ a: create applied, id 4711, publicProfileId 9\n" in alone
    assert "create" not in text.report(
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
    assert "! a on propertyfinder: update failed: no role (agents/a.yaml:2)\n" in shown
    assert (
        "? c on rentix: spokenLanguages: the portal has nothing, the file has en (agents/c.yaml:5)"
        in shown
    )
    assert "! d on propertyfinder: is another now\n" in shown
    cut = reported(
        outcome("rentix", "a", verb="link"), outcome("rentix", "a", verb="update"), interrupted=True
    )
    assert "✓ a on rentix: link, update applied\n" in cut


def test_each_of_two_portals_has_its_outcome():
    """Interrupted: one agent is done here and not there."""
    shown = reported(
        outcome("rentix", "a", verb="update"),
        outcome("propertyfinder", "a", "unknown", error="run again", verb="deactivate"),
        interrupted=True,
    )
    assert "✓ a on rentix: update applied\n" in shown
    assert "! a on propertyfinder: deactivate unknown: run again (agents/a.yaml:2)\n" in shown


def test_a_failure_has_the_line_of_the_refused_value():
    """The portal says which value it was, and the file where it stands."""
    operation = Operation(
        "update:1", "update", "rentix", "a", Source("a.yaml", 1), 1, lines={"bio": 8}
    )
    failed = Outcome(operation, "failed", 422, "too long", 1, path="bio.primary")
    assert "! a on rentix: update failed: too long (a.yaml:8)\n" in reported(failed)


def test_a_report_says_which_portal_could_not_be_read():
    """Nothing was sent there, and why."""
    made = several(unread=(("propertyfinder", "no answer."),), portals=("rentix",))
    shown = reported(outcome("rentix", "a"), made=made, checked=1, as_declared=1)
    assert "! propertyfinder could not be read, so nothing was sent there: no answer.\n" in shown
    assert "Verified: 1 of 1 as declared" in shown


@settings(deadline=None, max_examples=15, database=None)
@given(UGLY)
def test_every_line_of_a_plan_of_several_portals_is_within_the_width(sample):
    """Whatever the texts, and nothing of them is lost."""
    made = replace(plan(sample), portals=("rentix", "other"), unread=((sample, sample),))
    shown = text.plan(made, width=80, color=False)
    assert [line for line in shown.split("\n") if cells(line) > 80] == []
    assert [line for line in shown.split("\n") if line.endswith(" ")] == []
    assert squeezed(one_line(sample)) in squeezed(shown)


@settings(deadline=None, max_examples=15, database=None)
@given(NASTY)
def test_no_portals_words_steer_the_terminal(sample):
    """Its reasons, its ids, its messages."""
    made = replace(plan(sample), portals=("rentix", "other"), unread=((sample, sample),))
    created = outcome("rentix", sample, aliases={sample: sample}, id=sample)
    failed = outcome("rentix", sample, "failed", error=sample)
    for shown in (
        text.plan(made, width=80, color=False),
        text.drift(made, width=80, color=False),
        text.report(Report((("r", created), ("r", failed)), plan=made), width=80, color=False),
    ):
        assert steering(shown) == []
