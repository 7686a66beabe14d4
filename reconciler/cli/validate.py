"""`reconciler validate`."""

from __future__ import annotations

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples


@click.command(
    "validate", epilog=examples("reconciler validate", "reconciler --config staging.yaml validate")
)
@click.pass_obj
def command(options: GlobalOptions) -> int:
    """Check the files without using the network.

    Prints every problem with its file, line and column.
    """
    import logging

    from reconciler.documents.yaml import parser
    from reconciler.engine.planning import unpublished

    repository = options.open_repository()
    logging.getLogger("reconciler").info("YAML parser: %s", parser())
    options.notes(repository.notes)
    for each in unpublished(repository):
        options.note(f"warning: {each.source}: {each.key}: {each.message}")
    agents = len(repository.documents)
    files = len({document.source.file for document in repository.documents})
    console.write(
        f"Valid: {agents} {'agent' if agents == 1 else 'agents'} "
        f"in {files} {'file' if files == 1 else 'files'}.\n"
    )
    return 0
