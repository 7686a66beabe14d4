"""`reconciler plan`."""

from __future__ import annotations

import os
from pathlib import Path

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
    "plan",
    cls=AgentsCommand,
    epilog=examples(
        "reconciler plan --target 'agent-00*'",
        "reconciler plan --out plan.json",
        "reconciler plan --format html --output plan.html",
    ),
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Save the plan in FILE for `apply --plan`.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 on changes or conflicts.")
@click.option("--base", metavar="REF", help="Show which changes were made since commit REF.")
@selector_options
@output_options(*PLAN_FORMATS)
@click.pass_obj
def command(
    options: GlobalOptions,
    out: Path | None,
    detailed_exitcode: bool,
    base: str | None,
    selectors: Selectors,
    output: Output,
) -> int:
    """Show what an apply would change.

    Reads the files and the portals, and changes nothing.
    """
    from reconciler.core.selection import Selection
    from reconciler.engine import planning, session
    from reconciler.store import planfile
    from reconciler.store.output import is_stream

    repository = options.open_repository()
    options.check_outputs(out=out, output=output.path)
    selection = Selection(selectors.targets, selectors.excludes)
    before = None if base is None else session.open_base(repository, base)
    with planning.open_planner(
        repository, os.environ, selection, selectors.portals, before, options.runtime()
    ) as planner:
        proposal = planner.make_plan(selection)
    if out is not None:
        planfile.save(out, proposal.document)
    options.notes(proposal.notes)
    output.write_plan(proposal.plan, proposal.document)
    if out is not None and not is_stream(out):
        _suggest_apply(options, out)
    if unread_portals(proposal.plan):
        return 1
    changes = bool(proposal.plan.entries or proposal.plan.conflicts)
    return 2 if detailed_exitcode and changes else 0


def _suggest_apply(options: GlobalOptions, path: Path) -> None:
    from reconciler.render.visible import one_line

    suggestion = options.command_line("apply", "--plan", one_line(str(path)))
    options.note(f"Saved as {one_line(str(path))}. Apply exactly this plan with: {suggestion}")
