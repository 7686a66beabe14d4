"""`reconciler fmt`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples


@click.command("fmt", epilog=examples("reconciler fmt", "reconciler fmt --check"))
@click.option(
    "--check", is_flag=True, help="Change nothing; exit with 1 if a file needs formatting."
)
@click.pass_obj
def command(options: GlobalOptions, check: bool) -> int:
    """Format the agents' files.

    Sorts keys, removes needless quotes and keeps every comment and value.
    """
    from reconciler.engine.formatting import format_files, write_files
    from reconciler.render.phrases import plural
    from reconciler.render.visible import one_line

    found = format_files(Path(), options.config)
    options.notes(
        f"{one_line(name)} is a symbolic link: format the file that it names."
        for name in found.links
    )
    label = "needs formatting" if check else "formatted"

    def report(name: str) -> None:
        console.write(f"{label}  {one_line(name)}\n")

    if check:
        for name in found.changed:
            report(name)
    else:
        write_files(Path(), found.changed, report)
    changed, same = len(found.changed), found.count - len(found.changed) - len(found.links)
    if not changed:
        console.write(f"Nothing to format in {plural(same, 'file')}.\n")
    if check and changed:
        command_line = options.command_line("fmt")
        options.note(f"{plural(changed, 'file')} to format: run {command_line}")
    return 1 if check and changed else 0
