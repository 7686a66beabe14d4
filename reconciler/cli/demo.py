"""`reconciler demo`."""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import chdir, closing
from importlib.resources import files
from pathlib import Path

import click

from reconciler.cli.options import examples

KEY = "sandbox"
FIRST = (("list",), ("import",), ("plan",))
"""The commands that the demo runs on the first day: without any file."""
CHANGED = "Now the files are changed: new names and texts, two swapped ids, a new user, a leave."
LATER = (
    ("plan", "--out", "plan.json"),
    ("-v", "apply", "--plan", "plan.json", "--yes"),
    ("plan", "--detailed-exitcode"),
)
"""The commands that it runs after the files were changed."""
DATA = Path(str(files("reconciler") / "demo"))
"""The directory with the live agents and the configuration."""


@click.command("demo", epilog=examples("reconciler demo", "NO_COLOR=1 reconciler demo"))
def command() -> int:
    """Try import, plan and apply on simulated portals.

    Lists and imports the agents of two portals, plans and applies changes of their files, and shows
    that the next plan is empty. Needs no keys and leaves no files.
    """
    from reconciler.sandbox.server import running
    from reconciler.sandbox.state import State
    from reconciler.sandbox.store import Store

    gc.enable()
    live = json.loads((DATA / "live.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, closing(Store()) as store:
        (Path(folder) / "agents").mkdir()
        shutil.copy(DATA / "reconciler.yaml", folder)
        state = State(store, KEY)
        state.load(live["rentix"])
        state.propertyfinder.load(live["propertyfinder"])
        with running(state) as portals, chdir(folder):
            os.environ.pop("RECONCILER_CONFIG", None)
            os.environ |= {
                "RENTIX_URL": portals.url,
                "RENTIX_API_KEY": KEY,
                "PROPERTYFINDER_URL": portals.urls["propertyfinder"],
                "PROPERTYFINDER_API_KEY": state.propertyfinder.key,
                "PROPERTYFINDER_API_SECRET": state.propertyfinder.secret,
            }
            code = _run(FIRST)
            if not code:
                click.secho(f"\n{CHANGED}", bold=True)
                shutil.rmtree("agents")
                shutil.copytree(_agents(), "agents")
                code = _run(LATER)
    return code


def _run(story: Iterable[Sequence[str]]) -> int:
    """Run commands until one fails. Returns its exit code, 0 if none does."""
    from reconciler.cli.program import run

    for arguments in story:
        click.secho(f"\n$ reconciler {' '.join(arguments)}", bold=True)
        code = run([*arguments])
        if code:
            return code
    return 0


def _agents() -> Path:
    """The directory of the sample agents: in the installed package, or at the top of a checkout."""
    packaged = DATA / "agents"
    return packaged if packaged.is_dir() else DATA.parent.parent / "agents"
