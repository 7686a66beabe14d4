"""Sets of switches: dataclasses whose fields are options of `reconciler sandbox`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from itertools import product
from typing import Any, ClassVar, Self, get_args, get_type_hints


def switch(default: object, help_text: str, section: str, departs: Collection[str] = ()) -> Any:  # noqa: ANN401 - any field's type
    """Declare a switch: its default, its help, and the section of the facts page behind it.

    `departs` are the values under which the portal departs from its vendor's schema.
    """
    if departs:
        help_text = f"{help_text}; outside the vendor's schema: {', '.join(departs)}"
    metadata = {"help": help_text, "section": section, "departs": frozenset(departs)}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Switches:
    """Switches of one portal; each keeps its default unless it is set."""

    PREFIX: ClassVar[str] = ""
    """What the names of these options begin with."""
    PAGE: ClassVar[str]
    """The page of the portal's facts, which the help cites."""

    @classmethod
    def named(cls) -> dict[str, Field[Any]]:
        """Return every field by the name of its option, without leading dashes."""
        return {f"{cls.PREFIX}{each.name}".replace("_", "-"): each for each in fields(cls)}

    @classmethod
    def chosen(cls, options: Mapping[str, object]) -> Self:
        """Return the switches among a command's options, which click names with underscores."""
        return cls(
            **{each.name: options[name.replace("-", "_")] for name, each in cls.named().items()}
        )

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        """Return the values of every field, in order; empty for a number."""
        hints = get_type_hints(cls)
        return {each.name: get_args(hints[each.name]) for each in fields(cls)}

    @classmethod
    def help_of(cls, each: Field[Any]) -> str:
        """Return the help of an option: what it does, and where the facts are."""
        return f"{each.metadata['help']} ({cls.PAGE}, {each.metadata['section']})."

    def flags(self) -> list[str]:
        """Return the options of `reconciler sandbox` that set these switches."""
        return [
            part
            for name, each in self.named().items()
            if (value := getattr(self, each.name)) != each.default
            for part in (f"--{name}", str(value))
        ]


@dataclass(frozen=True, slots=True)
class Doubts(Switches):
    """One reading of every doubt that a portal's documentation leaves open.

    A default is the reading that the documentation suggests most strongly.
    """

    @classmethod
    def every(cls, *names: str) -> Iterator[Self]:
        """Yield all combinations of the named doubts; of all doubts if none is named.

        All doubts have hundreds of thousands of combinations: name the ones that interact.
        """
        choices = cls.choices()
        chosen = names or tuple(choices)
        for values in product(*(choices[name] for name in chosen)):
            reading: dict[str, Any] = dict(zip(chosen, values, strict=True))
            yield cls(**reading)

    @classmethod
    def each(cls) -> Iterator[Self]:
        """Yield the defaults, then each other reading of each doubt with the rest at default."""
        yield cls()
        for name in cls.choices():
            yield from (reading for reading in cls.every(name) if reading != cls())

    def departs(self) -> bool:
        """Return whether this reading departs from the vendor's schema."""
        return any(getattr(self, each.name) in each.metadata["departs"] for each in fields(self))

    def __str__(self) -> str:
        """Return the switches on one line, "defaults" without any: a name for a test case."""
        return " ".join(self.flags()) or "defaults"
