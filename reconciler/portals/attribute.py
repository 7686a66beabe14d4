"""A row of a portal's table: everything that is known about one value of an agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from reconciler.core.fields import Field, Sort
from reconciler.core.model import Value

SHOWN: Mapping[Sort, tuple[type, ...]] = {
    Sort.TEXT: (str, NoneType),
    Sort.TEXTS: (str, dict, NoneType),
    Sort.LINK: (str, NoneType),
    Sort.MAILBOX: (str, NoneType),
    Sort.PHONE: (str, NoneType),
    Sort.CODES: (list, NoneType),
    Sort.SWITCHES: (dict, NoneType),
    Sort.PICTURE: (dict, NoneType),
}
"""The JSON types in which a portal shows each sort of value; None includes a missing key."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One value of an agent on a portal.

    `field` says how the value compares and whether visitors see it. `wire` is the portal's own name
    for it ("": the same as in a file), `shown` the JSON types in which the portal shows it (none:
    those of its sort).

    The rest describes it in a file. `description` is what an editor shows, without a full stop.
    `parts` describes each language or switch. `clears`: null clears the value. `inherits` is the
    path that it comes from if it is left out. `pattern` and `rule` narrow a text, as a regular
    expression and as a sentence. A link leads to one of `hosts`; `handle` is what precedes a user's
    handle in its path (None: a handle alone is not enough). `by_id`: a picture can also be given by
    the portal's number for it.
    """

    field: Field
    description: str
    example: Value = None
    wire: str = ""
    shown: tuple[type, ...] = ()
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clears: bool = False
    inherits: tuple[str, ...] = ()
    pattern: str = ""
    rule: str = ""
    hosts: tuple[str, ...] = ()
    handle: str | None = None
    by_id: bool = False

    @property
    def name(self) -> str:
        """The key in a file."""
        return self.field.name

    @property
    def on_wire(self) -> str:
        """The key in the portal's JSON."""
        return self.wire or self.field.name


def wrong_types(shown: Mapping[str, Any], rows: Iterable[Attribute]) -> list[str]:
    """The portal's names of the values that it shows in a JSON type that is not documented."""
    return [
        row.on_wire
        for row in rows
        if type(shown.get(row.on_wire)) not in (row.shown or SHOWN[row.field.sort])
    ]
