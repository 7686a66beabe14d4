"""`reconciler import`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples, format_option, portal_option
from reconciler.cli.output import unread_portals


@click.command(
    "import",
    epilog=examples(
        "reconciler import --dry-run",
        "reconciler import --portal rentix",
        "reconciler import --drift",
    ),
)
@click.option("--drift", is_flag=True, help="Edit existing files to what the portals show instead.")
@portal_option
@click.option("--dry-run", is_flag=True, help="Write nothing; show a diff.")
@format_option("text", "json")
@click.pass_obj
def command(
    options: GlobalOptions, drift: bool, portals: tuple[str, ...], dry_run: bool, format_: str
) -> int:
    """Write files for agents that no file declares.

    Reads the portals and sends no changes. A plan right after an import is empty. Never replaces a
    file; a person on two portals gets one file.
    """
    from importlib import import_module

    from reconciler.core.selection import Selection
    from reconciler.documents.config import DEFAULT_FILE
    from reconciler.engine import edits, following, importing, planning, session

    # Without a configuration, this may be the wrong folder.
    configured = (options.config or Path(DEFAULT_FILE)).is_file()
    repository = session.open_repository(Path(), options.config, new=configured and not drift)
    everyone = Selection()
    with planning.open_planner(
        repository, os.environ, everyone, portals, runtime=options.runtime()
    ) as planner:
        proposal = planner.make_plan(everyone)
        if unread_portals(proposal.plan):
            return 1
        find = following.find_drift if drift else importing.find_imports
        imported = find(planner, proposal)
        notes = planner.drift(proposal).notes if drift else proposal.notes
    options.notes(notes)
    if not proposal.plan.complete:
        options.notes(["A portal returned an incomplete list, so agents may be missing."])
    if not dry_run:
        edits.write(Path(), imported)
    renderer = import_module(f"reconciler.render.{format_}")
    if format_ == "json":
        console.write_unchanged(renderer.imported(imported, dry_run=dry_run))
    else:
        page = console.page(None)
        console.write(renderer.imported(imported, dry_run=dry_run, drift=drift, **page))
    return 0
