"""A run's files, portals and ledger, opened together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core.address import canonical, check_url, origin
from reconciler.core.model import Request, Response, Target
from reconciler.documents.agents import Document, read_agents
from reconciler.documents.config import DEFAULT_FILE, Config, at_key, parse_config, read_config
from reconciler.documents.discovery import similar_files
from reconciler.documents.text import printable
from reconciler.engine.concurrency import Cancellation, merge_streams
from reconciler.errors import (
    ConfigError,
    InputError,
    LedgerPathError,
    LockedError,
    Problem,
    UsageError,
)
from reconciler.portals.registry import PORTALS, Portal, parts, sections
from reconciler.store import open_store
from reconciler.store.holder import WorkflowRun
from reconciler.store.ledger import Ledger, States, Store, with_addresses
from reconciler.store.lock import Lock, LockWait
from reconciler.store.refs import GitError, git
from reconciler.store.revision import checked_out

if TYPE_CHECKING:  # imported where it is used: httpx takes 100 ms
    from httpx import BaseTransport

    from reconciler.net.transport import Transport


MOST_NAMES = 5
"""File names to show in one note."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A user's repository: its folder, its configuration and the agents that its files declare.
    `config_file` is the configuration, None for the default one. `notes` are for the user."""

    root: Path
    config: Config
    documents: Sequence[Document]
    config_file: Path | None = None
    notes: tuple[str, ...] = ()


MergeStreams = Callable[
    [Mapping[str, Callable[[], Iterator[Any]]], Cancellation], Iterator[tuple[str, Any]]
]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a run takes from its surroundings, replaced in a simulation: how it is cancelled, a
    monotonic clock, the HTTP transport (None: the network), how streams run concurrently, the wall
    clock (seconds since the epoch), how the user learns what the run waits for, and the workflow
    run that it is part of."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    now: Callable[[], float] = time.monotonic
    wire: BaseTransport | None = None
    merge_streams: MergeStreams = merge_streams
    wall: Callable[[], float] = time.time
    notify: Callable[[str], None] = lambda _: None
    workflow_run: WorkflowRun | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A portal, its client and its address. `variable` is the environment's that the address comes
    from, "" if it comes from the configuration."""

    portal: Portal
    transport: Transport
    url: str
    variable: str = ""

    @property
    def target(self) -> Target:
        """The portal and its address."""
        return Target(self.portal.name, self.url)

    def why_unread(self, error: Exception) -> str:
        """The message of an error, without secrets and with the variable that names the address."""
        reason = self.transport.clean(str(error))
        if not self.variable:
            return reason
        reason = reason.replace(f"portals.{self.portal.name}.url", self.variable)
        return (
            reason if self.variable in reason else f"{reason} The address is from {self.variable}."
        )

    def send(self, cancellation: Cancellation, request: Request) -> Response:
        """Send a request. Raises Interrupted if the run was asked to end."""
        cancellation.check()
        return self.transport.send(request)


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that a run has open: the files, a connection to each portal, the ledger as it was
    read, and the lock. `notes` are for the user."""

    repository: Repository
    runtime: Runtime
    connections: Mapping[str, Connection]
    store: Store
    ledger: Ledger
    lock: Lock
    notes: tuple[str, ...]

    @property
    def cancellation(self) -> Cancellation:
        """How to end the run early."""
        return self.runtime.cancellation

    @property
    def targets(self) -> tuple[Target, ...]:
        """Each portal and its address."""
        return tuple(each.target for each in self.connections.values())

    def states(self, portal: str) -> States:
        """What the ledger records of a portal at the address of this run, by account."""
        return self.ledger.get(self.connections[portal].target, ())

    def check(self) -> None:
        """Raise LockedError if the lock was lost before anything was sent, Interrupted if the run
        was asked to end for any other reason."""
        self.lock.check()
        if self.cancellation.requested and self.cancellation.reason is not None:
            raise LockedError(f"{self.cancellation.reason} Nothing was sent. Run again.")
        self.cancellation.check()


def open_repository(root: Path, config: Path | None, *, new: bool = False) -> Repository:
    """Read and check the files. A `new` repository needs no folder of agents yet. Raises
    ConfigError and InputError, with every problem at once."""
    settings = read_config(root, config, sections())
    if new and not (root / settings.agents).exists():
        return Repository(root, settings, (), config)
    documents = read_agents(root, settings.agents, parts())
    notes = (*_unread_files(root, settings.agents), *map(_note, _doubts(documents)))
    return Repository(root, settings, documents, config, notes)


def _unread_files(root: Path, folder: str) -> Iterator[str]:
    """Yield a note that names the files that look like agents' files and are not read."""
    names = [printable(each) for each in similar_files(root, folder)]
    if names:
        more = len(names) - MOST_NAMES
        shown = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"Not read in {printable(folder)}: {shown}. Agents are read from *.yaml and *.yml "
            f"files that are not hidden."
        )


def _doubts(documents: Iterable[Document]) -> Iterator[Problem]:
    return (each for document in documents for each in document.notes)


def _note(doubt: Problem) -> str:
    return f"{doubt.file}:{doubt.line}:{doubt.column}: {doubt.message}; {doubt.hint}."


def open_ledger(root: Path, config: Path | None) -> Store:
    """Where the ledger of a repository is stored. Raises ConfigError and InputError."""
    return open_store(root, read_config(root, config, sections()).ledger)


def open_base(repository: Repository, reference: str) -> Sequence[Document]:
    """The agents that the files declare at a commit.

    Raises UsageError if there is no such commit, or its files have errors.
    """
    folder = repository.config.agents
    with checked_out(repository.root, reference) as root:
        if not (root / folder).is_dir():
            return []
        try:
            return read_agents(root, folder, parts())
        except InputError as error:
            raise UsageError(
                f"The files at {reference} have errors ({error}), so the plan cannot be compared "
                f"with them. Fix them there, or plan without --base."
            ) from None


def unnamed_targets(
    repository: Repository, environment: Mapping[str, str], commit: str
) -> tuple[Target, ...]:
    """The portals whose host is named by the files alone: it is not in the configuration at a
    commit, not the portal's own, and not in a variable such as RENTIX_URL. A host includes its port
    but no path. Raises ConfigError."""
    base = _config_at(repository, commit)
    found = []
    for portal in _open_portals(repository.config, ()):
        url = _url(portal, environment)
        named = [portal.settings.model_validate({}).url]
        if base is not None and portal.name in base.portals:
            named.append(base.portals[portal.name].url)
        from_environment = environment.get(_url_variable(portal), "").strip()
        if not from_environment and origin(url) not in map(origin, named):
            found.append(Target(portal.name, url))
    return tuple(found)


def _config_at(repository: Repository, commit: str) -> Config | None:
    """The configuration at a commit; None if there is none, or it has errors."""
    root = repository.root
    file = os.path.relpath(repository.config_file or root / DEFAULT_FILE, root)
    name = Path(file).as_posix()
    try:
        data = git(root, "cat-file", "blob", f"{commit}:./{name}")
        return parse_config(name, data, sections())
    except (GitError, InputError):
        return None


@contextmanager
def open_session(
    repository: Repository,
    environment: Mapping[str, str],
    names: Sequence[str] = (),
    runtime: Runtime | None = None,
    lock: Callable[[str], None] | None = None,
) -> Iterator[Session]:
    """Open the ledger and a connection to each portal in `names` (all configured ones if empty).

    With `lock`, no one else can apply until the context ends; `lock` is called with messages for
    the user, such as that the run waits for another apply. Raises ConfigError, InputError,
    UsageError and LockedError.
    """
    runtime = runtime or Runtime()
    portals = _open_portals(repository.config, names)
    targets = [Target(portal.name, _url(portal, environment)) for portal in portals]
    secrets = _secrets(portals, environment)
    store = open_store(repository.root, repository.config.ledger)
    with ExitStack() as stack:
        held = Lock()
        with _at_ledger_key(repository):
            if lock is not None:
                held = stack.enter_context(_locked(store, runtime, lock))
            loaded = store.load()
        notes = repository.notes + held.notes + (() if loaded.note is None else (loaded.note,))
        ledger = with_addresses(loaded.ledger, targets)
        notes += tuple(_other_addresses(ledger, targets))
        connections = {}
        for portal, target in zip(portals, targets, strict=True):
            variable = _variable_in_use(portal, environment)
            with _at_address(variable or f"portals.{portal.name}.url"):
                client = _client(portal, target.url, secrets[portal.name], runtime, held)
            stack.enter_context(client)
            connections[portal.name] = Connection(portal, client, target.url, variable)
            notes += tuple(note for note in client.notes if note not in notes)
        yield Session(repository, runtime, connections, store, ledger, held, notes)


@contextmanager
def _at_ledger_key(repository: Repository) -> Iterator[None]:
    """Report a problem with the ledger's path at its place in the configuration. Raises InputError
    then, or LedgerPathError for the default path."""
    try:
        yield
    except LedgerPathError as error:
        root, file = repository.root, repository.config_file
        placed = at_key(root, file, "ledger", error.problem, error.hint)
        raise placed or error from None


@contextmanager
def _at_address(place: str) -> Iterator[None]:
    """Name the variable or key that an address comes from if it cannot be used. Raises
    ConfigError."""
    from reconciler.net.client import AddressError  # noqa: PLC0415 - httpx, 100 ms

    try:
        yield
    except AddressError as error:
        raise ConfigError(f"{place}: {error}") from None


def _open_portals(config: Config, names: Sequence[str]) -> list[Portal]:
    """The configured portals; only those in `names`, if there are any. Raises UsageError."""
    for name in names:
        if name not in config.portals:
            configured = ", ".join(config.portals)
            raise UsageError(
                f"The portal {name} is not in the configuration. Configured: {configured}."
            )
    hold = config.unreadable == "hold"
    return [
        PORTALS[name](section=section, hold=hold)
        for name, section in config.portals.items()
        if not names or name in names
    ]


def _url_variable(portal: Portal) -> str:
    """The variable that overrides a portal's address."""
    return f"{portal.name.upper()}_URL"


def _variable_in_use(portal: Portal, environment: Mapping[str, str]) -> str:
    """The variable that a portal's address comes from; "" if it is not set."""
    name = _url_variable(portal)
    return name if environment.get(name, "").strip() else ""


def _url(portal: Portal, environment: Mapping[str, str]) -> str:
    """The portal's address in canonical form: from the environment if it is set there, else from
    the configuration. Raises ConfigError."""
    name = _url_variable(portal)
    url = environment.get(name, "").strip()
    if not url:
        return canonical(portal.url)
    if problem := check_url(url):
        raise ConfigError(f"{name}: {problem}")
    return canonical(url)


def _secrets(
    portals: Sequence[Portal], environment: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Each portal's secrets by variable. Raises ConfigError, which names every missing variable and
    shows no value."""
    secrets = {
        portal.name: {name: environment.get(name, "").strip() for name in portal.secrets}
        for portal in portals
    }
    values = {name: value for each in secrets.values() for name, value in each.items()}
    missing = [name for name, value in values.items() if not value]
    if missing:
        verb, pronoun = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise ConfigError(
            f"{' and '.join(missing)} {verb} not set. Copy {pronoun} from the portal's settings "
            f"into the environment, for example: export {missing[0]}=…"
        )
    for name, value in values.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(
                f"{name} contains characters that a key cannot have. Copy the key again."
            )
    return secrets


@contextmanager
def _locked(store: Store, runtime: Runtime, notify: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the store's lock; a run that loses the lock is cancelled. Raises LockedError."""
    cancellation = runtime.cancellation

    def lose(reason: str) -> None:
        cancellation.reason = reason
        cancellation.request()
        notify(f"{reason} Finishing the requests in progress; nothing else will be sent.")

    wait = LockWait(notify, lose, cancellation.sleep, run=runtime.workflow_run)
    with store.lock(wait) as lock:
        if wait.waited:
            notify("The other apply has ended; continuing.")
        yield lock


def _client(
    portal: Portal, url: str, secrets: Mapping[str, str], runtime: Runtime, lock: Lock
) -> Transport:
    """A client for a portal. Before each write, it checks the lock, and that the run was not asked
    to end."""

    def before_write() -> None:
        runtime.cancellation.check()
        lock.check()
        runtime.cancellation.check()

    from reconciler.net.transport import Clock, Transport  # noqa: PLC0415 - httpx, 100 ms

    return Transport(
        url,
        partial(portal.login, secrets),
        rate_limits=portal.rate_limits,
        secrets=secrets.values(),
        clock=Clock(runtime.now, runtime.cancellation.sleep, runtime.wall),
        wire=runtime.wire,
        notify=lambda message: runtime.notify(f"{portal.name}: {message}"),
        before_write=before_write,
    )


def _other_addresses(ledger: Ledger, targets: Iterable[Target]) -> Iterator[str]:
    """A note for each target without a state whose portal has one at another address."""
    for target in targets:
        others = [each.url for each in ledger if each.portal == target.portal]
        if others and target not in ledger:
            yield (
                f"The ledger's records of {target.portal} are for another address "
                f"({', '.join(others)}), so they do not count for {target.url}. An apply here "
                f"starts a separate record and leaves them unchanged."
            )
