"""The documentation is correct: its commands run and print the output it shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from agency import Agency

from reconciler.cli.commands import COMMANDS
from reconciler.documents.agents import read_agents
from reconciler.documents.config import read_config
from reconciler.portals.propertyfinder.declared import PART
from reconciler.portals.registry import parts, sections

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks of a language, without the indentation of a list around them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def load_demo(agency: Agency) -> None:
    """The demo's agents on both portals."""
    live = json.loads((ROOT / "reconciler" / "demo" / "live.json").read_text("utf-8"))
    agency.live(*live["rentix"])
    agency.live_pf(*live["propertyfinder"])


def check_output(agency: Agency, block: str) -> None:
    """The output that a block shows is the beginning of its command's."""
    prompt, _, output = block.partition("\n")
    result = agency.run(*shlex.split(prompt.removeprefix("$ reconciler ")))
    assert result.code == 0, result.err
    assert result.out.startswith(output), result.out
    assert "add a file" not in result.err  # no step leads elsewhere


def test_commands_print_the_shown_output(agency: Agency) -> None:
    """Each block with a prompt, on the demo's agents and their files."""
    for folder in ("agents", "reconciler/demo"):
        shutil.copytree(ROOT / folder, agency.root / folder)
    load_demo(agency)
    shown = blocks(README.partition("## Example")[2], "console")
    assert shown
    for block in shown:
        check_output(agency, block)


def test_the_quick_start_works(agency: Agency) -> None:
    """On the demo's agents, from an empty folder to an applied change."""
    (agency.root / "agents").mkdir()
    load_demo(agency)
    story = README.partition("## Quick start")[2].partition("## Example")[0]
    for block in blocks(story, "console"):
        if "reconciler plan" in block:
            file, old, new = re.findall("In `(.*)`, change `(.*)` to `(.*)`", story)[0]
            path = agency.root / file
            path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
        check_output(agency, block)
    assert agency.run("apply", "--yes").code == 0
    assert agency.plan()["summary"]["requests"] == 0


def test_sample_files_are_valid(tmp_path: Path) -> None:
    """Each YAML example can be used as it is."""
    (tmp_path / "agents").mkdir()
    count = 0
    for page in (README, (ROOT / "docs" / "files.md").read_text("utf-8")):
        for block in blocks(page, "yaml"):
            if block.startswith(("version:", "portals:")):
                (tmp_path / "reconciler.yaml").write_text(block, "utf-8")
                name = "rentix" if block.startswith("version:") else "propertyfinder"
                (tmp_path / "default.yaml").write_text(f"portals: {{{name}: {{}}}}", "utf-8")
                default = read_config(tmp_path, tmp_path / "default.yaml", sections())
                assert read_config(tmp_path, None, sections()) == default
            else:
                (tmp_path / "agents" / "a.yaml").write_text(block, "utf-8")
                assert read_agents(tmp_path, "agents", parts())
            count += 1
    assert count >= 4


def test_table_of_inherited_keys() -> None:
    """It lists the same keys as the table that the parser and the schema use."""
    page = (ROOT / "docs" / "files.md").read_text("utf-8")
    table = page.partition("| omitted in `propertyfinder` | defaults to |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|$", table, re.MULTILINE)
    inherited = {name: ".".join(key.inherits) for name, key in PART.keys.items() if key.inherits}
    assert dict(rows) == inherited


def test_page_on_adding_a_portal_quotes_the_example() -> None:
    """The example portal has less than 150 lines; the page quotes it and Rentix."""
    module = (ROOT / "tests" / "third" / "portal.py").read_text("utf-8")
    assert len(module.splitlines()) < 150
    module += (ROOT / "reconciler" / "portals" / "rentix" / "table.py").read_text("utf-8")
    page = (ROOT / "docs" / "adding-a-portal.md").read_text("utf-8")
    for line in "\n".join(blocks(page, "python")).splitlines():
        assert line.removesuffix(")").partition(" = ")[2] in module, line


def test_table_of_commands() -> None:
    """The README lists exactly the existing commands."""
    table = README.partition("## Commands")[2].partition("`--target GLOB`")[0]
    named = set(re.findall(r"^\| `(\w+)", table, re.MULTILINE))
    assert named == set(COMMANDS)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    """Each relative link points to a file of the repository, and each anchor to a heading."""
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_exist(page: Path) -> None:
    """Each script, test and benchmark that a page names exists."""
    text = page.read_text("utf-8")
    for path in re.findall(r"`(?:python )?((?:bench|script|tests)/[\w./-]+)", text):
        assert (ROOT / path).exists(), path


def test_completion_lines_print_a_script() -> None:
    """Each shell has a line in the README, whose variable makes the program print a script."""
    shells = re.findall(r"_RECONCILER_COMPLETE=(\w+)_source reconciler", README)
    assert shells == ["bash", "zsh", "fish"]
    for shell in shells:
        code = "from reconciler.cli.program import cli; cli(prog_name='reconciler')"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "_RECONCILER_COMPLETE": f"{shell}_source"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"_RECONCILER_COMPLETE={shell}_complete" in done.stdout
