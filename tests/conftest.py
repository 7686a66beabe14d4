"""What the tests share: the switch for the long ones, a portal, an agency."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agency import KEY, Agency, new_portals
from hypothesis import HealthCheck, settings
from zygote import Start, zygote

from reconciler.engine import settling
from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.server import Running, running


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: more seeds, more agents, every combination of readings."""
    parser.addoption("--long", action="store_true", help="run the long campaigns too")


def pytest_configure(config: pytest.Config) -> None:
    """Properties try the same examples in each run; with `--long`, new ones. A busy machine fails
    none of them."""
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("new", patient)
    settings.register_profile("same", patient, derandomize=True, database=None)
    settings.load_profile("new" if config.getoption("--long") else "same")
    os.fsync = lambda _: None  # a test is not worth a wait for the disk
    # A background job ignores SIGINT, and so would each process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--long`, tests marked long are left out."""
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="only with --long"))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again at once what a portal does not show after an apply."""
    monkeypatch.setattr(settling, "PAUSES", (0.0,) * len(settling.PAUSES))


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """The server of all simulated portals in this process."""
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def portal(server: Running) -> Iterator[Running]:
    """New portals on the server. Nothing of another test is left: no agent, hook, limit, fault or
    clock, and no request in progress."""
    with new_portals(server, KEY) as portal:
        yield portal


@pytest.fixture
def agency(tmp_path: Path, portal: Running) -> Agency:
    """An empty repository and empty portals."""
    agency = Agency(tmp_path, portal)
    agency.live()
    return agency


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """Start the program in a process of its own."""
    with zygote() as begin:
        yield begin


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Ctrl-C, as a terminal sends it: it comes back once the program has taken note of it."""
    noted = threading.Event()
    whole = Cancellation.request

    def note(cancellation: Cancellation) -> None:
        whole(cancellation)
        noted.set()

    monkeypatch.setattr(Cancellation, "request", note)
    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        assert noted.wait(60)

    yield press
    noted.set()
