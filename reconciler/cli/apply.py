"""`reconciler apply`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console
from reconciler.cli.interrupts import cancel_on_signal
from reconciler.cli.options import (
    GlobalOptions,
    Selectors,
    examples,
    output_options,
    selector_options,
)
from reconciler.cli.output import Output, unread_portals
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.core.model import Conflict, Plan
    from reconciler.core.plan_json import PlanDocument
    from reconciler.engine.planning import Proposal


@click.command(
    "apply",
    epilog=examples(
        "reconciler apply",
        "reconciler apply --dry-run --target 'agent-00*'",
        "reconciler apply --plan plan.json --yes",
    ),
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Apply exactly this saved plan.",
)
@click.option("--yes", is_flag=True, help="Apply without a prompt.")
@click.option("--dry-run", is_flag=True, help="Print the requests without sending them.")
@click.option(
    "--on-stale",
    metavar="fail|skip",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="If the plan is stale, send nothing or skip those agents.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Apply over the limits; with --target KEY, treat an agent who is gone as new.",
)
@selector_options
@output_options
@click.pass_obj
def command(
    options: GlobalOptions,
    plan_file: Path | None,
    yes: bool,
    dry_run: bool,
    on_stale: str,
    force: bool,
    selectors: Selectors,
    output: Output,
) -> int:
    """Apply the changes and verify the result.

    Shows the plan and asks before it sends anything. Exits with 3 if only some of the changes were
    applied, with 4 if the outcome of a request is unknown, and with 5 if the saved plan is stale.
    """
    from reconciler.core import plan_json
    from reconciler.core.selection import Selection
    from reconciler.engine import planning

    reviewed = _load_reviewed(plan_file, on_stale, selectors)
    repository = options.open_repository()
    selection = Selection(selectors.targets, selectors.excludes, force=force)
    portals = selectors.portals
    if reviewed is not None:
        selection, portals = plan_json.selection(reviewed)
    lock = None if dry_run else options.note
    with planning.open_planner(
        repository, os.environ, selection, portals, runtime=options.runtime(), lock=lock
    ) as planner:
        proposal = planner.make_plan(selection)
        stale: tuple[Conflict, ...] = ()
        if reviewed is not None:
            proposal, stale = planning.only_saved(proposal, reviewed, skip=on_stale == "skip")
        options.notes(proposal.notes)
        if dry_run:
            output.write_plan(proposal.plan, proposal.document, requests=True)
            if unread_portals(proposal.plan):
                return 1
            return 3 if stale else 0
        asks = bool(proposal.plan.steps) and not yes
        _show_plan(options, proposal.plan, output, asks=asks, shown=reviewed is not None and yes)
        if not force:
            planning.check_limits(proposal, [] if reviewed is None else [plan_json.parse(reviewed)])
        if asks:
            confirm()
        output.check_writable()
        return _send(options, proposal, stale, output)


def _load_reviewed(
    plan_file: Path | None, on_stale: str, selectors: Selectors
) -> PlanDocument | None:
    """The saved plan to apply; None without --plan. Raises UsageError and PlanFileError."""
    if plan_file is None:
        if on_stale != "fail":
            raise UsageError("--on-stale applies to a saved plan: add --plan FILE.")
        return None
    if any(selectors):
        raise UsageError(
            "A saved plan has its own agents and portals: remove --target, --exclude and --portal."
        )
    from reconciler.store import planfile

    return planfile.load(plan_file)


def _show_plan(
    options: GlobalOptions, plan: Plan, output: Output, *, asks: bool, shown: bool
) -> None:
    """Show the plan as text before it is applied, unless a person has seen it already (`shown`).

    It goes to standard output, or to standard error if that has another format; and to standard
    error too if the prompt is on the terminal and standard output is not.
    """
    to_output = output.format == "text" and not shown
    to_error = output.format != "text" or (asks and not sys.stdout.isatty())
    to_error = to_error and not options.quiet
    if not (to_output or to_error):
        return
    from reconciler.render import text

    content = text.plan(plan, **console.page(None))
    if to_output:
        console.write(content)
    if to_error:
        console.write_error(content)


def confirm() -> None:
    """Ask whether to apply. Raises UsageError without a terminal, and Exit after a no or Ctrl-C."""
    if not sys.stdin.isatty():
        raise UsageError(
            "Nothing was sent: there is no terminal to ask on. Add --yes to apply without a prompt."
        )
    try:
        confirmed = click.confirm("Apply these changes?", err=True)
    except click.Abort:
        click.echo("\nInterrupted. Nothing was sent.", err=True)
        raise click.exceptions.Exit(130) from None
    if not confirmed:
        click.echo("Nothing was sent.", err=True)
        raise click.exceptions.Exit(1)


def _send(
    options: GlobalOptions, proposal: Proposal, stale: tuple[Conflict, ...], output: Output
) -> int:
    from reconciler.engine import applying

    with cancel_on_signal(proposal.cancellation, options.note):
        quiet = options.quiet or options.verbose
        with console.progress(proposal.plan, quiet=quiet) as observe:
            report = applying.apply(proposal, stale, observe)
        output.write_report(report, proposal.document["digest"])
    return report.exit_code
