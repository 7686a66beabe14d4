"""Warnings about uncertain matches and about activity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.fields import Field, Identifier, Sort
from reconciler.core.selection import Selection
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import (
    ACTIVE,
    EMAIL_1,
    EMAIL_2,
    INACTIVE,
    NEW,
    OTHER_PHONE,
    PHONE,
    file,
    keys,
    ledger,
    live,
    match_of,
    member,
    messages,
    operation_names,
    pf_draft,
    refuses,
    rentix_draft,
    state_after,
    user,
)


def test_a_different_phone_is_a_warning_and_not_a_change():
    """The warning has both phones and the line of the declared one."""
    desired = file("a", {"name": "Ivan"}, phone=PHONE, lines={"phone": 4})
    draft = rentix_draft([desired], [live(1, "a", phone=OTHER_PHONE, name="Ivan")])
    assert draft.operations == ()
    (warning,) = draft.warnings
    assert warning.verb is None
    assert PHONE in warning.message
    assert OTHER_PHONE in warning.message
    assert warning.source.line == 4


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        (PHONE, PHONE),
        (PHONE, "37322 123456"),
        ("022123456", PHONE),
        ("380 44 123 4567", "+380441234567"),
        ("+380441234567", "380 44 123 4567"),
        (None, PHONE),
        (PHONE, None),
    ],
)
def test_an_equal_or_missing_phone_is_not_a_warning(declared, shown):
    """Neither formatting, an international prefix nor a phone on one side only is a difference."""
    identity = {} if declared is None else {"phone": declared}
    assert rentix_draft([file("a", **identity)], [live(1, "a", phone=shown)]).warnings == ()


def test_every_shared_identifier_is_compared():
    """One that is equal, or a field, does not hide another that differs."""
    identifiers = tuple(Identifier(name, "shared") for name in ("name", "office", "mobile"))
    desired = file("a", at="a.yaml", name="I", office="1", mobile="2", lines={"mobile": 6})
    shown = {"externalId": "a", "name": "P", "office": "1", "mobile": "3"}
    agent = replace(live(1, "a"), identity=shown)
    (warning,) = rentix_draft([desired], [agent], identifiers=(*IDENTIFIERS, *identifiers)).warnings
    assert warning.message.startswith("mobile: the file has 2, but agent 1 Agent 1")
    assert str(warning.source) == "a.yaml:6"


def test_a_shared_identifier_that_is_a_field_can_change():
    """The portal accepts a new value, so a difference is a change and not a warning."""
    draft = rentix_draft(
        [file("a", phone=PHONE)],
        [live(1, "a", phone=OTHER_PHONE)],
        fields=(*FIELDS, Field("phone", Sort.TEXT)),
    )
    assert draft.warnings == ()


IVAN = {"name": "Ivan Petrov"}


@pytest.mark.parametrize(
    ("desired", "by"),
    [
        (file("a", IVAN, phone=PHONE), "phone"),
        (file("a", IVAN, id=1), "id"),
        (file("id:1", IVAN), "id"),
    ],
)
@pytest.mark.parametrize("shown", ["Olga Rusu", "Ольга Русу"])
def test_a_first_match_with_an_entirely_different_name_is_a_warning(desired, by, shown):
    """By phone or pin: it may be the wrong person, who would get this one's name and listings."""
    draft = rentix_draft([desired], [live(1, phone=PHONE, name=shown)])
    (warning,) = draft.warnings
    assert (warning.key, warning.name) == (desired.key, "Ivan Petrov")
    assert f"1 {shown}" in warning.message
    assert f"by {by}" in warning.message
    assert "entirely different" in warning.message


@pytest.mark.parametrize(
    ("shown", "prior"),
    [
        (live(1, phone=PHONE, name="I. Petrov"), ledger()),
        (live(1, phone=PHONE, name="Петров"), ledger()),
        (live(1, phone=PHONE, name="Ivan Petrov"), ledger()),
        (live(1, phone=PHONE, name=" "), ledger()),
        (live(1, "a", phone=PHONE, name="Olga Rusu"), ledger()),
        (live(1, phone=PHONE, name="Olga Rusu"), ledger((1, "a"))),
    ],
    ids=["initial", "script", "same", "nameless", "linked", "applied"],
)
def test_a_confirmed_match_has_no_warning_about_its_name(shown, prior):
    """By a word of the name, by the external id, or by the last apply."""
    for desired in (file("a", IVAN, phone=PHONE), file("a", IVAN, id=1, phone=PHONE)):
        draft = rentix_draft([desired], [shown], prior)
        assert draft.warnings == ()
        assert len(draft.matches) == 1


def test_a_pin_on_a_portal_without_external_ids_is_a_first_match():
    """Until an apply has recorded it."""
    desired, agent = member("a", values=IVAN, id=1), user(1, EMAIL_1, name="Olga Rusu")
    (warning,) = pf_draft([desired], [agent]).warnings
    assert "1 Olga Rusu" in warning.message
    assert pf_draft([desired], [agent], ledger((1, "a"))).warnings == ()


def test_a_key_with_another_name_and_another_phone_is_one_warning():
    """It may have been reused for a person whom the portal does not have yet."""
    desired = file("a", IVAN, phone=PHONE, lines={"name": 3})
    draft = rentix_draft([desired], [live(1, "a", phone=OTHER_PHONE, name="Olga Rusu")])
    assert operation_names(draft) == ["update:1"]
    (warning,) = draft.warnings
    assert (warning.name, warning.source.line) == ("Ivan Petrov", 3)
    for part in ("1 Olga Rusu", "by externalId", "entirely different", "reused"):
        assert part in warning.message
    partly = rentix_draft([desired], [live(1, "a", phone=OTHER_PHONE, name="Ana Petrov")])
    assert OTHER_PHONE in partly.warnings[0].message
    (agreeing,) = rentix_draft([desired], [live(1, "a", phone=PHONE, name="Olga Rusu")]).entries
    assert agreeing.actions == ("update",)


def test_an_extension_makes_another_phone():
    """The warning has both."""
    agent = live(1, "a", phone=f"{PHONE} ext. 12", name="Ivan")
    (warning,) = rentix_draft([file("a", phone=PHONE)], [agent]).warnings
    assert f"{PHONE} ext. 12" in warning.message
    assert rentix_draft([file("a", phone=f"{PHONE};ext=12")], [agent]).warnings == ()


def test_an_unreadable_value_is_held_back_if_configured():
    """A picture by URL that was never applied is a warning and not sent."""
    desired = file("a", {"avatar": {"url": "https://agency.example/a.jpg"}})
    agent = live(1, "a", {"avatar": {"id": 5}})
    held = rentix_draft([desired], [agent], hold=True)
    assert (held.operations, held.entries, len(held.warnings)) == ((), (), 1)
    assert operation_names(rentix_draft([desired], [agent])) == ["update:1"]


def test_a_warning_about_a_removed_agent_has_the_name_of_that_agent():
    """Not of the agent that gets its external id."""
    desired, agents = [file("a", NEW, id=2)], [live(1, "a", name="Ivan"), live(2, name="Olga")]
    draft = rentix_draft(desired, agents, ledger((1, "a")), removal="unlink")
    (warning,) = draft.warnings
    assert (warning.key, warning.source, warning.name) == ("a", None, "Ivan")
    assert "agent 1 will be unlinked" in warning.message
    assert warning.verb == "unlink"


def test_an_activation_is_a_warning():
    """An update, with a warning at the declared line: the portal publishes the agent again."""
    draft = pf_draft(
        [member("a", EMAIL_1, ACTIVE, lines={"status": 7})],
        [user(1, EMAIL_1, INACTIVE, name="Ivan")],
    )
    assert [(each.verb, each.values) for each in draft.operations] == [("update", ACTIVE)]
    assert draft.entries[0].actions == ("update",)
    assert messages(draft) == [
        ("a", "agent 1 Ivan will be activated: the portal will publish them again."),
    ]
    assert draft.warnings[0].source.line == 7


def test_an_inactive_agent_without_a_declared_status_is_a_warning():
    """Someone deactivated the agent; it stays so."""
    draft = pf_draft([member("a", EMAIL_1)], [user(1, EMAIL_1, INACTIVE, name="Ivan")])
    assert (draft.operations, draft.entries) == ((), ())
    message = (
        "agent 1 Ivan is inactive on the portal, so no listing shows them, and the file "
        "does not declare status. To change this, declare it."
    )
    assert messages(draft) == [("a", message)]
    assert pf_draft([member("a", EMAIL_1)], [user(1, EMAIL_1)]).warnings == ()


def test_what_no_value_shows_is_a_warning_and_not_a_change():
    """The portal publishes the agent only after a verification. Without a change, the reader of a
    plan has nothing to decide."""
    pending = replace(user(1, EMAIL_1), notice="not visible yet: verification pending")
    draft = pf_draft([member("a", EMAIL_1)], [pending])
    assert (draft.operations, draft.entries, draft.warnings) == ((), (), ())
    draft = pf_draft([member("a", EMAIL_1, {"name": "New"})], [pending])
    assert messages(draft) == [("a", "not visible yet: verification pending")]


def test_an_agent_in_conflict_is_neither_activated_nor_deactivated():
    """There is no operation and no other warning."""
    for values, shown in ((INACTIVE, ACTIVE), (ACTIVE, INACTIVE), ({}, INACTIVE)):
        draft = pf_draft(
            [member("a", EMAIL_1, {**values, "name": "N"})],
            [user(1, EMAIL_1, shown)],
            refuses=refuses("a"),
        )
        assert (keys(draft.conflicts), draft.operations, draft.warnings) == (["a"], (), ())


def test_an_agent_that_only_the_ledger_matches_is_updated():
    """The file has a new login: the agent of the last apply gets it."""
    draft = pf_draft([member("a", EMAIL_2)], [user(1, EMAIL_1)], ledger((1, "a")))
    assert [(each.name, each.values) for each in draft.operations] == [
        ("update:1", {"email": EMAIL_2})
    ]
    (entry,) = draft.entries
    assert (entry.matched_by, entry.reason) == ("ledger", "matched: ledger")


def test_a_match_by_the_ledger_alone_is_a_warning():
    """It names the person; a match by a pin or a login has none, nor has an agent in conflict."""
    desired, agent, prior = member("a", EMAIL_2), user(1, EMAIL_1, name="Ivan"), ledger((1, "a"))
    draft = pf_draft([desired], [agent], prior)
    (warning,) = draft.warnings
    assert (warning.key, warning.source) == ("a", desired.source)
    assert "matched only by the ledger" in warning.message
    assert "agent 1 Ivan" in warning.message
    assert pf_draft([desired], [agent], prior, refuses=refuses("a")).warnings == ()
    assert pf_draft([desired], [agent], prior, selection=Selection(("b",))).warnings == ()
    for other in (member("a", EMAIL_1), member("a", EMAIL_2, id=1)):
        assert pf_draft([other], [agent], prior).warnings == ()


def test_a_key_that_moved_on_the_portal_is_a_warning():
    """The external id matches another agent than at the last apply, and that one still exists."""
    before = live(1, "a", {"name": "Ana"}, name="Ana")
    prior = state_after(
        match_of({"name": "Ana"}, {"name": "Ana"}, key="a", number=1), sent=["name"]
    )
    moved = [live(1, None, {"name": "Ana"}, name="Ana"), live(2, "a", {"name": "Bob"}, name="Bob")]
    draft = rentix_draft([file("a", {"name": "Ana"})], moved, prior)
    (warning,) = draft.warnings
    assert (warning.key, warning.source.line) == ("a", 1)
    assert "matches agent 2 Bob by externalId" in warning.message
    assert "at the last apply this was agent 1 Ana" in warning.message
    assert "declare `id`" in warning.message
    assert rentix_draft([file("a", {"name": "Ana"})], [before], prior).warnings == ()
    assert rentix_draft([file("a", {"name": "Ana"}, id=2)], moved, prior).warnings == ()
