"""JSON for programs: valid, alone, and as documented."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Operation, Outcome, Plan, Report, Source
from reconciler.core.plan_json import parse
from reconciler.render import json as render

from .samples import plan, report, whole

ANY = st.text(st.characters(), max_size=20)


def strict(shown):
    """The one JSON value that a text is; NaN and the like are none."""
    return json.loads(shown, parse_constant=lambda name: 1 / 0)


@settings(deadline=None, max_examples=60, database=None)
@given(ANY)
def test_a_plan_is_one_json_value(text):
    """Whatever the agents' texts are, as the program writes it to a pipe."""
    made = whole(plan(text), text)
    shown = render.plan(made)
    assert strict(shown) == made
    assert strict(shown.encode("utf-8", "backslashreplace").decode()) == made
    assert shown.endswith("}\n")
    assert parse(strict(shown)).entries == plan(text).entries


@settings(deadline=None, max_examples=60, database=None)
@given(ANY)
def test_a_report_is_one_json_value(text):
    """Also with a portal's message in it."""
    shown = render.report(report(text), "sha256:0")
    again = strict(shown.encode("utf-8", "backslashreplace").decode())
    assert again == strict(shown)
    assert {each["error"] for each in again["results"]} == {text, f"stale: {text}"}
    assert shown.endswith("}\n")


def test_a_report_has_the_documented_keys():
    """The digest of the plan, the counts, a result an operation, what the check showed."""
    text = strict(render.report(report("Words"), "sha256:0"))
    assert text["digest"] == "sha256:0"
    assert text["summary"] == {
        "applied": 2,
        "failed": 2,
        "skipped": 3,
        "unknown": 2,
        "waiting": 3,
        "conflicts": 2,
    }
    assert text["results"][2] == {
        "request": "r1",
        "portal": "rentix",
        "key": "Words",
        "verb": "update",
        "id": 1,
        "status": "failed",
        "http_status": 400,
        "error": "Words",
        "source": {"file": "Words", "line": 3},
    }
    assert text["results"][3]["source"] is None
    assert text["results"][-1]["status"] == "skipped"
    assert text["verified"]["agents"] == 3
    assert text["verified"]["differences"][0] == {
        "portal": "rentix",
        "key": "Words",
        "path": "name",
        "declared": "Words",
        "live": "WordsWords",
        "source": {"file": "Words", "line": 3},
    }
    assert text["interrupted"] is True


def test_a_report_that_was_not_checked_says_so():
    """No check is null, and not a check of nobody."""
    assert strict(render.report(Report(()), ""))["verified"] is None
    checked = strict(render.report(Report((), checked=0), ""))["verified"]
    assert (checked["agents"], checked["differences"]) == (0, [])


def test_a_new_agents_id_is_in_the_report():
    """A creation has the id that the portal gave."""
    made = Operation("create:a", "create", "rentix", "a", Source("a.yaml", 1), None)
    done = Report((("r1", Outcome(made, "applied", 201, None, 77)),))
    assert strict(render.report(done, ""))["results"][0]["id"] == 77


def test_all_ids_of_a_new_agent_are_in_the_report():
    """Where a portal gives several; an agent who has one has no list of them."""
    made = Operation("create:a", "create", "pf", "a", Source("a.yaml", 1), None)
    outcomes = (
        ("r1", Outcome(made, "applied", 201, None, 77, {"publicProfileId": 9})),
        ("r2", Outcome(made, "applied", 201, None, 78)),
    )
    first, second = strict(render.report(Report(outcomes), ""))["results"]
    assert first["ids"] == {"id": 77, "publicProfileId": 9}
    assert (first["id"], first["portal"]) == (77, "pf")
    assert "ids" not in second


def test_a_report_has_the_portals_that_could_not_be_read():
    """With the reason; none where all were, or where there was no plan."""
    made = Plan((), (), (), (), 0, 0, (), complete=False, over_limits=(), seconds=0)
    assert strict(render.report(Report((), plan=made), ""))["unread"] == []
    assert strict(render.report(Report(()), ""))["unread"] == []
    unread = Plan(
        (),
        (),
        (),
        (),
        0,
        0,
        (),
        complete=False,
        over_limits=(),
        seconds=0,
        unread=(("pf", "no token"),),
    )
    assert strict(render.report(Report((), plan=unread), ""))["unread"] == [
        {"portal": "pf", "error": "no token"}
    ]


def test_a_result_has_the_line_of_the_value_that_was_refused():
    """Where the portal says which value it was; else the agent's."""
    made = Operation(
        "update:1", "update", "pf", "a", Source("a.yaml", 1), 1, lines={"bio": 8, "name": 3}
    )
    places = {"bio.primary": 8, "name": 3, "phone": 1, None: 1}
    for path, line in places.items():
        done = Report((("r1", Outcome(made, "failed", 422, "no", 1, path=path)),))
        (result,) = strict(render.report(done, ""))["results"]
        assert result["source"] == {"file": "a.yaml", "line": line}


def test_what_cannot_be_seen_is_written_as_an_escape():
    """No control of a terminal, no turn of the direction of text; and a reader gets it all back."""
    name = "a\x9b2Jb\u202e\x7f\u2028 Ștefan 商業\u200f"
    text = render.plan({"name": name})
    assert not set(text) & set("\x9b\u202e\x7f\u2028\u200f")
    assert "Ștefan 商業" in text
    assert json.loads(text) == {"name": name}
