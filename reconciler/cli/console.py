"""The terminal: what is printed, in color or not, without keys and without workflow commands."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from reconciler.cli import streams
from reconciler.errors import InputError, OutputError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.core.model import Event, Plan


class Page(TypedDict):
    """How text is laid out: its width in columns, and whether it is in color."""

    width: int
    color: bool


def configure_logging(*, verbose: bool) -> None:
    """Log requests and waits to standard error if `verbose`, else only warnings."""
    import logging

    if verbose:
        threading.current_thread().name = "reconciler"  # each portal has a thread with its name
        layout = "%(threadName)s: %(message)s"
        logging.basicConfig(stream=sys.stderr, format=layout, level=logging.WARNING)
    logging.getLogger("reconciler").setLevel(logging.INFO if verbose else logging.WARNING)


def page(path: Path | None) -> Page:
    """The layout of text that goes to a file, or to standard output if `path` is None."""
    terminal = path is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 100
    return {"width": max(40, width), "color": terminal and _allows_color()}


def write(text: str) -> None:
    """Write to standard output, safely in a workflow. Raises OutputError."""
    write_unchanged(without_workflow_commands(text))


def write_unchanged(text: str) -> None:
    """Write to standard output what is a workflow command, or cannot be one, as JSON. Raises
    OutputError, whose cause is a BrokenPipeError if the reader has closed the pipe."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        streams.discard(sys.stdout)
        raise OutputError(f"Could not write to standard output: {error.strerror}.") from error


def write_message(message: str) -> None:
    """Write a message to standard error, wrapped on a terminal."""
    write_error(_wrap(message))


def write_error(text: str) -> None:
    """Write to standard error, safely in a workflow, and above a progress bar."""
    line = without_workflow_commands(text)
    click.echo(line, file=sys.stderr, nl=not text.endswith("\n"))


def confirm(question: str, refusal: str) -> None:
    """Ask a question on the terminal. `refusal` is what did not happen after a no. Raises
    UsageError without a terminal, and Exit after a no or Ctrl-C."""
    if not sys.stdin.isatty() or streams.is_closed("stderr"):
        raise UsageError(
            f"{refusal}: there is no terminal to ask on. Add --yes to continue without a prompt."
        )
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(f"\nInterrupted. {refusal}.", err=True)
        raise click.exceptions.Exit(130) from None
    if not confirmed:
        click.echo(f"{refusal}.", err=True)
        raise click.exceptions.Exit(1)


def print_error(error: ReconcilerError) -> int:
    """Print an error to standard error and return its exit code."""
    from reconciler.render.visible import visible

    color = sys.stderr.isatty() and _allows_color()
    if isinstance(error, InputError):
        from reconciler.render import text

        message = text.problems(error.problems, color=color)
    else:
        message = _wrap(f"error: {visible(str(error))}\n")
        if color:
            message = message.replace("error:", click.style("error:", fg="red", bold=True), 1)
    sys.stderr.write(without_workflow_commands(redact(message)))
    return error.exit_code


def print_usage_error(error: click.ClickException) -> int:
    """Print an error in the arguments, as click does but in the form of our own, and return 1."""
    text = io.StringIO()
    error.show(text)
    usage, start, message = text.getvalue().rpartition("Error: ")
    write_error(redact(f"{usage}{start.lower()}{message}"))
    return 1


def print_internal_error(error: Exception) -> int:
    """Print an unexpected exception, with a traceback only if -v is set, and return 1."""
    import logging
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    sys.stderr.write(
        f"error: Internal error (please report it): {place}. If changes were sent, run "
        f"`reconciler plan` to see what is left. Run again with -v for a traceback.\n"
    )
    if logging.getLogger("reconciler").isEnabledFor(logging.INFO):
        from reconciler.render.visible import visible

        message = visible(redact("".join(traceback.format_exception(error))))
        sys.stderr.write(without_workflow_commands(message))
    return 1


def without_workflow_commands(text: str) -> str:
    """The text; in a GitHub workflow, no line of it can be taken for a command."""
    if not os.environ.get("GITHUB_ACTIONS"):
        return text
    from reconciler.github.commands import inert

    return inert(text)


def redact(text: str) -> str:
    """The text without the keys in the environment, in case one was written into a file.

    A short key stays, because it may be an ordinary part of the text.
    """
    from reconciler.net import redaction
    from reconciler.portals.registry import PORTALS

    names = [name for portal in PORTALS.values() for name in portal.secrets]
    keys = [os.environ.get(name, "").strip() for name in (*names, "GITHUB_TOKEN")]
    return redaction.redact(text, keys, redaction.FRAGMENT)


@contextmanager
def progress(plan: Plan, *, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """A progress bar that counts operations, on a terminal only. Yields the observer of events."""
    if quiet or not plan.steps or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from reconciler.core.model import Finished, Started

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as bar:
        total = sum(len(step.operations) for step in plan.steps)
        task = bar.add_task("applying", total=total)

        def observe(event: Event) -> None:
            if isinstance(event, Started):
                request = event.step.request
                bar.update(task, description=f"{request.method} {request.path}")
            elif isinstance(event, Finished):
                bar.advance(task, len(event.outcomes))

        yield observe


def _wrap(text: str) -> str:
    """The text with its lines wrapped and indented as they are, if standard error is a terminal."""
    if not sys.stderr.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns)
    return "".join(_wrap_line(line, width) for line in text.splitlines(keepends=True))


def _wrap_line(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip(" "))]
    wrapped = textwrap.fill(
        line.rstrip("\n"),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped + line[len(line.rstrip("\n")) :]


def _allows_color() -> bool:
    return not os.environ.get("NO_COLOR")
