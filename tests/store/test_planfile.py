"""Saved plans: loaded as they were saved, or rejected."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.model import (
    Candidate,
    Change,
    Conflict,
    Entry,
    Operation,
    Plan,
    Request,
    Source,
    Step,
    Warning,
)
from reconciler.core.plan_json import digest, form, parse
from reconciler.core.selection import Selection
from reconciler.errors import PlanFileError
from reconciler.store import planfile

PLACE = Source("agents/ivan.yaml", 3)
OPERATION = Operation("update:15", "update", "rentix", "agent-001", PLACE, 15)
PLAN = Plan(
    entries=(
        Entry(
            "rentix",
            "agent-001",
            15,
            "Иван \ud83d",
            PLACE,
            "id",
            ("link", "update"),
            (
                Change("name", "Ivan", "Иван", "different", "drift"),
                Change("avatar", None, {"id": 3}),
            ),
            "drift",
            "matched: id 15",
        ),
    ),
    steps=(
        Step("r1", Request("PUT", "/users", {"id": 15, "name": "Иван"}), (OPERATION,)),
        Step("r2", Request("DELETE", "/users/16/link"), (OPERATION,), ("r1",)),
    ),
    conflicts=(Conflict("rentix", "agent-002", None, "two fit", (Candidate(1, "A", None),)),),
    warnings=(Warning("rentix", "agent-003", PLACE, "is not there"),),
    declared=4,
    unchanged=1,
    waiting=(("rentix", "agent-003"),),
    complete=True,
    over_limits=("too many",),
    seconds=1,
)
FORM = form(PLAN, Selection(("agent-*",), ("x",)), ("rentix",), "0.1.0")


def names(folder):
    """The names in a folder."""
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def path(tmp_path):
    """Where the plan is saved."""
    return tmp_path / "plan.json"


def write(path, saved):
    """Write JSON to a file."""
    path.write_bytes(json.dumps(saved, ensure_ascii=False).encode(errors="surrogatepass"))


def test_saving_and_loading(path):
    """The same document of the same plan; the file is indented JSON."""
    planfile.save(path, FORM)
    assert planfile.load(path) == FORM
    assert parse(planfile.load(path)).entries == PLAN.entries
    assert path.read_bytes().startswith(b'{\n  "digest": "sha256:')
    assert names(path.parent) == ["plan.json"]


def test_formatting_is_not_an_edit(path):
    """Whitespace and the order of keys do not matter."""
    path.write_text(json.dumps(FORM, sort_keys=True, indent=7))
    assert planfile.load(path) == FORM


def leaves(saved, at=()):
    """The path of each value in some JSON, including containers."""
    yield at
    if isinstance(saved, dict | list):
        for name, each in saved.items() if isinstance(saved, dict) else enumerate(saved):
            yield from leaves(each, (*at, name))


LEAVES = [at for at in leaves(FORM) if at]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


def inside(saved, at):
    """The container of the value at this path."""
    for name in at[:-1]:
        saved = saved[name]
    return saved


@settings(deadline=None, max_examples=150, database=None)
@given(at=st.sampled_from(LEAVES), value=JSON)
def test_an_edited_value_is_rejected(at, value, tmp_path_factory):
    """Any value, also an edit that Python considers equal (1 and true)."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    saved = json.loads(json.dumps(FORM))
    holder = inside(saved, at)
    assume(json.dumps(holder[at[-1]], sort_keys=True) != json.dumps(value, sort_keys=True))
    holder[at[-1]] = value
    write(path, saved)
    with pytest.raises(PlanFileError):
        planfile.load(path)


@pytest.mark.parametrize("at", LEAVES, ids=lambda at: ".".join(map(str, at)))
def test_a_removed_value_is_rejected(path, at):
    """Every single one."""
    saved = json.loads(json.dumps(FORM))
    del inside(saved, at)[at[-1]]
    write(path, saved)
    with pytest.raises(PlanFileError):
        planfile.load(path)


@settings(deadline=None, max_examples=30, database=None)
@given(at=st.sampled_from([(), *LEAVES]), value=JSON, name=st.text(max_size=5))
def test_an_added_value_is_rejected(at, value, name, tmp_path_factory):
    """In an object or a list, at any depth."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    saved = json.loads(json.dumps(FORM))
    holder = saved if not at else inside(saved, at)[at[-1]]
    assume(isinstance(holder, dict | list))
    if isinstance(holder, dict):
        assume(name not in holder)
        holder[name] = value
    else:
        holder.append(value)
    write(path, saved)
    with pytest.raises(PlanFileError):
        planfile.load(path)


@settings(deadline=None, max_examples=60, database=None)
@given(cut=st.floats(0, 1))
def test_a_truncated_file_is_rejected(cut, tmp_path_factory):
    """Wherever it ends."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    planfile.save(path, FORM)
    content = path.read_bytes().rstrip()
    path.write_bytes(content[: int((len(content) - 1) * cut)])
    with pytest.raises(PlanFileError):
        planfile.load(path)


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0", "", "next", "1x.0"])
def test_another_major_version_is_rejected(path, version):
    """Even with the right digest; the message says what to do."""
    saved = {**FORM, "format_version": version}
    write(path, {**saved, "digest": digest(saved)})
    with pytest.raises(PlanFileError, match="Plan again"):
        planfile.load(path)


def test_a_later_minor_version_is_loaded(path):
    """It only adds keys."""
    saved = {**FORM, "format_version": "1.7", "more": []}
    saved["digest"] = digest(saved)
    write(path, saved)
    assert planfile.load(path) == saved


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plan",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"5",
        b'{"format_version": 1, "digest": "x"}',
        b'{"format_version": "1.0"}',
        b'{"digest": "x"}',
        b"[" * 100_000,
        b"9" * 5000,
        b"name: Ivan\n",
    ],
    ids=lambda content: repr(content[:40]),
)
def test_another_file_is_rejected(path, content):
    """The message names the file."""
    path.write_bytes(content)
    with pytest.raises(PlanFileError, match=r"plan\.json"):
        planfile.load(path)


def test_a_missing_file(path):
    """The message gives the reason."""
    with pytest.raises(PlanFileError, match="No such file"):
        planfile.load(path)
    with pytest.raises(PlanFileError, match="not a regular file"):
        planfile.load(path.parent)


def test_a_folder_with_the_files_name(path):
    """The message gives the reason."""
    path.mkdir()
    with pytest.raises(PlanFileError, match=r"cannot be saved as .*plan\.json"):
        planfile.save(path, FORM)


def test_a_crash_while_saving_leaves_the_old_plan(path, monkeypatch):
    """After a full disk the old plan is still there, without temporary files."""
    planfile.save(path, FORM)
    other = {**FORM, "declared": 5}

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PlanFileError, match="No space left"):
        planfile.save(path, other)
    monkeypatch.undo()
    assert planfile.load(path) == FORM
    assert names(path.parent) == ["plan.json"]


def test_the_folder_is_not_created(tmp_path):
    """It may be a typo."""
    with pytest.raises(PlanFileError, match="the directory does not exist"):
        planfile.save(tmp_path / "plans" / "plan.json", {})
    assert list(tmp_path.iterdir()) == []
