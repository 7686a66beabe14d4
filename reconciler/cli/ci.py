"""`reconciler ci`: plan, apply and drift as a GitHub workflow runs them."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import console
from reconciler.cli.interrupts import cancel_on_signal
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from reconciler.engine.concurrency import Cancellation
    from reconciler.github.job import Job


@click.group(
    "ci", epilog=examples("reconciler ci plan", "reconciler ci apply", "reconciler ci drift")
)
def command() -> None:
    """Run plan, apply or drift in a GitHub workflow.

    `reconciler init` writes workflows that run these commands. Elsewhere, use plan, apply and
    drift.
    """


@command.command(
    "plan", epilog=examples("reconciler ci plan", "reconciler ci plan --out reconciler-plan")
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("reconciler-plan"),
    show_default=True,
    help="Directory for plan.json and report.html.",
)
@click.pass_obj
def plan(options: GlobalOptions, out: Path) -> int:
    """Plan a pull request and comment on it."""
    from reconciler.github.plan import FAILED, plan_pull_request

    with _workflow(options, FAILED) as job:
        # The next step of the workflow, which uploads the directory, does not know of -C.
        return plan_pull_request(job, out.absolute() if options.directories else out)


@command.command(
    "apply",
    epilog=examples(
        "reconciler ci apply",
        "reconciler ci apply --workflow .github/workflows/reconciler-plan.yml",
    ),
)
@click.option(
    "--workflow",
    metavar="FILE",
    help="Workflow whose plans count as reviewed, if it is not one that init wrote.",
)
@click.pass_obj
def apply(options: GlobalOptions, workflow: str | None) -> int:
    """Apply what was reviewed in merged pull requests."""
    from reconciler.github.apply import apply_branch

    with _workflow(options, "The apply failed") as job:
        return apply_branch(job, workflow)


@command.command("drift", epilog=examples("reconciler ci drift", "reconciler -v ci drift"))
@click.pass_obj
def drift(options: GlobalOptions) -> int:
    """Keep an issue open for each portal with drift."""
    from reconciler.github.drift import report_drift

    with _workflow(options, "The drift check failed") as job:
        return report_drift(job)


@contextmanager
def _workflow(options: GlobalOptions, failure: str) -> Iterator[Job]:
    """What a step of a workflow works with; git gets this run's token through the environment. An
    error is also annotated and summarized, under the title `failure`."""
    from reconciler.github import run
    from reconciler.github.job import Job

    workflow_run = run.read(os.environ)
    os.environ |= run.credentials(workflow_run, os.environ)

    def guard(cancellation: Cancellation) -> AbstractContextManager[None]:
        return cancel_on_signal(cancellation, options.note)

    def log(line: str) -> None:
        with suppress(OutputError):  # the exit code reports what happened on the portals
            console.write_unchanged(f"{console.redact(line)}\n")

    job = Job(Path(), options.config, workflow_run, os.environ, log, console.redact, guard)
    with job.report_failure(failure):
        yield job
