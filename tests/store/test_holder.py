"""Who holds a lock, and whether that process or workflow run has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.store import holder as module
from reconciler.store.holder import Holder, WorkflowRun, how_it_ended, parse_holder, this_process

PAGE = "https://github.example/agency/agents/actions/runs/"
OLD = '{"host": "a", "process": 12, "since": "2026-01-01T00:00:00+00:00"}'
"""The line of an earlier version."""


def run(number, attempt=1, *, completed=()):
    """A workflow run, on a GitHub that reports these runs as completed."""
    return WorkflowRun(
        f"{PAGE}{number}", attempt, "apply", "ana", lambda page, _: page in completed
    )


@pytest.fixture
def child():
    """A process that runs until its input is closed."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process


def holder_of(process):
    """A process of this machine as a holder."""
    return replace(this_process(), process=process.pid, start=module._stat(process.pid)[1])


def test_a_holder_is_parsed_as_written():
    """With its run in a workflow; the time is shown in the reader's time zone."""
    for one in (this_process(), this_process(run(7, 2)), Holder("a", 1, datetime.now(UTC))):
        assert parse_holder(one.to_line()) == one
        assert str(one).startswith(f"{one.host}, process {one.process}, since ")
        assert f"{one.since.astimezone():%H:%M}" in str(one)
    shown = str(this_process(run(7, 2)))
    assert shown.endswith(f", by ana, {PAGE}7 (attempt 2, job apply)")


def test_an_older_holder_is_shown_with_the_date():
    """A claim may be days old."""
    since = datetime.now(UTC) - timedelta(days=3)
    assert f"since {since.astimezone():%Y-%m-%d %H:%M}" in str(Holder("a", 1, since))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"host": 1, "process": 1, "since": "2026-01-01T00:00:00+00:00"}',
        '{"host": "a", "process": "x", "since": "2026-01-01T00:00:00+00:00"}',
        '{"host": "a", "process": -1, "since": "2026-01-01T00:00:00+00:00"}',
        '{"host": "a", "process": 1, "since": "yesterday"}',
        '{"host": "a", "process": 1e999, "since": "2026-01-01T00:00:00+00:00"}',
        '{"host": "a", "process": 1, "since": "0001-01-01T00:00:00+14:00"}',
        '{"host": "a", "process": 1, "since": "2026-01-01T00:00:00+00:00", "user": 5}',
        '{"host": "a", "process": 1, "since": "2026-01-01T00:00:00+00:00", "start": "x"}',
        "[" * 100_000,
    ],
)
def test_a_malformed_holder(line):
    """Other text, a partial line, hostile values."""
    assert parse_holder(line) is None


def test_names_are_made_printable():
    """They come from another machine; they are truncated too."""
    hostile = "\x1b[31m\n" + "x" * 99
    line = {"host": hostile, "user": hostile, "process": 1, "since": "2026-01-01T00:00:00+00:00"}
    parsed = parse_holder(json.dumps(line))
    assert parsed.host == parsed.user == "?[31m?" + "x" * 58


def test_a_user_without_a_name(monkeypatch):
    """A container may run with a number only."""

    def unknown():
        raise KeyError

    monkeypatch.setattr(module, "getuser", unknown)
    assert parse_holder(this_process().to_line()).user == ""


# Whether a process has ended


def test_a_process_that_runs(child):
    """It has not ended, even if it is stopped."""
    assert holder_of(child).runs_here() is True
    assert how_it_ended(holder_of(child), None) is None


def test_a_process_that_ended(child):
    """Also while its parent has not noticed yet."""
    holder = holder_of(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert holder.runs_here() is False
    child.wait()
    assert holder.runs_here() is False
    assert how_it_ended(holder, None) == "its process has ended"


def test_another_process_with_the_same_number(child):
    """It started at another time, so the holder has ended."""
    holder = holder_of(child)
    assert replace(holder, start=holder.start - 1).runs_here() is False


@pytest.mark.parametrize(
    "other",
    [
        {"boot": "00000000-0000-0000-0000-000000000000"},
        {"namespace": "pid:[1]"},
        {"boot": "", "namespace": "", "start": 0},
    ],
    ids=["another boot", "another container", "an older version"],
)
def test_a_process_that_cannot_be_known(other):
    """Of another machine or container with the same host name, or of an older version: it may run,
    whatever process has its number here."""
    for process in (os.getpid(), 2**22 + 1):
        holder = replace(this_process(), process=process, **other)
        assert holder.runs_here() is None
        assert how_it_ended(holder, run(7)) is None
    assert parse_holder(OLD).runs_here() is None


def test_a_process_that_is_hidden(child, monkeypatch):
    """Another user's, on a system that hides them: it may run."""
    holder = holder_of(child)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(module, "_stat", lambda _: None)
    assert holder.runs_here() is None


@pytest.mark.parametrize("missing", ["everything", "the own processes"])
def test_a_system_that_does_not_tell(missing, tmp_path, monkeypatch):
    """No /proc, or that of another namespace: no process is known to have ended."""
    holder = replace(this_process(), process=2**22 + 1)
    assert holder.runs_here() is False
    if missing == "the own processes":
        (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(module, "PROC", tmp_path)
    assert holder.runs_here() is None
    assert parse_holder(this_process().to_line()).start == 0


# Whether a workflow run has ended


def test_an_earlier_attempt_of_the_same_run():
    """It has ended, since a later one runs."""
    holder = replace(this_process(run(7, 1)), boot="another")
    assert how_it_ended(holder, run(7, 2)) == "this is a later attempt of the same run"


def test_a_completed_run():
    """If GitHub reports it."""
    holder = replace(this_process(run(7)), boot="another")
    completed = (f"{PAGE}7",)
    assert how_it_ended(holder, run(8, completed=completed)) == "its workflow run has ended"
    assert how_it_ended(holder, run(8)) is None
    assert how_it_ended(holder, None) is None


def test_another_job_of_the_same_attempt():
    """Runs at the same time as this one."""
    holder = replace(this_process(run(7)), boot="another", job="other")
    assert how_it_ended(holder, run(7, completed=(f"{PAGE}7",))) is None
