"""From who-is-who to a plan."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.fields import Field, Identifier, Sort, digest
from reconciler.core.limits import Limits
from reconciler.core.model import (
    AgentState,
    Candidate,
    Change,
    FieldState,
    Match,
    Operation,
    PortalState,
    RateLimit,
    Request,
    Step,
    Unmet,
)
from reconciler.core.operations import creation_form
from reconciler.core.packing import pack, seconds
from reconciler.core.plan import join
from reconciler.core.selection import Selection
from reconciler.portals.propertyfinder.table import FIELDS as STAFF
from reconciler.portals.rentix.table import CHANNELS, FIELDS, IDENTIFIERS

from .build import NOTHING, file, found, keys, live, member, plan, recall, staff, user

P, Q = "+373 22 123 456", "+373 22 999 999"
NEW = {"name": "Olga"}
CREATING = {"create": True}
LOGIN = (Identifier("id", "pin"), Identifier("email", "key", str.lower))


def names(draft):
    """The operations, in order."""
    return [each.name for each in draft.operations]


def operation(draft, name):
    """The operation of this name."""
    (only,) = (each for each in draft.operations if each.name == name)
    return only


def ours(*pairs):
    """A memory in which these live agents were applied from here under these keys."""
    return PortalState({str(number): AgentState(key, {}) for number, key in pairs})


# -- what is sent -------------------------------------------------------------------------------


def test_agents_that_are_right_cost_nothing():
    """No entry, no operation, no warning; they are counted and checked all the same."""
    made = plan([file("a", {"name": "Ivan"})], [live(1, "a", name="Ivan"), live(2, "z")])
    assert (made.entries, made.operations, made.warnings, made.conflicts) == ((), (), (), ())
    assert (keys(made.matches), made.declared) == (["a"], 1)


def test_an_update_carries_only_the_fields_that_differ():
    """By live id, with the file's words for what is not as declared, and nothing else."""
    values = {"name": "Ivan", "tiktok": None, "avatar": {"id": 5}}
    agent = live(1, "a", {"tiktok": "https://tiktok.com/@i", "avatar": {"id": 5}}, name="Petr")
    update = operation(plan([file("a", values)], [agent]), "update:1")
    assert update.values == {"name": "Ivan", "tiktok": None}
    assert (update.id, update.external_id, update.waits) == (1, "a", ())


@given(
    st.dictionaries(st.sampled_from([*CHANNELS]), st.booleans(), min_size=1),
    st.fixed_dictionaries(dict.fromkeys(CHANNELS, st.booleans())),
)
def test_contact_settings_are_sent_whole_or_not_at_all(declared, shown):
    """Where one switch differs, all four go out, the others as they are; never posting_type."""
    values = {f"settings.{name}": value for name, value in declared.items()}
    agent = live(1, "a", {f"settings.{name}": value for name, value in shown.items()})
    made = plan([file("a", values)], [agent])
    if declared.items() <= shown.items():
        assert made.operations == ()
    else:
        assert made.operations[0].values == {"settings": {**shown, **declared}}


def test_a_new_agents_settings_are_merged_with_the_portals_default():
    """The portal turns all channels on for a new agent."""
    made = plan([file("a", {**NEW, "settings.contact_viber": False}, phone=P)], [], **CREATING)
    assert made.operations[0].values["settings"] == {
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
def test_languages_that_are_left_out_are_kept_where_they_show(values, shown, sent):
    """A portal that replaces the whole text keeps what it shows; the empty text is still sent."""
    made = plan([file("a", values)], [live(1, "a", shown)])
    assert made.operations[0].values == {"description": sent}


def test_a_new_agent_gets_the_declared_languages_only():
    """There is nothing live to keep."""
    made = plan([file("a", {**NEW, "description.ru": "Р"}, phone=P)], [], **CREATING)
    assert made.operations[0].values["description"] == {"ru": "Р"}


def test_phone_is_never_a_change_but_a_warning():
    """The portal has another phone: the reader is told, at its line, and nothing is sent."""
    desired = file("a", {"name": "Ivan"}, phone=P, lines={"phone": 4})
    made = plan([desired], [live(1, "a", phone=Q, name="Ivan")])
    assert made.operations == ()
    (warning,) = made.warnings
    assert P in warning.message
    assert Q in warning.message
    assert warning.source.line == 4


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (P, P),
        (P, "37322 123456"),
        ("022123456", P),
        ("380 44 123 4567", "+380441234567"),
        ("+380441234567", "380 44 123 4567"),
        (None, P),
        (P, None),
    ],
)
def test_a_phone_that_is_the_same_or_missing_is_no_warning(mine, theirs):
    """Spacing, an international prefix, and a phone that one side lacks are no difference."""
    identity = {} if mine is None else {"phone": mine}
    assert plan([file("a", **identity)], [live(1, "a", phone=theirs)]).warnings == ()


def test_every_shared_identifier_is_looked_at():
    """One that is the same, or a field, does not hide another one that differs."""
    ways = tuple(Identifier(name, "shared") for name in ("name", "office", "mobile"))
    desired = file("a", at="a.yaml", name="I", office="1", mobile="2", lines={"mobile": 6})
    shown = {"externalId": "a", "name": "P", "office": "1", "mobile": "3"}
    agent = replace(live(1, "a"), identity=shown)
    (warning,) = plan([desired], [agent], identifiers=(*IDENTIFIERS, *ways)).warnings
    assert warning.message.startswith("mobile: the file has 2, but agent 1 Agent 1")
    assert str(warning.source) == "a.yaml:6"


def test_what_cannot_be_compared_is_held_back_where_that_is_asked_for():
    """A picture by its address that was never applied: told, and not sent."""
    desired = file("a", {"avatar": {"url": "https://agency.example/a.jpg"}})
    agent = live(1, "a", {"avatar": {"id": 5}})
    held = plan([desired], [agent], hold=True)
    assert (held.operations, held.entries, len(held.warnings)) == ((), (), 1)
    assert names(plan([desired], [agent])) == ["update:1"]


def test_a_shared_identifier_that_is_a_field_is_compared_there():
    """Where the portal takes a new value, a difference is a change and not a warning."""
    made = plan(
        [file("a", phone=P)], [live(1, "a", phone=Q)], fields=(*FIELDS, Field("phone", Sort.TEXT))
    )
    assert made.warnings == ()


@pytest.mark.parametrize(("prior", "whose"), [(NOTHING, None), (ours((9, "z")), "pending")])
def test_an_entry_of_who_is_new_has_their_declared_name_and_every_value(prior, whose):
    """All of it comes from nothing, and is the files' change where anything is remembered."""
    (entry,) = plan([file("a", NEW, phone=P)], [], prior, **CREATING).entries
    assert (entry.name, entry.attribution) == ("Olga", whose)
    assert entry.changes == (
        Change("externalId", None, "a", "different", whose, public=False),
        Change("phone", None, P, "different", whose, public=False),
        Change("name", None, "Olga", "different", whose),
    )


def test_an_entry_of_who_is_new_names_only_what_can_find_them():
    """A mobile phone is a hint: nobody was looked up by it."""
    (entry,) = staff([member("a", "o@x", NEW, mobile=P)], []).entries
    assert entry.reason == "created: no agent has email o@x"


def test_an_entry_of_who_is_removed_has_what_they_show_now():
    """The files' change, beside all that visitors see of them."""
    agent = live(1, "gone", {"name": "Ivan", "settings.contact_viber": False})
    (entry,) = plan([], [agent], ours((1, "gone")), removal="unlink").entries
    assert entry.changes == (
        Change("externalId", "gone", None, "different", "pending", public=False),
    )
    assert (entry.attribution, entry.live) == ("pending", agent.values)
    assert entry.reason.startswith("unlinked: ")


def places(draft):
    """Portal, key and file of everything that a draft has to say, and of all that it does."""
    said = (*draft.entries, *draft.operations, *draft.conflicts, *draft.warnings)
    return {(each.portal, each.key, each.source and each.source.file) for each in said}


def test_all_of_a_plan_is_of_its_portal_and_at_its_place():
    """Changes, links, creations, conflicts, whatever there is to know; at no place who is in no
    file."""
    desired = [
        file("moved", NEW, id=1),
        file("new", NEW, phone=P),
        file("wrong", id=99),
        file("phone", phone=P),
        file("absent"),
        file("held", id=3),
        file("large", NEW),
    ]
    agents = [live(1, "a"), live(2, "phone", phone=Q), live(3), live(4, "held"), live(5, "large")]
    agents.append(live(9, "gone"))
    options = {"removal": "unlink", "refuses": refuses("large"), **CREATING}
    made = plan(desired, agents, ours((9, "gone")), **options)
    assert names(made) == ["unlink:1", "link:1", "unlink:9", "update:1", "create:new"]
    here = {("rentix", each.key, each.source.file) for each in desired}
    assert places(made) == here | {("rentix", "gone", None)}


def test_all_of_a_plan_by_logins_is_of_its_portal_and_at_its_place():
    """Who is switched off, on, or left so, who is found by the ledger alone, who may be a double."""
    desired = [
        member("off", "off@x", {"status": "inactive"}),
        member("on", "on@x", {"status": "active"}),
        member("left", "left@x"),
        member("ledger"),
        member("new", "new@x", {"name": "Olga"}),
    ]
    users = [
        user(1, "off@x"),
        user(2, "on@x", {"status": "inactive"}),
        user(3, "left@x", {"status": "inactive"}),
        user(4, "old@x"),
        user(5, "gone@x"),
        user(6, "z@x", name="Olga"),
    ]
    made = staff(desired, users, ours((4, "ledger"), (5, "gone")), removal="deactivate")
    assert names(made) == ["update:1", "update:2", "create:new", "deactivate:5"]
    assert keys(made.warnings) == ["gone", "ledger", "left", "new", "off", "on"]
    here = {("propertyfinder", each.key, each.source.file) for each in desired}
    assert places(made) == here | {("propertyfinder", "gone", None)}


def test_conflicts_over_what_is_out_of_sight_are_of_their_portal_and_at_their_place():
    """An id that somebody may have whom the list left out; switches that are not shown, all of
    them named."""
    made = plan([file("b", NEW, id=1)], [live(1, "a")], complete=False)
    assert places(made) == {("rentix", "b", "agents/b.yaml")}
    agent = live(1, "a")
    seen = {path: value for path, value in agent.values.items() if "what" not in path}
    seen.pop("settings.contact_viber")
    desired = file("a", {"settings.contact_phone": False})
    made = plan([desired], [replace(agent, values=seen)])
    assert places(made) == {("rentix", "a", "agents/a.yaml")}
    hidden = "settings.contact_whatsapp and settings.contact_viber"
    assert f"the portal does not show {hidden}" in made.conflicts[0].reason


def test_what_is_sent_stands_where_it_is_declared():
    """Each value of an update and of a creation at its own line."""
    lines = {"name": 4, "phone": 5}
    update, create = plan(
        [file("a", NEW, lines=lines), file("b", NEW, phone=P, lines=lines)],
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


# -- entries ------------------------------------------------------------------------------------


def test_an_entry_says_who_what_and_why():
    """Key, live id, name, place, what found the agent, what is done and changed."""
    made = plan([file("a", {"name": "Ivan"}, phone=P, line=3)], [live(7, phone=P, name="Petr")])
    (entry,) = made.entries
    assert (entry.portal, entry.key, entry.id, entry.name) == ("rentix", "a", 7, "Ivan")
    assert (str(entry.source), entry.matched_by) == ("agents/a.yaml:3", "phone")
    assert entry.actions == ("link", "update")
    assert entry.changes == (
        Change("externalId", None, "a", "different", None, public=False),
        Change("name", "Petr", "Ivan", "different", None),
    )
    assert entry.live["name"] == "Petr"
    assert entry.reason == f"linked: phone {P} is a unique match"
    assert names(made) == ["link:7", "update:7"]


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
def test_an_entry_gives_its_reason(desired, agent, actions, reason):
    """In one line: what found the agent, and what gives way to what."""
    (entry,) = plan([desired], [agent]).entries
    assert (entry.actions, entry.reason) == (actions, reason)


def test_an_external_id_that_gives_way_is_what_was_before():
    """The link shows both, whichever of them anybody knows."""
    (entry,) = plan([file("a", id=1)], [live(1, "b")]).entries
    assert entry.changes == (Change("externalId", "b", "a", "different", None, public=False),)


def test_an_agent_without_a_declared_name_is_called_as_it_is_live():
    """The name in the plan is the declared one, else the portal's."""
    (entry,) = plan(
        [file("a", {"tiktok": "https://tiktok.com/@i"})], [live(1, "a", name="Ivan")]
    ).entries
    assert entry.name == "Ivan"


def test_entries_are_in_the_files_order_and_removals_last():
    """However the agents were found and whatever is done to them."""
    desired = [
        file("c", NEW, at="b.yaml", line=9, id=3),
        file("a", NEW, at="b.yaml", line=2),
        file("b", NEW, at="a.yaml", phone=P),
    ]
    agents = [live(9, "gone"), live(1, "a"), live(3)]
    made = plan(desired, agents, ours((9, "gone")), removal="unlink", **CREATING)
    assert [each.key for each in made.entries] == ["b", "a", "c", "gone"]


def test_a_link_that_was_undone_on_the_portal_is_drift():
    """Ours under this very key: somebody unlinked it. Else the link is pending, or nobody's."""

    def whose(prior):
        (entry,) = plan([file("a", id=1)], [live(1)], prior).entries
        return entry.attribution, entry.changes[0].attribution

    assert whose(ours((1, "a"))) == ("drift", "drift")
    assert whose(ours((1, "b"))) == ("pending", "pending")
    assert whose(ours((2, "c"))) == ("pending", "pending")
    assert whose(NOTHING) == (None, None)


def test_an_entry_is_drift_if_any_of_its_changes_is():
    """One value that the portal changed makes the agent's entry drift."""
    values = {"name": "Ivan", "tiktok": "https://tiktok.com/@i"}
    prior = recall(found(values, values), sent=values)
    edited = file("agent-001", {"name": "Oleg", "tiktok": "https://tiktok.com/@i"})
    for tiktok, whose in ((None, "drift"), ("https://tiktok.com/@i", "pending")):
        agent = live(15, "agent-001", {"name": "Ivan", "tiktok": tiktok})
        assert plan([edited], [agent], prior).entries[0].attribution == whose


# -- those who are not there --------------------------------------------------------------------


def test_an_agent_that_has_to_be_invited_waits():
    """Without creations: a warning, no conflict, no operation."""
    made = plan([file("a", NEW, phone=P)], [])
    assert (made.waiting, made.operations, made.conflicts, made.entries) == (("a",), (), (), ())
    assert "Invite the agent" in made.warnings[0].message


@pytest.mark.parametrize(
    ("desired", "options", "advice"),
    [
        (file("a", phone=P), {}, "a later run matches them by phone"),
        (file("a"), {}, "declare phone too"),
        (file("a", phone=P), {"order": ("id", "externalId")}, "declare id too"),
        (file("a"), {"identifiers": LOGIN, "order": ("id", "email")}, "declare email too"),
        (
            file("a", email="x"),
            {"identifiers": LOGIN, "order": ("email",)},
            "matches them by email",
        ),
    ],
)
def test_a_waiting_agent_is_told_how_it_will_be_found(desired, options, advice):
    """By what the file declares and this portal and `match` go by; else by what to declare."""
    (warning,) = plan([desired], [], **options).warnings
    assert advice in warning.message


def test_a_creation_sends_what_it_needs_and_what_is_declared():
    """External id, name and phone, and the declared values; the phone only here."""
    (create,) = plan([file("a", {**NEW, "avatar": {"id": 5}}, phone=P)], [], **CREATING).operations
    assert (create.name, create.verb, create.id, create.external_id) == (
        "create:a",
        "create",
        None,
        "a",
    )
    assert create.values == {"name": "Olga", "avatar": {"id": 5}, "phone": P}


def test_a_creations_entry_shows_everything_that_is_sent():
    """Each declared identifier and value, from nothing, and whom the portal was searched for."""
    made = plan([file("a", NEW, phone=P)], [], **CREATING)
    (entry,) = made.entries
    assert (entry.id, entry.matched_by, entry.actions, entry.attribution) == (
        None,
        None,
        ("create",),
        None,
    )
    assert {each.path: (each.before, each.after) for each in entry.changes} == {
        "externalId": (None, "a"),
        "phone": (None, P),
        "name": (None, "Olga"),
    }
    assert entry.reason == f"created: no agent has externalId a or phone {P}"
    assert (
        plan([file("a", NEW, phone=P)], [], ours((9, "z")), **CREATING).entries[0].attribution
        == "pending"
    )


@pytest.mark.parametrize(
    ("desired", "lacking"),
    [
        (file("a", NEW), "phone"),
        (file("a", phone=P), "name"),
        (file("a"), "name and phone"),
    ],
)
def test_a_creation_that_lacks_something_waits_and_says_what(desired, lacking):
    """The portal would refuse it, so it is not sent."""
    made = plan([desired], [], **CREATING)
    assert (made.waiting, made.operations) == (("a",), ())
    assert made.warnings[0].message.endswith(f"declare {lacking}.")
    more = plan([file("b")], [], needs=("name", "phone", "mobile"), **CREATING)
    assert more.warnings[0].message.endswith("declare name, phone and mobile.")


def test_a_creation_without_an_external_id_carries_none():
    """On a portal that does not ask for one, nothing is invented; nothing is waited for."""
    made = plan([file("a", NEW, phone=P)], [], needs=("name",), **CREATING)
    (create,) = made.operations
    assert (create.external_id, create.values, create.waits) == (None, NEW, ())
    nameless = plan([file("a", {"tiktok": "https://x.com/i"})], [], needs=(), **CREATING)
    assert nameless.entries[0].name == ""


def test_a_creation_on_a_portal_without_external_ids_goes_on():
    """Nothing is linked there, and nothing refused."""
    made = plan(
        [file("a", NEW, email="o@a.example")],
        [],
        identifiers=LOGIN,
        order=("id", "email"),
        needs=("email",),
        **CREATING,
    )
    assert made.operations[0].values == {"name": "Olga", "email": "o@a.example"}


def test_two_creations_with_one_phone_are_both_in_conflict():
    """They may be one person; where nobody is created, they wait like others."""
    desired = [file("a", NEW, phone=P), file("b", NEW, phone=P)]
    made = plan(desired, [], **CREATING)
    assert (keys(made.conflicts), made.operations, made.waiting) == (["a", "b"], (), ())
    made = plan(desired, [])
    assert (made.conflicts, made.operations, made.waiting) == ((), (), ("a", "b"))


def test_a_creation_clears_nothing():
    """A new agent has nothing yet, so null has nothing to say; an empty text and an empty list
    are values."""
    declared = {**NEW, "avatar": None, "youtube": None, "description.ru": ""}
    (create,) = plan([file("a", declared, phone=P)], [], **CREATING).operations
    assert create.values == {**NEW, "phone": P, "description": {"ru": ""}}
    declared = {**NEW, "phoneSecondary": None, "avatar": None, "spokenLanguages": []}
    (create,) = staff([member("a", "x@a.example", declared)], []).operations
    assert create.values == {"email": "x@a.example", **NEW, "spokenLanguages": []}


def test_a_creation_says_nothing_of_what_ends_an_agent():
    """Whoever is new is on the listings, and a creation takes no such value; where nothing ends
    an agent, the same value is one as any other."""
    desired = member("a", "x@a.example", {**NEW, "status": "active"})
    (create,) = staff([desired], []).operations
    assert create.values == {"email": "x@a.example", **NEW}
    (create,) = staff([desired], [], off=None).operations
    assert create.values == {"email": "x@a.example", **NEW, "status": "active"}


def test_what_a_creation_does_not_send_makes_it_no_other_one():
    """A refused creation is not tried again because of a null or the status."""
    plain, more = (
        staff([member("a", "x@a.example", {**NEW, **values})], []).operations[0]
        for values in ({}, {"status": "active", "avatar": None})
    )
    assert creation_form(plain) == creation_form(more)


def test_a_creation_that_was_refused_waits_until_the_file_changes():
    """The same is not tried again; any other value is."""
    desired = file("a", NEW, phone=P)
    (create,) = plan([desired], [], **CREATING).operations
    prior = PortalState(refused={"a": creation_form(create)})
    made = plan([desired], [], prior, **CREATING)
    assert (made.waiting, made.operations) == (("a",), ())
    assert "refused to create the agent" in made.warnings[0].message
    assert "not retried until the file changes" in made.warnings[0].message
    for changed in (file("a", {"name": "Olga Rusu"}, phone=P), file("a", NEW, phone=Q)):
        assert names(plan([changed], [], prior, **CREATING)) == ["create:a"]
    assert names(plan([file("b", NEW, phone=P)], [], prior, **CREATING)) == ["create:b"]


@pytest.mark.parametrize("create", [False, True])
def test_nobody_is_absent_from_a_list_that_is_not_whole(create):
    """The agent may be in the other part: a conflict, never a creation, never waiting."""
    made = plan([file("a", NEW, phone=P)], [live(1)], complete=False, create=create)
    assert (made.waiting, made.operations, made.complete) == ((), (), False)
    (conflict,) = made.conflicts
    assert (conflict.portal, conflict.key, str(conflict.source)) == (
        "rentix",
        "a",
        "agents/a.yaml:1",
    )
    assert "not in the incomplete list" in conflict.reason


def test_a_creation_waits_until_its_external_id_is_free():
    """The pinned holder gives it up first."""
    desired = [file("b", id=1), file("a", NEW, phone=P)]
    made = plan(desired, [live(1, "a")], **CREATING)
    assert names(made) == ["unlink:1", "link:1", "create:a"]
    assert operation(made, "create:a").waits == ("unlink:1",)


def test_a_creation_never_takes_an_id_from_somebody_who_keeps_it():
    """The holder is left out of the selection: a conflict, since a PUT would change that one."""
    desired = [file("b", id=1), file("a", NEW, phone=P)]
    made = plan(desired, [live(1, "a")], selection=Selection(("a",)), **CREATING)
    assert (made.operations, made.entries) == ((), ())
    assert "b (agents/b.yaml:1), which this plan leaves out" in made.conflicts[0].reason


# -- conflicts ----------------------------------------------------------------------------------


def refuses(key):
    """A portal that would refuse this agent's profile."""
    return lambda each: "its profile takes 600 KB." if each.key == key else None


def test_a_profile_that_the_portal_would_refuse_is_a_conflict_of_the_whole_agent():
    """Too large: neither updated nor linked, and told at the file's place; others go on."""
    desired = [file("a", NEW, id=1), file("b", NEW, id=2)]
    made = plan(desired, [live(1), live(2)], refuses=refuses("a"))
    (conflict,) = made.conflicts
    assert (conflict.key, conflict.reason) == ("a", "its profile takes 600 KB.")
    assert names(made) == ["link:2", "update:2"]
    assert keys(made.matches) == keys(made.entries) == ["b"]


def test_a_creation_that_the_portal_would_refuse_is_a_conflict():
    """It neither waits nor goes out."""
    made = plan([file("a", NEW, phone=P)], [], refuses=refuses("a"), **CREATING)
    assert (keys(made.conflicts), made.operations, made.waiting, made.entries) == (
        ["a"],
        (),
        (),
        (),
    )


def test_who_holds_an_external_id_is_the_candidate_of_the_conflict():
    """With the id that is asked for, so that a reader finds them."""
    (conflict,) = plan([file("a", id=1)], [live(1), live(2, "a", name="Ivan")]).conflicts
    assert conflict.candidates == (Candidate(2, "Ivan", "a"),)


def test_an_agent_in_conflict_takes_no_external_id_from_who_had_its_file():
    """The former one is unlinked for the agent's sake, so where that one is left alone, they are."""
    desired, agents = [file("a", NEW, id=2)], [live(1, "a"), live(2)]
    made = plan(desired, agents, ours((1, "a")), removal="unlink", refuses=refuses("a"))
    assert (keys(made.conflicts), made.entries, made.operations) == (["a"], (), ())


def test_refusals_of_external_ids_and_of_logins_are_all_conflicts():
    """On a portal that has both, neither hides the other."""
    login = Identifier("login", "key", moves="update")
    desired = [file("a", NEW, id=1), file("id:2", {"login": "y"}, login="y")]
    agents = [
        live(1),
        live(2, "b"),
        replace(live(3, "a"), identity={"externalId": "a", "login": "y"}),
    ]
    made = plan(
        desired,
        agents,
        fields=(*FIELDS, Field("login", Sort.TEXT)),
        identifiers=(*IDENTIFIERS, login),
    )
    assert (keys(made.conflicts), made.operations) == (["a", "id:2"], ())


def test_a_conflict_spreads_to_those_who_wait_and_to_nobody_else():
    """The too large agent keeps its id, so who wants that is in conflict; a third goes on."""
    desired = [file("b", NEW, id=1), file("a", id=2), file("c", NEW, id=3)]
    made = plan(desired, [live(1, "a"), live(2), live(3, "c")], refuses=refuses("b"))
    assert keys(made.conflicts) == ["a", "b"]
    assert names(made) == ["update:3"]
    assert made.conflicts[0].candidates[0].id == 1


def test_a_conflict_names_the_person():
    """By the declared name, else by the name on the portal; "" if neither is known."""
    desired = [
        file("named", NEW, id=98),
        file("unknown", id=99),
        file("matched", id=1),
        file("shared", {"name": "Ivan"}, phone=P),
    ]
    agents = [live(1, name="Petr"), live(2, "matched"), live(3, phone=P), live(4, phone=P)]
    made = plan(desired, agents)
    assert {each.key: each.name for each in made.conflicts} == {
        "named": "Olga",
        "unknown": "",
        "matched": "Petr",
        "shared": "Ivan",
    }


def test_a_warning_names_the_person():
    """An agent that waits, one that is matched, and one that no file declares."""
    desired = [file("wait", NEW), file("matched", phone=P), file("nameless")]
    agents = [live(1, "matched", phone=Q, name="Petr"), live(9, "gone", name="Ivan")]
    made = plan(desired, agents, ours((9, "gone")))
    assert {each.key: each.name for each in made.warnings} == {
        "wait": "Olga",
        "matched": "Petr",
        "nameless": "",
        "gone": "Ivan",
    }


def test_a_warning_about_a_removed_agent_names_them_and_not_who_has_their_key():
    """The file gives the removed agent's external id to another agent."""
    desired, agents = [file("a", NEW, id=2)], [live(1, "a", name="Ivan"), live(2, name="Petr")]
    made = plan(desired, agents, ours((1, "a")), removal="unlink")
    (warning,) = made.warnings
    assert (warning.key, warning.source, warning.name) == ("a", None, "Ivan")
    assert "agent 1 will be unlinked" in warning.message


def test_changes_are_public_if_visitors_see_them():
    """Values of public fields, in an update, a creation and a deactivation; not identifiers."""
    made = staff(
        [
            member("a", Y, {"name": "N", "mobile": P}, id=1),
            member("new", "new@a.example", {"name": "Olga", "mobile": P}),
        ],
        [user(1, X), user(9, "gone@a.example")],
        ours((9, "gone")),
        removal="deactivate",
    )
    shown = {
        entry.key: {each.path: each.public for each in entry.changes} for entry in made.entries
    }
    assert shown == {
        "a": {"email": False, "name": True, "mobile": False},
        "new": {"email": False, "name": True, "mobile": False},
        "gone": {"status": False},
    }


def test_nothing_else_is_said_of_an_agent_in_conflict():
    """No warning and no value that was not taken beside the conflict."""
    values = {"name": "Ivan ", "description.ru": "Р"}
    prior = recall(found({"name": "Ivan "}, {"name": "Ivan"}), sent=["name"])
    agent = live(15, "agent-001", {"name": "Ivan", "description": "E"}, phone=Q)
    desired = file("agent-001", values, phone=P)
    made = plan([desired], [agent], prior)
    assert (len(made.warnings), len(made.not_taken)) == (3, 1)
    made = plan([desired], [agent], prior, refuses=refuses("agent-001"))
    assert (made.warnings, made.not_taken, made.operations) == ((), (), ())


def test_conflicts_and_warnings_are_in_the_files_order():
    """As a reader goes through the files; what is in no file comes last."""
    desired = [
        file("b", at="b.yaml", line=2, id=99),
        file("d", at="b.yaml", line=4),
        file("a", at="a.yaml", id=98),
        file("c", at="a.yaml", line=7),
    ]
    made = plan(desired, [live(9, "gone")], ours((9, "gone")))
    assert [each.key for each in made.conflicts] == ["a", "b"]
    assert [each.key for each in made.warnings] == ["c", "d", "gone"]


# -- selections ---------------------------------------------------------------------------------


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
def test_a_selection_is_of_keys_and_files_by_globs(selection, chosen):
    """Targets less excludes, by key or file, with letter case; `without` are keys as they are."""
    desired = [
        file("b1", NEW, at="agents/1.yaml"),
        file("b2", NEW, at="agents/north/2.yaml"),
        file("c1", NEW, at="agents/north/3.yaml"),
    ]
    agents = [live(1, "b1"), live(2, "b2"), live(3, "c1")]
    made = plan(desired, agents, selection=selection)
    assert keys(made.entries) == keys(made.matches) == chosen
    assert made.declared == len(chosen)


@pytest.mark.parametrize("pattern", ["agents/*", "*a.yml", "agents/a.yml"])
def test_a_pattern_with_a_slash_or_a_files_ending_is_one_of_files(pattern):
    """Both endings that a file can have; without them it is one of keys alone."""
    desired = file("key", NEW, at="agents/a.yml")
    assert keys(plan([desired], [live(1, "key")], selection=Selection((pattern,))).entries)
    assert not keys(plan([desired], [live(1, "key")], selection=Selection(("*a*",))).entries)


@pytest.mark.parametrize("key", ["agent[1]", "a*b", "what?"])
def test_an_agent_is_a_target_by_its_very_key(key):
    """Whatever characters an external id has, naming it selects it."""
    made = plan([file(key, NEW, at="x.yaml")], [live(1, key)], selection=Selection((key,)))
    assert keys(made.entries) == [key]


def test_those_left_out_are_matched_and_left_alone():
    """Neither their warnings nor their conflicts nor their absence is told; yet nobody takes
    their agent."""
    desired = [file("a", id=9), file("b"), file("c", id=1), file("d", {"name": "X "}, phone=P)]
    agents = [live(1, phone=P)]
    everything = plan(desired, agents)
    assert keys(everything.conflicts) == ["a", "d"]
    assert everything.waiting == ("b",)
    made = plan(desired, agents, selection=Selection(("d",)))
    assert (keys(made.conflicts), made.waiting, made.warnings, made.operations) == (
        ["d"],
        (),
        (),
        (),
    )
    none = plan(desired, agents, selection=Selection(("z",)), **CREATING)
    assert (none.entries, none.operations, none.conflicts, none.warnings) == ((), (), (), ())


# -- agents that no file declares now -----------------------------------------------------------


def test_a_removed_agent_is_reported():
    """It was ours and no file declares it: told, and left as it is."""
    made = plan([], [live(1, "gone", name="Ivan"), live(2, "foreign")], ours((1, "gone")))
    (warning,) = made.warnings
    assert (warning.portal, warning.key, warning.source) == ("rentix", "gone", None)
    assert "agent 1 Ivan" in warning.message
    assert (made.entries, made.operations) == ((), ())


def test_a_removed_agent_is_unlinked_where_that_is_asked_for():
    """The external id is taken off, the entry says why, the warning what listings lose."""
    made = plan([], [live(1, "gone"), live(2, "foreign")], ours((1, "gone")), removal="unlink")
    (unlink,) = made.operations
    assert (unlink.name, unlink.id, unlink.external_id, unlink.source) == (
        "unlink:1",
        1,
        "gone",
        None,
    )
    (entry,) = made.entries
    assert (entry.key, entry.actions, entry.source, entry.attribution) == (
        "gone",
        ("unlink",),
        None,
        "pending",
    )
    assert [(each.path, each.before, each.after) for each in entry.changes] == [
        ("externalId", "gone", None)
    ]
    assert "listings assigned by externalId gone lose their agent" in made.warnings[0].message


@pytest.mark.parametrize("removal", [None, "unlink"])
@pytest.mark.parametrize(
    ("agent", "prior"),
    [
        (live(1, "gone"), NOTHING),
        (live(1, "gone"), ours((2, "gone"))),
        (live(1, "other"), ours((1, "gone"))),
        (live(1), ours((1, "gone"))),
    ],
    ids=["no-memory", "never-ours", "linked-anew", "unlinked"],
)
def test_only_what_is_still_ours_is_removed(agent, prior, removal):
    """Without memory, never matched, or linked otherwise by somebody since: not ours."""
    made = plan([], [agent], prior, removal=removal)
    assert (made.warnings, made.operations, made.entries) == ((), (), ())


def test_nobody_is_removed_by_a_list_that_is_not_whole():
    """Nothing is pruned unless the list is known to be whole."""
    made = plan([], [live(1, "gone")], ours((1, "gone")), removal="unlink", complete=False)
    assert (made.warnings, made.operations) == ((), ())


def test_an_agent_without_an_external_id_can_only_be_reported():
    """There is nothing to take off."""
    made = plan([], [live(1)], ours((1, "id:1")), removal="unlink")
    assert (len(made.warnings), made.operations) == (1, ())


def test_a_removed_agent_of_a_portal_without_external_ids_is_reported():
    """It was ours and no file declares it; that nothing links agents there does not matter."""
    made = plan([], [live(1)], ours((1, "gone")), identifiers=LOGIN, order=("id", "email"))
    assert keys(made.warnings) == ["gone"]


def test_removals_are_selected_by_their_key():
    """A target or an exclude of other agents leaves them out."""
    left_out = Selection(without=frozenset([("rentix", "gone")]))
    for selection in (Selection(("a*",)), Selection((), ("gone",)), left_out):
        made = plan([], [live(1, "gone")], ours((1, "gone")), removal="unlink", selection=selection)
        assert (made.warnings, made.operations) == ((), ())
    made = plan(
        [], [live(1, "gone")], ours((1, "gone")), removal="unlink", selection=Selection(("gone",))
    )
    assert names(made) == ["unlink:1"]


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection((), ("agents/north/*",)),
        Selection(("gone",)),
        Selection((), (), frozenset([("rentix", "a")])),
    ],
)
def test_whom_a_conflict_is_about_is_not_removed(selection):
    """The file's external id was changed without a pin: the phone says that it may be that
    person, so nobody is unlinked, whatever part of the files the plan looks at."""
    desired = [file("a", at="agents/north/a.yaml", phone=P)]
    agents = [live(1, "gone", phone=P)]
    made = plan(desired, agents, ours((1, "gone")), removal="unlink", selection=selection)
    assert (made.operations, made.warnings) == ((), ())


@pytest.mark.parametrize("order", [("id",), ("id", "phone"), ("phone",)])
def test_an_agent_whose_file_is_still_there_is_not_removed(order):
    """`match` no longer goes by external ids, so the file finds nobody; it declares the agent
    all the same, and nobody is unlinked."""
    made = plan([file("a", NEW)], [live(1, "a")], ours((1, "a")), removal="unlink", order=order)
    assert "unlink:1" not in names(made)


def test_an_agent_that_is_declared_under_another_key_is_not_removed():
    """By id, found as before: it is ours under its new key."""
    made = plan([file("id:1")], [live(1, "a")], ours((1, "a")), removal="unlink")
    assert (made.operations, made.warnings) == ((), ())


def test_a_removed_agents_id_can_go_to_another():
    """The file pins somebody else for the same external id: unlinked there, linked here."""
    desired, agents = [file("a", id=2)], [live(1, "a"), live(2)]
    made = plan(desired, agents, ours((1, "a")), removal="unlink")
    assert names(made) == ["unlink:1", "link:2"]
    assert operation(made, "link:2").waits == ("unlink:1",)
    kept = plan(desired, agents, ours((1, "a")))
    assert kept.operations == ()
    assert "no file declares that agent" in kept.conflicts[0].reason


# -- naming agents by external id ---------------------------------------------------------------


def test_updates_by_external_id_wait_for_the_link():
    """Named by an id that is not theirs yet, they would change somebody else, or create one."""
    desired = [file("b", NEW, id=1), file("a", NEW, id=2), file("c", NEW)]
    agents = [live(1, "a"), live(2, "b"), live(3, "c")]
    made = plan(desired, agents, by_handle=True)
    assert operation(made, "update:1").waits == ("link:1",)
    assert operation(made, "update:2").waits == ("link:2",)
    assert operation(made, "update:3").waits == ()
    assert [operation(made, f"update:{each}").external_id for each in (1, 2, 3)] == ["b", "a", "c"]
    by_id = plan(desired, agents)
    assert {each.waits for each in by_id.operations if each.verb == "update"} == {()}


def test_an_update_names_the_external_id_that_the_agent_has_by_then():
    """The declared one; else the one it has, which no file takes away; else none."""
    for desired, agent, external in (
        (file("id:1", NEW), live(1, "b"), "b"),
        (file("id:1", NEW), live(1), None),
        (file("a", NEW, id=1), live(1, "b"), "a"),
    ):
        made = plan([desired], [agent], by_handle=True)
        assert operation(made, "update:1").external_id == external


# -- off all listings -----------------------------------------------------------------------------

ACTIVE, INACTIVE = {"status": "active"}, {"status": "inactive"}
X, Y = "x@a.example", "y@a.example"


def messages(draft):
    """Key and message of each warning."""
    return [(each.key, each.message) for each in draft.warnings]


def test_an_agent_who_is_declared_inactive_is_deactivated_and_it_is_told():
    """A verb of its own, so that nobody takes it for one more change."""
    made = staff([member("a", X, INACTIVE)], [user(1, X, profile=9)])
    (only,) = made.operations
    assert (only.name, only.verb, only.id, only.values) == ("update:1", "deactivate", 1, INACTIVE)
    assert only.aliases == {"publicProfileId": 9}
    assert made.entries[0].actions == ("deactivate",)
    assert messages(made) == [
        ("a", "agent 1 will be deactivated, which takes them off all listings."),
    ]


def test_an_agent_who_is_deactivated_can_be_updated_too():
    """One operation with both, and both are said."""
    made = staff([member("a", X, {**INACTIVE, "name": "New"})], [user(1, X)])
    assert [(each.verb, each.values) for each in made.operations] == [
        ("deactivate", {**INACTIVE, "name": "New"})
    ]
    assert made.entries[0].actions == ("deactivate", "update")


def test_an_agent_who_is_inactive_already_is_not_deactivated_again():
    """Declared so and shown so: nothing to do, nothing to tell; another change is an update."""
    agent = user(1, X, INACTIVE)
    made = staff([member("a", X, INACTIVE)], [agent])
    assert (made.operations, made.entries, made.warnings) == ((), (), ())
    made = staff([member("a", X, {**INACTIVE, "name": "New"})], [agent])
    assert [each.verb for each in made.operations] == ["update"]
    assert made.warnings == ()


def test_an_agent_who_is_declared_active_is_activated_and_it_is_told():
    """An update, and a word at the line that says so: the portal publishes them again."""
    made = staff([member("a", X, ACTIVE, lines={"status": 7})], [user(1, X, INACTIVE, name="Ivan")])
    assert [(each.verb, each.values) for each in made.operations] == [("update", ACTIVE)]
    assert made.entries[0].actions == ("update",)
    assert messages(made) == [
        ("a", "agent 1 Ivan will be activated: the portal publishes them again."),
    ]
    assert made.warnings[0].source.line == 7


def test_an_inactive_agent_whose_file_says_nothing_of_it_is_told():
    """Somebody switched them off: it is left so, and not left unsaid."""
    made = staff([member("a", X)], [user(1, X, INACTIVE, name="Ivan")])
    assert (made.operations, made.entries) == ((), ())
    message = (
        "agent 1 Ivan is inactive on the portal, which shows them on no listing, and the file "
        "does not declare status."
    )
    assert messages(made) == [("a", message)]
    assert staff([member("a", X)], [user(1, X)]).warnings == ()


def test_an_agent_in_conflict_is_neither_activated_nor_deactivated():
    """Nothing is done, and nothing else is told."""
    for values, shown in ((INACTIVE, ACTIVE), (ACTIVE, INACTIVE), ({}, INACTIVE)):
        made = staff(
            [member("a", X, {**values, "name": "N"})], [user(1, X, shown)], refuses=refuses("a")
        )
        assert (keys(made.conflicts), made.operations, made.warnings) == (["a"], (), ())


def test_an_absent_agent_who_is_declared_inactive_is_not_created():
    """There is nobody to take off the listings."""
    made = staff([member("a", X, {**INACTIVE, "name": "Olga"})], [])
    assert (made.operations, made.entries, made.waiting) == ((), (), ("a",))
    assert "not on the portal, and declared inactive" in made.warnings[0].message
    assert names(staff([member("a", X, {**ACTIVE, "name": "Olga"})], [])) == ["create:a"]


def test_a_removed_agent_is_deactivated_where_that_is_asked_for():
    """It was ours and no file declares it: one operation, with the portal's ids, and it is told."""
    agents = [user(1, X, name="Ivan", profile=9), user(2, Y)]
    made = staff([], agents, ours((1, "gone")), removal="deactivate")
    (only,) = made.operations
    assert (only.name, only.verb, only.key, only.id, only.source) == (
        "deactivate:1",
        "deactivate",
        "gone",
        1,
        None,
    )
    assert (only.values, only.aliases) == (INACTIVE, {"publicProfileId": 9})
    (entry,) = made.entries
    assert (entry.key, entry.name, entry.actions) == ("gone", "Ivan", ("deactivate",))
    assert [(each.path, each.before, each.after) for each in entry.changes] == [
        ("status", "active", "inactive")
    ]
    assert entry.reason.startswith("deactivated: ")
    assert messages(made) == [
        ("gone", "agent 1 will be deactivated, which takes them off all listings."),
    ]


@pytest.mark.parametrize("removal", [None, "deactivate"])
def test_a_removed_agent_who_is_inactive_is_done_with(removal):
    """Neither deactivated a second time nor reported for ever."""
    made = staff([], [user(1, X, INACTIVE)], ours((1, "gone")), removal=removal)
    assert (made.operations, made.entries, made.warnings) == ((), (), ())


def test_a_removed_agent_is_reported_where_nothing_else_is_asked_for():
    """As on any portal."""
    made = staff([], [user(1, X)], ours((1, "gone")))
    assert (made.operations, keys(made.warnings)) == ((), ["gone"])


def test_whom_a_login_finds_against_the_memory_is_not_deactivated():
    """The file declares the login of an agent whose own file is gone: who it is has to be said,
    and until then neither of the two is taken off."""
    users, prior = [user(1, X), user(2, Y)], ours((1, "a"), (2, "gone"))
    made = staff([member("a", Y)], users, prior, removal="deactivate")
    assert (keys(made.conflicts), made.operations, made.warnings) == (["a"], (), ())
    alone = staff([member("a", X)], users, prior, removal="deactivate")
    assert names(alone) == ["deactivate:2"]


def test_an_agent_whose_key_is_anothers_now_is_reported_and_not_deactivated():
    """Somebody was mistaken for them, or took over: who is still on the portal is told by name,
    and nothing is done; whoever has the key now is as any other."""
    users = [user(1, X, name="Ivan"), user(2, Y, name="Olga")]
    made = staff([member("a", Y, id=2)], users, ours((1, "a")), removal="deactivate")
    assert (made.operations, made.entries, made.conflicts) == ((), (), ())
    (warning,) = made.warnings
    assert (warning.key, warning.source, warning.name) == ("a", None, "Ivan")
    assert "agent 1 Ivan was applied from here, but no file declares them" in warning.message
    assert "a is now agent 2 Olga. The portal still shows them" in warning.message
    alone = staff([], users, ours((1, "a")), removal="deactivate")
    assert names(alone) == ["deactivate:1"]
    other = staff([], users[:1], ours((1, "a")))
    (warning,) = other.warnings
    assert "no file declares them any more. The portal still shows them" in warning.message


STATUS = next(field for field in STAFF if field.name == "status")


def told_off(value="inactive", shown="active", key="gone"):
    """A memory in which agent 1 was given this status, and the portal showed that one after."""
    kept = FieldState(digest(STATUS, value), digest(STATUS, shown))
    return PortalState({"1": AgentState(key, {"status": kept})})


def test_a_deactivation_that_the_portal_ignored_is_told_and_not_repeated():
    """It was told to take the agent off and shows them as before: it is an unmet value, at no
    file, with what to do."""
    made = staff([], [user(1, X)], told_off(), removal="deactivate")
    assert (made.operations, made.entries) == ((), ())
    unmet = Unmet("propertyfinder", "gone", None, "status", "inactive", "active")
    assert made.not_taken == (unmet,)
    assert places(made) == {("propertyfinder", "gone", None)}
    (warning,) = made.warnings
    assert "status: the portal was sent “inactive” but shows “active”." in warning.message
    assert "deactivate_by in portals.propertyfinder" in warning.message


def test_an_ignored_deactivation_is_told_also_where_the_key_is_anothers_now():
    """The former agent is still on the listings, whoever has the key."""
    made = staff(
        [member("a", Y, id=2)], [user(1, X), user(2, Y)], told_off(key="a"), removal="deactivate"
    )
    assert [(each.key, each.path) for each in made.not_taken] == [("a", "status")]
    assert (made.operations, len(made.warnings)) == ((), 1)


@pytest.mark.parametrize(
    ("prior", "agent"),
    [
        (told_off(), user(1, X, {"status": "invited"})),
        (told_off(shown="inactive"), user(1, X)),
        (told_off(value="active"), user(1, X)),
        (ours((1, "gone")), user(1, X)),
    ],
    ids=["another-since", "switched-on-since", "told-otherwise", "never-told"],
)
def test_a_deactivation_that_was_not_ignored_is_sent(prior, agent):
    """The portal shows something else than after it was told, or never was told: it is now."""
    made = staff([], [agent], prior, removal="deactivate")
    assert (names(made), made.not_taken) == (["deactivate:1"], ())


def test_an_ignored_deactivation_is_history_where_none_is_asked_for():
    """The configuration only reports now: nothing was meant to be done."""
    made = staff([], [user(1, X)], told_off())
    assert (made.not_taken, made.operations, len(made.warnings)) == ((), (), 1)
    assert "no file declares them" in made.warnings[0].message


def mobile(number, said, email=X, name="Ivan"):
    """A live agent with this mobile."""
    agent = user(number, email, name=name)
    return replace(agent, identity={**agent.identity, "mobile": said})


@pytest.mark.parametrize("recall", [True, False])
def test_nobody_who_is_a_candidate_of_a_conflict_is_deactivated(recall):
    """The file got a new key and a new login, and the mobile says that it may be the same person:
    neither a second one nor one the less."""
    desired = [member("new", Y, {"name": "Ivan"}, mobile=P)]
    agents, prior = [mobile(1, P), user(2, "z@a.example")], ours((1, "old"), (2, "gone"))
    made = staff(desired, agents, prior, removal="deactivate", recall=recall)
    assert keys(made.conflicts) == ["new"]
    assert (names(made), keys(made.entries)) == (["deactivate:2"], ["gone"])
    assert keys(made.warnings) == ["gone"]
    alone = staff([], agents, prior, removal="deactivate")
    assert names(alone) == ["deactivate:1", "deactivate:2"]


def test_a_person_who_may_be_another_is_not_deactivated():
    """The key has another name and another login now: the former agent is the conflict's
    candidate, and stays."""
    desired = [member("a", Y, {"name": "Olga"})]
    made = staff(desired, [user(1, X, name="Ivan")], ours((1, "a")), removal="deactivate")
    assert keys(made.conflicts) == ["a"]
    assert (made.operations, made.entries, made.warnings) == ((), (), ())


def test_deactivations_are_limited_like_removals():
    """Those that a file declares and those of agents whose file is gone, together."""
    desired = [member(f"a{at}", f"{at}@x", INACTIVE if at < 2 else ACTIVE) for at in range(10)]
    users = [user(at, f"{at}@x") for at in range(11)]
    limits, prior = Limits(1.0, 0.2, 10), ours((10, "gone"))
    assert staff(desired, users, prior, limits=limits).excess == ()
    (said,) = staff(desired, users, prior, limits=limits, removal="deactivate").excess
    assert said.startswith("3 of 10 agents on propertyfinder would be taken off (30%)")
    off = [user(at, f"{at}@x", INACTIVE) for at in range(11)]
    activated = staff(desired, off, prior, limits=Limits(1.0, 0.0, 10), removal="deactivate")
    assert (len(activated.operations), activated.excess) == (8, ())


# -- logins, and whom the memory knows ------------------------------------------------------------


def test_a_login_that_moves_is_an_update_in_an_order_that_the_portal_takes():
    """The one who gives it up goes first, whatever the files' order, and the other waits."""
    desired = [member("a", Y, id=1), member("b", "z@a.example", id=2)]
    made = staff(desired, [user(1, X), user(2, Y)])
    assert [(each.name, each.waits) for each in made.operations] == [
        ("update:2", ()),
        ("update:1", ("update:2",)),
    ]
    assert [each.key for each in made.entries] == ["a", "b"]


def test_a_login_that_its_holder_keeps_is_a_conflict_with_the_holder():
    """Left out of the plan, in conflict, or declared with that login: it keeps it."""
    desired = [member("a", Y, id=1), member("b", "z@a.example", id=2)]
    users = [user(1, X), user(2, Y)]
    for options in ({"selection": Selection(("a",))}, {"refuses": refuses("b")}):
        made = staff(desired, users, **options)
        said = {each.key: each for each in made.conflicts}
        assert "b (agents/b.yaml:1) and keeps it in this plan" in said["a"].reason
        assert [each.id for each in said["a"].candidates] == [2]
        assert (made.operations, made.entries) == ((), ())


def test_an_agent_in_conflict_over_a_login_is_left_alone_whole():
    """A name that differs is not sent either, and nothing is compared afterwards."""
    made = staff([member("a", Y, {"name": "N"}, id=1)], [user(1, X), user(2, Y)])
    assert (keys(made.conflicts), made.operations, made.matches) == (["a"], (), ())


def test_whom_only_the_memory_knows_is_updated_and_not_created():
    """The login is changed in the file: the agent of the last apply gets the new one."""
    made = staff([member("a", Y)], [user(1, X)], ours((1, "a")))
    assert [(each.name, each.values) for each in made.operations] == [("update:1", {"email": Y})]
    (entry,) = made.entries
    assert (entry.matched_by, entry.reason) == ("ledger", "matched: ledger")


def test_whom_only_the_memory_knows_is_to_be_looked_at():
    """A warning at the file names the person; where something else finds them, and in a conflict,
    there is none."""
    desired, agent, prior = member("a", Y), user(1, X, name="Ivan"), ours((1, "a"))
    made = staff([desired], [agent], prior)
    (warning,) = made.warnings
    assert (warning.key, warning.source) == ("a", desired.source)
    assert "matched only by the ledger" in warning.message
    assert "agent 1 Ivan" in warning.message
    assert staff([desired], [agent], prior, refuses=refuses("a")).warnings == ()
    assert staff([desired], [agent], prior, selection=Selection(("b",))).warnings == ()
    for found_otherwise in (member("a", X), member("a", Y, id=1)):
        assert staff([found_otherwise], [agent], prior).warnings == ()


def test_whom_the_memory_knows_is_not_created_even_where_it_does_not_find():
    """`match` without ids: the agent waits, and is told what to declare; without a memory it is
    created; and one whom the memory finds, and who is not listed any more, is a conflict."""
    desired = [member("a", Y, {"name": "Ivan"})]
    made = staff(desired, [user(1, X, name="Ivan")], ours((1, "a")), recall=False)
    assert (made.operations, made.waiting) == ((), ("a",))
    assert "was agent 1 Ivan at the last apply" in made.warnings[0].message
    assert "declare `propertyfinder.id: 1`" in made.warnings[0].message
    assert names(staff(desired, [user(1, X)], recall=False)) == ["create:a"]
    made = staff(desired, [user(2, X)], ours((1, "a")))
    assert (made.operations, made.waiting) == ((), ())
    assert made.conflicts[0].reason.startswith("was agent 1 at the last apply, but the portal")


def test_one_whom_the_portal_does_not_list_any_more_stops_nobody_else():
    """Whoever comes after them in the files is created all the same."""
    desired = [member("a", X, {"name": "Ivan"}), member("b", Y, {"name": "Olga"})]
    made = staff(desired, [], ours((1, "a")))
    assert names(made) == ["create:b"]
    (conflict,) = made.conflicts
    assert (conflict.portal, conflict.key, conflict.source) == (
        "propertyfinder",
        "a",
        desired[0].source,
    )


def test_a_creation_with_the_name_of_somebody_undeclared_is_told():
    """It may be the same person by another address; whom the files declare is somebody else."""
    desired = [member("a", X, {"name": "Olga"}), member("b", Y, {"name": "Olga"}, id=2)]
    users = [user(1, "o@old.example", name="Olga"), user(2, Y, name="Olga"), user(3, "p@x")]
    made = staff(desired, users)
    assert names(made) == ["create:a"]
    (warning,) = made.warnings
    assert warning.key == "a"
    assert "1 Olga, whom no file declares" in warning.message
    assert "declare `propertyfinder.id: 1`" in warning.message
    assert staff(desired, users[1:]).warnings == ()
    assert staff(desired, users, refuses=refuses("a")).warnings == ()


def test_a_creation_with_the_mobile_of_somebody_undeclared_is_a_conflict():
    """However it is spaced: it is told who has it and both ways out, and nobody is created."""
    desired = [member("a", Y, {"name": "Olga"}, mobile="+37322123456"), member("b", id=3)]
    made = staff(desired, [mobile(1, P), mobile(2, Q, "z@a.example"), user(3)])
    (conflict,) = made.conflicts
    assert (conflict.portal, conflict.key) == ("propertyfinder", "a")
    assert conflict.source == desired[0].source
    holder = "propertyfinder.mobile +37322123456 belongs to 1 Ivan, whom no file declares."
    assert conflict.reason.startswith(holder)
    assert "declare `propertyfinder.id: 1`; otherwise declare that agent too." in conflict.reason
    assert conflict.candidates == (Candidate(1, "Ivan", None),)
    assert (made.operations, made.entries, made.warnings) == ((), (), ())
    assert keys(made.matches) == ["b"]


def test_all_who_have_the_mobile_are_told():
    """Several undeclared agents share it: each may be the one."""
    agents = [mobile(1, P), mobile(2, P, "z@a.example", name="Oleg")]
    (conflict,) = staff([member("a", Y, {"name": "Olga"}, mobile=P)], agents).conflicts
    assert "belongs to 1 Ivan, 2 Oleg, whom no file declares" in conflict.reason
    assert [each.id for each in conflict.candidates] == [1, 2]


@pytest.mark.parametrize(
    "desired",
    [
        [member("a", Y, {"name": "Olga"}, mobile=P), member("b", X)],
        [member("a", Y, {"name": "Olga"}, mobile=P), member("b", id=1)],
        [member("a", Y, {"name": "Olga"}, mobile=Q)],
        [member("a", Y, {"name": "Olga"})],
    ],
    ids=["declared", "pinned", "another", "none"],
)
def test_a_mobile_of_nobody_undeclared_stops_no_creation(desired):
    """Whom a file declares is somebody else, who may share a phone."""
    made = staff(desired, [mobile(1, P), user(2)])
    assert (names(made), made.conflicts) == (["create:a"], ())


def test_the_mobile_of_who_is_there_already_is_no_hint():
    """Nobody is created, so nobody is created twice: found with a stranger's mobile, or waiting."""
    agents = [mobile(1, P), user(2, Y)]
    found_ = staff([member("a", Y, {"name": "Olga"}, mobile=P)], agents)
    assert (names(found_), found_.conflicts) == (["update:2"], ())
    waiting = staff([member("a", "n@a.example", mobile=P)], agents, create=False)
    assert (waiting.waiting, waiting.conflicts) == (("a",), ())


def test_a_creation_without_a_name_has_no_namesakes():
    """Where a portal asks for none, agents without one are not taken for the same person."""
    nameless = user(1, "o@old.example", name=" ")
    made = staff([member("a", X)], [replace(nameless, name="")], needs=("email",))
    assert (names(made), made.warnings) == (["create:a"], ())


def test_where_an_update_is_the_whole_agent_everything_goes_out():
    """The declared values, and of what no file declares what is shown; nothing without a change."""
    shown = {
        "bio.primary": "P",
        "bio.secondary": "S",
        "position.primary": "Agent",
        "position.secondary": "",
        "spokenLanguages": ["en"],
    }
    agent = user(1, X, shown, name="Ivan")
    desired = member("a", X, {"bio.primary": "New"})
    made = staff([desired], [agent], replaces=True)
    assert made.operations[0].values == {
        "email": X,
        "status": "active",
        "name": "Ivan",
        "bio": {"primary": "New", "secondary": "S"},
        "position": {"primary": "Agent"},
        "spokenLanguages": ["en"],
    }
    assert [each.path for each in made.entries[0].changes] == ["bio.primary"]
    assert staff([desired], [agent]).operations[0].values == {
        "bio": {"primary": "New", "secondary": "S"}
    }
    same = staff([member("a", X, {"bio.primary": "P"})], [agent], replaces=True)
    assert same.operations == ()


def test_a_whole_agent_has_what_the_portal_does_not_show_too():
    """A first name that was applied and is never shown: left out of a whole body, it would go."""
    declared, agent = member("a", X, {"firstName": "Ivan"}), user(1, X)
    prior = recall(Match(declared, agent, "email"), sent=["firstName"], fields=STAFF)
    assert staff([declared], [agent], prior, replaces=True).operations == ()
    renamed = member("a", X, {"firstName": "Ivan", "name": "New"})
    made = staff([renamed], [agent], prior, replaces=True)
    assert [each.path for each in made.entries[0].changes] == ["name"]
    assert made.operations[0].values["firstName"] == "Ivan"


def test_without_a_portal_agents_are_left_out_on_that_portal_alone():
    """One agent is on two portals, and is stale on one."""
    selection = Selection(without=frozenset([("propertyfinder", "a")]))
    made = staff([member("a", X, {"name": "N"})], [user(1, X)], selection=selection)
    assert (made.operations, made.declared) == ((), 0)
    other = plan([file("a", NEW)], [live(1, "a")], selection=selection)
    assert names(other) == ["update:1"]


# -- limits -------------------------------------------------------------------------------------


def changed(count, of, limits, **options):
    """What is over the limits where so many of so many agents change."""
    desired = [file(f"a{at}", NEW if at < count else None) for at in range(of)]
    agents = [live(at + 1, f"a{at}") for at in range(of)]
    return plan(desired, agents, limits=limits, **options).excess


def test_more_changes_than_the_share_are_over_the_limit():
    """30% of ten is three: a fourth is told with both numbers and the limit's name."""
    limits = Limits(0.3, 0.1, 10)
    assert changed(3, 10, limits) == ()
    (said,) = changed(4, 10, limits)
    assert said == "4 of 10 agents on rentix would change (40%); limits.changes allows 30%"


def test_below_the_floor_there_is_no_limit():
    """Nine agents may all change; at the floor the share counts."""
    assert changed(9, 9, Limits(0.3, 0.1, 10)) == ()
    assert len(changed(10, 10, Limits(0.3, 0.1, 10))) == 1


def test_a_share_is_of_all_declared_agents():
    """Not only of those that the plan looks at."""
    assert changed(10, 10, Limits(0.3, 0.1, 1), selection=Selection(("a0", "a1", "a2"))) == ()


def test_a_share_is_of_the_agents_of_all_portals_where_that_is_known():
    """Few of many are on this portal: 4 of its 10 are 4 of 20 agents; the count never falls below
    those of the portal itself."""
    assert len(changed(4, 10, Limits(0.3, 0.1, 1))) == 1
    assert changed(4, 10, Limits(0.3, 0.1, 1, agents=20)) == ()
    (said,) = changed(7, 10, Limits(0.3, 0.1, 1, agents=20))
    assert said == "7 of 20 agents on rentix would change (35%); limits.changes allows 30%"
    (said,) = changed(4, 10, Limits(0.3, 0.1, 1, agents=2))
    assert said.startswith("4 of 10 agents on rentix would change (40%)")


def test_the_floor_is_of_the_agents_of_all_portals_too():
    """Nine agents here and one elsewhere are ten."""
    assert changed(9, 9, Limits(0.3, 0.1, 10, agents=9)) == ()
    assert len(changed(9, 9, Limits(0.3, 0.1, 10, agents=10))) == 1


def test_removals_are_a_share_of_the_agents_of_all_portals():
    """Two of five are taken off here; of twenty they are a tenth. Who is taken off was declared
    until now, so they count for the floor."""
    desired = [file(f"a{at}") for at in range(3)]
    agents = [live(at, f"a{at}" if at < 3 else f"gone{at}") for at in range(5)]
    prior = ours((3, "gone3"), (4, "gone4"))

    def excess(**limits):
        return plan(
            desired, agents, prior, removal="unlink", limits=Limits(1.0, 0.1, **limits)
        ).excess

    assert len(excess(floor=5)) == 1
    assert excess(floor=6) == ()
    assert excess(floor=5, agents=20) == ()
    assert len(excess(floor=20, agents=18)) == 1
    assert excess(floor=21, agents=18) == ()


def test_removals_have_a_limit_of_their_own():
    """They count as changes too."""
    desired = [file(f"a{at}") for at in range(10)]
    agents = [live(at, f"a{at}" if at < 10 else f"gone{at}") for at in range(14)]
    prior = ours(*((at, f"gone{at}") for at in range(10, 14)))
    made = plan(desired, agents, prior, removal="unlink", limits=Limits(0.3, 0.1, 10))
    assert len(made.operations) == 4
    changes, removals = made.excess
    assert changes.startswith("4 of 10 agents on rentix would change (40%)")
    assert (
        removals == "4 of 10 agents on rentix would be taken off (40%); limits.removals allows 10%"
    )


def test_with_nobody_declared_any_removal_is_over_a_limit_without_a_floor():
    """An empty folder is no reason to divide by nothing."""
    made = plan(
        [], [live(1, "gone")], ours((1, "gone")), removal="unlink", limits=Limits(0.3, 0.1, 0)
    )
    assert len(made.excess) == 2


@pytest.mark.parametrize(("percent", "of"), [(29, 100), (58, 50), (57, 100), (41, 300), (7, 100)])
def test_exactly_the_share_is_within_the_limit(percent, of):
    """29% of a hundred agents is 29 of them, whatever binary fractions make of it."""
    limits, exactly = Limits(percent / 100, 1.0, 0), percent * of // 100
    assert changed(exactly, of, limits) == ()
    assert len(changed(exactly + 1, of, limits)) == 1


def test_a_share_that_is_no_whole_number_of_agents_allows_no_part_of_one_more():
    """29.9% of ten are two; and of a single agent there is all or nothing."""
    assert changed(2, 10, Limits(0.299, 1.0, 0)) == ()
    assert len(changed(3, 10, Limits(0.299, 1.0, 0))) == 1
    assert changed(1, 1, Limits(0.5, 1.0, 0)) == (
        "1 of 1 agents on rentix would change (100%); limits.changes allows 50%",
    )


# -- packing ------------------------------------------------------------------------------------

MOST, BUDGET = st.integers(1, 6), st.integers(1, 40)


@st.composite
def packing(draw):
    """Sizes, the most items in a bin, and the bytes in a bin; no item is too large for one."""
    most, budget = draw(MOST), draw(BUDGET)
    return draw(st.lists(st.integers(1, budget), max_size=25)), most, budget


def first_fit_decreasing(sizes, most, budget):
    """The number of bins of the textbook's way."""
    bins = []
    for size in sorted(sizes, reverse=True):
        for each in bins:
            if len(each) < most and sum(each) + size <= budget:
                each.append(size)
                break
        else:
            bins.append([size])
    return len(bins)


@given(packing())
def test_packing_holds_to_both_limits_and_loses_nothing(given_):
    """Every item is in exactly one bin; no bin has too many or too large a sum; bins are in order."""
    sizes, most, budget = given_
    bins = pack(sizes, most, budget)
    assert sorted(place for each in bins for place in each) == list(range(len(sizes)))
    assert all(0 < len(each) <= most for each in bins)
    assert all(sum(sizes[place] for place in each) <= budget for each in bins)
    assert bins == sorted(sorted(each) for each in bins)


@given(packing())
def test_packing_takes_no_more_bins_than_first_fit_decreasing(given_):
    """And no fewer than any packing must."""
    sizes, most, budget = given_
    count = len(pack(sizes, most, budget))
    assert count <= first_fit_decreasing(sizes, most, budget)
    assert count >= max(ceil(len(sizes) / most), ceil(sum(sizes) / budget))


@settings(deadline=None)  # the time depends on the machine
@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 120), st.integers(1, 500))
def test_items_of_one_size_take_the_fewest_bins_there_can_be(count, size, most, budget):
    """As many in each as the tighter limit allows, in their order."""
    assume(size <= budget)
    bins = pack([size] * count, most, budget)
    assert len(bins) == ceil(count / min(most, budget // size))
    assert [place for each in bins for place in each] == list(range(count))


def test_packing_keeps_the_order_unless_that_costs_a_bin():
    """As declared where possible; the largest first where only that saves a request."""
    assert pack([3, 3, 3, 3], 10, 6) == [[0, 1], [2, 3]]
    assert pack([2, 5, 4, 1], 10, 6) == [[0, 2], [1, 3]]


def test_packing_puts_nothing_before_what_comes_first():
    """The last would fit beside the first, and stays where it is, as that takes no bin more."""
    assert pack([6, 5, 4], 10, 10) == [[0], [1, 2]]
    assert pack([1, 1, 1, 1, 1], 2, 10) == [[0, 1], [2, 3], [4]]


def test_packing_falls_back_to_the_order_where_the_largest_first_saves_nothing():
    """Neither reaches what the sizes alone would need: then the files' order is kept."""
    assert pack([4, 4, 4], 10, 7) == [[0], [1], [2]]
    assert pack([1, 3, 4, 4], 10, 6) == [[0, 1], [2], [3]]


# -- time, and one plan of several portals ------------------------------------------------------


def steps(count, path="/users", method="PUT", portal="rentix"):
    """So many requests, each after the one before."""
    return [
        Step(
            f"s{at}",
            Request(method, path),
            (Operation(f"update:{at}", "update", portal, f"a{at}", None, at),),
            (f"s{at - 1}",) if at else (),
        )
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "path", "expected"),
    [
        (0, "/users", 0),
        (1, "/users", 1),
        (100, "/users", 20),
        (300, "/users", 60),
        (301, "/users", 60),
        (601, "/users", 120),
        (30, "/users/bulk", 6),
        (31, "/users/bulk", 60),
        (61, "/users/bulk", 120),
    ],
)
def test_time_is_what_the_tightest_limit_forces(count, path, expected):
    """300 requests a minute, 30 of them bulk; a fifth of a second for each where none forces."""
    rate_limits = (RateLimit("all", 300), RateLimit("bulk", 30, (("PUT", "/users/bulk"),)))
    assert seconds(steps(count, path), rate_limits) == expected


def test_time_without_limits_is_a_fifth_of_a_second_each():
    """At least one whole second if there is anything to send."""
    assert [seconds(steps(count), ()) for count in (0, 1, 20)] == [0, 1, 4]


def test_one_plan_of_several_portals_numbers_the_steps_through():
    """Names of steps and what they come after stay those of their own portal."""
    empty = plan([], [])
    joined = join(
        {"one": empty, "two": empty}, {"one": steps(2), "two": steps(2)}, {"one": (), "two": ()}
    )
    assert [(step.id, step.after) for step in joined.steps] == [
        ("r1", ()),
        ("r2", ("r1",)),
        ("r3", ()),
        ("r4", ("r3",)),
    ]
    three = dict.fromkeys(("one", "two", "three"), steps(2))
    joined = join(dict.fromkeys(three, empty), three, dict.fromkeys(three, ()))
    assert [step.id for step in joined.steps] == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert joined.steps[-1].after == ("r5",)


def test_one_plan_of_several_portals_counts_every_agent_once():
    """Declared agents are changed, right, waiting or in conflict; removals are none of them."""
    desired = [
        file("changed", NEW),
        file("right"),
        file("waiting"),
        file("pinned", id=99),
        file("id:5"),
        file("five"),
    ]
    agents = [live(1, "changed"), live(2, "right"), live(5, "five"), live(9, "gone")]
    one = plan(desired, agents, ours((9, "gone")), removal="unlink", limits=Limits(0.0, 1.0, 0))
    two = plan([file("right")], [live(2, "right")], complete=False)
    joined = join({"one": one, "two": two}, {"one": steps(1), "two": ()}, {"one": (), "two": ()})
    assert (joined.declared, joined.unchanged) == (7, 2)
    assert joined.waiting == (("one", "waiting"),)
    assert keys(joined.conflicts) == ["five", "id:5", "pinned"]
    assert keys(joined.entries) == ["changed", "gone"]
    assert joined.complete is False
    assert len(joined.excess) == 1
    assert [each.key for each in joined.warnings] == ["waiting", "gone"]


def test_portals_are_served_at_the_same_time():
    """So a plan takes as long as the slowest of them, and not as long as all."""
    empty = plan([], [])
    rate_limits = {"one": (RateLimit("all", 10),), "two": (), "idle": (RateLimit("all", 1),)}
    groups = {"one": steps(31), "two": steps(50), "idle": ()}
    joined = join(dict.fromkeys(groups, empty), groups, rate_limits)
    assert joined.seconds == seconds(groups["one"], rate_limits["one"]) == 180
    assert seconds(groups["two"], ()) == 10


def test_a_plan_of_several_portals_is_in_the_order_of_agents_and_then_of_portals():
    """As a reader goes through the files; agents of no file last, each of them together."""
    desired = [file("b", NEW, at="b.yaml"), file("a", NEW, at="a.yaml", line=2), file("w")]
    agents = [live(1, "a"), live(2, "b"), live(8, "y"), live(9, "z")]
    one = plan(desired, agents, ours((9, "z"), (8, "y")), removal="unlink")
    members = [
        member("b", X, {"name": "N"}, at="b.yaml", line=9),
        member("a", Y, {"name": "N"}, at="a.yaml", line=7),
        member("c", "c@x", {"name": "N"}, at="a.yaml", line=1),
        member("v", id=99),
    ]
    users = [user(2, X), user(1, Y), user(3, "c@x"), user(9, "z@x"), user(8, "y@x")]
    two = staff(members, users, ours((9, "z"), (8, "y")), removal="deactivate")
    joined = join({"one": one, "two": two}, {"one": (), "two": ()}, {"one": (), "two": ()})
    assert [(each.key, each.portal) for each in joined.entries] == [
        ("c", "propertyfinder"),
        ("a", "rentix"),
        ("a", "propertyfinder"),
        ("b", "rentix"),
        ("b", "propertyfinder"),
        ("y", "rentix"),
        ("y", "propertyfinder"),
        ("z", "rentix"),
        ("z", "propertyfinder"),
    ]
    assert keys(joined.conflicts) == ["v"]
    assert [each.key for each in joined.warnings] == ["w", "y", "y", "z", "z"]
    assert joined.portals == ("one", "two")
    assert joined.several


def test_one_agents_portals_stay_in_their_order_whatever_its_keys_are():
    """A file may call one agent differently on each portal."""
    one = plan([file("b", NEW, at="x.yaml")], [live(1, "b")])
    two = staff([member("a", X, {"name": "N"}, at="x.yaml")], [user(1, X)])
    joined = join({"one": one, "two": two}, {"one": (), "two": ()}, {"one": (), "two": ()})
    assert [each.key for each in joined.entries] == ["b", "a"]


def test_where_no_portal_could_be_read_nothing_is_planned_and_takes_no_time():
    """The plan says why, and that is all."""
    joined = join({}, {}, {}, {"one": "no answer"})
    assert (joined.entries, joined.steps, joined.seconds, joined.declared) == ((), (), 0, 0)
    assert (joined.complete, joined.portals) == (False, ())


def test_a_portal_that_could_not_be_read_is_in_the_plan_with_the_reason():
    """Nothing is planned there, and the plan is not complete; with another one it is of several."""
    one = plan([file("a", NEW)], [live(1, "a")])
    joined = join({"one": one}, {"one": ()}, {"one": ()}, {"two": "no answer"})
    assert (joined.unread, joined.portals) == ((("two", "no answer"),), ("one",))
    assert (joined.complete, joined.several, joined.declared) == (False, True, 1)
    alone = join({"one": one}, {"one": ()}, {"one": ()}, {})
    assert (alone.unread, alone.complete, alone.several) == ((), True, False)


def test_a_key_that_was_given_to_somebody_else_by_hand_is_told():
    """The external id says who it is, and the one who was it at the last apply is still there."""
    before = live(1, "a", {"name": "Ana"}, name="Ana")
    prior = recall(found({"name": "Ana"}, {"name": "Ana"}, key="a", number=1), sent=["name"])
    moved = [live(1, None, {"name": "Ana"}, name="Ana"), live(2, "a", {"name": "Bob"}, name="Bob")]
    made = plan([file("a", {"name": "Ana"})], moved, prior)
    (warning,) = made.warnings
    assert (warning.key, warning.source.line) == ("a", 1)
    assert "matches agent 2 Bob by externalId" in warning.message
    assert "at the last apply this was agent 1 Ana" in warning.message
    assert "declare `id`" in warning.message
    assert plan([file("a", {"name": "Ana"})], [before], prior).warnings == ()
    assert plan([file("a", {"name": "Ana"}, id=2)], moved, prior).warnings == ()
