"""Which requests fail, and how: drawn from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from starlette.responses import Response

from reconciler.sandbox.faults.kinds import KINDS
from reconciler.sandbox.faults.memory import Memory
from reconciler.sandbox.faults.target import Target
from reconciler.sandbox.gate import Exchange


class Faults:
    """Make a share of the requests fail.

    A request's fault depends on the seed, on its number among the requests to its portal and on
    what it asks for. The same requests replay the same faults, whatever the other portal is asked
    in between.
    """

    def __init__(
        self,
        seed: int,
        share: float = 1 / 3,
        kinds: Iterable[str] = KINDS,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Make this share of the requests fail (0 to 1), in one of these kinds that applies.

        `log` is called with each line of `lines` as it is added.
        """
        self.lines: list[str] = []
        """A log line for each request that failed, such as `rentix #3 GET /users: dropped`."""
        self.seen = 0
        self.faulted = 0
        self._log = log
        self._seed = seed
        self._share = share
        self._kinds = {name: KINDS[name] for name in kinds}
        self._numbers: Counter[str] = Counter()
        self.memory = Memory()
        """What the faults left behind, such as writes that stay lost and edits by people."""

    async def answer(self, exchange: Exchange) -> Response:
        """Answer an admitted request, with or without a fault. Raises `Dropped`."""
        portal = exchange.gate.NAME
        self.seen += 1
        self._numbers[portal] += 1
        number = self._numbers[portal]
        target = Target(exchange, Random(f"{self._seed} {portal} {number}"), self.memory)
        name = self._draw(target)
        target = self.memory.divert(target)
        if name is None:
            return await target.carry_out()
        self.faulted += 1
        self.lines.append(f"{portal} #{number} {target.call.method} {target.path}: {name}")
        self._log(self.lines[-1])
        return await self._kinds[name].carry_out(target)

    def _draw(self, target: Target) -> str | None:
        """Draw a kind of fault, or None.

        The order of all kinds is drawn first, so that a different call changes as little as
        possible about the draw.
        """
        if target.random.random() >= self._share:
            return None
        order = {name: target.random.random() ** (1 / each.weight) for name, each in KINDS.items()}
        for name in sorted(self._kinds, key=order.__getitem__, reverse=True):
            if self._kinds[name].applies(target):
                return name
        return None
