"""`reconciler sandbox`."""

from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.options import examples
from reconciler.errors import UsageError
from reconciler.sandbox import propertyfinder
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.values import LoadError

if TYPE_CHECKING:
    from reconciler.sandbox.server import Running
    from reconciler.sandbox.state import State
    from reconciler.sandbox.switches import Switches

Users = dict[str, list[Any]]
"""The users to load, by portal."""
Function = TypeVar("Function", bound=Callable[..., Any])

SWITCHES: tuple[type[Switches], ...] = (
    *(Readings, Limits),
    *(propertyfinder.Readings, propertyfinder.Limits),
)


def _switch_options(function: Function) -> Function:
    """Add an option for every reading and limit, in the order of their declaration."""
    named = [
        (name, each, switches) for switches in SWITCHES for name, each in switches.named().items()
    ]
    for name, each, switches in reversed(named):
        kind: Any
        if choices := switches.choices()[each.name]:
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
            help=switches.help_of(each),
        )
        function = option(function)
    return function


@click.command(
    "sandbox",
    epilog=examples(
        "reconciler sandbox --port 0",
        "reconciler sandbox --db sandbox.db --load users.json",
        "reconciler sandbox --creation upsert --faults 7 --fault-share 0.1",
    ),
)
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port on 127.0.0.1; 0 picks a free one.",
)
@click.option(
    "--db",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Keep the agents in this SQLite file instead of memory.",
)
@click.option(
    "--load",
    metavar="FILE.json",
    type=click.Path(path_type=Path),
    help="At startup, replace all agents with the users in this file: "
    '{"rentix": [User, ...], "propertyfinder": [User, ...]}.',
)
@click.option(
    "--key", metavar="KEY", default="sandbox", show_default=True, help="API key to accept."
)
@click.option(
    "--faults",
    metavar="SEED",
    type=int,
    help="Make requests fail at random: lost, late, partial, with a wrong response or an old list; "
    "let a person edit agents. Each fault is logged to stderr. The same SEED replays the same "
    "faults.",
)
@click.option(
    "--fault-share",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.33,
    show_default=True,
    help="Share of requests that fail, with --faults.",
)
@click.option(
    "--fault-kind",
    "fault_kinds",
    metavar="KIND",
    multiple=True,
    help="With --faults, draw this kind only; repeatable. An unknown KIND lists all kinds.",
)
@click.option("--suspended", is_flag=True, help="Answer 403: the agency is suspended.")
@_switch_options
@click.option(
    "--pf-without",
    multiple=True,
    type=click.Choice(propertyfinder.SCOPES),
    help="Remove a scope from the key; repeatable.",
)
def command(
    port: int,
    db: Path | None,
    load: Path | None,
    key: str,
    faults: int | None,
    fault_share: float,
    fault_kinds: tuple[str, ...],
    suspended: bool,
    pf_without: tuple[str, ...],
    **switches: str | float,
) -> int:
    """Run the simulated portals on this machine.

    Options that begin with --pf- are for Property Finder, all others for Rentix. Options for
    behavior that a vendor's documentation leaves open cite the page with the facts.
    """
    from reconciler.sandbox.faults import KINDS, Faults
    from reconciler.sandbox.server import Application, serve
    from reconciler.sandbox.state import State
    from reconciler.sandbox.store import Store

    for name in fault_kinds:
        if name not in KINDS:
            raise UsageError(f"--fault-kind {name}: no such kind. Choose from: {', '.join(KINDS)}.")
    gc.enable()  # unlike other commands, this one keeps running
    users = None if load is None else _read_users(load)
    try:
        store = Store(db)
    except sqlite3.Error as error:
        raise UsageError(f"{db}: {error}") from error
    with closing(store):
        state = State(store, key, Readings.chosen(switches), Limits.chosen(switches), suspended)
        state.propertyfinder.readings = propertyfinder.Readings.chosen(switches)
        state.propertyfinder.limits = propertyfinder.Limits.chosen(switches)
        state.propertyfinder.scopes -= set(pf_without)
        if load is not None and users is not None:
            _load_users(state, load, users)
        application = Application(state)
        if faults is not None:
            kinds, log = fault_kinds or KINDS, partial(click.echo, err=True)
            application.faults = Faults(faults, fault_share, kinds=kinds, log=log)
        try:
            serve(application, port, _announce)
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror or error}") from error
    return 0


def _announce(sandbox: Running) -> None:
    """Print the URLs and keys, all at once: the reader may stop after the first lines."""
    lines = [f"{name} {url}" for name, url in sandbox.urls.items()]
    lines.append(f"propertyfinder key {sandbox.state.propertyfinder.key}")
    lines.append(f"propertyfinder secret {sandbox.state.propertyfinder.secret}")
    lines.append(f"rentix key {sandbox.state.key}")
    lines.append("Press Ctrl-C to stop.")
    click.echo("\n".join(lines))


def _read_users(path: Path) -> Users:
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: invalid JSON: {error}") from error
    if not isinstance(document, dict) or not document.keys() <= {"rentix", "propertyfinder"}:
        raise UsageError(f'{path}: must be an object with the keys "rentix" and "propertyfinder"')
    for name, users in document.items():
        if not isinstance(users, list):
            raise UsageError(f"{path}: {name}: must be a list of users")
    return document


def _load_users(state: State, path: Path, users: Users) -> None:
    """Replace the users of both portals. Raises UsageError."""
    loaders = {"rentix": state.load, "propertyfinder": state.propertyfinder.load}
    for name, load in loaders.items():
        try:
            load(users.get(name, []))
        except LoadError as error:
            raise UsageError(f"{path}: {name}: {error}") from error
