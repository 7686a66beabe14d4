"""The command line: options in, exit code out.

`commands` is the table of commands; each one is a module, imported when it is called.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import chdir
from pathlib import Path
from typing import NoReturn

import click

from reconciler import __version__
from reconciler.cli import console
from reconciler.cli.commands import CommandTable
from reconciler.cli.interrupts import interrupt
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import ReconcilerError, UsageError

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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = _dispatch(arguments)
    except ReconcilerError as error:
        code = console.print_error(error)
    except click.ClickException as error:
        error.show()
        code = 1
    except (click.Abort, KeyboardInterrupt) as error:
        start = "" if isinstance(error, click.Abort) else "\n"  # click has ended the line
        sys.stderr.write(f"{start}Interrupted.\n")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
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


def main() -> NoReturn:
    """The entry point of `reconciler`."""
    gc.disable()  # the process is short-lived; collecting takes a third of a large plan's time
    signal.signal(signal.SIGTERM, interrupt)
    try:
        code = run()
    except OSError as error:  # such as a full disk
        where = f"{error.filename}: " if error.filename else ""
        code = console.print_error(ReconcilerError(f"{where}{error.strerror or error}."))
    except Exception as error:  # noqa: BLE001 - a person can do nothing with a traceback
        code = console.print_internal_error(error)
    sys.exit(code)
