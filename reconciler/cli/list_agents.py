"""`reconciler list`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli.options import GlobalOptions, examples
from reconciler.cli.output import Output, unread_portals


@click.command(
    "list",
    epilog=examples(
        "reconciler list --unmanaged",
        "reconciler list --portal rentix --duplicates",
        "reconciler list --format csv --output agents.csv",
    ),
)
@click.option("--unmanaged", is_flag=True, help="Only agents that no file declares.")
@click.option("--duplicates", is_flag=True, help="Only agents who are probably listed twice.")
@click.option(
    "--portal", "portals", metavar="NAME", multiple=True, help="Only this portal; repeatable."
)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="Write text, json or csv.",
)
@click.option(
    "--output",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write to FILE (or a device or pipe) instead of standard output.",
)
@click.pass_obj
def command(
    options: GlobalOptions,
    unmanaged: bool,
    duplicates: bool,
    portals: tuple[str, ...],
    format_: str,
    path: Path | None,
) -> int:
    """Show who is on the portals, and in which files.

    Agents with the same phone, or the same name in any script, may be one person: see the notes.
    """
    from reconciler.core.roster import narrowed
    from reconciler.core.selection import Selection
    from reconciler.engine import planning

    repository = options.open_repository(new=True)
    options.check_outputs(output=path)
    with planning.open_planner(
        repository, os.environ, Selection(), portals, runtime=options.runtime()
    ) as planner:
        proposal = planner.make_plan(Selection())
    options.notes(proposal.notes)
    roster = planner.roster(proposal)
    Output(format_, path).write_roster(narrowed(roster, unmanaged=unmanaged, duplicates=duplicates))
    if not proposal.plan.complete:
        options.notes(["A portal returned an incomplete list, so agents may be missing."])
    return 1 if unread_portals(proposal.plan) else 0
