"""What a portal does not show is not put at risk: agents that a list left out, switches that nobody
sees, a person whom only a phone names."""

from __future__ import annotations

from core.build import file, keys, live, member, plan, staff, user

SHARED = "+373 22 123 456"


def operation(made, name):
    """An operation of a draft."""
    return next(each for each in made.operations if each.name == name)


def test_an_update_of_whom_only_a_phone_names_waits_for_the_link():
    """If the portal refuses the link, somebody else has that id, and may be who is meant."""
    made = plan([file("a", {"name": "Ana"}, phone=SHARED)], [live(1, phone=SHARED)])
    assert operation(made, "update:1").waits == ("link:1",)


def test_an_update_of_a_pinned_agent_does_not_wait_for_the_link():
    """The id says who it is; whether the link is taken changes nothing of that."""
    made = plan([file("a", {"name": "Ana"}, id=1)], [live(1)])
    assert operation(made, "link:1").external_id == "a"
    assert operation(made, "update:1").waits == ()


def test_no_id_is_given_that_an_agent_out_of_sight_may_have():
    """Of a part of the agents: nobody in it has the id, but somebody else might; so the agent
    keeps their own, too, and nothing else is done to them."""
    made = plan([file("b", {"name": "Ana"}, id=1)], [live(1, "a")], complete=False)
    (conflict,) = made.conflicts
    assert "incomplete list" in conflict.reason
    assert "may have externalId b" in conflict.reason
    assert conflict.source.line == 1
    assert made.operations == ()


def test_ids_change_hands_among_those_in_sight():
    """Of a part of the agents: a swap asks for nothing that somebody else can have."""
    made = plan([file("a", id=2), file("b", id=1)], [live(1, "a"), live(2, "b")], complete=False)
    assert made.conflicts == ()
    assert {each.name for each in made.operations} == {"unlink:1", "unlink:2", "link:1", "link:2"}


def test_who_keeps_their_id_is_updated_though_others_are_out_of_sight():
    """A part of the agents is enough for whoever is in it."""
    made = plan([file("a", {"name": "Ana"})], [live(1, "a")], complete=False)
    assert made.conflicts == ()
    assert operation(made, "update:1").values == {"name": "Ana"}


def test_no_login_is_given_that_a_user_out_of_sight_may_have():
    """The same for a key that an update moves; a login in another case is no new one."""
    users = [user(1, "old@agency.example"), user(2, "Same@agency.example")]
    made = staff(
        [
            member("a", "new@agency.example", id=1),
            member("b", "same@agency.example", {"name": "Ana"}, id=2),
        ],
        users,
        complete=False,
    )
    assert keys(made.conflicts) == ["a"]
    assert [each.id for each in made.operations] == [2]


def test_switches_that_are_neither_shown_nor_declared_are_not_risked():
    """The portal may take a part of the switches as all of them; what the others are is not known."""
    one = live(1, "a")
    hidden = {path: value for path, value in one.values.items() if path != "settings.contact_viber"}
    seen = type(one)(one.portal, one.id, one.name, one.identity, hidden)
    made = plan([file("a", {"settings.contact_phone": False, "name": "Ana"})], [seen])
    (conflict,) = made.conflicts
    assert "does not show settings.contact_viber" in conflict.reason
    assert conflict.reason.endswith("Declare settings.contact_viber too.")
    assert made.operations == ()


def test_a_switch_that_is_not_shown_and_is_declared_is_sent():
    """All four are known then."""
    one = live(1, "a")
    hidden = {path: value for path, value in one.values.items() if path != "settings.contact_viber"}
    seen = type(one)(one.portal, one.id, one.name, one.identity, hidden)
    declared = {"settings.contact_phone": False, "settings.contact_viber": False}
    made = plan([file("a", declared)], [seen])
    assert made.conflicts == ()
    assert operation(made, "update:1").values["settings"] == {
        "contact_phone": False,
        "contact_whatsapp": True,
        "contact_viber": False,
        "contact_telegram": True,
    }


def test_names_are_sent_though_switches_are_not_shown():
    """What does not go out together is not held up."""
    one = live(1, "a")
    hidden = {path: each for path, each in one.values.items() if not path.startswith("settings")}
    seen = type(one)(one.portal, one.id, one.name, one.identity, hidden)
    made = plan([file("a", {"name": "Ana"})], [seen])
    assert operation(made, "update:1").values == {"name": "Ana"}
