"""A file is the old one or the new one, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os

import pytest

from reconciler.store import atomic


def names(folder):
    """What is in a folder."""
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_made_with_its_folder(tmp_path):
    """Folders that are not there are made."""
    path = tmp_path / "a" / "b" / "file"
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_file_is_replaced(tmp_path):
    """The new content is there whole, and nothing beside the file."""
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [b"old", None], ids=["over a file", "new"])
def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error, old):
    """A full disk or an interruption in the middle of writing: no half file, no leftovers."""
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        atomic.write(path, b"new")
    monkeypatch.undo()
    assert names(tmp_path) == ([] if old is None else ["file"])
    assert old is None or path.read_bytes() == old


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """A power cut after the renaming cannot leave an empty file: fsync comes before replace."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def call(*given, real=real, name=name):
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(os, name, call)
    atomic.write(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]


def test_a_system_without_folders_to_open_is_served(tmp_path, monkeypatch):
    """Windows has no O_DIRECTORY; the file is replaced all the same."""
    monkeypatch.delattr(os, "O_DIRECTORY")
    atomic.write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_in_the_place_of_the_file_is_an_os_error(tmp_path):
    """And nothing is left beside it."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        atomic.write(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path):
    """Its own half of this very file, and of no other; what cannot be cleared stops nobody."""
    path = tmp_path / "ledger.json"
    atomic.write(path, b"old")
    for name in (".ledger.json.0123abcd", ".ledger.json.0123abc", ".other.json.0123abcd", "ledger"):
        (tmp_path / name).write_bytes(b"half")
    atomic.clear(path)
    assert names(tmp_path) == sorted(
        [".ledger.json.0123abc", ".other.json.0123abcd", "ledger", "ledger.json"]
    )
    (tmp_path / ".ledger.json.0123abcd").mkdir()
    atomic.clear(path)
    atomic.clear(tmp_path / "nowhere" / "ledger.json")
    assert path.read_bytes() == b"old"
