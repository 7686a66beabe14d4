"""The house as it was drawn: layers, a pure core, no rooms without a name, no word of a portal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "reconciler"


def test_the_layers_hold() -> None:
    """Every import goes down the stairs; the core does no I/O; the sandbox knows nothing of ours."""
    linter = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_core_names_no_portal() -> None:
    """A new portal changes nothing in core."""
    for path in (PACKAGE / "core").glob("*.py"):
        assert not re.search(r"rentix|propertyfinder", path.read_text("utf-8"), re.IGNORECASE), path


def test_every_room_has_a_name() -> None:
    """No module is called after nothing."""
    for path in PACKAGE.rglob("*.py"):
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "base"}, path


@pytest.mark.parametrize("command", [["--help"], ["validate"]])
def test_what_needs_no_network_imports_no_client(tmp_path: Path, command: list[str]) -> None:
    """`--help` and `validate` start without httpx, rich and deepdiff."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "a.yaml").write_text("externalId: a\n", "utf-8")
    code = (
        "import sys\n"
        "from reconciler.cli import run\n"
        f"code = run(['-C', {str(tmp_path)!r}, *{command!r}])\n"
        "heavy = {'httpx', 'rich', 'deepdiff', 'phonenumbers'} & set(sys.modules)\n"
        "sys.exit(code or (f'imported: {heavy}' if heavy else 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_constraints_name_versions_only() -> None:
    """No address and no path is in the file that pins what the tests use."""
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line), line
