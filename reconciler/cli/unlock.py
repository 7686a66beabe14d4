"""`reconciler unlock`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import LockedError


@click.command("unlock", epilog=examples("reconciler unlock", "reconciler unlock --yes"))
@click.option("--yes", is_flag=True, help="Release the lock without a prompt.")
@click.pass_obj
def command(options: GlobalOptions, yes: bool) -> int:
    """Release the lock of an apply that is known to be dead.

    Shows whose lock it is and asks before it releases it. If that apply still runs after all, it
    sends nothing more once it notices.
    """
    from reconciler.engine import session

    store = session.open_ledger(Path(), options.config)
    found = store.find_lock()
    if found is None:
        console.write("No apply holds the lock.\n")
        return 0
    console.write(f"The lock is held by {found.owner}.\n")
    if found.release is None:
        raise LockedError(
            "This lock cannot be released: it ends with its process on this machine. Finish or "
            "cancel that apply, or end its process."
        )
    if found.holder is not None and found.holder.runs_here():
        options.note("note: Its process still runs on this machine.")
    if not yes:
        console.confirm("Release this lock?", "Nothing was released")
    found.release()
    console.write("Released.\n")
    left = store.find_lock()
    if left is not None and left.release is None:
        options.note(
            f"note: {left.owner} still runs in this clone. An apply from here waits until that "
            f"process ends."
        )
    return 0
