"""The command `reconciler demo`: the whole story on a throw-away sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

import click

from reconciler.sandbox.server import running
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

KEY = "sandbox"
STORY = (
    ("plan", "--out", "plan.json"),
    ("-v", "apply", "--plan", "plan.json", "--yes"),
    ("plan", "--detailed-exitcode"),
)
"""The commands of the demo, which a user can type as well."""


def samples() -> Path:
    """The folder with the sample agents: in the installed package, or beside it in a checkout."""
    here = Path(str(files("reconciler") / "demo"))
    packed = here / "agents"
    return packed if packed.is_dir() else here.parent.parent / "agents"


@click.command()
def demo() -> int:
    """The whole story on a throw-away sandbox: plan, apply, plan again is empty."""
    from reconciler.cli import run  # noqa: PLC0415 - it is cli that calls this command

    here = Path(str(files("reconciler") / "demo"))
    live = json.loads((here / "live.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store()) as store:
        shutil.copytree(samples(), Path(folder) / "agents")
        shutil.copy(here / "reconciler.yaml", folder)
        state = State(store, KEY)
        state.load(live["rentix"])
        state.propertyfinder.load(live["propertyfinder"])
        with running(state) as portals, contextlib.chdir(folder):
            os.environ.pop("RECONCILER_CONFIG", None)
            os.environ |= {
                "RENTIX_URL": portals.url,
                "RENTIX_API_KEY": KEY,
                "PROPERTYFINDER_URL": portals.urls["propertyfinder"],
                "PROPERTYFINDER_API_KEY": state.propertyfinder.key,
                "PROPERTYFINDER_API_SECRET": state.propertyfinder.secret,
            }
            for command in STORY:
                click.secho(f"\n$ reconciler {' '.join(command)}", bold=True)
                code = run([*command])
                if code:
                    return code
    return 0
