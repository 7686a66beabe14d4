"""What is recorded of an applied plan, and how its result is verified."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.confirm import settled
from reconciler.core.fields import digest
from reconciler.core.model import (
    AgentState,
    FieldState,
    Listing,
    Operation,
    Outcome,
    PortalState,
    Report,
    Unmet,
)
from reconciler.core.operations import creation_form
from reconciler.core.selection import Selection
from reconciler.core.state import was_refused
from reconciler.core.verify import PortalRun, check_creation, record, verify
from reconciler.portals.propertyfinder import table as propertyfinder
from reconciler.portals.rentix.table import FIELDS, IDENTIFIERS

from .build import (
    BY_NAME,
    EMPTY_STATE,
    NEEDS,
    ORDER,
    URL,
    apply_values,
    file,
    live,
    member,
    pf_draft,
    recorded_keys,
    rentix_draft,
    user,
)

# -- recording -------------------------------------------------------------------------------------


def recorded(prior, run, after, catalogue):
    """The recorded state after a run, if the portal lists `after` then (None: it was not read)."""
    shown = None if after is None else settled(run, after, catalogue)
    return record(prior, run, shown, catalogue)


def rentix(desired, before, after, *, prior=EMPTY_STATE, run=None, statuses=None, **policy):
    """The recorded state after an apply of the whole plan for these agents.

    `after` are the agents listed afterwards, None if the portal was not read; `statuses` is how
    operations ended, by name (otherwise: applied).
    """
    draft = rentix_draft(desired, before, prior, **policy)
    outcomes = [
        Outcome(each, (statuses or {}).get(each.name, "applied"), id=each.id or 99)
        for each in draft.operations
    ]
    return recorded(
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
    assert recorded_keys(state) == {"1": "a"}
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
    matches = rentix_draft(desired, agents, selection=only_a).matches
    state = recorded(
        EMPTY_STATE,
        PortalRun(desired, Listing(tuple(agents)), matches, []),
        Listing(tuple(agents)),
        Catalogue("rentix", FIELDS, IDENTIFIERS, Policy(order=ORDER, needs=NEEDS)),
    )
    assert recorded_keys(state) == {"1": "a"}


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


def test_an_unknown_creation_is_recorded_once_it_is_listed():
    """Else a later edit of the agent would be no drift."""
    desired = [file("a", {"name": "A"}, phone="+373 22 111 111")]
    created = live(99, "a", {"name": "A"}, phone="+373 22 111 111")
    unknown = {"create:a": "unknown"}
    state = rentix(desired, [], [created], statuses=unknown, create=True)
    assert fields_of(state) == {"99": ["name"]}
    assert rentix(desired, [], [], statuses=unknown, create=True).agents == {}


def test_a_created_agent_is_recorded_with_the_id_that_it_got():
    """Also if the portal was not read afterwards: then only what it cannot show."""
    desired = [file("a", {"name": "A", "avatar": URL}, phone="+373 22 111 111")]
    created = live(99, "a", {"name": "A", "avatar": {"id": 5}}, phone="+373 22 111 111")
    assert fields_of(rentix(desired, [], [created], create=True)) == {"99": ["avatar", "name"]}
    unread = rentix(desired, [], None, create=True)
    assert (recorded_keys(unread), fields_of(unread)) == ({"99": "a"}, {"99": ["avatar"]})


def test_a_refused_creation_is_recorded_until_it_succeeds():
    """By its digest: other values make another creation."""
    desired = [file("a", {"name": "A"}, phone="+373 22 111 111")]
    statuses = {"create:a": "waiting"}
    state = rentix(desired, [], [], statuses=statuses, create=True)
    (operation,) = rentix_draft(desired, [], create=True).operations
    assert was_refused(state, "a", creation_form(operation))
    created = live(99, "a", {"name": "A"}, phone="+373 22 111 111")
    policy = Policy(order=ORDER, needs=NEEDS, create=True)
    run = PortalRun(desired, Listing(()), [], [Outcome(operation, "applied", id=99)])
    again = recorded(
        state, run, Listing((created,)), Catalogue("rentix", FIELDS, IDENTIFIERS, policy)
    )
    assert again.refused == {}


def test_a_creation_without_an_id_records_no_agent():
    """The portal confirmed it and gave no id: the next plan finds the agent."""
    desired = [file("a", {"name": "A"}, phone="+373 22 111 111")]
    (operation,) = rentix_draft(desired, [], create=True).operations
    run = PortalRun(desired, Listing(()), [], [Outcome(operation, "applied")])
    policy = Policy(order=ORDER, needs=NEEDS, create=True)
    state = recorded(EMPTY_STATE, run, None, Catalogue("rentix", FIELDS, IDENTIFIERS, policy))
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
    assert {
        number: key for number, key in recorded_keys(state).items() if number != "3"
    } == expected


def test_former_agents_are_matched_by_the_record():
    """On a portal whose keys change, an agent is identified by its recorded id."""
    desired = [member("a", "new@a.example", {"name": "A"})]
    agents = [user(1, "old@a.example", {"name": "A"}, name="A")]
    prior = PortalState({"1": AgentState("a", {})})
    run = PortalRun(desired, Listing(tuple(agents)), pf_draft(desired, agents, prior).matches, [])
    catalogue = Catalogue(
        "propertyfinder",
        propertyfinder.FIELDS,
        propertyfinder.IDENTIFIERS,
        Policy(order=("id", "email"), recall=True),
    )
    listing = Listing(tuple(agents))
    assert recorded_keys(recorded(prior, run, listing, catalogue)) == {"1": "a"}
    forgetful = replace(catalogue, policy=replace(catalogue.policy, recall=False))
    state = recorded(prior, run, listing, forgetful)
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
    return verify(report, {"rentix": rentix_draft(desired, agents, **options)}, sent_to)


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
    match, prior = apply_values({"name": "Ivan "}, {"name": "Ivan"}, before={"name": "Petr"})
    report = verified(
        [outcome(key="agent-001", number=15)], [match.desired], [match.live], prior=prior
    )
    assert [each.path for each in report.unmet] == ["name"]
    assert (report.checked, report.as_declared, report.remaining) == (1, 0, 0)


def test_on_a_portal_that_was_sent_nothing_no_work_remains():
    """Its plan is the one that was shown, and what it left out is intended."""
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
