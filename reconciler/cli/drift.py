"""`reconciler drift`."""

from __future__ import annotations

import os

import click

from reconciler.cli.options import (
    PLAN_FORMATS,
    AgentsCommand,
    GlobalOptions,
    Selectors,
    examples,
    output_options,
    selector_options,
)
from reconciler.cli.output import Output, unread_portals


@click.command(
    "drift",
    cls=AgentsCommand,
    epilog=examples(
        "reconciler drift",
        "reconciler drift --portal rentix --exclude 'agents/new/*'",
        "reconciler drift --format markdown --output drift.md",
    ),
)
@selector_options
@output_options(*PLAN_FORMATS)
@click.pass_obj
def command(options: GlobalOptions, selectors: Selectors, output: Output) -> int:
    """Show changes made outside these files (drift).

    Exits with 2 if there are any.
    """
    from reconciler.core.selection import Selection
    from reconciler.engine import planning

    repository = options.open_repository()
    options.check_outputs(output=output.path)
    selection = Selection(selectors.targets, selectors.excludes)
    with planning.open_planner(
        repository, os.environ, selection, selectors.portals, runtime=options.runtime()
    ) as planner:
        drift = planner.drift(planner.make_plan(selection))
    options.notes(drift.notes)
    output.write_drift(drift.plan, drift.document)
    if unread_portals(drift.plan):
        return 1
    return 2 if drift.plan.entries or drift.plan.conflicts or drift.plan.waiting else 0
