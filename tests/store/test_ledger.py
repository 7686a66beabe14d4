"""The ledger: what is remembered comes back, and what cannot be read is lost and no more."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Memory, Remembered, Trace
from reconciler.errors import ConfigError
from reconciler.store import ledger

ONE = b'{"version": 1, "portals": {"rentix": {"agents": {"1": %b}}}}'
"""A ledger of one agent."""

KEPT = {
    "rentix": Memory(
        agents={
            "15": Remembered(
                "agent-001",
                {
                    "name": Trace("aa", "aa"),
                    "avatar": Trace("bb", None, {"url": "https://example.com/a.jpg"}, "cc"),
                    "description.ru": Trace("dd", "ee", "Продаёт\nквартиры"),
                },
            ),
            "7": Remembered("id:7", {}),
        },
        refused={"agent-009": "ff"},
    ),
    "other": Memory(),
}

TEXT = st.text(st.characters(), max_size=6)
VALUE = st.none() | TEXT | st.booleans() | st.dictionaries(TEXT, TEXT, max_size=2)
TRACE = st.builds(Trace, TEXT, st.none() | TEXT, VALUE, st.none() | TEXT)
AGENT = st.builds(Remembered, TEXT, st.dictionaries(TEXT, TRACE, max_size=3))
MEMORY = st.builds(
    Memory,
    st.dictionaries(TEXT, AGENT, max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=2),
)


def names(folder):
    """What is in a folder."""
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def path(tmp_path):
    """Where the ledger is, in a folder that is not there yet."""
    return tmp_path / ".reconciler" / "ledger.json"


def test_no_ledger_is_an_empty_one(path):
    """Without a word: it is the first run."""
    assert ledger.load(path) == ({}, None)


def test_what_is_saved_comes_back(path):
    """With its folder made, and nothing but the ledger in it."""
    assert ledger.save(path, KEPT)
    assert ledger.load(path) == (KEPT, None)
    assert names(path.parent) == [".gitignore", "ledger.json"]


@settings(deadline=None, max_examples=60, database=None)
@given(kept=st.dictionaries(TEXT, MEMORY, max_size=2))
def test_any_memory_comes_back(kept, tmp_path_factory):
    """Whatever the texts are: control characters, half surrogates, empty names."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.json"
    ledger.save(path, kept)
    assert ledger.load(path) == (kept, None)
    assert not ledger.save(path, kept)


def test_the_file_is_the_documented_one(path):
    """Version 1, by portal, agents by id; what says nothing is left out; one order for a diff."""
    ledger.save(path, {"rentix": KEPT["rentix"], "other": KEPT["other"]})
    said = json.loads(path.read_bytes())
    assert said["version"] == 1
    assert list(said["portals"]) == ["other", "rentix"]
    assert list(said["portals"]["rentix"]["agents"]) == ["15", "7"]
    fields = said["portals"]["rentix"]["agents"]["15"]["fields"]
    assert fields["name"] == {"applied": "aa", "shown": "aa"}
    assert said["portals"]["rentix"]["refused"] == {"agent-009": "ff"}
    assert path.read_bytes().endswith(b"}\n")


def test_unchanged_content_is_not_written_again(path):
    """The file stays the very same one, so a branch or a watch sees no change."""
    ledger.save(path, KEPT)
    before = path.stat()
    assert not ledger.save(path, dict(reversed(KEPT.items())))
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert ledger.save(path, {**KEPT, "third": Memory()})
    assert path.stat().st_ino != before.st_ino


def test_a_crash_while_saving_leaves_the_old_ledger(path, monkeypatch):
    """The next run knows what the last one knew."""
    ledger.save(path, KEPT)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        ledger.save(path, {})
    monkeypatch.undo()
    assert ledger.load(path) == (KEPT, None)
    assert names(path.parent) == [".gitignore", "ledger.json"]


@pytest.mark.parametrize("version", [2, 10**6])
@pytest.mark.parametrize("rest", [{"portals": {}}, {"portals": "unknown"}, {}], ids=str)
def test_a_later_version_is_refused(path, version, rest):
    """To go on would lose what it knows: nothing is read and the file is not touched."""
    path.parent.mkdir()
    path.write_text(json.dumps({"version": version, **rest}))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="later version"):
        ledger.load(path)
    with pytest.raises(ConfigError, match="later version"):
        ledger.save(path, KEPT)
    assert path.read_bytes() == before
    assert names(path.parent) == ["ledger.json"]


def lost(path, content):
    """Whether this content is lost with a word, and put aside by the next save."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    kept, word = ledger.load(path)
    assert kept == {}
    assert str(path) in word
    assert "lost" in word
    assert path.read_bytes() == content
    assert ledger.save(path, KEPT)
    assert ledger.load(path) == (KEPT, None)
    aside = [name for name in names(path.parent) if name not in (path.name, ".gitignore")]
    assert [(path.parent / name).read_bytes() for name in aside] == [content]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"garbage",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{}",
        b'{"version": 1}',
        b'{"portals": {}}',
        b'{"version": 1, "portals": []}',
        b'{"version": 1, "portals": {"rentix": null}}',
        b'{"version": 1, "portals": {"rentix": {}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": []}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": "a"}}}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"fields": {}}}}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": "a", "fields": 1}}}}}',
        ONE % b'{"key": "a", "fields": {"name": {"shown": "x"}}}',
        ONE % b'{"key": "a", "fields": {"name": {"applied": "x", "what": 1}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {"1": {"key": 5, "fields": {}}}}}}',
        ONE % b'{"key": "a", "fields": {"name": {"applied": 5}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {}, "refused": 5}}}',
        b'{"version": 1, "portals": {"rentix": {"agents": {}, "refused": {"a": 5}}}}',
        b'{"version": "x", "portals": {}}',
        b"[" * 100_000,
        b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
    ],
    ids=lambda content: repr(content[:60]),
)
def test_what_is_no_ledger_is_lost_with_a_word(path, content):
    """It is empty and the user is told; the next save puts the file aside, not away."""
    lost(path, content)


@settings(deadline=None, max_examples=40, database=None)
@given(cut=st.floats(0, 0.999))
def test_a_cut_ledger_is_lost_with_a_word(tmp_path_factory, cut):
    """Wherever it ends: half of it is not taken for all."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.json"
    ledger.save(path, KEPT)
    content = path.read_bytes().rstrip()
    lost(path, content[: int(len(content) * cut)])


def test_a_ledger_that_may_not_be_read_is_a_problem_of_configuration(path):
    """A folder in its place: in words, with the path and the system's reason."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"ledger\.json cannot be read: Is a directory"):
        ledger.load(path)


def test_a_ledger_that_cannot_be_written_is_an_os_error(path):
    """The caller turns it into a word."""
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="ledger"):
        ledger.save(path, KEPT)
