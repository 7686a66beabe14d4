"""Sets of switches: dataclasses whose fields are options of `reconciler sandbox`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from itertools import product
from typing import Any, ClassVar, Self, get_args, get_type_hints


def switch(default: object, doc: str) -> Any:  # noqa: ANN401 - stands for any field's type
    """A field with its default and the line that documents it, here and in the command's help."""
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Switches:
    """Values that each differ from their default only where someone says so."""

    PREFIX: ClassVar[str] = ""
    """What the command's options for these switches begin with."""

    @classmethod
    def named(cls) -> dict[str, Field[Any]]:
        """Every field by the name of its option, without the dashes in front."""
        return {f"{cls.PREFIX}{each.name}".replace("_", "-"): each for each in fields(cls)}

    @classmethod
    def chosen(cls, options: Mapping[str, object]) -> Self:
        """The switches among the options of a command, as click names them."""
        return cls(
            **{each.name: options[name.replace("-", "_")] for name, each in cls.named().items()}
        )

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        """Every field with the values it can have, if they are listed, in the order of both."""
        hints = get_type_hints(cls)
        return {each.name: get_args(hints[each.name]) for each in fields(cls)}

    def flags(self) -> list[str]:
        """The options of `reconciler sandbox` that give these switches."""
        return [
            part
            for name, each in self.named().items()
            if (value := getattr(self, each.name)) != each.default
            for part in (f"--{name}", str(value))
        ]


@dataclass(frozen=True, slots=True)
class Doubts(Switches):
    """One reading of every doubt that a portal's documents leave.

    A default is the behaviour that the documents say most plainly.
    """

    @classmethod
    def every(cls, *names: str) -> Iterator[Self]:
        """All combinations of the named doubts, lazily; of all of them where none is named.

        All of them together are hundreds of thousands: name the ones that can meet.
        """
        choices = cls.choices()
        chosen = names or tuple(choices)
        for values in product(*(choices[name] for name in chosen)):
            reading: dict[str, Any] = dict(zip(chosen, values, strict=True))
            yield cls(**reading)

    @classmethod
    def each(cls) -> Iterator[Self]:
        """The defaults, then every other reading of every doubt with the rest at its default."""
        yield cls()
        for name in cls.choices():
            yield from (reading for reading in cls.every(name) if reading != cls())

    def __str__(self) -> str:
        """The switches in one line, "defaults" if there are none: a name for a test's case."""
        return " ".join(self.flags()) or "defaults"
