"""The command line: options in, exit code out.

This module imports almost nothing, so that `main` handles Ctrl-C while the program is imported.
`program` runs a command line; `commands` is the table of commands.
"""

import os
import sys


def main() -> None:
    """The entry point of `reconciler`. Exits with the command's code."""
    try:
        from reconciler.cli import interrupts

        interrupts.handle(interrupts.interrupt)
        from reconciler.cli import program

        code = program.run_process()
    except KeyboardInterrupt:
        code = 130
        try:  # noqa: SIM105 - imports nothing
            os.write(2, b"\nInterrupted.\n")
        except OSError:  # standard error is closed
            pass
    sys.exit(code)
