"""`reconciler validate`."""

from __future__ import annotations

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import InputError


@click.command(
    "validate",
    epilog=examples(
        "reconciler validate",
        "reconciler validate --pictures",
        "reconciler --config staging.yaml validate",
    ),
)
@click.option(
    "--pictures",
    is_flag=True,
    help="Fetch each picture and check its address, format and size.",
)
@click.pass_obj
def command(options: GlobalOptions, pictures: bool) -> int:
    """Check the files; with --pictures, the pictures too.

    Prints every problem with its file, line and column. Uses the network only to fetch pictures,
    from public https addresses, to compare them with what each portal accepts.
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
    valid = (
        f"Valid: {agents} {'agent' if agents == 1 else 'agents'} "
        f"in {files} {'file' if files == 1 else 'files'}"
    )
    if pictures:
        from reconciler.engine.pictures import check_pictures

        checked = check_pictures(repository)
        if checked.problems:
            raise InputError(list(checked.problems))
        valid += f", {checked.pictures} {'picture' if checked.pictures == 1 else 'pictures'}"
    console.write(f"{valid}.\n")
    return 0
