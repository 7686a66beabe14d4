"""What a model found wrong with a document, in the words of the file it stands in.

pydantic names a place by keys, union members and Python types. Here that becomes a `Problem` at the
line of the key or the value, and where the fix can be guessed, the line as it should be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reconciler.documents.syntax import SMART_QUOTES, quoted
from reconciler.documents.yaml import Path, Tree, visible
from reconciler.errors import Problem

_YES = frozenset(("yes", "y", "on", "true", "1", "да", "da"))
_NO = frozenset(("no", "n", "off", "false", "0", "нет", "nu"))


@dataclass(frozen=True, slots=True)
class Words:
    """What a sort of document needs to have its mistakes explained, by dotted path.

    `keys` are the keys each mapping may have ("" is the document), `rules` say what a value has to
    be, `nulls` what to do in place of null, `refused` why a key that people may expect is unknown.
    `advise` gets a dotted path and the text that stands there, and gives the text that was
    probably meant, or None.
    """

    keys: Mapping[str, Sequence[str]]
    rules: Mapping[str, str]
    nulls: Mapping[str, str]
    refused: Mapping[str, tuple[str, str]]
    advise: Callable[[str, str], str | None]


def mistakes(tree: Tree, error: ValidationError, words: Words) -> list[Problem]:
    """One problem for each place of `tree` that `error` is about."""
    found: dict[Path, ErrorDetails] = {}
    for details in error.errors(include_url=False, include_context=False):
        found.setdefault(_path(tree.value, details["loc"]), details)
    # Of a union, the member that was meant is the one that got furthest.
    return [
        _problem(tree, path, details, words)
        for path, details in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found)
    ]


def nearest(key: str, known: Sequence[str]) -> str | None:
    """The known key that `key` may be a slip for: `external_ID` is `externalId`."""
    plain = {name.replace("_", "").lower(): name for name in known}
    near = get_close_matches(key.replace("_", "").replace("-", "").lower(), plain, 1, 0.7)
    return plain[near[0]] if near else None


def _path(value: object, location: Sequence[str | int]) -> Path:
    """pydantic's location without what is no key of the document: the members of unions."""
    path: Path = ()
    for step in location:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            continue
        path += (step,)
    return path


def _problem(tree: Tree, path: Path, details: ErrorDetails, words: Words) -> Problem:
    if details["type"] == "extra_forbidden":
        return tree.problem(path, *_unknown(path, words), key=True)
    return tree.problem(path, *_bad(tree, path, details, words))


def _unknown(path: Path, words: Words) -> tuple[str, str]:
    """Message and hint for a key that its mapping does not have."""
    key, dotted = visible(str(path[-1])), ".".join(map(str, path))
    if dotted in words.refused:
        return words.refused[dotted]
    known = words.keys.get(".".join(map(str, path[:-1])), ())
    message = f"there is no key `{key}`" + (f" in `{path[-2]}`" if len(path) > 1 else "")
    near = nearest(key, known)
    if near:
        return message, f"did you mean `{near}`?"
    for parent, inner in words.keys.items():
        if key in inner:
            return message, f"it belongs {f'under `{parent}`' if parent else 'to the top level'}"
    return message, f"the keys are {', '.join(known)}"


def _bad(tree: Tree, path: Path, details: ErrorDetails, words: Words) -> tuple[str, str]:
    """Message and hint for a value that is not what it has to be."""
    dotted = ".".join(str(step) for step in path if isinstance(step, str))
    key = str(next((step for step in reversed(path) if isinstance(step, str)), ""))
    value, written = details["input"], tree.written(path)
    rule = words.rules.get(dotted, f"`{key}` is not as it has to be")
    if value is None:
        message = f"`{key}` cannot be null" if written else f"`{key}` has no value"
        return message, words.nulls.get(dotted, "leave the key out to leave the value alone")
    if isinstance(value, str):
        guess = next(_guesses(dotted, value, details["type"], words), None)
        return rule, f"write {key}: {guess}" if guess else ""
    if details["type"] == "string_type" and isinstance(value, bool | int | float):
        sort = "true/false" if isinstance(value, bool) else "a number"
        message = f"`{key}` has to be text, and without quotes {written} is {sort}"
        return message, f'write {key}: "{written}"'
    guess = words.advise(dotted, written) if written else None
    return rule, f"write {key}: {guess}" if guess else ""


def _guesses(dotted: str, value: str, kind: str, words: Words) -> Iterator[str]:
    """What the text of a value was probably meant to be, as YAML."""
    bare = value.strip(SMART_QUOTES + " \t\n")
    if kind == "bool_type":
        if bare.lower() in _YES | _NO:
            yield "true" if bare.lower() in _YES else "false"
        return
    if kind == "int_type":
        if bare.isdecimal():
            yield bare
        return
    guess = words.advise(dotted, bare)
    if guess is not None:
        yield guess if guess == "null" or guess.startswith(("{", "[")) else quoted(guess)
