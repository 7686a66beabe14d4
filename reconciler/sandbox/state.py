"""What a running sandbox is made of: its users, its readings, its windows and its log."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.agent import loaded
from reconciler.sandbox.propertyfinder.store import Users
from reconciler.sandbox.propertyfinder.user import loaded as loaded_users
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from starlette.responses import Response

    from reconciler.sandbox.faults import Faults

_LOG_LENGTH = 10_000  # enough for any test, and a bound for a sandbox that is left running


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in: `path` as it was sent, `parameters` the decoded parts of it."""

    method: str
    path: str
    parameters: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


Before = Callable[[Call], Awaitable["Response | None"]]
"""A fault before the effect: a response given here is the answer, and nothing is done."""

After = Callable[[Call, "Response"], Awaitable["Response | None"]]
"""A fault after the effect: a response given here is sent instead of the true one."""


@dataclass(slots=True)
class Logged:
    """A request as it came in, refused or not; `body` is None where no JSON was read.

    `status` is 0 for as long as there is no answer, and for ever where the connection is dropped.
    """

    method: str
    path: str
    body: Any = None
    status: int = 0


@dataclass(slots=True)
class Window:
    """A fixed window of requests, counted from the first of them."""

    started: float = -math.inf
    used: int = 0

    def ends(self, now: float, length: float) -> float:
        """When the window that holds at `now` ends; a past one is forgotten first."""
        if now >= self.started + length:
            self.started, self.used = -math.inf, 0
        return (self.started if self.used else now) + length

    def count(self, now: float) -> None:
        """Count one request."""
        self.started = self.started if self.used else now
        self.used += 1


@dataclass(slots=True)
class PropertyFinderState:
    """All that is Property Finder's own; `users` is where the truth is.

    Assign `readings`, `limits` and `scopes` freely, and take tokens out of `tokens` (each with
    the time it expires): `tokens.clear()` revokes them all.
    """

    users: Users
    key: str = ("sandbox-key-" * 4)[:40]
    secret: str = ("sandbox-secret-" * 3)[:32]
    readings: propertyfinder.Readings = field(default_factory=propertyfinder.Readings)
    limits: propertyfinder.Limits = field(default_factory=propertyfinder.Limits)
    scopes: frozenset[str] = frozenset(propertyfinder.SCOPES)
    tokens: dict[str, float] = field(default_factory=dict)
    requests: Window = field(default_factory=Window)
    token_requests: Window = field(default_factory=Window)

    def load(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Hold these users, in the form GET shows them, in place of all there were.

        Raises:
            LoadError: they are not users; what there was stays.
        """
        self.users.replace(loaded_users(users))

    def reset(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        readings: propertyfinder.Readings | None = None,
        limits: propertyfinder.Limits | None = None,
    ) -> None:
        """Begin a new world: all scopes, no tokens, empty windows.

        Users, readings and limits that are not given are none and the defaults.

        Raises:
            LoadError: they are not users.
        """
        self.load(users)
        self.readings = readings or propertyfinder.Readings()
        self.limits = limits or propertyfinder.Limits()
        self.scopes = frozenset(propertyfinder.SCOPES)
        self.tokens.clear()
        self.requests, self.token_requests = Window(), Window()


@dataclass(slots=True)
class State:
    """All that the portals of the sandbox go by; what is not shared is Rentix's.

    Assign `readings`, `limits` and `suspended` freely: the next request goes by them, without a
    restart. `propertyfinder` has the same of Property Finder.

    `before` and `after` are the seam for faults: they are awaited in turn around the effect of a
    call that was let in, and the first response one of them gives is the answer. `faults` strikes
    calls at random, around all of that. What takes time waits by `sleep`, so that `clock` and
    `sleep` together can be a time of one's own. `world` counts the resets: what is still under way
    from a former world no longer has an effect.
    """

    store: Store
    key: str = "sandbox"
    readings: Readings = field(default_factory=Readings)
    limits: Limits = field(default_factory=Limits)
    suspended: bool = False
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    faults: Faults | None = None
    world: int = 0
    before: list[Before] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    log: deque[Logged] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    all_requests: Window = field(default_factory=Window)
    bulk_requests: Window = field(default_factory=Window)
    propertyfinder: PropertyFinderState = field(init=False)

    def __post_init__(self) -> None:
        self.propertyfinder = PropertyFinderState(self.store.propertyfinder)

    def load(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Hold these users on Rentix, in the form GET shows them, in place of all there were.

        Raises:
            LoadError: they are not users; what there was stays.
        """
        self.store.replace(loaded(users))

    def reset(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        readings: Readings | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Begin a new world: no faults, empty windows, an empty log, nothing suspended.

        Users, readings and limits that are not given are none and the defaults; so is all of
        Property Finder, which has a `reset` of its own for its users.

        Raises:
            LoadError: they are not users.
        """
        self.load(users)
        self.readings = readings or Readings()
        self.limits = limits or Limits()
        self.suspended, self.faults = False, None
        self.world += 1
        for each in (self.before, self.after, self.log):
            each.clear()
        self.all_requests, self.bulk_requests = Window(), Window()
        self.propertyfinder.reset()
