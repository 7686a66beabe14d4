"""What values can be, and users to start from: the rules that both portals share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

LARGEST_ID = 2**53 - 1  # the largest whole number that every JSON reader keeps exact


class LoadError(ValueError):
    """Users to start from that are not users; the text is one line and names the place."""


def is_id(value: object) -> bool:
    """Whether a JSON value can be the id of something: a whole number from 1 on, and no boolean."""
    return type(value) is int and 1 <= value <= LARGEST_ID


def encodable(value: str) -> bool:
    """Whether a text can be stored: JSON can spell half a surrogate pair, UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def https(value: object) -> tuple[str, str] | None:
    """Host and path of an https URL, None where the value is none."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:  # brackets that hold no address
        return None
    return (parts.hostname, parts.path) if parts.scheme == "https" and parts.hostname else None


def expect(condition: bool, where: str, problem: str) -> None:
    """Refuse to load where the condition does not hold."""
    if not condition:
        raise LoadError(f"{where} {problem}")


def objects(users: Iterable[Any], keys: Collection[str]) -> list[Json]:
    """The users to start from as objects of these keys; one without an id gets the next free one.

    Raises:
        LoadError: one is no object, or has an unknown key or an id that is none.
    """
    listed = [object_of(user, f"user {place}", keys) for place, user in enumerate(users)]
    give_ids(listed, "id", 1)
    for place, user in enumerate(listed):
        expect(is_id(user["id"]), f"user {place}: id", "must be a whole number from 1 on")
    return listed


def object_of(value: object, where: str, keys: Collection[str]) -> Json:
    """A copy of an object that has no keys but these. Raises a `LoadError` if it is none."""
    if not isinstance(value, Mapping):
        raise LoadError(f"{where} must be an object")
    unknown = sorted(str(key) for key in value if key not in keys)
    expect(not unknown, where, f"has the unknown key {', '.join(unknown)}")
    return dict(value)


def give_ids(listed: Collection[Json], key: str, first: int) -> None:
    """Give the objects that have no `key` the next ids above all others, from `first` on."""
    held = (each[key] + 1 for each in listed if is_id(each.get(key)))
    following = max((first, *held))
    for each in listed:
        if key not in each:
            each[key], following = following, following + 1


def unique(key: str, values: Iterable[int | str | None]) -> None:
    """Refuse to load where a value, null aside, is there twice."""
    for value, times in Counter(values).items():
        expect(value is None or times == 1, f"{key} {value!r}", "is there twice")


def text_of(value: object, where: str) -> str | None:
    """A text or null. Raises a `LoadError` if the value is neither."""
    if value is None or (isinstance(value, str) and encodable(value)):
        return value
    raise LoadError(f"{where} must be text")
