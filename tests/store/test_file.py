"""The ledger in a file: written completely or not at all; a damaged one is renamed."""

from __future__ import annotations

import json
import os

import pytest

from reconciler.core.model import PortalState, Target
from reconciler.errors import ConfigError, LedgerPathError
from reconciler.store.file import File
from reconciler.store.ledger import LedgerChanged, StoredLedger
from reconciler.store.lock import LockWait

from .test_ledger import KEPT

THIRD = Target("third", "https://third.example")


def names(folder):
    """The names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def save(store, ledger):
    """Load and save; whether the file was replaced."""
    before = store.path.stat() if store.path.exists() else None
    assert store.save(ledger, store.load(), "Applied: nothing") is None
    after = store.path.stat()
    return before is None or (after.st_ino, after.st_mtime_ns) != (
        before.st_ino,
        before.st_mtime_ns,
    )


@pytest.fixture
def store(tmp_path):
    """A ledger in a folder that does not exist yet."""
    return File(tmp_path, ".reconciler/ledger.json")


def test_a_missing_file_is_an_empty_ledger(store):
    """Without a note: it is the first run."""
    assert store.load() == StoredLedger({}, None, None)


def test_saving_and_loading(store):
    """The folder is created, and has nothing but the ledger and .gitignore."""
    assert save(store, KEPT)
    kept = store.load()
    assert (kept.ledger, kept.note) == (KEPT, None)
    assert names(store.path.parent) == [".gitignore", "ledger.json"]


def test_only_our_own_folder_gets_a_gitignore(tmp_path):
    """Another folder has only the ledger."""
    assert save(File(tmp_path, "state/ledger.json"), KEPT)
    assert names(tmp_path / "state") == ["ledger.json"]


def test_unchanged_content_is_not_written_again(store):
    """The same file stays, so that file watchers see no change."""
    assert save(store, KEPT)
    assert not save(store, dict(reversed(KEPT.items())))
    assert save(store, {**KEPT, THIRD: (PortalState(),)})


def test_a_changed_file_is_not_overwritten(store):
    """LedgerChanged, for a new file and for an updated one."""
    first = store.load()
    save(store, KEPT)
    with pytest.raises(LedgerChanged):
        store.save({}, first, "")
    second = store.load()
    save(store, {**KEPT, THIRD: (PortalState(),)})
    with pytest.raises(LedgerChanged):
        store.save({}, second, "")
    assert store.load().ledger == {**KEPT, THIRD: (PortalState(),)}


def test_a_crash_while_saving_leaves_the_old_ledger(store, monkeypatch):
    """The message gives the reason, and the next run has the old state."""
    save(store, KEPT)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    message = store.save({}, store.load(), "")
    assert message == (
        f"The ledger {store.path} could not be written (No space left on device); the next plan "
        f"may send values again that it cannot compare."
    )
    monkeypatch.undo()
    assert store.load().ledger == KEPT
    assert names(store.path.parent) == [".gitignore", "ledger.json"]


def test_a_later_version_is_rejected(store):
    """ConfigError; the file is not changed."""
    store.path.parent.mkdir()
    store.path.write_text(json.dumps({"version": 3, "portals": {}}))
    before = store.path.read_bytes()
    with pytest.raises(ConfigError, match="later version"):
        store.load()
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"version": 1}', b"\xff\xfe\x00"])
def test_a_damaged_file_is_renamed(store, content):
    """Saving does not overwrite it."""
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    assert str(store.path) in store.load().note
    assert store.path.read_bytes() == content
    assert save(store, KEPT)
    assert (store.load().ledger, store.load().note) == (KEPT, None)
    assert (store.path.parent / "ledger.json.unreadable").read_bytes() == content


def test_a_folder_with_the_files_name(store):
    """ConfigError with the path and the reason."""
    store.path.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"ledger\.json is not a regular file"):
        store.load()


def test_a_file_with_the_folders_name(tmp_path):
    """ConfigError with the reason."""
    (tmp_path / "state").write_text("a file")
    store = File(tmp_path, "state/ledger.json")
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        store.load()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_a_regular_file_is_read(tmp_path, make):
    """A pipe would block, and a device might never end."""
    path = tmp_path / "ledger.json"
    make(path)
    with pytest.raises(ConfigError, match="is not a regular file"):
        File(tmp_path, path.name).load()


# Files that are not ours

OTHER_KINDS = [
    b"# Agency\n",
    b"[core]\n\tbare = false\n",
    b"{}",
    b'{"version": 1}',
    b"\xff\xfe\x00",
]


def lock(store):
    """Take and release the lock."""
    with store.lock(LockWait(print, print)):
        pass


@pytest.mark.parametrize("content", OTHER_KINDS)
@pytest.mark.parametrize("name", ["README.md", "state.json", ".reconciler/fleet.db"])
def test_another_kind_of_file_is_not_replaced(tmp_path, name, content):
    """Neither it nor a copy; the error names it and the fix."""
    store = File(tmp_path, name)
    store.path.parent.mkdir(exist_ok=True)
    store.path.write_bytes(content)
    with pytest.raises(LedgerPathError) as error:
        store.load()
    assert name in str(error.value)
    assert "`ledger`" in str(error.value)
    with pytest.raises(LedgerChanged):
        store.save(KEPT, StoredLedger({}), "")
    assert store.path.read_bytes() == content
    assert names(store.path.parent) == [store.path.name]


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_becomes_the_ledger(tmp_path, content):
    """Outside our own folder too."""
    store = File(tmp_path, "state.json")
    store.path.write_bytes(content)
    assert store.load() == StoredLedger({}, None, store.load().version)
    assert save(store, KEPT)
    assert store.load().ledger == KEPT
    assert names(tmp_path) == ["state.json"]


@pytest.mark.parametrize("name", ["link.json", "link/ledger.json", "a/link/b/ledger.json"])
def test_a_link_is_not_followed(tmp_path, name):
    """As any part of the path: nothing is read or written there, and no lock is made."""
    root, other = tmp_path / "root", tmp_path / "other"
    store = File(root, name)
    place = next(each for each in (store.path, *store.path.parents) if each.name.startswith("link"))
    place.parent.mkdir(parents=True)
    other.mkdir()
    save(File(tmp_path, "other/ledger.json"), KEPT)
    before = (other / "ledger.json").read_bytes()
    place.symlink_to(other / "ledger.json" if place == store.path else other)
    for act in (store.load, lambda: lock(store), lambda: store.save({}, StoredLedger({}), "")):
        with pytest.raises(LedgerPathError, match=f"{place.name} is a symbolic link"):
            act()
    assert (other / "ledger.json").read_bytes() == before
    assert names(other) == ["ledger.json"]
    assert names(place.parent) == [place.name]


@pytest.mark.parametrize("name", ["ledger.json", ".reconciler/ledger.json"])
@pytest.mark.parametrize("part", ["", "ledger.json.lock"], ids=["the folder", "the lock file"])
def test_a_lock_is_not_made_through_a_link(tmp_path, name, part):
    """What the link points to is unchanged."""
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "ledger.json.lock").write_text("mine")
    place = root / ".reconciler" / part
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(other / part)
    with pytest.raises(LedgerPathError, match="is a symbolic link"):
        lock(File(root, name))
    assert names(other) == ["ledger.json.lock"]
    assert (other / "ledger.json.lock").read_text() == "mine"


def test_a_path_outside_is_refused(tmp_path):
    """Also one whose name only starts like the repository's."""
    (tmp_path / "root").mkdir()
    for outside in (tmp_path / "ledger.json", tmp_path / "root2" / "ledger.json"):
        store = File(tmp_path / "root", str(outside))
        for act in (store.load, lambda store=store: lock(store)):
            with pytest.raises(LedgerPathError, match="outside the repository"):
                act()
    assert names(tmp_path) == ["root"]


def test_an_absolute_path_inside_is_used(tmp_path):
    """Also if the repository is named through a link, which is the user's own."""
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to("root")
    for root in ("root", "link"):
        for other in ("root", "link"):
            store = File(tmp_path / root, str(tmp_path / other / "ledger.json"))
            if (root, other) != ("root", "link"):
                store.save(KEPT, store.load(), "")
                assert store.load().ledger == KEPT
