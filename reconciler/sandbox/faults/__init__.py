"""Faults between a client and a portal: what can fail, how, and how a seed picks it.

A real portal can fail in each of these ways. A fault never corrupts the stored users: only calls
that take effect change them. From the bottom up:

- `target`: a request that a fault works on;
- `answers`: responses sent instead of the true one;
- `corruption`: values of a wrong type;
- `effects`: how a fault is carried out;
- `kinds`: the table of every kind, and where each one applies;
- `draw`: which requests fail, and how, by seed.
"""

from reconciler.sandbox.faults.draw import Faults
from reconciler.sandbox.faults.kinds import KINDS
from reconciler.sandbox.faults.target import Dropped

__all__ = ["KINDS", "Dropped", "Faults"]
