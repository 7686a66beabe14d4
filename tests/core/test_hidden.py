"""Values that a portal accepts and never shows, values that it cannot clear, and lists of mappings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.diff import diff
from reconciler.core.drift import drift
from reconciler.core.fields import digest
from reconciler.core.model import FieldState, Match, PortalState
from reconciler.portals.propertyfinder import table

from .build import EMPTY_STATE, member, pf_draft, state_after, summary, user

BY_NAME = {field.name: field for field in table.FIELDS}
EMAIL = "x@a.example"


def match(values, shown=None):
    """A declared agent and its live one, with what the portal shows."""
    return Match(member("a", EMAIL, values), user(1, EMAIL, shown), "email")


def difference(found, prior=EMPTY_STATE, *, hold=False):
    """What to change for one agent."""
    policy = Policy(order=("id", "email"), hold=hold)
    return diff(found, prior, Catalogue("propertyfinder", table.FIELDS, table.IDENTIFIERS, policy))


def applied(found, *, sent, seen=True):
    """The recorded state after these paths were sent."""
    state = state_after(
        replace(found), sent=sent, fields=table.FIELDS, seen=seen, before=found.live.values
    )
    return PortalState({"1": state.agents["1"]})


HIDDEN = {"nationality": "MD", "experienceSince": 2012, "spokenLanguages": ["en", "ro"]}


@pytest.mark.parametrize(("name", "value"), [*HIDDEN.items(), ("spokenLanguages", [])])
def test_a_hidden_value_is_sent_once(name, value):
    """Without a record it is sent, also to clear a list; with the record of it, it is not."""
    found = match({name: value})
    (change,) = difference(found).changes
    assert (change.path, change.after, change.kind, change.attribution) == (
        name, value, "unreadable", None,
    )  # fmt: skip
    for seen in (True, False):
        prior = applied(found, sent=[name], seen=seen)
        assert prior.agents["1"].fields[name].value == value
        again = difference(found, prior)
        assert (again.changes, again.warnings, again.not_taken) == ((), (), ())


def test_another_hidden_value_is_a_pending_change():
    """Its former value is that of the ledger. It is never drift, since no one can see it."""
    prior = applied(match(HIDDEN), sent=HIDDEN)
    found = match({**HIDDEN, "nationality": "RO", "spokenLanguages": []})
    changes = difference(found, prior).changes
    assert summary(changes) == [
        ("nationality", "unreadable", "pending"),
        ("spokenLanguages", "unreadable", "pending"),
    ]
    assert [change.before for change in changes] == ["MD", ["en", "ro"]]


def test_the_order_of_a_hidden_list_does_not_matter():
    """The digest is that of the canonical form."""
    prior = applied(match(HIDDEN), sent=HIDDEN)
    assert difference(match({"spokenLanguages": ["ro", "en"]}), prior).changes == ()


def test_a_hidden_value_that_was_never_applied_can_be_held():
    """With `unreadable: hold`; one that was applied is sent when the file changes."""
    found = match({"nationality": "MD"})
    held = difference(found, hold=True)
    assert (held.changes, len(held.warnings)) == ((), 1)
    prior = applied(found, sent=["nationality"])
    assert len(difference(match({"nationality": "RO"}), prior, hold=True).changes) == 1


def test_a_portal_that_shows_the_value_is_believed():
    """A manual change is drift there."""
    found = match({"nationality": "MD"}, {"nationality": "MD"})
    prior = applied(found, sent=["nationality"])
    assert prior.agents["1"].fields["nationality"].value is None
    changed = match({"nationality": "MD"}, {"nationality": "RO"})
    assert summary(difference(changed, prior).changes) == [("nationality", "different", "drift")]


def test_a_value_that_the_portal_no_longer_shows_is_no_drift():
    """What was recorded of it while it was shown still proves it."""
    prior = applied(match({"nationality": "MD"}, {"nationality": "MD"}), sent=["nationality"])
    assert difference(match({"nationality": "MD"}), prior).changes == ()
    change = difference(match({"nationality": "RO"}), prior).changes
    assert summary(change) == [("nationality", "unreadable", "pending")]


def test_values_of_a_creation_that_was_not_read_are_recorded_if_they_are_hidden():
    """Only those: the next plan compares the others."""
    found = match({"nationality": "MD", "name": "Ana"}, {})
    found = replace(found, live=replace(found.live, values={}))
    state = state_after(found, sent=["nationality", "name"], fields=table.FIELDS, seen=False)
    field = BY_NAME["nationality"]
    assert state.agents["1"].fields == {
        "nationality": FieldState(digest(field, "MD"), None, "MD", digest(field, None))
    }


def test_a_creation_sends_empty_lists_and_no_null():
    """A hidden list that is not sent would be planned again."""
    values = {"name": "Ana", "spokenLanguages": None, "compliances": [], "nationality": None}
    (operation,) = pf_draft([member("a", EMAIL, values)], []).operations
    assert (operation.values["spokenLanguages"], operation.values["compliances"]) == (None, [])
    assert "nationality" not in operation.values


# -- values that the portal cannot clear -----------------------------------------------------------

UNCLEARABLE = {
    "phoneSecondary": "+373 22 123 456",
    "whatsappPhone": "+373 69 123 456",
    "linkedinAddress": "https://linkedin.com/in/x",
    "avatar": {"id": "5"},
    "experienceSince": 2012,
    "nationality": "MD",
}


@pytest.mark.parametrize("name", UNCLEARABLE)
def test_what_the_portal_cannot_clear_is_a_warning(name):
    """With its line; nothing of it is sent, and the other values are."""
    found = match({name: None, "name": "Ana"}, {name: UNCLEARABLE[name]})
    found = replace(found, desired=replace(found.desired, lines={name: 7}))
    result = difference(found)
    assert [change.path for change in result.changes] == ["name"]
    (warning,) = result.warnings
    assert (warning.source.line, warning.message.partition(":")[0]) == (7, name)
    assert "no way to clear" in warning.message
    assert result.not_taken == ()


@pytest.mark.parametrize("name", UNCLEARABLE)
def test_null_for_what_is_not_set_is_as_declared(name):
    """There is nothing to clear. A hidden value may be set."""
    assert difference(match({name: None}, {name: None})).warnings == ()
    hidden = difference(match({name: None}))
    assert (len(hidden.warnings), hidden.changes) == (BY_NAME[name].hidden, ())


def test_what_can_be_cleared_is():
    """A text by an empty one, a list by an empty one or null."""
    shown = {"bio.primary": "x", "compliances": [{"type": "brn", "value": "1"}]}
    found = match({"bio.primary": "", "compliances": None, "spokenLanguages": None}, shown)
    assert summary(difference(found).changes) == [
        ("bio.primary", "different", None),
        ("compliances", "different", None),
        ("spokenLanguages", "unreadable", None),
    ]


def test_a_manual_change_that_cannot_be_undone_is_drift():
    """It is reported, although no request can undo it; before any apply it is not."""
    name = "whatsappPhone"
    prior = applied(match({name: None}, {name: None}), sent=[])
    changed = match({name: None}, {name: "+373 69 123 456"})
    (unmet,) = difference(changed, prior).not_taken
    assert (unmet.fixed, unmet.live) == (True, "+37369123456")
    drafted = pf_draft([changed.desired], [changed.live], prior)
    assert drafted.operations == ()
    (entry,) = drift(drafted, frozenset()).entries
    assert [(each.path, each.attribution, each.sent) for each in entry.changes] == [
        (name, "drift", False)
    ]
    assert entry.reason == "the portal cannot clear the value"
    assert drift(pf_draft([changed.desired], [changed.live]), frozenset()).entries == ()


# -- lists of mappings -----------------------------------------------------------------------------

BRN = {"type": "brn", "value": "1"}
DATED = {**BRN, "expiryDate": "2027-01-31"}
FAL = {"type": "fal", "value": "2"}


@pytest.mark.parametrize(
    ("declared", "shown", "same"),
    [
        ([BRN], [BRN], True),
        ([BRN], [DATED], True),
        ([DATED], [BRN], False),
        ([DATED], [{**DATED, "expiryDate": "2028-01-31"}], False),
        ([FAL, BRN], [DATED, FAL], True),
        ([BRN, DATED], [DATED, BRN], True),
        ([BRN, BRN], [DATED], False),
        ([BRN], [BRN, FAL], False),
        ([BRN], [], False),
        ([], [], True),
        (None, [], True),
        ([], [BRN], False),
        ([BRN], ["brn"], False),
        (["brn"], [BRN], False),
    ],
)
def test_a_mapping_is_compared_by_its_declared_keys(declared, shown, same):
    """In any order, and each with another one."""
    changes = difference(match({"compliances": declared}, {"compliances": shown})).changes
    assert (changes == ()) is same


def test_a_mapping_is_sent_with_the_keys_that_the_portal_shows():
    """Otherwise, a change of another entry would lose them."""
    found = match({"compliances": [FAL, BRN, "x"]}, {"compliances": [DATED, "x"]})
    (operation,) = pf_draft([found.desired], [found.live]).operations
    assert operation.values == {"compliances": [FAL, DATED, "x"]}
    (operation,) = pf_draft([match({"compliances": None}).desired], [found.live]).operations
    assert operation.values == {"compliances": None}
