"""The campaign as a command: many schedules on all cores, or one of them again, told step by step."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import click

from campaign.schedule import MOST, Result, run


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many schedules.")
@click.option("--from", "first", default=0, show_default=True, help="The first one's number.")
@click.option("--replay", type=int, help="One schedule alone, with everything that happens in it.")
def main(seeds: int, first: int, replay: int | None) -> None:
    """Run simulated applies under faults, kills and interruptions, and check what they leave."""
    if replay is not None:
        result = run(replay)
        click.echo("\n".join(result.told))
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
                click.echo(f"{len(results)} of {seeds} schedules ...", err=True)
    _finish(results, time.monotonic() - began)


def _finish(results: list[Result], seconds: float) -> None:
    """The figures, and exit 1 where anything is wrong."""
    requests, faulted, killed, interrupted = (
        sum(getattr(each, name) for each in results)
        for name in ("requests", "faulted", "killed", "interrupted")
    )
    applies = Counter(count for each in results for count in each.applies)
    kinds = sum((Counter(each.kinds) for each in results), Counter())
    wrong = [each for each in results if each.wrong]
    click.echo(f"{len(results)} schedules, {seconds:.0f} s")
    click.echo(f"{requests} requests, {faulted} of them faulted ({faulted / requests:.1%})")
    click.echo(f"{killed} applies killed, {interrupted} interrupted")
    click.echo(f"clean after: {', '.join(f'{count}×{n}' for n, count in sorted(applies.items()))}")
    click.echo("faults: " + ", ".join(f"{count} {name}" for name, count in kinds.most_common()))
    click.echo(f"wrong: {len(wrong)} (none may be, and each is clean within {MOST} applies)")
    for each in wrong:
        click.echo(f"  {each.seed}: {each.wrong.splitlines()[0]}\n    --replay {each.seed}")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
