"""The ledger on a branch, from the command line: two clones of a repository, and one portal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agency import Agency, user
from repositories import (
    clone,
    commit,
    looks,
    plain_git,
    refusing,
    remote_of,
    repository,
    say,
    unreachable,
)

from reconciler.core.model import Finished
from reconciler.engine import applying, session
from reconciler.engine.concurrency import Cancellation, merge_streams
from reconciler.sandbox.readings import Readings
from reconciler.store.branch import Local, Shared
from reconciler.store.ledger import LedgerChanged
from reconciler.store.refs import git

PLACE = "git:reconciler-ledger"
REF = "refs/heads/reconciler-ledger"


def picture(number: int) -> dict[str, str]:
    """What no portal says back: from which address a picture came."""
    return {"url": f"https://agency.example/{number}.jpg"}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of anybody's count."""
    plain_git(monkeypatch)


@pytest.fixture
def remote(agency: Agency, tmp_path: Path) -> Path:
    """A remote with the files of two agents, whose pictures are declared."""
    source = Agency(repository(tmp_path / "source"), agency.portal)
    source.use(rentix={}, ledger=PLACE)
    declare(source)
    commit(source.root)
    return remote_of(source.root, tmp_path / "remote.git")


def declare(agency: Agency, *, first: int = 1, second: int = 2) -> None:
    """Two agents with their pictures."""
    agency.declare(
        {"externalId": "a", "avatar": picture(first)},
        {"externalId": "b", "avatar": picture(second)},
    )


@pytest.fixture
def pair(agency: Agency, remote: Path, tmp_path: Path) -> tuple[Agency, Agency]:
    """Two clones, and a portal with both agents and no picture."""
    agency.live(user(1, externalId="a"), user(2, externalId="b"))
    return (
        Agency(clone(remote, tmp_path / "a", "--depth=1"), agency.portal),
        Agency(clone(remote, tmp_path / "b"), agency.portal),
    )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; nobody waits."""
    asked: list[float] = []
    monkeypatch.setattr(Cancellation, "sleep", lambda _, seconds: asked.append(seconds))
    return asked


def meanwhile(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], Any]) -> None:
    """Before each of the next saves one of these happens, as if by somebody else who was not seen:
    their claim could not be pushed."""
    left, whole = list(acts), Shared.save

    def save(store: Shared, *arguments: Any) -> str | None:
        if left:
            act = left.pop(0)
            with monkeypatch.context() as patch:
                patch.setattr(Shared, "save", whole)
                patch.setattr(Shared, "lock", lambda *_: nullcontext(()))
                act()
        return whole(store, *arguments)

    monkeypatch.setattr(Shared, "save", save)


def remembered(remote: Path) -> dict[str, str]:
    """The pictures that the remote's ledger knows, by key."""
    kept = json.loads(git(remote, "show", f"{REF}:ledger.json"))
    return {
        each["key"]: each["fields"]["avatar"]["value"]["url"]
        for each in kept["portals"]["rentix"]["agents"].values()
    }


def messages(remote: Path) -> list[str]:
    """The messages on the remote's branch, the newest first."""
    return say(remote, "log", "--format=%s", REF).split("\n")


def test_what_one_clone_applies_another_knows(pair: tuple[Agency, Agency], remote: Path) -> None:
    """Its plan is empty, without a word; the branch says in a line what was applied, and of neither
    clone anything else is touched."""
    a, b = pair
    before = [looks(each.root) for each in pair]
    done = a.apply()
    assert (done["exit"], done["notes"]) == (0, [])
    said = b.run("plan", "--format", "json")
    assert (said.json["agents"], said.json["requests"]) == ([], [])
    assert "note:" not in said.err
    assert messages(remote) == ["Applied: 2 update"]
    assert [looks(each.root) for each in pair] == before


def test_the_same_without_a_ledger_sends_everything_again(
    pair: tuple[Agency, Agency], remote: Path
) -> None:
    """So it is the branch that makes the difference."""
    a, b = pair
    a.apply()
    git(remote, "update-ref", "-d", REF)
    assert len(b.plan()["agents"]) == 2


def test_drift_is_seen_from_a_clone_that_never_applied(pair: tuple[Agency, Agency]) -> None:
    """What somebody changed by hand since the other clone applied."""
    a, b = pair
    a.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    a.apply()
    b.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    assert b.run("drift").code == 0
    agent = a.truth()[1]
    agent.name = "Somebody"
    a.portal.state.store.save(agent)
    said = b.run("drift", "--format", "json")
    assert said.code == 2
    assert [each["key"] for each in said.json["agents"]] == ["a"]


def test_a_plan_pushes_nothing(pair: tuple[Agency, Agency], remote: Path) -> None:
    """It reads the remote and no more."""
    pair[0].plan()
    pair[0].run("drift")
    pair[0].run("apply", "--dry-run")
    assert say(remote, "for-each-ref", REF) == ""


def test_two_applies_at_once_keep_each_others_memory(
    pair: tuple[Agency, Agency],
    remote: Path,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """Another clone pushes first: read again, this run's result put onto it, one pause."""
    a, b = pair
    meanwhile(monkeypatch, lambda: b.apply("--target", "b"))
    done = a.apply("--target", "a")
    assert (done["exit"], done["notes"]) == (0, [])
    assert remembered(remote) == {"a": picture(1)["url"], "b": picture(2)["url"]}
    assert messages(remote) == ["Applied: 1 update", "Applied: 1 update"]
    assert len(pauses) == 1
    assert [each.plan()["agents"] for each in pair] == [[], []]


def test_the_last_apply_of_an_agent_is_what_is_remembered(
    pair: tuple[Agency, Agency], remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both applied the same agent: whoever writes last looked at the portal last."""
    a, b = pair
    declare(b, first=7)
    meanwhile(monkeypatch, b.apply)
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    a.apply()
    assert remembered(remote)["a"] == picture(1)["url"]


def test_others_who_write_all_the_time_are_not_waited_for_for_ever(
    pair: tuple[Agency, Agency], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """So many tries, longer and longer pauses; the apply has not failed, and the report says it."""

    def moved(*_: object) -> None:
        raise LedgerChanged

    monkeypatch.setattr(Shared, "save", moved)
    done = pair[0].apply()
    assert done["exit"] == 0
    assert len(pauses) == len(applying.PAUSES)
    for asked, longest in zip(pauses, applying.PAUSES, strict=True):
        assert longest / 2 <= asked <= longest
    assert "other applies kept writing it" in done["notes"][0]


def test_a_refused_push_fails_no_apply(pair: tuple[Agency, Agency], remote: Path) -> None:
    """Here it is known, and said, that others do not know it yet; the next apply pushes it, with
    nothing else to do."""
    a, b = pair
    with refusing(remote):
        done = a.apply()
        assert done["exit"] == 0
        [note] = done["notes"]
        assert "could not be pushed to origin" in note
        assert "values that cannot be read back may be sent again" in note
        assert "changes made from here may look like drift" in note
        said = a.run("plan", "--format", "json")
        assert said.json["agents"] == []
        assert (
            "note: The ledger git:reconciler-ledger has results of an apply from here" in said.err
        )
        assert len(b.plan()["agents"]) == 2
    done = a.apply()
    assert (done["exit"], done["notes"], done["summary"]["applied"]) == (0, [], 0)
    assert messages(remote) == ["Applied: nothing"]
    assert b.plan()["agents"] == []
    assert "note:" not in a.run("plan").err


def test_a_remote_that_is_away_stops_nothing(pair: tuple[Agency, Agency], remote: Path) -> None:
    """A plan and an apply go on with what was fetched last, and say so."""
    a, b = pair
    a.apply("--target", "a")
    b.plan()
    with unreachable(remote):
        said = b.run("plan", "--format", "json")
        assert (said.code, [each["key"] for each in said.json["agents"]]) == (0, ["b"])
        assert "note: The ledger git:reconciler-ledger could not be fetched from origin" in said.err
        done = b.apply()
        assert done["exit"] == 0
        assert "could not be pushed" in done["notes"][0]
    assert b.apply()["notes"] == []
    assert a.plan()["agents"] == []


def test_a_later_version_that_comes_meanwhile_costs_no_report(
    pair: tuple[Agency, Agency],
    remote: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """Somebody upgraded while this apply was sending: it is told, and their ledger left alone."""
    a, _ = pair
    other = clone(remote, tmp_path / "other")

    def upgrade() -> None:
        git(other, "switch", "-q", "--orphan", "reconciler-ledger")
        (other / "ledger.json").write_text('{"version": 2}')
        commit(other)
        git(other, "push", "-q", "origin", "reconciler-ledger")

    meanwhile(monkeypatch, upgrade)
    done = a.apply()
    assert done["exit"] == 0
    [note] = done["notes"]
    assert note.startswith("The ledger was not written. The ledger git:reconciler-ledger was writ")
    assert done["verified"] == {"agents": 2, "as_declared": 2, "differences": []}
    assert git(remote, "show", f"{REF}:ledger.json") == b'{"version": 2}'
    refused = a.run("plan")
    assert refused.code == 1
    assert "later version" in refused.err


def test_who_wants_the_run_to_end_does_not_wait(
    pair: tuple[Agency, Agency], remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is written down all the same, and the pauses between the tries are left out."""
    a, b = pair
    world, before = session.Runtime, Cancellation.sleep
    asked: list[float] = []

    def ending(streams: Any, cancellation: Cancellation) -> Iterator[Any]:
        for name, item in merge_streams(streams, cancellation):
            yield name, item
            if isinstance(item, Finished):
                cancellation.request()

    def other() -> None:
        monkeypatch.setattr(session, "Runtime", world)
        b.apply("--target", "b")

    def sleep(cancellation: Cancellation, seconds: float) -> None:
        asked.append(seconds)
        before(cancellation, seconds)

    meanwhile(monkeypatch, other)
    monkeypatch.setattr(session, "Runtime", partial(world, merge_streams=ending))
    monkeypatch.setattr(applying, "PAUSES", (3600.0,))
    monkeypatch.setattr(Cancellation, "sleep", sleep)
    assert a.apply("--target", "a")["exit"] == 130
    assert len(asked) == 1
    assert remembered(remote) == {"a": picture(1)["url"], "b": picture(2)["url"]}


def test_a_repository_without_a_remote(agency: Agency, tmp_path: Path) -> None:
    """The branch alone, and the plan after the apply is empty."""
    alone = Agency(repository(tmp_path / "alone"), agency.portal)
    alone.live(user(1, externalId="a"), user(2, externalId="b"))
    alone.use(rentix={}, ledger=PLACE)
    declare(alone)
    before = looks(alone.root)
    assert alone.apply()["notes"] == []
    assert alone.plan()["agents"] == []
    assert looks(alone.root) == before
    assert say(alone.root, "log", "--format=%s", REF) == "Applied: 2 update"


def test_without_a_repository_the_configuration_is_wrong(agency: Agency) -> None:
    """Before anything is read or sent."""
    agency.use(rentix={}, ledger=PLACE)
    agency.declare({"externalId": "a"})
    said = agency.run("plan")
    assert said.code == 1
    assert "error: The ledger git:reconciler-ledger needs a git repository" in said.err
    assert agency.calls() == []


def test_what_was_applied_is_counted_and_nobody_is_named(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message on the branch, where some operations fail and somebody waits."""
    alone = Agency(repository(tmp_path / "alone"), agency.portal)
    alone.live(
        user(1, externalId="a"),
        user(2, phone="+373 22 111 111"),
        readings=Readings(creation="upsert"),
    )
    alone.use(rentix={"create": "upsert"}, ledger=PLACE)
    alone.declare(
        {"externalId": "a", "name": "Ana Popescu"},
        {"externalId": "b", "name": "Bogdan", "phone": "+373 22 111 111"},
        {"externalId": "c", "name": "Corina", "phone": "+373 22 111 113"},
    )
    seen: list[str] = []
    whole = Local.save

    def save(store: Local, ledger: Any, kept: Any, message: str) -> str | None:
        seen.append(message)
        return whole(store, ledger, kept, message)

    monkeypatch.setattr(Local, "save", save)
    alone.apply()
    assert seen == ["Applied: 1 create, 1 link, 2 update"]
    assert say(alone.root, "log", "--format=%B", REF) == seen[0]
