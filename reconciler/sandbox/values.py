"""JSON values: the rules that both portals share, and users loaded from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

LARGEST_ID = 2**53 - 1  # the largest integer that every JSON parser keeps exact


class LoadError(ValueError):
    """Users that cannot be loaded; the message is one line and says where the problem is."""


def is_id(value: object) -> bool:
    """Return whether a JSON value can be an id: a positive integer, and not a boolean."""
    return type(value) is int and 1 <= value <= LARGEST_ID


def encodable(value: str) -> bool:
    """Return whether UTF-8 can encode a text: JSON can escape a lone surrogate, UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def split_https(value: object) -> tuple[str, str] | None:
    """Return the host and path of an https URL, or None for any other value."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:  # brackets without an IPv6 address
        return None
    return (parts.hostname, parts.path) if parts.scheme == "https" and parts.hostname else None


def expect(condition: bool, where: str, problem: str) -> None:
    """Raise a `LoadError` unless the condition holds."""
    if not condition:
        raise LoadError(f"{where} {problem}")


def load_objects(users: Iterable[Any], keys: Collection[str]) -> list[Json]:
    """Return users as objects with these keys only; one without an id gets the next free id.

    Raises LoadError if a user is not an object, has an unknown key or an invalid id.
    """
    objects = [load_object(user, f"user {place}", keys) for place, user in enumerate(users)]
    assign_ids(objects, "id", 1)
    for place, user in enumerate(objects):
        expect(is_id(user["id"]), f"user {place}: id", "must be a positive integer")
    return objects


def load_object(value: object, where: str, keys: Collection[str]) -> Json:
    """Return a copy of an object with these keys only. Raises `LoadError` for any other value."""
    if not isinstance(value, Mapping):
        raise LoadError(f"{where} must be an object")
    unknown = sorted(str(key) for key in value if key not in keys)
    expect(not unknown, where, f"has the unknown key {', '.join(unknown)}")
    return dict(value)


def load_text(value: object, where: str) -> str | None:
    """Return a string or null. Raises `LoadError` for any other value."""
    if value is None or (isinstance(value, str) and encodable(value)):
        return value
    raise LoadError(f"{where} must be a string")


def assign_ids(objects: Collection[Json], key: str, first: int) -> None:
    """Give objects without `key` the ids above the highest one, from `first` on."""
    used = (each[key] + 1 for each in objects if is_id(each.get(key)))
    following = max((first, *used))
    for each in objects:
        if key not in each:
            each[key], following = following, following + 1


def unique(key: str, values: Iterable[int | str | None]) -> None:
    """Raise a `LoadError` if a value other than null appears twice."""
    for value, count in Counter(values).items():
        expect(value is None or count == 1, f"{key} {value!r}", "appears twice")
