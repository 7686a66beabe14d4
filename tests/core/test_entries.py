"""The entries of a plan: what happens to each agent, and why."""

from __future__ import annotations

import pytest

from reconciler.core.model import Change

from .build import (
    CREATING,
    EMAIL_1,
    EMAIL_2,
    EMPTY_STATE,
    NEW,
    PHONE,
    file,
    ledger,
    live,
    match_of,
    member,
    operation_names,
    pf_draft,
    rentix_draft,
    state_after,
    user,
)


def test_an_entry_has_the_agent_the_changes_and_the_reason():
    """Key, live id, name, source, the identifier that matched, actions and changes."""
    draft = rentix_draft(
        [file("a", {"name": "Ivan"}, phone=PHONE, line=3)], [live(7, phone=PHONE, name="Petr")]
    )
    (entry,) = draft.entries
    assert (entry.portal, entry.key, entry.id, entry.name) == ("rentix", "a", 7, "Ivan")
    assert (str(entry.source), entry.matched_by) == ("agents/a.yaml:3", "phone")
    assert entry.actions == ("link", "update")
    assert entry.changes == (
        Change("externalId", None, "a", "different", None, public=False),
        Change("name", "Petr", "Ivan", "different", None),
    )
    assert entry.live["name"] == "Petr"
    assert entry.reason == f"linked: phone {PHONE} is a unique match"
    assert operation_names(draft) == ["link:7", "update:7"]


@pytest.mark.parametrize(
    ("desired", "agent", "actions", "reason"),
    [
        (file("a", {"name": "X"}), live(1, "a"), ("update",), "matched: externalId a"),
        (file("a", id=1), live(1), ("link",), "linked: id 1 is a unique match"),
        (
            file("a", id=1),
            live(1, "b"),
            ("unlink", "link"),
            "linked: id 1 is declared; a replaces b",
        ),
        (file("id:1", {"name": "X"}), live(1, "b"), ("update",), "matched: id 1"),
    ],
)
def test_an_entry_has_a_reason(desired, agent, actions, reason):
    """One line: what matched the agent, and which external id replaces which."""
    (entry,) = rentix_draft([desired], [agent]).entries
    assert (entry.actions, entry.reason) == (actions, reason)


def test_a_replaced_external_id_is_the_value_before():
    """The change has both external ids."""
    (entry,) = rentix_draft([file("a", id=1)], [live(1, "b")]).entries
    assert entry.changes == (Change("externalId", "b", "a", "different", None, public=False),)


def test_an_entry_without_a_declared_name_has_the_live_name():
    """The declared name has precedence."""
    (entry,) = rentix_draft(
        [file("a", {"tiktok": "https://tiktok.com/@i"})], [live(1, "a", name="Ivan")]
    ).entries
    assert entry.name == "Ivan"


def test_entries_are_in_file_order_with_removals_last():
    """However the agents were matched, and whatever changes."""
    desired = [
        file("c", NEW, at="b.yaml", line=9, id=3),
        file("a", NEW, at="b.yaml", line=2),
        file("b", NEW, at="a.yaml", phone=PHONE),
    ]
    agents = [live(9, "gone"), live(1, "a"), live(3)]
    draft = rentix_draft(desired, agents, ledger((9, "gone")), removal="unlink", **CREATING)
    assert [each.key for each in draft.entries] == ["b", "a", "c", "gone"]


def test_a_link_removed_on_the_portal_is_drift():
    """If the agent was applied under this key; otherwise the link is pending, or not attributed."""

    def attribution(prior):
        (entry,) = rentix_draft([file("a", id=1)], [live(1)], prior).entries
        return entry.attribution, entry.changes[0].attribution

    assert attribution(ledger((1, "a"))) == ("drift", "drift")
    assert attribution(ledger((1, "b"))) == ("pending", "pending")
    assert attribution(ledger((2, "c"))) == ("pending", "pending")
    assert attribution(EMPTY_STATE) == (None, None)


def test_an_entry_is_drift_if_any_of_its_changes_is():
    """One value changed on the portal is enough."""
    values = {"name": "Ivan", "tiktok": "https://tiktok.com/@i"}
    prior = state_after(match_of(values, values), sent=values)
    edited = file("agent-001", {"name": "Oleg", "tiktok": "https://tiktok.com/@i"})
    for tiktok, attribution in ((None, "drift"), ("https://tiktok.com/@i", "pending")):
        agent = live(15, "agent-001", {"name": "Ivan", "tiktok": tiktok})
        assert rentix_draft([edited], [agent], prior).entries[0].attribution == attribution


@pytest.mark.parametrize(
    ("prior", "attribution"), [(EMPTY_STATE, None), (ledger((9, "z")), "pending")]
)
def test_the_entry_of_a_new_agent_has_every_declared_value(prior, attribution):
    """The changes are pending if the ledger has a record of this portal."""
    (entry,) = rentix_draft([file("a", NEW, phone=PHONE)], [], prior, **CREATING).entries
    assert (entry.name, entry.attribution) == ("Olga", attribution)
    assert entry.changes == (
        Change("externalId", None, "a", "different", attribution, public=False),
        Change("phone", None, PHONE, "different", attribution, public=False),
        Change("name", None, "Olga", "different", attribution),
    )


def test_the_entry_of_a_new_agent_names_only_identifiers_that_can_match():
    """A mobile phone is a hint and matches no agent."""
    (entry,) = pf_draft([member("a", "o@x", NEW, mobile=PHONE)], []).entries
    assert entry.reason == "created: no agent has email o@x"


def test_the_entry_of_a_removed_agent_has_the_values_shown_now():
    """All values that visitors see, beside the pending change."""
    agent = live(1, "gone", {"name": "Ivan", "settings.contact_viber": False})
    (entry,) = rentix_draft([], [agent], ledger((1, "gone")), removal="unlink").entries
    assert entry.changes == (
        Change("externalId", "gone", None, "different", "pending", public=False),
    )
    assert (entry.attribution, entry.live) == ("pending", agent.values)
    assert entry.reason.startswith("unlinked: ")


def test_the_entry_of_a_creation_has_every_value_sent():
    """The reason names the identifiers that matched no agent."""
    draft = rentix_draft([file("a", NEW, phone=PHONE)], [], **CREATING)
    (entry,) = draft.entries
    assert (entry.id, entry.matched_by, entry.actions, entry.attribution) == (
        None,
        None,
        ("create",),
        None,
    )
    assert {each.path: (each.before, each.after) for each in entry.changes} == {
        "externalId": (None, "a"),
        "phone": (None, PHONE),
        "name": (None, "Olga"),
    }
    assert entry.reason == f"created: no agent has externalId a or phone {PHONE}"
    assert (
        rentix_draft([file("a", NEW, phone=PHONE)], [], ledger((9, "z")), **CREATING)
        .entries[0]
        .attribution
        == "pending"
    )


def test_a_change_is_public_if_visitors_see_the_value():
    """In an update, a creation and a deactivation; an identifier is not public."""
    draft = pf_draft(
        [
            member("a", EMAIL_2, {"name": "N", "mobile": PHONE}, id=1),
            member("new", "new@a.example", {"name": "Olga", "mobile": PHONE}),
        ],
        [user(1, EMAIL_1), user(9, "gone@a.example")],
        ledger((9, "gone")),
        removal="deactivate",
    )
    shown = {
        entry.key: {each.path: each.public for each in entry.changes} for entry in draft.entries
    }
    assert shown == {
        "a": {"email": False, "name": True, "mobile": False},
        "new": {"email": False, "name": True, "mobile": False},
        "gone": {"status": False},
    }
