"""`reconciler apply`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console, streams
from reconciler.cli.interrupts import cancel_on_signal
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
from reconciler.errors import OutputError, PortalError, UsageError

if TYPE_CHECKING:
    from reconciler.core.model import Plan, Report
    from reconciler.core.plan_json import PlanDocument
    from reconciler.core.selection import Selection
    from reconciler.engine.planning import Planner, Proposal
    from reconciler.engine.reviewing import Reviewed

PROMPTS = 3
"""Prompts of one apply, while the portal keeps changing."""


@click.command(
    "apply",
    cls=AgentsCommand,
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
@output_options(*PLAN_FORMATS)
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

    Shows the plan and asks before it sends anything, and asks again if the portal has changed
    meanwhile. Exits with 3 if only some of the changes were applied, with 4 if the outcome of a
    request is unknown, and with 5 if the saved plan is stale.
    """
    from reconciler.core import plan_json
    from reconciler.core.selection import Selection
    from reconciler.engine import planning, reviewing

    reviewed = _load_reviewed(plan_file, on_stale, selectors)
    repository = options.open_repository()
    options.check_outputs(output=output.path)
    # A saved plan's selection is not checked: an agent that is gone makes the plan stale.
    typed = Selection(selectors.targets, selectors.excludes, force=force)
    selection, portals = typed, selectors.portals
    if reviewed is not None:
        selection, portals = plan_json.selection(reviewed)
    make_plan = partial(_make_plan, selection=selection, saved=reviewed, skip=on_stale == "skip")
    lock = None if dry_run else options.note
    opened = planning.open_planner(
        repository, os.environ, typed, portals, runtime=options.runtime(), lock=lock
    )
    with reviewing.check_account(reviewed), opened as planner:
        first = make_plan(planner)
        options.notes(filter(None, (*first.proposal.notes, first.note)))
        if dry_run:
            plan = first.proposal.plan
            output.write_plan(plan, first.proposal.document, requests=True)
            if unread_portals(plan):
                return 1
            return 3 if first.stale else 0
        plans = None if force else [] if reviewed is None else [plan_json.parse(reviewed)]
        show = partial(_show_plan, options, output, reviewed=plans)
        if yes:
            show(first.proposal, asks=False, shown=reviewed is not None)
            agreed = first
        else:
            agreed = _ask(first, make_plan, show)
        return _send(options, agreed, output)


def _make_plan(
    planner: Planner, *, selection: Selection, saved: PlanDocument | None, skip: bool
) -> Reviewed:
    """A plan of what the portals show; only what is in the saved plan, if there is one. Raises
    StaleError."""
    from reconciler.engine import reviewing

    proposal = planner.make_plan(selection)
    if saved is None:
        return reviewing.Reviewed(proposal, ())
    return reviewing.only_saved(proposal, saved, skip=skip)


def _ask(
    candidate: Reviewed, make_plan: Callable[[Planner], Reviewed], show: Callable[..., None]
) -> Reviewed:
    """Show a plan and ask whether to apply it, until it is the same after the answer as before the
    prompt. Returns the plan to apply, made of what they show now. Raises PortalError,
    StaleError, LimitsError, UsageError and Exit."""
    from reconciler.core import plan_json

    for prompt in range(PROMPTS):
        if prompt:
            console.write_message(
                "The portal has changed since this plan was shown. The new plan:\n\n"
            )
        asks = bool(candidate.proposal.plan.steps)
        show(candidate.proposal, asks=asks)
        if not asks:
            return candidate
        confirm()
        try:
            planner = candidate.proposal.planner.read_again()
        except PortalError as error:
            raise PortalError(f"{error} Nothing was sent.") from None
        fresh = make_plan(planner)
        if plan_json.is_same(fresh.proposal.document, candidate.proposal.document):
            return fresh
        candidate = fresh
    raise PortalError(
        f"The portal keeps changing: after each of {PROMPTS} prompts, the plan was different. "
        f"Nothing was sent. Run again when no one else is editing these agents."
    )


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
    options: GlobalOptions,
    output: Output,
    proposal: Proposal,
    *,
    reviewed: Sequence[Plan] | None,
    asks: bool,
    shown: bool = False,
) -> None:
    """Show the plan as text before it is applied, unless a person has seen it already (`shown`).
    Raises LimitsError if it is over the limits, unless `reviewed` has its changes, or is None.

    It goes to standard output, or to standard error if that has another format; and to standard
    error too if the prompt is on the terminal and standard output is not. Without a prompt, a plan
    that cannot be written does not stop the apply.
    """
    from reconciler.engine import reviewing
    from reconciler.render import text

    to_output = output.format == "text" and not shown
    to_error = output.format != "text" or (asks and not sys.stdout.isatty())
    to_error = to_error and not options.quiet
    if to_output or to_error:
        content = text.plan(proposal.plan, **console.page(None)) + "\n"
        if to_error:
            console.write_error(content)
        if to_output:
            try:
                console.write(content)
            except OutputError as error:
                if asks and not to_error:
                    raise UsageError(f"{error} Nothing was sent.") from None
    if reviewed is not None:
        reviewing.check_limits(proposal, reviewed)


def confirm() -> None:
    """Ask whether to apply. Raises UsageError and Exit."""
    console.confirm("Apply these changes?", "Nothing was sent")
    click.echo(err=True)


def _send(options: GlobalOptions, agreed: Reviewed, output: Output) -> int:
    """Apply a plan and write the report. Returns the exit code, whether or not it was written."""
    from reconciler.engine import applying

    proposal = agreed.proposal
    with cancel_on_signal(proposal.cancellation, options.note):
        quiet = options.quiet or options.verbose
        with console.progress(proposal.plan, quiet=quiet) as observe:
            report = applying.apply(proposal, agreed.stale, observe)
        try:
            output.write_report(report, proposal.document["digest"])
        except OutputError as error:
            _write_outcome(report, str(error))
        except KeyboardInterrupt:  # the reader of a pipe does not read, for example
            _write_outcome(report, "Interrupted while writing the report.")
        else:
            if output.path is None and streams.is_closed("stdout"):
                _write_outcome(report, "Standard output is closed.")
    return report.exit_code


def _write_outcome(report: Report, reason: str) -> None:
    """Write what an apply did to standard error, after the reason why there is no report."""
    from reconciler.render import text

    console.write_message(f"warning: {reason} The result of the apply:\n")
    console.write_error(text.report(report, **console.page(None)))
