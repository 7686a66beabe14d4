"""Values that were sent with success and that the portal does not show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.confirm import (
    ABSENT,
    PortalRun,
    Unconfirmed,
    accept,
    fail,
    find_unconfirmed,
    resend,
    restores,
    with_unlisted,
)
from reconciler.core.model import Listing, Outcome
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import (
    CREATING,
    EMAIL_1,
    INACTIVE,
    ORDER,
    PHONE,
    URL,
    file,
    ledger,
    live,
    member,
    operation_names,
    pf_draft,
    rentix_draft,
    user,
)

RENTIX = Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER))
FINDER = Catalogue(
    "propertyfinder",
    propertyfinder.FIELDS,
    propertyfinder.IDENTIFIERS,
    Policy(order=("id", "email"), off=propertyfinder.OFF),
)


def run_of(desired, before, draft, status="applied", **more):
    """An apply of a whole draft. A creation made agent 99."""
    outcomes = [Outcome(each, status, id=each.id or 99, **more) for each in draft.operations]
    return PortalRun(desired, Listing(tuple(before)), draft.matches, outcomes)


def unconfirmed(desired, before, after, **more):
    """The unconfirmed values after an apply of the whole plan for these agents."""
    run = run_of(desired, before, rentix_draft(desired, before, **CREATING), **more)
    return find_unconfirmed(run, Listing(tuple(after)), RENTIX)


# -- what is unconfirmed ---------------------------------------------------------------------------


def test_a_lost_value_is_unconfirmed():
    """With what was sent, what is shown, and what was shown before."""
    desired, before = [file("a", {"name": "New"})], [live(1, "a", {"name": "Old"})]
    assert unconfirmed(desired, before, before) == {("1", "name"): Unconfirmed("New", "Old", "Old")}
    other = [live(1, "a", {"name": "Other"})]
    assert unconfirmed(desired, before, other)["1", "name"].shown == "Other"
    assert unconfirmed(desired, before, [live(1, "a", {"name": "New"})]) == {}
    assert unconfirmed(desired, before, before, status="failed") == {}


def test_a_form_counts_unless_the_portal_showed_it_before():
    """A lost change of case or whitespace looks like a form of the value."""
    desired = [file("a", {"name": "Ivan Petrov"})]
    form = [live(1, "a", {"name": "ivan petrov"})]
    assert unconfirmed(desired, [live(1, "a", {"name": "Old"})], form) == {}
    assert list(unconfirmed(desired, form, form)) == [("1", "name")]


def test_only_values_that_were_sent_are_unconfirmed():
    """A value that was as declared, and that someone changed meanwhile, is drift."""
    desired = [file("a", {"name": "New", "tiktok": None})]
    before = [live(1, "a")]
    after = [live(1, "a", {"name": "New", "tiktok": "https://tiktok.com/@x"})]
    assert unconfirmed(desired, before, after) == {}


def test_a_picture_from_an_address_is_never_unconfirmed():
    """It may arrive later. One that should be removed, or that is uploaded already, is."""
    before = [live(1, "a", {"avatar": {"id": 5}})]
    assert unconfirmed([file("a", {"avatar": URL})], before, before) == {}
    for value in (None, {"id": 6}):
        assert list(unconfirmed([file("a", {"avatar": value})], before, before)) == [
            ("1", "avatar")
        ]


def test_what_is_not_shown_is_unconfirmed_with_what_is():
    """The portal lost the name, so it may have lost the picture and the texts of that request."""
    values = {"name": "New", "avatar": URL, "description.ru": "Р"}
    desired, before = [file("a", values)], [live(1, "a", {"description": "old"})]
    assert {path for _, path in unconfirmed(desired, before, before)} == set(values)
    shown = [live(1, "a", {"description": "old", "name": "New"})]
    assert unconfirmed(desired, before, shown) == {}
    again = rentix_draft(desired, before).operations
    (operation,) = resend(again, unconfirmed(desired, before, before), "externalId")
    assert set(operation.values) == {"name", "avatar", "description"}


def test_what_an_answer_no_longer_shows_is_unconfirmed():
    """The portal showed the switch before, so an answer without it is no evidence."""
    desired, before = [file("a", {"settings.contact_phone": False})], [live(1, "a")]
    shown = {path: value for path, value in before[0].values.items() if "phone" not in path}
    after = [replace(before[0], values=shown)]
    assert unconfirmed(desired, before, after).keys() == {("1", "settings.contact_phone")}


def test_a_language_that_is_in_one_string_now_may_be_applied():
    """Portals show a description as it was written: the languages, or one string."""
    desired, before = [file("a", {"description.ru": "Р"})], [live(1, "a", {"description.ru": "О"})]
    assert unconfirmed(desired, before, [live(1, "a", {"description": "Р"})]) == {}


def test_agents_that_a_list_omits_are_as_before():
    """Unless something was applied to them, or the portal says that it does not have them."""
    desired, before = (
        [file("a", {"name": "New"})],
        [live(number, f"a{number}") for number in (1, 2, 3)],
    )
    before[0] = live(1, "a")
    run = run_of(desired, before, rentix_draft(desired, before))
    after = with_unlisted(run, Listing((live(4, "d"),), gone=frozenset({"3"})))
    assert [each.id for each in after.agents] == [4, 2]


def test_a_value_that_the_portal_accepts_in_no_form_is_not_unconfirmed():
    """It was not sent, and the report says so."""
    desired, before = [file("a", {"name": "New"})], [live(1, "a")]
    assert unconfirmed(desired, before, before, omitted=("name",)) == {}


def test_a_lost_link_is_unconfirmed():
    """So is an unlink, and each half of a swap."""
    desired, before = [file("a", id=1)], [live(1)]
    assert unconfirmed(desired, before, before) == {
        ("1", "externalId"): Unconfirmed("a", None, None)
    }
    assert unconfirmed(desired, before, [live(1, "a")]) == {}
    swap = [file("b", id=1), file("a", id=2)]
    agents = [live(1, "a"), live(2, "b")]
    assert unconfirmed(swap, agents, [live(1, "b"), live(2, "a")]) == {}
    lost = unconfirmed(swap, agents, [live(1, "b"), live(2)])
    assert lost == {("2", "externalId"): Unconfirmed("a", None, "b")}


def test_an_agent_that_is_not_listed_is_unconfirmed():
    """A new one, or one that was changed."""
    new = file("n", {"name": "Nou"}, phone=PHONE)
    assert list(unconfirmed([new], [], [])) == [("99", ABSENT)]
    desired, before = [file("a", {"name": "New"})], [live(1, "a")]
    assert list(unconfirmed(desired, before, [])) == [("1", ABSENT)]


def test_values_of_a_new_agent_have_no_former_value():
    """What the portal shows of it may be another value, or nothing."""
    new = file("n", {"name": "Nou", "instagram": "https://instagram.com/nou"}, phone=PHONE)
    found = unconfirmed([new], [], [live(99, "n", {"name": "Nou"}, phone=PHONE)])
    ((place, value),) = found.items()
    assert (place, value.is_unchanged(RENTIX.field("instagram"))) == (("99", "instagram"), True)


def test_a_deactivation_of_an_undeclared_agent_can_be_unconfirmed():
    """It was sent because the agent's file is gone."""
    agents = [user(1, EMAIL_1)]
    draft = pf_draft([], agents, ledger((1, "gone")), removal="deactivate")
    run = run_of([], agents, draft)
    assert list(find_unconfirmed(run, Listing(tuple(agents)), FINDER)) == [("1", "status")]
    off = Listing((user(1, EMAIL_1, INACTIVE),))
    assert find_unconfirmed(run, off, FINDER) == {}


# -- what is accepted ------------------------------------------------------------------------------


def value(sent, shown, before):
    """An unconfirmed value."""
    return Unconfirmed(sent, shown, before)


@pytest.mark.parametrize(
    ("path", "first", "second", "accepted"),
    [
        ("name", value("New", "Other", "Old"), value("New", "Other", "Old"), True),
        ("name", value("New", "Other", "Old"), value("New", "Third", "Old"), False),
        ("name", value("New", "Old", "Old"), value("New", "Old", "Old"), False),
        ("name", None, value("New", "Other", "Old"), False),
        (
            "instagram",
            value(None, "https://i/x", "https://i/x"),
            value(None, "https://i/x", "https://i/x"),
            True,
        ),
        ("description.ru", value("", "old", "old"), value("", "old", "old"), True),
        ("avatar", value(None, {"id": 5}, {"id": 5}), value(None, {"id": 5}, {"id": 5}), False),
        ("settings.contact_viber", value(True, False, None), value(True, False, None), False),
        ("externalId", value("a", "b", None), value("a", "b", None), False),
        (ABSENT, value(None, None, None), value(None, None, None), False),
    ],
)
def test_another_value_is_accepted_if_it_is_shown_twice(path, first, second, accepted):
    """Not the former one, unless a value was to be cleared; never a switch or an external id."""
    place = ("1", path)
    found = accept({} if first is None else {place: first}, {place: second}, RENTIX)
    assert found == ({place} if accepted else frozenset())


def test_a_status_is_never_accepted():
    """The agent would stay on all listings, or off them."""
    values = {("1", "status"): value("inactive", "invited", "active")}
    assert accept(values, values, FINDER) == frozenset()


# -- what is sent again ----------------------------------------------------------------------------


def test_only_unconfirmed_values_are_sent_again():
    """Someone changed another value meanwhile; that has not been reviewed."""
    desired = [file("a", {"name": "New", "instagram": None}), file("b", {"name": "B"})]
    after = [live(1, "a", {"instagram": "https://instagram.com/x"}), live(2, "b", {"name": "C"})]
    again = rentix_draft(desired, after).operations
    values = {("1", "name"): value("New", "Old", "Old")}
    (operation,) = resend(again, values, "externalId")
    assert (operation.name, operation.values) == ("update:1", {"name": "New"})


def test_a_creation_is_not_repeated():
    """The list may lag behind: it would create the agent twice."""
    again = rentix_draft([file("n", {"name": "N"}, phone=PHONE)], [], **CREATING).operations
    assert [each.verb for each in again] == ["create"]
    assert resend(again, {("99", ABSENT): value(None, None, None)}, "externalId") == []


def test_a_link_is_sent_again_with_all_that_it_needs():
    """Half of a swap was lost: only that link. If its id is held by another agent now, nothing."""
    swap = [file("b", id=1), file("a", id=2)]
    lost = {("2", "externalId"): value("a", None, "b")}
    half = rentix_draft(swap, [live(1, "b"), live(2)]).operations
    assert [each.name for each in resend(half, lost, "externalId")] == ["link:2"]
    both = rentix_draft(swap, [live(1, "a"), live(2, "b")]).operations
    assert resend(both, lost, "externalId") == []
    everything = {**lost, ("1", "externalId"): value("b", "a", "a")}
    assert len(resend(both, everything, "externalId")) == 4


def restored_run():
    """A link of agent 1 to `b` failed, and its former external id `a` was restored."""
    before = [live(1, "a"), live(2)]
    desired = [file("b", id=1)]
    draft = rentix_draft(desired, before)
    outcomes = [
        Outcome(each, "failed", id=1, error="refused; a was restored", restored="a")
        for each in draft.operations
        if each.verb == "link"
    ]
    return PortalRun(desired, Listing(tuple(before)), draft.matches, outcomes)


@pytest.mark.parametrize("shown", [None, "c"])
def test_a_restored_external_id_that_is_not_shown_is_restored_again(shown):
    """The link that failed is not tried again; the error ends with what the portal shows."""
    run = restored_run()
    assert find_unconfirmed(run, run.before, RENTIX) == {}
    assert find_unconfirmed(run, Listing((live(2),)), RENTIX) == {}
    values = find_unconfirmed(run, Listing((live(1, shown), live(2))), RENTIX)
    assert values == {("1", "externalId"): Unconfirmed("a", shown, "a")}
    now = rentix_draft(run.desired, [live(1, shown), live(2)]).operations
    assert resend(now, values, "externalId") == []
    (link,) = restores(run.outcomes, values, "externalId")
    assert (link.name, link.external_id, link.waits) == ("link:1", "a", ())
    assert restores(run.outcomes, {}, "externalId") == []
    assert accept(values, values, RENTIX) == frozenset()
    ((_, outcome),) = fail([("r2", run.outcomes[0])], values, (), RENTIX)
    assert outcome.status == "failed"
    assert "agent 1" in outcome.error
    assert (shown or "nothing") in outcome.error.split("but the portal shows")[1]


# -- the outcomes ----------------------------------------------------------------------------------


def test_an_operation_with_an_unconfirmed_value_has_failed():
    """The error names value and path; other operations and portals are as before."""
    desired = [file("a", {"name": "New"}, lines={"name": 7}), file("b", {"name": "B"}, id=2)]
    draft = rentix_draft(desired, [live(1, "a"), live(2)])
    run = run_of(desired, [], draft)
    outcomes = [(f"r{number}", each) for number, each in enumerate(run.outcomes)]
    values = {("1", "name"): value("New", "Old", "Old")}
    failed = dict(fail(outcomes, values, frozenset(), RENTIX))
    assert operation_names(draft) == ["link:2", "update:1", "update:2"]
    assert [failed[step].status for step, _ in outcomes] == ["applied", "failed", "applied"]
    outcome = failed["r1"]
    assert (outcome.code, outcome.source.line) == ("not_taken", 7)
    assert "name was sent as “New”, but the portal shows “Old”. Run again" in outcome.error
    accepted = dict(fail(outcomes, values, frozenset(values), RENTIX))["r1"]
    assert "It is not sent again until the file or the portal changes" in accepted.error
    assert list(fail(outcomes, values, frozenset(), FINDER)) == outcomes


def test_a_link_or_an_agent_that_is_not_shown_has_failed():
    """By the operation that sent it."""
    desired = [file("b", {"name": "B"}, id=2)]
    draft = rentix_draft(desired, [live(2)])
    outcomes = [(each.name, Outcome(each, "applied", id=2)) for each in draft.operations]
    link = dict(fail(outcomes, {("2", "externalId"): value("b", None, None)}, (), RENTIX))
    assert [link[name].status for name in ("link:2", "update:2")] == ["failed", "applied"]
    assert "externalId was sent as “b”, but the portal shows nothing" in link["link:2"].error
    gone = dict(fail(outcomes, {("2", ABSENT): value(None, None, None)}, (), RENTIX))
    assert {each.status for each in gone.values()} == {"failed"}
    assert "does not show agent 2" in gone["update:2"].error


@pytest.mark.parametrize(
    ("path", "sent", "shown", "expected"),
    [
        ("instagram", None, "https://i/x", "cleared, but the portal shows “https://i/x”"),
        ("settings.contact_phone", False, True, "sent as off, but the portal shows on"),
        ("avatar", None, {"id": 5, "variants": {}}, "cleared, but the portal shows picture 5"),
    ],
)
def test_a_failure_shows_values_in_words(path, sent, shown, expected):
    """As in a plan."""
    draft = rentix_draft([file("b", {path: sent}, id=2)], [live(2, "b", {path: shown})])
    outcomes = [(each.name, Outcome(each, "applied", id=2)) for each in draft.operations]
    ((_, outcome),) = fail(outcomes, {("2", path): value(sent, shown, shown)}, (), RENTIX)
    assert expected in outcome.error


def test_a_link_has_not_failed_because_of_a_value():
    """Another operation of the same agent sent the value."""
    desired = [file("b", {"name": "B"}, id=2)]
    draft = rentix_draft(desired, [live(2)])
    outcomes = [(each.name, Outcome(each, "applied", id=2)) for each in draft.operations]
    failed = dict(fail(outcomes, {("2", "name"): value("B", "Old", "Old")}, (), RENTIX))
    assert [failed[name].status for name in ("link:2", "update:2")] == ["applied", "failed"]


def test_a_login_is_resent_as_a_value():
    """On a portal whose keys are values."""
    desired = [member("a", EMAIL_1, {"firstName": "Ana"}, id=1)]
    again = pf_draft(desired, [user(1, EMAIL_1)]).operations
    values = {("1", "firstName"): value("Ana", None, None)}
    (operation,) = resend(again, values, None)
    assert list(operation.values) == ["firstName"]
    assert replace(operation, values={}) == replace(again[0], values={}, waits=())
