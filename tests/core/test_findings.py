"""Conflicts and warnings: whom they name, and their order."""

from __future__ import annotations

from reconciler.core.model import Candidate

from .build import (
    NEW,
    OTHER_PHONE,
    PHONE,
    file,
    ledger,
    live,
    match_of,
    refuses,
    rentix_draft,
    state_after,
)


def test_a_conflict_has_the_name_of_the_person():
    """The declared name, else the one on the portal; "" if neither is known."""
    desired = [
        file("named", NEW, id=98),
        file("unknown", id=99),
        file("matched", id=1),
        file("shared", {"name": "Ivan"}, phone=PHONE),
    ]
    agents = [live(1, name="Petr"), live(2, "matched"), live(3, phone=PHONE), live(4, phone=PHONE)]
    draft = rentix_draft(desired, agents)
    assert {each.key: each.name for each in draft.conflicts} == {
        "named": "Olga",
        "unknown": "",
        "matched": "Petr",
        "shared": "Ivan",
    }


def test_a_warning_has_the_name_of_the_person():
    """An agent that waits, one that matches, and one that no file declares."""
    desired = [file("wait", NEW), file("matched", phone=PHONE), file("nameless")]
    agents = [live(1, "matched", phone=OTHER_PHONE, name="Petr"), live(9, "gone", name="Ivan")]
    draft = rentix_draft(desired, agents, ledger((9, "gone")))
    assert {each.key: each.name for each in draft.warnings} == {
        "wait": "Olga",
        "matched": "Petr",
        "nameless": "",
        "gone": "Ivan",
    }


def test_the_holder_of_an_external_id_is_the_candidate_of_the_conflict():
    """With the external id that is declared."""
    (conflict,) = rentix_draft([file("a", id=1)], [live(1), live(2, "a", name="Ivan")]).conflicts
    assert conflict.candidates == (Candidate(2, "Ivan", "a"),)


def test_an_agent_in_conflict_has_no_warnings_or_unmet_values():
    """The conflict is all that the plan reports about it."""
    values = {"name": "Ivan ", "description.ru": "Р"}
    prior = state_after(match_of({"name": "Ivan "}, {"name": "Ivan"}), sent=["name"])
    agent = live(15, "agent-001", {"name": "Ivan", "description": "E"}, phone=OTHER_PHONE)
    desired = file("agent-001", values, phone=PHONE)
    draft = rentix_draft([desired], [agent], prior)
    assert (len(draft.warnings), len(draft.not_taken)) == (3, 1)
    draft = rentix_draft([desired], [agent], prior, refuses=refuses("agent-001"))
    assert (draft.warnings, draft.not_taken, draft.operations) == ((), (), ())


def test_conflicts_and_warnings_are_in_file_order():
    """Agents that no file declares come last."""
    desired = [
        file("b", at="b.yaml", line=2, id=99),
        file("d", at="b.yaml", line=4),
        file("a", at="a.yaml", id=98),
        file("c", at="a.yaml", line=7),
    ]
    draft = rentix_draft(desired, [live(9, "gone")], ledger((9, "gone")))
    assert [each.key for each in draft.conflicts] == ["a", "b"]
    assert [each.key for each in draft.warnings] == ["c", "d", "gone"]
