"""The command `reconciler sandbox`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store
from reconciler.sandbox.switches import Switches
from reconciler.sandbox.values import LoadError

if TYPE_CHECKING:
    from reconciler.sandbox.server import Running

_SETS: tuple[type[Switches], ...] = (
    *(Readings, Limits),
    *(propertyfinder.Readings, propertyfinder.Limits),
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _switches(function: _Function) -> _Function:
    """An option for every reading and every limit, in the order of their declaration."""
    named = [
        (name, each, switches.choices()[each.name])
        for switches in _SETS
        for name, each in switches.named().items()
    ]
    for name, each, choices in reversed(named):
        kind: Any
        if choices:
            kind = click.Choice(choices)
        elif isinstance(each.default, float):
            kind = click.FloatRange(min=0, min_open=True)
        else:
            kind = click.IntRange(min=1)
        option = click.option(
            f"--{name}",
            type=kind,
            default=each.default,
            show_default=True,
            help=each.metadata["doc"],
        )
        function = option(function)
    return function


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--db",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="SQLite file to keep the agents in; without it they are kept in memory.",
)
@click.option(
    "--load",
    metavar="FILE.json",
    type=click.Path(path_type=Path),
    help="Users to start from, in place of any in --db: "
    '{"rentix": [User, ...], "propertyfinder": [User, ...]}.',
)
@click.option("--key", default="sandbox", show_default=True, help="The API key that is accepted.")
@click.option(
    "--faults",
    metavar="SEED",
    type=int,
    help="Let requests fail as on a bad day: lost, late, half done, with wrong answers; each one "
    "is told on stderr. The number decides which and how; the same one replays. Without it, none.",
)
@click.option(
    "--fault-share",
    type=click.FloatRange(0, 1),
    default=0.33,
    show_default=True,
    help="How many of the requests meet with a fault, with --faults.",
)
@click.option("--suspended", is_flag=True, help="Answer 403: the agency is suspended.")
@_switches
@click.option(
    "--pf-without",
    multiple=True,
    type=click.Choice(propertyfinder.SCOPES),
    help="A scope that the key does not have; may be given more than once.",
)
def sandbox(
    port: int,
    db: Path | None,
    load: Path | None,
    key: str,
    faults: int | None,
    fault_share: float,
    suspended: bool,
    pf_without: tuple[str, ...],
    **switches: str | float,
) -> None:
    """Serve the portals locally, to try the tool on.

    The switches choose among what the portals' documents leave open. Those that begin with --pf-
    are Property Finder's, all others Rentix's.
    """
    # Here, as --help needs no starlette.
    from reconciler.sandbox.faults import Faults  # noqa: PLC0415
    from reconciler.sandbox.server import serve  # noqa: PLC0415

    users = None if load is None else _users(load)
    try:
        store = Store(db)
    except sqlite3.Error as error:
        raise click.ClickException(f"{db}: {error}") from error
    with closing(store):
        state = State(store, key, Readings.chosen(switches), Limits.chosen(switches), suspended)
        state.propertyfinder.readings = propertyfinder.Readings.chosen(switches)
        state.propertyfinder.limits = propertyfinder.Limits.chosen(switches)
        state.propertyfinder.scopes -= set(pf_without)
        if faults is not None:
            state.faults = Faults(faults, fault_share, tell=partial(click.echo, err=True))
        portals = {"rentix": state.load, "propertyfinder": state.propertyfinder.load}
        for name, hold in portals.items():
            try:
                if users is not None:
                    hold(users.get(name, []))
            except LoadError as error:
                raise click.ClickException(f"{load}: {name}: {error}") from error
        try:
            serve(state, port, _say)
        except OSError as error:
            raise click.ClickException(f"port {port}: {error.strerror or error}") from error


def _say(sandbox: Running) -> None:
    """The URLs for a program, then a line for a person; at once, as the reader may stop early."""
    lines = [f"{name} {url}" for name, url in sandbox.urls.items()]
    lines.append(f"propertyfinder key {sandbox.state.propertyfinder.key}")
    lines.append(f"propertyfinder secret {sandbox.state.propertyfinder.secret}")
    lines.append(f"The key is {sandbox.state.key}; stop with Ctrl-C.")
    click.echo("\n".join(lines))


def _users(path: Path) -> dict[str, list[Any]]:
    """The users to start from in a file, by their portal."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or not document.keys() <= {"rentix", "propertyfinder"}:
        raise click.ClickException(f'{path}: must be an object of "rentix" and "propertyfinder"')
    for name, listed in document.items():
        if not isinstance(listed, list):
            raise click.ClickException(f"{path}: {name} must be a list of users")
    return document
