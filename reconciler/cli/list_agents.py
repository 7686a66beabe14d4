"""`reconciler list`."""

from __future__ import annotations

import os

import click

from reconciler.cli.options import GlobalOptions, examples, output_options, portal_option
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
@portal_option
@output_options("text", "json", "csv")
@click.pass_obj
def command(
    options: GlobalOptions,
    unmanaged: bool,
    duplicates: bool,
    portals: tuple[str, ...],
    output: Output,
) -> int:
    """Show who is on the portals, and in which files.

    Agents with the same phone, or the same name in any script, may be one person: see the notes.
    """
    from reconciler.core.roster import narrowed
    from reconciler.core.selection import Selection
    from reconciler.engine import planning

    repository = options.open_repository(new=True)
    options.check_outputs(output=output.path)
    with planning.open_planner(
        repository, os.environ, Selection(), portals, runtime=options.runtime()
    ) as planner:
        proposal = planner.make_plan(Selection())
    options.notes(proposal.notes)
    roster = planner.roster(proposal)
    output.write_roster(narrowed(roster, unmanaged=unmanaged, duplicates=duplicates))
    if not proposal.plan.complete:
        options.notes(["A portal returned an incomplete list, so agents may be missing."])
    return 1 if unread_portals(proposal.plan) else 0
