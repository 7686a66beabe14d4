"""The ledger's format: what is saved is loaded, and anything else counts as lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repositories import repository

from reconciler.core.model import Account, AgentState, FieldState, PortalState, Target
from reconciler.errors import ConfigError
from reconciler.store import open_store
from reconciler.store.branch import Local
from reconciler.store.file import File
from reconciler.store.ledger import parse, text, with_addresses

ONE = b'{"version": 1, "portals": {"rentix": {"agents": {"1": %b}}}}'
"""A ledger of one agent."""

RENTIX = Target("rentix", "https://crm.example")
OTHER = Target("other", "")

KEPT = {
    RENTIX: (
        PortalState(
            agents={
                "15": AgentState(
                    "agent-001",
                    {
                        "name": FieldState("aa", "aa"),
                        "avatar": FieldState(
                            "bb", None, {"url": "https://example.com/a.jpg"}, "cc"
                        ),
                        "description.ru": FieldState("dd", "ee", "Продаёт\nквартиры"),
                    },
                ),
                "7": AgentState("id:7", {}),
            },
            refused={"agent-009": "ff"},
            account=Account(17, "Дом"),
        ),
        PortalState({"3": AgentState("agent-003", {})}, account=Account("b-2", "")),
        PortalState(),
    ),
    Target("rentix", "https://staging.example"): (
        PortalState({"15": AgentState("agent-002", {})}),
    ),
    Target("propertyfinder", "https://pf.example"): (
        PortalState({"4": AgentState("agent-001", {}, {"publicProfileId": 9})}),
    ),
    OTHER: (PortalState(),),
}

TEXT = st.text(st.characters(), max_size=6)
URLS = st.sampled_from(["", "https://a.example", "http://localhost:1/api"])
VALUE = st.none() | TEXT | st.booleans() | st.dictionaries(TEXT, TEXT, max_size=2)
TRACE = st.builds(FieldState, TEXT, st.none() | TEXT, VALUE, st.none() | TEXT)
ALIASES = st.dictionaries(TEXT, TEXT | st.integers(), max_size=2)
AGENT = st.builds(AgentState, TEXT, st.dictionaries(TEXT, TRACE, max_size=3), ALIASES)
ACCOUNTS = st.sampled_from([None, Account(1, "One"), Account("1b", ""), Account("", "\ud83d")])
STATES = st.lists(
    st.builds(
        PortalState,
        st.dictionaries(TEXT, AGENT, max_size=3),
        st.dictionaries(TEXT, TEXT, max_size=2),
        ACCOUNTS,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda state: state.account,
).map(tuple)


def document(kept):
    """A ledger's content as JSON."""
    return json.loads(text(kept))


def test_saving_and_loading():
    """Every part of it."""
    assert parse(text(KEPT), "it") == (KEPT, None)


@settings(deadline=None, max_examples=60, database=None)
@given(kept=st.dictionaries(st.builds(Target, TEXT, URLS), STATES, max_size=3))
def test_saving_and_loading_any_ledger(kept):
    """With control characters, lone surrogates, empty names."""
    assert parse(text(kept), "it") == (kept, None)
    assert text(parse(text(kept), "it")[0]) == text(kept)


def test_the_documented_format():
    """Version 2, by portal, address and account, agents by id, sorted; empty values are left
    out."""
    found = document(KEPT)
    assert found["version"] == 2
    assert list(found["portals"]) == ["other", "propertyfinder", "rentix"]
    assert found["portals"]["other"] == [{"agents": {}, "refused": {}}]
    rentix, second, unknown, staging = found["portals"]["rentix"]
    assert (rentix["url"], staging["url"]) == ("https://crm.example", "https://staging.example")
    assert rentix["account"] == {"id": 17, "name": "Дом"}
    assert second["account"] == {"id": "b-2", "name": ""}
    assert (second["url"], "account" in unknown) == ("https://crm.example", False)
    assert list(rentix["agents"]) == ["15", "7"]
    assert rentix["agents"]["15"]["fields"]["name"] == {"applied": "aa", "shown": "aa"}
    assert rentix["refused"] == {"agent-009": "ff"}
    assert rentix["agents"]["7"] == {"key": "id:7", "fields": {}}
    assert text(KEPT).endswith(b"}\n")
    assert text(KEPT) == text(dict(reversed(KEPT.items())))


def test_aliases_keep_their_type():
    """Numbers stay numbers and strings stay strings."""
    for number in (9, "9"):
        kept = {RENTIX: (PortalState({"4": AgentState("a", {}, {"publicProfileId": number})}),)}
        agent = document(kept)["portals"]["rentix"][0]["agents"]["4"]
        assert agent == {"key": "a", "fields": {}, "aliases": {"publicProfileId": number}}
        assert parse(text(kept), "it") == (kept, None)


def test_a_ledger_without_aliases():
    """An old ledger is loaded, and saved without them."""
    before = ONE % b'{"key": "a", "fields": {"name": {"applied": "x", "shown": "x"}}}'
    kept, word = parse(before, "it")
    assert word is None
    (state,) = kept[Target("rentix", "")]
    assert state.agents["1"] == AgentState("a", {"name": FieldState("x", "x")})
    agents = document(kept)["portals"]["rentix"][0]["agents"]
    assert agents == json.loads(before)["portals"]["rentix"]["agents"]


@pytest.mark.parametrize("url", ["https://crm.example/api", "HTTPS://CRM.example:443/api//"])
def test_a_ledger_of_version_1(url):
    """A single state for each portal; its address is read in canonical form."""
    state = {"url": url, "agents": {"1": {"key": "a", "fields": {}}}, "refused": {"b": "x"}}
    content = json.dumps({"version": 1, "portals": {"rentix": state}}).encode()
    target = Target("rentix", "https://crm.example/api")
    expected = {target: (PortalState({"1": AgentState("a", {})}, {"b": "x"}),)}
    assert parse(content, "it") == (expected, None)


def test_a_second_state_of_an_account_is_ignored():
    """The first is that of the last apply; two forms of an address or id are the same."""
    states = [
        {"url": url, "account": {"id": number, "name": ""}, "agents": {}, "refused": {key: "x"}}
        for url, number, key in [
            ("https://a.example", 1, "first"),
            ("https://A.example/", "1", "second"),
        ]
    ]
    content = json.dumps({"version": 2, "portals": {"rentix": states}}).encode()
    ledger, _ = parse(content, "it")
    expected = PortalState({}, {"first": "x"}, Account(1, ""))
    assert ledger == {Target("rentix", "https://a.example"): (expected,)}


def test_an_unknown_address_is_that_of_the_first_run():
    """Unless there is a state at that address."""
    old = Target("rentix", "")
    state, other = (PortalState({"1": AgentState("a", {})}),), (PortalState(),)
    assert with_addresses({old: state}, [RENTIX]) == {RENTIX: state}
    assert with_addresses({old: state}, [replace(RENTIX, portal="pf")]) == {old: state}
    assert with_addresses({old: state, RENTIX: other}, [RENTIX]) == {old: state, RENTIX: other}
    assert with_addresses({old: state}, [old]) == {old: state}


@pytest.mark.parametrize("version", [3, 10**6])
@pytest.mark.parametrize("rest", [{"portals": {}}, {"portals": "unknown"}, {}], ids=str)
def test_a_later_version_is_rejected(version, rest):
    """Whatever else the ledger contains."""
    with pytest.raises(ConfigError, match="The ledger it was written by a later version"):
        parse(json.dumps({"version": version, **rest}).encode(), "it")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding):
    """A byte order mark, or UTF-16, which some editors write."""
    content = text(KEPT).decode().encode(encoding)
    assert parse(content, "it") == (KEPT, None)


@pytest.mark.parametrize("value", [b'"\xed\xa0\xbd"', b'"\\ud83d"'], ids=["bytes", "escape"])
def test_a_lone_surrogate_is_loaded(value):
    """Half an emoji, from a portal's text."""
    content = ONE % (b'{"key": "a", "fields": {"name": {"applied": "x", "value": %b}}}' % value)
    ledger, note = parse(content, "it")
    assert note is None
    assert ledger[Target("rentix", "")][0].agents["1"].fields["name"].value == "\ud83d"


def check_lost(content):
    """The content counts as lost, with a note."""
    kept, word = parse(content, "the.json")
    assert kept == {}
    assert word.startswith("The ledger the.json cannot be parsed and is treated as lost")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"garbage",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{}",
        b'{"version": 1}',
        b'{"portals": {}}',
        b'{"version": 1, "portals": []}',
        b'{"version": 1, "portals": {"rentix": null}}',
        b'{"version": 2, "portals": {"rentix": [null]}}',
        b'{"version": 2, "portals": {"rentix": [{"url": "https://a.example"}]}}',
        b'{"version": 2, "portals": {"rentix": [{"url": 5, "agents": {}}]}}',
        b'{"version": 2, "portals": {"rentix": [{"account": 5, "agents": {}}]}}',
        b'{"version": 2, "portals": {"rentix": [{"account": {"id": 5}, "agents": {}}]}}',
        b'{"version": 2, "portals": {"rentix": [{"account": {"id": true, "name": ""}, "agents": {}}]}}',
        b'{"version": 1, "portals": {"rentix": {}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": []}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": "a"}}}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"fields": {}}}}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": "a", "fields": 1}}}}}',
        ONE % b'{"key": "a", "fields": {"name": {"shown": "x"}}}',
        ONE % b'{"key": "a", "fields": {"name": {"applied": "x", "what": 1}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": 5, "fields": {}}}}}}',
        ONE % b'{"key": "a", "fields": {"name": {"applied": 5}}}',
        ONE % b'{"key": "a", "fields": {}, "aliases": 5}',
        ONE % b'{"key": "a", "fields": {}, "aliases": null}',
        ONE % b'{"key": "a", "fields": {}, "aliases": {"publicProfileId": null}}',
        ONE % b'{"key": "a", "fields": {}, "aliases": {"publicProfileId": true}}',
        ONE % b'{"key": "a", "fields": {}, "aliases": {"publicProfileId": [9]}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {}, "refused": 5}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {}, "refused": {"a": 5}}}}',
        b'{"version": "x", "portals": {}}',
        b"[" * 100_000,
        b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
    ],
    ids=lambda content: repr(content[:60]),
)
def test_damaged_content_is_lost(content):
    """An empty ledger with a note."""
    check_lost(content)


@settings(deadline=None, max_examples=40, database=None)
@given(cut=st.floats(0, 0.999))
def test_truncated_content_is_lost(cut):
    """Wherever it ends."""
    content = text(KEPT).rstrip()
    check_lost(content[: int(len(content) * cut)])


def test_the_configuration_names_a_file_or_a_branch(tmp_path):
    """A path in the repository, or git: and a branch."""
    assert open_store(tmp_path, "a/b.json") == File(tmp_path, "a/b.json")
    store = open_store(repository(tmp_path), "git:memory/ledger")
    assert isinstance(store, Local)
    assert store.branch.reference == "refs/heads/memory/ledger"
