"""The ledger on a branch, from the command line: two clones of a repository and one portal."""

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
from reconciler.store.lock import Lock
from reconciler.store.refs import git

PLACE = "git:reconciler-ledger"
REF = "refs/heads/reconciler-ledger"


def picture(number: int) -> dict[str, str]:
    """A picture's address, which no portal returns."""
    return {"url": f"https://agency.example/{number}.jpg"}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git settings of this computer."""
    plain_git(monkeypatch)


@pytest.fixture
def remote(agency: Agency, tmp_path: Path) -> Path:
    """A remote with the files of two agents with pictures."""
    source = Agency(repository(tmp_path / "source"), agency.portal)
    source.use(rentix={}, ledger=PLACE)
    declare(source)
    commit(source.root)
    return remote_of(source.root, tmp_path / "remote.git")


def declare(agency: Agency, *, first: int = 1, second: int = 2) -> None:
    """Declare two agents with their pictures."""
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
    """The pauses that were asked for; nothing waits."""
    asked: list[float] = []
    monkeypatch.setattr(Cancellation, "sleep", lambda _, seconds: asked.append(seconds))
    return asked


def meanwhile(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], Any]) -> None:
    """Run one of these before each of the next saves, like another apply that was not detected
    because claims are rejected."""
    left, whole = list(acts), Shared.save

    def save(store: Shared, *arguments: Any) -> str | None:
        if left:
            act = left.pop(0)
            with monkeypatch.context() as patch:
                patch.setattr(Shared, "save", whole)
                patch.setattr(Shared, "lock", lambda *_: nullcontext(Lock()))
                act()
        return whole(store, *arguments)

    monkeypatch.setattr(Shared, "save", save)


def recorded(remote: Path) -> dict[str, str]:
    """The pictures in the remote's ledger, by key."""
    kept = json.loads(git(remote, "show", f"{REF}:ledger.json"))
    return {
        each["key"]: each["fields"]["avatar"]["value"]["url"]
        for each in kept["portals"]["rentix"][0]["agents"].values()
    }


def messages(remote: Path) -> list[str]:
    """The messages of the commits on the remote's branch, newest first."""
    return say(remote, "log", "--format=%s", REF).split("\n")


def test_another_clone_knows_what_was_applied(pair: tuple[Agency, Agency], remote: Path) -> None:
    """Its plan is empty, without a note; the commit's message summarizes the apply, and the clones
    are otherwise unchanged."""
    a, b = pair
    before = [looks(each.root) for each in pair]
    done = a.apply()
    assert (done["exit"], done["notes"]) == (0, [])
    result = b.run("plan", "--format", "json")
    assert (result.json["agents"], result.json["requests"]) == ([], [])
    assert "note:" not in result.err
    assert messages(remote) == ["Applied: 2 update"]
    assert [looks(each.root) for each in pair] == before


def test_without_the_ledger_everything_is_sent_again(
    pair: tuple[Agency, Agency], remote: Path
) -> None:
    """So it is the branch that matters."""
    a, b = pair
    a.apply()
    git(remote, "update-ref", "-d", REF)
    assert len(b.plan()["agents"]) == 2


def test_drift_in_a_clone_that_never_applied(pair: tuple[Agency, Agency]) -> None:
    """What changed on the portal since the other clone's apply."""
    a, b = pair
    a.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    a.apply()
    b.declare({"externalId": "a", "name": "Ana"}, {"externalId": "b", "name": "Bogdan"})
    assert b.run("drift").code == 0
    agent = a.truth()[1]
    agent.name = "Somebody"
    a.portal.state.store.save(agent)
    result = b.run("drift", "--format", "json")
    assert result.code == 2
    assert [each["key"] for each in result.json["agents"]] == ["a"]


def test_a_plan_pushes_nothing(pair: tuple[Agency, Agency], remote: Path) -> None:
    """It only reads the remote."""
    pair[0].plan()
    pair[0].run("drift")
    pair[0].run("apply", "--dry-run")
    assert say(remote, "for-each-ref", REF) == ""


def test_two_applies_at_once_keep_both_results(
    pair: tuple[Agency, Agency],
    remote: Path,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """Another clone pushes first: load again, add our result, after one pause."""
    a, b = pair
    meanwhile(monkeypatch, lambda: b.apply("--target", "b"))
    done = a.apply("--target", "a")
    assert (done["exit"], done["notes"]) == (0, [])
    assert recorded(remote) == {"a": picture(1)["url"], "b": picture(2)["url"]}
    assert messages(remote) == ["Applied: 1 update", "Applied: 1 update"]
    assert len(pauses) == 1
    assert [each.plan()["agents"] for each in pair] == [[], []]


def test_the_last_apply_of_an_agent_is_recorded(
    pair: tuple[Agency, Agency], remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If both applied the same agent."""
    a, b = pair
    declare(b, first=7)
    meanwhile(monkeypatch, b.apply)
    monkeypatch.setattr(Cancellation, "sleep", lambda *_: None)
    a.apply()
    assert recorded(remote)["a"] == picture(1)["url"]


def test_saving_has_a_limited_number_of_attempts(
    pair: tuple[Agency, Agency], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """With growing pauses; the apply succeeds, with a note."""

    def moved(*_: object) -> None:
        raise LedgerChanged

    monkeypatch.setattr(Shared, "save", moved)
    done = pair[0].apply()
    assert done["exit"] == 0
    assert len(pauses) == len(applying.PAUSES)
    for asked, longest in zip(pauses, applying.PAUSES, strict=True):
        assert longest / 2 <= asked <= longest
    assert "other applies kept writing it" in done["notes"][0]


def test_a_rejected_push_is_a_note(pair: tuple[Agency, Agency], remote: Path) -> None:
    """The results are known here, and the next apply pushes them, even with nothing else to do."""
    a, b = pair
    with refusing(remote):
        done = a.apply()
        assert done["exit"] == 0
        [note] = done["notes"]
        assert "could not be pushed to origin" in note
        assert "values that cannot be read back may be sent again" in note
        assert "changes made from here may look like drift" in note
        result = a.run("plan", "--format", "json")
        assert result.json["agents"] == []
        assert (
            "note: The ledger git:reconciler-ledger has results of an apply from this clone"
            in result.err
        )
        assert len(b.plan()["agents"]) == 2
    done = a.apply()
    assert (done["exit"], done["notes"], done["summary"]["applied"]) == (0, [], 0)
    assert messages(remote) == ["Applied: nothing"]
    assert b.plan()["agents"] == []
    assert "note:" not in a.run("plan").err


def test_an_unreachable_remote_is_a_note(pair: tuple[Agency, Agency], remote: Path) -> None:
    """Plan and apply use the ledger last fetched."""
    a, b = pair
    a.apply("--target", "a")
    b.plan()
    with unreachable(remote):
        result = b.run("plan", "--format", "json")
        assert (result.code, [each["key"] for each in result.json["agents"]]) == (0, ["b"])
        assert (
            "note: The ledger git:reconciler-ledger could not be fetched from origin" in result.err
        )
        done = b.apply()
        assert done["exit"] == 0
        assert "could not be pushed" in done["notes"][0]
    assert b.apply()["notes"] == []
    assert a.plan()["agents"] == []


def test_an_upgrade_during_an_apply(
    pair: tuple[Agency, Agency],
    remote: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    """The report says that the newer ledger was not overwritten."""
    a, _ = pair
    other = clone(remote, tmp_path / "other")

    def upgrade() -> None:
        git(other, "switch", "-q", "--orphan", "reconciler-ledger")
        (other / "ledger.json").write_text('{"version": 3}')
        commit(other)
        git(other, "push", "-q", "origin", "reconciler-ledger")

    meanwhile(monkeypatch, upgrade)
    done = a.apply()
    assert done["exit"] == 0
    [note] = done["notes"]
    assert note.startswith("The ledger was not written. The ledger git:reconciler-ledger was writ")
    assert done["verified"] == {"agents": 2, "as_declared": 2, "differences": []}
    assert git(remote, "show", f"{REF}:ledger.json") == b'{"version": 3}'
    refused = a.run("plan")
    assert refused.code == 1
    assert "later version" in refused.err


def test_cancelling_skips_the_pauses(
    pair: tuple[Agency, Agency], remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is recorded all the same."""
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
    assert recorded(remote) == {"a": picture(1)["url"], "b": picture(2)["url"]}


def test_a_run_that_ends_before_it_sends_pushes_nothing(
    pair: tuple[Agency, Agency], remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to record."""
    before = say(remote, "for-each-ref")
    monkeypatch.setattr(applying, "_send", lambda proposal, *_: proposal.cancellation.request())
    assert pair[0].apply()["exit"] == 130
    assert say(remote, "for-each-ref") == before


def test_a_repository_without_a_remote(agency: Agency, tmp_path: Path) -> None:
    """The ledger is on the local branch, and the plan after the apply is empty."""
    alone = Agency(repository(tmp_path / "alone"), agency.portal)
    alone.live(user(1, externalId="a"), user(2, externalId="b"))
    alone.use(rentix={}, ledger=PLACE)
    declare(alone)
    before = looks(alone.root)
    assert alone.apply()["notes"] == []
    assert alone.plan()["agents"] == []
    assert looks(alone.root) == before
    assert say(alone.root, "log", "--format=%s", REF) == "Applied: 2 update"


def test_no_repository_is_an_error(agency: Agency) -> None:
    """Before anything is read or sent."""
    agency.use(rentix={}, ledger=PLACE)
    agency.declare({"externalId": "a"})
    result = agency.run("plan")
    assert result.code == 1
    assert "error: The ledger git:reconciler-ledger needs a git repository" in result.err
    assert agency.calls() == []


def test_the_commits_message_has_counts_and_no_names(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With failed operations and waiting agents too."""
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
