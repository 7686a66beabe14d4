"""Atomic writes: a file has its old content or its new one, whatever happens."""

from __future__ import annotations

import errno
import os

import pytest

from reconciler.store import atomic


def names(folder):
    """The names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def test_the_folder_is_created(tmp_path):
    """Missing folders are created."""
    path = tmp_path / "a" / "b" / "file"
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"


def test_an_existing_file_is_replaced(tmp_path):
    """The new content is complete, and no temporary file is left."""
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [b"old", None], ids=["over a file", "new"])
def test_a_crash_leaves_the_old_file(tmp_path, monkeypatch, call, error, old):
    """A full disk or an interruption while writing leaves no partial or temporary file."""
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


def test_fsync_comes_before_the_rename(tmp_path, monkeypatch):
    """A power cut after the rename cannot leave an empty file."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def call(*given, real=real, name=name):
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(os, name, call)
    atomic.write(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]


def test_a_system_without_o_directory(tmp_path, monkeypatch):
    """On Windows the file is replaced too."""
    monkeypatch.delattr(os, "O_DIRECTORY")
    atomic.write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_with_the_files_name(tmp_path):
    """Raises OSError and leaves no temporary file."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        atomic.write(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]


def test_clear_deletes_only_our_temporary_files(tmp_path):
    """Temporary files of this file only; one that cannot be deleted raises nothing."""
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


def test_a_new_file_replaces_nothing(tmp_path):
    """Neither a file nor a link, even a broken one; and nothing is left behind."""
    atomic.create(tmp_path / "deep" / "a", b"new")
    assert (tmp_path / "deep" / "a").read_bytes() == b"new"
    (tmp_path / "deep" / "link").symlink_to("nowhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError):
            atomic.create(tmp_path / "deep" / name, b"other")
    assert (tmp_path / "deep" / "a").read_bytes() == b"new"
    assert sorted(each.name for each in (tmp_path / "deep").iterdir()) == ["a", "link"]


def test_a_new_file_without_hard_links(tmp_path, monkeypatch):
    """Some file systems have none."""

    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no_links)
    atomic.create(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    with pytest.raises(FileExistsError):
        atomic.create(tmp_path / "a", b"other")
