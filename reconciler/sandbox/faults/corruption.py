"""Values of a wrong type in a document."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

_NEVER_NULL = frozenset(
    {
        *("id", "items", "results", "success", "settings", "updated", "created", "linked"),
        *("unlinked", "data", "pagination", "roleId", "accessToken", "expiresIn"),
    }
)
"""Keys that the documentation never shows with a null."""


class Place(NamedTuple):
    """A value in a document: the container that holds it, and its path from the root."""

    container: Any
    path: tuple[Any, ...]


def places(container: Any, path: tuple[Any, ...] = ()) -> Iterator[Place]:  # noqa: ANN401
    """Yield every value whose type is documented, at any depth."""
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        # A null says nothing about the type, and the marker of a next page is not documented.
        if value is not None and key != "next":
            yield Place(container, (*path, key))
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def corrupt(random: Random, candidates: list[Place]) -> None:
    """Replace the value at one of these places by one of another type."""
    container, (*_, key) = random.choice(candidates)
    value = container[key]
    if key in _NEVER_NULL and random.random() < 0.5:
        container[key] = None
    elif isinstance(value, bool):
        container[key] = str(value).lower()
    elif isinstance(value, str):
        container[key] = 7
    elif isinstance(value, int | float):
        container[key] = str(value)
    elif isinstance(value, list):
        container[key] = {str(place): each for place, each in enumerate(value)}
    else:
        container[key] = [value]
