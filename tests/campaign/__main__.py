"""The command line of the campaign: many seeds on all cores, or one seed with every step."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import click

from campaign.schedule import Result, run


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="Number of seeds to run.")
@click.option("--from", "first", default=0, show_default=True, help="The first seed.")
@click.option("--replay", type=int, help="Run one seed and print every step.")
def main(seeds: int, first: int, replay: int | None) -> None:
    """Simulate applies under faults, kills and interruptions, and check the results."""
    if replay is not None:
        result = run(replay)
        click.echo("\n".join(result.log))
        _finish([result], 0.0)
        return
    began = time.monotonic()
    results = []
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for result in workers.map(run, range(first, first + seeds), chunksize=20):
            results.append(result)
            if result.wrong:
                click.echo(f"{result.seed}: {result.wrong}")
            if not len(results) % 500:
                click.echo(f"{len(results)} of {seeds} seeds ...", err=True)
    _finish(results, time.monotonic() - began)


def _finish(results: list[Result], seconds: float) -> None:
    """Print the figures; exit 1 if anything is wrong."""
    requests, faulted, killed, interrupted = (
        sum(getattr(each, name) for each in results)
        for name in ("requests", "faulted", "killed", "interrupted")
    )
    applies = Counter(count for each in results for count in each.applies)
    kinds = sum((Counter(each.kinds) for each in results), Counter())
    wrong = [each for each in results if each.wrong]
    click.echo(f"{len(results)} seeds, {seconds:.0f} s")
    click.echo(f"{requests} requests, {faulted} of them with a fault ({faulted / requests:.1%})")
    click.echo(f"{killed} applies killed, {interrupted} interrupted")
    click.echo(
        f"applies until clean: {', '.join(f'{count}×{n}' for n, count in sorted(applies.items()))}"
    )
    click.echo("faults: " + ", ".join(f"{count} {name}" for name, count in kinds.most_common()))
    click.echo(f"wrong: {len(wrong)}")
    for each in wrong:
        click.echo(f"  {each.seed}: {each.wrong.splitlines()[0]}\n    --replay {each.seed}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
