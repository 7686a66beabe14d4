"""What a running sandbox knows: users, readings, limits, rate windows and the request log.

State is data. The gates read and change it; it knows neither them nor the faults.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.agent import load_agents
from reconciler.sandbox.propertyfinder.store import Users
from reconciler.sandbox.propertyfinder.user import load_roles, load_users
from reconciler.sandbox.readings import Limits, Readings
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from starlette.responses import Response

_LOG_LENGTH = 10_000  # plenty for a test, and a bound for a sandbox that runs for days


@dataclass(frozen=True, slots=True)
class Call:
    """An admitted request: `path` as sent, `parameters` its decoded variable segments."""

    method: str
    path: str
    parameters: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


Before = Callable[[Call], Awaitable["Response | None"]]
"""A hook before the effect: if it returns a response, that is the answer and nothing is done."""

After = Callable[[Call, "Response"], Awaitable["Response | None"]]
"""A hook after the effect: if it returns a response, that replaces the true one."""


@dataclass(slots=True)
class LogEntry:
    """A request as received, refused or not; `body` is None if no JSON was read.

    `status` is 0 until the request is answered; it stays 0 if the connection is dropped.
    """

    method: str
    path: str
    body: Any = None
    status: int = 0


@dataclass(slots=True)
class Window:
    """A fixed rate-limit window, counted from its first request."""

    started: float = -math.inf
    used: int = 0

    def ends(self, now: float, length: float) -> float:
        """Return when the current window ends, in seconds; reset it first if it has expired."""
        if now >= self.started + length:
            self.started, self.used = -math.inf, 0
        return (self.started if self.used else now) + length

    def count(self, now: float) -> None:
        """Count one request."""
        self.started = self.started if self.used else now
        self.used += 1


@dataclass(slots=True)
class PropertyFinderState:
    """Property Finder's part of the state; `users` holds the truth.

    Assign `readings`, `limits` and `scopes` at any time. `tokens` maps each valid token to its
    expiry time; `tokens.clear()` revokes them all. `listings` has the number of live listings of
    a profile, by its id.
    """

    users: Users
    key: str = ("sandbox-key-" * 4)[:40]
    secret: str = ("sandbox-secret-" * 3)[:32]
    readings: propertyfinder.Readings = field(default_factory=propertyfinder.Readings)
    limits: propertyfinder.Limits = field(default_factory=propertyfinder.Limits)
    scopes: frozenset[str] = frozenset(propertyfinder.SCOPES)
    tokens: dict[str, float] = field(default_factory=dict)
    listings: dict[int, int] = field(default_factory=dict)
    requests: Window = field(default_factory=Window)
    token_requests: Window = field(default_factory=Window)

    def load(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Replace all users with these, given as GET shows them.

        Raises LoadError if a user is invalid; the users in place stay.
        """
        users = list(users)
        self.users.replace(load_users(users), load_roles(users))

    def reset(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        readings: propertyfinder.Readings | None = None,
        limits: propertyfinder.Limits | None = None,
    ) -> None:
        """Start over with these users: all scopes, no tokens, empty rate windows.

        Readings and limits that are not given go back to their defaults.
        Raises LoadError if a user is invalid.
        """
        self.load(users)
        self.readings = readings or propertyfinder.Readings()
        self.limits = limits or propertyfinder.Limits()
        self.scopes = frozenset(propertyfinder.SCOPES)
        self.tokens.clear()
        self.listings.clear()
        self.requests, self.token_requests = Window(), Window()


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency on Rentix."""

    id: int = 1
    name: str = "Sandbox Agency"


@dataclass(slots=True)
class State:
    """The state of both portals; everything outside `propertyfinder` and `store` is Rentix's.

    Whoever opens the store closes it. Assign `agency`, `readings`, `limits` and `suspended` at any
    time: the next request uses them.

    `before` and `after` are hooks around the effect of every admitted call, awaited in order; the
    first response that a hook returns is the answer. Everything that waits uses `sleep`, so
    replacing `clock` and `sleep` simulates time. `world` counts resets: a request that sleeps
    through a reset has no effect.
    """

    store: Store
    key: str = "sandbox"
    readings: Readings = field(default_factory=Readings)
    limits: Limits = field(default_factory=Limits)
    suspended: bool = False
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    world: int = 0
    before: list[Before] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    log: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    all_requests: Window = field(default_factory=Window)
    bulk_requests: Window = field(default_factory=Window)
    agency: Agency = field(default_factory=Agency)
    propertyfinder: PropertyFinderState = field(init=False)

    def __post_init__(self) -> None:
        self.propertyfinder = PropertyFinderState(self.store.propertyfinder)

    def load(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Replace all of Rentix's agents with these, given as GET shows them.

        Raises LoadError if a user is invalid; the agents in place stay.
        """
        self.store.replace(load_agents(users))

    def reset(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        readings: Readings | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Start over with these users on Rentix: no hooks, an empty log, empty rate windows, the
        default agency.

        Readings and limits that are not given go back to their defaults. Property Finder is reset
        too and has no users then; load them with its own `reset`.
        Raises LoadError if a user is invalid.
        """
        self.load(users)
        self.readings = readings or Readings()
        self.limits = limits or Limits()
        self.suspended = False
        self.agency = Agency()
        self.world += 1
        for each in (self.before, self.after, self.log):
            each.clear()
        self.all_requests, self.bulk_requests = Window(), Window()
        self.propertyfinder.reset()
