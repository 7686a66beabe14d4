"""The command `reconciler sandbox`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.sandbox.agent import LoadError
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from reconciler.sandbox.server import Running

_PORTALS_IN_FILE = {"rentix", "propertyfinder"}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _switches(function: _Function) -> _Function:
    """An option for every reading and every limit, in the order of their declaration."""
    choices = Readings.choices()
    for each in reversed((*fields(Readings), *fields(Limits))):
        kind: Any
        if each.name in choices:
            kind = click.Choice(choices[each.name])
        elif isinstance(each.default, float):
            kind = click.FloatRange(min=0, min_open=True)
        else:
            kind = click.IntRange(min=1)
        name = f"--{each.name.replace('_', '-')}"
        option = click.option(
            name, type=kind, default=each.default, show_default=True, help=each.metadata["doc"]
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
    help='Users to start from, in place of any in --db: {"rentix": [User, ...]}.',
)
@click.option("--key", default="sandbox", show_default=True, help="The API key that is accepted.")
@click.option("--suspended", is_flag=True, help="Answer 403: the agency is suspended.")
@_switches
def sandbox(
    port: int,
    db: Path | None,
    load: Path | None,
    key: str,
    suspended: bool,
    **switches: str | float,
) -> None:
    """Serve the portals locally, to try the tool on.

    The switches choose among what the portal's documents leave open.
    """
    from reconciler.sandbox.server import serve  # noqa: PLC0415 - --help needs no starlette

    users = None if load is None else _users(load)
    chosen: dict[str, Any] = switches
    readings = Readings(**{each.name: chosen[each.name] for each in fields(Readings)})
    limits = Limits(**{each.name: chosen[each.name] for each in fields(Limits)})
    try:
        store = Store(db)
    except sqlite3.Error as error:
        raise click.ClickException(f"{db}: {error}") from error
    with closing(store):
        state = State(store, key, readings, limits, suspended)
        try:
            if users is not None:
                state.load(users)
            serve(state, port, _say)
        except LoadError as error:
            raise click.ClickException(f"{load}: rentix: {error}") from error
        except OSError as error:
            raise click.ClickException(f"port {port}: {error.strerror or error}") from error


def _say(sandbox: Running) -> None:
    """The URLs for a program, then a line for a person; at once, as the reader may stop early."""
    lines = [f"{name} {url}" for name, url in sandbox.urls.items()]
    lines.append(f"The key is {sandbox.state.key}; stop with Ctrl-C.")
    click.echo("\n".join(lines))


def _users(path: Path) -> list[Any]:
    """The users of Rentix in a file to start from; Property Finder's are not served yet."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or not document.keys() <= _PORTALS_IN_FILE:
        raise click.ClickException(f'{path}: must be an object of "rentix" and "propertyfinder"')
    for name, listed in document.items():
        if not isinstance(listed, list):
            raise click.ClickException(f"{path}: {name} must be a list of users")
    users: list[Any] = document.get("rentix", [])
    return users
