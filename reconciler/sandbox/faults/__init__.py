"""Faults between a client and a portal: what can fail, how, and how a seed picks it.

A real portal can fail in each of these ways. A fault never corrupts the stored users: they change
by calls that take effect, and by the edits of a person, which `Faults.memory` lists. From the
bottom up:

- `target`: a request that a fault works on;
- `memory`: what a fault leaves behind for later requests;
- `answers`: responses sent instead of the true one;
- `corruption`: values of a wrong type;
- `effects`: faults of one request: its connection, its response, its bulk;
- `evidence`: lost writes, old lists, other agents' answers: what makes a single read no evidence;
- `people`: someone edits an agent in the web interface;
- `kinds`: the table of every kind, and where each one applies;
- `draw`: which requests fail, and how, by seed.
"""

from reconciler.sandbox.faults.draw import Faults
from reconciler.sandbox.faults.kinds import KINDS
from reconciler.sandbox.faults.memory import Edit
from reconciler.sandbox.faults.target import Dropped

__all__ = ["KINDS", "Dropped", "Edit", "Faults"]
