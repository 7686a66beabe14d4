"""`reconciler init`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples


@click.command(
    "init",
    epilog=examples(
        "reconciler init",
        "reconciler init --portal rentix --portal propertyfinder",
        "reconciler init --dir agencies/north",
    ),
)
@click.option(
    "--portal",
    "portals",
    metavar="NAME",
    multiple=True,
    default=("rentix",),
    show_default=True,
    help="Portal to use; repeatable.",
)
@click.option(
    "--branch",
    metavar="NAME",
    default="main",
    show_default=True,
    help="Branch to apply after each push.",
)
@click.option(
    "--action",
    metavar="OWNER/REPO@SHA",
    help="Action for the workflows to use, instead of installing this version with pip.",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    default="",
    help="Directory of this agency, if the repository has several.",
)
@click.pass_obj
def command(
    options: GlobalOptions, portals: tuple[str, ...], branch: str, action: str | None, folder: str
) -> int:
    """Create the files of a repository.

    Creates the configuration, a sample agent, JSON Schemas and GitHub workflows. Existing files are
    left unchanged.
    """
    from reconciler.github import layout

    done = layout.init(Path(), portals, branch, action, folder)
    for path in done.written:
        console.write(f"wrote  {path}\n")
    for path in done.kept:
        console.write(f"kept   {path}  (already exists)\n")
    options.notes(done.notes)
    return 0
