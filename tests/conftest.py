"""What the tests share: the switch for the long ones, a portal, an agency."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from agency import KEY, Agency
from hypothesis import settings

from reconciler.engine import settling
from reconciler.engine.concurrency import Cancellation
from reconciler.sandbox.server import Running, running
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: more seeds, more agents, every combination of readings."""
    parser.addoption("--long", action="store_true", help="run the long campaigns too")


def pytest_configure(config: pytest.Config) -> None:
    """Properties try the same examples on each run, so that a run can be believed; with `--long`
    they look for new ones."""
    settings.register_profile("same", derandomize=True, database=None)
    if not config.getoption("--long"):
        settings.load_profile("same")


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
def portal() -> Iterator[Running]:
    """One sandbox for all tests of this process; each begins a new world on it."""
    with closing(Store()) as store, running(State(store, KEY)) as sandbox:
        yield sandbox


@pytest.fixture
def agency(tmp_path: Path, portal: Running) -> Agency:
    """An empty repository and an empty portal."""
    made = Agency(tmp_path, portal)
    made.live()
    return made


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
        assert noted.wait(20)

    yield press
    noted.set()
