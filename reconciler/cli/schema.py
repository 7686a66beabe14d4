"""`reconciler schema`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.options import examples


@click.command(
    "schema", epilog=examples("reconciler schema", "reconciler -C agencies/north schema")
)
def command() -> int:
    """Write JSON Schemas for editors.

    Writes them to schemas/. Editors use them to complete and check the files.
    """
    from reconciler.engine.schemas import schemas

    for name, content in schemas().items():
        path = Path("schemas", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
        console.write(f"{path.as_posix()}\n")
    return 0
