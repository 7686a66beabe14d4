"""Strings that count how often they are used."""

from __future__ import annotations


class Counted(str):
    """A name that counts how often it is hashed or compared."""

    uses = 0
    __slots__ = ()

    def __eq__(self, other):
        Counted.uses += 1
        return str.__eq__(self, other)

    def __hash__(self):
        Counted.uses += 1
        return str.__hash__(self)


def uses(work, size):
    """How often `work` uses the names of this many agents."""
    Counted.uses = 0
    work(size)
    return Counted.uses
