"""Agents that were applied before and that no file declares now."""

from __future__ import annotations

import pytest

from reconciler.core.fields import digest
from reconciler.core.model import AgentState, FieldState, PortalState
from reconciler.core.selection import Selection
from reconciler.portals.propertyfinder.table import FIELDS as PF_FIELDS

from .build import (
    EMAIL_1,
    EMAIL_2,
    EMAIL_3,
    EMPTY_STATE,
    INACTIVE,
    LOGIN,
    NEW,
    PHONE,
    file,
    keys,
    ledger,
    live,
    member,
    messages,
    mobile_user,
    operation,
    operation_names,
    pf_draft,
    rentix_draft,
    user,
)

STATUS = next(field for field in PF_FIELDS if field.name == "status")


def deactivated_state(value="inactive", shown="active", key="gone"):
    """The state after an apply sent this status for agent 1 and the portal showed that one."""
    status = FieldState(digest(STATUS, value), digest(STATUS, shown))
    return PortalState({"1": AgentState(key, {"status": status})})


def test_a_removed_agent_is_a_warning():
    """It was applied before and no file declares it: it stays as it is."""
    draft = rentix_draft(
        [], [live(1, "gone", name="Ivan"), live(2, "foreign")], ledger((1, "gone"))
    )
    (warning,) = draft.warnings
    assert (warning.portal, warning.key, warning.source) == ("rentix", "gone", None)
    assert "agent 1 Ivan" in warning.message
    assert (draft.entries, draft.operations) == ((), ())


def test_a_removed_agent_is_unlinked_if_configured():
    """The entry has the reason; the warning says which listings lose their agent."""
    draft = rentix_draft(
        [], [live(1, "gone"), live(2, "foreign")], ledger((1, "gone")), removal="unlink"
    )
    (unlink,) = draft.operations
    assert (unlink.name, unlink.id, unlink.external_id, unlink.source) == (
        "unlink:1",
        1,
        "gone",
        None,
    )
    (entry,) = draft.entries
    assert (entry.key, entry.actions, entry.source, entry.attribution) == (
        "gone",
        ("unlink",),
        None,
        "pending",
    )
    assert [(each.path, each.before, each.after) for each in entry.changes] == [
        ("externalId", "gone", None)
    ]
    assert "listings assigned by externalId gone lose their agent" in draft.warnings[0].message


@pytest.mark.parametrize("removal", [None, "unlink"])
@pytest.mark.parametrize(
    ("agent", "prior"),
    [
        (live(1, "gone"), EMPTY_STATE),
        (live(1, "gone"), ledger((2, "gone"))),
        (live(1, "other"), ledger((1, "gone"))),
        (live(1), ledger((1, "gone"))),
    ],
    ids=["no-record", "never-applied", "linked-to-another", "unlinked"],
)
def test_only_a_managed_agent_is_removed(agent, prior, removal):
    """Not without a record, nor if someone linked the agent to another external id since."""
    draft = rentix_draft([], [agent], prior, removal=removal)
    assert (draft.warnings, draft.operations, draft.entries) == ((), (), ())


def test_no_agent_is_removed_because_of_an_incomplete_list():
    """Removals need a complete list."""
    draft = rentix_draft(
        [], [live(1, "gone")], ledger((1, "gone")), removal="unlink", complete=False
    )
    assert (draft.warnings, draft.operations) == ((), ())


def test_a_removed_agent_without_an_external_id_is_only_a_warning():
    """There is nothing to unlink."""
    draft = rentix_draft([], [live(1)], ledger((1, "id:1")), removal="unlink")
    assert (len(draft.warnings), draft.operations) == (1, ())


def test_a_removed_agent_on_a_portal_without_external_ids_is_a_warning():
    """It was applied before and no file declares it."""
    draft = rentix_draft(
        [], [live(1)], ledger((1, "gone")), identifiers=LOGIN, order=("id", "email")
    )
    assert keys(draft.warnings) == ["gone"]


def test_removals_are_selected_by_their_key():
    """A target or an exclude leaves them out."""
    left_out = Selection(without=frozenset([("rentix", "gone")]))
    for selection in (Selection(("a*",)), Selection((), ("gone",)), left_out):
        draft = rentix_draft(
            [], [live(1, "gone")], ledger((1, "gone")), removal="unlink", selection=selection
        )
        assert (draft.warnings, draft.operations) == ((), ())
    draft = rentix_draft(
        [], [live(1, "gone")], ledger((1, "gone")), removal="unlink", selection=Selection(("gone",))
    )
    assert operation_names(draft) == ["unlink:1"]


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection((), ("agents/north/*",)),
        Selection(("gone",)),
        Selection((), (), frozenset([("rentix", "a")])),
    ],
)
def test_a_candidate_of_a_conflict_is_not_unlinked(selection):
    """The file has a new external id and no pin, but the phone matches: it may be the same person,
    whatever the plan selects."""
    desired = [file("a", at="agents/north/a.yaml", phone=PHONE)]
    agents = [live(1, "gone", phone=PHONE)]
    draft = rentix_draft(
        desired, agents, ledger((1, "gone")), removal="unlink", selection=selection
    )
    assert (draft.operations, draft.warnings) == ((), ())


@pytest.mark.parametrize("order", [("id",), ("id", "phone"), ("phone",)])
def test_an_agent_whose_file_exists_is_not_removed(order):
    """`match` no longer includes external ids, so the file matches no agent, but it still declares
    this one."""
    draft = rentix_draft(
        [file("a", NEW)], [live(1, "a")], ledger((1, "a")), removal="unlink", order=order
    )
    assert "unlink:1" not in operation_names(draft)


def test_an_agent_declared_under_another_key_is_not_removed():
    """It matches by id, as before."""
    draft = rentix_draft([file("id:1")], [live(1, "a")], ledger((1, "a")), removal="unlink")
    assert (draft.operations, draft.warnings) == ((), ())


def test_the_external_id_of_a_removed_agent_can_move():
    """The file pins another agent for the same external id: one is unlinked, then the other is
    linked."""
    desired, agents = [file("a", id=2)], [live(1, "a"), live(2)]
    draft = rentix_draft(desired, agents, ledger((1, "a")), removal="unlink")
    assert operation_names(draft) == ["unlink:1", "link:2"]
    assert operation(draft, "link:2").waits == ("unlink:1",)
    kept = rentix_draft(desired, agents, ledger((1, "a")))
    assert kept.operations == ()
    assert "no file declares that agent" in kept.conflicts[0].reason


def test_a_removed_agent_is_deactivated_if_configured():
    """One operation, with the portal's ids, and a warning."""
    agents = [user(1, EMAIL_1, name="Ivan", profile=9), user(2, EMAIL_2)]
    draft = pf_draft([], agents, ledger((1, "gone")), removal="deactivate")
    (only,) = draft.operations
    assert (only.name, only.verb, only.key, only.id, only.source) == (
        "deactivate:1",
        "deactivate",
        "gone",
        1,
        None,
    )
    assert (only.values, only.aliases) == (INACTIVE, {"publicProfileId": 9})
    (entry,) = draft.entries
    assert (entry.key, entry.name, entry.actions) == ("gone", "Ivan", ("deactivate",))
    assert [(each.path, each.before, each.after) for each in entry.changes] == [
        ("status", "active", "inactive")
    ]
    assert entry.reason.startswith("deactivated: ")
    assert messages(draft) == [
        ("gone", "agent 1 will be deactivated, which takes them off all listings."),
    ]


@pytest.mark.parametrize("removal", [None, "deactivate"])
def test_a_removed_agent_that_is_inactive_needs_nothing(removal):
    """It is neither deactivated again nor reported again."""
    draft = pf_draft([], [user(1, EMAIL_1, INACTIVE)], ledger((1, "gone")), removal=removal)
    assert (draft.operations, draft.entries, draft.warnings) == ((), (), ())


def test_a_removed_agent_is_only_a_warning_by_default():
    """As on any portal."""
    draft = pf_draft([], [user(1, EMAIL_1)], ledger((1, "gone")))
    assert (draft.operations, keys(draft.warnings)) == ((), ["gone"])


def test_an_agent_whose_login_contradicts_the_ledger_is_not_deactivated():
    """The file declares the login of an agent whose file is gone: a conflict, and neither
    agent is deactivated."""
    users, prior = [user(1, EMAIL_1), user(2, EMAIL_2)], ledger((1, "a"), (2, "gone"))
    draft = pf_draft([member("a", EMAIL_2)], users, prior, removal="deactivate")
    assert (keys(draft.conflicts), draft.operations, draft.warnings) == (["a"], (), ())
    alone = pf_draft([member("a", EMAIL_1)], users, prior, removal="deactivate")
    assert operation_names(alone) == ["deactivate:2"]


def test_a_former_agent_whose_key_matches_another_is_not_deactivated():
    """The file may match the wrong agent: a warning names both."""
    users = [user(1, EMAIL_1, name="Ivan"), user(2, EMAIL_2, name="Olga")]
    draft = pf_draft([member("a", EMAIL_2, id=2)], users, ledger((1, "a")), removal="deactivate")
    assert (draft.operations, draft.entries, draft.conflicts) == ((), (), ())
    (warning,) = draft.warnings
    assert (warning.key, warning.source, warning.name) == ("a", None, "Ivan")
    assert "agent 1 Ivan was applied from here, but no file declares them" in warning.message
    assert "a is now agent 2 Olga. The portal still shows them" in warning.message
    alone = pf_draft([], users, ledger((1, "a")), removal="deactivate")
    assert operation_names(alone) == ["deactivate:1"]
    other = pf_draft([], users[:1], ledger((1, "a")))
    (warning,) = other.warnings
    assert "no file declares them any more. The portal still shows them" in warning.message


@pytest.mark.parametrize(
    ("prior", "agent"),
    [
        (deactivated_state(), user(1, EMAIL_1)),
        (deactivated_state(), user(1, EMAIL_1, {"status": "invited"})),
        (deactivated_state(shown="inactive"), user(1, EMAIL_1)),
        (deactivated_state(value="active"), user(1, EMAIL_1)),
        (ledger((1, "gone")), user(1, EMAIL_1)),
    ],
    ids=["ignored", "changed-since", "activated-since", "other-value", "never-sent"],
)
def test_an_agent_who_is_still_active_is_deactivated_whatever_is_recorded(prior, agent):
    """A status is never recorded as not taken: the agent is on all listings."""
    draft = pf_draft([], [agent], prior, removal="deactivate")
    assert (operation_names(draft), draft.not_taken) == (["deactivate:1"], ())


@pytest.mark.parametrize("recall", [True, False])
def test_a_candidate_of_a_conflict_is_not_deactivated(recall):
    """The file has a new key and login, but the mobile matches: it may be the same person."""
    desired = [member("new", EMAIL_2, {"name": "Ivan"}, mobile=PHONE)]
    agents, prior = [mobile_user(1, PHONE), user(2, EMAIL_3)], ledger((1, "old"), (2, "gone"))
    draft = pf_draft(desired, agents, prior, removal="deactivate", recall=recall)
    assert keys(draft.conflicts) == ["new"]
    assert (operation_names(draft), keys(draft.entries)) == (["deactivate:2"], ["gone"])
    assert keys(draft.warnings) == ["gone"]
    alone = pf_draft([], agents, prior, removal="deactivate")
    assert operation_names(alone) == ["deactivate:1", "deactivate:2"]


def test_a_former_agent_with_another_name_is_not_deactivated():
    """The key has another name and login now: the former agent is the candidate of a conflict."""
    desired = [member("a", EMAIL_2, {"name": "Olga"})]
    draft = pf_draft(
        desired, [user(1, EMAIL_1, name="Ivan")], ledger((1, "a")), removal="deactivate"
    )
    assert keys(draft.conflicts) == ["a"]
    assert (draft.operations, draft.entries, draft.warnings) == ((), (), ())
