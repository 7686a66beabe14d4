"""The table of commands. A command's module is imported when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "demo": ("reconciler.cli.demo", "Try import, plan and apply on simulated portals."),
    "init": ("reconciler.cli.init", "Create the files of a repository."),
    "list": ("reconciler.cli.list_agents", "Show who is on the portals, and in which files."),
    "import": (
        "reconciler.cli.import_agents",
        "Write files for agents that no file declares.",
    ),
    "validate": ("reconciler.cli.validate", "Check the files; with --pictures, the pictures too."),
    "fmt": ("reconciler.cli.fmt", "Format the agents' files."),
    "plan": ("reconciler.cli.plan", "Show what an apply would change."),
    "apply": ("reconciler.cli.apply", "Apply the changes and verify the result."),
    "drift": ("reconciler.cli.drift", "Show changes made outside these files (drift)."),
    "unlock": ("reconciler.cli.unlock", "Release the lock of an apply that is known to be dead."),
    "show": ("reconciler.cli.show", "Show a saved plan."),
    "schema": ("reconciler.cli.schema", "Write JSON Schemas for editors."),
    "ci": ("reconciler.cli.ci", "Run plan, apply or drift in a GitHub workflow."),
    "sandbox": ("reconciler.cli.sandbox", "Run the simulated portals on this machine."),
}
"""Each command's module (which defines `command`) and the first line of its help."""


class CommandTable(click.Group):
    """A group of the commands in `COMMANDS`. Help and completion import none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of this name; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, but suggests the nearest name for a misspelled one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"Did you mean {near[0]}?" if near else "Run `reconciler --help` for a list."
            raise UsageError(f"There is no command {args[0]}. {hint}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
