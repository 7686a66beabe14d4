"""Planning one portal as a whole, and joining the drafts of several."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.fields import Field, Identifier, Sort
from reconciler.core.limits import Limits
from reconciler.core.model import RateLimit
from reconciler.core.packing import seconds
from reconciler.core.plan import join
from reconciler.core.plan_json import form, parse
from reconciler.core.selection import Selection
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import (
    CREATING,
    EMAIL_1,
    EMAIL_2,
    EMAIL_3,
    NEW,
    OTHER_PHONE,
    PHONE,
    file,
    join_drafts,
    keys,
    ledger,
    live,
    member,
    operation_names,
    pf_draft,
    places,
    refuses,
    rentix_draft,
    steps,
    user,
)


def test_values_that_are_numbers_have_their_names():
    """Of both sides, where there is one; other changes have none."""
    names = {"roleId": {1: "Admin", 3: "Agent"}}
    desired = [member("a", EMAIL_1, {"roleId": 3, "name": "New"})]
    draft = pf_draft(desired, [user(1, EMAIL_1, {"roleId": 77})], names=names)
    found = {change.path: change.names for change in draft.entries[0].changes}
    assert found == {"roleId": ("", "Agent"), "name": None}
    document = form(join({"p": draft}, {"p": ()}, {"p": ()}), Selection(), (), "")
    assert parse(document).entries[0].changes == draft.entries[0].changes


def test_an_agent_as_declared_is_only_counted():
    """There is no entry, operation or warning, but the agent is counted and verified later."""
    draft = rentix_draft([file("a", {"name": "Ivan"})], [live(1, "a", name="Ivan"), live(2, "z")])
    assert (draft.entries, draft.operations, draft.warnings, draft.conflicts) == ((), (), (), ())
    assert (keys(draft.matches), draft.declared) == (["a"], 1)


def test_every_item_names_its_portal_and_source():
    """Updates, links, creations, conflicts and warnings; an agent that no file declares has no
    source."""
    desired = [
        file("moved", NEW, id=1),
        file("new", NEW, phone=PHONE),
        file("wrong", id=99),
        file("phone", phone=PHONE),
        file("absent"),
        file("held", id=3),
        file("large", NEW),
    ]
    agents = [
        live(1, "a"),
        live(2, "phone", phone=OTHER_PHONE),
        live(3),
        live(4, "held"),
        live(5, "large"),
        live(9, "gone"),
    ]
    options = {"removal": "unlink", "refuses": refuses("large"), **CREATING}
    draft = rentix_draft(desired, agents, ledger((9, "gone")), **options)
    assert operation_names(draft) == ["unlink:1", "link:1", "unlink:9", "update:1", "create:new"]
    expected = {("rentix", each.key, each.source.file) for each in desired}
    assert places(draft) == expected | {("rentix", "gone", None)}


def test_every_item_names_its_portal_and_source_on_a_portal_with_logins():
    """Activations, deactivations, inactive agents, matches by the ledger and possible
    duplicates."""
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
    draft = pf_draft(desired, users, ledger((4, "ledger"), (5, "gone")), removal="deactivate")
    assert operation_names(draft) == ["update:1", "update:2", "create:new", "deactivate:5"]
    assert keys(draft.warnings) == ["gone", "ledger", "left", "new", "off", "on"]
    expected = {("propertyfinder", each.key, each.source.file) for each in desired}
    assert places(draft) == expected | {("propertyfinder", "gone", None)}


def test_conflicts_over_unknown_values_name_their_portal_and_source():
    """An external id that an unlisted agent may have, and switches that the portal does not
    show."""
    draft = rentix_draft([file("b", NEW, id=1)], [live(1, "a")], complete=False)
    assert places(draft) == {("rentix", "b", "agents/b.yaml")}
    agent = live(1, "a")
    shown = {path: value for path, value in agent.values.items() if "what" not in path}
    shown.pop("settings.contact_viber")
    desired = file("a", {"settings.contact_phone": False})
    draft = rentix_draft([desired], [replace(agent, values=shown)])
    assert places(draft) == {("rentix", "a", "agents/a.yaml")}
    hidden = "settings.contact_whatsapp and settings.contact_viber"
    assert f"the portal does not show {hidden}" in draft.conflicts[0].reason


def test_a_conflict_extends_only_to_agents_that_need_its_external_id():
    """The refused agent keeps its external id, so the agent that wants it is in conflict; a third
    is updated."""
    desired = [file("b", NEW, id=1), file("a", id=2), file("c", NEW, id=3)]
    draft = rentix_draft(desired, [live(1, "a"), live(2), live(3, "c")], refuses=refuses("b"))
    assert keys(draft.conflicts) == ["a", "b"]
    assert operation_names(draft) == ["update:3"]
    assert draft.conflicts[0].candidates[0].id == 1


def test_an_agent_in_conflict_takes_no_external_id_from_a_removed_agent():
    """The removed agent would be unlinked only for the agent in conflict, so it stays linked."""
    desired, agents = [file("a", NEW, id=2)], [live(1, "a"), live(2)]
    draft = rentix_draft(desired, agents, ledger((1, "a")), removal="unlink", refuses=refuses("a"))
    assert (keys(draft.conflicts), draft.entries, draft.operations) == (["a"], (), ())


def test_refused_external_ids_and_refused_logins_are_all_conflicts():
    """On a portal that has both."""
    login = Identifier("login", "key", moves="update")
    desired = [file("a", NEW, id=1), file("id:2", {"login": "y"}, login="y")]
    agents = [
        live(1),
        live(2, "b"),
        replace(live(3, "a"), identity={"externalId": "a", "login": "y"}),
    ]
    draft = rentix_draft(
        desired,
        agents,
        fields=(*FIELDS, Field("login", Sort.TEXT)),
        identifiers=(*IDENTIFIERS, login),
    )
    assert (keys(draft.conflicts), draft.operations) == (["a", "id:2"], ())


def test_a_login_is_released_before_another_agent_takes_it():
    """The update that releases it comes first, whatever the order of the files, and the other
    waits for it."""
    desired = [member("a", EMAIL_2, id=1), member("b", EMAIL_3, id=2)]
    draft = pf_draft(desired, [user(1, EMAIL_1), user(2, EMAIL_2)])
    assert [(each.name, each.waits) for each in draft.operations] == [
        ("update:2", ()),
        ("update:1", ("update:2",)),
    ]
    assert [each.key for each in draft.entries] == ["a", "b"]


def test_a_login_that_its_holder_keeps_is_a_conflict():
    """The holder is not selected, or in conflict, so it keeps its login."""
    desired = [member("a", EMAIL_2, id=1), member("b", EMAIL_3, id=2)]
    users = [user(1, EMAIL_1), user(2, EMAIL_2)]
    for options in ({"selection": Selection(("a",))}, {"refuses": refuses("b")}):
        draft = pf_draft(desired, users, **options)
        conflicts = {each.key: each for each in draft.conflicts}
        assert "b (agents/b.yaml:1) and keeps it in this plan" in conflicts["a"].reason
        assert [each.id for each in conflicts["a"].candidates] == [2]
        assert (draft.operations, draft.entries) == ((), ())


def test_an_agent_in_conflict_over_a_login_is_not_updated_at_all():
    """A different name is not sent either, and the agent is not verified later."""
    draft = pf_draft(
        [member("a", EMAIL_2, {"name": "N"}, id=1)], [user(1, EMAIL_1), user(2, EMAIL_2)]
    )
    assert (keys(draft.conflicts), draft.operations, draft.matches) == (["a"], (), ())


# -- joining the drafts of several portals ---------------------------------------------------------


def test_joining_numbers_the_steps_of_all_portals():
    """A step still comes after the steps of its own portal."""
    empty = rentix_draft([], [])
    plan = join(
        {"one": empty, "two": empty}, {"one": steps(2), "two": steps(2)}, {"one": (), "two": ()}
    )
    assert [(step.id, step.after) for step in plan.steps] == [
        ("r1", ()),
        ("r2", ("r1",)),
        ("r3", ()),
        ("r4", ("r3",)),
    ]
    three = dict.fromkeys(("one", "two", "three"), steps(2))
    plan = join(dict.fromkeys(three, empty), three, dict.fromkeys(three, ()))
    assert [step.id for step in plan.steps] == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert plan.steps[-1].after == ("r5",)


def test_joining_counts_each_declared_agent_once():
    """As changed, unchanged, waiting or in conflict; removed agents do not count."""
    desired = [
        file("changed", NEW),
        file("right"),
        file("waiting"),
        file("pinned", id=99),
        file("id:5"),
        file("five"),
    ]
    agents = [live(1, "changed"), live(2, "right"), live(5, "five"), live(9, "gone")]
    one = rentix_draft(
        desired, agents, ledger((9, "gone")), removal="unlink", limits=Limits(0.0, 1.0, 0)
    )
    two = rentix_draft([file("right")], [live(2, "right")], complete=False)
    plan = join({"one": one, "two": two}, {"one": steps(1), "two": ()}, {"one": (), "two": ()})
    assert (plan.declared, plan.unchanged) == (7, 2)
    assert plan.waiting == (("one", "waiting"),)
    assert keys(plan.conflicts) == ["five", "id:5", "pinned"]
    assert keys(plan.entries) == ["changed", "gone"]
    assert plan.complete is False
    assert len(plan.over_limits) == 1
    assert [each.key for each in plan.warnings] == ["waiting", "gone"]


def test_a_plan_takes_as_long_as_its_slowest_portal():
    """Portals are applied in parallel."""
    empty = rentix_draft([], [])
    rate_limits = {"one": (RateLimit("all", 10),), "two": (), "idle": (RateLimit("all", 1),)}
    groups = {"one": steps(31), "two": steps(50), "idle": ()}
    plan = join(dict.fromkeys(groups, empty), groups, rate_limits)
    assert plan.seconds == seconds(groups["one"], rate_limits["one"]) == 180
    assert seconds(groups["two"], ()) == 10


def test_joining_sorts_by_file_and_then_by_portal():
    """Agents that no file declares come last, grouped by key."""
    desired = [file("b", NEW, at="b.yaml"), file("a", NEW, at="a.yaml", line=2), file("w")]
    agents = [live(1, "a"), live(2, "b"), live(8, "y"), live(9, "z")]
    one = rentix_draft(desired, agents, ledger((9, "z"), (8, "y")), removal="unlink")
    members = [
        member("b", EMAIL_1, {"name": "N"}, at="b.yaml", line=9),
        member("a", EMAIL_2, {"name": "N"}, at="a.yaml", line=7),
        member("c", "c@x", {"name": "N"}, at="a.yaml", line=1),
        member("v", id=99),
    ]
    users = [user(2, EMAIL_1), user(1, EMAIL_2), user(3, "c@x"), user(9, "z@x"), user(8, "y@x")]
    two = pf_draft(members, users, ledger((9, "z"), (8, "y")), removal="deactivate")
    plan = join_drafts({"one": one, "two": two})
    assert [(each.key, each.portal) for each in plan.entries] == [
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
    assert keys(plan.conflicts) == ["v"]
    assert [each.key for each in plan.warnings] == ["w", "y", "y", "z", "z"]
    assert plan.portals == ("one", "two")
    assert plan.several


def test_the_portals_of_one_agent_keep_their_order_whatever_its_keys():
    """A file may use another key for the agent on each portal."""
    one = rentix_draft([file("b", NEW, at="x.yaml")], [live(1, "b")])
    two = pf_draft([member("a", EMAIL_1, {"name": "N"}, at="x.yaml")], [user(1, EMAIL_1)])
    plan = join_drafts({"one": one, "two": two})
    assert [each.key for each in plan.entries] == ["b", "a"]


def test_a_plan_without_any_readable_portal_is_empty():
    """It is incomplete and takes no time."""
    plan = join_drafts({}, {"one": "no answer"})
    assert (plan.entries, plan.steps, plan.seconds, plan.declared) == ((), (), 0, 0)
    assert (plan.complete, plan.portals) == (False, ())


def test_a_plan_lists_unreadable_portals_with_the_reason():
    """The plan is incomplete; with another portal it has several portals."""
    one = rentix_draft([file("a", NEW)], [live(1, "a")])
    plan = join_drafts({"one": one}, {"two": "no answer"})
    assert (plan.unread, plan.portals) == ((("two", "no answer"),), ("one",))
    assert (plan.complete, plan.several, plan.declared) == (False, True, 1)
    alone = join_drafts({"one": one}, {})
    assert (alone.unread, alone.complete, alone.several) == ((), True, False)
