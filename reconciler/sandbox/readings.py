"""What the documents leave open, as switches: one field a doubt (`apis/rentix.md`, "Doubts").

A default is the behaviour that the documents say most plainly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator


def _switch(default: object, doc: str) -> Any:  # noqa: ANN401 - stands for any field's type
    """A field with its default and the line that documents it, here and in the command's help."""
    return field(default=default, metadata={"doc": doc})


def _flags(switches: Readings | Limits) -> list[str]:
    """The switches that differ from their default, as the command line has them."""
    return [
        part
        for each in fields(switches)
        if (value := getattr(switches, each.name)) != each.default
        for part in (f"--{each.name.replace('_', '-')}", str(value))
    ]


@dataclass(frozen=True, slots=True)
class Readings:
    """One reading of every doubt in `apis/rentix.md`; `str()` gives the command line's switches."""

    creation: Literal["invite", "upsert"] = _switch(
        "invite", "Doubt 1: agents are invited only, or a PUT with a new externalId creates one."
    )
    phone_on_existing: Literal["ignored", "refused"] = _switch(
        "ignored", "Doubt 2: what a phone sent for an agent that exists does."
    )
    description: Literal["as-put", "string", "object"] = _switch(
        "as-put", "Doubt 3: what a description reads back as."
    )
    description_language: Literal["ru", "en", "ro"] = _switch(
        "ru",
        "Doubt 3: the language shown by --description string; if empty, the first that is not.",
    )
    description_partial: Literal["merge", "replace"] = _switch(
        "merge", "Doubt 3: whether languages left out of an object are kept or emptied."
    )
    description_empty: Literal["null", "omitted", "blank"] = _switch(
        "null", "Doubt 3: how an object shows a language without text."
    )
    avatar_import: Literal["at-once", "late", "never"] = _switch(
        "at-once", "Doubt 4: when a picture from a URL is shown; never is a silent failure."
    )
    avatar_ids: Literal["any", "known"] = _switch(
        "any", "Doubt 4: whether any picture id is taken, or only one loaded or imported here."
    )
    settings_partial: Literal["merge", "replace"] = _switch(
        "merge", "Doubt 5: whether channels left out are kept or go back to on."
    )
    social_null: Literal["clears", "ignored"] = _switch(
        "clears", "Doubt 6: what null does to instagram, youtube and tiktok."
    )
    strings: Literal["kept", "trimmed", "normalised"] = _switch(
        "kept", "Doubt 7: what becomes of names and texts; normalised is trimmed, NFC, one blank."
    )
    bulk_by_id: Literal["accepted", "refused"] = _switch(
        "accepted", "Doubt 8: whether an operation of a bulk may name its agent by id."
    )
    bulk_refusal: Literal["413", "400"] = _switch(
        "413", "Limits: the status for more operations than --bulk-limit."
    )
    listing: Literal["whole", "next", "total"] = _switch(
        "whole", "Endpoints: the list in one answer, or in pages marked by next or by total only."
    )
    conflict_status: Literal["409", "400"] = _switch(
        "409", "Errors: the status, which is not stated, where an external id is already linked."
    )
    retry: Literal["retry-after", "reset-only"] = _switch(
        "retry-after", "Limits: whether a 429 carries Retry-After or X-RateLimit-Reset alone."
    )

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        """Every field with the readings it can have, in the order of their declaration."""
        hints = get_type_hints(cls)
        return {each.name: get_args(hints[each.name]) for each in fields(cls)}

    @classmethod
    def every(cls, *names: str) -> Iterator[Readings]:
        """All combinations of the named doubts, lazily; of all of them where none is named.

        All of them together are hundreds of thousands: name the ones that can meet.
        """
        choices = cls.choices()
        chosen = names or tuple(choices)
        for values in product(*(choices[name] for name in chosen)):
            reading: dict[str, Any] = dict(zip(chosen, values, strict=True))
            yield cls(**reading)

    @classmethod
    def each(cls) -> Iterator[Readings]:
        """The defaults, then every other reading of every doubt with the rest at its default."""
        yield cls()
        for name in cls.choices():
            yield from (reading for reading in cls.every(name) if reading != cls())

    def flags(self) -> list[str]:
        """The switches of `reconciler sandbox` that give these readings."""
        return _flags(self)

    def __str__(self) -> str:
        """The switches in one line, "defaults" if there are none: a name for a test's case."""
        return " ".join(self.flags()) or "defaults"


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of `apis/rentix.md`, "Limits", and those that some readings need."""

    rate_limit: int = _switch(300, "Requests a window, all endpoints.")
    bulk_rate_limit: int = _switch(30, "Requests a window, bulk endpoints; they count as both.")
    rate_window: float = _switch(60.0, "Length of a window in seconds, from its first request.")
    body_limit: int = _switch(512 * 1024, "Bytes of a body, past it 413.")
    bulk_limit: int = _switch(100, "Operations in one bulk request.")
    page_size: int = _switch(50, "Agents a page, with --listing next or total.")
    import_reads: int = _switch(
        1, "List reads that still show the former picture, with --avatar-import late."
    )

    def flags(self) -> list[str]:
        """The switches of `reconciler sandbox` that give these limits."""
        return _flags(self)
