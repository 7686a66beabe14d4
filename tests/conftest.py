"""What the tests share: the switch for the long ones, a portal, an agency."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agency import KEY, Agency, new_portals
from hypothesis import HealthCheck, settings
from propertyfinder_schema import TALLY, refusals, take_problems, watch
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
    watch()
    os.fsync = lambda _: None  # a test is not worth a wait for the disk
    # A background job ignores SIGINT, and so would each process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its figures to the main process."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["propertyfinder"] = (TALLY.requests, TALLY.answers, TALLY.found)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the figures of a worker."""
    requests, answers, found = node.workeroutput.get("propertyfinder", (0, 0, 0))
    TALLY.requests += requests
    TALLY.answers += answers
    TALLY.found += found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how much was checked against Property Finder's own document."""
    if TALLY.requests:
        terminalreporter.write_line(
            f"Property Finder: {TALLY.requests} requests and {TALLY.answers} answers checked, "
            f"{TALLY.found} outside the vendor's schema"
        )


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


@pytest.fixture(autouse=True)
def inside_the_vendors_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    """Requests to Property Finder and its answers are as its vendor's document specifies, except
    for requests that a test marked `refusals` sends."""
    refused = request.node.get_closest_marker("refusals") is not None
    with refusals() if refused else contextlib.nullcontext():
        yield
    assert take_problems() == []


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
