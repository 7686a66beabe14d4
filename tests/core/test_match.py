"""Who is who."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.fields import Identifier
from reconciler.core.match import candidate, is_linked, label
from reconciler.core.model import AgentState, Candidate, Match, PortalState
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import IDENTIFIERS

from .build import NOTHING, file, keys, live, member, user, who

P, SAME_P, Q = "+373 22 123 456", "022123456", "+373 22 999 999"
LOGIN = (Identifier("id", "pin"), Identifier("email", "key", str.lower))


def pairs(matching):
    """Key, live id and what found it."""
    return sorted((each.desired.key, each.live.id, each.by) for each in matching.matches)


def test_a_pin_wins_over_everything_else():
    """A declared id decides, though the external id and the phone say somebody else."""
    matching = who([file("a", id=1, phone=P)], [live(1), live(2, "a", phone=P), live(3, phone=P)])
    assert pairs(matching) == [("a", 1, "id")]


@pytest.mark.parametrize("order", [(), ("externalId", "phone"), ("phone", "id", "externalId")])
def test_a_pin_wins_under_every_order(order):
    """A declared id always wins, wherever `match` has it, and where it leaves it out."""
    matching = who(
        [file("a", id=1, phone=P)], [live(1), live(2, "a"), live(3, phone=P)], order=order
    )
    assert pairs(matching) == [("a", 1, "id")]


@pytest.mark.parametrize("creating", [False, True])
def test_a_pin_that_fits_nobody_is_never_fallen_through(creating):
    """A wrong id is a conflict, though external id and phone would find somebody, or create."""
    matching = who([file("a", id=9, phone=P)], [live(1, "a"), live(2, phone=P)], creating=creating)
    assert (matching.matches, matching.absent) == ((), ())
    assert keys(matching.conflicts) == ["a"]
    assert "no agent in the agency has id 9" in matching.conflicts[0].reason


def test_a_pin_outside_an_incomplete_list_is_not_called_wrong():
    """Where the list is not whole, the agent may be in the other part."""
    matching = who([file("a", id=9)], [live(1)], complete=False)
    assert "id 9 in the incomplete list" in matching.conflicts[0].reason


def test_an_external_id_wins_over_a_phone():
    """The holder of the external id is the agent, though another one has the phone."""
    matching = who([file("a", phone=P)], [live(1, phone=P), live(2, "a", phone=Q)])
    assert pairs(matching) == [("a", 2, "externalId")]


def test_an_external_id_is_found_in_an_incomplete_list():
    """It belongs to one agent, so nobody in the part not listed can have it."""
    assert pairs(who([file("a")], [live(1, "a")], complete=False)) == [("a", 1, "externalId")]


def test_external_ids_compare_exactly():
    """Letter case makes another external id."""
    assert keys(who([file("Agent")], [live(1, "agent")]).absent) == ["Agent"]


def test_an_external_id_with_two_holders_is_a_conflict():
    """A portal that lists it twice does not say who the agent is."""
    matching = who([file("a")], [live(1, "a"), live(2, "a")])
    assert [each.id for each in matching.conflicts[0].candidates] == [1, 2]
    assert not matching.matches
    assert "have externalId a: 1 Agent 1, 2 Agent 2." in matching.conflicts[0].reason


def test_a_phone_finds_the_one_agent_who_has_it():
    """However it is spaced, if that agent has no external id."""
    matching = who([file("a", phone=SAME_P)], [live(1, phone=P), live(2, phone=Q)])
    assert pairs(matching) == [("a", 1, "phone")]


@pytest.mark.parametrize("creating", [False, True])
@pytest.mark.parametrize(
    "agents",
    [
        [live(1, phone=P), live(2, phone=P)],
        [live(1, phone=P), live(2, "z", phone=P)],
        [live(1, "z", phone=P)],
    ],
    ids=["two", "two-one-linked", "linked"],
)
def test_a_phone_that_does_not_say_who_is_a_conflict(agents, creating):
    """It fits several, or somebody with another external id: left alone, and never created."""
    matching = who([file("a", phone=P)], agents, creating=creating)
    assert (matching.matches, matching.absent) == ((), ())
    conflict = matching.conflicts[0]
    assert [each.id for each in conflict.candidates] == [each.id for each in agents]
    assert "eclare `id" in conflict.reason


def test_a_phone_that_does_not_say_who_tells_whose_it_is_and_what_to_declare():
    """All who have it, by id and name; the one who has another external id, with that."""

    def reason(*agents, **options):
        (conflict,) = who([file("a", phone=P)], agents, **options).conflicts
        return conflict.reason

    same = "If this is the same person, declare `id: 1`."
    assert reason(live(1, phone=P), live(2, phone=P)) == (
        f"phone {P} matches 2 agents: 1 Agent 1, 2 Agent 2. Declare `id` to choose one."
    )
    assert reason(live(1, "z", phone=P)) == (
        f"phone {P} belongs to 1 Agent 1, who has externalId z. {same}"
    )
    assert reason(live(1, phone=P), order=("id",), creating=True) == (
        f"phone {P} belongs to 1 Agent 1. {same}"
    )


def test_a_phone_that_nobody_has_leaves_the_agent_absent():
    """Nobody fits: absent, also where the file has no phone at all."""
    matching = who([file("a", phone=Q), file("b")], [live(1, phone=P)])
    assert keys(matching.absent) == ["a", "b"]
    assert not matching.conflicts


def test_a_phone_in_an_incomplete_list_says_nothing():
    """Others with the same phone may be in the part that was not listed."""
    matching = who([file("a", phone=P), file("b", phone=Q)], [live(1, phone=P)], complete=False)
    assert keys(matching.conflicts) == ["a"]
    assert keys(matching.absent) == ["b"]


def test_two_files_with_one_phone_are_both_in_conflict():
    """Neither may take the agent, however the files spell the phone; each names the other."""
    matching = who([file("a", phone=P), file("b", phone=SAME_P)], [live(1, phone=P)])
    assert not matching.matches
    reasons = {each.key: each.reason for each in matching.conflicts}
    assert "b (agents/b.yaml:1)" in reasons["a"]
    assert "a (agents/a.yaml:1)" in reasons["b"]
    three = who([file(key, phone=P) for key in "abc"], [live(1, phone=P)]).conflicts
    assert f"phone {P} is also declared for" in three[0].reason
    assert "b (agents/b.yaml:1), c (agents/c.yaml:1)" in three[0].reason


@pytest.mark.parametrize(("creating", "conflicts"), [(True, ["a", "b"]), (False, [])])
def test_two_files_with_one_new_phone_stop_only_creations(creating, conflicts):
    """Where nobody has it, two who wait may share a phone; two to be created may not."""
    matching = who([file("a", phone=P), file("b", phone=P)], [], creating=creating)
    assert keys(matching.conflicts) == conflicts
    assert keys(matching.absent) == ([] if conflicts else ["a", "b"])


def test_a_phone_of_somebody_whom_another_file_pins_is_a_conflict():
    """The pinned agent is taken; the reason names the file that has them."""
    matching = who([file("a", id=1), file("b", phone=P)], [live(1, phone=P)])
    assert pairs(matching) == [("a", 1, "id")]
    assert "agents/a.yaml:1" in matching.conflicts[0].reason


@pytest.mark.parametrize("order", [("id", "externalId"), ("id",), ()])
def test_a_phone_stops_a_creation_even_where_it_does_not_find(order):
    """The person may be there already, though `match` does not go by phones."""
    created = who([file("a", phone=P)], [live(1, phone=P)], order=order, creating=True)
    assert keys(created.conflicts) == ["a"]
    assert "declare `id: 1`" in created.conflicts[0].reason
    waiting = who([file("a", phone=P)], [live(1, phone=P)], order=order)
    assert keys(waiting.absent) == ["a"]


def test_a_phone_that_nobody_has_lets_a_creation_go_on_where_it_does_not_find():
    """Only a phone that fits somebody is in the way."""
    absent = who([file("a", phone=P)], [live(1)], order=("id", "externalId"), creating=True).absent
    assert keys(absent) == ["a"]


@pytest.mark.parametrize("order", [*permutations(("id", "externalId", "phone")), ("id", "phone")])
def test_an_agent_stays_found_once_linked(order):
    """Found by phone and linked, the agent is found again: own external id is no *other* one."""
    desired = [file("a", phone=P)]
    assert [pair[:2] for pair in pairs(who(desired, [live(1, phone=P)], order=order))] == [("a", 1)]
    again = who(desired, [live(1, "a", phone=P)], order=order)
    assert not again.conflicts
    assert [pair[:2] for pair in pairs(again)] == [("a", 1)]


@pytest.mark.parametrize("order", list(permutations(("id", "externalId", "phone"))))
def test_a_phone_never_takes_whom_an_external_id_claims(order):
    """Under every order: the holder of b is b's, whatever phone a declares."""
    desired = [file("a", phone=P), file("b")]
    matching = who(desired, [live(1, "b", phone=P)], order=order)
    assert pairs(matching) == [("b", 1, "externalId")]
    assert keys(matching.conflicts) == ["a"]


def test_two_files_for_one_live_agent_are_both_in_conflict():
    """One by id, one by external id: neither is done, each names the other and the agent."""
    matching = who([file("id:1"), file("b")], [live(1, "b", name="Ivan")])
    assert not matching.matches
    assert keys(matching.conflicts) == ["b", "id:1"]
    for conflict in matching.conflicts:
        assert conflict.candidates == (Candidate(1, "Ivan", "b"),)
        assert ("id:1" if conflict.key == "b" else "b (agents/b.yaml:1)") in conflict.reason


def test_three_files_for_one_live_agent_each_name_the_two_others():
    """All of them are in conflict, however many they are."""
    desired = [file("b"), file("id:1", at="x.yaml"), file("id:1", at="y.yaml")]
    reasons = {str(each.source): each.reason for each in who(desired, [live(1, "b")]).conflicts}
    assert "id:1 (x.yaml:1), id:1 (y.yaml:1)." in reasons["agents/b.yaml:1"]
    assert "id:1 (y.yaml:1), b (agents/b.yaml:1)." in reasons["x.yaml:1"]


def test_a_pin_takes_the_external_id_away_from_its_holder():
    """Whom the files pin and give another id is not the agent of the old one: that one is
    absent, or found by phone."""
    agents = [live(1, "b"), live(2, phone=P)]
    assert keys(who([file("a", id=1), file("b")], agents).absent) == ["b"]
    matching = who([file("a", id=1), file("b", phone=P)], agents)
    assert pairs(matching) == [("a", 1, "id"), ("b", 2, "phone")]


def test_pins_swap_external_ids():
    """Two pins with each other's external id are two matches and no conflict."""
    matching = who([file("a", id=1), file("b", id=2)], [live(1, "b"), live(2, "a")])
    assert pairs(matching) == [("a", 1, "id"), ("b", 2, "id")]


def test_a_key_that_cannot_be_reassigned_is_never_given_up():
    """Of a login, nothing but a conflict can come where a pin says somebody else."""
    pinned = file("a", id=1, email="x@a.example")
    other = file("b", email="Y@a.example")
    mail = live(1)
    mail = type(mail)("pf", 1, "Ivan", {"id": 1, "email": "y@a.example"}, {})
    matching = who([pinned, other], [mail], order=("id", "email"), identifiers=LOGIN)
    assert keys(matching.conflicts) == ["a", "b"]
    alone = who([other], [mail], order=("id", "email"), identifiers=LOGIN)
    assert pairs(alone) == [("b", 1, "email")]


# -- keys that move by an update, and what the memory knows ---------------------------------------


def applied(recorded):
    """What the ledger records of these live agents, by the key that each was applied under."""
    return PortalState(
        {str(each.id): AgentState(key, {}) for key, agents in recorded.items() for each in agents}
    )


def logins(desired, users, **options):
    """The matching by logins, which move by updates."""
    return who(
        desired,
        users,
        order=("id", "email"),
        identifiers=propertyfinder.IDENTIFIERS,
        creating=True,
        **options,
    )


X, Y, Z = "x@a.example", "y@a.example", "z@a.example"


def test_a_login_finds_in_any_letter_case():
    """It is one mailbox."""
    assert pairs(logins([member("a", "X@A.Example")], [user(1, X)])) == [("a", 1, "email")]


def test_a_pinned_holder_gives_up_the_login_that_another_declares():
    """Whom the files pin and give another login is not the agent of the old one: that one is
    absent, to be created. Written in another case it is no other login, so both mean this one."""
    made = logins([member("a", Y, id=1), member("b", X)], [user(1, X)])
    assert (pairs(made), keys(made.absent), made.conflicts) == ([("a", 1, "id")], ["b"], ())
    same = logins([member("a", "X@A.EXAMPLE", id=1), member("b", X)], [user(1, X)])
    assert (keys(same.conflicts), same.matches, same.absent) == (["a", "b"], (), ())
    silent = logins([member("a", id=1), member("b", X)], [user(1, X)])
    assert keys(silent.conflicts) == ["a", "b"]


def test_pins_swap_logins():
    """Who is who is said by the pins; that no order serves a swap is not the matching's business."""
    made = logins([member("a", Y, id=1), member("b", X, id=2)], [user(1, X), user(2, Y)])
    assert pairs(made) == [("a", 1, "id"), ("b", 2, "id")]


def test_the_memory_finds_who_is_left():
    """A login that nobody has, or none: the agent that was applied under that key."""
    one, two, three = user(1, X), user(2, Y), user(3, Z)
    recall = {"a": [one], "b": [two], "z": [three]}
    made = logins([member("a", "new@a.example"), member("b"), member("c", Z)], [one, two, three])
    assert keys(made.absent) == ["a", "b"]
    made = logins(
        [member("a", "new@a.example"), member("b"), member("c", Z)],
        [one, two, three],
        prior=applied(recall),
    )
    assert pairs(made) == [("a", 1, "ledger"), ("b", 2, "ledger"), ("c", 3, "email")]
    assert (made.absent, made.conflicts) == ((), ())


def test_the_memory_takes_nobody_for_a_person_of_another_name():
    """Neither the login nor the name is that agent's now: the key may have gone to somebody else,
    so it is neither a match nor a creation. The same name, or none, is no other person."""
    one = user(1, X, name="Ivan")
    made = logins([member("a", Y, {"name": "Olga"})], [one], prior=applied({"a": [one]}))
    (conflict,) = made.conflicts
    assert (made.matches, made.absent) == ((), ())
    assert "was agent 1 Ivan at the last apply" in conflict.reason
    assert "declare `propertyfinder.id: 1`" in conflict.reason
    assert "use another externalId" in conflict.reason
    assert (conflict.key, conflict.source.file) == ("a", "agents/a.yaml")
    assert conflict.candidates == (Candidate(1, "Ivan", None),)
    for values in ({"name": "Ivan"}, {}):
        made = logins([member("a", Y, values)], [one], prior=applied({"a": [one]}))
        assert (pairs(made), made.conflicts) == ([("a", 1, "ledger")], ())


def test_another_name_is_no_other_person_where_something_else_says_who_it_is():
    """A pin or the login: then the name is one more value to change."""
    one, named = user(1, X, name="Ivan"), {"name": "Olga"}
    for desired, by in (
        (member("a", X, named), "email"),
        (member("a", Y, named, id=1), "id"),
    ):
        made = logins([desired], [one], prior=applied({"a": [one]}))
        assert (pairs(made), made.conflicts) == ([("a", 1, by)], ())


def test_another_person_under_a_key_does_not_keep_the_former_one_from_another_file():
    """The file of another key has the login of the former agent: that one is found, and the key's
    new holder stays in conflict until somebody says who it is."""
    one = user(1, X, name="Ivan")
    desired = [member("a", Y, {"name": "Olga"}), member("b", X, {"name": "Ivan"})]
    made = logins(desired, [one], prior=applied({"a": [one]}))
    assert (pairs(made), keys(made.conflicts)) == ([("b", 1, "email")], ["a"])


def test_several_former_agents_are_nobody_whatever_they_are_called():
    """No one of them is contradicted by the name, since none would be taken."""
    former = [user(1, X, name="Ivan"), user(2, Y, name="Oleg")]
    made = logins([member("a", Z, {"name": "Olga"})], former, prior=applied({"a": former}))
    assert (keys(made.absent), made.conflicts) == (["a"], ())


@pytest.mark.parametrize("order", [("id", "email"), ("id", "mobile", "email"), ("mobile",)])
def test_a_hint_finds_nobody(order):
    """Two people may share a mobile, and one may have two: under no order is anybody matched by
    it, and nobody is in the way of anybody."""
    one = user(1, X)
    one = type(one)(one.portal, 1, one.name, {**one.identity, "mobile": P}, one.values)
    desired = [member("a", Z, mobile=P), member("b", mobile=P)]
    made = who(desired, [one], order=order, identifiers=propertyfinder.IDENTIFIERS, creating=True)
    assert (made.matches, keys(made.absent), made.conflicts) == ((), ["a", "b"], ())


def test_a_login_that_contradicts_the_memory_is_a_conflict():
    """It is another's, and the agent of the last apply is still there: somebody has to say who it
    is. Both are candidates; without that agent, or for that very one, the login decides."""
    one, two = user(1, X, name="Ivan"), user(2, Y, name="Oleg")
    made = logins([member("a", Y)], [one, two], prior=applied({"a": [one]}))
    (conflict,) = made.conflicts
    assert (made.matches, made.absent) == ((), ())
    assert f"email {Y} matches agent 2 Oleg" in conflict.reason
    assert "at the last apply this was 1 Ivan" in conflict.reason
    assert "Declare `propertyfinder.id`" in conflict.reason
    assert sorted(each.id for each in conflict.candidates) == [1, 2]
    three = user(3, "z@a.example", name="Olga")
    made = logins([member("a", Y)], [one, two, three], prior=applied({"a": [one, three]}))
    assert "at the last apply this was 1 Ivan, 3 Olga" in made.conflicts[0].reason
    assert pairs(logins([member("a", Y)], [two], prior=NOTHING)) == [("a", 2, "email")]
    again = logins([member("a", Y)], [one, two], prior=applied({"a": [one, two]}))
    assert pairs(again) == [("a", 2, "email")]


def test_an_exchange_of_logins_without_pins_is_a_conflict_of_both():
    """The files have the logins the other way round: nobody is changed by that alone."""
    one, two = user(1, X), user(2, Y)
    recall = {"a": [one], "b": [two]}
    made = logins([member("a", Y), member("b", X)], [one, two], prior=applied(recall))
    assert (keys(made.conflicts), made.matches, made.absent) == (["a", "b"], (), ())


def test_several_former_agents_of_a_key_find_nobody():
    """Two live agents were applied under it: neither is taken, and neither login is in doubt."""
    one, two = user(1, X), user(2, Y)
    recall = {"a": [one, two]}
    assert keys(logins([member("a", Z)], [one, two], prior=applied(recall)).absent) == ["a"]
    assert pairs(logins([member("a", X)], [one, two], prior=applied(recall))) == [("a", 1, "email")]


@pytest.mark.parametrize("login", [None, X, Y, Z])
def test_a_pin_wins_over_the_memory(login):
    """Whoever was applied under that key before, and whoever has the login: the pin says who."""
    one, two = user(1, X), user(2, Y)
    made = logins([member("a", login, id=2)], [one, two], prior=applied({"a": [one]}))
    assert (pairs(made), made.conflicts) == ([("a", 2, "id")], ())


def test_one_live_agent_by_login_and_by_memory_is_a_conflict_of_both():
    """One file has the login, another has the key of the last apply: each names the other."""
    one = user(1, X)
    made = logins([member("a", Y), member("b", X)], [one], prior=applied({"a": [one]}))
    reasons = {each.key: each.reason for each in made.conflicts}
    assert made.matches == ()
    assert "agent 1 User 1 by the ledger, and so does b (agents/b.yaml:1)" in reasons["a"]
    assert "agent 1 User 1 by email, and so does a (agents/a.yaml:1)" in reasons["b"]


def test_the_memory_is_asked_before_a_shared_value_stops_a_creation():
    """Whom it finds is not to be created, so nobody's phone is in the way."""
    one = live(1, phone=P)
    desired = [file("a", phone=P)]
    stopped = who(desired, [one], order=("id", "externalId"), creating=True)
    assert keys(stopped.conflicts) == ["a"]
    found = who(
        desired,
        [one],
        order=("id", "externalId"),
        creating=True,
        prior=applied({"a": [one], "b": []}),
    )
    assert pairs(found) == [("a", 1, "ledger")]


def test_every_agent_with_a_memory_comes_out_exactly_once():
    """Over all small worlds of logins, pins and memories: found, absent or in conflict; nobody
    found twice, no pin overruled, and the memory finds only where no login does."""
    users = [user(1, X), user(2, Y)]
    choices = [(None, None), (X, None), (Y, None), (Z, None), (Z, 1), (X, 2), (None, 1)]
    memories = [(), (0,), (1,), (0, 1)]
    for first, second in product(choices, repeat=2):
        desired = [
            member(key, login, **({} if pin is None else {"id": pin}))
            for key, (login, pin) in zip("ab", (first, second), strict=True)
        ]
        for one, two in product(memories, repeat=2):
            if set(one) & set(two):
                continue  # an agent was applied under one key
            recall = {"a": [users[at] for at in one], "b": [users[at] for at in two]}
            made = logins(desired, users, prior=applied(recall))
            out = (*made.matches, *made.absent, *made.conflicts)
            assert keys(out) == ["a", "b"]
            assert len({each.live.id for each in made.matches}) == len(made.matches)
            for each in made.matches:
                assert each.desired.identity.get("id") in (None, each.live.id)
                former = recall[each.desired.key]
                if each.by == "ledger":
                    assert former == [each.live]
                elif each.by == "email" and former:
                    assert each.live in former


def test_a_shared_phone_finds_on_a_portal_without_external_ids():
    """Where nothing can be linked, no external id can be in the way."""
    phones = (Identifier("id", "pin"), Identifier("phone", "shared"))
    matching = who(
        [file("a", phone=P)], [live(1, "z", phone=P)], order=("phone",), identifiers=phones
    )
    assert pairs(matching) == [("a", 1, "phone")]


def test_results_are_in_the_files_order():
    """Matches and absent agents come by file and line, whatever found them."""
    desired = [
        file("c", at="x.yaml", line=2),
        file("a", at="x.yaml", line=9, id=1),
        file("b", at="a.yaml", phone=P),
        file("e", at="x.yaml", line=4, phone=Q),
        file("d", at="b.yaml"),
    ]
    matching = who(desired, [live(1), live(2, "c"), live(3, phone=P)])
    assert [each.desired.key for each in matching.matches] == ["b", "c", "a"]
    assert [each.key for each in matching.absent] == ["d", "e"]


def test_the_handle_is_the_identifier_that_can_be_linked():
    """Rentix has one, a portal without links has none; candidates speak of it."""
    assert Catalogue("rentix", (), IDENTIFIERS, Policy(())).handle == "externalId"
    assert Catalogue("pf", (), LOGIN, Policy(())).handle is None
    assert candidate(live(1, "a", name="Ivan"), "externalId") == Candidate(1, "Ivan", "a")
    assert candidate(live(1, "a", name="Ivan"), None) == Candidate(1, "Ivan", None)
    assert label(live(1, name=" ")) == "1"


def test_an_agent_is_linked_with_the_external_id_that_is_declared():
    """Or with any, where none is declared or the portal has none to link."""

    def linked(desired, agent, name="externalId"):
        return is_linked(Match(desired, agent, "id"), name)

    assert linked(file("a", id=1), live(1, "a"))
    assert not linked(file("a", id=1), live(1, "b"))
    assert not linked(file("a", id=1), live(1))
    assert linked(file("id:1"), live(1, "b"))
    assert linked(file("a", id=1), live(1), None)


def test_every_declared_agent_comes_out_exactly_once():
    """Over all small worlds: found, absent or in conflict, one of the three; nobody found twice;
    a phone never finds somebody with an external id."""
    choices = [
        file("a"),
        file("a", phone=P),
        file("a", id=1),
        file("a", id=2, phone=Q),
        file("id:1", phone=P),
    ]
    others = [file("b", phone=P), file("b", id=2), file("b", phone=Q), file("id:2")]
    people = [
        live(1),
        live(1, "a"),
        live(1, "b", phone=P),
        live(1, phone=P),
        live(1, "z", phone=Q),
    ]
    seconds = [live(2), live(2, "b"), live(2, phone=P), live(2, "a", phone=P), live(2, phone=Q)]
    for first in choices:
        for second in others:
            for one in people:
                for two in seconds:
                    for creating in (False, True):
                        matching = who([first, second], [one, two], creating=creating)
                        out = (*matching.matches, *matching.absent, *matching.conflicts)
                        assert keys(out) == sorted([first.key, second.key])
                        assert len({each.live.id for each in matching.matches}) == len(
                            matching.matches
                        )
                        for each in matching.matches:
                            pin = each.desired.identity.get("id")
                            assert pin in (None, each.live.id)
                            if each.by == "phone":
                                assert "externalId" not in each.live.identity
