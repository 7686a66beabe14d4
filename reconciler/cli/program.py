"""Run a command line: the global options, the errors of every command, the end of the process."""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import chdir
from pathlib import Path

import click

from reconciler import __version__
from reconciler.cli import console, interrupts, streams
from reconciler.cli.commands import CommandTable
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import OutputError, ReconcilerError, UsageError

SANDBOX_EXTRA = ("starlette", "uvicorn")
"""The packages of the extra `sandbox`."""


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("reconciler demo", "reconciler init", "reconciler -C agencies/north plan"),
)
@click.option(
    "-C",
    "directories",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Run as if started in DIR.",
)
@click.option(
    "--config",
    metavar="FILE",
    envvar="RECONCILER_CONFIG",
    type=click.Path(path_type=Path),
    help="Use FILE instead of reconciler.yaml.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every request and every wait.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@click.version_option(__version__, prog_name="reconciler")
@click.pass_context
def cli(
    ctx: click.Context,
    directories: tuple[Path, ...],
    config: Path | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Keep agents' profiles on real-estate portals in sync with YAML files."""
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"-C: no such directory: {Path(*directories)}.")
        ctx.with_resource(chdir(directory))
    console.configure_logging(verbose=verbose)
    ctx.obj = GlobalOptions(directories, config, verbose, quiet)


def run(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code. Expected errors are printed, not raised."""
    try:
        code = _dispatch(arguments)
    except OutputError as error:
        # Whoever closes a pipe early, as `head` does, expects no message.
        closed = isinstance(error.__cause__, BrokenPipeError)
        code = error.exit_code if closed else console.print_error(error)
    except ReconcilerError as error:
        code = console.print_error(error)
    except click.ClickException as error:
        code = console.print_usage_error(error)
    except (click.Abort, KeyboardInterrupt) as error:
        start = "" if isinstance(error, click.Abort) else "\n"  # click has ended the line
        console.write_error(f"{start}Interrupted.\n")
        code = 130
    return code


def _dispatch(arguments: list[str] | None) -> int:
    """Run a command line and return its exit code. Raises UsageError if an extra is missing."""
    try:
        code = cli.main(args=arguments, prog_name="reconciler", standalone_mode=False)
    except ModuleNotFoundError as error:
        if error.name not in SANDBOX_EXTRA:
            raise
        raise UsageError(
            "This command runs the simulated portals, which need the extra `sandbox`. Install it "
            "from a checkout with: pip install '.[sandbox]'"
        ) from None
    return code if isinstance(code, int) else 0


def run_process() -> int:
    """Run the command line of this process, and return its exit code. Raises KeyboardInterrupt."""
    gc.disable()  # the process is short-lived; collecting takes a third of a large plan's time
    streams.prepare()
    try:
        code = run()
        sys.stdout.flush()
    except OSError as error:  # such as a full disk
        streams.discard(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        code = console.print_error(ReconcilerError(f"{where}{error.strerror or error}."))
    except Exception as error:  # noqa: BLE001 - a person can do nothing with a traceback
        code = console.print_internal_error(error)
    interrupts.handle(signal.SIG_IGN)  # the interpreter would print a traceback while it ends
    return code
