"""The JSON document of a plan, written and parsed."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.limits import Limits
from reconciler.core.model import Account, Candidate, Operation, RateLimit, Request, Step, Target
from reconciler.core.plan import join
from reconciler.core.plan_json import (
    counts,
    digest,
    form,
    is_same,
    parse,
    request_bytes,
    selection,
    text,
)
from reconciler.core.selection import Selection

from .build import (
    PHONE,
    file,
    join_drafts,
    keys,
    ledger,
    live,
    member,
    pf_draft,
    rentix_draft,
    user,
)

TARGET = Target("rentix", "https://crm.example/api")


def step(name, request, *operations, after=()):
    """One request of a plan."""
    return Step(name, request, operations, after)


def full_plan():
    """A plan with one of everything, and its steps."""
    desired = [
        file("b", {"name": "Ivan", "avatar": {"url": "https://x/й.jpg"}}, id=1, line=3),
        file("a", {"settings.contact_viber": False}, id=2),
        file("new", {"name": "Olga"}, phone="+373 69 000 000"),
        file("wait"),
        file("unclear", phone=PHONE),
        file("id:7"),
    ]
    agents = [
        live(1, "a", {"avatar": {"id": 5}}),
        live(2, "b"),
        live(3, "z", phone=PHONE),
        live(7),
        live(9, "gone"),
    ]
    prior = ledger((9, "gone"))
    draft = rentix_draft(
        desired, agents, prior, removal="unlink", create=True, limits=Limits(0.1, 1.0, 0)
    )
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
    limits = {"rentix": (RateLimit("all", 2),)}
    return join({"rentix": draft}, {"rentix": steps}, limits, None, [TARGET])


SELECTION = Selection(("agents/*",), ("z*",))
PORTALS = ("rentix",)


def make_document():
    """The JSON document of the full plan."""
    return form(full_plan(), SELECTION, PORTALS, "0.1.0")


def test_a_document_has_every_key_of_the_format():
    """At every level; a minor version only adds keys."""
    document = make_document()
    assert document["format_version"] == "1.0"
    keys = {"tool_version", "digest", "complete", "targets", "summary", "agents", "requests"}
    assert keys <= document.keys()
    assert {"conflicts", "warnings"} <= document.keys()
    agent, request = document["agents"][0], document["requests"][0]
    assert {"portal", "key", "id", "name", "source", "matched_by"} <= agent.keys()
    assert {"actions", "changes", "attribution", "reason"} <= agent.keys()
    assert agent["source"] == {"file": "agents/a.yaml", "line": 1}
    assert {"path", "before", "after", "kind"} <= agent["changes"][0].keys()
    assert {"id", "method", "path", "body", "covers", "after"} <= request.keys()
    assert {"portal", "key", "source", "reason", "candidates"} <= document["conflicts"][0].keys()
    assert {"key", "source", "message"} <= document["warnings"][0].keys()


@pytest.mark.parametrize("account", [None, Account(17, "Дом"), Account("17", "")])
def test_a_document_names_the_address_and_account_of_each_portal(account):
    """The account is null if it is unknown."""
    known = () if account is None else (("rentix", account),)
    plan = replace(full_plan(), accounts=known)
    document = form(plan, SELECTION, PORTALS, "0.1.0")
    assert document["targets"] == [
        {
            "portal": "rentix",
            "url": "https://crm.example/api",
            "account": account and {"id": account.id, "name": account.name},
        }
    ]
    assert (parse(document).targets, parse(document).accounts) == ((TARGET,), known)
    del document["targets"]  # saved by an older version
    assert (parse(document).targets, parse(document).accounts) == ((), ())


def test_a_joined_plan_has_the_known_accounts():
    """Without those that are unknown."""
    accounts = {"rentix": Account(17, "Дом"), "propertyfinder": None}
    plan = join({}, {}, {}, accounts=accounts)
    assert plan.accounts == (("rentix", Account(17, "Дом")),)


def test_the_summary_counts_agents_by_action():
    """An agent that is unlinked, linked and updated counts in all three; a removed one counts as
    unlinked."""
    summary = make_document()["summary"]
    assert counts(full_plan()) == summary
    assert summary == {
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


def test_a_conflict_has_its_candidates():
    """By live id, name and external id, so that a person can choose."""
    (conflict,) = make_document()["conflicts"]
    assert conflict["key"] == "unclear"
    assert conflict["candidates"] == [{"id": 3, "name": "Agent 3", "externalId": "z"}]


def test_requests_are_as_sent():
    """Method, path and body, the agents they cover, and the requests they come after."""
    document = make_document()
    assert [each["id"] for each in document["requests"]] == [f"r{at}" for at in range(1, 7)]
    first, last = document["requests"][0], document["requests"][-1]
    assert (first["method"], first["path"], first["kind"]) == ("PUT", "/users/0", "unlink")
    assert (first["covers"], first["after"]) == (["a"], [])
    assert (last["body"], last["kind"], last["after"]) == (None, "bulk", [])
    assert len(last["covers"]) == 3
    assert document["requests"][1]["after"] == ["r1"]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, None),
        ({}, b"{}"),
        ({"name": "Иван", "a": [1, True, None]}, '{"name":"Иван","a":[1,true,null]}'.encode()),
    ],
)
def test_a_body_is_sent_as_compact_json(body, sent):
    """UTF-8 without whitespace, keys in order; no bytes without a body."""
    assert request_bytes(Request("PUT", "/users", body)) == sent


def test_half_a_surrogate_pair_is_sent_escaped():
    """A portal's own text may contain one, and the body must be valid JSON."""
    body = {"name": "Иван", "text": "\ud800"}
    sent = request_bytes(Request("PUT", "/users", body))
    assert json.loads(sent) == body
    assert sent == json.dumps(body).replace(": ", ":").replace(", ", ",").encode("ascii")


def test_conflicts_and_warnings_have_the_source_of_the_agent():
    """Null if no file declares it."""
    document = make_document()
    assert [each["source"] for each in document["conflicts"]] == [
        {"file": "agents/unclear.yaml", "line": 1}
    ]
    assert {each["key"]: each["source"] for each in document["warnings"]} == {
        "a": {"file": "agents/a.yaml", "line": 1},
        "b": {"file": "agents/b.yaml", "line": 3},
        "wait": {"file": "agents/wait.yaml", "line": 1},
        "gone": None,
    }


def test_a_document_is_printed_indented_and_unescaped():
    """So that a person can read it; it ends with a newline."""
    assert text({"name": "Иван", "a": [1]}) == '{\n  "name": "Иван",\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize(
    "hidden",
    [
        *"\x7f\x80\x9b\x9f\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202e",
        *"\u061c\u2060\u2066\u2069\ufeff\ud800\udfff",
    ],
)
def test_invisible_characters_are_printed_as_escapes(hidden):
    """The JSON is the same, and no character moves a terminal's cursor or hides a letter."""
    printed = text({"name": f"a{hidden}b"})
    assert hidden not in printed
    assert f"a\\u{ord(hidden):04x}b" in printed
    assert json.loads(printed) == {"name": f"a{hidden}b"}


def test_a_workflow_command_is_printed_as_an_escape():
    """A bracket after two hashes, and no other; letters near the invisible ones are unchanged."""
    values = {"a": "##[error]x", "b": "#[x] [y]", "c": "~\u00a0\u2010\u2027\u202f\u205f\u206aя"}
    printed = text(values)
    assert "##\\u005berror]x" in printed
    assert "#[x] [y]" in printed
    assert values["c"] in printed
    assert json.loads(printed) == values


def test_a_plan_can_be_parsed_from_its_document():
    """Through JSON text and back: the same document, so the same digest, and the same to show."""
    document = json.loads(json.dumps(make_document()))
    parsed = parse(document)
    assert form(parsed, SELECTION, PORTALS, "0.1.0") == document
    plan = full_plan()
    assert keys(parsed.entries) == keys(plan.entries)
    assert (parsed.declared, parsed.waiting, parsed.over_limits) == (
        plan.declared,
        plan.waiting,
        plan.over_limits,
    )
    assert (parsed.complete, parsed.seconds, parsed.unchanged) == (
        True,
        plan.seconds,
        plan.unchanged,
    )
    assert parsed.seconds
    assert parsed.over_limits
    assert [each.kind for each in parsed.steps] == [each.kind for each in plan.steps]
    assert parsed.conflicts[0].candidates == (Candidate(3, "Agent 3", "z"),)
    assert parsed.entries[-1].source is None


def test_an_empty_plan_can_be_parsed():
    """No portals and no entries."""
    empty = join_drafts({})
    assert parse(form(empty, SELECTION, (), "1.0")) == empty


def test_the_selection_can_be_parsed():
    """Targets, excludes and portals of the saved plan."""
    assert selection(json.loads(json.dumps(make_document()))) == (SELECTION, PORTALS)


def test_a_plan_is_the_same_if_only_values_that_it_leaves_alone_differ():
    """The digest covers those values too; a value that the plan changes makes another plan."""
    document, other = make_document(), make_document()
    other["agents"][0]["live"]["instagram"] = "new"
    other["digest"] = digest(other)
    assert other["digest"] != document["digest"]
    assert is_same(document, other)
    other["agents"][0]["changes"][0]["before"] = "new"
    assert not is_same(document, other)


def leaves(value, path=()):
    """The path of each value without children, such as a number or an empty list."""
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


def edit(document, path, value):
    """A copy of the document with one value changed."""
    document = copy.deepcopy(document)
    at = document
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return document


def test_every_value_changes_the_digest():
    """Including the format's version and nulls."""
    document = make_document()
    assert digest(document) == document["digest"]
    value_paths = [path for path in leaves(document) if path != ("digest",)]
    assert len(value_paths) > 100
    for path in value_paths:
        assert digest(edit(document, path, "edited")) != document["digest"], path


def test_added_removed_and_reordered_values_change_the_digest():
    """One key more, one key less, and another order of a list."""
    document = make_document()
    assert digest({**document, "extra": None}) != document["digest"]
    assert (
        digest({name: each for name, each in document.items() if name != "warnings"})
        != document["digest"]
    )
    assert digest({**document, "requests": document["requests"][::-1]}) != document["digest"]
    assert digest({**document, "complete": 1}) != document["digest"]


def test_the_digest_is_that_of_compact_sorted_json():
    """In UTF-8, so that older plans stay valid and other tools can compute it."""
    plain = '{"a":[1,"Иван"],"b":{"c":null}}'
    document = {"b": {"c": None}, "digest": "x", "a": [1, "Иван"]}
    assert digest(document) == f"sha256:{sha256(plain.encode()).hexdigest()}"


def test_the_digest_ignores_layout():
    """Neither the order of keys nor the digest itself counts; half a surrogate pair is accepted."""
    document = make_document()
    assert digest(dict(reversed(document.items()))) == document["digest"]
    assert digest({**document, "digest": "sha256:0"}) == document["digest"]
    assert digest({"name": "\ud800"}).startswith("sha256:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("aй", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(JSON, JSON)
def test_documents_have_the_same_digest_if_and_only_if_their_json_is_equal(one, other):
    """True is not 1, and null is not a missing key."""
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
def test_an_invalid_document_is_rejected(path, value):
    """`parse` raises KeyError, TypeError or ValueError."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse(edit(make_document(), path, value))


def test_parsed_operations_have_only_what_is_shown():
    """Verb, portal and key: nothing that could be sent."""
    parsed = parse(make_document())
    assert parsed.steps[0].operations == (
        Operation("unlink:a", "unlink", "rentix", "a", None, None),
    )
    assert {each.verb for each in parsed.steps[-1].operations} == {"update"}


def test_an_unreadable_portal_is_parsed_with_its_reason():
    """The selection includes it, but the plan's portals do not."""
    draft = rentix_draft([file("a", {"name": "Ivan"})], [live(1, "a")])
    plan = join_drafts({"rentix": draft}, {"other": "no answer"})
    document = json.loads(json.dumps(form(plan, SELECTION, ("rentix", "other"), "0.1.0")))
    assert document["unread"] == [{"portal": "other", "error": "no answer"}]
    assert document["complete"] is False
    assert selection(document)[1] == ("rentix", "other")
    parsed = parse(document)
    assert parsed.unread == (("other", "no answer"),)
    assert parsed.portals == ("rentix",)
    assert parsed.several
    assert form(parsed, SELECTION, ("rentix", "other"), "0.1.0") == document
    plan = join_drafts({"rentix": draft, "other": draft})
    both = parse(form(plan, SELECTION, ("rentix", "other"), "0.1.0"))
    assert (both.portals, both.unread) == (("rentix", "other"), ())


def test_a_document_of_an_older_minor_version_can_be_parsed():
    """Keys that were added since have defaults."""
    document = make_document()
    del document["unread"]
    for agent in document["agents"]:
        agent.pop("live", None)
        for change in agent["changes"]:
            del change["public"]
    for each in (*document["conflicts"], *document["warnings"]):
        del each["name"]
    parsed = parse(document)
    assert parsed.unread == ()
    assert parsed.portals == PORTALS
    assert {tuple(each.live) for each in parsed.entries} == {()}
    assert {each.name for each in (*parsed.conflicts, *parsed.warnings)} == {""}
    assert {change.public for entry in parsed.entries for change in entry.changes} == {True}


def test_names_and_public_values_can_be_parsed():
    """The name of each conflict and warning; whether visitors see a changed value."""
    plan, document = full_plan(), json.loads(json.dumps(make_document()))
    parsed = parse(document)
    assert parsed.conflicts == plan.conflicts
    assert parsed.warnings == plan.warnings
    assert {each["key"]: each["name"] for each in document["warnings"]} == {
        "a": "Agent 2",
        "b": "Ivan",
        "wait": "",
        "gone": "Agent 9",
    }
    assert [entry.changes for entry in parsed.entries] == [entry.changes for entry in plan.entries]
    public = {
        change["path"]: change["public"]
        for each in document["agents"]
        for change in each["changes"]
    }
    assert (public["externalId"], public["phone"], public["name"]) == (False, False, True)


def test_lists_can_be_parsed():
    """Codes of languages, on both sides of a change."""
    desired = member("a", "x@a", {"spokenLanguages": ["ru", "en"]})
    draft = pf_draft([desired], [user(1, "x@a", {"spokenLanguages": ["en"]})])
    plan = join_drafts({"pf": draft})
    parsed = parse(json.loads(json.dumps(form(plan, SELECTION, ("pf",), "0.1.0"))))
    assert parsed == plan
    assert parsed.entries[0].changes[0].after == ["ru", "en"]


def test_a_deactivation_is_counted_separately():
    """In the summary; a saved plan's request has its own kind too."""
    draft = pf_draft([member("a", "x@a", {"status": "inactive", "name": "N"})], [user(1, "x@a")])
    request = Request("PATCH", "/v1/users/1", {"isActive": False})
    plan = join({"pf": draft}, {"pf": [step("s", request, *draft.operations)]}, {"pf": ()})
    document = form(plan, SELECTION, ("pf",), "0.1.0")
    assert (document["summary"]["deactivate"], document["summary"]["update"]) == (1, 1)
    assert parse(document).steps[0].kind == document["requests"][0]["kind"] == "deactivate"
