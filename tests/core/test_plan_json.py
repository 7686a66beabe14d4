"""The JSON form of a plan, and the way back."""

from __future__ import annotations

import copy
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.limits import Limits
from reconciler.core.model import (
    AgentState,
    Candidate,
    Operation,
    PortalState,
    RateLimit,
    Request,
    Step,
)
from reconciler.core.plan import join
from reconciler.core.plan_json import counts, digest, form, parse, request_bytes, selection, text
from reconciler.core.selection import Selection

from .build import file, keys, live, member, plan, staff, user

P, Q = "+373 22 123 456", "+373 22 999 999"


def step(name, request, *operations, after=()):
    """One request of a plan."""
    return Step(name, request, operations, after)


def rich():
    """A plan that has one of everything, and its steps."""
    desired = [
        file("b", {"name": "Ivan", "avatar": {"url": "https://x/й.jpg"}}, id=1, line=3),
        file("a", {"settings.contact_viber": False}, id=2),
        file("new", {"name": "Olga"}, phone="+373 69 000 000"),
        file("wait"),
        file("doubt", phone=P),
        file("id:7"),
    ]
    agents = [
        live(1, "a", {"avatar": {"id": 5}}),
        live(2, "b"),
        live(3, "z", phone=P),
        live(7),
        live(9, "gone"),
    ]
    prior = PortalState({"9": AgentState("gone", {})})
    draft = plan(desired, agents, prior, removal="unlink", create=True, limits=Limits(0.1, 1.0, 0))
    steps = [
        step(
            f"s{at}",
            Request("PUT", f"/users/{at}", {"id": at, "values": dict(each.values)}),
            each,
            after=("s0",) if at else (),
        )
        for at, each in enumerate(draft.operations[:5])
    ]
    steps.append(step("s5", Request("DELETE", "/users/2/link"), *draft.operations[5:]))
    return join({"rentix": draft}, {"rentix": steps}, {"rentix": (RateLimit("all", 2),)})


CHOSEN = Selection(("agents/*",), ("z*",))
PORTALS = ("rentix",)


def said(made=None):
    """The form of a plan."""
    return form(made or rich(), CHOSEN, PORTALS, "0.1.0")


def test_the_form_has_everything_that_the_contract_names():
    """Every key of the JSON plan, at every level; a minor version only adds."""
    made = said()
    assert made["format_version"] == "1.0"
    assert {"tool_version", "digest", "complete", "summary", "agents", "requests"} <= made.keys()
    assert {"conflicts", "warnings"} <= made.keys()
    agent, request = made["agents"][0], made["requests"][0]
    assert {"portal", "key", "id", "name", "source", "matched_by"} <= agent.keys()
    assert {"actions", "changes", "attribution", "reason"} <= agent.keys()
    assert agent["source"] == {"file": "agents/a.yaml", "line": 1}
    assert {"path", "before", "after", "kind"} <= agent["changes"][0].keys()
    assert {"id", "method", "path", "body", "covers", "after"} <= request.keys()
    assert {"portal", "key", "source", "reason", "candidates"} <= made["conflicts"][0].keys()
    assert {"key", "source", "message"} <= made["warnings"][0].keys()


def test_the_summary_counts_agents_by_what_happens_to_them():
    """One agent that is unlinked, linked and updated counts in all three; removals as unlinks."""
    made = rich()
    assert (
        counts(made)
        == said()["summary"]
        == {
            "create": 1,
            "update": 2,
            "link": 2,
            "unlink": 3,
            "deactivate": 0,
            "unchanged": 1,
            "waiting": 1,
            "conflicts": 1,
            "requests": 6,
        }
    )


def test_a_conflict_names_its_candidates():
    """By live id, name and external id, so that a person can say which."""
    (conflict,) = said()["conflicts"]
    assert conflict["key"] == "doubt"
    assert conflict["candidates"] == [{"id": 3, "name": "Agent 3", "externalId": "z"}]


def test_requests_are_what_is_sent():
    """Method, path and body as they go out, whom they cover and what they come after."""
    made = said()
    assert [each["id"] for each in made["requests"]] == [f"r{at}" for at in range(1, 7)]
    first, last = made["requests"][0], made["requests"][-1]
    assert (first["method"], first["path"], first["kind"]) == ("PUT", "/users/0", "unlink")
    assert (first["covers"], first["after"]) == (["a"], [])
    assert (last["body"], last["kind"], last["after"]) == (None, "bulk", [])
    assert len(last["covers"]) == 3
    assert made["requests"][1]["after"] == ["r1"]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, None),
        ({}, b"{}"),
        ({"name": "Иван", "a": [1, True, None]}, '{"name":"Иван","a":[1,true,null]}'.encode()),
    ],
)
def test_a_body_goes_out_as_compact_json(body, sent):
    """UTF-8, no blanks, keys in their order; nothing at all without a body."""
    assert request_bytes(Request("PUT", "/users", body)) == sent


def test_half_a_character_goes_out_escaped():
    """A portal's own text may have one, and what is sent back has to be JSON all the same."""
    body = {"name": "Иван", "text": "\ud800"}
    sent = request_bytes(Request("PUT", "/users", body))
    assert json.loads(sent) == body
    assert sent == json.dumps(body).replace(": ", ":").replace(", ", ",").encode("ascii")


def test_conflicts_and_warnings_stand_where_the_agent_is_declared():
    """At no place who is in no file."""
    made = said()
    assert [each["source"] for each in made["conflicts"]] == [
        {"file": "agents/doubt.yaml", "line": 1}
    ]
    assert {each["key"]: each["source"] for each in made["warnings"]} == {
        "a": {"file": "agents/a.yaml", "line": 1},
        "b": {"file": "agents/b.yaml", "line": 3},
        "wait": {"file": "agents/wait.yaml", "line": 1},
        "gone": None,
    }


def test_a_form_is_printed_indented_and_in_its_own_script():
    """So that a person can read it, to the last line end."""
    assert text({"name": "Иван", "a": [1]}) == '{\n  "name": "Иван",\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize(
    "hidden",
    [
        *"\x7f\x80\x9b\x9f\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202e",
        *"\u061c\u2060\u2066\u2069\ufeff\ud800\udfff",
    ],
)
def test_what_a_reader_could_not_see_is_printed_as_an_escape(hidden):
    """It is the same JSON, and nothing in it moves a terminal's cursor or hides a letter."""
    printed = text({"name": f"a{hidden}b"})
    assert hidden not in printed
    assert f"a\\u{ord(hidden):04x}b" in printed
    assert json.loads(printed) == {"name": f"a{hidden}b"}


def test_what_a_workflow_takes_for_a_command_is_printed_as_an_escape():
    """A bracket after two hashes, and no other; letters around the hidden ones stay."""
    said_ = {"a": "##[error]x", "b": "#[x] [y]", "c": "~\u00a0\u2010\u2027\u202f\u205f\u206aя"}
    printed = text(said_)
    assert "##\\u005berror]x" in printed
    assert "#[x] [y]" in printed
    assert said_["c"] in printed
    assert json.loads(printed) == said_


def test_a_plan_comes_back_from_its_form():
    """Through JSON text and back: the same form, so the same digest, and the same to show."""
    made = json.loads(json.dumps(said()))
    back = parse(made)
    assert form(back, CHOSEN, PORTALS, "0.1.0") == made
    plan_ = rich()
    assert keys(back.entries) == keys(plan_.entries)
    assert (back.declared, back.waiting, back.excess) == (
        plan_.declared,
        plan_.waiting,
        plan_.excess,
    )
    assert (back.complete, back.seconds, back.unchanged) == (True, plan_.seconds, plan_.unchanged)
    assert back.seconds
    assert back.excess
    assert [each.kind for each in back.steps] == [each.kind for each in plan_.steps]
    assert back.conflicts[0].candidates == (Candidate(3, "Agent 3", "z"),)
    assert back.entries[-1].source is None


def test_an_empty_plan_comes_back_too():
    """No portal at all, nothing to do."""
    empty = join({}, {}, {})
    assert parse(form(empty, CHOSEN, (), "1.0")) == empty


def test_the_selection_comes_back():
    """What the saved plan looked at: targets, excludes and portals."""
    assert selection(json.loads(json.dumps(said()))) == (CHOSEN, PORTALS)


def leaves(value, path=()):
    """The way to every value that is not made of others, and to every empty list and dict."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    inner = list(inner)
    if not inner:
        yield path
    for name, each in inner:
        yield from leaves(each, (*path, name))


def edited(made, path, value):
    """A copy of the form with one value changed."""
    made = copy.deepcopy(made)
    at = made
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return made


def test_the_digest_changes_with_any_value():
    """Every value of the form, the format's version and a null included, is under the digest."""
    made = said()
    assert digest(made) == made["digest"]
    ways = [path for path in leaves(made) if path != ("digest",)]
    assert len(ways) > 100
    for path in ways:
        assert digest(edited(made, path, "edited")) != made["digest"], path


def test_the_digest_changes_with_what_is_added_left_out_or_put_in_another_order():
    """A key more, a key less, and lists in another order."""
    made = said()
    assert digest({**made, "extra": None}) != made["digest"]
    assert (
        digest({name: each for name, each in made.items() if name != "warnings"}) != made["digest"]
    )
    assert digest({**made, "requests": made["requests"][::-1]}) != made["digest"]
    assert digest({**made, "complete": 1}) != made["digest"]


def test_the_digest_is_one_that_anybody_can_work_out():
    """Of the compact JSON in UTF-8, its keys sorted, so that older plans stay whole."""
    plain = '{"a":[1,"Иван"],"b":{"c":null}}'
    made = {"b": {"c": None}, "digest": "x", "a": [1, "Иван"]}
    assert digest(made) == f"sha256:{sha256(plain.encode()).hexdigest()}"


def test_the_digest_is_of_values_not_of_their_layout():
    """Keys in another order and the digest itself do not count, nor does half a surrogate harm."""
    made = said()
    assert digest(dict(reversed(made.items()))) == made["digest"]
    assert digest({**made, "digest": "sha256:0"}) == made["digest"]
    assert digest({"name": "\ud800"}).startswith("sha256:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("aй", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(JSON, JSON)
def test_two_forms_have_one_digest_only_if_they_are_one_json(one, other):
    """True is not 1, and null is not a key left out."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest({"agents": one}) == digest({"agents": other})) is same


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("agents", 0, "source"), 5),
        (("agents", 0, "changes", 0), {"path": "name"}),
        (("requests",), None),
        (("waiting",), [1]),
        (("summary",), {}),
        (("conflicts", 0, "candidates"), [{}]),
    ],
)
def test_what_is_no_plan_is_refused(path, value):
    """A form of another shape raises KeyError, TypeError or ValueError, as it says."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse(edited(said(), path, value))


def test_operations_that_come_back_carry_what_showing_needs():
    """Verb, portal and key; there is nothing in them that could be sent."""
    back = parse(said())
    assert back.steps[0].operations == (Operation("unlink:a", "unlink", "rentix", "a", None, None),)
    assert {each.verb for each in back.steps[-1].operations} == {"update"}


def test_portals_come_back_and_one_that_could_not_be_read_is_not_one_of_them():
    """Both stand in the selection; what could not be read has its reason, in JSON and back."""
    draft = plan([file("a", {"name": "Ivan"})], [live(1, "a")])
    made = join({"rentix": draft}, {"rentix": ()}, {"rentix": ()}, {"other": "no answer"})
    shown = json.loads(json.dumps(form(made, CHOSEN, ("rentix", "other"), "0.1.0")))
    assert shown["unread"] == [{"portal": "other", "error": "no answer"}]
    assert shown["complete"] is False
    assert selection(shown)[1] == ("rentix", "other")
    back = parse(shown)
    assert back.unread == (("other", "no answer"),)
    assert back.portals == ("rentix",)
    assert back.several
    assert form(back, CHOSEN, ("rentix", "other"), "0.1.0") == shown
    both = parse(
        form(
            join(
                {"rentix": draft, "other": draft},
                {"rentix": (), "other": ()},
                {"rentix": (), "other": ()},
            ),
            CHOSEN,
            ("rentix", "other"),
            "0.1.0",
        )
    )
    assert (both.portals, both.unread) == (("rentix", "other"), ())


def test_a_plan_that_was_saved_before_something_was_added_comes_back():
    """A minor version of the format only adds: what is left out is nothing."""
    made = said()
    del made["unread"]
    for agent in made["agents"]:
        agent.pop("live", None)
        for change in agent["changes"]:
            del change["public"]
    for each in (*made["conflicts"], *made["warnings"]):
        del each["name"]
    back = parse(made)
    assert back.unread == ()
    assert back.portals == PORTALS
    assert {tuple(each.live) for each in back.entries} == {()}
    assert {each.name for each in (*back.conflicts, *back.warnings)} == {""}
    assert {change.public for entry in back.entries for change in entry.changes} == {True}


def test_names_and_who_sees_a_value_come_back():
    """The person of each conflict and warning; whether visitors see a changed value."""
    plan_, made = rich(), json.loads(json.dumps(said()))
    back = parse(made)
    assert back.conflicts == plan_.conflicts
    assert back.warnings == plan_.warnings
    assert {each["key"]: each["name"] for each in made["warnings"]} == {
        "a": "Agent 2",
        "b": "Ivan",
        "wait": "",
        "gone": "Agent 9",
    }
    assert [entry.changes for entry in back.entries] == [entry.changes for entry in plan_.entries]
    public = {
        change["path"]: change["public"] for each in made["agents"] for change in each["changes"]
    }
    assert (public["externalId"], public["phone"], public["name"]) == (False, False, True)


def test_lists_come_back_as_they_are():
    """Codes of languages, on both sides of a change."""
    desired = member("a", "x@a", {"spokenLanguages": ["ru", "en"]})
    draft = staff([desired], [user(1, "x@a", {"spokenLanguages": ["en"]})])
    made = join({"pf": draft}, {"pf": ()}, {"pf": ()})
    back = parse(json.loads(json.dumps(form(made, CHOSEN, ("pf",), "0.1.0"))))
    assert back == made
    assert back.entries[0].changes[0].after == ["ru", "en"]


def test_a_deactivation_is_counted_as_one():
    """In the summary, and in a saved plan's requests by its own word."""
    draft = staff([member("a", "x@a", {"status": "inactive", "name": "N"})], [user(1, "x@a")])
    request = Request("PATCH", "/v1/users/1", {"isActive": False})
    made = join({"pf": draft}, {"pf": [step("s", request, *draft.operations)]}, {"pf": ()})
    shown = form(made, CHOSEN, ("pf",), "0.1.0")
    assert (shown["summary"]["deactivate"], shown["summary"]["update"]) == (1, 1)
    assert parse(shown).steps[0].kind == shown["requests"][0]["kind"] == "deactivate"
