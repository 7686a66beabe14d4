"""What the ledger records after an apply, and how the result is verified."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.fields import digest, parent
from reconciler.core.model import (
    AgentState,
    FieldState,
    Listing,
    Match,
    Operation,
    Outcome,
    PortalState,
    Report,
    Unmet,
)
from reconciler.core.operations import creation_form
from reconciler.core.selection import Selection
from reconciler.core.state import was_refused
from reconciler.core.verify import (
    Evidence,
    PortalRun,
    check_creation,
    record,
    update_state,
    verify,
)
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import (
    BY_NAME,
    NEEDS,
    NOTHING,
    ORDER,
    OTHER,
    PARTS,
    URL,
    applied,
    brief,
    difference,
    file,
    found,
    live,
    member,
    paths,
    plan,
    recall,
    staff,
    user,
)


def test_a_value_shown_as_declared_is_recorded():
    """Whoever set it."""
    match = found({"name": "Ivan"}, {"name": "Ivan"})
    prior = recall(match)
    assert prior.agents["15"].key == "agent-001"
    assert brief(difference(found({"name": "Ivan"}, {"name": "Petr"}), prior).changes) == [
        ("name", "different", "drift")
    ]


def test_a_picture_of_a_new_agent_may_be_late_too():
    """The portal showed nothing before."""
    match = found({"avatar": URL}, {"avatar": None})
    prior = update_state(
        NOTHING,
        Evidence(
            [match], sent={"15": frozenset(["avatar"])}, before={}, after={}, removed={}, refused={}
        ),
        BY_NAME,
    )
    assert prior.agents["15"].fields["avatar"].shown is None
    assert paths(match, prior) == []


def test_a_picture_that_arrives_at_once_is_recorded():
    """It is not the former one, so it is the one that was sent."""
    _, prior = applied({"avatar": URL}, {"avatar": {"id": 6}}, before={"avatar": {"id": 5}})
    field = BY_NAME["avatar"]
    recorded = prior.agents["15"].fields["avatar"]
    assert recorded == FieldState(digest(field, URL), digest(field, {"id": 6}), URL)


def test_a_picture_by_id_that_did_not_change_is_not_late():
    """It was sent again and is shown as declared."""
    _, prior = applied({"avatar": {"id": 5}}, {"avatar": {"id": 5}}, before={"avatar": {"id": 5}})
    assert prior.agents["15"].fields["avatar"].shown is not None


@pytest.mark.parametrize("declared", [{"description": "Р"}, {"description": "Р", "name": "Ivan"}])
def test_a_string_that_hides_languages_is_sent_even_after_a_failure(declared):
    """The update failed, so the portal still has the other languages: the next plan sends it again."""
    _, prior = applied(PARTS, {"description": "Р"}, before={"description": "old"})
    whole = found(declared, {"description": "Р", "name": "Ivan"})
    failed = recall(whole, prior, sent=[])
    assert "description" in paths(whole, failed)


def test_a_failed_string_keeps_the_records_of_its_languages():
    """The portal still has them; a value that is no longer declared is forgotten all the same."""
    declared, shown = {**PARTS, "name": "Ivan"}, {"description": "Р", "name": "Ivan"}
    _, prior = applied(declared, shown, before={"description": "old"})
    failed = recall(found({"description": "Y"}, shown), prior)
    assert sorted(failed.agents["15"].fields) == sorted(PARTS)


def test_a_failed_language_does_not_restore_old_records_of_another():
    """One language is shown as declared, another failed: each is recorded as it is now."""
    english = found({"description.en": "E1"}, {"description.en": "E1", "description.ru": "Y"})
    both = {"description.en": "E2", "description.ru": "Р"}
    shown = {"description.en": "E2", "description.ru": "Y"}
    prior = recall(found(both, shown), recall(english))
    edited = found({"description.en": "E3"}, shown)
    assert brief(difference(edited, prior).changes) == [("description.en", "different", "pending")]


def test_a_failed_value_is_not_recorded():
    """Neither sent nor shown: the next plan has it again."""
    match = found({"name": "Ivan", "avatar": URL}, {"name": "Petr", "avatar": {"id": 5}})
    prior = recall(match, sent=[])
    assert prior.agents["15"].fields == {}
    assert paths(match, prior) == ["name", "avatar"]


def test_a_failed_value_keeps_the_former_record():
    """Drift of the former value can still be distinguished from the new one."""
    _, prior = applied({"name": "Ivan"}, {"name": "Ivan"}, before={"name": "x"})
    failed = recall(found({"name": "Oleg"}, {"name": "Ivan"}), prior)
    assert failed.agents["15"].fields == prior.agents["15"].fields


def test_drift_is_not_recorded_as_applied():
    """An apply that leaves the agent out keeps the record."""
    _, prior = applied({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    drifted = found({"avatar": URL}, {"avatar": {"id": 6}})
    assert recall(drifted, prior) == prior
    assert paths(drifted, recall(drifted, prior)) == ["avatar"]


def test_only_unreadable_values_are_recorded_in_full():
    """Addresses of pictures and texts; of all else, a digest."""
    values = {"name": "Ivan", "avatar": URL, "description.ru": "Р"}
    _, prior = applied(values, {"name": "Ivan"}, before={"name": "x"})
    recorded = prior.agents["15"].fields
    assert {path: each.value for path, each in recorded.items()} == {
        "name": None,
        "avatar": URL,
        "description.ru": "Р",
    }


def test_a_value_that_is_no_longer_declared_is_forgotten():
    """A key that was removed from the file is not managed any more."""
    _, prior = applied({"name": "Ivan", "tiktok": None}, {"name": "Ivan"}, before={"name": "x"})
    assert list(recall(found({"name": "Ivan"}, {}), prior).agents["15"].fields) == ["name"]


def unlinked(number, external):
    """What takes an agent's external id off, whom no file declares."""
    return Operation(f"unlink:{number}", "unlink", "rentix", external, None, number, external)


def deactivated(number):
    """What takes an agent off by a value."""
    verb = "deactivate"
    return Operation(f"{verb}:{number}", verb, "x", "b", None, number, values={"name": "off"})


def keys_of(prior):
    """Who is remembered as whom."""
    return {number: each.key for number, each in prior.agents.items()}


OLD = PortalState({"1": AgentState("a", {}), "2": AgentState("b", {})})


@pytest.mark.parametrize("others", [[], [live(2)], [live(2, "c")]], ids=["gone", "none", "another"])
def test_an_unlinked_agent_is_forgotten(others):
    """The records of other agents are kept."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, others=others)
    assert keys_of(prior) == {"1": "a", "15": "agent-001"}


def test_an_agent_that_keeps_its_external_id_stays_recorded():
    """The portal confirmed the unlink and still shows the id."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, others=[live(2, "b")])
    assert keys_of(prior)["2"] == "b"


def test_a_removal_that_the_portal_ignored_is_recorded():
    """The next plan reports it, and does not send it again and again."""
    on, off = (live(2, None, {"name": name}) for name in ("on", "off"))
    prior = recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[on])
    field = BY_NAME["name"]
    assert prior.agents["2"].fields == {
        "name": FieldState(digest(field, "off"), digest(field, "on"))
    }
    assert "2" not in recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[off]).agents


def test_a_removal_that_cannot_be_seen_is_recorded():
    """The portal does not show the value, so it is not known whether the agent is off."""
    agent = live(2)
    hidden = replace(agent, values={"avatar": None})
    prior = recall(found({}, {}), OLD, removed={"2": deactivated(2)}, others=[hidden])
    assert "name" in prior.agents["2"].fields


def test_the_portals_address_is_kept():
    """At another address the same ids are other agents."""
    assert recall(found({}, {}), PortalState(url="https://portal.example")).url == (
        "https://portal.example"
    )


def test_of_an_agent_that_was_sent_nothing_only_shown_values_are_recorded():
    """Those that the portal shows as declared."""
    match = found({"name": "Ivan", "tiktok": None}, {"name": "Ivan", "tiktok": "https://x"})
    prior = update_state(
        NOTHING,
        Evidence([match], sent={}, before={}, after={"15": match.live}, removed={}, refused={}),
        BY_NAME,
    )
    assert list(prior.agents["15"].fields) == ["name"]


def test_a_removal_that_was_not_verified_keeps_the_record():
    """The portal was not read afterwards."""
    prior = recall(found({}, {}), OLD, removed={"2": unlinked(2, "b")}, seen=False)
    assert "2" in prior.agents


def test_a_key_is_recorded_for_one_agent():
    """The file matches another agent now: the former one is not managed any more."""
    prior = recall(found({}, {}, key="b", number=3), OLD)
    assert keys_of(prior) == {"1": "a", "3": "b"}


def test_a_removed_agent_that_matches_again_is_recorded():
    """The match is more recent than the removal."""
    ended = {"15": unlinked(15, "agent-001")}
    assert "15" in recall(found({}, {}), removed=ended).agents


def test_refused_creations_are_recorded_until_one_succeeds():
    """Other applies keep the record."""
    once = recall(found({}, {}), refused={"a": "f1", "b": "f2"})
    again = recall(found({}, {}), once, refused={"b": None})
    assert again.refused == {"a": "f1"}
    assert was_refused(again, "a", "f1")
    assert not was_refused(again, "a", "changed")
    assert not was_refused(again, "b", "f2")


@pytest.mark.parametrize("path", ["avatar", "description.ru"])
def test_unreadable_values_are_recorded_even_if_the_portal_was_not_read(path):
    """The apply ended before the check: an unreadable value is not sent again; a readable one is
    compared by the next plan."""
    values = {path: URL if path == "avatar" else "Р", "name": "Ivan"}
    shown = {"avatar": {"id": 5}, "description": "E", "name": "Petr"}
    match = found(values, shown)
    prior = recall(match, sent=values, seen=False)
    assert list(prior.agents["15"].fields) == [path]
    assert prior.agents["15"].fields[path].shown is None
    assert paths(match, prior) == ["name"]
    assert recall(match, sent=[], seen=False).agents["15"].fields == {}


@pytest.mark.parametrize("earlier", [None, {"id": 5}])
def test_a_picture_may_be_late_even_if_the_portal_was_not_read(earlier):
    """What the portal showed before the apply is no reason to send it again, also after another apply
    that leaves the agent alone. No picture where there was one is."""
    match = found({"avatar": URL}, {"avatar": earlier})
    prior = recall(match, sent=["avatar"], seen=False)
    assert paths(match, prior) == []
    assert "may still be importing" in difference(match, prior).warnings[0].message
    assert paths(match, recall(match, prior)) == []
    if earlier is not None:
        assert paths(found({"avatar": URL}, {"avatar": None}), prior) == ["avatar"]


def test_records_of_unsent_values_are_kept_if_the_portal_was_not_read():
    """Nothing new is known of them."""
    match, prior = applied({"avatar": URL}, {"avatar": {"id": 5}}, before={"avatar": None})
    assert recall(match, prior, sent=[], seen=False) == prior


def test_aliases_are_recorded():
    """As the portal shows them at the last apply."""
    match = Match(member("a", "x@a.example"), user(1, "x@a.example", profile=9), "email")
    prior = recall(match, fields=propertyfinder.FIELDS)
    assert prior.agents["1"].aliases == {"publicProfileId": 9}
    moved = replace(match, live=replace(match.live, aliases={"publicProfileId": 10}))
    again = recall(moved, prior, fields=propertyfinder.FIELDS)
    assert again.agents["1"].aliases == {"publicProfileId": 10}
    assert recall(found({}, {})).agents["15"].aliases == {}


# -- evidence --------------------------------------------------------------------------------------


def rentix(desired, before, after, *, prior=NOTHING, run=None, statuses=None, **policy):
    """The recorded state after an apply of everything that a plan has for these agents.

    `after` are the agents listed afterwards, None if the portal was not read; `statuses` is how
    operations ended, by name (otherwise: applied).
    """
    draft = plan(desired, before, prior, **policy)
    outcomes = [
        Outcome(each, (statuses or {}).get(each.name, "applied"), id=each.id or 99)
        for each in draft.operations
    ]
    return record(
        prior,
        PortalRun(desired, Listing(tuple(before)), draft.matches, outcomes),
        None if after is None else Listing(tuple(after)),
        Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER, needs=NEEDS, **policy)),
    )


def fields_of(prior):
    """The recorded paths of each live agent."""
    return {number: sorted(each.fields) for number, each in prior.agents.items()}


def test_an_agent_is_recorded_after_its_update():
    """With what the portal shows now."""
    state = rentix([file("a", {"name": "New"})], [live(1, "a")], [live(1, "a", {"name": "New"})])
    assert keys_of(state) == {"1": "a"}
    field = BY_NAME["name"]
    assert state.agents["1"].fields["name"] == FieldState(
        digest(field, "New"), digest(field, "New")
    )


def test_an_agent_that_needs_no_change_is_recorded():
    """Nothing was sent, and the portal shows the value as declared."""
    agents = [live(1, "a", {"name": "A"})]
    assert fields_of(rentix([file("a", {"name": "A"})], agents, agents)) == {"1": ["name"]}


def test_of_a_portal_that_was_not_read_only_agents_that_were_sent_values_are_recorded():
    """The others are as unknown as before."""
    desired = [file("a", {"avatar": URL}), file("b", {"name": "B"})]
    before = [live(1, "a"), live(2, "b", {"name": "B"})]
    assert fields_of(rentix(desired, before, None)) == {"1": ["avatar"]}


def test_only_agents_that_the_plan_covers_are_recorded():
    """An agent that was left out of the plan was not checked."""
    desired = [file("a", {"name": "A"}), file("b", {"name": "B"})]
    agents = [live(1, "a", {"name": "A"}), live(2, "b", {"name": "B"})]
    only_a = Selection(("a",))
    matches = plan(desired, agents, selection=only_a).matches
    state = record(
        NOTHING,
        PortalRun(desired, Listing(tuple(agents)), matches, []),
        Listing(tuple(agents)),
        Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER, needs=NEEDS)),
    )
    assert keys_of(state) == {"1": "a"}


def test_an_agent_without_the_declared_external_id_is_not_recorded():
    """Its link failed: it is not known to be this agent."""
    desired = [file("a", {"name": "New"}, id=1)]
    agents = [live(1, None)]
    statuses = {"link:1": "failed"}
    assert rentix(desired, agents, agents, statuses=statuses).agents == {}


def test_a_link_alone_records_no_value_as_sent():
    """An unreadable value that was not sent is not recorded."""
    desired = [file("a", {"avatar": URL}, id=1)]
    statuses = {"update:1": "failed"}
    state = rentix(desired, [live(1)], [live(1, "a", {"avatar": {"id": 5}})], statuses=statuses)
    assert fields_of(state) == {"1": []}


def test_a_created_agent_is_recorded_with_the_id_that_it_got():
    """Also if the portal was not read afterwards: then only what it cannot show."""
    desired = [file("a", {"name": "A", "avatar": URL}, phone="+373 22 111 111")]
    created = live(99, "a", {"name": "A", "avatar": {"id": 5}}, phone="+373 22 111 111")
    assert fields_of(rentix(desired, [], [created], create=True)) == {"99": ["avatar", "name"]}
    unread = rentix(desired, [], None, create=True)
    assert (keys_of(unread), fields_of(unread)) == ({"99": "a"}, {"99": ["avatar"]})


def test_a_refused_creation_is_recorded_until_it_succeeds():
    """By its digest: a creation with other values is another one."""
    desired = [file("a", {"name": "A"}, phone="+373 22 111 111")]
    statuses = {"create:a": "waiting"}
    state = rentix(desired, [], [], statuses=statuses, create=True)
    (operation,) = plan(desired, [], create=True).operations
    assert was_refused(state, "a", creation_form(operation))
    created = live(99, "a", {"name": "A"}, phone="+373 22 111 111")
    policy = Policy(order=ORDER, needs=NEEDS, create=True)
    run = PortalRun(desired, Listing(()), [], [Outcome(operation, "applied", id=99)])
    again = record(
        state, run, Listing((created,)), Catalogue("rentix", FIELDS, IDENTIFIERS, policy)
    )
    assert again.refused == {}


def test_a_creation_without_an_id_records_no_agent():
    """The portal confirmed it and gave no id: the next plan finds the agent."""
    desired = [file("a", {"name": "A"}, phone="+373 22 111 111")]
    (operation,) = plan(desired, [], create=True).operations
    run = PortalRun(desired, Listing(()), [], [Outcome(operation, "applied")])
    policy = Policy(order=ORDER, needs=NEEDS, create=True)
    state = record(NOTHING, run, None, Catalogue("rentix", FIELDS, IDENTIFIERS, policy))
    assert state.agents == {}


def test_an_unlinked_agent_that_no_file_declares_is_not_recorded():
    """What the plan removed is not managed any more."""
    prior = PortalState({"1": AgentState("a", {})})
    state = rentix([], [live(1, "a")], [live(1)], prior=prior, removal="unlink")
    assert state.agents == {}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([live(1, None, {"name": "New"}), live(3)], {"1": "a"}),
        ([live(1, None, {"name": "New"}), live(3, "a")], {"1": "a"}),
        ([live(3, "a")], {}),
        ([live(3)], {}),
    ],
    ids=["unlinked", "moved", "removed and moved", "removed"],
)
def test_an_agent_that_was_changed_stays_recorded_though_its_file_matches_another(after, expected):
    """Someone edited the portal during the apply; a removed agent is forgotten."""
    desired = [file("a", {"name": "New"})]
    state = rentix(desired, [live(1, "a"), live(3)], after)
    assert {number: key for number, key in keys_of(state).items() if number != "3"} == expected


def test_former_agents_are_matched_by_the_record():
    """On a portal whose keys change, an agent is found by its recorded id."""
    desired = [member("a", "new@a.example", {"name": "A"})]
    agents = [user(1, "old@a.example", {"name": "A"}, name="A")]
    prior = PortalState({"1": AgentState("a", {})})
    run = PortalRun(desired, Listing(tuple(agents)), staff(desired, agents, prior).matches, [])
    catalogue = Catalogue(
        "propertyfinder",
        propertyfinder.FIELDS,
        propertyfinder.IDENTIFIERS,
        Policy(order=("id", "email"), recall=True),
    )
    listing = Listing(tuple(agents))
    assert keys_of(record(prior, run, listing, catalogue)) == {"1": "a"}
    forgetful = replace(catalogue, policy=replace(catalogue.policy, recall=False))
    state = record(prior, run, listing, forgetful)
    assert fields_of(state) == {"1": []}


# -- the result ------------------------------------------------------------------------------------


def outcome(verb="update", key="a", *, status="applied", number=1, source=True, portal="rentix"):
    """The outcome of an operation."""
    place = file(key).source if source else None
    operation = Operation(f"{verb}:{number}", verb, portal, key, place, number)
    return Outcome(operation, status, id=number)


def verified(outcomes, desired, agents, *, sent_to=("rentix",), **options):
    """The report of these outcomes, checked against these agents."""
    report = Report(tuple(("r1", each) for each in outcomes))
    return verify(report, {"rentix": plan(desired, agents, **options)}, sent_to)


def test_an_apply_that_reached_its_goal():
    """Everything is as declared."""
    report = verified([outcome()], [file("a", {"name": "A"})], [live(1, "a", {"name": "A"})])
    assert (report.checked, report.as_declared, report.unmet, report.remaining) == (1, 1, (), 0)
    assert (report.notes, report.exit_code) == ((), 0)


def test_a_value_that_is_not_as_declared_is_unmet():
    """It would be sent again, so the apply is not complete."""
    desired = file("a", {"name": "A"})
    report = verified(
        [outcome()], [desired, file("b")], [live(1, "a", {"name": "B"}), live(2, "b")]
    )
    assert report.unmet == (Unmet("rentix", "a", desired.source, "name", "A", "B"),)
    assert (report.checked, report.as_declared, report.remaining) == (2, 1, 1)
    assert report.exit_code == 3


def test_a_value_that_the_portal_altered_is_unmet():
    """It is recorded, so it is not sent again."""
    match, prior = applied({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    report = verified(
        [outcome(key="agent-001", number=15)], [match.desired], [match.live], prior=prior
    )
    assert [each.path for each in report.unmet] == ["name"]
    assert (report.checked, report.as_declared, report.remaining) == (1, 0, 0)


def test_on_a_portal_that_was_sent_nothing_no_work_remains():
    """Its plan is the one that was shown: what it left out was left out on purpose."""
    desired, agents = [file("a", {"name": "A"})], [live(1, "a", {"name": "B"})]
    report = verified([], desired, agents, sent_to=())
    assert (report.remaining, len(report.unmet)) == (0, 1)


def test_without_any_portal_nothing_is_verified():
    """None could be read again."""
    report = Report((("r1", outcome()),))
    assert verify(report, {}, ("rentix",)) is report


@pytest.mark.parametrize(
    ("shown", "status"), [({"name": "A"}, "applied"), ({"name": "B"}, "unknown")]
)
def test_an_unknown_outcome_is_applied_if_the_agent_is_as_declared(shown, status):
    """Then its error does not matter any more."""
    unknown = replace(outcome(status="unknown", number=None), error="timed out")
    report = verified([unknown], [file("a", {"name": "A"})], [live(1, "a", shown)])
    ((step, resolved),) = report.outcomes
    assert (step, resolved.status) == ("r1", status)
    assert (resolved.error, resolved.id) == (
        (None, 1) if status == "applied" else ("timed out", None)
    )


def test_a_failed_outcome_stays_failed():
    """Someone else may have set the value."""
    failed = outcome(status="failed")
    report = verified([failed], [file("a", {"name": "A"})], [live(1, "a", {"name": "A"})])
    assert report.outcomes == (("r1", failed),)


@pytest.mark.parametrize(
    ("agents", "match", "remaining"),
    [([live(1), live(3)], "no agent", 1), ([live(1), live(3, "a")], "agent 3", 0)],
)
def test_a_file_that_no_longer_matches_the_changed_agent_is_a_note(agents, match, remaining):
    """Someone edited the portal during the apply."""
    report = verified([outcome()], [file("a", {"name": "Agent 3"})], agents)
    (note,) = report.notes
    assert note.startswith(
        f"a: this apply changed agent 1 on rentix, but the file now matches {match}"
    )
    assert report.remaining == remaining


@pytest.mark.parametrize(
    "other",
    [
        outcome(status="failed"),
        outcome("create"),
        outcome("unlink", source=False),
        outcome(portal="propertyfinder"),
    ],
    ids=["failed", "created", "removed", "not read again"],
)
def test_other_outcomes_are_no_such_note(other):
    """The file did not match that agent before, or nothing is known about it."""
    report = verified([other], [file("a")], [])
    assert (report.notes, report.remaining) == ((), 0)


def test_a_creation_that_updated_an_existing_agent_failed():
    """The plan did not find that agent, so it may be another person."""
    created = outcome("create", number=15)
    (failed,) = (check_creation(created, {("rentix", 15)}),)
    assert (failed.status, failed.id) == ("failed", 15)
    assert "agent 15 already existed" in failed.error


@pytest.mark.parametrize(
    ("other", "known"),
    [
        (outcome("create", number=15), {("rentix", 1), ("propertyfinder", 15)}),
        (outcome("update", number=15), {("rentix", 15)}),
        (outcome("create", number=15, status="unknown"), {("rentix", 15)}),
    ],
    ids=["new", "an update", "not applied"],
)
def test_other_outcomes_are_kept(other, known):
    """Only a creation can have that error."""
    assert check_creation(other, known) is other


# -- convergence --------------------------------------------------------------------------------

LINKS = st.sampled_from(
    [None, "https://tiktok.com/@i", "https://www.tiktok.com/@i/", "https://tiktok.com/@o"]
)
TEXT = st.sampled_from(["", "X", " X ", "Y", "Y\n"])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ivan", " Ivan ", "Petr"]),
        "tiktok": LINKS,
        "avatar": st.sampled_from([None, {"id": 5}, URL, OTHER]),
        "settings.contact_viber": st.booleans(),
    },
)
TEXTS = st.one_of(
    st.just({}),
    TEXT.map(lambda each: {"description": each}),
    st.dictionaries(st.sampled_from(list(PARTS)), TEXT, min_size=1),
)
SHOWN = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Ivan", "Petr", ""]),
        "tiktok": LINKS,
        "avatar": st.sampled_from([None, {"id": 5}, {"id": 6}]),
        "settings.contact_viber": st.booleans(),
    }
)
SHOWN_TEXTS = TEXT.map(lambda each: {"description": each}) | st.fixed_dictionaries(
    dict.fromkeys(PARTS, TEXT)
)


@given(VALUES, TEXTS, SHOWN, SHOWN_TEXTS, SHOWN, SHOWN_TEXTS)
def test_whatever_the_portal_shows_afterwards_the_next_plan_is_empty(
    values, texts, was, was_text, shown, shown_text
):
    """All declared fields are sent, and the portal accepts, trims or ignores each, or shows anything
    else: nothing is planned again, and without the record only values that cannot be seen to be
    right are sent again."""
    declared = {**values, **texts}
    earlier = found(declared, {**was, **was_text})
    now = found(declared, {**shown, **shown_text})
    fields = {parent(change.path) for change in difference(earlier).changes}
    sent = [path for path in declared if parent(path) in fields]
    prior = update_state(
        NOTHING,
        Evidence(
            [now],
            sent={"15": frozenset(sent)},
            before={"15": earlier.live},
            after={"15": now.live},
            removed={},
            refused={},
        ),
        BY_NAME,
    )
    again = difference(now, prior)
    assert {change.path for change in again.changes} <= set(declared) - set(sent)
    lost = difference(Match(now.desired, now.live, now.by))
    assert {parent(each.path) for each in again.not_taken} <= {
        parent(each.path) for each in lost.changes
    }
