"""Agents that the portal does not have: created, waiting, or possibly duplicates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import Candidate, PortalState
from reconciler.core.operations import creation_form
from reconciler.core.selection import Selection

from .build import (
    ACTIVE,
    CREATING,
    EMAIL_1,
    EMAIL_2,
    EMAIL_3,
    INACTIVE,
    LOGIN,
    NEW,
    OTHER_PHONE,
    PHONE,
    file,
    keys,
    ledger,
    live,
    member,
    mobile_user,
    operation,
    operation_names,
    pf_draft,
    refuses,
    rentix_draft,
    user,
)
from .counting import Counted, uses


def test_an_agent_that_must_be_invited_waits():
    """Without creations: a warning, but no conflict or operation."""
    draft = rentix_draft([file("a", NEW, phone=PHONE)], [])
    assert (draft.waiting, draft.operations, draft.conflicts, draft.entries) == (("a",), (), (), ())
    assert "Invite the agent" in draft.warnings[0].message


@pytest.mark.parametrize(
    ("desired", "options", "advice"),
    [
        (file("a", phone=PHONE), {}, "a later run matches them by phone"),
        (file("a"), {}, "declare phone too"),
        (file("a", phone=PHONE), {"order": ("id", "externalId")}, "declare id too"),
        (file("a"), {"identifiers": LOGIN, "order": ("id", "email")}, "declare email too"),
        (
            file("a", email="x"),
            {"identifiers": LOGIN, "order": ("email",)},
            "matches them by email",
        ),
    ],
)
def test_a_waiting_agent_has_advice_how_it_will_match(desired, options, advice):
    """By an identifier that the file declares and `match` includes; otherwise what to declare."""
    (warning,) = rentix_draft([desired], [], **options).warnings
    assert advice in warning.message


def test_a_creation_sends_the_required_and_the_declared_values():
    """External id, name, phone and the declared values; only a creation sends the phone."""
    (create,) = rentix_draft(
        [file("a", {**NEW, "avatar": {"id": 5}}, phone=PHONE)], [], **CREATING
    ).operations
    assert (create.name, create.verb, create.id, create.external_id) == (
        "create:a",
        "create",
        None,
        "a",
    )
    assert create.values == {"name": "Olga", "avatar": {"id": 5}, "phone": PHONE}


@pytest.mark.parametrize(
    ("desired", "missing"),
    [
        (file("a", NEW), "phone"),
        (file("a", phone=PHONE), "name"),
        (file("a"), "name and phone"),
    ],
)
def test_a_creation_without_a_required_value_waits(desired, missing):
    """The portal would refuse it; the warning names the missing values."""
    draft = rentix_draft([desired], [], **CREATING)
    assert (draft.waiting, draft.operations) == (("a",), ())
    assert draft.warnings[0].message.endswith(f"declare {missing}.")
    several = rentix_draft([file("b")], [], needs=("name", "phone", "mobile"), **CREATING)
    assert several.warnings[0].message.endswith("declare name, phone and mobile.")


def test_a_creation_without_an_external_id_sends_none():
    """If the portal does not require one."""
    draft = rentix_draft([file("a", NEW, phone=PHONE)], [], needs=("name",), **CREATING)
    (create,) = draft.operations
    assert (create.external_id, create.values, create.waits) == (None, NEW, ())
    nameless = rentix_draft([file("a", {"tiktok": "https://x.com/i"})], [], needs=(), **CREATING)
    assert nameless.entries[0].name == ""


def test_a_creation_on_a_portal_without_external_ids_is_sent():
    """There is nothing to link."""
    draft = rentix_draft(
        [file("a", NEW, email="o@a.example")],
        [],
        identifiers=LOGIN,
        order=("id", "email"),
        needs=("email",),
        **CREATING,
    )
    assert draft.operations[0].values == {"name": "Olga", "email": "o@a.example"}


def test_two_creations_with_the_same_phone_are_both_in_conflict():
    """They may be one person; without creations, both wait."""
    desired = [file("a", NEW, phone=PHONE), file("b", NEW, phone=PHONE)]
    draft = rentix_draft(desired, [], **CREATING)
    assert (keys(draft.conflicts), draft.operations, draft.waiting) == (["a", "b"], (), ())
    draft = rentix_draft(desired, [])
    assert (draft.conflicts, draft.operations, draft.waiting) == ((), (), ("a", "b"))


def test_a_creation_sends_no_null():
    """A new agent has no value to clear; an empty text and an empty list are values."""
    declared = {**NEW, "avatar": None, "youtube": None, "description.ru": ""}
    (create,) = rentix_draft([file("a", declared, phone=PHONE)], [], **CREATING).operations
    assert create.values == {**NEW, "phone": PHONE, "description": {"ru": ""}}
    declared = {**NEW, "phoneSecondary": None, "avatar": None, "spokenLanguages": []}
    (create,) = pf_draft([member("a", EMAIL_1, declared)], []).operations
    assert create.values == {"email": EMAIL_1, **NEW, "spokenLanguages": []}


def test_a_creation_does_not_send_the_active_status():
    """A new agent is active; if no value deactivates agents, the same value is sent."""
    desired = member("a", EMAIL_1, {**NEW, "status": "active"})
    (create,) = pf_draft([desired], []).operations
    assert create.values == {"email": EMAIL_1, **NEW}
    (create,) = pf_draft([desired], [], off=None).operations
    assert create.values == {"email": EMAIL_1, **NEW, "status": "active"}


def test_values_that_a_creation_does_not_send_do_not_change_its_digest():
    """A refused creation is not retried because of a null or the status."""
    plain, other = (
        pf_draft([member("a", EMAIL_1, {**NEW, **values})], []).operations[0]
        for values in ({}, {"status": "active", "avatar": None})
    )
    assert creation_form(plain) == creation_form(other)


def test_a_refused_creation_waits_until_the_file_changes():
    """The same creation is not retried; one with any other value is."""
    desired = file("a", NEW, phone=PHONE)
    (create,) = rentix_draft([desired], [], **CREATING).operations
    prior = PortalState(refused={"a": creation_form(create)})
    draft = rentix_draft([desired], [], prior, **CREATING)
    assert (draft.waiting, draft.operations) == (("a",), ())
    assert "refused to create the agent" in draft.warnings[0].message
    assert "not retried until the file changes" in draft.warnings[0].message
    for changed in (
        file("a", {"name": "Olga Rusu"}, phone=PHONE),
        file("a", NEW, phone=OTHER_PHONE),
    ):
        assert operation_names(rentix_draft([changed], [], prior, **CREATING)) == ["create:a"]
    assert operation_names(rentix_draft([file("b", NEW, phone=PHONE)], [], prior, **CREATING)) == [
        "create:b"
    ]


@pytest.mark.parametrize("create", [False, True])
def test_no_agent_is_absent_from_an_incomplete_list(create):
    """The agent may be missing from the list: a conflict, never a creation, never waiting."""
    draft = rentix_draft([file("a", NEW, phone=PHONE)], [live(1)], complete=False, create=create)
    assert (draft.waiting, draft.operations, draft.complete) == ((), (), False)
    (conflict,) = draft.conflicts
    assert (conflict.portal, conflict.key, str(conflict.source)) == (
        "rentix",
        "a",
        "agents/a.yaml:1",
    )
    assert "not in the incomplete list" in conflict.reason


def test_a_creation_waits_until_its_external_id_is_released():
    """The pinned holder is unlinked first."""
    desired = [file("b", id=1), file("a", NEW, phone=PHONE)]
    draft = rentix_draft(desired, [live(1, "a")], **CREATING)
    assert operation_names(draft) == ["unlink:1", "link:1", "create:a"]
    assert operation(draft, "create:a").waits == ("unlink:1",)


def test_a_creation_never_takes_an_external_id_that_its_holder_keeps():
    """The holder is not selected: a conflict, since the request would change the holder."""
    desired = [file("b", id=1), file("a", NEW, phone=PHONE)]
    draft = rentix_draft(desired, [live(1, "a")], selection=Selection(("a",)), **CREATING)
    assert (draft.operations, draft.entries) == ((), ())
    assert "b (agents/b.yaml:1), which this plan leaves out" in draft.conflicts[0].reason


def test_an_absent_agent_declared_inactive_is_not_created():
    """There is no agent to deactivate."""
    draft = pf_draft([member("a", EMAIL_1, {**INACTIVE, "name": "Olga"})], [])
    assert (draft.operations, draft.entries, draft.waiting) == ((), (), ("a",))
    assert "not on the portal, and declared inactive" in draft.warnings[0].message
    assert operation_names(pf_draft([member("a", EMAIL_1, {**ACTIVE, "name": "Olga"})], [])) == [
        "create:a"
    ]


def test_an_agent_in_the_ledger_is_not_created_again():
    """It waits if `match` ignores the ledger, and is in conflict if the portal no longer lists
    it."""
    desired = [member("a", EMAIL_2, {"name": "Ivan"})]
    draft = pf_draft(desired, [user(1, EMAIL_1, name="Ivan")], ledger((1, "a")), recall=False)
    assert (draft.operations, draft.waiting) == ((), ("a",))
    assert "was agent 1 Ivan at the last apply" in draft.warnings[0].message
    assert "declare `propertyfinder.id: 1`" in draft.warnings[0].message
    assert operation_names(pf_draft(desired, [user(1, EMAIL_1)], recall=False)) == ["create:a"]
    draft = pf_draft(desired, [user(2, EMAIL_1)], ledger((1, "a")))
    assert (draft.operations, draft.waiting) == ((), ())
    assert draft.conflicts[0].reason.startswith("was agent 1 at the last apply, but the portal")


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("complete", [False, True])
def test_a_known_agent_that_could_not_be_read_is_a_conflict(create, complete):
    """Neither created nor waiting, whoever asks for it."""
    new = file("a", NEW, phone=PHONE)
    for selection in (Selection(), Selection(("a",), force=True)):
        draft = rentix_draft(
            [new],
            [live(2)],
            ledger((1, "a")),
            create=create,
            complete=complete,
            selection=selection,
        )
        assert (draft.operations, draft.waiting) == ((), ())
        (conflict,) = draft.conflicts
        assert (conflict.key, conflict.name) == ("a", "Olga")
        assert "agent 1 could not be read" in conflict.reason


@pytest.mark.parametrize("create", [False, True])
def test_a_known_agent_that_is_gone_is_a_conflict(create):
    """It has the person's name, the id, and how to go on."""
    new = file("a b", NEW, phone=PHONE)
    draft = rentix_draft([new], [live(2)], ledger((1, "a b")), gone={"1"}, create=create)
    assert (draft.operations, draft.waiting) == ((), ())
    (conflict,) = draft.conflicts
    assert (conflict.key, conflict.name) == ("a b", "Olga")
    for part in ("was agent 1", "404", "delete the file", "--target 'a b' --force"):
        assert part in conflict.reason


@pytest.mark.parametrize(
    ("selection", "creates"),
    [
        (Selection(("a",), force=True), True),
        (Selection(("b*", "a"), force=True), True),
        (Selection(("a",)), False),
        (Selection((), force=True), False),
        (Selection(("*",), force=True), False),
        (Selection(("a*",), force=True), False),
        (Selection(("[a]",), force=True), False),
        (Selection(("agents/a.yaml",), force=True), False),
    ],
    ids=str,
)
def test_an_agent_that_is_gone_is_created_if_it_is_targeted_by_its_key(selection, creates):
    """And with --force: a wildcard or a file might name it by accident."""
    new = file("a", NEW, phone=PHONE)
    draft = rentix_draft(
        [new], [live(2)], ledger((1, "a")), gone={"1"}, selection=selection, **CREATING
    )
    assert operation_names(draft) == (["create:a"] if creates else [])
    assert keys(draft.conflicts) == ([] if creates else ["a"])


def test_an_agent_that_is_gone_waits_if_it_is_targeted_and_must_be_invited():
    """A portal without creations treats it as a new agent."""
    draft = rentix_draft(
        [file("a", phone=PHONE)],
        [live(2)],
        ledger((1, "a")),
        gone={"1"},
        selection=Selection(("a",), force=True),
    )
    assert (draft.waiting, draft.conflicts) == (("a",), ())


def test_a_new_agent_is_created_despite_an_incomplete_list_if_it_is_targeted():
    """By key and with --force: a portal whose list stays incomplete must not block an agency."""
    new, other = file("a", NEW, phone=PHONE), file("b", NEW, phone=OTHER_PHONE)
    draft = rentix_draft([new, other], [live(1)], complete=False, **CREATING)
    assert keys(draft.conflicts) == ["a", "b"]
    assert "--target a --force" in draft.conflicts[0].reason
    selection = Selection(("a", "b*"), force=True)
    draft = rentix_draft([new, other], [live(1)], complete=False, selection=selection, **CREATING)
    assert (operation_names(draft), keys(draft.conflicts)) == (["create:a"], ["b"])


def test_an_agent_that_vanished_does_not_prevent_other_creations():
    """Agents later in the files are created."""
    desired = [member("a", EMAIL_1, {"name": "Ivan"}), member("b", EMAIL_2, {"name": "Olga"})]
    draft = pf_draft(desired, [], ledger((1, "a")))
    assert operation_names(draft) == ["create:b"]
    (conflict,) = draft.conflicts
    assert (conflict.portal, conflict.key, conflict.source) == (
        "propertyfinder",
        "a",
        desired[0].source,
    )


# -- possible duplicates ---------------------------------------------------------------------------


def test_a_creation_with_the_name_of_an_unmatched_agent_is_a_warning():
    """It may be the same person with another address; an agent that a file declares is not."""
    desired = [member("a", EMAIL_1, {"name": "Olga"}), member("b", EMAIL_2, {"name": "Olga"}, id=2)]
    users = [user(1, "o@old.example", name="Olga"), user(2, EMAIL_2, name="Olga"), user(3, "p@x")]
    draft = pf_draft(desired, users)
    assert operation_names(draft) == ["create:a"]
    (warning,) = draft.warnings
    assert warning.key == "a"
    assert "1 Olga, whom no file declares" in warning.message
    assert "declare `propertyfinder.id: 1`" in warning.message
    assert pf_draft(desired, users[1:]).warnings == ()
    assert pf_draft(desired, users, refuses=refuses("a")).warnings == ()


@pytest.mark.parametrize("shown", ["Iulia Țurcan", "Цуркан Юлия", "TURCAN IULIA"])
def test_a_waiting_agent_with_the_name_of_an_unmatched_agent_names_them(shown):
    """In any script and word order: they may be the same person, and the message has the id."""
    desired = [file("a", {"name": "Юлия Цуркан"}), file("b", {"name": "Юлия Цуркан"}, id=2)]
    agents = [live(1, name=shown), live(2, name="Юлия Цуркан"), live(3, name=" ")]
    draft = rentix_draft(desired, agents)
    assert (draft.waiting, draft.operations) == (("a",), (operation(draft, "link:2"),))
    (message,) = (each.message for each in draft.warnings if each.key == "a")
    for part in ("Invite the agent", f"1 {shown}", "no file declares", "declare `id: 1`"):
        assert part in message
    assert "2 " not in message
    others = rentix_draft(desired, agents[1:]).warnings
    assert not any("same name" in each.message for each in others)


def test_a_waiting_agent_has_the_id_of_every_namesake():
    """Whatever it waits for: here, for a missing phone."""
    agents = [live(1, name="Olga"), live(2, name="Ольга")]
    (warning,) = rentix_draft([file("a", NEW)], agents, **CREATING).warnings
    for part in ("declare phone", "1 Olga, 2 Ольга", "`id: 1`"):
        assert part in warning.message


def test_a_namesake_of_a_creation_is_found_in_any_script():
    """And in any word order."""
    desired = [member("a", EMAIL_1, {"name": "Țurcan Iulia"})]
    draft = pf_draft(desired, [user(1, EMAIL_2, name="Юлия Цуркан")])
    assert operation_names(draft) == ["create:a"]
    (warning,) = draft.warnings
    assert "declare `propertyfinder.id: 1`" in warning.message


def namesakes(size):
    """Plan agents that wait, each of whom has a namesake on the portal."""
    agents = [live(at, name=Counted(f"Агент N{at}")) for at in range(size)]
    desired = [file(f"k{at}", {"name": f"N{at} Agent"}) for at in range(size)]
    warnings = rentix_draft(desired, agents).warnings
    assert sum("same name" in each.message for each in warnings) == size


def test_twice_the_namesakes_take_twice_the_comparisons():
    """The number of uses of the names is linear."""
    assert 0 < uses(namesakes, 200) <= 2.1 * uses(namesakes, 100)


def test_a_creation_with_the_mobile_of_an_unmatched_agent_is_a_conflict():
    """However it is formatted; the conflict names the holder and both ways to resolve it."""
    desired = [member("a", EMAIL_2, {"name": "Olga"}, mobile="+37322123456"), member("b", id=3)]
    draft = pf_draft(
        desired, [mobile_user(1, PHONE), mobile_user(2, OTHER_PHONE, EMAIL_3), user(3)]
    )
    (conflict,) = draft.conflicts
    assert (conflict.portal, conflict.key) == ("propertyfinder", "a")
    assert conflict.source == desired[0].source
    holder = "propertyfinder.mobile +37322123456 belongs to 1 Ivan, whom no file declares."
    assert conflict.reason.startswith(holder)
    assert "declare `propertyfinder.id: 1`; otherwise declare that agent too." in conflict.reason
    assert conflict.candidates == (Candidate(1, "Ivan", None),)
    assert (draft.operations, draft.entries, draft.warnings) == ((), (), ())
    assert keys(draft.matches) == ["b"]


def test_the_conflict_names_every_unmatched_agent_with_the_mobile():
    """Each of them may be the person."""
    agents = [mobile_user(1, PHONE), mobile_user(2, PHONE, EMAIL_3, name="Oleg")]
    (conflict,) = pf_draft([member("a", EMAIL_2, {"name": "Olga"}, mobile=PHONE)], agents).conflicts
    assert "belongs to 1 Ivan, 2 Oleg, whom no file declares" in conflict.reason
    assert [each.id for each in conflict.candidates] == [1, 2]


@pytest.mark.parametrize(
    "desired",
    [
        [member("a", EMAIL_2, {"name": "Olga"}, mobile=PHONE), member("b", EMAIL_1)],
        [member("a", EMAIL_2, {"name": "Olga"}, mobile=PHONE), member("b", id=1)],
        [member("a", EMAIL_2, {"name": "Olga"}, mobile=OTHER_PHONE)],
        [member("a", EMAIL_2, {"name": "Olga"})],
    ],
    ids=["declared", "pinned", "another", "none"],
)
def test_only_the_mobile_of_an_unmatched_agent_prevents_a_creation(desired):
    """An agent that a file declares is another person, who may share a phone."""
    draft = pf_draft(desired, [mobile_user(1, PHONE), user(2)])
    assert (operation_names(draft), draft.conflicts) == (["create:a"], ())


def test_a_shared_mobile_matters_only_for_creations():
    """It prevents neither an update nor waiting."""
    agents = [mobile_user(1, PHONE), user(2, EMAIL_2)]
    matched = pf_draft([member("a", EMAIL_2, {"name": "Olga"}, mobile=PHONE)], agents)
    assert (operation_names(matched), matched.conflicts) == (["update:2"], ())
    waiting = pf_draft([member("a", "n@a.example", mobile=PHONE)], agents, create=False)
    assert (waiting.waiting, waiting.conflicts) == (("a",), ())


def test_a_creation_without_a_name_has_no_warning_about_names():
    """Agents without a name are not taken for the same person."""
    nameless = user(1, "o@old.example", name=" ")
    draft = pf_draft([member("a", EMAIL_1)], [replace(nameless, name="")], needs=("email",))
    assert (operation_names(draft), draft.warnings) == (["create:a"], ())
