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
                click.echo(f"{result.seed}: {result.wrong}", err=True)
            if not len(results) % 500:
                click.echo(f"{len(results)} of {seeds} seeds ...", err=True)
    _finish(results, time.monotonic() - began)


def _finish(results: list[Result], seconds: float) -> None:
    """Print the figures; exit 1 if anything is wrong."""
    applies = Counter(count for each in results for count in each.applies)
    kinds = sum((Counter(each.kinds) for each in results), Counter())
    wrong = [each for each in results if each.wrong]
    click.echo(
        f"applies until clean: {', '.join(f'{count}×{n}' for n, count in sorted(applies.items()))}"
    )
    click.echo("faults: " + ", ".join(f"{count} {name}" for name, count in kinds.most_common()))
    for each in wrong:
        click.echo(f"{each.seed}: {each.wrong.splitlines()[0]}\n  --replay {each.seed}")
    click.echo(_summary(results, seconds, max(applies, default=0), len(wrong)))
    raise SystemExit(1 if wrong else 0)


def _summary(results: list[Result], seconds: float, most: int, wrong: int) -> str:
    """The figures in one line, as the README has them."""
    requests, faulted, killed, interrupted, disturbed, overtaken, elsewhere, imported = (
        sum(getattr(each, name) for each in results)
        for name in (
            *("requests", "faulted", "killed", "interrupted", "disturbed", "overtaken"),
            *("elsewhere", "imported"),
        )
    )
    pace = f" ({len(results) / seconds:.0f} a second)" if seconds else ""
    return (
        f"{len(results):,} seeds in {seconds:.0f} s{pace}: {requests:,} requests, "
        f"{faulted / requests:.1%} of them faulted; {killed:,} applies killed, {interrupted:,} "
        f"interrupted; {disturbed:,} pauses and clock jumps; {overtaken:,} applies overtaken by "
        f"another process; {elsewhere:,} applies at another address or with another agency's key; "
        f"{imported:,} files imported; "
        f"every round clean within {most} applies; {wrong} seeds wrong"
    )


if __name__ == "__main__":
    main()
