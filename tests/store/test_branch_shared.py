"""The ledger on the branch of a remote: shared by all clones, one commit per save."""

from __future__ import annotations

import os

import pytest
from repositories import (
    ME,
    clone,
    looks,
    refusing,
    repository,
    say,
)

from reconciler.core.model import AgentState, FieldState, PortalState
from reconciler.store import open_store, refs
from reconciler.store.ledger import LedgerChanged
from reconciler.store.refs import git

from .branches import (
    PLACE,
    REF,
    RENTIX,
    agent,
    commit_on_branch,
    history,
    ledger_of,
    load,
    save,
    shallow,
)
from .test_ledger import KEPT


def detached(remote, folder):
    """A clone with a detached HEAD."""
    made = clone(remote, folder)
    git(made, "switch", "-q", "--detach", "HEAD~1")
    return made


def work_tree(remote, folder):
    """A second work tree of a clone."""
    git(clone(remote, folder), "worktree", "add", "-q", str(folder / "tree"), "-b", "other")
    return folder / "tree"


def dirty(remote, folder):
    """A clone with uncommitted changes."""
    made = clone(remote, folder)
    (made / "file.txt").write_text("three")
    (made / "new.txt").write_text("new")
    git(made, "add", "new.txt")
    return made


KINDS = [clone, shallow, detached, work_tree, dirty]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_clone(remote, tmp_path, kind):
    """Loads and saves alternate between two clones; the user's view of the clone does not change, a
    full clone does not become shallow, and no other reference is fetched."""
    folder, other = kind(remote, tmp_path / "kind"), clone(remote, tmp_path / "other")
    before = looks(folder)
    assert save(folder, ledger_of(a1="x"), "first") is None
    assert load(other) == ledger_of(a1="x")
    assert save(other, ledger_of(a1="x", a2="y"), "second") is None
    assert load(folder) == ledger_of(a1="x", a2="y")
    assert save(folder, ledger_of(a2="y"), "third") is None
    assert load(other) == load(folder) == ledger_of(a2="y")
    assert history(remote) == ["third", "second", "first"]
    assert looks(folder) == before


def test_a_later_clone_sees_the_ledger(remote, tmp_path):
    """Also a shallow clone of one branch, as in workflows."""
    first = clone(remote, tmp_path / "a")
    for name in "xyz":
        save(first, ledger_of(a1=name))
    late = shallow(remote, tmp_path / "late")
    assert load(late) == ledger_of(a1="z")
    assert len(say(late, "rev-list", open_store(late, PLACE).fetched).split("\n")) == 1
    assert save(late, ledger_of(a1="w")) is None
    assert len(history(remote)) == 4
    assert load(first) == ledger_of(a1="w")


def test_an_unchanged_ledger_is_not_fetched_or_pushed(pair, remote):
    """Loading asks the remote for its commit only."""
    first, second = pair
    save(first, KEPT)
    assert load(second) == KEPT
    git(remote, "config", "uploadpack.packObjectsHook", "false")  # fetching would fail
    with refusing(remote):
        assert load(second) == KEPT
        assert save(second, KEPT) is None


def test_an_empty_remote(tmp_path):
    """A new repository to which nothing was pushed."""
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    folder = repository(tmp_path / "a")
    git(folder, "remote", "add", "origin", "../remote.git")
    assert save(folder, KEPT) is None
    assert history(tmp_path / "remote.git") == ["Applied: 1 update"]


def test_each_folder_has_its_own_ledger(pair, remote):
    """Each folder with a configuration has its own file on the branch, whatever the folder's
    name."""
    first, second = pair
    places = {
        "": ledger_of(a1="top"),
        "agencies/Chișinău 1": ledger_of(a1="c"),
        "agencies/b": ledger_of(a1="b"),
    }
    for place, ledger in places.items():
        (first / place).mkdir(parents=True, exist_ok=True)
        (second / place).mkdir(parents=True, exist_ok=True)
        assert save(first / place, ledger) is None
    assert save(second / "agencies" / "b", ledger_of(a1="changed")) is None
    for place, ledger in {**places, "agencies/b": ledger_of(a1="changed")}.items():
        assert load(second / place) == ledger
    listed = say(remote, "-c", "core.quotePath=no", "ls-tree", "-r", "--name-only", REF)
    assert listed.split("\n") == [
        "agencies/Chișinău 1/ledger.json",
        "agencies/b/ledger.json",
        "ledger.json",
    ]
    assert len(history(remote)) == 4


def test_a_file_with_a_folders_name_is_replaced(pair):
    """The branch is for ledgers only."""
    first, _ = pair
    commit_on_branch(first, b"in the way", "sub")
    git(first, "push", "-q", "origin", "reconciler-ledger")
    (first / "sub").mkdir()
    assert save(first / "sub", KEPT) is None
    assert load(first / "sub") == KEPT


@pytest.mark.parametrize("first", [True, False])
def test_the_second_of_two_saves_must_reload(pair, remote, first):
    """It raises LedgerChanged and leaves the branch; after loading again, saving works."""
    a, b = pair
    if not first:
        save(a, ledger_of(a1="x"))
    store = open_store(b, PLACE)
    kept = store.load()
    save(a, ledger_of(a1="a"), "a")
    with pytest.raises(LedgerChanged):
        store.save(ledger_of(a2="b"), kept, "b")
    assert load(a) == ledger_of(a1="a")
    again = store.load()
    assert again.ledger[RENTIX][0].agents["1"] == agent("a")
    assert again.ledger[RENTIX][0].agents["2"] == agent("b"), "what could not be pushed waits here"
    assert store.save(ledger_of(a1="a", a2="b"), again, "b") is None
    assert history(remote)[:2] == ["b", "a"]
    assert load(a) == load(b) == ledger_of(a1="a", a2="b")


def test_a_race_before_the_push(pair, monkeypatch):
    """Another clone pushes between our check and our push."""
    a, b = pair
    save(a, ledger_of(a1="x"))
    whole = refs.git

    def with_another_before(folder, *arguments, **how):
        if "push" in arguments:
            monkeypatch.setattr(refs, "git", whole)
            save(a, ledger_of(a1="a"))
        return whole(folder, *arguments, **how)

    monkeypatch.setattr(refs, "git", with_another_before)
    with pytest.raises(LedgerChanged):
        save(b, ledger_of(a1="b"))
    assert load(a) == ledger_of(a1="a")


def test_ten_thousand_agents(pair, remote):
    """The ledger of a large agency is loaded and saved in seconds, and a small change is a small
    commit."""
    a, b = pair
    agents = {
        str(number): AgentState(
            f"agent-{number:05}",
            {
                name: FieldState(f"{number:032x}", f"{number:032x}", f"{name} of {number}")
                for name in ("name", "avatar", "description.ru", "instagram")
            },
        )
        for number in range(10_000)
    }
    large = {RENTIX: (PortalState(agents),)}
    began = sum(os.times()[:4])  # CPU seconds, with those of git
    assert save(a, large) is None
    assert load(b) == large
    changed = {RENTIX: (PortalState({**agents, "5": agent("x")}),)}
    assert save(b, changed) is None
    assert load(a) == changed
    assert sum(os.times()[:4]) - began < 30
    assert say(remote, *ME, "fsck") == ""
