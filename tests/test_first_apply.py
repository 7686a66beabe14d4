"""The guide to the first apply: its commands run in order and print the output it shows."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from agency import KEY, Agency, user
from linters import BIN
from repositories import plain_git
from test_readme import ROOT

from reconciler.sandbox.state import Agency as Account

PAGE = (ROOT / "docs" / "first-apply.md").read_text("utf-8")
REPLACEMENTS = {
    "gh repo create my-agency --private --source .": (
        "git init --quiet --bare --initial-branch=main ../github.git"
        " && git remote add origin ../github.git"
    ),
    "gh secret set RENTIX_API_KEY": "true",
    "read -rs RENTIX_API_KEY && export RENTIX_API_KEY": "true",
    "gh pr create --fill": "true",
    "gh pr merge --merge": (
        "git push --quiet origin first-agent:main && reconciler apply --yes >/dev/null"
    ),
    "gh run watch": "true",
}
"""Replacements for commands that need GitHub or a person."""


def steps() -> list[tuple[str, str]]:
    """The guide's code blocks in order: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def script() -> tuple[str, list[str]]:
    """The guide as a shell script, and the output shown for each command with a prompt."""
    lines, shown = ["set -euo pipefail"], []
    for language, text in steps():
        if language == "sh":
            lines += [REPLACEMENTS.get(line, line) for line in text.splitlines()]
        elif language == "console":
            prompt, _, output = text.partition("\n")
            lines.append(f'{prompt.removeprefix("$ ")} > "$SHOWN/{len(shown)}"')
            shown.append(output)
        else:
            file = re.match(r"# (agents/.*)\n", text)
            assert file, text
            lines.append(f"cat > {file[1]} <<'END'\n{text}END")
    return "\n".join(lines), shown


def test_guide_ends_with_an_apply(
    agency: Agency, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty folder to an updated portal, with the ledger on its branch."""
    plain_git(monkeypatch)
    agency.live(user(15, name="I. Petrov", phone="+373 22 123 456"))
    agency.portal.state.agency = Account(17, "Casa Nouă")
    commands, shown = script()
    assert "gh " not in commands
    results = tmp_path / "shown"
    results.mkdir()
    names = {f"GIT_{who}_{what}": "ana@agency.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SHOWN": str(results),
        "RENTIX_URL": agency.portal.url,
        "RENTIX_API_KEY": KEY,
        **names,
    }
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for number, output in enumerate(shown):
        printed = (results / str(number)).read_text("utf-8")
        assert printed.startswith(output), printed
    assert len(shown) == 4
    live = agency.truth()[15]
    assert (live.name, live.external_id) == ("Ivan Petrov", "ivan-petrov")
    branches = subprocess.run(
        ["git", "-C", tmp_path / "github.git", "branch", "--format=%(refname:short)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert branches == ["first-agent", "main", "reconciler-ledger"]


def test_every_replacement_is_used() -> None:
    """Each replaced command is in the guide."""
    lines = {line for language, text in steps() if language == "sh" for line in text.splitlines()}
    assert set(REPLACEMENTS) <= lines


def test_guide_uses_the_names_in_the_workflows() -> None:
    """Of the environment, the check and the workflows."""
    from reconciler.github.workflows import workflow_file, workflows

    texts = workflows([], "main", None, "")
    plan, apply, drift = (texts[workflow_file(name, "")] for name in ("plan", "apply", "drift"))
    assert "environment: production #" in apply
    assert "`production`" in PAGE
    assert "    name: plan\n" in plan
    assert "the check `plan`" in PAGE
    for text in (apply, drift):
        name = re.search(r"^name: (.*)$", text, re.MULTILINE)
        assert name
        assert f"`{name[1]}`" in PAGE
