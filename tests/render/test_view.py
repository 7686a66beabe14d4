"""The view: every sentence once, in the order in which it is read, with the names of the agents."""

from __future__ import annotations

import pytest

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
    Unmet,
    Warning,
)
from reconciler.render import view
from reconciler.render.phrases import bodies, code_parts, price, target

PLACE = Source("agents/a.yaml", 3)


def plan(*entries, steps=(), **more):
    """A plan of these."""
    given = {
        "conflicts": (),
        "warnings": (),
        "declared": 9,
        "unchanged": 9,
        "waiting": (),
        "complete": True,
        "over_limits": (),
        "seconds": 3,
    }
    return Plan(entries=entries, steps=steps, **{**given, **more})


def entry(key, *actions, portal="rentix", name="", changes=(), source=PLACE):
    """An agent with something to do."""
    return Entry(portal, key, 1, name, source, None, actions, changes, None, "")


def headline(*entries, **more):
    """The first sentence of a plan."""
    return view.plan(plan(*entries, **more)).headline


def test_nothing_to_do_has_the_number_of_agents():
    """One agent is, several are."""
    assert headline() == "Nothing to do: 9 agents are as declared."
    assert headline(declared=1, unchanged=1) == "Nothing to do: 1 agent is as declared."
    waiting = headline(declared=2, unchanged=1, waiting=(("rentix", "a"),))
    assert waiting == "Nothing to do: 1 unchanged, 1 waiting."
    conflict = Conflict("rentix", "a", PLACE, "two fit")
    assert headline(unchanged=8, conflicts=(conflict,)).startswith("Nothing can be applied: ")


def test_the_headline_counts_agents_and_their_operations_apart():
    """What takes somebody off a portal comes first; what is none is left out."""
    assert headline(
        entry("a", "create"),
        entry("b", "link", "update"),
        entry("c", "update"),
        entry("d", "deactivate", "update"),
        unchanged=4,
    ) == ("Plan: 4 agents to change (1 deactivation, 1 creation, 3 updates, 1 link); 4 unchanged.")
    both = (entry("a", "update"), entry("a", "update", portal="propertyfinder"))
    made = view.plan(plan(*both, portals=("rentix", "propertyfinder")))
    assert made.title == "1 agent to change"
    assert made.headline.startswith("Plan: 1 agent to change (2 updates);")
    assert [(each.number, each.label) for each in made.counts] == [(2, "updates"), (9, "unchanged")]


def test_the_headline_of_several_portals_says_which_are_as_declared():
    """An agent counts on each, so their number would say little."""
    both = ("rentix", "propertyfinder")
    sample = headline(portals=both)
    assert sample == "Nothing to do: all agents are as declared on rentix and propertyfinder."
    unread = headline(portals=("rentix",), unread=(("propertyfinder", "no answer"),))
    assert unread == "Nothing to do: all agents are as declared on rentix."
    waiting = headline(portals=both, unchanged=8, waiting=(("propertyfinder", "a"),))
    assert waiting == "Nothing to do: 8 unchanged, 1 waiting."


ID = (Change("externalId", "old", "new"),)
GONE = (Change("externalId", "old", None),)


def test_a_plan_is_read_from_what_is_dangerous_to_what_is_not():
    """Who is taken off, limits, portals that were not read, conflicts, who waits; the warnings come
    last. Each agent is named."""
    made = view.plan(
        plan(
            entry("u", "update", name="Up"),
            entry("s", "unlink", "link", name="Swap", changes=ID),
            entry("o", "deactivate", name="Off"),
            entry("g", "unlink", name="Gone", changes=GONE, source=None),
            conflicts=(Conflict("rentix", "c", PLACE, "two fit", name="Con"),),
            warnings=(
                Warning("rentix", "u", PLACE, "may be lost"),
                Warning("rentix", "w", PLACE, "is not there", name="Wait"),
                Warning("rentix", "o", PLACE, "is taken off", verb="deactivate"),
            ),
            waiting=(("rentix", "w"),),
            over_limits=("9 of 9 agents",),
            unread=(("other", "503"),),
        )
    )
    assert [(each.title.partition(":")[0], each.danger) for each in made.first] == [
        ("Taken off all listings", True),
        ("Unlinked", True),
        ("Linked to another id", True),
        ("Over the limits", True),
        ("Not read", True),
        ("In conflict (skipped)", True),
        ("Waiting", False),
    ]
    people = [[each.name for each in section.items if each.key] for section in made.first]
    assert people == [["Off"], ["Gone"], ["Swap"], [], [], ["Con"], ["Wait"]]
    texts = [section.items[0].text for section in made.first]
    assert texts[1:3] == ["externalId “old” → nothing", "externalId “old” → “new”"]
    assert "`--force`" in made.first[3].text
    assert "503" in texts[4]
    assert texts[5:] == ["two fit", "is not there"]
    (warnings,) = made.notes
    assert [(each.name, each.text) for each in warnings.items] == [("Up", "may be lost")]
    assert [agent.key for agent in made.agents] == ["o", "g", "s", "u"]
    assert made.first[0].items[0].anchor == made.agents[0].anchor


def test_a_sentence_that_all_waiting_agents_share_appears_once():
    """And their names are a list."""
    notes = tuple(
        Warning("rentix", key, PLACE, "is not there yet.", name=key.upper()) for key in "ab"
    )
    made = view.plan(plan(warnings=notes, waiting=(("rentix", "a"), ("rentix", "b"))))
    (waiting,) = made.first
    assert waiting.text == "Not there yet."
    assert [(each.name, each.text) for each in waiting.items] == [("A", ""), ("B", "")]
    (alone,) = view.plan(plan(waiting=(("rentix", "a"),))).first
    assert alone.items[0].text == "is not on the portal yet."


def test_a_list_that_is_not_whole_is_a_danger():
    """Somebody may be there whom it does not show."""
    (section,) = view.plan(plan(complete=False)).first
    assert section.danger
    assert "incomplete list" in section.items[0].text


def test_a_portal_is_named_where_there_are_several():
    """And only there."""
    one = plan(entry("o", "deactivate"), portals=("rentix",))
    assert view.plan(one).first[0].items[0].portal == ""
    two = plan(entry("o", "deactivate"), portals=("rentix", "other"))
    assert view.plan(two).first[0].items[0].portal == "rentix"


def test_drift_counts_agents():
    """One who was changed on two portals is one."""
    both = (entry("a", "update"), entry("a", "update", portal="other"))
    gone = Warning("rentix", "g", PLACE, "is gone", name="Gone")
    made = view.drift(plan(*both, warnings=(gone,)))
    assert made.headline == "Drift: 2 agents changed on the portal."
    assert [(each.title, each.items[0].name) for each in made.first] == [
        ("Gone from the portal", "Gone")
    ]
    assert "`reconciler apply` reverts" in made.closing[0]
    none = view.drift(plan())
    assert none.headline.startswith("No drift: ")
    assert not none.closing


def outcome(key, status, verb="update", portal="rentix", **more):
    """What became of an operation."""
    operation = Operation(f"{verb}:{key}", verb, portal, key, PLACE, 15)
    return ("r1", Outcome(operation, status, **more))


def test_a_report_counts_operations_and_agents_and_says_how_it_ended():
    """In its first sentence."""
    outcomes = (
        outcome("a", "applied"),
        outcome("a", "applied", "link"),
        outcome("b", "failed", error="no"),
    )
    made = view.report(Report(outcomes, checked=2, as_declared=1))
    assert made.headline == (
        "Operations: 2 applied, 1 failed, for 2 agents. Verified: 1 of 2 as declared."
    )
    assert view.report(Report(())).headline == "Nothing was sent."
    assert view.report(Report(outcomes)).title == "The result was not verified"
    assert view.report(Report(outcomes, interrupted=True)).title.startswith("Interrupted.")


def test_a_report_is_read_from_failures_to_notes():
    """Agents are named by their plan; who failed is not named again for each of their values."""
    done = Report(
        (
            outcome("good", "applied", note="it had 12 already"),
            outcome("new", "applied", "create", id=99, aliases={"publicProfile": 4}),
            outcome("half", "applied", "unlink"),
            outcome("half", "failed", "link", error="taken"),
            outcome("later", "waiting", "create", error="invite them"),
        ),
        checked=5,
        as_declared=3,
        unmet=(
            Unmet("rentix", "half", PLACE, "name", "A", "B"),
            Unmet("rentix", "good", PLACE, "youtube", None, "u"),
        ),
        stale=(Conflict("rentix", "old", PLACE, "name would change too", name="Old"),),
        plan=plan(entry("half", "unlink", "link", name="Half")),
        notes=("The ledger was lost.",),
    )
    made = view.report(done)
    first = [(each.title, each.items[0].name or each.items[0].key) for each in made.first]
    assert first == [
        ("Not applied", "Half"),
        ("Skipped (the plan is stale)", "Old"),
        ("Waiting (not created)", "later"),
    ]
    failure = made.first[0].items[0]
    assert (failure.label, failure.text) == ("link failed", "taken")
    assert [(each.item.key, each.verbs, each.outcome) for each in made.results] == [
        ("half", "unlink, link", "unlink applied, link failed"),
        ("later", "create", "waiting"),
        ("good", "update", "applied"),
        ("new", "create", "applied"),
    ]
    assert made.results[-1].ids == "id 99, publicProfile 4"
    unmet, notes = made.notes
    assert [(each.key, each.label, each.text) for each in unmet.items] == [
        ("good", "youtube", "the portal has “u”, the file has nothing")
    ]
    assert [each.text for each in notes.items] == ["The ledger was lost.", "it had 12 already"]


def test_after_an_interrupt_what_was_not_sent_is_only_counted():
    """Who failed or is unknown is named all the same."""
    outcomes = (outcome("a", "skipped", error="x"), outcome("b", "unknown", error="y"))
    named = [each.key for each in view.report(Report(outcomes, interrupted=True)).first[0].items]
    assert named == ["b"]
    assert len(view.report(Report(outcomes)).first[0].items) == 2


def test_the_price_of_several_portals_is_within_the_limits_of_all():
    """Each has its own."""
    step = Step(
        "r1",
        Request("PATCH", "/v1/users/1"),
        (Operation("update:1", "deactivate", "propertyfinder", "a", None, 1),),
    )
    both = price(plan(steps=(step,), portals=("rentix", "propertyfinder")))
    assert both == "1 request (1 deactivation), about 3 s within the portals' rate limits."
    assert "the portal's rate limits" in price(plan(steps=(step,), portals=("rentix",)))


def test_the_price_is_requests_by_kind_and_time():
    """Seconds up to a minute and a half, then minutes."""
    one = Operation("update:1", "update", "rentix", "a", None, 1)
    two = Operation("unlink:1", "unlink", "rentix", "a", None, 1)
    steps = (
        Step("r1", Request("DELETE", "/users/1/link"), (two,)),
        Step("r2", Request("DELETE", "/users/1/link"), (two,), ("r1",)),
        Step("r3", Request("POST", "/users/bulk"), (one, one), ("r1", "r2")),
    )
    sample = price(plan(steps=steps, seconds=40))
    assert sample == (
        "3 requests (2 unlinks, 1 bulk request), about 40 s within the portal's rate limits."
    )
    assert "about 3 min" in price(plan(steps=steps[:1], seconds=180))
    assert [target(each) for each in steps] == [
        "DELETE /users/1/link",
        "DELETE /users/1/link, after r1",
        "POST /users/bulk, 2 operations, after r1, r2",
    ]
    assert bodies(Step("r", Request("POST", "/", {"operations": [{"a": "ж"}, 2]}), (one,))) == [
        '{"a": "ж"}',
        "2",
    ]
    assert bodies(steps[0]) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Declare `id` to say which.", ["id"]),
        ("`a b`, then `id: 212`.", ["a b", "id: 212"]),
        ("its`x`y", []),
        ("`x`@octocat", []),
        ("`` `", []),
        ("", []),
    ],
    ids=ascii,
)
def test_code_is_a_separate_word_between_backticks(text, code):
    """A backtick within a word is one of the text's own."""
    parts = [*code_parts(text)]
    assert [part for part, is_code in parts if is_code] == code
    assert sum(len(part) for part, _ in parts) == len(text) - 2 * len(code)
