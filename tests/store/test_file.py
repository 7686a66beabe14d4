"""The ledger in a file: written whole or not at all, and never over what could not be read."""

from __future__ import annotations

import json
import os

import pytest

from reconciler.core.model import PortalState
from reconciler.errors import ConfigError
from reconciler.store.file import File
from reconciler.store.ledger import LedgerChanged, StoredLedger

from .test_ledger import KEPT


def names(folder):
    """What is in a folder."""
    return sorted(each.name for each in folder.iterdir())


def save(store, ledger):
    """Write it over whatever is there; whether the file is another one now."""
    before = store.path.stat() if store.path.exists() else None
    assert store.save(ledger, store.load(), "Applied: nothing") is None
    after = store.path.stat()
    return before is None or (after.st_ino, after.st_mtime_ns) != (
        before.st_ino,
        before.st_mtime_ns,
    )


@pytest.fixture
def store(tmp_path):
    """A ledger in a folder that is not there yet."""
    return File(tmp_path / ".reconciler" / "ledger.json")


def test_no_file_is_an_empty_ledger(store):
    """Without a word: it is the first run."""
    assert store.load() == StoredLedger({}, None, None)


def test_what_is_saved_comes_back(store):
    """With its folder made, and nothing but the ledger in it."""
    assert save(store, KEPT)
    kept = store.load()
    assert (kept.ledger, kept.note) == (KEPT, None)
    assert names(store.path.parent) == [".gitignore", "ledger.json"]


def test_a_folder_of_the_users_own_is_left_alone(tmp_path):
    """Only our folder is kept out of git."""
    assert save(File(tmp_path / "state" / "ledger.json"), KEPT)
    assert names(tmp_path / "state") == ["ledger.json"]


def test_unchanged_content_is_not_written_again(store):
    """The file stays the very same one, so that a watch sees no change."""
    assert save(store, KEPT)
    assert not save(store, dict(reversed(KEPT.items())))
    assert save(store, {**KEPT, "third": PortalState()})


def test_a_ledger_that_another_wrote_meanwhile_is_not_written_over(store):
    """Neither a first one nor a later one: it has to be read again."""
    first = store.load()
    save(store, KEPT)
    with pytest.raises(LedgerChanged):
        store.save({}, first, "")
    second = store.load()
    save(store, {**KEPT, "third": PortalState()})
    with pytest.raises(LedgerChanged):
        store.save({}, second, "")
    assert store.load().ledger == {**KEPT, "third": PortalState()}


def test_a_crash_while_saving_leaves_the_old_ledger(store, monkeypatch):
    """The next run knows what the last one knew, and the user is told."""
    save(store, KEPT)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    said = store.save({}, store.load(), "")
    assert said == (
        f"The ledger {store.path} could not be written (No space left on device); the next plan "
        f"may send values again that it cannot compare."
    )
    monkeypatch.undo()
    assert store.load().ledger == KEPT
    assert names(store.path.parent) == [".gitignore", "ledger.json"]


def test_a_later_version_is_refused(store):
    """Nothing is read and the file is not touched."""
    store.path.parent.mkdir()
    store.path.write_text(json.dumps({"version": 2, "portals": {}}))
    before = store.path.read_bytes()
    with pytest.raises(ConfigError, match="later version"):
        store.load()
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"version": 1}', b"\xff\xfe\x00"])
def test_what_could_not_be_read_is_put_aside(store, content):
    """It is not written over: somebody may want to look at it."""
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    assert str(store.path) in store.load().note
    assert store.path.read_bytes() == content
    assert save(store, KEPT)
    assert (store.load().ledger, store.load().note) == (KEPT, None)
    assert (store.path.parent / "ledger.json.unreadable").read_bytes() == content


def test_a_ledger_that_may_not_be_read_is_a_problem_of_configuration(store):
    """A folder in its place: in words, with the path and the system's reason."""
    store.path.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"ledger\.json is not a regular file"):
        store.load()


def test_a_ledger_that_cannot_be_written_is_told(tmp_path):
    """A file where its folder should be."""
    (tmp_path / "state").write_text("a file")
    store = File(tmp_path / "state" / "ledger.json")
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        store.load()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(os.devnull)])
def test_what_is_no_plain_file_is_no_ledger(tmp_path, make):
    """A pipe would keep the run waiting, and a device might never end."""
    path = tmp_path / "ledger.json"
    make(path)
    with pytest.raises(ConfigError, match="is not a regular file"):
        File(path).load()
