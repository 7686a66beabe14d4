"""A damaged local copy of the ledger's branch is dropped and fetched again."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import clone, refusing, say, unreachable

from reconciler.store import open_store
from reconciler.store.refs import git

from .branches import PLACE, ledger_of, load, save

LEDGER = ledger_of(a1="x", a2="y")


def git_path(folder, name):
    """A path in git's own folder."""
    return folder / say(folder, "rev-parse", "--git-path", name)


def empty(path):
    """As a loss of power leaves a file."""
    path.chmod(0o644)
    path.write_bytes(b"")


def garble(path):
    """Other bytes than git wrote."""
    path.chmod(0o644)
    path.write_bytes(b"garbage\n")


@pytest.fixture
def copy(pair):
    """A clone with a copy of the ledger that another one has pushed."""
    a, b = pair
    save(b, LEDGER)
    assert load(a) == LEDGER
    return a


def object_path(folder, part):
    """The file of an object of the copy: its commit (""), tree or blob."""
    name = say(folder, "rev-parse", f"{open_store(folder, PLACE).fetched}{part}")
    return git_path(folder, f"objects/{name[:2]}/{name[2:]}")


@pytest.mark.parametrize(
    ("damage", "part"),
    [(empty, ""), (empty, "^{tree}"), (garble, ":ledger.json"), (Path.unlink, "^{tree}")],
)
def test_a_damaged_object_is_fetched_again(copy, damage, part):
    """The commit, a tree or the ledger itself."""
    damage(object_path(copy, part))
    assert load(copy) == LEDGER
    assert save(copy, ledger_of(a1="z")) is None
    assert load(copy) == ledger_of(a1="z")


@pytest.mark.parametrize(("damage", "reference"), [(empty, "fetched"), (garble, "unpushed")])
def test_a_damaged_reference_is_replaced(copy, damage, reference):
    """Git ignores such a reference, but then cannot fetch."""
    store = open_store(copy, PLACE)
    git(copy, "update-ref", store.unpushed, store.fetched)
    damage(git_path(copy, getattr(store, reference)))
    assert load(copy) == LEDGER
    assert save(copy, ledger_of(a1="z")) is None
    assert load(copy) == ledger_of(a1="z")


def test_a_damaged_copy_of_an_older_ledger(copy, remote, tmp_path):
    """Another clone has pushed since."""
    save(clone(remote, tmp_path / "other"), ledger_of(a1="later"))
    empty(object_path(copy, ":ledger.json"))
    assert load(copy) == ledger_of(a1="later")


@pytest.mark.parametrize("damage", [empty, Path.unlink])
def test_damaged_unpushed_results_are_lost(copy, remote, damage):
    """What the remote has counts."""
    with refusing(remote):
        save(copy, ledger_of(a1="ours"))
    unpushed = say(copy, "rev-parse", open_store(copy, PLACE).unpushed)
    damage(git_path(copy, f"objects/{unpushed[:2]}/{unpushed[2:]}"))
    assert load(copy) == LEDGER
    assert save(copy, ledger_of(a1="z")) is None
    assert load(copy) == ledger_of(a1="z")


def test_a_damaged_copy_of_an_unreachable_remote_is_lost(copy, remote):
    """An empty ledger, with a note; the remote's counts once it can be reached."""
    empty(object_path(copy, ":ledger.json"))
    with unreachable(remote):
        stored = open_store(copy, PLACE).load()
        assert stored.ledger == {}
        assert "could not be fetched" in stored.note
    assert load(copy) == LEDGER


def test_an_intact_copy_of_an_unreachable_remote_is_kept(copy, remote):
    """It is used, with a note."""
    with unreachable(remote):
        assert open_store(copy, PLACE).load().ledger == LEDGER
    assert load(copy) == LEDGER


def test_an_object_that_the_copy_does_not_use_is_left_alone(copy):
    """Damage elsewhere in the repository is the user's to know about."""
    name = say(copy, "rev-parse", "HEAD:file.txt")
    path = git_path(copy, f"objects/{name[:2]}/{name[2:]}")
    if not path.exists():  # it is in a pack: store it as a file too
        path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(b"")
    assert load(copy) == LEDGER
    assert path.exists()
