"""The structure of the package: layers, a pure core, names, and what each command imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "reconciler"


def test_imports_follow_the_layers() -> None:
    """As import-linter checks them: layers, a core without I/O, a sandbox on its own."""
    linter = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_core_names_no_portal() -> None:
    """A new portal needs no change in the core."""
    for path in (PACKAGE / "core").glob("*.py"):
        assert not re.search(r"rentix|propertyfinder", path.read_text("utf-8"), re.IGNORECASE), path


def test_the_documents_name_no_portal() -> None:
    """A new portal changes nothing in documents: portals declare their part of a file."""
    for path in (PACKAGE / "documents").glob("*.py"):
        names = re.findall(
            r"rentix|propertyfinder|property finder", path.read_text("utf-8"), re.IGNORECASE
        )
        assert not names, path


def test_module_names_say_what_they_hold() -> None:
    """No module is called `utils` or the like."""
    for path in PACKAGE.rglob("*.py"):
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "base"}, path


HEAVY = {"anyascii", "deepdiff", "httpx", "phonenumbers", "rich", "starlette", "uvicorn"}
ENGINE = {"pydantic", "reconciler.engine", "reconciler.core.plan", "reconciler.portals.registry"}
HELP = [["--help"], *([name, "--help"] for name in COMMANDS)]


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [*((words, HEAVY | ENGINE) for words in HELP), (["validate"], HEAVY)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(
    tmp_path: Path, command: list[str], unwanted: set[str]
) -> None:
    """Help needs neither the engine nor a client; checking files needs no client."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "a.yaml").write_text("externalId: a\n", "utf-8")
    modules = imported("-C", str(tmp_path), *command)
    assert not unwanted & modules


def test_help_imports_no_command() -> None:
    """`reconciler --help` reads the table, and a command imports its own module only."""
    modules = {module for module, _ in COMMANDS.values()}
    assert not modules & imported("--help")
    assert modules & imported("plan", "--help") == {"reconciler.cli.plan"}


def imported(*arguments: str) -> set[str]:
    """Run a command line in a new process that must succeed, and return what it imported."""
    code = (
        "import sys\n"
        "from reconciler.cli.program import run\n"
        "code = run(sys.argv[1:])\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_the_constraints_list_versions_only() -> None:
    """The file has no address and no path."""
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line), line
