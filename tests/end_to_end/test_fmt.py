"""`fmt`: what it writes and reports, what it refuses, and the hooks that run it."""

from __future__ import annotations

import shlex
from pathlib import Path

from agency import Agency
from ruamel.yaml import YAML

from reconciler.cli.commands import COMMANDS

MESSY = "# Ivan\nphone: '+373 22 123 456'   # office\nname: \"Ivan\"\nexternalId: a-1\n"
CLEAN = 'externalId: a-1\nname: Ivan\n# Ivan\nphone: "+373 22 123 456" # office\n'


def write(agency: Agency, name: str, text: str) -> Path:
    """Write a file of the repository."""
    path = agency.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_fmt_formats_and_reports(agency: Agency) -> None:
    """Only the files that need it; again, nothing is left to do."""
    messy = write(agency, "agents/deep/messy.yaml", MESSY)
    clean = write(agency, "agents/clean.yml", CLEAN.replace("a-1", "a-2"))
    before = clean.stat().st_mtime_ns
    check = agency.run("fmt", "--check")
    assert check.code == 1
    assert "agents/deep/messy.yaml" in check.out
    assert "clean.yml" not in check.out
    assert messy.read_text("utf-8") == MESSY
    result = agency.run("fmt")
    assert result.code == 0, result.err
    assert "agents/deep/messy.yaml" in result.out
    assert messy.read_text("utf-8") == CLEAN
    assert clean.stat().st_mtime_ns == before
    assert agency.run("fmt", "--check").code == 0
    assert agency.run("validate").code == 0
    assert not agency.calls()


def test_fmt_writes_nothing_if_a_file_has_errors(agency: Agency) -> None:
    """All errors are reported at once."""
    messy = write(agency, "agents/messy.yaml", MESSY)
    write(agency, "agents/one.yaml", "name: a\nname: b\n")
    write(agency, "agents/two.yaml", "name: &a b\n")
    result = agency.run("fmt")
    assert result.code == 1
    assert "agents/one.yaml:2:1" in result.err
    assert "agents/two.yaml:1:7" in result.err
    assert messy.read_text("utf-8") == MESSY


def test_fmt_follows_no_link(agency: Agency) -> None:
    """A link stays a link, and its target is not written."""
    target = write(agency, "shared/messy.yaml", MESSY)
    write(agency, "agents/clean.yaml", CLEAN.replace("a-1", "a-2"))
    (agency.root / "agents/link.yaml").symlink_to(target)
    result = agency.run("fmt")
    assert result.code == 0, result.err
    assert "agents/link.yaml" in result.err
    assert target.read_text("utf-8") == MESSY
    assert (agency.root / "agents/link.yaml").is_symlink()


def test_the_hooks_run_commands_that_exist() -> None:
    """`validate` and `fmt --check`, without file names."""
    hooks = YAML(typ="safe").load(Path(__file__).parents[2] / ".pre-commit-hooks.yaml")
    entries = [shlex.split(each["entry"]) for each in hooks]
    assert [words[1:] for words in entries] == [["validate"], ["fmt", "--check"]]
    assert all(words[0] == "reconciler" and words[1] in COMMANDS for words in entries)
    assert not any(each["pass_filenames"] for each in hooks)
