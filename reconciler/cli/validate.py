"""`reconciler validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import console
from reconciler.cli.options import GlobalOptions, examples
from reconciler.errors import InputError

if TYPE_CHECKING:
    from reconciler.core.model import Warning
    from reconciler.engine.session import Repository


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
    from reconciler.render.phrases import plural

    repository = options.open_repository()
    logging.getLogger("reconciler").info("YAML parser: %s", parser())
    options.notes(repository.notes)
    _warn(options, repository)
    agents = len(repository.documents)
    files = len({document.source.file for document in repository.documents})
    valid = f"Valid: {plural(agents, 'agent')} in {plural(files, 'file')}"
    if pictures:
        from reconciler.engine.pictures import check_pictures

        checked = check_pictures(repository)
        if checked.problems:
            raise InputError(list(checked.problems))
        valid += f", {plural(checked.pictures, 'picture')}"
    console.write(f"{valid}.\n")
    return 0


def _warn(options: GlobalOptions, repository: Repository) -> None:
    """Print each warning once, with all agents that it is about."""
    from reconciler.engine.planning import unpublished

    warnings: dict[str, list[Warning]] = {}
    for each in unpublished(repository):
        warnings.setdefault(each.message, []).append(each)
    for message, found in warnings.items():
        agents = "; ".join(f"{each.source}: {each.key}" for each in found)
        options.note(f"warning: {agents}: {message}")
