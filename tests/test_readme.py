"""The documents say what is true: their commands run, and print what they show."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import click
import pytest
from agency import Agency

from reconciler.cli import LATE, cli
from reconciler.documents.agents import INHERITED, read_agents
from reconciler.documents.config import read_config

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of a list around them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def test_every_command_prints_what_the_readme_shows(agency: Agency) -> None:
    """The blocks with a prompt are the beginning of what the command really prints on the demo's
    agents."""
    shutil.copytree(ROOT / "agents", agency.root / "agents")
    live = json.loads((ROOT / "reconciler" / "demo" / "live.json").read_text("utf-8"))
    agency.live(*live["rentix"])
    agency.live_pf(*live["propertyfinder"])
    shown = blocks(README, "console")
    assert shown
    for block in shown:
        prompt, _, output = block.partition("\n")
        said = agency.run(*prompt.removeprefix("$ reconciler ").split())
        assert said.code == 0, said.err
        assert said.out.startswith(output), said.out


def test_every_sample_file_is_valid(tmp_path: Path) -> None:
    """Each YAML example of the documents can be used as it is."""
    (tmp_path / "agents").mkdir()
    count = 0
    for page in (README, (ROOT / "docs" / "files.md").read_text("utf-8")):
        for block in blocks(page, "yaml"):
            if block.startswith(("version:", "portals:")):
                (tmp_path / "reconciler.yaml").write_text(block, "utf-8")
                name = "rentix" if block.startswith("version:") else "propertyfinder"
                (tmp_path / "default.yaml").write_text(f"portals: {{{name}: {{}}}}", "utf-8")
                default = read_config(tmp_path, tmp_path / "default.yaml")
                assert read_config(tmp_path, None) == default
            else:
                (tmp_path / "agents" / "a.yaml").write_text(block, "utf-8")
                assert read_agents(tmp_path, "agents")
            count += 1
    assert count >= 4


def test_the_table_of_what_is_inherited_is_that_of_the_program() -> None:
    """Row by row, from the one table that reading and schema use too."""
    page = (ROOT / "docs" / "files.md").read_text("utf-8")
    table = page.partition("| left out in `propertyfinder` | taken from |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|$", table, re.MULTILINE)
    said = {name: ".".join(source) for name, source in INHERITED["propertyfinder"].items()}
    assert dict(rows) == said


def test_the_page_on_adding_a_portal_shows_a_whole_one() -> None:
    """The module of the tests' third portal is under 150 lines, and the page quotes it."""
    module = (ROOT / "tests" / "third" / "portal.py").read_text("utf-8")
    assert len(module.splitlines()) < 150
    page = (ROOT / "docs" / "adding-a-portal.md").read_text("utf-8")
    for line in "\n".join(blocks(page, "python")).splitlines():
        assert line.removesuffix(")").partition(" = ")[2] in module, line


def test_the_tables_name_every_command() -> None:
    """Each command is in the README's table, and each in the table exists."""
    table = README.partition("## Commands")[2].partition("`--target GLOB`")[0]
    named = set(re.findall(r"^\| `(\w+)", table, re.MULTILINE))
    assert named == {*cli.commands, *LATE}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link within the repository leads to a file that is there."""
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_every_option_has_help() -> None:
    """`--help` leaves no option without a word."""
    for command in cli.commands.values():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (command.name, option.name)
