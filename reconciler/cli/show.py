"""`reconciler show`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import PLAN_FORMATS, GlobalOptions, examples, output_options
from reconciler.cli.output import Output


@click.command(
    "show",
    epilog=examples(
        "reconciler show plan.json", "reconciler show plan.json --format html --output plan.html"
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@output_options(*PLAN_FORMATS)
@click.pass_obj
def command(options: GlobalOptions, file: Path, output: Output) -> int:
    """Show a saved plan.

    FILE is a plan saved with `reconciler plan --out FILE`.
    """
    from reconciler.core.plan_json import parse
    from reconciler.store import planfile

    options.check_outputs(output=output.path)
    document = planfile.load(file)
    output.write_plan(parse(document), document)
    return 0
