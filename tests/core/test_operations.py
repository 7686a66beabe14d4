"""What is sent for an agent: updates, deactivations, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Match
from reconciler.portals.propertyfinder.table import FIELDS as PF_FIELDS
from reconciler.portals.rentix.table import CHANNELS

from .build import (
    CREATING,
    EMAIL_1,
    INACTIVE,
    NEW,
    PHONE,
    file,
    keys,
    live,
    member,
    messages,
    operation,
    operation_names,
    pf_draft,
    refuses,
    rentix_draft,
    state_after,
    user,
)


def test_an_update_sends_only_the_fields_that_differ():
    """By live id, as the file declares them."""
    values = {"name": "Ivan", "tiktok": None, "avatar": {"id": 5}}
    agent = live(1, "a", {"tiktok": "https://tiktok.com/@i", "avatar": {"id": 5}}, name="Petr")
    update = operation(rentix_draft([file("a", values)], [agent]), "update:1")
    assert update.values == {"name": "Ivan", "tiktok": None}
    assert (update.id, update.external_id, update.waits) == (1, "a", ())


@given(
    st.dictionaries(st.sampled_from([*CHANNELS]), st.booleans(), min_size=1),
    st.fixed_dictionaries(dict.fromkeys(CHANNELS, st.booleans())),
)
def test_contact_settings_are_sent_together_or_not_at_all(declared, shown):
    """If one switch differs, all four are sent, the others as shown; `posting_type` never is."""
    values = {f"settings.{name}": value for name, value in declared.items()}
    agent = live(1, "a", {f"settings.{name}": value for name, value in shown.items()})
    draft = rentix_draft([file("a", values)], [agent])
    if declared.items() <= shown.items():
        assert draft.operations == ()
    else:
        assert draft.operations[0].values == {"settings": {**shown, **declared}}


def test_settings_of_a_new_agent_are_merged_with_the_portals_defaults():
    """The portal enables all channels of a new agent."""
    draft = rentix_draft(
        [file("a", {**NEW, "settings.contact_viber": False}, phone=PHONE)], [], **CREATING
    )
    assert draft.operations[0].values["settings"] == {
        **dict.fromkeys(CHANNELS, True),
        "contact_viber": False,
    }


@pytest.mark.parametrize(
    ("values", "shown", "sent"),
    [
        ({"description.ru": "Р"}, {"description": "Y"}, {"ru": "Р"}),
        (
            {"description.ru": "Р"},
            {"description.ru": "Y", "description.en": "E"},
            {"ru": "Р", "en": "E"},
        ),
        ({"description.ru": "Р"}, {"description.ru": "Y", "description.ro": ""}, {"ru": "Р"}),
        (
            {"description.ru": ""},
            {"description.ru": "Y", "description.ro": "R"},
            {"ru": "", "ro": "R"},
        ),
        ({"description": "X"}, {"description.ru": "Y"}, "X"),
        (
            {"description.ru": "Р", "description.en": "E"},
            {"description": "Y"},
            {"ru": "Р", "en": "E"},
        ),
    ],
)
def test_undeclared_languages_are_sent_as_shown(values, shown, sent):
    """The portal replaces the whole text; an empty declared text is still sent."""
    draft = rentix_draft([file("a", values)], [live(1, "a", shown)])
    assert draft.operations[0].values == {"description": sent}


def test_a_new_agent_gets_only_the_declared_languages():
    """There is no live text to keep."""
    draft = rentix_draft([file("a", {**NEW, "description.ru": "Р"}, phone=PHONE)], [], **CREATING)
    assert draft.operations[0].values["description"] == {"ru": "Р"}


def test_each_value_of_an_operation_has_its_own_line():
    """In an update and in a creation."""
    lines = {"name": 4, "phone": 5}
    update, create = rentix_draft(
        [file("a", NEW, lines=lines), file("b", NEW, phone=PHONE, lines=lines)],
        [live(1, "a")],
        **CREATING,
    ).operations
    assert (str(update.at("name")), str(update.at("tiktok"))) == (
        "agents/a.yaml:4",
        "agents/a.yaml:1",
    )
    assert (str(create.at("phone")), str(create.at("tiktok"))) == (
        "agents/b.yaml:5",
        "agents/b.yaml:1",
    )


def test_an_agent_declared_inactive_is_deactivated_with_a_warning():
    """Deactivation is a separate verb, so that a reviewer notices it."""
    draft = pf_draft([member("a", EMAIL_1, INACTIVE)], [user(1, EMAIL_1, profile=9)])
    (only,) = draft.operations
    assert (only.name, only.verb, only.id, only.values) == ("update:1", "deactivate", 1, INACTIVE)
    assert only.aliases == {"publicProfileId": 9}
    assert draft.entries[0].actions == ("deactivate",)
    assert messages(draft) == [
        ("a", "agent 1 will be deactivated, which takes them off all listings."),
    ]


def test_a_deactivation_can_include_an_update():
    """One operation has both, and the entry lists both actions."""
    draft = pf_draft([member("a", EMAIL_1, {**INACTIVE, "name": "New"})], [user(1, EMAIL_1)])
    assert [(each.verb, each.values) for each in draft.operations] == [
        ("deactivate", {**INACTIVE, "name": "New"})
    ]
    assert draft.entries[0].actions == ("deactivate", "update")


def test_an_inactive_agent_is_not_deactivated_again():
    """Another change is a plain update."""
    agent = user(1, EMAIL_1, INACTIVE)
    draft = pf_draft([member("a", EMAIL_1, INACTIVE)], [agent])
    assert (draft.operations, draft.entries, draft.warnings) == ((), (), ())
    draft = pf_draft([member("a", EMAIL_1, {**INACTIVE, "name": "New"})], [agent])
    assert [each.verb for each in draft.operations] == ["update"]
    assert draft.warnings == ()


def test_an_update_that_replaces_the_agent_has_every_value():
    """The declared values, and the other values as shown; nothing is sent without a change."""
    shown = {
        "bio.primary": "P",
        "bio.secondary": "S",
        "position.primary": "Agent",
        "position.secondary": "",
        "spokenLanguages": ["en"],
    }
    agent = user(1, EMAIL_1, shown, name="Ivan")
    desired = member("a", EMAIL_1, {"bio.primary": "New"})
    draft = pf_draft([desired], [agent], replaces=True)
    assert draft.operations[0].values == {
        "email": EMAIL_1,
        "status": "active",
        "name": "Ivan",
        "bio": {"primary": "New", "secondary": "S"},
        "position": {"primary": "Agent"},
        "spokenLanguages": ["en"],
    }
    assert [each.path for each in draft.entries[0].changes] == ["bio.primary"]
    assert pf_draft([desired], [agent]).operations[0].values == {
        "bio": {"primary": "New", "secondary": "S"}
    }
    same = pf_draft([member("a", EMAIL_1, {"bio.primary": "P"})], [agent], replaces=True)
    assert same.operations == ()


def test_an_update_that_replaces_the_agent_has_the_values_that_are_never_shown():
    """A first name that was applied would be lost if the body left it out."""
    declared, agent = member("a", EMAIL_1, {"firstName": "Ivan"}), user(1, EMAIL_1)
    prior = state_after(Match(declared, agent, "email"), sent=["firstName"], fields=PF_FIELDS)
    assert pf_draft([declared], [agent], prior, replaces=True).operations == ()
    renamed = member("a", EMAIL_1, {"firstName": "Ivan", "name": "New"})
    draft = pf_draft([renamed], [agent], prior, replaces=True)
    assert [each.path for each in draft.entries[0].changes] == ["name"]
    assert draft.operations[0].values["firstName"] == "Ivan"


def test_updates_by_external_id_wait_for_the_link():
    """The external id belongs to another agent, or to none, until then."""
    desired = [file("b", NEW, id=1), file("a", NEW, id=2), file("c", NEW)]
    agents = [live(1, "a"), live(2, "b"), live(3, "c")]
    draft = rentix_draft(desired, agents, by_handle=True)
    assert operation(draft, "update:1").waits == ("link:1",)
    assert operation(draft, "update:2").waits == ("link:2",)
    assert operation(draft, "update:3").waits == ()
    assert [operation(draft, f"update:{each}").external_id for each in (1, 2, 3)] == ["b", "a", "c"]
    by_id = rentix_draft(desired, agents)
    assert {each.waits for each in by_id.operations if each.verb == "update"} == {()}


def test_an_update_uses_the_external_id_that_the_agent_will_have():
    """The declared one; else the one it has; else none."""
    for desired, agent, external in (
        (file("id:1", NEW), live(1, "b"), "b"),
        (file("id:1", NEW), live(1), None),
        (file("a", NEW, id=1), live(1, "b"), "a"),
    ):
        draft = rentix_draft([desired], [agent], by_handle=True)
        assert operation(draft, "update:1").external_id == external


def test_an_update_of_an_agent_matched_by_phone_waits_for_the_link():
    """If the portal refuses the link, another agent has that external id and may be the right
    one."""
    draft = rentix_draft([file("a", {"name": "Ana"}, phone=PHONE)], [live(1, phone=PHONE)])
    assert operation(draft, "update:1").waits == ("link:1",)


def test_an_update_of_a_pinned_agent_does_not_wait_for_the_link():
    """The id identifies the agent, whether or not the link succeeds."""
    draft = rentix_draft([file("a", {"name": "Ana"}, id=1)], [live(1)])
    assert operation(draft, "link:1").external_id == "a"
    assert operation(draft, "update:1").waits == ()


# -- refused operations ----------------------------------------------------------------------------


def test_a_profile_that_the_portal_would_refuse_is_a_conflict():
    """The agent is neither updated nor linked; other agents are."""
    desired = [file("a", NEW, id=1), file("b", NEW, id=2)]
    draft = rentix_draft(desired, [live(1), live(2)], refuses=refuses("a"))
    (conflict,) = draft.conflicts
    assert (conflict.key, conflict.reason) == ("a", "its profile takes 600 KB.")
    assert operation_names(draft) == ["link:2", "update:2"]
    assert keys(draft.matches) == keys(draft.entries) == ["b"]


def test_a_creation_that_the_portal_would_refuse_is_a_conflict():
    """The agent does not wait either."""
    draft = rentix_draft([file("a", NEW, phone=PHONE)], [], refuses=refuses("a"), **CREATING)
    assert (keys(draft.conflicts), draft.operations, draft.waiting, draft.entries) == (
        ["a"],
        (),
        (),
        (),
    )


def test_no_agent_gets_an_external_id_that_an_unlisted_agent_may_have():
    """The list is incomplete and no listed agent has the id: the agent keeps its own id and is not
    updated."""
    draft = rentix_draft([file("b", {"name": "Ana"}, id=1)], [live(1, "a")], complete=False)
    (conflict,) = draft.conflicts
    assert "incomplete list" in conflict.reason
    assert "may have externalId b" in conflict.reason
    assert conflict.source.line == 1
    assert draft.operations == ()


def test_listed_agents_can_exchange_external_ids():
    """The list is incomplete, but no unlisted agent can have these ids."""
    draft = rentix_draft(
        [file("a", id=2), file("b", id=1)], [live(1, "a"), live(2, "b")], complete=False
    )
    assert draft.conflicts == ()
    assert {each.name for each in draft.operations} == {"unlink:1", "unlink:2", "link:1", "link:2"}


def test_a_listed_agent_is_updated_despite_an_incomplete_list():
    """It keeps its external id."""
    draft = rentix_draft([file("a", {"name": "Ana"})], [live(1, "a")], complete=False)
    assert draft.conflicts == ()
    assert operation(draft, "update:1").values == {"name": "Ana"}


def test_no_agent_gets_a_login_that_an_unlisted_agent_may_have():
    """A login in another letter case is the same login."""
    users = [user(1, "old@agency.example"), user(2, "Same@agency.example")]
    draft = pf_draft(
        [
            member("a", "new@agency.example", id=1),
            member("b", "same@agency.example", {"name": "Ana"}, id=2),
        ],
        users,
        complete=False,
    )
    assert keys(draft.conflicts) == ["a"]
    assert [each.id for each in draft.operations] == [2]


def without_values(agent, prefix):
    """The live agent as a portal shows it that hides the values with this prefix."""
    shown = {path: value for path, value in agent.values.items() if not path.startswith(prefix)}
    return replace(agent, values=shown)


def test_an_update_that_could_change_an_unknown_switch_is_a_conflict():
    """The portal may replace all switches by the ones sent."""
    agent = without_values(live(1, "a"), "settings.contact_viber")
    draft = rentix_draft([file("a", {"settings.contact_phone": False, "name": "Ana"})], [agent])
    (conflict,) = draft.conflicts
    assert "does not show settings.contact_viber" in conflict.reason
    assert conflict.reason.endswith("Declare settings.contact_viber too.")
    assert draft.operations == ()


def test_a_switch_that_is_declared_but_not_shown_is_sent():
    """Then all four are known."""
    agent = without_values(live(1, "a"), "settings.contact_viber")
    declared = {"settings.contact_phone": False, "settings.contact_viber": False}
    draft = rentix_draft([file("a", declared)], [agent])
    assert draft.conflicts == ()
    assert operation(draft, "update:1").values["settings"] == {
        "contact_phone": False,
        "contact_whatsapp": True,
        "contact_viber": False,
        "contact_telegram": True,
    }


def test_a_name_is_sent_although_no_switch_is_shown():
    """It is not sent together with them."""
    agent = without_values(live(1, "a"), "settings")
    draft = rentix_draft([file("a", {"name": "Ana"})], [agent])
    assert operation(draft, "update:1").values == {"name": "Ana"}
