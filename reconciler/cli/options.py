"""Options that several commands share, and the values that they become."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from reconciler.cli import console
from reconciler.cli.output import Output
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.engine.session import Repository, Runtime

Function = Callable[..., int]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options before the command. `directories` have been entered already."""

    directories: tuple[Path, ...]
    config: Path | None
    verbose: bool
    quiet: bool

    def note(self, message: str) -> None:
        """Print a message to standard error, unless --quiet."""
        if message and not self.quiet:
            console.write_message(message)

    def notes(self, messages: Iterable[str]) -> None:
        """Print each message as a note."""
        for message in messages:
            self.note(f"note: {message}")

    def open_repository(self, *, new: bool = False) -> Repository:
        """Read and check the files. A `new` repository may have no agents yet. Raises ConfigError
        and InputError."""
        from reconciler.engine import session

        repository = session.open_repository(Path(), self.config, new=new)
        if not repository.documents and not new:
            folder = repository.config.agents
            self.notes([f"No agent is declared in {folder}: add a file such as {folder}/ana.yaml."])
        return repository

    def runtime(self) -> Runtime:
        """The surroundings of a run. On a terminal, the user sees what the run waits for; with -v
        that is in the log."""
        from reconciler.engine.session import Runtime
        from reconciler.github.lock import workflow_run
        from reconciler.render.visible import one_line

        run = workflow_run(os.environ)
        if self.quiet or self.verbose or not sys.stderr.isatty():
            return Runtime(workflow_run=run)
        return Runtime(
            notify=lambda message: console.write_message(one_line(message) + "\n"),
            workflow_run=run,
        )

    def check_outputs(self, **paths: Path | None) -> None:
        """Raise UsageError if a file that an option names (`out`, `output`) cannot be written, or
        must not be replaced."""
        from reconciler.engine.protected import check_not_protected
        from reconciler.store import output

        for name, path in paths.items():
            if path is None:
                continue
            check_not_protected(Path(), self.config, f"--{name}", path)
            try:
                output.check(path)
            except OSError as error:
                raise UsageError(f"--{name} {path} cannot be written: {error.strerror}.") from None
        files = [path.resolve() for path in paths.values() if path and not output.is_stream(path)]
        if len(set(files)) < len(files):
            raise UsageError(f"{' and '.join(f'--{name}' for name in paths)} name the same file.")

    def command_line(self, *arguments: str) -> str:
        """A command that a person can run in the directory where this one was started."""
        before = [part for directory in self.directories for part in ("-C", str(directory))]
        if self.config is not None:
            before += ["--config", str(self.config)]
        return shlex.join(["reconciler", *before, *arguments])


def examples(*lines: str) -> str:
    """The epilog of a command's help: its examples, which click must not wrap."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class AgentsCommand(click.Command):
    """A command for some or all agents. It takes no arguments, and suggests the option that an
    argument probably belongs to."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Like click's. Raises UsageError for an argument."""
        rest = super().parse_args(ctx, args)
        if ctx.args:
            first = ctx.args[0]
            saved = first.endswith(".json") and any(
                each.name == "plan_file" for each in self.params
            )
            fix = shlex.join(["--plan" if saved else "--target", first])
            raise UsageError(f"{ctx.command_path} takes no arguments. Did you mean {fix}?")
        return rest


class Selectors(NamedTuple):
    """The agents and portals that a command is limited to."""

    targets: tuple[str, ...]
    excludes: tuple[str, ...]
    portals: tuple[str, ...]


portal_option = click.option(
    "--portal", "portals", metavar="NAME", multiple=True, help="Only this portal; repeatable."
)
"""Adds --portal; the command takes it as `portals`."""


def format_option(*formats: str) -> Callable[[Function], Function]:
    """Add --format with these choices, the first one by default; the command takes it as
    `format_`."""
    return click.option(
        "--format",
        "format_",
        metavar="FORMAT",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=f"Write {', '.join(formats[:-1])} or {formats[-1]}.",
    )


def selector_options(function: Function) -> Function:
    """Add --target, --exclude and --portal; the command takes them as `selectors`."""

    @click.option(
        "--target",
        "targets",
        metavar="GLOB",
        multiple=True,
        help="Only agents whose key or file matches; repeatable.",
    )
    @click.option(
        "--exclude",
        "excludes",
        metavar="GLOB",
        multiple=True,
        help="Skip agents whose key or file matches; repeatable.",
    )
    @portal_option
    @wraps(function)
    def command(*arguments: object, **options: Any) -> int:  # noqa: ANN401 - of every type
        selectors = Selectors(*map(options.pop, Selectors._fields))
        return function(*arguments, selectors=selectors, **options)

    return command


def output_options(*formats: str) -> Callable[[Function], Function]:
    """Add --format with these choices, and --output; the command takes them as `output`."""

    def add(function: Function) -> Function:
        @format_option(*formats)
        @click.option(
            "--output",
            "path",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Write to FILE (or a device or pipe) instead of standard output.",
        )
        @wraps(function)
        def command(*arguments: object, format_: str, path: Path | None, **options: object) -> int:
            return function(*arguments, output=Output(format_, path), **options)

        return command

    return add


PLAN_FORMATS = ("text", "json", "markdown", "html")
"""The formats of plans, drift and reports."""
