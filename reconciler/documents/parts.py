"""How a portal describes its part of an agent's file.

A part sits at the top level of the file or under one key. `agents` builds the model of a whole file
from the parts that it is given, so this package knows no portal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.core.model import Scalar, Value
from reconciler.documents.patterns import Id, advise_line

Spelling = Literal["free", "name", "exact"]
"""Which invisible characters are a mistake: none in free text, those without meaning in a person's
`name`, all of them where a value has to match letter by letter (`exact`)."""


@dataclass(frozen=True, slots=True)
class Hints:
    """How mistakes in one value are explained.

    `rule` is a sentence that says what the value must be ("": pydantic's own error suffices).
    `null` says what to write instead of null. `advise` takes the text in the file and returns what
    was probably meant, as YAML, or None; `explain` then takes it and returns another hint, or None.
    """

    rule: str = ""
    null: str = ""
    advise: Callable[[str], str | None] | None = None
    explain: Callable[[str], str | None] | None = None
    spelling: Spelling = "free"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a part.

    `type` is a pydantic annotation with a description. `inner` has the hints of the keys below it.
    `unique` is the type of a value that no two agents may share, compared in the form that
    `canonical` returns. `inherits` is the path in the file that the value comes from if the key is
    left out; `adapt` takes an inherited value that does not fit and returns one that does, or None.
    `check` takes a valid value and returns a message and a hint if its keys do not go together.
    `declares` takes a value as the portal shows it and returns what a file can declare to keep it,
    or None.
    """

    type: Any
    hints: Hints = field(default_factory=Hints)
    inner: Mapping[str, Hints] = field(default_factory=dict)
    unique: type | None = None
    canonical: Callable[[Scalar], Scalar] = lambda value: value
    inherits: tuple[str, ...] = ()
    adapt: Callable[[Value], str | None] = lambda _: None
    check: Callable[[Value], tuple[str, str] | None] = lambda _: None
    declares: Callable[[Value], Value] = lambda value: value


def id_key(noun: str, example: int) -> Key:
    """The key for a portal's own id of its `noun` (agent, user)."""
    about = f"The portal's id of the {noun}. It identifies the {noun} uniquely."
    type_ = Annotated[Id, Field(description=about, examples=[example])]
    hints = Hints(null="leave the key out", explain=partial(_explain_id, noun))
    return Key(type_, hints, unique=int)


def _explain_id(noun: str, text: str) -> str | None:
    """Where an id belongs that is not a portal's."""
    if not re.search(r"[^\W\d_]", text):
        return None
    return (
        f"`id` is the portal's own number of the {noun}; your CRM's id belongs in `externalId`: "
        f"write externalId: {advise_line(text)}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What an agent's file declares for one portal.

    `section` is the key that holds the part; "" is the top level. It needs one of the keys in
    `required`, if there are any; `example` is a line with one. `refused` has a message and a hint
    for keys that people may expect and that do not exist, by dotted path. `null` says what to write
    instead of an empty section. An agent is not published on the portal if the key `switch` is
    false.
    """

    portal: str
    keys: Mapping[str, Key] = field(default_factory=dict)
    section: str = ""
    description: str = ""
    required: tuple[str, ...] = ()
    example: str = ""
    refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    null: str = ""
    switch: str = ""
