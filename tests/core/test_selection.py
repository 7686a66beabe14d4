"""The agents that a plan covers."""

from __future__ import annotations

import pytest

from reconciler.core.selection import Selection

from .build import (
    CREATING,
    EMAIL_1,
    NEW,
    PHONE,
    file,
    keys,
    live,
    member,
    operation_names,
    pf_draft,
    rentix_draft,
    user,
)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), ["b1", "b2", "c1"]),
        (Selection(("b*",)), ["b1", "b2"]),
        (Selection(("b1", "c1")), ["b1", "c1"]),
        (Selection(("agents/north/*",)), ["b2", "c1"]),
        (Selection(("*.yaml",)), ["b1", "b2", "c1"]),
        (Selection((), ("b*",)), ["c1"]),
        (Selection(("b*",), ("agents/north/*",)), ["b1"]),
        (Selection(("B1",)), []),
        (Selection((), (), frozenset([("rentix", "b1")])), ["b2", "c1"]),
        (Selection(("b*",), (), frozenset([("rentix", "b*")])), ["b1", "b2"]),
    ],
)
def test_a_selection_matches_keys_and_files_by_globs(selection, chosen):
    """Targets minus excludes, case-sensitive; `without` has plain keys."""
    desired = [
        file("b1", NEW, at="agents/1.yaml"),
        file("b2", NEW, at="agents/north/2.yaml"),
        file("c1", NEW, at="agents/north/3.yaml"),
    ]
    agents = [live(1, "b1"), live(2, "b2"), live(3, "c1")]
    draft = rentix_draft(desired, agents, selection=selection)
    assert keys(draft.entries) == keys(draft.matches) == chosen
    assert draft.declared == len(chosen)


@pytest.mark.parametrize("pattern", ["agents/*", "*a.yml", "agents/a.yml"])
def test_a_pattern_with_a_slash_or_a_file_extension_is_for_files(pattern):
    """Both extensions of a file; any other pattern is for keys."""
    desired = file("key", NEW, at="agents/a.yml")
    assert keys(rentix_draft([desired], [live(1, "key")], selection=Selection((pattern,))).entries)
    assert not keys(
        rentix_draft([desired], [live(1, "key")], selection=Selection(("*a*",))).entries
    )


@pytest.mark.parametrize("key", ["agent[1]", "a*b", "what?"])
def test_an_exact_key_selects_its_agent(key):
    """Whatever characters the external id has."""
    draft = rentix_draft([file(key, NEW, at="x.yaml")], [live(1, key)], selection=Selection((key,)))
    assert keys(draft.entries) == [key]


def test_unselected_agents_are_matched_and_not_reported():
    """They have no warnings, conflicts or operations, and no other file takes their live agent."""
    desired = [file("a", id=9), file("b"), file("c", id=1), file("d", {"name": "X "}, phone=PHONE)]
    agents = [live(1, phone=PHONE)]
    everything = rentix_draft(desired, agents)
    assert keys(everything.conflicts) == ["a", "d"]
    assert everything.waiting == ("b",)
    draft = rentix_draft(desired, agents, selection=Selection(("d",)))
    assert (keys(draft.conflicts), draft.waiting, draft.warnings, draft.operations) == (
        ["d"],
        (),
        (),
        (),
    )
    none = rentix_draft(desired, agents, selection=Selection(("z",)), **CREATING)
    assert (none.entries, none.operations, none.conflicts, none.warnings) == ((), (), (), ())


def test_an_agent_can_be_left_out_on_one_portal():
    """`without` has the portal and the key."""
    selection = Selection(without=frozenset([("propertyfinder", "a")]))
    draft = pf_draft([member("a", EMAIL_1, {"name": "N"})], [user(1, EMAIL_1)], selection=selection)
    assert (draft.operations, draft.declared) == ((), 0)
    other = rentix_draft([file("a", NEW)], [live(1, "a")], selection=selection)
    assert operation_names(other) == ["update:1"]
